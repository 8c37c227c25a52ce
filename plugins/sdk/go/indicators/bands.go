package indicators

// Bollinger is the bands of Bollinger: the [SMA] of the last n values, and width of their [Deviation]s above and below it, in
// the unit of the values. The value itself is one of the n.
type Bollinger struct {
	average   SMA
	deviation Deviation
	width     float64
}

// Band is what a [Bollinger] answers, in the unit of its values: the average, and some deviations more and less.
type Band struct {
	Upper, Middle, Lower float64
}

// NewBollinger returns bands of n values, width deviations above and below their average. Usual are 20 and 2.
func NewBollinger(n int, width float64) *Bollinger {
	return &Bollinger{*NewSMA(n), *NewDeviation(n), width}
}

// Next takes the next value, and returns the bands from the nth on.
func (b *Bollinger) Next(value float64) (Band, bool) {
	middle, ok := b.average.Next(value)
	deviation, _ := b.deviation.Next(value)
	// The conversion keeps a compiler from rounding only once, which gives other bits.
	distance := float64(b.width * deviation)
	return Band{middle + distance, middle, middle - distance}, ok
}

// Bands is the [Band] of each value, as columns.
type Bands struct {
	Upper, Middle, Lower []float64
}

// BollingerOf is the [Bollinger] of n values and of width deviations, for each of values.
func BollingerOf(values []float64, n int, width float64) Bands {
	bollinger := NewBollinger(n, width)
	upper, middle, lower := threeColumns(len(values))
	for t, value := range values {
		band, _ := bollinger.Next(value)
		upper[t], middle[t], lower[t] = band.Upper, band.Middle, band.Lower
	}
	return Bands{upper, middle, lower}
}
