// Columns of a report's data: arrays of JSON as they are, and packed ones (base64 of gzip of little-endian numbers).
// Never trusts a length: what does not decode is an error that names the column.

const TYPES = { f64: Float64Array, f32: Float32Array, i32: Int32Array, u16: Uint16Array, u8: Uint8Array };

async function unpack(name, { type, data, delta = false, scale = 1 }) {
  const packed = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const numbers = new TYPES[type](await new Response(stream).arrayBuffer());
  if (!delta && scale === 1) return numbers;
  const values = new Float64Array(numbers.length);
  let sum = 0;
  for (let n = 0; n < numbers.length; n += 1) {
    sum = delta ? sum + numbers[n] : numbers[n];
    values[n] = sum / scale;
  }
  return values;
}

const isPacked = (value) => value !== null && typeof value === "object" && typeof value.data === "string" && value.type in TYPES;

/** Numbers, some or all of which may be missing. */
const isNumbers = (list) => list.length > 0 && list.every((item) => item === null || typeof item === "number");

/** A copy of `value` where each packed column is an array of numbers. */
export async function unpackAll(value, name = "data") {
  if (isPacked(value)) {
    try {
      return await unpack(name, value);
    } catch (problem) {
      throw new Error(`the column ${name} cannot be read: ${problem.message}`);
    }
  }
  if (Array.isArray(value)) {
    if (isNumbers(value)) return value.map((item) => item ?? NaN);
    return Promise.all(value.map((item, n) => unpackAll(item, `${name}[${n}]`)));
  }
  if (value === null || typeof value !== "object") return value;
  const pairs = await Promise.all(
    Object.entries(value).map(async ([key, part]) => [key, await unpackAll(part, `${name}.${key}`)]),
  );
  return Object.fromEntries(pairs);
}
