//! The parameters of one task, read by name and type.
//!
//! Never checks bounds: the host has, by what the strategy declared.

const std = @import("std");
const abi = @import("abi.zig");
const failure = @import("failure.zig");

/// The parameters of one task: every declared one, within its declared bounds and choices.
///
/// To read one that is not declared, or as another type than the declared one, fails the task with a text that says so.
pub const Params = struct {
    list: []const abi.Param,

    /// The value of a parameter that is true or false.
    pub fn boolean(params: Params, name: []const u8) Error!bool {
        return (try params.read(name, .boolean)).boolean;
    }

    /// The value of a parameter that is a whole number.
    pub fn integer(params: Params, name: []const u8) Error!i64 {
        return (try params.read(name, .integer)).integer;
    }

    /// The value of a parameter that counts something, for example the bars of a window. A negative one fails the task.
    pub fn count(params: Params, name: []const u8) Error!usize {
        const value = try params.integer(name);
        return std.math.cast(usize, value) orelse
            failure.invalid("`{s}` counts something, so it cannot be {d}", .{ name, value });
    }

    /// The value of a parameter that is a real number.
    pub fn number(params: Params, name: []const u8) Error!f64 {
        return (try params.read(name, .number)).number;
    }

    /// The value of a parameter that is a text.
    pub fn text(params: Params, name: []const u8) Error![]const u8 {
        return (try params.read(name, .text)).text.slice();
    }

    pub const Error = error{ InvalidParams, Failed };

    fn read(params: Params, name: []const u8, wanted: abi.Value.Tag) Error!abi.Value.Payload {
        for (params.list) |param| {
            if (!std.mem.eql(u8, param.name.slice(), name)) continue;
            if (param.value.tag == wanted) return param.value.payload;
            return failure.failed("the plugin reads parameter `{s}` as {s}, but its description declares {s}", .{
                name, described(wanted), described(param.value.tag),
            });
        }
        return failure.failed("the plugin asks for parameter `{s}`, which its description does not declare", .{name});
    }
};

fn described(tag: abi.Value.Tag) []const u8 {
    return switch (tag) {
        .boolean => "a boolean",
        .integer => "an integer",
        .number => "a number",
        .text => "a text",
    };
}
