//! The life of an order: how long it waits, how much of it is filled, who pays, and what the strategy hears.

use super::*;

#[test]
fn an_order_without_a_bar_waits_or_is_cancelled() {
    let series = [dated(&[(0, flat(10.0)), (2, flat(12.0))]), dated(&[(1, flat(1.0))])];
    let waits = send(&series, Settings::default(), &[buy(1.0)]);
    assert_eq!(waits.fills(), [(1, 1, 1.0, 12.0)]);
    let cancelled = send(&series, ruled(|rules| rules.missing = MissingBars::Cancel), &[buy(1.0)]);
    assert_eq!((cancelled.fills(), cancelled.rejects()), (vec![], vec![(1, RejectReason::NoBar)]));
    let wish = |rules: Rules| {
        run(&series, Settings { rules, ..Settings::default() }, |bar, commands| {
            if bar == 0 {
                commands.target(0, 0.5);
            }
        })
    };
    assert_eq!(wish(Rules::default()).fills().len(), 1);
    let gone = wish(Rules { missing: MissingBars::Cancel, ..Rules::default() });
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
    assert_eq!(ends(Bankruptcy::Keep), (vec![100.0, 100.0, -50.0, -50.0], Some(2)));
    assert_eq!(ends(Bankruptcy::Zero), (vec![100.0, 100.0, 0.0, 0.0], Some(2)));
    assert_eq!(ends(Bankruptcy::TradeOn), (vec![100.0, 100.0, -50.0, 80.0], None));
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
    let expired = OrderStatus::Expired;
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
    assert_eq!(run.ledger.invalid_targets, 2);
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
    assert_eq!(
        statuses,
        [OrderStatus::Filled, OrderStatus::Cancelled(RejectReason::OtherFilled), OrderStatus::Filled,]
    );
    assert_eq!((run.ledger.sent, run.ledger.rejected), (3, 0));
}
