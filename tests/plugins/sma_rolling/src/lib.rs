//! The plain twin of `sma_cross`: two rolling sums, bar after bar, as one writes it first.
//!
//! Prepares nothing. It is here to be measured against the same loop in a native program, see `BENCHMARKS.md`; where
//! two averages are equal on paper, the rounding of these sums may decide otherwise than that of `sma_cross`.

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export};

/// The closes of each instrument.
#[derive(Debug)]
pub struct SmaRolling {
    closes: Vec<Vec<f64>>,
}

impl Strategy for SmaRolling {
    fn describe() -> Description {
        Description::new("sma_rolling", env!("CARGO_PKG_VERSION"), "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { closes: data.into_iter().map(|series| series.close).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let (fast, slow) = (params.count("fast")?, params.count("slow")?);
        if fast >= slow {
            return Err(Error::invalid(format!("`fast` ({fast}) is not below `slow` ({slow})")));
        }
        let share = targets.share();
        for (instrument, close) in self.closes.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            let (mut fast_sum, mut slow_sum) = (0.0, 0.0);
            for (at, &price) in close.iter().enumerate() {
                fast_sum += price;
                slow_sum += price;
                if at >= fast {
                    fast_sum -= close[at - fast];
                }
                if at >= slow {
                    slow_sum -= close[at - slow];
                }
                if at + 1 < slow {
                    continue;
                }
                let (fast_mean, slow_mean) = (fast_sum / fast as f64, slow_sum / slow as f64);
                if fast_mean > slow_mean {
                    position.hold(at, share);
                } else if fast_mean < slow_mean {
                    position.hold(at, 0.0);
                }
            }
        }
        Ok(())
    }
}

export!(SmaRolling);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn check(fast: i64, slow: i64, close: &[f64], expected: &[Target]) {
        let data = vec![testing::series("ACME", close)];
        let answer = testing::evaluate::<SmaRolling>(data, &[("fast", fast.into()), ("slow", slow.into())]);
        assert_eq!(answer.as_deref(), Ok(expected));
    }

    #[test]
    fn the_side_of_the_averages_is_held_and_equal_ones_change_nothing() {
        let close = [1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 4.0];
        check(1, 3, &close, &[(2, 0, 1.0), (3, 0, 0.0), (6, 0, 1.0)]);
        check(1, 2, &[1.0, 2.0, 2.0, 2.0, 1.0], &[(1, 0, 1.0), (4, 0, 0.0)]);
    }

    #[test]
    fn fewer_bars_than_the_slow_average_give_no_target() {
        check(2, 5, &[1.0, 2.0, 3.0, 4.0], &[]);
        check(2, 5, &[], &[]);
    }

    #[test]
    fn a_fast_average_that_is_not_faster_is_refused() {
        let answer = testing::evaluate::<SmaRolling>(vec![], &[("fast", 50.into()), ("slow", 20.into())]);
        assert_eq!(answer, Err(Error::invalid("`fast` (50) is not below `slow` (20)")));
    }
}
