//! The tape: the bars of a data set in the order in which a strategy hears of them, for the drivers of all its instances.
//!
//! Never copies a bar for an instance: all map one file.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    sync::Arc,
};

use wasmtime::component::TypedFunc;

use super::layout::{Layout, Number, PAGE, Record, SENT_AT_BAR, SENT_AT_TIME, control};
use crate::{
    broker::{Place, Stretch, Timeline, Trail},
    model::{EventKind, Series},
    process::{MemoryFile, memory_file},
    sandbox::memory::{Desk, Desks},
};

/// The bars of a data set, as drivers read them.
#[derive(Debug)]
pub(crate) struct Tape {
    series: Arc<[Series]>,
    layout: Layout,
    /// The index of the first record of each time stamp, and the number of all records.
    firsts: Vec<u32>,
    desks: Arc<Desks>,
}

impl Tape {
    /// Writes the bars of `series`, whose timeline is `timeline`. `None` where they do not fit into the memory of a driver.
    ///
    /// # Errors
    ///
    /// Returns an error if the system has no room for a file in memory.
    pub(crate) fn of(series: &Arc<[Series]>, timeline: &Timeline) -> io::Result<Option<Self>> {
        let bars = series.iter().map(Series::len).sum();
        let Some(layout) = Layout::of(series.len(), timeline.len(), bars) else { return Ok(None) };
        let (firsts, order) = in_order(series, timeline);
        let file = written(series, timeline, &firsts, &order)?;
        let shared = (layout.end - layout.own).next_multiple_of(PAGE);
        file.set_len(shared as u64)?;
        MemoryFile::seal(&file)?;
        let desks = Arc::new(Desks::new(file, layout.own, shared)?);
        Ok(Some(Self { series: Arc::clone(series), layout, firsts, desks }))
    }

    /// Where drivers read it.
    pub(crate) fn desks(&self) -> &Arc<Desks> {
        &self.desks
    }

    /// The address of a record.
    fn record(&self, index: u32) -> u32 {
        (self.layout.records + index as usize * Record::SIZE) as u32
    }
}

/// For each time stamp the index of its first bar in the order of all bars, and that order: instruments and bars.
fn in_order(series: &[Series], timeline: &Timeline) -> (Vec<u32>, Vec<(u32, u32)>) {
    let mut firsts = vec![0_u32; timeline.len() + 1];
    let bars =
        || (0..series.len()).flat_map(|instrument| (0..series[instrument].len()).map(move |bar| (instrument, bar)));
    bars().for_each(|(instrument, bar)| firsts[timeline.stamp(instrument, bar) + 1] += 1);
    (1..firsts.len()).for_each(|stamp| firsts[stamp] += firsts[stamp - 1]);
    let mut next = firsts.clone();
    let mut order = vec![(0, 0); firsts[timeline.len()] as usize];
    for (instrument, bar) in bars() {
        let place = &mut next[timeline.stamp(instrument, bar)];
        order[*place as usize] = (instrument as u32, bar as u32);
        *place += 1;
    }
    (firsts, order)
}

/// A file with the times of the time stamps, and the records.
fn written(series: &[Series], timeline: &Timeline, firsts: &[u32], order: &[(u32, u32)]) -> io::Result<File> {
    let mut out = BufWriter::with_capacity(1 << 18, memory_file()?);
    for time in timeline.times() {
        out.write_all(&time.to_le_bytes())?;
    }
    for stamp in firsts.windows(2) {
        for index in stamp[0]..stamp[1] {
            let (instrument, bar) = order[index as usize];
            let record = Record { instrument, bar: bar as usize, is_last: index + 1 == stamp[1] };
            out.write_all(&record.bytes(&series[instrument as usize]))?;
        }
    }
    Ok(out.into_inner()?)
}

/// The driver of one instance.
pub(crate) struct Driver {
    pub(crate) tape: Arc<Tape>,
    pub(crate) desk: Arc<Desk>,
    /// Makes calls until the host is needed.
    pub(crate) drive: TypedFunc<(), (u32,)>,
}

/// The call that was being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calling {
    /// `on-bar`, with the bar's instrument and time.
    Bar(u32, i64),
    /// `on-time`.
    Time(i64),
}

impl Driver {
    /// Whether the bars of `stretch` are those that the driver has.
    pub(crate) fn knows(&self, stretch: &Stretch<'_>) -> bool {
        std::ptr::eq(stretch.series, &*self.tape.series)
    }

    /// Writes down what the driver must know of `stretch`.
    pub(crate) fn begin(&self, stretch: &Stretch<'_>) {
        let (Self { tape, desk, .. }, layout) = (self, &self.tape.layout);
        let Place { stamp, told } = stretch.from;
        let bars = tape.firsts[stamp + 1] - tape.firsts[stamp];
        let ends = told >= bars as usize;
        let next = tape.firsts[stamp] + bars.min(told as u32);
        let no_bars = if stretch.is_muted(EventKind::Bar) { control::NO_BARS } else { 0 };
        let no_times = if stretch.is_muted(EventKind::Time) { control::NO_TIMES } else { 0 };
        let mut held = 0;
        for (instrument, bounds) in stretch.bounds.iter().enumerate() {
            desk.put_number(Layout::instrument(instrument, Number::Low), bounds.low);
            desk.put_number(Layout::instrument(instrument, Number::High), bounds.high);
            desk.put_number(Layout::instrument(instrument, Number::Units), stretch.units(instrument));
            desk.put_number(Layout::instrument(instrument, Number::Mark), stretch.marks[instrument]);
            let points = stretch.points(instrument);
            if points != 0.0 {
                let (at, mark) = layout.position(held);
                desk.put_number(at, points);
                desk.put(mark, Layout::instrument(instrument, Number::Mark) as u32);
                held += 1;
            }
        }
        for (at, number) in [
            (control::STAMP, stamp as u32),
            (control::RECORD, tape.record(next)),
            (control::ENDS, u32::from(ends)),
            (control::SENT, 0),
            (control::UNTIL, stretch.until as u32),
            (control::MUTED, no_bars | no_times),
            (control::POSITIONS, layout.positions as u32),
            (control::POSITIONS_END, layout.position(held).0 as u32),
            (control::TIMES, layout.times() as u32),
            (control::EQUITY_CURVE, layout.equity_curve as u32),
        ] {
            desk.put(at, number);
        }
        for (at, number) in [
            (control::CASH, stretch.cash),
            (control::EQUITY, stretch.equity),
            (control::FLOOR, stretch.floor),
            (control::MARGIN, stretch.margin),
        ] {
            desk.put_number(at, number);
        }
    }

    /// How far the driver came, which was called from `from` on and has returned `why`. Leaves in `trail` what the account was
    /// worth on the way.
    pub(crate) fn place(&self, why: u32, from: Place, trail: &mut Trail) -> Place {
        let (Self { tape, desk, .. }, layout) = (self, &self.tape.layout);
        let stamp = desk.get(control::STAMP) as usize;
        trail.equity.clear();
        if layout.equity_curve != 0 {
            let quiet = (from.stamp + 1)..stamp;
            trail.equity.extend(quiet.map(|stamp| f64::from_bits(desk.bits(layout.equity_curve + 8 * stamp))));
        }
        let records = |stamp: usize| tape.firsts[stamp];
        let told = match why {
            SENT_AT_BAR => {
                let index = (desk.get(control::RECORD) as usize - layout.records) / Record::SIZE;
                index - records(stamp) as usize
            }
            SENT_AT_TIME => (records(stamp + 1) - records(stamp)) as usize + 1,
            _ => 0,
        };
        Place { stamp, told }
    }

    /// The call that failed.
    pub(crate) fn calling(&self) -> Calling {
        let desk = &self.desk;
        if desk.get(control::ENDS) != 0 {
            return Calling::Time(time(desk));
        }
        let instrument = desk.bits(desk.get(control::RECORD) as usize + Record::INSTRUMENT) as u32;
        Calling::Bar(instrument, time(desk))
    }
}

/// Notes that the strategy has sent something.
#[inline]
pub(crate) fn note_sent(desk: &Desk) {
    desk.put(control::SENT, 1);
}

/// The time of the call that is being made.
pub(crate) fn time(desk: &Desk) -> i64 {
    let at = match desk.get(control::ENDS) {
        0 => desk.get(control::RECORD) as usize + Record::TIME,
        _ => desk.get(control::TIMES) as usize + 8 * desk.get(control::STAMP) as usize,
    };
    desk.bits(at).cast_signed()
}

/// What tells one event of a stretch from another.
pub(crate) fn event(desk: &Desk) -> [u32; 3] {
    [control::STAMP, control::RECORD, control::ENDS].map(|at| desk.get(at))
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("layout", &self.tape.layout).finish_non_exhaustive()
    }
}
