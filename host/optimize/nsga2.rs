//! NSGA-II: a genetic algorithm for several objectives, on the lattice.
//!
//! Never evaluates a cell twice, and never weighs one objective against another.

use super::{
    front::{Standing, standings},
    generation::Generation,
    history::Outcome,
    sobol::Sobol,
    space::{Axis, Point, Space, difference},
    walk::Walk,
};
use crate::model::stream::Stream;

/// Distribution index of simulated binary crossover: how near children are to their parents.
const CROSSOVER: f64 = 15.0;

/// Distribution index of polynomial mutation.
const MUTATION: f64 = 20.0;

/// The probability that a child is of two parents; otherwise it is a mutant of one.
const MATING: f64 = 0.9;

/// Tries for each child; then the place goes to a Sobol cell.
const TRIES: usize = 16;

/// The population and where new cells come from.
///
/// Source: Deb, Pratap, Agarwal and Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II", IEEE
/// Transactions on Evolutionary Computation 6(2). Crossover and mutation are theirs, rounded to the lattice at random. A child
/// that is not allowed or was evaluated before is moved halfway to its parent, then made anew.
#[derive(Debug, Clone)]
pub(super) struct Nsga2 {
    size: usize,
    stream: Stream,
    sobol: Sobol,
    /// Best first.
    population: Vec<Member>,
    asked: Vec<u64>,
}

#[derive(Debug, Clone)]
struct Member {
    number: u64,
    point: Point,
    standing: Standing,
}

impl Nsga2 {
    /// The search with a population of `size` cells.
    pub(super) fn of(seed: u64, space: &Space, size: usize) -> Self {
        let sobol = Sobol::of(seed, space);
        Self { size, stream: Stream::of(seed, 1 << 48), sobol, population: Vec::new(), asked: Vec::new() }
    }

    pub(super) fn walk(&self) -> &Walk {
        self.sobol.walk()
    }

    /// Offers the children of the population, or Sobol cells where there is none yet.
    pub(super) fn fill(&mut self, generation: &mut Generation<'_>) {
        self.select(generation);
        let children = if self.population.is_empty() { 0 } else { generation.room() };
        (0..children).for_each(|_| self.breed(generation));
        self.sobol.fill(generation);
        self.asked = generation.cells().to_vec();
    }

    /// Keeps the best of the population and its children.
    fn select(&mut self, generation: &Generation<'_>) {
        let parents = self.population.iter().map(|member| member.number);
        let numbers: Vec<u64> = parents.chain(self.asked.drain(..)).collect();
        let outcomes: Vec<&Outcome> =
            numbers.iter().filter_map(|number| generation.history.get(*number, generation.share)).collect();
        let mut ranked: Vec<(Standing, u64)> = standings(&outcomes).into_iter().zip(numbers).collect();
        ranked.sort_by(|a, b| a.0.compare(&b.0).then(a.1.cmp(&b.1)));
        ranked.truncate(self.size);
        let member = |(standing, number)| Member { number, point: generation.space.point(number), standing };
        self.population = ranked.into_iter().map(member).collect();
    }

    /// Offers one child, if one that is new and allowed is found.
    fn breed(&mut self, generation: &mut Generation<'_>) {
        let space = generation.space;
        for _ in 0..TRIES {
            let (first, second) = (self.tournament(), self.tournament());
            let [first, second] = [first, second].map(|place| &self.population[place].point);
            let mates = self.stream.chance(MATING);
            let mut child = if mates { cross(space, first, second, &mut self.stream) } else { first.clone() };
            mutate(space, &mut child, &mut self.stream);
            if generation.offer(space.number(&child)) {
                return;
            }
            space.halve(&mut child, first, &mut self.stream);
            if generation.offer(space.number(&child)) {
                return;
            }
        }
    }

    /// The better of two members at random; of equal ones the first drawn.
    fn tournament(&mut self) -> usize {
        let [first, second] = [(); 2].map(|()| self.stream.place(self.population.len()));
        let is_better = self.population[second].standing.compare(&self.population[first].standing).is_lt();
        if is_better { second } else { first }
    }
}

/// A child of two points: on half of the axes a place spread around both (simulated binary crossover, Deb and Agrawal 1995), or
/// the second one's place where the axis has no order; on the others the first one's.
fn cross(space: &Space, first: &[u64], second: &[u64], stream: &mut Stream) -> Point {
    let places = space.axes().iter().zip(first.iter().zip(second));
    places
        .map(|(axis, (first, second))| match (stream.chance(0.5), axis.ordered) {
            (false, _) => *first,
            (true, true) => {
                let away = (1.0 - spread(stream)) / 2.0;
                axis.shift(*first, away * difference(*first, *second), stream)
            }
            (true, false) => *second,
        })
        .collect()
}

/// The spread of a child around its parents: 1 at a parent, with the density that [`CROSSOVER`] gives.
fn spread(stream: &mut Stream) -> f64 {
    let unit = stream.unit();
    let base = if unit <= 0.5 { 2.0 * unit } else { 1.0 / (2.0 * (1.0 - unit)).max(f64::MIN_POSITIVE) };
    libm::pow(base, 1.0 / (CROSSOVER + 1.0))
}

/// Moves one axis on average: by polynomial mutation and at least one place, or to any place where the axis has no order.
fn mutate(space: &Space, child: &mut [u64], stream: &mut Stream) {
    let movable = space.axes().iter().filter(|axis| axis.len > 1).count().max(1);
    for (axis, place) in space.axes().iter().zip(child) {
        if axis.len > 1 && stream.chance(1.0 / movable as f64) {
            *place = if axis.ordered { nudge(*axis, *place, stream) } else { axis.any(stream) };
        }
    }
}

/// A place around this one, from the polynomial distribution over the length of the axis; never nearer than one place, unless
/// it bounces off an end.
fn nudge(axis: Axis, place: u64, stream: &mut Stream) -> u64 {
    let unit = stream.unit();
    let power = 1.0 / (MUTATION + 1.0);
    let part = if unit < 0.5 { libm::pow(2.0 * unit, power) - 1.0 } else { 1.0 - libm::pow(2.0 * (1.0 - unit), power) };
    let by = part * axis.len as f64;
    axis.shift(place, if by < 0.0 { by.min(-1.0) } else { by.max(1.0) }, stream)
}
