//! The terms of an instrument: its lot, its tick, its multiplier and its costs, resolved once for each run.
//!
//! Never checks a number: [`Settings::check_terms`] does.

use super::{Settings, TickRounding, costs::Costs, grid::Multiples};
use crate::model::Contract;

/// The terms of one instrument.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) lot: Option<Multiples>,
    pub(super) tick: Option<Multiples>,
    tick_rounding: TickRounding,
    pub(super) multiplier: f64,
    /// Whether its prices may be zero or less.
    pub(super) signed: bool,
    pub(super) costs: Costs,
}

impl Terms {
    /// The terms of an instrument with this contract in an account with these settings.
    pub(super) fn of(settings: &Settings, contract: &Contract, signed: bool) -> Self {
        let settings = settings.for_contract(contract);
        Self {
            lot: settings.lot.map(Multiples::of),
            tick: settings.tick.map(Multiples::of),
            tick_rounding: settings.rules.tick_rounding,
            multiplier: settings.multiplier,
            signed,
            costs: Costs::of(&settings, signed),
        }
    }

    /// Quote currency: the absolute value of `units` at `price`.
    #[inline(always)]
    pub(super) fn value(&self, units: f64, price: f64) -> f64 {
        units.abs() * self.multiplier * price.abs()
    }

    /// Rounds the size of a position toward zero to whole lots.
    #[inline]
    pub(super) fn whole_lots(&self, units: f64) -> f64 {
        self.lot.map_or(units, |lot| lot.of_size(units))
    }

    /// The whole lots nearest to the size of an order.
    pub(super) fn nearest_lots(&self, units: f64) -> f64 {
        self.lot.map_or(units, |lot| lot.nearest(units))
    }

    /// `one + other` units, in whole lots where there are lots.
    #[inline]
    pub(super) fn sum(&self, one: f64, other: f64) -> f64 {
        self.lot.map_or(one + other, |lot| lot.sum(one, other))
    }

    /// `price` on its tick; `up` is the direction in which an order trades later. `None` where the rule refuses it.
    pub(super) fn on_tick(&self, price: f64, up: bool) -> Option<f64> {
        let Some(tick) = &self.tick else { return Some(price) };
        match self.tick_rounding {
            TickRounding::Reject => tick.on(price),
            TickRounding::Passive => Some(tick.toward(price, up)),
            TickRounding::Nearest => Some(tick.nearest(price)),
        }
    }

    /// The same for a price that the host computes, which nobody can be told to round.
    pub(super) fn stop_on_tick(&self, price: f64, up: bool) -> f64 {
        self.on_tick(price, up).unwrap_or_else(|| self.tick.map_or(price, |tick| tick.toward(price, up)))
    }
}
