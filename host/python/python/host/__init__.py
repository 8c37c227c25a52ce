"""Parallel backtests: parameter sweeps, comparisons of strategies, custom tasks, in isolated workers.

Never imports pandas, polars, numpy or a worker: `import host` loads names only; the rest comes with its first use. The SDK for
strategies is found as `backtest` from then on, where nothing else has that name.
"""

from __future__ import annotations

from host._finder import install as _install

TYPE_CHECKING = False  # That of `typing` takes longer to import than all of this.
if TYPE_CHECKING:
    from host import indicators
    from host._compile import Plugin
    from host._compile import compile as compile
    from host._errors import DataError, GridError, HostError, PluginError, SettingsError, SweepInterrupted
    from host._evidence import MonteCarloReport, TrustReport, WalkForwardReport, monte_carlo, trust, walk_forward
    from host._report import Report, report
    from host._results import SweepResults
    from host._run import BacktestRun
    from host._run import backtest as backtest
    from host._search import optimize
    from host._targets import Targets, targets
    from host.parallel import (
        Limits,
        ParallelBacktester,
        ParallelResult,
        ParallelTask,
        iter_sweep,
        run_multi_strategy,
        run_parameter_sweep,
    )

_HOMES = {
    "Plugin": "host._compile",
    "compile": "host._compile",
    "DataError": "host._errors",
    "GridError": "host._errors",
    "HostError": "host._errors",
    "PluginError": "host._errors",
    "SettingsError": "host._errors",
    "SweepInterrupted": "host._errors",
    "SweepResults": "host._results",
    "BacktestRun": "host._run",
    "backtest": "host._run",
    "MonteCarloReport": "host._evidence",
    "Report": "host._report",
    "TrustReport": "host._evidence",
    "WalkForwardReport": "host._evidence",
    "monte_carlo": "host._evidence",
    "optimize": "host._search",
    "report": "host._report",
    "trust": "host._evidence",
    "walk_forward": "host._evidence",
    "Targets": "host._targets",
    "targets": "host._targets",
    "Limits": "host.parallel",
    "ParallelBacktester": "host.parallel",
    "ParallelResult": "host.parallel",
    "ParallelTask": "host.parallel",
    "run_multi_strategy": "host.parallel",
    "run_parameter_sweep": "host.parallel",
    "iter_sweep": "host.parallel",
}

# `compile` and `backtest` are left out, so that `from host import *` leaves Python's own and the SDK in place.
__all__ = [
    "BacktestRun",
    "DataError",
    "GridError",
    "HostError",
    "Limits",
    "MonteCarloReport",
    "ParallelBacktester",
    "ParallelResult",
    "ParallelTask",
    "Plugin",
    "PluginError",
    "Report",
    "SettingsError",
    "SweepInterrupted",
    "SweepResults",
    "Targets",
    "TrustReport",
    "WalkForwardReport",
    "indicators",
    "iter_sweep",
    "monte_carlo",
    "optimize",
    "report",
    "run_multi_strategy",
    "run_parameter_sweep",
    "targets",
    "trust",
    "walk_forward",
]

_install()


def __getattr__(name: str) -> object:
    home = "host.indicators" if name == "indicators" else _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module `host` has no attribute `{name}`")
    import importlib

    if name == "indicators":
        return importlib.import_module(home)
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES) | set(__all__))
