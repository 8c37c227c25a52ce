//! The stationary bootstrap: which periods a resample is made of.
//!
//! Source: Politis and Romano, The stationary bootstrap, JASA 89 (1994). Blocks start at any period, each equally likely,
//! have geometric lengths, and go on at the first period after the last one. Knows nothing of returns.

use rayon::prelude::*;

use super::returns::{TrustError, too_few};
use crate::model::stream::Stream;

/// The most memory that draws take, in bytes.
const MOST_BYTES: f64 = 4.0 * GIBIBYTE;

const GIBIBYTE: f64 = (1 << 30) as f64;

/// Draws that are made side by side.
const BATCH: usize = 256;

/// Consecutive periods from `from` to before `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first period.
    pub from: u32,
    /// The period after the last.
    pub to: u32,
}

/// Resamples of `periods` periods each. A draw is a list of runs of consecutive periods, `periods` of them in all; a block
/// that goes past the last period is two runs.
///
/// Takes 8 bytes a run: about `8 draws (periods / mean length + 1)` bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    periods: usize,
    mean_length: f64,
    /// Where the runs of each draw end in `runs`.
    ends: Vec<usize>,
    runs: Vec<Run>,
}

impl Draws {
    /// `count` draws of the stationary bootstrap with blocks of `mean_length` periods on average. A length of 1 draws periods
    /// independently. Draw `b` depends on `seed` and `b` only.
    ///
    /// # Errors
    ///
    /// [`TrustError::OutOfRange`] where `mean_length` is below 1 or not finite; [`TrustError::NoDraws`],
    /// [`TrustError::TooFewPeriods`] and [`TrustError::TooManyPeriods`] where there is nothing to draw or to draw from, or
    /// more than 2^32 - 1 periods; [`TrustError::TooManyDraws`] where they would take more than 4 GiB.
    pub fn stationary(periods: usize, count: usize, mean_length: f64, seed: u64) -> Result<Self, TrustError> {
        let total = checked(periods, count)?;
        let lengths = Lengths::new(mean_length)?;
        let draw = |number| blocks(total, &lengths, Stream::of(seed, number as u64));
        let bytes = Self::room(periods, mean_length, count) * size_of::<Run>() as f64;
        if bytes > MOST_BYTES {
            // A cast of more than there is gives the most.
            let gibibytes = (bytes / GIBIBYTE).ceil() as u64;
            return Err(TrustError::TooManyDraws { draws: count, block: mean_length, gibibytes });
        }
        let mut draws = Self::none(periods, mean_length, count);
        for first in (0..count).step_by(BATCH) {
            let numbers = first..count.min(first + BATCH);
            numbers.into_par_iter().map(draw).collect::<Vec<_>>().iter().for_each(|runs| draws.push(runs));
        }
        Ok(draws)
    }

    /// Draws from the periods that they are made of, each a list of `periods` indexes from 0. They were drawn with blocks of
    /// `mean_length` periods on average.
    ///
    /// # Errors
    ///
    /// [`TrustError::Length`] or [`TrustError::Index`] where a list has another length or an index that is too high; those of
    /// [`Draws::stationary`].
    pub fn from_indexes(periods: usize, mean_length: f64, draws: &[Vec<usize>]) -> Result<Self, TrustError> {
        checked(periods, draws.len())?;
        Lengths::new(mean_length)?;
        let mut found = Self::none(periods, mean_length, draws.len());
        for (draw, indexes) in draws.iter().enumerate() {
            found.push(&runs(periods, draw, indexes)?);
        }
        Ok(found)
    }

    /// No draws yet, with room for about the runs of `count` draws.
    fn none(periods: usize, mean_length: f64, count: usize) -> Self {
        let runs = Vec::with_capacity(Self::room(periods, mean_length, count) as usize);
        Self { periods, mean_length, ends: Vec::with_capacity(count), runs }
    }

    /// About the number of runs of `count` draws.
    fn room(periods: usize, mean_length: f64, count: usize) -> f64 {
        1.02 * (periods as f64 / mean_length + 2.0) * count as f64
    }

    fn push(&mut self, runs: &[Run]) {
        self.runs.extend_from_slice(runs);
        self.ends.push(self.runs.len());
    }

    /// Periods of each draw (T).
    #[must_use]
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// The mean length of their blocks, in periods (L).
    #[must_use]
    pub fn mean_length(&self) -> f64 {
        self.mean_length
    }

    /// Draws (B).
    #[must_use]
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The runs of draw `number`, in order.
    ///
    /// # Panics
    ///
    /// Where there is no such draw.
    #[must_use]
    pub fn runs(&self, number: usize) -> &[Run] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.runs[start..self.ends[number]]
    }

    /// The periods of draw `number`, in order.
    ///
    /// # Panics
    ///
    /// Where there is no such draw.
    pub fn indexes(&self, number: usize) -> impl Iterator<Item = usize> + '_ {
        self.runs(number).iter().flat_map(|run| run.from as usize..run.to as usize)
    }
}

/// The number of periods, where draws can be made of them.
fn checked(periods: usize, count: usize) -> Result<u32, TrustError> {
    if periods == 0 {
        return Err(too_few("a bootstrap", 0, 1));
    }
    if count == 0 {
        return Err(TrustError::NoDraws);
    }
    u32::try_from(periods).map_err(|_| TrustError::TooManyPeriods { periods })
}

/// Geometric lengths: `k` with probability `p (1 - p)^(k - 1)`, `p` one over the mean.
struct Lengths {
    /// The logarithm of `1 - p`, `-inf` where the mean is 1.
    log_go_on: f64,
}

impl Lengths {
    fn new(mean: f64) -> Result<Self, TrustError> {
        if mean >= 1.0 && mean.is_finite() {
            Ok(Self { log_go_on: libm::log1p(-1.0 / mean) })
        } else {
            Err(TrustError::OutOfRange {
                what: "the mean block length",
                value: mean,
                range: "a finite number of at least 1",
            })
        }
    }

    /// A length by inversion, at most `most`.
    fn draw(&self, stream: &mut Stream, most: u32) -> u32 {
        // A cast of a number that is too large gives the largest.
        ((libm::log(stream.unit()) / self.log_go_on) as u32).saturating_add(1).min(most)
    }
}

/// The runs of a draw of the stationary bootstrap.
fn blocks(periods: u32, lengths: &Lengths, mut stream: Stream) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut left = periods;
    while left > 0 {
        let from = stream.index(u64::from(periods)) as u32;
        let length = lengths.draw(&mut stream, left);
        let straight = length.min(periods - from);
        runs.push(Run { from, to: from + straight });
        if length > straight {
            runs.push(Run { from: 0, to: length - straight });
        }
        left -= length;
    }
    runs
}

/// The runs of a list of indexes.
fn runs(periods: usize, draw: usize, indexes: &[usize]) -> Result<Vec<Run>, TrustError> {
    if indexes.len() != periods {
        return Err(TrustError::Length { what: "draw", found: indexes.len(), needed: periods });
    }
    let mut runs = Vec::<Run>::new();
    for &index in indexes {
        let at =
            u32::try_from(index).ok().filter(|_| index < periods).ok_or(TrustError::Index { draw, index, periods })?;
        match runs.last_mut() {
            Some(run) if run.to == at => run.to = at + 1,
            _ => runs.push(Run { from: at, to: at + 1 }),
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_draw_has_as_many_periods_and_survives_its_indexes(periods in 1_usize..300, length in 1.0..50.0_f64, seed: u64) {
            let draws = Draws::stationary(periods, 5, length, seed).unwrap();
            let indexes: Vec<Vec<usize>> = (0..5).map(|draw| draws.indexes(draw).collect()).collect();
            prop_assert!(indexes.iter().all(|draw| draw.len() == periods && draw.iter().all(|&index| index < periods)));
            let again = Draws::from_indexes(periods, length, &indexes).unwrap();
            prop_assert!((0..5).all(|draw| again.indexes(draw).eq(draws.indexes(draw))));
            // A draw does not depend on how many others there are.
            let alone = Draws::stationary(periods, 1, length, seed).unwrap();
            prop_assert_eq!(alone.runs(0), draws.runs(0));
        }
    }

    #[test]
    fn blocks_have_the_mean_length_and_every_period_comes_equally_often() {
        let draws = Draws::stationary(1_000, 2_000, 20.0, 7).unwrap();
        let mut counts = vec![0_i32; 1_000];
        let mut breaks = 0;
        for draw in 0..draws.count() {
            let indexes: Vec<usize> = draws.indexes(draw).collect();
            indexes.iter().for_each(|&index| counts[index] += 1);
            breaks += indexes.windows(2).filter(|pair| pair[1] != (pair[0] + 1) % 1_000).count();
        }
        // A block ends after a period with probability 1/20; the next starts where it would have gone on once in 1,000.
        let share = breaks as f64 / (2_000.0 * 999.0) / (1.0 - 1e-3);
        assert!((share - 0.05).abs() < 5.0 * (0.05_f64 * 0.95 / 2e6).sqrt(), "{share}");
        // The variance of a count is at most 39 times that of independent draws.
        assert!(counts.iter().all(|count| f64::from((count - 2_000).abs()) < 5.0 * (39.0 * 2_000.0_f64).sqrt()));
    }

    #[test]
    fn a_mean_length_of_one_draws_single_periods() {
        let draws = Draws::stationary(50, 20, 1.0, 1).unwrap();
        assert!((0..20).all(|draw| draws.runs(draw).iter().all(|run| run.to == run.from + 1)));
    }

    #[test]
    fn wrong_draws_are_refused() {
        for mean in [0.5, 0.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(Draws::stationary(5, 1, mean, 0), Err(TrustError::OutOfRange { .. })));
        }
        assert!(matches!(Draws::stationary(0, 1, 2.0, 0), Err(TrustError::TooFewPeriods { .. })));
        assert!(matches!(Draws::stationary(5, 0, 2.0, 0), Err(TrustError::NoDraws)));
        assert!(matches!(Draws::from_indexes(2, 2.0, &[vec![0]]), Err(TrustError::Length { found: 1, .. })));
        let error = Draws::from_indexes(2, 2.0, &[vec![0, 1], vec![2, 0]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "index `2` of draw 1 is not below the number of periods, 2; number periods from 0"
        );
    }
}
