//! The difference of two sweeps as it is shown: counts, new failures, the largest changes, the best cells.
//!
//! Never decides what is compared.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context,
    show::{failure_lines, metric_column},
};
use crate::{
    results::{Cell, Change, Column, Counts, Difference, Kind, Ranked, Tally, json_number},
    sweep::{failures::Failures, memo::Best},
};

/// Shows the best cell then and now, by `objective`.
pub(super) fn show_best(
    objective: &'static str,
    [then, now]: [Option<&Best>; 2],
    context: &mut Context<'_>,
) -> Result<()> {
    let columns = [
        Column::new("best", Kind::Text),
        metric_column(objective, objective),
        metric_column("change", objective),
        Column::new("combination", Kind::Text),
    ];
    let row = |name: &'static str, best: Option<&Best>, change: Option<f64>| {
        let combination = best.map_or_else(|| "none".to_owned(), |best| best.task_id.clone());
        vec![Cell::from(name), Cell::from(best.map(|best| best.value)), Cell::from(change), Cell::from(combination)]
    };
    let rows = [row("then", then, None), row("now", now, change(then, now))];
    context.table(&columns, &rows)
}

/// The difference as members of a report; all null without one.
pub(super) fn difference_json(difference: Option<&Difference>) -> Value {
    json!({
        "changes": difference.map(Difference::counts),
        "newly_failed": difference.map(|difference| Failures::all(difference.failures())),
        "gains": difference.map(|difference| changes_json(&difference.gains())),
        "losses": difference.map(|difference| changes_json(&difference.losses())),
    })
}

/// By how much the best value differs.
pub(super) fn change(then: Option<&Best>, now: Option<&Best>) -> Option<f64> {
    // Infinity minus infinity is undefined.
    then.zip(now).map(|(then, now)| if now.value == then.value { 0.0 } else { now.value - then.value })
}

/// The counts in words: always the first three, the others where they are above zero.
pub(super) fn counts_text(counts: Counts) -> String {
    let Counts { better, worse, equal, newly_failed, still_failing, mended, newly_undefined, newly_defined, new, gone } =
        counts;
    let others = [
        (newly_failed, "newly failed"),
        (still_failing, "still failing"),
        (mended, "mended"),
        (newly_undefined, "newly undefined"),
        (newly_defined, "newly defined"),
        (new, "new"),
        (gone, "gone"),
    ];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!(", {count} {name}"));
    format!("{better} better, {worse} worse, {equal} equal{}", others.collect::<String>())
}

/// The new failures, with one example of each cause.
pub(super) fn show_failures(tally: &Tally, context: &mut Context<'_>) -> Result<()> {
    for line in failure_lines(tally) {
        writeln!(context.out, "{line}")?;
    }
    Ok(())
}

/// The largest gains and losses of `objective`.
pub(super) fn show_changes(difference: &Difference, objective: &str, context: &mut Context<'_>) -> Result<()> {
    let (gains, losses) = (difference.gains(), difference.losses());
    if gains.is_empty() && losses.is_empty() {
        return Ok(());
    }
    let columns = [
        Column::new("largest", Kind::Text),
        metric_column("change", objective),
        metric_column("then", objective),
        metric_column("now", objective),
        Column::new("combination", Kind::Text),
    ];
    let row = |name: &'static str, ranked: &Ranked<Change>| {
        let Change { task_id, then, now, .. } = &ranked.row;
        let numbers = [ranked.value, *then, *now].map(Cell::from);
        std::iter::once(Cell::from(name)).chain(numbers).chain([Cell::from(task_id.clone())]).collect::<Vec<_>>()
    };
    let rows: Vec<_> =
        gains.iter().map(|gain| row("gain", gain)).chain(losses.iter().map(|loss| row("loss", loss))).collect();
    writeln!(context.out)?;
    context.table(&columns, &rows)
}

/// A cell as JSON.
pub(super) fn best_json(best: &Best) -> Value {
    json!({ "task_id": best.task_id, "params": best.params, "value": json_number(best.value) })
}

fn changes_json(changes: &[Ranked<Change>]) -> Value {
    let change = |ranked: &Ranked<Change>| {
        let Change { task_id, params, then, now } = &ranked.row;
        let [then, now, change] = [*then, *now, ranked.value].map(json_number);
        json!({ "task_id": task_id, "params": params, "then": then, "now": now, "change": change })
    };
    changes.iter().map(change).collect()
}
