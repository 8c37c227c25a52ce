"""Strategies in Python, and projects in any language, to components: what `host build` does, from Python.

Never runs a strategy but for the short trial of the new component, in the sandbox.
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from host._errors import PluginError, SettingsError
from host._finder import FOLDER

_INTERFACES = {"EventStrategy": "events", "Strategy": "signals"}


class Plugin:
    """A component in memory, which runs where the name or the path of one does.

    Attributes:
        name: What results call it, unless it says itself.
        data: Its bytes.
        path: Its file, if it was written to one.
    """

    __host_component__ = True
    __slots__ = ("data", "name", "path")

    def __init__(self, name: str, data: bytes, path: Path | None = None) -> None:
        self.name, self.data, self.path = name, data, path

    def __bytes__(self) -> bytes:
        return self.data

    def __repr__(self) -> str:
        return f"<host.Plugin `{self.name}`, {len(self.data) / 1e6:.1f} MB>"

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Writes it to a file, whose path it returns; the file is complete or absent."""
        whole = Path(path)
        with tempfile.NamedTemporaryFile(dir=whole.parent, prefix=f".{whole.name}.", delete=False) as file:
            try:
                file.write(self.data)
                file.close()
                os.replace(file.name, whole)
            except BaseException:
                os.unlink(file.name)
                raise
        return whole


def compile(source: Any, out: str | os.PathLike[str] | None = None, *, trial: bool = True) -> Plugin:
    """Makes a component of a strategy: sandboxed, with a budget, the same bits on every machine, and known to the store.

    Args:
        source: A class of the SDK whose module is a file; the path of such a file; or the folder of a project, as `host new`
            makes it, in any language. The file may import `backtest`, the standard library, and files beside it.
        out: A file for the component, too.
        trial: Whether the component is tried on bundled bars and checked for look-ahead before it is returned.

    Returns:
        The component, to be passed like the name of one.

    Raises:
        SettingsError: The source is none of these.
        PluginError: It does not compile, the trial found a fault, or a tool is missing; the text says how to install it.

    Warns where the trial could not judge the component, which is returned all the same.
    """
    with tempfile.TemporaryDirectory(prefix="host-compile-") as scratch:
        folder = _project(source, Path(scratch))
        component = Path(scratch) / "component.wasm"
        _build(folder, component, trial)
        name = _name(source)
        plugin = Plugin(name, component.read_bytes())
    if out is not None:
        plugin.path = plugin.write(out)
    return plugin


def _name(source: Any) -> str:
    if isinstance(source, type):
        return source.__name__
    path = Path(source).resolve()
    return path.stem if path.is_file() else path.name


def _project(source: Any, scratch: Path) -> Path:
    """The folder of the project: as given, or made around the one file."""
    if isinstance(source, type):
        return _around(_file_of(source), scratch, source)
    if not isinstance(source, (str, os.PathLike)):
        raise SettingsError(
            f"a {type(source).__name__} cannot be compiled; give a class of the SDK, its file, or the folder of a project. A function "
            "of exposures becomes a class with `evaluate`"
        )
    path = Path(source)
    if path.is_dir():
        return path
    if path.suffix == ".py" and path.is_file():
        return _around(path, scratch, None)
    raise SettingsError(f"`{path}` is neither the folder of a project nor a file of Python; give one of these, or a class")


def _kind(strategy: type) -> str:
    for base in strategy.__mro__:
        if base.__module__ == "backtest.strategy" and base.__name__ in _INTERFACES:
            return _INTERFACES[base.__name__]
    raise SettingsError(
        f"`{strategy.__name__}` is not a class of the SDK; derive it from `backtest.Strategy` or `backtest.EventStrategy`"
    )


def _file_of(strategy: type) -> Path:
    _kind(strategy)
    try:
        file = inspect.getsourcefile(strategy)
    except (TypeError, OSError):
        file = None
    if file is None or not os.path.isfile(file):
        raise SettingsError(
            f"`{strategy.__name__}` is in no file, so that there is nothing to compile; write its cell to a file (`%%writefile "
            "my_strategy.py`) and import it from there"
        )
    if "." in strategy.__qualname__:
        raise SettingsError(f"`{strategy.__qualname__}` is inside of another class or function; move it to the top of its file")
    return Path(file)


def _around(file: Path, scratch: Path, strategy: type | None) -> Path:
    """A project whose strategy is `file`; the files beside it can be imported."""
    folder = scratch / "project"
    folder.mkdir()
    for beside in file.parent.glob("*.py"):
        if beside.name not in ("strategy.py", file.name):
            shutil.copyfile(beside, folder / beside.name)
    text = file.read_text(encoding="utf-8")
    if strategy is not None:
        kind = _kind(strategy)
        text += f"\n\n{kind} = {strategy.__name__}\n"
        kinds = [kind]
    else:
        kinds = [kind for kind in _INTERFACES.values() if re.search(rf"^{kind}\s*=", text, re.MULTILINE)]
        if not kinds:
            raise SettingsError(f"`{file}` names no strategy; end it with `events = YourStrategy` or `signals = YourStrategy`")
    (folder / "strategy.py").write_text(text, encoding="utf-8")
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    (folder / "strategy.toml").write_text(
        f'language = "python"\nname = "compiled"\ninterfaces = [{listed}]\n', encoding="utf-8"
    )
    shutil.copytree(FOLDER, folder / "sdk" / "backtest", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def _build(folder: Path, component: Path, trial: bool) -> None:
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    code = f"import sys; sys.path.insert(0, {home!r}); from host.__main__ import main; sys.exit(main())"
    arguments = ["build", str(folder), "--out", str(component), "--quiet", *([] if trial else ["--no-trial"])]
    # What was installed beside this Python is found without an activated environment, too.
    beside = os.path.dirname(sys.executable)
    environment = {**os.environ, "PATH": os.pathsep.join(filter(None, [os.environ.get("PATH"), beside]))}
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments], capture_output=True, text=True, env=environment, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    said = (ran.stderr + ran.stdout).strip()
    if ran.returncode == 0 and component.exists():
        return
    if component.exists():
        # It is well made; only the trial could not judge it.
        warnings.warn(said or f"the trial of the component ended with {ran.returncode}", stacklevel=4)
        return
    raise PluginError((said or f"`host build` ended with {ran.returncode}") + _hint(said))


def _hint(said: str) -> str:
    missing = re.search(r"No module named '([^']+)'|attempted relative import", said)
    if missing is None:
        return ""
    return (
        "\na component has the standard library, `backtest`, and the files beside that of the strategy: keep the strategy in a file "
        "of its own, which imports nothing else"
    )
