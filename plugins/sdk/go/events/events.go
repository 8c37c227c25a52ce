// Package events runs strategies that hear of one bar at a time, when it closes, and send orders: they cannot see what
// comes after.
package events

import (
	"errors"

	"backtest"
	"backtest/internal/abi"
	"backtest/internal/guest"
)

// Strategy hears of one bar at a time. Each task starts one of its own.
//
// It may be a [TimeListener], a [FillListener], a [RejectListener] and a [Finisher], too. What it is not is muted at its
// first call, and costs nothing afterwards.
type Strategy interface {
	// OnBar hears that a bar has closed. What is sent from here can be filled from the next bar on, or at this close where
	// the user asks for it.
	OnBar(bar Bar, broker *Broker)
}

// TimeListener hears when all bars of a time stamp have closed: the place for what compares instruments.
type TimeListener interface {
	// OnTime is told the time in nanoseconds since the Unix epoch, and what the account is worth, in quote currency.
	OnTime(time int64, equity float64, broker *Broker)
}

// FillListener hears of fills.
type FillListener interface {
	// OnFill hears that an order, or a part of it, was filled.
	OnFill(fill Fill, broker *Broker)
}

// RejectListener hears of orders that are gone.
type RejectListener interface {
	// OnReject hears that an order, or what was left of it, is gone without being filled.
	OnReject(order OrderID, reason Reason, broker *Broker)
}

// Finisher hears of the end.
type Finisher interface {
	// Finish hears that the data has ended. Nothing can be sent any more.
	Finish()
}

// Bar is one bar, and the account at its close.
type Bar struct {
	// Instrument is an index into the symbols of the start.
	Instrument int
	// Time is in nanoseconds since the Unix epoch, UTC.
	Time int64
	// Open, High, Low and Close are in quote currency.
	Open, High, Low, Close float64
	// Volume is the units traded; zero where the data has no volume.
	Volume float64
	// Position is the units held of the instrument, negative where short.
	Position float64
	// Equity is what the account is worth at the closes of this time stamp, in quote currency.
	Equity float64
}

// Fill is one order, or a part of it, as it was filled.
type Fill struct {
	// Order is 0 where it was a target, or a position that the host closed.
	Order OrderID
	// Instrument is an index into the symbols of the start.
	Instrument int
	// Quantity is in units, negative where sold.
	Quantity float64
	// Price is what one unit cost or brought, slippage included, in quote currency.
	Price float64
	// Fee is in quote currency.
	Fee float64
}

// Event is what a strategy can hear.
type Event = abi.Event

// What a strategy can hear.
const (
	BarEvent    = abi.EventBar
	TimeEvent   = abi.EventTime
	FillEvent   = abi.EventFill
	RejectEvent = abi.EventReject
)

// Reason says why an order, or what is left of it, is not filled.
type Reason = abi.Reason

// Export makes a strategy the one that the component exports: call it from init. describe says what it takes; start begins
// a run over the instruments symbols.
func Export[S Strategy](
	describe func() backtest.Description,
	start func(symbols []string, params backtest.Params) (S, error),
) {
	guest.Describe(describe)
	exported = func(symbols []string, params backtest.Params) (Strategy, error) { return start(symbols, params) }
}

// exported starts the strategy of the component.
var exported func([]string, backtest.Params) (Strategy, error)

// run is what has started.
var run struct {
	strategy Strategy
	broker   *Broker
}

// begin begins a run.
func begin(symbols []string, params backtest.Params) (err error) {
	defer guest.Recover(&err)
	if exported == nil {
		return errors.New("the component exports events, but no strategy that hears of them: call events.Export from init")
	}
	run.broker = NewBroker(len(symbols))
	run.strategy, err = exported(symbols, params)
	return err
}

func onTime(time int64, equity float64) {
	if listener, ok := run.strategy.(TimeListener); ok {
		listener.OnTime(time, equity, run.broker)
	} else {
		run.broker.Mute(TimeEvent)
	}
}

func onFill(fill Fill) {
	if listener, ok := run.strategy.(FillListener); ok {
		listener.OnFill(fill, run.broker)
	} else {
		run.broker.Mute(FillEvent)
	}
}

func onReject(order OrderID, reason Reason) {
	if listener, ok := run.strategy.(RejectListener); ok {
		listener.OnReject(order, reason, run.broker)
	} else {
		run.broker.Mute(RejectEvent)
	}
}

func finish() {
	if finisher, ok := run.strategy.(Finisher); ok {
		finisher.Finish()
	}
}
