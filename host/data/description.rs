//! Descriptions of files: how a file is written, as far as it is known or said, and the TOML that keeps it.
//!
//! Never looks at the file that is described.

use std::{
    io,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{error::DataError, fields::Field, sources::encoding::encoding_named, zones::Timezone};
use crate::{
    file::{SETTINGS, read_text_at_most},
    model::{BarTime, Session, nearest},
};

/// How a file is written. What is not said is recognised.
///
/// A description is kept as TOML beside its file, under the same name with `.toml` behind: `spy.csv.toml` describes `spy.csv`.
///
/// # Examples
///
/// ```
/// use host::data::FileDescription;
///
/// let mut description = FileDescription::default();
/// description.set("close", "Settle")?;
/// description.set("decimal", ",")?;
/// assert!(description.set("colse", "Settle").unwrap_err().contains("did you mean `close`?"));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct FileDescription {
    /// The encoding of a text, by its name in the web's standard: `gbk`, `shift_jis`, `windows-1251`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// What stands between the cells of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Lines of a text before the header, or before the first bar where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
    /// Lines of the header; zero where there is none.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "header")]
    pub header: Option<u8>,
    /// The character between the whole part of a number and its fraction: `.` or `,`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "decimal")]
    pub decimal: Option<char>,
    /// How times are written, in the fields of `strftime`, or the name of a count such as `excel`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// The column of times, or of dates.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub time: Option<String>,
    /// The column of times of day, beside a column of dates.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub time_of_day: Option<String>,
    /// The column of opens.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub open: Option<String>,
    /// The column of highs.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub high: Option<String>,
    /// The column of lows.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub low: Option<String>,
    /// The column of closes.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub close: Option<String>,
    /// The column of adjusted closes.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub adj_close: Option<String>,
    /// The column of volumes.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub volume: Option<String>,
    /// The column of symbols.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "column")]
    pub symbol: Option<String>,
    /// The zone in which times without an offset are written, and in which days are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<Timezone>,
    /// The hours of trading of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// What the time stamp of a bar says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bar_time: Option<BarTime>,
    /// Sorts bars by time.
    #[serde(skip_serializing_if = "is_false")]
    pub sort: bool,
    /// Drops bad bars.
    #[serde(skip_serializing_if = "is_false")]
    pub drop_bad: bool,
    /// Takes the adjusted close.
    #[serde(skip_serializing_if = "is_false")]
    pub adjusted: bool,
    /// Takes prices of zero and below.
    #[serde(skip_serializing_if = "is_false")]
    pub negative_prices: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// The names of what a description says, as `--read` takes them.
const NAMES: [&str; 15] = [
    "encoding",
    "delimiter",
    "skip",
    "header",
    "decimal",
    "date-format",
    "time",
    "time-of-day",
    "open",
    "high",
    "low",
    "close",
    "adj-close",
    "volume",
    "symbol",
];

impl FileDescription {
    /// The name under which a Parquet file keeps the description of its bars.
    pub(crate) const KEY: &str = "host.read";

    /// Sets what is called `name` to what `value` writes.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the name or the value, with what could be meant.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let text = || (!value.is_empty()).then(|| value.to_owned()).ok_or_else(|| format!("`{name}` has no value"));
        match name {
            "encoding" => {
                let known = encoding_named(value).ok_or_else(|| refusal(name, value, ENCODINGS))?;
                self.encoding = Some(known.name().to_lowercase());
            }
            "delimiter" => self.delimiter = Some(value.parse()?),
            "skip" => self.skip = Some(value.parse().map_err(|_| refusal(name, value, "the number of lines"))?),
            "header" => self.header = Some(header_of(value)?),
            "decimal" => self.decimal = Some(decimal_of(value)?),
            "date-format" => self.date_format = Some(text()?),
            _ => match Field::named(name) {
                Some(field) => *self.column_mut(field) = Some(text()?),
                None => return Err(nearest::unknown("option of `--read`", name, NAMES.into_iter())),
            },
        }
        Ok(())
    }

    /// The column of `field`, by its name or by its number from 1 on, if it is said.
    pub(super) fn column(&self, field: Field) -> Option<&str> {
        let column = match field {
            Field::Time => &self.time,
            Field::TimeOfDay => &self.time_of_day,
            Field::Open => &self.open,
            Field::High => &self.high,
            Field::Low => &self.low,
            Field::Close => &self.close,
            Field::Adjusted => &self.adj_close,
            Field::Volume | Field::Ticks => &self.volume,
            Field::Symbol => &self.symbol,
        };
        column.as_deref()
    }

    pub(super) fn column_mut(&mut self, field: Field) -> &mut Option<String> {
        match field {
            Field::Time => &mut self.time,
            Field::TimeOfDay => &mut self.time_of_day,
            Field::Open => &mut self.open,
            Field::High => &mut self.high,
            Field::Low => &mut self.low,
            Field::Close => &mut self.close,
            Field::Adjusted => &mut self.adj_close,
            Field::Volume | Field::Ticks => &mut self.volume,
            Field::Symbol => &mut self.symbol,
        }
    }

    /// This description, completed by `base`.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        Self {
            encoding: self.encoding.or(base.encoding),
            delimiter: self.delimiter.or(base.delimiter),
            skip: self.skip.or(base.skip),
            header: self.header.or(base.header),
            decimal: self.decimal.or(base.decimal),
            date_format: self.date_format.or(base.date_format),
            time: self.time.or(base.time),
            time_of_day: self.time_of_day.or(base.time_of_day),
            open: self.open.or(base.open),
            high: self.high.or(base.high),
            low: self.low.or(base.low),
            close: self.close.or(base.close),
            adj_close: self.adj_close.or(base.adj_close),
            volume: self.volume.or(base.volume),
            symbol: self.symbol.or(base.symbol),
            timezone: self.timezone.or(base.timezone),
            session: self.session.or(base.session),
            bar_time: self.bar_time.or(base.bar_time),
            sort: self.sort || base.sort,
            drop_bad: self.drop_bad || base.drop_bad,
            adjusted: self.adjusted || base.adjusted,
            negative_prices: self.negative_prices || base.negative_prices,
        }
    }

    /// The path of the description of the file at `path`.
    pub fn path_beside(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(".toml");
        name.into()
    }

    /// Reads the description beside the file at `path`, if there is one.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be read, or is not a description.
    pub fn read_beside(path: &Path) -> Result<Option<Self>, DataError> {
        let place = Self::path_beside(path);
        let refused = |problem: String| DataError::Description { path: place.clone(), problem };
        match read_text_at_most(&place, SETTINGS) {
            Ok(text) => {
                toml::from_str(&text).map(Some).map_err(|error| refused(error.to_string().trim_end().to_owned()))
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// The description as TOML.
    pub fn to_toml(&self) -> String {
        // Texts and numbers under names always serialise.
        toml::to_string(self).unwrap_or_default()
    }

    /// Whether nothing is said.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Lines that a header has at most: those of yfinance.
const MOST_HEADER_LINES: u8 = 3;

/// What the name of an encoding may be.
const ENCODINGS: &str = "the name of an encoding, like utf-8, utf-16, gbk, big5, shift_jis, euc-kr, windows-1252";

fn header_of(value: &str) -> Result<u8, String> {
    let lines = value.parse().ok().filter(|lines| *lines <= MOST_HEADER_LINES);
    lines.ok_or_else(|| refusal("header", value, "the number of its lines, at most 3"))
}

fn decimal_of(value: &str) -> Result<char, String> {
    let mark = value.parse().ok().filter(|mark| matches!(mark, '.' | ','));
    mark.ok_or_else(|| refusal("decimal", value, "`.` or `,`"))
}

fn header<'de, D: Deserializer<'de>>(source: D) -> Result<Option<u8>, D::Error> {
    let lines = u64::deserialize(source)?;
    header_of(&lines.to_string()).map(Some).map_err(de::Error::custom)
}

fn decimal<'de, D: Deserializer<'de>>(source: D) -> Result<Option<char>, D::Error> {
    decimal_of(&String::deserialize(source)?).map(Some).map_err(de::Error::custom)
}

/// A column by its name, or by its number.
fn column<'de, D: Deserializer<'de>>(source: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a column: its name in quotes, or its number")]
    enum Column {
        Name(String),
        Number(u64),
    }
    Ok(Some(match Column::deserialize(source)? {
        Column::Name(name) => name,
        Column::Number(number) => number.to_string(),
    }))
}

fn refusal(name: &str, value: &str, wanted: &str) -> String {
    format!("`{name}` is `{value}`; it must be {wanted}")
}

/// What stands between the cells of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimiter {
    /// One character.
    Char(u8),
    /// Blanks, any number of them.
    Blanks,
}

/// Delimiters that have names, since they are hard to type or to see.
const DELIMITERS: [(&str, Delimiter); 6] = [
    ("comma", Delimiter::Char(b',')),
    ("semicolon", Delimiter::Char(b';')),
    ("tab", Delimiter::Char(b'\t')),
    ("pipe", Delimiter::Char(b'|')),
    ("blanks", Delimiter::Blanks),
    ("\\t", Delimiter::Char(b'\t')),
];

impl FromStr for Delimiter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, known)) = DELIMITERS.into_iter().find(|(name, _)| *name == text) {
            return Ok(known);
        }
        match text.as_bytes() {
            [b' '] => Ok(Self::Blanks),
            [byte] if byte.is_ascii_punctuation() && *byte != b'"' || *byte == b'\t' => Ok(Self::Char(*byte)),
            _ => Err(refusal("delimiter", text, "one character, or one of comma, semicolon, tab, pipe, blanks")),
        }
    }
}

impl std::fmt::Display for Delimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (DELIMITERS.into_iter().find(|(_, known)| known == self), self) {
            (Some((name, _)), _) => f.pad(name),
            (None, Self::Char(byte)) => write!(f, "{}", char::from(*byte)),
            (None, Self::Blanks) => f.pad("blanks"),
        }
    }
}

impl Serialize for Delimiter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Delimiter {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        String::deserialize(source)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(options: &[(&str, &str)]) -> Result<FileDescription, String> {
        let mut description = FileDescription::default();
        options.iter().try_for_each(|(name, value)| description.set(name, value))?;
        Ok(description)
    }

    #[test]
    fn every_name_sets_something_of_its_own_that_toml_keeps() {
        let value = |name: &str| match name {
            "encoding" => "gbk",
            "delimiter" => "pipe",
            "skip" | "header" => "2",
            "decimal" => ",",
            _ => "x",
        };
        for name in NAMES {
            let one = described(&[(name, value(name))]).unwrap();
            assert!(!one.is_empty(), "{name}");
            let text = toml::to_string(&one).unwrap();
            assert!(text.starts_with(&format!("{name} = ")), "{text}");
            assert_eq!(toml::from_str::<FileDescription>(&text).unwrap(), one);
            assert_eq!(one.clone().over(FileDescription::default()), one);
            assert_eq!(FileDescription::default().over(one.clone()), one);
        }
    }

    #[test]
    fn what_is_typed_wins_over_what_was_there() {
        let base = described(&[("close", "Last"), ("skip", "1")]).unwrap();
        let both = described(&[("close", "Settle")]).unwrap().over(base);
        assert_eq!(both, described(&[("close", "Settle"), ("skip", "1")]).unwrap());
    }

    #[test]
    fn values_that_mean_nothing_are_refused_with_what_could_be_meant() {
        let refused = |name, value| described(&[(name, value)]).unwrap_err();
        assert!(
            refused("encoding", "mandarin").starts_with("`encoding` is `mandarin`; it must be the name of an encoding")
        );
        assert_eq!(refused("decimal", ";"), "`decimal` is `;`; it must be `.` or `,`");
        assert_eq!(refused("skip", "-1"), "`skip` is `-1`; it must be the number of lines");
        assert_eq!(refused("header", "4"), "`header` is `4`; it must be the number of its lines, at most 3");
        assert_eq!(refused("close", ""), "`close` has no value");
        let delimiter = "`delimiter` is `::`; it must be one character, or one of comma, semicolon, tab, pipe, blanks";
        assert_eq!(refused("delimiter", "::"), delimiter);
        assert!(refused("delimeter", ",").contains("did you mean `delimiter`?"));
    }

    #[test]
    fn a_file_is_checked_as_an_option_is() {
        let refused = |text: &str| toml::from_str::<FileDescription>(text).unwrap_err().to_string();
        assert!(refused("header = 99\n").contains("`header` is `99`; it must be the number of its lines, at most 3"));
        assert!(refused("decimal = \"x\"\n").contains("`decimal` is `x`; it must be `.` or `,`"));
        assert!(refused("close = true\n").contains("a column: its name in quotes, or its number"));
        let read = toml::from_str::<FileDescription>("close = 5\nopen = \"Open\"\n").unwrap();
        assert_eq!((read.close.as_deref(), read.open.as_deref()), (Some("5"), Some("Open")));
    }
}
