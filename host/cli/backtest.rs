//! `host backtest`: runs one combination, and shows its statistics.
//!
//! Never compares combinations.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::{Map, Value, json};

use super::{
    Context, Exit,
    again::{Again, Past, Setup},
    args::{BacktestArgs, LedgerArgs, OutputFormat},
    benchmark,
    books::{self, Books},
    bounds,
    clock::Clock,
    combination, inputs,
    order_counts::OrderCounts,
    report,
    show::{metric_cell, title},
    summary::Summary,
};
use crate::{
    backtest::{AccountSpec, Backtest, Market, Mode, WorkerState},
    broker::{Ledger, Profile, Trade},
    metrics::{
        self, Drawdown, Excursion, Excursions, MetricInfo, Metrics, PeriodReturn, Statistic, crisis_returns,
        excursions, monthly_returns, worst_drawdowns, yearly_returns,
    },
    model::{Params, format_time, label},
    results::{Cell, Column, Kind, LineFile, ResultsError, Sink, params_text},
    sweep::Bounds,
    task::Answer,
};

/// How many drawdowns are listed.
const DRAWDOWNS: usize = 5;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

pub(super) fn run(args: &BacktestArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let (asked, files) = (&args.combination, &args.files);
    let again = Again::of(asked, args.bounds, context)?;
    let trace = trace(files, context);
    let outputs = trace.into_iter().chain(&files.orders).chain(&files.fills).chain(&files.trades).chain(&files.equity);
    let outputs = outputs.chain(&files.report);
    let read: Vec<_> = asked.plugin.file().into_iter().chain(again.iter().flat_map(Again::files)).collect();
    let benchmark = match &again {
        Some(again) => again.benchmark_file(),
        None => benchmark::asked(&asked.benchmark, None)?.and_then(|benchmark| benchmark.read_file()),
    };
    let read = asked.data.paths().chain(&read).chain(asked.account.file()).chain(&benchmark);
    inputs::check_outputs(outputs, read)?;
    let setup = combination::set_up((asked, args.bounds), again.as_ref(), context)?;
    let Setup { backtester, strategy, params, market, spec, bounds, past } = setup;
    let trace = trace.map(|path| LineFile::create(path).map(|file| (path, file))).transpose()?;
    let sinks = Sinks::open(files, context)?;

    let backtest = combination::prepare((market, strategy), &backtester, context)?;
    inputs::report_cache(&backtester, context);
    check_mode(files, bounds, &backtest, context)?;
    let mut state = WorkerState::with_orders();
    let answer = run_once(&backtest, &mut state, &params, trace, context)?;
    if backtester.stop_handle().is_cut() {
        bail!("the run was cut");
    }
    let metrics = match combination::outcome(answer, past.as_ref(), context) {
        Ok(metrics) => metrics,
        Err(exit) => return Ok(exit),
    };
    let (market, ledger) = (backtest.market(), state.ledger());
    let excursions = excursions(ledger, market.series(), &market.settings().account);
    let books = Books::new(market, ledger, &excursions);
    sinks.write(&books, files, context)?;
    let statistics = statistics(&spec, market, ledger);
    let bounds = match bounds {
        true => Some(Bounds::of(&backtest, &mut WorkerState::default(), &params)?),
        false => None,
    };
    let report = Report {
        backtest: &backtest,
        params: &params,
        metrics: &metrics,
        ledger,
        excursions: &excursions,
        statistics,
        bounds,
        past: past.as_ref(),
    };
    note_cuts(ledger, context);
    if let Some(path) = &files.report {
        report::of_run(path, (&backtest, &params, &metrics, &state), (asked, &spec), context)?;
    }
    if args.output.is_rows() {
        report.show_rows(context)?;
    }
    match args.output.format() {
        OutputFormat::Table => report.show(args.full, context)?,
        OutputFormat::Json => report.show_json(context)?,
    }
    let is_same = past.is_none_or(|past| past.is_same(&metrics));
    Ok(if is_same { Exit::Success } else { Exit::SomeFailed })
}

/// Says how many targets and orders were not traded as they were asked for.
fn note_cuts(ledger: &Ledger, context: &mut Context<'_>) {
    let targets = |count: u64| if count == 1 { "1 target was".to_owned() } else { format!("{count} targets were") };
    if ledger.cut > 0 {
        let cut = targets(ledger.cut);
        context.reporter.note(format!("{cut} cut to what the account can pay; `--initial-margin` lends more"));
    }
    if ledger.below_lot > 0 {
        let small = targets(ledger.below_lot);
        context.reporter.note(format!(
            "{small} not traded: less than one lot; larger targets, more cash or a smaller lot would trade"
        ));
    }
    if ledger.invalid_targets > 0 {
        let invalid = targets(ledger.invalid_targets);
        context.reporter.note(format!(
            "{invalid} not traded: of no instrument of these data, or of an exposure that is not finite"
        ));
    }
    if ledger.unpriced > 0 {
        context.reporter.note(format!("{} not traded: a price of 0 gives no size", targets(ledger.unpriced)));
    }
}

/// The trace file, also under the option's old name.
fn trace<'a>(files: &'a LedgerArgs, context: &mut Context<'_>) -> Option<&'a PathBuf> {
    if let Some(path) = &files.events {
        context.reporter.note(format!("note: `--events {0}` is now `--trace {0}`", path.display()));
    }
    files.trace.as_ref().or(files.events.as_ref())
}

/// Refuses options that need orders, if the strategy is run by its targets.
fn check_mode(files: &LedgerArgs, bounds: bool, backtest: &Backtest, context: &mut Context<'_>) -> Result<()> {
    if backtest.mode() == Mode::Events {
        return Ok(());
    }
    if files.trace.is_some() || files.events.is_some() {
        let name = &backtest.strategy().description().name;
        bail!("`{name}` is run by its targets, which have no messages for `--trace`; give `--mode events`");
    }
    if bounds {
        Bounds::check(backtest)?;
    }
    if files.orders.is_some() && backtest.strategy().exits().is_empty() {
        context.reporter.note("note: a strategy of targets sends no orders (`--mode events` runs one that does)");
    }
    Ok(())
}

/// The requested files of the ledger.
struct Sinks {
    orders: Option<Box<dyn Sink>>,
    trades: Option<Box<dyn Sink>>,
    fills: Option<Box<dyn Sink>>,
    equity: Option<Box<dyn Sink>>,
}

impl Sinks {
    fn open(files: &LedgerArgs, context: &mut Context<'_>) -> Result<Self> {
        Ok(Self {
            orders: inputs::sink(files.orders.as_deref(), &books::order_columns(), context)?,
            trades: inputs::sink(files.trades.as_deref(), &books::trade_columns(), context)?,
            fills: inputs::sink(files.fills.as_deref(), &books::fill_columns(), context)?,
            equity: inputs::sink(files.equity.as_deref(), &books::equity_columns(), context)?,
        })
    }

    /// Writes the files, and notes how many rows they have.
    fn write(self, books: &Books<'_>, files: &LedgerArgs, context: &mut Context<'_>) -> Result<()> {
        let written = [
            (&files.orders, books.write_orders(self.orders)?),
            (&files.trades, books.write_trades(self.trades)?),
            (&files.fills, books.write_fills(self.fills)?),
            (&files.equity, books.write_equity(self.equity)?),
        ];
        for (path, rows) in written {
            path.iter().for_each(|path| context.reporter.wrote_rows(path, rows));
        }
        Ok(())
    }
}

/// Runs the combination, and records its trace if requested. A run that fails has a trace too.
fn run_once(
    backtest: &Backtest,
    state: &mut WorkerState,
    params: &Params,
    trace: Option<(&PathBuf, LineFile)>,
    context: &mut Context<'_>,
) -> Result<Answer<Metrics>, ResultsError> {
    let Some((path, mut trace)) = trace else { return Ok(backtest.run(state, params)) };
    match backtest.record(state, params, &mut trace) {
        Ok(answer) => {
            let lines = trace.finish()?;
            context.reporter.wrote_rows(path, lines);
            Ok(answer)
        }
        Err(error) => Err(trace.fail(error)),
    }
}

/// The statistics of the run, as the engine of the profile computes them.
fn statistics(spec: &AccountSpec, market: &Market, ledger: &Ledger) -> Option<(Profile, Vec<Statistic>)> {
    let closes = &market.series().first()?.close;
    let times = market.timeline().times();
    let profile = spec.profile?;
    let statistics = match profile {
        // There the indicators exist one bar before the strategy acts.
        Profile::BacktestingPy => {
            let indicators = market.settings().account.first_bar.saturating_sub(1);
            metrics::backtesting_py(ledger, times, closes, indicators)
        }
        Profile::Vectorbt => metrics::vectorbt(ledger, times, closes, spec.freq),
    };
    Some((profile, statistics))
}

fn statistics_json(statistics: &[Statistic]) -> Value {
    statistics.iter().map(|one| (one.name.to_owned(), json!(one.value))).collect::<Map<_, _>>().into()
}

/// The report of one run.
struct Report<'a> {
    backtest: &'a Backtest,
    params: &'a Params,
    metrics: &'a Metrics,
    ledger: &'a Ledger,
    /// One for each trade.
    excursions: &'a [Excursion],
    /// The statistics of the profile's engine, under its names.
    statistics: Option<(Profile, Vec<Statistic>)>,
    bounds: Option<Bounds>,
    /// The row that ran again.
    past: Option<&'a Past>,
}

impl Report<'_> {
    fn market(&self) -> &Market {
        self.backtest.market()
    }

    /// Shows what one reads first, or all of it if `full` says so.
    fn show(&self, full: bool, context: &mut Context<'_>) -> Result<()> {
        let description = self.backtest.strategy().description();
        writeln!(context.out, "{}  {}\n", title(description), label(&params_text(self.params)))?;
        if full {
            self.show_metrics(context)?;
            self.show_statistics(context)?;
        } else {
            self.summary().show(context)?;
        }
        if let Some(bounds) = &self.bounds {
            bounds::show(bounds, context)?;
        }
        if full {
            self.show_details(context)?;
        }
        if let Some(time) = self.wiped_out() {
            writeln!(context.out, "\nthe account was wiped out on {time}, and stopped trading")?;
        }
        if !full {
            let more =
                self.statistics.as_ref().map_or_else(String::new, |(profile, _)| format!(", those of {profile}"));
            context
                .reporter
                .note(format!("`--full` shows all metrics{more}, excursions, months, drawdowns and crises"));
        }
        self.past.map_or(Ok(()), |past| past.show(self.metrics, context))
    }

    fn summary(&self) -> Summary<'_> {
        let frame = self.market().frame();
        Summary {
            metrics: self.metrics,
            orders: OrderCounts::of(&self.ledger.orders),
            years: yearly_returns(self.ledger, frame),
            has_benchmark: frame.benchmark().is_some(),
        }
    }

    fn show_details(&self, context: &mut Context<'_>) -> Result<()> {
        self.show_orders(context)?;
        self.show_excursions(context)?;
        self.show_months(context)?;
        self.show_drawdowns(context)?;
        self.show_crises(context)
    }

    /// When the account was wiped out.
    fn wiped_out(&self) -> Option<String> {
        Some(self.time(self.market().timeline().times()[self.ledger.wiped_out?]))
    }

    /// A time stamp of the run as text.
    fn time(&self, time: i64) -> String {
        Clock::of_market(self.market()).map_or_else(|| format_time(time), |clock| clock.text(time))
    }

    fn show_metrics(&self, context: &mut Context<'_>) -> Result<()> {
        let columns =
            [Column::new("metric", Kind::Text), Column::new("value", Kind::Number), Column::new("meaning", Kind::Text)];
        let rows: Vec<_> = Metrics::FIELDS
            .iter()
            .zip(self.metrics.values())
            .map(|(info, value)| vec![Cell::from(info.name), metric_cell(info.name, value), Cell::from(info.doc)])
            .collect();
        context.table(&columns, &rows)
    }

    /// The metrics as rows, with all their digits.
    fn show_rows(&self, context: &mut Context<'_>) -> Result<()> {
        let columns =
            [Column::new("metric", Kind::Text), Column::new("value", Kind::Number), Column::new("unit", Kind::Text)];
        let row = |(info, value): (&MetricInfo, Option<f64>)| {
            vec![Cell::from(info.name), Cell::from(value), Cell::from(info.unit.as_str())]
        };
        context.table(&columns, &Metrics::FIELDS.iter().zip(self.metrics.values()).map(row).collect::<Vec<_>>())
    }

    fn show_orders(&self, context: &mut Context<'_>) -> Result<()> {
        let counts = OrderCounts::of(&self.ledger.orders).rows();
        if counts.is_empty() {
            return Ok(());
        }
        writeln!(context.out)?;
        let columns = [Column::new("orders", Kind::Text), Column::new("count", Kind::Integer)];
        let rows: Vec<_> = counts.into_iter().map(|(name, count)| vec![Cell::from(name), Cell::count(count)]).collect();
        context.table(&columns, &rows)
    }

    /// The closed trades, which statistics are of, as winners, losers and those that did neither, and the open ones. They show
    /// where a stop would have been too close.
    fn groups(&self) -> [(&'static str, Excursions); 5] {
        let group = |belongs: fn(&Trade) -> bool| {
            let trades = self.ledger.trades.iter().zip(self.excursions);
            Excursions::of(trades.filter(|(trade, _)| belongs(trade)).map(|(_, excursion)| *excursion))
        };
        [
            ("closed", group(|trade| !trade.open)),
            ("winners", group(|trade| !trade.open && trade.pnl > 0.0)),
            ("losers", group(|trade| !trade.open && trade.pnl < 0.0)),
            ("even", group(|trade| !trade.open && trade.pnl == 0.0)),
            ("open", group(|trade| trade.open)),
        ]
    }

    fn show_excursions(&self, context: &mut Context<'_>) -> Result<()> {
        if self.ledger.trades.is_empty() {
            return Ok(());
        }
        writeln!(context.out, "\nexcursions of trades: how far the price went against them (mae) and for them (mfe)")?;
        let columns = [
            Column::new("trades", Kind::Text),
            Column::new("count", Kind::Integer),
            Column::share("mean_mae"),
            Column::share("worst_mae"),
            Column::share("mean_mfe"),
            Column::share("best_mfe"),
        ];
        let row = |(name, group): (&'static str, Excursions)| {
            let count = Cell::count(group.trades as u64);
            let numbers = [group.mean_mae, group.worst_mae, group.mean_mfe, group.best_mfe];
            [Cell::from(name), count].into_iter().chain(numbers.map(Cell::from)).collect()
        };
        // Trades that are even, or open, are rare enough to be shown only where there are any.
        let is_shown = |(name, group): &(&str, Excursions)| group.trades > 0 || !matches!(*name, "even" | "open");
        let rows: Vec<Vec<_>> = self.groups().into_iter().filter(is_shown).map(row).collect();
        context.table(&columns, &rows)
    }

    /// The statistics of the profile's engine.
    fn show_statistics(&self, context: &mut Context<'_>) -> Result<()> {
        let Some((profile, statistics)) = &self.statistics else { return Ok(()) };
        writeln!(context.out, "\nstatistics of {profile}")?;
        let columns = [Column::new("statistic", Kind::Text), Column::new("value", Kind::Number)];
        let rows: Vec<_> = statistics.iter().map(|one| vec![Cell::from(one.name), Cell::from(one.value)]).collect();
        context.table(&columns, &rows)
    }

    /// Years by months, in percent.
    fn show_months(&self, context: &mut Context<'_>) -> Result<()> {
        writeln!(context.out, "\nreturns in percent")?;
        // Where columns do not fit, the last ones are left out: the whole year comes first.
        let mut columns = vec![Column::new("year", Kind::Integer)];
        columns.extend(["all"].iter().chain(&MONTHS).map(|name| Column::new(*name, Kind::Number)));
        let months = monthly_returns(self.ledger, self.market().frame());
        let rows: Vec<_> = yearly_returns(self.ledger, self.market().frame())
            .iter()
            .map(|year| {
                let mut row = vec![Cell::Integer(year.year.into()), percent(Some(year))];
                row.extend(
                    (1..=12)
                        .map(|month| percent(months.iter().find(|m| (m.year, m.month) == (year.year, Some(month))))),
                );
                row
            })
            .collect();
        context.table(&columns, &rows)
    }

    fn show_drawdowns(&self, context: &mut Context<'_>) -> Result<()> {
        writeln!(context.out, "\nworst drawdowns")?;
        let columns = [
            Column::share("depth"),
            Column::new("peak", Kind::Text),
            Column::new("trough", Kind::Text),
            Column::new("recovery", Kind::Text),
            Column::new("days", Kind::Number),
        ];
        let rows: Vec<_> = worst_drawdowns(self.ledger, self.market().frame(), DRAWDOWNS)
            .iter()
            .map(|drawdown| {
                vec![
                    Cell::Number(drawdown.depth),
                    Cell::from(self.time(drawdown.peak_time)),
                    Cell::from(self.time(drawdown.trough_time)),
                    Cell::from(drawdown.recovery_time.map(|time| self.time(time))),
                    Cell::Number(drawdown.days),
                ]
            })
            .collect();
        context.table(&columns, &rows)
    }

    fn show_crises(&self, context: &mut Context<'_>) -> Result<()> {
        let crises = crisis_returns(self.ledger, self.market().frame());
        if crises.is_empty() {
            return Ok(());
        }
        writeln!(context.out, "\nthrough crises")?;
        let columns = [
            Column::new("crisis", Kind::Text),
            Column::new("first", Kind::Text),
            Column::new("last", Kind::Text),
            Column::share("return"),
        ];
        let rows: Vec<_> = crises
            .iter()
            .map(|through| {
                let (first, last) = (through.crisis.first.to_string(), through.crisis.last.to_string());
                vec![Cell::from(through.crisis.name), Cell::from(first), Cell::from(last), Cell::from(through.change)]
            })
            .collect();
        context.table(&columns, &rows)
    }

    fn show_json(&self, context: &mut Context<'_>) -> Result<()> {
        let frame = self.market().frame();
        let strategy = self.backtest.strategy();
        let mut report = json!({
            "strategy_name": strategy.description().name,
            "plugin_hash": strategy.digest().map(|digest| digest.to_string()),
            "data_hash": self.market().dataset().fingerprint().to_string(),
            "params": self.params,
            "periods_per_year": frame.annualization().ok().map(|annualization| annualization.periods_per_year),
            "risk_free": frame.risk_free(),
            "mode": self.backtest.mode(),
            "metrics": self.metrics,
            "statistics": self.statistics.as_ref().map(|(_, all)| statistics_json(all)),
            "bounds": self.bounds,
            "orders": OrderCounts::of(&self.ledger.orders),
            "excursions": Map::from_iter(self.groups().map(|(name, group)| (name.to_owned(), json!(group)))),
            "months": monthly_returns(self.ledger, frame),
            "years": yearly_returns(self.ledger, frame),
            "drawdowns": self.drawdowns(),
            "crises": crisis_returns(self.ledger, frame),
            "wiped_out": self.wiped_out(),
        });
        if let Some(past) = self.past {
            report["again"] = past.to_json(self.metrics);
        }
        context.json(report)
    }

    fn drawdowns(&self) -> Value {
        let drawdown = |drawdown: &Drawdown| {
            let Drawdown { peak_time, trough_time, recovery_time, depth, days_to_trough, days_to_recovery, days } =
                *drawdown;
            json!({
                "peak_time": self.time(peak_time),
                "trough_time": self.time(trough_time),
                "recovery_time": recovery_time.map(|time| self.time(time)),
                "depth": depth,
                "days_to_trough": days_to_trough,
                "days_to_recovery": days_to_recovery,
                "days": days,
            })
        };
        worst_drawdowns(self.ledger, self.market().frame(), DRAWDOWNS).iter().map(drawdown).collect()
    }
}

/// A return in percent, to one decimal.
fn percent(period: Option<&PeriodReturn>) -> Cell<'static> {
    Cell::from(period.and_then(|period| period.change).map(|change| (change * 1000.0).round() / 10.0))
}
