// What a strategy finds of the world: nothing that differs between two machines, two builds or two runs.
//
// This module is the first of the bundle, so that no other one sees the engine's own clock and random numbers, which are
// those of the machine that built the component.

import { log } from "./log.js";

/** The time is always the beginning of 1970, in UTC. Other times are made and read as ever. */
const stopped = new Proxy(Date, {
  construct: (target, args, made) => Reflect.construct(target, args.length === 0 ? [0] : args, made),
  apply: () => new Date(0).toString(),
});
Date.now = () => 0;
Date.prototype.constructor = stopped;

/** xoshiro128** by Blackman and Vigna, from the first digits of pi; each number takes the upper bits of two of its draws. */
const words = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];

const turned = (word, by) => (word << by) | (word >>> (32 - by));

function draw() {
  const drawn = Math.imul(turned(Math.imul(words[1], 5), 7), 9) >>> 0;
  const shifted = words[1] << 9;
  words[2] ^= words[0];
  words[3] ^= words[1];
  words[1] ^= words[2];
  words[0] ^= words[3];
  words[2] ^= shifted;
  words[3] = turned(words[3], 11);
  return drawn;
}

const random = () => ((draw() >>> 5) * 2 ** 26 + (draw() >>> 6)) / 2 ** 53;

/** What would need the machine. Each is there and says so, since a library may not call what it looks for. */
const refused = {
  crypto: "there is no entropy in a strategy; `Math.random` gives the same numbers in every task",
  fetch: "a strategy has no network",
  setTimeout: "a strategy has no clock, and is over when it returns",
  setInterval: "a strategy has no clock, and is over when it returns",
  WeakRef: "what is collected when is no strategy's business",
  FinalizationRegistry: "what is collected when is no strategy's business",
};

/** Parts of a browser that only one of the engines has, and that cannot work. */
const absent = [
  "addEventListener", "removeEventListener", "dispatchEvent", "clearInterval", "clearTimeout", "location", "WorkerLocation",
  "Performance", "Request", "Response", "Headers", "Crypto", "CryptoKey", "SubtleCrypto", "SharedArrayBuffer", "Atomics",
];

const refuse = (name, why) => () => {
  throw new Error(`\`${name}\` is refused: ${why}`);
};

function define(name, value) {
  Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
}

Math.random = random;
define("Date", stopped);
define("performance", { now: () => 0, timeOrigin: 0 });
define("console", {
  ...log,
  log: log.info,
  trace: log.debug,
  dir: (value) => log.info(value),
  assert: (holds, ...values) => holds || log.error("Assertion failed:", ...values),
});
for (const name of absent) delete globalThis[name];
for (const [name, why] of Object.entries(refused)) {
  const call = refuse(name, why);
  // A proxy, since some are called, some are made with `new`, and some only have parts that are.
  define(name, new Proxy(function () {}, { apply: call, construct: call, get: call }));
}
