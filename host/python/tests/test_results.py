"""Results as a sequence, ranked, as tables, as a picture; grids and names of combinations."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from host import GridError, SettingsError
from host._grid import Grid, task_name
from host.parallel import ParallelBacktester, ParallelResult, SweepResults, run_parameter_sweep


@pytest.fixture(scope="module")
def results() -> SweepResults:
    def strategy(data: object, fast: int, slow: int) -> dict[str, Any]:
        if fast == 3 and slow == 20:
            raise ValueError("<b>bad</b> & wrong")
        return {"sharpe": fast / slow, "trades": fast, "name": "a"}

    return run_parameter_sweep(None, strategy, {"fast": [1, 2, 3], "slow": [10, 20]}, 1, False)


def test_a_sequence(results: SweepResults) -> None:
    assert len(results) == 6 and results[-1].error_kind == "failed"
    assert isinstance(results[1:3], SweepResults) and [result.index for result in results[1:3]] == [1, 2]
    assert sorted(results, key=lambda result: -result.index)[0].index == 5
    assert results[0] in results and repr(results) == "<SweepResults: 6 results, 1 failed>"
    assert pickle.loads(pickle.dumps(results[0])) == results[0]
    with pytest.raises(IndexError):
        results[6]


def test_the_best(results: SweepResults) -> None:
    assert [result.task_id for result in results.best(2)] == ["fast=3,slow=10", "fast=2,slow=10"]
    assert results.best(1, "trades", direction="min")[0].params == {"fast": 1, "slow": 10}
    assert len(results.best(100)) == 5 and results.metrics == ["sharpe", "trades"]
    for call, message in [
        (lambda: results.best(1, "sharp"), "unknown metric `sharp`; known: sharpe, trades"),
        (lambda: results.best(0), "`n` is 0"),
        (lambda: results.best(1, direction="best"), "`direction` is 'best'"),
    ]:
        with pytest.raises(SettingsError, match=message):
            call()


def test_the_best_of_plain_numbers() -> None:
    rows = [ParallelResult(str(place), value, 0.0, 1, True, index=place) for place, value in enumerate([1, 5.5, True, None, "x"])]
    assert [result.result for result in SweepResults(rows).best(3)] == [5.5, 1]


def test_the_best_asks_where_the_metric_is_open() -> None:
    rows = [ParallelResult("a", {"x": 1, "y": 2}, 0.0, 1, True)]
    with pytest.raises(SettingsError, match="give `metric`, one of x, y"):
        SweepResults(rows).best()
    assert SweepResults(rows, objective="y").best(1)[0].task_id == "a"


def test_as_pandas(results: SweepResults) -> None:
    pytest.importorskip("pandas")
    frame = results.to_pandas()
    assert list(frame.columns[:6]) == ["index", "task_id", "strategy_name", "fast", "slow", "sharpe"]
    assert frame["sharpe"].iloc[0] == 0.1 and frame["error_kind"].iloc[5] == "failed" and len(frame) == 6
    table = results.pivot("fast", "slow", "sharpe")
    assert table.loc[2, 20] == 0.1 and table.isna().sum().sum() == 1 and table.index.name == "fast"
    with pytest.raises(SettingsError, match="unknown parameter `speed`; known: fast, slow"):
        results.pivot("speed", "slow", "sharpe")


def test_as_polars_and_arrow(results: SweepResults) -> None:
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    frame, table = results.to_polars(), results.to_arrow()
    assert frame["sharpe"][0] == 0.1 and frame["sharpe"].dtype == polars.Float64 and frame["sharpe"][5] is None
    assert table.column_names == frame.columns == list(results.columns()) and table["trades"].to_pylist() == [1, 1, 2, 2, 3, None]


def test_values_that_tables_have_no_type_for_become_text() -> None:
    pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    values: list[Any] = [1, 2.5, "x", object(), {"a"}]
    rows = [ParallelResult(str(place), {"value": value}, 0.0, 1, True) for place, value in enumerate(values)]
    assert SweepResults(rows).to_polars()["value"][1] == "2.5"
    assert SweepResults(rows).to_arrow()["value"].to_pylist()[:3] == ["1", "2.5", "x"]


def test_names_that_meet_are_kept_apart() -> None:
    row = ParallelResult("a", {"index": 7, "fast": 2, "result": 3}, 0.0, 1, True, params={"fast": 1, "success": 5, "result": 9})
    columns = SweepResults([row]).columns()
    assert (columns["index"], columns["result.index"]) == ([0], [7])
    assert (columns["param.fast"], columns["fast"]) == ([1], [2])
    assert (columns["param.success"], columns["success"]) == ([5], [True])
    assert (columns["param.result"], columns["result"]) == ([9], [3])


def test_results_that_are_no_dicts_are_one_column() -> None:
    rows = [ParallelResult("a", 1.5, 0.0, 1, True), ParallelResult("b", None, 0.0, 1, False)]
    assert SweepResults(rows).columns()["result"] == [1.5, None]
    assert SweepResults([]).columns()["result"] == []


def test_the_picture_escapes_and_shows_a_heatmap(results: SweepResults) -> None:
    page = results._repr_html_()
    assert "6 results, 5 with a value, 1 failed" in page and "fast=3,slow=10" in page
    assert "<b>bad</b>" not in page and "&lt;b&gt;bad&lt;/b&gt; &amp; wrong" in page
    assert page.count("background:rgb") == 5 and "<script" not in page
    evil = ParallelResult("<script>", {"<i>": 1.0}, 0.0, 1, True, params={"<u>": "<s>", "b": 1})
    page = SweepResults([evil], axes={"<u>": ["<s>", 2], "b": [1, 2]})._repr_html_()
    assert not any(tag in page for tag in ("<script>", "<i>", "<u>", "<s>"))
    assert SweepResults([])._repr_html_().startswith("<div>")


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"a": [1, 2], "b": ["x"]}, ["a=1,b=x", "a=2,b=x"]),
        ({"a": range(3)}, ["a=0", "a=1", "a=2"]),
        ({"a": 5, "b": "long"}, ["a=5,b=long"]),
        ({"a": [True, False, None]}, ["a=true", "a=false", "a=None"]),
        ({"a": {"from": 1, "to": 2, "step": 0.5}}, ["a=1.0", "a=1.5", "a=2.0"]),
        ({"a": {"from": 0.1, "to": 0.3, "step": 0.1}}, ["a=0.1", "a=0.2", "a=0.3"]),
        ({"a": {"from": 1, "to": 3}}, ["a=1", "a=2", "a=3"]),
        ({"a": (x for x in (1, 2))}, ["a=1", "a=2"]),
        ({}, [""]),
    ],
)
def test_a_grid(axes: dict[str, Any], expected: list[str]) -> None:
    grid = Grid(axes)
    names = [task_name(params) for params in grid.combinations()]
    assert names == expected and grid.count() == len(expected)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"a": []}, "`a` has no values"),
        ({"a": {1, 2}}, "is a set"),
        ({"a": [1, 1.0]}, "the value `1.0` twice"),
        ({"a": [0, -0.0]}, "the value `-0.0` twice"),
        ({"a": {"start": 1}}, "the key `start`"),
        ({"a": {"from": 1, "to": "x"}}, "not a number"),
        ({"a": {"from": 1, "to": 9, "step": 0}}, "give a step above 0"),
        ({3: [1]}, "`3`, which is a int"),
        ([("a", 1)], "the grid is a list"),
    ],
)
def test_a_wrong_grid_names_the_axis(axes: Any, message: str) -> None:
    with pytest.raises(GridError, match=message):
        Grid(axes)


def test_numbers_of_numpy_are_pythons_own() -> None:
    numpy = pytest.importorskip("numpy")
    grid = Grid({"a": numpy.arange(2), "b": numpy.array([0.5])})
    assert [task_name(params) for params in grid.combinations()] == ["a=0,b=0.5", "a=1,b=0.5"]
    assert type(next(grid.combinations())["a"]) is int


def test_conditions_and_samples(backtester: ParallelBacktester) -> None:
    def run(**options: Any) -> list[str]:
        results = backtester.sweep(None, lambda data, a, b: a, {"a": range(4), "b": range(4)}, progress=False, **options)
        assert [result.index for result in results] == list(range(len(results)))
        return [result.task_id for result in results]

    assert run(where=lambda a, b: a < b) == ["a=0,b=1", "a=0,b=2", "a=0,b=3", "a=1,b=2", "a=1,b=3", "a=2,b=3"]
    assert run(where=[lambda a, b: a < b, lambda a, b: b == 3]) == ["a=0,b=3", "a=1,b=3", "a=2,b=3"]
    assert run(where=lambda a, b: False) == []
    drawn = run(sample=5, seed=3)
    assert len(drawn) == 5 and drawn == run(sample=5, seed=3) and drawn != run(sample=5, seed=4) and drawn == sorted(drawn)
    assert len(run(sample=99)) == 16
    with pytest.raises(GridError, match="`where` failed for a=0,b=0: TypeError"):
        run(where=lambda fast: True)
