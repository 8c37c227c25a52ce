# Steps that print their seconds, for scripts to source: `step NAME COMMAND...`, and a table of all steps at the end.
#
# Never decides what follows from a failed step: a script that sources this file has `set -e`, and stops there. A script
# that another one runs adds its steps to the table of that one, by way of $STEPS.

if [ -z "${STEPS:-}" ]; then
    STEPS=$(mktemp)
    export STEPS
    trap 'steps_end $?' EXIT
fi

# step NAME COMMAND...: runs the command, then prints its seconds and those of the processors.
step() {
    local TIMEFORMAT="$1"$'\t%1R\t%1U\t%1S'
    printf '\n== %s\n' "$1"
    printf '%s\n' "$1" >"$STEPS.now"
    { time "${@:2}" 2>&3; } 3>&2 2>>"$STEPS"
    rm "$STEPS.now"
    tail -n 1 "$STEPS" | awk -F'\t' '{ printf "== %s: %.0f s (%.0f s of CPU)\n", $1, $2, $3 + $4 }'
}

# steps_end STATUS: prints the table, with the step that failed, and exits with STATUS.
steps_end() {
    awk -F'\t' '
        BEGIN { printf "\n%-28s %8s %8s\n", "step", "s", "CPU s" }
        { printf "%-28s %8.0f %8.0f\n", $1, $2, $3 + $4; wall += $2; cpu += $3 + $4 }
        END { printf "%-28s %8.0f %8.0f\n", "all", wall, cpu }' "$STEPS"
    [ ! -e "$STEPS.now" ] || printf 'failed: %s\n' "$(cat "$STEPS.now")"
    rm -f "$STEPS" "$STEPS.now"
    exit "$1"
}
