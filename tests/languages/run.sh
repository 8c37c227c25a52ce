#!/usr/bin/env bash
# Writes the same strategy in every language as a new author would, and proves that all of them give the same bits. Never
# keeps a result of one run for the next.
#
#   tests/languages/run.sh [LANGUAGE...]
#
# For each language: a new folder, a build (twice, to the same bytes), `host inspect`, a sweep and trades on the bundled
# bars by signals and by events, `host check`, the strategy that uses all of its SDK, and what stands for clock and
# randomness. Everything is compared with Rust. Two languages are tested at a time; the log of each is printed when it is
# done, and a table at the end. $HOST is the command, if not a release build of this workspace.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)
all=(rust python javascript typescript c cpp zig go assemblyscript)
target=${CARGO_TARGET_DIR:-$root/target}
work=$root/target/languages/work
at_a_time=2
python=(python3 "$here/results.py")

main() {
    case "${1-}" in
        --one) try "$2"; return ;;
        --logged) logged "$2" ;;
    esac
    local languages=("$@")
    [ $# -gt 0 ] || languages=("${all[@]}")
    for language in "${languages[@]}"; do
        [[ " ${all[*]} " == *" $language "* ]] || fail "\`$language\` is none of ${all[*]}"
    done
    prepare
    rm -rf "$work"
    mkdir -p "$work"
    # Rust first: the others wait for it where they are compared.
    { echo rust; printf '%s\n' "${languages[@]}" | grep -vx rust || true; } \
        | xargs -P "$at_a_time" -I{} bash "${BASH_SOURCE[0]}" --logged {}
    echo
    "${python[@]}" table "$work"/*/facts.json
}

fail() {
    echo "tests/languages/run.sh: $*" >&2
    exit 1
}

say() { printf '== %s: %s\n' "$language" "$*" >&2; }

# Tests a language in a process of its own, then prints what that had to say. Status 255 keeps xargs from starting others.
logged() {
    local log=$work/$1.log status=0 start=$SECONDS
    bash "${BASH_SOURCE[0]}" --one "$1" >"$log" 2>&1 || status=255
    [ "$1" != rust ] || echo "$status" >"$work/rust.status"
    { cat "$log"; echo "== $1: $((SECONDS - start)) s, status $status"; } >&2
    exit $status
}

# Returns when everything is there of Rust, which the others are compared with.
wait_for_rust() {
    [ "$language" != rust ] || return 0
    until [ -s "$work/rust.status" ]; do sleep 0.1; done
    [ "$(cat "$work/rust.status")" = 0 ] || fail "$language: there is nothing to compare with, since Rust failed"
}

prepare() {
    PATH="$("$here/tools.sh"):$PATH"
    if [ -z "${HOST:-}" ]; then
        cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml"
        HOST=$target/release/host
    fi
    export PATH HOST HOST_CACHE_DIR=$root/target/languages/cache
}

# Everything about one language.
try() {
    local language=$1 out=$work/$1 project=$work/$1/golden seconds
    mkdir -p "$out"
    say "a new folder"
    "$HOST" new "$project" --lang "$language" --quiet
    "$HOST" new "$out/events/golden" --lang "$language" --events --quiet
    own_packages "$language" "$project" "$out/events/golden"
    say "build"
    seconds=$(timed build "$project")
    twice "$project"
    build "$out/events/golden"
    inspect "$project/golden.wasm"
    [[ $("$HOST" inspect "$out/events/golden/golden.wasm") == *"told inside the sandbox"* ]] \
        || fail "$language: each bar is a call of the host's"
    say "sweep"
    sweep "$out" signals "$project/golden.wasm"
    sweep "$out" events "$out/events/golden/golden.wasm"
    "${python[@]}" same "$out/signals.csv" "$out/events.csv" || fail "$language: orders are not traded as targets"
    wait_for_rust
    [ "$language" = rust ] || alike "$out" "$work/rust"
    own_tests "$language" "$out"
    say "check"
    "$project/test.sh" --quick --quiet >"$out/check.txt" || fail "$language: $(cat "$out/check.txt")"
    conformance "$language" "$out"
    determinism "$language" "$out"
    "${python[@]}" facts "$language" "$out" "$seconds" "$("$HOST" inspect "$project/golden.wasm" --format json)"
}

# Languages that fetch packages find those that are installed already.
own_packages() {
    local language=$1 folder
    shift
    case $language in
        javascript | typescript) for folder; do ln -s "${TOOLS:-$target/tools}/languages/node_modules" "$folder/node_modules"; done ;;
    esac
}

# The tests that an SDK brings itself, where no other step runs them.
own_tests() {
    [ "$1" = go ] || return 0
    (cd "$root/plugins/sdk/go" && GOWORK=off GOPROXY=off GOTOOLCHAIN=local go test -count=1 ./...) >&2 || fail "$1: a test of its SDK fails"
    # A strategy may be called as the language is.
    "$HOST" new "$2/named/go" --lang go --quiet
    build "$2/named/go"
}

build() { "$HOST" build "$1" --quiet; }

# The seconds that a command takes.
timed() {
    local start end
    start=$(date +%s%N)
    "$@" >&2
    end=$(date +%s%N)
    echo "$(((end - start) / 1000000))"
}

# What a build makes depends on nothing but its sources.
twice() {
    local project=$1
    mv "$project/golden.wasm" "$project/first.wasm"
    rm -rf "$project/build"
    build "$project"
    # CPython keeps when the files of its own library were written; that its builds answer alike is shown further down.
    [ "$language" = python ] || cmp "$project/first.wasm" "$project/golden.wasm" || fail "$language: two builds differ"
    rm "$project/first.wasm"
}

inspect() {
    local foreign
    foreign=$("$HOST" inspect "$1" --format json | "${python[@]}" imports)
    [ -z "$foreign" ] || fail "$language: it imports $foreign"
}

sweep() {
    local out=$1 mode=$2 plugin=$3
    "$HOST" sweep --plugin "$plugin" --mode "$mode" --workers 1 --quiet --timings --metrics all \
        --param fast=5,10,20,30,50 --param slow=20,60,200 --where 'fast < slow' --out "$out/$mode.csv" >/dev/null
    "$HOST" backtest --plugin "$plugin" --mode "$mode" --quiet --trades "$out/$mode.trades.csv" --fills "$out/$mode.fills.csv" >/dev/null
}

# Metrics to the bit, trades and fills to the byte.
alike() {
    local mode
    for mode in signals events; do
        "${python[@]}" same "$1/$mode.csv" "$2/$mode.csv" || fail "$language: another result than Rust's by $mode"
        cmp "$1/$mode.trades.csv" "$2/$mode.trades.csv" || fail "$language: other trades than Rust's by $mode"
        cmp "$1/$mode.fills.csv" "$2/$mode.fills.csv" || fail "$language: other fills than Rust's by $mode"
    done
}

# The strategy that uses all of an SDK, in the place of the template's.
conformance() {
    local language=$1 out=$2 source target
    say "conformance"
    source=$(echo "$root/plugins/sdk/$language"/conformance.*)
    target=$out/conformance/conformance
    "$HOST" new "$target" --lang "$language" --quiet
    own_packages "$language" "$target"
    cp "$source" "$target/strategy.${source##*/conformance.}"
    sed -i 's/^interfaces = .*/interfaces = ["signals", "events"]/' "$target/strategy.toml"
    # Its sum over all bars looks ahead, as a trial would find.
    "$HOST" build "$target" --no-trial --quiet
    [ "$language" = rust ] || EXPECTED=$work/expected "$here/conformance.sh" "$HOST" "$work/rust/conformance/conformance/conformance.wasm" \
        "$target/conformance.wasm" || fail "$language: its SDK does something else than Rust's"
}

# What clock and randomness answer is the same in two runs, on two workers and in two builds; `conformance` was built
# once, and is built again here.
determinism() {
    local language=$1 out=$2 target=$2/conformance/conformance case run
    say "clock and randomness"
    mv "$target/conformance.wasm" "$out/conformance-first.wasm"
    rm -rf "$target/build"
    "$HOST" build "$target" --no-trial --quiet
    for case in clock random; do
        for run in 1 2; do
            "$HOST" sweep --plugin "$target/conformance.wasm" --mode signals --param "case=$case" --param count=1..4 \
                --workers "$run" --quiet --metrics all --out "$out/$case-$run.csv" >/dev/null
        done
        "$HOST" sweep --plugin "$out/conformance-first.wasm" --mode signals --param "case=$case" --param count=1..4 \
            --quiet --metrics all --out "$out/$case-first.csv" >/dev/null
        "${python[@]}" same "$out/$case-1.csv" "$out/$case-2.csv" || fail "$language: $case differs between two runs"
        "${python[@]}" same "$out/$case-1.csv" "$out/$case-first.csv" || fail "$language: $case differs between two builds"
    done
    asked_for_everything "$language" "$out"
    ended_at_a_line "$language" "$out/asks/asks/asks.wasm"
}

# A task in Python that the host ends shows the strategy's own lines.
ended_at_a_line() {
    local said
    [ "$1" = python ] || return 0
    said=$("$HOST" backtest --plugin "$2" --param task=9 --budget 300000000 2>&1) && fail "$1: an endless loop ended"
    [[ $said == *"used up its 300000000 units"*"at never_end (strategy.py:"*"at Determinism.evaluate (strategy.py:"* ]] \
        || fail "$1: an endless loop is told as: $said"
}

# A strategy that asks the machine for all that its language can ask for hears what is written in LANGUAGE.txt, in every
# task.
asked_for_everything() {
    local language=$1 out=$2 target=$2/asks/asks source line task
    [ -e "$here/determinism/$language.txt" ] || return 0
    source=$(find "$here/determinism" -name "$language.*" ! -name "*.txt")
    "$HOST" new "$target" --lang "$language" --quiet
    own_packages "$language" "$target"
    cp "$source" "$target/strategy.${source##*.}"
    "$HOST" build "$target" --no-trial --quiet
    for task in 0 1; do
        "$HOST" backtest --plugin "$target/asks.wasm" --param "task=$task" 2>&1 | grep '^log:' >"$out/asks-$task.txt"
    done
    cmp "$out/asks-0.txt" "$out/asks-1.txt" || fail "$language: two tasks hear different things of the machine"
    while IFS= read -r line; do
        grep --quiet --line-regexp --fixed-strings -- "$line" "$out/asks-0.txt" || fail "$language: \`$line\` is not in $out/asks-0.txt"
    done <"$here/determinism/$language.txt"
}

main "$@"
