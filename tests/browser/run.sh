#!/usr/bin/env bash
# Drives the page of `host serve` in headless Chromium, as a person would: sweeps, swaps, a bad build, the map.
#
#   tests/browser/run.sh [HOST_BINARY] [TEST...]
#
# HOST_BINARY is target/release/host if not given; TEST is the name of a test, all of them if not given. Needs Debian's
# Chromium, which is installed where it is missing. $TOOLS (target/browser) gets what PyPI has to give, and screenshots in
# $TOOLS/screens. No request leaves the machine once the tools are there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
tools=${TOOLS:-$root/target/browser}

main() {
    local host=${1:-$root/target/release/host}
    [ -x "$host" ] || fail "there is no program \`$host\`; build it with \`cargo build --release\`, or name another"
    host=$(realpath "$host")
    install_debian
    install_pypi
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
    dpkg -s "${packages[@]}" >/dev/null 2>&1 && return
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq >&2
    "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
}

# The list that was installed is kept beside it, so that a changed list is installed again.
install_pypi() {
    cmp -s "$here/requirements.txt" "$tools/requirements.txt" && return
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$tools/requirements.txt"
}

main "$@"
