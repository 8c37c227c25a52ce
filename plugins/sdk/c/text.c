// Texts that are put together.

#include <stdio.h>

#include "internal.h"

// The bytes of the character at `at`, or 0 where there is none.
static size_t character(const unsigned char *at) {
    static const struct {
        unsigned char mask, lead;
        unsigned least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t more = 0; more < 4; more++) {
        if ((at[0] & forms[more].mask) != forms[more].lead) continue;
        unsigned point = at[0] & ~forms[more].mask & 0xff;
        for (size_t i = 1; i <= more; i++) {
            if ((at[i] & 0xc0) != 0x80) return 0;
            point = point << 6 | (at[i] & 0x3f);
        }
        bool surrogate = point >= 0xd800 && point < 0xe000;
        return point < forms[more].least || point > 0x10ffff || surrogate ? 0 : more + 1;
    }
    return 0;
}

// The host takes no other text.
static char *repair(char *text) {
    for (char *at = text; *at;) {
        size_t length = character((const unsigned char *)at);
        if (length == 0) *at = '?';
        at += length ? length : 1;
    }
    return text;
}

char *bt_format(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (length < 0) return bt_join(format, NULL);
    char *text = (char *)bt_allocate((size_t)length + 1, 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return repair(text);
}

char *bt_join(const char *first, ...) {
    va_list texts, again;
    va_start(texts, first);
    va_copy(again, texts);
    size_t length = 0;
    for (const char *text = first; text; text = va_arg(again, const char *)) length += strlen(text);
    va_end(again);
    char *joined = (char *)bt_allocate(length + 1, 1), *end = joined;
    for (const char *text = first; text; text = va_arg(texts, const char *)) {
        size_t bytes = strlen(text);
        memcpy(end, text, bytes);
        end += bytes;
    }
    va_end(texts);
    *end = 0;
    return repair(joined);
}

bt_abi_text bt_copy(const char *text) {
    bt_abi_text copy = {bt_join(text, NULL), strlen(text)};
    return copy;
}
