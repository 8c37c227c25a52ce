// The parameters that a plugin declares, as rows of the form: what is typed, how many values that is, how it is sent.
// Never checks a bound: the server does.

import { $, el, mark, say, sync } from "/dom.js";
import { countOf, typed } from "/grid.js";
import { many, parameter } from "/metrics.js";

/** By the key of its parameter, each row: how it is read and filled. */
const rows = new Map();
let made = 0;

// A row is kept while the parameter is of the same kind: its bounds may change under what has been typed.
const keyOf = ({ name, type, choices }) => JSON.stringify([name, type, choices]);
const choicesOf = ({ type, choices }) => (choices.length ? choices : type === "boolean" ? [false, true] : []);
const rowOf = (spec) => rows.get(keyOf(spec));

/** Makes the rows those of `specs`. */
export function show(specs) {
  sync($("parameters"), specs, keyOf, makeRow, updateRow);
}

function makeRow(spec) {
  made += 1;
  const row = (choicesOf(spec).length ? boxes : field)(spec, `axis-${made}`);
  rows.set(keyOf(spec), row);
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
    control: input,
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
    control: controls[0],
    read: () => (checked().length ? checked() : null),
    fill: (axis) => {
      const wanted = axis === undefined ? [] : typed(axis).split(",").map((value) => value.trim());
      controls.forEach((box) => (box.checked = wanted.includes(box.value)));
    },
    place: () => {},
  };
}

function updateRow(node, spec) {
  const row = rowOf(spec);
  row.place(`default ${parameter(spec.default)}`);
  say(row.about, [spec.doc, kindOf(spec)].filter(Boolean).join(" · "));
}

function kindOf({ type, default: standard, minimum, maximum, choices }) {
  if (choices.length || type === "boolean") return `if none is chosen: ${parameter(standard)}`;
  const kind = { integer: "whole number", number: "number", text: "text" }[type] ?? type;
  return `${kind}${bounds(minimum, maximum)}`;
}

function bounds(minimum, maximum) {
  if (minimum !== null && maximum !== null) return `, ${parameter(minimum)} to ${parameter(maximum)}`;
  if (minimum !== null) return `, from ${parameter(minimum)}`;
  return maximum === null ? "" : `, up to ${parameter(maximum)}`;
}

/** Counts the values of each row, and returns their product; null where that is for the server to say. */
export function count(specs) {
  let product = 1n;
  for (const spec of specs) {
    const row = rowOf(spec);
    const values = valuesOf(row, spec.type);
    product = product === null || values === null ? null : product * values;
    say(row.values, row.read() === null ? "default" : values === null ? "?" : many(values, "value"));
  }
  return product;
}

function valuesOf(row, type) {
  const axis = row.read();
  if (axis === null) return 1n;
  return Array.isArray(axis) ? BigInt(axis.length) : countOf(axis, type);
}

/** What is typed, as a request takes it: texts, and lists where a text would be read otherwise. */
export function read(specs) {
  const [lists, texts] = [{}, []];
  for (const spec of specs) {
    const axis = rowOf(spec).read();
    if (axis === null) continue;
    if (Array.isArray(axis) && axis.some((value) => /,|\.\.|^\s|\s$|^$/.test(value))) lists[spec.name] = axis;
    else texts.push(`${spec.name}=${axis}`);
  }
  return { lists, texts };
}

/** Fills the rows from axes by name; those without one get their default. */
export function fill(specs, axes) {
  specs.forEach((spec) => rowOf(spec).fill(axes.get(spec.name)));
}

/** The control of a parameter that `text` names, if there is one. */
export function named(specs, text) {
  const spec = specs.find(({ name }) => text.includes(`\`${name}\``) || text.includes(`\`${name}=`));
  return spec && rowOf(spec).control;
}
