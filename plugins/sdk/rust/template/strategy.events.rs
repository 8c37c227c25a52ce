//! Long while the fast average of the closes is above the slow one.

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, export};

/// One run: the parameters, and what was heard so far.
struct SmaCross {
    fast: usize,
    slow: usize,
    /// For each instrument, `sums[n]` is the sum of its first `n` closes.
    sums: Vec<Vec<f64>>,
}

impl EventStrategy for SmaCross {
    fn describe() -> Description {
        Description::new("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000)
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let (fast, slow) = (params.count("fast")?, params.count("slow")?);
        if fast >= slow {
            return Err(Error::invalid(format!("`fast` ({fast}) is not below `slow` ({slow})")));
        }
        Ok(Self { fast, slow, sums: vec![vec![0.0]; symbols.len()] })
    }

    // Runs whenever a bar has closed. `on_time`, `on_fill`, `on_reject` and `finish` can be heard, too.
    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let sums = &mut self.sums[bar.instrument];
        let end = sums.len();
        sums.push(sums[end - 1] + bar.close);
        if end < self.slow {
            return;
        }
        let average = |bars: usize| (sums[end] - sums[end - bars]) / bars as f64;
        let (fast, slow) = (average(self.fast), average(self.slow));
        if fast > slow {
            broker.hold(bar.instrument, broker.share()); // 1 for one instrument, 0.5 for each of two, ...
        } else if fast < slow {
            broker.hold(bar.instrument, 0.0);
        }
    }
}

export!(events SmaCross);

// `cargo test` runs these without a sandbox.
#[cfg(test)]
mod tests {
    use super::*;
    use backtest_sdk::testing::{series, targets};

    #[test]
    fn the_side_of_the_averages_is_held() {
        let data = vec![series("ACME", &[1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 4.0])];
        let targets = targets::<SmaCross>(data, &[("fast", 1.into()), ("slow", 3.into())]);
        assert_eq!(targets, Ok(vec![(2, 0, 1.0), (3, 0, 0.0), (6, 0, 1.0)])); // (bar, instrument, exposure)
    }
}
