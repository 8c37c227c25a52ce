#!/usr/bin/env bash
# Looks for inputs that break a promise, with libFuzzer: it watches which code an input reaches, and goes on from what is new.
#
#   tests/fuzz/run.sh TARGET [MINUTES] [OPTION...]     looks for 10 minutes; further options are libFuzzer's
#   tests/fuzz/run.sh TARGET FILE                      runs one input, such as one in tests/fuzz/found
#   tests/fuzz/run.sh --list                           names the targets
#
# Needs a C++ compiler. The stable Rust compiler is enough: only the crates in instrument.sh are watched, and the address
# sanitizer is not used. Compiles in target/fuzz, or below $CARGO_TARGET_DIR. Inputs that reach something new are kept in
# target/fuzz/grown, those that break a promise in tests/fuzz/found. Mend what they show, then put them into the corpus under
# a name that says what they were.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
here=tests/fuzz
compiled=${CARGO_TARGET_DIR:-$PWD/target}/fuzz

main() {
    if [ $# -eq 0 ] || [ "$1" = --list ]; then
        ls "$here/corpus"
        return
    fi
    export HOST_FUZZ_TARGET=$1
    [ -d "$here/corpus/$1" ] || { echo "unknown target \`$1\`; known: $(ls "$here/corpus" | xargs)" >&2 && exit 2; }
    build
    if [ -f "${2:-}" ]; then
        exec "$compiled/ci/fuzz" "$2"
    fi
    local minutes=${2:-10} grown=$compiled/grown/$1
    mkdir -p "$grown" "$here/found/$1"
    [ "$1" != component ] || cp plugins/*/*.wasm tests/plugins/*/*.wasm "$grown"
    "$compiled/ci/fuzz" -max_total_time=$((minutes * 60)) -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$here/found/$1/" "${@:3}" "$grown" "$here/corpus/$1"
}

# The versions and the profile are those of the project.
build() {
    mkdir -p "$compiled"
    cp Cargo.lock "$here/Cargo.lock"
    sed -n '/^\[profile\.release/,$p' Cargo.toml >"$compiled/profile.toml"
    CARGO_TARGET_DIR=$compiled RUSTC_WRAPPER=$PWD/$here/instrument.sh \
        cargo build --quiet --profile ci --config "$compiled/profile.toml" --manifest-path "$here/Cargo.toml"
}

main "$@"
