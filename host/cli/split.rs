//! `host sweep --split`: the ranked combinations on the bars after those that ranked them.
//!
//! Never ranks by what came after.

use std::io;

use super::{Context, clock::Clock, ranking::Beside, show::metric_text};
use crate::{
    backtest::Market,
    sweep::{OutOfSample, RankedResult},
};

/// What is shown of the bars after, beside the objective.
const SHOWN: [&str; 2] = ["total_return", "max_drawdown"];

/// The columns of what came after.
pub(super) fn beside(after: &OutOfSample, objective: &'static str) -> Vec<Beside> {
    let column = |metric: &'static str| Beside { title: format!("out_{metric}"), metric, values: after.values(metric) };
    // A metric that nobody asked for is not computed.
    let others = SHOWN.into_iter().filter(|name| *name != objective).map(column);
    let others = others.filter(|one| one.values.iter().any(Option::is_some));
    std::iter::once(column(objective)).chain(others).collect()
}

/// Notes which of the ranked combinations failed.
pub(super) fn note_failures(after: &OutOfSample, context: &mut Context<'_>) {
    let failed = after.results.iter().flatten().filter_map(|result| result.error_message.as_ref());
    if let Some(first) = failed.clone().next() {
        let failed = failed.count();
        context.reporter.note(format!("note: out of sample {failed} of the ranked combinations failed: {first}"));
    }
}

/// Shows the objective on both parts.
pub(super) fn show_medians(
    after: &OutOfSample,
    (objective, ranked): (&str, &[RankedResult]),
    [in_sample, out_of_sample]: [&Market; 2],
    context: &mut Context<'_>,
) -> io::Result<()> {
    let before = median(ranked.iter().map(|ranked| ranked.value).collect());
    let after = median(after.values(objective).into_iter().flatten().collect());
    let number =
        |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), |value| metric_text(objective, value));
    let ([first, last], [next, end]) = (span(in_sample), span(out_of_sample));
    writeln!(
        context.out,
        "\nin sample {first} to {last}: median {objective} of these {}; out of sample {next} to {end} (`out_`): {}",
        number(before),
        number(after)
    )
}

/// The first and the last time stamp.
fn span(market: &Market) -> [String; 2] {
    let (clock, times) = (Clock::of_market(market), market.timeline().times());
    let text = |time: Option<&i64>| {
        let time = time.copied()?;
        Some(clock.as_ref().map_or_else(|| crate::model::format_time(time), |clock| clock.text(time)))
    };
    [times.first(), times.last()].map(|time| text(time).unwrap_or_default())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(if low == high { *low } else { (low + high) / 2.0 })
}
