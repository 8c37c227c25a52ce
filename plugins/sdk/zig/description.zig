//! What a strategy says about itself.

/// A strategy in its own words.
pub const Description = struct {
    /// A short name, for example `momentum`.
    name: []const u8,
    /// The strategy's version, for example `1.2.0`.
    version: []const u8,
    /// One sentence for the user.
    summary: []const u8,
    /// Every parameter, in the order in which tables show them.
    parameters: []const Parameter = &.{},
};

/// One parameter that a strategy takes. The host keeps its values within what is declared here.
pub const Parameter = struct {
    /// A letter, then letters, digits and `_`.
    name: []const u8,
    /// One line for the user: meaning and unit.
    doc: []const u8,
    values: Values,
    /// The lowest value allowed, null for none.
    minimum: ?f64 = null,
    /// The highest value allowed, null for none.
    maximum: ?f64 = null,

    /// Declares a parameter that is true or false.
    pub fn boolean(name: []const u8, doc: []const u8, default: bool) Parameter {
        return .{ .name = name, .doc = doc, .values = .{ .boolean = .{ .default = default } } };
    }

    /// Declares a parameter that is a whole number.
    pub fn integer(name: []const u8, doc: []const u8, default: i64, limits: Limits(i64)) Parameter {
        return .{
            .name = name,
            .doc = doc,
            .values = .{ .integer = .{ .default = default, .choices = limits.choices } },
            .minimum = limits.min,
            .maximum = limits.max,
        };
    }

    /// Declares a parameter that is a real number.
    pub fn number(name: []const u8, doc: []const u8, default: f64, limits: Limits(f64)) Parameter {
        return .{
            .name = name,
            .doc = doc,
            .values = .{ .number = .{ .default = default, .choices = limits.choices } },
            .minimum = limits.min,
            .maximum = limits.max,
        };
    }

    /// Declares a parameter that is a text, any or one of `choices`.
    pub fn text(name: []const u8, doc: []const u8, default: []const u8, choices: []const []const u8) Parameter {
        return .{ .name = name, .doc = doc, .values = .{ .text = .{ .default = default, .choices = choices } } };
    }

    /// What a number may be.
    pub fn Limits(comptime T: type) type {
        return struct {
            /// The lowest value allowed, null for none.
            min: ?f64 = null,
            /// The highest value allowed, null for none.
            max: ?f64 = null,
            /// All values allowed; none means any.
            choices: []const T = &.{},
        };
    }

    /// The type of a parameter, with the value where a grid leaves it out, and all values allowed; none means any.
    pub const Values = union(enum) {
        boolean: Of(bool),
        integer: Of(i64),
        number: Of(f64),
        text: Of([]const u8),

        fn Of(comptime T: type) type {
            return struct { default: T, choices: []const T = &.{} };
        }
    };
};
