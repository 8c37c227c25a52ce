"""Lines for the log of the running task.

Never fails and never answers: the host keeps what its limits allow. Outside of a component the lines go to ``sys.stderr``.
``print`` and ``logging`` come out here, too: the first as ``info``, what is written to ``sys.stderr`` as ``error``.
"""

import sys
from collections.abc import Callable
from enum import Enum


class Level(Enum):
    """How much a line matters. The numbers are those of the contract."""

    DEBUG = 0
    INFO = 1
    WARN = 2
    ERROR = 3


def debug(message: object) -> None:
    """Logs a line for the author while writing the strategy."""
    _write(Level.DEBUG, str(message))


def info(message: object) -> None:
    """Logs what happened, in the normal course of things."""
    _write(Level.INFO, str(message))


def warn(message: object) -> None:
    """Logs something that the user should look at."""
    _write(Level.WARN, str(message))


def error(message: object) -> None:
    """Logs something that went wrong."""
    _write(Level.ERROR, str(message))


def write_to(write: Callable[[Level, str], None]) -> None:
    """Sends all further lines to ``write``. A component sends them to the host."""
    global _write
    _write = write


def _print(level: Level, message: str) -> None:
    print(f"{level.name.lower()}: {message}", file=sys.stderr)


_write: Callable[[Level, str], None] = _print
