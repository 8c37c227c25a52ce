package guest

import "unsafe"

//go:wasmexport cabi_realloc
func exportRealloc(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	return lend(old, oldSize, align, size)
}

//go:wasmexport backtest:strategy/metadata@0.1.0#describe
func exportDescribe() unsafe.Pointer {
	if describe == nil {
		panic("no strategy is exported: call signals.Export or events.Export from init")
	}
	return unsafe.Pointer(WriteDescription(describe()))
}
