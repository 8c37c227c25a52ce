package indicators

import "math"

// TrueRange is the true range of Wilder (New Concepts in Technical Trading Systems, 1978): the greatest of high - low, high -
// previous close and previous close - low, in quote currency. A gap between two bars counts as movement of the second.
//
// The first bar has none, since there is no close before it.
type TrueRange struct {
	last  float64
	begun bool
}

// NewTrueRange returns a range that has seen no bar.
func NewTrueRange() *TrueRange {
	return new(TrueRange)
}

// Next takes the next bar, and returns its range in quote currency from the second bar on.
func (t *TrueRange) Next(high, low, close float64) (float64, bool) {
	last, begun := t.last, t.begun
	t.last, t.begun = close, areFinite(high, low, close)
	if !begun || !t.begun {
		return math.NaN(), false
	}
	return rangeFrom(last, high, low), true
}

// rangeFrom is the true range of a bar behind one that closed at last.
func rangeFrom(last, high, low float64) float64 {
	return max(high-low, high-last, last-low)
}

// TrueRangeOf is the [TrueRange] of each bar, in quote currency.
func TrueRangeOf(high, low, close []float64) []float64 {
	return columnOfBars(high, low, close, NewTrueRange().Next)
}

// ATR is the average true range of Wilder (1978), in quote currency: it begins with the simple average of the first n
// [TrueRange]s, and goes on as (average * (n - 1) + range) / n.
type ATR struct {
	ranges  TrueRange
	average smooth
}

// NewATR returns an average of n ranges.
func NewATR(n int) *ATR {
	return &ATR{average: wilder(n)}
}

// Next takes the next bar, and returns the average in quote currency from the bar after the nth on.
func (a *ATR) Next(high, low, close float64) (float64, bool) {
	trueRange, ok := a.ranges.Next(high, low, close)
	if !ok {
		a.average.clear()
		return math.NaN(), false
	}
	return a.average.next(trueRange)
}

// ATROf is the [ATR] of n ranges, in quote currency, for each bar.
func ATROf(high, low, close []float64, n int) []float64 {
	return columnOfBars(high, low, close, NewATR(n).Next)
}
