//! Foreign texts as people see them: escaped for a terminal, for JSON, and cut to a length.
//!
//! Never changes what goes into files of results, and never decides where a text is shown.

use std::{borrow::Cow, fmt::Write as _};

/// What becomes of line ends in a [`printable`] text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newlines {
    /// They stay.
    Keep,
    /// They become spaces.
    Join,
}

/// Returns `text` without characters that steer a terminal, reorder what it shows, or hide in it.
///
/// A tab becomes a space, another control character its picture (`␛` for escape). Marks that turn the direction of
/// writing, and characters without a width, which can make a text look like another, become `�`. So no text that passed
/// through here moves the cursor, changes colours or forges a line of ours.
///
/// # Examples
///
/// ```
/// use host::model::{Newlines, printable};
///
/// assert_eq!(printable("\x1b[2Jgone\n", Newlines::Keep), "␛[2Jgone\n");
/// ```
pub fn printable(text: &str, newlines: Newlines) -> Cow<'_, str> {
    let harmless = |c: char| is_harmless(c) || (c == '\n' && newlines == Newlines::Keep);
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    Cow::Owned(text.chars().map(|c| if harmless(c) { c } else { stand_in(c) }).collect())
}

/// Returns a foreign text for one place in one line: [`printable`], without line ends, of 1,000 characters at most. A text
/// that is cut ends in `…`.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::label("1.0\nerror: forged"), "1.0 error: forged");
/// ```
pub fn label(text: &str) -> Cow<'_, str> {
    const LONGEST: usize = 1_000;
    match shortened(text, LONGEST) {
        Cow::Borrowed(text) => printable(text, Newlines::Join),
        Cow::Owned(text) => Cow::Owned(printable(&text, Newlines::Join).into_owned()),
    }
}

/// Returns at most `most` characters of `text`; one that is cut ends in `…`, which counts.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::shortened("abcdef", 4), "abc…");
/// assert_eq!(host::model::shortened("abcd", 4), "abcd");
/// ```
pub fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    // Only as much is looked at as may be kept: a text may be very long.
    let mut ends = text.char_indices().map(|(at, _)| at).skip(most.saturating_sub(1));
    match (ends.next(), ends.next()) {
        (Some(end), Some(_)) => Cow::Owned(format!("{}…", &text[..end])),
        _ => Cow::Borrowed(text),
    }
}

/// Returns a text of JSON in which every character that [`printable`] would replace is written as `\uXXXX`. The JSON means
/// the same, and shows the same everywhere. Line ends between values stay.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::plain_json("\"\u{9b}31m\""), r#""\u009b31m""#);
/// ```
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let harmless = |c: char| is_harmless(c) || c == '\n';
    if json.chars().all(harmless) {
        return Cow::Borrowed(json);
    }
    // Such characters stand in texts only: between values, JSON has ASCII.
    let mut plain = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if harmless(c) {
            plain.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a text cannot fail.
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(plain)
}

/// Whether a character shows itself, and nothing else.
pub(crate) fn is_harmless(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // U+2028 and U+2029 end a line, U+FFF9 to U+FFFB frame what is not shown. The others are what Unicode calls ignorable by
    // default: marks of direction, joiners, blanks of no width, fillers, tags. Selectors of a glyph's form stay.
    let hides = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    !c.is_control() && !hides
}

pub(crate) fn stand_in(c: char) -> char {
    match c {
        '\n' | '\t' => ' ',
        // Unicode has a picture for each of the 32 first control characters, in their order.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\x7f' => '␡',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, kept: &str, joined: &str) {
        assert_eq!(printable(text, Newlines::Keep), kept, "{text:?}");
        assert_eq!(printable(text, Newlines::Join), joined, "{text:?}");
    }

    fn every_character() -> String {
        (0..=0x10_ffff).filter_map(char::from_u32).collect()
    }

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(printable("naïve 日本 🙂", Newlines::Join), Cow::Borrowed(_)));
        assert!(matches!(printable("two\nlines", Newlines::Keep), Cow::Borrowed(_)));
        assert!(matches!(plain_json("{\n  \"a\": \"日本 🙂\"\n}"), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        check("\x1b]0;title\x07\x1b[31mred", "␛]0;title␇␛[31mred", "␛]0;title␇␛[31mred");
        check("over\rwritten\x08\x7f", "over␍written␈␡", "over␍written␈␡");
        check("\u{9b}31m", "\u{fffd}31m", "\u{fffd}31m");
        check("evil\u{202e}txt.exe\u{2069}", "evil\u{fffd}txt.exe\u{fffd}", "evil\u{fffd}txt.exe\u{fffd}");
    }

    #[test]
    fn nothing_hides() {
        for hidden in ['\u{200b}', '\u{200d}', '\u{feff}', '\u{2060}', '\u{ad}', '\u{e0041}', '\u{3164}', '\u{2029}'] {
            check(&format!("a{hidden}b"), "a\u{fffd}b", "a\u{fffd}b");
        }
    }

    #[test]
    fn line_ends_stay_or_become_spaces() {
        check("a\r\nb\n\tc", "a\nb\n c", "a b  c");
    }

    #[test]
    fn no_control_character_is_left_whatever_the_text() {
        let all = every_character();
        let shown = printable(&all, Newlines::Join);
        assert!(shown.chars().all(|c| !c.is_control() && is_harmless(c)));
        assert_eq!(shown.chars().count(), all.chars().count());
    }

    #[test]
    fn plain_json_means_the_same() {
        let all = every_character();
        let json = serde_json::to_string(&all).unwrap();
        let plain = plain_json(&json);
        assert!(plain.chars().all(is_harmless));
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), all);
        assert_eq!(plain_json("\"\u{e0041}\u{7f}\""), r#""\udb40\udc41\u007f""#);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, most, cut) in [("", 3, ""), ("äöü", 3, "äöü"), ("äöüß", 3, "äö…"), ("ab", 1, "…"), ("a", 1, "a")]
        {
            assert_eq!(shortened(text, most), cut, "{text:?}");
        }
        let long = label(&"\x1b\n".repeat(1_000_000)).into_owned();
        assert_eq!((long.chars().count(), long.ends_with('…')), (1_000, true));
    }
}
