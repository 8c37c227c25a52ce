"""Functions that return exposures, traded by our broker: the bits of a component, every form of answer, and what is no answer."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import DataError, GridError, Limits, ParallelBacktester, SettingsError, Targets

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")

BARS = 300


@pytest.fixture(scope="module")
def backtester() -> Iterator[ParallelBacktester]:
    with ParallelBacktester(2) as shared:
        yield shared


def frame(bars: int = BARS, shift: float = 0.0) -> Any:
    return pandas.DataFrame(core_data.columns(bars, shift), index=pandas.DatetimeIndex(core_data.dates(bars)))


def bits(results: Any) -> list[Any]:
    """What results say, each number by its bits."""

    def exact(value: Any) -> Any:
        return struct.pack("<d", value) if isinstance(value, float) else value

    return [
        {name: exact(value) for name, value in (result.result or {"failed": result.error_message}).items()}
        for result in results
    ]


@host.targets
def momentum(data: Any, lookback: int = 60, threshold: float = 0.0, short: bool = False) -> Any:
    """What the bundled component does with one instrument."""
    gain = data["close"] / data["close"].shift(lookback) - 1
    return (gain > threshold).astype(float) - ((gain < -threshold).astype(float) if short else 0.0)


GRID = {"lookback": [5, 10, 40], "threshold": [0.0, 0.01]}

ACCOUNTS: list[dict[str, Any]] = [
    {},
    {"account": {"commission_bps": 5, "slippage_bps": 2, "initial_cash": 5000}},
    {"account": {"fill": "close"}},
    {"account": {"profile": "vectorbt"}},
    {"account": {"periods_per_year": 365, "risk_free": 0.03}},
    {"metrics": ["sharpe", "trades", "omega"]},
    {"period": {"from": "2020-03-01", "to": "2020-08-31"}},
    {"period": {"to": "2020-05-17"}},
    {"stop_loss": [0, 0.015], "take_profit": "5%,10%", "trailing_stop": 0.05},
]


@pytest.mark.parametrize("options", ACCOUNTS, ids=str)
def test_metrics_have_the_bits_of_a_component(backtester: ParallelBacktester, options: dict[str, Any]) -> None:
    mine = backtester.sweep(frame(), momentum, GRID, progress=False, **options)
    theirs = backtester.sweep(frame(), "momentum", GRID, progress=False, **options)
    assert bits(mine) == bits(theirs) and not mine.failed
    assert [{**result.params, "short": False} for result in mine] == [result.params for result in theirs]
    assert mine.objective == theirs.objective and mine.direction == theirs.direction
    assert (mine.kind, mine.sandboxed, theirs.kind, theirs.sandboxed) == ("targets", False, "component", True)


def test_exits_are_parameters_of_results_and_not_of_functions(backtester: ParallelBacktester) -> None:
    results = backtester.sweep(frame(), momentum, {"lookback": [5]}, progress=False, stop_loss=[0.0, 0.015])
    assert [result.params for result in results] == [{"lookback": 5, "stop_loss": 0.0}, {"lookback": 5, "stop_loss": 0.015}]
    plain = backtester.sweep(frame(), momentum, {"lookback": [5]}, progress=False)
    assert bits(results)[:1] == bits(plain) != bits(results)[1:]
    again = results.run(results[1].task_id)
    assert again.metrics == results[1].result
    assert {"stop", "signal"} <= set(again.trades()["exit_reason"])
    compared = backtester.compare(frame(), [momentum], params={"lookback": 5}, progress=False, stop_loss=0.015)
    assert bits(compared) == bits(results)[1:]
    with pytest.raises(GridError, match="several values"):
        backtester.compare(frame(), [momentum], params={"lookback": 5}, progress=False, stop_loss=[0.0, 0.015])
    with pytest.raises(GridError, match="from 0 to 0.9999"):
        backtester.sweep(frame(), momentum, {"lookback": [5]}, progress=False, stop_loss=2)


def test_each_symbol_and_several_on_one_account(backtester: ParallelBacktester) -> None:
    data = {"AA": frame(), "B": frame(250, 1.0)}

    @host.targets
    def both(data: Any, lookback: int) -> Any:
        return {symbol: 0.5 * momentum(one, lookback) for symbol, one in data.items()}

    grid = {"lookback": [5, 30]}
    theirs = backtester.sweep(data, "momentum", grid, progress=False)
    assert bits(backtester.sweep(data, both, grid, progress=False)) == bits(theirs)
    alone = backtester.sweep(data, momentum, grid, progress=False, each_symbol=True)
    theirs = backtester.sweep(data, "momentum", grid, progress=False, each_symbol=True)
    assert bits(alone) == bits(theirs)
    assert [(one.symbol, one.task_id) for one in alone] == [(one.symbol, one.task_id) for one in theirs]


def test_symbols_that_are_left_out_are_not_shown(backtester: ParallelBacktester) -> None:
    data = {"AA": frame(), "B": frame(250, 1.0), "C": frame(200)}

    @host.targets
    def both(data: Any, lookback: int) -> Any:
        assert list(data) == ["AA", "C"]
        return {symbol: 0.5 * momentum(one, lookback) for symbol, one in data.items()}

    options: dict[str, Any] = {"progress": False, "symbols": ["AA", "C"]}
    mine = backtester.sweep(data, both, {"lookback": [5]}, **options)
    assert bits(mine) == bits(backtester.sweep(data, "momentum", {"lookback": [5], "threshold": [0.0]}, **options))


def forms() -> dict[str, Callable[[Any], Any]]:
    """Answers of every form with the same exposures."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "series": lambda values: pandas.Series(values),
        "indexed": lambda values: pandas.Series(values, index=frame().index),
        "frame": lambda values: pandas.DataFrame({"any": values}),
        "symbol": lambda values: pandas.DataFrame({"data": values}),
        "mapping": lambda values: {"data": values},
        "list": lambda values: [float(value) for value in values],
        "whole": lambda values: values.astype("int8"),
        "flags": lambda values: values > 0,
        "narrow": lambda values: values.astype("float32"),
        "column": lambda values: values.reshape(-1, 1),
        "strided": lambda values: numpy.repeat(values, 2)[::2],
        "nullable": lambda values: pandas.Series(values).astype("Int64"),
        "objects": lambda values: values.astype(object),
        "generator": lambda values: (value for value in values.tolist()),
        "big-endian": lambda values: values.astype(">f8"),
    }
    try:
        import polars
        import pyarrow
    except ImportError:
        return kinds
    kinds["polars"] = lambda values: polars.Series(values)
    kinds["polars frame"] = lambda values: polars.DataFrame({"data": values})
    kinds["arrow"] = lambda values: pyarrow.array(values)
    return kinds


@pytest.mark.parametrize("form", forms())
def test_an_answer_may_have_any_form(backtester: ParallelBacktester, form: str) -> None:
    make = forms()[form]

    @host.targets
    def answer(data: Any, lookback: int) -> Any:
        return make(momentum(data, lookback).to_numpy())

    results = backtester.sweep(frame(), answer, {"lookback": [5, 10]}, progress=False)
    assert bits(results) == bits(backtester.sweep(frame(), momentum, {"lookback": [5, 10]}, progress=False))


def wrong() -> dict[str, tuple[Callable[[Any], Any], str]]:
    """What is no answer, and a part of what is said about it."""
    return {
        "nan": (lambda data: data["close"].shift(3) * 0 + 1, "at bar 0 (2020-01-01) is NaN"),
        "inf": (lambda data: [0.0] * 7 + [float("inf")] + [0.0] * (len(data) - 8), "at bar 7 (2020-01-08) is inf"),
        "short": (lambda data: [1.0] * (len(data) - 1), "299 exposures for `data`, which has 300 bars"),
        "empty": (lambda data: [], "0 exposures for `data`, which has 300 bars"),
        "void": (lambda data: numpy.array([]), "0 exposures for `data`, which has 300 bars"),
        "long": (lambda data: numpy.ones(len(data) + 1), "301 exposures for `data`, which has 300 bars"),
        "dropped": (lambda data: data["close"].pct_change().dropna(), "another index than the data"),
        "turned": (lambda data: data["close"][::-1] * 0, "another index than the data"),
        "none": (lambda data: None, "returned a NoneType; return one exposure for each bar"),
        "number": (lambda data: 1.0, "returned a float; return one exposure for each bar"),
        "text": (lambda data: "buy", "returned a str; return one exposure for each bar"),
        "words": (lambda data: ["buy"] * len(data), "at bar 0 is 'buy', which is no number"),
        "missing": (lambda data: [None] * len(data), "at bar 0 (2020-01-01) is NaN"),
        "matrix": (lambda data: numpy.ones((len(data), 2)), "a ndarray of the shape (300, 2)"),
        "complex": (lambda data: numpy.ones(len(data)) * 1j, "which is no number"),
        "stranger": (lambda data: {"data": data["close"] * 0, "X": data["close"] * 0}, "`X`, which the data does not have"),
        "other": (lambda data: {"X": data["close"] * 0}, "no `data`"),
        "bar": (lambda data: Targets([300], [1.0]), "names bar 300"),
        "half": (lambda data: Targets([1.5], [1.0]), "have the bar 1.5"),
        "order": (lambda data: Targets([2, 1], [1.0, 0.0]), "does not come after the target before it"),
        "ragged": (lambda data: Targets([1, 2], [1.0]), "differ in length"),
        "whose": (lambda data: Targets([1], [1.0], ["X"]), "name the instrument `X`; the data has data"),
        "none such": (lambda data: Targets([1], [1.0], [4]), "names instrument 4"),
        "undefined": (lambda data: Targets([1], [float("nan")]), "exposure of NaN"),
    }


@pytest.mark.parametrize("case", wrong())
def test_what_is_no_answer_is_one_failed_result(backtester: ParallelBacktester, case: str) -> None:
    make, said = wrong()[case]

    @host.targets
    def answer(data: Any, bad: bool) -> Any:
        return make(data) if bad else momentum(data, 5)

    results = backtester.sweep(frame(), answer, {"bad": [True, False]}, progress=False)
    assert (results[0].success, results[0].error_kind, results[1].success) == (False, "bad-output", True)
    assert said in (results[0].error_message or "")


def test_an_exception_a_hang_and_a_crash_are_failed_results(nothing_left: None) -> None:
    import os

    @host.targets
    def answer(data: Any, how: str) -> Any:
        if how == "raises":
            raise ValueError("no signal")
        if how == "hangs":
            time.sleep(60)
        if how == "dies":
            os._exit(3)
        return momentum(data, 5)

    with ParallelBacktester(2, limits=Limits(timeout=1.0)) as own:
        results = own.sweep(frame(), answer, {"how": ["raises", "hangs", "dies", "works"]}, progress=False)
    assert [result.error_kind for result in results] == ["failed", "timed-out", "crash", None]
    assert "ValueError: no signal" in (results[0].error_message or "") and "test_targets.py" in (results[0].error_message or "")
    assert "_trade.py" not in "\n".join(results[0].log)


def test_explicit_targets_may_ask_again_for_the_same(backtester: ParallelBacktester) -> None:
    @host.targets
    def steady(data: Any, every: int) -> Any:
        bars = list(range(0, len(data), every or len(data)))
        return Targets(bars, [0.5] * len(bars))

    @host.targets
    def once(data: Any, every: int) -> Any:
        return [0.5] * len(data)

    once_only, monthly = (result.result for result in backtester.sweep(frame(), steady, {"every": [0, 20]}, progress=False))
    assert once_only == backtester.sweep(frame(), once, {"every": [0]}, progress=False)[0].result
    assert (once_only["orders"], monthly["orders"]) == (1, 15)


def test_paths_and_bundled_bars_come_as_columns(backtester: ParallelBacktester, tmp_path: Path) -> None:
    @host.targets
    def columns(data: Any, lookback: int) -> Any:
        assert list(data) == ["time", "open", "high", "low", "close", "volume"] and data["time"].dtype == "datetime64[ns]"
        close = data["close"]
        return numpy.concatenate([numpy.zeros(lookback), close[lookback:] / close[:-lookback] - 1 > 0])

    path = core_data.write_csv(tmp_path / "data.csv", BARS)
    grid = {"lookback": [5, 20]}
    for data in (path, str(path), [path], None):
        mine = backtester.sweep(data, columns, grid, progress=False)
        theirs = backtester.sweep(data, "momentum", {**grid, "threshold": [0.0]}, progress=False)
        assert bits(mine) == bits(theirs) and not mine.failed


def test_rows_that_are_no_bars_in_their_place_are_refused(backtester: ParallelBacktester) -> None:
    doubled = pandas.concat([frame(), frame().iloc[[5]]])
    for data, options in [
        (frame()[::-1], {}),
        (frame().sample(frac=1, random_state=1), {"sort": True}),
        (doubled.sort_index(), {"drop_bad": True}),
    ]:
        with pytest.raises(DataError, match="not every row is a bar in its place"):
            backtester.sweep(data, momentum, {"lookback": [5]}, progress=False, **options)


def test_nothing_after_the_period_is_shown(backtester: ParallelBacktester) -> None:
    @host.targets
    def peeks(data: Any, lookback: int) -> Any:
        return [float(len(data) > 138)] * len(data)

    period = {"from": "2020-02-01", "to": "2020-05-17"}
    data = {"A": frame(), "B": frame(200)}

    @host.targets
    def peeks_at_one(data: Any, lookback: int) -> Any:
        return {symbol: peeks(one, lookback) for symbol, one in data.items()}

    polars = pytest.importorskip("polars")
    columns = {"date": core_data.dates(BARS), **core_data.columns(BARS)}
    for bars, function in [
        (frame(), peeks), (polars.DataFrame(columns), lambda data, lookback: [float(data.height > 138)] * data.height),
        (columns, lambda data, lookback: [float(len(data["close"]) > 138)] * len(data["close"])), (data, peeks_at_one),
    ]:  # fmt: skip
        results = backtester.sweep(bars, host.targets(function), {"lookback": [1]}, progress=False, period=period)
        assert results[0].success and results[0].result["orders"] == 0, results[0]


def test_requirements_decide_what_is_ranked(backtester: ParallelBacktester) -> None:
    grid = {"lookback": [2, 5, 10, 40, 100]}
    plain = backtester.sweep(frame(), momentum, grid, progress=False, objective="total_return")
    counts = {result.params["lookback"]: result.result["trades"] for result in plain}
    middle = sorted(counts.values())[2]
    results = backtester.sweep(
        frame(), momentum, grid, progress=False, objective="max_drawdown", require=[f"trades <= {middle}"]
    )
    ranked = results.best(10)
    assert {result.params["lookback"] for result in ranked} == {at for at, count in counts.items() if count <= middle}
    assert len(results) == 5 and results.objective == "max_drawdown" and len(results[1:].best(10)) < len(results)


def test_a_comparison_mixes_what_the_broker_trades(backtester: ParallelBacktester) -> None:
    @host.targets
    def hold(data: Any, **params: Any) -> Any:
        return [1.0] * len(data)

    options: dict[str, Any] = {"params": {"lookback": 7}, "progress": False, "account": {"commission_bps": 3}}
    results = backtester.compare(frame(), [momentum, hold, hold], **options)
    assert [result.task_id for result in results] == ["momentum", "hold", "hold#2"] and not results.failed
    theirs = backtester.compare(frame(), ["momentum"], **options)
    assert bits(results)[0] == bits(theirs)[0] and results.kind == "targets"
    for others in ([momentum, "momentum"], [momentum, len]):
        with pytest.raises(SettingsError, match="compare each kind in its own call"):
            backtester.compare(frame(), others, progress=False)


def test_what_does_not_apply_is_said_before_anything_runs(backtester: ParallelBacktester) -> None:
    grid = {"lookback": [5]}
    for options, error, said in [
        ({"shard": "1/2"}, SettingsError, "`shard` is for components"),
        ({"top": 5}, SettingsError, "`top` is for components"),
        ({"account": {"comission_bps": 5}}, SettingsError, "did you mean `commission_bps`"),
        ({"account": {"initial_cash": -5}}, SettingsError, "initial_cash"),
        ({"account": {"mode": "events"}}, SettingsError, "events"),
        ({"metrics": ["sharp"]}, SettingsError, "unknown metric `sharp`"),
        ({"objective": "sharp"}, SettingsError, "sharp"),
        ({"require": "trade >= 3"}, SettingsError, "neither a metric nor a parameter"),
        ({"period": {"from": "2031-01-01"}}, SettingsError, "2031"),
        ({"where": "lookback > 3"}, GridError, "text, which is for components"),
    ]:  # fmt: skip
        with pytest.raises(error, match=said.replace("(", r"\(")):
            backtester.sweep(frame(), momentum, grid, progress=False, **options)
    with pytest.raises(SettingsError, match="plain callable does not take it.*@host.targets"):
        backtester.sweep(frame(), len, grid, progress=False, account={"commission_bps": 5})
    with pytest.raises(TypeError, match="marks functions"):
        host.targets(int)


def test_ctrl_c_keeps_what_is_finished(backtester: ParallelBacktester) -> None:
    import os
    import signal

    def interrupt(completed: int, total: int) -> None:
        if completed == 3:
            os.kill(os.getpid(), signal.SIGINT)

    @host.targets
    def slow(data: Any, lookback: int) -> Any:
        time.sleep(0.02)
        return momentum(data, lookback)

    with pytest.raises(host.SweepInterrupted) as stopped:
        backtester.sweep(frame(), slow, {"lookback": range(1, 200)}, progress=False, callback=interrupt)
    results = stopped.value.results
    assert 3 <= len(results) < 199 and all(result.result["bars"] == BARS for result in results)
    assert "targets of Python functions" in results._repr_html_()


def test_lambdas_closures_and_bound_arguments_are_marked(backtester: ParallelBacktester) -> None:
    import functools

    exposure = 0.25
    marked = host.targets(lambda data, lookback: [exposure] * len(data))
    assert marked([1, 2], 3) == [0.25, 0.25]
    assert backtester.sweep(frame(), marked, {"lookback": [1]}, progress=False).kind == "targets"
    bound = functools.partial(momentum, threshold=0.01)
    results = backtester.sweep(frame(), bound, {"lookback": [5]}, progress=False)
    assert bits(results) == bits(backtester.sweep(frame(), momentum, {"lookback": [5], "threshold": [0.01]}, progress=False))
