"""The way of what a strategy prints to the log.

Never loses a line: what has no end yet is logged when the task ends.
"""

import io
import logging
import sys
from collections.abc import Callable

from backtest import log


class _Lines(io.TextIOBase):
    """A text stream, each line of which is a line of the log."""

    encoding = "utf-8"
    errors = "strict"

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._rest = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._write(line)
        return len(text)

    def end(self) -> None:
        """Logs what is left of a line."""
        if self._rest:
            self._write(self._rest)
            self._rest = ""


class _Handler(logging.Handler):
    """Sends the records of ``logging`` to the log, at their level."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            write = log.error
        elif record.levelno >= logging.WARNING:
            write = log.warn
        else:
            write = log.info if record.levelno >= logging.INFO else log.debug
        try:
            write(self.format(record))
        except Exception:
            self.handleError(record)


_stdout = _Lines(log.info)
_stderr = _Lines(log.error)


def redirect() -> None:
    """From now on, sends what is printed and logged to the log."""
    sys.stdout, sys.stderr = _stdout, _stderr
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(_Handler())
        # The default keeps what is below a warning to itself.
        root.setLevel(logging.DEBUG)


def flush() -> None:
    """Logs lines that have no end."""
    _stdout.end()
    _stderr.end()
