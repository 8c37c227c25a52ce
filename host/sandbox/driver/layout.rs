//! The layout of the driver's memory: where the host writes what the driver reads, and the reverse; and what else both must know.
//!
//! Never touches memory. All numbers are little endian.

use crate::model::Series;

/// The export `func() -> u32` that makes calls until the host is needed, and says why it is.
pub(crate) const DRIVE: &str = "host-drive-bars";

/// The name of the driver's function in backtraces, which leave it out.
pub(crate) const FRAME: &str = "host-driver";

/// [`DRIVE`] has come to a time stamp that is not quiet.
pub(crate) const AT_STAMP: u32 = 0;

/// The strategy has sent something about a bar.
pub(crate) const SENT_AT_BAR: u32 = 1;

/// The strategy has sent something at the end of a time stamp.
pub(crate) const SENT_AT_TIME: u32 = 2;

/// Addresses of single numbers.
pub(crate) mod control {
    /// u32: the time stamp, as an index.
    pub(crate) const STAMP: usize = 0;
    /// u32: the address of the record that is told, or is told next.
    pub(crate) const RECORD: usize = 4;
    /// u32: 1 while the bars of the time stamp are told and its end is not, else 0.
    pub(crate) const ENDS: usize = 8;
    /// u32: not 0 once the strategy has sent something.
    pub(crate) const SENT: usize = 12;
    /// u32: the first time stamp that is not quiet in any case.
    pub(crate) const UNTIL: usize = 16;
    /// u32: [`NO_BARS`] and [`NO_TIMES`].
    pub(crate) const MUTED: usize = 20;
    /// u32: the address after the last position.
    pub(crate) const POSITIONS_END: usize = 24;
    /// u32: the addresses of the parts, which stay as they are.
    pub(crate) const POSITIONS: usize = 28;
    pub(crate) const TIMES: usize = 32;
    /// 0 where equity need not be written down.
    pub(crate) const EQUITY_CURVE: usize = 36;
    /// f64: see [`Stretch`](crate::broker::Stretch).
    pub(crate) const CASH: usize = 40;
    pub(crate) const EQUITY: usize = 48;
    pub(crate) const FLOOR: usize = 56;
    pub(crate) const MARGIN: usize = 64;

    /// The strategy does not want to hear of bars.
    pub(crate) const NO_BARS: u32 = 1;
    /// The strategy does not want to hear of the ends of time stamps.
    pub(crate) const NO_TIMES: u32 = 2;
}

/// The address of the first instrument: the prices between which no order is reached, the units held, the mark.
pub(super) const INSTRUMENTS: usize = 128;

/// Bytes of an instrument, and where its numbers are.
pub(super) const INSTRUMENT: usize = 32;
pub(super) const LOW: usize = 0;
pub(super) const HIGH: usize = 8;
pub(super) const UNITS: usize = 16;
pub(super) const MARK: usize = 24;

/// Bytes of a position: its points (f64), and the address of its instrument's mark (u32).
pub(super) const POSITION: usize = 16;

/// The size of pages of WebAssembly: the bars begin at a multiple of it.
pub(super) const PAGE: usize = 64 << 10;

/// The largest memory of 32-bit addresses.
const LARGEST: usize = 1 << 32;

/// One bar of an instrument, as the driver reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Record {
    pub(crate) instrument: u32,
    /// The index of the bar.
    pub(crate) bar: usize,
    /// Whether it is the last of its time stamp.
    pub(crate) is_last: bool,
}

impl Record {
    /// Bytes of a record.
    pub(crate) const SIZE: usize = 56;
    pub(super) const TIME: usize = 0;
    pub(super) const PRICES: usize = 8;
    pub(super) const HIGH: usize = 16;
    pub(super) const LOW: usize = 24;
    pub(super) const CLOSE: usize = 32;
    pub(super) const INSTRUMENT: usize = 48;
    pub(super) const IS_LAST: usize = 52;

    /// The bytes of the bar in `series`.
    pub(crate) fn bytes(self, series: &Series) -> [u8; Self::SIZE] {
        let bar = series.bar(self.bar);
        let prices = [bar.open, bar.high, bar.low, bar.close, bar.volume].map(f64::to_le_bytes);
        let mut bytes = [0; Self::SIZE];
        bytes[Self::TIME..Self::PRICES].copy_from_slice(&bar.time.to_le_bytes());
        bytes[Self::PRICES..Self::INSTRUMENT].copy_from_slice(prices.as_flattened());
        bytes[Self::INSTRUMENT..Self::IS_LAST].copy_from_slice(&self.instrument.to_le_bytes());
        bytes[Self::IS_LAST..].copy_from_slice(&u32::from(self.is_last).to_le_bytes());
        bytes
    }
}

/// Where the parts are for a data set: first what each instance has for itself, then the bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) instruments: usize,
    pub(crate) positions: usize,
    /// 0 with one instrument, whose equity follows from its closes.
    pub(crate) equity_curve: usize,
    /// Bytes that each instance has for itself.
    pub(crate) own: usize,
    pub(crate) records: usize,
    pub(crate) end: usize,
}

impl Layout {
    /// The layout for so many instruments, time stamps and bars in all; `None` where they do not fit.
    pub(crate) fn of(instruments: usize, stamps: usize, bars: usize) -> Option<Self> {
        let positions = INSTRUMENTS + instruments.checked_mul(INSTRUMENT)?;
        let after = positions.checked_add(instruments.checked_mul(POSITION)?)?;
        let (equity_curve, curve) = if instruments > 1 { (after, stamps.checked_mul(8)?) } else { (0, 0) };
        let own = after.checked_add(curve)?.checked_next_multiple_of(PAGE)?;
        let records = own.checked_add(stamps.checked_mul(8)?)?;
        let end = records.checked_add(bars.checked_mul(Record::SIZE)?)?;
        (end <= LARGEST).then_some(Self { instruments, positions, equity_curve, own, records, end })
    }

    /// Where the times of the time stamps are: at the beginning of what all instances share.
    pub(crate) fn times(&self) -> usize {
        self.own
    }

    /// The address of an instrument's number.
    pub(crate) fn instrument(instrument: usize, number: Number) -> usize {
        INSTRUMENTS + instrument * INSTRUMENT + number as usize
    }

    /// The addresses of a position's points, and of the address of its mark.
    pub(crate) fn position(&self, position: usize) -> (usize, usize) {
        let at = self.positions + position * POSITION;
        (at, at + 8)
    }
}

/// The numbers of an instrument.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Low = LOW as isize,
    High = HIGH as isize,
    Units = UNITS as isize,
    Mark = MARK as isize,
}
