//! The long-run variance of a mean under the stationary bootstrap.
//!
//! Source: Politis and Romano, The stationary bootstrap, JASA 89 (1994), lemma 1; Hansen, A test for superior predictive
//! ability, JBES 23 (2005), section 3.2. With `x` the returns less their mean, `n` periods, `rho = 1 - 1 / L`:
//!
//! `omega^2 = sum_t x_t^2 / n + 2 sum_{i=1}^{n-1} kappa_i sum_t x_t x_{t+i} / n`,
//! `kappa_i = (1 - i/n) rho^i + (i/n) rho^(n-i)`.
//!
//! All lags, in one pass. With `S_t = sum_{s<t} rho^(t-s) x_s = rho (S_{t-1} + x_{t-1})` and
//! `D_t = sum_{s<t} (t-s) rho^(t-s) x_s = rho D_{t-1} + S_t`, the first terms of the weights give
//! `sum_t x_t S_t - sum_t x_t D_t / n`. The second terms belong to the same distances around the circle, from the end on to the
//! start: `S_n sum_t x_t rho^t (1 - t/n) - D_n / n sum_t x_t rho^t + rho^n / n sum_t x_t D_t`. About 14 operations for each
//! cell and period.

use super::tile::{Lanes, Tile, WIDTH};

/// The variance of returns below this part of their squared size is what rounding leaves.
const SIZE_NOISE: f64 = 1e-24;
/// A long-run variance below this part of the variance, likewise.
const VARIANCE_NOISE: f64 = 1e-12;

/// What the variance of a mean takes from the number of periods and the mean length of blocks.
#[derive(Debug)]
pub(crate) struct Kernel {
    rho: f64,
    /// `rho^t` and `rho^t (1 - t/n)` for each period.
    powers: Vec<[f64; 2]>,
    /// `rho^n`.
    last: f64,
}

impl Kernel {
    pub(crate) fn new(periods: usize, mean_length: f64) -> Self {
        let rho = 1.0 - 1.0 / mean_length;
        let mut power = 1.0;
        let mut powers = Vec::with_capacity(periods);
        for period in 0..periods {
            powers.push([power, power * (1.0 - period as f64 / periods as f64)]);
            power *= rho;
        }
        Self { rho, powers, last: power }
    }

    /// `omega^2` for each cell of a centred tile; `sizes` are the largest returns. `None` where all returns of the cell are
    /// equal, but for rounding.
    pub(crate) fn variances(&self, tile: &Tile, sizes: &Lanes) -> [Option<f64>; WIDTH] {
        let n = self.powers.len() as f64;
        let sums = self.sums(tile);
        std::array::from_fn(|lane| {
            let variance = sums.squares[lane] / n;
            let near = sums.with_sum[lane] - sums.with_distance[lane] / n;
            let around = sums.sum[lane] * sums.fading[lane] - sums.distance[lane] / n * sums.powers[lane]
                + self.last / n * sums.with_distance[lane];
            let long_run = variance + 2.0 * (near + around) / n;
            let is_noise = variance <= SIZE_NOISE * sizes[lane] * sizes[lane] || long_run <= VARIANCE_NOISE * variance;
            (!is_noise).then_some(long_run)
        })
    }

    fn sums(&self, tile: &Tile) -> Sums {
        let mut sums = Sums::default();
        for (x, [power, fading]) in tile.values().iter().zip(&self.powers) {
            for lane in 0..WIDTH {
                let x = x[lane];
                sums.squares[lane] += x * x;
                sums.with_sum[lane] += x * sums.sum[lane];
                sums.with_distance[lane] += x * sums.distance[lane];
                sums.powers[lane] += x * power;
                sums.fading[lane] += x * fading;
                sums.sum[lane] = self.rho * (sums.sum[lane] + x);
                sums.distance[lane] = self.rho * sums.distance[lane] + sums.sum[lane];
            }
        }
        sums
    }
}

/// The sums of one pass over the periods, for each cell.
#[derive(Default)]
struct Sums {
    squares: Lanes,
    /// `S_t`.
    sum: Lanes,
    /// `D_t`.
    distance: Lanes,
    /// `sum_t x_t S_t`.
    with_sum: Lanes,
    /// `sum_t x_t D_t`.
    with_distance: Lanes,
    /// `sum_t x_t rho^t`.
    powers: Lanes,
    /// `sum_t x_t rho^t (1 - t/n)`.
    fading: Lanes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(x: &[f64], mean_length: f64) -> f64 {
        let n = x.len();
        let rho: f64 = 1.0 - 1.0 / mean_length;
        let mut sum: f64 = x.iter().map(|x| x * x).sum();
        for lag in 1..n {
            let share = lag as f64 / n as f64;
            let weight = (1.0 - share) * rho.powi(lag as i32) + share * rho.powi((n - lag) as i32);
            sum += 2.0 * weight * x.iter().zip(&x[lag..]).map(|(a, b)| a * b).sum::<f64>();
        }
        sum / n as f64
    }

    proptest! {
        #[test]
        fn all_lags_in_one_pass_are_the_sum_over_lags(
            returns in prop::collection::vec(-0.1..0.1_f32, 16..200),
            mean_length in prop_oneof![Just(1.0), 1.0..30.0_f64, 100.0..1_000.0_f64],
        ) {
            let mut tile = Tile::of(&returns, 0, 0, &vec![0.0; returns.len()]).unwrap();
            let means = tile.means();
            tile.centre(&means);
            let found = Kernel::new(returns.len(), mean_length).variances(&tile, &[0.1; WIDTH]);
            let centred: Vec<f64> = tile.values().iter().map(|values| values[0]).collect();
            let expected = naive(&centred, mean_length);
            let variance = naive(&centred, 1.0);
            let found_first = found[0].unwrap();
            prop_assert!((found_first - expected).abs() < 1e-9 * expected + 1e-13 * variance, "{found_first} {expected}");
            prop_assert!(found[1..].iter().all(Option::is_none), "lanes without a cell");
        }
    }

    #[test]
    fn equal_returns_have_no_variance() {
        for value in [0.0, 0.001_f32, -0.37] {
            let mut tile = Tile::of(&[value; 100], 0, 0, &[0.000_3; 100]).unwrap();
            let means = tile.means();
            tile.centre(&means);
            let found = Kernel::new(100, 5.0).variances(&tile, &[f64::from(value).abs() + 0.000_3; WIDTH]);
            assert_eq!(found[0], None);
        }
    }
}
