// What stands between a strategy in C++ and the SDK for C.

#include "backtest.hpp"

#include "internal.h"

namespace backtest {

Result invalid(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Result result(bt_fail(BT_ABI_ERROR_INVALID_PARAMS, bt_format(format, arguments)));
    va_end(arguments);
    return result;
}

Result failed(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Result result(bt_fail(BT_ABI_ERROR_FAILED, bt_format(format, arguments)));
    va_end(arguments);
    return result;
}

#define BACKTEST_LOG(name, level)                                                                                        \
    void name(const char *format, ...) {                                                                                 \
        va_list arguments;                                                                                               \
        va_start(arguments, format);                                                                                     \
        bt_log(level, format, arguments);                                                                                \
        va_end(arguments);                                                                                               \
    }

BACKTEST_LOG(log_debug, BT_ABI_LEVEL_DEBUG)
BACKTEST_LOG(log_info, BT_ABI_LEVEL_INFO)
BACKTEST_LOG(log_warn, BT_ABI_LEVEL_WARN)
BACKTEST_LOG(log_error, BT_ABI_LEVEL_ERROR)

Description::Description(const char *name, const char *version, const char *summary) : description(bt_begin_description()) {
    bt_describe(description, name, version, summary);
}

Description Description::declared(bt_parameter *next) {
    parameter = next;
    return *this;
}

Description Description::boolean(const char *name, const char *doc, bool value) {
    return declared(bt_declare_boolean(description, name, doc, value));
}

Description Description::integer(const char *name, const char *doc, int64_t value) {
    return declared(bt_declare_integer(description, name, doc, value));
}

Description Description::number(const char *name, const char *doc, double value) {
    return declared(bt_declare_number(description, name, doc, value));
}

Description Description::text(const char *name, const char *doc, const char *value) {
    return declared(bt_declare_text(description, name, doc, value));
}

bt_parameter *Description::last() {
    if (!parameter) panic("bounds and choices belong to the parameter declared before them");
    return parameter;
}

Description Description::at_least(double minimum) {
    bt_at_least(last(), minimum);
    return *this;
}

Description Description::at_most(double maximum) {
    bt_at_most(last(), maximum);
    return *this;
}

void Description::choose(const char *choice) {
    bt_choose_text(last(), choice);
}

void Description::choose_integer(int64_t choice) {
    bt_choose_integer(last(), choice);
}

void Description::choose_number(double choice) {
    bt_choose_number(last(), choice);
}

Order Order::limit(double price) const {
    bt_kind kind = order.kind == BT_MARKET ? BT_LIMIT : order.kind == BT_STOP ? BT_STOP_LIMIT : order.kind;
    return with(&bt_order::kind, kind).with(&bt_order::limit, price);
}

Order Order::stop(double price) const {
    bool limited = order.kind == BT_LIMIT || order.kind == BT_STOP_LIMIT;
    return triggered(limited ? BT_STOP_LIMIT : BT_STOP, price);
}

Exits Broker::bracket(OrderId entry, std::optional<double> stop_loss, std::optional<double> take_profit) {
    bt_exits exits = bt_broker_bracket(broker, static_cast<uint64_t>(entry), stop_loss.value_or(BT_NONE),
                                       take_profit.value_or(BT_NONE));
    return {OrderId{exits.stop_loss}, OrderId{exits.take_profit}};
}

void Broker::one_cancels_other(OrderId first, OrderId second) {
    bt_broker_one_cancels_other(broker, static_cast<uint64_t>(first), static_cast<uint64_t>(second));
}

void EventStrategy::on_time(int64_t, double, Broker &broker) {
    broker.mute(Event::time);
}

void EventStrategy::on_fill(const Fill &, Broker &broker) {
    broker.mute(Event::fill);
}

void EventStrategy::on_reject(OrderId, Reason, Broker &broker) {
    broker.mute(Event::reject);
}

namespace exports {

const bt_abi_description *describe(const Description &description) {
    return bt_end_description(description.raw());
}

static Strategy *prepared;

static Series series(const bt_series &it) {
    auto column = [&](auto *values) { return std::span(values, it.bars); };
    return {it.symbol,        column(it.time),  column(it.open),  column(it.high),
            column(it.low), column(it.close), column(it.volume)};
}

bt_result prepare(Strategy *strategy, const bt_series *data, size_t instruments) {
    // Views of it may stay in the strategy.
    auto &all = *new std::vector<Series>();
    for (const bt_series &it : std::span(data, instruments)) all.push_back(series(it));
    prepared = strategy;
    return strategy->prepare(all).raw();
}

bt_result evaluate(const bt_params *params, bt_targets *targets) {
    Targets writer(targets);
    return prepared->evaluate(Params(params), writer).raw();
}

static EventStrategy *started;

bt_result start(EventStrategy *strategy, const char *const *symbols, size_t instruments, const bt_params *params) {
    auto &names = *new std::vector<std::string_view>(symbols, symbols + instruments);
    started = strategy;
    return strategy->start(names, Params(params)).raw();
}

void on_bar(const bt_bar *bar, bt_broker *broker) {
    Broker orders(broker);
    started->on_bar(*bar, orders);
}

void on_time(int64_t time, double equity, bt_broker *broker) {
    Broker orders(broker);
    started->on_time(time, equity, orders);
}

void on_fill(const bt_fill *fill, bt_broker *broker) {
    Broker orders(broker);
    auto order = fill->order ? std::optional(OrderId{fill->order}) : std::nullopt;
    started->on_fill({order, fill->instrument, fill->quantity, fill->price, fill->fee}, orders);
}

void on_reject(bt_order_id order, bt_reason reason, bt_broker *broker) {
    Broker orders(broker);
    started->on_reject(OrderId{order}, static_cast<Reason>(reason), orders);
}

void finish() {
    started->finish();
}

}

}
