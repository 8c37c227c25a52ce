// What is printed becomes lines of the log, through the adapter that answers for WASI inside the component.

#include "internal.h"

__attribute__((import_module("wasi_snapshot_preview1"), import_name("line_buffer")))
void bt_wasi_line_buffer(char *memory, size_t length);

__attribute__((import_module("wasi_snapshot_preview1"), import_name("flush_lines")))
void bt_wasi_flush_lines(void);

// The C library's own function, which a program has that prints: it hands over what is left in all buffers.
__attribute__((weak)) void __stdio_exit(void);

// The adapter has no memory of its own; what is lent to it, it uses to put the pieces of a line together.
__attribute__((constructor)) static void lend(void) {
    static char lines[2048];
    bt_wasi_line_buffer(lines, sizeof lines);
}

void bt_flush(void) {
    if (__stdio_exit) __stdio_exit();
    bt_wasi_flush_lines();
}
