"""Runs a strategy natively, for its unit tests.

Never isolates and never trades: an exception is the test's, and a test says what is filled. Bounds and choices are the host's
to check, so they are not checked here.
"""

from collections.abc import Iterable, Sequence
from math import isnan

from backtest.broker import (
    Bracket,
    Broker,
    Cancel,
    Command,
    Event,
    Hold,
    Mute,
    OneCancelsOther,
    Order,
    OrderId,
    Reason,
)
from backtest.description import Description, Value
from backtest.params import Params
from backtest.strategy import Bar, EventStrategy, Fill, Series, Strategy
from backtest.targets import Target, Targets

__all__ = ["Play", "Target", "bars", "evaluate", "play", "resolve", "series"]

#: What the account is worth, in quote currency: nothing is filled, so it stays the same.
EQUITY = 10_000.0

_DAY = 86_400_000_000_000


def series(symbol: str, close: Iterable[float]) -> Series:
    """Returns daily bars from the Unix epoch on that open, peak and close at ``close``, with a volume of 1."""
    prices = [float(price) for price in close]
    times = [day * _DAY for day in range(len(prices))]
    return Series(symbol, times, list(prices), list(prices), list(prices), prices, [1.0] * len(prices))


def evaluate(strategy: type[Strategy], data: Sequence[Series], **given: Value) -> list[Target]:
    """Evaluates one combination on ``data``. What is not ``given`` takes its default."""
    targets = Targets(len(data), [series.time for series in data])
    strategy(list(data)).evaluate(resolve(strategy.description, given), targets)
    return targets.finish()


def resolve(description: Description, given: dict[str, Value]) -> Params:
    """Returns a value for every parameter: the one that is given, or the default."""
    values = {parameter.name: parameter.default for parameter in description.parameters}
    for name, value in given.items():
        if name not in values:
            raise LookupError(f"`{description.name}` declares no parameter `{name}`")
        # Whole numbers are written without a point in tests, too.
        values[name] = float(value) if type(value) is int and type(values[name]) is float else value
    return Params(values)


class Play:
    """A strategy in a run, event by event. Each event answers with what the strategy sent in it.

    An event that it has muted is not passed on, and answers with nothing.
    """

    def __init__(self, strategy: type[EventStrategy], symbols: Sequence[str], **given: Value) -> None:
        self._desk = _Desk()
        self._broker = Broker(len(symbols), self._desk)
        self.strategy = strategy(list(symbols), resolve(strategy.description, given))

    def on_bar(self, bar: Bar) -> list[Command]:
        """A bar closes."""
        if Event.BAR not in self._desk.muted:
            self.strategy.on_bar(bar, self._broker)
        return self._desk.take()

    def on_time(self, time: int, equity: float) -> list[Command]:
        """All bars of a time stamp have closed."""
        if Event.TIME not in self._desk.muted:
            self.strategy.on_time(time, equity, self._broker)
        return self._desk.take()

    def on_fill(self, fill: Fill) -> list[Command]:
        """An order is filled."""
        if Event.FILL not in self._desk.muted:
            self.strategy.on_fill(fill, self._broker)
        return self._desk.take()

    def on_reject(self, order: OrderId, reason: Reason) -> list[Command]:
        """An order is gone."""
        if Event.REJECT not in self._desk.muted:
            self.strategy.on_reject(order, reason, self._broker)
        return self._desk.take()


def bars(instrument: int, series: Series) -> list[Bar]:
    """Returns the bars of ``series``, as a strategy hears them that holds nothing and has 10,000 in cash."""
    columns = zip(series.time, series.open, series.high, series.low, series.close, series.volume, strict=True)
    return [
        Bar(instrument, time, open, high, low, close, volume, position=0.0, equity=EQUITY)
        for time, open, high, low, close, volume in columns
    ]


def play(strategy: type[EventStrategy], data: Sequence[Series], **given: Value) -> list[list[Command]]:
    """Plays all of ``data``, and returns what the strategy sent at each time stamp. Nothing is filled."""
    run = Play(strategy, [series.symbol for series in data], **given)
    at: dict[int, list[Bar]] = {}
    for instrument, series in enumerate(data):
        for bar in bars(instrument, series):
            at.setdefault(bar.time, []).append(bar)
    sent = []
    for time in sorted(at):
        commands = [command for bar in at[time] for command in run.on_bar(bar)]
        sent.append(commands + run.on_time(time, EQUITY))
    return sent


class _Desk:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.muted: set[Event] = set()
        self._sent: list[Command] = []
        self._last = 0

    def take(self) -> list[Command]:
        sent, self._sent = self._sent, []
        return [command for command in sent if not isinstance(command, Mute)]

    def submit(self, order: Order) -> int:
        return self._number(order, 1)

    def bracket(self, entry: int, stop_loss: float, take_profit: float) -> int:
        return self._number(Bracket(OrderId(entry), _known(stop_loss), _known(take_profit)), 2)

    def one_cancels_other(self, first: int, second: int) -> None:
        self._sent.append(OneCancelsOther(OrderId(first), OrderId(second)))

    def cancel(self, order: int) -> None:
        self._sent.append(Cancel(OrderId(order)))

    def target(self, instrument: int, exposure: float) -> None:
        self._sent.append(Hold(instrument, exposure))

    def mute(self, event: Event) -> None:
        self.muted.add(event)
        self._sent.append(Mute(event))

    def _number(self, command: Command, orders: int) -> int:
        first = self._last + 1
        self._last += orders
        self._sent.append(command)
        return first


def _known(price: float) -> float | None:
    return None if isnan(price) else price
