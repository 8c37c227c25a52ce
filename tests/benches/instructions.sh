#!/usr/bin/env bash
# Counts the instructions of a small sweep, and fails if they are more than those in instructions.txt by over 3 %.
#
#   tests/benches/instructions.sh            counts and compares
#   tests/benches/instructions.sh --update   counts and writes instructions.txt, for a commit that says why
#
# Times of a shared machine cannot tell 3 % from a busy neighbour; counts are the same within 0.3 % from run to run.
# They are valgrind's: its processor is much the same on every machine. What another processor, C library or compiler
# changes is why 3 % are allowed. Counts a release build, or $HOST if that is set, which must be compiled with the same flags.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off

allowed=3 # percent
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
committed=$root/tests/benches/instructions.txt
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

main() {
    command -v valgrind >/dev/null || fail "valgrind is missing; install it with \`apt-get install valgrind\`"
    case "${1-}" in
        "") count && compare ;;
        --update) count && update ;;
        *) fail "unknown argument \`$1\`; give --update or nothing" ;;
    esac
}

fail() {
    echo "tests/benches/instructions.sh: $*" >&2
    exit 1
}

# One task in a new cache and one in a used one, then 200: what is more than one is the price of 199. The same with all metrics.
count() {
    host=${HOST:-}
    if [ -z "$host" ]; then
        cargo build --release --locked --quiet --manifest-path "$root/Cargo.toml"
        host=${CARGO_TARGET_DIR:-$root/target}/release/host
    fi
    local cold warm many
    cold=$(instructions 20 200)
    warm=$(instructions 20 200)
    many=$(instructions 20..119:1 200,201)
    counted=("cold-start $cold" "warm-start $warm" "task $(((many - warm) / 199))")
    warm=$(instructions 20 200 --metrics all)
    many=$(instructions 20..119:1 200,201 --metrics all)
    counted+=("task-all-metrics $(((many - warm) / 199))")
}

# The instructions of a sweep with one worker over the bundled data: windows of a fast and of a slow average, and more options.
instructions() {
    local sweep=(sweep --plugin sma_cross --workers 1 --quiet --param "fast=$1" --param "slow=$2" "${@:3}")
    HOST_CACHE_DIR=$scratch/cache valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$scratch/log" \
        "$host" "${sweep[@]}" >/dev/null || fail "the sweep fails under valgrind: $(tail -n 3 "$scratch/log")"
    sed -n 's/.*Collected : //p' "$scratch/log"
}

compare() {
    local line name now before percent worse=()
    for line in "${counted[@]}"; do
        read -r name now <<<"$line"
        before=$(sed -n "s/^$name //p" "$committed")
        [ -n "$before" ] || fail "$committed has no line for \`$name\`; run it with --update"
        percent=$(awk -v now="$now" -v before="$before" 'BEGIN { printf "%+.2f", 100 * (now / before - 1) }')
        printf '%-16s %11d instructions, %s %%\n' "$name" "$now" "$percent"
        ((now * 100 <= before * (100 + allowed))) || worse+=("$name")
    done
    [ ${#worse[@]} -eq 0 ] || fail "over $allowed % above instructions.txt: ${worse[*]}; if that is meant, give --update"
}

update() {
    printf '%s\n' "${counted[@]}" | tee "$committed"
}

main "$@"
