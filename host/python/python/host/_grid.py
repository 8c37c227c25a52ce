"""The grid of a sweep over a Python callable: axes, combinations, names of tasks.

Never reads conditions in text: those belong to components. A condition here is a Python callable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from host._errors import GridError, text_of

Condition = Callable[..., object]
_RANGE_KEYS = {"from", "to", "step"}


class Grid:
    """The combinations of a grid. Axes count in the order in which they are written; the last one advances fastest.

    Args:
        axes: For each parameter its values: a list, tuple, range or array, one value, or
            `{"from": 5, "to": 50, "step": 5}` (both ends included, exact decimals).
        where: Conditions: callables that take all parameters by name; a combination runs if each returns true.

    Raises:
        GridError: An axis is empty, not ordered, or has a value twice; a condition is not a callable.
    """

    def __init__(self, axes: Mapping[str, object], where: object = ()) -> None:
        if not isinstance(axes, Mapping):
            raise GridError(f"the grid is a {type(axes).__name__}; give a dict like {{'fast': [5, 10], 'slow': [20, 50]}}")
        self.axes = {_axis_name(name): _values(name, values) for name, values in axes.items()}
        self._conditions = _conditions(where)

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Yields the parameters of each combination that fulfils the conditions."""
        names = tuple(self.axes)
        for values in itertools.product(*self.axes.values()):
            params = dict(zip(names, values))
            if all(self._admits(condition, params) for condition in self._conditions):
                yield params

    def count(self) -> int | None:
        """The number of combinations; `None` where only the conditions can tell."""
        return None if self._conditions else math.prod(len(values) for values in self.axes.values())

    @staticmethod
    def _admits(condition: Condition, params: dict[str, Any]) -> bool:
        try:
            return bool(condition(**params))
        except Exception as error:
            text = f"`where` failed for {task_name(params)}: {type(error).__name__}: {text_of(error)}"
            raise GridError(f"{text}; a condition takes all parameters by name") from error


def task_name(params: Mapping[str, object]) -> str:
    """The name of a combination, as the command writes it: `fast=5,slow=20`."""
    return ",".join(f"{name}={value_name(value)}" for name, value in params.items())


def value_name(value: object) -> str:
    """A value as it stands in the name of a task."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if callable(value) and hasattr(value, "__name__"):
        return str(value.__name__)
    try:
        text = " ".join(repr(value).split())
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else f"{text[:79]}…"


def _axis_name(name: object) -> str:
    if not isinstance(name, str):
        raise GridError(f"the grid has an axis `{name!r}`, which is a {type(name).__name__}; name parameters by text")
    return name


def _values(name: object, values: object) -> list[Any]:
    if isinstance(values, Mapping):
        listed = _range(name, values)
    elif isinstance(values, (set, frozenset)):
        raise GridError(f"grid axis `{name}` is a set, which has no order; give a list")
    elif isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        listed = [values]
    else:
        listed = list(values)
    listed = [_plain(value) for value in listed]
    if not listed:
        raise GridError(f"grid axis `{name}` has no values; give at least one")
    _refuse_duplicates(name, listed)
    return listed


def _plain(value: Any) -> Any:
    """A number of numpy as Python's own, so that names and results do not depend on where a value came from."""
    if type(value).__module__ == "numpy" and getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        plain = value.item()
        return plain if isinstance(plain, (bool, int, float, str)) else value
    return value


def _refuse_duplicates(name: object, values: list[Any]) -> None:
    seen: set[tuple[bool, object]] = set()
    for value in values:
        if not isinstance(value, (bool, int, float, str)):
            continue
        key = (isinstance(value, (bool, str)), value)
        if key in seen:
            raise GridError(f"grid axis `{name}` has the value `{value}` twice; each combination runs once")
        seen.add(key)


def _range(name: object, written: Mapping[str, Any]) -> list[Any]:
    from decimal import Decimal, InvalidOperation

    unknown = sorted(str(key) for key in set(written) - _RANGE_KEYS)
    if unknown or "from" not in written or "to" not in written:
        what = f"the key `{unknown[0]}`" if unknown else "no `from` or no `to`"
        raise GridError(f"grid axis `{name}` is a dict with {what}; give a list, or from, to and step")
    try:
        first, last, step = (Decimal(str(written.get(key, 1))) for key in ("from", "to", "step"))
        count = int((last - first) / step) + 1 if step else 0
    except (InvalidOperation, OverflowError, ValueError):
        raise GridError(f"grid axis `{name}` has a `from`, `to` or `step` that is not a number: {dict(written)}") from None
    if step <= 0 or last < first:
        raise GridError(f"grid axis `{name}` goes from {first} to {last} in steps of {step}; give a step above 0, and from <= to")
    whole = all(isinstance(_plain(written.get(key, 1)), int) for key in ("from", "to", "step"))
    return [int(first + n * step) if whole else float(first + n * step) for n in range(count)]


def _conditions(where: object) -> list[Condition]:
    single = callable(where) or isinstance(where, str) or not isinstance(where, Iterable)
    listed: list[Any] = [where] if single else list(cast(Iterable[Any], where))
    for condition in listed:
        if isinstance(condition, str):
            raise GridError(
                f"the condition `{condition}` is text, which is for components; "
                "for a Python callable give a callable, like `where=lambda fast, slow: fast < slow`"
            )
        if not callable(condition):
            raise GridError(f"`where` has {condition!r}, which is not callable; give `lambda fast, slow: fast < slow`")
    return listed
