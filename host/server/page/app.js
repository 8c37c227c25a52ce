// Keeps the page in step with the server: asks every two seconds while the tab is seen, and listens to running sweeps.
// Never draws: that is for plugins, form, sweeps and map.

import { $, mark, say } from "/dom.js";
import * as form from "/form.js";
import { SweepMap } from "/map.js";
import * as plugins from "/plugins.js";
import { ask, Away, download, hasToken, listen, Refused, setToken } from "/server.js";
import * as view from "/sweeps.js";

/** Milliseconds between two looks, and the most there may be while the server is away. */
const LOOK = 2_000;
const LONGEST = 30_000;
/** Browsers have six connections for a host; more listeners would leave none for requests. */
const LISTENERS = 3;

const state = { plugins: [], log: [], data: [], sweeps: new Map(), chosen: null };
const listeners = new Map();
/** Sweeps whose events the server does not send; they are looked at instead. */
const deaf = new Set();
const map = new SweepMap();
let misses = 0;
let timer = 0;
let looking = false;
let drawing = false;

function draw() {
  if (drawing) return;
  drawing = true;
  queueMicrotask(() => {
    drawing = false;
    const sweep = state.sweeps.get(state.chosen);
    view.list(sorted(), state.chosen, stop);
    view.detail(sweep, sweep && state.plugins.find(({ name }) => name === sweep.plugin), fetchLink);
    map.show(sweep);
    follow();
  });
}

const sorted = () => [...state.sweeps.values()].sort((a, b) => b.id - a.id);

/** Takes what the server says of a sweep, unless it is older than what is known: answers may overtake each other. */
function take(news) {
  const known = state.sweeps.get(news.id);
  const same = known && known.submitted_at === news.submitted_at;
  if (same && view.hasEnded(known) && !view.hasEnded(news)) return;
  if (same && !view.hasEnded(news)) news = { ...news, done: Math.max(news.done, known.done) };
  state.sweeps.set(news.id, { ...(same ? known : {}), ...news, heard: performance.now() });
}

/** Takes some members of a sweep that runs; its clock goes on. */
function advance(id, members) {
  const known = state.sweeps.get(id);
  if (!known || view.hasEnded(known)) return;
  // A last progress may tell the end; it is the event of the end that has all there is to show.
  if (members.state && view.hasEnded(members)) delete members.state;
  const starts = members.state === "running" && known.seconds === null;
  state.sweeps.set(id, { ...known, ...members, ...(starts && { seconds: 0, heard: performance.now() }) });
  draw();
}

/** Listens to the chosen sweep and the running ones, at most three, and to no other. */
function follow() {
  const open = sorted().filter((sweep) => !view.hasEnded(sweep) && !deaf.has(sweep.id));
  const first = open.filter(({ id }) => id === state.chosen);
  const running = open.filter((sweep) => sweep.state === "running" && sweep.id !== state.chosen);
  const wanted = new Set(hasToken() || document.hidden ? [] : [...first, ...running].slice(0, LISTENERS).map(({ id }) => id));
  for (const [id, source] of listeners) {
    if (wanted.has(id)) continue;
    source.close();
    listeners.delete(id);
  }
  wanted.forEach((id) => listeners.has(id) || listeners.set(id, listenTo(id)));
}

function listenTo(id) {
  const whole = (sweep) => {
    take({ ...sweep, final: view.hasEnded(sweep) });
    draw();
  };
  const events = {
    sweep: whole,
    progress: (progress) => advance(id, progress),
    best: (best) => {
      advance(id, { best });
      if (id === state.chosen && !state.sweeps.get(id)?.ranking?.length) lookAtChosen().then(draw, excuse);
    },
    failures: (failures) => advance(id, { failures }),
    end: whole,
  };
  return listen(id, events, () => {
    deaf.add(id);
    look();
  });
}

/** Looks at everything once, and sets the time of the next look. */
async function look() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  const before = new Set(state.sweeps.keys());
  try {
    const [served, { sweeps }, { data }] = await Promise.all([ask("/plugins"), ask("/sweeps"), ask("/data")]);
    Object.assign(state, served, { data });
    sweeps.forEach(take);
    const there = new Set(sweeps.map(({ id }) => id));
    before.forEach((id) => there.has(id) || state.sweeps.delete(id));
    if (!state.sweeps.has(state.chosen)) state.chosen = sweeps[0]?.id ?? null;
    await lookAtChosen();
    if (misses) {
      deaf.clear();
      map.retry();
    }
    misses = 0;
    connected("online", "connected");
    $("token-form").hidden = true;
    plugins.show(state);
    form.update(state.plugins, state.data);
  } catch (problem) {
    misses += 1;
    excuse(problem);
  }
  looking = false;
  draw();
  if (!document.hidden) timer = setTimeout(look, Math.min(LOOK * 2 ** Math.max(misses - 1, 0), LONGEST));
}

/** The list has no rankings: that of the chosen sweep is asked for while it runs, and once when it has ended. */
async function lookAtChosen() {
  const sweep = state.sweeps.get(state.chosen);
  if (!sweep || sweep.final) return;
  try {
    const whole = await ask(`/sweeps/${sweep.id}`);
    take({ ...whole, final: view.hasEnded(whole) });
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    state.sweeps.delete(sweep.id);
  }
}

function connected(how, text) {
  mark($("connection"), "data-state", how);
  say($("connection"), text);
}

function excuse(problem) {
  if (problem instanceof Refused && [401, 403].includes(problem.status)) {
    $("token-form").hidden = false;
    connected("away", hasToken() ? `this token is not taken: ${problem.message}` : "waiting for the token");
  } else if (problem instanceof Refused) {
    connected("away", `the server answers: ${problem.message}`);
  } else if (problem instanceof Away) {
    connected("away", `${problem.message}; what is below may be old. Trying again by itself.`);
  } else {
    connected("away", `this page has a fault: ${problem.message}`);
    console.error(problem);
  }
}

/** Shows a sweep, and brings it into view where someone asked for it. */
function choose(id, go) {
  state.chosen = id;
  draw();
  lookAtChosen().then(draw, excuse);
  if (!go) return;
  queueMicrotask(() => {
    $("sweep-title").focus({ preventScroll: true });
    $("sweep").scrollIntoView({ block: "nearest" });
  });
}

const fromAddress = () => Number(/^#(\d+)$/.exec(location.hash)?.[1]) || null;

function started(sweep) {
  take(sweep);
  history.pushState(null, "", `#${sweep.id}`);
  choose(sweep.id, true);
}

/** Cancels a sweep that runs; removes one that has ended, with its results, if that is what is wanted. */
async function stop(id) {
  const sweep = state.sweeps.get(id);
  if (!sweep) return;
  const removes = view.hasEnded(sweep);
  if (removes && !confirm(`Remove sweep ${id} with all its results? There is no way back.`)) return;
  try {
    const answer = await ask(`/sweeps/${id}`, { method: "DELETE" });
    if (answer) take(answer);
    else state.sweeps.delete(id);
    if (!state.sweeps.has(state.chosen)) choose(sorted()[0]?.id ?? null, false);
  } catch (problem) {
    excuse(problem);
  }
  draw();
}

/** Starts the chosen sweep again with what serves now. */
async function startAgain() {
  try {
    await lookAtChosen();
    form.again(state.sweeps.get(state.chosen));
  } catch (problem) {
    excuse(problem);
  }
}

/** Follows a link of a download by hand where a token is needed. */
async function fetchLink(event, link) {
  if (!hasToken() || link.href.startsWith("blob:")) return;
  event.preventDefault();
  try {
    const address = URL.createObjectURL(await download(link.getAttribute("href")));
    const target = Object.assign(document.createElement("a"), { href: address, download: link.download || link.dataset.file });
    target.click();
    URL.revokeObjectURL(address);
  } catch (problem) {
    excuse(problem);
  }
}

form.begin(started);
$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setToken($("token").value);
  $("token").value = "";
  look();
});
$("sweep-remove").addEventListener("click", () => stop(state.chosen));
$("swapped").querySelector("button").addEventListener("click", startAgain);
$("sweep-rows").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link) setTimeout(() => choose(Number(link.hash.slice(1)), true));
});
addEventListener("hashchange", () => fromAddress() && choose(fromAddress(), false));
document.addEventListener("visibilitychange", () => {
  clearTimeout(timer);
  if (document.hidden) follow();
  else look();
});
state.chosen = fromAddress();
look();
