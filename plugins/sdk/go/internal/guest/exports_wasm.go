package guest

import (
	"fmt"
	"os"
	"unsafe"
)

//go:wasmexport cabi_realloc
func exportRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	return lend(old, oldSize, align, size)
}

//go:wasmexport backtest:strategy/metadata@0.1.0#describe
func exportDescribe() unsafe.Pointer {
	defer end()
	if describe == nil {
		panic("no strategy is exported: call signals.Export or events.Export from init")
	}
	return unsafe.Pointer(WriteDescription(describe()))
}

// end ends the component where a panic has nobody to return an error to: defer it. The host takes a last line that begins
// like this for the reason.
func end() {
	if reason := recover(); reason != nil {
		fmt.Fprintf(os.Stderr, "panicked at describe: %v\n", reason)
		os.Exit(2)
	}
}
