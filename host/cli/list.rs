//! `host list`: lists the bundled plugins.
//!
//! Never runs one.

use anyhow::Result;
use serde_json::json;

use super::{
    Context, Exit,
    args::{ListArgs, OutputFormat},
    inputs,
};
use crate::{
    bundled,
    model::ParamSpec,
    results::{Cell, Column, Kind},
    sandbox::{Options, Plugin, Sandbox},
};

pub(super) fn run(args: &ListArgs, context: &mut Context<'_>) -> Result<Exit> {
    context.reporter.set_quiet(args.output.quiet);
    let sandbox = Sandbox::new(1, Options { cache: inputs::cache(context), ..Options::default() })?;
    let load = |name: &str| Ok((name.to_owned(), bundled::load(&sandbox, name)?));
    let plugins: Vec<(String, Plugin)> = bundled::all().into_iter().map(load).collect::<Result<_>>()?;
    match args.output.format {
        OutputFormat::Table => table(&plugins, context)?,
        OutputFormat::Json => context.json(json!({
            "plugins": plugins.iter().map(|(name, plugin)| json!({
                "name": name,
                "version": plugin.description().version,
                "summary": plugin.description().summary,
                "parameters": plugin.description().parameters,
            })).collect::<Vec<_>>(),
        }))?,
    }
    Ok(Exit::Success)
}

fn table(plugins: &[(String, Plugin)], context: &mut Context<'_>) -> Result<()> {
    let columns = ["plugin", "parameters", "summary"].map(|name| Column::new(name, Kind::Text));
    let parameter = |spec: &ParamSpec| format!("{}={}", spec.name, spec.default);
    let row = |(name, plugin): &(String, Plugin)| {
        let about = plugin.description();
        let parameters: Vec<_> = about.parameters.iter().map(parameter).collect();
        [name.clone(), parameters.join(" "), about.summary.clone()].map(Cell::from).to_vec()
    };
    let rows: Vec<_> = plugins.iter().map(row).collect();
    context.table(&columns, &rows)?;
    context.reporter.note("`host inspect NAME` shows what a parameter means, and its bounds");
    Ok(())
}
