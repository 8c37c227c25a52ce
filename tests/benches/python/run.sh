#!/usr/bin/env bash
# Measures a strategy in Python under `host sweep` beside the same file in a pool of processes.
#
#   tests/benches/python/run.sh [ROUNDS]
#
# It takes componentize-py on the $PATH, and $HOST as the command, if not a release build of this workspace. $PYTHON is the
# Python of the pool.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../../.." && pwd -P)
work=$root/target/python
host=${HOST:-${CARGO_TARGET_DIR:-$root/target}/release/host}
python=${PYTHON:-python3}
export HOST_CACHE_DIR=$work/cache

[ -n "${HOST:-}" ] || cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml"
rm -rf "$work"
mkdir -p "$work"
"$host" new "$work/sma" --lang python --quiet
"$host" build "$work/sma" --quiet
"$host" backtest --plugin bracket --mode events --trace "$work/bars.jsonl" --quiet >/dev/null

pool() { echo "$work/$1.csv:$python $here/pool.py $work/bars.jsonl $work/sma --way $1 --out $work/$1.csv"; }
sweep() {
    echo "$work/$1.csv:$host sweep --plugin $work/sma/sma.wasm --param fast=5..54 --param slow=100..119 --workers 2" \
        "--metrics final_equity,sharpe,max_drawdown,trades --out $work/$1.csv --quiet --top 1 ${*:2}"
}

# What is compiled is kept from here on.
"$host" backtest --plugin "$work/sma/sma.wasm" --quiet >/dev/null
"$python" "$here/measure.py" "${1:-5}" \
    "pool, bars inherited=$(pool inherited)" \
    "pool, bars sent with each task=$(pool pickled)" \
    "host sweep, warm cache=$(sweep warm)" \
    "host sweep, compiled anew=$(sweep cold --no-cache)" \
    "host sweep, 16 tasks a fork=$(sweep kept --tasks-per-fork 16)"
