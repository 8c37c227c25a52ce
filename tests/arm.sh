#!/usr/bin/env bash
# Proves that results have the same bits on other processors: a list of sweeps runs on this x86-64 machine, on an emulated
# one without AVX2, and on an emulated Arm, and every file that they write must be equal byte for byte. Never changes a
# committed file.
#
#   tests/arm.sh              builds, runs, compares
#   tests/arm.sh --install    only installs what that needs
#
# What is built for Arm is the program as a release build has it, and the Python package's library, which is compiled only; a
# warning fails the build. Only dependencies are optimised less. The emulators are QEMU's (Debian's qemu-user). zig links; zig
# and cargo-zigbuild come from PyPI with the compilers of all languages (tests/languages/tools.sh). $HOST is the command that
# builds strategies, if not what tests/host.sh makes. Strategies that were compiled on a system are kept from run to run.
#
# cargo also runs this script in front of the compiler, but only for packages of the workspace: their warnings are errors.
set -euo pipefail

if [ -n "${WARNINGS_ARE_ERRORS:-}" ]; then
    exec "$@" -D warnings
fi

export HOST_STORE=off
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
source "$root/tests/debian.sh"
kept=${CARGO_TARGET_DIR:-$root/target}
target=aarch64-unknown-linux-gnu
libraries=/usr/aarch64-linux-gnu
# As in tests/host.sh: the workspace's code is optimised, and does not check itself.
released=(
    --profile ci --locked --quiet --config profile.ci.debug-assertions=false --config profile.ci.overflow-checks=false
    --config profile.ci.package.host.opt-level=3
)
# Dependencies are compiled in half of the time so, and what they do takes little of what follows.
lightly=(--config 'profile.ci.package."*".opt-level=1')
fixtures=$root/tests/plugins
work=$kept/arm
systems=(avx2 plain arm)

main() {
    [ $# -eq 0 ] || [ "$*" = --install ] || fail "unknown argument \`$1\`; give --install or nothing"
    install
    [ $# -eq 0 ] || return 0
    cd "$root"
    source tests/steps.sh
    step "compile for x86-64" compile_here
    step "compile for Arm" compile_for_arm
    rm -rf "$work/out" "$work/data" "$work/strategies"
    mkdir -p "$work/data" "$work/strategies"
    python3 tests/arm.py bars "$work/data"
    step "strategies of languages" build_strategies
    step "sweeps as they are" on avx2
    step "sweeps under emulators" on_both
    python3 tests/arm.py compare "$work/out" "${systems[@]}"
}

fail() {
    echo "tests/arm.sh: $*" >&2
    exit 1
}

install() {
    rustup target add "$target" >&2
    debian qemu-user libc6-arm64-cross
    PATH=$("$root/tests/languages/tools.sh"):$PATH
}

# The same choice of packages as in tests/host.sh, so that dependencies are those that are compiled already.
compile_here() {
    : "${HOST:=$(tests/host.sh)}"
    export HOST
    cargo build "${released[@]}" --workspace --bin host --bin emulated --test indicators
    cp "$kept/ci/emulated" "$kept/ci/emulated-optimised"
}

compile_for_arm() {
    WARNINGS_ARE_ERRORS=1 RUSTC_WORKSPACE_WRAPPER=$root/tests/arm.sh PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1 \
        cargo-zigbuild zigbuild "${released[@]}" "${lightly[@]}" --target "$target" --package host-python --package emulated
}

# One of the languages that are compiled, and one whose interpreter is part of the strategy.
build_strategies() {
    local language folder source
    for language in c javascript; do
        folder=$work/strategies/$language
        "$HOST" new "$folder" --lang "$language" --quiet
        [ "$language" = c ] || ln -s "${TOOLS:-$kept/tools}/languages/node_modules" "$folder/node_modules"
        source=$(echo "plugins/sdk/$language"/conformance.*)
        cp "$source" "$folder/strategy.${source##*.}"
        sed -i 's/^interfaces = .*/interfaces = ["signals", "events"]/' "$folder/strategy.toml"
        # Small, where the other engine for JavaScript takes minutes to compile under an emulator.
        [ "$language" = c ] || echo 'engine = "quickjs"' >>"$folder/strategy.toml"
        # Its sum over all bars looks ahead, as a trial would find.
        "$HOST" build "$folder" --no-trial --quiet
    done
}

on_both() {
    on plain &
    local plain=$! status=0
    on arm || status=$?
    wait "$plain" || status=$?
    return $status
}

# Runs all on one system.
on() (
    system=$1 out=$work/out/$1 emulator=() way='' program=$kept/ci/emulated-optimised
    case $system in
        # Its handler of a signal cannot run (below), so that forks are mapped anew.
        plain) emulator=(qemu-x86_64 -cpu Nehalem) way=unknown ;;
        arm) emulator=(qemu-aarch64 -L "$libraries") way=faults program=$kept/$target/ci/emulated ;;
    esac
    export HOST_CACHE_DIR=$work/cache-$system HOST_WRITTEN_PAGES=$way
    mkdir -p "$out"
    cd "$work"
    sweeps
)

# The list.
sweeps() {
    local rule seed strategy mode
    # Bundled strategies by signals, on the bundled bars.
    sweep momentum.csv --plugin momentum --param lookback=5..245:20
    sweep momentum-lots.csv --plugin momentum --param lookback=20,60,120 --fill close --sizing units:10 --lot 1
    sweep crossing.csv --plugin sma_cross --param fast=5,10,20 --param slow=20..200:45 --where 'fast < slow' \
        --commission 5 --slippage 2 --risk-free 0.02
    sweep crossing.parquet --plugin sma_cross --param fast=5..50:5 --param slow=60,100,200 --sample 12 --seed 3
    sweep crossing-backtesting-py.csv --plugin sma_cross --param fast=5,10 --param slow=20,50 --profile backtesting.py
    sweep crossing-vectorbt.csv --plugin sma_cross --param fast=5,10 --param slow=20,50 --profile vectorbt --risk-free 0.02
    sweep reversion.csv --plugin mean_reversion --param window=5,14,40 --param lower=20,30 --commission-per-order 1 \
        --borrow-rate 0.03
    sweep breakout.csv --plugin breakout --param entry=10,20,55 --param exit=5,10 --initial-margin 0.5 --maintenance-margin 0.25
    sweep rolling.csv --plugin "$fixtures/sma_rolling/sma_rolling.wasm" --param fast=5,20 --param slow=50,100
    # By events.
    local costs=(--mode events --sizing cash:5000 --commission-per-unit 0.01 --commission-min 1)
    sweep momentum-events.csv --plugin momentum --param lookback=20,120 "${costs[@]}"
    sweep crossing-events.csv --plugin sma_cross --param fast=5,20 --param slow=50,100 "${costs[@]}"
    sweep reversion-events.csv --plugin mean_reversion --param window=5,14 "${costs[@]}"
    sweep breakout-events.csv --plugin breakout --param entry=20,55 "${costs[@]}"
    for rule in pessimistic stops-first optimistic ohlc olhc adaptive; do
        sweep "bracket-$rule.csv" --plugin bracket --rule "intrabar=$rule" --param stop_loss=0.01,0.05 \
            --param take_profit=0.03,0.1 --tick 0.01 --commission 5
    done
    # Several instruments, together and each alone, days and hours.
    sweep together.csv --data data/days/*.csv --plugin momentum --param lookback=5,20,60 --commission 3
    sweep together-events.csv --data data/days/*.csv --plugin rotation --param lookback=10,40 --param top=1,2 \
        --param every=5,20 --slippage 3
    sweep each.csv --data data/days/*.csv --plugin sma_cross --each-symbol --param fast=5,10 --param slow=30,60
    sweep hours.csv --data data/hours/*.csv --timezone America/New_York --plugin breakout --param entry=10,30 --param exit=5,20 \
        --volume-share 0.1 --slippage-impact 0.1
    # Orders of every kind, positions on both sides.
    sweep orders.jsonl --data data/days/*.csv --plugin "$fixtures/random_orders/random_orders.wasm" --param seed=1..40 \
        --param mutes=false,true --initial-margin 0.5 --maintenance-margin 0.2 --commission 4 --slippage 1 --borrow-rate 0.05
    for seed in 1 2 3; do
        ledger "orders-$seed" --data data/hours/*.csv --plugin "$fixtures/random_orders/random_orders.wasm" \
            --param "seed=$seed" --initial-margin 0.5 --commission 2
    done
    ledger bracket --plugin bracket --param stop_loss=0.02
    # Failures: what is left of a task, its message and its units.
    local faulty=(--plugin "$fixtures/faulty/faulty.wasm" --param seed=1,2 --budget 3e7)
    local events=(--plugin "$fixtures/faulty_events/faulty_events.wasm" --budget 3e7)
    sweep faulty.jsonl "${faulty[@]}" --param behaviour=fine,unsorted,refuse,fail,out-of-range
    sweep faulty-events.jsonl "${events[@]}" \
        --param behaviour=fine,nan-quantity,negative-quantity,infinite-limit,unknown-order,infinite-target,chain
    # QEMU for x86-64 gives the handler of a signal a stack on which it cannot run.
    if [ "$system" != plain ]; then
        sweep trap.jsonl "${faulty[@]}" --param behaviour=panic,loop,memory,trap,flood-log
        sweep trap-events.jsonl "${events[@]}" --param behaviour=trap,panic,fail,loop,memory
    fi
    # The bits of NaN.
    local make=zero-by-zero,infinity-less-infinity,zero-times-infinity,root-of-minus-one,payload,payload-and-other
    make+=,other-and-payload,signalling,negated,least,rounded,single,from-single,lanes,summed
    sweep nan.jsonl --data data/days/a.csv --plugin "$fixtures/nan_bits/nan_bits.wasm" \
        --param read=sign,payload,order,memory --param "make=$make"
    # Other languages. QuickJS cannot be given a budget.
    local case=targets,empty,invalid,failed,echo,levels,print,checksum,orders,heard,end,quiet
    for strategy in c javascript; do
        for mode in signals events; do
            sweep "$strategy-$mode.jsonl" --data data/days/a.csv --plugin "strategies/$strategy/$strategy.wasm" --mode "$mode" \
                --budget none --param "case=$case" --param count=3 --param level=0.1,1.7
        done
    done
    # Custom tasks, worker processes.
    host tasks.csv run --plugin bootstrap --tasks data/tasks.json --out "$out/tasks.csv"
    sweep processes.csv --backend processes --plugin "$fixtures/sma_rolling/sma_rolling.wasm" --param fast=5,10,20 \
        --param slow=50,100
}

# sweep FILE ARGUMENT...: a sweep with all metrics into FILE.
sweep() { host "$1" sweep --metrics all --out "$out/$1" "${@:2}"; }

# ledger NAME ARGUMENT...: one run with all that can be written of it.
ledger() {
    host "$1" backtest --orders "$out/$1-orders.csv" --fills "$out/$1-fills.csv" --trades "$out/$1-trades.csv" \
        --equity "$out/$1-equity.csv" --trace "$out/$1-trace.jsonl" "${@:2}"
}

# host NAME COMMAND ARGUMENT...: runs it, and keeps its status and what it prints. Emulators are slow, so that no clock decides.
host() {
    local name=$1 status=0 start=$SECONDS
    "${emulator[@]}" "$program" "${emulator[@]}" -- "${@:2}" --workers 1 --timeout 600 --compile-timeout 600 \
        >"$out/$name.printed" 2>"$work/$system.err" || status=$?
    echo "$status" >"$out/$name.status"
    # 10 and 11: some tasks failed, or all, as some are to.
    [[ $status =~ ^(0|10|11)$ ]] || { cat "$work/$system.err" >&2; fail "$system: $name ended with $status"; }
    [ $((SECONDS - start)) -lt 10 ] || echo "$system: $name took $((SECONDS - start)) s" >&2
}

main "$@"
