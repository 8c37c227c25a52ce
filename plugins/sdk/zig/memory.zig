//! Memory of a strategy, and of what the host passes in.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("abi.zig");

/// What strategies are handed, and the SDK itself uses.
pub const allocator: std.mem.Allocator =
    if (builtin.cpu.arch.isWasm()) std.heap.wasm_allocator else std.heap.page_allocator;

/// Formats a text that lives as long as the task.
pub fn print(comptime format: []const u8, args: anytype) []const u8 {
    return std.fmt.allocPrint(allocator, format, args) catch exhausted();
}

/// The text for the host, which takes nothing but UTF-8: bytes that are none are replaced.
pub fn utf8(bytes: []const u8) abi.Text {
    return .of(if (std.unicode.utf8ValidateSlice(bytes)) bytes else print("{f}", .{std.unicode.fmtUtf8(bytes)}));
}

/// Room for `count` values that nobody has written yet, and no page of which is touched.
pub fn room(comptime T: type, count: usize) [*]T {
    const bytes = std.math.mul(usize, count, @sizeOf(T)) catch exhausted();
    if (bytes == 0) return @ptrFromInt(@alignOf(T));
    const start = allocator.rawAlloc(bytes, .of(T), @returnAddress()) orelse exhausted();
    return @ptrCast(@alignCast(start));
}

/// Ends the task. The host has refused the memory, and says how much it was.
pub fn exhausted() noreturn {
    @panic("out of memory");
}

/// Makes room for what the host passes in. It is never given back: a strategy may keep its data, and a task's
/// parameters are few.
pub fn cabiRealloc(old: ?[*]const u8, old_size: usize, alignment: usize, size: usize) callconv(.c) [*]u8 {
    if (size == 0) return @ptrFromInt(alignment);
    const start = std.mem.alignForward(usize, provide(alignment, size), alignment);
    free = start + size;
    const new: [*]u8 = @ptrFromInt(start);
    if (old) |from| @memcpy(new[0..@min(old_size, size)], from);
    return new;
}

/// Sees to it that the parameters of a task find room without a call for more memory, which would cost every task what
/// hundreds of bars do.
pub fn reserve() void {
    free = provide(8, 4096);
}

/// Where `size` bytes begin that lie in one piece and belong to nobody.
fn provide(alignment: usize, size: usize) usize {
    if (std.mem.alignForward(usize, free, alignment) + size <= end) return free;
    const page = std.wasm.page_size;
    const pages = std.math.divCeil(usize, size, page) catch unreachable;
    const grown = @wasmMemoryGrow(0, pages);
    if (grown < 0) exhausted();
    const fresh = @as(usize, @intCast(grown)) * page;
    const start = if (fresh == end) free else fresh;
    end = fresh + pages * page;
    return start;
}

/// The first byte that is not given away yet.
var free: usize = 0;
/// Where the pages end that `free` lies in.
var end: usize = 0;
