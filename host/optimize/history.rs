//! What was evaluated so far: cells, the share of the data they ran on, and their outcomes.
//!
//! Never forgets an outcome, and never depends on the order of a hash map.

use std::collections::HashMap;

/// The values of a cell's objectives, higher being better; `None` where the cell failed or an objective is undefined.
pub type Outcome = Option<Vec<f64>>;

/// The part of the data that a batch runs on, from the first bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Share {
    /// The first ninth of the bars.
    Ninth,
    /// The first third of the bars.
    Third,
    /// All bars.
    All,
}

impl Share {
    /// Returns the part as a fraction of all bars.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.ninths() as f64 / 9.0
    }

    /// Returns the part in ninths of all bars.
    #[must_use]
    pub fn ninths(self) -> u64 {
        match self {
            Self::Ninth => 1,
            Self::Third => 3,
            Self::All => 9,
        }
    }
}

/// All outcomes, by share.
#[derive(Debug, Clone, Default)]
pub(super) struct History {
    ninth: Level,
    third: Level,
    all: Level,
}

/// The outcomes of one share, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Level {
    // For lookups only.
    places: HashMap<u64, usize>,
    entries: Vec<(u64, Outcome)>,
}

impl History {
    /// The outcomes on this share of the data.
    pub(super) fn level(&self, share: Share) -> &Level {
        match share {
            Share::Ninth => &self.ninth,
            Share::Third => &self.third,
            Share::All => &self.all,
        }
    }

    /// Adds an outcome; one with a value that is not a number counts as a failure.
    pub(super) fn add(&mut self, number: u64, share: Share, outcome: &Outcome) {
        let level = match share {
            Share::Ninth => &mut self.ninth,
            Share::Third => &mut self.third,
            Share::All => &mut self.all,
        };
        let outcome = outcome.clone().filter(|values| !values.iter().any(|value| value.is_nan()));
        level.places.insert(number, level.entries.len());
        level.entries.push((number, outcome));
    }

    /// Whether a cell was evaluated on any share of the data.
    pub(super) fn knows(&self, number: u64) -> bool {
        [&self.all, &self.third, &self.ninth].into_iter().any(|level| level.places.contains_key(&number))
    }

    /// The outcome of a cell on this share; `None` where it was not evaluated.
    pub(super) fn get(&self, number: u64, share: Share) -> Option<&Outcome> {
        let level = self.level(share);
        level.places.get(&number).map(|place| &level.entries[*place].1)
    }

    /// The first objective of a cell on this share; `None` where it failed or was not evaluated.
    pub(super) fn value(&self, number: u64, share: Share) -> Option<f64> {
        self.get(number, share).and_then(first)
    }

    /// Evaluations on all shares together.
    pub(super) fn evaluations(&self) -> u64 {
        (self.ninth.entries.len() + self.third.entries.len() + self.all.entries.len()) as u64
    }

    /// What the evaluations cost, in ninths of a run on all bars.
    pub(super) fn ninths(&self) -> u64 {
        [Share::Ninth, Share::Third, Share::All]
            .into_iter()
            .map(|share| share.ninths() * self.level(share).entries.len() as u64)
            .sum()
    }
}

impl Level {
    /// Cells and outcomes, in the order in which they came.
    pub(super) fn entries(&self) -> &[(u64, Outcome)] {
        &self.entries
    }
}

/// The first objective of an outcome.
pub(super) fn first(outcome: &Outcome) -> Option<f64> {
    outcome.as_ref().and_then(|values| values.first().copied())
}
