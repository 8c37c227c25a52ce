"""What a call sends: functions, data and shared objects once for each worker, and the pickle of each task.

Never sends anything itself: the pool does.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import sys
from collections.abc import Iterator
from typing import Any

from host import _pickles, _wire
from host._call import MIB, Call
from host._child import Child, is_library
from host._errors import DataError, HostError, text_of
from host._functions import KNOWN

SHARED_FROM = 4_096
"""Bytes of a pickled object from which it is sent once, and not with each task."""

_PLAIN = (bool, int, float, str, bytes, type(None))


class Shipment:
    """What a call sends to each worker once, in one shared file; and the pickles of its tasks."""

    def __init__(self, call: Call) -> None:
        self._shared: dict[int, int] = {}
        self._owned: list[object] = []
        self._frame: list[bytes | memoryview] = []
        items = [_pickled(call.function, "the function", HostError)]
        for data in call.data:
            items.append(_pickled(data, "the data", DataError))
        if call.trade is not None:
            items.append(_pickled(call.trade, "the account", HostError))
        trade = len(items) - 1 if call.trade is not None else None
        for value in call.shared:
            self._share(value, items)
        entries, size = _wire.place(items)
        self.file = _wire.shared_file("host-data", size)
        for (start, _, places), (pickled, buffers) in zip(entries, items):
            _wire.write_all(self.file, pickled, start)
            for (at, _), buffer in zip(places, buffers):
                _wire.write_all(self.file, buffer, at)
        _wire.seal(self.file)
        import cloudpickle  # type: ignore[import-untyped, unused-ignore]

        limits = call.limits
        self._setup: _wire.Setup = {
            "entries": entries,
            "size": size,
            "mode": call.mode,
            "data": 1 if call.data else None,
            "shared": bool(self._shared),
            "trade": trade,
            "functions_by_hand": cloudpickle.__version__.startswith(KNOWN),
            "fresh": call.fresh,
            "kept": [0, *([] if trade is None else [trade])] if call.fresh else list(range(len(entries))),
            "memory_bytes": None if limits.memory is None else int(limits.memory * MIB),
            "result_bytes": int(limits.result * MIB),
        }

    def _share(self, value: object, items: list[tuple[bytes, list[memoryview]]]) -> None:
        shared = _worth_sharing(value)
        if shared is not None:
            self._shared[id(value)] = len(items)
            self._owned.append(value)
            items.append(shared)

    def setup(self, child: Child) -> list[bytes | memoryview]:
        """The frame that prepares a worker for the call."""
        if not self._frame:
            setup = {
                **self._setup,
                "directory": _directory(),
                "environment": child.environment(),
                "path": list(sys.path),
                "arguments": list(getattr(sys, "argv", [""])),
            }
            self._frame = _wire.frame(_wire.SETUP, pickle.dumps(setup))
        return self._frame

    def payload(self, argument: Any) -> _wire.Payload:
        """What a task has of its own: plain parameters as they are, all else pickled.

        Raises:
            Exception: It cannot be pickled.
        """
        if type(argument) is dict and all(type(value) in _PLAIN for value in argument.values()):
            return argument
        return _pickles.dumps(argument, shared=self._shared)

    def close(self) -> None:
        os.close(self.file)


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return os.sep


def _pickled(value: object, what: str, error_type: type[HostError]) -> tuple[bytes, list[memoryview]]:
    buffers: list[memoryview] = []
    with _by_value(value):
        try:
            return _pickles.dumps(value, lambda buffer: buffers.append(buffer.raw())), buffers
        except Exception as error:
            raise error_type(
                f"{what} cannot be sent to a worker: {type(error).__name__}: {text_of(error)}; "
                "open files, connections and locks stay in their process: open them inside of the function"
            ) from error


def shareable(values: list[object]) -> list[object]:
    """Those of `values` that are worth sending once."""
    return [value for value in values if _worth_sharing(value) is not None]


def _worth_sharing(value: object) -> tuple[bytes, list[memoryview]] | None:
    """The pickle of an object that is large. A task that holds one which cannot be pickled fails, and says so."""
    try:
        pickled, buffers = _pickled(value, "", HostError)
    except HostError:
        return None
    is_large = len(pickled) + sum(buffer.nbytes for buffer in buffers) >= SHARED_FROM
    return (pickled, buffers) if is_large else None


def pickled_whole(call: Call) -> bytes:
    """A call without its tasks in one piece, for other machines.

    Raises:
        DataError: The data cannot be pickled.
        HostError: The function or the account cannot be pickled.
    """
    try:
        with _by_value(call.function, elsewhere=True):
            return _pickles.dumps(call)
    except Exception:
        _pickled(call.function, "the function", HostError)
        for data in call.data:
            _pickled(data, "the data", DataError)
        _pickled(call.trade, "the account", HostError)
        raise


@contextlib.contextmanager
def _by_value(value: object, *, elsewhere: bool = False) -> Iterator[None]:
    """Pickles functions by value where their module is one that a worker could not import; on another machine, `elsewhere`, that is
    each module which is not installed."""
    import cloudpickle  # type: ignore[import-untyped, unused-ignore]

    registered = []
    for function in value if isinstance(value, list) else [value]:
        function = getattr(function, "func", function)
        name = getattr(function, "__module__", None) or type(function).__module__
        module = sys.modules.get(name)
        if module is None or name == "__main__" or module in registered:
            continue
        file = getattr(module, "__file__", None)
        is_own = elsewhere and isinstance(file, str) and not is_library(file)
        if is_own or not _importable(name.partition(".")[0], tuple(sys.path)):
            with contextlib.suppress(ValueError):
                cloudpickle.register_pickle_by_value(module)
                registered.append(module)
    try:
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)


@functools.lru_cache(maxsize=64)
def _importable(top: str, path: tuple[str, ...]) -> bool:
    """Whether `top` is found on `path`, which is `sys.path`; asked once, because it looks into each folder."""
    for finder in sys.meta_path:
        try:
            if finder.find_spec(top, None) is not None:
                return True
        except Exception:
            continue
    return False
