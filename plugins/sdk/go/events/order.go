package events

import (
	"math"

	"backtest/internal/abi"
)

// OrderID is the number of an order: 1 for the first of a run, each one higher than the one before.
type OrderID uint64

// Order is an order, built up word by word and sent by [Broker.Send]. Without further words it is a market order that waits
// until it is filled or cancelled.
//
//	// Sell 10 units at 100 or better, today or never.
//	events.Sell(0, 10).Limit(100).Day().ReduceOnly()
//	// Put half of the account into the second instrument, once it has risen to 50.
//	events.Buy(1, 0.5).OfEquity().Stop(50)
//
// Numbers are not checked here: the broker does, and says through OnReject what is wrong.
type Order struct {
	instrument int
	side       abi.Side
	quantity   float64
	measure    abi.Measure
	limit      *float64
	// trigger is what the order waits for: KindMarket for nothing, or one of the stops.
	trigger     abi.Kind
	stop        float64
	timeInForce abi.TimeInForce
	until       int64
	reduceOnly  bool
}

// Buy buys quantity of an instrument: units, unless OfEquity or OfValue follows.
func Buy(instrument int, quantity float64) Order {
	return Order{instrument: instrument, side: abi.SideBuy, quantity: quantity, stop: math.NaN()}
}

// Sell sells quantity of an instrument: units, unless OfEquity or OfValue follows. What is not held is sold short.
func Sell(instrument int, quantity float64) Order {
	return Order{instrument: instrument, side: abi.SideSell, quantity: quantity, stop: math.NaN()}
}

// OfEquity says that the quantity is a share of the account's equity when the order is filled, costs included: 0.5 is one
// half.
func (o Order) OfEquity() Order {
	o.measure = abi.MeasureEquity
	return o
}

// OfValue says that the quantity is an amount of quote currency when the order is filled, costs included.
func (o Order) OfValue() Order {
	o.measure = abi.MeasureValue
	return o
}

// Limit trades at price (quote currency for one unit) or better. With Stop, only once that is reached.
func (o Order) Limit(price float64) Order {
	o.limit = &price
	return o
}

// Stop waits until the price has reached price, in quote currency for one unit.
func (o Order) Stop(price float64) Order {
	o.trigger, o.stop = abi.KindStop, price
	return o
}

// TrailingStop waits until the price has come back by distance, in quote currency, from the best one since the order was
// sent. Goes with no limit.
func (o Order) TrailingStop(distance float64) Order {
	o.trigger, o.stop = abi.KindTrailingStop, distance
	return o
}

// TrailingStopPercent waits until the price has come back by fraction of the best one since the order was sent: above 0 and
// below 1. Goes with no limit.
func (o Order) TrailingStopPercent(fraction float64) Order {
	o.trigger, o.stop = abi.KindTrailingStopPercent, fraction
	return o
}

// Day waits through the first day (UTC) on which its instrument has a bar after it was sent.
func (o Order) Day() Order {
	o.timeInForce = abi.TimeInForceDay
	return o
}

// ImmediateOrCancel takes the first price at which it could be filled, and is cancelled as far as it is not filled then.
func (o Order) ImmediateOrCancel() Order {
	o.timeInForce = abi.TimeInForceIoc
	return o
}

// Until waits through the bars up to and including time, in nanoseconds since the Unix epoch.
func (o Order) Until(time int64) Order {
	o.timeInForce, o.until = abi.TimeInForceGtd, time
	return o
}

// ReduceOnly never does more than close what is held when it is filled.
func (o Order) ReduceOnly() Order {
	o.reduceOnly = true
	return o
}

// kind is when it trades. A trailing stop with a limit is no kind, and the broker says so.
func (o Order) kind() abi.Kind {
	switch {
	case o.limit == nil:
		return o.trigger
	case o.trigger == abi.KindMarket:
		return abi.KindLimit
	case o.trigger == abi.KindStop:
		return abi.KindStopLimit
	default:
		return o.trigger
	}
}

// limitPrice is the limit, NaN where there is none.
func (o Order) limitPrice() float64 {
	if o.limit == nil {
		return math.NaN()
	}
	return *o.limit
}
