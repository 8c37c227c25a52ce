// What differs between two sweeps: how they were asked for, and what they ran on.
// Never compares results.

import { exact, spaced } from "/report/charts/format.js";

/** Facts beside the request; times and numbers of results are no cause of anything. */
const FACTS = ["plugin", "plugin_hash", "generation", "data", "data_hash", "objective", "better"];
const NAMES = { plugin_hash: "build", data_hash: "bars" };

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** `["fast=5..20"]` as an object, so that each parameter is compared with itself. */
function byName(list) {
  if (!Array.isArray(list)) return list;
  return Object.fromEntries(list.map((text) => [text.split("=", 1)[0], text.slice(text.indexOf("=") + 1)]));
}

/** All values of an object by their paths. */
function flat(value, path, into) {
  if (isObject(value)) Object.entries(value).forEach(([name, part]) => flat(part, [...path, name], into));
  else into.set(path.join(" "), value);
  return into;
}

const textOf = (value) => (Array.isArray(value) ? value.map(exact).join(", ") || "none" : exact(value));

/** Parameters have their own names, all else is said in words. */
const called = (path) => (path.startsWith("params ") ? path.replace("params", "parameter") : spaced(path));

/** The first digits of a hash tell builds apart. */
const brief = (name, value) => (name.endsWith("hash") ? value?.slice(0, 12) : value);

function factsOf(sweep) {
  const { request = {} } = sweep;
  const { plugin, data, objective, ...rest } = request;
  const own = FACTS.map((name) => [NAMES[name] ?? name, brief(name, sweep[name])]);
  return flat({ ...Object.fromEntries(own), ...rest, params: byName(request.params) ?? {} }, [], new Map());
}

/** What differs, each [what, in the first, in the second]; `–` where one has nothing of it. */
export function differences(first, second) {
  const [one, other] = [factsOf(first), factsOf(second)];
  const names = [...new Set([...one.keys(), ...other.keys()])];
  return names
    .map((name) => [called(name), textOf(one.get(name)), textOf(other.get(name))])
    .filter(([, before, after]) => before !== after);
}
