"""A call of the pool in values: its tasks, its limits, how workers call.

Never runs, sends or pickles anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from host._errors import SettingsError
from host._progress import Callback

MIB = 1 << 20
RESULT_MIB = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may take.

    Attributes:
        timeout: Seconds by the clock; the worker of a task that takes longer is killed. `None`: as long as it takes.
        memory: MiB that the task may have beyond what its worker has before it. `None`: what the machine has.
        result: MiB that the pickled result may take.

    Raises:
        SettingsError: A limit is not a number above 0.
    """

    timeout: float | None = None
    memory: float | None = None
    result: float = RESULT_MIB

    def __post_init__(self) -> None:
        for name, unit in (("timeout", "seconds"), ("memory", "MiB"), ("result", "MiB")):
            value = getattr(self, name)
            if value is None and name != "result":
                continue
            number = not isinstance(value, bool) and isinstance(value, (int, float))
            if not number or not math.isfinite(value) or not 0 < value <= 1e9:
                raise SettingsError(f"`Limits({name}=...)` is {value!r}; give {unit} above 0, and at most 1e9")


@dataclass(slots=True)
class Task:
    """A task of a call, and what is pickled for the worker."""

    index: int
    task_id: str
    params: dict[str, Any]
    strategy_name: str
    argument: object
    symbol: str | None = None


@dataclass(slots=True)
class Call:
    """One call of the pool.

    Attributes:
        mode: How a worker calls: `sweep` is `f(data, **params)`, `compare` is one of several, `custom` is `f(task)`, `trade`
            is one of several under the broker.
        function: The function; for `compare` and `trade` the list of them.
        tasks: The tasks, by index.
        total: Their number.
        data: The data; a list of one, or empty.
        shared: Objects that several tasks may hold.
        fresh: Whether each task gets data of its own, and not its worker's.
        trade: What workers need to trade, where they do.
    """

    mode: str
    function: object
    tasks: Iterable[Task]
    total: int
    data: list[object] = field(default_factory=list)
    shared: list[object] = field(default_factory=list)
    fresh: bool = True
    limits: Limits = field(default_factory=Limits)
    callback: Callback | None = None
    trade: object | None = None
