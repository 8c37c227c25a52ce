//! Prices of orders: when an order trades, and at what price.

use super::*;

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
    assert_eq!(exit(ExitTiming::SameBar), (2, 1, -1.0, 95.0));
    assert_eq!(exit(ExitTiming::NextBar), (2, 2, -1.0, 95.0));
}

#[test]
fn exits_work_in_the_bar_of_the_entry_where_it_is_known_what_came_after_it() {
    let series = [bars(&[flat(100.0), (100.0, 112.0, 90.0, 100.0), flat(100.0)])];
    let exits = |request, prices| {
        let run = send_bracket(&series, ruled(|rules| rules.exits = ExitTiming::Known), request, prices);
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
    assert_eq!(exit(GapFills::Open), (2, 2, -1.0, 80.0));
    assert_eq!(exit(GapFills::Stop), (2, 2, -1.0, 95.0));
    assert_eq!(exit(GapFills::ExitsOpen), (2, 2, -1.0, 80.0));
    let series = [bars(&[flat(100.0), (110.0, 112.0, 109.0, 111.0)])];
    let entry = OrderRequest::stop(0, Side::Buy, 1.0, 105.0);
    let fills = |gaps| send(&series, ruled(|rules| rules.gaps = gaps), &[entry]).fills();
    assert_eq!(fills(GapFills::Open), [(1, 1, 1.0, 110.0)]);
    assert_eq!(fills(GapFills::ExitsOpen), [(1, 1, 1.0, 105.0)]);
}

#[test]
fn a_stop_that_the_close_had_passed_gets_that_close_where_stops_get_their_price() {
    let own = ruled(|rules| rules.gaps = GapFills::ExitsOpen);
    let fills =
        |second, request| send(&[bars(&[flat(100.0), second, (95.0, 99.0, 90.0, 96.0)])], own, &[request]).fills();
    let buys = OrderRequest::stop(0, Side::Buy, 1.0, 98.0);
    assert_eq!(fills((103.0, 104.0, 102.0, 103.0), buys), [(1, 1, 1.0, 100.0)], "the open is beyond");
    assert_eq!(fills((95.0, 99.0, 94.0, 96.0), buys), [(1, 1, 1.0, 100.0)], "the bar gets there");
    assert_eq!(fills((90.0, 91.0, 89.0, 90.0), buys), [(1, 2, 1.0, 98.0)], "a bar later it is a stop like others");
    let sells = OrderRequest::stop(0, Side::Sell, 1.0, 101.0);
    assert_eq!(fills((90.0, 91.0, 89.0, 90.0), sells), [(1, 1, -1.0, 100.0)]);
}

#[test]
fn a_limit_is_filled_once_penetrated_or_touched_and_at_a_better_open() {
    let limit = OrderRequest::limit(0, Side::Buy, 1.0, 95.0);
    let touched = [bars(&[flat(100.0), (100.0, 100.0, 95.0, 97.0)])];
    assert_eq!(send(&touched, Settings::default(), &[limit]).fills(), []);
    assert_eq!(send(&touched, ruled(|rules| rules.limits = LimitFills::Touch), &[limit]).fills(), [(1, 1, 1.0, 95.0)]);
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
fn a_stop_limit_trades_at_its_stop_or_from_the_next_bar_on() {
    let next = ruled(|rules| rules.stop_limits = StopLimits::NextBar);
    let last = (106.0, 106.0, 100.0, 101.0);
    let fills = |second, request| send(&[bars(&[flat(100.0), second, last])], next, &[request]).fills();
    let order = OrderRequest { kind: OrderKind::StopLimit, stop: 105.0, limit: 106.0, ..buy(1.0) };
    assert_eq!(fills((100.0, 107.0, 100.0, 107.0), order), [(1, 1, 1.0, 105.0)]);
    assert_eq!(fills((108.0, 109.0, 105.5, 107.0), order), [(1, 1, 1.0, 105.0)], "also below the bar");
    assert_eq!(fills((108.0, 109.0, 107.0, 108.0), order), [(1, 2, 1.0, 106.0)], "the limit is not reached");
    let below = OrderRequest { limit: 103.0, ..order };
    assert_eq!(fills((100.0, 106.0, 100.0, 102.0), below), [(1, 2, 1.0, 103.0)]);
    assert_eq!(fills((106.0, 106.0, 100.0, 102.0), below), [(1, 2, 1.0, 103.0)]);
    let falls = OrderRequest { kind: OrderKind::StopLimit, stop: 95.0, limit: 94.0, ..sell(1.0) };
    assert_eq!(fills((93.0, 94.5, 92.0, 93.0), falls), [(1, 1, -1.0, 95.0)]);
    assert_eq!(fills((93.0, 93.5, 92.0, 93.0), falls), [(1, 2, -1.0, 106.0)]);
}
