// The report: sections in the order in which a quant reads, from the verdict to the receipt.
// Never computes a statistic: it shows what its data hold, and says what they do not hold.

import { element, setText, visible } from "./charts/elements.js";
import { Lattice } from "./charts/lattice.js";
import { unpackAll } from "./columns.js";
import { distributions, equity, folds, months, notesOf, receipt, Sections, summary, trades, verdict } from "./sections.js";
import { SweepSections } from "./sweep-sections.js";

/** Puts a section into the list of contents. */
function list({ id }, title) {
  document.querySelector("nav ul").append(element("li", {}, element("a", { href: `#${id}` }, title)));
}

/** The sweep, if there is one that can be drawn. */
function sweep(place, data) {
  if (!data.sweep?.axes.length || !data.sweep.metrics.length) return;
  const sections = new SweepSections(place, data, new Lattice(data.sweep), { view: data.view });
  sections.map();
  // A map that is shown alone needs nothing beside it.
  if (data.only) return;
  sections.table();
  sections.marginals();
  sections.importance();
  sections.parallel();
  sections.scatter();
}

/** Title, line below and notes. */
function head(data) {
  document.title = visible(data.title);
  setText(document.querySelector("h1"), data.title);
  setText(document.querySelector(".subtitle"), data.subtitle);
  document.querySelector("body > header").append(notesOf(data) ?? "");
}

/** Builds the report of the data in the page, and says so if that fails. */
async function build() {
  const text = document.getElementById("data").textContent;
  const main = document.querySelector("main");
  try {
    const started = performance.now();
    const data = await unpackAll(JSON.parse(text));
    head(data);
    const place = new Sections(main, { listed: list });
    const parts = { verdict, summary, equity, months, trades, distributions, sweep, folds, receipt };
    const shown = (name) => !data.only || data.only.includes(name);
    Object.entries(parts).forEach(([name, part]) => shown(name) && part(place, data));
    document.querySelector("nav").hidden = Boolean(data.only);
    document.documentElement.dataset.built = String(Math.round(performance.now() - started));
  } catch (problem) {
    main.replaceChildren(element("p", { role: "alert" }, `This report cannot be shown: ${problem.message}`));
    throw problem;
  }
}

build();
