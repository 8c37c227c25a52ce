//! The ranking: the best few of a stream of rows.
//!
//! Never keeps more rows than it was asked for, and never depends on the order in which they come.

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{self, AtomicU64},
    },
};

use crate::metrics::Direction;

/// A row in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked<T> {
    /// The value of the objective, in its own unit.
    pub value: f64,
    /// The row's place in its run, counted from 0.
    pub index: u64,
    /// What the caller keeps of the row.
    pub row: T,
}

/// Keeps the best rows of a stream by one value.
///
/// Of equal values, the one with the lower index is better. Each index is offered once.
///
/// Parts of a stream can be ranked apart, by rankings that [`part`](Self::part) makes, and [merged](Self::merge): the ranking
/// is the same, however the stream was divided.
///
/// # Examples
///
/// ```
/// use host::{metrics::Direction, results::Ranking};
///
/// let mut ranking = Ranking::new(2, Direction::Higher);
/// for (index, sharpe) in [Some(0.5), None, Some(1.5), Some(1.0)].into_iter().enumerate() {
///     ranking.offer(sharpe, index as u64, || format!("task {index}"));
/// }
/// let best: Vec<_> = ranking.into_sorted().into_iter().map(|ranked| ranked.row).collect();
/// assert_eq!(best, ["task 2", "task 3"]);
/// ```
#[derive(Debug)]
pub struct Ranking<T> {
    size: usize,
    better: Direction,
    /// The worst kept row is on top.
    kept: BinaryHeap<Entry<T>>,
    /// Shared with the rankings of other parts: as many rows as are kept are known to have this score or a better one.
    threshold: Arc<Threshold>,
}

/// A score that rows must reach, which only becomes better. Its order is that of [`f64::total_cmp`].
#[derive(Debug)]
struct Threshold(AtomicU64);

impl Threshold {
    fn none() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(u64::MAX)))
    }

    fn bits(score: f64) -> u64 {
        let bits = score.to_bits();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    }

    fn lower(&self, score: f64) {
        let bits = Self::bits(score);
        if bits < self.0.load(atomic::Ordering::Relaxed) {
            self.0.fetch_min(bits, atomic::Ordering::Relaxed);
        }
    }

    fn is_reached(&self, score: f64) -> bool {
        Self::bits(score) <= self.0.load(atomic::Ordering::Relaxed)
    }
}

impl<T: Clone> Clone for Ranking<T> {
    /// The clone ranks a stream of its own from here on.
    fn clone(&self) -> Self {
        let ranking = Self { kept: self.kept.clone(), ..Self::new(self.size, self.better) };
        ranking.tell();
        ranking
    }
}

impl<T> Ranking<T> {
    /// Makes a ranking of the best `size` rows.
    pub fn new(size: usize, better: Direction) -> Self {
        Self { size, better, kept: BinaryHeap::new(), threshold: Threshold::none() }
    }

    /// An empty ranking for a part of the stream, to be [merged](Self::merge). It leaves out rows of which the others know that
    /// they are not among the best.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { threshold: Arc::clone(&self.threshold), ..Self::new(self.size, self.better) }
    }

    /// Adds the rows that a [part](Self::part) has kept.
    pub fn merge(&mut self, part: Self) {
        for entry in part.kept {
            self.add(entry.place, || entry.ranked);
        }
    }

    /// Offers a row and returns whether it is among the best so far; `row` is only called then.
    ///
    /// A row without a value, or whose value is NaN, is never ranked.
    pub fn offer(&mut self, value: Option<f64>, index: u64, row: impl FnOnce() -> T) -> bool {
        let Some(value) = value.filter(|value| !value.is_nan()) else {
            return false;
        };
        self.add(Rank { score: self.score(value), index }, || Ranked { value, index, row: row() })
    }

    fn add(&mut self, place: Rank, row: impl FnOnce() -> Ranked<T>) -> bool {
        if !self.threshold.is_reached(place.score) {
            return false;
        }
        if self.kept.len() == self.size {
            if self.kept.peek().is_none_or(|worst| place >= worst.place) {
                return false;
            }
            self.kept.pop();
        }
        self.kept.push(Entry { place, ranked: row() });
        self.tell();
        true
    }

    /// Tells the rankings of other parts how good the rows are here, if there are enough of them.
    fn tell(&self) {
        if let Some(worst) = self.kept.peek().filter(|_| self.kept.len() == self.size) {
            self.threshold.lower(worst.place.score);
        }
    }

    /// Returns true if this ranking puts a row with the first value and index before one with the second.
    pub fn is_before(&self, one: (f64, u64), other: (f64, u64)) -> bool {
        let place = |(value, index): (f64, u64)| Rank { score: self.score(value), index };
        place(one) < place(other)
    }

    /// The best row so far.
    pub fn best(&self) -> Option<&Ranked<T>> {
        self.kept.iter().min().map(|entry| &entry.ranked)
    }

    /// Returns the rows kept, the best first.
    pub fn into_sorted(self) -> Vec<Ranked<T>> {
        self.kept.into_sorted_vec().into_iter().map(|entry| entry.ranked).collect()
    }

    /// The value as one of which less is better. Adding zero makes -0 equal to 0, and with it their order.
    fn score(&self, value: f64) -> f64 {
        match self.better {
            Direction::Higher => -value + 0.0,
            Direction::Lower => value + 0.0,
        }
    }
}

/// Orders rows, the best first.
#[derive(Debug, Clone, Copy)]
struct Rank {
    score: f64,
    index: u64,
}

impl Ord for Rank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(self.index.cmp(&other.index))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rank {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Rank {}

/// A row that is compared by its place alone.
#[derive(Debug, Clone)]
struct Entry<T> {
    place: Rank,
    ranked: Ranked<T>,
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place.cmp(&other.place)
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(better: Direction, size: usize, values: &[Option<f64>], expected: &[u64]) {
        let offered: Vec<_> = (0u64..).zip(values.iter().copied()).collect();
        for order in [offered.clone(), offered.into_iter().rev().collect()] {
            let mut ranking = Ranking::new(size, better);
            for (index, value) in order {
                ranking.offer(value, index, || index);
            }
            assert_eq!(ranking.best().map(|ranked| ranked.index), expected.first().copied());
            let indices: Vec<_> = ranking.into_sorted().into_iter().map(|ranked| ranked.row).collect();
            assert_eq!(indices, expected);
        }
    }

    #[test]
    fn the_best_come_first_in_both_directions() {
        let values = [Some(1.0), Some(3.0), Some(-2.0), Some(2.0)];
        check(Direction::Higher, 3, &values, &[1, 3, 0]);
        check(Direction::Lower, 3, &values, &[2, 0, 3]);
        check(Direction::Lower, 9, &values, &[2, 0, 3, 1]);
        check(Direction::Lower, 0, &values, &[]);
    }

    #[test]
    fn ties_go_to_the_lower_index() {
        check(Direction::Higher, 2, &[Some(1.0), Some(1.0), Some(1.0)], &[0, 1]);
        check(Direction::Higher, 2, &[Some(-0.0), Some(0.0), Some(-0.0)], &[0, 1]);
        check(Direction::Lower, 2, &[Some(-0.0), Some(0.0), Some(-0.0)], &[0, 1]);
    }

    #[test]
    fn what_is_undefined_is_never_ranked() {
        check(Direction::Higher, 5, &[None, Some(f64::NAN), Some(f64::NEG_INFINITY), Some(f64::INFINITY)], &[3, 2]);
    }

    #[test]
    fn only_a_row_that_is_kept_is_made() {
        let mut ranking = Ranking::new(1, Direction::Higher);
        assert!(ranking.offer(Some(2.0), 0, || ()));
        assert!(!ranking.offer(Some(1.0), 1, || unreachable!("it is not kept")));
        assert!(!ranking.offer(None, 2, || unreachable!("it is not kept")));
    }

    proptest! {
        #[test]
        fn a_ranking_is_the_head_of_the_sorted_whole(
            (values, order) in prop::collection::vec(prop::option::of(-3i8..3), 0..40)
                .prop_flat_map(|values| {
                    let order: Vec<usize> = (0..values.len()).collect();
                    (Just(values), Just(order).prop_shuffle())
                }),
            size in 0usize..12,
        ) {
            let mut ranking = Ranking::new(size, Direction::Higher);
            for &index in &order {
                ranking.offer(values[index].map(f64::from), index as u64, || ());
            }
            let found: Vec<_> = ranking.clone().into_sorted().into_iter().map(|ranked| ranked.index as usize).collect();
            let whole: Vec<_> = ranking.clone().into_sorted();
            let mut parts: Vec<_> = (0..3).map(|_| ranking.part()).collect();
            for (at, &index) in order.iter().enumerate() {
                parts[at * order.len() % 3].offer(values[index].map(f64::from), index as u64, || ());
            }
            let mut merged = Ranking::new(size, Direction::Higher);
            parts.into_iter().for_each(|part| merged.merge(part));
            prop_assert_eq!(merged.into_sorted(), whole);
            let mut expected: Vec<_> = (0..values.len()).filter(|&index| values[index].is_some()).collect();
            expected.sort_by_key(|&index| (values[index].map(|value| -value), index));
            expected.truncate(size);
            prop_assert_eq!(found, expected);
        }
    }
}
