// The writer of a strategy's answer.

/** Target exposures, written instrument by instrument and bar by bar. */
export class Targets {
  /** The share of equity that each instrument gets when all get the same: 1 where there is only one. */
  share;
  #at;
  #instrument;
  #exposure;
  #ranks;
  #length = 0;

  /** @param times for each instrument, the times of its bars */
  constructor(times) {
    const room = times.reduce((sum, { length }) => sum + length, 0);
    this.share = 1 / Math.max(times.length, 1);
    this.#at = new Uint32Array(room);
    this.#instrument = new Uint32Array(room);
    this.#exposure = new Float64Array(room);
    this.#ranks = ranks(times);
  }

  /** Begins the targets of the instrument with index `instrument`, which holds nothing so far. */
  instrument(instrument) {
    this.#bars(instrument);
    return new Position(this, instrument);
  }

  /** Writes one target as it is: from bar `at` on, hold `exposure` of equity in `instrument`. */
  set(at, instrument, exposure) {
    const bars = this.#bars(instrument);
    if (!(at >= 0 && at < bars && Number.isInteger(at))) {
      throw new RangeError(`instrument ${instrument} has no bar ${at}, only ${bars} of them, counted from 0`);
    }
    if (this.#length === this.#at.length) {
      throw new RangeError(`there is no room for more than ${this.#length} targets: write at most one for each bar`);
    }
    this.#at[this.#length] = at;
    this.#instrument[this.#length] = instrument;
    this.#exposure[this.#length] = exposure;
    this.#length++;
  }

  /** The answer as the contract wants it, by the time of the bars. */
  finish() {
    const columns = { at: this.#at, instrument: this.#instrument, exposure: this.#exposure };
    const order = this.#ranks.length > 1 ? this.#sorted() : undefined;
    const finished = (column) => (order ? order.map((entry) => column[entry]) : column.slice(0, this.#length));
    return { at: finished(columns.at), instrument: finished(columns.instrument), exposure: finished(columns.exposure) };
  }

  #bars(instrument) {
    const bars = this.#ranks[instrument];
    if (bars) return bars.length;
    throw new RangeError(`the data has no instrument ${instrument}, only ${this.#ranks.length}, counted from 0`);
  }

  /** The entries by the time of their bars, then by instrument. */
  #sorted() {
    // Rank and entry in one number: the engine sorts numbers by itself, many times as fast as with a function.
    const keys = new Float64Array(this.#length);
    for (let entry = 0; entry < keys.length; entry++) {
      keys[entry] = this.#ranks[this.#instrument[entry]][this.#at[entry]] * keys.length + entry;
    }
    return Array.from(keys.sort(), (key) => key % keys.length);
  }
}

/** What is held of one instrument while its targets are written, bar by bar. */
class Position {
  /** The share of equity that is held now. */
  held = 0;
  #targets;
  #instrument;

  constructor(targets, instrument) {
    this.#targets = targets;
    this.#instrument = instrument;
  }

  /** Holds `exposure` of equity from bar `at` on. Nothing is written where that much is held already. */
  hold(at, exposure) {
    if (exposure === this.held) return;
    this.held = exposure;
    this.#targets.set(at, this.#instrument, exposure);
  }
}

/** For each bar of each instrument, its place among all bars by time, then by instrument. */
function ranks(times) {
  const all = new Float64Array(times.reduce((sum, { length }) => sum + length, 0));
  times.reduce((start, column) => (all.set(column, start), start + column.length), 0);
  all.sort();
  const taken = new Uint32Array(all.length);
  return times.map((column) => {
    let first = 0;
    return Uint32Array.from(column, (time) => {
      while (all[first] !== time) first++;
      return first + taken[first]++;
    });
  });
}
