// Indicators: what traders compute from prices, over a whole column or bar by bar.
// They never look ahead, and never at the parameters of a strategy.
//
// Each is a class that is told one value at a time (for `on_bar`), and a function that tells it a whole column (for
// `prepare` and `evaluate`). The function is nothing but the class in a loop, so that both give the same bits, which are
// those of the SDKs of all other languages:
//
//     indicators::Ema average(20);                           std::vector<double> column = indicators::ema(series.close, 20);
//     std::optional<double> now = average.next(bar.close);
//
// What holds for all of them:
//
// - No answer yet is std::nullopt bar by bar, and NaN in a column, which is as long as what it is made of. So are all answers
//   if there are fewer bars than an indicator needs. NaN compares with nothing, so that `fast[t] > slow[t]` is false until
//   both are there. But std::nullopt is below every number: ask whether there is an answer before you compare it.
// - A value that is not finite is none: there is no answer, and the indicator starts over behind it. An indicator of another
//   one's column, `sma(rsi(close, 14), 5)`, therefore begins where that column does.
// - A window of 0 bars makes no sense and ends the task; declare the parameter with a range from 1 on. So do columns that are
//   not equally long.
// - Windows take nothing away, so that no rounding of a value outlives it: see indicators.h.
// - Memory is taken when a window is made: `n` values, of up to 65,536; more are taken as they come.
#pragma once

#include <cmath>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backtest.hpp"
#include "indicators.h"

namespace backtest::indicators {

using Values = std::span<const double>;

namespace detail {

// An answer of the SDK for C, of which `telling` is NaN where there is none.
template <typename Answer> std::optional<Answer> known(const Answer &answer, double telling) {
    return std::isnan(telling) ? std::nullopt : std::optional(answer);
}

inline std::optional<double> known(double answer) { return known(answer, answer); }

inline void each_window(auto &indicator, auto tell) { tell(&indicator.window); }
inline void each_window(bt_z_score &score, auto tell) { tell(&score.deviation.window); }
inline void each_window(bt_bollinger &bollinger, auto tell) {
    tell(&bollinger.middle.window);
    tell(&bollinger.deviation.window);
}

// What has windows, whose memory is its own.
template <typename Raw> class Windowed {
public:
    Windowed(const Windowed &other) : raw(other.raw) { each_window(raw, bt_window_separate); }
    Windowed(Windowed &&other) noexcept : raw(std::exchange(other.raw, Raw{})) {}
    Windowed &operator=(Windowed other) noexcept {
        std::swap(raw, other.raw);
        return *this;
    }
    ~Windowed() { each_window(raw, bt_window_free); }

protected:
    Windowed() = default;

    Raw raw{};
};

// The length of all columns of an instrument.
inline size_t bars(std::initializer_list<Values> columns) {
    std::string lengths;
    bool equal = true;
    for (Values column : columns) {
        lengths += (lengths.empty() ? "" : ", ") + std::to_string(column.size());
        equal = equal && column.size() == columns.begin()->size();
    }
    if (!equal) panic("the columns have [%s] values; give as many of each", lengths.c_str());
    return columns.begin()->size();
}

// A column of so many bars, which `fill` writes.
std::vector<double> column(size_t bars, auto fill) {
    std::vector<double> values(bars);
    fill(values.data());
    return values;
}

}

// The simple moving average: the sum of the last `n` values, divided by `n`.
class Sma : detail::Windowed<bt_sma> {
public:
    explicit Sma(size_t n) { bt_sma_init(&raw, n); }
    // Takes the next value, and returns the average from the `n`th on.
    std::optional<double> next(double value) { return detail::known(bt_sma_next(&raw, value)); }
};

inline std::vector<double> sma(Values values, size_t n) {
    return detail::column(values.size(), [&](double *to) { bt_sma_column(values.data(), values.size(), n, to); });
}

// The exponential moving average: `ema + 2 / (n + 1) * (value - ema)`, beginning with the simple average of the first `n`
// values, as TA-Lib and TradingView begin it. It forgets no value, but the last `n` have 86 % of the weight.
class Ema {
public:
    explicit Ema(size_t n) { bt_ema_init(&raw, n); }
    // Takes the next value, and returns the average from the `n`th on.
    std::optional<double> next(double value) { return detail::known(bt_ema_next(&raw, value)); }

private:
    bt_ema raw;
};

inline std::vector<double> ema(Values values, size_t n) {
    return detail::column(values.size(), [&](double *to) { bt_ema_column(values.data(), values.size(), n, to); });
}

// The relative strength index of Wilder (1978): `100 * gain / (gain + loss)`, where `gain` and `loss` are his averages of the
// rises and of the falls from one value to the next, both above 0. Between 0 and 100; 50 where nothing has changed at all,
// for which TA-Lib answers 0.
class Rsi {
public:
    explicit Rsi(size_t n) { bt_rsi_init(&raw, n); }
    // Takes the next value, and returns the index, a number from 0 to 100, from the `n + 1`th on.
    std::optional<double> next(double value) { return detail::known(bt_rsi_next(&raw, value)); }

private:
    bt_rsi raw;
};

inline std::vector<double> rsi(Values values, size_t n) {
    return detail::column(values.size(), [&](double *to) { bt_rsi_column(values.data(), values.size(), n, to); });
}

// The true range of Wilder (1978): the greatest of `high - low`, `high - previous close` and `previous close - low`, in quote
// currency. The first bar has none, since there is no close before it.
class TrueRange {
public:
    TrueRange() { bt_true_range_init(&raw); }
    // Takes the next bar, and returns its range in quote currency from the second bar on.
    std::optional<double> next(double high, double low, double close) {
        return detail::known(bt_true_range_next(&raw, high, low, close));
    }

private:
    bt_true_range raw;
};

inline std::vector<double> true_range(Values high, Values low, Values close) {
    size_t bars = detail::bars({high, low, close});
    return detail::column(bars, [&](double *to) { bt_true_range_column(high.data(), low.data(), close.data(), bars, to); });
}

// The average true range of Wilder (1978), in quote currency: the average of the true ranges, beginning with the simple one
// of the first `n` ranges and going on as `(average * (n - 1) + range) / n`.
class Atr {
public:
    explicit Atr(size_t n) { bt_atr_init(&raw, n); }
    // Takes the next bar, and returns the average in quote currency from bar `n + 1` on.
    std::optional<double> next(double high, double low, double close) {
        return detail::known(bt_atr_next(&raw, high, low, close));
    }

private:
    bt_atr raw;
};

inline std::vector<double> atr(Values high, Values low, Values close, size_t n) {
    size_t bars = detail::bars({high, low, close});
    return detail::column(bars, [&](double *to) { bt_atr_column(high.data(), low.data(), close.data(), bars, n, to); });
}

// The standard deviation of the last `n` values, in their unit: the root of the mean of their squared distances from their
// mean. Divides by `n`, as Bollinger and TA-Lib do, and not by `n - 1`. Large prices that move little keep their digits.
class Deviation : detail::Windowed<bt_deviation> {
public:
    explicit Deviation(size_t n) { bt_deviation_init(&raw, n); }
    // Takes the next value, and returns the deviation from the `n`th on.
    std::optional<double> next(double value) { return detail::known(bt_deviation_next(&raw, value)); }
};

inline std::vector<double> deviation(Values values, size_t n) {
    return detail::column(values.size(), [&](double *to) { bt_deviation_column(values.data(), values.size(), n, to); });
}

// How many standard deviations a value lies above the mean of the last `n`, itself among them. A pure number, never above
// the root of `n - 1`; none where all values are equal.
class ZScore : detail::Windowed<bt_z_score> {
public:
    explicit ZScore(size_t n) { bt_z_score_init(&raw, n); }
    // Takes the next value, and returns its score from the `n`th on.
    std::optional<double> next(double value) { return detail::known(bt_z_score_next(&raw, value)); }
};

inline std::vector<double> z_score(Values values, size_t n) {
    return detail::column(values.size(), [&](double *to) { bt_z_score_column(values.data(), values.size(), n, to); });
}

// The highest and the lowest price of some bars, in quote currency.
struct Channel {
    double upper, lower;

    // The price half way between both.
    double middle() const { return bt_channel_middle({upper, lower}); }
};

struct Channels {
    std::vector<double> upper, lower;
};

// The channel of Donchian: the highest high and the lowest low of the last `n` bars. The bar itself is one of them: a breakout
// is a close beyond the channel of the bar before.
class Donchian : detail::Windowed<bt_donchian> {
public:
    explicit Donchian(size_t n) { bt_donchian_init(&raw, n); }
    // Takes the next bar, and returns the channel from the `n`th on.
    std::optional<Channel> next(double high, double low) {
        bt_channel channel = bt_donchian_next(&raw, high, low);
        return detail::known(Channel{channel.upper, channel.lower}, channel.upper);
    }
};

inline Channels donchian(Values high, Values low, size_t n) {
    size_t bars = detail::bars({high, low});
    Channels to{std::vector<double>(bars), std::vector<double>(bars)};
    bt_donchian_columns(high.data(), low.data(), bars, n, to.upper.data(), to.lower.data());
    return to;
}

// `upper`, `middle` and `lower`, in the unit of the values.
using Band = bt_band;

struct Bands {
    std::vector<double> upper, middle, lower;
};

// The bands of Bollinger: the simple moving average of the last `n` values, and `width` of their standard deviations above
// and below it. Usual are 20 and 2.
class Bollinger : detail::Windowed<bt_bollinger> {
public:
    Bollinger(size_t n, double width) { bt_bollinger_init(&raw, n, width); }
    // Takes the next value, and returns the bands from the `n`th on.
    std::optional<Band> next(double value) {
        Band band = bt_bollinger_next(&raw, value);
        return detail::known(band, band.middle);
    }
};

inline Bands bollinger(Values values, size_t n, double width) {
    size_t bars = values.size();
    Bands to{std::vector<double>(bars), std::vector<double>(bars), std::vector<double>(bars)};
    bt_bollinger_columns(values.data(), bars, n, width, to.upper.data(), to.middle.data(), to.lower.data());
    return to;
}

// `line`, `signal` and `histogram`, in the unit of the values.
using MacdValue = bt_macd_value;

struct MacdValues {
    std::vector<double> line, signal, histogram;
};

// The MACD of Appel: the `line`, which is the exponential average of `fast` values less that of `slow` ones; the `signal`,
// which is the exponential average of `signal` values of the line; and the `histogram`, which is the line less the signal.
// Usual are 12, 26 and 9. Each average begins by itself, as TradingView does it.
class Macd {
public:
    Macd(size_t fast, size_t slow, size_t signal) { bt_macd_init(&raw, fast, slow, signal); }
    // Takes the next value, and returns all three from the bar on that has all of them: the longer of `fast` and `slow`, and
    // `signal - 1` more.
    std::optional<MacdValue> next(double value) {
        MacdValue answer = bt_macd_next(&raw, value);
        return detail::known(answer, answer.signal);
    }

private:
    bt_macd raw;
};

inline MacdValues macd(Values values, size_t fast, size_t slow, size_t signal) {
    size_t bars = values.size();
    MacdValues to{std::vector<double>(bars), std::vector<double>(bars), std::vector<double>(bars)};
    bt_macd_columns(values.data(), bars, fast, slow, signal, to.line.data(), to.signal.data(), to.histogram.data());
    return to;
}

// `adx`, `plus_di` and `minus_di`, numbers from 0 to 100.
using AdxValue = bt_adx_value;

struct AdxValues {
    std::vector<double> adx, plus_di, minus_di;
};

// The average directional index of Wilder (1978), and the two directional indices that it is made of. Usual are 14 bars.
//
// `plus_di` and `minus_di` are the movements up and down in percent of the true range, each smoothed over `n` bars. Their
// distance in percent of their sum, smoothed again, is the `adx`: it says how strong a trend is, and not to which side it
// goes. Where nothing moves, an index is 0.
class Adx {
public:
    explicit Adx(size_t n) { bt_adx_init(&raw, n); }
    // Takes the next bar, and returns all three from bar `2 n` on.
    std::optional<AdxValue> next(double high, double low, double close) {
        AdxValue answer = bt_adx_next(&raw, high, low, close);
        return detail::known(answer, answer.adx);
    }

private:
    bt_adx raw;
};

inline AdxValues adx(Values high, Values low, Values close, size_t n) {
    size_t bars = detail::bars({high, low, close});
    AdxValues to{std::vector<double>(bars), std::vector<double>(bars), std::vector<double>(bars)};
    bt_adx_columns(high.data(), low.data(), close.data(), bars, n, to.adx.data(), to.plus_di.data(), to.minus_di.data());
    return to;
}

// To which side a line has crossed another.
enum class Crossing { above = BT_CROSSED_ABOVE, below = BT_CROSSED_BELOW };

// Watches for a line to cross another: two averages, or a price and a level.
//
// A line is on a side while it is above or below, and crosses when it has changed sides. Where both are equal it is on
// neither, so that a touch and a return is no crossing, and a line that passes through crosses on the bar on which it comes
// out. The first side is none that it has crossed to.
class Cross {
public:
    Cross() { bt_cross_init(&raw); }
    // Takes the next value of both lines, and returns the crossing if there is one. A line that has no answer yet is NaN.
    std::optional<Crossing> next(double line, double other) {
        bt_crossing crossing = bt_cross_next(&raw, line, other);
        return crossing == BT_NOT_CROSSED ? std::nullopt : std::optional(static_cast<Crossing>(crossing));
    }

private:
    bt_cross raw;
};

inline std::vector<std::optional<Crossing>> crossings(Values line, Values other) {
    std::vector<std::optional<Crossing>> column(detail::bars({line, other}));
    Cross cross;
    for (size_t t = 0; t < column.size(); t++) column[t] = cross.next(line[t], other[t]);
    return column;
}

}
