// Lines for the log of the running task.

#include <stdlib.h>

#include "internal.h"

void bt_log(int32_t level, const char *format, va_list arguments) {
    char *message = bt_format(format, arguments);
    // What was printed before comes before.
    bt_flush();
    bt_abi_host_log(level, message, strlen(message));
    free(message);
}

#define BT_LOG(name, level)                                                                                              \
    void name(const char *format, ...) {                                                                                 \
        va_list arguments;                                                                                               \
        va_start(arguments, format);                                                                                     \
        bt_log(level, format, arguments);                                                                                  \
        va_end(arguments);                                                                                               \
    }

BT_LOG(bt_log_debug, BT_ABI_LEVEL_DEBUG)
BT_LOG(bt_log_info, BT_ABI_LEVEL_INFO)
BT_LOG(bt_log_warn, BT_ABI_LEVEL_WARN)
BT_LOG(bt_log_error, BT_ABI_LEVEL_ERROR)
