"""Cheap copies: a task's own data without another unpickling, where that is as safe as one.

Never copies what it does not know: `None` then says that each task needs its own unpickling.

A copy here shares memory with the object that it is made from. That is safe where a write is either seen (arrays in the
shared file: the worker asks the kernel for written pages) or makes a real copy first (pandas 3, polars) or cannot be
(Arrow, numbers, text).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

Make = Callable[[], Any]
Inside = Callable[[int, int], bool]
"""Whether so many bytes from an address are in the shared file."""

_FIXED = frozenset({int, float, complex, bool, str, bytes, range, type(None)})
_PLAIN_KINDS = "biufcmM"


def copier(value: Any, inside: Inside) -> Make | None:
    """What makes further copies of `value`; `None` if only unpickling it again does."""
    return _copier(value, inside, set())


def _copier(value: Any, inside: Inside, seen: set[int]) -> Make | None:
    kind = type(value)
    if kind in _FIXED:
        return lambda: value
    if id(value) in seen:
        return None  # Two places of one object: copies would make two objects of it.
    seen.add(id(value))
    if kind is dict:
        return _of_dict(value, inside, seen)
    if kind in (list, tuple):
        makers = [_copier(item, inside, seen) for item in value]
        made = [make for make in makers if make is not None]
        return (lambda: kind(make() for make in made)) if len(made) == len(makers) else None
    maker = _LIBRARIES.get(kind.__module__.partition(".")[0])
    try:
        return maker(value, inside) if maker is not None else None
    except Exception:
        return None  # A version of the library that this module does not know.


def _of_dict(value: dict[Any, Any], inside: Inside, seen: set[int]) -> Make | None:
    makers = {}
    for key, item in value.items():
        make = _copier(item, inside, seen)
        if type(key) not in _FIXED or make is None:
            return None
        makers[key] = make
    return lambda: {key: make() for key, make in makers.items()}


def _of_numpy(value: Any, inside: Inside) -> Make | None:
    import numpy

    plain = type(value) is numpy.ndarray and value.dtype.kind in _PLAIN_KINDS
    return value.view if plain and _is_inside(value, inside) else None


def _is_inside(array: Any, inside: Inside) -> bool:
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    return bool(array.nbytes == 0 or contiguous and inside(array.ctypes.data, array.nbytes))


def _of_pandas(value: Any, inside: Inside) -> Make | None:
    import pandas

    if int(pandas.__version__.partition(".")[0]) < 3 or type(value) not in (pandas.DataFrame, pandas.Series):
        return None  # Before pandas 3 a shallow copy passes writes on.
    columns = [value[name] for name in value.columns] if type(value) is pandas.DataFrame else [value]
    indexes = [value.index, value.columns] if type(value) is pandas.DataFrame else [value.index]
    known = all(_is_known_dtype(column.dtype) for column in columns) and all(_is_known_index(index) for index in indexes)
    if value.attrs or not known or not all(_column_is_inside(column, inside) for column in columns):
        return None
    if type(value) is pandas.DataFrame:
        try:
            return _frame_maker(value, getattr(pandas.DataFrame, "_from_mgr"))
        except Exception:
            pass  # A version of pandas with another inside: its own copies take twice as long.
    copy = value.copy(deep=False)
    apart = copy.index is not value.index and getattr(copy, "columns", None) is not getattr(value, "columns", copy)
    return functools.partial(value.copy, deep=False) if apart else functools.partial(_pandas_copy, value)


def _frame_maker(frame: Any, make: Callable[[Any, list[Any]], Any]) -> Make:
    """What `frame.copy(deep=False)` does, without what it looks up each time."""
    manager = frame._mgr
    kind, blocks, numbers, places, axes = type(manager), manager.blocks, manager.blknos, manager.blklocs, manager.axes

    def copied() -> Any:
        own = [axis.view() for axis in axes]
        inner = kind(tuple([block.copy(deep=False) for block in blocks]), own, verify_integrity=False)
        inner._blknos, inner._blklocs = numbers.copy(), places.copy()
        return make(inner, own)

    first = copied()
    if any(axis is other for axis, other in zip(first.axes, frame.axes)) or not first._mgr.blocks[0].refs.has_reference():
        raise TypeError("the copy is not one")
    return copied


def _pandas_copy(value: Any) -> Any:
    copy = value.copy(deep=False)
    copy.index = value.index.view()
    if hasattr(copy, "columns"):
        copy.columns = value.columns.view()
    return copy


def _is_known_dtype(dtype: Any) -> bool:
    import numpy
    import pandas

    if isinstance(dtype, numpy.dtype):
        return dtype.kind in _PLAIN_KINDS
    if isinstance(dtype, pandas.StringDtype):
        return bool(dtype.storage == "pyarrow")
    return isinstance(dtype, (pandas.DatetimeTZDtype, pandas.CategoricalDtype))


def _is_known_index(index: Any) -> bool:
    import pandas

    if isinstance(index, pandas.MultiIndex):
        return all(_is_known_index(level) for level in index.levels)
    return _is_known_dtype(index.dtype) or index.inferred_type in ("string", "integer", "empty")


def _column_is_inside(column: Any, inside: Inside) -> bool:
    values = column.array
    inner = next((part for name in ("_codes", "_ndarray") if (part := getattr(values, name, None)) is not None), None)
    if inner is None:
        return hasattr(values, "_pa_array")
    # A column of a frame is a row of its block, and has steps where the block is in the order of rows.
    base = inner if inner.base is None or inner.flags.c_contiguous else inner.base
    return inner.nbytes == 0 or inside(inner.ctypes.data, inner.itemsize) and inside(base.ctypes.data, base.itemsize)


def _of_polars(value: Any, inside: Inside) -> Make | None:
    import polars

    if type(value) is polars.DataFrame:
        return value.clone if polars.Object not in value.dtypes else None
    return value.clone if type(value) is polars.Series and value.dtype != polars.Object else None


def _of_arrow(value: Any, inside: Inside) -> Make | None:
    import pyarrow  # type: ignore[import-untyped, unused-ignore]

    fixed = (pyarrow.Table, pyarrow.RecordBatch, pyarrow.ChunkedArray, pyarrow.Array, pyarrow.Schema)
    return (lambda: value) if isinstance(value, fixed) else None


_LIBRARIES: dict[str, Callable[[Any, Inside], Make | None]] = {
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_arrow,
}
