//! How combinations are searched, as a request says it: method, trials and objectives.
//!
//! Never chooses a combination.

use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use super::{
    scope::Instruments,
    standings::{GoalError, objective},
};
use crate::{
    metrics::{Direction, MetricInfo},
    optimize::Method,
};

/// The metric that is optimised unless a request names one.
const OBJECTIVE: &str = "sharpe";

/// The trials of a search unless a request says how many.
pub const TRIALS: u64 = 2_000;

/// A metric to optimise, and which of its values are better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// The metric.
    pub metric: &'static MetricInfo,
    /// Which of its values are better.
    pub better: Direction,
}

impl Objective {
    /// The value of `metrics` as one of which a higher one is better, and back.
    pub fn turned(&self, value: f64) -> f64 {
        if self.better == Direction::Higher { value } else { -value }
    }
}

impl Serialize for Objective {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let direction = if self.better == Direction::Higher { "max" } else { "min" };
        serializer.collect_str(&format_args!("{}:{direction}", self.metric.name))
    }
}

/// The metrics to optimise, the first one first. Written `sharpe`, or `sharpe,max_drawdown`; each in its own direction, which
/// `name:min` and `name:max` set.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Objectives(Vec<Objective>);

impl Objectives {
    /// Those of `text`; `direction` is that of an only one that has none of its own.
    ///
    /// # Errors
    ///
    /// Returns an error if one of them cannot be optimised, is there twice, or `direction` is given for several.
    pub fn new(text: &str, direction: Option<Direction>) -> Result<Self, ObjectiveError> {
        let mut all: Vec<Objective> = Vec::new();
        let is_one = !text.contains(',');
        if direction.is_some() && !is_one {
            return Err(ObjectiveError::DirectionOfSeveral);
        }
        for part in text.split(',') {
            let (name, direction) = match part.split_once(':') {
                None => (part, direction),
                Some((name, "max")) => (name, Some(Direction::Higher)),
                Some((name, "min")) => (name, Some(Direction::Lower)),
                Some((_, other)) => return Err(ObjectiveError::Direction(other.to_owned())),
            };
            let (metric, better) = objective(name.trim(), direction)?;
            if all.iter().any(|known| known.metric.name == metric.name) {
                return Err(ObjectiveError::Twice(metric.name));
            }
            all.push(Objective { metric, better });
        }
        Ok(Self(all))
    }

    /// All of them, at least one.
    pub fn all(&self) -> &[Objective] {
        &self.0
    }

    /// The one that ranks.
    pub fn first(&self) -> &Objective {
        &self.0[0]
    }
}

impl FromStr for Objectives {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        Self::new(text, None)
    }
}

/// Why a text is not a list of objectives.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectiveError {
    /// A metric cannot be optimised.
    #[error(transparent)]
    Goal(#[from] GoalError),
    /// A direction is not one.
    #[error("`{0}` is not a direction; write `NAME:max` or `NAME:min`")]
    Direction(String),
    /// One direction is given for several objectives.
    #[error("`direction` is for one objective; write `NAME:max` or `NAME:min` for each of several")]
    DirectionOfSeveral,
    /// A metric is there twice.
    #[error("`{0}` is an objective twice; name it once")]
    Twice(&'static str),
}

/// A search, as a request asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(
    default,
    deny_unknown_fields,
    expecting = "a search: an object, perhaps with `method`, `trials` and `generation`"
)]
pub struct SearchSpec {
    /// How combinations are chosen: `evolution`, `nsga2`, `halving`, `sobol` or `random`. By default `evolution`, for several
    /// objectives `nsga2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(inline))]
    pub method: Option<Method>,
    /// Runs of combinations; one on a share of the bars counts, too.
    #[serde(deserialize_with = "super::whole::deserialize")]
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub trials: u64,
    /// Combinations that run together before the next ones are chosen; by default as many as the method needs.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "super::whole::optional")]
    #[cfg_attr(feature = "server", schema(minimum = 1))]
    pub generation: Option<usize>,
}

impl Default for SearchSpec {
    fn default() -> Self {
        Self { method: None, trials: TRIALS, generation: None }
    }
}

/// Why a search cannot be run as it is asked for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SearchProblem {
    /// The objectives are wrong.
    #[error(transparent)]
    Objective(#[from] ObjectiveError),
    /// The method takes one objective.
    #[error("the method `{0}` takes one objective; give one, or the method `nsga2`")]
    OneObjective(Method),
    /// A sample is asked for.
    #[error("a search chooses combinations from the whole grid; leave `sample` out, and say how many with `trials`")]
    Sample,
    /// Each symbol is to run alone.
    #[error("a search runs all symbols together; leave `each-symbol` out, or give one symbol's data")]
    EachSymbol,
    /// No trial is asked for.
    #[error("the number of trials is 0; give 1 or more")]
    NoTrials,
    /// A generation has no combination.
    #[error("a generation has 0 combinations; give 1 or more, or leave `generation` out")]
    EmptyGeneration,
}

/// What a search is asked beside its method.
#[derive(Debug, Clone, Copy)]
pub(super) struct SearchOf<'a> {
    pub(super) objective: Option<&'a str>,
    pub(super) direction: Option<Direction>,
    pub(super) seed: Option<u64>,
    pub(super) is_sample: bool,
    pub(super) instruments: Instruments,
}

impl SearchSpec {
    /// What is meant by it.
    pub(super) fn meaning(&self, of: SearchOf<'_>) -> Result<Optimization, SearchProblem> {
        let &Self { trials, generation, .. } = self;
        let objectives = Objectives::new(of.objective.unwrap_or(OBJECTIVE), of.direction)?;
        let several = objectives.all().len() > 1;
        let method = self.method.unwrap_or(if several { Method::Nsga2 } else { Method::Evolution });
        if several && matches!(method, Method::Evolution | Method::Halving) {
            return Err(SearchProblem::OneObjective(method));
        }
        if of.is_sample {
            return Err(SearchProblem::Sample);
        }
        if of.instruments == Instruments::EachSymbol {
            return Err(SearchProblem::EachSymbol);
        }
        match (trials, generation) {
            (0, _) => Err(SearchProblem::NoTrials),
            (_, Some(0)) => Err(SearchProblem::EmptyGeneration),
            _ => Ok(Optimization { method, trials, generation, seed: of.seed.unwrap_or(0), objectives }),
        }
    }
}

/// How combinations are searched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Optimization {
    /// How the next combinations are chosen.
    pub method: Method,
    /// Evaluations; a combination counts once for each share of the data that it runs on.
    pub trials: u64,
    /// Combinations that are run together; `None` leaves it to the method.
    pub generation: Option<usize>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// What is optimised.
    pub objectives: Objectives,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_have_their_own_directions() {
        let of = |text: &str| text.parse::<Objectives>().map(|all| serde_json::to_string(&all).unwrap());
        assert_eq!(of("sharpe").unwrap(), r#"["sharpe:max"]"#);
        assert_eq!(of("sharpe,max_drawdown").unwrap(), r#"["sharpe:max","max_drawdown:max"]"#);
        assert_eq!(of("annual_volatility:min, trades:min").unwrap(), r#"["annual_volatility:min","trades:min"]"#);
        for (text, words) in [
            ("shrp", "unknown metric `shrp`"),
            ("trades", "no better and no worse"),
            ("sharpe:up", "`up` is not a direction"),
            ("sharpe,sharpe:min", "twice"),
            ("", "unknown metric"),
        ] {
            assert!(of(text).unwrap_err().to_string().contains(words), "{text}");
        }
        let lower = |text| Objectives::new(text, Some(Direction::Lower));
        assert_eq!(lower("trades").unwrap(), "trades:min".parse().unwrap());
        assert_eq!(lower("trades:max").unwrap(), "trades:max".parse().unwrap());
        assert_eq!(lower("trades,sharpe"), Err(ObjectiveError::DirectionOfSeveral));
    }

    #[test]
    fn a_search_says_what_it_does_not_do() {
        let plain = SearchOf {
            objective: None,
            direction: None,
            seed: None,
            is_sample: false,
            instruments: Instruments::Together,
        };
        let check = |spec: &str, of, expected| {
            let spec: SearchSpec = serde_json::from_str(spec).unwrap();
            assert_eq!(spec.meaning(of).unwrap_err(), expected, "{spec:?}");
        };
        let several = SearchOf { objective: Some("sharpe,cagr"), ..plain };
        check(r#"{"method": "halving"}"#, several, SearchProblem::OneObjective(Method::Halving));
        check("{}", SearchOf { is_sample: true, ..plain }, SearchProblem::Sample);
        check("{}", SearchOf { instruments: Instruments::EachSymbol, ..plain }, SearchProblem::EachSymbol);
        check(r#"{"trials": 0}"#, plain, SearchProblem::NoTrials);
        check(r#"{"generation": 0}"#, plain, SearchProblem::EmptyGeneration);
        let meant = SearchSpec::default().meaning(several).unwrap();
        assert_eq!((meant.method, meant.trials, meant.seed), (Method::Nsga2, TRIALS, 0));
        assert!(serde_json::from_str::<SearchSpec>(r#"{"method": "tpe"}"#).unwrap_err().to_string().contains("sobol"));
        for spec in ["{\"trials\":2000}", r#"{"method":"sobol","trials":5,"generation":8}"#] {
            let read: SearchSpec = serde_json::from_str(spec).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), spec);
        }
    }
}
