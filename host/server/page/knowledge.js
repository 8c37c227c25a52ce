// What the page knows of the server: asks every two seconds while the tab is seen, and listens to sweeps that run.
// Never draws: it tells whoever wants to know that something has changed.

import { ask, hasToken, listen } from "/server.js";

/** Milliseconds between two looks, and the most there may be while the server is away. */
const LOOK = 2_000;
const LONGEST = 30_000;
/** Browsers have six connections for a host; more listeners would leave none for requests. */
const LISTENERS = 3;

export const hasEnded = ({ state }) => !["queued", "running"].includes(state);

/** What leads: the first of the ranking, so that both are of one moment; before there is a ranking, the best so far. */
export const leader = ({ ranking, best }) => ranking?.[0] ?? best ?? null;

export class Knowledge {
  plugins = [];
  log = [];
  data = [];
  /** True once the server has answered. */
  isComplete = false;
  #sweeps = new Map();
  /** The sweeps whose rankings are kept up to date. */
  #watched = new Set();
  #listeners = new Map();
  /** Sweeps whose events the server does not send; they are looked at instead. */
  #deaf = new Set();
  #misses = 0;
  #timer = 0;
  #isLooking = false;
  #changed;
  #excuse;

  /** `changed()` is called after news, `excuse(problem)` after a failure. */
  constructor(changed, excuse) {
    [this.#changed, this.#excuse] = [changed, excuse];
    document.addEventListener("visibilitychange", () => this.#turn());
  }

  /** All sweeps, newest first. */
  get sweeps() {
    return [...this.#sweeps.values()].sort((a, b) => b.id - a.id);
  }

  sweep = (id) => this.#sweeps.get(id);

  /** The plugin that serves under a name now. */
  plugin = (name) => this.plugins.find((plugin) => plugin.name === name);

  /** Takes what the server says of a sweep, unless it is older than what is known: answers may overtake each other. */
  take(news) {
    const known = this.#sweeps.get(news.id);
    const same = known && known.submitted_at === news.submitted_at;
    if (same && hasEnded(known) && !hasEnded(news)) return;
    const done = same && !hasEnded(news) ? Math.max(news.done, known.done) : news.done;
    const before = same ? this.#kept(known, news) : {};
    this.#sweeps.set(news.id, { ...before, ...news, done, heard: performance.now() });
  }

  /** What stays of a sweep as it is known: labels are told whole, and a ranking that nobody keeps up to date is dropped. */
  #kept(known, news) {
    const { name: _, comment: __, ...rest } = known;
    if (!known.final && !news.ranking && !this.#watched.has(news.id)) delete rest.ranking;
    return rest;
  }

  forget(id) {
    this.#sweeps.delete(id);
  }

  /** Keeps these sweeps whole, with their rankings. */
  watch(ids) {
    this.#watched = new Set(ids);
    this.#follow();
    ids.forEach((id) => this.whole(id).then(this.#changed, this.#excuse));
  }

  /** Takes some members of a sweep that runs; its clock goes on. */
  #advance(id, members) {
    const known = this.#sweeps.get(id);
    if (!known || hasEnded(known)) return;
    // A last progress may tell the end; it is the event of the end that has all there is to show.
    if (members.state && hasEnded(members)) delete members.state;
    const starts = members.state === "running" && known.seconds === null;
    this.#sweeps.set(id, { ...known, ...members, ...(starts && { seconds: 0, heard: performance.now() }) });
    this.#changed();
  }

  /** Listens to the watched sweeps and to running ones, at most three, and to no other. */
  #follow() {
    const open = this.sweeps.filter((sweep) => !hasEnded(sweep) && !this.#deaf.has(sweep.id));
    const first = open.filter(({ id }) => this.#watched.has(id));
    const running = open.filter(({ id, state }) => state === "running" && !this.#watched.has(id));
    const wanted = new Set(hasToken() || document.hidden ? [] : [...first, ...running].slice(0, LISTENERS).map(({ id }) => id));
    for (const [id, source] of this.#listeners) {
      if (wanted.has(id)) continue;
      source.close();
      this.#listeners.delete(id);
    }
    wanted.forEach((id) => this.#listeners.has(id) || this.#listeners.set(id, this.#listenTo(id)));
  }

  #listenTo(id) {
    const whole = (sweep) => {
      this.take({ ...sweep, final: hasEnded(sweep) });
      this.#follow();
      this.#changed();
    };
    const events = {
      sweep: whole,
      progress: (progress) => this.#advance(id, progress),
      best: (best) => this.#advance(id, { best }),
      ranking: (ranking) => this.#watched.has(id) && this.#advance(id, { ranking }),
      failures: (failures) => this.#advance(id, { failures }),
      end: whole,
    };
    return listen(id, events, () => {
      this.#deaf.add(id);
      this.look();
    });
  }

  /** Looks at everything once, and sets the time of the next look. */
  async look() {
    if (this.#isLooking) return;
    this.#isLooking = true;
    clearTimeout(this.#timer);
    try {
      await this.#lookAtAll();
      if (this.#misses > 0) this.#deaf.clear();
      this.#misses = 0;
      this.isComplete = true;
    } catch (problem) {
      this.#misses += 1;
      this.#excuse(problem);
    }
    this.#isLooking = false;
    this.#follow();
    if (!this.#misses) this.#changed(true);
    const pause = Math.min(LOOK * 2 ** Math.max(this.#misses - 1, 0), LONGEST);
    if (!document.hidden) this.#timer = setTimeout(() => this.look(), pause);
  }

  async #lookAtAll() {
    const before = new Set(this.#sweeps.keys());
    const [served, { sweeps }, { data }] = await Promise.all([ask("/plugins"), ask("/sweeps"), ask("/data")]);
    Object.assign(this, { plugins: served.plugins, log: served.log, data });
    sweeps.forEach((sweep) => this.take(sweep));
    const there = new Set(sweeps.map(({ id }) => id));
    before.forEach((id) => there.has(id) || this.#sweeps.delete(id));
    await Promise.all([...this.#watched].map((id) => this.whole(id)));
  }

  /** The list has no rankings: that of a watched sweep is asked for while it runs, and once when it has ended. */
  async whole(id) {
    const sweep = this.#sweeps.get(id);
    if (!sweep || sweep.final) return;
    try {
      const answer = await ask(`/sweeps/${id}`);
      this.take({ ...answer, final: hasEnded(answer) });
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      this.#sweeps.delete(id);
    }
  }

  #turn() {
    clearTimeout(this.#timer);
    if (document.hidden) this.#follow();
    else this.look();
  }
}
