//! Expressions: conditions on parameters and metrics, such as `fast < slow` or `trades >= 30`.
//!
//! Never knows the values of its names: the caller gives them to each evaluation.

use std::fmt;

use super::{
    ast::{Mismatch, Node, Scalar, ScalarType},
    syntax::{self, Flaw},
};
use crate::model::Value;

/// A condition that was read and is ready to be evaluated.
///
/// From the loosest to the tightest: `or` (`||`), `and` (`&&`), `not` (`!`), the comparisons `==` `!=` `<` `<=` `>`
/// `>=` and `in [a, b]`, then `+` `-`, then `*` `/` `%`, then a leading `-`. Parentheses group; texts stand in `'` or
/// `"`; `true` and `false` are values. Integers and real numbers mix; `/` divides as real numbers do, and `%` has the
/// sign of its left side. Behind a number, with no operand after it, `%` is percent: `max_drawdown > -20 %`. Integers stay
/// exact as long as they fit 64 bits; anything else is computed in 64-bit floating point.
///
/// A name may be undefined (a metric without trades), and so is a division by zero. What is computed from it is
/// undefined too, unless the rest decides: `undefined and false` is false, `undefined or true` is true.
///
/// # Examples
///
/// ```
/// use host::{model::Value, sweep::grid::Expression};
///
/// let enough = Expression::parse("trades >= 30 and sharpe > 0.5")?;
/// let trades = |name: &str| (name == "trades").then_some(Value::Integer(12));
/// assert_eq!(enough.eval(&trades)?, Some(false));
/// # Ok::<(), host::sweep::grid::ExpressionError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    root: Node,
    names: Vec<String>,
}

/// An error in an expression, and its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expression `{text}`, column {column}: {problem}")]
#[non_exhaustive]
pub struct ExpressionError {
    /// The whole expression.
    pub text: String,
    /// The position of the problem in characters, counted from 1.
    pub column: usize,
    /// The problem in words.
    pub problem: String,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not an expression, or can be neither true nor false for any values of its names.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let text = text.trim();
        let (root, names) = syntax::parse(text).map_err(|Flaw { at, problem }| error(text, at, problem))?;
        let expression = Self { text: text.to_owned(), root, names };
        expression.check(|_| ScalarType::Unknown)?;
        Ok(expression)
    }

    /// The names in it, each once, in the order in which they first appear.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The names that are compared with a number, and that number.
    pub fn bounds(&self) -> Vec<(&str, f64)> {
        let mut found = Vec::new();
        self.root.bounds(&mut found);
        found.into_iter().map(|(name, bound)| (&*self.names[name], bound)).collect()
    }

    /// Returns whether the condition is met, or `None` if that is undefined; `lookup` gives the values of names.
    ///
    /// # Errors
    ///
    /// Returns an error if the type of a value does not fit, such as a text compared with a number.
    pub fn eval(&self, lookup: &dyn Fn(&str) -> Option<Value>) -> Result<Option<bool>, ExpressionError> {
        let values: Vec<_> = self.names.iter().map(|name| lookup(name)).collect();
        let value = self.root.eval(&|name| values[name].as_ref().map_or(Scalar::Undefined, Scalar::from));
        match value.map_err(|mismatch| self.mismatch(mismatch))? {
            Scalar::Boolean(met) => Ok(Some(met)),
            Scalar::Undefined => Ok(None),
            _ => Err(self.error(self.root.at, "expected a condition (true or false)".to_owned())),
        }
    }

    /// Checks that this is a condition, where `kind_of` gives the types of names.
    pub(super) fn check(&self, kind_of: impl Fn(usize) -> ScalarType) -> Result<(), ExpressionError> {
        let kind = self.root.check(&kind_of).and_then(|kind| self.root.must_be(kind, ScalarType::Boolean));
        kind.map(drop).map_err(|mismatch| self.mismatch(mismatch))
    }

    /// Returns true if the condition is met; `lookup` gives the values of names by their index in [`names`](Self::names).
    ///
    /// An undefined condition is not met, nor is one whose types do not fit: those are checked before.
    pub(super) fn is_met<'a>(&'a self, lookup: &impl Fn(usize) -> Scalar<'a>) -> bool {
        matches!(self.root.eval(lookup), Ok(Scalar::Boolean(true)))
    }

    /// The error for the unknown `name`; `known` lists the known ones.
    pub(super) fn unknown(&self, name: &str, known: &str) -> ExpressionError {
        let at = self.find(name);
        self.error(at, format!("unknown name `{name}`; known: {known}"))
    }

    /// The first position of `name` as a whole word, in bytes.
    fn find(&self, name: &str) -> usize {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let alone =
            |at: &usize| !self.text[..*at].ends_with(is_part) && !self.text[at + name.len()..].starts_with(is_part);
        self.text.match_indices(name).map(|(at, _)| at).find(alone).unwrap_or(0)
    }

    fn mismatch(&self, mismatch: Mismatch) -> ExpressionError {
        self.error(mismatch.at, mismatch.to_string())
    }

    fn error(&self, at: usize, problem: String) -> ExpressionError {
        error(&self.text, at, problem)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn error(text: &str, at: usize, problem: String) -> ExpressionError {
    let column = text.char_indices().take_while(|(start, _)| *start < at).count() + 1;
    ExpressionError { text: text.to_owned(), column, problem }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(name: &str) -> Option<Value> {
        match name {
            "fast" => Some(Value::Integer(5)),
            "slow" => Some(Value::Integer(20)),
            "ratio" => Some(Value::Number(0.25)),
            "mode" => Some(Value::Text("long".into())),
            "on" => Some(Value::Boolean(true)),
            _ => None,
        }
    }

    fn check(text: &str, expected: Option<bool>) {
        let expression = Expression::parse(text).unwrap();
        assert_eq!(expression.eval(&lookup), Ok(expected), "{text}");
    }

    fn check_error(text: &str, column: usize, expected: &str) {
        let error = Expression::parse(text).and_then(|expression| expression.eval(&lookup)).unwrap_err();
        assert!(error.column == column && error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn operators_bind_as_documented() {
        check("fast + 2 * 3 == 11 and (fast + 2) * 3 == 21", Some(true));
        check("on or on and false", Some(true));
        check("not fast > slow and !on == false", Some(true));
        check("-fast + 6 == 1 && 10 - 4 - 3 == 3 && 7 % 4 * 2 == 6", Some(true));
        check("fast / 2 == 2.5 || false", Some(true));
        check("slow * ratio == fast and fast >= 5.0 and 1e1 <= slow", Some(true));
        check("mode == 'long' and mode != \"both\" and on == true", Some(true));
        check("mode in ['long', 'both'] and not fast in [1, 2] and not (fast in [])", Some(true));
        check("9007199254740993 > 9007199254740992", Some(true));
        check("9223372036854775807 + 1 > 9223372036854774000", Some(true));
    }

    #[test]
    fn a_percent_sign_behind_a_number_makes_a_share_of_it_unless_an_operand_follows() {
        for text in [
            "0.2 == 20%",
            "-20 % < -19.5% and 10% + 10 % == 0.2",
            "12.35% == 0.1235 and 1e1% == 0.1 and 50%*2 == 1",
            "0.3 in [30%, 40%] and (5%) == 0.05",
            "20% - 5% > 0.14 and 20% != 0.3",
            "7 % 4 == 3 and 7%4 == 3 and 7 % -4 == 3 and 7 % (4) == 3 and 12 % fast == 2",
        ] {
            check(text, Some(true));
        }
        check_error("'a' % == 5", 7, "");
    }

    #[test]
    fn what_is_undefined_stays_so_unless_the_rest_decides() {
        for text in ["sharpe > 1", "not sharpe > 1", "sharpe != 1", "fast / 0 > 1", "fast % 0 == 0", "-sharpe < 1"] {
            check(text, None);
        }
        check("sharpe > 1 and false", Some(false));
        check("false and sharpe > 1", Some(false));
        check("sharpe > 1 or on", Some(true));
        check("sharpe > 1 or false", None);
        check("sharpe > 1 and on", None);
        check("fast in [sharpe, 5]", Some(true));
        check("fast in [sharpe, 6]", None);
        check("sharpe", None);
    }

    #[test]
    fn errors_point_at_the_column() {
        check_error(
            "fast << slow",
            7,
            "expression `fast << slow`, column 7: expected a name, a value or `(`, found `<`",
        );
        check_error("fast = 5", 6, "expected an operator or the end, found `=` (equality is `==`)");
        check_error("1 < fast < slow", 10, "comparisons do not chain");
        check_error("", 1, "expected a name, a value or `(`, found the end");
        check_error("(fast < 5", 10, "expected `)`, found the end");
        check_error("mode == 'lo", 9, "the text has no closing '");
        check_error("fast < 5x", 8, "`5x` is not a number");
        check_error("fast # 5", 6, "unexpected `#`");
        check_error("fast + slow", 1, "expected a condition (true or false), found a number");
        check_error("fast < 'x'", 8, "expected a number, found a text");
        check_error("mode > 1", 1, "expected a number, found a text");
        check_error("mode == 1", 9, "expected a text, found a number");
        check_error("not fast", 5, "expected a condition (true or false), found a number");
        check_error("mode", 1, "expected a condition");
        check_error("'ü' == 'ü' and 5", 16, "expected a condition (true or false), found a number");
        check_error(&"(".repeat(5000), 4097, "longer than 4096 bytes");
        check_error(&"(".repeat(1000), 65, "nested deeper than 64 levels");
        check_error(&format!("0{}", "+1".repeat(1000)), 514, "more than 256 operators");
        check_error(&"not ".repeat(1000), 257, "nested deeper than 64 levels");
    }

    #[test]
    fn a_long_chain_is_evaluated_on_a_small_stack() {
        let text = format!("0 < 1{}", "+1".repeat(255));
        let run = move || check(&text, Some(true));
        std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
    }

    #[test]
    fn names_come_once_in_the_order_of_the_text() {
        let expression = Expression::parse("slow > fast and slow < 100 and mode == 'x'").unwrap();
        assert_eq!(expression.names(), ["slow", "fast", "mode"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}", soup in "[a-c0-9.e'\\[\\](),<>=!&|+*/% -]{0,40}") {
            for text in [text, soup] {
                if let Ok(expression) = Expression::parse(&text) {
                    let _ = expression.eval(&lookup);
                }
            }
        }

        #[test]
        fn it_agrees_with_the_same_condition_in_rust(a in -50i64..50, b in -50i64..50, c in -5.0f64..5.0) {
            let lookup = |name: &str| match name {
                "a" => Some(Value::Integer(a)),
                "b" => Some(Value::Integer(b)),
                _ => Some(Value::Number(c)),
            };
            let check = |text: &str, expected: bool| {
                prop_assert_eq!(Expression::parse(text).unwrap().eval(&lookup), Ok(Some(expected)), "{}", text);
                Ok(())
            };
            let (x, y) = (a as f64, b as f64);
            check("a + b * 2 - 3 <= c * a or not (a < b)", x + y * 2.0 - 3.0 <= c * x || a >= b)?;
            check("a * b > 0 and a != b or -c > 1", a * b > 0 && a != b || -c > 1.0)?;
            check("a % 7 == b % 7 and a - b - 1 < c / 2", a % 7 == b % 7 && x - y - 1.0 < c / 2.0)?;
        }
    }
}
