// The addresses within the page: `#4`, `#4/run`, `#4/cell/TASK`, `#4/vs/7`, `#new`.
// Never changes what is shown: it says what an address means, and goes to one.

/** The parts of a sweep that have an address of their own; the first one's is that of the sweep. */
export const PANELS = ["combinations", "ranked", "evidence", "failures", "run"];

/** What the address asks for: `view`, `id`, and `panel`, `task` or `other`. */
export function asked(hash = location.hash) {
  if (hash === "#new") return { view: "new", id: null };
  const [, id, rest = ""] = /^#(\d{1,15})(?:\/(.*))?$/.exec(hash) ?? [];
  if (!id) return { view: "sweep", id: null, panel: PANELS[0] };
  return { id: Number(id), ...part(rest) };
}

function part(rest) {
  const [, kind, value] = /^(cell|vs)\/(.+)$/.exec(rest) ?? [];
  if (kind === "cell") return { view: "cell", task: decoded(value) };
  if (kind === "vs" && /^\d{1,15}$/.test(value)) return { view: "vs", other: Number(value) };
  return { view: "sweep", panel: PANELS.includes(rest) ? rest : PANELS[0] };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const ofSweep = (id, panel = PANELS[0]) => (panel === PANELS[0] ? `#${id}` : `#${id}/${panel}`);
export const ofCell = (id, task) => `#${id}/cell/${encodeURIComponent(task)}`;
export const ofPair = (id, other) => `#${id}/vs/${other}`;

/** Goes to an address; listeners of `hashchange` show it. */
export function go(hash) {
  location.hash = hash;
}
