"""Where one line crosses another."""

from collections.abc import Sequence
from enum import Enum
from math import isfinite

from backtest.indicators.columns import check_lengths


class Crossing(Enum):
    """To which side a line has crossed another."""

    #: It was below, and is above now.
    ABOVE = 1
    #: It was above, and is below now.
    BELOW = -1


class Cross:
    """Watches for a line to cross another: two averages, or a price and a level.

    A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on neither,
    so that a touch and a return is no crossing. The first side is none that it has crossed to.
    """

    __slots__ = ("_side",)

    def __init__(self) -> None:
        self._side: Crossing | None = None

    def next(self, line: float, other: float) -> Crossing | None:
        """Takes the next value of the ``line`` and of the ``other``, and returns the crossing if there is one."""
        if not (isfinite(line) and isfinite(other)):
            self._side = None
            return None
        if line == other:
            return None
        before, self._side = self._side, Crossing.ABOVE if line > other else Crossing.BELOW
        return None if before is None or before is self._side else self._side


def crossings(line: Sequence[float], other: Sequence[float]) -> list[Crossing | None]:
    """Returns where ``line`` crosses ``other`` (:class:`Cross`), for each bar."""
    check_lengths(line, other)
    return list(map(Cross().next, line, other))
