// Conditions on rows, as they are typed: `fast < 10 and (sharpe > 0.5 or trades >= 30)`.
// Never runs what is typed as code: it knows names, numbers, texts and comparisons, nothing else.

/** What a condition is made of; a number may be in per cent, and what has a letter behind it is a word. */
const KINDS = {
  sign: String.raw`<=|>=|!=|==|<|>|=`,
  round: String.raw`[()]`,
  quoted: String.raw`"[^"]*"`,
  number: String.raw`[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?\s*%?(?![\w.])`,
  word: String.raw`[^\s<>=!()"]+`,
};
const GROUPS = Object.entries(KINDS).map(([kind, form]) => `(?<${kind}>${form})`);
const PIECE = new RegExp(String.raw`\s*(?:${GROUPS.join("|")})`, "iuy");
const JOINING = ["and", "or", "not"];
const ORDERED = ["<", "<=", ">", ">="];

function piecesOf(text) {
  const pieces = [];
  const end = text.trimEnd().length;
  PIECE.lastIndex = 0;
  while (PIECE.lastIndex < end) {
    const at = PIECE.lastIndex;
    const found = PIECE.exec(text);
    if (!found) throw new Error(`what begins at \`${text.slice(at).trim()}\` is not understood`);
    const [kind, value] = Object.entries(found.groups).find(([, part]) => part !== undefined);
    const joins = kind === "word" && JOINING.includes(value.toLowerCase());
    pieces.push(joins ? { kind: value.toLowerCase(), value } : { kind: kind === "round" ? value : kind, value });
  }
  return pieces;
}

function numberOf(text) {
  const value = Number(text.replace("\u2212", "-").replace(/\s*%$/, ""));
  return text.endsWith("%") ? value / 100 : value;
}

const isNumber = (value) => typeof value === "number";

/** Whether two values are the same: numbers as numbers, all others as their texts. */
const same = (one, other) => (isNumber(one) && isNumber(other) ? one === other : String(one) === String(other));

const COMPARISONS = {
  "<": (one, other) => one < other,
  "<=": (one, other) => one <= other,
  ">": (one, other) => one > other,
  ">=": (one, other) => one >= other,
  "=": same,
  "==": same,
  // What has no value is neither the same as another one nor different from it.
  "!=": (one, other) => !Number.isNaN(one) && !Number.isNaN(other) && !same(one, other),
};

/** Reads pieces from left to right: `or` binds less than `and`, that less than `not`. */
class Reader {
  #pieces;
  #columns;
  #at = 0;

  constructor(text, columns) {
    [this.#pieces, this.#columns] = [piecesOf(text), columns];
  }

  whole() {
    const found = this.#either();
    if (this.#next) throw new Error(`\`${this.#next.value}\` is not expected; join conditions by \`and\` or \`or\``);
    return found;
  }

  get #next() {
    return this.#pieces[this.#at];
  }

  #take(kind) {
    if (this.#next?.kind !== kind) return false;
    this.#at += 1;
    return true;
  }

  #either() {
    const parts = [this.#both()];
    while (this.#take("or")) parts.push(this.#both());
    return parts.length === 1 ? parts[0] : (row) => parts.some((part) => part(row));
  }

  #both() {
    const parts = [this.#single()];
    while (this.#take("and")) parts.push(this.#single());
    return parts.length === 1 ? parts[0] : (row) => parts.every((part) => part(row));
  }

  #single() {
    if (this.#take("not")) {
      const inner = this.#single();
      return (row) => !inner(row);
    }
    if (!this.#take("(")) return this.#comparison();
    const inner = this.#either();
    if (!this.#take(")")) throw new Error("a `)` is missing");
    return inner;
  }

  /** A comparison, also of several: `5 < fast < 10`; or the name of something that is or is not, such as `failed`. */
  #comparison() {
    let left = this.#operand();
    const parts = [];
    while (this.#next?.kind === "sign") {
      const sign = this.#pieces[this.#at++].value;
      const right = this.#operand();
      parts.push(compared(left, sign, right));
      left = right;
    }
    if (parts.length === 0) return this.#flag(left);
    return parts.length === 1 ? parts[0] : (row) => parts.every((part) => part(row));
  }

  #flag({ of, flag, text }) {
    if (!flag) throw new Error(`\`${text}\` is not compared with anything; write, for example, \`${text} > 0\``);
    return (row) => of(row) === true;
  }

  #operand() {
    const piece = this.#pieces[this.#at++];
    if (!piece) throw new Error("something is missing at the end");
    const { kind } = piece;
    const value = kind === "quoted" ? piece.value.slice(1, -1) : piece.value;
    const column = this.#columns.get(value) ?? this.#columns.get(value.replaceAll(" ", "_"));
    if (column && kind !== "number") return { ...column, text: value };
    if (kind === "number") return { of: () => numberOf(value), text: value };
    if (kind === "quoted") return { of: () => value, text: value, literal: true };
    if (kind !== "word") throw new Error(`a name or a number is expected before \`${value}\``);
    return { of: () => value, text: value, literal: true };
  }
}

function compared(left, sign, right) {
  const loose = [left, right].find(({ literal }) => literal);
  if (loose && (ORDERED.includes(sign) || left.literal)) throw new Error(`\`${loose.text}\` is not known here`);
  const [compare, one, other] = [COMPARISONS[sign], left.of, right.of];
  return (row) => compare(one(row), other(row));
}

/**
 * What a text says of a row, as a function of the row. `columns` gives for each name `of` (the value of a row) and perhaps `flag`
 * (true where the name alone says something). A text that is not understood is an error in words.
 */
export const conditionOf = (text, columns) => new Reader(text, columns).whole();
