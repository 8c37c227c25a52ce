// Colours for values: one scale from low to high, and one that parts at zero, both readable by the colour-blind; and the theme.
// Never knows what is coloured.

import { element } from "./elements.js";
import { quantile } from "./scales.js";

// Viridis: lightness rises evenly.
const RISING = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"];
// Vik, turned round: browns below zero, blues above.
const PARTING = [
  "#590008",
  "#8b2706",
  "#be6533",
  "#d39774",
  "#e3cfc3",
  "#d9dcdd",
  "#b3d0de",
  "#71a8c4",
  "#1e6f9d",
  "#033e7d",
  "#001261",
];
/** Cells without a value, in the image of a heatmap. */
export const GREY = [139, 143, 150];

const channels = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));

/** 256 colours of a scale: an image of 100,000 cells looks them up. */
function palette(stops) {
  return Array.from({ length: 256 }, (_, n) => {
    const at = (n / 255) * (stops.length - 1);
    const place = Math.min(Math.floor(at), stops.length - 2);
    const [low, high] = [channels(stops[place]), channels(stops[place + 1])];
    return low.map((part, channel) => Math.round(part + (high[channel] - part) * (at - place)));
  });
}

const PALETTES = { rising: palette(RISING), parting: palette(PARTING) };

/**
 * The scale of `values`: its ends, whether values lie beyond them, and the colour of a value as [r, g, b]. It parts at zero where
 * values lie on both sides, or where they are differences (`parts`).
 */
export function colourScale(values, parts = false) {
  const sorted = Float64Array.from(values).filter(Number.isFinite).sort();
  const [least, most] = [sorted[0] ?? NaN, sorted[sorted.length - 1] ?? NaN];
  let [low, high] = [quantile(sorted, 0.02), quantile(sorted, 0.98)];
  // Few extremes would leave all others in one colour: then the ends are where 96 % of the values lie.
  if (!(most - least > 3 * (high - low)) || high === low) [low, high] = [least, most];
  // Where hardly anything lies on one side of zero, parting there would leave the other side half of the colours.
  const parted = parts || Math.min(-low, high) > Math.max(-low, high) / 5;
  if (parted) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
  const colours = parted ? PALETTES.parting : PALETTES.rising;
  const share = (value) => Math.min(Math.max((value - low) / (high - low), 0), 1);
  const colour = (value) => colours[high > low ? Math.round(share(value) * 255) : 128];
  return { low, high, parted, below: least < low, above: most > high, colour };
}

export const rgb = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;

/** Black or white, whichever is read better on a colour: at this luminance both have the same contrast. */
export function contrasting(colour) {
  const linear = (part) => (part <= 10.3 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4);
  const [red, green, blue] = colour.map(linear);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000" : "#fff";
}

const NAMES = ["ink", "soft", "line", "card", "first", "second", "gain", "loss", "range", "shade", "mark"];

/** The colours that `charts.css` gives at `node`: those of paper (light) or those of the screen. */
export function themeOf(node, paper = false) {
  const probe = element("span", { class: paper ? "chart-probe chart-paper" : "chart-probe", "aria-hidden": "true" });
  node.append(probe);
  const theme = {};
  for (const name of NAMES) {
    probe.style.setProperty("color", `var(--chart-${name})`);
    theme[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return theme;
}
