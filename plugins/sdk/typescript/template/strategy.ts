import { InvalidParams, type Description, type Params, type Series, type SignalStrategy, type Targets } from "./sdk/backtest.js";

export const description = {
  name: "my_strategy",
  version: "0.1.0",
  summary: "Long while the fast average is above the slow one.",
  parameters: {
    fast: { type: "integer", doc: "bars of the fast average", default: 20, min: 1, max: 2000 },
    slow: { type: "integer", doc: "bars of the slow average, more than the fast one has", default: 50, min: 2, max: 5000 },
  },
} satisfies Description;

/** Trend: long while the fast moving average of the closes is above the slow one, flat while it is below. */
export class Signals implements SignalStrategy<typeof description> {
  /** For each instrument, 0 and then the sum of its first close, of its first two, and so on. */
  private readonly sums: Float64Array[];

  /** Called once: whatever it leaves behind is shared by all combinations of parameters. */
  constructor(data: Series[]) {
    this.sums = data.map(({ close }) => runningSums(close));
  }

  /** Called for every combination. A target at bar `t` may use bars up to `t`; it is traded at the next open. */
  evaluate(params: Params<typeof description>, targets: Targets): void {
    const fast = params.count("fast");
    const slow = params.count("slow");
    if (fast >= slow) throw new InvalidParams(`\`fast\` (${fast}) is not below \`slow\` (${slow})`);

    for (const [instrument, sums] of this.sums.entries()) {
      const position = targets.instrument(instrument);
      const bars = sums.length - 1;
      for (let t = slow - 1; t < bars; t++) {
        const fastAverage = (sums[t + 1] - sums[t + 1 - fast]) / fast;
        const slowAverage = (sums[t + 1] - sums[t + 1 - slow]) / slow;
        // Equal averages change nothing.
        if (fastAverage > slowAverage) position.hold(t, targets.share);
        else if (fastAverage < slowAverage) position.hold(t, 0);
      }
    }
  }
}

function runningSums(closes: Float64Array): Float64Array {
  const sums = new Float64Array(closes.length + 1);
  for (let t = 0; t < closes.length; t++) sums[t + 1] = sums[t] + closes[t];
  return sums;
}
