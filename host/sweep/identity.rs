//! The identity of a cell: a hash of everything that determines its result.
//!
//! Never reads or stores a result. The functions below destructure settings field by field, so that a new field does not
//! compile until someone decides whether it belongs to the identity.

use super::request::{BoundRequest, SweepRequest};
use crate::{
    backtest::{Mode, Period, Settings, SetupError, Strategy},
    broker::{self, Rules},
    model::{Canonical, Digest, Params},
    sandbox::{ENGINE, Limits},
};

/// The version of the numbers that the host computes. Every change that may alter a bit of some result raises it; results of
/// different versions are never mixed. `tests/it/identity.rs` fails when it should have been raised.
pub const RESULTS_VERSION: u32 = 5;

/// Everything that determines the results of a sweep, except the bars and the parameters of each cell.
///
/// # Examples
///
/// ```
/// use host::{model::{Digest, Params}, backtest::Strategy, sandbox::Limits, sweep::{DefaultMetrics, ParallelBacktester, SweepRequest}};
///
/// let strategy: Strategy = ParallelBacktester::new(Some(1), Limits::default())?.load("momentum")?.into();
/// let request: SweepRequest = serde_json::from_str(r#"{"plugin": "momentum", "grid": {"lookback": [20, 60]}}"#)?;
/// let identity = request.bind(strategy.description(), DefaultMetrics::All)?.identity(&request, &strategy)?.expect("a plugin has a hash");
/// let bars = Digest::of(b"bars");
/// let other = Digest::of(b"other bars");
/// assert_ne!(identity.cell(bars, &Params::new()), identity.cell(other, &Params::new()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CellIdentity {
    run: Digest,
}

impl BoundRequest {
    /// The identity of the cells of `request`, from which this was bound. `None` for Rust code, which has no hash to tell one
    /// version from another.
    ///
    /// # Errors
    ///
    /// Returns an error if the strategy cannot be run in the way that is asked for.
    pub fn identity(&self, request: &SweepRequest, strategy: &Strategy) -> Result<Option<CellIdentity>, SetupError> {
        CellIdentity::of(request, &self.settings, &self.limits, strategy)
    }
}

impl CellIdentity {
    /// That of cells of `strategy`; `settings` and `limits` are the meaning of `request`.
    pub(super) fn of(
        request: &SweepRequest,
        settings: &Settings,
        limits: &Limits,
        strategy: &Strategy,
    ) -> Result<Option<Self>, SetupError> {
        let Some(plugin) = strategy.digest() else { return Ok(None) };
        let mode = strategy.mode(settings.mode)?;
        let cells = Self::new(request, settings, limits, plugin, mode)?;
        Ok(Some(cells.with_exits(strategy)))
    }

    fn new(
        request: &SweepRequest,
        settings: &Settings,
        limits: &Limits,
        plugin: Digest,
        mode: Mode,
    ) -> Result<Self, SetupError> {
        // A request counts by its meaning (settings and limits), which is hashed below. Plugin and data, with their finer bars, count
        // by their hashes, not by their names. The grid selects cells. The rest says what is done with results.
        let SweepRequest {
            plugin: _,
            data: _,
            detail: _,
            grid: _,
            params: _,
            // Those of a cell are among its parameters.
            exits: _,
            constraints: _,
            sample: _,
            seed: _,
            require: _,
            objective: _,
            direction: _,
            metrics: _,
            top: _,
            rank_by: _,
            optimize: _,
            bounds: _,
            // Settings have them.
            split: _,
            period: _,
            benchmark: _,
            // The hash of the bars covers it: the bars of one symbol have a hash of their own.
            scope: _,
            account: _,
            limits: _,
        } = request;
        let run = Canonical::default().count("results-version", RESULTS_VERSION.into()).text("engine", ENGINE);
        let run = run.text("plugin", &plugin.to_string());
        let run = with_limits(with_settings(run, settings, mode)?, limits);
        Ok(Self { run: Digest::of(run.as_bytes()) })
    }

    /// The same with the exits of `strategy`: cells without any have the identity that they had before there were exits. How far
    /// exits are is among the parameters of each cell.
    fn with_exits(self, strategy: &Strategy) -> Self {
        let exits = strategy.exits();
        if exits.is_empty() {
            return self;
        }
        let run = Canonical::default().text("run", &self.run.to_string());
        let run = exits.iter().fold(run, |run, exit| run.text("exit", &exit.name));
        Self { run: Digest::of(run.as_bytes()) }
    }

    /// The identity with this hash.
    #[cfg(feature = "cli")]
    pub(crate) fn of_digest(run: Digest) -> Self {
        Self { run }
    }

    /// The hash of everything that decides the results of the sweep, but bars and parameters.
    pub fn digest(&self) -> Digest {
        self.run
    }

    /// The identity of the cells on the bars with the hash `bars`: everything that decides their results but the parameters.
    pub fn book(&self, bars: Digest) -> Digest {
        let book = Canonical::default().text("run", &self.run.to_string()).text("bars", &bars.to_string());
        Digest::of(book.as_bytes())
    }

    /// The identity of the cell that has `params`, defaults included, on the bars with the hash `bars`.
    pub fn cell(&self, bars: Digest, params: &Params) -> Digest {
        Digest::of(Canonical::default().text("book", &self.book(bars).to_string()).params(params).as_bytes())
    }
}

/// `mode` is the resolved mode; the requested one may be absent.
fn with_settings(run: Canonical, settings: &Settings, mode: Mode) -> Result<Canonical, SetupError> {
    // A metric has the same bits whatever else is measured. Returns are not kept with a result.
    let Settings { account, mode: _, periods_per_year, risk_free, period, metrics: _, returns: _, benchmark } =
        settings;
    // The hash of the bars covers the end.
    let Period { from, to } = period;
    let run = run.text("mode", &mode.to_string());
    let run = run.optional("periods-per-year", *periods_per_year).number("risk-free", *risk_free);
    let run = run.text("from", &from.map_or_else(String::new, |from| from.to_string()));
    let run = with_account(run, account);
    // Cells without a benchmark have the identity that they had before there were benchmarks.
    match benchmark {
        Some(benchmark) => Ok(run.text("benchmark", &benchmark.identity(*to)?)),
        None => Ok(run),
    }
}

fn with_account(run: Canonical, account: &broker::Settings) -> Canonical {
    let broker::Settings {
        initial_cash,
        fill,
        sizing,
        sizing_includes_costs,
        commission_bps,
        commission_maker_bps,
        commission_per_unit,
        commission_per_order,
        commission_minimum,
        commission_maximum,
        slippage_bps,
        slippage_ticks,
        slippage_impact,
        volume_share,
        lot,
        tick,
        multiplier,
        initial_margin,
        maintenance_margin,
        borrow_rate,
        first_bar,
        rules,
    } = account;
    let run = run
        .number("initial-cash", *initial_cash)
        .text("fill", &fill.to_string())
        .text("sizing", &sizing.to_string())
        .flag("sizing-includes-costs", *sizing_includes_costs)
        .number("commission-bps", *commission_bps)
        .optional("commission-maker-bps", *commission_maker_bps)
        .number("commission-per-unit", *commission_per_unit)
        .number("commission-per-order", *commission_per_order)
        .number("commission-minimum", *commission_minimum)
        .optional("commission-maximum", *commission_maximum)
        .number("slippage-bps", *slippage_bps)
        .number("slippage-ticks", *slippage_ticks)
        .number("slippage-impact", *slippage_impact)
        .optional("volume-share", *volume_share)
        .optional("lot", *lot)
        .optional("tick", *tick)
        .number("multiplier", *multiplier)
        .number("initial-margin", *initial_margin)
        .number("maintenance-margin", *maintenance_margin)
        .number("borrow-rate", *borrow_rate)
        .count("first-bar", *first_bar as u64);
    with_rules(run, rules)
}

fn with_rules(run: Canonical, rules: &Rules) -> Canonical {
    let Rules {
        intrabar,
        limits,
        gaps,
        stop_limits,
        trailing,
        exits,
        priority,
        missing,
        at_end,
        lot_rounding,
        tick_rounding,
        booking,
        ruin,
        funds,
    } = rules;
    run.text("intrabar", &intrabar.to_string())
        .text("limits", &limits.to_string())
        .text("gaps", &gaps.to_string())
        .text("stop-limits", &stop_limits.to_string())
        .text("trailing", &trailing.to_string())
        .text("exits", &exits.to_string())
        .text("priority", &priority.to_string())
        .text("missing", &missing.to_string())
        .text("at-end", &at_end.to_string())
        .text("lot-rounding", &lot_rounding.to_string())
        .text("tick-rounding", &tick_rounding.to_string())
        .text("booking", &booking.to_string())
        .text("ruin", &ruin.to_string())
        .text("funds", &funds.to_string())
}

/// Hashes the limits that can change an answer.
fn with_limits(run: Canonical, limits: &Limits) -> Canonical {
    // Timeouts are left out: a cell that ran into the clock is never kept, so that no kept result depends on them.
    let Limits {
        budget,
        timeout: _,
        prepare_timeout: _,
        compile_timeout: _,
        tasks_per_fork,
        memory,
        answer,
        log_lines,
        log_bytes,
    } = limits;
    run.text("budget", &budget.to_string())
        .count("tasks-per-fork", *tasks_per_fork as u64)
        .text("memory", &memory.map_or_else(|| "auto".to_owned(), |bytes| bytes.to_string()))
        .count("answer", *answer as u64)
        .count("log-lines", *log_lines as u64)
        .count("log-bytes", *log_bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backtest::{Benchmark, ExitKind},
        broker::Intrabar,
        metrics::Selection,
        model::{Series, Targets, TimePoint},
        sandbox::Budget,
    };

    /// A benchmark with a close a day from 1970-01-01 on.
    fn closes(closes: &[f64]) -> Benchmark {
        let time = (0..).map(|day| day * 86_400_000_000_000).take(closes.len()).collect();
        Benchmark::of_series(&Series { time, close: closes.to_vec(), ..Series::default() })
    }

    #[test]
    fn closes_after_the_end_of_a_run_do_not_tell_its_cells_apart() {
        let of = |to: Option<i64>, bars: &[f64]| {
            identity(|_, settings, _| {
                settings.benchmark = Some(closes(bars));
                settings.period.to = to.map(TimePoint::Day);
            })
        };
        let bars = |other: usize| (0..500).map(|day| if day == other { 9.0 } else { 5.0 }).collect::<Vec<_>>();
        assert_ne!(of(None, &bars(499)), of(None, &bars(498)));
        assert_eq!(of(Some(1), &bars(499)), of(Some(1), &bars(498)));
        // The last bar of a run may be of a year.
        assert_ne!(of(Some(1), &bars(366)), of(Some(1), &bars(365)));
    }

    fn identity(change: impl FnOnce(&mut SweepRequest, &mut Settings, &mut Limits)) -> CellIdentity {
        let (mut request, mut settings, mut limits) = Default::default();
        change(&mut request, &mut settings, &mut limits);
        CellIdentity::new(&request, &settings, &limits, Digest::of(b"plugin"), Mode::Signals).unwrap()
    }

    #[test]
    fn what_decides_a_result_tells_cells_apart() {
        let plain = identity(|_, _, _| {});
        let others = [
            identity(|_, settings, _| settings.account.commission_bps = 5.0),
            identity(|_, settings, _| settings.account.commission_per_unit = 5.0),
            identity(|_, settings, _| settings.account.lot = Some(1.0)),
            identity(|_, settings, _| settings.account.tick = Some(1.0)),
            identity(|_, settings, _| settings.account.multiplier = 50.0),
            identity(|_, settings, _| settings.account.first_bar = 20),
            identity(|_, settings, _| settings.account.rules.intrabar = Intrabar::Ohlc),
            identity(|_, settings, _| settings.risk_free = 0.02),
            identity(|_, settings, _| settings.periods_per_year = Some(252.0)),
            identity(|_, settings, _| settings.benchmark = Some(Benchmark::Hold)),
            identity(|_, settings, _| settings.benchmark = Some(closes(&[1.0, 2.0]))),
            identity(|_, settings, _| settings.benchmark = Some(closes(&[1.0, 3.0]))),
            identity(|_, settings, _| settings.period.from = Some(TimePoint::Day(9))),
            identity(|_, _, limits| limits.budget = Budget::Units(5)),
            identity(|_, _, limits| limits.memory = Some(1 << 20)),
            identity(|_, _, limits| limits.tasks_per_fork = 2),
            CellIdentity::new(
                &SweepRequest::default(),
                &Settings::default(),
                &Limits::default(),
                Digest::of(b"other"),
                Mode::Signals,
            )
            .unwrap(),
            CellIdentity::new(
                &SweepRequest::default(),
                &Settings::default(),
                &Limits::default(),
                Digest::of(b"plugin"),
                Mode::Events,
            )
            .unwrap(),
        ];
        let all: std::collections::HashSet<_> = others.iter().chain([&plain]).collect();
        assert_eq!(all.len(), others.len() + 1);
    }

    #[test]
    fn what_is_done_with_results_does_not() {
        let plain = identity(|_, _, _| {});
        assert_eq!(plain, identity(|request, _, _| request.top = 3));
        assert_eq!(plain, identity(|request, _, _| request.objective = Some("cagr".to_owned())));
        assert_eq!(plain, identity(|request, _, _| request.plugin = "renamed".to_owned()));
        assert_eq!(plain, identity(|_, settings, _| settings.metrics = Selection::none()));
        assert_eq!(plain, identity(|_, _, limits| limits.timeout *= 2));
    }

    #[test]
    fn cells_without_exits_have_the_identity_that_they_had_before_there_were_any() {
        let plain = identity(|_, _, _| {});
        let strategy = Strategy::native("plain", Vec::new(), |_, _| Ok(Targets::default()));
        let with = |kinds: &[ExitKind]| plain.with_exits(&strategy.clone().with_exits(kinds.iter().copied()).unwrap());
        assert_eq!(plain, with(&[]));
        let others = [with(&[ExitKind::StopLoss]), with(&[ExitKind::TakeProfit]), with(&ExitKind::ALL)];
        let all: std::collections::HashSet<_> = others.iter().chain([&plain]).collect();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn bars_and_parameters_tell_cells_apart() {
        let identity = identity(|_, _, _| {});
        let params = |value: i64| Params::from([("a".to_owned(), value.into())]);
        let (bars, other) = (Digest::of(b"bars"), Digest::of(b"other bars"));
        let cells =
            [identity.cell(bars, &params(1)), identity.cell(bars, &params(2)), identity.cell(other, &params(1))];
        assert!(cells[0] != cells[1] && cells[0] != cells[2] && cells[1] != cells[2]);
    }
}
