//! The last values of a series, joined to one.
//!
//! Never takes a value away from what it was joined to.

const std = @import("std");
const memory = @import("../memory.zig");

const Allocator = std.mem.Allocator;

/// Values that a new window makes room for at most. A longer one grows as it is filled, so that a length far beyond the data
/// costs no memory.
const room = 1 << 16;

/// A window of a fixed number of values, joined by `Part.join`.
///
/// The series is cut into blocks as long as the window. A window is then the end of one block and the beginning of the next;
/// the ends are joined once, when a block is complete, and the beginning grows with each value.
pub fn Window(comptime Part: type) type {
    return struct {
        allocator: Allocator,
        length: usize,
        /// In front of `filled` the values of the current block, from there on the ends of the block before it: at each place
        /// the join of its values from there on. Shorter while there is no block before.
        parts: std.ArrayList(Part),
        filled: usize = 0,
        /// The join of the current block.
        beginning: ?Part = null,

        pub fn init(allocator: Allocator, length: usize) !@This() {
            checkWindow(length);
            return .{ .allocator = allocator, .length = length, .parts = try .initCapacity(allocator, @min(length, room)) };
        }

        pub fn deinit(window: *@This()) void {
            window.parts.deinit(window.allocator);
        }

        /// Adds a value, and returns the join of the last ones if the window is full.
        pub fn push(window: *@This(), value: Part) ?Part {
            if (window.filled < window.parts.items.len) {
                window.parts.items[window.filled] = value;
            } else {
                window.parts.append(window.allocator, value) catch memory.exhausted();
            }
            window.filled += 1;
            const beginning = if (window.beginning) |it| it.join(value) else value;
            if (window.filled == window.length) {
                window.turn();
                return beginning;
            }
            window.beginning = beginning;
            if (window.filled == window.parts.items.len) return null;
            return window.parts.items[window.filled].join(beginning);
        }

        /// Makes the block that is complete one of ends, and begins the next.
        fn turn(window: *@This()) void {
            const parts = window.parts.items;
            var at = parts.len - 1;
            while (at > 0) : (at -= 1) parts[at - 1] = parts[at - 1].join(parts[at]);
            window.filled = 0;
            window.beginning = null;
        }

        /// Forgets all values.
        pub fn clear(window: *@This()) void {
            window.parts.clearRetainingCapacity();
            window.filled = 0;
            window.beginning = null;
        }
    };
}

/// Checks that there is something in a window of so many bars.
pub fn checkWindow(length: usize) void {
    if (length == 0) @panic("a window of 0 bars has nothing to compute from; give at least 1");
}
