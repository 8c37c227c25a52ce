//! Names of files: the instrument that a file is named after, and what dates and numbers stand beside it.
//!
//! Never opens a file.

use std::path::{Component, Path};

use jiff::{Span, ToSpan, civil::Date};

use crate::data::dates::names::month;

/// Endings of tables. What else stands behind the last point of a packed file may be a part of its name.
pub(crate) const TABLES: &[&str] = &[
    "csv", "tsv", "tab", "txt", "psv", "dat", "data", "prn", "parquet", "pq", "parq", "arrow", "arrows", "feather",
    "ftr", "ipc",
];

/// The names of folders that name an instrument.
const SYMBOLS: [&str; 6] = ["symbol", "ticker", "instrument", "asset", "sym", "pair"];

/// What a name has beside the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extra {
    Nothing,
    /// A number alone, which may stand for another instrument as well.
    Number,
    /// A date, or the number of a part.
    Date,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stem {
    /// The name without what stands beside the instrument; that of the folder, if nothing is left.
    pub(crate) base: String,
    /// The path with a star for each date and number: the same for files that may belong together.
    pub(crate) key: String,
    pub(crate) extra: Extra,
    /// The days that the dates say, as days since 1970: from one on until before another.
    pub(crate) period: Option<Period>,
}

/// Days since 1970, from one on until before another.
pub(crate) type Period = (i64, i64);

/// A name taken apart: what is left, what is left with a star for the rest, and what the rest is.
struct Name {
    base: String,
    key: String,
    extra: Extra,
    period: Option<Period>,
}

/// Endings that say how a file is packed.
const PACKED: [&str; 9] = ["gz", "gzip", "zst", "zstd", "zip", "bz2", "xz", "lz4", "z"];

/// Endings that stand before those of a table, and say how its inside is packed.
const INSIDE: [&str; 7] = ["snappy", "gz", "zstd", "lz4", "lz4raw", "brotli", "uncompressed"];

/// Whether an ending, in small letters, says how a file is packed.
pub(crate) fn is_packed(ending: &str) -> bool {
    PACKED.contains(&ending)
}

/// The name of a file without the endings that say how it is packed and written: `BRK.B` of `BRK.B.csv.gz`.
pub(crate) fn bare(name: &str) -> &str {
    let split = |name: &'_ str| {
        name.rsplit_once('.')
            .filter(|(stem, _)| !stem.is_empty())
            .map(|(stem, ending)| (stem.len(), ending.to_lowercase()))
    };
    let Some((end, ending)) = split(name) else { return name };
    let stem = &name[..end];
    match (is_packed(&ending), split(stem)) {
        // What stands before such an ending may be a part of the name.
        (true, Some((end, ending))) if TABLES.contains(&ending.as_str()) => &stem[..end],
        (true, _) => stem,
        (false, Some((end, inside))) if INSIDE.contains(&inside.as_str()) => &stem[..end],
        (false, _) => stem,
    }
}

/// The name of the instrument in a file that nothing else names: its own without endings, or that of its folder where it is
/// only called as parts of tables are.
pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = stem_of(path);
    if is_anonymous(bare(&name), path) && !stem.base.is_empty() { stem.base } else { bare(&name).to_owned() }
}

/// Takes the path of a file apart.
pub(crate) fn stem_of(path: &Path) -> Stem {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = bare(&name);
    let Name { mut base, key: mut name_key, mut extra, period } = match is_anonymous(name, path) {
        true => Name { base: String::new(), key: "*".to_owned(), extra: Extra::Date, period: None },
        false => strip(name),
    };
    let folders: Vec<Folder> = folders(path);
    // An archive that is named like its file says nothing besides.
    let says_more = |folder: &&Folder| !(folder.is_archive && (base.is_empty() || folder.base == base));
    let mut key = String::new();
    for folder in folders.iter().filter(says_more) {
        key += &folder.key;
        key.push('/');
    }
    if folders.iter().any(|folder| folder.is_date) {
        extra = Extra::Date;
    }
    if base.is_empty() {
        let named = folders.iter().rev().find(|folder| !folder.base.is_empty());
        if let Some(archive) = named.filter(|folder| folder.is_archive) {
            name_key.clone_from(&archive.key);
        }
        base = named.map_or_else(String::new, |folder| folder.base.clone());
    }
    let folder_period = folders.iter().rev().find_map(|folder| folder.period);
    Stem { base, key: key + &name_key, extra, period: period.or(folder_period) }
}

/// A folder or an archive that a file is in.
struct Folder {
    /// What it may call an instrument; empty, if it is a date.
    base: String,
    key: String,
    /// Whether it is a date, or has one in its name.
    is_date: bool,
    is_archive: bool,
    /// The days of the date, where they are known.
    period: Option<Period>,
}

/// The folders of a path, from the outermost on.
fn folders(path: &Path) -> Vec<Folder> {
    let mut found: Vec<Folder> = Vec::new();
    for component in path.parent().into_iter().flat_map(Path::components) {
        let text = component.as_os_str().to_string_lossy();
        let is_archive = text.to_lowercase().ends_with(".zip");
        let name = if is_archive { bare(&text) } else { &text };
        let is_within = found.last().is_some_and(|folder| folder.is_date);
        let folder = match text.split_once('=') {
            Some((key, _)) if is_of_date(key) => {
                Folder { base: String::new(), key: format!("{key}=*"), is_date: true, is_archive, period: None }
            }
            Some((_, value)) => {
                Folder { base: value.to_owned(), key: text.into_owned(), is_date: false, is_archive, period: None }
            }
            // Below a year, numbers are months and days; elsewhere, they may be anything.
            None if is_within && is_short_number(name) => {
                Folder { base: String::new(), key: "*".to_owned(), is_date: true, is_archive, period: None }
            }
            None => {
                let Name { base, key, extra, period } = strip(name);
                let is_date = extra == Extra::Date;
                let is_name = matches!(component, Component::Normal(_));
                // A table in many files is a folder with the ending of one.
                let base = if is_date || is_archive { base } else { without_table(name).to_owned() };
                let key = if is_date { key } else { name.to_owned() };
                Folder { base: if is_name { base } else { String::new() }, key, is_date, is_archive, period }
            }
        };
        found.push(folder);
    }
    found
}

/// A name without the ending of a table.
fn without_table(name: &str) -> &str {
    let split = name.rsplit_once('.').filter(|(_, ending)| TABLES.contains(&ending.to_lowercase().as_str()));
    split.map_or(name, |(stem, _)| stem)
}

/// Whether folders of this key, like `year=2024`, tell dates.
fn is_of_date(key: &str) -> bool {
    const DATES: [&str; 14] = [
        "year", "quarter", "month", "week", "day", "date", "hour", "dt", "ds", "yyyy", "mm", "dd", "yyyymm", "yyyymmdd",
    ];
    DATES.contains(&key.to_lowercase().as_str())
}

/// Whether a text is a number of a month or a day.
fn is_short_number(text: &str) -> bool {
    (1..=2).contains(&text.len()) && text.parse::<u32>().is_ok_and(|number| (1..=31).contains(&number))
}

/// Whether a file is called as programs call the parts of a table (`part-0`, `data_0`, a long number), or by a day of the month
/// that its folder is, and so by no instrument.
fn is_anonymous(name: &str, path: &Path) -> bool {
    let lower = name.to_lowercase();
    let mut pieces = lower.split(['-', '_', '.']).filter(|piece| !piece.is_empty());
    let first = pieces.next().unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let folder = path.parent().and_then(Path::file_name).map(|folder| folder.to_string_lossy().to_lowercase());
    let is_partition = folder.as_ref().is_some_and(|folder| folder.contains('='));
    let is_archive = folder.as_ref().is_some_and(|folder| folder.ends_with(".zip"));
    // Arrow writes a random number, and that of the part behind it.
    let digits = lower.bytes().filter(u8::is_ascii_hexdigit).count();
    let is_random = digits >= 32 && lower.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let is_general = ["data", "file", "bars", "export", "output", "table", "prices", "history"].contains(&first);
    let rest: Vec<&str> = pieces.collect();
    let is_numbered = rest.iter().all(|piece| is_number(piece));
    is_random
        || first == "part" && !rest.is_empty() && is_number(rest[0])
        || is_partition && (is_number(first) || is_general || first == "part") && is_numbered
        || is_archive && is_general && rest.is_empty()
        || is_short_number(name) && folders(path).last().is_some_and(|folder| folder.is_date)
}

/// The instrument that a folder such as `symbol=AAPL` names: by a name that is known, or that is given as that of the column.
pub(crate) fn symbol_of(path: &Path, column: Option<&str>) -> Option<String> {
    let folder = |component: Component<'_>| {
        let text = component.as_os_str().to_str()?;
        let (key, value) = text.split_once('=')?;
        let is_symbol = match column {
            Some(column) => key.eq_ignore_ascii_case(column),
            None => SYMBOLS.contains(&key.to_lowercase().as_str()),
        };
        let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
        // What Hive writes where there is no value.
        (is_symbol && !value.is_empty() && value != "__HIVE_DEFAULT_PARTITION__").then(|| value.into_owned())
    };
    path.parent()?.components().rev().find_map(folder)
}

fn strip(name: &str) -> Name {
    let is_separator = |c: char| matches!(c, '-' | '_' | '.' | ' ' | '(' | ')' | '=');
    let pieces: Vec<&str> = name.split(is_separator).filter(|piece| !piece.is_empty()).collect();
    let mut extra = Extra::Nothing;
    let mut is_extra = vec![false; pieces.len()];
    let mut period: Option<Period> = None;
    let mut at = 0;
    while at < pieces.len() {
        let (length, days) = dated(&pieces, at);
        period = match (period, days) {
            (Some((from, until)), Some((other, last))) => Some((from.min(other), until.max(last))),
            (period, days) => period.or(days),
        };
        is_extra[at..at + length].fill(true);
        extra = if length > 0 { Extra::Date } else { extra };
        at += length.max(1);
    }
    let is_number = |piece: &&str| piece.len() <= 3 && piece.bytes().all(|byte| byte.is_ascii_digit());
    if extra == Extra::Nothing && pieces.len() > 1 && pieces.last().is_some_and(is_number) {
        is_extra[pieces.len() - 1] = true;
        extra = Extra::Number;
    }
    if extra == Extra::Nothing {
        return Name { base: name.to_owned(), key: name.to_owned(), extra, period };
    }
    let mut key = String::new();
    for (piece, is_extra) in pieces.iter().zip(&is_extra) {
        let shown = if *is_extra { "*" } else { piece };
        if !(shown == "*" && key.ends_with('*')) {
            key += if key.is_empty() { "" } else { "-" };
            key += shown;
        }
    }
    let base = kept_range(name, &pieces, &is_extra);
    Name { base, key, extra, period }
}

/// What of the name stands before the first extra piece, or, if nothing does, after the last one.
fn kept_range(name: &str, pieces: &[&str], is_extra: &[bool]) -> String {
    let place = |piece: &str| piece.as_ptr() as usize - name.as_ptr() as usize;
    let trim = |text: &str| text.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
    let first = is_extra.iter().position(|is| *is).map_or(name.len(), |at| place(pieces[at]));
    let last = is_extra.iter().rposition(|is| *is).map_or(0, |at| place(pieces[at]) + pieces[at].len());
    let (before, after) = (trim(&name[..first]), trim(&name[last..]));
    match (before.is_empty(), after.is_empty()) {
        (false, false) => format!("{before}-{after}"),
        (false, true) => before,
        _ => after,
    }
}

/// How many pieces from `at` on are a date or the number of a part, and the days of the date.
fn dated(pieces: &[&str], at: usize) -> (usize, Option<Period>) {
    // ES_H_2024 is a contract that ends in March 2024.
    let is_code = |piece: &str| piece.len() == 1 && "FGHJKMNQUVXZ".contains(&piece.to_uppercase());
    if at > 1 && is_code(pieces[at - 1]) {
        return (0, None);
    }
    let pieces = &pieces[at..];
    let part = part_length(pieces);
    if part > 0 {
        return (part, None);
    }
    match compact(pieces[0]).map(|days| (1, days)).or_else(|| named(pieces)).or_else(|| separated(pieces)) {
        Some((length, days)) => (length, Some(days)),
        None => (0, None),
    }
}

/// How many pieces are the number of a part.
fn part_length(pieces: &[&str]) -> usize {
    let first = pieces[0].to_lowercase();
    let Some(rest) = first.strip_prefix("part").or_else(|| first.strip_prefix("chunk")) else { return 0 };
    match rest {
        "" if pieces.get(1).is_some_and(|next| is_digits(next)) => 2,
        rest if is_digits(rest) => 1,
        _ => 0,
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number that a piece of so many digits is.
fn number(piece: &str, digits: usize) -> Option<i16> {
    (piece.len() == digits && is_digits(piece)).then(|| piece.parse().ok())?
}

fn year(piece: &str) -> Option<i16> {
    number(piece, 4).filter(|year| (1900..=2099).contains(year))
}

/// The days from a date on, as long as `span`.
fn days(year: i16, month: i16, day: i16, span: Span) -> Option<Period> {
    let first = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    let since = |date: Date| date.since(Date::constant(1970, 1, 1)).map(|span| i64::from(span.get_days())).ok();
    Some((since(first)?, since(first.checked_add(span).ok()?)?))
}

/// The days of one piece: `202401`, `20240131`, `20240131T0930`, `20240131093000`, `2024Q1`, `Jan2024`, `2024Jan`.
fn compact(piece: &str) -> Option<Period> {
    if !piece.is_ascii() || piece.len() < 6 {
        return None;
    }
    let (head, tail) = piece.split_at(4);
    if piece.len() == 6 {
        if let Some(quarter) = quarter(tail) {
            return days(year(head)?, 3 * quarter - 2, 1, 3.months());
        }
        if is_digits(piece) {
            return days(year(head)?, number(tail, 2)?, 1, 1.month());
        }
    }
    if let (Some(year), Some(month)) = (year(head), month(tail)) {
        return days(year, month.into(), 1, 1.month());
    }
    let (name, last) = piece.split_at(piece.len() - 4);
    if let (Some(month), Some(year)) = (month(name), year(last)) {
        return days(year, month.into(), 1, 1.month());
    }
    let (date, time) = piece.split_at_checked(8)?;
    let time = time.strip_prefix(['T', 't']).unwrap_or(time).trim_end_matches(['Z', 'z']);
    let is_time = time.is_empty() || is_digits(time) && matches!(time.len(), 2 | 4 | 6);
    (is_time && is_digits(date)).then(|| days(year(head)?, number(&date[4..6], 2)?, number(&date[6..], 2)?, 1.day()))?
}

fn quarter(piece: &str) -> Option<i16> {
    match piece.to_lowercase().as_str() {
        "q1" => Some(1),
        "q2" => Some(2),
        "q3" => Some(3),
        "q4" => Some(4),
        _ => None,
    }
}

/// The days of pieces with the name of a month: `Jan-2024`, `2024-Jan`, `31-Jan-2024`, `2024-Jan-31`.
fn named(pieces: &[&str]) -> Option<(usize, Period)> {
    let day = |at: usize| pieces.get(at).and_then(|piece| number(piece, 2));
    let at = |at: usize| pieces.get(at).copied().unwrap_or_default();
    if let (Some(month), Some(year)) = (month(at(0)), year(at(1))) {
        return Some((2, days(year, month.into(), 1, 1.month())?));
    }
    if let (Some(year), Some(month)) = (year(at(0)), month(at(1))) {
        let whole = days(year, month.into(), 1, 1.month())?;
        let one = day(2).and_then(|day| days(year, month.into(), day, 1.day()));
        return Some(one.map_or((2, whole), |one| (3, one)));
    }
    let (day, month, year) = (day(0)?, month(at(1))?, year(at(2))?);
    Some((3, days(year, month.into(), day, 1.day())?))
}

/// The days of pieces in digits: `2024`, `2024-01`, `2024-01-31`, `2024-01-31T09-30`, `2024-Q1`.
fn separated(pieces: &[&str]) -> Option<(usize, Period)> {
    let year = year(pieces[0])?;
    let at = |at: usize| pieces.get(at).copied().unwrap_or_default();
    if let Some(quarter) = quarter(at(1)) {
        return Some((2, days(year, 3 * quarter - 2, 1, 3.months())?));
    }
    let whole = days(year, 1, 1, 1.year())?;
    let Some(month) = number(at(1), 2).filter(|month| (1..=12).contains(month)) else { return Some((1, whole)) };
    let whole = days(year, month, 1, 1.month())?;
    let (day, time) = at(2).split_once(['T', 't']).map_or((at(2), None), |(day, time)| (day, Some(time)));
    let Some(one) = number(day, 2).and_then(|day| days(year, month, day, 1.day())) else { return Some((2, whole)) };
    let is_time = |time: &str| is_digits(time.trim_end_matches(['Z', 'z'])) && time.len() <= 7;
    match time {
        None => Some((3, one)),
        Some(time) if is_time(time) => {
            // Minutes and seconds stand in pieces of their own.
            let more = (3..5).take_while(|place| time.len() == 2 && number(at(*place), 2).is_some()).count();
            Some((3 + more, one))
        }
        Some(_) => Some((2, whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_parts_are_told_from_the_instrument() {
        let cases = [
            ("BTCUSDT-1h-2024-12.csv", "BTCUSDT-1h", "BTCUSDT-1h-*", Extra::Date),
            ("BTCUSDT-1m-2024-12-01.csv", "BTCUSDT-1m", "BTCUSDT-1m-*", Extra::Date),
            ("DAT_ASCII_EURUSD_M1_202401.csv", "DAT_ASCII_EURUSD_M1", "DAT-ASCII-EURUSD-M1-*", Extra::Date),
            ("EURUSD_20240101-20240131.csv", "EURUSD", "EURUSD-*", Extra::Date),
            ("XBTUSD_2024Q1.csv", "XBTUSD", "XBTUSD-*", Extra::Date),
            ("spy_2020_2021.csv", "spy", "spy-*", Extra::Date),
            ("2024-01-ES.csv", "ES", "*-ES", Extra::Date),
            ("spy_2024_part2.csv", "spy", "spy-*", Extra::Date),
            ("spy.part-3.csv", "spy", "spy-*", Extra::Date),
            ("fund-1.csv", "fund", "fund-*", Extra::Number),
            ("spy (1).csv", "spy", "spy-*", Extra::Number),
            ("x/2024.csv", "x", "x/*", Extra::Date),
            ("2024/spy.csv", "spy", "*/spy", Extra::Date),
            ("7/spy.csv", "spy", "7/spy", Extra::Nothing),
            ("ESH2024.csv", "ESH2024", "ESH2024", Extra::Nothing),
            ("600519.csv", "600519", "600519", Extra::Nothing),
            ("1301.csv", "1301", "1301", Extra::Nothing),
            ("apartment.csv", "apartment", "apartment", Extra::Nothing),
            ("a-b.csv", "a-b", "a-b", Extra::Nothing),
            ("ES-Jan-2024.csv", "ES", "ES-*", Extra::Date),
            ("EURUSD_M1_Jan2024.csv", "EURUSD_M1", "EURUSD-M1-*", Extra::Date),
            ("EURUSD 2024-january.csv", "EURUSD", "EURUSD-*", Extra::Date),
            ("ES_31-Jan-2024.csv", "ES", "ES-*", Extra::Date),
            ("ES_20240101T0000.csv", "ES", "ES-*", Extra::Date),
            ("ES_20240101T000000Z-20240131T235959Z.csv", "ES", "ES-*", Extra::Date),
            ("ES_2024-01-01T00-00-00.csv", "ES", "ES-*", Extra::Date),
            ("ES_20240101093000.csv", "ES", "ES-*", Extra::Date),
            ("ESH24.csv", "ESH24", "ESH24", Extra::Nothing),
            ("ESZ4.csv", "ESZ4", "ESZ4", Extra::Nothing),
            ("ES-H24.csv", "ES-H24", "ES-H24", Extra::Nothing),
            ("ES_H_2024.csv", "ES_H_2024", "ES_H_2024", Extra::Nothing),
            ("F_2024.csv", "F", "F-*", Extra::Date),
            ("may.csv", "may", "may", Extra::Nothing),
            ("ES_202413.csv", "ES_202413", "ES_202413", Extra::Nothing),
            ("ES_20240230.csv", "ES_20240230", "ES_20240230", Extra::Nothing),
        ];
        for (path, base, key, extra) in cases {
            let found = stem_of(Path::new(path));
            assert_eq!((found.base.as_str(), found.key.as_str(), found.extra), (base, key, extra), "{path}");
        }
    }

    #[test]
    fn dates_of_a_name_are_days() {
        let cases = [
            ("X-2024.csv", Some(("2024-01-01", "2025-01-01"))),
            ("X-2024-02.csv", Some(("2024-02-01", "2024-03-01"))),
            ("X-202402.csv", Some(("2024-02-01", "2024-03-01"))),
            ("X-2024-02-29.csv", Some(("2024-02-29", "2024-03-01"))),
            ("X-20240229.csv", Some(("2024-02-29", "2024-03-01"))),
            ("X-2024Q4.csv", Some(("2024-10-01", "2025-01-01"))),
            ("X-2024-q1.csv", Some(("2024-01-01", "2024-04-01"))),
            ("X-Feb-2024.csv", Some(("2024-02-01", "2024-03-01"))),
            ("X_2024Feb.csv", Some(("2024-02-01", "2024-03-01"))),
            ("X_2024-Feb-29.csv", Some(("2024-02-29", "2024-03-01"))),
            ("X_20240101-20240131.csv", Some(("2024-01-01", "2024-02-01"))),
            ("X_2020_2021.csv", Some(("2020-01-01", "2022-01-01"))),
            ("X_2024-01-31T09-30.csv", Some(("2024-01-31", "2024-02-01"))),
            ("2023/X.csv", Some(("2023-01-01", "2024-01-01"))),
            ("2023/X-202302.csv", Some(("2023-02-01", "2023-03-01"))),
            ("X-2024-part2.csv", Some(("2024-01-01", "2025-01-01"))),
            ("X-part2.csv", None),
            ("X-1.csv", None),
        ];
        let day = |text: &str| {
            let date: Date = text.parse().unwrap();
            i64::from(date.since(Date::constant(1970, 1, 1)).unwrap().get_days())
        };
        for (path, expected) in cases {
            let expected = expected.map(|(from, until)| (day(from), day(until)));
            assert_eq!(stem_of(Path::new(path)).period, expected, "{path}");
        }
    }

    #[test]
    fn a_folder_may_name_the_symbol() {
        let symbol = |path, column| symbol_of(Path::new(path), column);
        assert_eq!(symbol("d/symbol=AAPL/year=2024/part-0.parquet", None).as_deref(), Some("AAPL"));
        assert_eq!(symbol("d/Ticker=BRK%2FB/part-0.parquet", None).as_deref(), Some("BRK/B"));
        assert_eq!(symbol("d/stock=AAPL/part-0.parquet", Some("Stock")).as_deref(), Some("AAPL"));
        assert_eq!(symbol("d/symbol=__HIVE_DEFAULT_PARTITION__/part-0.parquet", None), None);
        assert_eq!(symbol("d/year=2024/part-0.parquet", None), None);
        assert_eq!(symbol("AAPL.csv", None), None);
    }

    #[test]
    fn endings_of_containers_and_tables_are_no_part_of_a_name() {
        let cases = [
            ("AAPL.csv", "AAPL"),
            ("AAPL.csv.gz", "AAPL"),
            ("AAPL.CSV.ZST", "AAPL"),
            ("AAPL.gz", "AAPL"),
            ("BRK.B.csv.gz", "BRK.B"),
            ("BRK.B.gz", "BRK.B"),
            ("AAPL.snappy.parquet", "AAPL"),
            ("AAPL", "AAPL"),
            (".csv", ".csv"),
            ("", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(bare(name), expected, "{name}");
        }
    }

    #[test]
    fn parts_of_tables_are_named_by_their_folders() {
        let spark = "db/AAPL/part-00000-2f1c9a31-8a6e-4f0e-9a25-0c4b9d1f7c11-c000.snappy.parquet";
        let cases = [
            ("db/year=2024/month=01/part-0.parquet", "db", "db/year=*/month=*/*"),
            ("db/year=2024/0.parquet", "db", "db/year=*/*"),
            ("db/year=2024/data_0.parquet", "db", "db/year=*/*"),
            ("db/exchange=NYSE/year=2024/00000000.parquet", "NYSE", "db/exchange=NYSE/year=*/*"),
            ("db/exchange=NYSE/AAPL.csv", "AAPL", "db/exchange=NYSE/AAPL"),
            (spark, "AAPL", "db/AAPL/*"),
            ("db/AAPL/part.0.parquet", "AAPL", "db/AAPL/*"),
            ("db/AAPL.parquet/part.0.parquet", "AAPL", "db/AAPL.parquet/*"),
            ("db/BRK.B/part.0.parquet", "BRK.B", "db/BRK.B/*"),
            ("db/2f1c9a318a6e4f0e9a250c4b9d1f7c11-0.parquet", "db", "db/*"),
            ("2024/01/AAPL.csv", "AAPL", "*/*/AAPL"),
            ("BTC/2024/01/02.csv", "BTC", "BTC/*/*/*"),
            ("BTC/01/02.csv", "02", "BTC/01/02"),
            ("x/AAPL.zip/AAPL.csv", "AAPL", "x/AAPL"),
            ("x/AAPL.zip/data.csv", "AAPL", "x/AAPL"),
            ("x/B-1h-2024-12.zip/B-1h-2024-12.csv", "B-1h", "x/B-1h-*"),
            ("x/B-1h-2024-12.zip/data.csv", "B-1h", "x/B-1h-*"),
            ("x/nyse-2024-12.zip/AAPL.csv", "AAPL", "x/nyse-*/AAPL"),
            ("x/B-1h-2024-12.csv.gz", "B-1h", "x/B-1h-*"),
        ];
        for (path, base, key) in cases {
            let stem = stem_of(Path::new(path));
            assert_eq!((stem.base.as_str(), stem.key.as_str()), (base, key), "{path}");
        }
        for (path, name) in [
            (spark, "AAPL"),
            ("BTC-2024-12.csv.gz", "BTC-2024-12"),
            ("AAPL.zip/data.csv", "AAPL"),
            ("db/year=2024/0.parquet", "db"),
            ("data.csv", "data"),
            ("part-0.csv", "part-0"),
        ] {
            assert_eq!(name_of(Path::new(path)), name);
        }
    }
}
