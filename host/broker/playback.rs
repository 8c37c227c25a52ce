//! Playback: a client that sends targets that are known beforehand.
//!
//! Never looks at a bar.

use std::convert::Infallible;

use super::{Client, Timeline};
use crate::model::{BarEvent, Command, Commands, EventKind, FillEvent, RejectReason, Targets};

/// Asks for each target at the close of the bar that it names.
pub(super) struct Playback<'a> {
    targets: &'a Targets,
    timeline: &'a Timeline,
    commands: Commands,
    /// The next time stamp.
    stamp: usize,
    /// The first target that was not asked for yet.
    next: usize,
}

impl<'a> Playback<'a> {
    /// `first` are targets from before the first bar: instruments and exposures.
    pub(super) fn new(first: &[(u32, f64)], targets: &'a Targets, timeline: &'a Timeline) -> Self {
        let mut commands = Commands::default();
        for event in [EventKind::Bar, EventKind::Fill, EventKind::Reject] {
            commands.push(Command::Mute { event });
        }
        first.iter().for_each(|(instrument, exposure)| commands.target(*instrument, *exposure));
        Self { targets, timeline, commands, stamp: 0, next: 0 }
    }
}

impl Client for Playback<'_> {
    type Error = Infallible;

    fn on_bar(&mut self, _: &BarEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_time(&mut self, _: i64, _: f64) -> Result<(), Infallible> {
        while self.next < self.targets.len() {
            let (at, instrument) = (self.targets.at[self.next], self.targets.instrument[self.next]);
            if self.timeline.stamp(instrument as usize, at as usize) > self.stamp {
                break;
            }
            self.commands.target(instrument, self.targets.exposure[self.next]);
            self.next += 1;
        }
        self.stamp += 1;
        Ok(())
    }

    fn on_fill(&mut self, _: &FillEvent) -> Result<(), Infallible> {
        Ok(())
    }

    fn on_reject(&mut self, _: u64, _: RejectReason) -> Result<(), Infallible> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn commands(&mut self) -> &mut Commands {
        &mut self.commands
    }
}
