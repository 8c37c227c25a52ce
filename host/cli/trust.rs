//! `host trust`: what the returns of a sweep say about its best combination.
//!
//! Never runs a strategy, and never computes a statistic.

use std::io;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit,
    args::OutputFormat,
    causal, store,
    trust_args::{TrustArgs, purge},
};
use crate::{
    model::{format_time, label},
    results::{Cell, Column, Kind, ReturnsCell, ReturnsFile, params_text, rounded},
    store::Store,
    sweep::{Provenance, with_causes},
    trust::{Assessment, Cscv, Interval, Question, Range, Verdict, assess},
};

/// Nanoseconds of a year of 365.25 days.
const YEAR: f64 = 365.25 * 86_400e9;

pub(super) fn run(args: &TrustArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let provenance = Provenance::of_facts(|name| file.fact(name));
    causal::of_file(&file, provenance.as_ref(), (args.store.as_deref(), args.no_store), context)?;
    let (trials, counted) = trials(args, &file, provenance.as_ref(), context)?;
    if let Some(planned) = provenance.as_ref().and_then(|sweep| sweep.cells).filter(|cells| *cells > file.len() as u64)
    {
        let there = file.len();
        context.reporter.note(format!(
            "note: {there} of {planned} combinations have returns; the others failed, or the sweep was interrupted before them"
        ));
    }
    let per_year = periods_per_year(file.times());
    let risk_free = risk_free(args.risk_free, provenance.as_ref());
    let purge = purge(args.purge, &file, file.times().len() / args.blocks.max(1));
    let question = Question {
        rate: per_year.map_or(0.0, |per_year| risk_free / per_year),
        draws: args.draws,
        block: args.block,
        seed: args.seed,
        alpha: args.alpha,
        cscv: Cscv { blocks: args.blocks, purge },
        ..Question::new(trials)
    };
    let found = assess(&file, &question)?;
    let best = file.cell(found.best)?;
    let report = Report {
        question: &question,
        found: &found,
        best: &best,
        file: &file,
        counted,
        provenance: provenance.as_ref(),
        per_year: per_year.unwrap_or(1.0),
        risk_free,
    };
    match args.output.format {
        OutputFormat::Json => context.json(report.json())?,
        OutputFormat::Table => report.show(context)?,
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
) -> Result<(u64, Counted)> {
    let here = file.len() as u64;
    if let Some(trials) = args.trials {
        if trials < here {
            bail!("`--trials` is {trials}, and this sweep alone has {here}; give at least that many, or leave it out");
        }
        return Ok((trials, Counted::Given));
    }
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
    Ok(match store::existing(args.store.as_deref(), args.no_store)?.and_then(ledger) {
        Some(trials) if trials > 0 => (trials.max(here), Counted::Store),
        _ => (here, Counted::Sweep),
    })
}

/// The rate a year that must be beaten: `given`, else that of the account of the sweep.
pub(super) fn risk_free(given: Option<f64>, sweep: Option<&Provenance>) -> f64 {
    given.or_else(|| sweep?.request.account.risk_free).unwrap_or(0.0)
}

/// Periods in a year, by the times of the first and the last.
pub(super) fn periods_per_year(times: &[i64]) -> Option<f64> {
    let years = (times.last()?.saturating_sub(*times.first()?)) as f64 / YEAR;
    (years > 0.0).then(|| (times.len() - 1) as f64 / years)
}

/// What is shown.
struct Report<'a> {
    question: &'a Question,
    found: &'a Assessment,
    best: &'a ReturnsCell,
    file: &'a ReturnsFile,
    counted: Counted,
    provenance: Option<&'a Provenance>,
    /// Periods of a year; 1 where no time passes.
    per_year: f64,
    risk_free: f64,
}

impl Report<'_> {
    fn show(&self, context: &mut Context<'_>) -> io::Result<()> {
        let Assessment { cells, left_out, periods, .. } = self.found;
        let name = self.provenance.map_or_else(String::new, |sweep| format!(" of {}", label(&sweep.request.plugin)));
        let time = |at: Option<&i64>| at.map_or_else(String::new, |at| format_time(*at));
        let (first, last) = (time(self.file.times().first()), time(self.file.times().last()));
        let period = self.file.period();
        writeln!(context.out, "{cells} combinations{name}, returns of {periods} {period}s, {first} to {last}")?;
        if *left_out > 0 {
            writeln!(context.out, "left out: {left_out} whose returns do not vary, as without a trade")?;
        }
        writeln!(context.out, "best: {}\n\n{}\n", params_text(&self.best.params), self.words())?;
        let columns = ["statistic", "value", "what it says"].map(|name| Column::new(name, Kind::Text));
        let rows = [self.of_best(), self.of_trials(), self.of_overfitting(), self.of_draws()].concat();
        let rows: Vec<_> = rows.into_iter().map(|row| row.map(Cell::from).to_vec()).collect();
        context.table(&columns, &rows).map_err(io::Error::other)
    }

    /// The verdict in words.
    fn words(&self) -> String {
        let [deflated, overfitted, spa] = self.found.doubts();
        let overfitting = match &self.found.overfitting {
            Ok(_) => "the best of one half of the time is mostly in the worse half of all in the other half",
            Err(_) => "the time is too short to tell whether the best of one half does well in the other",
        };
        let reasons = [
            (deflated, "its Sharpe ratio is not clearly above what the best of so many worthless trials would show"),
            (overfitted, overfitting),
            (spa, "a sweep as good would come out often if no combination were worth anything"),
        ];
        let reasons: Vec<_> = reasons.into_iter().filter_map(|(holds, words)| holds.then_some(words)).collect();
        let (reasons, rate) = (reasons.join("; "), self.rate());
        match self.found.verdict() {
            Verdict::Noise if self.found.moments.sharpe() <= 0.0 => {
                format!("verdict: noise. No combination has beaten {rate}.")
            }
            Verdict::Noise => format!("verdict: noise. Luck alone could have made the best combination: {reasons}."),
            Verdict::Doubtful => format!("verdict: doubtful. Luck may explain the best combination: {reasons}."),
            Verdict::Credible => format!(
                "verdict: credible. Luck alone hardly explains that the best combination has beaten {rate}. Compare it with holding \
                 the instruments, too."
            ),
        }
    }

    /// What must be beaten.
    fn rate(&self) -> String {
        if self.risk_free == 0.0 { "cash".to_owned() } else { format!("{} % a year", rounded(self.risk_free * 100.0)) }
    }

    /// A share of the draws.
    fn p(&self, value: f64) -> String {
        let least = 1.0 / self.question.draws as f64;
        if value == 0.0 { format!("< {}", rounded(least)) } else { rounded(value) }
    }

    /// A ratio per period as one per year.
    fn a_year(&self, ratio: f64) -> f64 {
        ratio * self.per_year.sqrt()
    }

    fn of_best(&self) -> Vec<Row> {
        let found = self.found;
        let interval = |Range { low, high }: Range| format!("{} to {}", rounded(low), rounded(high));
        let of_sharpe = found.sharpe_interval.as_ref().map_or_else(
            || "no interval, since some draws do not vary".to_owned(),
            |Interval { percentile: Range { low, high }, .. }| {
                let range = Range { low: self.a_year(*low), high: self.a_year(*high) };
                format!("{} in 95 % of the draws", interval(range))
            },
        );
        let drawdown = &found.drawdown_interval;
        vec![
            row(
                "sharpe",
                rounded(self.a_year(found.moments.sharpe())),
                format!("of the best combination, a year; {of_sharpe}"),
            ),
            row(
                "max_drawdown",
                rounded(drawdown.estimate),
                format!("of the same; {} in 95 % of the draws", interval(drawdown.percentile)),
            ),
        ]
    }

    fn of_trials(&self) -> Vec<Row> {
        let found = self.found;
        let years = |periods: f64| periods / self.per_year;
        let varying = found.cells - found.left_out;
        vec![
            row("trials", found.trials.to_string(), self.counted.words()),
            row(
                "independent_trials",
                rounded(found.independent.trials),
                format!("how many independent ones the {varying} are worth, an estimate where there are many"),
            ),
            row(
                "expected_best_sharpe",
                rounded(self.a_year(found.expected_best)),
                "a year, of the best of so many trials if none is worth anything",
            ),
            row(
                "deflated_sharpe",
                number(found.deflated),
                "confidence that the true Sharpe ratio is above that; below 0.95 counts as doubt",
            ),
            row(
                "deflated_independent",
                number(found.deflated_independent),
                "the same, if only the independent ones had been tried",
            ),
            row(
                "probabilistic_sharpe",
                number(found.probabilistic),
                "the same, if only this combination had been tried: above 0",
            ),
            row(
                "track_record",
                number(found.track_record.map(years)),
                format!(
                    "years that are needed to be sure that it is above `expected_best_sharpe`; there are {}",
                    rounded(years(found.periods as f64))
                ),
            ),
        ]
    }

    fn of_overfitting(&self) -> Vec<Row> {
        match &self.found.overfitting {
            Ok(found) => vec![
                row(
                    "overfitting",
                    rounded(found.probability),
                    format!(
                        "share of {} splits whose best is in the worse half of the rest (PBO); {} {}s are left out at each boundary",
                        found.splits.len(),
                        self.question.cscv.purge,
                        self.file.period()
                    ),
                ),
                row("loss_out_of_sample", rounded(found.loss), "share of the splits whose best loses in the rest"),
            ],
            Err(why) => vec![row("overfitting", number(None), why.to_string())],
        }
    }

    fn of_draws(&self) -> Vec<Row> {
        let found = self.found;
        let spa = found.spa.as_ref().map(|spa| {
            let range = format!("{} to {}", self.p(spa.lower), self.p(spa.upper));
            let words = format!("share of sweeps as good where none is worth anything (Hansen's SPA; {range})");
            row("spa", self.p(spa.consistent), words)
        });
        let others = [
            row("reality_check", self.p(found.reality_check.p), "the same, without regard to risk (White)"),
            row(
                "superior",
                found.superior.len().to_string(),
                format!(
                    "combinations that beat {}; the chance that even one is named wrongly is at most {} (StepM)",
                    self.rate(),
                    rounded(found.alpha)
                ),
            ),
            row(
                "block",
                rounded(found.block),
                format!("{}s: mean length of the blocks that are drawn", self.file.period()),
            ),
        ];
        spa.into_iter().chain(others).collect()
    }

    fn json(&self) -> Value {
        let found = self.found;
        let range = |range: Range| json!([range.low, range.high]);
        let overfitting = found.overfitting.as_ref().map_or_else(
            |why| json!({ "undefined": why.to_string() }),
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
            "plugin": self.provenance.map(|sweep| &sweep.request.plugin),
            "data_hash": self.provenance.map(|sweep| sweep.data_hash),
            "verdict": found.verdict().as_str(),
            "best": { "task_id": self.best.task_id, "params": self.best.params },
            "combinations": found.cells,
            "left_out": found.left_out,
            "period": self.file.period(),
            "periods": found.periods,
            "periods_per_year": self.per_year,
            "risk_free": self.risk_free,
            "sharpe": self.a_year(found.moments.sharpe()),
            "sharpe_interval": found.sharpe_interval.as_ref().map(|found| json!([self.a_year(found.percentile.low), self.a_year(found.percentile.high)])),
            "max_drawdown": found.drawdown_interval.estimate,
            "max_drawdown_interval": range(found.drawdown_interval.percentile),
            "skewness": found.moments.skewness,
            "kurtosis_raw": found.moments.kurtosis,
            "trials": found.trials,
            "trials_counted_by": match self.counted {
                Counted::Given => "option",
                Counted::Store => "store",
                Counted::Sweep => "sweep",
            },
            "independent_trials": found.independent.trials,
            "independent_trials_error": found.independent.standard_error,
            "expected_best_sharpe": self.a_year(found.expected_best),
            "deflated_sharpe": found.deflated,
            "expected_best_sharpe_independent": self.a_year(found.expected_best_independent),
            "deflated_independent": found.deflated_independent,
            "probabilistic_sharpe": found.probabilistic,
            "track_record_years": found.track_record.map(|periods| periods / self.per_year),
            "overfitting": overfitting,
            "spa": found.spa.as_ref().map(|spa| json!({
                "lower": spa.lower, "consistent": spa.consistent, "upper": spa.upper, "statistic": spa.statistic,
            })),
            "reality_check": found.reality_check.p,
            "superior": found.superior.len(),
            "superior_combinations": found.superior,
            "draws": self.question.draws,
            "seed": self.question.seed,
            "blocks": self.question.cscv.blocks,
            "purge": self.question.cscv.purge,
            "first": self.file.times().first().map(|at| format_time(*at)),
            "last": self.file.times().last().map(|at| format_time(*at)),
            "alpha": found.alpha,
            "block": found.block,
        })
    }
}

/// A statistic: its name, its value, and what it says.
type Row = [String; 3];

fn row(name: &str, value: String, words: impl Into<String>) -> Row {
    [name.to_owned(), value, words.into()]
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), rounded)
}
