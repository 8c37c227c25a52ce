//! The counts of orders by their outcome.
//!
//! Never shows them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::broker::{OrderRecord, OrderStatus};

/// The counts of orders by their outcome.
#[derive(Debug, Default, Serialize)]
pub(super) struct OrderCounts {
    sent: u64,
    filled: u64,
    open: u64,
    expired: u64,
    /// By reason, as the next two.
    filled_in_part: BTreeMap<&'static str, u64>,
    cancelled: BTreeMap<&'static str, u64>,
    rejected: BTreeMap<&'static str, u64>,
}

impl OrderCounts {
    pub(super) fn of(orders: &[OrderRecord]) -> Self {
        let mut counts = Self { sent: orders.len() as u64, ..Self::default() };
        for order in orders {
            let count = match order.status {
                OrderStatus::Filled => &mut counts.filled,
                OrderStatus::Open => &mut counts.open,
                OrderStatus::Expired => &mut counts.expired,
                OrderStatus::FilledInPart(reason) => counts.filled_in_part.entry(reason.as_str()).or_default(),
                OrderStatus::Cancelled(reason) => counts.cancelled.entry(reason.as_str()).or_default(),
                OrderStatus::Rejected(reason) => counts.rejected.entry(reason.as_str()).or_default(),
            };
            *count += 1;
        }
        counts
    }

    /// The counts in one line; none without an order.
    pub(super) fn sentence(self) -> Option<String> {
        let counts: Vec<_> = self.rows().iter().map(|(name, count)| format!("{count} {name}")).collect();
        (!counts.is_empty()).then(|| counts.join(", "))
    }

    /// Each outcome with its reason and its count.
    pub(super) fn rows(self) -> Vec<(String, u64)> {
        let Self { sent, filled, open, expired, filled_in_part, cancelled, rejected } = self;
        let counts = [("sent", sent), ("filled", filled), ("open", open), ("expired", expired)];
        let mut rows: Vec<_> = counts.map(|(name, count)| (name.to_owned(), count)).into();
        for (name, reasons) in [("filled in part", filled_in_part), ("cancelled", cancelled), ("rejected", rejected)] {
            rows.extend(reasons.into_iter().map(|(reason, count)| (format!("{name}: {reason}"), count)));
        }
        rows.retain(|(_, count)| *count > 0);
        rows
    }
}
