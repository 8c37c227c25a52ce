//! Shapes of dates: the patterns that one text may be written in, by its marks, its names and the lengths of its numbers.
//!
//! Never looks at what the numbers are: a file decides that.

use crate::data::dates::{
    form::{is_blank, skip_blanks},
    names::{half, month, offset, weekday, word, zone},
};

/// The patterns that `text` may be written in; none where no form of dates looks like it. Alternatives read the same numbers in
/// another order.
pub(crate) fn patterns(text: &str) -> Vec<String> {
    let text = text.trim();
    if text.starts_with("/Date(") {
        return vec!["/Date(ms)/".to_owned()];
    }
    let (front, rest) = weekday_in_front(text);
    let Some((dates, rest)) = dates(rest) else {
        let found = year_behind(text);
        return if found.is_empty() { time_in_front(text) } else { found };
    };
    let with = |tail: &str| dates.iter().map(|date| format!("{front}{date}{tail}")).collect::<Vec<_>>();
    if rest.is_empty() {
        // Digits alone may be an epoch as well.
        let epoch = match text.len() {
            10 if is_digits(text) => Some("s"),
            12 if is_digits(text) => Some("ms"),
            _ => None,
        };
        // Six digits are a date only beside a time of day.
        let is_short = is_digits(text) && text.len() < 8;
        let found = if is_short { Vec::new() } else { with("") };
        return found.into_iter().chain(epoch.map(str::to_owned)).collect();
    }
    // A month alone has no time of day.
    let is_whole = dates.iter().all(|date| date.contains("%d") || date.contains("%j"));
    if !is_whole {
        return Vec::new();
    }
    if dates[0].contains("%H") {
        return zoned(String::new(), rest).map(|tail| with(&tail)).unwrap_or_default();
    }
    separated_time(rest).or_else(|| behind_compact(rest)).map(|tail| with(&tail)).unwrap_or_default()
}

/// The pattern of a day of the week in front of a date, and what follows it.
fn weekday_in_front(text: &str) -> (&'static str, &str) {
    let name = word(text);
    if weekday(name).is_none() {
        return ("", text);
    }
    let rest = &text[name.len()..];
    match rest.strip_prefix(',') {
        Some(rest) if is_blank(rest) => ("%a, ", skip_blanks(rest)),
        Some(rest) => ("%a,", rest),
        None if is_blank(rest) => ("%a ", skip_blanks(rest)),
        None => ("", text),
    }
}

/// The number of digits that `text` begins with, and what follows them.
fn number(text: &str) -> Option<(usize, &str)> {
    let count = text.bytes().take_while(u8::is_ascii_digit).count();
    (count > 0).then(|| (count, &text[count..]))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The mark between two parts of a date, as a pattern has it, and what follows it.
fn mark(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| !"/-.,'".contains(c)).unwrap_or(text.len());
    if end > 1 {
        return None;
    }
    let rest = skip_blanks(&text[end..]);
    let blank = if rest.len() < text.len() - end { " " } else { "" };
    let mark = format!("{}{blank}", &text[..end]);
    (!mark.is_empty()).then_some((mark, rest))
}

/// The patterns of the date that `text` begins with, and what follows it.
fn dates(text: &str) -> Option<(Vec<String>, &str)> {
    match number(text) {
        Some((count, rest)) => numbers_first(count, rest, text),
        None => name_first(text),
    }
}

/// Dates that begin with digits.
fn numbers_first<'a>(count: usize, rest: &'a str, text: &str) -> Option<(Vec<String>, &'a str)> {
    let list = |patterns: &[&str]| Some(patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>());
    let compact = match count {
        6 => list(&["%y%m%d", "%d%m%y", "%m%d%y"]),
        8 => list(&["%Y%m%d", "%d%m%Y", "%m%d%Y"]),
        10 => list(&["%Y%m%d%H"]),
        12 => list(&["%Y%m%d%H%M"]),
        14 => list(&["%Y%m%d%H%M%S"]),
        17 => list(&["%Y%m%d%H%M%S%3f"]),
        _ => None,
    };
    if let Some(patterns) = compact {
        let fraction = rest.strip_prefix('.').filter(|digits| count == 14 && is_digits(digits));
        return match fraction {
            Some(_) => Some((vec!["%Y%m%d%H%M%S%.f".to_owned()], "")),
            None => Some((patterns, rest)),
        };
    }
    // 2024Q1, 2024-Q1, 2024M01: quarters and months of statistics.
    if count == 4
        && let Some((pattern, rest)) = quarter(rest)
    {
        return Some((vec![format!("%Y{pattern}")], rest));
    }
    let (first, rest) = mark(rest).or_else(|| named(rest).map(|_| (String::new(), rest)))?;
    if let Some(name) = named(rest) {
        return name_second(count, &first, rest, name.len());
    }
    let (second, behind) = number(rest)?;
    let whole = first.trim_end();
    let third = mark(behind).filter(|(mark, _)| *mark == first).and_then(|(_, rest)| number(rest));
    let Some((third, rest)) = third else {
        // A year with its month, or with its day.
        let pattern = match (count, second) {
            (4, 3) if whole == "-" => format!("%Y{first}%j"),
            (4, 1 | 2) if !text.starts_with('0') && !first.is_empty() && whole == first => format!("%Y{first}%m"),
            (2, 4) if whole == first => format!("%m{first}%Y"),
            _ => return None,
        };
        return behind.is_empty().then(|| (vec![pattern], behind));
    };
    let orders: &[&str] = match (count, second, third) {
        (4, 1 | 2, 1 | 2) => &["Y m d"],
        (1 | 2, 1 | 2, 4) => &["d m Y", "m d Y"],
        (2, 2, 2) => &["d m y", "m d y", "y m d"],
        (1 | 2, 1 | 2, 2) => &["d m y", "m d y"],
        (2, 1 | 2, 1) => &["y m d"],
        _ => return None,
    };
    // The files of Dukascopy have the day first: dates with points, times of day with milliseconds.
    let is_dukascopy = (count, second, third, first.as_str()) == (2, 2, 4, ".") && has_millis(rest);
    let orders = if is_dukascopy { &orders[..1] } else { orders };
    let pattern = |order: &&str| {
        let parts: Vec<_> = order.split(' ').map(|part| format!("%{part}")).collect();
        parts.join(&first)
    };
    Some((orders.iter().map(pattern).collect(), rest))
}

/// Whether ` 09:30:00.000` follows.
fn has_millis(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 13
        && (bytes[0], bytes[3], bytes[6], bytes[9]) == (b' ', b':', b':', b'.')
        && bytes[10..13].iter().all(u8::is_ascii_digit)
}

/// The month's name at the beginning of `text`.
fn named(text: &str) -> Option<&str> {
    Some(word(text)).filter(|name| month(name).is_some())
}

/// What follows a year: `Q1`, `-Q1`, `M01`.
fn quarter(text: &str) -> Option<(&'static str, &str)> {
    for (mark, pattern, length) in
        [("-Q", "-Q%q", 1), ("Q", "Q%q", 1), (" Q", " Q%q", 1), ("M", "M%m", 2), ("-M", "-M%m", 2)]
    {
        if let Some(digits) = text.strip_prefix(mark)
            && digits.len() == length
            && is_digits(digits)
        {
            return Some((pattern, ""));
        }
    }
    None
}

/// `31-Jan-2024`, `31 Jan 24`, `2024-Jan-31`, `2024-Jan`, `31Jan2024`.
fn name_second<'a>(count: usize, first: &str, text: &'a str, length: usize) -> Option<(Vec<String>, &'a str)> {
    let behind = &text[length..];
    let behind = behind.strip_prefix('.').unwrap_or(behind);
    if count == 4 && behind.is_empty() {
        return Some((vec![format!("%Y{first}%b")], behind));
    }
    let (second, rest) = mark(behind).or_else(|| first.is_empty().then(|| (String::new(), behind)))?;
    let (last, rest) = number(rest)?;
    let patterns: &[&str] = match (count, last) {
        (1 | 2, 4) => &["%d1%b2%Y"],
        (4, 1 | 2) => &["%Y1%b2%d"],
        (2, 2) => &["%d1%b2%y", "%y1%b2%d"],
        (1, 2) => &["%d1%b2%y"],
        (2, 1) => &["%y1%b2%d"],
        _ => return None,
    };
    let pattern = |pattern: &&str| pattern.replace('1', first).replace('2', &second);
    Some((patterns.iter().map(pattern).collect(), rest))
}

/// `Jan 31, 2024`, `Jan-31-2024`, `Jan 2024`, `Q1 2024`.
fn name_first(text: &str) -> Option<(Vec<String>, &str)> {
    if let Some(behind) = text.strip_prefix('Q')
        && let Some((1, rest)) = number(behind)
        && let Some((mark, rest)) = mark(rest)
        && let Some((4, "")) = number(rest)
    {
        return Some((vec![format!("Q%q{mark}%Y")], ""));
    }
    let name = named(text)?;
    let behind = &text[name.len()..];
    let (first, rest) = mark(behind.strip_prefix('.').unwrap_or(behind))?;
    let (count, behind) = number(rest)?;
    if count == 4 {
        return behind.is_empty().then(|| (vec![format!("%b{first}%Y")], behind));
    }
    let (second, rest) = mark(behind)?;
    let (last, rest) = number(rest)?;
    let pattern = match (count, last) {
        (1 | 2, 4) => format!("%b{first}%d{second}%Y"),
        (1 | 2, 2) => format!("%b{first}%d{second}%y"),
        _ => return None,
    };
    // What follows as the hour of a time was no year.
    (!rest.starts_with(':')).then(|| (vec![pattern], rest))
}

/// The pattern of a time of day behind a date, with what separates them.
fn separated_time(text: &str) -> Option<String> {
    let (mark, rest) = match text.as_bytes().first()? {
        b'T' => ("T", &text[1..]),
        b't' => ("t", &text[1..]),
        b'_' => ("_", &text[1..]),
        b':' => (":", &text[1..]),
        b';' => (";", &text[1..]),
        b',' if is_blank(&text[1..]) => (", ", skip_blanks(&text[1..])),
        b',' => (",", &text[1..]),
        _ if is_blank(text) => (" ", skip_blanks(text)),
        _ => return None,
    };
    time(rest).map(|time| format!("{mark}{time}"))
}

/// As FIX writes times behind eight digits: `20240131-09:30:00`.
fn behind_compact(text: &str) -> Option<String> {
    let rest = text.strip_prefix('-')?;
    // An offset is no time of day.
    (rest.contains(':') && rest.len() > 5 || is_digits(rest) && rest.len() == 6)
        .then(|| time(rest))?
        .map(|time| format!("-{time}"))
}

/// `Wed Jan 31 09:30:00 2024`, as C writes times; Java has a zone before the year.
fn year_behind(text: &str) -> Vec<String> {
    let (front, rest) = weekday_in_front(text);
    let parse = || {
        let name = named(rest)?;
        let rest = skip_blanks(&rest[name.len()..]);
        let (1 | 2, rest) = number(rest)? else { return None };
        let (before, year) = rest.rsplit_once(' ')?;
        let pattern = time(before.trim())?;
        (is_digits(year) && year.len() == 4 && !pattern.contains("%Z")).then(|| format!("{front}%b %d {pattern} %Y"))
    };
    parse().into_iter().collect()
}

/// `09:30:00 31/01/2024`.
fn time_in_front(text: &str) -> Vec<String> {
    let parse = || {
        let (front, behind) = text.split_once([' ', ','])?;
        let mark = if text[front.len()..].starts_with(',') { ", " } else { " " };
        let time = Some(front).filter(|front| front.contains(':')).and_then(time)?;
        let (dates, rest) = dates(skip_blanks(behind))?;
        rest.is_empty().then(|| dates.iter().map(|date| format!("{time}{mark}{date}")).collect::<Vec<_>>())
    };
    let is_day = |pattern: &String| pattern.contains("%d") && pattern.matches("%H").count() == 1;
    parse().unwrap_or_default().into_iter().filter(is_day).collect()
}

/// The pattern of a time of day, with what follows it: halves of the day and zones.
fn time(text: &str) -> Option<String> {
    let (count, rest) = number(text)?;
    let (mut pattern, rest) = match count {
        1 | 2 => clock(rest)?,
        3 | 4 => ("%H%M".to_owned(), rest),
        5 | 6 => fraction("%H%M%S", rest),
        9 => ("%H%M%S%3f".to_owned(), rest),
        _ => return None,
    };
    // 2024-01-31 09-AM
    let hyphen = rest.strip_prefix('-').filter(|_| pattern == "%H");
    let behind = hyphen.unwrap_or_else(|| skip_blanks(rest));
    let Some((_, length)) = half(behind) else { return zoned(pattern, rest) };
    let tail = &behind[length..];
    if tail.starts_with(|c: char| c.is_alphanumeric()) {
        return zoned(pattern, rest);
    }
    let blank = match hyphen {
        Some(_) => "-",
        None if behind.len() < rest.len() => " ",
        None => "",
    };
    pattern = pattern.replace("%H", "%I") + blank + "%p";
    zoned(pattern, tail)
}

/// The pattern with that of the zone in `text`, if there is nothing else.
fn zoned(pattern: String, text: &str) -> Option<String> {
    let rest = skip_blanks(text);
    if rest.is_empty() {
        return Some(pattern);
    }
    let blank = if rest.len() < text.len() { " " } else { "" };
    let is_offset = offset(rest).is_some_and(|(_, length)| length == rest.len());
    let field = if is_offset { "%z" } else { "%Z" };
    zone(rest).is_some().then(|| format!("{pattern}{blank}{field}"))
}

/// What follows an hour of one or two digits.
fn clock(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('.') {
        // As in Danish: 09.30.00
        let (2, rest) = number(rest)? else { return None };
        return Some(match rest.strip_prefix('.').and_then(number) {
            Some((2, rest)) => ("%H.%M.%S".to_owned(), rest),
            _ => ("%H.%M".to_owned(), rest),
        });
    }
    let Some(rest) = text.strip_prefix(':') else { return Some(("%H".to_owned(), text)) };
    let (2, rest) = number(rest)? else { return None };
    let Some(behind) = rest.strip_prefix(':') else { return Some(("%H:%M".to_owned(), rest)) };
    let (2, rest) = number(behind)? else { return None };
    if let Some(behind) = rest.strip_prefix(':') {
        let (3, rest) = number(behind)? else { return None };
        return Some(("%H:%M:%S:%3f".to_owned(), rest));
    }
    Some(fraction("%H:%M:%S", rest))
}

fn fraction<'a>(pattern: &str, text: &'a str) -> (String, &'a str) {
    match text.strip_prefix(['.', ',']).and_then(number) {
        Some((1..=9, rest)) => (format!("{pattern}%.f"), rest),
        _ => (pattern.to_owned(), text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::data::dates::form::DateForm;

    #[test]
    fn a_text_has_the_patterns_that_its_shape_allows() {
        let cases: [(&str, &[&str]); 73] = [
            ("31/01/2024", &["%d/%m/%Y", "%m/%d/%Y"]),
            ("1-2-2024 9:30", &["%d-%m-%Y %H:%M", "%m-%d-%Y %H:%M"]),
            ("2024-1-2", &["%Y-%m-%d"]),
            ("2024.1.2 9:30:05", &["%Y.%m.%d %H:%M:%S"]),
            ("24-01-02", &["%d-%m-%y", "%m-%d-%y", "%y-%m-%d"]),
            ("1/2/24", &["%d/%m/%y", "%m/%d/%y"]),
            ("24/1/2", &["%y/%m/%d"]),
            ("31 01 2024", &["%d %m %Y", "%m %d %Y"]),
            ("31. 1. 2024", &["%d. %m. %Y", "%m. %d. %Y"]),
            ("02.01.2024", &["%d.%m.%Y", "%m.%d.%Y"]),
            ("02.01.2024 09:00:00.000", &["%d.%m.%Y %H:%M:%S%.f"]),
            ("02.01.2024 09:00:00.000 GMT+0100", &["%d.%m.%Y %H:%M:%S%.f %Z"]),
            ("31-Jan-2024", &["%d-%b-%Y"]),
            ("31 January 2024", &["%d %b %Y"]),
            ("31. Januar 2024", &["%d. %b %Y"]),
            ("31Jan2024", &["%d%b%Y"]),
            ("31JAN2024:09:30:00", &["%d%b%Y:%H:%M:%S"]),
            ("24-Jan-31", &["%d-%b-%y", "%y-%b-%d"]),
            ("2024-Jan-31", &["%Y-%b-%d"]),
            ("Jan 31, 2024", &["%b %d, %Y"]),
            ("Jan. 31, 2024", &["%b %d, %Y"]),
            ("January 31 2024 16:00", &["%b %d %Y %H:%M"]),
            ("Jan-2024", &["%b-%Y"]),
            ("Jan 2024", &["%b %Y"]),
            ("2024 Jan", &["%Y %b"]),
            ("2024-01", &["%Y-%m"]),
            ("01/2024", &["%m/%Y"]),
            ("2024Q1", &["%YQ%q"]),
            ("2024-Q4", &["%Y-Q%q"]),
            ("Q1 2024", &["Q%q %Y"]),
            ("2024M01", &["%YM%m"]),
            ("2024-031", &["%Y-%j"]),
            ("Wed Jan 31 2024", &["%a %b %d %Y"]),
            ("Wed, 31 Jan 2024 09:30:00 -0500", &["%a, %d %b %Y %H:%M:%S %z"]),
            ("Wed Jan 31 2024 09:30:00 GMT-0500 (EST)", &["%a %b %d %Y %H:%M:%S %Z"]),
            ("Wed Jan 31 09:30:00 2024", &["%a %b %d %H:%M:%S %Y"]),
            ("1/31/2024 9:30 AM", &["%d/%m/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"]),
            ("1/31/2024 9:30am", &["%d/%m/%Y %I:%M%p", "%m/%d/%Y %I:%M%p"]),
            ("1/31/2024, 4:00:00\u{202f}PM", &["%d/%m/%Y, %I:%M:%S %p", "%m/%d/%Y, %I:%M:%S %p"]),
            ("31/1/2024 9:30:00 a. m.", &["%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"]),
            ("2024-01-31 09:30:00 (UTC)", &["%Y-%m-%d %H:%M:%S %Z"]),
            ("1/31/2024 9 AM", &["%d/%m/%Y %I %p", "%m/%d/%Y %I %p"]),
            ("01/31/2024 0930", &["%d/%m/%Y %H%M", "%m/%d/%Y %H%M"]),
            ("01/31/2024 93000", &["%d/%m/%Y %H%M%S", "%m/%d/%Y %H%M%S"]),
            ("20240102 090000", &["%Y%m%d %H%M%S", "%d%m%Y %H%M%S", "%m%d%Y %H%M%S"]),
            ("20240102-09:30:00.123", &["%Y%m%d-%H:%M:%S%.f", "%d%m%Y-%H:%M:%S%.f", "%m%d%Y-%H:%M:%S%.f"]),
            ("20240102 09:30:00 US/Eastern", &["%Y%m%d %H:%M:%S %Z", "%d%m%Y %H:%M:%S %Z", "%m%d%Y %H:%M:%S %Z"]),
            ("20240131093000", &["%Y%m%d%H%M%S"]),
            ("20240131093000123", &["%Y%m%d%H%M%S%3f"]),
            ("20240131093000.5", &["%Y%m%d%H%M%S%.f"]),
            ("2019-10-17 09-AM", &["%Y-%m-%d %I-%p"]),
            ("20240102;093000", &["%Y%m%d;%H%M%S", "%d%m%Y;%H%M%S", "%m%d%Y;%H%M%S"]),
            ("31-01-2024 09.30.00", &["%d-%m-%Y %H.%M.%S", "%m-%d-%Y %H.%M.%S"]),
            ("31.01.2024 9.30", &["%d.%m.%Y %H.%M", "%m.%d.%Y %H.%M"]),
            ("09:30:00 31/01/2024", &["%H:%M:%S %d/%m/%Y", "%H:%M:%S %m/%d/%Y"]),
            ("09:30, Jan 31, 2024", &["%H:%M, %b %d, %Y"]),
            ("Wednesday, January 31, 2024", &["%a, %b %d, %Y"]),
            ("20240131093000Z", &["%Y%m%d%H%M%S%z"]),
            ("20240131093000 US/Eastern", &["%Y%m%d%H%M%S %Z"]),
            ("202401310930", &["%Y%m%d%H%M", "ms"]),
            ("2024013109", &["%Y%m%d%H", "s"]),
            ("31012024", &["%Y%m%d", "%d%m%Y", "%m%d%Y"]),
            ("240131 0930", &["%y%m%d %H%M", "%d%m%y %H%M", "%m%d%y %H%M"]),
            ("2024-01-02 09:30:00 EST", &["%Y-%m-%d %H:%M:%S %Z"]),
            ("2024-01-31T09:30:00.000+0000", &["%Y-%m-%dT%H:%M:%S%.f%z"]),
            ("2024-01-31 09:30:00.000 +00:00", &["%Y-%m-%d %H:%M:%S%.f %z"]),
            ("2024-01-02T09:30[America/New_York]", &["%Y-%m-%dT%H:%M%Z"]),
            ("/Date(1706693400000)/", &["/Date(ms)/"]),
            ("2024-01-31 09:30:00:123", &["%Y-%m-%d %H:%M:%S:%3f"]),
            ("240102", &[]),
            ("1706693400000", &[]),
            ("45293", &[]),
            ("2024", &[]),
        ];
        for (text, expected) in cases {
            assert_eq!(patterns(text), expected, "{text}");
        }
        for text in [
            "",
            "Total",
            "09:30",
            "1/2",
            "1/2/3",
            "1/2-2024",
            "Jan 24",
            "Jan",
            "31 Foo 2024",
            "soon 1/2/2024",
            "1/2/2024 x",
            "2024-13-",
            "2024-01 09:30",
            "-",
            "1.5",
            "€",
        ] {
            assert_eq!(patterns(text), Vec::<String>::new(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_and_no_pattern_panics(
            pieces in prop::collection::vec(prop::sample::select(&["2024", "31", "1", "09:30", ":00", ".000", ".12", "é", "€", "/", "-", ".", " ",
                "T", "Jan", "Wed", ",", "AM", "p.m.", "GMT", "+01", "Z", "[", "]", "(", "/Date(", ")/", "Q1", "%d", "%m", "%Y", "%H", "%.f", "%b",
                "%Z", "%", "0930", "20240131", "_", "12345678901234567890123456789012345", "\u{202f}"][..]), 0..9),
            other in prop::collection::vec(prop::sample::select(&["%d", "%m", "%Y", "%y", "%H", "%M", "%S", "%f", "%p", "%I", "/", " ", "é"][..]), 0..9),
        ) {
            let text = pieces.concat();
            for pattern in patterns(&text) {
                let form = DateForm::from_pattern(&pattern);
                prop_assert!(form.is_ok(), "{text}: {form:?}");
                let parsed = form.map(|form| form.parse(&text).is_ok());
                prop_assert!(parsed.is_ok());
            }
            for pattern in [other.concat(), text.clone()] {
                if let Ok(form) = DateForm::from_pattern(&pattern) {
                    let again = DateForm::from_pattern(&form.to_string());
                    prop_assert_eq!(again.as_ref(), Ok(&form));
                    prop_assert_eq!(form.read(&text).is_some(), form.parse(&text).is_ok());
                }
            }
        }
    }
}
