//! What a strategy that hears of one bar at a time implements, and what stands between it and the contract.
//!
//! Never looks at a price.

use std::hint::black_box;

use crate::{Broker, Description, Error, Event, OrderId, Param, Params, Reason};

/// A strategy that hears of one bar at a time, when it closes, and sends orders: it cannot see what comes after.
///
/// Each task starts one of its own. What is not implemented is muted at its first call, and costs nothing afterwards.
///
/// ```
/// use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Order, Params};
///
/// /// Buys one unit whenever a bar closes below its open, and sells it for a profit of 5 % or a loss of 10 %.
/// pub struct Dips;
///
/// impl EventStrategy for Dips {
///     fn describe() -> Description {
///         Description::new("dips", "1.0.0", "Buys red bars.")
///     }
///
///     fn start(_: Vec<String>, _: &Params) -> Result<Self, Error> {
///         Ok(Self)
///     }
///
///     fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
///         if bar.close < bar.open && bar.position == 0.0 {
///             let entry = broker.order(Order::buy(bar.instrument, 1.0).day());
///             broker.bracket(entry, bar.close * 0.9, bar.close * 1.05);
///         }
///     }
/// }
///
/// backtest_sdk::export!(events Dips);
///
/// use backtest_sdk::{Command, OrderId, testing};
/// let mut data = testing::series("ACME", &[100.0, 98.0]);
/// data.open[1] = 101.0;
/// let sent = testing::play::<Dips>(vec![data], &[]).unwrap();
/// let exits = Command::Bracket { entry: OrderId::new(1), stop_loss: Some(98.0 * 0.9), take_profit: Some(98.0 * 1.05) };
/// assert_eq!(sent[1], [Command::Order(Order::buy(0, 1.0).day()), exits]);
/// ```
pub trait EventStrategy: Sized {
    /// Describes the plugin: its name and every parameter.
    fn describe() -> Description;

    /// Begins a run over the instruments `symbols`.
    ///
    /// # Errors
    ///
    /// Returns an error if the parameters make no sense together, or the strategy cannot work with these instruments.
    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error>;

    /// A bar has closed. What is sent from here can be filled from the next bar on, or at this close where the user asks
    /// for it.
    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker);

    /// All bars of a time stamp have closed: the place for what compares instruments. `time` is in nanoseconds since the
    /// Unix epoch, `equity` what the account is worth, in quote currency.
    fn on_time(&mut self, time: i64, equity: f64, broker: &mut Broker) {
        let _ = (time, equity);
        broker.mute(Event::Time);
    }

    /// An order, or a part of it, was filled.
    fn on_fill(&mut self, fill: &Fill, broker: &mut Broker) {
        let _ = fill;
        broker.mute(Event::Fill);
    }

    /// An order, or what was left of it, is gone without being filled.
    fn on_reject(&mut self, order: OrderId, reason: Reason, broker: &mut Broker) {
        let _ = (order, reason);
        broker.mute(Event::Reject);
    }

    /// The data has ended. Nothing can be sent any more.
    fn finish(&mut self) {}
}

/// One bar, and the account at its close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// Index of the instrument among the symbols of [`EventStrategy::start`].
    pub instrument: usize,
    /// Nanoseconds since the Unix epoch, UTC.
    pub time: i64,
    /// The first price, in quote currency.
    pub open: f64,
    /// The highest price, in quote currency.
    pub high: f64,
    /// The lowest price, in quote currency.
    pub low: f64,
    /// The last price, in quote currency.
    pub close: f64,
    /// Units traded; zero where the data has no volume.
    pub volume: f64,
    /// Units held of the instrument, negative where short.
    pub position: f64,
    /// What the account is worth at the closes of this time stamp, in quote currency.
    pub equity: f64,
}

/// One order, or a part of it, as it was filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fill {
    /// The order; `None` where it was a target, or a position that the host closed.
    pub order: Option<OrderId>,
    /// Index of the instrument.
    pub instrument: usize,
    /// Units, negative where sold.
    pub quantity: f64,
    /// What one unit cost or brought, slippage included, in quote currency.
    pub price: f64,
    /// Quote currency.
    pub fee: f64,
}

// The strategy's functions are called through pointers that the compiler cannot see through: they are then not inlined
// into the exports, and a backtrace names them.
type StartFn<S> = fn(Vec<String>, &Params) -> Result<S, Error>;
type BarFn<S> = fn(&mut S, &Bar, &mut Broker);
type TimeFn<S> = fn(&mut S, i64, f64, &mut Broker);
type FillFn<S> = fn(&mut S, &Fill, &mut Broker);
type RejectFn<S> = fn(&mut S, OrderId, Reason, &mut Broker);

/// A strategy in a run, and the broker it sends to.
#[derive(Debug)]
pub struct Started<S> {
    strategy: S,
    broker: Broker,
}

impl<S: EventStrategy> Started<S> {
    /// Begins a run.
    ///
    /// # Errors
    ///
    /// Passes on the strategy's error.
    pub fn new(symbols: Vec<String>, params: Vec<Param>) -> Result<Self, Error> {
        let broker = Broker::new(symbols.len());
        let strategy = black_box::<StartFn<S>>(S::start)(symbols, &Params::new(params))?;
        Ok(Self { strategy, broker })
    }

    /// Hears of a bar.
    #[inline]
    pub fn on_bar(&mut self, bar: &Bar) {
        black_box::<BarFn<S>>(S::on_bar)(&mut self.strategy, bar, &mut self.broker);
    }

    /// Hears that a time stamp is over.
    #[inline]
    pub fn on_time(&mut self, time: i64, equity: f64) {
        black_box::<TimeFn<S>>(S::on_time)(&mut self.strategy, time, equity, &mut self.broker);
    }

    /// Hears of a fill.
    pub fn on_fill(&mut self, fill: &Fill) {
        black_box::<FillFn<S>>(S::on_fill)(&mut self.strategy, fill, &mut self.broker);
    }

    /// Hears that an order is gone.
    pub fn on_reject(&mut self, order: OrderId, reason: Reason) {
        black_box::<RejectFn<S>>(S::on_reject)(&mut self.strategy, order, reason, &mut self.broker);
    }

    /// Hears that the data has ended.
    pub fn finish(&mut self) {
        black_box::<fn(&mut S)>(S::finish)(&mut self.strategy);
    }

    /// Takes what was sent since it was last taken.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn take(&mut self) -> Vec<crate::Command> {
        self.broker.take()
    }
}
