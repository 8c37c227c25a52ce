//! Strategies that work with orders, told of bars inside the sandbox and by a call for each bar.
//!
//! Never measures what differs: both ways have to find the same numbers, to the bit. Only where orders trade by finer bars the numbers
//! are others.

use std::sync::Arc;

use anyhow::{Result, ensure};
use host::{
    backtest::{Backtest, Market, Mode, Settings},
    data::Dataset,
    metrics::Metrics,
    model::{Series, Value},
    sandbox::{ForkMethod, Limits, Options},
    sweep::{ParallelBacktester, Part, Scope, grid::Grid},
};

use crate::measure::{Cost, Summary, Way, compare, measured};

/// A day and a minute in nanoseconds.
const DAY: i64 = 86_400_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// A strategy over random walks, and its grid.
pub(crate) struct Orders {
    bars: usize,
    cells: usize,
    grid: Grid,
    ways: [(&'static str, ParallelBacktester, Scope); 2],
    /// Whether both ways find the same.
    is_same: bool,
}

/// Minutes of a day of trading.
const SESSION: usize = 390;

impl Orders {
    /// `rotation` over 500 instruments of 2,500 bars: 25 combinations.
    pub(crate) fn portfolio() -> Result<Self> {
        let grid = axes([("lookback", (20..=100).step_by(20)), ("top", (5..=25).step_by(5))]);
        Self::new("rotation", (500, 2_500, DAY), grid, 25)
    }

    /// `bracket` over one instrument of so many bars: a stop and a limit wait while it holds anything. 25 combinations.
    pub(crate) fn bracket(bars: usize) -> Result<Self> {
        let grid = axes([("fast", (5..=25).step_by(5)), ("slow", (50..=250).step_by(50))]);
        Self::new("bracket", (1, bars, MINUTE), grid, 25)
    }

    /// `bracket` over so many days: a stop and a limit wait while it holds anything. 25 combinations, by the days alone, and with the
    /// minutes of these days where an order is near.
    pub(crate) fn detail(days: usize) -> Result<Self> {
        // Exits so near that a day often reaches both.
        let near = |grid: Grid, name| grid.axis(name, [Value::Number(0.005)]);
        let grid = axes([("fast", (5..=25).step_by(5)), ("slow", (50..=250).step_by(50))]);
        let grid = near(near(grid, "stop_loss"), "take_profit");
        let minutes = minutes(days);
        let alone = Dataset::new(vec![daily(&minutes)])?;
        let (with_minutes, notices) = alone.with_detail(&Dataset::new(vec![minutes])?)?;
        ensure!(notices.is_empty(), "the days are not those of the minutes: {notices:?}");
        let way = |name, dataset| Self::way(name, dataset, "bracket", ForkMethod::Auto);
        let ways = [way("days alone", alone)?, way("days, with minutes where an order is near", with_minutes)?];
        Ok(Self { bars: days, cells: 25, grid, ways, is_same: false })
    }

    /// The data are so many instruments, bars of each, and nanoseconds between two.
    fn new(plugin: &str, (instruments, bars, step): (u64, usize, i64), grid: Grid, cells: usize) -> Result<Self> {
        let series = (0..instruments).map(|instrument| walk(instrument, bars, step)).collect();
        let dataset = Dataset::new(series)?;
        let way = |name, fork_method| Self::way(name, dataset.clone(), plugin, fork_method);
        // A fork that prepares anew has no driver; by events there is nothing to prepare.
        let ways =
            [way("a call for each bar", ForkMethod::RePrepared)?, way("told inside the sandbox", ForkMethod::Auto)?];
        Ok(Self { bars: bars * instruments as usize, cells, grid, ways, is_same: true })
    }

    fn way(
        name: &'static str,
        dataset: Dataset,
        plugin: &str,
        fork_method: ForkMethod,
    ) -> Result<(&'static str, ParallelBacktester, Scope)> {
        let settings = Settings { mode: Some(Mode::Events), ..Settings::default() };
        let mut options = Options::from(Limits::default());
        options.fork_method = fork_method;
        let backtester = ParallelBacktester::new(Some(1), options)?;
        let market = Arc::new(Market::new(dataset, settings)?);
        let scope = Backtest::new(market, backtester.load(plugin)?.into())?.into();
        Ok((name, backtester, scope))
    }

    /// Measures both ways, for each combination and bar.
    ///
    /// # Errors
    ///
    /// Returns an error if they differ in a number.
    pub(crate) fn measure(&self, rounds: usize) -> Result<Vec<(String, Summary)>> {
        let [one, other] = [0, 1].map(|way| self.sweep(way));
        ensure!((one? == other?) == self.is_same, "the two ways differ, or do not; nothing is measured");
        let mut ways: Vec<_> = (0..self.ways.len())
            .map(|way| {
                Way::new(self.ways[way].0, move || {
                    let (cost, found) = measured(|| self.sweep(way))?;
                    found.map(|_| self.each(cost))
                })
            })
            .collect();
        let summaries = compare(&mut ways, rounds)?;
        Ok(ways.iter().map(|way| way.name.to_owned()).zip(summaries).collect())
    }

    fn each(&self, cost: Cost) -> Cost {
        cost / (self.cells * self.bars) as f64
    }

    /// The metrics of all combinations.
    fn sweep(&self, way: usize) -> Result<Vec<String>> {
        let (_, backtester, scope) = &self.ways[way];
        let plan = self.grid.bind(scope.strategy().description())?;
        let mut found = Vec::with_capacity(self.cells);
        let mut take = |metrics: Option<Metrics>| {
            found.push(format!("{metrics:?}"));
            metrics.is_some()
        };
        backtester.sweep(scope, &plan, Part::all(), |batch| batch.results.into_iter().all(|one| take(one.result)));
        ensure!(found.len() == self.cells, "a task fails");
        Ok(found)
    }
}

fn axes<const N: usize>(axes: [(&str, std::iter::StepBy<std::ops::RangeInclusive<i64>>); N]) -> Grid {
    axes.into_iter().fold(Grid::new(), |grid, (name, values)| grid.axis(name, values.map(Value::Integer)))
}

/// A random walk of bars that are `step` nanoseconds apart, the same in each run.
fn walk(seed: u64, bars: usize, step: i64) -> Series {
    let mut state = seed + 1;
    // Uniform from -1 to 1: xorshift64*.
    let mut random = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    };
    let mut series = Series { symbol: format!("S{seed:03}"), ..Series::default() };
    let mut price = 100.0;
    for bar in 0..bars {
        let open = price;
        price *= 1.0 + 0.01 * random();
        series.time.push(bar as i64 * step);
        series.open.push(open);
        series.high.push(open.max(price) * (1.0 + 0.002 * random().abs()));
        series.low.push(open.min(price) * (1.0 - 0.002 * random().abs()));
        series.close.push(price);
        series.volume.push(1000.0);
    }
    series
}

/// The minutes of so many days, from half past two on.
fn minutes(days: usize) -> Series {
    let mut series = walk(1, days * SESSION, MINUTE);
    let time = |at: usize| (at / SESSION) as i64 * DAY + (870 + at % SESSION) as i64 * MINUTE;
    series.time = (0..series.len()).map(time).collect();
    // A day moves by 1 %, and a minute by less.
    for prices in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
        prices.iter_mut().for_each(|price| *price = 100.0 * (*price / 100.0).powf(0.05));
    }
    series
}

/// The days of these minutes.
fn daily(minutes: &Series) -> Series {
    let fold = |column: &[f64], pick: fn(f64, f64) -> f64| -> Vec<f64> {
        column.chunks(SESSION).map(|day| day.iter().copied().reduce(pick).unwrap_or_default()).collect()
    };
    Series {
        symbol: minutes.symbol.clone(),
        time: minutes.time.iter().step_by(SESSION).map(|time| time.div_euclid(DAY) * DAY).collect(),
        open: fold(&minutes.open, |first, _| first),
        high: fold(&minutes.high, f64::max),
        low: fold(&minutes.low, f64::min),
        close: fold(&minutes.close, |_, last| last),
        volume: fold(&minutes.volume, |one, other| one + other),
        ..Series::default()
    }
}
