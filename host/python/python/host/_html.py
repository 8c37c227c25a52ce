"""The picture of results in a notebook: tally, ranking, failures, and a heatmap over the parameters that were swept.

Never runs a script and loads nothing: the page is text and colours, and every text in it is escaped. It sets no colour of
text or ground but in the heatmap, where both go together, so that it reads on light and dark pages.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from host._grid import value_name
from host._results import MISSING, metric_of

if TYPE_CHECKING:
    from host._results import ParallelResult, Pivot, SweepResults

TOP = 10
MOST_METRICS = 8
MOST_PARAMETERS = 6
MOST_CELLS = 2_500
MOST_VALUES = 100
# What the command shows, in its order.
SHOWN = ("total_return", "sharpe", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor")
# Viridis: even steps for the eye, and for colour-blind readers, too.
_SCALE = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
_RIGHT, _LEFT = (f"padding:2px 8px;white-space:nowrap;text-align:{side}" for side in ("right", "left"))

_KINDS = {
    "component": "components in the sandbox",
    "callable": "Python callables, not sandboxed",
    "targets": "targets of Python functions, not sandboxed",
    "strategy": "strategies in Python, not sandboxed",
}


def page(results: SweepResults) -> str:
    """The results as a fragment of HTML."""
    metric = _metric(results)
    best = results.best(TOP, metric) if metric else results[:TOP]
    varied = _varied(results)
    parts = [f"<p><b>{_tally(results)}</b></p>", _list(getattr(results, "notes", ())), _ranking(results, best, metric, varied)]
    parts.append(_failures(results))
    if metric is not None and varied:
        parts.append(_heatmap(results, metric, varied))
    return f"<div style='overflow-x:auto'>{''.join(parts)}</div>"


def _metric(results: SweepResults) -> str | None:
    """The metric that `best` ranks by; the first one where that is open."""
    known = results.metrics
    named = [name for name in (results.objective, "sharpe") if name in known]
    return next(iter(named or known), None)


def _varied(results: SweepResults) -> dict[str, list[Any]]:
    """The parameters of which results have more than one value, and these values."""
    names = dict.fromkeys((*(results[0].params if len(results) else ()), *results.axes))
    values = {name: results._present(name) for name in names}
    return {name: present for name, present in values.items() if len(present) > 1}


def _tally(results: SweepResults) -> str:
    failed = sum(count for count, _ in results._failures().values())
    kind = _KINDS.get(results.kind, results.kind)
    known = getattr(results, "known", 0)
    stored = f"; {known:,} known from the store" if known else ""
    return f"{len(results):,} results, {len(results) - failed:,} with a value, {failed:,} failed ({kind}{stored})"


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return f"<ul>{items}</ul>" if items else ""


def _ranking(results: SweepResults, best: SweepResults, metric: str | None, varied: dict[str, list[Any]]) -> str:
    if not len(best):
        return ""
    known = results.metrics
    metrics = [name for name in dict.fromkeys((metric, *SHOWN, *known)) if name in known][:MOST_METRICS]
    names = list(varied) if len(varied) <= MOST_PARAMETERS and all(name in one.params for one in best for name in varied) else []
    symbols = any(one.symbol is not None for one in best)
    titles = [*names] if names else ["task"]
    titles += ["symbol"] if symbols else []
    heads = [("", _RIGHT), *((title, _LEFT) for title in titles)]
    heads += [(name, _RIGHT) for name in metrics] if metric else [("result", _LEFT)]
    head = "".join(f"<th style='{style}'>{html.escape(_short(name, 40))}</th>" for name, style in [*heads, ("time", _RIGHT)])
    rows = []
    for place, one in enumerate(best, 1):
        labels = [_label(one.params[name]) for name in names] if names else [_short(one.task_id)]
        labels += [str(one.symbol)] if symbols else []
        cells = [(str(place), _RIGHT), *((label, _LEFT) for label in labels)]
        cells += [(_number(metric_of(one, name)), _RIGHT) for name in metrics] if metric else [(_outcome(one), _LEFT)]
        cells.append((_duration(one.execution_time), _RIGHT))
        rows.append("<tr>" + "".join(f"<td style='{style}'>{html.escape(text)}</td>" for text, style in cells) + "</tr>")
    title = f"<p>The best by {html.escape(metric)}, {_better(results)}</p>" if metric else ""
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _better(results: SweepResults) -> str:
    return "the highest first" if results.direction == "max" else "the lowest first"


def _outcome(result: ParallelResult) -> str:
    """A result that is not a number, in a word."""
    if not result.success:
        return result.error_kind or "failed"
    value = result.result
    return _short(str(value), 60) if value is None or isinstance(value, (str, bool)) else type(value).__name__


def _failures(results: SweepResults) -> str:
    kinds = sorted(results._failures().items(), key=lambda pair: -pair[1][0])
    return _list([
        f"{kind}: {count:,}, for example {_short(first.task_id)}: {_short(first.error_message or '', 300)}"
        for kind, (count, first) in kinds
    ])  # fmt: skip


def _heatmap(results: SweepResults, metric: str, varied: dict[str, list[Any]]) -> str:
    """The metric over the two parameters with the most values, or over the only one."""
    names = sorted(sorted(varied, key=lambda name: -len(varied[name]))[:2], key=list(varied).index)
    down, across = names if len(names) == 2 else ("", names[0])
    rows, columns = varied.get(down, [None]), varied[across]
    height, width = len(rows), len(columns)
    if height * width > MOST_CELLS or max(height, width) > MOST_VALUES:
        return f"<p>No heatmap: {height:,} x {width:,} cells are too many to read.</p>"
    pivot = results._table(down, across, metric, rows, columns)
    finite = [value for row in pivot.cells for value in row if math.isfinite(value)]
    if not finite:
        return ""
    faults = _faults(results, pivot)
    best = (max if results.direction == "max" else min)(finite)
    scale = _Scale(finite, best)
    heads = "".join(f"<th style='{_RIGHT}'{_full(value)}>{_axis(value)}</th>" for value in pivot.columns)
    lines = []
    for value, cells, failed in zip(pivot.rows, pivot.cells, faults):
        head = f"<th style='{_RIGHT}'{_full(value)}>{_axis(value)}</th>" if down else "<th></th>"
        lines.append(f"<tr>{head}{''.join(map(scale.cell, cells, failed))}</tr>")
    corner = f"{html.escape(down)} ↓ {html.escape(across)} →" if down else f"{html.escape(across)} →"
    filled = sum(not math.isnan(value) for row in pivot.cells for value in row)
    shared = sum(value is not None for value in results._values(metric)) > filled
    text = f"{html.escape(metric)} from {scale.text(min(finite))} to {scale.text(max(finite))}; bright is better"
    text += "; a cell with several results shows the best one" if shared else ""
    text += "; × failed" if any(map(any, faults)) else ""
    table = f"<thead><tr><th style='{_LEFT}'>{corner}</th>{heads}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f"<p>{text}</p><table>{table}</table>"


def _faults(results: SweepResults, pivot: Pivot) -> list[list[bool]]:
    """Which cells have no number because something failed."""
    faults = [[False] * len(pivot.columns) for _ in pivot.rows]
    rows = {value_name(value): place for place, value in enumerate(pivot.rows)}
    columns = {value_name(value): place for place, value in enumerate(pivot.columns)}
    down = results._settings(pivot.row_name) if pivot.row_name else [None] * len(results)
    for row, column, is_fine in zip(down, results._settings(pivot.column_name), results._successes()):
        if is_fine or row is MISSING or column is MISSING:
            continue
        place, at = rows[value_name(row)], columns[value_name(column)]
        faults[place][at] = math.isnan(pivot.cells[place][at])
    return faults


class _Scale:
    """Numbers as colours and texts of equal precision."""

    def __init__(self, values: Sequence[float], best: float) -> None:
        low, high = min(values), max(values)
        self._low, self._high, self._best = low, high, best
        span = high - low or abs(high) or 1.0
        whole = all(value == round(value) for value in values)
        self._decimals = 0 if whole or math.isinf(span) else max(0, 2 - math.floor(math.log10(span)))

    def text(self, value: float) -> str:
        if not math.isfinite(value) or self._decimals > 6 or abs(value) >= 1e9:
            return _number(value)
        return f"{value:,.{self._decimals}f}".replace("-", "−")

    def cell(self, value: float, failed: bool) -> str:
        if math.isnan(value):
            return f"<td style='{_RIGHT}'>{'×' if failed else ''}</td>"
        if math.isinf(value):
            return f"<td style='{_RIGHT}'>{self.text(value)}</td>"
        ground = self._colour(value)
        ink = "#fff" if _luminance(ground) < 0.18 else "#000"
        is_best = value == self._best and self._low < self._high
        mark = f";outline:2px solid {ink};outline-offset:-3px;font-weight:bold" if is_best else ""
        red, green, blue = ground
        return f"<td style='{_RIGHT};background:rgb({red},{green},{blue});color:{ink}{mark}'>{self.text(value)}</td>"

    def _colour(self, value: float) -> tuple[int, int, int]:
        # Halved first, since the span of two huge numbers may be infinite.
        span = self._high / 2 - self._low / 2
        share = (value / 2 - self._low / 2) / span if span > 0 else 1.0
        if self._best == self._low != self._high:
            share = 1 - share
        place = min(int(share * (len(_SCALE) - 1)), len(_SCALE) - 2)
        part = share * (len(_SCALE) - 1) - place
        red, green, blue = (round(start + (end - start) * part) for start, end in zip(_SCALE[place], _SCALE[place + 1]))
        return red, green, blue


def _luminance(colour: tuple[int, int, int]) -> float:
    """How bright a colour is, from 0 to 1, as WCAG defines it."""
    linear = [one / 255 / 12.92 if one <= 10 else ((one / 255 + 0.055) / 1.055) ** 2.4 for one in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _number(value: float | None) -> str:
    """A number with four digits that count, and all of those before the point."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size != 0 and not 1e-4 <= size < 1e12:
        text = f"{value:.3e}"
    elif value == round(value):
        text = f"{round(value):,}"
    else:
        text = f"{value:,.{max(0, 3 - math.floor(math.log10(size)))}f}"
    return text.replace("-", "−")


def _duration(seconds: float) -> str:
    units = (("s", 1.0), ("ms", 1e-3))
    unit, size = next((pair for pair in units if seconds >= pair[1] * 0.9995), ("µs", 1e-6))
    count = seconds / size
    return f"{count:,.0f} {unit}" if count >= 999.5 else f"{count:.3g} {unit}"


def _label(value: Any) -> str:
    """A value of a parameter: as in the name of a task, but for the last digits of a sum of fractions."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.10g}"
    return _short(value_name(value), 40)


def _axis(value: Any) -> str:
    return html.escape(_short(_label(value), 20))


def _full(value: Any) -> str:
    """The whole text of a label that is cut, for the pointer."""
    text = value_name(value)
    return f" title='{html.escape(text)}'" if len(text) > 20 else ""


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
