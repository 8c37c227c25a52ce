"""A strategy in a worker process under the broker: one task, from its parameters to its metrics.

Never trades and never measures: `host._core` does, by the same code as for components. Never runs in the process that called.
"""

from __future__ import annotations

import importlib
import json
import math
import pickle
import random
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from host import _native, _pickles
from host._grid import value_name
from host._targets import NO_NUMBERS, Targets

SEED = 0
"""What the numbers of `random` begin with in each task of a class, as in a component."""

Traded = tuple[dict[str, Any], bool]
"""Metrics, and whether they meet the requirements."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a worker needs for one of the strategies of a call.

    Attributes:
        kind: `targets`, a function; `signals` or `events`, a class of the SDK.
        description: What the strategy says of itself, JSON.
        request: Account, period, metrics and requirements, JSON.
        books: Whether tasks send their books, not their metrics.
    """

    kind: str
    description: str
    request: str
    books: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker needs for a call: the bars as bytes, a side for each strategy, and the bars of a benchmark, if it has its own."""

    bars: bytes | memoryview
    sides: list[Side]
    benchmark: bytes | memoryview | None = None

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Apart from the pickle, so that a worker reads the bars where they were written once for all.
        benchmark = None if self.benchmark is None else pickle.PickleBuffer(self.benchmark)
        return Setup, (pickle.PickleBuffer(self.bars), self.sides, benchmark)


class TaskFailed(Exception):
    """A failure that is told as it is, without a traceback.

    Attributes:
        kind: Its kind, as `ParallelResult.error_kind` has it.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Trade:
    """The accounts of a call, one for each strategy, made when they are needed.

    Args:
        setup: What the call has sent.
        strategies: The functions and classes.
        fresh: Whether each task gets a strategy as it was prepared, whatever another task has done to it.
    """

    def __init__(self, setup: Setup, strategies: Sequence[Any], fresh: bool) -> None:
        self._core = _native.core()
        self._dataset = self._core.Dataset.from_bytes(bytes(setup.bars))
        if setup.benchmark is not None:
            other = self._core.Dataset.from_bytes(bytes(setup.benchmark))
            self._dataset = self._dataset.with_benchmark(other)
        self._setup, self._strategies, self._fresh = setup, strategies, fresh
        self._runners: dict[tuple[int, int | None], _Runner] = {}

    def call(self, argument: tuple[int, int | None, dict[str, Any]], data: Any) -> Callable[[], Traded]:
        """The call of a task: the place of its strategy, that of the instrument that it has alone, and its parameters."""
        place, only, params = argument
        key = (place, only)
        if key not in self._runners:
            self._runners[key] = self._runner(place, only)
        runner = self._runners[key]
        if self._setup.sides[place].books:
            return lambda: _with_books(runner, params, data)
        return lambda: runner.run(params, data)

    def _runner(self, place: int, only: int | None) -> _Runner:
        side, strategy = self._setup.sides[place], self._strategies[place]
        trader = self._core.Trader(
            self._dataset, side.description, side.request, events=side.kind == "events", only=only, books=side.books
        )
        exits = tuple(json.loads(side.request).get("exits", ()))
        if side.kind == "targets":
            return _Function(strategy, trader, only is not None, exits)
        kinds: dict[str, Callable[..., _Runner]] = {"signals": _Signals, "events": _Events}
        return kinds[side.kind](strategy, trader, self._core, self._fresh, exits)


class _Runner(Protocol):
    trader: Any

    def run(self, params: dict[str, Any], data: Any) -> Traded: ...


def _with_books(runner: _Runner, params: dict[str, Any], data: Any) -> Traded:
    """Runs a task; returns its books in the place of its metrics."""
    from host._run import books_of  # Few tasks need it, and workers start sooner without.

    runner.run(params, data)
    written = {name: value if _is_written(value) else value_name(value) for name, value in params.items()}
    return books_of(runner.trader.books("data", json.dumps(written))), True


def _is_written(value: Any) -> bool:
    """Whether JSON has it."""
    return isinstance(value, (bool, int, str)) or isinstance(value, float) and math.isfinite(value)


def _checked(outcome: tuple[dict[str, Any] | None, bool, tuple[str, str] | None]) -> Traded:
    metrics, is_met, failure = outcome
    if metrics is None:
        raise TaskFailed(*failure if failure is not None else ("host", "a run has neither a result nor a failure"))
    return metrics, is_met


def _own(params: dict[str, Any], exits: tuple[str, ...]) -> dict[str, Any]:
    """Those of `params` that the strategy gets: all but the exits of the account."""
    return {name: value for name, value in params.items() if name not in exits}


class _Function:
    """A function that answers with exposures."""

    def __init__(self, function: Any, trader: Any, is_alone: bool, exits: tuple[str, ...]) -> None:
        self._function, self.trader, self._is_alone, self._exits = function, trader, is_alone, exits
        self._symbols: list[str] = trader.symbols

    def run(self, params: dict[str, Any], data: Any) -> Traded:
        if self._is_alone and isinstance(data, Mapping) and self._symbols[0] in data:
            data = data[self._symbols[0]]
        answer = self._function(data, **_own(params, self._exits))
        exits = json.dumps({name: params[name] for name in self._exits})
        if isinstance(answer, Targets):
            return _checked(self.trader.trade_targets(*self._explicit(answer), exits))
        return _checked(self.trader.trade_exposures(exposures(answer, self._symbols, data), exits))

    def _explicit(self, targets: Targets) -> tuple[list[int], list[int], list[float]]:
        bars = [self._number(bar, int, "bar") for bar in targets.bar]
        values = [self._number(value, float, "exposure") for value in targets.exposure]
        named = targets.instrument if targets.instrument is not None else [0] * len(bars)
        places = {symbol: place for place, symbol in enumerate(self._symbols)}
        instruments = []
        for name in named:
            if isinstance(name, str) and name not in places:
                _bad(f"`Targets` name the instrument `{name}`; the data has {', '.join(self._symbols)}")
            instruments.append(places[name] if isinstance(name, str) else self._number(name, int, "instrument"))
        return bars, instruments, values

    @staticmethod
    def _number(value: Any, kind: Any, what: str) -> Any:
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError):
            number = None
        if number is None or kind is int and (number != value or not 0 <= number < 2**32):
            _bad(f"`Targets` have the {what} {value!r}; give {'whole numbers from 0 on' if kind is int else 'numbers'}")
        return number


def _bad(text: str) -> NoReturn:
    raise TaskFailed("bad-output", text)


_FORM = "return one exposure for each bar, as an array, a Series or a list"


def exposures(answer: Any, symbols: Sequence[str], data: Any) -> list[Any]:
    """The exposures of each instrument as a buffer of numbers.

    Raises:
        TaskFailed: The answer is of another form.
    """
    columns = _by_symbol(answer, symbols)
    return [_column(values, symbol, _index(data, symbol)) for symbol, values in zip(symbols, columns, strict=True)]


def _by_symbol(answer: Any, symbols: Sequence[str]) -> list[Any]:
    """The columns of an answer, in the order of the instruments."""
    is_frame = hasattr(answer, "columns") and hasattr(answer, "__getitem__")
    if isinstance(answer, Mapping) or is_frame and (len(symbols) > 1 or list(answer.columns) == list(symbols)):
        names = list(answer) if isinstance(answer, Mapping) else list(answer.columns)
        missing = [symbol for symbol in symbols if symbol not in names]
        unknown = [name for name in names if name not in symbols]
        if missing or unknown:
            what = f"no `{missing[0]}`" if missing else f"`{unknown[0]}`, which the data does not have"
            _bad(f"the exposures have {what}; return a column for each of {', '.join(symbols)}")
        return [answer[symbol] for symbol in symbols]
    if is_frame and len(answer.columns) == 1:
        return [answer[answer.columns[0]]]
    if getattr(answer, "ndim", 1) == 2 and answer.shape[1] == len(symbols) and not is_frame:
        return [answer[:, place] for place in range(len(symbols))]
    if len(symbols) == 1:
        return [answer]
    several = f"the data has {len(symbols)} instruments: return a dict from symbols to exposures, a column for each of"
    _bad(f"the function returned {_what(answer)}; {several} {', '.join(symbols)}")


def _index(data: Any, symbol: str) -> Any:
    """The index of the frame that the function got for an instrument, if it has one."""
    frame = data[symbol] if isinstance(data, Mapping) and symbol in data else data
    index = getattr(frame, "index", None)
    return index if hasattr(index, "equals") else None


def _what(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of the shape {shape}" if isinstance(shape, tuple) else "")


def _column(values: Any, symbol: str, index: Any) -> Any:
    """One column as a buffer of numbers of 64 bits."""
    own: Any = getattr(values, "index", None)
    if index is not None and hasattr(own, "equals") and own is not index and not _counts(own) and not own.equals(index):
        _bad(f"the exposures of `{symbol}` have another index than the data; return them for the same rows, in their order")
    plain = _plain(values)
    kind = getattr(getattr(plain, "dtype", None), "kind", None)
    if kind in ("b", "i", "u", "f") and plain.ndim == 1:
        return sys.modules["numpy"].ascontiguousarray(plain, dtype="float64") if len(plain) else NO_NUMBERS
    if kind is not None and plain.ndim != 1:
        _bad(f"the function returned {_what(values)}; {_FORM}")
    if kind is not None:
        plain = plain.tolist()
    if isinstance(plain, (str, bytes, Mapping)) or not hasattr(plain, "__iter__"):
        _bad(f"the function returned {_what(values)}; {_FORM}")
    numbers = array("d")
    for at, value in enumerate(plain):
        try:
            if isinstance(value, (str, bytes)):
                raise TypeError
            numbers.append(float("nan") if value is None else float(value))
        except (TypeError, ValueError, OverflowError):
            _bad(f"the exposure of `{symbol}` at bar {at} is {value!r}, which is no number; {_FORM}")
    return numbers or NO_NUMBERS


def _counts(index: Any) -> bool:
    """Whether an index of pandas only counts rows."""
    return type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1


def _plain(values: Any) -> Any:
    """A column without its library: an array where there is one."""
    library = type(values).__module__.partition(".")[0]
    if library == "numpy":
        return values[:, 0] if getattr(values, "ndim", 1) == 2 and values.shape[1] == 1 else values
    if library == "pandas" and hasattr(values, "to_numpy"):
        is_number = getattr(values.dtype, "kind", "O") in "biuf"
        return values.to_numpy("float64", na_value=float("nan")) if is_number else values.to_numpy()
    if library == "polars" and hasattr(values, "to_list"):
        return values.to_numpy() if values.null_count() == 0 else values.to_list()
    if library == "pyarrow" and hasattr(values, "to_pylist"):
        return values.to_pylist()
    return values


class _Class:
    """A class of the SDK."""

    def __init__(self, strategy: Any, trader: Any, core: Any, fresh: bool, exits: tuple[str, ...]) -> None:
        self._class, self.trader, self._core, self._fresh, self._exits = strategy, trader, core, fresh, exits
        self._sdk: Any = importlib.import_module("backtest")
        self._symbols: list[str] = trader.symbols

    def run(self, params: dict[str, Any], data: Any) -> Traded:
        random.seed(SEED)
        try:
            return _checked(self._trade(self._sdk.Params(_own(params, self._exits)), json.dumps(params)))
        except self._sdk.InvalidParams as error:
            raise TaskFailed("invalid-params", str(error)) from None
        except self._sdk.Failed as error:
            raise TaskFailed("failed", str(error)) from None

    def _trade(self, params: Any, written: str) -> Any:
        raise NotImplementedError


class _Signals(_Class):
    """A class that sees all bars at once: made once for the bars, and asked for each combination from there."""

    _prepared: Any = None
    _state: bytes | None = None
    _can_copy = True

    def _trade(self, params: Any, written: str) -> Any:
        series = [self.trader.times(at) for at in range(len(self._symbols))] if len(self._symbols) > 1 else []
        targets = self._sdk.Targets(len(self._symbols), series)
        self._strategy().evaluate(params, targets)
        rows = targets.finish()
        bars, instruments, values = ([row[part] for row in rows] for part in range(3))
        return self.trader.trade_targets(bars, instruments, values, written)

    def _strategy(self) -> Any:
        """The strategy as it was prepared: another copy for each task, unless they may share it."""
        if self._prepared is None and self._state is None:
            prepared = self._prepare()
            if not self._fresh:
                self._prepared = prepared
            elif self._can_copy:
                try:
                    self._state = _pickles.dumps(prepared)
                except Exception:
                    self._can_copy = False  # It is made anew for each task.
            if self._state is None:
                return prepared
        return pickle.loads(self._state) if self._state is not None else self._prepared

    def _prepare(self) -> Any:
        columns = ("time", "open", "high", "low", "close", "volume")
        data = []
        for at, symbol in enumerate(self._symbols):
            values = dict(zip(columns, self.trader.columns(at), strict=True))
            lists = [memoryview(values[name]).cast("q" if name == "time" else "d").tolist() for name in columns]
            data.append(self._sdk.Series(symbol, *lists))
        return self._class(data)


class _Events(_Class):
    """A class that hears of bars one by one: one value of it for each run."""

    def _trade(self, params: Any, written: str) -> Any:
        sdk, reasons = self._sdk, list(self._sdk.Reason)
        desk = self._core.Desk()
        broker = sdk.Broker(len(self._symbols), desk)
        strategy = self._class(list(self._symbols), params)
        make_bar, make_fill = sdk.Bar, sdk.Fill

        def on_bar(*values: Any) -> None:
            strategy.on_bar(make_bar(*values), broker)

        def on_time(time: int, equity: float) -> None:
            strategy.on_time(time, equity, broker)

        def on_fill(order: int, *values: Any) -> None:
            strategy.on_fill(make_fill(order or None, *values), broker)

        def on_reject(order: int, reason: int) -> None:
            strategy.on_reject(order, reasons[reason], broker)

        sdk.log.write_to(lambda level, message: _log(desk.time(), level, message))
        try:
            return self.trader.play(desk, on_bar, on_time, on_fill, on_reject, strategy.finish, written)
        finally:
            sdk.log.write_to(lambda level, message: _log(None, level, message))


def _log(time: str | None, level: Any, message: str) -> None:
    """Prints a line of a strategy's log as components have theirs: with the time of the event in which it was written."""
    at = f"[{time}] " if time else ""
    print(f"{at}{level.name.lower()}: {message}", file=sys.stderr)
