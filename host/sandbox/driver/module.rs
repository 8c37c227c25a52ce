//! The driver's code.
//!
//! Never calls anything but the strategy's `on-bar` and `on-time`, and what its language wants to be called after them. What it computes is what `broker/quiet.rs` computes, in the same
//! order: a test runs both on random orders.

use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    InstructionSink, MemArg, MemorySection, MemoryType, Module, NameMap, NameSection, TypeSection, ValType,
};

use super::layout::{
    AT_STAMP, DRIVE, FRAME, HIGH, INSTRUMENT, INSTRUMENTS, LOW, MARK, POSITION, Record, SENT_AT_BAR, SENT_AT_TIME,
    UNITS, control,
};

/// The module name under which the strategy's functions are imported.
pub(super) const STRATEGY: &str = "strategy";

/// The imported functions, and what some languages want to be called after them.
pub(super) const ON_BAR: &str = "on-bar";
pub(super) const ON_TIME: &str = "on-time";
pub(super) const AFTER_BAR: &str = "after-bar";
pub(super) const AFTER_TIME: &str = "after-time";

/// What is to be called after the strategy's functions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    pub(super) after_bar: bool,
    pub(super) after_time: bool,
}

/// Indices of the functions; those that are called afterwards come next, then the driver's own.
const BAR: u32 = 0;
const TIME: u32 = 1;

impl Calls {
    fn after_bar(self) -> Option<u32> {
        self.after_bar.then_some(TIME + 1)
    }

    fn after_time(self) -> Option<u32> {
        self.after_time.then_some(TIME + 1 + u32::from(self.after_bar))
    }

    fn own(self) -> u32 {
        TIME + 1 + u32::from(self.after_bar) + u32::from(self.after_time)
    }
}

/// The numbers that the driver keeps on its way: addresses and indices, then amounts.
#[derive(Clone, Copy)]
enum Local {
    /// The address of the record that is told next.
    Record,
    /// The address after the records of the time stamp.
    End,
    Stamp,
    Until,
    Muted,
    Positions,
    PositionsEnd,
    /// The address of the time of the time stamp.
    Times,
    EquityCurve,
    /// The address of a record or a position that is looked at.
    At,
    /// The address of an instrument.
    Instrument,
    Equity,
    Cash,
    Floor,
    Margin,
    Sum,
    Gross,
    Value,
}

const ADDRESSES: u32 = Local::Equity as u32;
const AMOUNTS: u32 = Local::Value as u32 + 1 - ADDRESSES;

/// Returns the driver's core module. It imports `on-bar` and `on-time` of the strategy.
pub(super) fn module(calls: Calls) -> Vec<u8> {
    let mut types = TypeSection::new();
    let mut bar = [ValType::F64; 9];
    bar[..2].copy_from_slice(&[ValType::I32, ValType::I64]);
    types.ty().function(bar, []);
    types.ty().function([ValType::I64, ValType::F64], []);
    types.ty().function([], [ValType::I32]);
    types.ty().function([], []);
    let mut imports = ImportSection::new();
    imports.import(STRATEGY, ON_BAR, EntityType::Function(0)).import(STRATEGY, ON_TIME, EntityType::Function(1));
    for (name, _) in [(AFTER_BAR, calls.after_bar), (AFTER_TIME, calls.after_time)].iter().filter(|(_, called)| *called)
    {
        imports.import(STRATEGY, name, EntityType::Function(3));
    }
    let mut functions = FunctionSection::new();
    functions.function(2);
    let mut memories = MemorySection::new();
    // It has no bytes of its own, so that a guest's memory is counted as without it: the host maps what there is.
    memories.memory(MemoryType {
        minimum: 0,
        maximum: Some(1 << 16),
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export(DRIVE, ExportKind::Func, calls.own());
    let mut code = CodeSection::new();
    code.function(&drive(calls));
    let mut names = NameSection::new();
    let mut functions_by_name = NameMap::new();
    functions_by_name.append(calls.own(), FRAME);
    names.functions(&functions_by_name);
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports);
    module.section(&code).section(&names);
    module.finish()
}

fn drive(calls: Calls) -> Function {
    let mut function = Function::new([(ADDRESSES, ValType::I32), (AMOUNTS, ValType::F64)]);
    let mut code = Code(function.instructions(), calls);
    code.begin();
    code.0.loop_(BlockType::Empty);
    code.tell_bars();
    code.tell_time();
    code.move_on();
    code.check_bars();
    code.value();
    code.0.br(0).end();
    // Nothing leaves the loop but a return.
    code.0.unreachable().end();
    function
}

fn number(offset: usize, align: u32) -> MemArg {
    MemArg { offset: offset as u64, align, memory_index: 0 }
}

fn word(offset: usize) -> MemArg {
    number(offset, 2)
}

fn long(offset: usize) -> MemArg {
    number(offset, 3)
}

struct Code<'a>(InstructionSink<'a>, Calls);

impl Code<'_> {
    fn get(&mut self, local: Local) -> &mut Self {
        self.0.local_get(local as u32);
        self
    }

    fn set(&mut self, local: Local) -> &mut Self {
        self.0.local_set(local as u32);
        self
    }

    /// Adds `bytes` to an address.
    fn advance(&mut self, local: Local, bytes: usize) -> &mut Self {
        self.get(local).0.i32_const(bytes as i32).i32_add();
        self.set(local)
    }

    /// Pushes the number at `offset` from `local`.
    fn load(&mut self, local: Local, offset: usize) -> &mut Self {
        self.get(local).0.f64_load(long(offset));
        self
    }

    /// Sets `local` to a control word.
    fn read_word(&mut self, local: Local, at: usize) -> &mut Self {
        self.0.i32_const(0).i32_load(word(at));
        self.set(local)
    }

    fn read_amount(&mut self, local: Local, at: usize) -> &mut Self {
        self.0.i32_const(0).f64_load(long(at));
        self.set(local)
    }

    /// Writes `local` to a control word.
    fn write_word(&mut self, at: usize, local: Local) -> &mut Self {
        self.0.i32_const(0).local_get(local as u32).i32_store(word(at));
        self
    }

    fn write_flag(&mut self, at: usize, value: i32) -> &mut Self {
        self.0.i32_const(0).i32_const(value).i32_store(word(at));
        self
    }

    /// Sets `Instrument` to the address of the instrument of the record at `local`.
    fn find_instrument(&mut self, local: Local) -> &mut Self {
        self.get(local).0.i32_load(word(Record::INSTRUMENT)).i32_const(INSTRUMENT as i32).i32_mul();
        self.set(Local::Instrument)
    }

    /// Returns `why`, with the place.
    fn leave(&mut self, why: u32) -> &mut Self {
        self.write_word(control::STAMP, Local::Stamp).write_word(control::RECORD, Local::Record);
        self.0.i32_const(why as i32).return_();
        self
    }

    /// Returns `why` if the strategy has sent something.
    fn leave_if_sent(&mut self, why: u32) -> &mut Self {
        self.0.i32_const(0).i32_load(word(control::SENT)).if_(BlockType::Empty);
        self.leave(why).0.end();
        self
    }

    /// Reads what the host has written, and finds the end of the time stamp's records.
    fn begin(&mut self) {
        self.read_word(Local::Stamp, control::STAMP).read_word(Local::Record, control::RECORD);
        self.read_word(Local::Until, control::UNTIL).read_word(Local::Muted, control::MUTED);
        self.read_word(Local::Positions, control::POSITIONS).read_word(Local::PositionsEnd, control::POSITIONS_END);
        self.read_word(Local::EquityCurve, control::EQUITY_CURVE).read_word(Local::Times, control::TIMES);
        self.read_amount(Local::Cash, control::CASH).read_amount(Local::Equity, control::EQUITY);
        self.read_amount(Local::Floor, control::FLOOR).read_amount(Local::Margin, control::MARGIN);
        self.get(Local::Record).set(Local::End);
        self.0.i32_const(0).i32_load(word(control::ENDS)).i32_eqz().if_(BlockType::Empty);
        self.0.loop_(BlockType::Empty);
        self.advance(Local::End, Record::SIZE);
        // The record before the end is not the last one.
        self.get(Local::End).0.i32_const(Record::SIZE as i32).i32_sub().i32_load(word(Record::IS_LAST)).i32_eqz();
        self.0.br_if(0).end().end();
    }

    /// Tells the records up to the end, unless there are none or nobody wants to hear of them.
    fn tell_bars(&mut self) {
        self.get(Local::Record).get(Local::End).0.i32_ne();
        self.get(Local::Muted).0.i32_const(control::NO_BARS as i32).i32_and().i32_eqz().i32_and();
        self.0.if_(BlockType::Empty).loop_(BlockType::Empty);
        // Whoever looks after a failure finds the place here.
        self.write_word(control::RECORD, Local::Record).find_instrument(Local::Record);
        self.get(Local::Record).0.i32_load(word(Record::INSTRUMENT));
        self.get(Local::Record).0.i64_load(long(Record::TIME));
        for price in 0..5 {
            self.load(Local::Record, Record::PRICES + 8 * price);
        }
        self.load(Local::Instrument, INSTRUMENTS + UNITS).get(Local::Equity).0.call(BAR);
        if let Some(after) = self.1.after_bar() {
            self.0.call(after);
        }
        self.advance(Local::Record, Record::SIZE).leave_if_sent(SENT_AT_BAR);
        self.get(Local::Record).get(Local::End).0.i32_ne().br_if(0).end().end();
        self.get(Local::End).set(Local::Record);
    }

    /// Tells that the time stamp is over, if anybody wants to hear of it.
    fn tell_time(&mut self) {
        self.get(Local::Muted).0.i32_const(control::NO_TIMES as i32).i32_and().i32_eqz().if_(BlockType::Empty);
        self.write_word(control::STAMP, Local::Stamp).write_flag(control::ENDS, 1);
        self.get(Local::Times).get(Local::Stamp).0.i32_const(8).i32_mul().i32_add().i64_load(long(0));
        self.get(Local::Equity).0.call(TIME);
        if let Some(after) = self.1.after_time() {
            self.0.call(after);
        }
        self.leave_if_sent(SENT_AT_TIME).0.end();
        self.write_flag(control::ENDS, 0);
    }

    /// Goes on to the next time stamp, if it can be quiet.
    fn move_on(&mut self) {
        self.advance(Local::Stamp, 1);
        self.get(Local::Stamp).get(Local::Until).0.i32_ge_u().if_(BlockType::Empty);
        self.leave(AT_STAMP).0.end();
    }

    /// Compares each bar of the time stamp with the prices at which orders are reached, and marks its instrument at the close.
    fn check_bars(&mut self) {
        self.get(Local::Record).set(Local::At);
        self.0.loop_(BlockType::Empty);
        self.find_instrument(Local::At);
        self.load(Local::At, Record::LOW).load(Local::Instrument, INSTRUMENTS + LOW).0.f64_le();
        self.load(Local::At, Record::HIGH).load(Local::Instrument, INSTRUMENTS + HIGH).0.f64_ge();
        self.0.i32_or().if_(BlockType::Empty);
        self.leave(AT_STAMP).0.end();
        self.get(Local::Instrument).load(Local::At, Record::CLOSE).0.f64_store(long(INSTRUMENTS + MARK));
        self.advance(Local::At, Record::SIZE);
        self.get(Local::At).0.i32_const(Record::SIZE as i32).i32_sub().i32_load(word(Record::IS_LAST)).i32_eqz();
        self.0.br_if(0).end();
        self.get(Local::At).set(Local::End);
    }

    /// Computes what the account is worth, and leaves if that is too little.
    fn value(&mut self) {
        self.0.f64_const(0.0.into());
        self.set(Local::Sum).0.f64_const(0.0.into());
        self.set(Local::Gross).get(Local::Positions).set(Local::At);
        self.get(Local::At).get(Local::PositionsEnd).0.i32_ne().if_(BlockType::Empty).loop_(BlockType::Empty);
        self.load(Local::At, 0).get(Local::At).0.i32_load(word(8)).f64_load(long(0)).f64_mul();
        self.set(Local::Value);
        self.get(Local::Sum).get(Local::Value).0.f64_add();
        self.set(Local::Sum).get(Local::Gross).get(Local::Value).0.f64_abs().f64_add();
        self.set(Local::Gross).advance(Local::At, POSITION);
        self.get(Local::At).get(Local::PositionsEnd).0.i32_ne().br_if(0).end().end();
        self.get(Local::Cash).get(Local::Sum).0.f64_add();
        self.set(Local::Equity);
        // A number that is none counts as too little.
        self.get(Local::Equity).get(Local::Floor).0.f64_gt().i32_eqz();
        self.get(Local::Equity).get(Local::Margin).get(Local::Gross).0.f64_mul().f64_lt();
        self.0.i32_or().if_(BlockType::Empty);
        self.leave(AT_STAMP).0.end();
        self.get(Local::EquityCurve).0.if_(BlockType::Empty);
        self.get(Local::EquityCurve).get(Local::Stamp).0.i32_const(8).i32_mul().i32_add();
        self.get(Local::Equity).0.f64_store(long(0)).end();
    }
}
