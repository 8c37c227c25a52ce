//! A position, and an order that changes one.
//!
//! Never trades.

use super::amount::Amount;

/// The position in one instrument.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Position {
    /// Units, negative where short.
    pub(super) held: Amount,
    /// Quote currency gained when the price rises by 1: units times the multiplier.
    pub(super) points: f64,
    /// Units traded and held after each fill since it was opened, all in all: the scale of their rounding.
    pub(super) seen: f64,
    /// Quote currency: units, as if all were long, at the entries' prices. Without the multiplier.
    pub(super) entry_value: f64,
    /// Quote currency: commission on the entries.
    pub(super) entry_fees: f64,
    pub(super) entry_bar: u32,
}

/// A position asked for, before the limits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    pub(super) instrument: usize,
    pub(super) bar: u32,
    /// Units of the position after the order.
    pub(super) target: f64,
    /// Whether the order only closes or reduces what is held.
    pub(super) reduces: bool,
}
