"""Progress of a call: a bar of tqdm if it is installed, else one line on standard error.

Never counts results itself, and never fails a call because a screen is gone.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, Protocol

REDRAW_SECONDS = 0.1

Callback = Callable[[int, int], object]
"""Called with the number of finished tasks and of all."""


class Progress(Protocol):
    """A display of progress."""

    def advance(self, finished: int, failed: int) -> None:
        """Shows that `finished` tasks are done in all, `failed` of them without a result."""

    def close(self) -> None:
        """Ends the display."""


class Silent:
    """No display."""

    def advance(self, finished: int, failed: int) -> None:
        """Shows nothing."""

    def close(self) -> None:
        """Ends nothing."""


def display(total: int, shown: bool, seconds: float = 0.0) -> Progress:
    """The display for a call of `total` tasks that began some `seconds` ago."""
    if not shown or total == 0 or sys.stderr is None:
        return Silent()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # A notebook without widgets gets a bar of text; that is no reason to warn.
            from tqdm.auto import tqdm
    except Exception:  # Not installed, or installed for another notebook.
        return _Line(total, seconds)
    return _Bar(tqdm(total=total, unit="task", leave=True), seconds)


class _Bar:
    def __init__(self, bar: Any, seconds: float) -> None:
        self._bar = bar
        if hasattr(bar, "start_t"):  # `TQDM_DISABLE` makes a bar without a clock.
            bar.start_t -= seconds
        self._failed = 0

    def advance(self, finished: int, failed: int) -> None:
        self._bar.update(finished - self._bar.n)
        if failed != self._failed:
            self._failed = failed
            self._bar.set_postfix_str(f"{failed} failed")

    def close(self) -> None:
        self._bar.close()


class _Line:
    """One line that is written over on a terminal; in a file only its last state is written."""

    def __init__(self, total: int, seconds: float) -> None:
        self._total = total
        self._drawn = time.monotonic()
        self._started = self._drawn - seconds
        self._state = (0, 0)
        self._terminal = sys.stderr.isatty()

    def advance(self, finished: int, failed: int) -> None:
        self._state = (finished, failed)
        now = time.monotonic()
        if self._terminal and now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            self._write("\r" + self._text())

    def close(self) -> None:
        self._write(("\r" if self._terminal else "") + self._text() + "\n")

    def _text(self) -> str:
        finished, failed = self._state
        seconds = max(time.monotonic() - self._started, 1e-9)
        tail = f", {failed} failed" if failed else ""
        return f"{finished} of {self._total} tasks in {seconds:.2f} s ({finished / seconds:.0f}/s){tail}"

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):
            self._terminal = False  # The screen is gone; the call goes on.
