//! Simulation of targets: trades those that are known beforehand from fill to fill, and marks the account in between.
//!
//! Never lets an order wait: [`exchange`](super::exchange) does.

use std::sync::Arc;

use super::{
    ExitReason, Exits, FillAt, Ledger, Settings, Timeline, TradeError, WarmUp, Workspace, account::Account,
    exchange::trade_by, playback::Playback,
};
use crate::model::{Series, Targets};

/// What a strategy of targets wants: its targets, and how the positions that they open are closed in between.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// Targets from before the first bar: instruments, each at most once, and exposures.
    pub before: &'a [(u32, f64)],
    /// The targets of the bars.
    pub targets: &'a Targets,
    /// The exits of positions; none by default.
    pub exits: Exits,
}

impl<'a> From<&'a Targets> for Wishes<'a> {
    fn from(targets: &'a Targets) -> Self {
        Self { before: &[], targets, exits: Exits::default() }
    }
}

/// Trades `targets` on `series` by the rules of [this module](super) in the buffers of `work`, and leaves the results in
/// `ledger`, which keeps `series` until it is used again.
///
/// `timeline` is that of `series`, `targets` have passed [`Targets::check`] and `settings` [`Settings::check`].
///
/// # Panics
///
/// Panics if `targets` name an instrument or a bar that is not in `series`, or if `timeline` is not that of `series`.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use host::{
///     broker::{Ledger, Settings, Timeline, Workspace, simulate},
///     model::{Series, Targets},
/// };
///
/// let prices = vec![10.0, 11.0, 12.0];
/// let series = Arc::from([Series {
///     symbol: "A".into(),
///     time: vec![1, 2, 3],
///     open: prices.clone(),
///     high: prices.clone(),
///     low: prices.clone(),
///     close: prices,
///     volume: vec![0.0; 3],
///     ..Series::default()
/// }]);
/// let targets = Targets { at: vec![0], instrument: vec![0], exposure: vec![1.0] };
/// let settings = Settings { initial_cash: 1100.0, ..Settings::default() };
/// let (mut work, mut ledger) = (Workspace::new(), Ledger::new());
/// simulate(&series, &Timeline::of(&series), &targets, &settings, &mut work, &mut ledger);
/// assert_eq!(ledger.equity(), [1100.0, 1100.0, 1200.0]);
/// assert_eq!((ledger.fills[0].bar, ledger.fills[0].units), (1, 100.0));
/// ```
pub fn simulate(
    series: &Arc<[Series]>,
    timeline: &Timeline,
    targets: &Targets,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
) {
    simulate_after(targets.into(), series, timeline, settings, work, ledger);
}

/// Like [`simulate`], with targets from before the first bar, which trade as soon as their instruments do, and with exits.
///
/// # Panics
///
/// Panics if one of `wishes.before` is not an instrument of `series`.
pub fn simulate_after(
    wishes: Wishes<'_>,
    series: &Arc<[Series]>,
    timeline: &Timeline,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
) {
    if !settings.is_plain() || !wishes.exits.is_none() {
        return play(wishes, series, timeline, settings, work, ledger);
    }
    let Wishes { before, targets, exits: _ } = wishes;
    let mut account = Account::open(series, timeline, settings, work, ledger);
    if let [only] = &**series {
        simulate_one(&mut account, only, before, targets, settings.fill);
    } else {
        before.iter().for_each(|&(instrument, exposure)| account.set_target(instrument as usize, exposure, 0));
        simulate_many(&mut account, timeline, targets, settings.fill);
    }
    account.finish();
}

/// Trades targets stamp by stamp: for settings by which something happens between fills, or orders wait.
pub(super) fn play(
    wishes: Wishes<'_>,
    series: &Arc<[Series]>,
    timeline: &Timeline,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
) {
    let mut client = Playback::new(wishes.before, wishes.targets, timeline);
    let manner = (false, wishes.exits);
    match trade_by(manner, &WarmUp::default(), series, timeline, settings, work, ledger, &mut client) {
        Ok(()) => {}
        Err(TradeError::Client(never)) => match never {},
        // At most one target, one end of it and three exits for each bar, of which a run may have sixteen.
        Err(TradeError::TooMany { .. }) => unreachable!("there are at most as many targets as bars"),
    }
}

/// One instrument: its bars are the time stamps, so the account jumps from fill to fill.
fn simulate_one(account: &mut Account<'_>, series: &Series, before: &[(u32, f64)], targets: &Targets, fill: FillAt) {
    let later = usize::from(fill == FillAt::NextOpen);
    // A target of the first bar replaces one from before, if both trade at once.
    let is_replaced = later == 0 && targets.at.first() == Some(&0);
    let before = before.iter().filter(|_| !is_replaced).map(|(_, exposure)| (0, *exposure));
    let targets = targets.at.iter().zip(&targets.exposure).map(|(at, exposure)| (*at as usize + later, *exposure));
    for (bar, exposure) in before.chain(targets) {
        if bar >= series.len() || !mark_until(account, series, bar) {
            break;
        }
        account.set_mark(0, account.reference_price(0, bar));
        let equity = account.equity();
        match account.order(0, bar, exposure, equity) {
            Some(order) => _ = account.execute(order, equity, None),
            None => account.count_unpriced(),
        }
    }
    mark_until(account, series, series.len());
}

/// Marks the stamps up to `end`, through which the position does not change; returns whether the account still trades.
fn mark_until(account: &mut Account<'_>, series: &Series, end: usize) -> bool {
    let start = account.stamps();
    let (cash, points) = (account.cash, account.points(0));
    account.hold(end, points);
    if account.is_wiped_out() {
        return false;
    }
    if points != 0.0 {
        account.count_in_market(end - start);
    }
    // A long position in an account without debt cannot lose more than there is, unless a price falls below zero.
    if cash >= 0.0 && points >= 0.0 && cash + points > 0.0 && !account.terms(0).signed {
        return true;
    }
    let Some(ahead) = ruin(&series.close[start..end], cash, points) else { return true };
    wipe_out_one(account, series, start + ahead, end);
    false
}

/// The first of `closes` at which `cash` and a position of `points` are worth nothing.
fn ruin(closes: &[f64], cash: f64, points: f64) -> Option<usize> {
    let is_ruined = |close: &f64| cash + points * close <= 0.0;
    // A search without a branch comes first, since most segments have no such stamp.
    let any = closes.iter().fold(false, |any, close| any | is_ruined(close));
    if any { closes.iter().position(is_ruined) } else { None }
}

/// Ends an account that was marked until `end` but has nothing left at `stamp`.
fn wipe_out_one(account: &mut Account<'_>, series: &Series, stamp: usize, end: usize) {
    if account.held(0) != 0.0 {
        account.discount_in_market(end - stamp);
    }
    account.set_mark(0, series.close[stamp]);
    account.set_wiped_out(stamp);
    account.liquidate(ExitReason::Ruin, |_, _| stamp as u32);
    account.hold_nothing_from(stamp, end);
}

/// Several instruments on one account: stamp by stamp.
fn simulate_many(account: &mut Account<'_>, timeline: &Timeline, targets: &Targets, fill: FillAt) {
    let mut next = 0;
    for stamp in 0..timeline.len() {
        if fill == FillAt::Close {
            next = decide(account, timeline, targets, next, stamp);
        }
        trade_stamp(account, timeline, stamp);
        mark_stamp(account, timeline, stamp);
        let equity = account.equity();
        if equity <= 0.0 {
            wipe_out_many(account, timeline, stamp);
            return;
        }
        account.close_stamp(stamp, equity);
        if fill == FillAt::NextOpen {
            next = decide(account, timeline, targets, next, stamp);
        }
    }
}

/// Makes the targets of `stamp`, from entry `next` on, pending; returns the first entry of a later stamp.
fn decide(account: &mut Account<'_>, timeline: &Timeline, targets: &Targets, mut next: usize, stamp: usize) -> usize {
    while next < targets.len() {
        let (at, instrument) = (targets.at[next], targets.instrument[next] as usize);
        if timeline.stamp(instrument, at as usize) > stamp {
            break;
        }
        account.set_target(instrument, targets.exposure[next], 0);
        next += 1;
    }
    next
}

/// The bar of `instrument` at `stamp`, if it has one.
fn bar_at(account: &Account<'_>, timeline: &Timeline, instrument: usize, stamp: usize) -> Option<usize> {
    let bar = account.next_bar(instrument);
    (bar < account.series[instrument].len() && timeline.stamp(instrument, bar) == stamp).then_some(bar)
}

/// Executes the pending targets of every instrument that has a bar at `stamp`.
fn trade_stamp(account: &mut Account<'_>, timeline: &Timeline, stamp: usize) {
    if !account.has_targets() {
        return;
    }
    for instrument in 0..account.series.len() {
        if let Some(bar) = bar_at(account, timeline, instrument, stamp) {
            account.set_mark(instrument, account.reference_price(instrument, bar));
        }
    }
    let equity = account.equity();
    size_orders(account, timeline, stamp, equity);
    for reducing in [true, false] {
        for index in 0..account.sized().len() {
            let order = account.sized()[index];
            if order.reduces == reducing {
                account.execute(order, equity, None);
            }
        }
    }
}

/// Turns the pending targets of instruments that have a bar at `stamp` into orders, in the order of the instruments.
fn size_orders(account: &mut Account<'_>, timeline: &Timeline, stamp: usize, equity: f64) {
    account.sized().clear();
    for instrument in 0..account.series.len() {
        let Some((exposure, _)) = account.target(instrument) else { continue };
        let Some(bar) = bar_at(account, timeline, instrument, stamp) else { continue };
        account.drop_target(instrument);
        match account.order(instrument, bar, exposure, equity) {
            Some(order) => account.sized().push(order),
            None => account.count_unpriced(),
        }
    }
}

/// Values every instrument that has a bar at `stamp` at its close, and moves on to its next bar.
fn mark_stamp(account: &mut Account<'_>, timeline: &Timeline, stamp: usize) {
    for instrument in 0..account.series.len() {
        if let Some(bar) = bar_at(account, timeline, instrument, stamp) {
            account.set_mark(instrument, account.series[instrument].close[bar]);
            account.pass_bar(instrument);
        }
    }
}

/// Ends an account that has nothing left at `stamp`.
fn wipe_out_many(account: &mut Account<'_>, timeline: &Timeline, stamp: usize) {
    account.set_wiped_out(stamp);
    // A position stands in an instrument that has had a bar, so its cursor is past the first.
    account.liquidate(ExitReason::Ruin, |account, instrument| (account.next_bar(instrument) - 1) as u32);
    account.hold(timeline.len(), 0.0);
}
