"""The highest and the lowest price of the last bars."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import Window, bars


class Channel(NamedTuple):
    """The highest and the lowest price of some bars, in quote currency."""

    upper: float
    lower: float

    @property
    def middle(self) -> float:
        """The price half way between both."""
        return (self.upper + self.lower) / 2.0


class Channels(NamedTuple):
    """The channel of each bar, as columns in quote currency."""

    upper: list[float]
    lower: list[float]


class Donchian:
    """The channel of Donchian: the highest high and the lowest low of the last ``n`` bars, in quote currency.

    The bar itself is one of them: a breakout is a close beyond the channel of the bar before.
    """

    __slots__ = ("_lower", "_upper")

    def __init__(self, n: int) -> None:
        self._upper = Window[float](n, max)
        self._lower = Window[float](n, min)

    def next(self, high: float, low: float) -> Channel | None:
        """Takes the next bar, and returns the channel from the ``n``-th on."""
        if not (isfinite(high) and isfinite(low)):
            self._upper.clear()
            self._lower.clear()
            return None
        upper, lower = self._upper.push(high), self._lower.push(low)
        return None if upper is None or lower is None else Channel(upper, lower)


def donchian(high: Sequence[float], low: Sequence[float], n: int) -> Channels:
    """Returns the channel (:class:`Donchian`) of ``n`` bars, for each bar."""
    bars(n)
    channels = Channels(empty(high), empty(high))
    for start, run in runs(high, low):
        put(channels.upper, start + n - 1, _highest(run[0], n))
        put(channels.lower, start + n - 1, [-price for price in _highest([-price for price in run[1]], n)])
    return channels


def _highest(run: Sequence[float], n: int) -> list[float]:
    """The highest value of each full window. Of equals, the older one: zeros have signs."""
    highest: list[float] = []
    ends: list[float] = []
    for start in range(0, len(run), n):
        block = run[start : start + n]
        begins = _highest_so_far(block)
        highest += [begin if begin > end else end for end, begin in zip(ends, begins, strict=False)]
        if len(block) == n:
            highest.append(begins[-1])
            ends = _highest_from_each_on(block)[-2::-1]
    return highest


def _highest_so_far(block: Sequence[float]) -> list[float]:
    highest, found = block[0], []
    for value in block:
        if value > highest:
            highest = value
        found.append(highest)
    return found


def _highest_from_each_on(block: Sequence[float]) -> list[float]:
    """The last first."""
    highest, found = block[-1], []
    for value in reversed(block):
        if value >= highest:
            highest = value
        found.append(highest)
    return found
