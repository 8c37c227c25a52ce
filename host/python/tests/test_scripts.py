"""The package in processes of its own: scripts without a guard, standard input, Ctrl-C, a parent that dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import host
import pytest

HOME = os.path.dirname(os.path.dirname(os.path.abspath(host.__file__)))  # What is tested here, too.
EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "parallel_example.py"


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": HOME}
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def output(script: str, *arguments: str) -> tuple[str, str]:
    process = start(*arguments)
    out, err = process.communicate(script, timeout=60)
    assert process.returncode == 0, err
    return out, err


PLAIN = textwrap.dedent("""
    from host.parallel import run_parameter_sweep

    print("start")
    level = 3
    def helper(x): return x * level
    def strategy(data, a): return helper(data[a])
    results = run_parameter_sweep(list(range(9)), strategy, {"a": [1, 2]}, 2)
    print([result.result for result in results])
""")


def test_a_script_needs_no_guard_and_is_not_run_again(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(PLAIN)
    out, _ = output("", str(file))
    assert out == "start\n[3, 6]\n"


def test_a_script_from_standard_input() -> None:
    assert output(PLAIN, "-")[0] == "start\n[3, 6]\n"


@pytest.mark.parametrize("flags", [["-I"], ["-E"], ["-O"], ["-X", "utf8"]])
def test_flags_of_the_interpreter_go_along(flags: list[str]) -> None:
    script = f"import sys; sys.path.insert(0, {HOME!r})\n" + PLAIN + textwrap.dedent("""
        def look(data, a):
            import sys
            return sys.flags.isolated, sys.flags.optimize, sys.flags.utf8_mode
        import sys
        seen = run_parameter_sweep(None, look, {"a": [1]}, 1, False)[0].result
        assert seen == (sys.flags.isolated, sys.flags.optimize, sys.flags.utf8_mode), seen
    """)
    assert output(script, *flags, "-")[0] == "start\n[3, 6]\n"


def test_a_module_in_the_way_of_the_standard_library_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "socket.py").write_text("raise SystemExit('the wrong module')")
    (tmp_path / "helpers.py").write_text("def twice(x): return 2 * x")
    script = textwrap.dedent(f"""
        import sys
        from host.parallel import run_parameter_sweep
        sys.path.insert(0, {str(tmp_path)!r})
        import helpers
        print([r.result for r in run_parameter_sweep(None, lambda data, a: helpers.twice(a), {{"a": [1, 2]}}, 1, False)])
    """)
    assert output(script, "-P", "-")[0] == "[2, 4]\n"


def test_the_import_is_light() -> None:
    script = textwrap.dedent("""
        import sys
        import host
        heavy = {"numpy", "pandas", "polars", "pyarrow", "cloudpickle", "tqdm", "dataclasses"} & set(sys.modules)
        assert not heavy, heavy
        from host import *
        import host.parallel
        heavy = {"numpy", "pandas", "polars", "pyarrow", "cloudpickle", "tqdm"} & set(sys.modules)
        assert not heavy, heavy
        assert host.run_parameter_sweep is host.parallel.run_parameter_sweep
        try:
            host.nothing
        except AttributeError as error:
            print(error)
    """)
    assert output(script, "-")[0] == "module `host` has no attribute `nothing`\n"


def test_without_any_optional_package() -> None:
    script = textwrap.dedent("""
        import sys
        for name in ("numpy", "pandas", "polars", "pyarrow", "tqdm"):
            sys.modules[name] = None
        from host.parallel import run_parameter_sweep
        def strategy(data, a, b): return {"x": a * b, "y": sum(data)}
        results = run_parameter_sweep([1, 2], strategy, {"a": [1, 2], "b": [3, 4]}, 1)
        print([r.result["x"] for r in results.best(2, "x")], "background" in results._repr_html_())
        component = run_parameter_sweep(None, "momentum", {"lookback": [5, 10], "threshold": [0.0, 0.1]}, 1, False)
        print(component.metrics[0], len(component.best()), component.grid("lookback", "threshold").columns)
        for swept in (results, component):
            calls = {name: getattr(swept, name) for name in ("to_pandas", "to_polars", "to_arrow")}
            calls["pivot"] = lambda: swept.pivot(*swept.axes, swept.metrics[0])
            for name, call in calls.items():
                try:
                    call()
                except ImportError as error:
                    module = {"to_arrow": "pyarrow", "pivot": "pandas"}.get(name, name[3:])
                    assert str(error) == f"`{name}` needs {module}, which is not installed: `pip install {module}`", error
                else:
                    raise AssertionError(name)
    """)
    out, err = output(script, "-")
    assert out == "[8, 6] True\nsharpe 4 [0.0, 0.1]\n"
    assert err.startswith("4 of 4 tasks in ") and err.endswith("/s)\n") and err.count("\n") == 1


def test_progress_by_tqdm_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tqdm")
    assert "2/2" in output(PLAIN, "-")[1]
    component = 'import host; host.run_parameter_sweep(None, "momentum", {"lookback": [5, 10]})'
    assert "2/2" in output(component, "-")[1]
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert output(PLAIN, "-")[1] == output(component, "-")[1] == ""


INTERRUPTED = textwrap.dedent("""
    import sys, time
    from host.parallel import ParallelBacktester, SweepInterrupted

    def strategy(data, a):
        time.sleep(0.01 if a < 10 else 60)
        return a

    backtester = ParallelBacktester(2)
    try:
        backtester.sweep(None, strategy, {"a": range(50)}, progress=False,
                         callback=lambda done, total: print("done", done, flush=True))
    except SweepInterrupted as stop:
        print("kept", [r.result for r in stop.results], isinstance(stop, KeyboardInterrupt), flush=True)
    print("again", [r.result for r in backtester.sweep(None, strategy, {"a": [1, 2]}, progress=False)])
""")


def test_ctrl_c_keeps_what_is_finished_and_is_quick() -> None:
    process = start("-c", INTERRUPTED, start_new_session=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "done 10\n":
            break
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    started = time.monotonic()
    kept = process.stdout.readline()
    seconds = time.monotonic() - started
    rest = process.stdout.read()
    assert kept == f"kept {list(range(10))} True\n" and rest == "again [1, 2]\n"
    assert process.wait(10) == 0
    assert seconds < 2  # 0.2 s on an idle machine; this is a guard against waiting for a task.


def running(token: str) -> list[str]:
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and f"HOST_WORKER={token}".encode() in Path(f"/proc/{name}/environ").read_bytes():
                found.append(name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_go_with_the_parent_whatever_they_do(end: signal.Signals) -> None:
    script = textwrap.dedent("""
        import ctypes, os
        from host.parallel import run_parameter_sweep
        def strategy(data, a):
            if os.fork() == 0:
                import time
                time.sleep(60)
            os.write(1, b"up\\n")
            ctypes.PyDLL(None).sleep(60)
        run_parameter_sweep(None, strategy, {"a": [1, 2]}, 2, False)
    """)
    process = start("-c", script)
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    process.send_signal(end)
    process.wait(10)
    deadline = time.monotonic() + 10
    while running(f"{process.pid}-") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running(f"{process.pid}-")


def test_an_open_backtester_ends_with_the_process() -> None:
    script = "from host.parallel import *\nb = ParallelBacktester(1)\nprint(b.sweep(1, lambda d, a: a, {'a': [1]}, progress=False)[0].worker_id)"
    worker = int(output(script, "-")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def test_a_backtester_is_not_used_after_a_fork() -> None:
    script = textwrap.dedent("""
        import os
        from host.parallel import ParallelBacktester
        backtester = ParallelBacktester(1)
        run = lambda: backtester.sweep(None, lambda data, a: a, {"a": [1]}, progress=False)[0].worker_id
        first = run()
        child = os.fork()
        if child == 0:
            try:
                run()
            except Exception as error:
                print(type(error).__name__, error, flush=True)
            raise SystemExit
        os.waitpid(child, 0)
        print(run() == first)
    """)
    assert output(script, "-")[0] == (
        "HostError this ParallelBacktester was made before `os.fork`; make a new one in the child process\nTrue\n"
    )


def test_files_that_tasks_leave_open_are_flushed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import sys
        from host.parallel import run_parameter_sweep
        def strategy(data, a):
            if not hasattr(sys, "journal"):
                sys.journal = open({str(tmp_path / "journal")!r}, "a")
            sys.journal.write(f"{{a}}\\n")
        run_parameter_sweep(None, strategy, {{"a": range(10)}}, 1, False)
    """)
    output(script, "-")
    assert (tmp_path / "journal").read_text().split() == [str(a) for a in range(10)]


def test_the_example_runs() -> None:
    out, _ = output("", str(EXAMPLE))
    assert "25 combinations" in out and "4 strategies" in out and "12 tasks" in out and "error" in out.lower()
