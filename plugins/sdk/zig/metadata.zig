//! The description of a strategy, for the host to read.

const abi = @import("abi.zig");
const memory = @import("memory.zig");
const Description = @import("description.zig").Description;
const Parameter = @import("description.zig").Parameter;

/// Exports `description`, and what the host needs to pass anything in.
pub fn exportDescription(comptime description: Description) void {
    const exported = struct {
        var result: abi.Description = undefined;

        fn describe() callconv(.c) *const abi.Description {
            result = written(description);
            return &result;
        }
    };
    abi.metadata.exportDescribe(exported.describe);
    @export(&memory.cabiRealloc, .{ .name = "cabi_realloc" });
}

fn written(description: Description) abi.Description {
    const parameters = memory.room(abi.Parameter, description.parameters.len);
    for (description.parameters, parameters) |parameter, *into| into.* = writtenParameter(parameter);
    return .{
        .name = .of(description.name),
        .version = .of(description.version),
        .summary = .of(description.summary),
        .parameters = .of(parameters[0..description.parameters.len]),
        .output = .json,
    };
}

fn writtenParameter(parameter: Parameter) abi.Parameter {
    return switch (parameter.values) {
        inline else => |values| .{
            .name = .of(parameter.name),
            .doc = .of(parameter.doc),
            .default = value(values.default),
            .minimum = bound(parameter.minimum),
            .maximum = bound(parameter.maximum),
            .choices = choices(values.choices),
        },
    };
}

fn choices(values: anytype) abi.ListValue {
    const room = memory.room(abi.Value, values.len);
    for (values, room) |choice, *into| into.* = value(choice);
    return .of(room[0..values.len]);
}

fn value(of: anytype) abi.Value {
    return switch (@TypeOf(of)) {
        bool => .{ .tag = .boolean, .payload = .{ .boolean = of } },
        i64 => .{ .tag = .integer, .payload = .{ .integer = of } },
        f64 => .{ .tag = .number, .payload = .{ .number = of } },
        []const u8 => .{ .tag = .text, .payload = .{ .text = .of(of) } },
        else => comptime unreachable,
    };
}

fn bound(of: ?f64) abi.OptionF64 {
    return if (of) |some| .{ .tag = .some, .payload = .{ .some = some } } else .{ .tag = .none, .payload = undefined };
}
