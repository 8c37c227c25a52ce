package indicators

import "math"

// Deviation is the standard deviation of the last n values, in their unit: the root of the mean of their squared distances
// from their mean. It divides by n, as Bollinger and TA-Lib do, and not by n - 1, as pandas does where it is not told.
//
// No sum of squares is ever taken from another (Welford 1962), so that large prices that move little cost no digits. Equal
// values have a deviation of exactly 0.
type Deviation struct {
	window window[moments]
}

// moments is how many values there are, their mean, and the sum of the squared distances from it.
type moments struct {
	count, mean, squares float64
}

// deviation is NaN of no values.
func (m moments) deviation() float64 {
	return math.Sqrt(m.squares / m.count)
}

// join joins as Chan, Golub and LeVeque (1983) do. The conversions keep a compiler from rounding only once, which gives other
// bits.
func (m moments) join(newer moments) moments {
	count := m.count + newer.count
	distance, weight := newer.mean-m.mean, newer.count/count
	return moments{
		count:   count,
		mean:    m.mean + float64(distance*weight),
		squares: m.squares + newer.squares + float64(distance*distance*m.count*weight),
	}
}

// NewDeviation returns a deviation of n values.
func NewDeviation(n int) *Deviation {
	return &Deviation{newWindow[moments](n)}
}

// Next takes the next value, and returns the deviation from the nth on.
func (d *Deviation) Next(value float64) (float64, bool) {
	found, ok := d.moments(value)
	return found.deviation(), ok
}

func (d *Deviation) moments(value float64) (found moments, ok bool) {
	if !isFinite(value) {
		d.window.clear()
		return found, false
	}
	return d.window.push(moments{count: 1, mean: value})
}

// DeviationOf is the [Deviation] of n values, for each of values.
func DeviationOf(values []float64, n int) []float64 {
	return column(values, NewDeviation(n).Next)
}

// ZScore is how many [Deviation]s a value lies above the mean of the last n, itself among them. A pure number, never above the
// root of n - 1; none where all values are equal.
type ZScore struct {
	deviation Deviation
}

// NewZScore returns a score among n values.
func NewZScore(n int) *ZScore {
	return &ZScore{*NewDeviation(n)}
}

// Next takes the next value, and returns its score from the nth on.
func (z *ZScore) Next(value float64) (float64, bool) {
	found, _ := z.deviation.moments(value)
	deviation := found.deviation()
	if !(deviation > 0) {
		return math.NaN(), false
	}
	return (value - found.mean) / deviation, true
}

// ZScoreOf is the [ZScore] of each of values among the last n.
func ZScoreOf(values []float64, n int) []float64 {
	return column(values, NewZScore(n).Next)
}
