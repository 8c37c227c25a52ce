"""Classes of the SDK, run natively under our broker: the bits of components, failures by their kinds, one file for both."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import GridError, ParallelBacktester, PluginError, SettingsError
from test_targets import bits, frame

numpy = pytest.importorskip("numpy")
sys.path.insert(0, str(Path(__file__).parent))
sdk = importlib.import_module("sdk_strategies")


@pytest.fixture(scope="module")
def backtester() -> Iterator[ParallelBacktester]:
    with ParallelBacktester(2) as shared:
        yield shared


def several() -> dict[str, Any]:
    return {"AA": frame(400), "B": frame(330, 1.0), "C": frame(380, 2.5)}


CROSSES = {"fast": [2, 5, 20], "slow": [10, 30]}
EXITS = {"fast": [2, 5], "slow": [8, 20], "stop_loss": [0.01, 0.04], "take_profit": [0.02, 0.1]}
TURNS = {"lookback": [5, 20], "top": [1, 2], "every": [1, 7]}

OPTIONS: list[dict[str, Any]] = [
    {},
    {"account": {"commission_bps": 5, "slippage_bps": 2, "initial_cash": 5000}},
    {"account": {"rules": {"intrabar": "optimistic"}}},
    {"period": {"from": "2020-03-01", "to": "2020-10-31"}},
    {"each_symbol": True},
    {"metrics": ["sharpe", "trades"]},
    {"where": "fast * 3 < slow", "objective": "total_return", "require": "trades >= 2"},
    {"sample": 3, "seed": 5},
]


def test_exits_of_the_account_are_those_of_components(backtester: ParallelBacktester) -> None:
    options: dict[str, Any] = {"stop_loss": [0.0, 0.02], "trailing_stop": "3%", "progress": False}
    mine = backtester.sweep(frame(400), sdk.SmaCross, CROSSES, **options)
    theirs = backtester.sweep(frame(400), sdk.SmaCross.description.name, CROSSES, **options)
    assert bits(mine) == bits(theirs) and [one.params for one in mine] == [one.params for one in theirs]
    with pytest.raises(host.HostError, match="has a parameter `stop_loss` of its own"):
        backtester.sweep(frame(400), sdk.Bracket, EXITS, progress=False, stop_loss=0.02)
    with pytest.raises(host.HostError, match="sends orders of its own"):
        backtester.sweep(frame(400), sdk.Bracket, EXITS, progress=False, trailing_stop=0.02)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("name", "grid"), [("Bracket", EXITS), ("Rotation", TURNS), ("SmaCross", CROSSES)])
def test_a_class_has_the_bits_of_a_component(
    backtester: ParallelBacktester, name: str, grid: dict[str, Any], options: dict[str, Any]
) -> None:
    strategy = getattr(sdk, name)
    if "where" in options and name == "Rotation":
        options = {**options, "where": "lookback > 5"}
    for data in (frame(400), several()):
        mine = backtester.sweep(data, strategy, grid, progress=False, **options)
        theirs = backtester.sweep(data, strategy.description.name, grid, progress=False, **options)
        assert bits(mine) == bits(theirs) and len(mine) == len(theirs) > 0
        for one, other in zip(mine, theirs):
            names = ("task_id", "params", "symbol", "strategy_name", "success", "error_kind", "error_message")
            assert [getattr(one, name) for name in names] == [getattr(other, name) for name in names]
        assert (mine.kind, mine.objective, mine.direction) == ("strategy", theirs.objective, theirs.direction)
        assert any(one.success and one.result.get("orders", 1) > 0 for one in mine)


def test_failures_have_the_kinds_of_components(backtester: ParallelBacktester) -> None:
    ways = ["works", "invalid", "start", "type", "raises", "failed", "exits", "flood", "instrument", "late", "rejected"]
    results = backtester.sweep(frame(), sdk.Faulty, {"how": ways}, progress=False)
    kinds = dict(zip(ways, [result.error_kind for result in results]))
    assert kinds == {
        "works": None, "invalid": "invalid-params", "start": "failed", "type": "failed", "raises": "failed",
        "failed": "failed", "exits": "failed", "flood": "bad-output", "instrument": "failed", "late": "failed",
        "rejected": None,
    }  # fmt: skip
    said = dict(zip(ways, [result.error_message or "" for result in results]))
    assert said["invalid"] == "`how` is wrong" and said["failed"] == "on purpose"
    assert said["type"] == "the plugin reads parameter `how` as an integer, but its description declares a text"
    assert "ValueError: at the third bar" in said["raises"] and "sdk_strategies.py" in said["raises"]
    assert "more than 100000 orders" in said["flood"] and "orders can be sent only from the `on_` functions" in said["late"]
    assert "sdk_strategies.py" in said["instrument"] and "broker.py" not in said["instrument"]
    assert "_trade.py" not in "".join(line for result in results for line in result.log)


def test_what_is_logged_and_printed_is_in_the_log(backtester: ParallelBacktester) -> None:
    [result] = backtester.sweep(frame(), sdk.Faulty, {"how": ["logs"]}, progress=False)
    assert result.log[1:] == ["printed"]
    assert re.fullmatch(r"\[\d{4}-\d\d-\d\d\] info: third bar", result.log[0]), result.log


def test_each_combination_starts_from_what_was_prepared() -> None:
    with ParallelBacktester(1) as one:
        logs = [result.log for result in one.sweep(frame(), sdk.Leaky, {"at": [1, 2, 3]}, progress=False)]
        assert logs[0] == logs[1] == logs[2] and logs[0][0].startswith("info: 1 101.0 0.8444")
        shared = one.sweep(frame(), sdk.Leaky, {"at": [1, 2, 3]}, progress=False, fresh_data=False)
        assert [result.log[0].split()[1] for result in shared] == ["1", "2", "3"]


def test_a_class_that_cannot_prepare_fails_with_its_words(backtester: ParallelBacktester) -> None:
    [result] = backtester.compare(frame(), [sdk.Refusing], progress=False)
    assert (result.success, result.error_kind, result.error_message) == (False, "failed", "no such data")


def test_parameters_are_checked_before_anything_runs(backtester: ParallelBacktester) -> None:
    for grid, options, error, said in [
        ({"fast": [0], "slow": [5]}, {}, GridError, "takes values from 1 to 2000, not 0"),
        ({"fats": [5]}, {}, GridError, "no parameter `fats`"),
        ({"fast": [2.5]}, {}, GridError, "not the number `2.5`"),
        ({}, {}, GridError, "no grid for `sma_cross`"),
        ({"fast": [5], "slow": [3]}, {"where": "fast < slow"}, GridError, "no combination of the grid meets"),
        ({"fast": [5]}, {"where": lambda fast, slow: True}, GridError, "give conditions as texts"),
        ({"fast": [5]}, {"account": {"mode": "events"}}, SettingsError, "events"),
    ]:
        with pytest.raises(error, match=said):
            backtester.sweep(frame(), sdk.SmaCross, grid, progress=False, **options)
    nameless = type("Nameless", (sdk.SmaCross,), {"description": None})
    with pytest.raises(PluginError, match="`Nameless` has no description"):
        backtester.sweep(frame(), nameless, {"fast": [5]}, progress=False)
    with pytest.raises(SettingsError, match="`strategy.py` is source code.*host.compile"):
        backtester.sweep(frame(), Path("strategy.py"), {"fast": [5]}, progress=False)


def test_grids_may_be_ranges_and_texts_as_for_components(backtester: ParallelBacktester) -> None:
    for grid in ({"fast": "2..6:2", "slow": "10,30"}, {"fast": {"from": 2, "to": 6, "step": 2}, "slow": [10, 30]}):
        mine = backtester.sweep(frame(), sdk.SmaCross, grid, progress=False)
        assert bits(mine) == bits(backtester.sweep(frame(), "sma_cross", grid, progress=False)) and len(mine) == 6


def test_values_of_numpy_make_tables(backtester: ParallelBacktester) -> None:
    grid = {"fast": numpy.arange(2, 5), "slow": numpy.array([10, 30])}
    results = backtester.sweep(frame(), sdk.SmaCross, grid, progress=False)
    table = results.pivot("fast", "slow", "sharpe")
    assert table.shape == (3, 2) and table.notna().all().all()


def test_a_comparison_gives_each_what_it_declares(backtester: ParallelBacktester) -> None:
    options: dict[str, Any] = {"params": {"fast": 3, "slow": 9}, "progress": False}
    mine = backtester.compare(frame(), [sdk.SmaCross, sdk.Bracket, sdk.Rotation], **options)
    theirs = backtester.compare(frame(), ["sma_cross", "bracket", "rotation"], **options)
    assert bits(mine) == bits(theirs) and [result.task_id for result in mine] == ["SmaCross", "Bracket", "Rotation"]
    with pytest.raises(GridError, match="`fats` fits none"):
        backtester.compare(frame(), [sdk.SmaCross], params={"fats": 3}, progress=False)


def test_a_class_of_a_notebook_and_one_of_a_function_run(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import host\n"
        "from backtest import *\n"
        "class Always(EventStrategy):\n"
        "    description = Description('always', '0.1.0', 'Holds.', [number('share', 'a share', default=1.0)])\n"
        "    def __init__(self, symbols, params): self.share = params.number('share')\n"
        "    def on_bar(self, bar, broker): broker.hold(bar.instrument, self.share)\n"
        "[one, two] = host.run_parameter_sweep(None, Always, {'share': [0.5, 1]}, 1, False)\n"
        "print(one.result['orders'], two.result['total_return'] > one.result['total_return'] > 0)\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert ran.stdout == "1 True\n", ran.stderr


def test_another_module_of_the_name_stands_before_the_sdk(tmp_path: Path) -> None:
    (tmp_path / "backtest.py").write_text("WHO = 'mine'\n")
    code = "import host, backtest; print(backtest.WHO)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.stdout == "mine\n", ran.stderr


def test_the_package_brings_the_sdk_as_it_is() -> None:
    backtest = importlib.import_module("backtest")
    source = Path(__file__).parents[3] / "plugins/sdk/python/backtest"
    brought = Path(backtest.__file__ or "").parent

    def files(folder: Path) -> dict[Path, bytes]:
        return {file.relative_to(folder): file.read_bytes() for name in ("*.py", "py.typed") for file in folder.rglob(name)}

    assert len(files(source)) > 20 and files(brought) == files(source)


class TestCompile:
    def test_a_compiled_class_has_the_bits_of_the_native_one(self, backtester: ParallelBacktester, tmp_path: Path) -> None:
        if shutil.which("componentize-py") is None and not (Path(sys.executable).parent / "componentize-py").exists():
            pytest.skip("componentize-py is not installed")
        plugin = host.compile(sdk.Bracket, tmp_path / "bracket.wasm", trial=False)
        assert plugin.path == tmp_path / "bracket.wasm" and plugin.path.read_bytes() == bytes(plugin)
        small = {"fast": [2, 5], "slow": [8], "stop_loss": [0.01]}
        for data in (frame(300), several()):
            native = backtester.sweep(data, sdk.Bracket, small, progress=False)
            for component in (plugin, plugin.path, bytes(plugin)):
                compiled = backtester.sweep(data, component, small, progress=False)
                assert bits(compiled) == bits(native) and (compiled.kind, native.kind) == ("component", "strategy")

    def test_a_tool_that_is_missing_is_told_with_the_command(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        if (Path(sys.executable).parent / "componentize-py").exists():
            pytest.skip("componentize-py is installed beside this Python")
        with pytest.raises(PluginError, match="pip install componentize-py==") as told:
            host.compile(sdk.SmaCross)
        assert "componentize-py` is not found" in str(told.value)

    def test_what_cannot_be_compiled_is_told(self, tmp_path: Path) -> None:
        class Inside(sdk.SmaCross):  # type: ignore[misc, name-defined]
            """Of a function."""

        nameless = tmp_path / "nameless.py"
        nameless.write_text("x = 1\n")
        for source, said in [
            (len, "cannot be compiled; give a class"), (Inside, "move it to the top of its file"),
            (int, "`int` is not a class of the SDK"), (tmp_path / "none", "neither the folder of a project nor a file"),
            (nameless, "names no strategy; end it with `events = YourStrategy`"),
        ]:  # fmt: skip
            with pytest.raises(SettingsError, match=said):
                host.compile(source)
        with pytest.raises(PluginError, match="strategy.toml"):
            host.compile(tmp_path)
