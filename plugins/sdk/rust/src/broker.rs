//! Where a strategy sends its orders.
//!
//! Never trades. In a component everything goes to the host at once; natively it is kept, for
//! [`testing`](crate::testing) to look at.

use crate::{Error, Event, Order, OrderId};

/// The broker, as a strategy that hears of bars sees it. Nothing answers at once: what an order comes to is heard through
/// [`on_fill`](crate::EventStrategy::on_fill) and [`on_reject`](crate::EventStrategy::on_reject).
#[derive(Debug)]
pub struct Broker {
    /// What was last asked for of each instrument by [`Broker::hold`].
    held: Vec<f64>,
    #[cfg(not(target_arch = "wasm32"))]
    native: native::Desk,
}

/// One thing that a strategy asks of the broker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    /// An order.
    Order(Order),
    /// Exits for an entry: a stop and a limit, in quote currency for one unit.
    Bracket {
        /// The entry.
        entry: OrderId,
        /// The price of the stop, if there is one.
        stop_loss: Option<f64>,
        /// The price of the limit, if there is one.
        take_profit: Option<f64>,
    },
    /// Two orders, of which only one is to be filled.
    OneCancelsOther(OrderId, OrderId),
    /// An order that is taken back.
    Cancel(OrderId),
    /// A share of equity to hold in an instrument.
    Target {
        /// Index of the instrument.
        instrument: usize,
        /// The share: 1 is fully long, 0 flat, -1 fully short.
        exposure: f64,
    },
    /// An event that is not to be heard any more.
    Mute(Event),
}

/// The two exits of a bracket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exits {
    /// The stop at the loss.
    pub stop_loss: OrderId,
    /// The limit at the profit.
    pub take_profit: OrderId,
}

impl Broker {
    /// A broker for `instruments` of them.
    pub(crate) fn new(instruments: usize) -> Self {
        Self {
            held: vec![0.0; instruments],
            #[cfg(not(target_arch = "wasm32"))]
            native: native::Desk::default(),
        }
    }

    /// The number of instruments.
    pub fn instruments(&self) -> usize {
        self.held.len()
    }

    /// The share of equity that each instrument gets when all get the same: 1 where there is only one.
    pub fn share(&self) -> f64 {
        1.0 / self.held.len().max(1) as f64
    }

    /// Sends `order`. It can be filled from the instrument's next bar on, or at this close where the user asks for it.
    #[inline]
    pub fn order(&mut self, order: Order) -> OrderId {
        OrderId::new(self.send(Command::Order(order)))
    }

    /// Buys so many `units` at the next price there is.
    pub fn buy(&mut self, instrument: usize, units: f64) -> OrderId {
        self.order(Order::buy(instrument, units))
    }

    /// Sells so many `units` at the next price there is. What is not held is sold short.
    pub fn sell(&mut self, instrument: usize, units: f64) -> OrderId {
        self.order(Order::sell(instrument, units))
    }

    /// Attaches exits to an entry that is open: a stop at `stop_loss` and a limit at `take_profit`, in quote currency for
    /// one unit, or `None`. They wait until the entry is filled, only reduce, and one cancels the other.
    pub fn bracket(
        &mut self,
        entry: OrderId,
        stop_loss: impl Into<Option<f64>>,
        take_profit: impl Into<Option<f64>>,
    ) -> Exits {
        let (stop_loss, take_profit) = (stop_loss.into(), take_profit.into());
        let number = self.send(Command::Bracket { entry, stop_loss, take_profit });
        Exits { stop_loss: OrderId::new(number), take_profit: OrderId::new(number + 1) }
    }

    /// Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
    /// or cancelled cancels the other.
    pub fn one_cancels_other(&mut self, first: OrderId, second: OrderId) {
        self.send(Command::OneCancelsOther(first, second));
    }

    /// Cancels an open order, and the exits that still wait for it.
    pub fn cancel(&mut self, order: OrderId) {
        self.send(Command::Cancel(order));
    }

    /// Asks for `exposure` of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask for
    /// a rebalance.
    #[inline]
    pub fn target(&mut self, instrument: usize, exposure: f64) {
        self.send(Command::Target { instrument, exposure });
    }

    /// Asks for `exposure` of equity in an instrument, unless that was the last thing asked for here. Before the first,
    /// nothing is held.
    #[inline]
    pub fn hold(&mut self, instrument: usize, exposure: f64) {
        if self.held(instrument) != exposure {
            if let Some(held) = self.held.get_mut(instrument) {
                *held = exposure;
            }
            self.target(instrument, exposure);
        }
    }

    /// What [`hold`](Self::hold) has last asked for.
    #[inline]
    pub fn held(&self, instrument: usize) -> f64 {
        self.held.get(instrument).copied().unwrap_or(0.0)
    }

    /// From now on, does not call the strategy for `event`. What is not called costs no time.
    pub fn mute(&mut self, event: Event) {
        self.send(Command::Mute(event));
    }

    /// Ends the task as failed.
    pub fn fail(&mut self, why: impl Into<Error>) -> ! {
        end(why.into())
    }

    /// Sends anything, and returns the number of the first order that it makes.
    #[cfg(target_arch = "wasm32")]
    #[inline(always)]
    fn send(&mut self, command: Command) -> u64 {
        use crate::bindings::events::backtest::strategy::broker;
        match command {
            Command::Order(order) => {
                return broker::submit(
                    order.instrument as u32,
                    order.side,
                    order.kind(),
                    order.quantity,
                    order.measure,
                    order.limit.unwrap_or(f64::NAN),
                    order.stop_price(),
                    order.time_in_force,
                    order.until,
                    order.reduce_only,
                );
            }
            Command::Bracket { entry, stop_loss, take_profit } => {
                let [stop_loss, take_profit] = [stop_loss, take_profit].map(|price| price.unwrap_or(f64::NAN));
                return broker::bracket(entry.number(), stop_loss, take_profit);
            }
            Command::OneCancelsOther(first, second) => broker::one_cancels_other(first.number(), second.number()),
            Command::Cancel(order) => broker::cancel(order.number()),
            Command::Target { instrument, exposure } => broker::target(instrument as u32, exposure),
            Command::Mute(event) => broker::mute(event),
        }
        0
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn send(&mut self, command: Command) -> u64 {
        self.native.send(command)
    }

    /// Takes what was sent since it was last taken.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn take(&mut self) -> Vec<Command> {
        self.native.take()
    }
}

#[cfg(target_arch = "wasm32")]
#[cold]
fn end(why: Error) -> ! {
    crate::bindings::events::backtest::strategy::broker::fail(&why);
    unreachable!("the host ends a task that fails")
}

/// Natively the error is thrown to where the strategy is played, which catches it.
#[cfg(not(target_arch = "wasm32"))]
fn end(why: Error) -> ! {
    std::panic::resume_unwind(Box::new(why))
}

/// What stands for the host outside of a component.
#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::Command;

    /// What was sent, and the number of the last order.
    #[derive(Debug, Default)]
    pub(super) struct Desk {
        sent: Vec<Command>,
        last: u64,
    }

    impl Desk {
        pub(super) fn send(&mut self, command: Command) -> u64 {
            let orders = match command {
                Command::Order(_) => 1,
                Command::Bracket { .. } => 2,
                _ => 0,
            };
            let first = self.last + 1;
            self.last += orders;
            self.sent.push(command);
            first
        }

        pub(super) fn take(&mut self) -> Vec<Command> {
            std::mem::take(&mut self.sent)
        }
    }
}
