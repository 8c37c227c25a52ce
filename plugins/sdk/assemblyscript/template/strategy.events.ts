import { Description, Failure, Params } from "./sdk/backtest";
import { Bar, Broker, EventStrategy, exportEvents } from "./sdk/events";

/** Trend: long while the fast moving average of the closes is above the slow one, flat while it is below. */
class SmaCross extends EventStrategy {
  private fast: i32 = 0;
  private slow: i32 = 0;
  /** For each instrument, 0 and then the sum of its first close, of its first two, and so on. */
  private sums: f64[][] = [];

  describe(): Description {
    return new Description("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
      .integer("fast", "bars of the fast average", 20)
      .range(1, 2000)
      .integer("slow", "bars of the slow average, more than the fast one has", 50)
      .range(2, 5000);
  }

  start(symbols: string[], params: Params): Failure | null {
    this.fast = params.count("fast");
    this.slow = params.count("slow");
    if (this.fast >= this.slow) {
      return Failure.invalid(`\`fast\` (${this.fast}) is not below \`slow\` (${this.slow})`);
    }
    for (let i = 0; i < symbols.length; i++) this.sums.push([0]);
    return null;
  }

  /** Called when a bar has closed. What is asked for here is traded at the next open. */
  onBar(bar: Bar, broker: Broker): void {
    const sums = this.sums[bar.instrument];
    const bars = sums.push(sums[sums.length - 1] + bar.close) - 1;
    if (bars < this.slow) return;

    const fastAverage = (sums[bars] - sums[bars - this.fast]) / this.fast;
    const slowAverage = (sums[bars] - sums[bars - this.slow]) / this.slow;
    // Equal averages change nothing.
    if (fastAverage > slowAverage) broker.hold(bar.instrument, broker.share);
    else if (fastAverage < slowAverage) broker.hold(bar.instrument, 0);
  }
}

exportEvents(new SmaCross());
