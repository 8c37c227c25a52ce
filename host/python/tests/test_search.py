"""Searches, plateaus, splits, Monte Carlo and folds anew from Python: what the command has, or a refusal with the reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import SettingsError, run_parameter_sweep

GRID = {"lookback": "5..40", "threshold": "0,0.01,0.02"}
TYPED = ["--plugin", "momentum", "--param", "lookback=5..40", "--param", "threshold=0,0.01,0.02"]


def command(*arguments: Any) -> dict[str, Any]:
    whole = [sys.executable, "-m", "host", *map(str, arguments), "--format", "json", "--quiet"]
    ran = subprocess.run(whole, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", 600)


def names(results: Any) -> list[str]:
    return [result.task_id for result in results]


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        ({"trials": 40, "seed": 3}, ["--trials", 40, "--seed", 3]),
        ({"trials": 60, "method": "halving"}, ["--trials", 60, "--method", "halving"]),
        (
            {"trials": 50, "objective": ["sharpe", "max_drawdown"], "top": 8},
            ["--trials", 50, "--objective", "sharpe,max_drawdown", "--top", 8],
        ),
    ],
)
def test_a_search_is_that_of_the_command(bars: Path, tmp_path: Path, options: dict[str, Any], typed: list[Any]) -> None:
    store = tmp_path / "store"
    shown = command("optimize", *TYPED, "--data", bars, *typed, "--store", store)
    for workers in (1, 2):
        out = tmp_path / f"{workers}.csv"
        found = host.optimize(bars, "momentum", GRID, workers, False, store=store, out=out, **options)
        assert json.loads(json.dumps(found.search)) == shown["optimize"]
        assert names(found.best()) == [row["task_id"] for row in shown["ranking"]]
        assert len(found) == shown["combinations"] == len(out.read_text().splitlines()) - 1
    assert found.known == len(found)


def test_every_trial_counts(bars: Path, tmp_path: Path) -> None:
    store, returns = tmp_path / "store", tmp_path / "returns.arrow"
    found = host.optimize(bars, "momentum", {"lookback": range(50, 90)}, 2, False, trials=20, store=store)
    run_parameter_sweep(bars, "momentum", {"lookback": range(5, 15)}, 2, False, store=store, returns=returns)
    assert host.trust(returns, draws=100, store=store).trials == 10 + found.search["trials_done"]


@pytest.mark.parametrize("plateau", [False, True])
def test_the_rest_of_the_bars_is_that_of_the_command(bars: Path, plateau: bool) -> None:
    options, typed = {"rank_by": "plateau"} if plateau else {}, ["--rank-by", "plateau"] if plateau else []
    shown = command("sweep", *TYPED, "--data", bars, "--split", "60%", "--top", 4, "--no-store", *typed)
    found: Any = run_parameter_sweep(bars, "momentum", GRID, 2, False, split=0.6, top=4, store=False, **options)
    assert found.out_of_sample == shown["split"] and found.plateau == shown.get("plateau")
    ranked = [row["task_id"] for row in shown["ranking"]]
    assert names(found.best(4)) == ranked == [result["task_id"] for result in found.out_of_sample["results"]]
    # By name, the metric ranks.
    assert names(found.best(4, "trades")) == names(found.best(4, "trades", direction="max"))


def test_luck_and_noise_are_those_of_the_command(bars: Path) -> None:
    shown = command("monte-carlo", "--plugin", "momentum", "--param", "lookback=9", "--data", bars, "--draws", 300, "--runs", 7)
    report = host.monte_carlo(bars, "momentum", {"lookback": 9}, draws=300, runs=7, n_workers=2, progress=False)
    assert json.loads(json.dumps(report.to_dict())) == {name: shown[name] for name in report.to_dict()}
    assert "momentum lookback=9" in repr(report) and report._repr_html_().count("<tr>") == 8
    alone = host.monte_carlo(bars, "momentum", {"lookback": 599}, runs=0, draws=100, progress=False)
    assert alone.noise is None and "no trade was closed" in alone.trades["undefined"] and "no closed trades" in repr(alone)


def test_folds_run_anew(bars: Path, tmp_path: Path) -> None:
    file = tmp_path / "returns.arrow"
    run_parameter_sweep(bars, "momentum", {"lookback": range(5, 25)}, 2, False, returns=file, store=False)
    report = host.walk_forward(file, fresh=True, strategy="momentum", data=bars, store=False)
    shown = command("walk-forward", file, "--fresh", "--plugin", "momentum", "--data", bars, "--no-store")
    assert json.loads(json.dumps(report.to_dict())) == {name: shown[name] for name in report.to_dict()}
    assert report.fresh is not None and "fresh" not in host.walk_forward(file).to_dict()
    for options, words in (
        ({"fresh": True}, "give it with `strategy`"),
        ({"strategy": "momentum"}, "give `fresh=True`"),
        ({"fresh": True, "strategy": "sma_cross", "data": bars}, "another plugin or other data"),
        ({"fresh": True, "strategy": "momentum"}, "another plugin or other data"),
    ):
        with pytest.raises(SettingsError, match=words):
            host.walk_forward(file, **options)  # type: ignore[arg-type]


def test_a_report_is_that_of_the_command(bars: Path, tmp_path: Path) -> None:
    results, returns = tmp_path / "s.parquet", tmp_path / "r.arrow"
    run_parameter_sweep(bars, "momentum", GRID, 2, False, out=results, returns=returns, store=False)
    report = host.report(results, "momentum", bars, out=tmp_path / "mine.html", returns=returns, store=False)
    page = (tmp_path / "mine.html").read_text()
    assert page == report.page and "srcdoc=" in report._repr_html_() and "mine.html" in repr(report)
    command = [sys.executable, "-m", "host", "report", str(results), "--returns", str(returns), "--data", str(bars), "--no-store"]
    assert subprocess.run([*command, "--quiet"], check=False).returncode == 0

    def parts(text: str) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(text.split('id="data">')[1].split("</script>")[0])
        data.pop("receipt")
        return data

    assert parts(page) == parts(results.with_suffix(".html").read_text())
    for options, words in (
        ({"strategy": "sma_cross", "data": bars}, "another plugin or other data"),
        ({"strategy": "momentum", "data": bars, "task": "lookback=1"}, "no task"),
        ({"strategy": "momentum", "data": bars, "out": "/nowhere/x.html"}, "cannot be written"),
        ({"strategy": "momentum", "data": bars, "returns": bars}, "data.csv"),
    ):
        with pytest.raises(host.HostError, match=words):
            host.report(results, **options)  # type: ignore[arg-type]


def test_what_looks_ahead_has_no_returns(tmp_path: Path) -> None:
    plugin = Path(__file__).parents[3] / "tests" / "plugins" / "cheat_tomorrow" / "cheat_tomorrow.wasm"
    if not plugin.exists():
        pytest.skip("the tests of the project are not here")
    with pytest.raises(SettingsError, match="looks ahead"):
        run_parameter_sweep(None, plugin, {"lookback": [5, 10]}, 2, False, returns=tmp_path / "returns.arrow")
    assert not list(tmp_path.iterdir())


REFUSED: list[tuple[Callable[[], object], str]] = [
    (lambda: host.optimize(None, lambda data: 1, {}), "a component; compile"),
    (lambda: host.optimize(None, "momentum", GRID, method="tpe"), "`sobol`"),
    (lambda: host.optimize(None, "momentum", GRID, trials=0), "number of trials is 0"),
    (lambda: host.optimize(None, "momentum", GRID, trials=2.5), "`trials` is 2.5"),  # type: ignore[arg-type]
    (lambda: host.optimize(None, "momentum", GRID, objective=["sharpe", "cagr"], method="halving"), "takes one objective"),
    (lambda: host.optimize(None, "momentum", GRID, objective="sharpe:up"), "not a direction"),
    (lambda: run_parameter_sweep(None, "momentum", GRID, progress=False, split=2), "not a share of the bars"),
    (lambda: run_parameter_sweep(None, "momentum", GRID, progress=False, split=0.5, each_symbol=True), "`each-symbol`"),
    (lambda: run_parameter_sweep(None, "momentum", GRID, progress=False, rank_by="plateau", sample=5), "neighbours"),
    (lambda: run_parameter_sweep(None, "momentum", GRID, progress=False, rank_by="plateau", shard="1/2"), "leave out `shard`"),
    (lambda: run_parameter_sweep([1], lambda data, a: a, {"a": [1]}, progress=False, split=0.5), "for components"),
    (lambda: host.monte_carlo(None, "momentum", draws=5), "100 to 1000000"),
    (lambda: host.monte_carlo(None, "momentum", noise=3), "from 0 to 1"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_what_does_not_go_together_is_refused(call: Callable[[], object], words: str) -> None:
    with pytest.raises(host.HostError, match=words):
        call()
