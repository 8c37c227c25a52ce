//! Why there are no plateau scores.

/// Why there is no landscape.
#[derive(Debug, thiserror::Error, Clone, PartialEq)]
#[non_exhaustive]
pub enum PlateauError {
    /// An axis has no values.
    #[error("axis `{axis}` has no values; give it at least one")]
    NoValues {
        /// The index of the axis.
        axis: usize,
    },
    /// More cells than 64 bits can number.
    #[error("the grid has 2^64 cells or more; give its axes fewer values")]
    TooLarge,
    /// A number is past the last cell.
    #[error(
        "cell `{number}` is past the last of the grid's `{size}` cells; number cells from 0, the last axis fastest"
    )]
    Number {
        /// The number.
        number: u64,
        /// Cells of the lattice.
        size: u64,
    },
    /// Numbers do not ascend.
    #[error("cell `{number}` comes after cell `{before}`; give cells in ascending order, each once")]
    Order {
        /// The number before.
        before: u64,
        /// The number that should be higher.
        number: u64,
    },
    /// A value is not a number.
    #[error("the value of cell `{number}` is not a number; give none where it is undefined")]
    Value {
        /// The cell's number.
        number: u64,
    },
}
