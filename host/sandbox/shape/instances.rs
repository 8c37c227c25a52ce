//! Instances: how many a component makes, and how many bytes they take.
//!
//! Never makes one. A component that contains another one and instantiates it twice makes everything in it twice, so the
//! counts of a component are those of what it instantiates, and multiply with each level.

/// What one instance takes besides its memories.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) core_instances: u64,
    pub(super) component_instances: u64,
    /// Imports that are resolved.
    pub(super) links: u64,
    pub(super) memories: u64,
    pub(super) tables: u64,
    pub(super) table_entries: u64,
    /// What is computed and written when it is made: globals, elements, data.
    pub(super) startup: u64,
    /// Bytes of everything but memories and tables.
    pub(super) bytes: u64,
    /// Instances of something that may be anything.
    pub(super) unknown: u64,
}

impl Cost {
    /// Adds `other` to it.
    pub(super) fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.core_instances, other.core_instances),
            (&mut self.component_instances, other.component_instances),
            (&mut self.links, other.links),
            (&mut self.memories, other.memories),
            (&mut self.tables, other.tables),
            (&mut self.table_entries, other.table_entries),
            (&mut self.startup, other.startup),
            (&mut self.bytes, other.bytes),
            (&mut self.unknown, other.unknown),
        ];
        for (sum, more) in pairs {
            *sum = sum.saturating_add(more);
        }
    }
}

/// The modules and components that one component can instantiate, by index, and what its own instance costs.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) modules: Vec<Option<Cost>>,
    pub(super) components: Vec<Option<Cost>>,
    pub(super) cost: Cost,
}

impl Scope {
    /// What an instance of the module `index` costs, where that is known.
    pub(super) fn module(&self, index: u32) -> Option<Cost> {
        self.modules.get(index as usize).copied().flatten()
    }

    /// What an instance of the component `index` costs, where that is known.
    pub(super) fn component(&self, index: u32) -> Option<Cost> {
        self.components.get(index as usize).copied().flatten()
    }

    /// Counts an instance of the module `index`.
    pub(super) fn instantiate_module(&mut self, index: u32) {
        self.instantiate(self.module(index));
    }

    /// Counts an instance of the component `index`.
    pub(super) fn instantiate_component(&mut self, index: u32) {
        self.instantiate(self.component(index));
    }

    fn instantiate(&mut self, cost: Option<Cost>) {
        match cost {
            Some(cost) => self.cost.add(&cost),
            None => self.cost.unknown = self.cost.unknown.saturating_add(1),
        }
    }
}
