//! Faulty bar by bar: does what `behaviour` says, so that a host can show that it survives it.
//!
//! Never useful: when it behaves, it buys one unit at the first bar and sells it at the third.

use std::hint::black_box;

use backtest_sdk::{Bar, Broker, Description, Error, EventStrategy, Fill, Order, OrderId, Params, export, log};

/// What to do, and what it has come to.
#[derive(Debug)]
pub struct FaultyEvents {
    behaviour: String,
    bars: usize,
    first: Option<OrderId>,
}

const BEHAVIOURS: [&str; 19] = [
    "fine",
    "nan-quantity",
    "zero-quantity",
    "negative-quantity",
    "infinite-limit",
    "limit-on-trailing",
    "unknown-instrument",
    "unknown-order",
    "cancel-twice",
    "infinite-target",
    "flood",
    "flood-on-fill",
    "chain",
    "trap",
    "panic",
    "fail",
    "refuse",
    "loop",
    "memory",
];

impl EventStrategy for FaultyEvents {
    fn describe() -> Description {
        Description::new("faulty_events", env!("CARGO_PKG_VERSION"), "Misbehaves bar by bar in every way there is.")
            .text("behaviour", "what to do", "fine")
            .one_of(BEHAVIOURS)
            .integer("seed", "tells tasks apart", 0)
    }

    fn start(_: Vec<String>, params: &Params) -> Result<Self, Error> {
        let behaviour = params.text("behaviour")?.to_owned();
        if behaviour == "refuse" {
            return Err(Error::invalid(format!("seed {} does not go with behaviour refuse", params.integer("seed")?)));
        }
        Ok(Self { behaviour, bars: 0, first: None })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let buy = |quantity| Order::buy(bar.instrument, quantity);
        match self.behaviour.as_str() {
            "nan-quantity" => {
                broker.order(buy(f64::NAN));
            }
            "zero-quantity" => {
                broker.order(buy(0.0));
            }
            "negative-quantity" => {
                broker.order(buy(-1.0));
            }
            "infinite-limit" => {
                broker.order(buy(1.0).limit(f64::INFINITY));
            }
            "limit-on-trailing" => {
                broker.order(buy(1.0).trailing_stop(1.0).limit(bar.close));
            }
            "unknown-instrument" => {
                broker.buy(1_000_000, 1.0);
            }
            "unknown-order" => self.meddle(broker),
            "cancel-twice" => (0..2).for_each(|_| self.cancel_first(bar, broker)),
            "infinite-target" => broker.target(bar.instrument, f64::INFINITY),
            "flood" => {
                for _ in 0..200_000 {
                    broker.buy(bar.instrument, 1.0);
                }
            }
            "trap" => trap(),
            "panic" => panic!("this bar was told to panic"),
            "fail" => broker.fail("this bar was told to fail"),
            "loop" => spin(),
            "memory" => hoard(),
            _ => self.behave(bar, broker),
        }
        self.bars += 1;
    }

    fn on_fill(&mut self, fill: &Fill, broker: &mut Broker) {
        match self.behaviour.as_str() {
            "flood-on-fill" => loop {
                broker.buy(fill.instrument, 1.0);
            },
            // Each fill sends the next order, for as long as there are fills.
            "chain" => {
                broker.order(Order::buy(fill.instrument, 0.001));
            }
            _ => log::debug(format!("{} at {}", fill.quantity, fill.price)),
        }
    }
}

impl FaultyEvents {
    fn behave(&self, bar: &Bar, broker: &mut Broker) {
        match self.bars {
            0 => {
                broker.buy(bar.instrument, 1.0);
            }
            2 => {
                broker.sell(bar.instrument, 1.0);
            }
            _ => {}
        }
    }

    /// Does with an order that does not exist everything that one can do with an order.
    fn meddle(&self, broker: &mut Broker) {
        let unknown = OrderId::new(u64::MAX);
        broker.cancel(unknown);
        broker.bracket(unknown, 1.0, None);
        broker.one_cancels_other(unknown, unknown);
    }

    fn cancel_first(&mut self, bar: &Bar, broker: &mut Broker) {
        let first = *self.first.get_or_insert_with(|| broker.order(Order::buy(bar.instrument, 1.0).limit(0.001)));
        broker.cancel(first);
    }
}

/// Runs for ever. The black box keeps the compiler from seeing that nothing comes of it.
#[inline(never)]
fn spin() {
    let mut turns = 0u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Takes memory and writes to all of it, for ever.
#[inline(never)]
fn hoard() {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1u8; 1 << 20]));
    }
}

#[cfg(target_arch = "wasm32")]
#[inline(never)]
fn trap() {
    std::arch::wasm32::unreachable()
}

#[cfg(not(target_arch = "wasm32"))]
fn trap() {
    std::process::abort()
}

export!(events FaultyEvents);

#[cfg(test)]
mod tests {
    use backtest_sdk::{Command, testing};

    use super::*;

    fn run(behaviour: &str) -> Result<Vec<Vec<Command>>, Error> {
        let data = vec![testing::series("ACME", &[1.0, 2.0, 3.0])];
        testing::play::<FaultyEvents>(data, &[("behaviour", behaviour.into())])
    }

    #[test]
    fn a_fine_one_buys_and_sells() {
        let orders = [vec![Order::buy(0, 1.0)], vec![], vec![Order::sell(0, 1.0)]];
        let orders = orders.map(|orders| orders.into_iter().map(Command::Order).collect::<Vec<_>>());
        assert_eq!(run("fine").as_deref(), Ok(orders.as_slice()));
    }

    #[test]
    fn nonsense_is_sent_as_it_is() {
        assert_eq!(run("negative-quantity").unwrap()[0], [Command::Order(Order::buy(0, -1.0))]);
        assert_eq!(run("flood").unwrap()[0].len(), 200_000);
        let cancel = Command::Cancel(OrderId::new(1));
        assert_eq!(run("cancel-twice").unwrap()[0][1..], [cancel, cancel]);
    }

    #[test]
    fn errors_are_of_both_kinds() {
        assert_eq!(run("refuse"), Err(Error::invalid("seed 0 does not go with behaviour refuse")));
        assert_eq!(run("fail"), Err(Error::failed("this bar was told to fail")));
    }
}
