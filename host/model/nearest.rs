//! The nearest known name to one that is unknown, for error messages.
//!
//! Never guesses on the user's behalf: a name is known or refused.

use super::{printable::label, text::quoted};

/// Names that a message lists.
const SHOWN: usize = 60;

/// Says that there is no `what` called `name`, and which one may be meant, or else which are known.
pub(crate) fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.collect();
    let near = nearest(name, &known);
    let name = label(name);
    match near {
        Some(near) => format!("unknown {what} `{name}`; did you mean `{}`?", label(near)),
        None => {
            let more = known.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let known = quoted(known.iter().take(SHOWN));
            format!("unknown {what} `{name}`; known: {known}{more}")
        }
    }
}

/// The one of `known` that is nearest to `name`, if one is near.
pub(crate) fn find<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    nearest(name, &known.collect::<Vec<_>>())
}

/// The one of `known` with the fewest changes from `name`, the first of several; `None` where half of `name` differs.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let letters = name.chars().count();
    let (changes, near) = known.iter().map(|one| (changes(name, one), *one)).min_by_key(|(changes, _)| *changes)?;
    (changes * 2 <= letters).then_some(near)
}

/// Letters to insert, delete or replace; 1 where one text holds the other, since people leave out prefixes and units.
fn changes(one: &str, other: &str) -> usize {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let (short, long) = if one.len() < other.len() { (&one, &other) } else { (&other, &one) };
    if short.len() > 2 && short != long && long.contains(short.as_str()) {
        return 1;
    }
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (column, expected) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *expected);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested_and_a_far_one_is_not() {
        let known = ["initial_cash", "commission_bps", "commission_maximum", "lot", "rules.gaps"];
        let near = |name| nearest(name, &known);
        assert_eq!(near("cash"), Some("initial_cash"));
        assert_eq!(near("comission_bps"), Some("commission_bps"));
        assert_eq!(near("commission"), Some("commission_bps"));
        assert_eq!(near("commission_max"), Some("commission_maximum"));
        assert_eq!(near("lots"), Some("lot"));
        assert_eq!(near("gaps"), Some("rules.gaps"));
        for far in ["", "x", "leverage", "stop_loss"] {
            assert_eq!(near(far), None, "{far}");
        }
        assert_eq!(unknown("key", "x", ["a1", "b1"].into_iter()), "unknown key `x`; known: `a1`, `b1`");
    }
}
