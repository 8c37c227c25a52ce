"""How far prices move within a bar."""

from collections.abc import Sequence
from math import isfinite

from backtest.indicators.averages import smoothed, wilder
from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import bars


class TrueRange:
    """The true range of Wilder (1978): the greatest of ``high - low``, ``high - previous close`` and ``previous close - low``.

    In quote currency. The first bar has none, since there is no close before it.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last: float | None = None

    def next(self, high: float, low: float, close: float) -> float | None:
        """Takes the next bar, and returns its range from the second on."""
        if not (isfinite(high) and isfinite(low) and isfinite(close)):
            self._last = None
            return None
        last, self._last = self._last, close
        return None if last is None else max(high - low, high - last, last - low)


def true_range(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> list[float]:
    """Returns the true range (:class:`TrueRange`) of each bar, in quote currency."""
    column = empty(high)
    for start, run in runs(high, low, close):
        put(column, start + 1, ranges_of(*run))
    return column


def ranges_of(high: Sequence[float], low: Sequence[float], close: Sequence[float]) -> list[float]:
    """The true range of each bar but the first."""
    ranges = []
    for top, bottom, last in zip(high[1:], low[1:], close, strict=False):
        span, up, down = top - bottom, top - last, last - bottom
        if up > span:
            span = up
        ranges.append(down if down > span else span)
    return ranges


class Atr:
    """The average true range of Wilder (1978), in quote currency, begun with the simple average of the first ``n`` ranges."""

    __slots__ = ("_average", "_range")

    def __init__(self, n: int) -> None:
        self._range = TrueRange()
        self._average = wilder(n)

    def next(self, high: float, low: float, close: float) -> float | None:
        """Takes the next bar, and returns the average from bar ``n + 1`` on."""
        true_range = self._range.next(high, low, close)
        if true_range is not None:
            return self._average.next(true_range)
        self._average.clear()
        return None


def atr(high: Sequence[float], low: Sequence[float], close: Sequence[float], n: int) -> list[float]:
    """Returns the average true range (:class:`Atr`) of ``n`` ranges, in quote currency, for each bar."""
    share = 1.0 / bars(n)
    column = empty(high)
    for start, run in runs(high, low, close):
        put(column, start + n, smoothed(ranges_of(*run), n, share))
    return column
