"""Components: sweeps, comparisons and custom tasks of WebAssembly strategies, by the engine in `host._core`.

Never runs a Python callable, and never computes a number.
"""

from __future__ import annotations

import atexit
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from host import _native
from host._errors import GridError, SettingsError, SweepInterrupted
from host._frames import dataset, measured
from host._progress import Progress, display
from host._results import MISSING, ParallelResult, SweepResults, imported
from host._run import BacktestRun

READING = (
    "symbol", "sort", "drop_bad", "adjusted", "negative_prices", "timezone", "session", "bar_time", "read", "symbols",
    "instruments", "timeframe", "detail",
)  # fmt: skip

_backtesters: dict[tuple[int | None, str, int], Any] = {}
_lock = threading.Lock()


def sweep(
    data: Any,
    strategy: Any,
    param_grid: Any,
    *,
    n_workers: int | None = None,
    progress: bool = True,
    backend: str = "concurrent",
    callback: Callable[[int, int | None], object] | None = None,
    where: Any = (),
    require: str | Iterable[str] = (),
    objective: str | None = None,
    direction: str | None = None,
    sample: int | None = None,
    seed: int | None = None,
    metrics: Sequence[str] | str | None = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    each_symbol: bool = False,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    top: int | None = None,
    store: bool | str | os.PathLike[str] = True,
    out: str | os.PathLike[str] | None = None,
    returns: str | os.PathLike[str] | None = None,
    returns_period: str | None = None,
    rank_by: str | None = None,
    split: float | str | None = None,
    shard: str | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> ComponentResults:
    """Runs a component with each combination of parameters.

    Args:
        data: The bars: a frame, a dict of them, a path (see `host._frames.dataset`), or `None` for the bundled ones.
        strategy: The name of a bundled component, the path of one, or its bytes.
        param_grid: For each parameter its values: a list, a range, an array, one value, a dict `{"from": 5, "to": 50, "step": 5}`, or
            a text as the command has it (`"5..50:5"`). Or the contents of a grid file, with `parameters`, `zip` and so on.
        where: Conditions on parameters as texts: `"fast < slow"`.
        require: Conditions on metrics that a result must meet to be ranked: `"trades >= 30"`.
        objective: The metric to rank by.
        direction: `max` or `min`: which of its values are better.
        sample: Runs only so many combinations, chosen at random by `seed`.
        metrics: The metrics to compute: names, or all if left out.
        account: The account and its rules, by the names of an account file: `{"commission_bps": 5}`.
        limits: `Limits`, or a dict with `timeout` (seconds), `memory` (MiB), `budget` (units), `tasks_per_fork`.
        each_symbol: Runs each symbol alone on an account of its own.
        period: The part of the data to trade: `{"from": "2015-01-01", "to": "2020-12-31"}`.
        benchmark: What results are measured against, as `run_parameter_sweep` says.
        top: The number of results that are ranked.
        store: Whether results that are known are looked up, and new ones kept: `True` in the store of the environment, a path in
            that folder.
        out: A file for the results, too: Parquet, CSV or JSON lines by its name, complete or absent.
        returns: A file for the returns of each combination, which `host.trust` reads: Arrow IPC, complete or absent.
        returns_period: How long their periods are: `bar`, `day` or `week`; days if left out.
        rank_by: `value`, or `plateau`: how the neighbours of a combination do.
        split: The share of the bars that ranks, 0.7 or `"70%"`.
        shard: A part of the sweep: `"3/16"`.
        stop_loss, take_profit, trailing_stop: As `run_parameter_sweep` says.
        reading: How data is read: `timezone`, `sort`, `drop_bad`, `adjusted` and so on.

    Returns:
        A result for each combination, in the order of the grid.

    Raises:
        GridError, DataError, PluginError, SettingsError: What is wrong, as the command says it.
        SweepInterrupted: Ctrl-C; `.results` has what was finished.
    """
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        param_grid, where=where, require=require, objective=objective, direction=direction, sample=sample, seed=seed,
        metrics=metrics, account=account, limits=limits, each_symbol=each_symbol, period=period, benchmark=named, top=top,
        rank_by=rank_by, split=split, stop_loss=stop_loss, take_profit=take_profit, trailing_stop=trailing_stop,
    )  # fmt: skip
    if returns is None and returns_period is not None:
        raise SettingsError(f"`returns_period` is {returns_period!r}, and no file is given for returns; give `returns`, too")
    component, name = _component(strategy)
    with _Watch(progress, callback) as watch:
        results = _backtester(n_workers, backend).sweep(
            component, bars, json.dumps(request), name=name, store=_store(store),
            out=None if out is None else os.fspath(out), returns=None if returns is None else os.fspath(returns),
            returns_period=returns_period or "day", shard=shard, callback=watch,
        )  # fmt: skip
    axes = axes_of(_with(param_grid, stop_loss, take_profit, trailing_stop))
    return _finished(results, axes, again=_Again(bars, [(component, name)], request))


def optimize(
    data: Any,
    strategy: Any,
    param_grid: Any,
    search: Mapping[str, Any],
    *,
    n_workers: int | None = None,
    progress: bool = True,
    backend: str = "concurrent",
    callback: Callable[[int, int | None], object] | None = None,
    where: Any = (),
    require: str | Iterable[str] = (),
    objective: str | Sequence[str] | None = None,
    seed: int = 0,
    metrics: Sequence[str] | str | None = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    top: int | None = None,
    store: bool | str | os.PathLike[str] = True,
    out: str | os.PathLike[str] | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> ComponentResults:
    """Searches a grid for a component, as `host.optimize` says; `search` has `method`, `trials` and `generation`.

    Raises:
        As `sweep`.
    """
    if objective is not None and not isinstance(objective, (str, list, tuple)):
        raise SettingsError(f"`objective` is a {type(objective).__name__}; give a metric, or a list of them: ['sharpe', 'trades:min']")
    goal = objective if objective is None or isinstance(objective, str) else ",".join(objective) or None
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        param_grid, where=where, require=require, objective=goal, metrics=metrics, account=account, limits=limits,
        period=period, benchmark=named, top=top, stop_loss=stop_loss, take_profit=take_profit, trailing_stop=trailing_stop,
    )  # fmt: skip
    request.update(optimize=dict(search), seed=seed)
    component, name = _component(strategy)
    with _Watch(progress, callback) as watch:
        results = _backtester(n_workers, backend).sweep(
            component, bars, json.dumps(request), name=name, store=_store(store), out=None if out is None else os.fspath(out),
            callback=watch,
        )  # fmt: skip
    axes = axes_of(_with(param_grid, stop_loss, take_profit, trailing_stop))
    return _finished(results, axes, again=_Again(bars, [(component, name)], request))


def monte_carlo(
    data: Any,
    strategy: Any,
    params: Mapping[str, Any] | None,
    luck: Mapping[str, Any],
    *,
    n_workers: int | None = None,
    progress: bool = True,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> dict[str, Any]:
    """The report of `host.monte_carlo`; `luck` has `draws`, `runs`, `noise` and `seed`."""
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        {}, account=account, limits=limits, period=period, benchmark=named, stop_loss=stop_loss, take_profit=take_profit,
        trailing_stop=trailing_stop,
    )  # fmt: skip
    component, name = _component(strategy)
    with _Watch(progress, None) as watch:
        report: dict[str, Any] = json.loads(
            _backtester(n_workers, "concurrent").monte_carlo(
                component, bars, json.dumps(_plain(dict(params or {}))), json.dumps(request), json.dumps(dict(luck)),
                name=name, callback=watch,
            )
        )  # fmt: skip
    return report


def report(
    data: Any,
    strategy: Any,
    results: str | os.PathLike[str],
    *,
    returns: str | os.PathLike[str] | None,
    task: str | None,
    store: bool | str | os.PathLike[str],
    benchmark: Any = None,
    **reading: Any,
) -> str:
    """The page of `host.report`."""
    (bars, _), (component, name) = _measured(data, benchmark, reading), _component(strategy)
    page: str = _backtester(None, "concurrent").report(
        component, bars, os.fspath(results), returns=None if returns is None else os.fspath(returns), task=task, name=name,
        store=_store(store),
    )  # fmt: skip
    return page


def run(
    data: Any,
    strategy: Any,
    params: Mapping[str, Any] | None,
    *,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> BacktestRun:
    """The run of `host.backtest`."""
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        {}, account=account, limits=limits, period=period, benchmark=named, stop_loss=stop_loss, take_profit=take_profit,
        trailing_stop=trailing_stop,
    )  # fmt: skip
    return _run_once(bars, _component(strategy), request, dict(params or {}), None)


def _run_once(
    bars: Any, component: tuple[Any, str | None], request: Mapping[str, Any], params: Mapping[str, Any], symbol: str | None
) -> BacktestRun:
    plugin, name = component
    # On threads of this process: books do not travel from workers elsewhere.
    core = _backtester(None, "concurrent")
    return BacktestRun(
        core.run(plugin, bars, json.dumps(_plain(dict(params))), json.dumps(request), symbol=symbol, name=name)
    )


def walk_forward(
    data: Any,
    strategy: Any,
    path: str | os.PathLike[str],
    follow: Mapping[str, Any],
    *,
    n_workers: int | None = None,
    store: bool | str | os.PathLike[str] = True,
    **reading: Any,
) -> dict[str, Any]:
    """The report of `host.walk_forward` with folds that run anew; `follow` has its options."""
    bars, component, name = _bars(data, reading), *_component(strategy)
    core = _backtester(n_workers, "concurrent")
    report: dict[str, Any] = json.loads(
        core.walk_forward(component, bars, os.fspath(path), json.dumps(dict(follow)), name=name, store=_store(store))
    )
    return report


def iter_sweep(
    data: Any,
    strategy: Any,
    param_grid: Any,
    *,
    n_workers: int | None = None,
    backend: str = "concurrent",
    where: Any = (),
    require: str | Iterable[str] = (),
    objective: str | None = None,
    direction: str | None = None,
    sample: int | None = None,
    seed: int | None = None,
    metrics: Sequence[str] | str | None = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    each_symbol: bool = False,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    top: int | None = None,
    store: bool | str | os.PathLike[str] = True,
    shard: str | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> Any:
    """Runs a component like `run_parameter_sweep`, and yields its rows while they come, in batches with `__arrow_c_stream__`.

    No more than some ten thousand rows are in memory. The sweep stops when the iterator is closed or dropped.

    Args:
        data, strategy, param_grid, n_workers, backend, where, require, objective, direction, sample, seed, metrics, account, limits,
            each_symbol, period, benchmark, top, store, shard, stop_loss, take_profit, trailing_stop: As in `run_parameter_sweep`.
        reading: How data is read: `timezone`, `sort`, `drop_bad`, `adjusted` and so on, as there.

    Raises:
        As `run_parameter_sweep`.
    """
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        param_grid, where=where, require=require, objective=objective, direction=direction, sample=sample, seed=seed,
        metrics=metrics, account=account, limits=limits, each_symbol=each_symbol, period=period, benchmark=named, top=top,
        stop_loss=stop_loss, take_profit=take_profit, trailing_stop=trailing_stop,
    )  # fmt: skip
    component, name = _component(strategy)
    return _backtester(n_workers, backend).iter_sweep(
        component, bars, json.dumps(request), name=name, store=_store(store), shard=shard
    )


def compare(
    data: Any,
    strategies: Any,
    *,
    params: Mapping[str, Any] | None = None,
    n_workers: int | None = None,
    progress: bool = True,
    backend: str = "concurrent",
    callback: Callable[[int, int | None], object] | None = None,
    objective: str | None = None,
    direction: str | None = None,
    metrics: Sequence[str] | str | None = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> ComponentResults:
    """Runs several components on the same data, each once, with those of `params` that it has.

    Args:
        strategies: Components; a list, or a dict from names to them, which the results then have.

    Raises:
        As `sweep`.
    """
    bars, named = _measured(data, benchmark, reading)
    request = request_of(
        {}, metrics=metrics, account=account, limits=limits, period=period, benchmark=named, stop_loss=stop_loss,
        take_profit=take_profit, trailing_stop=trailing_stop,
    )  # fmt: skip
    names = list(strategies) if isinstance(strategies, Mapping) else None
    listed = list(strategies.values()) if isinstance(strategies, Mapping) else list(strategies)
    components = [_component(strategy) for strategy in listed]
    with _Watch(progress, callback) as watch:
        results = _backtester(n_workers, backend).compare(
            [component for component, _ in components], bars, json.dumps(request),
            params=json.dumps(_plain(dict(params or {}))), callback=watch,
        )  # fmt: skip
    found = _finished(results, {}, again=_Again(bars, components, request))
    found.objective = objective or found.objective
    if direction is not None:
        found.direction = "min" if direction in ("min", "lower") else "max"
    if names is not None:
        found.rename(names)
    return found


def tasks(
    tasks: Sequence[Any],
    component: Any,
    *,
    data: Any = None,
    n_workers: int | None = None,
    progress: bool = True,
    backend: str = "concurrent",
    callback: Callable[[int, int | None], object] | None = None,
    objective: str | None = None,
    direction: str | None = None,
    limits: Any = None,
    **reading: Any,
) -> ComponentResults:
    """Runs custom tasks on a component that exports `task`.

    Args:
        tasks: The tasks. One parameter may be `data`, the same object in each: the bars that the component prepares.
        data: The bars, unless tasks have them; the bundled ones if neither is given.

    Returns:
        A result for each task: what its JSON says, or bytes.

    Raises:
        As `sweep`.
    """
    if backend == "ray":
        raise SettingsError("custom tasks of a component do not run on Ray; use `concurrent`, or sweep the component")
    given = [task.params.get("data") for task in tasks]
    if any(one is not None for one in given):
        if any(one is not given[0] for one in given):
            raise SettingsError("the tasks have different `data`; a component prepares one data set: run each by itself")
        data = given[0]
    plain = [
        {
            "task_id": task.task_id,
            "params": _plain({name: value for name, value in task.params.items() if name != "data"}),
            "strategy_name": task.strategy_name,
        }
        for task in tasks
    ]
    request = request_of({}, limits=limits)
    named, name = _component(component)
    engine = _backtester(n_workers, backend)
    with _Watch(progress, callback) as watch:
        results = engine.run_tasks(
            named, _bars(data, reading), json.dumps(plain), json.dumps(request), name=name, callback=watch
        )
    output = engine.describe(named, name)["output"]
    return _finished(results, {}, json.loads if output == "json" else bytes.fromhex)


class _Rows(Sequence[ParallelResult]):
    """Results as a sequence, of which rows become objects when they are touched."""

    def __init__(self, core: Any, read: Callable[[str], Any] | None = None) -> None:
        self.core = core
        self._read = read

    @property
    def is_read(self) -> bool:
        """Whether results are read from texts."""
        return self._read is not None

    def __len__(self) -> int:
        return len(self.core)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._row(at) for at in range(*place.indices(len(self)))]
        at = place + len(self) if place < 0 else place
        return self._row(at)

    def __iter__(self) -> Iterator[ParallelResult]:
        return (self._row(at) for at in range(len(self)))

    def _row(self, at: int) -> ParallelResult:
        fields = self.core.row(at) if at >= 0 else self.core.row(len(self) + 1)
        if self._read is not None and fields["result"] is not None:
            fields["result"] = self._read(fields["result"])
        return ParallelResult(**fields)


class ComponentResults(SweepResults):
    """The results of components: columns that the engine has filled, and rows that become objects when they are touched.

    Attributes:
        core: The columns: it has `__arrow_c_stream__`.
        notes: What the user should know, one line each.
        seconds: Wall-clock seconds of the tasks.
        known: How many results the store had.
        plateau: With `rank_by="plateau"`, for each of the best results `task_id`, `score`, `median`, `worst`, `spread`, `neighbours`,
            `failed`: how its neighbours do; else `None`.
        out_of_sample: With `split`, `in_sample` and `out_of_sample` with their times, and `results` of the best combinations on the
            latter, in the order of the ranking: `task_id`, `metrics`, `error_message`; else `None`.
        search: Of `host.optimize`, `method`, `trials`, `seed`, `objectives`, `trials_done`, `cost`, `failed`, `ended` (`spent`, `exhausted`,
            `too-rare` or `interrupted`) and `front`; else `None`.
    """

    __slots__ = ("core", "known", "notes", "out_of_sample", "plateau", "search", "seconds")

    def __init__(
        self, core: Any, axes: Mapping[str, Sequence[Any]], read: Callable[[str], Any] | None = None, again: _Again | None = None
    ) -> None:  # fmt: skip
        name, is_higher = core.objective or ("sharpe", True)
        super().__init__(
            (), axes=axes, objective=name, direction="max" if is_higher else "min", kind="component",
            left_out=core.left_out,
        )
        self._results: Sequence[ParallelResult] = _Rows(core, read)  # type: ignore[assignment]
        self._again = again
        self.core, self.notes, self.seconds, self.known = core, core.notes, core.seconds, core.known
        self.plateau, self.out_of_sample, self.search = (
            None if text is None else json.loads(text) for text in (core.plateau, core.split, core.optimize)
        )

    @property
    def front(self) -> list[dict[str, Any]]:
        """Of a search, the combinations that no other one beats in all objectives: `task_id`, `params`, and `values` of the
        objectives, in their order."""
        return list(self.search["front"]) if self.search is not None else []

    def best(self, n: int = 10, metric: str | None = None, *, direction: str | None = None) -> SweepResults:
        """The best results, the best one first: by plateaus, or the front of a search for several objectives, where the call ranks by
        them and no `metric` is given. At most `top` of the call then."""
        if metric is not None or direction is not None or not self.core.is_ranked_otherwise:
            return super().best(n, metric, direction=direction)
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise SettingsError(f"`n` is {n!r}; give a whole number, 1 or more")
        places = {cell: place for place, cell in enumerate(self._places())}
        return self._with([self._results[places[cell]] for cell, _ in self.core.best[:n]])

    @property
    def _is_of_columns(self) -> bool:
        """Whether numbers stand in columns: custom tasks and renamed results have them in their rows only."""
        return isinstance(self._results, _Rows) and not self._results.is_read

    @property
    def failed(self) -> SweepResults:
        """The results without a value."""
        return self._with([self._results[place] for place, is_fine in enumerate(self._successes()) if not is_fine])

    @property
    def metrics(self) -> list[str]:
        """The names of the numbers that results have."""
        return list(self.core.metrics) if self._is_of_columns else super().metrics

    def _values(self, metric: str) -> list[float | None]:
        if not self._is_of_columns:
            return super()._values(metric)
        values: list[float | None] = self.core.column_values(metric) if metric in self.core.metrics else [None] * len(self)
        return values

    def _places(self) -> list[int]:
        return self.core.column_values("cell") if "cell" in self.core.columns else list(range(len(self)))

    def _task_ids(self) -> list[str]:
        if not isinstance(self._results, _Rows):
            return super()._task_ids()
        names: list[str] = self.core.column_values("task_id")
        return names

    def _symbols(self) -> list[str | None]:
        symbols: list[str | None] = self.core.column_values("symbol") if "symbol" in self.core.columns else [None] * len(self)
        return symbols

    def _settings(self, parameter: str) -> list[Any]:
        columns = dict(zip(self.core.parameters, self.core.parameter_columns))
        if not self._is_of_columns or parameter not in columns:
            return super()._settings(parameter)
        return [MISSING if value is None else value for value in self.core.column_values(columns[parameter])]

    def _successes(self) -> list[bool]:
        successes: list[bool] = self.core.column_values("success")
        return successes

    def _failures(self) -> dict[str, tuple[int, ParallelResult]]:
        if not isinstance(self._results, _Rows):
            return super()._failures()
        counts: dict[str, tuple[int, int]] = {}
        for place, kind in enumerate(self.core.column_values("error_kind")):
            if kind is not None:
                count, first = counts.get(kind, (0, place))
                counts[kind] = (count + 1, first)
        return {kind: (count, self._results[first]) for kind, (count, first) in counts.items()}

    def rename(self, names: Sequence[str]) -> None:
        """Gives the results the names that the caller has for the strategies."""
        self._results = list(self._results)
        for result in self._results:
            result.task_id = result.strategy_name = names[result.index]

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The rows as an Arrow stream: the columns of a results file, and time and worker of each task."""
        return self.core.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> Any:
        """A pyarrow table of the columns, without copies."""
        return imported("pyarrow", "to_arrow").table(self)

    def to_polars(self) -> Any:
        """A polars frame of the columns, without copies."""
        return imported("polars", "to_polars").DataFrame(self.core)

    def to_pandas(self) -> Any:
        """A pandas frame of the columns."""
        pandas = imported("pandas", "to_pandas")
        try:
            return self.to_arrow().to_pandas()
        except ImportError:
            return pandas.DataFrame({name: self.core.column_values(name) for name in self.core.columns})


class _Again:
    """Runs a combination of results once more, on the bars and with the request of the call. It stays in its process: a copy of the
    results elsewhere has none."""

    def __init__(self, bars: Any, components: Sequence[tuple[Any, str | None]], request: Mapping[str, Any]) -> None:
        self._bars, self._components, self._request = bars, components, request

    def __call__(self, result: ParallelResult) -> BacktestRun:
        component = self._components[result.index if len(self._components) > 1 else 0]
        return _run_once(self._bars, component, self._request, result.params, result.symbol)

    def __reduce__(self) -> Any:
        return type(None), ()


class _Watch:
    """Tells of progress: on the screen, and to the caller."""

    def __init__(self, shown: bool, callback: Callable[[int, int | None], object] | None) -> None:
        self._shown, self._callback = shown, callback
        self._started = time.monotonic()
        self._display: Progress | None = None

    def __call__(self, completed: int, total: int | None) -> None:
        if self._shown and total:
            if self._display is None:
                self._display = display(total, True, time.monotonic() - self._started)
            self._display.advance(completed, 0)
        if self._callback is not None:
            self._callback(completed, total)

    def __enter__(self) -> _Watch | None:
        return self if self._shown or self._callback is not None else None

    def __exit__(self, *error: object) -> None:
        if self._display is not None:
            self._display.close()


def _finished(
    core: Any, axes: Mapping[str, Sequence[Any]], read: Callable[[str], Any] | None = None, *, again: _Again | None = None
) -> ComponentResults:  # fmt: skip
    """The results, unless something has stopped the run."""
    results = ComponentResults(core, axes, read, again)
    raised = core.raised
    if raised is None:
        return results
    if isinstance(raised, KeyboardInterrupt):
        raise SweepInterrupted(results, core.total if core.total is not None else len(results)) from None
    raise raised


def _backtester(n_workers: int | None, backend: str) -> Any:
    """The engine for so many workers, kept for later calls in this process."""
    if backend == "ray":
        return _on_ray(n_workers)
    key = (n_workers, backend, os.getpid())
    with _lock:
        if key not in _backtesters:
            _backtesters[key] = _native.core().Backtester(n_workers, backend)
        return _backtesters[key]


def _on_ray(n_workers: int | None) -> Any:
    """The engine whose tasks run on Ray's nodes, on `n_workers` processors at most; kept as long as the connection is."""
    from host import _ray

    pump = _ray.pump()
    shards = None if n_workers is None else max(1, -(-n_workers // pump.cpus))
    key = (shards, f"ray {pump.number}", os.getpid())
    with _lock:
        if key not in _backtesters:
            for old in [old for old in _backtesters if old[1].startswith("ray") and old[1] != key[1]]:
                del _backtesters[old]
            _backtesters[key] = _native.core().Backtester(shards, cluster=pump.bridge)
        return _backtesters[key]


@atexit.register
def _forget() -> None:
    """Lets workers end before the interpreter does."""
    _backtesters.clear()


def _bars(data: Any, reading: Mapping[str, Any]) -> Any:
    unknown = [name for name in reading if name not in READING]
    if unknown:
        raise SettingsError(f"`{unknown[0]}` is not an option of a component; data takes {', '.join(READING)}")
    return dataset(data, **reading)


def _measured(data: Any, benchmark: Any, reading: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The bars with their benchmark, and how a request names it."""
    return measured(_bars(data, reading), data, benchmark, reading)


def _component(strategy: Any) -> tuple[Any, str | None]:
    """What the engine loads, and the name that stands for bytes."""
    if isinstance(strategy, (str, os.PathLike)) and os.fspath(strategy).endswith(".py"):
        raise SettingsError(
            f"`{os.fspath(strategy)}` is source code; import its class and pass that, or make a component of it by `host.compile`"
        )
    if isinstance(strategy, (bytearray, memoryview)):
        return bytes(strategy), None
    if isinstance(strategy, os.PathLike):
        return os.fspath(strategy), None
    if getattr(type(strategy), "__host_component__", False) is True:
        return bytes(strategy), strategy.name
    return strategy, None


def _store(store: Any) -> Any:
    return store if isinstance(store, bool) or store is None else os.fspath(store)


def request_of(
    grid: Any,
    *,
    where: Any = (),
    require: Any = (),
    objective: str | None = None,
    direction: str | None = None,
    sample: int | None = None,
    seed: int | None = None,
    metrics: Any = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    each_symbol: bool = False,
    period: Mapping[str, Any] | None = None,
    benchmark: str | None = None,
    top: int | None = None,
    rank_by: str | None = None,
    split: float | str | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
) -> dict[str, Any]:
    """The request, as the command and the server have it."""
    request: dict[str, Any] = {"plugin": ""}
    axes, params = _grid(grid)
    if axes:
        request["grid"] = axes
    if params:
        request["params"] = params
    if each_symbol:
        request["scope"] = "each-symbol"
    better = {"max": "higher", "min": "lower"}
    whole = {
        "constraints": _texts("where", where),
        "require": _texts("require", require),
        "objective": objective,
        "direction": better.get(direction, direction) if direction is not None else None,
        "sample": sample,
        "seed": seed if sample is not None else None,
        "metrics": list(metrics) if metrics is not None and not isinstance(metrics, str) else metrics,
        "account": _plain(dict(account)) if account else None,
        "limits": _limits(limits),
        "period": dict(period) if period else None,
        "benchmark": benchmark,
        "top": top,
        "rank_by": rank_by,
        "split": split,
        "exits": exits_of(stop_loss, take_profit, trailing_stop),
    }
    request.update({name: value for name, value in whole.items() if value not in (None, [], {})})
    return request


def _with(grid: Any, *exits: Any) -> Any:
    """The grid and the axes of exits, for tables over two of them."""
    return {**grid, **exits_of(*exits)} if isinstance(grid, Mapping) else grid


def exits_of(stop_loss: Any = None, take_profit: Any = None, trailing_stop: Any = None) -> dict[str, Any]:
    """The exits that are given, as a request has them: each with the values of an axis."""
    given = {"stop_loss": stop_loss, "take_profit": take_profit, "trailing_stop": trailing_stop}
    axes = {name: values if isinstance(values, str) else _axis(values) for name, values in given.items() if values is not None}
    return {name: values[0] if isinstance(values, list) and len(values) == 1 else values for name, values in axes.items()}


def _texts(name: str, given: Any) -> list[str]:
    listed = [given] if isinstance(given, str) or callable(given) else list(given or ())
    for one in listed:
        if not isinstance(one, str):
            raise GridError(f"`{name}` has {one!r}; for a component give conditions as texts, like 'fast < slow'")
    return listed


def _limits(limits: Any) -> dict[str, Any]:
    """The limits of a request, by the names of the command's."""
    if limits is None:
        return {}
    if isinstance(limits, Mapping):
        return dict(limits)
    found: dict[str, Any] = {}
    if getattr(limits, "timeout", None) is not None:
        found["timeout"] = float(limits.timeout)
    if getattr(limits, "memory", None) is not None:
        found["memory"] = max(1, int(limits.memory))
    return found


def _grid(grid: Any) -> tuple[dict[str, Any], list[str]]:
    """The grid as a document, and axes as texts: only one of both, so that their order is that of the caller."""
    if not isinstance(grid, Mapping):
        raise GridError(f"the grid is a {type(grid).__name__}; give a dict like {{'fast': [5, 10], 'slow': [20, 50]}}")
    if isinstance(grid.get("parameters"), Mapping):
        return _plain(grid), []
    if any(isinstance(values, str) for values in grid.values()):
        return {}, [f"{name}={_axis_text(values)}" for name, values in grid.items()]
    return {"parameters": {str(name): _axis(values) for name, values in grid.items()}} if grid else {}, []


def _axis(values: Any) -> Any:
    if isinstance(values, Mapping):
        return _plain(dict(values))
    return [_plain(value) for value in values] if _is_many(values) else [_plain(values)]


def _axis_text(values: Any) -> str:
    if isinstance(values, str):
        return values
    listed = _axis(values)
    if isinstance(listed, dict):
        return f"{listed['from']}..{listed['to']}:{listed['step']}"
    return ",".join(json.dumps(value) if not isinstance(value, str) else value for value in listed)


def axes_of(grid: Any) -> dict[str, list[Any]]:
    """The values of axes that are lists, for tables over two of them."""
    if not isinstance(grid, Mapping):
        return {}
    plain = {name: values for name, values in grid.items() if not isinstance(values, (str, Mapping))}
    return {name: axis for name, values in plain.items() if isinstance(axis := _axis(values), list)}


def _is_many(values: Any) -> bool:
    return hasattr(values, "__iter__") and not isinstance(values, (str, bytes))


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers of NumPy become those of Python."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "item"):
        return value.item()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise GridError(f"{value!r} is a {type(value).__name__}; a component takes numbers, texts, true and false")
