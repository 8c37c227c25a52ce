package tests

import (
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"backtest/indicators"
)

// expected has bars of MSFT, and what TA-Lib, pandas and Python's statistics compute from them, by name.
func expected(t *testing.T) map[string][]float64 {
	file, err := os.Open("../../../../tests/languages/indicators/expected.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	columns := map[string][]float64{}
	for _, row := range rows[1:] {
		for i, field := range row {
			value, err := strconv.ParseFloat(field, 64)
			if err != nil {
				value = math.NaN()
			}
			columns[rows[0][i]] = append(columns[rows[0][i]], value)
		}
	}
	return columns
}

func TestRealBarsGiveWhatOtherLibrariesCompute(t *testing.T) {
	expected := expected(t)
	high, low, close := expected["high"], expected["low"], expected["close"]
	channels, bands := indicators.DonchianOf(high, low, 20), indicators.BollingerOf(close, 20, 2)
	lines, trend := indicators.MACDOf(close, 12, 26, 9), indicators.ADXOf(high, low, close, 14)
	for name, found := range map[string][]float64{
		"sma":            indicators.SMAOf(close, 20),
		"ema":            indicators.EMAOf(close, 20),
		"rsi":            indicators.RSIOf(close, 14),
		"true_range":     indicators.TrueRangeOf(high, low, close),
		"atr":            indicators.ATROf(high, low, close, 14),
		"deviation":      indicators.DeviationOf(close, 20),
		"z_score":        indicators.ZScoreOf(close, 20),
		"upper":          channels.Upper,
		"lower":          channels.Lower,
		"band_upper":     bands.Upper,
		"band_lower":     bands.Lower,
		"macd":           lines.Line,
		"macd_signal":    lines.Signal,
		"macd_histogram": lines.Histogram,
		"adx":            trend.ADX,
		"plus_di":        trend.PlusDI,
		"minus_di":       trend.MinusDI,
	} {
		checkClose(t, name, found, expected[name])
	}
}

func checkClose(t *testing.T, name string, found, expected []float64) {
	t.Helper()
	if len(found) != len(expected) {
		t.Fatalf("%s: %d values, not %d", name, len(found), len(expected))
	}
	for at := range found {
		// Beside the part that is left, what a line is the difference of counts, too.
		near := math.Abs(found[at]-expected[at]) <= 1e-10*max(math.Abs(expected[at]), 1)
		if !near && !(math.IsNaN(found[at]) && math.IsNaN(expected[at])) {
			t.Fatalf("%s at %d: %v, not %v", name, at, found[at], expected[at])
		}
	}
}

// randomBars are the same for the same seed. Some prices are not finite if unfit.
func randomBars(seed uint64, length int, unfit bool) (high, low, close []float64) {
	random := rand.New(rand.NewPCG(seed, 1))
	price := 100.0
	for range length {
		// Often unchanged, so that ties are met.
		if random.Float64() > 0.3 {
			price += random.Float64()*4 - 2
		}
		last := price
		if unfit && random.Float64() < 0.03 {
			last = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[random.IntN(3)]
		}
		high = append(high, price+random.Float64())
		low = append(low, price-random.Float64())
		close = append(close, last)
	}
	return high, low, close
}

// checkSame checks that what is answered bar by bar has the bits of the column, and an answer wherever that has one.
func checkSame(t *testing.T, name string, column []float64, next func(at int) (float64, bool)) {
	t.Helper()
	for at, expected := range column {
		found, ok := next(at)
		if ok == math.IsNaN(expected) || ok && found != expected || !ok && !math.IsNaN(found) {
			t.Fatalf("%s at %d: %v (%v), not %v", name, at, found, ok, expected)
		}
	}
}

func TestBarByBarAndAsAColumnTheBitsAreTheSame(t *testing.T) {
	for seed := range uint64(200) {
		n := int(1 + seed%23)
		high, low, close := randomBars(seed, int(seed*7%120), seed%2 == 1)
		ofValues := func(next func(float64) (float64, bool)) func(int) (float64, bool) {
			return func(at int) (float64, bool) { return next(close[at]) }
		}
		ofBars := func(next func(high, low, close float64) (float64, bool)) func(int) (float64, bool) {
			return func(at int) (float64, bool) { return next(high[at], low[at], close[at]) }
		}
		checkSame(t, "sma", indicators.SMAOf(close, n), ofValues(indicators.NewSMA(n).Next))
		checkSame(t, "ema", indicators.EMAOf(close, n), ofValues(indicators.NewEMA(n).Next))
		checkSame(t, "rsi", indicators.RSIOf(close, n), ofValues(indicators.NewRSI(n).Next))
		checkSame(t, "deviation", indicators.DeviationOf(close, n), ofValues(indicators.NewDeviation(n).Next))
		checkSame(t, "z_score", indicators.ZScoreOf(close, n), ofValues(indicators.NewZScore(n).Next))
		checkSame(t, "true_range", indicators.TrueRangeOf(high, low, close), ofBars(indicators.NewTrueRange().Next))
		checkSame(t, "atr", indicators.ATROf(high, low, close, n), ofBars(indicators.NewATR(n).Next))
		donchian, bollinger := indicators.NewDonchian(n), indicators.NewBollinger(n, 1.5)
		macd, adx := indicators.NewMACD(n, 2*n, 3), indicators.NewADX(n)
		checkSame(t, "donchian", indicators.DonchianOf(high, low, n).Upper, func(at int) (float64, bool) {
			channel, ok := donchian.Next(high[at], low[at])
			return channel.Upper, ok
		})
		checkSame(t, "bollinger", indicators.BollingerOf(close, n, 1.5).Lower, func(at int) (float64, bool) {
			band, ok := bollinger.Next(close[at])
			return band.Lower, ok
		})
		checkSame(t, "macd", indicators.MACDOf(close, n, 2*n, 3).Histogram, func(at int) (float64, bool) {
			lines, ok := macd.Next(close[at])
			return lines.Histogram, ok
		})
		checkSame(t, "adx", indicators.ADXOf(high, low, close, n).MinusDI, func(at int) (float64, bool) {
			trend, ok := adx.Next(high[at], low[at], close[at])
			return trend.MinusDI, ok
		})
	}
}

func TestEachIndicatorBeginsAtItsBarAndAgainBehindAValueThatIsNotFinite(t *testing.T) {
	_, _, close := randomBars(5, 30, false)
	close[12] = math.NaN()
	strength, macd := indicators.RSIOf(close, 5), indicators.MACDOf(close, 3, 5, 2)
	for _, begins := range []struct {
		name   string
		bar    int
		column []float64
	}{
		{"sma", 4, indicators.SMAOf(close, 5)},
		{"ema", 4, indicators.EMAOf(close, 5)},
		{"deviation", 4, indicators.DeviationOf(close, 5)},
		{"z_score", 4, indicators.ZScoreOf(close, 5)},
		{"donchian", 4, indicators.DonchianOf(close, close, 5).Upper},
		{"bollinger", 4, indicators.BollingerOf(close, 5, 2).Middle},
		{"rsi", 5, strength},
		{"true_range", 1, indicators.TrueRangeOf(close, close, close)},
		{"atr", 5, indicators.ATROf(close, close, close, 5)},
		{"macd", 5, macd.Line},
		{"adx", 7, indicators.ADXOf(close, close, close, 4).ADX},
		{"sma of rsi", 7, indicators.SMAOf(strength, 3)},
	} {
		for at, value := range begins.column {
			known := begins.bar <= at && at < 12 || 13+begins.bar <= at
			if known == math.IsNaN(value) {
				t.Errorf("%s at %d is %v", begins.name, at, value)
			}
		}
	}
}

func TestWhatHasLeftAWindowLeavesNoErrorBehind(t *testing.T) {
	_, _, close := randomBars(1, 100, false)
	clean := indicators.SMAOf(close, 10)
	found := indicators.SMAOf(append([]float64{1e17}, close...), 10)
	checkClose(t, "sma", found[10:], clean[9:])
}

func TestEqualValuesDeviateByNothingAndHaveNoScore(t *testing.T) {
	values := slices.Repeat([]float64{0.1}, 30)
	for at := 7; at < 30; at++ {
		found := []float64{indicators.DeviationOf(values, 7)[at], indicators.RSIOf(values, 7)[at],
			indicators.ADXOf(values, values, values, 3).ADX[at]}
		if !slices.Equal(found, []float64{0, 50, 0}) || !math.IsNaN(indicators.ZScoreOf(values, 7)[at]) {
			t.Errorf("%v at %d", found, at)
		}
	}
}

func TestALineCrossesWhereItComesOutOnTheOtherSide(t *testing.T) {
	const above, none, below = indicators.Above, indicators.NoCrossing, indicators.Below
	for _, check := range []struct {
		line     []float64
		expected []indicators.Crossing
	}{
		{[]float64{-1, 1, 2, -1}, []indicators.Crossing{none, above, none, below}},
		{[]float64{1, 0, 1}, []indicators.Crossing{none, none, none}},
		{[]float64{1, 0, 0, -1}, []indicators.Crossing{none, none, none, below}},
		{[]float64{0, 1, -1}, []indicators.Crossing{none, none, below}},
		{[]float64{1, math.NaN(), -1, 1}, []indicators.Crossing{none, none, none, above}},
	} {
		if found := indicators.CrossingsOf(check.line, make([]float64, len(check.line))); !slices.Equal(found, check.expected) {
			t.Errorf("%v crosses 0 as %v, not as %v", check.line, found, check.expected)
		}
	}
}

func TestALengthFarBeyondTheDataCostsNoMemory(t *testing.T) {
	for _, value := range indicators.SMAOf(make([]float64, 100), math.MaxInt) {
		if !math.IsNaN(value) {
			t.Error(value)
		}
	}
}

func TestWhatCannotBeComputedPanicsWithAReason(t *testing.T) {
	for expected, compute := range map[string]func(){
		"a window of 0 bars has nothing to compute from; give at least 1":  func() { indicators.NewEMA(0) },
		"a window of -1 bars has nothing to compute from; give at least 1": func() { indicators.NewSMA(-1) },
		"the columns have [2 1] values; give as many of each": func() {
			indicators.DonchianOf([]float64{1, 2}, []float64{1}, 1)
		},
	} {
		func() {
			defer func() {
				if reason := fmt.Sprint(recover()); reason != expected {
					t.Errorf("%s, not %s", reason, expected)
				}
			}()
			compute()
		}()
	}
}
