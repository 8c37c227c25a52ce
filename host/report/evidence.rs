//! The evidence of a report: the verdict in words with its numbers, and the folds of walk-forward.
//!
//! Never computes a number.

use serde::Serialize;

use crate::{
    evidence::{CountedBy, FollowReport, FollowedFold, OverfittingFound, TrustReport},
    model::label,
    results::{params_text, rounded},
};

/// A verdict.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Judged {
    level: String,
    words: String,
    reasons: Vec<&'static str>,
    facts: Vec<(&'static str, String)>,
}

impl Judged {
    pub(super) fn of(found: &TrustReport) -> Self {
        let interval = |[low, high]: [f64; 2]| format!("{} to {}", rounded(low), rounded(high));
        let counted = match found.trials_counted_by {
            CountedBy::Option => "given",
            CountedBy::Store => "counted by the store",
            CountedBy::Sweep => "those of the sweep",
        };
        let mut facts = vec![
            ("best", label(&params_text(&found.best.params)).into_owned()),
            ("Sharpe ratio of these returns, in sample", rounded(found.sharpe)),
            ("its 95 % interval", found.sharpe_interval.map_or_else(|| "undefined".to_owned(), interval)),
            ("trials", format!("{} ({counted})", found.trials)),
            ("deflated Sharpe ratio", found.deflated_sharpe.map_or_else(|| "undefined".to_owned(), rounded)),
        ];
        if let OverfittingFound::Known { probability, .. } = &found.overfitting {
            facts
                .push(("probability of overfitting", format!("{} %", rounded((probability * 1_000.0).round() / 10.0))));
        }
        if let Some(spa) = &found.spa {
            facts.push(("SPA, p-value", rounded(spa.consistent)));
        }
        facts.push(("returns", format!("{} {}s of {} combinations", found.periods, found.period, found.combinations)));
        Self { level: found.verdict.to_string(), words: found.words.clone(), reasons: found.reasons.clone(), facts }
    }
}

/// The folds of walk-forward.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Folds {
    metric: &'static str,
    unit: &'static str,
    words: String,
    names: Vec<String>,
    in_sample: Vec<f64>,
    out_of_sample: Vec<f64>,
    details: Vec<String>,
}

impl Folds {
    pub(super) fn of(found: &FollowReport) -> Self {
        let FollowReport { train, test, period, folds, different_winners, .. } = found;
        let number = |value: Option<f64>| value.map_or_else(|| "undefined".to_owned(), rounded);
        let words = format!(
            "The best of each stretch of {train} {period}s, followed through the next {test}: a Sharpe ratio of {} a year in sample, \
             {} out of sample; {different_winners} different winners in {} folds.",
            number(found.sharpe_in_sample),
            number(found.sharpe_out_of_sample),
            folds.len()
        );
        let name = |fold: &FollowedFold| format!("{} to {}", fold.first, fold.last);
        Self {
            metric: "sharpe",
            unit: "number",
            words,
            names: folds.iter().map(name).collect(),
            in_sample: folds.iter().map(|fold| fold.in_sample).collect(),
            out_of_sample: folds.iter().map(|fold| fold.out_of_sample).collect(),
            details: folds.iter().map(|fold| label(&params_text(&fold.params)).into_owned()).collect(),
        }
    }
}
