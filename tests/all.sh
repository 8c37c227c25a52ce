#!/usr/bin/env bash
# Runs every test: installs the wasm target, then formatting, lints, documentation, tests of all packages, and the proof
# that the committed plugins are what their sources build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

say "targets"
rustup target add wasm32-unknown-unknown

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings

say "the engine alone"
cargo clippy --locked --lib --no-default-features -- -D warnings

say "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

say "tests"
cargo test --locked --workspace --quiet

say "plugins"
HOST="$PWD/target/debug/host" plugins/build.sh --check

say "all passed"
