//! The steps of StepM.
//!
//! A step's critical value is a quantile of the draws' highest statistics over the cells that are left. Leaving a cell out
//! changes only the draws that it leads, and lowers those; and a high quantile depends on the highest draws only. So only
//! draws that are among the highest and have lost their leader are summed again: a few rounds over a few per cent of the draws.

use super::{
    super::{
        quantile::place,
        returns::{Returns, TrustError},
    },
    Peak, Run, Scores, StepM,
};

impl<R: Returns + ?Sized> Run<'_, R> {
    /// The steps, from the peaks of all draws over all cells.
    pub(super) fn steps(mut self, peaks: Vec<Peak>) -> Result<StepM, TrustError> {
        let mut steps = StepM::default();
        let mut left = Left::new(peaks, self.scores.best().is_some());
        while left.any {
            let critical = self.critical(&mut left)?;
            steps.critical.push(critical);
            let named = above(&self.scores, critical);
            if named.is_empty() {
                break;
            }
            for &cell in &named {
                self.scores.leave_out(cell);
            }
            left.without(&named, &self.scores);
            steps.superior.extend(named);
        }
        steps.superior.sort_unstable();
        Ok(steps)
    }

    /// The quantile at `1 - alpha` of the draws' highest statistics over the cells that are left.
    fn critical(&self, left: &mut Left) -> Result<f64, TrustError> {
        let (low, way) = place(left.peaks.len(), 1.0 - self.test.alpha);
        loop {
            let order = left.order(|peak| peak.of(self.test.recentring));
            let stale: Vec<usize> = order[low..].iter().copied().filter(|&draw| left.stale[draw]).collect();
            if stale.is_empty() {
                let value = |at: usize| left.peaks[order[at.min(order.len() - 1)]].of(self.test.recentring);
                return Ok(value(low) + (value(low + 1) - value(low)) * way);
            }
            for (&draw, peak) in stale.iter().zip(self.peaks(&stale, &self.scores)?) {
                left.peaks[draw] = peak;
                left.stale[draw] = false;
            }
        }
    }
}

/// The draws, while cells are left out.
struct Left {
    peaks: Vec<Peak>,
    /// Draws whose leader was left out: their peak is at most what `peaks` says.
    stale: Vec<bool>,
    /// Whether any cell is left.
    any: bool,
}

impl Left {
    fn new(peaks: Vec<Peak>, any: bool) -> Self {
        Self { stale: vec![false; peaks.len()], peaks, any }
    }

    fn without(&mut self, named: &[usize], scores: &Scores) {
        for (stale, peak) in self.stale.iter_mut().zip(&self.peaks) {
            *stale |= named.binary_search(&peak.leader).is_ok();
        }
        self.any = scores.best().is_some();
    }

    /// The numbers of the draws, from the lowest peak to the highest.
    fn order(&self, of: impl Fn(&Peak) -> f64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.peaks.len()).collect();
        order.sort_by(|&a, &b| of(&self.peaks[a]).total_cmp(&of(&self.peaks[b])));
        order
    }
}

/// The cells whose statistic is above `critical`, ascending.
fn above(scores: &Scores, critical: f64) -> Vec<usize> {
    let above = |(cell, statistic): (usize, Option<f64>)| statistic.filter(|&s| s > critical).map(|_| cell);
    scores.statistics().enumerate().filter_map(above).collect()
}
