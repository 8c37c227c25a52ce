//! Strategies that hear of bars, played natively.
//!
//! Never trades: a test says what is filled and what is rejected.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use super::{Target, resolve};
use crate::{Bar, Command, Error, Event, EventStrategy, Fill, OrderId, Reason, Series, Value, export::Started};

/// What the account is worth, in quote currency: nothing is filled, so it stays the same.
const EQUITY: f64 = 10_000.0;

/// A strategy in a run, event by event. Each event answers with what the strategy sent in it; an event that it has muted
/// is not passed on, and answers with nothing.
///
/// ```
/// # use backtest_sdk::*;
/// # struct InAndOut;
/// # impl EventStrategy for InAndOut {
/// #     fn describe() -> Description { Description::new("in_and_out", "1.0.0", "Sells what it buys.") }
/// #     fn start(_: Vec<String>, _: &Params) -> Result<Self, Error> { Ok(Self) }
/// #     fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) { broker.buy(bar.instrument, 2.0); }
/// #     fn on_fill(&mut self, fill: &Fill, broker: &mut Broker) { broker.sell(fill.instrument, fill.quantity); }
/// # }
/// let mut play = testing::Play::<InAndOut>::start(&["ACME"], &[])?;
/// let bar = testing::bars(0, &testing::series("ACME", &[10.0]))[0];
/// assert_eq!(play.on_bar(&bar)?, [Command::Order(Order::buy(0, 2.0))]);
/// let fill = Fill { order: Some(OrderId::new(1)), instrument: 0, quantity: 2.0, price: 10.0, fee: 0.0 };
/// assert_eq!(play.on_fill(&fill)?, [Command::Order(Order::sell(0, 2.0))]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Play<S> {
    started: Started<S>,
    muted: Vec<Event>,
}

impl<S: EventStrategy> Play<S> {
    /// Begins a run over the instruments `symbols`. What `given` leaves out takes its default.
    ///
    /// # Errors
    ///
    /// Passes on the strategy's error.
    ///
    /// # Panics
    ///
    /// Panics if `given` names a parameter that the strategy does not declare.
    pub fn start(symbols: &[&str], given: &[(&str, Value)]) -> Result<Self, Error> {
        let symbols = symbols.iter().map(|&symbol| symbol.to_owned()).collect();
        let started = Started::new(symbols, resolve(&S::describe(), given))?;
        Ok(Self { started, muted: Vec::new() })
    }

    /// A bar closes.
    ///
    /// # Errors
    ///
    /// Returns the error with which the strategy ends the task.
    pub fn on_bar(&mut self, bar: &Bar) -> Result<Vec<Command>, Error> {
        self.tell(Event::Bar, |started| started.on_bar(bar))
    }

    /// All bars of a time stamp have closed.
    ///
    /// # Errors
    ///
    /// Returns the error with which the strategy ends the task.
    pub fn on_time(&mut self, time: i64, equity: f64) -> Result<Vec<Command>, Error> {
        self.tell(Event::Time, |started| started.on_time(time, equity))
    }

    /// An order is filled.
    ///
    /// # Errors
    ///
    /// Returns the error with which the strategy ends the task.
    pub fn on_fill(&mut self, fill: &Fill) -> Result<Vec<Command>, Error> {
        self.tell(Event::Fill, |started| started.on_fill(fill))
    }

    /// An order is gone.
    ///
    /// # Errors
    ///
    /// Returns the error with which the strategy ends the task.
    pub fn on_reject(&mut self, order: OrderId, reason: Reason) -> Result<Vec<Command>, Error> {
        self.tell(Event::Reject, |started| started.on_reject(order, reason))
    }

    fn tell(&mut self, event: Event, tell: impl FnOnce(&mut Started<S>)) -> Result<Vec<Command>, Error> {
        if self.muted.contains(&event) {
            return Ok(Vec::new());
        }
        // An error that ends the task is thrown; whatever else is thrown is the test's to see.
        catch_unwind(AssertUnwindSafe(|| tell(&mut self.started))).map_err(|thrown| {
            match thrown.downcast::<Error>() {
                Ok(error) => *error,
                Err(panic) => resume_unwind(panic),
            }
        })?;
        let mut sent = self.started.take();
        sent.retain(|command| match command {
            Command::Mute(event) => {
                self.muted.push(*event);
                false
            }
            _ => true,
        });
        Ok(sent)
    }
}

/// The bars of `series`, as a strategy hears them that holds nothing of it and has 10,000 in cash.
pub fn bars(instrument: usize, series: &Series) -> Vec<Bar> {
    let bar = |(at, &time): (usize, &i64)| Bar {
        instrument,
        time,
        open: series.open[at],
        high: series.high[at],
        low: series.low[at],
        close: series.close[at],
        volume: series.volume[at],
        position: 0.0,
        equity: EQUITY,
    };
    series.time.iter().enumerate().map(bar).collect()
}

/// Plays all of `data` to strategy `S`, and returns what it sent at each time stamp. Nothing is filled. What `given` leaves
/// out takes its default.
///
/// # Errors
///
/// Passes on the strategy's error.
///
/// # Panics
///
/// Panics if `given` names a parameter that the strategy does not declare.
pub fn play<S: EventStrategy>(data: Vec<Series>, given: &[(&str, Value)]) -> Result<Vec<Vec<Command>>, Error> {
    let symbols: Vec<_> = data.iter().map(|series| series.symbol.as_str()).collect();
    let mut play = Play::<S>::start(&symbols, given)?;
    let times: BTreeSet<_> = data.iter().flat_map(|series| &series.time).copied().collect();
    let mut bars: Vec<_> =
        data.iter().enumerate().map(|(instrument, series)| bars(instrument, series).into_iter().peekable()).collect();
    let mut at = |time: i64| {
        let mut sent = Vec::new();
        for bars in &mut bars {
            if let Some(bar) = bars.next_if(|bar| bar.time == time) {
                sent.extend(play.on_bar(&bar)?);
            }
        }
        sent.extend(play.on_time(time, EQUITY)?);
        Ok(sent)
    };
    times.into_iter().map(&mut at).collect()
}

/// Plays all of `data` to strategy `S`, and returns the targets that it asks for, like
/// [`evaluate`](super::evaluate): a plugin that can be run both ways answers both alike.
///
/// # Errors
///
/// Passes on the strategy's error.
///
/// # Panics
///
/// Panics if `given` names a parameter that the strategy does not declare, or if the strategy asks for a target of an
/// instrument that has no bar at that time.
pub fn targets<S: EventStrategy>(data: Vec<Series>, given: &[(&str, Value)]) -> Result<Vec<Target>, Error> {
    let times: Vec<Vec<i64>> = data.iter().map(|series| series.time.clone()).collect();
    let stamps: BTreeSet<_> = times.iter().flatten().copied().collect();
    let sent = play::<S>(data, given)?;
    let all =
        stamps.into_iter().zip(sent).flat_map(|(time, sent)| sent.into_iter().map(move |command| (time, command)));
    let target = |(time, command)| match command {
        Command::Target { instrument, exposure } => {
            let bar = times[instrument].binary_search(&time);
            Some((bar.expect("a target is that of a bar") as u32, instrument as u32, exposure))
        }
        _ => None,
    };
    Ok(all.filter_map(target).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Broker, Description, Params, testing::series};

    /// Gives up at a price, and hears of nothing but bars.
    struct GivesUp(f64);

    impl EventStrategy for GivesUp {
        fn describe() -> Description {
            Description::new("gives_up", "1.0.0", "Gives up.").number("price", "at which", 3.0)
        }

        fn start(_: Vec<String>, params: &Params) -> Result<Self, Error> {
            Ok(Self(params.number("price")?))
        }

        fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
            if bar.close == self.0 {
                broker.fail(format!("{} is too much", bar.close));
            }
            broker.hold(bar.instrument, broker.share());
        }
    }

    #[test]
    fn a_strategy_that_ends_the_task_is_an_error_and_no_panic() {
        let data = || vec![series("A", &[1.0, 2.0]), series("B", &[2.5, 3.0])];
        assert_eq!(play::<GivesUp>(data(), &[]), Err(Error::failed("3 is too much")));
        let wishes = targets::<GivesUp>(data(), &[("price", 9.0.into())]);
        assert_eq!(wishes, Ok(vec![(0, 0, 0.5), (0, 1, 0.5)]));
    }

    #[test]
    fn an_event_that_is_muted_is_not_passed_on() {
        let mut play = Play::<GivesUp>::start(&["A"], &[]).unwrap();
        let reject = |play: &mut Play<GivesUp>| play.on_reject(OrderId::new(1), Reason::BadPrice);
        assert_eq!(reject(&mut play), Ok(vec![]));
        assert_eq!(play.muted, [Event::Reject]);
        assert_eq!(reject(&mut play), Ok(vec![]));
        assert_eq!(play.muted, [Event::Reject]);
    }
}
