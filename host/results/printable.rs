//! Escaping of texts of guests and files for the terminal.
//!
//! Never changes what goes into files.

use std::borrow::Cow;

/// What becomes of line ends in a [`printable`] text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newlines {
    /// They stay.
    Keep,
    /// They become spaces.
    Join,
}

/// Returns `text` without characters that steer a terminal or reorder what it shows.
///
/// A tab becomes a space, another control character its picture (`␛` for escape), and the marks that turn the
/// direction of writing, which can make a text look like another, become `�`. So no text that passed through here
/// moves the cursor, changes colours or forges a line of ours.
///
/// # Examples
///
/// ```
/// use host::results::{Newlines, printable};
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

fn is_harmless(c: char) -> bool {
    // U+2028 and U+2029 end a line, U+061C to U+2069 are Unicode's bidirectional controls.
    let steers = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !c.is_control() && !steers
}

fn stand_in(c: char) -> char {
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

    #[test]
    fn harmless_text_is_not_copied() {
        assert!(matches!(printable("naïve 日本 🙂", Newlines::Join), Cow::Borrowed(_)));
        assert!(matches!(printable("two\nlines", Newlines::Keep), Cow::Borrowed(_)));
    }

    #[test]
    fn nothing_steers_the_terminal() {
        check("\x1b]0;title\x07\x1b[31mred", "␛]0;title␇␛[31mred", "␛]0;title␇␛[31mred");
        check("over\rwritten\x08\x7f", "over␍written␈␡", "over␍written␈␡");
        check("\u{9b}31m", "\u{fffd}31m", "\u{fffd}31m");
        check("evil\u{202e}txt.exe\u{2069}", "evil\u{fffd}txt.exe\u{fffd}", "evil\u{fffd}txt.exe\u{fffd}");
    }

    #[test]
    fn line_ends_stay_or_become_spaces() {
        check("a\r\nb\n\tc", "a\nb\n c", "a b  c");
    }

    #[test]
    fn no_control_character_is_left_whatever_the_text() {
        let all: String = (0..=0x10_ffff).filter_map(char::from_u32).collect();
        let shown = printable(&all, Newlines::Join);
        assert!(shown.chars().all(|c| !c.is_control() && c != '\u{202e}'));
        assert_eq!(shown.chars().count(), all.chars().count());
    }
}
