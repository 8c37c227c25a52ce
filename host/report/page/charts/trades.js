// Trades on prices: where each was entered and left, what it made, and while it was held.
// Never computes a trade: all numbers are given.

import { writer } from "./format.js";

/** More trades than one in so many pixels are not marked one by one; their holding times still are. */
const [APART, TRADE_WRITTEN] = [12, 70];
const TRADE_TALL = 7;

/**
 * The trades of a chart: columns `entry` and `exit` (bars), `entryPrice`, `exitPrice`, `side` (1 or -1), `profit`, `share` (of
 * the position's value), `reason` (texts or null), `open` (true where it has not ended).
 */
export class Trades {
  #columns;
  #times;
  #time;
  #price = writer("price");
  #money = writer("money");
  #share = writer("share");

  /** `writeTime` writes a time of `times`. */
  constructor(columns, times, writeTime) {
    [this.#columns, this.#times, this.#time] = [columns, times, writeTime];
  }

  get count() {
    return this.#columns.entry.length;
  }

  /** The trades of which anything is seen. */
  #seen({ from, to }) {
    const { entry, exit } = this.#columns;
    const list = [];
    for (let n = 0; n < entry.length; n += 1) if (exit[n] + 1 >= from && entry[n] <= to) list.push(n);
    return list;
  }

  gained = (n) => this.#columns.profit[n] >= 0;

  /** Draws holding times at the foot of the pane, and marks where there is room for them. */
  draw(pen, { view, x, y, width, box, bars }, theme) {
    const seen = this.#seen(view);
    const { entry, exit } = this.#columns;
    const spans = { true: [], false: [] };
    for (const n of seen) {
      const left = x(entry[n] + 0.5);
      spans[this.gained(n)].push(left, box[1] + box[3] - TRADE_TALL, Math.max(x(exit[n] + 0.5) - left, 1), TRADE_TALL - 2);
    }
    pen.rects(spans.true, theme.gain);
    pen.rects(spans.false, theme.loss);
    const room = width / Math.max(seen.length, 1);
    if (room >= APART) this.#link(pen, seen, x, y, theme);
    if (room >= APART) seen.forEach((n) => this.#mark(pen, n, { x, y, bars }, theme));
    if (room >= TRADE_WRITTEN) seen.forEach((n) => this.#write(pen, n, { x, y, box }, theme));
    return room >= APART || seen.length === 0;
  }

  #link(pen, seen, x, y, theme) {
    const { entry, exit, entryPrice, exitPrice } = this.#columns;
    const lines = { true: [], false: [] };
    for (const n of seen) {
      lines[this.gained(n)].push(x(entry[n] + 0.5), y(entryPrice[n]), x(exit[n] + 0.5), y(exitPrice[n]), NaN, NaN);
    }
    pen.path(lines.true, { stroke: theme.gain, dash: [4, 3] });
    pen.path(lines.false, { stroke: theme.loss, dash: [4, 3] });
  }

  /** An arrow at the entry, up for long and down for short; a square at the exit. */
  #mark(pen, n, { x, y, bars }, theme) {
    const { entry, exit, entryPrice, exitPrice, side, open } = this.#columns;
    const colour = theme[this.gained(n) ? "gain" : "loss"];
    const long = side[n] > 0;
    const edge = (long ? bars?.low : bars?.high)?.[entry[n]] ?? entryPrice[n];
    const [left, tip, turn] = [x(entry[n] + 0.5), y(edge) + (long ? 5 : -5), long ? 8 : -8];
    pen.path([left, tip, left + 5, tip + turn, left - 5, tip + turn], {
      fill: colour,
      stroke: theme.card,
      width: 1,
      close: true,
    });
    if (open?.[n]) return;
    const [right, level] = [x(exit[n] + 0.5), y(exitPrice[n])];
    pen.path([right - 4, level - 4, right + 4, level - 4, right + 4, level + 4, right - 4, level + 4], {
      fill: colour,
      stroke: theme.card,
      width: 1,
      close: true,
    });
  }

  #write(pen, n, { x, y, box }, theme) {
    const { exit, exitPrice, share, reason, open } = this.#columns;
    if (open?.[n]) return;
    const text = [reason?.[n], signed(this.#share, share[n])].filter(Boolean).join(" ");
    const at = Math.min(Math.max(y(exitPrice[n]) - 9, box[1] + 30), box[1] + box[3] - 12);
    const colour = theme[this.gained(n) ? "gain" : "loss"];
    pen.text(text, x(exit[n] + 0.5), at, { colour, align: "center", size: 11, bold: true, halo: theme.card });
  }

  /** The trades that are entered, held or left at a bar. */
  at(bar) {
    const { entry, exit } = this.#columns;
    const list = [];
    for (let n = 0; n < entry.length; n += 1) if (entry[n] <= bar && bar <= exit[n]) list.push(n);
    return list;
  }

  /** The next trade that is entered after a bar, or the last one before it; -1 where there is none. */
  beside(bar, forward) {
    const { entry } = this.#columns;
    let best = -1;
    for (let n = 0; n < entry.length; n += 1) {
      if (
        forward ? entry[n] > bar && (best < 0 || entry[n] < entry[best]) : entry[n] < bar && (best < 0 || entry[n] > entry[best])
      )
        best = n;
    }
    return best;
  }

  bars = (n) => [this.#columns.entry[n], this.#columns.exit[n]];

  /** A trade in one line. */
  words(n) {
    const { entry, exit, entryPrice, exitPrice, side, profit, share, reason, open } = this.#columns;
    const way = side[n] > 0 ? "long" : "short";
    const end = open?.[n]
      ? `still open at ${this.#price(exitPrice[n])}`
      : `${reason?.[n] ? `${reason[n]} ` : ""}${this.#time(this.#times[exit[n]])} at ${this.#price(exitPrice[n])}`;
    const made = `${signed(this.#share, share[n])} (${signed(this.#money, profit[n])})`;
    return `${way} ${this.#time(this.#times[entry[n]])} at ${this.#price(entryPrice[n])} → ${end}: ${made}`;
  }
}

/** A value with its sign, also above zero. */
export const signed = (write, value) => (value > 0 ? `+${write(value)}` : write(value));
