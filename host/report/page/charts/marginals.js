// Marginals: for each axis of a sweep, how the objective is distributed at each of its values: quartiles, median, best.
// Never holds an axis: every row counts, whatever its other parameters are.

import { Explorer } from "./explorer.js";
import { axisWriter, counted, exact, spaced } from "./format.js";
import { fitted, Frame, widest } from "./frame.js";
import { DONE, Lattice } from "./lattice.js";
import { linearScale, quantile } from "./scales.js";

const [PANEL, SMALL_TALL, SMALL_ABOVE, SMALL_BELOW, SMALL_LEFT, SMALL_GAP] = [300, 200, 22, 24, 46, 14];
/** In CSS pixels: from this width of a value on it is a box, else a band goes through all values. */
const BOX = 9;

/** For one axis: at each value how many rows there are, quartiles, median and best. */
export function marginal(lattice, axis, metric) {
  const groups = lattice.axes[axis].values.map(() => []);
  for (let row = 0; row < lattice.count; row += 1) {
    if (lattice.outcome(row, metric) === DONE) groups[lattice.places[axis][row]].push(metric.values[row]);
  }
  return groups.map((group) => {
    const sorted = Float64Array.from(group).sort();
    const best = metric.better === "min" ? sorted[0] : sorted[sorted.length - 1];
    return {
      count: sorted.length,
      low: quantile(sorted, 0.25),
      median: quantile(sorted, 0.5),
      high: quantile(sorted, 0.75),
      best: best ?? NaN,
    };
  });
}

export class Marginals {
  #frame;
  #data;
  #lattice;
  #panels = [];
  #explorer;

  /** `data`: `title`, `caption`, a `lattice`. */
  constructor(container, data) {
    this.#take(data);
    this.#frame = new Frame(container, {
      ...data,
      keys: "← → value by value, ↑ ↓ axis by axis",
      height: (width) => Math.ceil(this.#panels.length / this.#across(width)) * (SMALL_TALL + SMALL_GAP),
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "small charts");
    this.#explorer = new Explorer(this.#frame, {
      find: (x, y) => this.#find(x, y),
      box: (part) => this.#box(part),
      lines: (part) => this.#words(part),
      move: (part, key) => this.#move(part, key),
      start: () => (this.#panels.some(({ groups }) => groups.length > 0) ? 0 : -1),
    });
    this.#frame.paint();
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    const [metric] = this.#lattice.metrics;
    let first = 0;
    this.#panels = this.#lattice.axes.map((axis, place) => {
      const panel = { axis, place, first, groups: marginal(this.#lattice, place, metric) };
      first += axis.values.length;
      return panel;
    });
  }

  /** Panels in a row: as many as there is room for, and about as many in each row. */
  #across(width) {
    const count = Math.max(this.#panels.length, 1);
    const most = Math.min(Math.max(1, Math.floor((width + SMALL_GAP) / (PANEL + SMALL_GAP))), count);
    return Math.ceil(count / Math.ceil(count / most));
  }

  #range() {
    const values = this.#panels
      .flatMap(({ groups }) => groups.flatMap(({ low, high, best }) => [low, high, best]))
      .filter(Number.isFinite);
    if (values.length === 0) return [0, 1];
    return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
  }

  #paint(pen, width, theme) {
    const across = this.#across(width);
    const each = (width - SMALL_GAP * (across - 1)) / across;
    const [low, high] = this.#range();
    const pad = (high - low) * 0.05;
    this.#panels.forEach((panel, n) => {
      const [left, top] = [(n % across) * (each + SMALL_GAP), Math.floor(n / across) * (SMALL_TALL + SMALL_GAP)];
      const scale = linearScale(low - pad, high + pad, top + SMALL_TALL - SMALL_BELOW, top + SMALL_ABOVE);
      const marks = scale.marks(6);
      const write = axisWriter(this.#lattice.metrics[0].unit, marks.step);
      const room = Math.max(SMALL_LEFT, widest(pen, marks.list.map(write), { size: 11 }) + 12);
      Object.assign(panel, {
        start: left,
        left: left + room,
        top,
        inner: Math.max(each - room - 4, 1),
        scale,
        marks: marks.list,
        write,
      });
      this.#panel(pen, panel, theme);
    });
  }

  #panel(pen, panel, theme) {
    const { axis, start, left, top, inner, scale, groups, marks: list, write } = panel;
    pen.text(fitted(pen, axis.name, left + inner - start, { bold: true }), start + 4, top + 13, {
      colour: theme.ink,
      bold: true,
    });
    pen.rects(
      list.flatMap((value) => [left, Math.round(scale.at(value)), inner, 1]),
      theme.line,
    );
    if (scale.low < 0 && scale.high > 0) pen.rects([left, Math.round(scale.at(0)), inner, 1], theme.soft);
    list.forEach((value) =>
      pen.text(write(value), left - 6, scale.at(value) + 4, { colour: theme.soft, align: "right", size: 11 }),
    );
    const each = inner / groups.length;
    const x = (n) => left + each * (n + 0.5);
    if (each >= BOX) boxes(pen, groups, x, each, scale, theme);
    else bands(pen, groups, x, scale, theme);
    this.#values(pen, panel, x, theme);
  }

  /** The values of the parameter below its panel: as many as have room, none beyond the panel. */
  #values(pen, { axis, place, start, left, top, inner, groups }, x, theme) {
    const names = axis.values.map(this.#lattice.labels[place]);
    const skip = Math.ceil((widest(pen, names, { size: 11 }) + 8) / (inner / groups.length));
    const style = { colour: theme.soft, align: "center", size: 11 };
    names.forEach((name, n) => {
      if (n % skip !== 0) return;
      const half = pen.measure(name, style) / 2;
      const at = Math.max(Math.min(x(n), left + inner + 4 - half), start + half);
      pen.text(name, at, top + SMALL_TALL - SMALL_BELOW + 16, style);
    });
  }

  #part(part) {
    const panel = this.#panels.findLast(({ first }) => first <= part);
    return [panel, part - panel.first];
  }

  #find(x, y) {
    const panel = this.#panels.find(({ left, top, inner }) => x >= left && x < left + inner && y >= top && y <= top + SMALL_TALL);
    return panel ? panel.first + Math.floor(((x - panel.left) / panel.inner) * panel.groups.length) : -1;
  }

  #box(part) {
    const [{ left, top, inner, groups }, n] = this.#part(part);
    const each = inner / groups.length;
    return [left + each * n, top + SMALL_ABOVE, each, SMALL_TALL - SMALL_ABOVE - SMALL_BELOW];
  }

  #words(part) {
    const [metric] = this.#lattice.metrics;
    const write = this.#lattice.write(metric);
    const [{ axis, groups }, n] = this.#part(part);
    const { count, low, median, high, best } = groups[n];
    return [
      `${axis.name} ${exact(axis.values[n])}`,
      `${spaced(metric.name)}: median ${write(median)}`,
      `quartiles ${write(low)} to ${write(high)}`,
      `best ${write(best)}`,
      counted(count, "row"),
    ];
  }

  #move(part, key) {
    const [panel, n] = this.#part(part);
    const at = this.#panels.indexOf(panel);
    const other = { ArrowDown: at + 1, ArrowUp: at - 1 }[key];
    if (other !== undefined) return this.#panels[Math.min(Math.max(other, 0), this.#panels.length - 1)].first;
    const next = { ArrowLeft: n - 1, ArrowRight: n + 1, Home: 0, End: panel.groups.length - 1 }[key];
    return next === undefined ? null : panel.first + Math.min(Math.max(next, 0), panel.groups.length - 1);
  }

  #table() {
    const [metric] = this.#lattice.metrics;
    const text = this.#lattice.write(metric);
    const rows = this.#panels.flatMap(({ axis, groups }) =>
      groups.map((group, n) => [axis.name, axis.values[n], group.count, group.low, group.median, group.high, group.best]),
    );
    const columns = ["axis", "value", "rows"].map((name) => ({ name, left: name === "axis" }));
    return {
      columns: [
        ...columns,
        ...["lower quartile", "median", "upper quartile", "best"].map((name) => ({ name: `${metric.name} ${name}`, text })),
      ],
      rows: rows.length,
      at: (row, column) => rows[row][column],
    };
  }

  update(data) {
    this.#take({ ...this.#data, ...data });
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#explorer.reset();
    this.#frame.paint();
  }

  destroy() {
    this.#frame.destroy();
  }
}

function boxes(pen, groups, x, each, scale, theme) {
  const wide = Math.min(each * 0.6, 26);
  groups.forEach(({ count, low, median, high, best }, n) => {
    if (count === 0) return;
    const left = x(n) - wide / 2;
    const [top, foot] = [scale.at(high), scale.at(low)];
    pen.rects([left, top, wide, Math.max(foot - top, 1)], theme.range);
    pen.rects([left, scale.at(median) - 1, wide, 2], theme.ink);
    diamond(pen, x(n), scale.at(best), theme.first);
  });
}

function bands(pen, groups, x, scale, theme) {
  const known = groups.map((group, n) => [group, n]).filter(([{ count }]) => count > 0);
  const line = (list, fact) => list.flatMap(([group, n]) => [x(n), scale.at(group[fact])]);
  pen.path(line(known, "high").concat(line([...known].reverse(), "low")), { fill: theme.range, close: true });
  pen.path(line(known, "median"), { stroke: theme.ink });
  pen.path(line(known, "best"), { stroke: theme.first, dash: [4, 2] });
}

const diamond = (pen, x, y, fill) => pen.path([x, y - 4, x + 4, y, x, y + 4, x - 4, y], { fill, close: true });
