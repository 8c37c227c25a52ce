"""The notebook of the examples, cell by cell, and the stop button, in a kernel without a screen."""

from __future__ import annotations

import queue
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
manager = pytest.importorskip("jupyter_client.manager")
pytest.importorskip("ipykernel")
pytest.importorskip("pandas")

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "sweep.ipynb"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The cells with code by their ids, after all have run in order. A cell that raises fails here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=where).execute()
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}


def picture(cell: Any) -> str:
    """The HTML of the result of a cell."""
    found = [output.data["text/html"] for output in cell.outputs if output.output_type == "execute_result"]
    assert len(found) == 1, cell.outputs
    return str(found[0])


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def test_the_notebook_is_kept_without_outputs() -> None:
    """They hold times and places of a machine, and nobody would see them grow old."""
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert len(cells) == 10
    assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)


@pytest.mark.parametrize(
    ("cell", "texts", "coloured"),
    [
        ("component", ["114 results, 114 with a value", "components in the sandbox", "fast ↓ slow →", "bright is better"], 114),
        ("lambda", ["5 results, 5 with a value", "not sandboxed", "days →"], 5),
        ("own", ["58 results, 58 with a value", "turnover", "fast ↓ slow →"], 58),
        ("targets", ["3 results, 3 with a value", "fast ↓ slow →", "targets of Python functions, not sandboxed"], 3),
        ("failures", ["6 results, 3 with a value, 3 failed", "failed: 1", "crash: 1", "timed-out: 1", "raise ValueError"], 3),
        ("compare", ["2 results, 2 with a value", "crossover", "buy_and_hold", "The best by total_return"], 0),
    ],
)
def test_a_cell_shows_a_picture(ran: dict[str, Any], cell: str, texts: list[str], coloured: int) -> None:
    page = picture(ran[cell])
    assert not [text for text in texts if text not in page], page
    assert page.count("background:rgb") == coloured
    assert not [word for word in ("<script", "<link", "<img", "src=", "http", "url(") if word in page]


def test_own_targets_have_the_numbers_of_the_compiled_strategy(ran: dict[str, Any]) -> None:
    rows = [re.findall("<tr><td.*?</tr>", picture(ran[cell]).partition("</table>")[0])[:3] for cell in ("component", "targets")]
    cells = [[re.findall(">([^<]*)</td>", row)[:-1] for row in table] for table in rows]  # But for the times.
    assert cells[0] == cells[1] and len(cells[0]) == 3


def test_tables_are_frames(ran: dict[str, Any]) -> None:
    assert "max_drawdown" in picture(ran["table"]) and "dataframe" in picture(ran["pivot"])


def test_progress_is_shown_without_a_warning(ran: dict[str, Any]) -> None:
    assert "58" in printed(ran["own"]) and "Warning" not in "".join(printed(cell) for cell in ran.values())


def test_an_interrupted_sweep_keeps_what_is_finished(ran: dict[str, Any]) -> None:
    assert "interrupted after 1" in printed(ran["interrupted"]) and " of 2000 tasks" in printed(ran["interrupted"])
    assert "0 failed" in picture(ran["interrupted"]) and "<th" in picture(ran["interrupted"])


class Kernel:
    """A kernel that runs, and what it prints."""

    def __init__(self) -> None:
        self.manager, self.client = manager.start_new_kernel(kernel_name="python3")

    def wait_for(self, text: str) -> str:
        """What is printed up to and with `text`."""
        seen = ""
        while text not in seen:
            message = self.client.get_iopub_msg(timeout=30)
            content = message["content"]
            assert message["msg_type"] != "error", "\n".join(content["traceback"])
            seen += content.get("text", "")
        return seen

    def seconds_to_stop(self, code: str, begun: str, ended: str) -> tuple[float, str]:
        """Runs `code`, presses the button when it has printed `begun`, and waits for `ended`."""
        self.client.execute(code)
        self.wait_for(begun)
        started = time.monotonic()
        self.manager.interrupt_kernel()
        text = self.wait_for(ended)
        return time.monotonic() - started, text


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    one = Kernel()
    try:
        yield one
    finally:
        one.client.stop_channels()
        one.manager.shutdown_kernel(now=True)


SWEEPS = {
    "callable": """run(None, lambda data, at: time.sleep(0.002 if at < 50 else 60) or at, {"at": range(100)}, 2, False, callback=tell)""",
    "hang": """run(None, hang, {"at": range(100)}, 2, False, callback=tell)""",
    "component": """run(None, "momentum", {"lookback": range(5, 2000), "threshold": [at / 1000 for at in range(1000)]}, 2, False, callback=tell)""",
    "confined": """run(None, "momentum", {"lookback": range(5, 2000), "threshold": [at / 1000 for at in range(1000)]}, 2, False, backend="multiprocessing", callback=tell)""",
}  # fmt: skip

PREPARED = """
import ctypes, time
from host.parallel import SweepInterrupted, run_parameter_sweep as run
told = False
def tell(done, total):
    global told
    if done >= 20 and not told:
        told = True
        print("begun", flush=True)
def hang(data, at):
    if at >= 50:
        ctypes.PyDLL(None).sleep(60)
    return at
"""


@pytest.mark.parametrize("sweep", SWEEPS)
def test_the_stop_button_ends_a_sweep_at_once(kernel: Kernel, sweep: str) -> None:
    code = f"{PREPARED}\ntry:\n    {SWEEPS[sweep]}\nexcept SweepInterrupted as stop:\n    print('kept', len(stop.results), len(stop.results.best(3)), 'end', flush=True)"
    best = 60.0
    for _ in range(5):  # A busy machine may hold up one.
        seconds, text = kernel.seconds_to_stop(code, "begun", "end")
        kept, ranked = map(int, text.split("kept")[1].split()[:2])
        assert kept >= 20 and ranked == 3
        best = min(best, seconds)
        if best < 0.2:
            break
    assert best < 0.2
    kernel.client.execute('print("after", [one.result for one in run(None, lambda data, at: at, {"at": [1, 2]}, 2, False)])')
    assert "after [1, 2]" in kernel.wait_for("]")
    with pytest.raises(queue.Empty):
        while True:
            assert kernel.client.get_iopub_msg(timeout=0.2)["msg_type"] != "error"
