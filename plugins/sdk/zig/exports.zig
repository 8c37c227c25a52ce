//! What makes a strategy the component: only what is named here is exported.

const builtin = @import("builtin");
const root = @import("root");
const metadata = @import("metadata.zig");
const signals = @import("signals.zig");
const events = @import("events.zig");

/// The ways in which a component can be run, one of them at least.
pub const Ways = struct {
    /// The strategy that sees the whole series at once.
    signals: ?type = null,
    /// The strategy that hears of one bar at a time.
    events: ?type = null,
};

/// Makes a strategy the one that the component exports. One that can be run both ways is described by its `signals`.
///
///     comptime {
///         backtest.exportStrategy(.{ .signals = SmaCross });
///     }
pub fn exportStrategy(comptime ways: Ways) void {
    // A native test calls the strategy itself.
    if (!builtin.cpu.arch.isWasm()) return;
    expect("panic", "backtest.panic");
    expect("std_options", "backtest.std_options");
    expect("std_options_debug_io", "backtest.debug_io");
    const described: type = ways.signals orelse (ways.events orelse
        @compileError("name the strategy: `exportStrategy(.{ .signals = ... })`, or `.events`, or both"));
    metadata.exportDescription(described.description);
    if (ways.signals) |Strategy| signals.exportStrategy(Strategy);
    if (ways.events) |Strategy| events.exportStrategy(Strategy);
}

/// Zig's library only finds these in the program's first file.
fn expect(comptime name: []const u8, comptime value: []const u8) void {
    if (!@hasDecl(root, name)) {
        @compileError("the strategy's file lacks the line `pub const " ++ name ++ " = " ++ value ++ ";`");
    }
}
