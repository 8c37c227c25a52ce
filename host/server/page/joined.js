// The combinations of two sweeps, joined by the values of their parameters, with a metric of both and its difference.
// Never joins what may be different: a parameter that one sweep does not know keeps its combinations apart.

import { exact } from "/report/charts/format.js";
import { DONE, Lattice } from "/report/charts/lattice.js";

/** Values that agree in as many digits as the columns have are the same. */
const DIGITS = 1e-6;
/** Digits in which the same parameter agrees, however its value was computed: 0.06 and 0.060000000000000005. */
const KEY_DIGITS = 12;

/** The value of a parameter in each row: of an axis, or the one that all rows have. */
function valueOf({ lattice, sweep }, name) {
  const axis = lattice.axis(name);
  if (axis >= 0) return (row) => lattice.axes[axis].values[lattice.places[axis][row]];
  const fixed = sweep.best?.params?.[name];
  return () => fixed;
}

const keyed = (value) => (typeof value === "number" ? Number(value.toPrecision(KEY_DIGITS)) : (value ?? null));

function keysOf(one, names) {
  const values = names.map((name) => valueOf(one, name));
  return (row) => JSON.stringify(values.map((of) => keyed(of(row))));
}

/** The parameters that vary in one of two sweeps, and those of which one does not know its value. */
function parametersOf(first, second) {
  const names = [...new Set([first, second].flatMap(({ lattice }) => lattice.axes.map(({ name }) => name)))];
  const lacks = (one, name) => one.lattice.axis(name) < 0 && one.sweep.best?.params?.[name] === undefined;
  return { names, lacking: names.filter((name) => lacks(first, name) || lacks(second, name)) };
}

/** The rows that are in both sweeps, as pairs; how many are in one only; and the parameters that keep them apart. */
export function joined(first, second) {
  const { names, lacking } = parametersOf(first, second);
  const [keyOfFirst, keyOfSecond] = [keysOf(first, names), keysOf(second, names)];
  const rows = new Map();
  for (let row = 0; row < first.lattice.count; row += 1) rows.set(keyOfFirst(row), row);
  const pairs = [];
  for (let row = 0; lacking.length === 0 && row < second.lattice.count; row += 1) {
    const other = rows.get(keyOfSecond(row));
    if (other !== undefined) pairs.push([other, row]);
  }
  const only = [first.lattice.count - pairs.length, second.lattice.count - pairs.length];
  return { names, lacking, pairs, only };
}

/** An axis of the pairs: its values in their order, and the place of each pair among them. */
function axisOf(name, pairs, of) {
  const known = new Map();
  pairs.forEach(([row]) => known.set(exact(of(row)), of(row)));
  const values = [...known.values()];
  if (values.every((value) => typeof value === "number")) values.sort((a, b) => a - b);
  const places = new Map(values.map((value, place) => [exact(value), place]));
  return { axis: { name, values }, places: Int32Array.from(pairs, ([row]) => places.get(exact(of(row)))) };
}

function columnOf({ lattice }, name, side, pairs) {
  const metric = lattice.metric(name);
  return Float64Array.from(pairs, (pair) => (lattice.outcome(pair[side], metric) === DONE ? metric.values[pair[side]] : NaN));
}

/** A metric of the pairs: the first's, the second's, and their difference, the second less the first. */
export function metricOf(first, second, pairs, name) {
  const [before, after] = [columnOf(first, name, 0, pairs), columnOf(second, name, 1, pairs)];
  const same = (n) => Math.abs(after[n] - before[n]) <= DIGITS * Math.max(Math.abs(before[n]), Math.abs(after[n]));
  const change = before.map((value, n) => (same(n) ? 0 : after[n] - value));
  return { before, after, change };
}

/** How many pairs are better, worse and the same in the second sweep, and how many have no value in one of them. */
export function countsOf({ change }, better) {
  const counts = { better: 0, worse: 0, same: 0, missing: 0 };
  for (const value of change) {
    if (Number.isNaN(value)) counts.missing += 1;
    else if (value === 0) counts.same += 1;
    else counts[value > 0 === (better !== "min") ? "better" : "worse"] += 1;
  }
  return counts;
}

/** The pairs as the lattice of a sweep, whose metrics are the difference and the two values. */
export function latticeOf(first, pairs, names, { before, after, change }, { unit, better }, titles) {
  const all = names.map((name) => axisOf(name, pairs, valueOf(first, name)));
  const varied = all.filter(({ axis }) => axis.values.length > 1);
  const axes = varied.length > 0 ? varied : all.slice(0, 1);
  const columns = [
    ["difference", change],
    [titles[0], before],
    [titles[1], after],
  ];
  return new Lattice({
    axes: axes.map(({ axis }) => axis),
    places: axes.map(({ places }) => places),
    metrics: columns.map(([name, values], n) => ({ name, unit, better, values, parts: n === 0 })),
  });
}
