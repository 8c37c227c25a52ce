//! A strategy that sees the whole series at once, and what stands between it and the contract.
//!
//! Never looks at a price.

const abi = @import("abi.zig");
const failure = @import("failure.zig");
const memory = @import("memory.zig");
const Params = @import("params.zig").Params;
const Series = @import("series.zig").Series;
const Targets = @import("targets.zig").Targets;

/// Exports `Strategy`.
pub fn exportStrategy(comptime Strategy: type) void {
    const Exported = Prepared(Strategy);
    abi.signals.exportPrepare(Exported.prepare);
    abi.signals.exportEvaluate(Exported.evaluate);
}

/// A strategy and its data, ready for any combination of parameters.
fn Prepared(comptime Strategy: type) type {
    return struct {
        /// There is none until `prepare` has succeeded.
        var strategy: ?Strategy = null;
        var data: []const Series = &.{};
        /// The number of bars of all instruments.
        var bars: usize = 0;
        /// The room for the first answer, which a task then need not make.
        var spare: ?Targets = null;

        var prepared: abi.Result = undefined;
        var answer: abi.ResultTargets = undefined;

        fn prepare(list: [*]const abi.Series, len: usize) callconv(.c) *const abi.Result {
            data = read(list[0..len]);
            bars = 0;
            for (data) |series| bars += series.time.len;
            // Not inlined, here and below, so that a trace of a failure names the strategy's own function.
            const made: anyerror!Strategy = @call(.never_inline, Strategy.prepare, .{ memory.allocator, data });
            if (made) |ready| {
                strategy = ready;
                spare = .init(data.len, bars);
                memory.reserve();
                prepared = .{ .tag = .ok, .payload = undefined };
            } else |why| {
                prepared = .{ .tag = .@"error", .payload = .{ .@"error" = failure.written(why, name ++ ".prepare") } };
            }
            return &prepared;
        }

        fn evaluate(list: [*]const abi.Param, len: usize) callconv(.c) *const abi.ResultTargets {
            var targets = spare orelse Targets.init(data.len, bars);
            spare = null;
            if (strategy) |*ready| {
                const done: anyerror!void =
                    @call(.never_inline, Strategy.evaluate, .{ ready, Params{ .list = list[0..len] }, &targets });
                answer = if (done) |_| written(targets.finish(data)) else |why| refused(why);
            } else {
                answer = refused(failure.failed("the strategy has no data: `prepare` has not succeeded yet", .{}));
            }
            return &answer;
        }

        fn refused(why: anyerror) abi.ResultTargets {
            return .{ .tag = .@"error", .payload = .{ .@"error" = failure.written(why, name ++ ".evaluate") } };
        }

        const name = @typeName(Strategy);
    };
}

fn read(list: []const abi.Series) []const Series {
    const all = memory.room(Series, list.len);
    for (list, all) |from, *into| into.* = .{
        .symbol = from.symbol.slice(),
        .time = from.time.slice(),
        .open = from.open.slice(),
        .high = from.high.slice(),
        .low = from.low.slice(),
        .close = from.close.slice(),
        .volume = from.volume.slice(),
    };
    return all[0..list.len];
}

fn written(targets: Targets) abi.ResultTargets {
    const length = targets.length;
    return .{ .tag = .ok, .payload = .{ .ok = .{
        .at = .of(targets.at[0..length]),
        .instrument = .of(targets.instruments[0..length]),
        .exposure = .of(targets.exposure[0..length]),
    } } };
}
