/** Bars of one instrument, oldest first, as columns of equal length. */
export class Series {
  constructor(
    /** The instrument's name, for example `MSFT`. */
    readonly symbol: string,
    /** Nanoseconds since the Unix epoch, UTC. */
    readonly time: StaticArray<i64>,
    /** The first price of each bar, in quote currency. */
    readonly open: StaticArray<f64>,
    /** The highest price of each bar, in quote currency. */
    readonly high: StaticArray<f64>,
    /** The lowest price of each bar, in quote currency. */
    readonly low: StaticArray<f64>,
    /** The last price of each bar, in quote currency. */
    readonly close: StaticArray<f64>,
    /** Units traded in each bar; zero where the data has no volume. */
    readonly volume: StaticArray<f64>,
  ) {}

  /** The number of bars. */
  get length(): i32 {
    return this.time.length;
  }
}
