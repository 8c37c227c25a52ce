// A strategy that sees all bars at once: what stands between it and the contract.

#include "internal.h"

// What all combinations share.
static struct {
    const bt_series *data;
    size_t instruments;
    bool done;
    // Room for the first answer, which a task then need not allocate.
    bt_targets room;
} prepared;

static bt_series series(const bt_abi_series *from) {
    bt_series to = {from->symbol.ptr, from->time.len,  from->time.ptr,  from->open.ptr,
                    from->high.ptr,   from->low.ptr, from->close.ptr, from->volume.ptr};
    return to;
}

static bt_targets room_for(const bt_series *data, size_t instruments) {
    size_t bars = 0;
    for (size_t i = 0; i < instruments; i++) bars += data[i].bars;
    bt_targets room;
    memset(&room, 0, sizeof room);
    room.at = (uint32_t *)bt_allocate(bars, sizeof *room.at);
    room.instrument = (uint32_t *)bt_allocate(bars, sizeof *room.instrument);
    room.exposure = (double *)bt_allocate(bars, sizeof *room.exposure);
    room.capacity = bars;
    room.instruments = instruments;
    room.runs_capacity = instruments;
    room.runs = (size_t *)bt_allocate(instruments, sizeof *room.runs);
    return room;
}

const bt_abi_result *bt_run_prepare(bt_prepare_fn *prepare, const bt_abi_series *data, size_t instruments) {
    static bt_abi_result answer;
    bt_series *all = (bt_series *)bt_allocate(instruments, sizeof *all);
    for (size_t i = 0; i < instruments; i++) all[i] = series(&data[i]);
    bt_result error = prepare(all, instruments);
    if (error) {
        answer.tag = BT_ABI_RESULT_ERROR;
        answer.error = error->said;
    } else {
        prepared.data = all;
        prepared.instruments = instruments;
        prepared.room = room_for(all, instruments);
        prepared.done = true;
        answer.tag = BT_ABI_RESULT_OK;
    }
    bt_flush();
    return &answer;
}

static bt_result evaluated(bt_evaluate_fn *evaluate, const bt_abi_param *params, size_t length, bt_targets *targets) {
    if (!prepared.done) {
        return bt_fail(BT_ABI_ERROR_FAILED, bt_join("the plugin has no data: `prepare` has not succeeded yet", NULL));
    }
    bt_result misread = BT_OK;
    bt_params given = {params, length, &misread};
    bt_result error = evaluate(&given, targets);
    return misread ? misread : error;
}

const bt_abi_result_targets *bt_run_evaluate(bt_evaluate_fn *evaluate, const bt_abi_param *params, size_t length) {
    static bt_abi_result_targets answer;
    bt_targets *targets = &prepared.room;
    targets->length = targets->runs_length = 0;
    bt_result error = evaluated(evaluate, params, length, targets);
    if (error) {
        answer.tag = BT_ABI_RESULT_TARGETS_ERROR;
        answer.error = error->said;
    } else {
        answer.tag = BT_ABI_RESULT_TARGETS_OK;
        answer.ok = bt_sorted(targets, prepared.data);
    }
    bt_flush();
    return &answer;
}
