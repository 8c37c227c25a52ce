"""The picture of results in a notebook: tally, ranking, and a heatmap where two parameters were swept.

Never runs a script and loads nothing: the page is text and colours, and every text in it is escaped.
"""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING

from host._results import metric_of

if TYPE_CHECKING:
    from host._results import ParallelResult, Pivot, SweepResults

TOP = 10
MOST_CELLS = 2_500
_CELL = "padding:2px 6px;text-align:right"
# The ends and the middle of a scale that colour-blind readers can tell apart.
_LOW, _MIDDLE, _HIGH = (69, 117, 180), (247, 247, 247), (215, 48, 39)

_KINDS = {
    "component": "components in the sandbox",
    "callable": "Python callables, not sandboxed",
    "targets": "targets of Python functions, not sandboxed",
    "strategy": "strategies in Python, not sandboxed",
}


def page(results: SweepResults) -> str:
    """The results as a fragment of HTML."""
    parts = [f"<div><b>{_tally(results)}</b>"]
    metric = _metric(results)
    best = results.best(TOP, metric) if metric else results[:TOP]
    parts += [_ranking(best, metric), _failures(results)]
    varied = [name for name, values in results.axes.items() if len(values) > 1]
    if metric is not None and len(varied) == 2:
        parts.append(_heatmap(results.grid(varied[0], varied[1], metric)))
    return "".join(parts) + "</div>"


def _metric(results: SweepResults) -> str | None:
    """The metric that `best` ranks by; the first one where that is open."""
    known = results.metrics
    named = [name for name in (results.objective, "sharpe") if name in known]
    return next(iter(named or known), None)


def _tally(results: SweepResults) -> str:
    failed = len(results.failed)
    kind = _KINDS.get(results.kind, results.kind)
    return f"{len(results):,} results, {len(results) - failed:,} with a value, {failed:,} failed ({kind})"


def _ranking(best: SweepResults, metric: str | None) -> str:
    if not len(best):
        return ""
    metrics = best.metrics[:8]
    if metric in metrics:
        metrics = [metric, *(name for name in metrics if name != metric)]
    head = "".join(f"<th style='{_CELL}'>{html.escape(name)}</th>" for name in ["", "task", *metrics, "seconds"])
    rows = "".join(_row(place, result, metrics) for place, result in enumerate(best, 1))
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _row(place: int, result: ParallelResult, metrics: list[str]) -> str:
    numbers = [_number(metric_of(result, name)) for name in metrics]
    texts = [str(place), html.escape(_short(result.task_id)), *numbers, f"{result.execution_time:.3g}"]
    return "<tr>" + "".join(f"<td style='{_CELL}'>{text}</td>" for text in texts) + "</tr>"


def _failures(results: SweepResults) -> str:
    kinds: dict[str, list[ParallelResult]] = {}
    for result in results.failed:
        kinds.setdefault(result.error_kind or "failed", []).append(result)
    lines = [
        f"<li>{html.escape(kind)}: {len(failures):,}, for example {html.escape(_short(failures[0].task_id))}: "
        f"{html.escape(_short(failures[0].error_message or '', 300))}</li>"
        for kind, failures in sorted(kinds.items(), key=lambda pair: -len(pair[1]))
    ]
    return f"<ul>{''.join(lines)}</ul>" if lines else ""


def _heatmap(pivot: Pivot) -> str:
    if len(pivot.rows) * len(pivot.columns) > MOST_CELLS:
        return f"<p>No heatmap: {len(pivot.rows):,} x {len(pivot.columns):,} cells are too many to read.</p>"
    finite = [value for row in pivot.cells for value in row if math.isfinite(value)]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    names = "".join(f"<th style='{_CELL}'>{html.escape(_short(str(value), 20))}</th>" for value in pivot.columns)
    corner = f"{html.escape(pivot.row_name)} \\ {html.escape(pivot.column_name)}"
    rows = "".join(
        f"<tr><th style='{_CELL}'>{html.escape(_short(str(value), 20))}</th>"
        + "".join(_cell(cell, low, high) for cell in cells)
        + "</tr>"
        for value, cells in zip(pivot.rows, pivot.cells)
    )
    title = f"{html.escape(pivot.metric)}, from {_number(low)} (blue) to {_number(high)} (red)"
    return f"<table><caption>{title}</caption><thead><tr><th>{corner}</th>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _cell(value: float, low: float, high: float) -> str:
    if not math.isfinite(value):
        return f"<td style='{_CELL}'>{'' if math.isnan(value) else _number(value)}</td>"
    share = (value - low) / (high - low) if high > low else 0.5
    start, end, part = (_LOW, _MIDDLE, share * 2) if share < 0.5 else (_MIDDLE, _HIGH, share * 2 - 1)
    red, green, blue = (round(a + (b - a) * part) for a, b in zip(start, end))
    ink = "#fff" if red * 0.299 + green * 0.587 + blue * 0.114 < 140 else "#111"
    return f"<td style='{_CELL};background:rgb({red},{green},{blue});color:{ink}'>{_number(value)}</td>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
