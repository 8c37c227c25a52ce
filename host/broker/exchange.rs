//! The exchange: the steps of each time stamp for a strategy that hears of bars one by one.
//!
//! Never decides at what price an order trades ([`matching`](super::matching)) or what the account makes of it
//! ([`execution`](super::execution)).

use std::sync::Arc;

use super::{
    AtEnd, Bankruptcy, Booking, Bounds, Client, ExitReason, Exits, FillAt, Ledger, MissingBars, Place, Settings,
    Stretch, Timeline, Trail, Trailing, Workspace,
    account::Account,
    book::{Book, Since, State, Waiting},
    finer::Details,
    guard::Guard,
    quiet::{self, CHECKED_EVERY},
};
use crate::model::{Bar, Command, EventKind, FillEvent, OrderKind, RejectReason, Series, TimeInForce, format_time};

/// Nanoseconds of a year of 365.25 days, the unit of the borrow rate.
const YEAR: f64 = 31_557_600e9;

/// Fills and records of orders that one run may have beside 16 for each bar. A strategy that asks for more would use up
/// the machine's memory.
const MOST_BOOKED: usize = 1_000_000;

/// Why a run ends early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TradeError<E> {
    /// The strategy failed.
    #[error("{0}")]
    Client(E),
    /// The strategy trades or orders without end.
    #[error("more than {limit} orders, fills or refusals by {}; send fewer and larger orders", format_time(*time))]
    TooMany {
        /// The most that there may be.
        limit: usize,
        /// The time stamp at which it was exceeded.
        time: i64,
    },
}

/// The bars before those on which a strategy trades: it hears of them first.
#[derive(Debug, Clone, Default)]
pub struct WarmUp {
    /// For each instrument its bars, of which there may be none.
    pub series: Vec<Series>,
    /// The timeline of these series.
    pub timeline: Timeline,
}

/// A message that waits for the strategy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Notice {
    Fill(FillEvent),
    Reject(u64, RejectReason),
}

/// The account, the orders that wait, and the messages about them.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    pub(super) account: Account<'a>,
    pub(super) timeline: &'a Timeline,
    pub(super) book: Book,
    /// The exits of positions that targets open.
    pub(super) guard: Guard,
    pub(super) notices: Vec<Notice>,
    /// Fills that have become notices.
    noticed: usize,
    inbox: Vec<Command>,
    muted: [bool; 4],
    /// Whether the bars are those before the first to trade in.
    warms_up: bool,
    /// Where bars of this stamp are traded by their finer bars.
    pub(super) details: Details,
    /// Instruments that have a bar at this stamp, with the bar, in the order of the instruments.
    here: Vec<(usize, usize)>,
    /// For each instrument the prices between which no order is reached.
    bounds: Vec<Bounds>,
    trail: Trail,
    /// Whether every time stamp is lived through step by step, quiet or not.
    by_steps: bool,
    /// The first stamp at which the client is asked whether the run may go on.
    next_check: usize,
    /// Quote currency: what the account is worth at the marks of this stamp.
    equity: f64,
    /// Orders and fills that there may be in all.
    most: usize,
    pub(super) stamp: usize,
    /// The first stamp at which a market order or a target that is sent now may trade.
    pub(super) earliest: usize,
}

/// Lets `client` trade on `series` in the buffers of `work`, and leaves the results in `ledger`, which keeps `series` until it
/// is used again.
///
/// `timeline` is that of `series`, and `settings` have passed [`Settings::check`]. The rules of targets are those of
/// [this module](super); what happens at each time stamp, in this order:
///
/// 1. Orders whose time is over expire. What is borrowed costs interest for the time since the stamp before.
/// 2. Orders that wait trade at the open: targets, then market orders and those whose price the open has passed.
/// 3. Orders trade within the bars as [`Intrabar`](super::Intrabar) says, instrument by instrument.
/// 4. The account is marked at the closes. If nothing is left, the run ends; if the maintenance margin is not, all positions
///    are closed there and all orders cancelled. (With [`FillAt::Close`] this comes last.)
/// 5. The strategy hears what has become of its orders, each bar, and that the stamp is over. What it sends is checked at
///    once; what is refused is told at the next stamp.
/// 6. With [`FillAt::Close`], market orders and targets trade at these closes, and the strategy hears of it.
///
/// # Errors
///
/// Returns the strategy's error, or one if it trades without end.
///
/// # Panics
///
/// Panics if `timeline` is not that of `series`.
pub fn trade<C: Client>(
    series: &Arc<[Series]>,
    timeline: &Timeline,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
    client: &mut C,
) -> Result<(), TradeError<C::Error>> {
    trade_after(&WarmUp::default(), series, timeline, settings, work, ledger, client)
}

/// Like [`trade`], after `client` has heard of bars before those of `series`.
///
/// It hears of them as of all others, with the cash that the account begins with and no position. Orders that it sends by then
/// are refused for want of a bar to trade in. Of its targets the last for each instrument waits for the first bar.
///
/// # Errors
///
/// As [`trade`].
///
/// # Panics
///
/// As [`trade`].
pub fn trade_after<C: Client>(
    warm_up: &WarmUp,
    series: &Arc<[Series]>,
    timeline: &Timeline,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
    client: &mut C,
) -> Result<(), TradeError<C::Error>> {
    trade_by((false, Exits::default()), warm_up, series, timeline, settings, work, ledger, client)
}

/// Like [`trade_after`]; with `by_steps` it lives through every time stamp step by step, which is the definition of what happens.
/// With `exits`, `client` sends no orders, whose numbers those of the exits would be.
#[expect(clippy::too_many_arguments, reason = "those of the function above, and one for tests and targets")]
pub(super) fn trade_by<C: Client>(
    (by_steps, exits): (bool, Exits),
    warm_up: &WarmUp,
    series: &Arc<[Series]>,
    timeline: &Timeline,
    settings: &Settings,
    work: &mut Workspace,
    ledger: &mut Ledger,
    client: &mut C,
) -> Result<(), TradeError<C::Error>> {
    // Taken out, since the account has the rest of the workspace.
    let mut book = std::mem::take(&mut work.book);
    book.clear();
    let trail = std::mem::take(&mut work.trail);
    let account = Account::open(series, timeline, settings, work, ledger);
    let mut exchange = Exchange {
        account,
        timeline,
        book,
        guard: Guard::new(exits, series.len()),
        notices: Vec::new(),
        noticed: 0,
        inbox: Vec::new(),
        muted: [false; 4],
        warms_up: false,
        details: Details::default(),
        here: Vec::new(),
        bounds: Vec::new(),
        trail,
        by_steps,
        next_check: 0,
        equity: settings.initial_cash,
        most: MOST_BOOKED + 16 * series.iter().map(Series::len).sum::<usize>(),
        stamp: 0,
        earliest: 0,
    };
    let result = exchange.run(warm_up, client);
    (work.book, work.trail) = (exchange.book, exchange.trail);
    result
}

impl Exchange<'_> {
    fn run<C: Client>(&mut self, warm_up: &WarmUp, client: &mut C) -> Result<(), TradeError<C::Error>> {
        self.take_commands(client)?;
        self.warm_up(warm_up, client)?;
        let mut next = 0;
        while next < self.timeline.len() {
            self.stamp = next;
            if next >= self.next_check {
                client.check().map_err(TradeError::Client)?;
                self.next_check = next + CHECKED_EVERY;
            }
            if !self.live(client)? {
                break;
            }
            self.check_load()?;
            next = self.stamp + 1;
        }
        self.close_books();
        self.deliver(client, self.time())?;
        client.finish().map_err(TradeError::Client)?;
        client.commands().clear();
        self.account.finish();
        Ok(())
    }

    /// Tells the strategy of the bars before the first on which it can trade.
    fn warm_up<C: Client>(&mut self, warm_up: &WarmUp, client: &mut C) -> Result<(), TradeError<C::Error>> {
        let WarmUp { series, timeline } = warm_up;
        let mut next = vec![0; series.len()];
        self.warms_up = true;
        for (stamp, time) in timeline.times().iter().enumerate() {
            if stamp % CHECKED_EVERY == 0 {
                client.check().map_err(TradeError::Client)?;
            }
            self.deliver(client, *time)?;
            for (instrument, one) in series.iter().enumerate() {
                let bar = next[instrument];
                let is_here = bar < one.len() && timeline.stamp(instrument, bar) == stamp;
                next[instrument] += usize::from(is_here);
                if is_here && !self.muted[EventKind::Bar as usize] {
                    let event = one.bar(bar).event(instrument as u32, 0.0, self.equity);
                    client.on_bar(&event).map_err(TradeError::Client)?;
                    self.take_commands(client)?;
                }
            }
            if !self.muted[EventKind::Time as usize] {
                client.on_time(*time, self.equity).map_err(TradeError::Client)?;
                self.take_commands(client)?;
            }
        }
        self.warms_up = false;
        // What is wanted before the first bar is ignored, whenever that was.
        if self.settings().first_bar > 0 {
            self.account.drop_targets();
        }
        Ok(())
    }

    /// Handles a command that comes before the first bar to trade in.
    fn handle_early(&mut self, command: &Command) {
        match command {
            Command::Target { .. } => self.handle(command),
            _ => self.refuse_early(command),
        }
    }

    /// Lives through one time stamp, and through the quiet ones after it; returns whether there is still an account.
    fn live<C: Client>(&mut self, client: &mut C) -> Result<bool, TradeError<C::Error>> {
        if !self.settle() {
            return Ok(false);
        }
        self.deliver(client, self.time())?;
        let mut told = 0;
        while told <= self.here.len() {
            let next = self.tell(client, told)?;
            if next.stamp > self.stamp {
                if !self.end(client)? {
                    return Ok(false);
                }
                self.pass_quiet(next.stamp);
                if next.told == 0 {
                    return Ok(true);
                }
                self.stamp = next.stamp;
                let is_solvent = self.settle();
                debug_assert!(is_solvent && !self.has_news(), "the time stamp is quiet");
            }
            told = next.told;
            self.take_commands(client)?;
            // Saves a walk that would make no call.
            if told == self.here.len() && self.muted[EventKind::Time as usize] {
                break;
            }
        }
        self.end(client)
    }

    /// Does what comes before the strategy hears of the bars of a time stamp; returns whether there is still an account.
    fn settle(&mut self) -> bool {
        self.look();
        self.owe_interest();
        // Before any fill: an order that expires today must not trade at today's open.
        if !self.book.is_empty() || self.settings().volume_share.is_some() {
            self.begin();
        }
        if !self.book.is_empty() || self.account.has_targets() {
            self.trade_open();
            self.trade_within();
            self.book.tidy();
        }
        self.mark();
        self.earliest = if self.trades_at_close() { self.stamp } else { self.stamp + 1 };
        self.trades_at_close() || self.is_solvent()
    }

    /// Does what comes after the strategy has heard of the bars of a time stamp; returns whether there is still an account.
    fn end<C: Client>(&mut self, client: &mut C) -> Result<bool, TradeError<C::Error>> {
        if self.trades_at_close() {
            self.earliest = self.stamp + 1;
            self.trade_close();
            self.book.tidy();
            self.equity = self.account.equity();
            if !self.is_solvent() {
                return Ok(false);
            }
            self.deliver(client, self.time())?;
        }
        self.pass();
        Ok(true)
    }

    /// Whether orders trade at the closes at which they are sent.
    fn trades_at_close(&self) -> bool {
        self.settings().fill == FillAt::Close && self.settings().rules.booking == Booking::Fill
    }

    /// Tells the strategy of bars, from the event `told` of this stamp on: of those of this stamp, and of the quiet ones after
    /// it, until it sends something. Returns how far that is.
    fn tell<C: Client>(&mut self, client: &mut C, told: usize) -> Result<Place, TradeError<C::Error>> {
        let until = self.first_not_quiet();
        let stretch = Stretch {
            series: self.account.series,
            timeline: self.timeline,
            from: Place { stamp: self.stamp, told },
            until,
            cash: self.account.cash,
            equity: self.equity,
            floor: self.floor(),
            margin: self.settings().maintenance_margin,
            bounds: &self.bounds,
            marks: self.account.marks(),
            muted: self.muted,
            positions: self.account.positions(),
            cursors: self.account.cursors(),
        };
        let walked = client.walk(&stretch, &mut self.trail);
        match walked.map_err(TradeError::Client)? {
            Some(place) => Ok(place),
            None => quiet::walk(client, &stretch, &mut self.trail).map_err(TradeError::Client),
        }
    }

    /// The first stamp after this one that is not quiet, whatever its prices are. Leaves in `bounds` at which prices those
    /// before it are not.
    fn first_not_quiet(&mut self) -> usize {
        let next = self.stamp + 1;
        self.bounds.clear();
        self.bounds.resize(self.account.series.len(), Bounds::NONE);
        let acts = self.has_news() || self.account.has_targets() || self.is_borrowing() || self.is_in_danger();
        if self.by_steps || acts {
            return next;
        }
        // What the rules do at the end begins from the last stamp, as it was lived through.
        let mut until = self.timeline.len() - 1;
        for order in &self.book.orders {
            let instrument = order.instrument as usize;
            let (series, bar) = (&self.account.series[instrument], self.account.next_bar(instrument));
            match quiet::watch(order, series, self.timeline, bar, &mut self.bounds[instrument]) {
                Some(first) => until = until.min(first),
                None => return next,
            }
        }
        until.max(next)
    }

    /// Whether the strategy is to hear of something that became of its orders.
    fn has_news(&self) -> bool {
        !self.notices.is_empty() || self.noticed < self.account.fills().len()
    }

    /// Whether this stamp ends with a liquidation, or the account.
    fn is_in_danger(&self) -> bool {
        let margin = self.settings().maintenance_margin;
        self.trades_at_close()
            && (self.equity <= self.floor()
                || self.equity.is_nan()
                || (margin > 0.0 && self.equity < margin * self.account.gross()))
    }

    /// Quote currency: an account that is worth no more than that needs the broker.
    fn floor(&self) -> f64 {
        if self.settings().rules.ruin == Bankruptcy::TradeOn { f64::NEG_INFINITY } else { 0.0 }
    }

    /// Whether interest is owed at each stamp.
    fn is_borrowing(&self) -> bool {
        self.settings().borrow_rate > 0.0
            && (self.account.cash < 0.0 || self.account.positions().iter().any(|position| position.points < 0.0))
    }

    /// Enters the quiet time stamps after this one and before `next` into the books.
    fn pass_quiet(&mut self, next: usize) {
        if next > self.stamp + 1 {
            self.account.pass_quiet(self.timeline, (self.stamp + 1)..next, &self.trail.equity);
            self.stamp = next - 1;
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        self.account.settings
    }

    /// The bar of `instrument` at this stamp, if it has one.
    #[inline]
    pub(super) fn bar(&self, instrument: usize) -> Option<usize> {
        let bar = self.account.next_bar(instrument);
        let is_here = bar < self.account.series[instrument].len() && self.timeline.stamp(instrument, bar) == self.stamp;
        is_here.then_some(bar)
    }

    /// Finds the instruments that have a bar at this stamp.
    #[inline(always)]
    fn look(&mut self) {
        self.here.clear();
        for instrument in 0..self.account.series.len() {
            if let Some(bar) = self.bar(instrument) {
                self.here.push((instrument, bar));
            }
        }
    }

    /// Charges interest on borrowed money for the time since the stamp before.
    #[inline(always)]
    fn owe_interest(&mut self) {
        let rate = self.settings().borrow_rate;
        if rate > 0.0 && self.stamp > 0 {
            let times = self.timeline.times();
            let years = (times[self.stamp] - times[self.stamp - 1]) as f64 / YEAR;
            let cost = self.account.borrowed() * rate * years;
            self.account.pay_interest(cost);
        }
    }

    /// Expires orders whose time is over, and prepares the others for their bars.
    fn begin(&mut self) {
        if self.settings().volume_share.is_some() {
            self.account.forget_traded();
        }
        for index in 0..self.book.orders.len() {
            self.begin_order(index);
        }
        self.book.tidy();
    }

    /// Prepares an order for the bar of its instrument, or expires it.
    fn begin_order(&mut self, index: usize) {
        let instrument = self.book.orders[index].instrument as usize;
        let bar = self.bar(instrument);
        let order = &mut self.book.orders[index];
        let reach = bar.map_or(self.stamp, |bar| self.timeline.opened(instrument, bar));
        if order.state != State::Live || order.from > reach {
            return;
        }
        let Some(bar) = bar else {
            let is_missed = self.account.settings.rules.missing == MissingBars::Cancel;
            if is_missed && order.kind == OrderKind::Market {
                self.reject(index, RejectReason::NoBar);
            }
            return;
        };
        order.from_finer = 0;
        let series = &self.account.series[instrument];
        let close_before = bar.checked_sub(1).map_or(f64::NAN, |before| series.close[before]);
        let first = series.detail.as_deref().zip(series.detail_of(bar).next());
        let (series, bar) = first.unwrap_or((series, bar));
        self.begin_bar(index, series, bar, close_before);
    }

    /// Prepares an order for `bar` of `series`, its instrument's or the finer ones, or expires it.
    pub(super) fn begin_bar(&mut self, index: usize, series: &Series, bar: usize, close_before: f64) {
        let order = &mut self.book.orders[index];
        let time = series.time[bar];
        (order.since, order.spent, order.close_before) = (Since::Before, false, close_before);
        let is_over = match order.time_in_force {
            TimeInForce::Gtc | TimeInForce::Ioc => false,
            TimeInForce::Gtd => time > order.until,
            TimeInForce::Day => {
                let day = series.schedule.day(time);
                *order.day.get_or_insert(day) != day
            }
        };
        if is_over {
            self.cancel(index, RejectReason::Expired);
        } else if order.is_trailing() && order.best.is_nan() {
            order.follow(series.open[bar], self.account.terms(order.instrument as usize));
        }
    }

    /// Values every instrument that has a bar at its close, and lets trailing stops follow.
    #[inline(always)]
    fn mark(&mut self) {
        for &(instrument, bar) in &self.here {
            self.account.set_mark(instrument, self.account.series[instrument].close[bar]);
        }
        self.equity = self.account.equity();
        if !self.book.is_empty() && self.settings().rules.trailing == Trailing::After {
            self.follow();
        }
    }

    /// Lets trailing stops see the best price of their bars.
    pub(super) fn follow(&mut self) {
        for index in 0..self.book.orders.len() {
            let order = &self.book.orders[index];
            if !order.is_trailing() || order.state != State::Live {
                continue;
            }
            let instrument = order.instrument as usize;
            let bar = self.bar(instrument).filter(|bar| order.from <= self.timeline.opened(instrument, *bar));
            // What is traded by finer bars has followed them.
            if let Some(bar) = bar.filter(|_| order.from_finer == 0 && !self.is_detailed(instrument)) {
                self.follow_bar(index, &self.account.series[instrument].bar(bar));
            }
        }
    }

    /// Lets a trailing stop see the best price of a bar.
    pub(super) fn follow_bar(&mut self, index: usize, bar: &Bar) {
        let order = &mut self.book.orders[index];
        let best = if order.buys() { bar.low } else { bar.high };
        order.follow(best, self.account.terms(order.instrument as usize));
    }

    /// Ends an account that has nothing left, and closes the positions of one that has too little.
    #[inline(always)]
    fn is_solvent(&mut self) -> bool {
        let equity = self.equity;
        let (margin, ruin) = (self.settings().maintenance_margin, self.settings().rules.ruin);
        let trades_on = ruin == Bankruptcy::TradeOn;
        if (equity > 0.0 || trades_on) && margin > 0.0 && equity < margin * self.account.gross() {
            self.liquidate(ExitReason::Margin);
            self.equity = self.account.equity();
            return trades_on || self.equity > 0.0 || self.wipe_out();
        }
        trades_on || equity > 0.0 || self.wipe_out()
    }

    /// Closes every position at its mark for the reason `why`, and cancels every order.
    fn liquidate(&mut self, why: ExitReason) {
        let (timeline, stamp) = (self.timeline, self.stamp);
        // The bar at this stamp or, where there is none, the one before it.
        let last_bar = |account: &Account<'_>, instrument: usize| {
            let next = account.next_bar(instrument);
            let is_here = next < account.series[instrument].len() && timeline.stamp(instrument, next) == stamp;
            (if is_here { next } else { next - 1 }) as u32
        };
        self.account.liquidate(why, last_bar);
        for index in 0..self.book.orders.len() {
            if self.book.orders[index].state != State::Gone {
                self.cancel(index, RejectReason::Liquidated);
            }
        }
        self.book.tidy();
        self.account.drop_targets();
    }

    /// Ends an account that has nothing left: always false.
    fn wipe_out(&mut self) -> bool {
        self.account.set_wiped_out(self.stamp);
        self.liquidate(ExitReason::Ruin);
        if self.settings().rules.ruin == Bankruptcy::Zero {
            self.account.cash = 0.0;
        }
        self.account.hold(self.timeline.len(), 0.0);
        false
    }

    /// The time of the time stamp that is traded.
    fn time(&self) -> i64 {
        self.timeline.times().get(self.stamp).copied().unwrap_or_default()
    }

    /// Tells the strategy about fills and rejects, at the time stamp `time`. Those that its answers cause are told the next time.
    #[inline]
    fn deliver<C: Client>(&mut self, client: &mut C, time: i64) -> Result<(), TradeError<C::Error>> {
        if self.notices.is_empty() && self.noticed == self.account.fills().len() {
            return Ok(());
        }
        client.at(time);
        self.notice_fills();
        let count = self.notices.len();
        for index in 0..count {
            match self.notices[index] {
                Notice::Fill(fill) if !self.muted[EventKind::Fill as usize] => client.on_fill(&fill),
                Notice::Reject(order, reason) if !self.muted[EventKind::Reject as usize] => {
                    client.on_reject(order, reason)
                }
                _ => continue,
            }
            .map_err(TradeError::Client)?;
            self.take_commands(client)?;
        }
        self.notices.drain(..count);
        Ok(())
    }

    /// Makes notices of the fills since the last time.
    pub(super) fn notice_fills(&mut self) {
        let fills = &self.account.fills()[self.noticed..];
        self.notices.extend(fills.iter().map(|fill| {
            Notice::Fill(FillEvent {
                order: fill.order,
                instrument: fill.instrument,
                quantity: fill.units,
                price: fill.price,
                fee: fill.fee,
            })
        }));
        self.noticed = self.account.fills().len();
    }

    /// Handles the commands that the strategy has sent.
    #[inline]
    fn take_commands<C: Client>(&mut self, client: &mut C) -> Result<(), TradeError<C::Error>> {
        let commands = client.commands();
        if commands.is_empty() {
            return Ok(());
        }
        let mut inbox = std::mem::take(&mut self.inbox);
        commands.take_into(&mut inbox);
        let is_early = self.stamp < self.settings().first_bar;
        for command in inbox.drain(..) {
            if self.warms_up {
                self.handle_early(&command);
            } else if is_early {
                self.refuse_early(&command);
            } else {
                self.handle(&command);
            }
        }
        self.inbox = inbox;
        self.check_load()
    }

    /// Ends a run with too many orders or fills, before it uses up the machine's memory.
    fn check_load<E>(&self) -> Result<(), TradeError<E>> {
        let booked = self.account.fills().len().max(self.account.sent() as usize);
        // A client that answers each refusal with commands that are refused would never end within one time stamp.
        let limit = if self.notices.len() > MOST_BOOKED { MOST_BOOKED } else { self.most };
        if booked <= limit && self.notices.len() <= MOST_BOOKED {
            return Ok(());
        }
        Err(TradeError::TooMany { limit, time: self.timeline.times().get(self.stamp).copied().unwrap_or_default() })
    }

    /// Stops telling the strategy about `event`.
    pub(super) fn mute(&mut self, event: EventKind) {
        self.muted[event as usize] = true;
    }

    /// Enters the stamp into the curve, and moves on.
    #[inline(always)]
    fn pass(&mut self) {
        self.account.close_stamp(self.stamp, self.equity);
        for &(instrument, _) in &self.here {
            self.account.pass_bar(instrument);
        }
    }

    /// Closes the positions at the end, where the rule asks for it.
    fn close_books(&mut self) {
        let (at_end, fill) = (self.settings().rules.at_end, self.settings().fill);
        let has_ended = self.account.is_wiped_out() || self.timeline.is_empty();
        if at_end == AtEnd::Hold || has_ended {
            return;
        }
        if !self.account.is_flat() {
            self.close_positions(at_end, fill);
        }
        if (at_end, self.settings().rules.booking) == (AtEnd::LastBar, Booking::NextBar) {
            self.trade_last_bar();
        }
    }

    /// Closes every position at the price that the rule for the end names.
    fn close_positions(&mut self, at_end: AtEnd, fill: FillAt) {
        let series = self.account.series;
        // The last bar is the one at which a fill at the close before it is booked.
        let booked_late =
            (at_end, fill, self.settings().rules.booking) == (AtEnd::LastBar, FillAt::Close, Booking::NextBar);
        for (instrument, series) in series.iter().enumerate() {
            let Some(last) = series.len().checked_sub(1) else { continue };
            let price = match (at_end, fill) {
                (AtEnd::LastBar, FillAt::NextOpen) => series.open[last],
                _ if booked_late => series.close[last.saturating_sub(1)],
                _ => series.close[last],
            };
            self.account.set_mark(instrument, price);
        }
        let late = usize::from(booked_late);
        let last_bar = |_: &Account<'_>, instrument: usize| (series[instrument].len() - 1).saturating_sub(late) as u32;
        self.account.liquidate(ExitReason::End, last_bar);
        self.account.discount_in_market(1);
        let stamps = self.timeline.len();
        self.account.hold_nothing_from(stamps - 1, stamps);
    }

    /// Lets what still waits trade in the last bar, after all positions were closed there.
    fn trade_last_bar(&mut self) {
        for instrument in 0..self.account.series.len() {
            self.cancel_idle_exits(instrument);
        }
        self.book.tidy();
        if self.book.is_empty() && !self.account.has_targets() {
            return;
        }
        // The stamp begins anew, and what was sent at it counts as sent before.
        self.here.iter().for_each(|&(instrument, _)| self.account.return_to_bar(instrument));
        self.account.hasten_targets(self.stamp);
        for order in &mut self.book.orders {
            order.from = order.from.min(self.stamp);
        }
        self.earliest = self.stamp;
        self.begin();
        self.trade_open();
        self.trade_within();
        self.book.tidy();
        self.mark();
        self.account.reopen_stamp(self.stamp);
        if self.is_solvent() {
            self.pass();
        }
    }

    /// Adds an order to those that wait. Its number is higher than any before.
    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.book.orders.push(waiting);
    }
}
