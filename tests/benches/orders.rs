//! Strategies that work with orders, told of bars inside the sandbox and by a call for each bar.
//!
//! Never measures what differs: both ways have to find the same numbers, to the bit.

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
    /// What each bar costs a call, and what is told inside the sandbox.
    ways: [(&'static str, ParallelBacktester, Scope); 2],
}

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

    /// The data are so many instruments, bars of each, and nanoseconds between two.
    fn new(plugin: &str, (instruments, bars, step): (u64, usize, i64), grid: Grid, cells: usize) -> Result<Self> {
        let series = (0..instruments).map(|instrument| walk(instrument, bars, step)).collect();
        let settings = Settings { mode: Some(Mode::Events), ..Settings::default() };
        let market = Arc::new(Market::new(Dataset::new(series)?, settings)?);
        let way = |name, fork_method| -> Result<_> {
            let mut options = Options::from(Limits::default());
            options.fork_method = fork_method;
            let backtester = ParallelBacktester::new(Some(1), options)?;
            let scope = Backtest::new(Arc::clone(&market), backtester.load(plugin)?.into())?.into();
            Ok((name, backtester, scope))
        };
        // A fork that prepares anew has no driver; by events there is nothing to prepare.
        let ways =
            [way("a call for each bar", ForkMethod::RePrepared)?, way("told inside the sandbox", ForkMethod::Auto)?];
        Ok(Self { bars: bars * instruments as usize, cells, grid, ways })
    }

    /// Measures both ways, for each combination and bar.
    ///
    /// # Errors
    ///
    /// Returns an error if they differ in a number.
    pub(crate) fn measure(&self, rounds: usize) -> Result<Vec<(String, Summary)>> {
        let [one, other] = [0, 1].map(|way| self.sweep(way));
        ensure!(one? == other?, "the two ways differ; nothing is measured");
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
