// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//
// Never useful: `case` says what to do, and what is not named does nothing.

import { Description, Failure, log, Params, Series, Targets } from "./sdk/backtest";
import { Bar, Broker, Event, EventStrategy, exportEvents, Fill, Order, Reason } from "./sdk/events";
import * as indicators from "./sdk/indicators";
import { exportSignals, Strategy } from "./sdk/signals";

const SECOND: i64 = 1_000_000_000;
const TEN_DAYS: i64 = 10 * 24 * 60 * 60 * SECOND;

function describeAll(): Description {
  return new Description("conformance", "1.2.3", "Uses all of the SDK.")
    .text("case", "what to do", "targets")
    .oneOf([
      "targets",
      "empty",
      "invalid",
      "failed",
      "raise",
      "echo",
      "levels",
      "wrong_type",
      "undeclared",
      "print",
      "checksum",
      "clock",
      "random",
      "orders",
      "heard",
      "end",
      "quiet",
      "indicators",
    ])
    .integer("count", "a count", 3)
    .range(0, 1000)
    .number("level", "a level", 0.5)
    .atLeast(-1)
    .number("cap", "a cap", 2.5)
    .atMost(10)
    .boolean("flag", "a flag", true)
    .text("note", "a note: naïve café ✓", "")
    .integer("mode", "a mode", 1)
    .oneOfIntegers([1, 2, 3]);
}

class Conformance extends Strategy {
  private data: Series[] = [];

  describe(): Description {
    return describeAll();
  }

  prepare(data: Series[]): Failure | null {
    let bars = 0;
    for (let i = 0; i < data.length; i++) bars += data[i].length;
    log.info(`prepared ${data.length} instruments, ${bars} bars`);
    for (let i = 0; i < data.length; i++) {
      if (data[i].symbol == "RAISE") throw new Error("raised in prepare");
      if (data[i].symbol == "REFUSE") return Failure.failed("refused in prepare");
    }
    this.data = data;
    return null;
  }

  evaluate(params: Params, targets: Targets): Failure | null {
    const name = params.text("case");
    if (name == "targets") this.alternate(Rhythm.of(params), targets);
    else if (name == "checksum") this.checksum(targets);
    else if (name == "random") this.random(targets);
    else if (name == "raise") deeper();
    else if (name == "indicators") this.compute();
    else return talk(name, params);
    return null;
  }

  private alternate(rhythm: Rhythm, targets: Targets): void {
    for (let i = 0; i < this.data.length; i++) {
      const position = targets.instrument(i);
      for (let t = 0; t < this.data[i].length; t++) {
        if (rhythm.beats(t)) position.hold(t, rhythm.exposure(t));
      }
    }
  }

  private checksum(targets: Targets): void {
    for (let i = 0; i < this.data.length; i++) {
      if (this.data[i].length > 0) targets.instrument(i).hold(0, digest(this.data[i]) / 1e12);
    }
  }

  /** Logs a digest of each indicator, computed over columns. */
  private compute(): void {
    for (let i = 0; i < this.data.length; i++) {
      for (let run = 0; run < RUNS.length; run++) overColumns(this.data[i], RUNS[run]).tell(this.data[i].symbol);
    }
  }

  private random(targets: Targets): void {
    if (this.data.length > 0 && this.data[0].length > 0) targets.instrument(0).hold(0, Math.random());
  }
}

/** A sum in which every column, every bar and the length of the symbol counts. */
function digest(series: Series): f64 {
  let sum = 0.0;
  for (let t = 0; t < series.length; t++) {
    sum +=
      series.open[t] +
      2.0 * series.high[t] +
      3.0 * series.low[t] +
      5.0 * series.close[t] +
      7.0 * series.volume[t] +
      11.0 * <f64>(series.time[t] / SECOND);
  }
  return sum + <f64>String.UTF8.byteLength(series.symbol);
}

/** Every `count` bars another side: `level`, then its opposite. */
class Rhythm {
  constructor(private count: i32, private level: f64) {}

  static of(params: Params): Rhythm {
    return new Rhythm(params.count("count"), params.number("level"));
  }

  /** Whether what is held changes at bar `t`. */
  beats(t: i32): bool {
    return this.count > 0 && t % this.count == 0;
  }

  /** What to hold from bar `t` on. */
  exposure(t: i32): f64 {
    return (t / this.count) % 2 == 0 ? this.level : -this.level;
  }
}

/** The cases that only log or fail, at the beginning of a task. */
function talk(name: string, params: Params): Failure | null {
  if (name == "invalid") return Failure.invalid(`count ${params.integer("count")} is wrong`);
  if (name == "failed") return Failure.failed("failed on purpose");
  if (name == "wrong_type") params.text("count");
  else if (name == "undeclared") params.integer("nothing");
  else if (name == "echo") echo(name, params);
  else if (name == "levels") {
    log.debug("one");
    log.info("two");
    log.warn("three");
    log.error("four");
  } else if (name == "print") {
    console.log("to stdout");
    console.error("to stderr");
  }
  return null;
}

function echo(name: string, params: Params): void {
  const count = params.integer("count");
  const level = thousandths(params.number("level"));
  const cap = thousandths(params.number("cap"));
  const flag = params.boolean("flag");
  const note = params.text("note");
  const mode = params.integer("mode");
  log.info(`case=${name} count=${count} level=${level} cap=${cap} flag=${flag} note=${note} mode=${mode}`);
}

function deeper(): void {
  throw new Error("raised on purpose");
}

function thousandths(value: f64): i64 {
  return <i64>Math.floor(value * 1000);
}

/** A run, and what has been heard in it. */
class Live extends EventStrategy {
  private name: string = "";
  private rhythm: Rhythm = new Rhythm(0, 0);
  /** The bars of each instrument. */
  private bars: StaticArray<i32> = [];
  /** The bars of all instruments. */
  private heard: i32 = 0;
  private times: i32 = 0;
  /** The order that is cancelled at the bar after it was sent. */
  private waiting: u64 = 0;
  private symbols: string[] = [];
  /** The indicators of each instrument: one for each of the runs. */
  private watches: Watch[][] = [];

  describe(): Description {
    return describeAll();
  }

  start(symbols: string[], params: Params): Failure | null {
    log.info(`started ${symbols.length} instruments`);
    this.name = params.text("case");
    this.rhythm = Rhythm.of(params);
    this.bars = new StaticArray<i32>(symbols.length);
    this.symbols = symbols;
    this.watches = symbols.map<Watch[]>(() => RUNS.map<Watch>((run) => new Watch(run)));
    return talk(this.name, params);
  }

  onBar(bar: Bar, broker: Broker): void {
    const t = this.bars[bar.instrument];
    if (this.name == "targets") {
      if (this.rhythm.beats(t)) broker.hold(bar.instrument, this.rhythm.exposure(t));
    } else if (this.name == "orders") {
      if (bar.instrument == 0) this.send(t, bar, broker);
    } else if (this.name == "heard") this.hear(bar, broker);
    else if (this.name == "quiet") this.mute(broker);
    else if (this.name == "indicators") this.watch(bar);
    else if (this.name == "raise" && this.heard == 2) deeper();
    else if (this.name == "end" && this.heard == 2) broker.fail(Failure.failed("ended on purpose"));
    this.bars[bar.instrument] = t + 1;
    this.heard++;
  }

  onTime(time: i64, equity: f64, broker: Broker): void {
    if (this.name == "heard" && this.times < 3) log.info(`time ${time / SECOND} ${thousandths(equity)}`);
    if (this.name == "quiet") log.info("time");
    this.times++;
  }

  onFill(fill: Fill, broker: Broker): void {
    if (this.name != "heard") return;
    const quantity = thousandths(fill.quantity);
    const price = thousandths(fill.price);
    log.info(`fill ${fill.order} ${fill.instrument} ${quantity} ${price} ${thousandths(fill.fee)}`);
  }

  onReject(order: u64, reason: Reason, broker: Broker): void {
    if (this.name == "heard") log.info(`reject ${order} ${kebab(reason)}`);
  }

  finish(): void {
    if (this.name == "heard") log.info("finished");
    if (this.name != "indicators") return;
    for (let i = 0; i < this.symbols.length; i++) {
      for (let run = 0; run < RUNS.length; run++) this.watches[i][run].answers.tell(this.symbols[i]);
    }
  }

  private watch(bar: Bar): void {
    for (let run = 0; run < RUNS.length; run++) this.watches[bar.instrument][run].next(bar);
  }

  /** Sends every kind of order, one at each bar. */
  private send(t: i32, bar: Bar, broker: Broker): void {
    const close = bar.close;
    if (t == 0) broker.buy(0, 10);
    else if (t == 1) broker.order(Order.sell(0, 4).limit(close * 1.5));
    else if (t == 2) broker.order(Order.buy(0, 2).stop(close * 1.1).day());
    else if (t == 3) broker.order(Order.buy(0, 1).stop(close * 1.05).limit(close * 1.06).until(bar.time + TEN_DAYS));
    else if (t == 4) broker.order(Order.sell(0, 3).trailingStop(close * 0.1).reduceOnly());
    else if (t == 5) broker.order(Order.sell(0, 2).trailingStopPercent(0.2).immediateOrCancel());
    else if (t == 6) broker.order(Order.buy(0, 0.25).ofEquity());
    else if (t == 7) broker.order(Order.buy(0, 1000).ofValue());
    else if (t == 14) broker.buy(0, -1);
    else this.manage(t, close, broker);
  }

  /** Does with orders and targets what there is to do with them, one thing at each bar. */
  private manage(t: i32, close: f64, broker: Broker): void {
    if (t == 8) broker.bracket(broker.order(Order.buy(0, 5).limit(close * 0.99)), close * 0.9, close * 1.2);
    else if (t == 9) broker.bracket(broker.buy(0, 1), close * 0.8);
    else if (t == 10) {
      this.waiting = broker.order(Order.buy(0, 1).limit(close * 0.5));
      broker.oneCancelsOther(this.waiting, broker.order(Order.sell(0, 1).stop(close * 0.5)));
    } else if (t == 11) broker.cancel(this.waiting);
    else if (t == 12 || t == 13) broker.hold(0, 0.5);
    else if (t == 15) broker.cancel(999_999);
    else if (t == 16) broker.target(0, 0.5);
  }

  /** Logs the first bars, and sends one order that is filled and one that is rejected. */
  private hear(bar: Bar, broker: Broker): void {
    if (this.heard < 3) {
      const position = thousandths(bar.position);
      const equity = thousandths(bar.equity);
      log.info(`bar ${bar.instrument} ${bar.time / SECOND} ${thousandths(bar.close)} ${position} ${equity}`);
    }
    if (bar.instrument != 0) return;
    if (this.bars[0] == 0) broker.buy(0, 1);
    else if (this.bars[0] == 1) broker.order(Order.buy(0, 1).limit(NaN));
  }

  /** Logs what is heard, and hears less and less. */
  private mute(broker: Broker): void {
    log.info(`bar ${this.heard}`);
    if (this.heard == 0) broker.mute(Event.Time);
    else if (this.heard == 4) broker.mute(Event.Bar);
  }
}

/** The reason as the contract writes it. */
function kebab(reason: Reason): string {
  const names: StaticArray<string> = [
    "bad-quantity",
    "bad-price",
    "unknown-instrument",
    "unknown-order",
    "not-open",
    "lot-size",
    "tick-size",
    "insufficient-funds",
    "reduce-only",
    "too-many-orders",
    "expired",
    "other-filled",
    "cancelled",
    "no-bar",
    "liquidated",
  ];
  return names[reason];
}

/** One run of all indicators: what it is called, how many bars the windows have, and whether some prices are not finite. */
class Run {
  constructor(readonly name: string, readonly n: i32, readonly gaps: bool) {}

  high(t: i32, price: f64): f64 {
    return this.gaps && t % 16 == 7 ? Infinity : price;
  }

  close(t: i32, price: f64): f64 {
    return this.gaps && t % 16 == 15 ? NaN : price;
  }
}

const RUNS = [new Run("1", 1, false), new Run("3", 3, false), new Run("14", 14, false), new Run("gaps", 3, true)];

const INDICATORS = [
  "sma",
  "ema",
  "deviation",
  "z_score",
  "rsi",
  "true_range",
  "atr",
  "donchian",
  "bollinger",
  "macd",
  "adx",
  "crossings",
];

/** A digest of the answers of each indicator. */
class Digests {
  private hashes: u64[] = INDICATORS.map<u64>(() => 0xcbf29ce484222325);

  constructor(private run: Run) {}

  /** FNV-1a of 64 bits over the bytes of numbers, the lowest byte first, with one NaN. */
  add(indicator: i32, answers: f64[]): void {
    for (let member = 0; member < answers.length; member++) {
      const answer = answers[member];
      let bits: u64 = isNaN(answer) ? 0x7ff8000000000000 : reinterpret<u64>(answer);
      for (let byte = 0; byte < 8; byte++) {
        this.hashes[indicator] = (this.hashes[indicator] ^ (bits & 0xff)) * 0x100000001b3;
        bits >>= 8;
      }
    }
  }

  tell(symbol: string): void {
    for (let i = 0; i < INDICATORS.length; i++) {
      log.info(`${symbol} ${this.run.name} ${INDICATORS[i]} ${this.hashes[i].toString(16).padStart(16, "0")}`);
    }
  }
}

/** All indicators over columns. */
function overColumns(series: Series, run: Run): Digests {
  const n = run.n;
  const bars = series.length;
  const high = new StaticArray<f64>(bars);
  const close = new StaticArray<f64>(bars);
  for (let t = 0; t < bars; t++) {
    high[t] = run.high(t, series.high[t]);
    close[t] = run.close(t, series.close[t]);
  }
  const low = series.low;
  const average = indicators.sma(close, n);
  const ema = indicators.ema(close, n);
  const deviation = indicators.deviation(close, n);
  const score = indicators.zScore(close, n);
  const strength = indicators.rsi(close, n);
  const range = indicators.trueRange(high, low, close);
  const atr = indicators.atr(high, low, close, n);
  const channel = indicators.donchian(high, low, n);
  const bands = indicators.bollinger(close, n, 2);
  const lines = indicators.macd(close, n, 2 * n + 1, 3);
  const trend = indicators.adx(high, low, close, n);
  const crossings = indicators.crossings(close, average);
  const answers = new Digests(run);
  for (let t = 0; t < bars; t++) {
    const ofOne = [average[t], ema[t], deviation[t], score[t], strength[t], range[t], atr[t]];
    for (let i = 0; i < ofOne.length; i++) answers.add(i, [ofOne[i]]);
    answers.add(7, [channel.upper[t], channel.lower[t]]);
    answers.add(8, [bands.upper[t], bands.middle[t], bands.lower[t]]);
    answers.add(9, [lines.line[t], lines.signal[t], lines.histogram[t]]);
    answers.add(10, [trend.adx[t], trend.plusDi[t], trend.minusDi[t]]);
    answers.add(11, [<f64>crossings[t]]);
  }
  return answers;
}

/** All indicators of one instrument, told bar by bar, and what they have answered. */
class Watch {
  readonly answers: Digests;
  private bars: i32 = 0;
  private average: indicators.Sma;
  private ofValues: indicators.OfValues[];
  private ofBars: indicators.OfBars[];
  private channel: indicators.Donchian;
  private bands: indicators.Bollinger;
  private lines: indicators.Macd;
  private trend: indicators.Adx;
  private cross: indicators.Cross = new indicators.Cross();

  constructor(private run: Run) {
    const n = run.n;
    this.answers = new Digests(run);
    this.average = new indicators.Sma(n);
    this.ofValues = [
      new indicators.Ema(n),
      new indicators.Deviation(n),
      new indicators.ZScore(n),
      new indicators.Rsi(n),
    ];
    this.ofBars = [new indicators.TrueRange(), new indicators.Atr(n)];
    this.channel = new indicators.Donchian(n);
    this.bands = new indicators.Bollinger(n, 2);
    this.lines = new indicators.Macd(n, 2 * n + 1, 3);
    this.trend = new indicators.Adx(n);
  }

  next(bar: Bar): void {
    const high = this.run.high(this.bars, bar.high);
    const low = bar.low;
    const close = this.run.close(this.bars, bar.close);
    this.bars++;
    const average = this.average.next(close);
    this.answers.add(0, [average]);
    for (let i = 0; i < 4; i++) this.answers.add(1 + i, [this.ofValues[i].next(close)]);
    for (let i = 0; i < 2; i++) this.answers.add(5 + i, [this.ofBars[i].next(high, low, close)]);
    this.channel.next(high, low);
    this.answers.add(7, [this.channel.upper, this.channel.lower]);
    this.bands.next(close);
    this.answers.add(8, [this.bands.upper, this.bands.middle, this.bands.lower]);
    this.lines.next(close);
    this.answers.add(9, [this.lines.line, this.lines.signal, this.lines.histogram]);
    this.trend.next(high, low, close);
    this.answers.add(10, [this.trend.adx, this.trend.plusDi, this.trend.minusDi]);
    this.answers.add(11, [<f64>this.cross.next(close, average)]);
  }
}

exportSignals(new Conformance());
exportEvents(new Live());
