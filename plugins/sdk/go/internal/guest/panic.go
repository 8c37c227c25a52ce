package guest

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"backtest"
)

// Recover makes an error of a panic, with the functions that were running: defer it where a strategy is called.
func Recover(err *error) {
	switch reason := recover().(type) {
	case nil:
	case backtest.Misread:
		*err = reason
	case backtest.InvalidParams:
		*err = reason
	default:
		*err = errors.New(trace(reason))
	}
}

// trace returns a panic's text and, line by line, the strategy's functions that were running, innermost first.
func trace(reason any) string {
	text := new(strings.Builder)
	fmt.Fprintf(text, "panic: %v", reason)
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for more := true; more; {
		var frame runtime.Frame
		frame, more = frames.Next()
		if own(frame.Function) {
			fmt.Fprintf(text, "\n  at %s (%s:%d)", frame.Function, frame.File, frame.Line)
		}
	}
	return text.String()
}

// own tells the strategy's functions, and what it calls, from the SDK's and those of Go's runtime.
func own(function string) bool {
	return function != "" && !strings.HasPrefix(function, "runtime.") && !strings.HasPrefix(function, "backtest/")
}
