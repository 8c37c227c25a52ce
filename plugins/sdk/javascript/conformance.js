// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//
// Never useful: `case` says what to do, and what is not named does nothing.

import {
  Adx, Atr, Bollinger, Cross, Deviation, Donchian, Ema, Macd, Rsi, Sma, TrueRange, ZScore, adx, atr, bollinger, crossings,
  deviation, donchian, ema, macd, rsi, sma, trueRange, zScore,
  Failed, InvalidParams, log,
} from "./sdk/backtest.js";

const CASES = [
  "targets", "empty", "invalid", "failed", "raise", "echo", "levels", "wrong_type", "undeclared", "print", "checksum", "clock",
  "random", "orders", "heard", "end", "quiet", "indicators",
];
const SECOND = 1000;
const TEN_DAYS = 10 * 24 * 60 * 60 * SECOND;

export const description = {
  name: "conformance",
  version: "1.2.3",
  summary: "Uses all of the SDK.",
  parameters: {
    case: { type: "text", doc: "what to do", default: "targets", choices: CASES },
    count: { type: "integer", doc: "a count", default: 3, min: 0, max: 1000 },
    level: { type: "number", doc: "a level", default: 0.5, min: -1 },
    cap: { type: "number", doc: "a cap", default: 2.5, max: 10 },
    flag: { type: "boolean", doc: "a flag", default: true },
    note: { type: "text", doc: "a note: naïve café ✓", default: "" },
    mode: { type: "integer", doc: "a mode", default: 1, choices: [1, 2, 3] },
  },
};

export class Signals {
  constructor(data) {
    const bars = data.reduce((sum, { time }) => sum + time.length, 0);
    log.info(`prepared ${data.length} instruments, ${bars} bars`);
    for (const { symbol } of data) {
      if (symbol === "RAISE") prepare();
      if (symbol === "REFUSE") throw new Failed("refused in prepare");
    }
    this.data = data;
  }

  evaluate(params, targets) {
    const name = params.text("case");
    if (name === "targets") this.alternate(new Rhythm(params), targets);
    else if (name === "checksum") this.checksum(targets);
    else if (name === "clock") this.first(targets, (Date.now() + new Date().getFullYear() + performance.now()) / 1e4);
    else if (name === "random") this.first(targets, Math.random());
    else if (name === "raise") deeper();
    else if (name === "indicators") this.data.forEach(compute);
    else talk(name, params);
  }

  alternate(rhythm, targets) {
    for (const [instrument, { close }] of this.data.entries()) {
      const position = targets.instrument(instrument);
      for (let at = 0; at < close.length; at++) {
        const exposure = rhythm.at(at);
        if (exposure !== undefined) position.hold(at, exposure);
      }
    }
  }

  checksum(targets) {
    for (const [instrument, series] of this.data.entries()) {
      if (series.time.length > 0) targets.instrument(instrument).hold(0, digest(series) / 1e12);
    }
  }

  first(targets, exposure) {
    if (this.data[0]?.time.length > 0) targets.instrument(0).hold(0, exposure);
  }
}

/** The function that a raise in `prepare` is told of. */
function prepare() {
  throw new Error("raised in prepare");
}

/** A sum in which every column, every bar and the length of the symbol counts. */
function digest({ symbol, time, open, high, low, close, volume }) {
  let sum = 0;
  for (let t = 0; t < time.length; t++) {
    sum += open[t] + 2 * high[t] + 3 * low[t] + 5 * close[t] + 7 * volume[t] + 11 * Math.floor(time[t] / SECOND);
  }
  return sum + bytes(symbol);
}

/** The length of a text in UTF-8. */
function bytes(text) {
  const sizes = Array.from(text, (character) => {
    const point = character.codePointAt(0);
    return 1 + (point > 0x7f) + (point > 0x7ff) + (point > 0xffff);
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Every `count` bars another side: `level`, then its opposite. */
class Rhythm {
  constructor(params) {
    this.count = params.count("count");
    this.level = params.number("level");
  }

  /** What to hold from bar `at` on, where that changes. */
  at(at) {
    if (this.count === 0 || at % this.count !== 0) return undefined;
    return (at / this.count) % 2 === 0 ? this.level : -this.level;
  }
}

/** The cases that only log or fail, at the beginning of a task. */
function talk(name, params) {
  if (name === "invalid") throw new InvalidParams(`count ${params.integer("count")} is wrong`);
  if (name === "failed") throw new Failed("failed on purpose");
  if (name === "wrong_type") params.text("count");
  if (name === "undeclared") params.integer("nothing");
  if (name === "echo") echo(name, params);
  if (name === "levels") {
    log.debug("one");
    log.info("two");
    log.warn("three");
    log.error("four");
  }
  if (name === "print") {
    console.log("to stdout");
    console.error("to stderr");
  }
}

function echo(name, params) {
  const [count, mode, flag] = [params.integer("count"), params.integer("mode"), params.boolean("flag")];
  const [level, cap] = [params.number("level"), params.number("cap")].map(thousandths);
  const note = params.text("note");
  log.info(`case=${name} count=${count} level=${level} cap=${cap} flag=${flag} note=${note} mode=${mode}`);
}

function deeper() {
  throw new Error("raised on purpose");
}

const thousandths = (value) => Math.floor(value * 1000);

/** A run, and what has been heard in it. */
export class Events {
  /** The bars of all instruments. */
  heard = 0;
  times = 0;
  /** The order that is cancelled at the bar after it was sent. */
  waiting = 0;

  constructor(symbols, params) {
    log.info(`started ${symbols.length} instruments`);
    this.case = params.text("case");
    talk(this.case, params);
    this.rhythm = new Rhythm(params);
    /** The bars of each instrument. */
    this.bars = symbols.map(() => 0);
    this.symbols = symbols;
    /** The indicators of each instrument. */
    this.watches = symbols.map(() => RUNS.map((run) => new Watch(run)));
  }

  onBar(bar, broker) {
    if (this.case === "targets") this.alternate(bar, broker);
    else if (this.case === "orders" && bar.instrument === 0) this.orders(bar, broker);
    else if (this.case === "heard") this.hear(bar, broker);
    else if (this.case === "quiet") this.mute(broker);
    else if (this.case === "indicators") for (const watch of this.watches[bar.instrument]) watch.next(bar);
    else if (this.case === "raise" && this.heard === 2) deeper();
    else if (this.case === "end" && this.heard === 2) broker.fail(new Failed("ended on purpose"));
    this.bars[bar.instrument]++;
    this.heard++;
  }

  onTime(time, equity) {
    if (this.case === "heard" && this.times < 3) log.info(`time ${Math.floor(time / SECOND)} ${thousandths(equity)}`);
    if (this.case === "quiet") log.info("time");
    this.times++;
  }

  onFill({ order, instrument, quantity, price, fee }) {
    if (this.case !== "heard") return;
    const numbers = [quantity, price, fee].map(thousandths).join(" ");
    log.info(`fill ${order ?? 0} ${instrument} ${numbers}`);
  }

  onReject(order, reason) {
    if (this.case === "heard") log.info(`reject ${order} ${reason}`);
  }

  finish() {
    if (this.case === "heard") log.info("finished");
    if (this.case !== "indicators") return;
    for (const [at, symbol] of this.symbols.entries()) {
      for (const { run, answers } of this.watches[at]) tell(symbol, run, answers);
    }
  }

  alternate({ instrument }, broker) {
    const exposure = this.rhythm.at(this.bars[instrument]);
    if (exposure !== undefined) broker.hold(instrument, exposure);
  }

  /** Sends every kind of order, one at each bar. */
  orders({ close, time }, broker) {
    const orders = [
      () => broker.buy(0, 10),
      () => broker.sell(0, 4, { limit: close * 1.5 }),
      () => broker.buy(0, 2, { stop: close * 1.1, timeInForce: "day" }),
      () => broker.buy(0, 1, { stop: close * 1.05, limit: close * 1.06, until: time + TEN_DAYS }),
      () => broker.sell(0, 3, { trailingStop: close * 0.1, reduceOnly: true }),
      () => broker.sell(0, 2, { trailingStopPercent: 0.2, timeInForce: "ioc" }),
      () => broker.buy(0, 0.25, { measure: "equity" }),
      () => broker.buy(0, 1000, { measure: "value" }),
      () => {
        const entry = broker.buy(0, 5, { limit: close * 0.99 });
        broker.bracket(entry, { stopLoss: close * 0.9, takeProfit: close * 1.2 });
      },
      () => broker.bracket(broker.buy(0, 1), { stopLoss: close * 0.8 }),
      () => {
        this.waiting = broker.buy(0, 1, { limit: close * 0.5 });
        broker.oneCancelsOther(this.waiting, broker.sell(0, 1, { stop: close * 0.5 }));
      },
      () => broker.cancel(this.waiting),
      () => broker.hold(0, 0.5),
      () => broker.hold(0, 0.5),
      () => broker.buy(0, -1),
      () => broker.cancel(999999),
      () => broker.target(0, 0.5),
    ];
    orders[this.bars[0]]?.();
  }

  /** Logs the first bars, and sends one order that is filled and one that is rejected. */
  hear({ instrument, time, close, position, equity }, broker) {
    if (this.heard < 3) {
      const numbers = [close, position, equity].map(thousandths).join(" ");
      log.info(`bar ${instrument} ${Math.floor(time / SECOND)} ${numbers}`);
    }
    if (instrument !== 0) return;
    if (this.bars[0] === 0) broker.buy(0, 1);
    if (this.bars[0] === 1) broker.buy(0, 1, { limit: NaN });
  }

  /** Logs what is heard, and hears less and less. */
  mute(broker) {
    log.info(`bar ${this.heard}`);
    if (this.heard === 0) broker.mute("time");
    if (this.heard === 4) broker.mute("bar");
  }
}

/** The runs of all indicators: what each is called, how many bars the windows have, and whether some prices are not finite. */
const RUNS = [
  { run: "1", n: 1, gaps: false },
  { run: "3", n: 3, gaps: false },
  { run: "14", n: 14, gaps: false },
  { run: "gaps", n: 3, gaps: true },
];

/** High, low and close of bar `at`; with gaps, some of them are not finite. */
function prices(at, gaps, high, low, close) {
  if (gaps && at % 16 === 7) return [Infinity, low, close];
  return gaps && at % 16 === 15 ? [high, low, NaN] : [high, low, close];
}

/** Logs a digest of each indicator, computed over columns. */
function compute(series) {
  for (const { run, n, gaps } of RUNS) {
    const rows = Array.from(series.close, (close, at) => prices(at, gaps, series.high[at], series.low[at], close));
    const [high, low, close] = [0, 1, 2].map((column) => rows.map((row) => row[column]));
    const average = sma(close, n);
    const channel = donchian(high, low, n);
    const bands = bollinger(close, n, 2);
    const lines = macd(close, n, 2 * n + 1, 3);
    const trend = adx(high, low, close, n);
    tell(series.symbol, run, {
      sma: [average],
      ema: [ema(close, n)],
      deviation: [deviation(close, n)],
      z_score: [zScore(close, n)],
      rsi: [rsi(close, n)],
      true_range: [trueRange(high, low, close)],
      atr: [atr(high, low, close, n)],
      donchian: [channel.upper, channel.lower],
      bollinger: [bands.upper, bands.middle, bands.lower],
      macd: [lines.line, lines.signal, lines.histogram],
      adx: [trend.adx, trend.plusDi, trend.minusDi],
      crossings: [crossings(close, average).map(side)],
    });
  }
}

/** All indicators of one instrument, told bar by bar, and what they have answered. */
class Watch {
  bars = 0;
  /** By the name of the indicator. */
  answers = {};
  trueRange = new TrueRange();
  cross = new Cross();

  constructor({ run, n, gaps }) {
    this.run = run;
    this.gaps = gaps;
    this.sma = new Sma(n);
    this.ema = new Ema(n);
    this.deviation = new Deviation(n);
    this.zScore = new ZScore(n);
    this.rsi = new Rsi(n);
    this.atr = new Atr(n);
    this.donchian = new Donchian(n);
    this.bollinger = new Bollinger(n, 2);
    this.macd = new Macd(n, 2 * n + 1, 3);
    this.adx = new Adx(n);
  }

  next(bar) {
    const [high, low, close] = prices(this.bars++, this.gaps, bar.high, bar.low, bar.close);
    const average = this.sma.next(close);
    const channel = this.donchian.next(high, low);
    const bands = this.bollinger.next(close);
    const lines = this.macd.next(close);
    const trend = this.adx.next(high, low, close);
    this.add("sma", average);
    this.add("ema", this.ema.next(close));
    this.add("deviation", this.deviation.next(close));
    this.add("z_score", this.zScore.next(close));
    this.add("rsi", this.rsi.next(close));
    this.add("true_range", this.trueRange.next(high, low, close));
    this.add("atr", this.atr.next(high, low, close));
    this.add("donchian", channel?.upper, channel?.lower);
    this.add("bollinger", bands?.upper, bands?.middle, bands?.lower);
    this.add("macd", lines?.line, lines?.signal, lines?.histogram);
    this.add("adx", trend?.adx, trend?.plusDi, trend?.minusDi);
    this.add("crossings", side(this.cross.next(close, average ?? NaN)));
  }

  /** Keeps what an indicator has answered: a column for each member. */
  add(name, ...answers) {
    const columns = (this.answers[name] ??= answers.map(() => []));
    answers.forEach((answer, member) => columns[member].push(answer ?? NaN));
  }
}

/** Logs a digest of each indicator's columns. */
function tell(symbol, run, indicators) {
  for (const [name, columns] of Object.entries(indicators)) log.info(`${symbol} ${run} ${name} ${hash(columns)}`);
}

const side = (crossing) => (crossing === "above" ? 1 : crossing === "below" ? -1 : 0);

/** FNV-1a of 64 bits over the bytes of numbers, row by row, the lowest byte first, with one NaN. */
function hash(columns) {
  const rows = Array.from(columns[0], (_, at) => columns.map((column) => column[at]));
  let state = 0xcbf29ce484222325n;
  for (const byte of new Uint8Array(Float64Array.from(rows.flat()).buffer)) {
    state = BigInt.asUintN(64, (state ^ BigInt(byte)) * 0x100000001b3n);
  }
  return state.toString(16).padStart(16, "0");
}
