/**
 * Indicators: what traders compute from prices. Each is a class that is told one value at a time, for `onBar`, and a function
 * over a whole column, for `Signals`. Both give the same bits, which are those of every other SDK.
 *
 * - **No answer yet** is `undefined` bar by bar, and NaN in a column, which is as long as what it is made of. NaN compares
 *   with nothing: `fast[t] > slow[t]` is false until both are there.
 * - **A value that is not finite** is none: there is no answer, and the indicator starts over behind it. So does one of
 *   another one's column: `sma(rsi(close, 14), 5)`.
 * - **Lengths** are whole numbers of bars, 1 at least, and the columns of one call are equally long: otherwise a `RangeError`.
 * - **Windows take nothing away**: each is joined of sums that were only ever added to, so that an error of rounding is gone as
 *   soon as its values are, and a bar costs the same whatever the length.
 */

/** Numbers, oldest first: a column of a `Series`, an indicator's, or an array. */
export type Column = ArrayLike<number>;

/** The simple moving average: the sum of the last `n` values, divided by `n`. */
export class Sma {
  constructor(n: number);
  /** Takes the next value, and returns the average from the `n`th on. */
  next(value: number): number | undefined;
}

/** The simple moving average of `n` values, for each of `values`. */
export function sma(values: Column, n: number): Float64Array;

/**
 * The exponential moving average: `ema + 2 / (n + 1) * (value - ema)`, beginning with the simple average of the first `n`
 * values, as in TA-Lib and TradingView.
 */
export class Ema {
  constructor(n: number);
  /** Takes the next value, and returns the average from the `n`th on. */
  next(value: number): number | undefined;
}

/** The exponential moving average of `n` values, for each of `values`. */
export function ema(values: Column, n: number): Float64Array;

/**
 * The MACD of Appel. `line` is the `Ema` of `fast` values less that of `slow` ones, `signal` the `Ema` of `signal` values of the
 * line, `histogram` the line less the signal. Each average begins by itself, as in TradingView; TA-Lib begins the fast one later.
 */
export class Macd {
  /** Usual are 12, 26 and 9. */
  constructor(fast: number, slow: number, signal: number);
  /** Takes the next value, and returns all three as soon as the signal is there. */
  next(value: number): { line: number; signal: number; histogram: number } | undefined;
}

/** The MACD of averages of `fast`, `slow` and `signal` values, for each of `values`. */
export function macd(
  values: Column,
  fast: number,
  slow: number,
  signal: number,
): { line: Float64Array; signal: Float64Array; histogram: Float64Array };

/**
 * The relative strength index of Wilder (1978): `100 * gain / (gain + loss)`, where both are averages of the rises and of the
 * falls from one value to the next. 50 where nothing has changed.
 */
export class Rsi {
  constructor(n: number);
  /** Takes the next value, and returns the index, a number from 0 to 100, from the `n + 1`th on. */
  next(value: number): number | undefined;
}

/** The relative strength index of `n` changes, for each of `values`. */
export function rsi(values: Column, n: number): Float64Array;

/** The true range of Wilder (1978): the greatest of `high - low`, `high - previous close` and `previous close - low`. */
export class TrueRange {
  /** Takes the next bar, and returns its range in quote currency from the second bar on. */
  next(high: number, low: number, close: number): number | undefined;
}

/** The true range of each bar, in quote currency. */
export function trueRange(high: Column, low: Column, close: Column): Float64Array;

/** The average true range of Wilder (1978): it begins with the simple average of the first `n` ranges. */
export class Atr {
  constructor(n: number);
  /** Takes the next bar, and returns the average in quote currency from bar `n + 1` on. */
  next(high: number, low: number, close: number): number | undefined;
}

/** The average true range of `n` ranges, in quote currency, for each bar. */
export function atr(high: Column, low: Column, close: Column, n: number): Float64Array;

/**
 * The average directional index of Wilder (1978). `plusDi` and `minusDi` are the movements up and down in percent of the true
 * range, each smoothed over `n` bars; `adx` is their distance in percent of their sum, smoothed again: how strong a trend is, and
 * not to which side it goes. 0 where nothing moves.
 */
export class Adx {
  /** Usual are 14. */
  constructor(n: number);
  /** Takes the next bar, and returns all three, numbers from 0 to 100, from bar `2 * n` on. */
  next(high: number, low: number, close: number): { adx: number; plusDi: number; minusDi: number } | undefined;
}

/** The average directional index of `n` bars, for each bar. */
export function adx(
  high: Column,
  low: Column,
  close: Column,
  n: number,
): { adx: Float64Array; plusDi: Float64Array; minusDi: Float64Array };

/**
 * The standard deviation of the last `n` values: the root of the mean of their squared distances from their mean. Divides by
 * `n`, as Bollinger and TA-Lib do. Equal values have a deviation of exactly 0.
 */
export class Deviation {
  constructor(n: number);
  /** Takes the next value, and returns the deviation, in the unit of the values, from the `n`th on. */
  next(value: number): number | undefined;
}

/** The standard deviation of `n` values, for each of `values`. */
export function deviation(values: Column, n: number): Float64Array;

/** How many standard deviations a value lies above the mean of the last `n`, itself among them; none where all are equal. */
export class ZScore {
  constructor(n: number);
  /** Takes the next value, and returns its score from the `n`th on. */
  next(value: number): number | undefined;
}

/** The score of each of `values` among the last `n`. */
export function zScore(values: Column, n: number): Float64Array;

/** The bands of Bollinger: the `Sma` of the last `n` values, and `width` of their deviations above and below it. */
export class Bollinger {
  /** Usual are 20 and 2. */
  constructor(n: number, width: number);
  /** Takes the next value, and returns the bands, in the unit of the values, from the `n`th on. */
  next(value: number): { upper: number; middle: number; lower: number } | undefined;
}

/** The bands of `n` values and of `width` deviations, for each of `values`. */
export function bollinger(
  values: Column,
  n: number,
  width: number,
): { upper: Float64Array; middle: Float64Array; lower: Float64Array };

/**
 * The channel of Donchian: the highest high and the lowest low of the last `n` bars, and the price half way between both. The
 * bar itself is one of them: a breakout is a close beyond the channel of the bar before.
 */
export class Donchian {
  constructor(n: number);
  /** Takes the next bar, and returns the channel in quote currency from the `n`th on. */
  next(high: number, low: number): { upper: number; middle: number; lower: number } | undefined;
}

/** The channel of `n` bars, in quote currency, for each bar. */
export function donchian(
  high: Column,
  low: Column,
  n: number,
): { upper: Float64Array; middle: Float64Array; lower: Float64Array };

/** To which side a line has crossed another. */
export type Crossing = "above" | "below";

/**
 * Watches for a line to cross another: two averages, or a price and a level. Where both are equal the line is on neither side,
 * so that it crosses on the bar on which it comes out on the other one. The first side is none that it has crossed to.
 */
export class Cross {
  /** Takes the next value of both, and returns to which side `line` has crossed, if it has. */
  next(line: number, other: number): Crossing | undefined;
}

/** Where `line` crosses `other`, for each bar. */
export function crossings(line: Column, other: Column): (Crossing | undefined)[];
