//! Pareto fronts: dominance, non-dominated sorting, crowding distance.
//!
//! Never weighs one objective against another.

use std::cmp::Ordering;

use super::history::Outcome;

/// Returns the places in `points` of those that no other dominates: by the first objective from the highest down, then by the
/// next ones, then by number.
///
/// A point is a cell's number and its values, higher being better. Equal points do not dominate each other. Points with a value
/// that is not a number are left out.
#[must_use]
pub fn front(points: &[(u64, Vec<f64>)]) -> Vec<usize> {
    let is_defined = |place: &usize| !points[*place].1.iter().any(|value| value.is_nan());
    let mut order: Vec<usize> = (0..points.len()).filter(is_defined).collect();
    order.sort_by(|a, b| descending(&points[*a].1, &points[*b].1).then_with(|| points[*a].0.cmp(&points[*b].0)));
    let mut front: Vec<usize> = Vec::new();
    // Whoever dominates a point comes before it in this order, and is on the front or dominated by one that is.
    for place in order {
        if !front.iter().any(|better| dominates(&points[*better].1, &points[place].1)) {
            front.push(place);
        }
    }
    front
}

/// The standing of an outcome in a population.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standing {
    /// The front it is on: 0 for those that no other dominates.
    rank: usize,
    /// How far its neighbours on the front are, in ranges of the objectives; infinite at the ends of a front.
    crowding: f64,
}

impl Standing {
    /// Deb's crowded comparison: the better one is less; of two on a front the less crowded one.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| other.crowding.total_cmp(&self.crowding))
    }
}

/// The standing of each outcome. Source: Deb, Pratap, Agarwal and Meyarivan 2002, "A fast and elitist multiobjective genetic
/// algorithm: NSGA-II", IEEE Transactions on Evolutionary Computation 6(2).
pub(super) fn standings(outcomes: &[&Outcome]) -> Vec<Standing> {
    let mut standings = vec![Standing { rank: 0, crowding: 0.0 }; outcomes.len()];
    for (rank, members) in fronts(outcomes).iter().enumerate() {
        for (member, crowding) in members.iter().zip(crowding(members, outcomes)) {
            standings[*member] = Standing { rank, crowding };
        }
    }
    standings
}

/// The fast non-dominated sort: places of the outcomes of each front, ascending.
fn fronts(outcomes: &[&Outcome]) -> Vec<Vec<usize>> {
    let beats = |a: usize, b: usize| outcome_dominates(outcomes[a], outcomes[b]);
    let all = 0..outcomes.len();
    let beaten: Vec<Vec<usize>> = all.clone().map(|a| all.clone().filter(|b| beats(a, *b)).collect()).collect();
    let mut beaten_by = vec![0_usize; outcomes.len()];
    beaten.iter().flatten().for_each(|place| beaten_by[*place] += 1);
    let mut fronts = Vec::new();
    let mut front: Vec<usize> = all.filter(|place| beaten_by[*place] == 0).collect();
    while !front.is_empty() {
        let mut next = Vec::new();
        for place in front.iter().flat_map(|member| &beaten[*member]) {
            beaten_by[*place] -= 1;
            if beaten_by[*place] == 0 {
                next.push(*place);
            }
        }
        next.sort_unstable();
        fronts.push(std::mem::replace(&mut front, next));
    }
    fronts
}

/// The crowding distance of each member of a front; 0 for failures.
fn crowding(members: &[usize], outcomes: &[&Outcome]) -> Vec<f64> {
    let values: Vec<&[f64]> = members.iter().filter_map(|member| outcomes[*member].as_deref()).collect();
    let mut distances = vec![0.0; members.len()];
    // A front of failures has no values at all: every success dominates a failure.
    let objectives = values.first().map_or(0, |values| values.len());
    for objective in 0..objectives {
        let column: Vec<f64> = values.iter().map(|values| values[objective]).collect();
        add_gaps(&column, &mut distances);
    }
    distances
}

/// Adds to each member's distance the gap between its neighbours in one objective, as a part of the finite range.
fn add_gaps(column: &[f64], distances: &mut [f64]) {
    let mut order: Vec<usize> = (0..column.len()).collect();
    order.sort_by(|a, b| column[*a].total_cmp(&column[*b]));
    let finite = || column.iter().copied().filter(|value| value.is_finite());
    let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    // Halves, since the range of finite numbers may be infinite.
    let range = high / 2.0 - low / 2.0;
    if let [first, .., last] = order[..] {
        distances[first] = f64::INFINITY;
        distances[last] = f64::INFINITY;
    }
    if range > 0.0 {
        let half = |place: usize| column[place].clamp(low, high) / 2.0;
        order.windows(3).for_each(|near| distances[near[1]] += (half(near[2]) - half(near[0])) / range);
    }
}

fn outcome_dominates(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => dominates(a, b),
        (a, b) => a.is_some() && b.is_none(),
    }
}

/// Whether `a` is at least as good in every objective, and better in one.
fn dominates(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| a >= b) && a.iter().zip(b).any(|(a, b)| a > b)
}

/// The order of values from the highest down, the first objective first.
fn descending(a: &[f64], b: &[f64]) -> Ordering {
    b.partial_cmp(a).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points() -> impl Strategy<Value = Vec<(u64, Vec<f64>)>> {
        let value = prop_oneof![(0..5_i32).prop_map(f64::from), Just(f64::INFINITY), Just(f64::NEG_INFINITY)];
        prop::collection::vec(prop::collection::vec(value, 3), 0..40).prop_map(|values| (0..).zip(values).collect())
    }

    proptest! {
        #[test]
        fn the_front_is_that_of_the_definition(points in points()) {
            let mut found = front(&points);
            found.sort_unstable();
            let free = |at: &usize| !points.iter().any(|(_, other)| dominates(other, &points[*at].1));
            prop_assert_eq!(found, (0..points.len()).filter(free).collect::<Vec<_>>());
        }

        #[test]
        fn the_first_of_the_sorted_fronts_is_the_front(points in points()) {
            let outcomes: Vec<Outcome> = points.iter().map(|(_, values)| Some(values.clone())).collect();
            let mut expected = front(&points);
            expected.sort_unstable();
            let fronts = fronts(&outcomes.iter().collect::<Vec<_>>());
            prop_assert_eq!(fronts.first().cloned().unwrap_or_default(), expected);
            prop_assert_eq!(fronts.iter().map(Vec::len).sum::<usize>(), points.len());
        }

        #[test]
        fn crowding_is_a_number(points in points()) {
            let outcomes: Vec<Outcome> = points.iter().map(|(_, values)| Some(values.clone())).collect();
            let standings = standings(&outcomes.iter().collect::<Vec<_>>());
            prop_assert!(standings.iter().all(|standing| standing.crowding >= 0.0));
        }
    }

    #[test]
    fn failures_are_the_last_front() {
        let outcomes = [None, Some(vec![f64::NEG_INFINITY, 0.0]), None];
        assert_eq!(fronts(&outcomes.iter().collect::<Vec<_>>()), [vec![1], vec![0, 2]]);
    }

    #[test]
    fn the_order_of_a_front_is_fixed() {
        let points = [(7, vec![1.0, 2.0]), (3, vec![2.0, 1.0]), (2, vec![2.0, 1.0]), (5, vec![0.0, f64::NAN])];
        assert_eq!(front(&points), [2, 1, 0]);
    }
}
