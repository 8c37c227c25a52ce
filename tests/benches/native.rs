//! The same work without a sandbox: a crossing of two averages as a loop of a native program, in two forms.
//!
//! Never uses the library that is measured.

use rayon::prelude::*;

use crate::{data::Bars, grid::Pair};

/// Quote currency in the account before the first bar.
pub(crate) const CASH: f64 = 100_000.0;

/// The share of a fill's value that it costs.
pub(crate) const COMMISSION: f64 = 0.001;

/// Minutes in a year of 365 days.
pub(crate) const PERIODS_PER_YEAR: f64 = 525_600.0;

/// What every engine has to agree on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    /// Positions entered, closed or not.
    pub(crate) trades: u64,
    /// Yearly.
    pub(crate) sharpe: f64,
    /// The deepest fall from a peak, as a positive fraction.
    pub(crate) drawdown: f64,
}

/// How the averages are computed, and how much of the account is kept bar by bar.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Two rolling sums, and the account at each bar: the loop that one writes first, and that of `sma_rolling`.
    Loop,
    /// Prefix sums made once, compared by eight bars, and the account only while it holds something: what `sma_cross`
    /// and the host do.
    Segments,
}

/// Runs all `pairs` on the threads of the current pool.
pub(crate) fn sweep(form: Form, bars: &Bars, pairs: &[Pair]) -> Vec<Outcome> {
    let (open, close) = (bars.open(), bars.close());
    match form {
        Form::Loop => pairs.par_iter().map(|&pair| rolling(open, close, pair)).collect(),
        Form::Segments => {
            let sums = prefix_sums(close);
            pairs.par_iter().map(|&pair| segments(open, close, &sums, pair)).collect()
        }
    }
}

struct Account {
    cash: f64,
    units: f64,
    /// Units to hold from the next open on.
    target: f64,
    equity: f64,
    /// Returns and squared returns of the bars, summed.
    sums: [f64; 2],
    peak: f64,
    drawdown: f64,
    trades: u64,
}

impl Account {
    fn new() -> Self {
        Self { cash: CASH, units: 0.0, target: 0.0, equity: CASH, sums: [0.0; 2], peak: CASH, drawdown: 0.0, trades: 0 }
    }

    #[inline(always)]
    fn bar(&mut self, open: f64, close: f64) {
        if self.target > self.units {
            self.buy(open);
        } else if self.target < self.units {
            self.sell(open);
        }
        self.mark(self.cash + self.units * close);
    }

    #[inline(always)]
    fn buy(&mut self, open: f64) {
        self.cash -= open * (1.0 + COMMISSION);
        self.units = 1.0;
        self.trades += 1;
    }

    #[inline(always)]
    fn sell(&mut self, open: f64) {
        self.cash += open * (1.0 - COMMISSION);
        self.units = 0.0;
    }

    #[inline(always)]
    fn mark(&mut self, equity: f64) {
        self.add(equity / self.equity - 1.0);
        self.equity = equity;
        self.peak = self.peak.max(equity);
        self.drawdown = self.drawdown.max(1.0 - equity / self.peak);
    }

    #[inline(always)]
    fn add(&mut self, change: f64) {
        self.sums[0] += change;
        self.sums[1] += change * change;
    }

    /// Marks the bars of one position: independent divisions for the returns, one division for each new low.
    fn hold(&mut self, closes: &[f64]) {
        let Some((&first, later)) = closes.split_first() else { return };
        let cash = self.cash;
        self.add((cash + first) / self.equity - 1.0);
        let change = |now: f64, before: f64| (now - before) / (cash + before);
        let (fours, rest) = later.as_chunks::<4>();
        let mut sums = [[0.0; 4]; 2];
        for (now, before) in fours.iter().zip(closes.as_chunks::<4>().0) {
            for lane in 0..4 {
                let change = change(now[lane], before[lane]);
                sums[0][lane] += change;
                sums[1][lane] += change * change;
            }
        }
        self.sums[0] += sums[0].iter().sum::<f64>();
        self.sums[1] += sums[1].iter().sum::<f64>();
        for (&now, &before) in rest.iter().zip(&closes[later.len() - rest.len()..]) {
            self.add(change(now, before));
        }
        let mut floor = self.peak * (1.0 - self.drawdown);
        for close in closes {
            let equity = cash + close;
            if equity > self.peak {
                self.peak = equity;
                floor = equity * (1.0 - self.drawdown);
            } else if equity < floor {
                self.drawdown = 1.0 - equity / self.peak;
                floor = equity;
            }
            self.equity = equity;
        }
    }

    fn outcome(&self, bars: usize) -> Outcome {
        let bars = bars as f64;
        let mean = self.sums[0] / bars;
        let variance = (self.sums[1] - bars * mean * mean) / (bars - 1.0);
        let sharpe = mean / variance.sqrt() * PERIODS_PER_YEAR.sqrt();
        Outcome { trades: self.trades, sharpe, drawdown: self.drawdown }
    }
}

fn rolling(open: &[f64], close: &[f64], Pair { fast, slow }: Pair) -> Outcome {
    let mut account = Account::new();
    let (mut fast_sum, mut slow_sum) = (0.0, 0.0);
    for at in 0..close.len() {
        account.bar(open[at], close[at]);
        fast_sum += close[at];
        slow_sum += close[at];
        if at >= fast {
            fast_sum -= close[at - fast];
        }
        if at >= slow {
            slow_sum -= close[at - slow];
        }
        if at + 1 >= slow {
            let (fast_mean, slow_mean) = (fast_sum / fast as f64, slow_sum / slow as f64);
            if fast_mean > slow_mean {
                account.target = 1.0;
            } else if fast_mean < slow_mean {
                account.target = 0.0;
            }
        }
    }
    account.outcome(close.len())
}

/// Returns 0, then the sum of the first close, of the first two, and so on to the sum of all.
fn prefix_sums(close: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = close.iter().map(|close| {
        sum += close;
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}

fn segments(open: &[f64], close: &[f64], sums: &[f64], pair: Pair) -> Outcome {
    let mut account = Account::new();
    let (mut from, bars) = (pair.slow - 1, close.len());
    loop {
        let entry = next(sums, pair, 1.0, from) + 1;
        if entry >= bars {
            return account.outcome(bars);
        }
        let exit = next(sums, pair, -1.0, entry - 1) + 1;
        account.buy(open[entry]);
        account.hold(&close[entry..exit.min(bars)]);
        if exit >= bars {
            return account.outcome(bars);
        }
        account.sell(open[exit]);
        account.mark(account.cash);
        from = exit;
    }
}

/// Returns the first bar at or after `from` where the fast average is above the slow one, or below it for a `sign` of
/// -1; the number of bars if there is none.
fn next(sums: &[f64], Pair { fast, slow }: Pair, sign: f64, from: usize) -> usize {
    let bars = sums.len() - 1;
    if from >= bars {
        return bars;
    }
    let (per_fast, per_slow) = (sign / fast as f64, sign / slow as f64);
    let crossed = |end: f64, fast: f64, slow: f64| (end - fast) * per_fast > (end - slow) * per_slow;
    let part = |back: usize| &sums[from + 1 - back..=bars - back];
    let (ends, fasts, slows) = (part(0), part(fast), part(slow));
    let blocks = ends.as_chunks::<8>().0.iter().zip(fasts.as_chunks::<8>().0).zip(slows.as_chunks::<8>().0);
    let any = |((end, fast), slow): ((&[f64; 8], &[f64; 8]), &[f64; 8])| {
        (0..8).fold(false, |any, bar| any | crossed(end[bar], fast[bar], slow[bar]))
    };
    let skipped = 8 * blocks.clone().take_while(|block| !any(*block)).count();
    let found = (skipped..ends.len()).find(|&bar| crossed(ends[bar], fasts[bar], slows[bar]));
    found.map_or(bars, |bar| from + bar)
}
