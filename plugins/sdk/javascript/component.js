// Stands between a strategy and the contract. Never looks at a price.

// The first import, so that the strategy's modules find nothing of the machine.
import "./environment.js";
import { Broker } from "./broker.js";
import { toDescription } from "./description.js";
import { column, milliseconds } from "./engine.js";
import { Failed, describe, toContract } from "./failure.js";
import { log, open } from "./log.js";
import { Params } from "./params.js";
import { Targets } from "./targets.js";

/** The author's module, or what it threw: at a build nobody would hear of it, so that it is thrown again at the first call. */
const loaded = load();

function load() {
  try {
    // Not an import, which could not be caught.
    return { strategy: require("../strategy") };
  } catch (thrown) {
    return { thrown };
  }
}

/** What the strategy exports as `name`. */
function exported(name) {
  if ("thrown" in loaded) throw loaded.thrown;
  const found = loaded.strategy[name];
  if (found !== undefined) return found;
  throw new Failed(`the strategy exports no \`${name}\`, which \`interfaces\` in strategy.toml asks for`);
}

/** Calls `body`, and throws what the contract knows. */
function answer(body) {
  open();
  try {
    return settled(body());
  } catch (thrown) {
    throw toContract(thrown);
  }
}

/** A strategy that waits would be over before it goes on. */
function settled(value) {
  if (typeof value?.then === "function") throw new Failed("the strategy is `async`, but nothing in it can be waited for");
  return value;
}

export const metadata = {
  describe() {
    open();
    try {
      return toDescription(exported("description"));
    } catch (thrown) {
      // The contract has no error here; the last line of the log becomes the message of what follows.
      log.error(describe(thrown));
      throw thrown;
    }
  },
};

let prepared;

export const signals = {
  prepare(data) {
    answer(() => {
      const Signals = exported("Signals");
      const targets = new Targets(data.map(({ time }) => Float64Array.from(time, Number)));
      prepared = { strategy: new Signals(data.map(toSeries)), targets };
    });
  },

  evaluate(params) {
    return answer(() => {
      const { strategy, targets } = prepared ?? unprepared();
      settled(strategy.evaluate(new Params(params), targets));
      return targets.finish();
    });
  },
};

function unprepared() {
  throw new Failed("the strategy has no data: `prepare` has not succeeded yet");
}

function toSeries({ symbol, time, open, high, low, close, volume }) {
  const prices = { open: column(open), high: column(high), low: column(low), close: column(close), volume: column(volume) };
  return { symbol, time: Float64Array.from(time, milliseconds), ...prices };
}

let broker;
let running;

export const events = {
  start(symbols, params) {
    answer(() => {
      const Events = exported("Events");
      broker = new Broker(symbols.length);
      running = new Events(symbols, new Params(params));
    });
  },

  onBar(instrument, time, open, high, low, close, volume, position, equity) {
    if (!running.onBar) return broker.mute("bar");
    const bar = { instrument, time: milliseconds(time), open, high, low, close, volume, position, equity };
    tell(() => running.onBar(bar, broker));
  },

  onTime(time, equity) {
    if (!running.onTime) return broker.mute("time");
    tell(() => running.onTime(milliseconds(time), equity, broker));
  },

  onFill(order, instrument, quantity, price, fee) {
    if (!running.onFill) return broker.mute("fill");
    const fill = { order: Number(order) || undefined, instrument, quantity, price, fee };
    tell(() => running.onFill(fill, broker));
  },

  onReject(order, reason) {
    if (!running.onReject) return broker.mute("reject");
    tell(() => running.onReject(Number(order), reason, broker));
  },

  finish() {
    if (running.finish) tell(() => running.finish());
  },
};

/** Tells the strategy of an event. What it throws ends the task. */
function tell(event) {
  try {
    settled(event());
  } catch (thrown) {
    broker.fail(thrown);
  }
}
