"""The indicators of the SDKs over columns of Python: `host.indicators.sma(frame["close"], 20)`.

Never computes a number itself. Every indicator of the SDK is here by its name, with the same bits as in a component; `dir` and `help`
say which there are. What holds for all:

- A column is an array of NumPy, a Series of pandas or polars, an array of pyarrow, or a list of numbers; the answer is of the same kind
  as the first one, as long, with its index and its name.
- Where there is no answer yet, it is NaN; and after a value that is NaN or infinite the indicator starts over.
- `n` is a number of bars, 1 or more. Anything else raises `SettingsError`; columns of different lengths raise `ValueError`, and what is
  no column of numbers raises `TypeError`.
- An indicator with several lines answers with a named tuple of them: `donchian(high, low, 20).upper`.
"""

from __future__ import annotations

import collections
import inspect
import sys
from array import array
from collections.abc import Callable
from functools import cache
from typing import Any

from host import _native
from host._targets import NO_NUMBERS


@cache
def _all() -> dict[str, Callable[..., Any]]:
    return {entry[0]: _function(*entry) for entry in _native.core().all_indicators()}


def _function(name: str, columns: list[str], arguments: list[str], lines: list[str], doc: str) -> Callable[..., Any]:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature([inspect.Parameter(one, kind) for one in (*columns, *arguments)])
    answer: Any = collections.namedtuple(name.title().replace("_", ""), lines) if lines else None

    def indicator(*given: Any, **named: Any) -> Any:
        values = signature.bind(*given, **named).arguments
        first = values[columns[0]]
        plain = [_numbers(values[column], f"`{column}` of `{name}`") for column in columns]
        found = _native.core().indicator(name, plain, [values[argument] for argument in arguments])
        made = [_like(first, raw, line) for raw, line in zip(found, lines or [""])]
        return answer(*made) if answer is not None else made[0]

    indicator.__name__ = indicator.__qualname__ = name
    indicator.__module__ = __name__
    indicator.__doc__ = doc
    indicator.__signature__ = signature  # type: ignore[attr-defined]
    return indicator


def _library(values: Any) -> str:
    return type(values).__module__.partition(".")[0]


def _numbers(values: Any, what: str) -> Any:
    """A column as a buffer of numbers of 64 bits."""
    library = _library(values)
    if library == "pandas" and hasattr(values, "to_numpy") and getattr(values, "ndim", 1) == 1:
        is_number = getattr(values.dtype, "kind", "O") in "biuf"
        values = values.to_numpy("float64", na_value=float("nan")) if is_number else values.to_numpy()
    elif library == "polars" and hasattr(values, "to_list"):
        values = values.to_list() if values.null_count() else values.to_numpy()
    elif library == "pyarrow" and hasattr(values, "to_pylist"):
        values = values.to_pylist()
    if _library(values) == "numpy":
        if values.ndim != 1 or values.dtype.kind not in "biuf":
            raise TypeError(f"{what} is an array of {values.dtype} with {values.ndim} dimensions; give one column of numbers")
        return sys.modules["numpy"].ascontiguousarray(values, dtype="float64") if len(values) else NO_NUMBERS
    if isinstance(values, (str, bytes, dict)) or not hasattr(values, "__iter__"):
        raise TypeError(f"{what} is a {type(values).__name__}; give a column of numbers: an array, a Series, a list")
    try:
        return array("d", [float("nan") if value is None else value for value in values]) or NO_NUMBERS
    except TypeError as error:
        raise TypeError(f"{what} has a value that is no number: {error}") from None


def _like(first: Any, raw: bytes, line: str) -> Any:
    """Numbers as a column of the same kind as `first`."""
    library = _library(first)
    if library in ("numpy", "pandas"):
        values: Any = sys.modules["numpy"].frombuffer(bytearray(raw))
        if library == "numpy" or not hasattr(first, "index"):
            return values
        return sys.modules["pandas"].Series(values, index=first.index, name=line or first.name)
    numbers = array("d", raw)
    if library == "polars" and hasattr(first, "to_list"):
        return sys.modules["polars"].Series(line or first.name, numbers)
    if library == "pyarrow" and hasattr(first, "to_pylist"):
        return sys.modules["pyarrow"].array(numbers)
    return numbers.tolist()


def __getattr__(name: str) -> Callable[..., Any]:
    if name.startswith("_"):
        raise AttributeError(f"module `host.indicators` has no attribute `{name}`")
    found = _all().get(name)
    if found is None:
        raise AttributeError(f"there is no indicator `{name}`; there are {', '.join(_all())}")
    return found


def __dir__() -> list[str]:
    return sorted(_all())
