//! `host inspect`: shows a plugin's interfaces, parameters, size and hash.
//!
//! Never gives the plugin the user's data.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Context, Exit,
    args::{InspectArgs, OutputFormat},
    inputs,
    show::title,
};
use crate::{
    bundled,
    data::Dataset,
    model::{ParamSpec, Series},
    process::{WorkerProgram, confinement},
    results::{Cell, Column, Kind},
    sandbox::{Events, Forking, Interface, Options, Plugin, PluginInterface, Prepared, Sandbox, Signals, Task},
    task::TaskError,
};

pub(super) fn run(args: &InspectArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let Some(plugin) = &args.plugin else {
        show_confinement(args.output.format, context)?;
        return Ok(Exit::Success);
    };
    let mut options = Options { cache: inputs::cache(context), ..Options::default() };
    options.limits.compile_timeout = args.compile_timeout.unwrap_or(options.limits.compile_timeout);
    let sandbox = Sandbox::new(1, options)?;
    let plugin = bundled::load(&sandbox, plugin)?;
    let running = Running::of(&plugin)?;
    match args.output.format {
        OutputFormat::Json => json(&plugin, &running, context)?,
        OutputFormat::Table => table(&plugin, &running, context)?,
    }
    Ok(Exit::Success)
}

/// Shows what the processes are confined to that compile plugins and run tasks.
fn show_confinement(format: OutputFormat, context: &mut Context<'_>) -> Result<()> {
    let program = WorkerProgram::this().context("this program cannot start itself as a worker process")?;
    let layers = confinement(&program)?;
    match format {
        OutputFormat::Json => context.json(json!({ "layers": layers })),
        OutputFormat::Table => {
            for layer in layers {
                writeln!(context.out, "{layer}")?;
            }
            Ok(writeln!(
                context.out,
                "\nPlugins are compiled in such a process. Tasks run in it with `--backend processes`; on threads, the default, the \
                 sandbox of WebAssembly confines them."
            )?)
        }
    }
}

/// How a plugin runs, which is known once it has prepared data: here, the bundled bars.
struct Running {
    /// The fork method.
    forking: String,
    /// How a strategy by events hears of bars; `None` for other plugins.
    events: Option<&'static str>,
}

impl Running {
    fn of(plugin: &Plugin) -> Result<Self> {
        let data = Dataset::bundled()?.shared();
        let live = plugin.exports(Interface::Events).then(|| Prepared::<Events>::new(plugin, Arc::clone(&data)));
        let events = live.as_ref().and_then(|live| live.as_ref().ok()).map(|live| match live.has_driver() {
            true => "bars are told inside the sandbox",
            false => "each bar is a call into the sandbox",
        });
        let forking = match live {
            _ if plugin.exports(Interface::Signals) => prepared::<Signals>(plugin, data),
            Some(live) => live.map(|live| live.forking().clone()),
            None => prepared::<Task>(plugin, data),
        };
        let forking = forking.map_or_else(
            |error| format!("unknown, since the bundled bars cannot be prepared: {}", error.message),
            |forking| forking.to_string(),
        );
        Ok(Self { forking, events })
    }
}

fn prepared<I: PluginInterface>(plugin: &Plugin, data: Arc<[Series]>) -> std::result::Result<Forking, TaskError> {
    Prepared::<I>::new(plugin, data).map(|prepared| prepared.forking().clone())
}

fn json(plugin: &Plugin, running: &Running, context: &mut Context<'_>) -> Result<()> {
    context.json(json!({
        "description": plugin.description(),
        "exports": plugin.export_names(),
        "imports": plugin.import_names(),
        "size": plugin.size(),
        "hash": plugin.digest().to_string(),
        "forking": running.forking,
        "events": running.events,
    }))
}

fn table(plugin: &Plugin, running: &Running, context: &mut Context<'_>) -> Result<()> {
    let description = plugin.description();
    let names = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let facts = [
        ("name", title(description)),
        ("summary", description.summary.clone()),
        ("exports", names(plugin.export_names())),
        ("imports", names(plugin.import_names())),
        ("size", format!("{} bytes", plugin.size())),
        ("hash", plugin.digest().to_string()),
        ("forking", running.forking.clone()),
        ("events", running.events.unwrap_or_default().to_owned()),
    ];
    let columns = [Column::new("plugin", Kind::Text), Column::new("", Kind::Text)];
    let facts = facts.into_iter().filter(|(_, fact)| !fact.is_empty());
    let rows: Vec<_> = facts.map(|(name, fact)| vec![Cell::from(name), Cell::from(fact)]).collect();
    context.table(&columns, &rows)?;
    if description.parameters.is_empty() {
        return Ok(());
    }
    writeln!(context.out)?;
    let columns = ["parameter", "type", "default", "allowed", "meaning"].map(|name| Column::new(name, Kind::Text));
    let rows: Vec<_> = description.parameters.iter().map(parameter).collect();
    context.table(&columns, &rows)
}

fn parameter(spec: &ParamSpec) -> Vec<Cell<'_>> {
    let choices: Vec<_> = spec.choices.iter().map(ToString::to_string).collect();
    let allowed = if choices.is_empty() { spec.bounds() } else { choices.join(", ") };
    vec![
        Cell::from(spec.name.as_str()),
        Cell::from(spec.default.type_name()),
        Cell::from(spec.default.to_string()),
        Cell::from(allowed),
        Cell::from(spec.doc.as_str()),
    ]
}
