#!/usr/bin/env bash
# Runs the tests of forks on Linux with the memory that other systems have: wasmtime's, without copy-on-write forks.
#
# cargo also runs this script in front of the compiler, but only for packages of the workspace. That is how they get
# `--cfg portable_memory` (host/sandbox/memory/portable.rs) while their dependencies stay as they are compiled already.
set -euo pipefail

if [ -n "${PORTABLE_MEMORY:-}" ]; then
    exec "$@" --cfg portable_memory
fi

cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PORTABLE_MEMORY=1 RUSTC_WORKSPACE_WRAPPER="$PWD/tests/portable_memory.sh"
cargo test --locked --lib --quiet -- sandbox::fork::
cargo test --locked --test it --quiet -- forks:: events::
