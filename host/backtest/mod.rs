//! The backtest of one task: parameters become targets or orders, these become trades, trades become metrics.
//!
//! Never starts a thread, and never knows the number of tasks. What all tasks share is a [`Market`] and a
//! [`Backtest`]; what one worker reuses is a [`WorkerState`].

mod account;
mod benchmark;
#[cfg(test)]
mod driven;
mod exits;
mod period;
mod remote;
mod strategy;

use std::{
    io::{self, Write},
    ops::Range,
    sync::{Arc, OnceLock},
    time::Duration,
};

use self::remote::{ClusterBacktest, Pool, RemoteBacktest};
pub use self::strategy::{EventStrategy, Mode, Native, NativeEvents, Strategy, WithExits};
pub use self::{
    account::{AccountError, AccountSpec},
    benchmark::{Benchmark, BenchmarkError, BenchmarkProblem, BenchmarkSpec, Closes, NoBenchmark},
    exits::{ExitKind, with_exits},
    period::{Period, PeriodError},
};
pub(crate) use self::{
    remote::{Asked, NodeJob, Timed, Waiting, read_shard, rewrite_messages, serve, write_reply},
    strategy::guarded,
};
use crate::{
    broker::{self, Bankruptcy, BuyingPower, Client, Exits, Ledger, Timeline, TradeError, WarmUp, Wishes, Workspace},
    data::Dataset,
    metrics::{
        self, Annualization, Frame, Frequency, Metrics, ReturnsPeriod, Scratch, Selection, Undetermined, period_returns,
    },
    model::{ParamError, Params, Series, Targets},
    sandbox::{Events, ForkSlot, Forking, Prepared, Signals, Tape},
    task::{Answer, ErrorKind, TaskError},
    trace::{End, Header, Recorder, Writer},
};

/// The settings of a backtest: account, mode and measurement.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// The account: cash, fills, sizes and costs.
    pub account: broker::Settings,
    /// The mode of strategies; `None` means targets if a strategy answers with them, else orders.
    pub mode: Option<Mode>,
    /// Bars in a year; `None` infers it from the bars.
    pub periods_per_year: Option<f64>,
    /// The yearly rate that excess returns are measured from, as a fraction.
    pub risk_free: f64,
    /// The part of the data on which strategies trade and are measured.
    pub period: Period,
    /// The metrics to compute; all by default.
    pub metrics: Selection,
    /// The periods whose returns answers have; by default they have none.
    pub returns: Option<ReturnsPeriod>,
    /// What runs are measured against; by default nothing.
    pub benchmark: Option<Benchmark>,
}

impl Settings {
    /// Checks that a run can use every value.
    ///
    /// # Errors
    ///
    /// Returns the first problem found.
    pub fn check(&self) -> Result<(), SetupError> {
        self.account.check()?;
        self.period.check()?;
        if let Some(periods) = self.periods_per_year.filter(|periods| !(periods.is_finite() && *periods > 0.0)) {
            return Err(SetupError::PeriodsPerYear(periods));
        }
        if !self.risk_free.is_finite() {
            return Err(SetupError::RiskFree(self.risk_free));
        }
        Ok(())
    }

    fn annualization(&self, timeline: &Timeline) -> Result<Annualization, Undetermined> {
        self.periods_per_year.map_or_else(|| Annualization::infer(timeline), |given| Ok(Annualization::given(given)))
    }
}

/// Why a backtest cannot be set up.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A setting of the account makes no sense.
    #[error(transparent)]
    Account(#[from] broker::SettingsError),
    /// The data has no such part.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// The number of bars in a year is not a positive number.
    #[error("`periods_per_year` is {0}; give a finite number above 0")]
    PeriodsPerYear(f64),
    /// The risk-free rate is not a finite number.
    #[error("`risk_free` is {0}; give a finite rate, like 0.02 for 2 % a year")]
    RiskFree(f64),
    /// The terms of an instrument make no sense together with the account's.
    #[error("`{symbol}`: {problem}")]
    Terms {
        /// The instrument.
        symbol: String,
        /// The problem.
        problem: broker::SettingsError,
    },
    /// Rules of other engines, and prices that they do not know.
    #[error("{rules} are for prices above 0, and `{symbol}` has others; leave `--profile` and its rules out")]
    Signed {
        /// The rules.
        rules: &'static str,
        /// The instrument.
        symbol: String,
    },
    /// The time between bars is given, and no profile uses it.
    #[error(
        "`freq` is {0}, which only the statistics of `--profile vectorbt` use; give that profile, or leave `freq` out"
    )]
    Frequency(Frequency),
    /// The strategy may act on no bar.
    #[error("`first_bar` is {first}, and the data has {bars} bars, counted from 0; give a smaller number")]
    FirstBar {
        /// The first bar at which it may act.
        first: usize,
        /// Bars of the data.
        bars: usize,
    },
    /// A rule for one instrument, and data with several.
    #[error("`funds {0}` is for one instrument, and the data has {1}; leave it out, or give each symbol alone")]
    FreeCash(BuyingPower, usize),
    /// The strategy does not support the requested mode.
    #[error("`{name}` does not export `{}`; leave `--mode {wish}` out", wish.interface())]
    NoMode {
        /// The strategy.
        name: String,
        /// The requested mode.
        wish: Mode,
    },
    /// The plugin is not a strategy.
    #[error("`{0}` exports neither `signals` nor `events` of `backtest:strategy@0.1.0`; run it with `host run`")]
    NoStrategy(String),
    /// A strategy of orders is to have exits of the account.
    #[error(
        "`{0}` is run by `events` and sends orders of its own; leave stop loss, take profit and trailing stop out, and let it send \
         brackets or stops"
    )]
    ExitsOfEvents(String),
    /// An exit of the account is called like a parameter of the strategy.
    #[error(
        "`{name}` has a parameter `{exit}` of its own; give it with `--param {exit}=VALUE` (in a request among the parameters)"
    )]
    OwnExit {
        /// The strategy.
        name: String,
        /// The exit.
        exit: String,
    },
    /// The benchmark does not fit the data.
    #[error("benchmark `{name}`: {problem}")]
    Benchmark {
        /// The benchmark.
        name: String,
        /// The problem.
        problem: BenchmarkProblem,
    },
    /// `prepare` fails.
    #[error("`{name}` cannot prepare the data")]
    Prepare {
        /// The strategy.
        name: String,
        /// The failure.
        #[source]
        source: TaskError,
    },
    /// The strategy does not take a parameter.
    #[error(transparent)]
    Params(#[from] ParamError),
}

impl From<SetupError> for TaskError {
    /// A fault of the strategy keeps its kind; any other problem of the setup is `failed`.
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Prepare { source, .. } => source,
            other => Self::new(ErrorKind::Failed, other.to_string()),
        }
    }
}

/// The market: a data set, the part of it that is traded, its timeline and its settings, shared by all tasks.
#[derive(Debug)]
pub struct Market {
    dataset: Dataset,
    /// For each instrument the bars that come before the first to trade in.
    skipped: Vec<usize>,
    /// These bars.
    warm_up: WarmUp,
    /// The bars that are traded.
    traded: Arc<[Series]>,
    timeline: Timeline,
    frame: Frame,
    settings: Settings,
    /// The days on which the benchmark stands still.
    still: usize,
    /// Where the periods of returns end, if answers have some ([`Frame::period_ends`]).
    period_ends: Option<Vec<usize>>,
    tape: OnceLock<Option<Arc<Tape>>>,
}

impl Market {
    /// Prepares to trade the period of `dataset` that `settings` name.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting makes no sense, alone or together with the terms of an instrument, or if the data has no
    /// bars in the period.
    pub fn new(dataset: Dataset, settings: Settings) -> Result<Self, SetupError> {
        settings.check()?;
        // Who asks for all metrics beside a benchmark means those against it, too.
        let is_all = settings.benchmark.is_some() && settings.metrics == Selection::all();
        let added = if is_all { Selection::relative() } else { Selection::none() };
        let settings = Settings { metrics: settings.metrics.and_those_of(added), ..settings };
        for series in dataset.series() {
            check_terms(&settings.account, series)?;
        }
        let dataset = settings.period.end(dataset)?;
        let skipped = settings.period.skipped(dataset.series())?;
        let market = Self::checked(dataset, skipped, settings).measured()?;
        let (first, bars) = (market.settings.account.first_bar, market.timeline.len());
        // The bar after the first is where a profile begins, whatever the data.
        if first > 1 && first >= bars {
            return Err(SetupError::FirstBar { first, bars });
        }
        Ok(market)
    }

    fn checked(dataset: Dataset, skipped: Vec<usize>, settings: Settings) -> Self {
        let (warm_up, traded) = split(&dataset, &skipped);
        let timeline = Timeline::of(&traded);
        let annualization = settings.annualization(&timeline);
        let frame = Frame::new(timeline.times(), timeline.days(), annualization, settings.risk_free);
        let period_ends = settings.returns.map(|period| frame.period_ends(period));
        let tape = OnceLock::new();
        Self { dataset, skipped, warm_up, traded, timeline, frame, settings, still: 0, period_ends, tape }
    }

    /// Looks up what runs are measured against.
    fn measured(self) -> Result<Self, SetupError> {
        let Some((benchmark, still)) = self.benchmark()? else { return Ok(self) };
        Ok(Self { still, ..self.against(benchmark) })
    }

    /// Measures runs against `benchmark`, which has a return for each of the days.
    fn against(self, benchmark: metrics::Benchmark) -> Self {
        Self { frame: self.frame.with_benchmark(benchmark), ..self }
    }

    /// Like [`checked`](Self::checked), against a benchmark of which these are the returns, that was looked up elsewhere.
    fn checked_against(
        dataset: Dataset,
        skipped: Vec<usize>,
        (settings, returns): (Settings, Option<Vec<f64>>),
    ) -> Result<Self, TaskError> {
        let market = Self::checked(dataset, skipped, settings);
        let Some(returns) = returns else { return Ok(market) };
        let days = market.frame.period_ends(ReturnsPeriod::Day).len();
        if returns.len() != days {
            let text = format!("there are {} returns of the benchmark for {days} days", returns.len());
            return Err(TaskError::new(ErrorKind::Host, text));
        }
        let benchmark = metrics::Benchmark::new(returns);
        Ok(market.against(benchmark.map_err(|error| TaskError::new(ErrorKind::Host, error.to_string()))?))
    }

    /// The market of instrument `at` alone: its bars, its times and its year, under the same settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the benchmark does not fit these bars.
    ///
    /// # Panics
    ///
    /// Panics if `at` is not an instrument of the data.
    pub fn only(&self, at: usize) -> Result<Self, SetupError> {
        Self::checked(self.dataset.only(at), vec![self.skipped[at]], self.settings.clone()).measured()
    }

    /// The bars per year that instrument `at` [alone](Self::only) is measured with.
    ///
    /// # Errors
    ///
    /// Returns why nobody can say.
    ///
    /// # Panics
    ///
    /// Panics if `at` is not an instrument of the data.
    pub fn annualization_of(&self, at: usize) -> Result<Annualization, Undetermined> {
        self.settings.annualization(&Timeline::of(&self.traded[at..=at]))
    }

    /// The bars that strategies see: those of the period, and what comes before it.
    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// The bars that are traded: those of the period. An instrument may have none.
    pub fn series(&self) -> &[Series] {
        &self.traded
    }

    /// The times at which equity is marked.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// The settings of runs on it.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The metrics to compute.
    pub fn metrics(&self) -> Selection {
        self.settings.metrics
    }

    /// The returns of the benchmark by days, for a worker.
    fn benchmark_returns(&self) -> Option<Vec<f64>> {
        self.frame.benchmark().map(|benchmark| benchmark.returns().to_vec())
    }

    /// The days on which the benchmark has no new bar, and stands still.
    pub fn still_days(&self) -> usize {
        self.still
    }

    /// The frame of measurement: times, bars per year, the risk-free rate and the benchmark.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The last time stamps of the periods whose returns answers have, in nanoseconds since the Unix epoch; `None` if they have none.
    pub fn period_times(&self) -> Option<Vec<i64>> {
        self.period_ends.as_ref().map(|ends| self.frame.period_times(ends))
    }

    /// The part of this market's period that has the time stamps `stamps` of its timeline, as a period of the same data: what comes
    /// before it warms a strategy up. `None` if there are no such stamps.
    pub fn part(&self, stamps: Range<usize>) -> Option<Period> {
        if stamps.is_empty() || stamps.end > self.timeline.len() {
            return None;
        }
        let edge = |at: usize| period::edge(&self.traded, &self.timeline, at);
        let Period { from, to } = self.settings.period;
        Some(Period {
            from: stamps.start.checked_sub(1).map(|before| edge(before).1).or(from),
            to: if stamps.end < self.timeline.len() { Some(edge(stamps.end - 1).0) } else { to },
        })
    }

    /// The time stamps of the periods `periods`, of those whose returns answers have; `None` if answers have none, or not so many.
    pub fn stamps_of_periods(&self, periods: Range<usize>) -> Option<Range<usize>> {
        let ends = self.period_ends.as_ref()?;
        let before = |period: usize| period.checked_sub(1).map_or(Some(0), |last| ends.get(last).copied());
        Some(before(periods.start)?..before(periods.end)?)
    }

    /// Gives `prepared` the bars, if its forks can walk through them by themselves. If there is too little memory for one more
    /// copy of the bars, each bar is a call, with the same outcome.
    fn give_bars(&self, mut prepared: Prepared<Events>) -> Prepared<Events> {
        if prepared.has_driver() {
            let tape = || Tape::of(&self.traded, &self.timeline).ok().flatten().map(Arc::new);
            if let Some(tape) = self.tape.get_or_init(tape) {
                prepared.give_bars(tape);
            }
        }
        prepared
    }

    /// Whether targets can be traded as a strategy answers them: on all bars, in their order.
    fn is_whole(&self) -> bool {
        self.warm_up.series.is_empty() && !self.timeline.is_by_ends()
    }

    /// `account` for a period: after a warm-up, a strategy may act at once where only a profile has it wait for a bar.
    fn within_period(&self, account: broker::Settings) -> broker::Settings {
        let is_warm = !self.warm_up.timeline.is_empty();
        let first_bar = if is_warm && account.first_bar == 1 { 0 } else { account.first_bar };
        broker::Settings { first_bar, ..account }
    }

    /// Trades `targets` of the data set's bars, as far as they are in the period.
    fn simulate(
        &self,
        account: &broker::Settings,
        work: &mut Workspace,
        ledger: &mut Ledger,
        (targets, exits): (&Targets, Exits),
    ) {
        let Self { traded, timeline, .. } = self;
        if self.is_whole() {
            let wishes = Wishes { before: &[], targets, exits };
            broker::simulate_after(wishes, traded, timeline, account, work, ledger);
        } else {
            let (before, targets) = self.within(targets);
            let account = self.within_period(*account);
            let wishes = Wishes { before: &before, targets: &targets, exits };
            broker::simulate_after(wishes, traded, timeline, &account, work, ledger);
        }
    }

    /// The targets of the traded bars in the order of the timeline, and before them the last target of each instrument
    /// from the bars before.
    fn within(&self, targets: &Targets) -> (Vec<(u32, f64)>, Targets) {
        let mut before = vec![None; self.skipped.len()];
        let mut entries = Vec::with_capacity(targets.len());
        for ((&at, &instrument), &exposure) in targets.at.iter().zip(&targets.instrument).zip(&targets.exposure) {
            match (at as usize).checked_sub(self.skipped[instrument as usize]) {
                None => before[instrument as usize] = Some(exposure),
                Some(bar) => {
                    entries.push((self.timeline.stamp(instrument as usize, bar), bar as u32, instrument, exposure))
                }
            }
        }
        entries.sort_by_key(|(stamp, ..)| *stamp);
        let before = (0..).zip(before).filter_map(|(instrument, exposure)| Some((instrument, exposure?)));
        let targets = Targets {
            at: entries.iter().map(|(_, bar, ..)| *bar).collect(),
            instrument: entries.iter().map(|(_, _, instrument, _)| *instrument).collect(),
            exposure: entries.iter().map(|(.., exposure)| *exposure).collect(),
        };
        (before.collect(), targets)
    }
}

/// The bars of `dataset` before the period, and those within it.
fn split(dataset: &Dataset, skipped: &[usize]) -> (WarmUp, Arc<[Series]>) {
    if skipped.iter().all(|bars| *bars == 0) {
        return (WarmUp::default(), dataset.shared());
    }
    let bars = || dataset.series().iter().zip(skipped);
    let series: Vec<_> = bars().map(|(one, bars)| one.first(*bars)).collect();
    let timeline = Timeline::of(&series);
    (WarmUp { series, timeline }, bars().map(|(one, bars)| one.part(*bars..one.len())).collect())
}

/// Checks the account together with the terms of an instrument, and its rules together with the instrument's prices.
fn check_terms(account: &broker::Settings, series: &Series) -> Result<(), SetupError> {
    let terms = account.for_contract(&series.contract);
    terms.check_terms().map_err(|problem| SetupError::Terms { symbol: series.symbol.clone(), problem })?;
    let rules = [
        ("the rules of vectorbt (`funds`)", account.rules.funds != BuyingPower::Margin),
        ("the rules of backtesting.py (`ruin zero`)", account.rules.ruin == Bankruptcy::Zero),
    ];
    let chosen = rules.iter().find(|(_, is_chosen)| *is_chosen);
    match chosen.filter(|_| series.low.iter().any(|low| *low <= 0.0)) {
        Some((rules, _)) => Err(SetupError::Signed { rules, symbol: series.symbol.clone() }),
        None => Ok(()),
    }
}

/// A strategy prepared on the data, shared by all tasks of a sweep.
#[derive(Debug)]
pub struct Backtest {
    market: Arc<Market>,
    strategy: Strategy,
    runner: Runner,
}

/// The answer where a worker process or a cluster was to give one, and none can.
fn no_answer<T>() -> Answer<T> {
    let text = "a run in a worker process or on a cluster leaves no books here; use threads";
    Answer::native(Err(TaskError::new(ErrorKind::Host, text)))
}

/// Runs one combination on a cluster, and waits for it.
fn run_alone(cluster: &ClusterBacktest, account: &broker::Settings, params: &Params) -> Answer<Metrics> {
    let failure = OnceLock::new();
    let waiting = Waiting { is_wanted: &|| true, fail: &|why| _ = failure.set(TaskError::new(ErrorKind::Host, why)) };
    let answers = cluster.run(Some(account), &[params], &waiting);
    let answer = answers.map(|answers| answers.into_iter().next().map(|timed| timed.answer));
    match (answer, failure.into_inner()) {
        (Ok(Some(answer)), _) => answer,
        (Ok(None), Some(error)) | (Err(error), _) => Answer::native(Err(error)),
        (Ok(None), None) => no_answer(),
    }
}

/// The answers to the first of `tasks` tasks; each has failed where none of them can run.
fn answered(answers: Result<Vec<Timed>, TaskError>, tasks: usize) -> Vec<Timed> {
    let failed = |error: TaskError| Timed { answer: Answer::native(Err(error)), time: Duration::ZERO };
    answers.unwrap_or_else(|error| (0..tasks).map(|_| failed(error.clone())).collect())
}

/// The runner of a task in its mode: a prepared plugin, or Rust code.
#[derive(Debug)]
enum Runner {
    Signals(Prepared<Signals>),
    Events(Prepared<Events>),
    Native(Native),
    NativeEvents(NativeEvents),
    /// A plugin in worker processes.
    Processes(Box<RemoteBacktest>),
    /// A plugin on the machines of a cluster.
    Cluster(ClusterBacktest, Mode),
}

/// The state that one worker reuses from task to task: buffers and a fork, nothing of a result.
#[derive(Debug, Default)]
pub struct WorkerState {
    signals: ForkSlot<Signals>,
    events: ForkSlot<Events>,
    work: Workspace,
    ledger: Ledger,
    scratch: Scratch,
    memory: Option<usize>,
    /// Worker processes that wait for tasks, where tasks run in them: these outlive one backtest.
    remote: Option<Arc<Pool>>,
}

impl WorkerState {
    /// A state whose books keep a record of every order.
    pub fn with_orders() -> Self {
        Self { ledger: Ledger::with_orders(), ..Self::default() }
    }

    /// The books of the last task that was run with this state.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Bytes of memory of the plugin after the last task with this state that delivered all bars one by one.
    pub fn memory(&self) -> Option<usize> {
        self.memory
    }
}

impl Backtest {
    /// Prepares `strategy` on the data of `market`.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy does not support the mode of the market's settings, or fails to prepare.
    pub fn new(market: Arc<Market>, strategy: Strategy) -> Result<Self, SetupError> {
        let instruments = market.dataset.series().len();
        let funds = market.settings.account.rules.funds;
        if funds != BuyingPower::Margin && instruments > 1 {
            return Err(SetupError::FreeCash(funds, instruments));
        }
        let mode = strategy.mode(market.settings.mode)?;
        let data = market.dataset.shared();
        let (program, cluster) = match strategy.bare() {
            Strategy::Plugin(plugin) => (plugin.sandbox().worker_program(), plugin.sandbox().cluster()),
            _ => (None, None),
        };
        let runner = match (strategy.bare(), mode) {
            (Strategy::Native(native), _) => Ok(Runner::Native(native.clone())),
            (Strategy::NativeEvents(native), _) => Ok(Runner::NativeEvents(native.clone())),
            (Strategy::Plugin(plugin), _) if let Some(cluster) = cluster => {
                ClusterBacktest::new(cluster, &market, plugin).map(|backtest| Runner::Cluster(backtest, mode))
            }
            (Strategy::Plugin(plugin), _) if let Some(program) = program => {
                RemoteBacktest::new(program, &market, plugin, mode).map(Box::new).map(Runner::Processes)
            }
            (Strategy::Plugin(plugin), Mode::Signals) => Prepared::new(plugin, data).map(Runner::Signals),
            (Strategy::Plugin(plugin), Mode::Events) => {
                Prepared::new(plugin, data).map(|prepared| Runner::Events(market.give_bars(prepared)))
            }
            (Strategy::WithExits(_), _) => unreachable!("a bare strategy has no exits"),
        };
        let failed = |source| SetupError::Prepare { name: strategy.description().name.clone(), source };
        Ok(Self { runner: runner.map_err(failed)?, market, strategy })
    }

    /// The data and the rules.
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// The data and the rules, shared.
    pub(crate) fn shared_market(&self) -> Arc<Market> {
        Arc::clone(&self.market)
    }

    /// The strategy.
    pub fn strategy(&self) -> &Strategy {
        &self.strategy
    }

    /// The mode that it runs in.
    pub fn mode(&self) -> Mode {
        match &self.runner {
            Runner::Signals(_) | Runner::Native(_) => Mode::Signals,
            Runner::Events(_) | Runner::NativeEvents(_) => Mode::Events,
            Runner::Processes(remote) => remote.mode(),
            Runner::Cluster(_, mode) => *mode,
        }
    }

    /// How tasks get forks of the plugin. `None` for Rust code, which has no sandbox, and on a cluster, where each node finds out for
    /// itself.
    pub fn forking(&self) -> Option<&Forking> {
        match &self.runner {
            Runner::Signals(prepared) => Some(prepared.forking()),
            Runner::Events(prepared) => Some(prepared.forking()),
            Runner::Processes(remote) => Some(remote.forking()),
            Runner::Native(_) | Runner::NativeEvents(_) | Runner::Cluster(..) => None,
        }
    }

    /// Runs one combination. `params` has every parameter that the strategy declares.
    pub fn run(&self, state: &mut WorkerState, params: &Params) -> Answer<Metrics> {
        self.run_under(&self.market.settings.account, state, params)
    }

    /// Like [`run`](Self::run), but with another account, which has passed [`Settings::check`](broker::Settings::check).
    pub fn run_under(&self, account: &broker::Settings, state: &mut WorkerState, params: &Params) -> Answer<Metrics> {
        let answers = match &self.runner {
            Runner::Processes(remote) => remote.run(&mut state.remote, Some(account), &[params]),
            Runner::Cluster(cluster, _) => return run_alone(cluster, account, params),
            _ => return self.run_traced(account, state, params, None),
        };
        answers.into_iter().next().map_or_else(no_answer, |timed| self.checked(timed).answer)
    }

    /// `timed`, which another process has sent, if it has as many returns as there are periods.
    fn checked(&self, timed: Timed) -> Timed {
        let Timed { answer, time } = timed;
        let periods = self.market.period_ends.as_ref().map_or(0, Vec::len);
        let found = answer.returns.len();
        if answer.outcome.is_err() || found == periods {
            return Timed { answer, time };
        }
        let text = format!("the worker has sent returns of {found} periods, and there are {periods}");
        Timed { answer: Answer::native(Err(TaskError::new(ErrorKind::Host, text))), time }
    }

    /// Runs several combinations in the worker process of `state`, or on a cluster: an answer for each, and how long it took. On a
    /// cluster, only the first ones may be answered, if the others are not wanted any more or cannot run. Nothing is run, and nothing
    /// returned, where tasks run on threads.
    pub(crate) fn run_batch(
        &self,
        state: &mut WorkerState,
        tasks: &[&Params],
        waiting: &Waiting<'_>,
    ) -> Vec<(Answer<Metrics>, Duration)> {
        let done = match &self.runner {
            Runner::Processes(remote) => remote.run(&mut state.remote, None, tasks),
            Runner::Cluster(cluster, _) => answered(cluster.run(None, tasks, waiting), tasks.len()),
            _ => Vec::new(),
        };
        let checked = done.into_iter().map(|timed| self.checked(timed));
        checked.map(|Timed { answer, time }| (answer, time)).collect()
    }

    /// Runs one combination, and writes to `out` every message between the broker and the strategy. A strategy of targets
    /// has none.
    ///
    /// # Errors
    ///
    /// Returns the first error of writing; the run itself is not disturbed by it.
    pub fn record(&self, state: &mut WorkerState, params: &Params, out: &mut dyn Write) -> io::Result<Answer<Metrics>> {
        let mut trace = Writer::new(out, &self.header(params));
        let answer = self.run_traced(&self.market.settings.account, state, params, Some(&mut trace));
        let error = answer.outcome.as_ref().err().map(ToString::to_string);
        trace.finish(&answer.log, &End { units: answer.units, error })?;
        Ok(answer)
    }

    fn header(&self, params: &Params) -> Header {
        let description = self.strategy.description();
        let (budget, memory) = match &self.runner {
            Runner::Signals(prepared) => (prepared.budget(), Some(prepared.memory_limit() as u64)),
            Runner::Events(prepared) => (prepared.budget(), Some(prepared.memory_limit() as u64)),
            _ => (None, None),
        };
        Header {
            plugin_hash: self.strategy.digest().map(|hash| hash.to_string()),
            data_hash: self.market.dataset.fingerprint().to_string(),
            // The settings are plain values, which always serialise as JSON.
            account: serde_json::to_value(self.market.settings.account).unwrap_or_default(),
            budget,
            memory,
            ..Header::new(&description.name, &description.version, &self.symbols(), params)
        }
    }

    fn symbols(&self) -> Vec<&str> {
        self.market.dataset.series().iter().map(|series| series.symbol.as_str()).collect()
    }

    fn run_traced(
        &self,
        account: &broker::Settings,
        state: &mut WorkerState,
        params: &Params,
        trace: Option<&mut Writer<'_>>,
    ) -> Answer<Metrics> {
        let WorkerState { signals, events, work, ledger, scratch, memory, remote: _ } = state;
        let (params, exits) = exits::split(params, self.strategy.bare().description().parameters.len());
        let params = &*params;
        let traded = match &self.runner {
            Runner::Signals(prepared) => {
                // A worker keeps one fork at most.
                events.clear();
                let targets = prepared.evaluate_in(signals, params);
                targets.and_then(|targets| {
                    self.market.simulate(account, work, ledger, (&targets, exits));
                    Ok(())
                })
            }
            Runner::Native(native) => {
                Answer::native(native.targets(self.market.dataset.series(), params)).and_then(|targets| {
                    self.market.simulate(account, work, ledger, (&targets, exits));
                    Ok(())
                })
            }
            Runner::Events(prepared) => {
                signals.clear();
                self.play((prepared, events), account, (work, ledger), params, trace).and_then(|used| {
                    *memory = Some(used);
                    Ok(())
                })
            }
            // What happens in another process leaves no ledger and no trace here.
            Runner::Processes(_) | Runner::Cluster(..) => no_answer(),
            Runner::NativeEvents(native) => {
                self.play_native(native, account, (work, ledger), params, trace).and_then(|()| {
                    *memory = None;
                    Ok(())
                })
            }
        };
        let mut answer = traded.and_then(|()| {
            check_books(ledger)?;
            Ok(Metrics::of(ledger, &self.market.frame, self.market.settings.metrics, scratch))
        });
        if let (Ok(_), Some(ends)) = (&answer.outcome, &self.market.period_ends) {
            answer.returns = period_returns(ledger, ends, scratch);
        }
        answer
    }

    /// Lets a plugin receive every bar and trade. Returns its bytes of memory at the end.
    fn play(
        &self,
        (prepared, slot): (&Prepared<Events>, &mut ForkSlot<Events>),
        account: &broker::Settings,
        (work, ledger): (&mut Workspace, &mut Ledger),
        params: &Params,
        mut trace: Option<&mut Writer<'_>>,
    ) -> Answer<usize> {
        let answer = prepared.play_in(slot, &self.symbols(), params, &mut |session| {
            // The sandbox repeats a failed run to find its lines; the repetition is not traced.
            self.trade_traced(account, work, ledger, session, trace.take())?;
            Ok(session.memory_used())
        });
        tell_start(trace, &answer.outcome);
        answer
    }

    /// Lets Rust code receive every bar and trade.
    fn play_native(
        &self,
        native: &NativeEvents,
        account: &broker::Settings,
        (work, ledger): (&mut Workspace, &mut Ledger),
        params: &Params,
        mut trace: Option<&mut Writer<'_>>,
    ) -> Answer<()> {
        let answer = Answer::native(guarded(|| {
            let mut client = native.start(&self.symbols(), params)?;
            self.trade_traced(account, work, ledger, &mut client, trace.take())
        }));
        tell_start(trace, &answer.outcome);
        answer
    }

    fn trade_traced<C: Client<Error = TaskError>>(
        &self,
        account: &broker::Settings,
        work: &mut Workspace,
        ledger: &mut Ledger,
        client: &mut C,
        trace: Option<&mut Writer<'_>>,
    ) -> Result<(), TaskError> {
        match trace {
            Some(trace) => self.trade(account, work, ledger, &mut Recorder::new(client, trace)),
            None => self.trade(account, work, ledger, client),
        }
    }

    /// Lets `client` trade on the market, whatever it is.
    pub(crate) fn trade<C: Client<Error = TaskError>>(
        &self,
        account: &broker::Settings,
        work: &mut Workspace,
        ledger: &mut Ledger,
        client: &mut C,
    ) -> Result<(), TaskError> {
        let Market { warm_up, traded, timeline, .. } = &*self.market;
        let account = self.market.within_period(*account);
        broker::trade_after(warm_up, traded, timeline, &account, work, ledger, client).map_err(|error| match error {
            TradeError::Client(error) => error,
            TradeError::TooMany { .. } => TaskError::new(ErrorKind::BadOutput, error.to_string()),
        })
    }
}

/// Writes the failure of a strategy that did not start to `trace`, which no run has taken.
fn tell_start<T>(trace: Option<&mut Writer<'_>>, outcome: &Result<T, TaskError>) {
    if let (Some(trace), Err(error)) = (trace, outcome) {
        trace.failed(error);
    }
}

/// Refuses a ledger whose numbers overflow 64 bits: every metric of it would be undefined.
fn check_books(ledger: &Ledger) -> Result<(), TaskError> {
    let units = ledger.fills.iter().map(|fill| fill.units);
    let numbers = [ledger.final_equity(), ledger.fees, ledger.traded_value].into_iter().chain(units);
    if numbers.into_iter().all(f64::is_finite) {
        return Ok(());
    }
    Err(TaskError::failed("the account's numbers overflow; look for extreme prices, or give less cash"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{FillAt, Profile},
        model::Contract,
    };

    fn check(account: broker::Settings, contract: Contract, low: f64) -> Result<(), String> {
        let series = Series { symbol: "CL".into(), low: vec![low], contract, ..Series::default() };
        check_terms(&account, &series).map_err(|error| error.to_string())
    }

    #[test]
    fn terms_are_checked_together_with_the_account() {
        let ticks = broker::Settings { slippage_ticks: 2.0, ..broker::Settings::default() };
        let problem = "`CL`: `slippage_ticks` is 2, but `tick` is not set; give the size of a tick in quote currency";
        assert_eq!(check(ticks, Contract::default(), 1.0), Err(problem.to_owned()));
        assert_eq!(check(ticks, Contract { tick: Some(0.01), ..Contract::default() }, 1.0), Ok(()));
        for (contract, problem) in [
            (Contract { lot: Some(0.0), ..Contract::default() }, "`CL`: `lot` is 0; give a finite number above 0"),
            (
                Contract { multiplier: Some(-1.0), ..Contract::default() },
                "`CL`: `multiplier` is -1; give a finite number above 0",
            ),
            (
                Contract { commission_minimum: Some(3.0), commission_maximum: Some(2.0), ..Contract::default() },
                "`CL`: `commission_maximum` is 2; give at least `commission_minimum`, which is 3",
            ),
        ] {
            assert_eq!(check(broker::Settings::default(), contract, 1.0), Err(problem.to_owned()));
        }
        let vectorbt = Profile::Vectorbt.apply(broker::Settings::default());
        let problem = "`CL`: the rule `funds cash` does not support `multiplier`; leave one of them out";
        assert_eq!(
            check(vectorbt, Contract { multiplier: Some(5.0), ..Contract::default() }, 1.0),
            Err(problem.to_owned())
        );
    }

    #[test]
    fn profiles_refuse_prices_that_their_engines_do_not_know() {
        for profile in Profile::ALL {
            for fill in [FillAt::NextOpen, FillAt::Close] {
                let account = profile.apply(broker::Settings { fill, ..broker::Settings::default() });
                assert_eq!(check(account, Contract::default(), 0.01), Ok(()));
                for low in [0.0, -37.63] {
                    let problem = check(account, Contract::default(), low).unwrap_err();
                    assert!(problem.starts_with(&format!("the rules of {profile} (`")), "{problem}");
                    assert!(
                        problem.ends_with(
                            "are for prices above 0, and `CL` has others; leave `--profile` and its rules out"
                        )
                    );
                }
            }
        }
        assert_eq!(check(broker::Settings::default(), Contract::default(), -37.63), Ok(()));
    }
}
