#!/usr/bin/env bash
# Compiles `host` as a release build has it, from the dependencies that tests/all.sh has compiled already, and prints the
# program's path. Never compiles a dependency again if the tests were compiled before.
#
#   HOST=$(tests/host.sh)
#
# The flags are those of [profile.release]: this workspace's code is optimised, and does not check itself. The test of the
# SDK is named because cargo then chooses the same features of dependencies as for all tests.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

cargo build --manifest-path "$root/Cargo.toml" --profile ci --locked --quiet --workspace --bin host --test indicators \
    --config profile.ci.debug-assertions=false --config profile.ci.overflow-checks=false \
    --config profile.ci.package.host.opt-level=3 >&2
target=${CARGO_TARGET_DIR:-$root/target}/ci
# Under a name of its own, since the next build of the tests puts theirs into the place.
cp "$target/host" "$target/host-optimised"
echo "$target/host-optimised"
