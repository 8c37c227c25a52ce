//! The way of a plugin's type to the exports of its component.
//!
//! Never runs natively: there, [`export!`](crate::export) only checks that the type fits. What is public here is for the
//! macro's use alone.

use std::{cell::RefCell, thread::LocalKey};

use crate::Error;
pub use crate::{panic::install_hook, strategy::Prepared, task::PreparedTask};

/// Makes a type the plugin: `export!(Momentum)` for a [`Strategy`](crate::Strategy), `export!(task Bootstrap)` for a
/// [`Task`](crate::Task).
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        $crate::export!(@component Strategy, $plugin, signals, $crate::export::Prepared<$plugin>, {
            fn evaluate(params: Vec<Param>) -> Result<$crate::Answer, Error> {
                glue::with_prepared(&PREPARED, |prepared| prepared.evaluate(params))
            }
        });
    };
    (task $plugin:ident) => {
        $crate::export!(@component Task, $plugin, task, $crate::export::PreparedTask<$plugin>, {
            fn run(task_id: String, params: Vec<Param>) -> Result<Vec<u8>, Error> {
                glue::with_prepared(&PREPARED, |prepared| prepared.run(&task_id, params))
            }
        });
    };
    (@component $kind:ident, $plugin:ident, $interface:ident, $prepared:ty, { $($compute:tt)* }) => {
        const _: fn() -> $crate::Description = <$plugin as $crate::$kind>::describe;

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use $crate::{Error, Param, bindings::{described, $interface}, export as glue};

            struct Component;

            ::std::thread_local! {
                static PREPARED: ::std::cell::RefCell<Option<$prepared>> = const { ::std::cell::RefCell::new(None) };
            }

            impl described::exports::backtest::strategy::metadata::Guest for Component {
                fn describe() -> $crate::Description {
                    glue::install_hook();
                    <$plugin as $crate::$kind>::describe()
                }
            }

            impl $interface::exports::backtest::strategy::$interface::Guest for Component {
                fn prepare(data: Vec<$crate::Series>) -> Result<(), Error> {
                    glue::install_hook();
                    PREPARED.set(Some(<$prepared>::new(data)?));
                    Ok(())
                }

                $($compute)*
            }

            described::export!(Component with_types_in described);
            $interface::export!(Component with_types_in $interface);
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
