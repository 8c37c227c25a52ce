#!/usr/bin/env bash
# Mutation tests of the rooms that decide numbers: changes one line at a time, and lists the changes that no library test
# notices. Run by hand: 200 changes take about an hour on one core.
#
#   tests/mutants.sh [SHARD]    a sample of about 200 changes; other shards are other samples [default: 0]
#
# model, data, broker and metrics stand in a crate of their own, which compiles in seconds. Needs cargo-mutants
# (`cargo install --locked cargo-mutants`). The list of survivors is in target/mutants/mutants.out/missed.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
shard=${1:-0}
readonly ROOMS=(model data broker metrics) SAMPLE=200
readonly FILES=(
  host/broker/account.rs host/broker/amount.rs host/broker/book.rs host/broker/costs.rs host/broker/execution.rs
  host/broker/exchange.rs host/broker/free_cash.rs host/broker/grid.rs host/broker/terms.rs host/broker/timeline.rs
  host/broker/matching.rs host/metrics/pass.rs host/metrics/returns.rs host/metrics/calendar.rs host/metrics/trades.rs
  host/metrics/drawdown.rs host/metrics/sums.rs host/metrics/lanes.rs
)

crate=target/mutants/crate
rm -rf "$crate" && mkdir -p "$crate/host" "$crate/examples"
for room in "${ROOMS[@]}"; do cp -r "host/$room" "$crate/host/"; done
mkdir "$crate/tests" && cp -r examples/data "$crate/examples/data" && cp -r tests/reference "$crate/tests/reference"
cp Cargo.lock "$crate/"
# The rooms that these name beside each other; the others of lib.rs need WebAssembly.
printf 'pub mod %s;\n' "${ROOMS[@]}" > "$crate/host/lib.rs"
sed -n '/^\[package\]/,/^$/p' Cargo.toml | sed -e '/^readme\|^include\|^exclude\|^default-run\|^build/d' > "$crate/Cargo.toml"
{
  printf '\n[lib]\npath = "host/lib.rs"\n\n[dependencies]\n'
  grep -E '^(anyhow|parquet|blake3|bytes|csv|indexmap|jiff|libm|rust_decimal|serde|serde_json|tempfile|thiserror|toml) = ' Cargo.toml | grep -v opt-level |
    sed 's/, optional = true//'
  printf '\n[dev-dependencies]\nproptest = { version = "1", default-features = false, features = ["std"] }\n\n[workspace]\n'
  printf '\n[profile.dev.package."*"]\nopt-level = 1\ndebug = false\n'
} >> "$crate/Cargo.toml"

cd "$crate"
files=()
for file in "${FILES[@]}"; do [[ -f $file ]] && files+=(--file "$file"); done
all=$(cargo mutants --list "${files[@]}" | wc -l)
shards=$(((all + SAMPLE - 1) / SAMPLE))
echo "$all changes; sample $shard of $shards"
cargo mutants "${files[@]}" --shard "$shard/$shards" --sharding round-robin --output .. --baseline run --timeout 120 --jobs 1 -- --lib || true
echo "survivors:"
cat ../mutants.out/missed.txt
