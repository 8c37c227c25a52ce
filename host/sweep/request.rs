//! The request of a sweep: plugin, data, combinations, account, limits, metrics and ranking.
//!
//! Never opens a file: a request names plugin and data, and the caller resolves the names. Never runs anything.

use std::{borrow::Cow, collections::HashSet, error::Error, fmt};

use serde::{Deserialize, Serialize};

use super::{
    grid::{ExitsSpec, Grid, GridDocument, GridError, Plan},
    limits_spec::{LimitsError, LimitsSpec},
    metric_columns::MetricColumns,
    rank_by::{RankBy, SplitShare},
    scope::Instruments,
    search_spec::{Optimization, SearchOf, SearchProblem, SearchSpec},
    standings::{Goal, GoalError, Standings},
};
use crate::{
    backtest::{AccountSpec, Benchmark, BenchmarkSpec, Period, Settings, SetupError, Strategy, with_exits},
    metrics::{Direction, ReturnsPeriod, SHOWN, Selection, UnknownMetric},
    model::{Description, quoted},
    sandbox::Limits,
};

/// The default number of results in a ranking.
const TOP: usize = 10;

/// The error of a sweep without a task.
pub const NO_CELLS: &str = "the constraints exclude every combination; loosen one of them";

/// The metric whose interval `bounds` shows beside the objective's.
pub const BOUNDED: &str = "final_equity";

/// The metric that says how long positions are held.
const HOLDING: &str = "average_bars_held";

/// The request of a sweep. `POST /sweeps` takes it, `host sweep` makes it from its arguments, and Parquet results carry it.
///
/// # Examples
///
/// ```
/// use host::sweep::{DefaultMetrics, ParallelBacktester, SweepRequest};
///
/// let text = r#"{"plugin": "momentum", "grid": {"lookback": [20, 60, 120]}, "account": {"commission_bps": 5}}"#;
/// let request: SweepRequest = serde_json::from_str(text)?;
/// let backtester = ParallelBacktester::new(Some(1), request.limits.over(&Default::default()).expect("no limit is asked for"))?;
/// let plugin = backtester.load(&request.plugin)?;
/// let bound = request.bind(plugin.description(), DefaultMetrics::All)?;
/// assert_eq!(bound.plan.count().exact(), Some(3));
/// assert_eq!(bound.settings.account.commission_bps, 5.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "server", schema(description = "A sweep as it is asked for."))]
#[serde(deny_unknown_fields, expecting = "a sweep: an object with `plugin` and a grid")]
pub struct SweepRequest {
    /// The plugin's name.
    pub plugin: String,
    /// The name of the data; optional if there is only one data set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The name of the data with finer bars, such as minutes for days, by which orders trade within a bar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The contents of a grid file: axes, constraints, requirements, objective, sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<Object>))]
    pub grid: Option<GridDocument>,
    /// Axes as typed: `lookback=20..100:20`. They replace those of the grid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<String>,
    /// Exits of the account that close positions of a strategy of targets, each with the values of an axis:
    /// `{"stop_loss": [0.02, 0.05], "take_profit": 0.1, "trailing_stop": "1%..5%:1%"}`. They replace those of the grid.
    #[serde(default, skip_serializing_if = "ExitsSpec::is_empty")]
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub exits: ExitsSpec,
    /// Conditions on parameters and exits, beside those of the grid: `fast < slow`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<String>,
    /// Conditions on metrics that a result must meet to be ranked, beside those of the grid: `trades >= 30`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<String>,
    /// The metric to rank by. It replaces the objective and the direction of the grid. A search takes several, the first of which
    /// ranks: `sharpe,max_drawdown`, each in its own direction, or `name:min` and `name:max`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<String>,
    /// Which values of the objective are better.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<String>))]
    pub direction: Option<Direction>,
    /// Runs only this many combinations, chosen at random from the whole grid.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole::optional")]
    pub sample: Option<u64>,
    /// The seed of the sample, or of the search.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole::optional")]
    pub seed: Option<u64>,
    /// The metrics to compute: `"all"`, or a list of names. By default those that are shown or written.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "metric_names")]
    #[cfg_attr(feature = "server", schema(value_type = Option<Vec<String>>))]
    pub metrics: Option<Selection>,
    /// The number of results that the ranking shows.
    #[serde(
        default = "default_top",
        skip_serializing_if = "is_default_top",
        deserialize_with = "super::whole::deserialize"
    )]
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub top: usize,
    /// The instruments of each combination: `together` on one account, or `each-symbol` alone.
    #[serde(default, skip_serializing_if = "is_together")]
    pub scope: Instruments,
    /// What results are measured against: `hold`, `symbol:NAME` of an instrument, or `data:NAME` of other data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<String>))]
    pub benchmark: Option<BenchmarkSpec>,
    /// The part of the data on which each combination trades and is measured; what comes before it is given to the strategy.
    #[serde(default, skip_serializing_if = "is_whole")]
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub period: Period,
    /// What ranks: `value`, the objective of a combination, or `plateau`, how its neighbours in the grid do.
    #[serde(default, skip_serializing_if = "is_by_value")]
    pub rank_by: RankBy,
    /// The share of the bars that the combinations run on, such as 0.7 or `"70%"`; the ranked ones run on the rest, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<Object>))]
    pub split: Option<SplitShare>,
    /// Searches the grid instead of running all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimize: Option<SearchSpec>,
    /// True to run the ranked combinations also under the worst and the best price path within the bars.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bounds: bool,
    /// The account, its rules, and the annualisation of results; see `host rules`.
    #[serde(default, skip_serializing_if = "is_plain")]
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub account: AccountSpec,
    /// The limits of each task.
    #[serde(default, skip_serializing_if = "LimitsSpec::is_empty")]
    #[cfg_attr(feature = "server", schema(value_type = Object))]
    pub limits: LimitsSpec,
}

impl Default for SweepRequest {
    fn default() -> Self {
        Self {
            plugin: String::new(),
            data: None,
            detail: None,
            grid: None,
            params: Vec::new(),
            exits: ExitsSpec::default(),
            constraints: Vec::new(),
            require: Vec::new(),
            objective: None,
            direction: None,
            sample: None,
            seed: None,
            metrics: None,
            top: TOP,
            scope: Instruments::Together,
            period: Period::default(),
            benchmark: None,
            rank_by: RankBy::Value,
            split: None,
            optimize: None,
            bounds: false,
            account: AccountSpec::default(),
            limits: LimitsSpec::default(),
        }
    }
}

fn default_top() -> usize {
    TOP
}

fn is_default_top(top: &usize) -> bool {
    *top == TOP
}

fn is_by_value(by: &RankBy) -> bool {
    *by == RankBy::Value
}

fn is_together(scope: &Instruments) -> bool {
    *scope == Instruments::Together
}

fn is_whole(period: &Period) -> bool {
    *period == Period::default()
}

fn is_plain(account: &AccountSpec) -> bool {
    *account == AccountSpec::default()
}

/// The metrics to compute if a request names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultMetrics {
    /// All metrics, for results that programs read.
    All,
    /// The metrics of the ranking.
    Shown,
}

/// A request bound to its plugin: everything that a sweep needs except the plugin and the bars.
#[derive(Debug, Clone)]
pub struct BoundRequest {
    /// The combinations.
    pub plan: Plan,
    /// The goal to rank results by.
    pub goal: Goal,
    /// The metrics that are computed, written and shown.
    pub metrics: MetricColumns,
    /// The instruments of each combination.
    pub instruments: Instruments,
    /// The account and its rules.
    pub settings: Settings,
    /// The limits of each task, over the default ones.
    pub limits: Limits,
    /// The number of results that the ranking shows.
    pub top: usize,
    /// What ranks.
    pub rank_by: RankBy,
    /// How combinations are searched, if not all of them run.
    pub search: Option<Optimization>,
    /// True if ranked combinations run under both extremes within the bars.
    pub bounds: bool,
}

impl BoundRequest {
    /// The same request, whose results have the returns of these periods, and how long positions are held, if `period` is given.
    #[must_use]
    pub fn with_returns(mut self, period: Option<ReturnsPeriod>) -> Self {
        self.settings.returns = period;
        if period.is_some() {
            // A metric of that name is there.
            self.settings.metrics = self.settings.metrics.with(HOLDING).unwrap_or(self.settings.metrics);
        }
        self
    }
}

/// A problem of a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestProblem {
    /// The request has no axes.
    #[error(
        "no grid for `{plugin}`; give `--grid FILE` or `--param NAME=VALUES` (in a request `grid` or `params`); its parameters: {known}"
    )]
    NoGrid {
        /// The plugin.
        plugin: String,
        /// Its parameters.
        known: String,
    },
    /// An axis is given twice.
    #[error("`{text}` gives `{name}` a second time; write all its values once: `{name}=1,2,3`")]
    Twice {
        /// The axis.
        name: String,
        /// The second text.
        text: String,
    },
    /// Something is wrong with the grid.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// The goal is wrong.
    #[error(transparent)]
    Goal(#[from] GoalError),
    /// A metric is unknown.
    #[error(transparent)]
    Metric(#[from] UnknownMetric),
    /// Something is wrong with the account.
    #[error(transparent)]
    Account(#[from] SetupError),
    /// Something is wrong with a limit.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// The ranking would show nothing.
    #[error("`top` is 0; give 1 or more")]
    Top,
    /// The search cannot be run.
    #[error(transparent)]
    Search(#[from] SearchProblem),
    /// A search is asked for, and something that only a whole sweep has.
    #[error("a search runs a part of the grid, on all bars; leave out `{0}`, or `optimize`")]
    WholeSweep(&'static str),
    /// Neighbours are asked for, and there are none.
    #[error("a ranking by plateaus looks at the neighbours of each combination; {0}")]
    NoNeighbours(&'static str),
    /// A split and a scope of each symbol are both requested.
    #[error("`split` and a scope of `each-symbol` do not go together; give one of them, or one symbol's data")]
    SplitOfEach,
    /// A metric against a benchmark is asked for, and there is none.
    #[error(
        "`{0}` is measured against a benchmark; give `--benchmark hold`, `symbol:NAME` or a file (in a request `benchmark`)"
    )]
    NoBenchmark(&'static str),
    /// Bounds and a scope of each symbol are both requested.
    #[error("`bounds` and a scope of `each-symbol` do not go together; give one of them")]
    Bounds,
}

/// Every problem of a request, at least one.
#[derive(Debug)]
pub struct RequestError {
    problems: Vec<RequestProblem>,
}

impl RequestError {
    /// The problems, in the order in which a request is read.
    pub fn problems(&self) -> &[RequestProblem] {
        &self.problems
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.problems.as_slice() {
            return only.fmt(f);
        }
        write!(f, "the request has {} problems:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n- {}", with_causes(problem)))
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let [only] = self.problems.as_slice() { only.source() } else { None }
    }
}

/// The text of `error`, with all its causes.
pub fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (**cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// The problems found so far; reading goes on after each.
#[derive(Default)]
struct Problems(Vec<RequestProblem>);

impl Problems {
    /// Returns the value; keeps the problem instead if there is one.
    fn keep<T, E: Into<RequestProblem>>(&mut self, read: Result<T, E>) -> Option<T> {
        read.map_err(|problem| self.0.push(problem.into())).ok()
    }

    fn result<T>(self, value: Option<T>) -> Result<T, RequestError> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(RequestError { problems: self.0 }),
        }
    }
}

impl SweepRequest {
    /// Checks everything that needs no plugin.
    ///
    /// # Errors
    ///
    /// Returns the first problem of each part of the request.
    pub fn check(&self) -> Result<(), RequestError> {
        let mut problems = Problems::default();
        let grid = self.read_grid(&mut problems);
        let search = problems.keep(self.search(&grid));
        if let (Some(None), Some(name)) = (search, &self.objective) {
            problems.keep(super::standings::objective(name, self.direction));
        }
        self.read_settings(Selection::none(), &mut problems);
        problems.result(Some(()))
    }

    /// Fits the request to `plugin`.
    ///
    /// # Errors
    ///
    /// Returns the first problem of each part of the request, as far as they can be found before bars are known.
    pub fn bind(&self, plugin: &Description, metrics: DefaultMetrics) -> Result<BoundRequest, RequestError> {
        let mut problems = Problems::default();
        let grid = self.read_grid(&mut problems);
        let described = problems.keep(with_exits(plugin, grid.exits().iter().copied()));
        let plugin = described.as_deref().unwrap_or(plugin);
        if self.is_without_axes() && !plugin.parameters.is_empty() {
            problems.0.push(RequestProblem::NoGrid { plugin: self.plugin.clone(), known: parameters(plugin) });
        }
        let plan = described.is_some().then(|| problems.keep(grid.bind(plugin))).flatten();
        let search = problems.keep(self.search(&grid));
        let goal = search.as_ref().and_then(|search| problems.keep(self.goal_of(search.as_ref(), &grid, plugin)));
        if let Some(plan) = plan.as_ref().filter(|_| self.rank_by == RankBy::Plateau)
            && !plan.lattice().digits().any(|(len, is_ordered)| is_ordered && len > 1)
        {
            problems.0.push(RequestProblem::NoNeighbours("give an axis with several numbers: only they have some"));
        }
        let objectives = search.iter().flatten().flat_map(|search| search.objectives.all());
        let objectives: Vec<_> = objectives.map(|objective| objective.metric.name).collect();
        let metrics = goal.as_ref().and_then(|goal| problems.keep(self.metric_columns(goal, metrics, &objectives)));
        if self.benchmark.is_none() {
            let relative = metrics.as_ref().and_then(|metrics| metrics.columns.first_relative());
            problems.0.extend(relative.map(RequestProblem::NoBenchmark));
        }
        let computed = metrics.as_ref().map_or(Selection::none(), |metrics| metrics.computed);
        let read = self.read_settings(computed, &mut problems);
        let (top, bounds, instruments, rank_by) = (self.top, self.bounds, self.scope, self.rank_by);
        let all = plan.zip(goal).zip(metrics).zip(read).zip(search);
        problems.result(all.map(|((((plan, goal), metrics), (settings, limits)), search)| BoundRequest {
            plan,
            goal,
            metrics,
            instruments,
            settings,
            limits,
            top,
            rank_by,
            search,
            bounds,
        }))
    }

    /// How combinations are searched, if they are.
    fn search(&self, grid: &Grid) -> Result<Option<Optimization>, SearchProblem> {
        let Some(spec) = &self.optimize else { return Ok(None) };
        let of = SearchOf {
            objective: self.objective.as_deref().or(grid.objective()),
            direction: self.direction.or(grid.direction().filter(|_| self.objective.is_none())),
            seed: self.seed,
            is_sample: grid.sample().is_some(),
            instruments: self.scope,
        };
        spec.meaning(of).map(Some)
    }

    fn goal_of(&self, search: Option<&Optimization>, grid: &Grid, plugin: &Description) -> Result<Goal, GoalError> {
        match search.map(|search| search.objectives.first()) {
            Some(first) => Goal::new(Some(first.metric.name), Some(first.better), grid, plugin),
            None => Goal::new(self.objective.as_deref(), self.direction, grid, plugin),
        }
    }

    /// The request of a sweep of the whole grid, where this one searches it: ranked by the first objective.
    #[must_use]
    pub fn of_whole_grid(self) -> Self {
        let grid = self.read_grid(&mut Problems::default());
        let first = self.search(&grid).ok().flatten().map(|search| *search.objectives.first());
        let objective = first.map(|first| first.metric.name.to_owned()).or(self.objective);
        Self { direction: first.map(|first| first.better).or(self.direction), objective, optimize: None, ..self }
    }

    /// `strategy` as the request runs it: with the exits that it asks for.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy has a parameter of its own that is called like one of them, or is run by orders.
    pub fn strategy(&self, strategy: Strategy) -> Result<Strategy, SetupError> {
        let grid = self.read_grid(&mut Problems::default());
        let strategy = strategy.with_exits(grid.exits().iter().copied())?;
        if !grid.exits().is_empty() {
            strategy.mode(self.account.mode)?;
        }
        Ok(strategy)
    }

    /// The goal that the results of the request are ranked by, for `plugin`.
    ///
    /// # Errors
    ///
    /// Returns the problems of the grid and of the goal.
    pub fn goal(&self, plugin: &Description) -> Result<Goal, RequestError> {
        let mut problems = Problems::default();
        let grid = self.read_grid(&mut problems);
        let plugin = &*problems.keep(with_exits(plugin, grid.exits().iter().copied())).unwrap_or(Cow::Borrowed(plugin));
        let search = problems.keep(self.search(&grid)).flatten();
        let goal = problems.keep(self.goal_of(search.as_ref(), &grid, plugin));
        problems.result(goal)
    }

    /// The account with its rules and the limits of a task, for a run that computes `metrics`.
    ///
    /// # Errors
    ///
    /// Returns every problem of the account, the period and the limits.
    pub fn settings(&self, metrics: Selection) -> Result<(Settings, Limits), RequestError> {
        let mut problems = Problems::default();
        let read = self.read_settings(metrics, &mut problems);
        problems.result(read)
    }

    fn is_without_axes(&self) -> bool {
        self.grid.is_none() && self.params.is_empty() && self.exits.is_empty()
    }

    /// The grid document, changed by the other members of the request.
    fn read_grid(&self, problems: &mut Problems) -> Grid {
        let written = self.grid.as_ref().map(GridDocument::grid);
        let mut grid = written.and_then(|grid| problems.keep(grid)).unwrap_or_default();
        let mut names = HashSet::new();
        for text in &self.params {
            let name = typed_name(text);
            if names.insert(name) {
                problems.keep(grid.set_param(text));
            } else {
                problems.0.push(RequestProblem::Twice { name: name.to_owned(), text: text.clone() });
            }
        }
        problems.keep(grid.set_exits(&self.exits));
        self.constraints.iter().for_each(|text| _ = problems.keep(grid.add_constraint(text)));
        self.require.iter().for_each(|text| _ = problems.keep(grid.add_requirement(text)));
        if let Some(sample) = self.sample {
            grid.set_sample(sample);
        }
        if let Some(seed) = self.seed {
            grid.set_seed(seed);
        }
        grid
    }

    fn read_settings(&self, metrics: Selection, problems: &mut Problems) -> Option<(Settings, Limits)> {
        if self.bounds && self.scope == Instruments::EachSymbol {
            problems.0.push(RequestProblem::Bounds);
        }
        if self.top == 0 {
            problems.0.push(RequestProblem::Top);
        }
        problems.0.extend(self.unfit());
        let period = self.period;
        problems.keep(period.check().map_err(SetupError::from));
        let benchmark = self.benchmark.clone().map(Benchmark::from);
        let settings = problems.keep(self.account.settings(metrics));
        let settings = settings.map(|settings| Settings { period, benchmark, ..settings });
        let limits = self.limits.over(&Limits::default());
        let limits = limits.map_err(|all| problems.0.extend(all.into_iter().map(RequestProblem::from))).ok();
        settings.zip(limits)
    }

    /// What does not go together in the ways to rank, to search and to split.
    fn unfit(&self) -> Vec<RequestProblem> {
        let (is_each, is_plateau) = (self.scope == Instruments::EachSymbol, self.rank_by == RankBy::Plateau);
        let mut unfit = Vec::new();
        if self.optimize.is_some() {
            unfit.extend(is_plateau.then_some(RequestProblem::WholeSweep("rank_by")));
            unfit.extend(self.split.map(|_| RequestProblem::WholeSweep("split")));
        }
        if is_plateau && is_each {
            unfit.push(RequestProblem::NoNeighbours("leave `each-symbol` out, or give one symbol's data"));
        }
        if is_plateau && self.asked_sample().is_some() {
            unfit.push(RequestProblem::NoNeighbours("a sample leaves them out: give no `sample`"));
        }
        unfit.extend((self.split.is_some() && is_each).then_some(RequestProblem::SplitOfEach));
        unfit
    }

    fn metric_columns(
        &self,
        goal: &Goal,
        default: DefaultMetrics,
        objectives: &[&'static str],
    ) -> Result<MetricColumns, UnknownMetric> {
        let counted: Vec<_> = Standings::COUNTED.into_iter().chain(self.bounds.then_some(BOUNDED)).collect();
        let written = default == DefaultMetrics::All;
        let required = goal.required().chain(objectives.iter().copied());
        MetricColumns::new(
            self.metrics,
            (written, self.benchmark.is_some()),
            goal.objective(),
            &SHOWN,
            required,
            &counted,
        )
    }

    /// The requested sample size, of the request or of its grid. Binding draws the sample.
    pub fn asked_sample(&self) -> Option<u64> {
        self.sample.or_else(|| self.grid.as_ref()?.grid().ok()?.sample())
    }
}

/// The name of the axis in `fast=5,10`.
pub fn typed_name(text: &str) -> &str {
    text.split('=').next().unwrap_or(text).trim()
}

fn parameters(plugin: &Description) -> String {
    let names = plugin.parameters.iter().map(|spec| &spec.name);
    if plugin.parameters.is_empty() { "none".to_owned() } else { quoted(names) }
}

/// Metrics as `"all"` or a list of names.
mod metric_names {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::metrics::Selection;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Names(Vec<String>),
    }

    pub(super) fn serialize<S: Serializer>(metrics: &Option<Selection>, serializer: S) -> Result<S::Ok, S::Error> {
        match metrics {
            Some(metrics) if *metrics != Selection::all() => serializer.collect_seq(metrics.names()),
            _ => serializer.serialize_str("all"),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Selection>, D::Error> {
        let metrics = match Option::<Written>::deserialize(deserializer)? {
            None => return Ok(None),
            Some(Written::Text(text)) => text.parse(),
            Some(Written::Names(names)) => Selection::of(names.iter().map(String::as_str)),
        };
        metrics.map(Some).map_err(D::Error::custom)
    }
}
