// Package guest is what stands between a strategy and the contract: memory, parameters, descriptions, errors, panics.
//
// Never copies a column of numbers.
package guest

import (
	"unsafe"

	"backtest/internal/abi"
)

// lent is what the host has asked for in its current call, so that the collector leaves it alone until it is read.
var lent [][]uint64

// lend makes room for what the host passes in, as cabi_realloc of the contract.
func lend(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	if size == 0 {
		return unsafe.Add(nil, align)
	}
	room := make([]uint64, (size+7)/8)
	lent = append(lent, room)
	at := unsafe.Pointer(unsafe.SliceData(room))
	if old != nil {
		copy(unsafe.Slice((*byte)(at), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return at
}

// Release ends the hold on what was lent, once all arguments of a call are read: what is still needed is held by a slice.
func Release() {
	lent = nil
}

// slice returns a list of the host's, where it lies.
func slice[T any](list abi.List) []T {
	if list.Len == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Add(nil, list.Ptr)), list.Len)
}

// text returns a text of the host's, where it lies.
func text(list abi.List) string {
	return unsafe.String(unsafe.SliceData(slice[byte](list)), list.Len)
}
