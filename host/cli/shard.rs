//! The shard that a sweep is asked to run: as typed, or as a job of Slurm or Kubernetes says.
//!
//! Never runs anything. Which cells a shard has is decided by its plan.

use std::{env, path::Path, str::FromStr};

use anyhow::{Context as _, Result, bail};

use super::Context;
use crate::sweep::{
    Part, Scope,
    grid::{Plan, Shard, ShardError},
};

/// What Slurm says to the tasks of a job array.
const TASK: &str = "SLURM_ARRAY_TASK_ID";
const FIRST: &str = "SLURM_ARRAY_TASK_MIN";
const LAST: &str = "SLURM_ARRAY_TASK_MAX";
const STEP: &str = "SLURM_ARRAY_TASK_STEP";
const TASKS: &str = "SLURM_ARRAY_TASK_COUNT";

/// What Kubernetes says to the pods of an indexed job.
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// The number of shards, where the scheduler does not say it.
const SHARDS: &str = "HOST_SHARDS";

/// The way out of every problem with the environment.
const TYPE_IT: &str = "give the shard itself, such as `--shard 3/16`";

/// The shard as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShardChoice {
    /// The scheduler of the job says it.
    Auto,
    /// This one.
    Typed(Shard),
}

impl FromStr for ShardChoice {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Typed) }
    }
}

/// The shard to run, whose results go to `out`; `None` for the whole sweep.
pub(super) fn asked(
    choice: Option<&ShardChoice>,
    out: Option<&Path>,
    context: &mut Context<'_>,
) -> Result<Option<Shard>> {
    let Some(choice) = choice else { return Ok(None) };
    let shard = match choice {
        ShardChoice::Typed(shard) => *shard,
        ShardChoice::Auto => {
            let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
            let (shard, why) = auto(&set)?;
            context.reporter.note(format!("shard: {shard}, since {why}"));
            shard
        }
    };
    if let Some(out) = out.filter(|out| !is_parquet(out)) {
        context.reporter.note(format!(
            "note: `host merge` takes Parquet, which says what it is a shard of, and not `{}`; `--out NAME.parquet` can be merged",
            out.display()
        ));
    }
    Ok(Some(shard))
}

/// Whether a path has the extension of Parquet.
pub(super) fn is_parquet(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["parquet", "pq"].iter().any(|known| extension.eq_ignore_ascii_case(known)))
}

/// Notes how many combinations the shard has.
pub(super) fn announce(shard: Option<Shard>, scope: &Scope, plan: &Plan, context: &mut Context<'_>) {
    let Some(shard) = shard else { return };
    let count = Part::all().within(Some(shard)).total(scope, plan);
    let count = count.map_or_else(String::new, |count| format!(", which has {count} of them"));
    context.reporter.note(format!("sweep: shard {shard} only{count}"));
}

/// The shard that the environment says, and the words for how it says so.
fn auto(set: &dyn Fn(&str) -> Option<String>) -> Result<(Shard, String)> {
    match (set(TASK), set(INDEX)) {
        (Some(_), Some(_)) => {
            bail!("`--shard auto` finds both {TASK} of Slurm and {INDEX} of Kubernetes; {TYPE_IT}")
        }
        (Some(task), None) => {
            of_slurm(&task, set).context("`--shard auto` does not know the shard of this task of Slurm")
        }
        (None, Some(index)) => {
            of_kubernetes(&index, set).context("`--shard auto` does not know the shard of this pod of Kubernetes")
        }
        (None, None) => bail!(
            "`--shard auto` finds neither {TASK}, which Slurm sets in a job array, nor {INDEX}, which Kubernetes sets in an \
             indexed job; {TYPE_IT}"
        ),
    }
}

fn of_slurm(task: &str, set: &dyn Fn(&str) -> Option<String>) -> Result<(Shard, String)> {
    let read = |name: &str| set(name).map(|value| number(name, &value)).transpose();
    let task = number(TASK, task)?;
    let first = read(FIRST)?.with_context(|| format!("{FIRST} is not set; {TYPE_IT}"))?;
    let step = read(STEP)?.unwrap_or(1);
    if step == 0 {
        bail!("{STEP} is 0; {TYPE_IT}");
    }
    let last = read(LAST)?;
    if task < first || last.is_some_and(|last| task > last) {
        let last = last.map_or_else(|| "on".to_owned(), |last| format!("to {last}"));
        bail!("{TASK} is {task}, but the array goes from {first} {last}; {TYPE_IT}");
    }
    if !(task - first).is_multiple_of(step) {
        bail!(
            "{TASK} is {task}, which is not a number of steps of {step} ({STEP}) behind {first} ({FIRST}); {TYPE_IT}"
        );
    }
    let spanned = last.map(|last| (last - first) / step + 1);
    let count = match (read(TASKS)?, spanned) {
        (Some(count), Some(spanned)) if count != spanned => bail!(
            "the array has {count} tasks ({TASKS}), but there is room for {spanned} from {first} to {}: where numbers are left \
             out, a number does not tell the shard; {TYPE_IT}",
            last.unwrap_or(first)
        ),
        (Some(count), _) | (None, Some(count)) => count,
        (None, None) => bail!("neither {TASKS} nor {LAST} is set; {TYPE_IT}"),
    };
    match read(SHARDS)? {
        Some(shards) if shards != count => {
            bail!("{SHARDS} says {shards} shards, but the array has {count} tasks; to run some shards again, {TYPE_IT}")
        }
        None if count == 1 => bail!(
            "the array has one task, so its shard would be the whole sweep; to run one shard again, {TYPE_IT}; to run the whole \
             sweep, leave `--shard` out"
        ),
        _ => {}
    }
    let shard = shard((task - first) / step + 1, count)?;
    let last = last.unwrap_or(first + (count - 1) * step);
    Ok((shard, format!("{TASK} is {task}, of {first} to {last}")))
}

fn of_kubernetes(index: &str, set: &dyn Fn(&str) -> Option<String>) -> Result<(Shard, String)> {
    let index = number(INDEX, index)?;
    let shards = set(SHARDS).with_context(|| {
        format!("{INDEX} is {index}, but {SHARDS} is not set; set it to the `completions` of the job, or {TYPE_IT}")
    })?;
    let shards = number(SHARDS, &shards)?;
    if index >= shards && shards > 0 {
        bail!(
            "{INDEX} is {index}, but {SHARDS} is {shards}, so that indices end at {}; set {SHARDS} to the `completions` of the job",
            shards - 1
        );
    }
    Ok((shard(index + 1, shards)?, format!("{INDEX} is {index} and {SHARDS} is {shards}")))
}

fn shard(number: u64, count: u64) -> Result<Shard> {
    Ok(format!("{number}/{count}").parse::<Shard>()?)
}

/// The value of the variable `name`.
fn number(name: &str, value: &str) -> Result<u64> {
    let read = value.parse::<u32>().map(u64::from);
    read.map_err(|_| {
        anyhow::anyhow!(
            "{name} is `{}`, which is not a whole number of 0 or more; {TYPE_IT}",
            crate::model::label(value)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> Result<String, String> {
        let read = |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        auto(&read).map(|(shard, _)| shard.to_string()).map_err(|error| format!("{error:#}"))
    }

    fn slurm(values: [&str; 5], shards: &str) -> Result<String, String> {
        let names = [TASK, FIRST, LAST, STEP, TASKS];
        let set: Vec<_> = names.into_iter().zip(values).chain([(SHARDS, shards)]).collect();
        let set: Vec<_> = set.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        found(&set)
    }

    fn check_refused(found: Result<String, String>, part: &str) {
        let error = found.expect_err(part);
        assert!(error.contains(part) && error.contains("--shard"), "{error}");
    }

    #[test]
    fn a_task_of_an_array_has_the_shard_of_its_place() {
        for (values, expected) in [
            (["0", "0", "15", "1", "16"], "1/16"),
            (["15", "0", "15", "1", "16"], "16/16"),
            (["3", "1", "16", "", "16"], "3/16"),
            (["3", "1", "16", "1", ""], "3/16"),
            (["3", "1", "", "1", "16"], "3/16"),
            (["10", "0", "15", "5", "4"], "3/4"),
            (["9", "1", "10", "4", "3"], "3/3"),
        ] {
            assert_eq!(slurm(values, ""), Ok(expected.to_owned()), "{values:?}");
        }
        assert_eq!(slurm(["7", "0", "15", "1", "16"], "16"), Ok("8/16".to_owned()));
        assert_eq!(slurm(["7", "7", "7", "1", "1"], "1"), Ok("1/1".to_owned()));
    }

    #[test]
    fn an_array_that_does_not_tell_the_shard_is_refused() {
        check_refused(
            slurm(["3", "1", "7", "1", "3"], ""),
            "has 3 tasks (SLURM_ARRAY_TASK_COUNT), but there is room for 7",
        );
        check_refused(slurm(["7", "7", "7", "1", "1"], ""), "the array has one task");
        check_refused(slurm(["7", "7", "7", "1", "1"], "16"), "HOST_SHARDS says 16 shards, but the array has 1 tasks");
        check_refused(slurm(["0", "1", "16", "1", "16"], ""), "is 0, but the array goes from 1 to 16");
        check_refused(slurm(["17", "1", "16", "1", "16"], ""), "is 17, but the array goes from 1 to 16");
        check_refused(slurm(["4", "1", "9", "4", "3"], ""), "is 4, which is not a number of steps of 4");
        check_refused(slurm(["4", "1", "9", "0", "3"], ""), "SLURM_ARRAY_TASK_STEP is 0");
        check_refused(slurm(["4", "", "9", "1", "9"], ""), "SLURM_ARRAY_TASK_MIN is not set");
        check_refused(
            slurm(["4", "1", "", "1", ""], ""),
            "neither SLURM_ARRAY_TASK_COUNT nor SLURM_ARRAY_TASK_MAX is set",
        );
        check_refused(slurm(["x", "1", "9", "1", "9"], ""), "SLURM_ARRAY_TASK_ID is `x`, which is not a whole number");
        check_refused(slurm(["4", "1", "9", "1", "9"], "-1"), "HOST_SHARDS is `-1`, which is not a whole number");
    }

    #[test]
    fn a_pod_of_an_indexed_job_has_the_shard_of_its_index() {
        assert_eq!(found(&[(INDEX, "0"), (SHARDS, "16")]), Ok("1/16".to_owned()));
        assert_eq!(found(&[(INDEX, "15"), (SHARDS, "16")]), Ok("16/16".to_owned()));
        check_refused(found(&[(INDEX, "3")]), "HOST_SHARDS is not set; set it to the `completions` of the job");
        assert!(found(&[(INDEX, "16"), (SHARDS, "16")]).unwrap_err().contains("indices end at 15"));
        assert!(found(&[(INDEX, "0"), (SHARDS, "0")]).unwrap_err().contains("a part of nothing"));
        check_refused(found(&[(INDEX, "-1"), (SHARDS, "16")]), "JOB_COMPLETION_INDEX is `-1`");
        check_refused(found(&[(INDEX, "3"), (TASK, "3"), (SHARDS, "16")]), "finds both SLURM_ARRAY_TASK_ID");
        check_refused(found(&[(SHARDS, "16")]), "finds neither SLURM_ARRAY_TASK_ID");
    }
}
