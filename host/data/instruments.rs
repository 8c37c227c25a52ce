//! Instruments files: the terms, the zone and the session of single instruments, as TOML.
//!
//! Never knows which instruments the data has.

use std::{
    io,
    path::{Path, PathBuf},
};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use super::zones::Timezone;
use crate::{
    file::{LIST, read_text_at_most},
    model::{BarTime, Contract, Session, nearest},
};

/// What is special about one instrument.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstrumentTerms {
    /// The terms of trading.
    pub contract: Contract,
    /// The zone of its times and days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// The hours of trading of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What its time stamps say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar_time: Option<BarTime>,
}

/// Why an instruments file is not one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstrumentsError {
    /// The file cannot be read.
    #[error("cannot read the instruments file `{}`", path.display())]
    Read {
        /// The path as given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("`{}` is not TOML: {problem}", path.display())]
    Syntax {
        /// The path as given.
        path: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// A section is not the terms of an instrument.
    #[error("`{}`, section `[{section}]`: {problem}", path.display())]
    Section {
        /// The path as given.
        path: PathBuf,
        /// The instrument.
        section: String,
        /// What is wrong.
        problem: String,
    },
}

/// The keys of a section: those of the contract, then the others.
const KEYS: [&str; 11] = [
    "lot",
    "tick",
    "multiplier",
    "commission_bps",
    "commission_per_unit",
    "commission_per_order",
    "commission_minimum",
    "commission_maximum",
    "timezone",
    "session",
    "bar_time",
];

/// The keys whose numbers are above zero; the others are at least zero.
const POSITIVE: [&str; 3] = ["lot", "tick", "multiplier"];

/// Reads an instruments file: a section for each instrument, such as `["ES"]`, with any of the keys of
/// [`Contract`], `timezone`, `session` and `bar_time`.
///
/// # Errors
///
/// Returns an error if the file cannot be read, is not TOML, or has a key or a value that is not known.
pub fn read_instruments(path: &Path) -> Result<IndexMap<String, InstrumentTerms>, InstrumentsError> {
    let text =
        read_text_at_most(path, LIST).map_err(|source| InstrumentsError::Read { path: path.to_owned(), source })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| InstrumentsError::Syntax {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    let section = |(section, value): (String, Value)| match terms(value) {
        Ok(terms) => Ok((section, terms)),
        Err(problem) => Err(InstrumentsError::Section { path: path.to_owned(), section, problem }),
    };
    table.into_iter().map(section).collect()
}

fn terms(value: Value) -> Result<InstrumentTerms, String> {
    let Value::Table(mut table) = value else {
        return Err("is a value, not a section; write the keys below `[SYMBOL]`".to_owned());
    };
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(nested(key, &table[key]).unwrap_or_else(|| nearest::unknown("key", key, KEYS.into_iter())));
    }
    let timezone = text(&mut table, "timezone")?;
    let session = text(&mut table, "session")?;
    let bar_time = text(&mut table, "bar_time")?;
    for (key, value) in &table {
        check_number(key, value)?;
    }
    let contract = Contract::deserialize(table).map_err(|error| error.message().to_owned())?;
    Ok(InstrumentTerms { contract, timezone, session, bar_time })
}

/// A symbol with a point, such as `BRK.B`, is a section in a section to TOML.
fn nested(key: &str, value: &Value) -> Option<String> {
    let is_section = value.is_table();
    is_section.then(|| format!("has a section `{key}` in it; a symbol with a point needs quotes, like `[\"BRK.B\"]`"))
}

/// Takes a key whose value is a text.
fn text<T: std::str::FromStr<Err = String>>(table: &mut Table, key: &str) -> Result<Option<T>, String> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|problem| format!("`{key}`: {problem}")),
        Some(other) => Err(format!("`{key}` is {other}; write a text in quotes")),
    }
}

fn check_number(key: &str, value: &Value) -> Result<(), String> {
    let number = value.as_float().or_else(|| value.as_integer().map(|whole| whole as f64));
    let number = number.ok_or_else(|| format!("`{key}` is {value}; give a number"))?;
    let is_positive = POSITIVE.contains(&key);
    match number.is_finite() && (number > 0.0 || !is_positive && number == 0.0) {
        true => Ok(()),
        false if is_positive => Err(format!("`{key}` is {number}; give a finite number above 0")),
        false => Err(format!("`{key}` is {number}; give a finite number of at least 0")),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<IndexMap<String, InstrumentTerms>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("i.toml");
        fs::write(&path, text).unwrap();
        let bare = |error: InstrumentsError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
        read_instruments(&path).map_err(bare)
    }

    #[test]
    fn a_section_has_the_terms_of_its_instrument() {
        let text = "[ES]\nmultiplier = 50\ntick = 0.25\ntimezone = \"America/Chicago\"\nsession = \"17:00-16:00\"\n\
                    bar_time = \"close\"\n[\"BRK.B\"]\nlot = 1\ncommission_bps = 0\n";
        let found = read(text).unwrap();
        let es = &found["ES"];
        assert_eq!((es.contract.multiplier, es.contract.tick, es.contract.lot), (Some(50.0), Some(0.25), None));
        assert_eq!(es.timezone.as_ref().map(Timezone::name), Some("America/Chicago"));
        assert_eq!(es.session.map(|session| session.to_string()).as_deref(), Some("17:00-16:00"));
        assert_eq!(es.bar_time, Some(BarTime::Close));
        assert_eq!(found["BRK.B"].contract.lot, Some(1.0));
        let json = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<IndexMap<String, InstrumentTerms>>(&json).unwrap(), found);
    }

    #[test]
    fn what_is_not_known_is_named_with_the_way_out() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected);
        check("[ES]\nlots = 1\n", "`i.toml`, section `[ES]`: unknown key `lots`; did you mean `lot`?");
        check("[ES]\nlot = 0\n", "`i.toml`, section `[ES]`: `lot` is 0; give a finite number above 0");
        check("[ES]\ntick = nan\n", "`i.toml`, section `[ES]`: `tick` is NaN; give a finite number above 0");
        check(
            "[ES]\ncommission_bps = -1\n",
            "`i.toml`, section `[ES]`: `commission_bps` is -1; give a finite number of at least 0",
        );
        check("[ES]\nlot = \"1\"\n", "`i.toml`, section `[ES]`: `lot` is \"1\"; give a number");
        check("[ES]\ntimezone = -5\n", "`i.toml`, section `[ES]`: `timezone` is -5; write a text in quotes");
        check(
            "[ES]\ntimezone = \"Chicago\"\n",
            "`i.toml`, section `[ES]`: `timezone`: unknown time zone `Chicago`; did you mean `America/Chicago`?",
        );
        check("lot = 1\n", "`i.toml`, section `[lot]`: is a value, not a section; write the keys below `[SYMBOL]`");
        check(
            "[BRK.B]\nlot = 1\n",
            "`i.toml`, section `[BRK]`: has a section `B` in it; a symbol with a point needs quotes, like `[\"BRK.B\"]`",
        );
        assert!(read("[ES\n").unwrap_err().starts_with("`i.toml` is not TOML: "));
    }
}
