//! The module `host._core`: the library's front doors for Python.
//!
//! Never holds a rule of the domain. Python's lock is let go of while the library works.

mod arrow;
mod backtester;
mod charts;
mod cluster;
mod data;
mod desk;
mod engine;
mod errors;
mod evidence;
mod indicators;
mod iterate;
mod results;
mod run;
mod runs;
mod shown;
mod signals;
mod table;
mod trade;
mod wait;

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
    panic, thread,
};

use host::{
    cli::{self, Interrupt, Terminal},
    process::WorkerProgram,
};
use pyo3::prelude::*;

use crate::cluster::Cluster;

/// Runs the command line `argv`, the program's name first, and returns its exit code.
///
/// Python must have given SIGINT back (`signal.signal(signal.SIGINT, signal.SIG_DFL)`): the command takes it. With a `cluster`, it
/// is a sweep whose tasks run there.
#[pyfunction]
#[pyo3(signature = (argv, cluster = None))]
#[expect(clippy::disallowed_methods, reason = "it is the program, whose own output is made here")]
fn main(py: Python<'_>, argv: Vec<OsString>, cluster: Option<&Bound<'_, Cluster>>) -> PyResult<u8> {
    let cluster = cluster.map(|cluster| cluster.get().shared());
    let run = move || {
        let interrupt = Interrupt::default();
        if let Err(error) = interrupt.take_signals() {
            let _ = writeln!(io::stderr(), "warning: Ctrl-C will not keep unfinished results: {error}");
        }
        let terminal = Terminal::of_process(io::stdout().is_terminal(), io::stderr().is_terminal());
        let (out, err) = (&mut io::stdout().lock(), &mut io::stderr());
        match cluster {
            Some(cluster) => cli::sweep_on(cluster, argv, out, err, terminal, &interrupt),
            None => cli::run(argv, out, err, terminal, &interrupt),
        }
        .code()
    };
    py.detach(|| {
        // Named as the thread that it stands for, since messages of panics have the name.
        let program = thread::Builder::new().name("main".to_owned()).stack_size(wait::STACK).spawn(run);
        let program = program.map_err(|error| wait::no_thread(&error))?;
        Ok(program.join().map_err(|panic| wait::bug(&*panic))?)
    })
}

/// Says what starts a worker process: a program and its arguments, whose script calls `worker`. Only the first call counts.
#[pyfunction]
fn set_worker(command: Vec<OsString>) {
    if let Some((program, arguments)) = command.split_first() {
        WorkerProgram::new(program).with_arguments(arguments).stand_for_this();
    }
}

/// Turns this process into a worker, and ends with it. A backtester starts such processes.
#[pyfunction]
fn worker() {
    host::worker::serve_as_worker();
}

/// The compiled part of the package `host`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !host::data::catches_panics() {
            usual(panic);
        }
    }));
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<backtester::Backtester>()?;
    module.add_class::<Cluster>()?;
    module.add_class::<cluster::Node>()?;
    module.add_class::<data::Dataset>()?;
    module.add_class::<desk::Desk>()?;
    module.add_class::<trade::Combinations>()?;
    module.add_class::<trade::Trader>()?;
    module.add_class::<results::Results>()?;
    module.add_class::<results::Rows>()?;
    module.add_class::<run::Run>()?;
    module.add_class::<iterate::Batches>()?;
    module.add_function(wrap_pyfunction!(indicators::indicator, module)?)?;
    module.add_function(wrap_pyfunction!(indicators::all_indicators, module)?)?;
    module.add_function(wrap_pyfunction!(charts::metric, module)?)?;
    module.add_function(wrap_pyfunction!(charts::page, module)?)?;
    module.add_function(wrap_pyfunction!(cluster::build, module)?)?;
    module.add_function(wrap_pyfunction!(evidence::trust, module)?)?;
    module.add_function(wrap_pyfunction!(evidence::walk_forward, module)?)?;
    module.add_function(wrap_pyfunction!(main, module)?)?;
    module.add_function(wrap_pyfunction!(table::check_table, module)?)?;
    module.add_function(wrap_pyfunction!(table::write_table, module)?)?;
    module.add_function(wrap_pyfunction!(set_worker, module)?)?;
    module.add_function(wrap_pyfunction!(worker, module)?)
}
