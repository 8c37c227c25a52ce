//! Custom tasks: a plugin that answers with bytes of its own, and a Rust closure, both on the same pool of workers.
//!
//!     cargo run --release --example custom_tasks

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use host::{
    data::Dataset,
    model::{Params, Value},
    sandbox::{Limits, Prepared, Task},
    sweep::ParallelBacktester,
    task::{ParallelTask, TaskError},
};

fn main() -> Result<(), Box<dyn Error>> {
    let backtester = ParallelBacktester::new(None, Limits::default())?;
    in_a_plugin(&backtester)?;
    in_rust(&backtester);
    Ok(())
}

/// Twelve tasks on a plugin that exports `task`: it prepares the data once, and every task runs in a fork.
fn in_a_plugin(backtester: &ParallelBacktester) -> Result<(), Box<dyn Error>> {
    let plugin = backtester.load("bootstrap")?;
    let prepared = Prepared::<Task>::new(&plugin, Dataset::bundled()?.shared())?;
    let task = |seed: i64| ParallelTask {
        task_id: format!("resample-{seed}"),
        params: Params::from([("seed".to_owned(), Value::Integer(seed)), ("samples".to_owned(), Value::Integer(200))]),
        ..ParallelTask::default()
    };
    backtester.run_tasks(&plugin, &prepared, (1..=12).map(task).collect(), |event| {
        let answer = event.result.result.unwrap_or_default();
        println!("{:12} {}", event.result.task_id, String::from_utf8_lossy(&answer));
        true
    });
    Ok(())
}

/// Three tasks in a closure, one of which fails. The failure is a result; the other two are not touched by it.
fn in_rust(backtester: &ParallelBacktester) {
    let task = |n: i64| ParallelTask { task_id: n.to_string(), ..ParallelTask::default() };
    let invert = |task: &ParallelTask| {
        let n: i64 = task.task_id.parse().map_err(|_| TaskError::failed("not a number"))?;
        100_i64.checked_div(n).ok_or_else(|| TaskError::failed("division by zero"))
    };
    for result in backtester.run_parallel((-1..=1).map(task).collect(), invert, &mut |_| ()) {
        match (result.result, result.error_message) {
            (Some(value), _) => println!("{:>2} = {value} on worker {}", result.task_id, result.worker_id),
            (None, error) => println!("{:>2} failed: {}", result.task_id, error.unwrap_or_default()),
        }
    }
}
