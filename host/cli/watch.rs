//! `host watch`: sweeps again whenever the plugin, the grid or the data is saved, and shows what has changed.
//!
//! Never gives up good results for what is bad, half written or gone: they stay until others are complete.

mod ears;
mod inputs;
mod report;
mod round;
mod sources;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde_json::json;

use self::{
    ears::{Ears, Heard, Waited},
    inputs::{Inputs, Look},
    round::{Ended, Rounds, Tools},
};
use super::{
    Context, Exit,
    args::{Format, WatchArgs},
    inputs::{backtester, check_outputs, report_cache},
    request::typed_over,
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
    context.talk.set_quiet(args.sweep.output.quiet);
    check(args)?;
    let backtester = backtester(&args.sweep.limits, context)?;
    let bell = context.interrupt.bell();
    let inputs = Inputs::new(args)?;
    let ears = Ears::new(inputs.files(), inputs.sources(), bell)?;
    if let Some(why) = ears.polling() {
        context.talk.note(format!("note: files are looked at every 250 ms, since {why}"));
    }
    let rounds = Rounds::default();
    let (is_cache_told, is_unfinished) = (false, false);
    let mut watch =
        Watch { args, backtester, inputs, ears, rounds, round: 0, is_cache_told, is_unfinished, exit: None };
    watch.run(context)
}

/// Refuses what cannot be watched, and what no save could mend.
fn check(args: &WatchArgs) -> Result<()> {
    let sweep = &args.sweep;
    let plugin = sweep.plugin.as_ref().map(PathBuf::from);
    check_outputs(&sweep.out, sweep.data.files.iter().chain(&sweep.grid).chain(&plugin))?;
    let bundled = [bundled::STRATEGIES.as_slice(), &bundled::EVENTS, &[bundled::TASK]].concat();
    match &sweep.plugin {
        None if args.build.is_none() => {
            bail!("there is nothing to watch; give `--plugin FILE` or `--build DIR`")
        }
        Some(name) if bundled.contains(&name.as_str()) => bail!(
            "`{name}` is part of this program and never changes; give the file of a component, like `--plugin ./{name}.wasm`"
        ),
        _ => {}
    }
    match &sweep.grid {
        None if sweep.params.is_empty() => bail!("there is no grid; give `--grid FILE` or `--param NAME=VALUES`"),
        Some(path) => {
            if let Err(error @ GridError::Extension { .. }) = Grid::from_bytes(path, Vec::new()) {
                bail!(error);
            }
        }
        None => {}
    }
    typed_over(sweep, SweepRequest::default(), None).check()?;
    sweep.out.as_deref().map_or(Ok(()), check_writable)
}

/// Finds out whether results can be written there, before an hour of work is lost for it.
fn check_writable(path: &Path) -> Result<()> {
    results::create(path, &[Column::new("task_id", Kind::Text)])?;
    Ok(())
}

/// The author's loop.
struct Watch<'a> {
    args: &'a WatchArgs,
    backtester: ParallelBacktester,
    inputs: Inputs<'a>,
    ears: Ears,
    rounds: Rounds,
    /// How often something was looked at.
    round: u64,
    /// Whether it was said that compiled code is not kept.
    is_cache_told: bool,
    /// Whether the last sweep was stopped before its end.
    is_unfinished: bool,
    /// How the last complete sweep would have ended the program.
    exit: Option<Exit>,
}

impl Watch<'_> {
    fn run(&mut self, context: &mut Context<'_>) -> Result<Exit> {
        let mut heard = Some(Heard { first: true, ..Heard::default() });
        let mut told = 0;
        loop {
            if let Some(now) = heard.take() {
                // Each round can be stopped for itself.
                let workers = self.backtester.another();
                context.interrupt.watch(workers.stop_handle());
                heard = self.look(&now, &workers, context)?;
                context.interrupt.rest();
                context.out.flush()?;
                if context.gone.get() {
                    return Ok(self.exit.unwrap_or(Exit::Success));
                }
            }
            if self.ears.has_rung() {
                return Ok(self.interrupted(context));
            }
            if heard.is_some() {
                continue;
            }
            if self.round > std::mem::replace(&mut told, self.round) {
                context.talk.note(format!("watching {}; Ctrl-C ends", self.inputs.names()));
            }
            match self.ears.wait(self.inputs.due())? {
                Waited::Bell => return Ok(self.exit.unwrap_or(Exit::Interrupted)),
                Waited::Heard(now) => heard = Some(now),
            }
        }
    }

    /// How the program ends after Ctrl-C while it was at work.
    fn interrupted(&self, context: &mut Context<'_>) -> Exit {
        match (self.exit, self.is_unfinished) {
            (Some(exit), false) => exit,
            (last, _) => {
                let kept = if last.is_some() { "; the last complete results are those above" } else { "" };
                context.talk.note(format!("interrupted{kept}"));
                Exit::Interrupted
            }
        }
    }

    /// Looks at what was heard of, and sweeps if something is another. Returns what is to be looked at at once.
    fn look(
        &mut self,
        heard: &Heard,
        workers: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<Option<Heard>> {
        let mut look = self.inputs.look(heard, &self.rounds.memory, workers, context)?;
        if !self.is_cache_told && workers.cache_problem().is_some() {
            report_cache(workers, context);
            self.is_cache_told = true;
        }
        if look.is_empty() && !self.is_unfinished {
            return Ok(None);
        }
        self.round += 1;
        if look.refused.is_empty() && (self.is_unfinished || !look.changed.is_empty()) {
            let args = &self.args.sweep;
            let tools = Tools { args, backtester: workers, inputs: &self.inputs, ears: &self.ears };
            match self.rounds.sweep(&tools, self.round, &look, context) {
                Ok(Some(ended)) => {
                    self.after(&ended, context)?;
                    return Ok(self.pending());
                }
                Ok(None) => {}
                Err(error) => {
                    self.is_unfinished = false;
                    look.refused.push(error);
                }
            }
        }
        self.tell(&look, context)?;
        Ok(self.pending())
    }

    /// What was heard during a sweep, and is to be looked at before anything else is.
    fn pending(&mut self) -> Option<Heard> {
        Some(std::mem::take(&mut self.rounds.heard)).filter(|heard| !heard.is_empty())
    }

    /// Says how a sweep has ended, unless it was shown.
    fn after(&mut self, ended: &Ended, context: &mut Context<'_>) -> Result<()> {
        self.is_unfinished = matches!(ended, Ended::Stopped(_));
        match ended {
            Ended::Shown(exit) => self.exit = Some(*exit),
            Ended::Stopped(run) => {
                let files = self.rounds.heard.names();
                let why =
                    if files.is_empty() { String::new() } else { format!(", since {} changed", files.join(", ")) };
                context.talk.note(format!("round {} is stopped{why}; {run} combinations have run", self.round));
                if self.args.sweep.output.format == Format::Json {
                    let (round, outcome) = (self.round, "stopped");
                    context.json_line(json!({ "round": round, "outcome": outcome, "files": files, "run": run }))?;
                }
            }
        }
        Ok(())
    }

    /// Says why nothing was swept.
    fn tell(&self, look: &Look, context: &mut Context<'_>) -> Result<()> {
        look.refused.iter().for_each(|error| context.talk.error(error));
        for name in &look.missing {
            context.talk.note(format!("`{name}` is not there; waiting for it"));
        }
        for name in &look.incomplete {
            context.talk.note(format!("`{name}` is not complete; waiting for the rest"));
        }
        for name in &look.unchanged {
            context.talk.note(format!("`{name}`: unchanged"));
        }
        if !look.refused.is_empty() {
            context.talk.note(match self.rounds.last {
                Some(_) => "the results of before stay; waiting for the next save",
                None => "nothing has run yet; waiting for the next save",
            });
        } else if !look.changed.is_empty() {
            context.talk.note("nothing runs before the plugin, the grid and the data are good");
        }
        if self.args.sweep.output.format == Format::Json {
            let mut members = json!({ "round": self.round });
            if let (Some(members), Some(look)) = (members.as_object_mut(), look.to_json().as_object()) {
                members.extend(look.clone());
            }
            context.json_line(members)?;
        }
        Ok(())
    }
}
