// Pens: the same strokes on a canvas (the screen) and as SVG (paper and files).
// Never knows what is drawn.

import { GREY, rgb } from "./colours.js";
import { svgElement, visible } from "./elements.js";

const FAMILY = "system-ui, sans-serif";
const fontOf = ({ bold, size = 12 }) => `${bold ? "600 " : ""}${size}px ${FAMILY}`;

/** Strokes on a canvas. Points are flat: x, y, x, y …; a point that is not a number lifts the pen. */
export class CanvasPen {
  #context;

  constructor(context) {
    this.#context = context;
  }

  rects(boxes, fill) {
    this.#context.fillStyle = fill;
    for (let n = 0; n < boxes.length; n += 4) this.#context.fillRect(boxes[n], boxes[n + 1], boxes[n + 2], boxes[n + 3]);
  }

  /** A line or an area: `stroke` with `width` and `dash`, `fill`, both or one of them. */
  path(points, { stroke, width = 1.5, dash = [], fill, close = false }) {
    const context = this.#context;
    context.beginPath();
    let down = false;
    for (let n = 0; n < points.length; n += 2) {
      const [x, y] = [points[n], points[n + 1]];
      if (!(Number.isFinite(x) && Number.isFinite(y))) down = false;
      else if (down) context.lineTo(x, y);
      else {
        context.moveTo(x, y);
        down = true;
      }
    }
    if (close) context.closePath();
    if (fill) {
      context.fillStyle = fill;
      context.fill();
    }
    if (!stroke) return;
    [context.strokeStyle, context.lineWidth, context.lineJoin] = [stroke, width, "bevel"];
    context.setLineDash(dash);
    context.stroke();
  }

  /**
   * A line whose points stand in pixel columns, several in each: a box for each column, up to the column before. A canvas fills
   * boxes several times faster than it strokes a line of as many points.
   */
  dense(points, { stroke, width }) {
    const boxes = [];
    let [column, top, foot, before] = [NaN, NaN, NaN, NaN];
    const end = () => top <= foot && boxes.push(Math.floor(column), top - width / 2, 1, foot - top + width);
    for (let n = 0; n < points.length; n += 2) {
      const y = points[n + 1];
      if (points[n] !== column) {
        end();
        [column, top, foot] = [points[n], Number.isNaN(before) ? y : before, Number.isNaN(before) ? y : before];
      }
      [top, foot, before] = [Math.min(top, y), Math.max(foot, y), y];
    }
    end();
    this.rects(boxes, stroke);
  }

  /** A text; `turn` writes it upwards. */
  text(text, x, y, { colour, align = "left", bold = false, size = 12, turn = false, halo = null }) {
    const context = this.#context;
    const safe = visible(text);
    [context.font, context.fillStyle, context.textAlign] = [fontOf({ bold, size }), colour, align];
    context.save();
    context.translate(x, y);
    if (turn) context.rotate(-Math.PI / 2);
    if (halo) {
      [context.strokeStyle, context.lineWidth, context.lineJoin] = [halo, 3, "round"];
      context.setLineDash([]);
      context.strokeText(safe, 0, 0);
    }
    context.fillText(safe, 0, 0);
    context.restore();
  }

  measure(text, style = {}) {
    this.#context.font = fontOf(style);
    return this.#context.measureText(text).width;
  }

  clip([x, y, width, height], draw) {
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(x, y, width, height);
    this.#context.clip();
    draw();
    this.#context.restore();
  }

  /** A grid of cells as one image: `colour` gives [r, g, b] of a cell, counted from the lowest row, or null. */
  cells([x, y, width, height], across, up, colour) {
    const image = new ImageData(across, up);
    for (let place = 0; place < across * up; place += 1) {
      const found = colour(place);
      if (found === null) continue;
      const at = 4 * ((place % across) + across * (up - 1 - Math.floor(place / across)));
      [image.data[at], image.data[at + 1], image.data[at + 2], image.data[at + 3]] = [found[0], found[1], found[2], 255];
    }
    const small = new OffscreenCanvas(across, up);
    small.getContext("2d").putImageData(image, 0, 0);
    this.#context.imageSmoothingEnabled = false;
    this.#context.drawImage(small, x, y, width, height);
  }
}

const short = (value) => Math.round(value * 100) / 100;
let measuring = null;
let clips = 0;

/** The same strokes as nodes of an SVG image; like on a canvas, what has no place is not drawn. */
export class SvgPen {
  #root;
  #at;

  constructor(width, height, paper) {
    const view = { viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FAMILY, "font-size": 12 };
    this.#root = svgElement(
      "svg",
      { xmlns: "http://www.w3.org/2000/svg", ...view },
      svgElement("rect", { width, height, fill: paper }),
    );
    this.#at = this.#root;
  }

  get root() {
    return this.#root;
  }

  rects(boxes, fill) {
    let d = "";
    for (let n = 0; n < boxes.length; n += 4) {
      const [x, y, width, height] = [boxes[n], boxes[n + 1], boxes[n + 2], boxes[n + 3]].map(short);
      if (Number.isFinite(x + y + width + height)) d += `M${x} ${y}h${width}v${height}h${-width}z`;
    }
    if (d) this.#at.append(svgElement("path", { d, fill }));
  }

  path(points, { stroke, width = 1.5, dash = [], fill, close = false }) {
    let [d, down] = ["", false];
    for (let n = 0; n < points.length; n += 2) {
      const [x, y] = [points[n], points[n + 1]];
      if (!(Number.isFinite(x) && Number.isFinite(y))) down = false;
      else {
        d += `${down ? "L" : "M"}${short(x)} ${short(y)}`;
        down = true;
      }
    }
    if (!d) return;
    const line = stroke
      ? { stroke, "stroke-width": width, "stroke-linejoin": "round", "stroke-dasharray": dash.join(" ") || null }
      : {};
    this.#at.append(svgElement("path", { d: close ? `${d}Z` : d, fill: fill ?? "none", ...line }));
  }

  dense(points, style) {
    this.path(points, style);
  }

  text(text, x, y, { colour, align = "left", bold = false, size = 12, turn = false, halo = null }) {
    if (!Number.isFinite(x + y)) return;
    const anchor = { left: null, center: "middle", right: "end" }[align];
    const place = turn ? { transform: `translate(${short(x)} ${short(y)}) rotate(-90)` } : { x: short(x), y: short(y) };
    const look = {
      fill: colour,
      "text-anchor": anchor,
      "font-weight": bold ? 600 : null,
      "font-size": size === 12 ? null : size,
    };
    const behind = halo ? { stroke: halo, "stroke-width": 3, "stroke-linejoin": "round", "paint-order": "stroke" } : {};
    this.#at.append(svgElement("text", { ...place, ...look, ...behind }, text));
  }

  measure(text, style = {}) {
    measuring ??= document.createElement("canvas").getContext("2d");
    measuring.font = fontOf(style);
    return measuring.measureText(text).width;
  }

  clip([x, y, width, height], draw) {
    clips += 1;
    const id = `chart-clip-${clips}`;
    const outer = this.#at;
    outer.append(svgElement("clipPath", { id }, svgElement("rect", { x, y, width, height })));
    this.#at = svgElement("g", { "clip-path": `url(#${id})` });
    outer.append(this.#at);
    draw();
    this.#at = outer;
  }

  /** Cells of one colour are one path; neighbours in a row are one rectangle. */
  cells([x, y, width, height], across, up, colour) {
    const found = new Map();
    const column = (n) => x + (width * n) / across;
    for (let row = 0; row < up; row += 1) {
      const top = y + (height * (up - 1 - row)) / up;
      for (let first = 0, end; first < across; first = end) {
        const key = colour(first + row * across);
        for (end = first + 1; end < across && colour(end + row * across) === key;) end += 1;
        if (key === null) continue;
        if (!found.has(key)) found.set(key, []);
        // A hair wider and taller than the cell, so that no seams show.
        found.get(key).push(column(first), top, column(end) - column(first) + 0.2, height / up + 0.2);
      }
    }
    found.forEach((boxes, key) => this.rects(boxes, rgb(key ?? GREY)));
  }
}
