"""Data for components: anything that holds bars becomes a `host._core.Dataset`.

Never checks a bar and never guesses a column: the library reads frames by the same rules as files.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from host import _native
from host._errors import DataError, SettingsError

_KINDS = (
    "a data frame (pandas, polars, pyarrow, DuckDB), a dict of columns, a dict from symbols to frames, "
    "or the path of a file or a folder"
)


def dataset(data: Any, **options: Any) -> Any:
    """The bars in `data`, checked.

    Args:
        data: A frame with `__arrow_c_stream__` (pandas, polars, pyarrow, DuckDB), a dict from column names to arrays or lists, a
            dict from symbols to any of these, a path or a list of paths, a dataset, or `None` for the bundled bars.
        symbol: How the instrument of a single frame is called where no column names it; `data` if left out.
        options: How it is read, as `host --data` has it: `sort`, `drop_bad`, `adjusted`, `negative_prices`, `timezone`,
            `session`, `bar_time`, `timeframe`, `read` (a dict), `symbols` (a list), `instruments` (a path). `detail` are finer bars of the same
            instruments, in any form that `data` has, by which orders trade within a bar.

    Raises:
        DataError: It holds no bars, or bars that fail a check; the message names the column and the row.
    """
    core = _native.core()
    detail = options.pop("detail", None)
    if detail is not None:
        is_read = isinstance(detail, core.Dataset)
        alike = {} if is_read else {name: value for name, value in options.items() if name == "symbol" or name not in _OF_ITS_OWN}
        return dataset(data, **options).with_detail(dataset(detail, **alike))
    symbol = options.pop("symbol", None)
    if isinstance(data, core.Dataset):
        given = [name for name, value in {"symbol": symbol, **options}.items() if value is not None]
        if given:
            raise DataError(f"`{given[0]}` says how data is read, and a dataset was read before; leave it out")
        return data
    if data is None:
        return core.Dataset.from_paths([], **options)
    if isinstance(data, (str, os.PathLike)):
        return core.Dataset.from_paths([os.fspath(data)], **options)
    if _is_paths(data):
        return core.Dataset.from_paths([os.fspath(path) for path in data], **options)
    return core.Dataset.from_frames(list(_frames(data, symbol)), symbol or "data", **options)


def measured(bars: Any, data: Any, benchmark: Any, reading: Mapping[str, Any]) -> tuple[Any, str | None]:
    """The `bars` of `data` with what runs on them are measured against, and how a request names that.

    Args:
        benchmark: `hold`, `symbol:NAME` of an instrument of the data, a frame, a dict of one frame, a path, a dataset, or `None`.
        reading: How `data` was read. A benchmark of its own is read likewise.

    Raises:
        DataError: It holds no bars, or bars that fail a check.
        SettingsError: It is neither bars nor a name.
    """
    if benchmark is None:
        return bars, None
    if isinstance(benchmark, str) and benchmark.startswith("symbol:"):
        symbol = benchmark.removeprefix("symbol:")
        if not reading.get("symbols") or symbol in bars.symbols:
            return bars, benchmark
        # An instrument that is not to be traded is read for this alone.
        return bars.with_benchmark(dataset(data, **{**reading, "symbols": [symbol], "detail": None})), benchmark
    if isinstance(benchmark, str) and benchmark == "hold":
        return bars, benchmark
    other = _benchmark(benchmark, reading)
    symbols = other.symbols
    name = symbols[0] if other.name == "data" and len(symbols) == 1 else other.name
    return bars.with_benchmark(other), f"data:{name}"


_OF_ITS_OWN = ("symbol", "symbols", "instruments", "detail", "timeframe")
"""Options of reading that say something of the instruments that are traded."""


def _benchmark(given: Any, reading: Mapping[str, Any]) -> Any:
    is_dataset = isinstance(given, _native.core().Dataset)
    is_path = isinstance(given, (str, os.PathLike))
    if is_path and not os.path.exists(given):
        raise SettingsError(
            f"`benchmark` is {os.fspath(given)!r}, which is neither `hold` nor a file; give 'hold', 'symbol:NAME' of an instrument of "
            "the data, a frame or a path"
        )
    if not (is_dataset or is_path or _is_paths(given) or _is_table(given) or hasattr(given, "arrow")):
        raise SettingsError(
            f"`benchmark` is a {type(given).__name__}; give 'hold', 'symbol:NAME' of an instrument of the data, a frame or a path"
        )
    options = {} if is_dataset else {name: value for name, value in reading.items() if name not in _OF_ITS_OWN}
    return dataset(given, **options)


def first_rows(data: Any, lengths: Mapping[str, int]) -> Any:
    """The first rows of frames, as many of each symbol as `lengths` says.

    Raises:
        DataError: The rows of a symbol cannot be told from the others.
    """
    if isinstance(data, Mapping) and all(symbol in data for symbol in lengths):
        return {**data, **{symbol: _first(data[symbol], rows) for symbol, rows in lengths.items()}}
    if len(lengths) == 1:
        return _first(data, next(iter(lengths.values())))
    raise DataError("a period that ends before the data does needs the data of each symbol: give a dict from symbols to frames")


def _first(table: Any, rows: int) -> Any:
    if isinstance(table, Mapping):
        return {name: values[:rows] for name, values in table.items()}
    return table.iloc[:rows] if hasattr(table, "iloc") else table.slice(0, rows) if hasattr(table, "slice") else table[:rows]


def _is_paths(data: Any) -> bool:
    return isinstance(data, (list, tuple)) and bool(data) and all(isinstance(path, (str, os.PathLike)) for path in data)


def _frames(data: Any, symbol: str | None) -> Iterable[tuple[str, bool, Any]]:
    """The frames in `data`: of each its name, whether that is surely its instrument, and what the core reads."""
    if isinstance(data, Mapping) and data and all(_is_table(frame) for frame in data.values()):
        for name, frame in data.items():
            if not isinstance(name, str):
                raise DataError(f"the symbol {name!r} is no text; give a dict from symbols to frames")
            yield name, True, _table(frame, name)
        return
    yield symbol or "data", symbol is not None, _table(data, symbol or "data")


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or _is_pandas(value) or hasattr(value, "__arrow_c_stream__") and not _is_column(value)


def _is_column(value: Any) -> bool:
    """Whether a value is one column: those of Arrow libraries have streams of their own."""
    return type(value).__name__ in ("Series", "ChunkedArray", "Array")


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "pandas" and type(value).__name__ == "DataFrame"


def _table(value: Any, name: str) -> Any:
    """What the core reads: an object with an Arrow stream, or columns."""
    if _is_pandas(value):
        return _of_pandas(value)
    if isinstance(value, Mapping):
        return [_column(column, values) for column, values in value.items()]
    if hasattr(value, "arrow") and not hasattr(value, "__arrow_c_stream__"):
        value = value.arrow()  # Relations of DuckDB before they had a stream.
    if hasattr(value, "__arrow_c_stream__"):
        return value
    if type(value).__name__ == "LazyFrame":
        raise DataError(f"`{name}` is a lazy frame; give `frame.collect()`")
    raise DataError(f"`{name}` is a {type(value).__name__}; give {_KINDS}")


def _of_pandas(frame: Any) -> Any:
    """A pandas frame as it is where pyarrow is there, else its columns and its index."""
    try:
        importlib.import_module("pyarrow")
    except ImportError:
        pass
    else:
        if hasattr(frame, "__arrow_c_stream__") and frame.columns.nlevels == 1 and frame.columns.is_unique:
            return frame
    columns = []
    for name, series in frame.items():
        columns.append(_of_series(name, series))
    index = frame.index
    if type(index).__name__ != "RangeIndex":
        for level in range(index.nlevels):
            values = index.get_level_values(level)
            name = values.name if values.name is not None else f"__index_level_{level}__"
            columns.append(_of_series(name, values))
    return columns


def _of_series(name: Any, series: Any) -> tuple[str, str | None, Any]:
    """A column or an index of pandas, by its values."""
    zone = getattr(series.dtype, "tz", None)
    if zone is not None:
        times = series.dt if hasattr(series, "dt") else series
        plain = times.tz_convert("UTC")
        plain = (plain.dt if hasattr(plain, "dt") else plain).tz_localize(None)
        title, _, values = _column(name, plain.to_numpy())
        unit = getattr(series.dtype, "unit", "ns")
        return title, f"ts{unit[0]}:{_zone_name(zone)}", values
    if str(series.dtype) == "category":
        return _title(name), None, [None if value != value else value for value in series.astype(object).tolist()]
    if series.dtype == object or str(series.dtype).startswith(("str", "string")):
        return _title(name), None, [None if value is None or value != value else value for value in series.tolist()]
    if series.hasnans if hasattr(series, "hasnans") else False:
        if getattr(series.dtype, "kind", "") not in "fM":  # Nullable types: numbers with a mask.
            return _title(name), None, [None if value != value else float(value) for value in series.to_numpy(float, na_value=float("nan"))]
    return _column(name, series.to_numpy())


def _zone_name(zone: Any) -> str:
    """The name of a zone, or its offset."""
    name = getattr(zone, "key", None) or getattr(zone, "zone", None) or str(zone)
    return name.removeprefix("UTC") if name.startswith(("UTC+", "UTC-")) else name


def _title(name: Any) -> str:
    """The name of a column as one text; pandas writes levels of columns so, too."""
    return str(name)


def _column(name: Any, values: Any) -> tuple[str, str | None, Any]:
    """A column: its name, its type where the buffer does not say it, and what the core reads."""
    title, dtype = _title(name), getattr(values, "dtype", None)
    kind = getattr(dtype, "kind", None)
    if kind == "M":  # Times of NumPy have no buffer.
        numpy = importlib.import_module("numpy")
        unit = numpy.datetime_data(dtype)[0]
        if unit not in ("s", "ms", "us", "ns"):
            values, unit = values.astype("datetime64[s]"), "s"
        return title, f"ts{unit[0]}:", numpy.ascontiguousarray(values).view("int64")
    if kind in ("U", "O"):
        return title, None, [_plain(value) for value in values.tolist()]
    if kind is not None and hasattr(values, "__array_interface__"):
        numpy = importlib.import_module("numpy")
        native = numpy.ascontiguousarray(values)
        return title, None, native.astype(native.dtype.newbyteorder("=")) if native.dtype.byteorder not in "=|" else native
    if isinstance(values, (list, tuple)):
        return _of_list(title, values)
    for method in ("to_list", "to_pylist", "tolist"):  # Columns of polars, pyarrow, pandas.
        if hasattr(values, method):
            return _of_list(title, getattr(values, method)())
    return title, None, values


def _of_list(title: str, values: Iterable[Any]) -> tuple[str, str | None, Any]:
    return title, None, [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    """A value as text or number: dates are written as ISO 8601, which the library reads."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    return str(value)
