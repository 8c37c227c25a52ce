//! The meter of a component: all of its core modules are metered, and share one counter.
//!
//! Never looks into code. Sections are copied as they are, but for those that name core modules or core instances: of
//! both there is one more, at the head. The meter's types and functions come at the end, so that no others move.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentInstanceSection, ComponentSectionId, ComponentTypeSection, ComponentValType,
    ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection, InstanceSection, MemorySection,
    Module, ModuleArg, ModuleSection, PrimitiveValType, RawSection, TypeSection, ValType,
    reencode::{self, Reencode, ReencodeComponent, component_utils},
};
use wasmparser::{
    CanonicalFunction, Chunk, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, CustomSectionReader,
    Encoding, ExternalKind, Instance, KnownCustom, Parser, Payload,
};

use super::{
    CEILING, MEMORY, MeterError, NAMESPACE, REFILL, REMAINING,
    module::{self, COUNTER, counter},
};

/// The core instance of the meter, and its core module.
const HEAD: u32 = 0;

/// See [`super::meter`].
pub(super) fn meter(bytes: &[u8]) -> Result<Vec<u8>, MeterError> {
    if bytes.is_empty() {
        return Err(MeterError::NotComponent);
    }
    let mut rewriter = Rewriter::default();
    let mut component = Component::new();
    head(&mut component);
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true)? else {
            return Err(MeterError::Damaged("it ends in the middle of a section".to_owned()));
        };
        // What is nested is read whole, by a parser of its own.
        let nested = match &payload {
            Payload::ModuleSection { unchecked_range: range, .. }
            | Payload::ComponentSection { unchecked_range: range, .. } => range.len(),
            _ => 0,
        };
        let Some(after) = rest.get(consumed + nested..) else {
            return Err(MeterError::Damaged("it ends in the middle of a section".to_owned()));
        };
        rest = after;
        rewriter.section(&mut component, payload, bytes)?;
    }
    rewriter.export(&mut component);
    Ok(component.finish())
}

/// Writes the core module with the counter, and its instance.
fn head(component: &mut Component) {
    let mut types = TypeSection::new();
    types.ty().function([], [ValType::I64]);
    types.ty().function([ValType::I64], []);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    memories.memory(COUNTER);
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0);
    exports.export(REMAINING, ExportKind::Func, 0).export(REFILL, ExportKind::Func, 1);
    let mut code = CodeSection::new();
    let mut remaining = Function::new([]);
    remaining.instructions().i32_const(0).i64_load(counter(0)).end();
    let mut refill = Function::new([]);
    refill.instructions().i32_const(0).local_get(0).i64_store(counter(0)).end();
    code.function(&remaining).function(&refill);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), CEILING.to_le_bytes());
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code).section(&data);
    let mut instances = InstanceSection::new();
    instances.instantiate::<_, &str>(HEAD, []);
    component.section(&ModuleSection(&module)).section(&instances);
}

/// Rewrites sections, and counts what they define.
#[derive(Debug, Default)]
struct Rewriter {
    types: u32,
    functions: u32,
    core_functions: u32,
}

impl Rewriter {
    fn section(&mut self, component: &mut Component, payload: Payload<'_>, whole: &[u8]) -> Result<(), MeterError> {
        refuse(&payload)?;
        self.count(&payload)?;
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => return Err(MeterError::NotComponent),
            Payload::ModuleSection { unchecked_range, .. } => {
                let data = &module::meter(&whole[unchecked_range])?;
                component.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data });
            }
            Payload::ComponentSection { unchecked_range, .. } => {
                let data = &whole[unchecked_range];
                refuse_code(data)?;
                component.section(&RawSection { id: ComponentSectionId::Component.into(), data });
            }
            Payload::InstanceSection(section) => {
                let mut instances = InstanceSection::new();
                self.parse_instance_section(&mut instances, section)?;
                component.section(&instances);
            }
            Payload::ComponentInstanceSection(section) => {
                let mut instances = ComponentInstanceSection::new();
                self.parse_component_instance_section(&mut instances, section)?;
                component.section(&instances);
            }
            Payload::ComponentAliasSection(section) => {
                let mut aliases = ComponentAliasSection::new();
                self.parse_component_alias_section(&mut aliases, section)?;
                component.section(&aliases);
            }
            Payload::ComponentExportSection(section) => {
                let mut exports = ComponentExportSection::new();
                self.parse_component_export_section(&mut exports, section)?;
                component.section(&exports);
            }
            Payload::CustomSection(section) => self.custom(component, &section)?,
            other => {
                if let Some((id, range)) = other.as_section() {
                    component.section(&RawSection { id, data: &whole[range] });
                }
            }
        }
        Ok(())
    }

    fn custom(&mut self, component: &mut Component, section: &CustomSectionReader<'_>) -> Result<(), MeterError> {
        if let KnownCustom::ComponentName(names) = section.as_known() {
            // A component is valid whatever is wrong with its names; it goes on without them.
            if let Ok(names) = self.custom_component_name_section(names) {
                component.section(&names);
            }
            return Ok(());
        }
        component.section(&self.custom_section(section.clone())?);
        Ok(())
    }

    /// Counts what a section adds to the index spaces in which the meter's own exports come last.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), MeterError> {
        match payload {
            Payload::ComponentTypeSection(types) => self.types = self.types.saturating_add(types.count()),
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    self.item(import?.ty.kind());
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    self.item(export?.kind);
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(&alias?);
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    match function? {
                        CanonicalFunction::Lift { .. } => self.functions += 1,
                        _ => self.core_functions += 1,
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Type => self.types += 1,
            ComponentExternalKind::Func => self.functions += 1,
            _ => {}
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => self.item(*kind),
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, .. } => self.core_functions += 1,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => self.types += 1,
            ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
    }

    /// Writes the exports by which a host that does not own the memory reads and sets the counter.
    fn export(&self, component: &mut Component) {
        let mut aliases = ComponentAliasSection::new();
        for name in [REMAINING, REFILL] {
            aliases.alias(Alias::CoreInstanceExport { instance: HEAD, kind: ExportKind::Func, name });
        }
        let mut types = ComponentTypeSection::new();
        let units = ComponentValType::Primitive(PrimitiveValType::S64);
        types.function().params::<[(&str, ComponentValType); 0], _>([]).result(Some(units));
        types.function().params([("budget", units)]).result(None);
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(self.core_functions, self.types, []).lift(self.core_functions + 1, self.types + 1, []);
        let mut exports = ComponentExportSection::new();
        exports.export(REMAINING, ComponentExportKind::Func, self.functions, None);
        exports.export(REFILL, ComponentExportKind::Func, self.functions + 1, None);
        component.section(&aliases).section(&types).section(&lifts).section(&exports);
    }
}

impl Reencode for Rewriter {
    type Error = MeterError;
}

// Saturating: a number that wrapped would name the head. The largest one names nothing.
impl ReencodeComponent for Rewriter {
    fn module_index(&mut self, module: u32) -> u32 {
        module.saturating_add(1)
    }

    fn instance_index(&mut self, instance: u32) -> u32 {
        instance.saturating_add(1)
    }

    fn parse_instance(
        &mut self,
        instances: &mut InstanceSection,
        instance: Instance<'_>,
    ) -> Result<(), reencode::Error<MeterError>> {
        let Instance::Instantiate { module_index, args } = instance else {
            return component_utils::parse_instance(self, instances, instance);
        };
        if args.iter().any(|arg| arg.name == NAMESPACE) {
            return Err(reencode::Error::UserError(MeterError::Reserved(NAMESPACE.to_owned())));
        }
        let theirs = args.iter().map(|arg| (arg.name, ModuleArg::Instance(arg.index.saturating_add(1))));
        let args: Vec<_> = theirs.chain([(NAMESPACE, ModuleArg::Instance(HEAD))]).collect();
        instances.instantiate(self.module_index(module_index), args);
        Ok(())
    }
}

/// Refuses a component within the component if it has code, in itself or further down.
fn refuse_code(nested: &[u8]) -> Result<(), MeterError> {
    for payload in Parser::new(0).parse_all(nested) {
        let payload = payload?;
        if matches!(payload, Payload::ModuleSection { .. }) {
            return Err(MeterError::NestedModule);
        }
        refuse(&payload)?;
    }
    Ok(())
}

/// Refuses what would bring code along that is not defined here, and what uses the meter's names.
fn refuse(payload: &Payload<'_>) -> Result<(), MeterError> {
    match payload {
        Payload::ComponentImportSection(imports) => {
            for import in imports.clone() {
                let import = import?;
                if import.ty.kind() == ComponentExternalKind::Module {
                    return Err(MeterError::ImportedModule(import.name.name.to_owned()));
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases.clone() {
                match alias? {
                    ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, name, .. } => {
                        return Err(MeterError::ImportedModule(name.to_owned()));
                    }
                    ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, index, .. } => {
                        return Err(MeterError::AliasedModule(index));
                    }
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports.clone() {
                let name = export?.name.name;
                if [REMAINING, REFILL].contains(&name) {
                    return Err(MeterError::Reserved(name.to_owned()));
                }
            }
        }
        _ => {}
    }
    Ok(())
}
