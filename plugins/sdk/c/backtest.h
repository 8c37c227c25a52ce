// Write a trading strategy in C11 or C++20.
//
// A strategy is a few functions, and a macro for each interface that it has:
//
//     BT_DESCRIBE(describe);                              its name and its parameters
//     BT_SIGNALS(prepare, evaluate);                      sees all bars at once and answers with targets
//     BT_EVENTS(.start = start, .on_bar = on_bar);        hears of one bar at a time and sends orders
//
// Indicators are in indicators.h.
//
// Memory: nothing has to be freed. Whatever is handed to a strategy stays as it is for good, and the memory of a task is
// thrown away with it. Texts are UTF-8 and end with a zero.
#ifndef BACKTEST_H
#define BACKTEST_H

#include "abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BT_NORETURN __attribute__((noreturn))
#define BT_PRINTF(text, first) __attribute__((format(printf, text, first)))

// Errors.

// What a function returns that can fail: BT_OK, bt_invalid(...) or bt_failed(...).
typedef const struct bt_error *bt_result;
#define BT_OK ((bt_result)0)

// The parameters make no sense together: the text says which and why, as in `fast` (50) is not below `slow` (20).
bt_result bt_invalid(const char *format, ...) BT_PRINTF(1, 2);

// The strategy met a problem of its own: the text says what.
bt_result bt_failed(const char *format, ...) BT_PRINTF(1, 2);

// Ends the task at once, with the text and where it was called. A failed assert() does the same.
#define bt_panic(...) bt_panic_at(__FILE__, __LINE__, __func__, __VA_ARGS__)
BT_NORETURN void bt_panic_at(const char *file, int line, const char *function, const char *format, ...) BT_PRINTF(4, 5);

// Lines for the log of the task. What is printed on stdout is logged as bt_log_info does, on stderr as bt_log_error does.

void bt_log_debug(const char *format, ...) BT_PRINTF(1, 2);
void bt_log_info(const char *format, ...) BT_PRINTF(1, 2);
void bt_log_warn(const char *format, ...) BT_PRINTF(1, 2);
// The last such line before a trap is shown with it.
void bt_log_error(const char *format, ...) BT_PRINTF(1, 2);

// The description: a strategy's name, and every parameter with its default value. The host checks what it hands over by
// the bounds and choices that are declared here.

typedef struct bt_description bt_description;
typedef struct bt_parameter bt_parameter;

void bt_describe(bt_description *description, const char *name, const char *version, const char *summary);

bt_parameter *bt_declare_boolean(bt_description *description, const char *name, const char *doc, bool value);
bt_parameter *bt_declare_integer(bt_description *description, const char *name, const char *doc, int64_t value);
bt_parameter *bt_declare_number(bt_description *description, const char *name, const char *doc, double value);
bt_parameter *bt_declare_text(bt_description *description, const char *name, const char *doc, const char *value);

// Bounds, which are both allowed.
void bt_range(bt_parameter *parameter, double minimum, double maximum);
void bt_at_least(bt_parameter *parameter, double minimum);
void bt_at_most(bt_parameter *parameter, double maximum);

// Adds one value to those that the parameter may have. Without any, it may have all.
void bt_choose_integer(bt_parameter *parameter, int64_t choice);
void bt_choose_number(bt_parameter *parameter, double choice);
void bt_choose_text(bt_parameter *parameter, const char *choice);

// The parameters of one task, by name. One that the description does not declare, or declares with another type, reads as
// 0 or "", and the task fails with an error that names it, whatever the strategy returns.

typedef struct bt_params bt_params;

bool bt_boolean(const bt_params *params, const char *name);
int64_t bt_integer(const bt_params *params, const char *name);
// An integer that counts something, for example the bars of a window: one below 0 is an error.
size_t bt_count(const bt_params *params, const char *name);
double bt_number(const bt_params *params, const char *name);
const char *bt_text(const bt_params *params, const char *name);

// Signals.

// Bars of one instrument, oldest first, as columns of equal length.
typedef struct {
    const char *symbol;
    size_t bars;
    // Nanoseconds since the Unix epoch, UTC.
    const int64_t *time;
    // Quote currency.
    const double *open, *high, *low, *close;
    // Units traded; zero where the data has no volume.
    const double *volume;
} bt_series;

// Target exposures, with room for one at each bar of each instrument.
typedef struct {
    uint32_t *at, *instrument;
    double *exposure;
    size_t length, capacity, instruments;
    // The first entry of each run that bt_instrument began.
    size_t *runs, runs_length, runs_capacity;
} bt_targets;

// The share of equity that each instrument gets when all get the same: 1 where there is only one.
double bt_share(const bt_targets *targets);

// What is held of one instrument while its targets are written, bar by bar.
typedef struct {
    bt_targets *targets;
    uint32_t instrument;
    double held;
} bt_position;

// Begins the targets of an instrument, which holds nothing so far. Write instrument by instrument: the answer is then
// sorted by the time of the bars.
bt_position bt_instrument(bt_targets *targets, size_t instrument);

BT_NORETURN void bt_targets_full(size_t capacity);

// Writes one entry as it is. Entries written this way alone must come in the order of the time of their bars.
static inline void bt_set(bt_targets *targets, size_t at, size_t instrument, double exposure) {
    size_t next = targets->length;
    if (next >= targets->capacity) bt_targets_full(targets->capacity);
    targets->at[next] = (uint32_t)at;
    targets->instrument[next] = (uint32_t)instrument;
    targets->exposure[next] = exposure;
    targets->length = next + 1;
}

// Holds `exposure` of equity from bar `at` on: 1 is fully long, 0 flat, -1 fully short. Nothing is written where that much
// is held already.
static inline void bt_hold(bt_position *position, size_t at, double exposure) {
    if (exposure != position->held) {
        position->held = exposure;
        bt_set(position->targets, at, position->instrument, exposure);
    }
}

// Describes the strategy. Called before anything else.
typedef void bt_describe_fn(bt_description *description);
// Takes the data and computes whatever all combinations share. Called once for each data set.
typedef bt_result bt_prepare_fn(const bt_series *data, size_t instruments);
// Writes the targets for one combination of parameters, starting from what `prepare` left.
typedef bt_result bt_evaluate_fn(const bt_params *params, bt_targets *targets);

// Events.

// One bar that has closed, and the account at its close.
typedef struct {
    // Index of the instrument among the symbols of `start`.
    size_t instrument;
    // Nanoseconds since the Unix epoch, UTC.
    int64_t time;
    // Quote currency.
    double open, high, low, close;
    // Units traded; zero where the data has no volume.
    double volume;
    // Units held of the instrument, negative where short.
    double position;
    // What the account is worth at the closes of this time stamp, in quote currency.
    double equity;
} bt_bar;

// 1 for the first order of a run, each one higher than the one before.
typedef uint64_t bt_order_id;

// One order, or a part of it, as it was filled.
typedef struct {
    // 0 where it was a target, or a position that the host closed.
    bt_order_id order;
    size_t instrument;
    // Units, negative where sold.
    double quantity;
    // What one unit cost or brought, slippage included, in quote currency.
    double price;
    // Quote currency.
    double fee;
} bt_fill;

typedef enum { BT_BUY = BT_ABI_SIDE_BUY, BT_SELL = BT_ABI_SIDE_SELL } bt_side;

typedef enum {
    // At the next price there is.
    BT_MARKET = BT_ABI_KIND_MARKET,
    // At `limit` or better.
    BT_LIMIT = BT_ABI_KIND_LIMIT,
    // As a market order, once the price has reached `stop`.
    BT_STOP = BT_ABI_KIND_STOP,
    // As a limit order, once the price has reached `stop`.
    BT_STOP_LIMIT = BT_ABI_KIND_STOP_LIMIT,
    // Once the price has come back by `stop`, in quote currency, from the best one since the order was sent.
    BT_TRAILING_STOP = BT_ABI_KIND_TRAILING_STOP,
    // The same for a fraction of the best price: above 0 and below 1.
    BT_TRAILING_STOP_PERCENT = BT_ABI_KIND_TRAILING_STOP_PERCENT,
} bt_kind;

// What the quantity of an order counts: units, shares of equity (0.5 is one half) or quote currency.
typedef enum {
    BT_OF_UNITS = BT_ABI_MEASURE_UNITS,
    BT_OF_EQUITY = BT_ABI_MEASURE_EQUITY,
    BT_OF_VALUE = BT_ABI_MEASURE_VALUE,
} bt_measure;

typedef enum {
    // Until it is filled or cancelled.
    BT_GTC = BT_ABI_TIME_IN_FORCE_GTC,
    // Through the first day (UTC) on which its instrument has a bar after it was sent.
    BT_DAY = BT_ABI_TIME_IN_FORCE_DAY,
    // The first price at which it could be filled, or never.
    BT_IOC = BT_ABI_TIME_IN_FORCE_IOC,
    // Through the bars up to and including `until`.
    BT_GTD = BT_ABI_TIME_IN_FORCE_GTD,
} bt_time_in_force;

// An order. What is left out is zero: a market order to buy units of the first instrument, until cancelled.
typedef struct {
    size_t instrument;
    bt_side side;
    double quantity;
    bt_measure measure;
    bt_kind kind;
    // Quote currency for one unit. A price that the kind has no use for stays 0.
    double limit;
    // Quote currency for one unit, or the distance of a trailing stop.
    double stop;
    bt_time_in_force time_in_force;
    // Nanoseconds since the Unix epoch.
    int64_t until;
    // Never does more than close what is held when it is filled.
    bool reduce_only;
} bt_order;

typedef enum {
    BT_BAD_QUANTITY = BT_ABI_REASON_BAD_QUANTITY,
    BT_BAD_PRICE = BT_ABI_REASON_BAD_PRICE,
    BT_UNKNOWN_INSTRUMENT = BT_ABI_REASON_UNKNOWN_INSTRUMENT,
    BT_UNKNOWN_ORDER = BT_ABI_REASON_UNKNOWN_ORDER,
    BT_NOT_OPEN = BT_ABI_REASON_NOT_OPEN,
    BT_LOT_SIZE = BT_ABI_REASON_LOT_SIZE,
    BT_TICK_SIZE = BT_ABI_REASON_TICK_SIZE,
    BT_INSUFFICIENT_FUNDS = BT_ABI_REASON_INSUFFICIENT_FUNDS,
    BT_REDUCE_ONLY = BT_ABI_REASON_REDUCE_ONLY,
    BT_TOO_MANY_ORDERS = BT_ABI_REASON_TOO_MANY_ORDERS,
    BT_EXPIRED = BT_ABI_REASON_EXPIRED,
    BT_OTHER_FILLED = BT_ABI_REASON_OTHER_FILLED,
    BT_CANCELLED = BT_ABI_REASON_CANCELLED,
    BT_NO_BAR = BT_ABI_REASON_NO_BAR,
    BT_LIQUIDATED = BT_ABI_REASON_LIQUIDATED,
} bt_reason;

// The reason in words, as in `bad-quantity`.
const char *bt_reason_name(bt_reason reason);

// Events that can be muted.
typedef enum {
    BT_ON_BAR = BT_ABI_EVENT_BAR,
    BT_ON_TIME = BT_ABI_EVENT_TIME,
    BT_ON_FILL = BT_ABI_EVENT_FILL,
    BT_ON_REJECT = BT_ABI_EVENT_REJECT,
} bt_event;

// Where a strategy sends its orders. Nothing answers at once: what an order comes to is heard through `on_fill` and
// `on_reject`.
typedef struct bt_broker bt_broker;

size_t bt_broker_instruments(const bt_broker *broker);
// The share of equity that each instrument gets when all get the same: 1 where there is only one.
double bt_broker_share(const bt_broker *broker);

// Sends an order. It can be filled from the instrument's next bar on, or at this close where the user asks for it.
bt_order_id bt_broker_order(bt_broker *broker, bt_order order);
// Market orders for so many units.
bt_order_id bt_broker_buy(bt_broker *broker, size_t instrument, double units);
bt_order_id bt_broker_sell(bt_broker *broker, size_t instrument, double units);

typedef struct {
    bt_order_id stop_loss, take_profit;
} bt_exits;

// Attaches exits to an entry that is open: prices in quote currency for one unit, or BT_NONE. They wait until the entry is
// filled, only reduce, and one cancels the other.
bt_exits bt_broker_bracket(bt_broker *broker, bt_order_id entry, double stop_loss, double take_profit);
#define BT_NONE __builtin_nan("")

// What is filled of one of two orders is taken from the other; one that is filled in full or cancelled cancels it.
void bt_broker_one_cancels_other(bt_broker *broker, bt_order_id first, bt_order_id second);
// Cancels an open order, and the exits that still wait for it.
void bt_broker_cancel(bt_broker *broker, bt_order_id order);

// Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask for a
// rebalance.
void bt_broker_target(bt_broker *broker, size_t instrument, double exposure);
// The same, unless that was the last thing asked for here. Before the first, nothing is held.
void bt_broker_hold(bt_broker *broker, size_t instrument, double exposure);

// From now on, does not call the strategy for `event`. What is not called costs no time.
void bt_broker_mute(bt_broker *broker, bt_event event);
// Ends the task with bt_invalid(...) or bt_failed(...).
BT_NORETURN void bt_broker_fail(bt_broker *broker, bt_result why);

// What a strategy hears. What is left out is muted at its first call.
typedef struct {
    // Begins a run over the instruments `symbols`.
    bt_result (*start)(const char *const *symbols, size_t instruments, const bt_params *params);
    // A bar has closed.
    void (*on_bar)(const bt_bar *bar, bt_broker *broker);
    // All bars of a time stamp have closed: the place for what compares instruments.
    void (*on_time)(int64_t time, double equity, bt_broker *broker);
    // An order, or a part of it, was filled.
    void (*on_fill)(const bt_fill *fill, bt_broker *broker);
    // An order, or what was left of it, is gone without being filled.
    void (*on_reject)(bt_order_id order, bt_reason reason, bt_broker *broker);
    // The data has ended. Nothing can be sent any more.
    void (*finish)(void);
} bt_events;

// The exports. Each macro stands once, in one file, outside of all functions.

#define BT_DESCRIBE(describe)                                                                                            \
    BT_ABI_EXPORT_METADATA_DESCRIBE(bt_export_describe) { return bt_run_describe(describe); }                            \
    struct bt_described

#define BT_SIGNALS(prepare, evaluate)                                                                                    \
    BT_ABI_EXPORT_SIGNALS_PREPARE(bt_export_prepare) { return bt_run_prepare(prepare, data, data_len); }                 \
    BT_ABI_EXPORT_SIGNALS_EVALUATE(bt_export_evaluate) { return bt_run_evaluate(evaluate, params, params_len); }         \
    struct bt_signalled

#define BT_EVENTS(...)                                                                                                   \
    static const bt_events bt_heard = {__VA_ARGS__};                                                                     \
    BT_ABI_EXPORT_EVENTS_START(bt_export_start) {                                                                        \
        return bt_run_start(&bt_heard, symbols, symbols_len, params, params_len);                                        \
    }                                                                                                                    \
    BT_ABI_EXPORT_EVENTS_ON_BAR(bt_export_on_bar) {                                                                      \
        bt_bar bar = {instrument, time, open, high, low, close, volume, position, equity};                               \
        bt_run_on_bar(&bt_heard, &bar);                                                                                  \
    }                                                                                                                    \
    BT_ABI_EXPORT_EVENTS_ON_TIME(bt_export_on_time) { bt_run_on_time(&bt_heard, time, equity); }                         \
    BT_ABI_EXPORT_EVENTS_ON_FILL(bt_export_on_fill) {                                                                    \
        bt_fill fill = {order, instrument, quantity, price, fee};                                                        \
        bt_run_on_fill(&bt_heard, &fill);                                                                                \
    }                                                                                                                    \
    BT_ABI_EXPORT_EVENTS_ON_REJECT(bt_export_on_reject) { bt_run_on_reject(&bt_heard, order, (bt_reason)reason); }       \
    BT_ABI_EXPORT_EVENTS_FINISH(bt_export_finish) { bt_run_finish(&bt_heard); }                                          \
    struct bt_listening

// What the macros call.
const bt_abi_description *bt_run_describe(bt_describe_fn *describe);
const bt_abi_result *bt_run_prepare(bt_prepare_fn *prepare, const bt_abi_series *data, size_t instruments);
const bt_abi_result_targets *bt_run_evaluate(bt_evaluate_fn *evaluate, const bt_abi_param *params, size_t length);
const bt_abi_result *bt_run_start(const bt_events *events, const bt_abi_text *symbols, size_t instruments,
                                  const bt_abi_param *params, size_t length);
void bt_run_on_bar(const bt_events *events, const bt_bar *bar);
void bt_run_on_time(const bt_events *events, int64_t time, double equity);
void bt_run_on_fill(const bt_events *events, const bt_fill *fill);
void bt_run_on_reject(const bt_events *events, bt_order_id order, bt_reason reason);
void bt_run_finish(const bt_events *events);

#ifdef __cplusplus
}
#endif

#endif
