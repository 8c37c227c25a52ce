// Draws cells: two axes as a heatmap, one as bars; and finds the cell under a pointer or a key.
// Never knows what a cell means: its colour, words and outcome are given.

import { FAILED, UNDEFINED, VALUE } from "/cells.js";
import { css, inkOn } from "/colours.js";
import { el, say } from "/dom.js";
import { parameter } from "/metrics.js";

const FONT = "12px system-ui, sans-serif";
/** In CSS pixels: the largest cell, the height of a heatmap and of bars, and the room for labels. */
const [WIDEST, TALLEST, TALL, BARS] = [76, 34, 440, 200];
const [ABOVE, BELOW, RIGHT] = [22, 40, 10];
/** In maps of more cells, values are not written into them. */
const WRITTEN = 1_000;

export class Chart {
  #canvas;
  #tip;
  #cursor = el("div", { id: "map-cursor", hidden: true });
  #actions;
  #what = null;
  #at = null;
  #box = null;

  /** `tell` gives the lines for the tip of a row, `pick` takes a row that was chosen. */
  constructor(canvas, tip, actions) {
    [this.#canvas, this.#tip, this.#actions] = [canvas, tip, actions];
    canvas.after(this.#cursor);
    canvas.addEventListener("pointermove", (event) => this.#go(this.#under(event)));
    canvas.addEventListener("pointerleave", () => this.#go(null));
    canvas.addEventListener("blur", () => this.#go(null));
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.#go(this.#at ?? this.#start()));
    canvas.addEventListener("click", (event) => this.#pick(this.#under(event)));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#what && this.#paint()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#what && this.#paint());
  }

  /** Draws `axes` (one or two), whose cells are the rows in `grid`, with the colours of `scale`. */
  draw(what) {
    this.#what = what;
    this.#at = null;
    this.#go(null);
    this.#paint();
  }

  #paint() {
    const width = this.#canvas.parentElement.clientWidth;
    if (width === 0) return;
    const pen = this.#canvas.getContext("2d");
    pen.font = FONT;
    this.#box = this.#layout(pen, width);
    const { height } = this.#box;
    const ratio = devicePixelRatio || 1;
    [this.#canvas.width, this.#canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    this.#canvas.style.setProperty("height", `${height}px`);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = FONT;
    pen.fillStyle = pen.strokeStyle = getComputedStyle(this.#canvas).color;
    this.#labels(pen);
    const patterns = { [FAILED]: hatching(pen), [UNDEFINED]: dots(pen) };
    this.#what.grid.forEach((row, place) => this.#cell(pen, row, place, patterns));
    if (this.#what.axes.length > 1) this.#write(pen);
    else this.#zero(pen);
    if (this.#what.best >= 0) ring(pen, this.#rectangle(this.#what.best));
  }

  /** Where everything lies. */
  #layout(pen, width) {
    const { axes: [across, up], scale, text } = this.#what;
    const ends = up ? up.values.map(parameter) : [text(Math.min(scale.low, 0)), text(Math.max(scale.high, 0))];
    const left = 8 + Math.max(...ends.map((label) => pen.measureText(label).width));
    const room = width - left - RIGHT;
    const inner = up ? Math.min(room, across.values.length * WIDEST) : room;
    const each = inner / across.values.length;
    const count = up?.values.length ?? 1;
    const tall = up ? Math.min(TALL, count * Math.min(TALLEST, Math.max(each, 14))) : BARS;
    return { left, top: ABOVE, inner, tall, each, row: tall / count, height: ABOVE + tall + BELOW };
  }

  /** The rectangle of a place; up is up. Edges are whole pixels, so that no seams show. */
  #rectangle(place) {
    const { left, top, each, row, tall } = this.#box;
    const across = this.#what.axes[0].values.length;
    const [x, y] = [place % across, Math.floor(place / across)];
    const edge = (start, size, at) => Math.round(start + size * at);
    const [x0, x1] = [edge(left, each, x), Math.max(edge(left, each, x + 1), edge(left, each, x) + 1)];
    const [y0, y1] = [edge(top + tall, -row, y + 1), edge(top + tall, -row, y)];
    return [x0, y0, x1 - x0, Math.max(y1 - y0, 1)];
  }

  #cell(pen, row, place, patterns) {
    if (row < 0) return;
    const [x, y, width, height] = this.#rectangle(place);
    const [what, value] = this.#what.outcome(row);
    const gap = width > 7 && height > 7 ? 1 : 0;
    if (what !== VALUE) {
      pen.fillStyle = patterns[what];
      return pen.fillRect(x, y, width - gap, height - gap);
    }
    pen.fillStyle = css(this.#what.scale.colour(value));
    if (this.#what.axes.length > 1) return pen.fillRect(x, y, width - gap, height - gap);
    const [foot, head] = [this.#height(0), this.#height(value)];
    pen.fillRect(x, Math.min(foot, head), Math.max(width - gap, 1), Math.max(Math.abs(foot - head), 1));
  }

  /** Where a value stands among bars, which all begin at zero. */
  #height(value) {
    const { scale } = this.#what;
    const [low, high] = [Math.min(scale.low, 0), Math.max(scale.high, 0)];
    const share = high > low ? (Math.min(Math.max(value, low), high) - low) / (high - low) : 0.5;
    return Math.round(this.#box.top + this.#box.tall * (1 - share));
  }

  #zero(pen) {
    pen.fillStyle = getComputedStyle(this.#canvas).color;
    pen.fillRect(this.#box.left, this.#height(0), this.#box.inner, 1);
  }

  #labels(pen) {
    const { axes: [across, up], scale, text } = this.#what;
    const { left, top, inner, tall, each, row } = this.#box;
    const names = across.values.map(parameter);
    const step = Math.ceil((Math.max(...names.map((name) => pen.measureText(name).width)) + 10) / each);
    pen.textAlign = "center";
    names.forEach((name, place) => place % step === 0 && pen.fillText(name, left + each * (place + 0.5), top + tall + 15));
    pen.textAlign = "right";
    if (up) {
      const rows = Math.ceil(14 / row);
      up.values.forEach((value, place) => place % rows === 0 && pen.fillText(parameter(value), left - 5, top + tall - row * (place + 0.5) + 4));
    } else {
      const ends = new Set([Math.min(scale.low, 0), 0, Math.max(scale.high, 0)]);
      ends.forEach((value) => pen.fillText(text(value), left - 5, this.#height(value) + 4));
    }
    pen.font = `600 ${FONT}`;
    pen.fillText(`${across.name} →`, left + inner, top + tall + 33);
    pen.textAlign = "left";
    if (up) pen.fillText(`↑ ${up.name}`, 2, 13);
    pen.font = FONT;
  }

  /** Writes the values into cells that are large enough for all of them. */
  #write(pen) {
    const { grid, outcome, text, scale } = this.#what;
    if (grid.length > WRITTEN || this.#box.row < 16) return;
    const values = [...grid].map((row) => (row < 0 ? null : outcome(row)[1]));
    const room = this.#box.each - 5;
    if (values.some((value) => value !== null && pen.measureText(text(value)).width > room)) return;
    pen.textAlign = "center";
    values.forEach((value, place) => {
      if (value === null) return;
      const [x, y, width, height] = this.#rectangle(place);
      pen.fillStyle = inkOn(scale.colour(value));
      pen.fillText(text(value), x + width / 2, y + height / 2 + 4);
    });
  }

  #under({ offsetX, offsetY }) {
    const { left, top, inner, tall, each, row } = this.#box;
    if (offsetX < left || offsetX >= left + inner || offsetY < top || offsetY >= top + tall) return null;
    const across = this.#what.axes[0].values.length;
    return Math.floor((offsetX - left) / each) + across * Math.floor((top + tall - offsetY - 1e-6) / row);
  }

  #start = () => (this.#what.best >= 0 ? this.#what.best : 0);

  #key(event) {
    const across = this.#what.axes[0].values.length;
    const at = this.#at ?? this.#start();
    const x = at % across;
    const moves = {
      ArrowLeft: x > 0 ? at - 1 : at,
      ArrowRight: x < across - 1 ? at + 1 : at,
      ArrowUp: at + across < this.#what.grid.length ? at + across : at,
      ArrowDown: at >= across ? at - across : at,
      Home: at - x,
      End: at - x + across - 1,
    };
    if (event.key in moves) this.#go(this.#at === null ? at : moves[event.key]);
    else if (event.key === "Enter" || event.key === " ") this.#pick(at);
    else if (event.key === "Escape") this.#go(null);
    else return;
    event.preventDefault();
  }

  #pick(place) {
    const row = place === null ? -1 : this.#what.grid[place];
    if (row >= 0) this.#actions.pick(row);
  }

  /** Moves the cursor and its tip to a place, or takes them away. */
  #go(place) {
    if (place !== null && place === this.#at && !this.#tip.hidden) return;
    if (place !== null) this.#at = place;
    this.#cursor.hidden = this.#tip.hidden = place === null;
    if (place === null) return;
    const row = this.#what.grid[place];
    const lines = row < 0 ? ["not run", ...this.#coordinates(place)] : this.#actions.tell(row);
    say(this.#tip, lines.join("\n"));
    const [x, y, width, height] = this.#rectangle(place);
    set(this.#cursor, { left: x - 1, top: y - 1, width: width + 1, height: height + 1 });
    const room = this.#canvas.clientWidth - this.#tip.offsetWidth;
    const right = x + width + 8;
    set(this.#tip, { left: right <= room ? right : Math.max(x - 8 - this.#tip.offsetWidth, 0), top: Math.max(y - 8, 0) });
  }

  #coordinates(place) {
    const across = this.#what.axes[0].values.length;
    return [place % across, Math.floor(place / across)]
      .slice(0, this.#what.axes.length)
      .map((at, axis) => `${this.#what.axes[axis].name} ${parameter(this.#what.axes[axis].values[at])}`);
  }
}

function set(node, sizes) {
  Object.entries(sizes).forEach(([name, size]) => node.style.setProperty(name, `${size}px`));
}

function tile(pen, size, paint) {
  const canvas = el("canvas", { width: size, height: size });
  const own = canvas.getContext("2d");
  own.fillStyle = "#8b8f96";
  own.fillRect(0, 0, size, size);
  paint(own);
  return pen.createPattern(canvas, "repeat");
}

/** What failed is hatched. */
function hatching(pen) {
  return tile(pen, 8, (own) => {
    own.strokeStyle = "#17191c";
    own.lineWidth = 2;
    for (const shift of [-8, 0, 8]) {
      own.moveTo(shift - 1, 9);
      own.lineTo(shift + 9, -1);
    }
    own.stroke();
  });
}

/** What is undefined is dotted. */
function dots(pen) {
  return tile(pen, 7, (own) => {
    own.fillStyle = "#f4f5f6";
    own.fillRect(2, 2, 2, 2);
  });
}

/** A ring that is seen on any colour. */
function ring(pen, [x, y, width, height]) {
  const small = width < 10 || height < 10;
  const path = new Path2D();
  if (small) path.arc(x + width / 2, y + height / 2, 7, 0, 2 * Math.PI);
  else path.rect(x + 1.5, y + 1.5, width - 4, height - 4);
  for (const [colour, thick] of [["#000", 5], ["#fff", 2]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = thick;
    pen.stroke(path);
  }
}

/** A small sample of what stands for failed, undefined, `best` or `none`, for a legend. */
export function swatch(kind) {
  const canvas = el("canvas", { width: 18, height: 14, class: "swatch", "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  if (kind === "best") {
    pen.fillStyle = "#8b8f96";
    pen.fillRect(0, 0, 18, 14);
    ring(pen, [1, 1, 17, 13]);
  } else if (kind !== "none") {
    pen.fillStyle = kind === FAILED ? hatching(pen) : dots(pen);
    pen.fillRect(0, 0, 18, 14);
  }
  return canvas;
}
