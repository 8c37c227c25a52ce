// Code generated from the contract in wit/. DO NOT EDIT.

package abi

// Writes one line to the log of the running task.
//
// Lines and bytes of a task are limited; what exceeds the limit is dropped and counted. Control characters are
// replaced. A plugin cannot read anything back.
//
//go:wasmimport backtest:strategy/host@0.1.0 log
func HostLog(level uint32, message string)

// Sends an order and returns its number: 1 for the first, each one higher than the one before.
//
// `instrument` is an index into the symbols of `events.start`. `quantity` is above 0, counted as `measure` says.
// `limit` and `stop` are prices in quote currency (or the distance of a trailing stop), NaN where the kind has none. `until` is in
// nanoseconds since the Unix epoch and counts for `gtd` alone. With `reduce-only` the order never does more than
// close what is held when it is filled.
//
// The order can be filled from the instrument's next bar on.
//
//go:wasmimport backtest:strategy/broker@0.1.0 submit
func BrokerSubmit(instrument uint32, side uint32, kind uint32, quantity float64, measure uint32, limit float64, stop float64, timeInForce uint32, until int64, reduceOnly bool) uint64

// Attaches two exits to an entry that is open: a stop at `stop-loss` and a limit at `take-profit`, either of them NaN
// for none. They wait until the entry is filled, are as large as what of it is filled, and only reduce; one cancels
// the other. Returns the number of the stop; that of the limit is one higher.
//
//go:wasmimport backtest:strategy/broker@0.1.0 bracket
func BrokerBracket(entry uint64, stopLoss float64, takeProfit float64) uint64

// Ties two open orders together: what is filled of one is taken from the other. One that is filled in full
// or cancelled cancels the other.
//
//go:wasmimport backtest:strategy/broker@0.1.0 one-cancels-other
func BrokerOneCancelsOther(first uint64, second uint64)

// Cancels an open order, and the exits that still wait for it.
//
//go:wasmimport backtest:strategy/broker@0.1.0 cancel
func BrokerCancel(order uint64)

// Asks for `exposure` of the account's equity in an instrument, as `signals.targets` does: 1 is fully long, 0 flat, -1
// fully short. It trades when a market order would, and replaces a wish for the same instrument that still waits.
//
//go:wasmimport backtest:strategy/broker@0.1.0 target
func BrokerTarget(instrument uint32, exposure float64)

// From now on, does not call the strategy for `event`. What is not called costs no time.
//
//go:wasmimport backtest:strategy/broker@0.1.0 mute
func BrokerMute(event uint32)

// Ends the task as failed. Does not return.
//
//go:wasmimport backtest:strategy/broker@0.1.0 fail
func BrokerFail(whyCase uint32, why string)
