// The drawer with the plugins that serve and what has become of their builds, and its button with a count of what needs a look.
// Never changes a plugin: it is swapped by its file.

import { $, el, mark, say, sync } from "/dom.js";
import { many, moment, short } from "/metrics.js";

/** Opens by its button; closes by its own button, by Escape and by a press beside it. The browser gives the focus back. */
export function begin() {
  const drawer = $("plugins");
  $("plugins-open").addEventListener("click", () => drawer.showModal());
  $("plugins-close").addEventListener("click", () => drawer.close());
  drawer.addEventListener("click", (event) => event.target === drawer && drawer.close());
}

export function show({ plugins, log }) {
  showBadge(plugins);
  $("plugins-empty").hidden = plugins.length > 0;
  sync($("plugin-rows"), plugins, ({ name }) => name, makeRow, updateRow);
  $("log-empty").hidden = log.length > 0;
  $("log").hidden = log.length === 0;
  sync($("log"), log, ({ at, plugin, event, hash }) => [at, plugin, event, hash].join(" "), makeEntry);
  // From here on: what is there at first is not read out.
  mark($("log"), "aria-live", "polite");
}

/** True for a build that is refused, and for one that serves without its file. */
const needsLook = ({ generation, file, refused }) => (file === "missing" ? generation > 0 : generation === 0 || Boolean(refused));

function showBadge(plugins) {
  const count = plugins.filter(needsLook).length;
  $("plugins-badge").hidden = count === 0;
  say($("plugins-badge").firstChild, count ? String(count) : "");
  mark($("plugins-open"), "title", count ? `${many(count, "build")} refused or missing` : "Plugins and swap log");
}

function makeRow({ name }) {
  const [own, state] = [el("span", { class: "hint name" }), el("span", { class: "state" })];
  const head = el("div", { class: "row" }, el("strong", {}, name), own, state);
  const build = el("p", { class: "hint" }, el("span"), el("code", { class: "build" }), el("span"));
  return el("li", { "data-plugin": name }, head, el("p", { class: "summary" }), build, el("p", { class: "error", hidden: true }));
}

function updateRow(row, plugin) {
  const [head, summary, build, refused] = row.children;
  const [, name, state] = head.children;
  say(name, named(plugin));
  say(state, stateOf(plugin));
  mark(state, "data-state", plugin.generation === 0 ? "failed" : needsLook(plugin) ? "warning" : "finished");
  say(summary, plugin.strategy?.summary ?? "");
  summary.hidden = !plugin.strategy?.summary;
  updateBuild(build, plugin);
  refused.hidden = !plugin.refused;
  say(refused, plugin.refused ? refusal(plugin) : "");
  mark(refused, "title", plugin.refused?.hash ?? null);
}

function updateBuild(node, { generation, hash, loaded_at: at, strategy }) {
  const [before, build, after] = node.children;
  node.hidden = generation === 0;
  say(before, `generation ${generation}, build `);
  say(build, hash ? short(hash) : "");
  mark(build, "title", hash);
  say(after, `, version ${strategy?.version ?? "–"}, loaded ${at ? moment(at) : "–"}`);
  mark(after, "title", at);
}

// A file is often named otherwise than the strategy in it.
const named = ({ name, strategy }) => (strategy && strategy.name !== name ? strategy.name : "");

function stateOf({ generation, file }) {
  if (generation === 0) return "does not serve";
  return file === "missing" ? "serves; its file is gone" : "serves";
}

function refusal({ generation, refused }) {
  const rest = generation > 0 ? `Generation ${generation} serves on.` : "Nothing serves under this name yet.";
  const build = refused.hash ? ` ${short(refused.hash)}` : "";
  return `The file's build${build} was refused at ${moment(refused.at)}: ${refused.reason}\n${rest}`;
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
