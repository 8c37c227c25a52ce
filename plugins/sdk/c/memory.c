// Memory: the host's way to hand something over, and ours.

#include <stdlib.h>

#include "internal.h"

void *bt_allocate(size_t count, size_t size) {
    // One too many to count, and one that is not there, are the same to a strategy. The host remembers what it refused, and
    // tells that instead of the trap.
    void *memory = count <= SIZE_MAX / size ? malloc(count ? count * size : 1) : NULL;
    if (!memory) __builtin_trap();
    return memory;
}

// Bytes are the bytes of a text, which gets a zero behind it.
__attribute__((export_name("cabi_realloc"))) void *bt_realloc(void *old, size_t old_size, size_t align, size_t size) {
    if (size == 0 && align > 1) return (void *)align;
    size_t zero = align == 1;
    char *memory = (char *)realloc(old_size ? old : NULL, size + zero);
    if (!memory) __builtin_trap();
    if (zero) memory[size] = 0;
    return memory;
}
