//! Pairs that are filled in parts: what one order fills, the other no longer does, and the position keeps its stop.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::select};

use crate::broker::{
    BuyingPower, Ledger, OrderRecord, OrderStatus, Settings,
    tests::orders::{Run, bars, buy, flat, ruled, run},
};
use crate::model::{Command, Measure, OrderKind, OrderRequest, RejectReason, Series, Side, TimeInForce};

const OTHER: RejectReason = RejectReason::OtherFilled;

/// Open, high, low and close.
type Bar = (f64, f64, f64, f64);

/// Bars with a volume each, all of which may be traded.
fn traded(prices: &[Bar], volumes: &[f64]) -> Series {
    Series { volume: volumes.to_vec(), ..bars(prices) }
}

fn all_volume() -> Settings {
    Settings { volume_share: Some(1.0), ..Settings::default() }
}

/// A bar of 100 that reaches 110, and one that reaches 90.
const UP: Bar = (100.0, 112.0, 100.0, 100.0);
const DOWN: Bar = (100.0, 100.0, 88.0, 100.0);
const STILL: Bar = (100.0, 100.0, 100.0, 100.0);

/// Buys or sells 10 at 100 and lets the bars after that reach the exits at 90 and 110.
fn bracket(side: Side, after: &[(Bar, f64)], lot: Option<f64>) -> Run {
    let prices: Vec<_> = [STILL, STILL].into_iter().chain(after.iter().map(|bar| bar.0)).collect();
    let volumes: Vec<_> = [100.0, 100.0].into_iter().chain(after.iter().map(|bar| bar.1)).collect();
    let exits = if side == Side::Buy { (90.0, 110.0) } else { (110.0, 90.0) };
    run(&[traded(&prices, &volumes)], Settings { lot, ..all_volume() }, |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(OrderRequest::market(0, side, 10.0));
            commands.bracket(entry, exits.0, exits.1);
        }
    })
}

/// (quantity, filled, status) of the orders from `first` on.
fn ends(ledger: &Ledger, first: usize) -> Vec<(f64, f64, OrderStatus)> {
    ledger.orders[first..].iter().map(|order| (order.request.quantity, order.filled, order.status)).collect()
}

#[test]
fn what_one_exit_fills_the_other_no_longer_does() {
    use OrderStatus::{Cancelled, Filled, FilledInPart, Open};
    // Of a long position, UP reaches the target and DOWN the stop; of a short one the other way round.
    for (name, after, stop, target, left) in [
        ("a part of the target", vec![(UP, 4.0)], (6.0, 0.0, Open), (10.0, 4.0, Open), 6.0),
        ("the target in parts", vec![(UP, 4.0), (UP, 6.0)], (6.0, 0.0, Cancelled(OTHER)), (10.0, 10.0, Filled), 0.0),
        ("the target at once", vec![(UP, 50.0)], (10.0, 0.0, Cancelled(OTHER)), (10.0, 10.0, Filled), 0.0),
        ("a part of the stop", vec![(DOWN, 4.0)], (10.0, 4.0, Open), (6.0, 0.0, Open), 6.0),
        ("target, then stop", vec![(UP, 4.0), (DOWN, 50.0)], (6.0, 6.0, Filled), (10.0, 4.0, FilledInPart(OTHER)), 0.0),
        (
            "stop, then target",
            vec![(DOWN, 4.0), ((100.0, 100.0, 100.0, 100.0), 0.0), (UP, 50.0)],
            (10.0, 10.0, Filled),
            (6.0, 0.0, Cancelled(OTHER)),
            0.0,
        ),
        ("one part after the other", vec![(UP, 4.0), (DOWN, 1.0), (UP, 0.5)], (6.0, 1.5, Open), (8.5, 4.0, Open), 4.5),
    ] {
        for side in [Side::Buy, Side::Sell] {
            let mirrored: Vec<_> = after
                .iter()
                .map(|&(bar, volume)| match (side, bar) {
                    (Side::Sell, UP) => (DOWN, volume),
                    (Side::Sell, DOWN) => (UP, volume),
                    _ => (bar, volume),
                })
                .collect();
            for lot in [None, Some(0.5)] {
                let run = bracket(side, &mirrored, lot);
                assert_eq!(ends(&run.ledger, 1), [stop, target], "{name}, {side:?}, {lot:?}");
                let held: f64 = run.ledger.trades.iter().filter(|trade| trade.open).map(|trade| trade.units).sum();
                assert_eq!(held, left * side.sign(), "{name}, {side:?}, {lot:?}");
            }
        }
    }
}

#[test]
fn the_strategy_hears_of_the_end_of_the_other_and_not_of_its_parts() {
    let run = bracket(Side::Buy, &[(UP, 4.0), (UP, 3.0), (DOWN, 50.0), (STILL, 1.0)], None);
    assert_eq!(run.fills()[1..], [(3, 2, -4.0, 110.0), (3, 3, -3.0, 110.0), (2, 4, -3.0, 90.0)]);
    assert_eq!(run.rejects(), [(3, OTHER)]);
}

#[test]
fn a_stop_that_is_reached_in_the_bar_of_a_part_of_the_target_trades_in_the_next() {
    // The optimist's target goes first and takes the volume; the stop is reached all the same.
    let settings =
        Settings { rules: ruled(|rules| rules.intrabar = crate::broker::Intrabar::Optimistic).rules, ..all_volume() };
    let series = [traded(&[STILL, STILL, (100.0, 112.0, 88.0, 95.0), flat(96.0)], &[100.0, 100.0, 4.0, 50.0])];
    let run = run(&series, settings, |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(buy(10.0));
            commands.bracket(entry, 90.0, 110.0);
        }
    });
    assert_eq!(run.fills()[1..], [(3, 2, -4.0, 110.0), (2, 3, -6.0, 96.0)]);
}

#[test]
fn exits_grow_with_their_entry_and_shrink_with_each_other() {
    // 6 in, 2 out at the target, 4 more in, 3 out at the stop; then the rest.
    let prices = [STILL, flat(94.0), UP, flat(94.0), DOWN, STILL];
    let volumes = [100.0, 6.0, 2.0, 4.0, 3.0, 50.0];
    let run = run(&[traded(&prices, &volumes)], all_volume(), |bar, commands| {
        if bar == 0 {
            let entry = commands.submit(OrderRequest::limit(0, Side::Buy, 10.0, 95.0));
            commands.bracket(entry, 90.0, 110.0);
        }
    });
    let units: Vec<_> = run.fills().iter().map(|fill| (fill.0, fill.2)).collect();
    assert_eq!(units, [(1, 6.0), (3, -2.0), (1, 4.0), (2, -3.0), (2, -5.0)]);
    let expected = [(8.0, 8.0, OrderStatus::Filled), (7.0, 2.0, OrderStatus::FilledInPart(OTHER))];
    assert_eq!(ends(&run.ledger, 1), expected);
}

/// Two sales that are tied, of a position of 10, in bars of 100 with these extremes and volumes.
fn tied(requests: [OrderRequest; 2], after: &[(Bar, f64)], settings: Settings) -> Run {
    let prices: Vec<_> = [STILL, STILL].into_iter().chain(after.iter().map(|bar| bar.0)).collect();
    let volumes: Vec<_> = [100.0, 100.0].into_iter().chain(after.iter().map(|bar| bar.1)).collect();
    run(&[traded(&prices, &volumes), traded(&prices, &volumes)], settings, |bar, commands| match bar {
        0 => _ = commands.submit(buy(10.0)),
        1 => {
            let (first, second) = (commands.submit(requests[0]), commands.submit(requests[1]));
            commands.push(Command::OneCancelsOther { first, second });
        }
        _ => {}
    })
}

#[test]
fn tied_orders_share_what_they_trade_whatever_they_count() {
    use OrderStatus::{Cancelled, Filled, FilledInPart, Open};
    let target = OrderRequest::limit(0, Side::Sell, 10.0, 110.0);
    let stop = |units| OrderRequest::stop(0, Side::Sell, units, 90.0);
    let value = OrderRequest { measure: Measure::Value, quantity: 450.0, ..stop(1.0) };
    let share = OrderRequest { measure: Measure::Equity, quantity: 0.5, ..stop(1.0) };
    let elsewhere = |units| OrderRequest { instrument: 1, ..stop(units) };
    let up = |volumes: &[f64]| volumes.iter().map(|volume| (UP, *volume)).collect::<Vec<_>>();
    let other = |order: OrderRequest, after: &[(Bar, f64)], lot| {
        let run = tied([target, order], after, Settings { lot, ..all_volume() });
        ends(&run.ledger, 1)
    };
    // The other is as large, larger, or smaller.
    assert_eq!(other(stop(10.0), &up(&[4.0]), None)[1], (6.0, 0.0, Open));
    assert_eq!(other(stop(15.0), &up(&[4.0]), None)[1], (11.0, 0.0, Open));
    assert_eq!(other(stop(15.0), &up(&[4.0, 6.0]), None)[1], (11.0, 0.0, Cancelled(OTHER)));
    assert_eq!(other(stop(3.0), &up(&[4.0]), None), [(10.0, 4.0, Open), (3.0, 0.0, Cancelled(OTHER))]);
    assert_eq!(
        other(stop(10.0), &[(UP, 4.0), (DOWN, 50.0)], None),
        [(10.0, 4.0, FilledInPart(OTHER)), (6.0, 6.0, Filled)]
    );
    // It counts something else: it shrinks in proportion.
    assert_eq!(other(value, &up(&[4.0]), None)[1], (270.0, 0.0, Open));
    assert_eq!(other(share, &up(&[4.0]), None)[1], (0.3, 0.0, Open));
    assert_eq!(other(elsewhere(5.0), &up(&[4.0]), None)[1], (3.0, 0.0, Open));
    assert_eq!(other(elsewhere(3.0), &up(&[4.0]), Some(1.0))[1], (2.0, 0.0, Open));
    assert_eq!(other(elsewhere(1.0), &up(&[6.0]), Some(1.0))[1], (1.0, 0.0, Cancelled(OTHER)));
}

#[test]
fn the_rest_of_an_order_that_ends_takes_its_pair_along() {
    let at_once = OrderRequest { time_in_force: TimeInForce::Ioc, ..OrderRequest::limit(0, Side::Sell, 10.0, 99.0) };
    let stop = OrderRequest::stop(0, Side::Sell, 10.0, 90.0);
    let run = tied([at_once, stop], &[(STILL, 4.0), (DOWN, 50.0)], all_volume());
    let expected =
        [(10.0, 4.0, OrderStatus::FilledInPart(RejectReason::Expired)), (6.0, 0.0, OrderStatus::Cancelled(OTHER))];
    assert_eq!(ends(&run.ledger, 1), expected);
}

#[test]
fn a_stop_that_slept_waits_for_its_price_again() {
    // 5 in, the stop sells 2, the strategy closes the rest; 5 more come in above the stop.
    let prices = [STILL, flat(94.0), DOWN, STILL, flat(94.0), STILL];
    let volumes = [100.0, 5.0, 2.0, 3.0, 5.0, 50.0];
    let run = run(&[traded(&prices, &volumes)], all_volume(), |bar, commands| match bar {
        0 => {
            let entry = commands.submit(OrderRequest::limit(0, Side::Buy, 10.0, 95.0));
            commands.bracket(entry, 90.0, 130.0);
        }
        2 => commands.target(0, 0.0),
        _ => {}
    });
    let units: Vec<_> = run.fills().iter().map(|fill| (fill.0, fill.2)).collect();
    assert_eq!(units, [(1, 5.0), (2, -2.0), (0, -3.0), (1, 5.0)]);
    assert_eq!(ends(&run.ledger, 1), [(7.0, 2.0, OrderStatus::Open), (5.0, 0.0, OrderStatus::Open)]);
}

#[test]
fn by_the_rules_of_free_cash_too_a_pair_shares_what_it_trades() {
    let settings = Settings { rules: ruled(|rules| rules.funds = BuyingPower::Cash).rules, ..all_volume() };
    let requests = [OrderRequest::limit(0, Side::Sell, 10.0, 110.0), OrderRequest::stop(0, Side::Sell, 10.0, 90.0)];
    let run = tied(requests, &[(UP, 4.0), (DOWN, 50.0)], settings);
    assert_eq!(run.ledger.trades.iter().filter(|trade| trade.open).count(), 0);
    assert_eq!(run.ledger.orders[2].filled, 6.0);
}

/// A run in which an entry with exits, in parts or not, meets bars with little volume.
#[derive(Debug, Clone)]
struct Case {
    buys: bool,
    hundredths: u32,
    entry: OrderKind,
    bars: Vec<(u8, u32)>,
    lot: Option<f64>,
    share: f64,
}

fn case() -> impl Strategy<Value = Case> {
    let bars = prop::collection::vec((0..4u8, 0..400u32), 1..30);
    let lot = select(vec![None, Some(0.01), Some(0.1), Some(1.0)]);
    let entry = select(vec![OrderKind::Market, OrderKind::Limit, OrderKind::Stop]);
    (any::<bool>(), 1..5_000u32, entry, bars, lot, select(vec![0.1, 0.25, 1.0]))
        .prop_map(|(buys, hundredths, entry, bars, lot, share)| Case { buys, hundredths, entry, bars, lot, share })
}

impl Case {
    fn run(&self) -> Run {
        let prices: Vec<_> = self
            .bars
            .iter()
            .map(|(kind, _)| match kind {
                0 => UP,
                1 => DOWN,
                2 => (100.0, 112.0, 88.0, 100.0),
                _ => (100.0, 101.0, 99.0, 100.0),
            })
            .collect();
        let volumes: Vec<_> = self.bars.iter().map(|(_, volume)| f64::from(*volume)).collect();
        let settings = Settings { lot: self.lot, volume_share: Some(self.share), ..Settings::default() };
        let side = if self.buys { Side::Buy } else { Side::Sell };
        let (stop, target) = if self.buys { (90.0, 110.0) } else { (110.0, 90.0) };
        let quantity = f64::from(self.hundredths) / 100.0;
        let entry = match self.entry {
            OrderKind::Market => OrderRequest::market(0, side, quantity),
            OrderKind::Limit => OrderRequest::limit(0, side, quantity, 100.0 + side.sign()),
            _ => OrderRequest::stop(0, side, quantity, 100.0 + 0.5 * side.sign()),
        };
        run(&[traded(&prices, &volumes)], settings, |bar, commands| {
            if bar == 0 {
                let entry = commands.submit(entry);
                commands.bracket(entry, stop, target);
            }
        })
    }
}

/// What is left of an order that waits.
fn left(order: &OrderRecord) -> f64 {
    order.request.quantity - order.filled
}

proptest! {
    #[test]
    fn a_position_is_protected_in_full_until_it_is_gone(case in case()) {
        let run = case.run();
        let [entry, stop, target] = &run.ledger.orders[..] else { panic!("{:?}", run.ledger.orders) };
        prop_assert!(entry.filled <= entry.request.quantity, "{entry:?}");
        for order in [stop, target] {
            prop_assert!(order.filled <= order.request.quantity, "{order:?}");
            let is_filled = order.status == OrderStatus::Filled;
            prop_assert_eq!(is_filled, order.filled == order.request.quantity && order.filled > 0.0, "{:?}", order);
        }
        let held: f64 = run.ledger.trades.iter().filter(|trade| trade.open).map(|trade| trade.units.abs()).sum();
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-12 * entry.filled;
        prop_assert!(near(entry.filled - stop.filled - target.filled, held), "{:?}", run.ledger.orders);
        if held > 0.0 {
            prop_assert_eq!((stop.status, target.status), (OrderStatus::Open, OrderStatus::Open));
            prop_assert!(near(left(stop), held) && near(left(target), held), "{:?}", run.ledger.orders);
        }
        // No fill is what rounding has left of a part.
        let mut parts = BTreeMap::new();
        for fill in &run.ledger.fills {
            prop_assert!(fill.units.abs() > 1e-6, "{fill:?}");
            *parts.entry(fill.order).or_insert(0) += 1;
        }
        prop_assert!(parts.len() <= 3, "{:?}", parts);
        let ends: Vec<_> = run.rejects().iter().filter(|end| end.1 == OTHER).map(|end| end.0).collect();
        prop_assert!(ends.len() <= 2, "the entry and one exit: {ends:?}");
    }
}
