//! Bracket: buys when the fast average of the closes crosses above the slow one, and leaves at a loss, at a profit, or
//! when it crosses back.
//!
//! The stop and the limit are orders of their own, attached to the entry. Never sells short.

use std::collections::VecDeque;

use backtest_sdk::{
    Bar, Broker, Description, Error, EventStrategy, Exits, Fill, Order, OrderId, Params, Reason, export,
};

/// How near to each other two averages are, as a share, of which rounding may say which is above.
const NEAR: f64 = 1e-8;

/// What is known of each instrument, and the parameters.
#[derive(Debug)]
pub struct Bracket {
    fast: usize,
    slow: usize,
    /// Fractions of the close.
    stop_loss: f64,
    take_profit: f64,
    instruments: Vec<Instrument>,
}

#[derive(Debug, Clone, Default)]
struct Instrument {
    /// The last closes, at most as many as the slow average has.
    closes: VecDeque<f64>,
    /// The sums of the last closes that each average has, but for rounding.
    fast_sum: f64,
    slow_sum: f64,
    /// Whether the fast average was above the slow one, once there were both.
    above: Option<bool>,
    trade: Option<Trade>,
}

/// A purchase and what is to become of it.
#[derive(Debug, Clone, Copy)]
struct Trade {
    entry: OrderId,
    exits: Exits,
    filled: bool,
}

impl EventStrategy for Bracket {
    fn describe() -> Description {
        Description::new("bracket", env!("CARGO_PKG_VERSION"), "Buys crossings, leaves at a stop or at a profit.")
            .integer("fast", "bars of the fast average", 20)
            .range(1, 2000)
            .integer("slow", "bars of the slow average, more than the fast one has", 50)
            .range(2, 5000)
            .number("stop_loss", "fall below the close of the entry that ends a trade, as a fraction", 0.05)
            .range(0.0001, 0.9999)
            .number("take_profit", "rise above the close of the entry that ends a trade, as a fraction", 0.1)
            .range(0.0001, 100)
    }

    fn start(symbols: Vec<String>, params: &Params) -> Result<Self, Error> {
        let (fast, slow) = (params.count("fast")?, params.count("slow")?);
        if fast >= slow {
            return Err(Error::invalid(format!("`fast` ({fast}) is not below `slow` ({slow})")));
        }
        let (stop_loss, take_profit) = (params.number("stop_loss")?, params.number("take_profit")?);
        Ok(Self { fast, slow, stop_loss, take_profit, instruments: vec![Instrument::default(); symbols.len()] })
    }

    fn on_bar(&mut self, bar: &Bar, broker: &mut Broker) {
        let instrument = &mut self.instruments[bar.instrument];
        if bar.position == 0.0 && instrument.trade.is_some_and(|trade| trade.filled) {
            // A stop or a limit has closed it.
            instrument.trade = None;
        }
        match instrument.crossing(bar.close, self.fast, self.slow) {
            Some(true) if instrument.trade.is_none() => self.enter(bar, broker),
            Some(false) => instrument.leave(bar, broker),
            _ => {}
        }
    }

    fn on_fill(&mut self, fill: &Fill, _: &mut Broker) {
        let trade = &mut self.instruments[fill.instrument].trade;
        if let Some(trade) = trade.as_mut().filter(|trade| fill.order == Some(trade.entry)) {
            trade.filled = true;
        }
    }

    fn on_reject(&mut self, order: OrderId, _: Reason, _: &mut Broker) {
        for instrument in &mut self.instruments {
            if instrument.trade.is_some_and(|trade| trade.entry == order && !trade.filled) {
                instrument.trade = None;
            }
        }
    }
}

impl Bracket {
    /// Puts the instrument's share of the account into it, at whatever price it is filled.
    fn enter(&mut self, bar: &Bar, broker: &mut Broker) {
        let entry = broker.order(Order::buy(bar.instrument, broker.share()).of_equity());
        let exits = broker.bracket(entry, bar.close * (1.0 - self.stop_loss), bar.close * (1.0 + self.take_profit));
        let trade = Trade { entry, exits, filled: false };
        self.instruments[bar.instrument].trade = Some(trade);
    }
}

impl Instrument {
    /// Takes the next close, and says where the averages have crossed: above (`true`) or below.
    fn crossing(&mut self, close: f64, fast: usize, slow: usize) -> Option<bool> {
        self.closes.push_back(close);
        let before = |bars: usize| self.closes.len().checked_sub(bars + 1).map_or(0.0, |at| self.closes[at]);
        (self.fast_sum, self.slow_sum) = (self.fast_sum + close - before(fast), self.slow_sum + close - before(slow));
        if self.closes.len() > slow {
            self.closes.pop_front();
        }
        if self.closes.len() < slow {
            return None;
        }
        let averages = (self.fast_sum / fast as f64, self.slow_sum / slow as f64);
        let is_near = (averages.0 - averages.1).abs() <= NEAR * averages.1.abs();
        // Sums that go on for long carry the rounding of all that they have seen. Where that may decide, they are made anew.
        let average = |window: usize| self.closes.range(slow - window..).sum::<f64>() / window as f64;
        let above = if is_near { average(fast) > average(slow) } else { averages.0 > averages.1 };
        let before = self.above.replace(above);
        (before == Some(!above)).then_some(above)
    }

    /// Ends the trade, if there is one: takes back what is still open of it, and sells what is held.
    fn leave(&mut self, bar: &Bar, broker: &mut Broker) {
        let Some(trade) = self.trade.take() else { return };
        // What is left of it, if anything is.
        broker.cancel(trade.entry);
        if bar.position > 0.0 {
            // The limit goes with it.
            broker.cancel(trade.exits.stop_loss);
            broker.order(Order::sell(bar.instrument, bar.position).reduce_only());
        }
    }
}

export!(events Bracket);

#[cfg(test)]
mod tests {
    use backtest_sdk::{
        Command, Value,
        testing::{self, Play},
    };

    use super::*;

    const GIVEN: [(&str, i64); 2] = [("fast", 1), ("slow", 2)];

    fn start() -> Play<Bracket> {
        Play::start(&["ACME"], &GIVEN.map(|(name, bars)| (name, Value::from(bars)))).unwrap()
    }

    /// Closes one after the other while `position` units are held; what was sent at the last one.
    fn hear(play: &mut Play<Bracket>, close: &[f64], position: f64) -> Vec<Command> {
        let bars = testing::bars(0, &testing::series("ACME", close));
        bars.into_iter().map(|bar| play.on_bar(&Bar { position, ..bar }).unwrap()).last().unwrap_or_default()
    }

    fn entry(order: u64, close: f64) -> [Command; 2] {
        let (stop_loss, take_profit) = (Some(close * (1.0 - 0.05)), Some(close * (1.0 + 0.1)));
        let share = Order::buy(0, 1.0).of_equity();
        [Command::Order(share), Command::Bracket { entry: OrderId::new(order), stop_loss, take_profit }]
    }

    fn fill(play: &mut Play<Bracket>, order: u64, quantity: f64) {
        let fill = Fill { order: Some(OrderId::new(order)), instrument: 0, quantity, price: 30.0, fee: 0.0 };
        assert_eq!(play.on_fill(&fill), Ok(vec![]));
    }

    #[test]
    fn a_crossing_is_bought_between_a_stop_and_a_limit() {
        let mut play = start();
        assert_eq!(hear(&mut play, &[20.0, 10.0, 30.0], 0.0), entry(1, 30.0));
    }

    #[test]
    fn a_side_that_was_there_from_the_start_is_no_crossing() {
        assert_eq!(hear(&mut start(), &[10.0, 20.0, 30.0], 0.0), []);
    }

    #[test]
    fn a_crossing_back_takes_back_the_exits_and_sells() {
        let mut play = start();
        hear(&mut play, &[20.0, 10.0, 30.0], 0.0);
        fill(&mut play, 1, 333.0);
        let sale = Command::Order(Order::sell(0, 333.0).reduce_only());
        let cancel = |order| Command::Cancel(OrderId::new(order));
        assert_eq!(hear(&mut play, &[31.0, 29.0], 333.0), [cancel(1), cancel(2), sale]);
        assert_eq!(hear(&mut play, &[40.0], 0.0), entry(5, 40.0));
    }

    #[test]
    fn an_entry_that_is_not_filled_is_taken_back_by_a_crossing_back() {
        let mut play = start();
        hear(&mut play, &[20.0, 10.0, 30.0], 0.0);
        assert_eq!(hear(&mut play, &[29.0], 0.0), [Command::Cancel(OrderId::new(1))]);
    }

    #[test]
    fn after_a_stop_or_a_rejection_the_next_crossing_is_bought() {
        let mut play = start();
        hear(&mut play, &[20.0, 10.0, 30.0], 0.0);
        fill(&mut play, 1, 333.0);
        assert_eq!(hear(&mut play, &[28.0], 0.0), [], "the stop has sold it already");
        assert_eq!(hear(&mut play, &[40.0], 0.0), entry(4, 40.0));
        assert_eq!(play.on_reject(OrderId::new(4), Reason::InsufficientFunds), Ok(vec![]));
        assert_eq!(hear(&mut play, &[39.0, 50.0], 0.0), entry(7, 50.0));
    }
}
