/** What a strategy imports, and the types of what it exports: `description` and the classes `Signals` and `Events`. */

/** Averages, bands, channels and the like, over columns and bar by bar: see `indicators.d.ts`. */
export * from "./indicators.js";

/** What a strategy is called and which parameters it takes. */
export interface Description {
  /** A short name. */
  readonly name: string;
  readonly version: string;
  /** One sentence for the user. */
  readonly summary: string;
  /** Every parameter by its name, in the order in which tables show them. */
  readonly parameters?: { readonly [name: string]: Parameter };
}

/** One parameter: its type, one line for the user with meaning and unit, and the value where a grid leaves it out. */
export type Parameter =
  | { readonly type: "boolean"; readonly doc: string; readonly default: boolean }
  | (Bounded & { readonly type: "integer" | "number" })
  | { readonly type: "text"; readonly doc: string; readonly default: string; readonly choices?: readonly string[] };

interface Bounded {
  readonly doc: string;
  readonly default: number;
  /** The lowest value allowed. */
  readonly min?: number;
  /** The highest value allowed. */
  readonly max?: number;
  /** All values allowed, where they are a list. */
  readonly choices?: readonly number[];
}

/** The names of the parameters of type `T` that `D` declares. */
type Names<D extends Description, T> = {
  [N in keyof D["parameters"]]: D["parameters"][N] extends { readonly type: T } ? N : never;
}[keyof D["parameters"]];

/**
 * The parameters of one task: every declared one, within its declared bounds and choices. `Params<typeof description>`
 * knows the names.
 */
export interface Params<D extends Description = Description> {
  boolean(name: Names<D, "boolean">): boolean;
  /** A whole number. */
  integer(name: Names<D, "integer">): number;
  /** A whole number that counts something, for example the bars of a window: 0 at least. */
  count(name: Names<D, "integer">): number;
  /** A real number. */
  number(name: Names<D, "number">): number;
  text(name: Names<D, "text">): string;
}

/** Bars of one instrument, oldest first, as columns of equal length. They may be empty. */
export interface Series {
  /** The instrument's name, for example `MSFT`. */
  readonly symbol: string;
  /** Milliseconds since 1970 in UTC, to the microsecond: `new Date(series.time[0])`. */
  readonly time: Float64Array;
  /** The first price of each bar, in quote currency. */
  readonly open: Float64Array;
  /** The highest price of each bar, in quote currency. */
  readonly high: Float64Array;
  /** The lowest price of each bar, in quote currency. */
  readonly low: Float64Array;
  /** The last price of each bar, in quote currency. */
  readonly close: Float64Array;
  /** Units traded in each bar; zero where the data has no volume. */
  readonly volume: Float64Array;
}

/** A strategy that sees the whole series at once. `new (data: Series[])` is called once for each data set. */
export interface SignalStrategy<D extends Description = Description> {
  /** Writes the targets of one combination. They must not depend on bars after the one that they name. */
  evaluate(params: Params<D>, targets: Targets): void;
}

/** Target exposures, written instrument by instrument and bar by bar. */
export interface Targets {
  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  readonly share: number;
  /** Begins the targets of the instrument with index `instrument`, which holds nothing so far. */
  instrument(instrument: number): Position;
  /** Writes one target as it is: from bar `at` on, hold `exposure` of equity in `instrument`. */
  set(at: number, instrument: number, exposure: number): void;
}

/** What is held of one instrument while its targets are written. */
export interface Position {
  /** The share of equity that is held now. */
  readonly held: number;
  /**
   * Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short. Nothing is written where that
   * much is held already.
   */
  hold(at: number, exposure: number): void;
}

/**
 * A strategy that hears of one bar at a time, when it closes, and sends orders. `new (symbols: string[], params: Params)`
 * is called at the start of each run. What is not implemented is muted at its first call, and costs nothing afterwards.
 */
export interface EventStrategy {
  /** A bar has closed. What is sent from here can be filled from the next bar on. */
  onBar?(bar: Bar, broker: Broker): void;
  /** All bars of a time stamp have closed: the place for what compares instruments. Times in milliseconds since 1970. */
  onTime?(time: number, equity: number, broker: Broker): void;
  /** An order, or a part of it, was filled. */
  onFill?(fill: Fill, broker: Broker): void;
  /** An order, or what was left of it, is gone without being filled. */
  onReject?(order: OrderId, reason: Reason, broker: Broker): void;
  /** The data has ended. Nothing can be sent any more. */
  finish?(): void;
}

/** One bar, and the account at its close. */
export interface Bar {
  /** Index of the instrument among the symbols. */
  readonly instrument: number;
  /** Milliseconds since 1970 in UTC, to the microsecond. */
  readonly time: number;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** Units traded; zero where the data has no volume. */
  readonly volume: number;
  /** Units held of the instrument, negative where short. */
  readonly position: number;
  /** What the account is worth at the closes of this time stamp, in quote currency. */
  readonly equity: number;
}

/** One order, or a part of it, as it was filled. */
export interface Fill {
  /** The order; undefined where it was a target, or a position that the host closed. */
  readonly order: OrderId | undefined;
  readonly instrument: number;
  /** Units, negative where sold. */
  readonly quantity: number;
  /** What one unit cost or brought, slippage included, in quote currency. */
  readonly price: number;
  /** Quote currency. */
  readonly fee: number;
}

/** The number of an order: 1 for the first of a run, each one higher than the one before. */
export type OrderId = number;

export type Event = "bar" | "time" | "fill" | "reject";

/** Why an order, or what is left of it, is not filled. `sdk/wit/broker.wit` says what each means. */
export type Reason =
  | "bad-quantity" | "bad-price" | "unknown-instrument" | "unknown-order" | "not-open" | "lot-size" | "tick-size"
  | "insufficient-funds" | "reduce-only" | "too-many-orders" | "expired" | "other-filled" | "cancelled" | "no-bar"
  | "liquidated";

/** Where a strategy sends its orders. Nothing answers at once: what an order comes to is heard through `onFill` and `onReject`. */
export interface Broker {
  /** The number of instruments. */
  readonly instruments: number;
  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  readonly share: number;
  /** Buys at the next price there is, unless the options say otherwise. */
  buy(instrument: number, quantity: number, options?: OrderOptions): OrderId;
  /** Sells at the next price there is, unless the options say otherwise. What is not held is sold short. */
  sell(instrument: number, quantity: number, options?: OrderOptions): OrderId;
  /**
   * Attaches exits to an entry that is open, at prices in quote currency for one unit. They wait until the entry is filled,
   * only reduce, and one cancels the other.
   */
  bracket(entry: OrderId, exits: { stopLoss?: number; takeProfit?: number }): { stopLoss: OrderId; takeProfit: OrderId };
  /** Ties two open orders: what is filled of one is taken from the other, and one that ends cancels it. */
  oneCancelsOther(first: OrderId, second: OrderId): void;
  /** Cancels an open order, and the exits that still wait for it. */
  cancel(order: OrderId): void;
  /** Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to rebalance. */
  target(instrument: number, exposure: number): void;
  /** The same, unless that was the last thing asked for here. */
  hold(instrument: number, exposure: number): void;
  /** What `hold` has last asked for. */
  held(instrument: number): number;
  /** From now on, does not call the strategy for `event`. */
  mute(event: Event): void;
  /** Ends the task as failed. */
  fail(why: Error): never;
}

/** A market order that waits until it is filled or cancelled is what there is without any of these. */
export interface OrderOptions {
  /** What the quantity counts: units (the default), shares of the account's equity, or quote currency. */
  measure?: "units" | "equity" | "value";
  /** Trades at this price (quote currency for one unit) or better. With `stop`, only once that is reached. */
  limit?: number;
  /** Waits until the price has reached this one. */
  stop?: number;
  /** Waits until the price has come back by this much, in quote currency, from the best one. */
  trailingStop?: number;
  /** Waits until the price has come back by this fraction of the best one: above 0 and below 1. */
  trailingStopPercent?: number;
  /** Until it is filled or cancelled (the default), through the next day with a bar, or for the first price only. */
  timeInForce?: "gtc" | "day" | "ioc" | "gtd";
  /** Through the bars up to and including this time: milliseconds since 1970, or a date. */
  until?: number | Date;
  /** Never does more than close what is held when it is filled. */
  reduceOnly?: boolean;
}

/** The parameters make no sense together: the message says which and why. */
export class InvalidParams extends Error {}

/** The strategy cannot do what it is asked to: reported without a stack. Any other error is reported with one. */
export class Failed extends Error {}

/** Lines for the log of the running task; `console` writes to the same. Anything can be logged. */
export const log: {
  debug(...values: unknown[]): void;
  info(...values: unknown[]): void;
  warn(...values: unknown[]): void;
  error(...values: unknown[]): void;
};

declare global {
  /** Writes to the log of the running task: `log` and `info` as info, `trace` as debug. */
  const console: typeof log & {
    log(...values: unknown[]): void;
    trace(...values: unknown[]): void;
    dir(value: unknown): void;
    assert(holds: unknown, ...values: unknown[]): void;
  };
  /** A clock that stands still. */
  const performance: { now(): number; readonly timeOrigin: number };
}
