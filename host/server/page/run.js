// How a sweep was run: its build, data, account, times, and the request with the command that does the same.
// Never starts anything.

import { $, el, mark, say, sync } from "/dom.js";
import { hasEnded } from "/knowledge.js";
import { many, moment, seconds, short, whole, words } from "/metrics.js";
import { saveText } from "/report/charts/tables.js";
import { elapsed } from "/sweeps.js";

let shownId = null;

/** `data` is the data set that has the sweep's name now, if there is one. */
export function show(sweep, data) {
  sync($("facts"), factsOf(sweep, data).filter(([, value]) => value), ([name]) => name, makeFact, updateFact);
  const text = JSON.stringify(sweep.request ?? {}, null, 2);
  say($("request"), text);
  say($("command"), commandOf(sweep));
  $("request-save").onclick = () => saveText(fileOf(sweep), "application/json", `${text}\n`);
  say($("request-save"), `Save ${fileOf(sweep)}`);
  $("request-copy").onclick = () => copy($("request"), $("request-copy"));
  $("command-copy").onclick = () => copy($("command"), $("command-copy"));
  if (shownId !== sweep.id) $("request-part").open = false;
  shownId = sweep.id;
}

const makeFact = ([name]) => el("div", {}, el("dt", {}, name), el("dd"));

function updateFact(node, [, value, title]) {
  say(node.lastChild, value);
  mark(node.lastChild, "title", title ?? null);
}

function factsOf(sweep, data) {
  const { request = {}, plugin_hash: build, data_hash: hash } = sweep;
  return [
    ["plugin", sweep.plugin],
    ["build", short(build), build],
    ["generation", String(sweep.generation)],
    ["data", `${sweep.data}, ${short(hash)}`, hash],
    ["bars", data?.hash === hash ? `${many(data.bars, "bar")}, ${data.first} to ${data.last}` : ""],
    ["period", periodOf(request.period)],
    ["account", members(request.account) || "as usual"],
    ["exits", members({ ...request.grid?.exits, ...request.exits })],
    ["ranked by", `${words(sweep.objective)}, ${sweep.better} is better${request.rank_by ? `, ${request.rank_by}` : ""}`],
    ["conditions", conditionsOf(request)],
    ["scope", request.scope],
    ["split", request.split ? String(request.split) : ""],
    ["benchmark", textOf(request.benchmark)],
    ["metrics", Array.isArray(request.metrics) ? request.metrics.join(", ") : "all"],
    ["returns", sweep.returns ? `kept of each ${sweep.returns}` : "not kept"],
    ["sample", request.sample ? whole(request.sample) : ""],
    ["seed", request.seed === undefined ? "" : String(request.seed)],
    ["limits of a task", members(request.limits) || "as usual"],
    ["workers", sweep.workers ? String(sweep.workers) : ""],
    ...times(sweep),
  ];
}

const conditionsOf = ({ constraints, require, grid }) =>
  [constraints, require, grid?.constraints, grid?.require].flat().filter(Boolean).join("; ");

const periodOf = ({ from, to } = {}) => [from && `from ${from}`, to && `to ${to}`].filter(Boolean).join(" ");
const textOf = (value) => (value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** The members of an object in words, those of objects in it beside the others. */
function members(object) {
  const pairs = Object.entries(object ?? {});
  const text = ([name, value]) => (value !== null && typeof value === "object" && !Array.isArray(value) ? members(value) : `${words(name)} ${value}`);
  return pairs.map(text).filter(Boolean).join(", ");
}

function times(sweep) {
  const took = hasEnded(sweep) ? elapsed(sweep) : null;
  const at = (name, text) => [name, text ? moment(text) : "", text];
  return [
    at("submitted", sweep.submitted_at),
    at("started", sweep.started_at),
    at("ended", sweep.ended_at),
    ["took", took ? `${seconds(took)}${sweep.done ? `, ${whole(sweep.done / took)} a second` : ""}` : ""],
  ];
}

const fileOf = ({ id }) => `sweep-${id}.json`;

function commandOf(sweep) {
  const { id, returns } = sweep;
  const kept = returns ? ` --returns sweep-${id}.arrow${returns === "day" ? "" : ` --returns-period ${returns}`}` : "";
  return `host sweep --request ${fileOf(sweep)} --out sweep-${id}.parquet${kept}`;
}

/** Copies the text of a node; where the browser does not let the page, the text is selected. */
async function copy(node, press) {
  try {
    await navigator.clipboard.writeText(node.textContent);
    tell(press, "Copied");
  } catch {
    getSelection().selectAllChildren(node);
    tell(press, "Press Ctrl+C");
  }
}

function tell(press, text) {
  const before = press.dataset.text ?? press.textContent;
  press.dataset.text = before;
  say(press, text);
  setTimeout(() => say(press, before), 2_000);
}
