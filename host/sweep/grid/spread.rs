//! Combinations spread evenly over a plan: the same each time, whatever excludes others.
//!
//! Never walks over a plan: each is looked for in its own stretch of places.

use super::{plan::Plan, sample::mix, shard::Split};

/// Places of a stretch that are tried before the first that will run is taken.
const TRIES: u64 = 16;

/// Looks for the first that will run, of which conditions may exclude nearly all.
const LOOKS: u32 = 1_000;

/// The combinations of a plan, or of one shard of it, to choose from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread<'a> {
    plan: &'a Plan,
    split: Option<Split>,
}

impl<'a> Spread<'a> {
    /// Those of `plan` that are in `split`.
    pub(crate) fn new(plan: &'a Plan, split: Option<Split>) -> Self {
        Self { plan, split }
    }

    /// About `count` combinations, one from each of as many stretches of places. Where few stretches have one, the first
    /// combinations of the plan are among them, too. In ascending order.
    pub(crate) fn combinations(&self, count: u64) -> Vec<u64> {
        let mut found: Vec<_> = self.stretches(count).filter_map(|(from, to)| self.one_of(from, to)).collect();
        found.sort_unstable();
        found.dedup();
        if (found.len() as u64) < count / 2 {
            found.extend(self.from(0, count / 2));
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// About `count` combinations, in `runs` runs that follow each other. In ascending order.
    pub(crate) fn runs(&self, runs: u64, count: u64) -> Vec<u64> {
        let mut found = Vec::new();
        for (from, to) in self.stretches(runs) {
            found.extend(self.from(from + (to - from) / 2, count.div_ceil(runs)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The next `count` combinations from `place` on, as far as they are found soon.
    fn from(&self, place: u64, count: u64) -> impl Iterator<Item = u64> + use<'a> {
        let Self { plan, split } = *self;
        let mut next = place;
        (0..count).map_while(move |_| {
            let (place, combination) = plan.near(next, split, LOOKS)?;
            next = place + 1;
            Some(combination)
        })
    }

    /// The share of the places that have a combination which will run, by looking at `count` of them.
    pub(crate) fn share(&self, count: u64) -> f64 {
        if self.plan.is_full() {
            return 1.0;
        }
        let (mut looked_at, mut run) = (0_u64, 0_u64);
        for (from, to) in self.stretches(count) {
            if let Some(place) = self.place(from, to, 1) {
                looked_at += 1;
                run += u64::from(self.plan.at(place).is_some());
            }
        }
        run as f64 / looked_at.max(1) as f64
    }

    /// Stretches of all places: `count`, or as many as there are places.
    fn stretches(&self, count: u64) -> impl Iterator<Item = (u64, u64)> + use<> {
        let places = self.plan.places();
        let count = count.min(places);
        let bound = move |number: u64| (u128::from(places) * u128::from(number) / u128::from(count.max(1))) as u64;
        (0..count).map(move |number| (bound(number), bound(number + 1)))
    }

    /// A combination of the stretch: in its middle, or where chance leads, or the first from its beginning on.
    fn one_of(&self, from: u64, to: u64) -> Option<u64> {
        let tried = (0..TRIES).find_map(|turn| self.plan.at(self.place(from, to, turn)?));
        tried.or_else(|| self.plan.near(from, self.split, LOOKS).map(|(_, combination)| combination))
    }

    /// A place of the stretch that the shard has: that in its middle, then others.
    fn place(&self, from: u64, to: u64, turn: u64) -> Option<u64> {
        let length = to - from;
        let offset = if turn == 0 { length / 2 } else { mix(from ^ turn) % length.max(1) };
        let place = from + offset;
        let place = self.split.map_or(Some(place), |split| split.next_from(place))?;
        (place < to).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Description, Encoding, ParamSpec, Value},
        sweep::grid::{Grid, Shard},
    };

    fn plan(constraint: &str, sample: Option<u64>) -> Plan {
        let window = |name: &str| ParamSpec {
            name: name.to_owned(),
            doc: String::new(),
            default: Value::Integer(20),
            minimum: None,
            maximum: None,
            choices: vec![],
        };
        let plugin = Description {
            name: "cross".to_owned(),
            version: "1.0.0".to_owned(),
            summary: String::new(),
            parameters: vec![window("fast"), window("slow")],
            output: Encoding::Json,
        };
        let mut grid = Grid::new().axis("fast", 0..1000_i64).axis("slow", 0..1000_i64);
        if !constraint.is_empty() {
            grid = grid.constraint(constraint).unwrap();
        }
        if let Some(sample) = sample {
            grid.set_sample(sample);
        }
        grid.bind(&plugin).unwrap()
    }

    #[test]
    fn combinations_are_spread_and_will_run() {
        let all = plan("", None);
        assert_eq!(Spread::new(&all, None).combinations(4), [125_000, 375_000, 625_000, 875_000]);
        assert_eq!(Spread::new(&all, None).runs(2, 6), [250_000, 250_001, 250_002, 750_000, 750_001, 750_002]);
        for (constraint, sample) in [("fast < slow", None), ("fast + slow < 3", None), ("fast < slow", Some(77))] {
            let plan = plan(constraint, sample);
            let run: Vec<_> = plan.indices().collect();
            for shard in [None, Some(Shard::new(2, 3).unwrap())] {
                let split = shard.map(|shard| Split::new(shard, plan.places()));
                let mine: Vec<_> = split.map_or(run.clone(), |split| plan.indices().within(split).collect());
                let spread = Spread::new(&plan, split);
                for found in [spread.combinations(100), spread.runs(4, 100)] {
                    assert!(found.iter().all(|index| mine.contains(index)), "{constraint}");
                    assert!(found.is_sorted() && found.len() <= 100);
                }
                assert!(spread.combinations(100).len() >= mine.len().min(60), "{constraint}");
            }
        }
    }

    #[test]
    fn the_share_of_a_condition_is_estimated() {
        let half = Spread::new(&plan("fast < slow", None), None).share(10_000);
        assert!((0.48..0.52).contains(&half), "{half}");
        assert_eq!(Spread::new(&plan("", None), None).share(10), 1.0);
        assert!(Spread::new(&plan("fast + slow < 3", None), None).share(1000) < 0.01);
    }

    #[test]
    fn a_plan_of_some_has_these_only() {
        let plan = plan("fast < slow", None);
        let some = plan.only(vec![5, 999, 500_999]);
        assert_eq!(some.indices().collect::<Vec<_>>(), [5, 999, 500_999]);
        assert_eq!(some.count().exact(), Some(3));
    }
}
