// Generated from the contract in `wit/`; do not edit.
//
// Types as they lie in memory, and the functions of the host. `backtest.ts` is what a strategy uses.

/** A list, or a text in UTF-8. 8 bytes. */
// @ts-ignore: decorator
@unmanaged export class List {
  @inline constructor(
    /** The address of the first element. */
    public ptr: usize,
    /** How many there are. */
    public len: usize,
  ) {}

  /** The element `index` of a list of lists. */
  @inline static at(list: List, index: usize): List {
    return changetype<List>(list.ptr + index * 8);
  }
}

/** How much a line of the log matters. */
export const enum Level {
  /** For the author while writing the plugin. */
  Debug,
  /** What happened, in the normal course of things. */
  Info,
  /** Something that the user should look at. */
  Warn,
  /** Something that went wrong; the last one before a trap becomes the message of the failed task. */
  Error,
}

/** Which way an order trades. */
export const enum Side {
  Buy,
  Sell,
}

/** When an order trades, and at what price. */
export const enum Kind {
  /** At the next price there is: the next open, or this close where the user asks for it. */
  Market,
  /** At `limit` or better. */
  Limit,
  /** As a market order, once the price has reached `stop`. */
  Stop,
  /** As a limit order at `limit`, once the price has reached `stop`. */
  StopLimit,
  /** As a stop order that follows the best price since it was sent at a distance of `stop` in quote currency. */
  TrailingStop,
  /** The same, at a distance of `stop` as a fraction of the best price: above 0 and below 1. */
  TrailingStopPercent,
}

/** What the quantity of an order counts. */
export const enum Measure {
  /** Units of the instrument. */
  Units,
  /** Shares of the account's equity when the order is filled, costs included: 0.5 is one half. Above 0, at most 100. */
  Equity,
  /** Quote currency when the order is filled, costs included. */
  Value,
}

/** How long an order waits. */
export const enum TimeInForce {
  /** Until it is filled or cancelled. */
  Gtc,
  /** Through the first day (UTC) on which its instrument has a bar after it was sent. */
  Day,
  /** Only for the first price at which it could be filled; what is not filled then is cancelled. */
  Ioc,
  /** Through the bars up to and including the time `until`. */
  Gtd,
}

/** What a strategy can hear. */
export const enum Event {
  Bar,
  Time,
  Fill,
  Reject,
}

export const enum ErrorTag {
  /** The parameters make no sense together (`fast` is not below `slow`): the text says which and why. */
  InvalidParams,
  /** The strategy met a problem of its own: the text says what. */
  Failed,
}

/**
 * Why a plugin gives no answer. Both cases fail one task and no other.
 * 12 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Error {
  /** Makes room for one. */
  @inline static alloc(): Error {
    return changetype<Error>(__new(12, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 12, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Error {
    return changetype<Error>(list.ptr + index * 12);
  }
  @inline get tag(): ErrorTag {
    return load<u8>(changetype<usize>(this), 0);
  }
  @inline set tag(value: ErrorTag) {
    store<u8>(changetype<usize>(this), value, 0);
  }
  /** The parameters make no sense together (`fast` is not below `slow`): the text says which and why. */
  @inline get invalidParams(): List {
    return changetype<List>(changetype<usize>(this) + 4);
  }
  /** The strategy met a problem of its own: the text says what. */
  @inline get failed(): List {
    return changetype<List>(changetype<usize>(this) + 4);
  }
}

export const enum ValueTag {
  /** True or false. */
  Boolean,
  /** A whole number, for example a window in bars. */
  Integer,
  /** A finite real number, for example a threshold. */
  Number,
  /** A text, for example the name of a variant of the strategy. */
  Text,
}

/**
 * The value of a parameter.
 * 16 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Value {
  /** Makes room for one. */
  @inline static alloc(): Value {
    return changetype<Value>(__new(16, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 16, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Value {
    return changetype<Value>(list.ptr + index * 16);
  }
  @inline get tag(): ValueTag {
    return load<u8>(changetype<usize>(this), 0);
  }
  @inline set tag(value: ValueTag) {
    store<u8>(changetype<usize>(this), value, 0);
  }
  /** True or false. */
  @inline get boolean(): bool {
    return load<bool>(changetype<usize>(this), 8);
  }
  @inline set boolean(value: bool) {
    store<bool>(changetype<usize>(this), value, 8);
  }
  /** A whole number, for example a window in bars. */
  @inline get integer(): i64 {
    return load<i64>(changetype<usize>(this), 8);
  }
  @inline set integer(value: i64) {
    store<i64>(changetype<usize>(this), value, 8);
  }
  /** A finite real number, for example a threshold. */
  @inline get number(): f64 {
    return load<f64>(changetype<usize>(this), 8);
  }
  @inline set number(value: f64) {
    store<f64>(changetype<usize>(this), value, 8);
  }
  /** A text, for example the name of a variant of the strategy. */
  @inline get text(): List {
    return changetype<List>(changetype<usize>(this) + 8);
  }
}

export const enum OptionF64Tag {
  None,
  Some,
}

/** 16 bytes. */
// @ts-ignore: decorator
@unmanaged export class OptionF64 {
  /** Makes room for one. */
  @inline static alloc(): OptionF64 {
    return changetype<OptionF64>(__new(16, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 16, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): OptionF64 {
    return changetype<OptionF64>(list.ptr + index * 16);
  }
  @inline get tag(): OptionF64Tag {
    return load<u8>(changetype<usize>(this), 0);
  }
  @inline set tag(value: OptionF64Tag) {
    store<u8>(changetype<usize>(this), value, 0);
  }
  @inline get some(): f64 {
    return load<f64>(changetype<usize>(this), 8);
  }
  @inline set some(value: f64) {
    store<f64>(changetype<usize>(this), value, 8);
  }
}

/**
 * One parameter that a plugin takes.
 * 72 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Parameter {
  /** Makes room for one. */
  @inline static alloc(): Parameter {
    return changetype<Parameter>(__new(72, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 72, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Parameter {
    return changetype<Parameter>(list.ptr + index * 72);
  }
  /** A letter, then letters, digits and `_`: the name in grids and result columns. Unique within a plugin. */
  @inline get name(): List {
    return changetype<List>(changetype<usize>(this) + 0);
  }
  /** One line for the user: meaning and unit. */
  @inline get doc(): List {
    return changetype<List>(changetype<usize>(this) + 8);
  }
  /** The value where a grid leaves the parameter out. Its case is the type of the parameter. */
  @inline get defaultValue(): Value {
    return changetype<Value>(changetype<usize>(this) + 16);
  }
  /** The lowest value allowed, for integers and numbers. */
  @inline get minimum(): OptionF64 {
    return changetype<OptionF64>(changetype<usize>(this) + 32);
  }
  /** The highest value allowed, for integers and numbers. */
  @inline get maximum(): OptionF64 {
    return changetype<OptionF64>(changetype<usize>(this) + 48);
  }
  /** All values allowed, where they are a list; empty means any. Each is of the type of the default. */
  @inline get choices(): List {
    return changetype<List>(changetype<usize>(this) + 64);
  }
}

/** How to read the bytes that `task.run` answers with. */
export const enum Encoding {
  /** A JSON value in UTF-8. The host checks it and shows it as it is. */
  Json,
  /** Anything else (postcard, for one). The host passes it on unread. */
  Binary,
}

/**
 * A plugin in its own words.
 * 36 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Description {
  /** Makes room for one. */
  @inline static alloc(): Description {
    return changetype<Description>(__new(36, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 36, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Description {
    return changetype<Description>(list.ptr + index * 36);
  }
  /** A short name, for example `momentum`. */
  @inline get name(): List {
    return changetype<List>(changetype<usize>(this) + 0);
  }
  /** The version of the plugin, for example `1.2.0`. */
  @inline get version(): List {
    return changetype<List>(changetype<usize>(this) + 8);
  }
  /** One sentence for the user. */
  @inline get summary(): List {
    return changetype<List>(changetype<usize>(this) + 16);
  }
  /** Every parameter, in the order in which tables show them; may be empty. */
  @inline get parameters(): List {
    return changetype<List>(changetype<usize>(this) + 24);
  }
  /** How to read the answers of `task.run`. Of no meaning where a plugin does not export `task`. */
  @inline get output(): Encoding {
    return load<u8>(changetype<usize>(this), 32);
  }
  @inline set output(value: Encoding) {
    store<u8>(changetype<usize>(this), value, 32);
  }
}

/**
 * Bars of one instrument, oldest first, as columns of equal length.
 *
 * The host has checked them: times are strictly increasing, prices are finite and above zero, and no high is below
 * its low. The lists may be empty.
 * 56 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Series {
  /** Makes room for one. */
  @inline static alloc(): Series {
    return changetype<Series>(__new(56, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 56, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Series {
    return changetype<Series>(list.ptr + index * 56);
  }
  /** The instrument's name, for example `MSFT`. Unique within a data set. */
  @inline get symbol(): List {
    return changetype<List>(changetype<usize>(this) + 0);
  }
  /** Nanoseconds since the Unix epoch, UTC. */
  @inline get time(): List {
    return changetype<List>(changetype<usize>(this) + 8);
  }
  /** The first price of each bar, in quote currency. */
  @inline get open(): List {
    return changetype<List>(changetype<usize>(this) + 16);
  }
  /** The highest price of each bar, in quote currency. */
  @inline get high(): List {
    return changetype<List>(changetype<usize>(this) + 24);
  }
  /** The lowest price of each bar, in quote currency. */
  @inline get low(): List {
    return changetype<List>(changetype<usize>(this) + 32);
  }
  /** The last price of each bar, in quote currency. */
  @inline get close(): List {
    return changetype<List>(changetype<usize>(this) + 40);
  }
  /** Units traded in each bar; zero where the data has no volume. */
  @inline get volume(): List {
    return changetype<List>(changetype<usize>(this) + 48);
  }
}

export const enum ResultTag {
  Ok,
  Error,
}

/** 16 bytes. */
// @ts-ignore: decorator
@unmanaged export class Result {
  /** Makes room for one. */
  @inline static alloc(): Result {
    return changetype<Result>(__new(16, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 16, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Result {
    return changetype<Result>(list.ptr + index * 16);
  }
  @inline get tag(): ResultTag {
    return load<u8>(changetype<usize>(this), 0);
  }
  @inline set tag(value: ResultTag) {
    store<u8>(changetype<usize>(this), value, 0);
  }
  @inline get error(): Error {
    return changetype<Error>(changetype<usize>(this) + 4);
  }
}

/**
 * One parameter of one task.
 * 24 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Param {
  /** Makes room for one. */
  @inline static alloc(): Param {
    return changetype<Param>(__new(24, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 24, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Param {
    return changetype<Param>(list.ptr + index * 24);
  }
  /** The name that the plugin declared in its description. */
  @inline get name(): List {
    return changetype<List>(changetype<usize>(this) + 0);
  }
  /** A value of the declared type, within the declared bounds and choices. */
  @inline get value(): Value {
    return changetype<Value>(changetype<usize>(this) + 8);
  }
}

/**
 * Wishes, sorted by the time of their bars. The three lists are equally long, and may be empty.
 *
 * From bar `at[i]` of the series of instrument `instrument[i]` on, hold `exposure[i]` of the account's equity in it,
 * until the next wish for the same instrument. Before the first, nothing is held. Only changes are named, at most
 * one for each bar of each instrument; a repeated exposure asks to rebalance. Lists of unequal length, an index
 * out of range, an unsorted or doubled bar or an exposure that is not finite fail the task as `bad-output`.
 * 24 bytes.
 */
// @ts-ignore: decorator
@unmanaged export class Targets {
  /** Makes room for one. */
  @inline static alloc(): Targets {
    return changetype<Targets>(__new(24, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 24, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Targets {
    return changetype<Targets>(list.ptr + index * 24);
  }
  /** Indices of bars, counted from 0 in the instrument's own series. */
  @inline get at(): List {
    return changetype<List>(changetype<usize>(this) + 0);
  }
  /** Indices of instruments, counted from 0 in the order of `prepare`. */
  @inline get instrument(): List {
    return changetype<List>(changetype<usize>(this) + 8);
  }
  /** Shares of equity: 1 is fully long, 0 flat, -1 fully short. What the account cannot pay for is cut. */
  @inline get exposure(): List {
    return changetype<List>(changetype<usize>(this) + 16);
  }
}

export const enum ResultTargetsTag {
  Ok,
  Error,
}

/** 28 bytes. */
// @ts-ignore: decorator
@unmanaged export class ResultTargets {
  /** Makes room for one. */
  @inline static alloc(): ResultTargets {
    return changetype<ResultTargets>(__new(28, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 28, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): ResultTargets {
    return changetype<ResultTargets>(list.ptr + index * 28);
  }
  @inline get tag(): ResultTargetsTag {
    return load<u8>(changetype<usize>(this), 0);
  }
  @inline set tag(value: ResultTargetsTag) {
    store<u8>(changetype<usize>(this), value, 0);
  }
  @inline get ok(): Targets {
    return changetype<Targets>(changetype<usize>(this) + 4);
  }
  @inline get error(): Error {
    return changetype<Error>(changetype<usize>(this) + 4);
  }
}

/** Why an order, or what is left of it, is not filled. */
export const enum Reason {
  /** The quantity is not a finite number above 0. */
  BadQuantity,
  /** A price that the kind needs is not a finite number above 0, or one that it has no use for is given. */
  BadPrice,
  /** There is no such instrument. */
  UnknownInstrument,
  /** There is no such order. */
  UnknownOrder,
  /** The order is no longer open: it is filled, cancelled, expired or rejected. */
  NotOpen,
  /**
   * The quantity is less than one lot, or no whole number of lots where that is asked for, or too small beside what is
   * held to change it.
   */
  LotSize,
  /** A price is no whole number of ticks, where that is asked for. */
  TickSize,
  /** The account cannot pay for it. */
  InsufficientFunds,
  /** It was only to reduce a position, and there is none to reduce. */
  ReduceOnly,
  /** Too many orders are open. */
  TooManyOrders,
  /** Its time in force is over. */
  Expired,
  /** The other order of its pair was filled or is gone. */
  OtherFilled,
  /** The strategy cancelled it. */
  Cancelled,
  /** Its instrument has no bar when it was to be filled, and the user asks that it does not wait. */
  NoBar,
  /** The account was liquidated or wiped out. */
  Liquidated,
}

export declare namespace host {
  /**
   * Writes one line to the log of the running task.
   *
   * Lines and bytes of a task are limited; what exceeds the limit is dropped and counted. Control characters are
   * replaced. A plugin cannot read anything back.
   */
  // @ts-ignore: decorator
  @external("backtest:strategy/host@0.1.0", "log")
  export function log(level: Level, message: usize, messageLen: usize): void;
}

export declare namespace broker {
  /**
   * Sends an order and returns its number: 1 for the first, each one higher than the one before.
   *
   * `instrument` is an index into the symbols of `events.start`. `quantity` is above 0, counted as `measure` says.
   * `limit` and `stop` are prices in quote currency (or the distance of a trailing stop), NaN where the kind has none. `until` is in
   * nanoseconds since the Unix epoch and counts for `gtd` alone. With `reduce-only` the order never does more than
   * close what is held when it is filled.
   *
   * The order can be filled from the instrument's next bar on.
   */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "submit")
  export function submit(instrument: u32, side: Side, kind: Kind, quantity: f64, measure: Measure, limit: f64, stop: f64, timeInForce: TimeInForce, until: i64, reduceOnly: bool): u64;
  /**
   * Attaches two exits to an entry that is open: a stop at `stop-loss` and a limit at `take-profit`, either of them NaN
   * for none. They wait until the entry is filled, are as large as what of it is filled, and only reduce; one cancels
   * the other. Returns the number of the stop; that of the limit is one higher.
   */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "bracket")
  export function bracket(entry: u64, stopLoss: f64, takeProfit: f64): u64;
  /**
   * Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
   * or cancelled cancels the other.
   */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "one-cancels-other")
  export function oneCancelsOther(first: u64, second: u64): void;
  /** Cancels an open order, and the exits that still wait for it. */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "cancel")
  export function cancel(order: u64): void;
  /**
   * Asks for `exposure` of the account's equity in an instrument, as `signals.targets` does: 1 is fully long, 0 flat, -1
   * fully short. It trades when a market order would, and replaces a wish for the same instrument that still waits.
   */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "target")
  export function target(instrument: u32, exposure: f64): void;
  /** From now on, does not call the strategy for `event`. What is not called costs no time. */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "mute")
  export function mute(event: Event): void;
  /** Ends the task as failed. Does not return. */
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "fail")
  export function fail(whyCase: ErrorTag, why: usize, whyLen: usize): void;
}
