// Uses all of the SDK. Each language has a strategy of this name, and all of them do the same, bit for bit.

#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>

#include "sdk/backtest.hpp"
#include "sdk/indicators.hpp"

using namespace backtest;

constexpr std::array cases{
    "targets", "empty",    "invalid", "failed", "raise",  "echo",  "levels", "wrong_type", "undeclared",
    "print",   "checksum", "clock",   "random", "orders", "heard", "end",    "quiet",  "indicators",
};

constexpr int64_t second = 1'000'000'000;
constexpr int64_t ten_days = 10 * 24 * 60 * 60 * second;

static long long thousandths(double value) {
    return static_cast<long long>(std::floor(value * 1000));
}

[[gnu::noinline]] static void deeper() {
    panic("raised on purpose");
}

// Every `count` bars another side: `level`, then its opposite.
struct Rhythm {
    size_t count = 0;
    double level = 0;

    static Rhythm of(const Params &params) { return {params.count("count"), params.number("level")}; }

    // What to hold from bar `at` on, where that changes.
    std::optional<double> at(size_t at) const {
        if (count == 0 || at % count != 0) return std::nullopt;
        return at / count % 2 == 0 ? level : -level;
    }
};

static void echo(const Params &params) {
    std::string which(params.text("case")), note(params.text("note"));
    log_info("case=%s count=%lld level=%lld cap=%lld flag=%s note=%s mode=%lld", which.c_str(), params.integer("count"),
             thousandths(params.number("level")), thousandths(params.number("cap")),
             params.boolean("flag") ? "true" : "false", note.c_str(), params.integer("mode"));
}

static void levels() {
    log_debug("one");
    log_info("two");
    log_warn("three");
    log_error("four");
}

static void print() {
    std::puts("to stdout");
    std::fputs("to stderr\n", stderr);
}

// The cases that only log or fail, at the beginning of a task.
static Result talk(std::string_view which, const Params &params) {
    if (which == "invalid") return invalid("count %lld is wrong", params.integer("count"));
    if (which == "failed") return failed("failed on purpose");
    if (which == "wrong_type") params.text("count");
    if (which == "undeclared") params.integer("nothing");
    if (which == "echo") echo(params);
    if (which == "levels") levels();
    if (which == "print") print();
    return ok;
}

// A run of all indicators: what it is called, how many bars the windows have, and whether some prices are not finite.
struct Run {
    const char *name;
    size_t bars;
    bool gaps;

    // High, low and close of bar `at`.
    std::array<double, 3> prices(size_t at, double high, double low, double close) const {
        if (gaps && at % 16 == 7) high = INFINITY;
        if (gaps && at % 16 == 15) close = NAN;
        return {high, low, close};
    }
};

constexpr std::array runs{Run{"1", 1, false}, Run{"3", 3, false}, Run{"14", 14, false}, Run{"gaps", 3, true}};

constexpr std::array names{
    "sma", "ema", "deviation", "z_score", "rsi", "true_range", "atr", "donchian", "bollinger", "macd", "adx", "crossings",
};

// FNV-1a of 64 bits over the bytes of numbers, the lowest byte first, with one NaN.
class Digest {
public:
    void add(double value) {
        uint64_t bits = std::isnan(value) ? 0x7ff8000000000000 : std::bit_cast<uint64_t>(value);
        for (int byte = 0; byte < 8; byte++) state = (state ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3;
    }
    uint64_t get() const { return state; }

private:
    uint64_t state = 0xcbf29ce484222325;
};

static void tell(std::string_view symbol, const Run &run, const char *name, const Digest &digest) {
    log_info("%s %s %s %016llx", std::string(symbol).c_str(), run.name, name, digest.get());
}

static double side(std::optional<indicators::Crossing> crossing) {
    return crossing ? (*crossing == indicators::Crossing::above ? 1 : -1) : 0;
}

// The answers of each indicator at each bar, computed over columns.
static std::vector<std::vector<std::vector<double>>> columns(const Run &run, std::span<const double> high,
                                                             std::span<const double> low, std::span<const double> close) {
    using namespace indicators;
    size_t n = run.bars;
    std::vector<double> average = sma(close, n), crossed;
    for (auto crossing : crossings(close, average)) crossed.push_back(side(crossing));
    auto [upper, lower] = donchian(high, low, n);
    auto [above, middle, below] = bollinger(close, n, 2);
    auto [line, signal, histogram] = macd(close, n, 2 * n + 1, 3);
    auto [strength, plus_di, minus_di] = adx(high, low, close, n);
    return {{average}, {ema(close, n)}, {deviation(close, n)}, {z_score(close, n)}, {rsi(close, n)},
            {true_range(high, low, close)}, {atr(high, low, close, n)}, {upper, lower}, {above, middle, below},
            {line, signal, histogram}, {strength, plus_di, minus_di}, {crossed}};
}

// Logs a digest of each indicator, computed over columns.
static void compute(const Series &series, const Run &run) {
    std::vector<double> high, low, close;
    for (size_t t = 0; t < series.close.size(); t++) {
        auto [h, l, c] = run.prices(t, series.high[t], series.low[t], series.close[t]);
        high.push_back(h);
        low.push_back(l);
        close.push_back(c);
    }
    auto computed = columns(run, high, low, close);
    for (size_t i = 0; i < names.size(); i++) {
        Digest digest;
        for (size_t t = 0; t < close.size(); t++) {
            for (const auto &column : computed[i]) digest.add(column[t]);
        }
        tell(series.symbol, run, names[i], digest);
    }
}

// All indicators of one instrument, told bar by bar, and what they have answered.
class Watch {
public:
    explicit Watch(const Run &run)
        : run(run), sma(run.bars), ema(run.bars), deviation(run.bars), z_score(run.bars), rsi(run.bars), atr(run.bars),
          donchian(run.bars), bollinger(run.bars, 2), macd(run.bars, 2 * run.bars + 1, 3), adx(run.bars) {}

    void next(const Bar &bar) {
        auto [high, low, close] = run.prices(bars++, bar.high, bar.low, bar.close);
        auto average = sma.next(close);
        auto channel = donchian.next(high, low).value_or(indicators::Channel{NAN, NAN});
        auto band = bollinger.next(close).value_or(indicators::Band{NAN, NAN, NAN});
        auto lines = macd.next(close).value_or(indicators::MacdValue{NAN, NAN, NAN});
        auto trend = adx.next(high, low, close).value_or(indicators::AdxValue{NAN, NAN, NAN});
        answers[0].add(average.value_or(NAN));
        answers[1].add(ema.next(close).value_or(NAN));
        answers[2].add(deviation.next(close).value_or(NAN));
        answers[3].add(z_score.next(close).value_or(NAN));
        answers[4].add(rsi.next(close).value_or(NAN));
        answers[5].add(true_range.next(high, low, close).value_or(NAN));
        answers[6].add(atr.next(high, low, close).value_or(NAN));
        for (double value : {channel.upper, channel.lower}) answers[7].add(value);
        for (double value : {band.upper, band.middle, band.lower}) answers[8].add(value);
        for (double value : {lines.line, lines.signal, lines.histogram}) answers[9].add(value);
        for (double value : {trend.adx, trend.plus_di, trend.minus_di}) answers[10].add(value);
        answers[11].add(side(cross.next(close, average.value_or(NAN))));
    }

    void tell(std::string_view symbol) const {
        for (size_t i = 0; i < names.size(); i++) ::tell(symbol, run, names[i], answers[i]);
    }

private:
    Run run;
    size_t bars = 0;
    indicators::Sma sma;
    indicators::Ema ema;
    indicators::Deviation deviation;
    indicators::ZScore z_score;
    indicators::Rsi rsi;
    indicators::TrueRange true_range;
    indicators::Atr atr;
    indicators::Donchian donchian;
    indicators::Bollinger bollinger;
    indicators::Macd macd;
    indicators::Adx adx;
    indicators::Cross cross;
    std::array<Digest, names.size()> answers;
};

class Conformance : public Strategy {
public:
    static Description describe() {
        return Description("conformance", "1.2.3", "Uses all of the SDK.")
            .text("case", "what to do", "targets")
            .one_of(cases)
            .integer("count", "a count", 3)
            .range(0, 1000)
            .number("level", "a level", 0.5)
            .at_least(-1)
            .number("cap", "a cap", 2.5)
            .at_most(10)
            .boolean("flag", "a flag", true)
            .text("note", "a note: naïve café ✓", "")
            .integer("mode", "a mode", 1)
            .one_of({1, 2, 3});
    }

    Result prepare(std::span<const Series> all) override {
        size_t bars = 0;
        for (const Series &series : all) bars += series.time.size();
        log_info("prepared %zu instruments, %zu bars", all.size(), bars);
        for (const Series &series : all) {
            if (series.symbol == "RAISE") panic("raised in prepare");
            if (series.symbol == "REFUSE") return failed("refused in prepare");
        }
        data = all;
        return ok;
    }

    Result evaluate(const Params &params, Targets &targets) override {
        std::string_view which = params.text("case");
        if (which == "targets") alternate(Rhythm::of(params), targets);
        if (which == "checksum") checksum(targets);
        if (which == "raise") deeper();
        if (which == "indicators") compute_all();
        if (which == "clock") hold_first(targets, std::chrono::system_clock::now().time_since_epoch().count() % 1000 + 1);
        if (which == "random") hold_first(targets, std::random_device()() % 1000 / 1000.0);
        return talk(which, params);
    }

private:
    void alternate(const Rhythm &rhythm, Targets &targets) const {
        for (size_t i = 0; i < data.size(); i++) {
            Position position = targets.instrument(i);
            for (size_t t = 0; t < data[i].close.size(); t++) {
                if (auto exposure = rhythm.at(t)) position.hold(t, *exposure);
            }
        }
    }

    void compute_all() const {
        for (const Series &series : data) {
            for (const Run &run : runs) compute(series, run);
        }
    }

    void checksum(Targets &targets) const {
        for (size_t i = 0; i < data.size(); i++) {
            if (!data[i].time.empty()) targets.instrument(i).hold(0, digest(data[i]) / 1e12);
        }
    }

    // A sum in which every column, every bar and the length of the symbol counts.
    static double digest(const Series &it) {
        double sum = 0;
        for (size_t t = 0; t < it.time.size(); t++) {
            sum += it.open[t] + 2 * it.high[t] + 3 * it.low[t] + 5 * it.close[t] + 7 * it.volume[t] +
                   11 * static_cast<double>(it.time[t] / second);
        }
        return sum + static_cast<double>(it.symbol.size());
    }

    void hold_first(Targets &targets, double exposure) const {
        if (!data.empty() && !data[0].time.empty()) targets.instrument(0).hold(0, exposure);
    }

    // The data, as it came.
    std::span<const Series> data;
};

// A run, and what has been heard in it.
class Live : public EventStrategy {
public:
    Result start(std::span<const std::string_view> symbols, const Params &params) override {
        log_info("started %zu instruments", symbols.size());
        which = params.text("case");
        rhythm = Rhythm::of(params);
        bars.resize(symbols.size());
        watched = symbols;
        watches.assign(symbols.size(), std::vector<Watch>(runs.begin(), runs.end()));
        return talk(which, params);
    }

    void on_bar(const Bar &bar, Broker &broker) override {
        if (which == "targets") turn(bar, broker);
        if (which == "orders" && bar.instrument == 0) orders(bar, broker);
        if (which == "heard") hear(bar, broker);
        if (which == "quiet") fall_silent(broker);
        if (which == "indicators") for (Watch &watch : watches[bar.instrument]) watch.next(bar);
        if (which == "raise" && heard == 2) deeper();
        if (which == "end" && heard == 2) broker.fail(failed("ended on purpose"));
        bars[bar.instrument]++;
        heard++;
    }

    void on_time(int64_t time, double equity, Broker &) override {
        if (which == "heard" && times < 3) log_info("time %lld %lld", time / second, thousandths(equity));
        if (which == "quiet") log_info("time");
        times++;
    }

    void on_fill(const Fill &fill, Broker &) override {
        if (which != "heard") return;
        log_info("fill %llu %zu %lld %lld %lld", static_cast<unsigned long long>(fill.order.value_or(OrderId{0})),
                 fill.instrument, thousandths(fill.quantity), thousandths(fill.price), thousandths(fill.fee));
    }

    void on_reject(OrderId order, Reason reason, Broker &) override {
        if (which != "heard") return;
        log_info("reject %llu %s", static_cast<unsigned long long>(order), reason_name(reason));
    }

    void finish() override {
        if (which == "heard") log_info("finished");
        if (which == "indicators") tell_all();
    }

private:
    void tell_all() const {
        for (size_t i = 0; i < watched.size(); i++) {
            for (const Watch &watch : watches[i]) watch.tell(watched[i]);
        }
    }

    void turn(const Bar &bar, Broker &broker) const {
        if (auto exposure = rhythm.at(bars[bar.instrument])) broker.hold(bar.instrument, *exposure);
    }

    // Sends every kind of order, one at each bar.
    void orders(const Bar &bar, Broker &broker) {
        auto buy = [](double quantity) { return Order::buy(0, quantity); };
        auto sell = [](double quantity) { return Order::sell(0, quantity); };
        double c = bar.close;
        switch (bars[0]) {
        case 0: broker.order(buy(10)); break;
        case 1: broker.order(sell(4).limit(c * 1.5)); break;
        case 2: broker.order(buy(2).stop(c * 1.1).day()); break;
        case 3: broker.order(buy(1).stop(c * 1.05).limit(c * 1.06).until(bar.time + ten_days)); break;
        case 4: broker.order(sell(3).trailing_stop(c * 0.1).reduce_only()); break;
        case 5: broker.order(sell(2).trailing_stop_percent(0.2).immediate_or_cancel()); break;
        case 6: broker.order(buy(0.25).of_equity()); break;
        case 7: broker.order(buy(1000).of_value()); break;
        case 14: broker.buy(0, -1); break;
        default: manage(c, broker);
        }
    }

    // Does with orders and targets what there is to do with them, one thing at each bar.
    void manage(double c, Broker &broker) {
        switch (bars[0]) {
        case 8: broker.bracket(broker.order(Order::buy(0, 5).limit(c * 0.99)), c * 0.9, c * 1.2); break;
        case 9: broker.bracket(broker.buy(0, 1), c * 0.8, std::nullopt); break;
        case 10: tie_a_pair(c, broker); break;
        case 11: broker.cancel(waiting); break;
        case 12:
        case 13: broker.hold(0, 0.5); break;
        case 15: broker.cancel(OrderId{999999}); break;
        case 16: broker.target(0, 0.5); break;
        }
    }

    void tie_a_pair(double c, Broker &broker) {
        waiting = broker.order(Order::buy(0, 1).limit(c * 0.5));
        broker.one_cancels_other(waiting, broker.order(Order::sell(0, 1).stop(c * 0.5)));
    }

    // Logs the first bars, and sends one order that is filled and one that is rejected.
    void hear(const Bar &bar, Broker &broker) const {
        if (heard < 3) {
            log_info("bar %zu %lld %lld %lld %lld", bar.instrument, bar.time / second, thousandths(bar.close),
                     thousandths(bar.position), thousandths(bar.equity));
        }
        if (bar.instrument == 0 && bars[0] == 0) broker.buy(0, 1);
        if (bar.instrument == 0 && bars[0] == 1) broker.order(Order::buy(0, 1).limit(NAN));
    }

    // Logs what is heard, and hears less and less.
    void fall_silent(Broker &broker) const {
        log_info("bar %zu", heard);
        if (heard == 0) broker.mute(Event::time);
        if (heard == 4) broker.mute(Event::bar);
    }

    std::string_view which;
    Rhythm rhythm;
    std::span<const std::string_view> watched;
    // The indicators of each instrument, in the order of `runs`.
    std::vector<std::vector<Watch>> watches;
    // The bars of each instrument.
    std::vector<size_t> bars;
    // The bars of all instruments.
    size_t heard = 0;
    size_t times = 0;
    // The order that is cancelled at the bar after it was sent.
    OrderId waiting{};
};

BACKTEST_BOTH(Conformance, Live);
