"""The other end of a cluster: runs shards, in one process on one of its machines.

Never knows which engine has brought a shard here, and never prints.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

from host import _native, _pickles
from host._call import Call, Task
from host._errors import HostError

COMPONENT, CALLABLE = "component", "callable"

KEPT = 2
"""Calls of Python strategies that a process keeps, each with its data."""

_nodes: dict[int, Any] = {}
_calls: dict[str, Call] = {}
_pools: dict[int, Any] = {}


class OtherBuild(HostError):
    """Driver and node have other versions."""


def run(build: str, threads: int, kind: str, name: str, fetch: Callable[[], bytes], shard: bytes) -> bytes:
    """Runs a shard of a job on so many threads or worker processes, and returns the reply.

    Args:
        build: What the driver is.
        kind: `component` or `callable`.
        name: The name of the job.
        fetch: Gets the job; called where this process does not know it yet.

    Raises:
        OtherBuild: The driver is of another version.
        HostError: The job cannot run here.
    """
    mine: str = _native.core().build()
    if build != mine:
        raise OtherBuild(f"this node has {mine}, and the driver {build}")
    if kind == COMPONENT:
        node = _nodes.get(threads)
        if node is None:
            node = _nodes[threads] = _native.core().Node(threads)
        if not node.has(name):
            node.open(name, fetch())
        reply: bytes = node.run(name, shard)
        return reply
    return _run_tasks(threads, name, fetch, shard)


def _run_tasks(threads: int, name: str, fetch: Callable[[], bytes], shard: bytes) -> bytes:
    from host._pool import Pool
    from host._progress import Silent

    if name not in _calls:
        while len(_calls) >= KEPT:
            del _calls[next(iter(_calls))]
        _calls[name] = pickle.loads(fetch())
    if threads not in _pools:
        _pools[threads] = Pool(threads)
    call = _calls[name]
    tasks = _Reader(shard, call.shared).load()
    part = Call(
        call.mode, call.function, tasks, len(tasks), call.data, call.shared, call.fresh, call.limits, None, call.trade
    )
    # Tasks are numbered from 0 within a shard: the pool sorts by that.
    for place, task in enumerate(tasks):
        task.index = place
    results = _pools[threads].run(part, Silent())
    return pickle.dumps([_told(result) for result in results], protocol=5)


Told = tuple[bytes | None, float, int, tuple[str, str] | None, list[str]]
"""A result: what was returned, seconds, the process, the kind and the words of a failure, the log."""


def _told(result: Any) -> Told:
    import cloudpickle  # type: ignore[import-untyped, unused-ignore]

    if not result.success:
        return None, result.execution_time, result.worker_id, (result.error_kind, result.error_message), result.log
    try:
        pickled: bytes = cloudpickle.dumps(result.result, protocol=5)
    except Exception as error:
        failure = ("unpicklable", f"the result cannot be sent to the driver: {type(error).__name__}")
        return None, result.execution_time, result.worker_id, failure, result.log
    return pickled, result.execution_time, result.worker_id, None, result.log


class _Reader(pickle.Unpickler):
    """Reads the tasks of a shard, with the objects that the whole call shares."""

    def __init__(self, shard: bytes, shared: list[object]) -> None:
        super().__init__(io.BytesIO(shard))
        self._shared = shared

    def persistent_load(self, place: Any) -> object:
        """The shared object at a place."""
        return self._shared[place]


def packed(tasks: list[Task], shared: list[object]) -> bytes:
    """The tasks of a shard, without the objects that the whole call shares.

    Raises:
        Exception: A parameter cannot be pickled.
    """
    return _pickles.dumps(tasks, shared={id(value): place for place, value in enumerate(shared)})
