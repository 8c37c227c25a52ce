//! The limits specification: the limits of a request, each optional, over those of the machine that runs it.
//!
//! Never enforces a limit: the sandbox does.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sandbox::{Budget, Limits};

/// The longest time limit, in seconds.
const LONGEST: f64 = 1e9;

/// The limits of each task, each optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "limits: an object like {\"timeout\": 5}")]
pub struct LimitsSpec {
    /// Compute units: `auto`, a number like `5e9`, or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "budget_text")]
    pub budget: Option<Budget>,
    /// Seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<f64>,
    /// MiB.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole::optional")]
    pub memory: Option<usize>,
    /// Tasks that one fork of the plugin serves.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::whole::optional")]
    pub tasks_per_fork: Option<usize>,
}

/// Why a limit is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// The time limit is not a time.
    #[error("`timeout` is {0:?}; give seconds above 0, and at most 1e9")]
    Timeout(f64),
    /// The memory limit is 0.
    #[error("`memory` is 0, which leaves a plugin no memory; give MiB above 0")]
    Memory,
    /// The number of tasks is 0.
    #[error("`tasks_per_fork` is 0, which leaves no task to run; give 1 or more")]
    TasksPerFork,
    /// The limit is above the allowed one.
    #[error("`{name}` is {asked}; this server allows up to {most}")]
    Above {
        /// The limit.
        name: &'static str,
        /// The requested value.
        asked: String,
        /// The allowed value.
        most: String,
    },
}

impl LimitsSpec {
    /// The limits, completed by `base`.
    ///
    /// # Errors
    ///
    /// Returns every problem of the requested limits.
    pub fn over(&self, base: &Limits) -> Result<Limits, Vec<LimitsError>> {
        let (mut limits, mut problems) = (base.clone(), Vec::new());
        if let Some(seconds) = self.timeout {
            let fits = seconds <= LONGEST;
            match Duration::try_from_secs_f64(seconds).ok().filter(|timeout| fits && !timeout.is_zero()) {
                Some(timeout) => limits.timeout = timeout,
                None => problems.push(LimitsError::Timeout(seconds)),
            }
        }
        limits.prepare_timeout = limits.prepare_timeout.max(limits.timeout);
        if let Some(mib) = self.memory {
            limits.memory = Some(mib.saturating_mul(1 << 20));
            problems.extend((mib == 0).then_some(LimitsError::Memory));
        }
        if let Some(tasks) = self.tasks_per_fork {
            limits.tasks_per_fork = tasks;
            problems.extend((tasks == 0).then_some(LimitsError::TasksPerFork));
        }
        limits.budget = self.budget.unwrap_or(limits.budget);
        if problems.is_empty() { Ok(limits) } else { Err(problems) }
    }

    /// Returns true if no limit is requested.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Every requested limit that is above that of `own`, for data of this many bars.
    pub fn above(&self, own: &Limits, bars: usize) -> Vec<LimitsError> {
        let above = |name, asked: String, most: String| LimitsError::Above { name, asked, most };
        let mut problems = Vec::new();
        if let Some(budget) = self.budget.filter(|budget| budget.may_exceed(own.budget, bars)) {
            let most = own.budget.at_least(bars).map_or_else(|| "none".to_owned(), |units| format!("{units} units"));
            problems.push(above("budget", budget.to_string(), most));
        }
        let own_seconds = own.timeout.as_secs_f64();
        if let Some(seconds) = self.timeout.filter(|seconds| *seconds > own_seconds) {
            problems.push(above("timeout", seconds.to_string(), format!("{own_seconds} s")));
        }
        let own_memory = own.memory_for(bars) >> 20;
        if let Some(mib) = self.memory.filter(|mib| *mib > own_memory) {
            problems.push(above("memory", mib.to_string(), format!("{own_memory} MiB")));
        }
        if let Some(tasks) = self.tasks_per_fork.filter(|tasks| *tasks > own.tasks_per_fork) {
            problems.push(above("tasks_per_fork", tasks.to_string(), own.tasks_per_fork.to_string()));
        }
        problems
    }
}

/// A budget as its text; a number is accepted as well.
mod budget_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use crate::sandbox::Budget;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(String),
        Units(u64),
        Number(f64),
    }

    pub(super) fn serialize<S: Serializer>(budget: &Option<Budget>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&budget.unwrap_or_default())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Budget>, D::Error> {
        let Some(written) = Option::<Written>::deserialize(deserializer)? else { return Ok(None) };
        let text = match written {
            Written::Text(text) => text,
            Written::Units(units) => units.to_string(),
            Written::Number(units) => units.to_string(),
        };
        text.parse().map(Some).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(json: &str) -> LimitsSpec {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_is_not_asked_for_is_as_it_was() {
        let base = Limits::default();
        assert_eq!(spec("{}").over(&base).unwrap(), base);
        let limits =
            spec(r#"{"budget": "5e9", "timeout": 90, "memory": 64, "tasks_per_fork": 4}"#).over(&base).unwrap();
        assert_eq!((limits.budget, limits.timeout.as_secs()), (Budget::Units(5_000_000_000), 90));
        assert_eq!((limits.memory, limits.tasks_per_fork, limits.prepare_timeout.as_secs()), (Some(64 << 20), 4, 90));
    }

    #[test]
    fn every_problem_is_told() {
        let problems =
            spec(r#"{"timeout": -1, "memory": 0, "tasks_per_fork": 0}"#).over(&Limits::default()).unwrap_err();
        assert_eq!(problems, [LimitsError::Timeout(-1.0), LimitsError::Memory, LimitsError::TasksPerFork]);
        assert!(serde_json::from_str::<LimitsSpec>(r#"{"budget": "much"}"#).is_err());
        assert!(serde_json::from_str::<LimitsSpec>(r#"{"time": 1}"#).unwrap_err().to_string().contains("`time`"));
    }

    #[test]
    fn what_is_above_the_servers_own_is_refused() {
        let own = Limits::default();
        let names = |json: &str, own: &Limits| -> Vec<_> {
            let name = |problem: &LimitsError| match problem {
                LimitsError::Above { name, .. } => *name,
                other => panic!("{other}"),
            };
            spec(json).above(own, 1000).iter().map(name).collect()
        };
        let none: [&str; 0] = [];
        assert_eq!(names(r#"{"budget": "auto", "timeout": 10, "memory": 256, "tasks_per_fork": 1}"#, &own), none);
        assert_eq!(names(r#"{"budget": 2000000000}"#, &own), none);
        let all = r#"{"budget": "none", "timeout": 11, "memory": 1000, "tasks_per_fork": 2}"#;
        assert_eq!(names(all, &own), ["budget", "timeout", "memory", "tasks_per_fork"]);
        let small = Limits { budget: Budget::Units(1000), ..Limits::default() };
        for (asked, is_above) in [("\"auto\"", true), ("1000", false), ("1001", true), ("\"none\"", true)] {
            assert_eq!(!names(&format!(r#"{{"budget": {asked}}}"#), &small).is_empty(), is_above, "{asked}");
        }
    }
}
