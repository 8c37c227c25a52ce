"""Ray as a cluster: shards are plain tasks of Ray, spread over its nodes.

Never starts a node, but for the local one that `ray.init` starts where no cluster is named. `import host` does not load it.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any

from host import _native, _node
from host._cluster import ClusterPool, Lost, Pump, Refused
from host._errors import HostError, SettingsError, text_of

AHEAD = 2
"""Shards for each place of a node: one runs, and the next one waits there."""

MEND = (
    'install the same wheel on all nodes, or give it to them: `ray.init(runtime_env={{"pip": ["host-backtest=={version}"]}})`'
)


def imported() -> Any:
    """The module `ray`.

    Raises:
        HostError: It is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise HostError("the backend `ray` needs Ray: `pip install ray`") from error
    return ray


class RayMachines:
    """The nodes of a Ray cluster. Used by one thread at a time.

    Attributes:
        cpus: The processors that a shard takes now.

    Args:
        cpus_per_shard: The processors that a shard takes; those of the smallest node if left out.
        cpus: How many processors to ask a cluster for that grows by itself.
    """

    def __init__(self, cpus_per_shard: int | None = None, cpus: int | None = None) -> None:
        self._ray = ray = imported()
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(log_to_driver=False, logging_level="ERROR")
        if cpus is not None:
            from ray.autoscaler.sdk import request_resources

            request_resources(num_cpus=cpus)
        self._each = cpus_per_shard
        self.cpus = cpus_per_shard or 1
        self._jobs: dict[str, Any] = {}
        self._build: str = _native.core().build()
        self._task = ray.remote(max_retries=0, scheduling_strategy="SPREAD")(_shard)
        self._meters = _Meters()
        self._connection = connection(ray)
        # The processors of the largest node, where that is too small.
        self._lacks: int | None = None
        self.slots()

    def slots(self) -> int:
        """How many shards may be sent at once: those that the nodes can run, and as many again that wait there.

        Raises:
            Refused: The connection to Ray has ended.
        """
        self._check()
        alive = [int(node["Resources"].get("CPU", 0)) for node in self._ray.nodes() if node["Alive"]]
        sizes = [size for size in alive if size > 0]
        if sizes:
            self.cpus = self._each or min(sizes)
        largest = max(sizes, default=0)
        if self.cpus > largest and self._lacks != largest:
            has = f"the largest has {largest}" if largest else "there is none"
            warnings.warn(
                f"a shard needs a node of Ray with {self.cpus} processors (`HOST_RAY_CPUS_PER_SHARD`), and {has}: nothing runs until one "
                "comes",
                stacklevel=2,
            )
        self._lacks = largest if self.cpus > largest else None
        return max(1, AHEAD * sum(size // self.cpus for size in sizes))

    def _check(self) -> None:
        """Sees to it that there is a connection, and the same: without one, the next call of Ray would start a cluster of its own."""
        if not self._ray.is_initialized() or connection(self._ray) != self._connection:
            raise Refused("the connection to Ray has ended; run it again once `ray.init` has made a new one")

    def put(self, name: str, job: bytes) -> None:
        """Puts a job into Ray's store, from which each node gets it once."""
        self._check()
        self._jobs[name] = self._ray.put(job)

    def forget(self, name: str) -> None:
        """Lets Ray drop a job."""
        self._jobs.pop(name, None)

    def submit(self, kind: str, name: str, shard: bytes) -> Any:
        """Sends a shard; the handle is Ray's reference."""
        self._check()
        task = self._task.options(num_cpus=self.cpus)
        # In a list, so that Ray does not fetch the job for each task.
        return task.remote(self._build, self.cpus, kind, name, [self._jobs[name]], shard)

    def ready(self, handles: Sequence[Any], timeout: float) -> Sequence[Any]:
        """The references of shards that have ended."""
        if not handles:
            time.sleep(timeout)
            return []
        self._check()
        done, _ = self._ray.wait(list(handles), num_returns=1, timeout=timeout)
        if done:
            done, _ = self._ray.wait(list(handles), num_returns=len(handles), timeout=0)
        return list(done)

    def reply(self, handle: Any) -> bytes:
        """The reply of a shard.

        Raises:
            Lost: Its node or its process is gone.
            Refused: The node refuses it, or Ray has failed.
        """
        self._check()
        errors = self._ray.exceptions
        try:
            reply: bytes = self._ray.get(handle)
            return reply
        except errors.RayTaskError as error:
            # Before the others: an error of a node is also of the class of what it was raised by.
            if isinstance(getattr(error, "cause", None), errors.ObjectLostError):
                raise Lost("machine", f"a node cannot get the job: {text_of(error.cause).strip().partition(chr(10))[0]}") from None
            raise Refused(_of_node(error)) from None
        except (errors.NodeDiedError, errors.ObjectLostError) as error:
            raise Lost("machine", f"the node is gone: {_first_line(error)}") from None
        except errors.OutOfMemoryError as error:
            raise Lost("process", f"the node had too little memory: {_first_line(error)}") from None
        except errors.WorkerCrashedError:
            raise Lost("process", "the process of the node died") from None
        except errors.RayError as error:
            raise Refused(f"Ray has failed: {type(error).__name__}: {_first_line(error)}") from None

    def cancel(self, handle: Any) -> None:
        """Ends a shard, with its process."""
        with contextlib.suppress(Exception):  # It has ended, or its node or the connection is gone: what was wanted.
            self._check()
            self._ray.cancel(handle, force=True)

    def told(self, finished: int, waiting: int, again: int) -> None:
        """Shows the counts as metrics of Ray."""
        self._meters.set(finished, waiting, again)


def _shard(build: str, cpus: int, kind: str, name: str, jobs: list[Any], shard: bytes) -> bytes:
    """Runs on a node."""
    import ray

    return _node.run(build, cpus, kind, name, lambda: ray.get(jobs[0]), shard)


def _first_line(error: BaseException) -> str:
    return text_of(error).strip().partition("\n")[0]


def _of_node(error: Any) -> str:
    """Why a node refuses a shard, in words."""
    cause = getattr(error, "cause", None)
    mend = MEND.format(version=_native.core().__version__)
    if isinstance(cause, _node.OtherBuild):
        return f"{text_of(cause)}; {mend}"
    if isinstance(cause, HostError):
        return text_of(cause)
    if isinstance(cause, (ImportError, AttributeError)) or "ModuleNotFoundError" in text_of(error):
        return f"a node cannot load this package ({_last_line(error)}); {mend}"
    return f"a node has failed: {_last_line(error)}"


def _last_line(error: BaseException) -> str:
    lines = [line for line in text_of(error).splitlines() if line.strip()]
    return lines[-1].strip() if lines else type(error).__name__


class _Meters:
    """Metrics on Ray's dashboard and for Prometheus."""

    def __init__(self) -> None:
        from ray.util.metrics import Gauge

        self._finished = Gauge("host_shards_finished", "Shards of sweeps that have ended.")
        self._waiting = Gauge("host_shards_away", "Shards of sweeps that run or wait on nodes.")
        self._again = Gauge("host_tasks_sent_again", "Tasks that were sent again after a node or a process was lost.")

    def set(self, finished: int, waiting: int, again: int) -> None:
        """Shows the counts."""
        self._finished.set(finished)
        self._waiting.set(waiting)
        self._again.set(again)


_lock = threading.Lock()
_pump: tuple[Any, Pump] | None = None


def pump() -> Pump:
    """What carries shards of components to Ray's nodes, one for each connection to a cluster."""
    global _pump
    ray = imported()
    with _lock:
        known = (connection(ray), _asked()) if ray.is_initialized() else None
        if _pump is None or known is None or _pump[0] != known or _pump[1].bridge.failure is not None:
            if _pump is not None:
                _pump[1].close()
            made = Pump(machines())
            _pump = ((connection(ray), _asked()), made)
        return _pump[1]


def connection(ray: Any) -> Any:
    """What tells one connection to a cluster from another one."""
    context = ray.get_runtime_context()
    return context.gcs_address, context.get_job_id()


def machines() -> RayMachines:
    """The nodes, as the environment says how to use them.

    `HOST_RAY_CPUS_PER_SHARD` is the number of processors that a shard takes, `HOST_RAY_CPUS` how many to ask an autoscaler for.

    Raises:
        SettingsError: A variable is not a number.
        HostError: Ray is not installed, or cannot be reached.
    """
    return RayMachines(*_asked())


def _asked() -> tuple[int | None, int | None]:
    return _number("HOST_RAY_CPUS_PER_SHARD"), _number("HOST_RAY_CPUS")


def _number(name: str) -> int | None:
    text = os.environ.get(name)
    if not text:
        return None
    if not text.isdigit() or not 1 <= int(text) <= 10**7:
        raise SettingsError(f"`{name}` is `{text}`; give a whole number, 1 or more")
    return int(text)


def pool(n_workers: int | None) -> ClusterPool:
    """What runs calls of Python strategies on Ray's nodes, on `n_workers` processors at most."""
    made = machines()
    most = None if n_workers is None else max(1, math.ceil(n_workers / made.cpus))
    return ClusterPool(made, most)
