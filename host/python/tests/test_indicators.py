"""The indicators of the SDK: all of them, their numbers, and answers of the kind that was given."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import core_data
import host
import pytest
from host import SettingsError, indicators

numpy = pytest.importorskip("numpy")

COLUMNS = core_data.columns(60)
CLOSE, HIGH, LOW = COLUMNS["close"], COLUMNS["high"], COLUMNS["low"]


def test_every_indicator_of_the_sdk_is_there() -> None:
    folder = Path(__file__).parents[3] / "plugins/sdk/rust/src/indicators"
    declared = {name for file in folder.glob("*.rs") for name in re.findall(r"^pub fn (\w+)", file.read_text(), re.MULTILINE)}
    assert len(declared) > 8 and declared == set(dir(indicators)), "add the missing ones to host/python/src/indicators.rs"


def windows(n: int, of: Any) -> list[float]:
    return [math.nan if at + 1 < n else of(CLOSE[at + 1 - n : at + 1]) for at in range(len(CLOSE))]


def deviation(values: list[float]) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values))


def ema(n: int) -> list[float]:
    found = [math.nan] * (n - 1) + [sum(CLOSE[:n]) / n]
    for value in CLOSE[n:]:
        found.append(found[-1] + 2 / (n + 1) * (value - found[-1]))
    return found


def rsi(n: int) -> list[float]:
    found, gain, loss = [math.nan] * n, 0.0, 0.0
    for at in range(1, len(CLOSE)):
        change = CLOSE[at] - CLOSE[at - 1]
        if at <= n:
            gain, loss = gain + max(change, 0) / n, loss + max(-change, 0) / n
        else:
            gain, loss = (gain * (n - 1) + max(change, 0)) / n, (loss * (n - 1) + max(-change, 0)) / n
        if at >= n:
            found.append(100 * gain / (gain + loss))
    return found


def ranges() -> list[float]:
    rest = zip(HIGH[1:], LOW[1:], CLOSE)
    return [math.nan, *(max(high - low, high - before, before - low) for high, low, before in rest)]


def atr(n: int) -> list[float]:
    true = ranges()[1:]
    found = [math.nan] * n + [sum(true[:n]) / n]
    for value in true[n:]:
        found.append((found[-1] * (n - 1) + value) / n)
    return found


def begun(values: list[float], n: int, share: float) -> list[float]:
    """An average that begins with the simple one, of columns whose first values may be NaN."""
    first = next(at for at, value in enumerate(values) if not math.isnan(value)) + n
    found = [math.nan] * (first - 1) + [sum(values[first - n : first]) / n]
    for value in values[first:]:
        found.append(found[-1] + share * (value - found[-1]))
    return found


def macd(fast: int, slow: int, signal: int) -> tuple[list[float], list[float]]:
    line = [one - other for one, other in zip(ema(fast), ema(slow))]
    signals = begun(line, signal, 2 / (signal + 1))
    return [math.nan if math.isnan(last) else value for value, last in zip(line, signals)], signals


def adx(n: int) -> list[float]:
    ups = [math.nan, *(after - before for before, after in zip(HIGH, HIGH[1:]))]
    downs = [math.nan, *(before - after for before, after in zip(LOW, LOW[1:]))]
    plus = begun([math.nan, *(max(up, 0) * (up > down) for up, down in zip(ups[1:], downs[1:]))], n, 1 / n)
    minus = begun([math.nan, *(max(down, 0) * (down > up) for up, down in zip(ups[1:], downs[1:]))], n, 1 / n)
    return begun([100 * abs(up - down) / (up + down) for up, down in zip(plus, minus)], n, 1 / n)


def crossings(other: float) -> list[float]:
    found, side = [], 0
    for value in CLOSE:
        now = (value > other) - (value < other) or side
        found.append(float(now) if now != side and side else 0.0)
        side = now
    return found


def test_numbers_are_those_of_their_definitions() -> None:
    level = [sum(CLOSE) / len(CLOSE)] * len(CLOSE)
    channel = indicators.donchian(HIGH, LOW, 4)
    lines, bands = indicators.macd(CLOSE, 4, 9, 3), indicators.bollinger(CLOSE, 7, 2)
    deviations = windows(7, deviation)
    for name, found, expected in [
        ("sma", indicators.sma(CLOSE, 5), windows(5, lambda part: sum(part) / 5)),
        ("ema", indicators.ema(CLOSE, 5), ema(5)),
        ("rsi", indicators.rsi(CLOSE, 6), rsi(6)),
        ("deviation", indicators.deviation(CLOSE, 7), windows(7, deviation)),
        ("z_score", indicators.z_score(CLOSE, 7), windows(7, lambda part: (part[-1] - sum(part) / 7) / deviation(part))),
        ("true_range", indicators.true_range(HIGH, LOW, CLOSE), ranges()),
        ("atr", indicators.atr(HIGH, LOW, CLOSE, 5), atr(5)),
        ("upper", channel.upper, [math.nan] * 3 + [max(HIGH[at - 3 : at + 1]) for at in range(3, 60)]),
        ("lower", channel.lower, [math.nan] * 3 + [min(LOW[at - 3 : at + 1]) for at in range(3, 60)]),
        ("line", lines.line, macd(4, 9, 3)[0]),
        ("signal", lines.signal, macd(4, 9, 3)[1]),
        ("histogram", lines.histogram, [line - signal for line, signal in zip(*macd(4, 9, 3))]),
        ("middle", bands.middle, windows(7, lambda part: sum(part) / 7)),
        ("width", [upper - lower for upper, lower in zip(bands.upper, bands.lower)], [4 * one for one in deviations]),
        ("adx", indicators.adx(HIGH, LOW, CLOSE, 5).adx, adx(5)),
        ("crossings", indicators.crossings(CLOSE, level), crossings(level[0])),
    ]:
        assert found == pytest.approx(expected, rel=1e-12, nan_ok=True), name
    assert set(indicators.crossings(CLOSE, level)) == {-1.0, 0.0, 1.0}


def test_answers_are_of_the_kind_that_was_given() -> None:
    pandas, polars, pyarrow = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    plain = indicators.sma(CLOSE, 3)
    assert type(plain) is list and type(indicators.sma(tuple(CLOSE), 3)) is list
    array = indicators.sma(numpy.array(CLOSE), 3)
    assert array.dtype == "float64" and array.flags.writeable and array[2:].tolist() == plain[2:]
    index = pandas.DatetimeIndex(core_data.dates(60))
    series = indicators.sma(pandas.Series(CLOSE, index=index, name="close"), 3)
    assert series.index.equals(index) and series.name == "close" and series.tolist()[2:] == plain[2:]
    assert indicators.sma(polars.Series("close", CLOSE), 3).name == "close"
    assert indicators.sma(polars.Series("close", CLOSE), 3).to_list()[2:] == plain[2:]
    assert indicators.sma(pyarrow.array(CLOSE), 3).to_pylist()[2:] == plain[2:]
    frame = pandas.DataFrame(COLUMNS, index=index)
    channel = indicators.donchian(frame["high"], frame["low"], n=4)
    assert channel._fields == ("upper", "lower") and channel.lower.name == "lower" and channel.upper.index.equals(index)
    assert indicators.atr(frame.high, frame.low, frame.close, 5).index.equals(index)


@pytest.mark.parametrize("kind", ["int64", "float32", "bool", ">f8", "Int64", "Float64"])
def test_any_numbers_will_do(kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    values = [1, 0, 1, 1, 0, 1]
    whole = pandas.Series(values).astype(kind) if kind[0] in "IF" else numpy.array(values).astype(kind)
    assert list(indicators.sma(whole, 2))[1:] == [0.5, 0.5, 1.0, 0.5, 0.5]


def test_what_is_missing_starts_over() -> None:
    pandas, polars = pytest.importorskip("pandas"), pytest.importorskip("polars")
    values = [1.0, 2.0, None, 4.0, 5.0]
    holes = [
        values, [math.nan if value is None else value for value in values], numpy.array(values, dtype=float),
        pandas.Series(values), pandas.Series(values, dtype="Float64"), polars.Series(values),
    ]  # fmt: skip
    for given in holes:
        assert list(indicators.sma(given, 2)) == pytest.approx([math.nan, 1.5, math.nan, math.nan, 4.5], nan_ok=True)
    strided = numpy.array(CLOSE)[::2]
    assert indicators.sma(strided, 3).tolist()[2:] == indicators.sma(strided.tolist(), 3)[2:]
    assert indicators.sma([], 3) == [] and len(indicators.sma([1.0], 10**6)) == 1


def test_wrong_arguments_are_told() -> None:
    for call, error, said in [
        (lambda: indicators.sma(CLOSE, 0), SettingsError, "`n` of `sma` is 0; give a whole number of bars, 1 or more"),
        (lambda: indicators.sma(CLOSE, -3), SettingsError, "is -3"),
        (lambda: indicators.sma(CLOSE, 2.5), SettingsError, "is 2.5"),
        (lambda: indicators.bollinger(CLOSE, 20, math.inf), SettingsError, "`width` of `bollinger` is inf; give a finite number"),
        (lambda: indicators.bollinger(CLOSE, 20, "2"), SettingsError, "`width` of `bollinger` is 2; give a finite number"),
        (lambda: indicators.atr(HIGH, LOW[1:], CLOSE, 3), ValueError, r"\[60, 59, 60\] values; give as many of each"),
        (lambda: indicators.sma("close", 3), TypeError, "`values` of `sma` is a str"),
        (lambda: indicators.sma(["a"], 3), TypeError, "no number"),
        (lambda: indicators.sma(numpy.ones((3, 2)), 3), TypeError, "2 dimensions"),
        (lambda: indicators.sma(CLOSE), TypeError, "missing a required argument: 'n'"),
        (lambda: indicators.smaa(CLOSE, 3), AttributeError, "no indicator `smaa`; there are adx, atr, bollinger"),
    ]:
        with pytest.raises(error, match=said):
            call()


def test_they_say_what_they_are() -> None:
    import inspect

    assert str(inspect.signature(host.indicators.atr)) == "(high, low, close, n)"
    assert "Wilder" in (host.indicators.atr.__doc__ or "") and host.indicators.atr.__name__ == "atr"
