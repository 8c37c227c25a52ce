//! The line of progress: one row of a terminal, whose cursor stays at its beginning.
//!
//! Never leaves a copy behind: where a terminal that became narrower has broken the line, the cursor is still in its first row,
//! from which all is erased.

use std::{
    io::{self, Write as _},
    sync::{Mutex, PoisonError},
};

use indicatif::TermLike;

/// Erases a line that the cursor is at the beginning of, whatever rows it has. It begins with a blank: where the cursor is in
/// the first cell of the screen, tmux would keep what it erases.
pub(super) const ERASE: &str = "\r \x1b[J\r";

/// The width where nobody knows it.
const WIDTH: u16 = 80;

/// Standard error as a terminal with one line that is drawn again and again.
#[derive(Debug, Default)]
pub(super) struct StillLine {
    /// What is drawn next.
    line: Mutex<String>,
}

impl StillLine {
    fn set(&self, text: &str, keep: bool) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        if !keep {
            line.clear();
        }
        line.push_str(text);
    }
}

#[expect(clippy::disallowed_methods, reason = "the line is drawn by threads that have no `Context`")]
fn stderr() -> io::Stderr {
    io::stderr()
}

/// What shows `line`, and leaves the cursor before it.
fn drawn(line: &str) -> String {
    let line = line.trim_end();
    // Without wrapping: a terminal may have become narrower since its width was read.
    if line.is_empty() { ERASE.to_owned() } else { format!("\r\x1b[?7l{line}\x1b[J\x1b[?7h\r") }
}

impl TermLike for StillLine {
    fn width(&self) -> u16 {
        let size = terminal_size::terminal_size_of(stderr());
        // A line that ends before the last column is never broken by the terminal itself.
        size.map_or(WIDTH, |(width, _)| width.0.saturating_sub(1).max(1))
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        match text.strip_prefix('\r') {
            Some(text) => self.set(text, false),
            None => self.set(text, true),
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.set("", false);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let line = std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
        let mut err = stderr().lock();
        err.write_all(drawn(&line).as_bytes())?;
        err.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_drawn_over_what_is_left_of_the_one_before_and_the_cursor_stays_before_it() {
        let line = StillLine::default();
        for text in ["old", "\r", "7 % done", "   "] {
            line.write_str(text).unwrap();
        }
        assert_eq!(drawn(&line.line.lock().unwrap()), "\r\x1b[?7l7 % done\x1b[J\x1b[?7h\r");
        line.clear_line().unwrap();
        assert_eq!(drawn(&line.line.lock().unwrap()), ERASE);
    }
}
