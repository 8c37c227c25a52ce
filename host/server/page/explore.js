// The combinations of an ended sweep: a table, a map, what each parameter does, lines and points; one of them can be opened.
// Never starts, changes or removes a sweep.

import { el } from "/dom.js";
import { counted, fixed, spaced } from "/report/charts/format.js";
import { notesOf, Sections } from "/report/sections.js";
import { SweepSections } from "/report/sweep-sections.js";
import { dataOf, hasEnded, keyOf } from "/sweep-data.js";

export class Explorer {
  #node;
  #open;
  #sweep = null;
  #key = null;
  #place = null;
  #failed = false;

  /** Shows the combinations of `sweep` in `node`; `open(taskId)` leads to one of them. */
  constructor(node, { sweep, open }) {
    [this.#node, this.#open] = [node, open];
    this.update(sweep);
  }

  /** The same sweep again costs nothing, unless it could not be fetched. */
  update(sweep) {
    const key = keyOf(sweep);
    if (key === this.#key && !this.#failed) return;
    [this.#sweep, this.#key, this.#failed] = [sweep, key, false];
    this.#load();
  }

  #say(...parts) {
    this.#clear();
    this.#node.replaceChildren(el("p", { class: "view-message", role: "status" }, ...parts));
  }

  async #load() {
    const key = this.#key;
    if (!hasEnded(this.#sweep)) return this.#say("The combinations are shown when the sweep has ended.");
    if (this.#sweep.done === 0) return this.#say("No combination was finished, so that there is nothing to show.");
    this.#say(`Fetching ${counted(this.#sweep.done, "combination")} …`);
    try {
      const found = await dataOf(this.#sweep);
      if (key === this.#key) this.#show(found);
    } catch (problem) {
      if (key !== this.#key) return;
      this.#failed = true;
      this.#say(
        `The combinations could not be fetched: ${problem.message}. `,
        el("button", { type: "button", on: { click: () => this.#load() } }, "Try again"),
      );
    }
  }

  #show(found) {
    this.#clear();
    if (!found.lattice) return this.#single(found);
    const [jumps, body] = [el("nav", { class: "view-jumps", "aria-label": "Charts" }), el("div", { class: "sections" })];
    this.#node.replaceChildren(this.#head(found), jumps, body);
    this.#place = new Sections(body, {
      level: 3,
      prefix: "view-",
      lazy: true,
      listed: (section, title) => jumps.append(jump(section, title)),
    });
    const open = found.parts ? (row) => this.#open(found.task(row)) : null;
    const sections = new SweepSections(this.#place, found.data, found.lattice, { open, ranked: found.ranked });
    sections.table();
    sections.map();
    sections.marginals();
    sections.importance();
    sections.parallel();
    sections.scatter();
    this.#node.querySelector(".view-odd")?.addEventListener("click", () => sections.where("failed or undefined"));
  }

  /** A plugin without parameters has run once. */
  #single({ data }) {
    const { best } = this.#sweep;
    const press = best && el("button", { type: "button", on: { click: () => this.#open(best.task_id) } }, "Open it");
    this.#node.replaceChildren(
      el("p", { class: "view-message" }, "This sweep has no parameters to compare. ", press),
      notesOf(data) ?? "",
    );
  }

  /** How the combinations did as a whole, and what is not shown. */
  #head({ lattice, ranked, counts, unknown, objective, data }) {
    const name = spaced(objective.name);
    const missing = lattice.count - ranked.length - counts.failed - counts.undefined;
    const parts = [
      `${fixed(ranked.length, 0)} of ${counted(lattice.count, "combination")} ranked by ${name}`,
      counts.failed > 0 && `${fixed(counts.failed, 0)} failed`,
      counts.undefined > 0 && `${fixed(counts.undefined, 0)} without a value`,
      missing > 0 && `${fixed(missing, 0)} not ranked, since they do not meet the requirements`,
    ].filter(Boolean);
    const odd = counts.failed + counts.undefined > 0;
    const show = odd ? el("button", { type: "button", class: "chart-button view-odd" }, "Show them") : null;
    const notes = [
      ...(data.notes ?? []),
      ...(unknown ? [`Ranks here are by ${name} alone: whether \`${unknown}\` is met cannot be told.`] : []),
    ];
    return el("div", { class: "view-head" }, el("p", {}, `${parts.join("; ")}. `, show), notesOf({ notes }));
  }

  #clear() {
    this.#place?.destroy();
    this.#place = null;
  }

  destroy() {
    this.#key = null;
    this.#clear();
    this.#node.replaceChildren();
  }
}

/** A button that goes to a section: an address with `#` would be one of the page. */
function jump(section, title) {
  const press = () => {
    section.tabIndex = -1;
    section.scrollIntoView({ block: "start" });
    section.focus({ preventScroll: true });
  };
  return el("button", { type: "button", class: "view-jump", on: { click: press } }, title);
}
