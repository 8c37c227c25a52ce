// One axis of a sweep as bars: each value of the parameter has a bar from zero to its metric.
// Never knows which cell was chosen.

import { GREY, rgb } from "./colours.js";
import { DONE, NOT_RUN } from "./lattice.js";
import { linearScale } from "./scales.js";

/** The scale of the bars' heights: zero is always in it, and what the colours cut off is cut off here. */
function heights(rows, { values }, scale, top, tall) {
  let [low, high] = [0, 0];
  for (const row of rows) {
    if (values[row] < low) low = Math.max(values[row], scale.low);
    if (values[row] > high) high = Math.min(values[row], scale.high);
  }
  return linearScale(low, high, top + tall, top);
}

/** Draws bars for `rows`, whose columns are `each` pixels wide from `left` on. */
export function drawAxisBars(pen, { rows, left, each, top, tall, inner }, { lattice, metric, scale }, theme) {
  const y = heights(rows, metric, scale, top, tall);
  const write = lattice.write(metric);
  for (const value of y.marks(5).list) {
    pen.rects([left, Math.round(y.at(value)), inner, 1], theme.line);
    pen.text(write(value), left - 6, y.at(value) + 4, { colour: theme.soft, align: "right", size: 11 });
  }
  rows.forEach((row, place) => {
    const outcome = lattice.outcome(row, metric);
    if (outcome === NOT_RUN) return;
    const [x0, x1] = [Math.round(left + each * place), Math.round(left + each * (place + 1))];
    const wide = Math.max(x1 - x0 - (each > 6 ? 1 : 0), 1);
    // What has no value is a short grey foot.
    if (outcome !== DONE) return pen.rects([x0, y.at(0) - 4, wide, 8], rgb(GREY));
    const value = Math.min(Math.max(metric.values[row], y.low), y.high);
    pen.rects([x0, Math.min(y.at(value), y.at(0)), wide, Math.max(Math.abs(y.at(value) - y.at(0)), 1)], rgb(scale.colour(value)));
  });
  pen.rects([left, Math.round(y.at(0)), inner, 1], theme.ink);
}
