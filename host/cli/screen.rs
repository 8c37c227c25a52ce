//! The last net before standard output and standard error: nothing steers the terminal but what the program makes itself.
//!
//! Never decides what is printed. Where a foreign text is put into a line, [`label`](crate::model::label) and
//! [`printable`](crate::model::printable) come first; this holds what they missed.

use std::io::{self, Write};

use crate::model::{is_harmless, stand_in};

/// The sequences that the program makes: those of tables and of clap's messages.
const OURS: [&str; 7] = ["\x1b[0m", "\x1b[1m", "\x1b[4m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"];

/// A writer of text that replaces every character which steers or hides, except line ends and, where `colour` is on, the
/// sequences of the program.
pub(super) struct Screen<'a> {
    out: &'a mut dyn Write,
    colour: bool,
    /// The beginning of a character whose end is not written yet.
    begun: Vec<u8>,
}

impl<'a> Screen<'a> {
    pub(super) fn new(out: &'a mut dyn Write, colour: bool) -> Self {
        Self { out, colour, begun: Vec::new() }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if text.chars().all(|c| is_harmless(c) || c == '\n') {
            return self.out.write_all(text.as_bytes());
        }
        let (mut rest, mut safe) = (text, String::with_capacity(text.len()));
        while let Some(c) = rest.chars().next() {
            let ours = OURS.into_iter().find(|ours| self.colour && rest.starts_with(ours));
            let taken = ours.map_or(c.len_utf8(), str::len);
            match ours {
                Some(ours) => safe.push_str(ours),
                None => safe.push(if is_harmless(c) || c == '\n' { c } else { stand_in(c) }),
            }
            rest = &rest[taken..];
        }
        self.out.write_all(safe.as_bytes())
    }

    /// Writes what is whole of `bytes`, and keeps the beginning of a character at their end.
    fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        loop {
            let (valid, behind) = match std::str::from_utf8(bytes) {
                Ok(text) => return self.text(text),
                Err(error) => {
                    let (valid, rest) = bytes.split_at(error.valid_up_to());
                    (valid, error.error_len().map(|length| &rest[length..]).ok_or(rest))
                }
            };
            self.text(&String::from_utf8_lossy(valid))?;
            match behind {
                Ok(rest) => {
                    self.text("\u{fffd}")?;
                    bytes = rest;
                }
                Err(begun) => {
                    self.begun = begun.to_vec();
                    return Ok(());
                }
            }
        }
    }
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.begun.is_empty() {
            self.bytes(bytes)?;
        } else {
            let mut whole = std::mem::take(&mut self.begun);
            whole.extend(bytes);
            self.bytes(&whole)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Screen<'_> {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            // Nobody hears of an error here; what is lost is half a character.
            let _ = self.text("\u{fffd}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of `pieces`.
    fn screened(pieces: &[&[u8]], colour: bool) -> String {
        let mut out = Vec::new();
        let mut screen = Screen::new(&mut out, colour);
        for piece in pieces {
            screen.write_all(piece).unwrap();
        }
        drop(screen);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_foreign_passes() {
        let cases: [(&str, &str); 5] = [
            ("a\nb é 日 🙂\n", "a\nb é 日 🙂\n"),
            ("\x1b]0;t\x07\r\0\x7f\t", "␛]0;t␇␍␀␡ "),
            ("\u{9b}31m\u{202e}\u{200b}\u{e0041}", "\u{fffd}31m\u{fffd}\u{fffd}\u{fffd}"),
            ("\x1b[1mbold\x1b[0m", "␛[1mbold␛[0m"),
            ("\x1b[2J\x1b[8m", "␛[2J␛[8m"),
        ];
        for (text, shown) in cases {
            assert_eq!(screened(&[text.as_bytes()], false), shown);
        }
    }

    #[test]
    fn colours_of_ours_pass_where_they_are_wanted_and_no_others() {
        assert_eq!(
            screened(&[b"\x1b[1mbold\x1b[0m \x1b[8m\x1b[2J\x1b[1;1H"], true),
            "\x1b[1mbold\x1b[0m ␛[8m␛[2J␛[1;1H"
        );
    }

    #[test]
    fn a_character_may_come_in_pieces_and_what_is_no_text_is_marked() {
        let sign = "€".as_bytes();
        assert_eq!(screened(&[&sign[..1], &sign[1..2], &sign[2..], b"x"], false), "€x");
        let steering = "\u{9b}".as_bytes();
        assert_eq!(screened(&[&steering[..1], &steering[1..]], false), "\u{fffd}");
        assert_eq!(screened(&[b"a\xffb\xe2"], false), "a\u{fffd}b\u{fffd}");
    }
}
