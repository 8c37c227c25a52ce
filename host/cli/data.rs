//! `host data`: shows how data files are read, and converts them.
//!
//! Never reads a file in another way than the commands that trade on it.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Context, Exit, annual,
    args::{DataAction, DataConvertArgs, DataShowArgs, OutputFormat},
    clock::Clock,
    inputs,
};
use crate::{
    backtest::{Market, Settings},
    data::{Dataset, FileDescription, LoadOptions, Loaded, ReadFile, Timezone, is_pipe},
    file::write_whole,
    model::{BarTime, Schedule, Series, label},
    results::{self, Cell, Column, Kind},
};

pub(super) fn run(action: &DataAction, context: &mut Context<'_>) -> Result<Exit> {
    match action {
        DataAction::Show(args) => show(args, context)?,
        DataAction::Convert(args) => convert(args, context)?,
    }
    Ok(Exit::Success)
}

fn show(args: &DataShowArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.output.quiet);
    let loaded = Dataset::load(&args.files, &inputs::read_options(&args.read)?)?;
    let market = Market::new(loaded.dataset.clone(), Settings::default())?;
    match args.output.format {
        OutputFormat::Json => json(&loaded, &market, args.rows, context)?,
        OutputFormat::Table => table(&loaded, &market, args.rows, context)?,
    }
    if args.save {
        for ReadFile { path, description, .. } in &loaded.files {
            let file = path.display();
            if is_pipe(path) {
                bail!("`{file}` is a pipe, beside which nothing can be saved; give its options with each command");
            }
            let place = FileDescription::path_beside(path);
            write_whole(&place, description.to_toml().as_bytes())
                .with_context(|| format!("cannot save how `{file}` is read in `{}`", place.display()))?;
            context.reporter.note(format!("saved how `{file}` is read in `{}`", place.display()));
        }
    }
    Ok(())
}

fn table(loaded: &Loaded, market: &Market, rows: usize, context: &mut Context<'_>) -> Result<()> {
    let headers = [Column::new("data", Kind::Text), Column::new("", Kind::Text)];
    let mut facts = vec![("bars", loaded.dataset.summary())];
    facts.extend(annual::years(market).into_iter().map(|(years, symbols)| {
        let symbols =
            if loaded.dataset.series().len() > 1 { format!(": {}", symbols.join(", ")) } else { String::new() };
        ("annual", years + &symbols)
    }));
    facts.extend(inputs::unread(&loaded.files).map(|columns| ("not read", columns)));
    facts.extend(loaded.notices.iter().map(|notice| ("notice", notice.clone())));
    let facts: Vec<_> = facts.into_iter().map(|(name, fact)| vec![Cell::from(name), Cell::from(fact)]).collect();
    context.table(&headers, &facts)?;
    for ReadFile { path, description, .. } in &loaded.files {
        let file = path.display().to_string();
        let file = label(&file);
        let text = description.to_toml();
        let text = if text.is_empty() { "(nothing needs to be said)\n".to_owned() } else { text };
        write!(context.out, "\n# `{file}` is read as\n{text}")?;
    }
    for series in loaded.dataset.series() {
        writeln!(context.out, "\n{}", label(&series.symbol))?;
        // Tables round numbers, which are to be compared with the file here.
        let exact = |cell: Cell<'static>| match cell {
            Cell::Number(number) => Cell::from(number.to_string()),
            cell => cell,
        };
        let rows = bars(series, rows).into_iter().map(|row| row.into_iter().map(exact).collect::<Vec<_>>());
        let columns: Vec<_> = bar_columns().iter().map(|column| Column::new(column.name.clone(), Kind::Text)).collect();
        context.table(&columns, &rows.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn json(loaded: &Loaded, market: &Market, rows: usize, context: &mut Context<'_>) -> Result<()> {
    let series = loaded.dataset.series().iter().enumerate();
    let instruments = series.map(|(at, series)| instrument_json(market, at, series, rows));
    let files = loaded.files.iter().map(
        |file| json!({ "file": file.path, "name": file.name, "read": file.description, "unread_columns": file.unread }),
    );
    context.json(json!({
        "summary": loaded.dataset.summary(),
        "data_hash": loaded.dataset.fingerprint().to_string(),
        "notices": loaded.notices,
        "files": files.collect::<Vec<_>>(),
        "instruments": instruments.collect::<Vec<_>>(),
    }))
}

fn instrument_json(market: &Market, at: usize, series: &Series, rows: usize) -> Value {
    let clock = Clock::of(series);
    let last = series.len() - 1;
    json!({
        "symbol": series.symbol,
        "bars": series.len(),
        "first_bar": clock.text(series.time[0]),
        "last_bar": clock.text(series.time[last]),
        "dates": series.schedule.dates,
        "interval_seconds": series.schedule.interval.map(|nanoseconds| nanoseconds as f64 / 1e9),
        "timezone": series.schedule.zone,
        "session": series.schedule.session,
        "bar_time": series.schedule.bar_time,
        "periods_per_year": market.annualization_of(at).ok().map(|annual| annual.periods_per_year),
        "rows": results::to_json(&bar_columns(), &bars(series, rows)),
    })
}

fn bar_columns() -> Vec<Column> {
    let prices = ["open", "high", "low", "close", "volume"].map(|name| Column::new(name, Kind::Number));
    std::iter::once(Column::new("time", Kind::Time)).chain(prices).collect()
}

fn bars(series: &Series, rows: usize) -> Vec<Vec<Cell<'static>>> {
    let clock = Clock::of(series);
    (0..series.len().min(rows)).map(|at| bar(&clock, series, at)).collect()
}

fn bar(clock: &Clock<'_>, series: &Series, at: usize) -> Vec<Cell<'static>> {
    let bar = series.bar(at);
    let values = [bar.open, bar.high, bar.low, bar.close, bar.volume].map(Cell::Number);
    std::iter::once(clock.cell(bar.time)).chain(values).collect()
}

fn convert(args: &DataConvertArgs, context: &mut Context<'_>) -> Result<()> {
    context.reporter.set_quiet(args.quiet.quiet);
    let out = &args.out;
    if !out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet")) {
        bail!("`{}` is not named .parquet; bars are written as Parquet", out.display());
    }
    inputs::check_outputs([out], &args.files)?;
    let beside = FileDescription::path_beside(out);
    if beside.exists() {
        bail!(
            "`{}` says how `{}` is read, and would count for the new file: remove it",
            beside.display(),
            out.display()
        );
    }
    let (dataset, options) =
        inputs::dataset_of(args.files.as_slice().into(), inputs::read_options(&args.read)?, context)?;
    if !options.instruments.is_empty() {
        context.reporter.note("the terms of `--instruments` are not in the file: give them with it");
    }
    let negative = options.files.values().any(|file| file.negative_prices);
    let description = FileDescription { negative_prices: negative, ..description(dataset.series())? };
    let facts = [(FileDescription::KEY.to_owned(), description.to_toml())];
    // A date of a zone is no moment.
    let are_dates = description.timezone.is_some() && dataset.series()[0].schedule.dates;
    let mut columns = bar_columns();
    if are_dates {
        columns[0] = Column::new("date", Kind::Text);
    }
    columns.insert(0, Column::new("symbol", Kind::Text));
    let mut sink = results::create_with(out, &columns, &facts)?;
    inputs::report_leftovers(sink.leftovers(), context);
    for series in dataset.series() {
        let clock = Clock::of(series);
        for at in 0..series.len() {
            let mut row = vec![Cell::from(series.symbol.as_str())];
            row.extend(bar(&clock, series, at));
            if are_dates {
                row[1] = Cell::from(clock.text(series.time[at]));
            }
            sink.write(&row)?;
        }
    }
    sink.finish()?;
    verify(out, &dataset)?;
    context.reporter.wrote(out, dataset.summary());
    Ok(())
}

/// What a file of these bars says of itself, so that it needs no options.
fn description(all: &[Series]) -> Result<FileDescription> {
    let first = &all[0].schedule;
    // Dates without a session are the same days in every zone.
    let are_days = all.iter().all(|series| series.schedule.dates && series.schedule.session.is_none());
    let is_one_zone = |other: &Schedule| match &first.zone {
        Some(_) => other.zone == first.zone && other.dates == first.dates,
        None => other.offsets == first.offsets,
    };
    let is_like = |other: &Schedule| {
        (are_days || is_one_zone(other)) && other.session == first.session && other.bar_time == first.bar_time
    };
    if let Some(other) = all.iter().find(|series| !is_like(&series.schedule)) {
        bail!(
            "`{}` and `{}` differ in zone, session or bar time; convert them one by one (`--symbols {}`)",
            all[0].symbol,
            other.symbol,
            all[0].symbol
        );
    }
    let timezone = match (&first.zone, first.offsets.as_slice()) {
        _ if are_days && !all.iter().all(|series| is_one_zone(&series.schedule)) => None,
        (Some(zone), _) => Some(zone.parse().map_err(anyhow::Error::msg)?),
        (None, []) => None,
        (None, [(_, offset)]) => Some(Timezone::fixed(*offset)),
        (None, _) if are_days => None,
        (None, _) => bail!(
            "the times have several offsets from UTC, and no zone is named; say which one it is (`--timezone \
             America/New_York`)"
        ),
    };
    let bar_time = (first.bar_time != BarTime::default()).then_some(first.bar_time);
    Ok(FileDescription { timezone, session: first.session, bar_time, ..FileDescription::default() })
}

/// Reads the file again, which must give the same bars.
fn verify(out: &PathBuf, dataset: &Dataset) -> Result<()> {
    let again = Dataset::load(std::slice::from_ref(out), &LoadOptions::default())?;
    let (read, wrote) = (again.dataset.series(), dataset.series());
    let is_same = read.len() == wrote.len() && read.iter().zip(wrote).all(|(one, other)| is_same(one, other));
    if !is_same {
        bail!("a bug of the host: `{}` does not have the same bars; please report it with the files", out.display());
    }
    Ok(())
}

/// Whether two series have the same bars at the same moments, on the same days.
fn is_same(one: &Series, other: &Series) -> bool {
    let bars = |series: &Series| {
        let Series { symbol, time, open, high, low, close, volume, schedule: _, contract: _, detail: _ } =
            series.clone();
        (symbol, time, [open, high, low, close, volume])
    };
    let (left, right) = (&one.schedule, &other.schedule);
    bars(one) == bars(other)
        && (left.dates, left.interval, left.session, left.bar_time)
            == (right.dates, right.interval, right.session, right.bar_time)
        && (left.dates || one.time.iter().all(|time| left.local(*time) == right.local(*time)))
}
