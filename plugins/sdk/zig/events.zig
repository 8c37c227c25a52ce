//! A strategy that hears of one bar at a time, and what stands between it and the contract.
//!
//! Never looks at a price.

const std = @import("std");
const abi = @import("abi.zig");
const broker = @import("broker.zig");
const failure = @import("failure.zig");
const memory = @import("memory.zig");
const Params = @import("params.zig").Params;
const OrderId = @import("order.zig").OrderId;

/// One bar, and the account at its close.
pub const Bar = struct {
    /// Index of the instrument among the symbols of `start`.
    instrument: usize,
    /// Nanoseconds since the Unix epoch, UTC.
    time: i64,
    /// The first price, in quote currency.
    open: f64,
    /// The highest price, in quote currency.
    high: f64,
    /// The lowest price, in quote currency.
    low: f64,
    /// The last price, in quote currency.
    close: f64,
    /// Units traded; zero where the data has no volume.
    volume: f64,
    /// Units held of the instrument, negative where short.
    position: f64,
    /// What the account is worth at the closes of this time stamp, in quote currency.
    equity: f64,
};

/// One order, or a part of it, as it was filled.
pub const Fill = struct {
    /// The order; null where it was a target, or a position that the host closed.
    order: ?OrderId,
    /// Index of the instrument.
    instrument: usize,
    /// Units, negative where sold.
    quantity: f64,
    /// What one unit cost or brought, slippage included, in quote currency.
    price: f64,
    /// Quote currency.
    fee: f64,
};

/// Exports `Strategy`.
pub fn exportStrategy(comptime Strategy: type) void {
    checkNames(Strategy);
    const Exported = Started(Strategy);
    abi.events.exportStart(Exported.start);
    abi.events.exportOnBar(Exported.onBar);
    abi.events.exportOnTime(Exported.onTime);
    abi.events.exportOnFill(Exported.onFill);
    abi.events.exportOnReject(Exported.onReject);
    abi.events.exportFinish(Exported.finish);
}

/// A function that is misspelt or not `pub` would never be called.
fn checkNames(comptime Strategy: type) void {
    if (!@hasDecl(Strategy, "onBar") and !@hasDecl(Strategy, "onTime")) {
        @compileError("`" ++ @typeName(Strategy) ++ "` hears nothing; give it a `pub fn onBar`, or a `pub fn onTime`");
    }
    for (std.meta.declarations(Strategy)) |name| {
        if (name.len < 3 or !std.mem.startsWith(u8, name, "on") or !std.ascii.isUpper(name[2])) continue;
        if (!isHeard(name)) {
            @compileError("nothing calls `" ++ name ++ "`; there are `onBar`, `onTime`, `onFill` and `onReject`");
        }
    }
}

fn isHeard(comptime name: []const u8) bool {
    for ([_][]const u8{ "onBar", "onTime", "onFill", "onReject" }) |known| {
        if (std.mem.eql(u8, name, known)) return true;
    }
    return false;
}

/// A strategy in a run, and the broker that it sends to.
fn Started(comptime Strategy: type) type {
    return struct {
        /// There is none until `start` has succeeded.
        var strategy: ?Strategy = null;
        var desk: broker.Broker = undefined;
        var started: abi.Result = undefined;

        fn start(
            symbols: [*]const abi.Text,
            symbols_len: usize,
            params: [*]const abi.Param,
            params_len: usize,
        ) callconv(.c) *const abi.Result {
            const names = memory.room([]const u8, symbols_len)[0..symbols_len];
            for (symbols, names) |symbol, *name| name.* = symbol.slice();
            desk = .init(names.len);
            const list: Params = .{ .list = params[0..params_len] };
            // Not inlined, here and below, so that a trace of a failure names the strategy's own function.
            const made: anyerror!Strategy = @call(.never_inline, Strategy.start, .{ memory.allocator, names, list });
            if (made) |ready| {
                strategy = ready;
                started = .{ .tag = .ok, .payload = undefined };
            } else |why| {
                started = .{ .tag = .@"error", .payload = .{ .@"error" = failure.written(why, nameOf(.start)) } };
            }
            return &started;
        }

        fn onBar(
            instrument: u32,
            time: i64,
            open: f64,
            high: f64,
            low: f64,
            close: f64,
            volume: f64,
            position: f64,
            equity: f64,
        ) callconv(.c) void {
            if (!@hasDecl(Strategy, "onBar")) return desk.mute(.bar);
            const bar: Bar = .{
                .instrument = instrument,
                .time = time,
                .open = open,
                .high = high,
                .low = low,
                .close = close,
                .volume = volume,
                .position = position,
                .equity = equity,
            };
            tell(.onBar, .{ running(), &bar, &desk });
        }

        fn onTime(time: i64, equity: f64) callconv(.c) void {
            if (!@hasDecl(Strategy, "onTime")) return desk.mute(.time);
            tell(.onTime, .{ running(), time, equity, &desk });
        }

        fn onFill(order: u64, instrument: u32, quantity: f64, price: f64, fee: f64) callconv(.c) void {
            if (!@hasDecl(Strategy, "onFill")) return desk.mute(.fill);
            const fill: Fill = .{
                .order = if (order == 0) null else .of(order),
                .instrument = instrument,
                .quantity = quantity,
                .price = price,
                .fee = fee,
            };
            tell(.onFill, .{ running(), &fill, &desk });
        }

        fn onReject(order: u64, reason: abi.Reason) callconv(.c) void {
            if (!@hasDecl(Strategy, "onReject")) return desk.mute(.reject);
            tell(.onReject, .{ running(), OrderId.of(order), reason, &desk });
        }

        fn finish() callconv(.c) void {
            if (@hasDecl(Strategy, "finish")) tell(.finish, .{running()});
        }

        /// Calls a function of the strategy. Where it returns an error, that ends the task.
        fn tell(comptime function: @EnumLiteral(), args: anytype) void {
            const done: anyerror!void = @call(.never_inline, @field(Strategy, @tagName(function)), args);
            done catch |why| broker.end(why, nameOf(function));
        }

        fn running() *Strategy {
            return if (strategy) |*it| it else @panic("the strategy has no run: `start` has not succeeded yet");
        }

        fn nameOf(comptime function: @EnumLiteral()) []const u8 {
            return @typeName(Strategy) ++ "." ++ @tagName(function);
        }
    };
}
