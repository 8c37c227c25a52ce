//! The plan: the combinations of a bound grid, each computed from its index.
//!
//! Never holds more than the axes (and the indices of a sample), and never runs a combination.

use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use super::{ast::Scalar, expression::Expression, shard::Split, values::Values};
use crate::model::{Canonical, Digest, Params, Value};

/// A grid bound to a plugin.
///
/// Combinations are numbered from 0, in the order of the axes, the last of which advances fastest; combinations that
/// the constraints exclude have a number too, and are skipped.
///
/// # Examples
///
/// ```
/// use host::{
///     model::{Description, Encoding, ParamSpec, Value},
///     sweep::grid::{Count, Grid},
/// };
///
/// let window = |name: &str| ParamSpec {
///     name: name.to_owned(),
///     doc: "bars".to_owned(),
///     default: Value::Integer(20),
///     minimum: Some(1.0),
///     maximum: None,
///     choices: vec![],
/// };
/// let plugin = Description {
///     name: "cross".to_owned(),
///     version: "1.0.0".to_owned(),
///     summary: String::new(),
///     parameters: vec![window("fast"), window("slow")],
///     output: Encoding::Json,
/// };
/// let plan = Grid::new().axis("fast", [5, 10, 20]).axis("slow", [10, 20]).constraint("fast < slow")?.bind(&plugin)?;
/// assert_eq!((plan.cells(), plan.count()), (6, Count::Exact(3)));
/// let ids: Vec<_> = plan.cursor().map(|(_, params)| plan.task_id(&params)).collect();
/// assert_eq!(ids, ["fast=5,slow=10", "fast=5,slow=20", "fast=10,slow=20"]);
/// # Ok::<(), host::sweep::grid::GridError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Plan {
    /// In the declared order of the plugin.
    pub(super) parameters: Vec<(String, Source)>,
    /// In the order in which the grid writes them.
    pub(super) axes: Vec<PlanAxis>,
    pub(super) groups: Vec<Group>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) cells: u64,
    pub(super) count: Count,
    pub(super) sample: Option<Vec<u64>>,
}

/// The number of combinations of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// This many.
    Exact(u64),
    /// At most this many: a constraint connects axes that are too long to count the combinations it excludes.
    AtMost(u64),
}

impl Count {
    /// The number, if it is known before the run.
    pub fn exact(self) -> Option<u64> {
        match self {
            Self::Exact(count) => Some(count),
            Self::AtMost(_) => None,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(count) => write!(f, "{count}"),
            Self::AtMost(count) => write!(f, "at most {count}"),
        }
    }
}

/// The source of the value of a parameter.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Axis(usize),
    Default(Value),
}

#[derive(Debug, Clone)]
pub(super) struct PlanAxis {
    pub(super) name: String,
    pub(super) values: Values,
    /// The group that it advances with.
    pub(super) group: usize,
}

/// Axes that advance together: one digit of the number of a combination.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) len: u64,
    /// How many combinations lie between one value of the digit and the next.
    pub(super) stride: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Constraint {
    pub(super) expression: Expression,
    /// The sources of the names in the expression.
    pub(super) sources: Vec<Source>,
    /// How many combinations, from a multiple of this number on, agree in all that the expression names.
    pub(super) stride: u64,
}

impl Plan {
    /// The number of combinations before constraints and sampling.
    pub fn cells(&self) -> u64 {
        self.cells
    }

    /// The number of combinations that will run.
    pub fn count(&self) -> Count {
        self.count
    }

    /// The names of the axes, in the order of the grid.
    pub fn axes(&self) -> impl Iterator<Item = &str> {
        self.axes.iter().map(|axis| axis.name.as_str())
    }

    /// Returns the combinations that will run, with their indices, in ascending order.
    ///
    /// It holds no list, so it may be started as often as needed.
    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { indices: self.indices() }
    }

    /// Returns the indices of the combinations that will run, in ascending order.
    pub(crate) fn indices(&self) -> Indices<'_> {
        Indices { plan: self, next: 0, stop: None, split: None }
    }

    /// The number of places of [`Indices`]: one for each combination of the sample, else of all combinations.
    pub(crate) fn places(&self) -> u64 {
        self.sample.as_ref().map_or(self.cells, |sample| sample.len() as u64)
    }

    /// Returns true if each place has a combination that will run.
    pub(crate) fn is_full(&self) -> bool {
        self.sample.is_some() || self.constraints.is_empty()
    }

    /// The hash of everything that decides which combinations run, with which parameters, and in which order.
    ///
    /// Plans with equal digests have the same combinations under the same indices. Not in it are the name of the plugin and
    /// what is done with the results.
    ///
    /// # Examples
    ///
    /// ```
    /// use host::sweep::{ParallelBacktester, grid::Grid};
    ///
    /// let plugin = ParallelBacktester::new(Some(1), host::sandbox::Limits::default())?.load("momentum")?;
    /// let digest = |text| Ok::<_, host::sweep::grid::GridError>(Grid::from_json(text)?.bind(plugin.description())?.digest());
    /// assert_eq!(digest(r#"{"lookback": [1, 2]}"#)?, digest(r#"{"lookback": {"from": 1, "to": 2}}"#)?);
    /// assert_ne!(digest(r#"{"lookback": [1, 2]}"#)?, digest(r#"{"lookback": [2, 1]}"#)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Digest {
        let mut bytes = Canonical::default().count("parameters", self.parameters.len() as u64);
        for (name, source) in &self.parameters {
            bytes = match source {
                Source::Axis(axis) => bytes.text("parameter", name).count("axis", *axis as u64),
                Source::Default(value) => bytes.text("parameter", name).value("default", value),
            };
        }
        bytes = bytes.count("axes", self.axes.len() as u64);
        for axis in &self.axes {
            bytes = axis.values.spell(bytes.text("axis", &axis.name).count("group", axis.group as u64));
        }
        Digest::of(self.spell_choice(bytes).as_bytes())
    }

    /// Adds the conditions, whose order does not matter, and the sample.
    fn spell_choice(&self, bytes: Canonical) -> Canonical {
        let mut constraints: Vec<_> =
            self.constraints.iter().map(|constraint| constraint.expression.to_string()).collect();
        constraints.sort_unstable();
        constraints.dedup();
        let bytes = bytes.count("constraints", constraints.len() as u64);
        let bytes = constraints.iter().fold(bytes, |bytes, constraint| bytes.text("constraint", constraint));
        let Some(sample) = &self.sample else { return bytes.text("sample", "") };
        // Its indices, not its seed: how they are drawn may change.
        let indices: Vec<_> = sample.iter().flat_map(|index| index.to_le_bytes()).collect();
        bytes.count("sampled", sample.len() as u64).text("sample", &Digest::of(&indices).to_string())
    }

    /// Returns combination `index`: every parameter of the plugin, in its order; `None` from [`cells`](Self::cells) on.
    pub fn params(&self, index: u64) -> Option<Params> {
        (index < self.cells).then(|| {
            let value = |source: &Source| match source {
                Source::Axis(axis) => self.axes[*axis].values.at(self.place(*axis, index)),
                Source::Default(value) => value.clone(),
            };
            self.parameters.iter().map(|(name, source)| (name.clone(), value(source))).collect()
        })
    }

    /// Returns the name of the task that runs `params`: the values of the grid's axes in the plugin's order of
    /// parameters, such as `fast=5,slow=20`.
    ///
    /// It depends on the combination alone, so it is the same in every grid over the same parameters. Texts with other
    /// characters than letters, digits, `_`, `-` and `.` are quoted. Without axes, the name is `defaults`.
    pub fn task_id(&self, params: &Params) -> String {
        let swept = self.parameters.iter().filter(|(_, source)| matches!(source, Source::Axis(_)));
        let parts: Vec<_> =
            swept.filter_map(|(name, _)| Some(format!("{name}={}", label(params.get(name)?)))).collect();
        if parts.is_empty() { "defaults".to_owned() } else { parts.join(",") }
    }

    /// Returns the name of the task that runs `params` on the bars of `symbol` alone, such as
    /// `symbol=ACME,fast=5,slow=20`.
    pub fn task_id_on(&self, symbol: &str, params: &Params) -> String {
        let symbol = label(&Value::Text(symbol.to_owned()));
        let has_axes = !self.axes.is_empty();
        let rest = if has_axes { format!(",{}", self.task_id(params)) } else { String::new() };
        format!("symbol={symbol}{rest}")
    }

    /// The position of combination `index` on an axis.
    fn place(&self, axis: usize, index: u64) -> u64 {
        let group = &self.groups[self.axes[axis].group];
        index / group.stride % group.len
    }

    fn is_met(&self, constraint: &Constraint, index: u64) -> bool {
        constraint.expression.is_met(&|name| match &constraint.sources[name] {
            Source::Axis(axis) => self.axes[*axis].values.scalar(self.place(*axis, index)),
            Source::Default(value) => Scalar::from(value),
        })
    }

    /// Returns true if combination `index` meets all `constraints`.
    pub(super) fn meets(&self, constraints: &[&Constraint], index: u64) -> bool {
        constraints.iter().all(|constraint| self.is_met(constraint, index))
    }

    /// Returns the first combination from `index` on that meets all constraints.
    ///
    /// One that fails a constraint fails it together with all those that agree in what the constraint names, so these
    /// are passed over at once. The search may be long; it ends without a result once `stop` is set.
    fn first_from(&self, mut index: u64, stop: Option<&AtomicBool>) -> Option<u64> {
        while index < self.cells {
            if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
                return None;
            }
            match self.check(index) {
                Ok(()) => return Some(index),
                Err(next) => index = next?,
            }
        }
        None
    }

    /// Whether combination `index` meets all constraints; else the next one that may, if there is one.
    pub(super) fn check(&self, index: u64) -> Result<(), Option<u64>> {
        let broken = self.constraints.iter().find(|constraint| !self.is_met(constraint, index));
        broken.map_or(Ok(()), |constraint| {
            Err((index / constraint.stride).checked_add(1).and_then(|next| next.checked_mul(constraint.stride)))
        })
    }

    /// The combination at `place`, if it will run.
    pub(crate) fn at(&self, place: u64) -> Option<u64> {
        match &self.sample {
            Some(sample) => sample.get(usize::try_from(place).ok()?).copied(),
            None => (place < self.cells && self.check(place).is_ok()).then_some(place),
        }
    }

    /// The first place from `place` on, among those of `split`, with a combination that will run, and the combination; `None` also
    /// where it is not found within `looks` looks.
    pub(crate) fn near(&self, mut place: u64, split: Option<Split>, looks: u32) -> Option<(u64, u64)> {
        for _ in 0..looks {
            place = split.map_or(Some(place), |split| split.next_from(place))?;
            if place >= self.places() {
                return None;
            }
            if self.sample.is_some() {
                return Some((place, self.at(place)?));
            }
            match self.check(place) {
                Ok(()) => return Some((place, place)),
                Err(next) => place = next?,
            }
        }
        None
    }

    /// A plan of the combinations `indices` of this one only, which it has, in ascending order.
    pub(crate) fn only(&self, indices: Vec<u64>) -> Self {
        Self { count: Count::Exact(indices.len() as u64), sample: Some(indices), ..self.clone() }
    }
}

/// The text of a value in a name, quoted where two lists of values could otherwise have the same name.
pub(super) fn label(value: &Value) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    match value {
        Value::Text(text) if text.is_empty() || !text.chars().all(plain) => format!("{text:?}"),
        value => value.to_string(),
    }
}

/// The combinations of a [`Plan`], with their indices.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    indices: Indices<'a>,
}

impl Iterator for Cursor<'_> {
    type Item = (u64, Params);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.indices.next()?;
        Some((index, self.indices.plan.params(index)?))
    }
}

/// The indices of the combinations of a [`Plan`].
#[derive(Debug, Clone)]
pub(crate) struct Indices<'a> {
    plan: &'a Plan,
    /// The next position: in the sample, if there is one, else among all combinations.
    next: u64,
    stop: Option<&'a AtomicBool>,
    /// The places of one shard; `None` for all.
    split: Option<Split>,
}

impl<'a> Indices<'a> {
    /// Returns the same indices, but none after `stop` is set.
    #[must_use]
    pub(crate) fn until(self, stop: &'a AtomicBool) -> Self {
        Self { stop: Some(stop), ..self }
    }

    /// Returns those of one shard. What lies between is not looked at.
    #[must_use]
    pub(crate) fn within(self, split: Split) -> Self {
        Self { split: Some(split), ..self }
    }

    /// Passes over the next `count` indices. Returns how many of them there were. Where no condition excludes any, it costs
    /// nothing.
    pub(crate) fn pass(&mut self, count: u64) -> u64 {
        if self.split.is_some() || !self.plan.is_full() {
            return (0..count).take_while(|_| self.next().is_some()).count() as u64;
        }
        let passed = count.min(self.plan.places().saturating_sub(self.next));
        self.next += passed;
        passed
    }

    /// The next place with a combination that will run, and the combination.
    fn advance(&mut self) -> Option<u64> {
        loop {
            let place = self.split.map_or(Some(self.next), |split| split.next_from(self.next))?;
            let Some(sample) = &self.plan.sample else {
                self.next = self.plan.first_from(place, self.stop)?;
                if self.split.is_none_or(|split| split.has(self.next)) {
                    return Some(self.next);
                }
                continue;
            };
            self.next = place;
            return sample.get(usize::try_from(place).ok()?).copied();
        }
    }
}

impl Iterator for Indices<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let found = self.advance();
        self.next = if found.is_some() { self.next + 1 } else { self.plan.places() };
        found
    }

    /// At most all places from here on.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let all = self.plan.places();
        let of = |places| self.split.map_or(places, |split| split.count(places));
        (0, usize::try_from(of(all) - of(self.next.min(all))).ok())
    }
}
