"""Bars and comparisons of tests/arm.sh.

    arm.py bars FOLDER                  writes bars and tasks, the same ones each time
    arm.py compare FOLDER SYSTEM...     fails unless the folders of all systems have the same files; names the first difference
"""

import csv
import datetime
import json
import pathlib
import random
import sys

DAYS = {"a": (0, 1500), "b": (40, 1400), "c": (300, 1000)}
HOURS = {"d": (0, 1600), "e": (7, 1500)}
# A system whose emulator cannot run them, and the names of files of tasks that end in a trap.
WITHOUT_TRAPS, TRAPS = "plain", "trap"


def bars(folder):
    folder = pathlib.Path(folder)
    series(folder / "days", DAYS, lambda at: f"{datetime.date(2015, 1, 1) + datetime.timedelta(at)}")
    series(folder / "hours", HOURS, lambda at: f"{datetime.datetime(2019, 3, 11) + datetime.timedelta(hours=at)}")
    tasks = [{"task_id": f"t{n}", "params": {"samples": 20, "block": 1 + n, "seed": n}} for n in range(6)]
    (folder / "tasks.json").write_text(json.dumps(tasks))


def series(folder, symbols, moment):
    folder.mkdir(parents=True)
    for symbol, (first, count) in symbols.items():
        chance = random.Random(symbol)
        with open(folder / f"{symbol}.csv", "w", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["Date", "Open", "High", "Low", "Close", "Volume"])
            close = 5000
            # In cents. A bar in thirty is missing.
            for at in range(first, first + count):
                opened = close + chance.randrange(-60, 61)
                close = max(200, opened + chance.randrange(-180, 186))
                high = max(opened, close) + chance.randrange(0, 90)
                low = max(100, min(opened, close) - chance.randrange(0, 90))
                if chance.randrange(30):
                    prices = [f"{price / 100:.2f}" for price in (max(100, opened), high, low, close)]
                    out.writerow([moment(at), *prices, chance.randrange(1000, 90000)])


def compare(folder, systems):
    folder = pathlib.Path(folder)
    first, *others = systems
    names = sorted(path.name for path in (folder / first).iterdir())
    rows = cells = sweeps = 0
    differences = []
    for name in names:
        one = folder / first / name
        if one.suffix in (".csv", ".jsonl"):
            table = rows_of(one)
            sweeps += 1
            rows += len(table)
            cells += sum(len(row) for row in table)
        for system in others:
            if system == WITHOUT_TRAPS and name.startswith(TRAPS):
                continue
            other = folder / system / name
            if not other.exists():
                differences.append(f"{name}: {system} has none")
            elif one.read_bytes() != other.read_bytes():
                differences.append(f"{name}: {first} and {system} differ: {first_difference(one, other)}")
    for system in others:
        for name in sorted({path.name for path in (folder / system).iterdir()} - set(names)):
            differences.append(f"{name}: only {system} has it")
    for difference in differences:
        print(difference)
    print(f"{sweeps} tables, {rows} rows, {cells} cells, on {', '.join(systems)}: {len(differences)} differences")
    sys.exit(1 if differences else 0)


def rows_of(path):
    with open(path, newline="") as file:
        return [json.loads(line) for line in file] if path.suffix == ".jsonl" else list(csv.DictReader(file))


def first_difference(one, other):
    if one.suffix not in (".csv", ".jsonl"):
        return "other bytes"
    left, right = rows_of(one), rows_of(other)
    for at, (mine, theirs) in enumerate(zip(left, right), start=1):
        for column in [*mine, *(column for column in theirs if column not in mine)]:
            if mine.get(column) != theirs.get(column):
                return f"row {at}, column {column}: {mine.get(column)!r} and {theirs.get(column)!r}"
    return f"{len(left)} and {len(right)} rows" if len(left) != len(right) else "the same values, written otherwise"


if __name__ == "__main__":
    {"bars": bars, "compare": lambda folder, *systems: compare(folder, systems)}[sys.argv[1]](*sys.argv[2:])
