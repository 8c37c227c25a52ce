"""The promises of the ancestor: a basic run, a sweep, several strategies, errors, performance."""

from __future__ import annotations

import functools
import os
import time
from typing import Any

import host
import pytest
from host.parallel import (
    Limits,
    ParallelBacktester,
    ParallelResult,
    ParallelTask,
    SweepResults,
    run_multi_strategy,
    run_parameter_sweep,
)

DATA = [100.0 + step for step in range(50)]


def trend(data: list[float], fast: int = 2, slow: int = 5) -> dict[str, float]:
    return {"total": sum(data[-fast:]) - sum(data[-slow:]), "fast": fast}


def gain(data: list[float]) -> float:
    return data[-1] - data[0]


def mean(data: list[float]) -> float:
    return sum(data) / len(data)


def custom(task: ParallelTask) -> Any:
    return task.params["data"][task.params["at"]]


class TestBasic:
    def test_the_snippet_of_custom_tasks(self) -> None:
        backtester = ParallelBacktester(n_workers=2)
        tasks = [ParallelTask(task_id=f"task_{i}", params={"data": DATA, "at": i}, strategy_name="mine") for i in range(12)]
        results = backtester.run_parallel(tasks, custom)
        assert [result.result for result in results] == DATA[:12]
        assert [result.task_id for result in results] == [f"task_{i}" for i in range(12)]
        first = results[0]
        assert (first.success, first.error_message, first.error_kind, first.strategy_name) == (True, None, None, "mine")
        assert first.worker_id not in (0, os.getpid()) and 0 <= first.execution_time < 5
        backtester.close()

    def test_the_callback_is_positional_and_counts_each_task(self, backtester: ParallelBacktester) -> None:
        calls: list[tuple[int, int]] = []
        tasks = [ParallelTask(str(i), {"data": DATA, "at": i}) for i in range(20)]
        backtester.run_parallel(tasks, custom, lambda completed, total: calls.append((completed, total)))
        assert calls == [(count, 20) for count in range(1, 21)]

    def test_an_exception_of_the_callback_comes_out_and_the_pool_lives_on(self, backtester: ParallelBacktester) -> None:
        def stop(completed: int, total: int) -> None:
            if completed == 3:
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            backtester.sweep(DATA, trend, {"fast": range(1, 40)}, progress=False, callback=stop)
        assert len(backtester.sweep(DATA, trend, {"fast": [1, 2]}, progress=False)) == 2

    def test_the_fields_of_a_result_begin_with_the_ancestors_six(self) -> None:
        result = ParallelResult("id", 1.5, 1.23, 12345, True, None)
        assert (result.task_id, result.result, result.execution_time) == ("id", 1.5, 1.23)
        assert (result.worker_id, result.success, result.error_message) == (12345, True, None)

    def test_workers_stay_between_calls_and_end_with_close(self, nothing_left: None) -> None:
        with ParallelBacktester(1) as one:
            seen = {result.worker_id for _ in range(3) for result in one.sweep(DATA, trend, {"fast": [1, 2]}, progress=False)}
            assert len(seen) == 1
        assert len(one.sweep(DATA, trend, {"fast": [1, 2]}, progress=False)) == 2  # It starts anew after a close.
        one.close()

    def test_no_tasks_give_no_results(self, backtester: ParallelBacktester) -> None:
        assert len(backtester.run_parallel([], custom)) == 0


class TestSweep:
    def test_the_order_is_that_of_the_grid_whatever_finishes_first(self) -> None:
        def slow_first(data: object, fast: int, slow: int) -> int:
            time.sleep(0.05 if fast == 5 else 0)
            return fast * 100 + slow

        results = run_parameter_sweep(
            data=DATA, strategy_fn=slow_first, param_grid={"fast": [5, 10], "slow": [20, 30, 40]}, n_workers=2, progress=False
        )
        assert [result.result for result in results] == [520, 530, 540, 1020, 1030, 1040]
        assert [result.task_id for result in results][:2] == ["fast=5,slow=20", "fast=5,slow=30"]
        assert [result.index for result in results] == list(range(6))
        assert results[1].params == {"fast": 5, "slow": 30}
        assert isinstance(results, SweepResults) and not results.sandboxed

    @pytest.mark.parametrize("backend", ["concurrent", "multiprocessing"])
    def test_both_backends_give_the_same(self, backend: str) -> None:
        results = run_parameter_sweep(DATA, trend, {"fast": [1, 2], "slow": [3]}, 1, False, backend=backend)
        assert [result.result for result in results] == [trend(DATA, 1, 3), trend(DATA, 2, 3)]

    def test_the_number_of_workers_does_not_change_results(self) -> None:
        grid = {"fast": range(1, 30), "slow": range(1, 5)}
        one, three = (run_parameter_sweep(DATA, trend, grid, workers, False) for workers in (1, 3))
        assert [result.result for result in one] == [result.result for result in three]

    @pytest.mark.parametrize(
        "strategy",
        [
            lambda data, fast: data[fast],
            functools.partial(lambda data, other, fast: data[fast], other=1),
            type("Callable", (), {"__call__": lambda self, data, fast: data[fast]})(),
        ],
    )
    def test_any_callable_works(self, backtester: ParallelBacktester, strategy: Any) -> None:
        results = backtester.sweep(DATA, strategy, {"fast": [0, 3]}, progress=False)
        assert [result.result for result in results] == [DATA[0], DATA[3]]

    def test_closures_classes_and_methods_work(self, backtester: ParallelBacktester) -> None:
        offset = 7

        class Local:
            def run(self, data: list[float], fast: int) -> float:
                return data[fast] + offset

        results = backtester.sweep(DATA, Local().run, {"fast": [0, 3]}, progress=False)
        assert [result.result for result in results] == [DATA[0] + 7, DATA[3] + 7]

    def test_functions_by_value_are_whole_without_cloudpickle(self, backtester: ParallelBacktester) -> None:
        offset = 7

        def helper(depth: int) -> int:
            return offset if depth == 0 else helper(depth - 1)

        def strategy(data: Any, fast: int = 1, *, slow: int = 20) -> Any:
            import sys

            late = [lambda: fast + slow]
            return helper(3), late[0](), strategy.note, strategy.__doc__, "cloudpickle" in sys.modules  # type: ignore[attr-defined]

        strategy.note, strategy.__doc__ = "kept", "Its words."  # type: ignore[attr-defined]
        with ParallelBacktester(1) as own:
            results = own.sweep(None, strategy, {"fast": [1, 2]}, progress=False)
        assert [result.result for result in results] == [(7, 20 + at, "kept", "Its words.", False) for at in (1, 2)]

    def test_a_result_that_the_function_goes_on_changing_stays_as_it_was(self, backtester: ParallelBacktester) -> None:
        state: dict[str, Any] = {}

        def strategy(data: Any, at: int) -> dict[str, Any]:
            state["at"] = at
            return state

        results = backtester.sweep(None, strategy, {"at": range(50)}, progress=False)
        assert [result.result for result in results] == [{"at": at} for at in range(50)]

    def test_results_of_local_classes_keep_their_class(self, backtester: ParallelBacktester) -> None:
        class Answer:
            def __init__(self, value: float) -> None:
                self.value = value

        results = backtester.sweep(DATA, lambda data, at: Answer(data[at]), {"at": [4]}, progress=False)
        assert isinstance(results[0].result, Answer) and results[0].result.value == DATA[4]

    def test_what_a_task_prints_is_shown_and_kept(self, backtester: ParallelBacktester, capsys: Any) -> None:
        def talks(data: object, at: int) -> None:
            print(f"line {at}")
            os.write(1, f"raw {at}\n".encode())

        results = backtester.sweep(DATA, talks, {"at": [1, 2]}, progress=False)
        assert [result.log for result in results] == [["line 1"], ["line 2"]]
        shown = capsys.readouterr().out
        assert all(text in shown for text in ("line 1", "line 2", "raw 1", "raw 2"))

    def test_directory_environment_and_path_go_along(self, backtester: ParallelBacktester, tmp_path: Any, monkeypatch: Any) -> None:
        def look(data: object, name: str) -> tuple[str, str | None, str]:
            import sys

            return os.getcwd(), os.environ.get(name), sys.path[0]

        backtester.sweep(DATA, look, {"name": ["BEFORE"]}, progress=False)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("STRATEGY_LEVEL", "3")
        monkeypatch.syspath_prepend(str(tmp_path))
        seen = backtester.sweep(DATA, look, {"name": ["STRATEGY_LEVEL"]}, progress=False)[0].result
        assert seen == (str(tmp_path), "3", str(tmp_path))

    def test_an_edited_module_is_loaded_again(self, backtester: ParallelBacktester, tmp_path: Any, monkeypatch: Any) -> None:
        import importlib

        monkeypatch.syspath_prepend(str(tmp_path))
        file = tmp_path / "edited_strategy.py"
        file.write_text("def run(data, at): return 'old'\n")
        module = importlib.import_module("edited_strategy")
        assert backtester.sweep(DATA, module.run, {"at": [1]}, progress=False)[0].result == "old"
        file.write_text("def run(data, at): return 'brand new'\n")
        importlib.reload(module)
        assert backtester.sweep(DATA, module.run, {"at": [1]}, progress=False)[0].result == "brand new"

    def test_a_module_that_workers_cannot_import_is_sent(self, backtester: ParallelBacktester) -> None:
        import sys
        import types

        module = types.ModuleType("only_in_memory")
        exec("level = 3\ndef run(data, at): return data[at] + level", module.__dict__)
        sys.modules["only_in_memory"] = module
        try:
            assert backtester.sweep(DATA, module.run, {"at": [1]}, progress=False)[0].result == DATA[1] + 3
        finally:
            del sys.modules["only_in_memory"]

    def test_sweeps_from_a_thread_that_ends_keep_their_workers(self) -> None:
        import threading

        with ParallelBacktester(1) as one:
            seen: list[int] = []

            def sweep() -> None:
                seen.append(one.sweep(DATA, trend, {"fast": [1]}, progress=False)[0].worker_id)

            for _ in range(2):
                thread = threading.Thread(target=sweep)
                thread.start()
                thread.join()
                time.sleep(0.02)
            assert seen[0] == seen[1]

    def test_two_calls_at_once_on_one_object_are_refused(self, backtester: ParallelBacktester) -> None:
        def nested(completed: int, total: int) -> None:
            backtester.sweep(DATA, trend, {"fast": [1]}, progress=False)

        with pytest.raises(host.HostError, match="runs another call"):
            backtester.sweep(DATA, trend, {"fast": [1]}, progress=False, callback=nested)


class TestSeveralStrategies:
    def test_the_snippet_of_comparison(self) -> None:
        results = run_multi_strategy(data=DATA, strategies=[gain, mean, lambda data: max(data), lambda data: 0], n_workers=2, progress=False)
        assert [result.result for result in results] == [gain(DATA), mean(DATA), max(DATA), 0]
        assert [result.strategy_name for result in results] == ["gain", "mean", "<lambda>", "<lambda>#2"]

    def test_names_and_common_parameters(self, backtester: ParallelBacktester) -> None:
        results = backtester.compare(DATA, {"short": trend, "long": trend}, params={"fast": 3}, progress=False)
        assert [result.task_id for result in results] == ["short", "long"]
        assert results[0].result == trend(DATA, fast=3) and results[0].params == {"fast": 3}


class TestErrors:
    def test_an_exception_is_one_failed_result_with_its_place(self, backtester: ParallelBacktester) -> None:
        def fails(data: object, at: int) -> int:
            if at == 2:
                raise ValueError("period too long")
            return at

        results = backtester.sweep(DATA, fails, {"at": [1, 2, 3]}, progress=False)
        assert [result.success for result in results] == [True, False, True]
        failed = results[1]
        assert (failed.result, failed.error_kind) == (None, "failed")
        assert failed.error_message is not None
        assert failed.error_message.startswith("ValueError: period too long; at test_parallel.py:")
        assert 'in TestErrors' in failed.error_message and 'raise ValueError("period too long")' in failed.error_message
        assert failed.log[0].startswith("Traceback") and failed.log[-1] == "ValueError: period too long"
        assert list(results.failed) == [failed]

    def test_a_wrong_signature_is_a_failed_result(self, backtester: ParallelBacktester) -> None:
        failed = backtester.sweep(DATA, gain, {"period": [1]}, progress=False)[0]
        assert failed.error_message is not None and "unexpected keyword argument 'period'" in failed.error_message

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"n_workers": 0}, "`n_workers` is 0"),
            ({"n_workers": True}, "`n_workers` is True"),
            ({"n_workers": 2.5}, "`n_workers` is 2.5"),
            ({"backend": "threads"}, "unknown backend 'threads'"),
            ({"limits": 5}, "`limits` is a int"),
            ({"account": {}}, "`account` is for components"),
            ({"direction": "up"}, "`direction` is 'up'"),
            ({"callback": 3}, "the callback is a int"),
            ({"sample": 0}, "`sample` is 0"),
            ({"where": "fast < slow"}, "is text, which is for components"),
        ],
    )
    def test_a_wrong_argument_names_itself(self, arguments: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message.replace("(", r"\(")):
            run_parameter_sweep(DATA, trend, {"fast": [1]}, progress=False, **arguments)

    @pytest.mark.parametrize("limits", [{"timeout": 0}, {"timeout": float("nan")}, {"memory": -1}, {"result": None}, {"timeout": "5"}])
    def test_a_wrong_limit_names_itself(self, limits: dict[str, Any]) -> None:
        with pytest.raises(host.SettingsError, match=rf"Limits\({next(iter(limits))}"):
            Limits(**limits)

    def test_what_is_not_a_strategy_or_a_task_is_refused(self, backtester: ParallelBacktester) -> None:
        with pytest.raises(host.SettingsError, match="`strategy_fn` is a int"):
            backtester.sweep(DATA, 3, {"fast": [1]})
        with pytest.raises(host.SettingsError, match="task 0 is a dict"):
            backtester.run_parallel([{"task_id": "a"}], custom)  # type: ignore[list-item]
        with pytest.raises(host.SettingsError, match="give a list of strategies"):
            backtester.compare(DATA, "momentum")

    def test_data_and_functions_that_cannot_be_sent_are_refused(self, backtester: ParallelBacktester) -> None:
        import threading

        lock = threading.Lock()
        with pytest.raises(host.DataError, match="the data cannot be sent to a worker: TypeError"):
            backtester.sweep(lock, trend, {"fast": [1]}, progress=False)
        with pytest.raises(host.HostError, match="the function cannot be sent to a worker"):
            backtester.sweep(DATA, lambda data, fast: lock, {"fast": [1]}, progress=False)

    def test_data_that_cannot_be_read_back_ends_the_call(self, backtester: ParallelBacktester) -> None:
        class Odd:
            def __reduce__(self) -> Any:
                return (int, ("not a number",))

        with pytest.raises(host.HostError, match="a worker cannot load the function or the data: ValueError"):
            backtester.sweep(Odd(), trend, {"fast": [1]}, progress=False)
        assert len(backtester.sweep(DATA, trend, {"fast": [1]}, progress=False)) == 1

    def test_a_component_without_the_engine_says_so(self, backtester: ParallelBacktester) -> None:
        pytest.importorskip("host")
        import importlib.util

        if importlib.util.find_spec("host._components"):
            pytest.skip("this installation has the engine")
        with pytest.raises(host.HostError, match="no engine for components"):
            backtester.sweep(DATA, "momentum", {"lookback": [1]})


class TestPerformance:
    def test_many_short_tasks_give_each_its_result(self, backtester: ParallelBacktester) -> None:
        results = backtester.sweep(DATA, trend, {"fast": range(1, 5001)}, progress=False)
        assert [result.result["fast"] for result in results] == list(range(1, 5001))

    def test_all_workers_take_part(self, backtester: ParallelBacktester) -> None:
        seen: set[int] = set()
        deadline = time.monotonic() + 20
        while len(seen) < 2 and time.monotonic() < deadline:  # The second one may still be starting.
            results = backtester.sweep(DATA, lambda data, at: time.sleep(0.01), {"at": range(8)}, progress=False)
            seen = {result.worker_id for result in results}
        assert len(seen) == 2

    def test_a_slow_task_holds_up_no_other(self, backtester: ParallelBacktester) -> None:
        def uneven(data: object, at: int) -> int:
            time.sleep(0.6 if at == 60 else 0.001)
            return at

        times: list[float] = []
        backtester.sweep(
            DATA, uneven, {"at": range(100)}, progress=False, callback=lambda completed, total: times.append(time.monotonic())
        )
        # All others were done while the slow one still slept, but for what its worker had finished just before it and not yet sent.
        assert len(times) == 100 and sum(times[99] - at < 0.2 for at in times) <= 8

    def test_tasks_may_begin_while_they_are_taken_back(self, backtester: ParallelBacktester, monkeypatch: pytest.MonkeyPatch) -> None:
        from host import _pool
        from host._child import Child

        seen: set[Child] = set()
        looked: list[Child] = []
        waiting, take_back = Child.waiting, _pool._Run._take_back

        def fewer(child: Child) -> list[int]:
            """What waits at the first look; nothing at the second, as if the worker had begun all of it meanwhile."""
            first = child not in seen
            seen.add(child)
            looked.append(child)
            return waiting(child) if first else []

        def looks(run: _pool._Run) -> None:
            seen.clear()
            take_back(run)

        monkeypatch.setattr(Child, "waiting", fewer)
        monkeypatch.setattr(_pool._Run, "_take_back", looks)
        slow = {60, 61, 62}
        # Tasks are taken back from a busy worker only, which takes more than one try now and then.
        for _ in range(5):
            results = backtester.sweep(
                DATA, lambda data, at: time.sleep(0.1 if at in slow else 0.001) or at, {"at": range(100)}, progress=False
            )
            assert [result.result for result in results] == list(range(100))
            if looked:
                break
        assert looked
