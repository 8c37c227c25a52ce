"""What tests share: a pool that stays warm, and a check that no process is left. Never uses the store of whoever runs them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
from host.parallel import ParallelBacktester

os.environ.setdefault("HOST_STORE", "off")
# A job in the background may have been told to ignore Ctrl-C, and so would the scripts that are interrupted here.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def backtester() -> Iterator[ParallelBacktester]:
    """Two workers for all tests of a file."""
    with ParallelBacktester(2) as shared:
        yield shared


def marked() -> list[int]:
    """The processes that workers of this test run have started, those of other pools included."""
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"HOST_WORKER={os.getpid()}-".encode() in file.read():
                        found.append(int(name))
        except OSError:
            continue
    return found


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Fails if more processes of workers are there after the test than before it."""
    before = set(marked())
    yield
    deadline = time.monotonic() + 30
    while set(marked()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not set(marked()) - before
