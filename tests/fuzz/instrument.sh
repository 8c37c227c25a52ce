#!/usr/bin/env bash
# The compiler, which adds the counters and comparisons that libFuzzer watches to the crates that read foreign bytes.
#
# Cargo calls it as RUSTC_WRAPPER: instrument.sh RUSTC ARGUMENTS...
set -euo pipefail

watched=" host csv csv_core parquet zip lz4_flex jiff "
flags=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
)

name=
[ "${2:-}" = --crate-name ] && name=$3
case "$watched" in
*" $name "*) exec "$@" "${flags[@]}" ;;
*) exec "$@" ;;
esac
