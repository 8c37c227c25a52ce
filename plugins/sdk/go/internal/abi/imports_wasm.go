// Code generated from the contract in wit/. DO NOT EDIT.

package abi

// Log writes one line to the log of the running task.
//
//go:wasmimport backtest:strategy/host@0.1.0 log
func Log(level uint32, message string)
