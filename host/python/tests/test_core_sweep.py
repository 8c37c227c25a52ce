"""Components: the same bits as the command, errors by class, callbacks, Ctrl-C, traps, processes."""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import core_data
import pytest

from host import _components
from host._errors import GridError, HostError, SettingsError
from host._frames import dataset
from host._results import SweepResults

GRID = {"lookback": list(range(5, 105)), "threshold": [at / 100 for at in range(10)]}
PARAMS = ["--param", "lookback=5..104", "--param", "threshold=0..0.09:0.01"]


def command(*arguments: Any, **more: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command of the wheel."""
    whole = [sys.executable, "-m", "host", *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=120, check=False, **more)


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else value


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", 300)


@pytest.fixture(scope="module")
def by_command(bars: Path) -> list[dict[str, Any]]:
    out = bars.with_name("rows.jsonl")
    ran = command("sweep", "--plugin", "momentum", "--data", bars, *PARAMS, "--out", out, "--quiet")
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in out.read_text().splitlines()]


def rows_of(results: Any, like: dict[str, Any]) -> list[dict[str, Any]]:
    values = {name: results.core.column_values(name) for name in like}
    return [dict(zip(values, row)) for row in zip(*values.values())]


@pytest.mark.parametrize("kind", ["path", "columns", "pandas", "polars"])
def test_a_thousand_cells_have_the_bits_of_the_command(kind: str, bars: Path, by_command: list[dict[str, Any]]) -> None:
    texts, columns = core_data.dates(300), core_data.columns(300)
    if kind == "path":
        data: Any = bars
    elif kind == "columns":
        data = {"date": texts, **columns}
    elif kind == "pandas":
        pandas = pytest.importorskip("pandas")
        data = pandas.DataFrame(columns, index=pandas.DatetimeIndex(texts))
    else:
        polars = pytest.importorskip("polars")
        data = polars.DataFrame({"date": texts, **columns}).with_columns(polars.col("date").str.to_date())
    results = _components.sweep(data, "momentum", GRID, progress=False)
    rows = rows_of(results, by_command[0])
    assert len(rows) == len(by_command) == 1000
    for mine, theirs in zip(rows, by_command):
        for name, value in theirs.items():
            value = float(value) if isinstance(mine[name], float) and isinstance(value, (int, str)) else value
            assert bits(mine[name]) == bits(value), name


def test_rows_have_the_fields_of_a_result(bars: Path) -> None:
    results = _components.sweep(bars, "momentum", {"lookback": [5, 10], "threshold": [0.0, 0.01]}, progress=False)
    assert [result.params for result in results] == [
        {"lookback": lookback, "threshold": threshold, "short": False} for lookback in (5, 10) for threshold in (0.0, 0.01)
    ]
    first = results[0]
    assert first.task_id.startswith("lookback=5")
    assert first.success and first.error_message is None and first.error_kind is None
    assert set(first.result) >= {"sharpe", "total_return", "max_drawdown", "trades"}
    assert (first.index, first.strategy_name, first.symbol, first.log, first.cached) == (0, "momentum", None, [], False)
    assert first.units > 0 and first.execution_time >= 0 and first.worker_id >= 0
    assert results[-1].index == 3 and len(results[1:3]) == 2
    with pytest.raises(IndexError):
        results[4]
    with pytest.raises(IndexError):
        results[-5]
    assert results.sandboxed and results.objective == "sharpe"
    assert results.core.parameters == ["lookback", "threshold", "short"]


def test_results_go_out_by_arrow_again_and_again(bars: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    results = _components.sweep(bars, "momentum", GRID, progress=False)
    first, second = pyarrow.table(results), pyarrow.table(results)
    assert first.equals(second) and first.num_rows == 1000
    assert {"task_id", "lookback", "threshold", "sharpe", "cell", "worker_id"} <= set(first.column_names)
    assert first.column("cell").to_pylist() == list(range(1000))
    frame = results.to_pandas()
    assert list(frame["lookback"][:11]) == [5] * 10 + [6]
    pytest.importorskip("polars")
    assert results.to_polars().shape == (1000, first.num_columns)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_the_file_has_the_bytes_of_the_commands(ending: str, bars: Path, tmp_path: Path) -> None:
    mine, theirs = tmp_path / f"mine.{ending}", tmp_path / f"theirs.{ending}"
    ran = command("sweep", "--plugin", "momentum", "--data", bars, *PARAMS, "--out", theirs, "--quiet")
    assert ran.returncode == 0, ran.stderr
    grid = {"lookback": "5..104", "threshold": "0..0.09:0.01"}
    _components.sweep(bars, "momentum", grid, progress=False, out=mine, n_workers=1)
    assert mine.read_bytes() == theirs.read_bytes()


def test_the_store_is_that_of_the_command(bars: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    ran = command("sweep", "--plugin", "momentum", "--data", bars, *PARAMS, "--out", tmp_path / "a.csv", "--store", store)
    assert ran.returncode == 0, ran.stderr
    table = {"date": core_data.dates(300), **core_data.columns(300)}
    results = _components.sweep(table, "momentum", GRID, progress=False, store=store)
    assert results.known == 1000 and all(result.cached for result in results[:5])
    assert _components.sweep(table, "momentum", GRID, progress=False, store=False).known == 0
    more = _components.sweep(table, "momentum", {**GRID, "lookback": [4, 5]}, progress=False, store=store)
    assert more.known == 10
    runs = command("results", "runs", "--store", store)
    assert runs.returncode == 0 and "python" in runs.stdout, runs.stdout + runs.stderr


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda bars: _components.sweep(bars, "momentum", {"lokback": [5]}), GridError, ["lokback", "lookback"]),
        (lambda bars: _components.sweep(bars, "momentum", {}), GridError, ["no grid"]),
        (lambda bars: _components.sweep(bars, "momentum", 5), GridError, ["dict"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, where=lambda **_: True), GridError, ["text"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, where="lookback > 5"), GridError, ["lookback > 5"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, objective="sharp"), ValueError, ["sharp"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, account={"cash": -1}), SettingsError, ["cash"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, limits={"timeout": 0}), SettingsError, ["timeout"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, shard="0/0"), SettingsError, ["0/0"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, colour=1), SettingsError, ["colour"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, out=bars), SettingsError, ["also read"]),
        (lambda bars: _components.sweep(bars, "momentun", {"lookback": [5]}), HostError, ["momentun"]),
        (lambda bars: _components.sweep(bars, b"no component", {"lookback": [5]}), HostError, ["component"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, n_workers=0), SettingsError, ["0 workers"]),
        (lambda bars: _components.sweep(bars, "momentum", {"lookback": [5]}, backend="gpu"), SettingsError, ["gpu"]),
        (lambda bars: _components.compare(bars, ["momentum"], params={"speed": 1}), GridError, ["speed"]),
    ],
)
def test_errors_have_classes_and_words(call: Any, error: type[Exception], words: list[str], bars: Path) -> None:
    with pytest.raises(error) as caught:
        call(bars)
    for word in words:
        assert word in str(caught.value)


def test_a_plugin_may_be_a_path_or_bytes(bars: Path, tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "plugins" / "momentum" / "momentum.wasm"
    if not source.exists():
        pytest.skip("the plugins are beside the sources only")
    path = tmp_path / "mine.wasm"
    path.write_bytes(source.read_bytes())
    grid = {"lookback": [5, 10, 20]}
    by_name = _components.sweep(bars, "momentum", grid, progress=False)
    for plugin in (path, str(path), path.read_bytes(), bytearray(path.read_bytes())):
        results = _components.sweep(bars, plugin, grid, progress=False)
        assert [result.result for result in results] == [result.result for result in by_name]


def test_several_strategies_are_compared(bars: Path) -> None:
    found = _components.compare(bars, ["momentum", "sma_cross", "breakout"], progress=False)
    assert [result.strategy_name for result in found] == ["momentum", "sma_cross", "breakout"]
    assert all(result.success and "sharpe" in result.result and result.params for result in found)
    named = _components.compare(bars, {"a": "momentum", "b": "breakout"}, progress=False, params={"lookback": 7})
    assert [result.task_id for result in named] == ["a", "b"]
    assert named[0].params["lookback"] == 7


def test_custom_tasks_answer_with_what_their_json_says(bars: Path) -> None:
    from host._results import ParallelTask

    read = dataset(bars)
    tasks = [ParallelTask(f"t{at}", {"data": read, "samples": 50 + at}) for at in range(5)]
    results = _components.tasks(tasks, "bootstrap", progress=False)
    assert [result.task_id for result in results] == [task.task_id for task in tasks]
    assert all(result.success and isinstance(result.result, dict) for result in results), results[0]
    wrong = _components.tasks([ParallelTask("x", {"sample": 3})], "bootstrap", progress=False)
    assert wrong[0].error_kind == "invalid-params" and "sample" in wrong[0].error_message
    with pytest.raises(GridError, match="twice"):
        _components.tasks([tasks[0], tasks[0]], "bootstrap", progress=False)


def test_rows_come_while_a_sweep_goes_on(bars: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    grid = {"lookback": {"from": 5, "to": 204, "step": 1}, "threshold": {"from": 0, "to": 0.99, "step": 0.01}}
    running = _components.iter_sweep(bars, "momentum", grid)
    cells = [cell for batch in running for cell in pyarrow.table(batch).column("cell").to_pylist()]
    assert cells == list(range(20000))
    assert running.summary.total == 20000 and not running.summary.interrupted
    closed = _components.iter_sweep(bars, "momentum", grid)
    next(closed)
    closed.close()
    assert list(closed) == []
    assert len(_components.sweep(bars, "momentum", {"lookback": [5, 6]}, progress=False)) == 2
    with pytest.raises(GridError):
        list(_components.iter_sweep(bars, "momentum", {"lokback": [5]}))


def test_the_callback_hears_of_the_end_and_may_stop_the_sweep(bars: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    _components.sweep(bars, "momentum", GRID, progress=False, callback=lambda done, total: heard.append((done, total)))
    assert heard[-1] == (1000, 1000)
    assert heard == sorted(heard)

    def refuse(done: int, total: int | None) -> None:
        raise RuntimeError("no more")

    grid = {"lookback": {"from": 5, "to": 1004, "step": 1}, "threshold": {"from": 0, "to": 0.99, "step": 0.01}}
    with pytest.raises(RuntimeError, match="no more"):
        _components.sweep(bars, "momentum", grid, progress=False, callback=refuse)


def test_other_threads_of_python_run_meanwhile(bars: Path) -> None:
    count, over = 0, threading.Event()

    def work() -> None:
        nonlocal count
        while not over.is_set():
            count += 1

    thread = threading.Thread(target=work)
    thread.start()
    grid = {"lookback": {"from": 5, "to": 204, "step": 1}, "threshold": {"from": 0, "to": 0.99, "step": 0.01}}
    _components.sweep(bars, "momentum", grid, progress=False)
    over.set()
    thread.join()
    assert count > 1000


def child(code: str, *arguments: Any, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Runs Python code in a process of its own."""
    whole = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(whole, capture_output=True, text=True, timeout=timeout, check=False, cwd=Path(__file__).parent)


def test_ctrl_c_stops_soon_and_keeps_what_is_finished(bars: Path) -> None:
    code = """
        import os, signal, sys, threading, time
        from host import _components
        from host._errors import SweepInterrupted
        grid = {"lookback": {"from": 2, "to": 200, "step": 1}, "threshold": {"from": 0, "to": 0.9999, "step": 0.0001}}
        sent = []
        def interrupt(done, total):
            if done > 100 and not sent:
                sent.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)
        try:
            _components.sweep(sys.argv[1], "momentum", grid, progress=False, callback=interrupt)
        except SweepInterrupted as stopped:
            took = time.monotonic() - sent[0]
            assert isinstance(stopped, KeyboardInterrupt)
            assert 100 < len(stopped.results) < 1_990_000, len(stopped.results)
            assert [result.index for result in stopped.results[:100]] == list(range(100))
            print("stopped", took)
        again = _components.sweep(sys.argv[1], "momentum", {"lookback": [5]}, progress=False)
        print("again", len(again))
    """
    ran = child(code, bars)
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first.startswith("stopped") and second == "again 1"
    assert float(first.split()[1]) < 2.0  # 0.2 s on a machine that does nothing else.


def faulty() -> Path:
    """The component that misbehaves in every way; it is beside the sources only."""
    path = Path(__file__).parents[3] / "tests" / "plugins" / "faulty" / "faulty.wasm"
    if not path.exists():
        pytest.skip("the plugins of tests are beside the sources only")
    return path


KINDS = {
    "fine": None, "panic": "panic", "loop": "timed-out", "memory": "out-of-memory", "recurse": "trap", "unsorted": "bad-output",
    "refuse": "invalid-params", "fail": "failed", "trap": "trap",
}  # fmt: skip


def test_each_fault_is_one_failed_result(bars: Path) -> None:
    limits = {"timeout": 2, "memory": 64, "budget": "1e9"}
    results = _components.sweep(bars, faulty(), {"behaviour": list(KINDS)}, progress=False, limits=limits)
    found = {result.params["behaviour"]: result.error_kind for result in results}
    assert found.pop("loop") in ("timed-out", "out-of-budget")
    assert found == {name: kind for name, kind in KINDS.items() if name != "loop"}
    assert len(results.failed) == 8 and all(result.error_message for result in results.failed)


@pytest.mark.parametrize("when", ["before", "after", "both"])
def test_a_trap_under_faulthandler_is_a_failed_result(when: str, bars: Path) -> None:
    code = """
        import faulthandler, sys
        from host import _components
        when = sys.argv[3]
        if when in ("before", "both"):
            faulthandler.enable()
        faults = {"behaviour": ["fine", "trap", "recurse", "panic"], "seed": [0, 1, 2]}
        def kinds():
            results = _components.sweep(sys.argv[1], sys.argv[2], faults, progress=False)
            return [result.error_kind for result in results]
        first = kinds()
        if when in ("after", "both"):
            faulthandler.disable()
            faulthandler.enable()
        assert kinds() == first, kinds()
        assert first.count("trap") == 6 and first.count("panic") == 3, first
        print("alive")
    """
    ran = child(code, bars, faulty(), when)
    assert (ran.returncode, ran.stdout.strip()) == (0, "alive"), ran.stdout + ran.stderr


def test_a_fork_is_told_what_to_do(bars: Path) -> None:
    if not hasattr(os, "fork"):
        pytest.skip("there is no fork")
    code = """
        import os, sys
        from host import _components
        from host._errors import HostError
        engine = _components._backtester(None, "concurrent")
        _components.sweep(sys.argv[1], "momentum", {"lookback": [5]}, progress=False)
        child = os.fork()
        if child == 0:
            try:
                engine.describe("momentum")
                os._exit(1)
            except HostError as error:
                if "forked" not in str(error):
                    os._exit(2)
            # The glue makes workers of its own in each process.
            results = _components.sweep(sys.argv[1], "momentum", {"lookback": [5]}, progress=False)
            del engine
            os._exit(0 if results[0].success else 3)
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    ran = child(code, bars)
    assert ran.stdout.strip() == "child 0", ran.stdout + ran.stderr


def test_worker_processes_give_the_same_bits(bars: Path) -> None:
    grid = {"lookback": [5, 10, 20], "threshold": [0.0, 0.01]}
    threads = _components.sweep(bars, "momentum", grid, progress=False)
    processes = _components.sweep(bars, "momentum", grid, progress=False, backend="multiprocessing", n_workers=2)
    assert [result.result for result in processes] == [result.result for result in threads]
    assert [result.units for result in processes] == [result.units for result in threads]


def test_symbols_run_alone_and_shards_are_parts(bars: Path) -> None:
    given = {name: {"date": core_data.dates(300), **core_data.columns(300, shift)} for name, shift in (("A", 0.0), ("B", 1.0))}
    each = _components.sweep(given, "momentum", {"lookback": [5, 10]}, progress=False, each_symbol=True)
    assert [(result.symbol, result.params["lookback"]) for result in each] == [("A", 5), ("A", 10), ("B", 5), ("B", 10)]
    whole = _components.sweep(bars, "momentum", GRID, progress=False)
    parts = [_components.sweep(bars, "momentum", GRID, progress=False, shard=f"{at}/3") for at in (1, 2, 3)]
    joined = sorted((result.index, result.result["sharpe"]) for part in parts for result in part)
    assert joined == [(result.index, result.result["sharpe"]) for result in whole]


def test_the_best_are_ranked_as_by_the_command(bars: Path) -> None:
    ran = command("sweep", "--plugin", "momentum", "--data", bars, *PARAMS, "--format", "json", "--require", "trades >= 5")
    assert ran.returncode == 0, ran.stderr
    expected = [row["task_id"] for row in json.loads(ran.stdout)["ranking"]]
    results = _components.sweep(bars, "momentum", GRID, progress=False, require=["trades >= 5"])
    assert [result.task_id for result in results.best(10)] == expected
    met = [result for result in results if result.result["trades"] >= 5 and result.result["sharpe"] is not None]
    assert len(expected) == 10 < len(met) == len(results.best(1000)) < len(results)
    assert {result.index for result in results[:500].best(1000, "fees")} == {one.index for one in met if one.index < 500}
    written = {"parameters": GRID, "require": ["trades >= 5"]}
    ranked = _components.sweep(bars, "momentum", written, progress=False).best(1000)
    assert [one.index for one in ranked] == [one.index for one in results.best(1000)]
    third = _components.sweep(bars, "momentum", GRID, progress=False, require="trades >= 5", shard="2/3")
    assert {result.index for result in third.best(1000)} == {result.index for result in third} & {one.index for one in met}


def test_columns_and_rows_tell_the_same(bars: Path) -> None:
    grid = {"lookback": [5, 10, 200], "threshold": [0, 0.01, 0.5], "short": [False, True]}
    by_columns = _components.sweep(bars, "momentum", grid, progress=False)
    by_rows = SweepResults(list(by_columns), axes=by_columns.axes, objective="sharpe", kind="component")
    for metric in ("sharpe", "trades", "recovery_days"):
        assert [one.index for one in by_columns.best(20, metric)] == [one.index for one in by_rows.best(20, metric)]
        assert repr(by_columns.grid("lookback", "short", metric)) == repr(by_rows.grid("lookback", "short", metric))
    assert set(by_rows.metrics) <= set(by_columns.metrics) and by_columns.failed == by_rows.failed == []
    some_fail = _components.sweep(bars, "sma_cross", {"fast": [5, 60], "slow": [20, 50, 90]}, progress=False)
    assert [result.params["slow"] for result in some_fail.failed] == [20, 50]
    assert some_fail._failures() == SweepResults(list(some_fail))._failures() != {}


def test_a_picture_of_many_results_makes_no_objects_of_them(bars: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = _components.sweep(bars, "momentum", GRID, progress=False)
    made: list[int] = []
    row = _components._Rows._row
    monkeypatch.setattr(_components._Rows, "_row", lambda rows, at: made.append(at) or row(rows, at))
    assert "1,000 results" in results._repr_html_() and repr(results) == "<SweepResults: 1000 results>"
    assert len(made) <= 20


def test_what_does_not_meet_the_requirements_is_not_ranked(bars: Path) -> None:
    every = _components.sweep(bars, "momentum", GRID, progress=False)
    middle = sorted(result.result["trades"] for result in every)[500]
    some = _components.sweep(bars, "momentum", GRID, progress=False, require=[f"trades >= {middle}"])
    met = [result.index for result in every if result.result["trades"] >= middle]
    assert 10 < len(met) < 900 and len(some) == 1000
    assert sorted(result.index for result in some.best(1000)) == met
    assert sorted(set(range(1000)) - set(some.core.left_out)) == met


def test_the_command_is_in_the_wheel() -> None:
    assert command("--version").stdout.startswith("host ")
    wrong = command("sweep", "--plugin", "none.wasm")
    assert wrong.returncode == 2 and "none.wasm" in wrong.stderr


def test_an_import_is_quick_and_starts_nothing() -> None:
    code = """
        import sys, threading
        import host
        assert "host._core" not in sys.modules, "the engine is loaded with its first use"
        assert threading.active_count() == 1
        print("ok")
    """
    ran = child(code)
    assert ran.stdout.strip() == "ok", ran.stderr


def test_infinite_and_undefined_values_are_told_apart(bars: Path) -> None:
    results = _components.sweep(bars, "momentum", {"lookback": [5, 250]}, progress=False)
    for result in results:
        for name, value in result.result.items():
            assert value is None or not (isinstance(value, float) and math.isnan(value)), name
