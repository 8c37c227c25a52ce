// Generated from the contract in `wit/`; do not edit.
//
// Types as they lie in memory, the functions of the host, and the names of those that a strategy exports. `backtest.h` is
// what a strategy uses.
#ifndef BT_ABI_H
#define BT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
#include <assert.h>
#include <stdalign.h>
#endif

// A text in UTF-8, which no zero ends.
typedef struct {
    const char *ptr;
    size_t len;
} bt_abi_text;

// How much a line of the log matters.
enum {
    // For the author while writing the plugin.
    BT_ABI_LEVEL_DEBUG = 0,
    // What happened, in the normal course of things.
    BT_ABI_LEVEL_INFO = 1,
    // Something that the user should look at.
    BT_ABI_LEVEL_WARN = 2,
    // Something that went wrong; the last one before a trap becomes the message of the failed task.
    BT_ABI_LEVEL_ERROR = 3,
};

// Which way an order trades.
enum {
    BT_ABI_SIDE_BUY = 0,
    BT_ABI_SIDE_SELL = 1,
};

// When an order trades, and at what price.
enum {
    // At the next price there is: the next open, or this close where the user asks for it.
    BT_ABI_KIND_MARKET = 0,
    // At `limit` or better.
    BT_ABI_KIND_LIMIT = 1,
    // As a market order, once the price has reached `stop`.
    BT_ABI_KIND_STOP = 2,
    // As a limit order at `limit`, once the price has reached `stop`.
    BT_ABI_KIND_STOP_LIMIT = 3,
    // As a stop order that follows the best price since it was sent at a distance of `stop` in quote currency.
    BT_ABI_KIND_TRAILING_STOP = 4,
    // The same, at a distance of `stop` as a fraction of the best price: above 0 and below 1.
    BT_ABI_KIND_TRAILING_STOP_PERCENT = 5,
};

// What the quantity of an order counts.
enum {
    // Units of the instrument.
    BT_ABI_MEASURE_UNITS = 0,
    // Shares of the account's equity when the order is filled, costs included: 0.5 is one half. Above 0, at most 100.
    BT_ABI_MEASURE_EQUITY = 1,
    // Quote currency when the order is filled, costs included.
    BT_ABI_MEASURE_VALUE = 2,
};

// How long an order waits.
enum {
    // Until it is filled or cancelled.
    BT_ABI_TIME_IN_FORCE_GTC = 0,
    // Through the first day (UTC) on which its instrument has a bar after it was sent.
    BT_ABI_TIME_IN_FORCE_DAY = 1,
    // Only for the first price at which it could be filled; what is not filled then is cancelled.
    BT_ABI_TIME_IN_FORCE_IOC = 2,
    // Through the bars up to and including the time `until`.
    BT_ABI_TIME_IN_FORCE_GTD = 3,
};

// What a strategy can hear.
enum {
    BT_ABI_EVENT_BAR = 0,
    BT_ABI_EVENT_TIME = 1,
    BT_ABI_EVENT_FILL = 2,
    BT_ABI_EVENT_REJECT = 3,
};

// Why a plugin gives no answer. Both cases fail one task and no other.
typedef struct {
    uint8_t tag;
    union {
        bt_abi_text invalid_params;
        bt_abi_text failed;
    };
} bt_abi_error;
enum {
    // The parameters make no sense together (`fast` is not below `slow`): the text says which and why.
    BT_ABI_ERROR_INVALID_PARAMS = 0,
    // The strategy met a problem of its own: the text says what.
    BT_ABI_ERROR_FAILED = 1,
};
static_assert(sizeof(bt_abi_error) == 12 && alignof(bt_abi_error) == 4, "its size");
static_assert(offsetof(bt_abi_error, invalid_params) == 4, "its place");
static_assert(offsetof(bt_abi_error, failed) == 4, "its place");

// The value of a parameter.
typedef struct {
    uint8_t tag;
    union {
        bool boolean;
        int64_t integer;
        double number;
        bt_abi_text text;
    };
} bt_abi_value;
enum {
    // True or false.
    BT_ABI_VALUE_BOOLEAN = 0,
    // A whole number, for example a window in bars.
    BT_ABI_VALUE_INTEGER = 1,
    // A finite real number, for example a threshold.
    BT_ABI_VALUE_NUMBER = 2,
    // A text, for example the name of a variant of the strategy.
    BT_ABI_VALUE_TEXT = 3,
};
static_assert(sizeof(bt_abi_value) == 16 && alignof(bt_abi_value) == 8, "its size");
static_assert(offsetof(bt_abi_value, boolean) == 8, "its place");
static_assert(offsetof(bt_abi_value, integer) == 8, "its place");
static_assert(offsetof(bt_abi_value, number) == 8, "its place");
static_assert(offsetof(bt_abi_value, text) == 8, "its place");

typedef struct {
    uint8_t tag;
    union {
        double some;
    };
} bt_abi_option_f64;
enum {
    BT_ABI_OPTION_F64_NONE = 0,
    BT_ABI_OPTION_F64_SOME = 1,
};
static_assert(sizeof(bt_abi_option_f64) == 16 && alignof(bt_abi_option_f64) == 8, "its size");
static_assert(offsetof(bt_abi_option_f64, some) == 8, "its place");

typedef struct {
    const bt_abi_value *ptr;
    size_t len;
} bt_abi_list_value;
static_assert(sizeof(bt_abi_list_value) == 8 && alignof(bt_abi_list_value) == 4, "its size");
static_assert(offsetof(bt_abi_list_value, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_value, len) == 4, "its place");

// One parameter that a plugin takes.
typedef struct {
    // A letter, then letters, digits and `_`: the name in grids and result columns. Unique within a plugin.
    bt_abi_text name;
    // One line for the user: meaning and unit.
    bt_abi_text doc;
    // The value where a grid leaves the parameter out. Its case is the type of the parameter.
    bt_abi_value default_value;
    // The lowest value allowed, for integers and numbers.
    bt_abi_option_f64 minimum;
    // The highest value allowed, for integers and numbers.
    bt_abi_option_f64 maximum;
    // All values allowed, where they are a list; empty means any. Each is of the type of the default.
    bt_abi_list_value choices;
} bt_abi_parameter;
static_assert(sizeof(bt_abi_parameter) == 72 && alignof(bt_abi_parameter) == 8, "its size");
static_assert(offsetof(bt_abi_parameter, name) == 0, "its place");
static_assert(offsetof(bt_abi_parameter, doc) == 8, "its place");
static_assert(offsetof(bt_abi_parameter, default_value) == 16, "its place");
static_assert(offsetof(bt_abi_parameter, minimum) == 32, "its place");
static_assert(offsetof(bt_abi_parameter, maximum) == 48, "its place");
static_assert(offsetof(bt_abi_parameter, choices) == 64, "its place");

typedef struct {
    const bt_abi_parameter *ptr;
    size_t len;
} bt_abi_list_parameter;
static_assert(sizeof(bt_abi_list_parameter) == 8 && alignof(bt_abi_list_parameter) == 4, "its size");
static_assert(offsetof(bt_abi_list_parameter, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_parameter, len) == 4, "its place");

// How to read the bytes that `task.run` answers with.
enum {
    // A JSON value in UTF-8. The host checks it and shows it as it is.
    BT_ABI_ENCODING_JSON = 0,
    // Anything else (postcard, for one). The host passes it on unread.
    BT_ABI_ENCODING_BINARY = 1,
};

// A plugin in its own words.
typedef struct {
    // A short name, for example `momentum`.
    bt_abi_text name;
    // The version of the plugin, for example `1.2.0`.
    bt_abi_text version;
    // One sentence for the user.
    bt_abi_text summary;
    // Every parameter, in the order in which tables show them; may be empty.
    bt_abi_list_parameter parameters;
    // How to read the answers of `task.run`. Of no meaning where a plugin does not export `task`.
    uint8_t output;
} bt_abi_description;
static_assert(sizeof(bt_abi_description) == 36 && alignof(bt_abi_description) == 4, "its size");
static_assert(offsetof(bt_abi_description, name) == 0, "its place");
static_assert(offsetof(bt_abi_description, version) == 8, "its place");
static_assert(offsetof(bt_abi_description, summary) == 16, "its place");
static_assert(offsetof(bt_abi_description, parameters) == 24, "its place");
static_assert(offsetof(bt_abi_description, output) == 32, "its place");

typedef struct {
    const int64_t *ptr;
    size_t len;
} bt_abi_list_s64;
static_assert(sizeof(bt_abi_list_s64) == 8 && alignof(bt_abi_list_s64) == 4, "its size");
static_assert(offsetof(bt_abi_list_s64, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_s64, len) == 4, "its place");

typedef struct {
    const double *ptr;
    size_t len;
} bt_abi_list_f64;
static_assert(sizeof(bt_abi_list_f64) == 8 && alignof(bt_abi_list_f64) == 4, "its size");
static_assert(offsetof(bt_abi_list_f64, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_f64, len) == 4, "its place");

// Bars of one instrument, oldest first, as columns of equal length.
//
// The host has checked them: times are strictly increasing, prices are finite and above zero, and no high is below
// its low. The lists may be empty.
typedef struct {
    // The instrument's name, for example `MSFT`. Unique within a data set.
    bt_abi_text symbol;
    // Nanoseconds since the Unix epoch, UTC.
    bt_abi_list_s64 time;
    // The first price of each bar, in quote currency.
    bt_abi_list_f64 open;
    // The highest price of each bar, in quote currency.
    bt_abi_list_f64 high;
    // The lowest price of each bar, in quote currency.
    bt_abi_list_f64 low;
    // The last price of each bar, in quote currency.
    bt_abi_list_f64 close;
    // Units traded in each bar; zero where the data has no volume.
    bt_abi_list_f64 volume;
} bt_abi_series;
static_assert(sizeof(bt_abi_series) == 56 && alignof(bt_abi_series) == 4, "its size");
static_assert(offsetof(bt_abi_series, symbol) == 0, "its place");
static_assert(offsetof(bt_abi_series, time) == 8, "its place");
static_assert(offsetof(bt_abi_series, open) == 16, "its place");
static_assert(offsetof(bt_abi_series, high) == 24, "its place");
static_assert(offsetof(bt_abi_series, low) == 32, "its place");
static_assert(offsetof(bt_abi_series, close) == 40, "its place");
static_assert(offsetof(bt_abi_series, volume) == 48, "its place");

typedef struct {
    const bt_abi_series *ptr;
    size_t len;
} bt_abi_list_series;
static_assert(sizeof(bt_abi_list_series) == 8 && alignof(bt_abi_list_series) == 4, "its size");
static_assert(offsetof(bt_abi_list_series, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_series, len) == 4, "its place");

typedef struct {
    uint8_t tag;
    union {
        bt_abi_error error;
    };
} bt_abi_result;
enum {
    BT_ABI_RESULT_OK = 0,
    BT_ABI_RESULT_ERROR = 1,
};
static_assert(sizeof(bt_abi_result) == 16 && alignof(bt_abi_result) == 4, "its size");
static_assert(offsetof(bt_abi_result, error) == 4, "its place");

// One parameter of one task.
typedef struct {
    // The name that the plugin declared in its description.
    bt_abi_text name;
    // A value of the declared type, within the declared bounds and choices.
    bt_abi_value value;
} bt_abi_param;
static_assert(sizeof(bt_abi_param) == 24 && alignof(bt_abi_param) == 8, "its size");
static_assert(offsetof(bt_abi_param, name) == 0, "its place");
static_assert(offsetof(bt_abi_param, value) == 8, "its place");

typedef struct {
    const bt_abi_param *ptr;
    size_t len;
} bt_abi_list_param;
static_assert(sizeof(bt_abi_list_param) == 8 && alignof(bt_abi_list_param) == 4, "its size");
static_assert(offsetof(bt_abi_list_param, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_param, len) == 4, "its place");

typedef struct {
    const uint32_t *ptr;
    size_t len;
} bt_abi_list_u32;
static_assert(sizeof(bt_abi_list_u32) == 8 && alignof(bt_abi_list_u32) == 4, "its size");
static_assert(offsetof(bt_abi_list_u32, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_u32, len) == 4, "its place");

// Wishes, sorted by the time of their bars. The three lists are equally long, and may be empty.
//
// From bar `at[i]` of the series of instrument `instrument[i]` on, hold `exposure[i]` of the account's equity in it,
// until the next wish for the same instrument. Before the first, nothing is held. Only changes are named, at most
// one for each bar of each instrument; a repeated exposure asks to rebalance. Lists of unequal length, an index
// out of range, an unsorted or doubled bar or an exposure that is not finite fail the task as `bad-output`.
typedef struct {
    // Indices of bars, counted from 0 in the instrument's own series.
    bt_abi_list_u32 at;
    // Indices of instruments, counted from 0 in the order of `prepare`.
    bt_abi_list_u32 instrument;
    // Shares of equity: 1 is fully long, 0 flat, -1 fully short. What the account cannot pay for is cut.
    bt_abi_list_f64 exposure;
} bt_abi_targets;
static_assert(sizeof(bt_abi_targets) == 24 && alignof(bt_abi_targets) == 4, "its size");
static_assert(offsetof(bt_abi_targets, at) == 0, "its place");
static_assert(offsetof(bt_abi_targets, instrument) == 8, "its place");
static_assert(offsetof(bt_abi_targets, exposure) == 16, "its place");

typedef struct {
    uint8_t tag;
    union {
        bt_abi_targets ok;
        bt_abi_error error;
    };
} bt_abi_result_targets;
enum {
    BT_ABI_RESULT_TARGETS_OK = 0,
    BT_ABI_RESULT_TARGETS_ERROR = 1,
};
static_assert(sizeof(bt_abi_result_targets) == 28 && alignof(bt_abi_result_targets) == 4, "its size");
static_assert(offsetof(bt_abi_result_targets, ok) == 4, "its place");
static_assert(offsetof(bt_abi_result_targets, error) == 4, "its place");

typedef struct {
    const bt_abi_text *ptr;
    size_t len;
} bt_abi_list_text;
static_assert(sizeof(bt_abi_list_text) == 8 && alignof(bt_abi_list_text) == 4, "its size");
static_assert(offsetof(bt_abi_list_text, ptr) == 0, "its place");
static_assert(offsetof(bt_abi_list_text, len) == 4, "its place");

// Why an order, or what is left of it, is not filled.
enum {
    // The quantity is not a finite number above 0.
    BT_ABI_REASON_BAD_QUANTITY = 0,
    // A price that the kind needs is not a finite number above 0, or one that it has no use for is given.
    BT_ABI_REASON_BAD_PRICE = 1,
    // There is no such instrument.
    BT_ABI_REASON_UNKNOWN_INSTRUMENT = 2,
    // There is no such order.
    BT_ABI_REASON_UNKNOWN_ORDER = 3,
    // The order is no longer open: it is filled, cancelled, expired or rejected.
    BT_ABI_REASON_NOT_OPEN = 4,
    // The quantity is less than one lot, or no whole number of lots where that is asked for, or too small beside what is
    // held to change it.
    BT_ABI_REASON_LOT_SIZE = 5,
    // A price is no whole number of ticks, where that is asked for.
    BT_ABI_REASON_TICK_SIZE = 6,
    // The account cannot pay for it.
    BT_ABI_REASON_INSUFFICIENT_FUNDS = 7,
    // It was only to reduce a position, and there is none to reduce.
    BT_ABI_REASON_REDUCE_ONLY = 8,
    // Too many orders are open.
    BT_ABI_REASON_TOO_MANY_ORDERS = 9,
    // Its time in force is over.
    BT_ABI_REASON_EXPIRED = 10,
    // The other order of its pair was filled or is gone.
    BT_ABI_REASON_OTHER_FILLED = 11,
    // The strategy cancelled it.
    BT_ABI_REASON_CANCELLED = 12,
    // Its instrument has no bar when it was to be filled, and the user asks that it does not wait.
    BT_ABI_REASON_NO_BAR = 13,
    // The account was liquidated or wiped out.
    BT_ABI_REASON_LIQUIDATED = 14,
};

// Writes one line to the log of the running task.
//
// Lines and bytes of a task are limited; what exceeds the limit is dropped and counted. Control characters are
// replaced. A plugin cannot read anything back.
__attribute__((import_module("backtest:strategy/host@0.1.0"), import_name("log")))
void bt_abi_host_log(int32_t level, const char *message, size_t message_len);

// Sends an order and returns its number: 1 for the first, each one higher than the one before.
//
// `instrument` is an index into the symbols of `events.start`. `quantity` is above 0, counted as `measure` says.
// `limit` and `stop` are prices in quote currency (or the distance of a trailing stop), NaN where the kind has none. `until` is in
// nanoseconds since the Unix epoch and counts for `gtd` alone. With `reduce-only` the order never does more than
// close what is held when it is filled.
//
// The order can be filled from the instrument's next bar on.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("submit")))
uint64_t bt_abi_broker_submit(uint32_t instrument, int32_t side, int32_t kind, double quantity, int32_t measure, double limit, double stop, int32_t time_in_force, int64_t until, int32_t reduce_only);

// Attaches two exits to an entry that is open: a stop at `stop-loss` and a limit at `take-profit`, either of them NaN
// for none. They wait until the entry is filled, are as large as what of it is filled, and only reduce; one cancels
// the other. Returns the number of the stop; that of the limit is one higher.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("bracket")))
uint64_t bt_abi_broker_bracket(uint64_t entry, double stop_loss, double take_profit);

// Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
// or cancelled cancels the other.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("one-cancels-other")))
void bt_abi_broker_one_cancels_other(uint64_t first, uint64_t second);

// Cancels an open order, and the exits that still wait for it.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("cancel")))
void bt_abi_broker_cancel(uint64_t order);

// Asks for `exposure` of the account's equity in an instrument, as `signals.targets` does: 1 is fully long, 0 flat, -1
// fully short. It trades when a market order would, and replaces a wish for the same instrument that still waits.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("target")))
void bt_abi_broker_target(uint32_t instrument, double exposure);

// From now on, does not call the strategy for `event`. What is not called costs no time.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("mute")))
void bt_abi_broker_mute(int32_t event);

// Ends the task as failed. Does not return.
__attribute__((import_module("backtest:strategy/broker@0.1.0"), import_name("fail")))
void bt_abi_broker_fail(int32_t why_case, const char *why, size_t why_len);

// Describes the plugin. Called once, before anything else, in an instance of its own.
#define BT_ABI_EXPORT_METADATA_DESCRIBE(function) \
    __attribute__((export_name("backtest:strategy/metadata@0.1.0#describe"))) \
    const bt_abi_description *function(void)

// Takes the data, and may compute whatever all tasks share. Called once for each data set.
//
// What it leaves in memory is what every `evaluate` starts from, whatever ran before.
#define BT_ABI_EXPORT_SIGNALS_PREPARE(function) \
    __attribute__((export_name("backtest:strategy/signals@0.1.0#prepare"))) \
    const bt_abi_result *function(const bt_abi_series *data, size_t data_len)

// Answers for one combination of parameters. `params` has every declared parameter, in the declared order.
#define BT_ABI_EXPORT_SIGNALS_EVALUATE(function) \
    __attribute__((export_name("backtest:strategy/signals@0.1.0#evaluate"))) \
    const bt_abi_result_targets *function(const bt_abi_param *params, size_t params_len)

// Begins a run over the instruments `symbols`. `params` has every declared parameter, in the declared order.
#define BT_ABI_EXPORT_EVENTS_START(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#start"))) \
    const bt_abi_result *function(const bt_abi_text *symbols, size_t symbols_len, const bt_abi_param *params, size_t params_len)

// A bar has closed. `time` is in nanoseconds since the Unix epoch, `position` is in units of the instrument (negative
// where short), `equity` is what the account is worth at the closes of this time stamp, in quote currency.
#define BT_ABI_EXPORT_EVENTS_ON_BAR(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#on-bar"))) \
    void function(uint32_t instrument, int64_t time, double open, double high, double low, double close, double volume, double position, double equity)

// All bars of a time stamp have been heard. The place for what compares instruments.
#define BT_ABI_EXPORT_EVENTS_ON_TIME(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#on-time"))) \
    void function(int64_t time, double equity)

// An order, or a part of it, was filled. `quantity` is in units, negative where sold; `price` is what one unit cost or
// brought, slippage included; `fee` is in quote currency. `order` is 0 where no order of the strategy's was filled, but
// a target, or a position that the host closed.
#define BT_ABI_EXPORT_EVENTS_ON_FILL(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#on-fill"))) \
    void function(uint64_t order, uint32_t instrument, double quantity, double price, double fee)

// An order, or what was left of it, is gone without being filled.
#define BT_ABI_EXPORT_EVENTS_ON_REJECT(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#on-reject"))) \
    void function(uint64_t order, int32_t reason)

// The data has ended. What is sent from here is ignored.
#define BT_ABI_EXPORT_EVENTS_FINISH(function) \
    __attribute__((export_name("backtest:strategy/events@0.1.0#finish"))) \
    void function(void)

#ifdef __cplusplus
}
#endif

#endif
