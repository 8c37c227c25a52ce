//! Quiet time stamps: those at which nothing can happen to the account, so that nothing but the strategy's calls is left.
//!
//! Never trades. The [exchange](super::exchange) says how far it can be quiet; a strategy's calls within that are made here, or by
//! a client that makes them [itself](Client::walk).

use super::{
    Bounds, Client, Place, Stretch, Timeline, Trail,
    book::{State, Waiting},
};
use crate::model::{EventKind, OrderKind, Series, TimeInForce};

/// Cancellation is checked every this many time stamps.
pub(super) const CHECKED_EVERY: usize = 32;

/// Calls `client` through `stretch`, until it has sent something, or a time stamp is not quiet. Returns how far it came.
pub(super) fn walk<C: Client>(client: &mut C, stretch: &Stretch<'_>, trail: &mut Trail) -> Result<Place, C::Error> {
    match stretch.series {
        [only] => walk_one(client, stretch, only),
        _ => walk_many(client, stretch, trail),
    }
}

/// One instrument: its bars are the time stamps.
fn walk_one<C: Client>(client: &mut C, stretch: &Stretch<'_>, series: &Series) -> Result<Place, C::Error> {
    let Place { mut stamp, mut told } = stretch.from;
    let (bounds, units, points) = (stretch.bounds[0], stretch.units(0), stretch.points(0));
    let mut equity = stretch.equity;
    loop {
        if told == 0 && !stretch.is_muted(EventKind::Bar) {
            client.on_bar(&series.bar(stamp).event(0, units, equity))?;
            if !client.commands().is_empty() {
                return Ok(Place { stamp, told: 1 });
            }
        }
        if told < 2 && !stretch.is_muted(EventKind::Time) {
            client.on_time(stretch.timeline.times()[stamp], equity)?;
            if !client.commands().is_empty() {
                return Ok(Place { stamp, told: 2 });
            }
        }
        (stamp, told) = (stamp + 1, 0);
        if stamp >= stretch.until || bounds.are_left(series.low[stamp], series.high[stamp]) {
            return Ok(Place { stamp, told });
        }
        let value = points * series.close[stamp];
        equity = stretch.cash + (0.0 + value);
        if stretch.is_in_danger(equity, value.abs()) {
            return Ok(Place { stamp, told });
        }
        if stamp % CHECKED_EVERY == 0 {
            client.check()?;
        }
    }
}

/// Several instruments, of which not all have a bar at each time stamp.
fn walk_many<C: Client>(client: &mut C, stretch: &Stretch<'_>, trail: &mut Trail) -> Result<Place, C::Error> {
    let Trail { equity: equities, cursors, marks, held, here } = trail;
    equities.clear();
    cursors.clear();
    cursors.extend(stretch.cursors);
    marks.clear();
    marks.extend(stretch.marks);
    held.clear();
    held.extend((0..stretch.series.len()).filter(|instrument| stretch.points(*instrument) != 0.0));
    let Place { mut stamp, mut told } = stretch.from;
    let mut equity = stretch.equity;
    look(stretch, stamp, cursors, here);
    loop {
        while told < here.len() {
            let instrument = here[told];
            told += 1;
            if !stretch.is_muted(EventKind::Bar) {
                let bar = stretch.series[instrument].bar(cursors[instrument]);
                client.on_bar(&bar.event(instrument as u32, stretch.units(instrument), equity))?;
                if !client.commands().is_empty() {
                    return Ok(Place { stamp, told });
                }
            }
        }
        if told == here.len() && !stretch.is_muted(EventKind::Time) {
            client.on_time(stretch.timeline.times()[stamp], equity)?;
            if !client.commands().is_empty() {
                return Ok(Place { stamp, told: told + 1 });
            }
        }
        here.iter().for_each(|instrument| cursors[*instrument] += 1);
        (stamp, told) = (stamp + 1, 0);
        if stamp >= stretch.until {
            return Ok(Place { stamp, told });
        }
        look(stretch, stamp, cursors, here);
        for &instrument in &*here {
            let (series, bar) = (&stretch.series[instrument], cursors[instrument]);
            if stretch.bounds[instrument].are_left(series.low[bar], series.high[bar]) {
                return Ok(Place { stamp, told });
            }
            marks[instrument] = series.close[bar];
        }
        let values = held.iter().map(|instrument| stretch.points(*instrument) * marks[*instrument]);
        let (sum, gross) = values.fold((0.0, 0.0), |(sum, gross), value| (sum + value, gross + value.abs()));
        equity = stretch.cash + sum;
        if stretch.is_in_danger(equity, gross) {
            return Ok(Place { stamp, told });
        }
        equities.push(equity);
        if stamp % CHECKED_EVERY == 0 {
            client.check()?;
        }
    }
}

/// Finds the instruments that have a bar at `stamp`.
fn look(stretch: &Stretch<'_>, stamp: usize, cursors: &[usize], here: &mut Vec<usize>) {
    here.clear();
    let has_bar = |instrument: &usize| {
        let bar = cursors[*instrument];
        bar < stretch.series[*instrument].len() && stretch.timeline.stamp(*instrument, bar) == stamp
    };
    here.extend((0..cursors.len()).filter(has_bar));
}

/// Narrows the `bounds` of an order's instrument to where the order does nothing. Returns the first time stamp at which it may do
/// something whatever the price is; `None` if that is the next one.
///
/// `next` is the next bar of its instrument.
pub(super) fn watch(
    order: &Waiting,
    series: &Series,
    timeline: &Timeline,
    next: usize,
    bounds: &mut Bounds,
) -> Option<usize> {
    let instrument = order.instrument as usize;
    if order.state != State::Live {
        return Some(usize::MAX);
    }
    let is_stop = match order.kind {
        OrderKind::Market => return None,
        OrderKind::Limit => false,
        OrderKind::StopLimit => !order.triggered,
        // What is left of one that was filled in part trades as a market order.
        _ if order.triggered => return None,
        OrderKind::Stop | OrderKind::TrailingStop | OrderKind::TrailingStopPercent => true,
    };
    let level = if is_stop { order.stop } else { order.limit };
    // A bar whose open or close lies beyond its extremes reaches orders that its extremes do not.
    if !level.is_finite() || !timeline.is_contained(instrument) {
        return None;
    }
    if order.buys() == is_stop {
        bounds.below(level)
    } else {
        bounds.above(level)
    }
    if order.is_trailing() {
        // It follows a better price, which it has none of before its first bar.
        match order.buys() {
            _ if order.best.is_nan() => return None,
            true => bounds.above(order.best),
            false => bounds.below(order.best),
        }
    }
    let ahead = &series.time[next.min(series.len())..];
    // By finer bars, its time may be over before its bar is.
    let last = |time: &i64| match series.detail {
        Some(_) => series.schedule.ends(*time).max(*time),
        None => *time,
    };
    let over = match order.time_in_force {
        TimeInForce::Gtc => return Some(usize::MAX),
        TimeInForce::Ioc => return None,
        TimeInForce::Gtd => ahead.partition_point(|time| last(time) <= order.until),
        TimeInForce::Day => {
            let day = order.day?;
            let last_day = |time: &i64| match &series.detail {
                Some(detail) => detail.schedule.day_at(last(time) - 1).max(series.schedule.day(*time)),
                None => series.schedule.day(*time),
            };
            ahead.partition_point(|time| last_day(time) <= day)
        }
    };
    Some(if over < ahead.len() { timeline.stamp(instrument, next + over) } else { usize::MAX })
}
