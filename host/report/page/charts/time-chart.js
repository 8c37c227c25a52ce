// The time chart: panes over one time axis, with one zoom and one crosshair; prices with trades, equity, drawdown.
// Never computes a value: all series are given.

import { button, element, setLengths, setText } from "./elements.js";
import { counted, milliseconds, timeWriter } from "./format.js";
import { Frame } from "./frame.js";
import { Gestures } from "./gestures.js";
import { drawPanes, layPanes, paneWriter } from "./panes.js";
import { colourOf, valueAt } from "./series.js";
import { Trades } from "./trades.js";
import { Viewport } from "./viewport.js";

const TIME_KEYS =
  "← → bar by bar (Shift: ten), Home End first and last, + − zoom, 0 all, Page Up Page Down pan, N P trade by trade";
/** Seen bars, in the table view of the page. */
const FACTS = { candles: ["open", "high", "low", "close"], line: ["values"], area: ["values"] };

export class TimeChart {
  #data;
  #frame;
  #view;
  #laid = null;
  #bar = null;
  #trades = null;
  #time;
  #gestures;
  #log;
  #lines = { upright: line("upright"), level: line("level"), box: line("box") };
  #tags = { time: tag("time"), value: tag("value") };

  /**
   * `data`: `title`, `caption`, `times` (milliseconds or ISO texts), `panes`; perhaps `trades` (see `Trades`) and `writeTime`.
   * A pane: `name`, `unit`, `height` (its share), `series`, `log` and `canLog`, `trades` (true where they are marked).
   * A series: `type` (`candles` with `open`, `high`, `low`, `close`; `line` or `area` with `values`), `name`, `colour`, `dash`.
   */
  constructor(container, data) {
    this.#frame = new Frame(container, {
      ...data,
      keys: TIME_KEYS,
      height: (width) => data.height ?? (width < 600 ? 430 : 520),
      paint: (pen, width, height, theme) => this.#paint(pen, width, height, theme),
      painted: () => this.#show(),
      table: () => this.#table(0, this.#view.count - 1),
      seen: () => this.#table(this.#view.first, this.#view.last, "The bars that are seen; zoom to see others."),
    });
    this.#frame.canvas.classList.add("chart-time");
    this.#frame.canvas.setAttribute("aria-roledescription", "time chart");
    this.#frame.stage.append(...Object.values(this.#lines), ...Object.values(this.#tags));
    this.#take(data);
    this.#buttons();
    this.#gestures = new Gestures(this.#deeds());
    this.#frame.canvas.addEventListener("blur", () => this.#point(null));
    this.#frame.paint();
  }

  #take(data) {
    this.#data = { ...data, times: milliseconds(data.times) };
    this.#time = data.writeTime ?? timeWriter(this.#data.times);
    this.#trades = data.trades ? new Trades(data.trades, this.#data.times, this.#time) : null;
    const count = this.#data.times.length;
    // Other numbers for the same bars leave the zoom and the crosshair where they were.
    if (this.#view?.count === count) return;
    this.#view = new Viewport(count);
    this.#bar = null;
  }

  #buttons() {
    const { tools } = this.#frame;
    this.#log = button("Log", () => this.#turnLog(), { title: "Logarithmic scale" });
    const zoom = [
      this.#log,
      button("−", () => this.#gestures.zoom(false), { "aria-label": "Zoom out", title: "Zoom out" }),
      button("+", () => this.#gestures.zoom(true), { "aria-label": "Zoom in", title: "Zoom in" }),
      button("All", () => this.reset(), { title: "Show all bars" }),
    ];
    tools.prepend(...zoom);
    this.#markLog();
  }

  #markLog() {
    const able = this.#data.panes.filter(({ canLog }) => canLog);
    this.#log.hidden = able.length === 0;
    this.#log.setAttribute("aria-pressed", String(able.some(({ log }) => log)));
  }

  #turnLog() {
    const log = !this.#data.panes.some((pane) => pane.canLog && pane.log);
    this.#data.panes = this.#data.panes.map((pane) => ({ ...pane, log: pane.canLog && log }));
    this.#markLog();
    this.#frame.repaint();
  }

  #deeds() {
    const chart = this;
    return {
      canvas: this.#frame.canvas,
      get view() {
        return chart.#view;
      },
      get bar() {
        return chart.#bar;
      },
      laid: () => this.#laid,
      barAt: (x) => this.#barAt(x),
      point: (bar, y) => this.#point(bar, y),
      moved: () => this.#frame.repaint(),
      step: (key, far) => this.#step(key, far),
      select: (from, to) => this.#select(from, to),
    };
  }

  #paint(pen, width, height, theme) {
    const { panes, times } = this.#data;
    const chart = { panes, times, view: this.#view, trades: this.#trades, overview: this.#overview() };
    this.#laid = layPanes(pen, chart, width, height);
    drawPanes(pen, chart, this.#laid, theme);
  }

  #overview() {
    const [pane] = this.#data.panes;
    return { series: pane.series[0], log: Boolean(pane.log && pane.canLog) };
  }

  #barAt = (x) => {
    const bar = Math.floor(this.#view.from + (x / this.#laid.inner) * this.#view.span);
    return Math.min(Math.max(bar, 0), this.#view.count - 1);
  };

  #x = (at) => ((at - this.#view.from) / this.#view.span) * this.#laid.inner;

  /** Moves the crosshair to a bar; `y` is the pointer's height. */
  #point(bar, y = null) {
    this.#bar = bar;
    this.#show(y);
  }

  #step(key, far) {
    const [count, at] = [this.#view.count, this.#bar];
    if (count === 0) return false;
    const start = at ?? this.#view.last;
    const step = far ? 10 : 1;
    const trade = (forward) => this.#trades?.beside(start, forward) ?? -1;
    const deeds = {
      ArrowLeft: () => start - (at === null ? 0 : step),
      ArrowRight: () => start + (at === null ? 0 : step),
      Home: () => 0,
      End: () => count - 1,
      n: () => this.#entry(trade(true)),
      p: () => this.#entry(trade(false)),
      Escape: () => null,
    };
    const deed = deeds[key.length === 1 ? key.toLowerCase() : key];
    if (!deed) return false;
    const next = deed();
    if (next === undefined) return true;
    this.go(next);
    return true;
  }

  #entry = (n) => (n < 0 ? undefined : this.#trades.bars(n)[0]);

  /** Moves the crosshair to a bar, into what is seen, and says it. */
  go(bar) {
    this.#bar = bar === null ? null : Math.min(Math.max(bar, 0), this.#view.count - 1);
    if (this.#bar === null) return this.#show();
    this.#view.show(this.#bar);
    this.#frame.paint();
    this.#frame.announce(this.#words(this.#bar));
  }

  /** Shows the bars `from` to `to`. */
  show(from, to) {
    this.#view.set(from, to);
    this.#frame.repaint();
  }

  /** Shows a trade with some bars around it. */
  showTrade(n) {
    const [entry, exit] = this.#trades.bars(n);
    const around = Math.max((exit - entry) * 0.6, 20);
    this.#view.set(entry - around, exit + around);
    this.go(entry);
  }

  reset() {
    this.#view.reset();
    this.#frame.repaint();
  }

  get view() {
    return [this.#view.from, this.#view.to];
  }

  #select(from, to) {
    this.#lines.box.hidden = from === null;
    if (from === null) return;
    const end = Math.min(to, this.#laid.inner);
    setLengths(this.#lines.box, { left: from, top: 0, width: Math.max(end - from, 1), height: this.#laid.foot });
  }

  /** Crosshair, its tags, and the legend. */
  #show(y = null) {
    const bar = this.#bar;
    const { upright, level } = this.#lines;
    const seen = bar !== null && this.#laid !== null && bar + 0.5 >= this.#view.from && bar + 0.5 <= this.#view.to;
    upright.hidden = this.#tags.time.hidden = !seen;
    this.#legend(bar ?? this.#view.last);
    const pane = seen && y !== null && this.#laid.laid.find(({ top, tall }) => y >= top && y <= top + tall);
    level.hidden = this.#tags.value.hidden = !pane;
    if (!seen) return;
    const at = Math.round(this.#x(bar + 0.5));
    setLengths(upright, { left: at, top: 0, width: 1, height: this.#laid.foot });
    setText(this.#tags.time, this.#time(this.#data.times[bar]));
    const half = this.#tags.time.offsetWidth / 2;
    setLengths(this.#tags.time, {
      left: Math.min(Math.max(at - half, 0), this.#laid.inner - 2 * half),
      top: this.#laid.foot + 2,
    });
    if (!pane) return;
    setLengths(level, { left: 0, top: y, width: this.#laid.inner, height: 1 });
    setText(this.#tags.value, paneWriter(pane.pane)(pane.scale.value(y)));
    setLengths(this.#tags.value, { left: this.#laid.inner + 1, top: y - 9 });
  }

  #legend(bar) {
    if (!(bar >= 0)) return this.#frame.legend.replaceChildren();
    const { theme } = this.#frame;
    const parts = this.#data.panes.flatMap((pane) =>
      pane.series.map((series) => {
        const key = element("i", { class: "chart-key" });
        key.style.setProperty("background", colourOf(series, theme));
        return element(
          "span",
          { class: "chart-item" },
          key,
          `${series.name} `,
          element("b", {}, this.#values(pane, series, bar)),
        );
      }),
    );
    const trades = this.#trades?.at(bar) ?? [];
    const words = trades.length > 0 ? this.#trades.words(trades[trades.length - 1]) : this.#trades ? "no trade" : "";
    const more = trades.length > 1 ? `, and ${counted(trades.length - 1, "more trade")}` : "";
    this.#frame.legend.replaceChildren(
      element("b", { class: "chart-item" }, this.#time(this.#data.times[bar])),
      ...parts,
      words ? element("span", { class: "chart-item chart-trade" }, words + more) : "",
    );
  }

  #values(pane, series, bar) {
    const write = paneWriter(pane);
    if (series.type !== "candles") return write(valueAt(series, bar));
    return FACTS.candles.map((fact) => `${fact[0].toUpperCase()} ${write(series[fact][bar])}`).join("  ");
  }

  /** A bar in words. */
  #words(bar) {
    const facts = this.#data.panes.flatMap((pane) =>
      pane.series.map((series) => `${series.name} ${paneWriter(pane)(valueAt(series, bar))}`),
    );
    const trades = (this.#trades?.at(bar) ?? []).slice(-1).map((n) => this.#trades.words(n));
    return [this.#time(this.#data.times[bar]), ...facts, ...trades].join(", ");
  }

  #table(first, last, note = "") {
    const { panes, times } = this.#data;
    const columns = panes.flatMap((pane) =>
      pane.series.flatMap((series) =>
        FACTS[series.type].map((fact) => ({
          name: fact === "values" ? series.name : `${series.name} ${fact}`,
          text: paneWriter(pane),
          from: series[fact],
        })),
      ),
    );
    return {
      note,
      columns: [{ name: "time", head: true }, ...columns],
      rows: Math.max(last - first + 1, 0),
      at: (row, column) => (column === 0 ? this.#time(times[first + row]) : columns[column - 1].from[first + row]),
    };
  }

  /** Shows other data; the zoom stays if there are as many bars as before. */
  update(data) {
    this.#take({ ...this.#data, ...data });
    this.#frame.describe(this.#data.title, this.#data.caption);
    this.#markLog();
    this.#frame.paint();
  }

  destroy() {
    this.#frame.destroy();
  }
}

const line = (kind) => element("div", { class: `chart-cross chart-cross-${kind}`, hidden: true });
const tag = (kind) => element("div", { class: `chart-tag chart-tag-${kind}`, hidden: true, "aria-hidden": "true" });
