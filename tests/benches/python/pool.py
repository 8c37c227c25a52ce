"""A sweep as one writes it in Python: a strategy and an account in a pool of processes.

    pool.py BARS.jsonl PROJECT --way pickled|inherited --out RESULTS.csv

`PROJECT` is a folder of `host new --lang python`: the very file that is in the component is run natively. `pickled` sends the
bars with every task; `inherited` leaves them, and what the strategy prepares, to the processes that are forked: the kindest
way. BARS.jsonl is a trace of `host backtest --trace`.
"""

import argparse
import csv
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

from account import Bars, Result, simulate


def main() -> None:
    arguments = parse()
    sys.path[:0] = [arguments.project, str(Path(arguments.project, "sdk"))]
    data = read(arguments.bars)
    grid = list(product(range(5, 55), range(100, 120)))
    pool = ProcessPoolExecutor(arguments.workers, multiprocessing.get_context("fork"))
    if arguments.way == "inherited":
        prepare(data)
    with pool:
        if arguments.way == "pickled":
            results = list(pool.map(partial(alone, data), grid))
        else:
            # Chunks as large as leave every process a dozen to even out the end.
            results = list(pool.map(shared, grid, chunksize=max(1, len(grid) // (12 * arguments.workers))))
    write(arguments.out, zip(grid, results, strict=True))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("bars")
    parser.add_argument("project")
    parser.add_argument("--way", choices=["pickled", "inherited"], required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", required=True)
    return parser.parse_args()


def read(path: str):
    """Reads the bars of a trace as the strategy gets them."""
    from backtest import Series

    series = Series("MSFT", [], [], [], [], [], [])
    with open(path) as file:
        for message in map(json.loads, file):
            if message.get("event") == "bar":
                for column in ("time", "open", "high", "low", "close", "volume"):
                    getattr(series, column).append(message[column])
    return series


def run(strategy, series, combination: tuple[int, int]) -> Result:
    """Evaluates one combination on a strategy that is prepared."""
    from backtest import Params, Targets

    fast, slow = combination
    targets = Targets(1)
    strategy.evaluate(Params({"fast": fast, "slow": slow}), targets)
    return simulate(Bars(series.open, series.close), targets.finish())


def alone(series, combination: tuple[int, int]) -> Result:
    """Does all that a task needs, from what was sent with it."""
    from strategy import SmaCross

    return run(SmaCross([series]), series, combination)


#: What the processes find when they are forked.
prepared = None


def prepare(series) -> None:
    """Prepares the strategy for all processes."""
    global prepared
    from strategy import SmaCross

    prepared = SmaCross([series]), series


def shared(combination: tuple[int, int]) -> Result:
    """Evaluates one combination on what was inherited."""
    strategy, series = prepared
    return run(strategy, series, combination)


def write(path: str, rows) -> None:
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["fast", "slow", *Result._fields])
        for combination, result in rows:
            table.writerow([*combination, *map(repr, result)])


if __name__ == "__main__":
    main()
