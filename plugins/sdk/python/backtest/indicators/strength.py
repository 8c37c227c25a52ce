"""The relative strength index."""

from collections.abc import Sequence
from math import isfinite
from operator import sub

from backtest.indicators.averages import smoothed, wilder
from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import bars


class Rsi:
    """The relative strength index of Wilder (1978), from 0 to 100: ``100 * gain / (gain + loss)``.

    ``gain`` and ``loss`` are the averages of the rises and of the falls from one value to the next, begun with the simple ones of
    the first ``n`` changes. 50 where nothing has changed at all, for which TA-Lib answers 0.
    """

    __slots__ = ("_gain", "_last", "_loss")

    def __init__(self, n: int) -> None:
        self._last: float | None = None
        self._gain = wilder(n)
        self._loss = wilder(n)

    def next(self, value: float) -> float | None:
        """Takes the next value, and returns the index from the ``n + 1``-th on."""
        if not isfinite(value):
            self._last = None
            self._gain.clear()
            self._loss.clear()
            return None
        last, self._last = self._last, value
        if last is None:
            return None
        change = value - last
        gain = self._gain.next(change if change > 0.0 else 0.0)
        loss = self._loss.next(-change if change < 0.0 else 0.0)
        if gain is None or loss is None:
            return None
        total = gain + loss
        return 100.0 * (gain / total) if total != 0.0 else 50.0


def rsi(values: Sequence[float], n: int) -> list[float]:
    """Returns the relative strength index (:class:`Rsi`) of ``n`` changes, for each of ``values``."""
    share = 1.0 / bars(n)
    column = empty(values)
    for start, (run,) in runs(values):
        changes = list(map(sub, run[1:], run))
        gains = smoothed([change if change > 0.0 else 0.0 for change in changes], n, share)
        losses = smoothed([-change if change < 0.0 else 0.0 for change in changes], n, share)
        totals = [gain + loss for gain, loss in zip(gains, losses, strict=True)]
        strengths = [100.0 * (gain / total) if total != 0.0 else 50.0 for gain, total in zip(gains, totals, strict=True)]
        put(column, start + n, strengths)
    return column
