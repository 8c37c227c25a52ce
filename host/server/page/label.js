// The name and the comment of the chosen sweep, edited in place.
// Never overwrites what is being typed.

import { $, mark, say } from "/dom.js";
import { ask } from "/server.js";

let sweep = null;
let saved = () => {};

/** `whenSaved(sweep)` gets the server's answer. */
export function begin(whenSaved) {
  saved = whenSaved;
  $("rename-open").addEventListener("click", open);
  $("rename").addEventListener("submit", (event) => {
    event.preventDefault();
    rename();
  });
  $("rename").addEventListener("keydown", ({ key }) => key === "Escape" && close());
  $("comment").addEventListener("blur", comment);
  $("comment").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("comment").blur();
    if (event.key !== "Escape") return;
    $("comment").value = sweep.comment ?? "";
    $("comment").blur();
  });
}

export function show(now) {
  const isOther = sweep?.id !== now.id;
  // What was typed for the sweep before is not lost.
  if (isOther && sweep && document.activeElement === $("comment")) comment();
  sweep = now;
  if (isOther) close(false);
  if (isOther || document.activeElement !== $("comment")) $("comment").value = now.comment ?? "";
  if (isOther) complain("");
  mark($("rename-open"), "aria-label", now.name ? "Rename this sweep" : "Name this sweep");
  say($("rename-open"), now.name ? "Rename" : "Name");
}

function open() {
  $("rename").hidden = false;
  $("rename-open").hidden = $("sweep-title").hidden = true;
  $("rename-text").value = sweep.name ?? "";
  $("rename-text").select();
}

function close(isBack = true) {
  $("rename").hidden = true;
  $("rename-open").hidden = $("sweep-title").hidden = false;
  if (isBack) $("rename-open").focus();
}

async function rename() {
  const name = $("rename-text").value.trim() || null;
  if (name === (sweep.name ?? null) || (await save({ name }))) close();
}

async function comment() {
  const text = $("comment").value.trim() || null;
  if (text !== (sweep.comment ?? null)) await save({ comment: text });
}

/** Saves members of the sweep; true if the server has taken them. */
async function save(members) {
  const { id } = sweep;
  try {
    saved(await ask(`/sweeps/${id}`, { method: "PATCH", body: members }));
    complain("");
    return true;
  } catch (problem) {
    complain(`Not saved: ${problem.message}. What you typed is still here; try again.`);
    return false;
  }
}

function complain(text) {
  say($("label-error"), text);
  $("label-error").hidden = !text;
}
