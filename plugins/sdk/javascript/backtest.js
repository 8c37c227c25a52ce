// What a strategy imports. Never trades.

export { Failed, InvalidParams } from "./failure.js";
export * from "./indicators.js";
export { log } from "./log.js";
