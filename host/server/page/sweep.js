// The chosen sweep: its head, what is best, warnings, and its parts, of which one is shown.
// Never asks the server anything; the views in it do.

import { ofCell, ofSweep, PANELS } from "/address.js";
import { CellView } from "/cell.js";
import { Comparison } from "/compare.js";
import { $, el, mark, say, sync } from "/dom.js";
import { Evidence } from "/evidence.js";
import { Explorer } from "/explore.js";
import { hasEnded, leader } from "/knowledge.js";
import * as label from "/label.js";
import { metric, parameters, short, whole, words } from "/metrics.js";
import * as ranked from "/ranked.js";
import { scrollBox } from "/report/charts/tables.js";
import * as run from "/run.js";
import { meter, showState, titleOf, updateMeter } from "/sweeps.js";

/** The views that fetch for themselves: by the place where each stands, what it shows. */
const mounted = new Map();
let tables = [];

/** Makes what stands still. */
export function begin() {
  const places = [["ranking-box", "ranking", "Ranking"], ["ranked-box", "ranked-table", "Ranked combinations"]];
  tables = places.map(([box, id, name]) => {
    const table = el("table", { id, class: "numbers" }, el("thead"), el("tbody"));
    const scroll = scrollBox(name);
    scroll.append(table);
    $(box).append(scroll);
    return table;
  });
  $("sweep-progress").append(meter());
}

/** Makes the view in a place the one of `key`, with `make(node)`; a view of another key is ended. */
function mount(id, key, make) {
  const before = mounted.get(id);
  if (before?.key === key) return;
  before?.view.destroy();
  mounted.delete(id);
  $(id).replaceChildren();
  if (key === null) return;
  mounted.set(id, { key, view: make($(id)) });
}

/** Ends all views: nothing of a sweep is shown. */
export function leave() {
  for (const id of mounted.keys()) mount(id, null);
}

/**
 * Shows a sweep. `place` is what the address asks for; `plugin` and `data` are what has the sweep's names now; `other` is the
 * sweep to compare with; `acts` are `go`, `link` and `again`.
 */
export function show(sweep, place, { plugin, data, other, sweeps }, acts) {
  mark($("sweep"), "data-sweep", sweep.id);
  mark($("sweep"), "data-view", place.view);
  showHead(sweep);
  showOthers(sweep, sweeps, other);
  showSwapped(sweep, plugin);
  showWarnings(sweep);
  showBest(sweep);
  showPanels(sweep, place);
  showDownloads(sweep, acts.link);
  showCombinations(sweep, acts);
  if (ranked.hasMore(sweep)) ranked.showMore(sweep, acts.open);
  showFailures(sweep);
  showNotes(sweep);
  run.show(sweep, data);
  showViews(sweep, place, other, acts);
}

function showHead(sweep) {
  label.show(sweep);
  const isEnded = hasEnded(sweep);
  say($("sweep-title"), titleOf(sweep));
  say($("sweep-about"), sweep.name ? `Sweep ${sweep.id}: ${sweep.plugin} on ${sweep.data}` : "");
  $("sweep-about").hidden = !sweep.name;
  showState($("sweep-state"), sweep);
  updateMeter($("sweep-progress").firstChild, sweep);
  mark($("sweep-progress"), "class", isEnded ? null : "long");
  say($("sweep-remove"), isEnded ? "Remove" : "Cancel");
  $("again").hidden = !sweep.request;
  say($("sweep-error"), sweep.error ?? "");
  $("sweep-error").hidden = !sweep.error;
}

/** The sweeps to compare with: those of the same plugin first. */
function showOthers(sweep, sweeps, other) {
  const ended = sweeps.filter((one) => one.id !== sweep.id && hasEnded(one) && one.done > 0);
  const same = ({ plugin }) => plugin === sweep.plugin;
  const ordered = [...ended.filter(same), ...ended.filter((one) => !same(one))];
  const text = (one) => `#${one.id} ${one.name || `${one.plugin} on ${one.data}`}`;
  const choices = [["", "Compare with…"], ...ordered.map((one) => [String(one.id), text(one)])];
  const select = $("compare");
  select.hidden = !hasEnded(sweep) || ordered.length === 0;
  sync(select, choices, ([value]) => value, ([value]) => el("option", { value }), (node, [, text]) => say(node, text));
  if (document.activeElement !== select) select.value = other ? String(other.id) : "";
}

function showSwapped(sweep, plugin) {
  const isSwapped = Boolean(plugin?.hash) && plugin.hash !== sweep.plugin_hash;
  $("swapped").hidden = !isSwapped;
  if (!isSwapped) return;
  const [text, button] = $("swapped").children;
  const own = `generation ${sweep.generation}, build ${short(sweep.plugin_hash)}`;
  const stays = hasEnded(sweep) ? `These results are of ${own}.` : `This sweep stays with ${own}, to its end.`;
  const now = `generation ${plugin.generation}, build ${short(plugin.hash)}, serves now`;
  say(text, `${sweep.plugin} has been swapped since: ${now}. ${stays}`);
  say(button, `Start again with generation ${plugin.generation}`);
}

function showWarnings({ warnings = [] }) {
  $("warnings").hidden = warnings.length === 0;
  sync($("warnings"), warnings, String, () => el("li"), (node, text) => say(node, text));
}

/** What leads, and its usual metrics. */
function showBest(sweep) {
  const first = leader(sweep);
  $("best").hidden = !first;
  if (!first) return;
  const [sentence, tiles] = $("best").children;
  const [before, link] = sentence.children;
  say(before, sweep.request?.rank_by === "plateau" ? "Best plateau:" : hasEnded(sweep) ? "Best:" : "Best so far:");
  say(link, `${first.symbol ? `${first.symbol}, ` : ""}${parameters(first.params)}`);
  mark(link, "href", hasEnded(sweep) ? ofCell(sweep.id, first.task_id) : null);
  const { [sweep.objective]: _, ...others } = first.metrics ?? {};
  const shown = [[sweep.objective, first.value], ...Object.entries(others)];
  const make = ([name]) => el("div", {}, el("dt", {}, words(name)), el("dd"));
  sync(tiles, shown, ([name]) => name, make, (node, [name, value]) => say(node.lastChild, metric(name, value)));
}

const TITLES = { combinations: "Combinations", ranked: "Ranked", evidence: "Evidence", failures: "Failures", run: "Run" };

function showPanels(sweep, { view, panel }) {
  const isWhole = hasEnded(sweep);
  const has = { ranked: isWhole && ranked.hasMore(sweep), evidence: isWhole && sweep.done > 0 };
  const offered = PANELS.filter((name) => has[name] ?? true);
  const current = view === "sweep" ? (offered.includes(panel) ? panel : PANELS[0]) : null;
  sync($("panels"), offered, String, () => el("a", {}, el("span"), el("span", { class: "badge" })), (node, name) => {
    mark(node, "href", ofSweep(sweep.id, name));
    mark(node, "aria-current", name === current ? "page" : view === "cell" && name === PANELS[0] ? "true" : null);
    say(node.firstChild, titleOfPanel(name, sweep));
    showCount(node.lastChild, name === "failures" ? sweep.failed : 0);
  });
  PANELS.forEach((name) => ($(name === "failures" ? "failures-panel" : name).hidden = name !== current));
}

function titleOfPanel(name, sweep) {
  if (name === "combinations" && !hasEnded(sweep)) return "Ranking";
  return name === "failures" && Object.keys(sweep.notes ?? {}).length > 0 ? "Failures, notes" : TITLES[name];
}

function showCount(node, count) {
  node.hidden = !count;
  say(node, count ? whole(count) : "");
}

/** While it runs the ranking; then all combinations. */
function showCombinations(sweep, { open, go }) {
  const hasAll = Boolean(sweep.final) && sweep.done > 0;
  $("live").hidden = hasAll;
  const ranking = sweep.ranking ?? [];
  $("ranking-box").hidden = ranking.length === 0;
  say($("ranking-empty"), ranking.length ? "" : emptyText(sweep));
  if (!hasAll) ranked.show(tables[0], { ...sweep, ranking }, open, false);
  mount("explorer", hasAll ? `${sweep.id} ${sweep.submitted_at}` : null, (node) =>
    new Explorer(node, { sweep, open: (task) => go(ofCell(sweep.id, task)) }));
}

function emptyText(sweep) {
  if (!hasEnded(sweep)) return "Nothing is ranked yet.";
  if (sweep.done === 0) return "No combination was finished.";
  return sweep.done === sweep.failed ? "Every combination failed; Failures says why." : "No combination could be ranked.";
}

/** Why a view that the address asks for cannot be shown; an empty text where it can. */
function unready(sweep, { view, other: id }, other) {
  if (view === "sweep") return "";
  if (!hasEnded(sweep)) return "This sweep still runs: its combinations can be opened and compared once it has ended.";
  if (view === "cell") return "";
  if (!other) return `There is no sweep ${id} to compare with. Choose another one above.`;
  return hasEnded(other) ? "" : `Sweep ${id} still runs: it can be compared once it has ended.`;
}

function showViews(sweep, place, other, { go, link, again }) {
  const why = unready(sweep, place, other);
  $("unready").hidden = !why;
  say($("unready"), why);
  const isCell = place.view === "cell" && Boolean(sweep.final);
  $("cell").hidden = !isCell;
  mount("cell", isCell ? `${sweep.id} ${place.task}` : null, (node) =>
    new CellView(node, { sweep, taskId: place.task, open: (task) => go(ofCell(sweep.id, task)), download: link }));
  const isPair = place.view === "vs" && Boolean(other?.final && sweep.final);
  $("pair").hidden = !isPair;
  mount("pair", isPair ? `${sweep.id} ${other.id}` : null, (node) =>
    new Comparison(node, { first: sweep, second: other, open: (id, task) => go(ofCell(id, task)) }));
  const isEvidence = !$("evidence").hidden && Boolean(sweep.final);
  if (isEvidence || mounted.get("evidence")?.key !== sweep.id)
    mount("evidence", isEvidence ? sweep.id : null, (node) => new Evidence(node, { sweep, again }));
}

function showFailures({ failures = [] }) {
  $("failures-part").hidden = failures.length === 0;
  const make = () => el("li", {}, el("strong"), " ", el("span", { class: "hint" }), el("pre"));
  const key = ({ kind, example }) => `${kind} ${example?.task_id}`;
  sync($("failures"), failures.flatMap(causesOf), key, make, (node, { kind, count, example }) => {
    say(node.children[0], `${whole(count)} × ${kind}`);
    say(node.children[1], example ? `${count === 1 ? "at" : "for one at"} ${example.params || example.task_id}:` : "of other causes");
    say(node.children[2], example?.error_message ?? "");
  });
}

/** The causes of the failures of one kind; sweeps that were kept by an older host have none. */
function causesOf({ error_kind: kind, count, example, causes }) {
  if (causes.length === 0) return [{ kind, count, example }];
  const rest = count - causes.reduce((sum, cause) => sum + cause.count, 0);
  return [...causes, ...(rest > 0 ? [{ count: rest }] : [])].map((cause) => ({ kind, ...cause }));
}

function showNotes({ notes, failures = [] }) {
  const entries = Object.entries(notes ?? {});
  $("notes-part").hidden = entries.length === 0;
  $("failures-empty").hidden = entries.length > 0 || failures.length > 0;
  sync($("notes"), entries, ([name]) => name, () => el("li"), (node, [name, count]) => say(node, `${whole(count)} ${name}`));
}

const FORMATS = { report: "Report", csv: "CSV", json: "JSON", parquet: "Parquet" };

function showDownloads(sweep, linkTo) {
  const formats = hasEnded(sweep) && sweep.done > 0 ? Object.keys(FORMATS) : [];
  $("downloads").hidden = formats.length === 0;
  const file = (format) => `sweep-${sweep.id}.${format === "report" ? "html" : format}`;
  const make = (format) => el("a", format === "report" ? { target: "_blank" } : {}, FORMATS[format]);
  sync($("downloads"), formats, file, make, (node, format) => {
    const isReport = format === "report";
    mark(node, "href", `/sweeps/${sweep.id}/${isReport ? "report" : `results?format=${format}`}`);
    mark(node, isReport ? "data-file" : "download", file(format));
    node.onclick = (event) => linkTo(event, node);
  });
}
