// Trend: long while the fast moving average of the closes is above the slow one, flat while it is below.

#include <stdlib.h>

#include "sdk/backtest.h"

static size_t fast, slow;

// For each instrument the bars so far, and their running sums: 0, then the first close, the first two, and so on.
static struct instrument {
    size_t bars, capacity;
    double *sums;
} *instruments;

static void describe(bt_description *description) {
    bt_describe(description, "my_strategy", "0.1.0", "Long while the fast average is above the slow one.");
    bt_range(bt_declare_integer(description, "fast", "bars of the fast average", 20), 1, 2000);
    bt_range(bt_declare_integer(description, "slow", "bars of the slow average, more than the fast one has", 50), 2, 5000);
}

static bt_result start(const char *const *symbols, size_t length, const bt_params *params) {
    (void)symbols;
    fast = bt_count(params, "fast");
    slow = bt_count(params, "slow");
    if (fast >= slow) return bt_invalid("`fast` (%zu) is not below `slow` (%zu)", fast, slow);

    instruments = calloc(length, sizeof *instruments);
    for (size_t i = 0; i < length; i++) {
        instruments[i].capacity = 1024;
        instruments[i].sums = calloc(1024, sizeof(double));
    }
    return BT_OK;
}

static void append(struct instrument *it, double close) {
    if (++it->bars == it->capacity) it->sums = realloc(it->sums, (it->capacity *= 2) * sizeof(double));
    it->sums[it->bars] = it->sums[it->bars - 1] + close;
}

// Called when a bar has closed. What is asked for here is traded at the next open.
static void on_bar(const bt_bar *bar, bt_broker *broker) {
    struct instrument *it = &instruments[bar->instrument];
    append(it, bar->close);
    if (it->bars < slow) return;

    const double *sums = it->sums;
    double fast_average = (sums[it->bars] - sums[it->bars - fast]) / fast;
    double slow_average = (sums[it->bars] - sums[it->bars - slow]) / slow;
    // Equal averages change nothing.
    if (fast_average > slow_average) bt_broker_hold(broker, bar->instrument, bt_broker_share(broker));
    else if (fast_average < slow_average) bt_broker_hold(broker, bar->instrument, 0);
}

BT_DESCRIBE(describe);
BT_EVENTS(.start = start, .on_bar = on_bar);
