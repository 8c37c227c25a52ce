use proptest::prelude::*;

use super::*;

const NOISE: Noise = Noise { strength: 0.1, seed: 7 };

/// Columns of open, high, low, close.
type Columns = [Vec<f64>; 4];

fn bars(columns: &Columns, tick: Option<f64>) -> Bars<'_> {
    let [open, high, low, close] = columns;
    Bars { open: Some(open), high: Some(high), low: Some(low), close, tick }
}

fn columns(noisy: NoisyBars) -> Columns {
    [noisy.open.unwrap(), noisy.high.unwrap(), noisy.low.unwrap(), noisy.close]
}

fn noisy(noise: Noise, given: &Columns, tick: Option<f64>) -> Columns {
    columns(noise.apply(&bars(given, tick), 0, 0).unwrap())
}

/// A random walk of valid bars around `price`, some with gaps and some of one price. The numbers are only drawn by `stream`.
fn walk(price: f64, count: usize, seed: u64) -> Columns {
    let mut stream = Stream::of(seed, 99);
    let mut columns = Columns::default();
    let mut last = price;
    for _ in 0..count {
        let mut by = |size: f64| 1.0 + size * (stream.unit() - 0.5);
        let gap = by(1.0);
        let open = if gap < 0.7 { last } else { last * by(0.01) };
        let bar = if gap > 1.4 {
            [open; 4]
        } else {
            let close = open * by(0.04);
            [open, open.max(close) * (1.5 * by(0.02) - 0.5).max(1.0), open.min(close) * by(0.02).min(1.0), close]
        };
        last = bar[3];
        columns.iter_mut().zip(bar).for_each(|(column, price)| column.push(price));
    }
    columns
}

fn is_valid([open, high, low, close]: &Columns) -> bool {
    (0..close.len()).all(|at| {
        let inside = |price: f64| low[at] <= price && price <= high[at];
        low[at] > 0.0 && high[at].is_finite() && inside(open[at]) && inside(close[at])
    })
}

fn bits(columns: &Columns) -> Vec<u64> {
    columns.iter().flatten().map(|price| price.to_bits()).collect()
}

/// Whether `price` is the double nearest to a multiple of a decimal tick with two digits.
fn on_cents(price: f64, cents: i64) -> bool {
    let text = format!("{price}");
    let (_, after) = text.split_once('.').unwrap_or((&text, ""));
    after.len() <= 2 && (price * 100.0).round() as i64 % cents == 0
}

fn check_error(expected: &str, noise: Noise, bars: Bars<'_>) {
    assert_eq!(noise.apply(&bars, 0, 0).unwrap_err().to_string(), expected);
}

#[test]
fn a_path_of_numbers_fixes_the_noise() {
    let given = walk(100.0, 300, 1);
    let of = |seed, copy, series| columns(Noise { seed, ..NOISE }.apply(&bars(&given, None), copy, series).unwrap());
    assert_eq!(bits(&of(1, 2, 3)), bits(&of(1, 2, 3)));
    let others = [of(2, 2, 3), of(1, 3, 3), of(1, 2, 4), of(1, 3, 2)];
    assert!(others.iter().all(|other| *other != of(1, 2, 3)));
}

/// The bits of two bars: they are the same on every machine.
#[test]
fn noise_is_the_same_everywhere() {
    let given = [vec![10.0, 10.5], vec![11.0, 12.0], vec![9.0, 10.0], vec![10.25, 11.5]];
    let found = noisy(NOISE, &given, None);
    let expected = [
        [10.098958272245797, 10.537417525379587],
        [10.986417665402183, 11.627937920350702],
        [9.168964807244413, 10.09720578800597],
        [10.275142720589962, 11.123308356575842],
    ];
    assert_eq!(found, expected);
}

#[test]
fn noise_is_centred_and_as_strong_as_asked_for() {
    let given = walk(100.0, 200, 2);
    let [mut sums, mut squares, mut ranges] = [[0.0; 4]; 3];
    let copies = 2_000;
    for copy in 0..copies {
        let found = columns(NOISE.apply(&bars(&given, None), copy, 0).unwrap());
        for column in 0..4 {
            for at in 100..200 {
                let noise = found[column][at] / given[column][at] - 1.0;
                sums[column] += noise;
                squares[column] += noise * noise;
                ranges[column] += (given[1][at] - given[2][at]) / given[3][at];
            }
        }
    }
    let count = copies as f64 * 100.0;
    for column in 0..4 {
        let (mean, deviation) = (sums[column] / count, (squares[column] / count).sqrt());
        let strength = deviation / (ranges[column] / count);
        assert!((strength - NOISE.strength).abs() < 0.01, "{strength}");
        // Opens and closes by chance, highs and lows a little outwards where bodies are small.
        let most =
            if matches!(column, 0 | 3) { 5.0 * deviation / (copies as f64 * 50.0).sqrt() } else { 0.3 * deviation };
        assert!(mean.abs() < most, "{mean} of {deviation}");
    }
}

#[test]
fn noise_does_not_accumulate() {
    let given = walk(100.0, 20_000, 3);
    let found = noisy(NOISE, &given, None);
    let farthest = (0..20_000).map(|at| (found[3][at] / given[3][at] - 1.0).abs()).fold(0.0, f64::max);
    assert!(farthest < 0.03, "{farthest}");
}

#[test]
fn a_bar_of_one_price_stays_one_and_gaps_keep_their_sign() {
    let given = walk(50.0, 2_000, 4);
    let found = noisy(Noise { strength: 0.5, seed: 1 }, &given, None);
    let bar = |columns: &Columns, at: usize| [0, 1, 2, 3].map(|column: usize| columns[column][at]);
    for at in 1..2_000 {
        let (before, after) = (bar(&given, at), bar(&found, at));
        let is_flat = |bar: [f64; 4]| bar.iter().all(|price| *price == bar[0]);
        assert!(!is_flat(before) || is_flat(after));
        if !is_flat(before) {
            let gaps = [before[0] - given[3][at - 1], after[0] - found[3][at - 1]];
            assert!(gaps[0] == 0.0 && gaps[1] == 0.0 || gaps[0] * gaps[1] > 0.0, "{gaps:?}");
        }
    }
}

#[test]
fn a_price_that_repeats_without_trades_repeats_with_noise() {
    let given =
        [vec![10.0, 12.0, 12.0, 12.0, 11.0], vec![12.0, 12.0, 12.0, 12.0, 11.0], vec![9.0, 12.0, 12.0, 12.0, 11.0]];
    let [open, high, low] = given;
    let close = vec![12.0, 12.0, 12.0, 12.0, 11.0];
    let [open, _, _, close] = noisy(NOISE, &[open, high, low, close], None);
    assert!(open[1] == close[0] && close[1..4].iter().all(|price| *price == close[0]) && close[0] != 12.0);
    assert_ne!(close[4] - 11.0, close[0] - 12.0);
}

#[test]
fn closes_alone_may_be_given() {
    let [.., close] = walk(20.0, 100, 5);
    let found = NOISE.apply(&Bars { close: &close, ..Bars::default() }, 0, 0).unwrap();
    assert_eq!((&found.open, &found.high, &found.low), (&None, &None, &None));
    assert_eq!(found.close[0], close[0]);
    assert!((1..100).all(|at| (found.close[at] != close[at]) || close[at] == close[at - 1]));
}

#[test]
fn a_strength_of_zero_changes_no_bit() {
    let given = walk(1e-3, 500, 6);
    let none = Noise { strength: 0.0, seed: 1 };
    assert_eq!(bits(&noisy(none, &given, None)), bits(&given));
    assert_eq!(bits(&noisy(none, &given, Some(0.01))), bits(&given));
}

#[test]
fn later_bars_change_nothing() {
    let given = walk(100.0, 400, 7);
    let first = given.clone().map(|column| column[..250].to_vec());
    let whole = noisy(NOISE, &given, None).map(|column| column[..250].to_vec());
    assert_eq!(bits(&noisy(NOISE, &first, None)), bits(&whole));
}

#[test]
fn prices_stay_on_their_tick() {
    let cents = |columns: Columns, cents: f64| {
        columns.map(|column| column.iter().map(|p| (p * 100.0 / cents).round() * cents / 100.0).collect())
    };
    for (tick, size) in [(0.01, 1), (0.05, 5), (0.25, 25), (0.02, 2)] {
        let given: Columns = cents(walk(100.0, 1_000, 8), f64::from(size));
        let found = noisy(NOISE, &given, Some(tick));
        assert!(is_valid(&found) && found != given);
        assert!(found.iter().flatten().all(|price| on_cents(*price, i64::from(size))), "{tick}");
    }
    // Nothing falls to zero.
    let given: Columns = cents(walk(0.02, 1_000, 8), 1.0)
        .map(|column: Vec<f64>| column.into_iter().map(|price| price.max(0.01)).collect());
    assert!(is_valid(&noisy(Noise { strength: 1.0, seed: 2 }, &given, Some(0.01))));
}

#[test]
fn prices_below_zero_have_noise_too() {
    let given = walk(20.0, 300, 9).map(|column| column.into_iter().map(|price| price - 20.0).collect::<Vec<f64>>());
    let [open, high, low, close] = noisy(NOISE, &given, None);
    for at in 0..300 {
        assert!(low[at] <= open[at].min(close[at]) && open[at].max(close[at]) <= high[at]);
    }
}

#[test]
fn a_close_outside_of_its_range_widens_it() {
    let given = [vec![10.0; 3], vec![11.0; 3], vec![9.0; 3], vec![11.5, 8.5, 10.0]];
    assert!(is_valid(&noisy(NOISE, &given, None)));
}

#[test]
fn wrong_input_is_named() {
    let bars = |close: &'static [f64]| Bars { close, ..Bars::default() };
    let text = "the strength of the noise is `1.5`; give a share of the average true range from 0 to 1";
    check_error(text, Noise { strength: 1.5, seed: 0 }, bars(&[1.0]));
    let text = "price `1` of the column `close` is `NaN`; give prices between -1e300 and 1e300";
    check_error(text, NOISE, bars(&[1.0, f64::NAN]));
    let text = "the column `high` has `1` prices where `2` are needed; give one for each close";
    check_error(text, NOISE, Bars { high: Some(&[1.0]), ..bars(&[1.0, 2.0]) });
    check_error("the tick is `0`; give a finite number above 0", NOISE, Bars { tick: Some(0.0), ..bars(&[1.0]) });
}

proptest! {
    #[test]
    fn bars_stay_valid(
        exponent in -8.0..9.0_f64,
        seed: u64,
        strength in 0.0..=1.0_f64,
        tick in prop_oneof![Just(None), Just(Some(0.01)), Just(Some(0.25)), Just(Some(5.0)), Just(Some(1e-8))],
    ) {
        let given = walk(libm::exp10(exponent), 120, seed);
        prop_assert!(is_valid(&given));
        let found = noisy(Noise { strength, seed }, &given, tick);
        prop_assert!(is_valid(&found));
    }

    /// Bars that jump by orders of magnitude, so that the average true range is many times the price.
    #[test]
    fn jumps_leave_bars_valid(prices in prop::collection::vec((-300.0..300.0_f64, 0.0..9.0_f64), 1..60), seed: u64) {
        let price = |(exponent, more): &(f64, f64)| (libm::exp10(*exponent), libm::exp10((exponent + more).min(299.0)));
        let prices: Vec<(f64, f64)> = prices.iter().map(price).collect();
        let low: Vec<f64> = prices.iter().map(|(one, other)| one.min(*other)).collect();
        let high: Vec<f64> = prices.iter().map(|(one, other)| one.max(*other)).collect();
        let given = [low.clone(), high.clone(), low, high];
        let found = noisy(Noise { strength: 1.0, seed }, &given, None);
        prop_assert!(is_valid(&found));
    }

    #[test]
    fn noise_scales_with_prices(seed: u64, strength in 0.0..=1.0_f64, scale in prop_oneof![Just(1e3), Just(1e-3), Just(7e5)]) {
        let given = walk(30.0, 120, seed);
        let times = given.clone().map(|column| column.into_iter().map(|price| price * scale).collect());
        let noise = Noise { strength, seed };
        let (one, other) = (noisy(noise, &given, None), noisy(noise, &times, None));
        for (one, other) in one.iter().flatten().zip(other.iter().flatten()) {
            prop_assert!((one * scale - other).abs() <= 1e-11 * other, "{} {}", one * scale, other);
        }
    }
}
