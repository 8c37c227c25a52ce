//! Cheat: long while the price is low for the whole series, so that a host can show that it is caught.
//!
//! Never useful: mean and deviation of all bars are known after the last one. That is what normalising a column before
//! the test does.

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export};

/// How far each close of each instrument is from the mean of all of them, in standard deviations.
#[derive(Debug)]
pub struct CheatMean {
    scores: Vec<Vec<f64>>,
}

impl Strategy for CheatMean {
    fn describe() -> Description {
        Description::new("cheat_mean", env!("CARGO_PKG_VERSION"), "Long while the price is low for the whole series.")
            .number("entry", "standard deviations below the mean at which to buy", 0.5)
            .range(-1, 1)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { scores: data.into_iter().map(|series| normalised(series.close)).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let entry = params.number("entry")?;
        let share = targets.share();
        for (instrument, scores) in self.scores.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for (at, &score) in scores.iter().enumerate() {
                position.hold(at, if score < -entry { share } else { 0.0 });
            }
        }
        Ok(())
    }
}

fn normalised(mut values: Vec<f64>) -> Vec<f64> {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let deviation = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count).sqrt();
    values.iter_mut().for_each(|value| *value = (*value - mean) / deviation);
    values
}

export!(CheatMean);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing;

    use super::*;

    #[test]
    fn the_past_is_low_or_not_by_what_comes_later() {
        let bought = |close: &[f64]| {
            let data = vec![testing::series("ACME", close)];
            testing::evaluate::<CheatMean>(data, &[("entry", 0.5.into())])
        };
        assert_eq!(bought(&[2.0, 2.0, 9.0, 9.0]), Ok(vec![(0, 0, 1.0), (2, 0, 0.0)]));
        assert_eq!(bought(&[2.0, 2.0, 1.0, 1.0]), Ok(vec![(2, 0, 1.0)]));
    }
}
