#!/usr/bin/env bash
# Builds what is released, for systems that this machine need not be: for each target a wheel of the Python package and, beside
# it, an archive with the program, its shell completions, licence and README. Never publishes anything, and never runs what it
# has built for another system.
#
#   host/python/wheels.sh FOLDER [TARGET...]
#
# A target is x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu or aarch64-apple-darwin; all of them if none is named. Needs
# Rust, Python 3.11 or later and a network the first time: zig, which links for other systems, comes from PyPI into $TOOLS
# (`tools` in the target folder if not set). $HOST is a program for this machine, which prints the completions, if none was
# built here.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$CARGO_TARGET_DIR/tools}/wheels
source "$root/tests/debian.sh"
pypi=(maturin==1.16.0 ziglang==0.17.1 cargo-zigbuild==0.24.1)
all=(x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu aarch64-apple-darwin)
# The oldest systems that what is built runs on: those with glibc 2.28, such as Debian 10 and RHEL 8, since workers get data in
# memory files; and macOS 11, the first on Apple's own processors.
glibc=2.28
export MACOSX_DEPLOYMENT_TARGET=11.0 CARGO_PROFILE_RELEASE_STRIP=symbols

main() {
    [ $# -gt 0 ] || fail "give the folder to write to"
    local target targets=("${@:2}")
    mkdir -p "$1"
    out=$(cd "$1" && pwd -P)
    [ ${#targets[@]} -gt 0 ] || targets=("${all[@]}")
    for target in "${targets[@]}"; do
        [[ " ${all[*]} " == *" $target "* ]] || fail "\`$target\` is none of ${all[*]}"
    done
    install
    cd "$root"
    rustup target add "${targets[@]}" >&2
    for target in "${targets[@]}"; do
        build "$target"
    done
    ls -l "$out" | awk 'NF > 2 { printf "%6.1f MB  %s\n", $5 / 1e6, $9 }'
}

fail() {
    echo "host/python/wheels.sh: $*" >&2
    exit 1
}

# The list that was installed is kept, so that a changed list is installed again.
install() {
    if [ "$(cat "$tools.txt" 2>/dev/null)" != "${pypi[*]}" ]; then
        python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
        python3 -m venv --clear "$tools"
        "$tools/bin/pip" install --quiet --disable-pip-version-check "${pypi[@]}" >&2
        echo "${pypi[*]}" >"$tools.txt"
    fi
    PATH=$tools/bin:$PATH
}

build() {
    local target=$1
    case $target in
        *-linux-gnu) compile_with_zig "$target" "${target%%-*}-linux-gnu.$glibc" ;;
        *-apple-darwin) compile_with_zig "$target" "${target%%-*}-macos.$MACOSX_DEPLOYMENT_TARGET-none" && stand_in_for_frameworks ;;
    esac
    maturin build --quiet --manifest-path host/python/Cargo.toml --release --locked --target "$target" --out "$out" \
        --compatibility "manylinux_${glibc/./_}"
    cargo build --release --locked --quiet --target "$target" --package host --bin host
    archive "$target"
}

# Makes zig the linker and the compiler of C for a target. Both maturin and cargo-zigbuild could do it by themselves, but each in
# a place of its own, and cargo compiles all dependencies anew for another linker.
compile_with_zig() {
    local target=$1 tool folder=$CARGO_TARGET_DIR/zig/$1 upper=${1^^}
    mkdir -p "$folder"
    for tool in "cc -- -fno-sanitize=all -target $2" "ar --"; do
        printf '#!/bin/sh\nexec cargo-zigbuild zig %s "$@"\n' "$tool" >"$folder/${tool%% *}"
        chmod +x "$folder/${tool%% *}"
    done
    export "CARGO_TARGET_${upper//-/_}_LINKER=$folder/cc" "CC_${target//-/_}=$folder/cc" "AR_${target//-/_}=$folder/ar"
}

# A crate for time zones names Apple's CoreFoundation, which only a Mac has. Nothing of it is called: the linker finds an empty
# library under that name, and leaves it out. If something were called one day, linking the program would fail here.
stand_in_for_frameworks() {
    local folder=$CARGO_TARGET_DIR/frameworks
    mkdir -p "$folder/CoreFoundation.framework"
    cat >"$folder/CoreFoundation.framework/CoreFoundation.tbd" <<'END'
--- !tapi-tbd
tbd-version:     4
targets:         [ arm64-macos ]
install-name:    '/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation'
...
END
    export CARGO_TARGET_AARCH64_APPLE_DARWIN_RUSTFLAGS="-Clink-arg=-F$folder -Clink-arg=-Wl,-dead_strip_dylibs"
}

archive() {
    local target=$1 version name folder shell
    version=$(cargo metadata --no-deps --locked --format-version 1 | python3 -c \
        'import json, sys; print(next(p["version"] for p in json.load(sys.stdin)["packages"] if p["name"] == "host"))')
    name=host-$version-$target
    folder=$(mktemp -d)
    mkdir -p "$folder/$name/completions"
    cp "$CARGO_TARGET_DIR/$target/release/host" README.md LICENSE "$folder/$name"
    for shell in bash fish zsh; do completions "$shell" >"$folder/$name/completions/host.$shell"; done
    tar --create --gzip --file "$out/$name.tar.gz" --directory "$folder" --sort=name --owner=0 --group=0 --numeric-owner "$name"
    rm -rf "$folder"
}

# They are the same on every system: a program that runs on this machine prints them.
completions() {
    local built=$CARGO_TARGET_DIR/$(uname -m)-unknown-linux-gnu/release/host
    [ -n "${HOST:-}" ] || [ ! -x "$built" ] || HOST=$built
    if [ -n "${HOST:-}" ]; then
        "$HOST" completions "$1"
    else
        cargo run --release --locked --quiet --package host --bin host -- completions "$1"
    fi
}

main "$@"
