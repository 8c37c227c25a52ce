#!/usr/bin/env python3
"""Kills a sweep at random moments, runs the same command again, and compares its results with those of a sweep that nobody killed.

    tests/resume.py HOST [ROUNDS [CELLS]]       100 rounds of 50,000 cells, some minutes
    tests/resume.py --count HOST [ROUNDS]       also counts the cells that ran twice; needs strace, and is slow
    tests/resume.py --serve HOST [ROUNDS [CELLS]]   kills `host serve` in a sweep, starts it again, and asks for the same sweep

A round begins with an empty store. The sweep is killed with SIGKILL, some rounds several times, and then run to its end. Its
results file must be that of the sweep that nobody killed, byte for byte. HOST is the program to test.
"""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

# A task that runs asks for its resource use, each as often, so that these calls count tasks.
STRACE = ["strace", "-f", "-c", "-o", "{summary}", "-e", "trace=getrusage"]


class Sweep:
    def __init__(self, host, cells, folder, count):
        self.command = [host, "sweep", "--param", f"lookback=1..{cells // 50}", "--param", "threshold=0..0.49:0.01"]
        self.folder, self.count = folder, count
        self.store = os.path.join(folder, "store")

    def start(self, name, *options):
        out = os.path.join(self.folder, name)
        command = self.command + ["--out", out, *options]
        if self.count:
            command = [part.format(summary=os.path.join(self.folder, "summary")) for part in STRACE] + command
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def finish(self, name, *options):
        process = self.start(name, *options)
        text = process.communicate()[1]
        if process.returncode != 0:
            sys.exit(f"the sweep ended with {process.returncode}:\n{text}")
        return text

    def tasks(self):
        """The tasks of the last process, if they are counted."""
        with open(os.path.join(self.folder, "summary")) as summary:
            # Share, seconds, microseconds a call, calls.
            lines = [line.split() for line in summary if line.rstrip().endswith("getrusage")]
        return int(lines[0][3]) if lines else 0


def kill(process):
    # With strace between, the sweep is its child; strace then writes its summary.
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    for pid in [int(child) for child in children] or [process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


class Server:
    """`host serve` on a port of its own, with the state and the store in `folder`."""

    def __init__(self, host, cells, folder, options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        self.url, plugins = f"http://{address}", os.path.join(folder, "plugins")
        if not os.path.isdir(plugins):
            os.mkdir(plugins)
            shutil.copy(os.path.join(os.path.dirname(__file__), "../plugins/momentum/momentum.wasm"), plugins)
        state = os.path.join(folder, "state")
        command = [host, "serve", "--plugins", plugins, "--state", state, "--listen", address, *options]
        log = open(os.path.join(folder, "serve.log"), "a")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        self.request = {"plugin": "momentum", "params": [f"lookback=1..{cells // 50}", "threshold=0..0.49:0.01"]}
        for _ in range(2000):
            try:
                self.ask("/healthz")
                return
            except OSError:
                time.sleep(0.01)
        sys.exit(f"the server does not start; see {folder}/serve.log")

    def ask(self, path, body=None):
        request = urllib.request.Request(self.url + path, headers={"content-type": "application/json"})
        request.data = body and json.dumps(body).encode()
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def start(self):
        return json.loads(self.ask("/sweeps", self.request))["id"]

    def finish(self, sweep):
        """The results of a sweep once it has ended."""
        while True:
            state = json.loads(self.ask(f"/sweeps/{sweep}"))["state"]
            if state == "finished":
                return self.ask(f"/sweeps/{sweep}/results?format=csv")
            if state not in ("queued", "running"):
                sys.exit(f"sweep {sweep} is {state}")
            time.sleep(0.02)

    def kill(self):
        self.process.kill()
        self.process.wait()


def serve(host, rounds, cells, folder):
    server = Server(host, cells, folder, ["--no-store"])
    began = time.monotonic()
    whole = server.finish(server.start())
    seconds = time.monotonic() - began
    server.kill()
    print(f"{cells} cells take {seconds:.1f} s without a store")
    store, known, kills = os.path.join(folder, "store"), 0, 0
    for number in range(rounds):
        shutil.rmtree(store, ignore_errors=True)
        for _ in range(random.choice([1, 1, 1, 2, 5])):
            server = Server(host, cells, folder, ["--store", store])
            server.start()
            time.sleep(random.uniform(0, seconds * 1.1))
            server.kill()
            kills += 1
        server = Server(host, cells, folder, ["--store", store])
        again = server.finish(server.start())
        server.kill()
        listed = subprocess.run([host, "results", "runs", "--store", store, "--format", "json"], capture_output=True, text=True)
        known += json.loads(listed.stdout)["runs"][0]["known"] or 0
        if again != whole:
            with open(os.path.join(folder, "whole.csv"), "wb") as one, open(os.path.join(folder, "again.csv"), "wb") as other:
                one.write(whole), other.write(again)
            sys.exit(f"round {number}: `{folder}/again.csv` differs from `whole.csv`")
    print(f"{rounds} rounds, {kills} kills of the server: all results equal; {known / rounds:.0f} of {cells} cells were known at the last start")


def read(folder, name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


def main():
    arguments = sys.argv[1:]
    count, is_server = "--count" in arguments, "--serve" in arguments
    arguments = [argument for argument in arguments if argument not in ("--count", "--serve")]
    if not arguments:
        sys.exit(__doc__)
    rounds = int(arguments[1]) if len(arguments) > 1 else 100
    cells = int(arguments[2]) if len(arguments) > 2 else 50_000
    folder = tempfile.mkdtemp(prefix="host-resume-")
    if is_server:
        serve(os.path.abspath(arguments[0]), rounds, cells, folder)
        shutil.rmtree(folder)
        return
    sweep = Sweep(os.path.abspath(arguments[0]), cells, folder, count)
    began = time.monotonic()
    sweep.finish("whole.parquet", "--no-store")
    seconds = time.monotonic() - began
    whole, calls = read(folder, "whole.parquet"), sweep.tasks() / cells if count else 0
    print(f"{cells} cells take {seconds:.1f} s without a store")
    kills, known, twice = 0, 0, 0
    for number in range(rounds):
        shutil.rmtree(sweep.store, ignore_errors=True)
        ran = 0
        for _ in range(random.choice([1, 1, 1, 2, 5])):
            process = sweep.start("killed.parquet", "--store", sweep.store)
            time.sleep(random.uniform(0, seconds * 1.1))
            kill(process)
            kills += 1
            ran += sweep.tasks() / calls if count else 0
        text = sweep.finish("again.parquet", "--store", sweep.store)
        ran += sweep.tasks() / calls if count else 0
        found = re.search(r"(\d+) were known", text)
        known += int(found.group(1)) if found else 0
        twice += max(0, ran - cells)
        if read(folder, "again.parquet") != whole:
            sys.exit(f"round {number}: `{folder}/again.parquet` differs from `whole.parquet`\n{text}")
    print(f"{rounds} rounds, {kills} kills: all results equal; {known / rounds:.0f} of {cells} cells were known at the last start")
    if count:
        print(f"{twice / kills:.1f} cells ran twice for each kill")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
