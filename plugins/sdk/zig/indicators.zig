//! Indicators: what traders compute from prices, over a whole column or bar by bar.
//!
//! Never looks ahead, and never at the parameters of a strategy. Each indicator is a struct that is told one value at a time
//! (`Sma.next`, for `onBar`) and a function that tells it a whole column (`sma`, for `prepare` and `evaluate`). The function
//! is nothing but the struct in a loop, so that both give the same bits, which are those of the SDKs of all other languages:
//!
//!     var average: indicators.Ema = .init(20);
//!     const now: ?f64 = average.next(bar.close);
//!
//!     const column: []const f64 = try indicators.ema(allocator, series.close, 20);
//!
//! What holds for all of them:
//!
//! - No answer yet is null bar by bar, and NaN in a column, which is as long as what it is made of. So are all answers if there
//!   are fewer bars than an indicator needs. NaN compares with nothing, so that `fast[at] > slow[at]` is false until both are
//!   there.
//! - A value that is not finite is none: the answer is null, and the indicator starts over behind it. An indicator of another
//!   one's column therefore begins where that column does.
//! - A window of 0 bars makes no sense and panics; declare the parameter with a minimum of 1. So do columns that are not
//!   equally long.
//! - Windows take nothing away. The usual running sum adds the value that enters and subtracts the one that leaves, and keeps
//!   the rounding of both for ever. Here a window is joined of two sums that were only ever added to, so that an error is gone
//!   as soon as its values are, at the cost of two additions a value whatever the length.
//! - Memory is taken when a window is made: `n` values, of up to 65,536; more are taken as they come. What has a `deinit` may
//!   be freed with it.

const std = @import("std");
const Smooth = @import("indicators/smooth.zig").Smooth;
const Window = @import("indicators/window.zig").Window;

const Allocator = std.mem.Allocator;
const nan = std.math.nan(f64);

/// The simple moving average: the sum of the last `n` values, divided by `n`.
pub const Sma = struct {
    window: Window(Sum),

    pub fn init(allocator: Allocator, n: usize) !Sma {
        return .{ .window = try .init(allocator, n) };
    }

    pub fn deinit(self: *Sma) void {
        self.window.deinit();
    }

    /// Takes the next value, and returns the average from the `n`th on.
    pub fn next(self: *Sma, value: f64) ?f64 {
        if (!std.math.isFinite(value)) {
            self.window.clear();
            return null;
        }
        const whole = self.window.push(.{ .sum = value }) orelse return null;
        return whole.sum / float(self.window.length);
    }
};

/// The simple moving average of `n` values, for each of `values`.
pub fn sma(allocator: Allocator, values: []const f64, n: usize) ![]f64 {
    var average: Sma = try .init(allocator, n);
    defer average.deinit();
    return column(allocator, &average, .{values});
}

/// The exponential moving average: `ema + 2 / (n + 1) * (value - ema)`, beginning with the simple average of the first `n`
/// values, as TA-Lib and TradingView begin it. It forgets no value, but the last `n` have 86 % of the weight.
pub const Ema = struct {
    average: Smooth,

    pub fn init(n: usize) Ema {
        return .{ .average = .init(n, 2.0 / (float(n) + 1.0)) };
    }

    /// Takes the next value, and returns the average from the `n`th on.
    pub fn next(self: *Ema, value: f64) ?f64 {
        if (!std.math.isFinite(value)) {
            self.average.clear();
            return null;
        }
        return self.average.next(value);
    }
};

/// The exponential moving average of `n` values, for each of `values`.
pub fn ema(allocator: Allocator, values: []const f64, n: usize) ![]f64 {
    var average: Ema = .init(n);
    return column(allocator, &average, .{values});
}

/// The relative strength index of Wilder (1978): `100 * gain / (gain + loss)`, where `gain` and `loss` are the averages of the
/// rises and of the falls from one value to the next, both above 0.
///
/// The averages begin as simple ones of the first `n` changes, and go on as `(average * (n - 1) + change) / n`. Between 0 and
/// 100; 50 where nothing has changed at all, for which TA-Lib answers 0.
pub const Rsi = struct {
    last: ?f64 = null,
    gain: Smooth,
    loss: Smooth,

    pub fn init(n: usize) Rsi {
        return .{ .gain = .wilder(n), .loss = .wilder(n) };
    }

    /// Takes the next value, and returns the index, a number from 0 to 100, from the `n + 1`th on.
    pub fn next(self: *Rsi, value: f64) ?f64 {
        if (!std.math.isFinite(value)) {
            self.last = null;
            self.gain.clear();
            self.loss.clear();
            return null;
        }
        const last = self.last;
        self.last = value;
        const change = value - (last orelse return null);
        const gain = self.gain.next(greater(change, 0));
        const loss = self.loss.next(greater(-change, 0)) orelse return null;
        const total = gain.? + loss;
        return if (total == 0) 50 else 100.0 * (gain.? / total);
    }
};

/// The relative strength index of `n` changes, for each of `values`.
pub fn rsi(allocator: Allocator, values: []const f64, n: usize) ![]f64 {
    var strength: Rsi = .init(n);
    return column(allocator, &strength, .{values});
}

/// The true range of Wilder (1978): the greatest of `high - low`, `high - previous close` and `previous close - low`, in quote
/// currency. The first bar has none, since there is no close before it.
pub const TrueRange = struct {
    last: ?f64 = null,

    pub const init: TrueRange = .{};

    /// Takes the next bar, and returns its range in quote currency from the second bar on.
    pub fn next(self: *TrueRange, high: f64, low: f64, close: f64) ?f64 {
        const last = self.last;
        self.last = if (finiteBar(high, low, close)) close else null;
        return if (self.last == null) null else rangeFrom(last orelse return null, high, low);
    }
};

/// The true range of each bar, in quote currency.
pub fn trueRange(allocator: Allocator, high: []const f64, low: []const f64, close: []const f64) ![]f64 {
    var range: TrueRange = .init;
    return column(allocator, &range, .{ high, low, close });
}

/// The average true range of Wilder (1978), in quote currency: the average of the true ranges, beginning with the simple one
/// of the first `n` ranges and going on as `(average * (n - 1) + range) / n`.
pub const Atr = struct {
    range: TrueRange = .init,
    average: Smooth,

    pub fn init(n: usize) Atr {
        return .{ .average = .wilder(n) };
    }

    /// Takes the next bar, and returns the average in quote currency from bar `n + 1` on.
    pub fn next(self: *Atr, high: f64, low: f64, close: f64) ?f64 {
        const range = self.range.next(high, low, close);
        if (self.range.last == null) self.average.clear();
        return self.average.next(range orelse return null);
    }
};

/// The average true range of `n` ranges, in quote currency, for each bar.
pub fn atr(allocator: Allocator, high: []const f64, low: []const f64, close: []const f64, n: usize) ![]f64 {
    var average: Atr = .init(n);
    return column(allocator, &average, .{ high, low, close });
}

/// The standard deviation of the last `n` values, in their unit: the root of the mean of their squared distances from their
/// mean. Divides by `n`, as Bollinger and TA-Lib do, and not by `n - 1`.
///
/// Takes no sum of squares from another, so that large prices which move little keep their digits (Welford 1962; Chan, Golub
/// and LeVeque 1983).
pub const Deviation = struct {
    window: Window(Moments),

    pub fn init(allocator: Allocator, n: usize) !Deviation {
        return .{ .window = try .init(allocator, n) };
    }

    pub fn deinit(self: *Deviation) void {
        self.window.deinit();
    }

    /// Takes the next value, and returns the deviation from the `n`th on.
    pub fn next(self: *Deviation, value: f64) ?f64 {
        const known = self.moments(value) orelse return null;
        return known.deviates();
    }

    fn moments(self: *Deviation, value: f64) ?Moments {
        if (!std.math.isFinite(value)) {
            self.window.clear();
            return null;
        }
        return self.window.push(.{ .count = 1, .mean = value, .squares = 0 });
    }
};

/// The standard deviation of `n` values, for each of `values`.
pub fn deviation(allocator: Allocator, values: []const f64, n: usize) ![]f64 {
    var it: Deviation = try .init(allocator, n);
    defer it.deinit();
    return column(allocator, &it, .{values});
}

/// How many standard deviations a value lies above the mean of the last `n`, itself among them. A pure number, never above
/// the root of `n - 1`; none where all values are equal.
pub const ZScore = struct {
    deviation: Deviation,

    pub fn init(allocator: Allocator, n: usize) !ZScore {
        return .{ .deviation = try .init(allocator, n) };
    }

    pub fn deinit(self: *ZScore) void {
        self.deviation.deinit();
    }

    /// Takes the next value, and returns its score from the `n`th on.
    pub fn next(self: *ZScore, value: f64) ?f64 {
        const moments = self.deviation.moments(value) orelse return null;
        const unit = moments.deviates();
        return if (unit > 0) (value - moments.mean) / unit else null;
    }
};

/// The score of each of `values` among the last `n`.
pub fn zScore(allocator: Allocator, values: []const f64, n: usize) ![]f64 {
    var score: ZScore = try .init(allocator, n);
    defer score.deinit();
    return column(allocator, &score, .{values});
}

/// The channel of Donchian: the highest high and the lowest low of the last `n` bars, in quote currency.
///
/// The bar itself is one of them: a breakout is a close beyond the channel of the bar before.
pub const Donchian = struct {
    window: Window(Channel),

    pub fn init(allocator: Allocator, n: usize) !Donchian {
        return .{ .window = try .init(allocator, n) };
    }

    pub fn deinit(self: *Donchian) void {
        self.window.deinit();
    }

    /// Takes the next bar, and returns the channel from the `n`th on.
    pub fn next(self: *Donchian, high: f64, low: f64) ?Channel {
        if (!std.math.isFinite(high) or !std.math.isFinite(low)) {
            self.window.clear();
            return null;
        }
        return self.window.push(.{ .upper = high, .lower = low });
    }
};

/// The highest and the lowest price of some bars, in quote currency.
pub const Channel = struct {
    upper: f64,
    lower: f64,

    /// The price half way between both.
    pub fn middle(channel: Channel) f64 {
        return (channel.upper + channel.lower) / 2.0;
    }

    /// This channel and the one of the bars right behind it as one. Not `@max` and `@min`, which do not say which zero they take.
    pub fn join(older: Channel, newer: Channel) Channel {
        return .{
            .upper = if (newer.upper > older.upper) newer.upper else older.upper,
            .lower = if (newer.lower < older.lower) newer.lower else older.lower,
        };
    }
};

/// The channel of `n` bars, for each bar.
pub fn donchian(allocator: Allocator, high: []const f64, low: []const f64, n: usize) !Columns(Channel) {
    var it: Donchian = try .init(allocator, n);
    defer it.deinit();
    return columns(Channel, allocator, &it, .{ high, low });
}

/// The bands of Bollinger: the simple moving average of the last `n` values, and `width` of their standard deviations above
/// and below it. Usual are 20 and 2. Bands by the `rolling(n).std()` of pandas are wider, by the root of `n / (n - 1)`.
pub const Bollinger = struct {
    middle: Sma,
    deviation: Deviation,
    width: f64,

    pub fn init(allocator: Allocator, n: usize, width: f64) !Bollinger {
        return .{ .middle = try .init(allocator, n), .deviation = try .init(allocator, n), .width = width };
    }

    pub fn deinit(self: *Bollinger) void {
        self.middle.deinit();
        self.deviation.deinit();
    }

    /// Takes the next value, and returns the bands from the `n`th on.
    pub fn next(self: *Bollinger, value: f64) ?Band {
        const middle = self.middle.next(value);
        const distance = self.width * (self.deviation.next(value) orelse return null);
        return .{ .upper = middle.? + distance, .middle = middle.?, .lower = middle.? - distance };
    }
};

/// An average, and some deviations more and less, in the unit of the values.
pub const Band = struct { upper: f64, middle: f64, lower: f64 };

/// The bands of `n` values and of `width` deviations, for each of `values`.
pub fn bollinger(allocator: Allocator, values: []const f64, n: usize, width: f64) !Columns(Band) {
    var it: Bollinger = try .init(allocator, n, width);
    defer it.deinit();
    return columns(Band, allocator, &it, .{values});
}

/// The MACD of Appel: the `line`, which is the exponential average of `fast` values less that of `slow` ones; the `signal`,
/// which is the exponential average of `signal` values of the line; and the `histogram`, which is the line less the signal.
/// Usual are 12, 26 and 9.
///
/// Each average begins by itself, with the simple average of its own first values, as TradingView does it. TA-Lib begins the
/// fast one as late as the slow one; both agree behind some hundred bars.
pub const Macd = struct {
    fast: Ema,
    slow: Ema,
    signal: Ema,

    pub fn init(fast: usize, slow: usize, signal: usize) Macd {
        return .{ .fast = .init(fast), .slow = .init(slow), .signal = .init(signal) };
    }

    /// Takes the next value, and returns all three from the bar on that has all of them: the longer of `fast` and `slow`, and
    /// `signal - 1` more.
    pub fn next(self: *Macd, value: f64) ?MacdValue {
        const fast = self.fast.next(value);
        const slow = self.slow.next(value);
        // Where there is no line, the signal starts over.
        const line = if (fast != null and slow != null) fast.? - slow.? else nan;
        const signal = self.signal.next(line) orelse return null;
        return .{ .line = line, .signal = signal, .histogram = line - signal };
    }
};

/// What `Macd` answers, in the unit of its values.
pub const MacdValue = struct { line: f64, signal: f64, histogram: f64 };

/// The MACD of averages of `fast`, `slow` and `signal` values, for each of `values`.
pub fn macd(allocator: Allocator, values: []const f64, fast: usize, slow: usize, signal: usize) !Columns(MacdValue) {
    var it: Macd = .init(fast, slow, signal);
    return columns(MacdValue, allocator, &it, .{values});
}

/// The average directional index of Wilder (1978), and the two directional indices that it is made of. All three are from 0 to
/// 100. Usual are 14 bars.
///
/// A bar moves up by as much as its high is above the one before, and down by as much as its low is below; only the larger of
/// both counts, if it is above 0. `plus_di` and `minus_di` are these movements in percent of the true range, each smoothed over
/// `n` bars. Their distance in percent of their sum, smoothed again, is the `adx`: it says how strong a trend is, and not to
/// which side it goes. Where nothing moves, an index is 0.
///
/// Each average begins with the simple one of its first `n` values, as those of `Atr` and of TradingView do; TA-Lib begins with
/// `n - 1` of them.
pub const Adx = struct {
    last: ?[3]f64 = null,
    range: Smooth,
    plus: Smooth,
    minus: Smooth,
    average: Smooth,

    pub fn init(n: usize) Adx {
        return .{ .range = .wilder(n), .plus = .wilder(n), .minus = .wilder(n), .average = .wilder(n) };
    }

    /// Takes the next bar, and returns all three, numbers from 0 to 100, from bar `2 n` on.
    pub fn next(self: *Adx, high: f64, low: f64, close: f64) ?AdxValue {
        if (!finiteBar(high, low, close)) {
            self.clear();
            return null;
        }
        const last = self.last;
        self.last = .{ high, low, close };
        const last_high, const last_low, const last_close = last orelse return null;
        return self.move(high - last_high, last_low - low, rangeFrom(last_close, high, low));
    }

    /// The answer to a bar that moved so far up and down, over so wide a range.
    fn move(self: *Adx, up: f64, down: f64, range: f64) ?AdxValue {
        const whole = self.range.next(range);
        const plus = self.plus.next(if (up > down and up > 0) up else 0);
        const minus = self.minus.next(if (down > up and down > 0) down else 0) orelse return null;
        const plus_di = percent(plus.?, whole.?);
        const minus_di = percent(minus, whole.?);
        const index = self.average.next(percent(@abs(plus_di - minus_di), plus_di + minus_di)) orelse return null;
        return .{ .adx = index, .plus_di = plus_di, .minus_di = minus_di };
    }

    fn clear(self: *Adx) void {
        self.last = null;
        for ([_]*Smooth{ &self.range, &self.plus, &self.minus, &self.average }) |average| average.clear();
    }
};

/// What `Adx` answers: numbers from 0 to 100.
pub const AdxValue = struct { adx: f64, plus_di: f64, minus_di: f64 };

/// The average directional index of `n` bars, for each bar.
pub fn adx(allocator: Allocator, high: []const f64, low: []const f64, close: []const f64, n: usize) !Columns(AdxValue) {
    var it: Adx = .init(n);
    return columns(AdxValue, allocator, &it, .{ high, low, close });
}

/// To which side a line has crossed another.
pub const Crossing = enum {
    /// It was below, and is above now.
    above,
    /// It was above, and is below now.
    below,
};

/// Watches for a line to cross another: two averages, or a price and a level.
///
/// A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on
/// neither, so that a touch and a return is no crossing, and a line that passes through crosses on the bar on which it comes
/// out. The first side is none that it has crossed to.
pub const Cross = struct {
    side: ?Crossing = null,

    pub const init: Cross = .{};

    /// Takes the next value of the `line` and of the `other`, and returns the crossing if there is one. A line that has no
    /// answer yet is NaN.
    pub fn next(self: *Cross, line: f64, other: f64) ?Crossing {
        if (!std.math.isFinite(line) or !std.math.isFinite(other)) {
            self.side = null;
            return null;
        }
        if (line == other) return null;
        const before = self.side;
        const side: Crossing = if (line > other) .above else .below;
        self.side = side;
        return if (before != null and before != side) side else null;
    }
};

/// Where `line` crosses `other`, for each bar.
pub fn crossings(allocator: Allocator, line: []const f64, other: []const f64) ![]?Crossing {
    checkLengths(.{ line, other });
    var cross: Cross = .init;
    const found = try allocator.alloc(?Crossing, line.len);
    for (found, line, other) |*crossing, of, against| crossing.* = cross.next(of, against);
    return found;
}

/// A column for each number of an answer.
pub fn Columns(comptime Answer: type) type {
    return switch (Answer) {
        Channel => struct { upper: []f64, lower: []f64 },
        Band => struct { upper: []f64, middle: []f64, lower: []f64 },
        MacdValue => struct { line: []f64, signal: []f64, histogram: []f64 },
        AdxValue => struct { adx: []f64, plus_di: []f64, minus_di: []f64 },
        else => comptime unreachable,
    };
}

/// What `next` answers to each bar of `inputs`, and NaN where it does not.
fn column(allocator: Allocator, indicator: anytype, inputs: anytype) ![]f64 {
    checkLengths(inputs);
    const answers = try allocator.alloc(f64, inputs[0].len);
    for (answers, 0..) |*answer, at| answer.* = tell(indicator, inputs, at) orelse nan;
    return answers;
}

/// The same for answers of several numbers.
fn columns(comptime Answer: type, allocator: Allocator, indicator: anytype, inputs: anytype) !Columns(Answer) {
    checkLengths(inputs);
    const names = comptime std.meta.fieldNames(Answer);
    var all: Columns(Answer) = undefined;
    inline for (names) |name| @field(all, name) = try allocator.alloc(f64, inputs[0].len);
    for (0..inputs[0].len) |at| {
        const answer: ?Answer = tell(indicator, inputs, at);
        inline for (names) |name| @field(all, name)[at] = if (answer) |known| @field(known, name) else nan;
    }
    return all;
}

fn tell(indicator: anytype, inputs: anytype, at: usize) @TypeOf(switch (inputs.len) {
    1 => indicator.next(0),
    2 => indicator.next(0, 0),
    else => indicator.next(0, 0, 0),
}) {
    return switch (inputs.len) {
        1 => indicator.next(inputs[0][at]),
        2 => indicator.next(inputs[0][at], inputs[1][at]),
        else => indicator.next(inputs[0][at], inputs[1][at], inputs[2][at]),
    };
}

/// Checks that the columns of one instrument have one length.
fn checkLengths(inputs: anytype) void {
    const shown = switch (inputs.len) {
        1 => return,
        2 => "{d}, {d}",
        else => "{d}, {d}, {d}",
    };
    var lengths: @Tuple(&@as([inputs.len]type, @splat(usize))) = undefined;
    inline for (inputs, &lengths) |input, *length| length.* = input.len;
    inline for (lengths) |length| {
        if (length != lengths[0]) std.debug.panic("the columns have [" ++ shown ++ "] values; give as many of each", lengths);
    }
}

fn finiteBar(high: f64, low: f64, close: f64) bool {
    return std.math.isFinite(high) and std.math.isFinite(low) and std.math.isFinite(close);
}

/// The true range of a bar behind one that closed at `last`.
fn rangeFrom(last: f64, high: f64, low: f64) f64 {
    return greater(greater(high - low, high - last), last - low);
}

fn greater(a: f64, b: f64) f64 {
    return if (b > a) b else a;
}

/// A `part` in percent of the `whole`; 0 where there is no whole.
fn percent(part: f64, whole: f64) f64 {
    return if (whole == 0) 0 else 100.0 * part / whole;
}

fn float(count: usize) f64 {
    return @floatFromInt(count);
}

const Sum = struct {
    sum: f64,

    pub fn join(older: Sum, newer: Sum) Sum {
        return .{ .sum = older.sum + newer.sum };
    }
};

/// How many values there are, their mean, and the sum of the squared distances from it.
const Moments = struct {
    count: f64,
    mean: f64,
    squares: f64,

    fn deviates(moments: Moments) f64 {
        return @sqrt(moments.squares / moments.count);
    }

    pub fn join(older: Moments, newer: Moments) Moments {
        const count = older.count + newer.count;
        const distance = newer.mean - older.mean;
        const weight = newer.count / count;
        return .{
            .count = count,
            .mean = older.mean + distance * weight,
            .squares = older.squares + newer.squares + distance * distance * older.count * weight,
        };
    }
};
