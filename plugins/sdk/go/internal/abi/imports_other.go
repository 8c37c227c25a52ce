//go:build !wasm

package abi

import (
	"fmt"
	"os"
)

// Natively there is no host, only a test and its reader: lines go to standard error, orders go nowhere.

// HostLog writes one line to standard error.
func HostLog(level uint32, message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", [...]string{"debug", "info", "warn", "error"}[level], message)
}

// orders is how many there are.
var orders uint64

// BrokerSubmit returns the number of an order.
func BrokerSubmit(instrument, side, kind uint32, quantity float64, measure uint32, limit, stop float64, timeInForce uint32, until int64, reduceOnly bool) uint64 {
	orders++
	return orders
}

// BrokerBracket returns the number of the first of two orders.
func BrokerBracket(entry uint64, stopLoss, takeProfit float64) uint64 {
	orders += 2
	return orders - 1
}

// BrokerOneCancelsOther does nothing.
func BrokerOneCancelsOther(first, second uint64) {}

// BrokerCancel does nothing.
func BrokerCancel(order uint64) {}

// BrokerTarget does nothing.
func BrokerTarget(instrument uint32, exposure float64) {}

// BrokerMute does nothing.
func BrokerMute(event uint32) {}

// BrokerFail panics.
func BrokerFail(whyTag uint32, why string) {
	panic(why)
}
