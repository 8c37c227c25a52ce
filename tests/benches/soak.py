"""Soaks `host serve`: readers, sweeps, swaps, builds that never end compiling and half-open connections, all at once.

    python3 tests/benches/soak.py HOST [--minutes 10] [--readers 100] [--interval 30] [--bomb FILE]...

Prints the server's resident memory, descriptors, threads and mappings at intervals, with the slowest answer of `/healthz`
since the line before. Readers come in rounds of a minute: half of it they read, half of it they are away, so that a line
with 0 readers shows what stays. It talks to 127.0.0.1 only, and ends with 1 if the server dies or an answer is wrong.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

# Measured is what runs, never what is known.
os.environ["HOST_STORE"] = "off"

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef0123456789abcdef"
BUILDS = [ROOT / "plugins/sma_cross/sma_cross.wasm", ROOT / "tests/plugins/sma_rolling/sma_rolling.wasm"]
# Sweeps that are kept; older ones are removed, as their results would fill the disk.
KEPT = 40


def leb(number):
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def section(number, content):
    return bytes([number]) + leb(len(content)) + content


def bomb(variant):
    """A small component that takes very long to compile: a function of 900 parameters and results that is called often."""
    kinds = leb(900) + b"\x7e" * 900
    calls = 1500 + variant
    body = leb(0) + b"".join(b"\x20" + leb(place) for place in range(900)) + (b"\x10\x00" * calls) + b"\x0b"
    module = b"\0asm\x01\0\0\0"
    module += section(1, leb(1) + b"\x60" + kinds + kinds) + section(3, leb(1) + leb(0))
    module += section(10, leb(1) + leb(len(body)) + body)
    return b"\0asm\x0d\0\x01\0" + section(1, module)


def probe(address, slowest, wrong):
    """Asks for the health for ever, in a process of its own: threads of Python wait for each other."""
    while True:
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection(*address, timeout=30)
            connection.request("GET", "/healthz")
            if connection.getresponse().status != 200:
                wrong.value += 1
            connection.close()
        except (OSError, http.client.HTTPException):
            wrong.value += 1
        slowest.value = max(slowest.value, time.monotonic() - began)
        time.sleep(0.2)


class Soak:
    def __init__(self, arguments):
        self.arguments, self.done = arguments, threading.Event()
        self.reading, self.problems = threading.Event(), []
        self.counts = dict.fromkeys(["answers", "refused", "sweeps", "swaps", "bombs"], 0)
        self.slowest, self.unwell, self.ids = multiprocessing.Value("d", 0.0), multiprocessing.Value("i", 0), []
        self.scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self.scratch.name)
        (folder / "plugins").mkdir()
        for build in BUILDS[:1] + [ROOT / "plugins/momentum/momentum.wasm"]:
            (folder / "plugins" / build.name).write_bytes(build.read_bytes())
        command = [arguments.host, "serve", "--plugins", folder / "plugins", "--state", folder / "state"]
        environment = dict(os.environ, HOST_TOKEN=TOKEN, HOST_CACHE_DIR=str(folder / "cache"))
        self.log = folder / "log"
        self.server = subprocess.Popen(
            [*map(str, command), "--listen", "127.0.0.1:0"], stderr=self.log.open("w"), env=environment
        )
        self.address = self.listening()

    def listening(self):
        for _ in range(600):
            for line in self.log.read_text().splitlines():
                if "listening on http://" in line:
                    host, port = line.split("http://")[1].split(":")
                    return host, int(port)
            time.sleep(0.1)
        raise SystemExit("the server does not start:\n" + self.log.read_text())

    def ask(self, connection, method, path, body=None, headers=None):
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def forever(self, work, pause):
        """Calls `work` with a connection until the end; one that breaks is made anew."""
        def run():
            connection = None
            while not self.done.is_set():
                try:
                    connection = connection or http.client.HTTPConnection(*self.address, timeout=60)
                    work(connection)
                except (OSError, http.client.HTTPException):
                    self.counts["refused"] += 1
                    connection = None
                self.done.wait(pause)
        threading.Thread(target=run, daemon=True).start()

    def read(self, connection, number):
        if not self.reading.wait(1):
            connection.close()
            return
        newest = self.ids[-1] if self.ids else 1
        paths = ["/sweeps", "/plugins", f"/sweeps/{newest}", "/metrics", f"/sweeps/{newest}/results?format=csv", "/data"]
        path = paths[number % len(paths)]
        status, _ = self.ask(connection, "GET", path)
        self.counts["answers"] += 1
        if status not in (200, 404, 409, 429, 503):
            self.problems.append(f"GET {path}: {status}")

    def listen(self, connection):
        """Reads the events of the newest sweep; a third of the clients reads nothing of them."""
        if not self.reading.wait(1):
            return
        newest = self.ids[-1] if self.ids else 1
        stream = socket.create_connection(self.address, timeout=20)
        stream.sendall(f"GET /sweeps/{newest}/events HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        if threading.get_ident() % 3 == 0:
            self.done.wait(20)
        else:
            while self.reading.is_set() and stream.recv(1 << 16):
                pass
        stream.close()

    def sweep(self, connection):
        axes = {"fast": {"from": 1, "to": 60}, "slow": {"from": 70, "to": 120}}
        request = json.dumps({"plugin": "sma_cross", "grid": axes})
        status, body = self.ask(connection, "POST", "/sweeps", request, {"content-type": "application/json"})
        if status != 201:
            self.problems.append(f"POST /sweeps: {status} {body[:200]}")
            self.done.wait(1)
            return
        number = json.loads(body)["id"]
        while not self.done.is_set():
            sweep = json.loads(self.ask(connection, "GET", f"/sweeps/{number}")[1])
            if sweep["state"] not in ("queued", "running"):
                break
            self.done.wait(0.1)
        if not self.done.is_set() and (sweep["state"], sweep["done"], sweep["failed"]) != ("finished", 3060, 0):
            self.problems.append(f"sweep {number}: {sweep['state']}, {sweep['done']}, {sweep['failed']}, {sweep['error']}")
        self.counts["sweeps"] += 1
        self.ids.append(number)
        if len(self.ids) > KEPT:
            self.ask(connection, "DELETE", f"/sweeps/{self.ids.pop(0)}")

    def put(self, connection, name, body):
        return self.ask(connection, "PUT", f"/plugins/{name}", body, {"authorization": f"Bearer {TOKEN}"})

    def swap(self, connection):
        build = BUILDS[(self.counts["swaps"] + 1) % 2].read_bytes()
        status, body = self.put(connection, "sma_cross", build)
        if status != 200:
            self.problems.append(f"PUT sma_cross: {status} {body[:200]}")
        self.counts["swaps"] += 1

    def bomb(self, connection):
        number = self.counts["bombs"]
        given = self.arguments.bomb
        body = pathlib.Path(given[number % len(given)]).read_bytes() if given else bomb(number)
        # Half of the clients go away before there is an answer.
        impatient = http.client.HTTPConnection(*self.address, timeout=5 if number % 2 else 60)
        self.counts["bombs"] += 1
        try:
            self.put(impatient, f"bomb{number % 4}", body)
        except OSError:
            pass
        impatient.close()

    def half_open(self):
        held = []
        while not self.done.is_set():
            try:
                stream = socket.create_connection(self.address, timeout=5)
                stream.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-")
                held.append(stream)
            except OSError:
                pass
            for stream in held[:-200]:
                stream.close()
            held = held[-200:]
            self.done.wait(0.1)

    def sizes(self):
        proc = pathlib.Path(f"/proc/{self.server.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        mb = lambda name: int(status[name].split()[0]) // 1024
        mappings = len((proc / "maps").read_text().splitlines())
        return mb("VmRSS"), mb("RssAnon"), len(list((proc / "fd").iterdir())), int(status["Threads"]), mappings

    def run(self):
        # Started before any thread is.
        health = multiprocessing.Process(target=probe, args=(self.address, self.slowest, self.unwell), daemon=True)
        health.start()
        count = self.arguments.readers
        for number in range(count * 2 // 3):
            self.forever(lambda connection, number=number: self.read(connection, number), 0.2)
        for _ in range(count - count * 2 // 3):
            self.forever(self.listen, 0.2)
        for work, pause in [(self.sweep, 0.5), (self.sweep, 0.5), (self.swap, 1)]:
            self.forever(work, pause)
        if not self.arguments.no_bombs:
            self.forever(self.bomb, 2)
            self.forever(self.bomb, 2)
            threading.Thread(target=self.half_open, daemon=True).start()
        columns = ["min", "rss MB", "anon MB", "files", "threads", "maps", "readers", "health ms"]
        print("  ".join(f"{name:>9}" for name in [*columns, *self.counts]), flush=True)
        began, interval = time.monotonic(), self.arguments.interval
        while (passed := time.monotonic() - began) < self.arguments.minutes * 60 and self.server.poll() is None:
            # A line at the end of each half round: with readers, and after they have gone.
            (self.reading.set if int(passed / interval) % 2 == 0 else self.reading.clear)()
            time.sleep(interval - passed % interval)
            if self.server.poll() is None:
                readers = count if self.reading.is_set() else 0
                row = [f"{(time.monotonic() - began) / 60:.1f}", *self.sizes(), readers, f"{self.slowest.value * 1000:.0f}"]
                print("  ".join(f"{cell:>9}" for cell in [*row, *self.counts.values()]), flush=True)
                self.slowest.value = 0.0
        died = self.server.poll() is not None
        self.done.set()
        health.terminate()
        self.server.kill()
        if self.unwell.value:
            self.problems.append(f"/healthz was not answered with 200 {self.unwell.value} times")
        if died:
            self.problems.append("the server died: " + self.log.read_text()[-1000:])
        for problem in dict.fromkeys(self.problems[:20]):
            print("problem:", problem)
        sys.exit(1 if self.problems else 0)


parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
parser.add_argument("host")
parser.add_argument("--minutes", type=float, default=10)
parser.add_argument("--readers", type=int, default=100)
parser.add_argument("--interval", type=float, default=30)
parser.add_argument("--bomb", action="append", default=[], help="a file to upload instead of the built-in one")
parser.add_argument("--no-bombs", action="store_true", help="no bombs and no half-open connections")
Soak(parser.parse_args()).run()
