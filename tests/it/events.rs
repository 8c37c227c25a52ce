//! A strategy that hears of bars one by one is called as the broker asks, once for each event, and what it sends arrives
//! as it was sent; however it fails, its run fails with it, as what it is, and no other run does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use host::{
    broker::Client,
    model::{BarEvent, FillEvent, OrderRequest, Params, RejectReason, Series, Side},
    sandbox::{Answer, Budget, Interface, Limits, Options, Plugin, Prepared, Route, Sandbox, Seat, Session},
    task::{ErrorKind, TaskError},
};

use crate::guest::events_guest;

const ROUTES: [Route; 3] = [Route::Captured, Route::Snapshot, Route::Fresh];

/// Ten daily bars.
fn data() -> Arc<[Series]> {
    let column: Vec<f64> = (1..=10).map(f64::from).collect();
    let (open, high, low, close, volume) = (column.clone(), column.clone(), column.clone(), column.clone(), column);
    let time = (0..10).map(|day| day * 86_400_000_000_000).collect();
    Arc::new([Series { symbol: "TEN".into(), time, open, high, low, close, volume }])
}

fn sandbox(route: Route, change: impl FnOnce(&mut Limits)) -> Sandbox {
    let mut limits = Limits::default();
    limits.memory = Some(32 << 20);
    change(&mut limits);
    let mut options = Options::from(limits);
    options.route = route;
    Sandbox::new(2, options).unwrap()
}

fn prepare(sandbox: &Sandbox, bytes: Vec<u8>) -> Prepared {
    let plugin = Plugin::from_bytes(sandbox, "guest.wasm", bytes).unwrap();
    Prepared::new(&plugin, Interface::Events, data()).unwrap()
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

fn play<T>(prepared: &Prepared, run: &mut dyn FnMut(&mut Session<'_>) -> Result<T, TaskError>) -> Answer<T> {
    prepared.play_at(&mut Seat::default(), &["TEN"], &Params::new(), run)
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
    let sandbox = sandbox(Route::Auto, |limits| limits.budget = Budget::Units(50_000_000));
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
    for route in ROUTES {
        let prepared = prepare(&sandbox(route, |_| ()), talkative());
        for _ in 0..2 {
            let answer = play(&prepared, &mut every_event);
            assert_eq!(answer.outcome.unwrap(), expected, "{route}");
            units.push(answer.units.unwrap());
        }
        let unmetered = prepare(&sandbox(route, |limits| limits.budget = Budget::Unmetered), talkative());
        assert_eq!(play(&unmetered, &mut every_event).outcome.unwrap(), expected, "{route}");
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
    let prepared = prepare(&sandbox(Route::Auto, |_| ()), events_guest(&[("on-bar", &flood(100_000))], ""));
    let counted = play(&prepared, &mut |session| {
        session.on_bar(&bar(0))?;
        Ok(session.commands().waiting().len())
    });
    assert_eq!(counted.outcome, Ok(100_000));
}

#[test]
fn orders_outside_a_run_are_refused() {
    let message = "orders can be sent only from `start` and the `on-` functions";
    let sandbox = sandbox(Route::Auto, |_| ());
    let describing = events_guest(&[("describe", "(drop (call $buy))")], "");
    let error = Plugin::from_bytes(&sandbox, "guest.wasm", describing).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains(message), "{source}");
}

#[test]
fn one_budget_covers_a_whole_run() {
    let work = "(local $n i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))";
    for route in ROUTES {
        let sandbox = sandbox(route, |limits| limits.budget = Budget::Units(60_000));
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
        assert_eq!(heard, 60_000 / one, "{route}");
        assert!(answer.units.unwrap() > 60_000);
    }
}

#[test]
fn the_time_of_a_run_is_that_of_all_its_events_and_of_what_happens_between_them() {
    let endless = "(loop $l (br $l)) (unreachable)";
    for (route, budget) in ROUTES.into_iter().zip([Budget::Units(u64::MAX), Budget::Units(u64::MAX), Budget::Unmetered])
    {
        let sandbox = sandbox(route, |limits| {
            limits.budget = budget;
            limits.timeout = Duration::from_millis(60);
        });
        let stopped = |prepared: &Prepared, run: &mut dyn FnMut(&mut Session<'_>) -> Result<(), TaskError>| {
            let error = play(prepared, run).outcome.unwrap_err();
            assert_eq!(error.kind, ErrorKind::OutOfBudget, "{error}");
            assert!(error.message.contains("stopped after 0.06 s"), "{error}");
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
            while begin.elapsed() < Duration::from_millis(90) {
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
            bars(session)
        });
        assert_eq!(play(&quick, &mut bars).outcome, Ok(()));
    }
}

#[test]
fn a_session_that_has_failed_is_not_called_again() {
    let prepared = prepare(&sandbox(Route::Auto, |_| ()), events_guest(&[("on-bar", "(unreachable)")], ""));
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
    let sandbox = sandbox(Route::Auto, |limits| limits.tasks_per_fork = 3);
    let prepared = prepare(&sandbox, events_guest(&[("on-bar", "(drop (call $buy)) (drop (call $buy))")], ""));
    let mut seat = Seat::default();
    for _ in 0..4 {
        let numbers = prepared.play_at(&mut seat, &["TEN"], &Params::new(), &mut |session| {
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
        let sandbox = sandbox(Route::Auto, |limits| limits.timeout = Duration::from_millis(50));
        let prepared = prepare(&sandbox, events_guest(&functions, ""));
        assert!(play(&prepared, &mut bars).outcome.is_err());
        assert_eq!(prepared.budget(), Some(2_002_000_000));
    }
}

#[test]
fn the_automatic_budget_is_scaled_from_the_first_stamps_to_all_bars() {
    let work = "(local $n i32)
        (loop $l (br_if $l (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))";
    let plugin = Plugin::from_bytes(&sandbox(Route::Auto, |_| ()), "guest.wasm", events_guest(&[("on-bar", work)], ""));
    let bars = 4000;
    let column = vec![1.0; bars];
    let (open, high, low, close, volume) = (column.clone(), column.clone(), column.clone(), column.clone(), column);
    let series = Series { symbol: "LONG".into(), time: (0..bars as i64).collect(), open, high, low, close, volume };
    let prepared = Prepared::new(&plugin.unwrap(), Interface::Events, Arc::new([series])).unwrap();
    let one = play(&prepared, &mut |session| session.on_bar(&bar(0))).units.unwrap();
    let budget = prepared.budget().unwrap() as f64 / (1000.0 * 4000.0 * one as f64);
    assert!((budget - 1.0).abs() < 0.01, "{budget}");
}
