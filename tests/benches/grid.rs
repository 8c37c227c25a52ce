//! The three grids of pairs of averages.

use anyhow::{Result, bail};
use host::{model::Value, sweep::grid::Grid};

/// The bars of a fast and of a slow average.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    /// Of the fast one.
    pub(crate) fast: usize,
    /// Of the slow one.
    pub(crate) slow: usize,
}

/// Every fast average with every slow one, each given by first, last and step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs {
    fast: [usize; 3],
    slow: [usize; 3],
}

impl Pairs {
    /// Returns the grid with so many `combinations`.
    pub(crate) fn of(combinations: usize) -> Result<Self> {
        let (fast, slow) = match combinations {
            25 => ([10, 50, 10], [100, 300, 50]),
            100 => ([5, 50, 5], [60, 240, 20]),
            1000 => ([4, 100, 4], [110, 500, 10]),
            _ => bail!("there is no grid of {combinations} combinations; there are those of 25, 100 and 1000"),
        };
        Ok(Self { fast, slow })
    }

    /// All pairs.
    pub(crate) fn list(&self) -> Vec<Pair> {
        let slow = || values(self.slow);
        values(self.fast).flat_map(|fast| slow().map(move |slow| Pair { fast, slow })).collect()
    }

    /// The grid for the library.
    pub(crate) fn grid(&self) -> Grid {
        let axis = |axis| values(axis).map(|value| Value::Integer(value as i64));
        Grid::new().axis("fast", axis(self.fast)).axis("slow", axis(self.slow))
    }

    /// The grid for the command line.
    pub(crate) fn arguments(&self) -> [String; 4] {
        let axis = |name, [from, to, step]: [usize; 3]| format!("{name}={from}..{to}:{step}");
        ["--param".into(), axis("fast", self.fast), "--param".into(), axis("slow", self.slow)]
    }
}

fn values([from, to, step]: [usize; 3]) -> impl Iterator<Item = usize> {
    (from..=to).step_by(step)
}
