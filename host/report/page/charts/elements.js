// Elements for charts: makes them, sets their text and their place.
// Never reads markup: every text goes in as text, whoever wrote it.

// What turns the direction of writing, steers or has no width, in texts of plugins and files: it could make a text look like
// another. Line ends stay.
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufff0-\ufffb]/gu;
const SVG = "http://www.w3.org/2000/svg";

/** A text as it is shown. */
export const visible = (text) => String(text).replace(UNSEEN, "\ufffd");

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null).map((child) => (child instanceof Node ? child : visible(child))));
  return node;
}

/** Makes an element. Attributes that are false or null are left out; `on` holds listeners. */
export const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);

/** Makes an element of an SVG image. */
export const svgElement = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/** Sets the text of a node; one that has it already is left alone, so that nothing is announced twice. */
export function setText(node, text) {
  const safe = visible(text ?? "");
  if (node.textContent !== safe) node.textContent = safe;
}

/** Sets lengths of a node's style, in CSS pixels. Goes through the object model, which every content policy allows. */
export function setLengths(node, lengths) {
  for (const [name, length] of Object.entries(lengths)) node.style.setProperty(name, `${length}px`);
}

/** A small button. */
export const button = (text, press, attributes = {}) =>
  element("button", { type: "button", class: "chart-button", on: { click: press }, ...attributes }, text);

/** A select with its label; `choices` are [value, text]. */
export function choice(label, choices, chosen, change) {
  const options = choices.map(([value, text]) => element("option", { value, selected: String(value) === String(chosen) }, text));
  const control = element("select", { on: { change: () => change(control.value) } }, ...options);
  const node = element("label", { class: "chart-field" }, element("span", {}, label), control);
  return { node, control };
}
