//! Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.
//!
//! Equal averages change nothing; they come from running sums, whose rounding may part two that are equal on paper. Begins
//! at the first bar where both exist, on whichever side they are then; never waits for them to cross first.
//!
//! An example of what `prepare` is for: the running sums are made once for each data set, and with them the averages of a
//! bar need no other bar's. So a combination compares eight bars at a time and looks closer only where the side changes.

mod block;
mod live;

use backtest_sdk::{Description, Error, Params, Position, Series, Strategy, Targets, export};
use block::{BARS, above};
use live::Live;

/// For each instrument its running sums.
#[derive(Debug)]
pub struct SmaCross {
    sums: Vec<Vec<f64>>,
}

impl Strategy for SmaCross {
    fn describe() -> Description {
        Description::new("sma_cross", env!("CARGO_PKG_VERSION"), "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000)
    }

    fn prepare(data: Vec<Series>) -> Result<Self, Error> {
        Ok(Self { sums: data.iter().map(|series| running_sums(&series.close)).collect() })
    }

    fn evaluate(&self, params: &Params, targets: &mut Targets) -> Result<(), Error> {
        let (fast, slow) = windows(params)?;
        let share = targets.share();
        for (instrument, sums) in self.sums.iter().enumerate() {
            follow(sums, fast, slow, share, &mut targets.instrument(instrument));
        }
        Ok(())
    }
}

/// The bars of the fast and of the slow average.
fn windows(params: &Params) -> Result<(usize, usize), Error> {
    let (fast, slow) = (params.count("fast")?, params.count("slow")?);
    if fast >= slow {
        return Err(Error::invalid(format!("`fast` ({fast}) is not below `slow` ({slow})")));
    }
    Ok((fast, slow))
}

/// Holds `share` while the average of `fast` bars is above that of `slow`, and nothing while it is below.
#[cfg_attr(target_arch = "wasm32", target_feature(enable = "simd128"))]
fn follow(sums: &[f64], fast: usize, slow: usize, share: f64, position: &mut Position<'_>) {
    let blocks = |from: usize| sums.get(from..).unwrap_or_default().as_chunks().0;
    let (mut per_fast, mut per_slow) = (1.0 / fast as f64, 1.0 / slow as f64);
    let starts = blocks(slow - fast).iter().zip(blocks(0));
    for (block, (end, (fast_start, slow_start))) in blocks(slow).iter().zip(starts).enumerate() {
        let mut changes = above(end, [fast_start, slow_start], [per_fast, per_slow]);
        while changes != 0 {
            let bar = changes.trailing_zeros();
            position.hold(slow - 1 + block * BARS + bar as usize, if per_fast > 0.0 { share } else { 0.0 });
            // Negated averages compare the other way round: from this bar on, a set bit is one that ends this side.
            (per_fast, per_slow) = (-per_fast, -per_slow);
            changes = above(end, [fast_start, slow_start], [per_fast, per_slow]) & (u8::MAX << bar);
        }
    }
}

/// Returns 0, then the sum of the first value, of the first two, and so on to the sum of all.
///
/// Behind them come numbers that are none, so that the last bars fill a block: nothing is above or below them.
fn running_sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let sums = values.iter().map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(sums).chain([f64::NAN; BARS - 1]).collect()
}

export!(SmaCross, events Live);

#[cfg(test)]
mod tests {
    use backtest_sdk::testing::{self, Target};

    use super::*;

    fn check(fast: i64, slow: i64, close: &[f64], expected: &[Target]) {
        let data = vec![testing::series("ACME", close)];
        let given = [("fast", fast.into()), ("slow", slow.into())];
        assert_eq!(testing::targets::<Live>(data.clone(), &given).as_deref(), Ok(expected));
        assert_eq!(testing::evaluate::<SmaCross>(data, &given).as_deref(), Ok(expected));
    }

    #[test]
    fn the_side_of_the_averages_is_held() {
        let close = [1.0, 2.0, 3.0, 2.0, 1.0, 1.0, 4.0];
        // Averages of 1 and 3 bars: 3 > 2 at bar 2, 2 < 7/3 at bar 3, 4 > 2 at bar 6.
        check(1, 3, &close, &[(2, 0, 1.0), (3, 0, 0.0), (6, 0, 1.0)]);
    }

    #[test]
    fn equal_averages_change_nothing() {
        check(1, 2, &[1.0, 2.0, 2.0, 2.0, 1.0], &[(1, 0, 1.0), (4, 0, 0.0)]);
    }

    #[test]
    fn fewer_bars_than_the_slow_average_give_no_target() {
        check(2, 5, &[1.0, 2.0, 3.0, 4.0], &[]);
        check(2, 5, &[], &[]);
    }

    #[test]
    fn the_side_may_change_at_every_bar_of_a_block_and_at_the_last_bar() {
        let close: Vec<f64> = (0..19).map(|t| f64::from(1 + t % 2)).collect();
        let expected: Vec<Target> = (1..19).map(|t| (t, 0, f64::from(t % 2))).collect();
        check(1, 2, &close, &expected);
    }

    #[test]
    fn a_fast_average_that_is_not_faster_is_refused() {
        let given = [("fast", 50.into()), ("slow", 20.into())];
        let refusal = Err(Error::invalid("`fast` (50) is not below `slow` (20)"));
        assert_eq!(testing::evaluate::<SmaCross>(vec![], &given), refusal);
        assert_eq!(testing::targets::<Live>(vec![], &given), refusal);
    }

    #[test]
    fn the_averages_agree_with_plain_ones_on_a_long_series() {
        let close: Vec<f64> = (0..500).map(|t| 100.0 + f64::from(t * t % 97) - f64::from(t % 13)).collect();
        let mean = |end: usize, window: usize| close[end + 1 - window..=end].iter().sum::<f64>() / window as f64;
        let (mut expected, mut held) = (vec![], 0.0);
        for at in 19..close.len() {
            let wish = if mean(at, 7) > mean(at, 20) { 1.0 } else { 0.0 };
            if wish != held {
                held = wish;
                expected.push((at as u32, 0, wish));
            }
        }
        check(7, 20, &close, &expected);
    }
}
