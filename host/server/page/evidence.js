// What speaks for and against the best of an ended sweep: trust, walk-forward and Monte Carlo, each when it is asked for.
// Never computes a statistic: the server does.

import { el } from "/dom.js";
import { luckOf } from "/luck.js";
import { parameters } from "/metrics.js";
import { Folds } from "/report/charts/folds.js";
import { counted, fixed, writer } from "/report/charts/format.js";
import { facts } from "/report/sections.js";
import { ask } from "/server.js";

/** Milliseconds that a computation may take before the page gives up. */
const PATIENCE = 600_000;
const number = writer("number");
const share = writer("share");

export class Evidence {
  #node;
  #sweep;
  #charts = [];
  #parts = [];

  /** `again(period)` starts the sweep again, with the returns of each period kept. */
  constructor(node, { sweep, again }) {
    [this.#node, this.#sweep] = [node, sweep];
    if (sweep.returns) this.#judged();
    else this.#node.append(lacking(again));
    this.#luck();
  }

  #judged() {
    this.#part("Trust", "Is the combination with the best Sharpe ratio of its returns more than the luck of many trials?", "Judge it", "trust", showTrust);
    const follow = (node, found) => this.#charts.push(showFolds(node, found));
    this.#part("Walk-forward", "Does the best of one stretch of time do well in the next?", "Walk forward", "walk-forward", follow);
  }

  /** Luck and noise of one combination: the ranked ones can be chosen. */
  #luck() {
    const { ranking = [] } = this.#sweep;
    if (ranking.length === 0) return;
    const options = ranking.map(({ rank, task_id: id, symbol, params }) =>
      el("option", { value: id }, `${rank}. ${symbol ? `${symbol}, ` : ""}${parameters(params)}`));
    const select = el("select", {}, ...options);
    const label = el("label", { class: "field" }, el("span", {}, "Combination"), select);
    const path = () => `monte-carlo?task_id=${encodeURIComponent(select.value)}`;
    const question = "What else could have come of its trades, and of slightly different prices?";
    this.#part("Monte Carlo", question, "Simulate", path, (node, found) => node.append(...luckOf(found)), label);
  }

  /** A section with a button: what it asks the server for is shown below it. */
  #part(title, question, verb, path, show, extra = null) {
    const [answer, press] = [el("div", { class: "answer", "aria-live": "polite" }), el("button", { type: "button" }, verb)];
    const controls = el("div", { class: "controls" }, extra, press);
    const words = el("div", {}, el("h3", {}, title), el("p", { class: "hint" }, question));
    const head = el("div", { class: "question" }, words, controls);
    this.#node.append(el("section", { class: "evidence", "aria-label": title }, head, answer));
    const part = { press, path: typeof path === "string" ? () => path : path, answer, show, isOver: false };
    this.#parts.push(part);
    press.addEventListener("click", () => this.#ask(part));
  }

  async #ask(part) {
    const { press, path, answer, show } = part;
    press.disabled = true;
    answer.replaceChildren(el("p", { class: "hint busy" }, "The server computes; this can take a minute."));
    try {
      const found = await ask(`/sweeps/${this.#sweep.id}/${path()}`, { patience: PATIENCE });
      if (part.isOver) return;
      answer.replaceChildren();
      show(answer, found);
    } catch (problem) {
      answer.replaceChildren(el("p", { class: "error" }, `${problem.message}. Press the button to try again.`));
    } finally {
      press.disabled = false;
    }
  }

  destroy() {
    this.#parts.forEach((part) => (part.isOver = true));
    this.#charts.forEach((chart) => chart.destroy());
    this.#node.replaceChildren();
  }
}

function lacking(again) {
  const start = { type: "button", class: "primary", on: { click: () => again("day") } };
  const text = "This sweep has kept no returns. With them, trust and walk-forward can judge its best combination.";
  return el("div", { class: "notice" }, el("p", {}, text), el("button", start, "Start again with daily returns"));
}

const interval = (pair, write) => (pair ? `${write(pair[0])} to ${write(pair[1])}` : "undefined");

const COUNTED = { sweep: "those of this sweep", store: "counted by the store", option: "given" };

function showTrust(node, found) {
  const { verdict, words: sentence, reasons, notes = [] } = found;
  node.append(el("p", { class: "verdict", "data-level": verdict }, el("b", {}, verdict), " ", sentence));
  // A single reason is in the words already.
  const lines = [...(reasons.length > 1 ? reasons : []), ...notes];
  if (lines.length > 0) node.append(el("ul", {}, ...lines.map((text) => el("li", {}, text))));
  node.append(facts(trustFacts(found).filter(Boolean)));
}

function trustFacts(found) {
  const { best, overfitting, spa, cross_validation: paths } = found;
  return [
    ["best", parameters(best.params)],
    ["Sharpe ratio", number(found.sharpe)],
    ["its 95 % interval", interval(found.sharpe_interval, number)],
    ["trials", `${fixed(found.trials, 0)}, ${COUNTED[found.trials_counted_by] ?? found.trials_counted_by}`],
    ["Sharpe ratio that luck reaches", number(found.expected_best_sharpe)],
    ["deflated Sharpe ratio", share(found.deflated_sharpe)],
    Number.isFinite(overfitting?.probability) && ["probability of overfitting", share(overfitting.probability)],
    spa && ["SPA, p-value", number(spa.consistent)],
    ["reality check, p-value", number(found.reality_check)],
    paths && Number.isFinite(paths.sharpe) &&
      ["cross-validated Sharpe ratio", `${number(paths.sharpe)} (${number(paths.lowest)} to ${number(paths.highest)})`],
    ["drawdown, 95 % interval", interval(found.max_drawdown_interval, share)],
    found.track_record_years && ["track record that suffices", `${number(found.track_record_years)} years`],
    ["returns", `${counted(found.periods, found.period)} of ${counted(found.combinations, "combination")}`],
    ["from", `${found.first} to ${found.last}`],
  ];
}

/** The folds in the shape of the chart of reports. */
function showFolds(node, found) {
  const { folds, train, test, period, different_winners: winners } = found;
  const sentence =
    `The best of each stretch of ${counted(train, period)}, followed through the next ${fixed(test, 0)}: a Sharpe ratio of ` +
    `${number(found.sharpe_in_sample)} a year in sample, ${number(found.sharpe_out_of_sample)} out of sample. ` +
    `${counted(folds.length, "fold")} had ${counted(winners, "winner")}.`;
  node.append(el("p", {}, sentence), facts([
    ["return out of sample", share(found.return_out_of_sample)],
    ["of the Sharpe ratio stays", share(found.efficiency)],
    ["changes of the winner", fixed(found.changes, 0)],
  ]));
  return new Folds(node, {
    level: 4,
    title: "Sharpe ratio of each fold",
    metric: "sharpe",
    unit: "number",
    names: folds.map(({ first, last }) => `${first} to ${last}`),
    inSample: folds.map((fold) => fold.in_sample ?? NaN),
    outOfSample: folds.map((fold) => fold.out_of_sample ?? NaN),
    details: folds.map(({ params }) => parameters(params)),
  });
}
