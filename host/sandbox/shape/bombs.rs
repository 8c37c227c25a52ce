//! Bombs: components that cost a compiler far more than their bytes, each of a size that is given.
//!
//! For tests only. Each is small enough to be made in milliseconds.

use wasm_encoder::{
    Alias, BlockType, CanonicalFunctionSection, CodeSection, Component, ComponentAliasSection, ComponentExportKind,
    ComponentExportSection, ComponentInstanceSection, ComponentTypeSection, ComponentValType, ConstExpr, CustomSection,
    DataSection, ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, InstanceSection, Instruction, MemArg, MemorySection, MemoryType, Module,
    ModuleArg, ModuleSection, NestedComponentSection, PrimitiveValType, RawSection, RefType, TableSection, TableType,
    TypeSection, ValType,
};

/// A kind of bomb.
pub(super) struct Bomb {
    pub(super) name: &'static str,
    /// Makes one of `size`, whatever it counts.
    pub(super) make: fn(u32) -> Vec<u8>,
    /// A size that costs the compiler minutes or gigabytes, or that nothing else bounds.
    pub(super) size: u32,
    /// What the message names.
    pub(super) named: &'static str,
    /// Whether its smallest one is refused, too.
    pub(super) is_wrong_at_any_size: bool,
}

const fn bomb(name: &'static str, make: fn(u32) -> Vec<u8>, size: u32, named: &'static str) -> Bomb {
    Bomb { name, make, size, named, is_wrong_at_any_size: false }
}

/// A kind whose size says nothing.
const fn always(name: &'static str, make: fn(u32) -> Vec<u8>, named: &'static str) -> Bomb {
    Bomb { name, make, size: 1, named, is_wrong_at_any_size: true }
}

/// All kinds.
pub(super) const BOMBS: &[Bomb] = &[
    always("calls of a thousand values", |_| call_values(2_000, 1_000), "parameters and results of one function"),
    bomb("calls of a few values", |n| call_values(n, 8), 200_000, "instructions and passed values in one function"),
    bomb("nested loops", |n| nested(n, true), 100_000, "blocks in each other"),
    bomb("nested blocks", |n| nested(n, false), 100_000, "blocks in each other"),
    bomb("types", many_types, 200_000, "types"),
    always("types of a thousand parts", |_| wide_types(2_000), "parameters and results"),
    bomb("empty groups of types", empty_groups, 300_000, "types"),
    bomb("one long function", |n| single(n, step), 2_000_000, "instructions"),
    bomb("square roots", square_roots, 2_900_000, "instructions"),
    bomb("additions of a deep stack", deep_stack, 2_000_000, "instructions"),
    bomb("loads", |n| single(n, load), 1_000_000, "instructions"),
    bomb("shuffles", |n| single(n, shuffle), 1_000_000, "instructions"),
    bomb("constants of sixteen bytes", |n| single(n, wide_constant), 400_000, "instructions and passed values in one"),
    bomb("direct calls", |n| single(n, call), 1_000_000, "instructions"),
    bomb("indirect calls", |n| single(n, call_indirect), 400_000, "instructions"),
    bomb("one table of branches", |n| branch_tables(1, n), 3_000_000, "targets of `br_table`"),
    bomb("many tables of branches", |n| branch_tables(n, 10), 300_000, "targets of `br_table`"),
    bomb("branches that pass values", branches_with_values, 50_000, "instructions and passed values"),
    bomb("blocks with many results", wide_blocks, 5_000, "instructions and passed values"),
    bomb("locals in ifs", |n| locals_in_ifs(n, n), 5_000, "values kept across branches and calls"),
    bomb("locals in loops", locals_in_loops, 5_000, "values kept across branches and calls"),
    bomb("a stack across ifs", |n| stack_across_ifs(n, n), 8_000, "values kept across branches and calls"),
    bomb("values across calls", |n| values_across_calls(n, 8 * n), 3_000, "values kept across branches and calls"),
    bomb("functions", |n| functions(n, 0), 900_000, "functions"),
    always("locals of functions", |_| functions(20_000, 50_000), "locals"),
    bomb("much code in many functions", |n| many(n, 30_000), 1_150, "instructions and passed values; "),
    bomb("entries of elements", elements, 5_000_000, "entries"),
    bomb("a table", table, 10_000_000, "entries of tables"),
    bomb("instances with tables", |n| instances(n, &table_module(100_000)), 400, "entries of tables"),
    bomb("instances", |n| instances(n, &Module::new()), 990, "instances of modules"),
    bomb("instances of instances", doubling, 20, "instances"),
    bomb("instances with imports", instances_with_imports, 400, "imports of all instances"),
    bomb("components by alias", aliased_components, 20, "instances"),
    bomb("memories", |n| instances(n, &memory_module()), 90, "memories"),
    bomb("globals", globals, 900_000, "globals"),
    bomb("exports", exports, 900_000, "imports, exports and aliases"),
    bomb("imports", imports, 900_000, "imports, exports and aliases"),
    bomb("aliases", aliases, 900_000, "imports, exports and aliases"),
    bomb("data segments", data_segments, 99_000, "empty bytes"),
    always("data at both ends", |_| sparse_data(), "empty bytes between data segments"),
    bomb("constant expressions", constants, 3_000_000, "constant expressions"),
    bomb(
        "constant expressions of many instances",
        constants_of_instances,
        250,
        "constants, elements and blocks of data",
    ),
    bomb("data of many instances", data_of_instances, 250, "constants, elements and blocks of data"),
    bomb("custom sections", custom_sections, 1_000_000, "custom sections"),
    bomb("long names", long_names, 100_000, "bytes in one name"),
    bomb("component types in each other", deep_types, 300_000, "component types in each other"),
    bomb("components in each other", deep_components, 1_000, "components and modules in each other"),
    bomb("records of many fields", records, 9_000, "fields"),
    bomb("functions of components", canonicals, 200_000, "functions lifted, lowered or made"),
    always("an imported component", |_| handed_component(), "instances of a module or component that it is handed"),
];

/// A plugin by its exports' names, with each of `modules` instantiated once.
pub(super) fn plugin(modules: &[&Module]) -> Vec<u8> {
    let mut component = Component::new();
    let mut instances = InstanceSection::new();
    for (at, module) in (0..).zip(modules) {
        component.section(&ModuleSection(module));
        instances.instantiate(at, [] as [(&str, ModuleArg); 0]);
    }
    component.section(&instances);
    finish(component, 0)
}

/// Adds what a plugin exports to `component`, which has `instances` component instances.
fn finish(mut component: Component, instances: u32) -> Vec<u8> {
    let mut empty = ComponentInstanceSection::new();
    empty.export_items([] as [(&str, ComponentExportKind, u32); 0]);
    component.section(&empty);
    let mut exports = ComponentExportSection::new();
    for (at, name) in (0..).zip(["backtest:strategy/metadata@0.1.0", "backtest:strategy/signals@0.1.0"]) {
        // Each export is another instance.
        exports.export(name, ComponentExportKind::Instance, instances + at, None);
    }
    component.section(&exports);
    component.finish()
}

/// A module of a function type, of `functions`, and a memory and a table for what they do.
fn module_of(params: &[ValType], results: &[ValType], functions: &[Function]) -> Module {
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function(params.iter().copied(), results.iter().copied());
    module.section(&types);
    let mut section = FunctionSection::new();
    functions.iter().for_each(|_| _ = section.function(0));
    module.section(&section);
    let mut tables = TableSection::new();
    tables.table(table_type(1));
    module.section(&tables);
    let mut memories = MemorySection::new();
    memories.memory(memory_type());
    module.section(&memories);
    let mut code = CodeSection::new();
    functions.iter().for_each(|function| _ = code.function(function));
    module.section(&code);
    module
}

fn table_type(minimum: u32) -> TableType {
    TableType { element_type: RefType::FUNCREF, table64: false, minimum: minimum.into(), maximum: None, shared: false }
}

fn memory_type() -> MemoryType {
    MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None }
}

/// A function of `values` parameters and results passes them to itself and on, `calls` times.
fn call_values(calls: u32, values: u32) -> Vec<u8> {
    let many = vec![ValType::I32; values as usize];
    let mut function = Function::new([]);
    (0..values).for_each(|at| _ = function.instruction(&Instruction::LocalGet(at)));
    (0..calls).for_each(|_| _ = function.instruction(&Instruction::Call(0)));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&many, &many, &[function])])
}

fn nested(depth: u32, loops: bool) -> Vec<u8> {
    let mut function = Function::new([]);
    for _ in 0..depth {
        function.instruction(&if loops {
            Instruction::Loop(BlockType::Empty)
        } else {
            Instruction::Block(BlockType::Empty)
        });
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::BrIf(0));
    }
    (0..=depth).for_each(|_| _ = function.instruction(&Instruction::End));
    plugin(&[&module_of(&[ValType::I32], &[], &[function])])
}

fn many_types(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for at in 0..count {
        let digit = |place: u32| [ValType::I32, ValType::I64, ValType::F32, ValType::F64][(at >> place) as usize & 3];
        types.ty().function((0..10).map(|place| digit(2 * place)), []);
    }
    let mut module = Module::new();
    module.section(&types);
    plugin(&[&module])
}

fn wide_types(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    for at in 0..count {
        let params = (0..1_000).map(|place| if place < at { ValType::I32 } else { ValType::F64 });
        types.ty().function(params, [ValType::I32; 1_000]);
    }
    let mut module = Module::new();
    module.section(&types);
    plugin(&[&module])
}

fn empty_groups(count: u32) -> Vec<u8> {
    let mut types = TypeSection::new();
    (0..count).for_each(|_| types.ty().rec([]));
    let mut module = Module::new();
    module.section(&types);
    plugin(&[&module])
}

/// One function of `count` times what `step` writes.
fn single(count: u32, step: fn(&mut Function, u32)) -> Vec<u8> {
    let mut function = Function::new([(8, ValType::I32), (2, ValType::V128)]);
    set_locals(&mut function);
    (0..count).for_each(|at| step(&mut function, at));
    use_locals(&mut function);
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[], &[], &[function])])
}

/// Reads the locals from memory, so that no compiler knows their values.
fn set_locals(function: &mut Function) {
    for local in 0..10_u32 {
        function.instruction(&Instruction::I32Const(16 * local.cast_signed()));
        function.instruction(&if local < 8 { Instruction::I32Load(MEMARG) } else { Instruction::V128Load(MEMARG) });
        function.instruction(&Instruction::LocalSet(local));
    }
}

/// Writes the locals to memory, so that no compiler leaves out what computes them.
fn use_locals(function: &mut Function) {
    for local in 0..8 {
        function.instruction(&Instruction::I32Const(0));
        function.instruction(&Instruction::LocalGet(local));
        function.instruction(&Instruction::I32Store(MEMARG));
    }
    for local in 8..10 {
        function.instruction(&Instruction::I32Const(0));
        function.instruction(&Instruction::LocalGet(local));
        function.instruction(&Instruction::V128Store(MEMARG));
    }
}

const MEMARG: MemArg = MemArg { offset: 0, align: 0, memory_index: 0 };

fn step(function: &mut Function, at: u32) {
    function.instruction(&Instruction::LocalGet(at % 8));
    function.instruction(&Instruction::LocalGet((at + 3) % 8));
    function.instruction(&Instruction::I32Mul);
    function.instruction(&Instruction::LocalSet((at + 5) % 8));
}

fn load(function: &mut Function, at: u32) {
    function.instruction(&Instruction::LocalGet(at % 8));
    function.instruction(&Instruction::I32Load(MemArg { offset: u64::from(at), align: 0, memory_index: 0 }));
    function.instruction(&Instruction::LocalSet((at + 1) % 8));
}

fn shuffle(function: &mut Function, at: u32) {
    function.instruction(&Instruction::LocalGet(8));
    function.instruction(&Instruction::LocalGet(9));
    function.instruction(&Instruction::I8x16Shuffle([31, 1, 30, 2, 29, 3, 28, 4, 27, 5, 26, 6, 25, 7, 24, 8]));
    function.instruction(&Instruction::LocalSet(8 + at % 2));
}

fn wide_constant(function: &mut Function, at: u32) {
    function.instruction(&Instruction::V128Const(i128::from(at) << 64 | i128::from(!at)));
    function.instruction(&Instruction::LocalGet(8));
    function.instruction(&Instruction::I32x4Mul);
    function.instruction(&Instruction::LocalSet(8));
}

fn call(function: &mut Function, _: u32) {
    function.instruction(&Instruction::Call(0));
}

fn call_indirect(function: &mut Function, at: u32) {
    function.instruction(&Instruction::LocalGet(at % 8));
    function.instruction(&Instruction::CallIndirect { type_index: 0, table_index: 0 });
}

fn square_roots(count: u32) -> Vec<u8> {
    let mut function = Function::new([]);
    function.instruction(&Instruction::LocalGet(0));
    (0..count).for_each(|_| _ = function.instruction(&Instruction::F64Sqrt));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::F64], &[ValType::F64], &[function])])
}

fn deep_stack(count: u32) -> Vec<u8> {
    let mut function = Function::new([]);
    for at in 0..count / 2 {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::I32Load(MemArg { offset: u64::from(at) * 4, ..MEMARG }));
    }
    (1..count / 2).for_each(|_| _ = function.instruction(&Instruction::I32Add));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[ValType::I32], &[function])])
}

fn branch_tables(tables: u32, targets: u32) -> Vec<u8> {
    const BLOCKS: u32 = 10;
    let mut function = Function::new([]);
    for table in 0..tables {
        (0..BLOCKS).for_each(|_| _ = function.instruction(&Instruction::Block(BlockType::Empty)));
        function.instruction(&Instruction::LocalGet(0));
        let depths = (0..targets).map(|at| (at + table) % BLOCKS).collect::<Vec<_>>();
        function.instruction(&Instruction::BrTable(depths.into(), 0));
        (0..BLOCKS).for_each(|_| _ = function.instruction(&Instruction::End));
    }
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[], &[function])])
}

/// A function of 50 results jumps out of itself with all of them.
fn branches_with_values(count: u32) -> Vec<u8> {
    let results = vec![ValType::I32; 50];
    let mut function = Function::new([]);
    (0..results.len()).for_each(|_| _ = function.instruction(&Instruction::LocalGet(0)));
    for _ in 0..count {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::BrIf(0));
    }
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &results, &[function])])
}

/// Blocks that pass 40 values on.
fn wide_blocks(count: u32) -> Vec<u8> {
    let many = vec![ValType::I32; 40];
    let mut function = Function::new([]);
    (0..40).for_each(|at| _ = function.instruction(&Instruction::LocalGet(at)));
    for _ in 0..count {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::If(BlockType::FunctionType(0)));
        function.instruction(&Instruction::Else);
        function.instruction(&Instruction::End);
    }
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&many, &many, &[function])])
}

fn locals_in_ifs(locals: u32, ifs: u32) -> Vec<u8> {
    let mut function = Function::new([(locals, ValType::I32)]);
    for at in 0..ifs {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::If(BlockType::Empty));
        function.instruction(&Instruction::LocalGet(1 + at % locals));
        function.instruction(&Instruction::I32Const(3));
        function.instruction(&Instruction::I32Add);
        function.instruction(&Instruction::LocalSet(1 + (at * 7) % locals));
        function.instruction(&Instruction::End);
    }
    for at in 0..locals {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::LocalGet(1 + at));
        function.instruction(&Instruction::I32Add);
        function.instruction(&Instruction::LocalSet(0));
    }
    function.instruction(&Instruction::LocalGet(0));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[ValType::I32], &[function])])
}

fn locals_in_loops(size: u32) -> Vec<u8> {
    let mut function = Function::new([(size, ValType::I32)]);
    for at in 0..size {
        function.instruction(&Instruction::Loop(BlockType::Empty));
        function.instruction(&Instruction::LocalGet(1 + at));
        function.instruction(&Instruction::LocalTee(1 + (at * 7) % size));
        function.instruction(&Instruction::BrIf(0));
        function.instruction(&Instruction::End);
    }
    function.instruction(&Instruction::LocalGet(size));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[ValType::I32], &[function])])
}

fn stack_across_ifs(values: u32, ifs: u32) -> Vec<u8> {
    let mut function = Function::new([(8, ValType::I32)]);
    for at in 0..values {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::I32Load(MemArg { offset: u64::from(at) * 4, ..MEMARG }));
    }
    for at in 0..ifs {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::If(BlockType::Empty));
        function.instruction(&Instruction::I32Const(at.cast_signed()));
        function.instruction(&Instruction::LocalSet(1 + at % 8));
        function.instruction(&Instruction::End);
    }
    (1..values).for_each(|_| _ = function.instruction(&Instruction::I32Xor));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[ValType::I32], &[function])])
}

/// Locals that are set before all calls and used after them.
fn values_across_calls(values: u32, calls: u32) -> Vec<u8> {
    let mut function = Function::new([(values, ValType::I32)]);
    for at in 1..=values {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::I32Load(MemArg { offset: u64::from(at) * 4, ..MEMARG }));
        function.instruction(&Instruction::LocalSet(at));
    }
    for at in 0..calls {
        function.instruction(&Instruction::LocalGet(1 + at % values));
        function.instruction(&Instruction::I32Const(0));
        function.instruction(&Instruction::CallIndirect { type_index: 0, table_index: 0 });
        function.instruction(&Instruction::LocalSet(0));
    }
    (1..=values).for_each(|at| {
        function.instruction(&Instruction::LocalGet(0));
        function.instruction(&Instruction::LocalGet(at));
        function.instruction(&Instruction::I32Xor);
        function.instruction(&Instruction::LocalSet(0));
    });
    function.instruction(&Instruction::LocalGet(0));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::I32], &[ValType::I32], &[function])])
}

fn functions(count: u32, locals: u32) -> Vec<u8> {
    let mut function = Function::new([(locals, ValType::I32)]);
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[], &[], &vec![function; count as usize])])
}

/// `count` functions of `steps` steps each.
fn many(count: u32, steps: u32) -> Vec<u8> {
    let mut function = Function::new([]);
    function.instruction(&Instruction::LocalGet(0));
    (0..steps).for_each(|_| _ = function.instruction(&Instruction::F64Sqrt));
    function.instruction(&Instruction::End);
    plugin(&[&module_of(&[ValType::F64], &[ValType::F64], &vec![function; count as usize])])
}

fn elements(count: u32) -> Vec<u8> {
    let mut function = Function::new([]);
    function.instruction(&Instruction::End);
    let mut module = Module::new();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    module.section(&types);
    let mut functions = FunctionSection::new();
    functions.function(0);
    module.section(&functions);
    let mut tables = TableSection::new();
    tables.table(table_type(count));
    module.section(&tables);
    let mut elements = ElementSection::new();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(vec![0; count as usize].into()));
    module.section(&elements);
    let mut code = CodeSection::new();
    code.function(&function);
    module.section(&code);
    plugin(&[&module])
}

fn table_module(entries: u32) -> Module {
    let mut module = Module::new();
    let mut tables = TableSection::new();
    tables.table(table_type(entries));
    module.section(&tables);
    module
}

fn table(entries: u32) -> Vec<u8> {
    plugin(&[&table_module(entries)])
}

fn memory_module() -> Module {
    let mut module = Module::new();
    let mut memories = MemorySection::new();
    memories.memory(memory_type());
    module.section(&memories);
    module.section(&ExportSection::new());
    module
}

/// `count` instances of one module.
fn instances(count: u32, module: &Module) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(module));
    let mut instances = InstanceSection::new();
    (0..count).for_each(|_| _ = instances.instantiate(0, [] as [(&str, ModuleArg); 0]));
    component.section(&instances);
    finish(component, 0)
}

/// A component that makes two instances of one that makes two instances of one that ...
fn doubling(depth: u32) -> Vec<u8> {
    let mut inner = Component::new();
    inner.section(&ModuleSection(&Module::new()));
    let mut instances = InstanceSection::new();
    instances.instantiate(0, [] as [(&str, ModuleArg); 0]);
    inner.section(&instances);
    for level in 1..=depth {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&inner));
        let mut instances = ComponentInstanceSection::new();
        for _ in 0..2 {
            instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        }
        outer.section(&instances);
        if level == depth {
            return finish(outer, 2);
        }
        inner = outer;
    }
    finish(inner, 0)
}

/// The same beside each other: each component instantiates the one before it twice, by an alias.
fn aliased_components(count: u32) -> Vec<u8> {
    let mut component = Component::new();
    let mut first = Component::new();
    first.section(&ModuleSection(&Module::new()));
    let mut instances = InstanceSection::new();
    instances.instantiate(0, [] as [(&str, ModuleArg); 0]);
    first.section(&instances);
    component.section(&NestedComponentSection(&first));
    for at in 0..count {
        let mut next = Component::new();
        let mut aliases = ComponentAliasSection::new();
        aliases.alias(Alias::Outer { kind: wasm_encoder::ComponentOuterAliasKind::Component, count: 1, index: at });
        next.section(&aliases);
        let mut instances = ComponentInstanceSection::new();
        for _ in 0..2 {
            instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
        }
        next.section(&instances);
        component.section(&NestedComponentSection(&next));
    }
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(count, [] as [(&str, ComponentExportKind, u32); 0]);
    component.section(&instances);
    finish(component, 1)
}

/// `count` instances of a module with 1,000 imports.
fn instances_with_imports(count: u32) -> Vec<u8> {
    let mut exporter = Module::new();
    let mut globals = GlobalSection::new();
    globals.global(global_type(false), &ConstExpr::i32_const(0));
    exporter.section(&globals);
    let mut exports = ExportSection::new();
    exports.export("g", ExportKind::Global, 0);
    exporter.section(&exports);
    let mut importer = Module::new();
    let mut imports = ImportSection::new();
    (0..1_000).for_each(|_| _ = imports.import("m", "g", EntityType::Global(global_type(false))));
    importer.section(&imports);
    let mut component = Component::new();
    component.section(&ModuleSection(&exporter));
    component.section(&ModuleSection(&importer));
    let mut instances = InstanceSection::new();
    instances.instantiate(0, [] as [(&str, ModuleArg); 0]);
    (0..count).for_each(|_| _ = instances.instantiate(1, [("m", ModuleArg::Instance(0))]));
    component.section(&instances);
    finish(component, 0)
}

fn global_type(mutable: bool) -> GlobalType {
    GlobalType { val_type: ValType::I32, mutable, shared: false }
}

fn globals(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut globals = GlobalSection::new();
    (0..count).for_each(|_| _ = globals.global(global_type(true), &ConstExpr::i32_const(0)));
    module.section(&globals);
    module.section(&ExportSection::new());
    plugin(&[&module])
}

fn exports(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut globals = GlobalSection::new();
    globals.global(global_type(false), &ConstExpr::i32_const(0));
    module.section(&globals);
    let mut exports = ExportSection::new();
    (0..count).for_each(|at| _ = exports.export(&format!("{at:x}"), ExportKind::Global, 0));
    module.section(&exports);
    plugin(&[&module])
}

fn imports(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut imports = ImportSection::new();
    for at in 0..count {
        imports.import("m", &format!("{at:x}"), EntityType::Global(global_type(false)));
    }
    module.section(&imports);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    finish(component, 0)
}

fn aliases(count: u32) -> Vec<u8> {
    let mut exporter = Module::new();
    let mut globals = GlobalSection::new();
    globals.global(global_type(false), &ConstExpr::i32_const(0));
    exporter.section(&globals);
    let mut exports = ExportSection::new();
    exports.export("g", ExportKind::Global, 0);
    exporter.section(&exports);
    let mut component = Component::new();
    component.section(&ModuleSection(&exporter));
    let mut instances = InstanceSection::new();
    instances.instantiate(0, [] as [(&str, ModuleArg); 0]);
    component.section(&instances);
    let mut aliases = ComponentAliasSection::new();
    for _ in 0..count {
        aliases.alias(Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Global, name: "g" });
    }
    component.section(&aliases);
    finish(component, 0)
}

fn data_module(segments: impl Iterator<Item = (u32, u8)>) -> Module {
    let mut module = Module::new();
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 65_536, ..memory_type() });
    module.section(&memories);
    module.section(&ExportSection::new());
    let mut data = DataSection::new();
    for (offset, byte) in segments {
        data.active(0, &ConstExpr::i32_const(offset.cast_signed()), [byte]);
    }
    module.section(&data);
    module
}

fn data_segments(count: u32) -> Vec<u8> {
    plugin(&[&data_module((0..count).map(|at| (at * 40_000, 1)))])
}

fn sparse_data() -> Vec<u8> {
    plugin(&[&data_module([(0, 1), (u32::MAX - 100, 1)].into_iter())])
}

fn constants(count: u32) -> Vec<u8> {
    plugin(&[&constants_module(count)])
}

fn constants_of_instances(count: u32) -> Vec<u8> {
    instances(count, &constants_module(100_000))
}

/// `count` instances of a module that write a megabyte into a memory that none of them has.
fn data_of_instances(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    let mut imports = ImportSection::new();
    imports.import("m", "m", EntityType::Memory(MemoryType { minimum: 16, ..memory_type() }));
    module.section(&imports);
    let mut data = DataSection::new();
    data.active(0, &ConstExpr::i32_const(0), vec![1; 1 << 20]);
    module.section(&data);
    let mut exporter = Module::new();
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 16, ..memory_type() });
    exporter.section(&memories);
    let mut exports = ExportSection::new();
    exports.export("m", ExportKind::Memory, 0);
    exporter.section(&exports);
    let mut component = Component::new();
    component.section(&ModuleSection(&exporter));
    component.section(&ModuleSection(&module));
    let mut made = InstanceSection::new();
    made.instantiate(0, [] as [(&str, ModuleArg); 0]);
    (0..count).for_each(|_| _ = made.instantiate(1, [("m", ModuleArg::Instance(0))]));
    component.section(&made);
    finish(component, 0)
}

fn constants_module(count: u32) -> Module {
    let mut module = Module::new();
    let mut globals = GlobalSection::new();
    let mut expression = ConstExpr::i32_const(1);
    for _ in 0..count / 2 {
        expression = std::mem::replace(&mut expression, ConstExpr::empty()).with_i32_const(1).with_i32_add();
    }
    globals.global(global_type(false), &expression);
    module.section(&globals);
    module
}

fn custom_sections(count: u32) -> Vec<u8> {
    let mut module = Module::new();
    (0..count).for_each(|_| _ = module.section(&CustomSection { name: "x".into(), data: [].as_slice().into() }));
    plugin(&[&module])
}

fn long_names(length: u32) -> Vec<u8> {
    let name = "n".repeat(length as usize);
    let mut module = Module::new();
    let mut globals = GlobalSection::new();
    globals.global(global_type(false), &ConstExpr::i32_const(0));
    module.section(&globals);
    let mut exports = ExportSection::new();
    exports.export(&name, ExportKind::Global, 0);
    module.section(&exports);
    plugin(&[&module])
}

/// Component types of one declaration each: the next type.
fn deep_types(depth: u32) -> Vec<u8> {
    let mut section = vec![1];
    (0..depth).for_each(|_| section.extend([0x41, 1, 1]));
    section.extend([0x41, 0]);
    let mut component = Component::new();
    component.section(&RawSection { id: wasm_encoder::ComponentSectionId::Type as u8, data: &section });
    finish(component, 0)
}

fn deep_components(depth: u32) -> Vec<u8> {
    let mut inner = Component::new();
    for _ in 1..depth {
        let mut outer = Component::new();
        outer.section(&NestedComponentSection(&inner));
        inner = outer;
    }
    finish(inner, 0)
}

/// 100 records of `fields` fields each.
fn records(fields: u32) -> Vec<u8> {
    let mut types = ComponentTypeSection::new();
    let names: Vec<_> = (0..fields).map(|at| format!("f{at}")).collect();
    for _ in 0..100 {
        let fields = names.iter().map(|name| (name.as_str(), ComponentValType::Primitive(PrimitiveValType::U32)));
        types.defined_type().record(fields);
    }
    let mut component = Component::new();
    component.section(&types);
    finish(component, 0)
}

/// A component that instantiates what it imports.
fn handed_component() -> Vec<u8> {
    let mut inner = Component::new();
    let mut types = ComponentTypeSection::new();
    types.component(&wasm_encoder::ComponentType::new());
    inner.section(&types);
    let mut imports = wasm_encoder::ComponentImportSection::new();
    imports.import("c", wasm_encoder::ComponentTypeRef::Component(0));
    inner.section(&imports);
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(0, [] as [(&str, ComponentExportKind, u32); 0]);
    inner.section(&instances);
    let mut outer = Component::new();
    outer.section(&NestedComponentSection(&inner));
    outer.section(&NestedComponentSection(&Component::new()));
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(0, [("c", ComponentExportKind::Component, 1)]);
    outer.section(&instances);
    finish(outer, 1)
}

fn canonicals(count: u32) -> Vec<u8> {
    let mut component = Component::new();
    let mut types = ComponentTypeSection::new();
    types.resource(ValType::I32, None);
    component.section(&types);
    let mut functions = CanonicalFunctionSection::new();
    (0..count).for_each(|_| _ = functions.resource_new(0));
    component.section(&functions);
    finish(component, 0)
}
