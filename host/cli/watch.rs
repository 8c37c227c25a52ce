//! `host watch`: sweeps again whenever the plugin, the grid or the data is saved, and shows the changes.
//!
//! Never drops good results for an input that is bad, half written or gone: they stay until others are complete.

mod inputs;
mod listener;
mod memory;
mod report;
mod round;
mod sources;

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::json;

use self::{
    inputs::{Inputs, Inspection},
    listener::{Changes, Listener, Waited},
    memory::Memory,
    round::{Ended, Rounds, Tools},
};
use super::{
    Context, Exit,
    args::{OutputFormat, WatchArgs},
    benchmark,
    inputs::{backtester, check_outputs, report_cache, report_leftovers},
    request::typed_over,
    show::counted,
};
use crate::{
    bundled,
    results::{self, Column, Kind},
    sweep::{
        ParallelBacktester, SweepRequest,
        grid::{Grid, GridError},
    },
};

pub(super) fn run(args: &WatchArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.sweep.output.quiet);
    check(args, context)?;
    let backtester = backtester(&args.sweep.limits, args.sweep.backend.backend, context)?;
    let interrupts = context.interrupt.interrupts();
    let memory = Memory::open(&args.store, context);
    let inputs = Inputs::new(args, memory.folder().as_deref())?;
    let listener = Listener::new(inputs.files(), inputs.sources(), interrupts)?;
    if let Some(why) = listener.polling() {
        context.reporter.note(format!("note: files are checked every 250 ms, since {why}"));
    }
    let rounds = Rounds::new(memory);
    let (is_cache_told, is_unfinished) = (false, false);
    let mut watch =
        Watch { args, backtester, inputs, listener, rounds, round: 0, is_cache_told, is_unfinished, exit: None };
    watch.run(context)
}

/// Refuses what cannot be watched, and errors that no save could correct.
fn check(args: &WatchArgs, context: &mut Context<'_>) -> Result<()> {
    let sweep = &args.sweep;
    let plugin = sweep.plugin.file();
    let benchmark = benchmark::asked(&sweep.benchmark, None)?;
    let read_file = benchmark.as_ref().and_then(|benchmark| benchmark.read_file());
    check_outputs(&sweep.out, sweep.data.paths().chain(&sweep.grid).chain(&plugin).chain(&read_file))?;
    match sweep.plugin.typed() {
        None if args.build.is_none() => {
            bail!("no plugin to watch; give `--plugin FILE` or `--build DIR`")
        }
        Some(name) if bundled::is_bundled(name) => bail!(
            "`{name}` is part of this program and never changes; give the file of a component, like `--plugin ./{name}.wasm`"
        ),
        _ => {}
    }
    match &sweep.grid {
        None if sweep.params.is_empty() => bail!("no grid to watch; give `--grid FILE` or `--param NAME=VALUES`"),
        Some(path) => {
            if let Err(error @ GridError::Extension { .. }) = Grid::from_bytes(path, Vec::new()) {
                bail!(error);
            }
        }
        None => {}
    }
    let benchmark = benchmark.map(|benchmark| benchmark.spec);
    SweepRequest { benchmark, ..typed_over(sweep, SweepRequest::default(), None) }.check()?;
    sweep.out.as_deref().map_or(Ok(()), |path| check_writable(path, context))
}

/// Checks that results can be written there, before hours of work depend on it.
fn check_writable(path: &Path, context: &mut Context<'_>) -> Result<()> {
    let sink = results::create(path, &[Column::new("task_id", Kind::Text)])?;
    report_leftovers(sink.leftovers(), context);
    Ok(())
}

/// The loop of `host watch`.
struct Watch<'a> {
    args: &'a WatchArgs,
    backtester: ParallelBacktester,
    inputs: Inputs<'a>,
    listener: Listener,
    rounds: Rounds,
    /// The number of the last round.
    round: u64,
    /// True once a note has said that compiled code is not kept.
    is_cache_told: bool,
    /// True if the last sweep was stopped before its end.
    is_unfinished: bool,
    /// The exit that the last complete sweep calls for.
    exit: Option<Exit>,
}

impl Watch<'_> {
    fn run(&mut self, context: &mut Context<'_>) -> Result<Exit> {
        let mut changes = Some(Changes { first: true, ..Changes::default() });
        let mut reported = 0;
        loop {
            if let Some(now) = changes.take() {
                // Each round has a stop of its own.
                let workers = self.backtester.another();
                context.interrupt.watch(workers.stop_handle());
                changes = self.inspect(&now, &workers, context)?;
                context.interrupt.rest();
                context.out.flush()?;
                if context.gone.get() {
                    return Ok(self.exit.unwrap_or(Exit::Success));
                }
            }
            if self.listener.is_interrupted() {
                return Ok(self.interrupted(context));
            }
            if changes.is_some() {
                continue;
            }
            if self.round > std::mem::replace(&mut reported, self.round) {
                context.reporter.note(format!("watching {}; Ctrl-C ends", self.inputs.names()));
            }
            match self.listener.wait(self.inputs.due())? {
                Waited::Interrupted => return Ok(self.exit.unwrap_or(Exit::Interrupted)),
                Waited::Changed(now) => changes = Some(now),
            }
        }
    }

    /// The exit after Ctrl-C during work.
    fn interrupted(&self, context: &mut Context<'_>) -> Exit {
        match (self.exit, self.is_unfinished) {
            (Some(exit), false) => exit,
            (last, _) => {
                let kept = if last.is_some() { "; the last complete results are those above" } else { "" };
                context.reporter.note(format!("interrupted{kept}"));
                Exit::Interrupted
            }
        }
    }

    /// Inspects the changes, and sweeps if an input differs. Returns the changes to inspect next without waiting.
    fn inspect(
        &mut self,
        changes: &Changes,
        workers: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<Option<Changes>> {
        let mut inspection = self.inputs.inspect(changes, workers, context)?;
        if !self.is_cache_told && workers.cache_problem().is_some() {
            report_cache(workers, context);
            self.is_cache_told = true;
        }
        if inspection.is_empty() && !self.is_unfinished {
            return Ok(None);
        }
        self.round += 1;
        if inspection.refused.is_empty() && (self.is_unfinished || !inspection.changed.is_empty()) {
            let args = &self.args.sweep;
            let tools = Tools { args, backtester: workers, inputs: &self.inputs, listener: &self.listener };
            match self.rounds.sweep(&tools, self.round, &inspection, context) {
                Ok(Some(ended)) => {
                    self.after(&ended, context)?;
                    return Ok(self.pending());
                }
                Ok(None) => {}
                Err(error) => {
                    self.is_unfinished = false;
                    inspection.refused.push(error);
                }
            }
        }
        self.tell(&inspection, context)?;
        Ok(self.pending())
    }

    /// The changes that came during a sweep, which are inspected first.
    fn pending(&mut self) -> Option<Changes> {
        Some(std::mem::take(&mut self.rounds.changes)).filter(|changes| !changes.is_empty())
    }

    /// Reports the end of a sweep, unless it was shown.
    fn after(&mut self, ended: &Ended, context: &mut Context<'_>) -> Result<()> {
        self.is_unfinished = matches!(ended, Ended::Stopped(_));
        match ended {
            Ended::Shown(exit) => self.exit = Some(*exit),
            Ended::Stopped(run) => {
                let files = self.rounds.changes.names();
                let why =
                    if files.is_empty() { String::new() } else { format!(", since {} changed", files.join(", ")) };
                context.reporter.note(format!(
                    "round {} is stopped{why}; {} run",
                    self.round,
                    counted(*run, "combination")
                ));
                if self.args.sweep.output.format() == OutputFormat::Json {
                    let (round, outcome) = (self.round, "stopped");
                    context.json_line(json!({ "round": round, "outcome": outcome, "files": files, "run": run }))?;
                }
            }
        }
        Ok(())
    }

    /// Reports why nothing was swept.
    fn tell(&self, inspection: &Inspection, context: &mut Context<'_>) -> Result<()> {
        inspection.refused.iter().for_each(|error| context.reporter.error(error));
        for name in &inspection.missing {
            context.reporter.note(format!("`{name}` does not exist; waiting for it"));
        }
        for name in &inspection.incomplete {
            context.reporter.note(format!("`{name}` is not complete; waiting for the rest"));
        }
        for name in &inspection.unchanged {
            context.reporter.note(format!("`{name}`: unchanged"));
        }
        if !inspection.refused.is_empty() {
            context.reporter.note(match self.rounds.last {
                Some(_) => "the earlier results stay; waiting for the next save",
                None => "nothing has run yet; waiting for the next save",
            });
        } else if !inspection.changed.is_empty() {
            context.reporter.note("nothing runs until the plugin, the grid and the data are good");
        }
        if self.args.sweep.output.format() == OutputFormat::Json {
            let mut members = json!({ "round": self.round });
            if let (Some(members), Some(inspection)) = (members.as_object_mut(), inspection.to_json().as_object()) {
                members.extend(inspection.clone());
            }
            context.json_line(members)?;
        }
        Ok(())
    }
}
