"""The wire between the pool and its workers: frames, shared files, pickles with buffers apart.

Never runs a task and never decides what to send: both ends use it.
"""

from __future__ import annotations

import collections
import contextlib
import functools
import io
import os
import pickle
import struct
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

# Kinds of frames. SETUP carries a file descriptor in one further byte.
READY, SETUP, TASKS, RESULTS, FAULT, STOP = range(1, 7)

MAGIC = 0x74736F68
HEADER = struct.Struct("<IIQQ")
"""Magic number, kind, bytes of the pickled part, bytes of the raw buffers that follow it."""

# The shared words of a worker, each of 8 bytes.
NUMBER = 0
"""The number of the task that was started last."""
BUSY = 1
"""When it started, in `time.monotonic_ns()`; 0 once it has ended."""
WITHDRAWN, WITHDRAWN_END = 2, 3
"""Tasks from the first number up to the second, exclusive, are no longer the worker's; 0 if there are none."""
CLOSED = 4
"""Not 0 if the task took the channel away from the worker."""
WORDS = 5

SKIPPED = "skipped"
"""The kind of an outcome that says: withdrawn, and not run."""

UNREADABLE = "the result cannot be read back: "
"""How the text of an `unpicklable` result begins that could be written."""

ALIGNMENT = 64
_F_SEAL_FUTURE_WRITE = 0x10
OWN_BUFFER = 1 << 16
"""Buffers of results below this many bytes travel inside of their pickle."""


def frame(kind: int, meta: bytes, raw: Sequence[memoryview] = ()) -> list[bytes | memoryview]:
    """The parts of a frame, to be sent one after another."""
    return [HEADER.pack(MAGIC, kind, len(meta), sum(part.nbytes for part in raw)) + meta, *raw]


def shared_file(name: str, size: int) -> int:
    """Makes a file of `size` bytes that lives in memory where the system can, has no name, and goes with its last user."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    else:
        import tempfile

        with tempfile.TemporaryFile(prefix=name) as file:
            descriptor = os.dup(file.fileno())
    os.truncate(descriptor, size)
    return descriptor


def seal(descriptor: int) -> None:
    """Lets nobody write to a shared file any more but through mappings that are there (Linux 5.1 and later)."""
    import fcntl

    if hasattr(fcntl, "F_ADD_SEALS"):
        with contextlib.suppress(OSError):  # An older kernel: what is lost is a guard against stray writes.
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Writes all of `data` at `offset`; a system writes at most 2 GiB at once."""
    rest = memoryview(data).cast("B")
    while rest.nbytes:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def aligned(offset: int) -> int:
    """The next offset at which a buffer may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def dumps(value: object, keep: Callable[[pickle.PickleBuffer], object] | None = None, shared: Shared | None = None) -> bytes:
    """Pickles by value what another process cannot import: functions and classes of `__main__`, lambdas, closures.

    Args:
        value: The object.
        keep: Called with each large buffer; false from it leaves the buffer out of the pickle.
        shared: Objects that the reader has, by identity; their keys are written instead.

    Raises:
        Exception: It cannot be pickled.
    """
    file = io.BytesIO()
    pickler = _pickler_type()(file, protocol=5, buffer_callback=keep)
    pickler.shared = shared or {}
    pickler.dump(value)
    return file.getvalue()


Shared = dict[int, int]
"""For the identity of an object its key."""


def _pickler_type() -> Any:
    return _make_pickler_type(sys.modules.get("numpy") is not None)


@functools.cache
def _make_pickler_type(with_numpy: bool) -> Any:
    import cloudpickle  # type: ignore[import-untyped, unused-ignore]
    from cloudpickle import cloudpickle as inner

    def reduce_code(code: types.CodeType) -> Any:
        make, arguments, *rest = inner._code_reduce(code)
        named = tuple(code.co_filename if argument == "<dynamic-code>" else argument for argument in arguments)
        return (make, named, *rest)

    reducers: dict[type, Any] = {types.CodeType: reduce_code}
    if with_numpy:
        reducers[sys.modules["numpy"].ndarray] = _reduce_array

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
        # cloudpickle leaves out the name of the file, which tracebacks are to show.
        dispatch_table = collections.ChainMap(reducers, cloudpickle.Pickler.dispatch_table)
        shared: Shared

        def persistent_id(self, value: object) -> int | None:
            return self.shared.get(id(value))

    return Pickler


def _reduce_array(array: Any) -> Any:
    """Times as the whole numbers that they are, because pickle leaves only buffers of numbers apart."""
    if array.dtype.kind in "mM" and array.flags.c_contiguous and array.nbytes >= OWN_BUFFER:
        import numpy

        return numpy.ndarray.view, (array.view("i8"), array.dtype)
    return array.__reduce_ex__(5)


Entry = tuple[int, int, tuple[tuple[int, int], ...]]
"""A pickle in a shared file: its offset, its length, offset and length of each buffer."""


def place(values: Sequence[tuple[bytes, list[memoryview]]]) -> tuple[list[Entry], int]:
    """Gives pickles and their buffers places in one file; returns the places and the size of the file."""
    entries: list[Entry] = []
    end = 0
    for pickled, buffers in values:
        start = aligned(end)
        end = start + len(pickled)
        places = []
        for buffer in buffers:
            places.append((aligned(end), buffer.nbytes))
            end = aligned(end) + buffer.nbytes
        entries.append((start, len(pickled), tuple(places)))
    return entries, max(end, 1)


Outcome = tuple[int, float, "Failure | None", "bytes | None", tuple[int, ...], list[str]]
"""A result as it travels: number, seconds, failure, pickled value, sizes of its buffers, log."""

Frame = tuple[str, int, str, str]
"""A frame of a traceback: file, line, function, text of the line."""

Failure = tuple[str, str, list[Frame]]
"""A failure as it travels: kind, text, the frames of its traceback."""

Setup = dict[str, Any]
"""What a worker needs for a call: directory, environment, import path, shared objects, how to call, limits."""
