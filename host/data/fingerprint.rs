//! Fingerprint of a data set: the hash of its bars.
//!
//! Never depends on files, formats, the machine or the order of anything but the series and their bars.

use std::ops::Range;

use crate::model::{Canonical, Contract, Digest, Schedule, Series};

/// Names the encoding below; another encoding takes another name, so that old and new fingerprints never meet.
const FORMAT: &[u8] = b"host bars 2\n";

/// Stands before finer bars.
const DETAIL: &[u8] = b"detail\n";

/// Returns the blake3 hash of the series.
///
/// What is hashed: [`FORMAT`], the number of series, then for each series the length and bytes of its symbol, the
/// number of bars, the columns time, open, high, low, close and volume in full, and the canonical bytes of schedule and
/// contract with their length. Behind these, of a series with finer bars, [`DETAIL`] and the same of those that begin within its
/// bars, under no name and with the contract of an instrument that has none. Every number is 8 bytes, little endian.
pub(super) fn fingerprint(series: &[Series]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORMAT);
    hasher.update(&(series.len() as u64).to_le_bytes());
    for one in series {
        bars(&mut hasher, &one.symbol, one, 0..one.len(), &one.contract);
        if let Some(detail) = &one.detail {
            // What lies before the first bar and behind the last one decides nothing.
            let range = if one.is_empty() { 0..0 } else { one.detail_of(0).start..one.detail_of(one.len() - 1).end };
            hasher.update(DETAIL);
            bars(&mut hasher, "", detail, range, &Contract::default());
        }
    }
    hasher.finalize().into()
}

/// Hashes the bars of `range` under the name `symbol`.
fn bars(hasher: &mut blake3::Hasher, symbol: &str, one: &Series, range: Range<usize>, contract: &Contract) {
    hasher.update(&(symbol.len() as u64).to_le_bytes());
    hasher.update(symbol.as_bytes());
    hasher.update(&(range.len() as u64).to_le_bytes());
    column(hasher, &one.time[range.clone()], |value| value.to_le_bytes());
    for prices in [&one.open, &one.high, &one.low, &one.close, &one.volume] {
        column(hasher, &prices[range.clone()], |value| value.to_le_bytes());
    }
    let terms = terms(&one.schedule, contract);
    hasher.update(&(terms.as_bytes().len() as u64).to_le_bytes());
    hasher.update(terms.as_bytes());
}

/// What decides numbers beside the bars. The name of a zone does not, its offsets do, unless a session is told from others by it.
fn terms(schedule: &Schedule, contract: &Contract) -> Canonical {
    let Schedule { dates, interval, bar_time, session, zone, offsets } = schedule;
    let Contract {
        lot,
        tick,
        multiplier,
        commission_bps,
        commission_per_unit,
        commission_per_order,
        commission_minimum,
        commission_maximum,
    } = contract;
    let terms = Canonical::default()
        .flag("dates", *dates)
        .text("interval", &interval.map_or_else(String::new, |interval| interval.to_string()))
        .text("bar-time", &bar_time.to_string())
        .text(
            "session",
            &session.map_or_else(String::new, |session| format!("{session} {}", zone.as_deref().unwrap_or("UTC"))),
        )
        .count("offsets", offsets.len() as u64);
    let terms =
        offsets.iter().fold(terms, |terms, (from, seconds)| terms.text(&from.to_string(), &seconds.to_string()));
    terms
        .optional("lot", *lot)
        .optional("tick", *tick)
        .optional("multiplier", *multiplier)
        .optional("commission-bps", *commission_bps)
        .optional("commission-per-unit", *commission_per_unit)
        .optional("commission-per-order", *commission_per_order)
        .optional("commission-minimum", *commission_minimum)
        .optional("commission-maximum", *commission_maximum)
}

fn column<T: Copy>(hasher: &mut blake3::Hasher, values: &[T], bytes: impl Fn(T) -> [u8; 8]) {
    let mut buffer = Vec::with_capacity(8 * values.len().min(CHUNK));
    for chunk in values.chunks(CHUNK) {
        buffer.clear();
        buffer.extend(chunk.iter().flat_map(|value| bytes(*value)));
        hasher.update(&buffer);
    }
}

/// Values that are encoded before they are hashed: enough for blake3 to use its widest lanes.
const CHUNK: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn series() -> Series {
        Series {
            symbol: "A".into(),
            time: vec![1, 2],
            open: vec![1.0, 2.0],
            high: vec![2.0, 3.0],
            low: vec![0.5, 1.5],
            close: vec![1.5, 2.5],
            volume: vec![10.0, 0.0],
            ..Series::default()
        }
    }

    #[test]
    fn every_value_and_the_name_count() {
        let changes: [fn(&mut Series); 8] = [
            |s| s.symbol.push('B'),
            |s| s.time[1] = 3,
            |s| s.close[0] = f64::from_bits(s.close[0].to_bits() + 1),
            |s| s.volume[1] = 1.0,
            |s| s.schedule.dates = true,
            |s| s.schedule.session = "09:30-16:00".parse().ok(),
            |s| s.schedule.offsets = vec![(0, 3600)],
            |s| s.contract.multiplier = Some(50.0),
        ];
        let base = fingerprint(&[series()]);
        for change in changes {
            let mut other = series();
            change(&mut other);
            assert_ne!(fingerprint(&[other]), base);
        }
        assert_eq!(fingerprint(&[series()]), base);
    }

    #[test]
    fn finer_bars_within_the_bars_count_and_no_others() {
        let mut base = series();
        base.schedule.interval = Some(1);
        let with = |times: &[i64], close: f64| {
            let column = |price: f64| vec![price; times.len()];
            let detail = Series {
                symbol: "any".into(),
                time: times.to_vec(),
                open: column(1.0),
                high: column(2.0),
                low: column(0.5),
                close: column(close),
                volume: column(0.0),
                ..Series::default()
            };
            fingerprint(&[Series { detail: Some(detail.into()), ..base.clone() }])
        };
        assert_eq!(with(&[1, 2], 1.5), with(&[0, 1, 2, 3], 1.5));
        let different = [fingerprint(&[base.clone()]), with(&[1, 2], 1.5), with(&[1], 1.5), with(&[1, 2], 1.25)];
        assert!((1..4).all(|at| !different[..at].contains(&different[at])), "{different:?}");
    }

    #[test]
    fn the_encoding_is_the_one_described() {
        let mut bytes = b"host bars 2\n".to_vec();
        let numbers = |values: [f64; 2]| values.map(f64::to_le_bytes).concat();
        bytes.extend([1_u64, 1].map(u64::to_le_bytes).concat());
        bytes.extend(b"A");
        bytes.extend(2_u64.to_le_bytes());
        bytes.extend([1_i64, 2].map(i64::to_le_bytes).concat());
        for column in [[1.0, 2.0], [2.0, 3.0], [0.5, 1.5], [1.5, 2.5], [10.0, 0.0]] {
            bytes.extend(numbers(column));
        }
        let terms = terms(&Schedule::default(), &Contract::default());
        bytes.extend((terms.as_bytes().len() as u64).to_le_bytes());
        bytes.extend(terms.as_bytes());
        assert_eq!(fingerprint(&[series()]), Digest::of(&bytes));
        assert_eq!(fingerprint(&[series()]).short(), "4aeabba54235");
    }
}
