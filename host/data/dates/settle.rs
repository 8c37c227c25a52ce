//! Settling: the one form that all times of a file are written in.
//!
//! Never picks one of two forms that give different times, unless the order of the times tells them apart.

use std::{collections::HashSet, fmt};

use indexmap::IndexSet;
use jiff::{ToSpan, civil};

use crate::data::{
    dates::{form::DateForm, shapes::patterns},
    error::excerpt,
};
use crate::model::format_time;

/// Why the times of a file have no form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unsettled {
    /// No text looks like a time.
    Unknown,
    /// Forms that read all texts give different times.
    Ambiguous {
        /// The forms.
        candidates: Vec<DateForm>,
        /// A text that they read differently.
        example: String,
        /// Its place among all texts, from 0 on.
        at: usize,
    },
    /// No form reads all texts that are times.
    Mixed {
        /// The form of most texts with one of them, and another form with the first text that is in it and not in the former.
        forms: Box<[(DateForm, String); 2]>,
        /// The place of the last text among all texts, from 0 on.
        at: usize,
    },
}

impl Unsettled {
    /// The place of the text that does not fit, among all from 0 on.
    pub(crate) fn at(&self) -> usize {
        match self {
            Self::Unknown => 0,
            Self::Ambiguous { at, .. } | Self::Mixed { at, .. } => *at,
        }
    }
}

impl fmt::Display for Unsettled {
    /// What is wrong, and the way out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no time is written in a form that is known"),
            Self::Ambiguous { candidates, example, .. } => {
                let reading =
                    |form: &DateForm| form.parse(example).map_or_else(|why| why, |at| format_time(at.moment()));
                let readings: Vec<_> = candidates.iter().map(|form| format!("{} as `{form}`", reading(form))).collect();
                let options: Vec<_> = candidates.iter().map(option).collect();
                write!(
                    f,
                    "time `{}` is {}, and no time of the file settles which; say how times are written ({})",
                    excerpt(example),
                    readings.join(" or "),
                    options.join(" or ")
                )
            }
            Self::Mixed { forms, .. } => {
                let [(form, text), (second, example)] = forms.as_ref();
                write!(
                    f,
                    "times are written in two forms: `{}` as `{form}`, but `{}` as `{second}`; write all in one form, or say \
                     which is right ({} or {}), so that the other ones are told line by line",
                    excerpt(text),
                    excerpt(example),
                    option(form),
                    option(second)
                )
            }
        }
    }
}

fn option(form: &DateForm) -> String {
    format!("`--read 'date-format={form}'`")
}

/// Forms that are looked at together at most: far more than one file has.
const FORMS: usize = 48;

/// Nanoseconds of a day, and the first day of epochs.
const DAY: i64 = 86_400_000_000_000;
const EPOCH: civil::Date = civil::date(1970, 1, 1);

/// Shapes of texts that are told apart at most.
const SHAPES: usize = 4_096;

/// Returns the form that reads every text which is a time. Texts that are none, such as a footer, do not count.
///
/// If several forms read all, they must give the same times. If they do not, the order may tell: of one alone the times only
/// rise or only fall, in nine of them at least, while those of each other one both rise and fall. Or the steps tell: of one
/// alone the dates are not all years apart.
///
/// # Errors
///
/// Fails if no text is a time, if no form reads all of them, or if two do and nothing tells which is meant.
pub(crate) fn settle<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Result<DateForm, Unsettled> {
    let mut trials: Vec<Trial> = forms(texts.clone()).into_iter().map(Trial::new).collect();
    let mut same = vec![vec![None::<usize>; trials.len()]; trials.len()];
    let mut times = 0_usize;
    for (at, text) in texts.clone().enumerate() {
        let mut is_time = false;
        for trial in &mut trials {
            trial.see(text);
            is_time |= trial.now.is_some();
        }
        times += usize::from(is_time);
        for one in 0..trials.len() {
            for other in one + 1..trials.len() {
                if trials[one].now != trials[other].now {
                    same[one][other].get_or_insert(at);
                }
            }
        }
    }
    if times == 0 {
        return Err(Unsettled::Unknown);
    }
    let full: Vec<usize> = (0..trials.len()).filter(|at| trials[*at].count == times).collect();
    let Some(first) = full.first().copied() else { return Err(mixed(&trials, texts)) };
    let differs = full.iter().filter_map(|other| same[first][*other]).min();
    let Some(at) = differs else { return Ok(trials.swap_remove(first).form) };
    let chosen = by_order(&trials, &full, &same);
    let chosen = chosen.or_else(|| by_years(&trials, &full, &same)).or_else(|| by_digits(&trials, &full));
    if let Some(chosen) = chosen {
        return Ok(trials.swap_remove(chosen).form);
    }
    let mut candidates: Vec<usize> = Vec::new();
    for other in full {
        if candidates.iter().all(|known| same[*known][other].is_some()) {
            candidates.push(other);
        }
    }
    let candidates = candidates.into_iter().map(|at| trials[at].form.clone()).collect();
    let example = texts.clone().nth(at).unwrap_or_default().trim().to_owned();
    Err(Unsettled::Ambiguous { candidates, example, at })
}

/// The forms that any text may be in, in the order of the texts.
fn forms<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<DateForm> {
    let mut shapes = HashSet::new();
    let mut found = IndexSet::new();
    let mut shape = String::new();
    for text in texts {
        shape.clear();
        shape.extend(text.trim().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }));
        if found.len() >= FORMS || shapes.len() >= SHAPES {
            break;
        }
        if !shapes.contains(&shape) {
            shapes.insert(shape.clone());
            found.extend(patterns(text));
        }
    }
    found.iter().filter_map(|pattern| DateForm::from_pattern(pattern).ok()).collect()
}

/// A form, and what the times are that it reads.
struct Trial {
    form: DateForm,
    /// The moment of the last text, and whether a zone is written; none where it is not read.
    now: Option<(i64, bool)>,
    before: Option<i64>,
    count: usize,
    rises: usize,
    falls: usize,
    /// How often the date changes, and by how many days at least and at most.
    days: usize,
    least: i64,
    most: i64,
    /// Whether a date is the first or the last of its month.
    is_at_edge: bool,
}

impl Trial {
    fn new(form: DateForm) -> Self {
        let (least, most) = (i64::MAX, 0);
        Self { form, now: None, before: None, count: 0, rises: 0, falls: 0, days: 0, least, most, is_at_edge: false }
    }

    fn see(&mut self, text: &str) {
        self.now = self.form.read(text).map(|written| (written.moment(), written.offset.is_some()));
        let Some((moment, _)) = self.now else { return };
        self.count += 1;
        let before = self.before.replace(moment);
        self.rises += usize::from(before.is_some_and(|before| moment > before));
        self.falls += usize::from(before.is_some_and(|before| moment < before));
        let day = moment.div_euclid(DAY);
        let step = before.map_or(0, |before| (day - before.div_euclid(DAY)).abs());
        if step != 0 || before.is_none() {
            self.is_at_edge |= is_at_edge(day);
        }
        if step != 0 {
            self.days += 1;
            self.least = self.least.min(step);
            self.most = self.most.max(step);
        }
    }

    /// Whether times only rise, or only fall, often enough that it is no chance: nine rows in any order do so once in 181,440
    /// files.
    fn is_ordered(&self) -> bool {
        (self.rises == 0 || self.falls == 0) && self.rises + self.falls >= 8
    }
}

/// Whether a day since 1970 is the first or the last of its month.
fn is_at_edge(day: i64) -> bool {
    let date = |day: i64| i32::try_from(day).ok().and_then(|day| EPOCH.checked_add(day.days()).ok());
    [Some(day), day.checked_add(1)].into_iter().flatten().any(|day| date(day).is_some_and(|date| date.day() == 1))
}

/// The one form of which the times are in order, while those of each other form are not.
fn by_order(trials: &[Trial], full: &[usize], same: &[Vec<Option<usize>>]) -> Option<usize> {
    let chosen = full.iter().copied().find(|at| trials[*at].is_ordered())?;
    let differs = |other: usize| same[chosen.min(other)][chosen.max(other)].is_some();
    let is_worse = |other: usize| trials[other].rises > 0 && trials[other].falls > 0;
    full.iter().all(|other| *other == chosen || !differs(*other) || is_worse(*other)).then_some(chosen)
}

/// The one form of which the dates lie close together, while those of each other form are years apart on a day within a month,
/// as no bars are: the last of `24-01-02`, `24-01-03`, `24-01-04` is the day.
fn by_years(trials: &[Trial], full: &[usize], same: &[Vec<Option<usize>>]) -> Option<usize> {
    let chosen = full.iter().copied().find(|at| trials[*at].days >= 3 && trials[*at].most < 60)?;
    let differs = |other: usize| same[chosen.min(other)][chosen.max(other)].is_some();
    let is_yearly = |other: usize| trials[other].least >= 300 && trials[other].days >= 3 && !trials[other].is_at_edge;
    full.iter().all(|other| *other == chosen || !differs(*other) || is_yearly(*other)).then_some(chosen)
}

/// Digits that are dates with times of day in every row: of five epochs with a step between them, some are no dates.
fn by_digits(trials: &[Trial], full: &[usize]) -> Option<usize> {
    let [date, epoch] = full else { return None };
    let (date, epoch) = if trials[*date].form.is_moment() { (*epoch, *date) } else { (*date, *epoch) };
    let is_pair = trials[epoch].form.is_moment() && !trials[date].form.is_moment();
    (is_pair && trials[date].rises + trials[date].falls >= 4).then_some(date)
}

fn mixed<'a>(trials: &[Trial], texts: impl Iterator<Item = &'a str> + Clone) -> Unsettled {
    let best = trials.iter().rev().max_by_key(|trial| trial.count).map(|trial| &trial.form);
    let unread = |form: &DateForm| {
        let others = || trials.iter().map(|trial| &trial.form);
        texts.clone().enumerate().find_map(|(at, text)| {
            let other = others().find(|other| form.read(text).is_none() && other.read(text).is_some())?;
            Some((at, text, other.clone()))
        })
    };
    let found = best.and_then(|form| Some((form.clone(), unread(form)?)));
    let Some((form, (at, text, other))) = found else { return Unsettled::Unknown };
    let own = texts.clone().find(|text| form.read(text).is_some() && other.read(text).is_none());
    let own = own.or_else(|| texts.clone().find(|text| form.read(text).is_some())).unwrap_or_default();
    let forms = Box::new([(form, own.trim().to_owned()), (other, text.trim().to_owned())]);
    Unsettled::Mixed { forms, at }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn settled(texts: &[&str]) -> Result<String, Unsettled> {
        settle(texts.iter().copied()).map(|form| form.to_string())
    }

    #[test]
    fn all_times_of_a_file_settle_its_form() {
        let cases: [(&[&str], &str); 23] = [
            (&["30/01/2024", "31/01/2024", "01/02/2024"], "%d/%m/%Y"),
            (&["01/02/2024", "01/03/2024", "01/31/2024"], "%m/%d/%Y"),
            (&["2/1/2024 9:30 AM", "12/31/2024 10:00 AM"], "%m/%d/%Y %I:%M %p"),
            (
                &[
                    "24-01-30", "24-01-31", "24-02-01", "24-02-02", "24-02-05", "24-02-06", "24-02-07", "24-02-08",
                    "24-02-09",
                ],
                "%y-%m-%d",
            ),
            (&["31.12.98", "01.01.99"], "%d.%m.%y"),
            (&["24-01-02", "24-01-03", "24-01-04", "24-01-05"], "%y-%m-%d"),
            (&["02-Jan-24", "03-Jan-24", "04-Jan-24", "05-Jan-24"], "%d-%b-%y"),
            // The order of time alone: the first Fridays of some months.
            (
                &[
                    "05/01/2024",
                    "12/01/2024",
                    "02/02/2024",
                    "09/02/2024",
                    "01/03/2024",
                    "08/03/2024",
                    "05/04/2024",
                    "12/04/2024",
                    "03/05/2024",
                ],
                "%d/%m/%Y",
            ),
            (&["01/01/2024", "02/02/2024"], "%d/%m/%Y"),
            (&["Mon 01/01/2024", "Tue 01/02/2024"], "%a %m/%d/%Y"),
            (&["20240102 90000", "20240102 100000"], "%Y%m%d %H%M%S"),
            (&["20240102 900", "20240102 1000", "20240102 0"], "%Y%m%d %H%M"),
            (&["202401020900", "202401020901", "202401020902", "202401020903", "202401020904"], "%Y%m%d%H%M"),
            (&["202401310930", "202402310930"], "ms"),
            (&["31/01/2024 09:30", "31/01/2024 09:30:15", "31/01/2024"], "%d/%m/%Y %H:%M:%S"),
            (&["31/01/2024", "Total", "", "Downloaded 01/02/2024"], "%d/%m/%Y"),
            (&["31012024", "01022024"], "%d%m%Y"),
            (&["02.01.2024 09:00:00.000 GMT+0100", "02.07.2024 09:00:00.000 GMT+0200"], "%d.%m.%Y %H:%M:%S%.f %Z"),
            (&["2024-01-02 09:30:00 EST", "2024-07-02 09:30:00 EDT"], "%Y-%m-%d %H:%M:%S %Z"),
            (&["Jan-2024", "Feb-2024"], "%b-%Y"),
            (&["2024Q1"], "%YQ%q"),
            (&["/Date(1706693400000)/", "/Date(1706693460000)/"], "/Date(ms)/"),
            (&["Wed, 31 Jan 2024 09:30:00 -0500"], "%a, %d %b %Y %H:%M:%S %z"),
        ];
        for (texts, expected) in cases {
            assert_eq!(settled(texts).as_deref(), Ok(expected), "{texts:?}");
        }
    }

    #[test]
    fn what_nothing_settles_is_asked() {
        let files: [(&[&str], &[&str], &str); 9] = [
            (&["30-Jan-24", "31-Jan-24", "01-Feb-24"], &["%d-%b-%y", "%y-%b-%d"], "30-Jan-24"),
            // Years from one to the next, or days of a January.
            (&["24-01-01", "25-01-01", "26-01-01", "27-01-01"], &["%d-%m-%y", "%y-%m-%d"], "24-01-01"),
            (&["24-06-30", "25-06-30", "26-06-30", "27-06-30"], &["%d-%m-%y", "%y-%m-%d"], "24-06-30"),
            (&["01/02/2024", "02/02/2024", "05/02/2024", "06/02/2024"], &["%d/%m/%Y", "%m/%d/%Y"], "01/02/2024"),
            (&["1/2/2024 9:00:00 AM"], &["%d/%m/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M:%S %p"], "1/2/2024 9:00:00 AM"),
            (&["01.02.2024"], &["%d.%m.%Y", "%m.%d.%Y"], "01.02.2024"),
            (&["24-01-02", "24-01-03"], &["%d-%m-%y", "%y-%m-%d"], "24-01-02"),
            (&["202401310930"], &["%Y%m%d%H%M", "ms"], "202401310930"),
            // Blocks of instruments are in no order.
            (&["01/02/2024", "01/03/2024", "01/02/2024", "01/03/2024"], &["%d/%m/%Y", "%m/%d/%Y"], "01/02/2024"),
        ];
        for (texts, expected, text) in files {
            let error = settled(texts).unwrap_err();
            let Unsettled::Ambiguous { candidates, example, at } = &error else { panic!("{texts:?}: {error:?}") };
            let names: Vec<_> = candidates.iter().map(ToString::to_string).collect();
            assert_eq!(
                (names.as_slice(), example.as_str(), *at),
                (expected.map_strings().as_slice(), text, 0),
                "{texts:?}"
            );
        }
        let error = settled(&["01/02/2024"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "time `01/02/2024` is 2024-02-01 as `%d/%m/%Y` or 2024-01-02 as `%m/%d/%Y`, and no time of the file settles which; \
             say how times are written (`--read 'date-format=%d/%m/%Y'` or `--read 'date-format=%m/%d/%Y'`)"
        );
    }

    #[test]
    fn forms_that_no_order_settles_are_told_with_both() {
        let files: [(&[&str], usize); 4] = [
            (&["30/01/2024", "31/01/2024", "02/01/2024", "01/31/2024"], 3),
            (&["31/01/2024", "2024-02-01"], 1),
            (&["2024-Jan-31", "31/01/2024", "2024-Jan-30"], 1),
            (&["Wed 31 Jan 2024", "Thu Feb 1 2024"], 1),
        ];
        for (texts, expected) in files {
            let error = settled(texts).unwrap_err();
            let Unsettled::Mixed { at, forms } = &error else { panic!("{texts:?}: {error:?}") };
            assert_eq!((*at, forms[1].1.as_str()), (expected, texts[expected]), "{texts:?}");
            assert!(error.to_string().contains("times are written in two forms"), "{error}");
        }
        assert_eq!(settled(&["soon", "", "Total"]), Err(Unsettled::Unknown));
        assert_eq!(settled(&[]), Err(Unsettled::Unknown));
    }

    trait Strings {
        fn map_strings(&self) -> Vec<String>;
    }

    impl Strings for &[&str] {
        fn map_strings(&self) -> Vec<String> {
            self.iter().map(|text| (*text).to_owned()).collect()
        }
    }

    /// Patterns that `jiff` writes, with the step that they can tell.
    const WRITTEN: [(&str, i64); 38] = [
        ("%d/%m/%Y", 86_400),
        ("%m/%d/%Y", 86_400),
        ("%-d/%-m/%Y", 86_400),
        ("%-m/%-d/%y", 86_400),
        ("%d.%m.%y", 86_400),
        ("%y-%m-%d", 86_400),
        ("%Y-%-m-%-d", 86_400),
        ("%d-%b-%Y", 86_400),
        ("%d-%b-%y", 86_400),
        ("%B %-d, %Y", 86_400),
        ("%a %b %d %Y", 86_400),
        ("%d%m%Y", 86_400),
        ("%m%d%Y", 86_400),
        ("%d/%m/%Y %-H:%M", 60),
        ("%m/%d/%Y %-I:%M %p", 60),
        ("%m/%d/%Y %I:%M:%S%p", 1),
        ("%d.%m.%Y %H:%M:%S", 1),
        ("%Y%m%d %H%M%S", 1),
        ("%Y%m%d%H%M%S", 1),
        ("%Y%m%d%H%M", 60),
        ("%Y%m%d%H", 3_600),
        ("%m/%d/%y %H%M", 60),
        ("%a, %d %b %Y %H:%M:%S +0000", 1),
        ("%m-%d-%Y %H:%M:%S GMT", 1),
        ("%A, %B %-d, %Y", 86_400),
        ("%d/%b/%Y:%H:%M:%S +0000", 1),
        ("%b %-d, %Y, %-I:%M:%S %p", 1),
        ("%Y-%m-%d %I-%p", 3_600),
        ("%Y-%m-%d %I:%M %p", 60),
        ("%d-%b-%y %I.%M.%S %p", 1),
        ("%H:%M %d.%m.%Y", 60),
        ("%Y/%-m/%-d, %H:%M:%S.000", 1),
        ("%m/%d/%Y %-H%M", 60),
        ("%Y%m%d;%H%M%S", 1),
        ("%a %b %d %H:%M:%S %Y", 1),
        ("%d.%m.%Y %H:%M:%S.000 GMT+0000", 1),
        ("%Y%m%d %H:%M:%S UTC", 1),
        ("%d %B %y %-H:%M", 60),
    ];

    proptest! {
        #[test]
        fn times_in_any_form_are_read_as_themselves_or_asked_for(
            form in 0..WRITTEN.len(),
            start in 0..3_000_000_000_i64,
            steps in prop::collection::vec(1..40_i64, 0..60),
            order in 0..3_usize,
        ) {
            let (pattern, unit) = WRITTEN[form];
            let mut moment = 86_400 + start / unit * unit;
            let mut moments = vec![moment];
            for step in steps {
                moment += step * unit;
                moments.push(moment);
            }
            match order {
                0 => {}
                1 => moments.reverse(),
                _ => moments = (0..moments.len()).map(|at| moments[at * 7_919 % moments.len()]).collect(),
            }
            let text = |moment: &i64| jiff::Timestamp::from_second(*moment).unwrap().strftime(pattern).to_string();
            let texts: Vec<String> = moments.iter().map(text).collect();
            let read = settle(texts.iter().map(String::as_str));
            match read {
                Ok(form) => for (text, moment) in texts.iter().zip(&moments) {
                    let written = form.parse(text).map(|written| written.moment());
                    prop_assert_eq!(written, Ok(moment * 1_000_000_000), "{} by {}", text, form);
                },
                Err(Unsettled::Ambiguous { candidates, .. }) => {
                    let right = candidates.iter().any(|form| {
                        texts.iter().zip(&moments).all(|(text, moment)| {
                            form.parse(text).map(|written| written.moment()) == Ok(moment * 1_000_000_000)
                        })
                    });
                    prop_assert!(right, "{:?} of {:?}", candidates, texts);
                }
                Err(error) => prop_assert!(false, "{}: {:?}", error, texts),
            }
        }
    }
}
