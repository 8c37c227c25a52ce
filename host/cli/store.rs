//! The store of results for commands that run sweeps: opened as asked for, and reported on.
//!
//! Never fails a sweep: without the store, each combination runs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use super::{
    Context,
    store_args::{KnownArgs, StoreArgs},
};
use crate::{
    model::label,
    store::{Store, StoreError, default_root},
    sweep::{
        BoundRequest, Checked, Instruments, Mismatch, Part, Scope, StoreUse, StoredCells, SweepRequest, grid::Shard,
        with_causes,
    },
};

/// The most combinations that are looked up before a sweep, to say how many are known: some milliseconds.
const COUNTED: u64 = 10_000;

/// The most metrics that are named.
const NAMED: usize = 3;

/// The store that is asked for; `None` if none is.
pub(super) fn asked(args: &StoreArgs) -> Result<Option<Store>, StoreError> {
    opened(args.store.as_deref(), args.no_store)
}

/// The store in the folder `root`, else where the environment says; `None` if `no_store` is asked for.
pub(super) fn opened(root: Option<&Path>, no_store: bool) -> Result<Option<Store>, StoreError> {
    if no_store {
        return Ok(None);
    }
    let root = root.map_or_else(default_root, |root| Ok(Some(root.to_owned())))?;
    root.as_deref().map(Store::open).transpose()
}

/// The same, which is not made: one that nobody asked for need not exist.
pub(super) fn existing(root: Option<&Path>, no_store: bool) -> Result<Option<Store>, StoreError> {
    match root {
        Some(root) => Store::existing(root).map(Some),
        None => {
            let root = default_root().ok().flatten().filter(|_| !no_store);
            Ok(root.and_then(|root| Store::existing(&root).ok()))
        }
    }
}

/// The folder that the store would be made in, if it is not there.
pub(super) fn missing(args: &StoreArgs) -> Option<PathBuf> {
    let root = args.store.clone().or_else(|| default_root().ok().flatten()).filter(|_| !args.no_store)?;
    Store::existing(&root).is_err().then_some(root)
}

/// Removes the store in `root` again, in which nothing was kept.
pub(super) fn remove_empty(root: &Path) {
    // Folders that are not empty stay.
    if let Ok(store) = Store::existing(root) {
        let folders = [&*store.root().join("books"), store.root(), root];
        folders.into_iter().try_for_each(fs::remove_dir).unwrap_or_default();
    }
}

/// The store that is asked for; `None` if none is, or if it cannot be used, which a note says then.
pub(super) fn open(args: &StoreArgs, context: &mut Context<'_>) -> Option<Store> {
    match asked(args) {
        Ok(store) => store,
        Err(error) => {
            report_problem(&error, context);
            None
        }
    }
}

fn report_problem(error: &StoreError, context: &mut Context<'_>) {
    let problem = with_causes(error);
    context.reporter.note(format!(
        "note: the store cannot be used, so that each combination runs, and no result is kept for the next time: {problem} \
         (`--store DIR` takes another folder, `--no-store` none)"
    ));
}

/// The cells of a sweep in the store that is asked for.
pub(super) fn cells(
    (args, known, shard): (&StoreArgs, KnownArgs, Option<Shard>),
    (request, bound, scope): (&SweepRequest, &BoundRequest, &Scope),
    context: &mut Context<'_>,
) -> Result<Option<StoredCells>> {
    let Some(store) = open(args, context) else {
        return if known.resume {
            bail!("nothing can be resumed without a store; leave `--resume` out")
        } else {
            Ok(None)
        };
    };
    let root = store.root().display().to_string();
    let cells = StoredCells::new(store, request, bound, scope)?;
    let cells = cells.map(|cells| match known.verify_store {
        Some(share) => cells.checking(share),
        None => cells,
    });
    if cells.is_none() {
        context
            .reporter
            .note("note: results with `--tasks-per-fork` are not kept in the store, since they depend on each other");
    }
    let any = known.resume && cells.as_ref().is_some_and(|cells| cells.has_some_of(&bound.plan));
    if known.resume && !any {
        bail!(
            "`--resume` finds no result of this sweep in `{root}` with the metrics that it needs; leave it out to run all combinations"
        );
    }
    let count = |cells: &StoredCells| cells.count_known(&bound.plan, shard, COUNTED);
    if let Some(known) = cells.as_ref().and_then(count).filter(|known| *known > 0) {
        let tasks = Part::all().within(shard).total(scope, &bound.plan);
        let of = tasks.map_or_else(String::new, |tasks| format!(" of {tasks}"));
        let what = if bound.instruments == Instruments::EachSymbol { "tasks" } else { "combinations" };
        context.reporter.note(format!("store: {known}{of} {what} are known"));
    }
    Ok(cells)
}

/// Says what of a sweep was known, for the line that says how long it took.
pub(super) fn known(used: Option<&StoreUse>, done: u64) -> String {
    match used {
        Some(used) if used.found > 0 => {
            format!("; {} were known, {} were run", used.found, done.saturating_sub(used.found))
        }
        _ => String::new(),
    }
}

/// Notes what was wrong with the store.
pub(super) fn report(used: Option<&StoreUse>, context: &mut Context<'_>) {
    let Some(StoreUse { found, lost, twice, lacking, lacks, problem, notices, checked, .. }) = used else { return };
    if let Some(checked) = checked.as_ref().filter(|_| *found > 0) {
        report_checked(checked, context);
    }
    for notice in notices {
        context.reporter.note(format!("note: in the store, {notice}"));
    }
    if *lacking > 0 {
        let what =
            if *lacking == 1 { "1 known result lacks".to_owned() } else { format!("{lacking} known results lack") };
        let again = if *lacking == 1 { "it was run again" } else { "they were run again" };
        context.reporter.note(format!("note: {what} {}, so that {again}", named(lacks)));
    }
    if *twice > 0 {
        context.reporter.note(format!("note: another process ran {twice} of the same combinations at the same time"));
    }
    match problem {
        Some(problem) if *lost > 0 => {
            let what = if *lost == 1 { "1 result was".to_owned() } else { format!("{lost} results were") };
            context.reporter.note(format!("note: {what} not kept in the store: {problem}"));
        }
        Some(problem) => context.reporter.note(format!("note: the store could not be used for all results: {problem}")),
        None => {}
    }
}

/// The first names, and how many more there are.
fn named(names: &[&str]) -> String {
    let first: Vec<_> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match names.len() - first.len() {
        0 => first.join(", "),
        1 => format!("{} and 1 more metric", first.join(", ")),
        more => format!("{} and {more} more metrics", first.join(", ")),
    }
}

/// Says what came of results that were computed again.
fn report_checked(checked: &Checked, context: &mut Context<'_>) {
    let Checked { checked: all, differing, mismatches, aside } = checked;
    if *all == 0 {
        context.reporter.note("store: no known result was taken for a check");
        return;
    }
    if *differing == 0 {
        context.reporter.note(format!("store: {all} known results were run again, and are the same bit for bit"));
        return;
    }
    let mismatch = |Mismatch { task_id, what, known, now }: &Mismatch| {
        format!("{}: `{what}` was {}, and is {}", label(task_id), label(known), label(now))
    };
    let first = mismatches.first().map(mismatch).unwrap_or_default();
    let differs = format!("{differing} of {all} known results that were run again differ, such as {first}");
    context.reporter.error(&anyhow::anyhow!(differs));
    mismatches.iter().skip(1).for_each(|more| context.reporter.note(mismatch(more)));
    for folder in aside {
        let folder = folder.display();
        context.reporter.note(format!("note: their book is set aside in `{folder}`, so that its results run again"));
    }
}
