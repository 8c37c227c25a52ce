// Asks for everything that a machine could answer, and logs what it gets: the same in every task, run, build and engine.

import { log } from "./sdk/backtest.js";

export const description = {
  name: "determinism",
  version: "1.0.0",
  summary: "Asks the machine.",
  parameters: {
    ask: { type: "text", doc: "what for", default: "all", choices: ["all", "wait", "deep"] },
    task: { type: "integer", doc: "of no effect", default: 0 },
  },
};

const loaded = `${Date.now()} ${Math.random()}`;
console.log("loaded", { at: [loaded], deep: { map: new Map([["key", 1n]]) } });

const questions = {
  "when the module was loaded": () => loaded,
  "Date.now": () => Date.now(),
  "new Date": () => new Date().toISOString(),
  "Date()": () => Date().slice(0, 33),
  "new Date of a date's class": () => new (new Date(5).constructor)().getTime(),
  "a given date": () => `${new Date(2020, 1, 29).toISOString()} ${new Date(0).getTimezoneOffset()} ${new Date(7) instanceof Date}`,
  "performance.now": () => performance.now(),
  "Math.random": () => `${Math.random()} ${Math.random()}`,
  "crypto.getRandomValues": () => crypto.getRandomValues(new Uint8Array(4)),
  "crypto.randomUUID": () => crypto.randomUUID(),
  "fetch": () => fetch("http://127.0.0.1"),
  "setTimeout": () => setTimeout(() => log.error("later"), 0),
  "setInterval": () => setInterval(() => log.error("later"), 0),
  "WeakRef": () => new WeakRef({}),
  "FinalizationRegistry": () => new FinalizationRegistry(() => {}),
  "absent": () => [typeof process, typeof Intl, typeof Request, typeof SharedArrayBuffer, typeof location],
  "the order of keys": () => Object.keys({ b: 1, 2: 1, a: 1, 1: 1 }).join(" "),
  "a sort": () => [3, 1, 2].sort().join(" "),
};

export class Signals {
  evaluate(params) {
    const ask = params.text("ask");
    if (ask === "deep") return void deep(0);
    if (ask === "wait") return Promise.resolve();
    for (const [name, question] of Object.entries(questions)) log.info(`${name}: ${answer(question)}`);
    console.error("console.error");
    console.assert(false, "console.assert");
    return undefined;
  }
}

function answer(question) {
  try {
    return question();
  } catch (thrown) {
    return thrown;
  }
}

/** Overflows the stack. */
function deep(level) {
  return 1 + deep(level + 1);
}
