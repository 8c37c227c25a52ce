//! The library as a Rust program uses it: sweeps, comparisons, tasks.

use std::sync::atomic::{AtomicU64, Ordering};

use host::{
    backtest::Strategy,
    data::Dataset,
    model::{ParamSpec, Params, Series, Targets, Value},
    sandbox::Limits,
    sweep::{ParallelBacktester, grid::Grid, run_multi_strategy, run_parameter_sweep},
    task::{ErrorKind, ParallelTask, TaskError},
};

fn tasks(count: u32) -> Vec<ParallelTask> {
    (0..count).map(|n| ParallelTask { task_id: format!("task {n}"), ..ParallelTask::default() }).collect()
}

fn window() -> ParamSpec {
    ParamSpec {
        name: "window".into(),
        doc: String::new(),
        default: Value::Integer(1),
        minimum: None,
        maximum: None,
        choices: Vec::new(),
    }
}

/// A Rust function that holds from bar `window` on.
fn native() -> Strategy {
    Strategy::native("hold", vec![window()], |_, params| match params["window"] {
        Value::Integer(0) => Err(TaskError::new(ErrorKind::InvalidParams, "a window of 0")),
        Value::Integer(13) => panic!("unlucky"),
        Value::Integer(at) => Ok(Targets { at: vec![at as u32], instrument: vec![0], exposure: vec![1.0] }),
        _ => unreachable!("the parameter is declared as an integer"),
    })
}

fn hold_from_the_first_bar() -> Strategy {
    let targets = Targets { at: vec![0], instrument: vec![0], exposure: vec![1.0] };
    Strategy::native("hold", vec![window()], move |_, _| Ok(targets.clone()))
}

#[test]
fn a_sweep_gives_one_result_for_each_cell_in_the_order_of_the_grid() {
    let grid = Grid::new().axis("lookback", [20, 60]).axis("threshold", [0.0, 0.05]);
    let mut heard = 0;
    let results = run_parameter_sweep(Dataset::bundled().unwrap(), "momentum", &grid, Some(2), &mut |event| {
        heard += 1;
        assert_eq!((event.done, event.total, event.failed), (heard, Some(4), 0));
    })
    .unwrap();
    let ids: Vec<_> = results.iter().map(|result| result.task_id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "lookback=20,threshold=0",
            "lookback=20,threshold=0.05",
            "lookback=60,threshold=0",
            "lookback=60,threshold=0.05"
        ]
    );
    assert!(results.iter().all(|result| result.success && result.result.is_some() && result.error_message.is_none()));
    assert_eq!(heard, 4);
}

#[test]
fn a_rust_function_is_a_strategy_too_and_its_failures_are_results() {
    let grid = Grid::new().axis("window", [0, 1, 13, 9000]);
    let results = run_parameter_sweep(Dataset::bundled().unwrap(), native(), &grid, Some(2), &mut |_| ()).unwrap();
    let kinds: Vec<_> = results.iter().map(|result| result.error_kind).collect();
    assert_eq!(kinds, [Some(ErrorKind::InvalidParams), None, Some(ErrorKind::Panic), Some(ErrorKind::BadOutput)]);
}

#[test]
fn numbers_beyond_what_64_bits_hold_are_a_failed_result() {
    let price = vec![1e-300, 1e-300, 1e300, 1e300];
    let series = Series {
        symbol: "WILD".into(),
        time: (0..4).collect(),
        open: price.clone(),
        high: price.clone(),
        low: price.clone(),
        close: price,
        volume: vec![0.0; 4],
        ..Series::default()
    };
    let grid = Grid::new().axis("window", [1]);
    let results =
        run_parameter_sweep(Dataset::new(vec![series]).unwrap(), hold_from_the_first_bar(), &grid, None, &mut |_| ());
    let result = results.unwrap().remove(0);
    assert_eq!(result.error_kind, Some(ErrorKind::Failed));
    assert!(result.error_message.unwrap().contains("overflow"));
}

#[test]
fn a_strategy_that_cannot_be_prepared_is_one_failed_result() {
    let given = |window: i64| Params::from([("window".to_owned(), Value::Integer(window))]);
    let strategies = vec![("momentum".into(), Params::new()), (native().into(), given(0)), (native().into(), given(5))];
    let results = run_multi_strategy(Dataset::bundled().unwrap(), strategies, None, &mut |_| ()).unwrap();
    let names: Vec<_> = results.iter().map(|result| (result.strategy_name.as_str(), result.success)).collect();
    assert_eq!(names, [("momentum", true), ("hold", false), ("hold", true)]);
}

#[test]
fn closures_run_on_all_workers_and_a_panic_is_one_failed_result() {
    let backtester = ParallelBacktester::new(Some(3), Limits::default()).unwrap();
    let ran = AtomicU64::new(0);
    let work = |task: &ParallelTask| {
        ran.fetch_add(1, Ordering::Relaxed);
        match task.task_id.as_str() {
            "task 3" => panic!("three"),
            "task 5" => Err(TaskError::new(ErrorKind::Failed, "five")),
            name => Ok(name.len()),
        }
    };
    let results = backtester.run_parallel(tasks(500), work, &mut |_| ());
    assert_eq!((results.len(), ran.into_inner()), (500, 500));
    let failed: Vec<_> =
        results.iter().filter(|r| !r.success).map(|r| (r.index, r.error_kind, r.error_message.as_deref())).collect();
    assert_eq!(failed, [(3, Some(ErrorKind::Panic), Some("three")), (5, Some(ErrorKind::Failed), Some("five"))]);
}

#[test]
fn a_stop_from_a_callback_keeps_what_was_done() {
    let backtester = ParallelBacktester::new(Some(2), Limits::default()).unwrap();
    let stop = backtester.stop_handle();
    let results = backtester.run_parallel(tasks(100_000), |_| Ok(()), &mut |event| {
        if event.done == 100 {
            stop.stop();
        }
    });
    assert!((100..100_000).contains(&results.len()), "{}", results.len());
}
