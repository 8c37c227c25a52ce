// The lattice of a sweep: its axes, the place of each row on them, and its metrics as columns.
// Never draws, and never ranks by anything but the objective that is given.

import { briefWriter, exact, writer } from "./format.js";

/** What became of a row. */
export const [DONE, FAILED_ROW, UNDEFINED_ROW, NOT_RUN] = [0, 1, 2, 3];

export class Lattice {
  /**
   * `axes`: { name, values }; `places`: for each axis, the place of each row among its values; `metrics`: { name, unit, better
   * (`max` or `min`), values, parts (true where they are differences) }; `failed`: for each row 1 where it failed (may be
   * missing). The first metric is the objective.
   */
  constructor({ axes, places, metrics, failed = null }) {
    [this.axes, this.places, this.metrics, this.failed] = [axes, places, metrics, failed];
    /** For each axis whether its values have steps: numbers do, symbols and words do not. */
    this.ordered = axes.map(({ values }) => values.every((value) => typeof value === "number"));
    /** For each axis what writes its values as labels. */
    this.labels = axes.map(({ values }) => briefWriter(values));
    this.count = metrics[0]?.values.length ?? 0;
  }

  metric = (name) => this.metrics.find((metric) => metric.name === name) ?? this.metrics[0];

  axis = (name) => this.axes.findIndex((axis) => axis.name === name);

  write = (metric) => writer(metric.unit);

  outcome(row, metric) {
    if (row < 0) return NOT_RUN;
    if (this.failed?.[row]) return FAILED_ROW;
    return Number.isFinite(metric.values[row]) ? DONE : UNDEFINED_ROW;
  }

  /** A row's parameters, each [name, value]. */
  params = (row) => this.axes.map(({ name, values }, axis) => [name, values[this.places[axis][row]]]);

  /** The outcome and the value of a row in words. */
  words(row, metric) {
    return {
      [DONE]: () => this.write(metric)(metric.values[row]),
      [FAILED_ROW]: () => "failed",
      // What is divided by nothing is infinite, and known.
      [UNDEFINED_ROW]: () => (Math.abs(metric.values[row]) === Infinity ? this.write(metric)(metric.values[row]) : "undefined"),
      [NOT_RUN]: () => "not run",
    }[this.outcome(row, metric)]();
  }

  /** True where the first of two values is better. */
  better = (metric, one, other) => (metric.better === "min" ? one < other : one > other);

  /** The row whose value is best; -1 where none has one. */
  best(metric) {
    let best = -1;
    for (let row = 0; row < this.count; row += 1) {
      if (this.outcome(row, metric) === DONE && (best < 0 || this.better(metric, metric.values[row], metric.values[best])))
        best = row;
    }
    return best;
  }

  /** The rows that have a value, the best first; equal ones in their order. */
  ranked(metric) {
    const { values } = metric;
    const sign = metric.better === "min" ? 1 : -1;
    const rows = Int32Array.from({ length: this.count }, (_, row) => row).filter((row) => this.outcome(row, metric) === DONE);
    return rows.sort((a, b) => sign * (values[a] - values[b]) || a - b);
  }

  /** The rows of a slice over one or two axes, where the others are `held` at a place: a grid of rows, -1 where none was run. */
  slice(across, up, held) {
    const wide = this.axes[across].values.length;
    const grid = new Int32Array(wide * (up < 0 ? 1 : this.axes[up].values.length)).fill(-1);
    const others = this.axes.map((_, axis) => axis).filter((axis) => axis !== across && axis !== up);
    for (let row = 0; row < this.count; row += 1) {
      if (others.some((axis) => this.places[axis][row] !== held[axis])) continue;
      grid[this.places[across][row] + (up < 0 ? 0 : wide * this.places[up][row])] = row;
    }
    return grid;
  }

  /** The rows that differ from `row` in one axis only, by up to `reach` steps: for each axis a list from below to above. */
  neighbours(row, reach) {
    const lists = this.axes.map(() => new Int32Array(2 * reach + 1).fill(-1));
    for (let other = 0; other < this.count; other += 1) {
      let [differs, apart] = [-1, 0];
      for (let axis = 0; axis < this.axes.length; axis += 1) {
        const gap = this.places[axis][other] - this.places[axis][row];
        if (gap === 0) continue;
        if (differs >= 0 || Math.abs(gap) > reach) {
          differs = -2;
          break;
        }
        [differs, apart] = [axis, gap];
      }
      if (differs >= 0) lists[differs][apart + reach] = other;
    }
    lists.forEach((list) => (list[reach] = row));
    return lists;
  }

  /** The rows at most one step away from `row` on every axis at once, without itself: where there are no steps, those beside it. */
  around(row) {
    const isNear = (other, axis) => Math.abs(this.places[axis][other] - this.places[axis][row]) <= (this.ordered[axis] ? 1 : 0);
    const near = [];
    for (let other = 0; other < this.count; other += 1) {
      if (other !== row && this.axes.every((_, axis) => isNear(other, axis))) near.push(other);
    }
    return near;
  }

  /** A slice as a table: columns are the values of `across`, rows those of `up`, from the top of the map. */
  matrix(grid, across, up, metric) {
    const [wide, rows] = [across.values.length, up?.values.length ?? 1];
    const text = this.write(metric);
    return {
      note: `${metric.name} by ${across.name} (columns)${up ? ` and ${up.name} (rows)` : ""}.`,
      columns: [
        { name: up ? `${up.name} \\ ${across.name}` : across.name, head: true },
        ...across.values.map((value) => ({ name: exact(value), text })),
      ],
      rows,
      at: (row, column) => {
        const y = rows - 1 - row;
        if (column === 0) return up?.values[y] ?? metric.name;
        const found = grid[column - 1 + wide * y];
        return this.outcome(found, metric) === DONE ? metric.values[found] : null;
      },
    };
  }

  /** All rows as a table, in their order. */
  table(rows = null) {
    const columns = [
      ...this.axes.map(({ name }) => ({ name, head: false })),
      ...this.metrics.map((metric) => ({ name: metric.name, text: this.write(metric) })),
    ];
    const axes = this.axes.length;
    return {
      columns,
      rows: rows?.length ?? this.count,
      at: (place, column) => {
        const row = rows ? rows[place] : place;
        return column < axes ? this.axes[column].values[this.places[column][row]] : this.metrics[column - axes].values[row];
      },
    };
  }
}
