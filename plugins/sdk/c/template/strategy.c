// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.

#include <stdlib.h>

#include "sdk/backtest.h"

// For each instrument its bars, and their running sums: 0, then the first close, the first two, and so on.
static struct instrument {
    size_t bars;
    double *sums;
} *instruments;
static size_t count;

static void describe(bt_description *description) {
    bt_describe(description, "my_strategy", "0.1.0", "Long while the fast average is above the slow one.");
    bt_range(bt_declare_integer(description, "fast", "bars of the fast average", 20), 1, 2000);
    bt_range(bt_declare_integer(description, "slow", "bars of the slow average, more than the fast one has", 50), 2, 5000);
}

// Called once: whatever it leaves behind is shared by all combinations of parameters.
static bt_result prepare(const bt_series *data, size_t length) {
    instruments = malloc(length * sizeof *instruments);
    count = length;
    for (size_t i = 0; i < length; i++) {
        double *sums = malloc((data[i].bars + 1) * sizeof *sums);
        sums[0] = 0;
        for (size_t t = 0; t < data[i].bars; t++) sums[t + 1] = sums[t] + data[i].close[t];
        instruments[i] = (struct instrument){data[i].bars, sums};
    }
    return BT_OK;
}

// Called for every combination. A target at bar t may use bars up to t; it is traded at the next open.
static bt_result evaluate(const bt_params *params, bt_targets *targets) {
    size_t fast = bt_count(params, "fast"), slow = bt_count(params, "slow");
    if (fast >= slow) return bt_invalid("`fast` (%zu) is not below `slow` (%zu)", fast, slow);

    double share = bt_share(targets);
    for (size_t i = 0; i < count; i++) {
        const double *sums = instruments[i].sums;
        bt_position position = bt_instrument(targets, i);
        for (size_t t = slow - 1; t < instruments[i].bars; t++) {
            double fast_average = (sums[t + 1] - sums[t + 1 - fast]) / fast;
            double slow_average = (sums[t + 1] - sums[t + 1 - slow]) / slow;
            // Equal averages change nothing.
            if (fast_average > slow_average) bt_hold(&position, t, share);
            else if (fast_average < slow_average) bt_hold(&position, t, 0);
        }
    }
    return BT_OK;
}

BT_DESCRIBE(describe);
BT_SIGNALS(prepare, evaluate);
