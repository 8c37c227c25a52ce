package backtest

import (
	"fmt"
	"math"
)

// Params are the parameters of one task: every declared one, within its declared bounds and choices.
//
// Reading one that is not declared, or as another type than the declared one, panics; the SDK makes it the task's
// failure.
type Params []Param

// Param is one parameter of one task.
type Param struct {
	Name string
	// Value is a bool, an int64, a float64 or a string.
	Value any
}

// Boolean returns the value of a parameter that is true or false.
func (p Params) Boolean(name string) bool {
	return read[bool](p, name)
}

// Integer returns the value of a parameter that is a whole number.
func (p Params) Integer(name string) int64 {
	return read[int64](p, name)
}

// Count returns the value of a parameter that counts something, for example the bars of a window. A negative one is an
// InvalidParams.
func (p Params) Count(name string) int {
	value := p.Integer(name)
	if value < 0 || value > math.MaxInt {
		panic(Invalidf("`%s` counts something, so it cannot be %d", name, value))
	}
	return int(value)
}

// Number returns the value of a parameter that is a real number.
func (p Params) Number(name string) float64 {
	return read[float64](p, name)
}

// Text returns the value of a parameter that is a text.
func (p Params) Text(name string) string {
	return read[string](p, name)
}

// Misread is what reading a parameter panics with where the strategy and its description disagree.
type Misread struct{ why string }

// Error says which parameter it was, and how they disagree.
func (e Misread) Error() string {
	return e.why
}

func read[T any](params Params, name string) T {
	for _, param := range params {
		if param.Name != name {
			continue
		}
		value, ok := param.Value.(T)
		if !ok {
			panic(Misread{fmt.Sprintf("the plugin reads parameter `%s` as %s, but its description declares %s",
				name, typeName(value), typeName(param.Value))})
		}
		return value
	}
	panic(Misread{fmt.Sprintf("the plugin asks for parameter `%s`, which its description does not declare", name)})
}

func typeName(value any) string {
	switch value.(type) {
	case bool:
		return "a boolean"
	case int64:
		return "an integer"
	case float64:
		return "a number"
	default:
		return "a text"
	}
}
