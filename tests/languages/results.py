"""Comparisons of results and the table of tests/languages/run.sh.

    results.py same A.csv B.csv      fails unless two sweeps have the same results
    results.py imports < inspect     prints the imports outside of the contract
    results.py facts LANGUAGE OUT MILLISECONDS INSPECT
    results.py table FACTS...
"""

import csv
import json
import pathlib
import statistics
import sys

# What a machine, a compiler or a file's name decides.
LEFT_OUT = {"units", "execution_time", "worker_id", "plugin_hash", "log"}
BARS = 7983


def rows(path):
    with open(path, newline="") as file:
        return sorted(
            ({name: text for name, text in row.items() if name not in LEFT_OUT} for row in csv.DictReader(file)),
            key=lambda row: row["task_id"],
        )


def same(one, other):
    for left, right in zip(rows(one), rows(other), strict=True):
        for name in left.keys() | right.keys():
            if left.get(name) != right.get(name):
                sys.exit(f"{left['task_id']}: {name} is {left.get(name)} in {one}, {right.get(name)} in {other}")


def imports():
    names = json.load(sys.stdin)["imports"]
    print(", ".join(name for name in names if not name.startswith("backtest:strategy/")))


def facts(language, out, milliseconds, inspect):
    out, inspect = pathlib.Path(out), json.loads(inspect)
    with open(out / "signals.csv", newline="") as file:
        times = [float(row["execution_time"]) for row in csv.DictReader(file)]
    source = next(path for path in sorted((out / "golden").glob("strategy.*")) if path.suffix != ".toml")
    lines = [line for line in source.read_text().splitlines() if line.strip()]
    found = {
        "language": language,
        "bytes": inspect["size"],
        "build s": round(int(milliseconds) / 1000, 1),
        "ns/bar": round(statistics.median(times) / BARS * 1e9, 1),
        "lines": len(lines),
        "forking": inspect["forking"],
    }
    (out / "facts.json").write_text(json.dumps(found))


def table(paths):
    found = [json.loads(pathlib.Path(path).read_text()) for path in paths]
    print(*found[0], sep="\t")
    for one in sorted(found, key=lambda one: one["ns/bar"]):
        print(*one.values(), sep="\t")


if __name__ == "__main__":
    commands = {"same": same, "imports": imports, "facts": facts, "table": lambda *paths: table(paths)}
    commands[sys.argv[1]](*sys.argv[2:])
