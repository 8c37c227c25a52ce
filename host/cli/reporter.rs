//! The reporter on standard error: notes, progress and errors.
//!
//! Never writes a result.

use std::{
    fmt::Display,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Terminal;
use crate::model::{Newlines, label, printable, shortened};

/// The interval of progress lines where no bar can move.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Writes to standard error.
pub(super) struct Reporter<'a> {
    err: &'a mut dyn Write,
    terminal: Terminal,
    quiet: bool,
}

impl<'a> Reporter<'a> {
    pub(super) fn new(err: &'a mut dyn Write, terminal: Terminal) -> Self {
        Self { err, terminal, quiet: false }
    }

    /// Suppresses everything but errors.
    pub(super) fn set_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    /// Prints a note. A note that cannot be written is not a failure.
    ///
    /// Its lines after the first are indented, so that no foreign text in it looks like a note of its own.
    pub(super) fn note(&mut self, text: impl AsRef<str>) {
        self.lines(&indented(text.as_ref()));
    }

    /// Notes that the file at `path` was written, and how much is in it: `1200 rows`.
    pub(super) fn wrote(&mut self, path: &Path, content: impl Display) {
        self.note(format!("wrote `{}`: {content}", path.display()));
    }

    /// The same for a file of rows.
    pub(super) fn wrote_rows(&mut self, path: &Path, rows: u64) {
        self.wrote(path, if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") });
    }

    /// Prints lines as they are, like those of another program.
    pub(super) fn lines(&mut self, text: &str) {
        if !self.quiet {
            let _ = writeln!(self.err, "{}", printable(text, Newlines::Keep));
        }
    }

    /// Prints an error with all its causes.
    pub(super) fn error(&mut self, error: &anyhow::Error) {
        let mut chain =
            error.chain().map(|cause| printable(&indented(&cause.to_string()), Newlines::Keep).into_owned());
        let first = chain.next().unwrap_or_default();
        let _ = writeln!(self.err, "error: {first}");
        for cause in chain {
            let _ = writeln!(self.err, "  because {cause}");
        }
    }

    /// Starts the progress of a run of `total` tasks.
    pub(super) fn progress(&mut self, total: Option<u64>) -> Meter {
        let target = match self.terminal.moving && !self.quiet {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(total, target);
        bar.set_style(style(total.is_some()));
        let now = Instant::now();
        Meter { bar, total, started: now, last_line: now }
    }

    /// Shows the progress: `failed` tasks of `done`, and the text of the best so far.
    pub(super) fn advance(&mut self, meter: &mut Meter, done: u64, failed: u64, best: impl FnOnce() -> String) {
        if !meter.bar.is_hidden() {
            meter.bar.set_position(done);
            // The bar redraws ten times a second; messages in between would not be seen.
            if meter.last_line.elapsed() > Duration::from_millis(100) {
                meter.last_line = Instant::now();
                meter.bar.set_message(format!("{failed} failed{}", label(&best())));
            }
        } else if meter.last_line.elapsed() > LINE_EVERY {
            meter.last_line = Instant::now();
            let line = meter.line(done, failed);
            self.note(line + &best());
        }
    }
}

/// The progress of a run.
pub(super) struct Meter {
    bar: ProgressBar,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
}

impl Meter {
    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn line(&self, done: u64, failed: u64) -> String {
        let seconds = self.elapsed().as_secs_f64();
        let rate = done as f64 / seconds.max(f64::MIN_POSITIVE);
        let Some(total) = self.total else { return format!("{done} done, {rate:.0}/s, {failed} failed") };
        let left = total.saturating_sub(done) as f64 / rate;
        format!("{done}/{total} done, {rate:.0}/s, {left:.0} s left, {failed} failed")
    }
}

/// The most characters of a note or of a cause of an error.
const LONGEST: usize = 20_000;

/// The text, cut where it is very long, with two blanks before each further line that has none.
fn indented(text: &str) -> String {
    let text = shortened(text, LONGEST);
    let line =
        |line: &str| if line.is_empty() || line.starts_with(' ') { line.to_owned() } else { format!("  {line}") };
    let mut lines = text.split('\n');
    let first = lines.next().unwrap_or_default().to_owned();
    std::iter::once(first).chain(lines.map(line)).collect::<Vec<_>>().join("\n")
}

fn style(total: bool) -> ProgressStyle {
    const KNOWN: &str = "{bar:30} {pos}/{len}  {per_sec}  {eta} left  {msg}";
    const UNKNOWN: &str = "{spinner} {pos}  {per_sec}  {elapsed}  {msg}";
    let template = if total { KNOWN } else { UNKNOWN };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str) -> String {
        let mut err = Vec::new();
        Reporter::new(&mut err, Terminal::default()).note(text);
        String::from_utf8(err).unwrap()
    }

    #[test]
    fn a_foreign_line_end_begins_no_note() {
        assert_eq!(noted("data: `A\nerror: all is lost`"), "data: `A\n  error: all is lost`\n");
        assert_eq!(noted("data: `A\r\nerror: forged`"), "data: `A\n  error: forged`\n");
        assert_eq!(noted("2 failed:\n    at line 3"), "2 failed:\n    at line 3\n");
    }

    #[test]
    fn a_note_has_an_end() {
        assert_eq!(noted(&"x".repeat(1 << 20)).chars().count(), LONGEST + 1);
    }
}
