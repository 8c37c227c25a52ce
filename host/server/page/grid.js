// The values of a parameter as they are typed: how many they are, and how those of a grid would be typed.
// Never decides what is right: the server reads every grid again, and says what is wrong with it.

/** What a text takes for one number to be exact: 1.25 is 125 of 10^-2. */
function exact(text) {
  const parts = /^([+-]?)(\d+)(?:\.(\d*))?(?:e([+-]?\d{1,3}))?$/i.exec(text.trim());
  if (!parts) return null;
  const [, sign, before, after = "", power = "0"] = parts;
  return { digits: BigInt(sign + before + after), scale: after.length - Number(power) };
}

/** Numbers as multiples of one unit, so that a step divides them exactly. */
function aligned(numbers) {
  const scale = Math.max(...numbers.map((number) => number.scale));
  return numbers.map(({ digits, scale: own }) => digits * 10n ** BigInt(scale - own));
}

/** How many values a text stands for, as a whole number of any size; null where the page cannot tell. */
export function countOf(text, type) {
  if (!text.includes("..")) {
    const values = text.split(",").map((value) => value.trim());
    return values.every((value) => isOf(value, type)) ? BigInt(values.length) : null;
  }
  const [from, rest] = split(text, "..");
  const [to, points] = split(rest, "/");
  return points === null ? steps(from, rest) : pointsOf(from, to, points, type);
}

function isOf(value, type) {
  if (type === "integer") return /^[+-]?\d+$/.test(value);
  if (type === "number") return exact(value) !== null;
  return value !== "";
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + mark.length)];
}

function steps(from, rest) {
  const [to, step] = split(rest, ":");
  const numbers = [from, to, step ?? "1"].map(exact);
  if (numbers.includes(null)) return null;
  const [first, last, by] = aligned(numbers);
  return by > 0n && last >= first ? (last - first) / by + 1n : null;
}

function pointsOf(from, to, points, type) {
  const [text, scale] = split(points, ":");
  if (!/^\d{1,9}$/.test(text.trim()) || !exact(from) || !exact(to) || ![null, "log", "linear"].includes(scale)) return null;
  const n = Number(text);
  if (n === 0) return null;
  return scale === "log" && type === "integer" ? BigInt(logPoints(Number(from), Number(to), n)) : BigInt(n);
}

/** Points at equal ratios that are rounded to whole numbers may fall together. */
function logPoints(from, to, n) {
  if (n > 100_000 || n === 1) return n;
  const values = new Set();
  for (let place = 0; place < n; place += 1) values.add(Math.round(from * (to / from) ** (place / (n - 1))));
  return values.size;
}

/** The keys of a grid that are no parameters. */
const OWN = ["zip", "exits", "constraints", "require", "objective", "direction", "sample", "seed"];

/**
 * Takes a request apart: `axes` by name, as text or lists of values; `rest`, what a grid alone can say; and `others`, the members
 * beside the grid, with those that the grid has given.
 */
export function takeApart({ plugin: _, data: __, grid, params, ...beside } = {}) {
  const own = grid ?? {};
  const plain = Object.entries(own).filter(([key]) => key !== "parameters" && !OWN.includes(key));
  const axes = new Map(own.parameters ? Object.entries(own.parameters) : plain);
  (params ?? []).forEach((text) => axes.set(...split(text, "=").map((part) => part.trim())));
  const { zip, ...given } = Object.fromEntries(Object.entries(own).filter(([key]) => OWN.includes(key)));
  const others = { ...given, ...beside };
  if (own.exits) others.exits = { ...own.exits, ...beside.exits };
  for (const key of ["constraints", "require"]) {
    const conditions = [own[key] ?? [], beside[key] ?? []].flat();
    if (conditions.length > 0) others[key] = conditions;
  }
  return { axes, rest: zip === undefined ? {} : { zip }, others };
}

/** The values of an axis of a grid file, as they would be typed. */
export function typed(axis) {
  if (Array.isArray(axis)) return axis.map(String).join(",");
  if (axis === null || typeof axis !== "object") return String(axis);
  const { from, to, step, n, scale } = axis;
  if (n !== undefined) return `${from}..${to}/${n}${scale ? `:${scale}` : ""}`;
  return `${from}..${to}${step === undefined ? "" : `:${step}`}`;
}

/** Conditions in one line: each in parentheses where there are several. */
export const joined = (conditions) =>
  conditions.length > 1 ? conditions.map((condition) => `(${condition})`).join(" and ") : conditions.join("");
