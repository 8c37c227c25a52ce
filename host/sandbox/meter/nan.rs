//! Results that are not a number: the operations whose NaN a guest could tell from another one, so that each is made the same.
//!
//! Never changes a number, nor a NaN that was stored, passed or written down as one, and never writes code.
//!
//! WebAssembly leaves open which NaN an operation answers, and processors differ: 0/0 has a sign on x86 and none on Arm. A guest can
//! see that once it stores a result, takes its bits or its sign, or gives it away. Arithmetic and comparisons do not look. So a result
//! is *open* until something looks at it, and whatever looks has it made the one NaN of all machines before. What the guest sees is as
//! if each operation had answered that NaN at once, but chains of operations do not wait for it.
//!
//! A function is walked again until nothing new is learnt, since what a local holds at the head of a loop depends on the loop's end.
//! A local that something looks at, and that is open by one way and settled by another, is made *eager*: whatever is put there is
//! settled before.

use std::collections::BTreeMap;

use wasmparser::{FuncValidator, FunctionBody, Operator, ValType, WasmModuleResources};

/// What an open result consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    F32,
    F64,
    F32x4,
    F64x2,
}

impl Shape {
    pub(super) const ALL: [Self; 4] = [Self::F32, Self::F64, Self::F32x4, Self::F64x2];
}

/// Returns the instructions of `body`, by number, whose result is made the one NaN if it is a NaN, right after them.
///
/// # Errors
///
/// Returns an error if the function is not valid.
pub(super) fn looked_at(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<impl WasmModuleResources>,
) -> wasmparser::Result<BTreeMap<usize, Shape>> {
    let params = validator.len_locals() as usize;
    let steps = steps(body, validator)?;
    if steps.iter().any(|step| matches!(step, Step::Catch)) {
        // An exception leaves a block anywhere. So every result is settled at once.
        let all = steps.iter().enumerate();
        return Ok(all.filter_map(|(number, step)| Some((number, step.shape()?))).collect());
    }
    let locals = steps.iter().filter_map(Step::local).max().map_or(0, |last| last as usize + 1);
    // A local that is not a parameter begins as zero.
    let start: Locals = (0..locals).map(|local| if local < params { State::Settled } else { State::Number }).collect();
    let mut learnt = Learnt { heads: Vec::new(), eager: vec![false; locals] };
    let mut rounds = 0;
    loop {
        let mut walk = Walk::new(learnt, start.clone());
        for (number, step) in steps.iter().enumerate() {
            walk.step(number, step);
        }
        learnt = match walk.news {
            News::Nothing => return Ok(walk.looked_at),
            News::Head => walk.learnt,
            News::Eager => Learnt { heads: Vec::new(), ..walk.learnt },
        };
        rounds += 1;
        if rounds == ROUNDS {
            // Nothing more can be learnt then: no local holds anything open.
            learnt.eager.fill(true);
            let loops = steps.iter().filter(|step| matches!(step, Step::Open { is_loop: true, .. })).count();
            learnt.heads = vec![Some(vec![State::Settled; locals]); loops];
        }
    }
}

/// Walks through a function before all its locals are made eager.
const ROUNDS: u32 = 12;

/// How many values an instruction takes and leaves.
#[derive(Debug, Clone, Copy)]
struct Arity {
    takes: u32,
    leaves: u32,
}

/// What an instruction does to what is open.
#[derive(Debug)]
enum Step {
    /// It looks at what it takes, and what it leaves is settled.
    Look(Arity),
    /// It takes numbers of this shape without looking at their bits. What it leaves is not a number, but a mask or an integer.
    Compare(Shape, Arity),
    /// It takes numbers of the first shape without looking at their bits, and leaves an open result of the second.
    Compute(Shape, Shape, Arity),
    /// It leaves all lanes or one lane of what it takes, which has the first shape; what it leaves has the second.
    Lanes(Shape, Shape),
    /// It takes nothing that could be open, and leaves what is never a NaN.
    Number(Arity),
    Drop,
    /// It leaves one of two.
    Select,
    Get(u32),
    Set(u32),
    Tee(u32),
    /// A block, a loop or an arm opens. It looks at what it takes.
    Open {
        is_loop: bool,
        is_if: bool,
        arity: Arity,
    },
    Else(Arity),
    End(Arity),
    /// It may go on at the ends of these blocks or the heads of these loops, counted from the innermost, and looks at what it takes
    /// there; nowhere else if it always does.
    Jump {
        to: Vec<u32>,
        arity: Arity,
        always: bool,
    },
    /// It catches exceptions.
    Catch,
}

impl Step {
    fn local(&self) -> Option<u32> {
        match self {
            Self::Get(local) | Self::Set(local) | Self::Tee(local) => Some(*local),
            _ => None,
        }
    }

    fn shape(&self) -> Option<Shape> {
        match self {
            Self::Compute(_, to, _) => Some(*to),
            _ => None,
        }
    }
}

/// The steps of `body`, one for each instruction.
fn steps(
    body: &FunctionBody<'_>,
    validator: &mut FuncValidator<impl WasmModuleResources>,
) -> wasmparser::Result<Vec<Step>> {
    let mut reader = body.get_binary_reader();
    validator.read_locals(&mut reader)?;
    let mut steps = Vec::new();
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        // Unknown only where the function is not valid, which is told below.
        let (takes, leaves) = operator.operator_arity(&*validator).unwrap_or_default();
        let arity = Arity { takes, leaves };
        let is_float =
            |local: u32| matches!(validator.get_local_type(local), Some(ValType::F32 | ValType::F64 | ValType::V128));
        steps.push(step(&operator, arity, is_float));
        validator.op(offset, &operator)?;
    }
    Ok(steps)
}

fn step(operator: &Operator<'_>, arity: Arity, is_float: impl Fn(u32) -> bool) -> Step {
    use Operator as O;
    if let Some(to) = computed(operator) {
        let from = match operator {
            O::F32DemoteF64 => Shape::F64,
            O::F64PromoteF32 => Shape::F32,
            O::F32x4DemoteF64x2Zero => Shape::F64x2,
            O::F64x2PromoteLowF32x4 => Shape::F32x4,
            _ => to,
        };
        return Step::Compute(from, to, arity);
    }
    if let Some(from) = compared(operator) {
        return Step::Compare(from, arity);
    }
    match operator {
        O::LocalGet { local_index } if is_float(*local_index) => Step::Get(*local_index),
        O::LocalSet { local_index } if is_float(*local_index) => Step::Set(*local_index),
        O::LocalTee { local_index } if is_float(*local_index) => Step::Tee(*local_index),
        O::Select | O::TypedSelect { .. } => Step::Select,
        O::F32x4Splat => Step::Lanes(Shape::F32, Shape::F32x4),
        O::F64x2Splat => Step::Lanes(Shape::F64, Shape::F64x2),
        O::F32x4ExtractLane { .. } => Step::Lanes(Shape::F32x4, Shape::F32),
        O::F64x2ExtractLane { .. } => Step::Lanes(Shape::F64x2, Shape::F64),
        O::Block { .. } => Step::Open { is_loop: false, is_if: false, arity },
        O::Loop { .. } => Step::Open { is_loop: true, is_if: false, arity },
        // The condition is taken, and the parameters stay.
        O::If { .. } => {
            Step::Open { is_loop: false, is_if: true, arity: Arity { leaves: arity.takes.saturating_sub(1), ..arity } }
        }
        O::Else => Step::Else(arity),
        O::End => Step::End(arity),
        O::Br { relative_depth } => Step::Jump { to: vec![*relative_depth], arity, always: true },
        O::BrIf { relative_depth }
        | O::BrOnNull { relative_depth }
        | O::BrOnNonNull { relative_depth }
        | O::BrOnCast { relative_depth, .. }
        | O::BrOnCastFail { relative_depth, .. } => Step::Jump { to: vec![*relative_depth], arity, always: false },
        O::BrTable { targets } => {
            let mut to: Vec<u32> = targets.targets().flatten().collect();
            to.push(targets.default());
            to.sort_unstable();
            to.dedup();
            Step::Jump { to, arity, always: true }
        }
        O::Return
        | O::Unreachable
        | O::ReturnCall { .. }
        | O::ReturnCallIndirect { .. }
        | O::ReturnCallRef { .. }
        | O::Throw { .. }
        | O::ThrowRef
        | O::Rethrow { .. } => Step::Jump { to: Vec::new(), arity, always: true },
        O::Try { .. } | O::TryTable { .. } | O::Catch { .. } | O::CatchAll | O::Delegate { .. } => Step::Catch,
        O::Drop => Step::Drop,
        operator if is_number(operator) => Step::Number(arity),
        _ => Step::Look(arity),
    }
}

/// The shape of what `operator` answers, if that is open.
fn computed(operator: &Operator<'_>) -> Option<Shape> {
    use Operator as O;
    Some(match operator {
        O::F32Ceil | O::F32Floor | O::F32Trunc | O::F32Nearest | O::F32Sqrt => Shape::F32,
        O::F32Add | O::F32Sub | O::F32Mul | O::F32Div | O::F32Min | O::F32Max | O::F32DemoteF64 => Shape::F32,
        O::F64Ceil | O::F64Floor | O::F64Trunc | O::F64Nearest | O::F64Sqrt => Shape::F64,
        O::F64Add | O::F64Sub | O::F64Mul | O::F64Div | O::F64Min | O::F64Max | O::F64PromoteF32 => Shape::F64,
        O::F32x4Ceil | O::F32x4Floor | O::F32x4Trunc | O::F32x4Nearest | O::F32x4Sqrt => Shape::F32x4,
        O::F32x4Add | O::F32x4Sub | O::F32x4Mul | O::F32x4Div | O::F32x4Min | O::F32x4Max => Shape::F32x4,
        O::F32x4DemoteF64x2Zero | O::F32x4RelaxedMadd | O::F32x4RelaxedNmadd => Shape::F32x4,
        O::F32x4RelaxedMin | O::F32x4RelaxedMax => Shape::F32x4,
        O::F64x2Ceil | O::F64x2Floor | O::F64x2Trunc | O::F64x2Nearest | O::F64x2Sqrt => Shape::F64x2,
        O::F64x2Add | O::F64x2Sub | O::F64x2Mul | O::F64x2Div | O::F64x2Min | O::F64x2Max => Shape::F64x2,
        O::F64x2PromoteLowF32x4 | O::F64x2RelaxedMadd | O::F64x2RelaxedNmadd => Shape::F64x2,
        O::F64x2RelaxedMin | O::F64x2RelaxedMax => Shape::F64x2,
        _ => return None,
    })
}

/// The shape of what `operator` takes, if its answer is the same for every NaN, and is a mask or an integer.
fn compared(operator: &Operator<'_>) -> Option<Shape> {
    use Operator as O;
    Some(match operator {
        O::F32Eq | O::F32Ne | O::F32Lt | O::F32Gt | O::F32Le | O::F32Ge => Shape::F32,
        O::I32TruncF32S | O::I32TruncF32U | O::I64TruncF32S | O::I64TruncF32U => Shape::F32,
        O::I32TruncSatF32S | O::I32TruncSatF32U | O::I64TruncSatF32S | O::I64TruncSatF32U => Shape::F32,
        O::F64Eq | O::F64Ne | O::F64Lt | O::F64Gt | O::F64Le | O::F64Ge => Shape::F64,
        O::I32TruncF64S | O::I32TruncF64U | O::I64TruncF64S | O::I64TruncF64U => Shape::F64,
        O::I32TruncSatF64S | O::I32TruncSatF64U | O::I64TruncSatF64S | O::I64TruncSatF64U => Shape::F64,
        O::F32x4Eq | O::F32x4Ne | O::F32x4Lt | O::F32x4Gt | O::F32x4Le | O::F32x4Ge => Shape::F32x4,
        O::F64x2Eq | O::F64x2Ne | O::F64x2Lt | O::F64x2Gt | O::F64x2Le | O::F64x2Ge => Shape::F64x2,
        _ => return None,
    })
}

/// Whether `operator` leaves what is never a NaN, and takes nothing that could be open.
fn is_number(operator: &Operator<'_>) -> bool {
    use Operator as O;
    match operator {
        O::F32Const { value } => !f32::from_bits(value.bits()).is_nan(),
        O::F64Const { value } => !f64::from_bits(value.bits()).is_nan(),
        // A vector may be taken as either.
        O::V128Const { value } => {
            let (singles, _) = value.bytes().as_chunks();
            let (doubles, _) = value.bytes().as_chunks();
            !singles.iter().any(|lane| f32::from_le_bytes(*lane).is_nan())
                && !doubles.iter().any(|lane| f64::from_le_bytes(*lane).is_nan())
        }
        O::F32ConvertI32S | O::F32ConvertI32U | O::F32ConvertI64S | O::F32ConvertI64U => true,
        O::F64ConvertI32S | O::F64ConvertI32U | O::F64ConvertI64S | O::F64ConvertI64U => true,
        _ => false,
    }
}

/// Whether a value may be another NaN on another machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is not a NaN, in whatever lanes it is read: settling it changes nothing.
    Number,
    /// It has the same bits everywhere, which stay.
    Settled,
    /// It may.
    Open(Shape),
    /// That depends on the way that led here.
    Mixed,
}

impl State {
    /// What it is where two ways meet.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number, other) | (other, Self::Number) => other,
            (one, other) if one == other => one,
            _ => Self::Mixed,
        }
    }
}

/// A value on the stack.
#[derive(Debug, Clone, Copy)]
struct Value {
    state: State,
    /// The instruction that left it; for a mixed one the local that it was taken from.
    from: usize,
}

const SETTLED: Value = Value { state: State::Settled, from: 0 };

/// What locals hold.
type Locals = Vec<State>;

/// A block that is open.
#[derive(Debug)]
struct Frame {
    /// The number of its loop, if it is one.
    head: Option<usize>,
    /// Values below it.
    height: usize,
    /// What locals hold at its end by the jumps so far, if there was one.
    end: Option<Locals>,
    /// What they hold at the other arm of an `if`.
    other_arm: Option<Locals>,
}

/// What a walk has learnt that matters for what it has passed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Nothing,
    /// Of the head of a loop.
    Head,
    /// Of a local that is eager.
    Eager,
}

/// What walks have found out about a function.
#[derive(Debug)]
struct Learnt {
    /// What locals hold at the head of each loop, as far as it is known.
    heads: Vec<Option<Locals>>,
    eager: Vec<bool>,
}

/// A walk through the steps of a function.
#[derive(Debug)]
struct Walk {
    learnt: Learnt,
    news: News,
    looked_at: BTreeMap<usize, Shape>,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    /// What locals hold here; `None` where nothing leads.
    locals: Option<Locals>,
    loops: usize,
}

impl Walk {
    /// A walk that begins with these locals.
    fn new(learnt: Learnt, locals: Locals) -> Self {
        let function = Frame { head: None, height: 0, end: None, other_arm: None };
        Self {
            learnt,
            news: News::Nothing,
            looked_at: BTreeMap::new(),
            stack: Vec::new(),
            frames: vec![function],
            locals: Some(locals),
            loops: 0,
        }
    }

    fn step(&mut self, number: usize, step: &Step) {
        match step {
            Step::Open { is_loop, is_if, arity } => self.open(*is_loop, *is_if, *arity),
            Step::Else(arity) => self.other_arm(*arity),
            Step::End(arity) => self.end(*arity),
            // Nothing leads here: it is never run.
            _ if self.locals.is_none() => {}
            Step::Look(arity) => self.look(*arity),
            Step::Compare(from, Arity { takes, leaves }) => {
                self.take(*takes, *from);
                // The bits of a mask are those of a NaN.
                self.push(*leaves, SETTLED);
            }
            Step::Compute(from, to, Arity { takes, leaves }) => {
                self.take(*takes, *from);
                self.push(*leaves, Value { state: State::Open(*to), from: number });
            }
            Step::Number(Arity { takes, leaves }) => {
                self.look(Arity { takes: *takes, leaves: 0 });
                self.push(*leaves, Value { state: State::Number, from: number });
            }
            Step::Lanes(from, to) => {
                let value = self.pop();
                let state = match value.state {
                    State::Open(shape) if shape == *from => State::Open(*to),
                    // Half of a double may be a NaN of its own, taken as a single.
                    State::Number if *to == Shape::F64x2 => State::Settled,
                    _ => self.settle(value),
                };
                self.push(1, Value { state, from: number });
            }
            Step::Drop => _ = self.pop(),
            // There is none, where functions are walked.
            Step::Catch => {}
            Step::Select => self.select(number),
            Step::Get(local) => {
                let state = self.local(*local);
                let from = if state == State::Mixed { *local as usize } else { number };
                self.push(1, Value { state, from });
            }
            Step::Set(local) => {
                let value = self.pop();
                self.set(*local, value);
            }
            Step::Tee(local) => {
                let value = self.pop();
                let state = self.set(*local, value);
                let from = if state == State::Mixed { *local as usize } else { number };
                self.push(1, Value { state, from });
            }
            Step::Jump { to, arity, always } => {
                self.look(*arity);
                for depth in to {
                    self.jump(*depth as usize);
                }
                if *always {
                    self.locals = None;
                }
            }
        }
    }

    fn pop(&mut self) -> Value {
        // A function that is valid takes only what is there.
        self.stack.pop().unwrap_or(SETTLED)
    }

    /// Takes numbers of this shape. A vector with lanes of another one is looked at: two singles are the bits of a double.
    fn take(&mut self, count: u32, shape: Shape) {
        for _ in 0..count {
            let value = self.pop();
            let is_lanes = matches!(shape, Shape::F32x4 | Shape::F64x2);
            if is_lanes && value.state != State::Open(shape) {
                self.settle(value);
            }
        }
    }

    fn push(&mut self, count: u32, value: Value) {
        self.stack.extend((0..count).map(|_| value));
    }

    /// Takes values, all of which are looked at, and leaves settled ones.
    fn look(&mut self, arity: Arity) {
        for _ in 0..arity.takes {
            let value = self.pop();
            self.settle(value);
        }
        self.push(arity.leaves, SETTLED);
    }

    /// Has `value` settled where it comes from, and says what it is then.
    fn settle(&mut self, value: Value) -> State {
        match value.state {
            State::Number => return State::Number,
            State::Settled => {}
            State::Open(shape) => _ = self.looked_at.insert(value.from, shape),
            State::Mixed => {
                if let Some(eager) = self.learnt.eager.get_mut(value.from)
                    && !*eager
                {
                    *eager = true;
                    self.news = News::Eager;
                }
            }
        }
        State::Settled
    }

    fn local(&self, local: u32) -> State {
        self.locals.as_ref().and_then(|locals| locals.get(local as usize)).copied().unwrap_or(State::Settled)
    }

    /// Puts `value` into a local, and says what it holds then.
    fn set(&mut self, local: u32, value: Value) -> State {
        let is_eager = self.learnt.eager.get(local as usize).copied().unwrap_or(true);
        let state = if is_eager { self.settle(value) } else { value.state };
        if let Some(place) = self.locals.as_mut().and_then(|locals| locals.get_mut(local as usize)) {
            *place = state;
        }
        state
    }

    fn select(&mut self, number: usize) {
        let _condition = self.pop();
        let (other, one) = (self.pop(), self.pop());
        let state = match one.state.or(other.state) {
            State::Mixed => {
                self.settle(one);
                self.settle(other);
                State::Settled
            }
            same => same,
        };
        self.push(1, Value { state, from: number });
    }

    fn open(&mut self, is_loop: bool, is_if: bool, arity: Arity) {
        let mut height = self.stack.len();
        if self.locals.is_some() {
            self.look(arity);
            height = self.stack.len().saturating_sub(arity.leaves as usize);
        }
        let head = is_loop.then(|| {
            self.loops += 1;
            self.loops - 1
        });
        if let Some(head) = head {
            if self.learnt.heads.len() <= head {
                self.learnt.heads.resize(head + 1, None);
            }
            meet(&mut self.learnt.heads[head], self.locals.as_ref());
            if self.locals.is_some() {
                self.locals.clone_from(&self.learnt.heads[head]);
            }
        }
        let other_arm = if is_if { self.locals.clone() } else { None };
        self.frames.push(Frame { head, height, end: None, other_arm });
    }

    fn other_arm(&mut self, Arity { takes, leaves }: Arity) {
        if self.locals.is_some() {
            self.look(Arity { takes, leaves: 0 });
        }
        let Some(frame) = self.frames.last_mut() else { return };
        meet(&mut frame.end, self.locals.as_ref());
        self.locals = frame.other_arm.take();
        self.stack.truncate(frame.height);
        if self.locals.is_some() {
            self.push(leaves, SETTLED);
        }
    }

    fn end(&mut self, Arity { takes, leaves }: Arity) {
        if self.locals.is_some() {
            self.look(Arity { takes, leaves: 0 });
        }
        let Some(mut frame) = self.frames.pop() else { return };
        // An `if` without another arm is passed as it was.
        meet(&mut frame.end, frame.other_arm.as_ref());
        meet(&mut frame.end, self.locals.as_ref());
        self.locals = frame.end;
        self.stack.truncate(frame.height);
        if self.locals.is_some() {
            self.push(leaves, SETTLED);
        }
    }

    fn jump(&mut self, depth: usize) {
        let Some(frame) = self.frames.len().checked_sub(depth + 1).and_then(|at| self.frames.get_mut(at)) else {
            return;
        };
        match frame.head {
            None => _ = meet(&mut frame.end, self.locals.as_ref()),
            Some(head) => {
                if meet(&mut self.learnt.heads[head], self.locals.as_ref()) {
                    self.news = self.news.max(News::Head);
                }
            }
        }
    }
}

/// Joins what locals hold by another way, and says whether that changes anything.
fn meet(known: &mut Option<Locals>, other: Option<&Locals>) -> bool {
    let Some(other) = other else { return false };
    let Some(known) = known else {
        *known = Some(other.clone());
        return true;
    };
    let mut changes = false;
    for (known, other) in known.iter_mut().zip(other) {
        let both = known.or(*other);
        changes |= both != *known;
        *known = both;
    }
    changes
}
