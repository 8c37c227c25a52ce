import { host, Level } from "./abi";

/** Lines for the log of the running task. */
export namespace log {
  /** Logs a line for the author while writing the strategy. */
  export function debug(message: string): void {
    line(Level.Debug, message);
  }

  /** Logs what happened, in the normal course of things. */
  export function info(message: string): void {
    line(Level.Info, message);
  }

  /** Logs something that the user should look at. */
  export function warn(message: string): void {
    line(Level.Warn, message);
  }

  /** Logs something that went wrong; the last such line before a trap becomes the message of the failed task. */
  export function error(message: string): void {
    line(Level.Error, message);
  }
}

function line(level: Level, message: string): void {
  const bytes = String.UTF8.encode(message);
  host.log(level, changetype<usize>(bytes), bytes.byteLength);
}
