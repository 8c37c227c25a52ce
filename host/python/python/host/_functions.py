"""Functions that were pickled by value, made as cloudpickle makes them, without the 15 ms that it takes to import it.

Never makes classes or modules, nor reads what an unknown version has written: for these, workers import cloudpickle.
"""

from __future__ import annotations

import builtins
import sys
import types
from _pickle import Unpickler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KNOWN = ("3.0.", "3.1.")
"""How the versions of cloudpickle begin whose functions are read here."""


class Reader(Unpickler):
    """Reads a pickle of a known version."""

    def find_class(self, module: str, name: str, /) -> Any:
        """The maker of a part of a function; all else as pickle finds it."""
        maker = _MAKERS.get(name) if module == "cloudpickle.cloudpickle" else None
        return super().find_class(module, name) if maker is None else maker


def _type(name: str) -> Any:
    return getattr(types, name)


def _imported(name: str) -> types.ModuleType:
    __import__(name)
    return sys.modules[name]


def _function(
    code: types.CodeType, scope: dict[str, Any], name: str | None, defaults: tuple[object, ...] | None,
    closure: tuple[types.CellType, ...] | None,
) -> types.FunctionType:  # fmt: skip
    scope["__builtins__"] = builtins.__dict__
    return types.FunctionType(code, scope, name, defaults, closure)


def _set_state(function: types.FunctionType, states: tuple[dict[str, Any], dict[str, Any]]) -> None:
    attributes, slots = states
    function.__dict__.update(attributes)
    scope, closure = slots.pop("__globals__"), slots.pop("__closure__")
    del slots["_cloudpickle_submodules"]  # What mattered was to import them.
    function.__globals__.update(scope)
    function.__globals__["__builtins__"] = builtins.__dict__
    for own, given in zip(function.__closure__ or (), closure or ()):
        try:
            own.cell_contents = given.cell_contents
        except ValueError:
            pass  # An empty cell stays empty.
    for name, value in slots.items():
        setattr(function, name, value)


_MAKERS: dict[str, Any] = {
    "_builtin_type": _type,
    "_function_setstate": _set_state,
    "_make_cell": types.CellType,
    "_make_empty_cell": types.CellType,
    "_make_function": _function,
    "subimport": _imported,
}
