package backtest

// Series is bars of one instrument, oldest first, as columns of equal length.
type Series struct {
	// Symbol is the instrument's name, for example MSFT.
	Symbol string
	// Time is in nanoseconds since the Unix epoch, UTC.
	Time []int64
	// Open is the first price of each bar, in quote currency.
	Open []float64
	// High is the highest price of each bar, in quote currency.
	High []float64
	// Low is the lowest price of each bar, in quote currency.
	Low []float64
	// Close is the last price of each bar, in quote currency.
	Close []float64
	// Volume is the units traded in each bar; zero where the data has no volume.
	Volume []float64
}
