"""Runs of backtesting.py and vectorbt on random bars, for comparison with our profiles.

Never reads anything but its arguments, and draws the same numbers from the same seed.

    pip install backtesting==0.6.6 vectorbt==1.2.0
    python generate.py runs.jsonl [--count N] [--seed S] [--only NAME,NAME]
    PEER_RUNS=runs.jsonl cargo test --test it -- peer_runs

Each line is the bars of a data set, or a run with its options, what was asked for (`acts`), and what came of it. Bars
count from 0. `acts` of vectorbt are `[bar, what, number]`: `target` an exposure, `units`, `value` and `share` an order, `enter`
a side and `exit` a signal. Those of backtesting.py are `[bar, what, ...]`: `enter` with side, size, limit, stop, stop loss and
take profit, `close` and `cancel`.
"""

import argparse
import json
import math
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

TRADES = ["size", "entry_bar", "exit_bar", "entry_price", "exit_price", "pnl", "commission"]


# ---- bars


def days(count, keep):
    index = pd.date_range("2019-01-02", periods=3 * count, freq="D")
    return index[[keep(day) for day in index]][:count]


def sessions(count, step):
    index = pd.date_range("2021-03-01 09:30", periods=60 * count, freq=step)
    minutes = index.hour * 60 + index.minute
    return index[(index.dayofweek < 5) & (minutes >= 570) & (minutes < 960)][:count]


SPACINGS = {
    "daily": (days(300, lambda day: day.dayofweek < 5), 0.015, 50.0, 0.01),
    "coin": (days(300, lambda day: True), 0.04, 300.0, 0.01),
    "fx": (days(300, lambda day: day.dayofweek != 5), 0.006, 1.2, 0.0001),
    "hourly": (pd.date_range("2022-05-02", periods=400, freq="h"), 0.006, 120.0, 0.01),
    "minutes": (sessions(400, "5min"), 0.002, 80.0, 0.01),
    "weekly": (pd.date_range("2012-01-06", periods=260, freq="W-FRI"), 0.03, 40.0, 0.01),
    "monthly": (pd.date_range("2004-01-01", periods=150, freq="MS"), 0.05, 60.0, 0.01),
    "ends": (pd.date_range("2004-01-31", periods=150, freq="ME"), 0.05, 60.0, 0.01),
    "yearly": (pd.date_range("1980-12-31", periods=40, freq="YE"), 0.15, 60.0, 0.01),
    "wild": (days(250, lambda day: day.dayofweek < 5), 0.12, 50.0, 0.01),
    "coarse": (days(300, lambda day: day.dayofweek < 5), 0.02, 50.0, 0.5),
    "dear": (days(250, lambda day: day.dayofweek < 5), 0.02, 3000.0, 0.01),
}


def bars_of(name, seed):
    index, deviation, start, tick = SPACINGS[name]
    random = np.random.default_rng([seed, list(SPACINGS).index(name)])
    steps = random.normal(0.0, deviation / math.sqrt(8), (len(index), 8))
    steps[:, 0] += random.normal(0.0, deviation / 3, len(index))
    path = start * np.exp(np.cumsum(steps.ravel())).reshape(steps.shape)
    path = np.maximum(np.round(path / tick) * tick, 2 * tick).round(6)
    prices = {"Open": path[:, 0], "High": path.max(1), "Low": path.min(1), "Close": path[:, -1]}
    return pd.DataFrame({**prices, "Volume": 1000.0}, index=index)


# ---- what runs have in common


def clean(value):
    if isinstance(value, (bool, str)) or value is None:
        return value
    if isinstance(value, pd.Timedelta):
        return str(value)
    if value is pd.NaT:
        return "nan"
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else "nan"
    return str(value)


def common(equity):
    equity = [float(value) for value in equity]
    return {"bars": len(equity), "equity_every_50th_bar": equity[::50], "equity_last": equity[-1]}


# ---- vectorbt

SIZE_TYPES = {"target": "targetpercent", "units": "amount", "value": "value", "share": "percent"}
TARGET_TYPES = {"equity": "targetpercent", "units": "targetamount", "cash": "targetvalue"}
FREQUENCIES = {"monthly": "30D", "ends": "31D", "weekly": "7D", "hourly": "1h", "minutes": "5min", "yearly": "365D"}


def random_acts(kind, count, price, cash, random):
    """What is asked for at which bar, for one kind of run."""
    some = [bar for bar in range(count) if random.random() < 0.2]
    pick = lambda values: float(random.choice(values))
    wholes = [-1.5, -1.0, -0.8, -0.5, -0.2, 0.0, 0.0, 0.3, 0.6, 1.0, 1.0, 2.0]
    sizes = [-2.5, -1.0, -0.6, -0.3, -0.1, 0.1, 0.3, 0.6, 1.0, 2.5]
    if kind.startswith("rebalance"):
        return [[bar, "target", float(kind.split(":")[1])] for bar in range(1, count)]
    if kind == "targets":
        return [[bar, "target", pick(wholes)] for bar in some]
    if kind == "ones":
        return [[bar, "target", pick([-1.0, 1.0])] for bar in some]
    if kind == "signals":
        return [[bar, *((("enter", pick([-1.0, 1.0])) if random.random() < 0.7 else ("exit", 0.0)))] for bar in some]
    scale = {"units": cash / price, "value": cash, "share": 0.4}
    if kind == "mixed":
        kinds = [str(random.choice(["target", "units", "value", "share"])) for _ in some]
        return [[bar, k, pick(wholes) if k == "target" else scale[k] * pick(sizes)] for bar, k in zip(some, kinds)]
    return [[bar, kind, scale[kind] * pick(sizes)] for bar in some]


def vectorbt_runs(name, frame, seed, count):
    import vectorbt as vbt

    kinds = ["targets", "ones", "signals", "units", "value", "share", "mixed", "rebalance:-0.5", "rebalance:0.6"]
    kinds += ["rebalance:-1", "rebalance:1", "targets/units", "targets/cash", "targets", "ones", "signals"]
    random = np.random.default_rng([seed, 1, list(SPACINGS).index(name)])
    for number in range(count):
        kind, _, sizing = kinds[number % len(kinds)].partition("/")
        sizing = sizing or "equity"
        start = float(frame["Close"].iloc[0])
        options = {
            "init_cash": 10_000.0,
            "fees": float(random.choice([0.0, 0.001, 0.01])),
            "fixed_fees": float(random.choice([0.0, 0.0, 2.0])),
            "slippage": float(random.choice([0.0, 0.0, 0.002])),
            "price": str(random.choice(["close", "open"])),
            "sizing": sizing,
            "size": {"equity": None, "units": round(8000.0 / start, 3), "cash": 8000.0}[sizing],
            "freq": FREQUENCIES.get(name) if random.random() < 0.7 else None,
        }
        acts = random_acts(kind, len(frame), start, options["init_cash"], random)
        portfolio = vectorbt_portfolio(vbt, frame, acts, options)
        yield {"engine": "vectorbt", "name": f"{name} {number} {kind}", "data": name, "options": options, "acts": acts} | outcome(portfolio)


def vectorbt_portfolio(vbt, frame, acts, options):
    shift = int(options["price"] == "open")
    price = frame["Open"] if shift else frame["Close"]
    freq = options["freq"] or pd.Series(frame.index).diff().median()
    given = {"price": price, "freq": freq, "engine": "numba"}
    given |= {key: options[key] for key in ["init_cash", "fees", "fixed_fees", "slippage"]}
    rows = [(bar + shift, what, value) for bar, what, value in acts if bar + shift < len(frame)]
    blank = lambda: pd.Series(False, index=frame.index)
    if any(what in ("enter", "exit") for _, what, _ in rows):
        longs, shorts, exits = blank(), blank(), blank()
        for row, what, value in rows:
            (exits if what == "exit" else longs if value > 0 else shorts).iloc[row] = True
        return vbt.Portfolio.from_signals(frame["Close"], longs, exits, short_entries=shorts, short_exits=exits, **given)
    size = np.full(len(frame), np.nan)
    kinds = np.full(len(frame), vbt.portfolio.enums.SizeType.Amount)
    for row, what, value in rows:
        named = TARGET_TYPES[options["sizing"]] if what == "target" else SIZE_TYPES[what]
        kinds[row] = [getattr(vbt.portfolio.enums.SizeType, field) for field in vbt.portfolio.enums.SizeType._fields if field.lower() == named][0]
        size[row] = value * (options["size"] or 1.0) if what == "target" else value
    series = lambda values: pd.Series(values, index=frame.index)
    return vbt.Portfolio.from_orders(frame["Close"], size=series(size), size_type=series(kinds), **given)


def outcome(portfolio):
    orders, trades = portfolio.orders.records, portfolio.trades.records
    side = ["buy", "sell"]
    metrics = ["total_profit", "annualized_return", "annualized_volatility", "max_drawdown"]
    stats = portfolio.stats(silence_warnings=True)
    return common(portfolio.value()) | {
        "stats": {key: clean(value) for key, value in stats.items() if key not in ("Start", "End", "Period")},
        "metrics": {key: clean(getattr(portfolio, key)()) for key in metrics},
        "kept_every": 1,
        "order_count": len(orders),
        "order_size_sum": float(orders["size"].sum()),
        "trade_count": len(trades),
        "trade_pnl_sum": float(trades["pnl"].sum()),
        "orders": [[int(o["idx"]), side[o["side"]], float(o["size"]), float(o["price"]), float(o["fees"])] for o in orders.to_dict("records")],
        "trades": [
            [float(t["size"]), int(t["entry_idx"]), float(t["entry_price"]), float(t["entry_fees"]), int(t["exit_idx"]), float(t["exit_price"]),
             float(t["exit_fees"]), float(t["pnl"]), float(t["return"]), ["long", "short"][t["direction"]], ["open", "closed"][t["status"]]]
            for t in trades.to_dict("records")
        ],
    }


# ---- backtesting.py


def random_script(kind, frame, first, random):
    """What a strategy of backtesting.py does at which bar."""
    acts, last = [], len(frame) - 1
    pick = lambda values: float(random.choice(values))
    for bar in range(len(frame)):
        is_last = bar == last and random.random() < 0.8
        if not (is_last or random.random() < 0.25):
            continue
        high, low, close = (float(frame[name].iloc[bar]) for name in ["High", "Low", "Close"])
        span = max(high - low, 0.002 * close)
        side = pick([1.0, -1.0])
        if random.random() < 0.25 and not is_last:
            acts.append([bar, "close"] if kind != "partial" else [bar, "close", pick([0.2, 0.5, 0.5, 1.0])])
            continue
        size = pick([0.3, 0.5, 0.9]) if kind != "units" else float(random.integers(1, max(2, int(9000 / close))))
        size = 1.0 - sys.float_info.epsilon if kind in ("all", "ruin") else size
        size = float(max(1, int(400 / close))) if kind in ("scale", "many") else size
        size = float(random.integers(1, max(2, int(9000 / close)))) if kind == "partial" else size
        limit = stop = loss = profit = None
        order = "market" if kind in ("all", "ruin", "scale") else str(random.choice(["market", "limit", "stop"]))
        order = str(random.choice(["market", "stop-limit"])) if kind == "stop-limit" else order
        if order == "limit":
            limit = [low, high][side < 0] if random.random() < 0.5 else round(close - side * 0.3 * span, 4)
        if order == "stop":
            stop = [high, low][side < 0] if random.random() < 0.5 else round(close + side * 0.3 * span, 4)
        if order == "stop-limit":
            stop = round(close + side * 0.3 * span, 4)
            limit = round(stop + side * pick([0.1, -0.1, 0.4]) * span, 4)
        at = limit or stop or close
        if kind in ("brackets", "units", "exclusive", "stop-limit", "partial") and random.random() < 0.7:
            loss = round(at - side * pick([0.2, 0.7, 2.0]) * span, 4)
            profit = round(at + side * pick([0.2, 0.7, 2.0]) * span, 4)
            loss, profit = [(loss, profit), (loss, None), (None, profit)][random.integers(0, 3)]
        prices = [price for price in (limit, stop, loss, profit) if price is not None]
        if all(price > 0.0 for price in prices):
            acts.append([bar, "enter", side, size, limit, stop, loss, profit])
    return acts


def scripted():
    from backtesting import Strategy

    class Scripted(Strategy):
        acts, first, exclusive, scale, many = {}, 0, False, False, False

        def init(self):
            if self.first:
                values = np.where(np.arange(len(self.data.Close)) < self.first, np.nan, 1.0)
                self.warm = self.I(lambda: values)

        def next(self):
            for act in self.acts.get(len(self.data) - 1, []):
                if act[0] == "close":
                    self.position.close(*act[1:])
                elif self.scale or self.exclusive or not self.position:
                    self.enter(*act[1:])

        def enter(self, side, size, limit, stop, loss, profit):
            for order in () if self.exclusive or self.many else self.orders:
                if not order.is_contingent:
                    order.cancel()
            (self.buy if side > 0 else self.sell)(size=size, limit=limit, stop=stop, sl=loss, tp=profit)

    return Scripted


def backtesting_runs(name, frame, seed, count):
    import backtesting
    from backtesting import Backtest

    backtesting.backtesting._tqdm = lambda values, **_: values
    kinds = ["brackets", "plain", "all", "units", "exclusive", "scale", "ruin", "stop-limit"]
    random = np.random.default_rng([seed, 2, list(SPACINGS).index(name)])
    for number in range(count):
        # Those that came later have numbers of their own, so that the others stay what they are.
        kind = kinds[number % len(kinds)] if number < 24 else ["partial", "many"][number % 2]
        options = {
            # Nothing that a price divides: there the last bit of a share decides about a unit.
            "cash": 10_000.37,
            "commission": float(random.choice([0.0, 0.0002, 0.002, 0.02])),
            # A share of equity and a fixed commission, or a margin, do not go together there as here.
            "fixed": float(random.choice([0.0, 3.0])) if kind == "units" else 0.0,
            "margin": float(random.choice([1.0, 0.5])) if kind == "units" else 1.0,
            "trade_on_close": bool(random.random() < 0.5),
            "exclusive_orders": kind in ("exclusive", "ruin"),
            "finalize_trades": bool(random.random() < 0.6),
        }
        first = int(random.choice([0, 0, 5, 19]))
        acts = random_script(kind, frame, first, random)
        by_bar = {}
        for bar, *act in acts:
            by_bar.setdefault(bar, []).append(act)
        params = {"acts": by_bar, "first": first, "exclusive": options["exclusive_orders"], "scale": kind in ("scale", "many")}
        params["many"] = kind == "many"
        given = {key: value for key, value in options.items() if key not in ("commission", "fixed")}
        commission = (options["fixed"], options["commission"])
        stats = Backtest(frame, scripted(), commission=commission, **given).run(**params)
        run = {"engine": "backtesting.py", "name": f"{name} {number} {kind}", "data": name, "kind": kind, "options": options}
        yield run | {"first_bar": first, "acts": acts} | backtesting_outcome(stats)


def backtesting_outcome(stats):
    trades, strategy = stats["_trades"], stats["_strategy"]
    columns = ["Size", "EntryBar", "ExitBar", "EntryPrice", "ExitPrice", "PnL", "Commission"]
    rows = [[clean(row[column]) for column in columns] for row in trades.to_dict("records")]
    open_trades = [[int(trade.size), int(trade.entry_bar), float(trade.entry_price)] for trade in strategy._broker.trades]
    return common(stats["_equity_curve"]["Equity"]) | {
        "stats": {key: clean(value) for key, value in stats.items() if not key.startswith("_") and key not in ("Start", "End", "Duration")},
        "trade_columns": TRADES,
        "trades": rows,
        "open_trades": open_trades,
    }


def crossing_runs(name, frame):
    """Runs of the strategy that backtesting.py begins its manual with, for our `sma_cross` on the command line."""
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover

    average = lambda values, count: pd.Series(np.asarray(values)).rolling(count).mean().to_numpy()

    class Crossing(Strategy):
        fast, slow = 5, 20

        def init(self):
            self.a = self.I(average, self.data.Close, self.fast)
            self.b = self.I(average, self.data.Close, self.slow)

        def next(self):
            if crossover(self.a, self.b):
                self.buy()
            elif crossover(self.b, self.a):
                self.position.close()

    options = {"cash": 10_000.0, "commission": 0.002, "trade_on_close": False, "exclusive_orders": False, "finalize_trades": False}
    for fast, slow in [(5, 20), (3, 11)]:
        # Where averages are equal, rounding decides which is above the other.
        ticks = pd.Series(np.rint(frame["Close"] / SPACINGS[name][3]))
        if (slow * ticks.rolling(fast).sum() == fast * ticks.rolling(slow).sum()).any():
            continue
        stats = Backtest(frame, Crossing, **options).run(fast=fast, slow=slow)
        run = {"engine": "backtesting.py", "name": f"{name} crossing {fast}-{slow}", "data": name, "kind": "crossing", "options": options}
        yield run | {"first_bar": slow - 1, "fast": fast, "slow": slow, "acts": []} | backtesting_outcome(stats)


# ----


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("out")
    arguments.add_argument("--count", type=int, default=32, help="runs of each engine on each data set [32]")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", help="runs to keep, as engine and name, separated by commas, or @FILE with one a line")
    given = arguments.parse_args()
    names = given.only
    keep = names and set(open(names[1:]).read().splitlines() if names.startswith("@") else names.split(","))
    with open(given.out, "w") as file:
        write = lambda line: print(json.dumps(line, separators=(",", ":")), file=file)
        for name in SPACINGS:
            frame = bars_of(name, given.seed)
            runs = [*vectorbt_runs(name, frame, given.seed, given.count), *backtesting_runs(name, frame, given.seed, given.count)]
            runs += crossing_runs(name, frame)
            runs = [run for run in runs if not keep or f"{run['engine']} {run['name']}" in keep]
            if runs:
                prices = {column.lower(): frame[column].tolist() for column in frame.columns}
                write({"set": name, "time": frame.index.as_unit("ns").asi8.tolist(), **prices})
            for run in runs:
                write(run)
            print(name, len(runs), file=sys.stderr)


main()
