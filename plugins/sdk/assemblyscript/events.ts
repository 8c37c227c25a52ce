// One bar at a time, when it closes, answered with orders. Whoever imports this file exports `events`.

import { Event, Reason } from "./abi";
import { Broker } from "./broker";
import { Failure } from "./failure";
import { declare, Described } from "./metadata";
import { Params } from "./params";
import "./exports/events";

export { Event, Reason } from "./abi";
export { Broker, Exits } from "./broker";
export { Order } from "./order";

/**
 * A strategy that hears of one bar at a time: it cannot see what comes after. Each task has one of its own. What it does
 * not override is muted at its first call, and costs nothing afterwards.
 */
export abstract class EventStrategy extends Described {
  /** Begins a run over the instruments `symbols`. */
  abstract start(symbols: string[], params: Params): Failure | null;

  /**
   * A bar has closed. What is sent from here can be filled from the next bar on, or at this close where the user asks for
   * it. `bar` is the same object at every call.
   */
  abstract onBar(bar: Bar, broker: Broker): void;

  /**
   * All bars of a time stamp have closed: the place for what compares instruments. `time` is in nanoseconds since the Unix
   * epoch, `equity` what the account is worth, in quote currency.
   */
  onTime(time: i64, equity: f64, broker: Broker): void {
    broker.mute(Event.Time);
  }

  /** An order, or a part of it, was filled. */
  onFill(fill: Fill, broker: Broker): void {
    broker.mute(Event.Fill);
  }

  /** An order, or what was left of it, is gone without being filled. */
  onReject(order: u64, reason: Reason, broker: Broker): void {
    broker.mute(Event.Reject);
  }

  /** The data has ended. Nothing can be sent any more. */
  finish(): void {}
}

/** One bar, and the account at its close. */
export class Bar {
  /** Index of the instrument among the symbols of `start`. */
  instrument: i32 = 0;
  /** Nanoseconds since the Unix epoch, UTC. */
  time: i64 = 0;
  /** The first price, in quote currency. */
  open: f64 = 0;
  /** The highest price, in quote currency. */
  high: f64 = 0;
  /** The lowest price, in quote currency. */
  low: f64 = 0;
  /** The last price, in quote currency. */
  close: f64 = 0;
  /** Units traded; zero where the data has no volume. */
  volume: f64 = 0;
  /** Units held of the instrument, negative where short. */
  position: f64 = 0;
  /** What the account is worth at the closes of this time stamp, in quote currency. */
  equity: f64 = 0;
}

/** One order, or a part of it, as it was filled. */
export class Fill {
  constructor(
    /** The number of the order; 0 where it was a target, or a position that the host closed. */
    readonly order: u64,
    /** Index of the instrument. */
    readonly instrument: i32,
    /** Units, negative where sold. */
    readonly quantity: f64,
    /** What one unit cost or brought, slippage included, in quote currency. */
    readonly price: f64,
    /** Quote currency. */
    readonly fee: f64,
  ) {}
}

/** Makes `strategy` the one that the component exports. */
export function exportEvents(strategy: EventStrategy): void {
  declare(strategy);
  exported = strategy;
}

/** The strategy that the component exports. */
export let exported: EventStrategy | null = null;
