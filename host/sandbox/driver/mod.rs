//! The driver: a small core module inside the component that is run, which makes a strategy's calls through quiet bars.
//!
//! Never trades, and never decides how far the account can be quiet: the broker does, in a [`Stretch`](crate::broker::Stretch).
//!
//! A call from the host into a component takes a hundred nanoseconds, one from core module to core module three. So the
//! driver walks the bars: it compares each with what the broker has told, computes equity, and calls the strategy. It returns
//! when the strategy has sent something, or a time stamp is not quiet.
//!
//! It has a memory of its own, which no other module is given. The host maps the bars there, one copy for all instances, and
//! writes what it must know into the pages before them (`layout`). The strategy's memory never holds a bar that has not
//! closed: a bar reaches it as the arguments of its call.

mod component;
mod layout;
mod module;
mod tape;

pub(crate) use self::tape::Tape;
pub(super) use self::{
    component::add,
    layout::{DRIVE, FRAME},
    tape::{Calling, Driver, event, note_sent, time},
};
