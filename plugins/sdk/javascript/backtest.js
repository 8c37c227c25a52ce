// What a strategy imports. Never trades, never computes an indicator.

export { Failed, InvalidParams } from "./failure.js";
export { log } from "./log.js";
