"""The SDK for Python, `backtest`, where nothing else has that name: strategies run natively and compiled from the same file.

Never stands in the way of a `backtest` that is found on the import path: it is asked last.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAME = "backtest"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_sdk", _NAME)
"""Where the SDK lies."""


class Finder:
    """Finds the SDK, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> Any:
        """The SDK's spec; `None` for all other modules, and where the SDK is not installed."""
        if name != _NAME or path is not None:
            return None
        import importlib.util

        file = os.path.join(FOLDER, "__init__.py")
        if not os.path.exists(file):
            return None
        return importlib.util.spec_from_file_location(name, file, submodule_search_locations=[FOLDER])


def install() -> None:
    """Asks this finder last from now on."""
    if not any(finder is Finder for finder in sys.meta_path):
        sys.meta_path.append(Finder)
