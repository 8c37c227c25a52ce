"""Data in: every kind of frame gives the same bars as a file, and errors name column and row."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import core_data
import pytest

from host import _native
from host._errors import DataError
from host._frames import dataset

BARS = 300


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = core_data.write_csv(tmp_path_factory.mktemp("bars") / "data.csv", BARS)
    return dataset(path)


def frames() -> list[Any]:
    """The same bars in many kinds of frames, by a name of each."""
    columns, days, texts = core_data.columns(BARS), core_data.days(BARS), core_data.dates(BARS)
    cases: list[Any] = [pytest.param(lambda: {"date": texts, **columns}, id="lists")]

    def numpy_columns(unit: str) -> Any:
        numpy = pytest.importorskip("numpy")
        times = numpy.array(texts, dtype=f"datetime64[{unit}]")
        return {"time": times, **{name: numpy.array(values) for name, values in columns.items()}}

    for unit in ("D", "s", "ms", "us", "ns"):
        cases.append(pytest.param(lambda unit=unit: numpy_columns(unit), id=f"numpy-{unit}"))

    def pandas_frame(unit: str = "ns", zone: str | None = None, index: bool = True, name: str | None = None) -> Any:
        pandas = pytest.importorskip("pandas")
        times = pandas.DatetimeIndex(texts, name=name).as_unit(unit)
        times = times.tz_localize(zone) if zone else times
        frame = pandas.DataFrame(columns, index=times)
        return frame if index else frame.reset_index(names="Date")

    for unit in ("s", "ms", "us", "ns"):
        cases.append(pytest.param(lambda unit=unit: pandas_frame(unit), id=f"pandas-index-{unit}"))
    cases.append(pytest.param(lambda: pandas_frame(name="when"), id="pandas-named-index"))
    cases.append(pytest.param(lambda: pandas_frame(index=False), id="pandas-column"))

    def polars_frame(kind: str) -> Any:
        polars = pytest.importorskip("polars")
        times = polars.Series("date", days, dtype=polars.Int32).cast(polars.Date)
        times = times if kind == "date" else times.cast(polars.Datetime(kind))
        return polars.DataFrame([times, *[polars.Series(name.title(), values) for name, values in columns.items()]])

    for kind in ("date", "ms", "us", "ns"):
        cases.append(pytest.param(lambda kind=kind: polars_frame(kind), id=f"polars-{kind}"))
    cases.append(pytest.param(lambda: polars_frame("us").with_columns(pytest.importorskip("polars").lit("data").cast(
        pytest.importorskip("polars").Categorical).alias("symbol")), id="polars-categorical-symbol"))  # fmt: skip

    def polars_sliced() -> Any:
        polars = pytest.importorskip("polars")
        frame = polars_frame("us")
        before = frame.with_columns(frame["date"].dt.offset_by("-400d"), polars.lit(None, polars.Float64).alias("extra"))
        return polars.concat([before, frame.with_columns(polars.lit(None, polars.Float64).alias("extra"))])[BARS:]

    cases.append(pytest.param(polars_sliced, id="polars-sliced"))

    def arrow_table(batches: int = 1) -> Any:
        pyarrow = pytest.importorskip("pyarrow")
        table = pyarrow.table({"t": pyarrow.array(days, pyarrow.int32()).cast(pyarrow.date32()), **columns})
        return pyarrow.Table.from_batches(table.to_batches(max_chunksize=BARS // batches))

    cases.append(pytest.param(arrow_table, id="pyarrow"))
    cases.append(pytest.param(lambda: arrow_table(7), id="pyarrow-batches"))
    cases.append(pytest.param(lambda: arrow_table().to_reader(), id="pyarrow-reader"))

    def duckdb_relation() -> Any:
        duckdb = pytest.importorskip("duckdb")
        table = arrow_table()
        return duckdb.connect().from_arrow(table)

    cases.append(pytest.param(duckdb_relation, id="duckdb"))
    return cases


@pytest.mark.parametrize("frame", frames())
def test_a_frame_has_the_bars_of_the_file(frame: Any, of_file: Any) -> None:
    read = dataset(frame())
    options = (read.symbols, len(read), read.summary)
    assert options == (of_file.symbols, len(of_file), of_file.summary)
    assert read.fingerprint == of_file.fingerprint


def test_pandas_without_pyarrow_is_read_by_its_columns(monkeypatch: pytest.MonkeyPatch, of_file: Any) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(core_data.columns(BARS), index=pandas.DatetimeIndex(core_data.dates(BARS)))
    named = frame.reset_index(names="Date").assign(Symbol="data")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for given in (frame, named, named.astype({"Symbol": "category"})):
        assert dataset(given).fingerprint == of_file.fingerprint


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata"])
def test_zones_are_those_of_the_same_frame_in_a_file(zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(core_data.columns(BARS), index=pandas.DatetimeIndex(core_data.dates(BARS)).tz_localize(zone))
    frame.to_parquet(tmp_path / "data.parquet")
    expected = dataset(tmp_path / "data.parquet")
    by_arrow = dataset(frame)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for read in (by_arrow, dataset(frame)):
        assert (read.fingerprint, read.summary) == (expected.fingerprint, expected.summary)


def test_a_dict_of_frames_has_an_instrument_for_each(tmp_path: Path) -> None:
    for name, shift in (("ES_202403", 0.0), ("ES_202406", 1.0)):
        core_data.write_csv(tmp_path / f"{name}.csv", BARS, shift)
    texts = core_data.dates(BARS)
    given = {name: {"date": texts, **core_data.columns(BARS, shift)} for name, shift in (("ES_202403", 0.0), ("ES_202406", 1.0))}
    read = dataset(given)
    assert read.symbols == ["ES_202403", "ES_202406"]
    one = dataset({"date": texts, **core_data.columns(BARS)}, symbol="ACME")
    assert one.symbols == ["ACME"]
    with pytest.raises(DataError, match="symbol"):
        dataset({1: given["ES_202403"]})


def broken(name: str, row: int, value: Any) -> dict[str, Any]:
    table = {"date": core_data.dates(BARS), **core_data.columns(BARS)}
    table[name][row] = value
    return table


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (broken("close", 6, float("nan")), ["`data` row 7", "close"]),
        (broken("close", 6, None), ["`data` row 7", "close"]),
        (broken("low", 2, 1e6), ["`data` row 3", "high", "low"]),
        (broken("open", 0, -1.0), ["`data` row 1", "open", "-1"]),
        (broken("date", 9, "2019-01-01"), ["`data` row 10", "2019-01-01"]),
        (broken("volume", 3, -5.0), ["`data` row 4", "volume", "-5"]),
        ({"close": [1.0]}, ["`data`", "time"]),
        ({"date": ["2020-01-01"], "close": ["high"]}, ["`data`", "high"]),
        ({"date": ["2020-01-01"], "close": [1.0, 2.0]}, ["`data`", "`close`", "2", "1"]),
        ({"date": [], "close": []}, ["`data`", "no rows"]),
        ({"date": ["2020-01-01"], "close": [object()]}, ["`data`", "close"]),
    ],
)
def test_what_is_wrong_is_told_with_its_place(table: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        dataset(table)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timezone": "Mars/Base"}, ["timezone", "Mars/Base"]),
        ({"session": "9-5"}, ["session", "9-5"]),
        ({"bar_time": "noon"}, ["bar_time", "noon"]),
        ({"read": {"colour": "red"}}, ["read", "colour"]),
        ({"sorted": True}, ["sorted", "sort"]),
        ({"symbols": ["NONE"]}, ["NONE"]),
    ],
)
def test_options_are_checked_by_name(options: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        dataset({"date": core_data.dates(BARS), **core_data.columns(BARS)}, **options)
    for word in words:
        assert word in str(caught.value)


def test_options_do_what_the_commands_do(of_file: Any) -> None:
    table = {"date": core_data.dates(BARS), **core_data.columns(BARS)}
    reversed_rows = {name: [*values[1:], values[0]] for name, values in table.items()}
    with pytest.raises(DataError):
        dataset(reversed_rows)
    assert dataset(reversed_rows, sort=True).fingerprint == of_file.fingerprint
    renamed = {"when": table["date"], "px": table["close"]}
    read = dataset(renamed, read={"time": "when", "close": "px"})
    assert len(read) == BARS and any("one price" in note for note in read.notes)


def test_paths_and_the_bundled_bars_are_read_as_by_the_command(tmp_path: Path) -> None:
    assert dataset(None).symbols == ["MSFT"]
    with pytest.raises(DataError, match="no data file"):
        dataset(tmp_path / "none.csv")
    with pytest.raises(DataError, match="lazy|give"):
        dataset(3)
    core = _native.core()
    assert dataset(dataset(None)).fingerprint == core.Dataset.from_paths([]).fingerprint
