//! The meter of one core module: charges are written into its code, and results that are not a number are made the same one.
//!
//! Never changes what its code computes otherwise: types, functions and globals keep their numbers, the meter's come after them.
//! Only the module's own memories move up by one, behind the counter's.

use std::collections::{BTreeMap, HashSet};

use wasm_encoder::{
    BlockType, CodeSection, EntityType, Function, FunctionSection, ImportSection, InstructionSink, MemArg, MemoryType,
    Module, NameSection, SectionId, TypeSection, ValType,
    reencode::{self, Reencode, utils},
};
use wasmparser::{
    CodeSectionReader, ConstExpr, CustomSectionReader, Element, ElementItems, Export, ExternalKind,
    FuncValidatorAllocations, FunctionBody, FunctionSectionReader, ImportSectionReader, Name, Operator, Parser,
    Payload, TableInit, TypeRef, TypeSectionReader, ValidPayload, Validator, WasmFeatures,
};

use super::{
    MEMORY, MeterError, NAMESPACE, nan,
    points::{TARIFF, Tariff, charges},
    weights::{LENGTH_SHIFT, Length, PAGE_SHIFT, length, price_for_callers},
};

type Result<T = (), E = reencode::Error<MeterError>> = std::result::Result<T, E>;

/// The memory of the counter, as the module at the head defines it and every other imports it.
///
/// A page is used. There is room for two more, since wizer reads a memory by growing it, and reads each twice.
pub(super) const COUNTER: MemoryType =
    MemoryType { minimum: 1, maximum: Some(3), memory64: false, shared: false, page_size_log2: None };

/// The place of the counter in `memory`.
pub(super) fn counter(memory: u32) -> MemArg {
    MemArg { offset: 0, align: 3, memory_index: memory }
}

/// Returns the core module `bytes` with charges in all its code; one without code is returned as it is.
pub(super) fn meter(bytes: &[u8]) -> Result<Vec<u8>, MeterError> {
    meter_with(bytes, TARIFF)
}

/// The same, by another tariff.
pub(super) fn meter_with(bytes: &[u8], tariff: Tariff) -> Result<Vec<u8>, MeterError> {
    let shape = Shape::read(bytes)?;
    if !shape.code {
        return Ok(bytes.to_vec());
    }
    let mut module = Module::new();
    Rewriter { shape, tariff, written: 0 }.parse_core_module(&mut module, Parser::new(0), bytes)?;
    Ok(module.finish())
}

/// Where a function may answer what is not a number.
#[derive(Debug, Default)]
struct Nans {
    /// Its locals, with its parameters.
    locals: u32,
    /// The instructions after which a NaN is made the one of all machines.
    looked_at: BTreeMap<usize, nan::Shape>,
}

/// The facts about a module that must be known before its first section is written.
#[derive(Debug, Default)]
struct Shape {
    types: u32,
    functions: u32,
    imported_functions: u32,
    /// Functions that may be called from elsewhere than by their number in a call.
    known_outside: HashSet<u32>,
    /// For each function of the module's own what its callers pay for it, where they do.
    paid_by_callers: Vec<Option<i64>>,
    nans: Vec<Nans>,
    imported_memories: u32,
    /// For each memory whether its addresses have 64 bits.
    memories: Vec<bool>,
    /// For each table whether its indices have 64 bits.
    tables: Vec<bool>,
    imports: bool,
    code: bool,
}

impl Shape {
    fn read(bytes: &[u8]) -> Result<Self, MeterError> {
        let mut shape = Self::default();
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let mut buffers = FuncValidatorAllocations::default();
        for payload in Parser::new(0).parse_all(bytes) {
            let payload = payload?;
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                let mut function = function.into_validator(buffers);
                let looked_at = nan::looked_at(&body, &mut function)?;
                shape.nans.push(Nans { locals: function.len_locals(), looked_at });
                buffers = function.into_allocations();
            }
            match payload {
                Payload::TypeSection(groups) => {
                    for group in groups {
                        shape.types += count(group?.types().len());
                    }
                }
                Payload::ImportSection(imports) => {
                    shape.imports = true;
                    for import in imports.into_imports() {
                        shape.import(&import?)?;
                    }
                }
                Payload::FunctionSection(functions) => {
                    shape.functions = shape.functions.saturating_add(functions.count())
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        shape.memories.push(memory?.memory64);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        let table = table?;
                        shape.tables.push(table.ty.table64);
                        if let TableInit::Expr(expression) = &table.init {
                            shape.expression(expression)?;
                        }
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        shape.export(&export?);
                    }
                }
                Payload::StartSection { func, .. } => _ = shape.known_outside.insert(func),
                Payload::ElementSection(elements) => {
                    for element in elements {
                        shape.element(element?)?;
                    }
                }
                Payload::GlobalSection(globals) => {
                    for global in globals {
                        shape.expression(&global?.init_expr)?;
                    }
                }
                Payload::CodeSectionStart { .. } => shape.code = true,
                Payload::CodeSectionEntry(body) => shape.paid_by_callers.push(price_for_callers(&body)?),
                _ => {}
            }
        }
        shape.let_known_functions_pay();
        Ok(shape)
    }

    /// Has the functions that may be called from elsewhere pay for themselves.
    fn let_known_functions_pay(&mut self) {
        for function in &self.known_outside {
            let own = function.checked_sub(self.imported_functions).map(|own| own as usize);
            if let Some(price) = own.and_then(|own| self.paid_by_callers.get_mut(own)) {
                *price = None;
            }
        }
    }

    fn export(&mut self, export: &Export<'_>) {
        if let ExternalKind::Func | ExternalKind::FuncExact = export.kind {
            self.known_outside.insert(export.index);
        }
    }

    fn element(&mut self, element: Element<'_>) -> Result<(), MeterError> {
        match element.items {
            ElementItems::Functions(functions) => {
                for function in functions {
                    self.known_outside.insert(function?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    self.expression(&expression?)?;
                }
            }
        }
        Ok(())
    }

    /// Notes the functions that a constant refers to. Code can only refer to functions that are noted elsewhere too.
    fn expression(&mut self, expression: &ConstExpr<'_>) -> Result<(), MeterError> {
        for operator in expression.get_operators_reader() {
            if let Operator::RefFunc { function_index } = operator? {
                self.known_outside.insert(function_index);
            }
        }
        Ok(())
    }

    /// The price that the callers of `function` pay for it, if it leaves that to them.
    fn paid_by_callers(&self, function: u32) -> Option<i64> {
        let own = function.checked_sub(self.imported_functions)?;
        self.paid_by_callers.get(own as usize).copied().flatten()
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) -> Result<(), MeterError> {
        if import.module == NAMESPACE {
            return Err(MeterError::Reserved(NAMESPACE.to_owned()));
        }
        match import.ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                self.functions += 1;
                self.imported_functions += 1;
            }
            TypeRef::Memory(memory) => {
                self.imported_memories += 1;
                self.memories.push(memory.memory64);
            }
            TypeRef::Table(table) => self.tables.push(table.table64),
            TypeRef::Global(_) | TypeRef::Tag(_) => {}
        }
        Ok(())
    }

    /// Whether the length of a bulk operation has 64 bits.
    fn is_wide(&self, length: Length) -> bool {
        // The compiler refuses what does not exist, whatever this says about it.
        let wide = |list: &[bool], index: u32| list.get(index as usize).copied().unwrap_or(false);
        match length {
            Length::Narrow => false,
            Length::Memory(memory) => wide(&self.memories, memory),
            Length::Memories(to, from) => wide(&self.memories, to) && wide(&self.memories, from),
            Length::Table(table) => wide(&self.tables, table),
            Length::Tables(to, from) => wide(&self.tables, to) && wide(&self.tables, from),
        }
    }
}

/// A number of things, each of which takes a byte or more in a file of less than 4 GiB.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A function that is added to every module with code: it pays for an operation whose length is known only when it runs.
#[derive(Debug, Clone, Copy)]
enum Helper {
    /// `(length) -> length`: pays for a bulk operation.
    Length,
    /// `(before, now) -> before`: pays for the pages by which a memory has grown, if it has.
    Growth,
}

/// The helpers, in the order in which they are added, with whether they count in 64 bits.
const HELPERS: [(Helper, bool); 4] =
    [(Helper::Length, false), (Helper::Length, true), (Helper::Growth, false), (Helper::Growth, true)];

impl Helper {
    /// The number of the function that counts in 64 bits or not, given that of the first.
    fn index(self, first: u32, wide: bool) -> u32 {
        let kind = match self {
            Self::Length => 0,
            Self::Growth => 2,
        };
        first.saturating_add(kind + u32::from(wide))
    }

    fn params(self, wide: bool) -> Vec<ValType> {
        let value = if wide { ValType::I64 } else { ValType::I32 };
        match self {
            Self::Length => vec![value],
            Self::Growth => vec![value; 2],
        }
    }

    fn body(self, wide: bool, memory: u32) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        match self {
            Self::Length => charge(&mut code, memory, |code| {
                extend(code.local_get(0), wide).i64_const(LENGTH_SHIFT).i64_shr_u();
            }),
            Self::Growth => {
                // Without growth, `before` is -1.
                extend_signed(code.local_get(0), wide).i64_const(-1).i64_ne().if_(BlockType::Empty);
                charge(&mut code, memory, |code| {
                    extend(code.local_get(1), wide);
                    extend(code.local_get(0), wide).i64_sub().i64_const(PAGE_SHIFT).i64_shl();
                });
                code.end();
            }
        }
        code.local_get(0).end();
        function
    }
}

fn extend<'a, 'b>(code: &'a mut InstructionSink<'b>, wide: bool) -> &'a mut InstructionSink<'b> {
    if wide { code } else { code.i64_extend_i32_u() }
}

fn extend_signed<'a, 'b>(code: &'a mut InstructionSink<'b>, wide: bool) -> &'a mut InstructionSink<'b> {
    if wide { code } else { code.i64_extend_i32_s() }
}

/// Takes what `price` leaves on the stack off the counter in `memory`, and traps if that is below zero.
///
/// The second load costs nothing: the compiler knows what has just been stored.
fn charge(code: &mut InstructionSink<'_>, memory: u32, price: impl FnOnce(&mut InstructionSink<'_>)) {
    code.i32_const(0).i32_const(0).i64_load(counter(memory));
    price(code);
    code.i64_sub().i64_store(counter(memory));
    code.i32_const(0).i64_load(counter(memory)).i64_const(0).i64_lt_s();
    code.if_(BlockType::Empty).unreachable().end();
}

fn temporary(shape: nan::Shape) -> ValType {
    match shape {
        nan::Shape::F32 => ValType::F32,
        nan::Shape::F64 => ValType::F64,
        nan::Shape::F32x4 | nan::Shape::F64x2 => ValType::V128,
    }
}

/// Makes the number or the lanes on the stack, of this shape, the one NaN of all machines where they are a NaN.
fn settle(code: &mut InstructionSink<'_>, shape: nan::Shape, temporary: u32) {
    let each_lane = |lane: &[u8]| i128::from_le_bytes(std::array::from_fn(|byte| lane[byte % lane.len()]));
    code.local_tee(temporary);
    match shape {
        nan::Shape::F32 => code.f32_const(f32::NAN.into()).local_get(temporary).local_get(temporary).f32_eq().select(),
        nan::Shape::F64 => code.f64_const(f64::NAN.into()).local_get(temporary).local_get(temporary).f64_eq().select(),
        nan::Shape::F32x4 => {
            let nans = each_lane(&f32::NAN.to_le_bytes());
            code.v128_const(nans).local_get(temporary).local_get(temporary).f32x4_eq().v128_bitselect()
        }
        nan::Shape::F64x2 => {
            let nans = each_lane(&f64::NAN.to_le_bytes());
            code.v128_const(nans).local_get(temporary).local_get(temporary).f64x2_eq().v128_bitselect()
        }
    };
}

struct Rewriter {
    shape: Shape,
    tariff: Tariff,
    /// Functions that are done.
    written: usize,
}

impl Rewriter {
    /// The number of the counter's memory: the last of the imported ones.
    fn counter(&self) -> u32 {
        self.shape.imported_memories
    }

    fn import_counter(&self, imports: &mut ImportSection) {
        imports.import(NAMESPACE, MEMORY, EntityType::Memory(COUNTER));
    }

    fn charge(&self, function: &mut Function, price: i64) {
        charge(&mut function.instructions(), self.counter(), |code| {
            code.i64_const(price);
        });
    }

    /// An empty function with the locals of `body`, and behind them one for each shape in `nans`, whose number it returns.
    fn new_function(
        &mut self,
        body: &FunctionBody<'_>,
        nans: &Nans,
    ) -> Result<(Function, [u32; nan::Shape::ALL.len()])> {
        let mut locals = Vec::new();
        for declared in body.get_locals_reader()? {
            let (count, of) = declared?;
            locals.push((count, self.val_type(of)?));
        }
        let mut temporaries = [0; nan::Shape::ALL.len()];
        let mut next = nans.locals;
        for shape in nan::Shape::ALL {
            if nans.looked_at.values().any(|found| *found == shape) {
                temporaries[shape as usize] = next;
                next += 1;
                locals.push((1, temporary(shape)));
            }
        }
        Ok((Function::new(locals), temporaries))
    }

    /// Writes `operator`, with what it pays by length before or after it.
    fn operator(&mut self, function: &mut Function, operator: Operator<'_>) -> Result {
        let helpers = self.shape.functions;
        if let Some(length) = length(&operator) {
            let wide = self.shape.is_wide(length);
            function.instructions().call(Helper::Length.index(helpers, wide));
        }
        let grown = match operator {
            Operator::MemoryGrow { mem } => Some(mem),
            _ => None,
        };
        function.instruction(&self.instruction(operator)?);
        if let Some(memory) = grown {
            let wide = self.shape.is_wide(Length::Memory(memory));
            let memory = self.memory_index(memory)?;
            // Paid for afterwards: a growth that is refused costs nothing.
            function.instructions().memory_size(memory).call(Helper::Growth.index(helpers, wide));
        }
        Ok(())
    }
}

impl Reencode for Rewriter {
    type Error = MeterError;

    fn memory_index(&mut self, memory: u32) -> Result<u32> {
        // Saturating: a number that wrapped would name the counter. The largest one names nothing.
        Ok(if memory < self.shape.imported_memories { memory } else { memory.saturating_add(1) })
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, section: TypeSectionReader<'_>) -> Result {
        utils::parse_type_section(self, types, section)?;
        for (helper, wide) in HELPERS {
            let params = helper.params(wide);
            let result = params.first().copied();
            types.ty().function(params, result);
        }
        Ok(())
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, section: ImportSectionReader<'_>) -> Result {
        utils::parse_import_section(self, imports, section)?;
        self.import_counter(imports);
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _: Option<SectionId>,
        next: Option<SectionId>,
    ) -> Result {
        if next == Some(SectionId::Function) && !self.shape.imports {
            let mut imports = ImportSection::new();
            self.import_counter(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result {
        utils::parse_function_section(self, functions, section)?;
        for helper in 0..count(HELPERS.len()) {
            functions.function(self.shape.types.saturating_add(helper));
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result {
        utils::parse_code_section(self, code, section)?;
        for (helper, wide) in HELPERS {
            code.function(&helper.body(wide, self.counter()));
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result {
        let own = self.written;
        self.written += 1;
        let charges = charges(&body, &self.tariff, |called| self.shape.paid_by_callers(called).unwrap_or(0))?;
        let nans = self.shape.nans.get_mut(own).map(std::mem::take).unwrap_or_default();
        let (mut function, temporaries) = self.new_function(&body, &nans)?;
        if self.shape.paid_by_callers.get(own).is_none_or(Option::is_none) {
            self.charge(&mut function, charges.entry);
        }
        let mut after = charges.after.into_iter().peekable();
        for (number, operator) in body.get_operators_reader()?.into_iter().enumerate() {
            self.operator(&mut function, operator?)?;
            if let Some(shape) = nans.looked_at.get(&number) {
                settle(&mut function.instructions(), *shape, temporaries[*shape as usize]);
            }
            if let Some((_, price)) = after.next_if(|(after, _)| *after == number) {
                self.charge(&mut function, price);
            }
        }
        code.function(&function);
        Ok(())
    }

    fn parse_custom_section(&mut self, module: &mut Module, section: CustomSectionReader<'_>) -> Result {
        let name = section.name();
        // These name offsets in the code, which have moved.
        if name.starts_with(".debug_") || name.starts_with("metadata.code.") {
            return Ok(());
        }
        if let wasmparser::KnownCustom::Name(names) = section.as_known() {
            // A module is valid whatever is wrong with its names; it goes on without them.
            if let Ok(names) = self.custom_name_section(names) {
                module.section(&names);
            }
            return Ok(());
        }
        module.section(&self.custom_section(section)?);
        Ok(())
    }

    fn parse_custom_name_subsection(&mut self, names: &mut NameSection, name: Name<'_>) -> Result {
        // The charges have blocks of their own, so that labels no longer have the numbers they are named by.
        if matches!(name, Name::Label(_)) {
            return Ok(());
        }
        utils::parse_custom_name_subsection(self, names, name)
    }
}
