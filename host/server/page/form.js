// The form that starts a sweep, made of the parameters that a plugin declares.
// Never checks what the server checks: it counts what it can, and shows the server's answer.

import { $, choose, el, mark, say, sync } from "/dom.js";
import { countOf, joined, takeApart, typed } from "/grid.js";
import { many, METRICS, parameter, short, USUAL, whole } from "/metrics.js";
import { ask } from "/server.js";

let plugins = [];
let data = [];
let started = () => {};
/** What a sweep had that the form has no field for, and its next start keeps: in its grid, and beside it. */
let rest = {};
let further = {};
/** By parameter, its row: how it is read and filled. */
const rows = new Map();
let made = 0;

export function begin(whenStarted) {
  started = whenStarted;
  const options = (names) => names.map((name) => el("option", { value: name }, name));
  const others = METRICS.filter((name) => !USUAL.includes(name));
  $("objective").append(
    el("optgroup", { label: "usual" }, ...options(USUAL)),
    el("optgroup", { label: "all others" }, ...options(others)),
  );
  $("plugin").addEventListener("change", show);
  $("data").addEventListener("change", show);
  for (const kind of ["input", "change"]) {
    $("start-form").addEventListener(kind, (event) => {
      mark(event.target, "aria-invalid", null);
      count();
    });
  }
  $("start-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  $("kept").querySelector("button").addEventListener("click", () => keep({}, {}));
}

/** Takes the plugins and the data that there are now; what has been typed stays. */
export function update(nowPlugins, nowData) {
  [plugins, data] = [nowPlugins.filter((plugin) => plugin.generation > 0), nowData];
  choose($("plugin"), plugins.map(({ name }) => [name, name]));
  choose($("data"), data.map(({ name }) => [name, name]));
  show();
}

const chosen = () => plugins.find(({ name }) => name === $("plugin").value);

function show() {
  const plugin = chosen();
  const specs = plugin?.parameters ?? [];
  sync($("parameters"), specs, rowKey, makeRow, updateRow);
  $("parameters-empty").hidden = !plugin || specs.length > 0;
  $("submit").disabled = !plugin;
  say($("start-about"), [aboutPlugin(plugin), aboutData()].filter(Boolean).join(" "));
  count();
}

function aboutPlugin(plugin) {
  if (!plugin) return "";
  return `${plugin.strategy.summary} Generation ${plugin.generation}, build ${short(plugin.hash)}.`;
}

function aboutData() {
  const set = data.find(({ name }) => name === $("data").value);
  if (!set) return "";
  const symbols = set.symbols.length > 5 ? many(set.symbols.length, "symbol") : set.symbols.join(", ");
  return `${symbols}: ${many(set.bars, "bar")}, ${set.first} to ${set.last}.`;
}

// A row is kept while the parameter is of the same kind: its bounds may change under what has been typed.
const rowKey = ({ name, type, choices }) => JSON.stringify([name, type, choices]);
const choicesOf = ({ type, choices }) => (choices.length ? choices : type === "boolean" ? [false, true] : []);

function makeRow(spec) {
  made += 1;
  const row = (choicesOf(spec).length ? boxes : field)(spec, `axis-${made}`);
  rows.set(rowKey(spec), row);
  return row.node;
}

function field(spec, id) {
  const input = el("input", { id, name: spec.name, spellcheck: "false", "aria-describedby": `${id}-about ${id}-count` });
  const [about, values] = [el("span", { class: "hint", id: `${id}-about` }), el("output", { id: `${id}-count`, for: id })];
  const node = el("div", { class: "parameter" }, el("label", { for: id }, spec.name), values, input, about);
  return {
    node,
    about,
    values,
    controls: [input],
    read: () => input.value.trim() || null,
    fill: (axis) => (input.value = axis === undefined ? "" : typed(axis)),
    place: (text) => mark(input, "placeholder", text),
  };
}

function boxes(spec, id) {
  const controls = choicesOf(spec).map((value) => el("input", { type: "checkbox", name: spec.name, value: String(value) }));
  const labels = controls.map((box) => el("label", {}, box, box.value));
  const [about, values] = [el("span", { class: "hint" }), el("output")];
  const [title, group] = [el("span", { id, class: "title" }, spec.name), el("div", { class: "boxes" }, ...labels)];
  const node = el("div", { class: "parameter", role: "group", "aria-labelledby": id }, title, values, group, about);
  const checked = () => choicesOf(spec).filter((_, place) => controls[place].checked);
  return {
    node,
    about,
    values,
    controls,
    read: () => (checked().length ? checked() : null),
    fill: (axis) => {
      const wanted = axis === undefined ? [] : typed(axis).split(",").map((value) => value.trim());
      controls.forEach((box) => (box.checked = wanted.includes(box.value)));
    },
    place: () => {},
  };
}

function updateRow(node, spec) {
  const row = rows.get(rowKey(spec));
  row.place(`default ${parameter(spec.default)}`);
  say(row.about, `${spec.doc}${spec.doc && " · "}${kindOf(spec)}`);
}

function kindOf({ type, default: standard, minimum, maximum, choices }) {
  const kind = { integer: "whole number", number: "number", boolean: "yes or no", text: "text" }[type] ?? type;
  const bounds = minimum !== null && maximum !== null ? `, ${parameter(minimum)} to ${parameter(maximum)}`
    : minimum !== null ? `, from ${parameter(minimum)}`
    : maximum !== null ? `, up to ${parameter(maximum)}`
    : "";
  return choices.length || type === "boolean" ? `if none is chosen: ${parameter(standard)}` : `${kind}${bounds}`;
}

/** How many values a row gives; null where that is for the server to say. */
function valuesOf(row, type) {
  const axis = row.read();
  if (axis === null) return 1n;
  return Array.isArray(axis) ? BigInt(axis.length) : countOf(axis, type);
}

function count() {
  let product = 1n;
  for (const spec of chosen()?.parameters ?? []) {
    const row = rows.get(rowKey(spec));
    const values = valuesOf(row, spec.type);
    product = product === null || values === null ? null : product * values;
    say(row.values, row.read() === null ? "default" : values === null ? "?" : many(values, "value"));
  }
  say($("count"), chosen() ? total(product) : "");
}

function total(product) {
  const sample = Number($("sample").value);
  if ("zip" in rest) return "as many combinations as the server counts";
  if (product === null) return sample ? `at most ${many(sample, "combination")}` : "? combinations";
  const sampled = sample > 0 && product > BigInt(sample);
  const bounded = $("constraints").value.trim() !== "";
  const drawn = sampled ? `${whole(sample)} of ${many(product, "combination")}` : many(product, "combination");
  return `${bounded ? "at most " : ""}${drawn}`;
}

function body() {
  const grid = { ...rest, parameters: {} };
  const params = [];
  for (const spec of chosen().parameters) {
    const axis = rows.get(rowKey(spec)).read();
    if (axis === null) continue;
    // What could not be typed goes as it is.
    if (Array.isArray(axis) && axis.some((value) => /,|\.\.|^\s|\s$|^$/.test(value))) grid.parameters[spec.name] = axis;
    else params.push(`${spec.name}=${axis}`);
  }
  for (const key of ["constraints", "require"]) {
    const text = $(key).value.trim();
    if (text) grid[key] = [text];
  }
  if ($("sample").value) grid.sample = Number($("sample").value);
  return {
    ...further,
    plugin: $("plugin").value,
    ...($("data").value && { data: $("data").value }),
    grid,
    params,
    objective: $("objective").value,
    ...($("direction").value && { direction: $("direction").value }),
    top: Number($("top").value),
  };
}

async function submit() {
  const button = $("submit");
  if (button.disabled) return;
  button.disabled = true;
  document.querySelectorAll("#parameters [aria-invalid]").forEach((control) => mark(control, "aria-invalid", null));
  try {
    const sweep = await ask("/sweeps", { method: "POST", body: body() });
    complain("");
    started(sweep);
  } catch (problem) {
    complain(problem.message);
  } finally {
    button.disabled = !chosen();
  }
}

/** Shows what the server does not take, and leads to the field that it names. */
function complain(text) {
  say($("start-error"), text);
  $("start-error").hidden = !text;
  if (!text) return;
  const named = (chosen()?.parameters ?? []).find(({ name }) => text.includes(`\`${name}\``) || text.includes(`\`${name}=`));
  const control = named && rows.get(rowKey(named)).controls[0];
  if (control) mark(control, "aria-invalid", "true");
  (control ?? $("start-error")).scrollIntoView({ block: "nearest" });
  control?.focus({ preventScroll: true });
}

function keep(inGrid, beside) {
  [rest, further] = [inGrid, beside];
  const names = [...Object.keys(rest), ...Object.keys(further)].map((name) => `\`${name}\``).join(" and ");
  $("kept").hidden = !names;
  say($("kept").querySelector("span"), `Also ${names} as in the sweep before.`);
  count();
}

/** Fills the form with what `sweep` was started with, and starts it again. */
export function again(sweep) {
  const sent = takeApart(sweep.request);
  $("plugin").value = sweep.plugin;
  $("data").value = sweep.data;
  show();
  (chosen()?.parameters ?? []).forEach((spec) => rows.get(rowKey(spec)).fill(sent.axes.get(spec.name)));
  $("constraints").value = joined(sent.constraints);
  $("require").value = joined(sent.require);
  $("sample").value = sent.sample ?? "";
  $("objective").value = sweep.objective;
  $("direction").value = sweep.better === "lower" ? "min" : "max";
  $("more").open = Boolean($("constraints").value || $("require").value || $("sample").value);
  keep(sent.rest, sent.further);
  const gone = [...sent.axes.keys()].filter((name) => !chosen()?.parameters.some((spec) => spec.name === name));
  if (gone.length) complain(`${sweep.plugin} has no parameter \`${gone.join("`, `")}\` any more; look at the others, and start`);
  else submit();
}
