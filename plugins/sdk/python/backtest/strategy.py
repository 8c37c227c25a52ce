"""What a strategy implements, and what it is given."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from backtest.broker import Broker, Event, OrderId, Reason
from backtest.description import Description
from backtest.params import Params
from backtest.targets import Targets


@dataclass(slots=True)
class Series:
    """Bars of one instrument, oldest first, as columns of equal length. Prices are in quote currency."""

    symbol: str
    #: Nanoseconds since the Unix epoch, UTC.
    time: list[int]
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    #: Units traded; zero where the data has no volume.
    volume: list[float]


class Strategy(ABC):
    """A strategy that sees the whole series at once and answers with target exposures.

    An answer must not depend on bars after the one that it names.
    """

    #: The strategy's name and its parameters.
    description: ClassVar[Description]

    def __init__(self, data: list[Series]) -> None:
        """Takes the data and computes whatever all combinations share. Called once for each data set."""

    @abstractmethod
    def evaluate(self, params: Params, targets: Targets) -> None:
        """Writes the targets for one combination of parameters, starting from what ``__init__`` has left."""


class Bar(NamedTuple):
    """One bar, and the account at its close. Prices are in quote currency."""

    #: Index of the instrument among the symbols.
    instrument: int
    #: Nanoseconds since the Unix epoch, UTC.
    time: int
    open: float
    high: float
    low: float
    close: float
    #: Units traded; zero where the data has no volume.
    volume: float
    #: Units held of the instrument, negative where short.
    position: float
    #: What the account is worth at the closes of this time stamp, in quote currency.
    equity: float


class Fill(NamedTuple):
    """One order, or a part of it, as it was filled."""

    #: The order; ``None`` where it was a target, or a position that the host closed.
    order: OrderId | None
    #: Index of the instrument.
    instrument: int
    #: Units, negative where sold.
    quantity: float
    #: What one unit cost or brought, slippage included, in quote currency.
    price: float
    #: Quote currency.
    fee: float


class EventStrategy(ABC):
    """A strategy that hears of one bar at a time, when it closes, and sends orders: it cannot see what comes after.

    Each task makes one of its own. What is not implemented is muted at its first call, and costs nothing afterwards.
    """

    #: The strategy's name and its parameters.
    description: ClassVar[Description]

    def __init__(self, symbols: list[str], params: Params) -> None:
        """Begins a run over the instruments ``symbols``."""

    @abstractmethod
    def on_bar(self, bar: Bar, broker: Broker) -> None:
        """A bar has closed. What is sent from here can be filled from the next bar on."""

    def on_time(self, time: int, equity: float, broker: Broker) -> None:
        """All bars of a time stamp have closed: the place for what compares instruments.

        ``time`` is in nanoseconds since the Unix epoch, ``equity`` is what the account is worth, in quote currency.
        """
        broker.mute(Event.TIME)

    def on_fill(self, fill: Fill, broker: Broker) -> None:
        """An order, or a part of it, was filled."""
        broker.mute(Event.FILL)

    def on_reject(self, order: OrderId, reason: Reason, broker: Broker) -> None:
        """An order, or what was left of it, is gone without being filled."""
        broker.mute(Event.REJECT)

    def finish(self) -> None:
        """The data has ended. Nothing can be sent any more."""
