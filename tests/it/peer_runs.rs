//! The profiles of other engines against runs of theirs on random bars: spacings, ruin, sizes, short sales, streams of orders.
//!
//! `tests/reference/peers/generate.py` makes the runs. Those that once found something are in the project; `PEER_RUNS` names a
//! file with others.

use std::{
    any::Any,
    collections::BTreeMap,
    convert::Infallible,
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::Arc,
};

use host::{
    broker::{AtEnd, Client, FillAt, Ledger, Profile, Settings, Sizing, Timeline, Trade, Workspace, trade},
    cli::Exit,
    metrics::{Statistic, backtesting_py, vectorbt},
    model::{BarEvent, Commands, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Series, Side},
};
use serde_json::Value;

use crate::{
    profiles::{
        Reference, equity_agrees, leave, orders_of_vectorbt_agree, statistics_agree, trades_of_backtesting_py_agree,
        trades_of_vectorbt_agree,
    },
    support::{Folder, host},
};

/// Statistics of backtesting.py that come from its trades, which are others where several entries make one position.
const OF_TRADES: [&str; 14] = [
    "Exposure Time [%]",
    "Commissions [$]",
    "# Trades",
    "Win Rate [%]",
    "Best Trade [%]",
    "Worst Trade [%]",
    "Avg. Trade [%]",
    "Max. Trade Duration",
    "Avg. Trade Duration",
    "Profit Factor",
    "Expectancy [%]",
    "SQN",
    "Kelly Criterion",
    "Alpha [%]",
];

/// The runs of a file, with their bars.
fn runs() -> Vec<(Reference, Arc<[Series]>)> {
    let own = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/peers/runs.jsonl");
    let path = env::var_os("PEER_RUNS").map_or_else(own, PathBuf::from);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
    let (mut sets, mut runs) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(name) = line["set"].as_str() {
            sets.insert(name.to_owned(), bars(&line));
        } else {
            let bars = Arc::clone(&sets[line["data"].as_str().unwrap()]);
            runs.push((Reference(line), bars));
        }
    }
    runs
}

fn bars(set: &Value) -> Arc<[Series]> {
    let column = |name: &str| set[name].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    let series = Series {
        symbol: "A".into(),
        time: set["time"].as_array().unwrap().iter().map(|time| time.as_i64().unwrap()).collect(),
        open: column("open"),
        high: column("high"),
        low: column("low"),
        close: column("close"),
        volume: column("volume"),
        ..Series::default()
    };
    [series].into()
}

/// What a run asked for, bar by bar.
struct Script<F> {
    acts: BTreeMap<u64, Vec<Value>>,
    rule: F,
    bar: u64,
    commands: Commands,
}

impl<F: FnMut(&mut Commands, &Value, &BarEvent)> Script<F> {
    fn of(reference: &Reference, rule: F) -> Self {
        let mut acts = BTreeMap::<_, Vec<_>>::new();
        for act in reference.rows("acts") {
            acts.entry(act[0].as_u64().unwrap()).or_default().push(act.clone());
        }
        Self { acts, rule, bar: 0, commands: Commands::default() }
    }
}

impl<F: FnMut(&mut Commands, &Value, &BarEvent)> Client for Script<F> {
    type Error = Infallible;

    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Infallible> {
        for act in self.acts.get(&self.bar).into_iter().flatten() {
            (self.rule)(&mut self.commands, act, bar);
        }
        self.bar += 1;
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}

fn play(bars: &Arc<[Series]>, settings: &Settings, client: &mut impl Client<Error = Infallible>) -> Ledger {
    settings.check().unwrap();
    let mut ledger = Ledger::with_orders();
    trade(bars, &Timeline::of(bars), settings, &mut Workspace::new(), &mut ledger, client).unwrap();
    ledger
}

fn side(sign: f64) -> Side {
    if sign > 0.0 { Side::Buy } else { Side::Sell }
}

/// Leaves out what the last bit of a sum decides (whether a trade of no profit has won, whether a peak is reached again), and
/// what lasts less than no time there: a trade that begins within the last bar.
fn leave_ties_out(statistics: &mut Vec<Statistic>, ledger: &Ledger) {
    const SMALL: f64 = 1e-12;
    let is_drawn = |trade: &Trade| trade.pnl.abs() <= SMALL * trade.units.abs() * trade.entry_price;
    if ledger.trades.iter().any(is_drawn) {
        statistics.retain(|one| !["Win", "Los", "Kelly"].iter().any(|word| one.name.contains(word)));
    }
    // A price that came back leaves nothing but rounding of an open trade.
    statistics.retain(|one| one.name != "Open Trade PnL" || one.value.is_none_or(|value| value.abs() > 1e-9));
    let (equity, mut peak) = (ledger.equity(), 0.0f64);
    let is_held = |bar: usize| ledger.trades.iter().any(|one| (one.entry_bar..=one.exit_bar).contains(&(bar as u32)));
    let is_met_again = (1..equity.len()).any(|bar| {
        peak = peak.max(equity[bar - 1]);
        is_held(bar) && (equity[bar] / peak - 1.0).abs() <= SMALL
    });
    if is_met_again {
        statistics.retain(|one| !one.name.contains("Drawdown"));
    }
    let last = equity.len() as u32 - 1;
    if ledger.trades.iter().any(|trade| !trade.open && trade.entry_bar == last) {
        statistics
            .retain(|one| !["Exposure Time [%]", "Max. Trade Duration", "Avg. Trade Duration"].contains(&one.name));
    }
}

/// What a strategy asks for that is one of vectorbt's runs.
fn ask_as_vectorbt(commands: &mut Commands, act: &Value, bar: &BarEvent) {
    let value = act[2].as_f64().unwrap();
    let order = |measure| OrderRequest { measure, ..OrderRequest::market(0, side(value), value.abs()) };
    match act[1].as_str().unwrap() {
        "target" => commands.target(0, value),
        "exit" => leave(commands, bar.position),
        "enter" if bar.position * value <= 0.0 => _ = commands.submit(order(Measure::Equity)),
        "enter" => {}
        "units" => _ = commands.submit(order(Measure::Units)),
        "value" => _ = commands.submit(order(Measure::Value)),
        "share" => _ = commands.submit(order(Measure::Equity)),
        other => panic!("unknown act `{other}`"),
    }
}

fn reproduce_vectorbt(run: &Reference, bars: &Arc<[Series]>) {
    let size = run.option("size");
    let settings = Profile::Vectorbt.apply(Settings {
        initial_cash: run.option("init_cash").unwrap(),
        fill: if run.0["options"]["price"] == "close" { FillAt::Close } else { FillAt::NextOpen },
        sizing: match run.0["options"]["sizing"].as_str().unwrap() {
            "equity" => Sizing::Equity,
            "units" => Sizing::Units(size.unwrap()),
            _ => Sizing::Cash(size.unwrap()),
        },
        commission_bps: run.option("fees").unwrap() * 1e4,
        commission_per_order: run.option("fixed_fees").unwrap(),
        slippage_bps: run.option("slippage").unwrap() * 1e4,
        ..Settings::default()
    });
    let ledger = play(bars, &settings, &mut Script::of(run, ask_as_vectorbt));
    orders_of_vectorbt_agree(run, &ledger);
    trades_of_vectorbt_agree(run, &ledger);
    equity_agrees(run, &ledger);
    let freq = run.0["options"]["freq"].as_str().map(|freq| freq.parse().unwrap());
    let mut statistics = vectorbt(&ledger, &bars[0].time, &bars[0].close, freq);
    leave_ties_out(&mut statistics, &ledger);
    statistics_agree(run, &statistics);
}

/// Sends the entry of an act of backtesting.py, and returns its number.
fn enter(commands: &mut Commands, act: &Value) -> u64 {
    let price = |place: usize| act[place].as_f64().unwrap_or(f64::NAN);
    let (sign, size, limit, stop) = (price(2), price(3), price(4), price(5));
    let kind = match (limit.is_nan(), stop.is_nan()) {
        (true, true) => OrderKind::Market,
        (false, true) => OrderKind::Limit,
        (true, false) => OrderKind::Stop,
        (false, false) => OrderKind::StopLimit,
    };
    let measure = if size < 1.0 { Measure::Equity } else { Measure::Units };
    let entry =
        commands.submit(OrderRequest { kind, measure, limit, stop, ..OrderRequest::market(0, side(sign), size) });
    let (loss, profit) = (price(6), price(7));
    if !loss.is_nan() || !profit.is_nan() {
        commands.bracket(entry, loss, profit);
    }
    entry
}

fn reproduce_backtesting_py(run: &Reference, bars: &Arc<[Series]>) {
    let first = run.number("/first_bar") as usize;
    let mut settings = Profile::BacktestingPy.apply(Settings {
        initial_cash: run.option("cash").unwrap(),
        fill: if run.is_on("trade_on_close") { FillAt::Close } else { FillAt::NextOpen },
        commission_bps: run.option("commission").unwrap() * 1e4,
        commission_per_order: run.option("fixed").unwrap(),
        initial_margin: run.option("margin").unwrap(),
        first_bar: first + 1,
        ..Settings::default()
    });
    if run.is_on("finalize_trades") {
        settings.rules.at_end = AtEnd::LastBar;
    }
    let (is_exclusive, has_many) = (run.is_on("exclusive_orders"), run.0["kind"] == "many");
    let scales = has_many || run.0["kind"] == "scale";
    let mut waiting = 0;
    let ledger = play(
        bars,
        &settings,
        &mut Script::of(run, |commands: &mut Commands, act: &Value, bar: &BarEvent| {
            if act[1] == "close" {
                let part = act[2].as_f64().unwrap_or(1.0);
                let units = (bar.position.abs() * part).round_ties_even().max(1.0).min(bar.position.abs());
                leave(commands, units.copysign(bar.position));
            } else if scales || is_exclusive || bar.position == 0.0 {
                if is_exclusive {
                    leave(commands, bar.position);
                }
                if !has_many {
                    commands.cancel(waiting);
                }
                waiting = enter(commands, act);
            }
        }),
    );
    let mut statistics = backtesting_py(&ledger, &bars[0].time, &bars[0].close, first);
    if scales {
        statistics.retain(|statistic| !OF_TRADES.contains(&statistic.name));
    } else {
        trades_of_backtesting_py_agree(run, &ledger);
    }
    equity_agrees(run, &ledger);
    leave_ties_out(&mut statistics, &ledger);
    statistics_agree(run, &statistics);
}

/// The bundled strategy of crossing averages, on the command line.
fn reproduce_on_the_command_line(run: &Reference, bars: &Arc<[Series]>) {
    let folder = Folder::new();
    let series = &bars[0];
    let row = |bar: usize| {
        let (time, volume) = (series.time[bar] / 1_000_000_000, series.volume[bar]);
        format!("{time},{},{},{},{},{volume}\n", series.open[bar], series.high[bar], series.low[bar], series.close[bar])
    };
    let rows: String = (0..series.len()).map(row).collect();
    let data = folder.file("bars.csv", format!("Date,Open,High,Low,Close,Volume\n{rows}"));
    let (fast, slow) = (run.number("/fast"), run.number("/slow"));
    let first = run.number("/first_bar") + 1.0;
    let backtest = host(&format!(
        "backtest --plugin sma_cross --param fast={fast} --param slow={slow} --data {data} --commission 20 \
         --profile backtesting.py --first-bar {first} --format json"
    ));
    assert_eq!(backtest.exit, Exit::Success, "{}", backtest.err);
    let report: Value = serde_json::from_str(&backtest.out).unwrap();
    let statistics = report["statistics"].as_object().unwrap();
    assert!(statistics.len() > 25);
    // Names live as long as the program, as those of the library do.
    let statistic = |(name, value): (&String, &Value)| Statistic { name: name.clone().leak(), value: value.as_f64() };
    statistics_agree(run, &statistics.iter().map(statistic).collect::<Vec<_>>());
}

fn reproduce(run: &Reference, bars: &Arc<[Series]>) {
    match (run.0["engine"].as_str().unwrap(), run.0["kind"].as_str()) {
        ("vectorbt", _) => reproduce_vectorbt(run, bars),
        (_, Some("crossing")) => reproduce_on_the_command_line(run, bars),
        _ => reproduce_backtesting_py(run, bars),
    }
}

/// The text of a panic.
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or_default().chars().take(300).collect()
}

#[test]
fn runs_on_random_bars_are_reproduced_by_the_profiles() {
    let runs = runs();
    assert!(runs.len() >= 10, "{} runs", runs.len());
    let differences: Vec<String> = runs
        .iter()
        .filter_map(|(run, bars)| {
            let outcome = catch_unwind(AssertUnwindSafe(|| reproduce(run, bars)));
            outcome.err().map(|panic| format!("{} {}: {}", run.0["engine"], run.0["name"], text(&*panic)))
        })
        .collect();
    let (count, all) = (differences.len(), runs.len());
    assert!(differences.is_empty(), "{count} of {all} runs differ:\n{}", differences.join("\n"));
}
