//! `host walk-forward`: in each stretch of time the best combination of the time before, and what it earned.
//!
//! Never computes a statistic, and never chooses a winner.

use std::{io, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{
    Context, Exit,
    args::OutputFormat,
    data_args::DataArgs,
    inputs,
    request::{Typed, asked_of},
    store,
    trust::note_look_ahead,
    trust_args::{FreshArgs, WalkForwardArgs},
};
use crate::{
    backtest::Market,
    evidence::{EvidenceError, FoldsAnew, FollowReport, FollowRequest, FollowedFold},
    metrics::Selection,
    results::{Cell, Column, Kind, ReturnsFile, params_text, percent, rounded},
    sweep::{Instruments, Provenance, Stop},
};

pub(super) fn run(args: &WalkForwardArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let store = store::existing(args.answers.store.as_deref(), args.answers.no_store)?;
    let &WalkForwardArgs { train, test, anchored, purge, risk_free, .. } = args;
    let request = FollowRequest { train, test, anchored, purge, risk_free, fresh: args.fresh.fresh };
    let report = request.answer(&file, store.as_ref(), &Stop::default());
    let mut report = report.inspect_err(|_| note_look_ahead(&file, store.as_ref(), context))?;
    let mut exit = Exit::Success;
    if request.fresh {
        let found = anew(&args.fresh, (&file, &args.returns), &report, context)?;
        exit = match found.interrupted {
            true => Exit::Interrupted,
            false if found.folds.iter().any(Option::is_none) => Exit::SomeFailed,
            false => Exit::Success,
        };
        report = report.with_fresh(found);
    }
    report.notes.iter().for_each(|note| context.reporter.note(format!("note: {note}")));
    match args.output.format {
        OutputFormat::Json => context.json(serde_json::to_value(&report)?)?,
        OutputFormat::Table => show(&report, context)?,
    }
    Ok(exit)
}

/// Runs the winner of each fold of `report` as the sweep of `file` ran.
fn anew(
    args: &FreshArgs,
    (file, path): (&ReturnsFile, &PathBuf),
    report: &FollowReport,
    context: &mut Context<'_>,
) -> Result<FoldsAnew> {
    let shown = path.display();
    let ran = Provenance::of_facts(|name| file.fact(name));
    let ran =
        ran.with_context(|| format!("`{shown}` does not say what its sweep was asked for; run the sweep again"))?;
    let data = DataArgs { files: args.data.clone(), detail: args.detail.clone(), ..DataArgs::default() };
    let typed = Typed { plugin: args.plugin.as_deref(), data: &data };
    let asked = asked_of(ran, typed, context)?;
    if asked.request.scope == Instruments::EachSymbol {
        bail!(
            "the sweep of `{shown}` ran on each symbol alone, whose folds are not those of the file; leave `--fresh` out"
        );
    }
    let backtester = inputs::backtester_on(&asked.request.limits, args.workers, context)?;
    let strategy = asked.request.strategy(context.load(&backtester, &asked.plugin)?.into())?;
    let (mut settings, _) = asked.request.settings(Selection::none())?;
    // Folds that run anew are measured by their own returns.
    settings.benchmark = None;
    let (dataset, _) = asked.dataset(&data, context)?;
    let market = Market::new(dataset.clone(), settings.clone())?;
    asked.check_origin(typed, &strategy, &market, context)?;
    let winners = report.winners();
    let mut meter = context.reporter.progress(Some(winners.len() as u64));
    let reporter = &mut context.reporter;
    let found = FoldsAnew::run(file, winners, (&strategy, &dataset, &settings), &backtester, &mut |done, failed| {
        reporter.advance(&mut meter, done, failed, String::new);
    });
    meter.finish();
    found.map_err(|error| match error {
        EvidenceError::OtherSweep => anyhow::anyhow!(
            "the folds of `{shown}` are of another plugin or other data; give those of the sweep, or leave `--fresh` out"
        ),
        EvidenceError::OtherPeriods(period) => anyhow::anyhow!(
            "the data has other {period}s than `{shown}`; give the data of the sweep with `--data FILE`"
        ),
        other => other.into(),
    })
}

fn show(report: &FollowReport, context: &mut Context<'_>) -> Result<()> {
    let FollowReport { training, train, test, purge, period, combinations, folds, .. } = report;
    let growing = if *training == "anchored" { " at first, from the beginning on" } else { "" };
    let gap = if *purge > 0 { format!(", {purge} between") } else { String::new() };
    writeln!(
        context.out,
        "{} folds: the best of {combinations} combinations in {train} {period}s{growing}, followed for {test} {period}s{gap}\n",
        folds.len(),
    )?;
    let mut columns = vec![Column::new("fold", Kind::Integer)];
    columns.extend(["first", "last"].map(|name| Column::new(name, Kind::Text).spare()));
    columns.push(Column::new("params", Kind::Text));
    columns.extend(["in_sample", "out_of_sample"].map(|name| Column::new(name, Kind::Number)));
    columns.extend([Column::share("return"), Column::new("rank", Kind::Number)]);
    if report.fresh.is_some() {
        columns.extend([Column::new("fresh", Kind::Number), Column::share("fresh_return")]);
    }
    let rows: Vec<_> = (1..).zip(folds).map(|(number, fold)| row(number, fold)).collect();
    context.table(&columns, &rows)?;
    Ok(show_all(report, context)?)
}

fn row(number: u64, fold: &FollowedFold) -> Vec<Cell<'_>> {
    let FollowedFold { first, last, params, in_sample, out_of_sample, total, rank, .. } = fold;
    let texts = [Cell::from(first.as_str()), Cell::from(last.as_str()), Cell::from(params_text(params))];
    let numbers = [in_sample, out_of_sample, total, rank].map(|number| Cell::Number(*number));
    let fresh = fold.fresh.into_iter().flat_map(|fresh| [fresh.sharpe, fresh.total].map(Cell::from));
    [Cell::count(number)].into_iter().chain(texts).chain(numbers).chain(fresh).collect()
}

fn show_all(report: &FollowReport, context: &mut Context<'_>) -> io::Result<()> {
    let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), rounded);
    writeln!(
        context.out,
        "\nSharpe ratios are a year; a rank near 1 is the best of all in that time, one near 0 the worst\n\
         out of sample, all folds together: sharpe {}, return {}\nin sample, the mean of all folds: sharpe {}",
        number(report.sharpe_out_of_sample),
        percent(report.return_out_of_sample),
        number(report.sharpe_in_sample),
    )?;
    if let Some(fresh) = &report.fresh {
        let total = fresh.return_out_of_sample.map_or_else(|| "undefined".to_owned(), percent);
        let sharpe = number(fresh.sharpe_out_of_sample);
        writeln!(context.out, "out of sample, each fold from cash on: sharpe {sharpe}, return {total}")?;
    }
    match report.efficiency {
        Some(efficiency) => writeln!(
            context.out,
            "efficiency: {}, the mean return out of sample as a share of that in sample",
            percent(efficiency)
        )?,
        None => writeln!(context.out, "efficiency: undefined, since the mean return in sample is not positive")?,
    }
    let (folds, different, changes) = (report.folds.len(), report.different_winners, report.changes);
    writeln!(
        context.out,
        "parameters: {different} different in the {folds} folds; changed from fold to fold: {changes}"
    )
}
