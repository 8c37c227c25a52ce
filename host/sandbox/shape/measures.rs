//! The table of limits on a component's shape, each with its reason.
//!
//! Never reads a component.

use std::fmt;

/// Something that is counted in a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// How deep components and modules lie in each other, the outermost one counted.
    Depth,
    /// Bytes of code in all modules.
    CodeBytes,
    /// Functions of all modules.
    Functions,
    /// Instructions and the values that they pass, in all functions.
    Steps,
    /// Values alive at calls and where control parts or joins, in all functions.
    Alive,
    /// Bytes of one function.
    FunctionBytes,
    /// Steps of one function.
    FunctionSteps,
    /// Parameters and locals of one function.
    FunctionLocals,
    /// Blocks that lie in each other, in one function.
    FunctionNesting,
    /// Targets of `br_table` in one function.
    FunctionTargets,
    /// Calls in one function.
    FunctionCalls,
    /// Operands on the stack of one function.
    FunctionStack,
    /// Places in one function where control parts or joins.
    FunctionBranches,
    /// Values alive at calls and where control parts or joins, in one function.
    FunctionAlive,
    /// Parameters and results of one function type.
    Arity,
    /// Types of all modules and components.
    Types,
    /// Parts of all types: parameters, results, fields, cases, declarations.
    TypeParts,
    /// Component and instance types that lie in each other in one section.
    TypeDepth,
    /// Imports and exports of modules and components, and the aliases between them.
    Names,
    /// Bytes of one name.
    NameBytes,
    /// Globals of all modules.
    Globals,
    /// Instructions of constant expressions.
    Constants,
    /// Entries of element segments.
    Elements,
    /// Segments of elements and data.
    Segments,
    /// Bytes between the first and the last byte that data segments write, beyond the data itself, in one memory.
    DataSpread,
    /// Custom sections.
    CustomSections,
    /// Functions that components lift, lower or make.
    Canonicals,
    /// Core instances that are made.
    CoreInstances,
    /// Component instances that are made.
    ComponentInstances,
    /// Imports of all instances that are made.
    Links,
    /// Memories that are made.
    Memories,
    /// Tables that are made.
    Tables,
    /// Initial entries of all tables that are made.
    TableEntries,
    /// Constants that all instances compute when they are made, and elements and blocks of data that they write.
    Startup,
    /// Instances of a module or component that was handed in, and may be any.
    Unknown,
}

impl Measure {
    /// The limit.
    pub(super) fn most(self) -> u64 {
        LIMITS[self as usize].most
    }
}

/// The most of something that a component may have.
#[derive(Debug)]
pub(super) struct Limit {
    pub(super) measure: Measure,
    pub(super) most: u64,
    /// What is counted, to stand behind the number.
    pub(super) what: &'static str,
    /// What grows with it.
    reason: &'static str,
}

const fn limit(measure: Measure, most: u64, what: &'static str, reason: &'static str) -> Limit {
    Limit { measure, most, what, reason }
}

/// The number of measures.
pub(super) const MEASURES: usize = Measure::Unknown as usize + 1;

/// All limits, in the order of the measures.
///
/// Each is at least four times what the largest real plugins have (CPython and SpiderMonkey with a strategy, and Go), and no
/// component within all of them that is small costs the compiler more than a few seconds and a gigabyte: both were measured.
pub(super) const LIMITS: [Limit; MEASURES] = {
    use Measure as M;
    [
        limit(M::Depth, 32, "components and modules in each other", "compiling time grows with the square of it"),
        limit(M::CodeBytes, 64 << 20, "bytes of code", "compiling takes two seconds a megabyte"),
        limit(M::Functions, 100_000, "functions", "compiling takes time for each, however short it is"),
        limit(M::Steps, 32 << 20, "instructions and passed values", "compiling takes microseconds for each"),
        limit(
            M::Alive,
            128 << 20,
            "values kept across branches and calls",
            "the compiler follows each value through all of them",
        ),
        limit(M::FunctionBytes, 2 << 20, "bytes in one function", "a function is compiled as a whole"),
        limit(
            M::FunctionSteps,
            700_000,
            "instructions and passed values in one function",
            "a function is compiled as a whole, in a thousand bytes of memory or more for each",
        ),
        limit(
            M::FunctionLocals,
            2_000,
            "parameters and locals in one function",
            "the compiler follows each one through all branches",
        ),
        limit(M::FunctionNesting, 4_000, "blocks in each other", "compiling time grows with the square of it"),
        limit(
            M::FunctionTargets,
            64_000,
            "targets of `br_table` in one function",
            "the compiler keeps an edge for each",
        ),
        limit(M::FunctionCalls, 16_000, "calls in one function", "compiling time grows with the square of it"),
        limit(M::FunctionStack, 2_000, "operands on the stack at once", "compiling time grows with the square of it"),
        limit(M::FunctionBranches, 64_000, "branches in one function", "compiling time grows faster than it"),
        limit(
            M::FunctionAlive,
            8 << 20,
            "values kept across branches and calls in one function",
            "the compiler follows each value through all of them",
        ),
        limit(M::Arity, 100, "parameters and results of one function", "each call moves them all"),
        limit(M::Types, 20_000, "types", "compiling time grows with the square of it"),
        limit(
            M::TypeParts,
            50_000,
            "parameters, results, fields and cases of types",
            "each one is compared many times",
        ),
        limit(M::TypeDepth, 200, "component types in each other", "what reads them calls itself for each"),
        limit(M::Names, 100_000, "imports, exports and aliases", "each name is kept and compared"),
        limit(M::NameBytes, 1_000, "bytes in one name", "names are kept and compared"),
        limit(M::Globals, 20_000, "globals", "the host reads each one after `prepare`"),
        limit(M::Constants, 500_000, "instructions of constant expressions", "they run whenever an instance is made"),
        limit(M::Elements, 200_000, "entries of element segments", "they are written whenever an instance is made"),
        limit(M::Segments, 200_000, "segments of data and elements", "they are written whenever an instance is made"),
        limit(M::DataSpread, 64 << 20, "empty bytes between data segments", "compiled code contains them"),
        limit(M::CustomSections, 1_000, "custom sections", "each one is read"),
        limit(M::Canonicals, 200, "functions lifted, lowered or made", "the compiler makes functions for each"),
        limit(M::CoreInstances, 300, "instances of modules", "a task may have to make each one"),
        limit(M::ComponentInstances, 300, "instances of components", "a task may have to make each one"),
        limit(M::Links, 20_000, "imports of all instances", "a task may have to resolve each one"),
        limit(M::Memories, 16, "memories", "each one reserves 4 GiB of addresses"),
        limit(M::Tables, 64, "tables", "a task may have to make each one"),
        limit(M::TableEntries, 200_000, "entries of tables", "a task may have to fill each one"),
        limit(
            M::Startup,
            1_000_000,
            "constants, elements and blocks of data in all instances",
            "the clock does not stop what makes an instance",
        ),
        limit(
            M::Unknown,
            0,
            "instances of a module or component that it is handed",
            "what they take cannot be told; contain what you instantiate",
        ),
    ]
};

/// The counts of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    values: [u64; MEASURES],
    /// Where the largest one was found.
    places: [Place; MEASURES],
}

impl Default for Counts {
    fn default() -> Self {
        Self { values: [0; MEASURES], places: [Place::Whole; MEASURES] }
    }
}

/// A place in a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The component as a whole.
    Whole,
    /// A function by its index in a core module, which are counted from 0 in the order of the file.
    Function { module: u32, function: u32 },
    /// A core module.
    Module(u32),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Function { module, function } => {
                write!(f, " (function {function} of core module {module}; split it)")
            }
            Self::Module(module) => write!(f, " (core module {module})"),
        }
    }
}

impl Counts {
    /// Adds `count` to a sum.
    pub(super) fn add(&mut self, measure: Measure, count: u64) {
        let value = &mut self.values[measure as usize];
        *value = value.saturating_add(count);
    }

    /// Keeps the largest `count`, and where it is.
    pub(super) fn largest(&mut self, measure: Measure, count: u64, place: Place) {
        let at = measure as usize;
        if count > self.values[at] {
            self.values[at] = count;
            self.places[at] = place;
        }
    }

    /// The count of `measure`.
    pub(super) fn of(&self, measure: Measure) -> u64 {
        self.values[measure as usize]
    }

    /// What is over its limit; the limits come in the order of their table.
    pub(super) fn excess(&self) -> Option<Excess> {
        let over: Vec<_> = LIMITS.iter().filter(|limit| self.of(limit.measure) > limit.most).collect();
        (!over.is_empty()).then(|| {
            let parts = over.iter().map(|limit| self.describe(limit));
            Excess(parts.collect::<Vec<_>>().join("; it has "))
        })
    }

    fn describe(&self, limit: &Limit) -> String {
        let Limit { measure, most, what, reason } = limit;
        let place = self.places[*measure as usize];
        format!("{} {what}{place}; the limit is {most}, because {reason}", self.of(*measure))
    }
}

/// Everything that is over its limit, with the limit and its reason, as the end of a sentence that begins with "has".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excess(String);

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
