//! The writer of a strategy's answer.
//!
//! Never grows: its room is made once, before the strategy runs.

const std = @import("std");
const memory = @import("memory.zig");
const Series = @import("series.zig").Series;

/// Target exposures, with room for one at each bar of each instrument.
///
/// Write instrument by instrument through `instrument`; the answer is then sorted by the time of the bars.
pub const Targets = struct {
    at: [*]u32,
    instruments: [*]u32,
    exposure: [*]f64,
    length: usize = 0,
    capacity: usize,
    /// How many instruments the data has.
    count: usize,
    /// The share of equity that each instrument gets when all get the same: 1 where there is only one.
    share: f64,
    /// The first entry of each run that `instrument` began.
    runs: std.ArrayList(usize),

    /// An empty answer for a data set of `count` instruments, with room for `capacity` entries.
    ///
    /// A strategy is handed one with the room that it needs; this is for other sizes.
    pub fn init(count: usize, capacity: usize) Targets {
        return .{
            .at = memory.room(u32, capacity),
            .instruments = memory.room(u32, capacity),
            .exposure = memory.room(f64, capacity),
            .capacity = capacity,
            .count = count,
            .share = 1.0 / @as(f64, @floatFromInt(@max(count, 1))),
            .runs = std.ArrayList(usize).initCapacity(memory.allocator, count) catch memory.exhausted(),
        };
    }

    /// Begins the targets of the instrument with this index, which holds nothing so far.
    pub fn instrument(targets: *Targets, index: usize) Position {
        if (index >= targets.count) {
            std.debug.panic("the data has no instrument {d}, only {d}", .{ index, targets.count });
        }
        // What was set before the first run is one, too.
        if (targets.runs.items.len == 0 and targets.length > 0) targets.begin(0);
        targets.begin(targets.length);
        return .{ .targets = targets, .instrument = index };
    }

    fn begin(targets: *Targets, entry: usize) void {
        targets.runs.append(memory.allocator, entry) catch memory.exhausted();
    }

    /// Writes one entry as it is: from bar `at` on, hold `exposure` of equity in an instrument.
    ///
    /// Entries written this way alone are not sorted; they must come in the order of the time of their bars.
    pub fn set(targets: *Targets, at: usize, index: usize, exposure: f64) void {
        const next = targets.length;
        if (next >= targets.capacity) full(targets.capacity);
        targets.at[next] = @intCast(at);
        targets.instruments[next] = @intCast(index);
        targets.exposure[next] = exposure;
        targets.length = next + 1;
    }

    /// The finished answer over `data`.
    pub fn finish(targets: *const Targets, data: []const Series) Targets {
        return if (targets.runs.items.len > 1) targets.merged(data) else targets.*;
    }

    /// The same entries by the time of their bars, then by run; a run stays in its order.
    fn merged(targets: *const Targets, data: []const Series) Targets {
        var heads: Heads = .initContext({});
        for (targets.runs.items, 0..) |entry, run| {
            if (entry == targets.endOf(run)) continue;
            heads.push(memory.allocator, targets.head(run, entry, data)) catch memory.exhausted();
        }
        var result: Targets = .init(targets.count, targets.length);
        while (heads.pop()) |first| {
            const entry = first.entry;
            result.set(targets.at[entry], targets.instruments[entry], targets.exposure[entry]);
            if (entry + 1 == targets.endOf(first.run)) continue;
            heads.push(memory.allocator, targets.head(first.run, entry + 1, data)) catch memory.exhausted();
        }
        return result;
    }

    /// The entry behind the last one of a run.
    fn endOf(targets: *const Targets, run: usize) usize {
        return if (run + 1 < targets.runs.items.len) targets.runs.items[run + 1] else targets.length;
    }

    fn head(targets: *const Targets, run: usize, entry: usize, data: []const Series) Head {
        const at = targets.at[entry];
        const index = targets.instruments[entry];
        const exists = index < data.len and at < data[index].time.len;
        // A bar that does not exist comes last; the host says what is wrong with it.
        return .{ .time = if (exists) data[index].time[at] else std.math.maxInt(i64), .run = run, .entry = entry };
    }
};

fn full(capacity: usize) noreturn {
    @branchHint(.cold);
    const text = "there is no room for more than {d} targets: write at most one for each bar of each instrument";
    std.debug.panic(text, .{capacity});
}

/// What is held of one instrument while its targets are written, bar by bar.
pub const Position = struct {
    targets: *Targets,
    instrument: usize,
    /// The share of equity that is held now.
    held: f64 = 0,

    /// Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short.
    ///
    /// Nothing is written where that much is held already.
    pub fn hold(position: *Position, at: usize, exposure: f64) void {
        if (exposure == position.held) return;
        position.held = exposure;
        position.targets.set(at, position.instrument, exposure);
    }
};

/// The next entry of a run.
const Head = struct {
    time: i64,
    run: usize,
    entry: usize,

    fn order(_: void, a: Head, b: Head) std.math.Order {
        return std.math.order(a.time, b.time).differ() orelse std.math.order(a.run, b.run);
    }
};

/// The next entries of all runs, the earliest first.
const Heads = std.PriorityQueue(Head, void, Head.order);
