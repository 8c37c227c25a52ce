// The table of a chart: what a screen reader reads and a spreadsheet takes; and files to save.
// Never sends anything: files are made in the browser.

import { element } from "./elements.js";
import { counted, csvOf, exact } from "./format.js";

/** A table in the page has at most this many rows; the file has all. */
const LONGEST = 500;
/** And at most this many columns: a map of 400 values across has as many. */
const WIDEST_TABLE = 100;

/**
 * The table of `data`: `columns` are { name, text } where `text` writes a value, `rows` their number, `at(row, column)` a value.
 * A column with `head` names its row.
 */
export function tableOf({ columns: all, rows, at, note = "" }, caption) {
  const columns = all.slice(0, WIDEST_TABLE);
  const write = ({ text = exact }, value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : text(value));
  const head = columns.map(({ name, left }) => element("th", { scope: "col", class: left ? "chart-left" : null }, name));
  const body = Array.from({ length: Math.min(rows, LONGEST) }, (_, row) =>
    element("tr", {}, ...columns.map((column, place) => cell(column, write(column, at(row, place))))),
  );
  const cut = [
    rows > LONGEST && `the first ${counted(LONGEST, "row")} of ${counted(rows, "row")}`,
    all.length > WIDEST_TABLE && `the first ${counted(WIDEST_TABLE, "column")} of ${counted(all.length, "column")}`,
  ].filter(Boolean);
  const table = element(
    "table",
    {},
    element("caption", { class: "chart-unseen" }, caption),
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  const words = [note, cut.length > 0 && `Here are ${cut.join(" and ")}; the CSV file has all.`].filter(Boolean).join(" ");
  const box = scrollBox(`Table: ${caption}`);
  box.append(table);
  return [words ? element("p", { class: "chart-note" }, words) : null, box].filter(Boolean);
}

/** A box that scrolls, also by keys. Where there is more to the right, its edge fades. */
export function scrollBox(label) {
  const box = element("div", { class: "chart-scroll", tabindex: 0, role: "region", "aria-label": label });
  const look = () => box.classList.toggle("chart-more", box.scrollLeft + box.clientWidth < box.scrollWidth - 2);
  box.addEventListener("scroll", look, { passive: true });
  new ResizeObserver(look).observe(box);
  return box;
}

const cell = ({ head, left }, text) =>
  head ? element("th", { scope: "row" }, text) : element("td", { class: left ? "chart-left" : null }, text);

/** Saves a text as a file. */
export function saveText(name, media, text) {
  const address = URL.createObjectURL(new Blob([text], { type: media }));
  const link = element("a", { href: address, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Saves a table as CSV; a mark at its start tells spreadsheets that it is UTF-8. */
export const saveTable = (name, table) => saveText(`${name}.csv`, "text/csv;charset=utf-8", `\ufeff${csvOf(table)}`);

/** Saves an SVG node as a file of its own. */
export const saveImage = (name, root) =>
  saveText(
    `${name}.svg`,
    "image/svg+xml",
    `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(root)}`,
  );

/** A file name made of a title. */
export const fileName = (title) =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 60) || "chart";
