"""A worker process as its pool sees it: start, channel, shared words, output, death.

Never chooses tasks. Every worker leads a process group of its own, so that its children go with it, and on Linux the
kernel kills it when the process that started it ends.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import queue
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from host import _wire
from host._errors import HostError

if TYPE_CHECKING:
    from host._call import Task

END_SECONDS = 0.2
GRACE_SECONDS = 1.0
TAIL_BYTES = 4_096
CHUNK = 1 << 18
MOST_AT_ONCE = 16 << 20
_LIBRARY_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)
_NO_MEMORY = re.compile(rb"memory allocation of \d+ bytes failed|std::bad_alloc|cannot allocate memory", re.IGNORECASE)


class Child:
    """One worker process.

    Args:
        token: The mark of the pool's processes, in the environment of all that a worker starts.

    Raises:
        OSError: The system has no room for another process.
        HostError: This system or this Python cannot start workers.
    """

    def __init__(self, token: str) -> None:
        if not hasattr(socket, "send_fds"):
            raise HostError("Python callables run in worker processes, which need Linux or macOS")
        if not sys.executable:
            raise HostError("`sys.executable` is empty, so that no worker can start; set it to the path of Python")
        self._token = token
        self.hands: dict[int, Task] = {}
        self.withdrawn: set[int] = set()
        self.ended = False
        self.pool_number = 0
        self._closed_by_task = False
        self._outbox: deque[tuple[memoryview, int | None]] = deque()
        self.unsent = 0
        self.waits_for_room = False
        self._touched = 0.0
        self._reader = _Reader()
        self._tail = b""
        self._killed = False
        self._oom_kills = _oom_kills()
        with contextlib.ExitStack() as stack:
            self._start(stack)
            stack.pop_all()
        self.pid = self.process.pid
        self.streams = [self.process.stdout, self.process.stderr]
        for stream in self.streams:
            os.set_blocking(stream.fileno(), False)
        self.socket.setblocking(False)
        self.pidfd = _pidfd(self.pid)

    def _start(self, stack: contextlib.ExitStack) -> None:
        self.socket, theirs = socket.socketpair()
        stack.callback(self.socket.close)
        words = _wire.shared_file("host-words", mmap.PAGESIZE)
        self._faults = _wire.shared_file("host-faults", 0)
        stack.callback(os.close, self._faults)
        try:
            self._words = memoryview(mmap.mmap(words, 8 * _wire.WORDS)).cast("Q")
            descriptors = (theirs.fileno(), words, self._faults)
            self.process: Any = _in_lasting_thread(lambda: self._popen(descriptors))
        finally:
            theirs.close()
            os.close(words)

    def _popen(self, descriptors: tuple[int, int, int]) -> subprocess.Popen[bytes]:
        flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
        home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        arguments = ", ".join(map(str, (*descriptors, os.getpid())))
        # Not `-m host._worker`: with `-I` or `-E` no variable tells a worker where the package is, and with `-m` a file
        # of the current directory may stand in the way of the standard library.
        code = f"import sys; sys.path.insert(0, {home!r}); from host._worker import main; main({arguments})"
        return subprocess.Popen(
            [sys.executable, *flags, "-P", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=self.environment(),
            pass_fds=descriptors,
            process_group=0,
        )

    def environment(self) -> dict[str, str]:
        """The caller's environment. Libraries get one thread each unless it says otherwise: the tasks are parallel."""
        return {**dict.fromkeys(_LIBRARY_THREADS, "1"), **os.environ, "HOST_WORKER": self._token}

    def enter(self) -> None:
        """Begins a call. Withdrawn tasks of an earlier one stay so until the worker has passed them over."""
        self.hands.clear()
        self.waits_for_room = False

    # Out.

    def queue(self, parts: list[bytes | memoryview], descriptor: int | None = None) -> None:
        """Adds a frame to what is to be sent; a descriptor follows it."""
        self._outbox.extend((memoryview(part), None) for part in parts)
        if descriptor is not None:
            self._outbox.append((memoryview(b"\0"), descriptor))
        self.unsent = sum(part.nbytes for part, _ in self._outbox)

    def send(self) -> bool:
        """Sends what fits into the channel; false if something is left. A dead channel shows when it is read."""
        while self._outbox:
            part, descriptor = self._outbox.popleft()
            try:
                if descriptor is not None:
                    socket.send_fds(self.socket, [part], [descriptor])
                    sent = part.nbytes
                else:
                    sent = self.socket.send(part)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._outbox.clear()
                break
            if sent < part.nbytes:
                self._outbox.appendleft((part[sent:], descriptor))
                self.unsent = sum(part.nbytes for part, _ in self._outbox)
                return False
        self.unsent = 0
        return True

    # In.

    def receive(self) -> list[tuple[int, bytes, memoryview]]:
        """The frames that have come; sets `ended` at the end of the channel."""
        frames, end = self._reader.read(self.socket)
        self.ended = self.ended or end
        return frames

    def read(self, stream: Any) -> tuple[bool, bytes]:
        """What the worker wrote to `stream`, at most 16 MiB at once, and whether the stream goes on."""
        parts: list[bytes] = []
        size = 0
        open_ = True
        while size < MOST_AT_ONCE:
            try:
                data = os.read(stream.fileno(), CHUNK)
            except BlockingIOError:
                break
            except (OSError, ValueError):
                data = b""
            if not data:
                open_ = False
                break
            parts.append(data)
            size += len(data)
        text = b"".join(parts)
        if stream is self.streams[1]:
            self._tail = (self._tail + text)[-TAIL_BYTES:]
        return open_, text

    # The shared words.

    def running(self) -> int | None:
        """The number of the task that runs; `None` between tasks."""
        number, busy, closed = self._state()
        return number if busy or closed else None

    def busy_seconds(self) -> float:
        """Seconds since the running task started; 0 between tasks."""
        while True:
            number, busy, _ = self._state()
            if (number, busy) == self._state()[:2]:
                return (time.monotonic_ns() - busy) / 1e9 if busy else 0.0

    def touch(self) -> None:
        """Notes that the worker was given something to do, or has answered."""
        self._touched = time.monotonic()

    def stalled(self) -> float:
        """Seconds for which nothing has moved: those of the running task, or of the start of the worker."""
        return self.busy_seconds() or time.monotonic() - self._touched

    def waiting(self) -> list[int]:
        """The numbers of the tasks in hand that have not started."""
        last = self._state()[0]
        return [number for number in self.hands if number > last]

    def withdraw(self, first: int) -> None:
        """Takes the tasks from `first` on away; with 0 no task is withdrawn any more."""
        self._words[_wire.WITHDRAWN_END] = self.pool_number + 1 if first else 0
        self._words[_wire.WITHDRAWN] = first

    def is_withdrawn(self, number: int) -> bool:
        return bool(self._words[_wire.WITHDRAWN] <= number < self._words[_wire.WITHDRAWN_END])

    def _state(self) -> tuple[int, int, int]:
        words = self._words
        return words[_wire.NUMBER], words[_wire.BUSY], words[_wire.CLOSED]

    # Life and death.

    def is_alive(self) -> bool:
        return not self.ended and self.process.poll() is None

    def stop(self) -> None:
        """Asks an idle worker to end in order."""
        self.queue(_wire.frame(_wire.STOP, b""))
        self.send()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def finish(self) -> None:
        """Waits a second for a worker that was asked to stop, then kills it; shows nothing of what it prints."""
        deadline = time.monotonic() + GRACE_SECONDS
        while not self._has_exited() and time.monotonic() < deadline:
            for stream in self.streams:
                self.read(stream)
            self._pause()
        self.kill()

    def _pause(self) -> None:
        """Waits a millisecond, or until the process has ended."""
        if self.pidfd is None:
            time.sleep(0.001)
            return
        ended = select.poll()
        ended.register(self.pidfd, select.POLLIN)
        ended.poll(1)

    def await_end(self) -> None:
        """Waits until the process whose channel has ended is gone; kills it if it goes on without a channel."""
        deadline = time.monotonic() + END_SECONDS
        while not self._has_exited():
            if time.monotonic() > deadline:
                self._closed_by_task = True
                break
            for stream in self.streams:
                self.read(stream)
            time.sleep(0.0005)
        self._closed_by_task = self._closed_by_task or bool(self._words[_wire.CLOSED])
        self.kill(keep_open=True)

    def _has_exited(self) -> bool:
        """Whether the process has ended; it stays a zombie, so that its group's number stays its own."""
        if self.process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def kill(self, keep_open: bool = False) -> None:
        """Kills the process with its group, and takes its status; closes the channel unless it is still to be read."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()
        if not keep_open and not self._killed:
            self._killed = True
            self.ended = True
            for file in (self.socket, *self.streams):
                file.close()
            for descriptor in (self._faults, self.pidfd):
                if descriptor is not None:
                    os.close(descriptor)

    def obituary(self) -> tuple[str, str]:
        """How the process died: the kind of failure, and a text."""
        code = self.process.returncode
        if self._closed_by_task:
            return "crash", "the task closed or broke the channel of its worker process, which was killed"
        if code is not None and code >= 0:
            return "crash", f"the task ended its worker process with exit status {code}{self._where()}"
        name = _signal_name(-code) if code is not None else "an unknown signal"
        if code == -signal.SIGKILL and _oom_kills() > self._oom_kills:
            text = "the kernel killed the worker process, because the machine has no memory left"
            return "out-of-memory", f"{text}; `Limits(memory=...)` bounds each task, and fewer workers take less"
        if _NO_MEMORY.search(self._tail):
            return "out-of-memory", f"the worker process ended by {name}: {self._last_line()}"
        hint = ", which this package did not send" if code == -signal.SIGKILL else ""
        return "crash", f"the worker process ended by {name}{hint}{self._where()}"

    def _where(self) -> str:
        """The place in the code at which the process crashed, as faulthandler wrote it."""
        try:
            text = os.pread(self._faults, 1 << 16, 0).decode("utf-8", "replace")
        except OSError:
            return ""
        found = re.findall(r'^  File "(.*)", line (\d+) in (.*)$', text, re.MULTILINE)
        places = [(file, f"{os.path.basename(file)}:{line} in {name}") for file, line, name in found if file not in _OWN]
        if not places:
            return ""
        own = next((place for file, place in places if not is_library(file)), places[0][1])
        return f"; at {places[0][1]}" + (f", called at {own}" if own != places[0][1] else "")

    def _last_line(self) -> str:
        lines = self._tail.decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:500] if lines else ""

    def last_words(self) -> str:
        """The last lines that the worker wrote to standard error, for a message."""
        text = self._tail.decode("utf-8", "replace").strip()
        return f"; it wrote: {text[-1000:]}" if text else ""


_OWN = {os.path.join(os.path.dirname(os.path.abspath(__file__)), "_worker.py"), "<string>"}


_LIBRARY = os.path.dirname(os.__file__) + os.sep


def is_library(file: str) -> bool:
    """Whether a file of code is of Python itself or of an installed package."""
    return "site-packages" in file or "dist-packages" in file or file.startswith(_LIBRARY)


class _Reader:
    """Makes frames of what arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._body: memoryview | None = None
        self._filled = 0
        self._head = (0, 0)

    def read(self, channel: socket.socket) -> tuple[list[tuple[int, bytes, memoryview]], bool]:
        """The frames that are complete, and whether the channel has ended (or carries something else)."""
        frames: list[tuple[int, bytes, memoryview]] = []
        received = 0
        while received < MOST_AT_ONCE:
            try:
                if self._body is not None:
                    count = channel.recv_into(self._body[self._filled :])
                    self._filled += count
                else:
                    data = channel.recv(CHUNK)
                    count = len(data)
                    self._buffer += data
            except BlockingIOError:
                return frames, False
            except OSError:
                return frames, True
            if count == 0 or not self._cut(frames):
                return frames, True
            received += count
        return frames, False

    def _cut(self, frames: list[tuple[int, bytes, memoryview]]) -> bool:
        """Takes complete frames from what was read; false if it is not frames."""
        if self._body is not None:
            if self._filled == self._body.nbytes:
                frames.append(self._frame(self._body))
                self._body = None
            return True
        at = 0
        size = _wire.HEADER.size
        while len(self._buffer) - at >= size:
            magic, kind, meta, raw = _wire.HEADER.unpack_from(self._buffer, at)
            if magic != _wire.MAGIC:
                return False
            self._head = (kind, meta)
            end = at + size + meta + raw
            if len(self._buffer) < end:
                self._begin(at + size, meta + raw)
                return True
            frames.append(self._frame(memoryview(self._buffer[at + size : end])))
            at = end
        del self._buffer[:at]
        return True

    def _begin(self, start: int, size: int) -> None:
        body = bytearray(size)
        rest = self._buffer[start:]
        body[: len(rest)] = rest
        self._body, self._filled = memoryview(body), len(rest)
        self._buffer.clear()

    def _frame(self, body: memoryview) -> tuple[int, bytes, memoryview]:
        kind, meta = self._head
        return kind, bytes(body[:meta]), body[meta:]


class _Starter:
    """A thread that starts processes, and lasts as long as this one: Linux kills a worker when the *thread* that
    started it ends."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="host-starter", daemon=True).start()

    def _serve(self) -> None:
        while True:
            self._jobs.get()()

    def run(self, start: Callable[[], Any]) -> Any:
        answer: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

        def job() -> None:
            try:
                answer.put((start(), None))
            except BaseException as error:
                answer.put((None, error))

        self._jobs.put(job)
        value, error = answer.get()
        if error is not None:
            raise error
        return value


_starter: _Starter | None = None


def _in_lasting_thread(start: Callable[[], Any]) -> Any:
    global _starter
    if threading.current_thread() is threading.main_thread():
        return start()
    if _starter is None or _starter.process != os.getpid():
        _starter = _Starter()
    return _starter.run(start)


def _pidfd(process: int) -> int | None:
    try:
        return os.pidfd_open(process)
    except (AttributeError, OSError):
        return None


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _oom_kills() -> int:
    """How many processes the kernel has ended for want of memory."""
    try:
        with open("/proc/vmstat", "rb") as file:
            found = re.search(rb"^oom_kill (\d+)$", file.read(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
