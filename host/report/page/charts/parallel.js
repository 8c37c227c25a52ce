// Parallel coordinates: each row of a sweep is a line across its parameters and metrics; a brush on an axis keeps some of them.
// Never draws more lines than a person can tell apart: it samples, and says so.

import { colourScale, rgb } from "./colours.js";
import { button, element, setLengths } from "./elements.js";
import { axisWriter, counted, exact, fixed, spaced } from "./format.js";
import { fitted, Frame } from "./frame.js";
import { DONE, Lattice } from "./lattice.js";
import { scaleLegend } from "./marks.js";
import { linearScale, quantile } from "./scales.js";

const [PARALLEL_TALL, PARALLEL_ABOVE, PARALLEL_BELOW] = [400, 52, 18];
/** At most so many lines; the best are always among them. */
const [LINES, BEST] = [2_000, 100];
/** What a tap brushes to each side, as a share of the axis. */
const TAP = 0.12;
const PARALLEL_KEYS =
  "← → axis by axis, ↑ ↓ move the brush, Shift ↑ ↓ make it taller or shorter, Delete removes it, Escape removes all";

export class ParallelCoordinates {
  #frame;
  #data;
  #lattice;
  #rows = [];
  #axes = [];
  #brushes = new Map();
  #active = 0;
  #drag = null;
  #telling = false;
  #scale;
  #marker = element("div", { class: "chart-cursor", hidden: true });

  /**
   * `data`: `title`, `caption`, a `lattice`, `metrics` (names of those that get an axis; all if missing), `chosen` (a row),
   * `brushed(test)`: told what passes the brushes, null where there are none.
   */
  constructor(container, data) {
    this.#take(data);
    this.#frame = new Frame(container, {
      ...data,
      keys: PARALLEL_KEYS,
      height: () => PARALLEL_TALL,
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      painted: () => this.#mark(),
      table: () => this.#lattice.table(this.#kept()),
    });
    const { canvas, stage, tools } = this.#frame;
    canvas.setAttribute("aria-roledescription", "parallel coordinates");
    canvas.classList.add("chart-parallel");
    stage.append(this.#marker);
    tools.prepend(button("Clear", () => this.#clear(), { title: "Remove all brushes" }));
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#pull(event));
    canvas.addEventListener("pointerup", () => this.#release());
    canvas.addEventListener("pointercancel", () => (this.#drag = null));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("focus", () => this.#mark(true));
    canvas.addEventListener("blur", () => this.#mark());
    this.#frame.paint();
    this.#legend();
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    const [objective] = this.#lattice.metrics;
    this.#brushes.clear();
    this.#active = 0;
    this.#scale = colourScale(objective.values);
    this.#rows = this.#sample(objective);
    const shown = data.metrics ? data.metrics.map((name) => this.#lattice.metric(name)) : this.#lattice.metrics;
    this.#axes = [
      ...this.#lattice.axes.map((axis, place) => this.#parameter(axis, place)),
      ...shown.map((metric) => this.#metricAxis(metric)),
    ];
  }

  /** The rows that are drawn, the best last, so that they lie on top. */
  #sample(objective) {
    const done = Array.from({ length: this.#lattice.count }, (_, row) => row).filter(
      (row) => this.#lattice.outcome(row, objective) === DONE,
    );
    const sign = objective.better === "min" ? -1 : 1;
    done.sort((a, b) => sign * (objective.values[a] - objective.values[b]));
    if (done.length <= LINES) return done;
    const rest = done.length - BEST;
    const every = rest / (LINES - BEST);
    return [...Array.from({ length: LINES - BEST }, (_, n) => done[Math.floor(n * every)]), ...done.slice(rest)];
  }

  /** An axis of a parameter: its values stand at even distances, whatever they are. */
  #parameter({ name, values }, place) {
    const last = Math.max(values.length - 1, 1);
    const places = this.#lattice.places[place];
    return {
      name,
      of: (row) => (values.length > 1 ? places[row] / last : 0.5),
      text: (share) => exact(values[Math.round(share * last)]),
      ends: [values[0], values[values.length - 1]].map(this.#lattice.labels[place]),
      step: 1 / last,
    };
  }

  /** An axis of a metric; where few values lie far beyond all others, they are drawn at its end. */
  #metricAxis(metric) {
    const sorted = Float64Array.from(this.#rows, (row) => metric.values[row])
      .filter(Number.isFinite)
      .sort();
    const [least, most] = [sorted[0] ?? NaN, sorted.at(-1) ?? NaN];
    let [low, high] = [quantile(sorted, 0.005), quantile(sorted, 0.995)];
    if (!(most - least > 1.5 * (high - low))) [low, high] = [least, most];
    const scale = linearScale(low, high, 0, 1);
    const step = Math.max((high - low) / 50, Math.abs(high) / 1e4, 1e-9);
    const write = sorted.length > 0 ? axisWriter(metric.unit, step) : () => "–";
    const of = (row) => (Number.isFinite(metric.values[row]) ? Math.min(Math.max(scale.at(metric.values[row]), 0), 1) : NaN);
    return {
      name: metric.name,
      of,
      text: (share) => write(scale.value(share)),
      ends: [`${least < low ? "≤ " : ""}${write(low)}`, `${most > high ? "≥ " : ""}${write(high)}`],
      step: 0.05,
      metric,
    };
  }

  #passes = (row) => {
    for (const [axis, [low, high]] of this.#brushes) {
      const share = this.#axes[axis].of(row);
      if (!(share >= low - 1e-9 && share <= high + 1e-9)) return false;
    }
    return true;
  };

  #kept = () => this.#rows.filter(this.#passes).reverse();

  #x = (axis, width) => {
    const margin = Math.min(48, width / (2 * this.#axes.length));
    return margin + ((width - 2 * margin) * axis) / Math.max(this.#axes.length - 1, 1);
  };

  #y = (share) => PARALLEL_TALL - PARALLEL_BELOW - 16 - share * (PARALLEL_TALL - PARALLEL_ABOVE - PARALLEL_BELOW - 32);

  #paint(pen, width, theme) {
    const points = (row) => this.#axes.flatMap((axis, n) => [this.#x(n, width), this.#y(axis.of(row))]);
    const [objective] = this.#lattice.metrics;
    const kept = this.#rows.filter(this.#passes);
    // What brushes left out stays as a shade, so that one sees of what the rest is a part.
    if (kept.length < this.#rows.length) {
      const faint = this.#rows.filter((row) => !this.#passes(row)).flatMap((row) => [...points(row), NaN, NaN]);
      pen.path(faint, { stroke: theme.line, width: 0.5 });
    }
    const dark = this.#dim(kept.length);
    kept.forEach((row) => pen.path(points(row), { stroke: tinted(this.#scale.colour(objective.values[row]), dark), width: 1 }));
    const { chosen } = this.#data;
    if (chosen >= 0) {
      pen.path(points(chosen), { stroke: theme.card, width: 5 });
      pen.path(points(chosen), { stroke: theme.ink, width: 2.5 });
    }
    this.#axes.forEach((axis, n) => this.#axis(pen, axis, n, width, theme));
  }

  /** The more lines, the more of each shines through. */
  #dim = (count) => Math.min(1, Math.max(0.25, 120 / Math.max(count, 1)));

  #axis(pen, axis, n, width, theme) {
    const x = this.#x(n, width);
    const [top, foot] = [this.#y(1), this.#y(0)];
    pen.rects([x - 0.5, top, 1, foot - top], theme.ink);
    const room = (width / this.#axes.length) * (this.#axes.length > 4 ? 1.85 : 1);
    const name = fitted(pen, axis.metric ? spaced(axis.name) : axis.name, room - 6, { bold: true });
    const half = pen.measure(name, { bold: true }) / 2;
    const at = Math.min(Math.max(x, half + 2), width - half - 2);
    pen.text(name, at, n % 2 === 1 && this.#axes.length > 4 ? 13 : 29, { colour: theme.ink, bold: true, align: "center" });
    const end = { colour: theme.soft, align: "center", size: 11, halo: theme.card };
    // Where axes stand close, every second one has its ends further out.
    const out = width / this.#axes.length < 64 && n % 2 === 1 ? 12 : 0;
    pen.text(axis.ends[1], Math.min(Math.max(x, 16), width - 18), top - 5 - out, end);
    pen.text(axis.ends[0], Math.min(Math.max(x, 16), width - 18), foot + 14 + out, end);
    const brush = this.#brushes.get(n);
    if (!brush) return;
    const [high, low] = [this.#y(brush[1]), this.#y(brush[0])];
    const [head, tall] = [high - 3, low - high + 6];
    pen.rects([x - 6, head, 12, 2, x - 6, head + tall - 2, 12, 2, x - 6, head, 2, tall, x + 4, head, 2, tall], theme.mark);
  }

  #mark(focused = document.activeElement === this.#frame?.canvas) {
    if (!this.#frame) return;
    this.#marker.hidden = !focused || !this.#frame.canvas.matches(":focus-visible");
    const [width] = this.#frame.size;
    if (width)
      setLengths(this.#marker, {
        left: this.#x(this.#active, width) - 14,
        top: this.#y(1) - 18,
        width: 28,
        height: this.#y(0) - this.#y(1) + 36,
      });
  }

  #share = (y) => Math.min(Math.max((this.#y(0) - y) / (this.#y(0) - this.#y(1)), 0), 1);

  #down(event) {
    const [width] = this.#frame.size;
    const gap = (n) => Math.abs(this.#x(n, width) - event.offsetX);
    const axis = this.#axes.reduce((best, _, n) => (gap(n) < gap(best) ? n : best), 0);
    if (event.button !== 0 || gap(axis) > 24) return;
    this.#frame.canvas.setPointerCapture?.(event.pointerId);
    this.#active = axis;
    const from = this.#share(event.offsetY);
    this.#drag = { axis, from, touch: event.pointerType === "touch" };
    if (this.#drag.touch) return;
    this.#brushes.delete(axis);
    this.#changed(false);
  }

  /** By touch a drag scrolls the page: a tap brushes around itself, and a tap on a brush removes it. */
  #release() {
    const drag = this.#drag;
    this.#drag = null;
    if (!drag?.touch) return;
    const [low, high] = this.#brushes.get(drag.axis) ?? [2, -1];
    if (drag.from < low || drag.from > high)
      return this.#brush(drag.axis, Math.max(drag.from - TAP, 0), Math.min(drag.from + TAP, 1));
    this.#brushes.delete(drag.axis);
    this.#changed(false);
  }

  #pull(event) {
    if (!this.#drag || this.#drag.touch) return;
    const to = this.#share(event.offsetY);
    const { axis, from } = this.#drag;
    this.#brush(axis, Math.min(from, to), Math.max(from, to));
  }

  /** Sets a brush; on a parameter it goes over whole values. */
  #brush(axis, low, high) {
    const { metric, step } = this.#axes[axis];
    const whole = (share) => (metric ? share : Math.min(Math.max(Math.round(share / step) * step, 0), 1));
    this.#brushes.set(axis, [whole(low), whole(high)]);
    this.#changed(false);
  }

  #changed(aloud = true) {
    this.#frame.repaint();
    this.#legend();
    this.#mark();
    this.#tell();
    if (aloud) this.#frame.announce(this.#words());
  }

  /** Tells once a drawing what the brushes keep, since a drag changes them more often. */
  #tell() {
    if (!this.#data.brushed || this.#telling) return;
    this.#telling = true;
    requestAnimationFrame(() => {
      this.#telling = false;
      this.#data.brushed(this.#brushes.size > 0 ? this.#passes : null);
    });
  }

  #words() {
    const axis = this.#axes[this.#active];
    const brush = this.#brushes.get(this.#active);
    const range = brush ? `${axis.text(brush[0])} to ${axis.text(brush[1])}` : "no brush";
    return `${axis.name}: ${range}; ${counted(this.#kept().length, "row")} of ${fixed(this.#rows.length, 0)}`;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { step } = this.#axes[this.#active];
    const [low, high] = this.#brushes.get(this.#active) ?? [0, 1];
    const fresh = !this.#brushes.has(this.#active);
    const span = high - low;
    const deeds = {
      ArrowLeft: () => (this.#active = Math.max(this.#active - 1, 0)),
      ArrowRight: () => (this.#active = Math.min(this.#active + 1, this.#axes.length - 1)),
      ArrowUp: () =>
        fresh
          ? this.#brush(this.#active, 0.75, 1)
          : event.shiftKey
            ? this.#brush(this.#active, low, Math.min(high + step, 1))
            : this.#slide(low, span, step),
      ArrowDown: () =>
        fresh
          ? this.#brush(this.#active, 0, 0.25)
          : event.shiftKey
            ? this.#brush(this.#active, low, Math.max(high - step, low))
            : this.#slide(low, span, -step),
      Delete: () => this.#brushes.delete(this.#active),
      Backspace: () => this.#brushes.delete(this.#active),
      Escape: () => this.#brushes.clear(),
    };
    if (!(event.key in deeds)) return;
    deeds[event.key]();
    event.preventDefault();
    this.#changed();
  }

  #slide(low, span, by) {
    const from = Math.min(Math.max(low + by, 0), 1 - span);
    this.#brush(this.#active, from, from + span);
  }

  #clear() {
    this.#brushes.clear();
    this.#changed();
  }

  #legend() {
    const [objective] = this.#lattice.metrics;
    const [drawn, all] = [fixed(this.#rows.length, 0), fixed(this.#lattice.count, 0)];
    const sampled = this.#rows.length < LINES ? "" : `; drawn: the best ${BEST} and a sample, ${drawn} of ${all}`;
    const item = (text) => element("span", { class: "chart-item" }, text);
    const brushes = [...this.#brushes].map(([n, [from, to]]) => {
      const { name, text } = this.#axes[n];
      return item(`${name} ${text(from)} to ${text(to)}`);
    });
    this.#frame.legend.replaceChildren(
      scaleLegend(this.#scale, this.#lattice.write(objective)) ?? "",
      item(`colour: ${spaced(objective.name)}`),
      item(`${counted(this.#kept().length, "row")} of ${drawn} pass the brushes${sampled}`),
      ...brushes,
    );
  }

  /** Marks a row. */
  choose(row) {
    this.#data = { ...this.#data, chosen: row };
    this.#frame.paint();
  }

  update(data) {
    this.#take({ ...this.#data, ...data });
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#frame.paint();
    this.#legend();
  }

  destroy() {
    this.#frame.destroy();
  }
}

const tinted = ([red, green, blue], share) => `rgb(${red} ${green} ${blue} / ${share.toFixed(2)})`;
