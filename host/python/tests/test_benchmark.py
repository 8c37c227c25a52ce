"""Runs against a benchmark: the numbers of the command for every kind of strategy, and what cannot be measured is refused."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import DataError, SettingsError, _frames, _native, run_parameter_sweep

sys.path.insert(0, str(Path(__file__).parent))

GRID = {"lookback": "5..12", "threshold": "0,0.01"}
TYPED = ["--plugin", "momentum", "--param", "lookback=5..12", "--param", "threshold=0,0.01"]
RELATIVE = [
    "jensen_alpha", "alpha_t", "benchmark_beta", "benchmark_correlation", "tracking_error", "information_ratio", "treynor_ratio",
    "up_capture", "down_capture", "batting_average", "benchmark_return", "excess_return", "excess_cagr", "excess_drawdown",
]  # fmt: skip


def table(bars: int = 500, shift: float = 0.0, skip: int = 0) -> dict[str, list[Any]]:
    """Bars as columns, without the first `skip`."""
    whole = {"date": core_data.dates(bars), **core_data.columns(bars, shift)}
    return {name: values[skip:] for name, values in whole.items()}


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", 500)


@pytest.fixture(scope="module")
def spy(bars: Path) -> Path:
    return core_data.write_csv(bars.with_name("spy.csv"), 500, 1.0)


def swept(data: Any, **options: Any) -> Any:
    return run_parameter_sweep(data, "momentum", GRID, 2, False, store=False, **options)


@pytest.mark.parametrize("kind", ["hold", "symbol", "file"])
def test_the_file_is_that_of_the_command(bars: Path, spy: Path, tmp_path: Path, kind: str) -> None:
    mine, theirs = tmp_path / "mine.csv", tmp_path / "theirs.csv"
    benchmark: Any = {"hold": "hold", "symbol": "symbol:spy", "file": spy}[kind]
    data = [bars, spy] if kind == "symbol" else [bars]
    typed = [sys.executable, "-m", "host", "sweep", *TYPED, "--benchmark", benchmark, "--out", theirs, "--no-store", "--quiet"]
    typed += [part for path in data for part in ("--data", path)]
    ran = subprocess.run([str(part) for part in typed], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    results = swept([str(path) for path in data], benchmark=benchmark, out=mine)
    assert mine.read_bytes() == theirs.read_bytes()
    assert set(RELATIVE) <= set(results.metrics)


def test_the_metrics_are_there_with_a_benchmark_only(bars: Path, spy: Path) -> None:
    assert not set(RELATIVE) & set(swept(bars).metrics)
    for result in swept(bars, benchmark=spy, objective="information_ratio"):
        found = result.result
        grown = (1 + found["total_return"]) / (1 + found["benchmark_return"]) - 1
        assert found["excess_return"] == pytest.approx(grown, rel=1e-9, abs=1e-12)


def test_a_benchmark_is_read_from_whatever_holds_bars(bars: Path, spy: Path) -> None:
    frame = table(500, 1.0)
    dataset = _native.core().Dataset.from_paths([str(spy)])
    expected = [result.result for result in swept(bars, benchmark=spy)]
    for given in (str(spy), [spy], frame, {"SPY": frame}, dataset):
        assert [result.result for result in swept(bars, benchmark=given)] == expected


def test_a_benchmark_has_the_name_of_its_instrument_or_file(bars: Path, spy: Path) -> None:
    data = _frames.dataset(bars)
    frame = table(500, 1.0)
    for given, name in ((spy, "data:spy"), ({"SPY": frame}, "data:SPY"), (frame, "data:data"), ("hold", "hold"), (None, None)):
        assert _frames.measured(data, bars, given, {})[1] == name


def test_an_instrument_that_is_not_traded_can_be_the_benchmark(bars: Path, spy: Path) -> None:
    data = {"data": table(500), "spy": table(500, 1.0)}
    found = swept(data, symbols=["data"], benchmark="symbol:spy")
    assert [result.result for result in found] == [result.result for result in swept(bars, benchmark=spy)]


def test_every_call_takes_a_benchmark(bars: Path, spy: Path) -> None:
    parts = list(host.iter_sweep(bars, "momentum", GRID, n_workers=1, store=False, benchmark=spy))
    compared = host.run_multi_strategy(bars, ["momentum", "sma_cross"], 2, False, benchmark=spy)
    searched = host.optimize(bars, "momentum", GRID, 2, False, trials=5, store=False, benchmark=spy)
    ran = host.backtest(bars, "momentum", {"lookback": 9}, benchmark=spy)
    assert parts and set(RELATIVE) <= set(compared.metrics) and set(RELATIVE) <= set(searched.metrics)
    assert set(RELATIVE) <= set(ran.metrics) and ran.benchmark == "spy"
    luck = host.monte_carlo(bars, "momentum", {"lookback": 9}, draws=100, runs=2, n_workers=1, progress=False, benchmark="hold")
    assert luck.metrics
    alone = swept({"A": table(500), "B": table(500, 2.0)}, each_symbol=True, benchmark="hold")
    held = {result.symbol: result.result["benchmark_return"] for result in alone}
    assert held["A"] != held["B"]


@pytest.mark.parametrize("benchmark", ["hold", "frame"])
def test_strategies_in_python_have_the_bits_of_components(benchmark: str) -> None:
    pytest.importorskip("numpy")
    sdk: Any = importlib.import_module("sdk_strategies")
    given: Any = table(500, 1.0) if benchmark == "frame" else benchmark
    with host.ParallelBacktester(2) as backtester:
        grid = {"fast": [2, 5], "slow": [10, 30]}
        mine = backtester.sweep(table(500), sdk.SmaCross, grid, progress=False, benchmark=given)
        name = sdk.SmaCross.description.name
        theirs = backtester.sweep(table(500), name, grid, progress=False, store=False, benchmark=given)
        assert [one.result for one in mine] == [one.result for one in theirs]
        always = host.targets(lambda data, share: [share] * len(data["close"]))
        functions: Any = backtester.sweep(table(500), always, {"share": [1.0]}, progress=False, benchmark=given)
    found, returned = functions[0].result, theirs[0].result["benchmark_return"]
    assert functions[0].success, functions[0].error_message
    assert set(RELATIVE) <= set(found) and found["benchmark_return"] == returned


def test_a_worker_gets_the_benchmark_beside_the_bars() -> None:
    trade: Any = importlib.import_module("host._trade")
    setup = trade.Setup(b"bars", [], b"others")
    buffers: list[Any] = []
    whole = pickle.dumps(setup, 5, buffer_callback=buffers.append)
    read = pickle.loads(whole, buffers=[bytes(buffer.raw()) for buffer in buffers])
    assert (bytes(read.bars), read.sides, bytes(read.benchmark)) == (b"bars", [], b"others")
    assert pickle.loads(pickle.dumps(trade.Setup(b"bars", []), 5)).benchmark is None


def test_a_report_asks_for_the_bars_that_a_sweep_was_measured_against(bars: Path, spy: Path, tmp_path: Path) -> None:
    results, returns = tmp_path / "s.parquet", tmp_path / "r.arrow"
    swept(bars, benchmark=spy, out=results, returns=returns)
    page = host.report(results, "momentum", bars, store=False, benchmark=spy).page
    assert "jensen_alpha" in page.split('id="data">')[1]
    with pytest.raises(SettingsError, match="give its bars with `benchmark`"):
        host.report(results, "momentum", bars, store=False)
    with pytest.raises(SettingsError, match="not the one of the sweep"):
        host.report(results, "momentum", bars, store=False, benchmark=table(500, 2.0))
    # Folds that run anew are measured by their own returns.
    assert host.walk_forward(returns, fresh=True, strategy="momentum", data=bars, store=False).fresh is not None


def test_results_are_not_written_over_the_benchmark(bars: Path, spy: Path) -> None:
    with pytest.raises(SettingsError, match="also read"):
        swept(bars, benchmark=spy, out=spy)


REFUSED: list[tuple[Callable[[], object], type[host.HostError], str]] = [
    (lambda: swept(table(), benchmark="SPY"), SettingsError, "neither `hold` nor a file"),
    (lambda: swept(table(), benchmark="data:spy"), SettingsError, "neither `hold` nor a file"),
    (lambda: swept(table(), benchmark="symbol:NONE"), SettingsError, "`NONE`"),
    (lambda: swept(table(), benchmark="symbol:"), SettingsError, "not a benchmark"),
    (lambda: swept(table(), benchmark=5), SettingsError, "`benchmark` is a int"),
    (lambda: swept(table(), benchmark={"A": table(), "B": table()}), SettingsError, "2 instruments"),
    (lambda: swept(table(), benchmark=table(skip=100)), SettingsError, "begins on 2020-04-10"),
    (lambda: swept(table(), benchmark={"date": ["2020-01-01"], "close": ["x"]}), DataError, "is not a number"),
    (lambda: swept(table(), objective="excess_return"), SettingsError, "measured against a benchmark"),
    (lambda: swept(table(), metrics=["sharpe", "alpha_t"]), SettingsError, "measured against a benchmark"),
    (lambda: swept(table(), require="up_capture > 1"), SettingsError, "measured against a benchmark"),
    (
        lambda: host.run_multi_strategy(table(), ["momentum"], 1, False, metrics=["alpha_t"]),
        SettingsError,
        "measured against a benchmark",
    ),
    (
        lambda: run_parameter_sweep([1], lambda data, a: a, {"a": [1]}, 1, False, benchmark="hold"),
        SettingsError,
        "`benchmark` is for components",
    ),
]


@pytest.mark.parametrize(("call", "kind", "words"), REFUSED)
def test_what_cannot_be_measured_is_refused(call: Callable[[], object], kind: type[host.HostError], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
