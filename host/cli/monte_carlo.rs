//! `host monte-carlo`: one combination with its trades drawn again, and on bars with noise.
//!
//! Never draws, and never judges.

use std::io;

use anyhow::{Result, bail};
use serde_json::Value;

use super::{
    Context, Exit,
    again::{Again, Past, Setup},
    args::{MonteCarloArgs, OutputFormat},
    combination, inputs,
    show::{metric_cell, title},
};
use crate::{
    backtest::{Backtest, WorkerState},
    evidence::{LuckReport, LuckRequest, Redrawn},
    model::label,
    results::{Cell, Column, Kind, Tally, params_text, percent, rounded},
    sweep::{CopyShare, LUCK_LEVELS, MetricOverCopies, NoisyReport, RedrawnTrades},
};

pub(super) fn run(args: &MonteCarloArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let asked = &args.combination;
    let again = Again::of(asked, false, context)?;
    let setup = combination::set_up((asked, false), again.as_ref(), context)?;
    let Setup { backtester, strategy, params, market, past, .. } = setup;
    let backtest = combination::prepare((market, strategy), &backtester, context)?;
    inputs::report_cache(&backtester, context);
    let mut state = WorkerState::default();
    let answer = backtest.run(&mut state, &params);
    if backtester.stop_handle().is_cut() {
        bail!("the run was cut");
    }
    let metrics = match combination::outcome(answer, past.as_ref(), context) {
        Ok(metrics) => metrics,
        Err(exit) => return Ok(exit),
    };
    let luck =
        LuckRequest { draws: args.luck.draws, runs: args.luck.runs, noise: args.luck.noise, seed: args.luck.seed };
    let mut tally = Tally::default();
    let mut meter = context.reporter.progress(Some(luck.runs));
    let reporter = &mut context.reporter;
    let made = luck.of_run(&backtester, &backtest, (&params, metrics, state), &mut |event| {
        tally.record(&event.result);
        reporter.advance(&mut meter, event.done, event.failed, String::new);
    })?;
    meter.finish();
    context.failures(&tally);
    let report = Report { backtest: &backtest, made, past: past.as_ref() };
    match args.output.format {
        OutputFormat::Table => report.show(context)?,
        OutputFormat::Json => context.json(report.json()?)?,
    }
    Ok(report.exit())
}

/// What is shown.
struct Report<'a> {
    backtest: &'a Backtest,
    made: LuckReport,
    past: Option<&'a Past>,
}

impl Report<'_> {
    fn exit(&self) -> Exit {
        let is_same = self.past.is_none_or(|past| past.is_same(&self.made.metrics));
        match &self.made.noise {
            Some(noise) if noise.is_interrupted() => Exit::Interrupted,
            Some(noise) if noise.failed > 0 => Exit::SomeFailed,
            _ if is_same => Exit::Success,
            _ => Exit::SomeFailed,
        }
    }

    fn show(&self, context: &mut Context<'_>) -> Result<()> {
        let description = self.backtest.strategy().description();
        writeln!(context.out, "{}  {}\n", title(description), label(&params_text(&self.made.params)))?;
        match &self.made.trades {
            Redrawn::Known(trades) => self.show_trades(trades, context)?,
            Redrawn::Undefined { undefined } => {
                writeln!(context.out, "trades drawn again: left out, since {undefined}")?
            }
        }
        if let Some(noise) = &self.made.noise {
            show_noise(noise, context)?;
        }
        self.past.map_or(Ok(()), |past| past.show(&self.made.metrics, context))
    }

    fn show_trades(&self, trades: &RedrawnTrades, context: &mut Context<'_>) -> Result<()> {
        let RedrawnTrades { total_return, max_drawdown, .. } = *trades;
        let rows = [
            row(("return, resampled", "total_return"), Some(total_return), &trades.resampled_return),
            row(("drawdown, resampled", "max_drawdown"), Some(max_drawdown), &trades.resampled_drawdown),
            row(("drawdown, shuffled", "max_drawdown"), Some(max_drawdown), &trades.shuffled_drawdown),
        ];
        context.table(&columns("trades drawn again", "as they were"), &rows)?;
        Ok(self.explain_trades(trades, context)?)
    }

    fn explain_trades(&self, trades: &RedrawnTrades, context: &mut Context<'_>) -> io::Result<()> {
        let count =
            if trades.trades == 1 { "1 closed trade".to_owned() } else { format!("{} closed trades", trades.trades) };
        writeln!(
            context.out,
            "{count}, each a share of the equity before it, drawn {} times: {} of resamples lose\n\
             {} of shuffles fall at most as deep as the order given: near 0 % it was lucky, near 100 % unlucky",
            trades.draws,
            percent(trades.loss),
            percent(trades.shuffled_rank),
        )?;
        match self.made.metrics.total_return {
            // Rounded numbers that are equal need no word.
            Some(whole) if percent(whole) != percent(trades.total_return) => writeln!(
                context.out,
                "the run itself returned {}: open and overlapping trades and interest make the difference",
                percent(whole)
            ),
            _ => Ok(()),
        }
    }

    fn json(&self) -> Result<Value> {
        let mut report = serde_json::to_value(&self.made)?;
        if let Some(past) = self.past {
            report["again"] = past.to_json(&self.made.metrics);
        }
        Ok(report)
    }
}

fn show_noise(noise: &NoisyReport, context: &mut Context<'_>) -> Result<()> {
    writeln!(context.out)?;
    let metric = |one: &MetricOverCopies| row((one.metric, one.metric), one.value, &one.quantiles);
    let rows: Vec<_> = noise.metrics.iter().map(metric).collect();
    context.table(&columns("bars with noise", "as they are"), &rows)?;
    Ok(explain_noise(noise, context)?)
}

fn explain_noise(noise: &NoisyReport, context: &mut Context<'_>) -> io::Result<()> {
    let ran = noise.ran();
    let copies = |count: u64| if count == 1 { "1 copy".to_owned() } else { format!("{count} copies") };
    let interrupted = if noise.is_interrupted() { format!(" ({} were asked for)", noise.asked) } else { String::new() };
    let strength = rounded(noise.strength);
    writeln!(context.out, "{} with noise of {strength} of the average true range{interrupted}", copies(ran))?;
    let told = |CopyShare { count, share }: CopyShare| format!("{count} of {ran} ({})", percent(share));
    if let Some(losing) = noise.losing {
        writeln!(context.out, "copies that lose: {}", told(losing))?;
    }
    if let Some(below) = noise.below_half_sharpe {
        writeln!(
            context.out,
            "copies whose Sharpe ratio is below half of that of the bars as they are: {}",
            told(below)
        )?;
    }
    if noise.failed > 0 {
        writeln!(context.out, "copies that failed, and count nowhere: {}", noise.failed)?;
    }
    Ok(())
}

/// A first column, one for the value as it was, and one for each level.
fn columns(name: &str, given: &str) -> Vec<Column> {
    let levels = LUCK_LEVELS.iter().map(|level| Column::new(percent(*level), Kind::Number));
    let first = [Column::new(name, Kind::Text), Column::new(given, Kind::Number)];
    first.into_iter().chain(levels).collect()
}

/// A row of values of `metric` under `name`.
fn row<'a>((name, metric): (&'a str, &str), given: Option<f64>, quantiles: &[f64]) -> Vec<Cell<'a>> {
    let levels = (0..LUCK_LEVELS.len()).map(|at| metric_cell(metric, quantiles.get(at).copied()));
    [Cell::from(name), metric_cell(metric, given)].into_iter().chain(levels).collect()
}
