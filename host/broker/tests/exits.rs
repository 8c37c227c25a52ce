//! Exits of targets: cases to follow by hand, a naive account bar by bar, and brackets that a strategy sends itself.

use std::{convert::Infallible, sync::Arc};

use proptest::{prelude::*, sample::select};

use super::{
    order_properties,
    orders::{bars, buy, flat, sell, send, send_bracket},
};
use crate::broker::{
    AtEnd, Booking, Client, ExitReason, ExitTiming, Exits, FillAt, GapFills, Intrabar, Ledger, LimitFills, OrderStatus,
    Rules, Settings, Sizing, TickRounding, Timeline, Trailing, Wishes, Workspace, costs::Costs, exchange::trade_by,
    playback::Playback, simulate_after, trade,
};
use crate::model::{BarEvent, Commands, FillEvent, OrderRequest, RejectReason, Series, Side, Targets};

/// Exposures wanted at bars of the first instrument.
fn wanted(all: &[(u32, f64)]) -> Targets {
    Targets {
        at: all.iter().map(|one| one.0).collect(),
        instrument: vec![0; all.len()],
        exposure: all.iter().map(|one| one.1).collect(),
    }
}

/// An account that trades ten units for an exposure of 1.
fn ten() -> Settings {
    Settings { sizing: Sizing::Units(10.0), initial_cash: 1e6, ..Settings::default() }
}

fn run(series: &[Series], targets: &Targets, exits: Exits, settings: Settings) -> Ledger {
    settings.check().unwrap();
    targets.check(series).unwrap();
    let (mut work, mut ledger) = (Workspace::new(), Ledger::with_orders());
    let wishes = Wishes { exits, ..targets.into() };
    simulate_after(wishes, &Arc::from(series), &Timeline::of(series), &settings, &mut work, &mut ledger);
    ledger
}

/// Fills as (bar, units, price), prices to nine digits.
fn fills(ledger: &Ledger) -> Vec<(u32, f64, f64)> {
    let rounded = |price: f64| (price * 1e9).round() / 1e9;
    ledger.fills.iter().map(|fill| (fill.bar, fill.units, rounded(fill.price))).collect()
}

fn stop(stop_loss: f64) -> Exits {
    Exits { stop_loss, ..Exits::default() }
}

fn take(take_profit: f64) -> Exits {
    Exits { take_profit, ..Exits::default() }
}

fn trail(trailing_stop: f64) -> Exits {
    Exits { trailing_stop, ..Exits::default() }
}

/// Wants `exposure` at the close of the first bar, on bars after one at 100.
fn entered(exposure: f64, prices: &[(f64, f64, f64, f64)], exits: Exits, settings: Settings) -> Vec<(u32, f64, f64)> {
    let all: Vec<_> = std::iter::once(flat(100.0)).chain(prices.iter().copied()).collect();
    fills(&run(&[bars(&all)], &wanted(&[(0, exposure)]), exits, settings))
}

#[test]
fn a_long_position_is_closed_at_its_stop_and_a_short_one_above_it() {
    let long = [(100.0, 101.0, 97.0, 100.0)];
    assert_eq!(entered(1.0, &long, stop(0.02), ten()), [(1, 10.0, 100.0), (1, -10.0, 98.0)]);
    assert_eq!(entered(1.0, &long, stop(0.03), ten()), [(1, 10.0, 100.0), (1, -10.0, 97.0)]);
    assert_eq!(entered(1.0, &long, stop(0.031), ten()), [(1, 10.0, 100.0)]);
    let short = [(100.0, 103.0, 99.0, 100.0)];
    assert_eq!(entered(-1.0, &short, stop(0.02), ten()), [(1, -10.0, 100.0), (1, 10.0, 102.0)]);
}

#[test]
fn a_profit_is_taken_once_the_price_has_gone_beyond_it() {
    let long = [flat(100.0), (100.0, 105.0, 100.0, 101.0), (101.0, 105.5, 100.0, 101.0)];
    assert_eq!(entered(1.0, &long, take(0.05), ten()), [(1, 10.0, 100.0), (3, -10.0, 105.0)]);
    let touch = Settings { rules: Rules { limits: LimitFills::Touch, ..ten().rules }, ..ten() };
    assert_eq!(entered(1.0, &long, take(0.05), touch), [(1, 10.0, 100.0), (2, -10.0, 105.0)]);
    let short = [flat(100.0), (100.0, 100.0, 94.0, 101.0)];
    assert_eq!(entered(-1.0, &short, take(0.05), ten()), [(1, -10.0, 100.0), (2, 10.0, 95.0)]);
    // A price of zero is never reached.
    let fall = [flat(100.0), (100.0, 100.0, 0.01, 1.0)];
    assert_eq!(entered(-1.0, &fall, take(1.0), ten()), [(1, -10.0, 100.0)]);
}

#[test]
fn behind_a_gap_an_exit_gets_the_open_unless_the_rule_gives_the_stop() {
    let down = [flat(100.0), (90.0, 95.0, 89.0, 94.0)];
    assert_eq!(entered(1.0, &down, stop(0.05), ten()), [(1, 10.0, 100.0), (2, -10.0, 90.0)]);
    let own = Settings { rules: Rules { gaps: GapFills::Stop, ..ten().rules }, ..ten() };
    assert_eq!(entered(1.0, &down, stop(0.05), own), [(1, 10.0, 100.0), (2, -10.0, 95.0)]);
    let up = [flat(100.0), (110.0, 112.0, 108.0, 109.0)];
    assert_eq!(entered(1.0, &up, take(0.05), ten()), [(1, 10.0, 100.0), (2, -10.0, 110.0)]);
}

#[test]
fn of_stop_and_profit_in_one_bar_the_stop_is_first_unless_the_rule_says_otherwise() {
    let both = Exits { stop_loss: 0.05, take_profit: 0.05, trailing_stop: 0.0 };
    let wide = [flat(100.0), (100.0, 110.0, 90.0, 100.0)];
    assert_eq!(entered(1.0, &wide, both, ten()), [(1, 10.0, 100.0), (2, -10.0, 95.0)]);
    let ruled = |intrabar| Settings { rules: Rules { intrabar, ..ten().rules }, ..ten() };
    assert_eq!(entered(1.0, &wide, both, ruled(Intrabar::Ohlc)), [(1, 10.0, 100.0), (2, -10.0, 105.0)]);
    assert_eq!(entered(1.0, &wide, both, ruled(Intrabar::Olhc)), [(1, 10.0, 100.0), (2, -10.0, 95.0)]);
    assert_eq!(entered(1.0, &wide, both, ruled(Intrabar::Optimistic)), [(1, 10.0, 100.0), (2, -10.0, 105.0)]);
}

#[test]
fn exits_work_in_the_bar_of_the_entry_unless_the_rule_has_them_wait() {
    let low = [(100.0, 100.0, 90.0, 99.0), flat(99.0), (99.0, 99.0, 94.0, 99.0)];
    assert_eq!(entered(1.0, &low, stop(0.05), ten()), [(1, 10.0, 100.0), (1, -10.0, 95.0)]);
    let ruled = |exits| Settings { rules: Rules { exits, ..ten().rules }, ..ten() };
    assert_eq!(entered(1.0, &low, stop(0.05), ruled(ExitTiming::NextBar)), [(1, 10.0, 100.0), (3, -10.0, 95.0)]);
    assert_eq!(entered(1.0, &low, stop(0.05), ruled(ExitTiming::Known)), [(1, 10.0, 100.0), (1, -10.0, 95.0)]);
    // What is filled at a close does not see the bar before it.
    let close = Settings { fill: FillAt::Close, ..ten() };
    let series = bars(&[(100.0, 100.0, 80.0, 100.0), flat(100.0), (100.0, 100.0, 94.0, 99.0)]);
    let ledger = run(&[series], &wanted(&[(0, 1.0)]), stop(0.05), close);
    assert_eq!(fills(&ledger), [(0, 10.0, 100.0), (2, -10.0, 95.0)]);
    // What is booked in the bar after its close sees that bar from the open on.
    let late = Settings { rules: Rules { booking: Booking::NextBar, ..ten().rules }, ..close };
    let gap = bars(&[flat(100.0), (90.0, 95.0, 89.0, 94.0), flat(94.0)]);
    let ledger = run(&[gap], &wanted(&[(0, 1.0)]), stop(0.05), late);
    assert_eq!(fills(&ledger), [(0, 10.0, 100.0), (1, -10.0, 90.0)]);
}

#[test]
fn a_trailing_stop_follows_the_best_price_since_the_entry() {
    let up = [flat(100.0), (100.0, 120.0, 100.0, 118.0), (118.0, 119.0, 109.0, 110.0), (110.0, 111.0, 107.0, 109.0)];
    // A tenth below 120, from the bar after it on; within its own bar the old stop of 90 counts.
    assert_eq!(entered(1.0, &up, trail(0.1), ten()), [(1, 10.0, 100.0), (4, -10.0, 108.0)]);
    let before = Settings { rules: Rules { trailing: Trailing::Before, ..ten().rules }, ..ten() };
    assert_eq!(entered(1.0, &up, trail(0.1), before), [(1, 10.0, 100.0), (2, -10.0, 108.0)]);
    let down = [flat(100.0), (100.0, 100.0, 80.0, 82.0), (82.0, 89.0, 81.0, 88.0)];
    assert_eq!(entered(-1.0, &down, trail(0.1), ten()), [(1, -10.0, 100.0), (3, 10.0, 88.0)]);
}

#[test]
fn prices_of_exits_are_on_the_tick() {
    let settings = Settings { tick: Some(0.5), ..ten() };
    let long = [flat(100.0), (100.0, 100.0, 98.0, 99.0)];
    assert_eq!(entered(1.0, &long, stop(0.013), settings), [(1, 10.0, 100.0), (2, -10.0, 98.5)]);
    let strict =
        Settings { tick: Some(0.5), rules: Rules { tick_rounding: TickRounding::Reject, ..ten().rules }, ..ten() };
    // Nobody can be told to round what the host computes: away from the market.
    assert_eq!(entered(1.0, &long, stop(0.013), strict), [(1, 10.0, 100.0), (2, -10.0, 98.5)]);
}

#[test]
fn exits_count_from_the_price_of_the_fill_and_pay_what_orders_pay() {
    let settings = Settings { slippage_bps: 100.0, commission_bps: 10.0, ..ten() };
    let long = [flat(100.0), (100.0, 100.0, 90.0, 99.0)];
    let ledger = run(&[bars(&[flat(100.0), long[0], long[1]])], &wanted(&[(0, 1.0)]), stop(0.05), settings);
    // 101 less 5 %, less slippage of 1 %.
    assert_eq!(fills(&ledger), [(1, 10.0, 101.0), (2, -10.0, 94.9905)]);
    assert!((ledger.fees - 0.001 * (1010.0 + 949.905)).abs() < 1e-9);
}

#[test]
fn after_an_exit_an_instrument_stays_flat_until_something_else_was_wanted() {
    let mut prices = vec![flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 100.0)];
    prices.resize(12, flat(100.0));
    // Wanted again at 3, 4 and 5, which is ignored; flat at 6, and again at 7.
    let again = wanted(&[(0, 1.0), (3, 1.0), (4, 0.5), (5, 2.0), (6, 0.0), (7, 1.0)]);
    let ledger = run(&[bars(&prices)], &again, stop(0.05), ten());
    assert_eq!(fills(&ledger), [(1, 10.0, 100.0), (2, -10.0, 95.0), (8, 10.0, 100.0)]);
    // The other side is something else.
    let other = wanted(&[(0, 1.0), (3, 1.0), (4, -1.0), (5, 1.0)]);
    let ledger = run(&[bars(&prices)], &other, stop(0.05), ten());
    assert_eq!(fills(&ledger), [(1, 10.0, 100.0), (2, -10.0, 95.0), (5, -10.0, 100.0), (6, 20.0, 100.0)]);
}

/// Half of what is wanted finds volume at the first close; the exit closes it before the second.
#[test]
fn what_waits_for_the_side_that_an_exit_closes_is_dropped() {
    let prices = [flat(100.0), (100.0, 100.0, 94.0, 99.0), flat(99.0), flat(99.0)];
    let series = Series { volume: vec![50.0; 4], ..bars(&prices) };
    let settings = Settings { fill: FillAt::Close, volume_share: Some(0.1), ..ten() };
    let found = fills(&run(std::slice::from_ref(&series), &wanted(&[(0, 1.0)]), stop(0.05), settings));
    assert_eq!(found, [(0, 5.0, 100.0), (1, -5.0, 95.0)]);
    let found = fills(&run(&[series], &wanted(&[(0, 1.0)]), stop(0.0), settings));
    assert_eq!(found, [(0, 5.0, 100.0), (1, 5.0, 99.0)]);
}

#[test]
fn growing_and_shrinking_move_no_level_and_a_reversal_has_levels_of_its_own() {
    let prices = [flat(100.0), flat(100.0), flat(110.0), flat(110.0), (110.0, 110.0, 94.0, 100.0), flat(100.0)];
    let grown = run(&[bars(&prices)], &wanted(&[(0, 1.0), (1, 3.0), (2, 2.0)]), stop(0.05), ten());
    assert_eq!(fills(&grown), [(1, 10.0, 100.0), (2, 20.0, 110.0), (3, -10.0, 110.0), (4, -20.0, 95.0)]);
    let turned = run(&[bars(&prices)], &wanted(&[(0, 1.0), (1, -1.0)]), take(0.1), ten());
    assert_eq!(fills(&turned), [(1, 10.0, 100.0), (2, -20.0, 110.0), (4, 10.0, 99.0)]);
}

#[test]
fn what_one_exit_closes_the_others_do_not_and_the_records_say_so() {
    let all = Exits { stop_loss: 0.05, take_profit: 0.5, trailing_stop: 0.2 };
    let ledger =
        run(&[bars(&[flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 95.0)])], &wanted(&[(0, 1.0)]), all, ten());
    let ends: Vec<_> = ledger.orders.iter().map(|record| (record.order, record.status)).collect();
    let gone = OrderStatus::Cancelled(RejectReason::OtherFilled);
    assert_eq!(ends, [(1, OrderStatus::Filled), (2, gone), (3, gone)]);
    assert_eq!((ledger.sent, ledger.rejected), (0, 0), "a strategy of targets sends no orders");
}

#[test]
fn an_exit_in_parts_keeps_closing_and_leaves_nothing() {
    let mut prices = vec![flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 95.0)];
    prices.resize(8, flat(95.0));
    let mut series = bars(&prices);
    series.volume = vec![4.0; 8];
    let settings = Settings { volume_share: Some(1.0), ..ten() };
    let ledger = run(&[series], &wanted(&[(0, 0.6), (3, 1.0)]), stop(0.05), settings);
    let expected = [(1, 4.0, 100.0), (2, 2.0, 100.0), (2, -2.0, 95.0), (3, -4.0, 95.0)];
    assert_eq!(fills(&ledger), expected);
}

#[test]
fn each_instrument_has_exits_by_itself() {
    let one = bars(&[flat(100.0), flat(100.0), (100.0, 100.0, 90.0, 100.0), flat(100.0), flat(100.0)]);
    let other = Series { symbol: "B".into(), ..bars(&[flat(50.0); 5]) };
    let targets = Targets { at: vec![0, 0, 3, 3], instrument: vec![0, 1, 0, 1], exposure: vec![1.0, 1.0, 1.0, 2.0] };
    let ledger = run(&[one, other], &targets, stop(0.05), ten());
    let all: Vec<_> = ledger.fills.iter().map(|fill| (fill.instrument, fill.bar, fill.units)).collect();
    assert_eq!(all, [(0, 1, 10.0), (1, 1, 10.0), (0, 2, -10.0), (1, 4, 10.0)]);
}

/// Why trades ended, with the orders that opened and ended them.
fn ends(ledger: &Ledger) -> Vec<(ExitReason, Option<u64>, Option<u64>)> {
    ledger.trade_ends().iter().map(|end| (end.reason, end.entry_order, end.exit_order)).collect()
}

#[test]
fn a_trade_of_targets_says_why_it_ended() {
    let wide = bars(&[flat(100.0), flat(100.0), (100.0, 120.0, 90.0, 100.0), flat(100.0), flat(100.0)]);
    let once = |exits| ends(&run(std::slice::from_ref(&wide), &wanted(&[(0, 1.0)]), exits, ten()));
    assert_eq!(once(stop(0.05)), [(ExitReason::Stop, None, Some(1))]);
    assert_eq!(once(take(0.05)), [(ExitReason::Target, None, Some(1))]);
    assert_eq!(once(trail(0.05)), [(ExitReason::Trailing, None, Some(1))]);
    assert_eq!(once(Exits::default()), [(ExitReason::End, None, None)]);
    let by = |all: &[(u32, f64)], settings| {
        ends(&run(std::slice::from_ref(&wide), &wanted(all), Exits::default(), settings))
    };
    let signal = (ExitReason::Signal, None, None);
    assert_eq!(by(&[(0, 1.0), (1, 0.5), (2, 0.0)], ten()), [signal, signal]);
    assert_eq!(by(&[(0, 1.0), (1, -1.0)], ten()), [signal, (ExitReason::End, None, None)]);
    let closed = Settings { rules: Rules { at_end: AtEnd::Close, ..ten().rules }, ..ten() };
    assert_eq!(by(&[(0, 1.0)], closed), [(ExitReason::End, None, None)]);
}

#[test]
fn a_trade_says_when_the_account_ended_it() {
    let fall = bars(&[flat(100.0), flat(100.0), flat(70.0), flat(70.0)]);
    let lent = Settings { initial_margin: 0.5, maintenance_margin: 0.3, ..Settings::default() };
    let margin = run(std::slice::from_ref(&fall), &wanted(&[(0, 2.0)]), Exits::default(), lent);
    assert_eq!(ends(&margin), [(ExitReason::Margin, None, None)]);
    let rise = bars(&[flat(100.0), flat(100.0), flat(300.0), flat(300.0)]);
    let ruin = run(&[rise], &wanted(&[(0, -1.0)]), Exits::default(), Settings::default());
    assert_eq!(ends(&ruin), [(ExitReason::Ruin, None, None)]);
}

#[test]
fn a_trade_of_orders_names_the_orders_that_opened_and_ended_it() {
    let wide = bars(&[flat(100.0), flat(100.0), (100.0, 120.0, 90.0, 100.0), flat(100.0)]);
    let of = |exits| ends(&send_bracket(std::slice::from_ref(&wide), Settings::default(), buy(10.0), exits).ledger);
    assert_eq!(of((95.0, 110.0)), [(ExitReason::Stop, Some(1), Some(2))]);
    assert_eq!(of((f64::NAN, 110.0)), [(ExitReason::Target, Some(1), Some(3))]);
    let turned = send(std::slice::from_ref(&wide), Settings::default(), &[buy(10.0), sell(15.0)]);
    assert_eq!(ends(&turned.ledger), [(ExitReason::Signal, Some(1), Some(2)), (ExitReason::End, Some(2), None)]);
}

/// One step of time: open, close, how far high and low lie beyond both, and what is wanted.
type Step = (f64, f64, f64, f64, Option<f64>);

fn steps(wishes: &'static [f64]) -> impl Strategy<Value = Vec<Step>> {
    let beyond = || prop_oneof![Just(0.0), 0.0..0.06f64];
    let wish = prop::option::weighted(0.3, select(wishes));
    prop::collection::vec((0.97..1.035f64, 0.97..1.035f64, beyond(), beyond(), wish), 1..60)
}

/// The bars of steps, and the exposures that are wanted at them.
fn walk(steps: &[Step]) -> (Series, Vec<(u32, f64)>) {
    let (mut prices, mut wishes, mut price) = (Vec::new(), Vec::new(), 100.0);
    for (bar, &(overnight, within, above, below, wish)) in (0..).zip(steps) {
        let open = price * overnight;
        price = open * within;
        prices.push((open, open.max(price) * (1.0 + above), open.min(price) * (1.0 - below), price));
        wishes.extend(wish.map(|exposure| (bar, exposure)));
    }
    (bars(&prices), wishes)
}

fn exits() -> impl Strategy<Value = Exits> {
    let share = || prop_oneof![Just(0.0), 0.005..0.1f64];
    (share(), share(), share()).prop_map(|(stop_loss, take_profit, trailing_stop)| Exits {
        stop_loss,
        take_profit,
        trailing_stop,
    })
}

/// An account of ten units that knows the default rules only, written without any of the broker's code.
struct Naive {
    exits: Exits,
    slippage: f64,
    units: f64,
    entry: f64,
    best: f64,
    closed: f64,
    wanted: f64,
    fills: Vec<(u32, f64, f64)>,
}

impl Naive {
    fn trade(&mut self, bar: u32, units: f64, price: f64) {
        if units != 0.0 {
            self.units += units;
            self.fills.push((bar, units, price));
        }
    }

    fn worse(&self, price: f64, units: f64) -> f64 {
        price * (1.0 + self.slippage * units.signum())
    }

    /// Brings the position to `target` at the open.
    fn open(&mut self, bar: u32, open: f64, target: f64) {
        let (before, units) = (self.units, target - self.units);
        let price = self.worse(open, units);
        self.trade(bar, units, price);
        if target != 0.0 && before * target <= 0.0 {
            (self.entry, self.best) = (price, open);
        }
    }

    /// Lets the exits see a bar: first its open, then its extremes, of which the adverse one counts first.
    fn look(&mut self, bar: u32, open: f64, high: f64, low: f64) {
        let (side, Exits { stop_loss, take_profit, trailing_stop }) = (self.units.signum(), self.exits);
        if self.units == 0.0 {
            return;
        }
        // Seen from the side of the position, a rise is a gain.
        let (adverse, better) = if side > 0.0 { (low, high) } else { (high, low) };
        let mut stop = f64::NEG_INFINITY;
        if stop_loss > 0.0 {
            stop = side * self.entry * (1.0 - side * stop_loss);
        }
        if trailing_stop > 0.0 {
            stop = stop.max(side * (self.best - side * self.best * trailing_stop));
        }
        let limit = if take_profit > 0.0 { side * self.entry * (1.0 + side * take_profit) } else { f64::INFINITY };
        let at_limit = side * limit;
        let out = if side * open <= stop {
            Some(self.worse(open, -side))
        } else if side * open > limit {
            // No worse than the limit.
            Some(side * (side * self.worse(open, -side)).max(limit))
        } else if side * adverse <= stop {
            Some(self.worse(side * stop, -side))
        } else if side * better > limit {
            Some(at_limit)
        } else {
            None
        };
        if let Some(price) = out {
            self.closed = if self.wanted * side > 0.0 { side } else { 0.0 };
            self.trade(bar, -self.units, price);
        }
        self.best = if side > 0.0 { self.best.max(high) } else { self.best.min(low) };
    }

    fn run(mut self, series: &Series, wishes: &[(u32, f64)]) -> Vec<(u32, f64, f64)> {
        let mut target = None;
        for bar in 0..series.len() {
            if let Some(target) = target.take() {
                self.open(bar as u32, series.open[bar], 10.0 * target);
            }
            self.look(bar as u32, series.open[bar], series.high[bar], series.low[bar]);
            if let Some((_, exposure)) = wishes.iter().find(|(at, _)| *at as usize == bar) {
                self.wanted = *exposure;
                if self.closed * exposure <= 0.0 {
                    self.closed = 0.0;
                    target = Some(*exposure);
                }
            }
        }
        self.fills
    }
}

/// Sends by hand what exits do: an entry with a bracket, of which it knows the price beforehand.
struct ByHand<'a> {
    series: &'a Series,
    wishes: &'a [(u32, f64)],
    exits: Exits,
    settings: &'a Settings,
    bar: usize,
    /// The side of the position that it has or has asked for, and its bracket.
    side: f64,
    bracket: u64,
    closed: f64,
    wanted: f64,
    commands: Commands,
}

impl ByHand<'_> {
    /// Wants to hold ten units on `side`, which is another one than now.
    fn turn(&mut self, side: f64) {
        let units = 10.0 * (side - self.side);
        if self.bracket != 0 {
            let exits = [(self.exits.stop_loss, self.bracket), (self.exits.take_profit, self.bracket + 1)];
            exits.iter().filter(|(share, _)| *share > 0.0).for_each(|(_, order)| self.commands.cancel(*order));
        }
        (self.side, self.bracket) = (side, 0);
        let (bar, at_open) = match self.settings.fill {
            FillAt::NextOpen => (self.bar + 1, true),
            FillAt::Close => (self.bar, false),
        };
        let prices = if at_open { &self.series.open } else { &self.series.close };
        let Some(price) = prices.get(bar) else { return };
        let way = if units > 0.0 { Side::Buy } else { Side::Sell };
        let order = self.commands.submit(OrderRequest::market(0, way, units.abs()));
        let has_bracket = self.exits.stop_loss + self.exits.take_profit > 0.0;
        if side != 0.0 && has_bracket {
            let entry = Costs::of(self.settings, false).worse(*price, units > 0.0, 0.0);
            let level = |share: f64, way: f64| if share > 0.0 { entry * (1.0 + way * side * share) } else { f64::NAN };
            let (stop, take) = (level(self.exits.stop_loss, -1.0), level(self.exits.take_profit, 1.0));
            self.bracket = self.commands.bracket(order, stop, take);
        }
    }
}

impl Client for ByHand<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), Infallible> {
        if let Some((_, exposure)) = self.wishes.iter().find(|(at, _)| *at as usize == self.bar) {
            self.wanted = *exposure;
            if self.closed * exposure <= 0.0 {
                self.closed = 0.0;
                if *exposure != self.side {
                    self.turn(*exposure);
                }
            }
        }
        self.bar += 1;
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Infallible> {
        if self.bracket != 0 && (fill.order == self.bracket || fill.order == self.bracket + 1) {
            self.closed = if self.wanted * self.side > 0.0 { self.side } else { 0.0 };
            (self.side, self.bracket) = (0.0, 0);
        }
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

/// What a fill is but for its order.
fn bare(ledger: &Ledger) -> Vec<(u32, u64, u64, u64)> {
    let bits = |fill: &crate::broker::Fill| (fill.bar, fill.units.to_bits(), fill.price.to_bits(), fill.fee.to_bits());
    ledger.fills.iter().map(bits).collect()
}

/// Accounts in which nothing is cut, refused or filled in parts.
fn settings() -> impl Strategy<Value = Settings> {
    (order_properties::settings(), any::<bool>(), any::<bool>()).prop_map(|(settings, ticks, late)| {
        let mut settings = Settings {
            sizing: Sizing::Units(10.0),
            initial_cash: 1e6,
            volume_share: None,
            slippage_impact: 0.0,
            maintenance_margin: 0.0,
            lot: None,
            tick: settings.tick.filter(|_| ticks),
            ..settings
        };
        if settings.rules.tick_rounding == TickRounding::Reject {
            settings.rules.tick_rounding = TickRounding::Passive;
        }
        // A last bar that trades once more would let orders trade at prices that were there before them.
        if late && settings.fill == FillAt::Close && settings.rules.at_end != AtEnd::LastBar {
            settings.rules.booking = Booking::NextBar;
        }
        settings
    })
}

proptest! {
    #[test]
    fn a_naive_account_bar_by_bar_trades_the_same(
        steps in steps(&[-1.5, -1.0, 0.0, 0.0, 0.5, 1.0, 2.0]), exits in exits(), slippage in prop_oneof![Just(0.0), 0.0..0.01f64]
    ) {
        let (series, wishes) = walk(&steps);
        let settings = Settings { slippage_bps: slippage * 1e4, ..ten() };
        let ledger = run(std::slice::from_ref(&series), &wanted(&wishes), exits, settings);
        let naive = Naive { exits, slippage, units: 0.0, entry: 0.0, best: 0.0, closed: 0.0, wanted: 0.0, fills: Vec::new() };
        let expected = naive.run(&series, &wishes);
        let found: Vec<_> = ledger.fills.iter().map(|fill| (fill.bar, fill.units, fill.price)).collect();
        prop_assert_eq!(found.len(), expected.len(), "{:?} {:?}", found, expected);
        for (found, expected) in found.iter().zip(&expected) {
            let is_near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * other.abs();
            prop_assert!(found.0 == expected.0 && is_near(found.1, expected.1) && is_near(found.2, expected.2), "{found:?} {expected:?}");
        }
    }

    #[test]
    fn brackets_sent_by_hand_trade_the_same_to_the_bit(
        steps in steps(&[-1.0, 0.0, 1.0]), exits in exits(), settings in settings()
    ) {
        let (exits, (series, wishes)) = (Exits { trailing_stop: 0.0, ..exits }, walk(&steps));
        let ledger = run(std::slice::from_ref(&series), &wanted(&wishes), exits, settings);
        let all = Arc::from([series.clone()]);
        let mut by_hand = ByHand {
            series: &series, wishes: &wishes, exits, settings: &settings, bar: 0, side: 0.0, bracket: 0, closed: 0.0, wanted: 0.0,
            commands: Commands::default(),
        };
        let mut expected = Ledger::new();
        trade(&all, &Timeline::of(&all), &settings, &mut Workspace::new(), &mut expected, &mut by_hand).unwrap();
        prop_assert_eq!(bare(&ledger), bare(&expected));
        prop_assert_eq!(&ledger.trades, &expected.trades);
        prop_assert_eq!(ledger.equity(), expected.equity());
    }

    #[test]
    fn every_trade_has_an_end_whose_orders_are_on_its_sides(case in order_properties::case()) {
        let (ledger, ..) = case.run();
        let ends = ledger.trade_ends();
        prop_assert_eq!(ends.len(), ledger.trades.len());
        let side = |order: u64| ledger.orders.iter().find(|record| record.order == order).map(|record| record.request.side.sign());
        for (trade, end) in ledger.trades.iter().zip(&ends) {
            prop_assert!(!trade.open || end.reason == ExitReason::End);
            for (order, sign) in [(end.entry_order, 1.0), (end.exit_order, -1.0)] {
                prop_assert!(order.is_none_or(|order| side(order) == Some(sign * trade.units.signum())), "{trade:?} {end:?}");
            }
            let closes = |fill: &crate::broker::Fill| {
                (fill.instrument, fill.bar, Some(fill.order)) == (trade.instrument, trade.exit_bar, end.exit_order)
            };
            prop_assert!(end.exit_order.is_none() || ledger.fills.iter().any(closes), "{trade:?} {end:?}");
        }
    }

    #[test]
    fn quiet_stretches_change_nothing(
        steps in steps(&[-1.0, 0.0, 0.5, 1.0]), exits in exits(), settings in order_properties::settings()
    ) {
        let (series, wishes) = walk(&steps);
        let (all, targets) = (Arc::from([series]), wanted(&wishes));
        let timeline = Timeline::of(&all);
        let books = |by_steps: bool| {
            let (mut ledger, mut client) = (Ledger::new(), Playback::new(&[], &targets, &timeline));
            let none = crate::broker::WarmUp::default();
            trade_by((by_steps, exits), &none, &all, &timeline, &settings, &mut Workspace::new(), &mut ledger, &mut client).unwrap();
            ledger
        };
        let (stepped, walked) = (books(true), books(false));
        prop_assert_eq!(&stepped.fills, &walked.fills);
        prop_assert_eq!(stepped.equity(), walked.equity());
    }

    #[test]
    fn without_exits_nothing_changes(steps in steps(&[-1.0, 0.0, 0.5, 1.0]), settings in order_properties::settings()) {
        let (series, wishes) = walk(&steps);
        let (all, targets) = (Arc::from([series]), wanted(&wishes));
        let mut plain = Ledger::new();
        crate::broker::simulate(&all, &Timeline::of(&all), &targets, &settings, &mut Workspace::new(), &mut plain);
        // So far from the price that nothing reaches them.
        let far = Exits { take_profit: 1e9, ..Exits::default() };
        let ledger = run(&all, &targets, far, settings);
        prop_assert_eq!(bare(&plain), bare(&ledger));
        prop_assert_eq!(plain.equity(), ledger.equity());
    }
}
