//! Hot swap: a new build of a plugin takes over by name while whoever holds the old one keeps it.
//!
//!     cargo run --release --example swap_plugins

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, sync::Arc};

use host::{
    backtest::{Backtest, Market, Settings, WorkerState},
    bundled,
    data::Dataset,
    model::Params,
    registry::{Policy, Registry, Version},
    sandbox::{Limits, Sandbox},
};

fn main() -> Result<(), Box<dyn Error>> {
    let market = Arc::new(Market::new(Dataset::bundled()?, Settings::default())?);
    let mut policy = Policy::new(&market)?;
    // The two builds take different parameters, as builds of one strategy should not.
    policy.may_lose_parameters = true;
    let registry = Registry::new(&Sandbox::new(1, Limits::default())?, policy)?;
    registry.offer("mine", bytes("sma_cross")?)?;
    let pinned = registry.pin("mine").ok_or("the first build is refused")?;

    // A build that is not good is refused with its reason, and the one before it goes on serving.
    if let Err(refusal) = registry.offer("mine", b"not a plugin".to_vec()) {
        println!("refused: {}", refusal.text());
    }
    registry.offer("mine", bytes("momentum")?)?;
    let current = registry.pin("mine").ok_or("the second build is refused")?;
    for version in [&pinned, &current] {
        println!("generation {} has a Sharpe ratio of {:?}", version.generation(), sharpe(&market, version)?);
    }
    for entry in registry.entries() {
        println!("{}: {}", entry.event.as_str(), entry.message);
    }
    Ok(())
}

fn bytes(name: &str) -> Result<Vec<u8>, String> {
    bundled::bytes(name).map(<[u8]>::to_vec).ok_or_else(|| format!("`{name}` is not a bundled plugin"))
}

/// Runs a version with its defaults.
fn sharpe(market: &Arc<Market>, version: &Version) -> Result<Option<f64>, Box<dyn Error>> {
    let backtest = Backtest::new(Arc::clone(market), version.plugin().clone().into())?;
    let defaults = version.plugin().description().resolve(&Params::new())?;
    Ok(backtest.run(&mut WorkerState::default(), &defaults).outcome?.sharpe)
}
