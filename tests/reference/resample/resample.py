"""Bars that polars 2.1.0 resamples, the references of this folder. Run it in the folder, with polars installed.

`new-york.csv` are five-minute bars from 08:00 to 16:55 of New York, `chicago.csv` quarters of an hour of a future that trades from 17:00
to 16:00 of Chicago; both run over the end of summer time on 2024-11-03, and lack some bars. Each result is `DATA-TIMEFRAME.csv`.
"""

import datetime as dt
import random

import polars as pl

PRICES = ["open", "high", "low", "close", "volume"]


def walk(stamps: list[dt.datetime], seed: int) -> pl.DataFrame:
    chance, price, rows = random.Random(seed), 100.0, []
    for stamp in stamps:
        if chance.random() < 0.03:
            continue
        start = price
        price = round(price * (1 + chance.uniform(-0.004, 0.004)), 2)
        spread = round(chance.uniform(0, 0.2), 2)
        high, low = round(max(start, price) + spread, 2), round(min(start, price) - spread, 2)
        rows.append((stamp, start, high, low, price, chance.randrange(1000)))
    return pl.DataFrame(rows, schema=["time", *PRICES], orient="row")


def stamps(zone: str, first: dt.date, days: int, minutes: int, wanted) -> list[dt.datetime]:
    start = dt.datetime.combine(first, dt.time(), dt.timezone.utc)
    every = pl.datetime_range(start, start + dt.timedelta(days=days), f"{minutes}m", closed="left", time_zone="UTC", eager=True)
    local = pl.DataFrame({"time": every}).with_columns(local=pl.col("time").dt.convert_time_zone(zone))
    return local.filter(wanted(pl.col("local")))["time"].to_list()


def bars(groups) -> pl.DataFrame:
    return groups.agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum()
    )


def written(frame: pl.DataFrame, name: str) -> None:
    frame = frame.with_columns(pl.col("time").dt.convert_time_zone("UTC")) if frame["time"].dtype != pl.Date else frame
    frame.select("time", *PRICES).sort("time").write_csv(f"{name}.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")


def dated(frame: pl.DataFrame, name: str) -> None:
    """Days, weeks, months and quarters of a frame with a column `day`."""
    for every, timeframe in (("1d", "1d"), ("1w", "1w"), ("1mo", "1mo"), ("1q", "3mo")):
        groups = frame.with_columns(time=pl.col("day").dt.truncate(every)).group_by("time", maintain_order=True)
        written(bars(groups), f"{name}-{timeframe}")


def new_york() -> None:
    zone = "America/New_York"
    is_weekday = lambda local: local.dt.weekday() <= 5
    open_hours = lambda local: is_weekday(local) & (local.dt.hour() >= 8) & (local.dt.hour() < 17)
    frame = walk(stamps(zone, dt.date(2024, 10, 28), 15, 5, open_hours), 1)
    written(frame, "new-york")
    local = frame.with_columns(local=pl.col("time").dt.convert_time_zone(zone))
    clock = pl.col("local").dt.hour().cast(pl.Int32) * 60 + pl.col("local").dt.minute().cast(pl.Int32)
    session = local.filter((clock >= 570) & (clock < 960))
    # Hours of the session are counted from half past nine.
    groups = session.sort("local").group_by_dynamic("local", every="1h", offset="30m")
    written(bars(groups).rename({"local": "time"}), "new-york-1h")
    dated(session.with_columns(day=pl.col("local").dt.date()), "new-york")


def chicago() -> None:
    zone = "America/Chicago"
    clock = lambda local: local.dt.hour()
    day = lambda local: (local.dt.replace_time_zone(None) + pl.duration(hours=7)).dt.date()
    trades = lambda local: (clock(local) != 16) & (day(local).dt.weekday() <= 5)
    frame = walk(stamps(zone, dt.date(2024, 10, 28), 12, 15, trades), 2)
    written(frame, "chicago")
    local = frame.with_columns(local=pl.col("time").dt.convert_time_zone(zone))
    local = local.with_columns(day=day(pl.col("local")))
    groups = local.with_columns(start=pl.col("local").dt.truncate("1h")).group_by("start", maintain_order=True)
    written(bars(groups).rename({"start": "time"}), "chicago-1h")
    dated(local, "chicago")


def msft() -> None:
    frame = pl.read_parquet("../../../examples/data/msft.parquet")
    frame = frame.rename({name: name.lower() for name in frame.columns})
    time = next(name for name in frame.columns if name in ("date", "time", "timestamp"))
    frame = frame.with_columns(day=pl.col(time).cast(pl.Date), volume=pl.col("volume").cast(pl.Int64))
    for every, timeframe in (("1w", "1w"), ("1mo", "1mo"), ("1q", "3mo"), ("1y", "12mo")):
        groups = frame.with_columns(time=pl.col("day").dt.truncate(every)).group_by("time", maintain_order=True)
        written(bars(groups), f"msft-{timeframe}")


new_york()
chicago()
msft()
