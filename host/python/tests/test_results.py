"""Results as a sequence, ranked, as tables, as a picture; grids and names of combinations."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from host import GridError, SettingsError
from host._grid import Grid, task_name
from host._html import _duration, _luminance
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
    assert "6 results, 5 with a value, 1 failed" in page and "failed: 1, for example fast=3,slow=20" in page
    assert "<b>bad</b>" not in page and "&lt;b&gt;bad&lt;/b&gt; &amp; wrong" in page
    assert page.count("background:rgb") == 5 and page.count("×</td>") == 1
    evil = ParallelResult("<script>", {"<i>": 1.0}, 0.0, 1, True, params={"<u>": "<s>", "b": 1})
    page = SweepResults([evil], axes={"<u>": ["<s>", 2], "b": [1, 2]})._repr_html_()
    assert not any(tag in page for tag in ("<script>", "<i>", "<u>", "<s>"))
    assert "0 results" in SweepResults([])._repr_html_()


def swept(function: Any, axes: dict[str, Any], **more: Any) -> SweepResults:
    """Results as a sweep makes them; a combination for which `function` raises has failed, one of `None` did not run."""
    rows: list[ParallelResult] = []
    for index, params in enumerate(Grid(axes).combinations()):
        try:
            value = function(**params)
        except ZeroDivisionError as error:
            rows.append(ParallelResult(task_name(params), None, 0.0, 1, False, str(error), "failed", index, params))
            continue
        if value is not None:
            rows.append(ParallelResult(task_name(params), value, 0.0, 1, True, index=index, params=params))
    return SweepResults(rows, axes={name: list(values) for name, values in axes.items()}, **more)


def cells(page: str) -> list[tuple[str, bool]]:
    """The texts of the heatmap's cells, and whether each is marked as the best."""
    heatmap = page[page.rindex("<table>") :]
    return [(text, "outline" in style) for style, text in re.findall("<td style='([^']*)'>([^<]*)</td>", heatmap)]


PICTURES: list[Any] = [
    # What is swept; the texts of the cells; those that are marked.
    (swept(lambda a, b: a / b, {"a": [1, 2], "b": [1, 2]}), ["1.00", "0.50", "2.00", "1.00"], [2]),
    (swept(lambda a, b: a / b, {"a": [1, 2], "b": [0, 2]}), ["×", "0.500", "×", "1.000"], [3]),
    (swept(lambda a, b: a if a >= b else None, {"a": [1, 2], "b": [1, 2, 3]}), ["1", "", "2", "2"], [2, 3]),
    (swept(lambda a: 10**a, {"a": range(7)}), ["1", "10", "100", "1,000", "10,000", "100,000", "1,000,000"], [6]),
    (swept(lambda a, b: -a, {"a": [1, 2, 3], "b": ["x"]}, direction="min"), ["−1", "−2", "−3"], [2]),
    (swept(lambda a, b: 7.0, {"a": [1, 2], "b": ["x", "y"]}), ["7"] * 4, []),
    (swept(lambda a, b: a * 1e-9, {"a": [1, 2], "b": ["x", "y"]}), ["1.000e−09"] * 2 + ["2.000e−09"] * 2, [2, 3]),
    (swept(lambda a, b: a, {"a": [1, float("inf")], "b": [1, 2]}), ["1", "1", "∞", "∞"], []),
    (swept(lambda a, b: (-1) ** a * 1.7e308, {"a": [1, 2], "b": [1]}), ["−1.700e+308", "1.700e+308"], [1]),
    # The two longest of three axes; the best over the third.
    (swept(lambda a, b, c: a + b * c, {"a": [10, 20], "b": [1, 2], "c": [1, 2, 3]}), ["12", "14", "16", "22", "24", "26"], [5]),
]  # fmt: skip


@pytest.mark.parametrize(("results", "texts", "best"), PICTURES)
def test_cells_of_a_heatmap(results: SweepResults, texts: list[str], best: list[int]) -> None:
    found = cells(results._repr_html_())
    assert [text for text, _ in found] == texts
    assert [place for place, (_, marked) in enumerate(found) if marked] == best


def test_every_ink_can_be_read_on_its_ground() -> None:
    page = swept(lambda a, b: a + b, {"a": range(40), "b": range(5)})._repr_html_()
    pairs = re.findall("background:rgb\\((\\d+),(\\d+),(\\d+)\\);color:#(fff|000)", page)
    assert len(pairs) == 200
    for *ground, ink in pairs:
        bright = _luminance((int(ground[0]), int(ground[1]), int(ground[2])))
        contrast = 1.05 / (bright + 0.05) if ink == "fff" else (bright + 0.05) / 0.05
        assert contrast >= 4.5  # What WCAG asks for.


def test_a_picture_names_what_was_swept() -> None:
    long = "a very long name of an average"
    page = swept(lambda kind, at: {"cost": at, "trades": 12345.678}, {"kind": [long, "ema"], "at": [0.1, 0.1 + 0.2]}, objective="cost")._repr_html_()
    assert f"title='{long}'>a very long name of…<" in page and f">{long}<" in page and ">0.3<" in page
    assert "The best by cost, the highest first" in page and ">12,346<" in page
    texts = swept(lambda a: "x" * a, {"a": [1, 100]})._repr_html_()
    assert ">x<" in texts and "x" * 61 not in texts and "background" not in texts
    assert "No heatmap: 1 x 101" in swept(lambda a: a, {"a": range(101)})._repr_html_()
    some = swept(lambda a, b: a + b, {"a": range(200), "b": range(200)})
    assert "No heatmap: 200 x 200" in some._repr_html_() and len(cells(some[:402:201]._repr_html_())) == 4
    assert "No heatmap: 60 x 60" in swept(lambda a, b: a, {"a": range(60), "b": range(60)})._repr_html_()
    many = swept(lambda **params: params["a"], {name: [1, 2] for name in "abcdefg"})._repr_html_()
    assert "a=2,b=1,c=1" in many and "a cell with several results shows the best one" in many


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0 µs"), (3.5e-7, "0.35 µs"), (0.00099996, "1 ms"), (0.0123456, "12.3 ms"), (59.96, "60 s"), (1234.5, "1,234 s")]
)  # fmt: skip
def test_a_time_is_written_in_its_unit(seconds: float, text: str) -> None:
    assert _duration(seconds) == text


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
