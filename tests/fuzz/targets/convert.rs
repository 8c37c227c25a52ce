//! Bars written as Parquet: what can be read can be converted, and reads the same without options.

use host::{
    cli::{self, Exit, Interrupt, Terminal},
    data::{Dataset, LoadOptions},
};

use super::{message, replaced};

/// Why bars that can be read are not written, each with its way out.
const REFUSALS: [&str; 2] = ["differ in zone, session or bar time", "have several offsets from UTC"];

/// Reads the input as a file of bars, and converts it.
pub(super) fn run(input: &[u8]) {
    let path = replaced::file("bars.csv", input);
    let is_read = Dataset::load(std::slice::from_ref(&path), &LoadOptions::default()).is_ok();
    let out = replaced::folder().join("bars.parquet");
    let words = ["host", "data", "convert"].map(Into::into).into_iter();
    let words = words.chain([path.into_os_string(), "--out".into(), out.into_os_string()]);
    let (mut said, mut errors) = (Vec::new(), Vec::new());
    let exit = cli::run(words, &mut said, &mut errors, Terminal::default(), &Interrupt::default());
    let errors = String::from_utf8(errors).expect("what is printed is UTF-8");
    assert!(said.is_empty(), "nothing is data");
    match (is_read, exit) {
        (true, Exit::Success) => {}
        (true, _) => assert!(REFUSALS.iter().any(|refusal| errors.contains(refusal)), "{errors}"),
        (false, exit) => {
            assert_eq!(exit, Exit::BadInput, "{errors}");
            message::check_text(&errors);
        }
    }
}
