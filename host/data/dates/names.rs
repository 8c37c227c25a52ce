//! Names in dates: months, days of the week, halves of the day, and what stands for a zone behind a time.
//!
//! Never knows what a zone's clock shows.

use jiff::tz::Offset;

/// The names of months, in small letters, without a point: of English, German, French, Spanish, Italian, Portuguese and Dutch.
/// No name is that of two months.
const MONTHS: [&[&str]; 12] = [
    &["jan", "january", "januar", "jänner", "janvier", "janv", "enero", "ene", "gennaio", "gen", "janeiro", "januari"],
    &[
        "feb",
        "february",
        "februar",
        "février",
        "fevrier",
        "févr",
        "fevr",
        "fév",
        "fev",
        "febrero",
        "febbraio",
        "fevereiro",
        "februari",
    ],
    &["mar", "march", "märz", "mär", "mrz", "maerz", "mars", "marzo", "março", "marco", "maart", "mrt"],
    &["apr", "april", "avril", "avr", "abril", "abr", "aprile"],
    &["may", "mai", "mayo", "maggio", "mag", "maio", "mei"],
    &["jun", "june", "juni", "juin", "junio", "giugno", "giu", "junho"],
    &["jul", "july", "juli", "juillet", "juil", "julio", "luglio", "lug", "julho"],
    &["aug", "august", "août", "aout", "agosto", "ago", "augustus"],
    &["sep", "sept", "september", "septembre", "septiembre", "settembre", "set", "setembro"],
    &["oct", "october", "oktober", "okt", "octobre", "octubre", "ottobre", "ott", "outubro", "out"],
    &["nov", "november", "novembre", "noviembre", "novembro"],
    &["dec", "december", "dezember", "dez", "décembre", "decembre", "déc", "diciembre", "dic", "dicembre", "dezembro"],
];

/// The days of the week in English, from Monday on.
const WEEKDAYS: [&[&str]; 7] = [
    &["mon", "monday"],
    &["tue", "tues", "tuesday"],
    &["wed", "wednesday"],
    &["thu", "thur", "thurs", "thursday"],
    &["fri", "friday"],
    &["sat", "saturday"],
    &["sun", "sunday"],
];

/// The letters that `text` begins with.
pub(crate) fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    &text[..end]
}

/// The month that a word names, from 1 on.
pub(crate) fn month(word: &str) -> Option<i8> {
    find(&MONTHS, word)
}

/// The day of the week that a word names: Monday is 1.
pub(crate) fn weekday(word: &str) -> Option<i8> {
    find(&WEEKDAYS, word)
}

fn find(names: &[&[&str]], word: &str) -> Option<i8> {
    let is_name = |name: &&str| {
        name.eq_ignore_ascii_case(word)
            || (!word.is_ascii() && name.chars().eq(word.chars().flat_map(char::to_lowercase)))
    };
    let at = names.iter().position(|names| names.iter().any(is_name))?;
    i8::try_from(at + 1).ok()
}

/// Whether `text` begins with the second half of the day, and how many bytes say so: `AM`, `pm`, `a.m.`, `P.M.`, `p. m.`.
pub(crate) fn half(text: &str) -> Option<(bool, usize)> {
    let is_afternoon = match text.bytes().next()?.to_ascii_lowercase() {
        b'a' => false,
        b'p' => true,
        _ => return None,
    };
    let rest = &text[1..];
    // In Spanish a blank stands between.
    let rest = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches([' ', '\u{a0}', '\u{202f}']));
    let rest = rest.strip_prefix(['m', 'M'])?;
    let has_points = text[1..].starts_with('.');
    let rest = rest.strip_prefix('.').filter(|_| has_points).unwrap_or(rest);
    Some((is_afternoon, text.len() - rest.len()))
}

/// An offset from UTC at the beginning of `text`, and how many bytes it has: `Z`, `+01`, `-0500`, `+05:30`, `+1`, `-5:30`.
pub(crate) fn offset(text: &str) -> Option<(Offset, usize)> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'Z' | b'z' => return Some((Offset::UTC, 1)),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = |from: usize, until: usize| text[from..until].parse::<i32>().ok();
    let count = digits(1);
    let (hours, minutes, length) = match count {
        1 | 2 if bytes.get(1 + count) == Some(&b':') && digits(2 + count) == 2 => {
            (number(1, 1 + count)?, number(2 + count, 4 + count)?, 4 + count)
        }
        1 | 2 => (number(1, 1 + count)?, 0, 1 + count),
        4 => (number(1, 3)?, number(3, 5)?, 5),
        _ => return None,
    };
    // No clock is further from UTC than that.
    let is_usual = hours <= 15 && minutes < 60;
    let offset = is_usual.then(|| Offset::from_seconds(sign * (3600 * hours + 60 * minutes)).ok())??;
    Some((offset, length))
}

/// What stands behind a time for its zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Zone<'a> {
    pub(crate) offset: Option<Offset>,
    /// A name: of IANA, or an abbreviation such as `EST`.
    pub(crate) name: Option<&'a str>,
}

/// The zone that the whole of `text` is: `GMT`, `UTC+1`, `GMT-0500 (EST)`, `-05:00[America/New_York]`, `US/Eastern`, `EST`.
pub(crate) fn zone(text: &str) -> Option<Zone<'_>> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        return if inner.starts_with('(') { None } else { zone(inner) };
    }
    let prefix = ["UTC", "GMT"].into_iter().find(|name| {
        let start = text.get(..3).filter(|start| start.eq_ignore_ascii_case(name));
        // What goes on with letters is another name.
        start.is_some() && !text[3..].starts_with(|c: char| c.is_alphanumeric() || c == '/')
    });
    let rest = prefix.map_or(text, |_| &text[3..]);
    let found = offset(rest).filter(|_| prefix.is_none() || rest.starts_with(['+', '-']));
    let (mut zone, rest) = match (found, prefix) {
        (Some((offset, length)), _) => (Zone { offset: Some(offset), name: None }, &rest[length..]),
        (None, Some(_)) => (Zone { offset: Some(Offset::UTC), name: None }, rest),
        (None, None) => {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "/_+-".contains(c))).unwrap_or(text.len());
            let name = text[..end].starts_with(|c: char| c.is_ascii_alphabetic()).then_some(&text[..end]);
            (Zone { offset: None, name: name.filter(|name| name.len() > 1) }, &text[end..])
        }
    };
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, rest)) => {
            zone.name = Some(name.trim_start_matches('!'));
            rest.trim_start()
        }
        None => rest,
    };
    // JavaScript adds the name of the zone in parentheses.
    let is_comment = zone.offset.is_some() && rest.starts_with('(') && rest.ends_with(')');
    let is_whole = rest.is_empty() || is_comment;
    (is_whole && (zone.offset.is_some() || zone.name.is_some())).then_some(zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_one_month() {
        for (at, names) in MONTHS.iter().enumerate() {
            for name in *names {
                assert_eq!(month(name), i8::try_from(at + 1).ok(), "{name}");
                assert_eq!(month(&name.to_uppercase()), i8::try_from(at + 1).ok(), "{name}");
                assert_eq!(weekday(name), None, "{name}");
            }
        }
        assert_eq!((month("jui"), month(""), month("ma")), (None, None, None));
        assert_eq!((weekday("Wed"), weekday("THURSDAY"), weekday("mo")), (Some(3), Some(4), None));
    }

    #[test]
    fn zones_are_offsets_or_names() {
        let cases = [
            ("Z", Some(0), None),
            ("UTC", Some(0), None),
            ("gmt", Some(0), None),
            ("+0000", Some(0), None),
            ("-0500", Some(-18_000), None),
            ("+05:30", Some(19_800), None),
            ("+01", Some(3_600), None),
            ("GMT+0100", Some(3_600), None),
            ("UTC+1", Some(3_600), None),
            ("UTC-5:30", Some(-19_800), None),
            ("GMT-0500 (Eastern Standard Time)", Some(-18_000), None),
            ("-05:00[America/New_York]", Some(-18_000), Some("America/New_York")),
            ("[America/New_York]", None, Some("America/New_York")),
            ("US/Eastern", None, Some("US/Eastern")),
            ("Etc/GMT+5", None, Some("Etc/GMT+5")),
            ("GMT0", None, Some("GMT0")),
            ("EST", None, Some("EST")),
            ("(UTC)", Some(0), None),
            ("(EST)", None, Some("EST")),
        ];
        for (text, seconds, name) in cases {
            let found = zone(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((found.offset.map(Offset::seconds), found.name), (seconds, name), "{text}");
        }
        for text in ["", "+25", "+00:60", "EST (x)", "GMT+", "-05:00 x", "+1234567", "A", "((UTC))", "()", "EST EDT"] {
            assert_eq!(zone(text), None, "{text}");
        }
    }

    #[test]
    fn halves_of_the_day_have_points_or_none() {
        assert_eq!(half("AM"), Some((false, 2)));
        assert_eq!(half("p.m. "), Some((true, 4)));
        assert_eq!(half("a. m."), Some((false, 5)));
        assert_eq!(half("P.\u{a0}M."), Some((true, 6)));
        assert_eq!((half("am."), half("a.m")), (Some((false, 2)), Some((false, 3))));
        assert_eq!((half("xm"), half("a"), half("p.x")), (None, None, None));
    }
}
