// A strategy that hears of one bar at a time: what stands between it and the contract.

#include "internal.h"

struct bt_broker {
    size_t instruments;
    // What was last asked for of each instrument by bt_broker_hold.
    double *held;
};

static bt_broker broker;

static const char *const *texts(const bt_abi_text *from, size_t length) {
    const char **to = (const char **)bt_allocate(length, sizeof *to);
    for (size_t i = 0; i < length; i++) to[i] = from[i].ptr;
    return to;
}

static void open_broker(size_t instruments) {
    broker.instruments = instruments;
    broker.held = (double *)bt_allocate(instruments, sizeof *broker.held);
    for (size_t i = 0; i < instruments; i++) broker.held[i] = 0;
}

const bt_abi_result *bt_run_start(const bt_events *events, const bt_abi_text *symbols, size_t instruments,
                                  const bt_abi_param *params, size_t length) {
    static bt_abi_result answer;
    open_broker(instruments);
    bt_result misread = BT_OK;
    bt_params given = {params, length, &misread};
    bt_result error = events->start ? events->start(texts(symbols, instruments), instruments, &given) : BT_OK;
    if (misread) error = misread;
    answer.tag = error ? BT_ABI_RESULT_ERROR : BT_ABI_RESULT_OK;
    if (error) answer.error = error->said;
    bt_flush();
    return &answer;
}

void bt_run_on_bar(const bt_events *events, const bt_bar *bar) {
    if (events->on_bar) events->on_bar(bar, &broker);
    else bt_broker_mute(&broker, BT_ON_BAR);
}

void bt_run_on_time(const bt_events *events, int64_t time, double equity) {
    if (events->on_time) events->on_time(time, equity, &broker);
    else bt_broker_mute(&broker, BT_ON_TIME);
}

void bt_run_on_fill(const bt_events *events, const bt_fill *fill) {
    if (events->on_fill) events->on_fill(fill, &broker);
    else bt_broker_mute(&broker, BT_ON_FILL);
}

void bt_run_on_reject(const bt_events *events, bt_order_id order, bt_reason reason) {
    if (events->on_reject) events->on_reject(order, reason, &broker);
    else bt_broker_mute(&broker, BT_ON_REJECT);
}

void bt_run_finish(const bt_events *events) {
    if (events->finish) events->finish();
    bt_flush();
}

size_t bt_broker_instruments(const bt_broker *broker) {
    return broker->instruments;
}

double bt_broker_share(const bt_broker *broker) {
    return 1.0 / (double)(broker->instruments ? broker->instruments : 1);
}

// A price as the contract has it: none is NaN. One that the kind has no use for is passed on, and rejected.
static double price(double given, bool needed) {
    return needed || given != 0 ? given : BT_NONE;
}

bt_order_id bt_broker_order(bt_broker *broker, bt_order order) {
    (void)broker;
    bool limit = order.kind == BT_LIMIT || order.kind == BT_STOP_LIMIT;
    bool stop = order.kind != BT_MARKET && order.kind != BT_LIMIT;
    return bt_abi_broker_submit((uint32_t)order.instrument, order.side, order.kind, order.quantity, order.measure,
                                price(order.limit, limit), price(order.stop, stop), order.time_in_force, order.until,
                                order.reduce_only);
}

bt_order_id bt_broker_buy(bt_broker *broker, size_t instrument, double units) {
    bt_order order = {.instrument = instrument, .side = BT_BUY, .quantity = units};
    return bt_broker_order(broker, order);
}

bt_order_id bt_broker_sell(bt_broker *broker, size_t instrument, double units) {
    bt_order order = {.instrument = instrument, .side = BT_SELL, .quantity = units};
    return bt_broker_order(broker, order);
}

bt_exits bt_broker_bracket(bt_broker *broker, bt_order_id entry, double stop_loss, double take_profit) {
    (void)broker;
    bt_order_id first = bt_abi_broker_bracket(entry, stop_loss, take_profit);
    bt_exits exits = {first, first + 1};
    return exits;
}

void bt_broker_one_cancels_other(bt_broker *broker, bt_order_id first, bt_order_id second) {
    (void)broker;
    bt_abi_broker_one_cancels_other(first, second);
}

void bt_broker_cancel(bt_broker *broker, bt_order_id order) {
    (void)broker;
    bt_abi_broker_cancel(order);
}

void bt_broker_target(bt_broker *broker, size_t instrument, double exposure) {
    (void)broker;
    bt_abi_broker_target((uint32_t)instrument, exposure);
}

void bt_broker_hold(bt_broker *broker, size_t instrument, double exposure) {
    bool known = instrument < broker->instruments;
    if (exposure == (known ? broker->held[instrument] : 0)) return;
    if (known) broker->held[instrument] = exposure;
    bt_broker_target(broker, instrument, exposure);
}

void bt_broker_mute(bt_broker *broker, bt_event event) {
    (void)broker;
    bt_abi_broker_mute(event);
}

void bt_broker_fail(bt_broker *broker, bt_result why) {
    (void)broker;
    if (!why) bt_panic("a task cannot fail with BT_OK; give bt_invalid(...) or bt_failed(...)");
    bt_flush();
    bt_abi_broker_fail(why->said.tag, why->said.failed.ptr, why->said.failed.len);
    // The host has ended the task.
    __builtin_unreachable();
}

const char *bt_reason_name(bt_reason reason) {
    static const char *const names[] = {
        "bad-quantity",       "bad-price",   "unknown-instrument", "unknown-order", "not-open",
        "lot-size",           "tick-size",   "insufficient-funds", "reduce-only",   "too-many-orders",
        "expired",            "other-filled", "cancelled",         "no-bar",        "liquidated",
    };
    size_t index = (size_t)reason;
    return index < sizeof names / sizeof *names ? names[index] : "unknown";
}
