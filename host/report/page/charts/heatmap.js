// The heatmap: a metric over two axes of a sweep, where the others are held by sliders. One axis alone is drawn as bars.
// Never knows where a cell leads: who made the chart is told which one was chosen.

import { drawAxisBars } from "./axis-bars.js";
import { colourScale, contrasting, GREY, rgb } from "./colours.js";
import { button, choice, element, setText } from "./elements.js";
import { along, Explorer } from "./explorer.js";
import { counted, exact, spaced } from "./format.js";
import { fitted, Frame, widest } from "./frame.js";
import { hatch, ring, scaleLegend, swatch } from "./marks.js";
import { DONE, FAILED_ROW, Lattice, NOT_RUN, UNDEFINED_ROW } from "./lattice.js";

/** In CSS pixels: the largest cell, the tallest map, and the room for labels. */
const [WIDEST, TALLEST, MAP_TALL, MAP_ABOVE, MAP_BELOW] = [84, 34, 460, 24, 44];
/** In CSS pixels: the height of the bars of one axis. */
const BARS_TALL = 220;
/** More cells than this are not drawn: a screen has fewer pixels. */
const CELLS = 4_000_000;
/** From this many cells on, a map is drawn as one image; in maps of more cells, values are not written. */
const [MANY, MAP_WRITTEN] = [4_000, 1_000];
const MAP_KEYS = "arrows cell by cell, Home End ends of the row, Page Up Page Down ten rows, Enter chooses";

export class Heatmap {
  #frame;
  #explorer;
  #data;
  #lattice;
  #shown;
  #held = [];
  #metric;
  #grid;
  #scale;
  #box = null;
  #chosen = -1;

  /**
   * `data`: `title`, `caption`, a `lattice` (or what makes one), `chosen` (a row), `choose(row)`, and perhaps the names of the axes
   * that are drawn, `x` across and `y` up.
   */
  constructor(container, data) {
    this.#frame = new Frame(container, {
      ...data,
      keys: MAP_KEYS,
      height: (width) => this.#lay(null, width).height,
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#lattice.matrix(this.#grid, this.#across, this.#up, this.#metric),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "heatmap");
    this.#explorer = new Explorer(this.#frame, {
      find: (x, y) => this.#find(x, y),
      box: (place) => this.#rectangle(place),
      lines: (place) => this.#words(place),
      move: (place, key) => this.#move(place, key),
      start: () => (this.#grid.length > 0 ? Math.max(this.#chosenPlace(), 0) : -1),
      pick: (place) => this.#pick(place),
    });
    this.#take(data);
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    this.#metric = this.#lattice.metrics[0];
    this.#chosen = data.chosen ?? this.#lattice.best(this.#metric);
    this.#held = this.#lattice.axes.map((_, axis) => (this.#chosen < 0 ? 0 : this.#lattice.places[axis][this.#chosen]));
    this.#shown = this.#axesOf(data);
    this.#recolour();
    this.#arrange();
  }

  /** The axes that are drawn: the named ones, else those with the most values. */
  #axesOf({ x, y }) {
    const all = this.#lattice.axes.map(({ values }, axis) => [values.length, axis]).sort(([a], [b]) => b - a);
    const sizes = all.filter(([size], n) => n === 0 || size > 1).map(([, axis]) => axis);
    // In the order of their declaration, so that two sweeps of one plugin look alike.
    const largest = sizes.slice(0, 2).sort((a, b) => a - b);
    const [across, up] = [x, y].map((name) => this.#lattice.axes.findIndex((axis) => axis.name === name));
    if (across < 0 && up < 0) return [largest[0], largest[1] ?? -1];
    const other = (axis) => sizes.find((size) => size !== axis) ?? -1;
    return [across < 0 ? other(up) : across, up < 0 ? other(across) : up];
  }

  #recolour() {
    this.#scale = colourScale(this.#metric.values, this.#metric.parts);
  }

  /** The selects and sliders above the map. */
  #arrange() {
    const { axes, metrics } = this.#lattice;
    const names = axes.map(({ name }, axis) => [axis, name]);
    const [across, up] = this.#shown;
    const parts = [];
    if (axes.length > 2) {
      parts.push(choice("Across", names, across, (axis) => this.#turn(0, Number(axis))).node);
      parts.push(choice("Up", names, up, (axis) => this.#turn(1, Number(axis))).node);
    } else if (up >= 0) parts.push(button("Swap axes", () => this.#swap()));
    const colour = (name) => {
      this.#metric = this.#lattice.metric(name);
      this.#recolour();
      this.#redraw();
    };
    if (metrics.length > 1)
      parts.push(
        choice(
          "Colour",
          metrics.map(({ name }) => [name, spaced(name)]),
          this.#metric.name,
          colour,
        ).node,
      );
    axes.forEach(
      (axis, place) => place !== across && place !== up && axis.values.length > 1 && parts.push(this.#slider(axis, place)),
    );
    this.#frame.controls.replaceChildren(...parts);
    this.#redraw();
  }

  #slider({ name, values }, axis) {
    const output = element("output", {}, exact(values[this.#held[axis]]));
    const control = element("input", {
      type: "range",
      min: 0,
      max: values.length - 1,
      step: 1,
      value: this.#held[axis],
      "aria-valuetext": exact(values[this.#held[axis]]),
    });
    control.addEventListener("input", () => {
      this.#held[axis] = control.valueAsNumber;
      setText(output, exact(values[control.valueAsNumber]));
      control.setAttribute("aria-valuetext", exact(values[control.valueAsNumber]));
      this.#redraw();
    });
    return element("label", { class: "chart-field chart-slider" }, element("span", {}, `${name} `, output), control);
  }

  /** Two axes swap their places rather than be the same. */
  #turn(which, axis) {
    const before = this.#shown[which];
    if (this.#shown[1 - which] === axis) this.#shown[1 - which] = before;
    this.#shown[which] = axis;
    this.#arrange();
    this.#frame.controls.querySelectorAll("select")[which].focus();
  }

  /** Where the chosen row is in what is seen; -1 where it is not, or none was chosen. */
  #chosenPlace = () => (this.#chosen < 0 ? -1 : this.#grid.indexOf(this.#chosen));

  #swap() {
    this.#shown.reverse();
    this.#arrange();
    this.#frame.controls.querySelector("button").focus();
  }

  #redraw() {
    const size = this.#across.values.length * (this.#up?.values.length ?? 1);
    this.#grid = size > CELLS ? new Int32Array(0) : this.#lattice.slice(...this.#shown, this.#held);
    this.#explorer.reset();
    this.#show();
  }

  #show() {
    this.#legend();
    this.#frame.paint();
  }

  get #across() {
    return this.#lattice.axes[this.#shown[0]];
  }

  get #up() {
    return this.#lattice.axes[this.#shown[1]] ?? null;
  }

  /** What writes the labels of an axis: 0 across, 1 up. */
  #label = (which) => this.#lattice.labels[this.#shown[which]];

  /** Where everything lies. */
  #lay(pen, width) {
    const write = this.#lattice.write(this.#metric);
    const ends = this.#up ? this.#up.values.map(this.#label(1)) : [write(this.#scale.low), write(this.#scale.high)];
    const longest = ends.reduce((most, { length }) => Math.max(most, length), 0);
    const left = Math.min(Math.max(20, pen ? widest(pen, ends) : 7 * longest) + 8, width / 3);
    const [across, up] = [Math.max(this.#across.values.length, 1), Math.max(this.#up?.values.length ?? 1, 1)];
    const inner = Math.floor(Math.min(width - left - 12, across * WIDEST));
    const each = inner / across;
    const tall = this.#up ? Math.round(Math.min(MAP_TALL, up * Math.min(TALLEST, Math.max(each, 16)))) : BARS_TALL;
    return { left, inner, each, tall, row: tall / up, across, up, height: MAP_ABOVE + tall + MAP_BELOW };
  }

  /** The rectangle of a place; up is up. Edges are whole pixels, so that no seams show. */
  #rectangle(place) {
    const { left, each, row, tall, across } = this.#box;
    const [x, y] = [place % across, Math.floor(place / across)];
    const [x0, x1] = [Math.round(left + each * x), Math.round(left + each * (x + 1))];
    const [y0, y1] = [Math.round(MAP_ABOVE + tall - row * (y + 1)), Math.round(MAP_ABOVE + tall - row * y)];
    return [x0, y0, Math.max(x1 - x0, 1), Math.max(y1 - y0, 1)];
  }

  #paint(pen, width, theme) {
    const box = this.#lay(pen, width);
    this.#box = box;
    this.#labels(pen, theme);
    if (this.#grid.length === 0) return;
    if (!this.#up) {
      const what = { lattice: this.#lattice, metric: this.#metric, scale: this.#scale };
      drawAxisBars(pen, { ...box, rows: this.#grid, top: MAP_ABOVE }, what, theme);
    } else if (box.across * box.up > MANY) {
      pen.cells([box.left, MAP_ABOVE, box.inner, box.tall], box.across, box.up, (place) => this.#colour(this.#grid[place]));
    } else {
      this.#cells(pen, theme);
    }
    const chosen = this.#chosenPlace();
    if (chosen >= 0) ring(pen, this.#rectangle(chosen));
  }

  #colour(row) {
    const outcome = this.#lattice.outcome(row, this.#metric);
    if (outcome === NOT_RUN) return null;
    return outcome === DONE ? this.#scale.colour(this.#metric.values[row]) : GREY;
  }

  #cells(pen, theme) {
    const write = this.#written(pen);
    this.#grid.forEach((row, place) => {
      const outcome = this.#lattice.outcome(row, this.#metric);
      const [x, y, width, height] = this.#rectangle(place);
      const gap = width > 7 && height > 7 ? 1 : 0;
      const inside = [x, y, width - gap, height - gap];
      if (outcome === NOT_RUN) return pen.rects([x + width / 2 - 1, y + height / 2 - 1, 2, 2], theme.soft);
      const colour = this.#colour(row);
      pen.rects(inside, rgb(colour));
      if (outcome === FAILED_ROW) hatch(pen, inside);
      else if (outcome === UNDEFINED_ROW) pen.rects([x + width / 2 - 2, y + height / 2 - 2, 4, 4], "#fff");
      else if (write)
        pen.text(write(this.#metric.values[row]), x + width / 2, y + height / 2 + 4, {
          colour: contrasting(colour),
          align: "center",
        });
    });
  }

  /** Writes values, if the cells are large enough for all of them; else null. */
  #written(pen) {
    if (this.#grid.length > MAP_WRITTEN || this.#box.row < 16) return null;
    const write = this.#lattice.write(this.#metric);
    const fits = (row) => row < 0 || pen.measure(write(this.#metric.values[row])) <= this.#box.each - 6;
    return this.#grid.every(fits) ? write : null;
  }

  #labels(pen, theme) {
    const { left, each, row, tall, inner } = this.#box;
    const [across, up] = [this.#across, this.#up];
    const names = across.values.map(this.#label(0));
    const step = Math.ceil((widest(pen, names) + 10) / each);
    const soft = { colour: theme.soft };
    names.forEach(
      (name, place) =>
        place % step === 0 && pen.text(name, left + each * (place + 0.5), MAP_ABOVE + tall + 16, { ...soft, align: "center" }),
    );
    pen.text(`${fitted(pen, across.name, inner)} →`, left + inner, MAP_ABOVE + tall + 36, {
      colour: theme.ink,
      bold: true,
      align: "right",
    });
    if (!up) return;
    const rows = Math.ceil(15 / row);
    up.values.forEach(
      (value, place) =>
        place % rows === 0 &&
        pen.text(fitted(pen, this.#label(1)(value), left - 6), left - 6, MAP_ABOVE + tall - row * (place + 0.5) + 4, {
          ...soft,
          align: "right",
        }),
    );
    pen.text(`↑ ${up.name}`, 2, 14, { colour: theme.ink, bold: true });
  }

  #find(x, y) {
    const { left, inner, tall, each, row, across } = this.#box;
    if (x < left || x >= left + inner || y < MAP_ABOVE || y >= MAP_ABOVE + tall) return -1;
    return Math.floor((x - left) / each) + across * Math.floor((MAP_ABOVE + tall - y - 1e-6) / row);
  }

  #move(place, key) {
    const { across, up } = this.#box;
    const [x, y] = [place % across, Math.floor(place / across)];
    const rows = { ArrowUp: y + 1, ArrowDown: y - 1, PageUp: y + 10, PageDown: y - 10 };
    if (key in rows) return x + across * Math.min(Math.max(rows[key], 0), up - 1);
    const next = along(x, key, across);
    return next === null ? null : next + across * y;
  }

  #words(place) {
    const row = this.#grid[place];
    const { across } = this.#box;
    const at = [place % across, Math.floor(place / across)];
    const params =
      row >= 0
        ? this.#lattice.params(row)
        : [this.#across, this.#up].filter(Boolean).map(({ name, values }, n) => [name, values[at[n]]]);
    const chosen = row >= 0 && row === this.#chosen ? ["the chosen cell"] : [];
    return [
      `${spaced(this.#metric.name)} ${this.#lattice.words(row, this.#metric)}`,
      ...params.map(([name, value]) => `${name} ${exact(value)}`),
      ...chosen,
    ];
  }

  #pick(place) {
    const row = this.#grid[place];
    if (row < 0) return;
    this.#chosen = row;
    this.#frame.paint();
    this.#frame.announce(`chosen: ${this.#words(place).join(", ")}`);
    this.#data.choose?.(row);
  }

  /** Marks a row, and moves the sliders to where it is. */
  choose(row) {
    this.#chosen = row;
    if (this.#grid.includes(row)) return this.#show();
    this.#held = this.#lattice.places.map((places) => places[row]);
    this.#arrange();
  }

  #legend() {
    const counts = [0, 0, 0, 0];
    for (const row of this.#grid) counts[this.#lattice.outcome(row, this.#metric)] += 1;
    const scale = scaleLegend(this.#scale, this.#lattice.write(this.#metric));
    const item = (kind, words) => element("span", { class: "chart-item" }, swatch(kind), words);
    const keys = [
      this.#chosenPlace() >= 0 && item("chosen", "chosen"),
      counts[FAILED_ROW] > 0 && item("failed", `failed: ${counts[FAILED_ROW]}`),
      counts[UNDEFINED_ROW] > 0 && item("undefined", `undefined or infinite: ${counts[UNDEFINED_ROW]}`),
      counts[NOT_RUN] > 0 && item("none", `not run: ${counts[NOT_RUN]}`),
      element("span", { class: "chart-item" }, `${counted(this.#grid.length, "cell")} of ${spaced(this.#metric.name)}`),
      this.#grid.length === 0 &&
        element("span", { class: "chart-item" }, "These axes have more cells than can be drawn; choose others."),
    ];
    this.#frame.legend.replaceChildren(...[scale, ...keys].filter(Boolean));
  }

  update(data) {
    this.#frame.describe(data.title ?? this.#data.title, data.caption ?? this.#data.caption);
    this.#take({ ...this.#data, ...data });
  }

  destroy() {
    this.#frame.destroy();
  }
}
