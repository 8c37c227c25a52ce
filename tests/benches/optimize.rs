//! Trials that each method needs for 99 % of the best value of known landscapes, and its own time for each trial.
//!
//!     cargo bench --bench optimize -- [LANDSCAPE,...] [BUDGET] [CELLS OF A GENERATION]
//!
//! 0 % is the median of cells at random, 100 % the best cell. `optuna_landscapes.py` measures Optuna on the same ones. The methods were
//! tuned with the seeds from 0 to 20; these are others.

use std::{env, time::Instant};

use host::optimize::{Axis, Method, Outcome, Search, Settings, Share, Space};

/// Evaluations of each search.
const BUDGET: u64 = 100_000;

/// Searches of each method on each landscape.
const SEEDS: u64 = 21;

/// The first seed.
const FIRST: u64 = 1_000;

/// A function on a lattice, made of `+ - * /` and square roots only: other languages compute the same values.
struct Landscape {
    name: &'static str,
    lengths: [u64; 4],
    value: fn([f64; 4], u64) -> f64,
    /// How much a value on one third and one ninth of the data is off at most, in units of sqrt(1 / share) - 1.
    noise: f64,
}

const LANDSCAPES: [Landscape; 4] = [
    Landscape { name: "smooth", lengths: [101, 97, 103, 99], value: smooth, noise: 0.5 },
    Landscape { name: "needle", lengths: [100; 4], value: needle, noise: 0.05 },
    Landscape { name: "plateau", lengths: [50; 4], value: plateau, noise: 0.05 },
    Landscape { name: "blind", lengths: [100; 4], value: blind, noise: 0.05 },
];

const METHODS: [Method; 4] = [Method::Random, Method::Sobol, Method::Halving, Method::Evolution];

/// A bowl whose axes depend on each other.
fn smooth(x: [f64; 4], _: u64) -> f64 {
    let u = [x[0] - 0.63, x[1] - 0.3125, x[2] - 0.7058823529411765, x[3] - 0.4];
    let tilted = [u[0] + u[1], u[0] - u[1], u[2] + 0.5 * u[0], u[3] - 0.7 * u[2]];
    -(tilted[0] * tilted[0] + 10.0 * tilted[1] * tilted[1] + 3.0 * tilted[2] * tilted[2] + 5.0 * tilted[3] * tilted[3])
}

/// A narrow flat top with a steep skirt, in a wide and weak funnel, over a noisy floor.
fn needle(x: [f64; 4], number: u64) -> f64 {
    let r = distance(x, [0.37, 0.68, 0.24, 0.57]);
    let skirt = slope(r, 0.038, 0.08);
    0.9 * skirt + 0.1 * slope(r, 0.038, 0.4) + 0.05 * hash(number) * (1.0 - skirt)
}

/// The flat top alone: nothing leads to it.
fn blind(x: [f64; 4], number: u64) -> f64 {
    if distance(x, [0.37, 0.68, 0.24, 0.57]) < 0.038 { 1.0 } else { 0.05 * hash(number) }
}

/// A broad plateau with several peaks on and beside it, all noisy.
fn plateau(x: [f64; 4], number: u64) -> f64 {
    let peaks = [
        ([0.55, 0.45, 0.5, 0.6], 0.70, 0.20, 0.7),
        ([0.70, 0.30, 0.45, 0.55], 0.95, 0.02, 0.2),
        ([0.20, 0.80, 0.70, 0.25], 0.85, 0.02, 0.3),
        ([0.80, 0.75, 0.20, 0.80], 0.80, 0.02, 0.35),
        ([0.15, 0.20, 0.30, 0.85], 0.75, 0.02, 0.4),
    ];
    let heights = peaks.iter().map(|(top, height, inner, outer)| height * slope(distance(x, *top), *inner, *outer));
    heights.fold(0.0, f64::max) + 0.05 * hash(number)
}

fn distance(x: [f64; 4], to: [f64; 4]) -> f64 {
    let squares = [0, 1, 2, 3].map(|axis: usize| (x[axis] - to[axis]) * (x[axis] - to[axis]));
    (squares[0] + squares[1] + squares[2] + squares[3]).sqrt()
}

/// 1 up to `inner`, 0 from `outer` on, a line between.
fn slope(r: f64, inner: f64, outer: f64) -> f64 {
    ((outer - r) / (outer - inner)).clamp(0.0, 1.0)
}

/// A number in [0, 1) that looks random.
fn hash(number: u64) -> f64 {
    let mut bits = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

impl Landscape {
    fn space(&self) -> Space {
        let axes = self.lengths.iter().map(|len| Axis { len: *len, ordered: true }).collect();
        Space::new(axes).expect("the lattices are small")
    }

    fn at(&self, number: u64) -> f64 {
        let [_, b, c, d] = self.lengths;
        let places = [number / (b * c * d), number / (c * d) % b, number / d % c, number % d];
        let x = [0, 1, 2, 3].map(|axis: usize| places[axis] as f64 / (self.lengths[axis] - 1) as f64);
        (self.value)(x, number)
    }

    fn on(&self, number: u64, share: Share) -> f64 {
        let noise = self.noise * ((1.0 / share.fraction()).sqrt() - 1.0);
        self.at(number) + noise * (2.0 * hash(number ^ (share.ninths() << 60)) - 1.0)
    }

    fn best(&self) -> f64 {
        match self.name {
            "smooth" => 0.0,
            "needle" | "blind" => 1.0,
            _ => (0..self.lengths.iter().product()).map(|number| self.at(number)).fold(0.0, f64::max),
        }
    }

    fn median(&self) -> f64 {
        let cells: u64 = self.lengths.iter().product();
        // Multiples of a prime, modulo the cells: easy to repeat elsewhere.
        let mut values: Vec<f64> = (0..10_001).map(|each| self.at(each * 7_368_787 % cells)).collect();
        values.sort_by(f64::total_cmp);
        values[5_000]
    }
}

/// What a search came to.
struct Run {
    /// Evaluations until 99 %, and their cost in full runs.
    reached: Option<(u64, f64)>,
    /// Part of the way from the median to the best, at the end.
    level: f64,
    /// Microseconds of the optimiser itself for each evaluation.
    own: f64,
}

fn run(
    landscape: &Landscape,
    method: Method,
    seed: u64,
    goal: impl Fn(f64) -> f64,
    (budget, generation): (u64, Option<usize>),
) -> Run {
    // As many evaluations as cost the same: halving gets 22 for 9 full runs.
    let trials = if method == Method::Halving { budget * 22 / 9 } else { budget };
    let settings = Settings { method, trials, objectives: 1, generation, seed };
    let mut search = Search::new(landscape.space(), &settings).expect("the settings are right");
    let (mut own, mut reached, mut best) = (0.0, None, f64::NEG_INFINITY);
    loop {
        let start = Instant::now();
        let Some(batch) = search.ask(&|_| true) else { break };
        own += start.elapsed().as_secs_f64();
        let values: Vec<f64> = batch.cells.iter().map(|cell| landscape.on(*cell, batch.share)).collect();
        if batch.share == Share::All {
            best = values.iter().copied().fold(best, f64::max);
        }
        let outcomes: Vec<Outcome> = values.into_iter().map(|value| Some(vec![value])).collect();
        let start = Instant::now();
        search.tell(&outcomes).expect("one value for each cell");
        own += start.elapsed().as_secs_f64();
        if reached.is_none() && goal(best) >= 0.99 {
            reached = Some((search.spent(), search.cost()));
        }
    }
    Run { reached, level: goal(best), own: own * 1e6 / search.spent() as f64 }
}

fn quantile<V: Copy + PartialOrd>(values: impl Iterator<Item = V>, part: f64) -> Option<V> {
    let mut values: Vec<V> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("numbers"));
    values.get(((values.len() - 1) as f64 * part) as usize).copied()
}

#[expect(clippy::print_stdout, reason = "the table is what this is for")]
fn main() {
    // Cargo adds `--bench`.
    let given: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let only = given.first();
    let budget = given.get(1).and_then(|budget| budget.parse().ok()).unwrap_or(BUDGET);
    let generation = given.get(2).and_then(|generation| generation.parse().ok());
    println!(
        "landscape  method     trials to 99 %: median      worst  (as full runs)  reached  level: median   worst  own us"
    );
    for landscape in
        LANDSCAPES.iter().filter(|each| only.is_none_or(|only| only.split(',').any(|name| name == each.name)))
    {
        let (best, median) = (landscape.best(), landscape.median());
        println!("{}: best {best:?}, median {median:?}", landscape.name);
        for method in METHODS {
            let goal = |value: f64| (value - median) / (best - median);
            let runs: Vec<Run> =
                (FIRST..FIRST + SEEDS).map(|seed| run(landscape, method, seed, goal, (budget, generation))).collect();
            let trials = |part| {
                let reached = runs.iter().map(|run| run.reached.map_or(f64::INFINITY, |(trials, _)| trials as f64));
                quantile(reached, part).unwrap_or(0.0)
            };
            let costs = runs.iter().map(|run| run.reached.map_or(f64::INFINITY, |(_, cost)| cost));
            println!(
                "{:10} {:10} {:>22} {:>10} {:>16.0} {:>5}/{} {:>14.4} {:>7.4} {:>7.2}",
                landscape.name,
                format!("{method:?}").to_lowercase(),
                trials(0.5),
                trials(1.0),
                quantile(costs, 0.5).unwrap_or(0.0),
                runs.iter().filter(|run| run.reached.is_some()).count(),
                SEEDS,
                quantile(runs.iter().map(|run| run.level), 0.5).unwrap_or(0.0),
                quantile(runs.iter().map(|run| run.level), 0.0).unwrap_or(0.0),
                quantile(runs.iter().map(|run| run.own), 0.5).unwrap_or(0.0),
            );
        }
    }
}
