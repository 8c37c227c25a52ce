//! Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.
//!
//! Never useful: `case` says what to do, and what is not named does nothing.

const std = @import("std");
const backtest = @import("sdk/backtest.zig");
const indicators = backtest.indicators;

const Case = enum {
    targets,
    empty,
    invalid,
    failed,
    raise,
    echo,
    levels,
    wrong_type,
    undeclared,
    print,
    checksum,
    clock,
    random,
    orders,
    heard,
    end,
    quiet,
    indicators,

    fn of(params: backtest.Params) !Case {
        const name = try params.text("case");
        return std.meta.stringToEnum(Case, name) orelse backtest.failed("there is no case `{s}`", .{name});
    }
};

const Conformance = struct {
    allocator: std.mem.Allocator,
    /// The data, as it came.
    data: []const backtest.Series,

    pub const description: backtest.Description = .{
        .name = "conformance",
        .version = "1.2.3",
        .summary = "Uses all of the SDK.",
        .parameters = &.{
            .text("case", "what to do", "targets", std.meta.fieldNames(Case)),
            .integer("count", "a count", 3, .{ .min = 0, .max = 1000 }),
            .number("level", "a level", 0.5, .{ .min = -1 }),
            .number("cap", "a cap", 2.5, .{ .max = 10 }),
            .boolean("flag", "a flag", true),
            .text("note", "a note: naïve café ✓", "", &.{}),
            .integer("mode", "a mode", 1, .{ .choices = &.{ 1, 2, 3 } }),
        },
    };

    pub fn prepare(allocator: std.mem.Allocator, data: []const backtest.Series) !Conformance {
        var bars: usize = 0;
        for (data) |series| bars += series.time.len;
        std.log.info("prepared {d} instruments, {d} bars", .{ data.len, bars });
        for (data) |series| {
            if (std.mem.eql(u8, series.symbol, "RAISE")) @panic("raised in prepare");
            if (std.mem.eql(u8, series.symbol, "REFUSE")) return backtest.failed("refused in prepare", .{});
        }
        return .{ .allocator = allocator, .data = data };
    }

    pub fn evaluate(conformance: *const Conformance, params: backtest.Params, targets: *backtest.Targets) !void {
        switch (try Case.of(params)) {
            .targets => conformance.alternate(try .of(params), targets),
            .checksum => conformance.checksum(targets),
            .clock => conformance.first(targets, clock()),
            .random => conformance.first(targets, random()),
            .raise => deeper(),
            .indicators => for (conformance.data) |series| {
                for (runs) |run| try compute(conformance.allocator, series, run);
            },
            else => |case| try talk(case, params),
        }
    }

    fn alternate(conformance: *const Conformance, rhythm: Rhythm, targets: *backtest.Targets) void {
        for (conformance.data, 0..) |series, instrument| {
            var position = targets.instrument(instrument);
            for (0..series.close.len) |at| {
                if (rhythm.exposure(at)) |exposure| position.hold(at, exposure);
            }
        }
    }

    fn checksum(conformance: *const Conformance, targets: *backtest.Targets) void {
        for (conformance.data, 0..) |series, instrument| {
            if (series.time.len == 0) continue;
            var position = targets.instrument(instrument);
            position.hold(0, digest(series) / 1e12);
        }
    }

    fn first(conformance: *const Conformance, targets: *backtest.Targets, exposure: f64) void {
        if (conformance.data.len == 0 or conformance.data[0].time.len == 0) return;
        var position = targets.instrument(0);
        position.hold(0, exposure);
    }
};

/// A sum in which every column, every bar and the length of the symbol counts.
fn digest(series: backtest.Series) f64 {
    var sum: f64 = 0;
    for (0..series.time.len) |at| {
        const seconds: f64 = @floatFromInt(@divTrunc(series.time[at], std.time.ns_per_s));
        sum += series.open[at] +
            2.0 * series.high[at] +
            3.0 * series.low[at] +
            5.0 * series.close[at] +
            7.0 * series.volume[at] +
            11.0 * seconds;
    }
    return sum + @as(f64, @floatFromInt(series.symbol.len));
}

/// The time of Zig's library, which stands still.
fn clock() f64 {
    const now = std.Io.Clock.real.now(std.Options.debug_io);
    return 0.5 + @as(f64, @floatFromInt(now.toSeconds()));
}

/// A number between 0 and 1 of Zig's own generator, whose seed is always the same.
fn random() f64 {
    var seed: u64 = 1;
    std.Options.debug_io.random(std.mem.asBytes(&seed));
    var generator: std.Random.DefaultPrng = .init(seed);
    return generator.random().float(f64);
}

/// Every `count` bars another side: `level`, then its opposite.
const Rhythm = struct {
    count: usize,
    level: f64,

    fn of(params: backtest.Params) !Rhythm {
        return .{ .count = try params.count("count"), .level = try params.number("level") };
    }

    /// What to hold from bar `at` on, where that changes.
    fn exposure(rhythm: Rhythm, at: usize) ?f64 {
        if (rhythm.count == 0 or at % rhythm.count != 0) return null;
        return if (at / rhythm.count % 2 == 0) rhythm.level else -rhythm.level;
    }
};

/// The cases that only log or fail, at the beginning of a task.
fn talk(case: Case, params: backtest.Params) !void {
    switch (case) {
        .invalid => return backtest.invalid("count {d} is wrong", .{try params.integer("count")}),
        .failed => return backtest.failed("failed on purpose", .{}),
        .wrong_type => _ = try params.text("count"),
        .undeclared => _ = try params.integer("nothing"),
        .echo => try echo(case, params),
        .levels => {
            std.log.debug("one", .{});
            std.log.info("two", .{});
            std.log.warn("three", .{});
            std.log.err("four", .{});
        },
        .print => {
            // There is no stdout without a system.
            std.log.info("to stdout", .{});
            std.debug.print("to stderr\n", .{});
        },
        else => {},
    }
}

fn echo(case: Case, params: backtest.Params) !void {
    std.log.info("case={t} count={d} level={d} cap={d} flag={} note={s} mode={d}", .{
        case,
        try params.integer("count"),
        thousandths(try params.number("level")),
        thousandths(try params.number("cap")),
        try params.boolean("flag"),
        try params.text("note"),
        try params.integer("mode"),
    });
}

fn deeper() noreturn {
    @branchHint(.cold);
    @panic("raised on purpose");
}

fn thousandths(value: f64) i64 {
    return @intFromFloat(@floor(value * 1000));
}

/// A run of all indicators: what it is called, how many bars the windows have, and whether some prices are not finite.
const Run = struct {
    name: []const u8,
    bars: usize,
    gaps: bool = false,

    /// High, low and close of bar `at`.
    fn prices(run: Run, at: usize, high: f64, low: f64, close: f64) [3]f64 {
        return switch (at % 16) {
            7 => .{ if (run.gaps) std.math.inf(f64) else high, low, close },
            15 => .{ high, low, if (run.gaps) nan else close },
            else => .{ high, low, close },
        };
    }
};

const runs = [_]Run{
    .{ .name = "1", .bars = 1 },
    .{ .name = "3", .bars = 3 },
    .{ .name = "14", .bars = 14 },
    .{ .name = "gaps", .bars = 3, .gaps = true },
};

const nan = std.math.nan(f64);

/// What an indicator has answered: FNV-1a of 64 bits over the bytes of numbers, the lowest byte first, with one NaN.
const Answers = struct {
    hash: std.hash.Fnv1a_64 = .init(),

    /// Adds a number, nothing, a crossing, or the fields of an answer.
    fn add(answers: *Answers, value: anytype) void {
        switch (@TypeOf(value)) {
            f64 => {
                const bits: u64 = if (std.math.isNan(value)) 0x7ff8000000000000 else @bitCast(value);
                answers.hash.update(std.mem.asBytes(&std.mem.nativeToLittle(u64, bits)));
            },
            ?indicators.Crossing => answers.add(side(value)),
            ?f64 => answers.add(value orelse nan),
            else => |Answer| inline for (comptime std.meta.fieldNames(@typeInfo(Answer).optional.child)) |name| {
                answers.add(if (value) |known| @field(known, name) else nan);
            },
        }
    }

    fn addColumns(answers: *Answers, columns: anytype) void {
        switch (@TypeOf(columns)) {
            []f64, []?indicators.Crossing => for (columns) |value| answers.add(value),
            else => |Columns| {
                const names = comptime std.meta.fieldNames(Columns);
                for (0..@field(columns, names[0]).len) |at| {
                    inline for (names) |name| answers.add(@field(columns, name)[at]);
                }
            },
        }
    }

    fn tell(answers: *Answers, symbol: []const u8, run: Run, name: []const u8) void {
        std.log.info("{s} {s} {s} {x:0>16}", .{ symbol, run.name, name, answers.hash.final() });
    }
};

fn side(crossing: ?indicators.Crossing) f64 {
    return if (crossing) |crossed| (if (crossed == .above) 1 else -1) else 0;
}

/// Logs a digest of each indicator, computed over columns.
fn compute(allocator: std.mem.Allocator, series: backtest.Series, run: Run) !void {
    const n = run.bars;
    const high = try allocator.alloc(f64, series.close.len);
    const low = try allocator.alloc(f64, series.close.len);
    const close = try allocator.alloc(f64, series.close.len);
    for (0..close.len) |at| {
        high[at], low[at], close[at] = run.prices(at, series.high[at], series.low[at], series.close[at]);
    }
    const average = try indicators.sma(allocator, close, n);
    const computed = .{
        .sma = average,
        .ema = try indicators.ema(allocator, close, n),
        .deviation = try indicators.deviation(allocator, close, n),
        .z_score = try indicators.zScore(allocator, close, n),
        .rsi = try indicators.rsi(allocator, close, n),
        .true_range = try indicators.trueRange(allocator, high, low, close),
        .atr = try indicators.atr(allocator, high, low, close, n),
        .donchian = try indicators.donchian(allocator, high, low, n),
        .bollinger = try indicators.bollinger(allocator, close, n, 2),
        .macd = try indicators.macd(allocator, close, n, 2 * n + 1, 3),
        .adx = try indicators.adx(allocator, high, low, close, n),
        .crossings = try indicators.crossings(allocator, close, average),
    };
    inline for (comptime std.meta.fieldNames(@TypeOf(computed))) |name| {
        var answers: Answers = .{};
        answers.addColumns(@field(computed, name));
        answers.tell(series.symbol, run, name);
    }
}

/// All indicators of one instrument, told bar by bar, and what they have answered.
const Watch = struct {
    run: Run,
    bars: usize = 0,
    sma: indicators.Sma,
    ema: indicators.Ema,
    deviation: indicators.Deviation,
    z_score: indicators.ZScore,
    rsi: indicators.Rsi,
    true_range: indicators.TrueRange = .init,
    atr: indicators.Atr,
    donchian: indicators.Donchian,
    bollinger: indicators.Bollinger,
    macd: indicators.Macd,
    adx: indicators.Adx,
    cross: indicators.Cross = .init,
    told: [names.len]Answers = @splat(.{}),

    const names = [_][]const u8{
        "sma", "ema",      "deviation", "z_score", "rsi", "true_range",
        "atr", "donchian", "bollinger", "macd",    "adx", "crossings",
    };

    fn init(allocator: std.mem.Allocator, run: Run) !Watch {
        const n = run.bars;
        return .{
            .run = run,
            .sma = try .init(allocator, n),
            .ema = .init(n),
            .deviation = try .init(allocator, n),
            .z_score = try .init(allocator, n),
            .rsi = .init(n),
            .atr = .init(n),
            .donchian = try .init(allocator, n),
            .bollinger = try .init(allocator, n, 2),
            .macd = .init(n, 2 * n + 1, 3),
            .adx = .init(n),
        };
    }

    fn next(watch: *Watch, bar: *const backtest.Bar) void {
        const high, const low, const close = watch.run.prices(watch.bars, bar.high, bar.low, bar.close);
        watch.bars += 1;
        const average = watch.sma.next(close);
        const answers = .{
            average,
            watch.ema.next(close),
            watch.deviation.next(close),
            watch.z_score.next(close),
            watch.rsi.next(close),
            watch.true_range.next(high, low, close),
            watch.atr.next(high, low, close),
            watch.donchian.next(high, low),
            watch.bollinger.next(close),
            watch.macd.next(close),
            watch.adx.next(high, low, close),
            watch.cross.next(close, average orelse nan),
        };
        inline for (answers, &watch.told) |answer, *told| told.add(answer);
    }

    fn tell(watch: *Watch, symbol: []const u8) void {
        for (names, &watch.told) |name, *told| told.tell(symbol, watch.run, name);
    }
};

/// A run, and what has been heard in it.
const Live = struct {
    case: Case,
    rhythm: Rhythm,
    /// The bars of each instrument.
    bars: []usize,
    /// The bars of all instruments.
    heard: usize = 0,
    times: usize = 0,
    /// The order that is cancelled at the bar after it was sent.
    waiting: ?backtest.OrderId = null,
    symbols: []const []const u8,
    /// The indicators of each instrument.
    watches: [][runs.len]Watch,

    pub const description = Conformance.description;

    pub fn start(allocator: std.mem.Allocator, symbols: []const []const u8, params: backtest.Params) !Live {
        std.log.info("started {d} instruments", .{symbols.len});
        const case: Case = try .of(params);
        try talk(case, params);
        const bars = try allocator.alloc(usize, symbols.len);
        @memset(bars, 0);
        const watches = try allocator.alloc([runs.len]Watch, symbols.len);
        for (watches) |*of| for (of, runs) |*watch, run| {
            watch.* = try .init(allocator, run);
        };
        return .{ .case = case, .rhythm = try .of(params), .bars = bars, .symbols = symbols, .watches = watches };
    }

    pub fn onBar(live: *Live, bar: *const backtest.Bar, broker: *backtest.Broker) !void {
        switch (live.case) {
            .targets => if (live.rhythm.exposure(live.bars[bar.instrument])) |exposure| {
                broker.hold(bar.instrument, exposure);
            },
            .orders => if (bar.instrument == 0) live.send(bar, broker),
            .heard => live.hear(bar, broker),
            .quiet => live.mute(broker),
            .indicators => for (&live.watches[bar.instrument]) |*watch| watch.next(bar),
            .raise => if (live.heard == 2) deeper(),
            .end => if (live.heard == 2) return backtest.failed("ended on purpose", .{}),
            else => {},
        }
        live.bars[bar.instrument] += 1;
        live.heard += 1;
    }

    pub fn onTime(live: *Live, time: i64, equity: f64, _: *backtest.Broker) void {
        switch (live.case) {
            .heard => if (live.times < 3) {
                std.log.info("time {d} {d}", .{ @divTrunc(time, std.time.ns_per_s), thousandths(equity) });
            },
            .quiet => std.log.info("time", .{}),
            else => {},
        }
        live.times += 1;
    }

    pub fn onFill(live: *Live, fill: *const backtest.Fill, _: *backtest.Broker) void {
        if (live.case == .heard) std.log.info("fill {d} {d} {d} {d} {d}", .{
            if (fill.order) |order| order.number() else 0,
            fill.instrument,
            thousandths(fill.quantity),
            thousandths(fill.price),
            thousandths(fill.fee),
        });
    }

    pub fn onReject(live: *Live, order: backtest.OrderId, reason: backtest.Reason, _: *backtest.Broker) void {
        if (live.case == .heard) std.log.info("reject {d} {s}", .{ order.number(), kebab(reason) });
    }

    pub fn finish(live: *Live) void {
        switch (live.case) {
            .heard => std.log.info("finished", .{}),
            .indicators => for (live.symbols, live.watches) |symbol, *watches| {
                for (watches) |*watch| watch.tell(symbol);
            },
            else => {},
        }
    }

    /// Sends every kind of order, one at each bar.
    fn send(live: *Live, bar: *const backtest.Bar, broker: *backtest.Broker) void {
        const close = bar.close;
        const until = bar.time + 10 * std.time.ns_per_day;
        _ = broker.order(switch (live.bars[0]) {
            0 => .buy(0, 10, .{}),
            1 => .sell(0, 4, .{ .limit = close * 1.5 }),
            2 => .buy(0, 2, .{ .trigger = .{ .stop = close * 1.1 }, .time_in_force = .day }),
            3 => .buy(0, 1, .{
                .trigger = .{ .stop = close * 1.05 },
                .limit = close * 1.06,
                .time_in_force = .{ .gtd = until },
            }),
            4 => .sell(0, 3, .{ .trigger = .{ .trailing_stop = close * 0.1 }, .reduce_only = true }),
            5 => .sell(0, 2, .{ .trigger = .{ .trailing_stop_percent = 0.2 }, .time_in_force = .ioc }),
            6 => .buy(0, 0.25, .{ .measure = .equity }),
            7 => .buy(0, 1000, .{ .measure = .value }),
            14 => .buy(0, -1, .{}),
            else => return live.manage(close, broker),
        });
    }

    /// Does with orders and targets what there is to do with them, one thing at each bar.
    fn manage(live: *Live, close: f64, broker: *backtest.Broker) void {
        switch (live.bars[0]) {
            8 => {
                const entry = broker.order(.buy(0, 5, .{ .limit = close * 0.99 }));
                _ = broker.bracket(entry, close * 0.9, close * 1.2);
            },
            9 => _ = broker.bracket(broker.buy(0, 1), close * 0.8, null),
            10 => {
                const below = broker.order(.buy(0, 1, .{ .limit = close * 0.5 }));
                const stop = broker.order(.sell(0, 1, .{ .trigger = .{ .stop = close * 0.5 } }));
                broker.oneCancelsOther(below, stop);
                live.waiting = below;
            },
            11 => if (live.waiting) |order| broker.cancel(order),
            12, 13 => broker.hold(0, 0.5),
            15 => broker.cancel(.of(999_999)),
            16 => broker.target(0, 0.5),
            else => {},
        }
    }

    /// Logs the first bars, and sends one order that is filled and one that is rejected.
    fn hear(live: *const Live, bar: *const backtest.Bar, broker: *backtest.Broker) void {
        if (live.heard < 3) std.log.info("bar {d} {d} {d} {d} {d}", .{
            bar.instrument,
            @divTrunc(bar.time, std.time.ns_per_s),
            thousandths(bar.close),
            thousandths(bar.position),
            thousandths(bar.equity),
        });
        if (bar.instrument != 0) return;
        switch (live.bars[0]) {
            0 => _ = broker.buy(0, 1),
            1 => _ = broker.order(.buy(0, 1, .{ .limit = std.math.nan(f64) })),
            else => {},
        }
    }

    /// Logs what is heard, and hears less and less.
    fn mute(live: *const Live, broker: *backtest.Broker) void {
        std.log.info("bar {d}", .{live.heard});
        switch (live.heard) {
            0 => broker.mute(.time),
            4 => broker.mute(.bar),
            else => {},
        }
    }
};

/// The reason as the contract writes it.
fn kebab(reason: backtest.Reason) []const u8 {
    switch (reason) {
        inline else => |known| {
            comptime var name = @tagName(known)[0..].*;
            comptime std.mem.replaceScalar(u8, &name, '_', '-');
            const written = name;
            return &written;
        },
    }
}

comptime {
    backtest.exportStrategy(.{ .signals = Conformance, .events = Live });
}

pub const panic = backtest.panic;
pub const std_options = backtest.std_options;
pub const std_options_debug_io = backtest.debug_io;
