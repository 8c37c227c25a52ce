"""A Python without a machine: no clock, no entropy, no files.

componentize-py leaves the functions that ask the machine in place; in a sandbox without a machine they would end the task with
a trap that names none of the author's lines. Here each gets an answer that is always the same, or an exception that says what
to do instead.
"""

import _random
import builtins
import datetime
import io
import os
import random
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from backtest.errors import Refused

SEED = 0
"""What the numbers of ``random`` begin with, in every task."""


def freeze() -> None:
    """Stops the clock at the Unix epoch and takes entropy away. For before the strategy is imported."""
    _freeze_time()
    _freeze_datetime()
    _freeze_random()


def reseed() -> None:
    """Begins the numbers of ``random`` anew."""
    random.seed(SEED)


def seal() -> None:
    """Refuses files, sockets and modules that are not loaded yet. For after the strategy is imported: a build has files."""
    _seal_files()
    if "socket" in sys.modules:
        _seal_sockets(sys.modules["socket"])
    sys.stdin = io.StringIO()
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _reads_files(finder)] + [_Unloaded()]


def _freeze_time() -> None:
    seconds, nanoseconds = lambda: 0.0, lambda: 0
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, seconds)
        setattr(time, f"{name}_ns", nanoseconds)
    setattr(time, "sleep", lambda seconds: None)
    for name in ("clock_gettime", "clock_gettime_ns"):
        setattr(time, name, lambda clock: 0)
    for name in ("gmtime", "localtime", "ctime"):
        setattr(time, name, _at_epoch(getattr(time, name)))
    shown = time.asctime
    setattr(time, "asctime", lambda t=None: shown(time.gmtime(0) if t is None else t))
    real = time.strftime
    setattr(time, "strftime", lambda format, t=None: real(format, time.gmtime(0) if t is None else t))


def _at_epoch(convert: Callable[[float], Any]) -> Callable[..., Any]:
    return lambda seconds=None: convert(0 if seconds is None else seconds)


def _freeze_datetime() -> None:
    class FrozenDate(datetime.date):
        @classmethod
        def today(cls) -> "FrozenDate":
            return cls(1970, 1, 1)

    class FrozenDatetime(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "FrozenDatetime":
            return cls.fromtimestamp(0, tz or datetime.timezone.utc).replace(tzinfo=tz)

        @classmethod
        def utcnow(cls) -> "FrozenDatetime":
            return cls(1970, 1, 1)

        @classmethod
        def today(cls) -> "FrozenDatetime":
            return cls(1970, 1, 1)

    for name, frozen in (("date", FrozenDate), ("datetime", FrozenDatetime)):
        frozen.__name__ = frozen.__qualname__ = name
        frozen.__module__ = "datetime"
        setattr(datetime, name, frozen)


def _freeze_random() -> None:
    refused = _refuse("entropy (`os.urandom`)", "take numbers from `random`, which begins every task with the same seed")
    for module, name in ((os, "urandom"), (os, "getrandom"), (random, "_urandom")):
        if hasattr(module, name):
            setattr(module, name, refused)

    def new(cls: Any, *_: object, **__: object) -> Any:
        # Without a seed, the original asks the machine for one. `__init__` sets the one that is given.
        return make(cls, 0)

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        real(self, SEED if a is None else a, version)

    make: Any = _random.Random.__new__
    real = random.Random.seed
    setattr(random.Random, "__new__", new)
    setattr(random.Random, "seed", seed)
    setattr(random, "seed", getattr(random, "_inst").seed)
    reseed()


#: What of ``os`` works without a machine.
_HARMLESS = {
    "fspath", "strerror", "cpu_count", "process_cpu_count", "getpid", "getppid", "urandom", "getrandom", "get_terminal_size",
    "putenv", "unsetenv", "_path_normpath", "_path_splitroot", "_path_splitroot_ex", "waitstatus_to_exitcode",
    "register_at_fork",
}  # fmt: skip


def _seal_files() -> None:
    advice = "a strategy has the bars and its parameters; what else it needs belongs into its source, or is read at import"
    for opener in (io, builtins, sys.modules["_io"]):
        setattr(opener, "open", _refuse("a file (`open`)", advice))
    for module in (io, sys.modules["_io"]):
        for name in ("open_code", "FileIO"):
            setattr(module, name, _refuse(f"a file (`io.{name}`)", advice))
    system: ModuleType = sys.modules["posix"]
    for name, function in list(vars(system).items()):
        if type(function) is type(len) and name not in _HARMLESS:
            refused = _refuse(f"the system (`os.{name}`)", advice)
            setattr(system, name, refused)
            if getattr(os, name, None) is function:
                setattr(os, name, refused)


def _seal_sockets(socket: ModuleType) -> None:
    advice = "it would have another answer every time; put what it is to know into its source"
    refused = _refuse("the network (`socket`)", advice)
    setattr(socket.socket, "__init__", refused)
    setattr(socket.socket, "__del__", lambda self: None)
    # What only converts numbers and addresses stays.
    harmless = ("hton", "ntoh", "inet_", "has_", "_")
    for name, function in list(vars(socket).items()):
        if callable(function) and not isinstance(function, type) and not name.startswith(harmless):
            setattr(socket, name, refused)


def _refuse(what: str, advice: str) -> Callable[..., NoReturn]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise Refused(f"a strategy has no access to {what}: {advice}")

    return refuse


def _reads_files(finder: object) -> bool:
    return getattr(finder, "__name__", "") == "PathFinder"


class _Unloaded:
    """Finds no module, and says why."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        raise ModuleNotFoundError(
            f"`{name}` is not loaded, and a component has no files to load it from: import it at the top of strategy.py",
            name=name,
        )
