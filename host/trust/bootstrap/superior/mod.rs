//! Tests of many cells against a benchmark: White's reality check, Hansen's test for superior predictive ability (SPA),
//! and Romano and Wolf's stepwise procedure (StepM).
//!
//! Sources: White, A reality check for data snooping, Econometrica 68 (2000); Hansen, A test for superior predictive
//! ability, JBES 23 (2005); Romano and Wolf, Stepwise multiple testing as formalized data snooping, Econometrica 73 (2005).
//! Never prints or advises.
//!
//! With `f` the returns of a cell over those of the benchmark, `T` periods: the statistic of a cell is `sqrt(T) mean(f) / omega`
//! (or without `omega`), that of the test the largest of them. A draw's statistic is the largest of
//! `sqrt(T) (mean(f*) - g(mean(f))) / omega`, where `f*` is resampled; `omega` is that of the returns themselves. A p-value is
//! the share of draws whose statistic is above that of the test. No statistic is cut off at zero, as Hansen's is: this changes a
//! p-value only where no cell beats the benchmark, and makes it higher.
//!
//! Draws are shared by all cells, so what cells have in common is kept. The returns are read once for the moments, once for
//! the draws, and once more for each round of StepM that needs it. Results have the same bits on any number of threads.
//!
//! They also have the same bits whatever sums the draws. Sums that are not those of the CPU give bounds of each draw's statistic,
//! by a bound of all rounding errors. P-values are counts: only draws whose bounds hold the statistic of the test are summed
//! again by the CPU. A critical value is a number: the one or two draws that it is made of are summed again in any case.

mod moments;
mod peaks;
mod stepwise;
#[cfg(test)]
mod tests;

pub use moments::CellMoments;

use self::{
    moments::moments,
    peaks::{Peak, Scores, Span, peaks},
};
use super::{
    draws::Draws,
    returns::{Returns, TrustError, check_share, check_sizes},
    sums::{PrefixSums, Products},
};

/// Which cells are moved to a mean of zero in the draws: what is taken from their resampled means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recentring {
    /// Cells that beat the benchmark: `max(mean, 0)` is taken. Poor cells stay poor, so p-values are too low (liberal).
    Lower,
    /// Cells that are not far below the benchmark: the mean is taken where it is at least
    /// `-omega sqrt(2 ln ln T / T)`. Consistent.
    #[default]
    Consistent,
    /// All cells: the mean is taken. Poor cells weigh like good ones, so p-values are too high (conservative).
    Upper,
}

/// How cells are tested against a benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Superiority<'b> {
    /// The benchmark's return in each period; zeros are cash.
    pub benchmark: &'b [f64],
    /// Whether a cell's mean is divided by its standard error, which makes cells of different risk comparable.
    pub studentized: bool,
    /// The recentring of StepM.
    pub recentring: Recentring,
    /// The family-wise error rate of StepM: the probability that any cell is named that does not beat the benchmark.
    pub alpha: f64,
}

impl<'b> Superiority<'b> {
    /// Studentised, with the consistent recentring and a family-wise error rate of 0.05.
    #[must_use]
    pub fn over(benchmark: &'b [f64]) -> Self {
        Self { benchmark, studentized: true, recentring: Recentring::default(), alpha: 0.05 }
    }

    /// Tests `returns` with `draws`.
    ///
    /// The time is about `2 T / L` additions a draw and cell, so with 10,000 draws, 8,000 periods and a mean length of 20 about
    /// 2 ms a cell on one core. Memory: the draws, 72 bytes a draw and thread, a block of returns, and `128 T` bytes a thread.
    ///
    /// # Errors
    ///
    /// Where returns cannot be read or are not finite, where there are too few periods or no cells, where the benchmark or the
    /// draws have another number of periods, or `alpha` is not between 0 and 1.
    pub fn test<R: Returns + ?Sized>(
        &self,
        returns: &R,
        draws: &Draws,
        products: &dyn Products,
    ) -> Result<SuperiorityReport, TrustError> {
        check_share("alpha", self.alpha)?;
        check_sizes(returns, self.benchmark)?;
        if draws.periods() != returns.periods() {
            let (found, needed) = (draws.periods(), returns.periods());
            return Err(TrustError::Length { what: "draws", found, needed });
        }
        let cells = moments(returns, self.benchmark, draws.mean_length())?;
        let run = Run { test: self, returns, draws, products, scores: Scores::new(self, &cells) };
        run.report(cells)
    }
}

/// A test in the making.
struct Run<'a, R: ?Sized> {
    test: &'a Superiority<'a>,
    returns: &'a R,
    draws: &'a Draws,
    products: &'a dyn Products,
    scores: Scores,
}

impl<R: Returns + ?Sized> Run<'_, R> {
    fn report(self, cells: Vec<CellMoments>) -> Result<SuperiorityReport, TrustError> {
        let all: Vec<usize> = (0..self.draws.count()).collect();
        let mut peaks = self.peaks(&all, self.products)?;
        let root = (self.returns.periods() as f64).sqrt();
        let (best, statistic) = first_highest(cells.iter().map(|cell| root * cell.mean)).unwrap_or_default();
        self.decide(&mut peaks, self.scores.best().map(|(_, statistic)| statistic), statistic)?;
        let p = share_above(&peaks, statistic, |peak| peak.white);
        let reality_check = RealityCheck { best, statistic, p };
        let spa = self.scores.best().map(|(best, statistic)| Spa {
            best,
            statistic,
            lower: share_above(&peaks, statistic, |peak| peak.lower),
            consistent: share_above(&peaks, statistic, |peak| peak.consistent),
            upper: share_above(&peaks, statistic, |peak| peak.upper),
        });
        let steps = self.steps(peaks)?;
        Ok(SuperiorityReport { cells, spa, reality_check, steps })
    }

    /// Sums again, as the CPU does, the draws of which it is open whether they are above the statistic of Hansen's test or of
    /// White's.
    fn decide(&self, peaks: &mut [Peak], spa: Option<f64>, white: f64) -> Result<(), TrustError> {
        let is_open = |peak: &Peak| {
            let spans = [peak.lower, peak.consistent, peak.upper];
            spa.is_some_and(|spa| spans.iter().any(|span| span.is_close_to(spa))) || peak.white.is_close_to(white)
        };
        let open: Vec<usize> = (0..peaks.len()).filter(|&draw| is_open(&peaks[draw])).collect();
        for (&draw, peak) in open.iter().zip(self.peaks(&open, &PrefixSums)?) {
            peaks[draw] = peak;
        }
        Ok(())
    }

    /// The peaks of the draws `chosen`. The returns are read once for as many draws as `products` takes.
    fn peaks(&self, chosen: &[usize], products: &dyn Products) -> Result<Vec<Peak>, TrustError> {
        let mut found = Vec::with_capacity(chosen.len());
        for chosen in chosen.chunks(products.most_draws().max(1)) {
            let Self { test, returns, draws, scores, .. } = self;
            found.extend(peaks(*returns, test.benchmark, draws, chosen, products, scores)?);
        }
        Ok(found)
    }
}

/// What the tests find.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SuperiorityReport {
    /// The mean and its standard error, for each cell.
    pub cells: Vec<CellMoments>,
    /// Hansen's test. `None` where the test is studentised and no cell has a variance.
    pub spa: Option<Spa>,
    /// White's reality check.
    pub reality_check: RealityCheck,
    /// StepM.
    pub steps: StepM,
}

/// Hansen's test for superior predictive ability: how likely the best statistic is if no cell beats the benchmark. The p-values
/// are in order: `lower <= consistent <= upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spa {
    /// The number of the cell with the highest statistic.
    pub best: usize,
    /// Its statistic.
    pub statistic: f64,
    /// The p-value with [`Recentring::Lower`], a share.
    pub lower: f64,
    /// The p-value with [`Recentring::Consistent`], a share: the one to report.
    pub consistent: f64,
    /// The p-value with [`Recentring::Upper`], a share.
    pub upper: f64,
}

/// White's reality check: never studentised, all cells recentred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RealityCheck {
    /// The number of the cell with the highest mean.
    pub best: usize,
    /// `sqrt(T)` times its mean over the benchmark, in returns per period.
    pub statistic: f64,
    /// The p-value, a share.
    pub p: f64,
}

/// Romano and Wolf's stepwise procedure: which cells beat the benchmark. Cells whose statistic is above the critical value are
/// named and left out, and the critical value of the others is lower, until no cell is named. Draws are divided by the standard
/// errors of the returns themselves, as Hansen has it; Romano and Wolf estimate them anew in each draw.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepM {
    /// The numbers of the cells that beat the benchmark, ascending.
    pub superior: Vec<usize>,
    /// The critical value of each step: the quantile at `1 - alpha` of the draws' statistics.
    pub critical: Vec<f64>,
}

/// The share of peaks whose statistic is above `statistic`.
fn share_above(peaks: &[Peak], statistic: f64, of: impl Fn(&Peak) -> Span) -> f64 {
    peaks.iter().filter(|peak| of(peak).low > statistic).count() as f64 / peaks.len() as f64
}

/// The highest value and its index, the first of equals.
fn first_highest(values: impl Iterator<Item = f64>) -> Option<(usize, f64)> {
    values.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
}
