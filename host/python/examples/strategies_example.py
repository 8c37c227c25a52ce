"""Strategies in Python under the broker: a function that returns exposures, a class that sends orders, and indicators.

Run it as it is; it makes its own data and needs nothing but the package. No `if __name__ == "__main__"` is needed for workers.
"""

from __future__ import annotations

import datetime
import math
from typing import Any

import host
from backtest import Bar, Broker, Description, EventStrategy, Measure, Params, integer, number


def make_data(bars: int) -> dict[str, list[Any]]:
    """Daily bars of one instrument that rises in waves."""
    closes = [100 + at / 20 + 8 * math.sin(at / 25) + 2 * math.sin(at / 3) for at in range(bars)]
    opens = [closes[max(at - 1, 0)] for at in range(bars)]
    pairs = list(zip(opens, closes))
    return {
        "date": [datetime.date(2020, 1, 1) + datetime.timedelta(days=at) for at in range(bars)],
        "open": opens,
        "high": [max(pair) + 0.5 for pair in pairs],
        "low": [min(pair) - 0.5 for pair in pairs],
        "close": closes,
    }


@host.targets
def crossover(data: Any, fast: int, slow: int) -> list[float]:
    """Fully long while the fast average is above the slow one. Each exposure is decided at the close of its bar."""
    fast_average = host.indicators.ema(data["close"], fast)
    slow_average = host.indicators.sma(data["close"], slow)
    # Where an average is not there yet, it is NaN, which is above nothing.
    return [float(one > other) for one, other in zip(fast_average, slow_average)]


class Dip(EventStrategy):
    """Buys after a fall, and leaves at a stop or at a profit."""

    description = Description(
        "dip", "0.1.0", "Buys dips, leaves at a stop or at a profit.",
        [
            integer("bars", "bars over which the fall is measured", default=5, minimum=1),
            number("fall", "fall to buy at, as a fraction", default=0.03, minimum=0.0),
        ],
    )  # fmt: skip

    def __init__(self, symbols: list[str], params: Params) -> None:
        self.bars, self.fall = params.count("bars"), params.number("fall")
        self.closes: list[float] = []

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        self.closes.append(bar.close)
        if len(self.closes) <= self.bars or bar.position != 0.0:
            return
        if bar.close / self.closes[-1 - self.bars] - 1 < -self.fall:
            entry = broker.buy(bar.instrument, 0.95, measure=Measure.EQUITY)
            broker.bracket(entry, stop_loss=bar.close * 0.97, take_profit=bar.close * 1.05)


def main() -> None:
    data = make_data(1_000)
    account = {"commission_bps": 5, "initial_cash": 50_000}
    with host.ParallelBacktester() as backtester:
        crossovers = backtester.sweep(
            data, crossover, {"fast": [5, 10, 20], "slow": [30, 60]}, progress=False, account=account,
            period={"from": "2020-06-01"},
        )  # fmt: skip
        dips = backtester.sweep(
            data, Dip, {"bars": "2..6:2", "fall": [0.01, 0.03]}, progress=False, account=account, require="trades >= 3"
        )
    for results in (crossovers, dips):
        print(f"{results.kind}: {len(results)} results, {len(results.failed)} failed; the best by {results.objective}:")
        for result in results.best(2):
            print(f"  {result.task_id}: {result.result['sharpe']:.2f}, {result.result['trades']} trades")


if __name__ == "__main__":
    main()
