//! How many tasks of a sweep a store knows, before the sweep runs.
//!
//! Never decodes a result.

use super::{
    grid::{Plan, Shard, Spread},
    scope::split,
    stored::StoredCells,
};
use crate::model::Params;

/// Tasks that are looked at where the plan is too long to look at all.
const SAMPLED: u64 = 10_000;

/// Symbols whose tasks are looked at then.
const SYMBOLS: usize = 16;

/// The tasks of a sweep that a store knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KnownTasks {
    /// The number, or about the number.
    pub count: f64,
    /// Whether all tasks were looked at.
    pub is_exact: bool,
}

impl StoredCells {
    /// Whether the task with `params` is known; `symbol` is the place of its symbol, where it has one alone.
    pub(super) fn knows(&self, symbol: Option<usize>, params: &Params) -> bool {
        self.in_book(symbol.unwrap_or(0), |book| book.has(params)).unwrap_or(false)
    }

    /// The number of tasks of `plan` that are known, in `shard` or in all of it; `None` if telling it takes more than `looks`
    /// looks.
    pub fn count_known(&self, plan: &Plan, shard: Option<Shard>, looks: u64) -> Option<u64> {
        if (0..self.books()).all(|at| self.len(at) == 0) {
            return Some(0);
        }
        let is_short = plan.places().saturating_mul(self.books() as u64) <= looks;
        is_short.then(|| if self.is_each_symbol() { self.of_symbols(plan, shard) } else { self.of_all(plan, shard) })
    }

    /// The same, or about the number: the share of `tasks` that those have which are looked at then, spread evenly.
    pub fn known_tasks(&self, plan: &Plan, shard: Option<Shard>, (tasks, looks): (f64, u64)) -> KnownTasks {
        if let Some(count) = self.count_known(plan, shard, looks) {
            return KnownTasks { count: count as f64, is_exact: true };
        }
        let split = shard.filter(|_| !self.is_each_symbol()).map(|shard| split(shard, plan, None));
        let step = self.books().div_ceil(SYMBOLS);
        let (mut looked_at, mut known, mut most) = (0_u64, 0_u64, 0_usize);
        for at in (0..self.books()).step_by(step) {
            let some = Spread::new(plan, split).combinations(SAMPLED.div_ceil(self.books().div_ceil(step) as u64));
            looked_at += some.len() as u64;
            known += some.iter().filter(|index| self.knows_combination(at, plan, **index)).count() as u64;
            most = most.saturating_add(self.len(at).saturating_mul(step));
        }
        let count = tasks * known as f64 / looked_at.max(1) as f64;
        KnownTasks { count: count.min(most as f64), is_exact: false }
    }

    fn of_all(&self, plan: &Plan, shard: Option<Shard>) -> u64 {
        let indices = match shard.map(|shard| split(shard, plan, None)) {
            Some(split) => plan.indices().within(split),
            None => plan.indices(),
        };
        indices.filter(|index| self.knows_combination(0, plan, *index)).count() as u64
    }

    /// The same where each symbol runs alone: tasks are numbered through all symbols.
    fn of_symbols(&self, plan: &Plan, shard: Option<Shard>) -> u64 {
        let split = shard.map(|shard| split(shard, plan, Some(self.books() as u64)));
        let (mut task, mut known) = (0, 0);
        for at in 0..self.books() {
            for index in plan.indices() {
                let is_mine = split.is_none_or(|split| split.has(task));
                known += u64::from(is_mine && self.knows_combination(at, plan, index));
                task += 1;
            }
        }
        known
    }

    fn knows_combination(&self, at: usize, plan: &Plan, index: u64) -> bool {
        plan.params(index).is_some_and(|params| self.knows(Some(at), &params))
    }
}
