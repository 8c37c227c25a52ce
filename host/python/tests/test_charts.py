"""Charts and frames: the heatmap of results in memory, one run with its books, and the numbers of the command in both."""

from __future__ import annotations

import importlib
import json
import math
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import HostError, SettingsError, run_parameter_sweep

sys.path.insert(0, str(Path(__file__).parent))

GRID = {"lookback": [12, 5, 8], "threshold": [0.0, 0.01, 0.02]}
BEST = {"lookback": 9, "threshold": 0.01}


def table(bars: int = 500, shift: float = 0.0) -> dict[str, list[Any]]:
    return {"date": core_data.dates(bars), **core_data.columns(bars, shift)}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", 500)


@pytest.fixture(scope="module")
def results(bars: Path) -> Any:
    return run_parameter_sweep(bars, "momentum", GRID, 2, False, store=False)


def shown(page: str) -> dict[str, Any]:
    """The data of a page."""
    data: dict[str, Any] = json.loads(page.split('id="data">')[1].split("</script>")[0])
    return data


def test_a_heatmap_has_the_results(results: Any) -> None:
    data = shown(results.heatmap("trades", "threshold", "lookback").page)
    assert data["only"] == ["sweep"] and data["view"] == {"metric": "trades", "x": "threshold", "y": "lookback"}
    sweep = data["sweep"]
    assert [axis["values"] for axis in sweep["axes"]] == [[5, 8, 12], [0.0, 0.01, 0.02]]
    first, second = sweep["metrics"][:2]
    assert (first["name"], first["unit"], second["name"], second["better"]) == ("trades", "count", "sharpe", "max")
    for row, result in enumerate(results):
        place = [axis["values"][places[row]] for axis, places in zip(sweep["axes"], sweep["places"])]
        assert place == [result.params["lookback"], result.params["threshold"]]
        assert first["values"][row] == result.result["trades"] and sweep["failed"][row] == 0
    assert first["values"][sweep["chosen"]] == max(first["values"])


def test_a_heatmap_shows_the_best_by_the_objective(results: Any) -> None:
    sweep = shown(results.heatmap().page)["sweep"]
    assert results[sweep["chosen"]].task_id == results.best(1)[0].task_id
    kept = [axis["name"] for axis in sweep["axes"]]
    assert kept == ["lookback", "threshold"]


def test_the_requirements_of_the_call_hold_for_what_is_chosen(bars: Path) -> None:
    found = run_parameter_sweep(bars, "momentum", GRID, 2, False, store=False)
    trades = sorted(result.result["trades"] for result in found)
    found = run_parameter_sweep(bars, "momentum", GRID, 2, False, store=False, require=f"trades >= {trades[-1]}")
    assert found[shown(found.heatmap().page)["sweep"]["chosen"]].result["trades"] == trades[-1]


def test_results_of_callables_have_a_heatmap() -> None:
    def strategy(data: Any, length: Any, kind: str) -> dict[str, float]:
        if kind == "bad":
            raise ValueError("no")
        return {"gain": math.inf if length is None else float(length), "loss": 1.0}

    grid = {"length": [3, None, 1], "kind": ["good", "bad"]}
    found = run_parameter_sweep([1], strategy, grid, 2, False, objective="gain")
    sweep = shown(found.heatmap().page)["sweep"]
    assert [axis["values"] for axis in sweep["axes"]] == [[3, "None", 1], ["good", "bad"]]
    assert [metric["name"] for metric in sweep["metrics"]] == ["gain", "loss"]
    assert sweep["metrics"][0]["values"] == [3.0, None, None, None, 1.0, None] and sweep["failed"] == [0, 1] * 3
    assert sweep["chosen"] == 0


def test_symbols_are_an_axis_where_each_is_alone(bars: Path) -> None:
    data = {"A": table(500), "B": table(500, 1.0)}
    found = run_parameter_sweep(data, "momentum", {"lookback": [5, 8]}, 2, False, store=False, each_symbol=True)
    sweep = shown(found.heatmap(y="symbol").page)["sweep"]
    assert [(axis["name"], axis["values"]) for axis in sweep["axes"]] == [("symbol", ["A", "B"]), ("lookback", [5, 8])]
    for result in found:
        alone = found.run(result.task_id)
        assert {name: alone.metrics[name] for name in result.result} == result.result


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"metric": "nonsense"}, "unknown metric `nonsense`"),
        ({"metric": "excess_return"}, "give a `benchmark`"),
        ({"x": "nonsense"}, "`x`: unknown parameter `nonsense`; known: lookback, threshold"),
        ({"x": "lookback", "y": "lookback"}, "are both `lookback`"),
    ],
)
def test_a_heatmap_of_what_is_not_there_is_refused(results: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        results.heatmap(**options)


def test_a_heatmap_needs_numbers_over_a_parameter(results: Any) -> None:
    def sweep(grid: dict[str, Any], function: Any) -> Any:
        return run_parameter_sweep([1], function, grid, 1, False)

    for found, words in (
        (sweep({"a": [1, 2]}, lambda data, a: "text"), "no result has a number"),
        (sweep({}, lambda data: 1.0), "no parameters"),
        (results[:0], "no result"),
    ):
        with pytest.raises(SettingsError, match=words):
            found.heatmap()
    with pytest.raises(SettingsError, match="`a` has one value"):
        sweep({"a": [1], "b": [1, 2]}, lambda data, a, b: 1.0).heatmap(x="a")


def test_a_notebook_shows_a_frame_without_rights(results: Any) -> None:
    charts: list[host.Report] = [results.heatmap(), results.plot()]
    for chart in charts:
        text = chart._repr_html_()
        assert text.startswith("<iframe ") and text.endswith("</iframe>") and text.count("<") == 2
        assert 'sandbox="allow-scripts allow-downloads"' in text and "allow-same-origin" not in text
        assert "default-src 'none'" in chart.page


def test_a_chart_is_saved_whole_or_not_at_all(results: Any, tmp_path: Path) -> None:
    chart = results.heatmap()
    assert chart.path is None and "not written" in repr(chart)
    file = tmp_path / "map.html"
    assert chart.save(file) == file == chart.path and file.read_text() == chart.page
    with pytest.raises(HostError, match="cannot be written"):
        chart.save(tmp_path / "none" / "map.html")
    assert chart.path == file and sorted(tmp_path.iterdir()) == [file]


def test_a_run_is_that_of_the_command(bars: Path, tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    files = {name: tmp_path / f"{name}.csv" for name in ("trades", "equity")}
    typed = ["--param", "lookback=9", "--param", "threshold=0.01", "--data", bars, "--benchmark", "hold", "--quiet"]
    typed += ["--trades", files["trades"], "--equity", files["equity"], "--report", tmp_path / "run.html"]
    whole = [sys.executable, "-m", "host", "backtest", "--plugin", "momentum", *map(str, typed)]
    ran = subprocess.run(whole, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    run = host.backtest(bars, "momentum", BEST, benchmark="hold")

    trades, expected = run.trades(), pandas.read_csv(files["trades"], float_precision="round_trip")
    assert list(trades) == list(expected) and len(trades) == len(expected) > 0
    for name in map(str, trades):
        theirs = pandas.to_datetime(expected[name]) if name.endswith("_time") else expected[name]
        theirs = theirs.astype("Int64") if name.endswith("_order") else theirs
        assert list(trades[name]) == list(theirs), name

    equity, expected = run.equity(), pandas.read_csv(files["equity"], float_precision="round_trip")
    assert equity.index.name == "time" and list(equity) == ["equity", "drawdown", "benchmark"]
    assert list(equity.index) == list(pandas.to_datetime(expected["time"]))
    assert list(equity["equity"]) == list(expected["equity"]) and list(equity["drawdown"]) == list(expected["drawdown"])

    mine, theirs = shown(run.plot().page), shown((tmp_path / "run.html").read_text())
    assert mine["only"] == ["equity", "trades", "months"]
    for name in ("equity", "benchmark", "times", "months", "trades", "summary", "metrics"):
        assert mine[name] == theirs[name], name


def test_the_lines_end_where_the_metrics_say(bars: Path) -> None:
    pytest.importorskip("pandas")
    run = host.backtest(bars, "momentum", BEST, benchmark="symbol:data")
    equity = run.equity()
    start = run.metrics["final_equity"] / (1 + run.metrics["total_return"])
    assert equity["equity"].iloc[-1] == pytest.approx(run.metrics["final_equity"], rel=1e-12)
    assert equity["drawdown"].min() == pytest.approx(run.metrics["max_drawdown"], rel=1e-9)
    assert equity["benchmark"].iloc[-1] / start - 1 == pytest.approx(run.metrics["benchmark_return"], rel=1e-9)
    assert run.benchmark == "data" and run.params == {**BEST, "short": False} and "momentum lookback=9" in repr(run)


def test_a_combination_of_results_runs_once_more(results: Any, bars: Path) -> None:
    best = results.best(3)
    for found in (results, best):
        again = found.run()
        assert again.params == best[0].params and again.metrics == best[0].result
    other = results[4]
    assert results.run(other.task_id).metrics == other.result
    assert shown(results.plot(other.task_id).page)["only"] == ["equity", "trades", "months"]
    compared = host.run_multi_strategy(bars, {"one": "momentum", "two": "sma_cross"}, 1, False)
    assert [compared.run(name).strategy for name in ("one", "two")] == ["momentum", "sma_cross"]


def test_strategies_in_python_run_once_more(bars: Path) -> None:
    pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    sdk: Any = importlib.import_module("sdk_strategies")
    grid, name = {"fast": [2, 5], "slow": [10, 30]}, sdk.SmaCross.description.name
    mine = run_parameter_sweep(table(500), sdk.SmaCross, grid, 1, False, benchmark="hold", metrics=["sharpe"])
    theirs = run_parameter_sweep(table(500), name, grid, 1, False, benchmark="hold", store=False)
    task = mine[1].task_id
    run, expected = mine.run(task), theirs.run(task)
    assert run.metrics == expected.metrics and run.params == expected.params
    for one, other in ((run.equity(), expected.equity()), (run.trades(), expected.trades())):
        pandas.testing.assert_frame_equal(one, other)
    ours, others = shown(run.plot().page), shown(expected.plot().page)
    assert (ours["equity"], ours["trades"], ours["months"]) == (others["equity"], others["trades"], others["months"])


def test_functions_run_once_more(bars: Path) -> None:
    pytest.importorskip("pandas")

    @host.targets
    def always(data: Any, share: float, kind: Any) -> Any:
        if kind is None:
            raise ValueError("nothing to do")
        return [share] * len(data["close"])

    data = {"A": table(500), "B": table(500, 1.0)}
    found = run_parameter_sweep(data, always, {"share": [0.5], "kind": [(1, 2), None]}, 1, False, each_symbol=True)
    for result in (found[0], found[2]):
        again = found.run(result.task_id)
        assert again.metrics == result.result and again.params == {"share": 0.5, "kind": (1, 2)}
        assert set(again.trades()["symbol"]) == {result.symbol}
    with pytest.raises(host.PluginError, match="nothing to do"):
        found.run(found[1].task_id)


def test_a_run_of_a_split_is_on_its_first_part(bars: Path) -> None:
    found: Any = run_parameter_sweep(bars, "momentum", GRID, 2, False, store=False, split=0.6, account={"commission_bps": 3})
    assert found.run(found[2].task_id).metrics == found[2].result


def test_what_cannot_run_once_more_says_so(results: Any) -> None:
    elsewhere = pickle.loads(pickle.dumps(results.best(2)))
    callables = run_parameter_sweep([1], lambda data, a: float(a), {"a": [1, 2]}, 1, False)
    for found in (elsewhere, callables):
        with pytest.raises(SettingsError, match=r"take `host\.backtest`"):
            found.plot()
    with pytest.raises(SettingsError, match="no task `lookback=99`.*named like `lookback=12"):
        results.run("lookback=99")
    with pytest.raises(SettingsError, match="keeps the books of a component"):
        host.backtest(None, lambda data: 1.0)
    with pytest.raises(host.GridError, match="nonsense"):
        host.backtest(None, "momentum", {"nonsense": 1})
