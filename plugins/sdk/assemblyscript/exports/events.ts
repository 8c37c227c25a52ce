import * as abi from "../abi";
import { readParams, readTexts, writeResult } from "../boundary";
import { Broker } from "../broker";
import { Bar, EventStrategy, exported, Fill } from "../events";

let broker: Broker = new Broker(0);
/** The strategy of the run; there is none until it has started. */
let running: EventStrategy | null = null;
/** The one bar that all calls share. */
const bar: Bar = new Bar();
/** Calls between two collections: few enough for a megabyte of garbage at each. */
const CALLS = 64;
/** Calls until the next collection. */
let left: i32 = CALLS;

export function start(symbols: usize, symbolsLen: usize, params: usize, paramsLen: usize): abi.Result {
  const strategy = exported;
  if (strategy === null) throw new Error("no strategy is exported: call `exportEvents`");
  const names = readTexts(new abi.List(symbols, symbolsLen));
  const read = readParams(new abi.List(params, paramsLen));
  broker = new Broker(names.length);
  let failure = strategy.start(names, read);
  if (read.failure !== null) failure = read.failure;
  if (failure === null) running = strategy;
  return writeResult(failure);
}

export function onBar(
  instrument: i32,
  time: i64,
  open: f64,
  high: f64,
  low: f64,
  close: f64,
  volume: f64,
  position: f64,
  equity: f64,
): void {
  collect();
  bar.instrument = instrument;
  bar.time = time;
  bar.open = open;
  bar.high = high;
  bar.low = low;
  bar.close = close;
  bar.volume = volume;
  bar.position = position;
  bar.equity = equity;
  strategy().onBar(bar, broker);
}

export function onTime(time: i64, equity: f64): void {
  collect();
  strategy().onTime(time, equity, broker);
}

export function onFill(order: u64, instrument: i32, quantity: f64, price: f64, fee: f64): void {
  strategy().onFill(new Fill(order, instrument, quantity, price, fee), broker);
}

export function onReject(order: u64, reason: abi.Reason): void {
  strategy().onReject(order, reason, broker);
}

export function finish(): void {
  strategy().finish();
}

/**
 * Collects garbage now and then, and only here, where nothing but globals holds anything. It cannot wait until memory is
 * short: the allocator then has doubled it already.
 */
function collect(): void {
  if (--left > 0) return;
  __collect();
  left = CALLS;
}

function strategy(): EventStrategy {
  const strategy = running;
  if (strategy === null) throw new Error("the strategy has no run: `start` has not succeeded yet");
  return strategy;
}
