"""The parameters of one task, read by name and type.

Never checks bounds: the host has, by what the strategy declared.
"""

from collections.abc import Mapping
from typing import TypeVar

from backtest.description import Value
from backtest.errors import Failed, InvalidParams

T = TypeVar("T", bool, int, float, str)

_KINDS = {bool: "a boolean", int: "an integer", float: "a number", str: "a text"}


class Params:
    """The parameters of one task: every declared one, within its declared bounds and choices.

    A name that is not declared, or one of another type, raises :class:`~backtest.Failed`.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Value]) -> None:
        self._values = values

    def __repr__(self) -> str:
        return f"Params({dict(self._values)!r})"

    def boolean(self, name: str) -> bool:
        """Returns the value of a parameter that is true or false."""
        return self._read(name, bool)

    def integer(self, name: str) -> int:
        """Returns the value of a parameter that is a whole number."""
        return self._read(name, int)

    def count(self, name: str) -> int:
        """Returns the value of a parameter that counts something, for example the bars of a window.

        Raises :class:`~backtest.InvalidParams` if it is negative.
        """
        value = self.integer(name)
        if value < 0:
            raise InvalidParams(f"`{name}` counts something, so it cannot be {value}")
        return value

    def number(self, name: str) -> float:
        """Returns the value of a parameter that is a real number."""
        return self._read(name, float)

    def text(self, name: str) -> str:
        """Returns the value of a parameter that is a text."""
        return self._read(name, str)

    def _read(self, name: str, kind: type[T]) -> T:
        value = self._values.get(name)
        if value is None:
            raise Failed(f"the plugin asks for parameter `{name}`, which its description does not declare")
        # A boolean is an integer to `isinstance`, and not what was declared.
        if type(value) is not kind:
            wanted, declared = _KINDS[kind], _KINDS[type(value)]
            raise Failed(f"the plugin reads parameter `{name}` as {wanted}, but its description declares {declared}")
        return value
