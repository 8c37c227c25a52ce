//! What is done as other engines do it: cash that pays, the first bar, the last bar twice. By hand, on small bars.
//!
//! Never replaces the runs of those engines: `tests/it/profiles.rs` and `tests/it/peer_runs.rs` have them.

use std::sync::Arc;

use super::orders::{bars, flat, run_all};
use crate::broker::{
    AtEnd, Bankruptcy, Booking, BuyingPower, FillAt, Ledger, Rules, Settings, Sizing, Timeline, Workspace, simulate,
};
use crate::model::{Measure, OrderRequest, RejectReason, Series, Side, Targets};

/// Settings under which cash pays, with fills at the close.
fn by_cash(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings { fill: FillAt::Close, ..Settings::default() };
    (settings.rules.funds, settings.rules.ruin) = (BuyingPower::Cash, Bankruptcy::TradeOn);
    change(&mut settings);
    settings.check().unwrap();
    settings
}

/// The units of the fills of targets, one a bar, on bars of one price each.
fn units(prices: &[f64], exposures: &[f64], settings: Settings) -> Vec<f64> {
    let targets = Targets {
        at: (0..exposures.len() as u32).collect(),
        instrument: vec![0; exposures.len()],
        exposure: exposures.to_vec(),
    };
    let series: Vec<_> = prices.iter().map(|price| flat(*price)).collect();
    play(&[bars(&series)], &targets, settings).fills.iter().map(|fill| fill.units).collect()
}

fn play(series: &[Series], targets: &Targets, settings: Settings) -> Ledger {
    let mut ledger = Ledger::new();
    simulate(&Arc::from(series), &Timeline::of(series), targets, &settings, &mut Workspace::new(), &mut ledger);
    ledger
}

#[test]
fn a_short_grows_as_far_as_it_is_asked_to() {
    for funds in [BuyingPower::Cash, BuyingPower::FreeCash] {
        let settings = by_cash(|settings| settings.rules.funds = funds);
        assert_eq!(units(&[50.0; 3], &[-0.5, -0.8, -0.8], settings), [-100.0, -60.0], "{funds}");
    }
}

#[test]
fn a_short_is_cut_to_free_cash_only_where_the_rule_says_so() {
    let costly = |funds| by_cash(|settings| (settings.rules.funds, settings.commission_bps) = (funds, 100.0));
    assert_eq!(units(&[50.0], &[-1.0], costly(BuyingPower::Cash)), [-200.0]);
    assert_eq!(units(&[50.0], &[-1.0], costly(BuyingPower::FreeCash)), [-10_000.0 / (50.0 * 1.01)]);
    assert_eq!(units(&[50.0; 2], &[-1.5, -2.0], by_cash(|_| ())), [-300.0, -100.0]);
}

#[test]
fn an_account_that_is_worth_nothing_keeps_what_it_holds() {
    // 300 short at 50 owe more at 90 than the 25,000 that are there.
    let prices = [50.0, 90.0, 90.0, 60.0];
    assert_eq!(units(&prices, &[-1.5, 0.0, 1.0, 0.0], by_cash(|_| ())), [-300.0, 300.0]);
    let counted = by_cash(|settings| settings.sizing = Sizing::Units(100.0));
    assert_eq!(units(&prices, &[-3.0, -2.0], counted), [-300.0, 100.0], "a number of units needs no equity");
}

#[test]
fn orders_are_paid_for_by_cash() {
    let series = [bars(&[flat(50.0); 4])];
    let send = |settings, requests: &[OrderRequest]| {
        let (mut bar, requests) = (0, requests.to_vec());
        let run = run_all(
            &series,
            settings,
            &mut |_, commands| {
                if let Some(request) = requests.get(bar) {
                    commands.submit(*request);
                }
                bar += 1;
            },
            &mut |_, _| (),
        )
        .unwrap();
        let units: Vec<_> = run.fills().iter().map(|fill| fill.2).collect();
        (units, run.rejects())
    };
    let order = |measure, quantity: f64| {
        let side = if quantity > 0.0 { Side::Buy } else { Side::Sell };
        OrderRequest { measure, ..OrderRequest::market(0, side, quantity.abs()) }
    };
    let (units, value, share) =
        (|n| order(Measure::Units, n), |n| order(Measure::Value, n), |n| order(Measure::Equity, n));
    let none: Vec<(u64, RejectReason)> = Vec::new();
    assert_eq!(send(by_cash(|_| ()), &[value(5000.0), share(0.5), units(-50.0)]), (vec![100.0, 50.0, -50.0], none));
    let short = vec![(1, RejectReason::InsufficientFunds)];
    assert_eq!(send(by_cash(|_| ()), &[units(250.0)]), (vec![200.0], short), "what cannot be paid for is refused");
    assert_eq!(send(by_cash(|_| ()), &[units(-250.0), share(-1.0)]).0, [-250.0]);
    assert_eq!(send(by_cash(|_| ()), &[units(-100.0), share(-1.0), share(1.0)]).0, [-100.0, -100.0, 400.0]);
    let reducing = |request| OrderRequest { reduce_only: true, ..request };
    assert_eq!(send(by_cash(|_| ()), &[units(100.0), reducing(units(-150.0))]).0, [100.0, -100.0]);
}

#[test]
fn what_is_asked_for_before_the_first_bar_to_act_is_refused() {
    let series = [bars(&[flat(10.0); 5])];
    let settings = Settings { first_bar: 2, ..Settings::default() };
    let targets = Targets { at: vec![0, 2], instrument: vec![0; 2], exposure: vec![1.0, 0.5] };
    let fills: Vec<_> = play(&series, &targets, settings).fills.iter().map(|fill| (fill.bar, fill.units)).collect();
    assert_eq!(fills, [(3, 500.0)]);
    let run = run_all(
        &series,
        settings,
        &mut |bar, commands| {
            if bar.time == series[0].time[1] || bar.time == series[0].time[2] {
                let entry = commands.submit(OrderRequest::market(0, Side::Buy, 5.0));
                commands.bracket(entry, 9.0, f64::NAN);
                commands.target(0, 1.0);
                commands.cancel(entry);
            }
        },
        &mut |_, _| (),
    )
    .unwrap();
    let early = &run.rejects()[..4];
    let (bar, gone) = (RejectReason::NoBar, RejectReason::NotOpen);
    assert_eq!(early, [(1, bar), (2, bar), (0, bar), (1, gone)]);
    assert_eq!(run.fills(), [(0, 3, 1000.0, 10.0)], "the target of the second time");
    assert_eq!(run.ledger.sent, 2, "what is refused before was not sent");
}

#[test]
fn the_last_bar_is_traded_twice_where_fills_are_booked_late() {
    let series = [bars(&[flat(10.0), (20.0, 25.0, 15.0, 20.0), (40.0, 60.0, 30.0, 50.0)])];
    let settings = |fill, booking| {
        let rules = Rules { booking, at_end: AtEnd::LastBar, ..Rules::default() };
        Settings { initial_cash: 1000.0, fill, rules, ..Settings::default() }
    };
    let wish = |at: &[u32], exposure: &[f64]| Targets {
        at: at.to_vec(),
        instrument: vec![0; at.len()],
        exposure: exposure.to_vec(),
    };
    let run = |targets: &Targets, settings| {
        let ledger = play(&series, targets, settings);
        let fills: Vec<_> = ledger.fills.iter().map(|fill| (fill.bar, fill.units, fill.price)).collect();
        (fills, ledger.final_equity(), ledger.stamps_in_market, ledger.trades.last().map(|trade| trade.open))
    };
    let (next, late) = (settings(FillAt::NextOpen, Booking::NextBar), settings(FillAt::Close, Booking::NextBar));
    // 50 at 20 are sold at the open of 40; then the short that was sent at the last close gets that open too.
    let both = wish(&[0, 2], &[1.0, -0.5]);
    let fills = vec![(1, 50.0, 20.0), (2, -50.0, 40.0), (2, -25.0, 40.0)];
    assert_eq!(run(&both, next), (fills, 1750.0, 2, Some(true)));
    let only_closed = (vec![(1, 50.0, 20.0), (2, -50.0, 40.0)], 2000.0, 1, Some(false));
    assert_eq!(run(&wish(&[0], &[1.0]), next), only_closed);
    // The close before the last bar.
    let fills = vec![(0, 100.0, 10.0), (1, -100.0, 20.0), (1, 50.0, 20.0)];
    assert_eq!(run(&wish(&[0, 2], &[1.0, 0.5]), late), (fills, 3500.0, 2, Some(true)));
    // Where fills are booked at once, nothing trades in a bar at whose close it is sent.
    let only_bought = settings(FillAt::NextOpen, Booking::Fill);
    let closed = vec![(1, 50.0, 20.0), (2, -50.0, 40.0)];
    assert_eq!(run(&both, only_bought), (closed, 2000.0, 1, Some(false)));
    let at_once = settings(FillAt::Close, Booking::Fill);
    assert_eq!(run(&wish(&[2], &[1.0]), at_once), (vec![(2, 20.0, 50.0), (2, -20.0, 50.0)], 1000.0, 0, Some(false)));
    // Ruin in the second round.
    let ruinous = Settings { initial_margin: 0.1, ..next };
    let ruined = run(&wish(&[2], &[-9.0]), ruinous);
    assert_eq!((ruined.1, ruined.3), (1000.0 - 225.0 * 10.0, Some(false)));
}
