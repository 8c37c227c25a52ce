// How a strategy fails: by what it returns, or at once.

#include <stdlib.h>

#include "internal.h"

bt_result bt_fail(uint8_t tag, char *why) {
    struct bt_error *error = (struct bt_error *)bt_allocate(1, sizeof *error);
    error->said.tag = tag;
    error->said.failed.ptr = why;
    error->said.failed.len = strlen(why);
    return error;
}

bt_result bt_invalid(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *why = bt_format(format, arguments);
    va_end(arguments);
    return bt_fail(BT_ABI_ERROR_INVALID_PARAMS, why);
}

bt_result bt_failed(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *why = bt_format(format, arguments);
    va_end(arguments);
    return bt_fail(BT_ABI_ERROR_FAILED, why);
}

void bt_end(char *message) {
    bt_flush();
    bt_abi_host_log(BT_ABI_LEVEL_ERROR, message, strlen(message));
    __builtin_trap();
}

// Returns `line` in digits.
static char *digits(int line, char *end) {
    *--end = 0;
    do *--end = (char)('0' + line % 10);
    while (line /= 10);
    return end;
}

BT_NORETURN static void end_at(const char *file, int line, const char *function, const char *what, const char *text) {
    char number[12];
    bt_end(bt_join("panicked at ", file, ":", digits(line, number + sizeof number), ": ", what, text, " (in `",
                   function ? function : "?", "`)", NULL));
}

void bt_panic_at(const char *file, int line, const char *function, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = bt_format(format, arguments);
    va_end(arguments);
    end_at(file, line, function, "", text);
}

// The C library's own would lose what is printed and not shown yet.
BT_NORETURN void abort(void) {
    bt_flush();
    __builtin_trap();
}

// The C library's own would print, and tell a panic by no line that the host knows.
BT_NORETURN void __assert_fail(const char *condition, const char *file, int line, const char *function) {
    end_at(file, line, function, "assertion failed: ", condition);
}
