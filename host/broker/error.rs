//! The errors of settings and rules: what makes no sense, and the way out.
//!
//! Never decides what makes sense.

/// Why [`Settings`](super::Settings) are refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value that must be above zero is not.
    #[error("`{name}` is {value}; give a finite number above 0")]
    NotPositive {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// A cost is negative or not a number.
    #[error("`{name}` is {value}; give a finite number of 0 or more")]
    Negative {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// With this slippage a sale would bring nothing.
    #[error("`slippage_bps` is {value}; give less than 10000, which is the whole price")]
    Slippage {
        /// Basis points asked for.
        value: f64,
    },
    /// A margin is not a share.
    #[error("`{name}` is {value}; give a share above 0 and at most 1")]
    Margin {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// Positions could be opened that cannot be held.
    #[error("`maintenance_margin` is {maintenance}; give at most `initial_margin`, which is {initial}")]
    Maintenance {
        /// The share that holding takes.
        maintenance: f64,
        /// The share that opening takes.
        initial: f64,
    },
    /// The maximum of the commission is below its minimum.
    #[error("`commission_maximum` is {maximum}; give at least `commission_minimum`, which is {minimum}")]
    Commission {
        /// The most that an order costs.
        maximum: f64,
        /// The least.
        minimum: f64,
    },
    /// Slippage is counted in ticks, whose size is not set.
    #[error("`slippage_ticks` is {ticks}, but `tick` is not set; give the size of a tick in quote currency")]
    NoTick {
        /// Ticks asked for.
        ticks: f64,
    },
    /// A setting that a rule does not support.
    #[error("the rule `{rule}` does not support `{setting}`; leave one of them out")]
    Unknown {
        /// The rule and its choice.
        rule: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// The name of a rule is unknown.
    #[error("{problem}")]
    NoRule {
        /// The text, and the nearest rule.
        problem: String,
    },
    /// A text is not a choice of a rule.
    #[error("`{text}` is not a {what}; give one of {choices}")]
    Choice {
        /// The rule.
        what: &'static str,
        /// The text.
        text: String,
        /// All choices.
        choices: String,
    },
    /// A text is not a sizing.
    #[error("`{text}` is not a sizing; give `equity`, `units:N` or `cash:N` with N above 0")]
    Sizing {
        /// The text.
        text: String,
    },
    /// A text is not a fill price.
    #[error("`{text}` is not a fill price; give `next-open` or `close`")]
    FillAt {
        /// The text.
        text: String,
    },
}
