//! `host results diff`: the cells of two runs, or of two files of results, side by side.
//!
//! Never runs a strategy.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit,
    again::TEXTS,
    args::OutputFormat,
    catalog::open,
    difference::{best_json, counts_text, difference_json, show_best, show_changes, show_failures},
    runs::{last_first, named},
    store_args::{DiffArgs, StoreFolderArgs},
};
use crate::{
    store::Store,
    sweep::{
        self, Run,
        memo::{Side, Sides},
    },
};

pub(super) fn run(args: &DiffArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let mut runs = None;
    let then = side(&args.then, &args.folder, &mut runs, context)?;
    let now = side(&args.now, &args.folder, &mut runs, context)?;
    let goal = match &args.objective {
        Some(name) => {
            let (metric, better) = sweep::objective(name, None)?;
            (metric.name, better)
        }
        None => now.goal,
    };
    let sides = Sides::compare(&then, &now, goal, args.top)?;
    note(&sides, [&then, &now], goal.0, context);
    if args.output.format == OutputFormat::Json {
        let Sides { difference, best, missing, .. } = &sides;
        let [best_then, best_now] = best.each_ref().map(|best| best.as_ref().map_or(Value::Null, best_json));
        let mut report = json!({
            "then": then.name,
            "now": now.name,
            "objective": goal.0,
            "best": { "then": best_then, "now": best_now },
            "missing": { "then": missing[0], "now": missing[1] },
        });
        if let (Value::Object(report), Value::Object(more)) = (&mut report, difference_json(Some(difference))) {
            report.extend(more);
        }
        context.json(report)?;
        return Ok(Exit::Success);
    }
    let Sides { difference, best, .. } = &sides;
    show_best(goal.0, best.each_ref().map(Option::as_ref), context)?;
    writeln!(context.out, "\n{}, by {}", counts_text(difference.counts()), goal.0)?;
    show_failures(difference.failures(), context)?;
    show_changes(difference, goal.0, context)?;
    Ok(Exit::Success)
}

/// Says what of the two is not compared, and what is that was not in them.
fn note(sides: &Sides, both: [&Side; 2], objective: &str, context: &mut Context<'_>) {
    for (side, (found, missing)) in both.into_iter().zip(sides.found.iter().zip(&sides.missing)) {
        let name = &side.name;
        match side.ended_with {
            Some(None) => context.reporter.note(format!(
                "note: {name} is running, or was killed; the results that the store has of it now are compared, also those that \
                 another run has computed"
            )),
            Some(Some(ended)) if ended < *found => context.reporter.note(format!(
                "note: {name} ended with {ended} results; the store has {found} of its combinations now, which are compared"
            )),
            _ => {}
        }
        if *missing > 0 {
            context.reporter.note(format!(
                "note: {missing} combinations of {name} are left out, since the store has no `{objective}` of them: they did \
                 not run, ran without it, or were pruned"
            ));
        }
    }
}

/// The file at `name`, or the run of that name.
fn side(
    name: &str,
    folder: &StoreFolderArgs,
    runs: &mut Option<(Store, Vec<Run>)>,
    context: &mut Context<'_>,
) -> Result<Side> {
    let path = Path::new(name);
    if path.extension().is_some_and(|ending| TEXTS.iter().any(|text| ending.eq_ignore_ascii_case(text))) {
        bail!("`{name}` does not say what its sweep was asked for; give results in Parquet, or a run");
    }
    if path.extension().is_some() || path.is_file() {
        return Ok(Side::of_file(path)?);
    }
    if runs.is_none() {
        let store = open(folder)?;
        let all = last_first(&store, context)?;
        *runs = Some((store, all));
    }
    let (store, all) = runs.as_ref().context("a bug of the host: the store is not open")?;
    let run = named(all, name)?.with_context(|| {
        format!("`{name}` is neither a run nor a file; `host results runs` shows the runs, and files of results end with .parquet")
    })?;
    Ok(Side::of_run(store, &run)?)
}
