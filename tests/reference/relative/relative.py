"""Reference values for the metrics against a benchmark: writes `returns.csv` and `expected.csv` beside this file.

Python 3.11 with empyrical-reloaded 0.7.1, quantstats 0.0.86, scipy 1.17.1, numpy 2.4.6, pandas 3.1.1:

    pip install empyrical-reloaded==0.7.1 quantstats==0.0.86 scipy==1.17.1 numpy==2.4.6 pandas==3.1.1
    python relative.py

What the reference is: empyrical for beta, alpha (compounded), the information ratio per period (`excess_sharpe`), batting average,
returns and drawdowns, and for which periods count as up or down; quantstats for its `greeks` (alpha without a risk-free rate),
information ratio per period, R squared and Treynor ratio of the whole period; scipy.stats.linregress for the t-statistic of alpha
and the correlation; plain numpy for the tracking error. `empyrical up_capture` and `down_capture` are annualised geometric ratios;
ours are those of means, which the rows `empyrical up mean` and `down mean` have. Undefined is written as `nan`.
"""

import pathlib
import warnings

import empyrical as ep
import numpy as np
import pandas as pd
import quantstats.stats as qs
import scipy.stats as st

OUT = pathlib.Path(__file__).parent
warnings.filterwarnings("ignore")


def cases():
    """Name, bars per year, risk-free rate, returns of the strategy and of the benchmark."""
    random = np.random.default_rng(20260401)
    market = lambda n, mean, deviation: mean + deviation * random.standard_t(5, size=n) / np.sqrt(5 / 3)
    b = market(756, 0.0004, 0.01)
    yield "daily", 252, 0.02, 0.0002 + 0.8 * b + market(756, 0, 0.006), b
    yield "daily_no_rate", 252, 0.0, 0.0002 + 0.8 * b + market(756, 0, 0.006), b
    yield "short_seller", 252, 0.03, -1.5 * b + market(756, 0, 0.004), b
    held = np.repeat(random.integers(0, 2, size=42), 18)
    yield "in_and_out", 252, 0.0, held * b, b
    b = market(1950, 0.000002, 0.0005)
    yield "minutes", 98280, 0.02, 0.000001 + 0.5 * b + market(1950, 0, 0.0004), b
    b = market(800, 0.00004, 0.003)
    b[random.integers(0, 800, size=360)] = 0.0
    yield "hours_with_zeros", 1764, 0.01, 1.2 * b + market(800, 0, 0.002), b
    yield "constant_benchmark", 252, 0.0, market(300, 0.0005, 0.01), np.full(300, 0.0001)
    yield "constant_strategy", 252, 0.0, np.full(300, 0.0001), market(300, 0.0005, 0.01)
    b = market(1000, 0.0002, 0.000002)
    yield "bills", 252, 0.0, 0.00001 + 0.9 * b + market(1000, 0, 0.000003), b
    b = market(240, 0.006, 0.04)
    yield "monthly", 12, 0.02, 0.001 + 0.6 * b + market(240, 0, 0.02), b
    for n in (1, 2, 3):
        b = market(n, 0.0, 0.01)
        yield f"short_{n}", 252, 0.0, 0.5 * b + market(n, 0.001, 0.01), b
    b = np.abs(market(60, 0.001, 0.01))
    yield "only_up", 252, 0.0, 0.5 * b + market(60, 0, 0.002), b


def values(year, rate, r, b):
    index = pd.bdate_range("2015-01-01", periods=len(r))
    r, b, per = pd.Series(r, index), pd.Series(b, index), rate / year
    yield "empyrical beta", ep.beta(r, b, risk_free=per)
    yield "empyrical alpha compounded", ep.alpha(r, b, risk_free=per, annualization=year)
    yield "empyrical excess_sharpe per period", ep.excess_sharpe(r, b)
    yield "empyrical batting_average", ep.batting_average(r, b)["batting average"]
    mean = lambda r, b: r.mean() / b.mean() if len(r) else np.nan
    yield "empyrical up mean", ep.utils.up(r, b, function=mean)
    yield "empyrical down mean", ep.utils.down(r, b, function=mean)
    yield "empyrical up_capture annualised", ep.up_capture(r, b)
    yield "empyrical down_capture annualised", ep.down_capture(r, b)
    relative = (1 + r) / (1 + b) - 1
    yield "empyrical cum_returns_final of benchmark", ep.cum_returns_final(b)
    yield "empyrical cum_returns_final of relative", ep.cum_returns_final(relative)
    yield "empyrical max_drawdown of relative", ep.max_drawdown(relative)
    yield "empyrical annual_return of relative", ep.annual_return(relative, annualization=year)
    greeks = qs.greeks(r, b, periods=year, prepare_returns=False)
    yield "quantstats beta", greeks["beta"]
    yield "quantstats alpha without rate", greeks["alpha"]
    yield "quantstats information_ratio per period", qs.information_ratio(r, b, prepare_returns=False)
    yield "quantstats treynor_ratio of the whole", qs.treynor_ratio(r, b, periods=year, rf=rate)
    yield "numpy tracking error", (r - b).std(ddof=1) * np.sqrt(year)
    if len(r) > 2 and b.max() > b.min() and r.max() > r.min():
        yield "quantstats r_squared", qs.r_squared(r, b, prepare_returns=False)
        line = st.linregress(b - per, r - per)
        yield "scipy correlation", line.rvalue
        yield "scipy alpha t", line.intercept / line.intercept_stderr


returns, rows = ["case,strategy,benchmark"], ["case,periods,periods a year,risk free,source,value"]
for name, year, rate, r, b in cases():
    r, b = np.round(r, 9), np.round(b, 9)
    returns += [f"{name},{float(x)!r},{float(y)!r}" for x, y in zip(r, b)]
    rows += [f"{name},{len(r)},{year},{rate},{source},{float(value)!r}" for source, value in values(year, rate, r, b)]
(OUT / "returns.csv").write_text("\n".join(returns) + "\n")
(OUT / "expected.csv").write_text("\n".join(rows) + "\n")
