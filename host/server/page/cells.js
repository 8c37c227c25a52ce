// The results of a sweep as cells of a map: by the values of two parameters, where the others are held.
// Never draws, and never asks the server.

/** What became of a cell. */
export const [VALUE, UNDEFINED, FAILED] = [0, 1, 2];

export class Cells {
  /** Takes the answer of `/sweeps/ID/results`, and for each axis the name of its column. */
  constructor({ columns, rows }, axes, columnOf) {
    this.place = new Map(columns.map(({ name }, place) => [name, place]));
    this.rows = rows;
    this.axes = axes.map((name) => axisOf(name, rows, this.place.get(columnOf(name))));
    this.whole = new Map();
  }

  get = (row, column) => this.rows[row][this.place.get(column)] ?? null;

  axis = (name) => this.axes.find((axis) => axis.name === name);

  /** What became of a row, and its value of the metric. */
  outcome(row, metric) {
    if (this.get(row, "success") === false) return [FAILED, null];
    const value = this.get(row, metric);
    // JSON has no infinity: an infinite value is a text there.
    return value === null ? [UNDEFINED, null] : [VALUE, value === "inf" ? Infinity : value];
  }

  /** All finite values of a metric: the scale is the same wherever the sliders stand, and an infinite value is at its end. */
  values(metric) {
    return this.rows.map((_, row) => this.outcome(row, metric)[1]).filter(Number.isFinite);
  }

  /** The rows where the axes not in `shown` stand at the places of `held`; the last one where several share a cell. */
  slice(shown, held) {
    const fixed = this.axes.filter(({ name }) => !shown.includes(name)).map((axis) => [axis.places, held.get(axis.name)]);
    const [across, up] = shown.map(this.axis);
    const grid = new Int32Array((across?.values.length ?? 1) * (up?.values.length ?? 1)).fill(-1);
    for (let row = 0; row < this.rows.length; row += 1) {
      if (!fixed.every(([places, place]) => places[row] === place)) continue;
      grid[(across?.places[row] ?? 0) + (up?.places[row] ?? 0) * (across?.values.length ?? 1)] = row;
    }
    return grid;
  }

  /** The row with these parameters, or -1. */
  find(params) {
    const wanted = this.axes.map(({ name, places, values }) => [places, values.indexOf(params[name])]);
    for (let row = 0; row < this.rows.length; row += 1) {
      if (wanted.every(([places, place]) => places[row] === place)) return row;
    }
    return -1;
  }

  params = (row) => Object.fromEntries(this.axes.map(({ name, values, places }) => [name, values[places[row]]]));
}

/** The distinct values of an axis, in order, and for each row the place of its own. */
function axisOf(name, rows, column) {
  const distinct = [...new Set(rows.map((row) => row[column]))];
  const values = distinct.sort((a, b) => (typeof a === "string" ? 0 : Number(a) - Number(b)));
  const places = new Map(values.map((value, place) => [value, place]));
  return { name, values, places: Int32Array.from(rows, (row) => places.get(row[column])) };
}
