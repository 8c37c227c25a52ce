//! What orders must not come to where rules, volume and other orders meet: no price that nobody could have had, no order
//! that is lost, and no end to what a strategy may ask for.

use super::{
    Settings,
    order_tests::{bars, buy, flat, run, send},
};

#[test]
fn impact_alone_sets_no_limit_to_volume() {
    let series = [bars(&[flat(10.0), flat(10.0)])];
    let settings = Settings { slippage_impact: 0.5, ..Settings::default() };
    assert_eq!(send(&series, settings, &[buy(50.0)]).fills(), [(1, 1, 50.0, 10.0 + 0.5 * 0.5 * 0.5 * 10.0)]);
    let run = run(&series, settings, |bar, commands| {
        if bar == 0 {
            commands.target(0, 0.05)
        }
    });
    assert_eq!(run.fills(), [(0, 1, 50.0, 10.0 + 0.5 * 0.5 * 0.5 * 10.0)]);
}
