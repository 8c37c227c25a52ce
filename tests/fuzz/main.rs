//! The program that libFuzzer looks for inputs with: one target, named by `HOST_FUZZ_TARGET`.
//!
//! Never built by tests or CI; `run.sh` beside it builds and starts it.

#![no_main]
#![expect(dead_code, reason = "test runs use the rest")]

mod budget;
mod targets;

use std::sync::OnceLock;

use budget::Budget;
use libfuzzer_sys::fuzz_target;
use targets::{TARGETS, Target};

// libFuzzer's own hook would end the process at every panic, also those that the program catches.
fuzz_target!(init: Budget::tell_panics(), |input: &[u8]| Budget::new(target()).run(input));

fn target() -> &'static Target {
    static TARGET: OnceLock<&Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("HOST_FUZZ_TARGET").expect("`run.sh` names a target");
        TARGETS.iter().find(|target| target.name == name).expect("`run.sh` names a target of this program")
    })
}
