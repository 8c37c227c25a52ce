// Code generated from the contract in wit/. DO NOT EDIT.

// Package abi has the types of the contract as they lie in memory, and the functions of the host.
package abi

import "unsafe"

// List is a list, or a text in UTF-8: the address of its first element, and how many there are.
type List struct {
	Ptr uint32
	Len uint32
}

// Series is bars of one instrument, oldest first, as columns of equal length.
type Series struct {
	Symbol List
	Time   List
	Open   List
	High   List
	Low    List
	Close  List
	Volume List
}

// ValueTag says which case a Value is.
type ValueTag uint8

const (
	ValueBoolean ValueTag = iota
	ValueInteger
	ValueNumber
	ValueText
)

// Value is the value of a parameter.
type Value struct {
	Tag     ValueTag
	payload [1]uint64
}

// Boolean is true or false.
func (v *Value) Boolean() *bool { return (*bool)(unsafe.Pointer(&v.payload)) }

// Integer is a whole number, for example a window in bars.
func (v *Value) Integer() *int64 { return (*int64)(unsafe.Pointer(&v.payload)) }

// Number is a finite real number, for example a threshold.
func (v *Value) Number() *float64 { return (*float64)(unsafe.Pointer(&v.payload)) }

// Text is a text, for example the name of a variant of the strategy.
func (v *Value) Text() *List { return (*List)(unsafe.Pointer(&v.payload)) }

// Param is one parameter of one task.
type Param struct {
	Name  List
	Value Value
}

// ErrorTag says which case an Error is.
type ErrorTag uint8

const (
	ErrorInvalidParams ErrorTag = iota
	ErrorFailed
)

// Error is why a plugin gives no answer.
type Error struct {
	Tag     ErrorTag
	payload [2]uint32
}

// InvalidParams says that the parameters make no sense together.
func (v *Error) InvalidParams() *List { return (*List)(unsafe.Pointer(&v.payload)) }

// Failed says that the strategy met a problem of its own.
func (v *Error) Failed() *List { return (*List)(unsafe.Pointer(&v.payload)) }

// OptionF64 is a number, or none where Tag is 0.
type OptionF64 struct {
	Tag     uint8
	payload [1]uint64
}

// Some is the number.
func (v *OptionF64) Some() *float64 { return (*float64)(unsafe.Pointer(&v.payload)) }

// Parameter is one parameter that a plugin takes.
type Parameter struct {
	Name    List
	Doc     List
	Default Value
	Minimum OptionF64
	Maximum OptionF64
	Choices List
}

// Description is a plugin in its own words.
type Description struct {
	Name       List
	Version    List
	Summary    List
	Parameters List
	Output     Encoding
}

// Targets are wishes, sorted by the time of their bars.
type Targets struct {
	At         List
	Instrument List
	Exposure   List
}

// Result is nothing where Tag is 0, or an Error.
type Result struct {
	Tag     uint8
	payload [3]uint32
}

// Err is the Error.
func (v *Result) Err() *Error { return (*Error)(unsafe.Pointer(&v.payload)) }

// TargetsResult is Targets where Tag is 0, or an Error.
type TargetsResult struct {
	Tag     uint8
	payload [6]uint32
}

// Ok is the Targets.
func (v *TargetsResult) Ok() *Targets { return (*Targets)(unsafe.Pointer(&v.payload)) }

// Err is the Error.
func (v *TargetsResult) Err() *Error { return (*Error)(unsafe.Pointer(&v.payload)) }

// Encoding says how to read the bytes that task.run answers with.
type Encoding uint8

const (
	EncodingJson Encoding = iota
	EncodingBinary
)

// Level says how much a line of the log matters.
type Level uint8

const (
	LevelDebug Level = iota
	LevelInfo
	LevelWarn
	LevelError
)

// Each pair of lines compiles only where a type has the size that the contract gives it.
var (
	_ [56 - unsafe.Sizeof(Series{})]struct{}
	_ [unsafe.Sizeof(Series{}) - 56]struct{}
	_ [72 - unsafe.Sizeof(Parameter{})]struct{}
	_ [unsafe.Sizeof(Parameter{}) - 72]struct{}
	_ [28 - unsafe.Sizeof(TargetsResult{})]struct{}
	_ [unsafe.Sizeof(TargetsResult{}) - 28]struct{}
)

// Side says which way an order trades.
type Side uint8

const (
	SideBuy Side = iota
	SideSell
)

// Kind says when an order trades, and at what price.
type Kind uint8

const (
	KindMarket Kind = iota
	KindLimit
	KindStop
	KindStopLimit
	KindTrailingStop
	KindTrailingStopPercent
)

// Measure says what the quantity of an order counts.
type Measure uint8

const (
	MeasureUnits Measure = iota
	MeasureEquity
	MeasureValue
)

// TimeInForce says how long an order waits.
type TimeInForce uint8

const (
	TimeInForceGtc TimeInForce = iota
	TimeInForceDay
	TimeInForceIoc
	TimeInForceGtd
)

// Event is what a strategy can hear.
type Event uint8

const (
	EventBar Event = iota
	EventTime
	EventFill
	EventReject
)

// Reason says why an order, or what is left of it, is not filled.
type Reason uint8

const (
	ReasonBadQuantity Reason = iota
	ReasonBadPrice
	ReasonUnknownInstrument
	ReasonUnknownOrder
	ReasonNotOpen
	ReasonLotSize
	ReasonTickSize
	ReasonInsufficientFunds
	ReasonReduceOnly
	ReasonTooManyOrders
	ReasonExpired
	ReasonOtherFilled
	ReasonCancelled
	ReasonNoBar
	ReasonLiquidated
)

// String returns the reason as the contract writes it.
func (r Reason) String() string {
	return [...]string{
		"bad-quantity", "bad-price", "unknown-instrument", "unknown-order", "not-open", "lot-size", "tick-size",
		"insufficient-funds", "reduce-only", "too-many-orders", "expired", "other-filled", "cancelled", "no-bar", "liquidated",
	}[r]
}
