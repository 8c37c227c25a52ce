//! Matching: whether a bar reaches an order, and at what price.
//!
//! Never knows an account or a quantity.

use super::{
    GapFills, Intrabar, LimitFills, Rules,
    book::{Since, Waiting},
    costs::Liquidity,
    terms::Terms,
};
use crate::model::{Bar, OrderKind};

/// An order that a bar reaches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    /// Quote currency for one unit, before slippage.
    pub(super) price: f64,
    pub(super) liquidity: Liquidity,
    /// Where the price stands afterwards.
    pub(super) since: Since,
    /// Lower goes first.
    rank: (u8, f64),
}

impl Hit {
    fn new(price: f64, liquidity: Liquidity, since: Since) -> Self {
        Self { price, liquidity, since, rank: (0, 0.0) }
    }

    /// The same, with the price standing at `since` afterwards.
    pub(super) fn standing(self, since: Since) -> Self {
        Self { since, ..self }
    }

    /// The same at `price`.
    pub(super) fn at(self, price: f64) -> Self {
        Self { price, ..self }
    }

    /// Whether this one comes before `other`; where neither does, they are as early.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.rank.0 < other.rank.0 || (self.rank.0 == other.rank.0 && self.rank.1 < other.rank.1)
    }
}

/// What an order waits for at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wait {
    Nothing,
    Stop,
    Limit,
}

fn wait(order: &Waiting) -> Wait {
    match order.kind {
        OrderKind::Market => Wait::Nothing,
        OrderKind::Limit => Wait::Limit,
        OrderKind::StopLimit if order.triggered => Wait::Limit,
        _ if order.triggered => Wait::Nothing,
        OrderKind::Stop | OrderKind::StopLimit | OrderKind::TrailingStop | OrderKind::TrailingStopPercent => Wait::Stop,
    }
}

/// Whether `order` trades at `price`, the first that it sees: the open, or the price at which it came to life.
pub(super) fn at_first(order: &Waiting, price: f64, rules: &Rules) -> Option<Hit> {
    let hit = |paid| Some(Hit::new(paid, Liquidity::Taker, Since::At(price)));
    // A purchase at a limit gains, one at a stop loses, where the price is lower.
    let lower = |level: f64| if order.buys() { price < level } else { price > level };
    match wait(order) {
        Wait::Nothing => hit(price),
        Wait::Stop if lower(order.stop) => None,
        Wait::Stop => hit(own_price(order, rules).unwrap_or(price)),
        Wait::Limit if waits_for_stops(order, rules) => None,
        Wait::Limit if lower(order.limit) || (price == order.limit && rules.limits == LimitFills::Touch) => hit(price),
        Wait::Limit => None,
    }
}

/// The price of a stop that the market has jumped over, where it is not that of the market. One that was reached when it was
/// sent has not been jumped over: at its own price it would make money of nothing.
fn own_price(order: &Waiting, rules: &Rules) -> Option<f64> {
    match rules.gaps {
        GapFills::Open => None,
        GapFills::Stop => (!order.late).then_some(order.stop),
        GapFills::ExitsOpen if order.parent != 0 => None,
        // The close before is beyond the stop only if that was reached when the order was sent; NaN is neither.
        GapFills::ExitsOpen if order.buys() => Some(order.stop.max(order.close_before)),
        GapFills::ExitsOpen => Some(order.stop.min(order.close_before)),
    }
}

/// Whether a limit lets the stops of the bar go first, even after an open beyond the limit.
fn waits_for_stops(order: &Waiting, rules: &Rules) -> bool {
    rules.intrabar == Intrabar::StopsFirst && order.parent != 0
}

/// Whether `order`, which does not trade at the first price that it saw, trades within the bar, of which the way is not
/// followed: [`Intrabar::Pessimistic`], [`Intrabar::StopsFirst`] and [`Intrabar::Optimistic`].
pub(super) fn within(order: &Waiting, bar: &Bar, rules: &Rules) -> Option<Hit> {
    let wait = wait(order);
    let is_adverse = wait == Wait::Stop;
    // What may have happened counts against a pessimist's account; for it, only what must have.
    let possible = is_adverse == (rules.intrabar != Intrabar::Optimistic);
    let (low, high) = if possible { (bar.low, bar.high) } else { certain(order.since, bar) };
    let level = reached(order, wait, low, high, rules.limits)?;
    let is_passed = wait == Wait::Limit && waits_for_stops(order, rules);
    let price = match wait {
        Wait::Stop if rules.gaps == GapFills::ExitsOpen => own_price(order, rules).unwrap_or(level),
        _ if is_passed => better(order, level, order.since.price(bar.open)),
        _ => level,
    };
    let rises = order.buys() == is_adverse;
    let since = if rises { Since::Rising(price) } else { Since::Falling(price) };
    let liquidity = if is_adverse || price != level { Liquidity::Taker } else { Liquidity::Maker };
    let rank = (u8::from(!possible), (price - bar.open).abs());
    Some(Hit { rank, ..Hit::new(price, liquidity, since) })
}

/// The better of two prices for whoever sent `order`.
fn better(order: &Waiting, one: f64, other: f64) -> f64 {
    if order.buys() { one.min(other) } else { one.max(other) }
}

/// The lowest and the highest price that the bar must have had after `since`.
fn certain(since: Since, bar: &Bar) -> (f64, f64) {
    match since {
        Since::Before | Since::At(_) => (bar.low, bar.high),
        // The price is here, and ends at the close; an extreme on the way here was reached before or is here.
        Since::Rising(price) => (price.min(bar.close), bar.high),
        Since::Falling(price) => (bar.low, price.max(bar.close)),
    }
}

/// Whether a stop-limit order whose stop a bar reaches trades at it by [`StopLimits::NextBar`].
pub(super) fn trades_at_stop(order: &Waiting, bar: &Bar) -> bool {
    if order.buys() {
        order.limit > order.stop && bar.low <= order.limit
    } else {
        order.limit < order.stop && bar.high >= order.limit
    }
}

/// Whether `order` trades while the price goes from `from` to `to`.
pub(super) fn along(order: &Waiting, from: f64, to: f64, rules: &Rules) -> Option<Hit> {
    let wait = wait(order);
    let rises = to > from;
    if rises != (order.buys() == (wait == Wait::Stop)) {
        return None;
    }
    let price = reached(order, wait, from.min(to), from.max(to), rules.limits)?;
    let liquidity = if wait == Wait::Stop { Liquidity::Taker } else { Liquidity::Maker };
    Some(Hit { rank: (0, (price - from).abs()), ..Hit::new(price, liquidity, Since::At(price)) })
}

/// Whether `order` may trade in `bar`, whatever the rules are. A trailing stop may be as near as the best price of the bar brings it.
pub(super) fn is_near(order: &Waiting, bar: &Bar, terms: &Terms) -> bool {
    let mut order = *order;
    if order.is_trailing() {
        order.follow(if order.buys() { bar.low } else { bar.high }, terms);
    }
    let wait = wait(&order);
    let level = if wait == Wait::Limit { order.limit } else { order.stop };
    let (low, high) = (bar.low.min(bar.open), bar.high.max(bar.open));
    let is_reached = if order.buys() == (wait == Wait::Stop) { high >= level } else { low <= level };
    wait == Wait::Nothing || level.is_nan() || is_reached
}

/// The price at which `order` trades if the price goes from `low` to `high` or back.
fn reached(order: &Waiting, wait: Wait, low: f64, high: f64, limits: LimitFills) -> Option<f64> {
    let touch = limits == LimitFills::Touch;
    let (level, is_reached) = match (wait, order.buys()) {
        (Wait::Nothing, _) => return None,
        (Wait::Stop, true) => (order.stop, high >= order.stop),
        (Wait::Stop, false) => (order.stop, low <= order.stop),
        (Wait::Limit, true) => (order.limit, low < order.limit || (touch && low == order.limit)),
        (Wait::Limit, false) => (order.limit, high > order.limit || (touch && high == order.limit)),
    };
    is_reached.then_some(level)
}

/// The way of the price through a bar, where the policy has one.
pub(super) fn way(bar: &Bar, policy: Intrabar) -> Option<[f64; 4]> {
    let high_first = match policy {
        Intrabar::Pessimistic | Intrabar::StopsFirst | Intrabar::Optimistic => return None,
        Intrabar::Ohlc => true,
        Intrabar::Olhc => false,
        Intrabar::Adaptive => bar.high - bar.open < bar.open - bar.low,
    };
    let (first, second) = if high_first { (bar.high, bar.low) } else { (bar.low, bar.high) };
    Some([bar.open, first, second, bar.close])
}
