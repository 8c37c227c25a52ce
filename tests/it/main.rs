//! What `host` promises, promise by promise.

mod guest;
mod hostile;
