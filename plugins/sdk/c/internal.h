// What the files of the SDK share. A strategy needs none of it.
#ifndef BT_INTERNAL_H
#define BT_INTERNAL_H

#include <stdarg.h>
#include <string.h>

#include "backtest.h"

#ifdef __cplusplus
extern "C" {
#endif

// An error, in the words of the contract.
struct bt_error {
    bt_abi_error said;
};

struct bt_params {
    const bt_abi_param *params;
    size_t length;
    // The first error that reading them has met.
    bt_result *error;
};

// Memory for `count` values of `size` bytes. Ends the task where there is none.
void *bt_allocate(size_t count, size_t size);

// The targets by the time of their bars.
bt_abi_targets bt_sorted(const bt_targets *targets, const bt_series *data);

// A text that printf would print, in memory of its own, with a question mark for every byte that is no UTF-8.
char *bt_format(const char *format, va_list arguments);
// The same for texts that are put together: the last one is NULL.
char *bt_join(const char *first, ...);
// A copy of a text.
bt_abi_text bt_copy(const char *text);

// A description without anything, and what becomes of it.
bt_description *bt_begin_description(void);
const bt_abi_description *bt_end_description(bt_description *description);

// An error whose text is `why`.
bt_result bt_fail(uint8_t tag, char *why);
// Logs what printf would print.
void bt_log(int32_t level, const char *format, va_list arguments);
// Logs `message`, then traps.
BT_NORETURN void bt_end(char *message);

// Shows what was printed and no newline has ended. Every export ends with it, but those that are called for each bar.
void bt_flush(void);

#ifdef __cplusplus
}
#endif

#endif
