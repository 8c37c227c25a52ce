// Keeps elements and lists of them in step with data, in place: focus and selection stay.
// Never reads markup: every text goes in as text, whoever wrote it.

import { element as el, setText as say } from "/report/charts/elements.js";

export { el, say };

export const $ = (id) => document.getElementById(id);

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
