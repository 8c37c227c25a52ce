// The map of a sweep: a metric over two of its parameters, where the others are held by a slider and by choices.
// Never draws a cell itself, and never fetches a sweep that still runs.

import { Cells, FAILED, UNDEFINED, VALUE } from "/cells.js";
import { css, scaleOf } from "/colours.js";
import { $, choose, el, mark, say, sync } from "/dom.js";
import { columnOf, metric, METRICS, parameter, whole } from "/metrics.js";
import { Chart, swatch } from "/chart.js";
import { ask } from "/server.js";
import { hasEnded } from "/sweeps.js";

/** More results than this are fetched only when someone asks for them. */
const MANY = 300_000;
/** Up to this many come with the metrics and messages that a chosen cell shows. */
const RICH = 50_000;
const SHOWN = ["sharpe", "total_return", "sortino", "max_drawdown", "trades", "win_rate", "profit_factor", "final_equity"];
/** The name of the axis of symbols; a parameter may be called `symbol`, but not so. */
const SYMBOL = "(symbol)";
/** More cells than this are not drawn: a screen has fewer pixels. */
const CELLS = 4_000_000;
const FETCH_PATIENCE = 300_000;

export class SweepMap {
  #sweep = null;
  #key = null;
  #cells = null;
  #scale = null;
  #failed = false;
  #asked = new Set();
  #held = new Map();
  #chart = new Chart($("map-canvas"), $("map-tip"), { tell: (row) => this.#tell(row), pick: (row) => this.#pick(row) });
  #controls = { across: select("Across"), up: select("Up"), metric: select("Colour"), slid: select("Slider") };

  constructor() {
    const { across, up, metric: colour, slid } = this.#controls;
    colour.control.append(...METRICS.map((name) => el("option", { value: name }, name)));
    $("map-controls").append(across.node, up.node, colour.node, slid.node, el("div", { id: "map-held" }));
    across.control.addEventListener("change", () => this.#turn(across.control, up.control));
    up.control.addEventListener("change", () => this.#turn(up.control, across.control));
    slid.control.addEventListener("change", () => this.#draw());
    colour.control.addEventListener("change", () => this.#load());
  }

  /** Shows the map of `sweep` once it has ended; the same sweep again costs nothing. */
  show(sweep) {
    const key = sweep && [sweep.id, sweep.submitted_at, sweep.state].join(" ");
    if (key === this.#key) return;
    [this.#sweep, this.#key, this.#cells] = [sweep, key, null];
    this.#held.clear();
    $("picked").replaceChildren();
    if (!sweep) return;
    this.#controls.metric.control.value = sweep.objective;
    this.#load();
  }

  #message(text, ...more) {
    $("map").hidden = true;
    say($("map-title"), "Map");
    $("map-message").hidden = false;
    $("map-message").replaceChildren(text, ...more);
  }

  async #load() {
    const { id, done, state } = this.#sweep;
    const axes = this.#axes();
    this.#failed = false;
    if (!hasEnded(this.#sweep)) return this.#message(state === "queued" ? "The map is drawn when the sweep has ended." : "The sweep is running; its map is drawn when it has ended.");
    if (done === 0) return this.#message("Nothing was finished, so there is nothing to draw.");
    if (axes.length === 0) return this.#message("A map needs a parameter with several values; this sweep was one run.");
    if (done > MANY && !this.#asked.has(id)) return this.#offer();
    const key = this.#key;
    if (!this.#cells) this.#message("Fetching the results …");
    try {
      const answer = await ask(`/sweeps/${id}/results?columns=${this.#columns()}`, { patience: FETCH_PATIENCE });
      if (key !== this.#key) return;
      this.#cells = new Cells(answer, axes, this.#column);
      this.#scale = null;
      this.#arrange();
    } catch (problem) {
      if (key !== this.#key) return;
      const button = el("button", { type: "button", on: { click: () => this.#load() } }, "Try again");
      this.#message(`The results could not be fetched: ${problem.message}. `, button);
      this.#failed = true;
    }
  }

  /** Fetches again what could not be fetched, say since the server was away. */
  retry() {
    if (this.#failed) this.#load();
  }

  #offer() {
    const fetch = () => {
      this.#asked.add(this.#sweep.id);
      this.#load();
    };
    const button = el("button", { type: "button", on: { click: fetch } }, "Draw it");
    this.#message(`The map needs all ${whole(this.#sweep.done)} results; this may take a while. `, button);
  }

  #columns() {
    const { objective, done } = this.#sweep;
    const more = done <= RICH ? [...SHOWN, "error_message"] : [];
    const columns = [...this.#axes().map(this.#column), "success", "error_kind", objective, this.#metric(), ...more];
    return [...new Set(columns)].map(encodeURIComponent).join(",");
  }

  #eachSymbol = () => this.#sweep.request?.scope === "each-symbol";

  /** The axes of the map; where each symbol ran alone, the symbol is one of them. */
  #axes = () => (this.#eachSymbol() ? [SYMBOL, ...this.#sweep.axes] : this.#sweep.axes);

  #column = (axis) => (axis === SYMBOL ? "symbol" : columnOf(axis));

  #metric = () => this.#controls.metric.control.value;

  /** Sets the choices: the axes with the most values across and up, the others where the best row has them. */
  #arrange() {
    const { across, up } = this.#controls;
    const names = this.#cells.axes.map(({ name }) => name);
    const size = (name) => this.#cells.axis(name).values.length;
    const [first, second] = [...names].sort((a, b) => size(b) - size(a));
    const choices = names.map((name) => [name, name]);
    if (this.#held.size === 0) {
      // In the order of their declaration, so that two sweeps of one plugin look alike.
      const [x, y] = [first, second].filter(Boolean).sort((a, b) => names.indexOf(a) - names.indexOf(b));
      choose(across.control, choices, x);
      choose(up.control, choices, y);
      if (up.control.value === across.control.value) up.control.value = names.find((name) => name !== across.control.value) ?? x;
      this.#hold(this.#best());
    }
    up.node.hidden = names.length < 2;
    $("map").hidden = false;
    $("map-message").hidden = true;
    this.#draw();
  }

  #best() {
    const { best } = this.#sweep;
    return best ? this.#cells.find({ ...best.params, [SYMBOL]: best.symbol }) : -1;
  }

  /** Holds every axis where `row` has it, or at its first value. */
  #hold(row) {
    for (const { name, places } of this.#cells.axes) this.#held.set(name, row < 0 ? 0 : places[row]);
  }

  /** Two axes swap their places rather than be the same. */
  #turn(changed, other) {
    if (changed.value === other.value) other.value = changed.dataset.before;
    this.#draw();
  }

  #shown() {
    const { across, up } = this.#controls;
    return this.#cells.axes.length > 1 ? [across.control.value, up.control.value] : [across.control.value];
  }

  #draw() {
    const shown = this.#shown();
    const [name, cells] = [this.#metric(), this.#cells];
    for (const { control } of [this.#controls.across, this.#controls.up]) control.dataset.before = control.value;
    this.#showHeld(cells.axes.filter((axis) => !shown.includes(axis.name)));
    if (this.#scale?.name !== name) this.#scale = { name, ...scaleOf(cells.values(name)) };
    const axes = shown.map((axis) => cells.axis(axis));
    const size = axes.reduce((product, { values }) => product * values.length, 1);
    $("map-frame").hidden = size > CELLS;
    if (size > CELLS) return $("legend").replaceChildren(`These two have ${whole(size)} cells, more than can be drawn; choose others, or download the results.`);
    const grid = cells.slice(shown, this.#held);
    const best = grid.indexOf(this.#best());
    const label = `${name} by ${shown.join(" and ")}`;
    say($("map-title"), `Map: ${label}`);
    mark($("map-canvas"), "aria-label", label);
    this.#chart.draw({ axes, grid, best, scale: this.#scale, outcome: (row) => cells.outcome(row, name), text: (value) => metric(name, value) });
    this.#legend(grid, best);
  }

  /** One of the other axes has the slider, the rest have choices. */
  #showHeld(others) {
    const { slid } = this.#controls;
    slid.node.hidden = others.length < 2;
    choose(slid.control, others.map(({ name }) => [name, name]));
    const key = ({ name, values }) => `${this.#key} ${name === slid.control.value} ${name} ${values.length}`;
    const make = (axis) => (axis.name === slid.control.value ? this.#slider(axis) : this.#fixed(axis));
    sync($("map-held"), others, key, make, (node, axis) => node.put(this.#held.get(axis.name), axis));
  }

  #slider({ name, values }) {
    const output = el("output");
    const control = el("input", { type: "range", min: 0, max: values.length - 1, step: 1 });
    const node = el("label", { class: "field slider" }, el("span", {}, name, " ", output), control);
    const text = (place) => parameter(values[place]);
    node.put = (place) => {
      if (control.valueAsNumber !== place) control.value = place;
      mark(control, "aria-valuetext", text(place));
      say(output, text(place));
    };
    control.addEventListener("input", () => this.#move(name, control.valueAsNumber));
    return node;
  }

  #fixed({ name, values }) {
    const { node, control } = select(name);
    control.append(...values.map((value, place) => el("option", { value: place }, parameter(value))));
    node.put = (place) => (control.value = String(place));
    control.addEventListener("change", () => this.#move(name, Number(control.value)));
    return node;
  }

  #move(name, place) {
    this.#held.set(name, place);
    this.#draw();
  }

  #legend(grid, best) {
    const counts = new Map();
    for (const row of grid) {
      const what = row < 0 ? "none" : this.#cells.outcome(row, this.#metric())[0];
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    const { low, high, parted, below, above } = this.#scale;
    const text = (value) => metric(this.#metric(), value);
    const ends = [`${below ? "≤ " : ""}${text(low)}`, parted ? "0" : "", `${above ? "≥ " : ""}${text(high)}`];
    const scale = Number.isFinite(low) && el("div", { class: "scale" }, bar(this.#scale), ...ends.map((end) => el("span", {}, end)));
    const item = (kind, words) => el("span", { class: "key" }, swatch(kind), words);
    const keys = [
      best >= 0 && item("best", "best of the sweep"),
      counts.has(FAILED) && item(FAILED, `failed: ${whole(counts.get(FAILED))}`),
      counts.has(UNDEFINED) && item(UNDEFINED, `${this.#metric()} is undefined: ${whole(counts.get(UNDEFINED))}`),
      counts.has("none") && item("none", `not run: ${whole(counts.get("none"))}`),
    ];
    $("legend").replaceChildren(...[scale, ...keys].filter(Boolean));
  }

  /** A cell in few words. */
  #tell(row) {
    const params = this.#params(row);
    const [what, value] = this.#cells.outcome(row, this.#metric());
    const words = what === VALUE ? metric(this.#metric(), value) : what === FAILED ? `failed: ${this.#cells.get(row, "error_kind")}` : "undefined";
    return [`${this.#metric()} ${words}`, ...params.map(([name, text]) => `${name} ${text}`)];
  }

  #params = (row) => Object.entries(this.#cells.params(row)).map(([name, value]) => [name, parameter(value)]);

  /** A cell in full, below the map. */
  #pick(row) {
    const get = (column) => this.#cells.get(row, column);
    const names = [...new Set([this.#sweep.objective, this.#metric(), ...SHOWN])].filter((name) => this.#cells.place.has(name));
    const failed = this.#cells.outcome(row, this.#metric())[0] === FAILED;
    const facts = failed ? [["failed", get("error_kind")]] : names.map((name) => [name.replaceAll("_", " "), get(name) === null ? "undefined" : metric(name, get(name)), get(name)]);
    const list = [...this.#params(row), ...facts].map(([name, text, exact]) => el("div", {}, el("dt", {}, name), el("dd", { title: exact }, text)));
    const message = failed && get("error_message");
    $("picked").replaceChildren(el("h4", {}, "Chosen cell"), el("dl", { class: "facts" }, ...list), message ? el("pre", {}, message) : "");
  }
}

function select(title) {
  const control = el("select");
  return { control, node: el("label", { class: "field" }, el("span", {}, title), control) };
}

function bar(scale) {
  const canvas = el("canvas", { width: 160, height: 12, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x += 1) {
    pen.fillStyle = css(scale.colour(scale.low + ((scale.high - scale.low) * x) / (canvas.width - 1)));
    pen.fillRect(x, 0, 1, canvas.height);
  }
  return canvas;
}
