"""The last values of a series, joined to one.

Never takes a value away from what it was joined to.
"""

from collections.abc import Callable
from operator import index
from typing import Generic, TypeVar

T = TypeVar("T")


class Window(Generic[T]):
    """The last ``n`` values, joined to one by a function of an older and a newer part."""

    __slots__ = ("_beginning", "_filled", "_join", "_length", "_parts")

    def __init__(self, n: int, join: Callable[[T, T], T]) -> None:
        self._length = bars(n)
        self._join = join
        self.clear()

    def clear(self) -> None:
        #: In front of `_filled` the values of the current block, from there on the ends of the block before it.
        self._parts: list[T] = []
        self._filled = 0
        #: The join of the current block.
        self._beginning: T | None = None

    def push(self, value: T) -> T | None:
        """Adds a value, and returns the join of the last ones if the window is full."""
        parts, filled = self._parts, self._filled
        if filled < len(parts):
            parts[filled] = value
        else:
            parts.append(value)
        filled += 1
        beginning = value if self._beginning is None else self._join(self._beginning, value)
        if filled == self._length:
            self._turn()
            return beginning
        self._filled, self._beginning = filled, beginning
        return self._join(parts[filled], beginning) if filled < len(parts) else None

    def _turn(self) -> None:
        """Makes the block that is complete one of ends, and begins the next."""
        parts, join = self._parts, self._join
        for at in range(len(parts) - 1, 0, -1):
            parts[at - 1] = join(parts[at - 1], parts[at])
        self._filled = 0
        self._beginning = None


def bars(n: int) -> int:
    """Returns ``n``, if there is something in a window of ``n`` bars."""
    if index(n) < 1:
        raise ValueError(f"a window of {n} bars has nothing to compute from; give at least 1")
    return n
