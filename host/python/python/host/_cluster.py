"""The driver of a cluster: hands shards to an engine, and hears of replies and losses.

Never names an engine: `Machines` is what it asks of one. `host._ray` is Ray.
"""

from __future__ import annotations

import contextlib
import itertools
import pickle
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from host import _native
from host._call import Call, Task
from host._errors import HostError, text_of
from host._node import CALLABLE, COMPONENT, Told, packed
from host._progress import Progress
from host._results import ParallelResult
from host._shipment import pickled_whole, shareable

LOOK_SECONDS = 0.01
"""How long the driver waits for replies before it looks for new shards."""

COUNT_SECONDS = 1.0
"""How often the machines are counted."""

SHARD_SECONDS, SHARD_SECONDS_EACH = 2.0, 0.005
"""How long a shard should be away, at least, and what each shard adds that may be away at the same time: each takes a millisecond or
two of the driver. Half of the time it waits for the one before."""

GROWTH = 8
MOST_TASKS = 4_096
LOSSES = 100
"""How many machines may be lost under the same tasks."""

DEATHS = 2
"""How often a process must have died of the same tasks, before they are divided, or it is the fault of the one task."""


class Lost(Exception):
    """A shard has no reply, since its machine is gone, or its process."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind, self.why = kind, why


class Refused(Exception):
    """The engine or a node refuses a shard, and would refuse every other one."""


class Machines(Protocol):
    """An engine that runs shards on machines."""

    cpus: int
    """The processors that a shard takes."""

    def slots(self) -> int:
        """How many shards may be sent at once, those that wait for a machine among them; 1 at least.

        Raises:
            Refused: The engine is gone.
        """

    def put(self, name: str, job: bytes) -> None:
        """Makes a job known to all machines."""

    def forget(self, name: str) -> None:
        """Forgets a job."""

    def submit(self, kind: str, name: str, shard: bytes) -> Any:
        """Sends a shard of a job, and returns its handle."""

    def ready(self, handles: Sequence[Any], timeout: float) -> Sequence[Any]:
        """The handles whose shards have ended, after `timeout` seconds at most."""

    def reply(self, handle: Any) -> bytes:
        """The reply of a shard that has ended.

        Raises:
            Lost: There is none.
            Refused: There will be none.
        """

    def cancel(self, handle: Any) -> None:
        """Ends a shard that nobody wants any more."""

    def told(self, finished: int, waiting: int, again: int) -> None:
        """Hears how many shards have ended, how many are away, and how many tasks were sent again."""


class Pump:
    """Carries shards of components from the engine in `host._core` to machines, and replies back, on a thread of its own.

    Attributes:
        bridge: What the engine in `host._core` sends to.
        number: Tells it from others of this process.
    """

    _numbers = itertools.count()

    def __init__(self, machines: Machines) -> None:
        self.bridge = _native.core().Cluster()
        self.number = next(self._numbers)
        self._machines = machines
        self._pending: dict[Any, int] = {}
        self._finished = 0
        self._counted = 0.0
        self._over = threading.Event()
        self.bridge.set_slots(machines.slots(), machines.cpus)
        self._thread = threading.Thread(target=self._run, name="host-cluster", daemon=True)
        self._thread.start()

    @property
    def cpus(self) -> int:
        """The processors that a shard takes."""
        return self._machines.cpus

    def close(self) -> None:
        """Ends the thread, and all that waits."""
        self._over.set()
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                self._send(self.bridge.take(0.0 if self._pending else 0.1))
                if self._pending:
                    self._receive()
                self._count()
        except BaseException as error:  # Whoever waits for a reply must hear of it.
            self.bridge.fail(_words(error))
        finally:
            self.bridge.fail("the cluster was left")
            for handle in self._pending:
                with contextlib.suppress(Exception):
                    self._machines.cancel(handle)

    def _send(self, events: Iterable[tuple[Any, ...]]) -> None:
        for event in events:
            match event:
                case ("open", name, job):
                    self._machines.put(name, job)
                case ("close", name):
                    self._machines.forget(name)
                case ("run", number, name, shard):
                    self._pending[self._machines.submit(COMPONENT, name, shard)] = number
                case ("drop", number):
                    for handle in [handle for handle, one in self._pending.items() if one == number]:
                        del self._pending[handle]
                        self._machines.cancel(handle)

    def _receive(self) -> None:
        for handle in self._machines.ready(list(self._pending), LOOK_SECONDS):
            number = self._pending.pop(handle)
            self._finished += 1
            try:
                self.bridge.reply(number, self._machines.reply(handle))
            except Lost as lost:
                self.bridge.lose(number, lost.kind, lost.why)

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._counted >= COUNT_SECONDS:
            self._counted = now
            self.bridge.set_slots(self._machines.slots(), self._machines.cpus)
            self._machines.told(self._finished, len(self._pending), self.bridge.sent_again)


def _words(error: BaseException) -> str:
    return str(error) if isinstance(error, Refused) else f"the cluster has failed: {type(error).__name__}: {text_of(error)}"


class ClusterPool:
    """Runs calls of Python strategies on machines, each shard in worker processes there. Stands where a `Pool` does.

    Args:
        machines: Where shards go.
        most: How many shards are sent at once, at most.
    """

    def __init__(self, machines: Machines, most: int | None) -> None:
        self._machines, self._most = machines, most

    def run(self, call: Call, progress: Progress) -> list[ParallelResult]:
        """Runs all tasks; returns their results by index.

        Raises:
            Stopped: Ctrl-C.
            DataError: The data cannot be pickled.
            HostError: A node cannot load the function, or the cluster fails.
        """
        return _Run(self._machines, self._most, call, progress).results()

    def close(self) -> None:
        """Nothing: the machines are the engine's."""


class _Shard:
    """Tasks that are sent together, how often a process has died of just these, and when they were sent."""

    def __init__(self, tasks: list[Task], deaths: int = 0, losses: int = 0) -> None:
        self.tasks, self.deaths, self.losses, self.sent = tasks, deaths, losses, 0.0


class _Run:
    """One call: the tasks that are left, and the shards that are away."""

    def __init__(self, machines: Machines, most: int | None, call: Call, progress: Progress) -> None:
        self._machines, self._most, self._call, self._progress = machines, most, call, progress
        self._shared = shareable(call.shared)
        self._name = uuid.uuid4().hex
        self._fresh = iter(call.tasks)
        self._left = call.total
        self._again: deque[_Shard] = deque()
        self._pending: dict[Any, _Shard] = {}
        self._results: list[ParallelResult] = []
        self._failed = self._finished = self._sent_again = 0
        self._size = 8
        # Nobody hears of what still comes in: a callback would raise once more.
        self._is_over = False
        self._slots, self._counted = 1, 0.0

    def results(self) -> list[ParallelResult]:
        from host._pool import Stopped

        self._machines.put(self._name, pickled_whole(self._without_tasks()))
        try:
            while len(self._results) < self._call.total:
                self._count()
                self._hand_out()
                for handle in self._machines.ready(list(self._pending), LOOK_SECONDS):
                    self._take(handle)
        except KeyboardInterrupt:
            self._is_over = True
            with contextlib.suppress(Lost, Refused):
                for handle in self._machines.ready(list(self._pending), 0.0):
                    self._take(handle)
            raise Stopped(self._sorted()) from None
        except Refused as refused:
            raise HostError(str(refused)) from None
        finally:
            for handle in self._pending:
                self._machines.cancel(handle)
            self._machines.forget(self._name)
        return self._sorted()

    def _without_tasks(self) -> Call:
        call = self._call
        return Call(call.mode, call.function, [], 0, call.data, self._shared, call.fresh, call.limits, None, call.trade)

    def _sorted(self) -> list[ParallelResult]:
        return sorted(self._results, key=lambda result: result.index)

    def _count(self) -> None:
        now = time.monotonic()
        if now - self._counted >= COUNT_SECONDS:
            self._counted = now
            slots = self._machines.slots()
            self._slots = slots if self._most is None else max(1, min(slots, self._most))
            self._machines.told(self._finished, len(self._pending), self._sent_again)

    def _hand_out(self) -> None:
        while len(self._pending) < self._slots:
            shard = self._again.popleft() if self._again else self._next()
            if shard is None:
                return
            try:
                sent = packed(shard.tasks, self._shared)
            except Exception as error:
                self._unsendable(shard, error)
                continue
            shard.sent = time.monotonic()
            self._pending[self._machines.submit(CALLABLE, self._name, sent)] = shard

    def _next(self) -> _Shard | None:
        share = max(1, self._size // 32, self._left // (4 * self._slots))
        # As many as run at the same time, or a multiple of that.
        at_once = self._machines.cpus
        tasks = []
        for _ in range(-(-min(self._size, share) // at_once) * at_once):
            task = next(self._fresh, None)
            if task is None:
                break
            tasks.append(task)
        self._left -= len(tasks)
        return _Shard(tasks) if tasks else None

    def _unsendable(self, shard: _Shard, error: Exception) -> None:
        """Finds the task whose parameters cannot be pickled: it fails, and the others go on."""
        if len(shard.tasks) > 1:
            self._again.extendleft(_Shard([task]) for task in reversed(shard.tasks))
            return
        text = f"the parameters cannot be sent to a worker: {type(error).__name__}: {text_of(error)}"
        self._fail(shard.tasks[0], "unpicklable", text)
        self._announce(1)

    def _take(self, handle: Any) -> None:
        shard = self._pending.pop(handle)
        try:
            told: list[Told] = pickle.loads(self._machines.reply(handle))
        except Lost as lost:
            self._lose(shard, lost)
            return
        self._finished += 1
        away = max(time.monotonic() - shard.sent, 1e-6)
        wanted = max(SHARD_SECONDS, SHARD_SECONDS_EACH * self._slots)
        fits = int(len(shard.tasks) * wanted / away)
        self._size = max(1, min(fits, GROWTH * self._size, MOST_TASKS))
        for task, (pickled, seconds, worker, failure, log) in zip(shard.tasks, told, strict=True):
            if pickled is None:
                kind, text = failure or ("host", "a node has said nothing of this task")
                self._fail(task, kind, text, seconds, worker, log)
                continue
            try:
                value = pickle.loads(pickled)
            except (Exception, SystemExit) as error:
                text = f"the result cannot be read: {type(error).__name__}: {text_of(error)}"
                self._fail(task, "unpicklable", text, seconds, worker, log)
                continue
            self._results.append(
                ParallelResult(
                    task.task_id, value, seconds, worker, True, None, None, task.index, task.params, task.strategy_name,
                    task.symbol, log,
                )  # fmt: skip
            )
        self._announce(len(shard.tasks))

    def _lose(self, shard: _Shard, lost: Lost) -> None:
        if lost.kind == "machine":
            shard.losses += 1
            if shard.losses > LOSSES:
                raise Refused(lost.why)
        else:
            shard.deaths += 1
            if len(shard.tasks) == 1 and shard.deaths >= DEATHS:
                text = f"{lost.why}, each of the {DEATHS} times that it ran this task alone"
                self._fail(shard.tasks[0], "crash", text)
                self._announce(1)
                return
        self._sent_again += len(shard.tasks)
        if len(shard.tasks) > 1 and shard.deaths >= DEATHS:
            middle = len(shard.tasks) // 2
            parts = (shard.tasks[:middle], shard.tasks[middle:])
            # One death of tasks that were in bad company is enough to divide them again.
            self._again.extendleft(_Shard(part, int(len(part) > 1), shard.losses) for part in reversed(parts))
        else:
            self._again.appendleft(shard)

    def _fail(
        self, task: Task, kind: str, text: str, seconds: float = 0.0, worker: int = 0, log: list[str] | None = None
    ) -> None:
        self._failed += 1
        self._results.append(
            ParallelResult(
                task.task_id, None, seconds, worker, False, text, kind, task.index, task.params, task.strategy_name,
                task.symbol, log or [],
            )  # fmt: skip
        )

    def _announce(self, count: int) -> None:
        if self._is_over:
            return
        done = len(self._results)
        self._progress.advance(done, self._failed)
        if self._call.callback is not None:
            for finished in range(done - count + 1, done + 1):
                self._call.callback(finished, self._call.total)
