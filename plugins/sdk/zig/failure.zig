//! Why a strategy gives no answer. It fails one task, and no other.

const std = @import("std");
const abi = @import("abi.zig");
const memory = @import("memory.zig");

/// The text that belongs to the error that is on its way to the host.
var text: []const u8 = "";

/// The parameters make no sense together: the text says which and why, as in "`fast` (50) is not below `slow` (20)".
///
///     return backtest.invalid("`fast` ({d}) is not below `slow` ({d})", .{ fast, slow });
pub fn invalid(comptime format: []const u8, args: anytype) error{InvalidParams} {
    text = memory.print(format, args);
    return error.InvalidParams;
}

/// The strategy met a problem of its own: the text says what. Any other error that a strategy returns is one as well,
/// with its name for a text.
pub fn failed(comptime format: []const u8, args: anytype) error{Failed} {
    text = memory.print(format, args);
    return error.Failed;
}

/// The error that `function` returned, for the host to read.
pub fn written(why: anyerror, comptime function: []const u8) abi.Error {
    switch (why) {
        error.InvalidParams => if (text.len > 0) {
            return .{ .tag = .invalid_params, .payload = .{ .invalid_params = memory.utf8(text) } };
        },
        error.Failed => if (text.len > 0) {
            return .{ .tag = .failed, .payload = .{ .failed = memory.utf8(text) } };
        },
        // After a trap, the host says how much memory was asked for, and how much there is.
        error.OutOfMemory => @panic(function ++ " returned error.OutOfMemory"),
        else => {},
    }
    const named = memory.print("{s} returned error.{s}", .{ function, @errorName(why) });
    return .{ .tag = .failed, .payload = .{ .failed = memory.utf8(named) } };
}
