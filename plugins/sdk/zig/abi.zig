//! Generated from the contract in `wit/`; do not edit.
//!
//! Types as they lie in memory, the functions of the host, and what exports those of a strategy. `backtest.zig` is what a
//! strategy uses.

const std = @import("std");

/// Where the values of a list begin, and how many there are.
pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        /// The list of `values`, where they lie. An empty slice may point anywhere, an empty list may not.
        pub fn of(values: []const T) @This() {
            const nowhere: [*]const T = @ptrFromInt(@alignOf(T));
            return .{ .ptr = if (values.len == 0) nowhere else values.ptr, .len = values.len };
        }

        /// The values, where they lie.
        pub fn slice(list: @This()) []const T {
            return list.ptr[0..list.len];
        }
    };
}

/// A text in UTF-8.
pub const Text = List(u8);

/// How much a line of the log matters.
pub const Level = enum(u8) {
    /// For the author while writing the plugin.
    debug,
    /// What happened, in the normal course of things.
    info,
    /// Something that the user should look at.
    warn,
    /// Something that went wrong; the last one before a trap becomes the message of the failed task.
    @"error",
};

/// Which way an order trades.
pub const Side = enum(u8) {
    buy,
    sell,
};

/// When an order trades, and at what price.
pub const Kind = enum(u8) {
    /// At the next price there is: the next open, or this close where the user asks for it.
    market,
    /// At `limit` or better.
    limit,
    /// As a market order, once the price has reached `stop`.
    stop,
    /// As a limit order at `limit`, once the price has reached `stop`.
    stop_limit,
    /// As a stop order that follows the best price since it was sent at a distance of `stop` in quote currency.
    trailing_stop,
    /// The same, at a distance of `stop` as a fraction of the best price: above 0 and below 1.
    trailing_stop_percent,
};

/// What the quantity of an order counts.
pub const Measure = enum(u8) {
    /// Units of the instrument.
    units,
    /// Shares of the account's equity when the order is filled, costs included: 0.5 is one half. Above 0, at most 100.
    equity,
    /// Quote currency when the order is filled, costs included.
    value,
};

/// How long an order waits.
pub const TimeInForce = enum(u8) {
    /// Until it is filled or cancelled.
    gtc,
    /// Through the first day (UTC) on which its instrument has a bar after it was sent.
    day,
    /// Only for the first price at which it could be filled; what is not filled then is cancelled.
    ioc,
    /// Through the bars up to and including the time `until`.
    gtd,
};

/// What a strategy can hear.
pub const Event = enum(u8) {
    bar,
    time,
    fill,
    reject,
};

/// Why a plugin gives no answer. Both cases fail one task and no other.
pub const Error = extern struct {
    tag: Tag,
    payload: Payload,

    pub const Tag = enum(u8) {
        /// The parameters make no sense together (`fast` is not below `slow`): the text says which and why.
        invalid_params,
        /// The strategy met a problem of its own: the text says what.
        failed,
    };

    pub const Payload = extern union {
        invalid_params: Text,
        failed: Text,
    };
};

/// The value of a parameter.
pub const Value = extern struct {
    tag: Tag,
    payload: Payload,

    pub const Tag = enum(u8) {
        /// True or false.
        boolean,
        /// A whole number, for example a window in bars.
        integer,
        /// A finite real number, for example a threshold.
        number,
        /// A text, for example the name of a variant of the strategy.
        text,
    };

    pub const Payload = extern union {
        boolean: bool,
        integer: i64,
        number: f64,
        text: Text,
    };
};

pub const OptionF64 = extern struct {
    tag: Tag,
    payload: Payload,

    pub const Tag = enum(u8) {
        none,
        some,
    };

    pub const Payload = extern union {
        some: f64,
    };
};

pub const ListValue = List(Value);

/// One parameter that a plugin takes.
pub const Parameter = extern struct {
    /// A letter, then letters, digits and `_`: the name in grids and result columns. Unique within a plugin.
    name: Text,
    /// One line for the user: meaning and unit.
    doc: Text,
    /// The value where a grid leaves the parameter out. Its case is the type of the parameter.
    default: Value,
    /// The lowest value allowed, for integers and numbers.
    minimum: OptionF64,
    /// The highest value allowed, for integers and numbers.
    maximum: OptionF64,
    /// All values allowed, where they are a list; empty means any. Each is of the type of the default.
    choices: ListValue,
};

pub const ListParameter = List(Parameter);

/// How to read the bytes that `task.run` answers with.
pub const Encoding = enum(u8) {
    /// A JSON value in UTF-8. The host checks it and shows it as it is.
    json,
    /// Anything else (postcard, for one). The host passes it on unread.
    binary,
};

/// A plugin in its own words.
pub const Description = extern struct {
    /// A short name, for example `momentum`.
    name: Text,
    /// The version of the plugin, for example `1.2.0`.
    version: Text,
    /// One sentence for the user.
    summary: Text,
    /// Every parameter, in the order in which tables show them; may be empty.
    parameters: ListParameter,
    /// How to read the answers of `task.run`. Of no meaning where a plugin does not export `task`.
    output: Encoding,
};

pub const ListS64 = List(i64);

pub const ListF64 = List(f64);

/// Bars of one instrument, oldest first, as columns of equal length.
///
/// The host has checked them: times are strictly increasing, prices are finite and above zero, and no high is below
/// its low. The lists may be empty.
pub const Series = extern struct {
    /// The instrument's name, for example `MSFT`. Unique within a data set.
    symbol: Text,
    /// Nanoseconds since the Unix epoch, UTC.
    time: ListS64,
    /// The first price of each bar, in quote currency.
    open: ListF64,
    /// The highest price of each bar, in quote currency.
    high: ListF64,
    /// The lowest price of each bar, in quote currency.
    low: ListF64,
    /// The last price of each bar, in quote currency.
    close: ListF64,
    /// Units traded in each bar; zero where the data has no volume.
    volume: ListF64,
};

pub const ListSeries = List(Series);

pub const Result = extern struct {
    tag: Tag,
    payload: Payload,

    pub const Tag = enum(u8) {
        ok,
        @"error",
    };

    pub const Payload = extern union {
        @"error": Error,
    };
};

/// One parameter of one task.
pub const Param = extern struct {
    /// The name that the plugin declared in its description.
    name: Text,
    /// A value of the declared type, within the declared bounds and choices.
    value: Value,
};

pub const ListParam = List(Param);

pub const ListU32 = List(u32);

/// Wishes, sorted by the time of their bars. The three lists are equally long, and may be empty.
///
/// From bar `at[i]` of the series of instrument `instrument[i]` on, hold `exposure[i]` of the account's equity in it,
/// until the next wish for the same instrument. Before the first, nothing is held. Only changes are named, at most
/// one for each bar of each instrument; a repeated exposure asks to rebalance. Lists of unequal length, an index
/// out of range, an unsorted or doubled bar or an exposure that is not finite fail the task as `bad-output`.
pub const Targets = extern struct {
    /// Indices of bars, counted from 0 in the instrument's own series.
    at: ListU32,
    /// Indices of instruments, counted from 0 in the order of `prepare`.
    instrument: ListU32,
    /// Shares of equity: 1 is fully long, 0 flat, -1 fully short. What the account cannot pay for is cut.
    exposure: ListF64,
};

pub const ResultTargets = extern struct {
    tag: Tag,
    payload: Payload,

    pub const Tag = enum(u8) {
        ok,
        @"error",
    };

    pub const Payload = extern union {
        ok: Targets,
        @"error": Error,
    };
};

pub const ListText = List(Text);

/// Why an order, or what is left of it, is not filled.
pub const Reason = enum(u8) {
    /// The quantity is not a finite number above 0.
    bad_quantity,
    /// A price that the kind needs is not a finite number above 0, or one that it has no use for is given.
    bad_price,
    /// There is no such instrument.
    unknown_instrument,
    /// There is no such order.
    unknown_order,
    /// The order is no longer open: it is filled, cancelled, expired or rejected.
    not_open,
    /// The quantity is less than one lot, or no whole number of lots where that is asked for, or too small beside what is
    /// held to change it.
    lot_size,
    /// A price is no whole number of ticks, where that is asked for.
    tick_size,
    /// The account cannot pay for it.
    insufficient_funds,
    /// It was only to reduce a position, and there is none to reduce.
    reduce_only,
    /// Too many orders are open.
    too_many_orders,
    /// Its time in force is over.
    expired,
    /// The other order of its pair was filled or is gone.
    other_filled,
    /// The strategy cancelled it.
    cancelled,
    /// Its instrument has no bar when it was to be filled, and the user asks that it does not wait.
    no_bar,
    /// The account was liquidated or wiped out.
    liquidated,
};

pub const host = struct {
    /// Writes one line to the log of the running task.
    ///
    /// Lines and bytes of a task are limited; what exceeds the limit is dropped and counted. Control characters are
    /// replaced. A plugin cannot read anything back.
    pub extern "backtest:strategy/host@0.1.0" fn log(level: Level, message: [*]const u8, message_len: usize) void;
};

pub const broker = struct {
    /// Sends an order and returns its number: 1 for the first, each one higher than the one before.
    ///
    /// `instrument` is an index into the symbols of `events.start`. `quantity` is above 0, counted as `measure` says.
    /// `limit` and `stop` are prices in quote currency (or the distance of a trailing stop), NaN where the kind has none. `until` is in
    /// nanoseconds since the Unix epoch and counts for `gtd` alone. With `reduce-only` the order never does more than
    /// close what is held when it is filled.
    ///
    /// The order can be filled from the instrument's next bar on.
    pub extern "backtest:strategy/broker@0.1.0" fn submit(instrument: u32, side: Side, kind: Kind, quantity: f64, measure: Measure, limit: f64, stop: f64, time_in_force: TimeInForce, until: i64, reduce_only: bool) u64;

    /// Attaches two exits to an entry that is open: a stop at `stop-loss` and a limit at `take-profit`, either of them NaN
    /// for none. They wait until the entry is filled, are as large as what of it is filled, and only reduce; one cancels
    /// the other. Returns the number of the stop; that of the limit is one higher.
    pub extern "backtest:strategy/broker@0.1.0" fn bracket(entry: u64, stop_loss: f64, take_profit: f64) u64;

    /// Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
    /// or cancelled cancels the other.
    pub extern "backtest:strategy/broker@0.1.0" fn @"one-cancels-other"(first: u64, second: u64) void;

    /// Cancels an open order, and the exits that still wait for it.
    pub extern "backtest:strategy/broker@0.1.0" fn cancel(order: u64) void;

    /// Asks for `exposure` of the account's equity in an instrument, as `signals.targets` does: 1 is fully long, 0 flat, -1
    /// fully short. It trades when a market order would, and replaces a wish for the same instrument that still waits.
    pub extern "backtest:strategy/broker@0.1.0" fn target(instrument: u32, exposure: f64) void;

    /// From now on, does not call the strategy for `event`. What is not called costs no time.
    pub extern "backtest:strategy/broker@0.1.0" fn mute(event: Event) void;

    /// Ends the task as failed. Does not return.
    pub extern "backtest:strategy/broker@0.1.0" fn fail(why_case: Error.Tag, why: [*]const u8, why_len: usize) void;
};

pub const metadata = struct {
    /// Describes the plugin. Called once, before anything else, in an instance of its own.
    pub fn exportDescribe(comptime body: fn () callconv(.c) *const Description) void {
        @export(&body, .{ .name = "backtest:strategy/metadata@0.1.0#describe" });
    }
};

pub const signals = struct {
    /// Takes the data, and may compute whatever all tasks share. Called once for each data set.
    ///
    /// What it leaves in memory is what every `evaluate` starts from, whatever ran before.
    pub fn exportPrepare(comptime body: fn (data: [*]const Series, data_len: usize) callconv(.c) *const Result) void {
        @export(&body, .{ .name = "backtest:strategy/signals@0.1.0#prepare" });
    }

    /// Answers for one combination of parameters. `params` has every declared parameter, in the declared order.
    pub fn exportEvaluate(comptime body: fn (params: [*]const Param, params_len: usize) callconv(.c) *const ResultTargets) void {
        @export(&body, .{ .name = "backtest:strategy/signals@0.1.0#evaluate" });
    }
};

pub const events = struct {
    /// Begins a run over the instruments `symbols`. `params` has every declared parameter, in the declared order.
    pub fn exportStart(comptime body: fn (symbols: [*]const Text, symbols_len: usize, params: [*]const Param, params_len: usize) callconv(.c) *const Result) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#start" });
    }

    /// A bar has closed. `time` is in nanoseconds since the Unix epoch, `position` is in units of the instrument (negative
    /// where short), `equity` is what the account is worth at the closes of this time stamp, in quote currency.
    pub fn exportOnBar(comptime body: fn (instrument: u32, time: i64, open: f64, high: f64, low: f64, close: f64, volume: f64, position: f64, equity: f64) callconv(.c) void) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#on-bar" });
    }

    /// All bars of a time stamp have been heard. The place for what compares instruments.
    pub fn exportOnTime(comptime body: fn (time: i64, equity: f64) callconv(.c) void) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#on-time" });
    }

    /// An order, or a part of it, was filled. `quantity` is in units, negative where sold; `price` is what one unit cost or
    /// brought, slippage included; `fee` is in quote currency. `order` is 0 where no order of the strategy's was filled, but
    /// a target, or a position that the host closed.
    pub fn exportOnFill(comptime body: fn (order: u64, instrument: u32, quantity: f64, price: f64, fee: f64) callconv(.c) void) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#on-fill" });
    }

    /// An order, or what was left of it, is gone without being filled.
    pub fn exportOnReject(comptime body: fn (order: u64, reason: Reason) callconv(.c) void) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#on-reject" });
    }

    /// The data has ended. What is sent from here is ignored.
    pub fn exportFinish(comptime body: fn () callconv(.c) void) void {
        @export(&body, .{ .name = "backtest:strategy/events@0.1.0#finish" });
    }
};

fn check(comptime T: type, comptime size: usize, comptime alignment: usize) void {
    if (@sizeOf(T) != size or @alignOf(T) != alignment) @compileError(@typeName(T) ++ " has another layout");
}

comptime {
    // Elsewhere, as in a native test, addresses are wider.
    if (@sizeOf(usize) == 4) {
        const assert = std.debug.assert;
        check(Level, 1, 1);
        check(Side, 1, 1);
        check(Kind, 1, 1);
        check(Measure, 1, 1);
        check(TimeInForce, 1, 1);
        check(Event, 1, 1);
        check(Error, 12, 4);
        assert(@offsetOf(Error, "payload") == 4);
        check(Value, 16, 8);
        assert(@offsetOf(Value, "payload") == 8);
        check(OptionF64, 16, 8);
        assert(@offsetOf(OptionF64, "payload") == 8);
        check(ListValue, 8, 4);
        check(Parameter, 72, 8);
        assert(@offsetOf(Parameter, "name") == 0);
        assert(@offsetOf(Parameter, "doc") == 8);
        assert(@offsetOf(Parameter, "default") == 16);
        assert(@offsetOf(Parameter, "minimum") == 32);
        assert(@offsetOf(Parameter, "maximum") == 48);
        assert(@offsetOf(Parameter, "choices") == 64);
        check(ListParameter, 8, 4);
        check(Encoding, 1, 1);
        check(Description, 36, 4);
        assert(@offsetOf(Description, "name") == 0);
        assert(@offsetOf(Description, "version") == 8);
        assert(@offsetOf(Description, "summary") == 16);
        assert(@offsetOf(Description, "parameters") == 24);
        assert(@offsetOf(Description, "output") == 32);
        check(ListS64, 8, 4);
        check(ListF64, 8, 4);
        check(Series, 56, 4);
        assert(@offsetOf(Series, "symbol") == 0);
        assert(@offsetOf(Series, "time") == 8);
        assert(@offsetOf(Series, "open") == 16);
        assert(@offsetOf(Series, "high") == 24);
        assert(@offsetOf(Series, "low") == 32);
        assert(@offsetOf(Series, "close") == 40);
        assert(@offsetOf(Series, "volume") == 48);
        check(ListSeries, 8, 4);
        check(Result, 16, 4);
        assert(@offsetOf(Result, "payload") == 4);
        check(Param, 24, 8);
        assert(@offsetOf(Param, "name") == 0);
        assert(@offsetOf(Param, "value") == 8);
        check(ListParam, 8, 4);
        check(ListU32, 8, 4);
        check(Targets, 24, 4);
        assert(@offsetOf(Targets, "at") == 0);
        assert(@offsetOf(Targets, "instrument") == 8);
        assert(@offsetOf(Targets, "exposure") == 16);
        check(ResultTargets, 28, 4);
        assert(@offsetOf(ResultTargets, "payload") == 4);
        check(ListText, 8, 4);
        check(Reason, 1, 1);
    }
}
