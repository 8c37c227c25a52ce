// From a place in the bundle to a place in the author's files.

import { decode } from "./sourcemap.js";

/** The bundle's file, as the engines name it, and lines that the build put before what the source map knows. */
const FRAME = /^\s*(?:at )?(.*?)\s*[@(]+\/?build\/bundle\.js:(\d+):(\d+)\)?$/;
const MOST = 12;

/** A line `  at function (file:line:column)` for each frame of `stack` that is the author's, innermost first. */
export function placed(stack) {
  const frames = parse(stack ?? "").map(locate).filter(({ file }) => !file.startsWith("sdk/"));
  const shown = frames.slice(0, MOST).map(({ name, file, line, column }) => `\n  at ${name} (${file}:${line}:${column})`);
  const left = frames.length - shown.length;
  return shown.join("") + (left > 0 ? `\n  and ${left} frames more` : "");
}

function parse(stack) {
  return stack.split("\n").flatMap((text) => {
    const match = FRAME.exec(text);
    return match ? [{ name: match[1] || "top level", line: Number(match[2]), column: Number(match[3]) }] : [];
  });
}

function locate({ name, line, column }) {
  const map = globalThis[Symbol.for("backtest.sourcemap")];
  const place = map && decode(map.mappings, line - map.before, column);
  return place ? { name, ...place, file: map.sources[place.source] } : { name, file: "bundle.js", line, column };
}
