"""Bars for the tests of the engine, made here. Never read from the network."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any


def columns(bars: int = 400, shift: float = 0.0) -> dict[str, list[Any]]:
    """Daily bars from 2020 on, with whole volumes."""
    closes = [100 + 10 * math.sin(at / 9 + shift) + 3 * math.sin(at / 2.3) + at / 50 for at in range(bars)]
    opens = [closes[max(at - 1, 0)] for at in range(bars)]
    return {
        "open": opens,
        "high": [max(pair) + 0.5 for pair in zip(opens, closes)],
        "low": [min(pair) - 0.5 for pair in zip(opens, closes)],
        "close": closes,
        "volume": [1000.0 + at % 7 for at in range(bars)],
    }


def days(bars: int = 400) -> list[int]:
    """Days since 1970 of those bars."""
    return [18262 + at for at in range(bars)]


def dates(bars: int = 400) -> list[str]:
    """Their dates, ISO 8601."""
    import datetime

    start = datetime.date(1970, 1, 1)
    return [(start + datetime.timedelta(days=day)).isoformat() for day in days(bars)]


def write_csv(path: Path, bars: int = 400, shift: float = 0.0) -> Path:
    """Writes the bars to a file, to the last digit."""
    table = {"date": dates(bars), **columns(bars, shift)}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*[[repr(value) if isinstance(value, float) else value for value in one] for one in table.values()]))
    return path
