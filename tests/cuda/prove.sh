#!/bin/sh
# Proves the bootstrap on a machine with a GPU, in under five minutes: prove.sh [FOLDER OF A FAKE CUDA]. Changes no setting of it.
set -eu
cd "$(dirname "$0")/../.."
cargo build --release --example prove_cuda
program=${CARGO_TARGET_DIR:-target}/release/examples/prove_cuda
[ $# -eq 0 ] || { LD_LIBRARY_PATH=$1 exec "$program" --cells 200,700 --periods 500 --draws 3000 --reference 300; }
if command -v nvidia-smi >/dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.used --format=csv; fi
exec timeout 290 "$program"
