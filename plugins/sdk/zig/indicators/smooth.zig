//! An average that needs no window.
//!
//! Never asks whether a value is finite: its indicator does.

const checkWindow = @import("window.zig").checkWindow;

/// An average that moves by a share of the distance to each value, and begins with the simple average of the first ones.
pub const Smooth = struct {
    length: usize,
    share: f64,
    seen: usize = 0,
    /// The sum of the first values, then the average.
    state: f64 = 0,

    pub fn init(length: usize, share: f64) Smooth {
        checkWindow(length);
        return .{ .length = length, .share = share };
    }

    /// As Wilder (1978) smooths: `(average * (n - 1) + value) / n`.
    pub fn wilder(n: usize) Smooth {
        return init(n, 1.0 / @as(f64, @floatFromInt(n)));
    }

    /// Takes the next value, which is finite.
    pub fn next(self: *Smooth, value: f64) ?f64 {
        if (self.seen == self.length) {
            self.state += self.share * (value - self.state);
            return self.state;
        }
        self.state += value;
        self.seen += 1;
        if (self.seen < self.length) return null;
        self.state /= @as(f64, @floatFromInt(self.length));
        return self.state;
    }

    /// Forgets all values.
    pub fn clear(self: *Smooth) void {
        self.seen = 0;
        self.state = 0;
    }
};
