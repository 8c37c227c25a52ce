// The list of sweeps, and the one that is chosen: its progress, ranking, failures and notes.
// Never asks the server anything.

import { $, el, mark, say, sync } from "/dom.js";
import { many, metric, moment, parameter, parameters, seconds, short, whole } from "/metrics.js";

export const hasEnded = ({ state }) => !["queued", "running"].includes(state);

/** Seconds that a sweep has run: those the server told, and those since. */
function elapsed({ seconds: told, state, heard }) {
  if (told === null || told === undefined) return null;
  return state === "running" ? told + (performance.now() - heard) / 1000 : told;
}

function meter() {
  return el("span", { class: "meter" }, el("progress", { max: 1 }), el("span", { class: "hint" }));
}

function updateMeter(node, sweep) {
  const [bar, words] = node.children;
  const { done, total, state } = sweep;
  const label = `sweep ${sweep.id}: ${words.textContent}`;
  mark(bar, "aria-label", label);
  if (total !== null) [bar.max, bar.value] = [Math.max(total, 1), total === 0 ? 1 : done];
  else if (hasEnded(sweep)) [bar.max, bar.value] = [1, done > 0 ? 1 : 0];
  else mark(bar, "value", state === "queued" ? 0 : null);
  say(words, progressText(sweep));
}

function progressText(sweep) {
  const { done, total, failed, state } = sweep;
  if (state === "queued") return total === null ? "waits" : `waits, ${many(total, "combination")}`;
  const parts = [total === null ? whole(done) : `${whole(done)} of ${whole(total)}`];
  if (failed) parts.push(`${whole(failed)} failed`);
  const took = elapsed(sweep);
  if (took > 0 && done > 0) parts.push(`${whole(done / took)} a second`);
  if (took && hasEnded(sweep)) parts.push(seconds(took));
  if (took && state === "running" && total && done) parts.push(`${seconds(((total - done) * took) / done)} left`);
  return parts.join(", ");
}

/** Shows all sweeps, newest first; `stop` is called with the one to be cancelled. */
export function list(sweeps, chosen, stop) {
  $("sweeps-empty").hidden = sweeps.length > 0;
  sync($("sweep-rows"), sweeps, ({ id }) => id, (sweep) => makeRow(sweep, stop), (row, sweep) => updateRow(row, sweep, chosen));
}

function makeRow({ id }, stop) {
  const cancel = el("button", { type: "button", class: "quiet", "aria-label": `Cancel sweep ${id}`, on: { click: () => stop(id) } }, "Cancel");
  const head = el("div", { class: "row" }, el("a", { href: `#${id}` }), el("span", { class: "state" }), cancel);
  return el("li", { "data-sweep": id }, head, el("p", { class: "hint" }), meter(), el("p", { class: "best" }));
}

function updateRow(row, sweep, chosen) {
  const [head, about, bar, best] = row.children;
  const [link, state, cancel] = head.children;
  say(link, `Sweep ${sweep.id}: ${sweep.plugin}`);
  mark(link, "aria-current", sweep.id === chosen ? "true" : null);
  mark(row, "data-chosen", sweep.id === chosen);
  showState(state, sweep);
  cancel.hidden = hasEnded(sweep);
  say(about, `${sweep.axes.join(" × ") || "defaults"} · ${sweep.data} · generation ${sweep.generation}`);
  mark(about, "title", sweep.plugin_hash);
  updateMeter(bar, sweep);
  best.hidden = !sweep.best;
  say(best, bestText(sweep));
}

function showState(node, { state }) {
  say(node, state);
  mark(node, "data-state", state);
}

const bestText = ({ best, objective }) =>
  best ? `best ${objective} ${metric(objective, best.value)} at ${best.symbol ? `${best.symbol}, ` : ""}${parameters(best.params)}` : "";

/** Shows the chosen sweep; `plugin` is what serves under its plugin's name now, if anything does. */
export function detail(sweep, plugin, linkTo) {
  $("sweep").hidden = !sweep;
  $("nothing").hidden = Boolean(sweep);
  if (!sweep) return;
  say($("sweep-title"), `Sweep ${sweep.id}: ${sweep.plugin} on ${sweep.data}`);
  mark($("sweep"), "data-sweep", sweep.id);
  showState($("sweep-state"), sweep);
  if (!$("sweep-progress").firstChild) $("sweep-progress").append(meter());
  updateMeter($("sweep-progress").firstChild, sweep);
  say($("sweep-remove"), hasEnded(sweep) ? "Remove" : "Cancel");
  showSwapped(sweep, plugin);
  say($("sweep-error"), sweep.error ?? "");
  $("sweep-error").hidden = !sweep.error;
  showFacts(sweep);
  say($("best"), bestText(sweep));
  $("best").hidden = !sweep.best;
  showRanking(sweep);
  showFailures(sweep);
  showNotes(sweep);
  showDownloads(sweep, linkTo);
}

function showSwapped(sweep, plugin) {
  const swapped = Boolean(plugin?.hash) && plugin.hash !== sweep.plugin_hash;
  $("swapped").hidden = !swapped;
  if (!swapped) return;
  const [text, button] = $("swapped").children;
  const own = `generation ${sweep.generation}, build ${short(sweep.plugin_hash)}`;
  const stays = hasEnded(sweep) ? `These results are of ${own}.` : `This sweep stays with ${own}, to its end.`;
  say(text, `${sweep.plugin} has been swapped since: generation ${plugin.generation}, build ${short(plugin.hash)}, serves now. ${stays}`);
  say(button, `Start again with generation ${plugin.generation}`);
}

function showFacts(sweep) {
  const facts = [
    ["build", short(sweep.plugin_hash), sweep.plugin_hash],
    ["generation", String(sweep.generation)],
    ["ranked by", `${sweep.objective}, ${sweep.better} is better`],
    ["submitted", moment(sweep.submitted_at), sweep.submitted_at],
  ];
  const make = ([name]) => el("div", {}, el("dt", {}, name), el("dd"));
  sync($("facts"), facts, ([name]) => name, make, (node, [, value, title]) => {
    say(node.lastChild, value);
    mark(node.lastChild, "title", title ?? null);
  });
}

function showRanking(sweep) {
  const ranking = sweep.ranking ?? [];
  const metrics = Object.keys(ranking[0]?.metrics ?? {}).filter((name) => name !== sweep.objective);
  const symbol = sweep.request?.scope === "each-symbol" ? ["symbol"] : [];
  const columns = ["rank", ...symbol, ...sweep.axes.map((axis) => `axis ${axis}`), `objective ${sweep.objective}`, ...metrics];
  $("ranking").parentElement.hidden = ranking.length === 0;
  say($("ranking-empty"), ranking.length ? "" : emptyText(sweep));
  sync($("ranking").tHead, ranking.length ? [columns] : [], (names) => names.join("\n"), (names) => headOf(names, sweep));
  const make = ({ rank }) => el("tr", { "data-rank": rank }, ...columns.map(() => el("td")));
  const key = ({ rank }) => `${columns.join("\n")}\n${rank}`;
  sync($("ranking").tBodies[0], ranking, key, make, (row, entry) => updateRanked(row, entry, sweep, metrics));
}

function headOf(names, { objective, better }) {
  const title = `ranked by this: ${better} is better`;
  return el("tr", {}, ...names.map((name) => {
    const [kind, rest] = [name.split(" ", 1)[0], name.slice(name.indexOf(" ") + 1)];
    if (kind === "objective") return el("th", { scope: "col", class: "objective", title }, `${objective} ${better === "higher" ? "▼" : "▲"}`);
    return el("th", { scope: "col", class: kind === "axis" ? "axis" : null }, kind === "axis" ? rest : name.replaceAll("_", " "));
  }));
}

function updateRanked(row, { rank, symbol, value, params, metrics }, sweep, shown) {
  const axes = sweep.axes.map((axis) => [parameter(params[axis]), "axis"]);
  const values = shown.map((name) => [metric(name, metrics[name]), null, metrics[name]]);
  const alone = symbol === undefined ? [] : [[symbol]];
  const cells = [[String(rank)], ...alone, ...axes, [metric(sweep.objective, value), "objective", value], ...values];
  cells.forEach(([text, kind, exact], place) => {
    say(row.children[place], text);
    mark(row.children[place], "class", kind ?? null);
    mark(row.children[place], "title", exact ?? null);
  });
}

function emptyText(sweep) {
  if (!hasEnded(sweep)) return "Nothing is ranked yet.";
  if (sweep.done === 0) return "No combination was finished.";
  return sweep.done === sweep.failed ? "Every combination failed; below is why." : "No combination could be ranked.";
}

function showFailures({ failures = [] }) {
  $("failures-part").hidden = failures.length === 0;
  const make = () => el("li", {}, el("strong"), " ", el("span", { class: "hint" }), el("pre"));
  sync($("failures"), failures, ({ error_kind: kind }) => kind, make, (node, { error_kind: kind, count, example }) => {
    say(node.children[0], `${whole(count)} × ${kind}`);
    say(node.children[1], `for one at ${example.params || example.task_id}:`);
    say(node.children[2], example.error_message ?? "");
  });
}

function showNotes({ notes }) {
  const entries = Object.entries(notes ?? {});
  $("notes-part").hidden = entries.length === 0;
  sync($("notes"), entries, ([name]) => name, () => el("li"), (node, [name, count]) => say(node, `${whole(count)} ${name}`));
}

function showDownloads(sweep, linkTo) {
  const formats = hasEnded(sweep) && sweep.done > 0 ? ["report", "csv", "json", "parquet"] : [];
  $("downloads").hidden = formats.length === 0;
  const file = (format) => `sweep-${sweep.id}.${format === "report" ? "html" : format}`;
  const names = { report: "report", csv: "CSV", json: "JSON", parquet: "Parquet" };
  const make = (format) => el("a", format === "report" ? { target: "_blank" } : {}, names[format]);
  sync($("downloads"), formats, (format) => file(format), make, (node, format) => {
    const isReport = format === "report";
    mark(node, "href", `/sweeps/${sweep.id}/${isReport ? "report" : `results?format=${format}`}`);
    mark(node, isReport ? "data-file" : "download", file(format));
    node.onclick = (event) => linkTo(event, node);
  });
}
