//! The audit: detects look-ahead and non-determinism by running a strategy again on altered data.
//!
//! Never measures a return: only what strategies do is compared. A plugin that answers for a whole
//! series at once has that series in its memory, so nothing but its author's care keeps it from looking ahead.
//! [`audit`] takes the future away: it lets the data end at some bar, or lets other prices follow, and asks again.
//! Everything up to that bar must be answered as before. Plugins are deterministic, so that one difference is a proof.
//!
//! # What is done
//!
//! - The strategy is asked with its defaults, with the parameters given, with every other choice of each parameter, and
//!   with a seeded sample from the declared bounds.
//! - The data is cut behind the first bars, before the last one, at random places, and behind bars at which the strategy
//!   acted: what it did there must not depend on what comes next. Several instruments are cut at one time.
//! - Behind a cut the future goes in four ways ([`Future`]): prices are mirrored, so that every rise becomes a fall; the
//!   moves of the whole series are drawn again; the level of prices changes; there is none.
//! - Where an answer differs, the earliest cut that shows it is searched for, and how many bars ahead it reaches.
//!
//! A strategy that only hears of bars one by one cannot look ahead. Its fills and its equity, on an account with default
//! settings, are compared instead of targets, and behind a tenth of the cuts, where the data ends, to see that sandbox and
//! broker keep that promise. One that can be asked in both ways is audited by its targets, and its orders are compared with
//! them.
//!
//! # When it ends
//!
//! A strategy that uses up its budget or its time at every question would take hours. So one that has not answered once is
//! given up after three such answers, any other after twelve, or a minute of them; and an audit ends after
//! [`Options::total`]. What is not checked by then is skipped, and the report says why ([`Report::ended`]).
//!
//! # What it cannot see
//!
//! A strategy that has learnt the prices of this very data by heart needs to look at no bar, and peeking that changes no
//! answer in any of these futures goes unnoticed. An answer that is refused or fails once the data is cut, as for want of
//! bars, is counted as not compared.

mod both_ways;
mod cost;
mod events;
mod future;
mod look_ahead;
mod patience;
mod ready;
mod repeat;
mod report;
mod samples;
mod seeded;
mod signals;
mod truncated;

use std::time::Duration;

use crate::{
    backtest::{Mode, SetupError, Strategy},
    data::Dataset,
    model::{ParamError, Params},
    sandbox::{PluginError, SandboxError},
};

use events::ByEvents;
pub use future::Future;
use look_ahead::Outcome;
use patience::Patience;
use ready::{Ready, Subject};
pub use report::{Check, Cost, Decision, Finding, Report, Verdict};
use samples::Sets;
use signals::BySignals;

/// The version of what an audit asks: it goes up when another audit may find what this one does not, or takes back what this one
/// has found.
pub const AUDIT_VERSION: u32 = 1;

/// How thoroughly a strategy is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Places chosen at random at which the data is cut, and as many again among those at which the strategy acted, beside
    /// those that every audit takes. Default: 100. As many as there are time stamps stand for each of them: nothing is then
    /// left to chance but the other futures.
    pub cuts: usize,
    /// Combinations of parameters drawn at random from the declared bounds and choices, beside the defaults, those given
    /// and every choice of each parameter. Default: 12.
    pub samples: usize,
    /// The seed of everything that is chosen at random. Default: 0.
    pub seed: u64,
    /// Whether every future is tried behind each cut, or one of them in turn. Default: every one.
    pub every_future: bool,
    /// Whether all ways to fork are compared, each of which compiles the plugin once more. Default: yes.
    pub every_fork_method: bool,
    /// The most time that the audit takes, beside the answer that is due when it is over; without, there is no end by the
    /// clock. Default: ten minutes.
    pub total: Option<Duration>,
}

/// The most time that an audit takes unless another is given.
const TOTAL: Duration = Duration::from_secs(600);

/// The most time that an audit before another command takes.
const BRIEF: Duration = Duration::from_secs(30);

/// Bars from which on such an audit cuts at fewer places: each of them takes time in proportion to the bars.
const LONG: usize = 50_000;

/// Places at which it cuts at least.
const FEWEST: usize = 3;

impl Default for Options {
    fn default() -> Self {
        Self { cuts: 100, samples: 12, seed: 0, every_future: true, every_fork_method: true, total: Some(TOTAL) }
    }
}

impl Options {
    /// Options for a look in passing: a fraction of the work.
    pub fn quick() -> Self {
        Self { cuts: 20, samples: 3, every_fork_method: false, ..Self::default() }
    }

    /// Options for the trial of a new build, on few bars: fewer cuts, one future behind each, since an interpreter takes some 30 ms for
    /// each at every save, and an end after half a minute.
    pub fn trial() -> Self {
        Self { cuts: 5, every_future: false, total: Some(BRIEF), ..Self::quick() }
    }

    /// Options for a look before another command, on data of so many `bars`: as quick, with fewer cuts of long data, and an end
    /// after half a minute.
    pub fn brief(bars: usize) -> Self {
        let quick = Self::quick();
        let cuts = (quick.cuts * LONG / bars.max(1)).clamp(FEWEST, quick.cuts);
        Self { cuts, total: Some(BRIEF), ..quick }
    }
}

/// The most combinations that may be drawn: all of them are kept, and each is asked at every cut.
const MOST_SAMPLES: usize = 1000;

/// How far an audit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Data sets that the strategy has answered for.
    pub done: u64,
    /// Data sets that it will be asked about, as far as is known.
    pub total: u64,
}

/// Hears how far an audit is, and says whether to go on.
pub type Listener<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// Why a strategy cannot be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The strategy answers with neither targets nor orders, or does not take the data.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The strategy does not take a parameter.
    #[error(transparent)]
    Params(#[from] ParamError),
    /// Another sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The plugin cannot be loaded in another sandbox.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// More is asked for than anybody would wait for.
    #[error("{0} samples are more than {MOST_SAMPLES}; give fewer, and another seed for others")]
    TooManySamples(usize),
    /// The listener ended the audit.
    #[error("the audit was stopped before its end")]
    Stopped,
}

/// Audits `strategy` on `data`: with its defaults, with the parameters `given`, and with others chosen by `options`, all
/// of which keep what is given.
///
/// `listener` is called before each data set and at the end, and says whether to go on.
///
/// # Errors
///
/// Returns an error if the strategy cannot be run on the data or does not take a parameter, if the options ask for too much,
/// or if the listener ended the audit. What is wrong with a strategy is in the report.
///
/// # Examples
///
/// A strategy that buys before a rise:
///
/// ```
/// use host::{
///     audit::{Options, audit},
///     backtest::Strategy,
///     data::Dataset,
///     model::{Params, Targets},
/// };
///
/// let prophet = Strategy::native("prophet", vec![], |series, _| {
///     let close = &series[0].close;
///     let rises = (0..close.len() - 1).filter(|&bar| close[bar + 1] > 1.1 * close[bar]);
///     let at: Vec<_> = rises.map(|bar| bar as u32).collect();
///     Ok(Targets { instrument: vec![0; at.len()], exposure: vec![1.0; at.len()], at })
/// });
/// let report = audit(&prophet, &Dataset::bundled()?, &Params::new(), &Options::default(), &mut |_| true)?;
/// assert!(!report.is_clean());
/// assert_eq!(report.findings[0].reach, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn audit(
    strategy: &Strategy,
    data: &Dataset,
    given: &Params,
    options: &Options,
    mut listener: Listener<'_>,
) -> Result<Report, AuditError> {
    if options.samples > MOST_SAMPLES {
        return Err(AuditError::TooManySamples(options.samples));
    }
    // Finer bars are of the real future only.
    let data = &data.without_detail();
    // Exits close what targets have opened: they change no target.
    let (strategy, given) = (strategy.bare(), &strategy.own_of(given));
    let sets = samples::sets(strategy.description(), given, options)?;
    match strategy.mode(None)? {
        Mode::Signals => {
            let (whole, subject) = asked::<BySignals>(strategy, data, sets, options)?;
            let mut report = checked(&whole, &subject, options, &mut listener, look_ahead::search)?;
            let growth = report.checks.pop();
            report.checks.push(subject.unless_over(repeat::INSTRUMENTS, || repeat::order_of_instruments(&subject)));
            report.checks.extend(both_ways::check(&subject));
            report.checks.extend(growth);
            report.ended = subject.patience.over();
            Ok(report)
        }
        Mode::Events => {
            let (whole, subject) = asked::<ByEvents>(strategy, data, sets, options)?;
            checked(&whole, &subject, options, &mut listener, truncated::search)
        }
    }
}

/// Gives `strategy` the whole data, and asks it for all combinations.
fn asked<'a, R: Ready>(
    strategy: &'a Strategy,
    data: &Dataset,
    sets: Sets,
    options: &Options,
) -> Result<(R, Subject<'a, R>), SetupError> {
    let patience = Patience::new(options.total);
    let whole = R::new(strategy, data.shared(), &patience);
    if let Some(source) = whole.failure().cloned() {
        return Err(SetupError::Prepare { name: strategy.description().name.clone(), source });
    }
    let subject = Subject::new(strategy, data.shared(), &whole, sets, options.samples, patience);
    Ok((whole, subject))
}

/// Does what is done with every strategy; `search` looks for answers that depend on the future.
fn checked<R: Ready>(
    whole: &R,
    subject: &Subject<'_, R>,
    options: &Options,
    listener: Listener<'_>,
    search: impl FnOnce(&Subject<'_, R>, &Options, Listener<'_>) -> Result<Outcome, AuditError>,
) -> Result<Report, AuditError> {
    let repeated = subject.unless_over(repeat::RUNS, || repeat::two_runs(subject, whole));
    let ahead = match (&repeated.verdict, subject.patience.over()) {
        (Verdict::Failed, _) => Outcome::undecided("runs differ from each other, so that no difference is a proof"),
        (_, Some(why)) => Outcome::undecided(format!("undecided: {why}")),
        _ => search(subject, options, &mut *listener)?,
    };
    let mut go_on = || if listener(ahead.progress) { Ok(()) } else { Err(AuditError::Stopped) };
    let mut checks = vec![ahead.check, repeated];
    checks.push(subject.unless_over(repeat::AGAIN, || repeat::prepared_again(subject)));
    checks.push(subject.unless_over(repeat::ORDER, || repeat::order_of_tasks(subject, whole)));
    checks.push(subject.try_unless_over(repeat::FORKS, || repeat::fork_methods(subject, options))?);
    go_on()?;
    checks.push(subject.try_unless_over(repeat::SHARED, || repeat::shared_forks(subject))?);
    let (cost, growth) = cost::measure(subject, whole);
    checks.push(growth);
    go_on()?;
    let (sets, answered, ended) = (subject.sets.len(), subject.answered(), subject.patience.over());
    Ok(Report { mode: R::MODE, sets, answered, checks, findings: ahead.findings, cost, ended })
}

#[cfg(test)]
mod tests;
