//! What Zig's library asks of whoever runs it, answered by the host's log. A strategy's file names these for it.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("abi.zig");
const memory = @import("memory.zig");

/// Takes the place of Zig's own panics: the text goes to the log, and a trap ends the task.
pub const panic = std.debug.FullPanic(ended);

/// Sends `std.log` to the log of the running task.
pub const std_options: std.Options = .{ .log_level = .debug, .logFn = log };

fn ended(text: []const u8, _: ?usize) noreturn {
    @branchHint(.cold);
    const introduction = "panicked at the place below: ";
    var line: [4096]u8 = undefined;
    const shown = text[0..@min(text.len, line.len - introduction.len)];
    @memcpy(line[0..introduction.len], introduction);
    @memcpy(line[introduction.len..][0..shown.len], shown);
    write(.@"error", line[0 .. introduction.len + shown.len]);
    @trap();
}

fn log(comptime level: std.log.Level, comptime scope: @EnumLiteral(), comptime format: []const u8, args: anytype) void {
    const prefix = if (scope == .default) "" else "(" ++ @tagName(scope) ++ ") ";
    const line = memory.print(prefix ++ format, args);
    defer memory.allocator.free(line);
    write(switch (level) {
        .debug => .debug,
        .info => .info,
        .warn => .warn,
        .err => .@"error",
    }, line);
}

fn write(level: abi.Level, line: []const u8) void {
    const text = memory.utf8(line);
    abi.host.log(level, text.ptr, text.len);
}

/// Sends `std.debug.print` to the log of the running task: each line is an error's, as on a terminal it goes to stderr.
pub const debug_io: std.Io = .{ .userdata = null, .vtable = &vtable };

const vtable: std.Io.VTable = table: {
    // There is nothing else to be had: no file, no clock, no randomness.
    var functions = std.Io.failing.vtable.*;
    functions.swapCancelProtection = keepCancelProtection;
    functions.lockStderr = lockStderr;
    functions.unlockStderr = unlockStderr;
    break :table functions;
};

fn keepCancelProtection(_: ?*anyopaque, _: std.Io.CancelProtection) std.Io.CancelProtection {
    return .blocked;
}

fn lockStderr(_: ?*anyopaque, _: ?std.Io.Terminal.Mode) std.Io.Cancelable!std.Io.LockedStderr {
    return .{ .file_writer = &stderr, .terminal_mode = .no_color };
}

fn unlockStderr(_: ?*anyopaque) void {
    stderr.interface.flush() catch unreachable;
    stderr.interface.buffer = &.{};
    var lines = std.mem.splitScalar(u8, std.mem.trimEnd(u8, printed.items, "\n"), '\n');
    if (printed.items.len > 0) while (lines.next()) |line| write(.@"error", line);
    printed.clearRetainingCapacity();
}

var stderr: std.Io.File.Writer = .{
    .io = debug_io,
    .file = undefined,
    .interface = .{ .vtable = &.{ .drain = keep }, .buffer = &.{} },
};

/// What has been printed since stderr was locked.
var printed: std.ArrayList(u8) = .empty;

fn keep(writer: *std.Io.Writer, data: []const []const u8, splat: usize) std.Io.Writer.Error!usize {
    append(writer.buffered());
    writer.end = 0;
    const last = data.len - 1;
    for (data[0..last]) |bytes| append(bytes);
    for (0..splat) |_| append(data[last]);
    return std.Io.Writer.countSplat(data, splat);
}

fn append(bytes: []const u8) void {
    printed.appendSlice(memory.allocator, bytes) catch memory.exhausted();
}
