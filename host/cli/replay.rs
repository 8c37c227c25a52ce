//! `host replay`: replays the events of a trace to a strategy, and reports the first difference.
//!
//! Never trades.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, Error, Result, bail};
use serde_json::json;

use super::{
    Context, Exit,
    args::{LimitArgs, OutputFormat, ReplayArgs},
    inputs,
};
use crate::{
    model::{Newlines, Params, Series, label, printable, shortened},
    sandbox::{Backend, Budget, Events, ForkSlot, Interface, Plugin, Prepared, Session},
    task::TaskError,
    trace::{Difference, Header, Reader, Replayed, TraceError, replay, replay_failed_start},
};

/// The most characters of an event or a command that is shown.
const LONGEST: usize = 2_000;

pub(super) fn run(args: &ReplayArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let header = Reader::open(&args.trace)?.header().clone();
    let backtester = inputs::backtester(&limits(args, &header), Backend::Threads, context)?;
    let plugin = context.load(&backtester, args.plugin())?;
    if !plugin.exports(Interface::Events) {
        bail!("`{}` does not export `{}`; replay a trace with a plugin that does", args.plugin(), Interface::Events);
    }
    inputs::report_cache(&backtester, context);
    say_what(&plugin, &header, context);
    let params = plugin
        .description()
        .resolve(&header.params)
        .with_context(|| format!("the parameters of trace `{}` do not fit the plugin", args.trace.display()))?;
    let (replayed, differences) = play(args, &plugin, &header, &params)?;
    if backtester.stop_handle().is_cut() {
        bail!("the replay was cut");
    }
    match args.output.format {
        OutputFormat::Table => show(replayed, &differences, args, context)?,
        OutputFormat::Json => context.json(json!({
            "events": replayed.events,
            "commands": replayed.commands,
            "same": differences.is_empty(),
            "differences": differences,
        }))?,
    }
    Ok(if differences.is_empty() { Exit::Success } else { Exit::SomeFailed })
}

/// The limits of the recorded run, unless others are given: a replay has no data to infer them from.
fn limits(args: &ReplayArgs, header: &Header) -> LimitArgs {
    let mut limits = args.limits.clone();
    if let (Budget::Auto, Some(units)) = (limits.budget.unwrap_or_default(), header.budget) {
        limits.budget = Some(Budget::Units(units));
    }
    let recorded = header.memory.and_then(|bytes| usize::try_from(bytes.div_ceil(1 << 20)).ok());
    limits.memory = limits.memory.or(recorded.filter(|mib| *mib > 0));
    limits
}

fn say_what(plugin: &Plugin, header: &Header, context: &mut Context<'_>) {
    let recorded = format!("{} {}", label(&header.strategy), label(&header.version));
    let is_same = header.plugin_hash.as_ref().is_some_and(|hash| *hash == plugin.digest().to_string());
    let which = if is_same { "the same plugin" } else { "another plugin, or another build of it" };
    context.reporter.note(format!("trace: of {recorded}; replayed by {which}"));
}

/// Replays the trace to the plugin; returns the outcome and the differences: the first, or all with `--all`.
fn play(args: &ReplayArgs, plugin: &Plugin, header: &Header, params: &Params) -> Result<(Replayed, Vec<Difference>)> {
    let symbols: Vec<_> = header.symbols.iter().map(String::as_str).collect();
    let no_bars = |symbol: &&str| Series { symbol: (*symbol).to_owned(), ..Series::default() };
    let data: Arc<[Series]> = symbols.iter().map(no_bars).collect();
    let prepared = Prepared::<Events>::new(plugin, data).map_err(Error::new)?;
    let mut differences = Vec::new();
    let mut outcome: Option<Result<Replayed, TraceError>> = None;
    let answer = prepared.play_in(&mut ForkSlot::default(), &symbols, params, &mut |session| {
        let is_first = outcome.is_none();
        // A plugin that has failed is run again to find its lines.
        let replayed = hear(&args.trace, session, &mut |difference| {
            if is_first {
                differences.push(difference);
            }
            args.all
        });
        if is_first {
            outcome = Some(replayed);
        }
        Ok(())
    });
    let replayed = match outcome {
        Some(replayed) => replayed?,
        None => {
            let error = answer.outcome.err().unwrap_or_else(|| TaskError::failed("it was not started"));
            let found = &mut |difference| {
                differences.push(difference);
                args.all
            };
            replay_failed_start(&mut Reader::open(&args.trace)?, error, found)?
        }
    };
    Ok((replayed, differences))
}

fn hear(
    trace: &Path,
    session: &mut Session<'_>,
    found: &mut dyn FnMut(Difference) -> bool,
) -> Result<Replayed, TraceError> {
    replay(&mut Reader::open(trace)?, session, found)
}

fn show(replayed: Replayed, differences: &[Difference], args: &ReplayArgs, context: &mut Context<'_>) -> Result<()> {
    let Replayed { events, commands, .. } = replayed;
    for difference in differences {
        let text = |text: &Option<String>| {
            let text = text.as_deref().map(|text| shortened(text, LONGEST));
            text.map_or_else(|| "nothing".to_owned(), |text| printable(&text, Newlines::Join).into_owned())
        };
        let (trace, after) = (args.trace.display().to_string(), shortened(&difference.after, LONGEST));
        let (trace, after) = (label(&trace), printable(&after, Newlines::Join));
        writeln!(context.out, "{trace}:{}: after {after}", difference.line)?;
        writeln!(context.out, "    expected {}", text(&difference.expected))?;
        writeln!(context.out, "    got      {}", text(&difference.got))?;
    }
    match differences.len() {
        0 => writeln!(context.out, "no difference in {events} events and {commands} commands")?,
        1 if !args.all => writeln!(context.out, "the first difference; `--all` goes on after it")?,
        count => writeln!(context.out, "{count} differences in {events} events and {commands} commands")?,
    }
    Ok(())
}
