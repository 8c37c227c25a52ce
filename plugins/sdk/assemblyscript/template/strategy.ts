import { Description, Failure, Params, Series, Targets } from "./sdk/backtest";
import { Strategy, exportSignals } from "./sdk/signals";

/** Trend: long while the fast moving average of the closes is above the slow one, flat while it is below. */
class SmaCross extends Strategy {
  /** For each instrument, 0 and then the sum of its first close, of its first two, and so on. */
  private sums: StaticArray<f64>[] = [];

  describe(): Description {
    return new Description("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
      .integer("fast", "bars of the fast average", 20)
      .range(1, 2000)
      .integer("slow", "bars of the slow average, more than the fast one has", 50)
      .range(2, 5000);
  }

  /** Called once: whatever it leaves behind is shared by all combinations of parameters. */
  prepare(data: Series[]): Failure | null {
    for (let i = 0; i < data.length; i++) this.sums.push(runningSums(data[i].close));
    return null;
  }

  /** Called for every combination. A target at bar `t` may use bars up to `t`; it is traded at the next open. */
  evaluate(params: Params, targets: Targets): Failure | null {
    const fast = params.count("fast");
    const slow = params.count("slow");
    if (fast >= slow) return Failure.invalid(`\`fast\` (${fast}) is not below \`slow\` (${slow})`);

    for (let i = 0; i < this.sums.length; i++) {
      const sums = this.sums[i];
      const position = targets.instrument(i);
      for (let t = slow - 1; t < sums.length - 1; t++) {
        const fastAverage = (sums[t + 1] - sums[t + 1 - fast]) / fast;
        const slowAverage = (sums[t + 1] - sums[t + 1 - slow]) / slow;
        // Equal averages change nothing.
        if (fastAverage > slowAverage) position.hold(t, targets.share);
        else if (fastAverage < slowAverage) position.hold(t, 0);
      }
    }
    return null;
  }
}

function runningSums(closes: StaticArray<f64>): StaticArray<f64> {
  const sums = new StaticArray<f64>(closes.length + 1);
  for (let t = 0; t < closes.length; t++) sums[t + 1] = sums[t] + closes[t];
  return sums;
}

exportSignals(new SmaCross());
