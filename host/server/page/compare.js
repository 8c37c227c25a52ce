// Two ended sweeps beside each other: what differs in how they were asked for, and what that did to each combination.
// Never starts, changes or removes a sweep.

import { el } from "/dom.js";
import { differences } from "/differences.js";
import { countsOf, joined, latticeOf, metricOf } from "/joined.js";
import { Combinations } from "/report/charts/combinations.js";
import { choice } from "/report/charts/elements.js";
import { counted, exact, fixed, spaced, writer } from "/report/charts/format.js";
import { Heatmap } from "/report/charts/heatmap.js";
import { Histogram } from "/report/charts/histogram.js";
import { Scatter } from "/report/charts/scatter.js";
import { quantile } from "/report/charts/scales.js";
import { scrollBox } from "/report/charts/tables.js";
import { notesOf, Sections } from "/report/sections.js";
import { dataOf, hasEnded } from "/sweep-data.js";

export class Comparison {
  #node;
  #sweeps;
  #open;
  #sides = [];
  #place = null;
  #over = false;
  #body = el("div", { class: "sections" });

  /** Shows the sweeps `first` and `second` in `node`; `open(sweepId, taskId)` leads to a combination of one of them. */
  constructor(node, { first, second, open }) {
    [this.#node, this.#sweeps, this.#open] = [node, [first, second], open];
    this.#load();
  }

  #title = (sweep) => `sweep ${sweep.id}`;

  #say(...parts) {
    this.#node.replaceChildren(el("p", { class: "view-message", role: "status" }, ...parts));
  }

  async #load() {
    const running = this.#sweeps.find((sweep) => !hasEnded(sweep));
    if (running) return this.#say(`Sweep ${running.id} has not ended; two ended sweeps can be compared.`);
    this.#say("Fetching the combinations of both …");
    try {
      this.#sides = await Promise.all(this.#sweeps.map(dataOf));
      if (!this.#over) this.#show();
    } catch (problem) {
      if (this.#over) return;
      this.#say(
        `They could not be fetched: ${problem.message}. `,
        el("button", { type: "button", on: { click: () => this.#load() } }, "Try again"),
      );
    }
  }

  #show() {
    const [first, second] = this.#sweeps;
    const title = el("h2", { class: "view-title", tabindex: -1 }, `Sweep ${first.id} and sweep ${second.id}`);
    const bests = el("div", { class: "view-bests" }, ...this.#sides.map((side) => this.#best(side)));
    this.#node.replaceChildren(el("div", { class: "view-cell" }, title), bests, this.#differing(), this.#body);
    const empty = this.#sides.find(({ lattice }) => !lattice);
    if (empty) return this.#body.replaceChildren(el("p", {}, `Sweep ${empty.sweep.id} has no combinations to compare.`));
    this.#compare();
  }

  /** A sweep and its best combination. */
  #best({ sweep, lattice, ranked }) {
    const { id, plugin, generation, data, best, objective, name } = sweep;
    const about = `${plugin}, generation ${generation}, on ${data}`;
    const value = best && writer(lattice?.metric(objective).unit)(best.value);
    const params = best && Object.entries(best.params).map(([key, one]) => `${key} ${exact(one)}`);
    const press =
      best &&
      el("button", { type: "button", class: "chart-button", on: { click: () => this.#open(id, best.task_id) } }, "Open its best");
    return el(
      "section",
      { class: "view-best", "aria-label": `Sweep ${id}` },
      el("h3", {}, `Sweep ${id}${name ? `: ${name}` : ""}`),
      el(
        "p",
        { class: "view-words" },
        `${about}; ${counted(lattice?.count ?? 0, "combination")}, ${fixed(ranked.length, 0)} ranked`,
      ),
      best
        ? el("p", {}, el("b", {}, `${spaced(objective)} ${value}`), ` at ${params.join(", ")}`)
        : el("p", {}, "No combination could be ranked."),
      press ?? "",
    );
  }

  /** The causes: what was asked for differently, and on what. */
  #differing() {
    const [first, second] = this.#sweeps;
    const found = differences(first, second);
    const node = el("section", { class: "view-differing", "aria-label": "What differs" }, el("h3", {}, "What differs"));
    if (found.length === 0) node.append(el("p", {}, "Nothing: both ran the same request with the same build on the same bars."));
    else node.append(differing(found, [first, second].map(this.#title)));
    return node;
  }

  #compare() {
    const [first, second] = this.#sides;
    const join = joined(first, second);
    const names = first.lattice.metrics
      .map(({ name }) => name)
      .filter((name) => second.lattice.metrics.some((metric) => metric.name === name));
    if (join.pairs.length === 0 || names.length === 0)
      return this.#body.replaceChildren(el("p", { class: "view-message" }, apart(join, names)));
    this.#choose(join, names, names[0]);
  }

  #choose(join, names, name) {
    this.#place?.destroy();
    this.#place = new Sections(this.#body, { level: 3, prefix: "view-", lazy: true });
    const [first, second] = this.#sides;
    const metric = first.lattice.metric(name);
    const values = metricOf(first, second, join.pairs, name);
    const titles = this.#sweeps.map(this.#title);
    const lattice = latticeOf(first, join.pairs, join.names, values, metric, titles);
    const what = { join, names, metric, values, titles, lattice, name: spaced(name) };
    this.#counts(what);
    // Where nothing changes, there is nothing to sort and to draw.
    if (!values.change.some((value) => value !== 0 && !Number.isNaN(value))) return;
    this.#table(what);
    this.#map(what);
    this.#spread(what);
  }

  #counts({ join, names, metric, values }) {
    const node = this.#place.make("counts", "Combination by combination");
    const again = (name) => {
      this.#choose(join, names, name);
      this.#body.querySelector("select").focus();
    };
    const select = choice(
      "Metric",
      names.map((name) => [name, spaced(name)]),
      metric.name,
      again,
    ).node;
    const counts = countsOf(values, metric.better);
    const [one, other] = this.#sweeps;
    const tiles = [
      [`better in sweep ${other.id}`, counts.better, "good"],
      [`worse in sweep ${other.id}`, counts.worse, "bad"],
      ["the same", counts.same],
      ["no value in one", counts.missing],
      [`only in sweep ${one.id}`, join.only[0]],
      [`only in sweep ${other.id}`, join.only[1]],
    ];
    const tile = ([name, count, kind]) =>
      el("div", { "data-kind": count > 0 ? kind : null }, el("dt", {}, name), el("dd", {}, fixed(count, 0)));
    const chart = el("div", { class: "chart" }, select);
    node.append(
      chart,
      el("dl", { class: "view-tiles" }, ...tiles.map(tile)),
      el("p", {}, this.#sentence(values, metric, join)),
      this.#samples() ?? "",
    );
  }

  /** The middle of the differences, and whether a few make it. */
  #sentence({ change }, { unit, name, better }, { pairs }) {
    const sorted = change.filter(Number.isFinite).sort();
    if (sorted.length === 0) return `No combination has a value of ${spaced(name)} in both.`;
    if (sorted.every((value) => value === 0))
      return `All ${counted(sorted.length, "combination")} in both have the same ${spaced(name)}.`;
    const write = writer(unit);
    const sign = (value) => (value > 0 ? `+${write(value)}` : write(value));
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => sign(quantile(sorted, share)));
    const way = better === "min" ? "lower" : "higher";
    const both = `Of ${counted(pairs.length, "combination")} in both, the median of ${spaced(name)} changes by ${middle}`;
    return `${both}, half of them by ${low} to ${high}; ${way} is better.`;
  }

  #samples() {
    const sampled = this.#sides.filter(({ data }) => data.sweep.sampled).map(({ sweep }) => `sweep ${sweep.id}`);
    const notes = [`Of ${sampled.join(" and of ")} a random sample is here: what is only in one may be in both.`];
    return sampled.length > 0 ? notesOf({ notes }) : null;
  }

  #table({ join, lattice, titles, name }) {
    const link = (text, side) => [text, { words: `open in ${text}`, press: (row) => this.#go(join, side, row) }];
    const links = Object.fromEntries(titles.map(link));
    const caption = `${name}: the second less the first; the best change is on top. A value opens the combination in its sweep.`;
    const node = this.#place.make("pairs", "Differences", false);
    this.#place.keep(new Combinations(node, { level: 3, title: `Differences of ${name}`, caption, lattice, links }));
  }

  #go({ pairs }, side, row) {
    const found = this.#sides[side];
    this.#open(found.sweep.id, found.task(pairs[row][side]));
  }

  #map({ lattice, name }) {
    if (lattice.axes.length === 0) return;
    const more = { level: 3, title: `Where ${name} changes`, caption: "The second less the first, by parameters.", lattice };
    this.#place.later("where", "Map of differences", (node) => this.#place.keep(new Heatmap(node, more)));
  }

  #spread({ lattice, metric, values, titles, name }) {
    const pair = el("div", { class: "pair" });
    this.#place.make("spread", "Distribution").append(pair);
    const { unit } = metric;
    const histogram = {
      title: `Differences of ${name}`,
      caption: "The second less the first.",
      values: values.change,
      unit,
      what: "combination",
    };
    const columns = [values.before, values.after].map((column, side) => ({ name: titles[side], unit, values: column }));
    const lines = (row) => [
      ...lattice.params(row).map(([key, value]) => `${key} ${exact(value)}`),
      ...lattice.metrics.map((one) => `${one.name} ${lattice.words(row, one)}`),
    ];
    const names = lattice.axes.map(({ name: axis, values: all }, n) => ({
      name: axis,
      of: (row) => all[lattice.places[n][row]],
    }));
    const way = metric.better === "min" ? "Below" : "Above";
    const caption = `${way} the line, ${titles[1]} is better.`;
    const scatter = { title: `${name} in both`, caption, columns, lines, names, diagonal: true, what: "combination" };
    this.#place.keep(new Histogram(pair, { level: 4, ...histogram }));
    this.#place.keep(new Scatter(pair, { level: 4, ...scatter }));
  }

  destroy() {
    this.#over = true;
    this.#place?.destroy();
    this.#node.replaceChildren();
  }
}

function differing(found, titles) {
  const head = ["", ...titles].map((text) => el(text ? "th" : "td", text ? { scope: "col" } : {}, text));
  const line = ([name, one, other]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, one), el("td", {}, other));
  const table = el(
    "table",
    { class: "view-texts" },
    el("caption", { class: "chart-unseen" }, "What differs"),
    el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...found.map(line)),
  );
  const box = scrollBox("What differs");
  box.append(table);
  return el("div", {}, box, el("p", { class: "view-words" }, "– is the default."));
}

/** Why no combination of two sweeps can be compared. */
function apart({ lacking, names }, metrics) {
  if (metrics.length === 0) return "The two sweeps have no metric in common.";
  const of =
    lacking.length > 0 ? `${lacking.join(", ")}: one of them does not have it` : `${names.join(", ")}: no values are the same`;
  return `No combination is in both sweeps; they differ in ${of}.`;
}
