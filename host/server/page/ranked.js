// The ranked combinations as a table: while a sweep runs, and with their neighbours, later bars and bounds once it has ended.
// Never ranks.

import { ofCell } from "/address.js";
import { $, el, mark, say, sync } from "/dom.js";
import { hasEnded } from "/knowledge.js";
import { metric, parameter, parameters, words } from "/metrics.js";

/** What is shown beside the objective, where the same numbers of other bars stand beside them. */
const FEW = ["total_return", "max_drawdown"];

/** A column: its group, name and the text of an entry of the ranking, whose place is given. */
const column = (group, name, text, kind = null, title = null) => ({ group, name, text, kind, title });

/** The columns that every ranking has; of the metrics only a few where `group` says which bars they are of. */
function plain({ objective, better, axes, ranking }, group) {
  const known = Object.keys(ranking[0]?.metrics ?? {}).filter((name) => name !== objective);
  const others = known.filter((name) => !group || FEW.includes(name));
  const arrow = better === "higher" ? "▼" : "▲";
  return [
    ...(ranking[0]?.symbol === undefined ? [] : [column("", "symbol", ({ symbol }) => symbol)]),
    ...axes.map((axis) => column("", axis, ({ params }) => parameter(params[axis]), "axis")),
    column(group, `${words(objective)} ${arrow}`, ({ value }) => metric(objective, value), "objective", `${better} is better`),
    ...others.map((name) => column(group, words(name), ({ metrics }) => metric(name, metrics[name]))),
  ];
}

function plateauColumns({ plateau, objective }) {
  if (!plateau) return [];
  const found = (text) => (entry, place) => (plateau[place] ? text(plateau[place]) : "–");
  const value = (name) => found((near) => metric(objective, near[name]));
  return [
    column("neighbourhood", "plateau ▼", value("score"), "objective", "what ranks: how well the neighbours do"),
    column("neighbourhood", "worst", value("worst")),
    column("neighbourhood", "neighbours", found(({ neighbours, failed }) => `${neighbours}${failed ? `, ${failed} failed` : ""}`)),
  ];
}

function laterColumns({ split, objective }) {
  if (!split) return [];
  const by = new Map(split.results.map((result) => [result.task_id, result.metrics]));
  const { first, last } = split.out_of_sample;
  const value = (name) => ({ task_id: id }) => metric(name, by.get(id)?.[name]);
  const names = [objective, ...FEW.filter((name) => name !== objective)];
  return names.map((name) => column(`out of sample: ${first} to ${last}`, words(name), value(name), "later"));
}

function boundColumns({ bounds, objective }) {
  if (!bounds) return [];
  const names = [objective, ...["final_equity"].filter((name) => name !== objective)];
  const value = (side, name) => (entry, place) => metric(name, bounds[place]?.[side]?.[name]);
  return ["pessimistic", "optimistic"].flatMap((side) =>
    names.map((name) => column(`${side} path within bars`, words(name), value(side, name))),
  );
}

/** Fills a table with the ranking; `open(taskId)` is called for a row that is chosen, where rows can be. */
export function show(table, sweep, open, isFull) {
  const ranking = sweep.ranking ?? [];
  const { first, last } = sweep.split?.in_sample ?? {};
  const group = !isFull ? "" : first ? `in sample: ${first} to ${last}` : "all bars";
  const extra = isFull ? [...laterColumns(sweep), ...plateauColumns(sweep), ...boundColumns(sweep)] : [];
  const columns = [...plain({ ...sweep, ranking }, group), ...extra];
  const isOpen = hasEnded(sweep);
  const signature = [sweep.id, isOpen, ...columns.map(({ group: over, name }) => `${over}/${name}`)].join("\n");
  if (table.dataset.signature !== signature) head(table, columns, signature);
  const make = ({ rank, task_id: id }) => rowOf({ rank, id }, columns, isOpen && open, sweep.id);
  sync(table.tBodies[0], ranking, ({ rank, task_id: id }) => `${signature}\n${rank}\n${id}`, make, (row, entry) => {
    const place = ranking.indexOf(entry);
    columns.forEach(({ text }, n) => say(row.children[n + 1], text(entry, place)));
  });
}

function head(table, columns, signature) {
  table.dataset.signature = signature;
  const groups = [];
  for (const { group } of columns) {
    if (groups.at(-1)?.group === group) groups.at(-1).count += 1;
    else groups.push({ group, count: 1 });
  }
  const overOf = (group, count) => ({ scope: "colgroup", colspan: count, class: group ? "over" : null });
  const over = groups.map(({ group, count }) => el("th", overOf(group, count), group));
  const names = columns.map(({ name, kind, title }) => el("th", { scope: "col", class: kind, title }, name));
  const isGrouped = groups.filter(({ group }) => group).length > 1;
  const top = isGrouped ? el("tr", {}, el("td"), ...over) : null;
  table.tHead.replaceChildren(...[top, el("tr", {}, el("th", { scope: "col" }, "rank"), ...names)].filter(Boolean));
}

function rowOf({ rank, id }, columns, open, sweep) {
  const link = open ? el("a", { href: ofCell(sweep, id), "aria-label": `rank ${rank}: open ${id}` }, String(rank)) : String(rank);
  const choose = (event) => event.target.closest("a") || open(id);
  return el("tr", { "data-rank": rank, class: open ? "opens" : null, on: open ? { click: choose } : {} },
    el("td", {}, link), ...columns.map(({ kind }) => el("td", { class: kind })));
}

/** True where the ranked combinations have more than the table of all combinations shows. */
export const hasMore = ({ plateau, split, bounds, optimize }) => Boolean(plateau || split || bounds || optimize);

/** Shows what is known of the ranked combinations of a sweep that has ended. */
export function showMore(sweep, open) {
  show($("ranked-table"), sweep, open, true);
  showSearch(sweep);
}

const ENDS = {
  spent: "all trials are spent",
  exhausted: "every combination has been run",
  "too-rare": "further combinations are too rare to find",
};

function showSearch({ id, optimize }) {
  $("search-part").hidden = !optimize;
  if (!optimize) return;
  const { method, trials_done: done, trials, seed, failed, ended, front = [], objectives } = optimize;
  const words = [`${method}, ${done} of ${trials} trials, seed ${seed}`, failed && `${failed} failed`, ENDS[ended] ?? ended];
  say($("search-words"), `${words.filter(Boolean).join("; ")}. No combination is better than these in every objective:`);
  const names = objectives.map((text) => text.split(":")[0]);
  sync($("front"), front, ({ task_id: task }) => `${id} ${task}`, () => el("li", {}, el("a"), el("span")), (node, entry) => {
    const [link, values] = node.children;
    mark(link, "href", ofCell(id, entry.task_id));
    say(link, parameters(entry.params));
    say(values, names.map((name, place) => `${name.replaceAll("_", " ")} ${metric(name, entry.values[place])}`).join(", "));
  });
}
