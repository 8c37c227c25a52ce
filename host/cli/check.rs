//! `host check`: detects look-ahead and non-determinism.
//!
//! Never judges a return.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::{CheckArgs, OutputFormat},
    inputs,
    reporter::Meter,
    show::{counted, title},
    store,
};
use crate::{
    audit::{self, AuditError, Cost, Decision, Finding, Options, Report, audit},
    backtest::{Mode, Strategy},
    data::Dataset,
    evidence::keep_answer,
    model::{format_date_time, format_time},
    results::{Cell, Column, Kind, params_text},
    sandbox::Backend,
    sweep::Stop,
};

/// The most findings in a table.
const SHOWN: usize = 10;

pub(super) fn run(args: &CheckArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let backtester = inputs::backtester(&args.limits, Backend::Threads, context)?;
    let name = args.plugin.name(&mut context.reporter);
    let strategy = Strategy::from(context.load(&backtester, name)?);
    let strategy = strategy.with_exits(args.exits.kinds())?;
    strategy.mode(None)?;
    let given = inputs::given(&args.exits.after(&args.params)?, strategy.description())?;
    // Exits close what targets have opened: they change no target.
    let (given, strategy) = (strategy.own_of(&given), strategy.bare().clone());
    let (data, _) = inputs::dataset(&args.data, context)?;
    let options = options(args);
    let audited =
        listened(&backtester.stop_handle(), context, |listener| audit(&strategy, &data, &given, &options, listener));
    inputs::report_cache(&backtester, context);
    let report = match audited {
        Err(AuditError::Stopped) => return Ok(Exit::Interrupted),
        audited => audited?,
    };
    let kept = store::opened(args.answers.store.as_deref(), args.answers.no_store);
    let notes = keep_answer(&report, (&strategy, &data), (&options, &given), kept);
    notes.iter().for_each(|note| context.reporter.note(format!("note: {note}")));
    let subject = Checked { strategy: &strategy, data: &data, report: &report };
    match args.output.format {
        OutputFormat::Table => subject.show(context)?,
        OutputFormat::Json => subject.show_json(context)?,
    }
    Ok(exit(&report))
}

/// Shows the report about `strategy` on `data`.
pub(super) fn show(strategy: &Strategy, data: &Dataset, report: &Report, context: &mut Context<'_>) -> Result<()> {
    Checked { strategy, data, report }.show(context)
}

fn options(args: &CheckArgs) -> Options {
    let mut options = if args.quick { Options::quick() } else { Options::default() };
    options.cuts = args.cuts.unwrap_or(options.cuts);
    options.samples = args.samples.unwrap_or(options.samples);
    options.seed = args.seed;
    options.total = Some(Duration::from_secs(args.total_timeout));
    options
}

/// Runs `audit` with a listener that shows its progress, and ends it on Ctrl-C.
pub(super) fn listened<T>(stop: &Stop, context: &mut Context<'_>, audit: impl FnOnce(audit::Listener<'_>) -> T) -> T {
    let mut meter: Option<Meter> = None;
    let audited = audit(&mut |progress| {
        let meter = meter.get_or_insert_with(|| context.reporter.progress(Some(progress.total)));
        meter.set_total(progress.total);
        context.reporter.advance(meter, progress.done, 0, String::new);
        !stop.is_stopped()
    });
    if let Some(meter) = meter {
        meter.finish();
    }
    audited
}

fn exit(report: &Report) -> Exit {
    match (report.is_clean(), report.is_decided()) {
        (false, _) => Exit::Caught,
        (true, false) => Exit::NoneSucceeded,
        (true, true) => Exit::Success,
    }
}

/// A report with its strategy and data.
struct Checked<'a> {
    strategy: &'a Strategy,
    data: &'a Dataset,
    report: &'a Report,
}

impl Checked<'_> {
    fn show(&self, context: &mut Context<'_>) -> Result<()> {
        let (description, report) = (self.strategy.description(), self.report);
        let (title, answered) = (title(description), report.answered);
        writeln!(context.out, "{title}  {} of parameters, {answered} answered\n", counted(report.sets, "combination"))?;
        let columns = ["check", "verdict", "detail"].map(|name| Column::new(name, Kind::Text));
        let row = |check: &audit::Check| {
            vec![Cell::from(check.name), Cell::from(check.verdict.as_str()), Cell::from(check.detail.clone())]
        };
        context.table(&columns, &report.checks.iter().map(row).collect::<Vec<_>>())?;
        if !report.findings.is_empty() {
            self.show_findings(context)?;
        }
        show_cost(report, context)
    }

    fn show_findings(&self, context: &mut Context<'_>) -> Result<()> {
        let findings = &self.report.findings;
        writeln!(context.out, "\nanswers that depend on the future, each at the first bar found that shows it")?;
        let rows: Vec<_> = findings.iter().take(SHOWN).map(finding_row).collect();
        context.table(&finding_columns(), &rows)?;
        let more = findings.len() - rows.len();
        if more > 0 {
            let more = counted(more, "combination").replacen(' ', " more ", 1);
            writeln!(context.out, "and {more} (`--format json` has them all)")?;
        }
        Ok(())
    }

    fn show_json(&self, context: &mut Context<'_>) -> Result<()> {
        let (description, report) = (self.strategy.description(), self.report);
        let check = |check: &audit::Check| json!({ "name": check.name, "verdict": check.verdict.as_str(), "detail": check.detail });
        context.json(json!({
            "strategy": description.name,
            "version": description.version,
            "hash": self.strategy.digest().map(|digest| digest.to_string()),
            "data": self.data.fingerprint().to_string(),
            "clean": report.is_clean(),
            "decided": report.is_decided(),
            "mode": report.mode,
            "combinations": report.sets,
            "answered": report.answered,
            "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
            "ended_early": report.ended,
            "findings": report.findings.iter().map(finding_json).collect::<Vec<_>>(),
            "cost": cost_json(report.cost),
        }))
    }
}

fn finding_columns() -> Vec<Column> {
    vec![
        Column::new("params", Kind::Text),
        Column::new("symbol", Kind::Text),
        Column::new("bar", Kind::Integer),
        Column::new("time", Kind::Text),
        Column::new("with the future", Kind::Text),
        Column::new("with another", Kind::Text),
        Column::new("which other", Kind::Text),
        Column::new("begins after", Kind::Text),
        Column::new("bars ahead", Kind::Text),
    ]
}

fn finding_row(finding: &Finding) -> Vec<Cell<'_>> {
    vec![
        Cell::from(params_text(&finding.params)),
        Cell::from(finding.symbol.as_str()),
        Cell::count(finding.bar as u64),
        Cell::from(format_time(finding.time)),
        Cell::from(finding.with_future.to_string()),
        Cell::from(finding.without.to_string()),
        Cell::from(finding.future.as_str()),
        Cell::from(format_time(finding.known_until)),
        Cell::from(format!("{} or more", finding.reach)),
    ]
}

fn finding_json(finding: &Finding) -> Value {
    let decision = |decision: &Decision| match decision {
        Decision::Hold(exposure) => json!({ "hold": exposure }),
        Decision::Nothing => Value::Null,
        Decision::Refused(why) => json!({ "refused": why }),
    };
    json!({
        "params": finding.params,
        "symbol": finding.symbol,
        "bar": finding.bar,
        "time": format_date_time(finding.time),
        "with_future": decision(&finding.with_future),
        "with_another": decision(&finding.without),
        "future": finding.future.as_str(),
        "known_until": format_date_time(finding.known_until),
        "reach": finding.reach,
    })
}

fn show_cost(report: &Report, context: &mut Context<'_>) -> Result<()> {
    let cost = &report.cost;
    let (what, when) = match report.mode {
        Mode::Signals => ("an answer to the defaults costs", "after `prepare`"),
        Mode::Events => ("a run with the defaults costs, the broker included in the time", "after the last bar"),
    };
    writeln!(context.out, "\nwhat {what}")?;
    let columns = [
        Column::new("data", Kind::Text),
        Column::new("bars", Kind::Integer),
        Column::new("ns/bar", Kind::Number),
        Column::new("units/bar", Kind::Number),
    ];
    let row = |name: &'static str, bars: usize, nanos: Option<f64>, units: Option<f64>| {
        vec![Cell::from(name), Cell::count(bars as u64), Cell::from(nanos), Cell::from(units)]
    };
    let whole = row("all of it", cost.bars, cost.nanos, cost.units);
    let half = row("the first half", cost.half_bars, cost.half_nanos, cost.half_units);
    context.table(&columns, &[whole, half])?;
    let (Some(memory), Some(per_bar)) = (cost.memory, cost.memory_per_bar) else { return Ok(()) };
    let mib = memory as f64 / f64::from(1 << 20);
    Ok(writeln!(context.out, "\nmemory {when}: {mib:.1} MiB, {per_bar:.0} bytes for each bar of the second half")?)
}

fn cost_json(cost: Cost) -> Value {
    json!({
        "bars": cost.bars,
        "half_bars": cost.half_bars,
        "nanos_per_bar": cost.nanos,
        "half_nanos_per_bar": cost.half_nanos,
        "units_per_bar": cost.units,
        "half_units_per_bar": cost.half_units,
        "memory": cost.memory,
        "memory_per_bar": cost.memory_per_bar,
    })
}
