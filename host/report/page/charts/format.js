// Numbers, times and CSV as people and programs read them.
// Never knows what a number means: its unit is given.

const formats = new Map();

function decimals(places) {
  const known = formats.get(places);
  if (known) return known;
  const digits = { minimumFractionDigits: places, maximumFractionDigits: places };
  // What is rounded to zero has no sign.
  const made = new Intl.NumberFormat("en-GB", { ...digits, signDisplay: "negative" });
  formats.set(places, made);
  return made;
}

const TWO_DIGITS = new Intl.NumberFormat("en-GB", { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
const MINUS = "\u2212";

/** From this size on, a number is written as a power of ten: few bars, extrapolated to a year, give such numbers. */
const HUGE = 1e12;

/** What is smaller is what rounding has left of zero. */
const DUST = 1e-10;

/** The text of a number with as many decimals as `places`. */
export function fixed(value, places) {
  const text = Math.abs(value) >= HUGE ? value.toExponential(2).replace("+", "") : decimals(places).format(value);
  return text.replace("-", MINUS);
}

/** A number in as many digits as tell values apart. */
function rounded(value, tens) {
  const size = Math.abs(value);
  if (size < DUST) return fixed(0, 2);
  if (size >= 1000) return fixed(value, 0);
  if (size >= tens) return fixed(value, 1);
  return size >= 0.1 || size === 0 ? fixed(value, 2) : TWO_DIGITS.format(value).replace("-", MINUS);
}

function price(value) {
  const size = Math.abs(value);
  return fixed(value, size >= 1000 ? 1 : size >= 10 ? 2 : size >= 1 ? 3 : 4);
}

/** How values of each unit are written. */
const UNITS = {
  number: (value) => rounded(value, 1000),
  share: (value) => `${rounded(value * 100, 10)} %`,
  count: (value) => (Number.isInteger(value) ? fixed(value, 0) : rounded(value, 1000)),
  money: (value) => fixed(value, Math.abs(value) >= 1000 ? 0 : 2),
  price,
};

/** The function that writes values of a unit: `number`, `share` (as per cent), `count`, `money`, `price`, or a function. */
export function writer(unit = "number") {
  const write = typeof unit === "function" ? unit : (UNITS[unit] ?? UNITS.number);
  return (value) => {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    return Number.isFinite(value) ? write(value) : value > 0 ? "∞" : `${MINUS}∞`;
  };
}

/** The function that writes the marks of an axis: `step` apart, or each in its own digits where that is null. */
export function axisWriter(unit, step) {
  const places = (size) => Math.max(0, Math.min(8, -Math.floor(Math.log10(Math.abs(size) || 1) + 1e-9))) || 0;
  if (typeof unit === "function") return unit;
  if (unit === "share") return (value) => `${fixed(value * 100, places((step ?? value) * 100))} %`;
  return (value) => (Math.abs(value) >= 1e6 ? large(value) : fixed(value, places(step ?? value)));
}

/** A large number in few letters: 1.5 M. */
function large(value) {
  if (Math.abs(value) >= HUGE) return fixed(value, 0);
  const [size, sign] = Math.abs(value) >= 1e9 ? [1e9, "bn"] : [1e6, "M"];
  return `${String(Math.round((value / size) * 100) / 100).replace("-", MINUS)} ${sign}`;
}

/** A parameter's value: exactly, without separators, as it would be typed. */
export const exact = (value) => (value === null || value === undefined ? "–" : String(value));

/** The name of a metric as a person says it. */
export const spaced = (name) => name.replaceAll("_", " ");

/** Texts up to this length are short enough for a label; longer ones get at least so many digits. */
const [BRIEF, FEWEST, MOST] = [7, 4, 17];

/**
 * The function that writes the values of a parameter as labels: in few digits where these tell all values apart. Whole numbers
 * and texts stay as they are.
 */
export function briefWriter(values) {
  const odd = (value) => typeof value === "number" && !Number.isInteger(value) && exact(value).length > BRIEF;
  if (!values.some(odd)) return exact;
  for (let digits = FEWEST; digits < MOST; digits += 1) {
    const write = (value) => (odd(value) ? exact(Number(value.toPrecision(digits))) : exact(value));
    if (new Set(values.map(write)).size === values.length) return write;
  }
  return exact;
}

export const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The function that writes a time, in milliseconds: days alone where all times are days. */
export function timeWriter(times) {
  const days = times.every((time) => time % 86_400_000 === 0);
  return (time) => {
    const text = new Date(time).toISOString();
    return days ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
  };
}

/** Times in milliseconds: numbers as they are, ISO texts read. Without an offset a text is taken as it stands. */
export function milliseconds(times) {
  if (typeof times[0] !== "string") return times;
  return Float64Array.from(times, (text) =>
    Date.parse(/T.*(Z|[+-]\d\d:?\d\d)$/.test(text) || !text.includes("T") ? text : `${text}Z`),
  );
}

/** How many there are, in words: `1 bar`, `2 bars`. */
export const counted = (count, one) => `${fixed(count, 0)} ${one}${count === 1 ? "" : "s"}`;

/** A number in full; one that comes from 32 bits in the fewest digits that give it back. */
function numeral(value) {
  if (Number.isInteger(value) || Math.fround(value) !== value) return String(value);
  const digits = [6, 7, 8].find((count) => Math.fround(Number(value.toPrecision(count))) === value) ?? 9;
  return String(Number(value.toPrecision(digits)));
}

/** A field of CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it. */
function field(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (typeof value === "number") return numeral(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A table as CSV: all rows, numbers in full. */
export function csvOf({ columns, rows, at }) {
  const lines = [columns.map(({ name }) => field(name)).join(",")];
  for (let row = 0; row < rows; row += 1) lines.push(columns.map((_, column) => field(at(row, column))).join(","));
  return `${lines.join("\r\n")}\r\n`;
}
