//! The writer of a strategy's answer.
//!
//! Never grows: its room is allocated once, before the strategy runs. A push that may have to allocate is a call in the
//! strategy's loop, which makes the loop spill its sums to memory at every bar.

use std::{cmp::Reverse, collections::BinaryHeap, mem::MaybeUninit};

use crate::Answer;

/// Target exposures, with room for one at each bar of each instrument.
///
/// Write instrument by instrument through [`Targets::instrument`]; the answer is then sorted by the time of the bars.
#[derive(Debug)]
pub struct Targets {
    at: Column<u32>,
    instrument: Column<u32>,
    exposure: Column<f64>,
    length: usize,
    instruments: usize,
    /// The first entry of each run that [`Targets::instrument`] began.
    runs: Vec<usize>,
}

/// Memory that is written from the front on and never moved. Not zeroed, so that pages without an entry stay untouched.
type Column<T> = Box<[MaybeUninit<T>]>;

impl Targets {
    /// An empty answer for a data set of `instruments`, with room for `capacity` entries.
    ///
    /// A strategy is handed one with the room that it needs; this is for other sizes.
    pub fn with_capacity(instruments: usize, capacity: usize) -> Self {
        Self {
            at: Box::new_uninit_slice(capacity),
            instrument: Box::new_uninit_slice(capacity),
            exposure: Box::new_uninit_slice(capacity),
            length: 0,
            instruments,
            runs: Vec::new(),
        }
    }

    /// The share of equity that each instrument gets when all get the same: 1 where there is only one.
    pub fn share(&self) -> f64 {
        1.0 / self.instruments.max(1) as f64
    }

    /// Begins the targets of the instrument with index `instrument`, which holds nothing so far.
    ///
    /// # Panics
    ///
    /// Panics if the data has no such instrument.
    pub fn instrument(&mut self, instrument: usize) -> Position<'_> {
        assert!(instrument < self.instruments, "the data has no instrument {instrument}, only {}", self.instruments);
        self.runs.push(self.length);
        Position { targets: self, instrument, held: 0.0 }
    }

    /// Writes one entry as it is: from bar `at` on, hold `exposure` of equity in `instrument`.
    ///
    /// Entries written this way alone are not sorted; they must come in the order of the time of their bars.
    ///
    /// # Panics
    ///
    /// Panics if there is no room left, which cannot be with one entry for each bar of each instrument.
    #[inline]
    pub fn set(&mut self, at: usize, instrument: usize, exposure: f64) {
        let next = self.length;
        let (Some(bar), Some(index), Some(share)) =
            (self.at.get_mut(next), self.instrument.get_mut(next), self.exposure.get_mut(next))
        else {
            full(next);
        };
        bar.write(at as u32);
        index.write(instrument as u32);
        share.write(exposure);
        self.length = next + 1;
    }

    /// The finished answer. `times` has the times of each instrument's bars where there are several instruments.
    pub(crate) fn finish(mut self, times: &[Vec<i64>]) -> Answer {
        // What was set before the first instrument began is a run, too.
        if self.runs.first().is_some_and(|&first| first > 0) {
            self.runs.insert(0, 0);
        }
        let answer = Answer {
            at: written(self.at, self.length),
            instrument: written(self.instrument, self.length),
            exposure: written(self.exposure, self.length),
        };
        if self.runs.len() > 1 { merged(&answer, &self.runs, times) } else { answer }
    }
}

#[cold]
#[inline(never)]
fn full(capacity: usize) -> ! {
    panic!("there is no room for more than {capacity} targets: write at most one for each bar of each instrument")
}

/// The first `length` values of `column`, all of which are written.
fn written<T: Copy>(column: Column<T>, length: usize) -> Vec<T> {
    assert!(length <= column.len(), "no entry lies beyond the room");
    let capacity = column.len();
    let start = Box::into_raw(column).cast::<T>();
    #[expect(unsafe_code, reason = "the standard library has no safe way to split off the written part without a copy")]
    // SAFETY: the box was allocated with the layout of `capacity` values of `T`, `length` is not above it, and `set` has
    // written every value below `length`.
    unsafe {
        Vec::from_raw_parts(start, length, capacity)
    }
}

/// The same entries by the time of their bars, then by run. `runs` has the first entry of each; a run stays in its order.
fn merged(answer: &Answer, runs: &[usize], times: &[Vec<i64>]) -> Answer {
    let length = answer.at.len();
    let end = |run: usize| runs.get(run + 1).copied().unwrap_or(length);
    // A bar that does not exist comes last; the host says what is wrong with it.
    let time = |entry: usize| {
        let times = times.get(answer.instrument[entry] as usize);
        times.and_then(|times| times.get(answer.at[entry] as usize)).copied().unwrap_or(i64::MAX)
    };
    let head = |run: usize, entry: usize| (entry < end(run)).then(|| Reverse((time(entry), run, entry)));
    let mut heads: BinaryHeap<_> = runs.iter().enumerate().filter_map(|(run, &entry)| head(run, entry)).collect();
    let mut result = Answer {
        at: Vec::with_capacity(length),
        instrument: Vec::with_capacity(length),
        exposure: Vec::with_capacity(length),
    };
    while let Some(Reverse((_, run, entry))) = heads.pop() {
        result.at.push(answer.at[entry]);
        result.instrument.push(answer.instrument[entry]);
        result.exposure.push(answer.exposure[entry]);
        heads.extend(head(run, entry + 1));
    }
    result
}

/// What is held of one instrument while its targets are written, bar by bar.
#[derive(Debug)]
pub struct Position<'a> {
    targets: &'a mut Targets,
    instrument: usize,
    held: f64,
}

impl Position<'_> {
    /// Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short.
    ///
    /// Nothing is written where that much is held already.
    ///
    /// # Panics
    ///
    /// Panics if there is no room left, which cannot be with one change at each bar.
    #[inline]
    pub fn hold(&mut self, at: usize, exposure: f64) {
        if exposure != self.held {
            self.held = exposure;
            self.targets.set(at, self.instrument, exposure);
        }
    }

    /// The share of equity that is held now.
    #[inline]
    pub fn held(&self) -> f64 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(targets: Targets, times: &[Vec<i64>], expected: &[(u32, u32, f64)]) {
        let answer = targets.finish(times);
        let entries = answer.at.iter().zip(&answer.instrument).zip(&answer.exposure);
        let entries: Vec<_> = entries.map(|((&at, &instrument), &exposure)| (at, instrument, exposure)).collect();
        assert_eq!(entries, expected);
    }

    #[test]
    fn only_changes_are_written() {
        let mut targets = Targets::with_capacity(1, 5);
        let mut position = targets.instrument(0);
        for (at, exposure) in [0.0, 1.0, 1.0, -1.0, 0.0].into_iter().enumerate() {
            position.hold(at, exposure);
        }
        assert_eq!(position.held(), 0.0);
        check(targets, &[], &[(1, 0, 1.0), (3, 0, -1.0), (4, 0, 0.0)]);
    }

    #[test]
    fn several_instruments_are_merged_by_the_time_of_their_bars() {
        let times = [vec![10, 20, 30], vec![20, 25]];
        let mut targets = Targets::with_capacity(2, 5);
        let share = targets.share();
        for (instrument, times) in times.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for at in 0..times.len() {
                position.hold(at, if at % 2 == 0 { share } else { 0.0 });
            }
        }
        check(targets, &times, &[(0, 0, 0.5), (1, 0, 0.0), (0, 1, 0.5), (1, 1, 0.0), (2, 0, 0.5)]);
    }

    #[test]
    fn entries_written_as_they_are_keep_their_order() {
        let mut targets = Targets::with_capacity(2, 2);
        targets.set(1, 0, 1.0);
        targets.set(0, 1, 0.5);
        check(targets, &[vec![10, 20], vec![10]], &[(1, 0, 1.0), (0, 1, 0.5)]);
    }

    #[test]
    fn entries_written_before_the_first_instrument_are_merged_as_well() {
        let times = [vec![10, 20], vec![10]];
        let mut targets = Targets::with_capacity(2, 3);
        targets.set(1, 0, 1.0);
        targets.instrument(0).hold(0, 0.5);
        targets.instrument(1).hold(0, 0.25);
        check(targets, &times, &[(0, 0, 0.5), (0, 1, 0.25), (1, 0, 1.0)]);
    }

    #[test]
    fn an_empty_answer_has_no_entries() {
        check(Targets::with_capacity(0, 0), &[], &[]);
        check(Targets::with_capacity(1, 100), &[], &[]);
    }

    #[test]
    #[should_panic(expected = "no room for more than 1 targets")]
    fn a_full_answer_panics_with_a_reason() {
        let mut targets = Targets::with_capacity(1, 1);
        targets.set(0, 0, 1.0);
        targets.set(1, 0, 0.0);
    }
}
