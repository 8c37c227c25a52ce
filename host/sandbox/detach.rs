//! Data taken out of a component: what its active data segments write is content that the host puts into the memory.
//!
//! Never changes code, globals or tables. A component without data segments and start functions can be instantiated on a
//! memory that somebody else has filled: with its content it is the plugin as it came, with an image of what `prepare` has left
//! it is a fork, if `prepare` has changed no global. So an interpreter is compiled once for both.

use wasm_encoder::{Component, ComponentSectionId, Module, RawSection};
use wasmparser::{
    ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Data, DataKind, Encoding, Instance, MemoryType,
    Operator, Parser, Payload, TypeRef,
};

/// Bytes of a page of a linear memory.
const PAGE: u64 = 1 << 16;

/// A component without data, and the content that its memory has to begin with.
#[derive(Debug)]
pub(super) struct Detached {
    pub(super) component: Vec<u8>,
    /// The first bytes of the memory. All after them are zeros.
    pub(super) content: Vec<u8>,
}

/// Takes the data out of the component `bytes`. `None` if that could be noticed: it has not exactly one memory, which one
/// instance defines and all its data go to, or it has a start function, or data that its code copies by itself.
pub(super) fn detach(bytes: &[u8]) -> Option<Detached> {
    let survey = Survey::of(bytes)?;
    let home = survey.home()?;
    let content = home.content()?;
    let mut component = Component::new();
    let (mut depth, mut position) = (0_usize, 0);
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
        match payload {
            Payload::ModuleSection { unchecked_range, .. } => {
                let module = bytes.get(unchecked_range)?;
                let emptied = (position == home.position).then(|| without_data(module));
                let emptied = emptied.map_or(Some(None), |emptied| emptied.map(Some))?;
                let data = emptied.as_deref().unwrap_or(module);
                component.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data });
                position += 1;
            }
            Payload::ComponentSection { unchecked_range, .. } => {
                let data = bytes.get(unchecked_range)?;
                component.section(&RawSection { id: ComponentSectionId::Component.into(), data });
            }
            other => {
                let (id, range) = other.as_section()?;
                component.section(&RawSection { id, data: bytes.get(range)? });
            }
        }
    }
    Some(Detached { component: component.finish(), content })
}

/// Whether the component `bytes` exports an interface whose name begins with `prefix`.
pub(super) fn exports(bytes: &[u8], prefix: &str) -> bool {
    let mut depth = 0_usize;
    Parser::new(0).parse_all(bytes).map_while(Result::ok).any(|payload| match payload {
        Payload::Version { .. } => {
            depth += 1;
            false
        }
        Payload::End(_) => {
            depth -= 1;
            false
        }
        Payload::ComponentExportSection(exports) if depth == 1 => {
            exports.into_iter().map_while(Result::ok).any(|export| export.name.name.starts_with(prefix))
        }
        _ => false,
    })
}

/// The module without its data, and without their count.
fn without_data(module: &[u8]) -> Option<Vec<u8>> {
    let mut emptied = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.ok()?;
        if matches!(payload, Payload::DataSection(_) | Payload::DataCountSection { .. }) {
            continue;
        }
        // Bodies of functions come one by one after the section that they are in.
        if let Some((id, range)) = payload.as_section() {
            emptied.section(&RawSection { id, data: module.get(range)? });
        }
    }
    Some(emptied.finish())
}

/// What a component says about memories, data and instances.
#[derive(Debug, Default)]
struct Survey<'a> {
    /// The core modules of the component itself.
    modules: Vec<Home<'a>>,
    /// For each instantiation the index of its module.
    instantiated: Vec<u32>,
    /// Whether the index of a module is its position: none comes from elsewhere, and nothing inside instantiates one.
    counts: bool,
}

/// A core module: its place among the component's, its memories and its data.
#[derive(Debug, Default)]
struct Home<'a> {
    position: usize,
    memories: Vec<MemoryType>,
    imports_memory: bool,
    data: Vec<Data<'a>>,
}

impl<'a> Survey<'a> {
    /// Looks at the component `bytes`; `None` if it has what is not taken apart, or cannot be read.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut survey = Self { counts: true, ..Self::default() };
        let mut open = Vec::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload.ok()?;
            match &payload {
                Payload::Version { encoding, .. } => {
                    let is_module = *encoding == Encoding::Module;
                    match (is_module, open.len()) {
                        (true, 1) => survey.modules.push(Home { position: survey.modules.len(), ..Home::default() }),
                        // A core module on its own, or in a component inside of the component.
                        (true, _) => return None,
                        (false, _) => {}
                    }
                    open.push(is_module);
                }
                Payload::End(_) => drop(open.pop()),
                _ if open.last() == Some(&true) => survey.modules.last_mut()?.look(payload)?,
                _ => survey.look(&payload, open.len())?,
            }
        }
        Some(survey)
    }

    /// Looks at a section of a component, which lies `depth` components deep.
    fn look(&mut self, payload: &Payload<'a>, depth: usize) -> Option<()> {
        match payload {
            Payload::InstanceSection(instances) => {
                for instance in instances.clone() {
                    if let Instance::Instantiate { module_index, .. } = instance.ok()? {
                        self.instantiated.push(module_index);
                        self.counts &= depth == 1;
                    }
                }
            }
            Payload::ComponentImportSection(imports) => {
                for import in imports.clone() {
                    self.counts &= import.ok()?.ty.kind() != ComponentExternalKind::Module;
                }
            }
            Payload::ComponentAliasSection(aliases) => {
                for alias in aliases.clone() {
                    self.counts &= !is_module(&alias.ok()?);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// The module with the only memory of the only instance that defines one.
    fn home(&self) -> Option<&Home<'a>> {
        let mut homes = self.modules.iter().filter(|module| !module.memories.is_empty());
        let home = homes.next().filter(|_| homes.next().is_none() && self.counts)?;
        let is_home = |index: &&u32| **index as usize == home.position;
        let is_alone = self.modules.iter().all(|module| module.position == home.position || module.data.is_empty());
        (is_alone && self.instantiated.iter().filter(is_home).count() == 1).then_some(home)
    }
}

fn is_module(alias: &ComponentAlias<'_>) -> bool {
    matches!(
        alias,
        ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. }
            | ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. }
    )
}

impl<'a> Home<'a> {
    /// Looks at a section of the module; `None` if it has a start function.
    fn look(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::StartSection { .. } => return None,
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memories.push(memory.ok()?);
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    self.imports_memory |= matches!(import.ok()?.ty, TypeRef::Memory(_));
                }
            }
            Payload::DataSection(data) => {
                for data in data {
                    self.data.push(data.ok()?);
                }
            }
            _ => {}
        }
        Some(())
    }

    /// What its data make of the memory; `None` if one of them is not written when the instance is made, at a place that is
    /// known and there.
    fn content(&self) -> Option<Vec<u8>> {
        let [memory] = &self.memories[..] else { return None };
        if self.imports_memory || memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return None;
        }
        let size = memory.initial.checked_mul(PAGE)?;
        let mut content = Vec::new();
        for Data { kind, data, .. } in &self.data {
            let DataKind::Active { memory_index: 0, offset_expr } = kind else { return None };
            let mut operators = offset_expr.get_operators_reader();
            let Operator::I32Const { value } = operators.read().ok()? else { return None };
            let Operator::End = operators.read().ok()? else { return None };
            let start = u64::from(value.cast_unsigned());
            let end = start.checked_add(data.len() as u64).filter(|end| *end <= size)?;
            let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
            if content.len() < end {
                content.resize(end, 0);
            }
            content.get_mut(start..end)?.copy_from_slice(data);
        }
        Some(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(modules: &str) -> Vec<u8> {
        wat::parse_str(format!("(component {modules})")).unwrap()
    }

    const HOME: &str = r#"(core module $m (memory (export "memory") 1) (data (i32.const 4) "one") (data (i32.const 5) "ow")
        (global (export "g") (mut i32) (i32.const 7)) (func (export "f") (result i32) i32.const 1))"#;

    #[test]
    fn data_become_the_content_and_nothing_else_changes() {
        let user = r#"(core module $u (import "m" "memory" (memory 1)) (func (export "f") (result i32) i32.const 0 i32.load))"#;
        let text = |home: &str| {
            let instances =
                r#"(core instance $i (instantiate $m)) (core instance (instantiate $u (with "m" (instance $i))))"#;
            component(&format!("{home} {user} {instances}"))
        };
        let Detached { component, content } = detach(&text(HOME)).unwrap();
        assert_eq!(content, b"\0\0\0\0oow", "later data are written over earlier ones");
        let without = HOME.replace(r#"(data (i32.const 4) "one") (data (i32.const 5) "ow")"#, "");
        assert_eq!(component, text(&without));
        let again = detach(&component).unwrap();
        assert!(again.content.is_empty() && again.component == component, "nothing is left to be taken");
    }

    #[test]
    fn what_could_be_noticed_is_left_as_it_is() {
        let once = "(core instance (instantiate $m))";
        let table = [
            ("two memories", format!("(core module $n (memory 1)) {HOME} {once}")),
            ("two memories in a module", format!("(core module $m (memory 1) (memory 1)) {once}")),
            ("two instances", format!("{HOME} {once} {once}")),
            ("no instance", HOME.to_owned()),
            ("no memory", format!("(core module $m (func)) {once}")),
            ("a start function", format!("(core module $m (memory 1) (func $f) (start $f)) {once}")),
            ("passive data", format!(r#"(core module $m (memory 1) (data "one")) {once}"#)),
            (
                "a place that is not there",
                format!(r#"(core module $m (memory 1) (data (i32.const 65535) "ab")) {once}"#),
            ),
            (
                "a place that is computed",
                format!(
                    r#"(core module $m (memory 1)
                (data (i32.add (i32.const 1) (i32.const 2)) "ab")) {once}"#
                ),
            ),
            (
                "data from elsewhere",
                format!(
                    r#"{HOME} (core module $d (import "m" "memory" (memory 1)) (data (i32.const 0) "a"))
                (core instance $i (instantiate $m)) (core instance (instantiate $d (with "m" (instance $i))))"#
                ),
            ),
            ("64 bits", format!("(core module $m (memory i64 1)) {once}")),
            ("a component inside", format!("{HOME} {once} (component (core module (memory 1)))")),
        ];
        for (what, text) in table {
            assert!(detach(&component(&text)).is_none(), "{what}");
        }
        assert!(detach(b"nothing").is_none());
    }

    #[test]
    fn exports_of_the_component_itself_are_found() {
        let bytes = include_bytes!("../../plugins/sma_cross/sma_cross.wasm");
        assert!(exports(bytes, "backtest:strategy/signals@") && exports(bytes, "backtest:strategy/metadata@"));
        assert!(!exports(bytes, "backtest:strategy/task@") && !exports(b"nothing", ""));
    }
}
