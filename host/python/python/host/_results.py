"""Tasks and results: `ParallelTask`, `ParallelResult`, and `SweepResults`, the sequence that a call returns.

Never runs anything. pandas, polars and pyarrow are imported by the methods that make their tables.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow  # type: ignore[import-untyped, unused-ignore]

    from host._report import Report
    from host._run import BacktestRun

from host._errors import SettingsError


@dataclass(slots=True)
class ParallelTask:
    """A custom task.

    Attributes:
        task_id: Its name; the result has the same.
        params: What the function needs. An object that many tasks share is sent to each worker once.
        strategy_name: The name of the strategy, for the result.
    """

    task_id: str
    params: dict[str, Any]
    strategy_name: str = ""


@dataclass(slots=True)
class ParallelResult:
    """The result of one task.

    Attributes:
        task_id: The task's name; in a sweep the combination, like `fast=5,slow=20`.
        result: What the strategy returned; `None` if it failed.
        execution_time: Seconds that the strategy took.
        worker_id: The process of the worker that ran it; 0 if none did.
        success: Whether there is a result.
        error_message: The failure in words, with the place in the code; `None` if there is a result.
        error_kind: `failed` (an exception), `invalid-params` (the strategy refuses them), `crash` (a signal, or an exit of the
            process), `timed-out`, `out-of-memory`, `unpicklable`, `bad-output` (larger than `Limits.result`, or no exposures);
            for components also `trap`, `panic`, `out-of-budget`, `host`; `None` if there is a result.
        index: The task's place in the call, counted from 0.
        params: The parameters.
        strategy_name: The name of the strategy.
        symbol: The instrument that the task had alone; `None` where it had all there are.
        log: The lines that the task printed, the first thousand at most; then the traceback, if it failed.
        units: Units of computing; `None` for Python callables.
        cached: Whether the result was known and not computed; always false for Python callables.
    """

    task_id: str
    result: Any
    execution_time: float
    worker_id: int
    success: bool
    error_message: str | None = None
    error_kind: str | None = None
    index: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    strategy_name: str = ""
    symbol: str | None = None
    log: list[str] = field(default_factory=list)
    units: int | None = None
    cached: bool = False


_FACTS = ("success", "error_kind", "error_message", "execution_time", "worker_id", "symbol", "units", "cached")
_NAMES = ("index", "task_id", "strategy_name")
MISSING: Any = object()


class SweepResults(Sequence[ParallelResult]):
    """The results of a call, in the order of its tasks, whatever the order in which they finished.

    Args:
        results: The results.
        axes: The values of each swept parameter, in the order of the grid.
        objective: The metric that `best` ranks by unless told otherwise.
        direction: `max` or `min`: which end of the objective is best.
        kind: What ran: `component`, in the sandbox; `callable`, whose results are what it returned; `targets`, a function whose
            exposures were traded; `strategy`, a class of the SDK. All but components run natively.
        left_out: The indices of results that do not meet the requirements of the call, and are not ranked.
    """

    __slots__ = ("_again", "_left_out", "_results", "axes", "direction", "kind", "objective")

    _again: Callable[[ParallelResult], BacktestRun] | None

    def __init__(
        self,
        results: Sequence[ParallelResult],
        *,
        axes: Mapping[str, Sequence[Any]] | None = None,
        objective: str | None = None,
        direction: str = "max",
        kind: str = "callable",
        left_out: Collection[int] = (),
    ) -> None:
        self._results = list(results)
        self.axes = {name: list(values) for name, values in (axes or {}).items()}
        self.objective = objective
        self.direction = checked_direction(direction)
        self.kind = kind
        self._left_out = frozenset(left_out)
        # What runs a combination once more, where strategy and data are at hand.
        self._again = None

    @property
    def sandboxed(self) -> bool:
        """Whether WebAssembly components ran in the sandbox."""
        return self.kind == "component"

    def __len__(self) -> int:
        return len(self._results)

    @overload
    def __getitem__(self, place: int) -> ParallelResult: ...
    @overload
    def __getitem__(self, place: slice) -> SweepResults: ...
    def __getitem__(self, place: int | slice) -> ParallelResult | SweepResults:
        if isinstance(place, slice):
            return self._with(self._results[place])
        return self._results[place]

    def __iter__(self) -> Iterator[ParallelResult]:
        return iter(self._results)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SweepResults):
            return self._results == other._results
        return self._results == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<SweepResults: {self._tally()}>"

    def _tally(self) -> str:
        total, failed = len(self), len(self.failed)
        return f"{total} result{'' if total == 1 else 's'}" + (f", {failed} failed" if failed else "")

    def _with(self, results: Sequence[ParallelResult]) -> SweepResults:
        some = SweepResults(
            results, axes=self.axes, objective=self.objective, direction=self.direction, kind=self.kind,
            left_out=self._left_out,
        )  # fmt: skip
        some._again = self._again
        return some

    @property
    def failed(self) -> SweepResults:
        """The results without a value."""
        return self._with([result for result in self._results if not result.success])

    @property
    def metrics(self) -> list[str]:
        """The names of the numbers that results have: keys of dicts; `result` where results are numbers themselves."""
        names: dict[str, None] = {}
        for result in self._results:
            for name in _metrics_of(result):
                names.setdefault(name)
        return list(names)

    def best(self, n: int = 10, metric: str | None = None, *, direction: str | None = None) -> SweepResults:
        """The best results, the best one first. Results that failed, that do not meet the call's requirements, or whose metric
        is not a number are left out.

        Args:
            n: How many at most.
            metric: The metric. The call's `objective` if left out, else the only metric that there is, else `sharpe`.
            direction: `max` (a higher value is better) or `min`. The call's own if left out.

        Raises:
            SettingsError: No result has the metric; or which one is meant is open.
        """
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"`n` is {n!r}; give a whole number, 1 or more")
        name = self._metric(metric)
        sign = -1 if checked_direction(direction or self.direction) == "max" else 1
        ranked = [(value, place) for place, value in enumerate(self._values(name)) if value is not None]
        if self._left_out:
            places = self._places()
            ranked = [(value, place) for value, place in ranked if places[place] not in self._left_out]
        ranked.sort(key=lambda pair: sign * pair[0])
        return self._with([self._results[place] for _, place in ranked[:n]])

    def heatmap(self, metric: str | None = None, x: str | None = None, y: str | None = None) -> Report:
        """The heatmap of a report: a metric over two parameters, sliders for the others, and the neighbourhood of a chosen cell.

        A notebook shows it; `.save(path)` writes it to a file that opens without a network. No file of results is needed.

        Args:
            metric: The metric; that of `best` if left out. The page shows others, too.
            x: The parameter from left to right; one with many values if left out.
            y: The parameter from bottom to top, likewise.

        Raises:
            SettingsError: A parameter or the metric is unknown, or there is nothing to draw.
        """
        from host._charts import heatmap

        return heatmap(self, metric, x, y)

    def run(self, task_id: str | None = None) -> BacktestRun:
        """Runs a combination once more, and keeps its books: `.equity()`, `.trades()`, `.plot()`.

        Args:
            task_id: The name of the combination; the best one if left out.

        Raises:
            SettingsError: The results have no such task, none is ranked, or this process does not have the strategy and the data. A
                plain callable does not trade, and has no such run.
            PluginError: The run fails.
        """
        if self._again is None:
            raise SettingsError(
                "a combination runs once more in the process that has swept it, unless the strategy is a plain callable, which does "
                "not trade; or take `host.backtest`"
            )
        return self._again(self._chosen(task_id))

    def plot(self, task_id: str | None = None) -> Report:
        """Equity and drawdown, trades on prices, and monthly returns of a combination, which runs once more, as in `run`. A notebook
        shows it; `.save(path)` writes it.

        Raises:
            As `run`.
        """
        return self.run(task_id).plot()

    def _chosen(self, task_id: str | None) -> ParallelResult:
        if task_id is None:
            best = self.best(1)
            if not len(best):
                raise SettingsError("none of the results is ranked; name one by its `task_id`")
            return best[0]
        names = self._task_ids()
        if task_id not in names:
            example = f"; tasks are named like `{names[0]}`" if names else ""
            raise SettingsError(f"there is no task `{task_id}` among the {len(names)} results{example}")
        return self._results[names.index(task_id)]

    def _task_ids(self) -> list[str]:
        """The name of each result."""
        return [result.task_id for result in self._results]

    def _symbols(self) -> list[str | None]:
        """The instrument that each result had alone."""
        return [result.symbol for result in self._results]

    def _values(self, metric: str) -> list[float | None]:
        """The metric of each result; `None` where there is none."""
        return [metric_of(result, metric) for result in self._results]

    def _places(self) -> list[int]:
        """The place of each result in the call."""
        return [result.index for result in self._results]

    def _settings(self, parameter: str) -> list[Any]:
        """The parameter of each result; `MISSING` where a result has no such parameter."""
        return [result.params.get(parameter, MISSING) for result in self._results]

    def _successes(self) -> list[bool]:
        """Whether each result has a value."""
        return [result.success for result in self._results]

    def _failures(self) -> dict[str, tuple[int, ParallelResult]]:
        """For each kind of failure how often it occurred, and the first such result."""
        kinds: dict[str, tuple[int, ParallelResult]] = {}
        for result in self.failed:
            kind = result.error_kind or "failed"
            count, first = kinds.get(kind, (0, result))
            kinds[kind] = (count + 1, first)
        return kinds

    def _metric(self, metric: str | None) -> str:
        known = self.metrics
        name = metric or self.objective
        if name is None:
            name = known[0] if len(known) == 1 else "sharpe" if "sharpe" in known else None
        if name is None and known:
            raise SettingsError(f"which metric ranks is open; give `metric`, one of {', '.join(known)}")
        if name is not None and name not in known and any(result.success for result in self._results):
            raise SettingsError(f"unknown metric `{name}`; known: {', '.join(known) or 'none, no result is a number'}")
        return name or "result"

    def pivot(self, rows: str, columns: str, metric: str | None = None) -> Any:
        """A pandas frame of one metric: a row for each value of `rows`, a column for each of `columns`.

        NaN where no result is. Where several results share a cell (the grid has further axes), the best one counts.

        Raises:
            SettingsError: A parameter or the metric is unknown.
            ImportError: pandas is not installed.
        """
        table = self.grid(rows, columns, metric)
        pandas = imported("pandas", "pivot")
        down, across = table.rows, table.columns
        frame = pandas.DataFrame(table.cells, index=down, columns=across, dtype="float64")
        frame.index.name, frame.columns.name = rows, columns
        return frame

    def grid(self, rows: str, columns: str, metric: str | None = None) -> Pivot:
        """The same as `pivot`, without pandas: values of both parameters, and a list of rows of numbers."""
        return self._table(rows, columns, self._metric(metric), self._axis(rows), self._axis(columns))

    def _table(self, rows: str, columns: str, name: str, down: list[Any], across: list[Any]) -> Pivot:
        """The metric `name` over values of two parameters; over one, in a single row, where `rows` is empty."""
        places = [{key_of(value): place for place, value in enumerate(values)} for values in (down, across)]
        cells = [[math.nan] * len(across) for _ in down]
        prefer = max if self.direction == "max" else min
        settings = self._settings(rows) if rows else [None] * len(self)
        for value, row, column in zip(self._values(name), settings, self._settings(columns)):
            if value is None or row is MISSING or column is MISSING:
                continue
            line, at = cells[places[0][key_of(row)]], places[1][key_of(column)]
            line[at] = float(value) if math.isnan(line[at]) else prefer(line[at], float(value))
        return Pivot(rows, columns, name, down, across, cells)

    def _axis(self, name: str) -> list[Any]:
        if name in self.axes:
            return list(self.axes[name])
        seen: dict[object, Any] = {}
        for value in self._settings(name):
            if value is not MISSING:
                seen.setdefault(key_of(value), value)
        if not seen:
            known = sorted({key for result in self._results for key in result.params})
            raise SettingsError(f"unknown parameter `{name}`; known: {', '.join(known) or 'none'}")
        return list(seen.values())

    def _present(self, name: str) -> list[Any]:
        """The values of a parameter that results have, in the order of its axis."""
        present = {key_of(value) for value in self._settings(name) if value is not MISSING}
        return [value for value in self._axis(name) if key_of(value) in present] if present else []

    def columns(self) -> dict[str, list[Any]]:
        """The results as columns of equal length.

        `index`, `task_id`, `strategy_name`; a column for each parameter; a column for each key of results that are
        dicts, or one column `result`; then success, failure, seconds, worker. Where names meet, a parameter is called
        `param.NAME` and a key of the result `result.NAME`.
        """
        table: dict[str, list[Any]] = {name: [getattr(result, name) for result in self._results] for name in _NAMES}
        taken = {*_NAMES, *_FACTS}
        keys = self._result_keys()
        for name in dict.fromkeys(name for result in self._results for name in result.params):
            title = f"param.{name}" if name in taken or keys is not None and name in keys or name == "result" else name
            table[title] = [result.params.get(name) for result in self._results]
        if keys is None:
            table["result"] = [result.result for result in self._results]
        for name in keys or ():
            title = f"result.{name}" if name in taken else name
            table[title] = [(result.result or {}).get(name) for result in self._results]
        for name in _FACTS:
            table[name] = [getattr(result, name) for result in self._results]
        return table

    def _result_keys(self) -> list[str] | None:
        """The keys of the results if those that succeeded are dicts with text as keys."""
        values = [result.result for result in self._results if result.success]
        if not values or not all(isinstance(value, Mapping) for value in values):
            return None
        keys = dict.fromkeys(key for value in values for key in value)
        return list(keys) if all(isinstance(key, str) for key in keys) else None

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas frame, a row for each result, with `columns()` as columns."""
        frame: pandas.DataFrame = imported("pandas", "to_pandas").DataFrame(self.columns())
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A polars frame, a row for each result. Values that polars has no type for become objects or text."""
        module = imported("polars", "to_polars")
        series = [_polars_series(module, name, values) for name, values in self.columns().items()]
        frame: polars.DataFrame = module.DataFrame(series)
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """A pyarrow table, a row for each result. Values that Arrow has no type for become text."""
        module = imported("pyarrow", "to_arrow")
        arrays = {name: _arrow_array(module, values) for name, values in self.columns().items()}
        table: pyarrow.Table = module.table(arrays)
        return table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow stream, by pyarrow: `polars.DataFrame(results)`, for example."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def _repr_html_(self) -> str:
        from host._html import page

        return page(self)


@dataclass(slots=True, frozen=True)
class Pivot:
    """One metric over two parameters.

    Attributes:
        row_name: The parameter of the rows.
        column_name: The parameter of the columns.
        metric: The metric.
        rows: The values of the rows' parameter.
        columns: The values of the columns' parameter.
        cells: The metric: a list for each row; NaN where there is none.
    """

    row_name: str
    column_name: str
    metric: str
    rows: list[Any]
    columns: list[Any]
    cells: list[list[float]]


def metric_of(result: ParallelResult, name: str) -> float | None:
    """The metric `name` of a result; `None` if it has none, or one that is not a number."""
    return _metrics_of(result).get(name)


def checked_direction(direction: str) -> str:
    """Returns `direction`.

    Raises:
        SettingsError: It is neither `max` nor `min`.
    """
    if direction not in ("max", "min"):
        raise SettingsError(f"`direction` is {direction!r}; give 'max' or 'min'")
    return direction


def _metrics_of(result: ParallelResult) -> dict[str, float]:
    value = result.result
    pairs = value.items() if isinstance(value, Mapping) else [("result", value)] if result.success else []
    return {name: number for name, item in pairs if isinstance(name, str) and (number := _number(item)) is not None}


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return None
    if not isinstance(value, (int, float)):
        if type(value).__module__ not in ("numpy", "decimal", "fractions") or getattr(value, "ndim", 0) != 0:
            return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def key_of(value: Any) -> object:
    """A value that finds its place in a table, for values that cannot be hashed, too; `True` is not 1."""
    return (type(value) is bool, value) if isinstance(value, (bool, int, float, str)) else repr(value)


def imported(name: str, method: str) -> Any:
    """The module `name`, which `method` needs; if it is missing, an `ImportError` that tells how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"`{method}` needs {name}, which is not installed: `pip install {name}`") from error


def _polars_series(module: Any, name: str, values: list[Any]) -> Any:
    try:
        return module.Series(name, values, strict=True)
    except Exception:
        pass  # Whole and broken numbers together, for example, have a common type.
    if all(value is None or isinstance(value, (bool, int, float)) for value in values):
        return module.Series(name, values, strict=False)
    return module.Series(name, [None if value is None else str(value) for value in values])


def _arrow_array(module: Any, values: list[Any]) -> Any:
    try:
        return module.array(values)
    except (module.ArrowException, TypeError, ValueError, OverflowError):
        return module.array([None if value is None else str(value) for value in values])
