//! What a guest may use, and the record of what it was refused.
//!
//! Never stops a guest itself: it answers wasmtime's questions and keeps the log.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Limits of every call into a plugin.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Wall-clock time of one task. Default: 10 seconds.
    pub timeout: Duration,
    /// Wall-clock time of `prepare`. Default: 60 seconds.
    pub prepare_timeout: Duration,
    /// Bytes of memory and tables of one guest; `None` stands for 256 MiB and four times the size of the data.
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
            timeout: Duration::from_secs(10),
            prepare_timeout: Duration::from_secs(60),
            memory: None,
            answer: 16 << 20,
            log_lines: 100,
            log_bytes: 16 << 10,
        }
    }
}

impl Limits {
    /// The memory limit in bytes for a guest that is given `data` bytes.
    pub(super) fn memory_for(&self, data: usize) -> usize {
        self.memory.unwrap_or_else(|| data.saturating_mul(4).saturating_add(256 << 20))
    }
}

/// What the host keeps for one store.
#[derive(Debug)]
pub(super) struct State {
    pub(super) limiter: Limiter,
    pub(super) log: Log,
}

impl State {
    pub(super) fn new(memory: usize, limits: &Limits) -> Self {
        let log = Log { lines_left: limits.log_lines, bytes_left: limits.log_bytes, ..Log::default() };
        Self { limiter: Limiter { limit: memory, used: 0, refused: None }, log }
    }
}

/// Sums all memories and tables of a store, and remembers the first refusal: to the guest a refused growth looks like
/// any other failed allocation, and so does its trap to the host.
#[derive(Debug)]
pub(super) struct Limiter {
    limit: usize,
    used: usize,
    refused: Option<usize>,
}

impl Limiter {
    /// The bytes that the guest would have had in all, if it was refused any.
    pub(super) fn refused(&self) -> Option<usize> {
        self.refused
    }

    /// The limit in bytes.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            self.refused.get_or_insert(wanted);
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
}

impl Log {
    /// The longest text of a panic that is kept, in bytes.
    const LAST_ERROR: usize = 4 << 10;

    /// Keeps `message`, or counts it as dropped.
    pub(super) fn push(&mut self, level: &str, message: &str) {
        if level == "error" {
            self.last_error = Some(printable(cut(message, Self::LAST_ERROR)));
        }
        if self.lines_left == 0 || self.bytes_left == 0 {
            self.dropped += 1;
            return;
        }
        let kept = cut(message, self.bytes_left);
        self.lines_left -= 1;
        self.bytes_left = if kept.len() < message.len() { 0 } else { self.bytes_left - kept.len() };
        self.lines.push(format!("{level}: {}", printable(kept)));
    }

    /// The text of a panic, if the guest's last error is one.
    pub(super) fn panic(&self) -> Option<&str> {
        self.last_error.as_deref().filter(|text| text.starts_with("panicked at "))
    }

    /// Takes the lines; a last one says how many were dropped.
    pub(super) fn take(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.lines);
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

/// `text` on one line, without control characters: it will reach a terminal.
pub(super) fn printable(text: &str) -> String {
    text.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed_and_the_first_refusal_is_kept() {
        let mut limiter = Limiter { limit: 100, used: 0, refused: None };
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(!limiter.table_growing(0, 1000, None).unwrap());
        assert_eq!(limiter.refused(), Some(101));
    }

    #[test]
    fn a_flood_of_lines_is_cut_and_counted() {
        let limits = Limits { log_lines: 3, log_bytes: 10, ..Limits::default() };
        let mut log = State::new(0, &limits).log;
        for text in ["one", "two\u{1b}[31m", "three", "four"] {
            log.push("info", text);
        }
        assert_eq!(log.take(), ["info: one", "info: two [31", "host: 2 more lines were dropped (limit)"]);
    }

    #[test]
    fn the_text_of_a_panic_survives_a_flood() {
        let limits = Limits { log_lines: 0, ..Limits::default() };
        let mut log = State::new(0, &limits).log;
        log.push("error", "panicked at src/lib.rs:1:2: boom");
        assert_eq!(log.panic(), Some("panicked at src/lib.rs:1:2: boom"));
    }
}
