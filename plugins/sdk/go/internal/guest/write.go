package guest

import (
	"fmt"
	"unsafe"

	"backtest"
	"backtest/internal/abi"
)

// kept is what the host reads after a function has returned, so that the collector leaves it alone. It never shrinks: a
// task ends with the answer that is written.
var kept []any

// keep keeps its argument, and returns it.
func keep[T any](value T) T {
	kept = append(kept, value)
	return value
}

// WriteDescription writes what a plugin says of itself.
func WriteDescription(description backtest.Description) *abi.Description {
	parameters := make([]abi.Parameter, len(description.Parameters))
	for i, parameter := range description.Parameters {
		parameters[i] = writeParameter(parameter)
	}
	return keep(&abi.Description{
		Name:       Text(description.Name),
		Version:    Text(description.Version),
		Summary:    Text(description.Summary),
		Parameters: List(parameters),
	})
}

func writeParameter(parameter backtest.Parameter) abi.Parameter {
	choices := make([]abi.Value, len(parameter.Choices))
	for i, choice := range parameter.Choices {
		choices[i] = writeValue(choice)
	}
	return abi.Parameter{
		Name:    Text(parameter.Name),
		Doc:     Text(parameter.Doc),
		Default: writeValue(parameter.Default),
		Minimum: writeBound(parameter.Minimum),
		Maximum: writeBound(parameter.Maximum),
		Choices: List(choices),
	}
}

func writeBound(bound *float64) (option abi.OptionF64) {
	if bound != nil {
		option.Tag = abi.OptionF64Some
		*option.Some() = *bound
	}
	return option
}

func writeValue(value any) (written abi.Value) {
	switch value := value.(type) {
	case bool:
		written.Tag = abi.ValueBoolean
		*written.Boolean() = value
	case int64:
		written.Tag = abi.ValueInteger
		*written.Integer() = value
	case float64:
		written.Tag = abi.ValueNumber
		*written.Number() = value
	case string:
		written.Tag = abi.ValueText
		*written.Text() = Text(value)
	default:
		panic(fmt.Sprintf("a parameter is a bool, an int64, a float64 or a string, not %v (%T)", value, value))
	}
	return written
}

// WriteError writes why a strategy gives no answer.
func WriteError(err error, into *abi.Error) {
	into.Tag = abi.ErrorFailed
	if backtest.IsInvalid(err) {
		into.Tag = abi.ErrorInvalidParams
	}
	*into.Failed() = Text(err.Error())
}

// WriteResult writes nothing, or an error.
func WriteResult(err error) *abi.Result {
	result := keep(new(abi.Result))
	if err != nil {
		result.Tag = abi.ResultError
		WriteError(err, result.Error())
	}
	return result
}

// List points at a slice, for the host to read.
func List[T any](values []T) abi.List {
	keep(values)
	return abi.List{Ptr: address(unsafe.Pointer(unsafe.SliceData(values)), unsafe.Alignof(*new(T))), Len: uint32(len(values))}
}

// Text points at a text, for the host to read.
func Text(text string) abi.List {
	return List(unsafe.Slice(unsafe.StringData(text), len(text)))
}

// address returns the address of a list; where it has no memory, one that is aligned as its elements are.
func address(at unsafe.Pointer, align uintptr) uint32 {
	if at == nil {
		return uint32(align)
	}
	return uint32(uintptr(at))
}
