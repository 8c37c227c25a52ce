"""The compiled part of the package: the engine for components. Shapes, units and errors are those of `host._components`."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, final

__all__ = [
    "Backtester",
    "Batches",
    "Cluster",
    "Combinations",
    "Dataset",
    "Desk",
    "Node",
    "Results",
    "Rows",
    "Run",
    "Trader",
    "__version__",
    "all_indicators",
    "build",
    "check_table",
    "indicator",
    "main",
    "metric",
    "page",
    "set_worker",
    "trust",
    "walk_forward",
    "worker",
    "write_table",
]

__version__: str

class _Stream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

_Columns = list[tuple[str, str | None, Any]]
_Plugin = str | bytes | os.PathLike[str]
_Callback = Callable[[int, int | None], object]

def main(argv: Sequence[str], cluster: Cluster | None = None) -> int:
    """Runs the command line, the program's name first, and returns its exit code. With a cluster it is a sweep that runs there."""

def build() -> str:
    """What driver and nodes of a cluster must have in common."""

def all_indicators() -> list[tuple[str, list[str], list[str], list[str], str]]:
    """Every indicator: its name, its columns, its other arguments, the columns that it answers with, one line on it."""

def indicator(name: str, columns: Sequence[Any], arguments: Sequence[Any]) -> list[bytes]:
    """Computes an indicator of columns of numbers of 64 bits. Raises `SettingsError`, `ValueError`."""

def metric(name: str) -> tuple[str, bool | None] | None:
    """How pages write a metric (`money`, `share`, `number`, `count`), and whether higher values are better, if either are."""

def page(data: str) -> str:
    """The page of a report whose data are JSON."""

def set_worker(command: Sequence[str]) -> None:
    """Says what starts a worker process: a program and its arguments, whose script calls `worker`."""

def check_table(path: str | os.PathLike[str]) -> None:
    """Looks whether a results file can be written at `path`. Raises `SettingsError`."""

def write_table(path: str | os.PathLike[str], columns: Sequence[tuple[str, str]], rows: Iterator[tuple[Any, ...]]) -> int:
    """Writes rows to a results file, complete or absent; returns their number. Columns are names with `boolean`, `integer`, `number`
    or `text`. Raises `SettingsError`, `HostError`."""

def trust(path: str | os.PathLike[str], request: str, store: bool | str | os.PathLike[str] | None = None) -> str:
    """What the returns in a file say of the best combination, as JSON. `request` is JSON: `trials`, `risk_free`, `draws`, `block`,
    `seed`, `alpha`, `blocks`, `purge`, `device`. Raises `DataError`, `SettingsError`."""

def walk_forward(path: str | os.PathLike[str], request: str, store: bool | str | os.PathLike[str] | None = None) -> str:
    """The best combination of each stretch of time, followed through the next one, as JSON. `request` is JSON: `train`, `test`,
    `anchored`, `purge`, `risk_free`. Raises `DataError`, `SettingsError`."""

def worker() -> None:
    """Turns this process into a worker, and ends with it."""

@final
class Dataset:
    """Bars of one or more instruments that have passed every check."""

    @staticmethod
    def from_paths(paths: Sequence[str | os.PathLike[str]], **options: Any) -> Dataset:
        """Reads files, folders and patterns as `host --data` does; none are the bundled bars. Raises `DataError`."""
    @staticmethod
    def from_frames(frames: Sequence[tuple[str, bool, _Stream | _Columns]], name: str = "data", **options: Any) -> Dataset:
        """Reads frames: of each its name, whether that is surely its instrument, and an Arrow stream or columns, each with its
        name, its type in Arrow's notation or `None`, and a buffer or a list. Columns are copied once. Raises `DataError`."""
    def with_benchmark(self, other: Dataset) -> Dataset:
        """The same bars, with others for a benchmark beside them."""
    def with_detail(self, other: Dataset) -> Dataset:
        """The same bars, with those of another as finer ones. Raises `DataError`."""
    def benchmark_to_bytes(self) -> bytes | None:
        """The bars of that benchmark, as `to_bytes` has them."""
    @property
    def name(self) -> str: ...
    @property
    def symbols(self) -> list[str]: ...
    @property
    def bars(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def spans(self) -> list[tuple[str, str]]: ...
    @property
    def is_row_by_row(self) -> bool: ...
    def columns(self, at: int, most: int | None = None) -> list[bytes]:
        """The columns of instrument `at`: times in nanoseconds since the Unix epoch, then open, high, low, close and volume, each
        as bytes of 64 bits a value."""
    def to_bytes(self) -> bytes:
        """The bars as bytes for another process of the same version."""
    @staticmethod
    def from_bytes(bytes: bytes) -> Dataset:
        """What `to_bytes` has written. Raises `DataError`."""
    def __len__(self) -> int: ...

@final
class Desk:
    """Where a strategy sends its orders, as `backtest.broker.Desk` has it."""

    def __new__(cls) -> Desk: ...
    def submit(self, order: Any) -> int: ...
    def bracket(self, entry: int, stop_loss: float, take_profit: float) -> int: ...
    def one_cancels_other(self, first: int, second: int) -> None: ...
    def cancel(self, order: int) -> None: ...
    def target(self, instrument: int, exposure: float) -> None: ...
    def mute(self, event: Any) -> None: ...
    def time(self) -> str | None: ...

@final
class Cluster:
    """The shards of sweeps, for an engine to send to machines."""

    def __new__(cls) -> Cluster: ...
    def take(self, timeout: float) -> list[tuple[Any, ...]]:
        """What is to be done since the last call, after `timeout` seconds at most: `("open", name, job)`, `("close", name)`,
        `("run", number, name, shard)`, `("drop", number)`."""
    def reply(self, number: int, reply: bytes) -> None: ...
    def lose(self, number: int, kind: str, why: str) -> None:
        """Says why a shard has no reply: `machine` or `process` is lost."""
    def fail(self, why: str) -> None:
        """Ends everything that waits, and refuses whatever comes."""
    def set_slots(self, slots: int, tasks_at_once: int) -> None: ...
    @property
    def failure(self) -> str | None: ...
    @property
    def sent_again(self) -> int: ...

@final
class Node:
    """Opens jobs and runs their shards on so many threads, in one process of a machine of a cluster. Raises `HostError`."""

    def __new__(cls, threads: int) -> Node: ...
    def has(self, name: str) -> bool: ...
    def open(self, name: str, job: bytes) -> None: ...
    def run(self, name: str, shard: bytes) -> bytes: ...

@final
class Combinations:
    """The combinations of a sweep over a strategy in Python, and what is computed of each. `description` and `request` are JSON."""

    def __new__(cls, description: str, request: str) -> Combinations: ...
    def __len__(self) -> int: ...
    def task(self, place: int, symbol: str | None = None) -> tuple[str, dict[str, Any]]: ...
    @property
    def metrics(self) -> list[str]: ...
    @property
    def objective(self) -> tuple[str, bool]: ...

_Outcome = tuple[dict[str, Any] | None, bool, tuple[str, str] | None]
"""Metrics and whether they meet the requirements, or the kind of a failure and its text."""

@final
class Trader:
    """An account on bars, on which strategies in Python trade one after the other, on one thread."""

    def __new__(
        cls,
        dataset: Dataset,
        description: str,
        request: str,
        *,
        events: bool = False,
        only: int | None = None,
        books: bool = False,
    ) -> Trader: ...
    @property
    def symbols(self) -> list[str]: ...
    @property
    def lengths(self) -> list[int]: ...
    def columns(self, at: int) -> list[bytes]: ...
    def times(self, at: int) -> list[int]: ...
    def trade_exposures(self, exposures: Sequence[Any], params: str | None = None) -> _Outcome: ...
    def trade_targets(
        self, bars: Sequence[int], instruments: Sequence[int], exposures: Sequence[float], params: str | None = None
    ) -> _Outcome: ...
    def books(self, data: str, params: str | None = None) -> Run:
        """The books of the last task. Raises `HostError` before the first."""
    def play(
        self,
        desk: Desk,
        on_bar: Callable[..., object],
        on_time: Callable[..., object],
        on_fill: Callable[..., object],
        on_reject: Callable[..., object],
        finish: Callable[[], object],
        params: str | None = None,
    ) -> _Outcome: ...

@final
class Results:
    """The results of a run: columns, and rows as dicts with the fields of `ParallelResult`."""

    def __len__(self) -> int: ...
    @property
    def columns(self) -> list[str]: ...
    @property
    def parameters(self) -> list[str]: ...
    @property
    def parameter_columns(self) -> list[str]: ...
    @property
    def metrics(self) -> list[str]: ...
    @property
    def interrupted(self) -> bool: ...
    @property
    def raised(self) -> BaseException | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def total(self) -> int | None: ...
    @property
    def failed(self) -> int: ...
    @property
    def known(self) -> int: ...
    @property
    def objective(self) -> tuple[str, bool] | None: ...
    @property
    def best(self) -> list[tuple[int, float]]: ...
    @property
    def left_out(self) -> list[int]: ...
    @property
    def notes(self) -> list[str]: ...
    @property
    def is_ranked_otherwise(self) -> bool: ...
    @property
    def plateau(self) -> str | None: ...
    @property
    def split(self) -> str | None: ...
    @property
    def optimize(self) -> str | None: ...
    def row(self, row: int) -> dict[str, Any]: ...
    def column_values(self, name: str) -> list[Any]: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class Rows:
    """Some rows of results, as `Batches` hands them out."""

    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...

@final
class Run:
    """A run that has ended, with its books."""

    @property
    def strategy(self) -> str: ...
    @property
    def params(self) -> dict[str, Any]: ...
    @property
    def metrics(self) -> dict[str, Any]: ...
    @property
    def benchmark(self) -> str | None: ...
    def equity(self) -> dict[str, bytes]:
        """`time` in nanoseconds since the Unix epoch, `equity`, `drawdown` and `benchmark`: bytes of 64 bits a value."""
    def trades(self) -> dict[str, list[Any]]:
        """The columns of `host backtest --trades`; times are nanoseconds since the Unix epoch."""
    def page(self, sections: Sequence[str]) -> str: ...

@final
class Batches:
    """The batches of a sweep that is running. It stops when this is closed or dropped."""

    def __iter__(self) -> Iterator[Rows]: ...
    def __next__(self) -> Rows: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    @property
    def summary(self) -> Results | None: ...

@final
class Backtester:
    """Workers, compiled plugins and prepared data, kept from call to call. `backend` is `concurrent` (threads) or
    `multiprocessing` (worker processes); with a `cluster`, tasks run there."""

    def __new__(
        cls,
        n_workers: int | None = None,
        backend: str = "concurrent",
        *,
        compile_timeout: float | None = None,
        cache: bool = True,
        cluster: Cluster | None = None,
    ) -> Backtester: ...
    def describe(self, plugin: _Plugin, name: str | None = None) -> dict[str, Any]: ...
    def sweep(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        request: str,
        *,
        name: str | None = None,
        store: bool | str | None = None,
        out: str | os.PathLike[str] | None = None,
        returns: str | os.PathLike[str] | None = None,
        returns_period: str = "day",
        shard: str | None = None,
        callback: _Callback | None = None,
    ) -> Results: ...
    def run(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        params: str,
        request: str,
        *,
        symbol: str | None = None,
        name: str | None = None,
    ) -> Run: ...
    def monte_carlo(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        params: str,
        request: str,
        luck: str,
        *,
        name: str | None = None,
        callback: _Callback | None = None,
    ) -> str: ...
    def walk_forward(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        path: str | os.PathLike[str],
        follow: str,
        *,
        name: str | None = None,
        store: bool | str | None = None,
        callback: _Callback | None = None,
    ) -> str: ...
    def report(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        results: str | os.PathLike[str],
        *,
        returns: str | os.PathLike[str] | None = None,
        task: str | None = None,
        name: str | None = None,
        store: bool | str | None = None,
    ) -> str: ...
    def iter_sweep(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        request: str,
        *,
        name: str | None = None,
        store: bool | str | None = None,
        shard: str | None = None,
    ) -> Batches: ...
    def compare(
        self,
        plugins: Sequence[_Plugin],
        dataset: Dataset,
        request: str,
        *,
        params: str | None = None,
        callback: _Callback | None = None,
    ) -> Results: ...
    def run_tasks(
        self,
        plugin: _Plugin,
        dataset: Dataset,
        tasks: str,
        request: str,
        *,
        name: str | None = None,
        callback: _Callback | None = None,
    ) -> Results: ...
