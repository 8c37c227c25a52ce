//! Bindings for Rust: what wit-bindgen makes of the contract, a file for each interface that a plugin can export.
//!
//! Never lays out a type itself: that is the generator's.

use wit_bindgen_core::{Files, WorldGenerator, wit_parser::Resolve};
use wit_bindgen_rust::{Opts, WithOption};

/// Each interface that a plugin can export has a world of its own, so that the SDK's `export!` takes just those that a
/// plugin has: its name, and what is in it.
pub(super) const WORLDS: [(&str, &str); 4] = [
    ("described", "import backtest:strategy/host@0.1.0; export backtest:strategy/metadata@0.1.0;"),
    ("signals", "export backtest:strategy/signals@0.1.0;"),
    ("events", "import backtest:strategy/broker@0.1.0; export backtest:strategy/events@0.1.0;"),
    ("task", "export backtest:strategy/task@0.1.0;"),
];

/// Returns the bindings of a world, which is in [`WORLDS`].
pub(super) fn bindings(name: &str, items: &str) -> String {
    let mut resolve = Resolve::default();
    resolve.push_path("wit/v0.1").unwrap();
    let text = format!("package backtest:sdk; world {name} {{ {items} }}");
    let package = resolve.push_str("worlds of the SDK", &text).unwrap();
    let world = resolve.select_world(&[package], Some(name)).unwrap();
    let mut files = Files::default();
    options(name).build().generate(&mut resolve, world, &mut files).unwrap();
    let (_, source) = files.iter().next().unwrap();
    String::from_utf8(source.to_vec()).unwrap()
}

/// The types that all interfaces share are in the first world; the others take them from there.
fn options(name: &str) -> Opts {
    let shared = ("backtest:strategy/types@0.1.0", "crate::bindings::described::backtest::strategy::types");
    let is_first = name == WORLDS[0].0;
    Opts {
        format: true,
        pub_export_macro: true,
        generate_all: true,
        runtime_path: Some("crate::bindings::runtime".to_owned()),
        additional_derive_attributes: if is_first { vec!["PartialEq".to_owned()] } else { Vec::new() },
        with: if is_first { Vec::new() } else { vec![(shared.0.to_owned(), WithOption::Path(shared.1.to_owned()))] },
        ..Opts::default()
    }
}
