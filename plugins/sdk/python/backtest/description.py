"""How a strategy declares itself and its parameters.

Never checks a value: the host does that, by what is declared here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

Value = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. Made by :func:`boolean`, :func:`integer`, :func:`number` and :func:`text`."""

    name: str
    doc: str
    default: Value
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """A strategy by its name, its version, one sentence for the user, and its parameters in the order of tables."""

    name: str
    version: str
    summary: str
    parameters: Sequence[Parameter] = ()


def boolean(name: str, doc: str, *, default: bool) -> Parameter:
    """Declares a parameter that is true or false."""
    return Parameter(name, doc, bool(default))


def integer(
    name: str,
    doc: str,
    *,
    default: int,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[int] = (),
) -> Parameter:
    """Declares a parameter that is a whole number. Both bounds are allowed values."""
    return Parameter(name, doc, int(default), minimum, maximum, tuple(map(int, choices)))


def number(
    name: str,
    doc: str,
    *,
    default: float,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: Sequence[float] = (),
) -> Parameter:
    """Declares a parameter that is a real number. Both bounds are allowed values."""
    return Parameter(name, doc, float(default), minimum, maximum, tuple(map(float, choices)))


def text(name: str, doc: str, *, default: str, choices: Sequence[str] = ()) -> Parameter:
    """Declares a parameter that is a text, any or one of ``choices``."""
    return Parameter(name, doc, str(default), choices=tuple(map(str, choices)))
