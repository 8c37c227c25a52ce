//! `host walk-forward`: in each stretch of time the best combination of the time before, and what it earned.
//!
//! Never runs a strategy, and never computes a statistic.

use std::io;

use anyhow::Result;

use super::{Context, Exit, anew, args::OutputFormat, causal, trust_args::WalkForwardArgs};
use crate::{
    evidence::{FollowReport, FollowRequest, FollowedFold},
    results::{Cell, Column, Kind, ReturnsFile, params_text, rounded},
    sweep::{Provenance, Stop},
};

pub(super) fn run(args: &WalkForwardArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let provenance = Provenance::of_facts(|name| file.fact(name));
    causal::of_file(&file, provenance.as_ref(), (args.answers.store.as_deref(), args.answers.no_store), context)?;
    let &WalkForwardArgs { train, test, anchored, purge, risk_free, .. } = args;
    let mut report = FollowRequest { train, test, anchored, purge, risk_free }.answer(&file, &Stop::default())?;
    let mut exit = Exit::Success;
    if args.fresh.fresh {
        let found = anew::run(&args.fresh, (&file, &args.returns), &report.folds, context)?;
        exit = match found.interrupted {
            true => Exit::Interrupted,
            false if found.folds.iter().any(Option::is_none) => Exit::SomeFailed,
            false => Exit::Success,
        };
        report = report.with_fresh(&found.folds);
    }
    match args.output.format {
        OutputFormat::Json => context.json(serde_json::to_value(&report)?)?,
        OutputFormat::Table => show(&report, context)?,
    }
    Ok(exit)
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
    columns.extend(["first", "last", "params"].map(|name| Column::new(name, Kind::Text)));
    let numbers = ["in_sample", "out_of_sample", "return", "rank"];
    columns.extend(numbers.map(|name| Column::new(name, Kind::Number)));
    if report.fresh.is_some() {
        columns.extend(["fresh", "fresh_return"].map(|name| Column::new(name, Kind::Number)));
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
        rounded(report.return_out_of_sample),
        number(report.sharpe_in_sample),
    )?;
    if let Some(fresh) = &report.fresh {
        let (sharpe, total) = (number(fresh.sharpe_out_of_sample), number(fresh.return_out_of_sample));
        writeln!(context.out, "out of sample, each fold from cash on: sharpe {sharpe}, return {total}")?;
    }
    match report.efficiency {
        Some(efficiency) => writeln!(
            context.out,
            "efficiency: {}, the mean return out of sample as a share of that in sample",
            rounded(efficiency)
        )?,
        None => writeln!(context.out, "efficiency: undefined, since the mean return in sample is not positive")?,
    }
    let (folds, different, changes) = (report.folds.len(), report.different_winners, report.changes);
    writeln!(
        context.out,
        "parameters: {different} different in the {folds} folds; changed from fold to fold: {changes}"
    )
}
