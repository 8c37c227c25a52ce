//! The exposition formats of `/metrics`, OpenMetrics and Prometheus text, and which of them a client accepts.
//!
//! Never counts anything.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, header};

/// A format of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposition {
    OpenMetrics,
    Prometheus,
}

impl Exposition {
    /// The format that the client likes best, OpenMetrics where it does not care; `None` if it accepts neither.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let accepts: Vec<_> =
            headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok()).collect();
        let accept = accepts.join(",");
        if accept.trim().is_empty() {
            return Some(Self::OpenMetrics);
        }
        let quality = |format: Self| quality(&accept, format.essence());
        let (open, text) = (quality(Self::OpenMetrics), quality(Self::Prometheus));
        let best = if text > open { Self::Prometheus } else { Self::OpenMetrics };
        (open.max(text) > 0.0).then_some(best)
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    fn essence(self) -> &'static str {
        self.media_type().split(';').next().unwrap_or_default()
    }

    /// `text`, which is OpenMetrics, in this format.
    pub(super) fn written(self, text: String) -> String {
        if self == Self::OpenMetrics { text } else { in_prometheus(&text) }
    }
}

/// How much `accept` likes a media type, from 0 to 1. Of several ranges that have it, the narrowest counts.
fn quality(accept: &str, essence: &str) -> f64 {
    let kind = essence.split('/').next().unwrap_or_default();
    let of = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let width = match parts.next()?.to_ascii_lowercase() {
            range if range == essence => 2,
            range if range.strip_suffix("/*") == Some(kind) => 1,
            range if range == "*/*" => 0,
            _ => return None,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |weight| weight.parse().ok());
        Some((width, weight.unwrap_or(0.0)))
    };
    accept.split(',').filter_map(of).max_by_key(|(width, _)| *width).map_or(0.0, |(_, weight)| weight)
}

/// Text in the format of Prometheus, in which a counter is called as its samples are, and the end is not marked.
fn in_prometheus(text: &str) -> String {
    let counter = |line: &str| Some(line.strip_prefix("# TYPE ")?.strip_suffix(" counter")?.to_owned());
    let counters: BTreeSet<_> = text.lines().filter_map(counter).collect();
    let line = |line: &str| match line.splitn(4, ' ').collect::<Vec<_>>()[..] {
        ["#", what, name, rest] if counters.contains(name) => format!("# {what} {name}_total {rest}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().filter(|line| *line != "# EOF").map(line).collect()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_gets_the_format_that_it_likes_best() {
        let of = |accept: &'static str| {
            Exposition::of(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        let (open, text) = (Some(Exposition::OpenMetrics), Some(Exposition::Prometheus));
        assert_eq!(Exposition::of(&HeaderMap::new()), open);
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for accept in ["", "*/*", "application/*", "APPLICATION/openmetrics-text", "text/html, */*;q=0.1", prometheus] {
            assert_eq!(of(accept), open, "{accept}");
        }
        for accept in ["text/plain", "text/*", "text/plain;version=0.0.4, */*;q=0.5", "application/*;q=0, */*"] {
            assert_eq!(of(accept), text, "{accept}");
        }
        for accept in ["application/json", "text/html", "*/*;q=0", "text/plain;q=none"] {
            assert_eq!(of(accept), None, "{accept}");
        }
    }

    #[test]
    fn counters_are_called_as_their_samples_in_the_format_of_prometheus() {
        let text = "# HELP tasks All of them.\n# TYPE tasks counter\ntasks_total{kind=\"a b\"} 3\n# HELP now A gauge.\n\
                    # TYPE now gauge\nnow 1\n# EOF\n";
        let expected = "# HELP tasks_total All of them.\n# TYPE tasks_total counter\ntasks_total{kind=\"a b\"} 3\n\
                        # HELP now A gauge.\n# TYPE now gauge\nnow 1\n";
        assert_eq!(Exposition::Prometheus.written(text.to_owned()), expected);
        assert_eq!(Exposition::OpenMetrics.written(text.to_owned()), text);
    }
}
