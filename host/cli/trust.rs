//! `host trust`: what the returns of a sweep say about its best combination.
//!
//! Never runs a strategy, and never computes a statistic.

use std::io;

use anyhow::Result;

use super::{Context, Exit, args::OutputFormat, show::counted, store, trust_args::TrustArgs};
use crate::{
    evidence::{CountedBy, CrossValidated, OverfittingFound, TrustReport, TrustRequest, refuse_look_ahead},
    model::label,
    results::{Cell, Column, Kind, ReturnsFile, params_text, percent, rounded},
    store::Store,
    sweep::Stop,
};

pub(super) fn run(args: &TrustArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let file = ReturnsFile::open(&args.returns)?;
    let store = store::existing(args.store.as_deref(), args.no_store)?;
    let report = request(args).answer(&file, store.as_ref(), &Stop::default());
    let report = report.inspect_err(|_| note_look_ahead(&file, store.as_ref(), context))?;
    report.notes.iter().for_each(|note| context.reporter.note(format!("note: {note}")));
    match args.output.format {
        OutputFormat::Json => context.json(serde_json::to_value(&report)?)?,
        OutputFormat::Table => show(&report, context)?,
    }
    Ok(Exit::Success)
}

/// Notes what is known of look-ahead where there is no report that says so.
pub(super) fn note_look_ahead(file: &ReturnsFile, store: Option<&Store>, context: &mut Context<'_>) {
    let notes = refuse_look_ahead(file, store).unwrap_or_default();
    notes.iter().for_each(|note| context.reporter.note(format!("note: {note}")));
}

fn request(args: &TrustArgs) -> TrustRequest {
    let &TrustArgs { trials, risk_free, draws, block, seed, alpha, blocks, purge, device, .. } = args;
    TrustRequest { trials, risk_free, draws, block, seed, alpha, blocks, purge, device }
}

fn show(report: &TrustReport, context: &mut Context<'_>) -> io::Result<()> {
    let TrustReport { combinations, left_out, period, periods, .. } = report;
    let name = report.plugin.as_ref().map_or_else(String::new, |name| format!(" of {}", label(name)));
    let [first, last] = [&report.first, &report.last].map(|time| time.as_deref().unwrap_or_default());
    let (combinations, periods) = (counted(*combinations, "combination"), counted(periods, period.as_str()));
    let year = rounded(report.periods_per_year);
    writeln!(context.out, "{combinations}{name}, returns of {periods} ({year} a year), {first} to {last}")?;
    if *left_out > 0 {
        writeln!(context.out, "left out: {left_out} whose returns do not vary, as without a trade")?;
    }
    writeln!(context.out, "best: {}\n\n{}\n", params_text(&report.best.params), report.sentence())?;
    let columns = ["statistic", "value", "what it says"].map(|name| Column::new(name, Kind::Text));
    let rows =
        [of_best(report), of_trials(report), of_overfitting(report), of_paths(report), of_draws(report)].concat();
    let rows: Vec<_> = rows.into_iter().map(|row| row.map(Cell::from).to_vec()).collect();
    context.table(&columns, &rows).map_err(io::Error::other)
}

fn of_best(report: &TrustReport) -> Vec<Row> {
    let interval = |[low, high]: [f64; 2], text: fn(f64) -> String| format!("{} to {}", text(low), text(high));
    let of_sharpe = report.sharpe_interval.map_or_else(
        || "no interval, since some draws do not vary".to_owned(),
        |range| format!("{} in 95 % of the draws", interval(range, rounded)),
    );
    let of_drawdown = format!("of the same; {} in 95 % of the draws", interval(report.max_drawdown_interval, percent));
    vec![
        row("sharpe", rounded(report.sharpe), format!("of the best combination, a year; {of_sharpe}")),
        row("max_drawdown", percent(report.max_drawdown), of_drawdown),
    ]
}

fn of_trials(report: &TrustReport) -> Vec<Row> {
    let varying = report.combinations - report.left_out;
    let years = rounded(report.periods as f64 / report.periods_per_year);
    let others = report.trials.saturating_sub(varying as u64);
    let of_others = match others {
        0 => String::new(),
        _ => format!("; the {others} that are not in the file are taken to differ by chance at least"),
    };
    vec![
        row("trials", report.trials.to_string(), counted_by(report.trials_counted_by)),
        row(
            "independent_trials",
            rounded(report.independent_trials),
            format!("how many independent ones the {varying} are worth, an estimate where there are many"),
        ),
        row(
            "expected_best_sharpe",
            rounded(report.expected_best_sharpe),
            format!("a year, of the best of so many trials if none is worth anything{of_others}"),
        ),
        row(
            "deflated_sharpe",
            confidence(report.deflated_sharpe),
            "confidence that the true Sharpe ratio is above that; below 95 % counts as doubt",
        ),
        row(
            "deflated_independent",
            confidence(report.deflated_independent),
            "the same, if only the independent ones had been tried",
        ),
        row(
            "probabilistic_sharpe",
            confidence(report.probabilistic_sharpe),
            "the same, if only this combination had been tried: above 0",
        ),
        row(
            "track_record",
            number(report.track_record_years),
            format!("years that are needed to be sure that it is above `expected_best_sharpe`; there are {years}"),
        ),
    ]
}

/// Who has counted the trials, in words.
fn counted_by(who: CountedBy) -> &'static str {
    match who {
        CountedBy::Option => "combinations tried on these bars, as `--trials` says",
        CountedBy::Store => "combinations tried on these bars, as the store has counted",
        CountedBy::Sweep => "combinations of this sweep; earlier ones are not counted",
    }
}

fn of_overfitting(report: &TrustReport) -> Vec<Row> {
    match &report.overfitting {
        OverfittingFound::Known { probability, loss, splits, .. } => vec![
            row(
                "overfitting",
                percent(*probability),
                format!(
                    "share of {splits} splits whose best is in the worse half of the rest (PBO); {} {}s are left out at each boundary",
                    report.purge, report.period
                ),
            ),
            row("loss_out_of_sample", percent(*loss), "share of the splits whose best loses in the rest"),
        ],
        OverfittingFound::Undefined { undefined } => vec![row("overfitting", number(None), undefined)],
    }
}

fn of_paths(report: &TrustReport) -> Vec<Row> {
    match &report.cross_validation {
        CrossValidated::Undefined { undefined } => vec![row("cpcv_sharpe", number(None), undefined)],
        CrossValidated::Known { splits, sharpe, lowest, highest, below_zero, winner, winner_share, paths } => vec![
            row(
                "cpcv_sharpe",
                rounded(*sharpe),
                format!(
                    "a year out of sample, the median of {} paths; {} to {} (CPCV)",
                    paths.len(),
                    rounded(*lowest),
                    rounded(*highest)
                ),
            ),
            row("cpcv_below_zero", percent(*below_zero), "share of these paths with a Sharpe ratio below 0"),
            row(
                "cpcv_winner",
                percent(*winner_share),
                format!(
                    "share of {splits} splits that the most frequent winner has won: {}",
                    params_text(&winner.params)
                ),
            ),
        ],
    }
}

fn of_draws(report: &TrustReport) -> Vec<Row> {
    let spa = report.spa.as_ref().map(|spa| {
        let range = format!("{} to {}", report.p(spa.lower), report.p(spa.upper));
        let words = format!("share of sweeps as good where none is worth anything (Hansen's SPA; {range})");
        row("spa", report.p(spa.consistent), words)
    });
    let others = [
        row("reality_check", report.p(report.reality_check), "the same, without regard to risk (White)"),
        row(
            "superior",
            report.superior.to_string(),
            format!(
                "combinations that beat {}; the chance that even one is named wrongly is at most {} (StepM)",
                report.rate(),
                percent(report.alpha)
            ),
        ),
        row("block", rounded(report.block), format!("{}s: mean length of the blocks that are drawn", report.period)),
    ];
    spa.into_iter().chain(others).collect()
}

/// A statistic: its name, its value, and what it says.
type Row = [String; 3];

fn row(name: &str, value: String, words: impl Into<String>) -> Row {
    [name.to_owned(), value, words.into()]
}

fn confidence(value: Option<f64>) -> String {
    // No confidence is rounded up to certainty.
    let text = |value: f64| if value > 0.9999 { "> 99.99 %".to_owned() } else { percent(value) };
    value.map_or_else(|| number(None), text)
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "undefined".to_owned(), rounded)
}
