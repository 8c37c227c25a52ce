"""Finer bars: the numbers of the command for every kind of strategy, and what cannot be finer bars is refused."""

from __future__ import annotations

import datetime
import subprocess
import sys
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import DataError, _frames, run_parameter_sweep

sys.path.insert(0, str(Path(__file__).parent))

GRID = {"fast": "3,5", "slow": "10,20"}
EXITS: Any = {"stop_loss": ["1%", "2%"], "take_profit": "1%"}


def days(bars: int = 400) -> dict[str, list[Any]]:
    """Daily bars."""
    return {"date": core_data.dates(bars), **core_data.columns(bars)}


def longer(table: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The weeks of these days."""
    mondays = [day - datetime.timedelta(day.weekday()) for day in map(datetime.date.fromisoformat, table["date"])]
    starts = [at for at, monday in enumerate(mondays) if at == 0 or monday != mondays[at - 1]]
    parts = [slice(*bounds) for bounds in zip(starts, [*starts[1:], len(mondays)])]
    first = {"date": [mondays[at].isoformat() for at in starts], "open": [table["open"][at] for at in starts]}
    extremes = {"high": [max(table["high"][part]) for part in parts], "low": [min(table["low"][part]) for part in parts]}
    closes, volumes = [table["close"][part][-1] for part in parts], [sum(table["volume"][part]) for part in parts]
    return {**first, **extremes, "close": closes, "volume": volumes}


def written(path: Path, table: dict[str, list[Any]]) -> Path:
    rows = zip(*[[repr(value) if isinstance(value, float) else str(value) for value in one] for one in table.values()])
    path.write_text("\n".join([",".join(table), *(",".join(row) for row in rows)]) + "\n")
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return written(tmp_path / "long.csv", longer(days())), written(tmp_path / "days.csv", days())


def swept(data: Any, **options: Any) -> Any:
    return run_parameter_sweep(data, "sma_cross", GRID, 2, False, store=False, **EXITS, **options)


def values(results: Any) -> list[Any]:
    return [result.result for result in results]


def test_the_file_is_that_of_the_command(files: tuple[Path, Path], tmp_path: Path) -> None:
    bars, fine = files
    mine, theirs = tmp_path / "mine.csv", tmp_path / "theirs.csv"
    typed = "--plugin sma_cross --param fast=3,5 --param slow=10,20 --stop-loss 1%,2% --take-profit 1% --no-store --quiet"
    command = [sys.executable, "-m", "host", "sweep", *typed.split(), "--data", bars, "--detail", fine, "--out", theirs]
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    results = swept(bars, detail=fine, out=mine)
    assert mine.read_bytes() == theirs.read_bytes()
    assert values(results) != values(swept(bars))


def test_finer_bars_are_read_from_whatever_holds_bars(files: tuple[Path, Path]) -> None:
    bars, fine = files
    expected = values(swept(bars, detail=fine))
    given: list[Any] = [days(), [fine], _frames.dataset(fine)]
    for detail in given:
        assert values(swept(bars, detail=detail)) == expected
    assert values(swept({"A": longer(days())}, detail={"A": days()})) == expected


def test_every_call_takes_finer_bars(files: tuple[Path, Path]) -> None:
    bars, fine = files
    options: Any = {"detail": fine, "stop_loss": "1%", "take_profit": "1%"}
    alone: Any = {**options, "detail": None}

    @host.targets
    def rising(data: Any, length: int = 5) -> Any:
        closes = data["close"]
        return [float(at >= length and closes[at] > closes[at - length]) for at in range(len(closes))]

    calls: list[tuple[Any, dict[str, int]]] = [("sma_cross", {"fast": 3, "slow": 10}), (rising, {"length": 5})]
    for strategy, params in calls:
        one, other = (host.run_multi_strategy(longer(days()), [strategy], 1, False, params=params, **given) for given in (options, alone))
        assert values(one) != values(other), strategy
    run = host.backtest(bars, "sma_cross", {"fast": 3, "slow": 10}, **options)
    assert run.metrics["trades"] >= 1


def test_a_timeframe_makes_the_longer_bars(files: tuple[Path, Path]) -> None:
    expected = values(swept(files[0], detail=files[1]))
    assert values(swept(days(), timeframe="1w")) == values(swept(files[1], timeframe="1w")) == expected
    assert run_parameter_sweep(None, "sma_cross", GRID, 2, False, store=False, timeframe="1mo").best is not None
    with pytest.raises(DataError, match="of which no bars of `1h`"):
        swept(days(), timeframe="1h")


def test_what_cannot_be_finer_bars_is_refused(files: tuple[Path, Path]) -> None:
    bars, fine = files
    with pytest.raises(DataError, match="are not finer"):
        swept(fine, detail=bars)
    with pytest.raises(DataError, match="no finer bar"):
        swept(bars, detail=_frames.dataset(None))
