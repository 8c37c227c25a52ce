//! Function bodies: what the compiler's work on one function grows with.
//!
//! Never keeps a body, and never judges whether one is valid: what it cannot follow it counts as if it were.

use wasmparser::{
    BlockType, BrTable, ContType, FrameKind, FuncType, FunctionBody, ModuleArity, Operator, RefType, SubType,
};

/// The facts about a module that its functions' bodies refer to.
#[derive(Debug, Default)]
pub(super) struct Signatures {
    /// All types, by index.
    pub(super) types: Vec<SubType>,
    /// The type of each function, imported ones first.
    pub(super) functions: Vec<u32>,
}

impl Signatures {
    /// The numbers of parameters and results of the type `index`; none for what is not a function's.
    pub(super) fn arity(&self, index: u32) -> (u64, u64) {
        let function = self.types.get(index as usize).and_then(function_type);
        function.map_or((0, 0), |function| (function.params().len() as u64, function.results().len() as u64))
    }
}

fn function_type(ty: &SubType) -> Option<&FuncType> {
    match &ty.composite_type.inner {
        wasmparser::CompositeInnerType::Func(function) => Some(function),
        _ => None,
    }
}

/// The size of one function, as the compiler sees it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct BodySize {
    /// Bytes.
    pub(super) bytes: u64,
    /// Parameters and locals.
    pub(super) locals: u64,
    /// Blocks that lie in each other.
    pub(super) nesting: u64,
    /// Instructions, and the values that they pass: to and from calls, blocks and the targets of jumps.
    pub(super) steps: u64,
    /// Targets of all `br_table`.
    pub(super) targets: u64,
    /// Calls of functions.
    pub(super) calls: u64,
    /// Operands on the stack at once.
    pub(super) stack: u64,
    /// Places where control parts or joins.
    pub(super) branches: u64,
    /// The values that may be alive at a call or where control parts or joins, summed over all such places.
    pub(super) alive: u64,
}

/// Measures `body`, a function of type `ty`.
pub(super) fn measure(signatures: &Signatures, ty: u32, body: &FunctionBody<'_>) -> wasmparser::Result<BodySize> {
    let (params, results) = signatures.arity(ty);
    let mut size = BodySize { bytes: body.as_bytes().len() as u64, locals: params, ..BodySize::default() };
    for run in body.get_locals_reader()? {
        size.locals += u64::from(run?.0);
    }
    size.steps = size.locals + results;
    let function = Label { block: BlockType::Empty, kind: FrameKind::Block, base: 0, params: 0, results };
    let mut flow = Flow { signatures, labels: vec![function], height: 0, size };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        flow.take(&operators.read()?);
    }
    Ok(flow.size)
}

/// The steps that a value counts which a block is given or gives: the compiler joins it from all sides.
const PASSED: u64 = 3;

/// A block that is open.
#[derive(Debug, Clone, Copy)]
struct Label {
    block: BlockType,
    kind: FrameKind,
    /// The height of the stack below it.
    base: u64,
    params: u64,
    results: u64,
}

impl Label {
    /// The number of values that a jump to it passes.
    fn passed(&self) -> u64 {
        if self.kind == FrameKind::Loop { self.params } else { self.results }
    }
}

/// The state of the walk through one function.
struct Flow<'a> {
    signatures: &'a Signatures,
    labels: Vec<Label>,
    height: u64,
    size: BodySize,
}

impl Flow<'_> {
    fn take(&mut self, operator: &Operator<'_>) {
        self.size.steps += 1;
        match operator {
            Operator::Block { blockty } => self.open(*blockty, FrameKind::Block, 0),
            Operator::Loop { blockty } => self.open(*blockty, FrameKind::Loop, 0),
            Operator::If { blockty } => self.open(*blockty, FrameKind::If, 1),
            Operator::TryTable { try_table } => {
                self.size.targets += try_table.catches.len() as u64;
                self.size.steps += try_table.catches.len() as u64;
                self.open(try_table.ty, FrameKind::Block, 0);
            }
            Operator::Else => self.otherwise(),
            Operator::End => self.close(),
            Operator::Br { relative_depth } => {
                self.jump(*relative_depth);
                self.leave();
            }
            Operator::BrIf { relative_depth } => {
                self.pop(1);
                self.jump(*relative_depth);
            }
            Operator::BrTable { targets } => self.switch(targets),
            Operator::Return => {
                self.size.steps += self.labels.first().map_or(0, |function| function.results);
                self.leave();
            }
            Operator::Unreachable => self.leave(),
            other => self.compute(other),
        }
    }

    fn open(&mut self, block: BlockType, kind: FrameKind, condition: u64) {
        let (params, results) = self.block_arity(block);
        self.pop(condition);
        self.pop(params);
        let base = self.height;
        self.height += params;
        self.labels.push(Label { block, kind, base, params, results });
        // The function itself is a label, and no block.
        self.size.nesting = self.size.nesting.max(self.labels.len() as u64 - 1);
        self.size.steps += PASSED * (params + results);
        self.fork();
    }

    fn otherwise(&mut self) {
        if let Some(label) = self.labels.last() {
            self.height = label.base + label.params;
            self.size.steps += PASSED * label.results;
        }
        self.fork();
    }

    fn close(&mut self) {
        if let Some(label) = self.labels.pop() {
            self.height = label.base + label.results;
            self.size.steps += PASSED * label.results;
        }
        self.fork();
    }

    fn jump(&mut self, depth: u32) {
        self.size.steps += self.label(depth).map_or(0, Label::passed);
        self.fork();
    }

    fn switch(&mut self, targets: &BrTable<'_>) {
        self.pop(1);
        self.size.targets += u64::from(targets.len()) + 1;
        for depth in targets.targets().flatten().chain([targets.default()]) {
            self.size.steps += 1 + self.label(depth).map_or(0, Label::passed);
        }
        self.fork();
        self.leave();
    }

    /// Any other instruction: a call counts the values that it passes.
    fn compute(&mut self, operator: &Operator<'_>) {
        let (taken, given) = operator.operator_arity(self).unwrap_or_default();
        let (taken, given) = (u64::from(taken), u64::from(given));
        self.pop(taken);
        self.height += given;
        self.size.stack = self.size.stack.max(self.height);
        // Up to three operands and one result are what an instruction is.
        self.size.steps += (taken + given).saturating_sub(4);
        if is_call(operator) {
            self.size.calls += 1;
            self.keep();
        }
        match operator {
            Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. } => {
                self.leave();
            }
            Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => self.fork(),
            _ => {}
        }
    }

    /// Control parts or joins here.
    fn fork(&mut self) {
        self.size.branches += 1;
        self.keep();
    }

    /// Whatever may be alive here has to be somewhere when control comes back or goes on.
    fn keep(&mut self) {
        self.size.alive += self.size.locals + self.height;
    }

    /// What follows is not reached from here.
    fn leave(&mut self) {
        self.height = self.labels.last().map_or(0, |label| label.base);
    }

    fn pop(&mut self, values: u64) {
        let base = self.labels.last().map_or(0, |label| label.base);
        self.height = self.height.saturating_sub(values).max(base);
    }

    fn label(&self, depth: u32) -> Option<&Label> {
        self.labels.iter().rev().nth(depth as usize)
    }

    fn block_arity(&self, block: BlockType) -> (u64, u64) {
        match block {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.signatures.arity(index),
        }
    }
}

impl ModuleArity for Flow<'_> {
    fn sub_type_at(&self, index: u32) -> Option<&SubType> {
        self.signatures.types.get(index as usize)
    }

    fn tag_type_arity(&self, _: u32) -> Option<(u32, u32)> {
        None
    }

    fn type_index_of_function(&self, function: u32) -> Option<u32> {
        self.signatures.functions.get(function as usize).copied()
    }

    fn func_type_of_cont_type(&self, _: &ContType) -> Option<&FuncType> {
        None
    }

    fn sub_type_of_ref_type(&self, _: &RefType) -> Option<&SubType> {
        None
    }

    fn control_stack_height(&self) -> u32 {
        u32::try_from(self.labels.len()).unwrap_or(u32::MAX)
    }

    fn label_block(&self, depth: u32) -> Option<(BlockType, FrameKind)> {
        self.label(depth).map(|label| (label.block, label.kind))
    }
}

fn is_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}
