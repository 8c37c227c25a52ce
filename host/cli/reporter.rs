//! The reporter on standard error: notes, progress and errors.
//!
//! Never writes a result.

use std::{
    fmt::{self, Display},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{output_path::shown, still_line::StillLine, terminal::Terminal};
use crate::model::{Newlines, label, printable, shortened};

/// The first interval of progress lines where no bar can move; each one is twice the one before, ...
const LINE_EVERY: Duration = Duration::from_secs(5);

/// ... up to this.
const LINE_AT_LEAST: Duration = Duration::from_secs(60);

/// The time that is left is estimated from no less than this, ...
const LEAST_TIME: Duration = Duration::from_secs(1);

/// ... and no less than this part of the tasks.
const LEAST_PART: f64 = 0.01;

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
        self.note(format!("wrote {}: {content}", shown(path)));
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

    /// Begins to show something that takes long.
    pub(super) fn patience(&mut self) -> Patience {
        let bar = ProgressBar::with_draw_target(None, self.target());
        let style = ProgressStyle::with_template("{spinner} {elapsed}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Patience(bar)
    }

    /// Shows what takes long, and for how long it has.
    pub(super) fn still(&mut self, shown: &mut Patience, text: &str, elapsed: Duration) {
        match shown.0.is_hidden() {
            false => shown.0.set_message(label(text).into_owned()),
            true => self.note(format!("{text}, {:.0} s so far", elapsed.as_secs_f64())),
        }
    }

    fn target(&self) -> ProgressDrawTarget {
        match self.terminal.moving && !self.quiet {
            true => ProgressDrawTarget::term_like_with_hz(Box::new(StillLine::default()), 10),
            false => ProgressDrawTarget::hidden(),
        }
    }

    /// Starts the progress of a run of `total` tasks.
    pub(super) fn progress(&mut self, total: Option<u64>) -> Meter {
        let bar = ProgressBar::with_draw_target(total, self.target());
        bar.set_style(style(total.is_some()));
        let now = Instant::now();
        Meter { bar, total, started: now, last_line: now, line_every: LINE_EVERY }
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
        } else if meter.last_line.elapsed() > meter.line_every {
            meter.last_line = Instant::now();
            meter.line_every = (meter.line_every * 2).min(LINE_AT_LEAST);
            let line = meter.line(done, failed);
            self.note(line + &best());
        }
    }
}

/// What is shown of something that takes long.
pub(super) struct Patience(ProgressBar);

impl Patience {
    /// Removes it.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// The progress of a run.
pub(super) struct Meter {
    bar: ProgressBar,
    total: Option<u64>,
    started: Instant,
    last_line: Instant,
    /// The time until the next line where no bar can move.
    line_every: Duration,
}

impl Meter {
    /// Removes the bar.
    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Changes the number of tasks, of which more have become known.
    pub(super) fn set_total(&mut self, total: u64) {
        if self.total != Some(total) {
            self.total = Some(total);
            self.bar.set_length(total);
        }
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn line(&self, done: u64, failed: u64) -> String {
        line(done, self.total, failed, self.elapsed())
    }
}

/// A line of progress: `failed` of `done` tasks out of `total`, in a time.
fn line(done: u64, total: Option<u64>, failed: u64, elapsed: Duration) -> String {
    let rate = rate_text(done as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE));
    let of = total.map_or_else(String::new, |total| format!("/{total}"));
    let left = total.and_then(|total| time_left(done, total, elapsed));
    let left = left.map_or_else(String::new, |left| format!(", {:.0} s left", left.as_secs_f64()));
    format!("{done}{of} done, {rate}{left}, {failed} failed")
}

/// Tasks a second. Of slow tasks, a rate without decimals would say nothing.
fn rate_text(rate: f64) -> String {
    let decimals = if rate < 10.0 { 2 } else { 0 };
    format!("{rate:.decimals$}/s")
}

/// How long the rest takes if it goes on like this; nothing where that is a guess.
fn time_left(done: u64, total: u64, elapsed: Duration) -> Option<Duration> {
    if done == 0 || elapsed < LEAST_TIME || (done as f64) < LEAST_PART * total as f64 {
        return None;
    }
    let left = elapsed.as_secs_f64() * total.saturating_sub(done) as f64 / done as f64;
    Duration::try_from_secs_f64(left).ok()
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
    // The message is cut to what is left of the width, so that the line never wraps.
    const KNOWN: &str = "{bar:16} {percent}% {pos}/{len}  {rate}{left}  {wide_msg}";
    const UNKNOWN: &str = "{spinner} {pos}  {rate}  {elapsed}  {wide_msg}";
    let template = if total { KNOWN } else { UNKNOWN };
    let left = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let left = state.len().and_then(|total| time_left(state.pos(), total, state.elapsed()));
        // A bar that cannot be drawn is not a failure.
        let _ = left.map(|left| write!(out, "  {:.0}s left", left.as_secs_f64()));
    };
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _ = write!(out, "{}", rate_text(state.per_sec()));
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("left", left).with_key("rate", rate)
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
    fn a_line_estimates_only_from_what_is_enough() {
        let line = |done, total, milliseconds| line(done, total, 2, Duration::from_millis(milliseconds));
        let cases = [
            (1, Some(20_001), 7_000, "1/20001 done, 0.14/s, 2 failed"),
            (0, Some(8), 6_000, "0/8 done, 0.00/s, 2 failed"),
            (5_000, Some(20_000), 999, "5000/20000 done, 5005/s, 2 failed"),
            (5_000, Some(20_000), 1_000, "5000/20000 done, 5000/s, 3 s left, 2 failed"),
            (199, Some(20_000), 2_000, "199/20000 done, 100/s, 2 failed"),
            (200, Some(20_000), 2_000, "200/20000 done, 100/s, 198 s left, 2 failed"),
            (9, Some(8), 2_000, "9/8 done, 4.50/s, 0 s left, 2 failed"),
            (70, None, 7_000, "70 done, 10/s, 2 failed"),
            (
                u64::MAX,
                Some(u64::MAX),
                7_000,
                "18446744073709551615/18446744073709551615 done, 2635249153387078656/s, 0 s left, 2 failed",
            ),
        ];
        for (done, total, milliseconds, expected) in cases {
            assert_eq!(line(done, total, milliseconds), expected);
        }
    }

    #[test]
    fn an_estimate_beyond_all_time_is_none() {
        assert_eq!(time_left(u64::MAX / 50, u64::MAX, Duration::MAX), None);
    }

    #[test]
    fn a_note_has_an_end() {
        assert_eq!(noted(&"x".repeat(1 << 20)).chars().count(), LONGEST + 1);
    }
}
