// The scatter: each row is a point at two of its columns; where points are many, darker is denser.
// Never drops a point: those far out stand at the edge, and are counted.

import { choice, element } from "./elements.js";
import { Explorer } from "./explorer.js";
import { axisWriter, counted, fixed, spaced, writer } from "./format.js";
import { fitted, Frame, widest } from "./frame.js";
import { ring } from "./marks.js";
import { linearScale, quantile } from "./scales.js";

const [SCATTER_TALL, SCATTER_ABOVE, SCATTER_BELOW, SCATTER_RIGHT] = [380, 26, 44, 16];
/** More points than this are drawn as a density of squares, in so many shades. */
const [DOTS, SQUARE, SHADES] = [4_000, 3, 6];
/** In CSS pixels: the radius of a point, and how near to one a pointer must be. */
const [RADIUS, NEAR] = [2.8, 12];
const SCATTER_KEYS = "← → point by point across, Shift: a hundred, Home End first and last, Enter chooses";

/** From where to where an axis goes: all values, or without the few far out. */
function rangeOf(values) {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return { low: 0, high: 1, beyond: 0 };
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  let [low, high] = [quantile(sorted, 0.005), quantile(sorted, 0.995)];
  if (!(most - least > 2 * (high - low)) || high === low) [low, high] = [least, most];
  const pad = (high - low || Math.abs(high) || 1) * 0.04;
  return { low: low - pad, high: high + pad, beyond: sorted.filter((value) => value < low - pad || value > high + pad).length };
}

export class Scatter {
  #frame;
  #data;
  #shown;
  #order = new Int32Array(0);
  #ranges = null;
  #box = null;
  #cells = null;
  #explorer;

  /**
   * `data`: `title`, `caption`, `columns` ({ name, unit, values }), `shown` (the places of the two that are drawn at first,
   * across and up), `lines(row)` (a row in words), and perhaps `names` ({ name, of(row) }: what tells rows apart, in the table),
   * `chosen` (a row), `choose(row)`, `diagonal` (true where both axes are one and the line of equal values is drawn), `what` (the
   * word for a row).
   */
  constructor(container, data) {
    this.#take(data);
    this.#frame = new Frame(container, {
      ...data,
      keys: SCATTER_KEYS,
      height: (width) => Math.min(SCATTER_TALL, Math.max(width * 0.8, 240)),
      paint: (pen, width, height, theme) => this.#paint(pen, width, height, theme),
      table: () => this.#table(),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "scatter chart");
    this.#explorer = new Explorer(this.#frame, {
      find: (x, y) => this.#find(x, y),
      box: (part) => this.#around(this.#order[part]),
      lines: (part) => this.#data.lines(this.#order[part]),
      move: (part, key, far) => this.#move(part, key, far),
      start: () => (this.#order.length > 0 ? Math.max(this.#order.indexOf(this.#data.chosen ?? -1), 0) : -1),
      pick: (part) => this.#pick(this.#order[part]),
    });
    this.#arrange();
    this.#frame.paint();
  }

  #take(data) {
    this.#data = data;
    this.#shown = [...(data.shown ?? [0, 1])];
    this.#sort();
  }

  get #x() {
    return this.#data.columns[this.#shown[0]];
  }

  get #y() {
    return this.#data.columns[this.#shown[1]];
  }

  /** The rows that have both values, from left to right. */
  #sort() {
    const [x, y] = [this.#x.values, this.#y.values];
    const rows = Int32Array.from({ length: x.length }, (_, row) => row).filter(
      (row) => Number.isFinite(x[row]) && Number.isFinite(y[row]),
    );
    this.#order = rows.sort((a, b) => x[a] - x[b] || y[a] - y[b] || a - b);
    const [across, up] = [x, y].map((values) => Float64Array.from(this.#order, (row) => values[row]));
    const one = this.#data.diagonal ? rangeOf([...across, ...up]) : null;
    this.#ranges = one ? [one, one] : [rangeOf(across), rangeOf(up)];
  }

  #arrange() {
    const { columns } = this.#data;
    const names = columns.map(({ name }, place) => [place, spaced(name)]);
    const select = (label, which) =>
      choice(label, names, this.#shown[which], (place) => {
        this.#shown[which] = Number(place);
        this.#sort();
        this.#explorer.reset();
        this.#legend();
        this.#frame.paint();
      }).node;
    this.#frame.controls.replaceChildren(...(columns.length > 2 ? [select("Across", 0), select("Up", 1)] : []));
    this.#legend();
  }

  #legend() {
    const { what = "row", diagonal } = this.#data;
    const missing = this.#x.values.length - this.#order.length;
    const beyond = diagonal ? this.#ranges[0].beyond : this.#ranges[0].beyond + this.#ranges[1].beyond;
    const texts = [
      counted(this.#order.length, what),
      missing > 0 && `${fixed(missing, 0)} without both values`,
      beyond > 0 && `${fixed(beyond, 0)} far out, drawn at the edge`,
      this.#order.length > DOTS && "darker is denser",
    ].filter(Boolean);
    this.#frame.legend.replaceChildren(...texts.map((text) => element("span", { class: "chart-item" }, text)));
  }

  #lay(pen, width, height) {
    const [across, up] = this.#ranges;
    const y = linearScale(up.low, up.high, height - SCATTER_BELOW, SCATTER_ABOVE);
    const marks = y.marks(Math.max(3, Math.floor(height / 60)));
    const write = axisWriter(this.#y.unit, marks.step);
    const left = Math.ceil(widest(pen, marks.list.map(write), { size: 11 })) + 12;
    const x = linearScale(across.low, across.high, left, width - SCATTER_RIGHT);
    return { x, y, left, marks, write, width, height };
  }

  /** Where a row is drawn: what lies beyond an axis stands at its end. */
  #point(row) {
    const { x, y, left, width, height } = this.#box;
    const within = (at, low, high) => Math.min(Math.max(at, low), high);
    return [
      within(x.at(this.#x.values[row]), left, width - SCATTER_RIGHT),
      within(y.at(this.#y.values[row]), SCATTER_ABOVE, height - SCATTER_BELOW),
    ];
  }

  #paint(pen, width, height, theme) {
    this.#box = this.#lay(pen, width, height);
    this.#axes(pen, theme);
    if (this.#data.diagonal) this.#diagonal(pen, theme);
    if (this.#order.length > DOTS) this.#density(pen, theme);
    else this.#dots(pen, theme);
    this.#cells = null;
    const { chosen = -1 } = this.#data;
    if (chosen >= 0 && Number.isFinite(this.#x.values[chosen]) && Number.isFinite(this.#y.values[chosen]))
      ring(pen, this.#around(chosen));
  }

  #axes(pen, theme) {
    const { x, y, left, marks, write, width, height } = this.#box;
    const foot = height - SCATTER_BELOW;
    const soft = { colour: theme.soft, size: 11 };
    pen.rects(
      marks.list.flatMap((value) => [left, Math.round(y.at(value)), width - left - SCATTER_RIGHT, 1]),
      theme.line,
    );
    marks.list.forEach((value) => pen.text(write(value), left - 6, y.at(value) + 4, { ...soft, align: "right" }));
    const across = x.marks(Math.max(2, Math.floor((width - left) / 90)));
    const text = axisWriter(this.#x.unit, across.step);
    pen.rects(
      across.list.flatMap((value) => [Math.round(x.at(value)), SCATTER_ABOVE, 1, foot - SCATTER_ABOVE]),
      theme.line,
    );
    across.list.forEach((value) => pen.text(text(value), x.at(value), foot + 15, { ...soft, align: "center" }));
    const zeros = [x, y].map((scale) => scale.low < 0 && scale.high > 0);
    if (zeros[0]) pen.rects([Math.round(x.at(0)), SCATTER_ABOVE, 1, foot - SCATTER_ABOVE], theme.soft);
    if (zeros[1]) pen.rects([left, Math.round(y.at(0)), width - left - SCATTER_RIGHT, 1], theme.soft);
    const name = ({ name: words }) => fitted(pen, spaced(words), width - left - 30, { bold: true });
    pen.text(`${name(this.#x)} →`, width - SCATTER_RIGHT, height - 8, { colour: theme.ink, bold: true, align: "right" });
    pen.text(`↑ ${name(this.#y)}`, 2, 14, { colour: theme.ink, bold: true });
  }

  #diagonal(pen, theme) {
    const { x, y } = this.#box;
    pen.path([x.at(x.low), y.at(x.low), x.at(x.high), y.at(x.high)], { stroke: theme.second, dash: [5, 4] });
  }

  #dots(pen, theme) {
    const corners = Array.from({ length: 10 }, (_, n) => [
      Math.cos((n * Math.PI) / 5) * RADIUS,
      Math.sin((n * Math.PI) / 5) * RADIUS,
    ]);
    for (const row of this.#order) {
      const [x, y] = this.#point(row);
      pen.path(
        corners.flatMap(([right, down]) => [x + right, y + down]),
        { fill: faded(theme.first, 0.6), close: true },
      );
    }
  }

  #density(pen, theme) {
    const { width } = this.#box;
    const across = Math.ceil(width / SQUARE);
    const counts = new Map();
    for (const row of this.#order) {
      const [x, y] = this.#point(row);
      const place = Math.floor(x / SQUARE) + across * Math.floor(y / SQUARE);
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    const most = Math.log1p([...counts.values()].reduce((high, count) => Math.max(high, count), 1));
    const shades = Array.from({ length: SHADES }, () => []);
    counts.forEach((count, place) => {
      const shade = Math.min(Math.floor((Math.log1p(count) / most) * SHADES), SHADES - 1);
      shades[shade].push((place % across) * SQUARE, Math.floor(place / across) * SQUARE, SQUARE, SQUARE);
    });
    shades.forEach((boxes, shade) => pen.rects(boxes, faded(theme.first, 0.25 + (0.75 * shade) / (SHADES - 1))));
  }

  /** Points by squares of the drawing, so that the nearest one is found among few. */
  #indexed() {
    const cells = new Map();
    this.#order.forEach((row, part) => {
      const [x, y] = this.#point(row);
      const place = square(Math.floor(x / NEAR), Math.floor(y / NEAR));
      const cell = cells.get(place);
      if (cell) cell.push(part);
      else cells.set(place, [part]);
    });
    return cells;
  }

  #find(x, y) {
    this.#cells ??= this.#indexed();
    let [best, nearest] = [-1, NEAR];
    const [column, line] = [Math.floor(x / NEAR), Math.floor(y / NEAR)];
    for (let n = 0; n < 9; n += 1) {
      for (const part of this.#cells.get(square(column - 1 + (n % 3), line - 1 + Math.floor(n / 3))) ?? []) {
        const [left, top] = this.#point(this.#order[part]);
        const apart = Math.hypot(left - x, top - y);
        if (apart < nearest) [best, nearest] = [part, apart];
      }
    }
    return best;
  }

  #around(row) {
    const [x, y] = this.#point(row);
    return [x - 5, y - 5, 11, 11];
  }

  #move(part, key, far) {
    const step = far ? 100 : 1;
    const last = this.#order.length - 1;
    const moves = { ArrowLeft: part - step, ArrowRight: part + step, Home: 0, End: last };
    return key in moves ? Math.min(Math.max(moves[key], 0), last) : null;
  }

  #pick(row) {
    if (!this.#data.choose) return;
    this.choose(row);
    this.#data.choose(row);
  }

  /** Marks a row. */
  choose(row) {
    this.#data = { ...this.#data, chosen: row };
    this.#frame.paint();
  }

  #table() {
    const { names = [] } = this.#data;
    const drawn = [this.#x, this.#y];
    return {
      columns: [...names.map(({ name }) => ({ name })), ...drawn.map(({ name, unit }) => ({ name, text: writer(unit) }))],
      rows: this.#order.length,
      at: (line, column) => {
        const row = this.#order[line];
        return column < names.length ? names[column].of(row) : drawn[column - names.length].values[row];
      },
    };
  }

  update(data) {
    this.#take({ ...this.#data, ...data });
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#explorer.reset();
    this.#arrange();
    this.#frame.paint();
  }

  destroy() {
    this.#frame.destroy();
  }
}

/** The number of a square of the drawing. */
const square = (column, line) => column + 10_000 * line;

/** A colour of the theme that lets others shine through. */
function faded(colour, share) {
  const [red, green, blue] = colour.match(/[\d.]+/g);
  return `rgb(${red} ${green} ${blue} / ${share.toFixed(2)})`;
}
