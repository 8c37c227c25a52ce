//! Names of files: the instrument that a file is named after, and what dates and numbers stand beside it.
//!
//! Never opens a file.

use std::path::{Component, Path};

/// What a name has beside the instrument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Extra {
    Nothing,
    /// A number alone, which may stand for another instrument as well.
    Number,
    /// A date, or the number of a part.
    Date,
}

/// A name taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stem {
    /// The name without what stands beside the instrument; that of the folder, if nothing is left.
    pub(super) base: String,
    /// The path with a star for each date and number: the same for files that may belong together.
    pub(super) key: String,
    pub(super) extra: Extra,
}

/// Takes the path of a file apart.
pub(super) fn stem_of(path: &Path) -> Stem {
    let (base, name_key, mut extra) = strip(&path.file_stem().unwrap_or_default().to_string_lossy());
    let folders = path.parent().into_iter().flat_map(Path::components);
    let mut key = String::new();
    for folder in folders {
        let (_, folder_key, kind) = strip(&folder.as_os_str().to_string_lossy());
        // A number in a folder may be anything.
        let is_date = kind == Extra::Date;
        key += &if is_date { folder_key } else { folder.as_os_str().to_string_lossy().into_owned() };
        key.push('/');
        extra = if is_date { Extra::Date } else { extra };
    }
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    let base = if base.is_empty() { folder.unwrap_or_default() } else { base };
    Stem { base, key: key + &name_key, extra }
}

/// The instrument that a folder such as `symbol=AAPL` names.
pub(super) fn symbol_of(path: &Path) -> Option<String> {
    let folder = |component: Component<'_>| {
        let text = component.as_os_str().to_str()?;
        let (key, value) = text.split_once('=')?;
        let is_symbol = ["symbol", "ticker", "instrument", "asset"].contains(&key.to_lowercase().as_str());
        (is_symbol && !value.is_empty()).then(|| value.to_owned())
    };
    path.parent()?.components().rev().find_map(folder)
}

/// Takes a name apart: what is left, what is left with a star for the rest, and what the rest is.
fn strip(name: &str) -> (String, String, Extra) {
    let is_separator = |c: char| matches!(c, '-' | '_' | '.' | ' ' | '(' | ')' | '=');
    let pieces: Vec<&str> = name.split(is_separator).filter(|piece| !piece.is_empty()).collect();
    let mut extra = Extra::Nothing;
    let mut is_extra = vec![false; pieces.len()];
    let mut at = 0;
    while at < pieces.len() {
        let length = date_length(&pieces[at..]);
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
        return (name.to_owned(), name.to_owned(), extra);
    }
    let mut key = String::new();
    for (piece, is_extra) in pieces.iter().zip(&is_extra) {
        let shown = if *is_extra { "*" } else { piece };
        if !(shown == "*" && key.ends_with('*')) {
            key += if key.is_empty() { "" } else { "-" };
            key += shown;
        }
    }
    let range = kept_range(name, &pieces, &is_extra);
    (range, key, extra)
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

/// How many pieces from the first on are a date or the number of a part.
fn date_length(pieces: &[&str]) -> usize {
    let number = |at: usize, digits: usize| {
        let piece = pieces.get(at)?;
        let is_number = piece.len() == digits && piece.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { piece.parse::<u32>().ok() } else { None }
    };
    let first = pieces[0].to_lowercase();
    if let Some(rest) = first.strip_prefix("part").or_else(|| first.strip_prefix("chunk")) {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return match rest {
            "" if pieces.get(1).is_some_and(|next| is_digits(next)) => 2,
            rest if is_digits(rest) => 1,
            _ => 0,
        };
    }
    let is_year = |year: u32| (1900..=2099).contains(&year);
    let is_month = |month: u32| (1..=12).contains(&month);
    let is_day = |day: u32| (1..=31).contains(&day);
    let is_quarter = |text: &str| matches!(text.to_lowercase().as_str(), "q1" | "q2" | "q3" | "q4");
    if let Some(date) = number(0, 8) {
        return usize::from(is_year(date / 10_000) && is_month(date / 100 % 100) && is_day(date % 100));
    }
    if let Some(month) = number(0, 6) {
        return usize::from(is_year(month / 100) && is_month(month % 100));
    }
    if first.len() == 6 && first.is_ascii() && is_quarter(&first[4..]) && first[..4].parse().is_ok_and(is_year) {
        return 1;
    }
    if !number(0, 4).is_some_and(is_year) {
        return 0;
    }
    if pieces.get(1).is_some_and(|piece| is_quarter(piece)) {
        return 2;
    }
    match (number(1, 2).filter(|month| is_month(*month)), number(2, 2).filter(|day| is_day(*day))) {
        (Some(_), Some(_)) => 3,
        (Some(_), None) => 2,
        _ => 1,
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
        ];
        for (path, base, key, extra) in cases {
            let expected = Stem { base: base.to_owned(), key: key.to_owned(), extra };
            assert_eq!(stem_of(Path::new(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_folder_may_name_the_symbol() {
        let symbol = |path| symbol_of(Path::new(path));
        assert_eq!(symbol("d/symbol=AAPL/year=2024/part-0.parquet").as_deref(), Some("AAPL"));
        assert_eq!(symbol("d/year=2024/part-0.parquet"), None);
        assert_eq!(symbol("AAPL.csv"), None);
    }
}
