//! Lists of names as messages quote them.
//!
//! Never shortens or escapes a name: whoever quotes what a file or a guest says does that first.

use std::fmt::Display;

/// Returns the items in backticks, separated by commas; an empty text where there are none.
///
/// # Examples
///
/// ```
/// assert_eq!(host::model::quoted(["fast", "slow"]), "`fast`, `slow`");
/// ```
pub fn quoted(items: impl IntoIterator<Item = impl Display>) -> String {
    items.into_iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}
