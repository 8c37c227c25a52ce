"""A report: one HTML file that shows a sweep, its best combination and what speaks for it, also in a notebook.

Never draws: the page does.
"""

from __future__ import annotations

import html
import os
import tempfile
from pathlib import Path
from typing import Any

from host._errors import HostError

_STYLE = "width:100%;height:48rem;border:1px solid #8886"


class Report:
    """A report, or a part of one, which a notebook shows.

    Attributes:
        page: The text of the file.
        path: Where it is written; `None` if nowhere.
    """

    __slots__ = ("page", "path")

    def __init__(self, page: str, path: Path | None) -> None:
        self.page, self.path = page, path

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Writes the file, complete or not at all, and returns its path.

        Raises:
            HostError: It cannot be written.
        """
        written = Path(path)
        _write(written, self.page)
        self.path = written
        return written

    def __repr__(self) -> str:
        place = "not written" if self.path is None else str(self.path)
        return f"<Report: {place}, {len(self.page.encode()) // 1_000} KB>"

    def _repr_html_(self) -> str:
        # A frame without the rights of the notebook: nothing of it is in reach of the page.
        frame = f'<iframe title="Report" sandbox="allow-scripts allow-downloads" style="{_STYLE}" srcdoc="{html.escape(self.page)}">'
        return f"{frame}</iframe>"


def report(
    results: str | os.PathLike[str],
    strategy: Any,
    data: Any = None,
    *,
    out: str | os.PathLike[str] | None = None,
    returns: str | os.PathLike[str] | None = None,
    task: str | None = None,
    store: bool | str | os.PathLike[str] = True,
    benchmark: Any = None,
    **reading: Any,
) -> Report:
    """Makes a report on a sweep of a component, as `host report` does: one HTML file that opens without a network.

    Args:
        results: The Parquet file that `run_parameter_sweep(..., out=path)` or `host sweep --out` wrote.
        strategy, data: The component and the bars of the sweep, as in `run_parameter_sweep`: its best combination runs once more.
        out: The file to write; in a notebook the report is shown without one, too.
        returns: The returns that the sweep wrote beside the results: the report has the verdict and walk-forward then.
        task: The combination to show, by its `task_id`; the best one if left out.
        store: The store that has counted the trials, as in `trust`.
        benchmark: The bars that the sweep was measured against, where they were not among its own, as in `run_parameter_sweep`.
        reading: How the data is read, as in `run_parameter_sweep`.

    Raises:
        DataError: A file cannot be read.
        SettingsError: Strategy, data, benchmark or returns are not those of the sweep.
        PluginError: The component cannot be loaded, or its run fails.
        HostError: The file cannot be written.
    """
    from host import _components

    page = _components.report(
        data, strategy, results, returns=returns, task=task, store=store, benchmark=benchmark, **reading
    )
    made = Report(page, None)
    if out is not None:
        made.save(out)
    return made


def _write(path: Path, page: str) -> None:
    """Writes the file, which is complete or what it was."""
    part = None
    try:
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".host-", delete=False) as file:
            part = file.name
            file.write(page)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(part, 0o666 & ~mask)
        os.replace(part, path)
    except OSError as error:
        if part is not None:
            Path(part).unlink(missing_ok=True)
        raise HostError(f"`{path}` cannot be written: {error}; give another path") from error
