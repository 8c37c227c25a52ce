//! Dates: the times of a file, in whatever form it writes them.
//!
//! Never guesses: all times of a file settle their form, or it is asked for.

pub(super) mod clock;
pub(super) mod counts;
pub(super) mod form;
pub(super) mod iso;
pub(super) mod likeness;
pub(super) mod names;
pub(super) mod settle;
pub(super) mod shapes;
pub(super) mod texts;
