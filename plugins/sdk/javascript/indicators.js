// Indicators: what traders compute from prices, over a whole column or bar by bar. `indicators.d.ts` documents them.
//
// Never looks ahead. Both forms give the same bits, which are those of every other SDK.

export {
  adx, atr, bollinger, crossings, deviation, donchian, ema, macd, rsi, sma, trueRange, zScore,
} from "./indicators/columns.js";
export {
  Adx, Atr, Bollinger, Cross, Deviation, Donchian, Ema, Macd, Rsi, Sma, TrueRange, ZScore,
} from "./indicators/streams.js";
