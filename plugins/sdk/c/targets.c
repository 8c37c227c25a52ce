// The writer of a strategy's answer. It never grows: its room is allocated once, before the strategy runs.

#include "internal.h"

double bt_share(const bt_targets *targets) {
    return 1.0 / (double)(targets->instruments ? targets->instruments : 1);
}

static void begin_run(bt_targets *targets, size_t entry) {
    if (targets->runs_length == targets->runs_capacity) {
        size_t *runs = (size_t *)bt_allocate(2 * targets->runs_capacity, sizeof *runs);
        memcpy(runs, targets->runs, targets->runs_length * sizeof *runs);
        targets->runs = runs;
        targets->runs_capacity *= 2;
    }
    targets->runs[targets->runs_length++] = entry;
}

bt_position bt_instrument(bt_targets *targets, size_t instrument) {
    if (instrument >= targets->instruments) {
        bt_panic("the data has no instrument %zu, only %zu", instrument, targets->instruments);
    }
    // What was written as it is before the first run is one, too.
    if (targets->runs_length == 0 && targets->length > 0) begin_run(targets, 0);
    begin_run(targets, targets->length);
    bt_position position = {targets, (uint32_t)instrument, 0};
    return position;
}

void bt_targets_full(size_t capacity) {
    bt_panic("there is no room for more than %zu targets: write at most one for each bar of each instrument", capacity);
}

// The next entry of a run.
typedef struct {
    int64_t time;
    size_t run, entry;
} head;

static bool comes_before(const head *a, const head *b) {
    return a->time != b->time ? a->time < b->time : a->run < b->run;
}

// Moves the head at `at` down to where no later one is above it.
static void sift_down(head *heads, size_t length, size_t at) {
    head moved = heads[at];
    for (size_t child; (child = 2 * at + 1) < length; at = child) {
        if (child + 1 < length && comes_before(&heads[child + 1], &heads[child])) child++;
        if (!comes_before(&heads[child], &moved)) break;
        heads[at] = heads[child];
    }
    heads[at] = moved;
}

// A bar that does not exist comes last; the host says what is wrong with it.
static int64_t time_of(const bt_targets *targets, const bt_series *data, size_t entry) {
    uint32_t instrument = targets->instrument[entry], at = targets->at[entry];
    bool exists = instrument < targets->instruments && at < data[instrument].bars;
    return exists ? data[instrument].time[at] : INT64_MAX;
}

static size_t end_of_run(const bt_targets *targets, size_t run) {
    return run + 1 < targets->runs_length ? targets->runs[run + 1] : targets->length;
}

// The first entries of all runs that have one, as a heap.
static size_t first_heads(const bt_targets *targets, const bt_series *data, head *heads) {
    size_t length = 0;
    for (size_t run = 0; run < targets->runs_length; run++) {
        size_t entry = targets->runs[run];
        if (entry == end_of_run(targets, run)) continue;
        head first = {time_of(targets, data, entry), run, entry};
        heads[length++] = first;
    }
    for (size_t at = length / 2; at-- > 0;) sift_down(heads, length, at);
    return length;
}

// The same entries by the time of their bars, then by run. A run stays in its order.
static bt_abi_targets merged(const bt_targets *targets, const bt_series *data) {
    head *heads = (head *)bt_allocate(targets->runs_length, sizeof *heads);
    uint32_t *at = (uint32_t *)bt_allocate(targets->length, sizeof *at);
    uint32_t *instrument = (uint32_t *)bt_allocate(targets->length, sizeof *instrument);
    double *exposure = (double *)bt_allocate(targets->length, sizeof *exposure);
    size_t length = first_heads(targets, data, heads), next = 0;
    while (length) {
        size_t entry = heads[0].entry++;
        at[next] = targets->at[entry];
        instrument[next] = targets->instrument[entry];
        exposure[next++] = targets->exposure[entry];
        if (entry + 1 < end_of_run(targets, heads[0].run)) heads[0].time = time_of(targets, data, entry + 1);
        else heads[0] = heads[--length];
        sift_down(heads, length, 0);
    }
    bt_abi_targets sorted = {{at, next}, {instrument, next}, {exposure, next}};
    return sorted;
}

bt_abi_targets bt_sorted(const bt_targets *targets, const bt_series *data) {
    if (targets->runs_length > 1) return merged(targets, data);
    size_t length = targets->length;
    bt_abi_targets sorted = {{targets->at, length}, {targets->instrument, length}, {targets->exposure, length}};
    return sorted;
}
