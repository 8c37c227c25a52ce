//! `--again`: one combination of past results, found in its file, set up as it ran, and compared.
//!
//! Never ranks by itself, and never runs on another plugin or other data in silence.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Context,
    args::CombinationArgs,
    facts::{flatten, plain},
    inputs,
    request::{Asked, DataHashes, Typed, asked_again},
};
use crate::{
    backtest::{AccountSpec, Market, Strategy},
    metrics::{Metrics, Selection},
    model::{Description, Params, label},
    results::{Cell, Column, Kind},
    sandbox::Backend,
    sweep::{DefaultMetrics, Instruments, ParallelBacktester, PastResult, PastResults, RequestFile, SweepRequest},
    task::TaskError,
};

/// Endings of results that carry no request.
pub(super) const TEXTS: [&str; 4] = ["csv", "tsv", "jsonl", "ndjson"];

/// One combination, ready to run.
pub(super) struct Setup {
    pub(super) backtester: ParallelBacktester,
    pub(super) strategy: Strategy,
    pub(super) params: Params,
    pub(super) market: Arc<Market>,
    /// The account as asked for.
    pub(super) spec: AccountSpec,
    /// True if it runs under both extremes within the bars, too.
    pub(super) bounds: bool,
    /// The row that runs again.
    pub(super) past: Option<Past>,
}

/// A combination of past results that is to run again.
pub(super) struct Again<'a> {
    path: &'a Path,
    choice: Choice<'a>,
    /// The request of the file.
    base: SweepRequest,
    /// The same, with what is typed over it.
    asked: Asked,
    /// The rows; `None` of a request alone.
    results: Option<PastResults>,
}

/// Which combination.
#[derive(Debug, Clone, Copy)]
enum Choice<'a> {
    Rank(u64),
    Task(&'a str),
}

impl<'a> Again<'a> {
    /// The combination that is asked for, if one is; under both extremes within the bars if `bounds` or its request says so.
    pub(super) fn of(args: &'a CombinationArgs, bounds: bool, context: &mut Context<'_>) -> Result<Option<Self>> {
        let Some(path) = args.again.as_deref() else { return Ok(None) };
        let file = path.display();
        let is_text = path.extension().is_some_and(|ending| TEXTS.iter().any(|text| ending.eq_ignore_ascii_case(text)));
        if is_text {
            bail!(
                "`{file}` does not say what its sweep was asked for; give results in Parquet, or the file of \
                 `--save-request` and `--task TASK_ID`"
            );
        }
        let request = RequestFile::load(path)?;
        let is_parquet = path.extension().is_some_and(|ending| ending == "parquet" || ending == "pq");
        let results = if is_parquet { Some(PastResults::open(path)?) } else { None };
        let choice = match (&args.task, args.rank) {
            (Some(task), _) => Choice::Task(task),
            (None, _) if results.is_none() => bail!(
                "`{file}` is a request without results, which alone have ranks; give `--task TASK_ID`, or results in Parquet"
            ),
            (None, rank) => Choice::Rank(rank.unwrap_or(1)),
        };
        let base = request.request().clone();
        let asked = asked_again((args, bounds), request, context)?;
        Ok(Some(Self { path, choice, base, asked, results }))
    }

    /// The files that are read.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let named = [self.path.to_owned(), PathBuf::from(&self.asked.plugin)];
        self.asked.files().cloned().chain(named).collect()
    }

    /// The file of the benchmark, if it has one.
    pub(super) fn benchmark_file(&self) -> Option<PathBuf> {
        self.asked.benchmark_file()
    }

    /// Sets the run up as it was.
    pub(super) fn set_up(&self, args: &CombinationArgs, context: &mut Context<'_>) -> Result<Setup> {
        let Asked { request, plugin, .. } = &self.asked;
        let typed = Typed { plugin: args.plugin.typed(), data: &args.data };
        let backtester = inputs::backtester_under(&request.limits, (&args.limits, Backend::Threads), context)?;
        let strategy = Strategy::from(context.load(&backtester, plugin)?);
        self.asked.check_plugin(typed, &strategy, context)?;
        // The results have the exits of their own request, not those that are typed now.
        let past = self.find(self.base.strategy(strategy.clone())?.description())?;
        let strategy = request.strategy(strategy)?;
        let task = label(&past.task_id);
        context.reporter.note(format!("again: {} of `{}`: {task}", self.choice(strategy.description())?, self.name()));
        let params = self.params(&past, args, &strategy, context)?;
        let (mut settings, _) = request.settings(Selection::all())?;
        let (dataset, read) = self.asked.dataset(&args.data, context)?;
        self.asked.measure(&mut settings, (&dataset, &read), context)?;
        let then = self.asked.bars_then(&dataset, &settings);
        let market = self.market(&past, (Market::new(dataset, settings)?, then), typed, context)?;
        inputs::announce(&market, context);
        let file = self.name();
        let past = Past { file, has_results: self.results.is_some(), result: past };
        let (spec, bounds) = (request.account, request.bounds);
        Ok(Setup { backtester, strategy, params, market, spec, bounds, past: Some(past) })
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn choice(&self, plugin: &Description) -> Result<String> {
        Ok(match self.choice {
            Choice::Rank(rank) => format!("rank {rank} by `{}`", self.base.goal(plugin)?.objective().name),
            Choice::Task(_) => "a task".to_owned(),
        })
    }

    fn find(&self, plugin: &Description) -> Result<PastResult> {
        match (&self.results, self.choice) {
            (Some(results), Choice::Rank(rank)) => Ok(results.at_rank(rank, &self.base.goal(plugin)?, plugin)?),
            (Some(results), Choice::Task(task)) => Ok(results.of_task(task, plugin)?),
            (None, Choice::Task(task)) => self.planned(task, plugin),
            (None, Choice::Rank(_)) => bail!("a bug of the host: a request without results was ranked"),
        }
    }

    /// The combination of the request that has this name, without a result.
    fn planned(&self, task: &str, plugin: &Description) -> Result<PastResult> {
        let plan = self.base.bind(plugin, DefaultMetrics::Shown)?.plan;
        let found = match self.base.scope {
            Instruments::Together => plan.find(task).map(|index| (None, index)),
            Instruments::EachSymbol => plan.find_on(task).map(|(symbol, index)| (Some(symbol), index)),
        };
        let params = found.as_ref().and_then(|(_, index)| plan.params(*index));
        let (Some((symbol, _)), Some(params)) = (found, params) else {
            let example = plan.cursor().next().map(|(_, params)| match self.base.scope {
                Instruments::Together => plan.task_id(&params),
                Instruments::EachSymbol => plan.task_id_on("SYMBOL", &params),
            });
            let example = example.map_or_else(String::new, |name| format!("; its tasks are named like `{name}`"));
            bail!("the request in `{}` has no task `{task}`{example}", self.name());
        };
        let (task_id, metrics) = (task.to_owned(), Vec::new());
        Ok(PastResult { task_id, symbol, params, failure: None, metrics, data_hash: None })
    }

    /// The parameters of the row, with the typed ones over them. Says what is typed and was otherwise.
    fn params(
        &self,
        past: &PastResult,
        args: &CombinationArgs,
        strategy: &Strategy,
        context: &mut Context<'_>,
    ) -> Result<Params> {
        let (plugin, is_same_plugin) = (strategy.description(), self.asked.is_plugin_of_request(strategy));
        let typed = inputs::given(&args.exits.after(&args.params)?, plugin)?;
        let mut changes = Vec::new();
        let mut params = past.params.clone();
        for (name, value) in typed {
            match past.params.get(&name) {
                Some(then) if *then == value => {}
                Some(then) => changes.push(format!("`{name}` is {value} and was {then}")),
                None => changes.push(format!("`{name}` is {value} and was not there")),
            }
            params.insert(name, value);
        }
        let missing = plugin.parameters.iter().filter(|spec| !params.contains_key(&spec.name));
        for spec in missing {
            if is_same_plugin {
                bail!(
                    "`{}` has no column for the parameter `{1}`; give a file with all columns, or `--param {1}=VALUE`",
                    self.name(),
                    spec.name
                );
            }
            context.reporter.note(format!(
                "note: `{}` says nothing of `{}`, which takes its default: {}",
                self.name(),
                spec.name,
                spec.default
            ));
        }
        changes.extend(changes_of(&self.base, &self.asked.request)?);
        if !changes.is_empty() {
            let changes = changes.join("; ");
            context.reporter.note(format!("note: what is typed wins over `{}`: {changes}", self.name()));
        }
        Ok(plugin.resolve(&params)?)
    }

    /// The market on which the combination ran, checked against its hash; `then` has the bars until the end that they had, if it
    /// is another one now.
    fn market(
        &self,
        past: &PastResult,
        (all, then): (Market, Option<Market>),
        typed: Typed<'_>,
        context: &mut Context<'_>,
    ) -> Result<Arc<Market>> {
        let names = all.dataset().series().iter().map(|one| &*one.symbol);
        let at = past.symbol.as_ref().map(|symbol| symbol_of(names, symbol)).transpose()?;
        let hashes = |market: &Market| {
            let data = market.dataset();
            let (then, now) = match (at, &past.data_hash) {
                (Some(at), Some(then)) => (then.clone(), data.fingerprint_of(at)),
                (None, Some(then)) => (then.clone(), data.fingerprint()),
                (_, None) => (self.asked.data_hash()?, data.fingerprint()),
            };
            Some(DataHashes { then, now: now.to_string() })
        };
        let is_same = hashes(&all).is_none_or(|hashes| hashes.then == hashes.now);
        let compared = then.as_ref().filter(|_| !is_same).unwrap_or(&all);
        if let Some(hashes) = hashes(compared) {
            self.asked.check_data(typed, &hashes, compared, context)?;
        }
        if at.is_none() {
            self.asked.check_benchmark(compared, context)?;
        }
        self.asked.note_version(context);
        let alone = at.map(|at| all.only(at)).transpose()?;
        Ok(Arc::new(alone.unwrap_or(all)))
    }
}

/// The place of `symbol` among the symbols of the data.
fn symbol_of<'a>(mut all: impl Iterator<Item = &'a str> + Clone, symbol: &str) -> Result<usize> {
    /// The most symbols that a message names.
    const NAMED: usize = 5;
    let known: Vec<_> = all.clone().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = if all.clone().nth(NAMED).is_some() { ", ..." } else { "" };
    all.position(|name| name == symbol).with_context(|| {
        format!(
            "the row ran on `{symbol}` alone, which is not in the data ({}{more}); give data that has it with `--data FILE`",
            known.join(", ")
        )
    })
}

/// What of account, limits and period is now otherwise than in `then`.
fn changes_of(then: &SweepRequest, now: &SweepRequest) -> Result<Vec<String>> {
    let all = |request: &SweepRequest| -> Result<Vec<(String, Value)>> {
        let SweepRequest { account, limits, period, benchmark, .. } = request;
        let mut found = Vec::new();
        flatten("", serde_json::to_value(account)?, &mut found);
        flatten("", serde_json::to_value(limits)?, &mut found);
        flatten("", serde_json::to_value(period)?, &mut found);
        flatten("", json!({ "benchmark": benchmark }), &mut found);
        Ok(found)
    };
    let (then, now) = (all(then)?, all(now)?);
    let was = |name: &String| then.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let change = |(name, value): &(String, Value)| match was(name) {
        Some(was) if was == value => None,
        Some(was) => Some(format!("`{name}` is {} and was {}", plain(value), plain(was))),
        None => Some(format!("`{name}` is {} and was not set", plain(value))),
    };
    Ok(now.iter().filter_map(change).collect())
}

/// The row of a combination that runs again.
pub(super) struct Past {
    file: String,
    has_results: bool,
    result: PastResult,
}

/// A metric whose value is another one than in the file.
struct Difference {
    metric: &'static str,
    then: Option<f64>,
    now: Option<f64>,
}

impl Past {
    /// The metrics of the file whose bits differ in `now`.
    fn differences(&self, now: &Metrics) -> Vec<Difference> {
        let known = self.result.metrics.iter().filter(|_| self.has_results && self.result.failure.is_none());
        let pairs = known.map(|(metric, then)| Difference { metric, then: *then, now: now.get(metric).flatten() });
        pairs.filter(|pair| !is_same(pair)).collect()
    }

    /// Whether the run gave what is in the file.
    pub(super) fn is_same(&self, now: &Metrics) -> bool {
        !self.has_results || self.result.failure.is_none() && self.differences(now).is_empty()
    }

    /// Says whether the numbers are the same, and which are not.
    pub(super) fn show(&self, now: &Metrics, context: &mut Context<'_>) -> Result<()> {
        let file = label(&self.file);
        if !self.has_results {
            context.reporter.note(format!("`{file}` has no results, so that there is nothing to compare with"));
            return Ok(());
        }
        if let Some((kind, message)) = &self.result.failure {
            return Ok(writeln!(context.out, "\nin `{file}` it failed ({}): {}", label(kind), label(message))?);
        }
        let differences = self.differences(now);
        let all = self.result.metrics.len();
        if differences.is_empty() {
            return Ok(writeln!(context.out, "\nthe same numbers as in `{file}`: {all} metrics, bit for bit")?);
        }
        writeln!(context.out, "\n{} of {all} metrics are not those of `{file}`", differences.len())?;
        let columns = ["metric", "in the file", "now"].map(|name| Column::new(name, Kind::Text));
        // Tables round numbers, and these may differ in their last digit.
        let exact = |value: Option<f64>| Cell::from(value.map(|value| value.to_string()));
        let row = |pair: &Difference| vec![Cell::from(pair.metric), exact(pair.then), exact(pair.now)];
        context.table(&columns, &differences.iter().map(row).collect::<Vec<_>>())
    }

    /// The same as JSON.
    pub(super) fn to_json(&self, now: &Metrics) -> Value {
        let PastResult { task_id, symbol, failure, .. } = &self.result;
        let differences = self.differences(now);
        let number = |value: Option<f64>| json!(Cell::from(value));
        let row =
            |pair: &Difference| json!({ "metric": pair.metric, "then": number(pair.then), "now": number(pair.now) });
        let failure = failure.as_ref().map(|(kind, message)| json!({ "error_kind": kind, "error_message": message }));
        json!({
            "file": self.file,
            "task_id": task_id,
            "symbol": symbol,
            "same": self.has_results.then(|| self.is_same(now)),
            "compared": self.result.metrics.len(),
            "differences": differences.iter().map(row).collect::<Vec<_>>(),
            "failure_then": failure,
        })
    }

    /// Says how the row had ended, of a run that has failed now.
    pub(super) fn note_failure(&self, now: &TaskError, context: &mut Context<'_>) {
        if !self.has_results {
            return;
        }
        let file = label(&self.file);
        context.reporter.note(match &self.result.failure {
            None => format!("note: in `{file}` it did not fail"),
            Some((kind, message)) if kind == now.kind.as_str() && *message == now.message => {
                format!("the same failure as in `{file}`")
            }
            Some((kind, message)) => format!("note: in `{file}` it failed otherwise ({kind}): {message}"),
        });
    }
}

/// Whether both have the same bits. Files keep counts as integers.
fn is_same(pair: &Difference) -> bool {
    let is_count = Metrics::info(pair.metric).is_some_and(|info| info.is_count());
    match (pair.then, pair.now) {
        (Some(then), Some(now)) if is_count => then == now,
        (then, now) => then.map(f64::to_bits) == now.map(f64::to_bits),
    }
}
