// Package log writes lines to the log of the running task. The host keeps what its limits allow.
package log

import (
	"fmt"

	"backtest/internal/abi"
)

// Debugf logs a line for the author while writing the strategy.
func Debugf(format string, args ...any) {
	abi.HostLog(uint32(abi.LevelDebug), fmt.Sprintf(format, args...))
}

// Infof logs what happened, in the normal course of things.
func Infof(format string, args ...any) {
	abi.HostLog(uint32(abi.LevelInfo), fmt.Sprintf(format, args...))
}

// Warnf logs something that the user should look at.
func Warnf(format string, args ...any) {
	abi.HostLog(uint32(abi.LevelWarn), fmt.Sprintf(format, args...))
}

// Errorf logs something that went wrong; the last such line before a trap becomes the message of the failed task.
func Errorf(format string, args ...any) {
	abi.HostLog(uint32(abi.LevelError), fmt.Sprintf(format, args...))
}
