// Any value as text, for the log: as much of it as a reader wants to see.

const ITEMS = 100;
const DEPTH = 4;

/** `value` as one would write it, but for what is deep or long. */
export function show(value, depth = 0) {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[function ${value.name || "without a name"}]`;
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (value instanceof Error) return String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (depth === DEPTH) return "...";
  return showObject(value, depth + 1);
}

function showObject(value, depth) {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `[${list(value, (item) => show(item, depth))}]`;
  const entry = ([key, item]) => `${key}: ${show(item, depth)}`;
  if (value instanceof Map) return `Map {${list(value, ([key, item]) => `${show(key, depth)}: ${show(item, depth)}`)}}`;
  if (value instanceof Set) return `Set {${list(value, (item) => show(item, depth))}}`;
  return `{${list(Object.entries(value), entry)}}`;
}

function list(items, text) {
  const all = Array.from(items);
  const shown = all.slice(0, ITEMS).map(text);
  return [...shown, ...(all.length > ITEMS ? [`${all.length - ITEMS} more`] : [])].join(", ");
}
