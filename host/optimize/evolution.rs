//! Differential evolution for one objective, on the lattice.
//!
//! Never evaluates a cell twice, and never reads any but the first objective.

use std::cmp::Ordering;

use super::{
    generation::Generation,
    sobol::Sobol,
    space::{Axis, Point, Space, difference},
    walk::Walk,
};
use crate::model::stream::Stream;

/// Tries for each new cell; then its place goes to a Sobol cell.
const TRIES: usize = 8;

/// One in so many cells of a generation is a step around the best cell.
const LOCAL: usize = 8;

/// One in so many members is good enough to be moved towards.
const ELITE: usize = 8;

/// The probability that a trial draws new parameters of its own (jDE's tau).
const RENEWAL: f64 = 0.1;

/// The probability that an axis without an order gets any of its places.
const NOVELTY: f64 = 0.05;

/// Generations without a better cell, after which the population starts anew.
const PATIENCE: usize = 16;

/// Members of the first population at least; otherwise two for each axis.
const MEMBERS: usize = 16;

/// How much larger than the first population a later one becomes at most.
const GROWTH: usize = 8;

/// The population and where new cells come from.
///
/// Source: Storn and Price 1997, "Differential evolution", Journal of Global Optimization 11; the parameters of each member adapt
/// as in Brest et al. 2006 (jDE), trials move towards one of the best members as in Zhang and Sanderson 2009 (JADE).
#[derive(Debug, Clone)]
pub(super) struct Evolution {
    /// Members of the first population, and of this one.
    first_size: usize,
    size: usize,
    stream: Stream,
    sobol: Sobol,
    /// Best first.
    population: Vec<Member>,
    asked: Vec<Trial>,
    /// The best value of this population, and generations since it came.
    best: Option<f64>,
    stale: usize,
}

#[derive(Debug, Clone)]
struct Member {
    number: u64,
    point: Point,
    value: Option<f64>,
    parameters: Parameters,
}

/// What a member moves by.
#[derive(Debug, Clone, Copy)]
struct Parameters {
    /// The part of a difference that is added (F).
    scale: f64,
    /// The probability that an axis moves (CR).
    rate: f64,
}

/// A cell that was asked for.
#[derive(Debug, Clone)]
struct Trial {
    number: u64,
    parameters: Parameters,
    /// The place of the member that it replaces if it is as good; `None` where it replaces the worst one if it is better.
    target: Option<usize>,
}

impl Evolution {
    /// The search from this seed. Its population is small however large its generations are: members then get several trials at
    /// once.
    pub(super) fn of(seed: u64, space: &Space) -> Self {
        let size = MEMBERS.max(2 * space.axes().len());
        Self {
            first_size: size,
            size,
            stream: Stream::of(seed, 1 << 49),
            sobol: Sobol::of(seed, space),
            population: Vec::new(),
            asked: Vec::new(),
            best: None,
            stale: 0,
        }
    }

    pub(super) fn walk(&self) -> &Walk {
        self.sobol.walk()
    }

    /// Offers trials of the population's members, steps around the best one, and Sobol cells for what is left; Sobol cells only
    /// until the population is complete.
    pub(super) fn fill(&mut self, generation: &mut Generation<'_>) {
        self.learn(generation);
        // Without new cells to restart from, the old population's neighbourhood is all that is left.
        if self.stale > PATIENCE && !self.walk().gave_up() {
            self.restart();
        }
        if !self.is_starting() && !self.population.is_empty() {
            let steps = generation.room() / LOCAL;
            let moves = generation.room() - steps;
            let first = self.stream.place(self.population.len());
            (first..first + moves).for_each(|each| self.move_member(each % self.population.len(), generation));
            (0..steps).for_each(|_| self.step(generation));
        }
        self.sobol.fill(generation);
        for number in &generation.cells()[self.asked.len()..] {
            let parameters = Parameters::any(&mut self.stream);
            self.asked.push(Trial { number: *number, parameters, target: None });
        }
    }

    /// Begins a population of twice the size, or of the first size once that is too large: small ones are fast, large ones find
    /// their way among many peaks (restarts as in Auger and Hansen 2005, "A restart CMA evolution strategy with increasing
    /// population size", CEC).
    fn restart(&mut self) {
        self.size = if self.size >= GROWTH * self.first_size { self.first_size } else { 2 * self.size };
        self.population.clear();
        (self.best, self.stale) = (None, 0);
    }

    /// Whether the population still needs members, and cells can be found for them.
    fn is_starting(&self) -> bool {
        self.population.len() < self.size && !self.walk().gave_up()
    }

    /// Lets the last trials become members or replace them.
    fn learn(&mut self, generation: &Generation<'_>) {
        let starts = self.population.len() < self.size;
        for trial in std::mem::take(&mut self.asked) {
            let member = trial.member(generation);
            match trial.target.or(self.population.len().checked_sub(1)) {
                Some(place) if !starts => self.compete(place, trial.target.is_some(), member),
                _ => self.population.push(member),
            }
        }
        self.population.sort_by(|a, b| compare(b.value, a.value).then(a.number.cmp(&b.number)));
        self.population.truncate(self.size);
        let best = self.population.first().and_then(|member| member.value);
        self.stale = if starts || compare(best, self.best).is_gt() { 0 } else { self.stale + 1 };
        self.best = best;
    }

    /// Puts a challenger into a member's place if it is better, or as good where it was moved from there.
    fn compete(&mut self, place: usize, wins_ties: bool, challenger: Member) {
        let order = compare(challenger.value, self.population[place].value);
        if order.is_gt() || wins_ties && order.is_eq() {
            self.population[place] = challenger;
        }
    }

    /// Offers a trial for a member, if one that is new and allowed is found.
    fn move_member(&mut self, place: usize, generation: &mut Generation<'_>) {
        for _ in 0..TRIES {
            let parameters = self.population[place].parameters.renewed(&mut self.stream);
            let mut point = self.mutant(place, parameters, generation.space);
            let mut number = generation.space.number(&point);
            let mut takes = generation.offer(number);
            if !takes {
                generation.space.halve(&mut point, &self.population[place].point, &mut self.stream);
                number = generation.space.number(&point);
                takes = generation.offer(number);
            }
            if takes {
                self.asked.push(Trial { number, parameters, target: Some(place) });
                return;
            }
        }
    }

    /// A member, moved on some axes towards one of the best and by the difference of two others (current-to-pbest/1/bin).
    fn mutant(&mut self, place: usize, parameters: Parameters, space: &Space) -> Point {
        let population = &self.population;
        let stream = &mut self.stream;
        let elite = (population.len() / ELITE).max(2).min(population.len());
        let parent = &population[place].point;
        let [best, plus, minus] =
            [elite, population.len(), population.len()].map(|among| &population[stream.place(among)].point);
        let sure = stream.place(space.axes().len().max(1));
        let axes = space.axes().iter().enumerate();
        axes.map(|(at, axis)| match (at == sure || stream.chance(parameters.rate), axis.ordered) {
            (false, _) => parent[at],
            (true, true) => {
                let by = difference(parent[at], best[at]) + difference(minus[at], plus[at]);
                axis.shift(parent[at], parameters.scale * by, stream)
            }
            (true, false) => inherit(*axis, [best[at], plus[at]], stream),
        })
        .collect()
    }

    /// Offers a cell beside the best one, if one that is new and allowed is found.
    fn step(&mut self, generation: &mut Generation<'_>) {
        for _ in 0..TRIES {
            let mut point = self.population[0].point.clone();
            for (axis, place) in generation.space.axes().iter().zip(&mut point) {
                if axis.len > 1 && self.stream.chance(0.5) {
                    *place = beside(*axis, *place, &mut self.stream);
                }
            }
            let number = generation.space.number(&point);
            if generation.offer(number) {
                let parameters = Parameters::any(&mut self.stream);
                self.asked.push(Trial { number, parameters, target: None });
                return;
            }
        }
    }
}

impl Trial {
    fn member(&self, generation: &Generation<'_>) -> Member {
        let value = generation.history.value(self.number, generation.share);
        Member { number: self.number, point: generation.space.point(self.number), value, parameters: self.parameters }
    }
}

impl Parameters {
    /// Parameters at random: a scale of 0.1 to 1, and any rate.
    fn any(stream: &mut Stream) -> Self {
        Self { scale: 0.1 + 0.9 * stream.unit(), rate: stream.unit() }
    }

    /// The same parameters, each drawn anew with the probability [`RENEWAL`].
    fn renewed(self, stream: &mut Stream) -> Self {
        let any = Self::any(stream);
        let scale = if stream.chance(RENEWAL) { any.scale } else { self.scale };
        let rate = if stream.chance(RENEWAL) { any.rate } else { self.rate };
        Self { scale, rate }
    }
}

/// The order of two values, a failure being less than all; they are never NaN: the history takes that for a failure.
fn compare(a: Option<f64>, b: Option<f64>) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// The place of one of two parents, or rarely any place.
fn inherit(axis: Axis, parents: [u64; 2], stream: &mut Stream) -> u64 {
    let heir = parents[stream.place(2)];
    if stream.chance(NOVELTY) { axis.any(stream) } else { heir }
}

/// The place before or after this one, or any place where the axis has no order.
fn beside(axis: Axis, place: u64, stream: &mut Stream) -> u64 {
    let by = if stream.chance(0.5) { 1.0 } else { -1.0 };
    if axis.ordered { axis.shift(place, by, stream) } else { axis.any(stream) }
}
