// Indicators that are told one value at a time.
//
// Never looks at a column. State is in variables and not in fields, which an engine that interprets takes twice as long to find.

export class Sma {
  constructor(n) {
    const window = windowOf(n, sum);
    this.next = (value) => {
      const total = finite(value) ? window.push(value) : window.clear();
      return total === undefined ? undefined : total / n;
    };
  }
}

export class Ema {
  constructor(n) {
    const average = smooth(n, 2 / (n + 1));
    this.next = (value) => (finite(value) ? average.next(value) : average.clear());
  }
}

export class Macd {
  constructor(fast, slow, signal) {
    const [short, long, average] = [new Ema(fast), new Ema(slow), new Ema(signal)];
    this.next = (value) => {
      const above = short.next(value);
      const below = long.next(value);
      // Where there is no line, the signal starts over.
      const line = above === undefined || below === undefined ? NaN : above - below;
      const smoothed = average.next(line);
      return smoothed === undefined ? undefined : { line, signal: smoothed, histogram: line - smoothed };
    };
  }
}

export class Rsi {
  constructor(n) {
    const [gain, loss] = [wilder(n), wilder(n)];
    let last;
    this.next = (value) => {
      const before = last;
      last = finite(value) ? value : undefined;
      if (last === undefined) return clear(gain, loss);
      if (before === undefined) return undefined;
      const change = value - before;
      const rise = gain.next(Math.max(change, 0));
      const fall = loss.next(Math.max(-change, 0));
      return rise === undefined ? undefined : strength(rise, fall);
    };
  }
}

function strength(gain, loss) {
  const total = gain + loss;
  return total === 0 ? 50 : 100 * (gain / total);
}

export class TrueRange {
  constructor() {
    let last;
    this.next = (high, low, close) => {
      const before = last;
      last = finite(high) && finite(low) && finite(close) ? close : undefined;
      return before === undefined || last === undefined ? undefined : rangeFrom(before, high, low);
    };
  }
}

/** The true range of a bar behind one that closed at `last`. */
export function rangeFrom(last, high, low) {
  return Math.max(high - low, high - last, last - low);
}

export class Atr {
  constructor(n) {
    const [ranges, average] = [new TrueRange(), wilder(n)];
    this.next = (high, low, close) => {
      const range = ranges.next(high, low, close);
      return range === undefined ? average.clear() : average.next(range);
    };
  }
}

export class Adx {
  constructor(n) {
    const [range, plus, minus, average] = [wilder(n), wilder(n), wilder(n), wilder(n)];
    let last;
    this.next = (high, low, close) => {
      const before = last;
      last = finite(high) && finite(low) && finite(close) ? { high, low, close } : undefined;
      if (last === undefined) return clear(range, plus, minus, average);
      if (before === undefined) return undefined;
      const up = high - before.high;
      const down = before.low - low;
      const whole = range.next(rangeFrom(before.close, high, low));
      const rise = plus.next(up > down && up > 0 ? up : 0);
      const fall = minus.next(down > up && down > 0 ? down : 0);
      return whole === undefined ? undefined : directed(percent(rise, whole), percent(fall, whole), average);
    };
  }
}

function directed(plusDi, minusDi, average) {
  const adx = average.next(percent(Math.abs(plusDi - minusDi), plusDi + minusDi));
  return adx === undefined ? undefined : { adx, plusDi, minusDi };
}

/** A `part` in percent of the `whole`; 0 where there is no whole. */
function percent(part, whole) {
  return whole === 0 ? 0 : (100 * part) / whole;
}

export class Deviation {
  constructor(n) {
    const moments = momentsOf(n);
    this.next = (value) => {
      const found = moments(value);
      return found === undefined ? undefined : deviates(found);
    };
  }
}

export class ZScore {
  constructor(n) {
    const moments = momentsOf(n);
    this.next = (value) => {
      const found = moments(value);
      if (found === undefined) return undefined;
      const deviation = deviates(found);
      return deviation > 0 ? (value - found.mean) / deviation : undefined;
    };
  }
}

/** Of the last `n` values how many they are, their mean, and the sum of the squared distances from it. */
function momentsOf(n) {
  const window = windowOf(n, joinMoments);
  return (value) => (finite(value) ? window.push({ count: 1, mean: value, squares: 0 }) : window.clear());
}

/** As Chan, Golub and LeVeque (1983) join two parts: no sum of squares is ever taken from another. */
function joinMoments(older, newer) {
  const count = older.count + newer.count;
  const distance = newer.mean - older.mean;
  const weight = newer.count / count;
  const squares = older.squares + newer.squares + distance * distance * older.count * weight;
  return { count, mean: older.mean + distance * weight, squares };
}

const deviates = ({ count, squares }) => Math.sqrt(squares / count);

export class Bollinger {
  constructor(n, width) {
    const [average, deviations] = [new Sma(n), new Deviation(n)];
    this.next = (value) => {
      const middle = average.next(value);
      const deviation = deviations.next(value);
      if (middle === undefined) return undefined;
      const distance = width * deviation;
      return { upper: middle + distance, middle, lower: middle - distance };
    };
  }
}

export class Donchian {
  constructor(n) {
    const [highs, lows] = [windowOf(n, higher), windowOf(n, lower)];
    this.next = (high, low) => {
      if (!finite(high) || !finite(low)) return clear(highs, lows);
      const upper = highs.push(high);
      const lower = lows.push(low);
      return upper === undefined ? undefined : { upper, middle: (upper + lower) / 2, lower };
    };
  }
}

export class Cross {
  constructor() {
    let side;
    this.next = (line, other) => {
      const before = side;
      if (!finite(line) || !finite(other)) side = undefined;
      else if (line !== other) side = line > other ? "above" : "below";
      return before === undefined || before === side ? undefined : side;
    };
  }
}

const finite = Number.isFinite;
const sum = (older, newer) => older + newer;
// Not `Math.max` and `Math.min`, so that it is the same of two zeros that every SDK takes.
const higher = (older, newer) => (newer > older ? newer : older);
const lower = (older, newer) => (newer < older ? newer : older);

function clear(...all) {
  for (const each of all) each.clear();
}

/** As Wilder (1978) smooths: `(average * (n - 1) + value) / n`. */
const wilder = (n) => smooth(n, 1 / n);

/** An average that moves by a share of the distance to each value, and begins with the simple average of the first ones. */
function smooth(length, share) {
  checkWindow(length);
  let seen = 0;
  /** The sum of the first values, then the average. */
  let state = 0;
  const next = (value) => {
    if (seen === length) return (state += share * (value - state));
    state += value;
    seen++;
    return seen < length ? undefined : (state /= length);
  };
  const clear = () => {
    seen = 0;
    state = 0;
  };
  return { next, clear };
}

/**
 * A window of a fixed number of values, joined to one. Takes nothing away from what it has joined: the series is cut into
 * blocks as long as the window, and a window is the end of one block and the beginning of the next.
 */
function windowOf(length, join) {
  checkWindow(length);
  /** In front of `filled` the values of the current block, from there on the ends of the block before it, each joined. */
  const parts = [];
  let filled = 0;
  /** The current block, joined. */
  let beginning;
  /** Adds a value, and returns the join of the last ones if the window is full. */
  const push = (value) => {
    parts[filled++] = value;
    const block = beginning === undefined ? value : join(beginning, value);
    if (filled === length) return turn(block);
    beginning = block;
    return filled < parts.length ? join(parts[filled], block) : undefined;
  };
  /** Makes the block that is complete one of ends, and begins the next. */
  const turn = (block) => {
    for (let at = length - 1; at > 0; at--) parts[at - 1] = join(parts[at - 1], parts[at]);
    filled = 0;
    beginning = undefined;
    return block;
  };
  const clear = () => {
    parts.length = 0;
    filled = 0;
    beginning = undefined;
  };
  return { push, clear };
}

export function checkWindow(length) {
  if (Number.isInteger(length) && length > 0) return;
  throw new RangeError(`a window of ${length} bars has nothing to compute from; give a whole number, at least 1`);
}
