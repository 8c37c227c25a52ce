"""The pool: starts worker processes, hands out tasks, replaces workers that die, ends what hangs.

Never runs a task in the calling process. One thread, the caller's, does all of it; the task that a dead worker ran is
known exactly, by words in memory that the pool shares with the worker.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from host import _wire
from host._call import MIB, Call, Task
from host._child import Child, is_library
from host._errors import HostError, text_of
from host._messages import at, message, traceback_lines
from host._progress import Progress, Silent
from host._results import ParallelResult
from host._shipment import Shipment

BATCH_SECONDS = 0.04
BATCH_TASKS = 256
PREFETCH_BELOW_SECONDS = 0.01
STALLED_SECONDS = 0.005
SETTLE_SECONDS = 0.0005
"""Long after a store of another core has become visible."""
DEATHS = 3
ROWS = 1_024
"""Results that an iterator hands out at once, at most."""
AHEAD = 8 * ROWS
"""Tasks that may be begun beyond the first one whose result an iterator has not handed out."""
ROWS_SECONDS = 0.1
"""For how long an iterator collects results before it hands out fewer."""


class Stopped(Exception):
    """Ctrl-C ended a call; carries the finished results."""

    def __init__(self, results: list[ParallelResult]) -> None:
        super().__init__()
        self.results = results


class Pool:
    """Worker processes that stay between calls.

    Args:
        workers: How many at most.
    """

    def __init__(self, workers: int) -> None:
        self.size = workers
        self._children: list[Child] = []
        self._process = os.getpid()
        self._busy = threading.Lock()
        self._modules: dict[str, int] = {}
        self._token = f"{os.getpid()}-{os.urandom(8).hex()}"

    def run(self, call: Call, progress: Progress) -> list[ParallelResult]:
        """Runs all tasks; returns their results by index.

        Raises:
            Stopped: Ctrl-C.
            DataError: The data cannot be pickled.
            HostError: Workers do not start, or cannot load the function.
        """
        with self._held(call) as shipment:
            return _Run(self, call, shipment, progress).results()

    def stream(self, call: Call) -> Iterator[list[ParallelResult]]:
        """Runs all tasks, and yields their results by index while they come, some at a time; few more than that are in memory.

        Workers go on with what they have in hand while the reader does other things. Closing the iterator ends the call.

        Raises:
            As `run`; and `KeyboardInterrupt`, for Ctrl-C while the reader waits.
        """
        with self._held(call) as shipment:
            yield from _Run(self, call, shipment, Silent()).rows()

    @contextlib.contextmanager
    def _held(self, call: Call) -> Iterator[Shipment]:
        """The pool for one call, and what the call sends."""
        if os.getpid() != self._process:
            raise HostError("this ParallelBacktester was made before `os.fork`; make a new one in the child process")
        if not self._busy.acquire(blocking=False):
            raise HostError("this ParallelBacktester runs another call; use one for each thread")
        try:
            self._renew_after_edits()
            # They start while the call is pickled. Whether the system has room for them is told when they are needed.
            with contextlib.suppress(OSError):
                while len(self._children) < min(self.size, call.total):
                    self.start()
            shipment = Shipment(call)
            try:
                yield shipment
            finally:
                shipment.close()
        finally:
            self._busy.release()

    def start(self) -> Child:
        """Starts one more worker."""
        child = Child(self._token)
        self._children.append(child)
        return child

    def spare(self, crew: list[Child]) -> list[Child]:
        """The workers that are not of the crew and can take tasks."""
        others = [child for child in self._children if child not in crew]
        for child in others:
            if not child.is_alive():
                self.remove(child)
        return [child for child in others if child in self._children]

    def remove(self, child: Child) -> None:
        """Kills a worker with its process group, and forgets it."""
        if child in self._children:
            self._children.remove(child)
        child.kill()

    def close(self) -> None:
        """Ends all workers, in order where they are idle; their own children end, too."""
        if os.getpid() != self._process:
            return  # A copy of the object in a forked child; the workers are its parent's.
        children, self._children = self._children, []
        for child in children:
            child.stop()
        for child in children:
            child.finish()
        if children:
            end_strays(self._token)

    def _renew_after_edits(self) -> None:
        """Ends workers that may have imported an older state of the user's modules than their files have now."""
        modules = _user_modules()
        edited = any(self._modules.get(name, time) != time for name, time in modules.items())
        self._modules.update(modules)
        if edited:
            self.close()


_files: dict[str, str | None] = {}
"""For each module that was seen the file that the user may edit; `None` for those of Python and of packages."""


def _user_modules() -> dict[str, int]:
    """The time of the file of each imported module that is not installed, and so may be edited while this runs."""
    for name in sys.modules.keys() - _files.keys():
        file = getattr(sys.modules.get(name), "__file__", None)
        own = isinstance(file, str) and name != "__main__" and not is_library(file)
        _files[name] = file if own else None
    modules = {}
    for name, file in _files.items():
        if file is not None:
            with contextlib.suppress(OSError):
                modules[name] = os.stat(file).st_mtime_ns
    return modules


def end_strays(token: str) -> None:
    """Kills processes that tasks have started and that left their worker's group (Linux)."""
    mark = f"HOST_WORKER={token}".encode()
    try:
        processes = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return
    for process in processes:
        with contextlib.suppress(OSError):
            with open(f"/proc/{process}/environ", "rb") as file:
                marked = mark in file.read().split(b"\0")
            if marked and process != os.getpid():
                os.kill(process, signal.SIGKILL)


class _Interrupt:
    """Ctrl-C during a call: noted, so that no result that is just being booked is lost; the call ends at once."""

    def __init__(self) -> None:
        self.noted = False
        self.at_once = False
        """Whether the user's own code runs, which Ctrl-C is to leave by an exception."""
        self.reader, self._writer = socket.socketpair()
        self.reader.setblocking(False)
        self._writer.setblocking(False)
        self._before: Any = None
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: object) -> None:
        if self.at_once or self.noted:
            raise KeyboardInterrupt
        self.noted = True
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def close(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self.reader.close()
        self._writer.close()


class _Run:
    """One call: its tasks, and what each worker has in hand."""

    def __init__(self, pool: Pool, call: Call, shipment: Shipment, progress: Progress) -> None:
        import selectors

        self._pool, self._call, self._shipment, self._progress = pool, call, shipment, progress
        self._selector = selectors.DefaultSelector()
        self._writing = selectors.EVENT_READ | selectors.EVENT_WRITE
        self._reading = selectors.EVENT_READ
        self._fresh = iter(call.tasks)
        self._again: deque[Task] = deque()
        self._untouched = call.total
        self._results: list[ParallelResult] = []
        self._waiting: dict[int, ParallelResult] = {}
        self._gone = 0
        self._begun_at_most = call.total
        self._finished = 0
        self._failed = 0
        self._announced = 0
        self._number = 0
        self._deaths = 0
        self._mean: float | None = None
        self._crew: list[Child] = []
        self._output = _Output()

    def results(self) -> list[ParallelResult]:
        """Runs all tasks; their results by index."""
        try:
            with self._interruptible():
                try:
                    while self._left() > 0:
                        self._work()
                finally:
                    self._leave()
        except KeyboardInterrupt:
            raise Stopped(self._sorted()) from None
        return self._sorted()

    def rows(self) -> Iterator[list[ParallelResult]]:
        """Runs all tasks; yields their results by index."""
        try:
            while self._gone < self._call.total:
                with self._interruptible():
                    rows = self._next_rows()
                yield rows
        finally:
            self._leave()

    def _next_rows(self) -> list[ParallelResult]:
        since: float | None = None
        self._begun_at_most = min(self._call.total, self._gone + AHEAD)
        while True:
            self._waiting.update((result.index, result) for result in self._results)
            self._finished += len(self._results)
            self._announced -= len(self._results)
            self._results.clear()
            if self._gone in self._waiting:
                since = since or time.monotonic()
                is_late = time.monotonic() - since > ROWS_SECONDS or self._left() == 0
                if is_late or self._gone + ROWS - 1 in self._waiting:
                    return list(self._ready())
            self._work()

    def _ready(self) -> Iterator[ParallelResult]:
        """Takes out the results that come next."""
        for _ in range(ROWS):
            result = self._waiting.pop(self._gone, None)
            if result is None:
                return
            self._gone += 1
            yield result

    @contextlib.contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Notes Ctrl-C meanwhile."""
        interrupt = self._interrupt = _Interrupt()
        try:
            self._selector.register(interrupt.reader, self._reading, None)
            yield
        finally:
            if self._selector.get_map() is not None:
                self._selector.unregister(interrupt.reader)
            interrupt.close()

    def _left(self) -> int:
        """How many tasks have no result."""
        return self._call.total - self._finished - len(self._results)

    def _sorted(self) -> list[ParallelResult]:
        return sorted(self._results, key=lambda result: result.index)

    def _work(self) -> None:
        self._staff()
        self._hand_out()
        if self._announced == len(self._results):
            self._wait()
            self._watch_clocks()
        self._announce()

    def _wait(self) -> None:
        for key, events in self._selector.select(self._patience()):
            if key.data is not None:
                key.data(events)
        if self._interrupt.noted:
            raise KeyboardInterrupt

    # Workers.

    def _staff(self) -> None:
        """Sees to it that there are as many workers as the tasks that are left can use."""
        wanted = min(self._pool.size, self._left())
        if len(self._crew) >= wanted:
            return
        spare = self._pool.spare(self._crew)
        while len(self._crew) < wanted:
            try:
                child = spare.pop() if spare else self._pool.start()
            except OSError as error:
                if self._crew:
                    return  # Fewer workers than asked for; the machine has no room for more.
                raise HostError(f"no worker process starts: {error}") from error
            self._enlist(child)

    def _enlist(self, child: Child) -> None:
        child.enter()
        self._crew.append(child)
        register = self._selector.register
        register(child.socket, self._reading, lambda events: self._on_socket(child, events))
        for stream in child.streams:
            register(stream, self._reading, lambda _, stream=stream: self._on_output(child, stream))
        if child.pidfd is not None:
            register(child.pidfd, self._reading, lambda _: self._on_death(child))
        child.queue(self._shipment.setup(child), self._shipment.file)
        self._push(child)

    def _dismiss(self, child: Child) -> None:
        self._crew.remove(child)
        for file in (child.socket, *child.streams, child.pidfd):
            if file is not None:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(file)

    def _leave(self) -> None:
        """Shows what was printed; kills workers that still run a task, and keeps the others."""
        for child in list(self._crew):
            self._dismiss(child)
            if child.hands or child.unsent:
                self._pool.remove(child)
            for stream in child.streams:
                self._output.forward(child, stream)
        self._output.close()
        self._selector.close()

    # Tasks out.

    def _hand_out(self) -> None:
        for child in self._crew:
            while self._untouched + len(self._again) > 0 and self._has_room(child):
                batch = self._batch()
                if not batch:
                    break
                self._send(child, batch)
        if self._untouched + len(self._again) == 0:
            self._take_back()

    def _has_room(self, child: Child) -> bool:
        if child.withdrawn or child.unsent > MIB:
            return False
        ahead = self._mean is None or self._mean < PREFETCH_BELOW_SECONDS
        return len(child.hands) <= (self._batch_size() if ahead else 0)

    def _batch_size(self) -> int:
        if self._mean is None:
            return 1
        fair = (self._untouched + len(self._again)) // (2 * len(self._crew) or 1)
        return max(1, min(BATCH_TASKS, int(BATCH_SECONDS / max(self._mean, 1e-6)), fair))

    def _batch(self) -> list[tuple[Task, _wire.Payload]]:
        batch: list[tuple[Task, _wire.Payload]] = []
        size = self._batch_size()
        while len(batch) < size:
            task = self._next()
            if task is None:
                break
            try:
                batch.append((task, self._shipment.payload(task.argument)))
            except Exception as error:
                text = f"the parameters cannot be sent to a worker: {type(error).__name__}: {text_of(error)}"
                self._fail(task, "unpicklable", text)
        return batch

    def _next(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        if self._call.total - self._untouched >= self._begun_at_most:
            return None
        self._interrupt.at_once = True
        try:
            task = next(self._fresh, None)
        finally:
            self._interrupt.at_once = False
        self._untouched -= task is not None
        return task

    def _send(self, child: Child, batch: Sequence[tuple[Task, _wire.Payload]]) -> None:
        numbered = []
        for task, payload in batch:
            self._number = child.pool_number = max(self._number, child.pool_number) + 1
            if not child.hands:
                child.touch()
            child.hands[self._number] = task
            numbered.append((self._number, payload))
        child.queue(_wire.frame(_wire.TASKS, pickle.dumps(numbered, protocol=5)))
        self._push(child)

    def _push(self, child: Child) -> None:
        waiting = not child.send()
        if waiting != child.waits_for_room:
            child.waits_for_room = waiting
            key = self._selector.get_key(child.socket)
            self._selector.modify(child.socket, self._writing if waiting else self._reading, key.data)

    def _take_back(self) -> None:
        """Gives tasks that wait behind a long one to a worker that has none."""
        idle = any(not child.hands and not child.withdrawn for child in self._crew)
        if not idle:
            return
        # Asked once: workers go on meanwhile, and what waits becomes less.
        waiting = {child: child.waiting() for child in self._crew if child.stalled() > STALLED_SECONDS}
        victim = max(waiting, key=lambda child: len(waiting[child]), default=None)
        if victim is None or not waiting[victim]:
            return
        first = waiting[victim][len(waiting[victim]) // 2]
        victim.withdraw(first)
        time.sleep(SETTLE_SECONDS)
        for number in victim.waiting():
            if number >= first:
                victim.withdrawn.add(number)
                self._again.append(victim.hands.pop(number))
        self._hand_out_again(victim)

    def _hand_out_again(self, victim: Child) -> None:
        for child in self._crew:
            if child is not victim and self._again and not child.hands and not child.withdrawn:
                batch = self._batch()
                if batch:
                    self._send(child, batch)

    # Results in.

    def _on_socket(self, child: Child, events: int) -> None:
        if events & ~self._reading:
            self._push(child)
        if events & self._reading:
            self._receive(child)

    def _receive(self, child: Child) -> None:
        if child not in self._crew:
            return
        for kind, meta, raw in child.receive():
            if kind == _wire.RESULTS:
                self._book(child, pickle.loads(meta), raw)
            elif kind == _wire.FAULT:
                _, text, frames = pickle.loads(meta)
                raise HostError(f"a worker cannot load the function or the data: {text}{at(frames)}")
        if child.ended:
            self._on_death(child)

    def _book(self, child: Child, outcomes: list[_wire.Outcome], raw: memoryview) -> None:
        at = 0
        child.touch()
        for number, seconds, failure, value, sizes, log in outcomes:
            buffers = []
            for size in sizes:
                buffers.append(raw[at : at + size])
                at += size
            if failure is not None and failure[0] == _wire.SKIPPED:
                self._skipped(child, number)
                continue
            task = child.hands.pop(number, None)
            if task is None:
                continue
            self._deaths = 0
            self._learn(seconds)
            if failure is None:
                self._succeed(child, task, seconds, value, buffers, log)
            else:
                self._fail(task, failure[0], message(failure), child, seconds, [*log, *traceback_lines(failure)])

    def _skipped(self, child: Child, number: int) -> None:
        child.withdrawn.discard(number)
        task = child.hands.pop(number, None)
        if task is not None:
            self._again.append(task)
        if not child.withdrawn and not any(child.is_withdrawn(other) for other in child.hands):
            child.withdraw(0)

    def _learn(self, seconds: float) -> None:
        self._mean = seconds if self._mean is None else self._mean + (seconds - self._mean) / 8

    def _succeed(
        self, child: Child, task: Task, seconds: float, sent: bytes | tuple[object] | None, buffers: list[memoryview],
        log: list[str],
    ) -> None:  # fmt: skip
        try:
            value = sent[0] if isinstance(sent, tuple) else pickle.loads(sent or b"", buffers=buffers)
        except (Exception, SystemExit) as error:
            text = f"{_wire.UNREADABLE}{type(error).__name__}: {text_of(error)}"
            self._fail(task, "unpicklable", text, child, seconds, log)
            return
        self._results.append(
            ParallelResult(
                task.task_id, value, seconds, child.pid, True, None, None, task.index, task.params, task.strategy_name,
                task.symbol, log,
            )  # fmt: skip
        )

    def _fail(
        self, task: Task, kind: str, text: str, child: Child | None = None, seconds: float = 0.0,
        log: list[str] | None = None,
    ) -> None:  # fmt: skip
        self._failed += 1
        self._results.append(
            ParallelResult(
                task.task_id, None, seconds, child.pid if child else 0, False, text, kind, task.index, task.params,
                task.strategy_name, task.symbol, log or [],
            )  # fmt: skip
        )

    def _announce(self) -> None:
        """Tells the display and the caller of the results that they do not know yet."""
        before, done = self._announced, len(self._results)
        if done == before:
            return
        self._announced = done
        self._progress.advance(done, self._failed)
        callback = self._call.callback
        if callback is None:
            return
        self._interrupt.at_once = True
        try:
            for count in range(before + 1, done + 1):
                callback(count, self._call.total)
        finally:
            self._interrupt.at_once = False

    def _on_output(self, child: Child, stream: Any) -> None:
        if not self._output.forward(child, stream):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(stream)

    # Clocks and deaths.

    def _patience(self) -> float | None:
        """Seconds until something is to be looked at that no event announces."""
        waits = []
        timeout = self._call.limits.timeout
        if timeout is not None:
            waits += [timeout - child.busy_seconds() for child in self._crew if child.hands]
        if any(not child.hands for child in self._crew) and any(child.waiting() for child in self._crew):
            waits.append(STALLED_SECONDS)
        if any(child.pidfd is None for child in self._crew):
            waits.append(0.5)
        if self._gone in self._waiting:
            waits.append(ROWS_SECONDS)
        return max(0.0005, min(waits)) if waits else None

    def _watch_clocks(self) -> None:
        timeout = self._call.limits.timeout
        for child in list(self._crew):
            if timeout is not None and child.hands and child.busy_seconds() > timeout:
                self._on_death(child, overdue=child.running())
            elif child.pidfd is None and not child.is_alive():
                self._on_death(child)

    def _on_death(self, child: Child, overdue: int | None = None) -> None:
        """Blames the task that ran for the death of its worker; the others of its batch run again."""
        if child not in self._crew:
            return
        if overdue is None:
            child.await_end()
        else:
            child.kill(keep_open=True)
        child.ended = True
        if not self._drain(child):
            return
        for stream in child.streams:
            self._output.forward(child, stream)
        self._dismiss(child)
        culprit = child.hands.pop(child.running() or 0, None)
        number = child.running()
        seconds = child.busy_seconds()
        rest = list(child.hands.values())
        child.hands.clear()
        self._again.extendleft(reversed(rest))
        kind, text = child.obituary()
        self._pool.remove(child)
        if culprit is None:
            if overdue is None:
                self._count_death(child, text)
        elif overdue is not None and number == overdue:
            text = f"took longer than {self._call.limits.timeout:g} s, and was killed; `Limits(timeout=...)` is the limit"
            self._fail(culprit, "timed-out", text, child, seconds)
        elif overdue is not None:
            self._again.appendleft(culprit)
        else:
            self._fail(culprit, kind, text, child, seconds)

    def _drain(self, child: Child) -> bool:
        """Books what a dead worker had sent; false where that ended its membership already."""
        for kind, meta, raw in child.receive():
            if kind == _wire.RESULTS:
                self._book(child, pickle.loads(meta), raw)
        return child in self._crew

    def _count_death(self, child: Child, text: str) -> None:
        self._deaths += 1
        if self._deaths >= DEATHS:
            last = child.last_words()
            raise HostError(f"{DEATHS} workers in a row ended without running a task; the last one {text}{last}")


class _Output:
    """What tasks print, on its way to this process's own standard output and error."""

    MOST = 16 * MIB

    def __init__(self) -> None:
        self._shown = 0
        self._dropped = 0

    def forward(self, child: Child, stream: Any) -> bool:
        """Reads what there is and shows it; false at the end of the stream."""
        open_, data = child.read(stream)
        if data:
            room = max(0, self.MOST - self._shown)
            self._shown += min(room, len(data))
            self._dropped += max(0, len(data) - room)
            self._show(sys.stdout if stream is child.streams[0] else sys.stderr, data[:room])
        return open_

    def close(self) -> None:
        if self._dropped:
            text = f"host: {self._dropped / MIB:,.1f} MiB that tasks printed were dropped, after {self.MOST >> 20} MiB\n"
            self._show(sys.stderr, text.encode())

    @staticmethod
    def _show(screen: Any, data: bytes) -> None:
        if screen is None or not data:
            return
        try:
            screen.write(data.decode("utf-8", "backslashreplace"))
            screen.flush()
        except (OSError, ValueError):
            pass  # The screen is gone; results matter more.
