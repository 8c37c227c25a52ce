// The sections of a run: verdict, summary, equity, months, trades, distributions, walk-forward, receipt.
// Never computes a statistic: it shows what its data hold, and leaves out what they do not hold.

import { button, element, setText } from "./charts/elements.js";
import { counted, fixed, spaced, timeWriter, writer } from "./charts/format.js";
import { Folds } from "./charts/folds.js";
import { Histogram } from "./charts/histogram.js";
import { List } from "./charts/list.js";
import { MonthlyReturns } from "./charts/monthly.js";
import { TimeChart } from "./charts/time-chart.js";

/** Milliseconds for which a button says what it did. */
const SAID = 2_500;
/** How far from what is seen a section is filled that waits. */
const AHEAD = "600px";

/** Where sections go: under headings of one level in one node. It keeps their charts, to take them away together. */
export class Sections {
  #node;
  #options;
  #charts = [];
  #waiting = new Map();
  #watch = null;
  #ends = new AbortController();

  /**
   * `level` is that of the headings, `prefix` stands before the ids, `listed(node, title)` is told of each section; with `lazy`,
   * a section that `later` makes is filled when it comes near to what is seen.
   */
  constructor(node, { level = 2, prefix = "", listed = () => {}, lazy = false } = {}) {
    this.#node = node;
    this.#options = { prefix, listed };
    this.level = level;
    if (!lazy) return;
    this.#watch = new IntersectionObserver(
      (seen) => seen.forEach(({ isIntersecting, target }) => isIntersecting && this.#fill(target)),
      {
        rootMargin: AHEAD,
      },
    );
    addEventListener("beforeprint", () => this.all(), { signal: this.#ends.signal });
  }

  /** Makes a section; where it is one chart, the chart has the heading. */
  make(id, title, headed = true) {
    const { prefix, listed } = this.#options;
    const heading = headed ? element(`h${this.level}`, { class: "section-title" }, title) : null;
    const node = element("section", { id: prefix + id, "aria-label": title }, heading);
    this.#node.append(node);
    listed(node, title);
    return node;
  }

  /** Makes a section that `fill(node)` fills: at once, or when it is needed. */
  later(id, title, fill, headed = false) {
    const node = this.make(id, title, headed);
    if (!this.#watch) fill(node);
    else {
      node.classList.add("section-waits");
      this.#waiting.set(node, fill);
      this.#watch.observe(node);
    }
    return node;
  }

  #fill(node) {
    const fill = this.#waiting.get(node);
    if (!fill) return;
    this.#waiting.delete(node);
    this.#watch.unobserve(node);
    node.classList.remove("section-waits");
    fill(node);
  }

  /** Fills all sections that wait. */
  all() {
    [...this.#waiting.keys()].forEach((node) => this.#fill(node));
  }

  /** Keeps a chart; returns it. */
  keep(chart) {
    this.#charts.push(chart);
    return chart;
  }

  destroy() {
    this.#ends.abort();
    this.#watch?.disconnect();
    this.#charts.forEach((chart) => chart.destroy());
    this.#node.replaceChildren();
  }
}

/** A list of what is not shown, and why; null where there is nothing to say. */
export const notesOf = ({ notes = [] }) =>
  notes.length > 0 ? element("ul", { class: "notes" }, ...notes.map((text) => element("li", {}, text))) : null;

/** Copies the text of a node; where the browser does not let scripts do that, the text is selected for the reader to copy. */
async function copyFrom(node) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(node);
    return document.execCommand("copy");
  }
}

/** A command line with a button that copies it, and says so. */
export function commandLine(line, label = "Its command") {
  const text = element("pre", { class: "command", tabindex: 0, role: "region", "aria-label": label }, line);
  const said = element("span", { class: "said", role: "status" });
  const press = async () => {
    const copied = await copyFrom(text);
    setText(said, copied ? "copied" : "selected; copy it with Ctrl+C");
    setTimeout(() => setText(said, ""), SAID);
  };
  return element(
    "div",
    { class: "command-line" },
    text,
    element("div", { class: "copy" }, button("Copy the command", press), said),
  );
}

/** Names and texts side by side. */
export const facts = (pairs) =>
  element(
    "dl",
    { class: "facts" },
    ...pairs.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))),
  );

export function verdict(place, { verdict: found }) {
  if (!found) return;
  const node = place.make("verdict", "Verdict");
  node.append(element("p", { class: "verdict", "data-level": found.level }, element("b", {}, found.level), " ", found.words));
  // A single reason is in the words already.
  if (found.reasons?.length > 1) node.append(element("ul", {}, ...found.reasons.map((text) => element("li", {}, text))));
  if (found.facts) node.append(facts(found.facts));
}

/** Metrics in two tables that stand side by side where there is room. */
function figures(rows, benchmark, caption) {
  const middle = Math.ceil(rows.length / 2);
  const parts = [rows.slice(0, middle), rows.slice(middle)].filter((part) => part.length > 0);
  return element("div", { class: "summary" }, ...parts.map((part) => figuresOf(part, benchmark, caption)));
}

function figuresOf(rows, benchmark, caption) {
  const beside = rows.some((row) => Number.isFinite(row.benchmark));
  const head = ["metric", "strategy", ...(beside ? [benchmark?.name ?? "benchmark"] : [])];
  return element(
    "table",
    {},
    element("caption", { class: "chart-unseen" }, caption),
    element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
    element("tbody", {}, ...rows.map((row) => figure(row, beside))),
  );
}

function figure({ name, unit, value, benchmark: other }, beside) {
  const write = writer(unit);
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, spaced(name)),
    element("td", {}, write(value)),
    beside ? element("td", {}, Number.isFinite(other) ? write(other) : "") : null,
  );
}

/** The metrics that one reads first, and all others behind a press. */
export function summary(place, { summary: rows, metrics: all, benchmark }) {
  if (!rows) return;
  const node = place.make("summary", "Summary");
  node.append(figures(rows, benchmark, "Summary"));
  if (!(all?.length > 0)) return;
  const head = element("summary", {}, `All metrics (${fixed(all.length, 0)})`);
  node.append(element("details", { class: "all-metrics" }, head, figures(all, benchmark, "All metrics")));
}

/** The falls from the highest value so far; the account's cash is the first. */
function drawdownOf(values, cash = -Infinity) {
  let most = cash;
  return Float64Array.from(values, (value) => {
    if (value > most) most = value;
    return Number.isNaN(value) ? NaN : value / most - 1;
  });
}

function equityPanes({ cash, equity, benchmark }, share) {
  const other = (values, thin) =>
    benchmark ? [{ type: "line", name: benchmark.name, values, colour: "second", dash: true, thin }] : [];
  const lines = [{ type: "line", name: "strategy", values: equity }, ...other(benchmark?.values)];
  const beside = other(benchmark && drawdownOf(benchmark.values, cash), true);
  const below = [
    { type: "area", name: "drawdown", colour: "first", values: drawdownOf(equity, cash) },
    ...beside.map((line) => ({ ...line, name: `drawdown of ${benchmark.name}` })),
  ];
  return [
    { name: "Equity", unit: "money", height: share, canLog: true, log: equity[equity.length - 1] > 5 * equity[0], series: lines },
    { name: "Drawdown", unit: "share", height: 1, series: below },
  ];
}

const span = (times) => `${timeWriter(times)(times[0])} to ${timeWriter(times)(times[times.length - 1])}`;

export function equity(place, data) {
  if (!data.equity || !data.times) return;
  const node = place.make("equity", "Equity and drawdown", false);
  const caption = `${counted(data.times.length, "bar")}, ${span(data.times)}${data.zone ? `, ${data.zone}` : ""}.`;
  const { level } = place;
  const panes = equityPanes(data, 2);
  place.keep(new TimeChart(node, { level, title: "Equity and drawdown", caption, times: data.times, panes }));
}

export function months(place, { months: table }) {
  if (!table) return;
  const caption = "Per cent; the last column is the year's return.";
  const node = place.make("months", "Monthly returns", false);
  place.keep(new MonthlyReturns(node, { level: place.level, title: "Monthly returns", caption, ...table }));
}

export function trades(place, data) {
  if (!data.trades || !data.times) return;
  const node = place.make("trades", data.bars ? "Trades on prices" : "Trades");
  tradeList(place, node, data, data.bars ? tradeChart(place, node, data) : null);
}

function tradeChart(place, node, { bars, times, equity: values, trades: list }) {
  const prices = {
    name: bars.symbol,
    unit: "price",
    height: 3,
    canLog: true,
    log: bars.close[bars.close.length - 1] > 5 * bars.close[0],
    trades: true,
    series: [{ type: "candles", name: bars.symbol, ...bars }],
  };
  const below = { name: "Equity", unit: "money", height: 1, canLog: true, series: [{ type: "line", name: "equity", values }] };
  const caption =
    "Arrows are entries, squares are exits, blue gained and orange lost; the band at the foot shows when a position was held.";
  const panes = values ? [prices, below] : [prices];
  const level = place.level + 1;
  return place.keep(new TimeChart(node, { level, title: `${bars.symbol} and trades`, caption, times, panes, trades: list }));
}

/** How many trades there are; one that is open has not ended with the data. */
function countOf({ entry, open }) {
  const still = open?.filter(Boolean).length ?? 0;
  return `${counted(entry.length, "trade")}${still > 0 ? `, ${fixed(still, 0)} of them still open` : ""}.`;
}

function tradeList(place, node, { trades: list, times }, chart) {
  const time = timeWriter(times);
  const columns = [
    { name: "entry", of: (n) => time(times[list.entry[n]]) },
    { name: "exit", of: (n) => (list.open?.[n] ? "open" : time(times[list.exit[n]])) },
    { name: "side", of: (n) => (list.side[n] > 0 ? "long" : "short"), left: true },
    list.reason?.some(Boolean) && { name: "reason", of: (n) => list.reason[n] || "", left: true },
    { name: "entry price", of: (n) => list.entryPrice[n], text: writer("price") },
    { name: "exit price", of: (n) => list.exitPrice[n], text: writer("price") },
    { name: "profit", of: (n) => list.profit[n], text: writer("money"), signed: true },
    { name: "return", of: (n) => list.share[n], text: writer("share"), signed: true },
    list.bars && { name: "bars", of: (n) => list.bars[n], text: writer("count") },
  ].filter(Boolean);
  const open = (n) => {
    chart.showTrade(n);
    node.querySelector(".chart-time").focus({ preventScroll: true });
    node.scrollIntoView();
  };
  const table = {
    level: place.level + 1,
    title: "List of trades",
    caption: countOf(list),
    columns,
    rows: list.entry.length,
    at: (n, column) => columns[column].of(n),
    open: chart && open,
  };
  place.keep(new List(node, table));
}

export function distributions(place, { trades: list, returns }) {
  const made = list?.share.length > 0;
  if (!made && !returns) return;
  const pair = element("div", { class: "pair" });
  place.make("distributions", "Distributions").append(pair);
  const level = place.level + 1;
  const caption = "Of the position's value, after costs.";
  const traded = { level, title: "Returns of trades", caption, unit: "share", what: "trade" };
  if (made) place.keep(new Histogram(pair, { ...traded, values: list.share }));
  if (returns) place.keep(new Histogram(pair, { level, ...periodic(returns) }));
}

/** The time without a position would be one tall bar beside all others. */
function periodic({ period, values }) {
  const what = period === "daily" ? "day" : "period";
  const moved = values.filter((value) => value !== 0);
  const still = values.length - moved.length;
  const caption = still > 0 ? `Of equity; ${counted(still, what)} without any change are left out.` : "Of equity.";
  return { title: `Returns, ${period}`, caption, values: moved, unit: "share", what };
}

export function folds(place, { walkForward: found }) {
  if (!found) return;
  const title = `Walk-forward: ${found.metric} in sample and out of sample`;
  const node = place.make("walk-forward", "Walk-forward", false);
  place.keep(new Folds(node, { level: place.level, title, caption: found.words, ...found }));
}

export function receipt(place, { receipt: pairs }) {
  if (!pairs) return;
  place.make("receipt", "Receipt").append(facts(pairs));
}
