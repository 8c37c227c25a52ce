#!/usr/bin/env bash
# Tests the page of `host serve` and the reports of `host` in headless Chromium, as a person would use them. Never sends a
# request to another machine once the tools are installed.
#
#   tests/browser/run.sh [HOST_BINARY] [TEST...]
#   tests/browser/run.sh --install      only installs Debian's Chromium and what PyPI and npm have
#
# HOST_BINARY is release/host in the target folder if not given; TEST is `page`, `views`, `report`, `charts`, or one of their
# tests, as `report.ReportTest.test_paper_has_everything`, all of them if not given. Packages of PyPI and npm, and screenshots, go
# to $TOOLS/browser (`tools` in the target folder if not set). axe-core (MPL-2.0) audits accessibility; it is never shipped.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$target/tools}/browser
source "$root/tests/debian.sh"

axe=axe-core@4.14.1

main() {
    install_debian
    install_pypi
    install_npm
    [ "${1-}" != --install ] || return 0
    local host=${1:-$target/release/host}
    [ -x "$host" ] || fail "the program \`$host\` is missing; build it with \`cargo build --release\`, or name another"
    host=$(realpath "$host")
    mkdir -p "$tools/screens"
    local tests=("${@:2}")
    [ ${#tests[@]} -gt 0 ] || tests=(page views report charts)
    export HOST="$host" SCREENS="$tools/screens" PLUGINS="$root/plugins" AXE="$tools/node_modules/axe-core/axe.min.js"
    cd "$here"
    # -B: no compiled files beside the sources.
    "$tools/venv/bin/python" -B -m unittest -v "${tests[@]}"
}

fail() {
    echo "tests/browser/run.sh: $*" >&2
    exit 1
}

install_debian() {
    local packages=(python3-venv)
    command -v chromium >/dev/null || packages+=(chromium)
    command -v chromedriver >/dev/null || packages+=(chromium-driver)
    command -v npm >/dev/null || packages+=(nodejs npm)
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

install_npm() {
    [ "$(cat "$tools/npm.txt" 2>/dev/null)" != "$axe" ] || return 0
    npm install --silent --no-fund --no-audit --prefix "$tools" "$axe" >&2
    echo "$axe" >"$tools/npm.txt"
}

main "$@"
