#!/usr/bin/env bash
# Builds the plugins and the fixtures of the tests and makes them components, each beside its source:
# plugins/momentum/momentum.wasm, tests/plugins/faulty/faulty.wasm and so on.
#
#   plugins/build.sh            builds and writes all of them
#   plugins/build.sh --check    fails unless the committed files have the bytes of a build; writes none of them
#
# The bytes do not depend on the place of the checkout, of cargo's or of rustup's home. What was compiled is kept in
# `plugins` in the target folder. $HOST is the command that packs, if not the one that this workspace builds; $TOOLCHAIN is
# the toolchain, if not the one that all files are built with.
set -euo pipefail

plugins=(
    plugins/{momentum,sma_cross,mean_reversion,breakout,rotation,bracket,bootstrap}
    tests/plugins/{faulty,faulty_events,cheat_tomorrow,cheat_mean,random_orders,sma_rolling,nan_bits}
)
target=wasm32-unknown-unknown
toolchain=${TOOLCHAIN:-1.95.0}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
kept=${CARGO_TARGET_DIR:-$root/target}/plugins
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

main() {
    case "${1-}" in
        "") out=$root ;;
        --check) out=$scratch/out ;;
        *) fail "unknown argument \`$1\`; give --check or nothing" ;;
    esac
    install_toolchain
    build
    pack "$out"
    [ "$out" = "$root" ] || compare "$out"
}

fail() {
    echo "plugins/build.sh: $*" >&2
    exit 1
}

# The active toolchain serves if it is of that very version, whatever its name.
install_toolchain() {
    if [[ $(cd "$root" && rustc --version) == "rustc $toolchain "* ]]; then
        toolchain=$(cd "$root" && rustup show active-toolchain | cut -d" " -f1)
    elif ! rustup toolchain list | grep -q "^$toolchain-"; then
        rustup toolchain install "$toolchain" --profile minimal >&2
    fi
    rustup target add --toolchain "$toolchain" "$target" 2>/dev/null || rustup target add --toolchain "$toolchain" "$target"
}

# The flags come as one variable, which puts aside whatever the user's own configuration says. Every path that the
# compiler may write into a file gets a name of its own; those of the workspace are relative to its root already. The
# library's sources are named as the released library names them, whether or not rustup has put them on this machine.
build() {
    local sysroot commit flags
    sysroot=$(rustc "+$toolchain" --print sysroot)
    commit=$(rustc "+$toolchain" --version --verbose | sed -n 's/^commit-hash: //p')
    flags=(
        "--remap-path-prefix=$root="
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
        "--remap-path-prefix=$sysroot=/rust"
        "--remap-path-prefix=$sysroot/lib/rustlib/src/rust=/rustc/$commit"
    )
    local package packages=()
    for package in "${plugins[@]}"; do packages+=(--package "${package##*/}"); done
    (
        cd "$root"
        IFS=$'\x1f'
        CARGO_ENCODED_RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR="$kept" \
            cargo "+$toolchain" build --locked --quiet --profile plugin --target "$target" "${packages[@]}"
    )
}

pack() {
    local plugin host
    read -ra host <<<"${HOST:-cargo +$toolchain run --locked --quiet --manifest-path $root/Cargo.toml --}"
    for plugin in "${plugins[@]}"; do
        mkdir -p "$1/$plugin"
        "${host[@]}" pack "$kept/$target/plugin/${plugin##*/}.wasm" -o "$1/$plugin/${plugin##*/}.wasm"
    done
}

compare() {
    local plugin stale=()
    for plugin in "${plugins[@]}"; do
        cmp --silent "$1/$plugin/${plugin##*/}.wasm" "$root/$plugin/${plugin##*/}.wasm" || stale+=("$plugin")
    done
    [ ${#stale[@]} -eq 0 ] || fail "not what the sources build: ${stale[*]}; run plugins/build.sh and commit the files"
    echo "plugins/build.sh: the committed files are what the sources build" >&2
}

main "$@"
