//! Quantities and prices on grids, and quantities without one: flat is flat, filled is filled, a cent is a cent.

use crate::broker::{
    AtEnd, GapFills, LimitFills, LotRounding, OrderStatus, Settings, TickRounding,
    tests::orders::{Run, bars, buy, flat, ruled, run, sell, send, send_bracket},
};
use crate::model::{OrderKind, OrderRequest, RejectReason, Series, Side, TimeInForce};

/// Orders sent at bars: (bar, units), negative where sold.
fn scale(lot: Option<f64>, bars_count: usize, orders: &[(usize, f64)]) -> Run {
    let series = [bars(&vec![flat(50.0); bars_count])];
    run(&series, Settings { lot, ..Settings::default() }, |bar, commands| {
        for &(_, units) in orders.iter().filter(|(at, _)| *at == bar) {
            commands.submit(if units > 0.0 { buy(units) } else { sell(-units) });
        }
    })
}

#[test]
fn what_was_bought_in_parts_and_sold_at_once_is_gone() {
    let orders: [&[(usize, f64)]; 6] = [
        &[(0, 2.28), (0, 0.65), (0, 0.68), (3, -3.61), (4, 1.0), (5, -1.0)],
        &[(0, 1.02), (0, 2.77), (0, 1.05), (0, 0.94), (2, -5.78), (4, 1.0), (5, -1.0)],
        &[(0, -0.1), (1, -0.2), (2, 0.3), (4, 1.0), (5, -1.0)],
        &[(0, 0.3), (1, -0.1), (2, -0.1), (3, -0.1), (4, 1.0), (5, -1.0)],
        &[(0, 1.1), (0, 2.2), (1, -3.3), (4, 1.0), (5, -1.0)],
        &[(0, 70.07), (1, 0.07), (2, -70.14), (4, 1.0), (5, -1.0)],
    ];
    for orders in orders {
        for lot in [None, Some(0.01)] {
            let run = scale(lot, 8, orders);
            let trades: Vec<_> = run.ledger.trades.iter().map(|trade| (trade.is_long(), trade.open)).collect();
            let firsts = orders.iter().filter(|(_, units)| units.signum() != orders[0].1.signum()).count() - 1;
            assert_eq!(trades.len(), firsts + 1, "{orders:?} {lot:?} {:?}", run.ledger.trades);
            assert_eq!(trades.last(), Some(&(true, false)));
            assert_eq!(run.ledger.trades.last().map(|trade| trade.entry_bar), Some(5));
            assert_eq!((run.ledger.final_equity(), run.rejects()), (10_000.0, vec![]));
        }
    }
}

#[test]
fn a_small_order_after_a_large_position_is_an_order() {
    let run = scale(None, 6, &[(0, 150.0), (1, -150.0), (2, 1e-13), (3, -1e-13)]);
    assert_eq!(run.ledger.trades.iter().map(|trade| trade.units).collect::<Vec<_>>(), [150.0, 1e-13]);
}

#[test]
fn a_reversal_leaves_what_was_meant() {
    let run = scale(None, 6, &[(0, 0.1), (0, 0.2), (1, -0.3), (1, -0.5), (2, 0.5)]);
    assert_eq!(run.ledger.trades.iter().map(|trade| trade.open).collect::<Vec<_>>(), [false, false]);
    let lots = scale(Some(0.1), 6, &[(0, 0.1), (0, 0.2), (1, -0.8), (2, 0.5)]);
    assert_eq!(lots.ledger.trades.iter().map(|trade| trade.units).collect::<Vec<_>>(), [0.3, -0.5]);
}

#[test]
fn a_quantity_in_lots_is_the_decimal_that_was_ordered() {
    let series = [bars(&[flat(0.5); 3])];
    for (lot, asked, filled) in [
        (0.1, 0.3, 0.3),
        (0.1, 0.29, 0.2),
        (0.001, 1.005, 1.005),
        (1e-8, 0.123_456_78, 0.123_456_78),
        (1e-8, 0.123_456_789, 0.123_456_78),
        (0.01, 12345.67 - 12345.66, 0.01),
        (0.25, 1.1, 1.0),
        (100.0, 250.0, 200.0),
    ] {
        let run = send(&series, Settings { lot: Some(lot), ..Settings::default() }, &[buy(asked)]);
        assert_eq!((run.ledger.fills[0].units, run.ledger.orders[0].filled), (filled, filled), "{asked} in {lot}");
    }
    let reject = Settings { lot: Some(0.1), ..ruled(|rules| rules.lot_rounding = LotRounding::Reject) };
    assert_eq!(send(&series, reject, &[buy(0.3), buy(0.7), buy(0.29)]).rejects(), [(3, RejectReason::LotSize)]);
}

/// Bars of one price with these volumes.
fn with_volumes(volumes: &[f64]) -> [Series; 1] {
    let mut series = bars(&vec![flat(50.0); volumes.len()]);
    series.volume = volumes.to_vec();
    [series]
}

#[test]
fn an_order_that_is_filled_in_parts_is_filled() {
    for (lot, quantity, volume, parts) in [
        (None, 13.5, 27.0, 5),
        (None, 0.3, 1.0, 3),
        (Some(0.1), 0.3, 1.0, 3),
        (Some(0.01), 0.07, 0.1, 7),
        (None, 0.7, 1.0, 7),
        (Some(0.1), 1.1, 1.0, 11),
        // Here the last part is larger than the room of a bar, by rounding alone.
        (None, 0.27, 0.3, 9),
        (None, 0.54, 0.6, 9),
    ] {
        let settings = Settings { lot, volume_share: Some(0.1), ..Settings::default() };
        let run = send(&with_volumes(&[volume; 14]), settings, &[buy(quantity)]);
        let record = &run.ledger.orders[0];
        assert_eq!((record.status, record.filled), (OrderStatus::Filled, quantity), "{quantity} {lot:?}");
        assert_eq!((run.ledger.fills.len(), run.rejects()), (parts, vec![]), "{quantity} {:?}", run.ledger.fills);
    }
}

#[test]
fn a_target_that_is_reached_in_parts_is_reached() {
    for (units, volume, parts) in [(13.5, 27.0, 5), (0.27, 0.3, 9), (0.4, 0.5, 8)] {
        let sizing = format!("units:{units}").parse().unwrap();
        let settings = Settings { sizing, volume_share: Some(0.1), ..Settings::default() };
        let wish = |last: usize| {
            run(&with_volumes(&[volume; 30]), settings, |bar, commands| match bar {
                0 => commands.target(0, 1.0),
                12 if last == 0 => commands.target(0, 0.0),
                _ => {}
            })
        };
        let held = wish(1).ledger;
        assert_eq!((held.fills.len(), held.trades[0].units), (parts, units));
        let closed = wish(0).ledger;
        assert_eq!(closed.fills.len(), 2 * parts, "{:?}", closed.fills);
        assert!(closed.trades.iter().all(|trade| !trade.open));
    }
}

#[test]
fn what_rounding_leaves_of_a_bar_is_no_room() {
    let settings = Settings { volume_share: Some(0.1), ..Settings::default() };
    let run = send(&with_volumes(&[7.0; 4]), settings, &[buy(0.7), buy(1.0)]);
    let fills: Vec<_> = run.ledger.fills.iter().map(|fill| (fill.order, fill.bar)).collect();
    assert_eq!(fills, [(1, 1), (2, 2), (2, 3)]);
    // Too little to change a large position waits, and is not refused.
    let rich = Settings { initial_cash: 1e9, volume_share: Some(1.0), ..Settings::default() };
    let run = self::run(&with_volumes(&[1e6, 1e6, 1e-12, 1e6]), rich, |bar, commands| match bar {
        0 => _ = commands.submit(buy(1e6)),
        1 => _ = commands.submit(buy(5.0)),
        _ => {}
    });
    assert_eq!((run.fills().len(), run.ledger.fills[1].bar, run.rejects()), (2, 3, vec![]));
}

/// Holds 0.01999999998952262 units where 0.02 are meant: 131079.02 less 131079, which doubles cannot say better.
fn nearly(series: &[Series], then: impl Fn(&mut crate::model::Commands)) -> Run {
    run(series, Settings { initial_cash: 131_079.02 * 50.0, ..Settings::default() }, |bar, commands| match bar {
        0 => _ = commands.submit(buy(131_079.02)),
        1 => _ = commands.submit(sell(131_079.0)),
        2 => then(commands),
        _ => {}
    })
}

#[test]
fn an_order_that_closes_but_for_rounding_closes() {
    let one = bars(&[flat(50.0); 5]);
    let two = [one.clone(), Series { symbol: "B".into(), ..one.clone() }];
    // Whatever is bought with all of the cash comes after what is sold for it.
    let run = nearly(&two, |commands| {
        commands.submit(OrderRequest::market(1, Side::Buy, 131_079.02));
        commands.submit(sell(0.02));
    });
    assert_eq!(run.rejects(), []);
    assert_eq!(run.ledger.fills[2].instrument, 0);
    // An entry that only closes opens nothing for its exits.
    let run = nearly(&[one], |commands| {
        let entry = commands.submit(sell(0.02));
        commands.bracket(entry, 60.0, 40.0);
    });
    let exits = &run.ledger.orders[3..];
    assert!(exits.iter().all(|exit| exit.request.quantity == 0.0), "{exits:?}");
    assert!(run.ledger.trades.iter().all(|trade| !trade.open));
}

#[test]
fn the_exits_of_an_entry_in_parts_close_all_of_it() {
    for lot in [None, Some(0.1)] {
        let mut series = with_volumes(&[1.0; 12]);
        let settings = Settings { lot, volume_share: Some(0.1), ..Settings::default() };
        (series[0].low[8], series[0].volume[8]) = (40.0, 1e3);
        let run = send_bracket(&series, settings, buy(0.7), (45.0, f64::NAN));
        assert_eq!(run.ledger.fills.len(), 8);
        assert!(run.ledger.trades.iter().all(|trade| !trade.open), "{:?}", run.ledger.trades);
        assert_eq!(run.ledger.orders[1].filled, 0.7);
    }
}

#[test]
fn what_ends_before_it_is_filled_in_full_says_so() {
    let settings = Settings { volume_share: Some(0.1), ..Settings::default() };
    let immediate = OrderRequest { time_in_force: TimeInForce::Ioc, ..buy(25.0) };
    let run = send(&with_volumes(&[100.0; 3]), settings, &[immediate]);
    let record = &run.ledger.orders[0];
    assert_eq!((record.status, record.filled), (OrderStatus::FilledInPart(RejectReason::Expired), 10.0));
    assert_eq!((run.ledger.rejected, run.rejects()), (0, vec![(1, RejectReason::Expired)]));
    let cancelled = self::run(&with_volumes(&[100.0; 6]), settings, |bar, commands| match bar {
        0 => {
            commands.submit(buy(25.0));
            commands.submit(OrderRequest::limit(0, Side::Buy, 1.0, 10.0));
        }
        1 => [1, 2].into_iter().for_each(|order| commands.cancel(order)),
        _ => {}
    });
    let statuses: Vec<_> = cancelled.ledger.orders.iter().map(|record| record.status).collect();
    let reason = RejectReason::Cancelled;
    assert_eq!(statuses, [OrderStatus::FilledInPart(reason), OrderStatus::Cancelled(reason)]);
    // Of units that cannot be paid for, what closes the short is filled.
    let poor = Settings { initial_cash: 100.0, ..Settings::default() };
    let run = send(&with_volumes(&[100.0; 3]), poor, &[sell(1.0), buy(9.0), buy(9.0)]);
    let statuses: Vec<_> = run.ledger.orders.iter().map(|record| record.status).collect();
    let reason = RejectReason::InsufficientFunds;
    assert_eq!(statuses, [OrderStatus::Filled, OrderStatus::FilledInPart(reason), OrderStatus::Rejected(reason)]);
    assert_eq!(run.ledger.rejected, 1);
}

/// The bar that only touches 1.13 and 1.14, with the one that sends before it.
fn touched(low: f64, high: f64) -> [Series; 1] {
    let middle = (low + high) / 2.0;
    [bars(&[(middle, high, low, middle); 2])]
}

#[test]
fn a_tick_changes_nothing_for_prices_on_it() {
    let price = |cents: u32| format!("{}.{:02}", cents / 100, cents % 100).parse::<f64>().unwrap();
    let order = |kind, side, price| {
        let (limit, stop) = if kind == OrderKind::Limit { (price, f64::NAN) } else { (f64::NAN, price) };
        OrderRequest { kind, limit, stop, ..OrderRequest::limit(0, side, 1.0, 1.0) }
    };
    let free = Settings { initial_cash: 1e6, ..ruled(|rules| rules.limits = LimitFills::Touch) };
    let strict = Settings { rules: Default::default(), ..free };
    for cents in 1..20_000 {
        let (low, high) = (price(cents), price(cents + 1));
        let series = touched(low, high);
        let orders = [
            order(OrderKind::Limit, Side::Buy, low),
            order(OrderKind::Limit, Side::Sell, high),
            order(OrderKind::Stop, Side::Buy, high),
            order(OrderKind::Stop, Side::Sell, low),
        ];
        for rounding in TickRounding::ALL {
            for settings in [free, strict] {
                let mut ticked = Settings { tick: Some(0.01), ..settings };
                ticked.rules.tick_rounding = *rounding;
                let fills = send(&series, ticked, &orders).fills();
                assert_eq!(fills, send(&series, settings, &orders).fills(), "{low} {rounding}");
                assert_eq!(fills.len(), if settings == free { 4 } else { 2 }, "{low}: {fills:?}");
                assert!(fills.iter().all(|fill| fill.3 == low || fill.3 == high), "{fills:?}");
            }
        }
    }
}

#[test]
fn a_fine_tick_knows_a_large_price() {
    let series = [bars(&[flat(50_000.5), (50_000.5, 50_001.0, 50_000.123_456_78, 50_000.5)])];
    let reject = Settings {
        tick: Some(1e-8),
        initial_cash: 1e6,
        ..ruled(|rules| (rules.tick_rounding, rules.limits) = (TickRounding::Reject, LimitFills::Touch))
    };
    for price in [50_000.123_456_78, 50_000.0 + 0.123_456_78, 50_000.123_456_78 * (1.0 + f64::EPSILON)] {
        let run = send(&series, reject, &[OrderRequest::limit(0, Side::Buy, 1.0, price)]);
        assert_eq!(run.fills(), [(1, 1, 1.0, 50_000.123_456_78)], "{price:?}");
    }
    let between = OrderRequest::limit(0, Side::Buy, 1.0, 50_000.123_456_784);
    assert_eq!(send(&series, reject, &[between]).rejects(), [(1, RejectReason::TickSize)]);
}

#[test]
fn the_exits_of_a_bracket_are_on_the_tick() {
    let series = [bars(&[flat(1.2), flat(1.2), (1.2, 1.2, 1.13, 1.2)])];
    let settings = Settings { tick: Some(0.01), ..Settings::default() };
    let run = send_bracket(&series, settings, buy(1.0), (1.2 - 0.07, 1.2 + 0.11));
    assert_eq!(run.fills()[1], (2, 2, -1.0, 1.13));
    let prices: Vec<_> =
        run.ledger.orders[1..].iter().map(|record| (record.request.stop, record.request.limit)).collect();
    assert_eq!((prices[0].0, prices[1].1), (1.13, 1.31));
}

#[test]
fn a_trailing_stop_is_on_the_tick() {
    let trail = |kind, distance| OrderRequest { kind, ..OrderRequest::stop(0, Side::Sell, 1.0, distance) };
    let settings = Settings { tick: Some(0.01), ..Settings::default() };
    for (best, distance, stop) in [(101.10, 5.03, 96.07), (1.21, 0.08, 1.13), (0.3, 0.1, 0.2), (4.35, 0.01, 4.34)] {
        // The next bar only touches the stop.
        let series = [bars(&[flat(best), flat(best), (best, best, stop, best)])];
        let fills = send(&series, settings, &[trail(OrderKind::TrailingStop, distance)]).fills();
        assert_eq!(fills, [(1, 2, -1.0, stop)], "{best} {distance}");
    }
    let series = [bars(&[flat(10.0), flat(10.0), (10.0, 10.0, 9.0, 9.5)])];
    let fills = send(&series, settings, &[trail(OrderKind::TrailingStopPercent, 0.0333)]).fills();
    assert_eq!(fills[0].3, 9.67, "9.667 is not on the tick");
    let passive = Settings { tick: Some(0.01), ..ruled(|rules| rules.tick_rounding = TickRounding::Passive) };
    let fills = send(&series, passive, &[trail(OrderKind::TrailingStopPercent, 0.0333)]).fills();
    assert_eq!(fills[0].3, 9.66);
}

#[test]
fn slippage_in_ticks_leaves_prices_on_the_tick() {
    for (price, paid) in [(1.1, 1.13), (0.07, 0.1), (4.32, 4.35), (33.3, 33.33)] {
        let series = [bars(&[flat(price); 2])];
        let settings = Settings { tick: Some(0.01), slippage_ticks: 3.0, ..Settings::default() };
        assert_eq!(send(&series, settings, &[buy(1.0)]).fills()[0].3, paid);
        assert_eq!(send(&[bars(&[flat(paid); 2])], settings, &[sell(1.0)]).fills()[0].3, price);
    }
}

#[test]
fn a_position_that_is_held_at_the_end_is_closed_to_nothing() {
    let series = [bars(&[flat(50.0); 6])];
    for lot in [None, Some(0.01)] {
        let settings = Settings { lot, ..ruled(|rules| (rules.at_end, rules.gaps) = (AtEnd::Close, GapFills::Open)) };
        let run = run(&series, settings, |bar, commands| _ = (bar < 4).then(|| commands.submit(buy(0.07))));
        assert_eq!((run.ledger.trades.len(), run.ledger.trades[0].open), (1, false));
        let closed = run.ledger.fills.last().map(|fill| fill.units);
        assert_eq!(closed, Some(-0.28));
    }
}
