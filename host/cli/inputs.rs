//! The inputs of commands: turns arguments into data, markets, workers and parameters.
//!
//! Never runs anything.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use indexmap::{IndexMap, IndexSet};

use super::{
    Context,
    args::LimitArgs,
    data_args::{DataArgs, DataFiles, ReadArgs},
};
use crate::{
    backtest::Market,
    cache::{self, Cache},
    data::{Dataset, FileDescription, LoadOptions, Loaded, ReadFile, files_of, name_of_file, read_instruments},
    model::{Description, Params, Value, format_time, label},
    results::{self, Column, Leftover, ReturnsFile, Sink},
    sandbox::{Backend, Limits, Options},
    sweep::{LimitsSpec, ParallelBacktester, RequestFile},
};

/// The name of the bundled data.
pub(super) const BUNDLED_DATA: &str = "msft";

/// The extensions of data files, in the order of the search.
const DATA_ENDINGS: [&str; 11] =
    ["parquet", "pq", "feather", "arrow", "csv", "tsv", "txt", "csv.gz", "csv.zst", "zip", "txt.gz"];

/// Loads the data, or the bundled data set without files, and notes what was done to it. Returns the options too, with how
/// each file was read.
pub(super) fn dataset(args: &DataArgs, context: &mut Context<'_>) -> Result<(Dataset, LoadOptions)> {
    dataset_of(args.bars(), read_options(&args.read)?, context)
}

/// How files of data are read, as typed.
pub(super) fn read_options(args: &ReadArgs) -> Result<LoadOptions> {
    let instruments = args.instruments.as_deref().map(read_instruments).transpose()?;
    Ok(LoadOptions {
        sort: args.sort,
        drop_bad: args.drop_bad,
        adjusted: args.adjusted,
        negative_prices: args.negative_prices,
        timezone: args.timezone.clone(),
        session: args.session,
        bar_time: args.bar_time,
        timeframe: args.timeframe,
        read: described(&args.read)?,
        files: IndexMap::new(),
        symbols: args
            .symbols
            .iter()
            .map(|symbol| symbol.trim().to_owned())
            .filter(|symbol| !symbol.is_empty())
            .collect(),
        instruments: instruments.unwrap_or_default(),
    })
}

/// What `--read NAME=VALUE` says of the files.
fn described(options: &[String]) -> Result<FileDescription> {
    let mut description = FileDescription::default();
    for option in options {
        let (name, value) = option
            .split_once('=')
            .with_context(|| format!("`--read {option}` does not say what; write it as `NAME=VALUE`"))?;
        description.set(name, value).map_err(|problem| anyhow::anyhow!("`--read {option}`: {problem}"))?;
    }
    Ok(description)
}

/// Like [`dataset`], with other files and options than the typed ones.
pub(super) fn dataset_of(
    bars: DataFiles<'_>,
    options: LoadOptions,
    context: &mut Context<'_>,
) -> Result<(Dataset, LoadOptions)> {
    let reading = || match bars.files {
        [] => "reading the bundled data".to_owned(),
        [file] => format!("reading `{}`", file.display()),
        [file, rest @ ..] => format!("reading `{}` and {} more", file.display(), rest.len()),
    };
    let ReadData { dataset, options, notes } = context.wait(reading, || load(bars, options))??;
    notes.iter().for_each(|note| context.reporter.note(note));
    Ok((dataset, options))
}

/// Data that was read.
pub(super) struct ReadData {
    pub(super) dataset: Dataset,
    /// How it was read, each file too.
    pub(super) options: LoadOptions,
    /// What to tell of it.
    pub(super) notes: Vec<String>,
}

/// Loads files, or the bundled data set without files, with the finer bars, and tells nothing yet.
pub(super) fn load(bars: DataFiles<'_>, options: LoadOptions) -> Result<ReadData> {
    let mut read = load_own(bars.files, options)?;
    if !bars.detail.is_empty() {
        let of_detail =
            LoadOptions { symbols: Vec::new(), files: IndexMap::new(), timeframe: None, ..read.options.clone() };
        let detail = load_own(bars.detail, of_detail).context("the finer bars (`--detail`) cannot be read")?;
        let (dataset, notices) = read.dataset.with_detail(&detail.dataset)?;
        read.dataset = dataset;
        read.notes.extend(detail.notes.iter().map(|note| note.replacen("data:", "detail:", 1)));
        read.notes.extend(notices.iter().map(|notice| format!("detail: {notice}")));
    }
    Ok(read)
}

fn load_own(files: &[PathBuf], options: LoadOptions) -> Result<ReadData> {
    if files.is_empty() {
        let bundled = Dataset::bundled()?;
        let (dataset, made) = match options.timeframe {
            Some(timeframe) => bundled.with_timeframe(timeframe)?,
            None => (bundled.clone(), Vec::new()),
        };
        let bars = &bundled.series()[0];
        let (first, last) = (bars.time[0], bars.time[bars.len() - 1]);
        let note = format!(
            "data: the bundled {}, {} daily bars, {} to {} (`--data FILE` takes yours)",
            bars.symbol,
            bars.len(),
            format_time(first),
            format_time(last)
        );
        let notes = std::iter::once(note).chain(made.iter().map(|note| format!("data: {note}"))).collect();
        return Ok(ReadData { dataset, options, notes });
    }
    let loaded = Dataset::load(files, &options)?;
    let notes = notes_on(&loaded).into_iter().map(|note| format!("data: {note}")).collect();
    let files = loaded.files.into_iter().map(|file| (file.name, file.description)).collect();
    Ok(ReadData { dataset: loaded.dataset, options: LoadOptions { files, ..options }, notes })
}

/// What to tell of data that was read: what there is, which columns are left out, what may be wrong.
pub(super) fn notes_on(loaded: &Loaded) -> Vec<String> {
    let unread =
        unread(&loaded.files).map_or_else(String::new, |columns| format!("; columns that are not read: {columns}"));
    let summary = format!("{}{unread}", loaded.dataset.summary());
    std::iter::once(summary).chain(loaded.notices.iter().cloned()).collect()
}

/// The first columns of files that are not read, and how many more there are.
pub(super) fn unread(files: &[ReadFile]) -> Option<String> {
    /// The most columns that are named.
    const NAMED: usize = 4;
    let all: IndexSet<&str> = files.iter().flat_map(|file| &file.unread).map(String::as_str).collect();
    let named: Vec<_> = all.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = all.len() - named.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    (!named.is_empty()).then(|| named.join(", ") + &more)
}

/// Notes the bars per year, which annual numbers rest on.
pub(super) fn announce(market: &Market, context: &mut Context<'_>) {
    context.reporter.note(match market.frame().annualization() {
        Ok(annualization) => format!("annual numbers: {annualization}"),
        Err(why) => format!("annual numbers: {why} (`--periods-per-year N` sets it)"),
    });
    if market.seems_dated_at_ends() {
        context.reporter.note(
            "note: all bars are dated on Fridays, or on last days of months; if they end then, `--bar-time close` measures them against \
             the same days of the benchmark",
        );
    }
    let (still, frame) = (market.still_days(), market.frame());
    if let (1.., Some(benchmark), Some(asked)) = (still, frame.benchmark(), &market.settings().benchmark) {
        let (name, days) = (asked.name(), benchmark.returns().len());
        context.reporter.note(format!("note: benchmark `{}` has no new bar on {still} of {days} days", label(&name)));
    }
}

/// Starts the workers, and lets Ctrl-C stop them. Commands that need the books of a run take threads.
pub(super) fn backtester(args: &LimitArgs, backend: Backend, context: &mut Context<'_>) -> Result<ParallelBacktester> {
    backtester_under(&args.spec(), (args, backend), context)
}

/// Like [`backtester`], under other limits than the typed ones.
pub(super) fn backtester_under(
    limits: &LimitsSpec,
    (args, backend): (&LimitArgs, Backend),
    context: &mut Context<'_>,
) -> Result<ParallelBacktester> {
    if context.cluster.is_some() && backend == Backend::Processes {
        bail!("`--backend processes` is for one machine; leave it out, since a cluster runs the tasks on its nodes");
    }
    let mut options = options(limits)?;
    options.limits.compile_timeout = args.compile_timeout.unwrap_or(options.limits.compile_timeout);
    options.fork_method = args.fork;
    options.backend = backend;
    options.cluster = context.cluster.clone();
    if !args.no_cache {
        options.cache = cache(context);
    }
    start(args.workers, options, context)
}

/// Threads under `limits`, so many `workers`, or one for each core.
pub(super) fn backtester_on(
    limits: &LimitsSpec,
    workers: Option<usize>,
    context: &mut Context<'_>,
) -> Result<ParallelBacktester> {
    let cache = cache(context);
    start(workers, Options { cache, ..options(limits)? }, context)
}

fn options(limits: &LimitsSpec) -> Result<Options> {
    let limits = limits.over(&Limits::default()).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(problems.join("; "))
    })?;
    Ok(Options::from(limits))
}

fn start(workers: Option<usize>, options: Options, context: &mut Context<'_>) -> Result<ParallelBacktester> {
    let backtester = ParallelBacktester::new(workers, options)?;
    context.interrupt.watch(backtester.stop_handle());
    Ok(backtester)
}

/// The cache of compiled code. If it cannot be used, a note says why, and plugins are compiled anew.
pub(super) fn cache(context: &mut Context<'_>) -> Option<Arc<Cache>> {
    match cache::default_root().and_then(|root| Cache::open(&root, cache::DEFAULT_CAP)) {
        Ok(cache) => Some(Arc::new(cache)),
        Err(error) => {
            context.reporter.note(format!("note: compiled plugins are not kept: {:#}", anyhow::Error::from(error)));
            None
        }
    }
}

/// Notes why not every worker process has started, if that has happened.
pub(super) fn report_shortage(backtester: &ParallelBacktester, context: &mut Context<'_>) {
    if let Some(problem) = backtester.sandbox().shortage() {
        context
            .reporter
            .note(format!("note: some worker processes did not start, and the others did their work: {problem}"));
    }
}

/// Notes why compiled plugins could not be kept, if that has happened.
pub(super) fn report_cache(backtester: &ParallelBacktester, context: &mut Context<'_>) {
    if let Some(problem) = backtester.cache_problem() {
        context.reporter.note(format!("note: compiled plugins are not kept: {problem}"));
    }
}

/// The file of data that has this name here.
pub(super) fn file_of_data(name: &str) -> Option<PathBuf> {
    let mut files = DATA_ENDINGS.iter().map(|ending| PathBuf::from(format!("{name}.{ending}")));
    // Results and returns are often called like the data that they come from.
    let is_data = |path: &PathBuf| RequestFile::load(path).is_err() && ReturnsFile::open(path).is_err();
    files.find(|path| path.is_file() && is_data(path))
}

/// The names of the files, joined by `+`.
pub(super) fn name_of_data(files: &[PathBuf]) -> String {
    if files.is_empty() {
        return BUNDLED_DATA.to_owned();
    }
    files.iter().map(|path| name_of_file(path)).collect::<Vec<_>>().join("+")
}

/// Reads `name=value` texts as parameters of a plugin; omitted ones take their defaults.
pub(super) fn params(texts: &[String], plugin: &Description) -> Result<Params> {
    Ok(plugin.resolve(&given(texts, plugin)?)?)
}

/// Reads `name=value` texts as parameters of a plugin, without defaults.
pub(super) fn given(texts: &[String], plugin: &Description) -> Result<Params> {
    let mut given = Params::new();
    for text in texts {
        let (name, value) = text
            .split_once('=')
            .with_context(|| format!("`--param {text}` is not a parameter; write it as `NAME=VALUE`"))?;
        let spec = plugin.parameter(name)?;
        let value = spec.accept(&typed(value, &spec.default))?;
        if given.insert(name.to_owned(), value).is_some() {
            bail!("`--param {text}` gives `{name}` a second time; give each parameter once");
        }
    }
    Ok(given)
}

/// Reads `text` as a value of the type of `like`; text that does not fit stays a text, which the parameter will refuse.
pub(super) fn typed(text: &str, like: &Value) -> Value {
    let value = match like {
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Number(_) => text.parse().ok().map(Value::Number),
        Value::Text(_) => None,
    };
    value.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// Refuses to overwrite an input, or a file in a folder that is one, and to write two outputs into one file.
pub(super) fn check_outputs<'a>(
    outputs: impl IntoIterator<Item = &'a PathBuf>,
    inputs: impl IntoIterator<Item = &'a PathBuf>,
) -> Result<()> {
    // The real path, also if its last part does not exist yet.
    let place = |path: &Path| match (path.canonicalize(), path.parent(), path.file_name()) {
        (Ok(place), ..) => place,
        (Err(_), Some(folder), Some(name)) => {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
        }
        _ => path.to_owned(),
    };
    // What cannot be read is told when it is read.
    let files = |path: &PathBuf| files_of(std::slice::from_ref(path)).unwrap_or_else(|_| vec![path.clone()]);
    let mut taken: Vec<_> = inputs.into_iter().flat_map(files).map(|path| (place(&path), "read")).collect();
    for path in outputs {
        let place = place(path);
        if let Some((_, purpose)) = taken.iter().find(|(taken, _)| *taken == place) {
            bail!("`{}` is also {purpose}; write to another file", path.display());
        }
        taken.push((place, "written"));
    }
    Ok(())
}

/// Opens a results file, if one is requested, so that a path that cannot be written fails before any work is done.
pub(super) fn sink(
    path: Option<&Path>,
    columns: &[Column],
    context: &mut Context<'_>,
) -> Result<Option<Box<dyn Sink>>> {
    let sink = path.map(|path| results::create(path, columns)).transpose()?;
    report_leftovers(sink.as_ref().map_or(&[], |sink| sink.leftovers()), context);
    Ok(sink)
}

/// Notes where the rows of runs are that were killed while they wrote to the same name.
pub(super) fn report_leftovers(leftovers: &[Leftover], context: &mut Context<'_>) {
    for Leftover { path, rows } in leftovers {
        let path = path.display();
        let rows = match rows {
            Some(1) => format!("a row, which is in `{path}`"),
            Some(rows) => format!("{rows} rows, which are in `{path}`"),
            None => format!("a file that is damaged: `{path}`"),
        };
        context.reporter.note(format!("note: a run that was ended from outside had left {rows}"));
    }
}
