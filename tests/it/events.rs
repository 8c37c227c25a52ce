//! A strategy that hears of bars one by one is called as the broker asks, once for each event, and what it sends arrives
//! as it was sent; however it fails, its run fails with it, as what it is, and no other run does.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use host::{
    backtest::{Backtest, Market, Mode, Settings, WorkerState},
    broker::{self, Client, FillAt, Timeline},
    bundled,
    data::Dataset,
    model::{BarEvent, Command, FillEvent, OrderRequest, Params, RejectReason, Series, Side, Targets, Value},
    sandbox::{Budget, Events, ForkMethod, ForkSlot, Limits, Plugin, Prepared, Sandbox, Session, Signals},
    sweep::ParallelBacktester,
    task::{Answer, ErrorKind, TaskError},
};

use crate::support::{self, component_path, guest::events_guest};

/// Ten daily bars.
fn data() -> Arc<[Series]> {
    let column: Vec<f64> = (1..=10).map(f64::from).collect();
    let (open, high, low, close, volume) = (column.clone(), column.clone(), column.clone(), column.clone(), column);
    let time = (0..10).map(|day| day * 86_400_000_000_000).collect();
    Arc::new([Series { symbol: "TEN".into(), time, open, high, low, close, volume, ..Series::default() }])
}

/// A sandbox whose guests have 32 MiB each, unless `change` says otherwise.
fn sandbox(method: ForkMethod, change: impl FnOnce(&mut Limits)) -> Sandbox {
    support::sandbox(method, |limits| {
        limits.memory = Some(32 << 20);
        change(limits);
    })
}

fn prepare(sandbox: &Sandbox, bytes: Vec<u8>) -> Prepared<Events> {
    let plugin = Plugin::from_bytes(sandbox, "guest.wasm", bytes).unwrap();
    Prepared::<Events>::new(&plugin, data()).unwrap()
}

fn bar(day: i64) -> BarEvent {
    BarEvent {
        instrument: 0,
        time: day * 86_400_000_000_000,
        open: 1.5,
        high: 2.5,
        low: 0.5,
        close: 2.0,
        volume: 7.0,
        position: -3.0,
        equity: 1000.0,
    }
}

/// Takes what waits, as texts: a price that is not given is NaN, which is equal to nothing.
fn taken(session: &mut Session<'_>) -> Vec<String> {
    let taken = session.commands().waiting().iter().map(|command| format!("{command:?}")).collect();
    session.commands().clear();
    taken
}

/// Every event once, and what was sent in each.
fn every_event(session: &mut Session<'_>) -> Result<Vec<Vec<String>>, TaskError> {
    let mut sent = vec![taken(session)];
    session.on_bar(&bar(0))?;
    sent.push(taken(session));
    session.on_time(5, 1000.0)?;
    sent.push(taken(session));
    session.on_fill(&FillEvent { order: 1, instrument: 0, quantity: -2.0, price: 3.0, fee: 0.25 })?;
    sent.push(taken(session));
    session.on_reject(9, RejectReason::LotSize)?;
    sent.push(taken(session));
    session.finish()?;
    sent.push(taken(session));
    Ok(sent)
}

fn play<T>(prepared: &Prepared<Events>, run: &mut dyn FnMut(&mut Session<'_>) -> Result<T, TaskError>) -> Answer<T> {
    prepared.play_in(&mut ForkSlot::default(), &["TEN"], &Params::new(), run)
}

/// One bar after the other.
fn bars(session: &mut Session<'_>) -> Result<(), TaskError> {
    for day in 0..10 {
        session.on_bar(&bar(day))?;
        session.commands().clear();
    }
    Ok(())
}

/// Plays twice; both must fail alike, since a fork knows nothing of the one before.
fn check(functions: &[(&str, &str)], more: &str, kind: ErrorKind, message: &str) {
    let sandbox = sandbox(ForkMethod::Auto, |limits| limits.budget = Budget::Units(50_000_000));
    let prepared = prepare(&sandbox, events_guest(functions, more));
    for _ in 0..2 {
        let error = play(&prepared, &mut bars).outcome.unwrap_err();
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.message.contains(message), "{error}");
    }
}

/// Sends something in every event, with what it was told in it.
fn talkative() -> Vec<u8> {
    let functions = [
        ("start", "(call $mute (local.get 1)) (i32.const 128)"),
        (
            "on-bar",
            "(drop (call $submit (local.get 0) (i32.const 1) (i32.const 3) (local.get 2) (i32.const 2) (local.get 3)
                (local.get 4) (i32.const 3) (local.get 1) (i32.const 1)))
             (call $target (local.get 0) (f64.add (local.get 7) (f64.add (local.get 5) (local.get 6))))
             (call $target (local.get 0) (local.get 8))",
        ),
        ("on-time", "(call $cancel (local.get 0)) (call $target (i32.const 7) (local.get 1))"),
        (
            "on-fill",
            "(drop (call $bracket (local.get 0) (local.get 2) (local.get 3))) (call $target (local.get 1) (local.get 4))",
        ),
        ("on-reject", "(call $tie (local.get 0) (i64.extend_i32_u (local.get 1)))"),
        ("finish", "(drop (call $buy))"),
    ];
    events_guest(&functions, "")
}

#[test]
fn every_event_and_every_command_arrives_as_it_was_sent_by_every_way_to_fork() {
    let expected = [
        vec!["Mute { event: Time }"],
        vec![
            "Submit { order: 1, request: OrderRequest { instrument: 0, side: Sell, kind: StopLimit, quantity: 1.5, \
             measure: Value, limit: 2.5, stop: 0.5, time_in_force: Gtd, until: 0, reduce_only: true } }",
            "Target { instrument: 0, exposure: 6.0 }",
            "Target { instrument: 0, exposure: 1000.0 }",
        ],
        vec!["Cancel { order: 5 }", "Target { instrument: 7, exposure: 1000.0 }"],
        vec![
            "Bracket { order: 2, entry: 1, stop_loss: -2.0, take_profit: 3.0 }",
            "Target { instrument: 0, exposure: 0.25 }",
        ],
        vec!["OneCancelsOther { first: 9, second: 5 }"],
        vec![
            "Submit { order: 4, request: OrderRequest { instrument: 0, side: Buy, kind: Market, quantity: 1.0, measure: \
             Units, limit: NaN, stop: NaN, time_in_force: Gtc, until: 0, reduce_only: false } }",
        ],
    ];
    let mut units = Vec::new();
    for method in ForkMethod::each() {
        let prepared = prepare(&sandbox(method, |_| ()), talkative());
        for _ in 0..2 {
            let answer = play(&prepared, &mut every_event);
            assert_eq!(answer.outcome.unwrap(), expected, "{method}");
            units.push(answer.units.unwrap());
        }
        let unmetered = prepare(&sandbox(method, |limits| limits.budget = Budget::Unmetered), talkative());
        assert_eq!(play(&unmetered, &mut every_event).outcome.unwrap(), expected, "{method}");
    }
    assert!(units.iter().all(|count| *count == units[0] && *count > 0), "{units:?}");
}

#[test]
fn a_failure_names_its_event_and_keeps_its_class() {
    check(&[("on-bar", "(unreachable)")], "", ErrorKind::Trap, "in `on-bar` at 1970-01-01 of TEN: wasm");
    let panic = "(call $log (i32.const 3) (i32.const 256) (i32.const 36)) (unreachable)";
    check(&[("on-bar", panic)], "", ErrorKind::Panic, "in `on-bar` at 1970-01-01 of TEN: panicked at lib.rs:1:2");
    check(&[("start", "(unreachable)")], "", ErrorKind::Trap, "in `start`: wasm");
    let recurse = "(call $r) (drop (i32.const 1))";
    let overflow = "in `on-bar` at 1970-01-01 of TEN: stack overflow";
    check(&[("on-bar", "(call $r)")], &format!("(func $r {recurse} (nop))"), ErrorKind::Trap, overflow);
    let grow = "(if (i32.eq (memory.grow (i32.const 10000)) (i32.const -1)) (then (unreachable)))";
    check(&[("on-bar", grow)], "", ErrorKind::OutOfMemory, "of TEN: asked for");
}

#[test]
fn an_event_later_than_the_first_is_named_with_its_own_time() {
    let third = "(global.set $n (i32.add (global.get $n) (i32.const 1)))
        (if (i32.eq (global.get $n) (i32.const 3)) (then (unreachable)))";
    check(&[("on-bar", third)], "(global $n (mut i32) (i32.const 0))", ErrorKind::Trap, "at 1970-01-03 of TEN: ");
}

#[test]
fn a_strategy_that_gives_up_says_why_and_a_refusal_of_start_is_the_tasks() {
    let fail = |case: i32| format!("(call $fail (i32.const {case}) (i32.const 256) (i32.const 36))");
    let message = "in `on-bar` at 1970-01-01 of TEN: panicked at lib.rs:1:2: out of luck!";
    check(&[("on-bar", &fail(0))], "", ErrorKind::InvalidParams, message);
    check(&[("on-bar", &fail(1))], "", ErrorKind::Failed, message);
    let refuse = "(i32.store (i32.const 512) (i32.const 1)) (i32.store (i32.const 520) (i32.const 256))
        (i32.store (i32.const 524) (i32.const 36)) (i32.const 512)";
    check(&[("start", refuse)], "", ErrorKind::InvalidParams, "panicked at lib.rs:1:2: out of luck!");
    let endless_text = "(call $fail (i32.const 1) (i32.const 256) (i32.const 4000000))";
    check(&[("on-bar", endless_text)], "", ErrorKind::BadOutput, "passed more than 65536 bytes");
}

#[test]
fn a_flood_of_commands_in_one_event_ends_the_task_and_one_less_does_not() {
    let flood = |times: u32| {
        format!(
            "(local $n i32) (loop $l (drop (call $buy))
                (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const {times}))))"
        )
    };
    check(&[("on-bar", &flood(100_001))], "", ErrorKind::BadOutput, "sent more than 100000 orders and other commands");
    let prepared = prepare(&sandbox(ForkMethod::Auto, |_| ()), events_guest(&[("on-bar", &flood(100_000))], ""));
    let counted = play(&prepared, &mut |session| {
        session.on_bar(&bar(0))?;
        Ok(session.commands().waiting().len())
    });
    assert_eq!(counted.outcome, Ok(100_000));
}

#[test]
fn orders_outside_a_run_are_refused() {
    let message = "orders can be sent only from `start` and the `on-` functions";
    let sandbox = sandbox(ForkMethod::Auto, |_| ());
    let describing = events_guest(&[("describe", "(drop (call $buy))")], "");
    let error = Plugin::from_bytes(&sandbox, "guest.wasm", describing).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains(message), "{source}");
}

#[test]
fn one_budget_covers_a_whole_run() {
    let work = "(local $n i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))";
    for method in ForkMethod::each() {
        let sandbox = sandbox(method, |limits| limits.budget = Budget::Units(60_000));
        let prepared = prepare(&sandbox, events_guest(&[("on-bar", work)], ""));
        let one = play(&prepared, &mut |session| session.on_bar(&bar(0))).units.unwrap();
        let mut heard = 0;
        let answer = play(&prepared, &mut |session| {
            heard = 0;
            (0..10).try_for_each(|day| session.on_bar(&bar(day)).inspect(|()| heard += 1))
        });
        let error = answer.outcome.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OutOfBudget);
        assert!(error.message.contains("used up its 60000 units (`--budget` sets the limit)"), "{error}");
        assert_eq!(heard, 60_000 / one, "{method}");
        assert!(answer.units.unwrap() > 60_000);
    }
}

#[test]
fn the_time_of_a_run_is_that_of_all_its_events_and_of_what_happens_between_them() {
    let endless = "(loop $l (br $l)) (unreachable)";
    for (method, budget) in
        ForkMethod::each().zip([Budget::Units(u64::MAX), Budget::Units(u64::MAX), Budget::Unmetered])
    {
        let sandbox = sandbox(method, |limits| {
            limits.budget = budget;
            limits.timeout = Duration::from_millis(400);
        });
        let stopped = |prepared: &Prepared<Events>, run: &mut dyn FnMut(&mut Session<'_>) -> Result<(), TaskError>| {
            let error = play(prepared, run).outcome.unwrap_err();
            assert_eq!(error.kind, ErrorKind::TimedOut, "{error}");
            assert!(error.message.contains("stopped after 0.4 s"), "{error}");
        };
        stopped(&prepare(&sandbox, events_guest(&[("on-time", endless)], "")), &mut |session| session.on_time(1, 1.0));
        let quick = prepare(&sandbox, events_guest(&[("on-bar", "(drop (call $buy))")], ""));
        stopped(&quick, &mut |session| {
            loop {
                bars(session)?;
            }
        });
        // The time is over while the host works: it lives, and only a guest that is called again is stopped.
        let work = || {
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(600) {
                std::hint::spin_loop();
            }
        };
        let last = play(&quick, &mut |session| {
            bars(session)?;
            work();
            session.commands().submit(OrderRequest::market(0, Side::Buy, 1.0));
            Ok(session.commands().waiting().len())
        });
        assert_eq!((last.outcome, last.units.is_some()), (Ok(1), budget != Budget::Unmetered));
        stopped(&quick, &mut |session| {
            work();
            // Where all processors are busy, whoever looks at the clock may come late.
            let patience = Instant::now() + Duration::from_secs(10);
            while Instant::now() < patience {
                bars(session)?;
            }
            Ok(())
        });
        assert_eq!(play(&quick, &mut bars).outcome, Ok(()));
    }
}

#[test]
fn a_session_that_has_failed_is_not_called_again() {
    let prepared = prepare(&sandbox(ForkMethod::Auto, |_| ()), events_guest(&[("on-bar", "(unreachable)")], ""));
    let answer = play(&prepared, &mut |session| {
        let first = session.on_bar(&bar(1)).unwrap_err();
        assert_eq!(session.on_bar(&bar(2)), Err(first.clone()));
        assert_eq!(session.on_time(1, 1.0), Err(first));
        Ok("what `run` makes of it")
    });
    assert!(answer.outcome.unwrap_err().message.starts_with("in `on-bar` at 1970-01-02 of TEN: "));
    assert!(answer.units.is_some());
}

#[test]
fn orders_are_numbered_from_one_in_each_run_even_in_a_fork_that_is_kept() {
    let sandbox = sandbox(ForkMethod::Auto, |limits| limits.tasks_per_fork = 3);
    let prepared = prepare(&sandbox, events_guest(&[("on-bar", "(drop (call $buy)) (drop (call $buy))")], ""));
    let mut slot = ForkSlot::default();
    for _ in 0..4 {
        let numbers = prepared.play_in(&mut slot, &["TEN"], &Params::new(), &mut |session| {
            session.on_bar(&bar(0))?;
            Ok(format!("{:?}", session.commands().waiting()))
        });
        let numbers = numbers.outcome.unwrap();
        assert!(numbers.contains("order: 1,") && numbers.contains("order: 2,") && !numbers.contains("order: 3,"));
    }
}

#[test]
fn a_rehearsal_that_fails_fails_no_preparation() {
    for functions in [[("on-bar", "(unreachable)")], [("on-bar", "(loop $l (br $l))")], [("start", "(unreachable)")]] {
        let sandbox = sandbox(ForkMethod::Auto, |limits| limits.timeout = Duration::from_millis(50));
        let prepared = prepare(&sandbox, events_guest(&functions, ""));
        assert!(play(&prepared, &mut bars).outcome.is_err());
        assert_eq!(prepared.budget(), Some(2_002_000_000));
    }
}

#[test]
fn the_automatic_budget_is_scaled_from_the_first_stamps_to_all_bars() {
    let work = "(local $n i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))";
    let plugin =
        Plugin::from_bytes(&sandbox(ForkMethod::Auto, |_| ()), "guest.wasm", events_guest(&[("on-bar", work)], ""));
    let bars = 4000;
    let column = vec![1.0; bars];
    let (open, high, low, close, volume) = (column.clone(), column.clone(), column.clone(), column.clone(), column);
    let series = Series {
        symbol: "LONG".into(),
        time: (0..bars as i64).collect(),
        open,
        high,
        low,
        close,
        volume,
        ..Series::default()
    };
    let prepared = Prepared::new(&plugin.unwrap(), Arc::new([series])).unwrap();
    let one = play(&prepared, &mut |session| session.on_bar(&bar(0))).units.unwrap();
    let budget = prepared.budget().unwrap() as f64 / (1000.0 * 4000.0 * one as f64);
    assert!((budget - 1.0).abs() < 0.01, "{budget}");
}

/// Two instruments: the bundled bars, and those of every second day at half the price.
fn market() -> Arc<[Series]> {
    let bars = Dataset::bundled().unwrap().series()[0].clone();
    let half = |column: &[f64]| column.iter().step_by(2).map(|price| price / 2.0).collect::<Vec<_>>();
    let other = Series {
        symbol: "HALF".into(),
        time: bars.time.iter().step_by(2).copied().collect(),
        open: half(&bars.open),
        high: half(&bars.high),
        low: half(&bars.low),
        close: half(&bars.close),
        volume: half(&bars.volume),
        schedule: bars.schedule.clone(),
        contract: bars.contract,
        detail: None,
    };
    Arc::new([bars, other])
}

/// Plays all of `data`, and collects every target that is asked for.
fn targets_bar_by_bar(data: &[Series], session: &mut Session<'_>) -> Result<Targets, TaskError> {
    let mut targets = Targets::default();
    let mut next = vec![0; data.len()];
    for &time in Timeline::of(data).times() {
        for (instrument, (series, next)) in (0..).zip(data.iter().zip(&mut next)) {
            if series.time.get(*next) != Some(&time) {
                continue;
            }
            let at = *next;
            *next += 1;
            let (open, high, low) = (series.open[at], series.high[at], series.low[at]);
            let (close, volume) = (series.close[at], series.volume[at]);
            let (position, equity) = (0.0, 10_000.0);
            session.on_bar(&BarEvent { instrument, time, open, high, low, close, volume, position, equity })?;
            for command in session.commands().waiting() {
                let &Command::Target { instrument: named, exposure } = command else { panic!("{command:?}") };
                assert_eq!(named, instrument);
                targets.at.push(at as u32);
                targets.instrument.push(instrument);
                targets.exposure.push(exposure);
            }
            session.commands().clear();
        }
    }
    Ok(targets)
}

#[test]
fn the_bundled_strategies_ask_bar_by_bar_for_the_targets_that_they_give_at_once() {
    let param = |name: &str, value: i64| (name.to_owned(), Value::Integer(value));
    let settings: [(&str, &[(&str, i64)]); 4] = [
        ("momentum", &[("lookback", 1), ("lookback", 5), ("lookback", 120), ("lookback", 2000)]),
        ("sma_cross", &[("fast", 1), ("fast", 3), ("fast", 20), ("fast", 49), ("slow", 21), ("slow", 5000)]),
        ("mean_reversion", &[("window", 2), ("window", 14), ("window", 500)]),
        ("breakout", &[("entry", 1), ("entry", 20), ("exit", 1), ("exit", 300)]),
    ];
    let sandbox = sandbox(ForkMethod::Auto, |limits| limits.memory = None);
    for data in [market(), Arc::from(&market()[..1])] {
        let symbols: Vec<_> = data.iter().map(|series| series.symbol.as_str()).collect();
        for (name, settings) in settings {
            let plugin = bundled::load(&sandbox, name).unwrap();
            let at_once = Prepared::<Signals>::new(&plugin, Arc::clone(&data)).unwrap();
            let live = Prepared::<Events>::new(&plugin, Arc::clone(&data)).unwrap();
            for &(given, value) in settings {
                let params = plugin.description().resolve(&[param(given, value)].into()).unwrap();
                let expected = at_once.evaluate(&params).outcome.unwrap();
                let mut slot = ForkSlot::default();
                let played =
                    live.play_in(&mut slot, &symbols, &params, &mut |session| targets_bar_by_bar(&data, session));
                let played = played.outcome.unwrap();
                let bits = |targets: &Targets| targets.exposure.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(played, expected, "{name} {given}={value}");
                assert_eq!(bits(&played), bits(&expected), "{name} {given}={value}");
            }
        }
    }
}

#[test]
fn a_plugin_that_can_be_run_both_ways_refuses_parameters_alike() {
    let plugin = bundled::load(&sandbox(ForkMethod::Auto, |_| ()), "sma_cross").unwrap();
    let params = plugin.description().resolve(&[("fast".to_owned(), Value::Integer(60))].into()).unwrap();
    let at_once = Prepared::<Signals>::new(&plugin, data()).unwrap();
    let live = Prepared::<Events>::new(&plugin, data()).unwrap();
    let refusal = at_once.evaluate(&params).outcome.unwrap_err();
    let played = live.play_in(&mut ForkSlot::default(), &["TEN"], &params, &mut bars);
    assert_eq!(played.outcome, Err(refusal));
}

#[test]
fn what_the_faulty_one_does_arrives_or_ends_its_task() {
    let sandbox = sandbox(ForkMethod::Auto, |limits| limits.budget = Budget::Units(100_000_000));
    let plugin = Plugin::load(&sandbox, Path::new(&component_path("faulty_events"))).unwrap();
    let prepared = Prepared::<Events>::new(&plugin, data()).unwrap();
    let behave = |behaviour: &str| {
        let params = plugin.description().resolve(&[("behaviour".to_owned(), Value::from(behaviour))].into()).unwrap();
        let run = &mut |session: &mut Session<'_>| {
            session.on_bar(&bar(0))?;
            let sent = taken(session);
            session.on_fill(&FillEvent { order: 1, instrument: 0, quantity: 1.0, price: 2.0, fee: 0.0 })?;
            Ok(sent.join(" "))
        };
        prepared.play_in(&mut ForkSlot::default(), &["TEN"], &params, run).outcome
    };
    let sends = |behaviour: &str, expected: &str| {
        let sent = behave(behaviour).unwrap();
        assert!(sent.contains(expected), "{behaviour}: {sent}");
    };
    sends("fine", "order: 1");
    sends("nan-quantity", "quantity: NaN");
    sends("zero-quantity", "quantity: 0.0");
    sends("negative-quantity", "quantity: -1.0");
    sends("infinite-limit", "limit: inf");
    sends("limit-on-trailing", "kind: TrailingStop, quantity: 1.0, measure: Units, limit: 2.0, stop: 1.0");
    sends("unknown-instrument", "instrument: 1000000");
    sends("unknown-order", "Cancel { order: 18446744073709551615 } Bracket { order: 1,");
    sends("cancel-twice", "Cancel { order: 1 } Cancel { order: 1 }");
    sends("infinite-target", "exposure: inf");
    sends("chain", "order: 1");
    let fails = |behaviour: &str, kind: ErrorKind, expected: &str| {
        let error = behave(behaviour).unwrap_err();
        assert_eq!((error.kind, error.message.starts_with(expected)), (kind, true), "{behaviour}: {error}");
    };
    let on_bar = |text: &str| format!("in `on-bar` at 1970-01-01 of TEN: {text}");
    fails("flood", ErrorKind::BadOutput, &on_bar("sent more than 100000 orders"));
    fails("flood-on-fill", ErrorKind::BadOutput, "in `on-fill` of order 1 of TEN: sent more than 100000 orders");
    fails("trap", ErrorKind::Trap, &on_bar("wasm trap: wasm `unreachable`"));
    fails("panic", ErrorKind::Panic, &on_bar("panicked at tests/plugins/faulty_events/src/lib.rs:"));
    fails("fail", ErrorKind::Failed, &on_bar("this bar was told to fail"));
    fails("refuse", ErrorKind::InvalidParams, "seed 0 does not go with behaviour refuse");
    fails("loop", ErrorKind::OutOfBudget, &on_bar("used up its 100000000 units"));
    fails("memory", ErrorKind::OutOfMemory, &on_bar("asked for"));
}

#[test]
fn a_strategy_by_signals_and_by_events_has_the_same_equity_to_the_bit() {
    let backtester = ParallelBacktester::new(Some(1), Limits::default()).unwrap();
    for name in bundled::STRATEGIES {
        for fill in [FillAt::NextOpen, FillAt::Close] {
            let books = |mode| {
                let account = broker::Settings { fill, commission_bps: 10.0, slippage_bps: 5.0, ..Default::default() };
                let settings = Settings { account, mode: Some(mode), ..Settings::default() };
                let market = Arc::new(Market::new(Dataset::bundled().unwrap(), settings).unwrap());
                let backtest = Backtest::new(market, backtester.load(name).unwrap().into()).unwrap();
                let defaults = backtest.strategy().description().resolve(&Params::new()).unwrap();
                let mut state = WorkerState::default();
                let metrics = backtest.run(&mut state, &defaults).outcome.unwrap();
                let equity: Vec<_> = state.ledger().equity().iter().map(|equity| equity.to_bits()).collect();
                (equity, state.ledger().fills.clone(), state.ledger().trades.clone(), metrics)
            };
            let (signals, events) = (books(Mode::Signals), books(Mode::Events));
            assert!(!signals.1.is_empty(), "{name} trades");
            assert!(signals == events, "{name} differs with fills at the {fill}");
        }
    }
}
