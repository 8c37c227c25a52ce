//! The broker: turns target exposures and orders into fills, trades and an equity curve.
//!
//! Never does I/O, never knows wasm, clocks, threads or randomness, and allocates nothing per bar.
//!
//! [`simulate`] trades targets that are known beforehand, from fill to fill; [`trade`] lives through every time stamp with
//! a [`Client`] that hears of bars and sends orders. Where both can do it, they give the same bits.
//!
//! # Rules of targets
//!
//! They are those of the default [`Settings`]; what other settings change is written at each.
//!
//! **When.** A target named at bar `t` is a decision at that bar's close. It trades at the open of bar `t + 1` of its
//! own instrument ([`FillAt::NextOpen`]) or at the close of bar `t` ([`FillAt::Close`]). With `NextOpen`, a target at
//! an instrument's last bar never trades. Where an instrument has no bar at a time stamp, its position is held and
//! valued at its last close, and its order waits for its next bar.
//!
//! **How much.** The position asked for is `exposure x equity / price` ([`Sizing::Equity`]), `exposure x units`
//! ([`Sizing::Units`]) or `exposure x cash / price` ([`Sizing::Cash`]). The price is the fill's reference price, before
//! slippage. Equity is what the account is worth at that moment: cash plus positions, each at this time stamp's open
//! (or close, with `Close`), or at its last close where it has no bar. `lot` rounds the position toward zero, after the
//! limit below too. Lots and ticks are decimals: 0.1 is a tenth, and what is on a grid is counted in whole steps. An
//! exposure of 0 closes to exactly zero. Every target is an order to that size, so a repeated
//! exposure rebalances; a change worth at most 7e-13 of equity is not an order.
//!
//! **At what price.** Slippage makes the reference price worse: a buy pays `price x (1 + s)`, a sale gets
//! `price x (1 - s)`. Commission is a share of the fill's value plus a fixed amount per order. A reversal from long to
//! short or back is one order.
//!
//! **What the account can pay.** It is a cash account without leverage (`initial_margin` lends more): after an order that opens or grows a position,
//! valued at its fill price and with all costs paid, the positions' absolute values together do not exceed equity.
//! So no purchase takes cash below zero in an account that is only long, and proceeds of a short sale cannot be spent
//! twice. Sizes may exceed what fits, and lots fall short of a whole, by 1e-12 of themselves: that is rounding.
//! What is too large is cut to the largest size that fits. Closing and reducing are always allowed, even where the
//! costs push cash below zero.
//!
//! **Who first.** Orders of one time stamp are all sized on the equity before the first of them. Those that close or
//! reduce a position go first, then the others; each group in the order of the instruments.
//!
//! **What it is worth.** Equity is marked at the close of every time stamp. Where it is zero or less, the account is
//! wiped out: every position is closed at that close with the usual costs (at its last close, and booked at that bar,
//! where it has none), all later targets are ignored, and equity stays at what is left, which is negative where a short
//! position lost more, or closing cost more, than there was. Until then, equity below zero counts as zero in sizes.
//!
//! **Trades.** A fill that closes or reduces a position makes one trade against the average entry price, weighted by
//! units; entry fees are shared by units. What is still held at the end is one open trade, marked at the last close
//! without an exit fee. So the P&L of all trades sums to final equity less initial cash.
//!
//! **Futures.** With a `multiplier`, a unit gains that much when the price rises by 1. Values are units x price x multiplier;
//! units, prices and the commission of a unit are those of one contract. The [terms of an
//! instrument](crate::model::Contract) replace the account's for that instrument.
//!
//! **Prices of zero and less.** They are prices like others where an instrument has them: sizes, costs and margins count by
//! the absolute value, and orders may name such prices. At a price of 0 a target has no size, unless it counts units. It is
//! not traded, and counted.
//!
//! # Rules of orders
//!
//! **When.** An order can be filled from its instrument's next bar on; with [`FillAt::Close`], market orders trade at the
//! close of the bar that sent them. What happens at a time stamp, and in which order, is written at [`trade`].
//!
//! **At what price.** A market order gets the open. A limit order is filled at its limit once the price has gone beyond it
//! ([`LimitFills`]), or at the open where that is better. A stop order gets its stop, or the open behind a gap ([`GapFills`]). A
//! stop-limit order is a limit order once its stop was reached. A trailing stop follows the extremes of bars after they
//! were checked against it ([`Trailing`]). Slippage is added to all but limit orders that waited, and takes no limit order
//! beyond its limit.
//!
//! **Within a bar** only the four prices are known. The pessimistic default fills a stop if it may have been reached, before
//! any limit, and a limit only if it must have been; [`Intrabar`] has the others. For an order that came to life in the
//! bar (an exit, by its entry), only what came after counts as certain: where the price rose to the entry, the high and
//! the close; where it fell, the low and the close.
//!
//! **Finer bars.** Where a series has [`detail`](crate::model::Series::detail), a bar that an order may trade in is followed by its
//! finer bars, each of which is traded as a bar by the rules above; so orders, exits and trailing stops trade as in a run on the finer
//! bars. All else is as without them: the strategy hears of its own bars, market orders and targets trade at their opens or closes
//! with their volume, and margin, ruin and interest are looked at when they end. `volume_share` counts the volume of each finer bar. Fills are entered at the own bar.
//!
//! **How much.** A quantity counts units, a share of equity or an amount ([`Measure`](crate::model::Measure)); the last two
//! are sized when they are filled, costs included, and cut to what can be paid for. Units that cannot be paid for are
//! rejected, but what of them closes a position is filled. With `volume_share`, a bar fills no more than its share, and the
//! rest waits; commission and its bounds are those of the whole order.
//!
//! **Pairs.** What is filled of one order of a pair is taken from the other, which ends with the first, or when nothing is
//! left of it. So both together trade no more than the larger of them, and a position that is closed in parts keeps its stop.
//! Where the other counts a share or an amount, or units of another instrument, it shrinks in proportion.
//!
//! **Brackets.** Exits wait for their entry, are as large as what of it is filled, only reduce, and are a pair. Those
//! of a position that is gone are cancelled with it: they are not for one that is opened later.
//!
//! **Exits of targets.** With [`Exits`], a target that opens a position is followed by orders that only reduce it: a stop, a limit and a
//! trailing stop, which are as large as the position. Their prices are counted from the price of the fill that opened it, and
//! from then on are those of any order; a trailing stop begins from the market's price at that moment. When one has closed the
//! position, the others are cancelled, and targets on the side that was closed are ignored until another one was wanted.
//!
//! **Ends.** An order that makes no sense is refused with a [reason](crate::model::RejectReason), which the strategy hears and
//! the [records](Ledger::orders) keep. It hears the same of an order that it has cancelled, that has expired, or that ends
//! with another; the records tell these [apart](OrderStatus). An order of which a part was filled is never called rejected. At
//! most 10,000 orders wait at a time.
//!
//! **Sums.** Quantities that cancel each other out on paper leave exactly nothing: a position is flat, and an order filled,
//! where only rounding says otherwise.
//!
//! # Other engines
//!
//! [`Profile`] has the settings under which other engines' trades come out one by one.
//!
//! The rules of targets are vectorbt's rules for `size=inf` and `targetpercent` orders, but for these: its smallest order is
//! 1e-8 units, its accounts trade on with negative equity, a short that has lost more than it brought in is not covered in
//! full there, and a short sale of a given size is not cut. The profile has them.

mod account;
mod amount;
mod book;
mod client;
mod costs;
mod curve;
mod detail;
mod ends;
mod error;
mod exchange;
mod execution;
mod exits;
mod finer;
mod free_cash;
mod grid;
mod guard;
mod ledger;
mod matching;
mod pairs;
mod playback;
mod position;
mod profile;
mod quiet;
mod rules;
mod settings;
mod simulate;
pub(crate) mod spec;
mod statement;
mod stretch;
mod terms;
mod timeline;
mod validation;
mod workspace;

pub use client::Client;
pub use curve::{Curve, Span};
pub use ends::TradeEnd;
pub use error::SettingsError;
pub use exchange::{TradeError, WarmUp, trade, trade_after};
pub use guard::Exits;
pub use ledger::{ExitReason, Fill, Ledger, OrderRecord, OrderStatus, Trade};
pub use profile::Profile;
pub use rules::{
    AtEnd, Bankruptcy, Booking, BuyingPower, Choice, ExitTiming, GapFills, Intrabar, LimitFills, LotRounding,
    MissingBars, Priority, Rule, RuleChoices, Rules, StopLimits, TickRounding, Trailing,
};
pub use settings::{FillAt, SettingInfo, Settings, SettingsSpec, Sizing};
pub use simulate::{Wishes, simulate, simulate_after};
pub use statement::Statement;
pub use stretch::{Bounds, Place, Stretch, Trail};
pub use timeline::Timeline;
pub use workspace::Workspace;

#[cfg(test)]
mod tests;
