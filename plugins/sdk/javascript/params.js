// The parameters of one task, read by name and type. Never checks bounds: the host has, by what the strategy declared.

import { Failed, InvalidParams } from "./failure.js";

const NAMES = { boolean: "a boolean", integer: "an integer", number: "a number", text: "a text" };

/** Every declared parameter, within its declared bounds and choices. */
export class Params {
  #values;

  /** @param params the parameters as the host gives them */
  constructor(params) {
    this.#values = new Map(params.map(({ name, value }) => [name, value]));
  }

  /** The value of a parameter that is true or false. */
  boolean(name) {
    return this.#read(name, "boolean");
  }

  /** The value of a parameter that is a whole number. */
  integer(name) {
    const value = Number(this.#read(name, "integer"));
    if (Number.isSafeInteger(value)) return value;
    throw new InvalidParams(`\`${name}\` is about ${value}, and no number of JavaScript is exact beyond 2^53`);
  }

  /** The value of a parameter that counts something, for example the bars of a window. */
  count(name) {
    const value = this.integer(name);
    if (value >= 0) return value;
    throw new InvalidParams(`\`${name}\` counts something, so it cannot be ${value}`);
  }

  /** The value of a parameter that is a real number. */
  number(name) {
    return this.#read(name, "number");
  }

  /** The value of a parameter that is a text. */
  text(name) {
    return this.#read(name, "text");
  }

  #read(name, type) {
    const value = this.#values.get(name);
    if (value === undefined) {
      throw new Failed(`the plugin asks for parameter \`${name}\`, which its description does not declare`);
    }
    if (value.tag === type) return value.val;
    throw new Failed(
      `the plugin reads parameter \`${name}\` as ${NAMES[type]}, but its description declares ${NAMES[value.tag]}`,
    );
  }
}
