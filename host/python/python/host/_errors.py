"""The exceptions of the package.

Never raised for a task that fails: such a task is a failed result, and the others go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from host._results import SweepResults


class HostError(Exception):
    """The base of the package's errors. Raised as it is where workers cannot start or cannot load the strategy."""


class GridError(HostError, ValueError):
    """The grid of parameters is not valid."""


class DataError(HostError, ValueError):
    """The data cannot be sent to a worker."""


class PluginError(HostError):
    """A component cannot be loaded or prepared."""


class SettingsError(HostError, ValueError):
    """An argument is not valid, or does not apply to this kind of strategy."""


class SweepInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a call.

    Attributes:
        results: The results that were finished, in the order of the tasks.
    """

    def __init__(self, results: SweepResults, total: int) -> None:
        super().__init__(f"interrupted after {len(results)} of {total} tasks; the finished ones are in `.results`")
        self.results = results
