//! Tables for the terminal, and rows as JSON.
//!
//! Never asks for the terminal's width and never decides about colour: the caller knows both.

use std::borrow::Cow;

use comfy_table::{Attribute, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};
use serde_json::{Map, Value};

use super::{
    column::{Cell, Column, Kind},
    number::{aligned_decimals, aligned_percents, json_number, percent_with, rounded},
};
use crate::model::{Newlines, printable, shortened};

/// Between two columns, in characters.
const GAP: u16 = 2;

/// The most characters of a text in a table. Laying out a text takes time, and nobody reads megabytes in a cell.
const LONGEST: usize = 500;

/// The least width of a column of text, in characters; below it, words are cut too often to be read.
const TEXT_WIDTH: u16 = 16;

/// How a table is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableLook {
    /// The widest line, in characters; none means as wide as it takes.
    pub width: Option<u16>,
    /// Whether the header may be set in bold by escape sequences.
    pub colour: bool,
}

/// Returns `rows` as lines of text, each ending in a line end.
///
/// Numbers are rounded to at most five significant digits and aligned to the right, those of a column of shares are in percent,
/// a null is `-`, an infinite number `inf`, and texts are [`printable`]. A text of more than 500 characters is cut and ends in
/// `…`, and a last line says so. Where the width does not suffice, texts are wrapped first; then columns are left out from the
/// right, spare ones before others, and a last line names them. A number is never broken.
///
/// # Examples
///
/// ```
/// use host::results::{Cell, Column, Kind, TableLook, render_table};
///
/// let columns = [Column::new("fast", Kind::Integer), Column::new("sharpe", Kind::Number)];
/// let rows = [[Cell::from(5), Cell::from(0.754)], [Cell::from(10), Cell::Null]];
/// let table = render_table(&columns, &rows, TableLook { width: Some(80), colour: false });
/// assert_eq!(table, "fast  sharpe\n────────────\n   5   0.754\n  10       -\n");
/// ```
pub fn render_table<'a>(columns: &[Column], rows: &[impl AsRef<[Cell<'a>]>], look: TableLook) -> String {
    let width = look.width.map_or(usize::MAX, usize::from);
    let mut table = unarranged(columns, rows, look);
    let shown = fitting(columns, &table.column_max_content_widths(), width);
    let last = shown.iter().rposition(|shown| *shown);
    for (at, (column, arranged)) in columns.iter().zip(table.column_iter_mut()).enumerate() {
        let gap = if Some(at) < last { GAP } else { 0 };
        arranged.set_padding((0, gap));
        if !shown[at] {
            arranged.set_constraint(ColumnConstraint::Hidden);
        } else if column.kind != Kind::Text {
            arranged.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let mut text: String = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    let left_out = columns.iter().zip(&shown).filter(|(_, shown)| !**shown);
    let names: Vec<_> = left_out.map(|(column, _)| header(column)).collect();
    if !names.is_empty() {
        text.extend(["columns that do not fit: ", &names.join(", "), "\n"]);
    }
    let is_cut = |row: &[Cell<'_>]| row.iter().zip(&shown).any(|(cell, shown)| *shown && is_cut(cell));
    if rows.iter().any(|row| is_cut(row.as_ref())) {
        text.push_str("texts are cut at 500 characters (`…`); `--format json` shows all of them\n");
    }
    text
}

/// Returns `rows` as an array of objects, their members in the order of the columns, numbers in full precision.
///
/// # Examples
///
/// ```
/// use host::results::{Cell, Column, Kind, to_json};
///
/// let columns = [Column::new("fast", Kind::Integer), Column::new("sharpe", Kind::Number)];
/// let json = to_json(&columns, &[[Cell::from(5), Cell::Null]]);
/// assert_eq!(json.to_string(), r#"[{"fast":5,"sharpe":null}]"#);
/// ```
pub fn to_json<'a>(columns: &[Column], rows: &[impl AsRef<[Cell<'a>]>]) -> Value {
    let object = |row: &[Cell<'_>]| -> Map<String, Value> {
        columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), json(cell))).collect()
    };
    rows.iter().map(|row| Value::Object(object(row.as_ref()))).collect()
}

fn json(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => Value::from(*value),
        Cell::Integer(value) => Value::from(*value),
        Cell::Number(value) => json_number(*value),
        Cell::Text(value) | Cell::Time(_, value) => Value::from(value.as_ref()),
    }
}

/// The table before its columns have widths.
fn unarranged<'a>(columns: &[Column], rows: &[impl AsRef<[Cell<'a>]>], look: TableLook) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─'))).force_no_tty();
    if look.colour {
        table.enforce_styling();
    }
    if let Some(width) = look.width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    let bold = |column| comfy_table::Cell::new_owned(header(column)).add_attribute(Attribute::Bold);
    table.set_header(columns.iter().map(bold).collect::<Vec<_>>());
    let looks: Vec<_> = columns.iter().enumerate().map(|(at, column)| NumberLook::of(column, at, rows)).collect();
    for row in rows {
        table.add_row(row.as_ref().iter().zip(&looks).map(|(cell, look)| shown(cell, *look)));
    }
    for (column, arranged) in columns.iter().zip(table.column_iter_mut()) {
        let is_text = column.kind == Kind::Text;
        arranged.set_cell_alignment(if is_text { CellAlignment::Left } else { CellAlignment::Right });
    }
    table
}

/// Which columns fit into `width`, at least the first, where `widths` are those of their contents.
fn fitting(columns: &[Column], widths: &[u16], width: usize) -> Vec<bool> {
    let least = |at: usize| match columns[at].kind {
        Kind::Text => widths[at].min(TEXT_WIDTH),
        Kind::Boolean | Kind::Integer | Kind::Number | Kind::Time => widths[at],
    };
    let mut shown = vec![true; columns.len()];
    let spare = (1..columns.len()).rev().filter(|at| columns[*at].is_spare);
    let others = (1..columns.len()).rev().filter(|at| !columns[*at].is_spare);
    for at in spare.chain(others) {
        let taken = (0..columns.len()).filter(|at| shown[*at]).map(|at| usize::from(least(at) + GAP)).sum::<usize>();
        if taken <= width.saturating_add(usize::from(GAP)) {
            break;
        }
        shown[at] = false;
    }
    shown
}

fn header(column: &Column) -> String {
    text(&column.name)
}

/// A text as a cell shows it.
fn text(text: &str) -> String {
    printable(&shortened(text, LONGEST), Newlines::Join).into_owned()
}

fn is_cut(cell: &Cell<'_>) -> bool {
    matches!(cell, Cell::Text(text) if matches!(shortened(text, LONGEST), Cow::Owned(_)))
}

/// How the numbers of a column look.
#[derive(Debug, Clone, Copy)]
struct NumberLook {
    is_share: bool,
    /// The digits after the point with which they line up; none where each has its own.
    decimals: Option<usize>,
}

impl NumberLook {
    fn of<'a>(column: &Column, at: usize, rows: &[impl AsRef<[Cell<'a>]>]) -> Self {
        let numbers = rows.iter().filter_map(|row| match row.as_ref().get(at) {
            Some(Cell::Number(value)) if value.is_finite() => Some(*value),
            _ => None,
        });
        let decimals = if column.is_share { aligned_percents(numbers) } else { aligned_decimals(numbers) };
        Self { is_share: column.is_share, decimals }
    }

    fn text(self, value: f64) -> String {
        match self.decimals {
            decimals if self.is_share => percent_with(value, decimals),
            // Adding zero takes the sign from a zero.
            Some(decimals) => format!("{:.decimals$}", value + 0.0),
            None => rounded(value),
        }
    }
}

fn shown(cell: &Cell<'_>, look: NumberLook) -> String {
    match cell {
        Cell::Boolean(value) => value.to_string(),
        Cell::Integer(value) => value.to_string(),
        Cell::Number(value) if value.is_infinite() => value.to_string(),
        Cell::Number(value) if !value.is_nan() => look.text(*value),
        Cell::Null | Cell::Number(_) => "-".to_owned(),
        Cell::Text(value) | Cell::Time(_, value) => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> Vec<Column> {
        let columns = [
            ("task_id", Kind::Text),
            ("fast", Kind::Integer),
            ("sharpe", Kind::Number),
            ("trades", Kind::Integer),
            ("ruined", Kind::Boolean),
            ("error_message", Kind::Text),
        ];
        columns.map(|(name, kind)| Column::new(name, kind)).to_vec()
    }

    fn rows() -> Vec<Vec<Cell<'static>>> {
        let message = "the strategy panicked: index out of bounds: the len is 3 but the index is 7";
        vec![
            vec!["sweep-0".into(), 5.into(), 1.234_567_8.into(), 1200.into(), false.into(), Cell::Null],
            vec!["sweep-1".into(), 10.into(), (-0.5).into(), 7.into(), true.into(), Cell::Null],
            vec!["sweep-2".into(), 15.into(), Cell::Null, Cell::Null, Cell::Null, message.into()],
        ]
    }

    fn check(width: Option<u16>, expected: &str) {
        let table = render_table(&columns(), &rows(), TableLook { width, colour: false });
        assert_eq!(table, expected.trim_start_matches('\n'), "\n{table}");
        let longest = table
            .lines()
            .filter(|line| !line.starts_with("columns that"))
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0);
        assert!(width.is_none_or(|width| longest <= usize::from(width)), "\n{table}");
    }

    #[test]
    fn numbers_line_up_and_what_is_missing_is_a_dash() {
        check(
            None,
            "
task_id  fast   sharpe  trades  ruined  error_message
───────────────────────────────────────────────────────────────────────────────────────────────────────────────────
sweep-0     5   1.2346    1200   false  -
sweep-1    10  -0.5000       7    true  -
sweep-2    15        -       -       -  the strategy panicked: index out of bounds: the len is 3 but the index is 7
",
        );
    }

    #[test]
    fn texts_are_wrapped_where_the_width_does_not_suffice() {
        check(
            Some(72),
            "
task_id  fast   sharpe  trades  ruined  error_message
────────────────────────────────────────────────────────────────────────
sweep-0     5   1.2346    1200   false  -
sweep-1    10  -0.5000       7    true  -
sweep-2    15        -       -       -  the strategy panicked: index out
                                        of bounds: the len is 3 but the
                                        index is 7
",
        );
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        check(
            Some(30),
            "
task_id  fast   sharpe  trades
──────────────────────────────
sweep-0     5   1.2346    1200
sweep-1    10  -0.5000       7
sweep-2    15        -       -
columns that do not fit: ruined, error_message
",
        );
    }

    #[test]
    fn spare_columns_are_left_out_before_others() {
        let columns = ["rank", "sharpe", "trades", "out_sharpe"].map(|name| Column::new(name, Kind::Integer));
        let columns = columns.map(|column| if column.name == "trades" { column.spare() } else { column });
        let header = |width| {
            let table = render_table(
                &columns,
                &[[1, 2, 3, 4].map(Cell::from)],
                TableLook { width: Some(width), colour: false },
            );
            table.lines().next().unwrap_or_default().to_owned()
        };
        assert_eq!(header(32), "rank  sharpe  trades  out_sharpe");
        assert_eq!(header(31), "rank  sharpe  out_sharpe");
        assert_eq!(header(23), "rank  sharpe");
        assert_eq!(header(3), "rank");
    }

    #[test]
    fn shares_are_in_percent_and_stay_shares_in_json() {
        let columns = [Column::new("fast", Kind::Integer), Column::share("max_drawdown")];
        let rows = [[Cell::from(5), Cell::from(-0.587_14)], [Cell::from(10), Cell::from(-0.1)], [5.into(), Cell::Null]];
        let table = render_table(&columns, &rows, TableLook { width: Some(80), colour: false });
        let lines: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(lines, ["   5      -58.71 %", "  10      -10.00 %", "   5             -"], "{table}");
        assert_eq!(to_json(&columns, &rows)[0]["max_drawdown"], -0.587_14);
    }

    #[test]
    fn a_table_without_rows_has_a_header() {
        let table =
            render_table(&columns()[..2], &[] as &[Vec<Cell<'_>>], TableLook { width: Some(80), colour: false });
        assert_eq!(table, "task_id  fast\n─────────────\n");
    }

    #[test]
    fn a_long_text_is_cut_before_it_is_laid_out() {
        let long = "x".repeat(20 << 20);
        let rows = [vec![Cell::from(long.as_str())], vec![Cell::from("short")]];
        let table =
            render_table(&[Column::new("result", Kind::Text)], &rows, TableLook { width: Some(80), colour: false });
        assert!(table.len() < 2000 && table.contains("x…\n"), "{table}");
        assert!(table.ends_with("short\ntexts are cut at 500 characters (`…`); `--format json` shows all of them\n"));
        let exact = render_table(
            &[Column::new("result", Kind::Text)],
            &[[Cell::from(&long[..LONGEST])]],
            TableLook { width: None, colour: false },
        );
        assert!(exact.ends_with("x\n"), "{exact}");
    }

    #[test]
    fn escapes_come_from_the_caller_s_wish_for_colour_alone() {
        let column = [Column::new("\x1b[31mname", Kind::Text)];
        let rows = [[Cell::from("evil\x1b[2J\ntext")]];
        let plain = render_table(&column, &rows, TableLook { width: None, colour: false });
        assert_eq!(plain, "␛[31mname\n─────────────\nevil␛[2J text\n");
        let coloured = render_table(&column, &rows, TableLook { width: None, colour: true });
        assert_eq!(coloured, "\x1b[1m␛[31mname    \x1b[0m\n─────────────\nevil␛[2J text\n");
    }

    #[test]
    fn json_keeps_every_digit_and_the_order_of_columns() {
        let json = to_json(&columns()[1..4], &[[Cell::Null, Cell::from(0.1 + 0.2), Cell::from(i64::MAX)]]);
        assert_eq!(json.to_string(), r#"[{"fast":null,"sharpe":0.30000000000000004,"trades":9223372036854775807}]"#);
    }
}
