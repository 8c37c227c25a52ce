//! Successive halving over the data: many cells on few bars, the best third of them on more.
//!
//! Never compares values of different shares of the data.

use std::{cmp::Ordering, collections::VecDeque};

use super::{
    generation::Generation,
    history::{History, Share},
    sobol::Sobol,
    space::Space,
    walk::Walk,
};

/// Evaluations of the first round; each round has twice as many as the one before.
const FIRST_ROUND: u64 = 22 * 18;

/// Hyperband's hedge, in rounds that grow (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar 2018, "Hyperband: a novel
/// bandit-based approach to hyperparameter optimization", JMLR 18).
///
/// A round has three brackets of equal cost, since a short stretch of data may mislead: cells start on all bars, on a third of
/// them, and on a ninth; for every three that start, one goes on to three times as many bars. A start on all bars gives 1
/// evaluation for the cost of a full run, on a third 2, on a ninth 13/3: of 22 evaluations the brackets get 3, 6 and 13, for
/// 9 full runs in all.
///
/// Those that go on are the best of all cells that are still on that share, whatever bracket or round they started in, as in
/// asynchronous halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning", MLSys). What is left of the
/// budget at the end promotes the best that were left behind, then starts new cells on all bars.
#[derive(Debug, Clone)]
pub(super) struct Halving {
    sobol: Sobol,
    plan: VecDeque<Step>,
    /// The cells of the current step that are still to be promoted, the best one last.
    queue: Vec<u64>,
}

/// Cells that run on a share.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// The share that they ran on before; `None` for new cells.
    from: Option<Share>,
    to: Share,
    count: u64,
}

impl Halving {
    /// The plan for a budget of `trials` evaluations. A space with no more cells than that is run on all bars.
    pub(super) fn of(seed: u64, space: &Space, trials: u64) -> Self {
        let steps = if space.cells() <= trials { Vec::new() } else { rounds(trials) };
        let last = [Some(Share::Third), Some(Share::Ninth), None];
        let last = last.into_iter().map(|from| Step { from, to: Share::All, count: u64::MAX });
        Self { sobol: Sobol::of(seed, space), plan: steps.into_iter().chain(last).collect(), queue: Vec::new() }
    }

    pub(super) fn walk(&self) -> &Walk {
        self.sobol.walk()
    }

    /// Offers the next cells of the plan; all of one step.
    pub(super) fn fill(&mut self, generation: &mut Generation<'_>) {
        while generation.cells().is_empty()
            && let Some(step) = self.plan.front().copied()
        {
            generation.share = step.to;
            match step.from {
                Some(from) => self.promote(from, step, generation),
                None => self.sobol.fill_with(step.count, generation),
            }
            let taken = generation.cells().len() as u64;
            self.advance(step.count - taken, !generation.is_full());
        }
    }

    /// Goes on with the plan: `left` cells of this step are still to run, unless no more were found.
    fn advance(&mut self, left: u64, is_dry: bool) {
        match self.plan.front_mut() {
            Some(step) if left > 0 && !is_dry => step.count = left,
            _ => {
                self.plan.pop_front();
                self.queue.clear();
            }
        }
    }

    fn promote(&mut self, from: Share, step: Step, generation: &mut Generation<'_>) {
        if self.queue.is_empty() {
            self.queue = candidates(from, step, generation.history);
        }
        while !generation.is_full()
            && let Some(number) = self.queue.pop()
        {
            generation.promote(number);
        }
    }
}

/// The steps of all rounds that a budget has; the last round takes what would be too little for another one.
fn rounds(trials: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    let (mut left, mut next) = (trials, FIRST_ROUND);
    while left > 0 {
        let size = if left / 3 < next { left } else { next };
        steps.extend(round(size).into_iter().filter(|step| step.count > 0));
        left -= size;
        next = next.saturating_mul(2);
    }
    steps
}

/// The steps of a round of `size` evaluations.
fn round(size: u64) -> [Step; 6] {
    // A start on a third of the bars takes 4/3 evaluations, one on a ninth 13/9. Products need 128 bits.
    let part = |dividend: u128, divisor| u64::try_from(u128::from(size) * dividend / divisor).unwrap_or(size);
    let (all, third, ninth) = (part(3, 22), part(9, 44), part(9, 22));
    let step = |from, to, count| Step { from, to, count };
    [
        step(None, Share::All, all),
        step(None, Share::Third, third),
        step(Some(Share::Third), Share::All, third / 3),
        step(None, Share::Ninth, ninth),
        step(Some(Share::Ninth), Share::Third, ninth / 3),
        step(Some(Share::Third), Share::All, ninth / 9),
    ]
}

/// The cells to promote in a step, the best one last: those with the highest values on a share that have not run on the next
/// one, or on all bars; of equal ones the lower numbers.
fn candidates(from: Share, step: Step, history: &History) -> Vec<u64> {
    let is_behind = |number| [step.to, Share::All].iter().all(|share| history.get(number, *share).is_none());
    let cells = history.level(from).entries().iter().map(|(number, _)| *number).filter(|number| is_behind(*number));
    let mut valued: Vec<(Option<f64>, u64)> = cells.map(|number| (history.value(number, from), number)).collect();
    // Values are never NaN: the history takes that for a failure.
    valued.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal).then(b.1.cmp(&a.1)));
    let count = usize::try_from(step.count).unwrap_or(usize::MAX);
    valued.drain(..valued.len().saturating_sub(count));
    valued.into_iter().map(|(_, number)| number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_spend_the_budget_but_for_roundings() {
        for trials in [1, 5, 22, 600, 10_000, 1_000_000, u64::MAX] {
            let steps = rounds(trials);
            let planned: u128 = steps.iter().map(|step| u128::from(step.count)).sum();
            assert!(planned <= u128::from(trials) && planned + 400 >= u128::from(trials), "{trials}: {planned}");
        }
    }

    #[test]
    fn brackets_of_a_round_cost_the_same() {
        let cost = |step: &Step| step.count * step.to.ninths();
        let steps = round(FIRST_ROUND);
        let costs = [&steps[..1], &steps[1..3], &steps[3..]].map(|bracket| bracket.iter().map(cost).sum::<u64>());
        assert_eq!(costs, [54 * 9; 3]);
        assert_eq!(steps.iter().map(|step| step.count).sum::<u64>(), FIRST_ROUND);
    }
}
