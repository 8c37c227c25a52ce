//! Where a strategy sends its orders.
//!
//! Never trades: everything goes to the host at once.

const std = @import("std");
const abi = @import("abi.zig");
const failure = @import("failure.zig");
const memory = @import("memory.zig");
const Order = @import("order.zig").Order;
const OrderId = @import("order.zig").OrderId;

/// The broker, as a strategy that hears of bars sees it. Nothing answers at once: what an order comes to is heard
/// through `onFill` and `onReject`.
pub const Broker = struct {
    /// What `hold` has last asked for of each instrument.
    exposures: []f64,
    /// The share of equity that each instrument gets when all get the same: 1 where there is only one.
    share: f64,

    /// A broker for `instruments` of them.
    pub fn init(instruments: usize) Broker {
        const exposures = memory.room(f64, instruments)[0..instruments];
        @memset(exposures, 0);
        return .{ .exposures = exposures, .share = 1.0 / @as(f64, @floatFromInt(@max(instruments, 1))) };
    }

    /// Sends an order. It can be filled from the instrument's next bar on, or at this close where the user asks for it.
    pub fn order(_: *Broker, sent: Order) OrderId {
        const terms = sent.terms;
        return .of(abi.broker.submit(
            @intCast(sent.instrument),
            sent.side,
            sent.kind(),
            sent.quantity,
            terms.measure,
            terms.limit orelse nan,
            if (terms.trigger) |trigger| trigger.price() else nan,
            terms.time_in_force,
            switch (terms.time_in_force) {
                .gtd => |until| until,
                else => 0,
            },
            terms.reduce_only,
        ));
    }

    /// Buys so many `units` at the next price there is.
    pub fn buy(broker: *Broker, instrument: usize, units: f64) OrderId {
        return broker.order(.buy(instrument, units, .{}));
    }

    /// Sells so many `units` at the next price there is. What is not held is sold short.
    pub fn sell(broker: *Broker, instrument: usize, units: f64) OrderId {
        return broker.order(.sell(instrument, units, .{}));
    }

    /// Attaches exits to an entry that is open: a stop at `stop_loss` and a limit at `take_profit`, in quote currency
    /// for one unit, or null. They wait until the entry is filled, only reduce, and one cancels the other.
    pub fn bracket(_: *Broker, entry: OrderId, stop_loss: ?f64, take_profit: ?f64) Exits {
        const stop = abi.broker.bracket(entry.number(), stop_loss orelse nan, take_profit orelse nan);
        return .{ .stop_loss = .of(stop), .take_profit = .of(stop + 1) };
    }

    /// Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
    /// or cancelled cancels the other.
    pub fn oneCancelsOther(_: *Broker, first: OrderId, second: OrderId) void {
        abi.broker.@"one-cancels-other"(first.number(), second.number());
    }

    /// Cancels an open order, and the exits that still wait for it.
    pub fn cancel(_: *Broker, open: OrderId) void {
        abi.broker.cancel(open.number());
    }

    /// Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask
    /// for a rebalance.
    pub fn target(_: *Broker, instrument: usize, exposure: f64) void {
        abi.broker.target(@intCast(instrument), exposure);
    }

    /// Asks for `exposure` of equity in an instrument, unless that was the last thing asked for here. Before the first,
    /// nothing is held.
    pub fn hold(broker: *Broker, instrument: usize, exposure: f64) void {
        if (broker.held(instrument) == exposure) return;
        if (instrument < broker.exposures.len) broker.exposures[instrument] = exposure;
        broker.target(instrument, exposure);
    }

    /// What `hold` has last asked for.
    pub fn held(broker: *const Broker, instrument: usize) f64 {
        return if (instrument < broker.exposures.len) broker.exposures[instrument] else 0;
    }

    /// From now on, does not call the strategy for `event`. What is not called costs no time.
    pub fn mute(_: *Broker, event: abi.Event) void {
        abi.broker.mute(event);
    }

    /// Ends the task as failed: `broker.fail(backtest.failed("there are no more bars in {s}", .{symbol}))`.
    pub fn fail(_: *Broker, why: anyerror) noreturn {
        end(why, "the strategy");
    }
};

/// The two exits of a bracket.
pub const Exits = struct {
    /// The stop at the loss.
    stop_loss: OrderId,
    /// The limit at the profit.
    take_profit: OrderId,
};

/// Ends the task with the error that `function` returned.
pub fn end(why: anyerror, comptime function: []const u8) noreturn {
    const failed = failure.written(why, function);
    // Both cases have their text in the same place.
    const text = failed.payload.failed;
    abi.broker.fail(failed.tag, text.ptr, text.len);
    unreachable;
}

const nan = std.math.nan(f64);
