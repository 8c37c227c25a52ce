//! Plateau scores: how well the neighbours of a cell do, so that a broad plateau ranks above a lonely peak.
//!
//! Never runs a strategy, and knows nothing of parameters: cells have numbers and values, and a higher value is better.

mod error;
mod lattice;

use std::cmp::Ordering;

use rayon::prelude::*;

pub use self::{
    error::PlateauError,
    lattice::{Axis, Lattice},
};

/// The fewest neighbours of a cell that has a score: those of the second cell of a single axis.
const FEWEST: usize = 3;

/// The share of a whole neighbourhood that lies below its score.
const LOWER: f64 = 0.25;

/// What marks a place of the lattice without a cell. No value is not a number.
const NO_CELL: f64 = f64::NAN;

/// The values of the cells of a lattice.
///
/// Takes 8 bytes for each place of the lattice where at least half of them have cells, and 16 bytes for each cell otherwise.
#[derive(Debug, Clone)]
pub struct Landscape {
    lattice: Lattice,
    cells: Cells,
    /// The neighbours of a cell in the middle.
    most: usize,
}

/// Where values are found. Cells that failed have negative infinity.
#[derive(Debug, Clone)]
enum Cells {
    /// By number; [`NO_CELL`] where there is none.
    Dense(Vec<f64>),
    /// Numbers, ascending, and their values.
    Sparse(Vec<u64>, Vec<f64>),
}

/// How the neighbours of a cell do, at most two steps away (see [`Lattice`]).
///
/// A neighbour that failed counts as negative infinity: a plateau with holes is not one. Quantiles are linear between values
/// (Hyndman and Fan, Sample quantiles in statistical packages, The American Statistician 50 (1996), definition 6), and the lower
/// value where one of the two is infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Neighbourhood {
    /// The number of neighbours, without the cell itself.
    pub neighbours: usize,
    /// Those that failed, or whose value is negative infinity.
    pub failed: usize,
    /// The median of the neighbours, in the unit of the values.
    pub median: f64,
    /// The worst neighbour, in the unit of the values.
    pub worst: f64,
    /// The distance of the neighbours' quartiles, in the unit of the values; `None` where it is not finite.
    pub spread: Option<f64>,
    /// The lower quartile of the neighbours and the cell itself, in the unit of the values.
    ///
    /// Neighbours that are missing, beyond the edge of the grid or excluded by its conditions, do not count. But few cells are
    /// all good by luck more often than many: of n cells where there could be N, the score is the quantile at √(n / N) / 4. So
    /// chosen, the best cell of pure noise lies at an edge about as often as anywhere else.
    ///
    /// `None` where there are fewer than three neighbours, or fewer than half of those that a cell in the middle of the grid
    /// may have. Those are the ends of a single axis, and in longer grids the corners; extend the grid to know more.
    pub score: Option<f64>,
}

impl Landscape {
    /// Returns the landscape of `cells`: numbers, ascending, with values of which a higher one is better; `None` for a cell that
    /// failed or whose value is undefined. Cells that conditions of the grid exclude are left out.
    ///
    /// Values may be infinite. A cell of negative infinity is as bad as one that failed.
    ///
    /// # Errors
    ///
    /// [`PlateauError::Number`], [`PlateauError::Order`] and [`PlateauError::Value`] for the first cell that is wrong.
    pub fn new(lattice: Lattice, cells: impl IntoIterator<Item = (u64, Option<f64>)>) -> Result<Self, PlateauError> {
        let cells = cells.into_iter();
        let expected = cells.size_hint().0;
        let (mut numbers, mut values) = (Vec::with_capacity(expected), Vec::with_capacity(expected));
        for (number, value) in cells {
            // Of zeros there is one.
            let value = value.unwrap_or(f64::NEG_INFINITY) + 0.0;
            check(number, value, numbers.last().copied(), lattice.size())?;
            numbers.push(number);
            values.push(value);
        }
        let most = lattice.most_neighbours();
        Ok(Self { cells: Cells::of(numbers, values, lattice.size()), lattice, most })
    }

    /// Returns how the neighbours of the cell `number` do; `None` where there is no such cell, or it has no neighbours.
    ///
    /// Takes some 30 ns for each neighbour.
    #[must_use]
    pub fn neighbourhood(&self, number: u64) -> Option<Neighbourhood> {
        self.around(number, self.cells.value(number)?, &mut Vec::new())
    }

    /// Returns the `top` cells with the highest scores, the highest first; of equal ones that with the higher value of its own
    /// first, then that with the lower number.
    ///
    /// Cells without a score are left out, and so are those that failed. On all threads; any number of them gives the same.
    #[must_use]
    pub fn ranked(&self, top: usize) -> Vec<(u64, Neighbourhood)> {
        let places = (0..self.cells.places()).into_par_iter();
        let best = places.fold(Best::default, |mut best, place| {
            best.candidates.extend(self.candidate(place, &mut best.values));
            best.keep_within(top, top.saturating_mul(2).max(1024));
            best
        });
        let mut best = best.reduce(Best::default, |mut one, other| {
            one.candidates.extend(other.candidates);
            one.keep_within(top, top);
            one
        });
        best.keep_within(top, top);
        best.candidates.sort_unstable_by(Candidate::order);
        best.candidates.into_iter().map(|candidate| (candidate.number, candidate.neighbourhood)).collect()
    }

    fn candidate(&self, place: usize, values: &mut Vec<f64>) -> Option<Candidate> {
        let (number, value) = self.cells.at(place)?;
        if value == f64::NEG_INFINITY {
            return None;
        }
        let neighbourhood = self.around(number, value, values)?;
        Some(Candidate { score: neighbourhood.score?, value, number, neighbourhood })
    }

    /// The neighbourhood of the cell `number` with `value`. Whatever is in `values` is replaced.
    fn around(&self, number: u64, value: f64, values: &mut Vec<f64>) -> Option<Neighbourhood> {
        values.clear();
        self.lattice.visit(number, &mut |at| values.extend(self.cells.value(at).filter(|_| at != number)));
        values.sort_unstable_by(f64::total_cmp);
        let worst = *values.first()?;
        let neighbours = values.len();
        let spread = quantile(values, 0.75) - quantile(values, 0.25);
        let found = Neighbourhood {
            neighbours,
            failed: values.partition_point(|value| *value == f64::NEG_INFINITY),
            median: quantile(values, 0.5),
            worst,
            spread: spread.is_finite().then_some(spread),
            score: None,
        };
        values.insert(values.partition_point(|other| *other < value), value);
        Some(Neighbourhood { score: self.score(values), ..found })
    }

    /// The score of a cell with these values of its own and of its neighbours, ascending.
    fn score(&self, values: &[f64]) -> Option<f64> {
        let neighbours = values.len() - 1;
        let enough = neighbours >= FEWEST && neighbours >= self.most.div_ceil(2);
        let known = values.len() as f64 / (self.most + 1) as f64;
        enough.then(|| quantile(values, LOWER * known.sqrt()))
    }
}

/// Checks a cell and its place after the cell `before`.
fn check(number: u64, value: f64, before: Option<u64>, size: u64) -> Result<(), PlateauError> {
    if number >= size {
        return Err(PlateauError::Number { number, size });
    }
    if let Some(before) = before.filter(|before| *before >= number) {
        return Err(PlateauError::Order { before, number });
    }
    if value.is_nan() { Err(PlateauError::Value { number }) } else { Ok(()) }
}

impl Cells {
    fn of(numbers: Vec<u64>, mut values: Vec<f64>, size: u64) -> Self {
        let places = usize::try_from(size).ok().filter(|places| *places / 2 <= numbers.len());
        let Some(places) = places else { return Self::Sparse(numbers, values) };
        values.resize(places, NO_CELL);
        // From the last on, since no cell moves to a lower place.
        for (from, number) in numbers.into_iter().enumerate().rev() {
            let value = std::mem::replace(&mut values[from], NO_CELL);
            values[number as usize] = value;
        }
        Self::Dense(values)
    }

    /// Places that cells may be at.
    fn places(&self) -> usize {
        match self {
            Self::Dense(values) | Self::Sparse(_, values) => values.len(),
        }
    }

    /// The cell at `place`: its number and its value.
    fn at(&self, place: usize) -> Option<(u64, f64)> {
        match self {
            Self::Dense(values) => Some((place as u64, values[place])).filter(|(_, value)| !value.is_nan()),
            Self::Sparse(numbers, values) => Some((numbers[place], values[place])),
        }
    }

    /// The value of the cell `number`.
    fn value(&self, number: u64) -> Option<f64> {
        match self {
            Self::Dense(values) => values.get(usize::try_from(number).ok()?).copied().filter(|value| !value.is_nan()),
            Self::Sparse(numbers, values) => numbers.binary_search(&number).ok().map(|place| values[place]),
        }
    }
}

/// A cell that may be among the best.
#[derive(Debug)]
struct Candidate {
    score: f64,
    value: f64,
    number: u64,
    neighbourhood: Neighbourhood,
}

impl Candidate {
    /// The better one is less. No two are equal.
    fn order(&self, other: &Self) -> Ordering {
        let scores = other.score.total_cmp(&self.score);
        scores.then(other.value.total_cmp(&self.value)).then(self.number.cmp(&other.number))
    }
}

/// The best cells that a thread has seen.
#[derive(Debug, Default)]
struct Best {
    candidates: Vec<Candidate>,
    /// Values of the neighbours of one cell, kept for its memory.
    values: Vec<f64>,
}

impl Best {
    /// Cuts the candidates down to the `top` best where there are more than `most`, which is at least `top`.
    fn keep_within(&mut self, top: usize, most: usize) {
        if self.candidates.len() > most {
            self.candidates.select_nth_unstable_by(top, Candidate::order);
            self.candidates.truncate(top);
        }
    }
}

/// The quantile at `share` of ascending values, at least one: linear between the values at share (n + 1), counted from 1.
fn quantile(values: &[f64], share: f64) -> f64 {
    let last = values.len() - 1;
    let at = (share * (values.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let low = at as usize;
    let way = at - low as f64;
    let (value, next) = (values[low], values[last.min(low + 1)]);
    if way > 0.0 && value.is_finite() && next.is_finite() {
        // No further than the next one, where their distance is more than a double can hold.
        (value + (next - value) * way).min(next)
    } else {
        value
    }
}

#[cfg(test)]
mod tests;
