package indicators

import "math"

// ADX is the average directional index of Wilder (New Concepts in Technical Trading Systems, 1978), and the two directional
// indices that it is made of. All three are from 0 to 100.
//
// A bar moves up by as much as its high is above the one before, and down by as much as its low is below; only the larger of
// both counts, if it is above 0. PlusDI and MinusDI are these movements in percent of the [TrueRange], each smoothed over n
// bars. Their distance in percent of their sum, smoothed again, is the ADX: it says how strong a trend is, and not to which
// side it goes. Where nothing moves, an index is 0.
type ADX struct {
	last                         bar
	begun                        bool
	ranges, plus, minus, average smooth
}

type bar struct{ high, low, close float64 }

// ADXValue is what an [ADX] answers: numbers from 0 to 100.
type ADXValue struct {
	ADX, PlusDI, MinusDI float64
}

// NewADX returns an index of n bars. Usual are 14.
func NewADX(n int) *ADX {
	return &ADX{ranges: wilder(n), plus: wilder(n), minus: wilder(n), average: wilder(n)}
}

// Next takes the next bar, and returns all three, numbers from 0 to 100, from bar 2n on.
func (a *ADX) Next(high, low, close float64) (ADXValue, bool) {
	none := ADXValue{math.NaN(), math.NaN(), math.NaN()}
	if !areFinite(high, low, close) {
		a.clear()
		return none, false
	}
	last, begun := a.last, a.begun
	a.last, a.begun = bar{high, low, close}, true
	if !begun {
		return none, false
	}
	up, down := high-last.high, last.low-low
	trueRange, ok := a.ranges.next(rangeFrom(last.close, high, low))
	plus, _ := a.plus.next(movement(up, down))
	minus, _ := a.minus.next(movement(down, up))
	if !ok {
		return none, false
	}
	plusDI, minusDI := percent(plus, trueRange), percent(minus, trueRange)
	adx, ok := a.average.next(percent(math.Abs(plusDI-minusDI), plusDI+minusDI))
	if !ok {
		return none, false
	}
	return ADXValue{adx, plusDI, minusDI}, true
}

// movement is how far a bar moves to one side, if it does and further than to the other.
func movement(to, other float64) float64 {
	if to > other && to > 0 {
		return to
	}
	return 0
}

// clear forgets all bars.
func (a *ADX) clear() {
	a.begun = false
	a.ranges.clear()
	a.plus.clear()
	a.minus.clear()
	a.average.clear()
}

// percent is a part in percent of the whole; 0 where there is no whole.
func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// ADXValues is what an [ADX] answers to each bar, as columns of numbers from 0 to 100.
type ADXValues struct {
	ADX, PlusDI, MinusDI []float64
}

// ADXOf is the [ADX] of n bars, for each bar.
func ADXOf(high, low, close []float64, n int) ADXValues {
	checkLengths(high, low, close)
	adx := NewADX(n)
	index, plus, minus := threeColumns(len(close))
	for t := range close {
		found, _ := adx.Next(high[t], low[t], close[t])
		index[t], plus[t], minus[t] = found.ADX, found.PlusDI, found.MinusDI
	}
	return ADXValues{index, plus, minus}
}
