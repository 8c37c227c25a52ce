//! Pairs of orders, such as the two exits of a bracket: what one of them fills, the other no longer does.
//!
//! Never fills an order.

use super::{account::PART, amount::Amount, book::Waiting, exchange::Exchange};
use crate::model::{Measure, RejectReason};

impl Exchange<'_> {
    /// Ties two orders together that wait.
    pub(super) fn link(&mut self, first: u64, second: u64) {
        let (one, other) = match (self.find(first), self.find(second)) {
            (Ok(one), Ok(other)) => (one, other),
            (Err(reason), _) => return self.refuse(first, reason),
            (_, Err(reason)) => return self.refuse(second, reason),
        };
        let orders = &mut self.book.orders;
        if one == other || orders[one].pair != 0 || orders[other].pair != 0 {
            return self.refuse(second, RejectReason::NotOpen);
        }
        (orders[one].pair, orders[other].pair) = (second, first);
    }

    /// Cancels the other order of a pair, if there is one.
    pub(super) fn cancel_pair(&mut self, pair: u64) {
        if let Some(index) = self.book.find(pair).filter(|_| pair != 0) {
            // `cancel` follows the link, and would come back to the order that was filled.
            self.book.orders[index].pair = 0;
            self.cancel(index, RejectReason::OtherFilled);
        }
    }

    /// Cancels the other order of the pair of the order at `index`, which ends or leaves nothing of it.
    pub(super) fn end_pair(&mut self, index: usize) {
        // Cut first: whatever rejects this order later must not look for its pair again.
        let pair = std::mem::take(&mut self.book.orders[index].pair);
        self.cancel_pair(pair);
    }

    /// Takes the `units` that were filled of the order at `index` from the other of its pair, which is cancelled where
    /// nothing is left of it. `rest` is what waits of the order itself.
    pub(super) fn reduce_pair(&mut self, index: usize, units: Amount, rest: Amount) {
        let order = self.book.orders[index];
        let Some(other) = self.book.find(order.pair).filter(|_| order.pair != 0) else { return };
        let left = self.left_of_pair(&order, &self.book.orders[other], units, rest);
        if left.units > 0.0 {
            self.resize(other, left);
        } else {
            self.end_pair(index);
        }
    }

    /// What is left of the quantity of `other` when `units` of `order` were filled and `rest` waits.
    fn left_of_pair(&self, order: &Waiting, other: &Waiting, units: Amount, rest: Amount) -> Amount {
        if order.parent != 0 {
            // The exits of one entry are as large as each other, whatever was taken from their position.
            return rest;
        }
        let terms = self.account.terms(other.instrument as usize);
        if other.measure == Measure::Units && other.instrument == order.instrument {
            let left = other.quantity.plus(units.times(-1.0), terms.lot.as_ref());
            // What rounding has left of a quantity that is filled in parts is not an order.
            let is_dust = left.units <= PART * (left.units.abs() + other.filled.units + order.filled.units);
            return if is_dust { Amount::default() } else { left };
        }
        // Units of another instrument, shares and amounts cannot be set against units: they shrink in proportion.
        let left = other.quantity.units * (rest.units / (units.units + rest.units));
        Amount::of(if other.measure == Measure::Units { terms.nearest_lots(left) } else { left })
    }

    /// Gives an order that waits another quantity, in its record, too.
    pub(super) fn resize(&mut self, index: usize, quantity: Amount) {
        let order = &mut self.book.orders[index];
        order.quantity = quantity;
        let order = *order;
        let lot = self.account.terms(order.instrument as usize).lot;
        if let Some(record) = self.account.record(order.order).filter(|record| record.request.measure == order.measure)
        {
            record.request.quantity = quantity.plus(order.filled, lot.as_ref()).units;
        }
    }
}
