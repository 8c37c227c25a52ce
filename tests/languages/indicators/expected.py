"""Writes expected.csv: bars of MSFT, and what TA-Lib, pandas and Python's statistics compute from them.

    pip install TA-Lib==0.8.2 pandas==3.1.1 pyarrow==26.0.1
    python expected.py [ROWS]

ROWS is a slice of the bundled bars: by default 5490:5890, the 400 days from the end of 2007 on.
"""

import pathlib
import statistics
import sys

import pandas as pd
import talib

HERE = pathlib.Path(__file__).resolve().parent
ROWS = slice(*map(int, sys.argv[1].split(":"))) if len(sys.argv) > 1 else slice(5490, 5890)

bars = pd.read_parquet(HERE / "../../../examples/data/msft.parquet").rename(columns=str.lower).iloc[ROWS]
high, low, close = (bars[name].astype(float).reset_index(drop=True) for name in ["high", "low", "close"])
window = close.rolling(20)
# Exact but for the last rounding. Those of pandas and TA-Lib are moved along from window to window.
deviation = window.apply(statistics.pstdev, raw=True)
# Each average begins by itself, as TradingView's do; those of talib.MACD begin together.
line = talib.EMA(close, 12) - talib.EMA(close, 26)
signal = talib.EMA(line, 9)


def wilder(values, n):
    """An average as of Wilder, begun with the simple one of the first `n` values, as TradingView's `ta.rma`."""
    values = values.dropna()
    begun = pd.concat([pd.Series([values.iloc[:n].mean()], index=values.index[n - 1 : n]), values.iloc[n:]])
    return begun.ewm(alpha=1 / n, adjust=False).mean().reindex(close.index)


up, down = high.diff().iloc[1:], -low.diff().iloc[1:]
range_14 = wilder(talib.TRANGE(high, low, close), 14)
plus_di = 100 * wilder(up.where((up > down) & (up > 0), 0.0), 14) / range_14
minus_di = 100 * wilder(down.where((down > up) & (down > 0), 0.0), 14) / range_14
adx = wilder(100 * (plus_di - minus_di).abs() / (plus_di + minus_di), 14)

# TA-Lib begins otherwise, and what it began with has faded away at the end.
ends = [
    (line, talib.MACD(close, 12, 26, 9)[0]),
    (signal, talib.MACD(close, 12, 26, 9)[1]),
    (plus_di, talib.PLUS_DI(high, low, close, 14)),
    (minus_di, talib.MINUS_DI(high, low, close, 14)),
    (adx, talib.ADX(high, low, close, 14)),
]
for found, other in ends:
    assert abs(found.iloc[-1] / other.iloc[-1] - 1) < 1e-9, (found.iloc[-1], other.iloc[-1])

pd.DataFrame(
    {
        "high": high,
        "low": low,
        "close": close,
        "sma": window.mean(),
        # Begins with the simple average of the first n values; pandas' ewm(adjust=False) begins with the first value.
        "ema": talib.EMA(close, 20),
        # 0 where nothing has changed, which is in none of these bars.
        "rsi": talib.RSI(close, 14),
        "true_range": talib.TRANGE(high, low, close),
        "atr": talib.ATR(high, low, close, 14),
        "deviation": deviation,
        "z_score": (close - window.mean()) / deviation,
        "upper": high.rolling(20).max(),
        "lower": low.rolling(20).min(),
        "band_upper": window.mean() + 2.0 * deviation,
        "band_lower": window.mean() - 2.0 * deviation,
        "macd": line.where(signal.notna()),
        "macd_signal": signal,
        "macd_histogram": line - signal,
        "adx": adx,
        "plus_di": plus_di.where(adx.notna()),
        "minus_di": minus_di.where(adx.notna()),
    }
).to_csv(HERE / "expected.csv", index=False)
