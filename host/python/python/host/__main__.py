"""The command `host`, which the wheel brings: `python -m host` is the same.

Never parses an argument: the library does.
"""

from __future__ import annotations

import signal
import sys


def main() -> int:
    """Runs the command line of this process, and returns its exit code."""
    from host import _native

    core = _native.core()
    # The command stops its workers by Ctrl-C itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return int(core.main(["host", *sys.argv[1:]]))


if __name__ == "__main__":
    sys.exit(main())
