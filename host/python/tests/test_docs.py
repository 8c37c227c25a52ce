"""The examples of the documentation about Python, as they are written: each runs, and prints what stands below it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import host
import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "examples" / "docs"
HOME = os.path.dirname(os.path.dirname(os.path.abspath(host.__file__)))
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:^```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str]]:
    """The examples of a page, and what each is to print."""
    return BLOCK.findall((PAGES / page).read_text())


def run(code: str, folder: Path) -> str:
    """Runs a script as a reader would, in a clone, and returns what it prints."""
    script = folder / "example.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": HOME, "HOST_STORE": "off"}
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_page_about_python_from_top_to_bottom(tmp_path: Path) -> None:
    for name in ("pandas", "pyarrow"):
        pytest.importorskip(name)
    examples = blocks("python.md")
    assert len(examples) >= 3
    out = run("\n".join(code for code, _ in examples), tmp_path)
    assert len(re.findall(r"^fast=\d+,slow=\d+ \d", out, re.MULTILINE)) == 3


@pytest.mark.parametrize("at", range(6))
def test_an_example_of_the_page_about_other_engines(at: int, tmp_path: Path) -> None:
    examples = blocks("python-migration.md")
    assert len(examples) == 6
    code, expected = examples[at]
    for name in [*re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE), *re.findall(r"\.to_(pandas)\(", code)]:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"{name} is not installed")
    assert expected.strip() and run(code, tmp_path) == expected
