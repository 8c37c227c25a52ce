//! Write a trading strategy, or any other computation on bars, as a sandboxed component.
//!
//! Holds what every plugin shares: the types of the contract, the writer of the answer, the way of a panic's text to the
//! host, the usual [`indicators`]. Never trades.
//!
//! A strategy implements [`Strategy`] and names itself to [`export!`]:
//!
//! ```
//! use backtest_sdk::{Description, Error, Params, Series, Strategy, Targets};
//!
//! /// Fully long from the first bar that closes above a price on.
//! pub struct Above {
//!     closes: Vec<Vec<f64>>,
//! }
//!
//! impl Strategy for Above {
//!     fn describe() -> Description {
//!         Description::new("above", "1.0.0", "Long once the close is above a price.")
//!             .number("price", "the price, in quote currency", 100.0)
//!             .at_least(0.0)
//!     }
//!
//!     fn prepare(data: Vec<Series>) -> Result<Self, Error> {
//!         Ok(Self { closes: data.into_iter().map(|series| series.close).collect() })
//!     }
//!
//!     fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
//!         let price = params.number("price")?;
//!         let share = targets.share();
//!         for (instrument, close) in self.closes.iter().enumerate() {
//!             let mut position = targets.instrument(instrument);
//!             for at in (0..close.len()).filter(|&at| close[at] > price) {
//!                 position.hold(at, share);
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! backtest_sdk::export!(Above);
//!
//! let data = vec![backtest_sdk::testing::series("ACME", &[99.0, 101.0, 102.0])];
//! let answer = backtest_sdk::testing::evaluate::<Above>(data, &[]);
//! assert_eq!(answer, Ok(vec![(1, 0, 1.0)]));
//! ```
//!
//! A strategy that is to hear of one bar at a time, and to work with orders, implements [`EventStrategy`] instead, or as
//! well.
//!
//! Build the crate as a `cdylib` for `wasm32-unknown-unknown`, then make it a component with
//! `host pack target/wasm32-unknown-unknown/release/above.wasm -o above.wasm`.

#[doc(hidden)]
pub mod bindings;
mod broker;
mod describe;
mod error;
mod events;
#[doc(hidden)]
pub mod export;
pub mod indicators;
pub mod log;
mod order;
mod panic;
mod params;
mod strategy;
mod targets;
mod task;
pub mod testing;

pub use bindings::{
    described::{
        backtest::strategy::types::{Error, Param, Series, Value},
        exports::backtest::strategy::metadata::{Description, Encoding, Parameter},
    },
    events::backtest::strategy::broker::{Event, Reason},
    signals::exports::backtest::strategy::signals::Targets as Answer,
};
pub use broker::{Broker, Command, Exits};
pub use events::{Bar, EventStrategy, Fill};
pub use order::{Order, OrderId};
pub use params::Params;
pub use strategy::Strategy;
pub use targets::{Position, Targets};
pub use task::Task;

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
