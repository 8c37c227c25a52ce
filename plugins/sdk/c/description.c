// What a strategy says about itself.

#include "internal.h"

struct bt_parameter {
    bt_abi_parameter declared;
    bt_parameter *next;
    // Room for the choices, which grow.
    bt_abi_value *choices;
    size_t choices_capacity;
};

struct bt_description {
    bt_abi_description said;
    bt_parameter *first, **end;
};

void bt_describe(bt_description *description, const char *name, const char *version, const char *summary) {
    description->said.name = bt_copy(name);
    description->said.version = bt_copy(version);
    description->said.summary = bt_copy(summary);
}

static bt_parameter *declare(bt_description *description, const char *name, const char *doc, bt_abi_value value) {
    bt_parameter *parameter = (bt_parameter *)bt_allocate(1, sizeof *parameter);
    memset(parameter, 0, sizeof *parameter);
    parameter->declared.name = bt_copy(name);
    parameter->declared.doc = bt_copy(doc);
    parameter->declared.default_value = value;
    *description->end = parameter;
    description->end = &parameter->next;
    return parameter;
}

static bt_abi_value boolean(bool value) {
    bt_abi_value result = {.tag = BT_ABI_VALUE_BOOLEAN};
    result.boolean = value;
    return result;
}

static bt_abi_value integer(int64_t value) {
    bt_abi_value result = {.tag = BT_ABI_VALUE_INTEGER};
    result.integer = value;
    return result;
}

static bt_abi_value number(double value) {
    bt_abi_value result = {.tag = BT_ABI_VALUE_NUMBER};
    result.number = value;
    return result;
}

static bt_abi_value text(const char *value) {
    bt_abi_value result = {.tag = BT_ABI_VALUE_TEXT};
    result.text = bt_copy(value);
    return result;
}

bt_parameter *bt_declare_boolean(bt_description *description, const char *name, const char *doc, bool value) {
    return declare(description, name, doc, boolean(value));
}

bt_parameter *bt_declare_integer(bt_description *description, const char *name, const char *doc, int64_t value) {
    return declare(description, name, doc, integer(value));
}

bt_parameter *bt_declare_number(bt_description *description, const char *name, const char *doc, double value) {
    return declare(description, name, doc, number(value));
}

bt_parameter *bt_declare_text(bt_description *description, const char *name, const char *doc, const char *value) {
    return declare(description, name, doc, text(value));
}

void bt_range(bt_parameter *parameter, double minimum, double maximum) {
    bt_at_least(parameter, minimum);
    bt_at_most(parameter, maximum);
}

void bt_at_least(bt_parameter *parameter, double minimum) {
    parameter->declared.minimum.tag = BT_ABI_OPTION_F64_SOME;
    parameter->declared.minimum.some = minimum;
}

void bt_at_most(bt_parameter *parameter, double maximum) {
    parameter->declared.maximum.tag = BT_ABI_OPTION_F64_SOME;
    parameter->declared.maximum.some = maximum;
}

static void choose(bt_parameter *parameter, bt_abi_value choice) {
    size_t length = parameter->declared.choices.len;
    if (length == parameter->choices_capacity) {
        size_t capacity = 2 * length + 4;
        bt_abi_value *choices = (bt_abi_value *)bt_allocate(capacity, sizeof *choices);
        for (size_t i = 0; i < length; i++) choices[i] = parameter->choices[i];
        parameter->choices = choices;
        parameter->choices_capacity = capacity;
    }
    parameter->choices[length] = choice;
    parameter->declared.choices.ptr = parameter->choices;
    parameter->declared.choices.len = length + 1;
}

void bt_choose_integer(bt_parameter *parameter, int64_t choice) {
    choose(parameter, integer(choice));
}

void bt_choose_number(bt_parameter *parameter, double choice) {
    choose(parameter, number(choice));
}

void bt_choose_text(bt_parameter *parameter, const char *choice) {
    choose(parameter, text(choice));
}

// The parameters one after the other, as the contract has them.
static bt_abi_list_parameter collected(const bt_description *description) {
    size_t count = 0;
    for (const bt_parameter *it = description->first; it; it = it->next) count++;
    bt_abi_parameter *all = (bt_abi_parameter *)bt_allocate(count, sizeof *all), *next = all;
    for (const bt_parameter *it = description->first; it; it = it->next) *next++ = it->declared;
    bt_abi_list_parameter list = {all, count};
    return list;
}

bt_description *bt_begin_description(void) {
    bt_description *description = (bt_description *)bt_allocate(1, sizeof *description);
    memset(description, 0, sizeof *description);
    description->end = &description->first;
    return description;
}

const bt_abi_description *bt_end_description(bt_description *description) {
    description->said.parameters = collected(description);
    bt_flush();
    return &description->said;
}

const bt_abi_description *bt_run_describe(bt_describe_fn *describe) {
    bt_description *description = bt_begin_description();
    describe(description);
    return bt_end_description(description);
}
