//! The rules of the broker, one by one, on bars small enough to follow by hand.

use std::sync::Arc;

use crate::broker::{AtEnd, Booking, Fill, FillAt, Ledger, Rules, Settings, Sizing, Timeline, Workspace, simulate};
use crate::model::{Series, Targets};

/// Bars given as (time, open, close).
fn series(bars: &[(i64, f64, f64)]) -> Series {
    let column = |pick: fn(&(i64, f64, f64)) -> f64| bars.iter().map(pick).collect::<Vec<_>>();
    Series {
        symbol: "A".into(),
        time: bars.iter().map(|bar| bar.0).collect(),
        open: column(|bar| bar.1),
        high: column(|bar| bar.1.max(bar.2)),
        low: column(|bar| bar.1.min(bar.2)),
        close: column(|bar| bar.2),
        volume: vec![0.0; bars.len()],
        ..Series::default()
    }
}

/// Wishes given as (bar, instrument, exposure).
fn run(series: &[Series], wishes: &[(u32, u32, f64)], settings: Settings) -> Ledger {
    let targets = Targets {
        at: wishes.iter().map(|wish| wish.0).collect(),
        instrument: wishes.iter().map(|wish| wish.1).collect(),
        exposure: wishes.iter().map(|wish| wish.2).collect(),
    };
    targets.check(series).unwrap();
    settings.check().unwrap();
    let mut ledger = Ledger::new();
    simulate(&Arc::from(series), &Timeline::of(series), &targets, &settings, &mut Workspace::new(), &mut ledger);
    ledger
}

fn four_bars() -> [Series; 1] {
    [series(&[(1, 10.0, 10.0), (2, 20.0, 25.0), (3, 40.0, 50.0), (4, 50.0, 40.0)])]
}

fn thousand() -> Settings {
    Settings { initial_cash: 1000.0, ..Settings::default() }
}

fn check(wishes: &[(u32, u32, f64)], settings: Settings, fills: &[(u32, f64, f64, f64)], equity: &[f64]) {
    let ledger = run(&four_bars(), wishes, settings);
    let fills: Vec<_> = fills
        .iter()
        .map(|&(bar, units, price, fee)| Fill { instrument: 0, bar, units, price, fee, order: 0 })
        .collect();
    assert_eq!(ledger.fills, fills);
    assert_eq!(ledger.equity(), equity);
}

#[test]
fn a_target_trades_at_the_next_open_and_equity_is_marked_at_closes() {
    let wishes = [(0, 0, 1.0), (2, 0, 0.0)];
    check(&wishes, thousand(), &[(1, 50.0, 20.0, 0.0), (3, -50.0, 50.0, 0.0)], &[1000.0, 1250.0, 2500.0, 2500.0]);
}

#[test]
fn a_target_trades_at_its_own_close_on_request() {
    let settings = Settings { fill: FillAt::Close, ..thousand() };
    let wishes = [(0, 0, 1.0), (2, 0, 0.0)];
    check(&wishes, settings, &[(0, 100.0, 10.0, 0.0), (2, -100.0, 50.0, 0.0)], &[1000.0, 2500.0, 5000.0, 5000.0]);
    check(&[(3, 0, 1.0)], settings, &[(3, 25.0, 40.0, 0.0)], &[1000.0; 4]);
}

#[test]
fn a_target_at_the_last_bar_has_no_open_to_trade_at() {
    check(&[(3, 0, 1.0)], thousand(), &[], &[1000.0; 4]);
}

#[test]
fn what_is_held_at_the_end_is_closed_on_request() {
    let settings =
        |fill, booking, at_end| Settings { fill, rules: Rules { booking, at_end, ..Rules::default() }, ..thousand() };
    let (wishes, bought) = ([(0, 0, 1.0)], (1, 50.0, 20.0, 0.0));
    for booking in [Booking::Fill, Booking::NextBar] {
        let at_close = settings(FillAt::NextOpen, booking, AtEnd::Close);
        check(&wishes, at_close, &[bought, (3, -50.0, 40.0, 0.0)], &[1000.0, 1250.0, 2500.0, 2000.0]);
        let at_open = settings(FillAt::NextOpen, booking, AtEnd::LastBar);
        check(&wishes, at_open, &[bought, (3, -50.0, 50.0, 0.0)], &[1000.0, 1250.0, 2500.0, 2500.0]);
    }
    let late = settings(FillAt::Close, Booking::NextBar, AtEnd::LastBar);
    let fills = [(0, 100.0, 10.0, 0.0), (2, -100.0, 50.0, 0.0)];
    check(&wishes, late, &fills, &[1000.0, 2500.0, 5000.0, 5000.0]);
}

#[test]
fn sizes_are_units_or_cash_on_request() {
    let units = Settings { sizing: Sizing::Units(10.0), ..thousand() };
    check(&[(0, 0, 1.5)], units, &[(1, 15.0, 20.0, 0.0)], &[1000.0, 1075.0, 1450.0, 1300.0]);
    let cash = Settings { sizing: Sizing::Cash(200.0), ..thousand() };
    check(&[(0, 0, -1.0)], cash, &[(1, -10.0, 20.0, 0.0)], &[1000.0, 950.0, 700.0, 800.0]);
}

#[test]
fn lots_round_the_position_toward_zero_and_a_whole_number_of_lots_stays_whole() {
    let lots = |lot| Settings { lot: Some(lot), ..thousand() };
    check(&[(0, 0, 1.0)], lots(30.0), &[(1, 30.0, 20.0, 0.0)], &[1000.0, 1150.0, 1900.0, 1600.0]);
    check(&[(0, 0, -0.7)], lots(30.0), &[(1, -30.0, 20.0, 0.0)], &[1000.0, 850.0, 100.0, 400.0]);
    check(&[(0, 0, 0.5)], lots(30.0), &[], &[1000.0; 4]);
    let ledger =
        run(&[series(&[(1, 0.1, 0.1), (2, 0.1, 0.1)])], &[(0, 0, 1.0)], Settings { initial_cash: 0.3, ..lots(1.0) });
    assert_eq!(ledger.fills[0].units, 3.0);
}

#[test]
fn slippage_and_commission_make_trades_worse() {
    let costs = Settings { slippage_bps: 5000.0, commission_bps: 1000.0, commission_per_order: 10.0, ..thousand() };
    let wishes = [(0, 0, 0.2), (1, 0, 0.0)];
    // Bought: 10 units at 30 cost 300 + 30 + 10. Sold: 10 units at 20 bring 200 - 20 - 10.
    check(&wishes, costs, &[(1, 10.0, 30.0, 40.0), (2, -10.0, 20.0, 30.0)], &[1000.0, 910.0, 830.0, 830.0]);
}

#[test]
fn what_the_account_cannot_pay_for_is_cut() {
    let costs = Settings { commission_bps: 2500.0, commission_per_order: 100.0, ..thousand() };
    // 900 / (20 x 1.25) = 36 units, and nothing is left.
    check(&[(0, 0, 1.0)], costs, &[(1, 36.0, 20.0, 280.0)], &[1000.0, 900.0, 1800.0, 1440.0]);
    check(&[(0, 0, 9.0)], thousand(), &[(1, 50.0, 20.0, 0.0)], &[1000.0, 1250.0, 2500.0, 2000.0]);
    check(
        &[(0, 0, -9.0)],
        thousand(),
        &[(1, -50.0, 20.0, 0.0), (2, 50.0, 50.0, 0.0)],
        &[1000.0, 750.0, -500.0, -500.0],
    );
}

#[test]
fn a_reversal_is_one_order_and_ends_one_trade() {
    let costs = Settings { commission_per_order: 10.0, sizing: Sizing::Units(10.0), ..thousand() };
    let ledger = run(&four_bars(), &[(0, 0, 1.0), (1, 0, -1.0)], costs);
    assert_eq!(ledger.fills.len(), 2);
    assert_eq!((ledger.fills[1].units, ledger.fills[1].fee), (-20.0, 10.0));
    let [long, short] = ledger.trades[..] else { panic!("{:?}", ledger.trades) };
    // The fee of the reversal belongs to both trades by halves.
    assert_eq!((long.units, long.exit_price, long.exit_fees, long.pnl), (10.0, 40.0, 5.0, 185.0));
    assert_eq!((short.units, short.entry_bar, short.entry_fees, short.open), (-10.0, 2, 5.0, true));
    assert_eq!((short.exit_bar, short.exit_price, short.exit_fees, short.pnl), (3, 40.0, 0.0, -5.0));
    assert!((long.is_long(), short.is_long()) == (true, false) && long.bars_held() == 1);
    assert_eq!(ledger.final_equity(), 1180.0);
}

#[test]
fn a_partial_exit_closes_against_the_average_entry_and_shares_its_fees() {
    let settings = Settings { sizing: Sizing::Units(1.0), commission_per_order: 6.0, ..thousand() };
    let ledger = run(&four_bars(), &[(0, 0, 10.0), (1, 0, 20.0), (2, 0, 5.0)], settings);
    let [closed, open] = ledger.trades[..] else { panic!("{:?}", ledger.trades) };
    assert_eq!((closed.units, closed.entry_bar, closed.exit_bar), (15.0, 1, 3));
    assert_eq!((closed.entry_price, closed.entry_fees, closed.exit_fees), (30.0, 9.0, 6.0));
    assert_eq!((open.units, open.entry_bar, open.entry_price, open.entry_fees), (5.0, 1, 30.0, 3.0));
    assert_eq!((closed.pnl, closed.pnl_ratio), (285.0, 285.0 / 450.0));
    assert_eq!(ledger.stamps_in_market, 3);
}

#[test]
fn an_order_waits_for_the_next_bar_of_its_instrument() {
    let both = [
        series(&[(1, 10.0, 10.0), (5, 20.0, 20.0)]),
        series(&[(1, 5.0, 5.0), (2, 5.0, 5.0), (3, 5.0, 10.0), (5, 10.0, 10.0)]),
    ];
    let ledger = run(&both, &[(0, 0, 0.25), (1, 1, 0.5)], thousand());
    let fills: Vec<_> = ledger.fills.iter().map(|fill| (fill.instrument, fill.bar, fill.units)).collect();
    assert_eq!(fills, [(1, 2, 100.0), (0, 1, 18.75)]);
    // At stamp 3 the second has risen to 10; at 5 the first is sized on 1500 and its own open of 20.
    assert_eq!(ledger.equity(), [1000.0, 1000.0, 1500.0, 1500.0]);
    assert_eq!(ledger.stamps_in_market, 2);
}

#[test]
fn what_reduces_goes_first_and_all_are_sized_on_one_equity() {
    let both = || {
        let prices = [(1, 10.0, 10.0), (2, 10.0, 10.0), (3, 20.0, 20.0), (4, 20.0, 20.0)];
        [series(&prices), series(&[(1, 10.0, 10.0), (2, 10.0, 10.0), (3, 10.0, 10.0), (4, 10.0, 10.0)])]
    };
    // The second instrument is sold before the first is bought, though it comes later in the data.
    let ledger = run(&both(), &[(0, 1, 1.0), (2, 0, 1.0), (2, 1, 0.0)], thousand());
    let fills: Vec<_> = ledger.fills.iter().map(|fill| (fill.instrument, fill.bar, fill.units)).collect();
    assert_eq!(fills, [(1, 1, 100.0), (1, 3, -100.0), (0, 3, 50.0)]);
    // Both orders of bar 3 are sized on 1500: 75 units at 20, of which cash pays for those that the sale left room for.
    let costs = Settings { commission_per_order: 100.0, ..thousand() };
    let ledger = run(&both(), &[(0, 0, 0.5), (2, 0, 0.25), (2, 1, 0.5)], costs);
    let equity = 1000.0 - 100.0 + 50.0 * 10.0;
    assert_eq!(ledger.fills[1].units, 0.25 * equity / 20.0 - 50.0);
    assert_eq!(ledger.fills[2].units, 0.5 * equity / 10.0);
}

#[test]
fn proceeds_of_a_short_sale_are_not_spent_twice() {
    let both = [series(&[(1, 10.0, 10.0), (2, 10.0, 10.0)]), series(&[(1, 10.0, 10.0), (2, 10.0, 10.0)])];
    let ledger = run(&both, &[(0, 0, -0.6), (0, 1, 1.0)], thousand());
    assert_eq!(ledger.fills[0].units, -60.0);
    assert_eq!(ledger.fills[1].units, 40.0);
}

#[test]
fn an_account_with_nothing_left_closes_and_stops() {
    let wishes = [(0, 0, -1.0), (1, 0, -1.0), (2, 0, 1.0)];
    let ruin = [series(&[(1, 10.0, 10.0), (2, 20.0, 45.0), (3, 5.0, 5.0), (4, 5.0, 6.0)])];
    for settings in [thousand(), Settings { commission_per_order: 10.0, ..thousand() }] {
        let idle = series(&[(1, 1.0, 1.0), (4, 1.0, 1.0)]);
        let alone = run(&ruin, &wishes, settings);
        let beside = run(&[ruin[0].clone(), idle], &wishes, settings);
        assert_eq!(alone.wiped_out, Some(1));
        assert_eq!(alone.fills.last().map(|fill| (fill.bar, fill.price)), Some((1, 45.0)));
        assert_eq!(alone.equity()[1..], [alone.equity()[1]; 3]);
        assert!(alone.equity()[1] < 0.0 && alone.stamps_in_market == 0);
        assert_eq!(alone.trades.len(), 1);
        assert_eq!((alone.equity(), &alone.fills, &alone.trades), (beside.equity(), &beside.fills, &beside.trades));
        assert_eq!((alone.wiped_out, alone.stamps_in_market), (beside.wiped_out, beside.stamps_in_market));
    }
}

#[test]
fn a_ledger_keeps_nothing_of_the_run_before() {
    let mut ledger = run(&four_bars(), &[(0, 0, -9.0)], thousand());
    let (series, targets) = (Arc::from(four_bars()), Targets::default());
    simulate(&series, &Timeline::of(&series), &targets, &thousand(), &mut Workspace::new(), &mut ledger);
    assert_eq!(ledger.equity(), [1000.0; 4]);
    assert!(ledger.fills.is_empty() && ledger.trades.is_empty() && ledger.wiped_out.is_none());
    assert_eq!((ledger.fees, ledger.traded_value, ledger.stamps_in_market), (0.0, 0.0, 0));
}

#[test]
fn no_bars_and_no_instruments_are_an_empty_run() {
    for data in [vec![], vec![series(&[])], vec![series(&[]), series(&[])]] {
        let ledger = run(&data, &[], thousand());
        assert!(ledger.equity().is_empty() && ledger.final_equity() == 1000.0);
    }
}
