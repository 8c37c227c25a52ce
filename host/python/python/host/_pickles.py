"""Pickles by value: functions and classes that another process cannot import, with large buffers apart.

Never runs what it pickles, and never sends it.
"""

from __future__ import annotations

import collections
import functools
import io
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

from host._wire import OWN_BUFFER


def dumps(value: object, keep: Callable[[pickle.PickleBuffer], object] | None = None, shared: Shared | None = None) -> bytes:
    """Pickles by value what another process cannot import: functions and classes of `__main__`, lambdas, closures.

    Args:
        value: The object.
        keep: Called with each large buffer; false from it leaves the buffer out of the pickle.
        shared: Objects that the reader has, by identity; their keys are written instead.

    Raises:
        Exception: It cannot be pickled.
    """
    file = io.BytesIO()
    pickler = _pickler_type(bool(shared))(file, protocol=5, buffer_callback=keep)
    pickler.shared = shared
    pickler.dump(value)
    return file.getvalue()


Shared = dict[int, int]
"""For the identity of an object its key."""


def _pickler_type(with_shared: bool) -> Any:
    plain, sharing = _make_pickler_types(sys.modules.get("numpy") is not None)
    return sharing if with_shared else plain


@functools.cache
def _make_pickler_types(with_numpy: bool) -> tuple[Any, Any]:
    """Two picklers, of which only the second asks of each object whether the reader has it: that takes time."""
    import cloudpickle  # type: ignore[import-untyped, unused-ignore]
    from cloudpickle import cloudpickle as inner

    def reduce_code(code: types.CodeType) -> Any:
        make, arguments, *rest = inner._code_reduce(code)
        named = tuple(code.co_filename if argument == "<dynamic-code>" else argument for argument in arguments)
        return (make, named, *rest)

    reducers: dict[type, Any] = {types.CodeType: reduce_code}
    if with_numpy:
        reducers[sys.modules["numpy"].ndarray] = _reduce_array

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
        # cloudpickle leaves out the name of the file, which tracebacks are to show.
        dispatch_table = collections.ChainMap(reducers, cloudpickle.Pickler.dispatch_table)
        shared: Shared

    class Sharing(Pickler):
        def persistent_id(self, value: object) -> int | None:
            return self.shared.get(id(value))

    return Pickler, Sharing


def _reduce_array(array: Any) -> Any:
    """Times as the whole numbers that they are, because pickle leaves only buffers of numbers apart."""
    if array.dtype.kind in "mM" and array.flags.c_contiguous and array.nbytes >= OWN_BUFFER:
        import numpy

        return numpy.ndarray.view, (array.view("i8"), array.dtype)
    return array.__reduce_ex__(5)
