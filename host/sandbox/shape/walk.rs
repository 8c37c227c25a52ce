//! The walk: one pass over a component that counts what its compiling and its instances cost.
//!
//! Never validates, and never calls itself: its time and memory grow with the bytes alone.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, ComponentAlias, ComponentAliasSectionReader, ComponentDefinedType,
    ComponentExport, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind, ComponentType,
    ComponentTypeDeclaration, ComponentTypeRef, CompositeInnerType, ConstExpr, CoreType, DataKind, ElementItems,
    ElementKind, Encoding, Instance, InstanceTypeDeclaration, Operator, Parser, Payload, RecGroup, SubType, TableInit,
    TypeRef,
};

use super::{
    body::{self, Signatures},
    instances::{Cost, Scope},
    measures::{Counts, Measure as M, Place},
};

type Result<T> = std::result::Result<T, BinaryReaderError>;

/// The counts of a component, and the bytes that one instance of it takes besides memories and tables.
#[derive(Debug)]
pub(super) struct Walked {
    pub(super) counts: Counts,
    pub(super) instance_bytes: u64,
}

/// Counts everything in the component `bytes`, in their code only where `code` says so.
pub(super) fn walk(bytes: &[u8], code: bool) -> Result<Walked> {
    let mut walk =
        Walk { bytes, code, counts: Counts::default(), open: Vec::new(), modules: 0, outermost: Cost::default() };
    for payload in Parser::new(0).parse_all(bytes) {
        walk.take(payload?)?;
    }
    let Walk { mut counts, outermost: made, .. } = walk;
    counts.add(M::CoreInstances, made.core_instances);
    counts.add(M::ComponentInstances, made.component_instances);
    counts.add(M::Links, made.links);
    counts.add(M::Memories, made.memories);
    counts.add(M::Tables, made.tables);
    counts.add(M::TableEntries, made.table_entries);
    counts.add(M::Startup, made.startup);
    counts.add(M::Unknown, made.unknown);
    Ok(Walked { counts, instance_bytes: made.bytes })
}

/// A module or component whose end has not come.
enum Open {
    Module(Box<Module>),
    Component(Scope),
}

/// What is known of a module so far.
#[derive(Default)]
struct Module {
    number: u32,
    signatures: Signatures,
    imported_functions: usize,
    bodies: usize,
    cost: Cost,
    data: DataSpan,
}

/// Where the data segments of a module lie, taken together.
#[derive(Default)]
struct DataSpan {
    first: Option<u64>,
    end: u64,
    bytes: u64,
}

struct Walk<'a> {
    bytes: &'a [u8],
    code: bool,
    counts: Counts,
    open: Vec<Open>,
    modules: u32,
    outermost: Cost,
}

impl Walk<'_> {
    fn take(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::Version { encoding, .. } => self.begin(encoding),
            Payload::End(_) => self.end(),
            Payload::CustomSection(section) => {
                self.counts.add(M::CustomSections, 1);
                self.name(section.name());
            }
            payload => match self.open.last() {
                Some(Open::Module(_)) => self.module(payload)?,
                Some(Open::Component(_)) => self.component(payload)?,
                None => {}
            },
        }
        Ok(())
    }

    fn begin(&mut self, encoding: Encoding) {
        self.open.push(match encoding {
            Encoding::Module => {
                let number = self.modules;
                self.modules += 1;
                let cost = Cost { core_instances: 1, bytes: INSTANCE, ..Cost::default() };
                Open::Module(Box::new(Module { number, cost, ..Module::default() }))
            }
            Encoding::Component => {
                let cost = Cost { component_instances: 1, bytes: INSTANCE, ..Cost::default() };
                Open::Component(Scope { cost, ..Scope::default() })
            }
        });
        self.counts.largest(M::Depth, self.open.len() as u64, Place::Whole);
    }

    fn end(&mut self) {
        let Some(ended) = self.open.pop() else { return };
        let (cost, is_module) = match ended {
            Open::Module(module) => {
                self.counts.largest(M::DataSpread, module.data.empty(), Place::Module(module.number));
                (module.cost, true)
            }
            Open::Component(scope) => (scope.cost, false),
        };
        match self.open.last_mut() {
            Some(Open::Component(parent)) if is_module => parent.modules.push(Some(cost)),
            Some(Open::Component(parent)) => parent.components.push(Some(cost)),
            _ => self.outermost = cost,
        }
    }

    fn name(&mut self, name: &str) {
        self.counts.largest(M::NameBytes, name.len() as u64, Place::Whole);
    }
}

/// Bytes of one instance of anything, an upper bound of what wasmtime keeps for it.
const INSTANCE: u64 = 4 << 10;

/// Bytes in an instance for each import, table, memory, tag, and function that others may call.
const ITEM: u64 = 64;

/// Bytes in an instance for each global that never changes.
const GLOBAL: u64 = 16;

/// Bytes for each global that changes: wizer's accessors import it and have a function for it.
const MUTABLE_GLOBAL: u64 = GLOBAL + 2 * ITEM;

/// Bytes in an instance for each data segment.
const SEGMENT: u64 = 16;

/// Bytes of data that are written while a constant is computed.
const BLOCK: u64 = 64;

/// Bytes in an instance for each entry of an element segment.
const ELEMENT: u64 = 16;

/// Core modules.
impl Walk<'_> {
    fn module(&mut self, payload: Payload<'_>) -> Result<()> {
        let Some(Open::Module(module)) = self.open.last_mut() else { return Ok(()) };
        let counts = &mut self.counts;
        match payload {
            Payload::TypeSection(groups) => {
                for group in groups {
                    rec_group(counts, &group?, Some(&mut module.signatures.types));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    counts.add(M::Names, 1);
                    counts.largest(M::NameBytes, import.module.len().max(import.name.len()) as u64, Place::Whole);
                    module.import(import.ty);
                }
            }
            Payload::FunctionSection(functions) => {
                for ty in functions {
                    module.signatures.functions.push(ty?);
                    counts.add(M::Functions, 1);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table?;
                    module.cost.tables += 1;
                    module.cost.table_entries = module.cost.table_entries.saturating_add(table.ty.initial);
                    module.cost.bytes += ITEM;
                    if let TableInit::Expr(expression) = &table.init {
                        constant(counts, &mut module.cost, expression)?;
                    }
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    memory?;
                    module.cost.memories += 1;
                    module.cost.bytes += ITEM;
                }
            }
            Payload::TagSection(tags) => {
                module.cost.bytes += ITEM * u64::from(tags.count());
                counts.add(M::Globals, u64::from(tags.count()));
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    counts.add(M::Globals, 1);
                    module.cost.bytes += if global.ty.mutable { MUTABLE_GLOBAL } else { GLOBAL };
                    constant(counts, &mut module.cost, &global.init_expr)?;
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    counts.add(M::Names, 1);
                    counts.largest(M::NameBytes, export?.name.len() as u64, Place::Whole);
                    module.cost.bytes += ITEM;
                }
            }
            Payload::ElementSection(elements) => {
                for element in elements {
                    let element = element?;
                    counts.add(M::Segments, 1);
                    if let ElementKind::Active { offset_expr, .. } = &element.kind {
                        constant(counts, &mut module.cost, offset_expr)?;
                    }
                    let entries = match element.items {
                        ElementItems::Functions(functions) => functions.count(),
                        ElementItems::Expressions(_, expressions) => {
                            let count = expressions.count();
                            for expression in expressions {
                                constant(counts, &mut module.cost, &expression?)?;
                            }
                            count
                        }
                    };
                    counts.add(M::Elements, u64::from(entries));
                    module.cost.startup += u64::from(entries);
                    module.cost.bytes += ELEMENT.saturating_add(ITEM) * u64::from(entries);
                }
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    counts.add(M::Segments, 1);
                    module.cost.bytes += SEGMENT;
                    if let DataKind::Active { offset_expr, .. } = &segment.kind {
                        constant(counts, &mut module.cost, offset_expr)?;
                        module.cost.startup += segment.data.len() as u64 / BLOCK;
                        module.data.take(offset_expr, segment.data.len() as u64)?;
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                counts.add(M::CodeBytes, body.as_bytes().len() as u64);
                let function = module.imported_functions + module.bodies;
                module.bodies += 1;
                let place = Place::Function { module: module.number, function: function as u32 };
                counts.largest(M::FunctionBytes, body.as_bytes().len() as u64, place);
                if self.code {
                    let ty = module.signatures.functions.get(function).copied().unwrap_or(u32::MAX);
                    count_body(counts, place, &body::measure(&module.signatures, ty, &body)?);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn count_body(counts: &mut Counts, place: Place, size: &body::BodySize) {
    counts.add(M::Steps, size.steps);
    counts.add(M::Alive, size.alive);
    counts.largest(M::FunctionSteps, size.steps, place);
    counts.largest(M::FunctionLocals, size.locals, place);
    counts.largest(M::FunctionNesting, size.nesting, place);
    counts.largest(M::FunctionTargets, size.targets, place);
    counts.largest(M::FunctionCalls, size.calls, place);
    counts.largest(M::FunctionStack, size.stack, place);
    counts.largest(M::FunctionBranches, size.branches, place);
    counts.largest(M::FunctionAlive, size.alive, place);
}

impl Module {
    fn import(&mut self, ty: TypeRef) {
        if let TypeRef::Func(ty) | TypeRef::FuncExact(ty) = ty {
            self.signatures.functions.push(ty);
            self.imported_functions += 1;
        }
        self.cost.links += 1;
        self.cost.bytes += ITEM;
    }
}

impl DataSpan {
    /// Takes a segment in, if its offset is a number.
    fn take(&mut self, offset: &ConstExpr<'_>, bytes: u64) -> Result<()> {
        let offset = match offset.get_operators_reader().read()? {
            Operator::I32Const { value } => u64::from(value.cast_unsigned()),
            Operator::I64Const { value } => value.cast_unsigned(),
            _ => return Ok(()),
        };
        self.first = Some(self.first.map_or(offset, |first| first.min(offset)));
        self.end = self.end.max(offset.saturating_add(bytes));
        self.bytes += bytes;
        Ok(())
    }

    /// The bytes between the first and the last one that no segment writes.
    fn empty(&self) -> u64 {
        self.end.saturating_sub(self.first.unwrap_or_default()).saturating_sub(self.bytes)
    }
}

/// Counts the instructions of a constant expression, which whoever makes an instance computes.
fn constant(counts: &mut Counts, cost: &mut Cost, expression: &ConstExpr<'_>) -> Result<()> {
    let mut operators = expression.get_operators_reader();
    while !operators.eof() {
        operators.read()?;
        counts.add(M::Constants, 1);
        cost.startup += 1;
    }
    Ok(())
}

/// Counts a group of types, and keeps them where a module's code refers to them.
fn rec_group(counts: &mut Counts, group: &RecGroup, mut kept: Option<&mut Vec<SubType>>) {
    counts.add(M::Types, 1);
    for (at, ty) in group.types().enumerate() {
        // The group stands for its first type, so that an empty one counts too.
        counts.add(M::Types, u64::from(at > 0));
        let parts = match &ty.composite_type.inner {
            CompositeInnerType::Func(function) => {
                let parts = function.params().len() + function.results().len();
                counts.largest(M::Arity, parts as u64, Place::Whole);
                parts
            }
            CompositeInnerType::Struct(fields) => fields.fields.len(),
            _ => 1,
        };
        counts.add(M::TypeParts, parts as u64);
        if let Some(kept) = kept.as_mut() {
            kept.push(ty.clone());
        }
    }
}

/// Components.
impl Walk<'_> {
    fn component(&mut self, payload: Payload<'_>) -> Result<()> {
        match payload {
            Payload::CoreTypeSection(types) => {
                for ty in types {
                    core_type(&mut self.counts, &ty?);
                }
            }
            Payload::ComponentTypeSection(types) => {
                // What reads such a type calls itself for each one within.
                let depth = deepest(&self.bytes[types.range()]);
                self.counts.largest(M::TypeDepth, depth, Place::Whole);
                if depth <= M::TypeDepth.most() {
                    for ty in types {
                        component_type(&mut self.counts, &ty?);
                    }
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                self.counts.add(M::Canonicals, u64::from(functions.count()));
                self.scope().cost.bytes += 2 * ITEM * u64::from(functions.count());
                for function in functions {
                    if let CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } =
                        function?
                    {
                        self.counts.add(M::Names, options.len() as u64);
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => self.aliases(aliases)?,
            Payload::ComponentImportSection(imports) => {
                for import in imports {
                    let import = import?;
                    self.counts.add(M::Names, 1);
                    self.name(import.name.name);
                    match import.ty {
                        ComponentTypeRef::Module(_) => self.scope().modules.push(None),
                        ComponentTypeRef::Component(_) => self.scope().components.push(None),
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports {
                    self.export(&export?);
                }
            }
            Payload::InstanceSection(instances) => {
                for instance in instances {
                    match instance? {
                        Instance::Instantiate { module_index, args } => {
                            self.counts.add(M::Names, args.len() as u64);
                            args.iter().for_each(|arg| self.name(arg.name));
                            self.scope().instantiate_module(module_index);
                        }
                        Instance::FromExports(exports) => {
                            self.counts.add(M::Names, 1 + exports.len() as u64);
                            exports.iter().for_each(|export| self.name(export.name));
                        }
                    }
                }
            }
            Payload::ComponentInstanceSection(instances) => {
                for instance in instances {
                    match instance? {
                        ComponentInstance::Instantiate { component_index, args } => {
                            self.counts.add(M::Names, args.len() as u64);
                            args.iter().for_each(|arg| self.name(arg.name));
                            self.scope().instantiate_component(component_index);
                        }
                        ComponentInstance::FromExports(exports) => {
                            self.counts.add(M::Names, 1 + exports.len() as u64);
                            exports.iter().for_each(|export| self.name(export.name.name));
                        }
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The innermost component that is open.
    fn scope(&mut self) -> &mut Scope {
        match self.open.last_mut() {
            Some(Open::Component(scope)) => scope,
            _ => unreachable!("sections of components are taken in components only"),
        }
    }

    fn export(&mut self, export: &ComponentExport<'_>) {
        self.counts.add(M::Names, 1);
        self.name(export.name.name);
        // What is exported gets another index.
        let scope = self.scope();
        match export.kind {
            ComponentExternalKind::Module => scope.modules.push(scope.module(export.index)),
            ComponentExternalKind::Component => scope.components.push(scope.component(export.index)),
            _ => {}
        }
    }

    fn aliases(&mut self, aliases: ComponentAliasSectionReader<'_>) -> Result<()> {
        for alias in aliases {
            self.counts.add(M::Names, 1);
            match alias? {
                ComponentAlias::InstanceExport { kind, name, .. } => {
                    self.name(name);
                    match kind {
                        ComponentExternalKind::Module => self.scope().modules.push(None),
                        ComponentExternalKind::Component => self.scope().components.push(None),
                        _ => {}
                    }
                }
                ComponentAlias::CoreInstanceExport { name, .. } => self.name(name),
                ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, count, index } => {
                    let module = self.outer(count).and_then(|outer| outer.module(index));
                    self.scope().modules.push(module);
                }
                ComponentAlias::Outer { kind: ComponentOuterAliasKind::Component, count, index } => {
                    let component = self.outer(count).and_then(|outer| outer.component(index));
                    self.scope().components.push(component);
                }
                ComponentAlias::Outer { .. } => {}
            }
        }
        Ok(())
    }

    /// The component that lies `count` components outwards from the innermost one.
    fn outer(&self, count: u32) -> Option<&Scope> {
        match self.open.iter().rev().nth(count as usize) {
            Some(Open::Component(scope)) => Some(scope),
            _ => None,
        }
    }
}

/// How deep component and instance types may lie in each other at most, in the bytes of a section of types.
///
/// One that lies in another one begins with these two bytes. They may have other meanings, so that real plugins have more
/// of them than they nest types.
fn deepest(section: &[u8]) -> u64 {
    1 + section.windows(2).filter(|pair| matches!(pair, [0x01, 0x41 | 0x42])).count() as u64
}

fn core_type(counts: &mut Counts, ty: &CoreType<'_>) {
    match ty {
        CoreType::Rec(group) => rec_group(counts, group, None),
        CoreType::Module(declarations) => {
            counts.add(M::Types, 1);
            counts.add(M::TypeParts, declarations.len() as u64);
            for declaration in declarations {
                if let wasmparser::ModuleTypeDeclaration::Type(group) = declaration {
                    rec_group(counts, group, None);
                }
            }
        }
    }
}

fn component_type(counts: &mut Counts, ty: &ComponentType<'_>) {
    counts.add(M::Types, 1);
    match ty {
        ComponentType::Defined(defined) => counts.add(M::TypeParts, parts(defined)),
        ComponentType::Func(function) => counts.add(M::TypeParts, function.params.len() as u64 + 1),
        ComponentType::Component(declarations) => {
            counts.add(M::TypeParts, declarations.len() as u64);
            for declaration in declarations {
                match declaration {
                    ComponentTypeDeclaration::CoreType(ty) => core_type(counts, ty),
                    ComponentTypeDeclaration::Type(ty) => component_type(counts, ty),
                    _ => {}
                }
            }
        }
        ComponentType::Instance(declarations) => {
            counts.add(M::TypeParts, declarations.len() as u64);
            for declaration in declarations {
                match declaration {
                    InstanceTypeDeclaration::CoreType(ty) => core_type(counts, ty),
                    InstanceTypeDeclaration::Type(ty) => component_type(counts, ty),
                    _ => {}
                }
            }
        }
        ComponentType::Resource { .. } => {}
    }
}

fn parts(ty: &ComponentDefinedType<'_>) -> u64 {
    use ComponentDefinedType as D;
    match ty {
        D::Record(fields) => fields.len() as u64,
        D::Variant(cases) => cases.len() as u64,
        D::Tuple(types) => types.len() as u64,
        D::Flags(names) | D::Enum(names) => names.len() as u64,
        D::FixedLengthList(_, length) => u64::from(*length),
        _ => 1,
    }
}
