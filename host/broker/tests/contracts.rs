//! Contracts: point values, terms of one instrument, prices of zero and less, and targets that the account cannot pay for.

use std::sync::Arc;

use crate::broker::{
    AtEnd, Bankruptcy, GapFills, Ledger, OrderStatus, Settings, Sizing, Timeline, Workspace, simulate,
    tests::orders::{Run, bars, buy, flat, ruled, run, run_started, sell, send, send_bracket},
};
use crate::model::{Commands, Contract, Measure, OrderKind, OrderRequest, RejectReason, Series, Side, Targets};

const NAN: f64 = f64::NAN;

/// The closes of crude oil in April 2020, roughly.
fn oil() -> Series {
    bars(&[
        (19.9, 20.5, 19.1, 19.87),
        (19.0, 19.4, 17.3, 18.27),
        (17.7, 17.9, -40.3, -37.63),
        (-14.0, 13.9, -16.7, 10.01),
        (11.2, 16.2, 10.3, 13.78),
        (14.2, 18.3, 13.9, 16.5),
    ])
}

/// Targets given as (bar, instrument, exposure).
fn targets(series: &[Series], wishes: &[(u32, u32, f64)], settings: Settings) -> Ledger {
    let targets = Targets {
        at: wishes.iter().map(|wish| wish.0).collect(),
        instrument: wishes.iter().map(|wish| wish.1).collect(),
        exposure: wishes.iter().map(|wish| wish.2).collect(),
    };
    let mut ledger = Ledger::new();
    simulate(&Arc::from(series), &Timeline::of(series), &targets, &settings, &mut Workspace::new(), &mut ledger);
    ledger
}

/// The same bar by bar, by a strategy that sends the targets.
fn sent(series: &[Series], wishes: &[(u32, u32, f64)], settings: Settings) -> Run {
    run(series, settings, |bar, commands| {
        let now = wishes.iter().filter(|(at, ..)| *at as usize == bar);
        now.for_each(|&(_, instrument, exposure)| commands.target(instrument, exposure));
    })
}

#[test]
fn a_point_is_worth_the_multiplier() {
    let series = [bars(&[flat(100.0), flat(100.0), flat(110.0), flat(110.0)])];
    let settings = Settings {
        multiplier: 50.0,
        commission_bps: 10.0,
        commission_per_unit: 2.0,
        sizing: Sizing::Units(1.0),
        ..Settings::default()
    };
    let ledger = targets(&series, &[(0, 0, 1.0), (2, 0, 0.0)], settings);
    let fees = [5.0 + 2.0, 5.5 + 2.0];
    assert_eq!(
        ledger.fills.iter().map(|fill| (fill.units, fill.price, fill.fee)).collect::<Vec<_>>(),
        [(1.0, 100.0, fees[0]), (-1.0, 110.0, fees[1])]
    );
    assert_eq!(ledger.equity(), [10_000.0, 9_993.0, 10_493.0, 10_485.5]);
    let [trade] = ledger.trades[..] else { panic!("{:?}", ledger.trades) };
    assert_eq!((trade.units, trade.entry_price, trade.pnl), (1.0, 100.0, 500.0 - 14.5));
    assert_eq!((trade.pnl_ratio, ledger.traded_value), (485.5 / 5000.0, 10_500.0));
    let short = targets(&series, &[(0, 0, -1.0)], Settings { borrow_rate: 0.365_25, ..settings });
    assert_eq!(short.borrow_costs, (5000.0 + 5500.0) * 0.001);
}

#[test]
fn sizes_and_margins_count_the_multiplier() {
    let series = [bars(&[flat(100.0), flat(100.0), flat(90.0), flat(90.0)])];
    let units = |settings: Settings, exposure| targets(&series, &[(0, 0, exposure)], settings).fills[0].units;
    let point = Settings { multiplier: 50.0, ..Settings::default() };
    assert_eq!((units(point, 1.0), units(point, -9.0)), (2.0, -2.0));
    assert_eq!(units(Settings { initial_margin: 0.1, ..point }, 5.0), 10.0);
    assert_eq!(units(Settings { sizing: Sizing::Cash(2500.0), ..point }, 1.0), 0.5);
    assert_eq!(units(Settings { lot: Some(1.0), ..point }, 0.7), 1.0);
    let share = |measure, quantity| OrderRequest { measure, ..buy(quantity) };
    let run = send(&series, point, &[share(Measure::Value, 2500.0), share(Measure::Equity, 0.5), buy(2.0)]);
    assert_eq!(run.ledger.fills.iter().map(|fill| fill.units).collect::<Vec<_>>(), [0.5, 1.0]);
    assert_eq!(run.rejects(), [(3, RejectReason::InsufficientFunds)]);
    // 10 units lose 5000 of 10,000, and 5000 are less than 12 % of 45,000.
    let thin = Settings { initial_margin: 0.2, maintenance_margin: 0.12, ..point };
    let called = send(&series, thin, &[buy(10.0)]);
    assert_eq!(called.fills(), [(1, 1, 10.0, 100.0), (0, 2, -10.0, 90.0)]);
}

#[test]
fn the_terms_of_an_instrument_replace_those_of_the_account() {
    let future = Contract {
        lot: Some(1.0),
        tick: Some(0.25),
        multiplier: Some(50.0),
        commission_bps: Some(0.0),
        commission_per_unit: Some(2.0),
        commission_per_order: Some(1.0),
        commission_minimum: Some(0.5),
        commission_maximum: Some(10.0),
    };
    let stock = bars(&[flat(10.0), (10.0, 10.0, 9.8, 10.0), flat(11.0)]);
    let contract = Series { symbol: "F".into(), contract: future, ..stock.clone() };
    let settings = Settings { lot: Some(0.1), tick: Some(0.01), commission_bps: 10.0, ..Settings::default() };
    let limit = |instrument| OrderRequest::limit(instrument, Side::Buy, 2.75, 9.88);
    let run = run(&[stock, contract], settings, |bar, commands| {
        if bar == 0 {
            [0, 1].into_iter().for_each(|instrument| _ = commands.submit(limit(instrument)));
        }
    });
    let fills: Vec<_> =
        run.ledger.fills.iter().map(|fill| (fill.instrument, fill.units, fill.price, fill.fee)).collect();
    assert_eq!(fills[0], (0, 2.7, 9.88, 2.7 * 9.88 * 10.0 / 1e4));
    assert_eq!(run.ledger.fills.len(), 2, "the nearest quarter is reached: {fills:?}");
    assert_eq!(fills[1], (1, 2.0, 10.0, 5.0), "it trades at the open, below 10.0: {fills:?}");
}

#[test]
fn a_price_below_zero_is_a_price() {
    let run = send(&[oil()], Settings::default(), &[buy(1.0)]);
    let equity = run.ledger.equity();
    assert_eq!(
        equity.iter().map(|equity| (equity * 100.0).round()).collect::<Vec<_>>(),
        [1_000_000.0, 999_927.0, 994_337.0, 999_101.0, 999_478.0, 999_750.0]
    );
    for settings in [Settings::default(), ruled(|rules| rules.at_end = AtEnd::Close)] {
        let ledger = targets(&[oil()], &[(2, 0, 1.0)], settings);
        let units = 10_000.0 / 14.0;
        assert_eq!((ledger.fills[0].units, ledger.fills[0].price), (units, -14.0), "as many as at a price of 14");
        assert!((ledger.final_equity() - (10_000.0 + 30.5 * units)).abs() < 1e-9);
        assert!((ledger.trades[0].pnl_ratio - 30.5 / 14.0).abs() < 1e-12, "{:?}", ledger.trades);
    }
    let cash = Settings { sizing: Sizing::Cash(140.0), ..Settings::default() };
    assert_eq!(targets(&[oil()], &[(2, 0, -1.0)], cash).fills[0].units, -10.0);
}

#[test]
fn costs_below_zero_are_costs() {
    let costs =
        Settings { commission_bps: 100.0, slippage_bps: 1000.0, sizing: Sizing::Units(10.0), ..Settings::default() };
    for (exposure, price) in [(1.0, -12.6), (-1.0, -15.4)] {
        let fill = targets(&[oil()], &[(2, 0, exposure)], costs).fills[0];
        assert!((fill.price - price).abs() < 1e-12 && (fill.fee - 0.1 * price.abs()).abs() < 1e-12, "{fill:?}");
    }
    let ticks = Settings { slippage_ticks: 2.0, tick: Some(0.01), ..Settings::default() };
    let series = [bars(&[flat(0.01), flat(0.01), flat(-0.01)])];
    assert_eq!(send(&series, ticks, &[sell(1.0)]).fills()[0].3, -0.01);
    let above = [bars(&[flat(0.01); 3])];
    assert_eq!(send(&above, ticks, &[sell(1.0)]).fills()[0].3, 0.01, "a price that is never below zero stays above");
}

#[test]
fn orders_may_name_prices_below_zero_where_the_instrument_has_them() {
    let limit = OrderRequest::limit(0, Side::Buy, 1.0, -20.0);
    let stop = OrderRequest::stop(0, Side::Sell, 1.0, -5.0);
    let run = send(&[oil()], Settings::default(), &[limit, stop]);
    assert_eq!(run.fills(), [(2, 2, -1.0, -5.0), (1, 2, 1.0, -20.0)]);
    let run = send(&[bars(&[flat(10.0); 3])], Settings::default(), &[limit, stop]);
    assert_eq!(run.rejects(), [(1, RejectReason::BadPrice), (2, RejectReason::BadPrice)]);
    let tick = Settings { tick: Some(0.25), ..Settings::default() };
    let run = send(&[oil()], tick, &[OrderRequest { limit: -20.1, ..limit }]);
    assert_eq!(run.fills(), [(1, 2, 1.0, -20.0)]);
    // Bought at -14, with a stop below and a target above.
    let run = self::run(&[oil()], Settings::default(), |bar, commands| {
        if bar == 2 {
            let entry = commands.submit(buy(1.0));
            commands.bracket(entry, -20.0, 15.0);
        }
    });
    assert_eq!(run.fills(), [(1, 3, 1.0, -14.0), (3, 4, -1.0, 15.0)]);
    let percent = OrderRequest { kind: OrderKind::TrailingStopPercent, ..OrderRequest::stop(0, Side::Sell, 1.0, 0.5) };
    let run = send(&[bars(&[flat(-10.0), flat(-10.0), (-10.0, -10.0, -16.0, -12.0)])], Settings::default(), &[percent]);
    assert_eq!(run.fills(), [(1, 2, -1.0, -15.0)], "half of 10 below the best price");
}

#[test]
fn before_the_first_bar_there_is_no_price_and_zero_is_one() {
    let trail = OrderRequest { kind: OrderKind::TrailingStop, ..OrderRequest::stop(0, Side::Buy, 1.0, 3.0) };
    let mut commands = Commands::default();
    commands.submit(trail);
    let (ledger, _) = run_started(&[bars(&[flat(10.0), flat(12.0)])], Settings::default(), commands);
    assert!(ledger.fills.is_empty(), "it follows from the first open: {:?}", ledger.fills);
    // At a price of 0 the market is not at the stop yet, and jumps over it.
    let jumps = ruled(|rules| rules.gaps = GapFills::Stop);
    let run = send(&[bars(&[flat(0.0), flat(5.0)])], jumps, &[OrderRequest::stop(0, Side::Buy, 1.0, 1.0)]);
    assert_eq!(run.fills(), [(1, 1, 1.0, 1.0)]);
}

#[test]
fn a_long_position_can_be_ruined_below_zero() {
    let series = [bars(&[flat(20.0), flat(20.0), flat(-1.0), flat(5.0)])];
    let settings = Settings { initial_cash: 100.0, ..Settings::default() };
    let jumped = targets(&series, &[(0, 0, 1.0)], settings);
    let walked = sent(&series, &[(0, 0, 1.0)], settings).ledger;
    for ledger in [jumped, walked] {
        assert_eq!((ledger.equity(), ledger.wiped_out), (vec![100.0, 100.0, -5.0, -5.0], Some(2)));
    }
    let on = Settings { initial_cash: 100.0, ..ruled(|rules| rules.ruin = Bankruptcy::TradeOn) };
    assert_eq!(targets(&series, &[(0, 0, 1.0)], on).equity(), [100.0, 100.0, -5.0, 25.0]);
}

#[test]
fn margin_counts_the_absolute_value() {
    let series = [bars(&[flat(-10.0), flat(-10.0), flat(-10.0)])];
    let settings = Settings { initial_cash: 100.0, ..Settings::default() };
    for side in [buy as fn(f64) -> OrderRequest, sell] {
        let run = send(&series, settings, &[side(10.0), side(1.0)]);
        assert_eq!(run.ledger.fills.len(), 1);
        assert_eq!(run.rejects(), [(2, RejectReason::InsufficientFunds)]);
        assert_eq!(run.ledger.final_equity(), 100.0);
    }
    // A margin of 12 % of 10 x 90 is not there after a loss of 5 a unit.
    let series = [bars(&[flat(-85.0), flat(-85.0), flat(-90.0), flat(-90.0)])];
    let thin = Settings { initial_cash: 150.0, initial_margin: 0.15, maintenance_margin: 0.12, ..Settings::default() };
    assert_eq!(send(&series, thin, &[buy(10.0)]).fills(), [(1, 1, 10.0, -85.0), (0, 2, -10.0, -90.0)]);
}

#[test]
fn a_price_of_zero_sizes_nothing_and_that_is_told() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(0.0), flat(5.0)])];
    let wishes = [(0, 0, 0.5), (1, 0, 1.0)];
    let jumped = targets(&series, &wishes, Settings::default());
    let walked = sent(&series, &wishes, Settings::default());
    assert_eq!(walked.rejects(), [(0, RejectReason::BadPrice)]);
    for ledger in [&jumped, &walked.ledger] {
        assert_eq!((ledger.fills.len(), ledger.unpriced, ledger.cut), (1, 1, 0));
    }
    let closed = targets(&series, &[(0, 0, 0.5), (1, 0, 0.0)], Settings::default());
    assert_eq!((closed.fills.len(), closed.unpriced, closed.final_equity()), (2, 0, 5000.0));
    let units = Settings { sizing: Sizing::Units(3.0), ..Settings::default() };
    assert_eq!(targets(&series, &[(1, 0, 1.0)], units).fills[0].units, 3.0);
    let orders =
        |request| run(&series, Settings::default(), |bar, commands| _ = (bar == 1).then(|| commands.submit(request)));
    assert_eq!(orders(buy(7.0)).fills(), [(1, 2, 7.0, 0.0)]);
    // What costs nothing can be paid for by an account that has spent all.
    let other = Series { symbol: "B".into(), ..bars(&[flat(10.0); 4]) };
    let spent = run(&[series[0].clone(), other], Settings::default(), |bar, commands| match bar {
        0 => _ = commands.submit(OrderRequest::market(1, Side::Buy, 1000.0)),
        1 => _ = commands.submit(buy(7.0)),
        _ => {}
    });
    assert_eq!(spent.rejects(), []);
    for measure in [Measure::Equity, Measure::Value] {
        let run = orders(OrderRequest { measure, ..buy(1.0) });
        assert_eq!(run.ledger.orders[0].status, OrderStatus::Rejected(RejectReason::BadPrice));
    }
}

#[test]
fn what_the_account_cannot_pay_for_is_counted_unless_costs_explain_it() {
    let one = [bars(&[flat(10.0), flat(10.0), flat(10.0), flat(10.0)])];
    let two = [one[0].clone(), Series { symbol: "B".into(), ..one[0].clone() }];
    let costs = Settings { commission_bps: 50.0, commission_per_order: 3.0, slippage_bps: 20.0, ..Settings::default() };
    let lent = Settings { initial_margin: 0.25, ..costs };
    let check = |series: &[Series], wishes: &[(u32, u32, f64)], settings, expected| {
        assert_eq!(targets(series, wishes, settings).cut, expected, "{wishes:?}");
        assert_eq!(sent(series, wishes, settings).ledger.cut, expected, "{wishes:?}");
    };
    check(&one, &[(0, 0, 3.0)], costs, 1);
    check(&one, &[(0, 0, -1.01)], costs, 1);
    check(&one, &[(0, 0, 1.0)], costs, 0);
    check(&one, &[(0, 0, 1.0), (1, 0, -1.0), (2, 0, 1.0)], costs, 0);
    check(&one, &[(0, 0, 3.0), (1, 0, 4.0)], lent, 0);
    check(&one, &[(0, 0, 3.0), (1, 0, 4.1)], lent, 1);
    check(&two, &[(0, 0, 0.5), (0, 1, 0.5)], costs, 0);
    check(&two, &[(0, 0, 0.5), (0, 1, -0.5)], costs, 0);
    check(&two, &[(0, 0, 0.6), (0, 1, 0.6)], costs, 1);
    check(&one, &[(0, 0, 5.0)], Settings { sizing: Sizing::Units(300.0), ..costs }, 1);
    let share = |measure, quantity| OrderRequest { measure, ..buy(quantity) };
    for (order, expected) in [
        (share(Measure::Equity, 1.0), 0),
        (share(Measure::Equity, 5.0), 1),
        (share(Measure::Value, 10_000.0), 0),
        (share(Measure::Value, 10_050.0), 0),
        (share(Measure::Value, 10_200.0), 1),
        (buy(5000.0), 0),
    ] {
        assert_eq!(send(&one, costs, &[order]).ledger.cut, expected, "{order:?}");
    }
    let bracket = send_bracket(&one, costs, share(Measure::Equity, 2.0), (9.0, NAN));
    assert_eq!(bracket.ledger.cut, 1);
}

#[test]
fn a_target_of_less_than_one_lot_is_counted_where_it_opens_nothing() {
    let dear = [bars(&[flat(90_000.0); 6])];
    let lots = Settings { initial_cash: 1000.0, lot: Some(1.0), ..Settings::default() };
    let rich = Settings { initial_cash: 500_000.0, ..lots };
    let fee = Settings { initial_cash: 90_000.0, commission_per_order: 5.0, ..lots };
    let by_cash = Settings { sizing: Sizing::Cash(1000.0), ..rich };
    let by_units = Settings { sizing: Sizing::Units(0.5), ..rich };
    for (name, wishes, settings, expected) in [
        ("half of the account is less than a lot", vec![(0, 0, 0.5)], lots, 1),
        ("a short, too", vec![(0, 0, -0.5)], lots, 1),
        ("each target counts", vec![(0, 0, 0.5), (1, 0, 0.5), (2, 0, -0.5)], lots, 3),
        ("nothing was wanted", vec![(0, 0, 0.0), (1, 0, 0.0)], lots, 0),
        ("without lots there are parts", vec![(0, 0, 0.5)], Settings { lot: None, ..lots }, 0),
        ("finer lots", vec![(0, 0, 0.5)], Settings { lot: Some(0.001), ..lots }, 0),
        ("an amount", vec![(0, 0, 1.0)], by_cash, 1),
        ("units", vec![(0, 0, 1.0)], by_units, 1),
        ("what is held already", vec![(0, 0, 0.5), (1, 0, 0.5)], rich, 0),
        ("a rebalance by less than a lot", vec![(0, 0, 0.5), (1, 0, 0.6)], rich, 0),
        ("a reduction to less than a lot closes", vec![(0, 0, 0.5), (1, 0, 0.1)], rich, 0),
        ("a reversal that opens nothing", vec![(0, 0, 0.5), (1, 0, -0.1)], rich, 1),
        ("costs leave less than a lot", vec![(0, 0, 1.0)], fee, 1),
        ("more than there is is counted once", vec![(0, 0, 2.0)], fee, 0),
    ] {
        let jumped = targets(&dear, &wishes, settings);
        let walked = sent(&dear, &wishes, settings).ledger;
        assert_eq!((jumped.below_lot, walked.below_lot), (expected, expected), "{name}");
    }
    assert_eq!(targets(&dear, &[(0, 0, 2.0)], fee).cut, 1);
    // Of an account in debt nothing is exposed, whatever the lot.
    let ruined = [bars(&[flat(10.0), flat(10.0), flat(30.0), flat(30.0), flat(30.0)])];
    let on = Settings { initial_cash: 100.0, lot: Some(1.0), ..ruled(|rules| rules.ruin = Bankruptcy::TradeOn) };
    assert_eq!(targets(&ruined, &[(0, 0, -1.0), (2, 0, 1.0)], on).below_lot, 0);
}

#[test]
fn an_order_of_a_share_or_an_amount_below_one_lot_is_refused_for_its_lot() {
    let dear = [bars(&[flat(90_000.0); 3])];
    let lots = Settings { initial_cash: 1000.0, lot: Some(1.0), ..Settings::default() };
    for (measure, quantity) in [(Measure::Equity, 0.5), (Measure::Value, 500.0)] {
        let run = send(&dear, lots, &[OrderRequest { measure, ..buy(quantity) }]);
        assert_eq!(run.rejects(), [(1, RejectReason::LotSize)], "{measure:?}");
    }
}
