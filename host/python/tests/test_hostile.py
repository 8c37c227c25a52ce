"""Hostile callables: each costs one failed result, the others go on, and nothing is left running."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from host import DataError
from host.parallel import Limits, ParallelBacktester, ParallelResult, ParallelTask, run_parameter_sweep

BAD = 13
Hostile = Callable[[], Any]


def run(hostile: Hostile, limits: Limits | None = None, tasks: int = 30) -> ParallelResult:
    """Runs 30 tasks on two workers, of which one is hostile; returns its result, after a look at the others."""

    def strategy(data: list[int], at: int) -> Any:
        return hostile() if at == BAD else data[at] * 2

    results = run_parameter_sweep(list(range(tasks)), strategy, {"at": range(tasks)}, 2, False, limits=limits)
    assert [result.result for result in results if result.index != BAD] == [2 * at for at in range(tasks) if at != BAD]
    assert [result.index for result in results] == list(range(tasks))
    return results[BAD]


def broken_text() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise SystemExit("no text")

    raise Broken


def close_all_files() -> None:
    os.closerange(3, 256)


def replace_all_files() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3, 64):
        if descriptor != null:
            os.dup2(null, descriptor)


def close_and_sleep() -> None:
    os.closerange(3, 256)
    time.sleep(60)


def hang_in_c() -> None:
    pthread = ctypes.PyDLL(None)  # Holds the interpreter's lock for all of the call.
    pthread.sleep(60)


def hang() -> None:
    while True:
        pass


def deep() -> int:
    return deep() + 1


def deep_result() -> list[Any]:
    value: list[Any] = []
    for _ in range(200_000):
        value = [value]
    return value


def garbage_on_every_channel() -> None:
    for descriptor in range(3, 64):
        try:
            os.write(descriptor, b"garbage" * 100)
        except OSError:
            continue
    time.sleep(60)


class Unreadable:
    def __reduce__(self) -> Any:
        return (int, ("not a number",))


def broken_text_when_read() -> None:
    broken_text()


class ReadBy:
    """A result that calls a function where it is read."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.called = (function, arguments)

    def __reduce__(self) -> Any:
        return self.called


class BrokenWhenPickled:
    def __reduce__(self) -> Any:
        broken_text()


class HangsWhenPickled:
    def __reduce__(self) -> Any:
        hang()


FAULTS = [
    (lambda: os._exit(7), "crash", "exit status 7"),
    (lambda: os._exit(0), "crash", "exit status 0"),
    (lambda: sys.exit(3), "failed", "SystemExit: 3"),
    (lambda: os.abort(), "crash", "SIGABRT"),
    (lambda: os.kill(os.getpid(), signal.SIGKILL), "crash", "SIGKILL"),
    (lambda: ctypes.string_at(0), "crash", "SIGSEGV; at __init__.py"),
    (broken_text, "failed", "its text cannot be had: `__str__` raised SystemExit"),
    (lambda: (_ for _ in ()).throw(KeyboardInterrupt), "failed", "KeyboardInterrupt"),
    (deep, "failed", "RecursionError"),
    (deep_result, "unpicklable", "recursion"),
    (threading.Lock, "unpicklable", "cannot pickle"),
    (Unreadable, "unpicklable", "cannot be read back: ValueError"),
    (lambda: ReadBy(os._exit, 3), "crash", "exit status 3"),
    (lambda: ReadBy(sys.exit, 3), "unpicklable", "the result cannot be read back: SystemExit: 3"),
    (lambda: {"a": [ReadBy(os.abort)]}, "crash", "SIGABRT"),
    (lambda: ReadBy(broken_text_when_read), "unpicklable", "its text cannot be had: `__str__` raised SystemExit"),
    (BrokenWhenPickled, "unpicklable", "its text cannot be had: `__str__` raised SystemExit"),
    (lambda: bytearray(2 << 20), "bad-output", "the result takes 2.0 MiB, and 1 MiB are allowed"),
    (close_all_files, "crash", "closed or broke the channel"),
    (replace_all_files, "crash", "closed or broke the channel"),
    (close_and_sleep, "crash", "closed or broke the channel"),
    (garbage_on_every_channel, "crash", "channel"),
]


@pytest.mark.parametrize(("hostile", "kind", "message"), FAULTS)
def test_a_fault_is_one_failed_result(hostile: Hostile, kind: str, message: str, nothing_left: None) -> None:
    failed = run(hostile, Limits(result=1))
    assert (failed.success, failed.result, failed.error_kind) == (False, None, kind)
    assert failed.error_message is not None and message in failed.error_message


@pytest.mark.parametrize("hostile", [hang, hang_in_c, HangsWhenPickled, lambda: ReadBy(time.sleep, 60), lambda: os.kill(os.getpid(), signal.SIGSTOP)])
def test_what_hangs_is_killed_at_the_limit(hostile: Hostile, nothing_left: None) -> None:
    failed = run(hostile, Limits(timeout=0.4))
    assert (failed.error_kind, failed.success) == ("timed-out", False)
    assert 0.4 <= failed.execution_time < 2
    assert failed.error_message is not None and "longer than 0.4 s" in failed.error_message


@pytest.mark.parametrize("hostile", [lambda: bytearray(10 << 30), lambda: [bytes(1 << 20) for _ in range(10_000)]])
def test_ten_gigabytes_are_out_of_memory(hostile: Hostile) -> None:
    failed = run(hostile, Limits(memory=256))
    assert failed.error_kind == "out-of-memory"
    assert failed.error_message is not None and failed.error_message.startswith("MemoryError; at test_hostile.py:")


def test_the_memory_limit_leaves_what_is_below_it() -> None:
    assert run(lambda: len(bytearray(128 << 20)), Limits(memory=256)).result == 128 << 20


def test_a_result_above_the_limit_is_refused_and_one_below_it_arrives() -> None:
    assert run(lambda: bytes(300 << 20)).error_kind == "bad-output"
    assert run(lambda: b"x" * (40 << 20)).result == b"x" * (40 << 20)


def test_a_fork_inside_is_the_workers_and_goes_with_it(nothing_left: None) -> None:
    def forks() -> str:
        if os.fork() == 0:
            time.sleep(60)
        return "parent"

    def returns_twice() -> str:
        os.fork()
        return "twice"

    assert run(forks).result == "parent"
    assert run(returns_twice).result == "twice"


def test_a_child_that_leaves_its_group_ends_too(nothing_left: None) -> None:
    def daemon() -> str:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(60)
            os._exit(0)
        import subprocess

        subprocess.Popen(["sleep", "60"], start_new_session=True)
        return "gone"

    assert run(daemon).result == "gone"


@pytest.mark.parametrize("daemon", [True, False])
def test_threads_left_behind_hold_up_nothing(daemon: bool, nothing_left: None) -> None:
    def leaves() -> str:
        for _ in range(3):
            threading.Thread(target=time.sleep, args=(60,), daemon=daemon).start()
        return "left"

    started = time.monotonic()
    assert run(leaves).result == "left"
    assert time.monotonic() - started < 10


def test_a_flood_of_output_is_dropped(capsys: Any, nothing_left: None) -> None:
    def floods() -> str:
        line = "x" * 1023 + "\n"
        for _ in range(100_000):
            print(line, end="")
        return "printed"

    def floods_below_python() -> str:
        block = b"y" * (1 << 20)
        for _ in range(1024):
            os.write(2, block)
        return "written"

    flooded = run(floods)
    assert flooded.result == "printed" and 0 < len(flooded.log) <= 1001
    assert len(capsys.readouterr().out) < 2 << 20
    assert run(floods_below_python).result == "written"
    shown = capsys.readouterr().err
    assert len(shown) < 17 << 20 and "that tasks printed were dropped" in shown


def test_exactly_the_task_that_ran_is_blamed() -> None:
    def strategy(data: object, at: int) -> int:
        if at % 50 == 49:
            os._exit(1)
        return at

    results = run_parameter_sweep(None, strategy, {"at": range(400)}, 2, False)
    assert [result.index for result in results.failed] == list(range(49, 400, 50))
    assert all(result.result == result.index for result in results if result.success)


def test_workers_that_die_without_a_task_end_the_call() -> None:
    class Poison:
        def __reduce__(self) -> Any:
            return (os._exit, (9,))

    from host import HostError

    with pytest.raises(HostError, match="3 workers in a row ended without running a task.*exit status 9"):
        run_parameter_sweep(Poison(), lambda data, at: at, {"at": [1, 2]}, 2, False)


def test_parameters_that_cannot_be_sent_fail_their_task(backtester: ParallelBacktester) -> None:
    values = [1, threading.Lock(), 3, Unreadable(), BrokenWhenPickled()]
    tasks = [ParallelTask(str(place), {"value": value}) for place, value in enumerate(values)]
    results = backtester.run_parallel(tasks, lambda task: task.params["value"])
    assert [result.error_kind for result in results] == [None, "unpicklable", None, "unpicklable", "unpicklable"]
    assert [result.worker_id == 0 for result in results] == [False, True, False, False, True]
    with pytest.raises(DataError, match="its text cannot be had"):
        backtester.sweep(BrokenWhenPickled(), lambda data, at: at, {"at": [1]}, progress=False)


def test_results_arrive_whatever_they_are_made_of(backtester: ParallelBacktester) -> None:
    class Own:
        def __init__(self, value: Any) -> None:
            self.value = value

        def __eq__(self, other: object) -> bool:
            return type(other).__name__ == "Own" and bool(self.__dict__ == other.__dict__)

    values = [None, 1, {"a": (1, [2.5, {"b": {"c": {"d": 1}}}])}, list(range(5_000)), Own({"deep": [Own(3)]}), {Own: 1}.values().__len__(), frozenset({1})]
    results = backtester.sweep(None, lambda data, at: values[at], {"at": range(len(values))}, progress=False)
    assert [result.result for result in results] == values


def test_a_killed_worker_costs_the_task_that_it_ran() -> None:
    killed: list[int] = []

    def kill_one(completed: int, total: int) -> None:
        from conftest import marked

        if completed == 20:
            killed.append(marked()[0])
            os.kill(killed[0], signal.SIGKILL)

    def strategy(data: object, at: int) -> int:
        time.sleep(0.005)
        return at

    results = run_parameter_sweep(None, strategy, {"at": range(100)}, 2, False, callback=kill_one)
    assert len(results) == 100 and len(results.failed) <= 1
    assert all(result.worker_id == killed[0] for result in results.failed)
