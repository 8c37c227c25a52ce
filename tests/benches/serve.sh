#!/usr/bin/env bash
# What readers of `host serve` cost the sweeps that it runs: the same sweep alone, with ten open pages, and with a load
# generator that asks as fast as it is answered.
#
#   tests/benches/serve.sh [ROUNDS]     # the release build, or $HOST
#
# It needs wrk, curl and python3 (`apt-get install wrk curl python3`), and talks to 127.0.0.1 only. The load generator
# takes a processor of its own; what it takes from the sweep is not the server's doing, so a row with the same load on
# `/healthz`, which does nothing, stands beside it.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off

rounds=${1:-3}
cells=20000
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
host=${HOST:-${CARGO_TARGET_DIR:-$root/target}/release/host}
scratch=$(mktemp -d)
trap 'kill $server 2>/dev/null; rm -rf "$scratch"' EXIT

main() {
    for tool in wrk curl python3; do
        command -v $tool >/dev/null || { echo "$tool is missing; install it with \`apt-get install $tool\`" >&2; exit 1; }
    done
    serve
    sweep >/dev/null # warms everything
    printf '%-34s %10s %12s %12s\n' "readers" "sweep, s" "server CPU, s" "requests/s"
    for _ in $(seq "$rounds"); do
        row "none" true
        row "10 pages, every 2 s" pages
        row "wrk, 4 connections: /healthz" load /healthz
        row "wrk, 4 connections: /plugins" load /plugins
        row "wrk, 4 connections: /sweeps" load /sweeps
        row "wrk, 4 connections: /sweeps/1" load /sweeps/1
    done
}

serve() {
    mkdir "$scratch/plugins"
    cp "$root"/plugins/{sma_cross/sma_cross,momentum/momentum}.wasm "$scratch/plugins"
    : >"$scratch/log"
    "$host" serve --plugins "$scratch/plugins" --state "$scratch/state" --listen 127.0.0.1:0 2>>"$scratch/log" &
    server=$!
    for _ in $(seq 200); do
        url=$(sed -n 's/.*listening on \(http:[^ ]*\).*/\1/p' "$scratch/log")
        [ -z "$url" ] || return 0
        sleep 0.1
    done
    cat "$scratch/log" >&2
    exit 1
}

# Runs one sweep to its end, and prints its seconds.
sweep() {
    local id
    id=$(curl -sf -H 'content-type: application/json' "$url/sweeps" -d '{"plugin": "sma_cross", "params":
        ["fast=1..100", "slow=201..400"]}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])')
    until curl -sf "$url/sweeps/$id" | python3 -c '
import json, sys
sweep = json.load(sys.stdin)
assert sweep["state"] in ("queued", "running", "finished"), sweep
if sweep["state"] != "finished": sys.exit(1)
assert (sweep["done"], sweep["failed"]) == ('$cells', 0), sweep
print(sweep["seconds"])'; do sleep 0.5; done
}

# Ten readers that do what ten open pages do.
pages() {
    for _ in $(seq 10); do
        while sleep 2; do curl -sf "$url/plugins" "$url/sweeps" >/dev/null || exit 0; done &
    done
    wait
}

load() {
    wrk -t1 -c4 -d600s "$url$1" >"$scratch/wrk" 2>&1
}

cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{print ($14 + $15) / hz}' "/proc/$server/stat"
}

row() {
    local name=$1 before after seconds reader
    shift
    set -m
    : >"$scratch/wrk"
    "$@" &
    reader=$!
    set +m
    before=$(cpu)
    seconds=$(sweep)
    after=$(cpu)
    # wrk says what it has done when it is interrupted; the pages just end.
    kill -INT -- -$reader 2>/dev/null || true
    [ "${1:-}" = load ] || kill -- -$reader 2>/dev/null || true
    wait $reader 2>/dev/null || true
    printf '%-34s %10.2f %12.2f %12s\n' "$name" "$seconds" "$(echo "$after - $before" | bc)" \
        "$(sed -n 's/Requests\/sec: *//p' "$scratch/wrk")"
}

main
