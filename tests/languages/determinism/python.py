"""Asks for everything that a machine could answer, and logs what it gets: the same in every task, run and build."""

import datetime
import locale
import os
import pathlib
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid

from backtest import Description, Params, Series, Strategy, Targets, integer, log

WORDS = {"alpha", "beta", "gamma", "delta", "epsilon"}

QUESTIONS = {
    "time": lambda: (time.time(), time.monotonic(), time.perf_counter_ns(), time.clock_gettime(time.CLOCK_REALTIME)),
    "calendar": lambda: (time.ctime(), time.strftime("%Y"), time.localtime().tm_year, time.tzname),
    "datetime": lambda: (datetime.datetime.now(), datetime.datetime.now(datetime.UTC), datetime.date.today()),
    "sleep": lambda: time.sleep(100),
    "random": lambda: (random.random(), random.Random().random(), random.Random(5).random(), random.gauss(0, 1)),
    "urandom": lambda: os.urandom(8),
    "SystemRandom": lambda: random.SystemRandom().random(),
    "secrets": secrets.token_hex,
    "uuid4": uuid.uuid4,
    "set": lambda: (list(WORDS), hash("alpha")),
    "environment": lambda: dict(os.environ),
    "arguments": lambda: sys.argv,
    "locale": locale.getlocale,
    "open": lambda: open("/etc/passwd"),
    "path": lambda: pathlib.Path("/etc/passwd").read_text(),
    "list": lambda: os.listdir("/"),
    "socket": lambda: socket.create_connection(("127.0.0.1", 80)),
    "name": lambda: socket.getaddrinfo("localhost", 80),
    "thread": lambda: threading.Thread(target=print).start(),
    "process": lambda: subprocess.run(["ls"]),
    "exit": lambda: os._exit(3),
    "input": lambda: input(),
    "import": lambda: __import__("sqlite3"),
}

AT_IMPORT = (time.time(), random.random(), list(WORDS))


class Determinism(Strategy):
    description = Description(
        "determinism", "1.0.0", "Asks the machine.", [integer("task", "9 never ends", default=0)]
    )

    def __init__(self, data: list[Series]) -> None:
        self.prepared = (time.time(), random.random(), list(WORDS))

    def evaluate(self, params: Params, targets: Targets) -> None:
        if params.count("task") == 9:
            never_end()
        log.info(f"at import: {AT_IMPORT}")
        log.info(f"prepared: {self.prepared}")
        for name, ask in QUESTIONS.items():
            try:
                log.info(f"{name}: {ask()}")
            except Exception as error:
                log.info(f"{name}: {type(error).__name__}: {error}")
        print("no newline", end="")


def never_end() -> None:
    rounds = 0
    while True:
        rounds += 1


signals = Determinism
