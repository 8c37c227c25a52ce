"""Bands around an average, as wide as values deviate from it."""

from collections.abc import Sequence
from operator import add, sub
from typing import NamedTuple

from backtest.indicators.averages import Sma, sma
from backtest.indicators.deviations import Deviation, deviation


class Band(NamedTuple):
    """An average, and some deviations above and below it, in the unit of the values."""

    upper: float
    middle: float
    lower: float


class Bands(NamedTuple):
    """The bands of each value, as columns in the unit of the values."""

    upper: list[float]
    middle: list[float]
    lower: list[float]


class Bollinger:
    """The bands of Bollinger: the average of the last ``n`` values, and ``width`` of their deviations above and below it.

    The deviation divides by ``n`` (:class:`Deviation`). Usual are 20 and 2. Bands by the ``rolling(n).std()`` of
    pandas are wider, by the root of ``n / (n - 1)``.
    """

    __slots__ = ("_deviation", "_middle", "_width")

    def __init__(self, n: int, width: float) -> None:
        self._middle = Sma(n)
        self._deviation = Deviation(n)
        self._width = width

    def next(self, value: float) -> Band | None:
        """Takes the next value, and returns the bands from the ``n``-th on."""
        middle, deviation = self._middle.next(value), self._deviation.next(value)
        if middle is None or deviation is None:
            return None
        distance = self._width * deviation
        return Band(middle + distance, middle, middle - distance)


def bollinger(values: Sequence[float], n: int, width: float) -> Bands:
    """Returns the bands (:class:`Bollinger`) of ``n`` values and of ``width`` deviations, for each of ``values``."""
    middle = sma(values, n)
    distances = [width * one for one in deviation(values, n)]
    return Bands(list(map(add, middle, distances)), middle, list(map(sub, middle, distances)))
