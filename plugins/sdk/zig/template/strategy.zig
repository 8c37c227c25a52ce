const std = @import("std");
const backtest = @import("sdk/backtest.zig");

/// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.
const SmaCross = struct {
    /// For each instrument, 0 and then the sum of its first close, of its first two, and so on.
    sums: []const []const f64,

    pub const description: backtest.Description = .{
        .name = "my_strategy",
        .version = "0.1.0",
        .summary = "Long while the fast average is above the slow one.",
        .parameters = &.{
            .integer("fast", "bars of the fast average", 20, .{ .min = 1, .max = 2000 }),
            .integer("slow", "bars of the slow average, more than the fast one has", 50, .{ .min = 2, .max = 5000 }),
        },
    };

    /// Called once: whatever it returns is shared by all combinations of parameters.
    pub fn prepare(allocator: std.mem.Allocator, data: []const backtest.Series) !SmaCross {
        const sums = try allocator.alloc([]const f64, data.len);
        for (sums, data) |*sum, series| sum.* = try runningSums(allocator, series.close);
        return .{ .sums = sums };
    }

    /// Called for every combination. A target at bar `t` may use bars up to `t`; it is traded at the next open.
    pub fn evaluate(strategy: *const SmaCross, params: backtest.Params, targets: *backtest.Targets) !void {
        const fast = try params.count("fast");
        const slow = try params.count("slow");
        if (fast >= slow) return backtest.invalid("`fast` ({d}) is not below `slow` ({d})", .{ fast, slow });

        for (strategy.sums, 0..) |sums, instrument| {
            var position = targets.instrument(instrument);
            var end = slow;
            while (end < sums.len) : (end += 1) {
                const fast_average = average(sums, end, fast);
                const slow_average = average(sums, end, slow);
                // Equal averages change nothing.
                if (fast_average > slow_average) position.hold(end - 1, targets.share);
                if (fast_average < slow_average) position.hold(end - 1, 0);
            }
        }
    }

    /// The average of so many closes before bar `end`.
    fn average(sums: []const f64, end: usize, bars: usize) f64 {
        return (sums[end] - sums[end - bars]) / @as(f64, @floatFromInt(bars));
    }

    fn runningSums(allocator: std.mem.Allocator, closes: []const f64) ![]const f64 {
        const sums = try allocator.alloc(f64, closes.len + 1);
        sums[0] = 0;
        for (closes, 0..) |close, t| sums[t + 1] = sums[t] + close;
        return sums;
    }
};

comptime {
    backtest.exportStrategy(.{ .signals = SmaCross });
}

// The texts of panics and what is printed go to the task's log.
pub const panic = backtest.panic;
pub const std_options = backtest.std_options;
pub const std_options_debug_io = backtest.debug_io;
