//! Momentum: long while the close stands more than a threshold above the close some bars before, flat otherwise.
//!
//! With `short`, short while it stands more than the threshold below. Never remembers: the two closes alone decide.

use std::collections::VecDeque;

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Params, Series, Strategy, Targets, export};

/// The closes of each instrument.
#[derive(Debug)]
pub struct Momentum {
    closes: Vec<Vec<f64>>,
}

impl Strategy for Momentum {
    fn describe() -> Description {
        Description::new("momentum", env!("CARGO_PKG_VERSION"), "Long while the price has risen over the last bars.")
            .integer("lookback", "bars to look back", 120)
            .range(1, 2000)
            .number("threshold", "change of price that counts, as a fraction", 0.0)
            .range(0, 1)
            .boolean("short", "whether to go short on a fall, rather than flat", false)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { closes: data.into_iter().map(|series| series.close).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let (lookback, rule) = (params.count("lookback")?, Rule::new(params, targets.share())?);
        for (instrument, close) in self.closes.iter().enumerate() {
            let mut position = targets.instrument(instrument);
            for (at, (&now, &past)) in close.iter().skip(lookback).zip(close).enumerate() {
                position.hold(lookback + at, rule.wish(now, past));
            }
        }
        Ok(())
    }
}

/// What two closes call for.
#[derive(Debug)]
struct Rule {
    threshold: f64,
    /// Shares of equity after a rise and after a fall.
    risen: f64,
    fallen: f64,
}

impl Rule {
    fn new(params: &Params, share: f64) -> Result<Self, Error> {
        let fallen = if params.boolean("short")? { -share } else { 0.0 };
        Ok(Self { threshold: params.number("threshold")?, risen: share, fallen })
    }

    #[inline]
    fn wish(&self, now: f64, past: f64) -> f64 {
        match () {
            () if now > past * (1.0 + self.threshold) => self.risen,
            () if now < past * (1.0 - self.threshold) => self.fallen,
            () => 0.0,
        }
    }
}

/// The same, bar by bar.
#[derive(Debug)]
pub struct Live {
    lookback: usize,
    rule: Rule,
    /// For each instrument its last closes, at most `lookback` between two bars.
    closes: Vec<VecDeque<f64>>,
}

impl EventStrategy for Live {
    fn describe() -> Description {
        Momentum::describe()
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let lookback = params.count("lookback")?;
        let rule = Rule::new(params, 1.0 / symbols.len().max(1) as f64)?;
        Ok(Self { lookback, rule, closes: vec![VecDeque::with_capacity(lookback + 1); symbols.len()] })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let closes = &mut self.closes[bar.instrument];
        closes.push_back(bar.close);
        if closes.len() > self.lookback
            && let Some(past) = closes.pop_front()
        {
            broker.hold(bar.instrument, self.rule.wish(bar.close, past));
        }
    }
}

export!(Momentum, events Live);

#[cfg(test)]
mod tests {
    use backtest_sdk::{
        Value,
        testing::{self, Target},
    };

    use super::*;

    fn check(params: &[(&str, Value)], close: &[f64], expected: &[Target]) {
        let data = vec![testing::series("ACME", close)];
        assert_eq!(testing::targets::<Live>(data.clone(), params).as_deref(), Ok(expected));
        assert_eq!(testing::evaluate::<Momentum>(data, params).as_deref(), Ok(expected));
    }

    #[test]
    fn a_rise_is_bought_and_its_end_sold() {
        let lookback = ("lookback", 2.into());
        check(&[lookback], &[10.0, 11.0, 10.0, 12.0, 11.0, 12.0], &[(3, 0, 1.0), (5, 0, 0.0)]);
    }

    #[test]
    fn a_change_within_the_threshold_is_none() {
        let params = [("lookback", 1.into()), ("threshold", 0.1.into())];
        check(&params, &[100.0, 109.0, 120.0, 121.0], &[(2, 0, 1.0), (3, 0, 0.0)]);
    }

    #[test]
    fn a_fall_is_sold_short_only_when_asked() {
        let close = [10.0, 9.0, 8.0, 9.0];
        check(&[("lookback", 1.into())], &close, &[(3, 0, 1.0)]);
        check(&[("lookback", 1.into()), ("short", true.into())], &close, &[(1, 0, -1.0), (3, 0, 1.0)]);
    }

    #[test]
    fn fewer_bars_than_the_lookback_give_no_target() {
        check(&[("lookback", 5.into())], &[1.0, 2.0, 3.0], &[]);
        check(&[], &[], &[]);
    }

    #[test]
    fn instruments_share_the_equity_and_are_merged_by_time() {
        let data = vec![testing::series("A", &[1.0, 2.0, 1.0]), testing::series("B", &[1.0, 1.0, 2.0])];
        let expected = Ok(vec![(1, 0, 0.5), (2, 0, 0.0), (2, 1, 0.5)]);
        assert_eq!(testing::targets::<Live>(data.clone(), &[("lookback", 1.into())]), expected);
        assert_eq!(testing::evaluate::<Momentum>(data, &[("lookback", 1.into())]), expected);
    }
}
