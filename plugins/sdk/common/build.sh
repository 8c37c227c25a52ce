#!/bin/sh
# Builds my_strategy.wasm. $HOST is the command, where it is not on the $PATH.
set -eu
cd "$(dirname "$0")"
exec "${HOST:-host}" build "$@"
