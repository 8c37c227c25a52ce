"""The four uses of the package: a sweep, a comparison, custom tasks, errors. Needs nothing but the package itself."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

from host.parallel import (
    Limits,
    ParallelBacktester,
    ParallelResult,
    ParallelTask,
    run_multi_strategy,
    run_parameter_sweep,
)


def prices(count: int = 2_000, seed: int = 7) -> list[float]:
    """A random walk of closes, a price for each bar."""
    draw = random.Random(seed)
    closes = [100.0]
    for _ in range(count - 1):
        closes.append(closes[-1] * (1 + draw.gauss(0.0002, 0.01)))
    return closes


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def crossover(closes: list[float], fast: int, slow: int) -> dict[str, float]:
    """Holds while the fast average is above the slow one; returns the growth of 1 and the number of trades."""
    growth, trades, held = 1.0, 0, False
    for bar in range(slow, len(closes)):
        if held:
            growth *= closes[bar] / closes[bar - 1]
        wanted = mean(closes[bar - fast : bar]) > mean(closes[bar - slow : bar])
        trades += wanted and not held
        held = wanted
    return {"growth": growth, "trades": trades}


def trend_following(closes: list[float]) -> dict[str, float]:
    return crossover(closes, 10, 50)


def mean_reversion(closes: list[float]) -> dict[str, float]:
    """Holds the day after a fall of more than 1 %."""
    growth, trades = 1.0, 0
    for before, now, after in zip(closes, closes[1:], closes[2:]):
        if now < before * 0.99:
            growth, trades = growth * after / now, trades + 1
    return {"growth": growth, "trades": trades}


def momentum(closes: list[float]) -> dict[str, float]:
    """Holds while the price is above that of 60 bars ago."""
    growth, trades = 1.0, 0
    for bar in range(61, len(closes)):
        if closes[bar - 1] > closes[bar - 61]:
            growth, trades = growth * closes[bar] / closes[bar - 1], trades + 1
    return {"growth": growth, "trades": trades}


def buy_and_hold(closes: list[float]) -> dict[str, float]:
    return {"growth": closes[-1] / closes[0], "trades": 1}


def drawdown_of_a_part(task: ParallelTask) -> float:
    """The largest fall from a peak, in the part of the prices that the task names."""
    closes: list[float] = task.params["data"]
    start, end = task.params["start"], task.params["end"]
    peak, worst = closes[start], 0.0
    for close in closes[start:end]:
        peak = max(peak, close)
        worst = max(worst, 1 - close / peak)
    return worst


def fragile(closes: list[float], divisor: int) -> float:
    """Fails for some of its parameters, and takes its process with it for one."""
    if divisor == 3:
        os._exit(1)
    return closes[-1] / divisor


def sweep_example(closes: list[float]) -> None:
    grid = {"fast": [5, 10, 15, 20, 25], "slow": [30, 50, 70, 90, 110]}
    results = run_parameter_sweep(closes, crossover, grid, progress=False)
    print(f"{len(results)} combinations; the best three:")
    for result in results.best(3, "growth"):
        print(f"  {result.task_id}: {result.result['growth']:.3f} in {result.execution_time * 1000:.1f} ms")


def comparison_example(closes: list[float]) -> None:
    strategies = [trend_following, mean_reversion, momentum, buy_and_hold]
    results = run_multi_strategy(closes, strategies, progress=False)
    print(f"{len(results)} strategies:")
    for result in sorted(results, key=lambda result: -float(result.result["growth"])):
        print(f"  {result.strategy_name}: {result.result['growth']:.3f}")


def custom_example(closes: list[float]) -> None:
    part = len(closes) // 12
    tasks = [
        ParallelTask(f"part_{n}", {"data": closes, "start": n * part, "end": (n + 1) * part}, "drawdown") for n in range(12)
    ]

    def show(completed: int, total: int) -> None:
        if completed == total:
            print(f"{completed} of {total} tasks are done")

    with ParallelBacktester() as backtester:
        results = backtester.run_parallel(tasks, drawdown_of_a_part, show)
    print(f"{len(results)} tasks; the worst part is {max(results, key=worst_of).task_id}")


def worst_of(result: ParallelResult) -> float:
    return float(result.result)


def error_example(closes: list[float]) -> None:
    grid = {"divisor": [0, 1, 2, 3]}
    results = run_parameter_sweep(closes, fragile, grid, progress=False, limits=Limits(timeout=10))
    print(f"errors: {len(results.failed)} of {len(results)} tasks failed, the others went on:")
    for result in results.failed:
        print(f"  {result.task_id}: {result.error_kind}: {result.error_message}")


closes = prices()
sweep_example(closes)
comparison_example(closes)
custom_example(closes)
error_example(closes)
