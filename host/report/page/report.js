// The report: sections in the order in which a quant reads, from the verdict to the receipt.
// Never computes a statistic: it shows what its data hold, and says what they do not hold.

import { element, setText, visible } from "./charts/elements.js";
import { counted, exact, fixed, timeWriter, writer } from "./charts/format.js";
import { Folds } from "./charts/folds.js";
import { Heatmap } from "./charts/heatmap.js";
import { Histogram } from "./charts/histogram.js";
import { Lattice } from "./charts/lattice.js";
import { List } from "./charts/list.js";
import { Marginals } from "./charts/marginals.js";
import { MonthlyReturns } from "./charts/monthly.js";
import { Neighbourhood } from "./charts/neighbours.js";
import { ParallelCoordinates } from "./charts/parallel.js";
import { TimeChart } from "./charts/time-chart.js";
import { unpackAll } from "./columns.js";

/** Makes a section and its entry in the list of contents; where it is one chart, the chart has the heading. */
function section(id, title, headed = true) {
  const node = element("section", { id, "aria-label": title }, headed ? element("h2", {}, title) : null);
  document.querySelector("main").append(node);
  document.querySelector("nav ul").append(element("li", {}, element("a", { href: `#${id}` }, title)));
  return node;
}

/** What the report does not hold, and why. */
function notes({ notes: list = [] }) {
  if (list.length === 0) return;
  document
    .querySelector("body > header")
    .append(element("ul", { class: "notes" }, ...list.map((text) => element("li", {}, text))));
}

const facts = (pairs) =>
  element(
    "dl",
    { class: "facts" },
    ...pairs.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))),
  );

function verdict({ verdict: found }) {
  if (!found) return;
  const node = section("verdict", "Verdict");
  node.append(element("p", { class: "verdict", "data-level": found.level }, element("b", {}, found.level), " ", found.words));
  // A single reason is in the words already.
  if (found.reasons?.length > 1) node.append(element("ul", {}, ...found.reasons.map((text) => element("li", {}, text))));
  if (found.facts) node.append(facts(found.facts));
}

function summary({ summary: rows, benchmark }) {
  if (!rows) return;
  const node = section("summary", "Summary");
  const beside = rows.some((row) => Number.isFinite(row.benchmark));
  const head = ["metric", "strategy", ...(beside ? [benchmark?.name ?? "benchmark"] : [])];
  const cells = ({ name, unit, value, benchmark: other }) => {
    const write = writer(unit);
    return [
      element("th", { scope: "row" }, name.replaceAll("_", " ")),
      element("td", {}, write(value)),
      beside ? element("td", {}, Number.isFinite(other) ? write(other) : "") : null,
    ];
  };
  node.append(
    element(
      "div",
      { class: "summary" },
      ...halves(rows).map((part) =>
        element(
          "table",
          {},
          element("caption", { class: "chart-unseen" }, "Summary"),
          element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { scope: "col" }, text)))),
          element("tbody", {}, ...part.map((row) => element("tr", {}, ...cells(row)))),
        ),
      ),
    ),
  );
}

function halves(rows) {
  const middle = Math.ceil(rows.length / 2);
  return [rows.slice(0, middle), rows.slice(middle)].filter((part) => part.length > 0);
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

function equity(data) {
  if (!data.equity || !data.times) return;
  const node = section("equity", "Equity and drawdown", false);
  const caption = `${counted(data.times.length, "bar")}, ${span(data.times)}${data.zone ? `, ${data.zone}` : ""}.`;
  new TimeChart(node, { level: 2, title: "Equity and drawdown", caption, times: data.times, panes: equityPanes(data, 2) });
}

function months({ months: table }) {
  if (!table) return;
  new MonthlyReturns(section("months", "Monthly returns", false), {
    level: 2,
    title: "Monthly returns",
    caption: "Per cent; the last column is the year's return.",
    ...table,
  });
}

function trades(data) {
  if (!data.trades || !data.times) return;
  const node = section("trades", data.bars ? "Trades on prices" : "Trades");
  tradeList(node, data, data.bars ? tradeChart(node, data) : null);
}

function tradeChart(node, { bars, times, equity: values, trades: list }) {
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
  return new TimeChart(node, { title: `${bars.symbol} and trades`, caption, times, panes, trades: list });
}

/** How many trades there are; one that is open has not ended with the data. */
function countOf({ entry, open }) {
  const still = open?.filter(Boolean).length ?? 0;
  return `${counted(entry.length, "trade")}${still > 0 ? `, ${fixed(still, 0)} of them still open` : ""}.`;
}

function tradeList(node, { trades: list, times }, chart) {
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
  new List(node, {
    title: "List of trades",
    caption: countOf(list),
    columns,
    rows: list.entry.length,
    at: (n, column) => columns[column].of(n),
    open: chart && open,
  });
}

function distributions({ trades: list, returns }) {
  const made = list?.share.length > 0;
  if (!made && !returns) return;
  const node = section("distributions", "Distributions");
  const pair = element("div", { class: "pair" });
  node.append(pair);
  if (made)
    new Histogram(pair, {
      title: "Returns of trades",
      caption: "Of the position's value, after costs.",
      values: list.share,
      unit: "share",
      what: "trade",
    });
  if (returns) returnsChart(pair, returns);
}

/** The time without a position would be one tall bar beside all others. */
function returnsChart(node, { period, values }) {
  const what = period === "daily" ? "day" : "period";
  const moved = values.filter((value) => value !== 0);
  const still = values.length - moved.length;
  const caption = still > 0 ? `Of equity; ${counted(still, what)} without any change are left out.` : "Of equity.";
  new Histogram(node, { title: `Returns, ${period}`, caption, values: moved, unit: "share", what });
}

function sweep(data) {
  if (!data.sweep?.axes.length || !data.sweep.metrics.length) return;
  const lattice = new Lattice(data.sweep);
  const [objective] = lattice.metrics;
  const chosen = data.sweep.chosen ?? lattice.best(objective);
  const { sampled } = data.sweep;
  const node = section("sweep", "Sweep");
  const cell = element("div", { class: "cell", "aria-live": "polite" });
  const parts = [];
  const choose = (row) => {
    parts.forEach((part) => part.choose(row));
    showCell(cell, lattice, row, data);
  };
  const count = `${counted(lattice.count, "combination")}${sampled ? `, a sample of ${fixed(sampled, 0)}` : ""}`;
  const caption = `${objective.name} of ${count}. Choose a cell to see its neighbourhood.`;
  parts.push(new Heatmap(node, { title: `${objective.name} by parameters`, caption, lattice, chosen, choose }));
  node.append(cell);
  // Where nothing has a value, there is nothing to choose and to compare.
  if (lattice.best(objective) < 0) return;
  const near = { title: "Neighbourhood of the chosen cell", caption: "One axis moves, the others stay." };
  parts.push(new Neighbourhood(node, { ...near, lattice, chosen, choose }));
  if (lattice.count > 1) parts.push(comparison(lattice, objective, chosen, sampled));
  showCell(cell, lattice, chosen, data);
}

/** All combinations, along each parameter and as lines; returns the chart of lines. */
function comparison(lattice, objective, chosen, sampled) {
  const counting = sampled ? "A random sample counts." : "All combinations count.";
  new Marginals(section("marginals", "Marginals", false), {
    level: 2,
    title: `${objective.name} along each parameter`,
    caption: `${counting} Boxes or bands are quartiles, the line in them is the median, blue is the best.`,
    lattice,
  });
  return new ParallelCoordinates(section("parallel", "Parallel coordinates", false), {
    level: 2,
    title: "Parallel coordinates: parameters and metrics",
    caption: "Drag along an axis to keep only the lines through it.",
    lattice,
    chosen,
    metrics: lattice.metrics.slice(0, 4).map(({ name }) => name),
  });
}

/** A word of a command line, in quotes where a shell would read more than a word in it. */
const shellWord = (text) => (/^[\w%+,./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A value in the name of a task: odd texts are in quotes. */
const named = (value) => (typeof value === "string" && !/^[\p{L}\p{N}_.-]+$/u.test(value) ? JSON.stringify(value) : exact(value));

/** The name of a row's task: parts that all rows have, and those of its own values. */
function taskOf(lattice, row, parts) {
  const values = lattice.params(row);
  return parts.map((part) => (typeof part === "string" ? part : `${values[part][0]}=${named(values[part][1])}`)).join(",");
}

/** What picks a row on a command line: the name of its task, or its parameters where tasks have no names. */
function pickedBy(lattice, row, task) {
  if (task) return ["--task", shellWord(taskOf(lattice, row, task))];
  return lattice.params(row).map(([name, value]) => `--param ${shellWord(`${name}=${exact(value)}`)}`);
}

function showCell(node, lattice, row, { command, sweep: { task } }) {
  if (row < 0) return;
  const params = lattice.params(row).map(([name, value]) => [name, exact(value)]);
  const metrics = lattice.metrics.map((metric) => [metric.name.replaceAll("_", " "), lattice.words(row, metric)]);
  const line = command && [command, ...pickedBy(lattice, row, task)].join(" ");
  node.replaceChildren(
    element("h3", {}, "Chosen cell"),
    facts([...params, ...metrics]),
    line ? element("pre", { class: "command", tabindex: 0, role: "region", "aria-label": "Its command" }, line) : "",
  );
}

function folds({ walkForward: found }) {
  if (!found) return;
  const node = section("walk-forward", "Walk-forward", false);
  new Folds(node, {
    level: 2,
    title: `Walk-forward: ${found.metric} in sample and out of sample`,
    caption: found.words,
    ...found,
  });
}

function receipt({ receipt: pairs }) {
  if (!pairs) return;
  const node = section("receipt", "Receipt");
  node.append(facts(pairs));
}

/** Builds the report of the data in the page, and says so if that fails. */
async function build() {
  const text = document.getElementById("data").textContent;
  try {
    const started = performance.now();
    const data = await unpackAll(JSON.parse(text));
    document.title = visible(data.title);
    setText(document.querySelector("h1"), data.title);
    setText(document.querySelector(".subtitle"), data.subtitle);
    [notes, verdict, summary, equity, months, trades, distributions, sweep, folds, receipt].forEach((part) => part(data));
    document.documentElement.dataset.built = String(Math.round(performance.now() - started));
  } catch (problem) {
    document
      .querySelector("main")
      .replaceChildren(element("p", { role: "alert" }, `This report cannot be shown: ${problem.message}`));
    throw problem;
  }
}

build();
