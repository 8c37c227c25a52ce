//! `abi.h`: the contract for C and C++.

use super::model::{Case, Contract, Element, Field, Function, Kind, Outcome, Shape, Side, Type, Value};

const HEAD: &str = r#"// Generated from the contract in `wit/`; do not edit.
//
// Types as they lie in memory, the functions of the host, and the names of those that a strategy exports. `backtest.h` is
// what a strategy uses.
#ifndef BT_ABI_H
#define BT_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#else
#include <assert.h>
#include <stdalign.h>
#endif

// A text in UTF-8, which no zero ends.
typedef struct {
    const char *ptr;
    size_t len;
} bt_abi_text;
"#;

const TAIL: &str = r"
#ifdef __cplusplus
}
#endif

#endif
";

pub(super) fn bindings(contract: &Contract) -> String {
    let types = contract.types.iter().map(definition);
    let functions = contract.functions.iter().map(|function| match function.side {
        Side::Import => import(function),
        Side::Export => export(function),
    });
    let text: String = types.chain(functions).collect();
    format!("{HEAD}{text}{TAIL}")
}

fn definition(ty: &Type) -> String {
    let comment = comment("", &ty.docs);
    let body = match &ty.shape {
        Shape::Enum(cases) => return format!("\n{comment}enum {{\n{}}};\n", constants(&ty.name, cases)),
        Shape::Record(fields) => fields.iter().map(field).collect(),
        Shape::List(element) => format!("    const {};\n    size_t len;\n", declaration(element, "*ptr")),
        Shape::Variant { cases, .. } => union(cases),
    };
    let name = type_name(&ty.name);
    let cases = match &ty.shape {
        Shape::Variant { cases, .. } => format!("enum {{\n{}}};\n", constants(&ty.name, cases)),
        _ => String::new(),
    };
    format!("\n{comment}typedef struct {{\n{body}}} {name};\n{cases}{}", asserts(ty, &name))
}

fn field(field: &Field) -> String {
    format!("{}    {};\n", comment("    ", &field.docs), declaration(&field.value, &member(&field.name)))
}

/// The case of a variant and what it carries.
fn union(cases: &[Case]) -> String {
    let payload =
        |case: &Case| Some(format!("        {};\n", declaration(case.payload.as_ref()?, &member(&case.name))));
    let payloads: String = cases.iter().filter_map(payload).collect();
    format!("    uint8_t tag;\n    union {{\n{payloads}    }};\n")
}

fn constants(name: &str, cases: &[Case]) -> String {
    let prefix = format!("BT_ABI_{}", shout(name));
    let constant = |(index, case): (usize, &Case)| {
        format!("{}    {prefix}_{} = {index},\n", comment("    ", &case.docs), shout(&case.name))
    };
    cases.iter().enumerate().map(constant).collect()
}

fn asserts(ty: &Type, name: &str) -> String {
    let offsets = match &ty.shape {
        Shape::Enum(_) => vec![],
        Shape::Record(fields) => fields.iter().map(|field| (member(&field.name), field.offset)).collect(),
        Shape::List(_) => vec![("ptr".to_owned(), 0), ("len".to_owned(), 4)],
        Shape::Variant { payload_at, cases } => {
            let payloads = cases.iter().filter(|case| case.payload.is_some());
            payloads.map(|case| (member(&case.name), *payload_at)).collect()
        }
    };
    let offsets: String = offsets
        .into_iter()
        .map(|(member, offset)| format!("static_assert(offsetof({name}, {member}) == {offset}, \"its place\");\n"))
        .collect();
    let (size, align) = (ty.size, ty.align);
    format!("static_assert(sizeof({name}) == {size} && alignof({name}) == {align}, \"its size\");\n{offsets}")
}

fn import(function: &Function) -> String {
    format!(
        "\n{}__attribute__((import_module(\"{}\"), import_name(\"{}\")))\n{}({});\n",
        comment("", &function.docs),
        function.module,
        function.name,
        result(function, &format!("bt_abi_{}_{}", snake(&function.interface), snake(&function.name))),
        parameters(function)
    )
}

/// A macro that begins the definition of an export.
fn export(function: &Function) -> String {
    let (interface, name) = (shout(&function.interface), shout(&function.name));
    format!(
        "\n{}#define BT_ABI_EXPORT_{interface}_{name}(function) \\\n    __attribute__((export_name(\"{}\"))) \\\n    {}({})\n",
        comment("", &function.docs),
        function.export(),
        result(function, "function"),
        parameters(function)
    )
}

/// `name` declared with the type of what the function gives back.
fn result(function: &Function, name: &str) -> String {
    match &function.result {
        Outcome::Nothing => format!("void {name}"),
        Outcome::Plain(value) => declaration(value, name),
        Outcome::Pointer(ty) => format!("const {} *{name}", type_name(ty)),
    }
}

fn parameters(function: &Function) -> String {
    let params = function.params.iter().map(|param| {
        let name = snake(&param.name);
        match &param.kind {
            // An i32, all of which a smaller type of C would not fill.
            Kind::Plain(Value::Enum(_) | Value::Bool) | Kind::Case(_) => format!("int32_t {name}"),
            Kind::Plain(value) => declaration(value, &name),
            Kind::Pointer(Element::Byte) => format!("const char *{name}"),
            Kind::Pointer(Element::Value(value)) => format!("const {}", declaration(value, &format!("*{name}"))),
            Kind::Length => format!("size_t {name}"),
        }
    });
    let params: Vec<_> = params.collect();
    if params.is_empty() { "void".to_owned() } else { params.join(", ") }
}

/// `name` declared with the type that a value has in memory.
fn declaration(value: &Value, name: &str) -> String {
    let ty = match value {
        Value::Bool => "bool",
        Value::U32 => "uint32_t",
        Value::U64 => "uint64_t",
        Value::S64 => "int64_t",
        Value::F64 => "double",
        Value::Text => "bt_abi_text",
        Value::Enum(_) => "uint8_t",
        Value::Named(named) => return format!("{} {name}", type_name(named)),
    };
    format!("{ty} {name}")
}

fn type_name(name: &str) -> String {
    format!("bt_abi_{}", snake(name))
}

/// The name as C takes it, where it is none of its words.
fn member(name: &str) -> String {
    match name {
        "default" => "default_value".to_owned(),
        _ => snake(name),
    }
}

fn comment(indent: &str, docs: &[String]) -> String {
    docs.iter().map(|line| format!("{indent}// {line}").trim_end().to_owned() + "\n").collect()
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

fn shout(name: &str) -> String {
    snake(name).to_uppercase()
}
