//! Returns of a strategy that looks ahead prove nothing: what is known of that, and what follows from it.
//!
//! Never computes a statistic. What a check has found is kept in the store (`answers.rs`); a file of returns says besides what was
//! known when it was made.

use std::time::{Duration, Instant};

use super::{
    answers::{Answers, depth, in_words, verdict},
    error::EvidenceError,
};
use crate::{
    audit::{AuditError, Listener, Options, audit},
    backtest::{Market, Mode, Strategy},
    model::{Digest, Params, Series, label},
    results::ReturnsFile,
    sandbox::{Backend, Sandbox},
    store::{AuditDepth, AuditVerdict, KeptAudit, Store},
    sweep::{BoundRequest, Provenance, with_causes},
};

/// The name of the fact in a file of returns.
const KEY: &str = "host.check";

/// How many combinations that do not run are passed over for the first that does.
const LOOKS: u32 = 10_000;

/// What a file of returns says of the strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckFact {
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
    pub fn named(self) -> (String, String) {
        (KEY.to_owned(), self.as_str().to_owned())
    }
}

/// A sweep that is to write returns.
#[derive(Debug)]
pub struct Returning<'a> {
    /// The strategy.
    pub strategy: &'a Strategy,
    /// Its bars.
    pub market: &'a Market,
    /// What is asked for.
    pub bound: &'a BoundRequest,
    /// The store that keeps what checks find.
    pub store: Option<Store>,
    /// Whether the plugin is a part of this program.
    pub is_bundled: bool,
}

impl Returning<'_> {
    /// Finds out whether the strategy looks ahead: by the store, else by a brief audit on threads of this machine, whose answer is
    /// kept. `listener` hears of it, and ends it by false: then it is `None`. What the user should know goes to `notes`, one line each.
    ///
    /// # Errors
    ///
    /// Returns an error if it looks ahead, or cannot be run.
    pub fn check(&self, listener: Listener<'_>, notes: &mut Vec<String>) -> Result<Option<CheckFact>, EvidenceError> {
        // A strategy of orders hears of a bar when it has closed: no later one is in its memory.
        if self.strategy.mode(self.bound.settings.mode)? == Mode::Events {
            return Ok(Some(CheckFact::Events));
        }
        let data = self.market.dataset();
        let mut answers = Answers::new(self.store.clone(), self.strategy.digest(), data.fingerprint());
        let options = Options::brief(data.series().iter().map(Series::len).sum());
        let least = depth(&options, &Params::new());
        let verdict = match answers.known() {
            Some(known) if suffices(&known, least) || self.is_kept_out() => Some(known.verdict),
            None if self.is_kept_out() => None,
            _ => match self.brief_audits(options, listener)? {
                Some(audits) => Some(answers.keep_all(audits)),
                None => return Ok(None),
            },
        };
        notes.extend(answers.note());
        let name = &self.strategy.description().name;
        match verdict {
            Some(AuditVerdict::Clean) => Ok(Some(CheckFact::Clean)),
            Some(AuditVerdict::LooksAhead(finding)) => {
                let way_out = "mend it and run `host check` again, or ask for no returns";
                Err(EvidenceError::LooksAhead { found: in_words(name, &finding), way_out })
            }
            Some(AuditVerdict::Undecided(why)) => {
                notes.push(undecided(name, &why));
                Ok(Some(CheckFact::Undecided))
            }
            None => {
                notes.push(format!(
                    "`{}` is not checked for look-ahead, since worker processes keep it out of this process; `host check` runs it here",
                    label(name)
                ));
                Ok(Some(CheckFact::Unchecked))
            }
        }
    }

    /// Who asks for worker processes does not want a stranger's plugin to run in this one.
    fn is_kept_out(&self) -> bool {
        !self.is_bundled && self.sandbox().is_some_and(|sandbox| sandbox.worker_program().is_some())
    }

    fn sandbox(&self) -> Option<&Sandbox> {
        match self.strategy.bare() {
            Strategy::Plugin(plugin) => Some(plugin.sandbox()),
            _ => None,
        }
    }

    /// Audits briefly: with parameters that the audit chooses and, where that decides nothing, with those of the sweep's first
    /// combination. `None` if the listener ended that.
    fn brief_audits(&self, options: Options, listener: Listener<'_>) -> Result<Option<Vec<KeptAudit>>, EvidenceError> {
        let (strategy, began) = (self.on_threads_here()?, Instant::now());
        let total = options.total.unwrap_or_default();
        let plan = &self.bound.plan;
        let first = plan.near(0, None, LOOKS).and_then(|(_, index)| plan.params(index));
        let first = first.map(|params| self.strategy.own_of(&params));
        let mut audits: Vec<KeptAudit> = Vec::new();
        for given in [Some(Params::new()), first].into_iter().flatten() {
            let left = total.saturating_sub(began.elapsed());
            if left.is_zero() && !audits.is_empty() {
                break;
            }
            let mut options = options;
            options.total = Some(left);
            let verdict = match audit(&strategy, self.market.dataset(), &given, &options, listener) {
                Ok(report) => verdict(&report),
                Err(AuditError::Stopped) => return Ok(None),
                // The sweep would fail by it, too.
                Err(AuditError::Setup(error)) if began.elapsed() < total => return Err(error.into()),
                Err(error) => AuditVerdict::Undecided(with_causes(&error)),
            };
            let is_undecided = matches!(verdict, AuditVerdict::Undecided(_));
            let is_late = is_undecided && began.elapsed() >= total;
            let verdict = if is_late { AuditVerdict::Undecided(too_long(total)) } else { verdict };
            let bars = self.market.dataset().fingerprint();
            audits.push(KeptAudit { bars, depth: depth(&options, &given), verdict });
            if !is_undecided {
                break;
            }
        }
        Ok(Some(audits))
    }

    /// The strategy where an audit sees all that it does: neither in worker processes nor on a cluster.
    fn on_threads_here(&self) -> Result<Strategy, EvidenceError> {
        match self.strategy.bare() {
            Strategy::Plugin(plugin) if is_elsewhere(plugin.sandbox()) => {
                let sandbox = plugin.sandbox().but(|options| {
                    options.backend = Backend::Threads;
                    options.cluster = None;
                })?;
                Ok(plugin.reloaded(&sandbox)?.into())
            }
            strategy => Ok(strategy.clone()),
        }
    }
}

/// Whether tasks run in other processes, here or on a cluster.
fn is_elsewhere(sandbox: &Sandbox) -> bool {
    sandbox.worker_program().is_some() || sandbox.cluster().is_some()
}

/// Whether nothing needs to be asked. What was not decided may be, under other limits or with other parameters.
fn suffices(known: &KeptAudit, least: AuditDepth) -> bool {
    match known.verdict {
        AuditVerdict::LooksAhead(_) => true,
        AuditVerdict::Clean => known.depth.covers(least),
        AuditVerdict::Undecided(_) => false,
    }
}

fn undecided(name: &str, why: &str) -> String {
    format!("whether `{}` looks ahead is not decided: {}", label(name), label(why))
}

fn too_long(total: Duration) -> String {
    let seconds = total.as_secs();
    format!("a quick check takes {seconds} s at most, which did not suffice; `host check` takes longer")
}

/// What a check has found, if `store` knows that the plugin `name` with this hash looks ahead on the bars with the hash `bars`.
pub fn known_look_ahead(store: Option<&Store>, (name, plugin): (&str, Option<Digest>), bars: Digest) -> Option<String> {
    match Answers::new(store.cloned(), plugin, bars).known()?.verdict {
        AuditVerdict::LooksAhead(finding) => Some(in_words(name, &finding)),
        _ => None,
    }
}

/// Refuses the returns in `file` of a strategy that looks ahead, as `store` or the file says. Returns what the user should know where
/// nobody can tell, one line each. Reports do the same, and have it in their notes.
///
/// # Errors
///
/// Returns an error if the strategy looks ahead.
pub fn refuse_look_ahead(file: &ReturnsFile, store: Option<&Store>) -> Result<Vec<String>, EvidenceError> {
    let sweep = Provenance::of_facts(|name| file.fact(name));
    let fact = CheckFact::of(file);
    let Some(sweep) = sweep else {
        let note = "the file does not say which strategy it is of, so that nobody knows whether it looks ahead";
        return Ok(vec![note.to_owned()]);
    };
    if fact == Some(CheckFact::Events) || sweep.request.account.mode == Some(Mode::Events) {
        return Ok(Vec::new());
    }
    let mut answers = Answers::new(store.cloned(), sweep.plugin_hash, sweep.data_hash);
    let (name, way_out) = (&*sweep.request.plugin, "mend it, and run the sweep again");
    let note = match (answers.known().map(|known| known.verdict), fact) {
        (Some(AuditVerdict::LooksAhead(finding)), _) => {
            return Err(EvidenceError::LooksAhead { found: in_words(name, &finding), way_out });
        }
        (_, Some(CheckFact::LooksAhead)) => {
            let found = format!("`{}` looks ahead, as the file says", label(name));
            return Err(EvidenceError::LooksAhead { found, way_out });
        }
        (Some(AuditVerdict::Clean), _) | (_, Some(CheckFact::Clean)) => None,
        (Some(AuditVerdict::Undecided(why)), _) => Some(undecided(name, &why)),
        (None, Some(CheckFact::Undecided)) => {
            Some(undecided(name, "a quick check did not suffice; `host check` takes longer"))
        }
        (None, _) => Some(format!(
            "nobody has checked `{}` for look-ahead on these bars; `host check`, with its plugin and its data, does",
            label(name)
        )),
    };
    Ok(answers.note().into_iter().chain(note).collect())
}
