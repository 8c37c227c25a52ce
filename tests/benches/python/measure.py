"""Runs ways of the same sweep in turns, checks that they find the same, and prints what each costs.

    measure.py ROUNDS NAME=RESULTS.csv:COMMAND...

A figure is the median of the rounds. CPU is that of a process and of all that it started.
"""

import csv
import os
import shlex
import sys
import time
from math import isclose
from statistics import median

CHECKED = ("final_equity", "sharpe", "max_drawdown", "trades")


def main() -> None:
    rounds, ways = int(sys.argv[1]), [way.split("=", 1) for way in sys.argv[2:]]
    costs = {name: [] for name, _ in ways}
    found = {}
    for _ in range(rounds):
        for name, way in ways:
            results, command = way.split(":", 1)
            costs[name].append(cost(shlex.split(command)))
            found[name] = read(results)
    reference = found[ways[0][0]]
    for name, results in found.items():
        check(name, results, reference)
    show(costs)


def cost(command: list[str]) -> tuple[float, float]:
    """Returns the seconds that a command takes: wall, and CPU."""
    start = time.monotonic()
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(process, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"`{shlex.join(command)}` failed with status {os.waitstatus_to_exitcode(status)}")
    return wall, used.ru_utime + used.ru_stime


def read(path: str) -> dict[tuple[str, str], dict[str, str]]:
    with open(path, newline="") as file:
        return {(row["fast"], row["slow"]): row for row in csv.DictReader(file)}


def check(name: str, results: dict, reference: dict) -> None:
    if results.keys() != reference.keys():
        sys.exit(f"{name} has other combinations")
    for combination, row in results.items():
        for metric in CHECKED:
            here, there = float(row[metric]), float(reference[combination][metric])
            if not isclose(here, there, rel_tol=1e-9):
                sys.exit(f"{name} finds {metric} {here} for {combination}, the first way {there}")


def show(costs: dict[str, list[tuple[float, float]]]) -> None:
    first = None
    print("| 1000 combinations x 7,983 bars, 2 workers | wall s | CPU s | wall ratio | CPU ratio |\n| --- | --: | --: | --: | --: |")
    for name, measured in costs.items():
        wall, cpu = (median(column) for column in zip(*measured, strict=True))
        first = first or (wall, cpu)
        print(f"| {name} | {wall:.2f} | {cpu:.2f} | {wall / first[0]:.2f} | {cpu / first[1]:.2f} |")


if __name__ == "__main__":
    main()
