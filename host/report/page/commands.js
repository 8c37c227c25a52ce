// The names of combinations, and the commands that run them again.
// Never runs anything, and never knows where a file lies.

import { exact } from "./charts/format.js";

/** A word of a command line, in quotes where a shell would read more than a word in it. */
export const shellWord = (text) => (/^[\w%+,./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** A number in full: names of tasks have no powers of ten. */
function inFull(value) {
  if (typeof value !== "number") return exact(value);
  const [, sign, head, tail = "", power] = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(String(value)) ?? [];
  if (power === undefined) return exact(value);
  const shift = Number(power);
  if (shift < 0) return `${sign}0.${"0".repeat(-shift - 1)}${head}${tail}`;
  return `${sign}${head}${tail.padEnd(shift, "0")}`;
}

/** A value in the name of a task: odd texts are in quotes. */
const named = (value) =>
  typeof value === "string" && !/^[\p{L}\p{N}_.-]+$/u.test(value) ? JSON.stringify(value) : inFull(value);

/** The name of a row's task: parts that all rows have, and those of its own values. */
export function taskOf(lattice, row, parts) {
  const values = lattice.params(row);
  return parts.map((part) => (typeof part === "string" ? part : `${values[part][0]}=${named(values[part][1])}`)).join(",");
}

/** The row whose task has this name; -1 where none has. */
export function rowOf(lattice, taskId, parts) {
  for (let row = 0; row < lattice.count; row += 1) if (taskOf(lattice, row, parts) === taskId) return row;
  return -1;
}

/** What picks a row on a command line: the name of its task, or its parameters where tasks have no names. */
function pickedBy(lattice, row, parts) {
  if (parts) return ["--task", shellWord(taskOf(lattice, row, parts))];
  return lattice.params(row).map(([name, value]) => `--param ${shellWord(`${name}=${exact(value)}`)}`);
}

/** The command that runs a row again; `parts` are those of the names of tasks, if they have names. */
export const commandOf = (command, lattice, row, parts) => [command, ...pickedBy(lattice, row, parts)].join(" ");
