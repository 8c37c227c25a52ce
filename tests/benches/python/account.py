"""The account of `host sweep` with its default settings, in pure Python, for one instrument that is held or not.

A target of a bar's close trades at the next open, as a share of equity at that open, without costs; equity is marked at every
close.
"""

from math import sqrt
from typing import NamedTuple

CASH = 10_000.0
PERIODS_PER_YEAR = 252.0


class Bars(NamedTuple):
    """What the account reads of the bars."""

    open: list[float]
    close: list[float]


class Result(NamedTuple):
    """What a run comes to."""

    final_equity: float
    sharpe: float
    max_drawdown: float
    trades: int


def simulate(bars: Bars, targets: list[tuple[int, int, float]]) -> Result:
    """Trades `targets`, which are (bar, instrument, exposure), one after the other."""
    at_open = {bar + 1: exposure for bar, _, exposure in targets}
    cash, units, trades = CASH, 0.0, 0
    equity = peak = CASH
    worst = 0.0
    returns = []
    for bar, (price, close) in enumerate(zip(bars.open, bars.close)):
        if bar in at_open:
            wanted = at_open[bar] * (cash + units * price) / price
            cash -= (wanted - units) * price
            if wanted == 0.0:
                trades += 1
            units = wanted
        last, equity = equity, cash + units * close
        returns.append(equity / last - 1.0)
        if equity > peak:
            peak = equity
        elif equity / peak - 1.0 < worst:
            worst = equity / peak - 1.0
    return Result(equity, _sharpe(returns), worst, trades)


def _sharpe(returns: list[float]) -> float:
    """Returns the mean of the returns over their deviation, for a year."""
    mean = sum(returns) / len(returns)
    deviation = sqrt(sum((change - mean) ** 2 for change in returns) / (len(returns) - 1))
    return mean * sqrt(PERIODS_PER_YEAR) / deviation
