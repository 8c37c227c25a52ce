// Colours for values: one scale from low to high, and one that parts at zero, both readable by the colour-blind.
// Never knows what is coloured.

// Viridis: lightness rises evenly.
const RISING = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
// Vik, turned round: browns below zero, blues above.
const PARTING = ["#590008", "#8b2706", "#be6533", "#d39774", "#e3cfc3", "#d9dcdd", "#b3d0de", "#71a8c4", "#1e6f9d", "#033e7d", "#001261"];

const parts = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

function between(stops, share) {
  const at = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const place = Math.min(Math.floor(at), stops.length - 2);
  const [low, high] = [parts(stops[place]), parts(stops[place + 1])];
  return low.map((part, channel) => Math.round(part + (high[channel] - part) * (at - place)));
}

/** The scale of `values`: its ends, whether values lie beyond them, and the colour of a value as [r, g, b]. */
export function scaleOf(values) {
  const sorted = Float64Array.from(values).sort();
  const [least, most] = [sorted[0], sorted[sorted.length - 1]];
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  let [low, high] = [at(0.02), at(0.98)];
  // Few extremes would leave all others in one colour: then the ends are where 96 % of the values lie.
  if (!(most - least > 3 * (high - low)) || high === low) [low, high] = [least, most];
  // Where hardly anything lies on one side of zero, parting there would leave the other side half of the colours.
  const parted = Math.min(-low, high) > Math.max(-low, high) / 5;
  if (parted) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const stops = parted ? PARTING : RISING;
  const colour = (value) => between(stops, high > low ? (value - low) / (high - low) : 0.5);
  return { low, high, parted, below: least < low, above: most > high, colour };
}

export const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/** Black or white, whichever is read better on a colour: at this luminance both have the same contrast. */
export function inkOn(colour) {
  const [red, green, blue] = colour.map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}
