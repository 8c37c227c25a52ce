// The last values of a series, joined to one.
//
// Never takes a value away from what it was joined to.

/** Values that a new window makes room for at most. A longer one grows as it is filled. */
const ROOM: i32 = 1 << 16;
/** The slots in front of the parts: for the value that is added, for the current block as one, and for the whole window. */
const VALUE: i32 = 0;
const BEGINNING: i32 = 1;
const WHOLE: i32 = 2;
const PARTS: i32 = 3;

/**
 * A window of a fixed number of values. What neighbouring values have in common is a `T`, which lies in the window's memory,
 * and which `join` makes of two others.
 *
 * The series is cut into blocks as long as the window. A window is then the end of one block and the beginning of the
 * next; the ends are joined once, when a block is complete, and the beginning grows with each value.
 */
export class Window<T> {
  private slots: StaticArray<u8>;
  /** How many values the current block has. */
  private filled: i32 = 0;
  /** How many parts there are: the values of the current block, and behind them the ends of the one before. */
  private parts: i32 = 0;

  constructor(private length: i32) {
    checkWindow(length);
    this.slots = new StaticArray<u8>((PARTS + min(length, ROOM)) * <i32>offsetof<T>());
  }

  /** Where to write the next value before it is added. */
  get value(): T {
    return this.slot(VALUE);
  }

  /** Adds the value, and returns the join of the last ones if the window is full. It is good until the next value. */
  push(): T | null {
    const next = PARTS + this.filled;
    if (this.filled == this.parts) this.makeRoom();
    this.copy(VALUE, next);
    if (this.filled == 0) this.copy(VALUE, BEGINNING);
    else this.slot(BEGINNING).join(this.slot(BEGINNING), this.slot(VALUE));
    this.filled++;
    if (this.filled == this.length) return this.turn();
    if (this.filled == this.parts) return null;
    this.slot(WHOLE).join(this.slot(next + 1), this.slot(BEGINNING));
    return this.slot(WHOLE);
  }

  /** Forgets all values. */
  clear(): void {
    this.filled = 0;
    this.parts = 0;
  }

  /** Makes the block that is complete one of ends, and begins the next. */
  private turn(): T {
    for (let at = PARTS + this.length - 1; at > PARTS; at--) {
      this.slot(at - 1).join(this.slot(at - 1), this.slot(at));
    }
    this.filled = 0;
    return this.slot(BEGINNING);
  }

  /** Makes room for one part more. */
  private makeRoom(): void {
    this.parts++;
    const size = (PARTS + this.parts) * <i32>offsetof<T>();
    if (size <= this.slots.length) return;
    const longer = new StaticArray<u8>(2 * this.slots.length);
    memory.copy(changetype<usize>(longer), changetype<usize>(this.slots), this.slots.length);
    this.slots = longer;
  }

  @inline private slot(at: i32): T {
    return changetype<T>(changetype<usize>(this.slots) + <usize>at * offsetof<T>());
  }

  @inline private copy(from: i32, to: i32): void {
    memory.copy(changetype<usize>(this.slot(to)), changetype<usize>(this.slot(from)), offsetof<T>());
  }
}

/** Refuses a window that has nothing to compute from. */
export function checkWindow(length: i32): void {
  if (length < 1) throw new RangeError(`a window of ${length} bars has nothing to compute from; give at least 1`);
}

/** The sum of some values. */
// @ts-ignore: decorator
@unmanaged export class Sum {
  total!: f64;

  @inline join(older: Sum, newer: Sum): void {
    this.total = older.total + newer.total;
  }
}

/** The highest and the lowest of some prices. */
// @ts-ignore: decorator
@unmanaged export class Extremes {
  upper!: f64;
  lower!: f64;

  /** Not by `max` and `min`, so that it is the same of two zeros that every SDK takes. */
  @inline join(older: Extremes, newer: Extremes): void {
    this.upper = newer.upper > older.upper ? newer.upper : older.upper;
    this.lower = newer.lower < older.lower ? newer.lower : older.lower;
  }
}

/** How many values there are, their mean, and the sum of the squared distances from it. */
// @ts-ignore: decorator
@unmanaged export class Moments {
  count!: f64;
  mean!: f64;
  squares!: f64;

  @inline get deviation(): f64 {
    return Math.sqrt(this.squares / this.count);
  }

  /** As Chan, Golub and LeVeque (1983) join two parts: no sum of squares is ever taken from another. */
  @inline join(older: Moments, newer: Moments): void {
    const count = older.count + newer.count;
    const distance = newer.mean - older.mean;
    const weight = newer.count / count;
    const squares = older.squares + newer.squares + distance * distance * older.count * weight;
    this.mean = older.mean + distance * weight;
    this.squares = squares;
    this.count = count;
  }
}
