// The table of monthly returns: a row for each year, a column for each month, and the year's own return.
// Never compounds: all returns are given.

import { colourScale, contrasting, rgb } from "./colours.js";
import { element } from "./elements.js";
import { MONTHS, fixed } from "./format.js";
import { Frame } from "./frame.js";
import { scrollBox } from "./tables.js";

const [MONTHS_ROW, MONTHS_LABEL] = [22, 48];

export class MonthlyReturns {
  #frame;
  #data;
  #node;

  /** `data`: `title`, `caption`, `years` (numbers, from the first on), `months` (12 for each year, NaN where none), `totals`. */
  constructor(container, data) {
    this.#data = data;
    this.#node = scrollBox(`Table: ${data.title}`);
    this.#frame = new Frame(container, {
      ...data,
      still: this.#node,
      height: () => MONTHS_ROW * (this.#data.years.length + 1),
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#fill();
  }

  /** One scale that parts at zero, the same to both sides; extremes are cut as in a heatmap. */
  #scale() {
    const known = Array.from(this.#data.months).filter(Number.isFinite);
    return colourScale([...known, ...known.map((value) => -value)]);
  }

  #fill() {
    const { years, months, totals } = this.#data;
    const scale = this.#scale();
    const head = element("tr", {}, ...["year", ...MONTHS, "all"].map((text) => element("th", { scope: "col" }, text)));
    const rows = years.map((year, n) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, String(year)),
        ...MONTHS.map((_, month) => coloured(scale, months[12 * n + month])),
        element("td", { class: "chart-total" }, percent(totals[n])),
      ),
    );
    const caption = element("caption", { class: "chart-unseen" }, `${this.#data.title}, in per cent`);
    this.#node.replaceChildren(
      element("table", { class: "chart-months" }, caption, element("thead", {}, head), element("tbody", {}, ...rows)),
    );
  }

  #paint(pen, width, theme) {
    const { years, months, totals } = this.#data;
    const scale = this.#scale();
    const each = (width - MONTHS_LABEL) / 13;
    const middle = (column) => MONTHS_LABEL + each * (column + 0.5);
    [...MONTHS, "all"].forEach((text, column) => pen.text(text, middle(column), 15, { colour: theme.soft, align: "center" }));
    years.forEach((year, n) => {
      const top = MONTHS_ROW * (n + 1);
      pen.text(String(year), 4, top + 15, { colour: theme.ink, bold: true });
      MONTHS.forEach((_, month) => {
        const value = months[12 * n + month];
        if (!Number.isFinite(value)) return;
        const colour = scale.colour(value);
        pen.rects([MONTHS_LABEL + each * month, top, each - 1, MONTHS_ROW - 1], rgb(colour));
        pen.text(percent(value), middle(month), top + 15, { colour: contrasting(colour), align: "center", size: 11 });
      });
      pen.text(percent(totals[n]), middle(12), top + 15, { colour: theme.ink, bold: true, align: "center", size: 11 });
    });
  }

  #table() {
    const { years, months, totals } = this.#data;
    return {
      columns: ["year", ...MONTHS, "all"].map((name) => ({ name })),
      rows: years.length,
      at: (row, column) => (column === 0 ? years[row] : column === 13 ? totals[row] : months[12 * row + column - 1]),
    };
  }

  update(data) {
    this.#data = { ...this.#data, ...data };
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#fill();
  }

  destroy() {
    this.#frame.destroy();
  }
}

const percent = (value) => (Number.isFinite(value) ? fixed(value * 100, 1) : "");

function coloured(scale, value) {
  if (!Number.isFinite(value)) return element("td");
  const cell = element("td", {}, percent(value));
  const colour = scale.colour(value);
  cell.style.setProperty("background", rgb(colour));
  cell.style.setProperty("color", contrasting(colour));
  return cell;
}
