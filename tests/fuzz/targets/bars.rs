//! Checks of bars that were read from foreign bytes: every promise of `host::data` about what it hands out.

use std::path::Path;

use host::{
    data::{DataError, Dataset, LoadOptions, Loaded},
    model::Series,
};

use super::{message, replaced};

/// Reads `content` from a file called `name`, strictly and leniently, and checks what comes out.
pub(super) fn check(name: &str, content: &[u8]) {
    let path = replaced::file(name, content);
    for options in [LoadOptions::default(), lenient()] {
        drop(check_load(&path, &options));
    }
}

/// Reads the file at `path` and checks what comes out.
pub(super) fn check_load(path: &Path, options: &LoadOptions) -> Result<Loaded, DataError> {
    let loaded = Dataset::load(&[path.to_owned()], options);
    match &loaded {
        Ok(loaded) => check_loaded(loaded, options),
        Err(error) => message::check(error),
    }
    loaded
}

/// What mends the most.
fn lenient() -> LoadOptions {
    LoadOptions { sort: true, drop_bad: true, negative_prices: true, ..LoadOptions::default() }
}

fn check_loaded(loaded: &Loaded, options: &LoadOptions) {
    let dataset = &loaded.dataset;
    assert!(!dataset.series().is_empty(), "a data set has an instrument");
    dataset.series().iter().for_each(|one| check_series(one, options.negative_prices));
    message::check_text(&dataset.summary());
    loaded.notices.iter().for_each(|notice| message::check_text(notice));
    let again = if options.negative_prices { Dataset::with_negative_prices } else { Dataset::new };
    let again = again(dataset.series().to_vec()).expect("bars that were read are bars that can be given");
    assert_eq!(again.fingerprint(), dataset.fingerprint(), "the same bars have the same fingerprint");
}

fn check_series(series: &Series, negative_prices: bool) {
    assert!(!series.is_empty() && !series.symbol.is_empty(), "an instrument has a name and bars");
    assert!(series.time.is_sorted_by(|one, next| one < next), "times are strictly increasing");
    let columns = [&series.open, &series.high, &series.low, &series.close, &series.volume];
    for column in columns {
        assert_eq!(column.len(), series.time.len(), "columns have one length");
        assert!(column.iter().all(|value| value.is_finite()), "a value is not finite");
    }
    for column in &columns[..4] {
        assert!(negative_prices || column.iter().all(|price| *price > 0.0), "a price is zero or below");
    }
    assert!(series.high.iter().zip(&series.low).all(|(high, low)| high >= low), "a high is below its low");
    assert!(series.volume.iter().all(|volume| *volume >= 0.0 && volume.is_sign_positive()), "a volume is below zero");
}
