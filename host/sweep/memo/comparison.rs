//! The comparison of a sweep with the one before it.
//!
//! Never matches cells by their index: the values of all parameters swept then or now name a cell.

use std::collections::{HashMap, HashSet};

use super::cells::cells;
use crate::{
    metrics::{Direction, Metrics},
    model::{Canonical, Description, Digest, Params},
    results::{Difference, Ranked, Standing},
    sweep::{Goal, grid::Plan},
    task::ParallelResult,
};

/// How many gains and losses are shown.
const SHOWN: usize = 5;

/// The best cell of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best {
    pub(crate) task_id: String,
    pub(crate) params: Params,
    pub(crate) value: f64,
}

impl Best {
    /// The cell that `ranked` is the result of.
    pub(crate) fn of(ranked: &Ranked<ParallelResult<Metrics>>) -> Self {
        let ParallelResult { task_id, params, .. } = &ranked.row;
        Self { task_id: task_id.clone(), params: params.clone(), value: ranked.value }
    }
}

/// A complete sweep, to compare the next one with.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) plan: Plan,
    pub(crate) description: Description,
    /// The symbols, if each cell ran on one symbol.
    pub(crate) symbols: Option<Vec<String>>,
    pub(crate) objective: &'static str,
    pub(crate) better: Direction,
    /// How each cell stood by the objective, in the order of the sweep.
    pub(crate) standings: Vec<Standing>,
    pub(crate) best: Option<Best>,
}

/// Compares each cell with the same cell of the sweep before.
pub(crate) struct Comparison<'a> {
    then: &'a Shown,
    places: Places,
    difference: Difference,
}

/// Where the cells of then are.
enum Places {
    /// The cells are the same, in the same order; this one is next.
    Alike(usize),
    /// Those that were not met yet, by their names: the values of all parameters that are swept, then or now.
    Named { axes: Vec<String>, places: HashMap<Digest, usize> },
}

impl<'a> Comparison<'a> {
    /// Starts the comparison of a sweep of `plan` for `goal`, on each of `symbols` where they run alone, with `then`; `None` if
    /// the objective differs.
    pub(crate) fn new(
        then: &'a Shown,
        (plan, symbols): (&Plan, Option<&[String]>),
        now: &Description,
        goal: &Goal,
    ) -> Option<Self> {
        if (then.objective, then.better) != (goal.objective().name, goal.better()) {
            return None;
        }
        let is_alike = then.symbols.as_deref() == symbols && then.plan.digest() == plan.digest();
        let places = if is_alike { Places::Alike(0) } else { Places::named(then, plan, now) };
        Some(Self { then, places, difference: Difference::new(goal.better(), SHOWN) })
    }

    /// Compares the next cell, whose standing is now `standing`.
    pub(crate) fn add(&mut self, result: &ParallelResult<Metrics>, standing: Standing) {
        let place = match &mut self.places {
            Places::Alike(next) => {
                *next += 1;
                Some(*next - 1)
            }
            Places::Named { axes, places } => {
                let name = named(axes, result.symbol.as_deref(), &result.params, &self.then.description);
                places.remove(&name)
            }
        };
        let then = place.and_then(|place| self.then.standings.get(place)).copied();
        self.difference.add(result, then, standing);
    }

    /// The differences, once all cells are compared, and the best cell of then.
    pub(crate) fn finish(mut self) -> (Difference, Option<&'a Best>) {
        let gone = match &self.places {
            Places::Alike(next) => self.then.standings.len().saturating_sub(*next),
            Places::Named { places, .. } => places.len(),
        };
        self.difference.gone(gone as u64);
        (self.difference, self.then.best.as_ref())
    }
}

impl Places {
    fn named(then: &Shown, plan: &Plan, now: &Description) -> Self {
        let axes: HashSet<_> = then.plan.axes().chain(plan.axes()).map(str::to_owned).collect();
        let mut axes: Vec<_> = axes.into_iter().collect();
        axes.sort();
        let name = |(symbol, params): (Option<usize>, Params)| {
            let symbol = symbol.and_then(|at| then.symbols.as_ref()?.get(at));
            named(&axes, symbol.map(String::as_str), &params, now)
        };
        let places = cells(&then.plan, then.symbols.as_ref().map(Vec::len)).map(name).zip(0..).collect();
        Self::Named { axes, places }
    }
}

/// The name of a cell, then and now. A parameter that one of the two builds lacks takes the default of the `other` build,
/// since the build without it behaves like that.
pub(super) fn named(axes: &[String], symbol: Option<&str>, params: &Params, other: &Description) -> Digest {
    let symbol = symbol.iter().fold(Canonical::default(), |name, symbol| name.text("symbol", symbol));
    let name = axes.iter().fold(symbol, |name, axis| {
        let default = || other.parameters.iter().find(|spec| spec.name == *axis).map(|spec| &spec.default);
        params.get(axis).or_else(default).into_iter().fold(name, |name, value| name.value(axis, value))
    });
    Digest::of(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Encoding, ParamSpec},
        results::Counts,
        sweep::grid::Grid,
    };

    fn plugin(parameters: &[(&str, i64)]) -> Description {
        let spec = |(name, default): &(&str, i64)| ParamSpec {
            name: (*name).to_owned(),
            doc: String::new(),
            default: (*default).into(),
            minimum: None,
            maximum: None,
            choices: Vec::new(),
        };
        Description {
            name: "p".to_owned(),
            version: String::new(),
            summary: String::new(),
            parameters: parameters.iter().map(spec).collect(),
            output: Encoding::Json,
        }
    }

    fn counts(then: (&Description, &Grid), now: (&Description, &Grid)) -> Counts {
        let metrics = |sharpe| Metrics { sharpe: Some(sharpe), ..Metrics::default() };
        let plan = then.1.bind(then.0).unwrap();
        let shown = Shown {
            standings: plan.cursor().map(|_| Standing::Value(1.0)).collect(),
            plan,
            description: then.0.clone(),
            symbols: None,
            objective: "sharpe",
            better: Direction::Higher,
            best: None,
        };
        let (plan, goal) = (now.1.bind(now.0).unwrap(), Goal::new(None, None, now.1, now.0).unwrap());
        let mut comparison = Comparison::new(&shown, (&plan, None), now.0, &goal).unwrap();
        for (index, params) in plan.cursor() {
            let result = ParallelResult { params, ..ParallelResult::new(index, Ok(metrics(1.0))) };
            comparison.add(&result, Standing::Value(1.0));
        }
        comparison.finish().0.counts()
    }

    #[test]
    fn cells_are_matched_by_what_is_swept_then_or_now() {
        let (one, two) = (plugin(&[("a", 1)]), plugin(&[("b", 9), ("a", 7)]));
        let (a, ab) = (Grid::new().axis("a", [1, 2, 3]), Grid::new().axis("b", [8, 9]).axis("a", [2, 3, 4]));
        let equal = |equal, new, gone| Counts { equal, new, gone, ..Counts::default() };
        assert_eq!(counts((&one, &a), (&one, &a)), equal(3, 0, 0));
        // Another default of what is not swept, and one parameter more, leave cells what they are.
        assert_eq!(counts((&one, &a), (&two, &a)), equal(3, 0, 0));
        assert_eq!(counts((&two, &a), (&one, &a)), equal(3, 0, 0));
        // Cells at the default of a new axis were there before, whichever build has it.
        assert_eq!(counts((&two, &a), (&two, &ab)), equal(2, 4, 1));
        assert_eq!(counts((&one, &a), (&two, &ab)), equal(2, 4, 1));
        assert_eq!(counts((&two, &ab), (&one, &a)), equal(2, 1, 4));
    }

    #[test]
    fn cells_in_the_same_order_are_those_of_the_same_names() {
        let (plugin, grid) = (plugin(&[("a", 1), ("b", 2)]), Grid::new().axis("a", 0..9).axis("b", 0..7));
        let (plan, goal) = (grid.bind(&plugin).unwrap(), Goal::new(None, None, &grid, &plugin).unwrap());
        for symbols in [None, Some(["x", "y"].map(str::to_owned).to_vec())] {
            let of = symbols.as_deref();
            let cells: Vec<_> = cells(&plan, of.map(<[_]>::len)).collect();
            let shown = Shown {
                standings: (0..cells.len()).map(|at| Standing::Value(at as f64)).collect(),
                plan: plan.clone(),
                description: plugin.clone(),
                symbols: symbols.clone(),
                objective: "sharpe",
                better: Direction::Higher,
                best: None,
            };
            let alike = || Comparison::new(&shown, (&plan, of), &plugin, &goal).unwrap();
            assert!(matches!(alike().places, Places::Alike(0)));
            let named = Comparison { places: Places::named(&shown, &plan, &plugin), ..alike() };
            let is_better = |at: usize| at % 10 == 3;
            for mut comparison in [alike(), named] {
                for (at, (symbol, params)) in cells.iter().enumerate() {
                    let symbol = symbol.and_then(|place| of?.get(place).cloned());
                    let result = ParallelResult::new(0, Ok(Metrics::default()));
                    let now = at as f64 + if is_better(at) { 1.0 } else { 0.0 };
                    comparison.add(&ParallelResult { params: params.clone(), symbol, ..result }, Standing::Value(now));
                }
                let better = (0..cells.len()).filter(|at| is_better(*at)).count() as u64;
                let expected = Counts { better, equal: cells.len() as u64 - better, ..Counts::default() };
                assert_eq!(comparison.finish().0.counts(), expected);
            }
        }
    }
}
