//! Orders as a strategy writes them.
//!
//! Never checks a number: the broker does, and says through `onReject` what is wrong.

const abi = @import("abi.zig");

/// The number of an order: 1 for the first of a run, each one higher than the one before.
pub const OrderId = enum(u64) {
    _,

    /// The order with this number.
    pub fn of(order: u64) OrderId {
        return @fromBackingInt(order);
    }

    /// The number.
    pub fn number(order: OrderId) u64 {
        return @backingInt(order);
    }
};

/// An order, for `Broker.order`. Without further terms it is a market order that waits until it is filled or cancelled.
///
///     // Sell 10 units at 100 or better, today or never.
///     _ = broker.order(.sell(0, 10, .{ .limit = 100, .time_in_force = .day, .reduce_only = true }));
///     // Put half of the account into the second instrument, once it has risen to 50.
///     _ = broker.order(.buy(1, 0.5, .{ .measure = .equity, .trigger = .{ .stop = 50 } }));
pub const Order = struct {
    side: abi.Side,
    /// Index of the instrument among the symbols of `start`.
    instrument: usize,
    /// As much as `Terms.measure` counts, above 0.
    quantity: f64,
    terms: Terms,

    /// What an order says beside what it trades.
    pub const Terms = struct {
        /// Units, shares of the account's equity, or an amount of quote currency.
        measure: abi.Measure = .units,
        /// Trades at this price (quote currency for one unit) or better; with a stop, only once that is reached.
        limit: ?f64 = null,
        /// What it waits for before it trades. A trailing stop goes with no limit.
        trigger: ?Trigger = null,
        time_in_force: TimeInForce = .gtc,
        /// Never does more than close what is held when it is filled.
        reduce_only: bool = false,
    };

    /// Buys `quantity` of an instrument.
    pub fn buy(instrument: usize, quantity: f64, terms: Terms) Order {
        return .{ .side = .buy, .instrument = instrument, .quantity = quantity, .terms = terms };
    }

    /// Sells `quantity` of an instrument. What is not held is sold short.
    pub fn sell(instrument: usize, quantity: f64, terms: Terms) Order {
        return .{ .side = .sell, .instrument = instrument, .quantity = quantity, .terms = terms };
    }

    /// When it trades. A trailing stop with a limit is no kind, and the broker says so.
    pub fn kind(order: Order) abi.Kind {
        const trigger = order.terms.trigger orelse return if (order.terms.limit == null) .market else .limit;
        return switch (trigger) {
            .stop => if (order.terms.limit == null) .stop else .stop_limit,
            .trailing_stop => .trailing_stop,
            .trailing_stop_percent => .trailing_stop_percent,
        };
    }
};

/// What an order waits for.
pub const Trigger = union(enum) {
    /// The price has reached this one, in quote currency for one unit.
    stop: f64,
    /// The price has come back by this much, in quote currency, from the best one since the order was sent.
    trailing_stop: f64,
    /// The price has come back by this fraction of the best one since the order was sent: above 0 and below 1.
    trailing_stop_percent: f64,

    /// The price, distance or fraction.
    pub fn price(trigger: Trigger) f64 {
        return switch (trigger) {
            inline else => |waited_for| waited_for,
        };
    }
};

/// How long an order waits.
pub const TimeInForce = union(abi.TimeInForce) {
    /// Until it is filled or cancelled.
    gtc,
    /// Through the first day (UTC) on which its instrument has a bar after it was sent.
    day,
    /// Only for the first price at which it could be filled; what is not filled then is cancelled.
    ioc,
    /// Through the bars up to and including this time, in nanoseconds since the Unix epoch.
    gtd: i64,
};
