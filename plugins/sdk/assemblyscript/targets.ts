/**
 * Target exposures, with room for one at each bar of each instrument.
 *
 * Write instrument by instrument through `instrument`; the answer is then sorted by the time of the bars.
 */
export class Targets {
  readonly at: StaticArray<u32>;
  readonly instruments: StaticArray<u32>;
  readonly exposure: StaticArray<f64>;
  /** The number of targets written. */
  length: i32 = 0;
  /** The first entry of each run that `instrument` began. */
  private runs: i32[] = [];

  /** An empty answer for a data set of `count` instruments, with room for `capacity` targets. */
  constructor(private count: i32, private capacity: i32) {
    this.at = new StaticArray<u32>(capacity);
    this.instruments = new StaticArray<u32>(capacity);
    this.exposure = new StaticArray<f64>(capacity);
  }

  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  get share(): f64 {
    return 1 / <f64>max(this.count, 1);
  }

  /** Begins the targets of the instrument with index `instrument`, which holds nothing so far. */
  instrument(instrument: i32): Position {
    if (<u32>instrument >= <u32>this.count) {
      throw new RangeError(`the data has no instrument ${instrument}, only ${this.count}`);
    }
    // What was set before the first instrument began is a run, too.
    if (this.runs.length == 0 && this.length > 0) this.runs.push(0);
    this.runs.push(this.length);
    return new Position(this, instrument);
  }

  /**
   * Writes one entry as it is: from bar `at` on, hold `exposure` of equity in `instrument`.
   *
   * Entries written this way alone are not sorted; they must come in the order of the time of their bars.
   */
  set(at: i32, instrument: i32, exposure: f64): void {
    const next = this.length;
    if (next >= this.capacity) {
      throw new RangeError(
        `there is no room for more than ${this.capacity} targets: write at most one for each bar of each instrument`,
      );
    }
    unchecked(this.at[next] = at);
    unchecked(this.instruments[next] = instrument);
    unchecked(this.exposure[next] = exposure);
    this.length = next + 1;
  }

  /** The finished answer. `times` has the times of each instrument's bars where there are several instruments. */
  finish(times: StaticArray<i64>[]): Targets {
    return this.runs.length > 1 ? this.merged(times) : this;
  }

  /** The same entries by the time of their bars, then by run; a run stays in its order. */
  private merged(times: StaticArray<i64>[]): Targets {
    const result = new Targets(this.count, this.length);
    const runs = this.runs.length;
    const heap = new Heads(runs);
    const next = this.runs.slice();
    for (let run = 0; run < runs; run++) this.advance(run, next, heap, times);
    while (heap.length > 0) {
      const run = heap.pop();
      const entry = next[run] - 1;
      result.set(this.at[entry], this.instruments[entry], this.exposure[entry]);
      this.advance(run, next, heap, times);
    }
    return result;
  }

  /** Puts the next entry of `run` on the heap, if there is one. */
  private advance(run: i32, next: i32[], heap: Heads, times: StaticArray<i64>[]): void {
    const entry = next[run];
    const end = run + 1 < this.runs.length ? this.runs[run + 1] : this.length;
    if (entry == end) return;
    next[run] = entry + 1;
    heap.push(run, this.time(entry, times));
  }

  /** The time of an entry's bar. A bar that does not exist comes last; the host says what is wrong with it. */
  private time(entry: i32, times: StaticArray<i64>[]): i64 {
    const instrument = this.instruments[entry];
    if (instrument >= <u32>times.length) return i64.MAX_VALUE;
    const bars = times[instrument];
    const at = this.at[entry];
    return at < <u32>bars.length ? bars[at] : i64.MAX_VALUE;
  }
}

/** What is held of one instrument while its targets are written, bar by bar. */
export class Position {
  private exposure: f64 = 0;

  constructor(private targets: Targets, private instrument: i32) {}

  /**
   * Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short. Nothing is written where that
   * much is held already.
   */
  hold(at: i32, exposure: f64): void {
    if (exposure == this.exposure) return;
    this.exposure = exposure;
    this.targets.set(at, this.instrument, exposure);
  }

  /** The share of equity that is held now. */
  get held(): f64 {
    return this.exposure;
  }
}

/** The earliest entry of each run, as a binary heap: by time, then by run. */
class Heads {
  length: i32 = 0;
  private runs: StaticArray<i32>;
  private times: StaticArray<i64>;

  constructor(capacity: i32) {
    this.runs = new StaticArray<i32>(capacity);
    this.times = new StaticArray<i64>(capacity);
  }

  push(run: i32, time: i64): void {
    let place = this.length++;
    this.runs[place] = run;
    this.times[place] = time;
    while (place > 0 && this.earlier(place, (place - 1) >> 1)) {
      this.swap(place, (place - 1) >> 1);
      place = (place - 1) >> 1;
    }
  }

  pop(): i32 {
    const first = this.runs[0];
    this.swap(0, --this.length);
    let place = 0;
    for (let child = 1; child < this.length; child = 2 * place + 1) {
      if (child + 1 < this.length && this.earlier(child + 1, child)) child++;
      if (!this.earlier(child, place)) break;
      this.swap(child, place);
      place = child;
    }
    return first;
  }

  private earlier(a: i32, b: i32): bool {
    if (this.times[a] != this.times[b]) return this.times[a] < this.times[b];
    return this.runs[a] < this.runs[b];
  }

  private swap(a: i32, b: i32): void {
    const run = this.runs[a];
    const time = this.times[a];
    this.runs[a] = this.runs[b];
    this.times[a] = this.times[b];
    this.runs[b] = run;
    this.times[b] = time;
  }
}
