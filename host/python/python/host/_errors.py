"""The exceptions of the package.

Never raised for a task that fails: such a task is a failed result, and the others go on.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from host._results import SweepResults


TEXT_CHARS = 2_000


def text_of(error: BaseException) -> str:
    """The text of an exception, cut if it is very long; never raises, whatever the exception does."""
    try:
        text = str(error)
        return text if len(text) <= TEXT_CHARS else f"{text[:TEXT_CHARS]}…"
    except BaseException as second:
        return f"(its text cannot be had: `__str__` raised {type(second).__name__})"


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
