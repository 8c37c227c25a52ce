// Write a trading strategy in C++20.
//
// A strategy is a type that derives from Strategy or EventStrategy, and a macro that exports it:
//
//     BACKTEST_SIGNALS(SmaCross);          a Strategy: sees all bars at once and answers with targets
//     BACKTEST_EVENTS(Live);               an EventStrategy: hears of one bar at a time and sends orders
//     BACKTEST_BOTH(SmaCross, Live);       both, described by the first
//
// Indicators are in indicators.hpp.
//
// There are no exceptions: what can fail returns a Result, and panic ends the task. Memory that is not freed is no leak: a
// task begins with what `prepare` left, and its memory goes with it.
#pragma once

#include <concepts>
#include <cstdarg>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backtest.h"

namespace backtest {

// Success, or why there is none.
class [[nodiscard]] Result {
public:
    Result() = default;
    explicit Result(bt_result error) : error(error) {}
    explicit operator bool() const { return error == BT_OK; }
    bt_result raw() const { return error; }

private:
    bt_result error = BT_OK;
};

// Success.
inline const Result ok;

// The parameters make no sense together: the text says which and why, as in `fast` (50) is not below `slow` (20).
Result invalid(const char *format, ...) BT_PRINTF(1, 2);

// The strategy met a problem of its own: the text says what.
Result failed(const char *format, ...) BT_PRINTF(1, 2);

// A text, and where it was written.
struct Located {
    const char *format, *file, *function;
    int line;

    Located(const char *format, const char *file = __builtin_FILE(), const char *function = __builtin_FUNCTION(),
            int line = __builtin_LINE())
        : format(format), file(file), function(function), line(line) {}
};

// Ends the task at once, with the text and where it was called. A failed assert() does the same.
template <typename... Arguments> [[noreturn]] void panic(Located text, Arguments... arguments) {
    if constexpr (sizeof...(Arguments) == 0) bt_panic_at(text.file, text.line, text.function, "%s", text.format);
    else bt_panic_at(text.file, text.line, text.function, text.format, arguments...);
}

// Lines for the log of the task. What is printed on stdout is logged as log_info does, on stderr as log_error does.
void log_debug(const char *format, ...) BT_PRINTF(1, 2);
void log_info(const char *format, ...) BT_PRINTF(1, 2);
void log_warn(const char *format, ...) BT_PRINTF(1, 2);
// The last such line before a trap is shown with it.
void log_error(const char *format, ...) BT_PRINTF(1, 2);

// A strategy's name, and every parameter with its default value. The host checks what it hands over by the bounds and
// choices that are declared here.
class Description {
public:
    Description(const char *name, const char *version, const char *summary);

    // Declare a parameter.
    Description boolean(const char *name, const char *doc, bool value);
    Description integer(const char *name, const char *doc, int64_t value);
    Description number(const char *name, const char *doc, double value);
    Description text(const char *name, const char *doc, const char *value);

    // Bound the parameter declared last: both bounds are allowed.
    Description range(double minimum, double maximum) { return at_least(minimum).at_most(maximum); }
    Description at_least(double minimum);
    Description at_most(double maximum);

    // Lists all that the parameter declared last may be.
    template <typename Choice> Description one_of(std::initializer_list<Choice> choices) {
        return one_of(std::span(choices.begin(), choices.size()));
    }
    Description one_of(const std::ranges::range auto &choices) {
        for (const auto &choice : choices) choose(choice);
        return *this;
    }

    bt_description *raw() const { return description; }

private:
    void choose(std::integral auto choice) { choose_integer(choice); }
    void choose(std::floating_point auto choice) { choose_number(choice); }
    void choose(const char *choice);
    void choose_integer(int64_t choice);
    void choose_number(double choice);
    Description declared(bt_parameter *parameter);
    bt_parameter *last();

    bt_description *description;
    bt_parameter *parameter = nullptr;
};

// The parameters of one task, by name. One that the description does not declare, or declares with another type, reads as
// 0 or "", and the task fails with an error that names it, whatever the strategy returns.
class Params {
public:
    explicit Params(const bt_params *params) : params(params) {}

    bool boolean(const char *name) const { return bt_boolean(params, name); }
    int64_t integer(const char *name) const { return bt_integer(params, name); }
    // An integer that counts something, for example the bars of a window: one below 0 is an error.
    size_t count(const char *name) const { return bt_count(params, name); }
    double number(const char *name) const { return bt_number(params, name); }
    std::string_view text(const char *name) const { return bt_text(params, name); }

private:
    const bt_params *params;
};

// Bars of one instrument, oldest first, as columns of equal length. They stay where they are.
struct Series {
    std::string_view symbol;
    // Nanoseconds since the Unix epoch, UTC.
    std::span<const int64_t> time;
    // Quote currency.
    std::span<const double> open, high, low, close;
    // Units traded; zero where the data has no volume.
    std::span<const double> volume;
};

// What is held of one instrument while its targets are written, bar by bar.
class Position {
public:
    explicit Position(bt_position position) : position(position) {}

    // Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short. Nothing is written where that
    // much is held already.
    void hold(size_t at, double exposure) { bt_hold(&position, at, exposure); }
    double held() const { return position.held; }

private:
    bt_position position;
};

// Target exposures, with room for one at each bar of each instrument.
class Targets {
public:
    explicit Targets(bt_targets *targets) : targets(targets) {}

    // The share of equity that each instrument gets when all get the same: 1 where there is only one.
    double share() const { return bt_share(targets); }
    // Begins the targets of an instrument, which holds nothing so far. Write instrument by instrument: the answer is then
    // sorted by the time of the bars.
    Position instrument(size_t instrument) { return Position(bt_instrument(targets, instrument)); }
    // Writes one entry as it is. Entries written this way alone must come in the order of the time of their bars.
    void set(size_t at, size_t instrument, double exposure) { bt_set(targets, at, instrument, exposure); }

private:
    bt_targets *targets;
};

// A strategy that sees the whole series at once and answers with target exposures. It has a function
// `static Description describe()`, and no parameters to construct it.
struct Strategy {
    virtual ~Strategy() = default;
    // Takes the data and computes whatever all combinations share. Called once for each data set.
    virtual Result prepare(std::span<const Series> data) = 0;
    // Writes the targets for one combination of parameters, starting from what `prepare` left.
    virtual Result evaluate(const Params &params, Targets &targets) = 0;
};

// One bar that has closed, and the account at its close.
using Bar = bt_bar;

// 1 for the first order of a run, each one higher than the one before.
enum class OrderId : uint64_t {};

// One order, or a part of it, as it was filled.
struct Fill {
    // Nothing where it was a target, or a position that the host closed.
    std::optional<OrderId> order;
    size_t instrument;
    // Units, negative where sold.
    double quantity;
    // What one unit cost or brought, slippage included, in quote currency.
    double price;
    // Quote currency.
    double fee;
};

// An order, built up word by word. Without further words it is a market order that waits until it is filled or cancelled.
class Order {
public:
    // So many units, unless of_equity or of_value follows. What is not held is sold short.
    static Order buy(size_t instrument, double quantity) { return {instrument, BT_BUY, quantity}; }
    static Order sell(size_t instrument, double quantity) { return {instrument, BT_SELL, quantity}; }

    // The quantity is a share of the account's equity (0.5 is one half), or an amount of quote currency.
    Order of_equity() const { return with(&bt_order::measure, BT_OF_EQUITY); }
    Order of_value() const { return with(&bt_order::measure, BT_OF_VALUE); }

    // Trades at `price` (quote currency for one unit) or better. With stop, only once that is reached.
    Order limit(double price) const;
    // Waits until the price has reached `price`, in quote currency for one unit.
    Order stop(double price) const;
    // Waits until the price has come back by `distance`, in quote currency, from the best one since the order was sent.
    Order trailing_stop(double distance) const { return triggered(BT_TRAILING_STOP, distance); }
    // The same for a fraction of the best price: above 0 and below 1.
    Order trailing_stop_percent(double fraction) const { return triggered(BT_TRAILING_STOP_PERCENT, fraction); }

    // Waits through the first day (UTC) on which its instrument has a bar after it was sent.
    Order day() const { return with(&bt_order::time_in_force, BT_DAY); }
    // Takes the first price at which it could be filled, or none.
    Order immediate_or_cancel() const { return with(&bt_order::time_in_force, BT_IOC); }
    // Waits through the bars up to and including `time`, in nanoseconds since the Unix epoch.
    Order until(int64_t time) const { return with(&bt_order::time_in_force, BT_GTD).with(&bt_order::until, time); }
    // Never does more than close what is held when it is filled.
    Order reduce_only() const { return with(&bt_order::reduce_only, true); }

    bt_order raw() const { return order; }

private:
    Order(size_t instrument, bt_side side, double quantity)
        : order{.instrument = instrument, .side = side, .quantity = quantity} {}

    template <typename Field> Order with(Field bt_order::*field, Field value) const {
        Order changed = *this;
        changed.order.*field = value;
        return changed;
    }
    Order triggered(bt_kind kind, double stop) const { return with(&bt_order::kind, kind).with(&bt_order::stop, stop); }

    bt_order order;
};

// Why an order, or what is left of it, is not filled.
enum class Reason {
    bad_quantity = BT_BAD_QUANTITY,
    bad_price = BT_BAD_PRICE,
    unknown_instrument = BT_UNKNOWN_INSTRUMENT,
    unknown_order = BT_UNKNOWN_ORDER,
    not_open = BT_NOT_OPEN,
    lot_size = BT_LOT_SIZE,
    tick_size = BT_TICK_SIZE,
    insufficient_funds = BT_INSUFFICIENT_FUNDS,
    reduce_only = BT_REDUCE_ONLY,
    too_many_orders = BT_TOO_MANY_ORDERS,
    expired = BT_EXPIRED,
    other_filled = BT_OTHER_FILLED,
    cancelled = BT_CANCELLED,
    no_bar = BT_NO_BAR,
    liquidated = BT_LIQUIDATED,
};

// The reason in words, as in `bad-quantity`.
inline const char *reason_name(Reason reason) { return bt_reason_name(static_cast<bt_reason>(reason)); }

// What can be muted.
enum class Event { bar = BT_ON_BAR, time = BT_ON_TIME, fill = BT_ON_FILL, reject = BT_ON_REJECT };

// The two exits of a bracket.
struct Exits {
    OrderId stop_loss, take_profit;
};

// Where a strategy sends its orders. Nothing answers at once: what an order comes to is heard through on_fill and
// on_reject.
class Broker {
public:
    explicit Broker(bt_broker *broker) : broker(broker) {}

    size_t instruments() const { return bt_broker_instruments(broker); }
    // The share of equity that each instrument gets when all get the same: 1 where there is only one.
    double share() const { return bt_broker_share(broker); }

    // Sends an order. It can be filled from the instrument's next bar on, or at this close where the user asks for it.
    OrderId order(const Order &order) { return OrderId{bt_broker_order(broker, order.raw())}; }
    // Market orders for so many units.
    OrderId buy(size_t instrument, double units) { return order(Order::buy(instrument, units)); }
    OrderId sell(size_t instrument, double units) { return order(Order::sell(instrument, units)); }

    // Attaches exits to an entry that is open: prices in quote currency for one unit, or nothing. They wait until the entry
    // is filled, only reduce, and one cancels the other.
    Exits bracket(OrderId entry, std::optional<double> stop_loss, std::optional<double> take_profit);
    // What is filled of one of two orders is taken from the other; one that is filled in full or cancelled cancels it.
    void one_cancels_other(OrderId first, OrderId second);
    // Cancels an open order, and the exits that still wait for it.
    void cancel(OrderId order) { bt_broker_cancel(broker, static_cast<uint64_t>(order)); }

    // Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask for a
    // rebalance.
    void target(size_t instrument, double exposure) { bt_broker_target(broker, instrument, exposure); }
    // The same, unless that was the last thing asked for here. Before the first, nothing is held.
    void hold(size_t instrument, double exposure) { bt_broker_hold(broker, instrument, exposure); }

    // From now on, does not call the strategy for `event`. What is not called costs no time.
    void mute(Event event) { bt_broker_mute(broker, static_cast<bt_event>(event)); }
    // Ends the task.
    [[noreturn]] void fail(Result why) { bt_broker_fail(broker, why.raw()); }

private:
    bt_broker *broker;
};

// A strategy that hears of one bar at a time, when it closes, and sends orders. It has a function
// `static Description describe()`, and no parameters to construct it. What it does not override is muted at its first call.
struct EventStrategy {
    virtual ~EventStrategy() = default;
    // Begins a run over the instruments `symbols`.
    virtual Result start(std::span<const std::string_view> symbols, const Params &params) = 0;
    // A bar has closed.
    virtual void on_bar(const Bar &bar, Broker &broker) = 0;
    // All bars of a time stamp have closed: the place for what compares instruments.
    virtual void on_time(int64_t time, double equity, Broker &broker);
    // An order, or a part of it, was filled.
    virtual void on_fill(const Fill &fill, Broker &broker);
    // An order, or what was left of it, is gone without being filled.
    virtual void on_reject(OrderId order, Reason reason, Broker &broker);
    // The data has ended. Nothing can be sent any more.
    virtual void finish() {}
};

// What the macros call.
namespace exports {
const bt_abi_description *describe(const Description &description);
bt_result prepare(Strategy *strategy, const bt_series *data, size_t instruments);
bt_result evaluate(const bt_params *params, bt_targets *targets);
bt_result start(EventStrategy *strategy, const char *const *symbols, size_t instruments, const bt_params *params);
void on_bar(const bt_bar *bar, bt_broker *broker);
void on_time(int64_t time, double equity, bt_broker *broker);
void on_fill(const bt_fill *fill, bt_broker *broker);
void on_reject(bt_order_id order, bt_reason reason, bt_broker *broker);
void finish();
}

}

// The exports. One of these stands once, in one file, outside of all namespaces.

#define BACKTEST_SIGNALS(Type)                                                                                           \
    BACKTEST_EXPORT_DESCRIPTION(Type)                                                                                    \
    BACKTEST_EXPORT_SIGNALS(Type)                                                                                        \
    struct bt_exported

#define BACKTEST_EVENTS(Type)                                                                                            \
    BACKTEST_EXPORT_DESCRIPTION(Type)                                                                                    \
    BACKTEST_EXPORT_EVENTS(Type)                                                                                         \
    struct bt_exported

#define BACKTEST_BOTH(Type, Live)                                                                                        \
    BACKTEST_EXPORT_DESCRIPTION(Type)                                                                                    \
    BACKTEST_EXPORT_SIGNALS(Type)                                                                                        \
    BACKTEST_EXPORT_EVENTS(Live)                                                                                         \
    struct bt_exported

#define BACKTEST_EXPORT_DESCRIPTION(Type)                                                                                \
    extern "C" BT_ABI_EXPORT_METADATA_DESCRIBE(bt_export_describe) {                                                     \
        return backtest::exports::describe(Type::describe());                                                            \
    }

#define BACKTEST_EXPORT_SIGNALS(Type)                                                                                    \
    static bt_result bt_prepare_strategy(const bt_series *data, size_t instruments) {                                    \
        return backtest::exports::prepare(new Type(), data, instruments);                                                \
    }                                                                                                                    \
    extern "C" {                                                                                                         \
    BT_SIGNALS(bt_prepare_strategy, backtest::exports::evaluate);                                                        \
    }

#define BACKTEST_EXPORT_EVENTS(Type)                                                                                     \
    static bt_result bt_start_strategy(const char *const *symbols, size_t instruments, const bt_params *params) {        \
        return backtest::exports::start(new Type(), symbols, instruments, params);                                       \
    }                                                                                                                    \
    extern "C" {                                                                                                         \
    BT_EVENTS(bt_start_strategy, backtest::exports::on_bar, backtest::exports::on_time, backtest::exports::on_fill,      \
              backtest::exports::on_reject, backtest::exports::finish);                                                  \
    }
