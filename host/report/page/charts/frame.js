// The frame of every chart: title, caption, buttons, canvas, table, what is said to screen readers, dark mode, paper.
// Never knows what is drawn: `paint` does that, on the pen that it gets.

import { themeOf } from "./colours.js";
import { button, element, setLengths, setText } from "./elements.js";
import { CanvasPen, SvgPen } from "./pens.js";
import { fileName, saveImage, saveTable, tableOf } from "./tables.js";

/** In CSS pixels: the width of images saved and printed, and the least width on paper. */
const [PAPER, NARROWEST] = [860, 420];
/** Milliseconds before a text is announced, so that a held key does not flood a screen reader. */
const CALM = 120;
let frames = 0;

export class Frame {
  #what;
  #size = [0, 0];
  #theme = null;
  #waiting = false;
  #announced = 0;
  #table = element("div", { class: "chart-table", hidden: true });
  #live = element("p", { class: "chart-unseen", role: "status", "aria-live": "polite" });
  #title;
  #caption = element("p", { class: "chart-caption" });
  #toggle = button("Table", () => this.#turn(), { "aria-pressed": "false" });
  #ends = new AbortController();
  #watch;

  /**
   * What a chart gives: `title`, `caption`, `height(width)` in CSS pixels, `paint(pen, width, height, theme)`, `table()` for
   * `tableOf`, `keys` (a line that says which keys there are), `level` of the heading, `name` of its files.
   * `still` holds a node that is shown instead of a canvas; `printing(on)` is called before and after it is printed.
   */
  constructor(container, what) {
    this.#what = what;
    frames += 1;
    const id = `chart-${frames}`;
    this.#title = element(`h${what.level ?? 3}`, { class: "chart-title", id: `${id}-title` });
    this.tools = element("div", { class: "chart-tools", role: "group", "aria-label": "Chart tools" });
    this.controls = element("div", { class: "chart-controls" });
    this.legend = element("div", { class: "chart-legend" });
    this.canvas = element("canvas", {
      class: "chart-canvas",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "chart",
      "aria-labelledby": `${id}-title`,
      "aria-describedby": `${id}-keys`,
    });
    this.stage = element("div", { class: "chart-stage" }, what.still ?? this.canvas);
    if (!what.still) this.stage.append(element("p", { class: "chart-keys", id: `${id}-keys` }, what.keys));
    if (!what.still) this.tools.append(this.#toggle);
    this.tools.append(button("SVG", () => saveImage(this.#file(), this.image()), { title: "Save as an SVG image" }));
    this.tools.append(button("CSV", () => saveTable(this.#file(), this.#what.table()), { title: "Save the numbers as CSV" }));
    const head = element("div", { class: "chart-head" }, this.#title, this.tools);
    this.root = element(
      "figure",
      { class: "chart", "aria-labelledby": `${id}-title` },
      head,
      this.#caption,
      this.controls,
      this.legend,
      this.stage,
      this.#table,
      this.#live,
    );
    this.describe(what.title, what.caption);
    container.append(this.root);
    this.#listen();
  }

  #listen() {
    const { signal } = this.#ends;
    this.#watch = new ResizeObserver(() => this.#fit());
    this.#watch.observe(this.stage);
    addEventListener("resize", () => this.#fit(), { signal });
    addEventListener("beforeprint", () => this.#print(), { signal });
    addEventListener("afterprint", () => this.#printed(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolour(), { signal });
  }

  /** Sets title and caption. */
  describe(title, caption = "") {
    [this.#what.title, this.#what.caption] = [title, caption];
    setText(this.#title, title);
    setText(this.#caption, caption);
    this.#caption.hidden = !caption;
  }

  get theme() {
    this.#theme ??= themeOf(this.root);
    return this.#theme;
  }

  /** Width and height of the drawing, in CSS pixels. */
  get size() {
    return this.#size;
  }

  /** Draws again with the colours that the page has now. */
  recolour() {
    this.#theme = null;
    this.paint();
  }

  #fit() {
    const width = this.stage.clientWidth;
    const ratio = devicePixelRatio || 1;
    if (width !== this.#size[0] || ratio !== this.#size[2]) this.paint();
  }

  /** Draws in the next frame, once for all that asked until then. */
  repaint() {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => this.#waiting && this.paint());
  }

  /** Draws now. */
  paint() {
    this.#waiting = false;
    const width = this.stage.clientWidth;
    if (width === 0 || this.#what.still) return;
    const height = Math.round(this.#what.height(width));
    const ratio = devicePixelRatio || 1;
    this.#size = [width, height, ratio];
    const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    setLengths(this.canvas, { height });
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.#what.paint(new CanvasPen(context), width, height, this.theme);
    this.#what.painted?.();
    if (!this.#table.hidden) this.#fill();
  }

  /** The chart as an SVG node, as on paper, with its title and caption. */
  image() {
    const theme = themeOf(this.root, true);
    const height = Math.round(this.#what.height(PAPER));
    const pen = new SvgPen(PAPER, height + 44, theme.card);
    const inner = new SvgPen(PAPER, height, theme.card);
    this.#what.paint(inner, PAPER, height, theme);
    pen.text(this.#what.title, 4, 16, { colour: theme.ink, bold: true, size: 14 });
    pen.text(fitted(pen, this.#what.caption ?? "", PAPER - 8), 4, 34, { colour: theme.soft });
    inner.root.setAttribute("y", 44);
    pen.root.append(inner.root);
    this.paint();
    return pen.root;
  }

  #print() {
    if (this.#what.still) this.#what.printing?.(true);
    else this.#lay();
  }

  #printed() {
    this.#what.printing?.(false);
    this.stage.querySelector(".chart-paper-image")?.remove();
  }

  /** Lays the image for paper beside the canvas; the style shows one of them. */
  #lay() {
    const theme = themeOf(this.root, true);
    // Charts that share a row on screen do so on paper.
    const width = Math.min(Math.max(this.stage.clientWidth, NARROWEST), PAPER);
    const height = Math.round(this.#what.height(width));
    const pen = new SvgPen(width, height, theme.card);
    this.#what.paint(pen, width, height, theme);
    pen.root.setAttribute("class", "chart-paper-image");
    pen.root.setAttribute("aria-hidden", "true");
    this.stage.querySelector(".chart-paper-image")?.remove();
    this.stage.append(pen.root);
    // On screen the chart's own size is what counts.
    this.paint();
  }

  #file = () => this.#what.name ?? fileName(this.#what.title);

  #turn() {
    this.#table.hidden = !this.#table.hidden;
    this.#toggle.setAttribute("aria-pressed", String(!this.#table.hidden));
    if (!this.#table.hidden) this.#fill();
  }

  #fill() {
    const data = this.#what.seen?.() ?? this.#what.table();
    this.#table.replaceChildren(...tableOf(data, this.#what.title));
  }

  /** Tells a screen reader. */
  announce(text) {
    clearTimeout(this.#announced);
    this.#announced = setTimeout(() => setText(this.#live, text), CALM);
  }

  destroy() {
    this.#ends.abort();
    this.#watch.disconnect();
    clearTimeout(this.#announced);
    this.#waiting = false;
    this.root.remove();
  }
}

/** About the width of the widest of `texts`: only the longest is measured, since there may be 100,000. */
export function widest(pen, texts, style = {}) {
  return pen.measure(
    texts.reduce((longest, text) => (text.length > longest.length ? text : longest), ""),
    style,
  );
}

/** A text cut to a width. */
export function fitted(pen, text, width, style = {}) {
  if (pen.measure(text, style) <= width) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measure(`${text.slice(0, middle)}…`, style) <= width) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}
