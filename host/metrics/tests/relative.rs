//! Metrics against a benchmark: beside two passes, beside other libraries, and where they are undefined.

use std::fs;

use proptest::prelude::*;

use crate::metrics::{
    lanes::Kind,
    relative::{Scale, Totals},
    sums::NOISE,
    *,
};

const CASH: f64 = 10_000.0;
const SCALE: Scale = Scale { periods_per_year: Some(252.0), risk_free: 0.02, years: Some(3.0) };

/// The curve of equity that has the returns `r`.
fn curve(r: &[f64]) -> Vec<f64> {
    let mut equity = CASH;
    r.iter()
        .map(|r| {
            equity *= 1.0 + r;
            equity
        })
        .collect()
}

fn totals_of(equity: &[f64], b: &[f64], kind: Kind) -> Totals {
    // What is kept from a run before is not seen.
    Benchmark::new(b.to_vec()).unwrap().against(CASH, equity, &mut vec![7.0; 3], kind)
}

fn totals(r: &[f64], b: &[f64]) -> Totals {
    totals_of(&curve(r), b, Kind::Fastest)
}

fn measured(totals: &Totals, scale: &Scale) -> Metrics {
    let mut metrics = Metrics::default();
    metrics.of_totals(totals, scale);
    metrics.kept(|_| true)
}

fn metrics(r: &[f64], b: &[f64]) -> Metrics {
    measured(&totals(r, b), &SCALE)
}

/// The returns that a curve of equity has.
fn returns(equity: &[f64]) -> Vec<f64> {
    std::iter::once(&CASH).chain(equity).zip(equity).map(|(before, after)| sums::change(*before, *after)).collect()
}

/// Two passes over lists, as one would write them down.
fn naive(r: &[f64], b: &[f64]) -> Totals {
    let n = r.len() as f64;
    let e: Vec<f64> = r.iter().zip(b).map(|(r, b)| r - b).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n;
    let [mean_r, mean_b, mean_e] = [mean(r), mean(b), mean(&e)];
    let squares = |values: &[f64], mean: f64| values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>();
    let side = |is_in: fn(f64) -> bool| {
        let both = r.iter().zip(b).filter(|(_, b)| is_in(**b));
        both.fold(([0.0, 0.0], 0.0), |([x, y], count), (r, b)| ([x + r, y + b], count + 1.0))
    };
    let ((up, ups), (down, downs)) = (side(|b| b > 0.0), side(|b| b < 0.0));
    let (mut relative, mut growth, mut peak, mut deepest) = (1.0_f64, 1.0, 1.0_f64, 0.0_f64);
    for (r, b) in r.iter().zip(b) {
        growth *= 1.0 + b;
        relative *= (1.0 + r) / (1.0 + b);
        peak = peak.max(relative);
        deepest = deepest.min(relative / peak - 1.0);
    }
    Totals {
        count: r.len(),
        mean: mean_r,
        squares: squares(r, mean_r),
        benchmark_mean: mean_b,
        benchmark_squares: squares(b, mean_b),
        products: r.iter().zip(b).map(|(r, b)| (r - mean_r) * (b - mean_b)).sum(),
        excess_mean: mean_e,
        excess_squares: squares(&e, mean_e),
        up,
        down,
        ups,
        downs,
        wins: e.iter().filter(|e| **e > NOISE).count() as f64,
        benchmark_growth: Some(growth),
        relative_growth: Some(relative),
        relative_drawdown: Some(deepest),
    }
}

fn mean_size(values: &[f64]) -> f64 {
    values.iter().map(|value| value.abs()).sum::<f64>() / values.len() as f64
}

fn agree(found: &Totals, expected: &Totals, r: &[f64], b: &[f64]) -> Result<(), TestCaseError> {
    // A mean is known to the rounding of what is summed, a sum of squares to that of itself.
    let near = |found: f64, expected: f64, scale: f64| (found - expected).abs() <= 1e-12 * scale.max(f64::MIN_POSITIVE);
    let (size_r, size_b, n) = (mean_size(r), mean_size(b), r.len() as f64);
    // Two passes have rounding of their own where returns are next to constant: that of each return, squared.
    let floor = |size: f64| n * (size * f64::EPSILON) * (size * f64::EPSILON) * 16.0;
    let squares = |found: f64, expected: f64, size: f64| (found - expected).abs() <= 1e-12 * expected + floor(size);
    prop_assert!(near(found.mean, expected.mean, size_r), "{found:?} {expected:?}");
    prop_assert!(near(found.benchmark_mean, expected.benchmark_mean, size_b), "{found:?} {expected:?}");
    prop_assert!(near(found.excess_mean, expected.excess_mean, size_r + size_b), "{found:?} {expected:?}");
    prop_assert!(squares(found.squares, expected.squares, size_r), "{found:?} {expected:?}");
    prop_assert!(squares(found.benchmark_squares, expected.benchmark_squares, size_b), "{found:?} {expected:?}");
    prop_assert!(squares(found.excess_squares, expected.excess_squares, size_r + size_b), "{found:?} {expected:?}");
    let both = (expected.squares * expected.benchmark_squares).sqrt();
    let slack = 1e-12 * both + floor(size_r).sqrt() * floor(size_b).sqrt();
    prop_assert!((found.products - expected.products).abs() <= slack, "{found:?} {expected:?}");
    for at in 0..2 {
        let scale = n * [size_r, size_b][at];
        prop_assert!(near(found.up[at], expected.up[at], scale) && near(found.down[at], expected.down[at], scale));
    }
    prop_assert_eq!((found.ups, found.downs, found.wins), (expected.ups, expected.downs, expected.wins));
    for (found, expected) in [
        (found.benchmark_growth, expected.benchmark_growth),
        (found.relative_growth, expected.relative_growth),
        (found.relative_drawdown, expected.relative_drawdown),
    ] {
        let (found, expected) = (found.unwrap(), expected.unwrap());
        // Each of `n` products is rounded.
        let slack = 1e-12 * n.max(10.0) / 10.0 * expected.abs().max(1e-3);
        prop_assert!((found - expected).abs() <= slack, "{found} {expected}");
    }
    Ok(())
}

/// Pairs of returns of many kinds: without a mean and with one that hides the deviation, in stretches without a position, with
/// zeros, and with a first block that is unlike the others.
fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    let one = prop_oneof![6 => -0.05..0.05f64, 1 => Just(0.0), 1 => -0.4..0.5f64];
    let unit = prop::collection::vec((one.clone(), one), 1..900);
    let scales = (prop_oneof![Just(1.0), Just(1e-3), Just(1e-6)], prop_oneof![Just(0.0), Just(1e-3), Just(0.01)]);
    let shape = (scales.clone(), scales, -2.0..2.0f64, prop_oneof![Just(0usize), 1usize..300]);
    (unit, shape).prop_map(|(unit, ((scale_r, mean_r), (scale_b, mean_b), beta, still))| {
        let b: Vec<f64> = unit.iter().map(|(_, b)| mean_b + scale_b * b).collect();
        let of = |(at, ((r, _), b)): (usize, (&(f64, f64), &f64))| {
            if at < still { 0.0 } else { (mean_r + scale_r * r + beta * (b - mean_b)).max(-0.9) }
        };
        (unit.iter().zip(&b).enumerate().map(of).collect(), b)
    })
}

proptest! {
    #[test]
    fn one_pass_finds_what_two_find((r, b) in pairs()) {
        let equity = curve(&r);
        let r = returns(&equity);
        agree(&totals_of(&equity, &b, Kind::Fastest), &naive(&r, &b), &r, &b)?;
    }

    #[test]
    fn bits_are_the_same_in_all_lanes((r, b) in pairs()) {
        let equity = curve(&r);
        prop_assert_eq!(totals_of(&equity, &b, Kind::Fastest), totals_of(&equity, &b, Kind::Portable));
    }

    #[test]
    fn what_holds_the_benchmark_is_even_with_it((r, _) in pairs()) {
        let equity = curve(&r);
        let benchmark = Benchmark::of_equity(CASH, &equity).unwrap();
        let same = measured(&benchmark.against(CASH, &equity, &mut Vec::new(), Kind::Fastest), &SCALE);
        prop_assert!(same.benchmark_beta.is_none_or(|beta| beta == 1.0), "{same:?}");
        prop_assert!(same.jensen_alpha.is_none_or(|alpha| alpha == 0.0), "{same:?}");
        prop_assert!(same.tracking_error.is_none_or(|error| error == 0.0), "{same:?}");
        prop_assert!([same.up_capture, same.down_capture].iter().all(|side| side.is_none_or(|side| side == 1.0)));
        prop_assert_eq!((same.information_ratio, same.alpha_t, same.batting_average), (None, None, Some(0.0)));
        let excess = [same.excess_return, same.excess_cagr, same.excess_drawdown];
        prop_assert_eq!(excess, [Some(0.0); 3]);
    }

    #[test]
    fn what_is_added_to_each_return_is_alpha((r, b) in pairs(), added in 0.0..0.001f64) {
        let shifted: Vec<f64> = r.iter().map(|r| r + added).collect();
        let (before, after) = (metrics(&r, &b), metrics(&shifted, &b));
        let size = (mean_size(&r) + mean_size(&b)).max(0.001);
        let deviation = (totals(&b, &b).benchmark_squares / (r.len() as f64 - 1.0).max(1.0)).sqrt();
        // Equity rounds each return.
        let slack = 1e-12 * size.max(0.01) / deviation.max(1e-12);
        for (before, after) in before.benchmark_beta.into_iter().zip(after.benchmark_beta) {
            prop_assert!((before - after).abs() <= slack, "{before} {after}");
        }
        for (before, after) in before.jensen_alpha.into_iter().zip(after.jensen_alpha) {
            prop_assert!((after - before - 252.0 * added).abs() <= 252.0 * (slack * size + 1e-13), "{before} {after}");
        }
    }

    #[test]
    fn extremes_are_numbers_or_undefined(
        equity in prop::collection::vec(extreme(), 0..200), b in prop::collection::vec(extreme(), 200)
    ) {
        for scale in [SCALE, Scale::default(), Scale { periods_per_year: Some(0.0), ..SCALE }] {
            let Ok(benchmark) = Benchmark::new(b[..equity.len()].to_vec()) else { continue };
            let found = benchmark.against(CASH, &equity, &mut Vec::new(), Kind::Fastest);
            let found = measured(&found, &scale);
            prop_assert!(found.values().into_iter().flatten().all(f64::is_finite), "{found:?}");
        }
    }
}

fn extreme() -> impl Strategy<Value = f64> {
    const SPECIAL: &[f64] = &[0.0, -0.0, -2.0, f64::MIN_POSITIVE, 1e-300, 1e300, f64::MAX, f64::NAN, f64::INFINITY];
    prop_oneof![30 => -0.1..0.1f64, 1 => prop::sample::select(SPECIAL), 1 => any::<f64>()]
}

#[test]
fn constant_returns_leave_undefined_what_divides_by_their_deviation() {
    let moving: Vec<f64> = (0..300).map(|at| 0.01 * f64::from(at % 7 - 3)).collect();
    let found = metrics(&moving, &[0.0001; 300]);
    let divided = [found.benchmark_beta, found.jensen_alpha, found.alpha_t, found.benchmark_correlation];
    assert_eq!((divided, found.treynor_ratio), ([None; 4], None));
    assert!(found.information_ratio.is_some() && found.down_capture.is_none());
    let found = metrics(&[0.0; 300], &moving);
    assert_eq!((found.benchmark_correlation, found.benchmark_beta), (None, Some(0.0)));
    assert!(found.treynor_ratio.is_none() && found.up_capture == Some(0.0));
}

#[test]
fn too_few_returns_are_undefined() {
    let none = metrics(&[], &[]);
    assert!(Selection::relative().names().all(|name| none.get(name) == Some(None)), "{none:?}");
    let one = metrics(&[0.5], &[0.25]);
    let defined = [one.up_capture, one.batting_average, one.excess_drawdown];
    assert_eq!(defined, [Some(2.0), Some(1.0), Some(0.0)]);
    let undefined = [one.jensen_alpha, one.benchmark_beta, one.tracking_error, one.information_ratio, one.down_capture];
    assert_eq!(undefined, [None; 5]);
    let two = metrics(&[0.02, 0.01], &[0.01, -0.01]);
    assert!(two.benchmark_beta.is_some() && two.alpha_t.is_none());
}

#[test]
fn without_bars_per_year_only_what_is_per_year_is_undefined() {
    let found = measured(&totals(&[0.02, 0.01, -0.01], &[0.01, -0.01, 0.0]), &Scale::default());
    let yearly = [found.jensen_alpha, found.tracking_error, found.information_ratio, found.treynor_ratio];
    assert_eq!((yearly, found.excess_cagr), ([None; 4], None));
    assert!([found.benchmark_beta, found.alpha_t, found.excess_return].iter().all(Option::is_some));
}

#[test]
fn relative_wealth_falls_where_the_benchmark_does_better() {
    // In cash: the benchmark doubles, halves, and doubles again.
    let found = metrics(&[0.0; 3], &[1.0, -0.5, 1.0]);
    let excess = (found.excess_drawdown, found.excess_return, found.benchmark_return);
    assert_eq!(excess, (Some(-0.5), Some(-0.5), Some(1.0)));
    // A ruined account stays at nothing.
    let found = metrics(&[0.5, -1.0, 0.0], &[0.0; 3]);
    let lost = [found.excess_drawdown, found.excess_return, found.excess_cagr];
    assert_eq!(lost, [Some(-1.0); 3]);
}

#[test]
fn an_account_that_has_nothing_left_returns_nothing() {
    let equity = [5_000.0, 0.0, 0.0, 4.0, 8.0, -1.0, -2.0, 3.0, 3.0, 0.0, 0.0, 0.0];
    for kind in [Kind::Fastest, Kind::Portable] {
        let found = totals_of(&equity, &[0.01; 12], kind);
        let returns = [-0.5, -1.0, 0.0, 0.0, 1.0, -9.0 / 8.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0];
        assert!((found.mean - returns.iter().sum::<f64>() / 12.0).abs() < 1e-15, "{found:?}");
        assert_eq!((found.relative_growth, found.wins), (Some(0.0), 1.0));
    }
}

#[test]
fn a_benchmark_that_loses_everything_is_refused() {
    let error = Benchmark::new(vec![0.1, -1.0]).unwrap_err();
    assert_eq!(error, BenchmarkReturn { period: 1, value: -1.0 });
    assert_eq!(error.to_string(), "the benchmark's return in period 1 is -1; give one whose prices stay above 0");
    assert!([f64::NAN, f64::INFINITY].into_iter().all(|value| Benchmark::new(vec![value]).is_err()));
    assert_eq!(Benchmark::of_equity(1.0, &[0.5, 0.0]).unwrap_err().period, 1);
}

/// Returns whose mean is 170,000 times the deviation.
fn hidden(at: usize, mean: f64, times: usize) -> f64 {
    mean + 1e-7 * ((at * times * 7919 % 101) as f64 - 50.0) / 50.0
}

/// The worst for a shift by the first block: it is constant and unlike what follows. The distance of both is in the variance then,
/// which bounds what is lost; sums about zero would be wrong in the third digit.
#[test]
fn a_first_block_unlike_the_others_costs_few_bits() {
    let of = |mean, times| (0..20_000).map(move |at| if at < 64 { 0.0 } else { hidden(at, mean, times) });
    let (equity, b) = (curve(&of(0.0002, 3).collect::<Vec<_>>()), of(0.0001, 1).collect::<Vec<_>>());
    let (found, expected) = (totals_of(&equity, &b, Kind::Fastest), naive(&returns(&equity), &b));
    for (found, expected) in [
        (found.squares, expected.squares),
        (found.benchmark_squares, expected.benchmark_squares),
        (found.excess_squares, expected.excess_squares),
    ] {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    }
}

/// One line of `expected.csv`.
struct Expected {
    case: String,
    scale: Scale,
    source: String,
    value: f64,
}

fn expected() -> Vec<Expected> {
    let text = fs::read_to_string("tests/reference/relative/expected.csv").unwrap();
    let line = |line: &str| {
        let [case, _, year, rate, source, value] = line.split(',').collect::<Vec<_>>().try_into().unwrap();
        let scale =
            Scale { periods_per_year: Some(year.parse().unwrap()), risk_free: rate.parse().unwrap(), years: None };
        Expected { case: case.to_owned(), scale, source: source.to_owned(), value: value.parse().unwrap() }
    };
    text.lines().skip(1).map(line).collect()
}

/// What the other library has under `source`; `None` where it defines something else by the same name.
fn ours(source: &str, totals: &Totals, scale: &Scale) -> Option<Option<f64>> {
    let year = scale.periods_per_year.unwrap();
    let found = measured(totals, scale);
    let without_rate = measured(totals, &Scale { risk_free: 0.0, ..*scale });
    let whole = totals.relative_growth.zip(totals.benchmark_growth).map(|(relative, benchmark)| relative * benchmark);
    Some(match source {
        "empyrical beta" | "quantstats beta" => found.benchmark_beta,
        "empyrical alpha compounded" => found.jensen_alpha.map(|alpha| (1.0 + alpha / year).powf(year) - 1.0),
        "quantstats alpha without rate" => without_rate.jensen_alpha,
        "empyrical excess_sharpe per period" | "quantstats information_ratio per period" => {
            found.information_ratio.map(|ratio| ratio / year.sqrt())
        }
        "empyrical batting_average" => found.batting_average,
        "empyrical up mean" => found.up_capture,
        "empyrical down mean" => found.down_capture,
        // Ratios of annualised geometric returns.
        "empyrical up_capture annualised" | "empyrical down_capture annualised" => return None,
        "empyrical cum_returns_final of benchmark" => found.benchmark_return,
        "empyrical cum_returns_final of relative" => found.excess_return,
        "empyrical max_drawdown of relative" => found.excess_drawdown,
        "empyrical annual_return of relative" => {
            measured(totals, &Scale { years: Some(totals.count as f64 / year), ..*scale }).excess_cagr
        }
        "quantstats treynor_ratio of the whole" => {
            whole.zip(found.benchmark_beta).map(|(whole, beta)| (whole - 1.0 - scale.risk_free) / beta)
        }
        "numpy tracking error" => found.tracking_error,
        "quantstats r_squared" => found.benchmark_correlation.map(|correlation| correlation * correlation),
        "scipy correlation" => found.benchmark_correlation,
        "scipy alpha t" => found.alpha_t,
        other => panic!("unknown source `{other}`"),
    })
}

/// What we call undefined and quantstats does not: a beta to a benchmark that does not vary, or of one return.
fn is_noise(line: &Expected, totals: &Totals) -> bool {
    let deviation = (totals.benchmark_squares / (totals.count as f64 - 1.0).max(1.0)).sqrt();
    line.source.starts_with("quantstats") && (deviation <= NOISE || totals.count < 2)
}

#[test]
fn every_metric_is_that_of_empyrical_quantstats_and_scipy() {
    let text = fs::read_to_string("tests/reference/relative/returns.csv").unwrap();
    let (mut compared, mut undefined) = (0, 0);
    for line in expected() {
        let of_case = text.lines().filter_map(|row| row.strip_prefix(&*line.case)?.strip_prefix(','));
        let pair = |row: &str| {
            let (r, b) = row.split_once(',').unwrap();
            (r.parse::<f64>().unwrap(), b.parse::<f64>().unwrap())
        };
        let (r, b): (Vec<f64>, Vec<f64>) = of_case.map(pair).unzip();
        let totals = totals(&r, &b);
        let Some(found) = ours(&line.source, &totals, &line.scale) else { continue };
        let Expected { case, source, value, .. } = &line;
        match found {
            None if is_noise(&line, &totals) => undefined += 1,
            // A constant strategy does not deviate, or only by the rounding of its equity.
            _ if case == "constant_strategy" && (source.contains("treynor") || value.is_nan()) => undefined += 1,
            None => {
                assert!(value.is_nan(), "{case}: {source} is undefined and should be {value}");
                undefined += 1;
            }
            Some(found) => {
                let distance = (found - value).abs() / (value.abs()).max(1e-6);
                assert!(distance <= 1e-9, "{case}: {source} is {found} and should be {value}: {distance:e}");
                compared += 1;
            }
        }
    }
    assert!(compared >= 200 && undefined >= 15, "{compared} compared, {undefined} undefined");
}
