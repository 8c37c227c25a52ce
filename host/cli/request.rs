//! The request of a sweep from the command line, and the files of its plugin and data.
//!
//! Never checks the request: [`SweepRequest`] does.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{
    Context,
    args::SweepArgs,
    data_args::DataArgs,
    inputs::{dataset_of, read_options},
};
use crate::{
    backtest::{Market, Strategy},
    bundled,
    data::{Dataset, LoadOptions, name_of_file},
    model::Digest,
    sweep::{
        Instruments, LimitsSpec, Provenance, RESULTS_VERSION, RequestFile, SweepRequest, grid::GridDocument, typed_name,
    },
};

/// The name of the bundled data.
pub(super) const BUNDLED_DATA: &str = "msft";

/// The extensions of data files, in the order of the search.
const DATA_ENDINGS: [&str; 11] =
    ["parquet", "pq", "feather", "arrow", "csv", "tsv", "txt", "csv.gz", "csv.zst", "zip", "txt.gz"];

/// A request, and the files that its names stand for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: SweepRequest,
    /// A bundled plugin by its name, or the path of a component.
    pub(super) plugin: String,
    /// The files of the data; none for the bundled bars.
    pub(super) data: Vec<PathBuf>,
    /// What the names of the request stood for when it ran, if its file says so.
    ran: Option<Provenance>,
}

/// The arguments over the request in `file`, if one is given. The command line wins.
pub(super) fn asked(args: &SweepArgs, file: Option<&Path>, context: &mut Context<'_>) -> Result<Asked> {
    let file = file.map(RequestFile::load).transpose()?;
    let base = file.as_ref().map_or_else(SweepRequest::default, |file| file.request().clone());
    if file.is_some() && base.plugin.is_empty() && args.plugin.is_none() {
        bail!("the request names no plugin; give `--plugin FILE|NAME`");
    }
    let plugin = plugin(args, &base, context)?;
    let data = data(args, &base)?;
    let grid = args.grid.as_deref().map(GridDocument::load).transpose()?;
    let mut request = typed_over(args, base, grid);
    request.plugin = name_of_plugin(&plugin);
    request.data = Some(name_of_data(&data));
    if request.grid.is_none() && request.params.is_empty() && plugin == bundled::STRATEGIES[0] {
        context
            .reporter
            .note("grid: the bundled one of `momentum` (`--grid FILE` or `--param NAME=VALUES` takes yours)");
        request.grid = Some(GridDocument::from_json(bundled::MOMENTUM_GRID)?);
    }
    let ran = match file {
        Some(RequestFile::Provenance(ran)) => Some(*ran),
        _ => None,
    };
    Ok(Asked { request, plugin, data, ran })
}

/// The arguments, with the `grid` of `--grid`, over `base`; the names of plugin and data stay those of `base`.
pub(super) fn typed_over(args: &SweepArgs, base: SweepRequest, grid: Option<GridDocument>) -> SweepRequest {
    // Axes and conditions of `base` belong to its grid, which another grid replaces.
    let base = match &grid {
        Some(_) => SweepRequest { params: Vec::new(), constraints: Vec::new(), require: Vec::new(), ..base },
        None => base,
    };
    SweepRequest {
        grid: grid.or(base.grid),
        params: replaced(base.params, &args.params),
        constraints: [base.constraints, args.constraints.clone()].concat(),
        require: [base.require, args.require.clone()].concat(),
        direction: base.direction.filter(|_| args.objective.is_none()),
        objective: args.objective.clone().or(base.objective),
        sample: args.sample.or(base.sample),
        seed: args.seed.or(base.seed),
        metrics: args.metrics.or(base.metrics),
        top: args.top.unwrap_or(base.top),
        scope: if args.each_symbol { Instruments::EachSymbol } else { base.scope },
        account: args.account.spec().over(base.account),
        limits: limits_over(args, base.limits),
        plugin: base.plugin,
        data: base.data,
        period: args.period.over(base.period),
        bounds: base.bounds,
    }
}

/// The typed axes, and those axes of `base` that they do not replace.
fn replaced(base: Vec<String>, typed: &[String]) -> Vec<String> {
    let is_typed = |text: &String| typed.iter().any(|typed| typed_name(typed) == typed_name(text));
    base.into_iter().filter(|text| !is_typed(text)).chain(typed.iter().cloned()).collect()
}

fn limits_over(args: &SweepArgs, base: LimitsSpec) -> LimitsSpec {
    let typed = args.limits.spec();
    LimitsSpec {
        budget: typed.budget.or(base.budget),
        timeout: typed.timeout.or(base.timeout),
        memory: typed.memory.or(base.memory),
        tasks_per_fork: typed.tasks_per_fork.or(base.tasks_per_fork),
    }
}

/// The plugin as typed; else that of the request, which is bundled or in the file of its name here; else `momentum`.
fn plugin(args: &SweepArgs, base: &SweepRequest, context: &mut Context<'_>) -> Result<String> {
    if let Some(plugin) = &args.plugin {
        return Ok(plugin.clone());
    }
    if base.plugin.is_empty() {
        context.reporter.note("plugin: the bundled `momentum` (`--plugin FILE` takes yours)");
        return Ok(bundled::STRATEGIES[0].to_owned());
    }
    if bundled::is_bundled(&base.plugin) {
        return Ok(base.plugin.clone());
    }
    refuse_path("plugin", &base.plugin, "--plugin FILE")?;
    let file = format!("{}.wasm", base.plugin);
    if !Path::new(&file).is_file() {
        bail!(
            "the request names the plugin `{}`, but file `{file}` does not exist here; give `--plugin FILE`",
            base.plugin
        );
    }
    Ok(file)
}

/// The files of the data as typed; else those that the request names.
fn data(args: &SweepArgs, base: &SweepRequest) -> Result<Vec<PathBuf>> {
    let DataArgs { files, .. } = &args.data;
    match base.data.as_deref().filter(|_| files.is_empty()) {
        None => Ok(files.clone()),
        Some(BUNDLED_DATA) => Ok(Vec::new()),
        Some(name) => {
            refuse_path("data", name, "--data FILE")?;
            let mut files = DATA_ENDINGS.iter().map(|ending| PathBuf::from(format!("{name}.{ending}")));
            // Results are often called like the data that they come from.
            let found = files.find(|path| path.is_file() && RequestFile::load(path).is_err());
            let found = found.with_context(|| {
                format!("the request names the data `{name}`, but no file of that name exists here; give `--data FILE`")
            })?;
            Ok(vec![found])
        }
    }
}

/// A request names things; only what is typed leads to a place in the file system.
fn refuse_path(what: &str, name: &str, option: &str) -> Result<()> {
    if Path::new(name).file_name().is_none_or(|last| last != name) {
        bail!("the request names the {what} `{name}`, which is a path; give `{option}`");
    }
    Ok(())
}

/// The name of a plugin: that of a bundled one, or the stem of its file.
fn name_of_plugin(plugin: &str) -> String {
    if bundled::is_bundled(plugin) { plugin.to_owned() } else { stem(Path::new(plugin)) }
}

/// The names of the files, joined by `+`.
pub(super) fn name_of_data(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return BUNDLED_DATA.to_owned();
    }
    files.iter().map(|path| name_of_file(path)).collect::<Vec<_>>().join("+")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

impl Asked {
    /// Compares plugin and data with those that the request ran with. Another one is refused where it was only found by its
    /// name, and told where it was typed.
    pub(super) fn check_origin(
        &self,
        args: &SweepArgs,
        strategy: &Strategy,
        market: &Market,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(ran) = &self.ran else { return Ok(()) };
        let mut compare = |what: &str, name: &str, option: &str, is_typed: bool, then: &str, now: &str| {
            if then == now {
                return Ok(());
            }
            let differs =
                format!("the {what} `{name}` is not the one of the request: its hash was {then}, and is {now}");
            if !is_typed {
                bail!("{differs}; give the right one with `{option}`");
            }
            context.reporter.note(format!("note: {differs}"));
            Ok(())
        };
        let text = |hash: Option<Digest>| hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
        let (then, now) = (text(ran.plugin_hash), text(strategy.digest()));
        compare("plugin", &self.request.plugin, "--plugin FILE", args.plugin.is_some(), &then, &now)?;
        let (then, now) = (ran.data_hash.to_string(), market.dataset().fingerprint().to_string());
        let name = self.request.data.as_deref().unwrap_or_default();
        compare("data", name, "--data FILE", !args.data.files.is_empty(), &then, &now)?;
        if ran.results_version != RESULTS_VERSION {
            let (then, now) = (ran.results_version, RESULTS_VERSION);
            context.reporter.note(format!("note: numbers may differ: their version was {then}, and is {now}"));
        }
        Ok(())
    }

    /// Loads the data, and notes what was done to it. Returns how files were read, too.
    pub(super) fn dataset(&self, args: &DataArgs, context: &mut Context<'_>) -> Result<(Dataset, LoadOptions)> {
        dataset_of(&self.data, self.read(args)?, context)
    }

    /// How files of data are read: as typed, and as the request was read when it ran.
    fn read(&self, args: &DataArgs) -> Result<LoadOptions> {
        let ran = self.ran.as_ref().map(|ran| ran.read.clone()).unwrap_or_default();
        Ok(read_over(read_options(&args.read)?, ran))
    }
}

/// The options that are typed, over those of `ran`.
fn read_over(typed: LoadOptions, ran: LoadOptions) -> LoadOptions {
    LoadOptions {
        sort: typed.sort || ran.sort,
        drop_bad: typed.drop_bad || ran.drop_bad,
        adjusted: typed.adjusted || ran.adjusted,
        negative_prices: typed.negative_prices || ran.negative_prices,
        timezone: typed.timezone.or(ran.timezone),
        session: typed.session.or(ran.session),
        bar_time: typed.bar_time.or(ran.bar_time),
        read: typed.read.over(ran.read),
        files: ran.files,
        symbols: if typed.symbols.is_empty() { ran.symbols } else { typed.symbols },
        instruments: if typed.instruments.is_empty() { ran.instruments } else { typed.instruments },
    }
}
