//! The cells of a sweep in the store: what is known is looked up, and what is run is kept.
//!
//! Never runs a cell. One book for all instruments together, or one for each symbol, which is opened when its turn comes.

use std::{
    collections::{BTreeSet, BinaryHeap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::json;

use super::{
    CellIdentity,
    checks::{Checked, Checks},
    grid::Plan,
    jobs::Known,
    provenance::BenchmarkFacts,
    request::{BoundRequest, SweepRequest},
    runs::{RunEnd, RunStart},
    scope::{Instruments, Part, Scope},
};
use crate::{
    backtest::{Market, SetupError, Strategy},
    metrics::Metrics,
    model::{Canonical, Digest, Params, Series, format_time},
    sandbox::Limits,
    store::{Book, DEFAULT_CAP, Kept, Shape, Store, StoreError, Trials, sync},
    task::{Answer, ParallelResult},
};

/// Books of symbols that are open at a time: more than a sweep works on.
const OPEN: usize = 12;

/// Files of symbols that may not surely be on the disk: a machine that stops loses their cells.
const UNSYNCED: usize = 64;

/// Cells that are looked at to tell whether a sweep has something to go on from.
const LOOKED_AT: usize = 1_000_000;

/// Cells that are looked up to tell whether a strategy need not prepare, since all are known: some milliseconds.
const MOST_LOOKED_UP: u64 = 10_000;

/// The books of one sweep.
#[derive(Debug)]
pub struct StoredCells {
    store: Store,
    strategy: Strategy,
    identity: CellIdentity,
    shape: Shape,
    checks: Option<Checks>,
    /// The name of the run in the ledger.
    run: OnceLock<String>,
    facts: serde_json::Value,
    /// Of each symbol, or of all together.
    bars: Vec<Bars>,
    /// The place of each symbol's bars; none where all are together.
    places: HashMap<String, usize>,
    /// The book of all together, `None` in it if it cannot be opened.
    together: OnceLock<Option<Arc<Book>>>,
    /// The books of symbols that are open, the latest last.
    open: RwLock<Vec<(usize, Option<Arc<Book>>)>>,
    found: AtomicU64,
    summary: Mutex<Summary>,
    spare: Option<Box<StoredCells>>,
    /// The trials on other bars that the cells count as, too.
    also: Option<Trials>,
}

/// The bars of a book.
#[derive(Debug)]
struct Bars {
    digest: Digest,
    summary: String,
}

/// What came of books that were closed.
#[derive(Debug, Default)]
struct Summary {
    kept: u64,
    lost: u64,
    twice: u64,
    lacking: u64,
    lacks: BTreeSet<&'static str>,
    problem: Option<String>,
    notices: Vec<String>,
    /// Files that are not surely on the disk.
    unsynced: Vec<PathBuf>,
}

impl Summary {
    /// Adds what came of a book that was closed.
    fn add(&mut self, Kept { kept, lost, twice, lacking }: Kept, book: &Book) {
        (self.kept, self.lost, self.twice) = (self.kept + kept, self.lost + lost, self.twice + twice);
        if lacking > 0 {
            self.lacking += lacking;
            self.lacks.extend(book.lacks());
        }
        self.unsynced.extend(book.file().map(Path::to_owned));
        if self.problem.is_none() {
            self.problem = book.problem().map(str::to_owned);
        }
    }
}

/// What a sweep did with the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreUse {
    /// Cells that were known.
    pub found: u64,
    /// Cells that were kept.
    pub kept: u64,
    /// Cells that were not kept, since the store failed.
    pub lost: u64,
    /// Cells that another process ran at the same time.
    pub twice: u64,
    /// Cells that were known without all metrics that are wanted, and ran again.
    pub lacking: u64,
    /// The metrics that they lack.
    pub lacks: Vec<&'static str>,
    /// Why, or why cells could not be looked up.
    pub problem: Option<String>,
    /// What was found wrong in the store, and mended.
    pub notices: Vec<String>,
    /// What came of the results that were computed again, if some were to be.
    pub checked: Option<Checked>,
}

impl StoreUse {
    /// Both together, with the first problem of them.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.notices.extend(other.notices);
        let new: Vec<_> = other.lacks.into_iter().filter(|metric| !self.lacks.contains(metric)).collect();
        self.lacks.extend(new);
        Self {
            found: self.found + other.found,
            kept: self.kept + other.kept,
            lost: self.lost + other.lost,
            twice: self.twice + other.twice,
            lacking: self.lacking + other.lacking,
            lacks: self.lacks,
            problem: self.problem.or(other.problem),
            notices: self.notices,
            checked: self.checked.or(other.checked),
        }
    }
}

impl StoredCells {
    /// The cells of `request`, bound as `bound`, on `scope`. `None` where results cannot be kept: Rust code has no hash, and
    /// with `tasks_per_fork` a cell can see what another has left.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot be run in the way that is asked for.
    pub fn new(
        store: Store,
        request: &SweepRequest,
        bound: &BoundRequest,
        scope: &Scope,
    ) -> Result<Option<Self>, SetupError> {
        Self::on(store, (request, &bound.limits), bound.instruments, scope.market(), scope.strategy())
    }

    /// The cells of `strategy` on `market`, under the account and the limits of `request`, of which `limits` is the meaning: what
    /// the grid is, decides no cell. `None` as in [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot be run in the way that is asked for.
    pub fn on(
        store: Store,
        (request, limits): (&SweepRequest, &Limits),
        instruments: Instruments,
        market: &Market,
        strategy: &Strategy,
    ) -> Result<Option<Self>, SetupError> {
        let identity = CellIdentity::of(request, market.settings(), limits, strategy)?;
        let Some(identity) = identity.filter(|_| limits.tasks_per_fork == 1) else { return Ok(None) };
        let description = strategy.description();
        let mut facts = json!({
            "host": env!("CARGO_PKG_VERSION"),
            "results_version": super::RESULTS_VERSION,
            "plugin": description.name,
            "plugin_version": description.version,
            "plugin_hash": strategy.digest(),
            "mode": strategy.mode(market.settings().mode)?.to_string(),
            "account": request.account,
            "period": request.period,
            "limits": request.limits,
        });
        if let Some(benchmark) = BenchmarkFacts::of(market) {
            facts["benchmark"] = json!(benchmark);
        }
        let parameters = description.parameters.clone();
        // Those that are computed, which the market says.
        let shape = Shape { parameters, metrics: market.settings().metrics };
        let (bars, places) = bars(instruments, market);
        Ok(Some(Self {
            store,
            strategy: strategy.clone(),
            identity,
            shape,
            checks: None,
            run: OnceLock::new(),
            facts,
            bars,
            places,
            together: OnceLock::new(),
            open: RwLock::default(),
            found: AtomicU64::new(0),
            summary: Mutex::default(),
            spare: None,
            also: None,
        }))
    }

    /// The same cells, where `spare` takes what this store cannot, and is asked for what it does not know.
    #[must_use]
    pub fn with_spare(self, spare: Option<Self>) -> Self {
        Self { spare: spare.map(Box::new), ..self }
    }

    /// The same cells, which count as trials on the bars of `whole`, too: theirs are the first ones of these.
    #[must_use]
    pub fn counting_on(self, whole: &Market) -> Self {
        let (data, plugin) = (whole.dataset(), self.plugin());
        let also = Some(self.store.trials_of(plugin, data.fingerprint(), &data.summary()));
        Self { also, ..self }
    }

    /// The plugin: cells have an identity, so that the strategy is one.
    fn plugin(&self) -> Digest {
        self.strategy.digest().unwrap_or_else(|| self.identity.digest())
    }

    /// The same cells, of which a `share` of those that are known, from 0 to 1, runs all the same and is compared.
    #[must_use]
    pub fn checking(self, share: f64) -> Self {
        Self { checks: Some(Checks::new(share, self.shape.metrics)), ..self }
    }

    /// What decides the results, but bars and parameters.
    pub fn identity(&self) -> CellIdentity {
        self.identity
    }

    /// The indices of up to `size` cells of `plan` that are known, in ascending order: other ones for each `seed`, and of each
    /// symbol among the first million.
    pub fn sample(&self, plan: &Plan, size: usize, seed: u64) -> Vec<u64> {
        let is_alone = !self.places.is_empty();
        let (mut lowest, mut before) = (BinaryHeap::new(), 0);
        for place in 0..self.bars.len() {
            let mut looked_at = 0;
            let offer = |book: &Book| {
                for (number, (index, params)) in (0..).zip(plan.cursor().take(LOOKED_AT)) {
                    looked_at = number + 1;
                    if !book.has(&params) {
                        continue;
                    }
                    // Where symbols run alone, tasks are numbered through.
                    let index = if is_alone { before + number } else { index };
                    let order = Canonical::default().count("seed", seed).count("cell", index);
                    lowest.push((Digest::of(order.as_bytes()), index));
                    if lowest.len() > size {
                        lowest.pop();
                    }
                }
            };
            self.in_book(place, offer);
            match plan.count().exact() {
                Some(count) => before += count,
                None if looked_at < LOOKED_AT as u64 => before += looked_at,
                // Nobody knows the numbers of the next symbol's tasks.
                None => break,
            }
        }
        let mut indices: Vec<_> = lowest.into_iter().map(|(_, index)| index).collect();
        indices.sort_unstable();
        indices
    }

    /// Notes in the ledger that the run begins.
    pub fn begin_run(&self, start: &RunStart) {
        let begun = || {
            let names = self.places.iter().map(|(symbol, place)| (*place, &**symbol));
            let mut symbols: Vec<_> = names.map(|(place, symbol)| (symbol, self.bars[place].digest)).collect();
            if !symbols.is_empty() {
                symbols.sort_by_key(|(symbol, _)| self.places.get(*symbol));
                self.store.keep_symbols(start.provenance.data_hash, &symbols)?;
            }
            let facts = serde_json::to_value(start).map_err(|error| StoreError::Encode(error.to_string()))?;
            self.store.begin_run(facts)
        };
        match begun() {
            Ok(run) => _ = run.map(|run| self.run.set(run)),
            Err(error) => _ = lock(&self.summary).problem.get_or_insert(super::with_causes(&error)),
        }
    }

    /// Notes in the ledger how the run has ended, and returns what is wrong if that fails.
    pub fn end_run(&self, end: &RunEnd) -> Option<String> {
        let ended = || {
            let facts = serde_json::to_value(end).map_err(|error| StoreError::Encode(error.to_string()))?;
            self.run.get().map_or(Ok(()), |run| self.store.end_run(run, facts))
        };
        ended().err().map(|error| super::with_causes(&error))
    }

    /// The number of books: one of all instruments together, or one of each symbol.
    pub(super) fn books(&self) -> usize {
        self.bars.len()
    }

    /// Whether each symbol has a book.
    pub(super) fn is_each_symbol(&self) -> bool {
        !self.places.is_empty()
    }

    /// The number of cells that the book of the bars at `place` has, whatever their parameters.
    pub(super) fn len(&self, place: usize) -> usize {
        self.in_book(place, Book::len).unwrap_or(0)
    }

    /// The bytes that `results` would take in the book of the bars at `place`, which follow each other; `None` if it cannot be
    /// opened.
    pub(super) fn size_of(&self, place: usize, results: &[ParallelResult<Metrics>]) -> Option<u64> {
        self.in_book(place, |book| book.size_of(results).ok())?
    }

    /// Whether one of the first cells of `plan` is known: of each symbol, a million are looked at. What a sweep has run are its
    /// first ones.
    pub fn has_some_of(&self, plan: &Plan) -> bool {
        let has = |book: &Book| {
            let first = plan.indices().take(LOOKED_AT);
            !book.is_empty() && first.filter_map(|index| plan.params(index)).any(|params| book.has(&params))
        };
        (0..self.bars.len()).any(|place| self.in_book(place, has).unwrap_or(false))
    }

    /// Whether all cells of `plan` are known, on each symbol where it runs alone.
    pub fn has_all_of(&self, plan: &Plan) -> bool {
        let has = |place, index| plan.params(index).is_some_and(|params| self.has(Some(place), &params));
        (0..self.bars.len()).all(|place| plan.indices().all(|index| has(place, index)))
    }

    /// Ends what was begun, and returns what came of it. Call it once, after the last result.
    pub fn finish(&self) -> StoreUse {
        let open = std::mem::take(&mut *self.open.write().unwrap_or_else(PoisonError::into_inner));
        let open = open.into_iter().filter_map(|(_, book)| book);
        let together = self.together.get().cloned().flatten();
        open.chain(together).for_each(|book| self.close(&book));
        self.sync(1);
        let mut summary = lock(&self.summary);
        if summary.kept > 0
            && let Err(error) = self.keep_plugin().and_then(|()| self.store.prune(DEFAULT_CAP).map(|_| ()))
        {
            summary.problem.get_or_insert(super::with_causes(&error));
        }
        if let Some(Err(error)) = self.also.as_ref().map(Trials::save) {
            summary.problem.get_or_insert(super::with_causes(&error));
        }
        let checked = self.checks.as_ref().map(|checks| self.set_aside(checks, &mut summary));
        let Summary { kept, lost, twice, lacking, lacks, problem, notices, .. } = std::mem::take(&mut *summary);
        let problem = problem.or(self.spare.as_ref().and_then(|spare| spare.finish().problem));
        let (found, lacks) = (self.found.load(Relaxed), lacks.into_iter().collect());
        StoreUse { found, kept, lost, twice, lacking, lacks, problem, notices, checked }
    }

    fn close(&self, book: &Book) {
        let kept = book.finish();
        lock(&self.summary).add(kept, book);
    }

    /// Puts what was kept on the disk, once there are so many files.
    fn sync(&self, most: usize) {
        let mut summary = lock(&self.summary);
        if summary.unsynced.len() < most {
            return;
        }
        let files = std::mem::take(&mut summary.unsynced);
        drop(summary);
        if let Err(error) = sync(&files) {
            lock(&self.summary).problem.get_or_insert(super::with_causes(&error));
        }
    }

    /// Keeps the plugin, so that its results can be computed again.
    fn keep_plugin(&self) -> Result<(), StoreError> {
        let Strategy::Plugin(plugin) = self.strategy.bare() else { return Ok(()) };
        self.store.keep_plugin(plugin.digest(), plugin.bytes())
    }

    /// Sets the books aside in which a check has found a difference.
    fn set_aside(&self, checks: &Checks, summary: &mut Summary) -> Checked {
        let (mut checked, places) = checks.finish();
        for place in places {
            match self.store.set_book_aside(self.identity.book(self.bars[place].digest)) {
                Ok(aside) => checked.aside.push(aside),
                Err(error) => _ = summary.problem.get_or_insert(super::with_causes(&error)),
            }
        }
        checked
    }

    /// What `look` finds in the book of the bars at `place`, which is opened if need be; `None` if it cannot be. All workers come
    /// here for each task, so that the one book of all bars together is not counted for each.
    pub(super) fn in_book<T>(&self, place: usize, look: impl FnOnce(&Book) -> T) -> Option<T> {
        if self.places.is_empty() {
            return self.together.get_or_init(|| self.opened(place)).as_deref().map(look);
        }
        self.book_of_symbol(place).as_deref().map(look)
    }

    fn book_of_symbol(&self, place: usize) -> Option<Arc<Book>> {
        let known = |open: &[(usize, Option<Arc<Book>>)]| {
            open.iter().rfind(|(known, _)| *known == place).map(|(_, book)| book.clone())
        };
        if let Some(book) = known(&self.open.read().unwrap_or_else(PoisonError::into_inner)) {
            return book;
        }
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(book) = known(&open) {
            return book;
        }
        let book = self.opened(place);
        open.push((place, book.clone()));
        let oldest = (open.len() > OPEN).then(|| open.remove(0).1).flatten();
        drop(open);
        if let Some(oldest) = oldest {
            self.close(&oldest);
            self.sync(UNSYNCED);
        }
        book
    }

    fn opened(&self, place: usize) -> Option<Arc<Book>> {
        match self.open(&self.bars[place]) {
            Ok(book) => {
                lock(&self.summary).notices.extend_from_slice(book.notices());
                Some(Arc::new(book))
            }
            Err(error) => {
                lock(&self.summary).problem.get_or_insert(super::with_causes(&error));
                None
            }
        }
    }

    fn open(&self, bars: &Bars) -> Result<Book, StoreError> {
        let mut facts = self.facts.clone();
        facts["data"] = bars.summary.clone().into();
        facts["data_hash"] = bars.digest.to_string().into();
        let trials = self.store.trials_of(self.plugin(), bars.digest, &bars.summary);
        self.store.book(self.identity.book(bars.digest), Some(&facts.to_string()), &self.shape, trials)
    }
}

fn bars(instruments: Instruments, market: &Market) -> (Vec<Bars>, HashMap<String, usize>) {
    let data = market.dataset();
    let alone = |series: &Series| {
        let time = |at: Option<&i64>| at.map_or_else(String::new, |at| format_time(*at));
        let (first, last) = (time(series.time.first()), time(series.time.last()));
        format!("`{}`, {} bars, {first} to {last}", series.symbol, series.len())
    };
    match instruments {
        Instruments::Together => (vec![Bars { digest: data.fingerprint(), summary: data.summary() }], HashMap::new()),
        Instruments::EachSymbol => {
            let symbols = data.series().iter().zip(instruments.bars(data));
            let bars = symbols.map(|(series, digest)| Bars { digest, summary: alone(series) });
            (bars.collect(), data.series().iter().map(|series| series.symbol.clone()).zip(0..).collect())
        }
    }
}

impl Known<Metrics> for StoredCells {
    fn recall(&self, place: Option<usize>, params: &Params) -> Option<(Answer<Metrics>, Duration)> {
        let found = self.in_book(place.unwrap_or(0), |book| book.find(params)).flatten();
        found.or_else(|| self.spare.as_ref()?.recall(place, params))
    }

    fn has(&self, place: Option<usize>, params: &Params) -> bool {
        self.in_book(place.unwrap_or(0), |book| book.has(params)).unwrap_or(false)
            || self.spare.as_ref().is_some_and(|spare| spare.has(place, params))
    }

    fn is_checked(&self, params: &Params) -> bool {
        self.checks.as_ref().is_some_and(|checks| checks.takes(params))
    }

    fn is_same(&self, place: Option<usize>, known: &ParallelResult<Metrics>, now: &ParallelResult<Metrics>) -> bool {
        self.checks.as_ref().is_none_or(|checks| checks.compare(place.unwrap_or(0), known, now))
    }

    fn keep(&self, results: &[ParallelResult<Metrics>]) {
        if let Some(also) = &self.also {
            results.iter().filter(|result| result.success).for_each(|result| also.add_params(&result.params));
        }
        self.found.fetch_add(results.iter().filter(|result| result.cached).count() as u64, Relaxed);
        for results in results.chunk_by(|one, next| one.symbol == next.symbol) {
            let symbol = results[0].symbol.as_ref();
            let place = symbol.and_then(|symbol| self.places.get(symbol)).copied().unwrap_or(0);
            let kept = self.in_book(place, |book| book.keep(results)).unwrap_or(false);
            if let Some(spare) = self.spare.as_ref().filter(|_| !kept) {
                spare.keep(results);
            }
        }
    }
}

/// The cells of several strategies, each of which is at the place of its task: equal books are one.
pub(super) struct CellsOfEach<'a>(pub(super) &'a [Option<Arc<StoredCells>>]);

impl CellsOfEach<'_> {
    fn at(&self, place: Option<usize>) -> Option<&StoredCells> {
        self.0.get(place?)?.as_deref()
    }
}

impl Known<Metrics> for CellsOfEach<'_> {
    fn recall(&self, place: Option<usize>, params: &Params) -> Option<(Answer<Metrics>, Duration)> {
        self.at(place)?.recall(None, params)
    }

    fn has(&self, place: Option<usize>, params: &Params) -> bool {
        self.at(place).is_some_and(|cells| cells.has(None, params))
    }

    /// None is: a comparison has no checks.
    fn is_checked(&self, _: &Params) -> bool {
        false
    }

    fn is_same(&self, _: Option<usize>, _: &ParallelResult<Metrics>, _: &ParallelResult<Metrics>) -> bool {
        true
    }

    fn keep(&self, results: &[ParallelResult<Metrics>]) {
        for result in results {
            if let Some(cells) = self.at(usize::try_from(result.index).ok()) {
                cells.keep(std::slice::from_ref(result));
            }
        }
    }
}

impl<'a> Part<'a> {
    /// The same tasks, of which those that are in the store are looked up there, and the others are kept in it.
    #[must_use]
    pub fn stored(self, cells: Option<&'a StoredCells>) -> Self {
        self.with(cells.map(|cells| cells as _))
    }
}

impl Scope {
    /// Prepares the strategy ([`prepare`](Self::prepare)), unless it is soon seen that `cells` have each result of `plan`.
    ///
    /// # Errors
    ///
    /// Returns an error if it fails to prepare.
    pub fn prepare_unless_known(&self, plan: &Plan, cells: Option<&StoredCells>) -> Result<(), SetupError> {
        let is_small = plan.count().exact().is_some_and(|count| count <= MOST_LOOKED_UP);
        // What is checked runs.
        let cells = cells.filter(|cells| is_small && self.symbols().is_none() && cells.checks.is_none());
        let is_known = cells.is_some_and(|cells| cells.has_all_of(plan));
        if is_known { Ok(()) } else { self.prepare() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
