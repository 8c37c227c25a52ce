// The importance of parameters: how much of a metric's variance between the rows of a sweep each parameter explains by itself,
// and what is left to their interplay. Never says that a parameter matters where chance alone would show as much.

import { choice, element } from "./elements.js";
import { along, Explorer } from "./explorer.js";
import { counted, fixed, spaced, writer } from "./format.js";
import { fitted, Frame, widest } from "./frame.js";
import { DONE, Lattice } from "./lattice.js";

/** In CSS pixels: the height of a row, the marks below, and the room for a number. */
const [EFFECT_ROW, EFFECT_BELOW, EFFECT_RIGHT] = [30, 22, 64];
/** Where shares add up to this much more or less than what all explain together, they are said to overlap. */
const OVERLAP = 0.005;
/** The additive fit ends after so many rounds, or where a round explains less than this share more. */
const [ROUNDS, SMALLEST] = [200, 1e-10];

/** Sums and counts of `values` by the place of their rows on an axis. */
function levelsOf(values, rows, places, size) {
  const [sums, counts] = [new Float64Array(size), new Float64Array(size)];
  rows.forEach((row, n) => {
    sums[places[row]] += values[n];
    counts[places[row]] += 1;
  });
  return { sums, counts };
}

const squares = (values) => values.reduce((sum, value) => sum + value * value, 0);

/** What is left of the deviations when the best sum of single effects, found by turns, is taken from them. */
function unexplained(lattice, rows, deviations) {
  const left = Float64Array.from(deviations);
  const whole = squares(left);
  let before = whole;
  for (let round = 0; round < ROUNDS; round += 1) {
    lattice.axes.forEach(({ values }, axis) => {
      const places = lattice.places[axis];
      const { sums, counts } = levelsOf(left, rows, places, values.length);
      rows.forEach((row, n) => (left[n] -= sums[places[row]] / counts[places[row]]));
    });
    const now = squares(left);
    if (before - now <= SMALLEST * whole) return now;
    before = now;
  }
  return before;
}

/** One parameter: the share of the variance between its values, and the share that chance alone would give it on average. */
function effectOf(lattice, axis, rows, deviations, total) {
  const { name, values } = lattice.axes[axis];
  const { sums, counts } = levelsOf(deviations, rows, lattice.places[axis], values.length);
  const levels = counts.filter((count) => count > 0).length;
  const between = sums.reduce((sum, value, level) => sum + (counts[level] > 0 ? (value * value) / counts[level] : 0), 0);
  // Where no value was run twice, each explains itself.
  const known = total > 0 && levels < rows.length;
  return { name, levels, share: known ? between / total : NaN, chance: rows.length > 1 ? (levels - 1) / (rows.length - 1) : NaN };
}

/**
 * The shares of the variance of `metric` between the rows that have a value: of each parameter (`effects`: eta squared, weighted
 * by counts), of all of them added up (`together`), and of their interplay (`rest`). All are NaN where nothing varies.
 */
export function importanceOf(lattice, metric) {
  const rows = Array.from({ length: lattice.count }, (_, row) => row).filter((row) => lattice.outcome(row, metric) === DONE);
  const mean = rows.reduce((sum, row) => sum + metric.values[row], 0) / rows.length;
  const deviations = Float64Array.from(rows, (row) => metric.values[row] - mean);
  const varies = rows.some((row) => metric.values[row] !== metric.values[rows[0]]);
  const total = varies ? squares(deviations) : 0;
  const effects = lattice.axes.map((_, axis) => effectOf(lattice, axis, rows, deviations, total));
  const known = effects.length > 0 && effects.every(({ share }) => Number.isFinite(share));
  const together = known ? 1 - unexplained(lattice, rows, deviations) / total : NaN;
  const sum = effects.reduce((all, { share }) => all + share, 0);
  return { count: rows.length, varies, effects, together, rest: 1 - together, overlap: Math.abs(sum - together) > OVERLAP };
}

export class Importance {
  #frame;
  #data;
  #lattice;
  #metric;
  #found;
  #lines = [];
  #box = null;
  #explorer;

  /** `data`: `title`, `caption`, a `lattice`; `sampled` is true where its rows are a sample. */
  constructor(container, data) {
    this.#take(data);
    this.#frame = new Frame(container, {
      ...data,
      keys: "↑ ↓ parameter by parameter, Home End first and last",
      height: () => EFFECT_ROW * this.#lines.length + EFFECT_BELOW,
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "bar chart");
    this.#frame.legend.classList.add("chart-lines");
    this.#explorer = new Explorer(this.#frame, {
      find: (x, y) => (y < EFFECT_ROW * this.#lines.length ? Math.floor(y / EFFECT_ROW) : -1),
      box: (line) => [0, EFFECT_ROW * line + 3, this.#frame.size[0], EFFECT_ROW - 6],
      lines: (line) => this.#words(line),
      move: (line, key) => along(line, { ArrowUp: "ArrowLeft", ArrowDown: "ArrowRight" }[key] ?? key, this.#lines.length),
      start: () => (this.#lines.length > 0 ? 0 : -1),
    });
    this.#arrange();
    this.#show();
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    this.#metric = this.#lattice.metrics[0];
    this.#compute();
  }

  #compute() {
    this.#found = importanceOf(this.#lattice, this.#metric);
    const { effects, rest } = this.#found;
    const order = [...effects].sort((a, b) => (b.share || 0) - (a.share || 0));
    this.#lines = order.map((effect) => ({ ...effect, kind: "effect" }));
    // One parameter has nothing to play together with.
    if (order.length > 1) this.#lines.push({ name: "interplay", share: rest, kind: "rest" });
  }

  #arrange() {
    const { metrics } = this.#lattice;
    const names = metrics.map(({ name }) => [name, spaced(name)]);
    const turn = (name) => {
      this.#metric = this.#lattice.metric(name);
      this.#compute();
      this.#explorer.reset();
      this.#show();
    };
    this.#frame.controls.replaceChildren(...(metrics.length > 1 ? [choice("Metric", names, this.#metric.name, turn).node] : []));
  }

  #show() {
    const items = this.#notes().map((text) => element("span", { class: "chart-item" }, text));
    this.#frame.legend.replaceChildren(...items);
    this.#frame.paint();
  }

  /** What must be known to read the bars. */
  #notes() {
    const { count, varies, effects, together, overlap } = this.#found;
    const name = spaced(this.#metric.name);
    if (count < 2 || !varies)
      return [`${counted(count, "row")} with a value of ${name}, and no variance: there is nothing to explain.`];
    const of = `${this.#data.sampled ? "a sample of " : ""}${counted(count, "combination")}`;
    const once = effects.filter(({ share }) => Number.isNaN(share)).map((effect) => effect.name);
    return [
      `Bar: the share of the variance of ${name} between ${of} that this parameter alone explains.`,
      `Tick: what a parameter without any effect would show on average, by chance.`,
      Number.isFinite(together) && `Added up, all parameters explain ${inPercent(together)}; the rest is their interplay.`,
      once.length > 0 && `No share for ${once.join(", ")}: no value was run twice.`,
      overlap && "Not every value was run with every other one: the shares overlap, and need not add up.",
    ].filter(Boolean);
  }

  #paint(pen, width, theme) {
    const left = Math.min(
      widest(
        pen,
        this.#lines.map(({ name }) => name),
        { bold: true },
      ) + 14,
      width * 0.4,
    );
    const inner = Math.max(width - left - EFFECT_RIGHT, 20);
    this.#box = { left, inner };
    const foot = EFFECT_ROW * this.#lines.length;
    const marks = width < 500 ? [0, 0.5, 1] : [0, 0.25, 0.5, 0.75, 1];
    marks.forEach((share) => {
      pen.rects([Math.round(left + inner * share), 0, 1, foot], share === 0 ? theme.soft : theme.line);
      pen.text(`${share * 100} %`, left + inner * share, foot + 15, { colour: theme.soft, align: "center", size: 11 });
    });
    this.#lines.forEach((line, n) => this.#bar(pen, line, n, theme));
  }

  #bar(pen, { name, share, chance, kind }, n, theme) {
    const { left, inner } = this.#box;
    const top = EFFECT_ROW * n;
    pen.text(fitted(pen, name, left - 10, { bold: kind === "effect" }), left - 8, top + 19, {
      colour: theme.ink,
      bold: kind === "effect",
      align: "right",
    });
    const long = inner * Math.min(Math.max(share, 0), 1);
    if (Number.isFinite(share))
      pen.rects([left, top + 7, Math.max(long, 1), EFFECT_ROW - 14], kind === "effect" ? theme.first : theme.range);
    if (Number.isFinite(chance) && Number.isFinite(share))
      pen.rects([left + inner * chance - 1, top + 4, 2, EFFECT_ROW - 8], theme.ink);
    const at = Math.max(long, Number.isFinite(chance) ? inner * chance : 0);
    pen.text(inPercent(share), left + at + 7, top + 19, { colour: theme.ink, halo: theme.card });
  }

  #words(line) {
    const { name, share, chance, levels, kind } = this.#lines[line];
    const metric = spaced(this.#metric.name);
    if (kind === "rest") return [`interplay of the parameters: ${inPercent(share)} of the variance of ${metric}`];
    return [
      `${name}: ${inPercent(share)} of the variance of ${metric}`,
      `by chance alone: ${inPercent(chance)} on average`,
      counted(levels, "value"),
    ];
  }

  #table() {
    const text = writer("share");
    const rows = this.#lines.map(({ name, levels, share, chance }) => [name, levels ?? null, share, chance ?? null]);
    return {
      note: `Shares of the variance of ${spaced(this.#metric.name)} between ${counted(this.#found.count, "combination")}.`,
      columns: [
        { name: "parameter", head: true },
        { name: "values" },
        { name: "share", text },
        { name: "share by chance", text },
      ],
      rows: rows.length,
      at: (row, column) => rows[row][column],
    };
  }

  update(data) {
    this.#take({ ...this.#data, ...data });
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#explorer.reset();
    this.#arrange();
    this.#show();
  }

  destroy() {
    this.#frame.destroy();
  }
}

const inPercent = (share) => (Number.isFinite(share) ? `${fixed(Math.max(share, 0) * 100, 1)} %` : "–");
