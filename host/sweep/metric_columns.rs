//! The metric columns of a run: the metrics that are computed, written and shown.
//!
//! Never computes a metric.

use crate::metrics::{MetricInfo, SHOWN_BESIDE, Selection, UnknownMetric};

/// The metrics of one run.
#[derive(Debug, Clone)]
pub struct MetricColumns {
    /// The metrics in files and JSON: the requested ones, the objective and those of requirements.
    pub columns: Selection,
    /// The computed metrics: the columns, and the counted ones.
    pub computed: Selection,
    /// The metrics in a table, the objective first.
    pub shown: Vec<&'static str>,
}

impl MetricColumns {
    /// Chooses the columns. If `asked` is `None`, they are all metrics where the results are `written` for programs, else the
    /// `usual` columns of the table. The `required` metrics of conditions and the objective are always among them. Where there is
    /// a benchmark `beside` the runs, all metrics include those against it, and the table has some.
    ///
    /// # Errors
    ///
    /// Returns an error if a name is not that of a metric.
    pub fn new<'a>(
        asked: Option<Selection>,
        (written, beside): (bool, bool),
        objective: &'static MetricInfo,
        usual: &[&'static str],
        required: impl IntoIterator<Item = &'a str>,
        counted: &[&str],
    ) -> Result<Self, UnknownMetric> {
        let table = match asked.filter(|asked| *asked != Selection::all()) {
            Some(asked) => asked.names().collect(),
            None if beside => [usual, &SHOWN_BESIDE].concat(),
            None => usual.to_vec(),
        };
        let all = if beside { Selection::all().and_those_of(Selection::relative()) } else { Selection::all() };
        let wanted = match asked {
            Some(asked) if asked != Selection::all() => asked,
            None if !written => Selection::of(table.iter().copied())?,
            _ => all,
        };
        let columns = required.into_iter().try_fold(wanted.with(objective.name)?, Selection::with)?;
        let computed = counted.iter().copied().try_fold(columns, Selection::with)?;
        let others = table.into_iter().filter(|name| *name != objective.name);
        Ok(Self { columns, computed, shown: std::iter::once(objective.name).chain(others).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    fn check(asked: Option<&str>, written: bool, columns: &str, computed: &str, shown: &str) {
        let asked = asked.map(|text| text.parse().unwrap());
        let objective = Metrics::info("sharpe").unwrap();
        let chosen =
            MetricColumns::new(asked, (written, false), objective, &["cagr", "sharpe"], ["trades"], &["orders"])
                .unwrap();
        let names = |selection: Selection| selection.names().collect::<Vec<_>>().join(" ");
        let all = |text: &str| if text == "all" { names(Selection::all()) } else { text.to_owned() };
        assert_eq!((names(chosen.columns), names(chosen.computed)), (all(columns), all(computed)));
        assert_eq!(chosen.shown.join(" "), shown);
    }

    #[test]
    fn what_nobody_sees_is_not_computed() {
        check(None, false, "sharpe cagr trades", "sharpe cagr trades orders", "sharpe cagr");
        check(None, true, "all", "all", "sharpe cagr");
        check(Some("all"), false, "all", "all", "sharpe cagr");
        for written in [true, false] {
            check(Some("omega"), written, "sharpe omega trades", "sharpe omega trades orders", "sharpe omega");
        }
    }
}
