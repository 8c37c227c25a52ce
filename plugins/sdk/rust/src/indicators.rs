//! What traders compute from prices, over a whole column or bar by bar.
//!
//! Never looks ahead, and never at the parameters of a strategy. Each indicator is a type that is told one value at a time
//! ([`Sma::next`], for [`on_bar`](crate::EventStrategy::on_bar)) and a function that tells it a whole column ([`sma`], for
//! [`prepare`](crate::Strategy::prepare) and [`evaluate`](crate::Strategy::evaluate)). The function is nothing but the type
//! in a loop, so that both give the same bits.
//!
//! ```
//! use backtest_sdk::indicators::{Sma, sma};
//!
//! let close = [1.0, 2.0, 6.0, 4.0];
//! let column = sma(&close, 2);
//! assert!(column[0].is_nan());
//! assert_eq!(column[1..], [1.5, 4.0, 5.0]);
//!
//! let mut average = Sma::new(2);
//! assert_eq!(close.map(|close| average.next(close)), [None, Some(1.5), Some(4.0), Some(5.0)]);
//! ```
//!
//! What holds for all of them:
//!
//! - **No answer yet** is `None` bar by bar and NaN in a column, which is as long as what it is made of. So are all answers
//!   if there are fewer bars than an indicator needs, and a column of nothing is empty. NaN compares with nothing, so that
//!   `fast[at] > slow[at]` is false until both are there.
//! - **A value that is not finite** is none: the answer is `None`, and the indicator starts over behind it. An indicator of
//!   another one's column, `sma(&rsi(close, 14), 5)`, therefore begins where that column does.
//! - **A window of 0 bars** makes no sense and panics; declare the parameter with a range from 1 on.
//! - **Windows take nothing away.** The usual running sum adds the value that enters and subtracts the one that leaves, and
//!   keeps the rounding of both for ever. Here a window is joined of two sums that were only ever added to (the end of one
//!   block of `n` values and the beginning of the next, after van Herk 1992 and Gil and Werman 1993), so that an error is
//!   gone as soon as its values are, at the cost of two additions a value whatever the length.
//! - **Memory** is taken once: `n` values when a window is made (of up to 65,536), and the column.

mod average;
mod bands;
mod channel;
mod convergence;
mod crossing;
mod deviation;
mod direction;
mod range;
mod strength;
mod window;

pub use average::{Ema, Sma, ema, sma};
pub use bands::{Band, Bands, Bollinger, bollinger};
pub use channel::{Channel, Channels, Donchian, donchian};
pub use convergence::{Macd, MacdValue, MacdValues, macd};
pub use crossing::{Cross, Crossing, crossings};
pub use deviation::{Deviation, ZScore, deviation, z_score};
pub use direction::{Adx, AdxValue, AdxValues, adx};
pub use range::{Atr, TrueRange, atr, true_range};
pub use strength::{Rsi, rsi};

/// What `next` answers to each of `values`, and NaN where it does not.
fn column(values: &[f64], mut next: impl FnMut(f64) -> Option<f64>) -> Vec<f64> {
    values.iter().map(|&value| next(value).unwrap_or(f64::NAN)).collect()
}

/// Checks that the columns of one instrument have one length.
#[track_caller]
fn check_lengths(columns: &[&[f64]]) {
    let lengths: Vec<_> = columns.iter().map(|column| column.len()).collect();
    assert!(
        lengths.windows(2).all(|pair| pair[0] == pair[1]),
        "the columns have {lengths:?} values; give as many of each"
    );
}
