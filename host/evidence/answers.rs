//! The answers of checks in the store, as they are looked up, kept and said.
//!
//! Never asks a strategy.

use crate::{
    audit::{AUDIT_VERSION, Options, Report, Verdict},
    backtest::Strategy,
    data::Dataset,
    model::{Digest, Params, format_time, label},
    results::params_text,
    store::{AuditDepth, AuditVerdict, KeptAudit, KeptFinding, Store, StoreError},
    sweep::with_causes,
};

/// What the store knows of a plugin on some bars. Nothing without a store.
#[derive(Debug)]
pub(super) struct Answers {
    /// The store, and the hash of the plugin.
    store: Option<(Store, Digest)>,
    bars: Digest,
    /// The first problem with the store.
    problem: Option<StoreError>,
}

impl Answers {
    pub(super) fn new(store: Option<Store>, plugin: Option<Digest>, bars: Digest) -> Self {
        Self { store: store.zip(plugin), bars, problem: None }
    }

    pub(super) fn known(&mut self) -> Option<KeptAudit> {
        let (store, plugin) = self.store.as_ref()?;
        match store.audit(*plugin, AUDIT_VERSION, self.bars) {
            Ok(known) => known,
            Err(error) => {
                self.problem.get_or_insert(error);
                None
            }
        }
    }

    /// Keeps `audit`, and returns what is known then.
    fn keep(&mut self, audit: KeptAudit) -> KeptAudit {
        let Some((store, plugin)) = &self.store else { return audit };
        if let Err(error) = store.keep_audit(*plugin, AUDIT_VERSION, audit.clone()) {
            self.problem.get_or_insert(error);
        }
        self.known().unwrap_or(audit)
    }

    /// Keeps all of `audits`, and returns what is known of the strategy then.
    pub(super) fn keep_all(&mut self, audits: Vec<KeptAudit>) -> AuditVerdict {
        let known = audits.into_iter().map(|audit| self.keep(audit)).last();
        known.map_or_else(|| AuditVerdict::Undecided("nothing was asked".to_owned()), |known| known.verdict)
    }

    /// What was wrong with the store, if anything was.
    pub(super) fn note(&self) -> Option<String> {
        self.problem.as_ref().map(problem)
    }
}

fn problem(error: &StoreError) -> String {
    format!("the store could not be used for what checks find: {}", with_causes(error))
}

/// Keeps what an audit found, asked with `options` and the parameters `given`, in `store`, if there is one. Returns what the user
/// should know, one line each.
pub fn keep_answer(
    report: &Report,
    (strategy, data): (&Strategy, &Dataset),
    (options, given): (&Options, &Params),
    store: Result<Option<Store>, StoreError>,
) -> Vec<String> {
    let (store, unopened) = match store {
        Ok(store) => (store, None),
        Err(error) => (None, Some(problem(&error))),
    };
    let mut answers = Answers::new(store, strategy.digest(), data.fingerprint());
    let (bars, depth) = (answers.bars, depth(options, given));
    let known = answers.keep(KeptAudit { bars, depth, verdict: verdict(report) });
    let earlier = match &known.verdict {
        AuditVerdict::LooksAhead(finding) if report.findings.is_empty() => {
            let found = in_words(&strategy.description().name, finding);
            Some(format!("an earlier check, of other questions or bars, found that {found}"))
        }
        _ => None,
    };
    unopened.into_iter().chain(answers.note()).chain(earlier).collect()
}

/// How much `options` ask with the parameters `given`.
pub(super) fn depth(options: &Options, given: &Params) -> AuditDepth {
    AuditDepth { is_free: given.is_empty(), samples: options.samples as u64, cuts: options.cuts as u64 }
}

/// What a report says of look-ahead.
pub(super) fn verdict(report: &Report) -> AuditVerdict {
    match report.findings.first() {
        Some(finding) => AuditVerdict::LooksAhead(KeptFinding {
            params: finding.params.clone(),
            symbol: finding.symbol.clone(),
            bar: finding.bar as u64,
            time: finding.time,
        }),
        None => match report.look_ahead() {
            Some(check) if check.verdict == Verdict::Passed => AuditVerdict::Clean,
            check => {
                let why = check.map_or("", |check| &check.detail);
                AuditVerdict::Undecided(why.trim_start_matches("undecided: ").to_owned())
            }
        },
    }
}

/// What was found.
pub(super) fn in_words(name: &str, finding: &KeptFinding) -> String {
    let KeptFinding { params, symbol, bar, time } = finding;
    let params = if params.is_empty() { String::new() } else { format!(" with {}", params_text(params)) };
    let (name, symbol, params, time) = (label(name), label(symbol), label(&params), format_time(*time));
    format!("`{name}` looks ahead: its answer for bar {bar} of `{symbol}` ({time}){params} depends on later bars")
}
