package events

import (
	"math"

	"backtest"
	"backtest/internal/abi"
	"backtest/internal/guest"
)

// None is no price, where a bracket has only one exit.
var None = math.NaN()

// Broker is where a strategy sends its orders. Nothing answers at once: what an order comes to is heard through OnFill and
// OnReject.
type Broker struct {
	// held is what was last asked for of each instrument by Hold.
	held []float64
}

// NewBroker returns a broker for so many instruments. A strategy is handed one; this is for tests, where orders go
// nowhere.
func NewBroker(instruments int) *Broker {
	return &Broker{held: make([]float64, instruments)}
}

// Instruments is the number of instruments.
func (b *Broker) Instruments() int {
	return len(b.held)
}

// Share is the share of equity that each instrument gets when all get the same: 1 where there is only one.
func (b *Broker) Share() float64 {
	return 1 / float64(max(len(b.held), 1))
}

// Send sends an order. It can be filled from the instrument's next bar on, or at this close where the user asks for it.
func (b *Broker) Send(order Order) OrderID {
	return OrderID(abi.BrokerSubmit(uint32(order.instrument), uint32(order.side), uint32(order.kind()), order.quantity,
		uint32(order.measure), order.limitPrice(), order.stop, uint32(order.timeInForce), order.until, order.reduceOnly))
}

// Buy buys so many units at the next price there is.
func (b *Broker) Buy(instrument int, units float64) OrderID {
	return b.Send(Buy(instrument, units))
}

// Sell sells so many units at the next price there is. What is not held is sold short.
func (b *Broker) Sell(instrument int, units float64) OrderID {
	return b.Send(Sell(instrument, units))
}

// Bracket attaches exits to an entry that is open: a stop at stopLoss and a limit at takeProfit, in quote currency for one
// unit, or [None]. They wait until the entry is filled, only reduce, and one cancels the other.
func (b *Broker) Bracket(entry OrderID, stopLoss, takeProfit float64) (stop, limit OrderID) {
	stop = OrderID(abi.BrokerBracket(uint64(entry), stopLoss, takeProfit))
	return stop, stop + 1
}

// OneCancelsOther ties two open orders together: what is filled of one is taken from the other. One that is filled in full
// or cancelled cancels the other.
func (b *Broker) OneCancelsOther(first, second OrderID) {
	abi.BrokerOneCancelsOther(uint64(first), uint64(second))
}

// Cancel cancels an open order, and the exits that still wait for it.
func (b *Broker) Cancel(order OrderID) {
	abi.BrokerCancel(uint64(order))
}

// Target asks for exposure of equity in an instrument: 1 is fully long, 0 flat, -1 fully short. To repeat it is to ask for
// a rebalance.
func (b *Broker) Target(instrument int, exposure float64) {
	abi.BrokerTarget(uint32(instrument), exposure)
}

// Hold asks for exposure of equity in an instrument, unless that was the last thing asked for here. At first nothing is
// held.
func (b *Broker) Hold(instrument int, exposure float64) {
	if b.Held(instrument) == exposure {
		return
	}
	if b.has(instrument) {
		b.held[instrument] = exposure
	}
	b.Target(instrument, exposure)
}

// Held is what Hold has last asked for.
func (b *Broker) Held(instrument int) float64 {
	if !b.has(instrument) {
		return 0
	}
	return b.held[instrument]
}

func (b *Broker) has(instrument int) bool {
	return instrument >= 0 && instrument < len(b.held)
}

// Mute has the strategy not called for an event from now on. What is not called costs no time.
func (b *Broker) Mute(event Event) {
	abi.BrokerMute(uint32(event))
}

// Fail ends the task as failed. It does not return.
func (b *Broker) Fail(err error) {
	tag := abi.ErrorFailed
	if backtest.IsInvalid(err) {
		tag = abi.ErrorInvalidParams
	}
	guest.Flush()
	abi.BrokerFail(uint32(tag), err.Error())
}
