//! The indicators agree with other libraries' on real bars, with their plain definitions on any, and in both of their forms.

use backtest_sdk::indicators::{
    Adx, Atr, Bollinger, Channel, Cross, Crossing, Deviation, Donchian, Ema, Macd, Rsi, Sma, TrueRange, ZScore, adx,
    atr, bollinger, crossings, deviation, donchian, ema, macd, rsi, sma, true_range, z_score,
};

/// Two answers are the same if they part by less than this, as a fraction of the larger one.
const TOLERANCE: f64 = 1e-12;

fn check_close(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (at, (&found, &expected)) in found.iter().zip(expected).enumerate() {
        let same = (found - expected).abs() <= TOLERANCE * expected.abs().max(found.abs());
        assert!(same || found.is_nan() && expected.is_nan(), "{name} at {at}: {found} and not {expected}");
    }
}

/// The same bits, with NaN for none.
fn check_same(name: &str, streamed: impl Iterator<Item = Option<f64>>, column: &[f64]) {
    let bits = |value: f64| if value.is_nan() { None } else { Some(value.to_bits()) };
    let streamed: Vec<_> = streamed.map(|value| value.and_then(bits)).collect();
    assert_eq!(streamed, column.iter().copied().map(bits).collect::<Vec<_>>(), "{name}");
}

/// Bars from numbers that look random and are the same in every run. Some of them are not finite.
struct Bars {
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
}

impl Bars {
    fn new(seed: u64, length: usize, unfit: bool) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        let mut bars = Self { high: vec![], low: vec![], close: vec![] };
        let mut price = 100.0;
        for _ in 0..length {
            // Often unchanged, so that ties are met.
            price += if random() < 0.3 { 0.0 } else { random() * 4.0 - 2.0 };
            let close =
                if unfit && random() < 0.03 { [f64::NAN, f64::INFINITY][(random() * 2.0) as usize] } else { price };
            bars.high.push(price + random());
            bars.low.push(price - random());
            bars.close.push(close);
        }
        bars
    }

    fn iter(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        self.high.iter().zip(&self.low).zip(&self.close).map(|((&high, &low), &close)| (high, low, close))
    }
}

/// Whether `n` values up to `at` are there, all of them finite.
fn window(values: &[f64], at: usize, n: usize) -> Option<&[f64]> {
    let window = &values[(at + 1).checked_sub(n)?..=at];
    window.iter().all(|value| value.is_finite()).then_some(window)
}

fn over_windows(values: &[f64], n: usize, compute: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    (0..values.len()).map(|at| window(values, at, n).map_or(f64::NAN, &compute)).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn real_bars_give_what_other_libraries_compute() {
    let text = include_str!("../../../../tests/languages/indicators/expected.csv");
    let names: Vec<_> = text.lines().next().unwrap().split(',').collect();
    let expected = |name: &str| -> Vec<f64> {
        let at = names.iter().position(|found| *found == name).unwrap();
        let fields = text.lines().skip(1).map(|line| line.split(',').nth(at).unwrap());
        fields.map(|field| if field.is_empty() { f64::NAN } else { field.parse().unwrap() }).collect()
    };
    let (high, low, close) = (expected("high"), expected("low"), expected("close"));
    let channels = donchian(&high, &low, 20);
    let bands = bollinger(&close, 20, 2.0);
    let lines = macd(&close, 12, 26, 9);
    let trend = adx(&high, &low, &close, 14);
    let found = [
        ("sma", sma(&close, 20)),
        ("ema", ema(&close, 20)),
        ("rsi", rsi(&close, 14)),
        ("true_range", true_range(&high, &low, &close)),
        ("atr", atr(&high, &low, &close, 14)),
        ("deviation", deviation(&close, 20)),
        ("z_score", z_score(&close, 20)),
        ("upper", channels.upper),
        ("lower", channels.lower),
        ("band_upper", bands.upper),
        ("sma", bands.middle),
        ("band_lower", bands.lower),
        ("macd", lines.line),
        ("macd_signal", lines.signal),
        ("macd_histogram", lines.histogram),
        ("adx", trend.adx),
        ("plus_di", trend.plus_di),
        ("minus_di", trend.minus_di),
    ];
    for (name, found) in found {
        check_close(name, &found, &expected(name));
    }
}

#[test]
fn bar_by_bar_and_as_a_column_the_bits_are_the_same() {
    for seed in 0..200 {
        let (length, n) = ((seed * 7 % 120) as usize, 1 + (seed % 23) as usize);
        let bars = Bars::new(seed, length, seed % 2 == 1);
        let close = &bars.close;
        let values = || close.iter().copied();

        let mut one = Sma::new(n);
        check_same("sma", values().map(|value| one.next(value)), &sma(close, n));
        let mut one = Ema::new(n);
        check_same("ema", values().map(|value| one.next(value)), &ema(close, n));
        let mut one = Rsi::new(n);
        check_same("rsi", values().map(|value| one.next(value)), &rsi(close, n));
        let mut one = Deviation::new(n);
        check_same("deviation", values().map(|value| one.next(value)), &deviation(close, n));
        let mut one = ZScore::new(n);
        check_same("z_score", values().map(|value| one.next(value)), &z_score(close, n));

        let mut one = TrueRange::new();
        let ranges = bars.iter().map(|(high, low, close)| one.next(high, low, close));
        check_same("true_range", ranges, &true_range(&bars.high, &bars.low, close));
        let mut one = Atr::new(n);
        let averages = bars.iter().map(|(high, low, close)| one.next(high, low, close));
        check_same("atr", averages, &atr(&bars.high, &bars.low, close, n));

        let mut one = Donchian::new(n);
        let channels: Vec<_> = bars.iter().map(|(high, low, _)| one.next(high, low)).collect();
        let columns = donchian(&bars.high, &bars.low, n);
        check_same("upper", channels.iter().map(|channel| channel.map(|at| at.upper)), &columns.upper);
        check_same("lower", channels.iter().map(|channel| channel.map(|at| at.lower)), &columns.lower);

        let mut one = Bollinger::new(n, 2.0);
        let bands: Vec<_> = values().map(|value| one.next(value)).collect();
        let columns = bollinger(close, n, 2.0);
        check_same("bands: upper", bands.iter().map(|band| band.map(|at| at.upper)), &columns.upper);
        check_same("bands: middle", bands.iter().map(|band| band.map(|at| at.middle)), &columns.middle);
        check_same("bands: lower", bands.iter().map(|band| band.map(|at| at.lower)), &columns.lower);

        let mut one = Macd::new(n, n + 3, 2);
        let lines: Vec<_> = values().map(|value| one.next(value)).collect();
        let columns = macd(close, n, n + 3, 2);
        check_same("macd: line", lines.iter().map(|value| value.map(|at| at.line)), &columns.line);
        check_same("macd: signal", lines.iter().map(|value| value.map(|at| at.signal)), &columns.signal);
        check_same("macd: histogram", lines.iter().map(|value| value.map(|at| at.histogram)), &columns.histogram);

        let mut one = Adx::new(n);
        let trend: Vec<_> = bars.iter().map(|(high, low, close)| one.next(high, low, close)).collect();
        let columns = adx(&bars.high, &bars.low, close, n);
        check_same("adx", trend.iter().map(|value| value.map(|at| at.adx)), &columns.adx);
        check_same("adx: plus", trend.iter().map(|value| value.map(|at| at.plus_di)), &columns.plus_di);
        check_same("adx: minus", trend.iter().map(|value| value.map(|at| at.minus_di)), &columns.minus_di);

        let mut one = Cross::new();
        let streamed: Vec<_> = bars.iter().map(|(high, _, close)| one.next(close, high - 0.5)).collect();
        let level: Vec<_> = bars.high.iter().map(|high| high - 0.5).collect();
        assert_eq!(streamed, crossings(close, &level));
    }
}

#[test]
fn windows_give_what_their_definitions_say_wherever_all_their_values_are_finite() {
    for seed in 0..100 {
        let n = 1 + (seed % 17) as usize;
        let Bars { high, low, close } = Bars::new(seed, 150, seed % 2 == 1);
        check_close("sma", &sma(&close, n), &over_windows(&close, n, mean));
        let channels = donchian(&high, &low, n);
        check_close(
            "upper",
            &channels.upper,
            &over_windows(&high, n, |of| of.iter().copied().fold(f64::MIN, f64::max)),
        );
        check_close("lower", &channels.lower, &over_windows(&low, n, |of| of.iter().copied().fold(f64::MAX, f64::min)));
        let two_passes = |of: &[f64]| {
            let distances = of.iter().map(|value| value - mean(of));
            (distances.map(|distance| distance * distance).sum::<f64>() / of.len() as f64).sqrt()
        };
        let (found, expected) = (deviation(&close, n), over_windows(&close, n, two_passes));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-12 || found.is_nan() && expected.is_nan());
        }
    }
}

#[test]
fn a_large_average_costs_a_deviation_only_as_many_digits_as_it_has() {
    // Of the difference between the mean of the squares, about 1e18, and the square of the mean, nothing would be left.

    let small: Vec<f64> = Bars::new(7, 500, false).close.iter().map(|close| (close * 64.0).round() / 64.0).collect();
    let large: Vec<f64> = small.iter().map(|close| close + 1e9).collect();
    for (found, expected) in deviation(&large, 50).iter().zip(&deviation(&small, 50)).skip(49) {
        assert!((found - expected).abs() < 1e-7 * expected, "{found} and not {expected}");
    }
}

#[test]
fn what_has_left_a_window_leaves_no_error_behind() {
    let mut values = vec![1e17];
    values.extend(Bars::new(1, 100, false).close);
    for (at, found) in sma(&values, 10).into_iter().enumerate().skip(10) {
        let expected = mean(&values[at - 9..=at]);
        assert!((found - expected).abs() < 1e-12 * expected, "at {at}: {found} and not {expected}");
    }
}

#[test]
fn equal_values_deviate_by_nothing_and_have_no_score() {
    let values = [0.1; 30];
    assert_eq!(deviation(&values, 7)[6..], [0.0; 24]);
    assert!(z_score(&values, 7).iter().all(|score| score.is_nan()));
    assert_eq!(rsi(&values, 7)[7..], [50.0; 23]);
    assert_eq!(ema(&[5.0; 30], 7)[6..], [5.0; 24]);
    assert_eq!(true_range(&values, &values, &values)[1..], [0.0; 29]);
    let bands = bollinger(&values, 7, 2.0);
    assert_eq!((&bands.upper[6..], &bands.lower[6..]), (&bands.middle[6..], &bands.middle[6..]));
    assert_eq!(macd(&[5.0; 30], 3, 7, 2).histogram[7..], [0.0; 23]);
    assert_eq!(adx(&values, &values, &values, 7).adx[13..], [0.0; 17]);
}

#[test]
fn macd_and_bands_are_what_they_are_made_of() {
    let close = Bars::new(11, 80, true).close;
    let lines = macd(&close, 3, 8, 4);
    let (fast, slow) = (ema(&close, 3), ema(&close, 8));
    let line: Vec<_> = fast.iter().zip(&slow).map(|(fast, slow)| fast - slow).collect();
    check_same("signal", ema(&line, 4).into_iter().map(Some), &lines.signal);
    let bands = bollinger(&close, 5, 1.5);
    let (average, deviation) = (sma(&close, 5), deviation(&close, 5));
    let upper = average.iter().zip(&deviation).map(|(average, deviation)| Some(average + 1.5 * deviation));
    check_same("upper", upper, &bands.upper);
    let lower = average.iter().zip(&deviation).map(|(average, deviation)| Some(average - 1.5 * deviation));
    check_same("lower", lower, &bands.lower);
}

#[test]
fn only_the_larger_of_two_movements_counts_for_a_direction() {
    // Each bar moves up by 2 and down by 1, or the other way round.
    let check = |high: &[f64], low: &[f64], plus: f64, minus: f64| {
        let found = adx(high, low, high, 1);
        let at = high.len() - 1;
        assert_eq!((found.adx[at], found.plus_di[at], found.minus_di[at]), (100.0, plus, minus));
    };
    check(&[10.0, 12.0], &[8.0, 7.0], 40.0, 0.0);
    check(&[10.0, 11.0], &[8.0, 6.0], 0.0, 40.0);
    // Equally far to both sides is no direction.
    let found = adx(&[10.0, 11.0], &[8.0, 7.0], &[9.0, 9.0], 1);
    assert_eq!((found.adx[1], found.plus_di[1], found.minus_di[1]), (0.0, 0.0, 0.0));
}

#[test]
fn an_index_of_strength_is_100_where_nothing_falls_and_0_where_nothing_rises() {
    let rising: Vec<f64> = (0..10).map(f64::from).collect();
    assert_eq!(rsi(&rising, 3)[3..], [100.0; 7]);
    let falling: Vec<f64> = rising.iter().rev().copied().collect();
    assert_eq!(rsi(&falling, 3)[3..], [0.0; 7]);
}

#[test]
fn fewer_bars_than_are_needed_give_no_answer() {
    for length in [0, 1, 4] {
        let Bars { high, low, close } = Bars::new(3, length, false);
        let columns = [sma(&close, 5), ema(&close, 5), rsi(&close, 4), deviation(&close, 5), z_score(&close, 5)];
        let channels = donchian(&high, &low, 5);
        let made = [
            channels.upper,
            channels.lower,
            atr(&high, &low, &close, 4),
            bollinger(&close, 5, 2.0).middle,
            macd(&close, 3, 4, 2).line,
            adx(&high, &low, &close, 3).plus_di,
        ];
        for column in columns.into_iter().chain(made) {
            assert_eq!(column.len(), length);
            assert!(column.iter().all(|value| value.is_nan()));
        }
    }
    assert_eq!(crossings(&[], &[]), []);
}

#[test]
fn a_length_far_beyond_the_data_costs_no_memory() {
    assert!(sma(&[1.0; 100], usize::MAX).iter().all(|value| value.is_nan()));
    assert!(donchian(&[1.0; 100], &[1.0; 100], usize::MAX).upper.iter().all(|value| value.is_nan()));
}

#[test]
fn each_indicator_begins_at_its_bar_and_again_behind_a_value_that_is_not_finite() {
    let mut close = Bars::new(5, 30, false).close;
    close[12] = f64::NAN;
    let known = |column: Vec<f64>| -> Vec<usize> { (0..30).filter(|&at| column[at].is_finite()).collect() };
    let from = |first: usize| -> Vec<usize> { (first..12).chain(13 + first..30).collect() };
    assert_eq!(known(sma(&close, 5)), from(4));
    assert_eq!(known(ema(&close, 5)), from(4));
    assert_eq!(known(deviation(&close, 5)), from(4));
    assert_eq!(known(z_score(&close, 5)), from(4));
    assert_eq!(known(donchian(&close, &close, 5).upper), from(4));
    assert_eq!(known(rsi(&close, 5)), from(5));
    assert_eq!(known(true_range(&close, &close, &close)), from(1));
    assert_eq!(known(atr(&close, &close, &close, 5)), from(5));
    assert_eq!(known(sma(&rsi(&close, 5), 3)), from(7));
    assert_eq!(known(bollinger(&close, 5, 2.0).upper), from(4));
    // The longer average, and two more values of their difference.
    assert_eq!(known(macd(&close, 3, 7, 3).line), from(8));
    assert_eq!(known(macd(&close, 7, 3, 3).signal), from(8));
    assert_eq!(known(adx(&close, &close, &close, 5).adx), from(9));
}

#[test]
fn an_average_of_one_value_is_that_value() {
    let close = Bars::new(9, 50, false).close;
    assert_eq!(sma(&close, 1), close);
    assert_eq!(ema(&close, 1), close);
    assert_eq!(deviation(&close, 1), [0.0; 50]);
}

#[test]
fn a_line_crosses_where_it_comes_out_on_the_other_side() {
    let (above, below) = (Some(Crossing::Above), Some(Crossing::Below));
    let check = |line: &[f64], expected: &[Option<Crossing>]| {
        assert_eq!(crossings(line, &vec![0.0; line.len()]), expected, "{line:?}");
    };
    check(&[-1.0, 1.0, 2.0, -1.0], &[None, above, None, below]);
    check(&[1.0, 0.0, 1.0], &[None, None, None]);
    check(&[1.0, 0.0, 0.0, -1.0], &[None, None, None, below]);
    check(&[0.0, 1.0, -1.0], &[None, None, below]);
    check(&[1.0, f64::NAN, -1.0, 1.0], &[None, None, None, above]);
}

#[test]
fn a_channel_has_a_middle() {
    assert_eq!(Channel { upper: 3.0, lower: 1.0 }.middle(), 2.0);
}

#[test]
#[should_panic(expected = "a window of 0 bars has nothing to compute from; give at least 1")]
fn a_window_of_no_bars_panics_with_a_reason() {
    Ema::new(0);
}

#[test]
#[should_panic(expected = "the columns have [2, 1] values; give as many of each")]
fn columns_of_unequal_length_panic_with_a_reason() {
    donchian(&[1.0, 2.0], &[1.0], 1);
}
