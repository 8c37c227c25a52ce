//! Findings: what is wrong with bars, counted in full, of which the first few are kept for messages.
//!
//! Never decides what is wrong; the checks do.

use super::error::{DataError, Location, PROBLEMS_SHOWN, Problem};

/// What is wrong in one source, counted in full, of which the first few in the order of places are kept.
#[derive(Debug, Default)]
pub(super) struct Log {
    kept: Vec<(Location, String)>,
    count: u64,
}

impl Log {
    /// Counts one fault; `text` is called only if it is kept.
    pub(super) fn add(&mut self, place: Location, text: impl FnOnce() -> String) {
        self.count += 1;
        if self.kept.len() == PROBLEMS_SHOWN {
            match self.kept.last() {
                Some((last, _)) if place < *last => self.kept.truncate(PROBLEMS_SHOWN - 1),
                _ => return,
            }
        }
        let at = self.kept.partition_point(|(other, _)| *other <= place);
        self.kept.insert(at, (place, text()));
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The first few places, for a notice: `line 3 (close -1 is not above zero), line 9 (...) and 7 more`.
    pub(super) fn summary(&self) -> String {
        const SHOWN: usize = 3;
        let first: Vec<_> = self.kept.iter().take(SHOWN).map(|(place, text)| format!("{place} ({text})")).collect();
        let more = self.count - first.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        first.join(", ") + &more
    }

    /// The first few places alone.
    pub(super) fn places(&self) -> String {
        const SHOWN: usize = 3;
        let first: Vec<_> = self.kept.iter().take(SHOWN).map(|(place, _)| place.to_string()).collect();
        let more = self.count - first.len() as u64;
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        first.join(", ") + &more
    }

    /// Adds the faults of `other`, of the same source.
    fn absorb(&mut self, other: Self) {
        let more = other.count - other.kept.len() as u64;
        for (place, text) in other.kept {
            self.add(place, || text);
        }
        self.count += more;
    }

    fn problems(self, file: &str) -> impl Iterator<Item = Problem> {
        self.kept.into_iter().map(|(line, text)| Problem { file: file.to_owned(), line, text })
    }
}

/// What is wrong in one source, by the way out.
#[derive(Debug, Default)]
pub(super) struct Logs {
    /// Rows that may be dropped.
    pub(super) bad: Log,
    /// Bars that are older than the bar before.
    pub(super) unsorted: Log,
    /// Bars with a price below zero.
    pub(super) negative: Log,
    /// Bars with times in another form than those before them.
    pub(super) forms: Log,
    /// Bars in a local hour that seems to come twice, of a file of which no zone is known.
    pub(super) doubled: Log,
    /// Bars in an hour that comes twice, in rows whose order does not tell the passes.
    pub(super) unclear: Log,
    /// Bars in an hour that the zone does not have, and that collide with others.
    pub(super) missing: Log,
    /// The offset that reads the last ones.
    pub(super) fixed: Option<String>,
    /// Whether every row of the source is bad.
    pub(super) are_all_bad: bool,
}

/// What is wrong in all sources so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Vec<Problem>,
    count: u64,
    bad: bool,
    unsorted: bool,
    negative: bool,
    forms: bool,
    doubled: bool,
    unclear: bool,
    missing: Option<String>,
    /// Whether every row of some source is bad.
    all_bad: bool,
}

impl Findings {
    /// Adds the faults of one source.
    pub(super) fn add(&mut self, file: &str, logs: Logs) {
        let Logs { bad, unsorted, negative, forms, doubled, unclear, missing, fixed, are_all_bad } = logs;
        self.all_bad |= are_all_bad;
        self.bad |= bad.count > 0 && !are_all_bad;
        self.unsorted |= unsorted.count > 0;
        self.negative |= negative.count > 0;
        self.forms |= forms.count > 0 && !are_all_bad;
        self.doubled |= doubled.count > 0;
        self.unclear |= unclear.count > 0;
        if missing.count > 0 {
            self.missing = self.missing.take().or(fixed);
        }
        let mut all = bad;
        for log in [unsorted, negative, forms, doubled, unclear, missing] {
            all.absorb(log);
        }
        self.count += all.count;
        self.problems.extend(all.problems(file));
        self.problems.truncate(PROBLEMS_SHOWN);
    }

    /// Returns an error if anything is wrong.
    pub(super) fn into_result(self) -> Result<(), DataError> {
        match self.count {
            0 => Ok(()),
            count => Err(DataError::Problems { remedy: self.remedy(), problems: self.problems, count }),
        }
    }

    /// The ways out, one a line.
    fn remedy(&self) -> String {
        let rows = match (self.bad, self.unsorted) {
            (true, false) => Some("correct them, or drop the bad rows (`--drop-bad`)"),
            (false, true) => Some("sort the rows by time (`--sort`)"),
            (true, true) => {
                Some("correct them, or sort the rows by time (`--sort`) and drop the bad ones (`--drop-bad`)")
            }
            (false, false) => None,
        };
        let all_bad = self.all_bad.then_some(
            "every row is bad, so that dropping them leaves nothing: correct the file, or say how it is written (`--read \
             NAME=VALUE`)",
        );
        let negative =
            self.negative.then_some("prices below zero are read with `--negative-prices`, and never dropped");
        let forms = self.forms.then_some(
            "rows whose times are in another form or zone are never dropped: write all times in one form, or take the rows \
             out",
        );
        let doubled = self.doubled.then_some(
            "times that come a second time at night are local times, as the clocks are set back: say of which zone \
             (`--timezone America/New_York`); if they are not, take out the wrong rows",
        );
        let unclear = self.unclear.then_some(
            "which pass of an hour that comes twice a row belongs to is told by its place only: put the rows in the order of \
             time, all of the first pass before the second, or take a file whose times are in UTC or have their offset",
        );
        let missing = self.missing.as_ref().map(|offset| {
            format!(
                "the clock of the file is not set forward, while that of the zone is: say its offset (`--timezone {offset}`)"
            )
        });
        let fixed = [rows, all_bad, negative, forms, doubled, unclear].into_iter().flatten().map(str::to_owned);
        fixed.chain(missing).collect::<Vec<_>>().join("\n")
    }
}
