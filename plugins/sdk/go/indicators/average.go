package indicators

import "math"

// SMA is the simple moving average: the sum of the last n values, divided by n.
type SMA struct {
	window window[sum]
	length float64
}

type sum float64

func (s sum) join(newer sum) sum { return s + newer }

// NewSMA returns an average of n values.
func NewSMA(n int) *SMA {
	return &SMA{newWindow[sum](n), float64(n)}
}

// Next takes the next value, and returns the average from the nth on.
func (s *SMA) Next(value float64) (float64, bool) {
	if !isFinite(value) {
		s.window.clear()
		return math.NaN(), false
	}
	total, ok := s.window.push(sum(value))
	if !ok {
		return math.NaN(), false
	}
	return float64(total) / s.length, true
}

// SMAOf is the [SMA] of n values, for each of values.
func SMAOf(values []float64, n int) []float64 {
	return column(values, NewSMA(n).Next)
}

// EMA is the exponential moving average: ema + 2 / (n + 1) * (value - ema), beginning with the simple average of the first n
// values.
//
// So do TA-Lib and TradingView begin it. ewm(span=n, adjust=False) of pandas begins with the first value alone, and parts from
// this one by less and less.
type EMA struct {
	average smooth
}

// NewEMA returns an average of n values, as one says: it forgets none, but the last n have 86 % of the weight.
func NewEMA(n int) *EMA {
	return &EMA{newSmooth(n, 2/(float64(n)+1))}
}

// Next takes the next value, and returns the average from the nth on.
func (e *EMA) Next(value float64) (float64, bool) {
	if !isFinite(value) {
		e.average.clear()
		return math.NaN(), false
	}
	return e.average.next(value)
}

// EMAOf is the [EMA] of n values, for each of values.
func EMAOf(values []float64, n int) []float64 {
	return column(values, NewEMA(n).Next)
}

// smooth is an average that moves by a share of the distance to each value, and begins with the simple average of the first
// ones.
type smooth struct {
	length int
	share  float64
	seen   int
	// state is the sum of the first values, then the average.
	state float64
}

func newSmooth(length int, share float64) smooth {
	checkWindow(length)
	return smooth{length: length, share: share}
}

// wilder smooths as Wilder (1978) does: (average * (n - 1) + value) / n.
func wilder(n int) smooth {
	return newSmooth(n, 1/float64(n))
}

// next takes the next value, which is finite.
func (s *smooth) next(value float64) (float64, bool) {
	if s.seen == s.length {
		// The conversion keeps a compiler from rounding only once, which gives other bits.
		s.state += float64(s.share * (value - s.state))
		return s.state, true
	}
	s.state += value
	s.seen++
	if s.seen < s.length {
		return math.NaN(), false
	}
	s.state /= float64(s.length)
	return s.state, true
}

// clear forgets all values.
func (s *smooth) clear() {
	s.seen, s.state = 0, 0
}
