// Where a strategy sends its orders. Never trades: everything goes to the host at once.

import { bracket, cancel, fail, mute, oneCancelsOther, submit, target } from "backtest:strategy/broker@0.1.0";
import { nanoseconds, wide } from "./engine.js";
import { toContract } from "./failure.js";

const OPTIONS = new Set([
  "measure", "limit", "stop", "trailingStop", "trailingStopPercent", "timeInForce", "until", "reduceOnly",
]);

/** The broker, as a strategy that hears of bars sees it. Nothing answers at once: see `onFill` and `onReject`. */
export class Broker {
  /** The number of instruments. */
  instruments;
  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  share;
  #held;

  constructor(instruments) {
    this.instruments = instruments;
    this.share = 1 / Math.max(instruments, 1);
    this.#held = new Float64Array(instruments);
  }

  /** Buys `quantity` of an instrument, and returns the number of the order. */
  buy(instrument, quantity, options) {
    return send("buy", instrument, quantity, options);
  }

  /** Sells `quantity` of an instrument, and returns the number of the order. What is not held is sold short. */
  sell(instrument, quantity, options) {
    return send("sell", instrument, quantity, options);
  }

  /** Attaches exits to an entry that is open, and returns their numbers. */
  bracket(entry, { stopLoss, takeProfit } = {}) {
    const first = Number(bracket(wide(entry), price("stopLoss", stopLoss), price("takeProfit", takeProfit)));
    return { stopLoss: first, takeProfit: first + 1 };
  }

  /** Ties two open orders: what is filled of one is taken from the other, and one that ends cancels it. */
  oneCancelsOther(first, second) {
    oneCancelsOther(wide(first), wide(second));
  }

  /** Cancels an open order, and the exits that still wait for it. */
  cancel(order) {
    cancel(wide(order));
  }

  /** Asks for `exposure` of equity in an instrument. To repeat it is to ask for a rebalance. */
  target(instrument, exposure) {
    target(index(instrument), number("exposure", exposure));
  }

  /** Asks for `exposure` of equity in an instrument, unless that was the last thing asked for here. */
  hold(instrument, exposure) {
    if (this.#held[instrument] === exposure) return;
    this.#held[instrument] = exposure;
    this.target(instrument, exposure);
  }

  /** What `hold` has last asked for. */
  held(instrument) {
    return this.#held[instrument] ?? 0;
  }

  /** From now on, does not call the strategy for `event`. */
  mute(event) {
    mute(event);
  }

  /** Ends the task as failed. Does not return. */
  fail(why) {
    fail(toContract(why));
    throw new Error("unreachable: the host ends a task that fails");
  }
}

function send(side, instrument, quantity, options = {}) {
  for (const option of Object.keys(options)) {
    if (!OPTIONS.has(option)) throw new TypeError(`an order has no \`${option}\`, only ${[...OPTIONS].join(", ")}`);
  }
  const { measure = "units", reduceOnly = false } = options;
  const [kind, stop] = trigger(options);
  const [timeInForce, until] = validity(options);
  const limit = price("limit", options.limit);
  return Number(
    submit(index(instrument), side, kind, number("quantity", quantity), measure, limit, stop, timeInForce, until, reduceOnly),
  );
}

/** The contract's word for when an order trades, and the number that it waits for. */
function trigger({ limit, stop, trailingStop, trailingStopPercent }) {
  const given = [stop, trailingStop, trailingStopPercent].filter((value) => value !== undefined);
  if (given.length > 1) throw new TypeError("an order waits for one of `stop`, `trailingStop` and `trailingStopPercent`");
  if (trailingStop !== undefined) return ["trailing-stop", price("trailingStop", trailingStop)];
  if (trailingStopPercent !== undefined) {
    return ["trailing-stop-percent", price("trailingStopPercent", trailingStopPercent)];
  }
  const word = stop === undefined ? "" : "stop";
  return [[word, limit === undefined ? "" : "limit"].filter(Boolean).join("-") || "market", price("stop", stop)];
}

/** The contract's word for how long an order waits, and until when. */
function validity({ timeInForce, until }) {
  if (until === undefined) return [timeInForce ?? "gtc", wide(0)];
  if (timeInForce !== undefined && timeInForce !== "gtd") {
    throw new TypeError(`an order with \`until\` is \`gtd\`, not \`${timeInForce}\`; give one of the two`);
  }
  return ["gtd", nanoseconds(number("until", until instanceof Date ? until.getTime() : until))];
}

const price = (name, value) => (value === undefined ? NaN : number(name, value));

function number(name, value) {
  if (typeof value === "number") return value;
  throw new TypeError(`\`${name}\` is to be a number, and is ${value === null ? "null" : `a ${typeof value}`}`);
}

function index(instrument) {
  if (Number.isInteger(instrument) && instrument >= 0) return instrument;
  throw new TypeError(`\`${instrument}\` is no instrument; they are counted from 0`);
}
