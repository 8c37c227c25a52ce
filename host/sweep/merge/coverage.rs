//! Which cells of a sweep the files of its shards have, and which are missing.
//!
//! Never reads more of a row than its cell, and walks through no shard but those that have files.

use std::{fmt, path::PathBuf};

use super::{
    super::{
        grid::{Indices, Plan, Shard, Split},
        scope::{split, tasks, tasks_within},
    },
    error::MergeError,
    part_file::PartFile,
    rows::MergedRows,
};

/// The most shards that a message names.
const NAMED: usize = 20;

/// What the files of a sweep lack.
#[derive(Debug)]
pub(crate) struct Coverage {
    gaps: Vec<Gap>,
    /// The cells that are there.
    present: u64,
}

/// What is missing of one shard.
#[derive(Debug)]
struct Gap {
    shard: Shard,
    /// Its files, if it has any.
    files: Vec<PathBuf>,
    present: u64,
    /// How many cells the shard has, if that can be told.
    expected: Option<u64>,
    /// The name of the first missing cell of a shard with files.
    first: Option<String>,
}

/// The cells of one shard, in their order.
enum Planned<'a> {
    Together(Indices<'a>),
    /// Where each symbol runs alone: those of the tasks below `end`.
    Each {
        split: Split,
        next: u64,
        end: u64,
    },
}

impl Iterator for Planned<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        match self {
            Self::Together(indices) => indices.next(),
            Self::Each { split, next, end } => {
                let found = split.next_from(*next).filter(|place| place < end)?;
                *next = found + 1;
                Some(found)
            }
        }
    }
}

/// The plan of a sweep, on each of some symbols or on all together.
struct Cells<'a> {
    plan: &'a Plan,
    symbols: Option<u64>,
    /// The combinations on each symbol.
    each: Option<u64>,
}

impl<'a> Cells<'a> {
    fn new(plan: &'a Plan, symbols: Option<u64>) -> Self {
        let each = symbols.map(|_| plan.count().exact().unwrap_or_else(|| plan.indices().count() as u64));
        Self { plan, symbols, each }
    }

    fn of(&self, shard: Shard) -> Planned<'a> {
        let split = split(shard, self.plan, self.symbols);
        match self.symbols.zip(self.each) {
            None => Planned::Together(self.plan.indices().within(split)),
            Some((symbols, each)) => Planned::Each { split, next: 0, end: each.saturating_mul(symbols) },
        }
    }

    /// How many cells a shard has, if that can be told without a long walk.
    fn count(&self, shard: Shard) -> Option<u64> {
        let split = split(shard, self.plan, self.symbols);
        match self.symbols.zip(self.each) {
            Some((symbols, each)) if tasks(self.plan, self.symbols).is_none() => {
                Some(split.count(each.saturating_mul(symbols)))
            }
            _ => tasks_within(split, self.plan, self.symbols),
        }
    }

    /// A cell in words: `4711 (fast=5,slow=20)`.
    fn name(&self, cell: u64) -> String {
        let place = self.each.map_or((0, cell), |each| (cell / each, cell % each));
        let index = match self.each {
            None => Some(cell),
            Some(_) => {
                let mut indices = self.plan.indices();
                indices.pass(place.1);
                indices.next()
            }
        };
        let task = index.and_then(|index| self.plan.params(index)).map(|params| self.plan.task_id(&params));
        let on = if self.each.is_some() { format!(" on symbol {}", place.0 + 1) } else { String::new() };
        format!("{cell} ({}{on})", task.unwrap_or_default())
    }
}

impl Coverage {
    /// Compares the cells of `parts`, which are of one sweep, with those of its plan.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read, or has a cell twice, or one of another shard.
    pub(super) fn of(parts: &[PartFile], plan: &Plan, symbols: Option<u64>) -> Result<Self, MergeError> {
        let cells = Cells::new(plan, symbols);
        let mut coverage = Self { gaps: Vec::new(), present: 0 };
        // Files are sorted by their shards.
        let mut files = parts.chunk_by(|one, next| one.shard == next.shard).peekable();
        let shards = parts.first().map_or_else(Shard::whole, |part| part.shard).siblings();
        for shard in shards {
            let files = files.next_if(|files| files[0].shard == shard).unwrap_or_default();
            coverage.add(shard, files, &cells)?;
        }
        Ok(coverage)
    }

    fn add(&mut self, shard: Shard, files: &[PartFile], cells: &Cells<'_>) -> Result<(), MergeError> {
        let expected = cells.count(shard);
        let (present, first) = if files.is_empty() { (0, None) } else { compared(shard, files, cells)? };
        self.present += present;
        let is_whole = if files.is_empty() { expected == Some(0) } else { first.is_none() };
        if !is_whole {
            let (files, first) =
                (files.iter().map(|part| part.path.clone()).collect(), first.map(|cell| cells.name(cell)));
            self.gaps.push(Gap { shard, files, present, expected, first });
        }
        Ok(())
    }

    /// Whether nothing is missing.
    pub(crate) fn is_complete(&self) -> bool {
        self.gaps.is_empty()
    }

    /// The shards that are missing or incomplete, such as `3/16`.
    pub(crate) fn shards(&self) -> impl Iterator<Item = String> {
        self.gaps.iter().map(|gap| gap.shard.to_string())
    }

    /// How many cells are missing, if that can be told.
    pub(crate) fn missing(&self) -> Option<u64> {
        self.gaps.iter().map(|gap| gap.expected?.checked_sub(gap.present)).sum()
    }

    /// How many cells are there.
    pub(crate) fn present(&self) -> u64 {
        self.present
    }

    /// What is missing, a line for each shard that has files, and one for those that have none.
    pub(crate) fn lines(&self) -> Vec<String> {
        let (absent, torn): (Vec<_>, Vec<_>) = self.gaps.iter().partition(|gap| gap.files.is_empty());
        let cells: Option<u64> = absent.iter().map(|gap| gap.expected).sum();
        let cells = cells.map_or_else(String::new, |cells| format!(", {cells} {}", plural(cells, "cell")));
        let mut lines = Vec::new();
        if let Some(first) = absent.first() {
            let are = if absent.len() == 1 { "is" } else { "are" };
            let of = first.shard.count();
            let numbers = named(absent.iter().map(|gap| gap.shard.number().to_string()), absent.len());
            lines.push(format!("{} {numbers} of {of} {are} missing{cells}", plural(absent.len() as u64, "shard")));
        }
        lines.extend(torn.iter().map(|gap| gap.line()));
        lines
    }
}

impl Gap {
    fn line(&self) -> String {
        let files: Vec<_> = self.files.iter().map(|path| format!("`{}`", path.display())).collect();
        let has = if files.len() == 1 { "has" } else { "have" };
        let of = self.expected.map_or_else(String::new, |expected| format!(" of {expected}"));
        let first = self.first.as_ref().map_or_else(String::new, |first| format!("; the first one missing is {first}"));
        format!("shard {} is incomplete: {} {has} {}{of} cells{first}", self.shard, files.join(" and "), self.present)
    }
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

/// `2, 5 and 7`, or the first few and how many there are.
fn named(all: impl Iterator<Item = String>, count: usize) -> String {
    let shown: Vec<_> = all.take(NAMED).collect();
    match shown.as_slice() {
        [first @ .., last] if shown.len() == count && !first.is_empty() => format!("{} and {last}", first.join(", ")),
        shown if shown.len() < count => format!("{} and {} more", shown.join(", "), count - shown.len()),
        shown => shown.join(", "),
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "cells of the sweep are in no file:")?;
        self.lines().iter().try_for_each(|line| writeln!(f, "- {line}"))?;
        let shards = named(self.gaps.iter().map(|gap| format!("`--shard {}`", gap.shard)), self.gaps.len());
        write!(f, "run the sweep again with {shards}, and merge then, or merge what is there with `--partial`")
    }
}

/// Compares the cells of the files of one shard with those that it has. Returns how many are there, and the first that is
/// missing.
fn compared(shard: Shard, files: &[PartFile], cells: &Cells<'_>) -> Result<(u64, Option<u64>), MergeError> {
    let (mut planned, mut present, mut missing) = (cells.of(shard), 0, None);
    let mut found = MergedRows::cells(files.iter())?;
    while let Some((cell, part)) = found.next_cell()? {
        let mut next = planned.next();
        while let Some(skipped) = next.filter(|next| *next < cell) {
            missing.get_or_insert(skipped);
            next = planned.next();
        }
        if next != Some(cell) {
            return Err(MergeError::Foreign { path: part.path.clone(), shard, cell });
        }
        present += 1;
    }
    Ok((present, missing.or_else(|| planned.next())))
}
