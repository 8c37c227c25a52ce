// The combinations of a sweep as a table: sorted by any column, kept by typed conditions, in pages.
// Never draws more rows than a page has, so that 200,000 of them are as quick as 20.

import { conditionOf } from "./conditions.js";
import { button, element, setText } from "./elements.js";
import { counted, exact, fixed, spaced } from "./format.js";
import { Frame } from "./frame.js";
import { DONE, FAILED_ROW, Lattice } from "./lattice.js";
import { scrollBox } from "./tables.js";

/** Rows of a page, the most that are printed and drawn, and how many metrics are columns at first. */
const [PAGE_ROWS, PAPER_ROWS, IMAGE_ROWS, SHOWN_METRICS] = [25, 100, 40, 7];
/** Milliseconds from the last key to the rows that are kept. */
const TYPING = 150;
let tables = 0;

export class Combinations {
  #frame;
  #data;
  #lattice;
  #columns = [];
  #hidden = new Set();
  #ranks;
  #base;
  #order;
  #sorted = { column: 0, up: true };
  #condition = null;
  #other = null;
  #first = 0;
  #typing = 0;
  #scroll;
  #pages = element("div", { class: "chart-pages" });
  #parts;

  /**
   * `data`: `title`, `caption`, a `lattice`; perhaps `open(row)` with `opens` (the word for it), `links` (for a
   * column's name `press(row)`, and `words` for where it leads), `chosen` (a row), `ranked` (its rows in the order of their rank,
   * where that is not the order of the first metric).
   */
  constructor(container, data) {
    this.#scroll = scrollBox(`Table: ${data.title}`);
    this.#frame = new Frame(container, {
      ...data,
      still: element("div", {}, this.#scroll, this.#pages),
      printing: (on) => this.#fill(on),
      height: () => 24 * (Math.min(this.#order.length, IMAGE_ROWS + 1) + 1),
      paint: (pen, width, height, theme) => this.#paint(pen, width, theme),
      table: () => this.#table(),
    });
    this.#frame.root.classList.add("chart-combinations");
    this.#take(data);
  }

  #take(data) {
    this.#data = data;
    this.#lattice = data.lattice instanceof Lattice ? data.lattice : new Lattice(data.lattice);
    const [objective] = this.#lattice.metrics;
    const known = this.#lattice.ranked(objective);
    const ranked = data.ranked ?? known;
    this.#ranks = new Int32Array(this.#lattice.count);
    ranked.forEach((row, n) => (this.#ranks[row] = n + 1));
    // What has no rank comes last: first what has a value, then what is undefined, then what failed.
    const failed = (row) => Number(this.#lattice.failed?.[row] ?? 0);
    const rest = Int32Array.from({ length: this.#lattice.count }, (_, row) => row).filter(
      (row) => this.#lattice.outcome(row, objective) !== DONE,
    );
    this.#base = Int32Array.from([
      ...ranked,
      ...known.filter((row) => this.#ranks[row] === 0),
      ...rest.sort((a, b) => failed(a) - failed(b) || a - b),
    ]);
    this.#columns = this.#columnsOf(objective);
    this.#sorted = { column: 0, up: true };
    this.#condition = this.#other = null;
    this.#arrange(known);
    this.#keep();
  }

  #columnsOf(objective) {
    const { axes, places, labels, metrics } = this.#lattice;
    const rank = { name: "rank", of: (row) => this.#ranks[row] || NaN, text: (value) => fixed(value, 0), up: true };
    const outcome = { name: "outcome", of: (row) => this.#outcome(row, objective), left: true, up: true };
    this.#hidden = new Set(["outcome", ...metrics.slice(SHOWN_METRICS).map(({ name }) => `metric ${name}`)]);
    return [
      { ...rank, id: "rank" },
      ...axes.map(({ name, values }, axis) => ({
        id: `axis ${name}`,
        name,
        of: (row) => values[places[axis][row]],
        text: labels[axis],
        up: true,
        axis: true,
      })),
      ...metrics.map((metric) => ({
        id: `metric ${metric.name}`,
        name: metric.name,
        metric,
        of: (row) => metric.values[row],
        text: this.#lattice.write(metric),
        up: metric.better === "min",
      })),
      { ...outcome, id: "outcome" },
    ];
  }

  #outcome(row, objective) {
    const found = this.#lattice.outcome(row, objective);
    return found === DONE ? (this.#ranks[row] > 0 ? "ranked" : "not ranked") : found === FAILED_ROW ? "failed" : "undefined";
  }

  /** The names that conditions know: parameters before metrics, and what became of a row. */
  #names() {
    const [objective] = this.#lattice.metrics;
    const flag = (name) => [name, { of: (row) => this.#outcome(row, objective) === name, flag: true }];
    const own = [...this.#columns].reverse().filter(({ id }) => id !== "outcome");
    return new Map([flag("failed"), flag("undefined"), ...own.map((column) => [column.name, { of: column.of }])]);
  }

  #arrange(known) {
    tables += 1;
    const id = `chart-only-${tables}`;
    const field = element("input", {
      type: "text",
      id,
      spellcheck: "false",
      autocomplete: "off",
      placeholder: this.#example(known),
      "aria-describedby": `${id}-trouble`,
      on: { input: () => this.#typed() },
    });
    const trouble = element("p", { class: "chart-trouble", id: `${id}-trouble`, role: "status" });
    const label = element("label", { class: "chart-field chart-only", for: id }, element("span", {}, "Only where"), field);
    const count = element("p", { class: "chart-note chart-count" });
    const clear = button("Clear", () => this.where(""), { hidden: true });
    this.#parts = { field, trouble, count, clear };
    this.#frame.controls.replaceChildren(label, clear, this.#choices(), count, trouble);
  }

  /** A condition that some rows pass: half of the values of a parameter, and about the best quarter. */
  #example(known) {
    const [objective] = this.#lattice.metrics;
    const numbers = this.#lattice.axes.find(({ values }) => typeof values[0] === "number" && values.length > 1);
    const middle = numbers?.values[Math.floor(numbers.values.length / 2)];
    const good = objective?.values[known[Math.floor(known.length / 4)]];
    const sign = objective?.better === "min" ? "<" : ">";
    const parts = [
      numbers && `${numbers.name} < ${middle}`,
      good !== undefined && `${objective.name} ${sign} ${Number(good.toPrecision(2))}`,
    ];
    return parts.filter(Boolean).join(" and ");
  }

  #choices() {
    const box = ({ id, name }) =>
      element(
        "label",
        {},
        element("input", {
          type: "checkbox",
          checked: !this.#hidden.has(id),
          on: { change: (event) => this.#hide(id, !event.target.checked) },
        }),
        ` ${spaced(name)}`,
      );
    const boxes = this.#columns.filter(({ id }) => id !== "rank").map(box);
    const list = element("div", { class: "chart-choices", role: "group", "aria-label": "Columns" }, ...boxes);
    const node = element("details", { class: "chart-menu" }, element("summary", { class: "chart-button" }, "Columns"), list);
    node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !node.open) return;
      node.open = false;
      node.querySelector("summary").focus();
    });
    node.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !node.contains(relatedTarget)) node.open = false;
    });
    return node;
  }

  #hide(id, hidden) {
    if (hidden) this.#hidden.add(id);
    else this.#hidden.delete(id);
    this.#fill();
  }

  get #seen() {
    return this.#columns.filter(({ id }) => !this.#hidden.has(id));
  }

  #typed() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#read(), TYPING);
  }

  #read() {
    const text = this.#parts.field.value;
    const { trouble, field } = this.#parts;
    try {
      this.#condition = text.trim() ? conditionOf(text, this.#names()) : null;
      setText(trouble, "");
      field.removeAttribute("aria-invalid");
    } catch (problem) {
      // The rows stay those of the last condition that was understood.
      setText(trouble, problem.message);
      return field.setAttribute("aria-invalid", "true");
    }
    this.#keep();
    this.#frame.announce(this.#counting());
  }

  /** Keeps the rows that a condition is true of, as if it were typed. */
  where(text) {
    this.#parts.field.value = text;
    this.#read();
    this.#parts.field.focus();
  }

  /** Keeps only rows that pass another test, too; null takes it away. `words` say what the test is. */
  only(test, words = "") {
    this.#other = test && { test, words };
    this.#keep();
  }

  #keep() {
    const [condition, other] = [this.#condition, this.#other?.test];
    const all = this.#base;
    this.#order =
      condition || other ? all.filter((row) => (!condition || condition(row)) && (!other || other(row))) : all.slice();
    this.#first = 0;
    if (this.#sorted.column > 0 || !this.#sorted.up) this.#sort();
    setText(this.#parts.count, this.#counting());
    this.#parts.clear.hidden = !this.#condition && !this.#parts.field.value;
    this.#fill();
  }

  #counting() {
    const [kept, all] = [this.#order.length, this.#lattice.count];
    const brushed = this.#other ? `, ${this.#other.words}` : "";
    return kept === all ? counted(all, "combination") : `${fixed(kept, 0)} of ${counted(all, "combination")}${brushed}`;
  }

  #sort() {
    const { of } = this.#columns[this.#sorted.column];
    const sign = this.#sorted.up ? 1 : -1;
    const values = Array.from({ length: this.#lattice.count });
    for (const row of this.#order) values[row] = of(row);
    const missing = (value) => value === null || value === undefined || Number.isNaN(value);
    this.#order.sort((a, b) => {
      const [one, other] = [values[a], values[b]];
      if (missing(one) || missing(other)) return missing(one) - missing(other) || a - b;
      return sign * (one < other ? -1 : one > other ? 1 : 0) || a - b;
    });
  }

  #sortBy(id) {
    const column = this.#columns.findIndex((one) => one.id === id);
    const { name, up: natural } = this.#columns[column];
    const up = this.#sorted.column === column ? !this.#sorted.up : natural;
    this.#sorted = { column, up };
    this.#first = 0;
    this.#sort();
    this.#fill();
    this.#scroll.querySelectorAll("thead button")[this.#seen.findIndex((one) => one.id === id)].focus();
    this.#frame.announce(`sorted by ${name}, ${up ? "lowest" : "highest"} first`);
  }

  #head({ id, name, left, axis }) {
    const sorted = this.#columns[this.#sorted.column].id === id;
    const order = sorted ? (this.#sorted.up ? "ascending" : "descending") : null;
    const sign = element("span", { class: "chart-order", "aria-hidden": "true" }, sorted ? (this.#sorted.up ? " ↑" : " ↓") : "");
    const press = () => this.#sortBy(id);
    const title = axis ? name : spaced(name);
    return element(
      "th",
      { scope: "col", "aria-sort": order, class: left ? "chart-left" : null },
      element("button", { type: "button", class: "chart-sort", on: { click: press } }, title, sign),
    );
  }

  #item(row, column) {
    const { id, name, left, axis } = column;
    const words = this.#words(row, column);
    const odd = id !== "outcome" && this.#odd(row, column);
    const kind = [left && "chart-left", axis && "chart-axis", odd && "chart-odd"].filter(Boolean).join(" ") || null;
    const link = this.#data.links?.[name];
    if (link)
      return element(
        "td",
        { class: kind },
        this.#link(row, words, link.words, () => link.press(row)),
      );
    if (id !== "rank" || !this.#data.open) return element("td", { class: kind }, words);
    return element("td", {}, this.#link(row, words, this.#data.opens ?? "show", null));
  }

  /** A button in a cell; a press on one without a deed of its own is one on its row. */
  #link(row, text, words, press) {
    const label = `${text}: ${words} ${this.#called(row)}`;
    return element(
      "button",
      { type: "button", class: "chart-cell", "aria-label": label, on: press ? { click: press } : {} },
      text,
    );
  }

  /** True for the metric that says why a row has no rank. */
  #odd = (row, { metric }) => metric === this.#lattice.metrics[0] && this.#lattice.outcome(row, metric) !== DONE;

  #words(row, column) {
    if (this.#odd(row, column)) return this.#lattice.words(row, column.metric);
    const value = column.of(row);
    const { text = exact } = column;
    return value === null || value === undefined || Number.isNaN(value) ? "–" : text(value);
  }

  #called = (row) =>
    this.#lattice
      .params(row)
      .map(([name, value]) => `${name} ${exact(value)}`)
      .join(", ");

  /** Paper has no pages: it gets all rows at once, as far as it is sensible. */
  #fill(paper = false) {
    const columns = this.#seen;
    const rows = paper ? this.#order.slice(0, PAPER_ROWS) : this.#order.slice(this.#first, this.#first + PAGE_ROWS);
    const { chosen = -1, open } = this.#data;
    const line = (row) =>
      element(
        "tr",
        { "data-row": row, class: open ? "chart-opens" : null, "aria-current": row === chosen ? "true" : null },
        ...columns.map((column) => this.#item(row, column)),
      );
    const body = element("tbody", {}, ...[...rows].map(line));
    if (open) this.#listen(body);
    this.#scroll.replaceChildren(
      element(
        "table",
        {},
        element("caption", { class: "chart-unseen" }, this.#data.title),
        element("thead", {}, element("tr", {}, ...columns.map((column) => this.#head(column)))),
        body,
      ),
    );
    if (rows.length === 0) this.#scroll.append(element("p", { class: "chart-note" }, "No combination passes."));
    this.#turning(paper ? rows.length : null);
  }

  #listen(body) {
    body.addEventListener("click", ({ target }) => {
      // Someone who marks text to copy it opens nothing.
      if (String(getSelection()).length > 0) return;
      const row = target.closest("tr")?.dataset.row;
      if (row !== undefined) this.#data.open(Number(row));
    });
    body.addEventListener("keydown", (event) => this.#step(event));
  }

  /** Arrow keys go from row to row, Page Up and Page Down from page to page. */
  #step(event) {
    const line = event.target.closest("tr");
    const next = { ArrowDown: line?.nextElementSibling, ArrowUp: line?.previousElementSibling }[event.key];
    const turned = { PageDown: PAGE_ROWS, PageUp: -PAGE_ROWS }[event.key];
    if (!next && !turned) return;
    event.preventDefault();
    if (next) return next.querySelector("button").focus();
    this.#turn(this.#first + turned);
    this.#scroll.querySelector("tbody button")?.focus();
  }

  #turn(first) {
    const last = Math.max(Math.ceil(this.#order.length / PAGE_ROWS) - 1, 0) * PAGE_ROWS;
    this.#first = Math.min(Math.max(first, 0), last);
    this.#fill();
  }

  /** Which rows are seen, and the buttons that turn pages. */
  #turning(printed) {
    const all = this.#order.length;
    const end = printed ?? Math.min(this.#first + PAGE_ROWS, all);
    const first = printed === null ? this.#first : 0;
    const note = element(
      "span",
      { class: "chart-note" },
      all > 0 ? `${fixed(first + 1, 0)}–${fixed(end, 0)} of ${fixed(all, 0)}` : "",
    );
    this.#pages.hidden = all <= PAGE_ROWS;
    const kept = this.#pages.contains(document.activeElement) ? document.activeElement.textContent : null;
    const press = (text, name, to, off) => button(text, () => this.#turn(to), { "aria-label": name, title: name, disabled: off });
    this.#pages.replaceChildren(
      press("«", "First page", 0, first === 0),
      press("‹", "Page before", first - PAGE_ROWS, first === 0),
      note,
      press("›", "Next page", first + PAGE_ROWS, end >= all),
      press("»", "Last page", all, end >= all),
    );
    if (kept)
      (
        [...this.#pages.querySelectorAll("button")].find((one) => one.textContent === kept && !one.disabled) ?? this.#scroll
      ).focus();
  }

  #paint(pen, width, theme) {
    const columns = this.#seen;
    const each = width / columns.length;
    const soft = { colour: theme.soft, align: "right", size: 11 };
    const ink = { ...soft, colour: theme.ink };
    columns.forEach(({ name }, n) => pen.text(spaced(name), each * (n + 1) - 6, 16, soft));
    this.#order
      .slice(0, IMAGE_ROWS)
      .forEach((row, line) =>
        columns.forEach((column, n) => pen.text(this.#words(row, column), each * (n + 1) - 6, 24 * (line + 1) + 16, ink)),
      );
    const left = this.#order.length - IMAGE_ROWS;
    if (left > 0) pen.text(`and ${fixed(left, 0)} more`, each - 6, 24 * (IMAGE_ROWS + 1) + 16, { ...soft, align: "left" });
  }

  #table() {
    const columns = this.#columns;
    return { columns, rows: this.#order.length, at: (row, column) => columns[column].of(this.#order[row]) };
  }

  /** Marks a row. */
  choose(row) {
    this.#data = { ...this.#data, chosen: row };
    this.#scroll.querySelectorAll("tbody tr").forEach((line) => {
      if (Number(line.dataset.row) === row) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    });
  }

  update(data) {
    this.#frame.describe(data.title ?? this.#data.title, data.caption ?? this.#data.caption);
    this.#take({ ...this.#data, ...data });
  }

  destroy() {
    clearTimeout(this.#typing);
    this.#frame.destroy();
  }
}
