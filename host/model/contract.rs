//! Contracts: what trading one instrument means, where that differs from the account's settings.
//!
//! Never checks a number: [`crate::broker::Settings::check_terms`] does.

use serde::{Deserialize, Serialize};

/// The terms of one instrument. What is given here replaces the account's setting of the same name for this instrument.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contract {
    /// Units that positions are multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lot: Option<f64>,
    /// Quote currency that prices of orders are multiples of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<f64>,
    /// Quote currency that one unit gains when the price rises by 1: the point value of a future.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multiplier: Option<f64>,
    /// Commission in basis points of each fill's value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_bps: Option<f64>,
    /// Quote currency of commission for each unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_per_unit: Option<f64>,
    /// Quote currency of commission for each order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_per_order: Option<f64>,
    /// Quote currency: the least commission of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_minimum: Option<f64>,
    /// Quote currency: the greatest commission of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commission_maximum: Option<f64>,
}
