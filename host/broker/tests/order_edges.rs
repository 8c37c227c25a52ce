//! Edge cases of orders, where rules, volume and other orders meet: impossible prices, lost orders, endless requests.

use std::sync::Arc;

use crate::broker::{
    Bankruptcy, Booking, BuyingPower, Client, ExitTiming, GapFills, Intrabar, Ledger, LimitFills, Settings, Timeline,
    TradeError, Workspace,
    tests::orders::{Heard, bars, buy, flat, ruled, run, run_all, run_in, run_started, sell, send, send_bracket},
    trade,
};
use crate::model::{
    BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side,
    TimeInForce,
};

const NAN: f64 = f64::NAN;

#[test]
fn impact_alone_sets_no_limit_to_volume() {
    let series = [bars(&[flat(10.0), flat(10.0)])];
    let settings = Settings { slippage_impact: 0.5, ..Settings::default() };
    assert_eq!(send(&series, settings, &[buy(50.0)]).fills(), [(1, 1, 50.0, 10.0 + 0.5 * 0.5 * 0.5 * 10.0)]);
    let run = run(&series, settings, |bar, commands| {
        if bar == 0 {
            commands.target(0, 0.05)
        }
    });
    assert_eq!(run.fills(), [(0, 1, 50.0, 10.0 + 0.5 * 0.5 * 0.5 * 10.0)]);
}

#[test]
fn slippage_takes_no_limit_order_beyond_its_limit() {
    let series = [bars(&[flat(10.0), flat(9.95), flat(9.0)])];
    let settings = Settings { slippage_bps: 100.0, ..Settings::default() };
    let limit = |side, price| OrderRequest::limit(0, side, 1.0, price);
    let orders = [limit(Side::Buy, 10.0), limit(Side::Buy, 12.0), limit(Side::Sell, 9.9), limit(Side::Sell, 5.0)];
    let fills = send(&series, settings, &orders).fills();
    assert_eq!(fills, [(1, 1, 1.0, 10.0), (2, 1, 1.0, 9.95 * 1.01), (3, 1, -1.0, 9.9), (4, 1, -1.0, 9.95 * 0.99)]);
    // What is sized to cost an amount counts with the price that is paid.
    let amount = OrderRequest { measure: Measure::Value, quantity: 100.0, ..limit(Side::Buy, 10.0) };
    assert_eq!(send(&series, settings, &[amount]).fills(), [(1, 1, 10.0, 10.0)]);
}

#[test]
fn a_stop_that_was_reached_when_it_was_sent_has_jumped_over_nothing() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0)])];
    for gaps in [GapFills::Stop, GapFills::ExitsOpen] {
        let settings = ruled(|rules| rules.gaps = gaps);
        let stop = OrderRequest::stop(0, Side::Sell, 5.0, 1000.0);
        assert_eq!(send(&series, settings, &[stop]).fills(), [(1, 1, -5.0, 10.0)]);
    }
    for exits in [ExitTiming::SameBar, ExitTiming::NextBar] {
        let settings = ruled(|rules| (rules.gaps, rules.exits) = (GapFills::Stop, exits));
        let run = send_bracket(&series, settings, buy(5.0), (1000.0, NAN));
        assert_eq!(run.ledger.fills[1].price, 10.0, "{exits}");
    }
}

#[test]
fn a_target_below_its_entry_trades_at_no_price_before_the_entry() {
    let series = [bars(&[flat(10.0), (10.0, 10.0, 9.0, 9.4)])];
    let settings = ruled(|rules| (rules.intrabar, rules.limits) = (Intrabar::StopsFirst, LimitFills::Touch));
    let run = send_bracket(&series, settings, OrderRequest::limit(0, Side::Buy, 5.0, 9.5), (NAN, 9.3));
    assert_eq!(run.fills(), [(1, 1, 5.0, 9.5), (3, 1, -5.0, 9.5)]);
}

#[test]
fn a_stop_is_reached_even_where_no_volume_is_left() {
    let mut series = bars(&[flat(10.0), flat(10.0), (10.0, 10.0, 9.0, 10.0), flat(10.0)]);
    series.volume[2] = 0.0;
    let settings = Settings { volume_share: Some(1.0), ..Settings::default() };
    let run = send(&[series], settings, &[buy(5.0), OrderRequest::stop(0, Side::Sell, 5.0, 9.5)]);
    assert_eq!(run.fills(), [(1, 1, 5.0, 10.0), (2, 3, -5.0, 10.0)]);
}

#[test]
fn a_target_of_zero_takes_the_exits_of_a_position_with_it() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(10.0), flat(10.0), (10.0, 10.0, 8.0, 10.0)])];
    let run = run(&series, Settings::default(), |bar, commands| match bar {
        0 => {
            let entry = commands.submit(buy(5.0));
            commands.bracket(entry, 9.0, 20.0);
        }
        1 => commands.target(0, 0.0),
        2 => _ = commands.submit(buy(7.0)),
        _ => {}
    });
    assert_eq!(run.fills(), [(1, 1, 5.0, 10.0), (0, 2, -5.0, 10.0), (4, 3, 7.0, 10.0)]);
    assert_eq!(run.rejects(), [(2, RejectReason::ReduceOnly), (3, RejectReason::OtherFilled)]);
}

#[test]
fn a_stop_limit_that_the_open_reaches_trades_at_the_open() {
    let series = [bars(&[flat(10.0), flat(11.0)])];
    let stop_limit = OrderRequest {
        kind: OrderKind::StopLimit,
        stop: 10.5,
        time_in_force: TimeInForce::Ioc,
        ..OrderRequest::limit(0, Side::Buy, 5.0, 12.0)
    };
    assert_eq!(send(&series, Settings::default(), &[stop_limit]).fills(), [(1, 1, 5.0, 11.0)]);
    // It comes before what the bar reaches later, as any other order of the open.
    let later = OrderRequest::limit(0, Side::Sell, 5.0, 11.5);
    let series = [bars(&[flat(10.0), (11.0, 12.0, 11.0, 11.0)])];
    assert_eq!(send(&series, Settings::default(), &[later, stop_limit]).fills()[0].0, 2);
}

#[test]
fn exits_that_come_late_are_as_large_as_what_of_their_entry_is_filled() {
    let mut series = bars(&[flat(10.0), flat(10.0), flat(10.0), flat(8.0)]);
    series.volume = vec![100.0, 3.0, 2.0, 100.0];
    let settings = Settings { volume_share: Some(1.0), ..Settings::default() };
    let run = run(&[series], settings, |bar, commands| match bar {
        0 => _ = commands.submit(buy(5.0)),
        1 => _ = commands.bracket(1, 9.0, NAN),
        _ => {}
    });
    assert_eq!(run.fills(), [(1, 1, 3.0, 10.0), (1, 2, 2.0, 10.0), (2, 3, -5.0, 8.0)]);
}

#[test]
fn an_entry_that_is_still_being_filled_keeps_its_exits() {
    let mut series = bars(&[flat(10.0), flat(10.0), flat(10.0), flat(10.0), flat(8.0)]);
    series.volume = vec![100.0, 3.0, 3.0, 100.0, 100.0];
    let settings = Settings { volume_share: Some(1.0), ..Settings::default() };
    let run = run(&[series], settings, |bar, commands| match bar {
        0 => {
            let entry = commands.submit(buy(5.0));
            commands.bracket(entry, 9.0, NAN);
        }
        1 => _ = commands.submit(OrderRequest { reduce_only: true, ..sell(3.0) }),
        _ => {}
    });
    assert_eq!(run.fills(), [(1, 1, 3.0, 10.0), (4, 2, -3.0, 10.0), (1, 3, 2.0, 10.0), (2, 4, -2.0, 8.0)]);
}

#[test]
fn an_order_in_parts_needs_funds_for_its_costs_once() {
    let mut series = bars(&[flat(100.0), flat(100.0), flat(100.0)]);
    series.volume = vec![100.0, 5.0, 100.0];
    let settings =
        Settings { initial_cash: 1000.0, volume_share: Some(1.0), commission_per_order: 10.0, ..Settings::default() };
    let run = send(&[series], settings, &[buy(9.9)]);
    assert_eq!(run.ledger.fills.iter().map(|fill| fill.units).sum::<f64>(), 9.9);
    assert_eq!(run.rejects(), []);
}

#[test]
fn commands_that_answer_each_other_are_stopped() {
    let series = [bars(&[flat(10.0); 4])];
    let flood = |commands: &mut Commands| (0..2_000).for_each(|_| commands.push(Command::Cancel { order: 9 }));
    let mut on_bar = |_: &BarEvent, commands: &mut Commands| flood(commands);
    let mut on_heard = |_: Heard, commands: &mut Commands| flood(commands);
    let error = run_all(&series, Settings::default(), &mut on_bar, &mut on_heard).map(|_| ()).unwrap_err();
    assert!(matches!(error, TradeError::TooMany { limit: 1_000_000, .. }), "{error}");
}

#[test]
fn a_market_without_bars_takes_orders_without_harm() {
    let mut commands = Commands::default();
    commands.submit(buy(1.0));
    let series = [Series::default()];
    let (ledger, heard) = run_started(&series, Settings::default(), commands);
    assert_eq!((ledger.equity(), heard.len(), ledger.sent), (vec![], 0, 1));
}

#[test]
fn an_account_in_debt_that_trades_on_is_liquidated_too() {
    let series = [bars(&[flat(10.0), flat(10.0), flat(4.0), flat(4.0)])];
    let settings =
        Settings { initial_margin: 0.5, maintenance_margin: 0.25, ..ruled(|rules| rules.ruin = Bankruptcy::TradeOn) };
    let run = send(&series, settings, &[buy(2000.0)]);
    assert_eq!(run.fills(), [(1, 1, 2000.0, 10.0), (0, 2, -2000.0, 4.0)]);
    assert_eq!(run.ledger.final_equity(), -2000.0);
}

#[test]
fn a_run_is_stopped_with_and_without_records() {
    let series = [bars(&[flat(10.0); 200])];
    let mut ends = vec![];
    for mut ledger in [Ledger::new(), Ledger::with_orders()] {
        let mut flood = |_: &BarEvent, commands: &mut Commands| {
            (0..9_000).for_each(|_| _ = commands.submit(buy(NAN)));
        };
        ends.push(run_in(&mut ledger, &series, &mut flood));
    }
    assert!(ends[0].is_err());
    assert_eq!(ends[0], ends[1]);
}

/// A strategy that hears of nothing after its first bar, and whose time is over at some question.
struct Deaf {
    commands: Commands,
    questions: usize,
}

impl Client for Deaf {
    type Error = &'static str;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), Self::Error> {
        for event in [EventKind::Bar, EventKind::Time, EventKind::Fill, EventKind::Reject] {
            self.commands.push(Command::Mute { event });
        }
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Self::Error> {
        unreachable!("it is muted")
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), Self::Error> {
        unreachable!("it is muted")
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Self::Error> {
        unreachable!("it is muted")
    }

    fn finish(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }

    fn check(&mut self) -> Result<(), Self::Error> {
        self.questions += 1;
        if self.questions == 4 { Err("its time is over") } else { Ok(()) }
    }
}

#[test]
fn a_strategy_that_hears_of_nothing_is_asked_now_and_then_whether_its_time_is_over() {
    let series = [bars(&[flat(10.0); 1000])];
    let mut deaf = Deaf { commands: Commands::default(), questions: 0 };
    let (timeline, mut ledger) = (Timeline::of(&series), Ledger::new());
    let result =
        trade(&Arc::from(series), &timeline, &Settings::default(), &mut Workspace::new(), &mut ledger, &mut deaf);
    assert_eq!(result, Err(TradeError::Client("its time is over")));
    assert!(ledger.equity().len() < 1000, "it ends before the data does");
}

#[test]
fn what_a_rule_knows_nothing_of_is_refused() {
    let free = ruled(|rules| rules.funds = BuyingPower::FreeCash);
    let lots = Settings { lot: Some(1.0), ..free };
    assert_eq!(
        lots.check().unwrap_err().to_string(),
        "the rule `funds free-cash` does not support `lot`; leave one of them out"
    );
    let late = Settings { volume_share: Some(0.1), ..ruled(|rules| rules.booking = Booking::NextBar) };
    assert!(late.check().is_err());
}
