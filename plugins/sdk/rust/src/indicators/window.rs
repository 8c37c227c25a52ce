//! The last values of a series, joined to one.
//!
//! Never takes a value away from what it was joined to: see the module above.

/// Values that a new window makes room for at most. A longer one grows as it is filled, so that a length far beyond the data
/// costs no memory.
const ROOM: usize = 1 << 16;

/// What two neighbouring parts of a series have in common with the whole.
pub(super) trait Join: Copy {
    /// This part and the one right behind it as one.
    fn join(self, newer: Self) -> Self;
}

/// A window of a fixed number of values.
///
/// The series is cut into blocks as long as the window. A window is then the end of one block and the beginning of the
/// next; the ends are joined once, when a block is complete, and the beginning grows with each value.
#[derive(Debug, Clone)]
pub(super) struct Window<T> {
    length: usize,
    /// In front of `filled` the values of the current block, from there on the ends of the block before it: at each place
    /// the join of its values from there on. Shorter while there is no block before.
    parts: Vec<T>,
    filled: usize,
    /// The join of the current block.
    beginning: Option<T>,
}

impl<T: Join> Window<T> {
    #[track_caller]
    pub(super) fn new(length: usize) -> Self {
        check_window(length);
        Self { length, parts: Vec::with_capacity(length.min(ROOM)), filled: 0, beginning: None }
    }

    /// Adds a value, and returns the join of the last ones if the window is full.
    #[inline]
    pub(super) fn push(&mut self, value: T) -> Option<T> {
        match self.parts.get_mut(self.filled) {
            Some(part) => *part = value,
            None => self.parts.push(value),
        }
        self.filled += 1;
        let beginning = self.beginning.map_or(value, |beginning| beginning.join(value));
        if self.filled == self.length {
            self.turn();
            return Some(beginning);
        }
        self.beginning = Some(beginning);
        self.parts.get(self.filled).map(|end| end.join(beginning))
    }

    /// Makes the block that is complete one of ends, and begins the next.
    fn turn(&mut self) {
        for at in (1..self.parts.len()).rev() {
            self.parts[at - 1] = self.parts[at - 1].join(self.parts[at]);
        }
        self.filled = 0;
        self.beginning = None;
    }

    /// Forgets all values.
    #[cold]
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.filled = 0;
        self.beginning = None;
    }
}

/// Checks that there is something in a window of `length` bars.
#[track_caller]
pub(super) fn check_window(length: usize) {
    assert!(length > 0, "a window of 0 bars has nothing to compute from; give at least 1");
}
