// The parameters of one task, read by name and type. Bounds are not checked: the host has, by what is declared.

#include "internal.h"

static const char *const types[] = {"a boolean", "an integer", "a number", "a text"};

static void refuse(const bt_params *params, uint8_t tag, char *why) {
    if (!*params->error) *params->error = bt_fail(tag, why);
}

// The value of a parameter, or NULL where there is none of this name and type.
static const bt_abi_value *value(const bt_params *params, const char *name, uint8_t tag) {
    size_t length = strlen(name);
    for (size_t i = 0; i < params->length; i++) {
        const bt_abi_param *param = &params->params[i];
        if (param->name.len != length || memcmp(param->name.ptr, name, length) != 0) continue;
        if (param->value.tag == tag) return &param->value;
        refuse(params, BT_ABI_ERROR_FAILED,
               bt_join("the plugin reads parameter `", name, "` as ", types[tag], ", but its description declares ",
                       types[param->value.tag], NULL));
        return NULL;
    }
    refuse(params, BT_ABI_ERROR_FAILED,
           bt_join("the plugin asks for parameter `", name, "`, which its description does not declare", NULL));
    return NULL;
}

bool bt_boolean(const bt_params *params, const char *name) {
    const bt_abi_value *found = value(params, name, BT_ABI_VALUE_BOOLEAN);
    return found && found->boolean;
}

int64_t bt_integer(const bt_params *params, const char *name) {
    const bt_abi_value *found = value(params, name, BT_ABI_VALUE_INTEGER);
    return found ? found->integer : 0;
}

// `value` in digits; it is below 0.
static char *negative(int64_t value, char *end) {
    *--end = 0;
    do *--end = (char)('0' - value % 10);
    while (value /= 10);
    *--end = '-';
    return end;
}

size_t bt_count(const bt_params *params, const char *name) {
    int64_t value = bt_integer(params, name);
    if (value >= 0) return value > (int64_t)SIZE_MAX ? SIZE_MAX : (size_t)value;
    char digits[24];
    refuse(params, BT_ABI_ERROR_INVALID_PARAMS,
           bt_join("`", name, "` counts something, so it cannot be ", negative(value, digits + sizeof digits), NULL));
    return 0;
}

double bt_number(const bt_params *params, const char *name) {
    const bt_abi_value *found = value(params, name, BT_ABI_VALUE_NUMBER);
    return found ? found->number : 0;
}

const char *bt_text(const bt_params *params, const char *name) {
    const bt_abi_value *found = value(params, name, BT_ABI_VALUE_TEXT);
    return found ? found->text.ptr : "";
}
