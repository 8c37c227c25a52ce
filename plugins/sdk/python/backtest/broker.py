"""Where a strategy sends its orders.

Never trades and never checks a number: the host does, and says through ``on_reject`` what is wrong. What is sent goes to a
*desk*: the host's in a component, a list of commands in a test.
"""

from dataclasses import dataclass
from enum import Enum
from math import nan
from typing import NamedTuple, NewType, NoReturn, Protocol

from backtest.errors import Failed, InvalidParams

OrderId = NewType("OrderId", int)
"""The number of an order: 1 for the first of a run, each one higher than the one before."""


# The numbers of the enumerations are those of the contract.
class Side(Enum):
    """Which way an order trades."""

    BUY = 0
    SELL = 1


class Kind(Enum):
    """When an order trades, and at what price."""

    MARKET = 0
    LIMIT = 1
    STOP = 2
    STOP_LIMIT = 3
    TRAILING_STOP = 4
    TRAILING_STOP_PERCENT = 5


class Measure(Enum):
    """What the quantity of an order counts."""

    #: Units of the instrument.
    UNITS = 0
    #: Shares of the account's equity when the order is filled, costs included: 0.5 is one half.
    EQUITY = 1
    #: Quote currency when the order is filled, costs included.
    VALUE = 2


class TimeInForce(Enum):
    """How long an order waits."""

    #: Until it is filled or cancelled.
    GTC = 0
    #: Through the first day (UTC) on which its instrument has a bar after it was sent.
    DAY = 1
    #: Only for the first price at which it could be filled; what is not filled then is cancelled.
    IOC = 2
    #: Through the bars up to and including a time; ``until`` says which.
    GTD = 3


class Event(Enum):
    """What a strategy can hear."""

    BAR = 0
    TIME = 1
    FILL = 2
    REJECT = 3


class Reason(Enum):
    """Why an order, or what is left of it, is not filled."""

    BAD_QUANTITY = 0
    BAD_PRICE = 1
    UNKNOWN_INSTRUMENT = 2
    UNKNOWN_ORDER = 3
    NOT_OPEN = 4
    LOT_SIZE = 5
    TICK_SIZE = 6
    INSUFFICIENT_FUNDS = 7
    REDUCE_ONLY = 8
    TOO_MANY_ORDERS = 9
    EXPIRED = 10
    OTHER_FILLED = 11
    CANCELLED = 12
    NO_BAR = 13
    LIQUIDATED = 14


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it is sent."""

    instrument: int
    side: Side
    quantity: float
    kind: Kind = Kind.MARKET
    measure: Measure = Measure.UNITS
    limit: float | None = None
    #: The price of a stop, or the distance of one that trails.
    stop: float | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    #: Nanoseconds since the Unix epoch; counts for ``GTD`` alone.
    until: int = 0
    reduce_only: bool = False


@dataclass(frozen=True, slots=True)
class Bracket:
    """Exits for an entry, in quote currency for one unit."""

    entry: OrderId
    stop_loss: float | None = None
    take_profit: float | None = None


@dataclass(frozen=True, slots=True)
class OneCancelsOther:
    """Two orders, of which only one is to be filled."""

    first: OrderId
    second: OrderId


@dataclass(frozen=True, slots=True)
class Cancel:
    """An order that is taken back."""

    order: OrderId


@dataclass(frozen=True, slots=True)
class Hold:
    """A share of equity to hold in an instrument: 1 is fully long, 0 flat, -1 fully short."""

    instrument: int
    exposure: float


@dataclass(frozen=True, slots=True)
class Mute:
    """An event that is not to be heard any more."""

    event: Event


Command = Order | Bracket | OneCancelsOther | Cancel | Hold | Mute
"""One thing that a strategy asks of the broker."""


class Desk(Protocol):
    """What takes what a strategy sends. Each method is the one of the contract."""

    def submit(self, order: Order) -> int: ...
    def bracket(self, entry: int, stop_loss: float, take_profit: float) -> int: ...
    def one_cancels_other(self, first: int, second: int) -> None: ...
    def cancel(self, order: int) -> None: ...
    def target(self, instrument: int, exposure: float) -> None: ...
    def mute(self, event: Event) -> None: ...


class Exits(NamedTuple):
    """The two exits of a bracket."""

    stop_loss: OrderId
    take_profit: OrderId


class Broker:
    """The broker, as a strategy that hears of bars sees it.

    Nothing answers at once: what an order comes to is heard through ``on_fill`` and ``on_reject``.
    """

    __slots__ = ("_desk", "_held", "share")

    def __init__(self, instruments: int, desk: Desk) -> None:
        #: The share of equity that each instrument gets when all get the same: 1 where there is only one.
        self.share = 1.0 / max(instruments, 1)
        self._held = [0.0] * instruments
        self._desk = desk

    @property
    def instruments(self) -> int:
        """The number of instruments."""
        return len(self._held)

    def buy(
        self,
        instrument: int,
        quantity: float,
        *,
        measure: Measure = Measure.UNITS,
        limit: float | None = None,
        stop: float | None = None,
        trailing_stop: float | None = None,
        trailing_stop_percent: float | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        until: int | None = None,
        reduce_only: bool = False,
    ) -> OrderId:
        """Buys ``quantity`` of ``instrument``, and returns the order's number. Without more words it is a market order.

        ``limit`` is the price to trade at or better. ``stop`` is the price to wait for, with or without a limit;
        ``trailing_stop`` is a distance from the best price since the order was sent, ``trailing_stop_percent`` the same as
        a fraction of it. ``until`` is the last time to wait for, in nanoseconds since the Unix epoch. With ``reduce_only`` the
        order never does more than close what is held. The order can be filled from the instrument's next bar on.
        """
        kind, price = _kind(limit, stop, trailing_stop, trailing_stop_percent)
        if until is not None:
            time_in_force = TimeInForce.GTD
        order = Order(instrument, Side.BUY, quantity, kind, measure, limit, price, time_in_force, until or 0, reduce_only)
        return self.order(order)

    def sell(
        self,
        instrument: int,
        quantity: float,
        *,
        measure: Measure = Measure.UNITS,
        limit: float | None = None,
        stop: float | None = None,
        trailing_stop: float | None = None,
        trailing_stop_percent: float | None = None,
        time_in_force: TimeInForce = TimeInForce.GTC,
        until: int | None = None,
        reduce_only: bool = False,
    ) -> OrderId:
        """Sells ``quantity`` of ``instrument``, as :meth:`buy` buys it. What is not held is sold short."""
        kind, price = _kind(limit, stop, trailing_stop, trailing_stop_percent)
        if until is not None:
            time_in_force = TimeInForce.GTD
        order = Order(instrument, Side.SELL, quantity, kind, measure, limit, price, time_in_force, until or 0, reduce_only)
        return self.order(order)

    def order(self, order: Order) -> OrderId:
        """Sends an order, and returns its number."""
        return OrderId(self._desk.submit(order))

    def bracket(self, entry: OrderId, *, stop_loss: float | None = None, take_profit: float | None = None) -> Exits:
        """Attaches exits to an entry that is open: a stop at ``stop_loss`` and a limit at ``take_profit``, in quote currency.

        They wait until the entry is filled, only reduce, and one cancels the other.
        """
        first = self._desk.bracket(entry, _price(stop_loss), _price(take_profit))
        return Exits(OrderId(first), OrderId(first + 1))

    def one_cancels_other(self, first: OrderId, second: OrderId) -> None:
        """Ties two orders: what is filled of one is taken from the other; one that is filled or cancelled cancels it."""
        self._desk.one_cancels_other(first, second)

    def cancel(self, order: OrderId) -> None:
        """Cancels an open order, and the exits that still wait for it."""
        self._desk.cancel(order)

    def target(self, instrument: int, exposure: float) -> None:
        """Asks for ``exposure`` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short.

        To repeat it is to ask for a rebalance.
        """
        self._desk.target(instrument, exposure)

    def hold(self, instrument: int, exposure: float) -> None:
        """Asks for ``exposure`` of equity in an instrument, unless that was the last thing asked for here.

        Before the first, nothing is held.
        """
        if self._held[instrument] != exposure:
            self._held[instrument] = exposure
            self._desk.target(instrument, exposure)

    def held(self, instrument: int) -> float:
        """Returns what :meth:`hold` has last asked for."""
        return self._held[instrument]

    def mute(self, event: Event) -> None:
        """From now on, does not call the strategy for ``event``. What is not called costs no time."""
        self._desk.mute(event)

    def fail(self, why: Failed | InvalidParams | str) -> NoReturn:
        """Ends the task as failed, as raising ``why`` does."""
        raise Failed(why) if isinstance(why, str) else why


def _kind(
    limit: float | None, stop: float | None, trailing: float | None, percent: float | None
) -> tuple[Kind, float | None]:
    """Returns the word of the contract for when an order trades, and what it waits for."""
    if (stop is not None) + (trailing is not None) + (percent is not None) > 1:
        raise ValueError("an order waits for one of `stop`, `trailing_stop` and `trailing_stop_percent`; leave the others out")
    if trailing is not None:
        return Kind.TRAILING_STOP, trailing
    if percent is not None:
        return Kind.TRAILING_STOP_PERCENT, percent
    if stop is not None:
        return (Kind.STOP if limit is None else Kind.STOP_LIMIT), stop
    return (Kind.MARKET if limit is None else Kind.LIMIT), None


def _price(price: float | None) -> float:
    """Returns a price as the contract has it: NaN for none."""
    return nan if price is None else price
