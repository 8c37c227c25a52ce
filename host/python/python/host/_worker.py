"""A worker process: runs the tasks of a pool one after another and sends their results.

Never decides which task to run, and never writes results to standard output: prints and results have channels of
their own. Every task gets data as it was sent, whatever another task wrote into it.
"""

from __future__ import annotations

# The inner halves of `pickle`, `signal`, `socket` and `threading`, which import little: each worker waits for what is here.
import _pickle as pickle
import _signal as signal  # type: ignore[import-not-found, unused-ignore]
import _socket as socket
import _thread
import ctypes
import fcntl
import io
import mmap
import os
import struct
import sys
import time

from host import _wire
from host._errors import text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

FLUSH_AFTER_NS = 40_000_000
FLUSH_BYTES = 1 << 16
NUMBERS_BYTES = 1 << 16
"""More than the numbers of a result take that travels without a pickle of its own."""
LOG_LINES = 1_000
LOG_CHARS = 1 << 16
COPIES = 16
"""How many copies of the data are made at once: one alone takes twice as long, because its code has left the caches."""
CHEAP_SECONDS = 0.0001
"""What a copy may take that is made before it is needed."""
PRINT_CHARS = 1 << 20
"""Characters that one task may print; what follows is dropped, so that a flood costs neither time nor memory."""

# <linux/prctl.h>, <malloc.h>, <asm/socket.h>, <linux/fs.h>.
_PR_SET_PDEATHSIG = 1
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_SO_COOKIE = 57
_PAGEMAP_SCAN = 0xC0606610
_PAGE_IS_FILE, _PAGE_IS_PRESENT, _PAGE_IS_SWAPPED = 4, 8, 16


def main(channel: int, words: int, faults: int, parent: int) -> None:
    """Serves the pool in process `parent` until it says stop or goes away.

    Args:
        channel: The descriptor of the socket to the pool.
        words: The descriptor of the shared words.
        faults: The descriptor of the file that takes the traceback of a crash.
        parent: The process of the pool.
    """
    _die_with(parent)
    _become_expendable()
    _keep_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for descriptor in (channel, words, faults):
        os.set_inheritable(descriptor, False)
    import faulthandler

    faulthandler.enable(file=faults, all_threads=False)
    worker = _Worker(channel, words)
    worker.send(_wire.READY, b"")
    worker.serve()
    _leave()


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _become_expendable() -> None:
    """Leaves no core files, and asks the kernel to end this process before the user's own where memory is short."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("500")
    except OSError:
        pass  # Not Linux, or not allowed: only the choice of the victim is lost.


def _keep_memory() -> None:
    """Tells the C library to keep freed memory, because the next task needs as much: half of the time of a task on
    100,000 bars went into pages that were given back and fetched again."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        mallopt(_M_TRIM_THRESHOLD, 256 << 20)


def _leave() -> NoReturn:
    """Ends the process in order: exit handlers run and files are flushed, but threads left behind hold up nothing."""
    threading = sys.modules.get("threading")
    if threading is not None and any(
        not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()
    ):
        import atexit

        atexit._run_exitfuncs()
        os._exit(0)
    sys.exit(0)


class _Worker:
    """The loop of the process: frames in, tasks, frames out."""

    def __init__(self, channel: int, words: int) -> None:
        self._socket = socket.socket(fileno=channel)
        self._identity = _identity(self._socket)
        self._words = memoryview(mmap.mmap(words, 8 * _wire.WORDS)).cast("Q")
        _wire.seal(words)
        os.close(words)
        self._process = os.getpid()
        self._job: _Job | None = None
        self._outcomes: list[_wire.Outcome] = []
        self._raw: list[memoryview] = []
        self._bytes = 0
        self._flushed = 0
        self._printed = _Printed()
        self._main = _thread.get_ident()
        self._forks_in_main = True
        os.register_at_fork(before=self._before_fork, after_in_child=self._forked)

    def serve(self) -> None:
        while True:
            kind, meta = self._receive()
            if kind == _wire.SETUP:
                self._set_up(meta)
            elif kind == _wire.TASKS:
                self._run_all(pickle.loads(meta))
            else:
                return

    def _set_up(self, meta: bytes) -> None:
        _, ancillary, _, _ = self._socket.recvmsg(1, socket.CMSG_SPACE(4))
        descriptor = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
        setup: _wire.Setup = pickle.loads(meta)
        self._job = None
        _enter(setup)
        try:
            self._job = _Job(setup, descriptor)
        except BaseException as error:
            self.send(_wire.FAULT, pickle.dumps(_describe(error)))

    def _run_all(self, tasks: list[tuple[int, _wire.Payload]]) -> None:
        if self._job is None:
            return  # The pool knows by the FAULT and sends no more.
        words = self._words
        for number, payload in tasks:
            words[_wire.NUMBER] = number
            if words[_wire.WITHDRAWN] <= number < words[_wire.WITHDRAWN_END]:
                self._outcomes.append((number, 0.0, (_wire.SKIPPED, "", []), None, (), []))
                continue
            words[_wire.BUSY] = time.monotonic_ns()
            self._run(self._job, number, payload)
            self._check_ownership()
            words[_wire.BUSY] = 0
            if self._bytes > FLUSH_BYTES or time.monotonic_ns() - self._flushed > FLUSH_AFTER_NS:
                self._flush()
        self._flush()

    def _run(self, job: _Job, number: int, payload: _wire.Payload) -> None:
        seconds, failure, value, buffers = job.run(payload)
        log = self._printed.take()
        sizes = tuple([part.nbytes for part in buffers]) if buffers else ()
        self._outcomes.append((number, seconds, failure, value, sizes, log))
        self._raw.extend(buffers)
        self._bytes += len(value or b"") + sum(sizes)

    def _check_ownership(self) -> None:
        """Ends a copy of the process that a task made, and a worker whose channel a task closed or replaced."""
        if os.getpid() != self._process:
            os._exit(0)
        if _identity(self._socket) != self._identity:
            self._words[_wire.CLOSED] = 1
            os._exit(1)

    def _before_fork(self) -> None:
        self._forks_in_main = _thread.get_ident() == self._main

    def _forked(self) -> None:
        """In a child that a task forks: it has no channel, and goes with the worker."""
        try:
            os.close(self._socket.detach())
        except OSError:
            pass  # The task closed it before.
        if self._forks_in_main:  # Linux would kill the child of another thread when that thread ends.
            _die_with(self._process)

    def _flush(self) -> None:
        self._flushed = time.monotonic_ns()
        if self._outcomes:
            self.send(_wire.RESULTS, pickle.dumps(self._outcomes, protocol=5), self._raw)
            self._outcomes, self._raw, self._bytes = [], [], 0

    def send(self, kind: int, meta: bytes, raw: list[memoryview] | None = None) -> None:
        try:
            for part in _wire.frame(kind, meta, raw or ()):
                self._socket.sendall(part)
        except OSError:
            os._exit(1)  # The pool is gone, or closes this worker.

    def _receive(self) -> tuple[int, bytes]:
        header = self._exactly(_wire.HEADER.size)
        if not header:
            return _wire.STOP, b""
        _, kind, size, _ = _wire.HEADER.unpack(header)
        return kind, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        """Reads `size` bytes and not one more: the next may carry a descriptor. Empty where the pool has gone."""
        data = bytearray(size)
        view = memoryview(data)
        while view.nbytes:
            try:
                count = self._socket.recv_into(view)
            except OSError:
                return b""
            if count == 0:
                return b""
            view = view[count:]
        return bytes(data)


def _identity(channel: socket.socket) -> object:
    """What tells this socket from all others; `None` where the descriptor is closed, or is no socket any more."""
    try:
        if sys.platform == "linux":
            return channel.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8)  # A tenth of what `fstat` takes.
        status = os.fstat(channel.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _enter(setup: _wire.Setup) -> None:
    """Takes over directory, environment, import path and arguments of the pool's process."""
    try:
        os.chdir(setup["directory"])
    except OSError:
        pass  # It has been removed; the process that called has the same trouble.
    environment: dict[str, str] = setup["environment"]
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update({name: value for name, value in environment.items() if os.environ.get(name) != value})
    sys.path[:] = setup["path"]
    sys.argv[:] = setup["arguments"]


class _Job:
    """One call of the pool: functions, data, and how tasks are run."""

    def __init__(self, setup: _wire.Setup, descriptor: int) -> None:
        self._objects = _Objects(setup, descriptor)
        self._mode: str = setup["mode"]
        self._function: Any = self._objects.load(0)
        self._data: int | None = setup["data"]
        self._most: int = setup["result_bytes"]
        memory: int | None = setup["memory_bytes"]
        self._memory = _Memory(memory) if memory is not None else None
        self._trade: Any = None
        if self._mode == "trade":
            from host._trade import Trade

            account: Any = self._objects.load(setup["trade"])
            strategies: Any = self._function
            self._trade = Trade(account, strategies, setup["fresh"])
        if self._data is not None:
            self._objects.load(self._data)
            self._objects.end_task()

    def run(
        self, payload: _wire.Payload
    ) -> tuple[float, _wire.Failure | None, bytes | tuple[object] | None, list[memoryview]]:
        """Runs one task: its seconds, and its failure, or its numbers, or its pickled value with the buffers beside it."""
        started = time.perf_counter()
        seconds = 0.0
        value: bytes | tuple[object] | None = None
        buffers: list[memoryview] = []
        failure: _wire.Failure | None = None
        kind = "unpicklable"
        if self._memory is not None:
            self._memory.lower()
        try:
            call = self._call(payload)
            kind = "failed"
            started = time.perf_counter()
            result = call()
            seconds = time.perf_counter() - started
            del call
            kind = "unpicklable"
            value = _numbers(result) if self._most >= NUMBERS_BYTES else None
            if value is None:
                value, buffers = _pickled(result)
                if not _is_plain(result):
                    failure = _unreadable(value, buffers)
            del result
        except BaseException as error:
            if kind != "unpicklable":
                seconds = time.perf_counter() - started
            if self._memory is not None:
                self._memory.raise_again()
            failure = _describe(error, kind)
        finally:
            if self._memory is not None:
                self._memory.raise_again()
            self._objects.end_task()
        if failure is not None:
            value, buffers = None, []
        elif isinstance(value, bytes) and (size := len(value) + sum(part.nbytes for part in buffers)) > self._most:
            failure, value, buffers = ("bad-output", _too_large(size, self._most), []), None, []
        return seconds, failure, value, buffers

    def _call(self, payload: _wire.Payload) -> Callable[[], object]:
        """Makes the call of a task, which has its own copy of everything."""
        argument: Any = self._objects.loads(payload) if isinstance(payload, bytes) else payload
        if self._mode == "custom":
            from host._results import ParallelTask

            task, function = ParallelTask(*argument), self._function
            return lambda: function(task)
        data, function = self._objects.load(self._data or 0), self._function
        if self._mode == "trade":
            call: Callable[[], object] = self._trade.call(argument, data)
            return call
        if self._mode == "sweep":
            return lambda: function(data, **argument)
        place, params = argument
        strategy = function[place]
        return lambda: strategy(data, **params)


def _too_large(size: int, most: int) -> str:
    return (
        f"the result takes {size / (1 << 20):.1f} MiB, and {most / (1 << 20):.0f} MiB are allowed; return less, write it "
        "to a file and return its path, or raise `Limits(result=...)`"
    )


_LARGEST = 1 << 62


def _numbers(value: object) -> tuple[object] | None:
    """A number, or a copy of a short dict of numbers, which other tasks cannot change; `None` for all else."""
    if type(value) is not dict:
        return (value,) if _is_number(value) else None
    if len(value) > 64:
        return None
    for key, item in value.items():
        if type(key) is not str or len(key) > 64 or type(item) is not float and not _is_number(item):
            return None
    return (value.copy(),)


def _is_number(value: object) -> bool:
    if type(value) is int:
        return -_LARGEST < value < _LARGEST
    return type(value) is float or type(value) is bool or value is None


_SCALARS = frozenset((type(None), bool, int, float, complex, str, bytes))
_LIBRARIES = frozenset(("numpy", "pandas", "polars", "pyarrow", "datetime", "decimal"))


def _is_plain(value: object, depth: int = 3) -> bool:
    """Whether reading the pickled value runs no code but that of Python and well-known packages, as far as a quick look tells."""
    kind = type(value)
    if kind in _SCALARS:
        return True
    if kind in (dict, list, tuple):
        items: Any = value
        if depth == 0 or len(items) > 1_000:
            return False
        parts = items.values() if kind is dict else items
        keys = items if kind is dict else ()
        return all(type(key) in _SCALARS for key in keys) and all(_is_plain(part, depth - 1) for part in parts)
    return kind.__module__.partition(".")[0] in _LIBRARIES and getattr(value, "dtype", None) != object


def _unreadable(value: bytes, buffers: list[memoryview]) -> _wire.Failure | None:
    """Why the pickled value cannot be read. Read here, so that what it does to its process is the task's failure."""
    try:
        pickle.loads(value, buffers=[bytearray(buffer) for buffer in buffers])
    except BaseException as error:
        _, text, frames = _describe(error)
        return "unpicklable", f"{_wire.UNREADABLE}{text}", frames
    return None


def _pickled(result: object) -> tuple[bytes, list[memoryview]]:
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _wire.OWN_BUFFER:
            return True
        buffers.append(raw)
        return False

    try:
        return pickle.dumps(result, protocol=5, buffer_callback=keep), buffers
    except MemoryError:
        raise
    except Exception:
        buffers.clear()
        from host import _pickles

        return _pickles.dumps(result, keep), buffers


class _Objects:
    """The objects that tasks share: functions, data, large parameters, in a file that is mapped and not copied.

    The mapping is private: a task may write into its arrays. After such a task the file is mapped again, so that the
    next one sees what was sent.
    """

    def __init__(self, setup: _wire.Setup, descriptor: int) -> None:
        self._entries: list[_wire.Entry] = setup["entries"]
        self._by_hand: bool = setup["functions_by_hand"]
        self._kept_keys: set[int] = set(setup["kept"])
        self._kept: dict[int, object] = {}
        self._of_task: dict[int, object] = {}
        self._copiers: dict[int, Any] = {}
        self._ready: dict[int, list[object]] = {}
        self._shared: bool = setup["shared"]
        self._file = descriptor
        self._size: int = setup["size"]
        self._kept_map: mmap.mmap | None = None
        self._map: mmap.mmap | None = None
        self._scan = _PageScan.open()

    def __del__(self) -> None:
        try:
            os.close(self._file)
        except OSError:
            pass  # A task has closed it.

    def load(self, key: int) -> object:
        """The object `key`: the same one for the whole task, or for all tasks where it is kept."""
        if key in self._kept_keys:
            if key not in self._kept:
                self._kept[key] = self._decode(self._entries[key], self._mapping(True), self._by_hand and key == 0)
            return self._kept[key]
        if key not in self._of_task:
            ready = self._ready.get(key)
            self._of_task[key] = ready.pop() if ready else self._make(key)
        return self._of_task[key]

    def _make(self, key: int) -> object:
        make = self._copiers.get(key, _UNKNOWN)
        if make is _UNKNOWN:
            from host._copies import copier

            mapping = self._mapping(False)
            value = self._decode(self._entries[key], mapping)
            make = self._copiers[key] = copier(value, _Range(mapping).has) if self._scan is not None else None
            if make is None:
                return value
        if make is None:
            return self._decode(self._entries[key], self._mapping(False))
        started = time.perf_counter()
        copy = make()
        if time.perf_counter() - started < CHEAP_SECONDS:
            self._ready[key] = [make() for _ in range(COPIES - 1)]
        return copy

    def loads(self, payload: bytes) -> object:
        """Reads a pickle that may name shared objects."""
        if not self._shared:
            return pickle.loads(payload)
        unpickler = _Unpickler(io.BytesIO(payload))
        unpickler.objects = self
        return unpickler.load()

    def end_task(self) -> None:
        """Forgets the task's objects, and what it wrote into them."""
        self._of_task.clear()
        if self._map is not None and (self._scan is None or self._scan.is_written()):
            # What the task still holds keeps the old mapping alive, and its own bytes.
            self._map = None
            self._ready.clear()
            self._copiers = {key: None for key, make in self._copiers.items() if make is None}

    def _mapping(self, kept: bool) -> mmap.mmap:
        if kept:
            if self._kept_map is None:
                self._kept_map = mmap.mmap(self._file, self._size, access=mmap.ACCESS_COPY)
            return self._kept_map
        if self._map is None:
            self._map = mmap.mmap(self._file, self._size, access=mmap.ACCESS_COPY)
            if self._scan is not None:
                self._scan.watch(self._map)
        return self._map

    @staticmethod
    def _decode(entry: _wire.Entry, mapping: mmap.mmap, by_hand: bool = False) -> object:
        start, length, places = entry
        view = memoryview(mapping)
        buffers = [view[at : at + size] for at, size in places]
        if by_hand:
            from host._functions import Reader

            return Reader(io.BytesIO(view[start : start + length]), buffers=buffers).load()
        return pickle.loads(view[start : start + length], buffers=buffers)


_UNKNOWN = object()


class _Range:
    """The addresses of a mapping."""

    def __init__(self, mapping: mmap.mmap) -> None:
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
        self._end = self._start + len(mapping)

    def has(self, address: int, size: int) -> bool:
        return self._start <= address and address + size <= self._end


class _Unpickler(pickle.Unpickler):
    objects: _Objects

    def persistent_load(self, key: Any) -> object:
        return self.objects.load(key)


class _PageScan:
    """Asks the kernel whether pages of a private mapping were written (Linux 6.7 and later)."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._regions = (ctypes.c_uint64 * 3)()
        self._request = bytearray()

    @classmethod
    def open(cls) -> _PageScan | None:
        try:
            scan = cls(io.FileIO("/proc/self/pagemap"))
        except OSError:
            return None
        probe = mmap.mmap(-1, mmap.PAGESIZE, access=mmap.ACCESS_COPY)
        scan.watch(probe)
        untouched = not scan.is_written()
        probe[0] = 1
        return scan if untouched and scan.is_written() else None

    def watch(self, mapping: mmap.mmap) -> None:
        """Makes `mapping` the one that the next questions are about."""
        start = ctypes.addressof(ctypes.c_char.from_buffer(mapping))
        end = start + -(-len(mapping) // mmap.PAGESIZE) * mmap.PAGESIZE
        self._request = bytearray(struct.pack(
            "<12Q",
            96, 0, start, end, 0,
            ctypes.addressof(self._regions), 1, 1,
            _PAGE_IS_FILE, _PAGE_IS_FILE, _PAGE_IS_PRESENT | _PAGE_IS_SWAPPED, _PAGE_IS_FILE,
        ))  # fmt: skip

    def is_written(self) -> bool:
        """Whether any page is this process's own, and no longer the file's."""
        try:
            found: int = fcntl.ioctl(self._file, _PAGEMAP_SCAN, self._request)
        except (OSError, ValueError):
            return True  # A task has closed the file: without an answer the mapping counts as written.
        return found > 0


class _Memory:
    """The memory limit of a task: what the process has before it does not count."""

    def __init__(self, most: int) -> None:
        import resource

        self._resource = resource
        self._most = most
        self._before = resource.getrlimit(resource.RLIMIT_DATA)

    def lower(self) -> None:
        limit = self._used() + self._most
        hard = self._before[1]
        if hard != self._resource.RLIM_INFINITY:
            limit = min(limit, hard)
        self._resource.setrlimit(self._resource.RLIMIT_DATA, (limit, hard))

    def raise_again(self) -> None:
        self._resource.setrlimit(self._resource.RLIMIT_DATA, self._before)

    @staticmethod
    def _used() -> int:
        try:
            with open("/proc/self/statm", "rb", buffering=0) as file:
                return int(file.read().split()[5]) * mmap.PAGESIZE
        except OSError:
            return 0


class _Printed:
    """What tasks print: goes to the pool as it comes, and the first lines of each task into its log."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._kept = 0
        self._forwarded = 0
        self._streams = [_Stream(1, self), _Stream(2, self)]
        sys.stdout, sys.stderr = self._streams

    def admit(self, text: str) -> str:
        """Takes note of `text`; returns what of it may go on."""
        room = LOG_CHARS - self._kept
        if room > 0:
            self._parts.append(text[:room])
            self._kept += len(text)
        rest = PRINT_CHARS - self._forwarded
        self._forwarded += len(text)
        if rest >= len(text):
            return text
        note = f"\n(host drops what this task prints after {PRINT_CHARS >> 20} MiB)\n"
        return text[:rest] + note if rest >= 0 else ""

    def take(self) -> list[str]:
        """The lines since the last call, at most the first thousand."""
        if not self._forwarded:
            return []
        for stream in self._streams:
            try:
                stream.flush()
            except (OSError, ValueError):
                pass  # The task closed it: what it printed there is lost to the screen, not to the log.
        lines = "".join(self._parts).splitlines()
        if len(lines) > LOG_LINES or self._kept > LOG_CHARS:
            lines = [*lines[:LOG_LINES], "(more lines were left out)"]
        self._parts, self._kept, self._forwarded = [], 0, 0
        return lines


class _Stream(io.TextIOWrapper):
    def __init__(self, descriptor: int, printed: _Printed) -> None:
        file = io.BufferedWriter(io.FileIO(descriptor, "w", closefd=False))
        super().__init__(file, encoding="utf-8", errors="backslashreplace", line_buffering=True)
        self._admit = printed.admit

    def write(self, text: str, /) -> int:
        admitted = self._admit(text)
        if admitted:
            super().write(admitted)
        return len(text)


_OWN = (__file__, *(os.path.join(os.path.dirname(__file__), name) for name in ("_trade.py", "_sdk" + os.sep)))
"""Where code is that an author does not know: that of the worker, and of the SDK."""


def _describe(error: BaseException, kind: str = "failed") -> _wire.Failure:
    """The failure in words; never raises, whatever the exception does."""
    if isinstance(error, MemoryError):
        kind = "out-of-memory"
    trade = sys.modules.get("host._trade")
    if trade is not None and isinstance(error, trade.TaskFailed):
        return error.kind, text_of(error), []
    try:
        name = type(error).__qualname__
    except BaseException:
        name = "an exception"
    return kind, f"{name}: {text_of(error)}".rstrip(": "), _frames(error)


def _frames(error: BaseException) -> list[_wire.Frame]:
    """The last frames of the traceback, the deepest one last; those of the worker and of the SDK are left out."""
    frames: list[_wire.Frame] = []
    try:
        import linecache

        trace = error.__traceback__
        while trace is not None:
            code = trace.tb_frame.f_code
            if not code.co_filename.startswith(_OWN):
                frames = [*frames[-19:], (code.co_filename, trace.tb_lineno, code.co_qualname, "")]
            trace = trace.tb_next
        return [(file, line, name, linecache.getline(file, line).strip()[:200]) for file, line, name, _ in frames]
    except BaseException:
        return frames
