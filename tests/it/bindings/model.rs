//! The contract as every low-level binding needs it: types as they lie in memory, functions as core WebAssembly has them.
//!
//! Never names anything as a language would: all names are the contract's.

use std::collections::BTreeSet;

use wit_parser::{
    Function as WitFunction, InterfaceId, Resolve, SizeAlign, Type as WitType, TypeDefKind, TypeId, TypeOwner,
    abi::{AbiVariant, WasmType},
};

/// The interfaces that the host offers, and those that a strategy implements.
const SIDES: [(Side, &[&str]); 2] =
    [(Side::Import, &["host", "broker"]), (Side::Export, &["metadata", "signals", "events"])];

/// What crosses the boundary.
pub(super) struct Contract {
    /// Types that lie in memory; each comes after those that it is made of.
    pub(super) types: Vec<Type>,
    pub(super) functions: Vec<Function>,
}

/// A type as it lies in memory.
pub(super) struct Type {
    /// Unique, as in `time-in-force`; one without a name is called by what it is made of, as in `list-f64`, `option-f64`
    /// and, after what there is in case of success, `result-targets` and `result`.
    pub(super) name: String,
    pub(super) docs: Vec<String>,
    /// In bytes.
    pub(super) size: usize,
    /// In bytes.
    pub(super) align: usize,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    /// One byte with the index of a case.
    Enum(Vec<Case>),
    Record(Vec<Field>),
    /// One byte with the index of a case, and `payload_at` bytes from the beginning what belongs to it.
    Variant {
        payload_at: usize,
        cases: Vec<Case>,
    },
    /// The address of the first value, and the number of values: four bytes each.
    List(Value),
}

pub(super) struct Case {
    pub(super) name: String,
    pub(super) docs: Vec<String>,
    pub(super) payload: Option<Value>,
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) docs: Vec<String>,
    /// In bytes.
    pub(super) offset: usize,
    pub(super) value: Value,
}

/// The type of a field, a payload or an element.
pub(super) enum Value {
    Bool,
    U32,
    U64,
    S64,
    F64,
    /// The address of the first byte, and the number of bytes: four bytes each. UTF-8.
    Text,
    /// The name of a [`Type`] that is an enum: a byte in memory, an i32 on its own.
    Enum(String),
    /// The name of any other [`Type`].
    Named(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The host has it.
    Import,
    /// The strategy has it.
    Export,
}

/// A function of core WebAssembly.
pub(super) struct Function {
    pub(super) side: Side,
    /// As in `signals`.
    pub(super) interface: String,
    /// As in `backtest:strategy/signals@0.1.0`.
    pub(super) module: String,
    /// As in `on-bar`.
    pub(super) name: String,
    pub(super) docs: Vec<String>,
    pub(super) params: Vec<Param>,
    pub(super) result: Outcome,
}

impl Function {
    /// The name of the core module's export.
    pub(super) fn export(&self) -> String {
        format!("{}#{}", self.module, self.name)
    }
}

pub(super) struct Param {
    /// As in `message`; what comes as several numbers has several names, as in `message` and `message-len`.
    pub(super) name: String,
    pub(super) kind: Kind,
}

/// What one number of core WebAssembly stands for.
pub(super) enum Kind {
    /// As it is.
    Plain(Value),
    /// The address of the first of many.
    Pointer(Element),
    /// How many there are.
    Length,
    /// The case of the variant of this name.
    Case(String),
}

/// What an address leads to.
pub(super) enum Element {
    /// A byte of a text in UTF-8.
    Byte,
    Value(Value),
}

/// What a function gives back.
pub(super) enum Outcome {
    Nothing,
    Plain(Value),
    /// The address of a value of the type of this name. The export of the same name behind `cabi_post_` hears when it has
    /// been read.
    Pointer(String),
}

impl Contract {
    pub(super) fn read() -> Self {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir("wit/v0.1").expect("the contract is valid");
        let mut sizes = SizeAlign::default();
        sizes.fill(&resolve);
        let mut reader = Reader {
            resolve: &resolve,
            sizes,
            seen: BTreeSet::new(),
            contract: Self { types: vec![], functions: vec![] },
        };
        for (side, interfaces) in SIDES {
            for name in interfaces {
                reader.interface(side, resolve.packages[package].interfaces[*name]);
            }
        }
        reader.contract
    }
}

struct Reader<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    seen: BTreeSet<String>,
    contract: Contract,
}

impl Reader<'_> {
    fn interface(&mut self, side: Side, id: InterfaceId) {
        for function in self.resolve.interfaces[id].functions.values() {
            let name = self.resolve.interfaces[id].name.clone().expect("every interface of the contract has a name");
            let module = self.resolve.id_of(id).expect("every interface of the contract has a name");
            let function = self.function(side, name, module, function);
            self.contract.functions.push(function);
        }
    }

    fn function(&mut self, side: Side, interface: String, module: String, function: &WitFunction) -> Function {
        let params: Vec<_> = function.params.iter().flat_map(|param| self.flat(&param.name, &param.ty)).collect();
        let variant = if side == Side::Import { AbiVariant::GuestImport } else { AbiVariant::GuestExport };
        let signature = self.resolve.wasm_signature(variant, function);
        assert!(!signature.indirect_params, "`{}` has too many parameters for numbers", function.name);
        assert_eq!(params.iter().map(|param| param.kind.wasm()).collect::<Vec<_>>(), signature.params);
        let result = match &function.result {
            None => Outcome::Nothing,
            Some(ty) if signature.retptr => {
                assert_eq!(side, Side::Export, "`{}` gives back more than a number", function.name);
                match self.value(ty) {
                    Value::Named(name) => Outcome::Pointer(name),
                    _ => panic!("`{}` gives back what has no type of its own", function.name),
                }
            }
            Some(ty) => Outcome::Plain(self.value(ty)),
        };
        Function { side, interface, module, name: function.name.clone(), docs: docs(&function.docs), params, result }
    }

    /// The numbers that a parameter comes as.
    fn flat(&mut self, name: &str, ty: &WitType) -> Vec<Param> {
        let param = |name: &str, kind| Param { name: name.to_owned(), kind };
        let many = |element| vec![param(name, Kind::Pointer(element)), param(&format!("{name}-len"), Kind::Length)];
        match self.value(ty) {
            Value::Text => many(Element::Byte),
            Value::Named(named) => match self.definition(ty) {
                TypeDefKind::List(element) => {
                    let element = self.value(&element);
                    many(Element::Value(element))
                }
                TypeDefKind::Variant(variant) => {
                    assert!(
                        variant.cases.iter().all(|case| case.ty == Some(WitType::String)),
                        "teach the generator how the cases of `{named}` share their numbers"
                    );
                    let mut params = vec![param(&format!("{name}-case"), Kind::Case(named))];
                    params.extend(many(Element::Byte));
                    params
                }
                other => panic!("teach the generator how a {} comes as numbers", other.as_str()),
            },
            plain => vec![param(name, Kind::Plain(plain))],
        }
    }

    fn definition(&self, ty: &WitType) -> TypeDefKind {
        self.resolve.types[self.original(ty)].kind.clone()
    }

    /// The type behind all `use`.
    fn original(&self, ty: &WitType) -> TypeId {
        let WitType::Id(id) = ty else { panic!("a plain type has no definition") };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(behind) => self.original(behind),
            _ => *id,
        }
    }

    fn value(&mut self, ty: &WitType) -> Value {
        match ty {
            WitType::Bool => Value::Bool,
            WitType::U32 => Value::U32,
            WitType::U64 => Value::U64,
            WitType::S64 => Value::S64,
            WitType::F64 => Value::F64,
            WitType::String => Value::Text,
            WitType::Id(_) if matches!(self.definition(ty), TypeDefKind::Enum(_)) => Value::Enum(self.named(ty)),
            WitType::Id(_) => Value::Named(self.named(ty)),
            other => panic!("teach the generator the type {other:?}"),
        }
    }

    /// The name of a type, which is among the contract's from now on.
    fn named(&mut self, ty: &WitType) -> String {
        let id = self.original(ty);
        let (name, shape) = self.shape(id);
        if self.seen.insert(name.clone()) {
            let docs = docs(&self.resolve.types[id].docs);
            let (size, align) = (self.sizes.size(ty).size_wasm32(), self.sizes.align(ty).align_wasm32());
            self.contract.types.push(Type { name: name.clone(), docs, size, align, shape });
        }
        name
    }

    fn shape(&mut self, id: TypeId) -> (String, Shape) {
        let definition = &self.resolve.types[id];
        assert!(definition.name.is_none() || matches!(definition.owner, TypeOwner::Interface(_)));
        let name = definition.name.clone();
        let own = || name.clone().expect("records, enums and variants have names");
        match &definition.kind {
            TypeDefKind::Record(record) => (own(), Shape::Record(self.fields(record))),
            TypeDefKind::Enum(cases) => {
                let case = |case: &wit_parser::EnumCase| Case {
                    name: case.name.clone(),
                    docs: docs(&case.docs),
                    payload: None,
                };
                (own(), Shape::Enum(cases.cases.iter().map(case).collect()))
            }
            TypeDefKind::Variant(variant) => {
                let cases: Vec<_> =
                    variant.cases.iter().map(|case| (case.name.as_str(), docs(&case.docs), case.ty.as_ref())).collect();
                (own(), self.variant(&cases))
            }
            TypeDefKind::Option(some) => {
                let shape = self.variant(&[("none", vec![], None), ("some", vec![], Some(some))]);
                (format!("option-{}", self.word(some)), shape)
            }
            TypeDefKind::Result(result) => {
                let shape = self.variant(&[("ok", vec![], result.ok.as_ref()), ("error", vec![], result.err.as_ref())]);
                let name = result.ok.as_ref().map(|ok| format!("result-{}", self.word(ok)));
                (name.unwrap_or_else(|| "result".to_owned()), shape)
            }
            TypeDefKind::List(element) => (format!("list-{}", self.word(element)), Shape::List(self.value(element))),
            other => panic!("teach the generator what a {} is in memory", other.as_str()),
        }
    }

    fn fields(&mut self, record: &wit_parser::Record) -> Vec<Field> {
        let offsets = self.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
        let offsets: Vec<_> = offsets.into_iter().map(|(offset, _)| offset.size_wasm32()).collect();
        let fields = record.fields.iter().zip(offsets).map(|(field, offset)| Field {
            name: field.name.clone(),
            docs: docs(&field.docs),
            offset,
            value: self.value(&field.ty),
        });
        fields.collect()
    }

    fn variant(&mut self, cases: &[(&str, Vec<String>, Option<&WitType>)]) -> Shape {
        let payloads = cases.iter().map(|(_, _, payload)| *payload);
        let payload_at = self.sizes.payload_offset(wit_parser::Int::U8, payloads).size_wasm32();
        let case = |(name, docs, payload): &(&str, Vec<String>, Option<&WitType>)| Case {
            name: (*name).to_owned(),
            docs: docs.clone(),
            payload: payload.map(|payload| self.value(payload)),
        };
        Shape::Variant { payload_at, cases: cases.iter().map(case).collect() }
    }

    /// What a type is called within the name of another.
    fn word(&mut self, ty: &WitType) -> String {
        match self.value(ty) {
            Value::Bool => "bool".to_owned(),
            Value::U32 => "u32".to_owned(),
            Value::U64 => "u64".to_owned(),
            Value::S64 => "s64".to_owned(),
            Value::F64 => "f64".to_owned(),
            Value::Text => "text".to_owned(),
            Value::Enum(name) | Value::Named(name) => name,
        }
    }
}

impl Kind {
    /// The number's type, with addresses and lengths told apart.
    fn wasm(&self) -> WasmType {
        match self {
            Self::Plain(Value::S64 | Value::U64) => WasmType::I64,
            Self::Plain(Value::F64) => WasmType::F64,
            Self::Plain(_) | Self::Case(_) => WasmType::I32,
            Self::Pointer(_) => WasmType::Pointer,
            Self::Length => WasmType::Length,
        }
    }
}

/// The lines of a comment.
fn docs(docs: &wit_parser::Docs) -> Vec<String> {
    docs.contents.iter().flat_map(|text| text.trim().lines()).map(|line| line.trim().to_owned()).collect()
}
