// Lines for the log of the running task. Never fails and never answers: the host keeps what its limits allow.

import { log as line } from "backtest:strategy/host@0.1.0";
import { wellFormed } from "./failure.js";
import { show } from "./show.js";

/** What was logged while the modules were loaded, when no task is running: it comes first in each task's log. */
let early = [];

const write = (level) => (...values) => {
  const text = wellFormed(values.map((value) => (typeof value === "string" ? value : show(value))).join(" "));
  if (early) early.push([level, text]);
  else line(level, text);
};

/** Four levels. Anything can be logged; objects are shown with what they hold. */
export const log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };

/** From now on a task is running. */
export function open() {
  if (!early) return;
  const lines = early;
  early = undefined;
  for (const [level, text] of lines) line(level, text);
}
