// The settings of a sweep as fields of the form: each says where in a request it stands, and what applies where it is empty.
// Never checks a value: the server does.

import { el } from "/dom.js";
import { countOf, joined, typed } from "/grid.js";
import { USUAL } from "/metrics.js";

const number = (path, label, place, hint) => ({ path, label, place, hint, kind: "number" });
const text = (path, label, place, hint) => ({ path, label, place, hint, kind: "text" });
const suggested = (path, label, place, hint, suggestions) => ({ ...text(path, label, place, hint), suggestions });
const list = (path, label, place, hint) => ({ path, label, place, hint, kind: "list" });
/** The values of an axis, as they are typed. */
const axis = (path, label, hint) => ({ path, label, place: "none", hint, kind: "axis" });
const flag = (path, label, hint) => ({ path, label, hint, kind: "flag", choices: ["false", "true"] });
/** `choices` are values; the first one is what applies where nothing is chosen. */
const select = (path, label, choices, hint) => ({ path, label, hint, kind: "select", choices });
const rule = (name, ...choices) => select(`account.rules.${name}`, name.replaceAll("_", " "), choices);

const CONDITIONS = [
  list("constraints", "Only combinations where", "fast < slow", "conditions on parameters; join them by and"),
  list("require", "Rank only results where", "trades >= 30", "conditions on metrics; shares as 10% or 0.1"),
  number("sample", "Random sample of", "all", "combinations"),
  number("seed", "Seed", "0", "of the sample, or of the search"),
];

const ACCOUNT = [
  number("account.initial_cash", "Cash", "10000"),
  number("account.commission_bps", "Commission, bps", "0", "of each fill's value; 1 bps is 0.01 %"),
  number("account.slippage_bps", "Slippage, bps", "0", "worse than the bar's price"),
  select("account.fill", "Orders are filled at", ["next-open", "close"]),
  suggested("account.sizing", "An exposure of 1 is", "equity", "equity, units:N or cash:N", ["equity", "units:1", "cash:10000"]),
  { ...rule("at_end", "hold", "close", "last-bar"), label: "Open positions at the end" },
];

const MORE_ACCOUNT = [
  select("account.profile", "Rules of another engine", ["", "backtesting.py", "vectorbt"]),
  select("account.mode", "Strategy runs by", ["", "signals", "events"]),
  number("account.periods_per_year", "Bars in a year", "from the data"),
  number("account.risk_free", "Risk-free rate", "0", "a year; 0.02 is 2 %"),
  flag("account.sizing_includes_costs", "Sizes include costs"),
  number("account.commission_maker_bps", "Maker commission, bps", "as others", "for limit orders that waited"),
  number("account.commission_per_unit", "Commission a unit", "0"),
  number("account.commission_per_order", "Commission an order", "0"),
  number("account.commission_minimum", "Least commission", "0", "of an order"),
  number("account.commission_maximum", "Greatest commission", "none", "of an order"),
  number("account.slippage_ticks", "Slippage, ticks", "0"),
  number("account.slippage_impact", "Market impact", "0", "slippage for a whole bar's volume"),
  number("account.volume_share", "Share of volume", "any", "that all orders together may trade"),
  number("account.lot", "Lot", "any", "positions are multiples of it"),
  number("account.tick", "Tick", "any", "prices of orders are multiples of it"),
  number("account.multiplier", "Multiplier", "1", "point value of a future"),
  number("account.initial_margin", "Initial margin", "1", "0.5 is a leverage of two"),
  number("account.maintenance_margin", "Maintenance margin", "0"),
  number("account.borrow_rate", "Borrow rate", "0", "a year; 0.03 is 3 %"),
  number("account.first_bar", "First bar to act", "0", "counted from 0"),
  rule("intrabar", "pessimistic", "stops-first", "optimistic", "ohlc", "olhc", "adaptive"),
  rule("limits", "penetrate", "touch"),
  rule("gaps", "open", "stop", "exits-open"),
  rule("stop_limits", "follow", "next-bar"),
  rule("trailing", "after", "before"),
  rule("exits", "same-bar", "next-bar", "known"),
  rule("priority", "reducing-first", "sent", "instrument"),
  rule("missing", "wait", "cancel"),
  rule("lot_rounding", "down", "nearest", "reject"),
  rule("tick_rounding", "nearest", "passive", "reject"),
  rule("booking", "fill", "next-bar"),
  rule("ruin", "keep", "zero", "trade-on"),
  rule("funds", "margin", "cash", "free-cash"),
];

const EXITS = [
  axis("exits.stop_loss", "Stop loss", "a loss from the entry; 2% or 0.02, or several: 1%..5%:1%"),
  axis("exits.take_profit", "Take profit", "a gain from the entry"),
  axis("exits.trailing_stop", "Trailing stop", "behind the best price since the entry"),
];

const DATES = [
  text("period.from", "First day", "", "earlier bars warm the strategy up"),
  text("period.to", "Last day", ""),
  text("split", "Share of bars that ranks", "all", "70% leaves the rest out of sample"),
  select("scope", "Instruments", ["together", "each-symbol"], "on one account, or each alone"),
];

const RESULTS = [
  { ...select("metrics", "Metrics", ["all"]), kind: "json", named: [[JSON.stringify(USUAL), "the usual ones"]] },
  suggested("benchmark", "Benchmark", "none", "to compare each combination with", ["hold"]),
  { ...select(null, "Keep returns", ["no", "day", "week", "bar"], "for trust and walk-forward"), id: "returns" },
  flag("bounds", "Both extremes within bars", "for strategies that send orders"),
];

const METHODS = ["evolution", "nsga2", "halving", "sobol", "random"];

const SEARCH = [
  { ...select("optimize.method", "Method", ["", ...METHODS]), usual: "none: all combinations" },
  number("optimize.trials", "Trials", "2000"),
  number("optimize.generation", "In one generation", "by method"),
  { ...text(null, "Also optimise", "max_drawdown", "metrics after the first, with commas"), id: "also" },
];

/** The sections of the form, each with its fields. */
const SECTIONS = [
  { title: "Account and costs", fields: ACCOUNT, more: MORE_ACCOUNT },
  { title: "Exits of signals", fields: EXITS },
  { title: "Dates, split, scope", fields: DATES },
  { title: "Conditions, sample", fields: CONDITIONS },
  { title: "Metrics, benchmark, returns", fields: RESULTS },
  { title: "Search", fields: SEARCH },
];

const idOf = ({ id, path }) => `field-${id ?? path.replaceAll(".", "-")}`;
const leafOf = ({ id, path }) => (path ?? id).split(".").at(-1);
/** By id, the control of each field. */
const controls = new Map();
const all = SECTIONS.flatMap(({ fields, more = [] }) => [...fields, ...more]).filter(({ path }) => path !== null);

export const control = (id) => controls.get(`field-${id}`);

/** Makes the sections, closed. */
export function make() {
  return SECTIONS.map(({ title, fields, more }) => {
    const inner = more && el("details", { class: "more" }, el("summary", {}, "All other settings and rules"), group(more));
    return el("details", { class: "part" }, el("summary", {}, title, el("span", { class: "set" })), group(fields), inner);
  });
}

const group = (fields) => el("div", { class: "fields" }, ...fields.map(fieldOf));

function fieldOf(field) {
  const id = idOf(field);
  const about = field.hint && el("span", { class: "hint", id: `${id}-hint` }, field.hint);
  const attributes = { id, name: leafOf(field), "aria-describedby": about ? `${id}-hint` : null };
  const node = ["text", "number", "list", "axis"].includes(field.kind) ? inputOf(field, attributes) : selectOf(field, attributes);
  controls.set(id, node);
  const list = field.suggestions && suggestionsOf(`${id}-list`, field.suggestions);
  return el("div", { class: "field" }, el("label", { for: id }, field.label), node, list, about);
}

function inputOf(field, attributes) {
  const inputmode = field.kind === "number" ? "decimal" : null;
  const list = field.suggestions ? `${attributes.id}-list` : null;
  return el("input", { ...attributes, inputmode, list, spellcheck: "false", placeholder: field.place });
}

/** A profile may change what applies: then the usual choice can be chosen, too. */
const isExplicit = ({ path }) => path?.startsWith("account.") ?? false;

function selectOf(field, attributes) {
  const { choices, named = [] } = field;
  const [first, ...others] = choices;
  const offered = isExplicit(field) && first ? choices : others;
  const usual = isExplicit(field) && first ? `usual: ${first}` : first || (field.usual ?? "as usual");
  const pairs = [["", usual], ...offered.map((value) => [value, value]), ...named];
  return el("select", attributes, ...pairs.map(([value, words]) => el("option", { value }, words)));
}

const suggestionsOf = (id, values) => el("datalist", { id }, ...values.map((value) => el("option", { value })));

/** Puts what is typed into a request; what is empty is left out. */
export function read(request) {
  for (const field of all) {
    const text = control(field.path.replaceAll(".", "-")).value.trim();
    if (text !== "") put(request, field.path.split("."), valueOf(field.kind, text));
  }
  return request;
}

function valueOf(kind, text) {
  if (kind === "list") return [text];
  if (kind === "json") return JSON.parse(text);
  if (kind === "flag") return text === "true";
  // What is not a number goes as it is: the server says what is wrong with it.
  return kind === "number" && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** How many combinations of exits there are for each one of parameters; null where the page cannot tell. */
export function exits() {
  const texts = EXITS.map(({ path }) => control(path.replaceAll(".", "-")).value.trim()).filter(Boolean);
  const counts = texts.map((text) => countOf(text.replaceAll(/(\d\.?)\s*%/g, "$1e-2"), "number"));
  return counts.includes(null) ? null : counts.reduce((product, values) => product * values, 1n);
}

function put(target, [key, ...rest], value) {
  if (rest.length === 0) target[key] = value;
  else put((target[key] ??= {}), rest, value);
}

/** Fills the fields from a request, and returns what it has that no field has. */
export function fill(request) {
  const left = structuredClone(request);
  for (const field of all) fillOne(field, pull(left, field.path.split(".")));
  return left;
}

function fillOne(field, value) {
  const node = control(field.path.replaceAll(".", "-"));
  const shown = value === undefined || value === null ? "" : textOf(field.kind, value);
  const isPlain = !isExplicit(field) && field.choices?.[0] === shown;
  if (!isPlain && node.tagName === "SELECT" && ![...node.options].some((option) => option.value === shown))
    node.append(el("option", { value: shown }, field.kind === "json" ? metricsOf(value) : shown));
  node.value = isPlain ? "" : shown;
}

function textOf(kind, value) {
  if (kind === "list") return joined([value].flat());
  if (kind === "axis") return typed(value);
  if (kind !== "json") return String(value);
  if (value === "all") return "";
  const isUsual = Array.isArray(value) && value.length === USUAL.length && USUAL.every((name) => value.includes(name));
  return JSON.stringify(isUsual ? USUAL : value);
}

const metricsOf = (value) => (Array.isArray(value) ? value.join(", ") : String(value));

/** Takes a member out of a request, and the objects that are empty without it. */
function pull(target, [key, ...rest]) {
  if (target === null || typeof target !== "object" || !(key in target)) return undefined;
  if (rest.length === 0) {
    const value = target[key];
    delete target[key];
    return value;
  }
  const value = pull(target[key], rest);
  if (target[key] !== null && typeof target[key] === "object" && Object.keys(target[key]).length === 0) delete target[key];
  return value;
}

/** The control of a setting that `text` names, if there is one. */
export function named(text) {
  const names = (node) => ["`", "="].some((end) => text.includes(`\`${node.name}${end}`)) || text.includes(`.${node.name}\``);
  return [...controls.values()].find(names);
}

/** Says beside the title of each section how many of its fields are set, and opens those that have some where `open`. */
export function tally(sections, open = false) {
  for (const section of sections) {
    const set = [...section.querySelectorAll("input, select")].filter(({ value }) => value !== "").length;
    const words = section.querySelector("summary .set");
    if (words.textContent !== (set ? String(set) : "")) words.textContent = set ? `${set}` : "";
    words.title = set ? `${set} set` : "";
    if (open && set > 0) section.open = true;
  }
}
