// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.

#include "sdk/backtest.hpp"

using namespace backtest;

class SmaCross : public Strategy {
public:
    static Description describe() {
        return Description("my_strategy", "0.1.0", "Long while the fast average is above the slow one.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000);
    }

    // Called once: whatever it leaves behind is shared by all combinations of parameters.
    Result prepare(std::span<const Series> data) override {
        for (const Series &series : data) sums.push_back(running_sums(series.close));
        return ok;
    }

    // Called for every combination. A target at bar t may use bars up to t; it is traded at the next open.
    Result evaluate(const Params &params, Targets &targets) override {
        size_t fast = params.count("fast"), slow = params.count("slow");
        if (fast >= slow) return invalid("`fast` (%zu) is not below `slow` (%zu)", fast, slow);

        for (size_t i = 0; i < sums.size(); i++) follow(sums[i], fast, slow, targets.share(), targets.instrument(i));
        return ok;
    }

private:
    static void follow(std::span<const double> sums, size_t fast, size_t slow, double share, Position position) {
        for (size_t t = slow - 1; t + 1 < sums.size(); t++) {
            double fast_average = (sums[t + 1] - sums[t + 1 - fast]) / fast;
            double slow_average = (sums[t + 1] - sums[t + 1 - slow]) / slow;
            // Equal averages change nothing.
            if (fast_average > slow_average) position.hold(t, share);
            else if (fast_average < slow_average) position.hold(t, 0);
        }
    }

    static std::vector<double> running_sums(std::span<const double> closes) {
        std::vector<double> sums{0};
        for (double close : closes) sums.push_back(sums.back() + close);
        return sums;
    }

    // For each instrument 0, and then the sum of its first close, of its first two, and so on.
    std::vector<std::vector<double>> sums;
};

BACKTEST_SIGNALS(SmaCross);
