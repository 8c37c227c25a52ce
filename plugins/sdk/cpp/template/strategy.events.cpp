// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.

#include "sdk/backtest.hpp"

using namespace backtest;

class SmaCross : public EventStrategy {
public:
    static Description describe() {
        return Description("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000);
    }

    Result start(std::span<const std::string_view> symbols, const Params &params) override {
        fast = params.count("fast");
        slow = params.count("slow");
        if (fast >= slow) return invalid("`fast` (%zu) is not below `slow` (%zu)", fast, slow);
        sums.assign(symbols.size(), {0});
        return ok;
    }

    // Called when a bar has closed. What is asked for here is traded at the next open.
    void on_bar(const Bar &bar, Broker &broker) override {
        std::vector<double> &it = sums[bar.instrument];
        it.push_back(it.back() + bar.close);
        size_t bars = it.size() - 1;
        if (bars < slow) return;

        double fast_average = (it[bars] - it[bars - fast]) / fast;
        double slow_average = (it[bars] - it[bars - slow]) / slow;
        // Equal averages change nothing.
        if (fast_average > slow_average) broker.hold(bar.instrument, broker.share());
        else if (fast_average < slow_average) broker.hold(bar.instrument, 0);
    }

private:
    size_t fast = 0, slow = 0;
    // For each instrument 0, and then the sum of its first close, of its first two, and so on.
    std::vector<std::vector<double>> sums;
};

BACKTEST_EVENTS(SmaCross);
