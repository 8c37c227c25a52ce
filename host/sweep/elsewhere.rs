//! A sweep on another period of its data: the same strategy, and the cells that the store has there.
//!
//! Never runs a combination.

use std::sync::Arc;

use super::{
    request::{BoundRequest, SweepRequest},
    scope::Scope,
    stored::StoredCells,
};
use crate::{
    backtest::{Market, Period, Settings, SetupError},
    data::Dataset,
    store::Store,
};

/// A sweep that is about to run, and its data.
#[derive(Debug, Clone, Copy)]
pub struct SweepOn<'a> {
    /// All bars, also those after the period of the sweep.
    pub dataset: &'a Dataset,
    /// What is asked for.
    pub request: &'a SweepRequest,
    /// The same, bound to the strategy.
    pub bound: &'a BoundRequest,
    /// The strategy on the period of the sweep.
    pub scope: &'a Scope,
    /// The store that has results on other periods, too.
    pub store: Option<&'a Store>,
}

/// The strategy of a sweep on another period.
#[derive(Debug)]
pub struct Elsewhere {
    /// The strategy, which is not prepared yet.
    pub scope: Scope,
    /// The cells of the store.
    pub stored: Option<StoredCells>,
}

impl SweepOn<'_> {
    /// The same strategy on `period`, where no returns are kept.
    ///
    /// # Errors
    ///
    /// Returns an error if the period has no bars, or the strategy cannot be run in the way that is asked for.
    pub fn elsewhere(&self, period: Period) -> Result<Elsewhere, SetupError> {
        let settings = Settings { period, returns: None, ..self.bound.settings.clone() };
        let market = Arc::new(Market::new(self.dataset.clone(), settings)?);
        let scope = Scope::unprepared(self.bound.instruments, market, self.scope.strategy().clone())?;
        let request = SweepRequest { period, ..self.request.clone() };
        let stored = self.store.map(|store| StoredCells::new(store.clone(), &request, self.bound, &scope));
        Ok(Elsewhere { stored: stored.transpose()?.flatten(), scope })
    }
}
