//! Bars with noise: copies of a series whose prices are a little off, to see whether a result depends on the exact prices.
//!
//! The noise lies around the given prices and does not accumulate: each copy keeps the market's trends, and changes what a
//! pattern of a few bars looks like. Build Alpha's noise test is of this kind; a new random path would be another market. Never
//! looks at later bars, and knows nothing of strategies.

use super::normal::normal;
use crate::model::stream::Stream;

/// Bars that the average true range averages over.
const AVERAGED: f64 = 14.0;

/// The largest price, so that no sum of prices and noise overflows.
const LARGEST: f64 = 1e300;

/// The farthest that noise moves a price above zero, as a share of the price.
const FARTHEST: f64 = 0.5;

/// The prices of one instrument, oldest first, as columns of equal length.
///
/// A bar without an open, a high or a low counts as one with the open at the close, and without wicks. Volumes and times stay
/// as they are, and are not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bars<'a> {
    /// The first price of each bar, in quote currency.
    pub open: Option<&'a [f64]>,
    /// The highest price of each bar, in quote currency.
    pub high: Option<&'a [f64]>,
    /// The lowest price of each bar, in quote currency.
    pub low: Option<&'a [f64]>,
    /// The last price of each bar, in quote currency.
    pub close: &'a [f64],
    /// The smallest step of prices, in quote currency. Prices that noise moves are multiples of it.
    pub tick: Option<f64>,
}

/// The prices of [`Bars`] with noise. A column that was missing is missing still.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct NoisyBars {
    /// The first price of each bar, in quote currency.
    pub open: Option<Vec<f64>>,
    /// The highest price of each bar, in quote currency.
    pub high: Option<Vec<f64>>,
    /// The lowest price of each bar, in quote currency.
    pub low: Option<Vec<f64>>,
    /// The last price of each bar, in quote currency.
    pub close: Vec<f64>,
}

/// How strong noise is, and which.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The standard deviation of the noise of a close, as a share of the average true range: from 0 to 1, such as 0.1.
    pub strength: f64,
    /// What all random numbers follow from.
    pub seed: u64,
}

/// Why there are no bars with noise.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum NoiseError {
    /// The strength is out of its range.
    #[error("the strength of the noise is `{strength}`; give a share of the average true range from 0 to 1")]
    Strength {
        /// The strength.
        strength: f64,
    },
    /// The tick is out of its range.
    #[error("the tick is `{tick}`; give a finite number above 0")]
    Tick {
        /// The tick.
        tick: f64,
    },
    /// A column has another length than that of closes.
    #[error("the column `{column}` has `{found}` prices where `{needed}` are needed; give one for each close")]
    Length {
        /// The column.
        column: &'static str,
        /// Its length.
        found: usize,
        /// The length that is needed.
        needed: usize,
    },
    /// A price is not a number, infinite or too large.
    #[error("price `{at}` of the column `{column}` is `{price}`; give prices between -1e300 and 1e300")]
    Price {
        /// The column.
        column: &'static str,
        /// The index of the bar.
        at: usize,
        /// The price.
        price: f64,
    },
}

impl Noise {
    /// Returns the prices of `bars` with the noise of the copy number `copy`. `series` numbers the instruments of a data set,
    /// whose noise is independent. About 150 ns a bar.
    ///
    /// - The **close** moves by a normal number times `strength` times the average true range: Wilder 1978, "New Concepts in
    ///   Technical Trading Systems", over 14 bars, the plain mean until there are 14; this bar included, later ones not.
    /// - The **open** moves with the close before it, and the gap between the two changes by a random factor: where there was
    ///   no gap there is none. The open of the first bar moves as closes do.
    /// - **High and low** move with the body of the bar, and the wicks change by random factors. The body of a doji widens: each
    ///   side of a body of zero moves outwards by half a standard deviation on average.
    /// - A bar of **one price** stays one. Where it repeats the close before it, nothing was traded: it moves with that close.
    ///   Elsewhere it moves as closes do.
    ///
    /// The factors are lognormal with a mean of 1; the standard deviation of their logarithm is `strength`. A price above zero
    /// moves by at most half of itself, and stays above zero. The noise of opens and closes is zero on average.
    ///
    /// The random numbers of a bar follow from seed, copy, series and the bar's index alone. A strength of 0 changes no bit of
    /// a valid bar. Where an open or a close lies outside of its low and high, these are widened. A price off the grid of `tick`
    /// moves onto it, unless its noise is zero.
    ///
    /// # Errors
    ///
    /// If a number of `self` or `bars` is out of its range, or the columns have different lengths.
    pub fn apply(&self, bars: &Bars<'_>, copy: u64, series: u64) -> Result<NoisyBars, NoiseError> {
        self.check(bars)?;
        let mut walk = Walk::of(self.strength, bars.tick);
        let noisy: Vec<Bar> = (0..bars.close.len())
            .map(|at| walk.step(bars.bar(at), &mut Stream::nested(self.seed, [copy, series, at as u64])))
            .collect();
        let column = |of: fn(&Bar) -> f64| noisy.iter().map(of).collect::<Vec<f64>>();
        Ok(NoisyBars {
            open: bars.open.map(|_| column(|bar| bar.open)),
            high: bars.high.map(|_| column(|bar| bar.high)),
            low: bars.low.map(|_| column(|bar| bar.low)),
            close: column(|bar| bar.close),
        })
    }

    fn check(&self, bars: &Bars<'_>) -> Result<(), NoiseError> {
        let strength = self.strength;
        if !(0.0..=1.0).contains(&strength) {
            return Err(NoiseError::Strength { strength });
        }
        if let Some(tick) = bars.tick.filter(|tick| !(*tick > 0.0 && tick.is_finite())) {
            return Err(NoiseError::Tick { tick });
        }
        let columns = [("open", bars.open), ("high", bars.high), ("low", bars.low), ("close", Some(bars.close))];
        let needed = bars.close.len();
        columns.into_iter().try_for_each(|(name, column)| column.map_or(Ok(()), |prices| check(name, prices, needed)))
    }
}

fn check(column: &'static str, prices: &[f64], needed: usize) -> Result<(), NoiseError> {
    let found = prices.len();
    if found != needed {
        return Err(NoiseError::Length { column, found, needed });
    }
    // Not a number is not within either.
    let wrong = prices.iter().position(|price| !(-LARGEST..=LARGEST).contains(price));
    wrong.map_or(Ok(()), |at| Err(NoiseError::Price { column, at, price: prices[at] }))
}

/// The prices of one bar, in quote currency.
#[derive(Debug, Clone, Copy)]
struct Bar {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
}

impl Bar {
    fn top(&self) -> f64 {
        self.open.max(self.close)
    }

    fn bottom(&self) -> f64 {
        self.open.min(self.close)
    }

    fn is_flat(&self) -> bool {
        [self.open, self.high, self.low].iter().all(|price| *price == self.close)
    }

    /// The true range after a bar that closed at `close`.
    fn true_range(&self, close: f64) -> f64 {
        self.high.max(close) - self.low.min(close)
    }
}

impl Bars<'_> {
    fn bar(&self, at: usize) -> Bar {
        let close = self.close[at];
        let open = self.open.map_or(close, |prices| prices[at]);
        let high = self.high.map_or(open.max(close), |prices| prices[at]);
        let low = self.low.map_or(open.min(close), |prices| prices[at]);
        Bar { open, high, low, close }
    }
}

/// What later bars need to know of earlier ones.
#[derive(Debug)]
struct Walk {
    strength: f64,
    tick: Option<f64>,
    /// Bars so far.
    bars: f64,
    average_true_range: f64,
    /// The close of the last bar as given, and its noise.
    last: Option<(f64, f64)>,
}

impl Walk {
    fn of(strength: f64, tick: Option<f64>) -> Self {
        Self { strength, tick, bars: 0.0, average_true_range: 0.0, last: None }
    }

    /// The next bar with its noise.
    fn step(&mut self, bar: Bar, stream: &mut Stream) -> Bar {
        self.average(bar.true_range(self.last.map_or(bar.close, |(close, _)| close)));
        let (noise, noisy) = if bar.is_flat() { self.flat(bar, stream) } else { self.moving(bar, stream) };
        self.last = Some((bar.close, noise));
        noisy
    }

    fn average(&mut self, true_range: f64) {
        self.bars = (self.bars + 1.0).min(AVERAGED);
        self.average_true_range += (true_range - self.average_true_range) / self.bars;
    }

    /// The noise of the close of a bar of one price, and the bar with it.
    fn flat(&self, bar: Bar, stream: &mut Stream) -> (f64, Bar) {
        let untraded = self.last.filter(|(close, _)| *close == bar.close);
        let noise = untraded.map_or_else(|| self.fresh(bar.close, stream), |(_, noise)| noise);
        let price = self.moved(bar.close, noise);
        (noise, Bar { open: price, high: price, low: price, close: price })
    }

    /// The noise of the close of a bar of several prices, and the bar with it.
    fn moving(&self, bar: Bar, stream: &mut Stream) -> (f64, Bar) {
        let noise = self.fresh(bar.close, stream);
        let open_noise = match self.last {
            Some((close, noise)) => noise + self.stretch(bar.open - close, stream),
            None => self.fresh(bar.open, stream),
        };
        let body = Bar { open: self.moved(bar.open, open_noise), close: self.moved(bar.close, noise), ..bar };
        let upper = self.stretch((bar.high - bar.top()).max(0.0), stream);
        let lower = self.stretch((bar.bottom() - bar.low).max(0.0), stream);
        let high = self.moved(bar.high, body.top() - bar.top() + upper).max(body.top());
        let low = self.moved(bar.low, body.bottom() - bar.bottom() - lower).min(body.bottom());
        (noise, Bar { high, low, ..body })
    }

    /// Noise of `price` that has nothing to do with any other.
    fn fresh(&self, price: f64, stream: &mut Stream) -> f64 {
        bounded(price, self.strength * self.average_true_range * normal(stream))
    }

    /// What a random factor adds to `length`.
    fn stretch(&self, length: f64, stream: &mut Stream) -> f64 {
        let exponent = self.strength * normal(stream) - self.strength * self.strength / 2.0;
        length * libm::expm1(exponent)
    }

    /// `price` with `noise`, on its tick.
    fn moved(&self, price: f64, noise: f64) -> f64 {
        let noise = bounded(price, noise);
        match self.tick {
            // A price that does not move stays, off the grid too.
            Some(tick) if noise != 0.0 => on_tick(price, price + noise, tick),
            _ => price + noise,
        }
    }
}

/// `noise`, but no more than may move `price`.
fn bounded(price: f64, noise: f64) -> f64 {
    let most = if price > 0.0 { FARTHEST * price } else { f64::INFINITY };
    noise.clamp(-most, most)
}

/// The multiple of `tick` that is nearest to `moved`; one tick at least where `price` was above zero.
fn on_tick(price: f64, moved: f64, tick: f64) -> f64 {
    let least = if price > 0.0 { 1.0 } else { f64::NEG_INFINITY };
    let count = (moved / tick).round_ties_even().max(least);
    let in_one = (1.0 / tick).round_ties_even();
    // A division rounds once: 113 hundredths are 113 / 100, which is 1.13, and 113 * 0.01 is not.
    if 1.0 / in_one == tick { count / in_one } else { count * tick }
}

#[cfg(test)]
mod tests;
