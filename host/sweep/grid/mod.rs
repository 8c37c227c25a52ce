//! The grid of a sweep: combinations of parameters, as written and as planned.
//!
//! Never expands the product of its axes: a combination is computed from its index, so 10^12 of them cost nothing
//! before they run.
//!
//! # The file
//!
//! JSON or TOML, by extension. At its plainest, parameters and their values: `{"fast": [5, 10], "slow": [20, 50]}`. An
//! axis is one of
//!
//! | written | values |
//! |---|---|
//! | `[5, 10, 20]`, `["long", "both"]`, `[true, false]` | those |
//! | `20` | that one |
//! | `{"from": 5, "to": 50, "step": 5}` | 5, 10, ... up to and with 50, in exact decimals; the step of two integers is 1 where it is left out |
//! | `{"from": 0, "to": 1, "n": 5}` | 5 points at equal distances, both ends included |
//! | `{"from": 0.01, "to": 10, "n": 4, "scale": "log"}` | 4 points at equal ratios, both ends included, rounded to 12 digits |
//!
//! For an integer parameter, points are rounded to whole numbers; on a log scale those that fall together are one.
//!
//! Beside the axes, these keys are the grid's own: `exits`, `zip` (groups of axes that advance together), `constraints` (on
//! parameters, before the run), `require` (on metrics, after it), `objective`, `direction` (`max` or `min`), `sample`
//! (that many combinations, drawn at random) and `seed` (of the draw, 0 where left out). For a parameter of such a
//! name, write all axes into a table of their own: `{"parameters": {"seed": [1, 2]}, "sample": 10}`.
//!
//! `exits` has axes, too: `{"fast": [5, 10], "exits": {"stop_loss": [0.02, "5%"], "take_profit": 0.1}}`. They are those of the
//! account, by which it closes positions of a strategy that answers with targets.
//!
//! # Order
//!
//! Axes count in the order in which they are written; the last one advances fastest.

mod ast;
mod axis;
mod axis_node;
mod bind;
mod document;
mod error;
mod exits;
mod expression;
mod file;
mod find;
mod lattice;
mod node;
mod plan;
mod sample;
mod shard;
mod spread;
mod syntax;
mod values;
mod written;

pub use document::GridDocument;
pub use error::{AxisProblem, GridError};
pub use exits::{ExitsSpec, as_shares};
pub use expression::{Expression, ExpressionError};
pub use lattice::Lattice;
pub(crate) use plan::Indices;
pub use plan::{Count, Cursor, Plan};
pub(crate) use shard::Split;
pub use shard::{Shard, ShardError};
pub(crate) use spread::Spread;
pub use written::Grid;
