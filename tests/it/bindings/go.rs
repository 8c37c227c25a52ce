//! `internal/abi`: the contract for Go. The functions of the host have a file of their own, which only WebAssembly takes.

use super::model::{Case, Contract, Element, Field, Function, Kind, Outcome, Shape, Side, Type, Value};

const TYPES: &str = r#"// Code generated from the contract in wit/. DO NOT EDIT.

// Package abi has the types of the contract as they lie in memory, and the functions of the host.
package abi

import "unsafe"

// List is a list, or a text in UTF-8.
type List struct {
	// Ptr is the address of the first element.
	Ptr uint32
	// Len is how many there are.
	Len uint32
}
"#;

const FUNCTIONS: &str = "// Code generated from the contract in wit/. DO NOT EDIT.\n\npackage abi\n";

/// The types.
pub(super) fn types(contract: &Contract) -> String {
    TYPES.to_owned() + &contract.types.iter().map(definition).collect::<String>()
}

/// The functions of the host.
pub(super) fn functions(contract: &Contract) -> String {
    let imports = contract.functions.iter().filter(|function| function.side == Side::Import);
    FUNCTIONS.to_owned() + &imports.map(import).collect::<String>()
}

fn definition(ty: &Type) -> String {
    let name = pascal(&ty.name);
    let comment = comment("", &ty.docs, || format!("{name} is `{}` of the contract.", ty.name));
    let body = match &ty.shape {
        // All of them are a `List`.
        Shape::List(_) => return String::new(),
        Shape::Enum(cases) => return format!("\n{comment}{}{}", enumeration(&name, cases), words(&name, cases)),
        Shape::Record(fields) => fields.iter().map(field).collect(),
        Shape::Variant { payload_at, .. } => {
            let (words, bits) = ((ty.size - payload_at) / ty.align, ty.align * 8);
            format!(
                "\t// Tag is the case.\n\tTag {name}Tag\n\t// payload belongs to the case.\n\tpayload [{words}]uint{bits}\n"
            )
        }
    };
    let cases = match &ty.shape {
        Shape::Variant { cases, .. } => variant(&name, cases),
        _ => String::new(),
    };
    let size = ty.size;
    format!(
        "\n{comment}type {name} struct {{\n{body}}}\n\n// It compiles only where {name} has {size} bytes.\nvar (\n\t\
         _ [{size} - unsafe.Sizeof({name}{{}})]struct{{}}\n\t_ [unsafe.Sizeof({name}{{}}) - {size}]struct{{}}\n)\n{cases}"
    )
}

fn field(field: &Field) -> String {
    let name = pascal(&field.name);
    format!("{}\t{name} {}\n", comment("\t", &field.docs, || format!("{name} is told above.")), memory(&field.value))
}

/// The type of the cases and its constants.
fn enumeration(name: &str, cases: &[Case]) -> String {
    let constant = |(index, case): (usize, &Case)| {
        let docs: String = case.docs.iter().map(|line| format!("\t// {line}\n")).collect();
        let first = if index == 0 { format!(" {name} = iota") } else { String::new() };
        format!("{docs}\t{}{}{first}\n", name.trim_end_matches("Tag"), pascal(&case.name))
    };
    let constants: String = cases.iter().enumerate().map(constant).collect();
    format!("type {name} uint8\n\n// The cases of {name}.\nconst (\n{constants})\n")
}

/// The method that writes a case as the contract does.
fn words(name: &str, cases: &[Case]) -> String {
    let words: String = cases.iter().map(|case| format!("\t\t\"{}\",\n", case.name)).collect();
    format!(
        "\n// String returns the case as the contract writes it.\nfunc (v {name}) String() string {{\n\t\
         return [...]string{{\n{words}\t}}[v]\n}}\n"
    )
}

/// The cases of a variant and the way to what they carry.
fn variant(name: &str, cases: &[Case]) -> String {
    let access = |case: &Case| {
        let (method, ty) = (pascal(&case.name), memory(case.payload.as_ref()?));
        let comment = comment("", &case.docs, || format!("{method} is what belongs to {name}{method}."));
        let body = format!("return (*{ty})(unsafe.Pointer(&v.payload))");
        Some(format!("\n{comment}func (v *{name}) {method}() *{ty} {{\n\t{body}\n}}\n"))
    };
    let methods: String = cases.iter().filter_map(access).collect();
    format!("\n// {name}Tag is a case of {name}.\n{}{methods}", enumeration(&format!("{name}Tag"), cases))
}

fn import(function: &Function) -> String {
    let name = pascal(&function.interface) + &pascal(&function.name);
    let result = match &function.result {
        Outcome::Nothing => String::new(),
        Outcome::Plain(value) => format!(" {}", number(value)),
        Outcome::Pointer(_) => panic!("teach the generator what `{}` gives back", function.name),
    };
    let params = function.params.iter().filter_map(|param| {
        let ty = match &param.kind {
            Kind::Plain(value) => number(value),
            Kind::Case(_) => "uint32",
            Kind::Pointer(Element::Byte) => "string",
            // It comes with the string.
            Kind::Length => return None,
            Kind::Pointer(Element::Value(_)) => panic!("teach the generator how a list is passed on"),
        };
        Some(format!("{} {ty}", camel(&param.name)))
    });
    let comment = comment("", &function.docs, || format!("{name} is `{}` of the contract.", function.name));
    format!(
        "\n{comment}//\n//go:wasmimport {} {}\nfunc {name}({}){result}\n",
        function.module,
        function.name,
        params.collect::<Vec<_>>().join(", ")
    )
}

/// The type that a value has in memory.
fn memory(value: &Value) -> String {
    match value {
        Value::Enum(name) => pascal(name),
        Value::Named(name) if name.starts_with("list-") => "List".to_owned(),
        Value::Named(name) => pascal(name),
        Value::Text => "List".to_owned(),
        plain => number(plain).to_owned(),
    }
}

/// The type that a value has as a parameter.
fn number(value: &Value) -> &'static str {
    match value {
        Value::Bool => "bool",
        Value::U32 | Value::Enum(_) => "uint32",
        Value::U64 => "uint64",
        Value::S64 => "int64",
        Value::F64 => "float64",
        Value::Text | Value::Named(_) => panic!("it is no number"),
    }
}

fn comment(indent: &str, docs: &[String], instead: impl Fn() -> String) -> String {
    let instead = [instead()];
    let lines = if docs.is_empty() { &instead } else { docs };
    lines.iter().map(|line| format!("{indent}// {line}").trim_end().to_owned() + "\n").collect()
}

fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}

fn camel(name: &str) -> String {
    let name = pascal(name);
    name[..1].to_lowercase() + &name[1..]
}
