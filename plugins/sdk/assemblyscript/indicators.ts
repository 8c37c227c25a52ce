// Indicators: what traders compute from prices, over a whole column or bar by bar.
//
// Never looks ahead. Each is a class that is told one value at a time (`Sma`, for `onBar`) and a function that tells it a whole
// column (`sma`, for `prepare` and `evaluate`). The function is nothing but the class in a loop, so that both give the same
// bits, which are those of every other SDK. What holds for all of them:
//
// - No answer yet is NaN, which compares with nothing: `fast[t] > slow[t]` is false until both are there. A column is as long
//   as what it is made of. Where an answer has several members, `next` tells whether there is one.
// - A value that is not finite is none: there is no answer, and the indicator starts over behind it. One of another one's
//   column, `sma(rsi(close, 14), 5)`, therefore begins where that column does.
// - A window of 0 bars makes no sense and throws; declare the parameter with a range from 1 on. So do columns of one call that
//   are not equally long.
// - Windows take nothing away. Each is joined of parts that were only ever added to, so that an error of rounding is gone as
//   soon as its values are, and a bar costs the same whatever the length.

import { checkWindow, Extremes, Moments, Sum, Window } from "./window";

/** An indicator of one value at a time. */
export abstract class OfValues {
  /** Takes the next value, and returns the answer to it: NaN where there is none. */
  abstract next(value: f64): f64;
}

/** An indicator of one bar at a time. */
export abstract class OfBars {
  /** Takes the next bar, and returns the answer to it: NaN where there is none. */
  abstract next(high: f64, low: f64, close: f64): f64;
}

/** The simple moving average: the sum of the last `n` values, divided by `n`. */
export class Sma extends OfValues {
  private window: Window<Sum>;

  constructor(private n: i32) {
    super();
    this.window = new Window<Sum>(n);
  }

  /** Takes the next value, and returns the average from the `n`th on. */
  next(value: f64): f64 {
    if (!isFinite(value)) {
      this.window.clear();
      return NaN;
    }
    this.window.value.total = value;
    const sum = this.window.push();
    return sum === null ? NaN : sum.total / <f64>this.n;
  }
}

/** The simple moving average of `n` values, for each of `values`. */
export function sma(values: StaticArray<f64>, n: i32): StaticArray<f64> {
  return column(new Sma(n), values);
}

/**
 * The exponential moving average: `ema + 2 / (n + 1) * (value - ema)`, beginning with the simple average of the first `n`
 * values, as in TA-Lib and TradingView.
 */
export class Ema extends OfValues {
  private average: Smooth;

  constructor(n: i32) {
    super();
    this.average = new Smooth(n, 2 / (<f64>n + 1));
  }

  /** Takes the next value, and returns the average from the `n`th on. */
  next(value: f64): f64 {
    return isFinite(value) ? this.average.next(value) : this.average.clear();
  }
}

/** The exponential moving average of `n` values, for each of `values`. */
export function ema(values: StaticArray<f64>, n: i32): StaticArray<f64> {
  return column(new Ema(n), values);
}

/**
 * The MACD of Appel: `line` is the `Ema` of `fast` values less that of `slow` ones, `signal` the `Ema` of the line, and
 * `histogram` the line less the signal. Each average begins by itself, as in TradingView; TA-Lib begins the fast one later.
 */
export class Macd {
  line: f64 = NaN;
  signal: f64 = NaN;
  histogram: f64 = NaN;
  private fastAverage: Ema;
  private slowAverage: Ema;
  private lineAverage: Ema;

  /** Usual are 12, 26 and 9. */
  constructor(fast: i32, slow: i32, signal: i32) {
    this.fastAverage = new Ema(fast);
    this.slowAverage = new Ema(slow);
    this.lineAverage = new Ema(signal);
  }

  /** Takes the next value, and tells whether there is an answer: from the bar on that has all three members. */
  next(value: f64): bool {
    const line = this.fastAverage.next(value) - this.slowAverage.next(value);
    // Where there is no line, the signal starts over.
    this.signal = this.lineAverage.next(line);
    const answers = !isNaN(this.signal);
    this.line = answers ? line : NaN;
    this.histogram = this.line - this.signal;
    return answers;
  }
}

/** The answers of a `Macd` to each value. */
export class MacdColumns {
  readonly line: StaticArray<f64>;
  readonly signal: StaticArray<f64>;
  readonly histogram: StaticArray<f64>;

  constructor(length: i32) {
    this.line = new StaticArray<f64>(length);
    this.signal = new StaticArray<f64>(length);
    this.histogram = new StaticArray<f64>(length);
  }
}

/** The MACD of averages of `fast`, `slow` and `signal` values, for each of `values`. */
export function macd(values: StaticArray<f64>, fast: i32, slow: i32, signal: i32): MacdColumns {
  const lines = new Macd(fast, slow, signal);
  const columns = new MacdColumns(values.length);
  for (let t = 0; t < values.length; t++) {
    lines.next(values[t]);
    columns.line[t] = lines.line;
    columns.signal[t] = lines.signal;
    columns.histogram[t] = lines.histogram;
  }
  return columns;
}

/**
 * The relative strength index of Wilder (1978): `100 * gain / (gain + loss)`, where both are averages of the rises and of the
 * falls from one value to the next. 50 where nothing has changed.
 */
export class Rsi extends OfValues {
  private last: f64 = NaN;
  private gain: Smooth;
  private loss: Smooth;

  constructor(n: i32) {
    super();
    this.gain = wilder(n);
    this.loss = wilder(n);
  }

  /** Takes the next value, and returns the index, a number from 0 to 100, from the one after the `n`th on. */
  next(value: f64): f64 {
    const last = this.last;
    this.last = isFinite(value) ? value : NaN;
    if (isNaN(this.last)) return this.clear();
    if (isNaN(last)) return NaN;
    const change = value - last;
    const gain = this.gain.next(max(change, 0));
    const loss = this.loss.next(max(-change, 0));
    const total = gain + loss;
    return total == 0 ? 50 : 100 * (gain / total);
  }

  private clear(): f64 {
    this.gain.clear();
    return this.loss.clear();
  }
}

/** The relative strength index of `n` changes, for each of `values`. */
export function rsi(values: StaticArray<f64>, n: i32): StaticArray<f64> {
  return column(new Rsi(n), values);
}

/** The true range of Wilder (1978): the greatest of `high - low`, `high - previous close` and `previous close - low`. */
export class TrueRange extends OfBars {
  private last: f64 = NaN;

  /** Takes the next bar, and returns its range in quote currency from the second bar on. */
  next(high: f64, low: f64, close: f64): f64 {
    const last = this.last;
    this.last = areFinite(high, low, close) ? close : NaN;
    return isNaN(this.last) || isNaN(last) ? NaN : rangeFrom(last, high, low);
  }
}

/** The true range of a bar behind one that closed at `last`. */
function rangeFrom(last: f64, high: f64, low: f64): f64 {
  return max(max(high - low, high - last), last - low);
}

/** The true range of each bar, in quote currency. */
export function trueRange(high: StaticArray<f64>, low: StaticArray<f64>, close: StaticArray<f64>): StaticArray<f64> {
  return columnOfBars(new TrueRange(), high, low, close);
}

/** The average true range of Wilder (1978): it begins with the simple average of the first `n` ranges. */
export class Atr extends OfBars {
  private ranges: TrueRange = new TrueRange();
  private average: Smooth;

  constructor(n: i32) {
    super();
    this.average = wilder(n);
  }

  /** Takes the next bar, and returns the average in quote currency from the bar after the `n`th on. */
  next(high: f64, low: f64, close: f64): f64 {
    const range = this.ranges.next(high, low, close);
    return isNaN(range) ? this.average.clear() : this.average.next(range);
  }
}

/** The average true range of `n` ranges, in quote currency, for each bar. */
export function atr(high: StaticArray<f64>, low: StaticArray<f64>, close: StaticArray<f64>, n: i32): StaticArray<f64> {
  return columnOfBars(new Atr(n), high, low, close);
}

/**
 * The average directional index of Wilder (1978), from 0 to 100. `plusDi` and `minusDi` are the movements up and down in percent
 * of the true range, each smoothed over `n` bars; `adx` is their distance in percent of their sum, smoothed again: how strong
 * a trend is, and not to which side it goes. 0 where nothing moves.
 */
export class Adx {
  adx: f64 = NaN;
  plusDi: f64 = NaN;
  minusDi: f64 = NaN;
  private high: f64 = NaN;
  private low: f64 = NaN;
  private close: f64 = NaN;
  private range: Smooth;
  private plus: Smooth;
  private minus: Smooth;
  private average: Smooth;

  /** Usual are 14. */
  constructor(n: i32) {
    this.range = wilder(n);
    this.plus = wilder(n);
    this.minus = wilder(n);
    this.average = wilder(n);
  }

  /** Takes the next bar, and tells whether there is an answer: from bar `2 * n` on. */
  next(high: f64, low: f64, close: f64): bool {
    const known = areFinite(high, low, close);
    if (!known) this.clear();
    else if (!isNaN(this.close)) this.adx = this.index(high, low);
    this.high = high;
    this.low = low;
    this.close = known ? close : NaN;
    const answers = !isNaN(this.adx);
    if (!answers) this.plusDi = this.minusDi = NaN;
    return answers;
  }

  /** The index with a bar that has one before it. */
  private index(high: f64, low: f64): f64 {
    const up = high - this.high;
    const down = this.low - low;
    const range = this.range.next(rangeFrom(this.close, high, low));
    const plus = this.plus.next(up > down && up > 0 ? up : 0);
    const minus = this.minus.next(down > up && down > 0 ? down : 0);
    if (isNaN(range)) return NaN;
    this.plusDi = percent(plus, range);
    this.minusDi = percent(minus, range);
    return this.average.next(percent(abs(this.plusDi - this.minusDi), this.plusDi + this.minusDi));
  }

  private clear(): void {
    this.range.clear();
    this.plus.clear();
    this.minus.clear();
    this.adx = this.average.clear();
  }
}

/** A `part` in percent of the `whole`; 0 where there is no whole. */
function percent(part: f64, whole: f64): f64 {
  return whole == 0 ? 0 : (100 * part) / whole;
}

/** The answers of an `Adx` to each bar. */
export class AdxColumns {
  readonly adx: StaticArray<f64>;
  readonly plusDi: StaticArray<f64>;
  readonly minusDi: StaticArray<f64>;

  constructor(length: i32) {
    this.adx = new StaticArray<f64>(length);
    this.plusDi = new StaticArray<f64>(length);
    this.minusDi = new StaticArray<f64>(length);
  }
}

/** The average directional index of `n` bars, for each bar. */
export function adx(high: StaticArray<f64>, low: StaticArray<f64>, close: StaticArray<f64>, n: i32): AdxColumns {
  checkLengths([high.length, low.length, close.length]);
  const trend = new Adx(n);
  const columns = new AdxColumns(close.length);
  for (let t = 0; t < close.length; t++) {
    trend.next(high[t], low[t], close[t]);
    columns.adx[t] = trend.adx;
    columns.plusDi[t] = trend.plusDi;
    columns.minusDi[t] = trend.minusDi;
  }
  return columns;
}

/**
 * The standard deviation of the last `n` values: the root of the mean of their squared distances from their mean. Divides by
 * `n`, as Bollinger and TA-Lib do. Equal values have a deviation of exactly 0.
 */
export class Deviation extends OfValues {
  private window: Window<Moments>;

  constructor(n: i32) {
    super();
    this.window = new Window<Moments>(n);
  }

  /** Takes the next value, and returns the deviation, in the unit of the values, from the `n`th on. */
  next(value: f64): f64 {
    const moments = pushMoments(this.window, value);
    return moments === null ? NaN : moments.deviation;
  }
}

/** The standard deviation of `n` values, for each of `values`. */
export function deviation(values: StaticArray<f64>, n: i32): StaticArray<f64> {
  return column(new Deviation(n), values);
}

/** How many standard deviations a value lies above the mean of the last `n`, itself among them; none where all are equal. */
export class ZScore extends OfValues {
  private window: Window<Moments>;

  constructor(n: i32) {
    super();
    this.window = new Window<Moments>(n);
  }

  /** Takes the next value, and returns its score from the `n`th on. */
  next(value: f64): f64 {
    const moments = pushMoments(this.window, value);
    if (moments === null) return NaN;
    const deviation = moments.deviation;
    return deviation > 0 ? (value - moments.mean) / deviation : NaN;
  }
}

/** The score of each of `values` among the last `n`. */
export function zScore(values: StaticArray<f64>, n: i32): StaticArray<f64> {
  return column(new ZScore(n), values);
}

function pushMoments(window: Window<Moments>, value: f64): Moments | null {
  if (!isFinite(value)) {
    window.clear();
    return null;
  }
  const moments = window.value;
  moments.count = 1;
  moments.mean = value;
  moments.squares = 0;
  return window.push();
}

/** The bands of Bollinger: the `Sma` of the last `n` values, and `width` of their deviations above and below it. */
export class Bollinger {
  upper: f64 = NaN;
  middle: f64 = NaN;
  lower: f64 = NaN;
  private average: Sma;
  private deviation: Deviation;

  /** Usual are 20 and 2. */
  constructor(n: i32, private width: f64) {
    this.average = new Sma(n);
    this.deviation = new Deviation(n);
  }

  /** Takes the next value, and tells whether there is an answer: from the `n`th on. */
  next(value: f64): bool {
    const distance = this.width * this.deviation.next(value);
    this.middle = this.average.next(value);
    this.upper = this.middle + distance;
    this.lower = this.middle - distance;
    return !isNaN(this.middle);
  }
}

/** The answers of a `Bollinger` to each value. */
export class Bands {
  readonly upper: StaticArray<f64>;
  readonly middle: StaticArray<f64>;
  readonly lower: StaticArray<f64>;

  constructor(length: i32) {
    this.upper = new StaticArray<f64>(length);
    this.middle = new StaticArray<f64>(length);
    this.lower = new StaticArray<f64>(length);
  }
}

/** The bands of `n` values and of `width` deviations, for each of `values`. */
export function bollinger(values: StaticArray<f64>, n: i32, width: f64): Bands {
  const bands = new Bollinger(n, width);
  const columns = new Bands(values.length);
  for (let t = 0; t < values.length; t++) {
    bands.next(values[t]);
    columns.upper[t] = bands.upper;
    columns.middle[t] = bands.middle;
    columns.lower[t] = bands.lower;
  }
  return columns;
}

/**
 * The channel of Donchian: the highest high and the lowest low of the last `n` bars. The bar itself is one of them: a
 * breakout is a close beyond the channel of the bar before.
 */
export class Donchian {
  upper: f64 = NaN;
  lower: f64 = NaN;
  private window: Window<Extremes>;

  constructor(n: i32) {
    this.window = new Window<Extremes>(n);
  }

  /** The price half way between both. */
  get middle(): f64 {
    return (this.upper + this.lower) / 2;
  }

  /** Takes the next bar, and tells whether there is an answer: from the `n`th on. */
  next(high: f64, low: f64): bool {
    const channel = this.push(high, low);
    this.upper = channel === null ? NaN : channel.upper;
    this.lower = channel === null ? NaN : channel.lower;
    return channel !== null;
  }

  private push(high: f64, low: f64): Extremes | null {
    if (!isFinite(high) || !isFinite(low)) {
      this.window.clear();
      return null;
    }
    this.window.value.upper = high;
    this.window.value.lower = low;
    return this.window.push();
  }
}

/** The answers of a `Donchian` to each bar. */
export class Channels {
  readonly upper: StaticArray<f64>;
  readonly lower: StaticArray<f64>;

  constructor(length: i32) {
    this.upper = new StaticArray<f64>(length);
    this.lower = new StaticArray<f64>(length);
  }
}

/** The channel of `n` bars, in quote currency, for each bar. */
export function donchian(high: StaticArray<f64>, low: StaticArray<f64>, n: i32): Channels {
  checkLengths([high.length, low.length]);
  const channel = new Donchian(n);
  const columns = new Channels(high.length);
  for (let t = 0; t < high.length; t++) {
    channel.next(high[t], low[t]);
    columns.upper[t] = channel.upper;
    columns.lower[t] = channel.lower;
  }
  return columns;
}

/** To which side a line has crossed another, if it has. */
export const enum Crossing {
  Below = -1,
  None = 0,
  Above = 1,
}

/**
 * Watches for a line to cross another: two averages, or a price and a level. Where both are equal the line is on neither side,
 * so that it crosses on the bar on which it comes out on the other one. The first side is none that it has crossed to.
 */
export class Cross {
  private side: Crossing = Crossing.None;

  /** Takes the next value of both, and returns to which side `line` has crossed. */
  next(line: f64, other: f64): Crossing {
    const before = this.side;
    if (!isFinite(line) || !isFinite(other)) this.side = Crossing.None;
    else if (line > other) this.side = Crossing.Above;
    else if (line < other) this.side = Crossing.Below;
    return before == Crossing.None || before == this.side ? Crossing.None : this.side;
  }
}

/** Where `line` crosses `other`, for each bar. */
export function crossings(line: StaticArray<f64>, other: StaticArray<f64>): StaticArray<Crossing> {
  checkLengths([line.length, other.length]);
  const cross = new Cross();
  const answers = new StaticArray<Crossing>(line.length);
  for (let t = 0; t < line.length; t++) answers[t] = cross.next(line[t], other[t]);
  return answers;
}

/** An average that moves by a share of the distance to each value, and begins with the simple average of the first ones. */
class Smooth {
  private seen: i32 = 0;
  /** The sum of the first values, then the average. */
  private state: f64 = 0;

  constructor(private length: i32, private share: f64) {
    checkWindow(length);
  }

  /** Takes the next value, which is finite. */
  next(value: f64): f64 {
    if (this.seen == this.length) {
      this.state += this.share * (value - this.state);
      return this.state;
    }
    this.state += value;
    this.seen++;
    if (this.seen < this.length) return NaN;
    this.state /= <f64>this.length;
    return this.state;
  }

  /** Forgets all values, and has no answer. */
  clear(): f64 {
    this.seen = 0;
    this.state = 0;
    return NaN;
  }
}

/** As Wilder (1978) smooths: `(average * (n - 1) + value) / n`. */
function wilder(n: i32): Smooth {
  return new Smooth(n, 1 / <f64>n);
}

function column<I extends OfValues>(indicator: I, values: StaticArray<f64>): StaticArray<f64> {
  const answers = new StaticArray<f64>(values.length);
  for (let t = 0; t < values.length; t++) answers[t] = indicator.next(values[t]);
  return answers;
}

function columnOfBars<I extends OfBars>(
  indicator: I,
  high: StaticArray<f64>,
  low: StaticArray<f64>,
  close: StaticArray<f64>,
): StaticArray<f64> {
  checkLengths([high.length, low.length, close.length]);
  const answers = new StaticArray<f64>(close.length);
  for (let t = 0; t < close.length; t++) answers[t] = indicator.next(high[t], low[t], close[t]);
  return answers;
}

function areFinite(high: f64, low: f64, close: f64): bool {
  return isFinite(high) && isFinite(low) && isFinite(close);
}

/** Refuses columns that do not have one length. */
function checkLengths(lengths: i32[]): void {
  for (let i = 1; i < lengths.length; i++) {
    if (lengths[i] == lengths[0]) continue;
    throw new RangeError(`the columns have [${lengths.join(", ")}] values; give as many of each`);
  }
}
