// Pointer, wheel, touch and keys of a time chart, as deeds: zoom, pan, point at a bar.
// Never draws, and takes the wheel from the page only where someone works with the chart.

/** How much a key or a button zooms, and how much one notch of a wheel. */
const [STEP, NOTCH] = [0.6, 0.0018];

export class Gestures {
  #chart;
  #pointers = new Map();
  #drag = null;

  /**
   * `chart` gives: `canvas`, `view`, `laid()` (places), `barAt(x)`, `point(bar, y)` (null takes the crosshair away), `moved()`
   * after the view has changed, `step(key, far)` for keys of the crosshair, `select(from, to)` for a box that is being drawn.
   */
  constructor(chart) {
    this.#chart = chart;
    const on = (name, deed, options) => chart.canvas.addEventListener(name, deed, options);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#up(event));
    // A finger that is lifted leaves the crosshair where it was.
    on("pointerleave", (event) => event.pointerType !== "touch" && this.#pointers.size === 0 && chart.point(null));
    on("dblclick", () => this.#changed(() => chart.view.reset()));
    on("wheel", (event) => this.#wheel(event), { passive: false });
    on("keydown", (event) => this.#key(event));
  }

  #changed(deed) {
    deed();
    this.#chart.moved();
  }

  #share = (event) => event.offsetX / this.#chart.laid().inner;

  #down(event) {
    if (event.button !== 0) return;
    const { canvas, view } = this.#chart;
    canvas.setPointerCapture?.(event.pointerId);
    this.#pointers.set(event.pointerId, event.offsetX);
    const {
      overview: [, top],
      inner,
    } = this.#chart.laid();
    if (this.#pointers.size === 2) return this.#startPinch();
    if (event.offsetY >= top) {
      const at = (event.offsetX / inner) * view.count;
      const near = (6 / inner) * view.count;
      const edge = Math.abs(at - view.from) < near ? "from" : Math.abs(at - view.to) < near ? "to" : null;
      this.#drag = { kind: edge ?? "strip", x: event.offsetX, from: view.from, to: view.to };
      if (!edge && (at < view.from || at > view.to)) this.#centre(at);
      return;
    }
    const kind = event.shiftKey || (view.whole && event.pointerType === "mouse") ? "box" : "pan";
    this.#drag = { kind, x: event.offsetX, from: view.from, to: view.to };
    this.#hover(event);
  }

  #centre(at) {
    const { view } = this.#chart;
    this.#changed(() => view.pan(at - (view.from + view.to) / 2));
    Object.assign(this.#drag, { from: view.from, to: view.to });
  }

  #startPinch() {
    const [a, b] = [...this.#pointers.values()];
    const { view } = this.#chart;
    const { inner } = this.#chart.laid();
    const middle = view.from + ((a + b) / 2 / inner) * view.span;
    this.#drag = { kind: "pinch", apart: Math.max(Math.abs(a - b), 10), span: view.span, middle };
    this.#chart.select(null);
  }

  #move(event) {
    if (this.#pointers.has(event.pointerId)) this.#pointers.set(event.pointerId, event.offsetX);
    const drag = this.#drag;
    if (!drag) return this.#hover(event);
    const { view } = this.#chart;
    const { inner } = this.#chart.laid();
    if (drag.kind === "pinch") return this.#pinch(drag);
    const moved = (event.offsetX - drag.x) / inner;
    if (drag.kind === "pan")
      this.#changed(() => view.set(drag.from - moved * (drag.to - drag.from), drag.to - moved * (drag.to - drag.from)));
    if (drag.kind === "strip") this.#changed(() => view.set(drag.from + moved * view.count, drag.to + moved * view.count));
    if (drag.kind === "from") this.#changed(() => view.set(Math.min(drag.from + moved * view.count, drag.to - 1), drag.to));
    if (drag.kind === "to") this.#changed(() => view.set(drag.from, Math.max(drag.to + moved * view.count, drag.from + 1)));
    if (drag.kind === "box") this.#chart.select(Math.min(drag.x, event.offsetX), Math.max(drag.x, event.offsetX));
    if (drag.kind === "box" || drag.kind === "pan") this.#hover(event);
  }

  #pinch(drag) {
    if (this.#pointers.size < 2) return;
    const [a, b] = [...this.#pointers.values()];
    const { view } = this.#chart;
    const { inner } = this.#chart.laid();
    const span = (drag.span * drag.apart) / Math.max(Math.abs(a - b), 10);
    const from = drag.middle - ((a + b) / 2 / inner) * span;
    this.#changed(() => view.set(from, from + span));
  }

  #up(event) {
    const drag = this.#drag;
    this.#pointers.delete(event.pointerId);
    if (this.#pointers.size > 0) return;
    this.#drag = null;
    if (drag?.kind !== "box") return;
    this.#chart.select(null);
    const { view } = this.#chart;
    const { inner } = this.#chart.laid();
    if (Math.abs(event.offsetX - drag.x) < 6) return;
    const bar = (x) => view.from + (x / inner) * view.span;
    const [from, to] = [bar(Math.min(drag.x, event.offsetX)), bar(Math.max(drag.x, event.offsetX))];
    this.#changed(() => view.set(from, to));
  }

  #hover(event) {
    const {
      overview: [, top],
      inner,
    } = this.#chart.laid();
    const inside = event.offsetX >= 0 && event.offsetX < inner && event.offsetY < top;
    this.#chart.point(inside ? this.#chart.barAt(event.offsetX) : null, event.offsetY);
  }

  /** The wheel zooms where the chart has the focus or Ctrl is held; sideways it pans. Else the page scrolls. */
  #wheel(event) {
    const { canvas, view } = this.#chart;
    const sideways = Math.abs(event.deltaX) > Math.abs(event.deltaY);
    const ours = event.ctrlKey || event.metaKey || document.activeElement === canvas;
    if (!ours && !sideways) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    if (sideways) return this.#changed(() => view.pan((event.deltaX * lines * view.span) / this.#chart.laid().inner));
    const anchor = view.from + Math.min(Math.max(this.#share(event), 0), 1) * view.span;
    const pinch = event.ctrlKey ? 4 : 1;
    this.#changed(() => view.zoom(Math.exp(event.deltaY * lines * NOTCH * pinch), anchor));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (!this.#zoomKey(event.key) && !this.#chart.step(event.key, event.shiftKey)) return;
    event.preventDefault();
  }

  #zoomKey(key) {
    const deeds = {
      "+": () => this.zoom(true),
      "=": () => this.zoom(true),
      "-": () => this.zoom(false),
      0: () => this.#changed(() => this.#chart.view.reset()),
      PageUp: () => this.#changed(() => this.#chart.view.pan(-this.#chart.view.span * 0.9)),
      PageDown: () => this.#changed(() => this.#chart.view.pan(this.#chart.view.span * 0.9)),
    };
    deeds[key]?.();
    return key in deeds;
  }

  /** Zooms by one step, around the crosshair or the middle. */
  zoom(closer) {
    const { view, bar } = this.#chart;
    const middle = bar !== null && bar >= view.from && bar <= view.to ? bar + 0.5 : (view.from + view.to) / 2;
    this.#changed(() => view.zoom(closer ? STEP : 1 / STEP, middle));
  }
}
