// Reads the mappings of a source map (https://tc39.es/ecma426), which a build puts into the bundle.

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Where `line` and `column` of the bundle come from, all of them counted from 1; undefined where nobody knows. */
export function decode(mappings, line, column) {
  const lines = mappings.split(";");
  let [source, row, start] = [0, 0, 0];
  let found;
  for (let at = 0; at < Math.min(line, lines.length); at++) {
    let generated = 0;
    for (const segment of lines[at].split(",").map(numbers)) {
      if (segment.length < 4) continue;
      generated += segment[0];
      source += segment[1];
      row += segment[2];
      start += segment[3];
      // The last segment that begins at or before the place; a line without one belongs to no source.
      if (at === line - 1 && generated < column) found = { source, line: row + 1, column: start + 1 };
    }
  }
  return found;
}

/** The signed numbers of a segment: five bits a digit, lowest first, the sixth says that more follow. */
function numbers(segment) {
  const found = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    found.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return found;
}
