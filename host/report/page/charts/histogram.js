// The histogram: how many values lie in each bin, with their mean and their median.
// Never draws a value that is not a number; it says how many there are.

import { Explorer, along } from "./explorer.js";
import { axisWriter, counted, fixed, writer } from "./format.js";
import { Frame } from "./frame.js";
import { linearScale, quantile, stepOf } from "./scales.js";

const [BINS_TALL, BINS_ABOVE, BINS_BELOW, BINS_LEFT, RIGHT] = [250, 34, 24, 44, 14];

/**
 * The bins of `values`: their edges are round numbers, and zero is one of them. Where few values lie far out, the first or the
 * last bin takes them (`under`, `over`).
 */
export function binsOf(values, wanted = 40) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const count = sorted.length;
  const found = { sorted, edges: [0, 1], counts: [0], under: 0, over: 0, mean: NaN, median: quantile(sorted, 0.5) };
  if (count === 0) return found;
  found.mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const [least, most] = [sorted[0], sorted[count - 1]];
  let [low, high] = [quantile(sorted, 0.005), quantile(sorted, 0.995)];
  if (!(most - least > 2 * (high - low))) [low, high] = [least, most];
  const spread = quantile(sorted, 0.75) - quantile(sorted, 0.25);
  const rule = spread > 0 ? (2 * spread) / Math.cbrt(count) : (high - low) / 10;
  const bins = Math.min(Math.max((high - low) / (rule || 1), 14), wanted);
  const step = high > low ? stepOf(high - low, bins) : Math.abs(low) || 1;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  found.edges = Array.from({ length: last - first + 1 }, (_, n) => (first + n) * step);
  found.counts = new Array(last - first).fill(0);
  for (const value of sorted) {
    const bin = Math.floor(value / step + 1e-9) - first;
    if (bin < 0) found.under += 1;
    if (bin > last - first - 1 && value > last * step) found.over += 1;
    found.counts[Math.min(Math.max(bin, 0), last - first - 1)] += 1;
  }
  return found;
}

export class Histogram {
  #frame;
  #data;
  #bins;
  #box = null;
  #explorer;

  /** `data`: `title`, `caption`, `values`, `unit`, `what` (the word for one value, like `trade`). */
  constructor(container, data) {
    this.#data = data;
    this.#bins = binsOf(data.values);
    this.#frame = new Frame(container, {
      ...data,
      keys: "← → bin by bin, Home End first and last",
      height: () => BINS_TALL,
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "histogram");
    this.#explorer = new Explorer(this.#frame, {
      find: (x) => this.#find(x),
      box: (bin) => this.#bar(bin),
      lines: (bin) => this.#words(bin),
      move: (bin, key) => along(bin, key, this.#bins.counts.length),
      start: () => this.#bins.counts.indexOf(Math.max(...this.#bins.counts)),
    });
    this.#frame.paint();
  }

  #paint(pen, width, theme) {
    const { edges, counts, mean, median, sorted } = this.#bins;
    const x = linearScale(edges[0], edges[edges.length - 1], BINS_LEFT, width - RIGHT);
    const y = linearScale(0, Math.max(...counts, 1), BINS_TALL - BINS_BELOW, BINS_ABOVE);
    this.#box = { x, y };
    const write = axisWriter(
      this.#data.unit,
      (edges[1] - edges[0]) * Math.ceil(70 / Math.max(x.at(edges[1]) - x.at(edges[0]), 1)),
    );
    const list = y.marks(4).list.filter(Number.isInteger);
    pen.rects(
      list.flatMap((value) => [BINS_LEFT, Math.round(y.at(value)), width - BINS_LEFT - RIGHT, 1]),
      theme.line,
    );
    list.forEach((value) =>
      pen.text(fixed(value, 0), BINS_LEFT - 6, y.at(value) + 4, { colour: theme.soft, align: "right", size: 11 }),
    );
    counts.forEach((_, bin) => pen.rects(this.#bar(bin), edges[bin] < 0 ? theme.loss : theme.gain));
    const marks = x.marks(Math.max(2, Math.floor((width - BINS_LEFT) / 90)));
    marks.list.forEach((value) =>
      pen.text(write(value), x.at(value), BINS_TALL - 7, { colour: theme.soft, align: "center", size: 11 }),
    );
    if (sorted.length > 0)
      this.#averages(
        pen,
        width,
        [
          ["mean", mean, []],
          ["median", median, [4, 3]],
        ],
        theme,
      );
  }

  /** Lines at mean and median; the text of the lower one is on its left. */
  #averages(pen, width, list, theme) {
    const { x } = this.#box;
    const full = writer(this.#data.unit);
    const [low] = [...list].sort(([, a], [, b]) => a - b);
    list.forEach((entry, n) => {
      const [name, value, dash] = entry;
      const at = Math.min(Math.max(x.at(value), BINS_LEFT), width - RIGHT);
      pen.path([at, BINS_ABOVE - 18, at, BINS_TALL - BINS_BELOW], { stroke: theme.ink, dash, width: 1.5 });
      const text = `${name} ${full(value)}`;
      const wide = pen.measure(text) + 6;
      const left = entry === low ? at - wide > 0 : at + wide > width;
      pen.text(text, at + (left ? -5 : 5), n === 0 ? 12 : 26, {
        colour: theme.ink,
        align: left ? "right" : "left",
        halo: theme.card,
      });
    });
  }

  #bar(bin) {
    const { x, y } = this.#box;
    const { edges, counts } = this.#bins;
    const [left, right] = [Math.round(x.at(edges[bin])), Math.round(x.at(edges[bin + 1]))];
    const top = Math.round(y.at(counts[bin]));
    return [left, top, Math.max(right - left - 1, 1), Math.max(y.at(0) - top, counts[bin] > 0 ? 1 : 0)];
  }

  #find(at) {
    const { edges, counts } = this.#bins;
    const bin = Math.floor((this.#box.x.value(at) - edges[0]) / (edges[1] - edges[0]));
    return bin >= 0 && bin < counts.length ? bin : -1;
  }

  #range(bin) {
    const { edges, counts, under, over } = this.#bins;
    const write = axisWriter(this.#data.unit, edges[1] - edges[0]);
    if (bin === 0 && under > 0) return `below ${write(edges[1])}`;
    if (bin === counts.length - 1 && over > 0) return `${write(edges[bin])} and above`;
    return `${write(edges[bin])} to ${write(edges[bin + 1])}`;
  }

  #words(bin) {
    const { counts, sorted } = this.#bins;
    const share = sorted.length > 0 ? counts[bin] / sorted.length : 0;
    return [counted(counts[bin], this.#data.what ?? "value"), this.#range(bin), `${fixed(share * 100, 1)} % of all`];
  }

  #table() {
    const { edges, counts, mean, median, sorted } = this.#bins;
    const full = writer(this.#data.unit);
    return {
      note: `Mean ${full(mean)}, median ${full(median)}, ${counted(sorted.length, this.#data.what ?? "value")}.`,
      columns: [{ name: "from", text: full }, { name: "to", text: full }, { name: "count" }],
      rows: counts.length,
      at: (row, column) => [edges[row], edges[row + 1], counts[row]][column],
    };
  }

  update(data) {
    this.#data = { ...this.#data, ...data };
    this.#bins = binsOf(this.#data.values);
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#explorer.reset();
    this.#frame.paint();
  }

  destroy() {
    this.#frame.destroy();
  }
}
