//! The terminal: its width, its colours, whether a progress bar can move.
//!
//! Never writes to it.

/// The properties of the terminal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminal {
    /// The width of standard output in characters, if it is a terminal.
    pub width: Option<u16>,
    /// True if standard output may be coloured.
    pub colour: bool,
    /// True if standard error is a terminal, where a progress bar can move.
    pub moving: bool,
    /// True if the width is that of the terminal of this process, which may be changed at any time.
    pub live: bool,
}

impl Terminal {
    /// Reads the environment: `NO_COLOR` turns colours off.
    pub fn of_process(stdout: bool, stderr: bool) -> Self {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size().map(|(width, _)| width.0);
        Self { width: width.filter(|_| stdout), colour: stdout && !no_colour, moving: stderr, live: stdout }
    }

    /// The width of standard output now.
    #[expect(clippy::disallowed_methods, reason = "its width is asked for, and nothing is written")]
    pub(super) fn width_now(&self) -> Option<u16> {
        let now = terminal_size::terminal_size_of(std::io::stdout()).filter(|_| self.live);
        now.map_or(self.width, |(width, _)| Some(width.0))
    }
}
