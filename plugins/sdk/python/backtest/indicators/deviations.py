"""How far values lie from their average."""

from collections.abc import Iterator, Sequence
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


def _join(older: _Moments, newer: _Moments) -> _Moments:
    count = older[0] + newer[0]
    distance, weight = newer[1] - older[1], newer[0] / count
    squares = older[2] + newer[2] + distance * distance * older[0] * weight
    return count, older[1] + distance * weight, squares


def _moments(run: Sequence[float], n: int) -> tuple[list[float], list[float]]:
    """Mean and sum of squared distances of each full window: :func:`_join`, written out where one part is a single value."""
    length = float(n)
    means: list[float] = []
    sums: list[float] = []
    ends: list[_Moments] = []
    for start in range(0, len(run), n):
        block = run[start : start + n]
        begins = list(_beginnings(block))
        for (old, mean, squares), (_, newer, others) in zip(ends, begins, strict=False):
            distance, weight = newer - mean, (length - old) / length
            means.append(mean + distance * weight)
            sums.append(squares + others + distance * distance * old * weight)
        if len(block) == n:
            means.append(begins[-1][1])
            sums.append(begins[-1][2])
            ends = list(_ends(block[1:]))[::-1] if n > 1 else []
    return means, sums


def _beginnings(block: Sequence[float]) -> Iterator[_Moments]:
    """The moments of the values up to each."""
    mean, squares, count = block[0], 0.0, 1.0
    yield count, mean, squares
    for value in block[1:]:
        weight = 1.0 / (count + 1.0)
        distance = value - mean
        mean += distance * weight
        squares += distance * distance * count * weight
        count += 1.0
        yield count, mean, squares


def _ends(block: Sequence[float]) -> Iterator[_Moments]:
    """The moments of the values from each on, the last first."""
    mean, squares, count = block[-1], 0.0, 1.0
    yield count, mean, squares
    for value in block[-2::-1]:
        distance, weight = mean - value, count / (count + 1.0)
        mean = value + distance * weight
        squares += distance * distance * weight
        count += 1.0
        yield count, mean, squares
