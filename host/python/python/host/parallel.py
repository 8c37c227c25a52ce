"""Parameter sweeps, comparisons of strategies and custom tasks over market data, in parallel.

Python callables, functions that return exposures and classes of the SDK run natively in worker processes: lambdas, closures and functions of a notebook work, no
`if __name__ == "__main__"` is needed, and a crash, a hang or too much memory is one failed result. Components run in
the sandbox. Never runs a strategy in the calling process.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import random
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from host._call import Call, Limits, Task
from host._errors import GridError, HostError, PluginError, SettingsError, SweepInterrupted
from host._grid import Grid, task_name
from host._pool import Pool, Stopped
from host._progress import Callback, display
from host._results import ParallelResult, ParallelTask, SweepResults, checked_direction
from host._targets import answers_with_targets

if TYPE_CHECKING:
    from host._cluster import ClusterPool
    from host._run import BacktestRun

__all__ = [
    "Limits",
    "ParallelBacktester",
    "ParallelResult",
    "ParallelTask",
    "SweepInterrupted",
    "SweepResults",
    "iter_sweep",
    "run_multi_strategy",
    "run_parameter_sweep",
]

BACKENDS = ("concurrent", "multiprocessing", "ray")
MOST_WORKERS = 1_024
_FOR_COMPONENTS = ("returns", "returns_period", "rank_by", "split")


def run_parameter_sweep(
    data: Any,
    strategy_fn: Any,
    param_grid: Mapping[str, Any],
    n_workers: int | None = None,
    progress: bool = True,
    *,
    backend: str = "concurrent",
    callback: Callback | None = None,
    where: Any = (),
    objective: str | None = None,
    direction: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    limits: Limits | None = None,
    fresh_data: bool = True,
    require: str | Iterable[str] | None = None,
    metrics: str | Sequence[str] | None = None,
    account: Mapping[str, Any] | None = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    each_symbol: bool | None = None,
    top: int | None = None,
    store: bool | str | os.PathLike[str] | None = None,
    out: str | os.PathLike[str] | None = None,
    returns: str | os.PathLike[str] | None = None,
    returns_period: str | None = None,
    rank_by: str | None = None,
    split: float | str | None = None,
    shard: str | None = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    symbol: str | None = None,
    symbols: Sequence[str] | None = None,
    sort: bool | None = None,
    drop_bad: bool | None = None,
    adjusted: bool | None = None,
    negative_prices: bool | None = None,
    timezone: str | None = None,
    session: str | None = None,
    bar_time: str | None = None,
    instruments: str | os.PathLike[str] | None = None,
    read: Mapping[str, Any] | None = None,
    timeframe: str | None = None,
    detail: Any = None,
) -> SweepResults:
    """Runs a strategy with each combination of parameters.

    Args:
        data: What a callable takes first: any object that can be pickled. Sent to each worker once; arrays and frames are
            mapped into it, not copied. For all other strategies bars: a frame (pandas, polars, pyarrow, DuckDB), a dict of
            columns, a dict from symbols to frames, paths, or `None` for the bundled ones.
        strategy_fn: A callable `f(data, **params)`, whose results are what it returns; one under `@host.targets`, whose
            exposures are traded; a class of the SDK (`backtest.Strategy`, `backtest.EventStrategy`); or a component: the
            name of a plugin, a path, bytes, a `Plugin`. Components run in the sandbox, all others natively in worker
            processes; `SweepResults.kind` says which it was.
        param_grid: For each parameter its values: `{'fast': [5, 10], 'slow': range(20, 60, 10)}`.
        n_workers: Worker processes; all cores if left out.
        progress: Whether to show progress: a bar of tqdm if it is installed, else a line on standard error.
        backend: `concurrent` or `multiprocessing`; a callable runs in worker processes with both. `ray`: on the nodes of a Ray
            cluster, where `n_workers` is the number of processors to use at most.
        callback: Called with the number of finished tasks and of all, after each task. What it raises ends the sweep.
        where: Conditions on parameters: callables that take all of them by name, like `lambda fast, slow: fast < slow`. For
            components and classes of the SDK texts: `"fast < slow"`.
        objective: The metric that `SweepResults.best` ranks by.
        direction: `max` (the default) or `min`: which end of the objective is best.
        sample: Runs only that many combinations, drawn at random.
        seed: The seed of the draw.
        limits: Time, memory and size of the result of each task.
        fresh_data: Whether each task gets data as they were passed, whatever another task wrote into them. `False`:
            all tasks of a worker share one object, which spares the time that pickle takes to make it; for strategies
            that do not change their data.
        require: Conditions on metrics that a result must meet to be ranked, as texts: `"trades >= 30"`. Here and below: for
            components, functions under `@host.targets` and classes of the SDK; a plain callable takes none of them.
        metrics: The metrics to compute: names, or all if left out. `host rules` and the documentation say what they are.
        account: The account and its rules, by the names of an account file (`host rules`): `initial_cash` in quote currency,
            `commission_bps` and `slippage_bps` in basis points of a fill's value, `risk_free` as a fraction a year,
            `periods_per_year` in bars, `fill`, `sizing`, `profile`, `mode`, `rules` and so on.
        period: The part of the data to trade and measure: `{"from": "2015-01-01", "to": "2020-06-30"}`; both ends are included, and
            bars before it are shown to the strategy.
        benchmark: What results are measured against, by days: `"hold"`, the account buys and holds the data; `"symbol:SPY"`, an
            instrument of the data, also one that `symbols` leaves out; or other bars of one instrument, without costs: a frame,
            a dict of one frame or a path, read as `data` is. Then results have 14 more metrics: `jensen_alpha`, `alpha_t`,
            `benchmark_beta`, `information_ratio`, `up_capture`, `excess_return` and so on. It must have a bar by the first day of
            the run.
        each_symbol: Runs each symbol alone on an account of its own.
        top: The number of results that are ranked, components only; 10 if left out.
        store: Whether results that are known are looked up, and new ones kept, components only: `True` in the store of the
            environment, a path in that folder.
        out: A file for the results, too: Parquet, CSV or JSON lines by its name, complete or absent. Of strategies in Python it
            has `SweepResults.columns` without time and worker, and is written when all results are there.
        returns: A file for the returns of each combination, components only, which `host.trust` and `host.walk_forward` read:
            Arrow IPC, complete or absent.
        returns_period: How long the periods of these returns are: `bar`, `day` or `week`; days if left out.
        rank_by: What ranks, components only: `value`, the objective of a combination, or `plateau`, how its neighbours in the grid do;
            then `SweepResults.best()` is in that order, and `.plateau` says how they do.
        split: The share of the bars that the combinations run on, components only: 0.7 or `"70%"`. The best ones run on the rest, too:
            `.out_of_sample` has what they made of it.
        shard: A part of the sweep, components only: `"3/16"`.
        stop_loss, take_profit, trailing_stop: Exits that close positions of strategies that answer with targets, each a share, a list
            of them, a dict `{"from": 0.01, "to": 0.05, "step": 0.01}` or a text (`"1%..5%:1%"`); 0 is none. `stop_loss` and
            `take_profit` count from the entry's price, `trailing_stop` from the best price since the entry. Each is an axis of the
            sweep and a parameter of its results.
        symbol: How the instrument of a single frame is called where no column names it; `data` if left out.
        symbols: Reads only these instruments.
        sort: Sorts rows that are not in the order of time.
        drop_bad: Leaves out rows that are no bars, and says how many; else they are an error.
        adjusted: Takes adjusted closes, and adjusts the other prices with them.
        negative_prices: Allows prices of zero and less.
        timezone: The zone of times that name none: `"America/New_York"`.
        session: The trading hours: `"09:30-16:00"`.
        bar_time: What time stamps say: `"open"` or `"close"`.
        instruments: The path of a file with the terms of each instrument: tick and lot sizes, multipliers, commissions.
        read: How files are written, where that is not recognised: `{"delimiter": ";"}`.
        timeframe: Makes longer bars of the data: `"1h"`, `"1d"`, `"1w"`, `"1mo"`; orders trade by those of the data.
        detail: Finer bars of the same instruments, such as minutes for days, in any form that `data` has: they decide how orders
            trade within a bar.

    Returns:
        A result for each combination, in the order of the grid; the last parameter advances fastest.

    Raises:
        GridError: The grid or a condition is not valid.
        DataError: The data cannot be pickled.
        SettingsError: An argument is not valid, or is for components only.
        HostError: Workers do not start, or cannot load the function.
        SweepInterrupted: Ctrl-C; `.results` has what was finished.
    """
    with ParallelBacktester(n_workers, backend, limits=limits) as backtester:
        return backtester.sweep(
            data, strategy_fn, param_grid, progress=progress, callback=callback, where=where, objective=objective,
            direction=direction, sample=sample, seed=seed, fresh_data=fresh_data,
            require=require, metrics=metrics, account=account, period=period, benchmark=benchmark,
            each_symbol=each_symbol, top=top, store=store, out=out, returns=returns, returns_period=returns_period,
            rank_by=rank_by, split=split, shard=shard, stop_loss=stop_loss,
            take_profit=take_profit, trailing_stop=trailing_stop, symbol=symbol, symbols=symbols, sort=sort,
            drop_bad=drop_bad, adjusted=adjusted, negative_prices=negative_prices,
            timezone=timezone, session=session, bar_time=bar_time,
            instruments=instruments, read=read, timeframe=timeframe, detail=detail,
        )  # fmt: skip


def run_multi_strategy(
    data: Any,
    strategies: Iterable[Any] | Mapping[str, Any],
    n_workers: int | None = None,
    progress: bool = True,
    *,
    params: Mapping[str, Any] | None = None,
    backend: str = "concurrent",
    callback: Callback | None = None,
    objective: str | None = None,
    direction: str | None = None,
    limits: Limits | None = None,
    fresh_data: bool = True,
    metrics: str | Sequence[str] | None = None,
    account: Mapping[str, Any] | None = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    symbol: str | None = None,
    symbols: Sequence[str] | None = None,
    sort: bool | None = None,
    drop_bad: bool | None = None,
    adjusted: bool | None = None,
    negative_prices: bool | None = None,
    timezone: str | None = None,
    session: str | None = None,
    bar_time: str | None = None,
    instruments: str | os.PathLike[str] | None = None,
    read: Mapping[str, Any] | None = None,
    timeframe: str | None = None,
    detail: Any = None,
) -> SweepResults:
    """Runs several strategies on the same data.

    Args:
        data: As in `run_parameter_sweep`.
        strategies: Callables `f(data)`; or components; or functions under `@host.targets` and classes of the SDK, which may
            be mixed. A list, or a dict from names to them. In a list the name is the function's own; those that meet are
            told apart by `#2`, `#3`.
        params: Parameters that every strategy gets by name: `f(data, **params)`. Components and classes of the SDK get those
            that they declare.
        n_workers, progress, backend, callback, objective, direction, limits, fresh_data: As in `run_parameter_sweep`.
        stop_loss, take_profit, trailing_stop: As there, one value each.
        metrics, account, period, benchmark: As there; for all but plain callables.
        symbol, symbols, sort, drop_bad, adjusted, negative_prices, timezone, session, bar_time, instruments, read, timeframe,
            detail: How bars are read, as there.

    Returns:
        A result for each strategy, in their order.

    Raises:
        As `run_parameter_sweep`.
    """
    with ParallelBacktester(n_workers, backend, limits=limits) as backtester:
        return backtester.compare(
            data, strategies, progress=progress, params=params, callback=callback, objective=objective,
            direction=direction, fresh_data=fresh_data,
            metrics=metrics, account=account, period=period, benchmark=benchmark, stop_loss=stop_loss,
            take_profit=take_profit, trailing_stop=trailing_stop, symbol=symbol,
            symbols=symbols, sort=sort, drop_bad=drop_bad, adjusted=adjusted,
            negative_prices=negative_prices, timezone=timezone, session=session,
            bar_time=bar_time, instruments=instruments, read=read, timeframe=timeframe, detail=detail,
        )  # fmt: skip


class ParallelBacktester:
    """Runs sweeps, comparisons and custom tasks, and keeps its workers between calls.

    A context manager: leaving it ends the workers, as do `close()`, the end of the object and the end of the process.

    Args:
        n_workers: Worker processes; all cores that this process may use, if left out.
        backend: `concurrent` or `multiprocessing`; callables run in worker processes with both. `ray`: on the nodes of a Ray
            cluster, where `n_workers` is the number of processors to use at most.
        limits: Time, memory and size of the result of each task.

    Raises:
        SettingsError: An argument is not valid.
    """

    def __init__(self, n_workers: int | None = None, backend: str = "concurrent", *, limits: Limits | None = None) -> None:
        if backend not in BACKENDS:
            raise SettingsError(f"unknown backend {backend!r}; known: {', '.join(BACKENDS)}")
        if backend == "ray" and importlib.util.find_spec("ray") is None:
            raise HostError("the backend `ray` needs Ray: `pip install ray`")
        if limits is not None and not isinstance(limits, Limits):
            raise SettingsError(f"`limits` is a {type(limits).__name__}; give `Limits(timeout=5, memory=512)`")
        self.n_workers = _workers(n_workers)
        self.backend = backend
        self.limits = limits or Limits()
        self._asked = n_workers
        self._pool: Pool | ClusterPool | None = None
        self._end: weakref.finalize[Any, Any] | None = None

    def __enter__(self) -> ParallelBacktester:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers, and whatever their tasks have left running. The next call starts new ones."""
        self._pool = None
        if self._end is not None:
            self._end()
            self._end = None

    def sweep(
        self,
        data: Any,
        strategy_fn: Any,
        param_grid: Mapping[str, Any],
        *,
        progress: bool = True,
        callback: Callback | None = None,
        where: Any = (),
        objective: str | None = None,
        direction: str | None = None,
        sample: int | None = None,
        seed: int = 0,
        fresh_data: bool = True,
        require: str | Iterable[str] | None = None,
        metrics: str | Sequence[str] | None = None,
        account: Mapping[str, Any] | None = None,
        period: Mapping[str, Any] | None = None,
        benchmark: Any = None,
        each_symbol: bool | None = None,
        top: int | None = None,
        store: bool | str | os.PathLike[str] | None = None,
        out: str | os.PathLike[str] | None = None,
        returns: str | os.PathLike[str] | None = None,
        returns_period: str | None = None,
        rank_by: str | None = None,
        split: float | str | None = None,
        shard: str | None = None,
        stop_loss: Any = None,
        take_profit: Any = None,
        trailing_stop: Any = None,
        symbol: str | None = None,
        symbols: Sequence[str] | None = None,
        sort: bool | None = None,
        drop_bad: bool | None = None,
        adjusted: bool | None = None,
        negative_prices: bool | None = None,
        timezone: str | None = None,
        session: str | None = None,
        bar_time: str | None = None,
        instruments: str | os.PathLike[str] | None = None,
        read: Mapping[str, Any] | None = None,
        timeframe: str | None = None,
        detail: Any = None,
    ) -> SweepResults:
        """Runs a strategy with each combination of parameters, as `run_parameter_sweep` does, with the same keywords."""
        options = _given(
            require=require, metrics=metrics, account=account, period=period, benchmark=benchmark,
            each_symbol=each_symbol, top=top, store=store, out=out, returns=returns, returns_period=returns_period,
            rank_by=rank_by, split=split, shard=shard, stop_loss=stop_loss,
            take_profit=take_profit, trailing_stop=trailing_stop, symbol=symbol, symbols=symbols, sort=sort,
            drop_bad=drop_bad, adjusted=adjusted, negative_prices=negative_prices,
            timezone=timezone, session=session, bar_time=bar_time,
            instruments=instruments, read=read, timeframe=timeframe, detail=detail,
        )  # fmt: skip
        if _is_component(strategy_fn):
            results: SweepResults = _components().sweep(
                data, strategy_fn, param_grid, n_workers=self._asked, progress=progress, backend=self.backend,
                callback=callback, where=where, objective=objective, direction=direction, sample=sample, seed=seed,
                limits=self.limits, **options,
            )  # fmt: skip
            return results
        for name in _FOR_COMPONENTS:
            if name in options:
                raise SettingsError(
                    f"`{name}` is for components, whose equity the engine follows; compile a class of the SDK by `host.compile`, or "
                    "leave it out"
                )
        if out is not None:
            del options["out"]
        planned = self._planned(
            data, strategy_fn, param_grid, where, (sample, seed), fresh_data, callback,
            {**options, "objective": objective, "direction": direction},
        )  # fmt: skip
        return self._run(planned, progress, None if out is None else _files().checked(out, data))

    def iterate(
        self, data: Any, strategy_fn: Any, param_grid: Mapping[str, Any], *, where: Any = (), sample: int | None = None,
        seed: int = 0, fresh_data: bool = True, **options: Any,
    ) -> Iterator[SweepResults]:  # fmt: skip
        """Runs a strategy in Python as `sweep` does, and yields its results while they come, as `host.iter_sweep` says."""
        if self.backend == "ray":
            raise SettingsError(
                "parts of a sweep of a strategy in Python come from this machine only; leave out `backend='ray'`, or use "
                "`run_parameter_sweep`"
            )
        return self._iterated(self._planned(data, strategy_fn, param_grid, where, (sample, seed), fresh_data, None, options))

    def _iterated(self, planned: _Planned) -> Iterator[SweepResults]:
        workers: Any = self._workers()
        with contextlib.closing(workers.stream(planned.call)) as parts:
            for rows in parts:
                yield planned.results(rows)

    def compare(
        self,
        data: Any,
        strategies: Iterable[Any] | Mapping[str, Any],
        *,
        params: Mapping[str, Any] | None = None,
        progress: bool = True,
        callback: Callback | None = None,
        objective: str | None = None,
        direction: str | None = None,
        fresh_data: bool = True,
        metrics: str | Sequence[str] | None = None,
        account: Mapping[str, Any] | None = None,
        period: Mapping[str, Any] | None = None,
        benchmark: Any = None,
        stop_loss: Any = None,
        take_profit: Any = None,
        trailing_stop: Any = None,
        symbol: str | None = None,
        symbols: Sequence[str] | None = None,
        sort: bool | None = None,
        drop_bad: bool | None = None,
        adjusted: bool | None = None,
        negative_prices: bool | None = None,
        timezone: str | None = None,
        session: str | None = None,
        bar_time: str | None = None,
        instruments: str | os.PathLike[str] | None = None,
        read: Mapping[str, Any] | None = None,
        timeframe: str | None = None,
        detail: Any = None,
    ) -> SweepResults:
        """Runs several strategies on the same data, as `run_multi_strategy` does, with the same keywords."""
        options = _given(
            metrics=metrics, account=account, period=period, benchmark=benchmark, stop_loss=stop_loss,
            take_profit=take_profit, trailing_stop=trailing_stop, symbol=symbol,
            symbols=symbols, sort=sort, drop_bad=drop_bad, adjusted=adjusted,
            negative_prices=negative_prices, timezone=timezone, session=session,
            bar_time=bar_time, instruments=instruments, read=read, timeframe=timeframe, detail=detail,
        )  # fmt: skip
        named = _named(strategies)
        components = [name for name, strategy in named if _is_component(strategy)]
        if components and len(components) == len(named):
            results: SweepResults = _components().compare(
                data, strategies, params=params, n_workers=self._asked, progress=progress, backend=self.backend,
                callback=callback, objective=objective, direction=direction, limits=self.limits, **options,
            )  # fmt: skip
            return results
        if components:
            raise SettingsError(f"`{components[0]}` is a component, and others are not; compare each kind in its own call")
        traded = [name for name, strategy in named if _is_traded(strategy)]
        if traded and len(traded) == len(named):
            trading = _strategies().Trading(data, {**options, "objective": objective, "direction": direction})
            call = trading.compare(named, dict(params or {}), fresh_data, self.limits, callback)
            return self._run(_traded(call, trading, [strategy for _, strategy in named], self.limits), progress)
        if traded:
            other = next(name for name, _ in named if name not in traded)
            raise SettingsError(
                f"`{traded[0]}` is traded by the broker, and `{other}` is a plain callable; compare each kind in its own call"
            )
        _refuse(options)
        for name, strategy in named:
            _check_callable(strategy, name, "f(data)")
        given = dict(params or {})
        tasks = [
            Task(index, name, dict(given), name, (index, given)) for index, (name, _) in enumerate(named)
        ]
        call = Call(
            "compare", [strategy for _, strategy in named], tasks, len(tasks), [data], _large(given.values()), fresh_data,
            self.limits, callback,
        )  # fmt: skip
        return self._run(_Planned(call, None, objective, direction), progress)

    def run_parallel(
        self,
        tasks: Iterable[ParallelTask],
        fn: Any,
        progress_callback: Callback | None = None,
        *,
        progress: bool = False,
        objective: str | None = None,
        direction: str | None = None,
        fresh_data: bool = True,
    ) -> SweepResults:
        """Runs `fn(task)` for each task.

        Args:
            tasks: The tasks. An object that several of them share, like the data, is sent to each worker once.
            fn: A callable that takes a `ParallelTask`, or a component that exports `task`.
            progress_callback: Called with the number of finished tasks and of all, after each task.
            progress: Whether to show progress.
            objective, direction, fresh_data: As in `run_parameter_sweep`.

        Returns:
            A result for each task, in their order.

        Raises:
            As `run_parameter_sweep`.
        """
        listed = list(tasks)
        for place, task in enumerate(listed):
            _check_task(place, task)
        if _is_component(fn):
            results: SweepResults = _components().tasks(
                listed, fn, n_workers=self._asked, progress=progress, backend=self.backend, callback=progress_callback,
                objective=objective, direction=direction, limits=self.limits,
            )  # fmt: skip
            return results
        _check_callable(fn, "fn", "fn(task)")
        call = Call(
            "custom", fn, [_custom(index, task) for index, task in enumerate(listed)], len(listed), [],
            _repeated(listed), fresh_data, self.limits, progress_callback,
        )  # fmt: skip
        return self._run(_Planned(call, None, objective, direction), progress)

    def _planned(
        self, data: Any, strategy: Any, grid: Mapping[str, Any], where: Any, sampling: tuple[int | None, int], fresh: bool,
        callback: Callback | None, options: Mapping[str, Any],
    ) -> _Planned:  # fmt: skip
        """The call that runs a strategy in Python with each combination of `grid`."""
        sample, seed = sampling
        name = _name_of(strategy)
        if _is_traded(strategy):
            trading = _strategies().Trading(data, options)
            call = trading.sweep(
                strategy, name, grid, where, lambda axes: _drawn(axes, sample, seed), {"sample": sample, "seed": seed},
                fresh, self.limits, callback,
            )  # fmt: skip
            return _traded(call, trading, [strategy], self.limits)
        more = dict(options)
        ranking = more.pop("objective", None), more.pop("direction", None)
        _refuse(more)
        _check_callable(strategy, "strategy_fn", "f(data, **params)")
        axes = Grid(grid, where)
        combinations, total = _drawn(axes, sample, seed)
        tasks = (
            Task(index, task_name(params) or name, params, name, params) for index, params in enumerate(combinations)
        )
        call = Call(
            "sweep", strategy, tasks, total, [data], _large(value for axis in axes.axes.values() for value in axis), fresh,
            self.limits, callback,
        )  # fmt: skip
        return _Planned(call, axes.axes, *ranking)

    def _run(self, planned: _Planned, progress: bool, out: str | None = None) -> SweepResults:
        call = planned.call
        screen = display(call.total, progress)
        try:
            results = planned.results(self._workers().run(call, screen) if call.total else [])
        except Stopped as stopped:
            raise SweepInterrupted(planned.results(stopped.results), call.total) from None
        except KeyboardInterrupt:
            raise SweepInterrupted(planned.results([]), call.total) from None
        finally:
            screen.close()
        if out is not None:
            _files().write(results, out)
        return results

    def _workers(self) -> Pool | ClusterPool:
        if self._pool is None:
            self._pool = _on_ray(self._asked) if self.backend == "ray" else Pool(self.n_workers)
            self._end = weakref.finalize(self, self._pool.close)
        return self._pool


class _Planned:
    """A call, and how its results are named and ranked.

    Args:
        finish: Takes the metrics out of results; returns the indices of those that are not to be ranked.
        again: Runs a combination once more, and keeps its books.

    Raises:
        SettingsError: The direction or the callback is not valid.
    """

    def __init__(
        self, call: Call, axes: Mapping[str, Sequence[Any]] | None, objective: str | None, direction: str | None,
        kind: str = "callable", finish: Callable[[list[ParallelResult]], set[int]] | None = None, again: _Again | None = None,
    ) -> None:  # fmt: skip
        self.call, self._axes, self._objective, self._kind, self._finish = call, axes, objective, kind, finish
        self._direction, self._again = checked_direction(direction or "max"), again
        if call.callback is not None and not callable(call.callback):
            raise SettingsError(f"the callback is a {type(call.callback).__name__}; give a callable `f(completed, total)`")

    def results(self, results: list[ParallelResult]) -> SweepResults:
        """Those of `results`, as the caller gets them."""
        left_out = self._finish(results) if self._finish is not None else ()
        found = SweepResults(
            results, axes=self._axes, objective=self._objective, direction=self._direction, kind=self._kind, left_out=left_out
        )
        found._again = self._again
        return found


def _traded(call: Call, trading: Any, strategies: list[Any], limits: Limits) -> _Planned:
    kind = _strategies().result_kind(strategies)
    again = _Again(trading, limits)
    return _Planned(call, trading.axes, trading.objective, trading.direction, kind, trading.finished, again)


class _Again:
    """Runs a combination of a strategy in Python once more, in a worker process. It stays in its process: a copy of the results
    elsewhere has none."""

    def __init__(self, trading: Any, limits: Limits) -> None:
        self._trading, self._limits = trading, limits

    def __call__(self, result: ParallelResult) -> BacktestRun:
        from host._run import of_books

        with ParallelBacktester(1) as backtester:
            ran = backtester._run(_Planned(self._trading.again(result, self._limits), None, None, None), False)[0]
        if not ran.success:
            raise PluginError(f"`{result.task_id}` failed: {ran.error_message}")
        books, _ = ran.result
        return of_books(books, result.params)

    def __reduce__(self) -> Any:
        return type(None), ()


def iter_sweep(
    data: Any,
    strategy: Any,
    param_grid: Any,
    *,
    n_workers: int | None = None,
    backend: str = "concurrent",
    where: Any = (),
    require: str | Iterable[str] | None = None,
    objective: str | None = None,
    direction: str | None = None,
    sample: int | None = None,
    seed: int = 0,
    metrics: Sequence[str] | str | None = None,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    each_symbol: bool | None = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    fresh_data: bool = True,
    top: int | None = None,
    store: bool | str | os.PathLike[str] | None = None,
    shard: str | None = None,
    **reading: Any,
) -> Any:
    """Runs a strategy like `run_parameter_sweep`, and yields its results in order while they come, some at a time.

    Each part has `__arrow_c_stream__`: of a component, rows; of a strategy in Python, a `SweepResults` of at most 1,024
    results. Some ten thousand results are in memory at most, whatever the size of the grid. The sweep stops when the iterator is
    closed or dropped.

    Args:
        data, strategy, param_grid, n_workers, backend, where, require, objective, direction, sample, seed, metrics, account,
            limits, each_symbol, period, benchmark, fresh_data, top, store, shard: As in `run_parameter_sweep`. So are `stop_loss`,
            `take_profit` and `trailing_stop`.
        reading: How data is read: `timezone`, `sort`, `drop_bad`, `adjusted` and so on, as there.

    Raises:
        As `run_parameter_sweep`; but `KeyboardInterrupt` for Ctrl-C.
    """
    options = _given(
        require=require, objective=objective, direction=direction, metrics=metrics, account=account, each_symbol=each_symbol,
        period=period, benchmark=benchmark, top=top, store=store, shard=shard, **reading,
    )  # fmt: skip
    if _is_component(strategy):
        return _components().iter_sweep(
            data, strategy, param_grid, n_workers=n_workers, backend=backend, where=where, sample=sample, seed=seed,
            limits=limits, **options,
        )  # fmt: skip
    backtester = ParallelBacktester(n_workers, backend, limits=limits)
    parts = backtester.iterate(
        data, strategy, param_grid, where=where, sample=sample, seed=seed, fresh_data=fresh_data, **options
    )
    return _closing(parts, backtester)


def _closing(parts: Iterator[SweepResults], backtester: ParallelBacktester) -> Iterator[SweepResults]:
    with backtester:
        yield from parts


def _workers(asked: int | None) -> int:
    if asked is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        count = asked.__index__() if not isinstance(asked, bool) else 0
    except AttributeError:
        count = 0
    if not 1 <= count <= MOST_WORKERS:
        raise SettingsError(f"`n_workers` is {asked!r}; give a whole number from 1 to {MOST_WORKERS}, or None for all cores")
    return count


def _on_ray(asked: int | None) -> ClusterPool:
    from host._ray import pool

    return pool(asked)


def _is_component(strategy: object) -> bool:
    """Whether the sandbox runs it: a name, a path, bytes, or an object that says so, as `Plugin` does."""
    kinds = (str, bytes, bytearray, memoryview, os.PathLike)
    return isinstance(strategy, kinds) or getattr(type(strategy), "__host_component__", False) is True


def _components() -> Any:
    try:
        return importlib.import_module("host._components")
    except ModuleNotFoundError as error:
        if error.name not in ("host._components", "host._core"):
            raise
        raise HostError(
            "this installation has no engine for components, so that names, paths and bytes of plugins do not run; "
            "install the wheel `host-backtest`, or pass a Python callable"
        ) from error


def _is_traded(strategy: object) -> bool:
    """Whether our broker trades what it asks for: a marked function, or a class of the SDK."""
    if isinstance(strategy, type):
        return any(base.__module__ == "backtest.strategy" for base in strategy.__mro__)
    return answers_with_targets(strategy)


def _strategies() -> Any:
    try:
        return importlib.import_module("host._strategies")
    except ImportError as error:
        if error.name not in ("host._core", "host"):
            raise
        raise HostError(
            "this installation has no broker, so that only plain callables run; install the wheel `host-backtest`"
        ) from error


def _files() -> Any:
    try:
        return importlib.import_module("host._file")
    except ImportError as error:
        if error.name not in ("host._core", "host"):
            raise
        raise HostError(
            "this installation cannot write results files; install the wheel `host-backtest`, or use `results.to_pandas()`"
        ) from error


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse(options: Mapping[str, Any]) -> None:
    for name in options:
        raise SettingsError(
            f"`{name}` is for components and for strategies that the broker trades; a plain callable does not take it. A function "
            "that returns exposures is traded under `@host.targets`"
        )


def _check_callable(function: object, name: str, form: str) -> None:
    if not callable(function):
        raise SettingsError(
            f"`{name}` is a {type(function).__name__}; give a callable `{form}`, or a component: a name, a path, bytes"
        )


def _check_task(place: int, task: object) -> None:
    if not isinstance(task, ParallelTask):
        raise SettingsError(f"task {place} is a {type(task).__name__}; give a `ParallelTask(task_id, params, strategy_name)`")
    if not isinstance(task.params, Mapping):
        raise SettingsError(f"task `{task.task_id}` has params of the type {type(task.params).__name__}; give a dict")


def _custom(index: int, task: ParallelTask) -> Task:
    argument = (task.task_id, task.params, task.strategy_name)
    return Task(index, task.task_id, dict(task.params), task.strategy_name, argument)


def _name_of(strategy: object) -> str:
    name = getattr(getattr(strategy, "func", strategy), "__name__", None)
    return name if isinstance(name, str) else type(strategy).__name__


def _named(strategies: Iterable[Any] | Mapping[str, Any]) -> list[tuple[str, Any]]:
    if isinstance(strategies, Mapping):
        return [(str(name), strategy) for name, strategy in strategies.items()]
    if isinstance(strategies, (str, bytes)) or not isinstance(strategies, Iterable):
        raise SettingsError(f"`strategies` is a {type(strategies).__name__}; give a list of strategies")
    named: list[tuple[str, Any]] = []
    counts: dict[str, int] = {}
    for strategy in strategies:
        name = str(strategy) if isinstance(strategy, (str, os.PathLike)) else _name_of(strategy)
        counts[name] = counts.get(name, 0) + 1
        named.append((name if counts[name] == 1 else f"{name}#{counts[name]}", strategy))
    return named


def _drawn(grid: Grid, sample: int | None, seed: int) -> tuple[Iterable[dict[str, Any]], int]:
    """The combinations to run, in the order of the grid, and their number."""
    if sample is not None and (isinstance(sample, bool) or not isinstance(sample, int) or sample < 1):
        raise GridError(f"`sample` is {sample!r}; give a whole number, 1 or more")
    total = grid.count()
    if total is not None and (sample is None or sample >= total):
        return grid.combinations(), total
    combinations = list(grid.combinations())
    if sample is not None and sample < len(combinations):
        places = sorted(random.Random(seed).sample(range(len(combinations)), sample))
        combinations = [combinations[place] for place in places]
    return combinations, len(combinations)


_SMALL = (bool, int, float, complex, type(None))


def _large(values: Iterable[object]) -> list[object]:
    """The objects of `values` that may be worth sending once, each one time."""
    found = {}
    for value in values:
        if type(value) in _SMALL or isinstance(value, (str, bytes)) and len(value) < 4_096:
            continue
        found[id(value)] = value
    return list(found.values())


def _repeated(tasks: Sequence[ParallelTask]) -> list[object]:
    """The objects that several tasks hold in their parameters, directly or in a dict, list or tuple there."""
    counts: dict[int, int] = {}
    owners: dict[int, object] = {}
    for task in tasks:
        of_task = {id(value): value for value in _large(_parts(task.params))}
        owners.update(of_task)
        for key in of_task:
            counts[key] = counts.get(key, 0) + 1
    return [value for key, value in owners.items() if counts[key] > 1]


def _parts(params: Mapping[str, Any]) -> Iterable[object]:
    for value in params.values():
        yield value
        if isinstance(value, (list, tuple)) and len(value) <= 1_000:
            yield from value
        elif type(value) is dict and len(value) <= 1_000:
            yield from value.values()


