// A list of rows as a real table: trades, the best combinations. Sorted by a press on a heading; a row can be opened.
// Never ranks: the order in which rows come is kept until someone sorts.

import { button, element } from "./elements.js";
import { counted, exact, fixed } from "./format.js";
import { Frame } from "./frame.js";
import { scrollBox } from "./tables.js";

/** Rows that are shown at first, how many more for each press, and the most that are printed and drawn. */
const [AT_FIRST, MORE, PRINTED, DRAWN] = [25, 100, 1_000, 40];

export class List {
  #frame;
  #data;
  #order = [];
  #sorted = { column: -1, up: false };
  #shown = AT_FIRST;
  #node;

  /**
   * `data`: `title`, `caption`, `columns` ({ name, text, left, signed }), `rows` (their number), `at(row, column)`,
   * and perhaps `open(row)`, `opens` (the word on its button).
   */
  constructor(container, data) {
    this.#node = scrollBox(`Table: ${data.title}`);
    this.#frame = new Frame(container, {
      ...data,
      still: this.#node,
      printing: (on) => this.#fill(on),
      height: () => 24 * (Math.min(this.#data.rows, DRAWN + 1) + 1),
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#take(data);
  }

  #take(data) {
    this.#data = data;
    this.#order = Array.from({ length: data.rows }, (_, row) => row);
    this.#sorted = { column: -1, up: false };
    this.#shown = AT_FIRST;
    this.#fill();
  }

  #sort(column) {
    const up = this.#sorted.column === column ? !this.#sorted.up : false;
    this.#sorted = { column, up };
    const missing = (value) => value === null || value === undefined || Number.isNaN(value);
    const { at } = this.#data;
    this.#order.sort((a, b) => {
      const [one, other] = [at(a, column), at(b, column)];
      if (missing(one) || missing(other)) return missing(one) - missing(other);
      return (up ? 1 : -1) * (one < other ? -1 : one > other ? 1 : 0);
    });
    this.#fill();
    this.#node.querySelectorAll("thead button")[column].focus();
    this.#frame.announce(`sorted by ${this.#data.columns[column].name}, ${up ? "lowest" : "highest"} first`);
  }

  #head({ name, left }, column) {
    const sorted = this.#sorted.column === column;
    const sign = sorted ? (this.#sorted.up ? " ↑" : " ↓") : "";
    const order = sorted ? (this.#sorted.up ? "ascending" : "descending") : null;
    return element(
      "th",
      { scope: "col", "aria-sort": order, class: left ? "chart-left" : null },
      element("button", { type: "button", class: "chart-sort", on: { click: () => this.#sort(column) } }, name + sign),
    );
  }

  /** Paper has no buttons: it gets all rows at once, as far as it is sensible. */
  #fill(paper = false) {
    const { columns, rows, at, open, opens = "Show" } = this.#data;
    const shown = Math.min(paper ? Math.max(PRINTED, this.#shown) : this.#shown, rows);
    const body = this.#order.slice(0, shown).map((row) =>
      element(
        "tr",
        {},
        ...columns.map((column, place) => item(column, at(row, place))),
        open
          ? element(
              "td",
              {},
              button(opens, () => open(row), { "aria-label": `${opens} row ${row + 1}` }),
            )
          : null,
      ),
    );
    const extra = open ? element("td") : null;
    this.#node.replaceChildren(
      element(
        "table",
        {},
        element("caption", { class: "chart-unseen" }, this.#data.title),
        element("thead", {}, element("tr", {}, ...columns.map((column, place) => this.#head(column, place)), extra)),
        element("tbody", {}, ...body),
      ),
    );
    this.#frame.controls.replaceChildren(...(shown < rows ? this.#rest(shown, rows) : []));
  }

  /** How many rows are missing, and the button that shows more. */
  #rest(shown, rows) {
    const left = fixed(rows - shown, 0);
    const note = `${fixed(shown, 0)} of ${counted(rows, "row")}; ${left} are left out here, the CSV file has all.`;
    const more = () => {
      this.#shown += MORE;
      this.#fill();
      (this.#frame.controls.querySelector("button") ?? this.#node).focus();
    };
    return [element("span", { class: "chart-note" }, note), button("More rows", more)];
  }

  #paint(pen, width, theme) {
    const { columns, rows, at } = this.#data;
    const each = width / columns.length;
    const soft = { colour: theme.soft, align: "right", size: 11 };
    columns.forEach(({ name }, n) => pen.text(name, each * (n + 1) - 6, 16, soft));
    this.#order
      .slice(0, DRAWN)
      .forEach((row, line) =>
        columns.forEach(({ text = exact }, n) =>
          pen.text(text(at(row, n)), each * (n + 1) - 6, 24 * (line + 1) + 16, { colour: theme.ink, align: "right", size: 11 }),
        ),
      );
    if (rows > DRAWN) pen.text(`and ${fixed(rows - DRAWN, 0)} more`, each - 6, 24 * (DRAWN + 1) + 16, soft);
  }

  #table() {
    const { columns, rows, at } = this.#data;
    return { columns, rows, at: (row, column) => at(this.#order[row], column) };
  }

  update(data) {
    this.#frame.describe(data.title ?? this.#data.title, data.caption ?? this.#data.caption);
    this.#take({ ...this.#data, ...data });
  }

  destroy() {
    this.#frame.destroy();
  }
}

function item({ text = exact, left, signed }, value) {
  const tone = signed && value < 0 ? "chart-loss" : signed && value > 0 ? "chart-gain" : null;
  return element("td", { class: [left && "chart-left", tone].filter(Boolean).join(" ") || null }, text(value));
}
