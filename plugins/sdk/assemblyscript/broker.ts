import { broker as host, ErrorTag, Event } from "./abi";
import { Failure } from "./failure";
import { Order } from "./order";

/** The two exits of a bracket. */
export class Exits {
  constructor(
    /** The number of the stop at the loss. */
    readonly stopLoss: u64,
    /** The number of the limit at the profit. */
    readonly takeProfit: u64,
  ) {}
}

/**
 * Where a strategy sends its orders. Nothing answers at once: what an order comes to is heard through `onFill` and
 * `onReject`, by its number.
 */
export class Broker {
  /** What was last asked for of each instrument by `hold`. */
  private exposures: StaticArray<f64>;

  constructor(
    /** The number of instruments. */
    readonly instruments: i32,
  ) {
    this.exposures = new StaticArray<f64>(instruments);
  }

  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  get share(): f64 {
    return 1 / <f64>max(this.instruments, 1);
  }

  /** Sends `order`. It can be filled from the instrument's next bar on, or at this close where the user asks for it. */
  order(order: Order): u64 {
    return host.submit(
      order.instrument,
      order.side,
      order.kind,
      order.quantity,
      order.measure,
      order.limitPrice,
      order.stopPrice,
      order.timeInForce,
      order.untilTime,
      order.onlyReduces,
    );
  }

  /** Buys so many `units` at the next price there is. */
  buy(instrument: i32, units: f64): u64 {
    return this.order(Order.buy(instrument, units));
  }

  /** Sells so many `units` at the next price there is. What is not held is sold short. */
  sell(instrument: i32, units: f64): u64 {
    return this.order(Order.sell(instrument, units));
  }

  /**
   * Attaches exits to an entry that is open: a stop at `stopLoss` and a limit at `takeProfit`, in quote currency for one
   * unit, or `NaN` for none. They wait until the entry is filled, only reduce, and one cancels the other.
   */
  bracket(entry: u64, stopLoss: f64, takeProfit: f64 = NaN): Exits {
    const stop = host.bracket(entry, stopLoss, takeProfit);
    return new Exits(stop, stop + 1);
  }

  /**
   * Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
   * or cancelled cancels the other.
   */
  oneCancelsOther(first: u64, second: u64): void {
    host.oneCancelsOther(first, second);
  }

  /** Cancels an open order, and the exits that still wait for it. */
  cancel(order: u64): void {
    host.cancel(order);
  }

  /**
   * Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask for a
   * rebalance.
   */
  target(instrument: i32, exposure: f64): void {
    host.target(instrument, exposure);
  }

  /** Asks for `exposure` of equity in an instrument, unless that was the last thing asked for here. At first nothing is held. */
  hold(instrument: i32, exposure: f64): void {
    if (this.held(instrument) == exposure) return;
    if (<u32>instrument < <u32>this.instruments) this.exposures[instrument] = exposure;
    this.target(instrument, exposure);
  }

  /** What `hold` has last asked for. */
  held(instrument: i32): f64 {
    return <u32>instrument < <u32>this.instruments ? this.exposures[instrument] : 0;
  }

  /** From now on, does not call the strategy for `event`. What is not called costs no time. */
  mute(event: Event): void {
    host.mute(event);
  }

  /** Ends the task as failed. Does not return. */
  fail(failure: Failure): void {
    const text = String.UTF8.encode(failure.text);
    host.fail(failure.invalid ? ErrorTag.InvalidParams : ErrorTag.Failed, changetype<usize>(text), text.byteLength);
  }
}
