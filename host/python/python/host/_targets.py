"""Functions that answer with exposures: the mark on them, and explicit targets as an answer.

Never runs a function, and never trades: the broker of the library does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

NO_NUMBERS = memoryview(bytearray(8)).cast("d")[:0]
"""A buffer without numbers, whose address is one of numbers: that of an empty array need not be."""

Function = TypeVar("Function", bound=Callable[..., Any])

_MARK = "__host_targets__"


def targets(function: Function) -> Function:
    """Marks a function `f(data, **params)` that returns exposures, which our broker trades and measures.

    The function stays what it was: it can be called and tested as before. In a sweep it runs natively in worker processes,
    and its results are metrics, with the bits that a component with the same targets has.

    What it returns: for each bar the exposure from that bar on, as a share of equity: 1 is fully long, 0 flat, -1 fully
    short. An array, a Series or a list as long as the bars of one instrument; for several instruments a dict from symbols to
    these, a frame with a column for each symbol, or an array with a column for each instrument. Only changes trade. An
    exposure is decided at the close of its bar and traded at the next open, unless the account says otherwise; so it may use
    its own bar and earlier ones. Instead it may return `Targets`, which say at which bars something is asked for.

    What it gets: `data` as they were passed, if they are a frame or a dict of frames, oldest bar first; of paths, bundled
    bars and datasets a dict of columns (`time`, `open`, `high`, `low`, `close`, `volume`), for several instruments a dict
    from symbols to these.

    Example:
        >>> @host.targets
        ... def above(data, length=20):
        ...     return (data["close"] > host.indicators.sma(data["close"], length)).astype(float)
        >>> host.run_parameter_sweep(data, above, {"length": [10, 20]}, account={"commission_bps": 5})

    Raises:
        TypeError: It is no callable, or one that cannot be marked.
    """
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"`targets` marks functions, and this is {function!r}; give `f(data, **params)`")
    try:
        setattr(function, _MARK, True)
    except AttributeError:
        raise TypeError(f"{function!r} cannot be marked; wrap it: `targets(lambda data, **params: ...)`") from None
    return function


def answers_with_targets(strategy: object) -> bool:
    """Whether a callable is marked, itself or the function that it has bound arguments to."""
    return any(getattr(one, _MARK, False) is True for one in (strategy, getattr(strategy, "func", None)))


@dataclass(frozen=True, slots=True)
class Targets:
    """Explicit targets: what is asked for at which bars. To ask for the same again is to ask for a rebalance.

    Attributes:
        bar: The bars, counted from 0; sorted by time, at most one target for each bar of each instrument.
        exposure: The share of equity to hold from each of these bars on.
        instrument: The instruments, counted from 0 in the order of the data, or their symbols; the first one if left out.
    """

    bar: Sequence[int]
    exposure: Sequence[float]
    instrument: Sequence[int | str] | None = None
