//! Components: checked, compiled, described, prepared and run.

use std::sync::{Arc, OnceLock};

use host::{
    model::{Params, Series},
    sandbox::{Budget, Interface, Limits, Options, Plugin, Prepared, Sandbox, Signals},
};

use super::message;

/// Loads the input as a plugin, prepares it on ten bars and runs it once.
pub(super) fn run(input: &[u8]) {
    match Plugin::from_bytes(sandbox(), "fuzzed.wasm", input.to_vec()) {
        Ok(plugin) => check(&plugin),
        Err(error) => message::check(&error),
    }
}

/// What loads says what it is, and answers or fails by its own fault.
pub(super) fn check(plugin: &Plugin) {
    let description = plugin.description();
    assert!(!description.name.is_empty() && description.name.len() <= 64);
    for spec in &description.parameters {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        assert!(!spec.name.is_empty() && spec.name.len() <= 64 && spec.name.chars().all(is_plain));
        assert!(spec.default.as_f64().is_none_or(f64::is_finite), "a default is finite");
        assert!([spec.minimum, spec.maximum].iter().flatten().all(|bound| !bound.is_nan()), "a bound is a number");
    }
    let defaults = description.resolve(&Params::new()).expect("a plugin takes its own defaults");
    assert_eq!(defaults.len(), description.parameters.len());
    serde_json::to_string(description).expect("a description can be written");
    if !plugin.exports(Interface::Signals) {
        return;
    }
    match Prepared::<Signals>::new(plugin, ten_bars()) {
        Ok(prepared) => {
            let answer = prepared.evaluate(&defaults);
            assert!(answer.log.len() <= 101, "a log is cut");
            if let Err(error) = answer.outcome {
                message::check(&error);
            }
        }
        Err(error) => message::check(&error),
    }
}

/// A sandbox with little of everything.
pub(super) fn sandbox() -> &'static Sandbox {
    static SANDBOX: OnceLock<Sandbox> = OnceLock::new();
    SANDBOX.get_or_init(|| {
        let mut limits = Limits::default();
        limits.budget = Budget::Units(2_000_000);
        limits.memory = Some(16 << 20);
        let mut options = Options::from(limits);
        // In this process: what would end a child is to be seen.
        options.worker = None;
        Sandbox::new(1, options).expect("a sandbox starts")
    })
}

fn ten_bars() -> Arc<[Series]> {
    let column = || vec![1.0; 10];
    let symbol = "TEN".to_owned();
    let (open, high, low, close, volume) = (column(), column(), column(), column(), column());
    let time = (0..10).collect();
    Arc::new([Series { symbol, time, open, high, low, close, volume, ..Series::default() }])
}
