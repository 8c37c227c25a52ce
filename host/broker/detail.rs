//! Detail: trades a bar by the finer bars that it consists of, where an order is near.
//!
//! Never decides whether a bar reaches an order ([`matching`] does), and never lets the strategy hear of a finer bar.
//!
//! Each finer bar is traded as a bar of its own: what its open has passed trades there, the rest within, and trailing stops follow
//! it. So the fills are those of a run on the finer bars whose strategy hears of these only when its own bar ends. What is not
//! an order is as without them: targets and market orders trade at the open or the close of their own bar, as much as its volume lets
//! them, fills are entered at that bar, and margin, ruin and interest are looked at when it ends.

use super::{
    Trailing,
    book::{State, Waiting},
    exchange::Exchange,
    finer::{Finer, Walk},
    matching,
};
use crate::model::{Bar, Series, TimeInForce};

/// The finer bars of a series that has some.
fn finer(series: &Series) -> &Series {
    series.detail.as_deref().unwrap_or(series)
}

/// Whether the time of `order` is over before the last finer bar of the bar `own`.
fn expires(order: &Waiting, series: &Series, own: usize) -> bool {
    let detail = finer(series);
    let last = || series.detail_of(own).last().map(|last| detail.time[last]);
    match order.time_in_force {
        TimeInForce::Gtc | TimeInForce::Ioc => false,
        TimeInForce::Gtd => last().is_some_and(|time| time > order.until),
        TimeInForce::Day => last().is_some_and(|time| order.day.is_some_and(|day| detail.schedule.day(time) != day)),
    }
}

impl Exchange<'_> {
    /// Finds the bars of this stamp that are traded by their finer bars: those that an order is near to, or in which one expires. With
    /// these go the bars of what is held, whose prices decide what the account can pay for.
    pub(super) fn find_details(&mut self) {
        self.details.walks.clear();
        let instruments = 0..self.account.series.len();
        if !instruments.clone().any(|instrument| self.is_order_near(instrument)) {
            return;
        }
        for instrument in instruments {
            let series = &self.account.series[instrument];
            let Some(own) = series.detail.as_ref().and_then(|_| self.bar(instrument)) else { continue };
            if self.account.held(instrument) != 0.0 || self.is_order_near(instrument) {
                let range = series.detail_of(own);
                if !range.is_empty() {
                    let (first, end) = (range.start, range.end);
                    self.details.walks.push(Walk { instrument, own, first, next: first, end });
                }
            }
        }
    }

    /// Whether an order of `instrument` may do something in its bar of this stamp, which has finer bars.
    fn is_order_near(&self, instrument: usize) -> bool {
        let series = &self.account.series[instrument];
        let Some(own) = series.detail.as_ref().and_then(|_| self.bar(instrument)) else { return false };
        let (bar, terms) = (series.bar(own), self.account.terms(instrument));
        let reach = self.timeline.opened(instrument, own);
        self.book.orders.iter().any(|order| {
            let is_live = order.state == State::Live && order.from <= reach && order.instrument as usize == instrument;
            // A trailing stop that waits for the second finer bar follows what its own bar does not tell from the first.
            let follows_a_part = order.is_trailing() && order.from_finer > 0;
            is_live && (follows_a_part || matching::is_near(order, &bar, terms) || expires(order, series, own))
        })
    }

    /// Whether the bar of `instrument` at this stamp is traded by its finer bars.
    pub(super) fn is_detailed(&self, instrument: usize) -> bool {
        self.details.walks.iter().any(|walk| walk.instrument == instrument)
    }

    /// Whether finer bars are traded now.
    pub(super) fn is_in_detail(&self) -> bool {
        !self.details.now.is_empty()
    }

    /// The finer bar of `instrument` that is traded now.
    pub(super) fn finer_of(&self, instrument: usize) -> Option<&Finer> {
        self.details.now.iter().find(|finer| finer.instrument == instrument)
    }

    /// The prices of the bar of `instrument` in which something trades now: those of the finer bar, if there are any. `own` is the
    /// index of its own bar.
    pub(super) fn prices(&self, instrument: usize, own: usize) -> Bar {
        let series = &self.account.series[instrument];
        match self.finer_of(instrument) {
            Some(finer) => finer.bar,
            None => match series.detail_of(own) {
                range if range.is_empty() => series.bar(own),
                range => finer(series).bar(range.start),
            },
        }
    }

    /// When exits work that come to life in the bar `own`: the index of the first time stamp and, within that, of the first finer
    /// bar. With `wait` they do not before the next bar.
    pub(super) fn exits_begin(&self, instrument: usize, own: usize, wait: bool) -> (usize, usize) {
        let now = self.timeline.opened(instrument, own);
        // What fills at a close wakes them for the next bar.
        if self.earliest > self.stamp {
            return (self.stamp + 1, 0);
        }
        if !wait {
            return (now, 0);
        }
        let at = self.finer_of(instrument).map(|finer| finer.index);
        let at = at.or_else(|| {
            let range = self.account.series[instrument].detail_of(own);
            (!range.is_empty()).then_some(range.start)
        });
        at.map_or((self.stamp + 1, 0), |at| (now, at + 1))
    }

    /// Whether the finer bar is over in which `order` came to life, where it has to be.
    pub(super) fn is_past_entry(&self, order: &Waiting) -> bool {
        order.from_finer == 0
            || self.finer_of(order.instrument as usize).is_some_and(|finer| order.from_finer <= finer.index)
    }

    /// Trades the finer bars of this stamp, in the order of the moments at which they begin.
    pub(super) fn trade_details(&mut self) {
        while let Some(moment) = self.next_moment() {
            self.take_finer(moment);
            self.begin_finer();
            self.trade_finer_open();
            if self.settings().rules.trailing == Trailing::Before {
                self.follow_finer();
            }
            for at in 0..self.details.now.len() {
                let Finer { instrument, own, bar, .. } = self.details.now[at];
                if self.has_live(instrument) {
                    self.trade_bar(instrument, own, &bar);
                }
            }
            if self.settings().rules.trailing == Trailing::After {
                self.follow_finer();
            }
            for at in 0..self.details.now.len() {
                let Finer { instrument, bar, .. } = self.details.now[at];
                self.account.set_mark(instrument, bar.close);
            }
            self.details.now.clear();
        }
    }

    /// The moment at which the next finer bar begins.
    fn next_moment(&self) -> Option<i64> {
        let left = self.details.walks.iter().filter(|walk| walk.next < walk.end);
        left.map(|walk| self.begins(walk)).min()
    }

    /// The moment at which the next finer bar of a walk begins.
    fn begins(&self, walk: &Walk) -> i64 {
        let detail = finer(&self.account.series[walk.instrument]);
        detail.schedule.opens(detail.time[walk.next])
    }

    /// Takes the finer bars that begin at `moment` as those that are traded now.
    fn take_finer(&mut self, moment: i64) {
        for at in 0..self.details.walks.len() {
            let walk = self.details.walks[at];
            if walk.next < walk.end && self.begins(&walk) == moment {
                let Walk { instrument, own, next: index, .. } = walk;
                let bar = finer(&self.account.series[instrument]).bar(index);
                self.details.now.push(Finer { instrument, own, index, bar });
                self.details.walks[at].next += 1;
            }
        }
    }

    /// Prepares orders for the finer bars, or expires them. The first of an own bar goes on from that one's open, if it has the same.
    fn begin_finer(&mut self) {
        let series = self.account.series;
        for at in 0..self.details.now.len() {
            let Finer { instrument, own, index, bar } = self.details.now[at];
            self.account.set_mark(instrument, bar.open);
            let is_first = self.details.walks.iter().any(|walk| walk.instrument == instrument && walk.first == index);
            let open = series[instrument].open[own];
            if is_first && bar.open == open {
                continue;
            }
            self.account.forget_traded_of(instrument);
            let detail = finer(&series[instrument]);
            let close_before = if is_first { open } else { detail.close[index - 1] };
            let reach = self.timeline.opened(instrument, own);
            for order in 0..self.book.orders.len() {
                let waiting = &self.book.orders[order];
                let is_live = waiting.state == State::Live && waiting.from <= reach && waiting.from_finer <= index;
                if is_live && waiting.instrument as usize == instrument {
                    self.begin_bar(order, detail, index, close_before);
                }
            }
        }
    }

    /// Lets trailing stops see the best price of the finer bars.
    fn follow_finer(&mut self) {
        for index in 0..self.book.orders.len() {
            let order = &self.book.orders[index];
            if !order.is_trailing() || order.state != State::Live || !self.is_past_entry(order) {
                continue;
            }
            let Some(&Finer { instrument, own, bar, .. }) = self.finer_of(order.instrument as usize) else { continue };
            if order.from <= self.timeline.opened(instrument, own) {
                self.follow_bar(index, &bar);
            }
        }
    }
}
