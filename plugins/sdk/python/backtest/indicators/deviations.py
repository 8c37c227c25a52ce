"""How far values lie from their average."""

from collections.abc import Sequence
from math import isfinite, nan, sqrt

from backtest.indicators.columns import empty, put, runs
from backtest.indicators.windows import Window, bars


class Deviation:
    """The standard deviation of the last ``n`` values, in their unit.

    That is the root of the mean of their squared distances from their mean. Divides by ``n``, as Bollinger and TA-Lib do, and not
    by ``n - 1``, as pandas does where it is not told. No sum of squares is taken from another (Welford 1962; Chan, Golub and
    LeVeque 1983), so that large prices that move little keep their digits.
    """

    __slots__ = ("_window",)

    def __init__(self, n: int) -> None:
        self._window = Window[_Moments](n, _join)

    def next(self, value: float) -> float | None:
        """Takes the next value, and returns the deviation from the ``n``-th on."""
        moments = self._moments(value)
        return None if moments is None else sqrt(moments[2] / moments[0])

    def _moments(self, value: float) -> "_Moments | None":
        if not isfinite(value):
            self._window.clear()
            return None
        return self._window.push((1.0, value, 0.0))


def deviation(values: Sequence[float], n: int) -> list[float]:
    """Returns the standard deviation (:class:`Deviation`) of ``n`` values, for each of ``values``."""
    length = float(bars(n))
    column = empty(values)
    for start, (run,) in runs(values):
        put(column, start + n - 1, [sqrt(squares / length) for squares in _moments(run, n)[1]])
    return column


class ZScore:
    """How many standard deviations a value lies above the mean of the last ``n``, itself among them.

    None where all values are equal.
    """

    __slots__ = ("_deviation",)

    def __init__(self, n: int) -> None:
        self._deviation = Deviation(n)

    def next(self, value: float) -> float | None:
        """Takes the next value, and returns its score from the ``n``-th on."""
        moments = self._deviation._moments(value)
        if moments is None:
            return None
        deviation = sqrt(moments[2] / moments[0])
        return (value - moments[1]) / deviation if deviation > 0.0 else None


def z_score(values: Sequence[float], n: int) -> list[float]:
    """Returns the score (:class:`ZScore`) of each of ``values`` among the last ``n``."""
    length = float(bars(n))
    column = empty(values)
    for start, (run,) in runs(values):
        means, sums = _moments(run, n)
        deviations = [sqrt(squares / length) for squares in sums]
        scored = zip(run[n - 1 :], means, deviations, strict=True)
        put(column, start + n - 1, [(value - mean) / width if width > 0.0 else nan for value, mean, width in scored])
    return column


#: How many values there are, their mean, and the sum of the squared distances from it.
_Moments = tuple[float, float, float]
#: Means, and the sums of squares that belong to them.
_Pairs = tuple[list[float], list[float]]


def _join(older: _Moments, newer: _Moments) -> _Moments:
    count = older[0] + newer[0]
    distance, weight = newer[1] - older[1], newer[0] / count
    squares = older[2] + newer[2] + distance * distance * older[0] * weight
    return count, older[1] + distance * weight, squares


def _moments(run: Sequence[float], n: int) -> _Pairs:
    """The mean and the sum of squares of each full window: :func:`_join`, written out, since its counts are known."""
    length = float(n)
    counts = [float(count) for count in range(1, min(n, len(run)))]
    growing = [(count, 1.0 / (count + 1.0)) for count in counts]
    shrinking = [count / (count + 1.0) for count in counts]
    joining = [(length - count, count / length) for count in counts]
    means: list[float] = []
    sums: list[float] = []
    ends: _Pairs = ([], [])
    for start in range(0, len(run), n):
        block = run[start : start + n]
        begins = _beginnings(block, growing)
        for (count, weight), mean, squares, newer, others in zip(joining, *ends, *begins, strict=False):
            distance = newer - mean
            means.append(mean + distance * weight)
            sums.append(squares + others + distance * distance * count * weight)
        if len(block) == n:
            means.append(begins[0][-1])
            sums.append(begins[1][-1])
            ends = _ends(block, shrinking)
    return means, sums


def _beginnings(block: Sequence[float], growing: Sequence[tuple[float, float]]) -> _Pairs:
    """Means and sums of squares of the values up to each."""
    mean, squares = block[0], 0.0
    means, sums = [mean], [squares]
    for value, (count, weight) in zip(block[1:], growing, strict=False):
        distance = value - mean
        mean += distance * weight
        squares += distance * distance * count * weight
        means.append(mean)
        sums.append(squares)
    return means, sums


def _ends(block: Sequence[float], shrinking: Sequence[float]) -> _Pairs:
    """Means and sums of squares of the values from each on, from the second value on."""
    mean, squares = block[-1], 0.0
    means, sums = [mean], [squares]
    for value, weight in zip(block[-2:0:-1], shrinking, strict=False):
        distance = mean - value
        mean = value + distance * weight
        squares += distance * distance * weight
        means.append(mean)
        sums.append(squares)
    return means[::-1], sums[::-1]
