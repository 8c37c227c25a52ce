// Indicators over whole columns: plain loops where they save calls, which cost an engine that interprets most of its time.
//
// Never computes otherwise than `streams.js` does bar by bar, operation by operation. Here, too, a window takes nothing away: the
// series is cut into blocks of `n` values, and a window is the end of one block and the beginning of the next.

import { Cross, checkWindow, rangeFrom } from "./streams.js";

export function sma(values, n) {
  checkWindow(n);
  const numbers = known(values);
  const averages = empty(numbers.length);
  /** In front of `filled` the values of the current block, from there on the sums of the ends of the block before it. */
  const parts = new Float64Array(Math.min(n, numbers.length));
  let [filled, sum, hasEnds] = [0, 0, false];
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at];
    if (value !== value) {
      filled = 0;
      hasEnds = false;
      continue;
    }
    parts[filled] = value;
    sum = filled === 0 ? value : sum + value;
    filled++;
    if (filled === n) {
      averages[at] = sum / n;
      for (let end = n - 1; end > 0; end--) parts[end - 1] += parts[end];
      filled = 0;
      hasEnds = true;
    } else if (hasEnds) {
      averages[at] = (parts[filled] + sum) / n;
    }
  }
  return averages;
}

export function ema(values, n) {
  checkWindow(n);
  return smoothed(known(values), n, 2 / (n + 1));
}

export function macd(values, fast, slow, signal) {
  const line = ema(values, fast);
  const below = ema(values, slow);
  for (let at = 0; at < line.length; at++) line[at] -= below[at];
  const average = ema(line, signal);
  const histogram = new Float64Array(line.length);
  for (let at = 0; at < line.length; at++) {
    if (average[at] !== average[at]) line[at] = NaN;
    histogram[at] = line[at] - average[at];
  }
  return { line, signal: average, histogram };
}

export function rsi(values, n) {
  checkWindow(n);
  const numbers = known(values);
  const [rises, falls] = [empty(numbers.length), empty(numbers.length)];
  for (let at = 1; at < numbers.length; at++) {
    const change = numbers[at] - numbers[at - 1];
    if (change !== change) continue;
    rises[at] = change > 0 ? change : 0;
    falls[at] = change < 0 ? -change : 0;
  }
  const [gains, losses] = [smoothed(rises, n, 1 / n), smoothed(falls, n, 1 / n)];
  for (let at = 0; at < gains.length; at++) {
    const total = gains[at] + losses[at];
    gains[at] = total === 0 ? 50 : 100 * (gains[at] / total);
  }
  return gains;
}

export function trueRange(high, low, close) {
  return ranges(bars(high, low, close));
}

export function atr(high, low, close, n) {
  checkWindow(n);
  return smoothed(ranges(bars(high, low, close)), n, 1 / n);
}

export function adx(high, low, close, n) {
  checkWindow(n);
  const prices = bars(high, low, close);
  const [ups, downs] = movements(prices);
  const [range, plusDi, minusDi] = [ranges(prices), ups, downs].map((column) => smoothed(column, n, 1 / n));
  percents(plusDi, range);
  percents(minusDi, range);
  const [apart, total] = [empty(range.length), empty(range.length)];
  for (let at = 0; at < range.length; at++) {
    apart[at] = Math.abs(plusDi[at] - minusDi[at]);
    total[at] = plusDi[at] + minusDi[at];
  }
  percents(apart, total);
  const average = smoothed(apart, n, 1 / n);
  for (let at = 0; at < average.length; at++) if (average[at] !== average[at]) plusDi[at] = minusDi[at] = NaN;
  return { adx: average, plusDi, minusDi };
}

/** How far each bar moves up and down from the one before: only the further of both counts, if it is above 0. */
function movements({ high, low }) {
  const [ups, downs] = [empty(low.length), empty(low.length)];
  for (let at = 1; at < low.length; at++) {
    const up = high[at] - high[at - 1];
    const down = low[at - 1] - low[at];
    if (up !== up) continue;
    ups[at] = up > down && up > 0 ? up : 0;
    downs[at] = down > up && down > 0 ? down : 0;
  }
  return [ups, downs];
}

/** Makes of each part its percentage of the whole; 0 where there is no whole. */
function percents(parts, wholes) {
  for (let at = 0; at < parts.length; at++) parts[at] = wholes[at] === 0 ? 0 : (100 * parts[at]) / wholes[at];
}

export function deviation(values, n) {
  const { squares } = momentsOf(known(values), n);
  for (let at = 0; at < squares.length; at++) squares[at] = Math.sqrt(squares[at] / n);
  return squares;
}

export function zScore(values, n) {
  const numbers = known(values);
  const { means, squares } = momentsOf(numbers, n);
  for (let at = 0; at < means.length; at++) {
    const deviation = Math.sqrt(squares[at] / n);
    means[at] = deviation > 0 ? (numbers[at] - means[at]) / deviation : NaN;
  }
  return means;
}

/** Of the last `n` values at each place their mean, and the sum of the squared distances from it. */
function momentsOf(numbers, n) {
  checkWindow(n);
  const [means, squares] = [empty(numbers.length), empty(numbers.length)];
  const [endMeans, endSquares] = [0, 1].map(() => new Float64Array(Math.min(n, numbers.length)));
  let [filled, mean, square, hasEnds] = [0, 0, 0, false];
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at];
    if (value !== value) {
      filled = 0;
      hasEnds = false;
      continue;
    }
    endMeans[filled] = value;
    endSquares[filled] = 0;
    const distance = filled === 0 ? 0 : value - mean;
    const weight = 1 / (filled + 1);
    square = filled === 0 ? 0 : square + distance * distance * filled * weight;
    mean = filled === 0 ? value : mean + distance * weight;
    filled++;
    if (filled === n) {
      means[at] = mean;
      squares[at] = square;
      joinEnds(endMeans, endSquares);
      filled = 0;
      hasEnds = true;
    } else if (hasEnds) {
      const apart = mean - endMeans[filled];
      const share = filled / n;
      means[at] = endMeans[filled] + apart * share;
      squares[at] = endSquares[filled] + square + apart * apart * (n - filled) * share;
    }
  }
  return { means, squares };
}

/** Joins each value of a block with all behind it. */
function joinEnds(means, squares) {
  for (let at = means.length - 1; at > 0; at--) {
    const distance = means[at] - means[at - 1];
    const weight = (means.length - at) / (means.length - at + 1);
    squares[at - 1] = squares[at] + distance * distance * weight;
    means[at - 1] += distance * weight;
  }
}

export function bollinger(values, n, width) {
  const middle = sma(values, n);
  const [upper, lower] = [deviation(values, n), new Float64Array(middle.length)];
  for (let at = 0; at < middle.length; at++) {
    const distance = width * upper[at];
    upper[at] = middle[at] + distance;
    lower[at] = middle[at] - distance;
  }
  return { upper, middle, lower };
}

export function donchian(high, low, n) {
  checkWindow(n);
  commonLength([high, low]);
  const prices = bars(high, low, low);
  const upper = highest(prices.high, n);
  // The lowest is the opposite of the highest opposite, to the bit.
  const lower = opposites(highest(opposites(prices.low), n));
  const middle = new Float64Array(upper.length);
  for (let at = 0; at < middle.length; at++) middle[at] = (upper[at] + lower[at]) / 2;
  return { upper, middle, lower };
}

function opposites(numbers) {
  const answers = new Float64Array(numbers.length);
  for (let at = 0; at < answers.length; at++) answers[at] = -numbers[at];
  return answers;
}

/** The highest of the last `n` values at each place. */
function highest(numbers, n) {
  const answers = empty(numbers.length);
  const parts = new Float64Array(Math.min(n, numbers.length));
  let [filled, most, hasEnds] = [0, 0, false];
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at];
    if (value !== value) {
      filled = 0;
      hasEnds = false;
      continue;
    }
    parts[filled] = value;
    if (filled === 0 || value > most) most = value;
    filled++;
    if (filled === n) {
      answers[at] = most;
      for (let end = n - 1; end > 0; end--) if (parts[end] > parts[end - 1]) parts[end - 1] = parts[end];
      filled = 0;
      hasEnds = true;
    } else if (hasEnds) {
      answers[at] = most > parts[filled] ? most : parts[filled];
    }
  }
  return answers;
}

export function crossings(line, other) {
  const { next } = new Cross();
  return Array.from({ length: commonLength([line, other]) }, (_, at) => next(line[at], other[at]));
}

/** What `smooth` of `streams.js` answers to each number: it begins anew behind one that is not known. */
function smoothed(numbers, n, share) {
  const averages = empty(numbers.length);
  let [seen, state] = [0, 0];
  for (let at = 0; at < numbers.length; at++) {
    const value = numbers[at];
    if (value !== value) {
      seen = 0;
      state = 0;
    } else if (seen === n) {
      averages[at] = state += share * (value - state);
    } else {
      state += value;
      seen++;
      if (seen === n) averages[at] = state /= n;
    }
  }
  return averages;
}

function ranges({ high, low, close }) {
  const answers = empty(close.length);
  for (let at = 1; at < answers.length; at++) answers[at] = rangeFrom(close[at - 1], high[at], low[at]);
  return answers;
}

/** The columns as numbers, each NaN at all bars at which one of them is not finite. */
function bars(high, low, close) {
  commonLength([high, low, close]);
  const columns = [high, low, close].map(known);
  const unknown = (_, at) => columns.some((column) => Number.isNaN(column[at]));
  const gaps = columns.some((column) => column.includes(NaN)) ? columns[0].map(unknown) : undefined;
  const [highs, lows, closes] = columns.map((column) => (gaps ? column.map((price, at) => (gaps[at] ? NaN : price)) : column));
  return { high: highs, low: lows, close: closes };
}

/** The values as numbers, with NaN for all that are not finite. Those of a `Float64Array` are not copied if there is none. */
function known(values) {
  const number = (value) => (Number.isFinite(value) ? value : NaN);
  if (!(values instanceof Float64Array)) return Float64Array.from(values, number);
  return values.includes(Infinity) || values.includes(-Infinity) ? values.map(number) : values;
}

/** A column without an answer. */
const empty = (length) => new Float64Array(length).fill(NaN);

/** The length that all columns of an instrument have. */
function commonLength(columns) {
  const lengths = columns.map(({ length }) => length);
  if (lengths.every((length) => length === lengths[0])) return lengths[0];
  throw new RangeError(`the columns have [${lengths.join(", ")}] values; give as many of each`);
}
