//! The driver in a component: finds the strategy's functions, and adds the module that calls them.
//!
//! Never changes what is there. The driver's module, instance and export come after everything else.

use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentSectionId, ComponentTypeSection, ComponentValType as EncodedType, ExportKind, InstanceSection, ModuleArg,
    PrimitiveValType, RawSection,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, ComponentType,
    ComponentValType, ExternalKind, Parser, Payload, PrimitiveValType as Ty,
};

use super::{
    layout::DRIVE,
    module::{self, AFTER_BAR, AFTER_TIME, Calls, ON_BAR, ON_TIME, STRATEGY},
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

/// What the type of a function says about which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    /// That of `on-bar`.
    Bar,
    /// That of `on-time`.
    Time,
    Other,
    /// It comes from elsewhere.
    Unknown,
}

impl Signature {
    fn of(ty: &ComponentType<'_>) -> Self {
        let ComponentType::Func(function) = ty else { return Self::Other };
        let primitives: Option<Vec<_>> = function
            .params
            .iter()
            .map(|(_, ty)| match ty {
                ComponentValType::Primitive(ty) => Some(*ty),
                ComponentValType::Type(_) => None,
            })
            .collect();
        match (primitives.as_deref(), function.result) {
            (Some([Ty::U32, Ty::S64, numbers @ ..]), None) if *numbers == [Ty::F64; 7] => Self::Bar,
            (Some([Ty::S64, Ty::F64]), None) => Self::Time,
            _ => Self::Other,
        }
    }
}

/// Which core function a function of the strategy is.
#[derive(Debug, Clone, Copy, Default)]
enum Lifted {
    #[default]
    Nowhere,
    Once(Callee),
    /// Several times, or in a way that is more than calls.
    Otherwise,
}

/// A function of the strategy, and what is to be called after it, if anything is.
#[derive(Debug, Clone, Copy)]
struct Callee {
    function: u32,
    after: Option<u32>,
}

impl Lifted {
    fn add(&mut self, callee: Option<Callee>) {
        *self = match (&self, callee) {
            (Self::Nowhere, Some(callee)) => Self::Once(callee),
            _ => Self::Otherwise,
        };
    }

    fn only(self) -> Option<Callee> {
        match self {
            Self::Once(callee) => Some(callee),
            Self::Nowhere | Self::Otherwise => None,
        }
    }
}

/// The number of items in each index space, and the strategy's functions.
#[derive(Debug, Default)]
struct Found {
    modules: u32,
    core_instances: u32,
    types: Vec<Signature>,
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
            Payload::ComponentTypeSection(types) => {
                for ty in types.clone() {
                    self.types.push(Signature::of(&ty.ok()?));
                }
            }
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
            ComponentExternalKind::Type => self.types.push(Signature::Unknown),
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
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => self.types.push(Signature::Unknown),
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } => self.modules += 1,
            ComponentAlias::CoreInstanceExport { .. } | ComponentAlias::Outer { .. } => {}
        }
    }

    /// The strategy's `on-bar` is the only function of its type, and has its name: what a driver calls is what the host calls.
    fn canonical(&mut self, function: &CanonicalFunction) {
        let CanonicalFunction::Lift { core_func_index, type_index, options } = function else {
            self.core_functions.push(None);
            return;
        };
        self.functions += 1;
        let is_more =
            |option: &CanonicalOption| matches!(option, CanonicalOption::Async | CanonicalOption::Callback(_));
        let after = options.iter().find_map(|option| match option {
            CanonicalOption::PostReturn(function) => Some(*function),
            _ => None,
        });
        let name = self.core_functions.get(*core_func_index as usize).and_then(Option::as_deref);
        let own_name = name.and_then(|name| PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix)));
        let is_called = |wanted| own_name == Some(wanted) && !options.iter().any(is_more);
        let callee = |wanted| is_called(wanted).then_some(Callee { function: *core_func_index, after });
        match self.types.get(*type_index as usize).copied().unwrap_or(Signature::Unknown) {
            Signature::Bar => self.on_bar.add(callee(ON_BAR)),
            Signature::Time => self.on_time.add(callee(ON_TIME)),
            Signature::Other => {}
            Signature::Unknown => (self.on_bar, self.on_time) = (Lifted::Otherwise, Lifted::Otherwise),
        }
    }

    /// Adds the driver, which calls these core functions.
    fn write(&self, component: &mut Component, on_bar: Callee, on_time: Callee) {
        let calls = Calls { after_bar: on_bar.after.is_some(), after_time: on_time.after.is_some() };
        let module = module::module(calls);
        component.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data: &module });
        let mut instances = InstanceSection::new();
        let called = [
            (ON_BAR, Some(on_bar.function)),
            (ON_TIME, Some(on_time.function)),
            (AFTER_BAR, on_bar.after),
            (AFTER_TIME, on_time.after),
        ];
        let called = called.into_iter().filter_map(|(name, function)| Some((name, ExportKind::Func, function?)));
        instances.export_items(called.collect::<Vec<_>>());
        instances.instantiate(self.modules, [(STRATEGY, ModuleArg::Instance(self.core_instances))]);
        let mut aliases = ComponentAliasSection::new();
        let driver = self.core_instances + 1;
        aliases.alias(Alias::CoreInstanceExport { instance: driver, kind: ExportKind::Func, name: DRIVE });
        let mut types = ComponentTypeSection::new();
        types
            .function()
            .params::<[(&str, EncodedType); 0], _>([])
            .result(Some(EncodedType::Primitive(PrimitiveValType::U32)));
        let mut lifts = CanonicalFunctionSection::new();
        lifts.lift(self.core_functions.len() as u32, self.types.len() as u32, []);
        let mut exports = ComponentExportSection::new();
        exports.export(DRIVE, ComponentExportKind::Func, self.functions, None);
        component.section(&instances).section(&aliases).section(&types).section(&lifts).section(&exports);
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;

    use super::*;

    /// A component whose function `name` of a core module is `on-bar`, in the text format; `more` are further definitions.
    fn strategy(name: &str, option: &str, more: &str) -> Vec<u8> {
        let events = "backtest:strategy/events@0.1.0";
        let text = format!(
            r#"(component
                (core module $m
                    (func (export "{name}") (param i32 i64 f64 f64 f64 f64 f64 f64 f64))
                    (func (export "{events}#on-time") (param i64 f64))
                    (func (export "other") (param i32 i64 f64 f64 f64 f64 f64 f64 f64))
                    (func (export "done")))
                (core instance $i (instantiate $m))
                (func $bar (param "i" u32) (param "t" s64) (param "o" f64) (param "h" f64) (param "l" f64) (param "c" f64)
                    (param "v" f64) (param "p" f64) (param "e" f64) (canon lift (core func $i "{name}") {option}))
                (func $time (param "t" s64) (param "e" f64) (canon lift (core func $i "{events}#on-time")))
                {more}
                (instance $e (export "on-bar" (func $bar)) (export "on-time" (func $time)))
                (export "{events}" (instance $e)))"#
        );
        wat::parse_str(&text).unwrap()
    }

    const NAME: &str = "backtest:strategy/events@0.1.0#on-bar";

    #[test]
    fn a_driver_is_added_behind_everything_else_and_the_component_stays_valid() {
        for bytes in [
            strategy(NAME, "", ""),
            strategy(NAME, r#"(post-return (core func $i "done"))"#, ""),
            include_bytes!("../../../plugins/sma_cross/sma_cross.wasm").to_vec(),
            include_bytes!("../../../plugins/rotation/rotation.wasm").to_vec(),
        ] {
            let driven = add(&bytes).unwrap();
            Validator::new().validate_all(&driven).unwrap();
            assert!(add(&driven).is_none(), "one is enough");
        }
    }

    #[test]
    fn a_function_that_may_not_be_the_strategy_s_is_left_to_the_host() {
        let second = r#"(func $second (param "i" u32) (param "t" s64) (param "o" f64) (param "h" f64) (param "l" f64)
            (param "c" f64) (param "v" f64) (param "p" f64) (param "e" f64) (canon lift (core func $i "other")))"#;
        for bytes in [
            strategy("on-bar", "", ""),
            strategy(NAME, "", second),
            include_bytes!("../../../tests/plugins/sma_rolling/sma_rolling.wasm").to_vec(),
            b"nothing".to_vec(),
        ] {
            assert!(add(&bytes).is_none());
        }
    }
}
