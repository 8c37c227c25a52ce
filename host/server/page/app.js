// Brings address, knowledge and views together: shows what the address asks for, and does what buttons say.
// Never draws: the views do.

import { asked, go, ofCell, ofPair, ofSweep } from "/address.js";
import { $, mark, say } from "/dom.js";
import * as form from "/form.js";
import { hasEnded, Knowledge } from "/knowledge.js";
import * as label from "/label.js";
import * as plugins from "/plugins.js";
import { ask, Away, download, hasToken, Refused, setToken } from "/server.js";
import * as view from "/sweep.js";
import { list, titleOf } from "/sweeps.js";

const knowledge = new Knowledge((isWhole) => changed(isWhole), excuse);
/** What the address asks for, with the number of the sweep where it names none. */
let place = asked();
let isDrawing = false;

const chosen = () => knowledge.sweep(place.id);

/** Without a number in the address the newest sweep is shown; without any sweep the form. */
function settle() {
  const wanted = asked();
  const isNamed = wanted.view === "new" || wanted.id !== null;
  const newest = knowledge.sweeps[0]?.id ?? null;
  if (isNamed) place = wanted;
  else if (newest !== null) place = { ...wanted, id: knowledge.sweep(place.id) ? place.id : newest };
  else place = { view: "new", id: null };
}

function changed(isWhole) {
  if (isWhole === true) {
    mark($("connection"), "data-state", "online");
    say($("connection"), "connected");
    $("token-form").hidden = true;
    plugins.show(knowledge);
    form.update(knowledge.plugins, knowledge.data);
  }
  draw();
}

function draw() {
  if (isDrawing) return;
  isDrawing = true;
  queueMicrotask(() => {
    isDrawing = false;
    const before = place.id;
    settle();
    if (place.id !== before) watch();
    if (knowledge.isComplete) drawAll();
  });
}

function drawAll() {
  const sweep = chosen();
  list(knowledge.sweeps, place.id, stop);
  const isForm = place.view === "new";
  $("start").hidden = !isForm;
  $("welcome").hidden = knowledge.sweeps.length > 0;
  mark($("new-sweep"), "aria-current", isForm ? "page" : null);
  $("missing").hidden = isForm || Boolean(sweep);
  say($("missing-title"), `There is no sweep ${place.id}`);
  $("sweep").hidden = isForm || !sweep;
  document.title = isForm || !sweep ? "host" : `${titleOf(sweep)} – host`;
  if ($("sweep").hidden) view.leave();
  else view.show(sweep, place, around(sweep), { go, link: fetchLink, open: (task) => go(ofCell(sweep.id, task)), again });
}

/** What belongs to a sweep beside it. */
function around(sweep) {
  return {
    plugin: knowledge.plugin(sweep.plugin),
    data: knowledge.data.find(({ name }) => name === sweep.data),
    other: place.view === "vs" ? knowledge.sweep(place.other) : undefined,
    sweeps: knowledge.sweeps,
  };
}

/** Keeps the sweeps whole that are shown. */
function watch() {
  knowledge.watch([place.id, place.other].filter(Boolean));
}

function excuse(problem) {
  const away = (text) => {
    mark($("connection"), "data-state", "away");
    say($("connection"), text);
  };
  if (problem instanceof Refused && [401, 403].includes(problem.status)) {
    $("token-form").hidden = false;
    away(hasToken() ? `this token is not taken: ${problem.message}` : "waiting for the token");
  } else if (problem instanceof Refused) {
    away(`the server answers: ${problem.message}`);
  } else if (problem instanceof Away) {
    away(`${problem.message}; what is below may be old. Trying again by itself.`);
  } else {
    away(`this page has a fault: ${problem.message}`);
    console.error(problem);
  }
}

/** Shows what the address asks for, and brings it into view where that is another thing. */
function arrive() {
  const before = place;
  settle();
  watch();
  if (!knowledge.isComplete) return;
  drawAll();
  if (before.id === place.id && before.view === place.view && place.view === "sweep") return;
  const title = { new: $("start-title") }[place.view] ?? (chosen() ? $("sweep-title") : $("missing-title"));
  title.focus({ preventScroll: true });
  title.closest("section").scrollIntoView({ block: "nearest" });
}

function started(sweep) {
  knowledge.take(sweep);
  go(ofSweep(sweep.id));
}

/** Cancels a sweep that runs; removes one that has ended, with its results, if that is what is wanted. */
async function stop(id) {
  const sweep = knowledge.sweep(id);
  if (!sweep) return;
  if (hasEnded(sweep) && !confirm(`Remove ${titleOf(sweep)} with all its results? There is no way back.`)) return;
  try {
    const answer = await ask(`/sweeps/${id}`, { method: "DELETE" });
    if (answer) knowledge.take(answer);
    else knowledge.forget(id);
    if (!answer && id === place.id) go(knowledge.sweeps[0] ? ofSweep(knowledge.sweeps[0].id) : "#new");
  } catch (problem) {
    excuse(problem);
  }
  draw();
}

/** Does something with the chosen sweep once its request is known. */
async function withRequest(act) {
  try {
    await knowledge.whole(place.id);
    act(chosen());
  } catch (problem) {
    excuse(problem);
  }
}

/** Starts the chosen sweep again with what serves now, with the returns of each `period` if that is given. */
const again = (period = null) => withRequest((sweep) => form.again(sweep, period));

/** Follows a link of a download by hand where a token is needed. */
async function fetchLink(event, link) {
  if (!hasToken() || link.href.startsWith("blob:")) return;
  event.preventDefault();
  try {
    const address = URL.createObjectURL(await download(link.getAttribute("href")));
    const target = Object.assign(document.createElement("a"), { href: address, download: link.download || link.dataset.file });
    target.click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  } catch (problem) {
    excuse(problem);
  }
}

function listenToButtons() {
  $("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken($("token").value);
    $("token").value = "";
    knowledge.look();
  });
  $("sweep-remove").addEventListener("click", () => stop(place.id));
  $("swapped").querySelector("button").addEventListener("click", () => again());
  $("again").addEventListener("click", () => withRequest(form.edit));
  $("compare").addEventListener("change", ({ target }) => go(target.value ? ofPair(place.id, target.value) : ofSweep(place.id)));
  $("filter").addEventListener("input", draw);
  addEventListener("hashchange", arrive);
}

form.begin(started, excuse, () => go("#new"));
plugins.begin();
view.begin();
label.begin((sweep) => {
  knowledge.take(sweep);
  draw();
});
listenToButtons();
watch();
knowledge.look();
