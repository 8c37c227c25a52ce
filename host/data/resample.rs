//! Resampling: longer bars of a series, which stay its finer bars.
//!
//! Never makes a bar of time without one, and never looks into a bar.
//!
//! A bar belongs to the longer one in which it begins. Bars within a day are counted from the beginning of that day, which is
//! midnight of the zone or, with a session, its opening: the last one is shorter where they do not divide the hours. Days are those of
//! zone and session, weeks begin on Mondays, and months are those of the calendar. With a session, bars that begin outside
//! of it are left out.

use std::sync::Arc;

use super::{
    error::{ResampleError, counted},
    notices::interval,
};
use crate::model::{BarTime, Schedule, Series, Timeframe};

const DAY: i64 = 86_400_000_000_000;

/// The bars of `timeframe` that `series` makes, with its own as the finer ones, and what to tell of it. Bars that last as
/// long already stay as they are.
pub(super) fn resample(series: &Series, timeframe: Timeframe) -> Result<(Series, Option<String>), ResampleError> {
    let symbol = || series.symbol.clone();
    let Some(lasts) = series.schedule.interval else { return Err(ResampleError::NoInterval { symbol: symbol() }) };
    let target = Schedule { interval: Some(timeframe.nanoseconds()), ..series.schedule.clone() };
    let is_date = !matches!(timeframe, Timeframe::Minutes(_));
    let as_long = Schedule { dates: is_date, ..target.clone() };
    if series.schedule.dates == is_date
        && series.schedule.is_like(&Schedule { bar_time: series.schedule.bar_time, ..as_long })
    {
        return Ok((series.clone(), None));
    }
    if lasts >= timeframe.nanoseconds() || (series.schedule.dates && !is_date) {
        let own = interval(&series.schedule).unwrap_or_default();
        return Err(ResampleError::NotFiner { symbol: symbol(), own, timeframe });
    }
    let detail = Series { detail: None, ..series.in_session() };
    if detail.is_empty() {
        let session = series.schedule.session.map_or_else(String::new, |session| session.to_string());
        return Err(ResampleError::NoSession { symbol: symbol(), session });
    }
    let mut longer = Series {
        symbol: series.symbol.clone(),
        schedule: Schedule { dates: is_date, bar_time: BarTime::Open, ..target },
        contract: series.contract,
        ..Series::default()
    };
    for at in 0..detail.len() {
        let (time, bar) = (begins(&detail.schedule, detail.time[at], timeframe), detail.bar(at));
        match longer.len().checked_sub(1).filter(|last| longer.time[*last] == time) {
            None => {
                longer.time.push(time);
                longer.open.push(bar.open);
                longer.high.push(bar.high);
                longer.low.push(bar.low);
                longer.close.push(bar.close);
                longer.volume.push(bar.volume);
            }
            Some(last) => {
                longer.high[last] = longer.high[last].max(bar.high);
                longer.low[last] = longer.low[last].min(bar.low);
                longer.close[last] = bar.close;
                longer.volume[last] += bar.volume;
            }
        }
    }
    let left_out = match series.len() - detail.len() {
        0 => String::new(),
        outside => format!("; {} outside of the session are left out", counted(outside as u64, "bar")),
    };
    let lasts = interval(&series.schedule).unwrap_or_default();
    let notice = format!(
        "the {} of `{}` are made of {} {lasts}, by which orders trade{left_out}",
        counted(longer.len() as u64, "bar"),
        series.symbol,
        detail.len()
    );
    longer.detail = Some(Arc::new(detail));
    Ok((longer, Some(notice)))
}

/// The time stamp of the longer bar to which the bar with the time stamp `time` belongs.
fn begins(schedule: &Schedule, time: i64, timeframe: Timeframe) -> i64 {
    let opens = schedule.opens(time);
    let day = schedule.day_at(opens);
    match timeframe {
        Timeframe::Minutes(_) => {
            let (opening, lasts) = (schedule.opening(day), timeframe.nanoseconds());
            opening + (opens - opening).div_euclid(lasts) * lasts
        }
        Timeframe::Day => day * DAY,
        // 1970-01-01 was a Thursday.
        Timeframe::Week => ((day + 3).div_euclid(7) * 7 - 3) * DAY,
        Timeframe::Months(months) => first_of_months(day, months) * DAY,
    }
}

/// The first day of the `months` calendar months to which `day` belongs; days are counted from 1970-01-01.
fn first_of_months(day: i64, months: i64) -> i64 {
    let epoch = jiff::civil::Date::constant(1970, 1, 1);
    let first = || {
        let date = epoch.checked_add(jiff::Span::new().try_days(day).ok()?).ok()?;
        let month = (i64::from(date.month()) - 1).div_euclid(months) * months + 1;
        let first = jiff::civil::Date::new(date.year(), i8::try_from(month).ok()?, 1).ok()?;
        Some(i64::from(epoch.until(first).ok()?.get_days()))
    };
    // Days outside of the calendar are not among the times of bars.
    first().unwrap_or(day)
}
