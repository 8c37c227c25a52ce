#!/usr/bin/env python3
"""Makes calendar_*.json: bars of three markets with time zones, and what a run over them amounts to.

The bars are a seeded random walk of our own. The numbers are computed here with pandas, from the bars and the rule that
a target of a bar is traded at the open of the next one; nothing of the project takes part. `tests/it/calendars.rs`
compares the project's numbers with them.

Run it with pandas 2 or later: python3 calendars.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

CASH, UNITS, RISK_FREE = 10_000.0, 20.0, 0.03
HERE = Path(__file__).parent


def stamps(zone, first, last, clock_times, closed, evening=0):
    """Time stamps in UTC of bars that begin at `clock_times` of a zone; those from `evening` on are on the day before."""
    days = [day for day in pd.date_range(first, last, freq="B") if day.strftime("%m-%d") not in closed]
    found = []
    for day in days:
        for text in clock_times:
            hour, minute = map(int, text.split(":"))
            before = 1 if evening and hour >= evening else 0
            local = day - pd.Timedelta(days=before) + pd.Timedelta(hours=hour, minutes=minute)
            found.append(local.tz_localize(zone).tz_convert("UTC"))
    return pd.DatetimeIndex(found)


def bars(times, seed):
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0.0004, 0.012, len(times)))), 2)
    open_ = np.round(np.roll(close, 1) * np.exp(rng.normal(0, 0.003, len(times))), 2)
    open_[0] = close[0]
    # A target of the bar, or none; the last one cannot be traded any more.
    exposure = rng.choice([np.nan, -1.0, 0.0, 1.0], len(times), p=[0.85, 0.03, 0.04, 0.08])
    exposure[[0, -1]] = [1.0, np.nan]
    return pd.DataFrame({"open": open_, "close": close, "exposure": exposure}, index=times)


def run(table):
    """Equity at each close, and the value of all fills: each target is so many units at the next bar's open."""
    wanted = (table["exposure"] * UNITS).shift(1)
    held = wanted.ffill().fillna(0.0)
    traded = held.diff().fillna(held)
    cash = CASH - (traded * table["open"]).cumsum()
    return cash + held * table["close"], (traded.abs() * table["open"]).sum(), (held != 0).mean()


def changes(equity, groups):
    """The change over each group, from the close before it."""
    last = equity.groupby(groups).last()
    return last / last.shift(1, fill_value=CASH) - 1


def drawdown(equity):
    return equity / equity.cummax().clip(lower=CASH) - 1


def measured(equity, traded, in_market, days, periods_per_year):
    r = equity / equity.shift(1, fill_value=CASH) - 1
    excess = r - RISK_FREE / periods_per_year
    years = (equity.index[-1] - equity.index[0]) / pd.Timedelta(days=365.25)
    cagr = (equity.iloc[-1] / CASH) ** (1 / years) - 1
    falls = drawdown(equity)
    day, month, year = (changes(equity, days.to_period(unit)) for unit in ("D", "M", "Y"))
    won = lambda returns: float((returns > 0).sum() / ((returns > 0) | (returns < 0)).sum())
    metrics = {
        "total_return": equity.iloc[-1] / CASH - 1,
        "cagr": cagr,
        "sharpe": excess.mean() / r.std() * periods_per_year**0.5,
        "sortino": excess.mean() / (excess.clip(upper=0) ** 2).mean() ** 0.5 * periods_per_year**0.5,
        "annual_volatility": r.std() * periods_per_year**0.5,
        "max_drawdown": falls.min(),
        "calmar": cagr / -falls.min(),
        "ulcer_index": (falls**2).mean() ** 0.5,
        "upi": (cagr - RISK_FREE) / (falls**2).mean() ** 0.5,
        "turnover": traded / years / equity.mean(),
        "exposure_time": in_market,
        "best_day": day.max(), "worst_day": day.min(), "win_days": won(day),
        "best_month": month.max(), "worst_month": month.min(), "win_months": won(month),
        "best_year": year.max(), "worst_year": year.min(), "win_years": won(year),
    }
    return {
        "periods_per_year": periods_per_year,
        "days": len(day),
        "months": [[period.year, period.month, change] for period, change in month.items()],
        "years": [[period.year, change] for period, change in year.items()],
        "metrics": {name: float(value) for name, value in metrics.items()},
    }


def four_digits(number):
    return float(f"{number:.4g}")


def write(name, table, days, periods_per_year):
    expected = measured(*run(table), days, periods_per_year)
    lists = {
        "time": [int(time.timestamp()) for time in table.index],
        "open": table["open"].tolist(),
        "close": table["close"].tolist(),
        "exposure": [None if np.isnan(one) else one for one in table["exposure"]],
    }
    text = json.dumps(lists | {"expected": expected}, separators=(",", ":"))
    (HERE / f"calendar_{name}.json").write_text(text.replace('],"', '],\n"') + "\n")


new_york = bars(stamps("America/New_York", "2023-10-02", "2024-04-12", ["09:30", "11:30", "13:30", "15:30"],
                       {"11-23", "12-25", "01-01", "01-15", "02-19", "03-29"}), 1)
local = new_york.index.tz_convert("America/New_York").tz_localize(None)
write("new_york", new_york, local.normalize(), 4 * 252)

tokyo = bars(stamps("Asia/Tokyo", "2022-11-28", "2024-03-08", ["00:00"],
                    {"12-30", "01-02", "01-03", "01-08", "01-09", "02-12", "02-23", "03-21", "05-03", "05-04", "05-05",
                     "07-17", "08-11", "09-18", "10-09", "11-03", "11-23"}), 2)
local = tokyo.index.tz_convert("Asia/Tokyo").tz_localize(None)
write("tokyo", tokyo, local, four_digits((len(tokyo) - 1) / (local[-1] - local[0]).days * 365.25))

chicago = bars(stamps("America/Chicago", "2023-12-01", "2024-03-22", ["17:00", "21:00", "01:00", "05:00", "09:00", "13:00"],
                      {"12-25", "01-01"}, evening=17), 3)
local = chicago.index.tz_convert("America/Chicago").tz_localize(None)
# What begins at 17:00 or later belongs to the day on which the session closes.
write("chicago", chicago, (local + pd.Timedelta(hours=7)).normalize(), 6 * 260)
