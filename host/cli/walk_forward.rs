//! `host walk-forward`: in each stretch of time the best combination of the time before, and what it earned.
//!
//! Never runs a strategy: folds are parts of the returns of whole runs.

use std::{collections::BTreeSet, io, ops::Range};

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context, Exit,
    anew::{self, Fresh},
    args::OutputFormat,
    causal,
    trust::{periods_per_year, risk_free},
    trust_args::{WalkForwardArgs, purge},
};
use crate::{
    model::format_time,
    results::{Cell, Column, Kind, ReturnsCell, ReturnsError, ReturnsFile, params_text, rounded},
    sweep::Provenance,
    trust::{FoldReport, Moments, OverRate, Returns as _, Training, WalkForward, WalkForwardReport, walk_forward},
};

/// Test parts that the periods make by default, and how many of them the first training part has.
const PARTS: usize = 10;
const TRAINING: usize = 4;

/// The fewest periods of a test part: one return has no Sharpe ratio.
const LEAST: usize = 2;

pub(super) fn run(args: &WalkForwardArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let provenance = Provenance::of_facts(|name| file.fact(name));
    causal::of_file(&file, provenance.as_ref(), (args.answers.store.as_deref(), args.answers.no_store), context)?;
    let test = args.test.unwrap_or_else(|| file.periods().div_ceil(PARTS).max(LEAST));
    let train = args.train.unwrap_or_else(|| test.saturating_mul(TRAINING));
    let purge = purge(args.purge, &file, train);
    let rest = file.periods().saturating_sub(train).saturating_sub(purge) % test.max(1);
    let splits = WalkForward {
        training: if args.anchored { Training::Anchored } else { Training::Rolling },
        train,
        test,
        purge,
        // Half of a test part says something, a few days do not.
        keep_short: rest >= test.div_ceil(2).max(LEAST),
    };
    let per_year = periods_per_year(file.times());
    let risk_free = risk_free(args.risk_free, provenance.as_ref());
    let rate = per_year.map_or(0.0, |per_year| risk_free / per_year);
    let found = walk_forward(&OverRate::new(&file, rate), &splits)?;
    let winners = found.folds.iter().map(|fold| file.cell(fold.winner)).collect::<Result<Vec<_>, ReturnsError>>()?;
    let scale = per_year.unwrap_or(1.0).sqrt();
    let fresh = if args.fresh.fresh {
        let folds: Vec<_> = winners.iter().zip(found.folds.iter().map(test_of)).collect();
        Some(anew::run(&args.fresh, (&file, &args.returns), &folds, context)?)
    } else {
        None
    };
    let report =
        Report { found: &found, winners: &winners, file: &file, splits, scale, risk_free, rate, fresh: fresh.as_ref() };
    match args.output.format {
        OutputFormat::Json => context.json(report.json())?,
        OutputFormat::Table => report.show(context)?,
    }
    Ok(match fresh {
        Some(fresh) if fresh.interrupted => Exit::Interrupted,
        Some(fresh) if fresh.folds.iter().any(Option::is_none) => Exit::SomeFailed,
        _ => Exit::Success,
    })
}

/// What is shown.
struct Report<'a> {
    found: &'a WalkForwardReport,
    /// Of each fold.
    winners: &'a [ReturnsCell],
    file: &'a ReturnsFile,
    splits: WalkForward,
    /// What a Sharpe ratio per period is multiplied by for one per year.
    scale: f64,
    /// The rate a year that Sharpe ratios are over.
    risk_free: f64,
    /// The same per period.
    rate: f64,
    /// The folds from cash on, if they ran.
    fresh: Option<&'a Fresh>,
}

impl Report<'_> {
    fn show(&self, context: &mut Context<'_>) -> Result<()> {
        let WalkForward { training, train, test, purge, .. } = self.splits;
        let period = self.file.period();
        let growing = if training == Training::Anchored { " at first, from the beginning on" } else { "" };
        let gap = if purge > 0 { format!(", {purge} between") } else { String::new() };
        writeln!(
            context.out,
            "{} folds: the best of {} combinations in {train} {period}s{growing}, followed for {test} {period}s{gap}\n",
            self.found.folds.len(),
            self.found.cells,
        )?;
        let mut columns = vec![Column::new("fold", Kind::Integer)];
        columns.extend(["first", "last", "params"].map(|name| Column::new(name, Kind::Text)));
        let numbers = ["in_sample", "out_of_sample", "return", "rank"];
        columns.extend(numbers.map(|name| Column::new(name, Kind::Number)));
        if self.fresh.is_some() {
            columns.extend(["fresh", "fresh_return"].map(|name| Column::new(name, Kind::Number)));
        }
        let row = |(number, (fold, winner)): (u64, (&FoldReport, &ReturnsCell))| {
            let [first, last] = self.times(fold);
            let sharpes = [fold.in_sample, fold.out_of_sample].map(|ratio| Cell::Number(ratio * self.scale));
            let mut row =
                vec![Cell::count(number), Cell::from(first), Cell::from(last), Cell::from(params_text(&winner.params))];
            row.extend(sharpes);
            row.extend([Cell::Number(self.total(fold, winner)), Cell::Number(fold.rank)]);
            row.extend(self.fresh_of(number as usize - 1).into_iter().flatten().map(Cell::from));
            row
        };
        let rows: Vec<_> = (1..).zip(self.found.folds.iter().zip(self.winners)).map(row).collect();
        context.table(&columns, &rows)?;
        Ok(self.show_all(context)?)
    }

    fn show_all(&self, context: &mut Context<'_>) -> io::Result<()> {
        let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), rounded);
        let [in_sample, out_of_sample] = self.sharpes();
        writeln!(
            context.out,
            "\nSharpe ratios are a year; a rank near 1 is the best of all in that time, one near 0 the worst\n\
             out of sample, all folds together: sharpe {}, return {}\nin sample, the mean of all folds: sharpe {}",
            number(out_of_sample),
            rounded(self.total_of_all()),
            number(in_sample),
        )?;
        if let Some((sharpe, total)) = self.fresh_whole() {
            let (sharpe, total) = (rounded(sharpe), rounded(total));
            writeln!(context.out, "out of sample, each fold from cash on: sharpe {sharpe}, return {total}")?;
        }
        match self.found.efficiency {
            Some(efficiency) => writeln!(
                context.out,
                "efficiency: {}, the mean return out of sample as a share of that in sample",
                rounded(efficiency)
            )?,
            None => writeln!(context.out, "efficiency: undefined, since the mean return in sample is not positive")?,
        }
        let (folds, different, changes) = (self.found.folds.len(), self.different(), self.changes());
        writeln!(
            context.out,
            "parameters: {different} different in the {folds} folds; changed from fold to fold: {changes}"
        )
    }

    /// The Sharpe ratio a year and the return of fold `number` from cash on, if folds ran so.
    fn fresh_of(&self, number: usize) -> Option<[Option<f64>; 2]> {
        let returns = self.fresh?.folds.get(number)?.as_deref();
        let sharpe = returns.map(|returns| Fresh::sharpe(returns, self.rate) * self.scale);
        Some([sharpe, returns.map(growth)])
    }

    /// The same of all folds together, if none has failed.
    fn fresh_whole(&self) -> Option<(f64, f64)> {
        let returns = self.fresh?.whole()?;
        Some((Fresh::sharpe(&returns, self.rate) * self.scale, growth(&returns)))
    }

    /// The Sharpe ratio a year in sample, on average, and out of sample, of all folds together.
    fn sharpes(&self) -> [Option<f64>; 2] {
        let folds = &self.found.folds;
        let in_sample = folds.iter().map(|fold| fold.in_sample).sum::<f64>() / folds.len() as f64;
        let out_of_sample = Moments::of(&self.found.returns).map(|moments| moments.sharpe());
        [Some(in_sample), out_of_sample].map(|ratio| ratio.map(|ratio| ratio * self.scale))
    }

    /// The compounded return of all test parts.
    fn total_of_all(&self) -> f64 {
        let parts = self.found.folds.iter().zip(self.winners);
        growth(parts.flat_map(|(fold, winner)| &winner.returns[test_of(fold)]))
    }

    fn different(&self) -> usize {
        self.found.folds.iter().map(|fold| fold.winner).collect::<BTreeSet<_>>().len()
    }

    fn changes(&self) -> usize {
        self.found.folds.windows(2).filter(|pair| pair[0].winner != pair[1].winner).count()
    }

    /// When the test part begins, by the end of its first period, and ends.
    fn times(&self, fold: &FoldReport) -> [String; 2] {
        let Range { start, end } = test_of(fold);
        [start, end - 1].map(|period| self.file.times().get(period).map_or_else(String::new, |at| format_time(*at)))
    }

    /// What the winner made of the test part.
    fn total(&self, fold: &FoldReport, winner: &ReturnsCell) -> f64 {
        growth(&winner.returns[test_of(fold)])
    }

    fn json(&self) -> Value {
        let WalkForward { training, train, test: length, purge, .. } = self.splits;
        let fold = |(number, (fold, winner)): (usize, (&FoldReport, &ReturnsCell))| {
            let [first, last] = self.times(fold);
            let fresh = self.fresh_of(number).map(|[sharpe, total]| json!({ "sharpe": sharpe, "return": total }));
            let mut report = json!({
                "first": first,
                "last": last,
                "task_id": winner.task_id,
                "params": winner.params,
                "in_sample": fold.in_sample * self.scale,
                "out_of_sample": fold.out_of_sample * self.scale,
                "return": self.total(fold, winner),
                "rank": fold.rank,
                "efficiency": fold.efficiency,
            });
            if let Some(fresh) = fresh {
                report["fresh"] = fresh;
            }
            report
        };
        let times = self.found.folds.iter().flat_map(|fold| &self.file.times()[test_of(fold)]);
        let returns =
            self.found.folds.iter().zip(self.winners).flat_map(|(fold, winner)| &winner.returns[test_of(fold)]);
        let curve: Vec<_> = times.zip(returns).map(|(time, change)| json!([format_time(*time), change])).collect();
        let [in_sample, out_of_sample] = self.sharpes();
        let mut report = json!({
            "training": if training == Training::Anchored { "anchored" } else { "rolling" },
            "period": self.file.period(),
            "train": train,
            "test": length,
            "purge": purge,
            "risk_free": self.risk_free,
            "combinations": self.found.cells,
            "left_out": self.found.left_out,
            "folds": self.found.folds.iter().zip(self.winners).enumerate().map(fold).collect::<Vec<_>>(),
            "sharpe_in_sample": in_sample,
            "sharpe_out_of_sample": out_of_sample,
            "return_out_of_sample": self.total_of_all(),
            "efficiency": self.found.efficiency,
            "different_winners": self.different(),
            "changes": self.changes(),
            "returns": curve,
        });
        if let Some(fresh) = self.fresh {
            let (sharpe, total) = self.fresh_whole().unzip();
            report["fresh"] =
                json!({ "sharpe_out_of_sample": sharpe, "return_out_of_sample": total, "returns": fresh.whole() });
        }
        report
    }
}

/// The periods of the test part, which is one stretch.
fn test_of(fold: &FoldReport) -> Range<usize> {
    fold.periods.test.first().cloned().unwrap_or_default()
}

/// The compounded return. What is lost is lost: it is -1 once nothing is left.
fn growth<'r>(returns: impl IntoIterator<Item = &'r f32>) -> f64 {
    returns.into_iter().fold(1.0, |equity, change| equity * (1.0 + f64::from(*change)).max(0.0)) - 1.0
}
