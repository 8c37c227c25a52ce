"""Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.

Never useful: ``case`` says what to do, and what is not named does nothing.
"""

import random
import struct
import sys
import time
from math import floor, inf, isnan, nan

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
from backtest.indicators import (
    Adx,
    Atr,
    Bollinger,
    Cross,
    Crossing,
    Deviation,
    Donchian,
    Ema,
    Macd,
    Rsi,
    Sma,
    TrueRange,
    ZScore,
    adx,
    atr,
    bollinger,
    crossings,
    deviation,
    donchian,
    ema,
    macd,
    rsi,
    sma,
    true_range,
    z_score,
)

CASES = (
    "targets empty invalid failed raise echo levels wrong_type undeclared print checksum clock random orders heard end quiet"
    " indicators"
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
            case "indicators":
                for series in self.data:
                    compute(series)
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
        #: The indicators of each instrument.
        self.watches = [[Watch(symbol, *run) for run in RUNS] for symbol in symbols]

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
            case "indicators":
                for watch in self.watches[bar.instrument]:
                    watch.next(bar)
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
        elif self.case == "indicators":
            for watches in self.watches:
                for watch in watches:
                    watch.tell()

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


#: The runs of all indicators: what each is called, how many bars the windows have, and whether some prices are not finite.
RUNS = [("1", 1, False), ("3", 3, False), ("14", 14, False), ("gaps", 3, True)]

INDICATORS = "sma ema deviation z_score rsi true_range atr donchian bollinger macd adx crossings".split()


def prices(at: int, gaps: bool, high: float, low: float, close: float) -> tuple[float, float, float]:
    """Returns high, low and close of bar ``at``; with gaps, some of them are not finite."""
    match at % 16:
        case 7 if gaps:
            return inf, low, close
        case 15 if gaps:
            return high, low, nan
    return high, low, close


def compute(series: Series) -> None:
    """Logs a digest of each indicator, computed over columns."""
    for run, n, gaps in RUNS:
        bars = [prices(at, gaps, *bar) for at, bar in enumerate(zip(series.high, series.low, series.close, strict=True))]
        high, low, close = ([bar[part] for bar in bars] for part in range(3))
        average = sma(close, n)
        columns: list[tuple[list[float], ...]] = [
            (average,),
            (ema(close, n),),
            (deviation(close, n),),
            (z_score(close, n),),
            (rsi(close, n),),
            (true_range(high, low, close),),
            (atr(high, low, close, n),),
            donchian(high, low, n),
            bollinger(close, n, 2.0),
            macd(close, n, 2 * n + 1, 3),
            adx(high, low, close, n),
            ([side(crossing) for crossing in crossings(close, average)],),
        ]
        for name, answers in zip(INDICATORS, columns, strict=True):
            digest = Digest()
            for bar in zip(*answers, strict=True):
                for value in bar:
                    digest.add(value)
            log.info(f"{series.symbol} {run} {name} {digest.bits:016x}")


class Watch:
    """All indicators of one instrument, told bar by bar, and what they have answered."""

    def __init__(self, symbol: str, run: str, n: int, gaps: bool) -> None:
        self.symbol = symbol
        self.run = run
        self.gaps = gaps
        self.bars = 0
        self.sma, self.ema, self.deviation, self.z_score, self.rsi = Sma(n), Ema(n), Deviation(n), ZScore(n), Rsi(n)
        self.true_range, self.atr, self.donchian = TrueRange(), Atr(n), Donchian(n)
        self.bollinger, self.macd, self.adx, self.cross = Bollinger(n, 2.0), Macd(n, 2 * n + 1, 3), Adx(n), Cross()
        self.digests = [Digest() for _ in INDICATORS]

    def next(self, bar: Bar) -> None:
        high, low, close = prices(self.bars, self.gaps, bar.high, bar.low, bar.close)
        self.bars += 1
        average = self.sma.next(close)
        answers: list[tuple[float | None, ...]] = [
            (average,),
            (self.ema.next(close),),
            (self.deviation.next(close),),
            (self.z_score.next(close),),
            (self.rsi.next(close),),
            (self.true_range.next(high, low, close),),
            (self.atr.next(high, low, close),),
            self.donchian.next(high, low) or (None,) * 2,
            self.bollinger.next(close) or (None,) * 3,
            self.macd.next(close) or (None,) * 3,
            self.adx.next(high, low, close) or (None,) * 3,
            (side(self.cross.next(close, nan if average is None else average)),),
        ]
        for digest, values in zip(self.digests, answers, strict=True):
            for value in values:
                digest.add(nan if value is None else value)

    def tell(self) -> None:
        for name, digest in zip(INDICATORS, self.digests, strict=True):
            log.info(f"{self.symbol} {self.run} {name} {digest.bits:016x}")


def side(crossing: Crossing | None) -> float:
    return 0.0 if crossing is None else float(crossing.value)


class Digest:
    """FNV-1a of 64 bits over the bytes of numbers, the lowest byte first, with one NaN."""

    def __init__(self) -> None:
        self.bits = 0xCBF29CE484222325

    def add(self, value: float) -> None:
        packed = (0x7FF8000000000000).to_bytes(8, "little") if isnan(value) else struct.pack("<d", value)
        for byte in packed:
            self.bits = (self.bits ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF


signals = Conformance
events = Live
