use proptest::prelude::*;

use super::*;
use crate::{model::stream::Stream, trust::normal::normal};

const FAILED: Option<f64> = None;

fn lattice(axes: &[(u64, bool)]) -> Lattice {
    let axes: Vec<Axis> = axes.iter().map(|&(len, ordered)| Axis { len, ordered }).collect();
    Lattice::new(&axes).unwrap()
}

/// All cells of a lattice, by their number.
fn landscape(axes: &[(u64, bool)], value: impl Fn(u64) -> Option<f64>) -> Landscape {
    let lattice = lattice(axes);
    let cells: Vec<_> = (0..lattice.size()).map(|number| (number, value(number))).collect();
    Landscape::new(lattice, cells).unwrap()
}

fn of(axes: &[(u64, bool)], values: &[f64]) -> Landscape {
    landscape(axes, |number| Some(values[number as usize]))
}

fn scores(landscape: &Landscape) -> Vec<Option<f64>> {
    (0..landscape.lattice.size()).map(|number| landscape.neighbourhood(number)?.score).collect()
}

fn order(landscape: &Landscape) -> Vec<u64> {
    landscape.ranked(usize::MAX).into_iter().map(|(number, _)| number).collect()
}

/// The numbers of the cells within reach.
fn within(axes: &[(u64, bool)], number: u64) -> Vec<u64> {
    let mut found = Vec::new();
    lattice(axes).visit(number, &mut |number| found.push(number));
    found.sort_unstable();
    found
}

#[test]
fn neighbours_are_two_steps_away_at_most() {
    assert_eq!(within(&[(9, true)], 4), [2, 3, 4, 5, 6]);
    assert_eq!(within(&[(9, true)], 0), [0, 1, 2]);
    // Five by five: the middle, a corner, and the cell beside it.
    assert_eq!(within(&[(5, true), (5, true)], 12), [2, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 22]);
    assert_eq!(within(&[(5, true), (5, true)], 0), [0, 1, 2, 5, 6, 10]);
    assert_eq!(within(&[(5, true), (5, true)], 1), [0, 1, 2, 3, 5, 6, 7, 11]);
    // The texts of the axis in the middle do not neighbour each other.
    assert_eq!(within(&[(2, true), (3, false), (2, true)], 5), [4, 5, 10, 11]);
    assert_eq!(within(&[(3, false)], 1), [1]);
    assert_eq!(within(&[], 0), [0]);
}

#[test]
fn the_most_neighbours_are_those_of_a_ball() {
    let most = |axes: u32, len| lattice(&vec![(len, true); axes as usize]).most_neighbours();
    assert_eq!([1, 2, 3, 4, 8].map(|axes| most(axes, 9)), [4, 12, 24, 40, 144]);
    assert_eq!([1, 2, 3].map(|len| most(1, len)), [0, 1, 2]);
    assert_eq!([1, 2, 3].map(|axes| most(axes, 2)), [1, 3, 6]);
    // No cell of any small lattice has more.
    for axes in [[1, 4, 3], [2, 5, 1], [3, 3, 4], [6, 2, 3]] {
        let lattice = lattice(&axes.map(|len| (len, true)));
        let count = |number| {
            let mut count = 0;
            lattice.visit(number, &mut |_| count += 1);
            count - 1
        };
        assert_eq!((0..lattice.size()).map(count).max(), Some(lattice.most_neighbours()));
    }
}

#[test]
fn quantiles_are_those_of_the_sixth_definition() {
    // statistics.quantiles of Python, which is exclusive by default.
    let at = |values: &[f64]| [0.25, 0.5, 0.75].map(|share| quantile(values, share));
    assert_eq!(at(&[1.0, 2.0, 4.0, 8.0, 16.0]), [1.5, 4.0, 12.0]);
    assert_eq!(at(&[1.0, 2.0, 4.0, 8.0]), [1.25, 3.0, 7.0]);
    assert_eq!(at(&[3.0]), [3.0; 3]);
    // Half of the way is between an infinite value and a finite one.
    let infinite = [f64::NEG_INFINITY, 0.0, 4.0, f64::INFINITY];
    assert_eq!(at(&infinite), [f64::NEG_INFINITY, 2.0, 4.0]);
    assert_eq!(at(&[-f64::MAX, f64::MAX]), [-f64::MAX, f64::MAX, f64::MAX]);
}

#[test]
fn neighbourhoods_are_those_worked_out_by_hand() {
    // (values of an axis, cell, neighbours, failed, median, worst, spread, score)
    let line = [1.0, 5.0, 2.0, 8.0, 4.0, 3.0];
    let cases = [
        // Neighbours 2 5: too few.
        (0, 2, 0, 3.5, 2.0, Some(3.0), None),
        // Neighbours 1 2 8, with itself 1 2 5 8: place 5 / 4 times the root of 4 / 5.
        (1, 3, 0, 2.0, 1.0, Some(7.0), Some(1.25 * 0.8_f64.sqrt())),
        // Neighbours 1 4 5 8: quartiles 1.75 and 7.25; with itself 1 2 4 5 8: 1 + (2 - 1) / 2.
        (2, 4, 0, 4.5, 1.0, Some(5.5), Some(1.5)),
    ];
    let plain = of(&[(6, true)], &line);
    for (number, neighbours, failed, median, worst, spread, score) in cases {
        let found = plain.neighbourhood(number).unwrap();
        let close = |one: f64, other: f64| (one - other).abs() < 1e-14;
        assert!(found.score.zip(score).map_or(found.score == score, |(one, other)| close(one, other)));
        assert_eq!(found, Neighbourhood { neighbours, failed, median, worst, spread, score: found.score });
    }
}

#[test]
fn a_failed_neighbour_is_the_worst_there_is() {
    let holes = landscape(&[(6, true)], |number| if number == 1 { FAILED } else { Some(2.0) });
    let found = holes.neighbourhood(2).unwrap();
    assert_eq!((found.failed, found.worst, found.median, found.spread), (1, f64::NEG_INFINITY, 2.0, None));
    assert_eq!(found.score, Some(f64::NEG_INFINITY));
    assert_eq!(holes.neighbourhood(4).unwrap().score, Some(2.0));
    // One of thirteen is less than a quarter.
    let wide = landscape(&[(5, true), (5, true)], |number| if number == 11 { FAILED } else { Some(2.0) });
    assert_eq!(wide.neighbourhood(12).unwrap().score, Some(2.0));
    assert_eq!(wide.neighbourhood(11).unwrap().failed, 0);
    assert!(!order(&wide).contains(&11));
}

#[test]
fn a_cell_that_conditions_exclude_does_not_count() {
    let cells = [(0, 1.0), (1, 1.0), (2, 3.0), (4, 5.0), (5, 5.0)];
    let found = Landscape::new(lattice(&[(6, true)]), cells.map(|(number, value)| (number, Some(value)))).unwrap();
    assert_eq!(found.neighbourhood(3), None);
    assert_eq!(found.neighbourhood(6), None);
    assert_eq!((found.neighbourhood(2).unwrap().neighbours, found.neighbourhood(5).unwrap().neighbours), (3, 1));
    assert_eq!(found.neighbourhood(5).unwrap().score, None);
}

#[test]
fn a_cell_with_few_neighbours_has_no_score() {
    let constant = |axes: &[(u64, bool)]| scores(&landscape(axes, |_| Some(1.0)));
    let without =
        |scores: &[Option<f64>]| (0..scores.len()).filter(|&number| scores[number].is_none()).collect::<Vec<usize>>();
    assert_eq!(without(&constant(&[(7, true)])), [0, 6]);
    assert!(constant(&[(3, true)]).iter().all(Option::is_none));
    assert!(constant(&[(2, true), (2, true)]).iter().all(Option::is_some));
    assert!(constant(&[(2, true)]).iter().all(Option::is_none));
    assert!(constant(&[(2, true), (9, false)]).iter().all(Option::is_none));
    assert!(landscape(&[(9, false)], |_| Some(1.0)).ranked(9).is_empty());
    assert_eq!(without(&constant(&[(6, true), (6, true)])), [0, 5, 30, 35]);
}

#[test]
fn a_lonely_peak_loses_to_a_lower_plateau() {
    let value = |number: u64| match (number / 20, number % 20) {
        (4, 4) => 9.0,
        (10..=14, 10..=14) => 3.0,
        _ => 0.5,
    };
    let found = landscape(&[(20, true), (20, true)], |number| Some(value(number)));
    let best = found.ranked(3);
    assert_eq!(best[0].1.score, Some(3.0));
    // The first cell with at most three neighbours off the plateau.
    assert_eq!(best[0].0, 11 * 20 + 11);
    assert_eq!(found.neighbourhood(4 * 20 + 4).unwrap().score, Some(0.5));
}

#[test]
fn of_equal_scores_the_higher_value_comes_first() {
    let found = of(&[(7, true)], &[1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0]);
    assert_eq!(order(&found), [5, 1, 2, 3, 4]);
    assert_eq!(found.ranked(2).len(), 2);
    assert!(found.ranked(0).is_empty());
}

#[test]
fn wrong_cells_are_named() {
    let error = |cells: &[(u64, f64)]| {
        let cells = cells.iter().map(|&(number, value)| (number, Some(value)));
        Landscape::new(lattice(&[(3, true)]), cells).unwrap_err().to_string()
    };
    assert!(error(&[(3, 0.0)]).starts_with("cell `3` is past the last of the grid's `3` cells"));
    assert!(error(&[(1, 0.0), (1, 0.0)]).starts_with("cell `1` comes after cell `1`"));
    assert!(error(&[(1, f64::NAN)]).starts_with("the value of cell `1` is not a number"));
    let axis = Axis { len: 1 << 32, ordered: true };
    assert_eq!(Lattice::new(&[axis, axis]), Err(PlateauError::TooLarge));
    assert_eq!(Lattice::new(&[axis, Axis { len: 0, ..axis }]), Err(PlateauError::NoValues { axis: 1 }));
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let value = |number| Some(Stream::of(1, number).index(50) as f64).filter(|value| *value > 3.0);
    let found = landscape(&[(40, true), (30, true), (3, false), (5, true)], value);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| found.ranked(700))
    };
    let all = found.ranked(usize::MAX);
    assert_eq!(run(1), run(3));
    assert_eq!(run(2), all[..700]);
}

/// On noise, which has no plateau, a cell wins about as often with few neighbours as with many.
#[test]
fn cells_with_few_neighbours_are_not_favoured() {
    const SEEDS: u64 = 3_000;
    for axes in [vec![(20, true)], vec![(12, true), (12, true)], vec![(5, true), (5, true), (5, true)]] {
        let noise = |seed| landscape(&axes, |number| Some(normal(&mut Stream::nested(seed, [number]))));
        let any = noise(0);
        let scored = (0..any.lattice.size()).filter_map(|number| any.neighbourhood(number));
        let counts: Vec<usize> = scored.filter(|found| found.score.is_some()).map(|found| found.neighbours).collect();
        let winners: Vec<usize> = (0..SEEDS).map(|seed| noise(seed).ranked(1)[0].1.neighbours).collect();
        let share = |all: &[usize], of| all.iter().filter(|count| **count == of).count() as f64 / all.len() as f64;
        for of in 0..=any.most {
            let (won, cells) = (share(&winners, of), share(&counts, of));
            // Three standard errors beyond.
            let most = 1.3 * cells + 3.0 * (cells / SEEDS as f64).sqrt();
            assert!(won <= most, "{cells} of the cells have {of} neighbours of {}, {won} of winners", any.most);
        }
    }
}

fn values(count: usize) -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(prop_oneof![8 => -5.0..5.0, 1 => Just(f64::NEG_INFINITY), 1 => Just(f64::INFINITY)], count)
}

/// The definition, without a lattice: all pairs of cells, by their digits.
fn naive(axes: &[(u64, bool)], values: &[f64], number: u64) -> Vec<f64> {
    let digits = |number: u64| {
        let mut left = number;
        axes.iter().rev().map(|(len, _)| (left % len, left /= len).0).collect::<Vec<u64>>()
    };
    let steps = |other: &u64| {
        let both = digits(number).into_iter().zip(digits(*other)).zip(axes.iter().rev());
        both.fold(0, |sum, ((one, two), (_, ordered))| {
            sum + if *ordered || one == two { one.abs_diff(two) } else { 99 }
        })
    };
    let near = (0..values.len() as u64).filter(|other| (1..=2).contains(&steps(other)));
    let mut near: Vec<f64> = near.map(|other| values[other as usize]).collect();
    near.sort_by(f64::total_cmp);
    near
}

proptest! {
    #[test]
    fn neighbours_are_those_of_all_pairs(values in values(120), axes in Just([(4, true), (2, true), (3, false), (5, true)])) {
        let found = of(&axes, &values);
        for number in 0..120 {
            let near = naive(&axes, &values, number);
            let found = found.neighbourhood(number).unwrap();
            prop_assert_eq!(found.neighbours, near.len());
            prop_assert_eq!(found.worst, near[0]);
            prop_assert_eq!(found.median, quantile(&near, 0.5));
            prop_assert!(found.score.is_none_or(|score| !score.is_nan()));
        }
    }

    #[test]
    fn a_constant_landscape_has_constant_scores(height in -1e300..1e300_f64, lens in prop::collection::vec(1_u64..6, 1..4)) {
        let axes: Vec<_> = lens.into_iter().map(|len| (len, true)).collect();
        let found = scores(&landscape(&axes, |_| Some(height)));
        prop_assert!(found.iter().flatten().all(|score| *score == height));
    }

    #[test]
    fn values_of_an_unordered_axis_may_change_places(values in values(60), by in 1..4_u64) {
        let axes = [(5, true), (4, false), (3, true)];
        let moved = |number: u64| number / 12 * 12 + (number / 3 % 4 + by) % 4 * 3 + number % 3;
        let plain = scores(&of(&axes, &values));
        let other = scores(&landscape(&axes, |number| Some(values[moved(number) as usize])));
        prop_assert!((0..60).all(|number| other[number] == plain[moved(number as u64) as usize]));
    }

    #[test]
    fn an_axis_that_is_reversed_mirrors_the_scores(values in values(60)) {
        let axes = [(5, true), (12, true)];
        let mirrored = |number: u64| number / 12 * 12 + 11 - number % 12;
        let plain = scores(&of(&axes, &values));
        let other = scores(&landscape(&axes, |number| Some(values[mirrored(number) as usize])));
        prop_assert!((0..60).all(|number| other[number] == plain[mirrored(number as u64) as usize]));
    }

    /// Dense and sparse cells say the same: an unordered axis with most values missing makes them sparse.
    #[test]
    fn memory_does_not_change_scores(values in values(60), exists in prop::collection::vec(any::<bool>(), 60)) {
        let cells = || (0..60).filter(|&number| exists[number as usize]).map(|number| (number, Some(values[number as usize])));
        let dense = Landscape::new(lattice(&[(5, true), (12, true)]), cells()).unwrap();
        let sparse = Landscape::new(lattice(&[(99, false), (5, true), (12, true)]), cells()).unwrap();
        prop_assert!(matches!(sparse.cells, Cells::Sparse(..)));
        prop_assert_eq!(dense.ranked(60), sparse.ranked(60));
    }

    #[test]
    fn a_cell_that_gets_better_lowers_no_score(values in values(60), better in 0..60_usize, by in 0.0..9.0) {
        let before = scores(&of(&[(5, true), (12, true)], &values));
        let mut values = values;
        values[better] += by;
        let after = scores(&of(&[(5, true), (12, true)], &values));
        prop_assert!(before.iter().zip(after).all(|(before, after)| *before <= after));
    }
}
