"""The compiled part of the package, loaded once: `core()` is the module `host._core`.

Never loaded by `import host`: it has some ten megabytes.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType

# A worker process is this interpreter without site packages, which loads the compiled part alone.
_WORKER = """
import importlib.machinery, importlib.util
loader = importlib.machinery.ExtensionFileLoader("host._core", {path!r})
spec = importlib.util.spec_from_loader("host._core", loader)
module = importlib.util.module_from_spec(spec)
loader.exec_module(module)
module.worker()
"""


@cache
def core() -> ModuleType:
    """The module `host._core`, told how to start worker processes."""
    from host import _core

    if sys.executable and _core.__file__:
        _core.set_worker([sys.executable, "-I", "-S", "-c", _WORKER.format(path=_core.__file__)])
    return _core
