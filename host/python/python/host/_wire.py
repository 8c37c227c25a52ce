"""The wire between the pool and its workers: frames, shared files, what travels.

Never runs a task and never decides what to send: both ends use it. Imports little, because each worker waits for it.
"""

from __future__ import annotations

import os
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
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
        try:
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _F_SEAL_FUTURE_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        except OSError:
            pass  # An older kernel: what is lost is a guard against stray writes.


def write_all(descriptor: int, data: bytes | memoryview, offset: int) -> None:
    """Writes all of `data` at `offset`; a system writes at most 2 GiB at once."""
    rest = memoryview(data).cast("B")
    while rest.nbytes:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def aligned(offset: int) -> int:
    """The next offset at which a buffer may begin."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


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

if TYPE_CHECKING:
    Entry = tuple[int, int, tuple[tuple[int, int], ...]]
    """A pickle in a shared file: its offset, its length, offset and length of each buffer."""

    Payload = bytes | dict[str, Any]
    """What a task has of its own: a pickle, or plain parameters, which travel in one pickle with those of other tasks."""

    Outcome = tuple[int, float, "Failure | None", "bytes | tuple[object] | None", tuple[int, ...], list[str]]
    """A result as it travels: number, seconds, failure, pickled value, sizes of its buffers, log. Numbers travel as they are, in
    a tuple of one, in one pickle with those of other tasks."""

    Frame = tuple[str, int, str, str]
    """A frame of a traceback: file, line, function, text of the line."""

    Failure = tuple[str, str, list[Frame]]
    """A failure as it travels: kind, text, the frames of its traceback."""

    Setup = dict[str, Any]
    """What a worker needs for a call: directory, environment, import path, shared objects, how to call, limits."""
