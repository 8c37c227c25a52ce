package signals

import (
	"unsafe"

	"backtest/internal/abi"
	"backtest/internal/guest"
)

//go:wasmexport backtest:strategy/signals@0.1.0#prepare
func exportPrepare(data unsafe.Pointer, length uint32) unsafe.Pointer {
	series := guest.ReadSeries(data, length)
	guest.Release()
	err := prepare(series)
	guest.Flush()
	return unsafe.Pointer(guest.WriteResult(err))
}

//go:wasmexport backtest:strategy/signals@0.1.0#evaluate
func exportEvaluate(params unsafe.Pointer, length uint32) unsafe.Pointer {
	given := guest.ReadParams(params, length)
	guest.Release()
	targets, err := evaluate(given)
	guest.Flush()
	return unsafe.Pointer(write(targets, err))
}

// result is the last answer, for the host to read.
var result abi.ResultTargets

func write(targets *Targets, err error) *abi.ResultTargets {
	result = abi.ResultTargets{}
	if err != nil {
		result.Tag = abi.ResultTargetsError
		guest.WriteError(err, result.Error())
		return &result
	}
	*result.Ok() = abi.Targets{
		At:         guest.List(targets.at),
		Instrument: guest.List(targets.instrument),
		Exposure:   guest.List(targets.exposure),
	}
	return &result
}
