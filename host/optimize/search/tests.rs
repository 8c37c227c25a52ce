//! Promises of every method: which batches it asks for, when it ends, and what it finds.
//!
//! Never measures time.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::{model::stream::mix, optimize::space::Axis};

const METHODS: [Method; 5] = [Method::Random, Method::Sobol, Method::Halving, Method::Evolution, Method::Nsga2];

fn space(lengths: &[u64]) -> Space {
    Space::new(lengths.iter().map(|len| Axis { len: *len, ordered: true }).collect()).unwrap()
}

fn width(method: Method) -> usize {
    if method == Method::Nsga2 { 2 } else { 1 }
}

fn settings(method: Method, trials: u64, seed: u64) -> Settings {
    Settings { method, trials, objectives: width(method), generation: None, seed }
}

/// Runs a search to its end and checks each batch; returns the batches and the search.
fn run(
    space: &Space,
    settings: &Settings,
    allowed: &dyn Fn(u64) -> bool,
    outcome: &dyn Fn(u64, Share) -> Outcome,
) -> (Vec<Batch>, Search) {
    let mut search = Search::new(space.clone(), settings).unwrap();
    let (mut batches, mut seen) = (Vec::new(), HashSet::new());
    while let Some(batch) = search.ask(allowed) {
        assert!(!batch.cells.is_empty() && batch.cells.is_sorted_by(|a, b| a < b));
        assert!(batch.cells.iter().all(|cell| *cell < space.cells() && allowed(*cell)));
        assert!(batch.cells.iter().all(|cell| seen.insert((*cell, batch.share))));
        let outcomes: Vec<Outcome> = batch.cells.iter().map(|cell| outcome(*cell, batch.share)).collect();
        search.tell(&outcomes).unwrap();
        assert!(search.spent() <= settings.trials && search.spent() == seen.len() as u64);
        batches.push(batch);
    }
    assert!(search.ask(allowed).is_none() && search.end().is_some());
    (batches, search)
}

/// Some values that look random, many of them equal, infinite, not a number, or none at all.
fn wild(objectives: usize, number: u64) -> Outcome {
    let value = |bits: u64| match bits % 8 {
        0 => f64::INFINITY,
        1 => f64::NEG_INFINITY,
        2 => f64::MAX,
        3 => f64::MIN,
        small => small as f64,
    };
    match mix(number) % 16 {
        0..2 => None,
        2 => Some(vec![f64::NAN; objectives]),
        _ => Some((0..objectives as u64).map(|objective| value(mix(number ^ objective << 60))).collect()),
    }
}

fn spaces() -> impl Strategy<Value = Space> {
    let axis = (1..7_u64, any::<bool>()).prop_map(|(len, ordered)| Axis { len, ordered });
    prop::collection::vec(axis, 0..5).prop_map(|axes| Space::new(axes).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn batches_are_new_allowed_and_complete(
        space in spaces(),
        method in 0..METHODS.len(),
        trials in 0..400_u64,
        generation in prop::option::of(1..40_usize),
        one_in in 1..12_u64,
        seed in any::<u64>(),
    ) {
        let settings = Settings { generation, ..settings(METHODS[method], trials, seed) };
        let allowed = |number| mix(number ^ seed).is_multiple_of(one_in);
        let outcome = |number, _| wild(settings.objectives, number);
        let (batches, search) = run(&space, &settings, &allowed, &outcome);
        let cells = (0..space.cells()).filter(|number| allowed(*number)).count() as u64;
        let evaluations = if settings.method == Method::Halving { 3 * cells } else { cells };
        if trials >= evaluations {
            let found = batches.iter().filter(|batch| batch.share == Share::All).map(|batch| batch.cells.len() as u64);
            prop_assert_eq!(found.sum::<u64>(), cells);
        }
        let is_spent = search.spent() == trials;
        prop_assert_eq!(search.end(), Some(if is_spent { End::Spent } else { End::Exhausted }));
        prop_assert!(is_spent || trials > cells);
        let (again, _) = run(&space, &settings, &allowed, &outcome);
        prop_assert_eq!(batches, again);
    }
}

#[test]
fn a_seed_changes_the_batches() {
    for method in METHODS {
        let first = |seed| Search::new(space(&[50, 50]), &settings(method, 100, seed)).unwrap().ask(&|_| true);
        assert_ne!(first(1), first(2));
    }
}

/// Guards resumed searches: their stored outcomes are of use only as long as the cells stay the same.
#[test]
fn batches_are_the_same_on_every_machine() {
    let digest = |method| {
        let outcome = |number, _| wild(width(method), number);
        let (batches, _) = run(&space(&[90, 80, 70]), &settings(method, 2_000, 7), &|number| number % 3 > 0, &outcome);
        batches.iter().flat_map(|batch| &batch.cells).fold(0, |digest, cell| mix(digest ^ cell))
    };
    assert_eq!(
        METHODS.map(digest),
        [
            17_533_347_286_666_887_681,
            13_713_716_274_036_026_565,
            1_677_452_959_281_610_254,
            13_205_011_211_504_513_237,
            8_196_241_212_337_877_810
        ]
    );
}

#[test]
fn a_batch_is_asked_again_until_its_outcomes_come() {
    let mut search = Search::new(space(&[50, 50]), &settings(Method::Evolution, 100, 1)).unwrap();
    assert_eq!(search.tell(&[]), Err(SearchError::NotAsked));
    let batch = search.ask(&|_| true).unwrap();
    let cells = batch.cells.len();
    assert_eq!(search.tell(&[None]), Err(SearchError::WrongOutcomes { outcomes: 1, cells }));
    let outcomes = vec![Some(vec![1.0, 2.0]); cells];
    assert_eq!(search.tell(&outcomes), Err(SearchError::WrongValues { values: 2, objectives: 1 }));
    assert_eq!(search.ask(&|_| true), Some(batch));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let check = |settings: Settings, error| assert_eq!(Search::new(space(&[2]), &settings).unwrap_err(), error);
    let one = settings(Method::Evolution, 9, 1);
    check(Settings { objectives: 0, ..one.clone() }, SearchError::NoObjectives);
    check(Settings { objectives: 2, ..one.clone() }, SearchError::TooManyObjectives { objectives: 2 });
    check(Settings { generation: Some(0), ..one }, SearchError::EmptyGeneration);
}

#[test]
fn a_budget_for_all_cells_runs_all_of_them_once_on_all_bars() {
    for method in METHODS {
        let settings = settings(method, 504, 1);
        let outcome = |number, _| wild(settings.objectives, number);
        let (_, search) = run(&space(&[7, 8, 9]), &settings, &|_| true, &outcome);
        assert_eq!((search.spent(), search.cost()), (504, 504.0));
    }
}

#[test]
fn a_space_without_allowed_cells_ends() {
    for method in METHODS {
        let (batches, search) = run(&space(&[1_000; 4]), &settings(method, 100, 1), &|_| false, &|_, _| None);
        assert_eq!((batches.len(), search.end()), (0, Some(End::TooRare)));
        let (batches, search) = run(&space(&[10; 4]), &settings(method, 100, 1), &|_| false, &|_, _| None);
        assert_eq!((batches.len(), search.end()), (0, Some(End::Exhausted)));
    }
}

#[test]
fn rare_allowed_cells_are_found() {
    let allowed = |number: u64| number.is_multiple_of(10_000);
    for method in METHODS {
        let width = width(method);
        let (_, search) = run(&space(&[200, 300, 400]), &settings(method, 40, 1), &allowed, &|number, _| {
            Some(vec![number as f64; width])
        });
        assert_eq!((search.spent(), search.end()), (40, Some(End::Spent)));
    }
}

#[test]
fn the_largest_space_and_axes_of_one_value_can_be_searched() {
    for method in METHODS {
        let width = width(method);
        for lengths in [&[1 << 63][..], &[1 << 40, 1, 1 << 23], &[1, 1], &[]] {
            let outcome = |number, _| Some(vec![number as f64; width]);
            let (_, search) = run(&space(lengths), &settings(method, 300, 1), &|_| true, &outcome);
            assert_eq!(search.spent(), search.space().cells().min(300));
        }
    }
}

#[test]
fn searches_in_which_everything_fails_or_is_equal_spend_their_budget() {
    for method in METHODS {
        let width = width(method);
        for outcome in [None, Some(vec![f64::INFINITY; width]), Some(vec![0.0; width])] {
            let (_, search) =
                run(&space(&[30, 30, 30]), &settings(method, 3_000, 1), &|_| true, &|_, _| outcome.clone());
            assert_eq!(search.spent(), 3_000);
            assert_eq!(search.best().is_some(), outcome.is_some());
        }
    }
}

#[test]
fn axes_without_an_order_are_searched() {
    let axes = [(12, false), (40, true), (2, false), (9, false)].map(|(len, ordered)| Axis { len, ordered });
    let space = Space::new(axes.to_vec()).unwrap();
    let value = |number, _| {
        let point = space.point(number);
        let off = [point[0] != 7, point[2] != 1, point[3] != 4];
        Some(vec![-(point[1].abs_diff(23) as f64) - off.map(|off| if off { 10.0 } else { 0.0 }).iter().sum::<f64>()])
    };
    let trials = |seed| {
        let (_, search) = run(&space, &settings(Method::Evolution, 1_500, seed), &|_| true, &value);
        search.best().unwrap().1
    };
    assert!((0..20).all(|seed| trials(seed) == 0.0));
}

#[test]
fn failures_and_shorter_shares_are_never_the_best() {
    let outcome = |number, share| (share == Share::All && number % 2 == 0).then(|| vec![number as f64]);
    let (batches, search) = run(&space(&[100, 100]), &settings(Method::Halving, 2_000, 1), &|_| true, &outcome);
    let full = batches.iter().filter(|batch| batch.share == Share::All).flat_map(|batch| &batch.cells);
    assert_eq!(search.best().map(|best| best.0), full.copied().filter(|cell| cell % 2 == 0).max());
    // Of 22 evaluations 9 full runs.
    assert!((search.cost() - 2_000.0 * 9.0 / 22.0).abs() < 20.0);
}

/// The median over seeds of the best value of a search.
fn median(method: Method, trials: u64, lengths: &[u64], value: &dyn Fn(&[u64], Share) -> f64) -> f64 {
    let space = space(lengths);
    let outcome = |number, share| Some(vec![value(&space.point(number), share)]);
    let best = |seed| run(&space, &settings(method, trials, seed), &|_| true, &outcome).1.best().unwrap().1;
    let mut values: Vec<f64> = (0..20).map(best).collect();
    values.sort_by(f64::total_cmp);
    values[10]
}

/// A tilted bowl.
fn bowl(point: &[u64], _: Share) -> f64 {
    let place = |axis: usize| point[axis] as f64 / 100.0;
    let (a, b, c, d) = (place(0) - 0.63, place(1) - 0.31, place(2) - 0.7, place(3) - 0.4);
    -((a + b) * (a + b) + 10.0 * (a - b) * (a - b) + 3.0 * (c + 0.5 * a) * (c + 0.5 * a) + 5.0 * d * d)
}

/// The bowl, whose values on fewer bars are off by at most `noise` in units of sqrt(1 / share) - 1.
fn noisy_bowl(noise: f64) -> impl Fn(&[u64], Share) -> f64 {
    move |point, share| {
        let bits = point.iter().fold(share.ninths(), |bits, place| mix(bits ^ place));
        let random = (bits >> 11) as f64 / (1_u64 << 52) as f64 - 1.0;
        bowl(point, share) + noise * ((1.0 / share.fraction()).sqrt() - 1.0) * random
    }
}

#[test]
fn evolution_finds_the_bottom_of_a_bowl() {
    assert_eq!(median(Method::Evolution, 1_500, &[101; 4], &bowl), 0.0);
    assert!(median(Method::Random, 1_500, &[101; 4], &bowl) < -0.01);
}

#[test]
fn halving_beats_random_at_equal_cost_and_loses_little_where_it_is_misled() {
    let random = median(Method::Random, 9_000, &[101; 4], &bowl);
    let halving = |noise| median(Method::Halving, 22_000, &[101; 4], &noisy_bowl(noise));
    assert!(halving(0.05) > random * 0.9, "{} {random}", halving(0.05));
    assert!(halving(1_000.0) > random * 1.5, "{} {random}", halving(1_000.0));
}

#[test]
fn sobol_covers_better_than_random() {
    // The fewest different places that 64 cells have on one of the axes.
    let fewest = |method| {
        let space = space(&[64; 6]);
        let (batches, _) = run(&space, &settings(method, 64, 5), &|_| true, &|_, _| None);
        let points: Vec<_> = batches.iter().flat_map(|batch| &batch.cells).map(|cell| space.point(*cell)).collect();
        (0..6).map(|axis| points.iter().map(|point| point[axis]).collect::<HashSet<_>>().len()).min()
    };
    assert_eq!(fewest(Method::Sobol), Some(64));
    assert!(fewest(Method::Random) < Some(50));
}

#[test]
fn evolution_finds_a_needle_through_its_funnel() {
    let needle = |point: &[u64], _| {
        let square = |(place, top): (&u64, f64)| (*place as f64 - top) * (*place as f64 - top);
        let far = point.iter().zip([37.0, 68.0, 24.0, 57.0]).map(square).sum::<f64>().sqrt();
        if far < 3.0 { 1.0 } else { (50.0 - far).max(0.0) / 1_000.0 }
    };
    assert_eq!(median(Method::Evolution, 2_000, &[100; 4], &needle), 1.0);
    assert!(median(Method::Random, 2_000, &[100; 4], &needle) < 0.1);
}

#[test]
fn nsga2_finds_the_front_of_two_bowls() {
    // The front is the diagonal between the two bottoms.
    let space = space(&[41, 41, 41]);
    let far = |point: &[u64], top: u64| -(point.iter().map(|place| place.abs_diff(top).pow(2)).sum::<u64>() as f64);
    let outcome = |number, _| {
        let point = space.point(number);
        Some(vec![far(&point, 10), far(&point, 30)])
    };
    let all: Vec<(u64, Vec<f64>)> =
        (0..space.cells()).map(|number| (number, outcome(number, Share::All).unwrap())).collect();
    let known: HashSet<u64> = front(&all).into_iter().map(|place| all[place].0).collect();
    let found = |method| {
        let settings = Settings { objectives: 2, ..settings(method, 3_000, 3) };
        let (_, search) = run(&space, &settings, &|_| true, &outcome);
        search.front().iter().filter(|(number, _)| known.contains(number)).count()
    };
    let (genetic, random) = (found(Method::Nsga2), found(Method::Random));
    assert!(genetic * 10 >= known.len() * 9 && random * 4 < known.len(), "{genetic} {random} of {}", known.len());
}
