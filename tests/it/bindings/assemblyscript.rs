//! `abi.ts`: the contract for AssemblyScript.

use super::model::{Case, Contract, Field, Function, Kind, Outcome, Shape, Side, Type, Value};

const HEAD: &str = r"// Generated from the contract in `wit/`; do not edit.
//
// Types as they lie in memory, and the functions of the host. `backtest.ts` is what a strategy uses.

/** A list, or a text in UTF-8. 8 bytes. */
// @ts-ignore: decorator
@unmanaged export class List {
  @inline constructor(
    /** The address of the first element. */
    public ptr: usize,
    /** How many there are. */
    public len: usize,
  ) {}

  /** The element `index` of a list of lists. */
  @inline static at(list: List, index: usize): List {
    return changetype<List>(list.ptr + index * 8);
  }
}
";

pub(super) fn bindings(contract: &Contract) -> String {
    let types: String = contract.types.iter().map(definition).collect();
    let imports: Vec<_> = contract.functions.iter().filter(|function| function.side == Side::Import).collect();
    let interfaces = imports.chunk_by(|a, b| a.interface == b.interface);
    HEAD.to_owned() + &types + &interfaces.map(interface).collect::<String>()
}

fn definition(ty: &Type) -> String {
    let name = pascal(&ty.name);
    let members: String = match &ty.shape {
        // All of them are a `List`.
        Shape::List(_) => return String::new(),
        Shape::Enum(cases) => return format!("\n{}{}", comment("", &ty.docs), enumeration(&name, cases)),
        Shape::Record(fields) => fields.iter().map(field).collect(),
        Shape::Variant { payload_at, cases } => {
            let payload = |case: &Case| Some(accessors(&case.name, &case.docs, case.payload.as_ref()?, *payload_at));
            tag(&name) + &cases.iter().filter_map(payload).collect::<String>()
        }
    };
    let cases = match &ty.shape {
        Shape::Variant { cases, .. } => format!("\n{}", enumeration(&format!("{name}Tag"), cases)),
        _ => String::new(),
    };
    let docs = [&ty.docs[..], &[format!("{} bytes.", ty.size)]].concat();
    format!(
        "{cases}\n{}// @ts-ignore: decorator\n@unmanaged export class {name} {{\n{}{members}}}\n",
        comment("", &docs),
        room(&name, ty.size)
    )
}

/// How a value, or a list of them, comes into being, and is gone through.
fn room(name: &str, size: usize) -> String {
    format!(
        "  /** Makes room for one. */
  @inline static alloc(): {name} {{
    return changetype<{name}>(__new({size}, idof<ArrayBuffer>()));
  }}
  /** Makes room for `len` of them, and points `list` at it. */
  @inline static allocList(list: List, len: usize): void {{
    list.ptr = __new(len * {size}, idof<ArrayBuffer>());
    list.len = len;
  }}
  /** The element `index` of a list. */
  @inline static at(list: List, index: usize): {name} {{
    return changetype<{name}>(list.ptr + index * {size});
  }}
"
    )
}

fn field(field: &Field) -> String {
    accessors(&field.name, &field.docs, &field.value, field.offset)
}

/// The case of a variant.
fn tag(name: &str) -> String {
    accessor("tag", &format!("{name}Tag"), "u8", 0)
}

/// Access to a value at `offset`: reading and writing to what is a number, a place to everything else.
fn accessors(name: &str, docs: &[String], value: &Value, offset: usize) -> String {
    let name = member(name);
    let access = match value {
        Value::Text => place(&name, "List", offset),
        Value::Named(named) if named.starts_with("list-") => place(&name, "List", offset),
        Value::Named(named) => place(&name, &pascal(named), offset),
        Value::Enum(named) => accessor(&name, &pascal(named), "u8", offset),
        plain => accessor(&name, number(plain), number(plain), offset),
    };
    comment("  ", docs) + &access
}

fn accessor(name: &str, ty: &str, stored: &str, offset: usize) -> String {
    format!(
        "  @inline get {name}(): {ty} {{
    return load<{stored}>(changetype<usize>(this), {offset});
  }}
  @inline set {name}(value: {ty}) {{
    store<{stored}>(changetype<usize>(this), value, {offset});
  }}
"
    )
}

fn place(name: &str, ty: &str, offset: usize) -> String {
    format!("  @inline get {name}(): {ty} {{\n    return changetype<{ty}>(changetype<usize>(this) + {offset});\n  }}\n")
}

fn enumeration(name: &str, cases: &[Case]) -> String {
    let case = |case: &Case| format!("{}  {},\n", comment("  ", &case.docs), pascal(&case.name));
    format!("export const enum {name} {{\n{}}}\n", cases.iter().map(case).collect::<String>())
}

fn interface(functions: &[&Function]) -> String {
    let name = &functions[0].interface;
    let functions: String = functions.iter().map(|function| import(function)).collect();
    format!("\nexport declare namespace {name} {{\n{functions}}}\n")
}

fn import(function: &Function) -> String {
    let param = |param: &super::model::Param| {
        let ty = match &param.kind {
            Kind::Plain(Value::Enum(name)) => pascal(name),
            Kind::Plain(value) => number(value).to_owned(),
            Kind::Pointer(_) | Kind::Length => "usize".to_owned(),
            Kind::Case(name) => format!("{}Tag", pascal(name)),
        };
        format!("{}: {ty}", camel(&param.name))
    };
    let params: Vec<_> = function.params.iter().map(param).collect();
    let result = match &function.result {
        Outcome::Nothing => "void",
        Outcome::Plain(value) => number(value),
        Outcome::Pointer(_) => panic!("teach the generator what `{}` gives back", function.name),
    };
    format!(
        "{}  // @ts-ignore: decorator\n  @external(\"{}\", \"{}\")\n  export function {}({}): {result};\n",
        comment("  ", &function.docs),
        function.module,
        function.name,
        camel(&function.name),
        params.join(", ")
    )
}

/// The type of a number, in memory and as a parameter.
fn number(value: &Value) -> &'static str {
    match value {
        Value::Bool => "bool",
        Value::U32 => "u32",
        Value::U64 => "u64",
        Value::S64 => "i64",
        Value::F64 => "f64",
        Value::Text | Value::Enum(_) | Value::Named(_) => panic!("it is no number"),
    }
}

fn comment(indent: &str, docs: &[String]) -> String {
    match docs {
        [] => String::new(),
        [line] => format!("{indent}/** {line} */\n"),
        lines => {
            let lines = lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n");
            format!("{indent}/**\n{}{indent} */\n", lines.collect::<String>())
        }
    }
}

/// The name as AssemblyScript takes it, where it is none of its words.
fn member(name: &str) -> String {
    match name {
        "default" => "defaultValue".to_owned(),
        name => camel(name),
    }
}

fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect()
}

fn camel(name: &str) -> String {
    let name = pascal(name);
    name[..1].to_lowercase() + &name[1..]
}
