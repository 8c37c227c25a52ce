#!/bin/sh
# Builds the strategy, then proves on 32 years of daily bars that it does not look ahead and can be repeated.
set -eu
cd "$(dirname "$0")"
./build.sh
exec "${HOST:-host}" check --plugin my_strategy.wasm "$@"
