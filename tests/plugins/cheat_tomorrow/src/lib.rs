//! Cheat: long before a day on which the price will rise, so that a host can show that it is caught.
//!
//! Never useful: it reads a close that nobody knows yet. That is what an index off by one does.

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export};

/// The closes of each instrument.
#[derive(Debug)]
pub struct CheatTomorrow {
    closes: Vec<Vec<f64>>,
}

impl Strategy for CheatTomorrow {
    fn describe() -> Description {
        Description::new("cheat_tomorrow", env!("CARGO_PKG_VERSION"), "Long before the price rises.")
            .integer("lookback", "bars that the rise is measured over, the next one included", 10)
            .range(1, 500)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { closes: data.into_iter().map(|series| series.close).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let lookback = params.count("lookback")?;
        let share = targets.share();
        for (instrument, close) in self.closes.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for (at, (&next, &past)) in close.iter().skip(lookback).zip(close).enumerate() {
                position.hold(at + lookback - 1, if next > past { share } else { 0.0 });
            }
        }
        Ok(())
    }
}

export!(CheatTomorrow);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing;

    use super::*;

    #[test]
    fn a_rise_is_bought_the_bar_before_it_happens() {
        let data = vec![testing::series("ACME", &[1.0, 1.0, 2.0, 1.0])];
        let answer = testing::evaluate::<CheatTomorrow>(data, &[("lookback", 1.into())]);
        assert_eq!(answer, Ok(vec![(1, 0, 1.0), (2, 0, 0.0)]));
    }
}
