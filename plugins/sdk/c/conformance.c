// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sdk/backtest.h"
#include "sdk/indicators.h"

static const char *const cases[] = {
    "targets", "empty", "invalid",  "failed", "raise",  "echo",   "levels", "wrong_type", "undeclared",
    "print",   "checksum", "clock", "random", "orders", "heard", "end",    "quiet",  "indicators",
};

static const int64_t second = 1000000000;

// The data, as it came.
static const bt_series *series;
static size_t instruments;

static void describe(bt_description *description) {
    bt_describe(description, "conformance", "1.2.3", "Uses all of the SDK.");
    bt_parameter *which = bt_declare_text(description, "case", "what to do", "targets");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) bt_choose_text(which, cases[i]);
    bt_range(bt_declare_integer(description, "count", "a count", 3), 0, 1000);
    bt_at_least(bt_declare_number(description, "level", "a level", 0.5), -1);
    bt_at_most(bt_declare_number(description, "cap", "a cap", 2.5), 10);
    bt_declare_boolean(description, "flag", "a flag", true);
    bt_declare_text(description, "note", "a note: naïve café ✓", "");
    bt_parameter *mode = bt_declare_integer(description, "mode", "a mode", 1);
    for (int64_t choice = 1; choice <= 3; choice++) bt_choose_integer(mode, choice);
}

static bool is(const char *text, const char *other) {
    return strcmp(text, other) == 0;
}

static long long thousandths(double value) {
    return (long long)floor(value * 1000);
}

static bt_result prepare(const bt_series *data, size_t length) {
    size_t bars = 0;
    for (size_t i = 0; i < length; i++) bars += data[i].bars;
    bt_log_info("prepared %zu instruments, %zu bars", length, bars);
    for (size_t i = 0; i < length; i++) {
        if (is(data[i].symbol, "RAISE")) bt_panic("raised in prepare");
        if (is(data[i].symbol, "REFUSE")) return bt_failed("refused in prepare");
    }
    series = data;
    instruments = length;
    return BT_OK;
}

// Every `count` bars another side: `level`, then its opposite.
static struct rhythm {
    size_t count;
    double level;
} rhythm;

static struct rhythm read_rhythm(const bt_params *params) {
    return (struct rhythm){bt_count(params, "count"), bt_number(params, "level")};
}

static bool changes(size_t at) {
    return rhythm.count > 0 && at % rhythm.count == 0;
}

static double exposure(size_t at) {
    return at / rhythm.count % 2 == 0 ? rhythm.level : -rhythm.level;
}

static void alternate(bt_targets *targets) {
    for (size_t i = 0; i < instruments; i++) {
        bt_position position = bt_instrument(targets, i);
        for (size_t t = 0; t < series[i].bars; t++) {
            if (changes(t)) bt_hold(&position, t, exposure(t));
        }
    }
}

// A sum in which every column, every bar and the length of the symbol counts.
static double digest(const bt_series *it) {
    double sum = 0;
    for (size_t t = 0; t < it->bars; t++) {
        sum += it->open[t] + 2 * it->high[t] + 3 * it->low[t] + 5 * it->close[t] + 7 * it->volume[t] +
               11 * (double)(it->time[t] / second);
    }
    return sum + (double)strlen(it->symbol);
}

static void checksum(bt_targets *targets) {
    for (size_t i = 0; i < instruments; i++) {
        if (series[i].bars == 0) continue;
        bt_position position = bt_instrument(targets, i);
        bt_hold(&position, 0, digest(&series[i]) / 1e12);
    }
}

static void hold_first(bt_targets *targets, double exposure) {
    if (instruments == 0 || series[0].bars == 0) return;
    bt_position position = bt_instrument(targets, 0);
    bt_hold(&position, 0, exposure);
}

static void echo(const bt_params *params) {
    bt_log_info("case=%s count=%lld level=%lld cap=%lld flag=%s note=%s mode=%lld", bt_text(params, "case"),
                (long long)bt_integer(params, "count"), thousandths(bt_number(params, "level")),
                thousandths(bt_number(params, "cap")), bt_boolean(params, "flag") ? "true" : "false",
                bt_text(params, "note"), (long long)bt_integer(params, "mode"));
}

static void levels(void) {
    bt_log_debug("one");
    bt_log_info("two");
    bt_log_warn("three");
    bt_log_error("four");
}

static __attribute__((noinline)) void deeper(void) {
    bt_panic("raised on purpose");
}

// The cases that only log or fail, at the beginning of a task.
static bt_result talk(const char *which, const bt_params *params) {
    if (is(which, "invalid")) return bt_invalid("count %lld is wrong", (long long)bt_integer(params, "count"));
    if (is(which, "failed")) return bt_failed("failed on purpose");
    if (is(which, "wrong_type")) bt_text(params, "count");
    if (is(which, "undeclared")) bt_integer(params, "nothing");
    if (is(which, "echo")) echo(params);
    if (is(which, "levels")) levels();
    if (is(which, "print")) {
        printf("to stdout\n");
        fprintf(stderr, "to stderr\n");
    }
    return BT_OK;
}

// The runs of all indicators: what each is called, how many bars the windows have, and whether some prices are not finite.
static const struct run {
    const char *name;
    size_t bars;
    bool gaps;
} runs[] = {{"1", 1, false}, {"3", 3, false}, {"14", 14, false}, {"gaps", 3, true}};

static const struct indicator {
    const char *name;
    // How many numbers it answers.
    size_t answers;
} indicators[] = {
    {"sma", 1},        {"ema", 1}, {"deviation", 1}, {"z_score", 1},   {"rsi", 1},  {"true_range", 1},
    {"atr", 1}, {"donchian", 2},  {"bollinger", 3}, {"macd", 3}, {"adx", 3},       {"crossings", 1},
};

enum { RUNS = sizeof runs / sizeof *runs, INDICATORS = sizeof indicators / sizeof *indicators, ANSWERS = 19 };

struct prices {
    double high, low, close;
};

// The prices of bar `at`; with gaps, some of them are not finite.
static struct prices prices(size_t at, bool gaps, double high, double low, double close) {
    if (gaps && at % 16 == 7) high = INFINITY;
    if (gaps && at % 16 == 15) close = NAN;
    return (struct prices){high, low, close};
}

// Adds to an FNV-1a of 64 bits the bytes of a number, the lowest first, with one NaN.
static void add(uint64_t *digest, double value) {
    uint64_t bits = 0x7ff8000000000000;
    if (!isnan(value)) memcpy(&bits, &value, sizeof bits);
    for (size_t byte = 0; byte < sizeof bits; byte++) *digest = (*digest ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3;
}

// The digests of all indicators, which take so many answers at each bar.
struct digests {
    uint64_t of[INDICATORS];
};

static struct digests no_digests(void) {
    struct digests none;
    for (size_t i = 0; i < INDICATORS; i++) none.of[i] = 0xcbf29ce484222325;
    return none;
}

static void add_answers(struct digests *digests, const double *answers) {
    for (size_t i = 0; i < INDICATORS; i++) {
        for (size_t answer = 0; answer < indicators[i].answers; answer++) add(&digests->of[i], *answers++);
    }
}

static void tell(const char *symbol, const struct run *run, const struct digests *digests) {
    for (size_t i = 0; i < INDICATORS; i++) {
        bt_log_info("%s %s %s %016llx", symbol, run->name, indicators[i].name, (unsigned long long)digests->of[i]);
    }
}

// Computes each indicator over columns of so many bars.
static void compute_columns(const struct run *run, size_t bars, double *high, double *low, double *close, double **to) {
    size_t n = run->bars;
    bt_crossing *crossings = malloc(bars * sizeof *crossings);
    bt_sma_column(close, bars, n, to[0]);
    bt_ema_column(close, bars, n, to[1]);
    bt_deviation_column(close, bars, n, to[2]);
    bt_z_score_column(close, bars, n, to[3]);
    bt_rsi_column(close, bars, n, to[4]);
    bt_true_range_column(high, low, close, bars, to[5]);
    bt_atr_column(high, low, close, bars, n, to[6]);
    bt_donchian_columns(high, low, bars, n, to[7], to[8]);
    bt_bollinger_columns(close, bars, n, 2, to[9], to[10], to[11]);
    bt_macd_columns(close, bars, n, 2 * n + 1, 3, to[12], to[13], to[14]);
    bt_adx_columns(high, low, close, bars, n, to[15], to[16], to[17]);
    bt_cross_column(close, to[0], bars, crossings);
    for (size_t t = 0; t < bars; t++) to[18][t] = crossings[t];
}

static void compute(const bt_series *it, const struct run *run) {
    // High, low and close, and then the answers.
    double *columns[3 + ANSWERS], answers[ANSWERS];
    for (size_t i = 0; i < 3 + ANSWERS; i++) columns[i] = malloc(it->bars * sizeof(double));
    for (size_t t = 0; t < it->bars; t++) {
        struct prices bar = prices(t, run->gaps, it->high[t], it->low[t], it->close[t]);
        columns[0][t] = bar.high;
        columns[1][t] = bar.low;
        columns[2][t] = bar.close;
    }
    compute_columns(run, it->bars, columns[0], columns[1], columns[2], columns + 3);
    struct digests digests = no_digests();
    for (size_t t = 0; t < it->bars; t++) {
        for (size_t i = 0; i < ANSWERS; i++) answers[i] = columns[3 + i][t];
        add_answers(&digests, answers);
    }
    tell(it->symbol, run, &digests);
}

static bt_result evaluate(const bt_params *params, bt_targets *targets) {
    const char *which = bt_text(params, "case");
    rhythm = read_rhythm(params);
    if (is(which, "targets")) alternate(targets);
    if (is(which, "checksum")) checksum(targets);
    if (is(which, "raise")) deeper();
    for (size_t i = 0; is(which, "indicators") && i < instruments * RUNS; i++) compute(&series[i / RUNS], &runs[i % RUNS]);
    if (is(which, "clock")) hold_first(targets, (double)(time(NULL) % 1000) / 1000);
    if (is(which, "random")) hold_first(targets, (double)rand() / RAND_MAX);
    return talk(which, params);
}

// A run, and what has been heard in it.
static const char *running;
// The bars of each instrument, and of all.
static size_t *bars, heard;
static size_t times;
// The order that is cancelled at the bar after it was sent.
static bt_order_id waiting;

// All indicators of one instrument, told bar by bar, and what they have answered.
struct watch {
    const struct run *run;
    size_t bars;
    bt_sma sma;
    bt_ema ema;
    bt_deviation deviation;
    bt_z_score z_score;
    bt_rsi rsi;
    bt_true_range true_range;
    bt_atr atr;
    bt_donchian donchian;
    bt_bollinger bollinger;
    bt_macd macd;
    bt_adx adx;
    bt_cross cross;
    struct digests answers;
};

// The watches of each instrument, in the order of `runs`, and its symbol.
static struct watch (*watches)[RUNS];
static const char *const *watched;
static size_t watched_length;

static void begin_watch(struct watch *it, const struct run *run) {
    size_t n = run->bars;
    it->run = run;
    it->bars = 0;
    bt_sma_init(&it->sma, n);
    bt_ema_init(&it->ema, n);
    bt_deviation_init(&it->deviation, n);
    bt_z_score_init(&it->z_score, n);
    bt_rsi_init(&it->rsi, n);
    bt_true_range_init(&it->true_range);
    bt_atr_init(&it->atr, n);
    bt_donchian_init(&it->donchian, n);
    bt_bollinger_init(&it->bollinger, n, 2);
    bt_macd_init(&it->macd, n, 2 * n + 1, 3);
    bt_adx_init(&it->adx, n);
    bt_cross_init(&it->cross);
    it->answers = no_digests();
}

static void watch(struct watch *it, const bt_bar *bar) {
    struct prices at = prices(it->bars++, it->run->gaps, bar->high, bar->low, bar->close);
    double average = bt_sma_next(&it->sma, at.close);
    bt_channel channel = bt_donchian_next(&it->donchian, at.high, at.low);
    bt_band band = bt_bollinger_next(&it->bollinger, at.close);
    bt_macd_value lines = bt_macd_next(&it->macd, at.close);
    bt_adx_value trend = bt_adx_next(&it->adx, at.high, at.low, at.close);
    const double answers[ANSWERS] = {
        average,
        bt_ema_next(&it->ema, at.close),
        bt_deviation_next(&it->deviation, at.close),
        bt_z_score_next(&it->z_score, at.close),
        bt_rsi_next(&it->rsi, at.close),
        bt_true_range_next(&it->true_range, at.high, at.low, at.close),
        bt_atr_next(&it->atr, at.high, at.low, at.close),
        channel.upper, channel.lower,
        band.upper, band.middle, band.lower,
        lines.line, lines.signal, lines.histogram,
        trend.adx, trend.plus_di, trend.minus_di,
        bt_cross_next(&it->cross, at.close, average),
    };
    add_answers(&it->answers, answers);
}

static void begin_watches(const char *const *symbols, size_t length) {
    watched = symbols;
    watched_length = length;
    watches = malloc(length * sizeof *watches);
    for (size_t i = 0; i < length * RUNS; i++) begin_watch(&watches[i / RUNS][i % RUNS], &runs[i % RUNS]);
}

static void tell_watches(void) {
    for (size_t i = 0; i < watched_length * RUNS; i++) {
        tell(watched[i / RUNS], &runs[i % RUNS], &watches[i / RUNS][i % RUNS].answers);
    }
}

static bt_result start(const char *const *symbols, size_t length, const bt_params *params) {
    bt_log_info("started %zu instruments", length);
    running = bt_text(params, "case");
    rhythm = read_rhythm(params);
    bars = calloc(length, sizeof *bars);
    begin_watches(symbols, length);
    return talk(running, params);
}

static void bracket_an_entry(double close, bt_broker *broker) {
    bt_order entry = {.quantity = 5, .kind = BT_LIMIT, .limit = close * 0.99};
    bt_broker_bracket(broker, bt_broker_order(broker, entry), close * 0.9, close * 1.2);
}

static void tie_a_pair(double close, bt_broker *broker) {
    waiting = bt_broker_order(broker, (bt_order){.quantity = 1, .kind = BT_LIMIT, .limit = close * 0.5});
    bt_order stop = {.side = BT_SELL, .quantity = 1, .kind = BT_STOP, .stop = close * 0.5};
    bt_broker_one_cancels_other(broker, waiting, bt_broker_order(broker, stop));
}

// Does with orders and targets what there is to do with them, one thing at each bar.
static void manage(double close, bt_broker *broker) {
    switch (bars[0]) {
    case 8: bracket_an_entry(close, broker); break;
    case 9: bt_broker_bracket(broker, bt_broker_buy(broker, 0, 1), close * 0.8, BT_NONE); break;
    case 10: tie_a_pair(close, broker); break;
    case 11: bt_broker_cancel(broker, waiting); break;
    case 12:
    case 13: bt_broker_hold(broker, 0, 0.5); break;
    case 15: bt_broker_cancel(broker, 999999); break;
    case 16: bt_broker_target(broker, 0, 0.5); break;
    }
}

// Sends every kind of order, one at each bar.
static void send_orders(const bt_bar *bar, bt_broker *broker) {
    double c = bar->close;
    int64_t in_ten_days = bar->time + 10 * 24 * 60 * 60 * second;
    const bt_order orders[] = {
        {.side = BT_BUY, .quantity = 10},
        {.side = BT_SELL, .quantity = 4, .kind = BT_LIMIT, .limit = c * 1.5},
        {.side = BT_BUY, .quantity = 2, .kind = BT_STOP, .stop = c * 1.1, .time_in_force = BT_DAY},
        {.side = BT_BUY, .quantity = 1, .kind = BT_STOP_LIMIT, .limit = c * 1.06, .stop = c * 1.05,
         .time_in_force = BT_GTD, .until = in_ten_days},
        {.side = BT_SELL, .quantity = 3, .kind = BT_TRAILING_STOP, .stop = c * 0.1, .reduce_only = true},
        {.side = BT_SELL, .quantity = 2, .kind = BT_TRAILING_STOP_PERCENT, .stop = 0.2, .time_in_force = BT_IOC},
        {.side = BT_BUY, .quantity = 0.25, .measure = BT_OF_EQUITY},
        {.side = BT_BUY, .quantity = 1000, .measure = BT_OF_VALUE},
    };
    if (bars[0] < sizeof orders / sizeof *orders) bt_broker_order(broker, orders[bars[0]]);
    else if (bars[0] == 14) bt_broker_buy(broker, 0, -1);
    else manage(c, broker);
}

// Logs the first bars, and sends one order that is filled and one that is rejected.
static void hear(const bt_bar *bar, bt_broker *broker) {
    if (heard < 3) {
        bt_log_info("bar %zu %lld %lld %lld %lld", bar->instrument, (long long)(bar->time / second),
                    thousandths(bar->close), thousandths(bar->position), thousandths(bar->equity));
    }
    if (bar->instrument == 0 && bars[0] == 0) bt_broker_buy(broker, 0, 1);
    if (bar->instrument == 0 && bars[0] == 1) {
        bt_broker_order(broker, (bt_order){.quantity = 1, .kind = BT_LIMIT, .limit = NAN});
    }
}

// Logs what is heard, and hears less and less.
static void fall_silent(bt_broker *broker) {
    bt_log_info("bar %zu", heard);
    if (heard == 0) bt_broker_mute(broker, BT_ON_TIME);
    if (heard == 4) bt_broker_mute(broker, BT_ON_BAR);
}

static void on_bar(const bt_bar *bar, bt_broker *broker) {
    size_t at = bars[bar->instrument];
    if (is(running, "targets") && changes(at)) bt_broker_hold(broker, bar->instrument, exposure(at));
    if (is(running, "orders") && bar->instrument == 0) send_orders(bar, broker);
    if (is(running, "heard")) hear(bar, broker);
    if (is(running, "quiet")) fall_silent(broker);
    for (size_t i = 0; is(running, "indicators") && i < RUNS; i++) watch(&watches[bar->instrument][i], bar);
    if (is(running, "raise") && heard == 2) deeper();
    if (is(running, "end") && heard == 2) bt_broker_fail(broker, bt_failed("ended on purpose"));
    bars[bar->instrument]++;
    heard++;
}

static void on_time(int64_t time, double equity, bt_broker *broker) {
    (void)broker;
    if (is(running, "heard") && times < 3) {
        bt_log_info("time %lld %lld", (long long)(time / second), thousandths(equity));
    }
    if (is(running, "quiet")) bt_log_info("time");
    times++;
}

static void on_fill(const bt_fill *fill, bt_broker *broker) {
    (void)broker;
    if (!is(running, "heard")) return;
    bt_log_info("fill %llu %zu %lld %lld %lld", (unsigned long long)fill->order, fill->instrument,
                thousandths(fill->quantity), thousandths(fill->price), thousandths(fill->fee));
}

static void on_reject(bt_order_id order, bt_reason reason, bt_broker *broker) {
    (void)broker;
    if (is(running, "heard")) bt_log_info("reject %llu %s", (unsigned long long)order, bt_reason_name(reason));
}

static void finish(void) {
    if (is(running, "heard")) bt_log_info("finished");
    if (is(running, "indicators")) tell_watches();
}

BT_DESCRIBE(describe);
BT_SIGNALS(prepare, evaluate);
BT_EVENTS(.start = start, .on_bar = on_bar, .on_time = on_time, .on_fill = on_fill, .on_reject = on_reject,
          .finish = finish);
