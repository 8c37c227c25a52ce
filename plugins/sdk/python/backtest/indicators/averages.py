"""Moving averages."""

from collections.abc import Sequence
from itertools import accumulate
from math import isfinite
from operator import add

from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import Window, bars


class Sma:
    """The simple moving average: the sum of the last ``n`` values, divided by ``n``."""

    __slots__ = ("_length", "_sum")

    def __init__(self, n: int) -> None:
        self._sum = Window[float](n, add)
        self._length = float(n)

    def next(self, value: float) -> float | None:
        """Takes the next value, and returns the average from the ``n``-th on."""
        if not isfinite(value):
            self._sum.clear()
            return None
        total = self._sum.push(value)
        return None if total is None else total / self._length


def sma(values: Sequence[float], n: int) -> list[float]:
    """Returns the simple moving average (:class:`Sma`) of ``n`` values, for each of ``values``."""
    bars(n)
    column = empty(values)
    for start, (run,) in runs(values):
        put(column, start + n - 1, _averages(run, n))
    return column


def _averages(run: Sequence[float], n: int) -> list[float]:
    """The average of each full window: the sum of the end of one block and of the beginning of the next, divided."""
    length = float(n)
    averages: list[float] = []
    ends: list[float] = []
    for start in range(0, len(run), n):
        block = run[start : start + n]
        begins = list(accumulate(block))
        averages += [(end + begin) / length for end, begin in zip(ends, begins, strict=False)]
        if len(block) == n:
            averages.append(begins[-1] / length)
            ends = list(accumulate(block[:0:-1]))[::-1]
    return averages


class Ema:
    """The exponential moving average: ``ema + 2 / (n + 1) * (value - ema)``.

    Begins with the simple average of the first ``n`` values, as in TA-Lib and TradingView. ``ewm(span=n, adjust=False)`` of
    pandas begins with the first value alone.
    """

    __slots__ = ("_average",)

    def __init__(self, n: int) -> None:
        self._average = Smooth(n, share_of(n))

    def next(self, value: float) -> float | None:
        """Takes the next value, and returns the average from the ``n``-th on."""
        if not isfinite(value):
            self._average.clear()
            return None
        return self._average.next(value)


def ema(values: Sequence[float], n: int) -> list[float]:
    """Returns the exponential moving average (:class:`Ema`) of ``n`` values, for each of ``values``."""
    share = share_of(n)
    column = empty(values)
    for start, (run,) in runs(values):
        put(column, start + n - 1, smoothed(run, n, share))
    return column


class Smooth:
    """An average that moves by a share of the distance to each value, and begins with the simple average of the first ones."""

    __slots__ = ("_length", "_seen", "_share", "_state")

    def __init__(self, n: int, share: float) -> None:
        self._length = n
        self._share = share
        self.clear()

    def clear(self) -> None:
        self._seen = 0
        #: The sum of the first values, then the average.
        self._state = 0.0

    def next(self, value: float) -> float | None:
        """Takes the next value, which is finite."""
        if self._seen == self._length:
            self._state += self._share * (value - self._state)
            return self._state
        self._state += value
        self._seen += 1
        if self._seen < self._length:
            return None
        self._state /= self._length
        return self._state


def wilder(n: int) -> Smooth:
    return Smooth(n, 1.0 / bars(n))


def share_of(n: int) -> float:
    """How much of an exponential average the next value is."""
    return 2.0 / (bars(n) + 1.0)


def smoothed(values: Sequence[float], n: int, share: float) -> list[float]:
    """What :class:`Smooth` answers, from its first answer on."""
    if len(values) < n:
        return []
    state = 0.0
    # Not `sum`, which rounds otherwise from Python 3.12 on.
    for value in values[:n]:
        state += value
    state /= n
    averages = [state]
    for value in values[n:]:
        state += share * (value - state)
        averages.append(state)
    return averages
