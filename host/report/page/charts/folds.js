// The folds of a walk-forward: for each, what the winner reached in sample and out of sample, side by side.
// Never computes a fold.

import { Explorer, along } from "./explorer.js";
import { axisWriter, writer } from "./format.js";
import { fitted, Frame } from "./frame.js";
import { linearScale } from "./scales.js";

const [FOLDS_TALL, FOLDS_ABOVE, FOLDS_BELOW, FOLDS_LEFT] = [270, 28, 26, 50];

export class Folds {
  #frame;
  #data;
  #box = null;
  #explorer;

  /** `data`: `title`, `caption`, `metric`, `unit`, and columns: `names`, `inSample`, `outOfSample`, `details` (a line each). */
  constructor(container, data) {
    this.#data = data;
    this.#frame = new Frame(container, {
      ...data,
      keys: "← → fold by fold, Home End first and last",
      height: () => FOLDS_TALL,
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#frame.canvas.setAttribute("aria-roledescription", "bar chart");
    this.#explorer = new Explorer(this.#frame, {
      find: (x) => this.#find(x),
      box: (fold) => this.#column(fold),
      lines: (fold) => this.#words(fold),
      move: (fold, key) => along(fold, key, this.#data.names.length),
      start: () => (this.#data.names.length > 0 ? 0 : -1),
    });
    this.#frame.paint();
  }

  #paint(pen, width, theme) {
    const { names, inSample, outOfSample, unit } = this.#data;
    const values = [...inSample, ...outOfSample].filter(Number.isFinite);
    const [low, high] = [Math.min(0, ...values), Math.max(0, ...values)];
    const pad = (high - low || 1) * 0.08;
    const y = linearScale(low < 0 ? low - pad : low, high + pad, FOLDS_TALL - FOLDS_BELOW, FOLDS_ABOVE);
    const each = (width - FOLDS_LEFT - 8) / Math.max(names.length, 1);
    this.#box = { y, each };
    const { list, step } = y.marks(5);
    const write = axisWriter(unit, step);
    pen.rects(
      list.flatMap((value) => [FOLDS_LEFT, Math.round(y.at(value)), width - FOLDS_LEFT - 8, 1]),
      theme.line,
    );
    list.forEach((value) =>
      pen.text(write(value), FOLDS_LEFT - 6, y.at(value) + 4, { colour: theme.soft, align: "right", size: 11 }),
    );
    names.forEach((name, fold) => this.#fold(pen, name, fold, width, theme));
    pen.rects([FOLDS_LEFT, Math.round(y.at(0)), width - FOLDS_LEFT - 8, 1], theme.ink);
    this.#head(pen, theme);
  }

  #fold(pen, name, fold, width, theme) {
    const { y, each } = this.#box;
    const wide = Math.min(each * 0.34, 46);
    const middle = FOLDS_LEFT + each * (fold + 0.5);
    const bar = (value, left) => [left, Math.min(y.at(value), y.at(0)), wide, Math.abs(y.at(value) - y.at(0))];
    const { inSample, outOfSample, unit } = this.#data;
    const write = writer(unit);
    const [before, after] = [inSample[fold], outOfSample[fold]];
    if (Number.isFinite(before)) pen.rects(bar(before, middle - wide - 1), theme.range);
    if (Number.isFinite(after)) pen.rects(bar(after, middle + 1), theme[after < 0 ? "loss" : "gain"]);
    if (wide >= 26) {
      const label = (value, x) =>
        pen.text(write(value), x, y.at(value) + (value < 0 ? 12 : -4), { colour: theme.ink, align: "center", size: 11 });
      label(before, middle - wide / 2 - 1);
      label(after, middle + wide / 2 + 1);
    }
    const text = fitted(pen, name, width, { size: 11 });
    const long = pen.measure(text, { size: 11 });
    const at = Math.min(Math.max(middle, long / 2), width - long / 2);
    const skip = Math.ceil((long + 8) / each);
    if (fold % skip === 0) pen.text(text, at, FOLDS_TALL - 8, { colour: theme.soft, align: "center", size: 11 });
  }

  #head(pen, theme) {
    let at = FOLDS_LEFT;
    const key = (text, colours) => {
      colours.forEach((colour) => {
        pen.rects([at, 6, 12, 11], colour);
        at += 13;
      });
      pen.text(text, at + 4, 16, { colour: theme.ink });
      at += pen.measure(text) + 20;
    };
    key("in sample", [theme.range]);
    key("out of sample: gain, loss", [theme.gain, theme.loss]);
  }

  #find(x) {
    const fold = Math.floor((x - FOLDS_LEFT) / this.#box.each);
    return fold >= 0 && fold < this.#data.names.length ? fold : -1;
  }

  #column = (fold) => [FOLDS_LEFT + this.#box.each * fold, FOLDS_ABOVE, this.#box.each, FOLDS_TALL - FOLDS_ABOVE - FOLDS_BELOW];

  #words(fold) {
    const { names, inSample, outOfSample, unit, metric, details } = this.#data;
    const write = writer(unit);
    return [
      names[fold],
      `${metric} in sample ${write(inSample[fold])}`,
      `out of sample ${write(outOfSample[fold])}`,
      details?.[fold],
    ].filter(Boolean);
  }

  #table() {
    const { names, inSample, outOfSample, unit, metric, details } = this.#data;
    const text = writer(unit);
    const columns = [names, inSample, outOfSample, details ?? []];
    return {
      columns: [
        { name: "fold", head: true },
        { name: `${metric} in sample`, text },
        { name: `${metric} out of sample`, text },
        { name: "winner", left: true },
      ],
      rows: names.length,
      at: (row, column) => columns[column][row],
    };
  }

  update(data) {
    this.#data = { ...this.#data, ...data };
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#explorer.reset();
    this.#frame.paint();
  }

  destroy() {
    this.#frame.destroy();
  }
}
