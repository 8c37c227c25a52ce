//! The same rule, bar by bar.
//!
//! Never sums a window again: averages are differences of the same running sums, so that both ways round alike.

use std::collections::VecDeque;

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, Strategy};

use crate::{SmaCross, windows};

/// The windows, and for each instrument its last sums.
#[derive(Debug)]
pub(crate) struct Live {
    fast: usize,
    slow: usize,
    instruments: Vec<Sums>,
}

/// Running sums up to each of the last bars, the latest last; at most `slow` between two bars.
#[derive(Debug, Clone)]
struct Sums {
    last: f64,
    sums: VecDeque<f64>,
}

impl EventStrategy for Live {
    fn describe() -> Description {
        SmaCross::describe()
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let (fast, slow) = windows(params)?;
        let mut sums = VecDeque::with_capacity(slow + 1);
        // The sum of no close at all.
        sums.push_back(0.0);
        Ok(Self { fast, slow, instruments: vec![Sums { last: 0.0, sums }; symbols.len()] })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let Sums { last, sums } = &mut self.instruments[bar.instrument];
        *last += bar.close;
        sums.push_back(*last);
        if sums.len() <= self.slow {
            return;
        }
        let average = |window: usize| (*last - sums[self.slow - window]) * (1.0 / window as f64);
        let (fast, slow) = (average(self.fast), average(self.slow));
        if fast > slow {
            broker.hold(bar.instrument, broker.share());
        } else if fast < slow {
            broker.hold(bar.instrument, 0.0);
        }
        sums.pop_front();
    }
}
