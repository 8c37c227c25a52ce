#!/usr/bin/env python3
"""Worker processes beside threads: CPU and wall seconds, microseconds a combination, memory of a worker, cold starts.

    tests/benches/backends.py HOST [BEFORE [PLUGIN...]]

HOST is the program; BEFORE is an older one, for cold starts only. Further arguments are plugins to start cold. Runs alternate, and medians are shown, since machines are noisy.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Measured is what runs, never what is known.
os.environ["HOST_STORE"] = "off"

ROUNDS = 7
ROOT = Path(__file__).resolve().parents[2]


def run(*words, **environment):
    """Runs a command; returns its CPU and wall seconds, those of its children included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **environment})
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 10, 11):
        sys.exit(f"{words}: {done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def median(runs):
    return tuple(statistics.median(column) for column in zip(*runs))


def backends(host, folder):
    grid = folder / "grid.json"
    grid.write_text(json.dumps({"lookback": {"from": 1, "to": 2000}, "threshold": {"from": 0, "to": 0.24, "step": 0.01}}))
    bar = folder / "bars.csv"
    bar.write_text("date,open,high,low,close,volume\n2020-01-02,1,1,1,1,1\n")
    data = {"7,983 bars": [], "1 bar": ["--data", str(bar), "--periods-per-year", "252"]}
    for name, words in data.items():
        runs = {"threads": [], "processes": []}
        for _ in range(ROUNDS):
            for backend, those in runs.items():
                command = [host, "sweep", "--plugin", "momentum", "--grid", str(grid), "--backend", backend, "--quiet"]
                those.append(run(*command, "--workers", "2", *words))
        cells = 2000 * 25
        (cpu, wall), (cpu_apart, wall_apart) = median(runs["threads"]), median(runs["processes"])
        print(
            f"{name}: threads {cpu / cells * 1e6:.1f} us of CPU a combination, processes {cpu_apart / cells * 1e6:.1f}"
            f" ({(cpu_apart - cpu) / cells * 1e6:+.1f}); CPU {cpu_apart / cpu:.3f}, wall {wall_apart / wall:.3f} of threads"
        )


def memory(host, folder):
    """Memory of the workers of a running sweep, in MB: of its own, and with what it shares."""
    words = ["sweep", "--plugin", "momentum", "--param", "lookback=1..2000", "--param", "threshold=0..0.4:0.0001"]
    sweep = subprocess.Popen([host, *words, "--backend", "processes"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text().rsplit(")", 1)[1].split()
            if int(stat[1]) != sweep.pid:
                continue
            fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
            sizes = {name: int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "VmRSS")}
            print(f"a worker: {sizes['RssAnon']:.1f} MB of its own, {sizes['VmRSS']:.1f} MB with what it shares")
        except (FileNotFoundError, ProcessLookupError, KeyError):
            continue
    sweep.kill()
    sweep.wait()


def cold_starts(programs, folder):
    """The first run of a plugin, with an empty cache."""
    plugins = {name: [name] for name in ("momentum", "sma_cross", "rotation", "bracket")}
    plugins["a stranger's"] = [str(folder / "copy.wasm")]
    (folder / "copy.wasm").write_bytes((ROOT / "plugins/momentum/momentum.wasm").read_bytes())
    for extra in sys.argv[3:]:
        plugins[Path(extra).name] = [extra]
    for name, plugin in plugins.items():
        runs = {program: [] for program in programs}
        for turn in range(ROUNDS):
            for program, those in runs.items():
                with tempfile.TemporaryDirectory() as cache:
                    those.append(run(program, "backtest", "--plugin", *plugin, "--quiet", HOST_CACHE_DIR=cache))
        shown = [f"{cpu * 1e3:.0f} ms of CPU, {wall * 1e3:.0f} ms" for cpu, wall in map(median, runs.values())]
        print(f"cold start of {name}: {'; before: '.join(shown)}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        backends(sys.argv[1], Path(folder))
        memory(sys.argv[1], Path(folder))
        cold_starts(sys.argv[1:3], Path(folder))


if __name__ == "__main__":
    main()
