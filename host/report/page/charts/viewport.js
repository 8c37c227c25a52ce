// The part of a time axis that is seen: zoom and pan over bars.
// Never draws; bar n covers n to n + 1, so that the axis has no gaps where markets are closed.

/** At least this many bars are seen, where there are as many. */
const CLOSEST = 12;

export class Viewport {
  #count = 0;

  constructor(count) {
    this.resize(count);
  }

  /** Sees all of `count` bars. */
  resize(count) {
    this.#count = count;
    this.reset();
  }

  get count() {
    return this.#count;
  }

  get span() {
    return this.to - this.from;
  }

  /** The first and the last bar of which anything is seen. */
  get first() {
    return Math.max(0, Math.floor(this.from));
  }

  get last() {
    return Math.min(this.#count - 1, Math.ceil(this.to) - 1);
  }

  get whole() {
    return this.span >= this.#count;
  }

  reset() {
    [this.from, this.to] = [0, Math.max(this.#count, 1)];
  }

  /** Sees `from` to `to`, moved into the data and no closer than a few bars. */
  set(from, to) {
    const all = Math.max(this.#count, 1);
    const span = Math.min(Math.max(to - from, Math.min(CLOSEST, all)), all);
    const middle = (from + to) / 2;
    this.from = Math.min(Math.max(middle - span / 2, 0), all - span);
    this.to = this.from + span;
  }

  /** Zooms by a factor; the bar at `anchor` keeps its place. */
  zoom(factor, anchor) {
    const all = Math.max(this.#count, 1);
    const span = Math.min(Math.max(this.span * factor, Math.min(CLOSEST, all)), all);
    const share = (anchor - this.from) / this.span;
    const from = Math.min(Math.max(anchor - share * span, 0), all - span);
    [this.from, this.to] = [from, from + span];
  }

  pan(bars) {
    const { span } = this;
    const from = Math.min(Math.max(this.from + bars, 0), Math.max(this.#count - span, 0));
    [this.from, this.to] = [from, from + span];
  }

  /** Moves so far that a bar is seen. */
  show(bar) {
    const margin = Math.min(2, this.span / 8);
    if (bar < this.from + margin) this.pan(bar - this.from - margin);
    if (bar + 1 > this.to - margin) this.pan(bar + 1 - this.to + margin);
  }
}
