"""Data: they arrive as they were, each task has its own, and they travel once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from host.parallel import ParallelBacktester, ParallelTask, run_parameter_sweep

numpy = pytest.importorskip("numpy")


@pytest.fixture(scope="module")
def single() -> Iterator[ParallelBacktester]:
    """One worker, which runs all tasks, so that each could see what the one before has written."""
    with ParallelBacktester(1) as shared:
        yield shared


def frames() -> dict[str, Any]:
    """One object of each kind that people pass as data."""
    values = numpy.random.default_rng(1).random((5, 1000))
    columns = dict(zip(("open", "high", "low", "close", "volume"), values))
    kinds: dict[str, Any] = {
        "list": [1.5, float("nan"), 2**70, "text", None],
        "arrays": columns,
        "structured": numpy.zeros(7, dtype=[("time", "datetime64[ns]"), ("close", "f8")]),
        "strided": values.T[::3],
        "empty": numpy.empty((0, 3)),
        "memmap": None,
    }
    try:
        import pandas

        index = pandas.date_range("2024-01-01", periods=1000, freq="min", tz="Europe/Berlin", name="time")
        frame = pandas.DataFrame(columns, index=index)
        frame["symbol"] = pandas.Categorical(["A", "B"] * 500)
        frame["note"] = "text"
        kinds["pandas"] = frame
        kinds["frames"] = {"A": frame, "B": frame.iloc[::2]}
    except ImportError:
        pass
    try:
        import polars

        kinds["polars"] = polars.DataFrame(columns).with_columns(symbol=polars.lit("A").cast(polars.Categorical))
    except ImportError:
        pass
    try:
        import pyarrow

        kinds["arrow"] = pyarrow.table(columns)
    except ImportError:
        pass
    del kinds["memmap"]
    return kinds


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if hasattr(left, "equals"):
        return bool(left.equals(right)) and str(getattr(left, "dtypes", "")) == str(getattr(right, "dtypes", ""))
    if isinstance(left, numpy.ndarray):
        return left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes()
    return repr(left) == repr(right)


@pytest.mark.parametrize("kind", list(frames()))
def test_data_arrive_as_they_were(backtester: ParallelBacktester, kind: str) -> None:
    data = frames()[kind]
    for result in backtester.sweep(data, lambda data, at: data, {"at": [1, 2, 3]}, progress=False):
        assert result.success, result.error_message
        assert same(data, result.result)


def test_a_task_may_write_into_its_data_and_no_other_sees_it(backtester: ParallelBacktester) -> None:
    data = {"close": numpy.arange(10_000.0), "names": ["A"]}

    def writes(data: Any, at: int) -> tuple[float, int]:
        data["close"] *= 2
        data["names"].append("B")
        data["more"] = at
        return float(data["close"].sum()), len(data["names"]) + len(data)

    results = backtester.sweep(data, writes, {"at": range(60)}, progress=False)
    assert {result.result for result in results} == {(float(numpy.arange(10_000.0).sum() * 2), 5)}
    assert data["names"] == ["A"] and data["close"][3] == 3.0


def test_what_a_task_keeps_of_its_data_stays_as_it_wrote_it() -> None:
    def keeps(data: Any, at: int) -> float:
        if not hasattr(sys, "kept_by_a_strategy"):
            data["close"] += 1000
            setattr(sys, "kept_by_a_strategy", data["close"])
        return float(getattr(sys, "kept_by_a_strategy")[0]) - float(data["close"][0]) * (at > 0)

    results = run_parameter_sweep({"close": numpy.arange(10_000.0)}, keeps, {"at": range(20)}, 1, False)
    assert [result.result for result in results] == [1000.0] * 20


def test_pandas_code_that_writes_in_place_works(backtester: ParallelBacktester) -> None:
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({"close": numpy.arange(1, 2001.0), "flag": 0})

    def writes(data: Any, at: int) -> float:
        data.loc[data["close"] > 1000, "flag"] = at
        data["close"] += at
        data.index.name = "changed"
        return float(data["flag"].sum() + data["close"].sum())

    expected = [writes(data.copy(), at) for at in range(1, 40)]
    results = backtester.sweep(data, writes, {"at": range(1, 40)}, progress=False)
    assert [result.result for result in results] == expected
    assert data.index.name is None


WRITES: list[Any] = [
    lambda data: data.insert(0, "new", 1),
    lambda data: data.__setitem__("close", 0.0),
    lambda data: data.loc.__setitem__((slice(None), "close"), 0.0),
    lambda data: data.drop(columns="open", inplace=True),
    lambda data: data.sort_values("close", inplace=True),
    lambda data: setattr(data.index, "name", "x"),
    lambda data: setattr(data.columns, "name", "x"),
    lambda data: setattr(data, "columns", list("abcdefg"[: data.shape[1]])),
    lambda data: data.attrs.update(seen=1),
    lambda data: data.index._data._ndarray.__setitem__(3, 0),
    lambda data: data["close"]._values.__setitem__(3, 0.0),
    lambda data: data["when"].array._ndarray.__setitem__(3, 0),
    lambda data: data["symbol"].array._codes.__setitem__(3, 0),
    lambda data: data._mgr.blocks[0].values.__setitem__(0, 9),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("objects", [False, True])
def test_no_write_into_a_frame_reaches_another_task(single: ParallelBacktester, write: Any, objects: bool) -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-01", periods=20_000, freq="min", name="time")
    data = pandas.DataFrame({name: numpy.arange(20_000.0) for name in ("open", "close")}, index=index)
    data["when"] = index.shift(1)
    data["symbol"] = pandas.Categorical(["A", "B"] * 10_000)
    data["note"] = "text"
    if objects:
        data["any"] = [[1]] * 20_000

    def digest(data: Any) -> str:
        named = repr((list(data.columns), data.columns.name, data.index.name, data.attrs, data.dtypes.to_dict()))
        return named + str(pandas.util.hash_pandas_object(data.astype(str), index=True).sum())

    def strategy(data: Any, at: int) -> str:
        before = digest(data)
        try:
            write(data)
        except ValueError:
            pass  # Some arrays of pandas 3 cannot be written, here as in any process.
        return before

    results = single.sweep(data, strategy, {"at": range(4)}, progress=False)
    assert {result.result for result in results} == {digest(data)}, results[0].error_message


def test_copies_that_were_made_ahead_go_with_what_a_task_wrote(single: ParallelBacktester) -> None:
    pandas = pytest.importorskip("pandas")
    data = pandas.DataFrame({"open": numpy.arange(5_000.0), "close": numpy.ones(5_000)})

    def strategy(data: Any, at: int) -> float:
        before = float(data["close"].sum())
        if at in (5, 6, 30):
            data._mgr.blocks[0].values[:] = at
        return before

    results = single.sweep(data, strategy, {"at": range(60)}, progress=False)
    assert {result.result for result in results} == {5_000.0}, results[0].error_message


def test_an_object_in_two_places_stays_one(backtester: ParallelBacktester) -> None:
    array = numpy.arange(20_000.0)
    results = backtester.sweep([array, array], lambda data, at: data[0] is data[1], {"at": [1, 2, 3]}, progress=False)
    assert [result.result for result in results] == [True] * 3


def test_one_object_for_all_tasks_of_a_worker_on_request() -> None:
    def appends(data: list[int], at: int) -> int:
        data.append(at)
        return len(data)

    results = run_parameter_sweep([], appends, {"at": range(5)}, 1, False, fresh_data=False)
    assert [result.result for result in results] == [1, 2, 3, 4, 5]
    fresh = run_parameter_sweep([], appends, {"at": range(5)}, 1, False)
    assert [result.result for result in fresh] == [1] * 5


def test_an_object_that_tasks_share_travels_once(backtester: ParallelBacktester) -> None:
    class Counted:
        pickled = 0

        def __init__(self) -> None:
            self.rows = list(range(5000))

        def __reduce__(self) -> Any:
            type(self).pickled += 1
            return (list, (self.rows,))

    data = Counted()
    tasks = [ParallelTask(f"task_{i}", {"data": data, "nested": {"again": data}, "at": i}) for i in range(50)]

    def same_object(task: ParallelTask) -> tuple[int, bool]:
        return task.params["data"][task.params["at"]], task.params["data"] is task.params["nested"]["again"]

    results = backtester.run_parallel(tasks, same_object)
    assert [result.result for result in results] == [(i, True) for i in range(50)]
    assert Counted.pickled == 1
    assert results[0].params["data"] is data


def test_a_large_value_of_an_axis_travels_once(backtester: ParallelBacktester) -> None:
    curves = [numpy.full(100_000, level) for level in (1.0, 2.0)]
    results = backtester.sweep(None, lambda data, curve, at: float(curve[at]) + at, {"curve": curves, "at": [0, 1]}, progress=False)
    assert [result.result for result in results] == [1.0, 2.0, 2.0, 3.0]


def test_large_results_arrive(backtester: ParallelBacktester) -> None:
    results = backtester.sweep(None, lambda data, at: numpy.full(500_000, at), {"at": range(6)}, progress=False)
    for at, result in enumerate(results):
        assert result.result.sum() == at * 500_000
        result.result[0] = 9  # Arrays of results can be written.


def test_large_parameters_do_not_stall(backtester: ParallelBacktester) -> None:
    tasks = [ParallelTask(str(i), {"own": numpy.full(400_000, i)}) for i in range(12)]
    results = backtester.run_parallel(tasks, lambda task: float(task.params["own"].mean()))
    assert [result.result for result in results] == [float(i) for i in range(12)]
