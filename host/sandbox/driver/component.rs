//! The driver in a component: finds the strategy's functions, and adds the module that calls them.
//!
//! Never changes what is there. The driver's module, instance and export come after everything else.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentSectionId, ComponentTypeSection, ComponentValType, ExportKind, InstanceSection, ModuleArg,
    PrimitiveValType, RawSection,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ExternalKind,
    Parser, Payload,
};

use super::{
    layout::DRIVE,
    module::{self, ON_BAR, ON_TIME, STRATEGY},
};

/// The names under which tools export a function of `events` from a core module, before the function's own.
const PREFIXES: [&str; 2] = ["backtest:strategy/events@0.1.0#", "cm32p2|backtest:strategy/events@0.1|"];

/// Returns the component `bytes` with the driver in it; `None` where it exports no strategy of events whose functions can be called
/// from core to core, so that each bar takes a call of the host's.
pub(crate) fn add(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut component = Component::new();
    let mut found = Found::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.ok()?;
        match &payload {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
        if depth > 1 || matches!(payload, Payload::Version { .. } | Payload::End(_)) {
            continue;
        }
        found.look(&payload)?;
        let (id, range) = section(&payload)?;
        component.section(&RawSection { id, data: bytes.get(range)? });
    }
    let [on_bar, on_time] = [found.on_bar, found.on_time].map(Lifted::only);
    found.write(&mut component, on_bar?, on_time?);
    Some(component.finish())
}

/// A section of a component, with those of whole modules and components.
fn section(payload: &Payload<'_>) -> Option<(u8, std::ops::Range<usize>)> {
    match payload {
        Payload::ModuleSection { unchecked_range, .. } => {
            Some((ComponentSectionId::CoreModule.into(), unchecked_range.clone()))
        }
        Payload::ComponentSection { unchecked_range, .. } => {
            Some((ComponentSectionId::Component.into(), unchecked_range.clone()))
        }
        other => other.as_section(),
    }
}

/// Which core function a function of the strategy is.
#[derive(Debug, Clone, Copy, Default)]
enum Lifted {
    #[default]
    Nowhere,
    Once(u32),
    /// Several times, or in a way that is more than a call.
    Otherwise,
}

impl Lifted {
    fn add(&mut self, function: u32, is_plain: bool) {
        *self = match self {
            Self::Nowhere if is_plain => Self::Once(function),
            _ => Self::Otherwise,
        };
    }

    fn only(self) -> Option<u32> {
        match self {
            Self::Once(function) => Some(function),
            Self::Nowhere | Self::Otherwise => None,
        }
    }
}

/// The number of items in each index space, and the strategy's functions.
#[derive(Debug, Default)]
struct Found {
    modules: u32,
    core_instances: u32,
    types: u32,
    functions: u32,
    /// For each core function the name that it is exported by, if it comes from an instance.
    core_functions: Vec<Option<String>>,
    on_bar: Lifted,
    on_time: Lifted,
}

impl Found {
    /// Counts what a section adds. `None` if it cannot be read, or has the driver's name.
    fn look(&mut self, payload: &Payload<'_>) -> Option<()> {
        match payload {
            Payload::ModuleSection { .. } => self.modules += 1,
            Payload::InstanceSection(instances) => self.core_instances += instances.count(),
            Payload::ComponentTypeSection(types) => self.types += types.count(),
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    self.item(import.ok()?.ty.kind());
                }
            }
            Payload::ComponentExportSection(exports) => {
                for export in exports.clone() {
                    let export = export.ok()?;
                    self.item(export.kind);
                    if export.name.name == DRIVE {
                        return None;
                    }
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.alias(&alias.ok()?);
                }
            }
            Payload::ComponentCanonicalSection(functions) => {
                for function in functions.clone() {
                    self.canonical(&function.ok()?);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn item(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Module => self.modules += 1,
            ComponentExternalKind::Type => self.types += 1,
            ComponentExternalKind::Func => self.functions += 1,
            _ => {}
        }
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        match alias {
            ComponentAlias::InstanceExport { kind, .. } => self.item(*kind),
            ComponentAlias::CoreInstanceExport { kind: ExternalKind::Func, name, .. } => {
                self.core_functions.push(Some((*name).to_owned()));
            }
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => self.types += 1,
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => self.modules += 1,
            ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
    }

    fn canonical(&mut self, function: &CanonicalFunction) {
        let CanonicalFunction::Lift { core_func_index, options, .. } = function else {
            self.core_functions.push(None);
            return;
        };
        self.functions += 1;
        let is_more = |option: &CanonicalOption| {
            matches!(option, CanonicalOption::PostReturn(_) | CanonicalOption::Async | CanonicalOption::Callback(_))
        };
        let is_plain = !options.iter().any(is_more);
        let name = self.core_functions.get(*core_func_index as usize).and_then(Option::as_deref);
        match name.and_then(|name| PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix))) {
            Some(ON_BAR) => self.on_bar.add(*core_func_index, is_plain),
            Some(ON_TIME) => self.on_time.add(*core_func_index, is_plain),
            _ => {}
        }
    }

    /// Adds the driver, which calls these core functions.
    fn write(&self, component: &mut Component, on_bar: u32, on_time: u32) {
        let module = module::module();
        component.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data: &module });
        let mut instances = InstanceSection::new();
        instances.export_items([(ON_BAR, ExportKind::Func, on_bar), (ON_TIME, ExportKind::Func, on_time)]);
        instances.instantiate(self.modules, [(STRATEGY, ModuleArg::Instance(self.core_instances))]);
        let mut aliases = ComponentAliasSection::new();
        let driver = self.core_instances + 1;
        aliases.alias(Alias::CoreInstanceExport { instance: driver, kind: ExportKind::Func, name: DRIVE });
        let mut types = ComponentTypeSection::new();
        types
            .function()
            .params::<[(&str, ComponentValType); 0], _>([])
            .result(Some(ComponentValType::Primitive(PrimitiveValType::U32)));
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(self.core_functions.len() as u32, self.types, []);
        let mut exports = ComponentExportSection::new();
        exports.export(DRIVE, ComponentExportKind::Func, self.functions, None);
        component.section(&instances).section(&aliases).section(&types).section(&lifts).section(&exports);
    }
}
