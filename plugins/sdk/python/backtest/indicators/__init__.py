"""What traders compute from prices, over a whole column or bar by bar.

Never looks ahead. Each indicator is a class that is told one value at a time (:meth:`Sma.next`, for ``on_bar``) and a function
over a whole column (:func:`sma`, for ``__init__`` and ``evaluate``); both give the same bits, which are those of every SDK.

>>> close = [1.0, 2.0, 6.0, 4.0]
>>> sma(close, 2)
[nan, 1.5, 4.0, 5.0]
>>> average = Sma(2)
>>> [average.next(value) for value in close]
[None, 1.5, 4.0, 5.0]

- No answer yet is ``None`` bar by bar and NaN in a column, which is as long as what it is made of. NaN compares with nothing, so
  that ``fast[at] > slow[at]`` is false until both are there.
- A value that is not finite has no answer, and the indicator starts over behind it.
- A window of 0 bars raises :class:`ValueError`, and so do columns of unequal length.
- A window takes nothing away: it is joined of two parts that were only ever added to (the end of one block of ``n`` values and
  the beginning of the next, after van Herk 1992 and Gil and Werman 1993), so that a rounding error is gone as soon as its values
  are.
"""

from backtest.indicators.averages import Ema, Sma, ema, sma
from backtest.indicators.bands import Band, Bands, Bollinger, bollinger
from backtest.indicators.channels import Channel, Channels, Donchian, donchian
from backtest.indicators.convergence import Macd, MacdValue, MacdValues, macd
from backtest.indicators.crossing import Cross, Crossing, crossings
from backtest.indicators.deviations import Deviation, ZScore, deviation, z_score
from backtest.indicators.direction import Adx, AdxValue, AdxValues, adx
from backtest.indicators.ranges import Atr, TrueRange, atr, true_range
from backtest.indicators.strength import Rsi, rsi

__all__ = [
    "Adx",
    "AdxValue",
    "AdxValues",
    "Atr",
    "Band",
    "Bands",
    "Bollinger",
    "Channel",
    "Channels",
    "Cross",
    "Crossing",
    "Deviation",
    "Donchian",
    "Ema",
    "Macd",
    "MacdValue",
    "MacdValues",
    "Rsi",
    "Sma",
    "TrueRange",
    "ZScore",
    "adx",
    "atr",
    "bollinger",
    "crossings",
    "deviation",
    "donchian",
    "ema",
    "macd",
    "rsi",
    "sma",
    "true_range",
    "z_score",
]
