package indicators

import "math"

// RSI is the relative strength index of Wilder (New Concepts in Technical Trading Systems, 1978): 100 * gain / (gain + loss),
// where gain and loss are the averages of the rises and of the falls from one value to the next, both above 0.
//
// The averages begin as simple ones of the first n changes, and go on as (average * (n - 1) + change) / n. Between 0 and 100;
// 50 where nothing has changed at all, for which TA-Lib answers 0.
type RSI struct {
	last       float64
	begun      bool
	gain, loss smooth
}

// NewRSI returns an index of n changes.
func NewRSI(n int) *RSI {
	return &RSI{gain: wilder(n), loss: wilder(n)}
}

// Next takes the next value, and returns the index, a number from 0 to 100, from the one after the nth on.
func (r *RSI) Next(value float64) (float64, bool) {
	if !isFinite(value) {
		r.begun = false
		r.gain.clear()
		r.loss.clear()
		return math.NaN(), false
	}
	last, begun := r.last, r.begun
	r.last, r.begun = value, true
	if !begun {
		return math.NaN(), false
	}
	gain, ok := r.gain.next(max(value-last, 0))
	loss, _ := r.loss.next(max(-(value - last), 0))
	return strength(gain, loss), ok
}

func strength(gain, loss float64) float64 {
	total := gain + loss
	if total == 0 {
		return 50
	}
	return 100 * (gain / total)
}

// RSIOf is the [RSI] of n changes, for each of values.
func RSIOf(values []float64, n int) []float64 {
	return column(values, NewRSI(n).Next)
}
