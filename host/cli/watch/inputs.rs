//! The inputs of `host watch`: the plugin, the grid and the data, as last saved.
//!
//! Never takes half of a file for the whole, and never reports the same bytes twice.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{
    listener::Changes,
    sources::{SourceState, Sources, is_lock},
};
use crate::{
    backtest::{Benchmark, Strategy},
    cli::{
        Context, Terminal,
        args::{OutputFormat, WatchArgs},
        benchmark::{self, AskedBenchmark},
        build::{self, Tried},
        data_args::DataArgs,
        inputs::name_of_data,
        inputs::{self, ReadData},
        reporter::Reporter,
        request::{name_of_detail, name_of_plugin, typed_over},
        trial::Trial,
    },
    data::{Dataset, FileDescription, LoadOptions, files_of, is_pipe},
    model::Digest,
    project::Built,
    sandbox::{self, Plugin},
    sweep::{ParallelBacktester, SweepRequest, grid::GridDocument},
    watcher::{ReadError, State, read_settled},
};

/// The most bytes of a plugin and of a grid that are read.
const PLUGIN: u64 = 1 << 30;
const GRID: u64 = 64 << 20;

/// How long the rest of a component may take before its absence is an error.
const GRACE: Duration = Duration::from_secs(2);

/// One input.
#[derive(Debug)]
struct Input<T> {
    /// The hash of the bytes last read.
    digest: Option<Digest>,
    /// Their meaning; `None` if they are bad, or nothing was read yet.
    good: Option<T>,
    is_missing: bool,
}

impl<T> Default for Input<T> {
    fn default() -> Self {
        Self { digest: None, good: None, is_missing: false }
    }
}

/// The bars.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) dataset: Dataset,
    /// How the files were read.
    pub(super) read: LoadOptions,
    /// What results are measured against.
    pub(super) benchmark: Option<Benchmark>,
}

/// How many builds stay compiled.
const BUILDS: usize = 4;

/// The builds that were good last, compiled and described, the newest first.
#[derive(Debug, Default)]
struct Builds(VecDeque<(Digest, Strategy)>);

impl Builds {
    fn take(&mut self, digest: Digest) -> Option<Strategy> {
        let at = self.0.iter().position(|(known, _)| *known == digest)?;
        self.0.remove(at).map(|(_, strategy)| strategy)
    }

    fn put(&mut self, digest: Digest, strategy: Strategy) {
        self.0.truncate(BUILDS - 1);
        self.0.push_front((digest, strategy));
    }
}

/// All inputs of a sweep.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    args: &'a WatchArgs,
    sources: Option<Sources>,
    /// The sources of the last build.
    built: Option<SourceState>,
    plugin: Input<Strategy>,
    builds: Builds,
    /// The request, without the grid of the file.
    typed: SweepRequest,
    /// What results are measured against.
    benchmark: Option<AskedBenchmark>,
    grid: Input<GridDocument>,
    data: Input<Bars>,
    /// The files of the data and of its finer bars, and that of the instruments.
    data_files: Vec<PathBuf>,
    /// The descriptions beside the files of the data, which may come and go.
    descriptions: Vec<PathBuf>,
    /// When to report an incomplete component as broken.
    due: Option<Instant>,
}

/// The findings of one inspection of the inputs.
#[derive(Debug, Default)]
pub(super) struct Inspection {
    /// The inputs that differ from before: `plugin`, `grid`, `data`.
    pub(super) changed: Vec<&'static str>,
    /// Files that were saved with the same bytes.
    pub(super) unchanged: Vec<String>,
    /// Files that are gone, or not there yet.
    pub(super) missing: Vec<String>,
    /// Files that are not completely written yet.
    pub(super) incomplete: Vec<String>,
    /// The errors of bad inputs.
    pub(super) refused: Vec<Error>,
    /// Time that compilers of the strategy's language took.
    pub(super) building: Option<Duration>,
    /// Time to check, compile and describe the plugin.
    pub(super) loading: Duration,
}

impl<'a> Inputs<'a> {
    /// The inputs that `args` name; what is written into the folder `store` is none of them.
    pub(super) fn new(args: &'a WatchArgs, store: Option<&Path>) -> Result<Self> {
        let read = &args.sweep.data;
        let benchmark = benchmark::asked(&args.sweep.benchmark, None)?;
        let bars = [files_of(&read.files)?, files_of(&read.detail)?].concat();
        let files = bars.into_iter().chain(read.read.instruments.clone());
        let data_files: Vec<_> = files.chain(benchmark.as_ref().and_then(AskedBenchmark::read_file)).collect();
        if let Some(pipe) = data_files.iter().find(|path| is_pipe(path)) {
            bail!("`{}` is a pipe, which can be read once only; save it to a file, and watch that", pipe.display());
        }
        let sources = args.build.as_deref().map(|folder| {
            let read = data_files.iter().chain(&args.sweep.grid);
            let written =
                args.sweep.out.iter().map(PathBuf::as_path).chain(args.sweep.plugin.typed().into_iter().map(Path::new));
            Sources::new(folder, read.map(PathBuf::as_path).chain(written).chain(store))
        });
        if let Some(sources) = sources.as_ref().filter(|sources| !sources.folder().is_dir()) {
            bail!("folder `{}` does not exist; `host new` makes one with a strategy", sources.folder().display());
        }
        let descriptions = data_files.iter().map(|path| FileDescription::path_beside(path)).collect();
        let (plugin, builds, grid, data) = Default::default();
        let named = benchmark.as_ref().map(|benchmark| benchmark.spec.clone());
        let typed = SweepRequest { benchmark: named, ..typed_over(&args.sweep, SweepRequest::default(), None) };
        let (built, due) = (None, None);
        Ok(Self { args, sources, built, plugin, builds, typed, benchmark, grid, data, data_files, descriptions, due })
    }

    pub(super) fn sources(&self) -> Option<&Sources> {
        self.sources.as_ref()
    }

    /// The files to watch, beside the sources.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let plugin = self.plugin_file();
        let data = self.data_files.iter().chain(&self.descriptions);
        plugin.iter().chain(&self.args.sweep.grid).chain(data).cloned().collect()
    }

    /// The watched paths, for people.
    pub(super) fn names(&self) -> String {
        let folder = self.sources.as_ref().map(|sources| sources.folder().display().to_string());
        let files = self.files();
        let files = files.iter().filter(|path| !self.descriptions.contains(path) || path.exists());
        let files = files.map(|path| path.display().to_string());
        folder.into_iter().chain(files).collect::<Vec<_>>().join(", ")
    }

    /// When to inspect again even if nothing changes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The plugin with its hash, the request and the bars, if all are good.
    pub(super) fn good(&self) -> Option<(Digest, &Strategy, SweepRequest, &Bars)> {
        let (digest, strategy) = self.plugin.digest.zip(self.plugin.good.as_ref())?;
        let grid = self.grid.good.clone();
        if grid.is_none() && self.args.sweep.grid.is_some() {
            return None;
        }
        let request = SweepRequest {
            plugin: self.args.sweep.plugin.typed().map_or_else(|| strategy.description().name.clone(), name_of_plugin),
            data: Some(name_of_data(&self.args.sweep.data.files)),
            detail: name_of_detail(&self.args.sweep.data.detail),
            grid,
            ..self.typed.clone()
        };
        Some((digest, strategy, request, self.data.good.as_ref()?))
    }

    /// The plugin's file, if it is not made from sources.
    fn plugin_file(&self) -> Option<PathBuf> {
        self.args.sweep.plugin.file().filter(|_| self.sources.is_none())
    }

    /// Inspects everything that has changed.
    pub(super) fn inspect(
        &mut self,
        changes: &Changes,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<Inspection> {
        let mut inspection = Inspection::default();
        if changes.first || changes.sources.paths().next().is_some() {
            self.inspect_sources(changes, &mut inspection, backtester, context)?;
        }
        if let Some(path) = self.plugin_file() {
            let is_late = self.due.is_some_and(|due| due <= Instant::now());
            if is_late || has_changed(changes, &path) {
                self.inspect_plugin(&path, is_late, (&mut inspection, backtester), context)?;
            }
        }
        self.inspect_grid(changes, &mut inspection);
        self.inspect_data(changes, &mut inspection, context);
        Ok(inspection)
    }

    /// Returns true if a changed file differs from the input of the running sweep.
    pub(super) fn differs(&self, changes: &Changes) -> bool {
        let is_other = |path: &Path, limit, digest: Option<Digest>| {
            let bytes = changes.files.state(path).and_then(|_| read_settled(path, limit).ok());
            bytes.is_some_and(|bytes| Some(Digest::of(&bytes)) != digest && !is_cut_short(path, &bytes))
        };
        let data = self.data_files.iter();
        (changes.sources.paths().next().is_some() && self.sources.as_ref().map(Sources::state) != self.built)
            || self.plugin_file().is_some_and(|path| is_other(&path, PLUGIN, self.plugin.digest))
            || self.args.sweep.grid.as_ref().is_some_and(|path| is_other(path, GRID, self.grid.digest))
            || data.filter_map(|path| changes.files.state(path)).any(|state| state == State::Present)
            || self.described_anew(changes)
    }

    fn inspect_sources(
        &mut self,
        changes: &Changes,
        inspection: &mut Inspection,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(sources) = &self.sources else { return Ok(()) };
        let before = sources.state();
        if self.built == Some(before) {
            // A lock that the build itself wrote is not a change.
            if changes.sources.paths().any(|path| !is_lock(path)) {
                inspection.unchanged.push(sources.folder().display().to_string());
            }
            return Ok(());
        }
        let began = Instant::now();
        let built = build::compile(sources.folder(), context);
        inspection.building = Some(began.elapsed());
        self.built = Some(before.built(sources.state()));
        let made = built.and_then(|built| self.make(built, inspection, backtester, context));
        if let Err(error) = made {
            self.plugin.good = None;
            inspection.refused.push(error);
        }
        Ok(())
    }

    /// Tries a build, writes it, and takes it as the plugin.
    fn make(
        &mut self,
        built: Built,
        inspection: &mut Inspection,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let digest = Digest::of(&built.bytes);
        if self.plugin.digest == Some(digest) && self.plugin.good.is_some() {
            inspection.unchanged.push(built.path.display().to_string());
            return Ok(());
        }
        let out = self.args.sweep.plugin.typed().map(Path::new);
        let trial = match self.args.no_trial {
            true => None,
            false => {
                let cache = if self.args.sweep.limits.no_cache { None } else { inputs::cache(context) };
                Some(Trial::new(&built, self.trial_data(), cache, context)?)
            }
        };
        let made = match self.args.sweep.output.format() {
            OutputFormat::Table => build::write(built, out, trial, context)?,
            OutputFormat::Json => aside(context, |context| build::write(built, out, trial, context))?,
        };
        let name = made.path.display().to_string();
        match made.trial {
            Tried::Good => {}
            Tried::Untried(error) => {
                context.reporter.error(&error.context(format!("`{name}` is written, but its trial failed")));
            }
            Tried::Caught => bail!("`{name}` is not written, since what was built does not pass its trial"),
        }
        self.take_plugin(&name, (digest, made.built.bytes), (inspection, backtester), context)
    }

    /// The bars that a build is tried on: those of the sweep, if some are given that can be read.
    fn trial_data(&self) -> Option<Dataset> {
        let DataArgs { files, read, .. } = &self.args.sweep.data;
        if files.is_empty() {
            return None;
        }
        let good = self.data.good.as_ref().map(|bars| bars.dataset.clone());
        good.or_else(|| Some(inputs::load(files.as_slice().into(), inputs::read_options(read).ok()?).ok()?.dataset))
    }

    fn inspect_plugin(
        &mut self,
        path: &Path,
        is_late: bool,
        (inspection, backtester): (&mut Inspection, &ParallelBacktester),
        context: &mut Context<'_>,
    ) -> Result<()> {
        self.due = None;
        let Some(bytes) = self.plugin.read(path, PLUGIN, inspection) else { return Ok(()) };
        let name = path.display().to_string();
        let digest = Digest::of(&bytes);
        if self.plugin.digest == Some(digest) {
            inspection.unchanged.push(name);
        } else if is_cut_short(path, &bytes) && !is_late {
            self.due = Some(Instant::now() + GRACE);
            inspection.incomplete.push(name);
        } else {
            self.take_plugin(&name, (digest, bytes), (inspection, backtester), context)?;
        }
        Ok(())
    }

    fn take_plugin(
        &mut self,
        name: &str,
        (digest, bytes): (Digest, Vec<u8>),
        (inspection, backtester): (&mut Inspection, &ParallelBacktester),
        context: &mut Context<'_>,
    ) -> Result<()> {
        let began = Instant::now();
        let sandbox = backtester.sandbox();
        let strategy = match self.builds.take(digest) {
            Some(strategy) => Ok(strategy),
            None => context.loading(sandbox, name, || Plugin::from_bytes(sandbox, name, bytes))?.map(Strategy::from),
        };
        if let Ok(strategy) = &strategy {
            self.builds.put(digest, strategy.clone());
        }
        inspection.loading = began.elapsed();
        self.plugin.take(digest, "plugin", strategy.map_err(Error::from), inspection);
        Ok(())
    }

    fn inspect_grid(&mut self, changes: &Changes, inspection: &mut Inspection) {
        let args = &self.args.sweep;
        let Some(path) = &args.grid else { return };
        if !has_changed(changes, path) {
            return;
        }
        let Some(bytes) = self.grid.read(path, GRID, inspection) else { return };
        let digest = Digest::of(&bytes);
        if self.grid.digest == Some(digest) {
            inspection.unchanged.push(path.display().to_string());
            return;
        }
        self.grid.take(digest, "grid", GridDocument::from_bytes(path, bytes).map_err(Error::from), inspection);
    }

    /// Whether a description of the data has come, changed or gone.
    fn described_anew(&self, changes: &Changes) -> bool {
        self.descriptions.iter().any(|path| changes.files.state(path).is_some())
    }

    /// Loads the data only if one of its files was saved; then compares the content.
    fn inspect_data(&mut self, changes: &Changes, inspection: &mut Inspection, context: &mut Context<'_>) {
        let files = self.data_files.iter();
        let states: Vec<_> = files.filter_map(|path| Some((path, changes.files.state(path)?))).collect();
        let gone = states.iter().filter(|(_, state)| *state == State::Missing);
        let gone: Vec<_> = gone.map(|(path, _)| path.display().to_string()).collect();
        let is_asked = changes.first || self.described_anew(changes);
        if !(is_asked || states.iter().any(|(_, state)| *state == State::Present)) || !gone.is_empty() {
            inspection.missing.extend(gone);
            return;
        }
        let data = &self.args.sweep.data;
        match inputs::read_options(&data.read).and_then(|options| inputs::load(data.bars(), options)) {
            Err(error) => {
                self.data.good = None;
                inspection.refused.push(error);
            }
            Ok(ReadData { dataset, options: read, notes }) => {
                let found = self.benchmark.as_ref().map(|asked| asked.find(&data.files, (&dataset, &read), context));
                let benchmark = match found.transpose() {
                    Ok(benchmark) => benchmark,
                    Err(error) => {
                        self.data.good = None;
                        inspection.refused.push(error);
                        return;
                    }
                };
                let facts = (dataset.fingerprint(), benchmark.as_ref().map(Benchmark::digest));
                let digest = Digest::of(format!("{facts:?}").as_bytes());
                if self.data.good.is_some() && self.data.digest == Some(digest) {
                    inspection.unchanged.extend(states.iter().map(|(path, _)| path.display().to_string()));
                    return;
                }
                notes.iter().for_each(|note| context.reporter.note(note));
                self.data.take(digest, "data", Ok(Bars { dataset, read, benchmark }), inspection);
            }
        }
    }
}

impl<T> Input<T> {
    /// The bytes of the file, if they can be had now.
    fn read(&mut self, path: &Path, limit: u64, inspection: &mut Inspection) -> Option<Vec<u8>> {
        let name = || path.display().to_string();
        let was_missing = std::mem::take(&mut self.is_missing);
        match read_settled(path, limit) {
            Ok(bytes) => return Some(bytes),
            // The end of the write will be another change.
            Err(ReadError::Unsettled) => inspection.incomplete.push(name()),
            Err(ReadError::Missing) => {
                self.is_missing = true;
                if !was_missing {
                    inspection.missing.push(name());
                }
            }
            Err(error) => {
                (self.good, self.digest) = (None, None);
                inspection.refused.push(anyhow!(error).context(format!("`{}` cannot be read", path.display())));
            }
        }
        None
    }

    /// Takes the meaning of the bytes.
    fn take(&mut self, digest: Digest, name: &'static str, meaning: Result<T>, inspection: &mut Inspection) {
        self.digest = Some(digest);
        match meaning {
            Ok(good) => {
                self.good = Some(good);
                inspection.changed.push(name);
            }
            Err(error) => {
                self.good = None;
                inspection.refused.push(error);
            }
        }
    }
}

impl Inspection {
    /// The inspection as JSON, for a round without a sweep.
    pub(super) fn to_json(&self) -> Value {
        let outcome = if !self.refused.is_empty() {
            "refused"
        } else if !self.missing.is_empty() {
            "missing"
        } else if !self.incomplete.is_empty() {
            "incomplete"
        } else if !self.changed.is_empty() {
            "waiting"
        } else {
            "unchanged"
        };
        let files: Vec<_> = self.missing.iter().chain(&self.incomplete).chain(&self.unchanged).collect();
        let errors: Vec<_> = self.refused.iter().map(|error| format!("{error:#}")).collect();
        json!({ "outcome": outcome, "files": files, "errors": errors })
    }

    /// Returns true if there is nothing to report.
    pub(super) fn is_empty(&self) -> bool {
        let texts = [&self.unchanged, &self.missing, &self.incomplete];
        self.changed.is_empty() && self.refused.is_empty() && texts.iter().all(|texts| texts.is_empty())
    }
}

fn has_changed(changes: &Changes, path: &Path) -> bool {
    changes.first || changes.files.state(path).is_some()
}

/// Returns true if only the beginning of a file is there.
fn is_cut_short(path: &Path, bytes: &[u8]) -> bool {
    let is_component = path.extension().is_some_and(|extension| extension == "wasm");
    if is_component { sandbox::is_cut_short(bytes) } else { bytes.is_empty() }
}

/// Runs `work` with its standard output sent to standard error, where standard output is for programs.
fn aside<T>(context: &mut Context<'_>, work: impl FnOnce(&mut Context<'_>) -> Result<T>) -> Result<T> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (gone, interrupt, args) = (context.gone, context.interrupt, context.args);
    // Lines of a reporter have no colours.
    let terminal = Terminal { colour: false, ..context.terminal };
    let mut inner = Context {
        out: &mut out,
        gone,
        reporter: Reporter::new(&mut err, terminal),
        terminal,
        interrupt,
        args,
        cluster: None,
        piped: None,
    };
    let done = work(&mut inner);
    for text in [out, err].iter().map(|text| String::from_utf8_lossy(text)).filter(|text| !text.is_empty()) {
        context.reporter.lines(text.trim_end());
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_in_a_section_is_cut_short() {
        let path = Path::new("a.wasm");
        let whole = std::fs::read("plugins/sma_cross/sma_cross.wasm").unwrap();
        assert!(!is_cut_short(path, &whole));
        for length in [0, 4, 7, 9, 10, whole.len() / 2, whole.len() - 1] {
            assert!(is_cut_short(path, &whole[..length]), "{length}");
        }
        assert!(!is_cut_short(path, &whole[..8]), "a component may be empty");
        assert!(!is_cut_short(path, b"a text") && !is_cut_short(path, b"x"));
        assert!(is_cut_short(Path::new("grid.json"), b"") && !is_cut_short(Path::new("grid.json"), b"{"));
    }
}
