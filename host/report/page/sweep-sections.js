// The sections of a sweep: its combinations as a table, a map, by parameter, as lines and as points; one of them is chosen.
// Never ranks by anything but the objective, and never knows where a combination is opened.

import { button, element } from "./charts/elements.js";
import { counted, exact, fixed, spaced } from "./charts/format.js";
import { Combinations } from "./charts/combinations.js";
import { Heatmap } from "./charts/heatmap.js";
import { Importance } from "./charts/importance.js";
import { Marginals } from "./charts/marginals.js";
import { Neighbourhood } from "./charts/neighbours.js";
import { ParallelCoordinates } from "./charts/parallel.js";
import { Scatter } from "./charts/scatter.js";
import { commandOf } from "./commands.js";
import { commandLine, facts } from "./sections.js";

/** Metrics that get an axis among the lines. */
const LINED = 4;

export class SweepSections {
  #place;
  #data;
  #lattice;
  #options;
  #chosen;
  #charts = [];
  #cells = [];
  #table = null;

  /**
   * `place` is a `Sections`, `data` what a report holds (its `sweep` and `command`), `lattice` that of its sweep. `open(row)`
   * leads to a combination; `ranked` are its rows by rank, where that is not the objective's order; `view` names the axes of
   * the map, `x` and `y`.
   */
  constructor(place, data, lattice, { open = null, ranked = null, view = {} } = {}) {
    [this.#place, this.#data, this.#lattice, this.#options] = [place, data, lattice, { open, ranked, view }];
    this.#chosen = data.sweep.chosen ?? lattice.best(this.#objective);
  }

  get #objective() {
    return this.#lattice.metrics[0];
  }

  get chosen() {
    return this.#chosen;
  }

  /** What all charts are given. */
  #with = (more) => ({
    level: this.#place.level,
    lattice: this.#lattice,
    chosen: this.#chosen,
    choose: (row) => this.choose(row),
    ...more,
  });

  #keep(chart) {
    this.#charts.push(chart);
    return this.#place.keep(chart);
  }

  /** Chooses a row in all charts that are there. */
  choose(row) {
    this.#chosen = row;
    this.#charts.forEach((chart) => chart.choose?.(row));
    this.#cells.forEach((node) => this.#showCell(node));
  }

  #count() {
    const { sampled } = this.#data.sweep;
    return `${counted(this.#lattice.count, "combination")}${sampled ? `, a sample of ${fixed(sampled, 0)}` : ""}`;
  }

  /** All combinations as a table. */
  table() {
    const { open, ranked } = this.#options;
    const opens = open ? " A row opens its combination." : "";
    const more = {
      title: "Combinations",
      caption: `Ranked by ${spaced(this.#objective.name)}; a heading sorts.${opens}`,
      opens: "open",
      ...(open && { open }),
      ...(ranked && { ranked }),
    };
    this.#table = this.#keep(new Combinations(this.#place.make("combinations", "Combinations", false), this.#with(more)));
  }

  /** Keeps the rows of the table that a condition is true of. */
  where(text) {
    this.#table?.where(text);
  }

  /** The map, the chosen cell and its neighbourhood. */
  map() {
    const node = this.#place.make("sweep", "Map of the sweep");
    const level = this.#place.level + 1;
    const name = spaced(this.#objective.name);
    const caption = `${name} of ${this.#count()}. Choose a cell to see its neighbourhood.`;
    const [left, right] = [element("div", { class: "beside-map" }), element("div", { class: "beside-cell" })];
    node.append(element("div", { class: "beside" }, left, right));
    this.#keep(new Heatmap(left, this.#with({ level, title: `${name} by parameters`, caption, ...this.#options.view })));
    const cell = element("div", { class: "cell", "aria-live": "polite" });
    right.append(cell);
    this.#cells.push(cell);
    this.#showCell(cell);
    // Where nothing has a value, there is nothing to choose and to compare.
    if (this.#lattice.best(this.#objective) < 0) return;
    const near = { level, title: "Neighbourhood of the chosen cell", caption: "One axis moves, the others stay." };
    this.#keep(new Neighbourhood(right, this.#with(near)));
  }

  #showCell(node) {
    const row = this.#chosen;
    if (row < 0) return;
    const { command, sweep } = this.#data;
    const params = this.#lattice.params(row).map(([name, value]) => [name, exact(value)]);
    const metrics = this.#lattice.metrics.map((metric) => [spaced(metric.name), this.#lattice.words(row, metric)]);
    const { open } = this.#options;
    node.replaceChildren(
      element(`h${this.#place.level + 1}`, {}, "Chosen cell"),
      facts([...params, ...metrics]),
      open ? button("Open this cell", () => open(row), { class: "chart-button primary" }) : "",
      command ? commandLine(commandOf(command, this.#lattice, row, sweep.task)) : "",
    );
  }

  /** Whether there is more than one value to compare. */
  get #varies() {
    return this.#lattice.count > 1 && this.#lattice.best(this.#objective) >= 0;
  }

  marginals() {
    if (!this.#varies) return;
    const title = `${spaced(this.#objective.name)} along each parameter`;
    const counting = this.#data.sweep.sampled ? "A random sample counts." : "All combinations count.";
    const caption = `${counting} Boxes or bands are quartiles, the line in them is the median, blue is the best.`;
    this.#place.later("marginals", "Marginals", (node) => this.#keep(new Marginals(node, this.#with({ title, caption }))));
  }

  importance() {
    // A single parameter explains everything.
    if (!this.#varies || this.#lattice.axes.length < 2) return;
    const title = "Importance of the parameters";
    const sampled = Boolean(this.#data.sweep.sampled);
    this.#place.later("importance", "Importance", (node) => this.#keep(new Importance(node, this.#with({ title, sampled }))));
  }

  parallel() {
    if (!this.#varies) return;
    const more = {
      title: "Parallel coordinates: parameters and metrics",
      caption: `Drag along an axis to keep only the lines through it${this.#table ? ", here and in the table" : ""}.`,
      metrics: this.#lattice.metrics.slice(0, LINED).map(({ name }) => name),
      brushed: (test) => this.#table?.only(test, "within the brushes of the parallel coordinates"),
    };
    this.#place.later("parallel", "Parallel coordinates", (node) => this.#keep(new ParallelCoordinates(node, this.#with(more))));
  }

  /** Points at two of the metrics, or of the parameters that are numbers. */
  scatter() {
    if (!this.#varies || this.#lattice.metrics.length < 2) return;
    const lattice = this.#lattice;
    const numeric = lattice.axes.map((axis, place) => ({ ...axis, place })).filter(({ values }) => typeof values[0] === "number");
    const columns = [
      ...lattice.metrics.map((metric) => ({ ...metric, values: finite(lattice, metric) })),
      ...numeric.map(({ name, values, place }) => ({
        name,
        values: Float64Array.from(lattice.places[place], (at) => values[at]),
      })),
    ];
    const across = Math.max(
      columns.findIndex(({ name }) => name === "max_drawdown"),
      1,
    );
    const more = {
      title: "Metrics against each other",
      columns,
      shown: [across, 0],
      what: "combination",
      names: lattice.axes.map(({ name, values }, axis) => ({ name, of: (row) => values[lattice.places[axis][row]] })),
      lines: (row) => this.#lines(row),
    };
    this.#place.later("scatter", "Scatter", (node) => this.#keep(new Scatter(node, this.#with(more))));
  }

  #lines(row) {
    const params = this.#lattice.params(row).map(([name, value]) => `${name} ${exact(value)}`);
    return [
      ...this.#lattice.metrics.slice(0, 6).map((metric) => `${spaced(metric.name)} ${this.#lattice.words(row, metric)}`),
      ...params,
    ];
  }
}

/** The values of a metric; none where the row has failed. */
const finite = (lattice, { values }) =>
  lattice.failed ? values.map((value, row) => (lattice.failed[row] ? NaN : value)) : values;
