// The plugins that serve, and what has become of their builds.
// Never changes one: a plugin is swapped by its file.

import { $, el, mark, say, sync } from "/dom.js";
import { moment, short } from "/metrics.js";

export function show({ plugins, log }) {
  $("plugins-empty").hidden = plugins.length > 0;
  $("plugins").querySelector("table").hidden = plugins.length === 0;
  sync($("plugin-rows"), plugins, ({ name }) => name, makeRow, updateRow);
  $("log-empty").hidden = log.length > 0;
  $("log").hidden = log.length === 0;
  sync($("log"), log, ({ at, plugin, event, hash }) => [at, plugin, event, hash].join(" "), makeEntry);
  // From here on: what is there at first is not read out.
  mark($("log"), "aria-live", "polite");
}

const COLUMNS = ["plugin", "version", "generation", "build", "loaded", "state"];

function makeRow({ name }) {
  const cells = COLUMNS.map((label) => el("td", { role: "cell", "data-label": label, class: label === "build" && label }));
  cells[0].append(el("strong", {}, name), " ", el("span", { class: "hint" }));
  cells[5].append(el("p", { class: "state" }), el("div", { class: "error", hidden: true }));
  return el("tr", { role: "row", "data-plugin": name }, ...cells);
}

function updateRow(row, plugin) {
  const [name, version, generation, build, loaded, state] = row.children;
  say(name.lastChild, named(plugin));
  mark(name, "title", plugin.strategy?.summary ?? null);
  say(version, plugin.strategy?.version ?? "–");
  say(generation, plugin.generation > 0 ? String(plugin.generation) : "–");
  say(build, plugin.hash ? short(plugin.hash) : "–");
  mark(build, "title", plugin.hash);
  say(loaded, plugin.loaded_at ? moment(plugin.loaded_at) : "–");
  mark(loaded, "title", plugin.loaded_at);
  const [words, refused] = state.children;
  say(words, stateOf(plugin));
  mark(words, "data-state", plugin.generation === 0 ? "failed" : plugin.file === "missing" || plugin.refused ? "warning" : "finished");
  refused.hidden = !plugin.refused;
  say(refused, plugin.refused ? refusal(plugin) : "");
  mark(refused, "title", plugin.refused?.hash ?? null);
}

// A file is often named otherwise than the strategy in it.
const named = ({ name, strategy }) => (strategy && strategy.name !== name ? `(${strategy.name})` : "");

function stateOf({ generation, file }) {
  if (generation === 0) return "does not serve";
  return file === "missing" ? "serves; its file is gone" : "serves";
}

function refusal({ generation, refused }) {
  const rest = generation > 0 ? `Generation ${generation} serves on.` : "Nothing serves under this name yet.";
  return `The file's build${refused.hash ? ` ${short(refused.hash)}` : ""} was refused at ${moment(refused.at)}: ${refused.reason}\n${rest}`;
}

function makeEntry({ at, plugin, event, hash, previous_hash: previous, message, lost }) {
  const hashes = event !== "refused" && previous && hash ? `${short(previous)} → ${short(hash)}` : short(hash ?? previous);
  const title = [previous, hash].filter(Boolean).join(" → ");
  // A refusal often says it in its reason.
  const unsaid = (lost ?? []).filter((what) => !message.includes(what));
  return el("li", { "data-event": event, "data-plugin": plugin },
    el("time", { datetime: at, title: at }, moment(at)), " ",
    el("span", { class: "event" }, event), " ", el("strong", {}, plugin), " ", el("code", { title }, hashes),
    el("p", {}, message),
    unsaid.length ? el("ul", {}, ...unsaid.map((what) => el("li", {}, what))) : null);
}
