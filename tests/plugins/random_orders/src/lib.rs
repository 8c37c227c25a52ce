//! Random orders: sends commands that follow from a seed and from how much was heard, and logs a hash of all that was heard.
//!
//! Never looks at a price but to be near it. Two ways of running it agree only if every call had the same numbers.

use backtest_sdk::{
    Bar, Broker, Description, Error, Event, EventStrategy, Fill, Order, OrderId, Params, Reason, export, log,
};

/// What to do, and what was heard.
#[derive(Debug)]
pub struct RandomOrders {
    seed: u64,
    every: u64,
    mutes: bool,
    says: bool,
    trap_at: u64,
    instruments: usize,
    /// Events so far, and the hash of their numbers.
    events: u64,
    heard: u64,
    last: Option<OrderId>,
    closes: Vec<f64>,
    time: i64,
}

fn mix(bits: u64) -> u64 {
    let mut bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits ^= bits >> 29;
    bits = bits.wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 32)
}

impl RandomOrders {
    /// Logs `what`, if it is to.
    fn say(&self, what: impl std::fmt::Display) {
        if self.says {
            log::debug(what);
        }
    }

    fn hear(&mut self, numbers: &[u64], broker: &mut Broker) {
        self.events += 1;
        self.heard = numbers.iter().fold(self.heard, |heard, number| mix(heard.rotate_left(5) ^ number));
        assert!(self.events != self.trap_at, "event {} is the last", self.events);
        if self.random(0).is_multiple_of(self.every) {
            self.act(broker);
        }
    }

    /// A number that follows from the seed and the events so far.
    fn random(&self, which: u64) -> u64 {
        mix(self.seed ^ mix(self.events ^ (which << 40)))
    }

    fn share(&self, which: u64) -> f64 {
        (self.random(which) % 10_001) as f64 / 10_000.0
    }

    fn act(&mut self, broker: &mut Broker) {
        let instrument = (self.random(1) % (self.instruments as u64 + 1)) as usize;
        match self.random(2) % 16 {
            0..=7 => self.last = Some(broker.order(self.order(instrument))),
            8..=9 => {
                let entry = broker.order(self.order(instrument));
                let close = self.closes.get(instrument).copied().unwrap_or(50.0);
                let near = |share: f64| Some(close * (0.95 + 0.1 * share));
                broker.bracket(
                    entry,
                    near(self.share(3)),
                    if self.random(4).is_multiple_of(4) { None } else { near(self.share(5)) },
                );
                self.last = Some(entry);
            }
            10..=12 => broker.target(instrument, 2.4 * self.share(6) - 1.2),
            13 => {
                if let Some(last) = self.last {
                    broker.one_cancels_other(last, OrderId::new(last.number().saturating_sub(1 + self.random(7) % 3)));
                }
            }
            14 => {
                if let Some(last) = self.last {
                    broker.cancel(OrderId::new(last.number().saturating_sub(self.random(8) % 3)));
                }
            }
            _ if self.mutes => {
                broker.mute([Event::Bar, Event::Time, Event::Fill, Event::Reject][(self.random(9) % 4) as usize]);
            }
            _ => {}
        }
    }

    fn order(&self, instrument: usize) -> Order {
        let close = self.closes.get(instrument).copied().unwrap_or(50.0);
        let [limit, stop] = [10, 11].map(|which| close * (0.96 + 0.08 * self.share(which)));
        let measure = self.random(14) % 8;
        let quantity = match measure {
            0 => 1.5 * self.share(15),
            1 => 20_000.0 * self.share(15),
            _ => 0.1 + 150.0 * self.share(12),
        };
        let buys = self.random(13).is_multiple_of(2);
        let order = if buys { Order::buy(instrument, quantity) } else { Order::sell(instrument, quantity) };
        let order = match measure {
            0 => order.of_equity(),
            1 => order.of_value(),
            _ => order,
        };
        let order = match self.random(16) % 8 {
            0 | 1 => order,
            2 | 3 => order.limit(limit),
            4 => order.stop(stop),
            5 => order.limit(limit).stop(stop),
            6 => order.trailing_stop(close * 0.05 * self.share(17)),
            _ => order.trailing_stop_percent(0.002 + 0.05 * self.share(17)),
        };
        let order = match self.random(18) % 8 {
            0 => order.day(),
            1 => order.immediate_or_cancel(),
            2 => order.until(self.time + (self.random(19) % 200) as i64 * 3_600_000_000_000),
            _ => order,
        };
        if self.random(20).is_multiple_of(5) { order.reduce_only() } else { order }
    }
}

impl EventStrategy for RandomOrders {
    fn describe() -> Description {
        Description::new(
            "random_orders",
            env!("CARGO_PKG_VERSION"),
            "Sends random orders, and logs a hash of what it hears.",
        )
        .integer("seed", "what the orders follow from", 0)
        .integer("every", "one in so many events is answered", 5)
        .at_least(1)
        .boolean("mutes", "whether events are muted, too", false)
        .boolean(
            "says",
            "whether bars, ends of time stamps and fills are logged: the time that is told, or `fill`",
            false,
        )
        .integer("trap_at", "the number of the event at which it panics; 0 for none", 0)
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        Ok(Self {
            seed: params.integer("seed")?.cast_unsigned(),
            every: params.integer("every")?.cast_unsigned(),
            mutes: params.boolean("mutes")?,
            says: params.boolean("says")?,
            trap_at: params.integer("trap_at")?.cast_unsigned(),
            instruments: symbols.len(),
            events: 0,
            heard: 0,
            last: None,
            closes: vec![50.0; symbols.len()],
            time: 0,
        })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        (self.closes[bar.instrument], self.time) = (bar.close, bar.time);
        self.say(bar.time);
        let prices = [bar.open, bar.high, bar.low, bar.close, bar.volume, bar.position, bar.equity].map(f64::to_bits);
        self.hear(&[1, bar.instrument as u64, bar.time.cast_unsigned()], broker);
        self.heard = prices.iter().fold(self.heard, |heard, number| mix(heard.rotate_left(5) ^ number));
    }

    fn on_time(&mut self, time: i64, equity: f64, broker: &mut Broker) {
        self.say(time);
        self.hear(&[2, time.cast_unsigned(), equity.to_bits()], broker);
    }

    fn on_fill(&mut self, fill: &Fill, broker: &mut Broker) {
        self.say("fill");
        let numbers = [fill.quantity, fill.price, fill.fee].map(f64::to_bits);
        self.hear(&[3, fill.order.map_or(0, OrderId::number), numbers[0], numbers[1], numbers[2]], broker);
    }

    fn on_reject(&mut self, order: OrderId, reason: Reason, broker: &mut Broker) {
        self.hear(&[4, order.number(), reason as u64], broker);
    }

    fn finish(&mut self) {
        log::info(format_args!("{} events, {:016x}", self.events, self.heard));
    }
}

export!(events RandomOrders);
