// One combination of an ended sweep, run again: its numbers beside the benchmark, equity, trades, months, neighbours, luck.
// Never starts a sweep, and never computes a statistic.

import { el } from "/dom.js";
import { luckOf } from "/luck.js";
import { unpackAll } from "/report/columns.js";
import { commandOf, shellWord } from "/report/commands.js";
import { exact, fixed, spaced } from "/report/charts/format.js";
import { Neighbourhood } from "/report/charts/neighbours.js";
import {
  commandLine,
  distributions,
  equity,
  facts,
  months,
  notesOf,
  receipt,
  Sections,
  summary,
  trades,
} from "/report/sections.js";
import { ask } from "/server.js";
import { dataOf } from "/sweep-data.js";

/** Milliseconds that a run may take, and a simulation, before the page gives up. */
const [RUN_PATIENCE, LUCK_PATIENCE] = [300_000, 600_000];

/** What the command needs where it is run. */
const AGAIN =
  "Run it beside the Parquet file of the sweep (above). Where data or a benchmark have other names there, " +
  "`--data FILE` and `--benchmark FILE` name them.";

export class CellView {
  #node;
  #sweep;
  #task;
  #open;
  #download;
  #place = null;
  #ran = null;
  #over = false;
  #parts = {
    head: el("div", { class: "view-cell" }),
    message: el("p", { class: "view-message", role: "status" }),
    body: el("div", { class: "sections" }),
  };

  /**
   * Shows the combination `taskId` of `sweep` in `node`; `open(taskId)` leads to another one, `download(event, anchor)` is
   * called on a press on a link to a file of the server.
   */
  constructor(node, { sweep, taskId, open, download }) {
    [this.#node, this.#sweep, this.#task, this.#open, this.#download] = [node, sweep, taskId, open, download];
    const { head, message, body } = this.#parts;
    node.replaceChildren(head, message, body);
    this.#title(taskId, "");
    this.#place = new Sections(body, { level: 3, prefix: "view-" });
    this.#load();
  }

  #path = (kind) => `/sweeps/${this.#sweep.id}/${kind}?task_id=${encodeURIComponent(this.#task)}`;

  /** What the sweep knows of it comes first; then the run, beside what the sweep knows of its neighbours. */
  async #load() {
    const known = dataOf(this.#sweep).catch(() => null);
    known.then((found) => !this.#over && found && this.#known(found));
    this.#say("Running this combination again …");
    try {
      this.#ran = await unpackAll(await ask(this.#path("run"), { patience: RUN_PATIENCE }));
      this.#say("");
    } catch (problem) {
      await this.#excuse(problem, await known);
    }
    const found = await known;
    if (!this.#over) this.#show(found);
  }

  /** Says why there is no run: it failed in the sweep already, or the server has another reason. */
  async #excuse(problem, found) {
    if (found?.lattice?.failed?.[found.row(this.#task)]) return this.#say(await this.#failure());
    const again = el("button", { type: "button", on: { click: () => this.#again() } }, "Try again");
    this.#say(`It could not be run again: ${problem.message}. `, again);
  }

  /** Why the combination failed: only the results know. */
  async #failure() {
    const path = `/sweeps/${this.#sweep.id}/results?format=json&columns=task_id,error_kind,error_message`;
    try {
      const { rows } = await ask(path, { patience: RUN_PATIENCE });
      const [, kind, message] = rows.find(([id]) => id === this.#task);
      return `It failed in the sweep (${kind}): ${message}`;
    } catch (problem) {
      return `It failed in the sweep; why could not be fetched: ${problem.message}.`;
    }
  }

  #again() {
    this.#place.destroy();
    this.#place = new Sections(this.#parts.body, { level: 3, prefix: "view-" });
    this.#load();
  }

  #say(...parts) {
    const { message } = this.#parts;
    message.hidden = parts[0] === "";
    message.replaceChildren(...parts);
  }

  /** The name of the combination, what is said of it, and where one can go from here. */
  #title(name, words, ...more) {
    const title = el("h2", { class: "view-title", tabindex: -1 }, name);
    this.#parts.head.replaceChildren(el("div", {}, title, words ? el("p", { class: "view-words" }, words) : null), ...more);
  }

  /** Parameters, rank and objective, from the combinations of the sweep. */
  #known(found) {
    const row = found.row(this.#task);
    if (row < 0) return;
    const { lattice, ranked, objective } = found;
    const params = lattice.params(row).map(([name, value]) => `${name} ${exact(value)}`);
    const place = ranked.indexOf(row);
    const rank = place < 0 ? "not ranked" : `rank ${fixed(place + 1, 0)} of ${fixed(ranked.length, 0)}`;
    const hasFailed = Boolean(lattice.failed?.[row]);
    const words = hasFailed ? "failed in the sweep" : `${rank}, ${spaced(objective.name)} ${lattice.words(row, objective)}`;
    this.#title(params.join(", "), words, this.#steps(found, place), hasFailed ? "" : this.#files());
    if (!found.data.command) return;
    const line = commandLine(commandOf(found.data.command, lattice, row, found.parts));
    this.#parts.head.append(line, el("p", { class: "hint" }, AGAIN));
  }

  /** Buttons to the better and to the worse one. */
  #steps({ ranked, task }, place) {
    const step = (text, to) => {
      const there = place >= 0 && to >= 0 && to < ranked.length;
      return el(
        "button",
        { type: "button", class: "chart-button", disabled: !there, on: { click: () => this.#open(task(ranked[to])) } },
        text,
      );
    };
    return el(
      "div",
      { class: "view-steps", role: "group", "aria-label": "By rank" },
      step("‹ Better", place - 1),
      step("Worse ›", place + 1),
    );
  }

  #files() {
    const press = (event) => this.#download(event, event.currentTarget);
    const file = `sweep-${this.#sweep.id}-cell`;
    const on = { click: press };
    return el(
      "div",
      { class: "view-files" },
      el("a", { href: this.#path("report"), target: "_blank", "data-file": `${file}.html`, on }, "Open the report"),
      el("a", { href: this.#path("run"), download: `${file}.json`, on }, "Run as JSON"),
    );
  }

  #show(found) {
    const [ran, place] = [this.#ran, this.#place];
    if (!ran) return this.#near(found);
    const notes = notesOf(ran);
    if (notes) place.make("notes", "Notes").append(notes);
    // What the sweep cannot tell of it, the run does.
    if (!this.#parts.head.querySelector(".command")) this.#untold(ran);
    [summary, equity].forEach((part) => part(place, ran));
    this.#near(found);
    [trades, months, distributions].forEach((part) => part(place, ran));
    this.#luck();
    receipt(place, ran);
  }

  #untold({ command }) {
    this.#title(this.#task, "", this.#files());
    if (command) this.#parts.head.append(commandLine(`${command} --task ${shellWord(this.#task)}`));
  }

  /** The neighbours; where it could not be run again, what the sweep has measured is all there is. */
  #near(found) {
    const row = found?.lattice ? found.row(this.#task) : -1;
    if (row < 0) return;
    const { lattice, objective } = found;
    if (!this.#ran && !lattice.failed?.[row]) this.#measured(found, row);
    const more = {
      level: 3,
      title: `Neighbours: ${spaced(objective.name)} one and two steps away`,
      caption: "One parameter moves, the others stay. A press opens a neighbour.",
      lattice,
      chosen: row,
      choose: (other) => this.#open(found.task(other)),
    };
    this.#place.keep(new Neighbourhood(this.#place.make("near", "Neighbours", false), more));
  }

  #measured({ lattice }, row) {
    const metrics = lattice.metrics.map((metric) => [spaced(metric.name), lattice.words(row, metric)]);
    this.#place.make("measured", "As the sweep measured it").append(facts(metrics));
  }

  /** Luck and noise take the server a while: they come when they are asked for. */
  #luck() {
    const node = this.#place.make("luck", "Monte Carlo");
    const answer = el("div", { class: "view-answer", "aria-live": "polite" });
    const press = el("button", { type: "button", class: "chart-button" }, "Simulate");
    press.addEventListener("click", () => this.#simulate(press, answer));
    node.append(el("p", {}, "What else could have come of the same trades, and of slightly different prices? ", press), answer);
  }

  async #simulate(press, answer) {
    press.disabled = true;
    answer.replaceChildren(el("p", { class: "view-message" }, "The server computes; this can take a minute."));
    try {
      const found = await ask(this.#path("monte-carlo"), { patience: LUCK_PATIENCE });
      answer.replaceChildren(...luckOf(found));
    } catch (problem) {
      answer.replaceChildren(el("p", { class: "view-message" }, `It could not be simulated: ${problem.message}.`));
    }
    press.disabled = false;
  }

  destroy() {
    this.#over = true;
    this.#place.destroy();
    this.#node.replaceChildren();
  }
}
