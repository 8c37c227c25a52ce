"""The moving average convergence and divergence (MACD)."""

from collections.abc import Sequence
from math import nan
from operator import sub
from typing import NamedTuple

from backtest.indicators.averages import Ema, ema, share_of, smoothed
from backtest.indicators.columns import empty, put, runs


class MacdValue(NamedTuple):
    """The fast average less the slow one, the average of that line, and the line less its average, in the unit of the values."""

    line: float
    signal: float
    histogram: float


class MacdValues(NamedTuple):
    """Line, signal and histogram for each value, as columns in the unit of the values."""

    line: list[float]
    signal: list[float]
    histogram: list[float]


class Macd:
    """The MACD of Appel: the :class:`Ema` of ``fast`` values less that of ``slow`` ones, and the EMA of that line.

    Usual are 12, 26 and 9. Each average begins by itself, with the simple average of its own first values, as in TradingView.
    TA-Lib begins the fast one as late as the slow one; both agree behind some hundred bars.
    """

    __slots__ = ("_fast", "_signal", "_slow")

    def __init__(self, fast: int, slow: int, signal: int) -> None:
        self._fast, self._slow, self._signal = Ema(fast), Ema(slow), Ema(signal)

    def next(self, value: float) -> MacdValue | None:
        """Takes the next value, and returns all three from the longer of ``fast`` and ``slow``, and ``signal - 1`` more, on."""
        fast, slow = self._fast.next(value), self._slow.next(value)
        # Where there is no line, the signal starts over.
        line = nan if fast is None or slow is None else fast - slow
        signal = self._signal.next(line)
        return None if signal is None else MacdValue(line, signal, line - signal)


def macd(values: Sequence[float], fast: int, slow: int, signal: int) -> MacdValues:
    """Returns the MACD (:class:`Macd`) of averages of ``fast``, ``slow`` and ``signal`` values, for each of ``values``."""
    share = share_of(signal)
    columns = MacdValues(empty(values), empty(values), empty(values))
    for start, (line,) in runs(list(map(sub, ema(values, fast), ema(values, slow)))):
        signals = smoothed(line, signal, share)
        line = line[signal - 1 :]
        at = start + signal - 1
        for column, answers in zip(columns, (line, signals, list(map(sub, line, signals))), strict=True):
            put(column, at, answers)
    return columns
