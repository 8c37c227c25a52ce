//! Lists of names as messages quote them.
//!
//! Never trusts a name: what a file or a guest says is one [`label`] each.

use std::fmt::Display;

use super::printable::label;

/// Returns the items in backticks, separated by commas; an empty text where there are none.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::quoted(["fast", "slow"]), "`fast`, `slow`");
/// ```
pub fn quoted(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| format!("`{}`", label(&item.to_string()))).collect::<Vec<_>>().join(", ")
}
