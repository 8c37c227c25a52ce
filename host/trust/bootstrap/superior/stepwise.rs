//! The steps of StepM.
//!
//! A step's critical value is a quantile of the draws' highest statistics over the cells that are left. Leaving a cell out
//! changes only the draws that it leads, and lowers those; and a high quantile depends on the highest draws only. So only
//! draws that are among the highest and have lost their leader are summed again: a few rounds over a few per cent of the draws.
//! Where sums only bound a draw's statistic, the draws that make the critical value are summed again by the CPU.

use super::{
    super::{
        quantile::place,
        returns::{Returns, TrustError},
        sums::{PrefixSums, Products},
    },
    Peak, Recentring, Run, Scores, Span, StepM,
};

impl<R: Returns + ?Sized> Run<'_, R> {
    /// The steps, from the peaks of all draws over all cells.
    pub(super) fn steps(mut self, peaks: Vec<Peak>) -> Result<StepM, TrustError> {
        let mut steps = StepM::default();
        let mut left = Left::new(peaks, self.test.recentring, self.scores.best().is_some());
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
            let order = left.order();
            let value = |at: usize| left.span(order[at.min(order.len() - 1)]).high;
            let open = left.open(&order[low..], value(low + 1));
            if open.is_empty() {
                return Ok(value(low) + (value(low + 1) - value(low)) * way);
            }
            let (stale, close): (Vec<usize>, Vec<usize>) = open.iter().partition(|&&draw| left.is_stale(draw));
            let (chosen, products): (_, &dyn Products) =
                if stale.is_empty() { (close, &PrefixSums) } else { (stale, self.products) };
            for (&draw, peak) in chosen.iter().zip(self.peaks(&chosen, products)?) {
                left.peaks[draw] = peak;
            }
        }
    }
}

/// The draws, while cells are left out.
struct Left {
    /// A draw whose leader was left out is stale: its peak is at most what it was, and `low` is `-inf`.
    peaks: Vec<Peak>,
    recentring: Recentring,
    /// Whether any cell is left.
    any: bool,
}

impl Left {
    fn new(peaks: Vec<Peak>, recentring: Recentring, any: bool) -> Self {
        Self { peaks, recentring, any }
    }

    fn span(&self, draw: usize) -> Span {
        self.peaks[draw].of(self.recentring)
    }

    fn is_stale(&self, draw: usize) -> bool {
        self.span(draw).low == f64::NEG_INFINITY
    }

    fn without(&mut self, named: &[usize], scores: &Scores) {
        for peak in &mut self.peaks {
            if named.binary_search(&peak.leader).is_ok() {
                peak.of_mut(self.recentring).low = f64::NEG_INFINITY;
            }
        }
        self.any = scores.best().is_some();
    }

    /// The numbers of the draws, from the lowest peak to the highest that it may be.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.peaks.len()).collect();
        order.sort_by(|&a, &b| self.span(a).high.total_cmp(&self.span(b).high));
        order
    }

    /// Of the draws `highest`, those of which it is open whether they are above `value`, and how much below it they are.
    fn open(&self, highest: &[usize], value: f64) -> Vec<usize> {
        let is_open = |&draw: &usize| {
            let Span { low, high } = self.span(draw);
            low < high && low <= value
        };
        highest.iter().copied().filter(is_open).collect()
    }
}

/// The cells whose statistic is above `critical`, ascending.
fn above(scores: &Scores, critical: f64) -> Vec<usize> {
    let above = |(cell, statistic): (usize, Option<f64>)| statistic.filter(|&s| s > critical).map(|_| cell);
    scores.statistics().enumerate().filter_map(above).collect()
}
