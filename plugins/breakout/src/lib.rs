//! Breakout of a Donchian channel: long once the close is above every high of the `entry` bars before, flat once it is
//! below every low of the `exit` bars before.
//!
//! Never looks at a window: `prepare` finds for each close how many bars before it, in a row, have lower highs (or higher
//! lows). A close breaks out of any window that is not longer than that.

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, Series, Strategy, Targets, export};

/// How far each close of an instrument stands out.
#[derive(Debug)]
struct Reach {
    /// Bars in a row before each bar whose highs are below its close.
    above: Vec<u32>,
    /// Bars in a row before each bar whose lows are above its close.
    below: Vec<u32>,
}

/// The reach of every close of each instrument.
#[derive(Debug)]
pub struct Breakout {
    reaches: Vec<Reach>,
}

impl Strategy for Breakout {
    fn describe() -> Description {
        Description::new("breakout", env!("CARGO_PKG_VERSION"), "Buys a close above the channel, sells one below it.")
            .integer("entry", "bars whose highs a close must exceed to buy", 20)
            .range(1, 2000)
            .integer("exit", "bars whose lows a close must undercut to sell", 10)
            .range(1, 2000)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        let negated = |prices: &[f64]| prices.iter().map(|price| -price).collect::<Vec<_>>();
        let reach = |series: &Series| Reach {
            above: bars_below(&series.high, &series.close),
            below: bars_below(&negated(&series.low), &negated(&series.close)),
        };
        Ok(Self { reaches: data.iter().map(reach).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let (entry, exit) = (params.count("entry")?, params.count("exit")?);
        let share = targets.share();
        for (instrument, reach) in self.reaches.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for (at, (&above, &below)) in reach.above.iter().zip(&reach.below).enumerate() {
                if above as usize >= entry {
                    position.hold(at, share);
                } else if below as usize >= exit {
                    position.hold(at, 0.0);
                }
            }
        }
        Ok(())
    }
}

/// For each bar, how many bars in a row before it have a high below its close.
fn bars_below(high: &[f64], close: &[f64]) -> Vec<u32> {
    let mut peaks = Peaks::default();
    high.iter().zip(close).map(|(&high, &close)| peaks.bars_below(high, close)).collect()
}

/// The bars so far whose high no later bar has reached, so their highs fall.
#[derive(Debug, Clone, Default)]
struct Peaks {
    bars: u32,
    /// The number of each such bar, and its high.
    highest: Vec<(u32, f64)>,
}

impl Peaks {
    /// Takes the next bar, and returns how many bars in a row before it have a high below its close.
    fn bars_below(&mut self, high: f64, close: f64) -> u32 {
        let at = self.bars;
        self.bars += 1;
        // The last peak that is not below the close is the nearest bar that is not.
        let blocking = self.highest.partition_point(|&(_, peak)| peak >= close);
        let reach = if blocking == 0 { at } else { at - 1 - self.highest[blocking - 1].0 };
        while self.highest.last().is_some_and(|&(_, peak)| peak <= high) {
            self.highest.pop();
        }
        self.highest.push((at, high));
        reach
    }
}

/// The same, bar by bar.
#[derive(Debug)]
pub struct Live {
    entry: usize,
    exit: usize,
    /// For each instrument its highs, and its lows turned around.
    peaks: Vec<[Peaks; 2]>,
}

impl EventStrategy for Live {
    fn describe() -> Description {
        Breakout::describe()
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let (entry, exit) = (params.count("entry")?, params.count("exit")?);
        Ok(Self { entry, exit, peaks: vec![Default::default(); symbols.len()] })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let [highs, lows] = &mut self.peaks[bar.instrument];
        let above = highs.bars_below(bar.high, bar.close);
        let below = lows.bars_below(-bar.low, -bar.close);
        if above as usize >= self.entry {
            broker.hold(bar.instrument, broker.share());
        } else if below as usize >= self.exit {
            broker.hold(bar.instrument, 0.0);
        }
    }
}

export!(Breakout, events Live);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn check(entry: i64, exit: i64, series: Series, expected: &[Target]) {
        let (data, given) = (vec![series], [("entry", entry.into()), ("exit", exit.into())]);
        assert_eq!(testing::targets::<Live>(data.clone(), &given).as_deref(), Ok(expected));
        assert_eq!(testing::evaluate::<Breakout>(data, &given).as_deref(), Ok(expected));
    }

    /// Uneven bars around a wave.
    fn waves() -> Series {
        let close: Vec<f64> = (0..400).map(|t| 100.0 + f64::from(t * 7919 % 41) + f64::from(t % 60 - t % 90)).collect();
        let mut series = testing::series("ACME", &close);
        series.high = close.iter().enumerate().map(|(t, price)| price + (t * 31 % 7) as f64 / 4.0).collect();
        series.low = close.iter().enumerate().map(|(t, price)| price - (t * 17 % 5) as f64 / 4.0).collect();
        series
    }

    #[test]
    fn a_new_high_is_bought_and_a_new_low_sold() {
        let series = testing::series("ACME", &[1.0, 2.0, 3.0, 2.5, 2.0, 4.0]);
        check(2, 2, series, &[(2, 0, 1.0), (4, 0, 0.0), (5, 0, 1.0)]);
    }

    #[test]
    fn a_close_that_only_equals_the_high_does_not_break_out() {
        check(2, 2, testing::series("ACME", &[3.0, 2.0, 3.0, 3.0]), &[]);
        check(2, 2, testing::series("ACME", &[]), &[]);
    }

    #[test]
    fn every_pair_of_windows_agrees_with_the_plain_definition() {
        for (entry, exit) in [(1, 1), (2, 5), (20, 10), (55, 20), (399, 399)] {
            let series = waves();
            let (mut expected, mut held) = (vec![], 0.0);
            for (at, &close) in series.close.iter().enumerate() {
                let up = at >= entry && series.high[at - entry..at].iter().all(|&high| close > high);
                let down = at >= exit && series.low[at - exit..at].iter().all(|&low| close < low);
                let wish = if up {
                    1.0
                } else if down {
                    0.0
                } else {
                    held
                };
                if wish != held {
                    held = wish;
                    expected.push((at as u32, 0, wish));
                }
            }
            check(entry as i64, exit as i64, series, &expected);
        }
    }
}
