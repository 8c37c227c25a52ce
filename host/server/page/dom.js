// Makes elements and keeps lists of them in step with data, in place: focus and selection stay.
// Never reads markup: every text goes in as text, whoever wrote it.

// What turns the direction of writing, steers or has no width, in texts of plugins and files: it could make a text look like
// another. Line ends stay.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;

/** A text as it is shown. */
export const shown = (text) => String(text).replace(HIDDEN, "\ufffd");

export const $ = (id) => document.getElementById(id);

/** Makes an element. Attributes that are false or null are left out; `on` holds listeners. */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "on") Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    else if (value !== false && value != null) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null).map((child) => (child instanceof Node ? child : shown(child))));
  return node;
}

/** Sets the text of a node; one that has it already is left alone, so that nothing is announced twice. */
export function say(node, text) {
  const safe = shown(text ?? "");
  if (node.textContent !== safe) node.textContent = safe;
}

/** Sets an attribute, or takes it away where the value is null or false. */
export function mark(node, name, value) {
  if (value === null || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

const kept = new WeakMap();

/** Makes the children of `parent` those of `items`: nodes of keys known before stay, and are updated. */
export function sync(parent, items, key, make, update = () => {}) {
  const before = kept.get(parent) ?? new Map();
  const now = new Map();
  const keyed = items.map((item) => [unique(String(key(item)), now), item]);
  before.forEach((node, id) => now.has(id) || node.remove());
  let next = parent.firstElementChild;
  for (const [id, item] of keyed) {
    const node = before.get(id) ?? make(item);
    now.set(id, node);
    update(node, item);
    if (node === next) next = node.nextElementSibling;
    else parent.insertBefore(node, next);
  }
  kept.set(parent, now);
}

function unique(id, taken) {
  let free = id;
  for (let n = 2; taken.has(free); n += 1) free = `${id} ${n}`;
  taken.set(free, null);
  return free;
}

/** Makes the choices of a select those of `choices`, each [value, text], and keeps what is chosen if it is still there. */
export function choose(select, choices, fallback) {
  const before = select.value;
  sync(select, choices, ([value]) => value, ([value]) => el("option", { value }), (node, [, text]) => say(node, text));
  const has = (value) => choices.some(([known]) => known === value);
  const wanted = [before, fallback, choices[0]?.[0]].find(has) ?? "";
  if (select.value !== wanted) select.value = wanted;
}
