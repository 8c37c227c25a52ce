package guest

import "unsafe"

//go:wasmimport wasi_snapshot_preview1 line_buffer
func lineBuffer(at unsafe.Pointer, length uint32)

// Flush logs the lines of standard output and standard error that were begun.
//
//go:wasmimport wasi_snapshot_preview1 flush_lines
func Flush()

// lines is where the lines of standard output and standard error are collected.
var lines [4096]byte

func init() {
	lineBuffer(unsafe.Pointer(&lines), uint32(len(lines)))
}
