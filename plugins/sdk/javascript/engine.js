// Where the two engines differ in what they make of the contract's types.

/** QuickJS has numbers where SpiderMonkey has BigInt, and arrays where it has typed ones. */
const quickjs = "__cqjs" in globalThis;

/** A whole number as the engine takes it where the contract has 64 bits. */
export const wide = quickjs ? Number : BigInt;

/** A list of real numbers, in either engine, as a Float64Array. */
export const column = (list) => (list instanceof Float64Array ? list : Float64Array.from(list));

/** Milliseconds since 1970, to the microsecond, of nanoseconds: what `Date` takes, and what a number holds exactly. */
export const milliseconds = (nanoseconds) => Math.round(Number(nanoseconds) / 1e3) / 1e3;

/** Nanoseconds since 1970, to the microsecond, of milliseconds. */
export const nanoseconds = (milliseconds) => wide(BigInt(Math.round(milliseconds * 1e3)) * 1000n);
