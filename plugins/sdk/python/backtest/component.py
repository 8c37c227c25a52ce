"""What stands between a strategy and the contract: the classes that componentize-py exports.

Never imported natively. It is imported once, when the component is built; what it leaves in memory is what every task starts
from.
"""

import gc
import importlib
from typing import Any

# Made by componentize-py when it builds.
from componentize_py_types import Err  # type: ignore[import-not-found]
from wit_world import exports  # type: ignore[import-not-found]
from wit_world.imports import broker, host, types  # type: ignore[import-not-found]

from backtest import inert, log, output, trace
from backtest.broker import Broker, Event, Order, OrderId, Reason
from backtest.description import Description, Parameter, Value
from backtest.errors import Failed, InvalidParams
from backtest.params import Params
from backtest.strategy import Bar, EventStrategy, Fill, Series, Strategy
from backtest.targets import Targets


def _load() -> Any:
    """Imports the strategy, and closes behind it what only a build may do."""
    inert.freeze()
    module = importlib.import_module("strategy")
    output.redirect()
    levels = {level: host.Level(level.value) for level in log.Level}
    log.write_to(lambda level, message: host.log(levels[level], message))
    inert.seal()
    return module


def _exported(name: str, base: type) -> Any:
    """Returns the class that the strategy names for an interface; nothing, where the component does not export it."""
    if not hasattr(exports, name.capitalize()):
        return None
    strategy = getattr(_module, name, None)
    if strategy is None:
        raise TypeError(f"strategy.py has no `{name}`, which strategy.toml lists: end it with `{name} = YourStrategy`")
    if not (isinstance(strategy, type) and issubclass(strategy, base)):
        raise TypeError(f"`{name}` in strategy.py is {strategy!r}; make it a class that derives from {base.__name__}")
    if not isinstance(getattr(strategy, "description", None), Description):
        raise TypeError(f"`{strategy.__name__}` has no description; give it one: `description = Description(...)`")
    return strategy


_module = _load()
_signals = _exported("signals", Strategy)
_events = _exported("events", EventStrategy)


class Metadata:
    """What the strategy says about itself."""

    def describe(self) -> Any:
        return _metadata


class Signals:
    """A strategy and its data, ready for any combination."""

    strategy: Strategy
    times: list[list[int]]
    instruments = 0

    def prepare(self, data: list[Any]) -> None:
        with _Answer():
            Signals.instruments = len(data)
            Signals.times = [series.time for series in data] if len(data) > 1 else []
            columns = ("symbol", "time", "open", "high", "low", "close", "volume")
            Signals.strategy = _signals([Series(*(getattr(series, name) for name in columns)) for series in data])
        # What is there now stays; looking through it again and again would only copy its pages in every fork.
        gc.collect()
        gc.freeze()

    def evaluate(self, params: list[Any]) -> Any:
        with _Answer():
            targets = Targets(Signals.instruments, Signals.times)
            Signals.strategy.evaluate(_params(params), targets)
            columns = [list(column) for column in zip(*targets.finish(), strict=True)]
            bars, instruments, exposures = columns or ([], [], [])
            return exports.signals.Targets(bars, instruments, exposures)


class Events:
    """A strategy in a run, and the broker that it sends to."""

    strategy: EventStrategy
    broker: Broker

    def start(self, symbols: list[str], params: list[Any]) -> None:
        with _Answer():
            Events.broker = Broker(len(symbols), _Desk())
            Events.strategy = _events(symbols, _params(params))

    def on_bar(self, *values: Any) -> None:
        try:
            self.strategy.on_bar(Bar(*values), self.broker)
        except BaseException as error:
            _end(error)

    def on_time(self, time: int, equity: float) -> None:
        try:
            self.strategy.on_time(time, equity, self.broker)
        except BaseException as error:
            _end(error)

    def on_fill(self, order: int, instrument: int, quantity: float, price: float, fee: float) -> None:
        try:
            fill = Fill(OrderId(order) if order else None, instrument, quantity, price, fee)
            self.strategy.on_fill(fill, self.broker)
        except BaseException as error:
            _end(error)

    def on_reject(self, order: int, reason: Any) -> None:
        try:
            self.strategy.on_reject(OrderId(order), Reason(reason.value), self.broker)
        except BaseException as error:
            _end(error)

    def finish(self) -> None:
        try:
            self.strategy.finish()
        except BaseException as error:
            _end(error)
        output.flush()


class _Answer:
    """Around what answers the host: an exception becomes the answer."""

    def __enter__(self) -> None:
        inert.reseed()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        output.flush()
        if error is not None:
            raise Err(_failure(error)) from None


def _end(error: BaseException) -> None:
    """Ends the task, where there is no answer that an exception could become."""
    output.flush()
    broker.fail(_failure(error))


def _failure(error: BaseException) -> Any:
    """Returns an exception as an error of the contract."""
    if isinstance(error, InvalidParams):
        return types.Error_InvalidParams(str(error))
    return types.Error_Failed(str(error) if isinstance(error, Failed) else trace.told(error))


def _params(params: list[Any]) -> Params:
    return Params({param.name: param.value.value for param in params})


_VALUES = {bool: types.Value_Boolean, int: types.Value_Integer, float: types.Value_Number, str: types.Value_Text}


def _value(value: Value) -> Any:
    return _VALUES[type(value)](value)


def _parameter(parameter: Parameter) -> Any:
    bounds = [None if bound is None else float(bound) for bound in (parameter.minimum, parameter.maximum)]
    choices = [_value(choice) for choice in parameter.choices]
    return exports.metadata.Parameter(parameter.name, parameter.doc, _value(parameter.default), *bounds, choices)


def _describe(description: Description) -> Any:
    """Returns a description as the contract has it."""
    words = (description.name, description.version, description.summary)
    parameters = [_parameter(parameter) for parameter in description.parameters]
    return exports.metadata.Description(*words, parameters, exports.metadata.Encoding.JSON)


# Made when the component is built, so that a description that is wrong fails the build.
_metadata = _describe((_signals or _events).description)


def _number(price: float | None) -> float:
    return float("nan") if price is None else price


class _Desk:
    """Sends to the host what a strategy sends."""

    def submit(self, order: Order) -> int:
        sent: int = broker.submit(
            order.instrument,
            broker.Side(order.side.value),
            broker.Kind(order.kind.value),
            order.quantity,
            broker.Measure(order.measure.value),
            _number(order.limit),
            _number(order.stop),
            broker.TimeInForce(order.time_in_force.value),
            order.until,
            order.reduce_only,
        )
        return sent

    bracket = staticmethod(broker.bracket)
    one_cancels_other = staticmethod(broker.one_cancels_other)
    cancel = staticmethod(broker.cancel)
    target = staticmethod(broker.target)

    def mute(self, event: Event) -> None:
        broker.mute(broker.Event(event.value))
