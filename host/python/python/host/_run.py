"""One run of a strategy with its books: metrics, the equity line, trades, and a page that shows them.

Never computes a number: the library does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from host._report import Report
from host._results import imported

if TYPE_CHECKING:
    import pandas

SHOWN = ("equity", "trades", "months")
"""The sections of a page that `plot` shows: equity and drawdown, trades on prices, monthly returns."""


class BacktestRun:
    """One run, which a notebook shows as `plot()` does.

    Attributes:
        core: Its books, as the engine has them.
    """

    __slots__ = ("core",)

    def __init__(self, core: Any) -> None:
        self.core = core

    @property
    def strategy(self) -> str:
        """The name of the strategy."""
        name: str = self.core.strategy
        return name

    @property
    def params(self) -> dict[str, Any]:
        """All parameters of the strategy."""
        return dict(self.core.params)

    @property
    def metrics(self) -> dict[str, Any]:
        """All metrics; those against a benchmark, too, where one is given. `None` where one is undefined."""
        return dict(self.core.metrics)

    @property
    def benchmark(self) -> str | None:
        """What the run is shown beside: its benchmark, or buying and holding where none is given."""
        name: str | None = self.core.benchmark
        return name

    def equity(self) -> pandas.DataFrame:
        """A pandas frame with a row for each bar, whose index is the time.

        `equity` in quote currency, `drawdown` as a share, zero or negative; and `benchmark`, what the same account is worth in
        the benchmark, or in buying and holding where none is given.

        Raises:
            ImportError: pandas is not installed.
        """
        numpy, module = imported("numpy", "equity"), imported("pandas", "equity")
        columns = {name: numpy.frombuffer(bytearray(values), _type(name)) for name, values in self.core.equity().items()}
        frame: pandas.DataFrame = module.DataFrame(columns).set_index("time")
        return frame

    def trades(self) -> pandas.DataFrame:
        """A pandas frame with a row for each trade and the columns of `host backtest --trades`. One that is still open at the end is
        marked at the last close.

        Raises:
            ImportError: pandas is not installed.
        """
        numpy, module = imported("numpy", "trades"), imported("pandas", "trades")
        columns: dict[str, Any] = dict(self.core.trades())
        for name in ("entry_time", "exit_time"):
            columns[name] = numpy.array(columns[name], dtype="datetime64[ns]")
        for name in ("entry_order", "exit_order"):
            columns[name] = module.array(columns[name], dtype="Int64")
        frame: pandas.DataFrame = module.DataFrame(columns)
        return frame

    def plot(self) -> Report:
        """Equity and drawdown, trades on prices, and monthly returns, as in a report. A notebook shows it; `save` writes it."""
        return Report(self.core.page(list(SHOWN)), None)

    def __repr__(self) -> str:
        params = ", ".join(f"{name}={value}" for name, value in self.params.items()) or "no parameters"
        numbers = self.metrics
        shown = ", ".join(f"{name} {_number(numbers.get(name))}" for name in ("sharpe", "total_return", "max_drawdown"))
        return f"<BacktestRun {self.strategy} {params}: {shown}>"

    def _repr_html_(self) -> str:
        return self.plot()._repr_html_()


def backtest(
    data: Any,
    strategy: Any,
    params: Mapping[str, Any] | None = None,
    *,
    account: Mapping[str, Any] | None = None,
    limits: Any = None,
    period: Mapping[str, Any] | None = None,
    benchmark: Any = None,
    stop_loss: Any = None,
    take_profit: Any = None,
    trailing_stop: Any = None,
    **reading: Any,
) -> BacktestRun:
    """Runs a component once, as `host backtest` does, and keeps its books.

    Args:
        data: The bars, as in `run_parameter_sweep`.
        strategy: A component: the name of a plugin, a path, bytes, a `Plugin`.
        params: Its parameters; the default of each that is left out.
        account, limits, period, benchmark, reading: As in `run_parameter_sweep`.
        stop_loss, take_profit, trailing_stop: As there, one value each.

    Returns:
        The run: `.metrics`, `.equity()`, `.trades()`, `.plot()`.

    Raises:
        PluginError: The component cannot be loaded, or its run fails.
        DataError, GridError, SettingsError: What is wrong.
    """
    from host import _components
    from host._errors import SettingsError
    from host.parallel import _is_component

    if not _is_component(strategy):
        raise SettingsError("`backtest` keeps the books of a component; compile a class of the SDK by `host.compile`")
    return _components.run(
        data, strategy, params, account=account, limits=limits, period=period, benchmark=benchmark,
        stop_loss=stop_loss, take_profit=take_profit, trailing_stop=trailing_stop, **reading,
    )  # fmt: skip


def books_of(core: Any) -> dict[str, Any]:
    """The books of a run as a worker sends them."""
    facts = {name: getattr(core, name) for name in ("strategy", "metrics", "benchmark")}
    return {**facts, "equity": core.equity(), "trades": core.trades(), "page": core.page(list(SHOWN))}


def of_books(books: Mapping[str, Any], params: Mapping[str, Any]) -> BacktestRun:
    """The run whose books a worker has sent."""
    core = SimpleNamespace(
        strategy=books["strategy"], params=params, metrics=books["metrics"], benchmark=books["benchmark"],
        equity=lambda: books["equity"], trades=lambda: books["trades"], page=lambda sections: books["page"],
    )  # fmt: skip
    return BacktestRun(core)


def _type(name: str) -> str:
    return "datetime64[ns]" if name == "time" else "float64"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4g}"
