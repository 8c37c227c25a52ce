"""Times the pool beside two pools of the standard library and a plain loop. Run it by hand: `python bench_pool.py`.

`pickled` is a ProcessPoolExecutor that pickles the data with each task; `forked` one whose workers inherit the data by
fork, the kindest that there is; `host` is this package with its workers up; `host, shared` the same with `fresh_data=False`. All
run the same strategy in pandas. `component` is `sma_cross` in the sandbox on the same bars, with the same two numbers.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy
import pandas
from host.parallel import ParallelBacktester, run_parameter_sweep

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

inherited: Any = None


def bars(count: int) -> pandas.DataFrame:
    draw = numpy.random.default_rng(7)
    close = 100 * numpy.exp(numpy.cumsum(draw.normal(0, 0.001, count)))
    columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close, "volume": draw.random(count)}
    return pandas.DataFrame(columns, index=pandas.date_range("2020-01-01", periods=count, freq="min"))


def strategy(data: pandas.DataFrame, fast: int, slow: int) -> dict[str, float]:
    close = data["close"]
    held = (close.rolling(fast).mean() > close.rolling(slow).mean()).shift(1, fill_value=False)
    returns = close.pct_change().where(held, 0.0)
    deviation = float(returns.std())
    return {"total": float((1 + returns).prod() - 1), "sharpe": float(returns.mean()) / deviation if deviation else 0.0}


def with_data(arguments: tuple[pandas.DataFrame, int, int]) -> dict[str, float]:
    return strategy(*arguments)


def with_inherited(arguments: tuple[int, int]) -> dict[str, float]:
    return strategy(inherited, *arguments)


def sleeps(data: object, at: int) -> int:
    time.sleep(0.01)
    return at


def computes(data: object, at: int) -> int:
    end = time.thread_time() + 0.01
    while time.thread_time() < end:
        pass
    return at


def grid(count: int) -> dict[str, list[int]]:
    side = 5 if count == 25 else 25
    return {"fast": list(range(5, 5 + side)), "slow": list(range(40, 40 + count // side))}


def pairs(axes: dict[str, list[int]]) -> list[tuple[int, int]]:
    return list(itertools.product(axes["fast"], axes["slow"]))


def cpu() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def cpu_of(process: int) -> float:
    with open(f"/proc/{process}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(child) for child in file.read().split()]


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this process and its workers."""
    before = cpu() + sum(cpu_of(child) for child in children())
    started = time.perf_counter()
    work()
    seconds = time.perf_counter() - started
    return seconds, cpu() + sum(cpu_of(child) for child in children()) - before


def compare(count: int, length: int, repeats: int, workers: int) -> None:
    global inherited
    data = inherited = bars(length)
    axes = grid(count)
    cells = pairs(axes)
    context = multiprocessing.get_context("fork")
    with (
        ProcessPoolExecutor(workers, context) as pickled,
        ProcessPoolExecutor(workers, context) as forked,
        ParallelBacktester(workers) as host,
        ParallelBacktester(workers) as shared,
    ):
        chunk = max(1, count // (workers * 8))
        ways: dict[str, Callable[[], Any]] = {
            "pickled": lambda: list(pickled.map(with_data, [(data, *cell) for cell in cells])),
            "forked": lambda: list(forked.map(with_inherited, cells, chunksize=chunk)),
            "host": lambda: [result.result for result in host.sweep(data, strategy, axes, progress=False)],
            "host, shared": lambda: [
                result.result for result in shared.sweep(data, strategy, axes, progress=False, fresh_data=False)
            ],
        }
        answers = [work() for work in ways.values()]
        assert all(answer == answers[0] for answer in answers), "the ways differ"
        ways["component"] = lambda: host.sweep(
            data, "sma_cross", axes, progress=False, metrics=["total_return", "sharpe"], store=False
        )
        assert all(result.success for result in ways["component"]())
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, work in ways.items():
                times[name].append(timed(work))
    report(f"{count} x {length:,}", times, "forked")


def five_tasks(name: str, function: Callable[[object, int], int], repeats: int, workers: int) -> None:
    with ParallelBacktester(workers) as host:
        host.sweep(None, function, {"at": range(5)}, progress=False)
        ways: dict[str, Callable[[], Any]] = {
            "loop": lambda: [function(None, at) for at in range(5)],
            "host": lambda: host.sweep(None, function, {"at": range(5)}, progress=False),
            "host, with its start": lambda: run_parameter_sweep(None, function, {"at": range(5)}, workers, False),
        }
        times: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, work in ways.items():
                times[way].append(timed(work))
    report(f"5 x 10 ms, {name}", times, "loop")


def start(length: int, repeats: int, workers: int) -> None:
    data = bars(length)
    times = [timed(lambda: run_parameter_sweep(data, strategy, grid(25), workers, False)) for _ in range(repeats)]
    report(f"25 x {length:,}, with the start of workers and pandas", {"host": times}, "host")


def report(title: str, times: dict[str, list[tuple[float, float]]], base: str) -> None:
    walls = {name: statistics.median(wall for wall, _ in pairs) for name, pairs in times.items()}
    for name, measured in times.items():
        ratio = statistics.median(wall / other for (wall, _), (other, _) in zip(measured, times[base]))
        used = statistics.median(seconds for _, seconds in measured)
        used_ratio = statistics.median(mine / max(other, 1e-9) for (_, mine), (_, other) in zip(measured, times[base]))
        print(
            f"{title:<24} {name:<22} wall {walls[name]:8.4f} s   CPU {used:8.4f} s   "
            f"{ratio:5.2f} x {base} (wall), {used_ratio:5.2f} (CPU)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", help="a part of a title, like 25")
    options = parser.parse_args()
    five_tasks("sleeping", sleeps, options.repeats, options.workers)
    five_tasks("computing", computes, options.repeats, options.workers)
    for count, length in ((25, 8_000), (1000, 8_000), (25, 100_000), (1000, 100_000)):
        few = 3 if count * length > 10_000_000 else options.repeats
        if options.only is None or options.only in f"{count} x {length}":
            compare(count, length, few, options.workers)
    start(8_000, 3, options.workers)


if __name__ == "__main__":
    main()
