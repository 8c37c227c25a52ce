"""The highest and the lowest price of the last bars."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import Window, bars, joined


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
        put(channels.upper, start + n - 1, joined(run[0], n, max, _higher))
        put(channels.lower, start + n - 1, joined(run[1], n, min, _lower))
    return channels


# Of equals, `max` and `min` answer with the first. Here that is the older one everywhere: zeros have signs.
def _higher(newer: float, older: float) -> float:
    return max(older, newer)


def _lower(newer: float, older: float) -> float:
    return min(older, newer)
