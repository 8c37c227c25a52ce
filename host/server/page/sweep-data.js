// The combinations of ended sweeps, fetched once and kept for the views of the same sweep.
// Never draws, and never asks for a sweep that still runs.

import { unpackAll } from "/report/columns.js";
import { conditionOf } from "/report/charts/conditions.js";
import { DONE, FAILED_ROW, Lattice } from "/report/charts/lattice.js";
import { rowOf, taskOf } from "/report/commands.js";
import { ask } from "/server.js";

/** Sweeps that are kept, the latest ones, and milliseconds for the answer: 200,000 combinations are some megabytes. */
const [KEPT, PATIENCE] = [4, 300_000];
const kept = new Map();

export const hasEnded = ({ state }) => !["queued", "running"].includes(state);

/** What tells one state of a sweep from another. */
export const keyOf = ({ id, submitted_at: at, state }) => [id, at, state].join(" ");

/** The conditions that a result must meet to be ranked, as they were typed. */
const requiredBy = ({ request }) => [request?.require ?? [], request?.grid?.require ?? []].flat();

/** An ended sweep's combinations; `lattice` is null where there are none to draw. */
export class SweepData {
  #counts = null;

  constructor(sweep, data) {
    [this.sweep, this.data] = [sweep, data];
    const drawn = data.sweep?.axes.length > 0 && data.sweep.metrics.length > 0;
    this.lattice = drawn ? new Lattice(data.sweep) : null;
    this.parts = data.sweep?.task;
    [this.ranked, this.unknown] = this.lattice ? this.#rank() : [new Int32Array(0), null];
  }

  get objective() {
    return this.lattice.metrics[0];
  }

  /** The rows by rank; and what of the requirements cannot be told from the metrics that are here. */
  #rank() {
    const all = this.lattice.ranked(this.objective);
    const required = requiredBy(this.sweep);
    if (required.length === 0) return [all, null];
    try {
      const tests = required.map((text) => conditionOf(text, this.#columns()));
      return [all.filter((row) => tests.every((test) => test(row))), null];
    } catch {
      return [all, required.join(" and ")];
    }
  }

  #columns() {
    const { axes, places, metrics } = this.lattice;
    const parameters = axes.map(({ name, values }, axis) => [name, { of: (row) => values[places[axis][row]] }]);
    return new Map([...parameters, ...metrics.map(({ name, values }) => [name, { of: (row) => values[row] }])]);
  }

  /** The name of a row's task; null where tasks have no names. */
  task = (row) => (this.parts && row >= 0 ? taskOf(this.lattice, row, this.parts) : null);

  row = (taskId) => (this.parts && this.lattice ? rowOf(this.lattice, taskId, this.parts) : -1);

  /** How many rows failed, and how many have no value of the objective. */
  get counts() {
    if (this.#counts) return this.#counts;
    const counts = { failed: 0, undefined: 0 };
    for (let row = 0; row < this.lattice.count; row += 1) {
      const outcome = this.lattice.outcome(row, this.objective);
      if (outcome !== DONE) counts[outcome === FAILED_ROW ? "failed" : "undefined"] += 1;
    }
    this.#counts = counts;
    return counts;
  }
}

async function fetched(sweep) {
  return new SweepData(sweep, await unpackAll(await ask(`/sweeps/${sweep.id}/cells`, { patience: PATIENCE })));
}

/** The combinations of an ended sweep. What could not be fetched is asked for again the next time. */
export function dataOf(sweep) {
  const key = keyOf(sweep);
  const known = kept.get(key) ?? fetched(sweep);
  kept.delete(key);
  kept.set(key, known);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  known.catch(() => kept.delete(key));
  return known;
}
