// The form that starts a sweep: plugin, data, parameters, ranking and settings, sent as one request.
// Never checks what the server checks: it counts what it can, and shows the server's answer.

import { $, choose, el, mark, say, sync } from "/dom.js";
import * as fields from "/fields.js";
import { takeApart } from "/grid.js";
import { AGAINST, many, METRICS, short, USUAL, whole } from "/metrics.js";
import * as parameters from "/parameters.js";
import { ask } from "/server.js";

let plugins = [];
let data = [];
let sections = [];
let started = () => {};
let appear = () => {};
let unnamed = () => {};
/** What a sweep had that the form has no field for, and its next start keeps: in its grid, and beside it. */
let rest = {};
let further = {};

/**
 * `whenStarted(sweep)` is called after a start, `whenUnnamed(problem)` where its name could not be saved; `whenWanted()` brings
 * the form into view.
 */
export function begin(whenStarted, whenUnnamed, whenWanted) {
  [started, unnamed, appear] = [whenStarted, whenUnnamed, whenWanted];
  const options = (names) => names.map((name) => el("option", { value: name }, name));
  const others = METRICS.filter((name) => !USUAL.includes(name));
  $("objective").append(
    el("optgroup", { label: "usual" }, ...options(USUAL)),
    el("optgroup", { label: "all others" }, ...options(others)),
    el("optgroup", { label: "against a benchmark" }, ...options(AGAINST)),
  );
  sections = fields.make();
  $("settings").append(...sections);
  for (const kind of ["input", "change"]) $("start-form").addEventListener(kind, ({ target }) => edited(target));
  $("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("kept").querySelector("button").addEventListener("click", () => keep({}, {}));
}

/** A change of plugin comes as `input` first: what follows from it is shown at once, before anything is counted. */
function edited(target) {
  mark(target, "aria-invalid", null);
  if (target === $("plugin") || target === $("data")) show();
  else count();
  fields.tally(sections);
}

/** Takes the plugins and the data that there are now; what has been typed stays. */
export function update(nowPlugins, nowData) {
  const serving = nowPlugins.filter((plugin) => plugin.generation > 0);
  // Strategies first: a plugin with a task of its own has no ranking.
  const isTask = ({ interfaces }) => !interfaces.some((name) => ["signals", "events"].includes(name));
  [plugins, data] = [[...serving].sort((a, b) => isTask(a) - isTask(b)), nowData];
  choose($("plugin"), plugins.map(({ name }) => [name, name]));
  choose($("data"), data.map(({ name }) => [name, name]));
  show();
}

const chosen = () => plugins.find(({ name }) => name === $("plugin").value);
const specs = () => chosen()?.parameters ?? [];
const chosenData = () => data.find(({ name }) => name === $("data").value);

function show() {
  const plugin = chosen();
  parameters.show(specs());
  $("parameters-empty").hidden = !plugin || specs().length > 0;
  $("syntax").hidden = specs().length === 0;
  $("plugins-none").hidden = plugins.length > 0;
  $("submit").disabled = !plugin;
  say($("about-plugin"), aboutPlugin(plugin));
  say($("about-data"), aboutData(chosenData()));
  showData(chosenData());
  count();
}

function aboutPlugin(plugin) {
  if (!plugin) return "";
  return `${plugin.strategy.summary} Generation ${plugin.generation}, build ${short(plugin.hash)}.`;
}

function aboutData(set) {
  if (!set) return "";
  const symbols = set.symbols.length > 5 ? many(set.symbols.length, "symbol") : set.symbols.join(", ");
  return `${symbols}: ${many(set.bars, "bar")}, ${set.first} to ${set.last}.`;
}

/** The days and the symbols that the data has stand in the fields as what may be typed. */
function showData(set) {
  mark(fields.control("period-from"), "placeholder", set?.first.slice(0, 10) ?? null);
  mark(fields.control("period-to"), "placeholder", set?.last.slice(0, 10) ?? null);
  const others = data.filter((other) => other !== set && other.symbols.length === 1).map(({ name }) => `data:${name}`);
  const symbols = (set?.symbols ?? []).slice(0, 100).map((symbol) => `symbol:${symbol}`);
  const known = ["hold", ...symbols, ...others];
  sync($("field-benchmark-list"), known, String, (value) => el("option", { value }));
}

function count() {
  const [chosenParameters, chosenExits] = [parameters.count(specs()), fields.exits()];
  const product = chosenParameters === null || chosenExits === null ? null : chosenParameters * chosenExits;
  say($("count"), chosen() ? total(product) : "");
}

function total(product) {
  const sample = Number(fields.control("sample").value);
  const trials = fields.control("optimize-method").value && (fields.control("optimize-trials").value || "2000");
  if ("zip" in rest) return "as many combinations as the server counts";
  if (product === null) return sample ? `at most ${many(sample, "combination")}` : "? combinations";
  if (trials) return `${many(trials, "trial")} in ${many(product, "combination")}`;
  const isSampled = sample > 0 && product > BigInt(Math.floor(sample));
  const isBounded = fields.control("constraints").value.trim() !== "";
  const drawn = isSampled ? `${whole(sample)} of ${many(product, "combination")}` : many(product, "combination");
  return `${isBounded ? "at most " : ""}${drawn}`;
}

function body() {
  const { lists, texts } = parameters.read(specs());
  const request = {
    ...structuredClone(further),
    plugin: $("plugin").value,
    ...($("data").value && { data: $("data").value }),
    grid: { ...rest, parameters: lists },
    params: texts,
    ...goal(),
    top: Number($("top").value),
    ...($("rank-by").value && { rank_by: $("rank-by").value }),
  };
  return fields.read(request);
}

/** What is optimised: of several metrics each has its own direction. */
function goal() {
  const [first, direction, also] = [$("objective").value, $("direction").value, fields.control("also").value.trim()];
  if (also) return { objective: `${first}${direction && `:${direction}`},${also}` };
  return { objective: first, ...(direction && { direction }) };
}

async function submit() {
  const button = $("submit");
  if (button.disabled) return;
  button.disabled = true;
  $("start-form").querySelectorAll("[aria-invalid]").forEach((control) => mark(control, "aria-invalid", null));
  try {
    const returns = fields.control("returns").value;
    const sweep = await ask(`/sweeps${returns && `?returns=${returns}`}`, { method: "POST", body: body() });
    complain("");
    started(await labelled(sweep));
  } catch (problem) {
    complain(problem.message);
  } finally {
    button.disabled = !chosen();
  }
}

/** Gives a sweep that has been started the name that was typed; it runs on where that fails. */
async function labelled(sweep) {
  const name = $("name").value.trim();
  if (!name) return sweep;
  $("name").value = "";
  try {
    return await ask(`/sweeps/${sweep.id}`, { method: "PATCH", body: { name } });
  } catch (problem) {
    unnamed(problem);
    return sweep;
  }
}

/** Shows what the server does not take, and leads to the field that it names. */
function complain(text) {
  say($("start-error"), text);
  $("start-error").hidden = !text;
  if (!text) return;
  appear();
  const own = [$("top"), $("rank-by"), $("objective")].find(({ name }) => text.includes(`\`${name}\``));
  const control = parameters.named(specs(), text) ?? own ?? fields.named(text);
  if (control) reveal(control);
  else $("start-error").scrollIntoView({ block: "nearest" });
}

function reveal(control) {
  mark(control, "aria-invalid", "true");
  for (let part = control.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  control.scrollIntoView({ block: "center" });
  control.focus({ preventScroll: true });
}

function keep(inGrid, beside) {
  [rest, further] = [inGrid, beside];
  const names = [...Object.keys(rest), ...Object.keys(further)].map((name) => `\`${name}\``).join(" and ");
  $("kept").hidden = !names;
  say($("kept").querySelector("span"), `Also ${names} as in the sweep before.`);
  count();
}

/** Fills the form with what `sweep` was started with; returns what stands in the way of starting it, or an empty text. */
export function fill(sweep) {
  const { axes, rest: inGrid, others } = takeApart(sweep.request);
  $("plugin").value = sweep.plugin;
  $("data").value = sweep.data;
  show();
  parameters.fill(specs(), axes);
  const beside = fillGoal(sweep, fields.fill(others));
  fields.control("returns").value = sweep.returns ?? "";
  $("name").value = "";
  sections.forEach((section) => (section.open = false));
  fields.tally(sections, true);
  keep(inGrid, beside);
  const gone = [...axes.keys()].filter((name) => !specs().some((spec) => spec.name === name));
  if (!chosen()) return `no plugin serves as \`${sweep.plugin}\` now; choose another one`;
  if (gone.length) return `${sweep.plugin} has no parameter \`${gone.join("`, `")}\` any more; look at the others, and start`;
  return "";
}

/** Fills what ranks; returns the members of the request that are left then. */
function fillGoal(sweep, { objective = "", direction = "", top = 10, rank_by: by = "", ...beside }) {
  const [first, ...also] = objective.split(",");
  const own = direction || first.split(":")[1];
  $("objective").value = sweep.objective;
  $("direction").value = { higher: "max", lower: "min" }[own] ?? own ?? "";
  $("top").value = top;
  $("rank-by").value = by === "plateau" ? by : "";
  fields.control("also").value = also.join(",");
  return beside;
}

/** Shows the form with what `sweep` was started with. */
export function edit(sweep) {
  complain(fill(sweep));
  appear();
}

/** Starts `sweep` again with what serves now, with returns of each `returns` if that is given. */
export function again(sweep, returns = null) {
  const problem = fill(sweep);
  if (returns) fields.control("returns").value = returns;
  if (problem) complain(problem);
  else submit();
}
