// From a place in the bundle to a place in the author's files.

/** A frame as the engines write it: `name@build/bundle.js:1:2`, or `at name (/bundle.js:1:2)`. */
const FRAME = /^\s*(?:at )?(.*?)(?:@| ?\()(?:.*\/)?bundle\.js:(\d+):(\d+)\)?$/;
const MOST = 12;

/** A line `  at function (file:line:column)` for each frame of `stack` that is the author's, innermost first. */
export function placed(stack) {
  const frames = (stack ?? "").split("\n").map(locate).filter(Boolean);
  const shown = frames.slice(0, MOST).map((frame) => `\n  at ${frame}`);
  return shown.join("") + (frames.length > MOST ? `\n  and ${frames.length - MOST} frames more` : "");
}

/** A frame in the author's words; undefined where it is the SDK's. The build leaves the places in the bundle's first line. */
function locate(text) {
  const [, name, line, column] = FRAME.exec(text) ?? [];
  const { files, lines } = globalThis[Symbol.for("backtest.places")] ?? { files: [], lines: [] };
  const places = lines[line - 2] ?? [];
  let found;
  for (let at = 0; at < places.length && places[at] <= column; at += 4) found = at;
  if (found === undefined) return undefined;
  const [file, row, start] = [files[places[found + 1]], places[found + 2], places[found + 3]];
  // What runs when a module is loaded is a function of the bundle's, called like the file.
  const within = !name || file.endsWith(name) ? "top level" : name;
  return `${within} (${file}:${row}:${start})`;
}
