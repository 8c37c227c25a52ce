import { Kind, Measure, Side, TimeInForce } from "./abi";

/**
 * An order, built up word by word and sent by `broker.order`. Without further words it is a market order that waits until
 * it is filled or cancelled.
 *
 *     // Sell 10 units at 100 or better, today or never.
 *     Order.sell(0, 10).limit(100).day().reduceOnly()
 *     // Put half of the account into the second instrument, once it has risen to 50.
 *     Order.buy(1, 0.5).ofEquity().stop(50)
 *
 * Numbers are not checked here: the broker does, and says through `onReject` what is wrong.
 */
export class Order {
  measure: Measure = Measure.Units;
  timeInForce: TimeInForce = TimeInForce.Gtc;
  untilTime: i64 = 0;
  onlyReduces: bool = false;
  limitPrice: f64 = NaN;
  /** The price or the distance that is waited for. */
  stopPrice: f64 = NaN;
  private hasLimit: bool = false;
  /** What is waited for: `Market` for nothing, or one of the stops. */
  private trigger: Kind = Kind.Market;

  private constructor(readonly instrument: i32, readonly side: Side, readonly quantity: f64) {}

  /** Buys `quantity` of an instrument: units, unless `ofEquity` or `ofValue` follows. */
  static buy(instrument: i32, quantity: f64): Order {
    return new Order(instrument, Side.Buy, quantity);
  }

  /** Sells `quantity` of an instrument: units, unless `ofEquity` or `ofValue` follows. What is not held is sold short. */
  static sell(instrument: i32, quantity: f64): Order {
    return new Order(instrument, Side.Sell, quantity);
  }

  /** The quantity is a share of the account's equity when the order is filled, costs included: 0.5 is one half. */
  ofEquity(): this {
    this.measure = Measure.Equity;
    return this;
  }

  /** The quantity is an amount of quote currency when the order is filled, costs included. */
  ofValue(): this {
    this.measure = Measure.Value;
    return this;
  }

  /** Trades at `price` (quote currency for one unit) or better. With `stop`, only once that is reached. */
  limit(price: f64): this {
    this.hasLimit = true;
    this.limitPrice = price;
    return this;
  }

  /** Waits until the price has reached `price`, in quote currency for one unit. */
  stop(price: f64): this {
    return this.waitFor(Kind.Stop, price);
  }

  /**
   * Waits until the price has come back by `distance`, in quote currency, from the best one since the order was sent. Goes
   * with no limit.
   */
  trailingStop(distance: f64): this {
    return this.waitFor(Kind.TrailingStop, distance);
  }

  /**
   * Waits until the price has come back by `fraction` of the best one since the order was sent: above 0 and below 1. Goes
   * with no limit.
   */
  trailingStopPercent(fraction: f64): this {
    return this.waitFor(Kind.TrailingStopPercent, fraction);
  }

  /** Waits through the first day (UTC) on which its instrument has a bar after it was sent. */
  day(): this {
    this.timeInForce = TimeInForce.Day;
    return this;
  }

  /** Takes the first price at which it could be filled, and is cancelled as far as it is not filled then. */
  immediateOrCancel(): this {
    this.timeInForce = TimeInForce.Ioc;
    return this;
  }

  /** Waits through the bars up to and including `time`, in nanoseconds since the Unix epoch. */
  until(time: i64): this {
    this.timeInForce = TimeInForce.Gtd;
    this.untilTime = time;
    return this;
  }

  /** Never does more than close what is held when it is filled. */
  reduceOnly(): this {
    this.onlyReduces = true;
    return this;
  }

  /** When it trades. A trailing stop with a limit is no kind, and the broker says so. */
  get kind(): Kind {
    if (!this.hasLimit) return this.trigger;
    if (this.trigger == Kind.Market) return Kind.Limit;
    return this.trigger == Kind.Stop ? Kind.StopLimit : this.trigger;
  }

  private waitFor(trigger: Kind, price: f64): this {
    this.trigger = trigger;
    this.stopPrice = price;
    return this;
  }
}
