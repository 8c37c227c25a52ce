//! Rotation: every so many time stamps, holds the instruments that have risen most, each with the same share.
//!
//! An instrument counts from the bar on that has `lookback` bars before it. Never sells short, and never asks whether the
//! best have risen at all.

use std::{cmp::Ordering, collections::VecDeque};

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, export};

/// The last closes of each instrument, and the time until the next change.
#[derive(Debug)]
pub struct Rotation {
    lookback: usize,
    top: usize,
    every: usize,
    /// For each instrument its last closes, at most `lookback + 1`.
    closes: Vec<VecDeque<f64>>,
    stamps: usize,
    /// The instruments that were chosen last.
    held: Vec<usize>,
}

impl EventStrategy for Rotation {
    fn describe() -> Description {
        Description::new("rotation", env!("CARGO_PKG_VERSION"), "Holds the instruments that have risen most.")
            .integer("lookback", "bars over which the rise is measured", 60)
            .range(1, 2000)
            .integer("top", "instruments to hold", 1)
            .range(1, 1000)
            .integer("every", "time stamps from one change to the next", 20)
            .range(1, 2000)
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let lookback = params.count("lookback")?;
        Ok(Self {
            lookback,
            top: params.count("top")?.min(symbols.len().max(1)),
            every: params.count("every")?,
            closes: vec![VecDeque::with_capacity(lookback + 2); symbols.len()],
            stamps: 0,
            held: Vec::new(),
        })
    }

    fn on_bar(&mut self, bar: &Bar, _: &mut Broker) {
        let closes = &mut self.closes[bar.instrument];
        closes.push_back(bar.close);
        if closes.len() > self.lookback + 1 {
            closes.pop_front();
        }
    }

    fn on_time(&mut self, _: i64, _: f64, broker: &mut Broker) {
        let is_due = self.stamps.is_multiple_of(self.every);
        self.stamps += 1;
        if is_due {
            self.rotate(broker);
        }
    }
}

impl Rotation {
    /// Sells what is no longer among the best, then brings those to their share.
    fn rotate(&mut self, broker: &mut Broker) {
        let best = self.best();
        for &instrument in self.held.iter().filter(|held| !best.contains(held)) {
            broker.target(instrument, 0.0);
        }
        for &instrument in &best {
            broker.target(instrument, 1.0 / self.top as f64);
        }
        self.held = best;
    }

    /// The instruments that have risen most, the best one first; of equal ones, those that come first.
    fn best(&self) -> Vec<usize> {
        let rises = self.closes.iter().enumerate().filter_map(|(instrument, closes)| {
            let whole = closes.len() > self.lookback;
            whole.then(|| (closes[self.lookback] / closes[0], instrument))
        });
        let mut rises: Vec<_> = rises.collect();
        rises.sort_by(|(one, _), (other, _)| other.partial_cmp(one).unwrap_or(Ordering::Equal));
        rises.into_iter().take(self.top).map(|(_, instrument)| instrument).collect()
    }
}

export!(events Rotation);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn check(closes: &[&[f64]], [lookback, top, every]: [i64; 3], expected: &[Target]) {
        let data = closes.iter().zip(["A", "B", "C"]).map(|(close, symbol)| testing::series(symbol, close)).collect();
        let given = [("lookback", lookback.into()), ("top", top.into()), ("every", every.into())];
        assert_eq!(testing::targets::<Rotation>(data, &given).as_deref(), Ok(expected));
    }

    #[test]
    fn the_best_one_is_held_until_another_is_better() {
        let closes: [&[f64]; 2] = [&[1.0, 2.0, 4.0, 4.0], &[1.0, 1.0, 1.0, 2.0]];
        check(&closes, [1, 1, 1], &[(1, 0, 1.0), (2, 0, 1.0), (3, 0, 0.0), (3, 1, 1.0)]);
        check(&closes, [1, 1, 2], &[(2, 0, 1.0)]);
    }

    #[test]
    fn several_share_the_equity_and_equal_ones_come_in_order() {
        check(&[&[1.0, 1.0], &[1.0, 2.0], &[1.0, 1.0]], [1, 2, 1], &[(1, 1, 0.5), (1, 0, 0.5)]);
        check(&[&[1.0, 1.0]], [1, 5, 1], &[(1, 0, 1.0)]);
    }

    #[test]
    fn without_bars_enough_nothing_is_held() {
        check(&[&[1.0, 2.0, 3.0], &[1.0]], [3, 2, 1], &[]);
        check(&[], [1, 1, 1], &[]);
    }
}
