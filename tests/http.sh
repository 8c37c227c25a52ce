#!/usr/bin/env bash
# Tests `host serve` with public tools, as programs of others use it: openapi-spec-validator reads /openapi.json, a client that
# openapi-python-client generates sweeps with it, schemathesis looks for answers that it does not describe, and
# prometheus_client reads /metrics in both formats. Never sends a request to another machine once the tools are installed.
#
#   tests/http.sh [HOST_BINARY]
#   tests/http.sh --install      only installs what PyPI has
#
# HOST_BINARY is release/host in the target folder if not given. Packages of PyPI go to $TOOLS/http (`tools` in the target folder
# if not set). Nothing of them is shipped; hypothesis, which schemathesis brings, is MPL-2.0.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
here=$root/tests/http
target=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$target/tools}/http
bin=$tools/venv/bin
token=0123456789abcdef
source "$root/tests/debian.sh"

main() {
    install
    [ "${1-}" != --install ] || return 0
    local host=${1:-$target/release/host}
    [ -x "$host" ] || fail "the program \`$host\` is missing; build it with \`cargo build --release\`, or name another"
    scratch=$(mktemp -d)
    trap 'end $?' EXIT
    serve "$(realpath "$host")"
    cd "$scratch"
    "$bin/openapi-spec-validator" openapi.json
    generated_client
    conformance
    "$bin/python" -B "$here/counters.py" "$url"
    kill -0 "$server" || fail "the server has ended: $(cat serve.log)"
    ! grep --quiet 'a bug of the host' serve.log || fail "the server has a bug: $(cat serve.log)"
}

# Starts the server on a free port of this machine, with the bundled data, and waits until its plugins serve.
serve() {
    mkdir -m 700 "$scratch/plugins" "$scratch/cache"
    cp "$root"/plugins/{momentum,sma_cross,bracket}/*.wasm "$scratch/plugins"
    # It is there before the server is: what runs in the background opens it at some time.
    : >"$scratch/serve.log"
    HOST_TOKEN=$token HOST_CACHE_DIR=$scratch/cache "$1" serve --listen 127.0.0.1:0 --plugins "$scratch/plugins" \
        --state "$scratch/state" --no-store --workers 2 --max-combinations 1000 2>>"$scratch/serve.log" &
    server=$!
    local tries
    for tries in $(seq 600); do
        url=$(sed -n 's/^listening on //p' "$scratch/serve.log")
        [ -z "$url" ] || [ "$(grep --count 'loaded: generation 1' "$scratch/serve.log")" -lt 3 ] || break
        kill -0 "$server" 2>/dev/null || fail "the server does not start: $(cat "$scratch/serve.log")"
        [ "$tries" -lt 600 ] || fail "the server is not ready after a minute: $(cat "$scratch/serve.log")"
        sleep 0.1
    done
    "$bin/python" -c 'import sys, urllib.request as r; sys.stdout.buffer.write(r.urlopen(sys.argv[1]).read())' \
        "$url/openapi.json" >"$scratch/openapi.json"
}

generated_client() {
    PATH=$bin:$PATH "$bin/openapi-python-client" generate --path openapi.json --output-path host_client --meta none \
        --config "$here/generator.yaml" --fail-on-warning
    PYTHONPATH=$scratch "$bin/python" -B "$here/client.py" "$url" "$token" "$root/plugins/momentum/momentum.wasm"
}

conformance() {
    PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 "$bin/st" --no-color --config-file "$here/schemathesis.toml" \
        run "$url/openapi.json" --header "Authorization: Bearer $token"
}

end() {
    [ -z "${server-}" ] || kill "$server" 2>/dev/null || true
    wait || true
    rm -rf "$scratch"
    exit "$1"
}

fail() {
    echo "tests/http.sh: $*" >&2
    exit 1
}

# The list that was installed is kept beside it, so that a changed list is installed again.
install() {
    cmp -s "$here/requirements.txt" "$tools/requirements.txt" && return
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
    mkdir -p "$tools"
    python3 -m venv --clear "$tools/venv"
    "$bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt" >&2
    cp "$here/requirements.txt" "$tools/requirements.txt"
}

main "$@"
