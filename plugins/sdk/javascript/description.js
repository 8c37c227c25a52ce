// What a strategy says about itself, as the contract wants it.

import { wide } from "./engine.js";
import { Failed } from "./failure.js";

const TYPES = { boolean: "boolean", integer: "number", number: "number", text: "string" };
const KNOWN = { description: ["name", "version", "summary", "parameters"] };
const PARAMETER = ["type", "doc", "default", "min", "max", "choices"];

/** Checks the strategy's `description`, since a word that is misspelled would be a bound that is not kept. */
export function toDescription(description) {
  if (typeof description !== "object" || description === null) {
    throw new Failed("the strategy exports no `description`: export an object with name, version, summary and parameters");
  }
  onlyKnown("the description", description, KNOWN.description);
  const { name, version, summary, parameters = {} } = description;
  for (const [key, value] of Object.entries({ name, version, summary })) {
    if (typeof value !== "string") throw new Failed(`the description's \`${key}\` is to be a text, and is ${typeof value}`);
  }
  return { name, version, summary, parameters: Object.entries(parameters).map(toParameter), output: "json" };
}

function toParameter([name, parameter]) {
  const { type, doc, default: initial, min, max, choices = [] } = parameter;
  onlyKnown(`parameter \`${name}\``, parameter, PARAMETER);
  if (!(type in TYPES)) {
    throw new Failed(`parameter \`${name}\` has the type \`${type}\`; give one of ${Object.keys(TYPES).join(", ")}`);
  }
  if (typeof doc !== "string") throw new Failed(`parameter \`${name}\` has no \`doc\`: one line for the user`);
  const value = (given) => toValue(name, type, given);
  return { name, doc, default: value(initial), minimum: min, maximum: max, choices: choices.map(value) };
}

function toValue(name, type, given) {
  if (typeof given !== TYPES[type] || (type === "integer" && !Number.isSafeInteger(given))) {
    throw new Failed(`parameter \`${name}\` of type ${type} cannot be ${JSON.stringify(given) ?? "undefined"}`);
  }
  return { tag: type, val: type === "integer" ? wide(given) : given };
}

function onlyKnown(what, object, known) {
  const strange = Object.keys(object).find((key) => !known.includes(key));
  if (strange !== undefined) throw new Failed(`${what} has no \`${strange}\`, only ${known.join(", ")}`);
}
