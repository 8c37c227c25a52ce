//! The binding of a grid to a plugin: types, groups, counts and the sample.
//!
//! Never enumerates more than [`COUNTED`] combinations to count them.

use super::{
    ast::ScalarType,
    error::{GridError, quoted},
    expression::Expression,
    plan::{Constraint, Count, Group, Plan, PlanAxis, Source},
    sample::Permutation,
    values::Values,
    written::Grid,
};
use crate::{
    backtest::with_exits,
    model::{Description, Value},
};

/// Axes that constraints connect are counted one by one up to this many combinations: some tenths of a second.
const COUNTED: u64 = 1_000_000;

/// The largest sample: its indices are held, 8 bytes each.
const MOST_SAMPLED: u64 = 50_000_000;

/// How many combinations are tried for a sample: at least `TRIES`, and `TRIES_EACH` for each one wanted.
const TRIES: u64 = 1_000_000;
const TRIES_EACH: u64 = 1000;

impl Grid {
    /// Binds the grid to a plugin, whose parameters it may name; those that it leaves out take their defaults.
    ///
    /// Its cost does not depend on the number of combinations, except that axes which a constraint connects are counted
    /// exactly where they have at most 1,000,000 combinations, and that a sample is drawn.
    ///
    /// # Errors
    ///
    /// Returns an error if a name, a type or a value does not fit the plugin, an axis or zip group is wrong, a constraint is
    /// not a condition on the parameters, no combination is left, or too few for the sample are found. A plan with
    /// [`Count::AtMost`] may turn out to have no combination.
    pub fn bind(&self, plugin: &Description) -> Result<Plan, GridError> {
        let plugin = &*with_exits(plugin, self.exits.iter().copied()).map_err(GridError::Exits)?;
        self.refuse_ambiguous(plugin)?;
        let mut plan = self.axes_of(plugin)?;
        self.group(&mut plan)?;
        plan.parameters = plugin
            .parameters
            .iter()
            .map(|spec| (spec.name.clone(), source(&plan.axes, &spec.name, &spec.default)))
            .collect();
        for expression in &self.constraints {
            let constraint = constraint(&plan, plugin, expression)?;
            plan.constraints.push(constraint);
        }
        // The constraint that excludes most combinations at once comes first.
        plan.constraints.sort_by_key(|constraint| std::cmp::Reverse(constraint.stride));
        plan.count = count(&plan)?;
        self.draw(&mut plan)?;
        Ok(plan)
    }

    fn refuse_ambiguous(&self, plugin: &Description) -> Result<(), GridError> {
        let declared = |key: &&String| plugin.parameters.iter().any(|spec| spec.name == **key);
        match self.beside_axes.iter().find(declared) {
            Some(key) => Err(GridError::Ambiguous { key: key.clone(), plugin: plugin.name.clone() }),
            None => Ok(()),
        }
    }

    fn axes_of(&self, plugin: &Description) -> Result<Plan, GridError> {
        let axis = |(name, axis): (&String, _)| {
            let spec = plugin.parameter(name).map_err(GridError::Parameter)?;
            let values = Values::bind(axis, spec)?;
            Ok(PlanAxis { name: name.clone(), values, group: 0 })
        };
        Ok(Plan {
            parameters: Vec::new(),
            axes: self.axes.iter().map(axis).collect::<Result<_, GridError>>()?,
            groups: Vec::new(),
            constraints: Vec::new(),
            cells: 1,
            count: Count::Exact(1),
            sample: None,
        })
    }

    /// Gives every axis its group, and every group its length and stride.
    fn group(&self, plan: &mut Plan) -> Result<(), GridError> {
        let zipped = self.zipped()?;
        let mut group_of = vec![None; self.zip.len()];
        let mut members: Vec<Vec<usize>> = Vec::new();
        for (axis, (bound, zip)) in plan.axes.iter_mut().zip(zipped).enumerate() {
            let group = match zip {
                Some(zip) => *group_of[zip].get_or_insert(members.len()),
                None => members.len(),
            };
            members.resize(members.len().max(group + 1), Vec::new());
            members[group].push(axis);
            bound.group = group;
        }
        let lens: Vec<_> = members.iter().map(|axes| group_len(&plan.axes, axes)).collect::<Result<_, _>>()?;
        for len in lens.into_iter().rev() {
            plan.groups.insert(0, Group { len, stride: plan.cells });
            plan.cells = plan.cells.checked_mul(len).ok_or(GridError::TooLarge)?;
        }
        Ok(())
    }

    /// The zip group of every axis that has one.
    fn zipped(&self) -> Result<Vec<Option<usize>>, GridError> {
        let mut zipped = vec![None; self.axes.len()];
        for (group, names) in self.zip.iter().enumerate() {
            if names.len() < 2 {
                return Err(GridError::ZipSmall);
            }
            for name in names {
                let unknown = || GridError::ZipUnknown { name: name.clone(), known: quoted(self.axes.keys()) };
                let axis = self.axes.get_index_of(name).ok_or_else(unknown)?;
                if zipped[axis].replace(group).is_some() {
                    return Err(GridError::ZipOverlap { name: name.clone() });
                }
            }
        }
        Ok(zipped)
    }

    /// Replaces the combinations of `plan` by a sample of them, if the grid asks for one that is smaller.
    fn draw(&self, plan: &mut Plan) -> Result<(), GridError> {
        let Some(sample) = self.sample else {
            return Ok(());
        };
        let (Count::Exact(left) | Count::AtMost(left)) = plan.count;
        if sample > 0 && sample >= left {
            return Ok(());
        }
        if sample == 0 || sample > MOST_SAMPLED {
            return Err(GridError::SampleSize { sample, most: MOST_SAMPLED });
        }
        let tried = plan.cells.min(TRIES.max(sample.saturating_mul(TRIES_EACH)));
        let order = Permutation::new(plan.cells, self.seed);
        let constraints: Vec<_> = plan.constraints.iter().collect();
        let found = (0..tried).map(|place| order.at(place)).filter(|index| plan.meets(&constraints, *index));
        let mut drawn: Vec<_> = found.take(sample as usize).collect();
        let found = drawn.len() as u64;
        // If all were tried, fewer than requested are all that exist.
        if found == 0 && tried == plan.cells {
            return Err(excludes_all(&constraints));
        }
        if found < sample && tried < plan.cells {
            return Err(GridError::SampleThin { sample, found, tried });
        }
        drawn.sort_unstable();
        plan.count = Count::Exact(found);
        plan.sample = Some(drawn);
        Ok(())
    }
}

fn source(axes: &[PlanAxis], name: &str, default: &Value) -> Source {
    match axes.iter().position(|axis| axis.name == name) {
        Some(axis) => Source::Axis(axis),
        None => Source::Default(default.clone()),
    }
}

/// Returns the length that the axes of a group share, if no two of its combinations are the same.
fn group_len(axes: &[PlanAxis], members: &[usize]) -> Result<u64, GridError> {
    let [first, others @ ..] = members else {
        return Ok(1);
    };
    let first = &axes[*first];
    let len = first.values.len();
    let (mut problem, mut distinct) = (first.values.refuse_duplicates().err(), vec![first]);
    for other in others.iter().map(|axis| &axes[*axis]) {
        if other.values.len() != len {
            return Err(GridError::ZipLengths {
                first: first.name.clone(),
                first_len: len,
                second: other.name.clone(),
                second_len: other.values.len(),
            });
        }
        problem = problem.and(other.values.refuse_duplicates().err());
        distinct.push(other);
    }
    match problem {
        None => Ok(len),
        Some(problem) if others.is_empty() => Err(GridError::Axis { axis: first.name.clone(), problem }),
        // Every axis repeats a value, which is fine as long as they never repeat all at once.
        Some(_) => refuse_repeated_rows(&distinct, len).map(|()| len),
    }
}

fn refuse_repeated_rows(axes: &[&PlanAxis], len: u64) -> Result<(), GridError> {
    let mut seen = std::collections::HashSet::new();
    let row = |place| quoted(axes.iter().map(|axis| axis.values.at(place)));
    match (0..len).map(row).find(|row| !seen.insert(row.clone())) {
        Some(values) => Err(GridError::ZipDuplicate { axes: quoted(axes.iter().map(|axis| &axis.name)), values }),
        None => Ok(()),
    }
}

/// Resolves the names of a constraint, and checks their types.
fn constraint(plan: &Plan, plugin: &Description, expression: &Expression) -> Result<Constraint, GridError> {
    let wrong = |problem| GridError::Expression { role: "constraint", problem };
    let specs = expression.names().iter().map(|name| {
        plugin.parameters.iter().find(|spec| spec.name == *name).ok_or_else(|| {
            let known = quoted(plugin.parameters.iter().map(|spec| &spec.name));
            wrong(expression.unknown(name, &known))
        })
    });
    let specs: Vec<_> = specs.collect::<Result<_, _>>()?;
    expression.check(|name| ScalarType::from(&specs[name].default)).map_err(wrong)?;
    let sources: Vec<_> = specs.iter().map(|spec| source(&plan.axes, &spec.name, &spec.default)).collect();
    let strides = groups_of(plan, &sources).into_iter().map(|group| plan.groups[group].stride);
    Ok(Constraint { expression: expression.clone(), stride: strides.min().unwrap_or(plan.cells), sources })
}

fn groups_of(plan: &Plan, sources: &[Source]) -> Vec<usize> {
    let group = |source: &Source| match source {
        Source::Axis(axis) => Some(plan.axes[*axis].group),
        Source::Default(_) => None,
    };
    sources.iter().filter_map(group).collect()
}

/// Counts the combinations that meet the constraints: groups that no constraint connects multiply.
fn count(plan: &Plan) -> Result<Count, GridError> {
    let mut part_of: Vec<usize> = (0..plan.groups.len()).collect();
    for constraint in &plan.constraints {
        let groups = groups_of(plan, &constraint.sources);
        for pair in groups.windows(2) {
            let (keep, give_up) = (part_of[pair[0]], part_of[pair[1]]);
            part_of.iter_mut().filter(|part| **part == give_up).for_each(|part| *part = keep);
        }
    }
    let (mut total, mut exact) = (1, true);
    let part = |constraint: &&Constraint| groups_of(plan, &constraint.sources).first().map(|group| part_of[*group]);
    for wanted in std::iter::once(None).chain((0..plan.groups.len()).map(Some)) {
        let groups: Vec<_> = (0..plan.groups.len()).filter(|group| Some(part_of[*group]) == wanted).collect();
        let constraints: Vec<_> = plan.constraints.iter().filter(|constraint| part(constraint) == wanted).collect();
        let cells = groups.iter().map(|group| plan.groups[*group].len).product::<u64>();
        let left = match cells {
            cells if constraints.is_empty() => cells,
            cells if cells <= COUNTED => count_part(plan, &groups, &constraints, cells),
            cells => {
                exact = false;
                cells
            }
        };
        if left == 0 {
            return Err(excludes_all(&constraints));
        }
        total *= left;
    }
    Ok(if exact { Count::Exact(total) } else { Count::AtMost(total) })
}

/// Counts the combinations of `groups` that meet `constraints`, which name no others.
fn count_part(plan: &Plan, groups: &[usize], constraints: &[&Constraint], cells: u64) -> u64 {
    let index = |cell: u64| {
        let mut rest = cell;
        groups.iter().rev().map(|group| &plan.groups[*group]).fold(0, |index, group| {
            let place = rest % group.len;
            rest /= group.len;
            index + place * group.stride
        })
    };
    (0..cells).filter(|cell| plan.meets(constraints, index(*cell))).count() as u64
}

fn excludes_all(constraints: &[&Constraint]) -> GridError {
    GridError::ExcludesAll { constraints: quoted(constraints.iter().map(|constraint| &constraint.expression)) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        model::{Encoding, ParamSpec, Params},
        sweep::grid::{Shard, Split},
    };

    fn spec(name: &str, default: Value) -> ParamSpec {
        ParamSpec { name: name.into(), doc: String::new(), default, minimum: None, maximum: None, choices: vec![] }
    }

    fn plugin() -> Description {
        let window = |name, default| ParamSpec { minimum: Some(1.0), ..spec(name, Value::Integer(default)) };
        let choices = ["long", "both", "5"].map(|mode| Value::Text(mode.into())).to_vec();
        let parameters = vec![
            window("fast", 10),
            window("slow", 50),
            spec("threshold", Value::Number(0.5)),
            ParamSpec { choices, ..spec("mode", Value::Text("long".into())) },
            spec("short", Value::Boolean(false)),
            spec("seed", Value::Integer(0)),
        ];
        Description {
            name: "cross".into(),
            version: "1.0.0".into(),
            summary: String::new(),
            parameters,
            output: Encoding::Json,
        }
    }

    fn bind(json: &str) -> Result<Plan, GridError> {
        Grid::from_json(json)?.bind(&plugin())
    }

    fn ids(plan: &Plan) -> Vec<String> {
        plan.cursor().map(|(_, params)| plan.task_id(&params)).collect()
    }

    fn check(json: &str, expected: &[&str]) {
        let plan = bind(json).unwrap();
        assert_eq!(ids(&plan), expected);
        assert_eq!(plan.count(), Count::Exact(expected.len() as u64));
    }

    fn check_error(json: &str, expected: &str) {
        let error = bind(json).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    fn values(axis: &str, name: &str) -> Vec<Value> {
        let plan = bind(&format!("{{\"{name}\": {axis}}}")).unwrap();
        plan.cursor().map(|(_, params)| params[name].clone()).collect()
    }

    fn numbers(axis: &str) -> Vec<f64> {
        values(axis, "threshold").iter().filter_map(Value::as_f64).collect()
    }

    #[test]
    fn the_last_axis_advances_fastest_and_names_follow_the_declaration() {
        check(
            r#"{"fast": [5, 10], "slow": [20, 50]}"#,
            &["fast=5,slow=20", "fast=5,slow=50", "fast=10,slow=20", "fast=10,slow=50"],
        );
        check(
            r#"{"slow": [20, 50], "fast": [5, 10]}"#,
            &["fast=5,slow=20", "fast=10,slow=20", "fast=5,slow=50", "fast=10,slow=50"],
        );
    }

    #[test]
    fn what_the_grid_leaves_out_takes_its_default() {
        let plan = bind(r#"{"fast": 5, "mode": ["both"], "short": [false, true]}"#).unwrap();
        let params = plan.params(1).unwrap();
        assert_eq!(params["slow"], Value::Integer(50));
        assert_eq!(params["short"], Value::Boolean(true));
        assert_eq!(params.keys().collect::<Vec<_>>(), ["fast", "slow", "threshold", "mode", "short", "seed"]);
        assert_eq!(plan.axes().collect::<Vec<_>>(), ["fast", "mode", "short"]);
        assert_eq!(plan.params(2), None);
        check("{}", &["defaults"]);
    }

    #[test]
    fn steps_are_exact_decimals() {
        assert_eq!(numbers(r#"{"from": 0.1, "to": 0.3, "step": 0.1}"#), [0.1, 0.2, 0.3]);
        assert_eq!(numbers(r#"{"from": -0.2, "to": 0.25, "step": 0.2}"#), [-0.2, 0.0, 0.2]);
        let thousandths: Vec<_> = (0..=1000).map(|i| f64::from(i) / 1000.0).collect();
        assert_eq!(numbers(r#"{"from": 0, "to": 1, "step": 0.001}"#), thousandths);
        assert_eq!(numbers(r#"{"from": 1e-3, "to": 3e-3, "step": 1e-3}"#), [0.001, 0.002, 0.003]);
        assert_eq!(values(r#"{"from": 5, "to": 22, "step": 5.0}"#, "fast"), [5, 10, 15, 20].map(Value::Integer));
        assert_eq!(values(r#"{"from": 5, "to": 5, "step": 5}"#, "fast"), [Value::Integer(5)]);
        assert_eq!(values(r#"{"from": 5, "to": 7}"#, "fast"), [5, 6, 7].map(Value::Integer));
        assert_eq!(values("[5.0, 1e3]", "fast"), [5, 1000].map(Value::Integer));
    }

    #[test]
    fn points_lie_at_equal_distances_or_ratios_and_include_both_ends() {
        assert_eq!(numbers(r#"{"from": 0.1, "to": 0.3, "n": 3}"#), [0.1, 0.2, 0.3]);
        assert_eq!(numbers(r#"{"from": 0, "to": 1, "n": 4}"#), [0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0]);
        assert_eq!(numbers(r#"{"from": 0.01, "to": 10, "n": 4, "scale": "log"}"#), [0.01, 0.1, 1.0, 10.0]);
        assert_eq!(values(r#"{"from": 1, "to": 10, "n": 4}"#, "fast"), [1, 4, 7, 10].map(Value::Integer));
        let log = values(r#"{"from": 1, "to": 8, "n": 10, "scale": "log"}"#, "fast");
        assert_eq!(log, [1, 2, 3, 4, 5, 6, 8].map(Value::Integer));
    }

    #[test]
    fn points_that_would_fall_together_are_refused() {
        check_error(r#"{"fast": {"from": 1, "to": 5, "n": 6}}"#, "grid axis `fast` has values so close from 1 to 5");
        check_error(r#"{"threshold": {"from": 1, "to": 1.0000000000000000001, "n": 3}}"#, "so close from 1 to 1");
        check_error(r#"{"threshold": {"from": 5, "to": 5, "n": 2}}"#, "so close from 5 to 5");
        check_error(
            r#"{"threshold": {"from": 1, "to": 2, "n": 100000000000, "scale": "log"}}"#,
            "use a wider step or fewer points",
        );
    }

    #[test]
    fn values_that_the_plugin_does_not_take_are_refused() {
        check_error(r#"{"fsat": [5]}"#, "in the grid: `cross` has no parameter `fsat`; it has `fast`, `slow`");
        check_error(r#"{"fast": [5.5]}"#, "parameter `fast` takes an integer, not the number `5.5`");
        check_error(r#"{"fast": ["x"]}"#, "parameter `fast` takes an integer, not the text `x`");
        check_error(r#"{"fast": {"from": 0, "to": 5}}"#, "parameter `fast` takes values from 1 on, not 0");
        check_error(
            r#"{"fast": {"from": 1, "to": 5, "step": 0.5}}"#,
            "has a step of 0.5, but its parameter takes whole",
        );
        check_error(r#"{"fast": {"from": 1.5, "to": 5, "step": 1}}"#, "takes an integer, not the number `1.5`");
        check_error(r#"{"mode": {"from": 1, "to": 5}}"#, "parameter `mode` takes a text, not the integer `1`");
        check_error(r#"{"mode": ["short"]}"#, "parameter `mode` takes one of `long`, `both`, `5`, not `short`");
        check_error(r#"{"fast": [5, 10, 5.0]}"#, "grid axis `fast` has the value `5` twice");
        check_error(r#"{"threshold": [0, -0.0]}"#, "has the value `0` twice");
        check_error(
            r#"{"seed": 5, "fast": [5]}"#,
            "grid key `seed` may mean the grid's own or the parameter of `cross`",
        );
    }

    #[test]
    fn a_parameter_named_like_a_key_stands_among_the_parameters() {
        check(r#"{"parameters": {"seed": [1, 2]}, "seed": 9}"#, &["seed=1", "seed=2"]);
    }

    #[test]
    fn typed_axes_take_the_type_of_their_parameter() {
        let mut grid = Grid::from_json(r#"{"fast": [1], "slow": [20]}"#).unwrap();
        for text in ["fast=5..15:5", "mode=5,both", "short=true", "threshold=0.01..1/3:log"] {
            grid.set_param(text).unwrap();
        }
        grid.add_constraint("fast < 6 and mode == '5'").unwrap();
        let ids = ids(&grid.bind(&plugin()).unwrap());
        let expected = [0.01, 0.1, 1.0].map(|t| format!("fast=5,slow=20,threshold={t},mode=5,short=true"));
        assert_eq!(ids, expected);
    }

    #[test]
    fn zipped_axes_advance_together() {
        check(
            r#"{"fast": [5, 5], "short": [true, false], "slow": [20, 50], "zip": [["fast", "slow"]]}"#,
            &[
                "fast=5,slow=20,short=true",
                "fast=5,slow=20,short=false",
                "fast=5,slow=50,short=true",
                "fast=5,slow=50,short=false",
            ],
        );
        let zip =
            |zip: &str| format!(r#"{{"fast": [5, 5, 6], "slow": [20, 20, 20], "seed": 1, "short": [true], {zip}}}"#);
        let zip = |groups: &str| zip(&format!("\"zip\": {groups}")).replace("\"seed\": 1, ", "");
        check_error(&zip(r#"["fast", "short"]"#), "axes `fast` and `short` have 3 and 1 values");
        check_error(&zip(r#"["fast", "slow"]"#), "zipped grid axes `fast`, `slow` give `5`, `20` twice");
        check_error(
            &zip(r#"["fast", "slwo"]"#),
            "names `slwo`, which is not an axis; the axes are `fast`, `slow`, `short`",
        );
        check_error(&zip(r#"[["fast", "slow"], ["slow", "short"]]"#), "names axis `slow` twice");
        check_error(&zip(r#"["fast"]"#), "fewer than two axes");
    }

    #[test]
    fn constraints_exclude_and_may_name_what_the_grid_leaves_out() {
        check(r#"{"fast": [40, 50, 60], "constraints": ["fast < slow", "mode != 'both'"]}"#, &["fast=40"]);
        check_error(
            r#"{"fast": [50, 60], "constraints": ["fast < slow"]}"#,
            "no combination of the grid meets `fast < slow`",
        );
        check_error(r#"{"fast": [5], "constraints": ["short"]}"#, "no combination of the grid meets `short`");
        check_error(r#"{"fast": [5], "constraints": ["1 / 0 > 1"]}"#, "no combination of the grid meets `1 / 0 > 1`");
        check_error(
            r#"{"fast": [5], "constraints": ["fast < slwo"]}"#,
            "constraint of the grid: expression `fast < slwo`, column 8: unknown name `slwo`; known: `fast`, `slow`",
        );
        check_error(
            r#"{"fast": [5], "constraints": ["fast"]}"#,
            "column 1: expected a condition (true or false), found a number",
        );
        check_error(r#"{"fast": [5], "constraints": ["fast < mode"]}"#, "column 8: expected a number, found a text");
    }

    #[test]
    fn a_million_million_combinations_cost_nothing_before_they_run() {
        let big = r#""fast": {"from": 1, "to": 1000000}, "slow": {"from": 1, "to": 1000000}"#;
        let plan = bind(&format!("{{{big}}}")).unwrap();
        assert_eq!((plan.cells(), plan.count()), (1_000_000_000_000, Count::Exact(1_000_000_000_000)));
        assert_eq!(plan.task_id(&plan.params(999_999_999_999).unwrap()), "fast=1000000,slow=1000000");
        let plan = bind(&format!(r#"{{{big}, "constraints": ["fast < slow"], "sample": 100}}"#)).unwrap();
        assert_eq!(plan.count(), Count::Exact(100));
        assert!(plan.cursor().all(|(_, params)| params["fast"].as_f64() < params["slow"].as_f64()));
        assert_eq!(plan.cursor().count(), 100);
        let plan = bind(&format!(r#"{{{big}, "constraints": ["fast == 999999 and slow > 999990"]}}"#)).unwrap();
        assert_eq!(plan.count(), Count::AtMost(1_000_000_000_000));
    }

    #[test]
    fn a_constraint_on_early_axes_passes_over_all_that_agree_in_them() {
        let plan = bind(
            r#"{"fast": {"from": 1, "to": 1000}, "slow": {"from": 1, "to": 1000000000000000},
                "constraints": ["fast > 999"], "short": false}"#,
        )
        .unwrap();
        assert_eq!((plan.cells(), plan.count()), (1_000_000_000_000_000_000, Count::Exact(1_000_000_000_000_000)));
        assert_eq!(plan.cursor().next().unwrap().0, 999_000_000_000_000_000);
    }

    #[test]
    fn a_digest_says_which_combinations_run_and_in_which_order() {
        let digest = |json: &str| bind(json).unwrap().digest();
        let plain = digest(r#"{"fast": [5, 10], "slow": [20, 50]}"#);
        for same in [
            r#"{"fast": {"from": 5, "to": 10, "step": 5}, "slow": [20.0, 50]}"#,
            r#"{"parameters": {"fast": [5, 10], "slow": [20, 50]}, "objective": "cagr", "require": ["trades > 5"], "seed": 4}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "sample": 4}"#,
        ] {
            assert_eq!(digest(same), plain, "{same}");
        }
        let others = [
            r#"{"slow": [20, 50], "fast": [5, 10]}"#,
            r#"{"fast": [10, 5], "slow": [20, 50]}"#,
            r#"{"fast": [5, 10], "slow": [20, 51]}"#,
            r#"{"fast": [5, 10, 20, 50]}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "zip": [["fast", "slow"]]}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "mode": "both"}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "constraints": ["fast < slow"]}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "constraints": ["fast < slow", "seed == 0"]}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "sample": 3}"#,
            r#"{"parameters": {"fast": {"from": 1, "to": 900}}, "sample": 30}"#,
            r#"{"parameters": {"fast": {"from": 1, "to": 900}}, "sample": 30, "seed": 1}"#,
            r#"{"fast": [5, 10], "slow": [20, 50], "sample": 2}"#,
            r#"{"fast": {"from": 1, "to": 100000}}"#,
            r#"{"fast": {"from": 1, "to": 100001}}"#,
            r#"{"fast": {"from": 1, "to": 200000, "step": 2}}"#,
            r#"{"threshold": {"from": 1, "to": 2, "n": 100000}}"#,
            r#"{"threshold": {"from": 1, "to": 2, "n": 100000, "scale": "log"}}"#,
        ];
        let all: BTreeSet<_> = others.iter().map(|json| digest(json)).chain([plain]).collect();
        assert_eq!(all.len(), others.len() + 1);
        let swapped = r#"{"fast": [5, 10], "slow": [20, 50], "constraints": ["seed == 0", "fast < slow"]}"#;
        assert_eq!(digest(swapped), digest(others[7]));
    }

    #[test]
    fn a_shard_of_a_million_million_combinations_is_found_without_a_walk() {
        let plan = bind(r#"{"fast": {"from": 1, "to": 1000000}, "slow": {"from": 1, "to": 1000000}}"#).unwrap();
        let split = Split::new("617/1000".parse().unwrap(), plan.places());
        let indices = plan.indices().within(split);
        assert_eq!(indices.size_hint().1, usize::try_from(split.count(plan.places())).ok());
        let some: Vec<_> = indices.step_by(100_000).take(100).collect();
        assert!(some.len() == 100 && some.iter().all(|index| split.has(*index)));
        let strided = r#"{"fast": {"from": 1, "to": 1000}, "slow": {"from": 1, "to": 1000000000}, "constraints": ["fast > 999"]}"#;
        let plan = bind(strided).unwrap();
        let split = Split::new("1/7".parse().unwrap(), plan.places());
        assert!(plan.indices().within(split).next().unwrap() >= 999_000_000_000);
    }

    #[test]
    fn more_combinations_than_64_bits_count_are_refused() {
        let axis = r#"{"from": 1, "to": 1000000000000}"#;
        check_error(&format!(r#"{{"fast": {axis}, "slow": {axis}}}"#), "more than 18446744073709551615 combinations");
        check_error(r#"{"threshold": {"from": 0, "to": 1e25}}"#, "so close from 0 to 10000000000000000000000000");
    }

    #[test]
    fn a_sample_that_cannot_be_drawn_says_how_many_were_found() {
        let big = r#""fast": {"from": 1, "to": 1000000000}, "slow": {"from": 1, "to": 1000000000}"#;
        check_error(
            &format!(r#"{{{big}, "constraints": ["fast == slow"], "sample": 10}}"#),
            "only 0 of 1000000 combinations tried meet the constraints, too few for a sample of 10",
        );
        check_error(r#"{"fast": [5], "sample": 0}"#, "a sample of 0; give a number from 1 to 50000000");
        check_error(&format!(r#"{{{big}, "sample": 50000001}}"#), "a sample of 50000001");
        check(r#"{"fast": [5, 6], "sample": 10}"#, &["fast=5", "fast=6"]);
    }

    fn axis() -> impl Strategy<Value = Vec<i64>> {
        prop::collection::btree_set(1i64..40, 1..8).prop_map(|values| values.into_iter().collect())
    }

    fn number(params: &Params, name: &str) -> f64 {
        params[name].as_f64().unwrap()
    }

    proptest! {
        #[test]
        fn combinations_are_as_many_as_the_product_and_all_distinct(fast in axis(), slow in axis(), seed in axis()) {
            let product = (fast.len() * slow.len() * seed.len()) as u64;
            let plan = Grid::new().axis("slow", slow).axis("fast", fast).axis("seed", seed).bind(&plugin()).unwrap();
            prop_assert_eq!((plan.cells(), plan.count()), (product, Count::Exact(product)));
            let distinct: BTreeSet<_> = ids(&plan).into_iter().collect();
            prop_assert_eq!(distinct.len() as u64, product);
            for (index, params) in plan.cursor() {
                prop_assert_eq!(plan.params(index), Some(params));
            }
        }

        #[test]
        fn counts_and_order_under_constraints_are_those_of_brute_force(
            fast in axis(), slow in axis(), seed in axis(), limit in 0i64..60,
        ) {
            let grid = Grid::new().axis("fast", fast).axis("seed", seed).axis("slow", slow);
            let all: Vec<_> = grid.bind(&plugin()).unwrap().cursor().collect();
            let met = |params: &Params| {
                number(params, "fast") < number(params, "slow") && number(params, "seed") * 2.0 < limit as f64
            };
            let expected: Vec<_> = all.into_iter().filter(|(_, params)| met(params)).collect();
            let grid = grid.constraint("fast < slow").unwrap().constraint(&format!("seed * 2 < {limit}")).unwrap();
            match grid.bind(&plugin()) {
                Ok(plan) => {
                    prop_assert_eq!(plan.count(), Count::Exact(expected.len() as u64));
                    prop_assert_eq!(plan.cursor().collect::<Vec<_>>(), expected);
                }
                Err(error) => {
                    let excluded = matches!(error, GridError::ExcludesAll { .. });
                    prop_assert!(excluded);
                    prop_assert!(expected.is_empty());
                }
            }
        }

        #[test]
        fn a_sample_is_a_part_of_the_grid_of_the_size_asked_for(
            fast in axis(), slow in axis(), sample in 1u64..30, seed: u64,
        ) {
            let mut grid = Grid::new().axis("fast", fast).axis("slow", slow).constraint("fast <= slow or fast < 20").unwrap();
            let Ok(whole) = grid.bind(&plugin()) else { return Ok(()) };
            let whole: Vec<_> = whole.cursor().collect();
            grid.set_sample(sample);
            grid.set_seed(seed);
            let plan = grid.bind(&plugin()).unwrap();
            let drawn: Vec<_> = plan.cursor().collect();
            prop_assert_eq!(drawn.len() as u64, sample.min(whole.len() as u64));
            prop_assert_eq!(plan.count(), Count::Exact(drawn.len() as u64));
            prop_assert!(drawn.windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(drawn.iter().all(|cell| whole.contains(cell)));
            prop_assert_eq!(drawn, grid.bind(&plugin()).unwrap().cursor().collect::<Vec<_>>());
        }

        #[test]
        fn each_combination_that_runs_is_in_one_shard(
            fast in axis(), slow in axis(), seed in axis(), shards in 1u32..20, sample in 0u64..60, is_met: bool,
        ) {
            let mut grid = Grid::new().axis("fast", fast).axis("slow", slow).axis("seed", seed);
            if is_met {
                grid.add_constraint("fast <= slow or seed < 20").unwrap();
            }
            if sample > 0 {
                grid.set_sample(sample);
            }
            let Ok(plan) = grid.bind(&plugin()) else { return Ok(()) };
            let split = |number| Split::new(Shard::new(number, shards).unwrap(), plan.places());
            let parts: Vec<Vec<_>> =
                (1..=shards).map(|number| plan.indices().within(split(number)).collect()).collect();
            prop_assert!(parts.iter().all(|part| part.is_sorted_by(|one, next| one < next)));
            let mut all = parts.concat();
            all.sort_unstable();
            prop_assert_eq!(all, plan.indices().collect::<Vec<_>>());
            if plan.is_full() {
                for (number, part) in (1..).zip(&parts) {
                    prop_assert_eq!(part.len() as u64, split(number).count(plan.places()));
                }
            }
            let mut rest = plan.indices();
            let passed = rest.pass(sample);
            prop_assert_eq!(rest.collect::<Vec<_>>(), plan.indices().skip(passed as usize).collect::<Vec<_>>());
            prop_assert_eq!(passed, sample.min(plan.indices().count() as u64));
        }

        #[test]
        fn decimal_steps_make_as_many_values_as_whole_ones(from in -1000i32..1000, steps in 0i32..500, step in 1i32..300) {
            let to = from + steps * step;
            let text = |n: i32| format!("{}{}.{:03}", if n < 0 { "-" } else { "" }, n.abs() / 1000, n.abs() % 1000);
            let mut grid = Grid::new();
            grid.set_param(&format!("threshold={}..{}:{}", text(from), text(to), text(step))).unwrap();
            let plan = grid.bind(&plugin()).unwrap();
            let found: Vec<_> = plan.cursor().map(|(_, params)| number(&params, "threshold")).collect();
            let expected: Vec<f64> = (0..=steps).map(|i| text(from + i * step).parse::<f64>().unwrap() + 0.0).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
