//! Sandboxes for guests of ten bars.

use std::sync::Arc;

use host::{
    model::Series,
    sandbox::{ForkMethod, Limits, Options, Sandbox},
};

/// The body of a guest's function that answers `ok`, with no targets.
pub(crate) const OK: &str = "(i32.const 128)";

/// A sandbox whose guests have 64 MiB each, unless `change` says otherwise.
pub(crate) fn sandbox(method: ForkMethod, change: impl FnOnce(&mut Limits)) -> Sandbox {
    let mut limits = Limits::default();
    limits.memory = Some(64 << 20);
    change(&mut limits);
    let mut options = Options::from(limits);
    options.fork_method = method;
    Sandbox::new(2, options).unwrap()
}

/// Ten bars whose prices are all 1, a nanosecond apart.
pub(crate) fn ten_bars() -> Arc<[Series]> {
    let column = vec![1.0; 10];
    let (open, high, low, close, volume) = (column.clone(), column.clone(), column.clone(), column.clone(), column);
    Arc::new([Series {
        symbol: "TEN".into(),
        time: (0..10).collect(),
        open,
        high,
        low,
        close,
        volume,
        ..Series::default()
    }])
}
