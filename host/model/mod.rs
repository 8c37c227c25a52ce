//! The model: bars, parameters, targets, orders and digests, plain values that are checked where they are made.
//!
//! Never does I/O, never knows wasm, threads or the command line.

mod bars;
mod digest;
mod orders;
mod params;
mod targets;
mod time;

pub use bars::Series;
pub use digest::{Digest, DigestError};
pub(crate) use orders::number;
pub use orders::{
    BarEvent, Command, Commands, EventKind, FillEvent, Measure, OrderKind, OrderRequest, RejectReason, Side,
    TimeInForce,
};
pub use params::{Description, Encoding, ParamError, ParamSpec, Params, Value};
pub use targets::{Targets, TargetsError};
pub use time::{format_date_time, format_time};
