//! The rules of orders, one by one, on bars small enough to follow by hand: each fails under the other choice of its rule.

use std::{convert::Infallible, sync::Arc};

use super::{
    AtEnd, Booking, Client, Exits, FillAt, Gaps, Intrabar, Ledger, Limits, LotRounding, Missing, OrderStatus, Priority,
    Ruin, Rules, Settings, TickRounding, Timeline, TradeError, Trailing, trade,
};
use crate::model::{
    BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side,
    TimeInForce,
};

const NAN: f64 = f64::NAN;

/// The day of a bar, and its open, high, low and close.
type DatedBar = (i64, (f64, f64, f64, f64));

/// Bars given as (open, high, low, close), a day apart, with a volume of 100.
pub(super) fn bars(prices: &[(f64, f64, f64, f64)]) -> Series {
    dated(&(0..).zip(prices.iter().copied()).collect::<Vec<_>>())
}

/// The same with the day of each.
pub(super) fn dated(prices: &[DatedBar]) -> Series {
    let column = |pick: fn(&(f64, f64, f64, f64)) -> f64| prices.iter().map(|(_, bar)| pick(bar)).collect::<Vec<_>>();
    Series {
        symbol: "A".into(),
        time: prices.iter().map(|(day, _)| day * 86_400_000_000_000).collect(),
        open: column(|bar| bar.0),
        high: column(|bar| bar.1),
        low: column(|bar| bar.2),
        close: column(|bar| bar.3),
        volume: vec![100.0; prices.len()],
    }
}

/// A bar whose four prices are one.
pub(super) fn flat(price: f64) -> (f64, f64, f64, f64) {
    (price, price, price, price)
}

/// What a strategy heard beside bars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Heard {
    Fill(FillEvent),
    Reject(u64, RejectReason),
}

/// A strategy that does what its closures do.
struct Script<'a> {
    on_bar: &'a mut dyn FnMut(&BarEvent, &mut Commands),
    on_heard: &'a mut dyn FnMut(Heard, &mut Commands),
    commands: Commands,
    heard: Vec<Heard>,
}

impl Client for Script<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        (self.on_bar)(bar, &mut self.commands);
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        self.heard.push(Heard::Fill(*fill));
        (self.on_heard)(Heard::Fill(*fill), &mut self.commands);
        Ok(())
    }

    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Infallible> {
        self.heard.push(Heard::Reject(order, reason));
        (self.on_heard)(Heard::Reject(order, reason), &mut self.commands);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// The books of one run, and what the strategy heard.
pub(super) struct Run {
    pub(super) ledger: Ledger,
    pub(super) heard: Vec<Heard>,
}

impl Run {
    /// Fills as (order, bar, units, price).
    pub(super) fn fills(&self) -> Vec<(u64, u32, f64, f64)> {
        self.ledger.fills.iter().map(|fill| (fill.order, fill.bar, fill.units, fill.price)).collect()
    }

    pub(super) fn rejects(&self) -> Vec<(u64, RejectReason)> {
        let reject = |heard: &Heard| match heard {
            Heard::Reject(order, reason) => Some((*order, *reason)),
            Heard::Fill(_) => None,
        };
        self.heard.iter().filter_map(reject).collect()
    }
}

pub(super) fn run_all(
    series: &[Series],
    settings: Settings,
    on_bar: &mut dyn FnMut(&BarEvent, &mut Commands),
    on_heard: &mut dyn FnMut(Heard, &mut Commands),
) -> Result<Run, TradeError<Infallible>> {
    settings.check().unwrap();
    let mut script = Script { on_bar, on_heard, commands: Commands::default(), heard: vec![] };
    let mut ledger = Ledger::with_orders();
    trade(&Arc::from(series), &Timeline::of(series), &settings, &mut ledger, &mut script)?;
    Ok(Run { ledger, heard: script.heard })
}

/// Runs a strategy that has sent `commands` from its start, and does nothing else.
pub(super) fn run_started(series: &[Series], settings: Settings, commands: Commands) -> (Ledger, Vec<Heard>) {
    let mut script = Script { on_bar: &mut |_, _| (), on_heard: &mut |_, _| (), commands, heard: vec![] };
    let mut ledger = Ledger::with_orders();
    trade(&Arc::from(series), &Timeline::of(series), &settings, &mut ledger, &mut script).unwrap();
    (ledger, script.heard)
}

/// Runs `on_bar` with books of one's own.
pub(super) fn run_in(
    ledger: &mut Ledger,
    series: &[Series],
    on_bar: &mut dyn FnMut(&BarEvent, &mut Commands),
) -> Result<(), TradeError<Infallible>> {
    let mut script = Script { on_bar, on_heard: &mut |_, _| (), commands: Commands::default(), heard: vec![] };
    trade(&Arc::from(series), &Timeline::of(series), &Settings::default(), ledger, &mut script)
}

/// Runs `script`, which gets the number of each bar of the first instrument.
pub(super) fn run(series: &[Series], settings: Settings, mut script: impl FnMut(usize, &mut Commands)) -> Run {
    let mut bar = 0;
    let mut on_bar = |event: &BarEvent, commands: &mut Commands| {
        if event.instrument == 0 {
            script(bar, commands);
            bar += 1;
        }
    };
    run_all(series, settings, &mut on_bar, &mut |_, _| ()).unwrap()
}

/// Sends `requests` at the close of the first bar.
pub(super) fn send(series: &[Series], settings: Settings, requests: &[OrderRequest]) -> Run {
    run(series, settings, |bar, commands| {
        if bar == 0 {
            requests.iter().for_each(|request| _ = commands.submit(*request));
        }
    })
}

/// Sends an entry with exits at the close of the first bar.
pub(super) fn send_bracket(series: &[Series], settings: Settings, entry: OrderRequest, exits: (f64, f64)) -> Run {
    run(series, settings, |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(entry);
            commands.bracket(entry, exits.0, exits.1);
        }
    })
}

pub(super) fn ruled(change: impl FnOnce(&mut Rules)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.rules);
    settings
}

pub(super) fn buy(quantity: f64) -> OrderRequest {
    OrderRequest::market(0, Side::Buy, quantity)
}

pub(super) fn sell(quantity: f64) -> OrderRequest {
    OrderRequest::market(0, Side::Sell, quantity)
}

#[test]
fn an_order_trades_at_the_next_open_or_at_its_own_close() {
    let series = [bars(&[flat(10.0), (11.0, 12.0, 11.0, 12.0)])];
    assert_eq!(send(&series, Settings::default(), &[buy(5.0)]).fills(), [(1, 1, 5.0, 11.0)]);
    let close = Settings { fill: FillAt::Close, ..Settings::default() };
    let run = send(&series, close, &[buy(5.0)]);
    assert_eq!(run.fills(), [(1, 0, 5.0, 10.0)]);
    assert_eq!(run.ledger.equity(), [10_000.0, 10_010.0]);
}

#[test]
fn a_fill_at_the_close_may_be_booked_at_the_next_bar() {
    let series = [bars(&[flat(10.0), flat(12.0), flat(13.0)])];
    let costs = Settings { fill: FillAt::Close, commission_per_order: 1.0, ..Settings::default() };
    assert_eq!(send(&series, costs, &[buy(5.0)]).ledger.equity(), [9_999.0, 10_009.0, 10_014.0]);
    let late = Settings { rules: Rules { booking: Booking::NextBar, ..Rules::default() }, ..costs };
    let booked = send(&series, late, &[buy(5.0)]);
    assert_eq!(booked.fills(), [(1, 0, 5.0, 10.0)]);
    assert_eq!(booked.ledger.equity(), [10_000.0, 10_009.0, 10_014.0]);
    let last = run(&series, late, |bar, commands| {
        if bar == 2 {
            commands.submit(buy(1.0));
        }
    });
    assert_eq!(last.fills(), []);
}

#[test]
fn a_policy_says_whether_stop_or_target_was_first() {
    // The entry is at 100; the bar after it reaches 90 and 112, and opens nearer to the low.
    let series = [bars(&[flat(100.0), flat(100.0), (98.0, 112.0, 90.0, 105.0), flat(105.0)])];
    let exit = |policy| {
        let settings = ruled(|rules| rules.intrabar = policy);
        let run = send_bracket(&series, settings, buy(1.0), (95.0, 110.0));
        assert_eq!(run.rejects(), [(if run.fills()[1].0 == 2 { 3 } else { 2 }, RejectReason::OtherFilled)]);
        run.fills()[1]
    };
    let (stop, target) = ((2, 2, -1.0, 95.0), (3, 2, -1.0, 110.0));
    assert_eq!(exit(Intrabar::Pessimistic), stop);
    assert_eq!(exit(Intrabar::Optimistic), target);
    assert_eq!(exit(Intrabar::Ohlc), target);
    assert_eq!(exit(Intrabar::Olhc), stop);
    assert_eq!(exit(Intrabar::Adaptive), stop);
}

#[test]
fn the_adaptive_policy_goes_to_the_nearer_extreme_first() {
    let series = [bars(&[flat(100.0), flat(100.0), (104.0, 112.0, 90.0, 105.0)])];
    let adaptive = ruled(|rules| rules.intrabar = Intrabar::Adaptive);
    assert_eq!(send_bracket(&series, adaptive, buy(1.0), (95.0, 110.0)).fills()[1], (3, 2, -1.0, 110.0));
}

#[test]
fn a_short_bracket_mirrors_a_long_one() {
    let series = [bars(&[flat(100.0), flat(100.0), (100.0, 112.0, 90.0, 105.0)])];
    let worst = send_bracket(&series, Settings::default(), sell(1.0), (110.0, 95.0));
    assert_eq!(worst.fills()[1], (2, 2, 1.0, 110.0));
    let best = send_bracket(&series, ruled(|rules| rules.intrabar = Intrabar::Optimistic), sell(1.0), (110.0, 95.0));
    assert_eq!(best.fills()[1], (3, 2, 1.0, 95.0));
}

#[test]
fn exits_work_in_the_bar_of_the_entry_or_from_the_next_one_on() {
    let series = [bars(&[flat(100.0), (100.0, 101.0, 90.0, 97.0), (97.0, 97.0, 93.0, 96.0)])];
    let exit = |exits| send_bracket(&series, ruled(|rules| rules.exits = exits), buy(1.0), (95.0, NAN)).fills()[1];
    assert_eq!(exit(Exits::SameBar), (2, 1, -1.0, 95.0));
    assert_eq!(exit(Exits::NextBar), (2, 2, -1.0, 95.0));
}

#[test]
fn exits_work_in_the_bar_of_the_entry_where_it_is_known_what_came_after_it() {
    let series = [bars(&[flat(100.0), (100.0, 112.0, 90.0, 100.0), flat(100.0)])];
    let exits = |request, prices| {
        let run = send_bracket(&series, ruled(|rules| rules.exits = Exits::Known), request, prices);
        run.fills()[1..].to_vec()
    };
    let stop = OrderRequest::stop(0, Side::Buy, 1.0, 105.0);
    assert_eq!(exits(buy(1.0), (95.0, 110.0)), [(2, 1, -1.0, 95.0)]);
    assert_eq!(exits(stop, (95.0, 110.0)), []);
    assert_eq!(exits(stop, (85.0, 110.0)), [(3, 1, -1.0, 110.0)]);
    assert_eq!(exits(OrderRequest::limit(0, Side::Buy, 1.0, 95.0), (80.0, 99.0)), [(3, 2, -1.0, 100.0)]);
}

#[test]
fn a_stop_may_go_first_even_where_the_open_is_beyond_the_target() {
    let series = [bars(&[flat(100.0), flat(100.0), (112.0, 113.0, 94.0, 100.0), flat(100.0)])];
    let exit =
        |policy, prices| send_bracket(&series, ruled(|rules| rules.intrabar = policy), buy(1.0), prices).fills()[1];
    assert_eq!(exit(Intrabar::Pessimistic, (95.0, 110.0)), (3, 2, -1.0, 112.0));
    assert_eq!(exit(Intrabar::StopsFirst, (95.0, 110.0)), (2, 2, -1.0, 95.0));
    assert_eq!(exit(Intrabar::StopsFirst, (90.0, 110.0)), (3, 2, -1.0, 112.0), "the open is better than the target");
}

#[test]
fn a_low_before_a_rising_entry_counts_only_for_a_pessimist() {
    // The price rises through the entry at 105; whether 90 came before or after it, nobody knows.
    let series = [bars(&[flat(100.0), (100.0, 108.0, 90.0, 107.0)])];
    let entry = OrderRequest::stop(0, Side::Buy, 1.0, 105.0);
    let fills = |policy| send_bracket(&series, ruled(|rules| rules.intrabar = policy), entry, (95.0, NAN)).fills();
    assert_eq!(fills(Intrabar::Pessimistic), [(1, 1, 1.0, 105.0), (2, 1, -1.0, 95.0)]);
    assert_eq!(fills(Intrabar::Optimistic), [(1, 1, 1.0, 105.0)]);
    assert_eq!(fills(Intrabar::Olhc), [(1, 1, 1.0, 105.0)]);
    assert_eq!(fills(Intrabar::Ohlc), [(1, 1, 1.0, 105.0), (2, 1, -1.0, 95.0)]);
}

#[test]
fn a_close_beyond_the_stop_is_certain_for_an_optimist_too() {
    let series = [bars(&[flat(100.0), (100.0, 108.0, 90.0, 94.0)])];
    let entry = OrderRequest::stop(0, Side::Buy, 1.0, 105.0);
    let best = ruled(|rules| rules.intrabar = Intrabar::Optimistic);
    assert_eq!(send_bracket(&series, best, entry, (95.0, NAN)).fills()[1], (2, 1, -1.0, 95.0));
}

#[test]
fn a_high_before_a_falling_entry_counts_only_for_an_optimist() {
    let series = [bars(&[flat(100.0), (100.0, 112.0, 94.0, 97.0)])];
    let entry = OrderRequest::limit(0, Side::Buy, 1.0, 95.0);
    let fills = |policy| send_bracket(&series, ruled(|rules| rules.intrabar = policy), entry, (NAN, 110.0)).fills();
    assert_eq!(fills(Intrabar::Pessimistic), [(1, 1, 1.0, 95.0)]);
    assert_eq!(fills(Intrabar::Optimistic), [(1, 1, 1.0, 95.0), (3, 1, -1.0, 110.0)]);
}

#[test]
fn a_stop_behind_a_gap_gets_the_open_or_its_own_price() {
    let series = [bars(&[flat(100.0), flat(100.0), (80.0, 85.0, 79.0, 84.0)])];
    let exit = |gaps| send_bracket(&series, ruled(|rules| rules.gaps = gaps), buy(1.0), (95.0, NAN)).fills()[1];
    assert_eq!(exit(Gaps::Open), (2, 2, -1.0, 80.0));
    assert_eq!(exit(Gaps::Stop), (2, 2, -1.0, 95.0));
    assert_eq!(exit(Gaps::ExitsOpen), (2, 2, -1.0, 80.0));
    let series = [bars(&[flat(100.0), (110.0, 112.0, 109.0, 111.0)])];
    let entry = OrderRequest::stop(0, Side::Buy, 1.0, 105.0);
    let fills = |gaps| send(&series, ruled(|rules| rules.gaps = gaps), &[entry]).fills();
    assert_eq!(fills(Gaps::Open), [(1, 1, 1.0, 110.0)]);
    assert_eq!(fills(Gaps::ExitsOpen), [(1, 1, 1.0, 105.0)]);
}

#[test]
fn a_limit_is_filled_once_penetrated_or_touched_and_at_a_better_open() {
    let limit = OrderRequest::limit(0, Side::Buy, 1.0, 95.0);
    let touched = [bars(&[flat(100.0), (100.0, 100.0, 95.0, 97.0)])];
    assert_eq!(send(&touched, Settings::default(), &[limit]).fills(), []);
    assert_eq!(send(&touched, ruled(|rules| rules.limits = Limits::Touch), &[limit]).fills(), [(1, 1, 1.0, 95.0)]);
    let penetrated = [bars(&[flat(100.0), (100.0, 100.0, 94.9, 97.0)])];
    assert_eq!(send(&penetrated, Settings::default(), &[limit]).fills(), [(1, 1, 1.0, 95.0)]);
    let gapped = [bars(&[flat(100.0), (90.0, 100.0, 89.0, 97.0)])];
    assert_eq!(send(&gapped, Settings::default(), &[limit]).fills(), [(1, 1, 1.0, 90.0)]);
}

#[test]
fn a_trailing_stop_follows_after_or_before_the_check() {
    // From 100 it trails 5 behind: the second bar has its low at 97, its high at 104.
    let series = [bars(&[flat(100.0), flat(100.0), (100.0, 104.0, 97.0, 103.0), (103.0, 103.0, 98.0, 98.5)])];
    let trail = OrderRequest { kind: OrderKind::TrailingStop, stop: 5.0, ..sell(1.0) };
    let fills = |trailing| send(&series, ruled(|rules| rules.trailing = trailing), &[buy(1.0), trail]).fills();
    assert_eq!(fills(Trailing::After), [(1, 1, 1.0, 100.0), (2, 3, -1.0, 99.0)]);
    assert_eq!(fills(Trailing::Before), [(1, 1, 1.0, 100.0), (2, 2, -1.0, 99.0)]);
    let percent = OrderRequest { kind: OrderKind::TrailingStopPercent, stop: 0.05, ..sell(1.0) };
    let after = send(&series, Settings::default(), &[buy(1.0), percent]).fills();
    assert_eq!(after[1], (2, 3, -1.0, 104.0 - 104.0 * 0.05));
}

#[test]
fn a_stop_limit_is_a_limit_once_its_stop_is_reached() {
    let order = OrderRequest { kind: OrderKind::StopLimit, stop: 105.0, limit: 106.0, ..buy(1.0) };
    let risen = [bars(&[flat(100.0), (100.0, 107.0, 100.0, 107.0)])];
    assert_eq!(send(&risen, Settings::default(), &[order]).fills(), [(1, 1, 1.0, 105.0)]);
    // The open is beyond the limit: it waits until the price comes back.
    let gapped = [bars(&[flat(100.0), (110.0, 112.0, 109.0, 111.0), (111.0, 111.0, 104.0, 105.0)])];
    assert_eq!(send(&gapped, Settings::default(), &[order]).fills(), [(1, 2, 1.0, 106.0)]);
    // A limit below the stop is reached in the same bar only if the price certainly came back.
    let below = OrderRequest { limit: 103.0, ..order };
    let back = [bars(&[flat(100.0), (100.0, 106.0, 100.0, 102.0)])];
    assert_eq!(send(&back, Settings::default(), &[below]).fills(), [(1, 1, 1.0, 103.0)]);
    let stayed = [bars(&[flat(100.0), (100.0, 106.0, 100.0, 105.0)])];
    assert_eq!(send(&stayed, Settings::default(), &[below]).fills(), []);
}

#[test]
fn an_order_without_a_bar_waits_or_is_cancelled() {
    let series = [dated(&[(0, flat(10.0)), (2, flat(12.0))]), dated(&[(1, flat(1.0))])];
    let waits = send(&series, Settings::default(), &[buy(1.0)]);
    assert_eq!(waits.fills(), [(1, 1, 1.0, 12.0)]);
    let cancelled = send(&series, ruled(|rules| rules.missing = Missing::Cancel), &[buy(1.0)]);
    assert_eq!((cancelled.fills(), cancelled.rejects()), (vec![], vec![(1, RejectReason::NoBar)]));
    let wish = |rules: Rules| {
        run(&series, Settings { rules, ..Settings::default() }, |bar, commands| {
            if bar == 0 {
                commands.target(0, 0.5);
            }
        })
    };
    assert_eq!(wish(Rules::default()).fills().len(), 1);
    let gone = wish(Rules { missing: Missing::Cancel, ..Rules::default() });
    assert_eq!((gone.fills(), gone.rejects()), (vec![], vec![(0, RejectReason::NoBar)]));
}

#[test]
fn who_goes_first_decides_who_can_pay() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0)]), bars(&[flat(10.0), flat(10.0), flat(10.0)])];
    let fills = |priority| {
        let settings = Settings { initial_cash: 100.0, ..ruled(|rules| rules.priority = priority) };
        let run = run(&series, settings, |bar, commands| match bar {
            0 => _ = commands.submit(OrderRequest::market(1, Side::Buy, 10.0)),
            // All cash is in the second instrument: the first can be bought only once that is sold.
            1 => {
                commands.submit(OrderRequest::market(0, Side::Buy, 10.0));
                commands.submit(OrderRequest::market(1, Side::Sell, 10.0));
            }
            _ => {}
        });
        run.fills().iter().skip(1).map(|fill| fill.0).collect::<Vec<_>>()
    };
    assert_eq!(fills(Priority::ReducingFirst), [3, 2]);
    assert_eq!(fills(Priority::Sent), [3]);
    assert_eq!(fills(Priority::Instrument), [3]);
    let by_instrument = |priority| {
        let run = send(
            &series,
            ruled(|rules| rules.priority = priority),
            &[OrderRequest::market(1, Side::Buy, 1.0), buy(1.0)],
        );
        run.fills().iter().map(|fill| fill.0).collect::<Vec<_>>()
    };
    assert_eq!(by_instrument(Priority::Sent), [1, 2]);
    assert_eq!(by_instrument(Priority::Instrument), [2, 1]);
}

#[test]
fn what_is_open_at_the_end_is_held_or_closed() {
    let series = [bars(&[flat(10.0), flat(10.0), (11.0, 13.0, 11.0, 12.0)])];
    let end = |at_end| {
        let settings = Settings { commission_per_order: 1.0, ..ruled(|rules| rules.at_end = at_end) };
        let run = send(&series, settings, &[buy(5.0)]);
        (run.fills().len(), run.ledger.final_equity(), run.ledger.trades[0].open, run.ledger.stamps_in_market)
    };
    assert_eq!(end(AtEnd::Hold), (1, 10_009.0, true, 2));
    assert_eq!(end(AtEnd::Close), (2, 10_008.0, false, 1));
    assert_eq!(end(AtEnd::LastBar), (2, 10_003.0, false, 1));
}

#[test]
fn quantities_become_whole_lots_as_declared() {
    let series = [bars(&[flat(10.0), flat(10.0)])];
    let lots = |lot_rounding| {
        let settings = Settings { lot: Some(2.0), ..ruled(|rules| rules.lot_rounding = lot_rounding) };
        let run = send(&series, settings, &[buy(3.5), buy(1.0), buy(4.0)]);
        (run.fills().iter().map(|fill| fill.2).collect::<Vec<_>>(), run.rejects())
    };
    let too_small = (2, RejectReason::LotSize);
    assert_eq!(lots(LotRounding::Down), (vec![2.0, 4.0], vec![too_small]));
    assert_eq!(lots(LotRounding::Nearest), (vec![4.0, 2.0, 4.0], vec![]));
    assert_eq!(lots(LotRounding::Reject), (vec![4.0], vec![(1, RejectReason::LotSize), too_small]));
}

#[test]
fn prices_become_whole_ticks_as_declared() {
    let series = [bars(&[flat(10.0), (10.0, 10.0, 9.0, 9.5)])];
    let tick = |tick_rounding| {
        let settings = Settings { tick: Some(0.5), ..ruled(|rules| rules.tick_rounding = tick_rounding) };
        let run = send(&series, settings, &[OrderRequest::limit(0, Side::Buy, 1.0, 9.8)]);
        (run.fills().first().map(|fill| fill.3), run.rejects())
    };
    // The nearest is the open: it trades there as soon as the price is lower.
    assert_eq!(tick(TickRounding::Nearest), (Some(10.0), vec![]));
    assert_eq!(tick(TickRounding::Passive), (Some(9.5), vec![]));
    assert_eq!(tick(TickRounding::Reject), (None, vec![(1, RejectReason::TickSize)]));
}

#[test]
fn an_account_that_lost_everything_keeps_its_debt_or_is_zero_or_trades_on() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(25.0), flat(12.0)])];
    let ends = |ruin| {
        let run = send(&series, Settings { initial_cash: 100.0, ..ruled(|rules| rules.ruin = ruin) }, &[sell(10.0)]);
        (run.ledger.equity(), run.ledger.wiped_out)
    };
    assert_eq!(ends(Ruin::Keep), (vec![100.0, 100.0, -50.0, -50.0], Some(2)));
    assert_eq!(ends(Ruin::Zero), (vec![100.0, 100.0, 0.0, 0.0], Some(2)));
    assert_eq!(ends(Ruin::TradeOn), (vec![100.0, 100.0, -50.0, 80.0], None));
}

#[test]
fn orders_live_as_long_as_they_say() {
    let day = 86_400_000_000_000;
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0), (10.0, 10.0, 8.0, 9.0)])];
    let limit = OrderRequest::limit(0, Side::Buy, 1.0, 9.0);
    let end = |time_in_force, until| {
        let run = send(&series, Settings::default(), &[OrderRequest { time_in_force, until, ..limit }]);
        let record = run.ledger.orders[0];
        (record.status, record.ended)
    };
    let expired = OrderStatus::Rejected(RejectReason::Expired);
    assert_eq!(end(TimeInForce::Gtc, 0), (OrderStatus::Filled, 3));
    assert_eq!(end(TimeInForce::Day, 0), (expired, 2), "its day is that of the next bar");
    assert_eq!(end(TimeInForce::Gtd, 2 * day), (expired, 3));
    assert_eq!(end(TimeInForce::Gtd, 3 * day), (OrderStatus::Filled, 3));
    assert_eq!(end(TimeInForce::Ioc, 0), (expired, 1));
}

#[test]
fn an_order_that_only_reduces_does_no_more_than_close() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0)])];
    let close = OrderRequest { reduce_only: true, ..sell(9.0) };
    let run = send(&series, Settings::default(), &[buy(5.0), close, close]);
    assert_eq!(run.fills(), [(1, 1, 5.0, 10.0), (2, 1, -5.0, 10.0)]);
    assert_eq!(run.rejects(), [(3, RejectReason::ReduceOnly)]);
    let later = self::run(&series, Settings::default(), |bar, commands| {
        commands.submit(if bar == 0 { buy(5.0) } else { close });
    });
    assert_eq!(later.fills(), [(1, 1, 5.0, 10.0), (2, 2, -5.0, 10.0)]);
}

#[test]
fn volume_limits_a_bar_and_the_rest_waits_under_one_order_of_costs() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(11.0), flat(12.0)])];
    let settings = Settings {
        volume_share: Some(0.25),
        commission_bps: 10.0,
        commission_per_order: 1.0,
        commission_minimum: 1.5,
        ..Settings::default()
    };
    let parts = send(&series, settings, &[buy(60.0)]);
    assert_eq!(parts.fills(), [(1, 1, 25.0, 10.0), (1, 2, 25.0, 11.0), (1, 3, 10.0, 12.0)]);
    let fees: Vec<_> = parts.ledger.fills.iter().map(|fill| fill.fee).collect();
    assert_eq!(fees[0], 1.5);
    assert!((fees.iter().sum::<f64>() - (1.0 + 0.001 * (250.0 + 275.0 + 120.0))).abs() < 1e-12, "{fees:?}");
    let immediate = send(&series, settings, &[OrderRequest { time_in_force: TimeInForce::Ioc, ..buy(60.0) }]);
    assert_eq!((immediate.fills().len(), immediate.rejects()), (1, vec![(1, RejectReason::Expired)]));
    let wish = run(&series, settings, |bar, commands| {
        if bar == 0 {
            commands.target(0, 0.06);
        }
    });
    let units: Vec<_> = wish.fills().iter().map(|fill| fill.2).collect();
    assert_eq!(units[..2], [25.0, 25.0], "a target waits for volume too");
}

#[test]
fn one_of_a_pair_cancels_the_other() {
    let series = [bars(&[flat(10.0), (10.0, 12.5, 10.0, 12.0), (12.0, 12.0, 7.0, 8.0)])];
    let breakout = |tie: bool| {
        run(&series, Settings::default(), |bar, commands| {
            if bar == 0 {
                let up = commands.submit(OrderRequest::stop(0, Side::Buy, 1.0, 12.0));
                let down = commands.submit(OrderRequest::stop(0, Side::Sell, 1.0, 8.0));
                if tie {
                    commands.push(Command::OneCancelsOther { first: up, second: down });
                }
            }
        })
    };
    assert_eq!(breakout(false).fills().len(), 2);
    let tied = breakout(true);
    assert_eq!((tied.fills(), tied.rejects()), (vec![(1, 1, 1.0, 12.0)], vec![(2, RejectReason::OtherFilled)]));
}

#[test]
fn exits_of_a_position_that_is_gone_are_gone() {
    let series = [bars(&[flat(100.0), flat(100.0), flat(100.0), flat(100.0), flat(80.0)])];
    let run = run(&series, Settings::default(), |bar, commands| match bar {
        0 => {
            let entry = commands.submit(buy(1.0));
            commands.bracket(entry, 90.0, 120.0);
        }
        1 => _ = commands.submit(sell(1.0)),
        2 => _ = commands.submit(buy(1.0)),
        _ => {}
    });
    assert_eq!(run.fills().len(), 3, "the stop of the first position does not close the second");
    assert_eq!(run.rejects(), [(2, RejectReason::ReduceOnly), (3, RejectReason::OtherFilled)]);
    let unfilled =
        send_bracket(&series, Settings::default(), OrderRequest::limit(0, Side::Buy, 1.0, 50.0), (40.0, 60.0));
    assert!(unfilled.ledger.orders.iter().all(|order| order.status == OrderStatus::Open));
    let cancelled = self::run(&series, Settings::default(), |bar, commands| match bar {
        0 => {
            let entry = commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 50.0));
            commands.bracket(entry, 40.0, 60.0);
        }
        1 => commands.cancel(1),
        _ => {}
    });
    let gone = RejectReason::ReduceOnly;
    assert_eq!(cancelled.rejects(), [(1, RejectReason::Cancelled), (2, gone), (3, gone)]);
}

#[test]
fn exits_are_as_large_as_what_of_their_entry_is_filled() {
    let series = [bars(&[flat(100.0), flat(100.0), flat(100.0), (100.0, 100.0, 80.0, 90.0), flat(90.0)])];
    let settings = Settings { volume_share: Some(0.3), ..Settings::default() };
    let run = send_bracket(&series, settings, buy(40.0), (85.0, NAN));
    assert_eq!(run.fills()[..2], [(1, 1, 30.0, 100.0), (1, 2, 10.0, 100.0)]);
    assert_eq!(run.fills()[2..], [(2, 3, -30.0, 85.0), (2, 4, -10.0, 90.0)]);
    assert_eq!(run.ledger.orders[1].request.quantity, 40.0);
}

#[test]
fn what_makes_no_sense_is_rejected_with_its_reason() {
    let series = [bars(&[flat(10.0), flat(10.0)])];
    let odd = |change: fn(&mut OrderRequest)| {
        let mut request = buy(1.0);
        change(&mut request);
        let run = send(&series, Settings::default(), &[request]);
        assert!(run.fills().is_empty(), "{request:?}");
        run.rejects()[0].1
    };
    assert_eq!(odd(|order| order.quantity = NAN), RejectReason::BadQuantity);
    assert_eq!(odd(|order| order.quantity = 0.0), RejectReason::BadQuantity);
    assert_eq!(odd(|order| order.quantity = -1.0), RejectReason::BadQuantity);
    assert_eq!(odd(|order| order.quantity = f64::INFINITY), RejectReason::BadQuantity);
    assert_eq!(odd(|order| order.quantity = 1e9), RejectReason::InsufficientFunds);
    assert_eq!(odd(|order| order.instrument = 1), RejectReason::UnknownInstrument);
    assert_eq!(odd(|order| order.limit = 10.0), RejectReason::BadPrice);
    assert_eq!(odd(|order| order.kind = OrderKind::Limit), RejectReason::BadPrice);
    let infinite = |order: &mut OrderRequest| (order.kind, order.limit) = (OrderKind::Limit, f64::INFINITY);
    assert_eq!(odd(infinite), RejectReason::BadPrice);
    assert_eq!(odd(|order| (order.kind, order.stop) = (OrderKind::Stop, -1.0)), RejectReason::BadPrice);
    let all = |order: &mut OrderRequest| (order.kind, order.stop) = (OrderKind::TrailingStopPercent, 1.0);
    assert_eq!(odd(all), RejectReason::BadPrice);
    assert_eq!(odd(|order| (order.measure, order.quantity) = (Measure::Equity, 101.0)), RejectReason::BadQuantity);
}

#[test]
fn commands_about_orders_that_are_not_open_are_refused() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0)])];
    let run = run(&series, Settings::default(), |bar, commands| match bar {
        0 => {
            let limit = commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 1.0));
            commands.cancel(limit);
            commands.cancel(limit);
            commands.cancel(99);
            commands.cancel(0);
            commands.bracket(99, 5.0, 20.0);
            commands.target(7, 1.0);
            commands.target(0, NAN);
        }
        1 => commands.push(Command::OneCancelsOther { first: 1, second: 2 }),
        _ => {}
    });
    assert_eq!(
        run.rejects(),
        [
            (1, RejectReason::Cancelled),
            (1, RejectReason::NotOpen),
            (99, RejectReason::UnknownOrder),
            (0, RejectReason::UnknownOrder),
            (2, RejectReason::UnknownOrder),
            (3, RejectReason::UnknownOrder),
            (0, RejectReason::UnknownInstrument),
            (0, RejectReason::BadQuantity),
            (1, RejectReason::NotOpen),
        ]
    );
    assert_eq!(run.ledger.equity(), [10_000.0; 3]);
}

#[test]
fn units_that_cannot_be_paid_for_are_refused_and_shares_are_cut() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0)])];
    let settings = Settings { initial_cash: 100.0, commission_bps: 100.0, ..Settings::default() };
    let sized = |measure, quantity| send(&series, settings, &[OrderRequest { measure, ..buy(quantity) }]);
    assert_eq!(sized(Measure::Units, 10.0).rejects(), [(1, RejectReason::InsufficientFunds)]);
    let all = 100.0 / (10.0 * 1.01);
    assert_eq!(sized(Measure::Equity, 1.0).fills(), [(1, 1, all, 10.0)]);
    assert_eq!(sized(Measure::Equity, 5.0).fills()[0].2, all);
    assert_eq!(sized(Measure::Value, 50.5).fills(), [(1, 1, 5.0, 10.0)]);
    // What closes is always allowed; what would open beyond the funds is not.
    let reversed = run(&series, settings, |bar, commands| {
        commands.submit(if bar == 0 { buy(5.0) } else { sell(50.0) });
    });
    assert_eq!(reversed.fills(), [(1, 1, 5.0, 10.0), (2, 2, -5.0, 10.0)]);
    assert_eq!(reversed.rejects(), [(2, RejectReason::InsufficientFunds)]);
}

#[test]
fn margin_lends_and_takes_back() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(8.0), flat(9.0)])];
    let cash = Settings { initial_cash: 100.0, ..Settings::default() };
    assert_eq!(send(&series, cash, &[buy(20.0)]).rejects(), [(1, RejectReason::InsufficientFunds)]);
    let margin = Settings { initial_margin: 0.5, ..cash };
    assert_eq!(send(&series, margin, &[buy(20.0)]).ledger.equity(), [100.0, 100.0, 60.0, 80.0]);
    // 60 of equity behind 160 of position is less than 40 %.
    let strict = Settings { maintenance_margin: 0.4, ..margin };
    let called = send(&series, strict, &[buy(20.0), OrderRequest::limit(0, Side::Buy, 1.0, 1.0)]);
    assert_eq!(called.fills(), [(1, 1, 20.0, 10.0), (0, 2, -20.0, 8.0)]);
    assert_eq!(called.rejects(), [(2, RejectReason::Liquidated)]);
    assert_eq!((called.ledger.equity(), called.ledger.wiped_out), (vec![100.0, 100.0, 60.0, 60.0], None));
    let lenient = Settings { maintenance_margin: 0.3, ..margin };
    assert_eq!(send(&series, lenient, &[buy(20.0)]).fills().len(), 1);
}

#[test]
fn what_is_borrowed_costs_interest() {
    let year = |years: i64| years * 1461 / 4;
    let series = [dated(&[(0, flat(10.0)), (1, flat(10.0)), (1 + year(4), flat(10.0))])];
    let settings = Settings { borrow_rate: 0.05, ..Settings::default() };
    let short = send(&series, settings, &[sell(100.0)]);
    assert_eq!(short.ledger.equity(), [10_000.0, 10_000.0, 10_000.0 - 1000.0 * 0.05 * 4.0]);
    assert_eq!(short.ledger.borrow_costs, 200.0);
    assert_eq!(send(&series, settings, &[buy(100.0)]).ledger.borrow_costs, 0.0);
    let lent = send(&series, Settings { initial_margin: 0.5, ..settings }, &[buy(1500.0)]);
    assert_eq!(lent.ledger.borrow_costs, 5000.0 * 0.05 * 4.0);
}

#[test]
fn a_maker_pays_less_and_has_no_slippage() {
    let series = [bars(&[flat(10.0), (10.0, 10.0, 9.0, 9.5)])];
    let settings = Settings {
        commission_bps: 100.0,
        commission_maker_bps: Some(10.0),
        slippage_bps: 100.0,
        ..Settings::default()
    };
    let run = send(&series, settings, &[buy(1.0), OrderRequest::limit(0, Side::Buy, 1.0, 9.5)]);
    assert_eq!(run.fills(), [(1, 1, 1.0, 10.0 * 1.01), (2, 1, 1.0, 9.5)]);
    assert_eq!(run.ledger.fills[1].fee, 9.5 * 0.001);
}

#[test]
fn a_strategy_that_answers_every_fill_with_an_order_trades_once_a_bar() {
    let series = [bars(&[flat(10.0); 5])];
    for (fill, expected) in [(FillAt::NextOpen, 4), (FillAt::Close, 5)] {
        let mut first = true;
        let mut on_bar = |_: &BarEvent, commands: &mut Commands| {
            if std::mem::take(&mut first) {
                commands.submit(buy(1.0));
            }
        };
        let mut for_ever = |_: Heard, commands: &mut Commands| _ = commands.submit(buy(1.0));
        let run = run_all(&series, Settings { fill, ..Settings::default() }, &mut on_bar, &mut for_ever).unwrap();
        assert_eq!(run.fills().len(), expected);
    }
}

#[test]
fn a_strategy_that_trades_without_end_is_stopped() {
    let series = [bars(&[flat(10.0); 200])];
    let mut flood = |_: &BarEvent, commands: &mut Commands| {
        for _ in 0..9_000 {
            commands.submit(OrderRequest { reduce_only: false, ..buy(1e-6) });
        }
    };
    let error = run_all(&series, Settings::default(), &mut flood, &mut |_, _| ()).map(|_| ()).unwrap_err();
    assert!(matches!(error, TradeError::TooMany { limit: 1_003_200, .. }), "{error}");
}

#[test]
fn only_so_many_orders_wait() {
    let series = [bars(&[flat(10.0), flat(10.0)])];
    let run = run(&series, Settings::default(), |bar, commands| {
        if bar == 0 {
            (0..10_001).for_each(|_| _ = commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 1.0)));
        }
    });
    assert_eq!(run.rejects(), [(10_001, RejectReason::TooManyOrders)]);
}

#[test]
fn a_muted_event_is_not_heard() {
    let series = [bars(&[flat(10.0); 4])];
    let mut count = 0;
    let mut on_bar = |_: &BarEvent, commands: &mut Commands| {
        count += 1;
        commands.push(Command::Mute { event: EventKind::Bar });
        commands.push(Command::Mute { event: EventKind::Reject });
        commands.submit(buy(NAN));
    };
    let run = run_all(&series, Settings::default(), &mut on_bar, &mut |_, _| ()).unwrap();
    assert_eq!((count, run.heard), (1, vec![]));
}

#[test]
fn records_say_what_became_of_every_order() {
    let series = [bars(&[flat(10.0), (10.0, 12.0, 10.0, 11.0), flat(11.0)])];
    let run = send_bracket(&series, Settings::default(), buy(2.0), (5.0, 11.5));
    let records: Vec<_> =
        run.ledger.orders.iter().map(|r| (r.order, r.parent, r.sent, r.ended, r.filled, r.value)).collect();
    assert_eq!(records, [(1, 0, 0, 1, 2.0, 20.0), (2, 1, 0, 1, 0.0, 0.0), (3, 1, 0, 1, 2.0, 23.0)]);
    let statuses: Vec<_> = run.ledger.orders.iter().map(|record| record.status).collect();
    assert_eq!(statuses, [OrderStatus::Filled, OrderStatus::Rejected(RejectReason::OtherFilled), OrderStatus::Filled,]);
    assert_eq!((run.ledger.sent, run.ledger.rejected), (3, 1));
}
