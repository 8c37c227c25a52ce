import { InvalidParams, type Bar, type Broker, type Description, type EventStrategy, type Params } from "./sdk/backtest.js";

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
export class Events implements EventStrategy {
  private readonly fast: number;
  private readonly slow: number;
  /** For each instrument, 0 and then the sum of its first close, of its first two, and so on. */
  private readonly sums: number[][];

  /** Called at the start of each run. */
  constructor(symbols: string[], params: Params<typeof description>) {
    this.fast = params.count("fast");
    this.slow = params.count("slow");
    if (this.fast >= this.slow) throw new InvalidParams(`\`fast\` (${this.fast}) is not below \`slow\` (${this.slow})`);
    this.sums = symbols.map(() => [0]);
  }

  /** Called when a bar has closed. What is asked for here is traded at the next open. */
  onBar(bar: Bar, broker: Broker): void {
    const { fast, slow } = this;
    const sums = this.sums[bar.instrument];
    sums.push(sums[sums.length - 1] + bar.close);
    const bars = sums.length - 1;
    if (bars < slow) return;

    const fastAverage = (sums[bars] - sums[bars - fast]) / fast;
    const slowAverage = (sums[bars] - sums[bars - slow]) / slow;
    // Equal averages change nothing.
    if (fastAverage > slowAverage) broker.hold(bar.instrument, broker.share);
    else if (fastAverage < slowAverage) broker.hold(bar.instrument, 0);
  }
}
