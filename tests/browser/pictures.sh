#!/usr/bin/env bash
# Makes the pictures of the README anew, from the real program: the terminal, a report, the page of `host serve`.
#
#   tests/browser/pictures.sh [HOST_BINARY] [PICTURE...]
#
# HOST_BINARY is release/host in the target folder if not given; PICTURE is `terminal`, `report` or `page`, all of them if not
# given. Never changes fonts, caches or results of the person who runs it. Fonts are Inter and JetBrains Mono, whatever this
# machine has else. The time and rate of the sweep in the terminal are those of this machine: make it on a quiet one.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$target/tools}/browser
pictures=$root/examples/pictures
source "$root/tests/debian.sh"

main() {
    "$here/run.sh" --install
    debian pngquant fonts-inter fonts-jetbrains-mono
    local host=${1:-$target/release/host}
    [ -x "$host" ] || fail "the program \`$host\` is missing; build it with \`cargo build --release\`, or name another"
    host=$(realpath "$host")
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    mkdir -p "$work/pictures" "$pictures"
    write_fonts >"$work/fonts.conf"
    export FONTCONFIG_FILE=$work/fonts.conf HOST_CACHE_DIR=$work/cache HOST_STORE=off
    export HOST=$host PLUGINS=$root/plugins SCREENS=$work PICTURES=$work/pictures
    (cd "$here" && "$tools/venv/bin/python" -B pictures.py "${@:2}")
    quantise
}

fail() {
    echo "tests/browser/pictures.sh: $*" >&2
    exit 1
}

# Whatever family is asked for, also that of the desktop, which `system-ui` is: two fonts that look the same everywhere.
write_fonts() {
    echo '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
    write_choice any contains 'JetBrains Mono'
    write_choice all not_contains Inter
    echo '<include>/etc/fonts/fonts.conf</include></fontconfig>'
}

write_choice() {
    echo "<match target='pattern'><test qual='$1' name='family' compare='$2'><string>mono</string></test>"
    echo "<edit name='family' mode='prepend' binding='strong'><string>$3</string></edit></match>"
}

# 128 colours are enough for what is drawn, and with little dithering a third of the size.
quantise() {
    local picture name
    for picture in "$work"/pictures/*.png; do
        name=$(basename "$picture")
        pngquant --force --floyd=0.5 --strip --speed 1 --output "$pictures/$name" 128 "$picture"
        echo "examples/pictures/$name: $(($(stat -c %s "$pictures/$name") / 1024)) KiB" >&2
    done
}

main "$@"
