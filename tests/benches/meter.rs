//! Measures what counting costs: plugins as they are, with the meter, and under wasmtime's epochs.
//!
//!     cargo bench --bench meter -- [PLUGIN.wasm ...]
//!
//! Each plugin evaluates its default parameters over 100,000 bars again and again in one instance, so that nothing else
//! is measured. Without arguments it takes plugins whose loops are of different kinds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark shows what it measures")]

#[expect(dead_code, reason = "no native loop reads the bars here")]
mod data;
#[expect(dead_code, reason = "no processes are measured here")]
mod measure;
#[expect(dead_code, reason = "no memory is measured here")]
mod table;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;
use host::{
    model::{Params, Series, Value},
    sandbox::{Limits, metered},
    sweep::ParallelBacktester,
};
use wasmtime::{
    Config, Engine, Store,
    component::{Component, Func, Linker, Val},
};

use data::Bars;
use measure::{Cost, Way, compare, measured};
use table::{Column, Table};

const BARS: usize = 100_000;

/// The least processor time of one measurement, in seconds.
const ENOUGH: f64 = 0.02;

const SIGNALS: &str = "backtest:strategy/signals@0.1.0";

/// Measures what counting costs.
#[derive(Debug, Parser)]
struct Arguments {
    /// Plugins that answer with targets.
    plugins: Vec<PathBuf>,
    /// How often each way is measured.
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// Cargo's mark of a benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The plugins that are measured without arguments, as paths without their endings.
const PLUGINS: [&str; 5] = [
    "tests/plugins/sma_rolling/sma_rolling",
    "plugins/sma_cross/sma_cross",
    "plugins/mean_reversion/mean_reversion",
    "plugins/breakout/breakout",
    "plugins/momentum/momentum",
];

fn committed(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path).with_extension("wasm")
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let plugins = if arguments.plugins.is_empty() { PLUGINS.map(committed).to_vec() } else { arguments.plugins };
    let series = Bars::load(BARS)?.series();
    let mut table = Table::new("nanoseconds for each bar", 1e9, &[Column::CpuRatio, Column::WallRatio]);
    for path in &plugins {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let measured = measure(path, &series, arguments.rounds).with_context(|| format!("`{}`", path.display()))?;
        table.add(&name, &measured);
    }
    Ok(())
}

fn measure(path: &PathBuf, series: &Series, rounds: usize) -> Result<Vec<(String, measure::Summary)>> {
    let bytes = fs::read(path)?;
    let metered = metered("plugin", &bytes)?;
    let backtester = ParallelBacktester::new(Some(1), Limits::default())?;
    let params = backtester.load(&path.display().to_string())?.description().resolve(&Params::new())?;
    let mut guests = [
        Guest::new(&bytes, false, series, &params)?,
        Guest::new(&metered, false, series, &params)?,
        Guest::new(&bytes, true, series, &params)?,
    ];
    let answers = guests.each_mut().map(Guest::evaluate);
    let [expected, others @ ..] = &answers;
    let expected = expected.as_ref().map_err(|error| anyhow!("{error:#}"))?;
    ensure!(others.iter().all(|other| other.as_ref().is_ok_and(|other| other == expected)), "the answers differ");
    let [plain, counted, epochs] = &mut guests;
    let mut ways = [
        Way::new("as it is", || plain.cost()),
        Way::new("metered", || counted.cost()),
        Way::new("epochs", || epochs.cost()),
    ];
    let summaries = compare(&mut ways, rounds)?;
    Ok(ways.iter().map(|way| way.name.to_owned()).zip(summaries).collect())
}

/// An instance that has the data.
struct Guest {
    store: Store<()>,
    evaluate: Func,
    params: Val,
    /// Calls in one measurement.
    calls: usize,
}

impl Guest {
    fn new(bytes: &[u8], epochs: bool, series: &Series, params: &Params) -> Result<Self> {
        let mut config = Config::new();
        config.concurrency_support(false).epoch_interruption(epochs).relaxed_simd_deterministic(true);
        config.max_wasm_stack(1 << 20);
        let engine = told(Engine::new(&config))?;
        let component = told(Component::from_binary(&engine, bytes))?;
        let mut store = Store::new(&engine, ());
        store.set_hostcall_fuel(usize::MAX);
        if epochs {
            store.set_epoch_deadline(u64::MAX / 2);
        }
        let mut linker = Linker::new(&engine);
        told(linker.define_unknown_imports_as_traps(&component))?;
        let instance = told(linker.instantiate(&mut store, &component))?;
        let signals = component.get_export_index(None, SIGNALS).context("it answers with no targets")?;
        let mut function = |name: &str| {
            let index = component.get_export_index(Some(&signals), name).context("a function is missing")?;
            instance.get_func(&mut store, index).context("a function is missing")
        };
        let (prepare, evaluate) = (function("prepare")?, function("evaluate")?);
        let mut answer = [Val::Bool(false)];
        told(prepare.call(&mut store, &[Val::List(vec![record(series)])], &mut answer))?;
        ensure!(matches!(answer[0], Val::Result(Ok(_))), "`prepare` fails: {answer:?}");
        let mut guest = Self { store, evaluate, params: list(params), calls: 1 };
        let (cost, answered) = measured(|| guest.evaluate())?;
        answered?;
        guest.calls = (ENOUGH / cost.wall.max(1e-6)).ceil() as usize;
        Ok(guest)
    }

    fn evaluate(&mut self) -> Result<Val> {
        let mut answer = [Val::Bool(false)];
        told(self.evaluate.call(&mut self.store, std::slice::from_ref(&self.params), &mut answer))?;
        let [answer] = answer;
        ensure!(matches!(answer, Val::Result(Ok(_))), "`evaluate` fails: {answer:?}");
        Ok(answer)
    }

    /// What one bar costs.
    fn cost(&mut self) -> Result<Cost> {
        let calls = self.calls;
        let (cost, done) = measured(|| (0..calls).try_for_each(|_| self.evaluate().map(drop)))?;
        done.map(|()| cost / (calls * BARS) as f64)
    }
}

fn told<T>(result: wasmtime::Result<T>) -> Result<T> {
    result.map_err(|error| anyhow!("{error:#}"))
}

fn record(series: &Series) -> Val {
    let numbers = |values: &[f64]| Val::List(values.iter().copied().map(Val::Float64).collect());
    let field = |name: &str, value| (name.to_owned(), value);
    Val::Record(vec![
        field("symbol", Val::String(series.symbol.clone())),
        field("time", Val::List(series.time.iter().copied().map(Val::S64).collect())),
        field("open", numbers(&series.open)),
        field("high", numbers(&series.high)),
        field("low", numbers(&series.low)),
        field("close", numbers(&series.close)),
        field("volume", numbers(&series.volume)),
    ])
}

fn list(params: &Params) -> Val {
    let value = |value: &Value| match value {
        Value::Boolean(value) => Val::Variant("boolean".into(), Some(Box::new(Val::Bool(*value)))),
        Value::Integer(value) => Val::Variant("integer".into(), Some(Box::new(Val::S64(*value)))),
        Value::Number(value) => Val::Variant("number".into(), Some(Box::new(Val::Float64(*value)))),
        Value::Text(value) => Val::Variant("text".into(), Some(Box::new(Val::String(value.clone())))),
    };
    let param = |(name, given): (&String, &Value)| {
        Val::Record(vec![("name".into(), Val::String(name.clone())), ("value".into(), value(given))])
    };
    Val::List(params.iter().map(param).collect())
}
