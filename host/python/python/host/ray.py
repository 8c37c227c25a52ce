"""A sweep on a Ray cluster from the command line: `python -m host.ray sweep`, with the options of `host sweep`.

For `ray job submit`, a `RayJob` of KubeRay, and `ray symmetric-run`. In Python, use `backend="ray"` instead. Never parses an
argument: the library does.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> int:
    """Runs the command line of this process, and returns its exit code."""
    from host import _native, _ray
    from host._errors import HostError

    arguments = sys.argv[1:]
    if not {"-h", "--help", "-V", "--version"}.isdisjoint(arguments) or not arguments:
        return int(_native.core().main(["host", *arguments]))
    if arguments[0] != "sweep":
        print(f"error: a cluster runs `sweep` only, not `{arguments[0]}`; run other commands with `host`", file=sys.stderr)
        return 2
    address = os.environ.get("RAY_ADDRESS")
    if "--quiet" not in arguments:
        print(f"connecting to Ray at {address}" if address else "connecting to Ray", file=sys.stderr, flush=True)
    try:
        pump = _ray.pump()
    except HostError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # The command stops its workers by Ctrl-C itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    code = int(_native.core().main(["host", *arguments], pump.bridge))
    if pump.bridge.sent_again:
        print(f"{pump.bridge.sent_again} tasks were sent again, since nodes or processes were lost", file=sys.stderr)
    pump.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
