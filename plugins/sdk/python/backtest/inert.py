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
    """Refuses files and modules that are not loaded yet. For after the strategy is imported: a build has its files."""
    _seal_files()
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _reads_files(finder)] + [_Unloaded()]


def _freeze_time() -> None:
    seconds, nanoseconds = lambda: 0.0, lambda: 0
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        setattr(time, name, seconds)
        setattr(time, f"{name}_ns", nanoseconds)
    setattr(time, "sleep", lambda seconds: None)
    for name in ("gmtime", "localtime"):
        setattr(time, name, _at_epoch(getattr(time, name)))
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

    def new(cls: type, *seed: object, **_: object) -> Any:
        # Without a seed, the original asks the machine for one.
        return _random.Random.__new__(cls, 0)

    def seed(self: random.Random, a: Any = None, version: int = 2) -> None:
        real(self, SEED if a is None else a, version)

    real = random.Random.seed
    setattr(random.Random, "__new__", new)
    setattr(random.Random, "seed", seed)
    setattr(random, "seed", random._inst.seed)  # type: ignore[attr-defined]
    reseed()


#: What of ``os`` works without a machine.
_HARMLESS = {
    "fspath", "strerror", "cpu_count", "process_cpu_count", "getpid", "getppid", "urandom", "getrandom", "get_terminal_size",
    "putenv", "unsetenv", "_path_normpath", "_path_splitroot", "_path_splitroot_ex", "waitstatus_to_exitcode", "device_encoding",
    "register_at_fork", "abort", "_exit", "isatty", "get_inheritable", "set_inheritable", "close", "_inputhook",
}  # fmt: skip


def _seal_files() -> None:
    advice = "a strategy has the bars and its parameters; what else it needs belongs into its source, or is read at import"
    for opener in (io, builtins, sys.modules["_io"]):
        setattr(opener, "open", _refuse("a file (`open`)", advice))
    setattr(io, "open_code", _refuse("a file (`open_code`)", advice))
    system: ModuleType = sys.modules["posix"]
    for name, function in list(vars(system).items()):
        if type(function) is type(len) and name not in _HARMLESS:
            refused = _refuse(f"the system (`os.{name}`)", advice)
            setattr(system, name, refused)
            if getattr(os, name, None) is function:
                setattr(os, name, refused)


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
