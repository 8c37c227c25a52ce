//! The request of a sweep from the command line, and the files of its plugin and data.
//!
//! Never checks the request: [`SweepRequest`] does.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::{
    Context,
    args::{CombinationArgs, LimitArgs, SweepArgs},
    benchmark::{self, AskedBenchmark},
    data_args::{BenchmarkArgs, DataArgs, DataFiles},
    inputs::{BUNDLED_DATA, dataset_of, file_of_data, name_of_data, read_options},
    output_path::is_piped,
};
use crate::{
    backtest::{Market, Settings, Strategy},
    bundled,
    data::{Dataset, LoadOptions},
    metrics::Selection,
    model::{Digest, format_time},
    sweep::{
        BenchmarkFacts, Instruments, LimitsSpec, Provenance, RESULTS_VERSION, RequestFile, RunStart, SweepRequest,
        grid::{ExitsSpec, GridDocument},
        typed_name,
    },
};

/// A request, and the files that its names stand for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: SweepRequest,
    /// A bundled plugin by its name, or the path of a component.
    pub(super) plugin: String,
    /// The files of the data; none for the bundled bars.
    data: Vec<PathBuf>,
    /// The files of the finer bars.
    detail: Vec<PathBuf>,
    /// What results are measured against.
    benchmark: Option<AskedBenchmark>,
    /// What the names of the request stood for when it ran, if its file says so.
    ran: Option<Provenance>,
}

/// What is typed that leads to files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'a> {
    pub(super) plugin: Option<&'a str>,
    pub(super) data: &'a DataArgs,
}

/// The hashes of bars: those that results ran on, and those that are there now.
#[derive(Debug)]
pub(super) struct DataHashes {
    pub(super) then: String,
    pub(super) now: String,
}

/// The arguments over the request in `file`, if one is given. The command line wins.
pub(super) fn asked(args: &SweepArgs, file: Option<&Path>, context: &mut Context<'_>) -> Result<Asked> {
    let file = file.map(RequestFile::load).transpose()?;
    let base = file.as_ref().map_or_else(SweepRequest::default, |file| file.request().clone());
    if file.is_some() && base.plugin.is_empty() && args.plugin.typed().is_none() {
        bail!("the request names no plugin; give `--plugin FILE|NAME`");
    }
    let typed = Typed { plugin: args.plugin.typed(), data: &args.data };
    let ran = match &file {
        Some(RequestFile::Provenance(ran)) => Some((**ran).clone()),
        _ => None,
    };
    let plugin = plugin(typed, &base, ran.as_ref(), context)?;
    let (data, detail) = (data(typed, &base, ran.as_ref())?, detail(typed, &base)?);
    let grid = args.grid.as_deref().map(GridDocument::load).transpose()?;
    let benchmark = benchmark::asked(&args.benchmark, base.benchmark.clone())?;
    let mut request = typed_over(args, base, grid);
    request.benchmark = benchmark.as_ref().map(|benchmark| benchmark.spec.clone());
    request.plugin = name_of_plugin(&plugin);
    request.data = Some(name_of_data(&data));
    request.detail = name_of_detail(&detail);
    if request.grid.is_none() && request.params.is_empty() && plugin == bundled::STRATEGIES[0] {
        context
            .reporter
            .note("grid: the bundled one of `momentum` (`--grid FILE` or `--param NAME=VALUES` takes yours)");
        request.grid = Some(GridDocument::from_json(bundled::MOMENTUM_GRID)?);
    }
    Ok(Asked { request, plugin, data, detail, benchmark, ran })
}

/// The name of the finer bars in a request.
pub(super) fn name_of_detail(files: &[PathBuf]) -> Option<String> {
    (!files.is_empty()).then(|| name_of_data(files))
}

/// The arguments, with the `grid` of `--grid`, over `base`; the names of plugin, data and benchmark stay those of `base`.
pub(super) fn typed_over(args: &SweepArgs, base: SweepRequest, grid: Option<GridDocument>) -> SweepRequest {
    // Axes and conditions of `base` belong to its grid, which another grid replaces.
    let base = match &grid {
        Some(_) => SweepRequest {
            params: Vec::new(),
            exits: ExitsSpec::default(),
            constraints: Vec::new(),
            require: Vec::new(),
            ..base
        },
        None => base,
    };
    SweepRequest {
        grid: grid.or(base.grid),
        params: replaced(base.params, &args.params),
        exits: args.exits.spec().over(base.exits),
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
        limits: limits_over(&args.limits, base.limits),
        plugin: base.plugin,
        data: base.data,
        detail: base.detail,
        period: args.period.over(base.period),
        benchmark: base.benchmark,
        bounds: base.bounds,
        rank_by: base.rank_by,
        split: base.split,
        optimize: base.optimize,
    }
}

/// The typed axes, and those axes of `base` that they do not replace.
fn replaced(base: Vec<String>, typed: &[String]) -> Vec<String> {
    let is_typed = |text: &String| typed.iter().any(|typed| typed_name(typed) == typed_name(text));
    base.into_iter().filter(|text| !is_typed(text)).chain(typed.iter().cloned()).collect()
}

fn limits_over(args: &LimitArgs, base: LimitsSpec) -> LimitsSpec {
    let typed = args.spec();
    LimitsSpec {
        budget: typed.budget.or(base.budget),
        timeout: typed.timeout.or(base.timeout),
        memory: typed.memory.or(base.memory),
        tasks_per_fork: typed.tasks_per_fork.or(base.tasks_per_fork),
    }
}

/// What of a request is to run once more, with what is typed over it. The command line wins.
pub(super) fn asked_again(
    (args, bounds): (&CombinationArgs, bool),
    file: RequestFile,
    context: &mut Context<'_>,
) -> Result<Asked> {
    let base = file.request().clone();
    let ran = match file {
        RequestFile::Provenance(ran) => Some(*ran),
        RequestFile::Request(_) => None,
    };
    let typed = Typed { plugin: args.plugin.typed(), data: &args.data };
    let (plugin, data) = (plugin(typed, &base, ran.as_ref(), context)?, data(typed, &base, ran.as_ref())?);
    let detail = detail(typed, &base)?;
    let benchmark = benchmark::asked(&args.benchmark, base.benchmark.clone())?;
    let request = SweepRequest {
        plugin: name_of_plugin(&plugin),
        data: Some(name_of_data(&data)),
        detail: name_of_detail(&detail),
        benchmark: benchmark.as_ref().map(|benchmark| benchmark.spec.clone()),
        account: args.account.spec().over(base.account),
        limits: limits_over(&args.limits, base.limits.clone()),
        exits: args.exits.spec().over(base.exits.clone()),
        period: args.period.over(base.period),
        bounds: bounds || base.bounds,
        ..base
    };
    Ok(Asked { request, plugin, data, detail, benchmark, ran })
}

/// What a file of results says that it ran with, and the files of its plugin and data. The command line wins.
pub(super) fn asked_of(ran: Provenance, typed: Typed<'_>, context: &mut Context<'_>) -> Result<Asked> {
    let request = ran.request.clone();
    let (plugin, data) = (plugin(typed, &request, Some(&ran), context)?, data(typed, &request, Some(&ran))?);
    let detail = detail(typed, &request)?;
    let benchmark = benchmark::asked(&BenchmarkArgs::default(), request.benchmark.clone())?;
    Ok(Asked { request, plugin, data, detail, benchmark, ran: Some(ran) })
}

/// The plugin as typed; else that of the request, which is bundled or in the file of its name here; else `momentum`.
fn plugin(
    typed: Typed<'_>,
    base: &SweepRequest,
    ran: Option<&Provenance>,
    context: &mut Context<'_>,
) -> Result<String> {
    if let Some(plugin) = typed.plugin {
        return Ok(plugin.to_owned());
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
        let hash =
            ran.and_then(|ran| ran.plugin_hash).map_or_else(String::new, |hash| format!(" (its hash was {hash})"));
        bail!(
            "the request names the plugin `{}`{hash}, but file `{file}` does not exist here; give `--plugin FILE`",
            base.plugin
        );
    }
    Ok(file)
}

/// The files of the data as typed; else those that the request names.
fn data(typed: Typed<'_>, base: &SweepRequest, ran: Option<&Provenance>) -> Result<Vec<PathBuf>> {
    let DataArgs { files, .. } = typed.data;
    match base.data.as_deref().filter(|_| files.is_empty()) {
        None => Ok(files.clone()),
        Some(BUNDLED_DATA) => Ok(Vec::new()),
        Some(name) => {
            refuse_path("data", name, "--data FILE")?;
            files_of_data(name).with_context(|| {
                let had =
                    ran.map_or_else(String::new, |ran| format!(" (its hash was {}, {})", ran.data_hash, bars_of(ran)));
                format!(
                    "the request names the data `{name}`{had}, but no file of that name exists here; give `--data FILE`"
                )
            })
        }
    }
}

/// The files of the finer bars as typed; else those that the request names.
fn detail(typed: Typed<'_>, base: &SweepRequest) -> Result<Vec<PathBuf>> {
    let Some(name) = base.detail.as_deref().filter(|_| typed.data.detail.is_empty()) else {
        return Ok(typed.data.detail.clone());
    };
    refuse_path("detail", name, "--detail FILE")?;
    files_of_data(name).with_context(|| {
        format!("the request names the finer bars `{name}`, but no file of that name exists here; give `--detail FILE`")
    })
}

/// The files of data that have these names here, joined by `+`.
fn files_of_data(name: &str) -> Option<Vec<PathBuf>> {
    let several = || name.split('+').map(file_of_data).collect();
    let folder = || Path::new(name).is_dir().then(|| vec![PathBuf::from(name)]);
    file_of_data(name).map(|file| vec![file]).or_else(several).or_else(folder)
}

/// The first and the last bar that results ran on.
fn bars_of(ran: &Provenance) -> String {
    format!("with bars from {} to {}", ran.first_bar, ran.last_bar)
}

/// The same of bars that are there now.
fn bars_of_market(market: &Market) -> String {
    let times = market.timeline().times();
    let time = |time: Option<&i64>| time.map_or_else(String::new, |time| format_time(*time));
    format!("with bars from {} to {}", time(times.first()), time(times.last()))
}

/// A request names things; only what is typed leads to a place in the file system.
fn refuse_path(what: &str, name: &str, option: &str) -> Result<()> {
    if Path::new(name).file_name().is_none_or(|last| last != name) {
        bail!("the request names the {what} `{name}`, which is a path; give `{option}`");
    }
    Ok(())
}

/// The name of a plugin: that of a bundled one, or the stem of its file.
pub(super) fn name_of_plugin(plugin: &str) -> String {
    if bundled::is_bundled(plugin) { plugin.to_owned() } else { stem(Path::new(plugin)) }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// What the store notes of a run by `command` as it begins, with the names of the plugin and of the files of the data.
pub(super) fn run_start(
    command: &str,
    (plugin, bars): (Option<&str>, DataFiles<'_>),
    (provenance, metrics): (Provenance, Selection),
    out: Option<&Path>,
) -> RunStart {
    // A path that cannot be made absolute stays as it was typed.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let plugin = plugin.map(|name| match bundled::is_bundled(name) {
        true => name.to_owned(),
        false => whole(Path::new(name)).display().to_string(),
    });
    let all = |files: &[PathBuf]| files.iter().map(|path| whole(path)).collect();
    RunStart {
        plugin,
        data: all(bars.files),
        detail: all(bars.detail),
        out: out.filter(|path| !is_piped(path)).map(whole),
        ..RunStart::new(command, provenance, metrics)
    }
}

impl Asked {
    /// The files of bars.
    fn bars(&self) -> DataFiles<'_> {
        DataFiles { files: &self.data, detail: &self.detail }
    }

    /// Every file of bars.
    pub(super) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.data.iter().chain(&self.detail)
    }

    /// What the store notes of a run by `command` as it begins.
    pub(super) fn run_start(
        &self,
        command: &str,
        provenance: Provenance,
        metrics: Selection,
        out: Option<&Path>,
    ) -> RunStart {
        let start = run_start(command, (Some(&self.plugin), self.bars()), (provenance, metrics), out);
        let file = self.benchmark.as_ref().and_then(|benchmark| benchmark.file());
        RunStart { benchmark: file.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned())), ..start }
    }

    /// Compares plugin and data with those that the request ran with. Another one is refused where it was only found by its
    /// name, and told where it was typed.
    pub(super) fn check_origin(
        &self,
        typed: Typed<'_>,
        strategy: &Strategy,
        market: &Market,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(ran) = &self.ran else { return Ok(()) };
        self.check_plugin(typed, strategy, context)?;
        let (then, now) = (ran.data_hash.to_string(), market.dataset().fingerprint().to_string());
        self.check_data(typed, &DataHashes { then, now }, market, context)?;
        self.check_benchmark(market, context)?;
        self.note_version(context);
        Ok(())
    }

    /// Compares the benchmark with that of the request, on the same bars. Another one is refused where it was only found by its name,
    /// and told where it was typed.
    pub(super) fn check_benchmark(&self, market: &Market, context: &mut Context<'_>) -> Result<()> {
        let (Some(asked), Some(ran)) = (&self.benchmark, &self.ran) else { return Ok(()) };
        let (then, now) = (ran.benchmark.as_ref(), BenchmarkFacts::of(market));
        let is_other = then.zip(now.as_ref()).is_some_and(|(then, now)| then.hash != now.hash);
        let is_on_same = ran.request.benchmark.as_ref() == Some(&asked.spec) && self.is_data_of_request(market);
        if !is_other || !is_on_same || ran.request.period != self.request.period {
            return Ok(());
        }
        let differs = format!("the benchmark `{}` is not the one of the request: its returns are others", asked.spec);
        if asked.file().is_none() {
            bail!("{differs}; give the right one with `--benchmark FILE`");
        }
        context.reporter.note(format!("note: {differs}"));
        Ok(())
    }

    /// The file of the benchmark, if it has one.
    pub(super) fn benchmark_file(&self) -> Option<PathBuf> {
        self.benchmark.as_ref()?.read_file()
    }

    /// Looks up the benchmark of `settings`, as the `dataset` was read.
    pub(super) fn measure(
        &self,
        settings: &mut Settings,
        data: (&Dataset, &LoadOptions),
        context: &mut Context<'_>,
    ) -> Result<()> {
        let found = self.benchmark.as_ref().map(|benchmark| benchmark.find(&self.data, data, context));
        settings.benchmark = found.transpose()?;
        Ok(())
    }

    /// The bars of `dataset` until the end that the request had when it ran, if another one is typed: only these can be
    /// compared with those.
    pub(super) fn bars_then(&self, dataset: &Dataset, settings: &Settings) -> Option<Market> {
        let period = self.ran.as_ref()?.request.period;
        if period.to == self.request.period.to {
            return None;
        }
        Market::new(dataset.clone(), Settings { period, ..settings.clone() }).ok()
    }

    /// Returns true if the bars of `market` are those that the request ran on, as far as its file says so.
    pub(super) fn is_data_of_request(&self, market: &Market) -> bool {
        self.ran.as_ref().is_some_and(|ran| ran.data_hash == market.dataset().fingerprint())
    }

    /// Notes that the numbers of the request were those of another version.
    pub(super) fn note_version(&self, context: &mut Context<'_>) {
        if let Some(ran) = self.ran.as_ref().filter(|ran| ran.results_version != RESULTS_VERSION) {
            let (then, now) = (ran.results_version, RESULTS_VERSION);
            context.reporter.note(format!("note: numbers may differ: their version was {then}, and is {now}"));
        }
    }

    /// The hash of the data that the request ran on, if its file says so: of all of it, not of one symbol.
    pub(super) fn data_hash(&self) -> Option<String> {
        self.ran.as_ref().map(|ran| ran.data_hash.to_string())
    }

    /// Returns true if `strategy` is the plugin that the request ran with, as far as its file says so.
    pub(super) fn is_plugin_of_request(&self, strategy: &Strategy) -> bool {
        self.ran.as_ref().is_some_and(|ran| ran.plugin_hash == strategy.digest())
    }

    /// Compares the plugin with that of the request.
    pub(super) fn check_plugin(&self, typed: Typed<'_>, strategy: &Strategy, context: &mut Context<'_>) -> Result<()> {
        let Some(ran) = &self.ran else { return Ok(()) };
        let text = |hash: Option<Digest>| hash.map_or_else(|| "none".to_owned(), |hash| hash.to_string());
        let (then, now) = (text(ran.plugin_hash), text(strategy.digest()));
        if then == now {
            return Ok(());
        }
        let name = &self.request.plugin;
        let differs = format!("the plugin `{name}` is not the one of the request: its hash was {then}, and is {now}");
        if typed.plugin.is_none() {
            bail!("{differs}; give the right one with `--plugin FILE`");
        }
        context.reporter.note(format!("note: {differs}"));
        Ok(())
    }

    /// Compares the data with those of the request; `now` has the bars that are there now.
    pub(super) fn check_data(
        &self,
        typed: Typed<'_>,
        hashes: &DataHashes,
        now: &Market,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(ran) = self.ran.as_ref().filter(|_| hashes.then != hashes.now) else { return Ok(()) };
        let name = self.request.data.as_deref().unwrap_or_default();
        let detail = self.request.detail.as_ref().or(ran.request.detail.as_ref());
        let with_detail = detail.map_or_else(String::new, |detail| format!(" with its finer bars `{detail}`"));
        let differs = format!(
            "the data `{name}`{with_detail} is not the one of the request: its hash was {} ({}), and is {} ({})",
            hashes.then,
            bars_of(ran),
            hashes.now,
            bars_of_market(now)
        );
        let is_typed = !typed.data.files.is_empty() || self.request.period != ran.request.period;
        if !is_typed && read_options(&typed.data.read)? == LoadOptions::default() {
            let finer = if detail.is_some() { " and `--detail FILE`" } else { "" };
            bail!("{differs}; give the right one with `--data FILE`{finer}");
        }
        context.reporter.note(format!("note: {differs}"));
        Ok(())
    }

    /// Loads the data, and notes what was done to it. Returns how files were read, too.
    pub(super) fn dataset(&self, args: &DataArgs, context: &mut Context<'_>) -> Result<(Dataset, LoadOptions)> {
        dataset_of(self.bars(), self.read(args)?, context)
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
        timeframe: typed.timeframe.or(ran.timeframe),
        read: typed.read.over(ran.read),
        files: ran.files,
        symbols: if typed.symbols.is_empty() { ran.symbols } else { typed.symbols },
        instruments: if typed.instruments.is_empty() { ran.instruments } else { typed.instruments },
    }
}
