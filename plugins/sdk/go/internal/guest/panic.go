package guest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"backtest"
)

// Recover makes an error of a panic: defer it where a strategy is called.
func Recover(err *error) {
	if reason := recover(); reason != nil {
		*err = Panicked(reason)
	}
}

// Panicked returns a panic as an error, with its text and the functions that were running, innermost first. What reading a
// parameter panics with needs no such trace.
func Panicked(reason any) error {
	switch reason := reason.(type) {
	case backtest.Misread:
		return reason
	case backtest.InvalidParams:
		return reason
	default:
		return errors.New(fmt.Sprintf("panic: %v", reason) + trace())
	}
}

// trace lists the strategy's functions that were running, and those that they called, each on a line of its own.
func trace() string {
	lines := new(strings.Builder)
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(0, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if own(frame.Function) {
			fmt.Fprintf(lines, "\n  at %s (%s:%d)", frame.Function, frame.File, frame.Line)
		}
	}
	return lines.String()
}

// own tells the strategy's functions, and those of the packages that it uses, from the SDK's and from Go's runtime.
func own(function string) bool {
	for _, other := range []string{"runtime.", "backtest/", "backtest:"} {
		if strings.HasPrefix(function, other) {
			return false
		}
	}
	return function != ""
}
