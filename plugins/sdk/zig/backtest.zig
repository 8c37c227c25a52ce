//! What a strategy is made of: its description, its data and parameters, its errors, and what it answers with.
//!
//! One that sees the whole series at once is a `signals` strategy, a struct with
//!
//!     pub const description: Description
//!     pub fn prepare(allocator: std.mem.Allocator, data: []const Series) !@This()
//!     pub fn evaluate(strategy: *const @This(), params: Params, targets: *Targets) !void
//!
//! One that hears of one bar at a time is an `events` strategy, a struct with
//!
//!     pub const description: Description
//!     pub fn start(allocator: std.mem.Allocator, symbols: []const []const u8, params: Params) !@This()
//!     pub fn onBar(strategy: *@This(), bar: *const Bar, broker: *Broker) !void
//!     pub fn onTime(strategy: *@This(), time: i64, equity: f64, broker: *Broker) !void
//!     pub fn onFill(strategy: *@This(), fill: *const Fill, broker: *Broker) !void
//!     pub fn onReject(strategy: *@This(), order: OrderId, reason: Reason, broker: *Broker) !void
//!     pub fn finish(strategy: *@This()) !void
//!
//! of which it leaves out what it does not want to hear. All of them are `pub`, since the SDK cannot see others.

const exports = @import("exports.zig");
const failure = @import("failure.zig");
const host = @import("host.zig");

pub const exportStrategy = exports.exportStrategy;

pub const Description = @import("description.zig").Description;
pub const Parameter = @import("description.zig").Parameter;
pub const Params = @import("params.zig").Params;
pub const Series = @import("series.zig").Series;
pub const Targets = @import("targets.zig").Targets;
pub const Position = @import("targets.zig").Position;

pub const Bar = @import("events.zig").Bar;
pub const Fill = @import("events.zig").Fill;
pub const Broker = @import("broker.zig").Broker;
pub const Exits = @import("broker.zig").Exits;
pub const Order = @import("order.zig").Order;
pub const OrderId = @import("order.zig").OrderId;
pub const Event = @import("abi.zig").Event;
pub const Reason = @import("abi.zig").Reason;

pub const indicators = @import("indicators.zig");

pub const invalid = failure.invalid;
pub const failed = failure.failed;

// A strategy's file names these three as its own, for Zig's library to find them there.
pub const panic = host.panic;
pub const std_options = host.std_options;
pub const debug_io = host.debug_io;
