//! Tables with a column of each price for each instrument, as data frames with two levels of columns have them.
//!
//! Never reads a value; never takes a plain name apart.
//!
//! A data frame of pandas whose columns have two levels is written with the text of a Python tuple for each name:
//! `('Close', 'ACME')`. Names such as `Close_ACME` are not taken apart: `Close_bid` and `Close_ask` are one instrument.

use crate::data::fields::{Field, normal};

/// The fields and the instruments that the names of columns are pairs of; a column of all instruments has an empty one. Nothing
/// where the names are plain.
pub(crate) fn pairs(names: &[&str]) -> Option<Vec<(String, String)>> {
    let tuples: Vec<Option<(String, String)>> = names.iter().map(|name| tuple(name)).collect();
    let is_first = has_closes(&tuples, is_close).or_else(|| has_closes(&tuples, is_likely_close))?;
    let pair = |(tuple, name): (Option<(String, String)>, &&str)| match tuple {
        Some((field, instrument)) if instrument.is_empty() => (field, instrument),
        Some((field, instrument)) if is_first => (field, instrument),
        Some((instrument, field)) if field.is_empty() => (instrument, field),
        Some((instrument, field)) => (field, instrument),
        None => ((*name).to_owned(), String::new()),
    };
    Some(tuples.into_iter().zip(names).map(pair).collect())
}

/// Whether the first names are those of fields, or the second ones; nothing where both or none are.
fn has_closes(tuples: &[Option<(String, String)>], is_close: fn(&str) -> bool) -> Option<bool> {
    let first = tuples.iter().flatten().any(|(name, _)| is_close(name));
    let second = tuples.iter().flatten().any(|(_, name)| is_close(name));
    (first != second).then_some(first)
}

fn is_likely_close(name: &str) -> bool {
    Field::Close.is_likely(&normal(name))
}

fn is_close(name: &str) -> bool {
    let key = normal(name);
    [Field::Close, Field::Adjusted].iter().any(|field| field.known().contains(&key.as_str()))
}

/// The two parts of a Python tuple of two texts; a number counts as its digits.
fn tuple(name: &str) -> Option<(String, String)> {
    let inner = name.trim().strip_prefix('(')?.strip_suffix(')')?;
    let (first, rest) = item(inner)?;
    let (second, rest) = item(rest.strip_prefix(',')?)?;
    rest.is_empty().then_some((first, second))
}

/// The first item of a tuple, and what stands behind it.
fn item(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    let quote = match text.chars().next()? {
        quote @ ('\'' | '"') => quote,
        _ => {
            let end = text.find(',').unwrap_or(text.len());
            let (word, rest) = text.split_at(end);
            let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
            return is_number.then(|| (word.to_owned(), rest));
        }
    };
    let (mut found, mut chars) = (String::new(), text.char_indices().skip(1));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => found.push(chars.next().map(|(_, escaped)| escaped).filter(|c| matches!(c, '\\' | '\'' | '"'))?),
            c if c == quote => return Some((found, text[at + 1..].trim_start())),
            c => found.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(names: &[&str]) -> Option<Vec<String>> {
        Some(pairs(names)?.into_iter().map(|(field, instrument)| format!("{field}/{instrument}")).collect())
    }

    #[test]
    fn the_names_of_two_levels_are_fields_and_instruments_in_any_order() {
        let expected = ["Date/", "Close/ACME", "Open/ACME"].map(str::to_owned).to_vec();
        let cases: [&[&str]; 5] = [
            &["Date", "('Close', 'ACME')", "('Open', 'ACME')"],
            &["('Date', '')", "('Close', 'ACME')", "('Open', 'ACME')"],
            &["('', 'Date')", "('ACME', 'Close')", "('ACME', 'Open')"],
            &["('Date', '')", "('ACME', 'Close')", "('ACME', 'Open')"],
            &["(\"Date\", \"\")", "( 'Close' ,\"ACME\" )", "('Open','ACME')"],
        ];
        for names in cases {
            assert_eq!(shown(names).as_ref(), Some(&expected), "{names:?}");
        }
    }

    #[test]
    fn a_likely_name_of_the_close_is_one_where_no_other_is() {
        let settled = ["('Settle', 'ES')", "('Open', 'ES')"];
        assert_eq!(shown(&settled), Some(vec!["Settle/ES".to_owned(), "Open/ES".to_owned()]));
        assert_eq!(shown(&["('Last', 'close')"]), Some(vec!["close/Last".to_owned()]));
    }

    #[test]
    fn instruments_may_have_any_name() {
        for (text, name) in [
            ("'O\\'X'", "O'X"),
            ("\"O'X\"", "O'X"),
            ("'A\\\\B'", "A\\B"),
            ("'A, B'", "A, B"),
            ("'日経'", "日経"),
            ("'^GSPC'", "^GSPC"),
            ("600519", "600519"),
        ] {
            assert_eq!(shown(&[&format!("('Close', {text})")]), Some(vec![format!("Close/{name}")]), "{text}");
        }
    }

    #[test]
    fn other_names_are_plain() {
        for name in [
            "Close",
            "Close_ACME",
            "('Close',)",
            "('Close', 'A', 'B')",
            "('Close', 'ACME'",
            "('Close', nan)",
            "('a', 'b')",
        ] {
            assert_eq!(shown(&["Date", name]), None, "{name}");
        }
        // Either level may be the fields.
        assert_eq!(shown(&["('Close', 'Close')"]), None);
    }
}
