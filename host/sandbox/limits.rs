//! Limits of a guest: budget, time, memory, log, and the record of what it was refused.
//!
//! Never stops a guest itself: it answers wasmtime's questions and keeps the log.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::ResourceLimiter;

use super::{driver, memory::Desk};
use crate::model::{Commands, format_time, is_harmless};

/// Limits of every call into a plugin.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Computing that one task may do. Default: [`Budget::Auto`].
    pub budget: Budget,
    /// Wall-clock time of one task. Default: 10 seconds.
    pub timeout: Duration,
    /// Wall-clock time of `prepare`. Default: 60 seconds.
    pub prepare_timeout: Duration,
    /// Wall-clock time of one compilation, where a process of its own compiles. Default: 120 seconds.
    pub compile_timeout: Duration,
    /// Tasks that one fork may serve, one after the other. Default: 1.
    ///
    /// With more, tasks of very short series cost less, but a task may find what another one has left behind in the
    /// strategy's memory: results are then only as reproducible as the strategy makes them.
    pub tasks_per_fork: usize,
    /// Bytes of memory, tables, globals and whatever else one guest takes; `None` stands for 256 MiB and four times the size of the data.
    pub memory: Option<usize>,
    /// Bytes that one answer of a custom task may have. Default: 16 MiB.
    ///
    /// An answer of targets is limited by the number of bars instead.
    pub answer: usize,
    /// Lines of a task's log that are kept. Default: 100.
    pub log_lines: usize,
    /// Bytes of a task's log that are kept. Default: 16 KiB.
    pub log_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            budget: Budget::Auto,
            timeout: Duration::from_secs(10),
            prepare_timeout: Duration::from_secs(60),
            compile_timeout: Duration::from_secs(120),
            tasks_per_fork: 1,
            memory: None,
            answer: 16 << 20,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

/// The computing that a task may do, in units.
///
/// Each function and each round of a loop costs 8 units and one for every instruction in it, whether or not it is
/// reached, and operations on blocks of memory cost a unit for every 8 bytes. So a task uses the same number of units on
/// every machine. How long a unit takes depends on the strategy: 0.01 to 0.2 nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Budget {
    /// A thousand times what the parameters' defaults took on this data, and never less than 2 x 10^9 units and 200,000
    /// for each bar.
    #[default]
    Auto,
    /// This many units.
    Units(u64),
    /// No limit but time. Nothing is counted, and watching the clock costs tight loops up to twice their time.
    Unmetered,
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = |text: &str| {
            let number = text.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && *number >= 1.0)?;
            (number <= MOST as f64).then_some(number as u64)
        };
        match text {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Unmetered),
            _ => text
                .parse()
                .ok()
                .filter(|units| (1..=MOST).contains(units))
                .or_else(|| units(text))
                .map(Self::Units)
                .ok_or_else(|| {
                    format!("`{text}` is not a budget; give `auto`, `none`, or whole units from 1 to 2e18, like `5e9`")
                }),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.pad("auto"),
            Self::Units(units) => units.fmt(f),
            Self::Unmetered => f.pad("none"),
        }
    }
}

impl Budget {
    /// The least that [`Budget::Auto`] allows, in units.
    const FLOOR: u64 = 2_000_000_000;
    const FLOOR_PER_BAR: u64 = 200_000;

    /// How many times as much as the parameters' defaults a task may use with [`Budget::Auto`].
    const FACTOR: u64 = 1000;

    /// The units of a task over `bars` bars, before anything is known about the strategy.
    fn floor(self, bars: usize) -> u64 {
        match self {
            Self::Units(units) => units.min(MOST),
            Self::Auto | Self::Unmetered => {
                Self::FLOOR_PER_BAR.saturating_mul(bars as u64).saturating_add(Self::FLOOR).min(MOST)
            }
        }
    }

    /// The units that a task over `bars` bars has in any case; `None` where nothing is counted.
    pub fn at_least(self, bars: usize) -> Option<u64> {
        (self != Self::Unmetered).then(|| self.floor(bars))
    }

    /// Whether a task over `bars` bars may take more with this budget than `own` allows it in any case.
    pub fn may_exceed(self, own: Self, bars: usize) -> bool {
        match (self, own) {
            (_, Self::Unmetered) => false,
            (Self::Unmetered, _) => true,
            (Self::Auto, own) => own != Self::Auto,
            (Self::Units(units), own) => units > own.floor(bars),
        }
    }

    /// The units of a task, where the parameters' defaults took `first`.
    pub(super) fn of_task(self, bars: usize, first: Option<u64>) -> u64 {
        match (self, first) {
            (Self::Auto, Some(first)) => first.saturating_mul(Self::FACTOR).clamp(self.floor(bars), MOST),
            _ => self.floor(bars),
        }
    }

    /// The units of the first task, which has the parameters' defaults.
    pub(super) fn of_first_task(self, bars: usize) -> u64 {
        match self {
            Self::Units(_) => self.floor(bars),
            Self::Auto | Self::Unmetered => self.floor(bars).saturating_mul(10).min(MOST),
        }
    }

    /// The units of `prepare`.
    pub(super) fn of_prepare(self, bars: usize) -> u64 {
        self.floor(bars).saturating_mul(50).min(MOST)
    }
}

/// The most units that a counter takes: far enough from its end that no single charge gets past it.
const MOST: u64 = 1 << 61;

impl Limits {
    /// Bytes that each bar has when it is given to a guest.
    const BAR: usize = size_of::<i64>() + 5 * size_of::<f64>();

    /// The memory limit in bytes for a guest that is given `bars` bars.
    pub fn memory_for(&self, bars: usize) -> usize {
        let data = bars.saturating_mul(Self::BAR);
        self.memory.unwrap_or_else(|| data.saturating_mul(4).saturating_add(256 << 20))
    }
}

/// The allowance of one call into a guest.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Units of computing.
    pub(super) units: u64,
    /// Wall-clock time.
    pub(super) time: Duration,
    /// Bytes that the guest may pass to the host at once.
    pub(super) answer: usize,
}

impl Allowance {
    /// The moment at which the time of a call that begins now is over.
    pub(super) fn deadline(&self) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        Instant::now() + self.time.min(CENTURY)
    }

    /// The same for what runs before the host can set a budget.
    pub(super) fn of_start(&self) -> Self {
        Self { units: super::meter::CEILING.cast_unsigned(), ..*self }
    }
}

/// The host's data of one store.
#[derive(Debug)]
pub struct State {
    pub(super) limiter: Limiter,
    pub(super) log: Log,
    /// The orders and other commands that the guest has sent to the broker.
    pub(super) commands: Commands,
    /// Whether there is a broker to ask.
    pub(super) trades: bool,
    /// When the event is of which the guest is told.
    pub(super) now: Now,
    /// Lines and bytes of the log of each call.
    log_limits: (usize, usize),
}

impl State {
    pub(super) fn new(memory: usize, limits: &Limits) -> Self {
        let log_limits = (limits.log_lines, limits.log_bytes);
        Self {
            limiter: Limiter { limit: memory, used: 0, refused: None, desk: None },
            log: Log::new(log_limits),
            commands: Commands::default(),
            trades: false,
            now: Now::Untold,
            log_limits,
        }
    }

    /// Remembers where the driver of the guest is told what the guest does.
    pub(super) fn give_desk(&mut self, desk: &Arc<Desk>) {
        self.limiter.desk = Some(Arc::clone(desk));
    }

    /// Tells the driver, if there is one, that the guest has sent something.
    #[inline]
    pub(super) fn tell_driver(&self) {
        if let Some(desk) = &self.limiter.desk {
            driver::note_sent(desk);
        }
    }

    /// Keeps a line of the guest's log, with the time of the event in which it was written.
    pub(super) fn log(&mut self, level: &str, message: &str) {
        let time = match self.now {
            Now::Untold => None,
            Now::At(time) => Some(time),
            Now::Driven => self.limiter.desk.as_deref().map(driver::time),
        };
        self.log.push(time, level, message);
    }

    /// Takes the lines of the log, and starts an empty one.
    pub(super) fn take_log(&mut self) -> Vec<String> {
        std::mem::replace(&mut self.log, Log::new(self.log_limits)).take()
    }
}

/// The time stamp of the event of which a guest is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Now {
    /// It is told of none: it starts, or computes columns.
    Untold,
    /// Nanoseconds since the Unix epoch.
    At(i64),
    /// What the driver has come to.
    Driven,
}

/// Sums what the instance itself takes and all memories and tables of a store, and remembers the first refusal: to the
/// guest a refused growth looks like any other failed allocation, and so does its trap to the host.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: usize,
    used: usize,
    refused: Option<(usize, Event)>,
    /// Where the driver of the guest says which event it tells.
    desk: Option<Arc<Desk>>,
}

/// The event that a driver tells, by its place in the data; always the same without a driver.
type Event = [u32; 3];

impl Limiter {
    /// The bytes that the guest would have had in all, if it was refused any in the event that it hears of.
    pub(super) fn refused(&self) -> Option<usize> {
        let now = self.event();
        self.refused.filter(|(_, event)| *event == now).map(|(wanted, _)| wanted)
    }

    fn event(&self) -> Event {
        self.desk.as_ref().map_or_else(Event::default, |desk| driver::event(desk))
    }

    /// The bytes that the guest has in all.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    /// The limit in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Counts memory that the guest has without having asked for it.
    pub(super) fn add(&mut self, bytes: usize) {
        self.used = self.used.saturating_add(bytes);
    }

    /// Forgets a refusal that was answered, before the next call.
    pub(super) fn forgive(&mut self) {
        self.refused = None;
    }

    /// Counts `bytes` of an instance that is about to be made, or refuses them.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        self.grow(bytes)
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            let now = self.event();
            if self.refused.is_none_or(|(_, event)| event != now) {
                self.refused = Some((wanted, now));
            }
            return false;
        }
        self.used = wanted;
        true
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current).saturating_mul(size_of::<usize>())))
    }
}

/// The lines that a guest wrote, up to the limits.
#[derive(Debug, Default)]
pub(super) struct Log {
    lines: Vec<String>,
    lines_left: usize,
    bytes_left: usize,
    dropped: u64,
    /// The last line of level `error`: the text of a panic arrives as one, just before its trap.
    last_error: Option<String>,
    first_error: Option<String>,
}

impl Log {
    fn new((lines_left, bytes_left): (usize, usize)) -> Self {
        Self { lines_left, bytes_left, ..Self::default() }
    }

    /// Keeps `message`, behind the `time` of its event if it has one, or counts it as dropped.
    fn push(&mut self, time: Option<i64>, level: &str, message: &str) {
        if level == "error" {
            let text = printable_lines(message);
            self.first_error.get_or_insert_with(|| text.clone());
            self.last_error = Some(text);
        }
        if self.lines_left == 0 || self.bytes_left == 0 {
            self.dropped += 1;
            return;
        }
        let kept = cut(message, self.bytes_left);
        self.lines_left -= 1;
        self.bytes_left = if kept.len() < message.len() { 0 } else { self.bytes_left - kept.len() };
        let time = time.map(|time| format!("[{}] ", format_time(time))).unwrap_or_default();
        self.lines.push(format!("{time}{level}: {}", printable(kept)));
    }

    /// The text of the first line of level `error`.
    pub(super) fn first_error(&self) -> Option<&str> {
        self.first_error.as_deref()
    }

    /// The text of the last line of level `error`.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Takes the lines; a last one says how many were dropped.
    fn take(self) -> Vec<String> {
        let mut lines = self.lines;
        if self.dropped > 0 {
            lines.push(format!("host: {} more lines were dropped (limit)", self.dropped));
        }
        lines
    }
}

/// The longest start of `text` with at most `bytes` bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The longest message of a failure that is kept, in bytes.
const LONGEST_MESSAGE: usize = 4 << 10;

/// `text` without characters that steer or hide, but line feeds, whose lines may be the frames of an exception.
pub(super) fn printable_lines(text: &str) -> String {
    let kept = cut(text.trim_end(), LONGEST_MESSAGE);
    let mut lines: String = kept.chars().map(|c| if is_harmless(c) || c == '\n' { c } else { ' ' }).collect();
    if kept.len() < text.trim_end().len() {
        lines.push_str("...");
    }
    lines
}

/// `text` on one line, without characters that steer or hide: it will reach a terminal.
pub(super) fn printable(text: &str) -> String {
    text.trim_end().chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed_and_the_first_refusal_is_kept() {
        let mut limiter = Limiter { limit: 100, used: 0, refused: None, desk: None };
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(!limiter.table_growing(0, 1000, None).unwrap());
        assert_eq!(limiter.refused(), Some(101));
    }

    #[test]
    fn an_instance_counts_before_it_is_made() {
        let mut limiter = Limiter { limit: 100, used: 0, refused: None, desk: None };
        assert!(limiter.hold(60));
        assert!(!limiter.memory_growing(0, 41, None).unwrap());
        assert_eq!(limiter.used(), 60);
        limiter.forgive();
        assert!(!limiter.hold(usize::MAX));
        assert_eq!(limiter.refused(), Some(usize::MAX));
    }

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let limits = Limits { log_lines: 3, log_bytes: 10, ..Limits::default() };
        let mut state = State::new(0, &limits);
        for text in ["one", "two\u{1b}[31m", "three", "four"] {
            state.log("info", text);
        }
        assert_eq!(state.take_log(), ["info: one", "info: two [31", "host: 2 more lines were dropped (limit)"]);
    }

    #[test]
    fn the_text_of_a_panic_survives_a_flood() {
        let limits = Limits { log_lines: 0, ..Limits::default() };
        let mut log = State::new(0, &limits).log;
        log.push(None, "error", "panicked at src/lib.rs:1:2: boom");
        assert_eq!(log.last_error(), Some("panicked at src/lib.rs:1:2: boom"));
    }
}
