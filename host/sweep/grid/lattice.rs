//! The lattice of a plan: its axes as digits, in an order in which neighbours resemble each other where there is one.
//!
//! Never knows a value of a result.

use super::{
    ast::Scalar,
    plan::{Plan, PlanAxis},
    values::Values,
};

/// The combinations of a [`Plan`] as numbers, the first axis being the most significant digit.
///
/// Axes that advance together are one digit. A number differs from the index of its combination where an axis lists numbers that do
/// not ascend: here they do.
#[derive(Debug, Clone)]
pub struct Lattice {
    digits: Vec<Digit>,
}

#[derive(Debug, Clone)]
struct Digit {
    len: u64,
    /// How many combinations lie between one place of the plan's digit and the next.
    stride: u64,
    is_ordered: bool,
    /// The places in ascending order of their values, and the rank of each; `None` where a place is its own rank.
    order: Option<Order>,
}

#[derive(Debug, Clone)]
struct Order {
    places: Vec<u64>,
    ranks: Vec<u64>,
}

impl Lattice {
    /// The length of each digit, and whether its neighbours resemble each other: numbers do, texts and booleans do not.
    pub fn digits(&self) -> impl Iterator<Item = (u64, bool)> {
        self.digits.iter().map(|digit| (digit.len, digit.is_ordered))
    }

    /// The number of combination `index` of the plan.
    pub fn number(&self, index: u64) -> u64 {
        self.digits.iter().fold(0, |number, digit| {
            let place = index / digit.stride % digit.len;
            number * digit.len + digit.order.as_ref().map_or(place, |order| order.ranks[place as usize])
        })
    }

    /// The index in the plan of combination `number`.
    pub fn index(&self, mut number: u64) -> u64 {
        let mut index = 0;
        for digit in self.digits.iter().rev() {
            let rank = number % digit.len;
            number /= digit.len;
            index += digit.order.as_ref().map_or(rank, |order| order.places[rank as usize]) * digit.stride;
        }
        index
    }
}

impl Plan {
    /// The lattice of all combinations, those that constraints exclude among them.
    pub fn lattice(&self) -> Lattice {
        let digit = |(number, group): (usize, &super::plan::Group)| {
            let axes: Vec<_> = self.axes.iter().filter(|axis| axis.group == number).collect();
            let (is_ordered, order) = order(&axes);
            Digit { len: group.len, stride: group.stride, is_ordered, order }
        };
        Lattice { digits: self.groups.iter().enumerate().map(digit).collect() }
    }

    /// Whether combination `index` meets the constraints; whether it is drawn does not count.
    pub fn allows(&self, index: u64) -> bool {
        index < self.cells && self.check(index).is_ok()
    }
}

/// Whether the places of `axes`, which advance together, are in an order that means something, and which one, if it is not theirs.
fn order(axes: &[&PlanAxis]) -> (bool, Option<Order>) {
    match axes {
        [axis] => order_of(&axis.values),
        // No order of one axis is that of another, unless all go one way.
        axes => (axes.iter().all(|axis| is_monotone(&axis.values)), None),
    }
}

fn order_of(values: &Values) -> (bool, Option<Order>) {
    if is_monotone(values) {
        return (true, None);
    }
    let Some(numbers) = numbers(values) else { return (false, None) };
    let mut places: Vec<u64> = (0..values.len()).collect();
    places.sort_by(|one, other| numbers[*one as usize].total_cmp(&numbers[*other as usize]));
    let mut ranks = vec![0; places.len()];
    (0..).zip(&places).for_each(|(rank, place)| ranks[*place as usize] = rank);
    (true, Some(Order { places, ranks }))
}

/// Whether the values are numbers that only ascend, or only descend.
fn is_monotone(values: &Values) -> bool {
    match values {
        Values::Range(..) => true,
        Values::List(_) => numbers(values).is_some_and(|numbers| {
            numbers.is_sorted_by(|one, next| one < next) || numbers.is_sorted_by(|one, next| one > next)
        }),
    }
}

/// The values as numbers, if they all are.
fn numbers(values: &Values) -> Option<Vec<f64>> {
    let number = |place| match values.scalar(place) {
        Scalar::Integer(value) => Some(value as f64),
        Scalar::Number(value) => Some(value),
        Scalar::Undefined | Scalar::Boolean(_) | Scalar::Text(_) => None,
    };
    (0..values.len()).map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{Description, Encoding, ParamSpec, Value},
        sweep::grid::Grid,
    };

    fn plan(json: &str) -> Plan {
        let spec = |name: &str, default: Value| {
            let choices =
                if default == Value::Text("a".into()) { vec!["a".into(), "b".into(), "c".into()] } else { vec![] };
            ParamSpec { name: name.to_owned(), doc: String::new(), default, minimum: None, maximum: None, choices }
        };
        let parameters = vec![
            spec("n", Value::Integer(1)),
            spec("x", Value::Number(1.0)),
            spec("flag", Value::Boolean(true)),
            spec("text", Value::Text("a".into())),
        ];
        let (name, version) = ("test".to_owned(), "1".to_owned());
        let plugin = Description { name, version, summary: String::new(), parameters, output: Encoding::Json };
        Grid::from_json(json).unwrap().bind(&plugin).unwrap()
    }

    #[test]
    fn numbers_and_indices_are_each_others_inverse() {
        let grids = [
            r#"{"n": [5, 1, 3], "x": {"from": 0, "to": 1, "n": 5}}"#,
            r#"{"text": ["b", "a", "c"], "x": [0.5, 0.25], "flag": [false, true]}"#,
            r#"{"n": [1, 2, 9], "x": [3.0, 2.0, 1.0], "flag": [true, false], "zip": [["n", "x"]]}"#,
            r#"{"n": 4}"#,
        ];
        for grid in grids {
            let plan = plan(grid);
            let lattice = plan.lattice();
            let mut numbers: Vec<_> = (0..plan.cells()).map(|index| lattice.number(index)).collect();
            assert!((0..plan.cells()).all(|index| lattice.index(numbers[index as usize]) == index), "{grid}");
            numbers.sort_unstable();
            assert!(numbers.into_iter().eq(0..plan.cells()), "{grid}");
        }
    }

    #[test]
    fn numbers_ascend_with_the_values_of_an_axis() {
        let plan = plan(r#"{"n": [5, 1, 3]}"#);
        let lattice = plan.lattice();
        let values = (0..3).map(|number| plan.params(lattice.index(number)).unwrap()["n"].clone());
        assert!(values.eq([1, 3, 5].map(Value::Integer)));
    }

    #[test]
    fn numbers_have_neighbours_and_texts_have_none() {
        let digits = |grid: &str| plan(grid).lattice().digits().collect::<Vec<_>>();
        assert_eq!(
            digits(r#"{"n": [5, 1, 3], "text": ["a", "b"], "flag": [true, false]}"#),
            [(3, true), (2, false), (2, false)]
        );
        assert_eq!(digits(r#"{"n": [1, 2], "x": [3.0, 2.0], "zip": [["n", "x"]]}"#), [(2, true)]);
        assert_eq!(digits(r#"{"n": [1, 2], "text": ["a", "b"], "zip": [["n", "text"]]}"#), [(2, false)]);
    }

    #[test]
    fn what_the_constraints_exclude_is_not_allowed() {
        let plan = plan(r#"{"n": [1, 2, 3], "x": [1, 2], "constraints": ["n > x"]}"#);
        let allowed: Vec<_> = (0..7).filter(|index| plan.allows(*index)).collect();
        assert_eq!(allowed, [2, 4, 5]);
    }
}
