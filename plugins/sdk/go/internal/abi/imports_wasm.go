// Code generated from the contract in wit/. DO NOT EDIT.

package abi

//go:wasmimport backtest:strategy/host@0.1.0 log
func HostLog(level uint32, message string)

//go:wasmimport backtest:strategy/broker@0.1.0 submit
func BrokerSubmit(instrument uint32, side uint32, kind uint32, quantity float64, measure uint32, limit float64, stop float64, timeInForce uint32, until int64, reduceOnly bool) uint64

//go:wasmimport backtest:strategy/broker@0.1.0 bracket
func BrokerBracket(entry uint64, stopLoss float64, takeProfit float64) uint64

//go:wasmimport backtest:strategy/broker@0.1.0 one-cancels-other
func BrokerOneCancelsOther(first uint64, second uint64)

//go:wasmimport backtest:strategy/broker@0.1.0 cancel
func BrokerCancel(order uint64)

//go:wasmimport backtest:strategy/broker@0.1.0 target
func BrokerTarget(instrument uint32, exposure float64)

//go:wasmimport backtest:strategy/broker@0.1.0 mute
func BrokerMute(event uint32)

//go:wasmimport backtest:strategy/broker@0.1.0 fail
func BrokerFail(whyTag uint32, why string)
