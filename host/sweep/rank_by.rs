//! What combinations are ranked by, and the share of the bars that ranks them, as a request says it.
//!
//! Never ranks.

use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// What results are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RankBy {
    /// Their own value of the objective.
    #[default]
    Value,
    /// How well their neighbours in the grid do.
    Plateau,
}

impl FromStr for RankBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "value" => Ok(Self::Value),
            "plateau" => Ok(Self::Plateau),
            _ => Err(format!("`{text}` is not a way to rank; give `value` or `plateau`")),
        }
    }
}

/// The share of the bars that combinations are chosen by: above 0 and below 1. Written `70%` or `0.7`.
///
/// # Examples
///
/// ```
/// use host::sweep::SplitShare;
///
/// assert_eq!("70%".parse(), Ok(SplitShare::new(0.7).unwrap()));
/// assert!("100%".parse::<SplitShare>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SplitShare(f64);

impl SplitShare {
    /// This share; `None` unless it is above 0 and below 1.
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    pub(super) fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for SplitShare {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().map(|percent: f64| percent / 100.0),
            None => text.trim().parse().ok(),
        };
        let problem = || format!("`{text}` is not a share of the bars; give one between 0 and 1, such as `70%`");
        share.and_then(Self::new).ok_or_else(problem)
    }
}

impl<'de> Deserialize<'de> for SplitShare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a share of the bars, such as 0.7 or \"70%\"")]
        enum Written {
            Number(f64),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(share) => share.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_share_is_refused() {
        for text in ["", "0", "1", "70", "-0.1", "nan", "0%", "100%", "x%"] {
            assert!(text.parse::<SplitShare>().unwrap_err().contains("70%"), "{text}");
        }
        assert_eq!("0.7".parse::<SplitShare>(), "70 %".parse());
    }

    #[test]
    fn a_share_is_a_number_or_a_text_in_a_request() {
        let of = |json: &str| serde_json::from_str::<SplitShare>(json);
        assert_eq!(of("0.7").unwrap(), of("\"70%\"").unwrap());
        assert_eq!(serde_json::to_string(&of("\"70%\"").unwrap()).unwrap(), "0.7");
        assert!(of("1").unwrap_err().to_string().contains("`1` is not a share"));
        assert!(of("true").unwrap_err().to_string().contains("a share of the bars"));
    }
}
