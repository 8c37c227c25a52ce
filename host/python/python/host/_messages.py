"""The failures of tasks in words.

Never decides what has failed: the worker and the pool do.
"""

from __future__ import annotations

import os

from host import _wire
from host._child import is_library


def message(failure: _wire.Failure) -> str:
    """The failure of a task in one line, with its place in the code."""
    kind, text, frames = failure
    if kind == "unpicklable" and not text.startswith(_wire.UNREADABLE):
        return f"the parameters or the result cannot be pickled: {text}; use numbers, text, arrays, frames"
    return text + at(frames)


def at(frames: list[_wire.Frame]) -> str:
    """The place of a failure, as the end of a sentence; the user's own line, too, where a package failed."""
    if not frames:
        return ""
    place = _place(frames[-1])
    own = next((frame for frame in reversed(frames) if not is_library(frame[0])), frames[-1])
    return f"; at {place}" + (f", called at {_place(own)}" if own is not frames[-1] else "")


def _place(frame: _wire.Frame) -> str:
    file, line, name, _ = frame
    code = _code(frame)
    return f"{os.path.basename(file)}:{line} in {name}" + (f": {code}" if code else "")


def _code(frame: _wire.Frame) -> str:
    """The text of a line: the worker's, or this process's where the line is of a notebook's cell."""
    import linecache

    return frame[3] or linecache.getline(frame[0], frame[1]).strip()[:200]


def traceback_lines(failure: _wire.Failure) -> list[str]:
    """The traceback, as Python writes it."""
    _, text, frames = failure
    if not frames:
        return []
    lines = ["Traceback (most recent call last):"]
    for frame in frames:
        lines.append(f'  File "{frame[0]}", line {frame[1]}, in {frame[2]}')
        lines += [f"    {code}"] if (code := _code(frame)) else []
    return [*lines, text]
