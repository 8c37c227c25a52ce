"""Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.

Never useful: ``case`` says what to do, and what is not named does nothing.
"""

import random
import sys
import time
from math import floor, nan

from backtest import (
    Bar,
    Broker,
    Description,
    Event,
    EventStrategy,
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
    TimeInForce,
    boolean,
    integer,
    log,
    number,
    text,
)

CASES = (
    "targets empty invalid failed raise echo levels wrong_type undeclared print checksum clock random orders heard end quiet"
).split()

SECOND = 1_000_000_000
TEN_DAYS = 10 * 24 * 60 * 60 * SECOND

DESCRIPTION = Description(
    name="conformance",
    version="1.2.3",
    summary="Uses all of the SDK.",
    parameters=[
        text("case", "what to do", default="targets", choices=CASES),
        integer("count", "a count", default=3, minimum=0, maximum=1000),
        number("level", "a level", default=0.5, minimum=-1),
        number("cap", "a cap", default=2.5, maximum=10),
        boolean("flag", "a flag", default=True),
        text("note", "a note: naïve café ✓", default=""),
        integer("mode", "a mode", default=1, choices=[1, 2, 3]),
    ],
)


class Conformance(Strategy):
    description = DESCRIPTION

    def __init__(self, data: list[Series]) -> None:
        self.data = data
        log.info(f"prepared {len(data)} instruments, {sum(len(series.time) for series in data)} bars")
        for series in data:
            if series.symbol == "RAISE":
                raise RuntimeError("raised in prepare")
            if series.symbol == "REFUSE":
                raise Failed("refused in prepare")

    def evaluate(self, params: Params, targets: Targets) -> None:
        match params.text("case"):
            case "targets":
                self.alternate(Rhythm(params), targets)
            case "checksum":
                self.checksum(targets)
            case "clock":
                targets.instrument(0).hold(0, (time.time() + time.monotonic() + time.localtime().tm_year) / 1e4)
            case "random":
                targets.instrument(0).hold(0, random.random())
            case "raise":
                deeper()
            case other:
                talk(other, params)

    def alternate(self, rhythm: "Rhythm", targets: Targets) -> None:
        for instrument, series in enumerate(self.data):
            position = targets.instrument(instrument)
            for bar in range(len(series.close)):
                if (exposure := rhythm.at(bar)) is not None:
                    position.hold(bar, exposure)

    def checksum(self, targets: Targets) -> None:
        for instrument, series in enumerate(self.data):
            if series.time:
                targets.instrument(instrument).hold(0, digest(series) / 1e12)


def digest(series: Series) -> float:
    """Returns a sum in which every column, every bar and the length of the symbol counts."""
    total = 0.0
    columns = zip(series.time, series.open, series.high, series.low, series.close, series.volume, strict=True)
    for at, open, high, low, close, volume in columns:
        total += open + 2.0 * high + 3.0 * low + 5.0 * close + 7.0 * volume + 11.0 * float(at // SECOND)
    return total + len(series.symbol.encode())


class Rhythm:
    """Every ``count`` bars another side: ``level``, then its opposite."""

    def __init__(self, params: Params) -> None:
        self.count = params.count("count")
        self.level = params.number("level")

    def at(self, bar: int) -> float | None:
        """Returns what to hold from ``bar`` on, where that changes."""
        if self.count == 0 or bar % self.count:
            return None
        return -self.level if bar // self.count % 2 else self.level


def talk(case: str, params: Params) -> None:
    """Does what only logs or fails, at the beginning of a task."""
    match case:
        case "invalid":
            raise InvalidParams(f"count {params.integer('count')} is wrong")
        case "failed":
            raise Failed("failed on purpose")
        case "wrong_type":
            params.text("count")
        case "undeclared":
            params.integer("nothing")
        case "echo":
            echo(case, params)
        case "levels":
            log.debug("one")
            log.info("two")
            log.warn("three")
            log.error("four")
        case "print":
            print("to stdout")
            print("to stderr", file=sys.stderr)


def echo(case: str, params: Params) -> None:
    count, mode, flag = params.integer("count"), params.integer("mode"), str(params.boolean("flag")).lower()
    level, cap = thousandths(params.number("level")), thousandths(params.number("cap"))
    log.info(f"{case=!s} {count=} {level=} {cap=} {flag=!s} note={params.text('note')} {mode=}")


def deeper() -> None:
    raise RuntimeError("raised on purpose")


def thousandths(value: float) -> int:
    return floor(value * 1000.0)


class Live(EventStrategy):
    """A run, and what has been heard in it."""

    description = DESCRIPTION

    def __init__(self, symbols: list[str], params: Params) -> None:
        log.info(f"started {len(symbols)} instruments")
        self.case = params.text("case")
        talk(self.case, params)
        self.rhythm = Rhythm(params)
        #: The bars of each instrument, and those of all.
        self.bars = [0] * len(symbols)
        self.heard = 0
        self.times = 0
        #: The order that is cancelled at the bar after it was sent.
        self.waiting: OrderId | None = None

    def on_bar(self, bar: Bar, broker: Broker) -> None:
        match self.case:
            case "targets":
                if (exposure := self.rhythm.at(self.bars[bar.instrument])) is not None:
                    broker.hold(bar.instrument, exposure)
            case "orders" if bar.instrument == 0:
                self.orders(bar, broker)
            case "heard":
                self.hear(bar, broker)
            case "quiet":
                self.mute(broker)
            case "raise" if self.heard == 2:
                deeper()
            case "end" if self.heard == 2:
                broker.fail("ended on purpose")
        self.bars[bar.instrument] += 1
        self.heard += 1

    def on_time(self, time: int, equity: float, broker: Broker) -> None:
        if self.case == "heard" and self.times < 3:
            log.info(f"time {time // SECOND} {thousandths(equity)}")
        elif self.case == "quiet":
            log.info("time")
        self.times += 1

    def on_fill(self, fill: Fill, broker: Broker) -> None:
        if self.case == "heard":
            quantity, price, fee = map(thousandths, (fill.quantity, fill.price, fill.fee))
            log.info(f"fill {fill.order or 0} {fill.instrument} {quantity} {price} {fee}")

    def on_reject(self, order: OrderId, reason: Reason, broker: Broker) -> None:
        if self.case == "heard":
            log.info(f"reject {order} {reason.name.lower().replace('_', '-')}")

    def finish(self) -> None:
        if self.case == "heard":
            log.info("finished")

    def orders(self, bar: Bar, broker: Broker) -> None:
        """Sends every kind of order, one at each bar, and does with them what there is to do."""
        close = bar.close
        match self.bars[0]:
            case 0:
                broker.buy(0, 10)
            case 1:
                broker.sell(0, 4, limit=close * 1.5)
            case 2:
                broker.buy(0, 2, stop=close * 1.1, time_in_force=TimeInForce.DAY)
            case 3:
                broker.buy(0, 1, stop=close * 1.05, limit=close * 1.06, until=bar.time + TEN_DAYS)
            case 4:
                broker.sell(0, 3, trailing_stop=close * 0.1, reduce_only=True)
            case 5:
                broker.sell(0, 2, trailing_stop_percent=0.2, time_in_force=TimeInForce.IOC)
            case 6:
                broker.buy(0, 0.25, measure=Measure.EQUITY)
            case 7:
                broker.buy(0, 1000, measure=Measure.VALUE)
            case 8:
                broker.bracket(broker.buy(0, 5, limit=close * 0.99), stop_loss=close * 0.9, take_profit=close * 1.2)
            case 9:
                broker.bracket(broker.buy(0, 1), stop_loss=close * 0.8)
            case 10:
                self.waiting = broker.buy(0, 1, limit=close * 0.5)
                broker.one_cancels_other(self.waiting, broker.sell(0, 1, stop=close * 0.5))
            case 11 if self.waiting is not None:
                broker.cancel(self.waiting)
            case 12 | 13:
                broker.hold(0, 0.5)
            case 14:
                broker.buy(0, -1)
            case 15:
                broker.cancel(OrderId(999_999))
            case 16:
                broker.target(0, 0.5)

    def hear(self, bar: Bar, broker: Broker) -> None:
        """Logs the first bars, and sends one order that is filled and one that is rejected."""
        if self.heard < 3:
            close, position, equity = map(thousandths, (bar.close, bar.position, bar.equity))
            log.info(f"bar {bar.instrument} {bar.time // SECOND} {close} {position} {equity}")
        if bar.instrument == 0 and self.bars[0] == 0:
            broker.buy(0, 1)
        elif bar.instrument == 0 and self.bars[0] == 1:
            broker.buy(0, 1, limit=nan)

    def mute(self, broker: Broker) -> None:
        """Logs what is heard, and hears less and less."""
        log.info(f"bar {self.heard}")
        if self.heard == 0:
            broker.mute(Event.TIME)
        elif self.heard == 4:
            broker.mute(Event.BAR)


signals = Conformance
events = Live
