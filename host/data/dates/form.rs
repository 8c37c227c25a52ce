//! Forms of dates: how a file writes its times, as a pattern of `%` fields, and the time that a text of that form says.
//!
//! Never guesses a form, never knows what a zone's clock shows.

use std::fmt;

use jiff::{
    civil::{self, Time},
    tz::Offset,
};

use crate::data::{
    dates::{
        counts::NumberForm,
        names::{Zone, half, month, offset, weekday, word, zone},
    },
    error::excerpt,
};

/// How a file writes its times: fields as `strftime` spells them, or what a number counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DateForm {
    pattern: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Fields(Vec<Item>),
    Number(NumberForm),
}

/// The time that a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    /// Nanoseconds since the Unix epoch, as if what is written were UTC's.
    pub(crate) nanos: i64,
    /// The offset from UTC, where it is written.
    pub(crate) offset: Option<Offset>,
    /// The name of a zone, where it is written: of IANA, or an abbreviation such as `EST`.
    pub(crate) zone: Option<&'a str>,
}

impl Written<'_> {
    /// The moment, where an offset is written; else the local time as if it were UTC's.
    pub(crate) fn moment(&self) -> i64 {
        let seconds = self.offset.map_or(0, Offset::seconds);
        self.nanos.saturating_sub(i64::from(seconds) * 1_000_000_000)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Year,
    ShortYear,
    Month,
    Day,
    DayOfYear,
    Quarter,
    Hour,
    Hour12,
    Minute,
    Second,
    /// Digits after the point of seconds.
    Fraction,
    Millis,
    Micros,
    Nanos,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Literal(char),
    /// One blank or more.
    Blank,
    /// A field in digits: one or two, or four of a year.
    Number(Field),
    /// Fields in digits without a mark between them.
    Run(Vec<Field>),
    MonthName,
    Weekday,
    Half,
    Offset,
    Zone,
    /// A point or a comma with digits, or nothing.
    Part,
    /// Where a text may end: what follows is a time of day, a smaller unit of one, or a zone.
    End,
}

impl Field {
    /// How many digits it has at most.
    fn width(self) -> usize {
        match self {
            Self::Quarter => 1,
            Self::Year => 4,
            Self::DayOfYear | Self::Millis => 3,
            Self::Micros => 6,
            Self::Nanos | Self::Fraction => 9,
            _ => 2,
        }
    }

    /// How many digits it has at least, beside other marks.
    fn least(self) -> usize {
        match self {
            Self::Year | Self::ShortYear | Self::DayOfYear | Self::Millis | Self::Micros | Self::Nanos => self.width(),
            _ => 1,
        }
    }

    fn is_date(self) -> bool {
        matches!(self, Self::Year | Self::ShortYear | Self::Month | Self::Day | Self::DayOfYear | Self::Quarter)
    }
}

impl fmt::Display for DateForm {
    /// The pattern, as an option takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.pattern)
    }
}

impl DateForm {
    /// Makes the form of a pattern such as `%d.%m.%Y %H:%M`, or of what numbers count, such as `excel`.
    ///
    /// A time of day, its seconds and their fraction may be missing in a text, from the end on; blanks may be several.
    ///
    /// # Errors
    ///
    /// Fails if a field is not known, stands twice, or does not make a date with the others.
    pub(crate) fn from_pattern(pattern: &str) -> Result<Self, String> {
        let form = |kind| Self { pattern: pattern.to_owned(), kind };
        if let Some(number) = NumberForm::named(pattern) {
            return Ok(form(Kind::Number(number)));
        }
        let refuse = |problem: String| format!("date format `{}` {problem}", excerpt(pattern));
        let items = items(pattern).map_err(refuse)?;
        check(&items).map_err(refuse)?;
        Ok(form(Kind::Fields(with_ends(items))))
    }

    /// Whether numbers of this form are moments; else times are what a clock shows, unless an offset is written.
    pub(crate) fn is_moment(&self) -> bool {
        matches!(self.kind, Kind::Number(number) if number.is_moment())
    }

    /// As [`DateForm::parse`], without the reason.
    pub(crate) fn read<'a>(&self, text: &'a str) -> Option<Written<'a>> {
        match &self.kind {
            Kind::Number(_) => self.parse(text).ok(),
            Kind::Fields(items) => read(items, text),
        }
    }

    /// Returns the time that `text` says, or why it says none in this form.
    pub(crate) fn parse<'a>(&self, text: &'a str) -> Result<Written<'a>, String> {
        match &self.kind {
            Kind::Number(number) => Ok(Written { nanos: number.read(text.trim())?, offset: None, zone: None }),
            Kind::Fields(items) => read(items, text).ok_or_else(|| {
                format!("time `{}` is not written as `{self}`, or the calendar does not have it", excerpt(text))
            }),
        }
    }
}

/// Takes a pattern apart.
fn items(pattern: &str) -> Result<Vec<Item>, String> {
    let mut items: Vec<Item> = Vec::new();
    let mut rest = pattern.trim();
    while let Some(letter) = rest.chars().next() {
        if is_blank(rest) {
            rest = skip_blanks(rest);
            items.push(Item::Blank);
        } else if letter != '%' {
            items.push(Item::Literal(letter));
            rest = &rest[letter.len_utf8()..];
        } else {
            rest = directive(&rest[1..], &mut items)?;
        }
    }
    Ok(items)
}

/// Adds what the field at the beginning of `text` stands for; returns what follows it.
fn directive<'a>(text: &'a str, items: &mut Vec<Item>) -> Result<&'a str, String> {
    let flagged = text.trim_start_matches(['-', '_', '0', '^', '#']);
    const SPECIAL: [(&str, Item); 6] = [
        (".f", Item::Part),
        (".3f", Item::Part),
        (".6f", Item::Part),
        (".9f", Item::Part),
        (":z", Item::Offset),
        ("::z", Item::Offset),
    ];
    if let Some((name, item)) = SPECIAL.into_iter().find(|(name, _)| flagged.starts_with(name)) {
        items.push(item);
        return Ok(&flagged[name.len()..]);
    }
    for (name, field) in [("3f", Field::Millis), ("6f", Field::Micros), ("9f", Field::Nanos)] {
        if let Some(rest) = flagged.strip_prefix(name) {
            push(items, field);
            return Ok(rest);
        }
    }
    let Some(letter) = flagged.chars().next() else { return Err("ends with a `%`".to_owned()) };
    let rest = &flagged[letter.len_utf8()..];
    let field = match letter {
        'Y' => Field::Year,
        'y' => Field::ShortYear,
        'm' => Field::Month,
        'd' | 'e' => Field::Day,
        'j' => Field::DayOfYear,
        'q' => Field::Quarter,
        'H' | 'k' => Field::Hour,
        'I' | 'l' => Field::Hour12,
        'M' => Field::Minute,
        'S' => Field::Second,
        'f' | 'N' | 'L' => Field::Fraction,
        _ => {
            let item = match letter {
                'b' | 'B' | 'h' => Item::MonthName,
                'a' | 'A' => Item::Weekday,
                'p' | 'P' => Item::Half,
                'z' => Item::Offset,
                'Z' | 'Q' => Item::Zone,
                'n' | 't' => Item::Blank,
                '%' => Item::Literal('%'),
                's' => return Err("has `%s`; for epoch seconds write `s`".to_owned()),
                _ => {
                    let whole = match letter {
                        'F' => "%Y-%m-%d",
                        'D' | 'x' => "%m/%d/%y",
                        'T' | 'X' => "%H:%M:%S",
                        'R' => "%H:%M",
                        'r' => "%I:%M:%S %p",
                        _ => return Err(format!("has an unknown field `%{letter}`; {FIELDS}")),
                    };
                    items.extend(self::items(whole)?);
                    return Ok(rest);
                }
            };
            items.push(item);
            return Ok(rest);
        }
    };
    push(items, field);
    Ok(rest)
}

const FIELDS: &str =
    "the fields are %Y %y %m %b %d %j %q %H %I %p %M %S %f %z %Z %a, and %F %D %T %R %r for some at once";

/// Adds a field in digits, to those that stand before it without a mark.
fn push(items: &mut Vec<Item>, field: Field) {
    match items.last_mut() {
        Some(Item::Run(fields)) => fields.push(field),
        Some(Item::Number(before)) => {
            let fields = vec![*before, field];
            items.pop();
            items.push(Item::Run(fields));
        }
        _ => items.push(Item::Number(field)),
    }
}

fn fields(items: &[Item]) -> Vec<Field> {
    let of = |item: &Item| match item {
        Item::Number(field) => vec![*field],
        Item::Run(fields) => fields.clone(),
        _ => Vec::new(),
    };
    items.iter().flat_map(of).collect()
}

/// Whether the fields make a date, each once.
fn check(items: &[Item]) -> Result<(), String> {
    let fields = fields(items);
    let count = |wanted: &[Field]| fields.iter().filter(|field| wanted.contains(field)).count();
    let named = |wanted: &Item| items.iter().filter(|item| *item == wanted).count();
    let (years, days) = (count(&[Field::Year, Field::ShortYear]), count(&[Field::Day]));
    let months = count(&[Field::Month]) + named(&Item::MonthName);
    let (ordinals, quarters) = (count(&[Field::DayOfYear]), count(&[Field::Quarter]));
    let hours = count(&[Field::Hour, Field::Hour12]);
    let (minutes, seconds, halves) = (count(&[Field::Minute]), count(&[Field::Second]), named(&Item::Half));
    let fractions = count(&[Field::Fraction, Field::Millis, Field::Micros, Field::Nanos]) + named(&Item::Part);
    let zones = named(&Item::Offset) + named(&Item::Zone);
    let all = [years, days, months, ordinals, quarters, hours, minutes, seconds, halves, fractions, zones];
    if fields.is_empty() && months == 0 {
        return Err(format!(
            "has no field; write it like `%d.%m.%Y %H:%M`, or say what numbers count: {}",
            NumberForm::names()
        ));
    }
    if all.iter().any(|count| *count > 1) || named(&Item::Weekday) > 1 {
        return Err("has a field twice".to_owned());
    }
    let problem = match () {
        () if years == 0 => "has no year (`%Y`, or `%y` without the century)",
        () if days > 0 && months == 0 => "has a day, but no month (`%m`, or `%b` for its name)",
        () if ordinals > 0 && months + quarters > 0 => "has the day of the year (`%j`) beside a month",
        () if quarters > 0 && months > 0 => "has a quarter (`%q`) beside a month",
        () if minutes > hours || seconds > minutes || fractions > seconds => {
            "has a smaller unit of the time of day without the larger one"
        }
        () if hours > 0 && days + ordinals == 0 => "has a time of day, but no day (`%d`)",
        () if count(&[Field::Hour12]) != halves => {
            "has one of `%I` (hours to 12) and `%p` (AM or PM) without the other"
        }
        () => return Ok(()),
    };
    Err(problem.to_owned())
}

/// Marks where a text may end early: before the time of day, before its seconds, and before a zone.
fn with_ends(items: Vec<Item>) -> Vec<Item> {
    let mut marked = Vec::with_capacity(items.len() + 3);
    for (at, item) in items.iter().enumerate() {
        let (before, after) = (fields(&items[..at]), fields(&items[at..]));
        let is_name = |item: &Item| matches!(item, Item::MonthName | Item::Weekday);
        let is_dated =
            !before.is_empty() && !after.iter().any(|field| field.is_date()) && !items[at..].iter().any(is_name);
        let is_mark = matches!(item, Item::Blank | Item::Literal(_));
        let follows = at > 0 && !matches!(items[at - 1], Item::Blank | Item::Literal(_));
        let has = |field| before.contains(&field);
        let is_open = (has(Field::Hour) || has(Field::Hour12)) && after.contains(&Field::Minute);
        let is_half = has(Field::Hour12) && items[at..].contains(&Item::Half);
        let is_zone = matches!(item, Item::Offset | Item::Zone);
        if is_dated && (is_mark && follows || is_zone) && !is_open && !is_half {
            marked.push(Item::End);
        }
        marked.push(item.clone());
    }
    marked
}

/// What was read so far.
#[derive(Debug, Default)]
struct Parts<'a> {
    year: i16,
    month: i8,
    day: i8,
    day_of_year: i16,
    weekday: i8,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    is_twelve: bool,
    is_afternoon: bool,
    zone: Option<Zone<'a>>,
}

fn read<'a>(items: &[Item], text: &'a str) -> Option<Written<'a>> {
    let mut parts = Parts { month: 1, day: 1, ..Parts::default() };
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    for item in items {
        rest = match item {
            Item::End if rest.is_empty() => break,
            Item::End => rest,
            Item::Literal(letter) => rest.strip_prefix(*letter)?,
            Item::Blank if is_blank(rest) => skip_blanks(rest),
            Item::Blank => return None,
            Item::Number(field) => parts.number(*field, rest)?,
            Item::Run(fields) => parts.run(fields, rest)?,
            Item::MonthName => {
                let name = word(rest);
                parts.month = month(name)?;
                rest[name.len()..].strip_prefix('.').unwrap_or(&rest[name.len()..])
            }
            Item::Weekday => {
                let name = word(rest);
                parts.weekday = weekday(name)?;
                &rest[name.len()..]
            }
            Item::Half => {
                let (is_afternoon, length) = half(rest)?;
                parts.is_afternoon = is_afternoon;
                &rest[length..]
            }
            Item::Offset => {
                let (offset, length) = offset(rest)?;
                parts.zone = Some(Zone { offset: Some(offset), name: None });
                &rest[length..]
            }
            Item::Zone => {
                parts.zone = Some(zone(rest)?);
                ""
            }
            Item::Part => match rest.strip_prefix(['.', ',']) {
                Some(digits) => parts.number(Field::Fraction, digits)?,
                None => rest,
            },
        };
    }
    if rest.is_empty() { parts.settle() } else { None }
}

impl<'a> Parts<'a> {
    /// Takes the digits of one field; returns what follows them.
    fn number<'t>(&mut self, field: Field, text: &'t str) -> Option<&'t str> {
        let bytes = text.as_bytes();
        let count = digits(bytes);
        if count > field.width() || count < field.least() {
            return None;
        }
        self.take(field, &bytes[..count])?;
        Some(&text[count..])
    }

    /// Takes the digits of fields without a mark between them. Hours in front may have lost their zeros.
    fn run<'t>(&mut self, fields: &[Field], text: &'t str) -> Option<&'t str> {
        const MOST: usize = 32;
        let bytes = text.as_bytes();
        let count = digits(bytes);
        let width: usize = fields.iter().map(|field| field.width()).sum();
        let is_open = fields.last() == Some(&Field::Fraction);
        let is_short = count < width && !is_open;
        // Whole numbers lose the zeros in front: 93000 is 09:30:00.
        let is_padded = is_short && fields[0] == Field::Hour;
        // A zero that is left says that none is lost, but for one of the hour.
        let is_cut =
            count + 1 < width && bytes.first() == Some(&b'0') && bytes[..count].iter().any(|byte| *byte != b'0');
        if count == 0 || count > width || width > MOST || is_short && !is_padded || is_padded && is_cut {
            return None;
        }
        let mut padded = [b'0'; MOST];
        let start = if is_padded { width - count } else { 0 };
        padded[start..start + count].copy_from_slice(&bytes[..count]);
        let all = &padded[..start + count];
        let mut at = 0;
        for field in fields {
            let end = if *field == Field::Fraction { all.len() } else { at + field.width() };
            self.take(*field, all.get(at..end).filter(|digits| !digits.is_empty())?)?;
            at = end;
        }
        Some(&text[count..])
    }

    fn take(&mut self, field: Field, digits: &[u8]) -> Option<()> {
        let value = digits.iter().fold(0_i64, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let small = i8::try_from(value).ok();
        let within = |range: std::ops::RangeInclusive<i8>| small.filter(|value| range.contains(value));
        match field {
            Field::Year => self.year = value.try_into().ok()?,
            Field::ShortYear => {
                self.year = if value < 70 { 2000 + within(0..=69)? as i16 } else { 1900 + within(70..=99)? as i16 }
            }
            Field::Month => self.month = within(1..=12)?,
            Field::Day => self.day = within(1..=31)?,
            Field::DayOfYear => self.day_of_year = i16::try_from(value).ok().filter(|day| (1..=366).contains(day))?,
            Field::Quarter => self.month = 3 * within(1..=4)? - 2,
            Field::Hour => self.hour = within(0..=24)?,
            Field::Hour12 => {
                self.hour = within(1..=12)?;
                self.is_twelve = true;
            }
            Field::Minute => self.minute = within(0..=59)?,
            Field::Second => self.second = within(0..=59)?,
            Field::Fraction | Field::Millis | Field::Micros | Field::Nanos => {
                let missing = 9_u32.checked_sub(u32::try_from(digits.len()).ok()?)?;
                self.nanos = i32::try_from(value * 10_i64.pow(missing)).ok()?;
            }
        }
        Some(())
    }

    /// The time of all that was read.
    fn settle(self) -> Option<Written<'a>> {
        let date = if self.day_of_year > 0 {
            let first = civil::Date::new(self.year, 1, 1).ok()?;
            let date = first.checked_add(jiff::Span::new().days(i64::from(self.day_of_year) - 1)).ok()?;
            (date.year() == self.year).then_some(date)?
        } else {
            civil::Date::new(self.year, self.month, self.day).ok()?
        };
        if self.weekday > 0 && date.weekday().to_monday_one_offset() != self.weekday {
            return None;
        }
        let hour = match self.is_twelve {
            true => self.hour % 12 + if self.is_afternoon { 12 } else { 0 },
            false => self.hour,
        };
        // The day ends where the next one begins.
        let (date, hour) = match hour {
            24 if (self.minute, self.second, self.nanos) == (0, 0, 0) => (date.tomorrow().ok()?, 0),
            hour => (date, hour),
        };
        let time = Time::new(hour, self.minute, self.second, self.nanos).ok()?;
        let nanos = nanos_of(date, time, Offset::UTC)?;
        let Zone { offset, name } = self.zone.unwrap_or(Zone { offset: None, name: None });
        Some(Written { nanos, offset, zone: name })
    }
}

/// The nanoseconds since the Unix epoch of a time on a clock that is so far from UTC.
pub(crate) fn nanos_of(date: civil::Date, time: Time, offset: Offset) -> Option<i64> {
    let instant = offset.to_timestamp(date.to_datetime(time)).ok()?;
    i64::try_from(instant.as_nanosecond()).ok()
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Whether `text` begins with a blank; tables of some programs have one that does not break.
pub(crate) fn is_blank(text: &str) -> bool {
    text.starts_with([' ', '\t', '\u{a0}', '\u{202f}'])
}

/// `text` without the blanks in front.
pub(crate) fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\u{a0}', '\u{202f}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::format_time;

    fn shown(pattern: &str, text: &str) -> Result<String, String> {
        let form = DateForm::from_pattern(pattern)?;
        let written = form.parse(text)?;
        let zone = written.zone.map_or_else(String::new, |zone| format!(" in {zone}"));
        Ok(format_time(written.moment()) + &zone)
    }

    #[test]
    fn a_pattern_reads_what_it_describes() {
        let cases = [
            ("%d/%m/%Y", "31/01/2024", "2024-01-31"),
            ("%m/%d/%Y", "1/2/2024", "2024-01-02"),
            ("%D", "01/31/24", "2024-01-31"),
            ("%F %T", "2024-1-2 9:30:05", "2024-01-02T09:30:05Z"),
            ("%d.%m.%Y %H:%M", "31.01.2024   9:30", "2024-01-31T09:30:00Z"),
            ("%d.%m.%Y %H:%M:%S%.f", "31.01.2024 09:30:15.123", "2024-01-31T09:30:15.123Z"),
            ("%d.%m.%Y %H:%M:%S%.f", "31.01.2024 09:30:15", "2024-01-31T09:30:15Z"),
            ("%d.%m.%Y %H:%M:%S%.f", "31.01.2024", "2024-01-31"),
            ("%d.%m.%Y %H:%M:%S.%f", "31.01.2024 09:30:15.5", "2024-01-31T09:30:15.5Z"),
            ("%d.%m.%Y %H:%M:%S:%3f", "31.01.2024 09:30:15:007", "2024-01-31T09:30:15.007Z"),
            ("%d %b %Y", "31 Jan 2024", "2024-01-31"),
            ("%d. %B %Y", "31. Januar 2024", "2024-01-31"),
            ("%d-%b-%y", "31-JAN-69", "2069-01-31"),
            ("%d-%b-%y", "31-Dec-70", "1970-12-31"),
            ("%d %b %Y", "3 févr. 2024", "2024-02-03"),
            ("%b %d, %Y", "Sept. 3, 2024", "2024-09-03"),
            ("%b-%Y", "Jan-2024", "2024-01-01"),
            ("%YQ%q", "2024Q3", "2024-07-01"),
            ("%Y", "2019", "2019-01-01"),
            ("%Y%m", "202402", "2024-02-01"),
            ("%Y-%j", "2024-060", "2024-02-29"),
            ("%y%m%d", "240131", "2024-01-31"),
            ("%Y%m%d%H%M", "202401310930", "2024-01-31T09:30:00Z"),
            ("%Y%m%d%H%M%S%f", "20240131093000123", "2024-01-31T09:30:00.123Z"),
            ("%Y%m%d %H%M%S", "20240131 93000", "2024-01-31T09:30:00Z"),
            ("%Y%m%d %H%M%S", "20240131 0", "2024-01-31"),
            ("%Y%m%d %H%M", "20240131 930", "2024-01-31T09:30:00Z"),
            ("%Y%m%d %H%M", "20240131 005", "2024-01-31T00:05:00Z"),
            ("%m/%d/%Y %I:%M %p", "1/31/2024 12:30 AM", "2024-01-31T00:30:00Z"),
            ("%m/%d/%Y %I:%M%p", "1/31/2024 12:30pm", "2024-01-31T12:30:00Z"),
            ("%m/%d/%Y %I:%M:%S %p", "1/31/2024 4:00:00\u{202f}p.m.", "2024-01-31T16:00:00Z"),
            ("%m/%d/%Y %I %p", "1/31/2024 9 AM", "2024-01-31T09:00:00Z"),
            ("%F %H:%M", "2024-01-31 24:00", "2024-02-01"),
            ("%a %b %d %Y %T %Z", "Wed Jan 31 2024 09:30:00 GMT-0500 (EST)", "2024-01-31T14:30:00Z"),
            ("%a, %d %b %Y %T %z", "Wed, 31 Jan 2024 09:30:00 -0500", "2024-01-31T14:30:00Z"),
            ("%FT%T%.f%z", "2024-01-31T09:30:00.000+0000", "2024-01-31T09:30:00Z"),
            ("%FT%T%.f%:z", "2024-01-31T09:30:00.000Z", "2024-01-31T09:30:00Z"),
            ("%d.%m.%Y %T%.f %Z", "31.01.2024 09:30:00.000 GMT+0100", "2024-01-31T08:30:00Z"),
            ("%Y%m%d %T %Z", "20240131  09:30:00 US/Eastern", "2024-01-31T09:30:00Z in US/Eastern"),
            ("%FT%T%Z", "2024-01-31T09:30:00-05:00[America/New_York]", "2024-01-31T14:30:00Z in America/New_York"),
            ("%Y年%m月%d日", "2024年1月31日", "2024-01-31"),
            ("excel", "45293", "2024-01-02"),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(shown(pattern, text).as_deref(), Ok(expected), "{pattern} {text}");
        }
    }

    #[test]
    fn what_a_pattern_does_not_describe_is_refused() {
        let cases = [
            ("%d/%m/%Y", "01/31/2024"),
            ("%d/%m/%Y", "30/02/2024"),
            ("%d/%m/%Y", "1/1/24"),
            ("%d/%m/%Y", "1/1/2024 x"),
            ("%d/%m/%Y", "1/1/20244"),
            ("%d/%m/%Y", "001/1/2024"),
            ("%d/%m/%Y", ""),
            ("%d/%m/%y", "1/1/2024"),
            ("%F %T", "2024-01-31 9"),
            ("%F %T", "2024-01-31 24:00:01"),
            ("%F %T", "2024-01-31 09:60"),
            ("%F %T", "2024-01-31 09:30:"),
            ("%Y%m%d", "2024131"),
            ("%Y%m%d %H%M%S", "20240131 0930"),
            ("%Y%m%d %H%M", "20240131 1075"),
            ("%Y-%j", "2023-366"),
            ("%d %b %Y", "31 Jam 2024"),
            ("%a %d %b %Y", "Thu 31 Jan 2024"),
            ("%m/%d/%Y %I:%M %p", "1/31/2024 13:30 PM"),
            ("%m/%d/%Y %I:%M %p", "1/31/2024 1:30"),
            ("%m/%d/%Y %I:%M %p", "1/31/2024 0:30 AM"),
            ("%F %T%z", "2024-01-31 09:30:00 EST"),
            ("%d.%m.%Y", "31.01.1500"),
        ];
        for (pattern, text) in cases {
            let error = shown(pattern, text).unwrap_err();
            assert!(error.contains("is not written as"), "{pattern} {text}: {error}");
        }
    }

    #[test]
    fn a_pattern_that_makes_no_date_is_refused_with_its_lack() {
        let cases = [
            ("", "has no field"),
            ("dd.MM.yyyy", "has no field"),
            ("%H:%M", "has no year"),
            ("%d/%m", "has no year"),
            ("%d %Y", "has a day, but no month"),
            ("%Y-%m-%d %M", "a smaller unit"),
            ("%Y-%m %H:%M", "a time of day, but no day"),
            ("%F %I:%M", "without the other"),
            ("%F %H:%M %p", "without the other"),
            ("%F %m", "has a field twice"),
            ("%Y-%m-%d-%j", "has the day of the year"),
            ("%Y-%V", "has an unknown field `%V`"),
            ("%F %", "ends with a `%`"),
            ("%s", "write `s`"),
        ];
        for (pattern, expected) in cases {
            let error = DateForm::from_pattern(pattern).unwrap_err();
            assert!(error.contains(expected), "{pattern}: {error}");
        }
    }
}
