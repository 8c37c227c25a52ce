//! A table in Markdown that is printed as it grows.

use crate::measure::{Cost, Summary};

/// One table.
pub(crate) struct Table {
    unit: &'static str,
    /// Units in a second.
    scale: f64,
    columns: &'static [Column],
    begun: bool,
}

/// What is shown beside the two times.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Column {
    /// The most memory of a process.
    Peak,
    /// Processor time, as a multiple of the first line's in the same group.
    CpuRatio,
    /// Wall time, likewise.
    WallRatio,
}

impl Column {
    fn title(self) -> &'static str {
        match self {
            Self::Peak => "peak MiB",
            Self::CpuRatio => "CPU ratio",
            Self::WallRatio => "wall ratio",
        }
    }

    fn cell(self, Summary { cost, cpu_ratio, wall_ratio }: &Summary) -> String {
        match self {
            Self::Peak => cost.peak.map_or(String::new(), |bytes| format!("{:.0}", bytes / f64::from(1 << 20))),
            Self::CpuRatio => format!("{cpu_ratio:.2}"),
            Self::WallRatio => format!("{wall_ratio:.2}"),
        }
    }
}

impl Table {
    /// An empty table of times in `unit`, of which `scale` are a second.
    pub(crate) fn new(unit: &'static str, scale: f64, columns: &'static [Column]) -> Self {
        Self { unit, scale, columns, begun: false }
    }

    /// Whether there is a line.
    pub(crate) fn begun(&self) -> bool {
        self.begun
    }

    /// Prints a line for each of `ways`.
    pub(crate) fn add(&mut self, group: &str, ways: &[(String, Summary)]) {
        if !self.begun {
            self.begun = true;
            println!();
            line(
                self.unit,
                "",
                &["CPU".into(), "wall".into()],
                self.columns.iter().map(|column| column.title().into()),
            );
            line("---", "---", &["--:".into(), "--:".into()], self.columns.iter().map(|_| "--:".into()));
        }
        for (name, summary) in ways {
            let Cost { cpu, wall, .. } = summary.cost;
            let times = [cpu, wall].map(|seconds| number(seconds * self.scale));
            line(group, name, &times, self.columns.iter().map(|column| column.cell(summary)));
        }
    }
}

fn line(group: &str, name: &str, times: &[String], more: impl Iterator<Item = String>) {
    let cells: Vec<String> = times.iter().cloned().chain(more).collect();
    println!("| {group} | {name} | {} |", cells.join(" | "));
}

/// Three digits that count, and all before the point.
fn number(value: f64) -> String {
    match value {
        ..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
