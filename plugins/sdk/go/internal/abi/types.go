// Code generated from the contract in wit/. DO NOT EDIT.

// Package abi has the types of the contract as they lie in memory, and the functions of the host.
package abi

import "unsafe"

// List is a list, or a text in UTF-8.
type List struct {
	// Ptr is the address of the first element.
	Ptr uint32
	// Len is how many there are.
	Len uint32
}

// How much a line of the log matters.
type Level uint8

// The cases of Level.
const (
	// For the author while writing the plugin.
	LevelDebug Level = iota
	// What happened, in the normal course of things.
	LevelInfo
	// Something that the user should look at.
	LevelWarn
	// Something that went wrong; the last one before a trap becomes the message of the failed task.
	LevelError
)

// String returns the case as the contract writes it.
func (v Level) String() string {
	return [...]string{
		"debug",
		"info",
		"warn",
		"error",
	}[v]
}

// Which way an order trades.
type Side uint8

// The cases of Side.
const (
	SideBuy Side = iota
	SideSell
)

// String returns the case as the contract writes it.
func (v Side) String() string {
	return [...]string{
		"buy",
		"sell",
	}[v]
}

// When an order trades, and at what price.
type Kind uint8

// The cases of Kind.
const (
	// At the next price there is: the next open, or this close where the user asks for it.
	KindMarket Kind = iota
	// At `limit` or better.
	KindLimit
	// As a market order, once the price has reached `stop`.
	KindStop
	// As a limit order at `limit`, once the price has reached `stop`.
	KindStopLimit
	// As a stop order that follows the best price since it was sent at a distance of `stop` in quote currency.
	KindTrailingStop
	// The same, at a distance of `stop` as a fraction of the best price: above 0 and below 1.
	KindTrailingStopPercent
)

// String returns the case as the contract writes it.
func (v Kind) String() string {
	return [...]string{
		"market",
		"limit",
		"stop",
		"stop-limit",
		"trailing-stop",
		"trailing-stop-percent",
	}[v]
}

// What the quantity of an order counts.
type Measure uint8

// The cases of Measure.
const (
	// Units of the instrument.
	MeasureUnits Measure = iota
	// Shares of the account's equity when the order is filled, costs included: 0.5 is one half. Above 0, at most 100.
	MeasureEquity
	// Quote currency when the order is filled, costs included.
	MeasureValue
)

// String returns the case as the contract writes it.
func (v Measure) String() string {
	return [...]string{
		"units",
		"equity",
		"value",
	}[v]
}

// How long an order waits.
type TimeInForce uint8

// The cases of TimeInForce.
const (
	// Until it is filled or cancelled.
	TimeInForceGtc TimeInForce = iota
	// Through the first day (UTC) on which its instrument has a bar after it was sent.
	TimeInForceDay
	// Only for the first price at which it could be filled; what is not filled then is cancelled.
	TimeInForceIoc
	// Through the bars up to and including the time `until`.
	TimeInForceGtd
)

// String returns the case as the contract writes it.
func (v TimeInForce) String() string {
	return [...]string{
		"gtc",
		"day",
		"ioc",
		"gtd",
	}[v]
}

// What a strategy can hear.
type Event uint8

// The cases of Event.
const (
	EventBar Event = iota
	EventTime
	EventFill
	EventReject
)

// String returns the case as the contract writes it.
func (v Event) String() string {
	return [...]string{
		"bar",
		"time",
		"fill",
		"reject",
	}[v]
}

// Why a plugin gives no answer. Both cases fail one task and no other.
type Error struct {
	// Tag is the case.
	Tag ErrorTag
	// payload belongs to the case.
	payload [2]uint32
}

// It compiles only where Error has 12 bytes.
var (
	_ [12 - unsafe.Sizeof(Error{})]struct{}
	_ [unsafe.Sizeof(Error{}) - 12]struct{}
)

// ErrorTag is a case of Error.
type ErrorTag uint8

// The cases of ErrorTag.
const (
	// The parameters make no sense together (`fast` is not below `slow`): the text says which and why.
	ErrorInvalidParams ErrorTag = iota
	// The strategy met a problem of its own: the text says what.
	ErrorFailed
)

// The parameters make no sense together (`fast` is not below `slow`): the text says which and why.
func (v *Error) InvalidParams() *List {
	return (*List)(unsafe.Pointer(&v.payload))
}

// The strategy met a problem of its own: the text says what.
func (v *Error) Failed() *List {
	return (*List)(unsafe.Pointer(&v.payload))
}

// The value of a parameter.
type Value struct {
	// Tag is the case.
	Tag ValueTag
	// payload belongs to the case.
	payload [1]uint64
}

// It compiles only where Value has 16 bytes.
var (
	_ [16 - unsafe.Sizeof(Value{})]struct{}
	_ [unsafe.Sizeof(Value{}) - 16]struct{}
)

// ValueTag is a case of Value.
type ValueTag uint8

// The cases of ValueTag.
const (
	// True or false.
	ValueBoolean ValueTag = iota
	// A whole number, for example a window in bars.
	ValueInteger
	// A finite real number, for example a threshold.
	ValueNumber
	// A text, for example the name of a variant of the strategy.
	ValueText
)

// True or false.
func (v *Value) Boolean() *bool {
	return (*bool)(unsafe.Pointer(&v.payload))
}

// A whole number, for example a window in bars.
func (v *Value) Integer() *int64 {
	return (*int64)(unsafe.Pointer(&v.payload))
}

// A finite real number, for example a threshold.
func (v *Value) Number() *float64 {
	return (*float64)(unsafe.Pointer(&v.payload))
}

// A text, for example the name of a variant of the strategy.
func (v *Value) Text() *List {
	return (*List)(unsafe.Pointer(&v.payload))
}

// OptionF64 is `option-f64` of the contract.
type OptionF64 struct {
	// Tag is the case.
	Tag OptionF64Tag
	// payload belongs to the case.
	payload [1]uint64
}

// It compiles only where OptionF64 has 16 bytes.
var (
	_ [16 - unsafe.Sizeof(OptionF64{})]struct{}
	_ [unsafe.Sizeof(OptionF64{}) - 16]struct{}
)

// OptionF64Tag is a case of OptionF64.
type OptionF64Tag uint8

// The cases of OptionF64Tag.
const (
	OptionF64None OptionF64Tag = iota
	OptionF64Some
)

// Some is what belongs to OptionF64Some.
func (v *OptionF64) Some() *float64 {
	return (*float64)(unsafe.Pointer(&v.payload))
}

// One parameter that a plugin takes.
type Parameter struct {
	// A letter, then letters, digits and `_`: the name in grids and result columns. Unique within a plugin.
	Name List
	// One line for the user: meaning and unit.
	Doc List
	// The value where a grid leaves the parameter out. Its case is the type of the parameter.
	Default Value
	// The lowest value allowed, for integers and numbers.
	Minimum OptionF64
	// The highest value allowed, for integers and numbers.
	Maximum OptionF64
	// All values allowed, where they are a list; empty means any. Each is of the type of the default.
	Choices List
}

// It compiles only where Parameter has 72 bytes.
var (
	_ [72 - unsafe.Sizeof(Parameter{})]struct{}
	_ [unsafe.Sizeof(Parameter{}) - 72]struct{}
)

// How to read the bytes that `task.run` answers with.
type Encoding uint8

// The cases of Encoding.
const (
	// A JSON value in UTF-8. The host checks it and shows it as it is.
	EncodingJson Encoding = iota
	// Anything else (postcard, for one). The host passes it on unread.
	EncodingBinary
)

// String returns the case as the contract writes it.
func (v Encoding) String() string {
	return [...]string{
		"json",
		"binary",
	}[v]
}

// A plugin in its own words.
type Description struct {
	// A short name, for example `momentum`.
	Name List
	// The version of the plugin, for example `1.2.0`.
	Version List
	// One sentence for the user.
	Summary List
	// Every parameter, in the order in which tables show them; may be empty.
	Parameters List
	// How to read the answers of `task.run`. Of no meaning where a plugin does not export `task`.
	Output Encoding
}

// It compiles only where Description has 36 bytes.
var (
	_ [36 - unsafe.Sizeof(Description{})]struct{}
	_ [unsafe.Sizeof(Description{}) - 36]struct{}
)

// Bars of one instrument, oldest first, as columns of equal length.
//
// The host has checked them: times are strictly increasing, prices are finite and above zero, and no high is below
// its low. The lists may be empty.
type Series struct {
	// The instrument's name, for example `MSFT`. Unique within a data set.
	Symbol List
	// Nanoseconds since the Unix epoch, UTC.
	Time List
	// The first price of each bar, in quote currency.
	Open List
	// The highest price of each bar, in quote currency.
	High List
	// The lowest price of each bar, in quote currency.
	Low List
	// The last price of each bar, in quote currency.
	Close List
	// Units traded in each bar; zero where the data has no volume.
	Volume List
}

// It compiles only where Series has 56 bytes.
var (
	_ [56 - unsafe.Sizeof(Series{})]struct{}
	_ [unsafe.Sizeof(Series{}) - 56]struct{}
)

// Result is `result` of the contract.
type Result struct {
	// Tag is the case.
	Tag ResultTag
	// payload belongs to the case.
	payload [3]uint32
}

// It compiles only where Result has 16 bytes.
var (
	_ [16 - unsafe.Sizeof(Result{})]struct{}
	_ [unsafe.Sizeof(Result{}) - 16]struct{}
)

// ResultTag is a case of Result.
type ResultTag uint8

// The cases of ResultTag.
const (
	ResultOk ResultTag = iota
	ResultError
)

// Error is what belongs to ResultError.
func (v *Result) Error() *Error {
	return (*Error)(unsafe.Pointer(&v.payload))
}

// One parameter of one task.
type Param struct {
	// The name that the plugin declared in its description.
	Name List
	// A value of the declared type, within the declared bounds and choices.
	Value Value
}

// It compiles only where Param has 24 bytes.
var (
	_ [24 - unsafe.Sizeof(Param{})]struct{}
	_ [unsafe.Sizeof(Param{}) - 24]struct{}
)

// Wishes, sorted by the time of their bars. The three lists are equally long, and may be empty.
//
// From bar `at[i]` of the series of instrument `instrument[i]` on, hold `exposure[i]` of the account's equity in it,
// until the next wish for the same instrument. Before the first, nothing is held. Only changes are named, at most
// one for each bar of each instrument; a repeated exposure asks to rebalance. Lists of unequal length, an index
// out of range, an unsorted or doubled bar or an exposure that is not finite fail the task as `bad-output`.
type Targets struct {
	// Indices of bars, counted from 0 in the instrument's own series.
	At List
	// Indices of instruments, counted from 0 in the order of `prepare`.
	Instrument List
	// Shares of equity: 1 is fully long, 0 flat, -1 fully short. What the account cannot pay for is cut.
	Exposure List
}

// It compiles only where Targets has 24 bytes.
var (
	_ [24 - unsafe.Sizeof(Targets{})]struct{}
	_ [unsafe.Sizeof(Targets{}) - 24]struct{}
)

// ResultTargets is `result-targets` of the contract.
type ResultTargets struct {
	// Tag is the case.
	Tag ResultTargetsTag
	// payload belongs to the case.
	payload [6]uint32
}

// It compiles only where ResultTargets has 28 bytes.
var (
	_ [28 - unsafe.Sizeof(ResultTargets{})]struct{}
	_ [unsafe.Sizeof(ResultTargets{}) - 28]struct{}
)

// ResultTargetsTag is a case of ResultTargets.
type ResultTargetsTag uint8

// The cases of ResultTargetsTag.
const (
	ResultTargetsOk ResultTargetsTag = iota
	ResultTargetsError
)

// Ok is what belongs to ResultTargetsOk.
func (v *ResultTargets) Ok() *Targets {
	return (*Targets)(unsafe.Pointer(&v.payload))
}

// Error is what belongs to ResultTargetsError.
func (v *ResultTargets) Error() *Error {
	return (*Error)(unsafe.Pointer(&v.payload))
}

// Why an order, or what is left of it, is not filled.
type Reason uint8

// The cases of Reason.
const (
	// The quantity is not a finite number above 0.
	ReasonBadQuantity Reason = iota
	// A price that the kind needs is not a finite number above 0, or one that it has no use for is given.
	ReasonBadPrice
	// There is no such instrument.
	ReasonUnknownInstrument
	// There is no such order.
	ReasonUnknownOrder
	// The order is no longer open: it is filled, cancelled, expired or rejected.
	ReasonNotOpen
	// The quantity is less than one lot, or no whole number of lots where that is asked for, or too small beside what is
	// held to change it.
	ReasonLotSize
	// A price is no whole number of ticks, where that is asked for.
	ReasonTickSize
	// The account cannot pay for it.
	ReasonInsufficientFunds
	// It was only to reduce a position, and there is none to reduce.
	ReasonReduceOnly
	// Too many orders are open.
	ReasonTooManyOrders
	// Its time in force is over.
	ReasonExpired
	// The other order of its pair was filled or is gone.
	ReasonOtherFilled
	// The strategy cancelled it.
	ReasonCancelled
	// Its instrument has no bar when it was to be filled, and the user asks that it does not wait.
	ReasonNoBar
	// The account was liquidated or wiped out.
	ReasonLiquidated
)

// String returns the case as the contract writes it.
func (v Reason) String() string {
	return [...]string{
		"bad-quantity",
		"bad-price",
		"unknown-instrument",
		"unknown-order",
		"not-open",
		"lot-size",
		"tick-size",
		"insufficient-funds",
		"reduce-only",
		"too-many-orders",
		"expired",
		"other-filled",
		"cancelled",
		"no-bar",
		"liquidated",
	}[v]
}
