#!/usr/bin/env bash
# Checks that the program compiles for systems that CI has no machine of. Never links or runs anything.
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
        cargo-zigbuild check --profile ci --locked --quiet --target "$target"
    done
}

fail() {
    echo "tests/targets.sh: $*" >&2
    exit 1
}

main "$@"
