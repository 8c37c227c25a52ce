//! The way of a plugin's type to the exports of its component.
//!
//! Never runs natively: there, [`export!`](crate::export) only checks that the type fits. What is public here is for the
//! macro's use alone.

use std::{cell::RefCell, thread::LocalKey};

use crate::Error;
pub use crate::{events::Started, panic::install_hook, strategy::Prepared, task::PreparedTask};

/// Makes a type the plugin: `export!(Momentum)` for a [`Strategy`](crate::Strategy), `export!(events Rotation)` for an
/// [`EventStrategy`](crate::EventStrategy), `export!(task Bootstrap)` for a [`Task`](crate::Task).
///
/// A plugin that can be run both ways names two types, or the same one twice, and is described by the first:
/// `export!(Momentum, events MomentumLive)`.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        $crate::export!(@describe Strategy, $plugin);
        $crate::export!(@signals $plugin);
    };
    ($plugin:ident, events $live:ident) => {
        $crate::export!(@describe Strategy, $plugin);
        $crate::export!(@signals $plugin);
        $crate::export!(@events $live);
    };
    (events $live:ident) => {
        $crate::export!(@describe EventStrategy, $live);
        $crate::export!(@events $live);
    };
    (task $plugin:ident) => {
        $crate::export!(@describe Task, $plugin);
        $crate::export!(@prepared $plugin, task, $crate::export::PreparedTask<$plugin>, {
            fn run(task_id: String, params: Vec<Param>) -> Result<Vec<u8>, Error> {
                glue::with_prepared(&PREPARED, |prepared| prepared.run(&task_id, params))
            }
        });
    };
    (@describe $kind:ident, $plugin:ident) => {
        const _: fn() -> $crate::Description = <$plugin as $crate::$kind>::describe;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::{bindings::described, export as glue};

            struct Described;

            impl described::exports::backtest::strategy::metadata::Guest for Described {
                fn describe() -> $crate::Description {
                    glue::install_hook();
                    <$plugin as $crate::$kind>::describe()
                }
            }

            described::export!(Described with_types_in described);
        };
    };
    (@signals $plugin:ident) => {
        $crate::export!(@prepared $plugin, signals, $crate::export::Prepared<$plugin>, {
            fn evaluate(params: Vec<Param>) -> Result<$crate::Answer, Error> {
                glue::with_prepared(&PREPARED, |prepared| prepared.evaluate(params))
            }
        });
    };
    (@prepared $plugin:ident, $interface:ident, $prepared:ty, { $($compute:tt)* }) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::{Error, Param, bindings::$interface, export as glue};

            struct Component;

            ::std::thread_local! {
                static PREPARED: ::std::cell::RefCell<Option<$prepared>> = const { ::std::cell::RefCell::new(None) };
            }

            impl $interface::exports::backtest::strategy::$interface::Guest for Component {
                fn prepare(data: Vec<$crate::Series>) -> Result<(), Error> {
                    glue::install_hook();
                    PREPARED.set(Some(<$prepared>::new(data)?));
                    Ok(())
                }

                $($compute)*
            }

            $interface::export!(Component with_types_in $interface);
        };
    };
    (@events $live:ident) => {
        const _: fn(Vec<String>, &$crate::Params) -> Result<$live, $crate::Error> =
            <$live as $crate::EventStrategy>::start;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::{Bar, Error, Fill, OrderId, Param, Reason, bindings::events, export as glue};

            struct Component;

            ::std::thread_local! {
                static STARTED: ::std::cell::RefCell<Option<glue::Started<$live>>> =
                    const { ::std::cell::RefCell::new(None) };
            }

            impl events::exports::backtest::strategy::events::Guest for Component {
                fn start(symbols: Vec<String>, params: Vec<Param>) -> Result<(), Error> {
                    glue::install_hook();
                    STARTED.set(Some(glue::Started::new(symbols, params)?));
                    Ok(())
                }

                fn on_bar(
                    instrument: u32,
                    time: i64,
                    open: f64,
                    high: f64,
                    low: f64,
                    close: f64,
                    volume: f64,
                    position: f64,
                    equity: f64,
                ) {
                    let instrument = instrument as usize;
                    let bar = Bar { instrument, time, open, high, low, close, volume, position, equity };
                    glue::with_started(&STARTED, |started| started.on_bar(&bar));
                }

                fn on_time(time: i64, equity: f64) {
                    glue::with_started(&STARTED, |started| started.on_time(time, equity));
                }

                fn on_fill(order: u64, instrument: u32, quantity: f64, price: f64, fee: f64) {
                    let order = (order != 0).then(|| OrderId::new(order));
                    let fill = Fill { order, instrument: instrument as usize, quantity, price, fee };
                    glue::with_started(&STARTED, |started| started.on_fill(&fill));
                }

                fn on_reject(order: u64, reason: Reason) {
                    glue::with_started(&STARTED, |started| started.on_reject(OrderId::new(order), reason));
                }

                fn finish() {
                    glue::with_started(&STARTED, |started| started.finish());
                }
            }

            events::export!(Component with_types_in events);
        };
    };
}

/// Computes on what `prepare` has left.
///
/// # Errors
///
/// Passes on the plugin's error, or returns one if nothing is prepared.
pub fn with_prepared<P, R>(
    prepared: &'static LocalKey<RefCell<Option<P>>>,
    compute: impl FnOnce(&mut P) -> Result<R, Error>,
) -> Result<R, Error> {
    install_hook();
    prepared.with_borrow_mut(|prepared| match prepared {
        Some(prepared) => compute(prepared),
        None => Err(Error::failed("the plugin has no data: `prepare` has not succeeded yet")),
    })
}

/// Tells a strategy of an event.
///
/// # Panics
///
/// Panics if no run has been started.
#[inline]
pub fn with_started<S>(started: &'static LocalKey<RefCell<Option<S>>>, tell: impl FnOnce(&mut S)) {
    started.with_borrow_mut(|started| match started {
        Some(started) => tell(started),
        None => not_started(),
    });
}

#[cold]
fn not_started() -> ! {
    panic!("the strategy has no run: `start` has not succeeded yet")
}
