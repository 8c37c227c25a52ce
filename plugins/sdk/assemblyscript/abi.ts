// Generated from the contract in `wit/`; do not edit.
//
// The types of the contract as they lie in memory, and the functions of the host, at their lowest level.

/** A list, or a text in UTF-8: where its elements begin, and how many there are. 8 bytes. */
// @ts-ignore: decorator
@unmanaged export class List {
  ptr: usize;
  len: usize;

  @inline constructor(ptr: usize, len: usize) {
    this.ptr = ptr;
    this.len = len;
  }
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

/** How to read the bytes that `task.run` answers with. */
export const enum Encoding {
  /** A JSON value in UTF-8. The host checks it and shows it as it is. */
  Json,
  /** Anything else (postcard, for one). The host passes it on unread. */
  Binary,
}

/** Bars of one instrument, oldest first, as columns of equal length. 56 bytes. */
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
  @inline get symbol(): List { return changetype<List>(changetype<usize>(this)); }
  @inline get time(): List { return changetype<List>(changetype<usize>(this) + 8); }
  @inline get open(): List { return changetype<List>(changetype<usize>(this) + 16); }
  @inline get high(): List { return changetype<List>(changetype<usize>(this) + 24); }
  @inline get low(): List { return changetype<List>(changetype<usize>(this) + 32); }
  @inline get close(): List { return changetype<List>(changetype<usize>(this) + 40); }
  @inline get volume(): List { return changetype<List>(changetype<usize>(this) + 48); }
}

/** The value of a parameter. 16 bytes. */
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
  @inline get tag(): u8 { return load<u8>(changetype<usize>(this)); }
  @inline set tag(value: u8) { store<u8>(changetype<usize>(this), value); }
  @inline get boolean(): bool { return load<bool>(changetype<usize>(this), 8); }
  @inline set boolean(value: bool) { store<bool>(changetype<usize>(this), value, 8); }
  @inline get integer(): i64 { return load<i64>(changetype<usize>(this), 8); }
  @inline set integer(value: i64) { store<i64>(changetype<usize>(this), value, 8); }
  @inline get number(): f64 { return load<f64>(changetype<usize>(this), 8); }
  @inline set number(value: f64) { store<f64>(changetype<usize>(this), value, 8); }
  @inline get text(): List { return changetype<List>(changetype<usize>(this) + 8); }
}

/** One parameter of one task. 24 bytes. */
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
  @inline get name(): List { return changetype<List>(changetype<usize>(this)); }
  @inline get value(): Value { return changetype<Value>(changetype<usize>(this) + 8); }
}

/** Why a plugin gives no answer. 12 bytes. */
// @ts-ignore: decorator
@unmanaged export class Failure {
  /** Makes room for one. */
  @inline static alloc(): Failure {
    return changetype<Failure>(__new(12, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 12, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): Failure {
    return changetype<Failure>(list.ptr + index * 12);
  }
  @inline get tag(): u8 { return load<u8>(changetype<usize>(this)); }
  @inline set tag(value: u8) { store<u8>(changetype<usize>(this), value); }
  @inline get text(): List { return changetype<List>(changetype<usize>(this) + 4); }
}

/** A number, or none. 16 bytes. */
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
  @inline get tag(): u8 { return load<u8>(changetype<usize>(this)); }
  @inline set tag(value: u8) { store<u8>(changetype<usize>(this), value); }
  @inline get some(): f64 { return load<f64>(changetype<usize>(this), 8); }
  @inline set some(value: f64) { store<f64>(changetype<usize>(this), value, 8); }
}

/** One parameter that a plugin takes. 72 bytes. */
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
  @inline get name(): List { return changetype<List>(changetype<usize>(this)); }
  @inline get doc(): List { return changetype<List>(changetype<usize>(this) + 8); }
  @inline get defaultValue(): Value { return changetype<Value>(changetype<usize>(this) + 16); }
  @inline get minimum(): OptionF64 { return changetype<OptionF64>(changetype<usize>(this) + 32); }
  @inline get maximum(): OptionF64 { return changetype<OptionF64>(changetype<usize>(this) + 48); }
  @inline get choices(): List { return changetype<List>(changetype<usize>(this) + 64); }
}

/** A plugin in its own words. 36 bytes. */
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
  @inline get name(): List { return changetype<List>(changetype<usize>(this)); }
  @inline get version(): List { return changetype<List>(changetype<usize>(this) + 8); }
  @inline get summary(): List { return changetype<List>(changetype<usize>(this) + 16); }
  @inline get parameters(): List { return changetype<List>(changetype<usize>(this) + 24); }
  @inline get output(): Encoding { return load<u8>(changetype<usize>(this), 32); }
  @inline set output(value: Encoding) { store<u8>(changetype<usize>(this), value, 32); }
}

/** Wishes, sorted by the time of their bars. 24 bytes. */
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
  @inline get at(): List { return changetype<List>(changetype<usize>(this)); }
  @inline get instrument(): List { return changetype<List>(changetype<usize>(this) + 8); }
  @inline get exposure(): List { return changetype<List>(changetype<usize>(this) + 16); }
}

/** Nothing, or why not. 16 bytes. */
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
  @inline get tag(): u8 { return load<u8>(changetype<usize>(this)); }
  @inline set tag(value: u8) { store<u8>(changetype<usize>(this), value); }
  @inline get failure(): Failure { return changetype<Failure>(changetype<usize>(this) + 4); }
}

/** Targets, or why there are none. 28 bytes. */
// @ts-ignore: decorator
@unmanaged export class TargetsResult {
  /** Makes room for one. */
  @inline static alloc(): TargetsResult {
    return changetype<TargetsResult>(__new(28, idof<ArrayBuffer>()));
  }
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {
    list.ptr = __new(len * 28, idof<ArrayBuffer>());
    list.len = len;
  }
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): TargetsResult {
    return changetype<TargetsResult>(list.ptr + index * 28);
  }
  @inline get tag(): u8 { return load<u8>(changetype<usize>(this)); }
  @inline set tag(value: u8) { store<u8>(changetype<usize>(this), value); }
  @inline get ok(): Targets { return changetype<Targets>(changetype<usize>(this) + 4); }
  @inline get failure(): Failure { return changetype<Failure>(changetype<usize>(this) + 4); }
}

export declare namespace host {
  // @ts-ignore: decorator
  @external("backtest:strategy/host@0.1.0", "log")
  export function log(level: Level, messagePtr: usize, messageLen: usize): void;
}

export declare namespace broker {
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "submit")
  export function submit(instrument: u32, side: Side, kind: Kind, quantity: f64, measure: Measure, limit: f64, stop: f64, timeInForce: TimeInForce, until: i64, reduceOnly: bool): u64;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "bracket")
  export function bracket(entry: u64, stopLoss: f64, takeProfit: f64): u64;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "one-cancels-other")
  export function oneCancelsOther(first: u64, second: u64): void;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "cancel")
  export function cancel(order: u64): void;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "target")
  export function target(instrument: u32, exposure: f64): void;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "mute")
  export function mute(event: Event): void;
  // @ts-ignore: decorator
  @external("backtest:strategy/broker@0.1.0", "fail")
  export function fail(whyTag: i32, whyPtr: usize, whyLen: usize): void;
}
