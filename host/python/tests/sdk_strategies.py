"""Strategies by the SDK for the tests: what bundled components do, in Python, and what goes wrong. Compiled by a test, too."""

from __future__ import annotations

import random
from collections import deque
from itertools import accumulate

from backtest import (
    Bar,
    Broker,
    Description,
    EventStrategy,
    Exits,
    Failed,
    Fill,
    InvalidParams,
    Measure,
    OrderId,
    Params,
    Reason,
    Series,
    Strategy,
    Targets,
    boolean,
    integer,
    log,
    number,
    text,
)


def average(closes: deque[float], window: int) -> float:
    """The average of the last values, added one by one from the oldest."""
    total = 0.0
    for close in list(closes)[len(closes) - window :]:
        total += close
    return total / window


class Bracket(EventStrategy):
    """The bundled `bracket`: buys crossings, leaves at a stop or at a profit."""

    description = Description(
        name="bracket",
        version="0.1.0",
        summary="Buys crossings, leaves at a stop or at a profit.",
        parameters=[
            integer("fast", "bars of the fast average", default=20, minimum=1, maximum=2000),
            integer("slow", "bars of the slow average", default=50, minimum=2, maximum=5000),
            number("stop_loss", "fall that ends a trade, as a fraction", default=0.05, minimum=0.0001, maximum=0.9999),
            number("take_profit", "rise that ends a trade, as a fraction", default=0.1, minimum=0.0001, maximum=100),
        ],
    )

    def __init__(self, symbols: list[str], params: Params) -> None:
        self.fast, self.slow = params.count("fast"), params.count("slow")
        if self.fast >= self.slow:
            raise InvalidParams(f"`fast` ({self.fast}) is not below `slow` ({self.slow})")
        self.stop_loss, self.take_profit = params.number("stop_loss"), params.number("take_profit")
        self.closes: list[deque[float]] = [deque(maxlen=self.slow) for _ in symbols]
        self.above: list[bool | None] = [None for _ in symbols]
        self.trades: list[tuple[OrderId, Exits] | None] = [None for _ in symbols]
        self.filled = [False for _ in symbols]

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        at = bar.instrument
        if bar.position == 0.0 and self.trades[at] is not None and self.filled[at]:
            self.trades[at] = None
        crossing = self.crossing(at, bar.close)
        if crossing and self.trades[at] is None:
            entry = broker.buy(at, broker.share, measure=Measure.EQUITY)
            stop, limit = bar.close * (1.0 - self.stop_loss), bar.close * (1.0 + self.take_profit)
            self.trades[at] = (entry, broker.bracket(entry, stop_loss=stop, take_profit=limit))
            self.filled[at] = False
        elif crossing is False:
            self.leave(bar, broker)

    def on_fill(self, fill: Fill, broker: Broker) -> None:
        trade = self.trades[fill.instrument]
        if trade is not None and fill.order == trade[0]:
            self.filled[fill.instrument] = True

    def on_reject(self, order: OrderId, reason: Reason, broker: Broker) -> None:
        for at, trade in enumerate(self.trades):
            if trade is not None and trade[0] == order and not self.filled[at]:
                self.trades[at] = None

    def crossing(self, at: int, close: float) -> bool | None:
        closes = self.closes[at]
        closes.append(close)
        if len(closes) < self.slow:
            return None
        above = average(closes, self.fast) > average(closes, self.slow)
        before, self.above[at] = self.above[at], above
        return above if before is not None and before is not above else None

    def leave(self, bar: Bar, broker: Broker) -> None:
        trade, self.trades[bar.instrument] = self.trades[bar.instrument], None
        if trade is None:
            return
        broker.cancel(trade[0])
        if bar.position > 0.0:
            broker.cancel(trade[1].stop_loss)
            broker.sell(bar.instrument, bar.position, reduce_only=True)


class Rotation(EventStrategy):
    """The bundled `rotation`: holds the instruments that have risen most."""

    description = Description(
        name="rotation",
        version="0.1.0",
        summary="Holds the instruments that have risen most.",
        parameters=[
            integer("lookback", "bars over which the rise is measured", default=60, minimum=1, maximum=2000),
            integer("top", "instruments to hold", default=1, minimum=1, maximum=1000),
            integer("every", "time stamps from one change to the next", default=20, minimum=1, maximum=2000),
        ],
    )

    def __init__(self, symbols: list[str], params: Params) -> None:
        self.lookback, self.every = params.count("lookback"), params.count("every")
        self.top = min(params.count("top"), max(len(symbols), 1))
        self.closes: list[deque[float]] = [deque(maxlen=self.lookback + 1) for _ in symbols]
        self.stamps = 0
        self.held: list[int] = []

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        self.closes[bar.instrument].append(bar.close)

    def on_time(self, time: int, equity: float, broker: Broker) -> None:
        self.stamps += 1
        if (self.stamps - 1) % self.every:
            return
        whole = [at for at, closes in enumerate(self.closes) if len(closes) > self.lookback]
        best = sorted(whole, key=lambda at: -self.closes[at][-1] / self.closes[at][0])[: self.top]
        for at in self.held:
            if at not in best:
                broker.target(at, 0.0)
        for at in best:
            broker.target(at, 1.0 / self.top)
        self.held = best


class SmaCross(Strategy):
    """The bundled `sma_cross`: long while the fast average is above the slow one."""

    description = Description(
        name="sma_cross",
        version="0.1.0",
        summary="Long while the fast average is above the slow one.",
        parameters=[
            integer("fast", "bars of the fast average", default=20, minimum=1, maximum=2000),
            integer("slow", "bars of the slow average", default=50, minimum=2, maximum=5000),
        ],
    )

    def __init__(self, data: list[Series]) -> None:
        self.sums = [list(accumulate(series.close, initial=0.0)) for series in data]

    def evaluate(self, params: Params, targets: Targets) -> None:
        fast, slow = params.count("fast"), params.count("slow")
        if fast >= slow:
            raise InvalidParams(f"`fast` ({fast}) is not below `slow` ({slow})")
        for instrument, sums in enumerate(self.sums):
            position = targets.instrument(instrument)
            for bar in range(slow - 1, len(sums) - 1):
                now = sums[bar + 1]
                fast_average = (now - sums[bar + 1 - fast]) * (1.0 / fast)
                slow_average = (now - sums[bar + 1 - slow]) * (1.0 / slow)
                if fast_average > slow_average:
                    position.hold(bar, targets.share)
                elif fast_average < slow_average:
                    position.hold(bar, 0.0)


class Faulty(EventStrategy):
    """Does what `how` says."""

    description = Description(
        "faulty", "0.1.0", "Does what it should not.",
        [text("how", "what to do", default="works"), boolean("flag", "nothing", default=False)],
    )  # fmt: skip

    def __init__(self, symbols: list[str], params: Params) -> None:
        self.how = params.text("how")
        self.bars = 0
        if self.how == "invalid":
            raise InvalidParams("`how` is wrong")
        if self.how == "start":
            raise RuntimeError("in start")
        if self.how == "type":
            params.integer("how")

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        self.bars += 1
        self.broker = broker
        if self.bars != 3:
            return
        if self.how == "raises":
            raise ValueError("at the third bar")
        if self.how == "failed":
            broker.fail("on purpose")
        if self.how == "exits":
            raise SystemExit(3)
        if self.how == "flood":
            for _ in range(100_001):
                try:
                    broker.target(0, 0.5)
                except RuntimeError:
                    break  # What it swallows ends the run all the same.
        if self.how == "instrument":
            broker.buy(-1, 1)
        if self.how == "rejected":
            broker.buy(7, 1)
            broker.buy(0, float("nan"))
        if self.how == "logs":
            log.info("third bar")
            print("printed")

    def finish(self) -> None:
        if self.how == "late":
            self.broker.buy(0, 1)


class Leaky(Strategy):
    """Keeps what it must not: each combination must still start from what `__init__` has left."""

    description = Description("leaky", "0.1.0", "Counts.", [integer("at", "a number", default=0)])

    def __init__(self, data: list[Series]) -> None:
        self.calls = 0
        self.close = data[0].close

    def evaluate(self, params: Params, targets: Targets) -> None:
        self.calls += 1
        self.close[0] += 1.0
        log.info(f"{self.calls} {self.close[0]} {random.random()}")


class Refusing(Strategy):
    """Cannot prepare."""

    description = Description("refusing", "0.1.0", "Refuses.")

    def __init__(self, data: list[Series]) -> None:
        raise Failed("no such data")

    def evaluate(self, params: Params, targets: Targets) -> None:
        """Never called."""
