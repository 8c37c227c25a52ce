#!/usr/bin/env bash
# Compares a component of `conformance` with the one that another language made: their descriptions, and for each case the
# numbers, the log, the messages and the failures. Prints every difference; succeeds if there is none. Never looks at how
# fast they are.
#
#   tests/languages/conformance.sh HOST REFERENCE.wasm TESTED.wasm
#
# $EXPECTED is a folder that keeps what the reference answers, for runs with the same reference and the same host.
#
# Each language reports a raise in its own words: of a raise, its text, its place and what came before it are compared.
# Each language has a clock and random numbers of its own: they are compared with themselves, over runs and numbers of
# workers. Cases are the cells of one sweep; a case by events is a process as well, which writes down its messages: with these,
# each bar is a call, and without them the driver tells it.
set -euo pipefail

[ $# -eq 3 ] || { echo "usage: $0 HOST REFERENCE.wasm TESTED.wasm" >&2; exit 2; }
host=$1 reference=$2 tested=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
scratch=$(mktemp -d)
kept=${EXPECTED:-$scratch/kept}
trap 'rm -rf "$scratch"' EXIT
checks=0 differences=0

own_cases=(clock random)
compared_cases=(
    targets empty invalid failed echo levels wrong_type undeclared print checksum orders heard end quiet
    indicators
)

main() {
    mkdir -p "$kept"
    make_data
    same "description" described
    local mode case data
    for mode in signals events; do
        for data in "acme" "acme bolt" "bolt acme" "single" "naïve"; do
            cells "$mode, all cases, $data" "$mode" "$data"
            [ "$mode" = signals ] || for case in "${compared_cases[@]}"; do
                same "events, $case, $data" ran events "$case" "$data"
            done
            raises "$mode, raise, $data" deeper "raised on purpose" ran "$mode" raise "$data"
        done
        for case in "${own_cases[@]}"; do repeats "$mode, $case" ran "$mode" "$case" "acme bolt"; done
    done
    for data in "RAISE" "acme RAISE"; do
        raises "signals, $data" prepare "raised in prepare" ran signals targets "$data"
    done
    for data in "REFUSE" "acme REFUSE" "REFUSE RAISE"; do same "signals, $data" ran signals targets "$data"; done
    same "events, RAISE REFUSE" ran events targets "RAISE REFUSE"
    spoken "a parameter of every type" --param count=1000 --param level=-0.9995 --param cap=-1e6 --param flag=false --param mode=3
    spoken "a text" --param "note=naïve café ✓ \"quoted\" 'single' \\ %s {} \$HOME 🦀"
    computed
    swept
    echo "$tested: $checks comparisons, $differences differences" >&2
    [ "$differences" -eq 0 ]
}

make_data() {
    cp "$here/data/acme.csv" "$here/data/bolt.csv" "$scratch"
    cp "$here/data/acme.csv" "$scratch/RAISE.csv"
    cp "$here/data/bolt.csv" "$scratch/REFUSE.csv"
    cp "$here/data/bolt.csv" "$scratch/naïve.csv"
    head -n 2 "$here/data/bolt.csv" >"$scratch/single.csv"
}

# What a component says about itself.
described() {
    "$host" inspect --format json "$1" | sed -n '/"description"/,/^  }/p'
}

# What one run comes to: results, log and error, and every message.
ran() {
    local component=$1 mode=$2 case=$3 data=$4 name files=() trace=()
    shift 4
    for name in $data; do files+=("$scratch/$name.csv"); done
    rm -f "$scratch/trace.jsonl"
    [ "$mode" = signals ] || trace=(--trace "$scratch/trace.jsonl")
    "$host" backtest --plugin "$component" --mode "$mode" "${trace[@]}" --data "${files[@]}" \
        --periods-per-year 252 --format json --param "case=$case" "$@" 2>&1 || echo "exit code $?"
    [ ! -e "$scratch/trace.jsonl" ] || cat "$scratch/trace.jsonl"
}

# Leaves out what tells builds apart: hashes, units of computing, and what follows from them. And the folder of the run.
without_build() {
    sed -E -e 's/"(plugin_hash|budget|memory|units)": ?("[^"]*"|[0-9]+|null),?//g' -e 's#^(wrote `).*/#\1#'
}

# Leaves out of the rows of a sweep what tells builds and runs apart.
without_run() {
    sed -E 's/"(plugin_hash|units|execution_time|worker_id)": ?("[^"]*"|[-+.0-9e]+|null),?//g' "$1"
}

# What is left of a run that ends in a raise: everything before it. Its log is in no common order with the error.
before_raise() {
    without_build | grep -E '"(event|command|trace)"|^log: (\[[^]]*\] )?(debug|info|warn)|^exit' || true
}

report() {
    checks=$((checks + 1))
    if ! diff --unified=1 --label "reference: $1" --label "tested: $1" "$2" "$3"; then differences=$((differences + 1)); fi
}

# expected LABEL COMMAND ...: writes what the command tells of the reference into the file `expected.all`. It is complete in
# $kept or absent, since two languages may be compared at the same time.
expected() {
    local file=$kept/${1//[^a-zA-Z0-9]/_}
    if [ ! -e "$file" ]; then
        "$2" "$reference" "${@:3}" >"$scratch/expected.all"
        cp "$scratch/expected.all" "$file.$$"
        mv "$file.$$" "$file"
    fi
    cp "$file" "$scratch/expected.all"
}

# same LABEL COMMAND ...: the command tells the same of both components.
same() {
    local label=$1 command=$2
    shift 2
    expected "$label" "$command" "$@"
    without_build <"$scratch/expected.all" >"$scratch/expected"
    "$command" "$tested" "$@" | without_build >"$scratch/found"
    report "$label" "$scratch/expected" "$scratch/found"
}

# cells LABEL MODE DATA: all cases are the same, each as a cell of one sweep.
cells() {
    same "$1" case_by_case "$2" "$3"
    # One comparison was counted already, and each cell is one.
    checks=$((checks - 1 + $(wc -l <"$scratch/found")))
    [ "$(wc -l <"$scratch/found")" = "${#compared_cases[@]}" ] || { echo "$1: not ${#compared_cases[@]} cells" >&2; exit 1; }
}

# A row with every metric, the log and the failure for each case.
case_by_case() {
    local component=$1 mode=$2 data=$3 name files=() axis status=0
    for name in $data; do files+=("$scratch/$name.csv"); done
    axis=$(IFS=,; echo "${compared_cases[*]}")
    "$host" sweep --plugin "$component" --mode "$mode" --data "${files[@]}" --periods-per-year 252 --workers 1 --quiet \
        --metrics all --param "case=$axis" --out "$scratch/cells.jsonl" >"$scratch/sweep.log" 2>&1 || status=$?
    # 10: some cells failed, as some cases are to.
    [ "$status" = 10 ] || { cat "$scratch/sweep.log" >&2; echo "$0: the sweep ended with status $status, not 10" >&2; exit 1; }
    without_run "$scratch/cells.jsonl"
}

# raises LABEL FUNCTION TEXT COMMAND ...: so it does up to a raise, whose function and text it names.
raises() {
    local label=$1 function=$2 text=$3 command=$4 word
    shift 4
    expected "$label" "$command" "$@"
    "$command" "$tested" "$@" >"$scratch/found.all"
    before_raise <"$scratch/expected.all" >"$scratch/expected"
    before_raise <"$scratch/found.all" >"$scratch/found"
    report "$label" "$scratch/expected" "$scratch/found"
    grep --quiet "$text" "$scratch/expected.all" || return 0
    for word in "$text" "$function"; do
        checks=$((checks + 1))
        if ! grep --quiet --fixed-strings "$word" "$scratch/found.all"; then
            differences=$((differences + 1))
            echo "tested: $label: \`$word\` is missing in:"
            tail -n 20 "$scratch/found.all"
        fi
    done
}

# repeats LABEL COMMAND ...: the command tells twice the same of the tested component.
repeats() {
    local label=$1 command=$2
    shift 2
    "$command" "$tested" "$@" >"$scratch/expected"
    "$command" "$tested" "$@" >"$scratch/found"
    report "$label, again" "$scratch/expected" "$scratch/found"
}

# spoken LABEL ARGUMENT ...: the arguments come through as they are, in both modes.
spoken() {
    local label=$1 mode
    shift
    for mode in signals events; do same "$mode, $label" ran "$mode" echo acme "$@"; done
}

# Indicators over columns, by signals, have the bits of those that are told bar by bar, by events.
computed() {
    digests signals >"$scratch/expected"
    digests events >"$scratch/found"
    report "indicators over columns and bar by bar" "$scratch/expected" "$scratch/found"
    checks=$((checks + 1))
    # 12 indicators in 4 runs, of 2 instruments.
    if [ "$(wc -l <"$scratch/found")" != 96 ]; then
        differences=$((differences + 1))
        echo "tested: not 96 digests of indicators but $(wc -l <"$scratch/found")"
    fi
}

# Without the times that lines have by events.
digests() { ran "$tested" "$1" indicators "acme bolt" | sed -nE 's/^log: (\[[^]]*\] )?(info: .* [0-9a-f]{16})$/\2/p'; }

# Many combinations by many workers, with every metric.
swept() {
    same "sweep" sweep targets 2
    sweep "$tested" targets 1 >"$scratch/expected"
    sweep "$tested" targets 2 >"$scratch/found"
    report "sweep by one and by two workers" "$scratch/expected" "$scratch/found"
    local case
    for case in "${own_cases[@]}"; do
        sweep "$tested" "$case" 1 >"$scratch/expected"
        sweep "$tested" "$case" 2 >"$scratch/found"
        report "sweep of $case by one and by two workers" "$scratch/expected" "$scratch/found"
    done
}

sweep() {
    "$host" sweep --plugin "$1" --data "$scratch/acme.csv" "$scratch/bolt.csv" --workers "$3" --quiet \
        --param "case=$2" --param count=0..30:1 --param level=-1,-0.25,0.1,1.7 --out "$scratch/sweep.jsonl" >/dev/null 2>&1 \
        || echo "exit code $?"
    without_run "$scratch/sweep.jsonl"
}

main "$@"
