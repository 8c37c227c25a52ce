"""Results of Python strategies in a file: Parquet, CSV or JSON lines by its name, complete or absent.

Never runs anything. The library writes the file, as it does for components.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

from host import _native
from host._errors import SettingsError
from host._results import SweepResults

_OF_ONE_RUN = ("execution_time", "worker_id", "units", "cached")
"""Columns that another run of the same call may fill otherwise, or that Python strategies leave empty."""

_LARGEST = 1 << 63


def checked(path: str | os.PathLike[str], data: Any) -> str:
    """The path as text, at which a file can be written that is not one of those that are read.

    Raises:
        SettingsError: It cannot, or is.
    """
    out = os.fspath(path)
    read = data if isinstance(data, (list, tuple)) else [data]
    if any(isinstance(one, (str, os.PathLike)) and os.path.realpath(one) == os.path.realpath(out) for one in read):
        raise SettingsError(f"`{out}` is also read; write to another file")
    _native.core().check_table(out)
    return out


def write(results: SweepResults, path: str) -> None:
    """Writes a row for each result: `SweepResults.columns`, without time and worker, so that equal results make equal bytes.

    A column has whole numbers, numbers, true and false, or else text.

    Raises:
        HostError: The disk is full, or cannot be written.
    """
    columns = {name: values for name, values in results.columns().items() if name not in _OF_ONE_RUN}
    kinds = {name: _kind(values) for name, values in columns.items()}
    cells = [_cells(values, kinds[name]) for name, values in columns.items()]
    _native.core().write_table(path, list(kinds.items()), zip(*cells))


def _kind(values: Iterable[Any]) -> str:
    kinds = {_kind_of(_plain(value)) for value in values if value is not None}
    if not kinds:
        return "number"
    if len(kinds) == 1:
        return kinds.pop()
    return "number" if kinds == {"integer", "number"} else "text"


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -_LARGEST <= value < _LARGEST else "text"
    return "number" if isinstance(value, float) else "text"


def _cells(values: Iterable[Any], kind: str) -> Iterator[Any]:
    plain = (_plain(value) for value in values)
    return (None if value is None else str(value) for value in plain) if kind == "text" else plain


def _plain(value: Any) -> Any:
    """A scalar of NumPy as the number of Python that it is; all else as it is."""
    if type(value).__module__ != "numpy" or getattr(value, "ndim", 1) != 0:
        return value
    item = value.item()
    return item if isinstance(item, (bool, int, float)) and type(value).__name__[:8] not in ("datetime", "timedelt") else value
