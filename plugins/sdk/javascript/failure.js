// What a strategy throws, and what becomes of it: each error fails its own task.

import { placed } from "./stack.js";

/** The parameters make no sense together: the message says which and why. */
export class InvalidParams extends Error {
  name = "InvalidParams";
}

/** The strategy cannot do what it is asked to, which is no mistake of its author: reported without a stack. */
export class Failed extends Error {
  name = "Failed";
}

/** What the contract calls an error. */
export function toContract(thrown) {
  if (thrown instanceof InvalidParams) return { tag: "invalid-params", val: wellFormed(thrown.message) };
  return { tag: "failed", val: describe(thrown) };
}

/** The text of anything that can be thrown: name, message, and a line for each function that was running. */
export function describe(thrown) {
  if (thrown instanceof Failed) return wellFormed(thrown.message);
  if (!(thrown instanceof Error)) return wellFormed(`thrown: ${String(thrown)}`);
  const cause = thrown.cause === undefined ? "" : `\ncaused by ${describe(thrown.cause)}`;
  return wellFormed(`${thrown}${placed(thrown.stack)}${cause}`);
}

/** The contract knows no halves of surrogate pairs. */
export const wellFormed = (text) => text.toWellFormed();
