//! The rehearsal: the beginning of a data set, played to a strategy to learn what it costs and whether two instances agree.
//!
//! Never trades: nothing is filled, and the account stays as it is.

use std::{
    fmt::{self, Write},
    hash::{DefaultHasher, Hasher},
};

use crate::{
    broker::Client,
    model::{BarEvent, Command, EventKind, Series},
};

/// Time stamps that are played.
const STAMPS: usize = 1000;

/// Commands that are compared word by word; of the others, only how many there are.
const COMPARED: usize = 10_000;

/// The equity that the strategy is told of, in quote currency.
const EQUITY: f64 = 10_000.0;

/// The outcome of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rehearsal {
    /// The hash of what the strategy asked for: all of it may be more than there is memory for.
    commands: u64,
    /// Bars that were played, whether the strategy heard them or not.
    bars: usize,
}

impl Rehearsal {
    /// The units that all of `bars` bars take, where the rehearsal took `units`.
    pub(super) fn scale(&self, units: u64, bars: usize) -> u64 {
        let all = u128::from(units) * bars as u128 / self.bars.max(1) as u128;
        u64::try_from(all).unwrap_or(u64::MAX).max(units)
    }
}

/// Plays the first time stamps of `series` to `client`.
///
/// # Errors
///
/// Returns the first error of the strategy.
pub(super) fn rehearse<C: Client>(series: &[Series], client: &mut C) -> Result<Rehearsal, C::Error> {
    let mut listener = Listener::default();
    let mut next = vec![0; series.len()];
    let mut bars = 0;
    listener.listen(client);
    for time in stamps(series) {
        for (instrument, (series, next)) in (0..).zip(series.iter().zip(&mut next)) {
            if series.time.get(*next) != Some(&time) {
                continue;
            }
            if !listener.is_muted(EventKind::Bar) {
                client.on_bar(&event(instrument, series, *next))?;
                listener.listen(client);
            }
            *next += 1;
            bars += 1;
        }
        if !listener.is_muted(EventKind::Time) {
            client.on_time(time, EQUITY)?;
            listener.listen(client);
        }
    }
    Ok(Rehearsal { commands: listener.heard.0.finish(), bars })
}

/// The first time stamps of all instruments together.
fn stamps(series: &[Series]) -> Vec<i64> {
    let mut times: Vec<_> = series.iter().flat_map(|series| series.time.iter().take(STAMPS)).copied().collect();
    times.sort_unstable();
    times.dedup();
    times.truncate(STAMPS);
    times
}

fn event(instrument: u32, series: &Series, bar: usize) -> BarEvent {
    series.bar(bar).event(instrument, 0.0, EQUITY)
}

/// Takes commands as a broker would, and remembers no more of them than their hash.
#[derive(Default)]
struct Listener {
    heard: CommandHash,
    count: usize,
    muted: Vec<EventKind>,
}

#[derive(Default)]
struct CommandHash(DefaultHasher);

impl Write for CommandHash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

impl Listener {
    fn listen<C: Client>(&mut self, client: &mut C) {
        let commands = client.commands();
        for command in commands.waiting() {
            self.count += 1;
            if self.count <= COMPARED {
                // As a text, since a price may be NaN, which is equal to nothing. Writing to a hash cannot fail.
                let _ = write!(self.heard, "{command:?}");
            }
            if let Command::Mute { event } = command
                && !self.muted.contains(event)
            {
                self.muted.push(*event);
            }
        }
        commands.clear();
        // How commands fall into events is part of what a strategy does.
        self.heard.0.write_usize(self.count);
    }

    fn is_muted(&self, event: EventKind) -> bool {
        self.muted.contains(&event)
    }
}
