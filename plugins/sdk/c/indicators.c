// Indicators, computed so that every SDK gives the same bits.
// Never compiled with contraction: a product that is not rounded before it is added to would give others.

#include "indicators.h"

#include <stdlib.h>

#include "internal.h"

static bool finite_bar(double high, double low, double close) {
    return __builtin_isfinite(high) && __builtin_isfinite(low) && __builtin_isfinite(close);
}

static double greater(double a, double b) {
    return b > a ? b : a;
}

static void put(double *column, size_t at, double value) {
    if (column) column[at] = value;
}

static void check_window(size_t length) {
    if (length == 0) bt_panic("a window of 0 bars has nothing to compute from; give at least 1");
}

// Windows.

// Values that a new window makes room for at most. A longer one grows as it is filled, so that a length far beyond the data
// costs no memory.
#define BT_ROOM ((size_t)1 << 16)

// Joins two neighbouring parts of a series, each of so many doubles as the indicator has for one. `joined` may be either.
typedef void join_fn(const double *older, const double *newer, double *joined);

// The size of a part and the join are constants where a function with this is called, and nothing of them is left.
#define BT_INLINE static inline __attribute__((always_inline))

BT_INLINE void copy(double *to, const double *from, size_t doubles) {
    for (size_t i = 0; i < doubles; i++) to[i] = from[i];
}

static void init_window(bt_window *it, size_t length, size_t doubles) {
    check_window(length);
    memset(it, 0, sizeof *it);
    it->length = length;
    it->capacity = (length < BT_ROOM ? length : BT_ROOM) * doubles;
    it->parts = (double *)bt_allocate(it->capacity, sizeof *it->parts);
}

static void clear_window(bt_window *it) {
    it->filled = it->kept = 0;
}

// Moves the parts to where there is room for `capacity` doubles.
static void move_parts(bt_window *it, size_t capacity) {
    double *parts = (double *)bt_allocate(capacity, sizeof *parts);
    memcpy(parts, it->parts, it->capacity * sizeof *parts);
    it->parts = parts;
    it->capacity = capacity;
}

void bt_window_separate(bt_window *window) {
    move_parts(window, window->capacity);
}

void bt_window_free(bt_window *window) {
    free(window->parts);
    window->parts = NULL;
}

static __attribute__((noinline)) void grow_window(bt_window *it) {
    double *old = it->parts;
    move_parts(it, 2 * it->capacity);
    free(old);
}

// Makes the block that is complete one of ends, and begins the next.
BT_INLINE void turn(bt_window *it, size_t doubles, join_fn *join) {
    for (size_t at = it->kept - 1; at > 0; at--) {
        double *part = it->parts + (at - 1) * doubles;
        join(part, part + doubles, part);
    }
    it->filled = 0;
}

// Adds a value. Whether the window is full, and what its values are joined to.
BT_INLINE bool push(bt_window *it, size_t doubles, join_fn *join, const double *value, double *joined) {
    if (it->filled == it->kept && ++it->kept * doubles > it->capacity) grow_window(it);
    copy(it->parts + it->filled * doubles, value, doubles);
    if (it->filled++ == 0) copy(it->beginning, value, doubles);
    else join(it->beginning, value, it->beginning);
    if (it->filled == it->length) {
        copy(joined, it->beginning, doubles);
        turn(it, doubles, join);
        return true;
    }
    if (it->filled == it->kept) return false;
    join(it->parts + it->filled * doubles, it->beginning, joined);
    return true;
}

// Smooth averages.

static void init_smooth(bt_smooth *it, size_t length, double share) {
    check_window(length);
    memset(it, 0, sizeof *it);
    it->length = length;
    it->share = share;
}

// As Wilder (1978) smooths: (average * (n - 1) + value) / n.
static void init_wilder(bt_smooth *it, size_t n) {
    init_smooth(it, n, 1.0 / (double)n);
}

static void clear_smooth(bt_smooth *it) {
    it->seen = 0;
    it->state = 0;
}

static double smooth(bt_smooth *it, double value) {
    if (it->seen == it->length) return it->state += it->share * (value - it->state);
    it->state += value;
    if (++it->seen < it->length) return BT_NONE;
    return it->state /= (double)it->length;
}

// Moving averages.

static void join_sums(const double *older, const double *newer, double *joined) {
    *joined = *older + *newer;
}

void bt_sma_init(bt_sma *sma, size_t n) {
    init_window(&sma->window, n, 1);
}

double bt_sma_next(bt_sma *sma, double value) {
    if (!__builtin_isfinite(value)) {
        clear_window(&sma->window);
        return BT_NONE;
    }
    double sum;
    return push(&sma->window, 1, join_sums, &value, &sum) ? sum / (double)sma->window.length : BT_NONE;
}

void bt_sma_free(bt_sma *sma) {
    bt_window_free(&sma->window);
}

void bt_sma_column(const double *values, size_t bars, size_t n, double *sma) {
    bt_sma it;
    bt_sma_init(&it, n);
    for (size_t t = 0; t < bars; t++) sma[t] = bt_sma_next(&it, values[t]);
    bt_sma_free(&it);
}

void bt_ema_init(bt_ema *ema, size_t n) {
    init_smooth(&ema->average, n, 2.0 / ((double)n + 1.0));
}

double bt_ema_next(bt_ema *ema, double value) {
    if (!__builtin_isfinite(value)) {
        clear_smooth(&ema->average);
        return BT_NONE;
    }
    return smooth(&ema->average, value);
}

void bt_ema_column(const double *values, size_t bars, size_t n, double *ema) {
    bt_ema it;
    bt_ema_init(&it, n);
    for (size_t t = 0; t < bars; t++) ema[t] = bt_ema_next(&it, values[t]);
}

void bt_macd_init(bt_macd *macd, size_t fast, size_t slow, size_t signal) {
    bt_ema_init(&macd->fast, fast);
    bt_ema_init(&macd->slow, slow);
    bt_ema_init(&macd->signal, signal);
}

bt_macd_value bt_macd_next(bt_macd *macd, double value) {
    double fast = bt_ema_next(&macd->fast, value), slow = bt_ema_next(&macd->slow, value), line = fast - slow;
    // No line starts the signal over.
    double signal = bt_ema_next(&macd->signal, line);
    bt_macd_value answer = {signal == signal ? line : BT_NONE, signal, line - signal};
    return answer;
}

void bt_macd_columns(const double *values, size_t bars, size_t fast, size_t slow, size_t signal, double *line,
                     double *signal_line, double *histogram) {
    bt_macd it;
    bt_macd_init(&it, fast, slow, signal);
    for (size_t t = 0; t < bars; t++) {
        bt_macd_value answer = bt_macd_next(&it, values[t]);
        put(line, t, answer.line);
        put(signal_line, t, answer.signal);
        put(histogram, t, answer.histogram);
    }
}

// Strength.

void bt_rsi_init(bt_rsi *rsi, size_t n) {
    memset(rsi, 0, sizeof *rsi);
    init_wilder(&rsi->gain, n);
    init_wilder(&rsi->loss, n);
}

static double restart_rsi(bt_rsi *rsi) {
    rsi->begun = false;
    clear_smooth(&rsi->gain);
    clear_smooth(&rsi->loss);
    return BT_NONE;
}

double bt_rsi_next(bt_rsi *rsi, double value) {
    if (!__builtin_isfinite(value)) return restart_rsi(rsi);
    bool begun = rsi->begun;
    double change = value - rsi->last;
    rsi->begun = true;
    rsi->last = value;
    if (!begun) return BT_NONE;
    double gain = smooth(&rsi->gain, greater(change, 0)), loss = smooth(&rsi->loss, greater(-change, 0)), total = gain + loss;
    return total == 0 ? 50 : 100 * (gain / total);
}

void bt_rsi_column(const double *values, size_t bars, size_t n, double *rsi) {
    bt_rsi it;
    bt_rsi_init(&it, n);
    for (size_t t = 0; t < bars; t++) rsi[t] = bt_rsi_next(&it, values[t]);
}

// Ranges.

static double range_of(double high, double low, double previous_close) {
    return greater(greater(high - low, high - previous_close), previous_close - low);
}

void bt_true_range_init(bt_true_range *range) {
    memset(range, 0, sizeof *range);
}

double bt_true_range_next(bt_true_range *range, double high, double low, double close) {
    bool begun = range->begun;
    double previous = range->close;
    range->begun = finite_bar(high, low, close);
    range->close = close;
    return begun && range->begun ? range_of(high, low, previous) : BT_NONE;
}

void bt_true_range_column(const double *high, const double *low, const double *close, size_t bars, double *range) {
    bt_true_range it;
    bt_true_range_init(&it);
    for (size_t t = 0; t < bars; t++) range[t] = bt_true_range_next(&it, high[t], low[t], close[t]);
}

void bt_atr_init(bt_atr *atr, size_t n) {
    bt_true_range_init(&atr->range);
    init_wilder(&atr->average, n);
}

double bt_atr_next(bt_atr *atr, double high, double low, double close) {
    bool begun = atr->range.begun;
    double range = bt_true_range_next(&atr->range, high, low, close);
    if (!atr->range.begun) clear_smooth(&atr->average);
    return begun && atr->range.begun ? smooth(&atr->average, range) : BT_NONE;
}

void bt_atr_column(const double *high, const double *low, const double *close, size_t bars, size_t n, double *atr) {
    bt_atr it;
    bt_atr_init(&it, n);
    for (size_t t = 0; t < bars; t++) atr[t] = bt_atr_next(&it, high[t], low[t], close[t]);
}

// Deviations.

// How many values there are, their mean, and the sum of the squared distances from it.
enum { COUNT, MEAN, SQUARES, MOMENTS };

static void join_moments(const double *older, const double *newer, double *joined) {
    double count = older[COUNT] + newer[COUNT];
    double distance = newer[MEAN] - older[MEAN], weight = newer[COUNT] / count;
    double mean = older[MEAN] + distance * weight;
    double squares = older[SQUARES] + newer[SQUARES] + distance * distance * older[COUNT] * weight;
    joined[COUNT] = count;
    joined[MEAN] = mean;
    joined[SQUARES] = squares;
}

static bool next_moments(bt_window *it, double value, double *moments) {
    if (!__builtin_isfinite(value)) {
        clear_window(it);
        return false;
    }
    const double one[MOMENTS] = {1, value, 0};
    return push(it, MOMENTS, join_moments, one, moments);
}

static double deviation_of(const double *moments) {
    return __builtin_sqrt(moments[SQUARES] / moments[COUNT]);
}

void bt_deviation_init(bt_deviation *deviation, size_t n) {
    init_window(&deviation->window, n, MOMENTS);
}

double bt_deviation_next(bt_deviation *deviation, double value) {
    double moments[MOMENTS];
    return next_moments(&deviation->window, value, moments) ? deviation_of(moments) : BT_NONE;
}

void bt_deviation_free(bt_deviation *deviation) {
    bt_window_free(&deviation->window);
}

void bt_deviation_column(const double *values, size_t bars, size_t n, double *deviation) {
    bt_deviation it;
    bt_deviation_init(&it, n);
    for (size_t t = 0; t < bars; t++) deviation[t] = bt_deviation_next(&it, values[t]);
    bt_deviation_free(&it);
}

void bt_z_score_init(bt_z_score *score, size_t n) {
    bt_deviation_init(&score->deviation, n);
}

double bt_z_score_next(bt_z_score *score, double value) {
    double moments[MOMENTS];
    if (!next_moments(&score->deviation.window, value, moments)) return BT_NONE;
    double deviation = deviation_of(moments);
    return deviation > 0 ? (value - moments[MEAN]) / deviation : BT_NONE;
}

void bt_z_score_free(bt_z_score *score) {
    bt_deviation_free(&score->deviation);
}

void bt_z_score_column(const double *values, size_t bars, size_t n, double *score) {
    bt_z_score it;
    bt_z_score_init(&it, n);
    for (size_t t = 0; t < bars; t++) score[t] = bt_z_score_next(&it, values[t]);
    bt_z_score_free(&it);
}

// Channels and bands.

// Not fmax and fmin, which do not say which zero they take.
static void join_channels(const double *older, const double *newer, double *joined) {
    double upper = newer[0] > older[0] ? newer[0] : older[0], lower = newer[1] < older[1] ? newer[1] : older[1];
    joined[0] = upper;
    joined[1] = lower;
}

void bt_donchian_init(bt_donchian *donchian, size_t n) {
    init_window(&donchian->window, n, 2);
}

bt_channel bt_donchian_next(bt_donchian *donchian, double high, double low) {
    const double bar[] = {high, low};
    double joined[] = {BT_NONE, BT_NONE};
    if (__builtin_isfinite(high) && __builtin_isfinite(low)) push(&donchian->window, 2, join_channels, bar, joined);
    else clear_window(&donchian->window);
    bt_channel answer = {joined[0], joined[1]};
    return answer;
}

void bt_donchian_free(bt_donchian *donchian) {
    bt_window_free(&donchian->window);
}

void bt_donchian_columns(const double *high, const double *low, size_t bars, size_t n, double *upper, double *lower) {
    bt_donchian it;
    bt_donchian_init(&it, n);
    for (size_t t = 0; t < bars; t++) {
        bt_channel answer = bt_donchian_next(&it, high[t], low[t]);
        put(upper, t, answer.upper);
        put(lower, t, answer.lower);
    }
    bt_donchian_free(&it);
}

void bt_bollinger_init(bt_bollinger *bollinger, size_t n, double width) {
    bt_sma_init(&bollinger->middle, n);
    bt_deviation_init(&bollinger->deviation, n);
    bollinger->width = width;
}

bt_band bt_bollinger_next(bt_bollinger *bollinger, double value) {
    double middle = bt_sma_next(&bollinger->middle, value);
    double reach = bollinger->width * bt_deviation_next(&bollinger->deviation, value);
    bt_band answer = {middle + reach, middle, middle - reach};
    return answer;
}

void bt_bollinger_free(bt_bollinger *bollinger) {
    bt_sma_free(&bollinger->middle);
    bt_deviation_free(&bollinger->deviation);
}

void bt_bollinger_columns(const double *values, size_t bars, size_t n, double width, double *upper, double *middle,
                          double *lower) {
    bt_bollinger it;
    bt_bollinger_init(&it, n, width);
    for (size_t t = 0; t < bars; t++) {
        bt_band answer = bt_bollinger_next(&it, values[t]);
        put(upper, t, answer.upper);
        put(middle, t, answer.middle);
        put(lower, t, answer.lower);
    }
    bt_bollinger_free(&it);
}

// Directions.

void bt_adx_init(bt_adx *adx, size_t n) {
    memset(adx, 0, sizeof *adx);
    init_wilder(&adx->range, n);
    init_wilder(&adx->plus, n);
    init_wilder(&adx->minus, n);
    init_wilder(&adx->average, n);
}

static void restart_adx(bt_adx *adx) {
    adx->begun = false;
    clear_smooth(&adx->range);
    clear_smooth(&adx->plus);
    clear_smooth(&adx->minus);
    clear_smooth(&adx->average);
}

// A part in percent of the whole; 0 where there is no whole.
static double percent(double part, double whole) {
    return whole == 0 ? 0 : 100 * part / whole;
}

// The answer to a bar that moved so far up and down, over so wide a range.
static bt_adx_value direction(bt_adx *adx, double up, double down, double range) {
    bt_adx_value answer = {BT_NONE, BT_NONE, BT_NONE};
    double whole = smooth(&adx->range, range);
    double plus = smooth(&adx->plus, up > down && up > 0 ? up : 0);
    double minus = smooth(&adx->minus, down > up && down > 0 ? down : 0);
    if (adx->range.seen < adx->range.length) return answer;
    double plus_di = percent(plus, whole), minus_di = percent(minus, whole);
    double index = smooth(&adx->average, percent(__builtin_fabs(plus_di - minus_di), plus_di + minus_di));
    if (adx->average.seen < adx->average.length) return answer;
    bt_adx_value known = {index, plus_di, minus_di};
    return known;
}

bt_adx_value bt_adx_next(bt_adx *adx, double high, double low, double close) {
    bt_adx_value answer = {BT_NONE, BT_NONE, BT_NONE};
    if (!finite_bar(high, low, close)) {
        restart_adx(adx);
        return answer;
    }
    if (adx->begun) answer = direction(adx, high - adx->high, adx->low - low, range_of(high, low, adx->close));
    adx->begun = true;
    adx->high = high;
    adx->low = low;
    adx->close = close;
    return answer;
}

void bt_adx_columns(const double *high, const double *low, const double *close, size_t bars, size_t n, double *adx,
                    double *plus_di, double *minus_di) {
    bt_adx it;
    bt_adx_init(&it, n);
    for (size_t t = 0; t < bars; t++) {
        bt_adx_value answer = bt_adx_next(&it, high[t], low[t], close[t]);
        put(adx, t, answer.adx);
        put(plus_di, t, answer.plus_di);
        put(minus_di, t, answer.minus_di);
    }
}

// Crossings.

void bt_cross_init(bt_cross *cross) {
    cross->side = BT_NOT_CROSSED;
}

bt_crossing bt_cross_next(bt_cross *cross, double line, double other) {
    bool known = __builtin_isfinite(line) && __builtin_isfinite(other);
    if (known && line == other) return BT_NOT_CROSSED;
    bt_crossing before = cross->side;
    cross->side = !known ? BT_NOT_CROSSED : line > other ? BT_CROSSED_ABOVE : BT_CROSSED_BELOW;
    return before != BT_NOT_CROSSED && before != cross->side ? cross->side : BT_NOT_CROSSED;
}

void bt_cross_column(const double *line, const double *other, size_t bars, bt_crossing *crossings) {
    bt_cross it;
    bt_cross_init(&it);
    for (size_t t = 0; t < bars; t++) crossings[t] = bt_cross_next(&it, line[t], other[t]);
}
