"""Returns of components, and what they say: the same as the command, whole or refused, and interrupted by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import DataError, SettingsError, _evidence, run_parameter_sweep

GRID = {"lookback": list(range(5, 25)), "threshold": [0.0, 0.01]}


def command(*arguments: Any) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "host", *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", 600)


@pytest.fixture(scope="module")
def returns(bars: Path) -> Path:
    file = bars.with_name("returns.arrow")
    run_parameter_sweep(bars, "momentum", GRID, 2, False, returns=file)
    return file


def content(file: Path) -> tuple[Any, dict[bytes, bytes]]:
    """The rows and the metadata, but what the command adds of its check for look-ahead."""
    table = pytest.importorskip("pyarrow.ipc").open_file(file.read_bytes()).read_all()
    metadata = {name: text for name, text in table.schema.metadata.items() if name != b"host.check"}
    return table.replace_schema_metadata(None), metadata


def test_the_file_has_the_content_of_the_commands(bars: Path, returns: Path, tmp_path: Path) -> None:
    for period in ("day", "week"):
        mine, theirs = tmp_path / "mine.arrow", tmp_path / "theirs.arrow"
        given = ["--param", "lookback=5..24", "--param", "threshold=0,0.01", "--returns-period", period, "--returns", theirs]
        ran = command("sweep", "--plugin", "momentum", "--data", bars, *given, "--quiet")
        assert ran.returncode == 0, ran.stderr
        grid = {"lookback": "5..24", "threshold": "0,0.01"}
        run_parameter_sweep(bars, "momentum", grid, 1, False, returns=mine, returns_period=period)
        assert content(mine) == content(theirs), period


def test_reports_are_those_of_the_command(returns: Path) -> None:
    for name, report, options in (
        ("trust", host.trust(returns, draws=300, seed=4, trials=1_000), ["--draws", 300, "--seed", 4, "--trials", 1_000]),
        ("walk-forward", host.walk_forward(returns, test=50, anchored=True), ["--test", 50, "--anchored"]),
    ):
        ran = command(name, returns, "--format", "json", *options)
        assert ran.returncode == 0, ran.stderr
        expected = json.loads(ran.stdout)
        expected = {key: value for key, value in expected.items() if key in report.to_dict()}
        assert len(expected) >= 16 and json.loads(json.dumps(report.to_dict())) == expected


def test_a_report_reads_as_words(returns: Path) -> None:
    report = host.trust(returns, draws=300)
    assert report.verdict in ("noise", "doubtful", "credible") and report.combinations == 40
    assert len(report.cross_validation["paths"]) == 9
    assert f"{report.verdict}: {report.words}" in repr(report) and "lookback=" in repr(report)
    page = report._repr_html_()
    assert "<table>" in page and "cpcv_sharpe" in page and report.words in page.replace("&#x27;", "'")
    forward = host.walk_forward(returns)
    assert f"{len(forward.folds)} folds" in repr(forward) and forward._repr_html_().count("<tr>") == len(forward.folds) + 1
    assert len(forward.returns) >= forward.test * (len(forward.folds) - 1)


def test_trials_come_from_the_store_that_is_given(bars: Path, tmp_path: Path) -> None:
    store, file = tmp_path / "store", tmp_path / "r.arrow"
    run_parameter_sweep(bars, "momentum", {"lookback": range(30, 60)}, 1, False, store=store)
    for _ in range(2):
        # What is known runs again, since its returns are not kept.
        run_parameter_sweep(bars, "momentum", GRID, 1, False, store=store, returns=file)
        report = host.trust(file, draws=200, store=store)
        assert (report.trials, report.trials_counted_by, report.combinations) == (70, "store", 40)
    report = host.trust(file, draws=200, store=False)
    assert (report.trials, report.trials_counted_by) == (40, "sweep")


@pytest.mark.parametrize("kind", ["callable", "targets"])
def test_returns_of_a_strategy_in_python_are_refused(kind: str, bars: Path, tmp_path: Path) -> None:
    def strategy(data: Any, lookback: int) -> Any:
        return [1.0] * len(data["close"])

    function = host.targets(strategy) if kind == "targets" else strategy
    with pytest.raises(SettingsError, match="`returns` is for components"):
        run_parameter_sweep(bars, function, {"lookback": [1]}, 1, False, returns=tmp_path / "r.arrow")


def test_what_cannot_be_done_is_refused(bars: Path, returns: Path, tmp_path: Path) -> None:
    def sweep(**more: Any) -> Any:
        return run_parameter_sweep(bars, "momentum", {"lookback": [5]}, 1, False, **more)

    file = tmp_path / "r.arrow"
    for call, kind, said in (
        (lambda: sweep(returns=file, each_symbol=True), SettingsError, "each_symbol"),
        (lambda: sweep(returns=file, shard="1/2"), SettingsError, "shard"),
        (lambda: sweep(returns=file, returns_period="month"), SettingsError, "month"),
        (lambda: sweep(returns_period="day"), SettingsError, "give `returns`"),
        (lambda: sweep(returns=bars), SettingsError, "also read"),
        (lambda: sweep(returns=tmp_path / "a.csv", out=tmp_path / "a.csv"), SettingsError, "two files"),
        (lambda: host.trust(tmp_path / "none.arrow"), DataError, "none.arrow"),
        (lambda: host.trust(bars), DataError, "host sweep --returns"),
        (lambda: host.trust(returns, draws=5), SettingsError, "`5`"),
        (lambda: host.trust(returns, draws=-5), SettingsError, "`draws` is -5"),
        (lambda: host.trust(returns, seed=1.5), SettingsError, "`seed` is 1.5"),  # type: ignore[arg-type]
        (lambda: host.trust(returns, alpha=float("nan")), SettingsError, "`alpha` is nan"),
        (lambda: host.trust(returns, trials=3), SettingsError, "trials is 3"),
        (lambda: host.trust(returns, store=tmp_path / "none"), SettingsError, "none"),
        (lambda: host.walk_forward(returns, test=1), SettingsError, "at least 2"),
        (lambda: host.walk_forward(returns, train=10_000), SettingsError, "walk-forward needs"),
    ):
        with pytest.raises(kind, match=said):
            call()
    assert not file.exists()


def test_ctrl_c_ends_a_report(bars: Path, tmp_path: Path) -> None:
    file = tmp_path / "r.arrow"
    run_parameter_sweep(bars, "momentum", {"lookback": range(5, 105), "threshold": [at / 1_000 for at in range(40)]}, 2, False, returns=file)
    timer = threading.Timer(0.3, signal.raise_signal, [signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        while time.monotonic() - start < 60:
            host.trust(file, draws=20_000)
    timer.join()


def test_a_number_that_is_like_a_whole_one_is_one() -> None:
    numpy = pytest.importorskip("numpy")
    assert _evidence.whole(draws=numpy.int64(7)) == {"draws": 7}
    assert _evidence.finite(alpha=numpy.float32(0.5)) == {"alpha": 0.5}
