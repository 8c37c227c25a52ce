//! The report of an audit: checks, verdicts, findings, cost.
//!
//! Never formats more than a line.

use crate::{audit::Future, backtest::Mode, model::Params};

/// What became of an audit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// How the strategy was asked: for targets where it has them, else for orders.
    pub mode: Mode,
    /// Combinations of parameters that the strategy was asked with.
    pub sets: usize,
    /// Those of them that it neither refused nor failed with, on the whole data.
    pub answered: usize,
    /// What was checked, the look-ahead first.
    pub checks: Vec<Check>,
    /// Answers that depend on the future, one for each combination of parameters that was caught.
    pub findings: Vec<Finding>,
    /// What an answer costs.
    pub cost: Cost,
    /// Why the audit ended before it had asked everything, if it did: what it had not checked by then is skipped.
    pub ended: Option<String>,
}

impl Report {
    /// Whether no check failed.
    pub fn is_clean(&self) -> bool {
        self.checks.iter().all(|check| check.verdict != Verdict::Failed)
    }

    /// Whether the look-ahead was looked for, or is impossible.
    pub fn is_decided(&self) -> bool {
        self.look_ahead().is_some_and(|check| check.verdict != Verdict::Skipped)
    }

    /// The check for look-ahead.
    pub fn look_ahead(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == LOOK_AHEAD)
    }
}

/// The name of the first check.
pub(super) const LOOK_AHEAD: &str = "look-ahead";

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked, in a word or three; the same in every report.
    pub name: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, and on how much it rests.
    pub detail: String,
}

impl Check {
    pub(super) fn new(name: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { name, verdict, detail: detail.into() }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it must be.
    Passed,
    /// It proves that results of this strategy cannot be trusted.
    Failed,
    /// Worth knowing, and no fault in itself.
    Noted,
    /// It could not be checked, or there is nothing to check.
    Skipped,
}

impl Verdict {
    /// The word in reports: `pass`, `fail`, `note` or `skip`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "pass",
            Self::Failed => "fail",
            Self::Noted => "note",
            Self::Skipped => "skip",
        }
    }
}

/// An answer that depends on bars after the one that it names.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Finding {
    /// All parameters of the task.
    pub params: Params,
    /// The instrument's name.
    pub symbol: String,
    /// The first bar whose answer changed, counted from 0 in the instrument's own series.
    pub bar: usize,
    /// The time of that bar, in nanoseconds since the Unix epoch.
    pub time: i64,
    /// What was answered for the bar with the real future in memory.
    pub with_future: Decision,
    /// What was answered for it with the other one.
    pub without: Decision,
    /// The other future.
    pub future: Future,
    /// The last time stamp that both futures share, in nanoseconds since the Unix epoch. It is not before `time`.
    pub known_until: i64,
    /// How many time stamps ahead the answer reaches, at least: with 1 it depends on the very next bar.
    pub reach: usize,
}

/// What a strategy says about one bar.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// To hold this share of equity from there on.
    Hold(f64),
    /// Nothing: what is held stays.
    Nothing,
    /// The parameters are refused, with these words.
    Refused(String),
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hold(exposure) => write!(f, "hold {exposure}"),
            Self::Nothing => f.write_str("no change"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// What an answer for the parameters' defaults costs, on the whole data and on the first half of it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct Cost {
    /// Bars of the whole data.
    pub bars: usize,
    /// Bars of its first half; 0 where it has none.
    pub half_bars: usize,
    /// Nanoseconds a bar, the least of a few runs; they depend on the machine.
    pub nanos: Option<f64>,
    /// The same on the first half.
    pub half_nanos: Option<f64>,
    /// Units of computing a bar ([`Budget`](crate::sandbox::Budget)), where they are counted.
    pub units: Option<f64>,
    /// The same on the first half.
    pub half_units: Option<f64>,
    /// Bytes of memory that the plugin has after `prepare` or, where it hears of bars one by one, after the last of them;
    /// none for Rust code.
    pub memory: Option<usize>,
    /// Bytes of memory that each bar of the second half added to that.
    pub memory_per_bar: Option<f64>,
}
