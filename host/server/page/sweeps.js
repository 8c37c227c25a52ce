// The list of sweeps: newest first, each a link to its address, with its progress while it runs; filtered by text.
// Never asks the server anything.

import { ofSweep } from "/address.js";
import { $, el, mark, say, sync } from "/dom.js";
import { hasEnded, leader } from "/knowledge.js";
import { many, metric, parameters, seconds, whole, words } from "/metrics.js";

/** From this many sweeps on they can be filtered. */
const MANY = 8;

/** What a sweep is called: by its name, or by what it runs. */
export const titleOf = ({ id, name, plugin, data }) => name || `Sweep ${id}: ${plugin} on ${data}`;

/** Seconds that a sweep has run: those the server told, and those since. */
export function elapsed({ seconds: told, state, heard }) {
  if (told === null || told === undefined) return null;
  return state === "running" ? told + (performance.now() - heard) / 1000 : told;
}

export function showState(node, { state }) {
  say(node, state);
  mark(node, "data-state", state);
}

/** A bar of progress and its words. */
export const meter = () => el("div", { class: "meter" }, el("progress", { max: 1 }), el("span", { class: "hint" }));

export function updateMeter(node, sweep) {
  const [bar, text] = node.children;
  const { done, total, state } = sweep;
  say(text, progressText(sweep));
  bar.hidden = hasEnded(sweep);
  mark(bar, "aria-label", `progress of sweep ${sweep.id}`);
  if (total !== null) [bar.max, bar.value] = [Math.max(total, 1), total === 0 ? 1 : done];
  else mark(bar, "value", state === "queued" ? 0 : null);
}

function progressText(sweep) {
  const { done, total, failed, state } = sweep;
  if (state === "queued") return total === null ? "waits" : `waits, ${many(total, "combination")}`;
  const took = elapsed(sweep);
  return [
    total === null ? whole(done) : `${whole(done)} of ${whole(total)}`,
    failed && `${whole(failed)} failed`,
    took > 0 && done > 0 && `${whole(done / took)} a second`,
    took && hasEnded(sweep) && seconds(took),
    took && state === "running" && total && done && `${seconds(((total - done) * took) / done)} left`,
  ].filter(Boolean).join(", ");
}

/** Shows all sweeps that the filter lets through; `stop(id)` cancels one. */
export function list(sweeps, chosen, stop) {
  $("sweeps-empty").hidden = sweeps.length > 0;
  $("filter").hidden = sweeps.length <= MANY;
  const seen = sweeps.filter(matches($("filter").hidden ? "" : $("filter").value));
  $("filter-empty").hidden = seen.length > 0 || sweeps.length === 0;
  sync($("sweep-rows"), seen, ({ id }) => id, (sweep) => makeRow(sweep, stop), (row, sweep) => updateRow(row, sweep, chosen));
}

/** A sweep matches a text if each of its words is somewhere in it. */
function matches(text) {
  const parts = text.toLowerCase().split(/\s+/);
  return ({ id, name = "", comment = "", plugin, data, state }) => {
    const whole = [`#${id}`, name, comment, plugin, data, state].join(" ").toLowerCase();
    return parts.every((part) => whole.includes(part));
  };
}

function makeRow({ id }, stop) {
  const press = { click: () => stop(id) };
  const cancel = el("button", { type: "button", class: "quiet", "aria-label": `Cancel sweep ${id}`, on: press }, "Cancel");
  const dot = el("span", { class: "dot", role: "img" });
  const value = el("span", { class: "value" });
  const head = el("a", { href: ofSweep(id), class: "row" }, dot, el("span", { class: "name" }), value);
  return el("li", { "data-sweep": id }, head, el("p", { class: "hint" }), el("div", { class: "going" }, meter(), cancel));
}

function updateRow(row, sweep, chosen) {
  const [link, about, going] = row.children;
  const [dot, name, value] = link.children;
  mark(dot, "data-state", sweep.state);
  mark(dot, "aria-label", sweep.state);
  mark(dot, "title", sweep.state);
  say(name, sweep.name || `${sweep.plugin} on ${sweep.data}`);
  mark(link, "aria-current", sweep.id === chosen ? "page" : null);
  mark(row, "data-chosen", sweep.id === chosen);
  say(value, bestOf(sweep));
  mark(value, "title", bestTitle(sweep));
  say(about, aboutOf(sweep));
  mark(about, "title", sweep.comment ?? null);
  going.hidden = hasEnded(sweep);
  if (!going.hidden) updateMeter(going.firstChild, sweep);
}

function bestOf(sweep) {
  const first = leader(sweep);
  return first ? metric(sweep.objective, first.value) : "";
}

function bestTitle(sweep) {
  const first = leader(sweep);
  return first ? `${words(sweep.objective)} of ${first.symbol ? `${first.symbol}, ` : ""}${parameters(first.params)}` : null;
}

function aboutOf(sweep) {
  const what = sweep.name ? [sweep.plugin, sweep.data] : [sweep.axes.join(" × ") || "the defaults"];
  const count = hasEnded(sweep) && whole(sweep.done);
  const failed = sweep.failed > 0 && `${whole(sweep.failed)} failed`;
  const state = sweep.state !== "finished" && sweep.state;
  return [`#${sweep.id}`, ...what, count, failed, state].filter(Boolean).join(" · ");
}
