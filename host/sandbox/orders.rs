//! Order imports: the functions of `broker` that a guest calls, which queue its orders and other commands.
//!
//! Never trades: everything waits in [`Commands`] until the broker takes it. The broker rejects orders that make no sense;
//! only a guest that floods the host, or sends orders outside of a run, is ended here.

use wasmtime::Result;

use super::{
    bindings::{self, broker, types},
    limits::State,
};
use crate::{
    model::{Command, Commands, EventKind, Measure, OrderKind, OrderRequest, RejectReason, Side, TimeInForce},
    task::{ErrorKind, TaskError},
};

impl State {
    /// The queue for the next command, if the guest may send one.
    #[inline]
    fn open_commands(&mut self) -> Result<&mut Commands> {
        if !self.trades || self.commands.is_full() {
            return Err(self.no_commands().into());
        }
        self.tell_driver();
        Ok(&mut self.commands)
    }

    #[cold]
    fn no_commands(&self) -> TaskError {
        if !self.trades {
            return no_run();
        }
        let most = Commands::MOST;
        TaskError::new(
            ErrorKind::BadOutput,
            format!(
                "sent more than {most} orders and other commands in one event; send fewer, or spread them over bars"
            ),
        )
    }
}

fn no_run() -> TaskError {
    TaskError::failed(
        "orders can be sent only from `start` and the `on-` functions of `events`, where a broker takes them",
    )
}

impl broker::Host for State {
    fn submit(
        &mut self,
        instrument: u32,
        side: broker::Side,
        kind: broker::Kind,
        quantity: f64,
        measure: broker::Measure,
        limit: f64,
        stop: f64,
        time_in_force: broker::TimeInForce,
        until: i64,
        reduce_only: bool,
    ) -> Result<u64> {
        let (side, kind, time_in_force) = (side.into(), kind.into(), time_in_force.into());
        let measure = measure.into();
        let request =
            OrderRequest { instrument, side, kind, quantity, measure, limit, stop, time_in_force, until, reduce_only };
        Ok(self.open_commands()?.submit(request))
    }

    fn bracket(&mut self, entry: u64, stop_loss: f64, take_profit: f64) -> Result<u64> {
        Ok(self.open_commands()?.bracket(entry, stop_loss, take_profit))
    }

    fn one_cancels_other(&mut self, first: u64, second: u64) -> Result<()> {
        self.open_commands()?.push(Command::OneCancelsOther { first, second });
        Ok(())
    }

    fn cancel(&mut self, order: u64) -> Result<()> {
        self.open_commands()?.cancel(order);
        Ok(())
    }

    fn target(&mut self, instrument: u32, exposure: f64) -> Result<()> {
        self.open_commands()?.target(instrument, exposure);
        Ok(())
    }

    fn mute(&mut self, event: broker::Event) -> Result<()> {
        self.open_commands()?.push(Command::Mute { event: event.into() });
        Ok(())
    }

    fn fail(&mut self, why: types::Error) -> Result<()> {
        Err(if self.trades { bindings::error(why) } else { no_run() }.into())
    }
}

impl From<broker::Side> for Side {
    #[inline]
    fn from(side: broker::Side) -> Self {
        match side {
            broker::Side::Buy => Self::Buy,
            broker::Side::Sell => Self::Sell,
        }
    }
}

impl From<broker::Kind> for OrderKind {
    #[inline]
    fn from(kind: broker::Kind) -> Self {
        match kind {
            broker::Kind::Market => Self::Market,
            broker::Kind::Limit => Self::Limit,
            broker::Kind::Stop => Self::Stop,
            broker::Kind::StopLimit => Self::StopLimit,
            broker::Kind::TrailingStop => Self::TrailingStop,
            broker::Kind::TrailingStopPercent => Self::TrailingStopPercent,
        }
    }
}

impl From<broker::Measure> for Measure {
    #[inline]
    fn from(measure: broker::Measure) -> Self {
        match measure {
            broker::Measure::Units => Self::Units,
            broker::Measure::Equity => Self::Equity,
            broker::Measure::Value => Self::Value,
        }
    }
}

impl From<broker::TimeInForce> for TimeInForce {
    #[inline]
    fn from(time_in_force: broker::TimeInForce) -> Self {
        match time_in_force {
            broker::TimeInForce::Gtc => Self::Gtc,
            broker::TimeInForce::Day => Self::Day,
            broker::TimeInForce::Ioc => Self::Ioc,
            broker::TimeInForce::Gtd => Self::Gtd,
        }
    }
}

impl From<broker::Event> for EventKind {
    fn from(event: broker::Event) -> Self {
        match event {
            broker::Event::Bar => Self::Bar,
            broker::Event::Time => Self::Time,
            broker::Event::Fill => Self::Fill,
            broker::Event::Reject => Self::Reject,
        }
    }
}

impl From<RejectReason> for broker::Reason {
    fn from(reason: RejectReason) -> Self {
        match reason {
            RejectReason::BadQuantity => Self::BadQuantity,
            RejectReason::BadPrice => Self::BadPrice,
            RejectReason::UnknownInstrument => Self::UnknownInstrument,
            RejectReason::UnknownOrder => Self::UnknownOrder,
            RejectReason::NotOpen => Self::NotOpen,
            RejectReason::LotSize => Self::LotSize,
            RejectReason::TickSize => Self::TickSize,
            RejectReason::InsufficientFunds => Self::InsufficientFunds,
            RejectReason::ReduceOnly => Self::ReduceOnly,
            RejectReason::TooManyOrders => Self::TooManyOrders,
            RejectReason::Expired => Self::Expired,
            RejectReason::OtherFilled => Self::OtherFilled,
            RejectReason::Cancelled => Self::Cancelled,
            RejectReason::NoBar => Self::NoBar,
            RejectReason::Liquidated => Self::Liquidated,
        }
    }
}
