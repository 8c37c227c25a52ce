// Points at the parts of a chart (bars, cells, boxes) by pointer and keys: a cursor, a tip, and what is announced.
// Never draws a part: it asks where it is.

import { element, setLengths, setText } from "./elements.js";

export class Explorer {
  #frame;
  #parts;
  #at = null;
  #cursor = element("div", { class: "chart-cursor", hidden: true });
  #tip = element("div", { class: "chart-tip", hidden: true, "aria-hidden": "true" });

  /**
   * `parts` gives: `find(x, y)` the part at a point or -1, `box(part)` as [x, y, width, height], `lines(part)` its words,
   * `move(part, key, far)` the part to which a key leads (`far` with Shift), `start()` the first one, and perhaps `pick(part)`.
   */
  constructor(frame, parts) {
    [this.#frame, this.#parts] = [frame, parts];
    const { canvas, stage } = frame;
    stage.append(this.#cursor, this.#tip);
    canvas.addEventListener("pointermove", (event) => this.#point(event));
    canvas.addEventListener("pointerdown", (event) => this.#point(event));
    // A finger that is lifted leaves what it pointed at.
    canvas.addEventListener("pointerleave", (event) => event.pointerType !== "touch" && this.hide());
    canvas.addEventListener("blur", () => this.hide());
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.go(this.#at ?? parts.start()));
    canvas.addEventListener("click", (event) => this.#pick(parts.find(event.offsetX, event.offsetY)));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  get at() {
    return this.#at;
  }

  #point({ offsetX, offsetY }) {
    const part = this.#parts.find(offsetX, offsetY);
    if (part < 0) this.hide();
    else this.go(part, false);
  }

  #pick(part) {
    if (part >= 0 && this.#parts.pick) this.#parts.pick(part);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.#at ?? this.#parts.start();
    if (at < 0) return;
    if (event.key === "Escape") this.hide();
    else if (event.key === "Enter" || event.key === " ") this.#pick(at);
    else {
      const next = this.#parts.move(at, event.key, event.shiftKey);
      if (next === null) return;
      this.go(next);
    }
    event.preventDefault();
  }

  /** Moves to a part, and says it. */
  go(part, aloud = true) {
    if (part === null || part < 0) return this.hide();
    this.#at = part;
    const lines = this.#parts.lines(part);
    const [x, y, width, height] = this.#parts.box(part);
    this.#cursor.hidden = this.#tip.hidden = false;
    setText(this.#tip, lines.join("\n"));
    setLengths(this.#cursor, { left: x - 1, top: y - 1, width: width + 2, height: height + 2 });
    const room = this.#frame.canvas.clientWidth - this.#tip.offsetWidth;
    const right = x + width + 8;
    const left = right <= room ? right : x - 8 - this.#tip.offsetWidth;
    const under = left < 0;
    setLengths(this.#tip, {
      left: Math.max(Math.min(under ? x : left, room), 0),
      top: under ? y + height + 8 : Math.max(y - 8, 0),
    });
    if (aloud) this.#frame.announce(lines.join(", "));
  }

  hide() {
    this.#cursor.hidden = this.#tip.hidden = true;
  }

  /** Forgets where it was, say because the parts have changed. */
  reset() {
    this.#at = null;
    this.hide();
  }
}

/** Moves along a row of `count` parts. */
export function along(part, key, count) {
  const moves = { ArrowLeft: part - 1, ArrowRight: part + 1, Home: 0, End: count - 1 };
  return key in moves ? Math.min(Math.max(moves[key], 0), count - 1) : null;
}
