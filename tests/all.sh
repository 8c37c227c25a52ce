#!/usr/bin/env bash
# All tests of the workspace: formatting, lints, documentation, the tests of all packages, and the proof that the committed
# plugins are what their sources build. Never tests other languages than Rust, the page in a browser, or speed; .ci/run does.
#
#   tests/all.sh
#
# Everything is compiled with the profile `ci`. Prints the seconds of each step at the end. Properties draw their cases from
# one seed, so that a run fails by what was changed; `cargo test` alone draws others each time.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
export PROPTEST_RNG_SEED=${PROPTEST_RNG_SEED:-20261130}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/steps.sh
target=${CARGO_TARGET_DIR:-$PWD/target}

step "wasm target" rustup target add wasm32-unknown-unknown
step "format" cargo fmt --all --check
step "lints" cargo clippy --profile ci --locked --workspace --all-targets -- -D warnings
step "the engine alone" cargo clippy --profile ci --locked --lib --no-default-features -- -D warnings
RUSTDOCFLAGS="-D warnings" step "documentation" cargo doc --profile ci --locked --workspace --no-deps --quiet
step "compile the tests" cargo test --profile ci --locked --workspace --quiet --no-run
step "tests" cargo test --profile ci --locked --workspace --quiet
step "forks by page faults" env HOST_WRITTEN_PAGES=faults \
    cargo test --profile ci --locked --workspace --lib --test it --quiet -- sandbox:: forks:: events:: processes:: identity::
HOST=$target/ci/host step "committed plugins" plugins/build.sh --check
