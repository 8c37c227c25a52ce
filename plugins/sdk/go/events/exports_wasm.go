package events

import (
	"unsafe"

	"backtest/internal/guest"
)

//go:wasmexport backtest:strategy/events@0.1.0#start
func exportStart(symbols unsafe.Pointer, symbolsLen uint32, params unsafe.Pointer, paramsLen uint32) unsafe.Pointer {
	names, given := guest.ReadTexts(symbols, symbolsLen), guest.ReadParams(params, paramsLen)
	guest.Release()
	err := begin(names, given)
	guest.Flush()
	return unsafe.Pointer(guest.WriteResult(err))
}

//go:wasmexport backtest:strategy/events@0.1.0#on-bar
func exportOnBar(instrument uint32, time int64, open, high, low, close, volume, position, equity float64) {
	defer fail()
	run.strategy.OnBar(Bar{
		Instrument: int(instrument),
		Time:       time,
		Open:       open,
		High:       high,
		Low:        low,
		Close:      close,
		Volume:     volume,
		Position:   position,
		Equity:     equity,
	}, run.broker)
}

//go:wasmexport backtest:strategy/events@0.1.0#on-time
func exportOnTime(time int64, equity float64) {
	defer fail()
	onTime(time, equity)
}

//go:wasmexport backtest:strategy/events@0.1.0#on-fill
func exportOnFill(order uint64, instrument uint32, quantity, price, fee float64) {
	defer fail()
	onFill(Fill{OrderID(order), int(instrument), quantity, price, fee})
}

//go:wasmexport backtest:strategy/events@0.1.0#on-reject
func exportOnReject(order uint64, reason uint32) {
	defer fail()
	onReject(OrderID(order), Reason(reason))
}

//go:wasmexport backtest:strategy/events@0.1.0#finish
func exportFinish() {
	defer fail()
	finish()
	guest.Flush()
}

// fail ends the task where a strategy panics: defer it.
func fail() {
	if reason := recover(); reason != nil {
		run.broker.Fail(guest.Panicked(reason))
	}
}
