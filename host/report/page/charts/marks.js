// Marks on cells, and the legend of a colour scale.
// Never knows what a cell or a colour means.

import { rgb } from "./colours.js";
import { element } from "./elements.js";

/** What failed is hatched. */
export function hatch(pen, [x, y, width, height]) {
  if (width < 5 || height < 5) return;
  pen.clip([x, y, width, height], () => {
    const lines = [];
    for (let shift = -height; shift < width; shift += 7) lines.push(x + shift, y + height, x + shift + height, y, NaN, NaN);
    pen.path(lines, { stroke: "#17191c", width: 1.5 });
  });
}

/** A ring that is seen on any colour. */
export function ring(pen, [x, y, width, height]) {
  const [wide, tall] = [Math.max(width - 3, 11), Math.max(height - 3, 11)];
  const [left, top] = [x + (width - 1 - wide) / 2, y + (height - 1 - tall) / 2];
  const corners = [left, top, left + wide, top, left + wide, top + tall, left, top + tall];
  pen.path(corners, { stroke: "#000", width: 5, close: true });
  pen.path(corners, { stroke: "#fff", width: 2, close: true });
}

function scaleBar(scale) {
  const canvas = element("canvas", { width: 160, height: 12, "aria-hidden": "true" });
  const context = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    context.fillStyle = rgb(scale.colour(scale.low + ((scale.high - scale.low) * x) / (canvas.width - 1)));
    context.fillRect(x, 0, 1, canvas.height);
  }
  return canvas;
}

/** A sample of what stands for `chosen`, `failed`, `undefined` or `none`, for a legend. */
export const swatch = (kind) => element("i", { class: `chart-swatch chart-swatch-${kind}`, "aria-hidden": "true" });

/** A colour scale with its ends, written by `write`; null where it has none. */
export function scaleLegend(scale, write) {
  const { low, high, parted, below, above } = scale;
  if (!Number.isFinite(low)) return null;
  const ends = [`${below ? "≤ " : ""}${write(low)}`, parted ? "0" : "", `${above ? "≥ " : ""}${write(high)}`];
  return element("span", { class: "chart-scale" }, scaleBar(scale), ...ends.map((end) => element("span", {}, end)));
}
