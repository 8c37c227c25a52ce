//! Moves that may be mistakes of the data: splits that prices are not adjusted for, and prices far from those beside them.
//!
//! Never changes a price.

use libm::log;

use crate::model::Series;

/// How often shares are split, and combined.
const RATIOS: [f64; 16] = [1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 100.0];

/// How far a ratio may be from one of them, as the logarithm: what a price moves over night.
const NEAR: f64 = 0.04;

/// How many times the prices beside it a price must be to be a spike.
const SPIKE: f64 = 5.0;

/// A bar with a move that may be a mistake.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Move {
    pub(super) at: usize,
    /// The price that is far from the others, and one of those.
    pub(super) price: f64,
    pub(super) beside: f64,
    /// How many times one is the other, above 1.
    pub(super) ratio: f64,
}

/// The moves from a close to the next open that look like splits.
pub(super) fn splits(series: &Series) -> Vec<Move> {
    let Series { open, close, .. } = series;
    let pairs = close.iter().zip(open.iter().skip(1)).enumerate();
    let far = pairs.filter(|(_, (close, open))| **open < **close * 0.7 || **open > **close * 1.4);
    far.filter_map(|(before, (beside, price))| split(series, before + 1, *beside, *price)).collect()
}

fn split(series: &Series, at: usize, beside: f64, price: f64) -> Option<Move> {
    let Series { open, high, low, close, .. } = series;
    let ratio = if price < beside { beside / price } else { price / beside };
    if !(beside > 0.0 && price > 0.0 && ratio.is_finite()) {
        return None;
    }
    let middle = (beside * price).sqrt();
    // The bar stands apart from the one before, and so do some bars on both sides.
    let is_apart = if price < beside { high[at] < middle } else { low[at] > middle };
    let side = |prices: &[f64], below: bool| prices.iter().all(|price| (*price < middle) == below);
    let (before, after) = (&close[at.saturating_sub(3)..at], &close[at..(at + 3).min(close.len())]);
    let stays = side(before, price > beside) && side(after, price < beside);
    let from = at.saturating_sub(50).max(1);
    let mut usual: Vec<f64> =
        (from..(at + 50).min(close.len())).map(|bar| log(open[bar] / close[bar - 1]).abs()).collect();
    usual.sort_by(f64::total_cmp);
    let usual = usual[usual.len() / 2];
    // What a price usually moves over night may come on top.
    let near = (1.5 * usual).clamp(NEAR, 2.0 * NEAR);
    let known = RATIOS.iter().copied().find(|known| log(ratio / known).abs() < near)?;
    (is_apart && stays && log(ratio) > 10.0 * usual).then_some(Move { at, price, beside, ratio: known })
}

/// The prices far above or below those beside them that come back within a bar.
pub(super) fn spikes(series: &Series) -> Vec<Move> {
    let Series { high, low, .. } = series;
    let far = high
        .windows(3)
        .zip(low.windows(3))
        .enumerate()
        .filter(|(_, (high, low))| high[1] > SPIKE * high[0].max(high[2]) || low[1] * SPIKE < low[0].min(low[2]));
    far.filter_map(|(before, (high, low))| spike(before + 1, high, low)).collect()
}

fn spike(at: usize, high: &[f64], low: &[f64]) -> Option<Move> {
    if low.iter().any(|low| *low <= 0.0) {
        return None;
    }
    let (above, below) = (high[0].max(high[2]), low[0].min(low[2]));
    // Neighbours that are far from each other are no measure.
    if above > SPIKE * below {
        return None;
    }
    let up = Move { at, price: high[1], beside: above, ratio: high[1] / above };
    let down = Move { at, price: low[1], beside: below, ratio: below / low[1] };
    Some(if up.ratio > down.ratio { up } else { down })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bars that move a little, with a range of 2 %.
    fn series(closes: &[f64]) -> Series {
        let open: Vec<f64> = (0..closes.len()).map(|at| closes[at.saturating_sub(1)] * 1.002).collect();
        let range = |side: fn(f64, f64) -> f64, by: f64| {
            closes.iter().zip(&open).map(|(close, open)| side(*close, *open) * by).collect::<Vec<f64>>()
        };
        Series {
            time: (0..closes.len() as i64).collect(),
            high: range(f64::max, 1.01),
            low: range(f64::min, 0.99),
            open,
            close: closes.to_vec(),
            volume: vec![0.0; closes.len()],
            ..Series::default()
        }
    }

    fn steady(bars: usize) -> Vec<f64> {
        (0..bars).map(|bar| 100.0 + (bar * 7 % 5) as f64).collect()
    }

    /// Divides all prices from `at` on, the open of that bar too.
    fn divided(at: usize, by: f64) -> Series {
        let mut series = series(&steady(60));
        for column in [&mut series.open, &mut series.high, &mut series.low, &mut series.close] {
            column[at..].iter_mut().for_each(|price| *price /= by);
        }
        series
    }

    #[test]
    fn prices_that_jump_over_night_and_stay_look_like_a_split() {
        for ratio in RATIOS {
            for by in [ratio, 1.0 / ratio] {
                let found = splits(&divided(30, by));
                assert_eq!(found.len(), 1, "{by}");
                assert_eq!((found[0].at, found[0].ratio), (30, ratio), "{by}");
            }
        }
        assert_eq!(splits(&divided(30, 1.25)), []);
        assert_eq!(splits(&divided(30, 2.3)), []);
        assert_eq!(splits(&series(&steady(60))), []);
    }

    #[test]
    fn a_crash_within_a_bar_or_a_bar_that_comes_back_is_not_a_split() {
        let mut crash = steady(60);
        crash[30..].iter_mut().for_each(|close| *close /= 2.0);
        assert_eq!(splits(&series(&crash)), []);
        let mut back = series(&steady(60));
        for column in [&mut back.open, &mut back.high, &mut back.low, &mut back.close] {
            column[30] /= 2.0;
        }
        assert_eq!(splits(&back), []);
    }

    #[test]
    fn a_price_that_comes_back_within_a_bar_is_a_spike() {
        let check = |change: fn(&mut Series), expected: Option<(usize, bool)>| {
            let mut series = series(&steady(60));
            change(&mut series);
            let found = spikes(&series);
            assert_eq!(found.first().map(|found| (found.at, found.ratio > 90.0)), expected);
            assert!(found.len() < 2);
        };
        check(|s| s.high[20] *= 100.0, Some((20, true)));
        check(|s| s.low[20] /= 10.0, Some((20, false)));
        check(|s| s.high[20] *= 2.0, None);
        check(|_| {}, None);
        assert_eq!(spikes(&divided(30, 10.0)), []);
    }
}
