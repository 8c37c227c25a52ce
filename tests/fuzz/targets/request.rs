//! Requests of sweeps in JSON, bound to a plugin.

use host::{
    sandbox::Limits,
    sweep::{DefaultMetrics, SweepRequest},
};

use super::{grid, message};

/// What requests are made of.
#[rustfmt::skip]
pub(super) const WORDS: &[&str] = &[
    "\"plugin\"", "\"data\"", "\"grid\"", "\"params\"", "\"constraints\"", "\"require\"", "\"objective\"", "\"direction\"",
    "\"sample\"", "\"seed\"", "\"metrics\"", "\"top\"", "\"scope\"", "\"period\"", "\"bounds\"", "\"account\"", "\"limits\"",
    "\"each-symbol\"", "\"all\"", "\"from\"", "\"to\"", "\"fast=5..50:5\"", "\"fast=1,2\"", "\"threshold=0.01..10/4:log\"",
    "\"2024-01-31\"", "\"budget\"", "\"timeout\"", "\"memory\"", "\"sharpe\"", "\"rules\"", "\"profile\"", "true", "null", "0",
    "1e308", "9223372036854775807", "18446744073709551615", "-1", "[", "]", "{", "}", ",", ":",
];

/// Reads the input as a request, checks and binds it.
pub(super) fn run(input: &[u8]) {
    let request: SweepRequest = match serde_json::from_slice(input) {
        Ok(request) => request,
        Err(_) => return,
    };
    check_written(&request);
    let checked = request.check();
    if let Err(error) = &checked {
        message::check(error);
    }
    let plugin = grid::plugin();
    match request.bind(&plugin, DefaultMetrics::Shown) {
        Ok(bound) => {
            assert!(checked.is_ok(), "what fits a plugin is right without one: {checked:?}");
            grid::check_plan(&bound.plan, &plugin);
            assert!(request.limits.over(&Limits::default()).is_ok_and(|limits| limits == bound.limits));
        }
        Err(error) => message::check(&error),
    }
}

/// A request is written as something that reads the same.
fn check_written(request: &SweepRequest) {
    let written = serde_json::to_string(request).expect("a request can be written");
    let again: SweepRequest = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(&again, request, "{written}");
}
