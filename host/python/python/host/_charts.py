"""Charts of results: the heatmap of the report, of any results that are in memory.

Never draws: the page does. Never computes a metric, and never ranks: results do.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from host import _native
from host._errors import SettingsError
from host._grid import value_name
from host._html import SHOWN
from host._report import Report
from host._results import MISSING, key_of

if TYPE_CHECKING:
    from host._results import SweepResults

FORMAT = 1
"""The version of a page's data."""

MOST_CELLS = 200_000
"""The most results that a page draws; of more, so many are drawn at random."""

BESIDE = ("excess_return", "information_ratio")
"""Metrics against a benchmark that a page shows, where results have them."""

SYMBOL = "symbol"

OWN: tuple[str, bool | None] = ("number", None)
"""What is known of a number that a callable returns."""


def heatmap(results: SweepResults, metric: str | None, x: str | None, y: str | None) -> Report:
    """The chart of `SweepResults.heatmap`."""
    name = _metric(results, metric)
    axes = _axes(results)
    _check(results, axes, x, y)
    rows = _rows(results, axes)
    chosen = _best(results, name, rows)
    kept, sampled = _kept(rows, chosen)
    sweep: dict[str, Any] = {
        "axes": [{"name": axis, "values": [_plain(value) for value in values]} for axis, (values, _) in axes.items()],
        "places": [_places(values, settings, kept) for values, settings in axes.values()],
        "metrics": [_measured(results, one, kept) for one in _metrics(results, name)],
        "failed": [int(not is_fine) for is_fine in _at(results._successes(), kept)],
    }
    if chosen is not None:
        sweep["chosen"] = kept.index(chosen)
    if sampled is not None:
        sweep["sampled"] = sampled
    data = {
        "format": FORMAT,
        "title": f"{results[0].strategy_name or results.kind}: {len(rows):,} combination{'' if len(rows) == 1 else 's'}",
        "subtitle": f"{name.replace('_', ' ')}; {'high' if _is_higher(results, name) else 'low'} is better",
        "only": ["sweep"],
        "view": {part: value for part, value in (("metric", name), ("x", x), ("y", y)) if value is not None},
        "sweep": sweep,
        "receipt": [],
    }
    return Report(_native.core().page(json.dumps(data, allow_nan=False)), None)


def _metric(results: SweepResults, asked: str | None) -> str:
    known = results.metrics
    if asked is not None and asked not in known and _facts(results, asked) is not OWN:
        raise SettingsError(
            f"the results do not have `{asked}`; ask for it with `metrics`, and give a `benchmark` if it is measured against one"
        )
    name = results._metric(asked)
    if name not in known:
        raise SettingsError("no result has a number; a heatmap shows one")
    return name


Axes = dict[str, tuple[list[Any], list[Any]]]
"""Of each axis its values, and that of each result."""


def _axes(results: SweepResults) -> Axes:
    """The parameters, and the symbols, of which results have more than one value; the only one where none has."""
    if not len(results):
        raise SettingsError("there are no results to draw")
    names = dict.fromkeys((*results[0].params, *results.axes))
    found: Axes = {name: (_sorted(results._present(name)), results._settings(name)) for name in names}
    symbols = [MISSING if symbol is None else symbol for symbol in results._symbols()]
    if SYMBOL not in found:
        several = list(dict.fromkeys(symbol for symbol in symbols if symbol is not MISSING))
        found = {SYMBOL: (several if len(several) > 1 else [], symbols), **found}
    found = {name: axis for name, axis in found.items() if axis[0]}
    varied = {name: axis for name, axis in found.items() if len(axis[0]) > 1}
    axes = varied or dict(list(found.items())[:1])
    if not axes:
        raise SettingsError("the results have no parameters; a heatmap shows a metric over some")
    return axes


def _check(results: SweepResults, axes: Axes, x: str | None, y: str | None) -> None:
    for place, name in (("x", x), ("y", y)):
        if name is None or name in axes:
            continue
        known = ", ".join(axes)
        if name in results[0].params:
            raise SettingsError(f"`{place}`: the parameter `{name}` has one value in these results; give one of {known}")
        raise SettingsError(f"`{place}`: unknown parameter `{name}`; known: {known}")
    if x is not None and x == y:
        raise SettingsError(f"`x` and `y` are both `{x}`; give two parameters")


def _rows(results: SweepResults, axes: Axes) -> list[int]:
    """The results that have a value on each axis."""
    lacking = {row for _, settings in axes.values() for row, value in enumerate(settings) if value is MISSING}
    return [row for row in range(len(results)) if row not in lacking]


def _best(results: SweepResults, metric: str, rows: Sequence[int]) -> int | None:
    """The best of `rows` that meet the requirements of the call."""
    values, is_higher = results._values(metric), _is_higher(results, metric)
    places = results._places() if results._left_out else []
    fit = [row for row in rows if _is_number(values[row]) and not (places and places[row] in results._left_out)]
    return max(fit, key=lambda row: (values[row] or 0.0) * (1 if is_higher else -1), default=None)


def _kept(rows: list[int], chosen: int | None) -> tuple[list[int], int | None]:
    """The rows to draw, and of how many they are a sample."""
    if len(rows) <= MOST_CELLS:
        return rows, None
    drawn = {*random.Random(0).sample(rows, MOST_CELLS), *([] if chosen is None else [chosen])}
    return sorted(drawn), len(rows)


def _metrics(results: SweepResults, first: str) -> list[str]:
    """The metrics of the chart: the one that is asked for, then those that one reads first; of own results, all."""
    known = results.metrics
    wanted = (results.objective, *(SHOWN if results.kind != "callable" else known), *BESIDE)
    return list(dict.fromkeys((first, *(name for name in wanted if name in known))))


def _measured(results: SweepResults, name: str, rows: Sequence[int]) -> dict[str, Any]:
    unit, _ = _facts(results, name)
    better = "max" if _is_higher(results, name) else "min"
    finite = [value if _is_number(value) else None for value in _at(results._values(name), rows)]
    return {"name": name, "unit": unit, "better": better, "values": finite}


def _facts(results: SweepResults, name: str) -> tuple[str, bool | None]:
    """How a metric is written, and whether higher values are better. What callables return are numbers of their own."""
    known: tuple[str, bool | None] | None = None if results.kind == "callable" else _native.core().metric(name)
    return known or OWN


def _is_higher(results: SweepResults, name: str) -> bool:
    _, is_higher = _facts(results, name)
    return results.direction == "max" if is_higher is None or name == results.objective else is_higher


def _places(values: Sequence[Any], settings: Sequence[Any], rows: Sequence[int]) -> list[int]:
    known = {key_of(value): place for place, value in enumerate(values)}
    return [known[key_of(value)] for value in _at(settings, rows)]


def _at(values: Sequence[Any], rows: Sequence[int]) -> list[Any]:
    return [values[row] for row in rows]


def _sorted(values: list[Any]) -> list[Any]:
    """Numbers in their order, others as they came."""
    is_numbers = all(isinstance(_plain(value), (int, float)) and not isinstance(value, bool) for value in values)
    return sorted(values) if is_numbers else values


def _plain(value: Any) -> Any:
    """A value as JSON has it; a text for what has none."""
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, (bool, int, str)) or isinstance(value, float) and math.isfinite(value):
        return value
    return value_name(value)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
