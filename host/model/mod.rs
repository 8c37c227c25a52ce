//! The model: bars, parameters, targets, orders and digests, plain values that are checked where they are made.
//!
//! Never does I/O, never knows wasm, threads or the command line.

mod bars;
mod canonical;
mod contract;
mod digest;
pub(crate) mod nearest;
mod orders;
mod params;
mod printable;
#[cfg(test)]
pub(crate) mod random;
mod schedule;
pub(crate) mod stream;
mod targets;
mod text;
mod time;
mod time_point;
mod timeframe;
pub(crate) mod wire;

pub use bars::{Bar, Series, are_in_step};
pub use canonical::Canonical;
pub use contract::Contract;
pub use digest::{Digest, DigestError};
pub(crate) use orders::number;
pub use orders::{
    BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Side,
    TimeInForce,
};
pub use params::{Description, Encoding, ParamError, ParamSpec, Params, Value};
pub(crate) use printable::is_harmless;
#[cfg(feature = "cli")]
pub(crate) use printable::stand_in;
pub use printable::{Newlines, label, plain_json, printable, shortened};
pub(crate) use schedule::majority;
pub use schedule::{BarTime, Schedule, Session};
pub use targets::{Targets, TargetsError};
pub use text::quoted;
pub use time::{format_date_time, format_time};
pub use time_point::TimePoint;
pub use timeframe::Timeframe;
