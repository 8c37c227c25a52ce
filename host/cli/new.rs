//! `host new`: creates the folder of a new strategy, and lists the tools of its language.
//!
//! Never compiles.

use std::path::Path;

use anyhow::{Context as _, Result};
use indexmap::IndexSet;
use serde_json::json;

use super::{
    Context, Exit,
    args::{NewArgs, OutputFormat},
};
use crate::{
    project::{self, Language, Need},
    report::shell_word,
    results::{Cell, Column, Kind},
    sandbox::Interface,
};

/// A first sweep of every template, all of whose combinations run.
const TEMPLATE_AXES: [&str; 2] = ["fast=5..50:5", "slow=60..200:20"];

pub(super) fn run(args: &NewArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    if args.list {
        return list(args, context);
    }
    let folder =
        args.folder.as_deref().context("`host new` needs a folder; write `host new my-strategy --lang python`")?;
    let lang = args.lang.context("`host new` needs `--lang`; `host new --list` shows the languages")?;
    let interface = if args.events { Interface::Events } else { Interface::Signals };
    let name = project::create_project(folder, lang, interface)?;
    match args.output.format {
        OutputFormat::Table => say_next(folder, lang, &name, context),
        OutputFormat::Json => context.json(json!({ "folder": folder, "name": name, "language": lang.name() }))?,
    }
    Ok(Exit::Success)
}

/// Prints the next steps: tools to install, then commands.
fn say_next(folder: &Path, lang: Language, name: &str, context: &mut Context<'_>) {
    let folder = folder.display();
    context.reporter.note(format!("{folder}: a strategy in {lang}"));
    for need in project::needs(lang, Path::new(".")) {
        if let Err(problem) = need.state {
            context.reporter.note(format!("{} is {problem}; install it with: {}", need.tool, need.install));
        }
    }
    context.reporter.note(format!(
        "then: cd {} && host build && host sweep {name}.wasm --param {}",
        shell_word(&folder.to_string()),
        TEMPLATE_AXES.join(" --param ")
    ));
}

fn list(args: &NewArgs, context: &mut Context<'_>) -> Result<Exit> {
    let languages: Vec<_> = Language::ALL
        .into_iter()
        .filter(|language| args.lang.is_none_or(|wanted| wanted == *language))
        .map(|language| (language, project::needs(language, Path::new("."))))
        .collect();
    match args.output.format {
        OutputFormat::Table => {
            let columns = ["language", "needs", "found"].map(|name| Column::new(name, Kind::Text));
            let rows: Vec<_> =
                languages.iter().flat_map(|(language, needs)| needs.iter().map(|need| row(*language, need))).collect();
            context.table(&columns, &rows)?;
            show_installs(languages.iter().flat_map(|(_, needs)| needs), context)?;
        }
        OutputFormat::Json => {
            let need = |need: &Need| {
                json!({
                    "tool": need.tool,
                    "found": need.state.as_ref().ok(),
                    "problem": need.state.as_ref().err(),
                    "install": need.install,
                })
            };
            let language = |(language, needs): &(Language, Vec<Need>)| json!({ "language": language.name(), "needs": needs.iter().map(need).collect::<Vec<_>>() });
            context.json(json!({ "languages": languages.iter().map(language).collect::<Vec<_>>() }))?;
        }
    }
    Ok(Exit::Success)
}

fn row(language: Language, need: &Need) -> Vec<Cell<'static>> {
    let (Ok(found) | Err(found)) = &need.state;
    vec![Cell::from(language.name()), Cell::from(need.tool), Cell::from(found.clone())]
}

/// The commands that install what is missing, each once and whole, so that it can be copied.
fn show_installs<'a>(needs: impl Iterator<Item = &'a Need>, context: &mut Context<'_>) -> Result<()> {
    let missing: IndexSet<_> = needs.filter(|need| need.state.is_err()).map(|need| (need.tool, need.install)).collect();
    if !missing.is_empty() {
        writeln!(context.out, "\nto install what is missing")?;
    }
    Ok(missing.iter().try_for_each(|(tool, install)| writeln!(context.out, "  {tool}: {install}"))?)
}
