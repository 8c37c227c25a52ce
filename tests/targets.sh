#!/usr/bin/env bash
# Checks that the program and the Python package's library compile for macOS, without warnings and lints. Never links or runs
# anything. For Linux on Arm, tests/arm.sh compiles and runs them.
#
#   tests/targets.sh              checks
#   tests/targets.sh --install    only installs what the check needs
#
# Dependencies have C in them: zig compiles it for the other system. zig and cargo-zigbuild come from PyPI, with the
# compilers of all languages (tests/languages/tools.sh). Dependencies are checked once, with the profile `ci`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
targets=(aarch64-apple-darwin)

main() {
    [ $# -eq 0 ] || [ "$*" = --install ] || fail "unknown argument \`$1\`; give --install or nothing"
    rustup target add "${targets[@]}" >&2
    PATH=$("$root/tests/languages/tools.sh"):$PATH
    [ $# -eq 0 ] || return 0
    cd "$root"
    for target in "${targets[@]}"; do
        # What is kept for one version of Python serves all later ones: none has to be there.
        PYO3_NO_PYTHON=1 cargo-zigbuild clippy --profile ci --locked --quiet --target "$target" \
            --package host --package host-python -- -D warnings
    done
}

fail() {
    echo "tests/targets.sh: $*" >&2
    exit 1
}

main "$@"
