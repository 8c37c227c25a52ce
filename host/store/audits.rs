//! What audits have said of plugins: whether one looks ahead, on which bars, and how much it was asked.
//!
//! Never asks a plugin, and never forgets a look-ahead that was found: that is a proof about the plugin, on all bars. That none
//! was found is an answer for the bars that were asked about.
//!
//! Each plugin has a file of JSON with a checksum for each version of the audit, so that another version finds none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    error::StoreError,
    folder::{create_folder, locked},
    root::Store,
    seal::{sealed, unsealed},
};
use crate::{
    file::{LIST, read_at_most, write_soon},
    model::{Digest, Params},
};

/// Answers about one plugin at most: the oldest ones go.
const MOST: usize = 500;

/// What an audit has said of a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptAudit {
    /// The hash of the bars.
    pub bars: Digest,
    /// How much was asked.
    pub depth: AuditDepth,
    /// Whether it looks ahead.
    pub verdict: AuditVerdict,
}

/// How much an audit has asked. The greater one says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditDepth {
    /// Whether it chose all parameters, none of which was given.
    pub is_free: bool,
    /// Combinations of parameters that were drawn.
    pub samples: u64,
    /// Places at which the data was cut.
    pub cuts: u64,
}

/// Whether a strategy looks ahead.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditVerdict {
    /// It does: an answer depends on later bars.
    LooksAhead(KeptFinding),
    /// No answer that was compared does.
    Clean,
    /// Nobody knows, for this reason.
    Undecided(String),
}

/// The first answer that depends on later bars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFinding {
    /// The parameters.
    pub params: Params,
    /// The name of the instrument.
    pub symbol: String,
    /// The bar that was answered for, counted from 0 in the series of the instrument.
    pub bar: u64,
    /// Its time, in nanoseconds since the Unix epoch.
    pub time: i64,
}

/// A file.
#[derive(Debug, Serialize, Deserialize)]
struct AuditFile {
    plugin: Digest,
    audits: Vec<KeptAudit>,
}

impl AuditDepth {
    /// Whether all that `other` asks was asked.
    pub fn covers(self, other: Self) -> bool {
        self.is_free >= other.is_free && self.samples >= other.samples && self.cuts >= other.cuts
    }
}

impl KeptAudit {
    /// Whether the strategy looks ahead.
    pub fn looks_ahead(&self) -> bool {
        matches!(self.verdict, AuditVerdict::LooksAhead(_))
    }

    /// What says more is greater: a proof, then what is clean, then the depth.
    fn weight(&self) -> (u8, AuditDepth) {
        let rank = match self.verdict {
            AuditVerdict::LooksAhead(_) => 2,
            AuditVerdict::Clean => 1,
            AuditVerdict::Undecided(_) => 0,
        };
        (rank, self.depth)
    }
}

impl Store {
    /// What audits of `version` have said of the plugin with the hash `plugin`: that it looks ahead, on whatever bars, else what
    /// was said on those with the hash `bars`.
    ///
    /// # Errors
    ///
    /// Returns an error if the answers cannot be read, or are damaged.
    pub fn audit(&self, plugin: Digest, version: u32, bars: Digest) -> Result<Option<KeptAudit>, StoreError> {
        Ok(known(&read(&self.audit_file(plugin, version), plugin)?, bars).cloned())
    }

    /// Keeps what an audit of `version` has said of the plugin with the hash `plugin`, unless what is known says more.
    ///
    /// # Errors
    ///
    /// Returns an error if the answers cannot be read or written. A file that is damaged is set aside, and begins anew.
    pub fn keep_audit(&self, plugin: Digest, version: u32, audit: KeptAudit) -> Result<(), StoreError> {
        let (folder, path) = (self.audits_folder(), self.audit_file(plugin, version));
        create_folder(&folder)?;
        let _lock = locked(&folder.join("lock"))?;
        let (mut audits, problem) = match read(&path, plugin) {
            Err(error @ StoreError::Foreign { .. }) => {
                fs::rename(&path, path.with_extension("damaged")).map_err(StoreError::io("rename", &path))?;
                (Vec::new(), Some(error))
            }
            audits => (audits?, None),
        };
        add(&mut audits, audit);
        let text = serde_json::to_string(&AuditFile { plugin, audits });
        let text = text.map_err(|error| StoreError::Encode(error.to_string()))?;
        write_soon(&path, sealed(&text).as_bytes()).map_err(StoreError::io("write", path))?;
        problem.map_or(Ok(()), Err)
    }

    fn audits_folder(&self) -> PathBuf {
        self.root().join("audits")
    }

    fn audit_file(&self, plugin: Digest, version: u32) -> PathBuf {
        self.audits_folder().join(format!("{plugin}-{version}.json"))
    }
}

/// A proof on whatever bars, else the answer on `bars`.
fn known(audits: &[KeptAudit], bars: Digest) -> Option<&KeptAudit> {
    audits.iter().find(|audit| audit.looks_ahead()).or_else(|| audits.iter().find(|audit| audit.bars == bars))
}

/// Puts `audit` in the place of another on the same bars, unless that one says more.
fn add(audits: &mut Vec<KeptAudit>, audit: KeptAudit) {
    if audits.iter().any(|known| known.bars == audit.bars && known.weight() > audit.weight()) {
        return;
    }
    audits.retain(|known| known.bars != audit.bars);
    if audits.len() >= MOST {
        // Of many proofs one is as good as all.
        let oldest = audits.iter().position(|known| !known.looks_ahead()).unwrap_or(0);
        audits.remove(oldest);
    }
    audits.push(audit);
}

/// The answers in the file at `path`, which are about `plugin`; none if there is no file.
fn read(path: &Path, plugin: Digest) -> Result<Vec<KeptAudit>, StoreError> {
    let bytes = match read_at_most(path, LIST) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        bytes => bytes.map_err(StoreError::io("read", path))?,
    };
    let kept = std::str::from_utf8(&bytes).ok().and_then(unsealed).and_then(|text| serde_json::from_value(text).ok());
    let problem = || "what checks have found is damaged".to_owned();
    let kept = kept.filter(|kept: &AuditFile| kept.plugin == plugin);
    kept.map(|kept| kept.audits).ok_or_else(|| StoreError::Foreign { path: path.to_owned(), problem: problem() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: AuditDepth = AuditDepth { is_free: true, samples: 3, cuts: 20 };
    const WHOLE: AuditDepth = AuditDepth { is_free: true, samples: 12, cuts: 100 };
    const GIVEN: AuditDepth = AuditDepth { is_free: false, samples: 12, cuts: 100 };

    fn store() -> (tempfile::TempDir, Store, Digest) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        (folder, store, Digest::of(b"plugin"))
    }

    fn audit(bars: &[u8], depth: AuditDepth, verdict: AuditVerdict) -> KeptAudit {
        KeptAudit { bars: Digest::of(bars), depth, verdict }
    }

    fn found() -> AuditVerdict {
        let params = Params::from([("fast".to_owned(), 5.into()), ("entry".to_owned(), 5.0.into())]);
        AuditVerdict::LooksAhead(KeptFinding { params, symbol: "A".to_owned(), bar: 9, time: i64::MIN })
    }

    fn undecided() -> AuditVerdict {
        AuditVerdict::Undecided("no \"target\"".to_owned())
    }

    #[test]
    fn what_says_more_stays_and_what_says_as_much_is_replaced() {
        let cases = [
            ((QUICK, AuditVerdict::Clean), (WHOLE, AuditVerdict::Clean), true),
            ((WHOLE, AuditVerdict::Clean), (QUICK, AuditVerdict::Clean), false),
            ((WHOLE, AuditVerdict::Clean), (GIVEN, AuditVerdict::Clean), false),
            ((GIVEN, AuditVerdict::Clean), (QUICK, AuditVerdict::Clean), true),
            ((WHOLE, undecided()), (GIVEN, AuditVerdict::Clean), true),
            ((GIVEN, AuditVerdict::Clean), (WHOLE, undecided()), false),
            ((WHOLE, AuditVerdict::Clean), (GIVEN, found()), true),
            ((GIVEN, found()), (WHOLE, AuditVerdict::Clean), false),
            ((QUICK, undecided()), (QUICK, AuditVerdict::Undecided("other".to_owned())), true),
        ];
        for (one, other, is_replaced) in cases {
            let (_folder, store, plugin) = store();
            let [one, other] = [one, other].map(|(depth, verdict)| audit(b"bars", depth, verdict));
            store.keep_audit(plugin, 1, one.clone()).unwrap();
            store.keep_audit(plugin, 1, other.clone()).unwrap();
            let known = store.audit(plugin, 1, other.bars).unwrap().unwrap();
            assert_eq!(known == other, is_replaced, "{one:?} {other:?}");
        }
    }

    #[test]
    fn a_proof_holds_on_all_bars_and_anything_else_on_those_that_were_asked_about() {
        let (_folder, store, plugin) = store();
        let [here, there] = [b"here", b"away"].map(|bars| Digest::of(bars));
        store.keep_audit(plugin, 1, audit(b"here", QUICK, AuditVerdict::Clean)).unwrap();
        assert_eq!(store.audit(plugin, 1, there).unwrap(), None);
        store.keep_audit(plugin, 1, audit(b"away", GIVEN, found())).unwrap();
        for bars in [here, there, Digest::of(b"other")] {
            assert_eq!(store.audit(plugin, 1, bars).unwrap().unwrap().verdict, found());
        }
        assert_eq!(store.audit(Digest::of(b"other"), 1, there).unwrap(), None);
        assert_eq!(store.audit(plugin, 2, there).unwrap(), None, "the audit asks otherwise now");
    }

    #[test]
    fn the_oldest_answers_go_but_a_proof() {
        let mut audits = vec![audit(b"proof", QUICK, found())];
        for number in 0..2 * MOST {
            add(&mut audits, audit(&number.to_le_bytes(), QUICK, AuditVerdict::Clean));
        }
        assert!(audits.len() == MOST && audits[0].looks_ahead());
        assert_eq!(audits.last().unwrap().bars, Digest::of(&(2 * MOST - 1).to_le_bytes()));
    }

    #[test]
    fn damage_is_found_and_set_aside() {
        let (_folder, store, plugin) = store();
        let clean = audit(b"bars", QUICK, AuditVerdict::Clean);
        store.keep_audit(plugin, 1, clean.clone()).unwrap();
        store.keep_audit(plugin, 1, audit(b"other", QUICK, undecided())).unwrap();
        let path = store.audit_file(plugin, 1);
        let whole = fs::read(&path).unwrap();
        // The last byte is the end of the line.
        for place in 0..whole.len() - 1 {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, &damaged).unwrap();
            let error = store.audit(plugin, 1, clean.bars).unwrap_err();
            assert!(matches!(error, StoreError::Foreign { .. }), "byte {place}: {error}");
        }
        let kept = store.keep_audit(plugin, 1, clean.clone());
        assert!(matches!(kept, Err(StoreError::Foreign { .. })), "{kept:?}");
        assert!(path.with_extension("damaged").is_file());
        assert_eq!(store.audit(plugin, 1, clean.bars).unwrap(), Some(clean.clone()));
        // Nor is a file taken for that of another plugin.
        let other = Digest::of(b"other");
        fs::copy(&path, store.audit_file(other, 1)).unwrap();
        assert!(store.audit(other, 1, clean.bars).is_err());
    }
}
