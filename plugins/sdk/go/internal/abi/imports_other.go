//go:build !wasm

package abi

import (
	"fmt"
	"os"
)

// Log writes one line to standard error: natively there is no host, only a test and its reader.
func Log(level uint32, message string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", [...]string{"debug", "info", "warn", "error"}[level], message)
}
