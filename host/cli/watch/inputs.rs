//! What is swept: the plugin, the grid and the data, as they were last saved.
//!
//! Never takes half of a file for the whole, and never says the same twice about the same bytes.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Error, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{
    ears::Heard,
    sources::{Sources, State as SourceState, is_lock},
};
use crate::{
    backtest::Strategy,
    cli::{
        Context,
        args::{Format, WatchArgs},
        build::{self, Tried},
        inputs,
        request::{name_of_data, typed_over},
        talk::Talk,
        trial::Trial,
    },
    data::Dataset,
    model::Digest,
    project::Built,
    sandbox::{self, Plugin},
    sweep::{ParallelBacktester, SweepRequest, grid::GridDocument, memo::CellMemory},
    watcher::{ReadError, State, read_settled},
};

/// The most bytes of a plugin and of a grid that are read.
const PLUGIN: u64 = 1 << 30;
const GRID: u64 = 64 << 20;

/// How long the rest of a component is waited for in silence.
const GRACE: Duration = Duration::from_secs(2);

/// One of the things that are swept.
#[derive(Debug)]
struct Input<T> {
    /// The bytes that were last read.
    digest: Option<Digest>,
    /// What they mean; nothing if they are not good, or there are none yet.
    good: Option<T>,
    is_missing: bool,
}

impl<T> Default for Input<T> {
    fn default() -> Self {
        Self { digest: None, good: None, is_missing: false }
    }
}

/// The bars, and the hash of those that each cell has: of all, or of each symbol where it runs alone.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) dataset: Dataset,
    pub(super) hashes: Vec<Digest>,
}

/// Everything that is swept.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    args: &'a WatchArgs,
    sources: Option<Sources>,
    /// The sources of the last build.
    built: Option<SourceState>,
    plugin: Input<Strategy>,
    /// What was asked for, but for the grid of the file.
    typed: SweepRequest,
    grid: Input<GridDocument>,
    data: Input<Bars>,
    /// When a component that is not whole is taken for what it is.
    due: Option<Instant>,
}

/// What a look at the inputs has found.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// What is another than before: `plugin`, `grid`, `data`.
    pub(super) changed: Vec<&'static str>,
    /// Files that were saved with the same bytes.
    pub(super) unchanged: Vec<String>,
    /// Files that are gone, or not there yet.
    pub(super) missing: Vec<String>,
    /// Files of which the rest is still to come.
    pub(super) incomplete: Vec<String>,
    /// What is not good.
    pub(super) refused: Vec<Error>,
    /// Time that compilers of the strategy's language took.
    pub(super) building: Option<Duration>,
    /// Time to check, compile and describe the plugin.
    pub(super) loading: Duration,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(args: &'a WatchArgs) -> Result<Self> {
        let sources = args.build.as_deref().map(|folder| {
            let read = args.sweep.data.files.iter().chain(&args.sweep.grid);
            let written = args.sweep.out.iter().map(PathBuf::as_path).chain(args.sweep.plugin.iter().map(Path::new));
            Sources::new(folder, read.map(PathBuf::as_path).chain(written))
        });
        if let Some(sources) = sources.as_ref().filter(|sources| !sources.folder().is_dir()) {
            bail!("there is no folder `{}`; `host new` makes one with a strategy", sources.folder().display());
        }
        let (plugin, grid, data) = Default::default();
        let typed = typed_over(&args.sweep, SweepRequest::default(), None);
        Ok(Self { args, sources, built: None, plugin, typed, grid, data, due: None })
    }

    pub(super) fn sources(&self) -> Option<&Sources> {
        self.sources.as_ref()
    }

    /// The files to watch, beside the sources.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let data = self.args.sweep.data.files.iter();
        self.plugin_file().iter().chain(&self.args.sweep.grid).chain(data).cloned().collect()
    }

    /// What is watched, for people.
    pub(super) fn names(&self) -> String {
        let folder = self.sources.as_ref().map(|sources| sources.folder().display().to_string());
        let files = self.files();
        let files = files.iter().map(|path| path.display().to_string());
        folder.into_iter().chain(files).collect::<Vec<_>>().join(", ")
    }

    /// When to look again though nothing was heard.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The plugin with its hash, what is asked for and the bars, if all are good.
    pub(super) fn good(&self) -> Option<(Digest, &Strategy, SweepRequest, &Bars)> {
        let (digest, strategy) = self.plugin.digest.zip(self.plugin.good.as_ref())?;
        let grid = self.grid.good.clone();
        if grid.is_none() && self.args.sweep.grid.is_some() {
            return None;
        }
        let request = SweepRequest {
            plugin: strategy.description().name.clone(),
            data: Some(name_of_data(&self.args.sweep.data.files)),
            grid,
            ..self.typed.clone()
        };
        Some((digest, strategy, request, self.data.good.as_ref()?))
    }

    /// The plugin's file, if it is not made from sources.
    fn plugin_file(&self) -> Option<PathBuf> {
        self.args.sweep.plugin.as_ref().filter(|_| self.sources.is_none()).map(PathBuf::from)
    }

    /// Looks at all that was heard of.
    pub(super) fn look(
        &mut self,
        heard: &Heard,
        memory: &CellMemory,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<Look> {
        let mut look = Look::default();
        if heard.first || heard.sources.paths().next().is_some() {
            self.look_at_sources(heard, &mut look, memory, backtester, context)?;
        }
        if let Some(path) = self.plugin_file() {
            let is_late = self.due.is_some_and(|due| due <= Instant::now());
            if is_late || is_heard(heard, &path) {
                self.look_at_plugin(&path, is_late, &mut look, memory, backtester);
            }
        }
        self.look_at_grid(heard, &mut look);
        self.look_at_data(heard, &mut look, context);
        Ok(look)
    }

    /// Whether something that was heard of is another than what is swept. It is asked while a sweep runs.
    pub(super) fn differs(&self, heard: &Heard) -> bool {
        let is_other = |path: &Path, limit, digest: Option<Digest>| {
            let bytes = heard.files.state(path).and_then(|_| read_settled(path, limit).ok());
            bytes.is_some_and(|bytes| Some(Digest::of(&bytes)) != digest && !is_cut_short(path, &bytes))
        };
        let data = self.args.sweep.data.files.iter();
        (heard.sources.paths().next().is_some() && self.sources.as_ref().map(Sources::state) != self.built)
            || self.plugin_file().is_some_and(|path| is_other(&path, PLUGIN, self.plugin.digest))
            || self.args.sweep.grid.as_ref().is_some_and(|path| is_other(path, GRID, self.grid.digest))
            || data.filter_map(|path| heard.files.state(path)).any(|state| state == State::Present)
    }

    fn look_at_sources(
        &mut self,
        heard: &Heard,
        look: &mut Look,
        memory: &CellMemory,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let Some(sources) = &self.sources else { return Ok(()) };
        let before = sources.state();
        if self.built == Some(before) {
            // A build that has written a lock is no news.
            if heard.sources.paths().any(|path| !is_lock(path)) {
                look.unchanged.push(sources.folder().display().to_string());
            }
            return Ok(());
        }
        let began = Instant::now();
        let built = build::compile(sources.folder(), context);
        look.building = Some(began.elapsed());
        self.built = Some(before.built(sources.state()));
        let made = built.and_then(|built| self.make(built, look, memory, backtester, context));
        if let Err(error) = made {
            self.plugin.good = None;
            look.refused.push(error);
        }
        Ok(())
    }

    /// Tries what was built, writes it, and takes it.
    fn make(
        &mut self,
        built: Built,
        look: &mut Look,
        memory: &CellMemory,
        backtester: &ParallelBacktester,
        context: &mut Context<'_>,
    ) -> Result<()> {
        let digest = Digest::of(&built.bytes);
        if self.plugin.digest == Some(digest) && self.plugin.good.is_some() {
            look.unchanged.push(built.path.display().to_string());
            return Ok(());
        }
        let out = self.args.sweep.plugin.as_ref().map(Path::new);
        let trial = match self.args.no_trial {
            true => None,
            false => {
                let cache = if self.args.sweep.limits.no_cache { None } else { inputs::cache(context) };
                Some(Trial::new(&built, cache, context)?)
            }
        };
        let made = match self.args.sweep.output.format {
            Format::Table => build::write(built, out, trial, context)?,
            Format::Json => aside(context, |context| build::write(built, out, trial, context))?,
        };
        let name = made.path.display().to_string();
        match made.trial {
            Tried::Good => {}
            Tried::Untried(error) => {
                context
                    .talk
                    .error(&error.context(format!("`{name}` is written, but its trial on bundled bars failed")));
            }
            Tried::Caught => bail!("`{name}` is not written, since what was built does not pass its trial"),
        }
        self.take_plugin(&name, digest, made.built.bytes, look, memory, backtester);
        Ok(())
    }

    fn look_at_plugin(
        &mut self,
        path: &Path,
        is_late: bool,
        look: &mut Look,
        memory: &CellMemory,
        backtester: &ParallelBacktester,
    ) {
        self.due = None;
        let Some(bytes) = self.plugin.read(path, PLUGIN, look) else { return };
        let name = path.display().to_string();
        let digest = Digest::of(&bytes);
        if self.plugin.digest == Some(digest) {
            look.unchanged.push(name);
        } else if is_cut_short(path, &bytes) && !is_late {
            self.due = Some(Instant::now() + GRACE);
            look.incomplete.push(name);
        } else {
            self.take_plugin(&name, digest, bytes, look, memory, backtester);
        }
    }

    fn take_plugin(
        &mut self,
        name: &str,
        digest: Digest,
        bytes: Vec<u8>,
        look: &mut Look,
        memory: &CellMemory,
        backtester: &ParallelBacktester,
    ) {
        let began = Instant::now();
        let strategy = match memory.strategy(digest) {
            Some(strategy) => Ok(strategy),
            None => Plugin::from_bytes(backtester.sandbox(), name, bytes).map(Strategy::from),
        };
        look.loading = began.elapsed();
        self.plugin.take(digest, "plugin", strategy.map_err(Error::from), look);
    }

    fn look_at_grid(&mut self, heard: &Heard, look: &mut Look) {
        let args = &self.args.sweep;
        let Some(path) = &args.grid else { return };
        if !is_heard(heard, path) {
            return;
        }
        let Some(bytes) = self.grid.read(path, GRID, look) else { return };
        let digest = Digest::of(&bytes);
        if self.grid.digest == Some(digest) {
            look.unchanged.push(path.display().to_string());
            return;
        }
        self.grid.take(digest, "grid", GridDocument::from_bytes(path, bytes).map_err(Error::from), look);
    }

    /// Data files are loaded only if one of them was saved; what they hold is compared after that.
    fn look_at_data(&mut self, heard: &Heard, look: &mut Look, context: &mut Context<'_>) {
        let files = &self.args.sweep.data.files;
        let states: Vec<_> = files.iter().filter_map(|path| Some((path, heard.files.state(path)?))).collect();
        let gone = states.iter().filter(|(_, state)| *state == State::Missing);
        let gone: Vec<_> = gone.map(|(path, _)| path.display().to_string()).collect();
        if !(heard.first || states.iter().any(|(_, state)| *state == State::Present)) || !gone.is_empty() {
            look.missing.extend(gone);
            return;
        }
        match inputs::dataset(&self.args.sweep.data, context) {
            Err(error) => {
                self.data.good = None;
                look.refused.push(error);
            }
            Ok(dataset) => {
                let digest = dataset.fingerprint();
                if self.data.good.is_some() && self.data.digest == Some(digest) {
                    look.unchanged.extend(states.iter().map(|(path, _)| path.display().to_string()));
                    return;
                }
                let hashes = self.typed.scope.bars(&dataset);
                self.data.take(digest, "data", Ok(Bars { dataset, hashes }), look);
            }
        }
    }
}

impl<T> Input<T> {
    /// The bytes of the file, if they can be had now.
    fn read(&mut self, path: &Path, limit: u64, look: &mut Look) -> Option<Vec<u8>> {
        let name = || path.display().to_string();
        let was_missing = std::mem::take(&mut self.is_missing);
        match read_settled(path, limit) {
            Ok(bytes) => return Some(bytes),
            // Whoever writes it ends with another change.
            Err(ReadError::Unsettled) => look.incomplete.push(name()),
            Err(ReadError::Missing) => {
                self.is_missing = true;
                if !was_missing {
                    look.missing.push(name());
                }
            }
            Err(error) => {
                (self.good, self.digest) = (None, None);
                look.refused.push(anyhow!(error).context(format!("`{}` cannot be read", path.display())));
            }
        }
        None
    }

    /// Takes what the bytes mean.
    fn take(&mut self, digest: Digest, name: &'static str, meaning: Result<T>, look: &mut Look) {
        self.digest = Some(digest);
        match meaning {
            Ok(good) => {
                self.good = Some(good);
                look.changed.push(name);
            }
            Err(error) => {
                self.good = None;
                look.refused.push(error);
            }
        }
    }
}

impl Look {
    /// What JSON says of it, where nothing was swept.
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

    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        let texts = [&self.unchanged, &self.missing, &self.incomplete];
        self.changed.is_empty() && self.refused.is_empty() && texts.iter().all(|texts| texts.is_empty())
    }
}

fn is_heard(heard: &Heard, path: &Path) -> bool {
    heard.first || heard.files.state(path).is_some()
}

/// Whether a file has only begun to be written.
fn is_cut_short(path: &Path, bytes: &[u8]) -> bool {
    let is_component = path.extension().is_some_and(|extension| extension == "wasm");
    if is_component { sandbox::is_cut_short(bytes) } else { bytes.is_empty() }
}

/// Does `work`, whose results are talk where standard output is for programs.
fn aside<T>(context: &mut Context<'_>, work: impl FnOnce(&mut Context<'_>) -> Result<T>) -> Result<T> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (gone, terminal, interrupt) = (context.gone, context.terminal, context.interrupt);
    let mut inner = Context { out: &mut out, gone, talk: Talk::new(&mut err, terminal), terminal, interrupt };
    let done = work(&mut inner);
    for text in [out, err].iter().map(|text| String::from_utf8_lossy(text)).filter(|text| !text.is_empty()) {
        context.talk.note(text.trim_end());
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
