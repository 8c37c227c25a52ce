//! The selection of metrics: which are asked for, and what has to be computed for them.

use std::str::FromStr;

use super::{Metrics, group::Group};
use crate::model::{label, nearest};

/// A set of metrics: those that a run is measured by.
///
/// What is not in it is `None` in [`Metrics`] and costs nothing; what is in it has the same bits whatever else is.
///
/// # Examples
///
/// ```
/// use host::metrics::Selection;
///
/// let selection: Selection = "sharpe,trades".parse()?;
/// assert!(selection.contains("trades") && !selection.contains("sortino"));
/// assert_eq!(Selection::default(), Selection::all());
/// # Ok::<(), host::metrics::UnknownMetric>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// A bit for each of [`Metrics::FIELDS`], the first in the lowest of the first word.
    chosen: [u64; WORDS],
    /// A bit for each [`Group`] that a chosen metric is of.
    groups: u16,
}

/// Words of 64 bits that hold a bit for each metric.
const WORDS: usize = Metrics::FIELDS.len().div_ceil(64);

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", unknown_metric(name))]
pub struct UnknownMetric {
    /// The name.
    pub name: String,
}

/// Says that there is no metric called `name`, and which one may be meant.
pub(crate) fn unknown_metric(name: &str) -> String {
    let near = nearest::find(name, Metrics::FIELDS.iter().map(|info| info.name));
    let hint = near.map_or_else(|| "`host metrics` lists them".to_owned(), |near| format!("did you mean `{near}`?"));
    format!("unknown metric `{}`; {hint}", label(name))
}

impl Selection {
    /// Selects every metric but those against a benchmark.
    pub fn all() -> Self {
        Self::where_group(|group| group != Group::Relative)
    }

    /// Selects the metrics against a benchmark.
    pub fn relative() -> Self {
        Self::where_group(|group| group == Group::Relative)
    }

    fn where_group(is_wanted: impl Fn(Group) -> bool) -> Self {
        let wanted = (0..Metrics::FIELDS.len()).filter(|place| is_wanted(Metrics::GROUPS[*place]));
        wanted.fold(Self::none(), Self::and)
    }

    /// Selects no metric.
    pub fn none() -> Self {
        Self { chosen: [0; WORDS], groups: 0 }
    }

    /// Selects the metrics called so.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is unknown.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownMetric> {
        names.into_iter().try_fold(Self::none(), Self::with)
    }

    /// Selects the metric called `name` too.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is unknown.
    pub fn with(self, name: &str) -> Result<Self, UnknownMetric> {
        place(name).map(|place| self.and(place)).ok_or_else(|| UnknownMetric { name: name.to_owned() })
    }

    /// Selects what `other` selects, too.
    #[must_use]
    pub fn and_those_of(self, other: Self) -> Self {
        (0..Metrics::FIELDS.len()).filter(|place| other.has(*place)).fold(self, Self::and)
    }

    /// The first metric against a benchmark that is selected.
    pub fn first_relative(self) -> Option<&'static str> {
        self.names().find(|name| Self::relative().contains(name))
    }

    /// Whether the metric called `name` is selected.
    pub fn contains(self, name: &str) -> bool {
        place(name).is_some_and(|place| self.has(place))
    }

    /// The names of what is selected, in the order of [`Metrics::FIELDS`].
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Metrics::FIELDS.iter().enumerate().filter(move |(place, _)| self.has(*place)).map(|(_, info)| info.name)
    }

    /// Whether the metric at `place` in [`Metrics::FIELDS`] is selected.
    pub(super) fn has(self, place: usize) -> bool {
        self.chosen[place / 64] >> (place % 64) & 1 == 1
    }

    /// Whether a metric of `group` is selected.
    pub(super) fn needs(self, group: Group) -> bool {
        self.groups >> group as u16 & 1 == 1
    }

    fn and(mut self, place: usize) -> Self {
        self.chosen[place / 64] |= 1 << (place % 64);
        self.groups |= 1 << Metrics::GROUPS[place] as u16;
        self
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::all()
    }
}

/// Reads `all`, or names with commas between them.
impl FromStr for Selection {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, UnknownMetric> {
        if text == "all" { Ok(Self::all()) } else { Self::of(text.split(',').map(str::trim)) }
    }
}

fn place(name: &str) -> Option<usize> {
    Metrics::FIELDS.iter().position(|info| info.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_has_what_was_named_and_its_groups() {
        let selection: Selection = "trades, sharpe".parse().unwrap();
        assert_eq!(selection.names().collect::<Vec<_>>(), ["sharpe", "trades"]);
        assert!(selection.needs(Group::Moments) && selection.needs(Group::Trades) && !selection.needs(Group::Tails));
        assert_eq!("all".parse(), Ok(Selection::all()));
        let every = Selection::all().and_those_of(Selection::relative());
        assert!(
            every.names().eq(Metrics::FIELDS.iter().map(|info| info.name))
                && Selection::relative().names().count() == 14
        );
        assert_eq!((Selection::all().first_relative(), every.first_relative()), (None, Some("jensen_alpha")));
    }

    #[test]
    fn a_selection_of_one_metric_has_that_one_alone_wherever_it_stands() {
        for (place, info) in Metrics::FIELDS.iter().enumerate() {
            let selection = Selection::of([info.name]).unwrap();
            assert!(selection.names().eq([info.name]));
            assert!((0..WORDS * 64).all(|other| selection.has(other) == (other == place)), "{}", info.name);
        }
    }

    #[test]
    fn an_unknown_name_leads_to_the_nearest_or_to_the_list() {
        for (text, said) in [
            ("sharp", "unknown metric `sharp`; did you mean `sharpe`?"),
            ("Sharpe", "unknown metric `Sharpe`; did you mean `sharpe`?"),
            ("drawdown", "unknown metric `drawdown`; did you mean `max_drawdown`?"),
            ("nonsense", "unknown metric `nonsense`; `host metrics` lists them"),
            ("sharpe,", "unknown metric ``; `host metrics` lists them"),
        ] {
            assert_eq!(text.parse::<Selection>().unwrap_err().to_string(), said);
        }
    }
}
