//! Weights: the price of each instruction, in compute units.
//!
//! Never looks at what a run would do: a unit is an upper bound of one executed instruction, known before it runs.

use wasmparser::{FunctionBody, Operator};

/// The price of an operation beside its length, in units, if a call charges its length.
const BULK: i64 = 8;

/// Bytes or elements of a bulk operation for one unit, as a power of two.
pub(super) const LENGTH_SHIFT: i64 = 3;

/// Pages of 64 KiB to units, as a power of two: what [`LENGTH_SHIFT`] makes of their bytes.
pub(super) const PAGE_SHIFT: i64 = 16 - LENGTH_SHIFT;

/// The most units of a function that its callers pay for.
const SMALL: i64 = 64;

/// Returns the price in units of a function that may leave paying to its callers: it is small, has no loop, calls nothing
/// and does nothing to blocks of memory.
///
/// A compiler makes such functions of what its target has no instruction for, like the maximum of two numbers.
pub(super) fn price_for_callers(body: &FunctionBody<'_>) -> wasmparser::Result<Option<i64>> {
    let mut price = 0;
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        price += weight(&operator);
        if price > SMALL || !is_plain(&operator) {
            return Ok(None);
        }
    }
    Ok(Some(price))
}

/// Whether an instruction jumps nowhere and calls nothing, and takes the same time whatever it works on.
fn is_plain(operator: &Operator<'_>) -> bool {
    let leaves = matches!(
        operator,
        Operator::Loop { .. }
            | Operator::Call { .. }
            | Operator::CallIndirect { .. }
            | Operator::CallRef { .. }
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Throw { .. }
            | Operator::ThrowRef
            | Operator::Rethrow { .. }
            | Operator::MemoryGrow { .. }
            | Operator::ArrayNewFixed { .. }
    );
    !leaves && length(operator).is_none()
}

/// The units of one instruction, but for what it pays by length.
pub(super) fn weight(operator: &Operator<'_>) -> i64 {
    match operator {
        Operator::Nop | Operator::Block { .. } | Operator::Loop { .. } | Operator::Else | Operator::End => 0,
        Operator::MemoryGrow { .. } => BULK,
        Operator::ArrayNewFixed { array_size, .. } => BULK + i64::from(*array_size),
        operator if length(operator).is_some() => BULK,
        _ => 1,
    }
}

/// Which type the length of a bulk operation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// 32 bits, whatever it works on.
    Narrow,
    /// As wide as the addresses of this memory.
    Memory(u32),
    /// As wide as the addresses of the narrower of these memories.
    Memories(u32, u32),
    /// As wide as the indices of this table.
    Table(u32),
    /// As wide as the indices of the narrower of these tables.
    Tables(u32, u32),
}

/// The length on top of the stack before a bulk operation, or none if the operation takes none.
pub(super) fn length(operator: &Operator<'_>) -> Option<Length> {
    Some(match *operator {
        Operator::MemoryFill { mem } => Length::Memory(mem),
        Operator::MemoryCopy { dst_mem, src_mem } => Length::Memories(dst_mem, src_mem),
        Operator::TableFill { table } | Operator::TableGrow { table } => Length::Table(table),
        Operator::TableCopy { dst_table, src_table } => Length::Tables(dst_table, src_table),
        Operator::MemoryInit { .. }
        | Operator::TableInit { .. }
        | Operator::ArrayNew { .. }
        | Operator::ArrayNewDefault { .. }
        | Operator::ArrayNewData { .. }
        | Operator::ArrayNewElem { .. }
        | Operator::ArrayFill { .. }
        | Operator::ArrayCopy { .. }
        | Operator::ArrayInitData { .. }
        | Operator::ArrayInitElem { .. } => Length::Narrow,
        _ => return None,
    })
}
