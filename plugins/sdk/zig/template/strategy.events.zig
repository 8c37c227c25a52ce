const std = @import("std");
const backtest = @import("sdk/backtest.zig");

/// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.
const SmaCross = struct {
    allocator: std.mem.Allocator,
    fast: usize,
    slow: usize,
    /// For each instrument, 0 and then the sum of its first close, of its first two, and so on.
    sums: []std.ArrayList(f64),

    pub const description: backtest.Description = .{
        .name = "my_strategy",
        .version = "0.1.0",
        .summary = "Long while the fast average is above the slow one.",
        .parameters = &.{
            .integer("fast", "bars of the fast average", 20, .{ .min = 1, .max = 2000 }),
            .integer("slow", "bars of the slow average, more than the fast one has", 50, .{ .min = 2, .max = 5000 }),
        },
    };

    /// Called once, before the first bar.
    pub fn start(allocator: std.mem.Allocator, symbols: []const []const u8, params: backtest.Params) !SmaCross {
        const fast = try params.count("fast");
        const slow = try params.count("slow");
        if (fast >= slow) return backtest.invalid("`fast` ({d}) is not below `slow` ({d})", .{ fast, slow });

        const sums = try allocator.alloc(std.ArrayList(f64), symbols.len);
        for (sums) |*list| {
            list.* = .empty;
            try list.append(allocator, 0);
        }
        return .{ .allocator = allocator, .fast = fast, .slow = slow, .sums = sums };
    }

    /// Called when a bar has closed. What is asked for here is traded at the next open.
    pub fn onBar(strategy: *SmaCross, bar: *const backtest.Bar, broker: *backtest.Broker) !void {
        const sums = &strategy.sums[bar.instrument];
        try sums.append(strategy.allocator, sums.getLast() + bar.close);
        if (sums.items.len <= strategy.slow) return;

        const fast_average = average(sums.items, strategy.fast);
        const slow_average = average(sums.items, strategy.slow);
        // Equal averages change nothing.
        if (fast_average > slow_average) broker.hold(bar.instrument, broker.share);
        if (fast_average < slow_average) broker.hold(bar.instrument, 0);
    }

    /// The average of so many closes at the end.
    fn average(sums: []const f64, bars: usize) f64 {
        const last = sums.len - 1;
        return (sums[last] - sums[last - bars]) / @as(f64, @floatFromInt(bars));
    }
};

comptime {
    backtest.exportStrategy(.{ .events = SmaCross });
}

// The texts of panics and what is printed go to the task's log.
pub const panic = backtest.panic;
pub const std_options = backtest.std_options;
pub const std_options_debug_io = backtest.debug_io;
