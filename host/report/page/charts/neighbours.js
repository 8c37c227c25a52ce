// The neighbourhood of a chosen cell: what its neighbours on each axis reach, as a small table with colours.
// Never chooses a cell by itself.

import { colourScale, contrasting, rgb } from "./colours.js";
import { element } from "./elements.js";
import { counted, spaced } from "./format.js";
import { Frame } from "./frame.js";
import { scrollBox } from "./tables.js";
import { DONE, Lattice } from "./lattice.js";
import { quantile } from "./scales.js";

/** Steps to each side. */
const REACH = 2;
const [NEAR_ROW, NEAR_LABEL] = [40, 150];

export class Neighbourhood {
  #frame;
  #data;
  #lattice;
  #row;
  #node;

  /** `data`: `title`, `caption`, a `lattice`, `chosen` (a row), `choose(row)` for a press on a neighbour. */
  constructor(container, data) {
    this.#node = scrollBox(`Table: ${data.title}`);
    this.#frame = new Frame(container, {
      ...data,
      still: this.#node,
      height: () => NEAR_ROW * (this.#lattice.axes.length + 1),
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#take(data);
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    this.choose(data.chosen ?? this.#lattice.best(this.#lattice.metrics[0]));
  }

  /** Shows the neighbourhood of a row. */
  choose(row) {
    this.#row = row;
    if (row < 0) return this.#node.replaceChildren(element("p", {}, "No cell has been chosen."));
    const [metric] = this.#lattice.metrics;
    const scale = colourScale(metric.values);
    const head = ["", ...this.#steps().map((step) => (step === 0 ? "chosen" : step > 0 ? `+${step}` : `−${-step}`))];
    const body = this.#lattice
      .neighbours(row, REACH)
      .map((list, axis) =>
        element(
          "tr",
          {},
          element("th", { scope: "row" }, this.#lattice.axes[axis].name),
          ...[...list].map((other, n) => this.#cell(other, axis, n, metric, scale)),
        ),
      );
    this.#node.replaceChildren(
      element(
        "table",
        { class: "chart-near" },
        element("caption", { class: "chart-unseen" }, this.#data.title),
        element(
          "thead",
          {},
          element("tr", {}, ...head.map((text) => (text ? element("th", { scope: "col" }, text) : element("td")))),
        ),
        element("tbody", {}, ...body),
      ),
    );
    this.#frame.legend.replaceChildren(element("span", { class: "chart-item" }, this.#summary(metric)));
  }

  #steps = () => Array.from({ length: 2 * REACH + 1 }, (_, n) => n - REACH);

  #cell(other, axis, n, metric, scale) {
    if (other < 0) return element("td", { class: "chart-none" }, "–");
    const value = this.#lattice.labels[axis](this.#lattice.axes[axis].values[this.#lattice.places[axis][other]]);
    const own = n === REACH;
    const small = element("small", {}, value);
    const words = this.#lattice.words(other, metric);
    const press = () => this.#data.choose?.(other);
    const inner =
      own || !this.#data.choose ? words : element("button", { type: "button", class: "chart-cell", on: { click: press } }, words);
    const cell = element("td", { class: own ? "chart-own" : null }, small, " ", inner);
    if (this.#lattice.outcome(other, metric) !== DONE) return cell;
    const colour = scale.colour(metric.values[other]);
    cell.style.setProperty("background", rgb(colour));
    cell.style.setProperty("color", contrasting(colour));
    return cell;
  }

  /** How the neighbourhood does as a whole. */
  #summary(metric) {
    const near = this.#lattice.around(this.#row);
    const values = Float64Array.from(
      near.filter((row) => this.#lattice.outcome(row, metric) === DONE),
      (row) => metric.values[row],
    ).sort();
    if (values.length === 0) return "No neighbour has a value.";
    const write = this.#lattice.write(metric);
    const worst = metric.better === "min" ? values[values.length - 1] : values[0];
    const middle = quantile(values, 0.5);
    const missing = near.length - values.length;
    const own = `${spaced(metric.name)} ${this.#lattice.words(this.#row, metric)}`;
    const all = `${counted(values.length, "neighbour")} within one step: median ${write(middle)}, worst ${write(worst)}`;
    return [own, all, missing > 0 && `${missing} without a value`].filter(Boolean).join("; ");
  }

  #paint(pen, width, theme) {
    if (this.#row < 0) return;
    const [metric] = this.#lattice.metrics;
    const scale = colourScale(metric.values);
    const each = (width - NEAR_LABEL) / (2 * REACH + 1);
    this.#steps().forEach((step, n) =>
      pen.text(step === 0 ? "chosen" : `${step > 0 ? "+" : "−"}${Math.abs(step)}`, NEAR_LABEL + each * (n + 0.5), 24, {
        colour: theme.soft,
        align: "center",
      }),
    );
    this.#lattice.neighbours(this.#row, REACH).forEach((list, axis) => {
      const top = NEAR_ROW * (axis + 1);
      pen.text(this.#lattice.axes[axis].name, 4, top + 24, { colour: theme.ink, bold: true });
      list.forEach((other, n) => {
        if (other < 0) return;
        const done = this.#lattice.outcome(other, metric) === DONE;
        const colour = done ? scale.colour(metric.values[other]) : [255, 255, 255];
        const value = this.#lattice.labels[axis](this.#lattice.axes[axis].values[this.#lattice.places[axis][other]]);
        pen.rects([NEAR_LABEL + each * n, top, each - 2, NEAR_ROW - 2], rgb(colour));
        pen.text(`${value}: ${this.#lattice.words(other, metric)}`, NEAR_LABEL + each * (n + 0.5), top + 24, {
          colour: done ? contrasting(colour) : theme.ink,
          align: "center",
        });
      });
    });
  }

  #table() {
    const rows =
      this.#row < 0
        ? []
        : this.#lattice
            .neighbours(this.#row, REACH)
            .flatMap((list, axis) =>
              [...list].map((other, n) => [this.#lattice.axes[axis].name, n - REACH, other]).filter(([, , other]) => other >= 0),
            );
    const all = this.#lattice.table(rows.map(([, , row]) => row));
    return {
      columns: [{ name: "axis" }, { name: "step" }, ...all.columns],
      rows: rows.length,
      at: (row, column) => (column < 2 ? rows[row][column] : all.at(row, column - 2)),
    };
  }

  update(data) {
    this.#frame.describe(data.title ?? this.#data.title, data.caption ?? this.#data.caption);
    this.#take({ ...this.#data, ...data });
  }

  destroy() {
    this.#frame.destroy();
  }
}
