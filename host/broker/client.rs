//! The `Client` trait: receives bars, fills and rejects, sends orders.
//!
//! Never decides what becomes of an order.

use super::{Place, Stretch, Trail};
use crate::model::{BarEvent, Commands, FillEvent, RejectReason};

/// A strategy that hears of one bar at a time and sends orders: a guest in its sandbox, or a type of one's own.
///
/// What is called when is written at `broker::trade`. Whatever waits in [`Client::commands`] after a call is taken
/// by the broker. An error ends the run.
pub trait Client {
    /// Why a run ends early.
    type Error;

    /// The fills and rejects that follow are told at the time stamp `time`, in nanoseconds since the Unix epoch. By default does
    /// nothing.
    fn at(&mut self, time: i64) {
        let _ = time;
    }

    /// A bar has closed.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn on_bar(&mut self, bar: &BarEvent) -> Result<(), Self::Error>;

    /// All bars of a time stamp have been heard.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn on_time(&mut self, time: i64, equity: f64) -> Result<(), Self::Error>;

    /// An order, or a part of it, was filled.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn on_fill(&mut self, fill: &FillEvent) -> Result<(), Self::Error>;

    /// An order, or what was left of it, is gone.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn on_reject(&mut self, order: u64, reason: RejectReason) -> Result<(), Self::Error>;

    /// The data has ended.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn finish(&mut self) -> Result<(), Self::Error>;

    /// Whether the run may go on: asked now and then, since a strategy that has muted everything is not called any more.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run. By default there is none.
    fn check(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Makes the calls of a whole [stretch](Stretch) of time, and returns how far they came: to the first after which the strategy
    /// has sent something, or to the first time stamp after `stretch.from` that is not quiet. Of several instruments it leaves
    /// in `trail.equity` what the account was worth at each quiet time stamp.
    ///
    /// By default it returns `None`: the broker makes the calls one by one, with the same outcome.
    ///
    /// # Errors
    ///
    /// Returns an error to end the run.
    fn walk(&mut self, stretch: &Stretch<'_>, trail: &mut Trail) -> Result<Option<Place>, Self::Error> {
        let _ = (stretch, trail);
        Ok(None)
    }

    /// What the strategy has asked for since it was last taken.
    fn commands(&mut self) -> &mut Commands;
}
