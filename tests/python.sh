#!/usr/bin/env bash
# Builds the wheel of the Python package (host/python), installs it into virtual environments, and tests what is installed:
# its own tests, among them the notebook, its examples, their types by mypy, and a part of the tests where there is neither
# pandas nor numpy, polars, tqdm or Rust.
#
#   tests/python.sh             builds and tests
#   tests/python.sh --install   installs what that needs from Debian and PyPI
#
# $TOOLS is the folder of the environments, if not `tools` in the target folder. Needs Rust and Python 3.11 or later.
set -euo pipefail
# Measured and tested is what runs, never what is known.
export HOST_STORE=off
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
target=${CARGO_TARGET_DIR:-$root/target}
tools=${TOOLS:-$target/tools}/python
bare=$tools-bare
source "$root/tests/debian.sh"

pypi=(
    maturin==1.16.0 pytest==9.2.0 mypy==2.4.1 cloudpickle==3.1.3 numpy==2.4.6 pandas==3.1.1 pandas-stubs==3.1.0.261029
    polars==2.1.0 pyarrow==26.0.1 duckdb==2.0.1 tqdm==4.70.1 types-tqdm==4.70.0.20261106
    ray==2.60.0 ipykernel==7.4.0 jupyter_client==8.10.0 nbclient==0.11.0 nbformat==5.11.1
)
pypi_bare=(pytest==9.2.0 cloudpickle==3.1.3)
without_pandas=(test_core_data.py test_core_sweep.py test_evidence.py test_files.py test_results.py test_scripts.py)

main() {
    [ $# -eq 0 ] || [ "$*" = --install ] || fail "unknown argument \`$1\`; give --install or nothing"
    install
    [ $# -eq 0 ] || return 0
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
    cd "$root/host/python"
    CARGO_TARGET_DIR=$target "$tools/bin/maturin" build --quiet --profile ci --locked --out "$scratch" \
        --interpreter "$tools/bin/python" --auditwheel skip
    for python in "$tools/bin/python" "$bare/bin/python"; do
        "$python" -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps "$scratch"/*.whl
    done
    ls -l "$scratch"/*.whl | awk '{ printf "wheel: %.1f MB\n", $5 / 1e6 }'
    cd "$scratch"
    # A strategy is compiled, too, where what that needs was installed for the tests of languages.
    PATH=$PATH:$(dirname "$tools")/languages/venv/bin
    "$tools/bin/python" -m pytest --quiet -p no:cacheprovider --ignore "$root/host/python/tests/test_ray.py" "$root/host/python/tests"
    # Apart, since Ray takes signals of its process. Everything of it is on loopback, and its files are in the scratch folder.
    RAY_TMPDIR=$scratch/ray "$tools/bin/python" -m pytest --quiet -p no:cacheprovider "$root/host/python/tests/test_ray.py" \
        2>&1 | grep --invert-match '(raylet)'
    local example
    for example in "$root"/host/python/examples/*.py; do
        "$tools/bin/python" "$example"
        MYPYPATH=$root/plugins/sdk/python "$tools/bin/mypy" --strict --cache-dir "$scratch/mypy" "$example"
    done
    "$tools/bin/mypy" --strict --cache-dir "$scratch/mypy" --exclude _sdk "$root/host/python/python/host"
    "$tools/bin/stubtest" host._core
    # The SDK by itself.
    "$tools/bin/python" -B -m unittest discover "$root/plugins/sdk/python/tests"
    "$tools/bin/mypy" --strict --cache-dir "$scratch/mypy" "$root/plugins/sdk/python/backtest"
    cd "$root/host/python/tests"
    # As on systems where forks are set back by page faults: pytest has a handler of the same signals.
    PATH=/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 HOST_WRITTEN_PAGES=faults "$bare/bin/python" -m pytest --quiet -p no:cacheprovider \
        --rootdir "$scratch" "${without_pandas[@]}"
}

# The list that was installed is kept, so that a changed list is installed again.
install() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || debian python3-venv
    environment "$tools" "${pypi[@]}"
    environment "$bare" "${pypi_bare[@]}"
}

environment() {
    local folder=$1
    shift
    [ "$(cat "$folder.txt" 2>/dev/null)" != "$*" ] || return 0
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@" >&2
    echo "$*" >"$folder.txt"
}

fail() {
    echo "$1" >&2
    exit 2
}

main "$@"
