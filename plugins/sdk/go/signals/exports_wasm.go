package signals

import (
	"unsafe"

	"backtest/internal/abi"
	"backtest/internal/guest"
)

//go:wasmexport backtest:strategy/signals@0.1.0#prepare
func exportPrepare(data unsafe.Pointer, length uint32) unsafe.Pointer {
	return unsafe.Pointer(guest.WriteResult(prepare(guest.ReadSeries(data, length))))
}

//go:wasmexport backtest:strategy/signals@0.1.0#evaluate
func exportEvaluate(params unsafe.Pointer, length uint32) unsafe.Pointer {
	targets, err := evaluate(guest.ReadParams(params, length))
	return unsafe.Pointer(write(targets, err))
}

// result is the last answer, for the host to read.
var result abi.TargetsResult

func write(targets *Targets, err error) *abi.TargetsResult {
	result = abi.TargetsResult{}
	if err != nil {
		result.Tag = 1
		guest.WriteError(err, result.Err())
		return &result
	}
	*result.Ok() = abi.Targets{
		At:         guest.List(targets.at),
		Instrument: guest.List(targets.instrument),
		Exposure:   guest.List(targets.exposure),
	}
	return &result
}
