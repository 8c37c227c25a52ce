"""Results of Python strategies in files and in parts: complete or absent, in order, few in memory."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import GridError, HostError, ParallelBacktester, SettingsError, _pool, iter_sweep, run_parameter_sweep

GRID = {"fast": [1, 2, 3], "slow": [10, 20]}


def strategy(data: Any, fast: int, slow: int) -> dict[str, Any]:
    if (fast, slow) == (2, 20):
        raise ValueError("no luck")
    return {"total": slow / fast if fast < 3 else float("nan"), "trades": fast * slow, "is_good": fast == 1, "note": f"a,{fast}"}


@host.targets
def steady(data: Any, share: float) -> list[float]:
    return [share] * len(data["close"])


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_has_a_row_for_each_result(tmp_path: Path) -> None:
    lines, table = tmp_path / "rows.jsonl", tmp_path / "rows.csv"
    results = run_parameter_sweep(None, strategy, GRID, 2, False, out=lines)
    run_parameter_sweep(None, strategy, GRID, 2, False, out=str(table))
    rows = read_lines(lines)
    assert [(row["fast"], row["slow"]) for row in rows] == [(fast, slow) for fast in (1, 2, 3) for slow in (10, 20)]
    assert rows[0]["total"] == 10.0 and rows[0]["trades"] == 10 and rows[0]["is_good"] is True and rows[0]["note"] == "a,1"
    assert rows[4]["total"] is None and rows[4]["success"] is True
    assert rows[3]["success"] is False and rows[3]["error_kind"] == "failed" and "no luck" in rows[3]["error_message"]
    assert not {"execution_time", "worker_id"} & set(rows[0])
    with table.open(newline="") as file:
        assert [row["note"] for row in csv.DictReader(file)] == ["a,1", "a,1", "a,2", "", "a,3", "a,3"]
    assert len(results) == 6 and [result.result["note"] for result in results[:2]] == ["a,1", "a,1"]


def test_a_parquet_file_has_types(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "rows.parquet"
    run_parameter_sweep(None, strategy, GRID, 2, False, out=path)
    table = parquet.read_table(path)
    kinds = {name: str(table.schema.field(name).type) for name in ("fast", "total", "trades", "is_good", "note")}
    assert kinds == {"fast": "int64", "total": "double", "trades": "int64", "is_good": "bool", "note": "string"}
    assert table.column("total").to_pylist() == [10.0, 20.0, 5.0, None, None, None]


def test_the_bytes_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2, 3):
        run_parameter_sweep(None, strategy, GRID, workers, False, out=tmp_path / f"{workers}.parquet")
    assert len({(tmp_path / f"{workers}.parquet").read_bytes() for workers in (1, 2, 3)}) == 1


def test_values_of_numpy_are_numbers_in_a_file(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")

    def typed(data: Any, at: int) -> dict[str, Any]:
        when = numpy.datetime64("2024-01-02", "ns")
        return {"whole": numpy.int64(at), "broken": numpy.float32(0.5), "yes": numpy.bool_(True), "when": when}

    path = tmp_path / "rows.jsonl"
    run_parameter_sweep(None, typed, {"at": [1]}, 1, False, out=path)
    row = read_lines(path)[0]
    assert (row["whole"], row["broken"], row["yes"], row["when"]) == (1, 0.5, True, "2024-01-02T00:00:00.000000000")


def test_exposures_that_are_traded_go_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    data = {"time": core_data.dates(), **core_data.columns()}
    results = run_parameter_sweep(data, steady, {"share": [0.5, 1.0]}, 2, False, out=path, metrics=["sharpe", "trades"])
    assert [row["sharpe"] for row in read_lines(path)] == [result.result["sharpe"] for result in results]
    assert [row["share"] for row in read_lines(path)] == [0.5, 1.0]


def test_a_file_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    ran = tmp_path / "ran"

    def marks(data: Any, at: int) -> int:
        ran.touch()
        return at

    bars = core_data.write_csv(tmp_path / "bars.csv")
    for path, data, said in [
        (tmp_path / "rows.xls", None, "xls"),
        (tmp_path / "none" / "rows.csv", None, "none"),
        (tmp_path, None, "directory"),
        (bars, str(bars), "is also read"),
    ]:
        with pytest.raises(SettingsError, match=said):
            run_parameter_sweep(data, marks, {"at": [1]}, 1, False, out=path)
    assert not ran.exists() and bars.read_text().startswith("date,")


def test_a_sweep_that_ends_early_leaves_no_file(tmp_path: Path) -> None:
    def stop(completed: int, total: int) -> None:
        raise RuntimeError("enough")

    before = tmp_path / "rows.csv"
    before.write_text("mine")
    with pytest.raises(RuntimeError, match="enough"):
        run_parameter_sweep(None, strategy, GRID, 1, False, out=before, callback=stop)
    assert before.read_text() == "mine" and os.listdir(tmp_path) == ["rows.csv"]


def test_parts_have_all_results_in_order() -> None:
    def shy(data: Any, at: int) -> int:
        if at == 700:
            os._exit(3)
        return at

    parts = list(iter_sweep(None, shy, {"at": range(3000)}, n_workers=2))
    results = [result for part in parts for result in part]
    assert [result.index for result in results] == list(range(3000)) and max(map(len, parts)) <= 1024
    assert [result.result for result in results] == [None if at == 700 else at for at in range(3000)]
    assert results[700].error_kind == "crash" and sum(not result.success for result in results) == 1


def test_no_more_tasks_begin_than_the_reader_will_soon_want(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pool, "ROWS", 10)
    monkeypatch.setattr(_pool, "AHEAD", 25)
    begun = tmp_path / "begun"

    def counts(data: Any, at: int) -> int:
        with open(begun, "ab", buffering=0) as file:
            file.write(b".")
        return at

    running = iter_sweep(None, counts, {"at": range(100)}, n_workers=2)
    read = 0
    for part in running:
        assert begun.stat().st_size <= read + 25
        read += len(part)
    assert read == begun.stat().st_size == 100


def test_a_grid_is_not_expanded_and_an_iterator_ends_its_workers(nothing_left: None) -> None:
    running = iter_sweep(None, lambda data, a, b: a + b, {"a": range(100_000), "b": range(100_000)}, n_workers=2)
    first = [result.result for result in next(running)]
    running.close()
    assert first and first == list(range(len(first)))
    assert list(running) == []


def test_a_backtester_serves_others_once_an_iterator_is_closed() -> None:
    with ParallelBacktester(1) as backtester:
        running = backtester.iterate(None, lambda data, at: at, {"at": range(5000)})
        next(running)
        with pytest.raises(host.HostError, match="runs another call"):
            backtester.sweep(None, lambda data, at: at, {"at": [1]}, progress=False)
        running.close()
        assert backtester.sweep(None, lambda data, at: at, {"at": [1]}, progress=False)[0].result == 1


def test_parts_of_what_is_traded_are_those_of_a_sweep() -> None:
    data = {"time": core_data.dates(), **core_data.columns()}
    grid = {"share": [0.25, 0.5, 1.0]}
    whole = run_parameter_sweep(data, steady, grid, 2, False, require="total_return > 0")
    parts = list(iter_sweep(data, steady, grid, n_workers=2, require="total_return > 0"))
    assert [result.result for part in parts for result in part] == [result.result for result in whole]
    assert {part.kind for part in parts} == {"targets"} and {part.objective for part in parts} == {whole.objective}


def test_a_part_is_a_table_of_arrow() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parts = iter_sweep(None, strategy, GRID, n_workers=1)
    assert [row["trades"] for part in parts for row in pyarrow.table(part).to_pylist()] == [10, 20, 20, None, 30, 60]


def test_components_come_as_before() -> None:
    assert sum(1 for _ in iter_sweep(None, "momentum", {"lookback": [5, 10]}, store=False)) == 1


def test_what_is_wrong_is_told_at_once() -> None:
    with pytest.raises(GridError, match="empty|no value"):
        iter_sweep(None, strategy, {"fast": [], "slow": [1]})
    with pytest.raises(SettingsError, match="does not take it"):
        iter_sweep(None, strategy, GRID, metrics="sharpe")
    with pytest.raises(HostError, match="leave out `backend='ray'`|needs Ray"):
        iter_sweep(None, strategy, GRID, backend="ray")
