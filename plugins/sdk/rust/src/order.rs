//! Orders as a strategy writes them.
//!
//! Never checks a number: the broker does, and says through [`on_reject`](crate::EventStrategy::on_reject) what is wrong.

#[cfg(any(target_arch = "wasm32", test))]
use crate::bindings::events::backtest::strategy::broker::Kind;
use crate::bindings::events::backtest::strategy::broker::{Measure, Side, TimeInForce};

/// The number of an order: 1 for the first of a run, each one higher than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(u64);

impl OrderId {
    /// The order with this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub fn number(self) -> u64 {
        self.0
    }
}

/// An order, built up word by word and sent by [`Broker::order`](crate::Broker::order).
///
/// Without further words it is a market order that waits until it is filled or cancelled.
///
/// ```
/// use backtest_sdk::Order;
///
/// // Sell 10 units at 100 or better, today or never.
/// let exit = Order::sell(0, 10.0).limit(100.0).day().reduce_only();
/// // Put half of the account into the second instrument, once it has risen to 50.
/// let entry = Order::buy(1, 0.5).of_equity().stop(50.0);
/// # assert_ne!(exit, entry);
/// ```
#[must_use = "an order does nothing until it is sent"]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Order {
    pub(crate) instrument: usize,
    pub(crate) side: Side,
    pub(crate) quantity: f64,
    pub(crate) measure: Measure,
    pub(crate) limit: Option<f64>,
    pub(crate) trigger: Option<Trigger>,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) until: i64,
    pub(crate) reduce_only: bool,
}

/// What an order waits for before it trades.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trigger {
    /// A price in quote currency.
    Stop(f64),
    /// A distance from the best price in quote currency.
    Trailing(f64),
    /// The same as a fraction of the best price.
    TrailingPercent(f64),
}

impl Order {
    /// Buys `quantity` of instrument `instrument`: units, unless [`of_equity`](Self::of_equity) or
    /// [`of_value`](Self::of_value) follows.
    pub fn buy(instrument: usize, quantity: f64) -> Self {
        Self::market(instrument, Side::Buy, quantity)
    }

    /// Sells `quantity` of instrument `instrument`: units, unless [`of_equity`](Self::of_equity) or
    /// [`of_value`](Self::of_value) follows. What is not held is sold short.
    pub fn sell(instrument: usize, quantity: f64) -> Self {
        Self::market(instrument, Side::Sell, quantity)
    }

    fn market(instrument: usize, side: Side, quantity: f64) -> Self {
        Self {
            instrument,
            side,
            quantity,
            measure: Measure::Units,
            limit: None,
            trigger: None,
            time_in_force: TimeInForce::Gtc,
            until: 0,
            reduce_only: false,
        }
    }

    /// The quantity is a share of the account's equity when the order is filled, costs included: 0.5 is one half.
    pub fn of_equity(self) -> Self {
        Self { measure: Measure::Equity, ..self }
    }

    /// The quantity is an amount of quote currency when the order is filled, costs included.
    pub fn of_value(self) -> Self {
        Self { measure: Measure::Value, ..self }
    }

    /// Trades at `price` (quote currency for one unit) or better. With [`stop`](Self::stop), only once that is reached.
    pub fn limit(self, price: f64) -> Self {
        Self { limit: Some(price), ..self }
    }

    /// Waits until the price has reached `price`, in quote currency for one unit.
    pub fn stop(self, price: f64) -> Self {
        Self { trigger: Some(Trigger::Stop(price)), ..self }
    }

    /// Waits until the price has come back by `distance`, in quote currency, from the best one since the order was sent.
    /// Goes with no limit.
    pub fn trailing_stop(self, distance: f64) -> Self {
        Self { trigger: Some(Trigger::Trailing(distance)), ..self }
    }

    /// Waits until the price has come back by `fraction` of the best one since the order was sent: above 0 and below 1. Goes
    /// with no limit.
    pub fn trailing_stop_percent(self, fraction: f64) -> Self {
        Self { trigger: Some(Trigger::TrailingPercent(fraction)), ..self }
    }

    /// Waits through the first day (UTC) on which its instrument has a bar after it was sent.
    pub fn day(self) -> Self {
        Self { time_in_force: TimeInForce::Day, ..self }
    }

    /// Takes the first price at which it could be filled, and is cancelled as far as it is not filled then.
    pub fn immediate_or_cancel(self) -> Self {
        Self { time_in_force: TimeInForce::Ioc, ..self }
    }

    /// Waits through the bars up to and including `time`, in nanoseconds since the Unix epoch.
    pub fn until(self, time: i64) -> Self {
        Self { time_in_force: TimeInForce::Gtd, until: time, ..self }
    }

    /// Never does more than close what is held when it is filled.
    pub fn reduce_only(self) -> Self {
        Self { reduce_only: true, ..self }
    }

    /// The word of the contract for when it trades. A trailing stop with a limit is none, and the broker says so.
    #[cfg(any(target_arch = "wasm32", test))]
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match (self.trigger, self.limit) {
            (None, None) => Kind::Market,
            (None, Some(_)) => Kind::Limit,
            (Some(Trigger::Stop(_)), None) => Kind::Stop,
            (Some(Trigger::Stop(_)), Some(_)) => Kind::StopLimit,
            (Some(Trigger::Trailing(_)), _) => Kind::TrailingStop,
            (Some(Trigger::TrailingPercent(_)), _) => Kind::TrailingStopPercent,
        }
    }

    /// The number of the contract for what it waits for.
    #[cfg(any(target_arch = "wasm32", test))]
    #[inline]
    pub(crate) fn stop_price(&self) -> f64 {
        match self.trigger {
            Some(Trigger::Stop(at) | Trigger::Trailing(at) | Trigger::TrailingPercent(at)) => at,
            None => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prices_given_decide_the_kind() {
        let order = Order::buy(0, 1.0);
        let kinds = [
            (order, Kind::Market),
            (order.limit(2.0), Kind::Limit),
            (order.stop(2.0), Kind::Stop),
            (order.stop(2.0).limit(3.0), Kind::StopLimit),
            (order.trailing_stop(2.0), Kind::TrailingStop),
            (order.trailing_stop_percent(0.1), Kind::TrailingStopPercent),
        ];
        for (order, kind) in kinds {
            assert_eq!(order.kind(), kind);
        }
        assert!(order.limit(2.0).stop_price().is_nan());
        assert_eq!(order.trailing_stop(2.0).stop_price(), 2.0);
    }
}
