#!/usr/bin/env bash
# Tests the page of `host serve` in headless Chromium, as a person would use it: sweeps, swaps, a bad build, the map. Never
# sends a request to another machine once the tools are installed.
#
#   tests/browser/run.sh [HOST_BINARY] [TEST...]
#   tests/browser/run.sh --install      only installs Debian's Chromium and what PyPI has
#
# HOST_BINARY is release/host in the target folder if not given; TEST is the name of a test, all of them if not given.
# Packages of PyPI and screenshots go to $TOOLS/browser (`tools` in the target folder if not set).
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$target/tools}/browser
source "$root/tests/debian.sh"

main() {
    install_debian
    install_pypi
    [ "${1-}" != --install ] || return 0
    local host=${1:-$target/release/host}
    [ -x "$host" ] || fail "the program \`$host\` is missing; build it with \`cargo build --release\`, or name another"
    host=$(realpath "$host")
    mkdir -p "$tools/screens"
    # -B: no compiled files beside the sources.
    HOST="$host" SCREENS="$tools/screens" PLUGINS="$root/plugins" \
        "$tools/venv/bin/python" -B "$here/page.py" "${@:2}"
}

fail() {
    echo "tests/browser/run.sh: $*" >&2
    exit 1
}

install_debian() {
    local packages=(python3-venv)
    command -v chromium >/dev/null || packages+=(chromium)
    command -v chromedriver >/dev/null || packages+=(chromium-driver)
    debian "${packages[@]}"
}

# The list that was installed is kept beside it, so that a changed list is installed again.
install_pypi() {
    mkdir -p "$tools"
    cmp -s "$here/requirements.txt" "$tools/requirements.txt" && return
    python3 -m venv --clear "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$tools/requirements.txt"
}

main "$@"
