//! Mean reversion: long once the relative strength index (RSI) falls below a lower bound, flat once it rises above an upper.
//!
//! The RSI is Wilder's: averages of gains and losses that start with the first change and weigh each later change by
//! `1 / window`; it counts from bar `window` on. Never sells short, and does nothing where no price has changed yet.
//!
//! Source: J. Welles Wilder, "New Concepts in Technical Trading Systems", 1978, section VI.

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, Series, Strategy, Targets, export};

/// For each instrument the change of the close from each bar to the next.
#[derive(Debug)]
pub struct MeanReversion {
    changes: Vec<Vec<f64>>,
}

impl Strategy for MeanReversion {
    fn describe() -> Description {
        Description::new(
            "mean_reversion",
            env!("CARGO_PKG_VERSION"),
            "Buys when the RSI is low, sells when it is high.",
        )
        .integer("window", "bars of the RSI", 14)
        .range(2, 500)
        .number("lower", "RSI below which to buy, from 0 to 100", 30.0)
        .range(0, 100)
        .number("upper", "RSI above which to sell, from 0 to 100 and above lower", 70.0)
        .range(0, 100)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        let changes = |close: &[f64]| close.windows(2).map(|pair| pair[1] - pair[0]).collect();
        Ok(Self { changes: data.iter().map(|series| changes(&series.close)).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let rule = Rule::new(params)?;
        let share = targets.share();
        for (instrument, changes) in self.changes.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            let mut strength = Strength::after(changes.first().copied().unwrap_or(0.0));
            for (change, at) in changes.iter().skip(1).zip(2..) {
                strength.add(*change, rule.weight);
                if at >= rule.window && rule.is_weak(&strength) {
                    position.hold(at, share);
                } else if at >= rule.window && rule.is_strong(&strength) {
                    position.hold(at, 0.0);
                }
            }
        }
        Ok(())
    }
}

/// What an index calls for.
#[derive(Debug)]
struct Rule {
    window: usize,
    /// That of the latest change.
    weight: f64,
    lower: f64,
    upper: f64,
}

impl Rule {
    fn new(params: &Params) -> Result<Self, Error> {
        let window = params.count("window")?;
        let (lower, upper) = (params.number("lower")?, params.number("upper")?);
        if lower >= upper {
            return Err(Error::invalid("`lower` is not below `upper`: it could never sell"));
        }
        Ok(Self { window, weight: 1.0 / window as f64, lower, upper })
    }

    // RSI = 100 gain / (gain + loss), compared without the division.
    #[inline]
    fn is_weak(&self, Strength { gain, loss }: &Strength) -> bool {
        100.0 * gain < self.lower * (gain + loss)
    }

    #[inline]
    fn is_strong(&self, Strength { gain, loss }: &Strength) -> bool {
        100.0 * gain > self.upper * (gain + loss)
    }
}

/// Averages of gains and of losses, in quote currency.
#[derive(Debug, Clone, Copy, Default)]
struct Strength {
    gain: f64,
    loss: f64,
}

impl Strength {
    /// The averages of one change.
    #[inline]
    fn after(change: f64) -> Self {
        Self { gain: positive(change), loss: positive(-change) }
    }

    #[inline]
    fn add(&mut self, change: f64, weight: f64) {
        self.gain += (positive(change) - self.gain) * weight;
        self.loss += (positive(-change) - self.loss) * weight;
    }
}

/// `value`, or 0 where it is below. A comparison: `f64::max` is a call in WebAssembly, since it orders NaN.
fn positive(value: f64) -> f64 {
    if value > 0.0 { value } else { 0.0 }
}

/// The same, bar by bar.
#[derive(Debug)]
pub struct Live {
    rule: Rule,
    instruments: Vec<Known>,
}

/// What is known of an instrument before a bar.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    bars: usize,
    close: f64,
    strength: Strength,
}

impl EventStrategy for Live {
    fn describe() -> Description {
        MeanReversion::describe()
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        Ok(Self { rule: Rule::new(params)?, instruments: vec![Known::default(); symbols.len()] })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let Known { bars, close, strength } = &mut self.instruments[bar.instrument];
        let (at, change) = (*bars, bar.close - *close);
        (*bars, *close) = (at + 1, bar.close);
        match at {
            0 => {}
            1 => *strength = Strength::after(change),
            _ => {
                strength.add(change, self.rule.weight);
                if at >= self.rule.window && self.rule.is_weak(strength) {
                    broker.hold(bar.instrument, broker.share());
                } else if at >= self.rule.window && self.rule.is_strong(strength) {
                    broker.hold(bar.instrument, 0.0);
                }
            }
        }
    }
}

export!(MeanReversion, events Live);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn check(window: i64, close: &[f64], expected: &[Target]) {
        let (data, given) = (vec![testing::series("ACME", close)], [("window", window.into())]);
        assert_eq!(testing::targets::<Live>(data.clone(), &given).as_deref(), Ok(expected));
        assert_eq!(testing::evaluate::<MeanReversion>(data, &given).as_deref(), Ok(expected));
    }

    #[test]
    fn a_low_index_is_bought_and_a_high_one_sold() {
        // RSI of 2 bars from bar 2 on: 0, 0, 50, 79, 90.
        check(2, &[10.0, 9.0, 8.0, 7.0, 8.0, 9.4, 11.0], &[(2, 0, 1.0), (5, 0, 0.0)]);
    }

    #[test]
    fn the_index_counts_from_bar_window_on() {
        let falling: Vec<f64> = (0..20).map(|t| 100.0 - f64::from(t)).collect();
        check(14, &falling, &[(14, 0, 1.0)]);
        check(14, &falling[..14], &[]);
    }

    #[test]
    fn a_price_that_never_changes_says_nothing() {
        check(2, &[5.0; 10], &[]);
        check(2, &[5.0], &[]);
        check(2, &[], &[]);
    }

    #[test]
    fn bounds_in_the_wrong_order_are_refused() {
        let given = [("lower", 70.0.into()), ("upper", 30.0.into())];
        let answer = testing::evaluate::<MeanReversion>(vec![], &given);
        assert_eq!(answer, Err(Error::invalid("`lower` is not below `upper`: it could never sell")));
    }
}
