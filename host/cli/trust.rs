//! `host trust`: what the returns of a sweep say about its best combination.
//!
//! Never runs a strategy, and never computes a statistic.

use std::io;

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::{OutputFormat, TrustArgs},
};
use crate::{
    model::{format_time, label},
    results::{Cell, Column, Kind, ReturnsCell, ReturnsFile, params_text, rounded},
    store::{Store, default_root},
    sweep::{Provenance, with_causes},
    trust::{Assessment, Cscv, Question, Range, Verdict, assess},
};

/// Nanoseconds of a year of 365.25 days.
const YEAR: f64 = 365.25 * 86_400e9;

pub(super) fn run(args: &TrustArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let provenance = Provenance::of_facts(|name| file.fact(name));
    let (trials, counted) = trials(args, &file, provenance.as_ref(), context);
    let per_year = periods_per_year(file.times());
    let account = provenance.as_ref().and_then(|sweep| sweep.request.account.risk_free);
    let risk_free = args.risk_free.or(account).unwrap_or(0.0);
    let question = Question {
        rate: per_year.map_or(0.0, |per_year| risk_free / per_year),
        draws: args.draws,
        block: args.block,
        seed: args.seed,
        alpha: args.alpha,
        cscv: Cscv { blocks: args.blocks, purge: args.purge },
        ..Question::new(trials)
    };
    let found = assess(&file, &question)?;
    let best = file.cell(found.best)?;
    let report =
        Report { found: &found, best: &best, file: &file, counted, scale: per_year.unwrap_or(1.0).sqrt(), risk_free };
    match args.output.format {
        OutputFormat::Json => context.json(report.json(provenance.as_ref()))?,
        OutputFormat::Table => report.show(provenance.as_ref(), context)?,
    }
    Ok(Exit::Success)
}

/// Where the number of trials comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// `--trials`.
    Given,
    /// The store's ledger.
    Store,
    /// The sweep alone.
    Sweep,
}

impl Counted {
    fn words(self) -> &'static str {
        match self {
            Self::Given => "combinations tried on these bars, as `--trials` says",
            Self::Store => "combinations tried on these bars, as the store has counted",
            Self::Sweep => "combinations of this sweep; earlier ones are not counted",
        }
    }
}

/// How many combinations were tried on the bars, and who says so.
fn trials(
    args: &TrustArgs,
    file: &ReturnsFile,
    provenance: Option<&Provenance>,
    context: &mut Context<'_>,
) -> (u64, Counted) {
    if let Some(trials) = args.trials {
        return (trials, Counted::Given);
    }
    let planned = provenance.and_then(|sweep| sweep.cells).unwrap_or(0).max(file.len() as u64);
    let ledger = |store: Store| {
        let bars = provenance.map(|sweep| sweep.data_hash)?;
        match store.trials_on(bars) {
            Ok(trials) => Some(trials),
            Err(error) => {
                let problem = with_causes(&error);
                context
                    .reporter
                    .note(format!("note: the store does not say how many combinations were tried: {problem}"));
                None
            }
        }
    };
    let default = || default_root().ok().flatten().filter(|_| !args.no_store);
    let root = args.store.clone().or_else(default);
    match root.and_then(|root| Store::existing(&root).ok()).and_then(ledger) {
        Some(trials) if trials > 0 => (trials.max(planned), Counted::Store),
        _ => (planned, Counted::Sweep),
    }
}

/// Periods in a year, by the times of the first and the last.
pub(super) fn periods_per_year(times: &[i64]) -> Option<f64> {
    let years = (times.last()?.saturating_sub(*times.first()?)) as f64 / YEAR;
    (years > 0.0).then(|| (times.len() - 1) as f64 / years)
}

/// What is shown.
struct Report<'a> {
    found: &'a Assessment,
    best: &'a ReturnsCell,
    file: &'a ReturnsFile,
    counted: Counted,
    /// What a Sharpe ratio per period is multiplied by for one per year.
    scale: f64,
    risk_free: f64,
}

impl Report<'_> {
    fn show(&self, provenance: Option<&Provenance>, context: &mut Context<'_>) -> io::Result<()> {
        let Assessment { cells, left_out, periods, .. } = self.found;
        let name = provenance.map_or_else(String::new, |sweep| format!(" of {}", label(&sweep.request.plugin)));
        let time = |at: Option<&i64>| at.map_or_else(String::new, |at| format_time(*at));
        let (first, last) = (time(self.file.times().first()), time(self.file.times().last()));
        let period = self.file.period();
        writeln!(context.out, "{cells} combinations{name}, returns of {periods} {period}s, {first} to {last}")?;
        if *left_out > 0 {
            writeln!(context.out, "left out: {left_out} whose returns do not vary, as without a trade")?;
        }
        writeln!(context.out, "best: {}\n\n{}\n", params_text(&self.best.params), self.words())?;
        let columns = ["statistic", "value", "what it says"].map(|name| Column::new(name, Kind::Text));
        let rows = self.rows().into_iter().map(|row| row.map(Cell::from).to_vec()).collect::<Vec<_>>();
        context.table(&columns, &rows).map_err(io::Error::other)
    }

    /// The verdict in words.
    fn words(&self) -> String {
        let [deflated, overfitted, spa] = self.found.doubts();
        let reasons = [
            (deflated, "the Sharpe ratio is not clearly above what the best of so many worthless trials would show"),
            (overfitted, "the best of one half of the time is not among the better ones in the other half"),
            (spa, "as good a sweep would come out often where no combination is worth anything"),
        ];
        let reasons: Vec<_> = reasons.into_iter().filter_map(|(holds, words)| holds.then_some(words)).collect();
        match self.found.verdict() {
            Verdict::Noise => format!("verdict: noise. Luck explains the best combination: {}.", reasons.join("; ")),
            Verdict::Doubtful => {
                format!("verdict: doubtful. Luck may explain the best combination: {}.", reasons.join("; "))
            }
            Verdict::Credible => {
                format!(
                    "verdict: credible. Luck alone hardly explains that the best combination has beaten {}.",
                    self.rate()
                )
            }
        }
    }

    /// What must be beaten.
    fn rate(&self) -> String {
        if self.risk_free == 0.0 { "cash".to_owned() } else { format!("{} % a year", rounded(self.risk_free * 100.0)) }
    }

    fn rows(&self) -> Vec<[String; 3]> {
        let found = self.found;
        let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), rounded);
        let row = |name: &str, value: String, words: String| [name.to_owned(), value, words];
        let sharpe = found.moments.sharpe() * self.scale;
        let interval =
            |range: Range, scale: f64| format!("{} to {}", rounded(range.low * scale), rounded(range.high * scale));
        let of_sharpe = found.intervals.sharpe.as_ref().map(|found| interval(found.percentile, self.scale));
        let of_sharpe = of_sharpe.map_or_else(String::new, |text| format!("; {text} in 95 % of the draws"));
        let independent = format!("independent ones among the {}", found.cells - found.left_out);
        let years = |periods: f64| periods / (self.scale * self.scale);
        let have = rounded(years(found.periods as f64));
        let mut rows = vec![
            row("sharpe", rounded(sharpe), format!("of the best combination, a year{of_sharpe}")),
            row(
                "max_drawdown",
                rounded(found.intervals.max_drawdown.estimate),
                format!("of the same; {} in 95 % of the draws", interval(found.intervals.max_drawdown.percentile, 1.0)),
            ),
            row("trials", found.trials.to_string(), self.counted.words().to_owned()),
            row("independent_trials", rounded(found.independent.trials), independent),
            row(
                "expected_best_sharpe",
                rounded(found.expected_best * self.scale),
                "a year, of the best of so many trials if none is worth anything".to_owned(),
            ),
            row(
                "deflated_sharpe",
                number(found.deflated),
                "probability that the true Sharpe ratio is above that; 0.95 is sure".to_owned(),
            ),
            row(
                "deflated_independent",
                number(found.deflated_independent),
                "the same for the independent trials only".to_owned(),
            ),
            row("probabilistic_sharpe", number(found.probabilistic), "the same for one trial: above 0".to_owned()),
            row(
                "track_record",
                number(found.track_record.map(years)),
                format!("years that are needed to be sure of it; there are {have}"),
            ),
        ];
        match &found.overfitting {
            Ok(found) => rows.extend([
                row(
                    "overfitting",
                    rounded(found.probability),
                    format!("share of {} splits whose best is in the worse half of the rest (PBO)", found.splits.len()),
                ),
                row(
                    "loss_out_of_sample",
                    rounded(found.loss),
                    "share of the splits whose best loses in the rest".to_owned(),
                ),
            ]),
            Err(why) => rows.push(row("overfitting", "undefined".to_owned(), why.clone())),
        }
        if let Some(spa) = &found.spa {
            let range = format!("{} to {}", rounded(spa.lower), rounded(spa.upper));
            let words = format!("share of sweeps as good where none is worth anything (Hansen's SPA; {range})");
            rows.push(row("spa", rounded(spa.consistent), words));
        }
        let rate = self.rate();
        rows.extend([
            row("reality_check", rounded(found.reality_check.p), "the same, without regard to risk (White)".to_owned()),
            row(
                "superior",
                found.superior.len().to_string(),
                format!("combinations that beat {rate} at {}, all of them together (StepM)", rounded(found.alpha)),
            ),
            row(
                "block",
                rounded(found.block),
                format!("{}s: mean length of the blocks that are drawn", self.file.period()),
            ),
        ]);
        rows
    }

    fn json(&self, provenance: Option<&Provenance>) -> Value {
        let found = self.found;
        let range = |range: Range| json!([range.low, range.high]);
        let year = |ratio: f64| ratio * self.scale;
        let overfitting = found.overfitting.as_ref().map_or_else(
            |why| json!({ "undefined": why }),
            |found| {
                json!({
                    "probability": found.probability,
                    "loss": found.loss,
                    "slope": found.slope,
                    "r_squared": found.r_squared,
                    "splits": found.splits.len(),
                })
            },
        );
        json!({
            "plugin": provenance.map(|sweep| &sweep.request.plugin),
            "data_hash": provenance.map(|sweep| sweep.data_hash),
            "verdict": found.verdict().as_str(),
            "best": { "task_id": self.best.task_id, "params": self.best.params },
            "combinations": found.cells,
            "left_out": found.left_out,
            "period": self.file.period(),
            "periods": found.periods,
            "periods_per_year": self.scale * self.scale,
            "risk_free": self.risk_free,
            "sharpe": year(found.moments.sharpe()),
            "sharpe_interval": found.intervals.sharpe.as_ref().map(|found| json!([year(found.percentile.low), year(found.percentile.high)])),
            "max_drawdown": found.intervals.max_drawdown.estimate,
            "max_drawdown_interval": range(found.intervals.max_drawdown.percentile),
            "skewness": found.moments.skewness,
            "kurtosis_raw": found.moments.kurtosis,
            "trials": found.trials,
            "trials_counted_by": match self.counted {
                Counted::Given => "option",
                Counted::Store => "store",
                Counted::Sweep => "sweep",
            },
            "independent_trials": found.independent.trials,
            "expected_best_sharpe": year(found.expected_best),
            "deflated_sharpe": found.deflated,
            "expected_best_sharpe_independent": year(found.expected_best_independent),
            "deflated_independent": found.deflated_independent,
            "probabilistic_sharpe": found.probabilistic,
            "track_record_years": found.track_record.map(|periods| periods / (self.scale * self.scale)),
            "overfitting": overfitting,
            "spa": found.spa.as_ref().map(|spa| json!({
                "lower": spa.lower, "consistent": spa.consistent, "upper": spa.upper, "statistic": spa.statistic,
            })),
            "reality_check": found.reality_check.p,
            "superior": found.superior.len(),
            "alpha": found.alpha,
            "block": found.block,
        })
    }
}
