//! The verdict in words: what speaks for luck, and what was to be beaten.

use crate::{
    results::rounded,
    trust::{Assessment, Verdict},
};

/// What must be beaten, in words, where `risk_free` is a fraction a year.
pub(super) fn rate_in_words(risk_free: f64) -> String {
    if risk_free == 0.0 { "cash".to_owned() } else { format!("{} % a year", rounded(risk_free * 100.0)) }
}

/// What speaks for luck, in words.
pub(super) fn reasons(found: &Assessment) -> Vec<&'static str> {
    let [deflated, overfitted, spa] = found.doubts();
    let overfitting = match &found.overfitting {
        Ok(_) => "the best of one half of the time is mostly in the worse half of all in the other half",
        Err(_) => "the time is too short to tell whether the best of one half does well in the other",
    };
    let reasons = [
        (deflated, "its Sharpe ratio is not clearly above what the best of so many worthless trials would show"),
        (overfitted, overfitting),
        (spa, "a sweep as good would come out often if no combination were worth anything"),
    ];
    reasons.into_iter().filter_map(|(holds, words)| holds.then_some(words)).collect()
}

/// The verdict in words, with its `reasons`.
pub(super) fn words(found: &Assessment, reasons: &[&str], risk_free: f64) -> String {
    let (reasons, rate) = (reasons.join("; "), rate_in_words(risk_free));
    match found.verdict() {
        Verdict::Noise if found.moments.sharpe() <= 0.0 => format!("No combination has beaten {rate}."),
        Verdict::Noise => format!("Luck alone could have made the best combination: {reasons}."),
        Verdict::Doubtful => format!("Luck may explain the best combination: {reasons}."),
        Verdict::Credible => format!(
            "Luck alone hardly explains that the best combination has beaten {rate}. Compare it with holding the instruments, too."
        ),
    }
}
