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
    }
).to_csv(HERE / "expected.csv", index=False)
