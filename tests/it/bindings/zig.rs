//! `abi.zig`: the contract for Zig.

use super::model::{Case, Contract, Element, Field, Function, Kind, Outcome, Shape, Side, Type, Value};

const HEAD: &str = "\
//! Generated from the contract in `wit/`; do not edit.
//!
//! Types as they lie in memory, the functions of the host, and what exports those of a strategy. `backtest.zig` is what a
//! strategy uses.

const std = @import(\"std\");

/// Where the values of a list begin, and how many there are.
pub fn List(comptime T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        /// The list of `values`, where they lie. An empty slice may point anywhere, an empty list may not.
        pub fn of(values: []const T) @This() {
            const nowhere: [*]const T = @ptrFromInt(@alignOf(T));
            return .{ .ptr = if (values.len == 0) nowhere else values.ptr, .len = values.len };
        }

        /// The values, where they lie.
        pub fn slice(list: @This()) []const T {
            return list.ptr[0..list.len];
        }
    };
}

/// A text in UTF-8.
pub const Text = List(u8);
";

pub(super) fn bindings(contract: &Contract) -> String {
    let types: String = contract.types.iter().map(definition).collect();
    let interfaces = contract.functions.chunk_by(|a, b| a.interface == b.interface);
    let interfaces: String = interfaces.map(interface).collect();
    let checks: String = contract.types.iter().map(checks).collect();
    let check = "    if (@sizeOf(T) != size or @alignOf(T) != alignment) @compileError(@typeName(T) ++ \" has another layout\");";
    format!(
        "{HEAD}{types}{interfaces}\nfn check(comptime T: type, comptime size: usize, comptime alignment: usize) void {{\n{check}\n}}\n\n\
         comptime {{\n    // Elsewhere, as in a native test, addresses are wider.\n    if (@sizeOf(usize) == 4) {{\n        \
         const assert = std.debug.assert;\n{checks}    }}\n}}\n"
    )
}

fn definition(ty: &Type) -> String {
    let name = pascal(&ty.name);
    let body = match &ty.shape {
        Shape::Enum(cases) => return format!("\n{}{}", comment("", &ty.docs), enumeration(&name, "", cases)),
        Shape::Record(fields) => fields.iter().map(field).collect(),
        Shape::List(element) => return format!("\npub const {name} = List({});\n", type_name(element)),
        Shape::Variant { cases, .. } => variant(cases),
    };
    format!("\n{}pub const {name} = extern struct {{\n{body}}};\n", comment("", &ty.docs))
}

fn enumeration(name: &str, indent: &str, cases: &[Case]) -> String {
    let cases: String = cases
        .iter()
        .map(|case| {
            let indent = format!("{indent}    ");
            format!("{}{indent}{},\n", comment(&indent, &case.docs), identifier(&case.name))
        })
        .collect();
    format!("{indent}pub const {name} = enum(u8) {{\n{cases}{indent}}};\n")
}

fn field(field: &Field) -> String {
    let (docs, name) = (comment("    ", &field.docs), identifier(&field.name));
    format!("{docs}    {name}: {},\n", type_name(&field.value))
}

fn variant(cases: &[Case]) -> String {
    let payload =
        |case: &Case| Some(format!("        {}: {},\n", identifier(&case.name), type_name(case.payload.as_ref()?)));
    let payloads: String = cases.iter().filter_map(payload).collect();
    let tag = enumeration("Tag", "    ", cases);
    format!(
        "    tag: Tag,\n    payload: Payload,\n\n{tag}\n    pub const Payload = extern union {{\n{payloads}    }};\n"
    )
}

/// The lines that prove the layout of a type.
fn checks(ty: &Type) -> String {
    let name = pascal(&ty.name);
    let offsets = match &ty.shape {
        Shape::Enum(_) | Shape::List(_) => vec![],
        Shape::Record(fields) => fields.iter().map(|field| (field.name.as_str(), field.offset)).collect(),
        Shape::Variant { payload_at, .. } => vec![("payload", *payload_at)],
    };
    let offsets: String = offsets
        .into_iter()
        .map(|(field, offset)| format!("        assert(@offsetOf({name}, \"{}\") == {offset});\n", snake(field)))
        .collect();
    format!("        check({name}, {}, {});\n{offsets}", ty.size, ty.align)
}

/// The functions of one interface.
fn interface(functions: &[Function]) -> String {
    let text: Vec<_> = functions
        .iter()
        .map(|function| match function.side {
            Side::Import => import(function),
            Side::Export => export(function),
        })
        .collect();
    format!("\npub const {} = struct {{\n{}}};\n", identifier(&functions[0].interface), text.join("\n"))
}

fn import(function: &Function) -> String {
    format!(
        "{}    pub extern \"{}\" fn {}({}) {};\n",
        comment("    ", &function.docs),
        function.module,
        imported(&function.name),
        parameters(function),
        result(function)
    )
}

/// A function that gives an export of the component a body.
fn export(function: &Function) -> String {
    format!(
        "{}    pub fn export{}(comptime body: fn ({}) callconv(.c) {}) void {{\n        @export(&body, .{{ .name = \"{}\" }});\n    }}\n",
        comment("    ", &function.docs),
        pascal(&function.name),
        parameters(function),
        result(function),
        function.export()
    )
}

fn result(function: &Function) -> String {
    match &function.result {
        Outcome::Nothing => "void".to_owned(),
        Outcome::Plain(value) => type_name(value),
        Outcome::Pointer(name) => format!("*const {}", pascal(name)),
    }
}

fn parameters(function: &Function) -> String {
    let params = function.params.iter().map(|param| {
        let ty = match &param.kind {
            Kind::Plain(value) => type_name(value),
            Kind::Pointer(Element::Byte) => "[*]const u8".to_owned(),
            Kind::Pointer(Element::Value(value)) => format!("[*]const {}", type_name(value)),
            Kind::Length => "usize".to_owned(),
            Kind::Case(name) => format!("{}.Tag", pascal(name)),
        };
        format!("{}: {ty}", identifier(&param.name))
    });
    params.collect::<Vec<_>>().join(", ")
}

fn type_name(value: &Value) -> String {
    let plain = match value {
        Value::Bool => "bool",
        Value::U32 => "u32",
        Value::U64 => "u64",
        Value::S64 => "i64",
        Value::F64 => "f64",
        Value::Text => "Text",
        Value::Enum(name) | Value::Named(name) => return pascal(name),
    };
    plain.to_owned()
}

fn comment(indent: &str, docs: &[String]) -> String {
    docs.iter().map(|line| format!("{indent}/// {line}").trim_end().to_owned() + "\n").collect()
}

fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// The contract's own name, which the linker is to find.
fn imported(name: &str) -> String {
    if name.contains('-') { format!("@\"{name}\"") } else { name.to_owned() }
}

/// The name as Zig takes it, where it is none of its words.
fn identifier(name: &str) -> String {
    match name {
        "error" => "@\"error\"".to_owned(),
        _ => snake(name),
    }
}

fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}
