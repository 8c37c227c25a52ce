//! Optimisers that propose the cells of a sweep by generations: Sobol, successive halving, differential evolution, NSGA-II.
//!
//! Never runs a cell: whoever holds a [`Search`] evaluates its batches. Never reads a clock, a thread's number or the order of a
//! hash map: the same seed, space and outcomes give the same batches on every machine.

mod evolution;
mod front;
mod generation;
mod halving;
mod history;
mod names;
mod nsga2;
mod search;
mod sobol;
mod space;
mod walk;

pub use front::front;
pub use history::{Outcome, Share};
pub use search::{Batch, End, Method, Search, SearchError, Settings};
pub use space::{Axis, Point, Space, SpaceError};
