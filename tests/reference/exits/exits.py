"""What vectorbt makes of stop losses, take profits and trailing stops, on random bars.

    pip install vectorbt==1.2.0
    python exits.py

Writes `bars.csv` and `trades.csv` beside this file. The signals: long while the close is above that of `lookback` bars ago, or
short while it is below, else flat. (vectorbt has one order a bar, so that a signal for the other side is lost in the bar of an
exit.) Orders fill at the close that decides, exits work from the next bar on, and of a stop and a profit in one bar the stop is
first. A position that an exit has closed is not opened again before the signal changes.
"""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import vectorbt as vbt

HERE = Path(__file__).parent
BARS = 700
LOOKBACKS = [5, 20]
EXITS = [
    {},
    {"stop_loss": 0.02},
    {"stop_loss": 0.05},
    {"take_profit": 0.03},
    {"stop_loss": 0.02, "take_profit": 0.04},
    {"trailing_stop": 0.03},
    {"trailing_stop": 0.1},
]


def bars() -> pd.DataFrame:
    """Days that gap now and then, at prices of four decimals."""
    random = np.random.default_rng(20261130)
    rows, close = [], 50.0
    for _ in range(BARS):
        gap = 0.03 if random.random() < 0.1 else 0.002
        opened = close * (1 + gap * random.standard_normal())
        path = opened * np.cumprod(1 + 0.006 * random.standard_normal(12))
        close = path[-1]
        rows.append([round(price, 4) for price in (opened, max(opened, *path), min(opened, *path), close)])
    days = pd.bdate_range("2001-01-01", periods=BARS, name="date")
    return pd.DataFrame(rows, days, ["open", "high", "low", "close"]).assign(volume=1000)


def trades(frame: pd.DataFrame, lookback: int, side: str, exits: dict[str, float]) -> list[tuple[str, str, float, float]]:
    """Days and prices of the entries and exits of all trades that have ended."""
    before = frame.close.shift(lookback)
    wanted = frame.close > before if side == "long" else frame.close < before
    was_wanted = wanted.shift(1, fill_value=False)
    if "trailing_stop" in exits:
        options = {"sl_stop": exits["trailing_stop"], "sl_trail": True}
    else:
        options = {name: exits[key] for name, key in (("sl_stop", "stop_loss"), ("tp_stop", "take_profit")) if key in exits}
    run = vbt.Portfolio.from_signals(
        frame.close, wanted & ~was_wanted, ~wanted & was_wanted, open=frame.open, high=frame.high, low=frame.low,
        direction=f"{side}only", init_cash=10_000, freq="1D", **options,
    )  # fmt: skip
    records = run.trades.records
    ended = records[records.status == 1].itertuples()
    day = [moment.date().isoformat() for moment in frame.index]
    return [(day[one.entry_idx], day[one.exit_idx], one.entry_price, one.exit_price) for one in ended]


def main() -> None:
    frame = bars()
    frame.to_csv(HERE / "bars.csv")
    with (HERE / "trades.csv").open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["lookback", "side", "stop_loss", "take_profit", "trailing_stop", "entry", "exit", "entry_price", "exit_price"])
        for lookback in LOOKBACKS:
            for side in ("long", "short"):
                for exits in EXITS:
                    asked = [exits.get(name, 0) for name in ("stop_loss", "take_profit", "trailing_stop")]
                    for trade in trades(frame, lookback, side, exits):
                        out.writerow([lookback, side, *asked, *trade])


if __name__ == "__main__":
    main()
