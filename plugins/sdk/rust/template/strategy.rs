//! Long while the fast average of the closes is above the slow one.

use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets, export};

/// What all combinations of parameters share: for each instrument, `sums[n]` is the sum of its first `n` closes.
struct SmaCross {
    sums: Vec<Vec<f64>>,
}

impl Strategy for SmaCross {
    fn describe() -> Description {
        Description::new("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000)
    }

    // Runs once for each data set. With the sums, an average of any length is one subtraction and one division.
    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { sums: data.iter().map(|series| running_sums(&series.close)).collect() })
    }

    // Runs for each combination, always from what `prepare` has left.
    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let (fast, slow) = (params.count("fast")?, params.count("slow")?);
        if fast >= slow {
            return Err(Error::invalid(format!("`fast` ({fast}) is not below `slow` ({slow})")));
        }
        let share = targets.share(); // 1 for one instrument, 0.5 for each of two, ...
        for (instrument, sums) in self.sums.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for end in slow..sums.len() {
                let average = |bars: usize| (sums[end] - sums[end - bars]) / bars as f64;
                let (fast, slow) = (average(fast), average(slow));
                if fast > slow {
                    position.hold(end - 1, share);
                } else if fast < slow {
                    position.hold(end - 1, 0.0);
                }
            }
        }
        Ok(())
    }
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}

export!(SmaCross);

// `cargo test` runs these without a sandbox.
#[cfg(test)]
mod tests {
    use super::*;
    use backtest_sdk::testing::{evaluate, series};

    #[test]
    fn the_side_of_the_averages_is_held() {
        let data = vec![series("ACME", &[1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 4.0])];
        let targets = evaluate::<SmaCross>(data, &[("fast", 1.into()), ("slow", 3.into())]);
        assert_eq!(targets, Ok(vec![(2, 0, 1.0), (3, 0, 0.0), (6, 0, 1.0)])); // (bar, instrument, exposure)
    }
}
