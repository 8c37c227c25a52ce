"""Strategies in Python under the broker: functions that return exposures, and classes of the SDK.

Never runs one: worker processes do. Says of each call what they need: the bars, the account, the combinations.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from host import _native
from host._call import Call, Limits, Task
from host._components import READING, axes_of, request_of
from host._errors import DataError, GridError, PluginError, SettingsError
from host._frames import dataset, first_rows, measured
from host._grid import Grid, task_name
from host._progress import Callback
from host._results import ParallelResult
from host._targets import answers_with_targets
from host._trade import Setup, Side

EXITS = ("stop_loss", "take_profit", "trailing_stop")
"""The exits of the account, by which positions of targets are closed."""

ACCOUNT = ("require", "metrics", "account", "period", "benchmark", "each_symbol", "objective", "direction", *EXITS)
"""The options that decide how results are traded, measured and ranked."""

Drawn = Callable[[Grid], tuple[Iterable[dict[str, Any]], int]]
"""Which combinations of a grid run, and how many these are."""


def kind_of(strategy: object) -> str | None:
    """`targets`, `signals` or `events`; `None` for what our broker does not trade."""
    if isinstance(strategy, type):
        bases = {(base.__module__, base.__qualname__) for base in strategy.__mro__}
        if ("backtest.strategy", "EventStrategy") in bases:
            return "events"
        return "signals" if ("backtest.strategy", "Strategy") in bases else None
    return "targets" if answers_with_targets(strategy) else None


def result_kind(strategies: Iterable[object]) -> str:
    """What results say of a call: `targets` or `strategy`, and the latter where both ran."""
    return "targets" if all(kind_of(strategy) == "targets" for strategy in strategies) else "strategy"


class Trading:
    """A call under the broker, made of what the caller gives.

    Attributes:
        objective: The metric that results are ranked by.
        direction: `max` or `min`: which end of it is best.
        axes: The values of each swept parameter that are a list.
    """

    def __init__(self, data: Any, options: Mapping[str, Any]) -> None:
        reading = {name: options[name] for name in READING if options.get(name) is not None}
        # No store is what there is.
        given = {name: value for name, value in options.items() if value is not None and (name, value) != ("store", False)}
        unknown = [name for name in given if name not in (*READING, *ACCOUNT)]
        if unknown:
            raise SettingsError(_UNKNOWN.get(unknown[0]) or f"`{unknown[0]}` is not an option of a strategy in Python")
        self._data, self._bars = data, dataset(data, **reading)
        if "symbols" in reading and isinstance(data, Mapping):
            self._data = {name: frame for name, frame in data.items() if name in reading["symbols"]} or data
            self._bars = self._bars if self._data is data else dataset(self._data, **reading)
        self._bars, benchmark = measured(self._bars, data, given.get("benchmark"), reading)
        self._asked = {name: options[name] for name in ACCOUNT if options.get(name) is not None}
        if benchmark is not None:
            self._asked["benchmark"] = benchmark
        self._is_each = bool(self._asked.get("each_symbol"))
        self._core = _native.core()
        self.objective, self.direction = "sharpe", "max"
        self.axes: dict[str, list[Any]] = {}
        self._left_out: set[int] = set()
        self._ran: list[tuple[Any, Side]] = []

    def sweep(
        self, strategy: Any, name: str, grid: Mapping[str, Any], where: Any, drawn: Drawn, sampling: Mapping[str, Any],
        fresh: bool, limits: Limits, callback: Callback | None,
    ) -> Call:  # fmt: skip
        """The call that runs `strategy` with each combination of `grid`."""
        kind = kind_of(strategy) or ""
        if kind == "targets":
            side, planned = self._side(kind, name, {"name": name}, {}, {})
            axes = Grid({**grid, **self._exits(planned)}, where)
            self.axes = axes.axes
            combinations, total = drawn(axes)
            listed = list(combinations) if self._is_each else combinations

            def named(symbol: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
                for params in listed:
                    title = task_name(params)
                    alone = "" if symbol is None else f"symbol={symbol}"
                    yield ",".join(part for part in (alone, title) if part) or name, params

        else:
            said = description_of(strategy)
            name = said["name"]
            side, planned = self._side(kind, name, said, grid, {"where": where, **sampling})
            total = len(planned)
            self.axes = axes_of({**grid, **self._given_exits()})

            def named(symbol: str | None) -> Iterator[tuple[str, dict[str, Any]]]:
                return (planned.task(place, symbol) for place in range(total))

        symbols = list(enumerate(self._bars.symbols)) if self._is_each else [(None, None)]
        tasks = self._tasks(named, name, symbols)
        self._ran = [(strategy, side)]
        return self._call([strategy], [side], tasks, total * len(symbols), fresh, limits, callback)

    def compare(
        self, named: Sequence[tuple[str, Any]], params: Mapping[str, Any], fresh: bool, limits: Limits,
        callback: Callback | None,
    ) -> Call:  # fmt: skip
        """The call that runs each strategy once, classes with those of `params` that they declare."""
        if self._is_each:
            raise SettingsError("`each_symbol` is for sweeps; compare the strategies on one symbol after the other")
        sides, tasks = [], []
        fitting: set[str] = set()
        for place, (name, strategy) in enumerate(named):
            kind = kind_of(strategy) or ""
            if kind == "targets":
                side, planned = self._side(kind, name, {"name": name}, {}, {})
                given = {**params, **planned.task(0)[1]}
            else:
                said = description_of(strategy)
                meant = {one["name"] for one in said["parameters"]} & set(params)
                side, planned = self._side(kind, said["name"], said, {"parameters": {one: [params[one]] for one in meant}}, {})
                _, given = planned.task(0)
            if len(planned) != 1:
                raise GridError(f"{', '.join(self._given_exits())} have several values, and a comparison takes one of each")
            fitting.update(given)
            sides.append(side)
            tasks.append(Task(place, name, given, name, (place, None, given)))
        strange = [name for name in params if name not in fitting]
        if strange:
            raise GridError(f"parameter `{strange[0]}` fits none of the strategies")
        self._ran = [(strategy, side) for (_, strategy), side in zip(named, sides)]
        return self._call([strategy for _, strategy in named], sides, tasks, len(tasks), fresh, limits, callback)

    def again(self, result: ParallelResult, limits: Limits) -> Call:
        """The call that runs the combination of `result` once more, and brings its books."""
        strategy, side = self._ran[result.index if len(self._ran) > 1 else 0]
        request = request_of({}, **{**self._asked, "metrics": None})
        only = None if result.symbol is None else self._bars.symbols.index(result.symbol)
        task = Task(0, result.task_id, result.params, result.strategy_name, (0, only, result.params), result.symbol)
        with_books = Side(side.kind, side.description, json.dumps(request), books=True)
        return self._call([strategy], [with_books], [task], 1, True, limits, None)

    def finished(self, results: list[ParallelResult]) -> set[int]:
        """Takes the metrics out of what workers have sent; returns the indices of results that are not to be ranked."""
        for result in results:
            if result.success and isinstance(result.result, tuple):
                result.result, is_met = result.result
                if not is_met:
                    self._left_out.add(result.index)
        return self._left_out

    def _side(
        self, kind: str, name: str, said: Mapping[str, Any], grid: Mapping[str, Any], more: Mapping[str, Any]
    ) -> tuple[Side, Any]:
        """What workers need for one strategy, and its combinations."""
        description = _json(said, name)
        planned = self._core.Combinations(description, json.dumps(request_of(grid or {}, **more, **self._asked)))
        self.objective, is_higher = planned.objective
        self.direction = "max" if is_higher else "min"
        request = request_of({}, **{**self._asked, "metrics": planned.metrics})
        side = Side(kind, description, json.dumps(request))
        # What is wrong with the account on these bars is told here, once.
        only = 0 if self._is_each else None
        self._core.Trader(self._bars, side.description, side.request, events=kind == "events", only=only)
        return side, planned

    def _given_exits(self) -> dict[str, Any]:
        return {name: self._asked[name] for name in EXITS if name in self._asked}

    def _exits(self, planned: Any) -> dict[str, list[Any]]:
        """The values of each exit that is asked for, of which `planned` has all combinations."""
        if not self._given_exits():
            return {}
        combinations = [planned.task(place)[1] for place in range(len(planned))]
        return {name: list(dict.fromkeys(one[name] for one in combinations)) for name in combinations[0]}

    @staticmethod
    def _tasks(
        named: Callable[[str | None], Iterator[tuple[str, dict[str, Any]]]], name: str,
        symbols: Sequence[tuple[int | None, str | None]],
    ) -> Iterator[Task]:  # fmt: skip
        index = 0
        for only, symbol in symbols:
            for title, params in named(symbol):
                yield Task(index, title, params, name, (0, only, params), symbol)
                index += 1

    def _call(
        self, strategies: list[Any], sides: list[Side], tasks: Iterable[Task], total: int, fresh: bool, limits: Limits,
        callback: Callback | None,
    ) -> Call:  # fmt: skip
        functions = next((side for side in sides if side.kind == "targets"), None)
        data = self._for_functions(functions) if functions is not None else None
        trade = Setup(self._bars.to_bytes(), sides, self._bars.benchmark_to_bytes())
        return Call("trade", strategies, tasks, total, [data], [], fresh, limits, callback, trade)

    def _for_functions(self, side: Side) -> Any:
        """The data that functions get: what was passed, as far as the period goes, or columns of what was read."""
        trader = self._core.Trader(self._bars, side.description, side.request)
        lengths = dict(zip(trader.symbols, trader.lengths, strict=True))
        is_read = self._data is None or isinstance(self._data, (str, os.PathLike, list, tuple, self._core.Dataset))
        if is_read:
            columns = {symbol: _columns(trader.columns(at)) for at, symbol in enumerate(lengths)}
            return columns if len(columns) > 1 else next(iter(columns.values()))
        if not self._bars.is_row_by_row:
            raise DataError(
                "a function under `@host.targets` answers for each row of the data, and not every row is a bar in its place: rows "
                "come newest first, were sorted or dropped; pass bars in order, like `frame.sort_index()`"
            )
        if sum(lengths.values()) == self._bars.bars:
            if self._is_each and len(lengths) > 1 and not isinstance(self._data, Mapping):
                raise DataError("`each_symbol` needs the data of each symbol: give a dict from symbols to frames")
            return self._data
        return first_rows(self._data, lengths)


_UNKNOWN = {
    "store": "`store` is for components, whose results are known by the hash of their code; leave it out, or compile the "
    "strategy by `host.compile`",
    "shard": "`shard` is for components; give each process a part of the grid, or compile the strategy by `host.compile`",
    "top": "`top` is for components; `results.best(n)` gives as many as you like",
}


def description_of(strategy: Any) -> dict[str, Any]:
    """What a class of the SDK says of itself, as the library reads it.

    Raises:
        PluginError: It has no description.
    """
    said: Any = getattr(strategy, "description", None)
    if not hasattr(said, "parameters") or not hasattr(said, "name"):
        raise PluginError(f"`{strategy.__name__}` has no description; give it one: `description = Description(...)`")
    parameters = [
        {
            "name": one.name,
            "doc": one.doc,
            "default": one.default,
            "minimum": None if one.minimum is None else float(one.minimum),
            "maximum": None if one.maximum is None else float(one.maximum),
            "choices": list(one.choices),
        }
        for one in said.parameters
    ]
    return {"name": said.name, "version": said.version, "summary": said.summary, "parameters": parameters}


def _json(said: Mapping[str, Any], name: str) -> str:
    try:
        return json.dumps(said, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise PluginError(f"the description of `{name}` has a value that is neither text nor a number: {error}") from None


def _columns(raw: Sequence[bytes]) -> dict[str, Any]:
    """Columns of bars as arrays of NumPy, or as lists where it is not installed."""
    names = ("time", "open", "high", "low", "close", "volume")
    try:
        import numpy
    except ImportError:
        return {name: memoryview(values).cast("q" if name == "time" else "d").tolist() for name, values in zip(names, raw)}
    times = numpy.frombuffer(bytearray(raw[0]), dtype="datetime64[ns]")
    return {"time": times, **{name: numpy.frombuffer(bytearray(values)) for name, values in zip(names[1:], raw[1:])}}
