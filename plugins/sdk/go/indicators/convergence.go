package indicators

import "math"

// MACD is the moving average convergence and divergence of Appel: the line is the [EMA] of fast values less that of slow ones,
// the signal the EMA of the line, and the histogram the line less the signal. All are in the unit of the values.
//
// Each average begins by itself, with the simple average of its own first values, as TradingView does it. TA-Lib begins the
// fast one as late as the slow one; both agree behind some hundred bars.
type MACD struct {
	fast, slow, signal EMA
}

// MACDValue is what a [MACD] answers, in the unit of its values.
type MACDValue struct {
	Line, Signal, Histogram float64
}

// NewMACD returns averages of fast and of slow values, and one of signal values of their difference. Usual are 12, 26 and 9.
func NewMACD(fast, slow, signal int) *MACD {
	return &MACD{*NewEMA(fast), *NewEMA(slow), *NewEMA(signal)}
}

// Next takes the next value, and returns all three from the bar on that has all of them.
func (m *MACD) Next(value float64) (MACDValue, bool) {
	fast, _ := m.fast.Next(value)
	slow, _ := m.slow.Next(value)
	line := fast - slow
	// Where there is no line, the signal starts over.
	signal, ok := m.signal.Next(line)
	if !ok {
		return MACDValue{math.NaN(), math.NaN(), math.NaN()}, false
	}
	return MACDValue{line, signal, line - signal}, true
}

// MACDValues is what a [MACD] answers to each value, as columns.
type MACDValues struct {
	Line, Signal, Histogram []float64
}

// MACDOf is the [MACD] of averages of fast, slow and signal values, for each of values.
func MACDOf(values []float64, fast, slow, signal int) MACDValues {
	macd := NewMACD(fast, slow, signal)
	line, average, histogram := threeColumns(len(values))
	for t, value := range values {
		found, _ := macd.Next(value)
		line[t], average[t], histogram[t] = found.Line, found.Signal, found.Histogram
	}
	return MACDValues{line, average, histogram}
}
