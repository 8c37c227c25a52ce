"""The average directional index (ADX)."""

from collections.abc import Sequence
from math import isfinite
from operator import sub
from typing import NamedTuple

from backtest.indicators.averages import smoothed, wilder
from backtest.indicators.columns import empty, put, runs
from backtest.indicators.ranges import ranges_of
from backtest.indicators.windows import bars


class AdxValue(NamedTuple):
    """How strong a trend is, and how much of the range is movement up and movement down: numbers from 0 to 100."""

    adx: float
    plus_di: float
    minus_di: float


class AdxValues(NamedTuple):
    """The index and both directional indices of each bar, as columns of numbers from 0 to 100."""

    adx: list[float]
    plus_di: list[float]
    minus_di: list[float]


class Adx:
    """The average directional index of Wilder (1978), and the two directional indices that it is made of.

    A bar moves up by as much as its high is above the one before, and down by as much as its low is below; only the larger of
    both counts, if it is above 0. ``plus_di`` and ``minus_di`` are these movements in percent of the true range, each smoothed
    over ``n`` bars; their distance in percent of their sum, smoothed again, is the ``adx``. Where nothing moves, an index is 0.

    Each average begins with the simple one of its first ``n`` values, as those of TradingView do. TA-Lib begins with ``n - 1`` of
    them; both agree behind some hundred bars.
    """

    __slots__ = ("_average", "_last", "_minus", "_plus", "_range")

    def __init__(self, n: int) -> None:
        #: High, low and close of the bar before.
        self._last: tuple[float, float, float] | None = None
        self._range, self._plus, self._minus, self._average = wilder(n), wilder(n), wilder(n), wilder(n)

    def next(self, high: float, low: float, close: float) -> AdxValue | None:
        """Takes the next bar, and returns all three from bar ``2 * n`` on."""
        if not (isfinite(high) and isfinite(low) and isfinite(close)):
            self._clear()
            return None
        last, self._last = self._last, (high, low, close)
        if last is None:
            return None
        up, down = high - last[0], last[1] - low
        true_range = self._range.next(max(high - low, high - last[2], last[2] - low))
        plus = self._plus.next(up if up > down and up > 0.0 else 0.0)
        minus = self._minus.next(down if down > up and down > 0.0 else 0.0)
        if true_range is None or plus is None or minus is None:
            return None
        plus_di, minus_di = _percent(plus, true_range), _percent(minus, true_range)
        adx = self._average.next(_percent(abs(plus_di - minus_di), plus_di + minus_di))
        return None if adx is None else AdxValue(adx, plus_di, minus_di)

    def _clear(self) -> None:
        self._last = None
        for average in (self._range, self._plus, self._minus, self._average):
            average.clear()


def adx(high: Sequence[float], low: Sequence[float], close: Sequence[float], n: int) -> AdxValues:
    """Returns the average directional index (:class:`Adx`) of ``n`` bars, for each bar."""
    share = 1.0 / bars(n)
    columns = AdxValues(empty(high), empty(high), empty(high))
    for start, run in runs(high, low, close):
        moves = _moves(run[0], run[1])
        ranges = smoothed(ranges_of(*run), n, share)
        plus = smoothed([up if up > down and up > 0.0 else 0.0 for up, down in moves], n, share)
        minus = smoothed([down if down > up and down > 0.0 else 0.0 for up, down in moves], n, share)
        plus_di, minus_di = _percents(plus, ranges), _percents(minus, ranges)
        both = list(zip(plus_di, minus_di, strict=True))
        apart = _percents([abs(up - down) for up, down in both], [up + down for up, down in both])
        answers = (smoothed(apart, n, share), plus_di[n - 1 :], minus_di[n - 1 :])
        for column, found in zip(columns, answers, strict=True):
            put(column, start + 2 * n - 1, found)
    return columns


def _moves(high: Sequence[float], low: Sequence[float]) -> list[tuple[float, float]]:
    """How far each bar but the first is above the one before, and how far below."""
    return list(zip(map(sub, high[1:], high), map(sub, low, low[1:]), strict=True))


def _percents(parts: Sequence[float], wholes: Sequence[float]) -> list[float]:
    return [100.0 * part / whole if whole != 0.0 else 0.0 for part, whole in zip(parts, wholes, strict=True)]


def _percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole != 0.0 else 0.0
