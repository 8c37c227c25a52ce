// Indicators: what traders compute from prices, over a whole column or bar by bar.
// They never look ahead, and never at the parameters of a strategy.
//
// Each is a struct that is told one value at a time (for `on_bar`), and a function that tells it a whole column (for
// `prepare` and `evaluate`). The function is nothing but the struct in a loop, so that both give the same bits, which are
// those of the SDKs of all other languages:
//
//     bt_ema average;                                        double *column = malloc(bars * sizeof *column);
//     bt_ema_init(&average, 20);                             bt_ema_column(close, bars, 20, column);
//     double now = bt_ema_next(&average, bar->close);
//
// What holds for all of them:
//
// - No answer yet is NaN, bar by bar and in a column. So are all answers if there are fewer bars than an indicator needs.
//   NaN compares with nothing, so that `fast > slow` is false until both are there.
// - A value that is not finite is none: the answer is NaN, and the indicator starts over behind it. An indicator of another
//   one's column therefore begins where that column does.
// - A window of 0 bars makes no sense and ends the task; declare the parameter with a range from 1 on.
// - Windows take nothing away. The usual running sum adds the value that enters and subtracts the one that leaves, and keeps
//   the rounding of both for ever. Here a window is joined of two sums that were only ever added to, so that an error is gone
//   as soon as its values are, at the cost of two additions a value whatever the length.
// - A column has room for as many values as there are bars, and may lie where a column that it is made of does. Of several,
//   those that nobody needs are NULL.
// - Memory is taken when a window is made: `n` values, of up to 65,536; more are taken as they come. It may be given back with
//   `bt_sma_free` and its like. Two structs with a window that are copies by assignment share it: go on with one of them only.
#ifndef BACKTEST_INDICATORS_H
#define BACKTEST_INDICATORS_H

#include "backtest.h"

#ifdef __cplusplus
extern "C" {
#endif

// What the structs are made of; their fields are theirs.

// The last `length` values, or what they are joined to.
typedef struct {
    size_t length;
    // In front of `filled` the values of the current block, from there up to `kept` the ends of the block before it: at each
    // place the join of its values from there on.
    size_t filled, kept, capacity;
    double *parts;
    // The join of the current block.
    double beginning[3];
} bt_window;

// Gives a window that was copied by assignment memory of its own.
void bt_window_separate(bt_window *window);
void bt_window_free(bt_window *window);

// An average that moves by a share of the distance to each value, and begins with the simple average of the first ones.
typedef struct {
    size_t length, seen;
    double share;
    // The sum of the first values, then the average.
    double state;
} bt_smooth;

// The simple moving average: the sum of the last `n` values, divided by `n`.

typedef struct {
    bt_window window;
} bt_sma;

void bt_sma_init(bt_sma *sma, size_t n);
// Takes the next value, and returns the average from the `n`th on.
double bt_sma_next(bt_sma *sma, double value);
void bt_sma_free(bt_sma *sma);
void bt_sma_column(const double *values, size_t bars, size_t n, double *sma);

// The exponential moving average: `ema + 2 / (n + 1) * (value - ema)`, beginning with the simple average of the first `n`
// values, as TA-Lib and TradingView begin it. It forgets no value, but the last `n` have 86 % of the weight.

typedef struct {
    bt_smooth average;
} bt_ema;

void bt_ema_init(bt_ema *ema, size_t n);
// Takes the next value, and returns the average from the `n`th on.
double bt_ema_next(bt_ema *ema, double value);
void bt_ema_column(const double *values, size_t bars, size_t n, double *ema);

// The relative strength index of Wilder (1978): `100 * gain / (gain + loss)`, where `gain` and `loss` are the averages of
// the rises and of the falls from one value to the next, both above 0.
//
// The averages begin as simple ones of the first `n` changes, and go on as `(average * (n - 1) + change) / n`. Between 0 and
// 100; 50 where nothing has changed at all, for which TA-Lib answers 0.

typedef struct {
    bool begun;
    double last;
    bt_smooth gain, loss;
} bt_rsi;

void bt_rsi_init(bt_rsi *rsi, size_t n);
// Takes the next value, and returns the index, a number from 0 to 100, from the `n + 1`th on.
double bt_rsi_next(bt_rsi *rsi, double value);
void bt_rsi_column(const double *values, size_t bars, size_t n, double *rsi);

// The true range of Wilder (1978): the greatest of `high - low`, `high - previous close` and `previous close - low`, in quote
// currency. The first bar has none, since there is no close before it.

typedef struct {
    bool begun;
    double close;
} bt_true_range;

void bt_true_range_init(bt_true_range *range);
// Takes the next bar, and returns its range in quote currency from the second bar on.
double bt_true_range_next(bt_true_range *range, double high, double low, double close);
void bt_true_range_column(const double *high, const double *low, const double *close, size_t bars, double *range);

// The average true range of Wilder (1978), in quote currency: the average of the true ranges, beginning with the simple one
// of the first `n` ranges and going on as `(average * (n - 1) + range) / n`.

typedef struct {
    bt_true_range range;
    bt_smooth average;
} bt_atr;

void bt_atr_init(bt_atr *atr, size_t n);
// Takes the next bar, and returns the average in quote currency from bar `n + 1` on.
double bt_atr_next(bt_atr *atr, double high, double low, double close);
void bt_atr_column(const double *high, const double *low, const double *close, size_t bars, size_t n, double *atr);

// The standard deviation of the last `n` values, in their unit: the root of the mean of their squared distances from their
// mean. Divides by `n`, as Bollinger and TA-Lib do, and not by `n - 1`. Takes no sum of squares from another, so that large
// prices which move little keep their digits (Welford 1962; Chan, Golub and LeVeque 1983).

typedef struct {
    bt_window window;
} bt_deviation;

void bt_deviation_init(bt_deviation *deviation, size_t n);
// Takes the next value, and returns the deviation from the `n`th on.
double bt_deviation_next(bt_deviation *deviation, double value);
void bt_deviation_free(bt_deviation *deviation);
void bt_deviation_column(const double *values, size_t bars, size_t n, double *deviation);

// How many standard deviations a value lies above the mean of the last `n`, itself among them. A pure number, never above
// the root of `n - 1`; NaN where all values are equal.

typedef struct {
    bt_deviation deviation;
} bt_z_score;

void bt_z_score_init(bt_z_score *score, size_t n);
// Takes the next value, and returns its score from the `n`th on.
double bt_z_score_next(bt_z_score *score, double value);
void bt_z_score_free(bt_z_score *score);
void bt_z_score_column(const double *values, size_t bars, size_t n, double *score);

// The channel of Donchian: the highest high and the lowest low of the last `n` bars, in quote currency. The bar itself is one
// of them: a breakout is a close beyond the channel of the bar before.

typedef struct {
    bt_window window;
} bt_donchian;

// Quote currency.
typedef struct {
    double upper, lower;
} bt_channel;

void bt_donchian_init(bt_donchian *donchian, size_t n);
// Takes the next bar, and returns the channel from the `n`th on.
bt_channel bt_donchian_next(bt_donchian *donchian, double high, double low);
void bt_donchian_free(bt_donchian *donchian);
void bt_donchian_columns(const double *high, const double *low, size_t bars, size_t n, double *upper, double *lower);

// The price half way between both.
static inline double bt_channel_middle(bt_channel channel) {
    return (channel.upper + channel.lower) / 2.0;
}

// The bands of Bollinger: the simple moving average of the last `n` values, and `width` of their standard deviations above
// and below it, in the unit of the values. Usual are 20 and 2. Bands by the rolling(n).std() of pandas are wider, by the root
// of `n / (n - 1)`.

typedef struct {
    bt_sma middle;
    bt_deviation deviation;
    double width;
} bt_bollinger;

typedef struct {
    double upper, middle, lower;
} bt_band;

void bt_bollinger_init(bt_bollinger *bollinger, size_t n, double width);
// Takes the next value, and returns the bands from the `n`th on.
bt_band bt_bollinger_next(bt_bollinger *bollinger, double value);
void bt_bollinger_free(bt_bollinger *bollinger);
void bt_bollinger_columns(const double *values, size_t bars, size_t n, double width, double *upper, double *middle,
                          double *lower);

// The MACD of Appel: the `line`, which is the exponential average of `fast` values less that of `slow` ones; the `signal`,
// which is the exponential average of `signal` values of the line; and the `histogram`, which is the line less the signal. All
// in the unit of the values. Usual are 12, 26 and 9.
//
// Each average begins by itself, with the simple average of its own first values, as TradingView does it. TA-Lib begins the
// fast one as late as the slow one; both agree behind some hundred bars.

typedef struct {
    bt_ema fast, slow, signal;
} bt_macd;

typedef struct {
    double line, signal, histogram;
} bt_macd_value;

void bt_macd_init(bt_macd *macd, size_t fast, size_t slow, size_t signal);
// Takes the next value, and returns all three from the bar on that has all of them: the longer of `fast` and `slow`, and
// `signal - 1` more.
bt_macd_value bt_macd_next(bt_macd *macd, double value);
void bt_macd_columns(const double *values, size_t bars, size_t fast, size_t slow, size_t signal, double *line,
                     double *signal_line, double *histogram);

// The average directional index of Wilder (1978), and the two directional indices that it is made of. All three are from 0 to
// 100. Usual are 14 bars.
//
// A bar moves up by as much as its high is above the one before, and down by as much as its low is below; only the larger of
// both counts, if it is above 0. `plus_di` and `minus_di` are these movements in percent of the true range, each smoothed over
// `n` bars. Their distance in percent of their sum, smoothed again, is the `adx`: it says how strong a trend is, and not to
// which side it goes. Where nothing moves, an index is 0.
//
// Each average begins with the simple one of its first `n` values, as those of bt_atr and of TradingView do; TA-Lib begins
// with `n - 1` of them.

typedef struct {
    bool begun;
    // Of the bar before.
    double high, low, close;
    bt_smooth range, plus, minus, average;
} bt_adx;

typedef struct {
    double adx, plus_di, minus_di;
} bt_adx_value;

void bt_adx_init(bt_adx *adx, size_t n);
// Takes the next bar, and returns all three from bar `2 n` on.
bt_adx_value bt_adx_next(bt_adx *adx, double high, double low, double close);
void bt_adx_columns(const double *high, const double *low, const double *close, size_t bars, size_t n, double *adx,
                    double *plus_di, double *minus_di);

// Where one line crosses another: two averages, or a price and a level.
//
// A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on
// neither, so that a touch and a return is no crossing, and a line that passes through crosses on the bar on which it comes
// out. The first side is none that it has crossed to.

typedef enum {
    // It was above, and is below now.
    BT_CROSSED_BELOW = -1,
    BT_NOT_CROSSED = 0,
    // It was below, and is above now.
    BT_CROSSED_ABOVE = 1,
} bt_crossing;

typedef struct {
    bt_crossing side;
} bt_cross;

void bt_cross_init(bt_cross *cross);
// Takes the next value of both lines, and returns the crossing if there is one.
bt_crossing bt_cross_next(bt_cross *cross, double line, double other);
void bt_cross_column(const double *line, const double *other, size_t bars, bt_crossing *crossings);

#ifdef __cplusplus
}
#endif

#endif
