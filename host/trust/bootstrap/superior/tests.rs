use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    super::{
        quantile,
        returns::{BLOCK, Matrix},
        sums::{Dense, PrefixSums},
        testing::{agree, all_agree, draws, expected, noise, numbers, read, returns},
        tile::WIDTH,
    },
    *,
};

const PERIODS: usize = 250;
const LENGTH: f64 = 7.0;

/// Tests the returns of a case of `vectors.py`, and checks what does not depend on how.
fn case(name: &str, studentized: bool, alpha: f64) -> (SuperiorityReport, BTreeMap<String, Vec<f64>>) {
    let benchmark = numbers(read("benchmark.csv").trim());
    let draws = draws("draws.csv", PERIODS, LENGTH);
    let returns = returns(&format!("{name}_returns.csv"), PERIODS);
    let test = Superiority { studentized, alpha, ..Superiority::over(&benchmark) };
    let report = test.test(&returns, &draws, &PrefixSums).unwrap();
    let dense = test.test(&returns, &draws, &Dense).unwrap();
    assert_eq!((dense.spa, dense.reality_check), (report.spa, report.reality_check));
    assert_eq!(dense.steps.superior, report.steps.superior);
    all_agree(&dense.steps.critical, &report.steps.critical, 1e-12);
    (report, expected(&format!("{name}_expected.csv")))
}

fn check_steps(steps: &StepM, expected: &BTreeMap<String, Vec<f64>>, kind: &str, alpha: f64) {
    let superior: Vec<f64> = steps.superior.iter().map(|&cell| cell as f64).collect();
    assert_eq!(superior, expected[&format!("{kind}_superior_{alpha}")]);
    all_agree(&steps.critical, &expected[&format!("{kind}_critical_{alpha}")], 1e-9);
}

#[test]
fn without_studentising_results_are_those_of_arch() {
    for (name, alpha) in [("noise", 0.05), ("slight", 0.05), ("slight", 0.25), ("edge", 0.05), ("edge", 0.25)] {
        let (report, expected) = case(name, false, alpha);
        let spa = report.spa.unwrap();
        assert_eq!(vec![spa.lower, spa.consistent, spa.upper], expected["plain_p"]);
        agree(spa.statistic, expected["white"][0], 1e-9);
        // White's test is Hansen's without studentising, and with all cells recentred.
        assert_eq!((report.reality_check.p, report.reality_check.statistic), (spa.upper, spa.statistic));
        check_steps(&report.steps, &expected, "plain", alpha);
    }
}

#[test]
fn moments_are_those_of_arch() {
    for name in ["noise", "slight", "edge"] {
        let (report, expected) = case(name, true, 0.05);
        let variances: Vec<f64> = report.cells.iter().map(|cell| cell.omega.unwrap().powi(2)).collect();
        let means: Vec<f64> = report.cells.iter().map(|cell| cell.mean).collect();
        all_agree(&variances, &expected["omega2"], 1e-12);
        all_agree(&means, &expected["mean"], 1e-11);
    }
}

#[test]
fn with_studentising_results_are_those_of_the_formulas() {
    for (name, alpha) in [("noise", 0.25), ("slight", 0.05), ("slight", 0.25), ("edge", 0.05), ("edge", 0.25)] {
        let (report, expected) = case(name, true, alpha);
        let spa = report.spa.unwrap();
        assert_eq!(vec![spa.lower, spa.consistent, spa.upper], expected["studentized_p"]);
        let statistics = &expected["studentized_t"];
        agree(spa.statistic, statistics[spa.best], 1e-9);
        assert!(statistics.iter().all(|&statistic| statistic <= statistics[spa.best]));
        assert_eq!(report.reality_check.p, expected["plain_p"][2], "never studentised");
        check_steps(&report.steps, &expected, "studentized", alpha);
    }
}

/// StepM with all statistics of all draws at once.
fn naive_steps(returns: &Matrix, draws: &Draws, test: &Superiority<'_>, cells: &[CellMoments]) -> StepM {
    let n = returns.periods() as f64;
    let values: Vec<f32> =
        (0..returns.cells().div_ceil(BLOCK)).flat_map(|block| returns.block(block).unwrap()).collect();
    let mut steps = StepM::default();
    let mut left: Vec<usize> = (0..cells.len()).collect();
    let statistic = |cell: usize| n.sqrt() * cells[cell].mean / cells[cell].omega.unwrap();
    let star = |draw: usize, cell: usize| {
        let row = &values[cell * returns.periods()..][..returns.periods()];
        let mean = draws.indexes(draw).map(|at| f64::from(row[at])).sum::<f64>() / n;
        n.sqrt() * (mean - cells[cell].mean) / cells[cell].omega.unwrap()
    };
    let stars: Vec<Vec<f64>> =
        (0..draws.count()).map(|draw| left.iter().map(|&cell| star(draw, cell)).collect()).collect();
    while !left.is_empty() {
        let highest = |stars: &Vec<f64>| left.iter().map(|&cell| stars[cell]).fold(f64::NEG_INFINITY, f64::max);
        let mut peaks: Vec<f64> = stars.iter().map(highest).collect();
        peaks.sort_by(f64::total_cmp);
        let critical = quantile::sorted(&peaks, 1.0 - test.alpha).unwrap();
        steps.critical.push(critical);
        let (named, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&cell| statistic(cell) > critical);
        if named.is_empty() {
            break;
        }
        steps.superior.extend(named);
        left = rest;
    }
    steps.superior.sort_unstable();
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Few draws are summed again, and cells lie in several tiles.
    #[test]
    fn steps_are_those_of_all_statistics_at_once(seed: u64, share in 1_usize..6, edge in 0.0..6.0_f64, alpha in 0.02..0.6_f64) {
        let mean = |cell: usize| if cell.is_multiple_of(share) { edge * 0.01 / 8.0 * (cell as f64 / 40.0) } else { 0.0 };
        let returns = noise(40, 64, seed, mean);
        let draws = Draws::stationary(64, 150, 3.0, seed).unwrap();
        let benchmark = [0.0; 64];
        let test = Superiority { recentring: Recentring::Upper, alpha, ..Superiority::over(&benchmark) };
        let report = test.test(&returns, &draws, &PrefixSums).unwrap();
        let naive = naive_steps(&returns, &draws, &test, &report.cells);
        prop_assert_eq!(&report.steps.superior, &naive.superior);
        all_agree(&report.steps.critical, &naive.critical, 1e-10);
    }

    #[test]
    fn p_values_are_in_order_and_fall_with_a_better_cell(seed: u64, edge in 0.0..0.01_f64) {
        let draws = Draws::stationary(64, 100, 4.0, seed).unwrap();
        let spa = |edge: f64| {
            let returns = noise(20, 64, seed, |cell| if cell == 7 { edge } else { -0.002 });
            Superiority::over(&[0.0; 64]).test(&returns, &draws, &PrefixSums).unwrap().spa.unwrap()
        };
        let (without, with) = (spa(0.0), spa(edge));
        prop_assert!(without.lower <= without.consistent && without.consistent <= without.upper);
        // The better cell rounds to other returns, which may move a draw.
        prop_assert!(with.upper <= without.upper + 0.0101);
    }
}

/// Cells over more than a block, and tiles that are not full.
#[test]
fn numbers_have_the_same_bits_on_any_number_of_threads() {
    let returns = noise(BLOCK + WIDTH + 3, 32, 5, |cell| if cell % 50 == 30 { 0.01 } else { 0.0 });
    let draws = Draws::stationary(32, 300, 3.0, 5).unwrap();
    let benchmark = [0.0001; 32];
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| Superiority::over(&benchmark).test(&returns, &draws, &PrefixSums).unwrap())
    };
    let one = on(1);
    assert!(one.steps.critical.len() > 1 && one.steps.superior.iter().any(|&cell| cell >= BLOCK), "{:?}", one.steps);
    for threads in [2, 5] {
        assert_eq!(on(threads), one);
    }
}

#[test]
fn cells_without_variance_are_left_out_where_they_would_be_divided_by_it() {
    let values = [vec![0.01; 64], vec![0.0; 64], noise(1, 64, 3, |_| 0.0).block(0).unwrap()].concat();
    let returns = Matrix::new(64, values).unwrap();
    let draws = Draws::stationary(64, 100, 4.0, 1).unwrap();
    let test = Superiority::over(&[0.0; 64]);
    let report = test.test(&returns, &draws, &PrefixSums).unwrap();
    assert_eq!(report.cells.iter().map(|cell| cell.omega.is_some()).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!((report.spa.unwrap().best, report.reality_check.best), (2, 0));
    // Without studentising, a sure gain is the best that there is.
    let plain = Superiority { studentized: false, ..test }.test(&returns, &draws, &PrefixSums).unwrap();
    assert_eq!((plain.spa.unwrap().best, plain.spa.unwrap().consistent), (0, 0.0));
    assert_eq!(plain.steps.superior, [0]);
    // Where no cell varies, nothing is tested, and every cell may be named.
    let still = Matrix::new(64, vec![0.01; 128]).unwrap();
    let report = test.test(&still, &draws, &PrefixSums).unwrap();
    assert_eq!((report.spa, report.steps), (None, StepM::default()));
    let plain = Superiority { studentized: false, ..test }.test(&still, &draws, &PrefixSums).unwrap();
    assert_eq!(plain.steps.superior, [0, 1]);
}

/// The share of seeds whose consistent p-value is at most 0.05, over 20 cells and 250 periods.
fn rejected(mean: impl Fn(usize) -> f64 + Copy) -> (f64, f64) {
    let (mut rejected, mut named) = (0, 0);
    for seed in 0..200 {
        let returns = noise(20, 250, 1_000 + seed, mean);
        let draws = Draws::stationary(250, 400, 5.0, seed).unwrap();
        let report = Superiority::over(&[0.0; 250]).test(&returns, &draws, &PrefixSums).unwrap();
        rejected += u32::from(report.spa.unwrap().consistent <= 0.05);
        named += u32::from(report.steps.superior.iter().any(|&cell| mean(cell) <= 0.0));
    }
    (f64::from(rejected) / 200.0, f64::from(named) / 200.0)
}

#[test]
fn noise_is_seldom_called_better_and_an_edge_often() {
    let three_errors = 3.0 * (0.05_f64 * 0.95 / 200.0).sqrt();
    let (noise, named) = rejected(|_| 0.0);
    assert!(noise <= 0.05 + three_errors && named <= 0.05 + three_errors, "{noise} {named}");
    // A Sharpe ratio of 0.3 a period has a t of 4.7; poor cells do not hide it.
    let planted = |cell| if cell == 4 { 0.003 } else { -0.001 * (cell % 2) as f64 };
    let (edge, named) = rejected(planted);
    assert!(edge >= 0.95 && named <= 0.05 + three_errors, "{edge} {named}");
}

#[test]
fn wrong_input_is_named() {
    let benchmark = [0.0; 32];
    let test = Superiority::over(&benchmark);
    let draws = Draws::stationary(32, 10, 3.0, 0).unwrap();
    let error = |test: Superiority<'_>, returns: &Matrix, draws: &Draws| {
        test.test(returns, draws, &PrefixSums).unwrap_err().to_string()
    };
    let good = noise(3, 32, 0, |_| 0.0);
    let mut values = good.block(0).unwrap();
    values[40] = f32::NAN;
    let broken = Matrix::new(32, values).unwrap();
    assert_eq!(
        error(test, &broken, &draws),
        "the return of cell 1 in period 8 is `NaN`; leave the cell out or repair it"
    );
    assert!(error(Superiority { alpha: 1.0, ..test }, &good, &draws).starts_with("alpha is `1`; give"));
    assert!(error(Superiority { benchmark: &[0.0; 31], ..test }, &good, &draws).contains("`benchmark` has 31 values"));
    assert!(error(test, &noise(3, 8, 0, |_| 0.0), &draws).contains("the returns have `8`"));
    assert!(error(test, &Matrix::new(32, Vec::new()).unwrap(), &draws).contains("no cell"));
    assert!(error(test, &good, &Draws::stationary(33, 10, 3.0, 0).unwrap()).contains("`draws` has 33 values"));
}
