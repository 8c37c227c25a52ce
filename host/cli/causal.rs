//! Look-ahead and statistics: what is known of a strategy whose returns are to be judged, and what follows from it.
//!
//! Never computes a statistic. What a check has found is kept in the store (`answers.rs`); a file of returns says besides what was
//! known when it was made.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use super::{
    Context,
    answers::{Answers, depth, in_words, verdict},
    check, store,
    store_args::StoreArgs,
};
use crate::{
    audit::{AuditError, Options, audit},
    backtest::{Mode, Strategy},
    data::Dataset,
    model::{Params, Series, label},
    results::ReturnsFile,
    sandbox::Backend,
    store::{AuditDepth, AuditVerdict, KeptAudit},
    sweep::{Provenance, Stop, with_causes},
};

/// The name of the fact in a file of returns.
const KEY: &str = "host.check";

/// What a file of returns says of the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CheckFact {
    /// A check found no look-ahead on these bars.
    Clean,
    /// A check could not tell.
    Undecided,
    /// There was no check.
    Unchecked,
    /// It hears of bars one by one.
    Events,
    /// It looks ahead.
    LooksAhead,
}

impl CheckFact {
    const ALL: [Self; 5] = [Self::Clean, Self::Undecided, Self::Unchecked, Self::Events, Self::LooksAhead];

    fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Undecided => "undecided",
            Self::Unchecked => "unchecked",
            Self::Events => "events",
            Self::LooksAhead => "looks-ahead",
        }
    }

    fn of(file: &ReturnsFile) -> Option<Self> {
        Self::ALL.into_iter().find(|fact| file.fact(KEY) == Some(fact.as_str()))
    }

    /// Its name and its text, for a file.
    pub(super) fn named(self) -> (String, String) {
        (KEY.to_owned(), self.as_str().to_owned())
    }
}

/// A sweep that is to write returns.
#[derive(Debug)]
pub(super) struct Returning<'a> {
    pub(super) strategy: &'a Strategy,
    pub(super) data: &'a Dataset,
    /// The mode that is asked for.
    pub(super) mode: Option<Mode>,
    /// The parameters of its first combination.
    pub(super) first: Option<Params>,
    pub(super) store: &'a StoreArgs,
    pub(super) backend: Backend,
    /// Whether the plugin is a part of this program.
    pub(super) is_bundled: bool,
    pub(super) stop: Stop,
}

impl Returning<'_> {
    /// Who asks for worker processes does not want a stranger's plugin to run in this one.
    fn is_kept_out(&self) -> bool {
        self.backend == Backend::Processes && !self.is_bundled
    }
}

/// Finds out whether the strategy of a sweep looks ahead: by the store, else by a brief audit on threads of this machine, whose
/// answer is kept. `None` if Ctrl-C ended that.
///
/// # Errors
///
/// Returns an error if it looks ahead, or cannot be run.
pub(super) fn before_returns(sweep: &Returning<'_>, context: &mut Context<'_>) -> Result<Option<CheckFact>> {
    // A strategy of orders hears of a bar when it has closed: no later one is in its memory.
    if sweep.strategy.mode(sweep.mode)? == Mode::Events {
        return Ok(Some(CheckFact::Events));
    }
    // A store that cannot be opened is told where it is opened for the results.
    let store = store::asked(sweep.store).ok().flatten();
    let mut answers = Answers::new(store, sweep.strategy.digest(), sweep.data.fingerprint());
    let options = Options::brief(sweep.data.series().iter().map(Series::len).sum());
    let least = depth(&options, &Params::new());
    let verdict = match answers.known() {
        Some(known) if suffices(&known, least) => known.verdict,
        known if sweep.is_kept_out() => {
            answers.report(context);
            let Some(known) = known else { return Ok(Some(unchecked(sweep, context))) };
            known.verdict
        }
        _ => match brief_audits(sweep, options, context)? {
            Some(audits) => answers.keep_all(audits),
            None => return Ok(None),
        },
    };
    answers.report(context);
    concluded(&sweep.strategy.description().name, verdict, context).map(Some)
}

/// Whether nothing needs to be asked. What was not decided may be, under other limits or with other parameters.
fn suffices(known: &KeptAudit, least: AuditDepth) -> bool {
    match known.verdict {
        AuditVerdict::LooksAhead(_) => true,
        AuditVerdict::Clean => known.depth.covers(least),
        AuditVerdict::Undecided(_) => false,
    }
}

fn unchecked(sweep: &Returning<'_>, context: &mut Context<'_>) -> CheckFact {
    let name = label(&sweep.strategy.description().name);
    context.reporter.note(format!(
        "note: `{name}` is not checked for look-ahead, since `--backend processes` keeps it out of this process; `host check` runs \
         it here"
    ));
    CheckFact::Unchecked
}

fn concluded(name: &str, verdict: AuditVerdict, context: &mut Context<'_>) -> Result<CheckFact> {
    match verdict {
        AuditVerdict::LooksAhead(finding) => bail!(
            "{}, so that its returns prove nothing; mend it and run `host check` again, or leave `--returns` out",
            in_words(name, &finding)
        ),
        AuditVerdict::Clean => Ok(CheckFact::Clean),
        AuditVerdict::Undecided(why) => {
            context.reporter.note(undecided(name, &why));
            Ok(CheckFact::Undecided)
        }
    }
}

fn undecided(name: &str, why: &str) -> String {
    format!("note: whether `{}` looks ahead is not decided: {}", label(name), label(why))
}

/// Audits briefly: with parameters that the audit chooses and, where that decides nothing, with those of the sweep's first
/// combination. `None` if Ctrl-C ended that.
fn brief_audits(sweep: &Returning<'_>, options: Options, context: &mut Context<'_>) -> Result<Option<Vec<KeptAudit>>> {
    let (strategy, began) = (on_threads_here(sweep, context)?, Instant::now());
    let total = options.total.unwrap_or_default();
    let mut audits = Vec::new();
    for given in [Some(Params::new()), sweep.first.clone()].into_iter().flatten() {
        let mut options = options;
        options.total = Some(total.saturating_sub(began.elapsed()));
        let Some(mut verdict) = brief_audit(sweep, &strategy, (&options, &given), context)? else { return Ok(None) };
        let is_undecided = matches!(verdict, AuditVerdict::Undecided(_));
        if is_undecided && began.elapsed() >= total {
            verdict = AuditVerdict::Undecided(too_long(total));
        }
        audits.push(KeptAudit { bars: sweep.data.fingerprint(), depth: depth(&options, &given), verdict });
        if !is_undecided {
            break;
        }
    }
    Ok(Some(audits))
}

fn too_long(total: Duration) -> String {
    let seconds = total.as_secs();
    format!("a quick check takes {seconds} s at most, which did not suffice; `host check` takes longer")
}

fn brief_audit(
    sweep: &Returning<'_>,
    strategy: &Strategy,
    (options, given): (&Options, &Params),
    context: &mut Context<'_>,
) -> Result<Option<AuditVerdict>> {
    let audited =
        check::listened(&sweep.stop, context, |listener| audit(strategy, sweep.data, given, options, listener));
    match audited {
        Ok(report) => Ok(Some(verdict(&report))),
        Err(AuditError::Stopped) => Ok(None),
        // The sweep would fail by it, too.
        Err(error @ AuditError::Setup(_)) => Err(error.into()),
        Err(error) => Ok(Some(AuditVerdict::Undecided(with_causes(&error)))),
    }
}

/// The strategy where an audit sees all that it does: neither in worker processes nor on a cluster.
fn on_threads_here(sweep: &Returning<'_>, context: &Context<'_>) -> Result<Strategy> {
    match sweep.strategy {
        Strategy::Plugin(plugin) if sweep.backend == Backend::Processes || context.cluster.is_some() => {
            let sandbox = plugin.sandbox().but(|options| {
                options.backend = Backend::Threads;
                options.cluster = None;
            })?;
            Ok(plugin.reloaded(&sandbox)?.into())
        }
        strategy => Ok(strategy.clone()),
    }
}

/// Refuses the returns in `file` of a strategy that looks ahead, and notes where nobody knows. `store` is the folder of the store
/// that is asked for, and whether none is.
///
/// # Errors
///
/// Returns an error if the strategy looks ahead, or if the store that is asked for does not exist.
pub(super) fn of_file(
    file: &ReturnsFile,
    sweep: Option<&Provenance>,
    store: (Option<&Path>, bool),
    context: &mut Context<'_>,
) -> Result<()> {
    let (store, fact) = (store::existing(store.0, store.1)?, CheckFact::of(file));
    let Some(sweep) = sweep else {
        context
            .reporter
            .note("note: the file does not say which strategy it is of, so that nobody knows whether it looks ahead");
        return Ok(());
    };
    if fact == Some(CheckFact::Events) || sweep.request.account.mode == Some(Mode::Events) {
        return Ok(());
    }
    let mut answers = Answers::new(store, sweep.plugin_hash, sweep.data_hash);
    let known = answers.known().map(|known| known.verdict);
    answers.report(context);
    let name = &*sweep.request.plugin;
    match (known, fact) {
        (Some(AuditVerdict::LooksAhead(finding)), _) => bail!(
            "{}, so that its returns prove nothing; mend it, and run the sweep again",
            in_words(name, &finding)
        ),
        (_, Some(CheckFact::LooksAhead)) => bail!(
            "`{}` looks ahead, as the file says, so that its returns prove nothing; mend it, and run the sweep again",
            label(name)
        ),
        (Some(AuditVerdict::Clean), _) | (_, Some(CheckFact::Clean)) => {}
        (Some(AuditVerdict::Undecided(why)), _) => context.reporter.note(undecided(name, &why)),
        (None, Some(CheckFact::Undecided)) => {
            context.reporter.note(undecided(name, "a quick check did not suffice; `host check` takes longer"));
        }
        (None, _) => context.reporter.note(format!(
            "note: nobody has checked `{}` for look-ahead on these bars; `host check`, with its plugin and its data, does",
            label(name)
        )),
    }
    Ok(())
}
