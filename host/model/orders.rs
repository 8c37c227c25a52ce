//! Orders and events: what a strategy hears of bars and fills, and what it sends.
//!
//! Values only; the broker decides what becomes of them.

use serde::{Deserialize, Serialize};

/// Which way an order trades.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Units are bought.
    Buy,
    /// Units are sold.
    Sell,
}

impl Side {
    /// 1 for a purchase, -1 for a sale.
    #[inline]
    pub fn sign(self) -> f64 {
        match self {
            Self::Buy => 1.0,
            Self::Sell => -1.0,
        }
    }
}

/// When an order trades, and at what price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderKind {
    /// At the next price there is.
    Market,
    /// At the limit or better.
    Limit,
    /// As a market order, once the price has reached the stop.
    Stop,
    /// As a limit order, once the price has reached the stop.
    StopLimit,
    /// As a stop order that follows the best price at a distance in quote currency.
    TrailingStop,
    /// As a stop order that follows the best price at a distance that is a fraction of it.
    TrailingStopPercent,
}

/// What the quantity of an order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Units of the instrument.
    #[default]
    Units,
    /// Shares of the account's equity when the order is filled, costs included.
    Equity,
    /// Quote currency when the order is filled, costs included.
    Value,
}

/// How long an order waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeInForce {
    /// Until it is filled or cancelled.
    #[default]
    Gtc,
    /// Through the first day (UTC) on which its instrument has a bar after it was sent.
    Day,
    /// Only for the first price at which it could be filled.
    Ioc,
    /// Through the bars up to and including a time.
    Gtd,
}

/// An order as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Index of the instrument.
    pub instrument: u32,
    /// Which way it trades.
    pub side: Side,
    /// When it trades.
    pub kind: OrderKind,
    /// How much is traded, above 0.
    #[serde(with = "number")]
    pub quantity: f64,
    /// What the quantity counts.
    pub measure: Measure,
    /// Quote currency for one unit; NaN where the kind has none.
    #[serde(with = "number")]
    pub limit: f64,
    /// Quote currency for one unit, or the distance of a trailing stop; NaN where the kind has none.
    #[serde(with = "number")]
    pub stop: f64,
    /// How long it waits.
    pub time_in_force: TimeInForce,
    /// Nanoseconds since the Unix epoch, UTC; counts for [`TimeInForce::Gtd`] alone.
    pub until: i64,
    /// Whether it may do no more than close what is held.
    pub reduce_only: bool,
}

impl OrderRequest {
    /// A market order for so many units that waits until it is filled or cancelled.
    pub fn market(instrument: u32, side: Side, quantity: f64) -> Self {
        Self {
            instrument,
            side,
            kind: OrderKind::Market,
            quantity,
            measure: Measure::Units,
            limit: f64::NAN,
            stop: f64::NAN,
            time_in_force: TimeInForce::Gtc,
            until: 0,
            reduce_only: false,
        }
    }

    /// A limit order that waits until it is filled or cancelled.
    pub fn limit(instrument: u32, side: Side, quantity: f64, limit: f64) -> Self {
        Self { kind: OrderKind::Limit, limit, ..Self::market(instrument, side, quantity) }
    }

    /// A stop order that waits until it is filled or cancelled.
    pub fn stop(instrument: u32, side: Side, quantity: f64, stop: f64) -> Self {
        Self { kind: OrderKind::Stop, stop, ..Self::market(instrument, side, quantity) }
    }
}

/// What a strategy can hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// A bar has closed.
    Bar,
    /// All bars of a time stamp have closed.
    Time,
    /// An order was filled.
    Fill,
    /// An order is gone.
    Reject,
}

/// Why an order, or what is left of it, is not filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RejectReason {
    /// The quantity is not a finite number above 0.
    BadQuantity,
    /// A price that the kind needs is not a finite number above 0, or one that it has no use for is given. Where the instrument has
    /// prices of zero and less, orders may name such prices; a share or an amount has no size at a price of 0.
    BadPrice,
    /// The instrument is unknown.
    UnknownInstrument,
    /// The order is unknown.
    UnknownOrder,
    /// The order is no longer open.
    NotOpen,
    /// The quantity is less than one lot, or no whole number of lots where that is asked for.
    LotSize,
    /// A price is not a whole number of ticks, where that is asked for.
    TickSize,
    /// The account cannot pay for it.
    InsufficientFunds,
    /// It was only to reduce a position, and there is none to reduce.
    ReduceOnly,
    /// Too many orders are open.
    TooManyOrders,
    /// Its time in force is over.
    Expired,
    /// The other order of its pair was filled or is gone.
    OtherFilled,
    /// The strategy cancelled it.
    Cancelled,
    /// Its instrument has no bar when it was to be filled.
    NoBar,
    /// The account was liquidated or wiped out.
    Liquidated,
}

impl RejectReason {
    /// What has become of an order, or of the rest of it, for this reason, if it is told without its record: `cancelled`, `expired` or
    /// `rejected`. An exit whose position is gone has the reason of a refused one.
    pub fn status(self) -> &'static str {
        match self {
            Self::Cancelled | Self::OtherFilled | Self::Liquidated => "cancelled",
            Self::Expired => "expired",
            _ => "rejected",
        }
    }

    /// The name in result files: `bad-quantity`, `insufficient-funds` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadQuantity => "bad-quantity",
            Self::BadPrice => "bad-price",
            Self::UnknownInstrument => "unknown-instrument",
            Self::UnknownOrder => "unknown-order",
            Self::NotOpen => "not-open",
            Self::LotSize => "lot-size",
            Self::TickSize => "tick-size",
            Self::InsufficientFunds => "insufficient-funds",
            Self::ReduceOnly => "reduce-only",
            Self::TooManyOrders => "too-many-orders",
            Self::Expired => "expired",
            Self::OtherFilled => "other-filled",
            Self::Cancelled => "cancelled",
            Self::NoBar => "no-bar",
            Self::Liquidated => "liquidated",
        }
    }
}

/// What a strategy asks of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// An order.
    Submit {
        /// Its number.
        order: u64,
        /// What is asked for.
        #[serde(flatten)]
        request: OrderRequest,
    },
    /// Two exits for an entry; NaN for none.
    Bracket {
        /// The number of the stop; that of the limit is one higher.
        order: u64,
        /// The number of the entry.
        entry: u64,
        /// Quote currency for one unit.
        #[serde(with = "number")]
        stop_loss: f64,
        /// Quote currency for one unit.
        #[serde(with = "number")]
        take_profit: f64,
    },
    /// Ties two orders together.
    OneCancelsOther {
        /// The number of one.
        first: u64,
        /// The number of the other.
        second: u64,
    },
    /// Takes an order back.
    Cancel {
        /// Its number.
        order: u64,
    },
    /// A wish for an exposure.
    Target {
        /// Index of the instrument.
        instrument: u32,
        /// The share of equity.
        #[serde(with = "number")]
        exposure: f64,
    },
    /// An event that is not to be heard any more.
    Mute {
        /// Which.
        event: EventKind,
    },
}

/// The commands of a strategy that the broker has not taken yet, and the numbers of its orders.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commands {
    queue: Vec<Command>,
    /// The number of the last order.
    last: u64,
}

impl Commands {
    /// The most commands that wait at a time: what one event may ask for.
    pub const MOST: usize = 100_000;

    /// Sends an order, and returns its number: 1 for the first.
    pub fn submit(&mut self, request: OrderRequest) -> u64 {
        self.last += 1;
        self.push(Command::Submit { order: self.last, request });
        self.last
    }

    /// Attaches exits to an entry, NaN for none, and returns the number of the stop; that of the limit is one higher.
    pub fn bracket(&mut self, entry: u64, stop_loss: f64, take_profit: f64) -> u64 {
        let order = self.last + 1;
        self.last += 2;
        self.push(Command::Bracket { order, entry, stop_loss, take_profit });
        order
    }

    /// Asks for anything that makes no order.
    ///
    /// Of what is asked for, a number that is NaN becomes [`f64::NAN`]: its other bits, which differ between processors and may be
    /// anything, go no further.
    pub fn push(&mut self, mut command: Command) {
        match &mut command {
            Command::Submit { request: OrderRequest { quantity, limit, stop, .. }, .. } => {
                [quantity, limit, stop].into_iter().for_each(settle_nan);
            }
            Command::Bracket { stop_loss, take_profit, .. } => {
                [stop_loss, take_profit].into_iter().for_each(settle_nan);
            }
            Command::Target { exposure, .. } => settle_nan(exposure),
            Command::OneCancelsOther { .. } | Command::Cancel { .. } | Command::Mute { .. } => {}
        }
        self.queue.push(command);
    }

    /// Asks for an exposure.
    pub fn target(&mut self, instrument: u32, exposure: f64) {
        self.push(Command::Target { instrument, exposure });
    }

    /// Takes an order back.
    pub fn cancel(&mut self, order: u64) {
        self.push(Command::Cancel { order });
    }

    /// Whether more wait than one event may ask for.
    pub fn is_full(&self) -> bool {
        self.queue.len() >= Self::MOST
    }

    /// Whether none waits.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// What waits, in the order in which it was sent.
    pub fn waiting(&self) -> &[Command] {
        &self.queue
    }

    /// Moves what waits to `taken`, whose memory serves what comes next; the numbers go on.
    pub fn take_into(&mut self, taken: &mut Vec<Command>) {
        taken.clear();
        std::mem::swap(&mut self.queue, taken);
    }

    /// Forgets what waits; the numbers go on.
    pub fn clear(&mut self) {
        self.queue.clear();
    }

    /// Forgets everything; the memory stays.
    pub fn reset(&mut self) {
        self.queue.clear();
        self.last = 0;
    }
}

/// One bar, and the account at its close.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BarEvent {
    /// Index of the instrument.
    pub instrument: u32,
    /// Nanoseconds since the Unix epoch, UTC.
    pub time: i64,
    /// Quote currency.
    pub open: f64,
    /// Quote currency.
    pub high: f64,
    /// Quote currency.
    pub low: f64,
    /// Quote currency.
    pub close: f64,
    /// Units.
    pub volume: f64,
    /// Units held of the instrument, negative where short.
    #[serde(with = "number")]
    pub position: f64,
    /// Quote currency: what the account is worth.
    #[serde(with = "number")]
    pub equity: f64,
}

/// One order, or a part of it, as it was filled.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FillEvent {
    /// The number of the order; 0 where it was none of the strategy's.
    pub order: u64,
    /// Index of the instrument.
    pub instrument: u32,
    /// Units, negative where sold.
    #[serde(with = "number")]
    pub quantity: f64,
    /// Quote currency for one unit, slippage included.
    #[serde(with = "number")]
    pub price: f64,
    /// Quote currency.
    #[serde(with = "number")]
    pub fee: f64,
}

fn settle_nan(number: &mut f64) {
    if number.is_nan() {
        *number = f64::NAN;
    }
}

/// Numbers in JSON. NaN and infinities, which JSON lacks, are strings there.
pub(crate) mod number {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes a finite number as it is, any other as a text.
    ///
    /// # Errors
    ///
    /// Passes on the error of the writer.
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() { serializer.serialize_f64(*value) } else { serializer.collect_str(value) }
    }

    /// Reads what [`serialize`] has written.
    ///
    /// # Errors
    ///
    /// Returns an error where there is neither a number nor the text of one.
    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(f64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(number),
            Either::Text(text) => text.parse().map_err(|_| D::Error::custom(format!("`{text}` is not a number"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_orders_go_on() {
        let mut commands = Commands::default();
        assert_eq!(commands.submit(OrderRequest::market(0, Side::Buy, 1.0)), 1);
        assert_eq!(commands.bracket(1, 9.0, f64::NAN), 2);
        commands.clear();
        assert_eq!(commands.submit(OrderRequest::limit(0, Side::Sell, 1.0, 10.0)), 4);
        assert_eq!(commands.waiting().len(), 1);
    }

    #[test]
    fn of_nan_no_other_bits_go_on() {
        for bits in [0x7ff0_0000_0000_0001, 0x7ff8_dead_beef_0001, 0xfff8_0000_0000_0000, u64::MAX] {
            let nan = f64::from_bits(bits);
            let mut commands = Commands::default();
            let request = OrderRequest { limit: nan, stop: nan, ..OrderRequest::market(0, Side::Buy, nan) };
            commands.submit(request);
            commands.bracket(1, nan, nan);
            commands.target(0, nan);
            commands.push(Command::Target { instrument: 0, exposure: nan });
            let numbers = commands.waiting().iter().flat_map(|command| match *command {
                Command::Submit { request, .. } => vec![request.quantity, request.limit, request.stop],
                Command::Bracket { stop_loss, take_profit, .. } => vec![stop_loss, take_profit],
                Command::Target { exposure, .. } => vec![exposure],
                _ => vec![],
            });
            let found: Vec<u64> = numbers.map(f64::to_bits).collect();
            assert_eq!(found, [f64::NAN.to_bits(); 7], "{bits:x}");
        }
    }

    #[test]
    fn a_command_is_read_as_it_is_written() {
        let mut commands = Commands::default();
        let entry = commands.submit(OrderRequest::limit(0, Side::Buy, 0.1 + 0.2, f64::INFINITY));
        commands.bracket(entry, 9.5, f64::NAN);
        commands.push(Command::Mute { event: EventKind::Time });
        for command in commands.waiting() {
            let text = serde_json::to_string(command).unwrap();
            let back: Command = serde_json::from_str(&text).unwrap();
            assert_eq!(format!("{back:?}"), format!("{command:?}"), "{text}");
        }
    }
}
