package guest

import (
	"unsafe"

	"backtest"
	"backtest/internal/abi"
)

// ReadSeries takes over the bars of all instruments.
func ReadSeries(data unsafe.Pointer, length uint32) []backtest.Series {
	raw := unsafe.Slice((*abi.Series)(data), length)
	all := make([]backtest.Series, length)
	for i, series := range raw {
		all[i] = backtest.Series{
			Symbol: text(series.Symbol),
			Time:   slice[int64](series.Time),
			Open:   slice[float64](series.Open),
			High:   slice[float64](series.High),
			Low:    slice[float64](series.Low),
			Close:  slice[float64](series.Close),
			Volume: slice[float64](series.Volume),
		}
	}
	return all
}

// ReadTexts takes over a list of texts.
func ReadTexts(list unsafe.Pointer, length uint32) []string {
	texts := make([]string, length)
	for i, raw := range unsafe.Slice((*abi.List)(list), length) {
		texts[i] = text(raw)
	}
	return texts
}

// ReadParams takes over the parameters of one task.
func ReadParams(list unsafe.Pointer, length uint32) backtest.Params {
	params := make(backtest.Params, length)
	for i, raw := range unsafe.Slice((*abi.Param)(list), length) {
		params[i] = backtest.Param{Name: text(raw.Name), Value: readValue(raw.Value)}
	}
	return params
}

func readValue(value abi.Value) any {
	switch value.Tag {
	case abi.ValueBoolean:
		return *value.Boolean()
	case abi.ValueInteger:
		return *value.Integer()
	case abi.ValueNumber:
		return *value.Number()
	default:
		return text(*value.Text())
	}
}
