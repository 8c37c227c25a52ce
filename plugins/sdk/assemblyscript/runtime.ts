// What AssemblyScript asks of whoever runs it, answered inside the component. `asconfig.json` puts these in place.

import { log as logged } from "./log";

/** Ends the task. The host takes a last line of the log that begins like this for the reason. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = message === null ? "aborted" : message;
  const place = file === null ? "?" : file;
  logged.error(`panicked at ${place}:${line}:${column}: ${text}`);
  unreachable();
}

/** What `Math.random` starts from: the same numbers in every task. */
export function seed(): f64 {
  return 0.5;
}

/** What `trace` writes, with the first `n` of the numbers behind it. */
export function trace(
  message: string,
  n: i32 = 0,
  a0: f64 = 0,
  a1: f64 = 0,
  a2: f64 = 0,
  a3: f64 = 0,
  a4: f64 = 0,
): void {
  const numbers: StaticArray<f64> = [a0, a1, a2, a3, a4];
  for (let i = 0; i < n; i++) message += ` ${numbers[i]}`;
  logged.debug(message);
}

/** `console`, as far as it writes: lines of the task's log. */
export namespace console {
  export function log(message: string = ""): void {
    info(message);
  }

  export function debug(message: string = ""): void {
    logged.debug(message);
  }

  export function info(message: string = ""): void {
    logged.info(message);
  }

  export function warn(message: string = ""): void {
    logged.warn(message);
  }

  export function error(message: string = ""): void {
    logged.error(message);
  }

  export function assert<T>(condition: T, message: string = ""): void {
    if (!condition) logged.error(`Assertion failed: ${message}`);
  }
}
